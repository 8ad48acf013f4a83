#include "ipc/selfprobe.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/codec.h"
#include "ipc/frame.h"
#include "ipc/probe.h"

/* A full backlog is asked again so soon. */
#define RETRY_S 0.5

static void
end_round(struct ff_selfprobe *probe)
{
    ev_io_stop(probe->loop, &probe->io);
    ev_timer_stop(probe->loop, &probe->over);
    if (probe->fd >= 0) {
        close(probe->fd);
        probe->fd = -1;
    }
}

static void
again_in(struct ff_selfprobe *probe, double wait_s)
{
    ev_timer_stop(probe->loop, &probe->next);
    ev_timer_set(&probe->next, wait_s, 0.0);
    ev_timer_start(probe->loop, &probe->next);
}

/* -1: not now (the backlog is full), or not at all: the limit decides. */
static int
dial(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = -1;

    FF_ASSERT(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *) &address, sizeof(address)) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void
begin_cb(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct ff_selfprobe *probe = timer->data;

    (void) events;
    if (!ev_is_active(&probe->over)) {
        ev_timer_set(&probe->over, probe->limit_s, 0.0);
        ev_timer_start(loop, &probe->over);
    }
    probe->fd = dial(probe->path);
    if (probe->fd < 0 || send(probe->fd, probe->request, probe->request_n, MSG_NOSIGNAL) !=
                             (ssize_t) probe->request_n) {
        if (probe->fd >= 0) {
            close(probe->fd);
            probe->fd = -1;
        }
        again_in(probe, RETRY_S);
        return;
    }
    probe->got = 0;
    ev_io_set(&probe->io, probe->fd, EV_READ);
    ev_io_start(loop, &probe->io);
}

/* False: nothing has come. */
static bool
take_answer(struct ff_selfprobe *probe)
{
    char answer[256];
    ssize_t n = recv(probe->fd, answer, sizeof(answer), 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    probe->got += n > 0 ? (unsigned) n : 0;
    /* Turned away is an answer too: too many connections, say. */
    if (n <= 0 || probe->got > sizeof(ff_socket_greeting)) {
        end_round(probe);
        again_in(probe, probe->interval_s);
    }
    return true;
}

static void
readable_cb(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    (void) loop;
    (void) events;
    (void) take_answer(watcher->data);
}

/* The loop may have stood still itself, with the answer waiting. */
static void
over_cb(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct ff_selfprobe *probe = timer->data;

    (void) loop;
    (void) events;
    if (probe->fd >= 0 && take_answer(probe)) {
        return;
    }
    ff_selfprobe_stop(probe);
    probe->deaf(probe->ctx);
}

/* As nng's request sockets say it: type, length, number of the request, body. */
static void
make_request(struct ff_selfprobe *probe)
{
    static const uint8_t no_args = 0x80; /* an empty map */
    const uint32_t id = htobe32(0x80000001);
    FF_SCOPED(ff_packer) body;
    uint64_t length = 0;
    char *at = probe->request;

    ff_packer_init(&body);
    ff_request_head(NULL, 1, 1, &body.pk);
    ff_request_call(ff_cstr("hello"), ff_str((const char *) &no_args, 1), &body.pk);
    length = htobe64(sizeof(id) + ff_packer_str(&body).n);
    at = mempcpy(at, ff_socket_greeting, sizeof(ff_socket_greeting));
    *at++ = 1;
    at = mempcpy(at, &length, sizeof(length));
    at = mempcpy(at, &id, sizeof(id));
    FF_ASSERT(at + ff_packer_str(&body).n <= probe->request + sizeof(probe->request));
    at = mempcpy(at, ff_packer_str(&body).p, ff_packer_str(&body).n);
    probe->request_n = (unsigned) (at - probe->request);
}

void
ff_selfprobe_start(struct ff_selfprobe *probe, struct ev_loop *loop)
{
    probe->loop = loop;
    probe->fd = -1;
    make_request(probe);
    ev_init(&probe->io, readable_cb);
    ev_init(&probe->next, begin_cb);
    ev_init(&probe->over, over_cb);
    probe->io.data = probe->next.data = probe->over.data = probe;
    again_in(probe, probe->interval_s);
}

void
ff_selfprobe_stop(struct ff_selfprobe *probe)
{
    ev_timer_stop(probe->loop, &probe->next);
    end_round(probe);
}
