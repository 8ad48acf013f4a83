#include "tests/process/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/rows.h"

extern char **environ;

/* ---- starting ---- */

void
ff_daemon_configure(struct ff_daemon *daemon, const char *lines)
{
    char path[128];
    FILE *file = NULL;

    snprintf(path, sizeof(path), "%s/flowfabric.conf", daemon->dir);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "runtime_dir = \"%s/run\"\nstate_dir = \"%s/state\"\n%s\n", daemon->dir,
            daemon->dir, lines == NULL ? "" : lines);
    assert_int_equal(fclose(file), 0);
}

/* The environment would win over the file. */
static void
drop_settings(void)
{
    static char *kept[1024];
    size_t n = 0;

    for (char **at = environ; *at != NULL && n + 1 < sizeof(kept) / sizeof(kept[0]); at++) {
        if (strncmp(*at, "FF_", 3) != 0) {
            kept[n++] = *at;
        }
    }
    environ = kept;
}

/* In the child. The process dies with the test, whatever becomes of that. */
static void
run_role(const struct ff_daemon *daemon, int ready_fd, int ctl_fd)
{
    struct rlimit limit = { daemon->fsize_max, RLIM_INFINITY };
    char config[128], log[128], fd[16], ctl[16];
    const char *words[10] = { "flowfabricd" };
    size_t n = 1;
    int log_fd = -1;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(config, sizeof(config), "%s/flowfabric.conf", daemon->dir);
    snprintf(log, sizeof(log), "%s/log", daemon->dir);
    snprintf(fd, sizeof(fd), "%d", ready_fd);
    log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log_fd < 0 || dup2(log_fd, STDERR_FILENO) < 0 ||
        (daemon->fsize_max > 0 && setrlimit(RLIMIT_FSIZE, &limit) != 0)) {
        _exit(126);
    }
    close(log_fd);
    umask(0); /* the modes of its files are its own business */
    drop_settings();
    if (!daemon->tree) {
        words[n++] = daemon->role == NULL ? "broker" : daemon->role;
    }
    words[n++] = "--config";
    words[n++] = config;
    words[n++] = "--ready-fd";
    words[n++] = fd;
    if (ctl_fd >= 0) {
        snprintf(ctl, sizeof(ctl), "%d", ctl_fd);
        words[n++] = "--ctl-fd";
        words[n++] = ctl;
    }
    words[n++] = daemon->name;
    execv(FF_TEST_FLOWFABRICD, (char *const *) words);
    _exit(127);
}

void
ff_daemon_spawn(struct ff_daemon *daemon, const char *lines)
{
    int fds[2];
    int ctl[2] = { -1, -1 };

    assert_int_equal(daemon->pid, 0);
    if (!daemon->joined) {
        ff_daemon_configure(daemon, lines);
    }
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    if (daemon->with_ctl) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ctl), 0);
    }
    daemon->pid = fork();
    assert_true(daemon->pid >= 0);
    if (daemon->pid == 0) {
        fcntl(fds[1], F_SETFD, 0);
        fcntl(ctl[1], F_SETFD, 0);
        run_role(daemon, fds[1], ctl[1]);
    }
    close(fds[1]);
    if (daemon->with_ctl) {
        close(ctl[1]);
        daemon->ctl_fd = ctl[0];
    }
    daemon->ready_fd = fds[0];
}

bool
ff_daemon_await_ready(struct ff_daemon *daemon)
{
    char byte = 0;
    ssize_t n = 0;

    do {
        n = read(daemon->ready_fd, &byte, 1);
    } while (n < 0 && errno == EINTR);
    close(daemon->ready_fd);
    daemon->ready_fd = -1;
    return n == 1;
}

void
ff_daemon_start(struct ff_daemon *daemon, const char *lines)
{
    ff_daemon_spawn(daemon, lines);
    assert_true(ff_daemon_await_ready(daemon));
}

/* ---- ending ---- */

void
ff_daemon_signal(struct ff_daemon *daemon, int signal)
{
    assert_true(daemon->pid > 0);
    assert_int_equal(kill(daemon->pid, signal), 0);
}

