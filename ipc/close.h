/* close.h: the end of a socket, within a bound.
 *
 * nng 1.5 now and then does not come back from closing one, when that meets a connection in the
 * middle of something: its thread that disposes of connections waits for an operation that nobody
 * ends. The connections themselves are closed by then.
 */
#ifndef FF_IPC_CLOSE_H
#define FF_IPC_CLOSE_H

#include <nng/nng.h>
#include <stdbool.h>

/* False: it did not come back in half a second and is left behind. nng then holds on to the socket
 * and may still call back: what its callbacks use must stay. */
bool ff_socket_close(nng_socket socket);

#endif
