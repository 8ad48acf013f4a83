#include "core/engine/purge.h"

#include "core/engine/flow.h"
#include "core/engine/quota.h"
#include "core/engine/rely.h"
#include "core/engine/stream.h"
#include "core/engine/walk.h"
#include "core/records_wait.h"

/* One removal under way. What is to be loaded is passed over: the step is run again with it. */
struct purging {
    struct ff_txn *txn;
    enum ff_record of; /* what is purged: its own record is written by each step */
    struct ff_key key;
    uint32_t left; /* records that may still be removed; 0: the rest is for the next step */
    bool pending;
};

/* Removes the records of a scope, as many as there may be. */
static ff_err
remove_scope(struct purging *purging, enum ff_index index, const struct ff_scope *scope,
             enum ff_record kind)
{
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    struct ff_txn *txn = purging->txn;
    bool found = true;

    FF_TRY(ff_txn_guard(txn, index, scope, purging->of, &purging->key));
    for (; purging->left > 0; purging->left--) {
        ff_err err = ff_txn_next(txn, index, scope, &at, 256, &next, &found);

        if (err == FF_E_PENDING || !found) {
            return ff_gather(err, &purging->pending);
        }
        FF_TRY(err);
        at = next;
        FF_TRY(ff_gather(ff_txn_remove(txn, kind, &at.id), &purging->pending));
    }
    return FF_E_OK;
}

/* ---- executions ---- */

/* A waitpoint with its signals; itself last. */
static ff_err
remove_waitpoint(struct purging *purging, const struct ff_eid *id, const struct ff_key *key)
{
    struct ff_uuid waitpoint_id = ff_key_to_waitpoint_id(key);
    struct ff_scope signals = ff_scope_signals(id->partition, &waitpoint_id);
    struct ff_waitpoint waitpoint = { 0 };
    bool found = false;
    ff_err err = ff_txn_find(purging->txn, FF_R_WAITPOINT, key, &waitpoint, &found);

    FF_TRY(remove_scope(purging, FF_IX_SIGNALS, &signals, FF_R_SIGNAL));
    if (err == FF_E_PENDING || !found) {
        return ff_gather(err, &purging->pending);
    }
    FF_TRY(err);
    if (waitpoint.suspension_id.is) {
        struct ff_scope satisfiers = ff_scope_satisfiers(id, &waitpoint.suspension_id.v);

        FF_TRY(remove_scope(purging, FF_IX_SATISFIERS, &satisfiers, FF_R_SIGNAL));
    }
    if (purging->left == 0) {
        return FF_E_OK;
    }
    purging->left--;
    return ff_gather(ff_txn_remove(purging->txn, FF_R_WAITPOINT, key), &purging->pending);
}

static ff_err
remove_waitpoints(struct purging *purging, const struct ff_eid *id, bool open)
{
    struct ff_scope scope = ff_scope_waitpoints(id, open);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    bool found = true;

    FF_TRY(ff_txn_guard(purging->txn, FF_IX_WAITPOINTS, &scope, purging->of, &purging->key));
    while (purging->left > 0) {
        ff_err err = ff_txn_next(purging->txn, FF_IX_WAITPOINTS, &scope, &at, 256, &next, &found);

        if (err == FF_E_PENDING || !found) {
            return ff_gather(err, &purging->pending);
        }
        FF_TRY(err);
        at = next;
        FF_TRY(remove_waitpoint(purging, id, &at.id));
    }
    return FF_E_OK;
}

/* What other homes keep because of it. */
static ff_err
remove_references(struct purging *purging, const struct ff_exec *exec)
{
    const struct ff_eid *id = &exec->execution_id;
    struct ff_scope own = ff_scope_eid(id);

    if (exec->budget_ids.n > 0) {
        FF_TRY(remove_scope(purging, FF_IX_SPENDERS, &own, FF_R_LEDGER));
    }
    if (exec->quota_policy_id.is) {
        struct ff_scope admissions = ff_scope_admissions(&exec->quota_policy_id.v, id);

        FF_TRY(remove_scope(purging, FF_IX_ADMISSIONS, &admissions, FF_R_ADMISSION));
    }
    return remove_scope(purging, FF_IX_REPLIES, &own, FF_R_SUSPEND_REPLY);
}

