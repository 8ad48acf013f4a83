/* describe_execution, read_execution_info, read_execution_state, describe_attempt: what people and
 * tools see of an execution (02 §8). What is stored is shown as it is, legal or not. */

#include "core/codec.h"
#include "core/engine/flow.h"
#include "core/engine/reads.h"
#include "core/state.h"

ff_err
ff_tags_of(struct ff_txn *txn, const struct ff_exec *exec, struct ff_tags *out)
{
    struct ff_key key = ff_key_eid(&exec->execution_id);
    struct ff_exec_tags tags = { 0 };
    bool found = false;

    if (exec->has_tags) {
        FF_TRY(ff_txn_find(txn, FF_R_EXEC_TAGS, &key, &tags, &found));
    }
    *out = tags.tags;
    return FF_E_OK;
}

/* ---- describe_execution ---- */

static struct ff_attempt_ref *
attempt_ref(struct ff_txn *txn, const struct ff_exec *exec)
{
    struct ff_attempt_ref *ref = NULL;

    if (exec->current_attempt_id.is) {
        ref = FF_ARENA_NEW(txn->arena, struct ff_attempt_ref, 1);
        ref->attempt_id = exec->current_attempt_id.v;
        ref->attempt_index = exec->current_attempt_index.v;
    }
    return ref;
}

static struct ff_lease_view *
lease_view(struct ff_txn *txn, const struct ff_exec *exec)
{
    struct ff_lease_view *view = NULL;

    if (exec->ownership_state == FF_OWNER_LEASED) {
        view = FF_ARENA_NEW(txn->arena, struct ff_lease_view, 1);
        view->lease_id = exec->current_lease_id.v;
        view->lease_epoch = exec->current_lease_epoch;
        view->worker_instance_id = exec->current_worker_instance_id;
        view->expires_at = exec->lease_expires_at.v;
        view->attempt_index = exec->current_attempt_index.v;
        view->last_heartbeat_at = exec->lease_last_renewed_at.v; /* set at acquisition too */
    }
    return view;
}

/* The key that submit_flow gave it, if that has made it. */
static ff_err
member_key(struct ff_txn *txn, const struct ff_exec *exec, struct ff_str *out)
{
    struct ff_member member = { 0 };
    bool found = false;

    if (!exec->flow_id.is) {
        return FF_E_OK;
    }
    FF_TRY(ff_member_find(txn, &exec->flow_id.v, &exec->execution_id, &member, &found));
    *out = member.key;
    return FF_E_OK;
}

ff_err
ff_op_describe_execution(struct ff_txn *txn, const struct ff_describe_execution_args *args,
                         struct ff_describe_execution_result *result)
{
    struct ff_execution_view *view = FF_ARENA_NEW(txn->arena, struct ff_execution_view, 1);
    struct ff_exec exec = { 0 };
    bool found = false, pending = false;

    FF_TRY(ff_exec_peek(txn, &args->execution_id, &exec, &found));
    if (!found) {
        return FF_E_OK;
    }
    view->execution_id = exec.execution_id;
    view->flow_id = exec.flow_id;
    view->lane_id = exec.lane_id;
    view->namespace = exec.namespace;
    view->public_state = exec.public_state;
    if (exec.blocking_reason != FF_BLOCK_NONE) {
        view->blocking_reason = FF_SOME(ff_opt_u32, exec.blocking_reason);
    }
    view->blocking_detail = exec.blocking_detail;
    view->current_attempt = attempt_ref(txn, &exec);
    view->current_lease = lease_view(txn, &exec);
    view->current_waitpoint = exec.current_waitpoint_id;
    view->created_at = exec.created_at;
    view->last_mutation_at = exec.last_mutation_at;
    view->total_attempt_count = exec.total_attempt_count;
    result->execution = view;
    FF_TRY(ff_gather(ff_tags_of(txn, &exec, &view->tags), &pending));
    FF_TRY(ff_gather(member_key(txn, &exec, &view->member_key), &pending));
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* ---- read_execution_info, read_execution_state ---- */

ff_err
ff_op_read_execution_info(struct ff_txn *txn, const struct ff_read_execution_info_args *args,
                          struct ff_read_execution_info_result *result)
{
    struct ff_execution_info *info = FF_ARENA_NEW(txn->arena, struct ff_execution_info, 1);
    struct ff_exec exec = { 0 };
    bool found = false;

