/* promote_delayed, change_priority: what moves an execution in its lane (02 §6.12, §7.1). */

#include "core/engine/events.h"
#include "core/engine/exec.h"
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
