/* broken_pipe.h: keeps a connection that ends young from ending a listener of nng 1.5.
 *
 * nng greets each connection that it accepts. If the client has closed it by then, the system says
 * EPIPE, which nng makes NNG_ECLOSED: the error that tells its listener that it was closed itself.
 * It never accepts again (src/core/listener.c, listener_accept_cb), while older connections are
 * served, and the transport below goes on to greet new ones. ECONNRESET means the same to a sender,
 * and is one that the listener goes on after.
 *
 * So this program has a sendmsg of its own, which libnng finds before the C library's.
 */
#ifndef FF_IPC_BROKEN_PIPE_H
#define FF_IPC_BROKEN_PIPE_H

#include <stdbool.h>

/* Whether libnng finds it: whoever opens a listener asks. */
bool ff_broken_pipe_is_mended(void);

#endif
