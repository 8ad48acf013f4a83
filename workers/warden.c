#include "workers/warden.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/arena.h"

/* A group's number, or its negative: forget it. Smaller than PIPE_BUF: writes do not mix. */
typedef int32_t ff_order;

struct groups {
    pid_t *v;
    uint32_t n, room;
};

static void
forget(struct groups *groups, pid_t group)
{
    for (uint32_t i = 0; i < groups->n; i++) {
        if (groups->v[i] == group) {
            groups->v[i] = groups->v[--groups->n];
            return;
        }
    }
}

static void
obey(struct groups *groups, ff_order order)
{
    if (order < 0) {
        forget(groups, -order);
    } else if (order > 1) {
        groups->v = ff_grow(groups->v, &groups->room, groups->n, sizeof(*groups->v));
        groups->v[groups->n++] = order;
    }
}

static void
watch(int fd)
{
    struct groups groups = { 0 };
    ff_order orders[256];
    ssize_t n = 0;

    while ((n = read(fd, orders, sizeof(orders))) > 0 || (n < 0 && errno == EINTR)) {
        for (ssize_t i = 0; i < n / (ssize_t) sizeof(orders[0]); i++) {
            obey(&groups, orders[i]);
        }
    }
    for (uint32_t i = 0; i < groups.n; i++) {
        kill(-groups.v[i], SIGKILL);
    }
    free(groups.v);
}

/* In the child: nothing but the pipe and standard error; signals to the host's group are not for
 * it. */
static void
be_warden(int fd)
{
    prctl(PR_SET_NAME, "ff-warden");
    setsid();
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    dup2(fd, STDIN_FILENO);
    close_range(STDERR_FILENO + 1, UINT_MAX, 0);
    watch(STDIN_FILENO);
    _exit(0);
}

bool
ff_warden_start(struct ff_warden *warden)
{
    int fds[2];

    *warden = (struct ff_warden){ .fd = -1 };
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return false;
    }
    warden->pid = fork();
    if (warden->pid == 0) {
        close(fds[1]);
        be_warden(fds[0]);
    }
    close(fds[0]);
    if (warden->pid < 0) {
        close(fds[1]);
        warden->pid = 0;
        return false;
    }
    warden->fd = fds[1];
    return true;
}

static bool
write_order(int fd, ff_order order)
{
    return write(fd, &order, sizeof(order)) == sizeof(order);
}

bool
ff_warden_watch(int fd, pid_t group)
{
    return write_order(fd, group);
}

void
ff_warden_forget(int fd, pid_t group)
{
    bool told = write_order(fd, -group);

    (void) told; /* without a warden there is nothing to forget */
}

void
ff_warden_stop(struct ff_warden *warden)
{
    if (warden->pid > 0) {
        close(warden->fd);
        while (waitpid(warden->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        *warden = (struct ff_warden){ .fd = -1 };
    }
}
