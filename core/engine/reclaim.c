/* issue_reclaim_grant, reclaim_execution, enforce_reclaim_cap: taking over lost work (02 §6.5,
 * §6.6, §6.15). */

#include "core/engine/reclaim.h"

#include "core/caps.h"
#include "core/engine/grant.h"
#include "core/engine/lease.h"
#include "core/engine/pick.h"
#include "core/engine/take.h"

ff_err
ff_reclaim_fail_capped(struct ff_txn *txn, struct ff_exec *exec)
{
    const struct ff_attempt_end end = {
        .lifecycle = FF_LIFE_INTERRUPTED_RECLAIMED,
        .reason = ff_str("max_reclaims_exceeded", 21),
        .stream_reason =
            exec->ownership_state == FF_OWNER_REVOKED ? "lease_revoked" : "lease_expired",
    };

    FF_TRY(ff_attempt_finish(txn, exec, &end));
    exec->failure_reason = end.reason;
    exec->failure_category = FF_NONE(ff_str); /* of an earlier failure, as the detail */
    exec->failure_detail = FF_NONE(ff_str);
    return ff_exec_end(txn, exec, FF_OUTCOME_FAILED);
}

ff_err
ff_reclaim_mark_lapsed(struct ff_txn *txn, struct ff_exec *exec)
{
    if (exec->lifecycle_phase != FF_PHASE_ACTIVE || exec->ownership_state != FF_OWNER_LEASED ||
        exec->lease_expires_at.v > txn->now_ms) {
        return FF_E_OK;
    }
    FF_TRY(ff_lease_mark_expired(txn, exec, "lease_ttl"));
    ff_txn_keep(txn); /* also if the call then fails (01 §1.2) */
    return FF_E_OK;
}

/* Why an execution cannot be reclaimed, for people. */
static struct ff_str
state_detail(struct ff_txn *txn, const struct ff_exec *exec)
{
    return ff_arena_printf(txn->arena, "lifecycle_phase %s, ownership_state %s",
                           ff_word(&ff_vocab_lifecycle_phase, exec->lifecycle_phase),
                           ff_word(&ff_vocab_ownership_state, exec->ownership_state));
}

/* ---- issue_reclaim_grant ---- */

static ff_err
grant_or_refuse(struct ff_txn *txn, const struct ff_issue_reclaim_grant_args *args,
                struct ff_strs offered, struct ff_exec *exec,
                struct ff_issue_reclaim_grant_result *result)
{
    const struct ff_granting granting = {
        .kind = FF_GRANT_RECLAIM,
        .worker_id = args->worker_id,
        .worker_instance_id = args->worker_instance_id,
        .grant_ttl_ms = args->grant_ttl_ms,
        .capability_hash = args->capability_hash,
        .route_snapshot_json = args->route_snapshot_json,
        .admission_summary = args->admission_summary,
    };

    if (!ff_caps_match(exec->required_capabilities, offered)) {
        struct ff_str csv = ff_caps_csv(
            ff_caps_missing(exec->required_capabilities, offered, txn->arena), txn->arena);

        exec->last_capability_mismatch_at = FF_SOME(ff_opt_i64, txn->now_ms);
        result->outcome = "not_reclaimable";
        result->detail =
            ff_arena_printf(txn->arena, "capability_mismatch: %.*s", (int) csv.n, csv.p);
        return ff_exec_save(txn, exec, FF_EXEC_SAME);
    }
    FF_TRY(ff_grant_store(txn, exec, &granting, FF_EXEC_SAME));
    result->outcome = "granted";
    result->partition_key = ff_exec_partition_key(txn, exec);
    result->grant_key = exec->grant->grant_key;
    result->expires_at_ms = FF_SOME(ff_opt_i64, exec->grant->grant_expires_at);
    result->lane_id = exec->lane_id;
    return FF_E_OK;
}

ff_err
ff_op_issue_reclaim_grant(struct ff_txn *txn, const struct ff_issue_reclaim_grant_args *args,
                          struct ff_issue_reclaim_grant_result *result)
{
    struct ff_exec exec = { 0 };
    struct ff_strs offered = { 0 };
    uint32_t cap = 0;

    FF_TRY(ff_offered_caps(txn, args->worker_capabilities, &offered));
    FF_TRY(ff_exec_open(txn, &args->execution_id, &exec));
    FF_TRY(ff_exec_check_lane(txn, &exec, args->lane_id));
    FF_TRY(ff_reclaim_mark_lapsed(txn, &exec));
    result->execution_id = exec.execution_id;
    if (!ff_is_reclaimable(&exec)) {
        result->outcome = "not_reclaimable";
        result->detail = state_detail(txn, &exec);
        return FF_E_OK;
    }
    if (ff_grant_is_live(&exec, txn->now_ms)) {
        return ff_fail(&txn->fault, FF_E_GRANT_ALREADY_EXISTS);
    }
    cap = ff_reclaim_cap(&exec, FF_NONE(ff_opt_u32));
    if (exec.lease_reclaim_count >= cap) {
        result->outcome = "reclaim_cap_exceeded";
        result->reclaim_count = FF_SOME(ff_opt_u32, exec.lease_reclaim_count);
        result->max_reclaim_count = FF_SOME(ff_opt_u32, cap);
        return ff_reclaim_fail_capped(txn, &exec);
    }
    return grant_or_refuse(txn, args, offered, &exec, result);
}

