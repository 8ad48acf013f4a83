/* url.h: the parts of a store's URL, SCHEME://[USER[:PASSWORD]@][HOST][:PORT][/PATH][?NAME=VALUE…]
 *
 * Pure. User, password and values may have %XX for any byte; texts live in the arena.
 */
#ifndef FF_BACKENDS_URL_H
#define FF_BACKENDS_URL_H

#include "core/arena.h"

struct ff_url {
    struct ff_str user, password; /* absent where there is none */
    struct ff_str host;           /* without the brackets of an IPv6 address; absent: none */
    uint16_t port;                /* 0: none */
    struct ff_str path;           /* with its slash; absent: none */
    struct ff_str query;          /* behind the question mark */
};

/* rest: what follows "://". NULL, or a word that says what is wrong with it. */
const char *ff_url_parse(struct ff_str rest, struct ff_arena *arena, struct ff_url *out);
/* Takes the first parameter off *query; false: there is none. */
bool ff_url_parameter(struct ff_str *query, struct ff_arena *arena, struct ff_str *name,
                      struct ff_str *value);
/* Decimal digits only, at most `max`. */
bool ff_url_number(struct ff_str text, uint64_t max, uint64_t *out);

#endif
