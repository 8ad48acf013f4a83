#include "core/engine/gate.h"

#include "core/engine/lease.h"
#include "core/id.h"

static const char impossible[] = "dependency_impossible";

ff_err
ff_gate_skip(struct ff_txn *txn, struct ff_exec *exec)
{
    const struct ff_attempt_end end = { .lifecycle = FF_LIFE_ENDED_CANCELLED,
                                        .reason = ff_cstr(impossible),
                                        .stream_reason = impossible };
    const struct ff_release_note note = { .op = FF_RELEASE_CANCEL,
                                          .outcome = "skipped",
                                          .revoked_by = "reconciler",
                                          .reason = ff_cstr(impossible) };

    FF_TRY(ff_attempt_finish(txn, exec, &end));
    if (exec->lifecycle_phase == FF_PHASE_ACTIVE) {
        FF_TRY(ff_lease_release(txn, exec, &note));
    }
    return ff_exec_end(txn, exec, FF_OUTCOME_SKIPPED);
}

ff_err
ff_gate_block(struct ff_txn *txn, struct ff_exec *exec, const struct ff_group *group,
              const struct ff_uuid *edge_id)
{
    struct ff_opt_i64 delay_until = exec->delay_until;
    struct ff_str detail =
        ff_arena_printf(txn->arena, "waits for %u upstream%s", (unsigned) group->waiting,
                        group->waiting == 1 ? "" : "s");

    if (edge_id != NULL) {
        char text[FF_UUID_TEXT_MAX];

        ff_uuid_text(edge_id, text);
        detail = ff_arena_printf(txn->arena, "%s; last edge applied: %s", detail.p, text);
    }
    ff_exec_make_blocked(exec, FF_ELIGIBLE_DEPENDENCIES, FF_BLOCK_WAITING_FOR_CHILDREN, detail);
    exec->delay_until = delay_until;
    exec->grant = NULL; /* one that was given before is of no use any more */
    return ff_exec_save(txn, exec, FF_EXEC_MOVED);
}

ff_err
ff_gate_release(struct ff_txn *txn, struct ff_exec *exec)
{
    exec->staged = false;
    if (exec->delay_until.is && exec->delay_until.v > txn->now_ms) {
        ff_exec_make_delayed(exec,
                             exec->attempt_state == FF_ATTEMPT_PENDING_RETRY
                                 ? FF_BLOCK_WAITING_FOR_RETRY_BACKOFF
                                 : FF_BLOCK_WAITING_FOR_DELAY,
                             exec->delay_until.v);
    } else {
        ff_exec_make_eligible(exec);
    }
    if (exec->attempt_state == FF_ATTEMPT_NONE) {
        exec->attempt_state = FF_ATTEMPT_PENDING_FIRST;
    }
    return ff_exec_save(txn, exec, FF_EXEC_MOVED);
}

/* A member that its flow's cancel will reach is not skipped; it cannot be claimed either. */
static ff_err
keep_back(struct ff_txn *txn, struct ff_exec *exec, const struct ff_group *group)
{
    bool skip = ff_group_verdict(group) == FF_VERDICT_IMPOSSIBLE && !exec->cancel_owed_at.is;

    return skip ? ff_gate_skip(txn, exec) : ff_gate_block(txn, exec, group, NULL);
}

static ff_err
find_group(struct ff_txn *txn, const struct ff_exec *exec, struct ff_group *group)
{
    bool found = false;

    return exec->flow_id.is
               ? ff_group_find(txn, &exec->flow_id.v, &exec->execution_id, group, &found)
               : FF_E_OK;
}

ff_err
ff_gate_save(struct ff_txn *txn, struct ff_exec *exec)
{
    struct ff_group group = { 0 };
    enum ff_verdict verdict = FF_VERDICT_NONE;

    FF_TRY(find_group(txn, exec, &group));
    FF_TRY(ff_flow_unstage(txn, exec));
    if (exec->staged) { /* a replay before its flow is all there */
        return ff_gate_block(txn, exec, &group, NULL);
    }
    verdict = ff_group_verdict(&group);
    if (verdict == FF_VERDICT_NONE || verdict == FF_VERDICT_SATISFIED) {
        return ff_exec_save(txn, exec, FF_EXEC_MOVED);
    }
    return keep_back(txn, exec, &group);
}

ff_err
ff_gate_wait_children(struct ff_txn *txn, struct ff_exec *exec)
{
    struct ff_group group = { 0 };

    exec->delay_until = FF_NONE(ff_opt_i64);
    FF_TRY(find_group(txn, exec, &group));
    if (ff_group_verdict(&group) == FF_VERDICT_SATISFIED) {
        return ff_gate_release(txn, exec);
    }
    if (ff_group_verdict(&group) == FF_VERDICT_NONE) {
        ff_exec_make_blocked(exec, FF_ELIGIBLE_DEPENDENCIES, FF_BLOCK_WAITING_FOR_CHILDREN,
                             FF_NONE(ff_str));
        return ff_exec_save(txn, exec, FF_EXEC_MOVED);
    }
    return keep_back(txn, exec, &group);
}
