/* Grants, and the claims that consume them (02 §5.5 to §5.7, §5.9; 05 §5.2). */

#include "core/engine/grant.h"

#include "core/caps.h"
#include "core/engine/lanes.h"
#include "core/engine/pick.h"
#include "core/engine/quota.h"
#include "core/engine/take.h"
#include "core/id.h"
#include "core/partition.h"

/* ---- storing and testing ---- */

ff_err
ff_grant_store(struct ff_txn *txn, struct ff_exec *exec, const struct ff_granting *granting,
               enum ff_exec_change change)
{
    struct ff_exec_grant *grant = FF_ARENA_NEW(txn->arena, struct ff_exec_grant, 1);
    struct ff_uuid id = ff_txn_uuid(txn);
    char *key = ff_arena_alloc(txn->arena, FF_UUID_TEXT_MAX);

    ff_uuid_text(&id, key);
    grant->kind = granting->kind;
    grant->grant_key = ff_cstr(key);
    grant->worker_id = granting->worker_id;
    grant->worker_instance_id = granting->worker_instance_id;
    grant->capability_hash = granting->capability_hash;
    grant->route_snapshot_json = granting->route_snapshot_json;
    grant->admission_summary = granting->admission_summary;
    grant->created_at = txn->now_ms;
    grant->grant_expires_at = ff_time_add(txn->now_ms, granting->grant_ttl_ms);
    grant->request_id = granting->request_id;
    exec->grant = grant;
    FF_TRY(ff_slots_keep_until(txn, exec, grant->grant_expires_at));
    return ff_exec_save(txn, exec, change);
}

ff_err
ff_grant_check(struct ff_txn *txn, const struct ff_exec *exec, enum ff_grant_kind kind,
               struct ff_str worker_id)
{
    const struct ff_exec_grant *grant = exec->grant;

    if (grant == NULL || grant->kind != kind || !ff_str_eq(grant->worker_id, worker_id)) {
        return ff_fail(&txn->fault, FF_E_INVALID_CLAIM_GRANT);
    }
    if (grant->grant_expires_at <= txn->now_ms) {
        return ff_fail(&txn->fault, FF_E_CLAIM_GRANT_EXPIRED);
    }
    return FF_E_OK;
}

struct ff_str
ff_exec_partition_key(struct ff_txn *txn, const struct ff_exec *exec)
{
    const struct ff_partition partition = { .family = FF_PARTITION_FLOW,
                                            .index = exec->execution_id.partition };
    char *text = ff_arena_alloc(txn->arena, FF_PARTITION_KEY_MAX);

    return ff_str(text, ff_partition_key_text(partition, text));
}

/* ---- issuing ---- */

/* Where the caller believes it is; false: elsewhere (02 §1.5). */
static bool
is_where_stated(const struct ff_exec *exec, const struct ff_issue_claim_grant_args *args,
                const struct ff_partition *partition)
{
    return ff_str_eq(args->lane_id, exec->lane_id) &&
           (args->partition.n == 0 || partition->index == exec->execution_id.partition);
}

/* Checks 2 to 6 of 05 §5.2. */
static ff_err
open_grantable(struct ff_txn *txn, const struct ff_issue_claim_grant_args *args,
               struct ff_exec *exec)
{
    struct ff_partition partition = { 0 };
    struct ff_lane lane = { 0 };
    bool found = false, registered = false;

    if (args->partition.n > 0) {
        FF_TRY(ff_partition_key_parse(args->partition, "partition", &partition, &txn->fault));
    }
    FF_TRY(ff_txn_find_exec(txn, &args->execution_id, exec, &found));
    if (!found) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_FOUND, ff_d_text("entity", "execution"));
    }
    if (exec->lifecycle_phase != FF_PHASE_RUNNABLE || !ff_exec_is_eligible(exec)) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_ELIGIBLE);
    }
    if (ff_grant_is_live(exec, txn->now_ms)) {
        return ff_fail(&txn->fault, FF_E_GRANT_ALREADY_EXISTS);
    }
    FF_TRY(ff_lane_get(txn, exec->lane_id, &lane, &registered));
    if (!is_where_stated(exec, args, &partition) || !ff_lane_hands_out(lane.state)) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_IN_ELIGIBLE_SET);
    }
    return FF_E_OK;
}

