/* mark_lease_expired_if_due, revoke_lease, expire_worker_leases: how a lease is lost (02 §6.3,
 * §6.4, §6.14). */

#include "core/engine/events.h"
#include "core/engine/lease.h"
#include "core/engine/rely.h"
#include "core/id.h"

ff_err
ff_op_mark_lease_expired_if_due(struct ff_txn *txn,
                                const struct ff_mark_lease_expired_if_due_args *args,
                                struct ff_mark_lease_expired_if_due_result *result)
{
    struct ff_exec exec = { 0 };
    bool found = false;

    FF_TRY(ff_exec_lookup(txn, &args->execution_id, &exec, &found));
    if (!found) {
        result->outcome = "not_found";
    } else if (exec.lifecycle_phase != FF_PHASE_ACTIVE) {
        result->outcome = "not_active";
    } else if (exec.ownership_state == FF_OWNER_EXPIRED) {
        result->outcome = "already_expired";
    } else if (exec.ownership_state == FF_OWNER_REVOKED) {
        result->outcome = "already_revoked";
    } else if (exec.ownership_state == FF_OWNER_UNOWNED) {
        result->outcome = "unowned";
    } else if (exec.lease_expires_at.v > txn->now_ms) {
        result->outcome = "not_yet_expired";
    } else {
        result->outcome = "marked_expired";
        return ff_lease_mark_expired(txn, &exec, "lease_ttl");
    }
    return FF_E_OK;
}

/* ---- revoke_lease ---- */

/* Why there is nothing to revoke; NULL: there is. */
static const char *
revoked_already(const struct ff_exec *exec, const struct ff_revoke_lease_args *args,
                struct ff_opt_uuid expected)
{
    if (exec->lifecycle_phase != FF_PHASE_ACTIVE || exec->ownership_state == FF_OWNER_UNOWNED) {
        return "no_active_lease";
    }
    if (exec->ownership_state == FF_OWNER_REVOKED) {
        return "already_revoked";
    }
    if (exec->ownership_state == FF_OWNER_EXPIRED) {
        return "already_expired";
    }
    if (args->worker_instance_id.n > 0 &&
        !ff_str_eq(args->worker_instance_id, exec->current_worker_instance_id)) {
        return "different_worker_instance_id";
    }
    if (expected.is && !ff_uuid_eq(expected.v, exec->current_lease_id.v)) {
        return "lease_id_mismatch";
    }
    return NULL;
}

static ff_err
revoke(struct ff_txn *txn, struct ff_exec *exec, struct ff_str reason)
{
    struct ff_attempt attempt = { 0 };

    FF_TRY(ff_attempt_get(txn, exec, exec->current_attempt_index.v, &attempt));
    attempt.timeout_at = FF_NONE(ff_opt_i64);
    ff_attempt_close_stream(txn, &attempt, "lease_revoked");
    FF_TRY(ff_txn_put_attempt(txn, &attempt));
    exec->ownership_state = FF_OWNER_REVOKED;
    exec->blocking_reason = FF_BLOCK_WAITING_FOR_WORKER;
    exec->blocking_detail = FF_NONE(ff_str);
    exec->attempt_state = FF_ATTEMPT_INTERRUPTED;
    exec->lease_revoked_at = FF_SOME(ff_opt_i64, txn->now_ms);
    exec->lease_revoke_reason = reason;
    exec->attempt_timeout_at = FF_NONE(ff_opt_i64);
    FF_TRY(ff_exec_save(txn, exec, FF_EXEC_MOVED));
    return ff_event_revoked(txn, exec, "operator", reason);
}

ff_err
ff_op_revoke_lease(struct ff_txn *txn, const struct ff_revoke_lease_args *args,
                   struct ff_revoke_lease_result *result)
{
    struct ff_opt_uuid expected = { .is = args->expected_lease_id.n > 0 };
    struct ff_exec exec = { 0 };

    if (expected.is) {
        FF_TRY(
            ff_uuid_parse(args->expected_lease_id, "expected_lease_id", &expected.v, &txn->fault));
    }
    FF_TRY(ff_exec_open(txn, &args->execution_id, &exec));
    result->reason = revoked_already(&exec, args, expected);
    if (result->reason != NULL) {
        result->outcome = "already_satisfied";
        return FF_E_OK;
    }
    result->outcome = "revoked";
    result->lease_id = exec.current_lease_id;
    result->lease_epoch = FF_SOME(ff_opt_u64, exec.current_lease_epoch);
    return revoke(txn, &exec, args->reason);
}

/* ---- expire_worker_leases ---- */

/* Asks for all that the worker holds, so that they are loaded together; FF_E_PENDING. */
static ff_err
want_held(struct ff_txn *txn, const struct ff_scope *scope)
{
    struct ff_entry entry = { 0 }, next = { 0 };
    struct ff_exec exec = { 0 };
    bool found = false, first = true;

    for (;;) {
        ff_err err =
            ff_txn_next(txn, FF_IX_BY_WORKER, scope, first ? NULL : &entry, 256, &next, &found);

        FF_TRY(err);
        if (!found) {
            return FF_E_PENDING;
        }
        first = false;
        entry = next;
        err = ff_txn_find(txn, FF_R_EXEC, &entry.id, &exec, &found);
        if (err != FF_E_PENDING) {
            FF_TRY(err);
        }
    }
}

ff_err
ff_op_expire_worker_leases(struct ff_txn *txn, const struct ff_expire_worker_leases_args *args,
                           struct ff_expire_worker_leases_result *result)
{
    struct ff_scope scope = ff_scope_worker(args->worker_instance_id);
    struct ff_entry entry = { 0 };
    bool found = false;

    for (;;) {
        const struct ff_place place = { FF_IX_BY_WORKER, &scope, &entry };
        struct ff_exec exec = { 0 };
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_BY_WORKER, &scope, NULL, 256, &entry, &found));
        if (!found) {
            return FF_E_OK;
        }
        err = ff_txn_follow(txn, FF_R_EXEC, &place, &exec);
        if (err == FF_E_PENDING) {
            return want_held(txn, &scope);
        }
        FF_TRY(err);
        exec.lease_expires_at = FF_SOME(ff_opt_i64, txn->now_ms);
        FF_TRY(ff_lease_mark_expired(txn, &exec, "worker_lost"));
        result->expired++;
    }
}
