/* dump.h: a record's hash in the server's own serialised form, as RESTORE takes it: one argument
 * for all its fields, which the server takes over as it is. Redis 7.0 writes and every later
 * version, and Valkey, reads this form.
 */
#ifndef FF_BACKENDS_VALKEY_DUMP_H
#define FF_BACKENDS_VALKEY_DUMP_H

#include "backends/valkey/resp.h"
#include "core/codec.h"
#include "core/store.h"

/* Fields of the store's own in each hash. The version comes first: it is what commits look up. What
 * cannot be read as a record stands whole in the second one. */
#define FF_VALKEY_VERSION "_version"
#define FF_VALKEY_RAW "_raw"

/* Appends the hash that the record becomes; record NULL: the stored form stands in FF_VALKEY_RAW.
 */
void ff_valkey_dump(const struct ff_write *write, const void *record, struct ff_arena *scratch,
                    struct ff_resp *out);

/* The checksum behind it: CRC-64 as Redis has it. */
uint64_t ff_valkey_crc64(const char *bytes, size_t n);

#endif
