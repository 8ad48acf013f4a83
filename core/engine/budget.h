/* budget.h: budgets, their usage, and what is left of them (05 §1). */
#ifndef FF_CORE_ENGINE_BUDGET_H
#define FF_CORE_ENGINE_BUDGET_H

#include "core/engine/txn.h"

/* *defined: create_budget has been called; a budget that was only reported to has its usage all the
 * same. Where nothing is known *out is an empty one of this id. */
FF_MUST_USE ff_err ff_budget_get(struct ff_txn *txn, const struct ff_uuid *id,
                                 struct ff_budget *out, bool *defined);
static inline bool
ff_budget_is_advisory(const struct ff_budget *budget)
{
    return ff_str_is(budget->enforcement_mode, "advisory");
}

/* Admits no new work: the first dimension, in order, whose usage has reached its hard limit (C-3);
 * NULL: none, or it is advisory. */
const struct ff_tally *ff_budget_full(const struct ff_budget *budget);

/* One report (05 §1.2). */
struct ff_report {
    struct ff_uuid budget_id;
    struct ff_counts deltas; /* taken in, in order */
    struct ff_str dedup_key; /* empty: none */
    const char *field;       /* of the deltas */
};
struct ff_reported {
    const char *outcome;
    struct ff_str dimension;
    struct ff_opt_u64 current_usage, soft_limit, hard_limit;
    uint64_t reset_count; /* the budget's */
    bool applied;
};
/* FF_E_INVALID_INPUT too_many {count, max}: more dimensions than a budget may have. */
FF_MUST_USE ff_err ff_budget_report(struct ff_txn *txn, const struct ff_report *report,
                                    struct ff_reported *out);

/* What another operation can now do because less of the budget is used up. */
void ff_budget_wake(struct ff_txn *txn, const struct ff_uuid *id);

/* FF_E_INVALID_INPUT too_many, of dimensions beyond FF_DIMENSIONS_MAX. */
ff_err ff_fail_dimensions(struct ff_txn *txn, const char *field, uint32_t n);

#endif
