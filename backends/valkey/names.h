/* names.h: readable names for keys, scopes and index positions, and back.
 *
 * A name has the order of the bytes it stands for, so that sorted sets hold it instead, and that of
 * a prefix begins it.
 */
#ifndef FF_BACKENDS_VALKEY_NAMES_H
#define FF_BACKENDS_VALKEY_NAMES_H

#include "core/store.h"

/* Room for any name below but those of keys; a key's has the prefix before it. */
#define FF_VALKEY_NAME_MAX 448

struct ff_valkey_name {
    uint32_t n;
    char b[FF_VALKEY_NAME_MAX];
};

/* What stands behind the prefix: "{p:12}:exec:018f…". counts: which partition a flow, budget or
 * quota is in. */
void ff_valkey_record_name(enum ff_record kind, const struct ff_key *key,
                           const struct ff_partition_counts *counts, struct ff_valkey_name *out);
/* The other way; false: the name of something else. */
bool ff_valkey_record_parse(struct ff_str name, enum ff_record *kind_out, struct ff_key *key_out);
const char *ff_valkey_index_name(enum ff_index index);
void ff_valkey_scope_name(enum ff_index index, const struct ff_scope *scope,
                          struct ff_valkey_name *out);
bool ff_valkey_scope_parse(enum ff_index index, struct ff_str name, struct ff_scope *out);
/* "0001764262347123456:00012:018f…": sort, then id. */
void ff_valkey_entry_name(enum ff_index index, const struct ff_scope *scope,
                          const struct ff_entry *entry, struct ff_valkey_name *out);
bool ff_valkey_entry_parse(enum ff_index index, const struct ff_scope *scope, struct ff_str name,
                           struct ff_entry *out);

#endif
