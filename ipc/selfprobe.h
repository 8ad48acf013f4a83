/* selfprobe.h: whether one's own socket still answers new connections.
 *
 * nng 1.5 may stand still: connections that are there are served or not, new ones are greeted by
 * the transport, or are not, and their requests are never answered; nothing in the process reports
 * it. Clients cannot tell it from a slow daemon. Only a process's end mends it. So a probe goes the
 * whole way: it connects, greets, and wants an answer to a `hello'.
 */
#ifndef FF_IPC_SELFPROBE_H
#define FF_IPC_SELFPROBE_H

#include <ev.h>

struct ff_selfprobe {
    const char *path;        /* of the socket file */
    double interval_s;       /* between an answer and the next probe */
    double limit_s;          /* for the answer */
    void (*deaf)(void *ctx); /* it was not; the probe has ended */
    void *ctx;

    struct ev_loop *loop; /* from here on its own */
    struct ev_io io;
    struct ev_timer next, over;
    int fd;            /* -1: none */
    unsigned got;      /* bytes of the answer */
    char request[128]; /* what it says: the greeting, and one frame */
    unsigned request_n;
};

/* The fields up to ctx are set; path must live as long. The first probe comes after interval_s. */
void ff_selfprobe_start(struct ff_selfprobe *probe, struct ev_loop *loop);
void ff_selfprobe_stop(struct ff_selfprobe *probe);

#endif
