/* cells.h: from a record's hash back to the stored form; the other way is dump.h. */
#ifndef FF_BACKENDS_VALKEY_CELLS_H
#define FF_BACKENDS_VALKEY_CELLS_H

#include "backends/valkey/resp.h"
#include "core/codec.h"

/* The stored form of what HGETALL has answered, in the arena; and the version. What cannot be read
 * becomes a body that no record has. */
struct ff_str ff_valkey_body(enum ff_record kind, const redisReply *hash, struct ff_arena *arena,
                             uint64_t *version_out);

#endif
