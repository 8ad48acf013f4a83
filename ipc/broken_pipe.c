#include "ipc/broken_pipe.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* libnng calls it by that name. */
ssize_t ff_sendmsg(int fd, const struct msghdr *message, int flags) __asm__("sendmsg");

ssize_t
ff_sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t n = syscall(SYS_sendmsg, fd, message, flags);

    if (n < 0 && errno == EPIPE) {
        errno = ECONNRESET;
    }
    return n;
}

bool
ff_broken_pipe_is_mended(void)
{
    void *found = dlsym(RTLD_DEFAULT, "sendmsg");
    ssize_t (*own)(int fd, const struct msghdr *message, int flags) = ff_sendmsg;

    return found != NULL && found == (void *) own;
}
