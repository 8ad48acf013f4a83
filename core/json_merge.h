/* json_merge.h: JSON merge patch (RFC 7396) with what 06 §1.2 adds: null inside a document by way
 * of a sentinel, numbers that keep their text.
 */
#ifndef FF_CORE_JSON_MERGE_H
#define FF_CORE_JSON_MERGE_H

#include "core/arena.h"
#include "core/fault.h"

/* Objects nested through members: the root is level 0. */
#define FF_PATCH_DEPTH_MAX 16
/* A string value of exactly this becomes null after the merge. */
#define FF_PATCH_NULL "__ff_null__"

/* Applies `patch` to `document` (empty: {}), an object that this function has made; *out is in the
 * arena, compact, untouched on failure.
 * FF_E_INVALID_INPUT {field: frame.bytes, reason: not_json, not_an_object or patch_depth_exceeded}
 * FF_E_CORRUPTION    the document itself is none. */
FF_MUST_USE ff_err ff_json_merge_patch(struct ff_str document, struct ff_str patch,
                                       struct ff_arena *arena, struct ff_str *out,
                                       struct ff_fault *fault);

#endif
