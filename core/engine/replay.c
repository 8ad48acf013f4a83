/* replay_execution: an ended execution runs again (02 §6.13, 04 §4.6); where its edges are many, in
 * steps (flow_replay.h). */

#include "core/engine/events.h"
#include "core/engine/flow_replay.h"
#include "core/engine/flow_work.h"

/* A replay starts afresh: counters, result and the marks of the end go; epoch, attempts and their
 * numbers stay. */
static void
wipe(struct ff_txn *txn, struct ff_exec *exec)
{
    exec->retry_count = 0;
    exec->lease_reclaim_count = 0;
    exec->completed_at = FF_NONE(ff_opt_i64);
    exec->failure_reason = FF_NONE(ff_str);
    exec->failure_category = FF_NONE(ff_str);
    exec->failure_detail = FF_NONE(ff_str);
    exec->cancellation_reason = FF_NONE(ff_str);
    exec->cancelled_by = FF_NONE(ff_str);
    exec->progress_pct = FF_NONE(ff_opt_u32);
    exec->progress_message = FF_NONE(ff_str);
    exec->progress_updated_at = FF_NONE(ff_opt_i64);
    exec->current_attempt_id = FF_NONE(ff_opt_uuid);
    exec->last_release = NULL;
    exec->pending_retry_reason = FF_NONE(ff_str);
    exec->pending_attempt_policy_json = FF_NONE(ff_str);
    if (exec->execution_deadline_at.is && exec->execution_deadline_at.v <= txn->now_ms) {
        exec->execution_deadline_at = FF_NONE(ff_opt_i64);
    }
}

static ff_err
check(struct ff_txn *txn, const struct ff_exec *exec)
{
    if (exec->lifecycle_phase != FF_PHASE_TERMINAL) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_TERMINAL);
    }
    if (exec->replay_count >= exec->max_replay_count) {
        return ff_fail(&txn->fault, FF_E_MAX_REPLAYS_EXHAUSTED,
                       ff_d_u64("max", exec->max_replay_count));
    }
    return FF_E_OK;
}

/* The step in which it begins to run again. */
static ff_err
run_again(struct ff_txn *txn, struct ff_exec *exec, const struct ff_replay *replay, bool *more)
{
    struct ff_key key = ff_key_eid(&exec->execution_id);
    bool skipped = exec->flow_id.is && exec->terminal_outcome == FF_OUTCOME_SKIPPED;

    ff_txn_drop(txn, FF_R_EXEC_RESULT, &key);
    wipe(txn, exec);
    exec->replay_count++;
    exec->pending_replay_reason = replay->reason;
    exec->pending_replay_requested_by = replay->requested_by;
    exec->pending_previous_attempt_index = exec->current_attempt_index;
    exec->attempt_state = FF_ATTEMPT_PENDING_REPLAY;
    ff_exec_make_eligible(exec);
    FF_TRY(ff_flow_replay(txn, exec, replay, more));
    return ff_event_replayed(txn, exec, skipped ? "skipped_flow_member" : "normal",
                             replay->groups_reset);
}

/* ---- the operation ---- */

enum { STAGE_BACK, STAGE_UP }; /* taking edges back, catching up with what has ended */

/* The state that the replay itself has led to: from then on others move it, too. */
static void
note_state(struct ff_walk *walk, const struct ff_exec *exec)
{
    if (exec->replay_count == walk->counts[1] && exec->lifecycle_phase == FF_PHASE_RUNNABLE) {
        walk->counts[0] = exec->public_state;
    }
}

ff_err
ff_op_replay_execution(struct ff_txn *txn, const struct ff_replay_execution_args *args,
                       struct ff_replay_execution_result *result)
{
    struct ff_replay replay = { .reason = args->reason, .requested_by = args->requested_by };
    struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_exec exec = { 0 };
    struct ff_key group = { .n = 0 };
    bool done = false, more = true;

    FF_TRY(ff_exec_open(txn, &args->execution_id, &exec));
    if (walk->stage == STAGE_BACK) {
        FF_TRY(check(txn, &exec));
        FF_TRY(ff_flow_take_back(txn, &exec, &replay, &done));
        if (!done) {
            return ff_txn_step(txn);
        }
        FF_TRY(run_again(txn, &exec, &replay, &more));
        walk->stage = STAGE_UP;
        walk->counts[1] = exec.replay_count;
        note_state(walk, &exec);
    }
    if (more) {
        group = ff_key_member(&exec.flow_id.v, &exec.execution_id);
        FF_TRY(ff_flow_catch_up(txn, &group, &exec, &done));
        note_state(walk, &exec);
        if (!done) {
            return ff_txn_step(txn);
        }
    }
    result->outcome = "replayed";
    result->public_state = (enum ff_public_state) walk->counts[0];
    return FF_E_OK;
}

