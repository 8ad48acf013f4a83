/* server.h: private database servers for tests, each in a directory of its own under /tmp.
 *
 * A server dies with the test program, however that ends. Missing programs fail the test aloud: the
 * package list has them.
 */
#ifndef FF_TESTS_RIG_SERVER_H
#define FF_TESTS_RIG_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct ff_test_server {
    char dir[64];    /* "" = none */
    char socket[96]; /* it listens here only */
    pid_t pid;       /* 0: not running */
    const char *const *settings;
};

/* The program that FF_VALKEY_SERVER names, or else redis-server, with these settings
 * ("--appendonly", "yes", …, NULL) beside those that keep it to itself. Returns when it answers.
 * settings outlive the server. */
void ff_test_server_start(struct ff_test_server *server, const char *const *settings);
/* The same again, on the same files. */
void ff_test_server_restart(struct ff_test_server *server);
/* Ends it with this signal and waits for its end. */
void ff_test_server_kill(struct ff_test_server *server, int signal);
/* Ends it and removes its directory. */
void ff_test_server_stop(struct ff_test_server *server);
/* Sends one command of words, the last one NULL; its reply as text, static until the next call. */
const char *ff_test_server_say(const struct ff_test_server *server, ...) __attribute__((sentinel));

/* A URL of an empty store on a server that all tests of this program share: a prefix of its own
 * each time. Static until the next call. */
const char *ff_test_valkey_url(void);

#endif
