/* create_waitpoint, close_waitpoint, list_pending_waitpoints, read_waitpoint_token (03 §5, §8.1,
 * §10.1, §10.2). */

#include "core/condition.h"
#include "core/engine/keyring.h"
#include "core/engine/lease.h"
#include "core/engine/reads.h"
#include "core/engine/suspension.h"
#include "core/engine/walk.h"
#include "core/partition.h"

#define WAITPOINT_KEY_BYTES_MAX 512

/* ---- create_waitpoint ---- */

static ff_err
check_key(struct ff_txn *txn, struct ff_str key)
{
    if (key.n > 0 && key.n <= WAITPOINT_KEY_BYTES_MAX) {
        return FF_E_OK;
    }
    return ff_fail(&txn->fault, FF_E_INVALID_WAITPOINT_KEY, ff_d_text("field", "waitpoint_key"),
                   ff_d_text("reason", key.n == 0 ? "empty" : "too_long"), ff_d_u64("len", key.n),
                   ff_d_u64("max", WAITPOINT_KEY_BYTES_MAX));
}

ff_err
ff_op_create_waitpoint(struct ff_txn *txn, const struct ff_create_waitpoint_args *args,
                       struct ff_create_waitpoint_result *result)
{
    struct ff_gate gate = { .attempt_index = { .is = true } };
    struct ff_waitpoint waitpoint = { .state = FF_WAITPOINT_PENDING,
                                      .waitpoint_key = args->waitpoint_key };
    struct ff_keyring ring = { 0 };
    struct ff_held held = { 0 };
    struct ff_exec exec = { 0 };
    bool replayed = false;

    if (ff_str_is(args->handle.kind, "suspended")) {
        return ff_fail(&txn->fault, FF_E_ALREADY_SUSPENDED);
    }
    FF_TRY(check_key(txn, args->waitpoint_key));
    FF_TRY(ff_held_read(txn, &args->handle, &held));
    gate.fence = &held.fence;
    gate.attempt_index.v = held.attempt_index;
    FF_TRY(ff_lease_gate(txn, &held.execution_id, &gate, &exec, &replayed));
    FF_TRY(ff_waitpoints_make_room(txn, &exec, 1, "waitpoint_key"));
    waitpoint.execution_id = exec.execution_id;
    waitpoint.waitpoint_id = ff_txn_uuid(txn);
    waitpoint.attempt_index = held.attempt_index;
    waitpoint.created_at = txn->now_ms;
    waitpoint.expires_at = FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, args->expires_in));
    FF_TRY(ff_keyring_read(txn, &ring));
    FF_TRY(ff_keyring_sign(txn, &ring, &waitpoint));
    FF_TRY(ff_txn_put_new(txn, FF_R_WAITPOINT, &waitpoint));
    exec.open_waitpoints++;
    FF_TRY(ff_exec_save(txn, &exec, FF_EXEC_SAME));
    result->waitpoint_id = waitpoint.waitpoint_id;
    result->waitpoint_key = waitpoint.waitpoint_key;
    result->hmac_token = ff_waitpoint_token(txn, &waitpoint);
    result->expires_at = waitpoint.expires_at.v;
    return FF_E_OK;
}

/* ---- close_waitpoint ---- */

static ff_err
close_and_count(struct ff_txn *txn, struct ff_waitpoint *waitpoint, struct ff_str reason)
{
    struct ff_exec exec = { 0 };

    FF_TRY(ff_exec_open(txn, &waitpoint->execution_id, &exec));
    FF_TRY(ff_waitpoint_close(txn, &exec, waitpoint, reason));
    return ff_exec_save(txn, &exec, FF_EXEC_SAME);
}

