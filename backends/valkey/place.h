/* place.h: in which hash a record stands, and behind which prefix of its fields.
 *
 * An execution shares its hash with its first attempt: most have no other, and both are written
 * together by claims and completions. A hash of one record has no prefix.
 */
#ifndef FF_BACKENDS_VALKEY_PLACE_H
#define FF_BACKENDS_VALKEY_PLACE_H

#include "backends/valkey/names.h"

#define FF_VALKEY_FIRST "attempt."

/* Whether it stands in its execution's hash, whose key is the first FF_VALKEY_HOST_KEY bytes of
 * its own. */
#define FF_VALKEY_HOST_KEY 18
bool ff_valkey_is_guest(enum ff_record kind, const struct ff_key *key);
/* The name of the hash; returns the prefix. */
const char *ff_valkey_place(enum ff_record kind, const struct ff_key *key,
                            const struct ff_partition_counts *counts, struct ff_valkey_name *out);

#endif
