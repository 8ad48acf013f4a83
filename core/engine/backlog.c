#include "core/engine/backlog.h"

#include <stdlib.h>

#include "core/engine/cancel.h"
#include "core/engine/flow_work.h"
#include "core/engine/gate.h"
#include "core/engine/topics.h"
#include "core/id.h"
#include "core/state.h"

/* ---- targets ---- */

struct targets {
    struct ff_key *v; /* of executions */
    uint32_t n, room;
};

static bool
covers(enum ff_cancel_flow_policy policy, enum ff_public_state state)
{
    switch (state) {
    case FF_PUBLIC_WAITING:
    case FF_PUBLIC_DELAYED:
    case FF_PUBLIC_RATE_LIMITED:
    case FF_PUBLIC_WAITING_CHILDREN:
    case FF_PUBLIC_RESUMABLE:
    case FF_PUBLIC_SUBMITTED:
        return policy == FF_CANCEL_FLOW_PENDING || policy == FF_CANCEL_FLOW_ALL;
    case FF_PUBLIC_ACTIVE:
    case FF_PUBLIC_SUSPENDED:
        return policy == FF_CANCEL_FLOW_ALL;
    default:
        return false;
    }
}

static int
key_cmp(const void *a, const void *b)
{
    return ff_key_cmp(a, b);
}

static ff_err
add_scope(struct ff_txn *txn, const struct ff_scope *scope, struct targets *targets)
{
    struct ff_entry entry = { 0 }, next = { 0 };
    bool found = true;

    for (uint32_t n = 0; found && targets->n < targets->room; n++) {
        FF_TRY(ff_txn_next(txn, FF_IX_MEMBER_STATE, scope, n == 0 ? NULL : &entry, 4096, &next,
                           &found));
        entry = next;
        if (found) {
            targets->v[targets->n++] = entry.id;
        }
    }
    return FF_E_OK;
}