ff_err
ff_op_issue_claim_grant(struct ff_txn *txn, const struct ff_issue_claim_grant_args *args,
                        struct ff_issue_claim_grant_result *result)
{
    const struct ff_granting granting = {
        .kind = FF_GRANT_CLAIM,
        .worker_id = args->worker_id,
        .worker_instance_id = args->worker_instance_id,
        .grant_ttl_ms = args->grant_ttl_ms,
        .capability_hash = args->capability_hash,
        .route_snapshot_json = args->route_snapshot_json,
        .admission_summary = args->admission_summary,
    };
    struct ff_strs offered = { 0 };
    struct ff_exec exec = { 0 };

    FF_TRY(ff_offered_caps(txn, args->worker_capabilities, &offered));
    FF_TRY(open_grantable(txn, args, &exec));
    if (!ff_caps_match(exec.required_capabilities, offered)) {
        exec.last_capability_mismatch_at = FF_SOME(ff_opt_i64, txn->now_ms);
        FF_TRY(ff_exec_save(txn, &exec, FF_EXEC_SAME));
        ff_txn_keep(txn);
        return ff_fail_caps(&txn->fault,
                            ff_caps_missing(exec.required_capabilities, offered, txn->arena),
                            txn->arena);
    }
    FF_TRY(ff_grant_store(txn, &exec, &granting, FF_EXEC_SAME));
    result->outcome = "granted";
    result->execution_id = exec.execution_id;
    result->partition_key = ff_exec_partition_key(txn, &exec);
    result->grant_key = exec.grant->grant_key;
    result->expires_at_ms = exec.grant->grant_expires_at;
    return FF_E_OK;
}

/* ---- consuming ---- */

static ff_err
check_runnable(struct ff_txn *txn, const struct ff_exec *exec)
{
    if (exec->lifecycle_phase != FF_PHASE_RUNNABLE) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_LEASEABLE);
    }
    if (exec->ownership_state != FF_OWNER_UNOWNED) {
        return ff_fail(&txn->fault, FF_E_LEASE_CONFLICT);
    }
    return FF_E_OK;
}

/* The order of 02 §5.5. */
static ff_err
check_fresh(struct ff_txn *txn, const struct ff_exec *exec, struct ff_str worker_id)
{
    FF_TRY(check_runnable(txn, exec));
    if (!ff_exec_is_eligible(exec) || exec->terminal_outcome != FF_OUTCOME_NONE) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_LEASEABLE);
    }
    if (exec->attempt_state == FF_ATTEMPT_RUNNING) {
        return ff_fail(&txn->fault, FF_E_ACTIVE_ATTEMPT_EXISTS);
    }
    if (exec->attempt_state == FF_ATTEMPT_INTERRUPTED) {
        return ff_fail(&txn->fault, FF_E_USE_CLAIM_RESUMED_EXECUTION);
    }
    return ff_grant_check(txn, exec, FF_GRANT_CLAIM, worker_id);
}

/* The order of 02 §5.6, up to the grant. */
static ff_err
check_resumed(struct ff_txn *txn, const struct ff_exec *exec)
{
    FF_TRY(check_runnable(txn, exec));
    if (exec->attempt_state != FF_ATTEMPT_INTERRUPTED) {
        return ff_fail(&txn->fault, FF_E_NOT_A_RESUMED_EXECUTION);
    }
    if (!ff_exec_is_eligible(exec)) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_LEASEABLE);
    }
    return FF_E_OK;
}

