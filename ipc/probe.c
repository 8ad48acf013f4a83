#include "ipc/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* What the daemon gets to answer the greeting in. */
#define GREETING_MS_MAX 500

const char ff_socket_greeting[8] = { 0, 'S', 'P', 0, 0, 0x30, 0, 0 };

static void
greet(int fd)
{
    const struct timeval limit = { .tv_usec = GREETING_MS_MAX * 1000 };
    char answer[sizeof(ff_socket_greeting)];
    ssize_t n = 0, got = 1;

    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (send(fd, ff_socket_greeting, sizeof(ff_socket_greeting), MSG_NOSIGNAL) !=
        (ssize_t) sizeof(ff_socket_greeting)) {
        return;
    }
    while (n < (ssize_t) sizeof(answer) && got > 0) {
        got = recv(fd, answer + n, sizeof(answer) - (size_t) n, 0);
        n += got;
    }
}

int
ff_socket_probe(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = -1, err = 0;

    if (strlen(path) >= sizeof(address.sun_path)) {
        return ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) == 0) {
        greet(fd);
    } else {
        err = errno;
    }
    close(fd);
    return err;
}
