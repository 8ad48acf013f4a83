/* renew, renew_lease, progress: what a worker does while it holds a lease (02 §3.8, §3.9). */

#include "core/engine/events.h"
#include "core/engine/lease.h"

static ff_err
renew(struct ff_txn *txn, const struct ff_eid *id, const struct ff_gate *gate,
      uint64_t lease_ttl_ms, struct ff_exec *exec)
{
    bool replayed = false;

    FF_TRY(ff_lease_gate(txn, id, gate, exec, &replayed));
    ff_lease_extend(txn, exec, lease_ttl_ms);
    FF_TRY(ff_exec_save(txn, exec, FF_EXEC_SAME));
    return ff_event_lease(txn, exec, FF_LEASE_EV_RENEWED, NULL);
}

ff_err
ff_op_renew(struct ff_txn *txn, const struct ff_renew_args *args, struct ff_renew_result *result)
{
    struct ff_exec exec = { 0 };
    struct ff_held held = { 0 };
    struct ff_gate gate = { .never_replays = true };

    FF_TRY(ff_held_read(txn, &args->handle, &held));
    gate.fence = &held.fence;
    gate.attempt_index = FF_SOME(ff_opt_u32, held.attempt_index);
    FF_TRY(renew(txn, &held.execution_id, &gate, held.lease_ttl_ms, &exec));
    result->lease_expires_at = exec.lease_expires_at.v;
    result->lease_epoch = exec.current_lease_epoch;
    return FF_E_OK;
}

ff_err
ff_op_renew_lease(struct ff_txn *txn, const struct ff_renew_lease_args *args,
                  struct ff_renew_lease_result *result)
{
    struct ff_exec exec = { 0 };
    const struct ff_gate gate = {
        .fence = args->fence,
        .attempt_index = FF_SOME(ff_opt_u32, args->attempt_index),
        .never_replays = true,
    };

    FF_TRY(renew(txn, &args->execution_id, &gate, args->lease_ttl_ms, &exec));
    result->outcome = "renewed";
    result->lease_expires_at = exec.lease_expires_at.v;
    result->lease_epoch = exec.current_lease_epoch;
    return FF_E_OK;
}

ff_err
ff_op_progress(struct ff_txn *txn, const struct ff_progress_args *args,
               struct ff_progress_result *result)
{
    struct ff_exec exec = { 0 };
    struct ff_held held = { 0 };
    struct ff_gate gate = { .never_replays = true, .keeps_lease = true };
    bool replayed = false;

    (void) result;
    FF_TRY(ff_held_read(txn, &args->handle, &held));
    gate.fence = &held.fence;
    gate.attempt_index = FF_SOME(ff_opt_u32, held.attempt_index);
    FF_TRY(ff_lease_gate(txn, &held.execution_id, &gate, &exec, &replayed));
    if (!args->percent.is && args->message.p == NULL) {
        return FF_E_OK;
    }
    if (args->percent.is) {
        exec.progress_pct = args->percent;
    }
    if (args->message.p != NULL) {
        exec.progress_message = args->message;
    }
    exec.progress_updated_at = FF_SOME(ff_opt_i64, txn->now_ms);
    return ff_exec_save(txn, &exec, FF_EXEC_SAME);
}