    FF_TRY(ff_exec_peek(txn, &args->execution_id, &exec, &found));
    if (!found) {
        return FF_E_OK;
    }
    info->execution_id = exec.execution_id;
    info->namespace = exec.namespace;
    info->lane_id = exec.lane_id;
    info->priority = exec.priority;
    info->execution_kind = exec.execution_kind;
    info->state_vector = ff_exec_vector(&exec);
    info->public_state = exec.public_state;
    info->created_at = exec.created_at;
    info->started_at = exec.started_at;
    info->completed_at = exec.completed_at;
    info->current_attempt_index = exec.current_attempt_index.v; /* 0 if none */
    info->flow_id = exec.flow_id;
    info->blocking_detail =
        ff_str(exec.blocking_detail.n > 0 ? exec.blocking_detail.p : "", exec.blocking_detail.n);
    result->info = info;
    return member_key(txn, &exec, &info->member_key);
}

ff_err
ff_op_read_execution_state(struct ff_txn *txn, const struct ff_read_execution_state_args *args,
                           struct ff_read_execution_state_result *result)
{
    struct ff_exec exec = { 0 };
    bool found = false;

    FF_TRY(ff_exec_peek(txn, &args->execution_id, &exec, &found));
    if (found) {
        result->public_state = FF_SOME(ff_opt_u32, exec.public_state);
    }
    return FF_E_OK;
}

/* ---- describe_attempt ---- */

/* The attempt's own policy, else the execution's, as one msgpack value; absent: none. */
static ff_err
policy_snapshot(struct ff_txn *txn, const struct ff_attempt *attempt, struct ff_str *out)
{
    struct ff_key key = ff_key_eid(&attempt->execution_id);
    struct ff_exec_input input = { 0 };
    struct ff_packer packer;
    bool found = false;
    ff_err err = FF_E_OK;

    *out = FF_NONE(ff_str);
    if (attempt->policy_json.n == 0) {
        FF_TRY(ff_txn_find(txn, FF_R_EXEC_INPUT, &key, &input, &found));
        if (input.policy == NULL) {
            return FF_E_OK;
        }
    }
    ff_packer_init(&packer);
    if (attempt->policy_json.n > 0) {
        err = ff_json_to_msgpack(NULL, attempt->policy_json, &packer.pk, &txn->fault);
    } else {
        ff_encode(&ff_desc_policy, input.policy, &packer.pk);
    }
    if (err == FF_E_OK) {
        *out = ff_arena_copy(txn->arena, ff_packer_str(&packer));
    }
    ff_packer_done(&packer);
    return err;
}

static void
show_attempt(const struct ff_attempt *attempt, struct ff_attempt_view *view)
{
    view->attempt_id = attempt->attempt_id;
    view->execution_id = attempt->execution_id;
    view->attempt_index = attempt->attempt_index;
    view->attempt_type = attempt->attempt_type;
    view->attempt_lifecycle = attempt->attempt_lifecycle;
    view->created_at = attempt->created_at;
    view->started_at = attempt->started_at;
    view->resumed_at = attempt->resumed_at;
    view->suspended_at = attempt->suspended_at;
    view->suspension_id = attempt->suspension_id;
    view->ended_at = attempt->ended_at;
    view->lease_id = attempt->lease_id;
    view->lease_epoch = attempt->lease_epoch;
    view->worker_id = attempt->worker_id;
    view->worker_instance_id = attempt->worker_instance_id;
    view->failure_reason = attempt->failure_reason;
    view->failure_category = attempt->failure_category;
    view->retry_reason = attempt->retry_reason;
    view->previous_attempt_index = attempt->previous_attempt_index;
    view->replay_reason = attempt->replay_reason;
    view->replay_requested_by = attempt->replay_requested_by;
    view->replayed_from_attempt_index = attempt->replayed_from_attempt_index;
    view->reclaim_reason = attempt->reclaim_reason;
    view->timeout_at = attempt->timeout_at;
    view->timeout_remaining_ms = attempt->timeout_remaining_ms;
}

ff_err
ff_op_describe_attempt(struct ff_txn *txn, const struct ff_describe_attempt_args *args,
                       struct ff_describe_attempt_result *result)
{
    struct ff_key key = ff_key_attempt(&args->execution_id, args->attempt_index);
    struct ff_attempt_view *view = FF_ARENA_NEW(txn->arena, struct ff_attempt_view, 1);
    struct ff_attempt attempt = { 0 };
    bool found = false;

    FF_TRY(ff_exec_check_stated(txn, &args->execution_id));
    FF_TRY(ff_txn_find(txn, FF_R_ATTEMPT, &key, &attempt, &found));
    if (!found) {
        return FF_E_OK;
    }
    show_attempt(&attempt, view);
    result->attempt = view;
    return policy_snapshot(txn, &attempt, &view->policy);
}
