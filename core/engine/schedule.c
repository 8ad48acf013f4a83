/* promote_delayed, change_priority, replay_execution: what moves an execution in its lane (02
 * §6.12, §6.13, §7.1). */

#include "core/engine/events.h"
#include "core/engine/exec.h"
#include "core/engine/flow_replay.h"
#include "core/engine/gate.h"
#include "core/policy.h"

ff_err
ff_op_promote_delayed(struct ff_txn *txn, const struct ff_promote_delayed_args *args,
                      struct ff_promote_delayed_result *result)
{
    struct ff_exec exec = { 0 };
    bool found = false;

    FF_TRY(ff_exec_lookup(txn, &args->execution_id, &exec, &found));
    if (!found) {
        result->outcome = "not_found_cleaned";
        return FF_E_OK;
    }
    FF_TRY(ff_exec_check_lane(txn, &exec, args->lane_id));
    if (exec.lifecycle_phase != FF_PHASE_RUNNABLE) {
        result->outcome = "not_runnable_cleaned";
    } else if (exec.eligibility_state != FF_ELIGIBLE_UNTIL_TIME) {
        result->outcome = "not_delayed_cleaned";
    } else if (exec.delay_until.is && exec.delay_until.v > txn->now_ms) {
        result->outcome = "not_yet_due";
    } else {
        result->outcome = "promoted";
        ff_exec_make_eligible(&exec);
        return ff_gate_save(txn, &exec);
    }
    return FF_E_OK;
}

ff_err
ff_op_change_priority(struct ff_txn *txn, const struct ff_change_priority_args *args,
                      struct ff_change_priority_result *result)
{
    struct ff_exec exec = { 0 };

    FF_TRY(ff_exec_open(txn, &args->execution_id, &exec));
    FF_TRY(ff_exec_check_lane(txn, &exec, args->lane_id));
    if (exec.lifecycle_phase != FF_PHASE_RUNNABLE || exec.eligibility_state != FF_ELIGIBLE_NOW) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_ELIGIBLE);
    }
    result->outcome = "changed";
    result->execution_id = exec.execution_id;
    result->old_priority = exec.priority;
    exec.priority = ff_priority_clamp(args->new_priority);
    result->new_priority = exec.priority;
    FF_TRY(ff_exec_save(txn, &exec, FF_EXEC_SAME));
    return ff_event_priority_changed(txn, &exec, result->old_priority);
}

/* ---- replay_execution ---- */

/* A replay starts afresh: counters, result and the marks of the end go; epoch, attempts and their
 * numbers stay. */
static void
wipe(struct ff_txn *txn, struct ff_exec *exec)
{
    exec->retry_count = 0;
    exec->lease_reclaim_count = 0;
    exec->completed_at = FF_NONE(ff_opt_i64);
    exec->failure_reason = FF_NONE(ff_str);
    exec->failure_category = FF_NONE(ff_str);
    exec->failure_detail = FF_NONE(ff_str);
    exec->cancellation_reason = FF_NONE(ff_str);
    exec->cancelled_by = FF_NONE(ff_str);
    exec->progress_pct = FF_NONE(ff_opt_u32);
    exec->progress_message = FF_NONE(ff_str);
    exec->progress_updated_at = FF_NONE(ff_opt_i64);
    exec->current_attempt_id = FF_NONE(ff_opt_uuid);
    exec->last_release = NULL;
    exec->pending_retry_reason = FF_NONE(ff_str);
    exec->pending_attempt_policy_json = FF_NONE(ff_str);
    if (exec->execution_deadline_at.is && exec->execution_deadline_at.v <= txn->now_ms) {
        exec->execution_deadline_at = FF_NONE(ff_opt_i64);
    }
}

ff_err
ff_op_replay_execution(struct ff_txn *txn, const struct ff_replay_execution_args *args,
                       struct ff_replay_execution_result *result)
{
    struct ff_exec exec = { 0 };
    struct ff_key key = ff_key_eid(&args->execution_id);
    bool skipped = false;
    uint32_t groups_reset = 0;

    FF_TRY(ff_exec_open(txn, &args->execution_id, &exec));
    if (exec.lifecycle_phase != FF_PHASE_TERMINAL) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_TERMINAL);
    }
    if (exec.replay_count >= exec.max_replay_count) {
        return ff_fail(&txn->fault, FF_E_MAX_REPLAYS_EXHAUSTED,
                       ff_d_u64("max", exec.max_replay_count));
    }
    skipped = exec.flow_id.is && exec.terminal_outcome == FF_OUTCOME_SKIPPED;
    ff_txn_drop(txn, FF_R_EXEC_RESULT, &key);
    wipe(txn, &exec);
    exec.replay_count++;
    exec.pending_replay_reason = args->reason;
    exec.pending_replay_requested_by = args->requested_by;
    exec.pending_previous_attempt_index = exec.current_attempt_index;
    exec.attempt_state = FF_ATTEMPT_PENDING_REPLAY;
    ff_exec_make_eligible(&exec);
    FF_TRY(ff_flow_replay(txn, &exec, &groups_reset));
    result->outcome = "replayed";
    result->public_state = exec.public_state;
    return ff_event_replayed(txn, &exec, skipped ? "skipped_flow_member" : "normal", groups_reset);
}
