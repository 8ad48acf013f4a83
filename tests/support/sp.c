#include "tests/support/sp.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GREETING_BYTES 8
#define HEAD_BYTES 9 /* the type of the message, and its length */
#define ID_BYTES 4
#define READ_BYTES 65536

/* ---- bytes ---- */

static void
append(struct ff_sp_bytes *bytes, const void *p, size_t n)
{
    if (bytes->n + n > bytes->size) {
        bytes->size = 2 * (bytes->n + n);
        bytes->p = realloc(bytes->p, bytes->size);
        FF_ASSERT(bytes->p != NULL);
    }
    memcpy(bytes->p + bytes->n, p, n);
    bytes->n += n;
}

static void
drop(struct ff_sp_bytes *bytes, size_t n)
{
    bytes->n -= n;
    if (bytes->n > 0) { /* of nothing there is no place */
        memmove(bytes->p, bytes->p + n, bytes->n);
    }
}

/* ---- the loop ---- */

static void
end(struct ff_sp *sp)
{
    sp->ended = true;
    ev_io_stop(sp->loop, &sp->readable);
    ev_io_stop(sp->loop, &sp->writable);
}

static void
on_readable(struct ev_loop *loop, ev_io *watcher, int revents)
{
    static char room[READ_BYTES];
    struct ff_sp *sp = watcher->data;
    ssize_t n = read(sp->fd, room, sizeof(room));

    (void) loop;
    (void) revents;
    if (n > 0) {
        append(&sp->in, room, (size_t) n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        end(sp);
    }
}

static void
on_writable(struct ev_loop *loop, ev_io *watcher, int revents)
{
    struct ff_sp *sp = watcher->data;
    ssize_t n = send(sp->fd, sp->out.p, sp->out.n, MSG_NOSIGNAL);

    (void) revents;
    if (n > 0) {
        drop(&sp->out, (size_t) n);
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        end(sp);
        return;
    }
    if (sp->out.n == 0) {
        ev_io_stop(loop, watcher);
    }
}

/* ---- what callers see ---- */

bool
ff_sp_open(struct ff_sp *sp, struct ev_loop *loop, const char *path)
{
    static const char greeting[GREETING_BYTES] = { 0, 'S', 'P', 0, 0, 0x30, 0, 0 }; /* req0 */
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    FF_ASSERT(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    *sp = (struct ff_sp){ .loop = loop };
    sp->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FF_ASSERT(sp->fd >= 0);
    if (connect(sp->fd, (const struct sockaddr *) &address, sizeof(address)) != 0 ||
        send(sp->fd, greeting, sizeof(greeting), MSG_NOSIGNAL) != (ssize_t) sizeof(greeting)) {
        close(sp->fd);
        return false;
    }
    ev_io_init(&sp->readable, on_readable, sp->fd, EV_READ);
    ev_io_init(&sp->writable, on_writable, sp->fd, EV_WRITE);
    sp->readable.data = sp->writable.data = sp;
    return true;
}

void
ff_sp_close(struct ff_sp *sp)
{
    end(sp);
    close(sp->fd);
    free(sp->in.p);
    free(sp->out.p);
    sp->in = sp->out = (struct ff_sp_bytes){ 0 };
}

void
ff_sp_send(struct ff_sp *sp, struct ff_str body)
{
    uint64_t length = htobe64(ID_BYTES + body.n);
    uint32_t id = htobe32(0x80000000u | ++sp->next_id);

    if (sp->ended) {
        return;
    }
    append(&sp->out, "\1", 1);
    append(&sp->out, &length, sizeof(length));
    append(&sp->out, &id, sizeof(id));
    append(&sp->out, body.p, body.n);
    ev_io_start(sp->loop, &sp->writable);
}

void
ff_sp_read(struct ff_sp *sp, bool wanted)
{
    if (wanted && !sp->ended) {
        ev_io_start(sp->loop, &sp->readable);
    } else {
        ev_io_stop(sp->loop, &sp->readable);
    }
}

bool
ff_sp_take(struct ff_sp *sp, struct ff_str *body_out)
{
    static const char greeting[GREETING_BYTES] = { 0, 'S', 'P', 0, 0, 0x31, 0, 0 }; /* rep0 */
    uint64_t length = 0;

    drop(&sp->in, sp->taken);
    sp->taken = 0;
    if (!sp->greeted && sp->in.n >= GREETING_BYTES) {
        FF_ASSERT(memcmp(sp->in.p, greeting, GREETING_BYTES) == 0);
        drop(&sp->in, GREETING_BYTES);
        sp->greeted = true;
    }
    if (!sp->greeted || sp->in.n < HEAD_BYTES) {
        return false;
    }
    memcpy(&length, sp->in.p + 1, sizeof(length));
    length = be64toh(length);
    FF_ASSERT(sp->in.p[0] == 1 && length >= ID_BYTES);
    if (sp->in.n - HEAD_BYTES < length) {
        return false;
    }
    sp->taken = HEAD_BYTES + (size_t) length;
    *body_out = ff_str(sp->in.p + HEAD_BYTES + ID_BYTES, (size_t) length - ID_BYTES);
    return true;
}
