/* probe.h: whether somebody listens on a socket file. */
#ifndef FF_IPC_PROBE_H
#define FF_IPC_PROBE_H

/* What a client says first: SP, version 0, protocol 48, the client side of request/reply. The
 * listener answers with as many bytes. */
extern const char ff_socket_greeting[8];

/* 0: somebody does; else the errno that says why no connection is to be had.
 *
 * The greeting of the transport is exchanged before the connection is closed: a listener of nng 1.5
 * takes no further connection once one was closed before its greeting. */
int ff_socket_probe(const char *path);

#endif
