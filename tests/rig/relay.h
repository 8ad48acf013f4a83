/* relay.h: a thread between a client and a server on Unix sockets, that loses what it is told to.
 */
#ifndef FF_TESTS_RIG_RELAY_H
#define FF_TESTS_RIG_RELAY_H

struct ff_relay;

enum ff_relay_cut {
    FF_RELAY_PASS,
    FF_RELAY_CUT_REQUEST, /* half of the next large request arrives, then all are cut off */
    FF_RELAY_CUT_REPLY    /* the next large request arrives, its reply does not */
};

/* Requests of at least so many bytes count as large; smaller ones pass. */
#define FF_RELAY_LARGE 400

struct ff_relay *ff_relay_start(const char *server_socket);
/* The same on a socket of the caller's choice. */
struct ff_relay *ff_relay_start_at(const char *server_socket, const char *socket);
/* NULL: nothing. */
void ff_relay_stop(struct ff_relay *relay);
const char *ff_relay_socket(const struct ff_relay *relay);
/* Of the next large request; once. */
void ff_relay_cut(struct ff_relay *relay, enum ff_relay_cut cut);
/* How often that has happened. */
unsigned ff_relay_cuts(struct ff_relay *relay);

#endif
