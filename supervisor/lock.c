#include "supervisor/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"

#define RETRY_MS 20

/* 0: nobody has written there. */
static pid_t
read_pid(int fd)
{
    char text[24] = { 0 };

    return pread(fd, text, sizeof(text) - 1, 0) > 0 ? (pid_t) strtol(text, NULL, 10) : 0;
}

/* A number of our own was that of somebody before us, as in a container. */
static bool
is_there(pid_t pid)
{
    return pid > 0 && pid != getpid() && (kill(pid, 0) == 0 || errno == EPERM);
}

static bool
write_pid(int fd)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%d\n", (int) getpid());

    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t) n, 0) == n;
}

/* 0, or an errno: EWOULDBLOCK if it stayed taken. A holder that lives is not waited for; one that
 * is gone has left children that are ending. */
static int
take(int fd, uint64_t wait_ms)
{
    const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };

    for (uint64_t waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited_ms += RETRY_MS) {
        if (errno != EWOULDBLOCK || is_there(read_pid(fd)) || waited_ms >= wait_ms) {
            return errno == EWOULDBLOCK || errno == EINTR ? EWOULDBLOCK : errno;
        }
        nanosleep(&pause, NULL);
    }
    return 0;
}

static ff_err
refuse(struct ff_fault *fault, const char *path, const char *reason, pid_t pid, const char *message)
{
    ff_err err = ff_fail(fault, FF_E_INVALID_CONFIG, ff_d_text("context", "lock"),
                         ff_d_text("field", path), ff_d_text("reason", reason));

    if (pid > 0) {
        ff_fault_add(fault, ff_d_u64("pid", (uint64_t) pid));
    }
    fault->message = message;
    return err;
}

static ff_err
refuse_in_use(struct ff_fault *fault, const char *path, pid_t pid, struct ff_arena *arena)
{
    const char *message = NULL;

    if (is_there(pid)) {
        message = ff_arena_printf(arena,
                                  "another daemon, process %d, has this directory; stop it first "
                                  "(ffctl shutdown), or set state_dir and runtime_dir otherwise",
                                  (int) pid)
                      .p;
    } else {
        message = ff_arena_printf(arena,
                                  "the daemon that had this directory, process %d, is gone, but a "
                                  "child of it still runs; look for flowfabricd processes",
                                  (int) pid)
                      .p;
    }
    return refuse(fault, path, "in_use", pid, message);
}

ff_err
ff_dir_lock(const char *dir, uint64_t wait_ms, struct ff_arena *arena, int *fd_out,
            struct ff_fault *fault)
{
    const char *path = ff_arena_printf(arena, "%s/flowfabricd.lock", dir).p;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int wrong = fd < 0 ? errno : take(fd, wait_ms);
    ff_err err = FF_E_OK;

    if (wrong == 0 && !write_pid(fd)) {
        wrong = errno;
    }
    if (wrong == 0) {
        *fd_out = fd;
        return FF_E_OK;
    }
    err = wrong == EWOULDBLOCK && fd >= 0
              ? refuse_in_use(fault, path, read_pid(fd), arena)
              : refuse(fault, path, "failed", 0,
                       ff_arena_printf(arena, "%s: %s", path, strerror(wrong)).p);
    if (fd >= 0) {
        close(fd);
    }
    return err;
}