ff_err
ff_op_claim_execution(struct ff_txn *txn, const struct ff_claim_execution_args *args,
                      struct ff_claim_execution_result *result)
{
    struct ff_taker taker = {
        .worker_id = args->worker_id,
        .worker_instance_id = args->worker_instance_id,
        .lease_ttl_ms = args->lease_ttl_ms,
        .lease_id = args->lease_id,
        .attempt_id = args->attempt_id,
        .attempt_policy_json = args->attempt_policy_json,
        .attempt_timeout_ms = args->attempt_timeout_ms,
        .execution_deadline_at = args->execution_deadline_at,
    };
    struct ff_exec exec = { 0 };
    struct ff_claim claim = { 0 };

    FF_TRY(ff_check_policy_text(txn, "attempt_policy_json", args->attempt_policy_json));
    FF_TRY(ff_txn_get_exec(txn, &args->execution_id, &exec));
    FF_TRY(ff_exec_check_lane(txn, &exec, args->lane_id));
    if (ff_take_is_repeat(txn, &exec, args->worker_instance_id, args->lease_id)) {
        FF_TRY(ff_take_again(txn, &exec, &claim));
    } else {
        FF_TRY(check_fresh(txn, &exec, args->worker_id));
        taker.request_id = exec.grant->request_id;
        FF_TRY(ff_take_fresh(txn, &exec, &taker, &claim));
    }
    result->outcome = claim.outcome;
    result->execution_id = claim.execution_id;
    result->lease_id = claim.lease_id;
    result->lease_epoch = claim.lease_epoch;
    result->attempt_index = claim.attempt_index;
    result->attempt_id = claim.attempt_id;
    result->attempt_type = claim.attempt_type;
    result->lease_expires_at = claim.lease_expires_at;
    result->handle = claim.handle;
    return FF_E_OK;
}

ff_err
ff_op_claim_resumed_execution(struct ff_txn *txn,
                              const struct ff_claim_resumed_execution_args *args,
                              struct ff_claim_resumed_execution_result *result)
{
    struct ff_taker taker = {
        .worker_id = args->worker_id,
        .worker_instance_id = args->worker_instance_id,
        .lease_ttl_ms = args->lease_ttl_ms,
        .lease_id = args->lease_id,
        .remaining_timeout_ms = args->remaining_attempt_timeout_ms,
        .execution_deadline_at = args->execution_deadline_at,
    };
    struct ff_exec exec = { 0 };
    struct ff_claim claim = { 0 };

    FF_TRY(ff_txn_get_exec(txn, &args->execution_id, &exec));
    FF_TRY(ff_exec_check_lane(txn, &exec, args->lane_id));
    if (ff_take_is_repeat(txn, &exec, args->worker_instance_id, args->lease_id)) {
        FF_TRY(ff_take_again(txn, &exec, &claim));
    } else {
        FF_TRY(check_resumed(txn, &exec));
        FF_TRY(ff_grant_check(txn, &exec, FF_GRANT_CLAIM, args->worker_id));
        taker.request_id = exec.grant->request_id;
        FF_TRY(ff_take_resumed(txn, &exec, &taker, &claim));
    }
    result->outcome = claim.outcome;
    result->execution_id = claim.execution_id;
    result->lease_id = claim.lease_id;
    result->lease_epoch = claim.lease_epoch;
    result->attempt_index = claim.attempt_index;
    result->attempt_id = claim.attempt_id;
    result->lease_expires_at = claim.lease_expires_at;
    result->handle = claim.handle;
    return FF_E_OK;
}

static ff_err
check_token(struct ff_txn *txn, const struct ff_resume_grant *grant)
{
    struct ff_partition partition = { 0 };

    if (grant->partition_key.n == 0) {
        return FF_E_OK;
    }
    FF_TRY(ff_partition_key_parse(grant->partition_key, "token.grant.partition_key", &partition,
                                  &txn->fault));
    if (partition.index != grant->execution_id.partition) {
        return ff_fail(
            &txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "token.grant.partition_key"),
            ff_d_text("reason", "partition_mismatch"), ff_d_u64("arg_index", partition.index),
            ff_d_u64("id_index", grant->execution_id.partition));
    }
    return FF_E_OK;
}

