#include "core/engine/purge.h"

#include "core/engine/flow.h"
#include "core/engine/stream.h"
#include "core/engine/walk.h"
#include "core/records_wait.h"

/* Removes every record of a scope. */
static ff_err
remove_all(struct ff_txn *txn, enum ff_index index, const struct ff_scope *scope,
           enum ff_record kind, bool *pending)
{
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    bool found = true;

    for (;;) {
        ff_err err = ff_txn_next(txn, index, scope, &at, 256, &next, &found);

        if (err == FF_E_PENDING || !found) {
            return ff_gather(err, pending);
        }
        FF_TRY(err);
        at = next;
        FF_TRY(ff_gather(ff_txn_remove(txn, kind, &at.id), pending));
    }
}

/* A waitpoint with its signals. */
static ff_err
remove_waitpoint(struct ff_txn *txn, const struct ff_eid *id, const struct ff_key *key,
                 bool *pending)
{
    struct ff_uuid waitpoint_id = ff_key_to_waitpoint_id(key);
    struct ff_scope signals = ff_scope_signals(id->partition, &waitpoint_id);
    struct ff_waitpoint waitpoint = { 0 };
    bool found = false;
    ff_err err = ff_txn_find(txn, FF_R_WAITPOINT, key, &waitpoint, &found);

    FF_TRY(remove_all(txn, FF_IX_SIGNALS, &signals, FF_R_SIGNAL, pending));
    if (err == FF_E_PENDING || !found) {
        return ff_gather(err, pending);
    }
    FF_TRY(err);
    if (waitpoint.suspension_id.is) {
        struct ff_scope satisfiers = ff_scope_satisfiers(id, &waitpoint.suspension_id.v);

        FF_TRY(remove_all(txn, FF_IX_SATISFIERS, &satisfiers, FF_R_SIGNAL, pending));
    }
    return ff_txn_remove(txn, FF_R_WAITPOINT, key);
}

static ff_err
remove_waitpoints(struct ff_txn *txn, const struct ff_eid *id, bool open, bool *pending)
{
    struct ff_scope scope = ff_scope_waitpoints(id, open);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    bool found = true;

    for (;;) {
        ff_err err = ff_txn_next(txn, FF_IX_WAITPOINTS, &scope, &at, 256, &next, &found);

        if (err == FF_E_PENDING || !found) {
            return ff_gather(err, pending);
        }
        FF_TRY(err);
        at = next;
        FF_TRY(ff_gather(remove_waitpoint(txn, id, &at.id, pending), pending));
    }
}

/* What other homes keep because of it. */
static ff_err
remove_references(struct ff_txn *txn, const struct ff_exec *exec, bool *pending)
{
    const struct ff_eid *id = &exec->execution_id;

    if (exec->budget_ids.n > 0) {
        struct ff_scope spender = ff_scope_eid(id);

        FF_TRY(remove_all(txn, FF_IX_SPENDERS, &spender, FF_R_LEDGER, pending));
    }
    if (exec->quota_policy_id.is) {
        struct ff_scope admissions = ff_scope_admissions(&exec->quota_policy_id.v, id);

        FF_TRY(remove_all(txn, FF_IX_ADMISSIONS, &admissions, FF_R_ADMISSION, pending));
    }
    return FF_E_OK;
}

/* The stream of one attempt, its frames and its summary. */
static ff_err
remove_output(struct ff_txn *txn, const struct ff_eid *id, uint32_t attempt_index, bool *pending)
{
    struct ff_key key = ff_key_attempt(id, attempt_index);

    for (int mode = 0; mode < FF_FRAME_MODES; mode++) {
        struct ff_scope frames = ff_scope_frames(id, attempt_index, (enum ff_frame_keep) mode);

        FF_TRY(remove_all(txn, FF_IX_FRAMES, &frames, FF_R_OUT_FRAME, pending));
    }
    ff_txn_drop(txn, FF_R_SUMMARY_DOC, &key);
    return ff_gather(ff_txn_remove(txn, FF_R_STREAM, &key), pending);
}

ff_err
ff_purge_exec(struct ff_txn *txn, const struct ff_exec *exec)
{
    const struct ff_eid *id = &exec->execution_id;
    struct ff_key key = ff_key_eid(id);
    bool pending = false;

    FF_TRY(remove_waitpoints(txn, id, true, &pending));
    FF_TRY(remove_waitpoints(txn, id, false, &pending));
    FF_TRY(remove_references(txn, exec, &pending));
    for (uint32_t i = 0; exec->has_output && i < exec->total_attempt_count; i++) {
        FF_TRY(remove_output(txn, id, i, &pending));
    }
    FF_TRY(ff_gather(ff_member_keep_end(txn, exec), &pending));
    if (pending) {
        return FF_E_PENDING;
    }
    ff_txn_drop(txn, FF_R_EXEC_INPUT, &key);
    ff_txn_drop(txn, FF_R_SUSPENSION, &key);
    if (exec->has_tags) {
        ff_txn_drop(txn, FF_R_EXEC_TAGS, &key);
    }
    if (exec->terminal_outcome == FF_OUTCOME_SUCCESS) {
        ff_txn_drop(txn, FF_R_EXEC_RESULT, &key);
    }
    for (uint32_t i = 0; i < exec->total_attempt_count; i++) {
        struct ff_key attempt = ff_key_attempt(id, i);

        ff_txn_drop(txn, FF_R_ATTEMPT, &attempt);
    }
    return ff_txn_remove(txn, FF_R_EXEC, &key);
}
