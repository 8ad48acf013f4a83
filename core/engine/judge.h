/* judge.h: may this worker have this execution now? Capabilities, budgets, quota, in that order
 * (05 §5.1 C-3), so that what nobody here can run never uses up a quota.
 *
 * Capabilities and budgets are alike for all executions of a class, a quota's answer is not: one
 * that its policy has counted already needs no new place in the window.
 */
#ifndef FF_CORE_ENGINE_JUDGE_H
#define FF_CORE_ENGINE_JUDGE_H

#include "core/engine/quota.h"
#include "core/engine/workers.h"

struct ff_judgement {
    enum ff_blocking_reason reason; /* BLOCK_NONE: it may */
    enum ff_eligibility_state eligibility;
    bool skip;        /* it may not, but somebody else could: nothing is written */
    int64_t again_at; /* when time alone may change it */
    bool wrote;       /* something lapsed was taken off on the way */
    /* what it is about, for ff_judgement_detail */
    struct ff_str missing;
    struct ff_uuid id;
    struct ff_tally limit; /* of a budget; of a quota: value alone */
    uint64_t usage;
};

/* By capabilities; budgets only where it waits, not where its lease was lost (C-12).
 * FF_E_CORRUPTION, FF_E_TRANSPORT: nothing may be handed out (C-6). */
FF_MUST_USE ff_err ff_judge_class(struct ff_txn *txn, struct ff_strs offered,
                                  struct ff_crew **crews, const struct ff_exec *exec,
                                  struct ff_judgement *out);
/* Budgets alone; out->reason is BLOCK_NONE before. */
FF_MUST_USE ff_err ff_judge_budgets(struct ff_txn *txn, const struct ff_exec *exec,
                                    struct ff_judgement *out);
/* *asked: it has a policy that limits it, and `answer` is what a grant or claim has to record. */
struct ff_quota_case {
    bool asked;
    struct ff_quota_ask ask;
    struct ff_quota_answer answer;
};
FF_MUST_USE ff_err ff_judge_quota(struct ff_txn *txn, const struct ff_exec *exec,
                                  struct ff_quota_case *quota, struct ff_judgement *out);

/* The text that a blocked execution shows. */
struct ff_str ff_judgement_detail(struct ff_txn *txn, const struct ff_judgement *judgement);

#endif
