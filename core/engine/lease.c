#include "core/engine/lease.h"

#include "core/engine/events.h"
#include "core/engine/lessees.h"

ff_err
ff_held_read(struct ff_txn *txn, const struct ff_handle *handle, struct ff_held *out)
{
    struct ff_handle_payload payload;

    FF_TRY(ff_handle_open(handle, txn->facts->handle_tag, &payload, &txn->fault));
    out->execution_id = payload.execution_id;
    out->fence.lease_id = FF_SOME(ff_opt_uuid, payload.lease_id);
    out->fence.lease_epoch = FF_SOME(ff_opt_u64, payload.lease_epoch);
    out->fence.attempt_id = FF_SOME(ff_opt_uuid, payload.attempt_id);
    out->attempt_index = payload.attempt_index;
    out->lease_ttl_ms = payload.lease_ttl_ms;
    return FF_E_OK;
}

struct ff_handle
ff_lease_handle(struct ff_txn *txn, const struct ff_exec *exec, enum ff_handle_kind kind)
{
    const struct ff_handle_payload payload = {
        .tag = txn->facts->handle_tag,
        .execution_id = exec->execution_id,
        .attempt_index = exec->current_attempt_index.v,
        .attempt_id = exec->current_attempt_id.v,
        .lease_id = exec->current_lease_id.v,
        .lease_epoch = exec->current_lease_epoch,
        .lease_ttl_ms = exec->current_lease_ttl_ms,
        .lane_id = exec->lane_id,
        .worker_instance_id = exec->current_worker_instance_id,
    };

    return ff_handle_make(kind, &payload, txn->arena);
}

/* ---- the gate ---- */

ff_err
ff_fence_check_whole(struct ff_txn *txn, const struct ff_fence *fence, bool *given)
{
    struct ff_strs missing = { .v = NULL };

    *given = false;
    if (fence == NULL || (!fence->lease_id.is && !fence->lease_epoch.is && !fence->attempt_id.is)) {
        return FF_E_OK;
    }
    *given = true;
    if (fence->lease_id.is && fence->lease_epoch.is && fence->attempt_id.is) {
        return FF_E_OK;
    }
    missing.v = FF_ARENA_NEW(txn->arena, struct ff_str, 3);
    if (!fence->lease_id.is) {
        missing.v[missing.n++] = ff_cstr("lease_id");
    }
    if (!fence->lease_epoch.is) {
        missing.v[missing.n++] = ff_cstr("lease_epoch");
    }
    if (!fence->attempt_id.is) {
        missing.v[missing.n++] = ff_cstr("attempt_id");
    }
    return ff_fail(&txn->fault, FF_E_PARTIAL_FENCE_TRIPLE, ff_d_strs("missing", missing));
}

static bool
is_replay(const struct ff_exec *exec, const struct ff_gate *gate)
{
    const struct ff_release *last = exec->last_release;

    if (last == NULL || gate->fence == NULL || gate->keeps_lease || gate->never_replays ||
        last->lease_epoch != gate->fence->lease_epoch.v ||
        !ff_uuid_eq(last->lease_id, gate->fence->lease_id.v) ||
        !ff_uuid_eq(last->attempt_id, gate->fence->attempt_id.v)) {
        return false;
    }
    for (size_t i = 0; i < FF_COUNT(gate->outcomes); i++) {
        if (gate->outcomes[i] != NULL && ff_str_is(last->outcome, gate->outcomes[i])) {
            return true;
        }
    }
    return false;
}

static bool
holds_current(const struct ff_exec *exec, const struct ff_gate *gate)
{
    const struct ff_fence *fence = gate->fence;

    return exec->current_lease_id.is && ff_uuid_eq(exec->current_lease_id.v, fence->lease_id.v) &&
           exec->current_lease_epoch == fence->lease_epoch.v && exec->current_attempt_id.is &&
           ff_uuid_eq(exec->current_attempt_id.v, fence->attempt_id.v);
}

/* Steps 4 to 7 of 02 §3.2. */
static ff_err
check_lease(struct ff_txn *txn, struct ff_exec *exec, const struct ff_gate *gate, bool fenced)
{
    if (exec->lifecycle_phase != FF_PHASE_ACTIVE) {
        return ff_fail_not_active(txn, exec);
    }
    if (exec->ownership_state == FF_OWNER_REVOKED) {
        return ff_fail(&txn->fault, FF_E_LEASE_REVOKED);
    }
    if (exec->ownership_state == FF_OWNER_EXPIRED) {
        return ff_fail(&txn->fault, FF_E_LEASE_EXPIRED);
    }
    if (exec->lease_expires_at.v <= txn->now_ms) {
        if (!gate->keeps_lease) {
            FF_TRY(ff_lease_mark_expired(txn, exec, "lease_ttl"));
            ff_txn_keep(txn);
        }
        return ff_fail(&txn->fault, FF_E_LEASE_EXPIRED);
    }
    if ((fenced && !holds_current(exec, gate)) ||
        (gate->attempt_index.is && gate->attempt_index.v != exec->current_attempt_index.v)) {
        return ff_fail(&txn->fault, FF_E_STALE_LEASE);
    }
    return FF_E_OK;
}