/* ---- what calls that are gone have left ---- */

/* The execution cannot be replayed any more: its group says what its edges do. */
static ff_err
give_up(struct ff_txn *txn, struct ff_group *group)
{
    if (ff_group_is_held(group)) {
        group->replay_phase++;
        group->state = ff_group_evaluate(group);
    }
    group->replay_due_at = FF_NONE(ff_opt_i64);
    group->replay_reason = group->replay_requested_by = FF_NONE(ff_str);
    return ff_txn_put_group(txn, group);
}

/* One step. *done: that was the last one. */
static ff_err
go_on(struct ff_txn *txn, struct ff_group *group, bool *done)
{
    struct ff_replay replay = { .reason = group->replay_reason,
                                .requested_by = group->replay_requested_by };
    const struct ff_key key = ff_key_member(&group->flow_id, &group->downstream);
    struct ff_exec exec = { 0 };
    bool found = false, more = false;

    if (!ff_group_is_held(group)) {
        return ff_flow_catch_up(txn, &key, &exec, done);
    }
    *done = true;
    FF_TRY(ff_txn_find_exec(txn, &group->downstream, &exec, &found));
    if (!found || check(txn, &exec) != FF_E_OK) {
        txn->fault = (struct ff_fault){ 0 };
        return give_up(txn, group);
    }
    FF_TRY(ff_flow_take_back(txn, &exec, &replay, done));
    if (*done) {
        *done = false; /* there is catching up to be done */
        return run_again(txn, &exec, &replay, &more);
    }
    return FF_E_OK;
}

/* One step; where a record of it cannot be read nobody could ever go on. */
static ff_err
try_step(struct ff_txn *txn, struct ff_group *group, bool *done)
{
    struct ff_savepoint before = ff_txn_savepoint(txn);
    ff_err err = go_on(txn, group, done);

    if (err == FF_E_CORRUPTION) {
        *done = true;
        ff_txn_rollback(txn, &before);
        return give_up(txn, group);
    }
    return err;
}

ff_err
ff_follow_replay(struct ff_txn *txn, const void *args, void *result)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_group group = { 0 };
    bool found = false, done = false;

    (void) result;
    FF_TRY(ff_txn_find(txn, FF_R_GROUP, args, &group, &found));
    if (!found || !group.replay_due_at.is ||
        (group.replay_due_at.v > txn->now_ms && walk->stage == 0)) {
        return FF_E_OK;
    }
    walk->stage = 1; /* each step puts its due time off */
    FF_TRY(try_step(txn, &group, &done));
    return done ? FF_E_OK : ff_txn_step(txn);
}

/* The group in whose edges the walk stands, as each step has put it off, or the first that is due.
 */
static ff_err
find_rest(struct ff_txn *txn, struct ff_key *key, bool *any)
{
    const struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    struct ff_scope all = ff_scope_none();

    *any = walk->inside && walk->scope.n > 0;
    if (*any) { /* the scope of its edges is its key */
        *key = ff_key_bytes(ff_str(walk->scope.b, walk->scope.n));
        return FF_E_OK;
    }
    FF_TRY(ff_txn_next(txn, FF_IX_REPLAYING, &all, &at, 1, &next, any));
    *any = *any && next.sort <= txn->now_ms;
    *key = next.id;
    return FF_E_OK;
}

ff_err
ff_replay_rest(struct ff_txn *txn, bool *any)
{
    struct ff_group group = { 0 };
    struct ff_key key = { .n = 0 };
    bool done = false;

    FF_TRY(find_rest(txn, &key, any));
    if (!*any) {
        return FF_E_OK;
    }
    FF_TRY(ff_txn_find(txn, FF_R_GROUP, &key, &group, any));
    ff_txn_walk(txn)->inside = ff_txn_walk(txn)->inside && group.replay_due_at.is;
    return *any && group.replay_due_at.is ? try_step(txn, &group, &done) : FF_E_OK;
}
