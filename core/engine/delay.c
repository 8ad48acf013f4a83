/* delay, wait_children: the owner gives the lease up and the attempt goes on later (02 §6.8, §6.9).
 */

#include "core/engine/gate.h"
#include "core/engine/lease.h"

/* ---- delay ---- */

static ff_err
check_until(struct ff_txn *txn, int64_t until_ms)
{
    return until_ms < 0 ? ff_fail_input(&txn->fault, "delay_until", "out_of_range") : FF_E_OK;
}

/* *until_ms: where the call is a repetition, what the first one stored. */
static ff_err
delay(struct ff_txn *txn, const struct ff_eid *id, const struct ff_gate *gate, int64_t *until_ms,
      struct ff_exec *exec)
{
    struct ff_release_note note = { .op = FF_RELEASE_DELAY,
                                    .outcome = "delayed",
                                    .delay_until = FF_SOME(ff_opt_i64, *until_ms),
                                    .revoked_by = "backend",
                                    .reason = ff_str("delayed", 7) };
    bool replayed = false;

    FF_TRY(ff_lease_gate(txn, id, gate, exec, &replayed));
    if (replayed) {
        *until_ms = exec->last_release->delay_until.v;
        return FF_E_OK;
    }
    FF_TRY(ff_attempt_suspend(txn, exec, ff_cstr("worker_delay")));
    FF_TRY(ff_lease_release(txn, exec, &note));
    exec->attempt_state = FF_ATTEMPT_INTERRUPTED;
    ff_exec_make_delayed(exec, FF_BLOCK_WAITING_FOR_DELAY, *until_ms);
    return ff_gate_save(txn, exec);
}

ff_err
ff_op_delay(struct ff_txn *txn, const struct ff_delay_args *args, struct ff_delay_result *result)
{
    struct ff_gate gate = { .outcomes = { "delayed" } };
    struct ff_held held = { 0 };
    struct ff_exec exec = { 0 };
    int64_t until_ms = args->delay_until;

    FF_TRY(check_until(txn, until_ms));
    FF_TRY(ff_held_read(txn, &args->handle, &held));
    gate.fence = &held.fence;
    gate.attempt_index = FF_SOME(ff_opt_u32, held.attempt_index);
    FF_TRY(delay(txn, &held.execution_id, &gate, &until_ms, &exec));
    result->delay_until = until_ms;
    return FF_E_OK;
}

ff_err
ff_op_delay_execution(struct ff_txn *txn, const struct ff_delay_execution_args *args,
                      struct ff_delay_execution_result *result)
{
    const struct ff_gate gate = {
        .fence = args->fence,
        .attempt_index = args->attempt_index,
        .override = ff_str_is(args->source, "operator_override"),
        .outcomes = { "delayed" },
    };
    struct ff_exec exec = { 0 };
    int64_t until_ms = args->delay_until;

    FF_TRY(check_until(txn, until_ms));
    FF_TRY(delay(txn, &args->execution_id, &gate, &until_ms, &exec));
    result->outcome = "delayed";
    result->execution_id = args->execution_id;
    result->public_state = exec.public_state;
    result->delay_until = until_ms;
    return FF_E_OK;
}

/* ---- wait_children ---- */

static ff_err
wait_children(struct ff_txn *txn, const struct ff_eid *id, const struct ff_gate *gate,
              struct ff_exec *exec)
{
    const struct ff_release_note note = { .op = FF_RELEASE_WAIT_CHILDREN,
                                          .outcome = "waiting_children",
                                          .revoked_by = "backend",
                                          .reason = ff_str("waiting_children", 16) };
    bool replayed = false;

    FF_TRY(ff_lease_gate(txn, id, gate, exec, &replayed));
    if (replayed) {
        return FF_E_OK;
    }
    FF_TRY(ff_attempt_suspend(txn, exec, ff_cstr("waiting_children")));
    FF_TRY(ff_lease_release(txn, exec, &note));
    exec->attempt_state = FF_ATTEMPT_INTERRUPTED;
    return ff_gate_wait_children(txn, exec);
}

ff_err
ff_op_wait_children(struct ff_txn *txn, const struct ff_wait_children_args *args,
                    struct ff_wait_children_result *result)
{
    struct ff_gate gate = { .outcomes = { "waiting_children" } };
    struct ff_held held = { 0 };
    struct ff_exec exec = { 0 };

    (void) result;
    FF_TRY(ff_held_read(txn, &args->handle, &held));
    gate.fence = &held.fence;
    gate.attempt_index = FF_SOME(ff_opt_u32, held.attempt_index);
    return wait_children(txn, &held.execution_id, &gate, &exec);
}

ff_err
ff_op_move_to_waiting_children(struct ff_txn *txn,
                               const struct ff_move_to_waiting_children_args *args,
                               struct ff_move_to_waiting_children_result *result)
{
    const struct ff_gate gate = {
        .fence = args->fence,
        .attempt_index = args->attempt_index,
        .override = ff_str_is(args->source, "operator_override"),
        .outcomes = { "waiting_children" },
    };
    struct ff_exec exec = { 0 };

    FF_TRY(wait_children(txn, &args->execution_id, &gate, &exec));
    result->outcome = "moved";
    result->execution_id = args->execution_id;
    result->public_state = exec.public_state;
    return FF_E_OK;
}
