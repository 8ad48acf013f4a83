/* tags.h: the tags of executions (01 §7). */
#ifndef FF_CORE_ENGINE_TAGS_H
#define FF_CORE_ENGINE_TAGS_H

#include "core/engine/txn.h"

#define FF_TAGS_MAX 64
#define FF_TAG_KEY_MAX 256
#define FF_TAG_VALUE_MAX 65536
#define FF_TAGS_BYTES_MAX 131072 /* keys and values together (01 §1.8) */

/* Number, keys of 1..256 bytes and sizes. FF_E_INVALID_INPUT tags … */
FF_MUST_USE ff_err ff_tags_check(struct ff_txn *txn, struct ff_tags tags);
/* What set_…_tags is given: at least one, each key well formed (01 §7), and ff_tags_check.
 * FF_E_INVALID_INPUT tags empty, key … */
FF_MUST_USE ff_err ff_tags_check_named(struct ff_txn *txn, struct ff_tags tags);
/* A copy in key order, in the call's arena. */
struct ff_tags ff_tags_sorted(struct ff_txn *txn, struct ff_tags tags);
/* A copy with room for so many more, in the call's arena. */
struct ff_tags ff_tags_copy(struct ff_txn *txn, struct ff_tags tags, uint32_t more);
/* The tag of this key, or NULL. */
struct ff_tag *ff_tags_find(struct ff_tags tags, struct ff_str key);

#endif
