/* policy.h: the execution policy (01 §5) as it comes, checked and brought into its frozen form.
 *
 * Pure. The frozen form (struct ff_policy, shapes.def) has all defaults filled in, numbers clamped,
 * lists without duplicates and unknown members dropped; freezing it again changes nothing.
 *
 * A reader gives *out = NULL for "none". Results live in the arena; `field` is the argument's name,
 * static. Faults: FF_E_INVALID_POLICY_JSON {path, reason, field} with the reasons of 01 §5.1, path
 * counted from the policy; of routing tokens FF_E_INVALID_CAPABILITIES {reason, field}.
 */
#ifndef FF_CORE_POLICY_H
#define FF_CORE_POLICY_H

#include "core/arena.h"
#include "core/fault.h"
#include "core/types.h"

#define FF_PRIORITY_MAX 9000

/* A priority as it is stored: 0..FF_PRIORITY_MAX. */
int32_t ff_priority_clamp(int32_t priority);

/* What an execution without policy has. */
void ff_policy_default(struct ff_policy *out);

/* Of an argument of type `any`: one packed value; absent or nil is none. */
FF_MUST_USE ff_err ff_policy_parse(struct ff_str packed, const char *field, struct ff_arena *arena,
                                   const struct ff_policy **out, struct ff_fault *fault);
/* Of an argument that carries JSON: empty text and {} are none. */
FF_MUST_USE ff_err ff_policy_parse_json(struct ff_str json, const char *field,
                                        struct ff_arena *arena, const struct ff_policy **out,
                                        struct ff_fault *fault);

/* The same for a retry policy alone; paths begin with retry_policy. */
FF_MUST_USE ff_err ff_retry_policy_parse(struct ff_str packed, const char *field,
                                         struct ff_arena *arena, const struct ff_retry_policy **out,
                                         struct ff_fault *fault);
FF_MUST_USE ff_err ff_retry_policy_parse_json(struct ff_str json, const char *field,
                                              struct ff_arena *arena,
                                              const struct ff_retry_policy **out,
                                              struct ff_fault *fault);

#endif
