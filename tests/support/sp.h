/* sp.h: a client of nng's request protocol without nng: a plain Unix socket that speaks the SP
 * stream (a greeting of 8 bytes; then messages: 1, the length in 8 bytes, request id, body).
 *
 * For tests with many short connections: nng 1.5 now and then stands still when a young connection
 * is closed in the same process (ipc/close.h). One loop; what is sent is written as it runs.
 */
#ifndef FF_TESTS_SUPPORT_SP_H
#define FF_TESTS_SUPPORT_SP_H

#include <ev.h>

#include "core/base.h"

struct ff_sp_bytes {
    char *p;
    size_t n, size;
};

struct ff_sp {
    struct ev_loop *loop;
    int fd;
    ev_io readable, writable;
    struct ff_sp_bytes in, out;
    size_t taken; /* bytes of `in` that were given out */
    uint32_t next_id;
    bool greeted;
    bool ended; /* by the other side */
};

/* Connects and greets; false: nobody listens there. */
bool ff_sp_open(struct ff_sp *sp, struct ev_loop *loop, const char *path);
void ff_sp_close(struct ff_sp *sp);
/* A request with the next number. Nothing happens once the connection has ended. */
void ff_sp_send(struct ff_sp *sp, struct ff_str body);
/* Whether the loop reads what comes; not at first. Left alone, it stays with the kernel. */
void ff_sp_read(struct ff_sp *sp, bool wanted);
/* The next reply's body, if one has come; it lives until the next call, or turn of the loop. */
bool ff_sp_take(struct ff_sp *sp, struct ff_str *body_out);

#endif