ff_err
ff_op_claim_from_resume_grant(struct ff_txn *txn,
                              const struct ff_claim_from_resume_grant_args *args,
                              struct ff_claim_from_resume_grant_result *result)
{
    const struct ff_resume_grant *grant = &args->token.grant;
    struct ff_taker taker = {
        .worker_id = args->token.worker_id,
        .worker_instance_id = args->token.worker_instance_id,
        .lease_ttl_ms = args->token.lease_ttl_ms,
    };
    struct ff_exec exec = { 0 };
    struct ff_claim *claim = FF_ARENA_NEW(txn->arena, struct ff_claim, 1);

    FF_TRY(check_token(txn, grant));
    FF_TRY(ff_txn_get_exec(txn, &grant->execution_id, &exec));
    FF_TRY(ff_exec_check_lane(txn, &exec, grant->lane_id));
    result->outcome = "none";
    if (exec.lifecycle_phase != FF_PHASE_RUNNABLE) {
        return FF_E_OK;
    }
    FF_TRY(check_resumed(txn, &exec));
    if (grant->grant_key.n > 0 && exec.grant != NULL &&
        !ff_str_eq(grant->grant_key, exec.grant->grant_key)) {
        return ff_fail(&txn->fault, FF_E_INVALID_CLAIM_GRANT);
    }
    FF_TRY(ff_grant_check(txn, &exec, FF_GRANT_CLAIM, args->token.worker_id));
    taker.request_id = exec.grant->request_id;
    FF_TRY(ff_take_resumed(txn, &exec, &taker, claim));
    result->outcome = claim->outcome;
    result->handle = &claim->handle;
    return FF_E_OK;
}

/* ---- take this one ---- */

/* The order of 02 §5.9. */
static ff_err
check_takeable(struct ff_txn *txn, const struct ff_exec *exec)
{
    if (exec->lifecycle_phase != FF_PHASE_RUNNABLE) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_ELIGIBLE);
    }
    if (exec->ownership_state != FF_OWNER_UNOWNED) {
        return ff_fail(&txn->fault, FF_E_LEASE_CONFLICT);
    }
    if (exec->terminal_outcome != FF_OUTCOME_NONE) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_ELIGIBLE);
    }
    if (exec->attempt_state == FF_ATTEMPT_RUNNING) {
        return ff_fail(&txn->fault, FF_E_ACTIVE_ATTEMPT_EXISTS);
    }
    if (ff_grant_is_live(exec, txn->now_ms)) {
        return ff_fail(&txn->fault, FF_E_GRANT_ALREADY_EXISTS);
    }
    if (!ff_exec_is_eligible(exec)) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_ELIGIBLE);
    }
    return FF_E_OK;
}

ff_err
ff_op_issue_grant_and_claim(struct ff_txn *txn, const struct ff_issue_grant_and_claim_args *args,
                            struct ff_issue_grant_and_claim_result *result)
{
    const struct ff_taker taker = {
        .worker_id = ff_cstr("operator"),
        .worker_instance_id = ff_cstr("operator"),
        .lease_ttl_ms = args->lease_ttl_ms,
    };
    struct ff_exec exec = { 0 };
    struct ff_claim claim = { 0 };

    FF_TRY(ff_txn_get_exec(txn, &args->execution_id, &exec));
    FF_TRY(ff_exec_check_lane(txn, &exec, args->lane_id));
    FF_TRY(check_takeable(txn, &exec));
    exec.grant = NULL;
    FF_TRY(ff_take(txn, &exec, &taker, &claim));
    result->lease_id = claim.lease_id;
    result->lease_epoch = claim.lease_epoch;
    result->attempt_index = claim.attempt_index;
    result->attempt_id = claim.attempt_id;
    result->attempt_type = claim.attempt_type;
    result->lease_expires_at = claim.lease_expires_at;
    result->handle = claim.handle;
    return FF_E_OK;
}
