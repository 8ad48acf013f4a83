/* cells.h: from a record's hash back to the stored form; the other way is dump.h. */
#ifndef FF_BACKENDS_VALKEY_CELLS_H
#define FF_BACKENDS_VALKEY_CELLS_H

#include "backends/valkey/resp.h"
#include "core/codec.h"

struct ff_valkey_body {
    struct ff_str body; /* the stored form, in the arena; of what cannot be read one that no record
                         * has */
    uint64_t version;
};

/* A record in what HGETALL has answered. prefix: of its fields (place.h). False: it is not there.
 */
bool ff_valkey_body(enum ff_record kind, const char *prefix, const redisReply *hash,
                    struct ff_valkey_body *out, struct ff_arena *arena);

#endif
