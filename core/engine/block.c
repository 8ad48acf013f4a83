/* block_execution_for_admission, block_route, unblock_execution: keeping an eligible execution
 * back, and letting it go again (05 §3). */

#include "core/engine/gate.h"
#include "core/state.h"

struct block {
    const struct ff_eid *execution_id;
    struct ff_str lane_id;
    struct ff_str detail;
    enum ff_blocking_reason reason;
    enum ff_eligibility_state eligibility;
};

/* One of the five that an admission block sets: each can be lifted again. */
static bool
is_admission_block(enum ff_eligibility_state eligibility)
{
    switch (eligibility) {
    case FF_ELIGIBLE_BUDGET:
    case FF_ELIGIBLE_QUOTA:
    case FF_ELIGIBLE_ROUTE:
    case FF_ELIGIBLE_OPERATOR:
    case FF_ELIGIBLE_LANE_STATE:
        return true;
    default:
        return false;
    }
}

/* Where the caller believes it is; false: elsewhere (02 §1.5). */
static bool
is_where_stated(const struct ff_txn *txn, const struct ff_exec *exec, struct ff_str lane_id)
{
    const struct ff_opt_u32 partition = txn->common->partition;

    return ff_str_eq(exec->lane_id, lane_id) &&
           (!partition.is || partition.v == exec->execution_id.partition);
}

/* Checks 2 to 6 of 05 §3.1; FF_E_OK: it may be blocked. */
static ff_err
refusal(const struct ff_txn *txn, const struct ff_exec *exec, const struct block *block, bool found)
{
    if (!found) {
        return FF_E_EXECUTION_NOT_FOUND;
    }
    if (exec->lifecycle_phase == FF_PHASE_TERMINAL) {
        return FF_E_EXECUTION_NOT_ACTIVE;
    }
    if (exec->lifecycle_phase != FF_PHASE_RUNNABLE) {
        return FF_E_EXECUTION_NOT_ELIGIBLE;
    }
    if (!is_where_stated(txn, exec, block->lane_id)) {
        return FF_E_EXECUTION_NOT_IN_ELIGIBLE_SET;
    }
    if (exec->eligibility_state != FF_ELIGIBLE_NOW &&
        !is_admission_block(exec->eligibility_state)) {
        return FF_E_EXECUTION_NOT_ELIGIBLE;
    }
    return ff_grant_is_live(exec, txn->now_ms) ? FF_E_GRANT_ALREADY_EXISTS : FF_E_OK;
}

/* Blocks it, or says in *refused_out why not. The same block again changes nothing. */
static ff_err
block_execution(struct ff_txn *txn, const struct block *block, ff_err *refused_out)
{
    struct ff_exec exec = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find_exec(txn, block->execution_id, &exec, &found));
    *refused_out = refusal(txn, &exec, block, found);
    if (*refused_out != FF_E_OK ||
        (exec.blocking_reason == block->reason && ff_str_eq(exec.blocking_detail, block->detail))) {
        return FF_E_OK;
    }
    exec.grant = NULL; /* a lapsed one, or none */
    ff_exec_make_blocked(&exec, block->eligibility, block->reason, block->detail);
    return ff_exec_save(txn, &exec, FF_EXEC_MOVED);
}

ff_err
ff_op_block_execution_for_admission(struct ff_txn *txn,
                                    const struct ff_block_execution_for_admission_args *args,
                                    struct ff_block_execution_for_admission_result *result)
{
    struct block block = { .execution_id = &args->execution_id,
                           .lane_id = args->lane_id,
                           .detail = args->reason_detail };
    ff_err refused = FF_E_OK;

    FF_TRY(ff_eligibility_of_block(args->reason, &block.reason, &block.eligibility, &txn->fault));
    FF_TRY(block_execution(txn, &block, &refused));
    if (refused != FF_E_OK) {
        result->outcome = "rejected";
        result->code = ff_error_info(refused)->code;
        result->message = ff_cstr(ff_error_info(refused)->message);
        return FF_E_OK;
    }
    result->outcome = "blocked";
    result->execution_id = FF_SOME(ff_opt_eid, args->execution_id);
    result->reason = FF_SOME(ff_opt_u32, block.reason);
    return FF_E_OK;
}

ff_err
ff_op_block_route(struct ff_txn *txn, const struct ff_block_route_args *args,
                  struct ff_block_route_result *result)
{
    const struct block block = { .execution_id = &args->execution_id,
                                 .lane_id = args->lane_id,
                                 .detail = args->reason_detail,
                                 .reason = FF_BLOCK_WAITING_FOR_CAPABLE_WORKER,
                                 .eligibility = FF_ELIGIBLE_ROUTE };
    ff_err refused = FF_E_INVALID_BLOCKING_REASON;

    if (ff_str_is(args->reason_code, "waiting_for_capable_worker")) {
        FF_TRY(block_execution(txn, &block, &refused));
    }
    if (refused != FF_E_OK) {
        result->outcome = "rejected";
        result->code = ff_error_info(refused)->code;
        result->message = ff_cstr(ff_error_info(refused)->message);
        return FF_E_OK;
    }
    result->outcome = "blocked";
    result->execution_id = FF_SOME(ff_opt_eid, args->execution_id);
    result->reason = FF_SOME(ff_opt_u32, block.reason);
    return FF_E_OK;
}

ff_err
ff_op_unblock_execution(struct ff_txn *txn, const struct ff_unblock_execution_args *args,
                        struct ff_unblock_execution_result *result)
{
    enum ff_blocking_reason expected = FF_BLOCK_NONE;
    enum ff_eligibility_state eligibility = FF_ELIGIBLE_NA;
    struct ff_exec exec = { 0 };
    bool found = false;

    FF_TRY(ff_eligibility_of_block(args->expected_blocking_reason, &expected, &eligibility,
                                   &txn->fault));
    FF_TRY(ff_txn_find_exec(txn, &args->execution_id, &exec, &found));
    if (!found) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_FOUND, ff_d_text("entity", "execution"));
    }
    if (exec.lifecycle_phase != FF_PHASE_RUNNABLE || !is_admission_block(exec.eligibility_state) ||
        exec.blocking_reason != expected) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_ELIGIBLE);
    }
    if (!is_where_stated(txn, &exec, args->lane_id)) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_IN_ELIGIBLE_SET);
    }
    result->outcome = "unblocked";
    ff_exec_make_eligible(&exec);
    return ff_gate_save(txn, &exec);
}
