/* selfprobe.h: whether one's own socket still takes new connections.
 *
 * nng 1.5 may stand still after many young connections have come and gone: those that are there are
 * served or not, new ones get no greeting, and nothing in the process reports it. The kernel goes
 * on filling the backlog, so clients cannot tell it from a slow daemon. Only a process's end mends
 * it.
 */
#ifndef FF_IPC_SELFPROBE_H
#define FF_IPC_SELFPROBE_H

#include <ev.h>

struct ff_selfprobe {
    const char *path;        /* of the socket file */
    double interval_s;       /* between a greeting and the next probe */
    double limit_s;          /* for a greeting to be answered in */
    void (*deaf)(void *ctx); /* it was not; the probe has ended */
    void *ctx;

    struct ev_loop *loop; /* from here on its own */
    struct ev_io io;
    struct ev_timer next, over;
    int fd;       /* -1: none */
    unsigned got; /* bytes of the answer */
};

/* The fields up to ctx are set; path must live as long. The first probe comes after interval_s. */
void ff_selfprobe_start(struct ff_selfprobe *probe, struct ev_loop *loop);
void ff_selfprobe_stop(struct ff_selfprobe *probe);

#endif
