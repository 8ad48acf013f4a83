/* valkey.h: the store of several hosts: Valkey >= 7.2 or Redis >= 7.0, one server (no cluster).
 *
 * As durable as the server is set (appendonly, appendfsync); README.md of this folder says what is
 * kept under which key.
 */
#ifndef FF_BACKENDS_VALKEY_VALKEY_H
#define FF_BACKENDS_VALKEY_VALKEY_H

#include "core/store.h"

#define FF_VALKEY_REPLICAS_MAX 16 /* more than anybody has */

struct ff_valkey_options {
    struct ff_str host; /* name or address; absent: `path` is a socket */
    struct ff_str path;
    uint16_t port;
    struct ff_str user, password; /* absent: none is sent */
    uint32_t db;
    struct ff_str prefix;     /* of every key */
    uint32_t patience_ms;     /* without a server: so long calls wait before they fail */
    uint32_t answer_max_ms;   /* without an answer: the connection counts as dead */
    uint32_t outcome_wait_ms; /* so long it is tried to find out what became of a commit */
    uint32_t replicas;        /* so many have a commit before it is done */
};

/* Remembers where the server is; `prepare` is the first to talk to it. The options' texts are
 * copied. host: its `news` is called inside ff_store_poll. */
struct ff_store *ff_valkey_open(const struct ff_valkey_options *options,
                                const struct ff_store_host *host);

#endif
