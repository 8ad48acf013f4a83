#include "workers/exec_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workers/warden.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif

/* The child's ends, and the parent's. */
struct ends {
    int in, out, err, said;
};

static void
close_one(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void
close_ends(struct ends *ends)
{
    close_one(&ends->in);
    close_one(&ends->out);
    close_one(&ends->err);
    close_one(&ends->said);
}

/* ---- in the child, where only async-signal-safe calls are allowed: the parent has threads ---- */

static void
give_up(int said, int wrong)
{
    ssize_t n = write(said, &wrong, sizeof(wrong));

    (void) n; /* the exit says that something was wrong */
    _exit(127);
}

/* The kernel's own form, all of it zero: the default. glibc refuses its two internal signals, and a
 * posix_spawn, of make for one, leaves one of them ignored. */
#define KERNEL_SIGSET_BYTES 8
static const uint64_t as_usual[4];

/* The warden is told first, while SIGPIPE is still ignored. */
static void
default_signals(void)
{
    sigset_t none;

    for (int i = 1; i < NSIG; i++) { /* those that cannot be set do not matter */
        syscall(SYS_rt_sigaction, i, as_usual, NULL, KERNEL_SIGSET_BYTES);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
become(const struct ff_exec_spawning *spawn, const struct ends *ends, pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127); /* it died before we could ask to be told */
    }
    if (spawn->warden_fd >= 0 && !ff_warden_watch(spawn->warden_fd, getpid())) {
        give_up(ends->said, errno);
    }
    default_signals();
    setrlimit(RLIMIT_NOFILE, &spawn->files);
    if (dup2(ends->in, STDIN_FILENO) < 0 || dup2(ends->out, STDOUT_FILENO) < 0 ||
        dup2(ends->err, STDERR_FILENO) < 0 || chdir(spawn->dir) != 0) {
        give_up(ends->said, errno);
    }
    close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    execve(spawn->argv[0], spawn->argv, spawn->envp);
    give_up(ends->said, errno);
}

/* ---- in the parent ---- */

static int
make_input(struct ff_str input)
{
    int fd = memfd_create("ff-input", MFD_CLOEXEC);
    size_t done = 0;

    while (fd >= 0 && done < input.n) {
        ssize_t n = pwrite(fd, input.p + done, input.n - done, (off_t) done);

        if (n < 0 && errno != EINTR) {
            close(fd);
            return -1;
        }
        done += n < 0 ? 0 : (size_t) n;
    }
    return fd;
}

/* Only the reading end does not block. */
static bool
make_pipe(int *read_fd, int *write_fd)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0) {
        return false;
    }
    *read_fd = fds[0];
    *write_fd = fds[1];
    return fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0;
}

static bool
make_ends(const struct ff_exec_spawning *spawn, struct ff_exec_spawned *ours, struct ends *theirs)
{
    theirs->in = make_input(spawn->input);
    return theirs->in >= 0 && make_pipe(&ours->out, &theirs->out) &&
           make_pipe(&ours->err, &theirs->err) && make_pipe(&ours->said, &theirs->said);
}

/* No signal handler of ours runs in the child. */
static pid_t
fork_quietly(const struct ff_exec_spawning *spawn, const struct ends *theirs)
{
    pid_t parent = getpid(), pid = 0;
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0) {
        become(spawn, theirs, parent);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

int
ff_exec_spawn(const struct ff_exec_spawning *spawn, struct ff_exec_spawned *out)
{
    struct ff_exec_spawned ours = { .pid_fd = -1, .out = -1, .err = -1, .said = -1 };
    struct ends theirs = { -1, -1, -1, -1 };
    int wrong = 0;

    if (make_ends(spawn, &ours, &theirs)) {
        ours.pid = fork_quietly(spawn, &theirs);
    }
    wrong = ours.pid > 0 ? 0 : errno;
    if (wrong == 0) {
        setpgid(ours.pid, ours.pid); /* whoever of the two comes first */
        ours.pid_fd = pidfd_open(ours.pid, 0);
        wrong = ours.pid_fd < 0 ? errno : 0;
    }
    close_ends(&theirs);
    if (wrong != 0) {
        if (ours.pid > 0) {
            kill(-ours.pid, SIGKILL);
            waitpid(ours.pid, NULL, 0);
        }
        ff_exec_spawned_close(&ours);
        return wrong;
    }
    *out = ours;
    return 0;
}

int
ff_exec_spawned_error(const struct ff_exec_spawned *spawned)
{
    int wrong = 0;

    return read(spawned->said, &wrong, sizeof(wrong)) == sizeof(wrong) ? wrong : 0;
}

void
ff_exec_spawned_close(struct ff_exec_spawned *spawned)
{
    close_one(&spawned->pid_fd);
    close_one(&spawned->out);
    close_one(&spawned->err);
    close_one(&spawned->said);
}
