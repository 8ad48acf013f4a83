/* dump.h: a hash in the server's own serialised form, as RESTORE takes it: one argument for all its
 * fields, which the server takes over as it is. Redis 7.0 writes and every later version, and
 * Valkey, reads this form.
 */
#ifndef FF_BACKENDS_VALKEY_DUMP_H
#define FF_BACKENDS_VALKEY_DUMP_H

#include "backends/valkey/place.h"
#include "backends/valkey/resp.h"
#include "core/codec.h"

/* Fields of the store's own of each record. Versions come first: they are what commits look up.
 * What cannot be read as a record stands whole in the second one. */
#define FF_VALKEY_VERSION "_version"
#define FF_VALKEY_RAW "_raw"

/* A record of the hash. record NULL: its stored form stands in FF_VALKEY_RAW. */
struct ff_valkey_part {
    const char *prefix; /* of its fields (place.h) */
    const struct ff_write *write;
    const void *record;
};

/* Appends the hash with these records in it. */
void ff_valkey_dump(const struct ff_valkey_part *parts, uint32_t n, struct ff_arena *scratch,
                    struct ff_resp *out);

/* Whether the record has the field. States are always there to be read, even the first of its kind,
 * which is zero. */
bool ff_valkey_field_there(const struct ff_desc *desc, const struct ff_field *field,
                           const void *record);
/* What it then holds. Bytes as they are: hashes are binary-safe, and a payload is mostly text. */
struct ff_str ff_valkey_field_text(const struct ff_field *field, const void *record,
                                   struct ff_arena *scratch);

#endif