/* Frames, which nobody finds without their stream. The newest attempt's first; *attempts: how many
 * there still are. */
static ff_err
remove_frames(struct purging *purging, const struct ff_exec *exec, uint32_t *attempts)
{
    for (; *attempts > 0 && exec->has_output; --*attempts) {
        for (int mode = 0; mode < FF_FRAME_MODES; mode++) {
            struct ff_scope frames =
                ff_scope_frames(&exec->execution_id, *attempts - 1, (enum ff_frame_keep) mode);

            FF_TRY(remove_scope(purging, FF_IX_FRAMES, &frames, FF_R_OUT_FRAME));
        }
        if (purging->left == 0) {
            break; /* there may be more */
        }
    }
    return FF_E_OK;
}

/* What an execution or an attempt has one of at the most. */
static ff_err
remove_singles(struct purging *purging, const struct ff_exec *exec)
{
    struct ff_key key = ff_key_eid(&exec->execution_id);
    struct ff_txn *txn = purging->txn;

    ff_txn_drop(txn, FF_R_EXEC_INPUT, &key);
    ff_txn_drop(txn, FF_R_SUSPENSION, &key);
    if (exec->has_tags) {
        ff_txn_drop(txn, FF_R_EXEC_TAGS, &key);
    }
    if (exec->terminal_outcome == FF_OUTCOME_SUCCESS) {
        ff_txn_drop(txn, FF_R_EXEC_RESULT, &key);
    }
    for (uint32_t i = 0; i < exec->total_attempt_count; i++) {
        struct ff_key attempt = ff_key_attempt(&exec->execution_id, i);

        if (exec->has_output) {
            ff_txn_drop(txn, FF_R_SUMMARY_DOC, &attempt);
            FF_TRY(ff_gather(ff_txn_remove(txn, FF_R_STREAM, &attempt), &purging->pending));
        }
        ff_txn_drop(txn, FF_R_ATTEMPT, &attempt);
    }
    return FF_E_OK;
}

ff_err
ff_purge_exec(struct ff_txn *txn, const struct ff_exec *exec, uint32_t *n)
{
    struct ff_key key = ff_key_eid(&exec->execution_id);
    struct purging purging = { .txn = txn, .of = FF_R_EXEC, .key = key, .left = FF_PURGE_STEP };
    uint32_t attempts = exec->purging.is ? exec->purging.v : exec->total_attempt_count;
    struct ff_exec rest = *exec;

    FF_TRY(remove_waitpoints(&purging, &exec->execution_id, true));
    FF_TRY(remove_waitpoints(&purging, &exec->execution_id, false));
    FF_TRY(remove_references(&purging, exec));
    FF_TRY(remove_frames(&purging, exec, &attempts));
    if (!exec->purging.is) {
        FF_TRY(remove_singles(&purging, exec));
        FF_TRY(ff_gather(ff_member_keep_end(txn, exec), &purging.pending));
    }
    if (purging.pending) {
        return FF_E_PENDING;
    }
    *n = FF_PURGE_STEP - purging.left + 3 + exec->total_attempt_count; /* as remove_singles */
    if (purging.left > 0) {
        return ff_txn_remove(txn, FF_R_EXEC, &key);
    }
    rest.purging = FF_SOME(ff_opt_u32, attempts);
    return ff_txn_put_exec(txn, &rest);
}

/* ---- flows ---- */