/* ---- reclaim_execution ---- */

/* What keeps the caller from reclaiming, as an outcome; NULL: nothing. */
static const char *
refusal(struct ff_txn *txn, const struct ff_exec *exec, struct ff_str worker_id,
        struct ff_str *detail)
{
    const struct ff_exec_grant *grant = exec->grant;

    if (!ff_is_reclaimable(exec)) {
        *detail = state_detail(txn, exec);
        return "not_reclaimable";
    }
    if (grant == NULL || grant->kind != FF_GRANT_RECLAIM) {
        *detail = ff_cstr("missing");
    } else if (grant->grant_expires_at <= txn->now_ms) {
        *detail = ff_cstr("expired");
    } else if (!ff_str_eq(grant->worker_id, worker_id)) {
        *detail = ff_cstr("worker_mismatch");
    } else {
        return NULL;
    }
    return "grant_not_found";
}

static void
answer_claim(const struct ff_claim *claim, struct ff_reclaim_execution_result *result)
{
    result->outcome = claim->outcome;
    result->lease_epoch = FF_SOME(ff_opt_u64, claim->lease_epoch);
    result->attempt_index = FF_SOME(ff_opt_u32, claim->attempt_index);
    result->attempt_id = FF_SOME(ff_opt_uuid, claim->attempt_id);
    result->lease_id = FF_SOME(ff_opt_uuid, claim->lease_id);
    result->lease_expires_at = FF_SOME(ff_opt_i64, claim->lease_expires_at);
}

/* Takes it over, or ends it at its cap. */
static ff_err
take_over(struct ff_txn *txn, const struct ff_reclaim_execution_args *args, struct ff_exec *exec,
          struct ff_claim *claim, struct ff_reclaim_execution_result *result)
{
    const struct ff_taker taker = {
        .worker_id = args->worker_id,
        .worker_instance_id = args->worker_instance_id,
        .lease_ttl_ms = args->lease_ttl_ms,
        .lease_id = args->lease_id,
        .attempt_id = args->attempt_id,
        .request_id = exec->grant->request_id,
        .attempt_policy_json = args->attempt_policy_json,
    };
    uint32_t cap = ff_reclaim_cap(exec, args->max_reclaim_count);

    if (exec->lease_reclaim_count >= cap) {
        result->outcome = "reclaim_cap_exceeded";
        result->execution_id = FF_SOME(ff_opt_eid, exec->execution_id);
        result->reclaim_count = FF_SOME(ff_opt_u32, exec->lease_reclaim_count);
        result->max_reclaim_count = FF_SOME(ff_opt_u32, cap);
        return ff_reclaim_fail_capped(txn, exec);
    }
    FF_TRY(ff_take_over(txn, exec, &taker, claim));
    answer_claim(claim, result);
    result->handle = &claim->handle;
    return FF_E_OK;
}

ff_err
ff_op_reclaim_execution(struct ff_txn *txn, const struct ff_reclaim_execution_args *args,
                        struct ff_reclaim_execution_result *result)
{
    struct ff_claim *claim = FF_ARENA_NEW(txn->arena, struct ff_claim, 1);
    struct ff_exec exec = { 0 };

    FF_TRY(ff_check_policy_text(txn, "attempt_policy_json", args->attempt_policy_json));
    FF_TRY(ff_exec_open(txn, &args->execution_id, &exec));
    FF_TRY(ff_exec_check_lane(txn, &exec, args->lane_id));
    if (ff_take_is_repeat(txn, &exec, args->worker_instance_id, args->lease_id)) {
        FF_TRY(ff_take_again(txn, &exec, claim));
        answer_claim(claim, result);
        result->handle = &claim->handle;
        return FF_E_OK;
    }
    result->outcome = refusal(txn, &exec, args->worker_id, &result->detail);
    if (result->outcome != NULL) {
        result->execution_id = FF_SOME(ff_opt_eid, exec.execution_id);
        return FF_E_OK;
    }
    return take_over(txn, args, &exec, claim, result);
}

/* ---- enforce_reclaim_cap ---- */

ff_err
ff_op_enforce_reclaim_cap(struct ff_txn *txn, const struct ff_enforce_reclaim_cap_args *args,
                          struct ff_enforce_reclaim_cap_result *result)
{
    struct ff_exec exec = { 0 };
    bool found = false;
    uint32_t cap = 0;

    FF_TRY(ff_exec_lookup(txn, &args->execution_id, &exec, &found));
    if (!found || !ff_is_reclaimable(&exec)) {
        result->outcome = found ? "not_reclaimable" : "not_found";
        return FF_E_OK;
    }
    cap = ff_reclaim_cap(&exec, FF_NONE(ff_opt_u32));
    if (ff_grant_is_live(&exec, txn->now_ms) || exec.lease_reclaim_count < cap) {
        result->outcome = "within_cap";
        return FF_E_OK;
    }
    result->outcome = "reclaim_cap_exceeded";
    result->reclaim_count = FF_SOME(ff_opt_u32, exec.lease_reclaim_count);
    result->max_reclaim_count = FF_SOME(ff_opt_u32, cap);
    return ff_reclaim_fail_capped(txn, &exec);
}