static ff_err
close_by_hand(struct ff_txn *txn, struct ff_waitpoint *waitpoint, struct ff_str reason,
              const char **outcome)
{
    if (ff_waitpoint_has_lapsed(waitpoint, txn->now_ms)) {
        *outcome = "already_closed"; /* though not swept yet: the first reason counts */
        return close_and_count(txn, waitpoint, ff_cstr("never_committed"));
    }
    *outcome = waitpoint->state == FF_WAITPOINT_CLOSED ? "already_closed" : "closed";
    return waitpoint->state == FF_WAITPOINT_CLOSED ? FF_E_OK
                                                   : close_and_count(txn, waitpoint, reason);
}

static ff_err
sweep(struct ff_txn *txn, struct ff_waitpoint *waitpoint, const char **outcome)
{
    if (waitpoint->state != FF_WAITPOINT_PENDING) {
        *outcome = "not_pending_cleaned";
        return FF_E_OK;
    }
    if (!ff_waitpoint_has_lapsed(waitpoint, txn->now_ms)) {
        *outcome = "not_yet_due";
        return FF_E_OK;
    }
    *outcome = "closed";
    return close_and_count(txn, waitpoint, ff_cstr("never_committed"));
}

ff_err
ff_op_close_waitpoint(struct ff_txn *txn, const struct ff_close_waitpoint_args *args,
                      struct ff_close_waitpoint_result *result)
{
    bool by_hand = args->reason.p != NULL;
    struct ff_waitpoint waitpoint = { 0 };
    bool found = false, foreign = false;

    if (by_hand && args->reason.n == 0) {
        return ff_fail_input(&txn->fault, "reason", "empty");
    }
    FF_TRY(ff_waitpoint_find(txn, args->execution_id.partition, &args->waitpoint_id, &waitpoint,
                             &found));
    foreign = found && !ff_eid_eq(waitpoint.execution_id, args->execution_id);
    if (by_hand && !found) {
        return ff_fail(&txn->fault, FF_E_WAITPOINT_NOT_FOUND, ff_d_text("entity", "waitpoint"));
    }
    if (by_hand && foreign) {
        return ff_fail(&txn->fault, FF_E_INVALID_WAITPOINT_FOR_EXECUTION);
    }
    if (!found || foreign) {
        result->outcome = "not_found_cleaned";
        return FF_E_OK;
    }
    return by_hand ? close_by_hand(txn, &waitpoint, args->reason, &result->outcome)
                   : sweep(txn, &waitpoint, &result->outcome);
}

/* ---- list_pending_waitpoints ---- */

struct listing {
    struct ff_condition condition; /* of the open suspension; n == 0: none */
    struct ff_uuid suspension_id;
};

static ff_err
read_condition(struct ff_txn *txn, const struct ff_eid *id, struct listing *out)
{
    struct ff_suspension suspension = { 0 };
    bool found = false, open = false;

    FF_TRY(ff_suspension_find(txn, id, &suspension, &found, &open));
    if (!open) {
        return FF_E_OK;
    }
    out->suspension_id = suspension.suspension_id;
    return ff_condition_parse(suspension.resume_condition, "resume_condition", txn->arena,
                              &out->condition, &txn->fault);
}

static void
show(struct ff_txn *txn, const struct listing *listing, const struct ff_waitpoint *waitpoint,
     struct ff_pending_waitpoint *out)
{
    out->waitpoint_id = waitpoint->waitpoint_id;
    out->waitpoint_key = waitpoint->waitpoint_key;
    out->state = waitpoint->state;
    out->created_at = waitpoint->created_at;
    out->activated_at = waitpoint->activated_at;
    out->expires_at = waitpoint->expires_at;
    out->execution_id = waitpoint->execution_id;
    out->token_kid = waitpoint->token_kid;
    out->token_fingerprint = ff_token_fingerprint(waitpoint->token_digest, txn->arena);
    if (waitpoint->state == FF_WAITPOINT_ACTIVE && listing->condition.n > 0) {
        out->required_signal_names =
            ff_condition_names(&listing->condition, waitpoint->waitpoint_key);
    }
}