ff_err
ff_lease_gate(struct ff_txn *txn, const struct ff_eid *id, const struct ff_gate *gate,
              struct ff_exec *exec, bool *replayed)
{
    bool fenced = false;

    *replayed = false;
    FF_TRY(ff_exec_open(txn, id, exec));
    FF_TRY(ff_fence_check_whole(txn, gate->fence, &fenced));
    if (!fenced && !gate->override) {
        return ff_fail(&txn->fault, FF_E_FENCE_REQUIRED);
    }
    if (fenced && is_replay(exec, gate)) {
        *replayed = true;
        return FF_E_OK;
    }
    return check_lease(txn, exec, gate, fenced);
}

/* ---- beginning, going on, ending ---- */

void
ff_lease_extend(struct ff_txn *txn, struct ff_exec *exec, uint64_t lease_ttl_ms)
{
    uint64_t two_thirds = lease_ttl_ms / 3 * 2 + lease_ttl_ms % 3 * 2 / 3; /* no overflow */

    exec->lease_last_renewed_at = FF_SOME(ff_opt_i64, txn->now_ms);
    exec->lease_expires_at = FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, lease_ttl_ms));
    exec->lease_renewal_deadline = FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, two_thirds));
    ff_txn_leased(txn, exec);
}

void
ff_lease_acquire(struct ff_txn *txn, struct ff_exec *exec, const struct ff_holder *holder)
{
    exec->current_lease_epoch++;
    exec->current_lease_id = FF_SOME(ff_opt_uuid, holder->lease_id);
    exec->current_worker_id = holder->worker_id;
    exec->current_worker_instance_id = holder->worker_instance_id;
    exec->current_lane = exec->lane_id;
    exec->current_lease_ttl_ms = holder->lease_ttl_ms;
    exec->claim_request_id = holder->request_id;
    exec->lease_acquired_at = FF_SOME(ff_opt_i64, txn->now_ms);
    ff_lease_extend(txn, exec, holder->lease_ttl_ms);
    exec->lease_expired_at = FF_NONE(ff_opt_i64);
    exec->lease_revoked_at = FF_NONE(ff_opt_i64);
    exec->lease_revoke_reason = FF_NONE(ff_str);
    exec->last_release = NULL;
    exec->claim_grant = exec->grant != NULL && exec->grant->request_id.is ? exec->grant : NULL;
    exec->grant = NULL;
    if (!exec->started_at.is) {
        exec->started_at = FF_SOME(ff_opt_i64, txn->now_ms);
    }
    ff_exec_make_active(exec);
}

ff_err
ff_lease_mark_expired(struct ff_txn *txn, struct ff_exec *exec, const char *reason)
{
    struct ff_attempt attempt = { 0 };

    FF_TRY(ff_attempt_get(txn, exec, exec->current_attempt_index.v, &attempt));
    attempt.timeout_at = FF_NONE(ff_opt_i64);
    ff_attempt_close_stream(txn, &attempt, "lease_expired");
    FF_TRY(ff_txn_put_attempt(txn, &attempt));

    exec->ownership_state = FF_OWNER_EXPIRED;
    exec->blocking_reason = FF_BLOCK_WAITING_FOR_WORKER;
    exec->blocking_detail =
        ff_arena_printf(txn->arena, "lease expired (%s); waiting to be reclaimed", reason);
    exec->attempt_state = FF_ATTEMPT_INTERRUPTED;
    exec->lease_expired_at = FF_SOME(ff_opt_i64, txn->now_ms);
    exec->attempt_timeout_at = FF_NONE(ff_opt_i64);
    FF_TRY(ff_exec_save(txn, exec, FF_EXEC_MOVED));
    return ff_event_lease(txn, exec, FF_LEASE_EV_EXPIRED, reason);
}

ff_err
ff_lease_release(struct ff_txn *txn, struct ff_exec *exec, const struct ff_release_note *note)
{
    struct ff_release *release = FF_ARENA_NEW(txn->arena, struct ff_release, 1);

    release->op = note->op;
    release->lease_id = exec->current_lease_id.v;
    release->lease_epoch = exec->current_lease_epoch;
    release->attempt_id = exec->current_attempt_id.v;
    release->outcome = ff_cstr(note->outcome);
    release->delay_until = note->delay_until;
    release->next_attempt_index = note->next_attempt_index;
    exec->last_release = release;
    if (exec->ownership_state == FF_OWNER_LEASED) {
        if (note->expired_by != NULL) {
            FF_TRY(ff_event_lease(txn, exec, FF_LEASE_EV_EXPIRED, note->expired_by));
        } else {
            FF_TRY(ff_event_revoked(txn, exec, note->revoked_by, note->reason));
        }
    }
    ff_exec_drop_lease(exec);
    return FF_E_OK;
}
