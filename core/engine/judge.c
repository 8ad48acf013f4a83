#include "core/engine/judge.h"

#include "core/caps.h"
#include "core/engine/budget.h"
#include "core/engine/counts.h"
#include "core/engine/topics.h"
#include "core/engine/walk.h"
#include "core/id.h"

static void
block(struct ff_judgement *out, enum ff_blocking_reason reason,
      enum ff_eligibility_state eligibility)
{
    out->reason = reason;
    out->eligibility = eligibility;
}

/* ---- capabilities ---- */

/* Blocked only if nobody who is registered could run it; and it is not asked where it is blocked
 * for that already. */
static ff_err
judge_capabilities(struct ff_txn *txn, struct ff_strs offered, struct ff_crew **crews,
                   const struct ff_exec *exec, struct ff_judgement *out)
{
    const struct ff_crew_question question = { .namespace = exec->namespace,
                                               .lane_id = exec->lane_id,
                                               .required = exec->required_capabilities };

    if (ff_caps_match(exec->required_capabilities, offered)) {
        return FF_E_OK;
    }
    block(out, FF_BLOCK_WAITING_FOR_CAPABLE_WORKER, FF_ELIGIBLE_ROUTE);
    out->skip = exec->lifecycle_phase == FF_PHASE_ACTIVE;
    if (out->skip || exec->eligibility_state == FF_ELIGIBLE_ROUTE) {
        return FF_E_OK;
    }
    out->missing = ff_caps_missing(exec->required_capabilities, offered, txn->arena).v[0];
    return ff_crew_is_capable(txn, crews, &question, &out->skip);
}

/* ---- budgets ---- */

ff_err
ff_judge_budgets(struct ff_txn *txn, const struct ff_exec *exec, struct ff_judgement *out)
{
    bool pending = false;

    for (uint32_t i = 0; i < exec->budget_ids.n && out->reason == FF_BLOCK_NONE; i++) {
        const struct ff_scope topic = ff_topic_budget(&exec->budget_ids.v[i]);
        const struct ff_tally *full = NULL;
        struct ff_budget budget = { 0 };
        bool defined = false;

        FF_TRY(ff_gather(ff_budget_get(txn, &exec->budget_ids.v[i], &budget, &defined), &pending));
        full = pending || !defined ? NULL : ff_budget_full(&budget);
        if (full != NULL) {
            block(out, FF_BLOCK_WAITING_FOR_BUDGET, FF_ELIGIBLE_BUDGET);
            out->id = budget.budget_id;
            out->limit = *full;
            out->usage = ff_counts_get(budget.usage, full->key);
            ff_txn_watch(txn, &topic);
        }
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

ff_err
ff_judge_class(struct ff_txn *txn, struct ff_strs offered, struct ff_crew **crews,
               const struct ff_exec *exec, struct ff_judgement *out)
{
    *out = (struct ff_judgement){ .reason = FF_BLOCK_NONE, .again_at = INT64_MAX };
    FF_TRY(judge_capabilities(txn, offered, crews, exec, out));
    if (out->reason == FF_BLOCK_NONE && exec->lifecycle_phase == FF_PHASE_RUNNABLE) {
        return ff_judge_budgets(txn, exec, out);
    }
    return FF_E_OK;
}

/* ---- quota ---- */

ff_err
ff_judge_quota(struct ff_txn *txn, const struct ff_exec *exec, struct ff_quota_case *quota,
               struct ff_judgement *out)
{
    struct ff_scope topic;
    struct ff_quota policy = { 0 };
    bool defined = false;

    *out = (struct ff_judgement){ .reason = FF_BLOCK_NONE, .again_at = INT64_MAX };
    quota->asked = false;
    if (!exec->quota_policy_id.is || exec->lifecycle_phase != FF_PHASE_RUNNABLE) {
        return FF_E_OK;
    }
    FF_TRY(ff_quota_get(txn, &exec->quota_policy_id.v, &policy, &defined));
    if (!defined || (policy.max_requests_per_window == 0 && policy.max_concurrent == 0)) {
        return FF_E_OK;
    }
    quota->asked = true;
    quota->ask = ff_quota_own_ask(exec, &policy);
    FF_TRY(ff_quota_judge(txn, &quota->ask, &quota->answer));
    out->wrote = quota->answer.wrote;
    if (quota->answer.verdict == FF_QUOTA_RATE || quota->answer.verdict == FF_QUOTA_CONCURRENCY) {
        block(out, FF_BLOCK_WAITING_FOR_QUOTA, FF_ELIGIBLE_QUOTA);
        out->again_at = quota->answer.again_at;
        out->id = policy.quota_policy_id;
        out->limit.value = quota->answer.verdict == FF_QUOTA_RATE ? quota->ask.rate_limit : 0;
        out->usage = quota->ask.cap;
        topic = ff_topic_quota(&policy.quota_policy_id);
        ff_txn_watch(txn, &topic);
    }
    return FF_E_OK;
}

/* ---- for people ---- */

struct ff_str
ff_judgement_detail(struct ff_txn *txn, const struct ff_judgement *judgement)
{
    char id[FF_UUID_TEXT_MAX];

    ff_uuid_text(&judgement->id, id);
    if (judgement->reason == FF_BLOCK_WAITING_FOR_CAPABLE_WORKER) {
        return ff_arena_printf(txn->arena, "no capable worker; the last one lacked %.*s",
                               (int) judgement->missing.n, judgement->missing.p);
    }
    if (judgement->reason == FF_BLOCK_WAITING_FOR_BUDGET) {
        return ff_arena_printf(txn->arena, "budget %s: %.*s %llu/%llu", id,
                               (int) judgement->limit.key.n, judgement->limit.key.p,
                               (unsigned long long) judgement->usage,
                               (unsigned long long) judgement->limit.value);
    }
    if (judgement->limit.value > 0) {
        return ff_arena_printf(txn->arena, "quota policy %s: rate limit of %llu a window reached",
                               id, (unsigned long long) judgement->limit.value);
    }
    return ff_arena_printf(txn->arena, "quota policy %s: %llu at once, and no slot free", id,
                           (unsigned long long) judgement->usage);
}