/* Reads on until the page is full and one more is seen. */
static ff_err
fill_page(struct ff_txn *txn, const struct ff_list_pending_waitpoints_args *args,
          const struct listing *listing, struct ff_list_pending_waitpoints_result *result)
{
    struct ff_scope scope = ff_scope_waitpoints(&args->execution_id, true);
    uint32_t limit = ff_page_limit(args->limit);
    struct ff_entry entry = { 0 }, next = { 0 };
    bool first = !args->cursor.is, found = false, pending = false;

    if (args->cursor.is) {
        entry.id = ff_key_waitpoint(args->execution_id.partition, &args->cursor.v);
    }
    result->entries.v = FF_ARENA_NEW(txn->arena, struct ff_pending_waitpoint, limit);
    while (limit > 0) {
        struct ff_waitpoint waitpoint = { 0 };

        FF_TRY(ff_txn_next(txn, FF_IX_WAITPOINTS, &scope, first ? NULL : &entry, limit + 1, &next,
                           &found));
        if (!found) {
            break;
        }
        first = false;
        entry = next;
        FF_TRY(
            ff_gather(ff_txn_find(txn, FF_R_WAITPOINT, &entry.id, &waitpoint, &found), &pending));
        if (pending || !found || !ff_waitpoint_is_open(&waitpoint, txn->now_ms)) {
            continue;
        }
        if (result->entries.n == limit) {
            result->next_cursor = FF_SOME(ff_opt_uuid, result->entries.v[limit - 1].waitpoint_id);
            return FF_E_OK;
        }
        show(txn, listing, &waitpoint, &result->entries.v[result->entries.n++]);
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

ff_err
ff_op_list_pending_waitpoints(struct ff_txn *txn,
                              const struct ff_list_pending_waitpoints_args *args,
                              struct ff_list_pending_waitpoints_result *result)
{
    struct listing listing = { 0 };
    struct ff_exec exec = { 0 };

    FF_TRY(ff_txn_get_exec(txn, &args->execution_id, &exec));
    if (exec.open_waitpoints == 0) {
        return FF_E_OK;
    }
    FF_TRY(read_condition(txn, &args->execution_id, &listing));
    return fill_page(txn, args, &listing, result);
}

/* ---- read_waitpoint_token ---- */

/* A token that does not verify any more is made anew under the current key. */
static ff_err
renew_token(struct ff_txn *txn, struct ff_waitpoint *waitpoint)
{
    const struct ff_ring_key *key = NULL;
    struct ff_keyring ring = { 0 };

    FF_TRY(ff_keyring_read(txn, &ring));
    key = ff_keyring_find(&ring, waitpoint->token_kid);
    if (key != NULL && ff_ring_key_verifies(key, txn->now_ms)) {
        return FF_E_OK;
    }
    FF_TRY(ff_keyring_sign(txn, &ring, waitpoint));
    return ff_txn_put_waitpoint(txn, waitpoint);
}

ff_err
ff_op_read_waitpoint_token(struct ff_txn *txn, const struct ff_read_waitpoint_token_args *args,
                           struct ff_read_waitpoint_token_result *result)
{
    struct ff_partition partition = { 0 };
    struct ff_waitpoint waitpoint = { 0 };
    bool found = false;

    FF_TRY(ff_partition_key_parse(args->partition, "partition", &partition, &txn->fault));
    if (partition.family != FF_PARTITION_FLOW) {
        return FF_E_OK; /* executions are elsewhere */
    }
    FF_TRY(ff_waitpoint_find(txn, partition.index, &args->waitpoint_id, &waitpoint, &found));
    if (!found || !ff_waitpoint_is_open(&waitpoint, txn->now_ms) ||
        (args->execution_id.is && !ff_eid_eq(args->execution_id.v, waitpoint.execution_id))) {
        return FF_E_OK;
    }
    FF_TRY(renew_token(txn, &waitpoint));
    result->token = ff_waitpoint_token(txn, &waitpoint);
    return FF_E_OK;
}