int
ff_daemon_wait(struct ff_daemon *daemon)
{
    int status = 0;
    pid_t pid = 0;

    assert_true(daemon->pid > 0);
    do {
        pid = waitpid(daemon->pid, &status, 0);
    } while (pid < 0 && errno == EINTR);
    assert_int_equal(pid, daemon->pid);
    daemon->pid = 0;
    if (daemon->ready_fd >= 0) {
        close(daemon->ready_fd);
        daemon->ready_fd = -1;
    }
    return status;
}

void
ff_daemon_kill(struct ff_daemon *daemon)
{
    int status = 0;

    ff_daemon_signal(daemon, SIGKILL);
    status = ff_daemon_wait(daemon);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* nothing else ended it */
}

void
ff_daemon_stop(struct ff_daemon *daemon)
{
    int status = 0;

    ff_daemon_signal(daemon, SIGTERM);
    status = ff_daemon_wait(daemon);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

void
ff_daemon_expect_refusal(struct ff_daemon *daemon, const char *lines, const char *text)
{
    int status = 0;

    ff_daemon_spawn(daemon, lines);
    assert_false(ff_daemon_await_ready(daemon));
    status = ff_daemon_wait(daemon);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), 0);
    assert_true(WEXITSTATUS(status) < 126);
    assert_non_null(strstr(ff_daemon_log(daemon), text));
}

/* ---- the directory ---- */

const char *
ff_daemon_log(struct ff_daemon *daemon)
{
    char path[128];
    struct stat st = { 0 };
    ssize_t n = 0;
    int fd = -1;

    snprintf(path, sizeof(path), "%s/log", daemon->dir);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    free(daemon->log);
    if (fd < 0 || fstat(fd, &st) != 0) {
        daemon->log = strdup("");
        return daemon->log;
    }
    daemon->log = calloc(1, (size_t) st.st_size + 1);
    assert_non_null(daemon->log);
    n = read(fd, daemon->log, (size_t) st.st_size);
    assert_true(n >= 0);
    close(fd);
    return daemon->log;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void) st;
    (void) flag;
    (void) ftw;
    return remove(path);
}

void
ff_daemon_init(struct ff_daemon *daemon)
{
    const char *tmp = getenv("TMPDIR");

    *daemon = (struct ff_daemon){ .ready_fd = -1 };
    snprintf(daemon->dir, sizeof(daemon->dir), "%.40s/fftest.XXXXXX", tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(daemon->dir));
    snprintf(daemon->worker, sizeof(daemon->worker), "ipc://%s/run/worker.sock", daemon->dir);
    snprintf(daemon->operator, sizeof(daemon->operator), "ipc://%s/run/operator.sock", daemon->dir);
    snprintf(daemon->control, sizeof(daemon->control), "ipc://%s/run/control.sock", daemon->dir);
}

void
ff_daemon_join(struct ff_daemon *process, const struct ff_daemon *broker, const char *role,
               const char *name)
{
    *process = (struct ff_daemon){ .ready_fd = -1, .role = role, .name = name, .joined = true };
    memcpy(process->dir, broker->dir, sizeof(process->dir));
    memcpy(process->worker, broker->worker, sizeof(process->worker));
    memcpy(process->operator, broker->operator, sizeof(process->operator));
}

/* Asserts nothing: it cleans up after tests that failed. */
void
ff_daemon_done(struct ff_daemon *daemon)
{
    if (daemon->pid > 0) {
        kill(daemon->pid, SIGKILL);
        waitpid(daemon->pid, NULL, 0);
    }
    if (daemon->ready_fd >= 0) {
        close(daemon->ready_fd);
    }
    if (getenv("FF_SHOW_LOG") != NULL) {
        fputs(ff_daemon_log(daemon), stderr);
    }
    if (!daemon->joined) {
        nftw(daemon->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    free(daemon->log);
}

int
ff_daemon_setup(void **state)
{
    struct ff_daemon *daemon = calloc(1, sizeof(*daemon));

    assert_non_null(daemon);
    ff_daemon_init(daemon);
    *state = daemon;
    return 0;
}

int
ff_daemon_setup_tree(void **state)
{
    int status = ff_daemon_setup(state);

    ((struct ff_daemon *) *state)->tree = true;
    return status;
}

int
ff_daemon_teardown(void **state)
{
    ff_daemon_done(*state);
    free(*state);
    return 0;
}
