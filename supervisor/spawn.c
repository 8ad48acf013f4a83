#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/role.h"

/* Role, name, five options with their values, the end. */
#define ARGS_MAX 18

struct command {
    const char *argv[ARGS_MAX];
    uint32_t n;
    char numbers[2 + FF_SPAWN_LOCKS_MAX][12];
    uint32_t numbers_n;
    int kept[2 + FF_SPAWN_LOCKS_MAX]; /* descriptors that survive exec */
};

static void
add(struct command *command, const char *option, const char *value)
{
    if (value != NULL) {
        command->argv[command->n++] = option;
        command->argv[command->n++] = value;
    }
}

static void
add_fd(struct command *command, const char *option, int fd)
{
    char *number = command->numbers[command->numbers_n];

    command->kept[command->numbers_n++] = fd;
    snprintf(number, sizeof(command->numbers[0]), "%d", fd);
    add(command, option, number);
}

static void
compose(struct command *command, const struct ff_spawn *spawn, int ctl_fd, int ready_fd)
{
    *command = (struct command){ .n = 0 };
    command->argv[command->n++] = "flowfabricd";
    command->argv[command->n++] = spawn->role;
    if (spawn->name != NULL) {
        command->argv[command->n++] = spawn->name;
    }
    add(command, "--config", spawn->config_path);
    add(command, "--instance", spawn->instance);
    add_fd(command, "--ctl-fd", ctl_fd);
    add_fd(command, "--ready-fd", ready_fd);
    for (uint32_t i = 0; i < spawn->n_locks; i++) {
        add_fd(command, "--lock-fd", spawn->lock_fds[i]);
    }
    FF_ASSERT(command->n < ARGS_MAX);
}

/* In the child. Signals that the supervisor has given to its loop go back to their defaults by
 * exec; those that are ignored would stay so. */
static void __attribute__((noreturn))
become(const struct command *command, const struct ff_spawn *spawn)
{
    int null_fd = open("/dev/null", O_RDONLY);
    sigset_t none;

    setpgid(0, 0);
    setenv("FF_STATE_DIR", spawn->state_dir, 1);
    setenv("FF_RUNTIME_DIR", spawn->runtime_dir, 1);
    unsetenv("NOTIFY_SOCKET"); /* only the supervisor speaks to the service manager */
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (null_fd > STDIN_FILENO) {
        dup2(null_fd, STDIN_FILENO);
    }
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    for (uint32_t i = 0; i < command->numbers_n; i++) {
        fcntl(command->kept[i], F_SETFD, 0);
    }
    execv("/proc/self/exe", (char *const *) (uintptr_t) command->argv);
    _exit(FF_EXIT_RESTART);
}

static void
close_pair(int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

int
ff_spawn(const struct ff_spawn *spawn, struct ff_spawned *out)
{
    struct command command;
    int ctl[2], ready[2], wrong = 0;
    pid_t pid = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ctl) != 0) {
        return errno;
    }
    if (pipe2(ready, O_CLOEXEC) != 0) {
        wrong = errno;
        close_pair(ctl);
        return wrong;
    }
    compose(&command, spawn, ctl[1], ready[1]);
    pid = fork();
    if (pid == 0) {
        become(&command, spawn);
    }
    wrong = errno;
    close(ctl[1]);
    close(ready[1]);
    if (pid < 0) {
        close(ctl[0]);
        close(ready[0]);
        return wrong;
    }
    *out = (struct ff_spawned){ .pid = pid, .ctl_fd = ctl[0], .ready_fd = ready[0] };
    return 0;
}
