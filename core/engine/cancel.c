/* cancel, cancel_execution: ending work that is not wanted any more (02 §6.7). */

#include "core/engine/cancel.h"

#include "core/engine/lease.h"

static const char by_operator[] = "operator_override";
static const char by_flow[] = "flow_cascade";
static const char by_timeout[] = "system_timeout";

struct cancelling {
    struct ff_str reason;
    struct ff_str source;       /* kept as cancelled_by */
    const char *revoked_by;     /* of the lease event */
    struct ff_str event_reason; /* of the lease event */
};

/* Who took the lease, as its end event tells (02 §9.1). */
static void
name_revoker(struct cancelling *with)
{
    with->event_reason = with->reason;
    if (ff_str_is(with->source, by_operator)) {
        with->revoked_by = "operator";
    } else if (ff_str_is(with->source, by_flow) || ff_str_is(with->source, by_timeout)) {
        with->revoked_by = "reconciler";
    } else {
        with->revoked_by = "backend";
        with->event_reason = ff_cstr("cancelled");
    }
}

static ff_err
end_cancelled(struct ff_txn *txn, struct ff_exec *exec, const struct cancelling *with)
{
    const struct ff_attempt_end end = {
        .lifecycle = FF_LIFE_ENDED_CANCELLED,
        .reason = ff_arena_printf(txn->arena, "cancelled: %.*s", (int) with->reason.n,
                                  with->reason.n == 0 ? "" : with->reason.p),
        .stream_reason = "attempt_cancelled",
    };
    const struct ff_release_note note = { .op = FF_RELEASE_CANCEL,
                                          .outcome = "cancelled",
                                          .revoked_by = with->revoked_by,
                                          .reason = with->event_reason };

    FF_TRY(ff_attempt_finish(txn, exec, &end));
    if (exec->lifecycle_phase == FF_PHASE_ACTIVE) {
        FF_TRY(ff_lease_release(txn, exec, &note));
    }
    exec->cancellation_reason = with->reason;
    exec->cancelled_by = with->source;
    return ff_exec_end(txn, exec, FF_OUTCOME_CANCELLED);
}

ff_err
ff_cancel_by_operator(struct ff_txn *txn, struct ff_exec *exec, struct ff_str reason)
{
    struct cancelling with = { .reason = reason, .source = ff_cstr(by_operator) };

    name_revoker(&with);
    return end_cancelled(txn, exec, &with);
}

ff_err
ff_op_cancel(struct ff_txn *txn, const struct ff_cancel_args *args, struct ff_cancel_result *result)
{
    const struct cancelling with = { .reason = args->reason,
                                     .source = ff_str("worker", 6),
                                     .revoked_by = "backend",
                                     .event_reason = ff_str("cancelled", 9) };
    struct ff_gate gate = { .outcomes = { "cancelled" } };
    struct ff_held held = { 0 };
    struct ff_exec exec = { 0 };
    bool replayed = false;

    (void) result;
    FF_TRY(ff_held_read(txn, &args->handle, &held));
    gate.fence = &held.fence;
    gate.attempt_index = FF_SOME(ff_opt_u32, held.attempt_index);
    FF_TRY(ff_lease_gate(txn, &held.execution_id, &gate, &exec, &replayed));
    return replayed ? FF_E_OK : end_cancelled(txn, &exec, &with);
}

/* ---- cancel_execution ---- */

static bool
is_trusted(struct ff_str source)
{
    return ff_str_is(source, by_operator) || ff_str_is(source, by_flow) ||
           ff_str_is(source, by_timeout);
}

/* Steps 2 to 4 of 02 §6.7. *done: it is cancelled already. */
static ff_err
may_cancel(struct ff_txn *txn, const struct ff_cancel_execution_args *args, struct ff_exec *exec,
           bool *done)
{
    const struct ff_fence fence = { .lease_id = args->lease_id,
                                    .lease_epoch = args->lease_epoch,
                                    .attempt_id = args->attempt_id };
    const struct ff_gate gate = { .fence = &fence, .outcomes = { "cancelled" } };

    *done = exec->lifecycle_phase == FF_PHASE_TERMINAL &&
            exec->terminal_outcome == FF_OUTCOME_CANCELLED;
    if (*done) {
        return FF_E_OK;
    }
    if (exec->lifecycle_phase == FF_PHASE_TERMINAL) {
        return ff_fail_not_active(txn, exec);
    }
    if (exec->lifecycle_phase != FF_PHASE_ACTIVE || is_trusted(args->source)) {
        return FF_E_OK;
    }
    return ff_lease_gate(txn, &args->execution_id, &gate, exec, done);
}

ff_err
ff_op_cancel_execution(struct ff_txn *txn, const struct ff_cancel_execution_args *args,
                       struct ff_cancel_execution_result *result)
{
    struct cancelling with = { .reason = args->reason, .source = args->source };
    struct ff_exec exec = { 0 };
    bool done = false;

    if (args->source.n == 0) {
        return ff_fail_input(&txn->fault, "source", "empty");
    }
    FF_TRY(ff_exec_open(txn, &args->execution_id, &exec));
    FF_TRY(may_cancel(txn, args, &exec, &done));
    if (!done) {
        name_revoker(&with);
        FF_TRY(end_cancelled(txn, &exec, &with));
    }
    result->outcome = "cancelled";
    result->execution_id = args->execution_id;
    result->public_state = FF_PUBLIC_CANCELLED;
    return FF_E_OK;
}
