/* caps.h: capability tokens (01 §6): reading, checking, matching. Pure.
 *
 * A set is a sorted list without duplicates; all functions but the readers take and give sets.
 */
#ifndef FF_CORE_CAPS_H
#define FF_CORE_CAPS_H

#include <msgpack.h>

#include "core/arena.h"
#include "core/fault.h"
#include "core/types.h"

#define FF_CAPS_TOKENS_MAX 256
#define FF_CAPS_BYTES_MAX 4096 /* sorted and joined by commas */
#define FF_CAPS_DIGEST_MAX 9   /* 8 hex digits and the closing zero byte */

/* Which argument the tokens are, for faults. */
struct ff_caps_from {
    enum ff_capability_side side;
    const char *field; /* static */
};

/* Reads a list of tokens as it came. The set's list is in the arena, its texts point into the
 * message. FF_E_INVALID_CAPABILITIES {field, reason}: `required:` or `worker:` and not_array,
 * non_string_token, empty_token, comma_in_token, control_or_whitespace, too_many_tokens,
 * too_many_bytes. */
FF_MUST_USE ff_err ff_caps_of_object(const msgpack_object *list, struct ff_caps_from from,
                                     struct ff_arena *arena, struct ff_strs *out,
                                     struct ff_fault *fault);
/* The same of an argument of type `any`: one packed value. Absent: the empty set. */
FF_MUST_USE ff_err ff_caps_parse(struct ff_str packed, struct ff_caps_from from,
                                 struct ff_arena *arena, struct ff_strs *out,
                                 struct ff_fault *fault);

/* Every required token is offered. */
bool ff_caps_match(struct ff_strs required, struct ff_strs offered);
/* Required tokens that are not offered; the list in the arena. */
struct ff_strs ff_caps_missing(struct ff_strs required, struct ff_strs offered,
                               struct ff_arena *arena);
/* Joined by commas; empty for the empty set. */
struct ff_str ff_caps_csv(struct ff_strs set, struct ff_arena *arena);
/* 8 hex digits that stand for a csv in logs (01 §6.5). */
void ff_caps_digest(struct ff_str csv, char out[FF_CAPS_DIGEST_MAX]);

/* FF_E_CAPABILITY_MISMATCH {missing, missing_csv}. */
ff_err ff_fail_caps(struct ff_fault *fault, struct ff_strs missing, struct ff_arena *arena);

#endif
