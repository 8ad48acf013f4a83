/* cells.h: records as hashes with field names, and back to the stored form. */
#ifndef FF_BACKENDS_VALKEY_CELLS_H
#define FF_BACKENDS_VALKEY_CELLS_H

#include "backends/valkey/resp.h"
#include "core/codec.h"

/* Fields of the store's own in each hash. What cannot be read as a record stands whole in the
 * second one. */
#define FF_VALKEY_VERSION "_version"
#define FF_VALKEY_RAW "_raw"

struct ff_valkey_cell {
    struct ff_str name, text;
};

/* What a hash has to be told so that it becomes the record: fields with values, and fields that are
 * to go. */
struct ff_valkey_delta {
    struct ff_valkey_cell *set; /* in the arena; texts in it or in the record */
    struct ff_str *gone;
    uint32_t n_set, n_gone;
};
/* before: what the hash has; NULL: nothing. */
void ff_valkey_delta(enum ff_record kind, const void *record, const void *before,
                     struct ff_arena *scratch, struct ff_valkey_delta *out);

/* The stored form of what HGETALL has answered, in the arena; and the version. What cannot be read
 * becomes a body that no record has. */
struct ff_str ff_valkey_body(enum ff_record kind, const redisReply *hash, struct ff_arena *arena,
                             uint64_t *version_out);

#endif
