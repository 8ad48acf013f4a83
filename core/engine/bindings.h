/* bindings.h: the waitpoints that a suspension is to be bound to, as the caller names them (03
 * §4.1), and whether they fit the resume condition.
 */
#ifndef FF_CORE_ENGINE_BINDINGS_H
#define FF_CORE_ENGINE_BINDINGS_H

#include "core/condition.h"
#include "core/engine/txn.h"

#define FF_BINDINGS_MAX 128

struct ff_binding {
    enum ff_binding_kind kind;
    bool id_given;
    struct ff_uuid waitpoint_id;
    struct ff_str waitpoint_key;   /* of use_pending: known once it is loaded */
    struct ff_waitpoint waitpoint; /* use_pending: as loaded; then both, as written */
};

struct ff_bindings {
    struct ff_binding *v; /* the first is primary */
    uint32_t n;
    uint32_t n_fresh;
};

/* Steps 2 and 3 of 03 §4.2; absent: one fresh one. Ids that are not given are made.
 * FF_E_INVALID_INPUT {field, reason}: waitpoints_empty, too_many_waitpoints {count, max},
 * waitpoint_binding_empty_key {index}, duplicate_waitpoint_id, duplicate_waitpoint_key. */
FF_MUST_USE ff_err ff_bindings_read(struct ff_txn *txn, struct ff_str packed,
                                    struct ff_bindings *out);
/* Names those whose caller gave no key. */
void ff_bindings_name(struct ff_txn *txn, struct ff_bindings *bindings,
                      const struct ff_condition *condition);
/* Step 5, once all keys are known.
 * FF_E_INVALID_INPUT {field, reason, waitpoint_key}: waitpoint_key_mismatch,
 * referenced_waitpoint_key_missing_binding, extra_binding_not_referenced_by_condition,
 * duplicate_waitpoint_key. */
FF_MUST_USE ff_err ff_bindings_match(struct ff_txn *txn, const struct ff_bindings *bindings,
                                     const struct ff_condition *condition);

#endif