/* Members in a state that the policy covers, by id. */
static ff_err
find_targets(struct ff_txn *txn, const struct ff_flow *flow, struct targets *out)
{
    struct ff_scope prefix = ff_scope_flow(&flow->flow_id);
    struct ff_scope_list scopes = { 0 };
    bool pending = false;

    *out = (struct targets){ .room = flow->node_count };
    FF_TRY(ff_txn_scopes(txn, FF_IX_MEMBER_STATE, &prefix, &scopes));
    out->v = ff_arena_alloc(txn->arena, (out->room + 1u) * sizeof(*out->v));
    for (uint32_t i = 0; i < scopes.n; i++) {
        bool redundant = false;

        if (covers(flow->cancellation_policy.v, ff_scope_member_state(&scopes.v[i], &redundant))) {
            FF_TRY(ff_gather(add_scope(txn, &scopes.v[i], out), &pending));
        }
    }
    if (out->n > 1) {
        qsort(out->v, out->n, sizeof(out->v[0]), key_cmp);
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* ---- one member ---- */

struct ff_str
ff_backlog_reason(const struct ff_flow *flow)
{
    return flow->cancel_reason.n > 0 ? flow->cancel_reason : ff_cstr("flow_cancelled");
}

/* Finds an execution fit to be changed; one that is not there is done with. */
static ff_err
find_target(struct ff_txn *txn, const struct ff_key *key, struct ff_exec *exec, bool *found)
{
    FF_TRY(ff_txn_find(txn, FF_R_EXEC, key, exec, found));
    return *found ? ff_exec_check(exec, txn->arena, &txn->fault) : FF_E_OK;
}

static ff_err
cancel(struct ff_txn *txn, const struct ff_flow *flow, struct ff_exec *exec)
{
    exec->cancel_owed_at = FF_NONE(ff_opt_i64);
    return exec->lifecycle_phase == FF_PHASE_TERMINAL
               ? ff_txn_put_exec(txn, exec)
               : ff_cancel_by_operator(txn, exec, ff_backlog_reason(flow));
}

/* The stored vector is not changed (04 §8.2). */
static ff_err
mark(struct ff_txn *txn, struct ff_exec *exec)
{
    exec->cancel_owed_at = FF_SOME(ff_opt_i64, txn->now_ms);
    exec->grant = NULL;
    return ff_txn_put_exec(txn, exec);
}

/* Notes that a member's cancel failed; false in *is_new if that was known. */
static ff_err
note_failed(struct ff_txn *txn, const struct ff_flow *flow, const struct ff_key *key, bool *is_new)
{
    struct ff_eid id = ff_key_to_eid(key);
    struct ff_member member = { 0 };
    bool found = false;

    FF_TRY(ff_member_find(txn, &flow->flow_id, &id, &member, &found));
    *is_new = found && !member.cancel_failed;
    member.cancel_failed = true;
    return *is_new ? ff_txn_put_member(txn, &member) : FF_E_OK;
}

static bool
passes(ff_err err)
{
    return err == FF_E_PENDING || err == FF_E_TRANSPORT;
}

/* ---- filling ---- */

/* Cancels or marks one target; *cancelled tells which. */
static ff_err
take_target(struct ff_txn *txn, struct ff_flow *flow, const struct ff_key *key, bool now,
            bool *cancelled)
{
    struct ff_exec exec = { 0 };
    bool found = false;

    *cancelled = false;
    FF_TRY(find_target(txn, key, &exec, &found));
    if (!found || exec.lifecycle_phase == FF_PHASE_TERMINAL || exec.cancel_owed_at.is) {
        return FF_E_OK;
    }
    if (now) {
        *cancelled = true;
        return cancel(txn, flow, &exec);
    }
    flow->cancel_left++;
    return mark(txn, &exec);
}

/* Everything that the cancels will read; FF_E_PENDING. */
static ff_err
want_targets(struct ff_txn *txn, const struct targets *targets)
{
    bool pending = false;

    for (uint32_t i = 0; i < targets->n; i++) {
        struct ff_exec exec = { 0 };
        struct ff_attempt attempt = { 0 };
        bool found = false;
        ff_err err = ff_txn_find(txn, FF_R_EXEC, &targets->v[i], &exec, &found);

        if (err == FF_E_OK && found && exec.current_attempt_index.is) {
            err = ff_attempt_get(txn, &exec, exec.current_attempt_index.v, &attempt);
        }
        (void) ff_gather(err, &pending); /* what fails is met again where it counts */
    }
    return FF_E_PENDING;
}

/* All that are in the backlog or marked to be; one that failed may bear its mark, too. */
static ff_err
find_owed(struct ff_txn *txn, const struct ff_flow *flow, struct targets *out)
{
    struct ff_scope scope = ff_scope_flow(&flow->flow_id);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    bool found = true;

    *out = (struct targets){ .room = 2 * flow->node_count + 1 };
    out->v = ff_arena_alloc(txn->arena, out->room * sizeof(*out->v));
    while (out->n < out->room) {
        FF_TRY(ff_txn_next(txn, FF_IX_CANCEL_OWED, &scope, &at, 4096, &next, &found));
        if (!found) {
            break;
        }
        at = next;
        out->v[out->n] = at.id;
        if (at.sort > 0) { /* the key of a member, whose cancel failed */
            struct ff_eid id = ff_key_member_eid(&at.id);

            out->v[out->n] = ff_key_eid(&id);
        }
        out->n++;
    }
    out->n = ff_sort_once(out->v, out->n, sizeof(out->v[0]), key_cmp);
    return FF_E_OK;
}

/* Those of the targets that are not owed a cancel yet; both are sorted. */
static void
leave_unmarked(struct targets *targets, const struct targets *owed)
{
    uint32_t n = 0, at = 0;

    for (uint32_t i = 0; i < targets->n; i++) {
        while (at < owed->n && ff_key_cmp(&owed->v[at], &targets->v[i]) < 0) {
            at++;
        }
        if (at == owed->n || ff_key_cmp(&owed->v[at], &targets->v[i]) != 0) {
            targets->v[n++] = targets->v[i];
        }
    }
    targets->n = n;
}

/* Marks, or cancels, one after the other; what cannot be is noted, and does not stop the others
 * (04 §8.3). */
static ff_err
take_targets(struct ff_txn *txn, struct ff_flow *flow, const struct targets *targets,
             uint32_t cancel_now)
{
    uint32_t n_cancelled = 0;

    for (uint32_t i = 0; i < targets->n; i++) {
        struct ff_savepoint before = ff_txn_savepoint(txn);
        bool cancelled = false, is_new = false;
        ff_err err = take_target(txn, flow, &targets->v[i], n_cancelled < cancel_now, &cancelled);

        if (passes(err)) {
            return err == FF_E_PENDING ? want_targets(txn, targets) : err;
        }
        n_cancelled += err == FF_E_OK && cancelled;
        if (err != FF_E_OK) {
            ff_txn_rollback(txn, &before);
            FF_TRY(note_failed(txn, flow, &targets->v[i], &is_new));
            flow->cancel_left += is_new;
        }
    }
    return FF_E_OK;
}

ff_err
ff_backlog_prepare(struct ff_txn *txn, struct ff_flow *flow, bool *ready)
{
    uint32_t left = flow->cancel_left;
    struct targets targets = { 0 }, owed = { 0 };

    FF_TRY(find_targets(txn, flow, &targets));
    *ready = targets.n <= FF_CANCEL_STEP;
    if (*ready) {
        return FF_E_OK;
    }
    FF_TRY(find_owed(txn, flow, &owed));
    leave_unmarked(&targets, &owed);
    *ready = targets.n == 0;
    targets.n = targets.n < FF_CANCEL_STEP ? targets.n : FF_CANCEL_STEP;
    FF_TRY(take_targets(txn, flow, &targets, 0));
    if (!flow->cancelled) {
        flow->cancel_left = left; /* the flip counts them: until then there is no backlog */
    }
    return FF_E_OK;
}

ff_err
ff_backlog_fill(struct ff_txn *txn, struct ff_flow *flow, uint32_t cancel_now)
{
    struct targets targets = { 0 }, owed = { 0 };

    FF_TRY(find_owed(txn, flow, &owed));
    flow->cancel_left = owed.n;
    FF_TRY(find_targets(txn, flow, &targets));
    if (targets.n > FF_CANCEL_STEP && cancel_now > 0) { /* all of them are marked */
        return ff_backlog_drain(txn, flow, txn->facts->consumes ? FF_DRAIN_STEP : cancel_now);
    }
    if (targets.n > FF_CANCEL_STEP) {
        return FF_E_OK;
    }
    return take_targets(txn, flow, &targets, cancel_now);
}

/* ---- draining ---- */

/* Up to `most` executions that bear the mark. */
static ff_err
find_marked(struct ff_txn *txn, const struct ff_flow *flow, uint32_t most, struct targets *out)
{
    struct ff_scope scope = ff_scope_flow(&flow->flow_id);
    struct ff_entry entry = { 0 }, next = { 0 };
    bool found = true;

    *out = (struct targets){ .v = ff_arena_alloc(txn->arena, (most + 1u) * sizeof(*out->v)) };
    for (uint32_t n = 0; found && out->n < most; n++) {
        FF_TRY(ff_txn_next(txn, FF_IX_CANCEL_OWED, &scope, n == 0 ? NULL : &entry, most, &next,
                           &found));
        entry = next;
        if (found && entry.sort > 0) {
            break; /* behind them stand those whose cancel failed */
        }
        if (found) {
            out->v[out->n++] = entry.id;
        }
    }
    return FF_E_OK;
}

static ff_err
drain_one(struct ff_txn *txn, struct ff_flow *flow, const struct ff_key *key)
{
    struct ff_savepoint before = ff_txn_savepoint(txn);
    struct ff_exec exec = { 0 };
    bool found = false, is_new = false;
    ff_err err = find_target(txn, key, &exec, &found);

    if (err == FF_E_OK && found) {
        err = cancel(txn, flow, &exec);
    }
    if (err == FF_E_OK) {
        flow->cancel_left -= flow->cancel_left > 0;
        return FF_E_OK;
    }
    if (passes(err)) {
        return err;
    }
    ff_txn_rollback(txn, &before); /* counted already: it was marked */
    return note_failed(txn, flow, key, &is_new);
}

ff_err
ff_backlog_drain(struct ff_txn *txn, struct ff_flow *flow, uint32_t most)
{
    struct targets marked = { 0 };

    FF_TRY(find_marked(txn, flow, most, &marked));
    for (uint32_t i = 0; i < marked.n; i++) {
        ff_err err = drain_one(txn, flow, &marked.v[i]);

        FF_TRY(err == FF_E_PENDING ? want_targets(txn, &marked) : err);
    }
    return FF_E_OK;
}

/* A mark on a record that cannot be read any more stays, and is one of the failed ones. */
ff_err
ff_backlog_rest(struct ff_txn *txn, const struct ff_flow *flow, bool *out)
{
    struct targets marked = { 0 };

    *out = false;
    FF_TRY(find_marked(txn, flow, 16, &marked));
    for (uint32_t i = 0; i < marked.n && !*out; i++) {
        struct ff_eid id = ff_key_to_eid(&marked.v[i]);
        struct ff_member member = { 0 };
        bool found = false;

        FF_TRY(ff_member_find(txn, &flow->flow_id, &id, &member, &found));
        *out = !member.cancel_failed;
    }
    return FF_E_OK;
}

ff_err
ff_backlog_failed(struct ff_txn *txn, const struct ff_flow *flow, struct ff_strs *out)
{
    struct ff_scope scope = ff_scope_flow(&flow->flow_id);
    struct ff_entry entry = { .sort = 1 }, next = { 0 };
    bool found = true;

    out->v = FF_ARENA_NEW(txn->arena, struct ff_str, flow->cancel_left);
    while (found && out->n < flow->cancel_left) {
        FF_TRY(ff_txn_next(txn, FF_IX_CANCEL_OWED, &scope, &entry, 64, &next, &found));
        entry = next;
        if (found && entry.sort > 0) {
            char *text = ff_arena_alloc(txn->arena, FF_EID_TEXT_MAX);
            struct ff_eid id = ff_key_member_eid(&entry.id);

            out->v[out->n++] = ff_str(text, ff_eid_text(&id, text));
        }
    }
    return FF_E_OK;
}

/* ---- leaving ---- */

/* It was not cancelled: what its edges say applies now (04 §8.6). */
static ff_err
judge(struct ff_txn *txn, struct ff_exec *exec)
{
    struct ff_group group = { 0 };
    enum ff_verdict verdict = FF_VERDICT_NONE;
    bool found = false, runnable = exec->lifecycle_phase == FF_PHASE_RUNNABLE;
    bool gated = runnable && exec->eligibility_state == FF_ELIGIBLE_DEPENDENCIES;

    FF_TRY(ff_group_find(txn, &exec->flow_id.v, &exec->execution_id, &group, &found));
    verdict = ff_group_verdict(&group);
    if (verdict == FF_VERDICT_IMPOSSIBLE && exec->lifecycle_phase != FF_PHASE_TERMINAL) {
        return ff_gate_skip(txn, exec);
    }
    if (verdict == FF_VERDICT_BLOCKED && runnable && !gated) {
        return ff_gate_block(txn, exec, &group, NULL);
    }
    if (gated &&
        (verdict == FF_VERDICT_SATISFIED || (verdict == FF_VERDICT_NONE && exec->staged))) {
        return ff_gate_release(txn, exec);
    }
    return ff_txn_put_exec(txn, exec);
}

ff_err
ff_backlog_leave(struct ff_txn *txn, struct ff_flow *flow, const struct ff_eid *execution_id)
{
    struct ff_member member = { 0 };
    struct ff_exec exec = { 0 };
    bool found = false, is_member = false, owed = false;

    FF_TRY(ff_member_find(txn, &flow->flow_id, execution_id, &member, &is_member));
    if (!is_member) {
        return FF_E_OK;
    }
    if (member.cancel_failed) {
        member.cancel_failed = false;
        flow->cancel_left -= flow->cancel_left > 0;
        return ff_txn_put_member(txn, &member);
    }
    FF_TRY(ff_txn_find_exec(txn, execution_id, &exec, &found));
    owed = found && exec.cancel_owed_at.is;
    if (owed) {
        exec.cancel_owed_at = FF_NONE(ff_opt_i64);
        flow->cancel_left -= flow->cancel_left > 0;
        return judge(txn, &exec);
    }
    return FF_E_OK;
}

/* ---- by itself (follow.c) ---- */

/* Whoever began has not come back: a broker that is gone, or a step that was not committed. */
static ff_err
go_on_flipping(struct ff_txn *txn, struct ff_flow *flow)
{
    const struct ff_flip with = { .policy =
                                      (enum ff_cancel_flow_policy) flow->cancellation_policy.v,
                                  .reason = flow->cancel_reason,
                                  .cancel_now = FF_CANCEL_STEP };
    bool done = false;

    FF_TRY(ff_flow_flip(txn, flow, &with, &done));
    ff_txn_walk(txn)->stage = !done; /* each step puts its due time off */
    return done ? FF_E_OK : ff_txn_step(txn);
}

ff_err
ff_follow_backlog(struct ff_txn *txn, const void *args, void *result)
{
    struct ff_flow flow = { 0 };
    struct ff_scope topic = ff_scope_none();
    bool found = false, rest = false;

    (void) result;
    (void) ff_txn_walk(txn);
    FF_TRY(ff_txn_find(txn, FF_R_FLOW, args, &flow, &found));
    if (found && ff_flow_is_prepared(&flow) &&
        (flow.cancel_due_at.v <= txn->now_ms || ff_txn_walk(txn)->stage > 0)) {
        return go_on_flipping(txn, &flow);
    }
    if (!found || flow.cancel_left == 0 || flow.cancel_due_at.v > txn->now_ms) {
        return FF_E_OK;
    }
    FF_TRY(ff_backlog_drain(txn, &flow, FF_DRAIN_STEP));
    FF_TRY(ff_txn_put_flow(txn, &flow));
    FF_TRY(ff_backlog_rest(txn, &flow, &rest));
    topic = ff_topic_flow(&flow.flow_id);
    ff_txn_wake(txn, &topic, UINT32_MAX);
    return rest ? ff_txn_step(txn) : FF_E_OK;
}
