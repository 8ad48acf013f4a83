/* claim_for_worker: choose an execution for a worker and issue a grant on it (05 §5.1). */

#include "core/caps.h"
#include "core/engine/grant.h"
#include "core/engine/pick.h"
#include "core/engine/reclaim.h"
#include "core/engine/rely.h"
#include "core/engine/walk.h"

/* ---- answering a repeated call ---- */

static bool
is_of_request(const struct ff_exec_grant *grant, const struct ff_claim_for_worker_args *args)
{
    return grant != NULL && grant->request_id.is &&
           ff_uuid_eq(grant->request_id.v, args->request_id.v) &&
           ff_str_eq(grant->worker_instance_id, args->worker_instance_id);
}

/* The grant itself, while it lives; or the one that a live lease has consumed. */
static const struct ff_exec_grant *
given_before(const struct ff_txn *txn, const struct ff_exec *exec,
             const struct ff_claim_for_worker_args *args)
{
    if (ff_grant_is_live(exec, txn->now_ms) && is_of_request(exec->grant, args)) {
        return exec->grant;
    }
    if (exec->ownership_state == FF_OWNER_LEASED && exec->lease_expires_at.v > txn->now_ms &&
        is_of_request(exec->claim_grant, args)) {
        return exec->claim_grant;
    }
    return NULL;
}

/* Looks through one scope for an execution that this request got before. */
static ff_err
find_given(struct ff_txn *txn, enum ff_index index, const struct ff_scope *scope,
           const struct ff_claim_for_worker_args *args, struct ff_exec *out)
{
    struct ff_entry entry = { 0 }, next = { 0 };
    const struct ff_place place = { index, scope, &entry };
    bool found = false, first = true, pending = false;

    ff_txn_anew(txn, index, scope);
    for (;;) {
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, index, scope, first ? NULL : &entry, 32, &next, &found));
        if (!found) {
            break;
        }
        first = false;
        entry = next;
        err = ff_txn_follow(txn, FF_R_EXEC, &place, out);
        if (err == FF_E_OK && given_before(txn, out, args) != NULL) {
            return FF_E_OK;
        }
        FF_TRY(ff_gather(err, &pending));
    }
    *out = (struct ff_exec){ 0 };
    return pending ? FF_E_PENDING : FF_E_OK;
}

static ff_err
find_given_before(struct ff_txn *txn, const struct ff_claim_for_worker_args *args,
                  struct ff_exec *out, const struct ff_exec_grant **grant)
{
    struct ff_scope lane = ff_scope_lane(args->lane_id);
    struct ff_scope worker = ff_scope_worker(args->worker_instance_id);

    *grant = NULL;
    if (!args->request_id.is) {
        return FF_E_OK;
    }
    FF_TRY(find_given(txn, FF_IX_GRANTED, &lane, args, out));
    *grant = given_before(txn, out, args);
    if (*grant == NULL) {
        FF_TRY(find_given(txn, FF_IX_BY_WORKER, &worker, args, out));
        *grant = given_before(txn, out, args);
    }
    return FF_E_OK;
}

/* ---- choosing ---- */

/* Which call consumes the grant: stored are claim and reclaim only. */
static enum ff_grant_kind
consumed_by(const struct ff_exec *exec, const struct ff_exec_grant *grant)
{
    bool interrupted = exec->lifecycle_phase == FF_PHASE_RUNNABLE
                           ? exec->attempt_state == FF_ATTEMPT_INTERRUPTED
                           : exec->current_lease_epoch > exec->total_attempt_count;

    if (grant->kind == FF_GRANT_RECLAIM) {
        return FF_GRANT_RECLAIM;
    }
    return interrupted ? FF_GRANT_RESUME : FF_GRANT_CLAIM;
}

static void
answer(struct ff_txn *txn, const struct ff_exec *exec, const struct ff_exec_grant *grant,
       struct ff_claim_for_worker_result *result)
{
    result->outcome = "granted";
    result->execution_id = FF_SOME(ff_opt_eid, exec->execution_id);
    result->partition_key = ff_exec_partition_key(txn, exec);
    result->grant_key = grant->grant_key;
    result->expires_at_ms = FF_SOME(ff_opt_i64, grant->grant_expires_at);
    result->grant_kind = FF_SOME(ff_opt_u32, consumed_by(exec, grant));
}

static ff_err
grant(struct ff_txn *txn, struct ff_pick *pick, struct ff_exec *exec,
      const struct ff_claim_for_worker_args *args)
{
    int64_t until_ms = ff_time_add(txn->now_ms, args->grant_ttl_ms);
    const struct ff_quota_hold hold = { .slot_until = until_ms,
                                        .grant_until = FF_SOME(ff_opt_i64, until_ms),
                                        .lease_epoch = exec->current_lease_epoch };
    enum ff_exec_change change = FF_EXEC_SAME;
    struct ff_granting granting = {
        .kind = FF_GRANT_CLAIM,
        .worker_id = args->worker_id,
        .worker_instance_id = args->worker_instance_id,
        .grant_ttl_ms = args->grant_ttl_ms,
        .request_id = args->request_id,
    };

    if (ff_is_reclaimable(exec)) {
        granting.kind = FF_GRANT_RECLAIM;
    } else if (exec->eligibility_state != FF_ELIGIBLE_NOW) {
        ff_exec_make_eligible(exec); /* what blocked it holds no longer (C-3 d) */
        change = FF_EXEC_MOVED;
    }
    FF_TRY(ff_pick_admit(txn, pick, exec, &hold));
    return ff_grant_store(txn, exec, &granting, change);
}

ff_err
ff_op_claim_for_worker(struct ff_txn *txn, const struct ff_claim_for_worker_args *args,
                       struct ff_claim_for_worker_result *result)
{
    struct ff_picking want = { .lane_id = args->lane_id,
                               .include_reclaimable = args->include_reclaimable,
                               .expect = 1 };
    const struct ff_exec_grant *before = NULL;
    struct ff_exec exec = { 0 };
    struct ff_pick pick;
    bool found = false;

    FF_TRY(ff_offered_caps(txn, args->worker_capabilities, &want.offered));
    FF_TRY(find_given_before(txn, args, &exec, &before));
    if (before != NULL) {
        answer(txn, &exec, before, result);
        return FF_E_OK;
    }
    FF_TRY(ff_pick_begin(txn, &want, &pick));
    FF_TRY(ff_pick_next(txn, &pick, &exec, &found));
    if (found) {
        FF_TRY(grant(txn, &pick, &exec, args));
        answer(txn, &exec, exec.grant, result);
        return FF_E_OK;
    }
    result->outcome = "no_work";
    FF_TRY(ff_pick_wait(txn, &pick, args->block_ms));
    return ff_txn_up_to_date(txn);
}