/* Members of a flow whose submission is taken back: with their executions, which have never run. */
static ff_err
remove_unborn(struct purging *purging, const struct ff_scope *scope)
{
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    struct ff_txn *txn = purging->txn;
    bool found = true;

    FF_TRY(ff_txn_guard(txn, FF_IX_MEMBERS, scope, purging->of, &purging->key));
    while (purging->left > 0) {
        struct ff_exec exec = { 0 };
        struct ff_eid id;
        uint32_t n = 0;
        ff_err err = ff_txn_next(txn, FF_IX_MEMBERS, scope, &at, 256, &next, &found);

        if (err == FF_E_PENDING || !found) {
            return ff_gather(err, &purging->pending);
        }
        FF_TRY(err);
        at = next;
        id = ff_key_member_eid(&at.id);
        FF_TRY(ff_gather(ff_txn_remove(txn, FF_R_MEMBER, &at.id), &purging->pending));
        err = ff_txn_find_exec(txn, &id, &exec, &found);
        if (err == FF_E_OK && found) {
            err = ff_slots_free(txn, &exec);
        }
        if (err == FF_E_OK && found) {
            err = ff_purge_exec(txn, &exec, &n);
        }
        FF_TRY(ff_gather(err, &purging->pending));
        purging->left -= n + 1 < purging->left ? n + 1 : purging->left;
    }
    return FF_E_OK;
}

ff_err
ff_purge_flow(struct ff_txn *txn, const struct ff_flow *flow)
{
    struct ff_key key = ff_key_flow(&flow->flow_id);
    struct purging purging = { .txn = txn, .of = FF_R_FLOW, .key = key, .left = FF_PURGE_STEP };
    struct ff_scope scope = ff_scope_flow(&flow->flow_id);
    struct ff_flow rest = *flow;

    FF_TRY(flow->submitting ? remove_unborn(&purging, &scope)
                            : remove_scope(&purging, FF_IX_MEMBERS, &scope, FF_R_MEMBER));
    FF_TRY(remove_scope(&purging, FF_IX_GROUPS, &scope, FF_R_GROUP));
    FF_TRY(remove_scope(&purging, FF_IX_EDGES, &scope, FF_R_EDGE));
    FF_TRY(ff_gather(ff_txn_remove(txn, FF_R_SUMMARY, &key), &purging.pending));
    if (purging.pending) {
        return FF_E_PENDING;
    }
    if (purging.left > 0) {
        return ff_txn_remove(txn, FF_R_FLOW, &key);
    }
    rest.purging = true;
    return ff_txn_put_flow(txn, &rest);
}

/* ---- what is left ---- */

/* The first one of a kind; *found: there is one. */
static ff_err
first_of(struct ff_txn *txn, enum ff_record kind, struct ff_entry *out, bool *found)
{
    struct ff_scope scope = ff_scope_kind(kind);

    return ff_txn_next(txn, FF_IX_PURGING, &scope, NULL, 1, out, found);
}

ff_err
ff_purge_rest(struct ff_txn *txn, bool *any)
{
    struct ff_entry entry = { 0 };
    struct ff_exec exec = { 0 };
    struct ff_flow flow = { 0 };
    uint32_t n = 0;

    FF_TRY(first_of(txn, FF_R_EXEC, &entry, any));
    if (*any) {
        FF_TRY(ff_txn_find_hidden(txn, FF_R_EXEC, &entry.id, &exec, any));
        return *any ? ff_purge_exec(txn, &exec, &n) : FF_E_OK;
    }
    FF_TRY(first_of(txn, FF_R_FLOW, &entry, any));
    if (*any) {
        FF_TRY(ff_txn_find_hidden(txn, FF_R_FLOW, &entry.id, &flow, any));
        return *any ? ff_purge_flow(txn, &flow) : FF_E_OK;
    }
    return FF_E_OK;
}

ff_err
ff_purge_over(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key)
{
    union {
        struct ff_exec exec;
        struct ff_flow flow;
    } record;
    bool found = false, begun = false;

    FF_TRY(ff_txn_find_hidden(txn, kind, key, &record, &found));
    begun = found && kind == FF_R_FLOW && !record.flow.purging;
    return found ? ff_fail(&txn->fault, FF_E_RETRY_EXHAUSTED,
                           ff_d_text("reason", begun ? "submitting" : "purging"))
                 : FF_E_OK;
}
