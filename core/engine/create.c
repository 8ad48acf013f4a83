/* create_execution: submitting work (02 §4). */

#include "core/engine/create.h"

#include <sodium.h>

#include "core/caps.h"
#include "core/engine/events.h"
#include "core/engine/exec.h"
#include "core/engine/lanes.h"
#include "core/engine/purge.h"
#include "core/engine/quota.h"
#include "core/engine/tags.h"
#include "core/partition.h"
#include "core/policy.h"

/* Replays allowed where there is no policy (01 §5.1). */
#define MAX_REPLAYS 10
/* Life of an idempotency key where there is no policy (01 §5.1). */
#define DEDUP_WINDOW_MS UINT64_C(86400000)

/* ---- arguments ---- */

static ff_err
check_same(struct ff_txn *txn, const char *field, struct ff_opt_u32 given, uint32_t index)
{
    if (!given.is || given.v == index) {
        return FF_E_OK;
    }
    return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", field),
                   ff_d_text("reason", "partition_mismatch"), ff_d_u64("arg_index", given.v),
                   ff_d_u64("id_index", index));
}

static ff_err
check_partition(struct ff_txn *txn, const struct ff_create_execution_args *args)
{
    uint32_t index = args->execution_id.partition, count = txn->facts->counts.flow;

    if (index >= count) {
        return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "execution_id"),
                       ff_d_text("reason", "partition_out_of_range"), ff_d_u64("index", index),
                       ff_d_u64("count", count));
    }
    FF_TRY(check_same(txn, "partition_id", args->partition_id, index));
    return check_same(txn, "partition", txn->common->partition, index);
}

static ff_err
check_args(struct ff_txn *txn, const struct ff_create_execution_args *args)
{
    FF_TRY(check_partition(txn, args));
    if (args->execution_kind.n == 0) {
        return ff_fail_input(&txn->fault, "execution_kind", "empty");
    }
    return ff_tags_check(txn, args->tags);
}

/* ---- duplicates ---- */

/* The scope of a key is its namespace, over all lanes and partitions (01 §5.6). */
static void
digest_key(const struct ff_create_execution_args *args, uint8_t out[32])
{
    static const unsigned char separator = 0;
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, 32);
    crypto_generichash_update(&state, (const unsigned char *) args->namespace.p, args->namespace.n);
    crypto_generichash_update(&state, &separator, 1);
    crypto_generichash_update(&state, (const unsigned char *) args->idempotency_key.p,
                              args->idempotency_key.n);
    crypto_generichash_final(&state, out, 32);
}

static void
answer_duplicate(const struct ff_eid *id, struct ff_create_execution_result *result)
{
    result->outcome = "duplicate";
    result->execution_id = *id;
}

/* The key first, then the id (02 §4). result->outcome: set if it is a duplicate. */
static ff_err
find_duplicate(struct ff_txn *txn, const struct ff_create_execution_args *args,
               const uint8_t digest[32], struct ff_create_execution_result *result)
{
    struct ff_key exec_key = ff_key_eid(&args->execution_id);
    struct ff_exec exec = { 0 };
    bool found = false;

    if (args->idempotency_key.n > 0) {
        struct ff_key key = ff_key_bytes(ff_str(digest, 32));
        struct ff_create_key stored = { 0 };

        FF_TRY(ff_txn_find(txn, FF_R_CREATE_KEY, &key, &stored, &found));
        if (found && stored.expires_at > txn->now_ms) {
            answer_duplicate(&stored.execution_id, result);
            return FF_E_OK;
        }
    }
    FF_TRY(ff_txn_find_exec(txn, &args->execution_id, &exec, &found));
    if (found) {
        answer_duplicate(&args->execution_id, result);
        return FF_E_OK;
    }
    return ff_purge_over(txn, FF_R_EXEC, &exec_key);
}

/* ---- the record ---- */

/* What admission and claims need of the policy, so that they need not read it. */
static void
copy_policy(struct ff_exec *exec, const struct ff_policy *policy)
{
    exec->max_replay_count = MAX_REPLAYS;
    if (policy == NULL) {
        return;
    }
    exec->max_replay_count = policy->max_replay_count;
    exec->max_reclaim_count = policy->max_reclaim_count;
    exec->budget_ids = policy->budget_ids;
    exec->quota_policy_id = policy->quota_policy_id;
    exec->has_retry_policy = policy->retry_policy != NULL;
    exec->max_signals_per_execution = FF_SOME(ff_opt_u32, policy->max_signals_per_execution);
    if (policy->suspension_policy != NULL) {
        exec->suspension_timeout_ms = policy->suspension_policy->default_timeout_ms;
        exec->suspension_timeout_behavior = policy->suspension_policy->timeout_behavior;
    }
    if (policy->routing_requirements != NULL) {
        exec->required_capabilities = policy->routing_requirements->required_capabilities;
    }
    if (policy->stream_policy != NULL) {
        exec->retention_ttl_ms = policy->stream_policy->retention_ttl_ms;
    }
    if (policy->timeout_policy != NULL) {
        exec->attempt_timeout_ms = policy->timeout_policy->attempt_timeout_ms;
    }
}

/* Executions of one class are judged alike by every claim (05 C-4). */
static struct ff_str
class_digest(struct ff_txn *txn, const struct ff_exec *exec)
{
    const struct ff_str parts[] = {
        exec->namespace,
        ff_caps_csv(exec->required_capabilities, txn->arena),
        ff_str(exec->budget_ids.v, exec->budget_ids.n * sizeof(struct ff_uuid)),
        ff_str(exec->quota_policy_id.v.b, exec->quota_policy_id.is ? sizeof(struct ff_uuid) : 0),
    };
    struct ff_digest digest = ff_digest_of(parts, FF_COUNT(parts));

    return ff_arena_copy(txn->arena, ff_str(digest.b, sizeof(digest.b)));
}

static void
set_times(struct ff_txn *txn, const struct ff_create_execution_args *args,
          const struct ff_policy *policy, struct ff_exec *exec)
{
    const struct ff_timeout_policy *timeouts = policy == NULL ? NULL : policy->timeout_policy;
    struct ff_opt_i64 until = args->delay_until;

    if (!until.is && policy != NULL) {
        until = policy->delay_until;
    }
    exec->attempt_state = FF_ATTEMPT_PENDING_FIRST;
    if (until.is && until.v > txn->now_ms) {
        ff_exec_make_delayed(exec, FF_BLOCK_WAITING_FOR_DELAY, until.v);
    } else {
        ff_exec_make_eligible(exec);
    }
    exec->execution_deadline_at = args->execution_deadline_at;
    if (!exec->execution_deadline_at.is && timeouts != NULL && timeouts->execution_deadline_ms.is) {
        exec->execution_deadline_at =
            FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, timeouts->execution_deadline_ms.v));
    }
}

/* A member of a flow waits for its upstreams; its delay is remembered (04 §3.3). */
static void
hold_back(struct ff_txn *txn, const struct ff_creation *creation, struct ff_exec *exec)
{
    struct ff_opt_i64 delay_until = exec->delay_until;

    if (creation->flow_id != NULL) {
        exec->flow_id = FF_SOME(ff_opt_uuid, *creation->flow_id);
    }
    exec->staged = creation->staged;
    if (creation->waits_for > 0 || creation->staged) {
        ff_exec_make_blocked(exec, FF_ELIGIBLE_DEPENDENCIES, FF_BLOCK_WAITING_FOR_CHILDREN,
                             creation->waits_for == 0
                                 ? ff_cstr("waits for its flow")
                                 : ff_arena_printf(txn->arena, "waits for %u upstream%s",
                                                   (unsigned) creation->waits_for,
                                                   creation->waits_for == 1 ? "" : "s"));
        exec->delay_until = delay_until;
    }
}

static ff_err
put_exec(struct ff_txn *txn, const struct ff_creation *creation, struct ff_exec *exec)
{
    const struct ff_create_execution_args *args = creation->args;
    const struct ff_policy *policy = creation->policy;
    int32_t priority = policy == NULL ? 0 : policy->priority;

    exec->execution_id = args->execution_id;
    exec->namespace = args->namespace;
    exec->lane_id = args->lane_id;
    exec->execution_kind = args->execution_kind;
    exec->creator_identity = args->creator_identity;
    exec->priority = ff_priority_clamp(args->priority.is ? args->priority.v : priority);
    exec->created_at = txn->now_ms;
    exec->has_tags = args->tags.n > 0;
    copy_policy(exec, policy);
    exec->class_digest = class_digest(txn, exec);
    FF_TRY(ff_slots_inherit(txn, exec));
    set_times(txn, args, policy, exec);
    hold_back(txn, creation, exec);
    return ff_exec_save(txn, exec, FF_EXEC_MOVED);
}

/* ---- what belongs to it ---- */

static ff_err
put_input(struct ff_txn *txn, const struct ff_create_execution_args *args,
          const struct ff_policy *policy)
{
    const struct ff_exec_input input = {
        .execution_id = args->execution_id,
        .payload = args->input_payload,
        .payload_encoding = args->payload_encoding,
        .policy = (struct ff_policy *) policy, /* only read */
    };

    return ff_txn_put_new(txn, FF_R_EXEC_INPUT, &input);
}

static ff_err
put_tags(struct ff_txn *txn, const struct ff_create_execution_args *args,
         const struct ff_exec *exec)
{
    struct ff_exec_tags stored = { .execution_id = args->execution_id };

    if (args->tags.n == 0) {
        return FF_E_OK;
    }
    stored.tags = ff_tags_sorted(txn, args->tags);
    for (uint32_t i = 0; i < stored.tags.n; i++) {
        ff_event_tag(txn, exec, "attached", &stored.tags.v[i], stored.tags);
    }
    return ff_txn_put_new(txn, FF_R_EXEC_TAGS, &stored);
}

static uint32_t
home_of_key(struct ff_txn *txn, const struct ff_create_execution_args *args)
{
    uint32_t n = args->namespace.n + 1 + args->idempotency_key.n;
    char *bytes = ff_arena_zalloc(txn->arena, n);

    memcpy(bytes, args->namespace.p, args->namespace.n);
    if (args->idempotency_key.n > 0) {
        memcpy(bytes + args->namespace.n + 1, args->idempotency_key.p, args->idempotency_key.n);
    }
    return ff_crc16(bytes, n) % txn->facts->counts.flow;
}

static ff_err
put_key(struct ff_txn *txn, const struct ff_create_execution_args *args,
        const struct ff_policy *policy, const uint8_t digest[32])
{
    uint64_t window_ms = policy == NULL ? DEDUP_WINDOW_MS : policy->dedup_window_ms;
    const struct ff_create_key key = {
        .key_digest = ff_str(digest, 32),
        .execution_id = args->execution_id,
        .expires_at = ff_time_add(txn->now_ms, window_ms),
        .partition = home_of_key(txn, args),
    };

    if (args->idempotency_key.n == 0 || window_ms == 0) {
        return FF_E_OK;
    }
    return ff_txn_put_create_key(txn, &key);
}

ff_err
ff_create_write(struct ff_txn *txn, const struct ff_creation *creation, struct ff_exec *exec_out)
{
    FF_TRY(put_exec(txn, creation, exec_out));
    FF_TRY(put_input(txn, creation->args, creation->policy));
    return put_tags(txn, creation->args, exec_out);
}

ff_err
ff_create_open_lane(struct ff_txn *txn, struct ff_str lane_id)
{
    struct ff_lane lane = { 0 };
    bool registered = false;

    FF_TRY(ff_lane_get(txn, lane_id, &lane, &registered));
    if (!ff_lane_takes_in(lane.state)) {
        return ff_fail_input(&txn->fault, "lane_id", "lane_not_accepting");
    }
    return registered ? FF_E_OK : ff_lane_register(txn, &lane);
}

static ff_err
write_all(struct ff_txn *txn, const struct ff_create_execution_args *args,
          const struct ff_policy *policy, const uint8_t digest[32],
          struct ff_create_execution_result *result)
{
    const struct ff_creation creation = { .args = args, .policy = policy };
    struct ff_exec exec = { 0 };

    FF_TRY(ff_create_write(txn, &creation, &exec));
    FF_TRY(put_key(txn, args, policy, digest));
    result->outcome = "created";
    result->execution_id = exec.execution_id;
    result->public_state = FF_SOME(ff_opt_u32, exec.public_state);
    return FF_E_OK;
}

ff_err
ff_op_create_execution(struct ff_txn *txn, const struct ff_create_execution_args *args,
                       struct ff_create_execution_result *result)
{
    const struct ff_policy *policy = NULL;
    struct ff_lane lane = { 0 };
    uint8_t digest[32] = { 0 };
    bool registered = false;

    FF_TRY(check_args(txn, args));
    FF_TRY(ff_lane_get(txn, args->lane_id, &lane, &registered));
    if (!ff_lane_takes_in(lane.state)) {
        return ff_fail_input(&txn->fault, "lane_id", "lane_not_accepting");
    }
    if (args->idempotency_key.n > 0) {
        digest_key(args, digest);
    }
    FF_TRY(find_duplicate(txn, args, digest, result));
    if (result->outcome != NULL) {
        return FF_E_OK;
    }
    FF_TRY(ff_policy_parse(args->policy, "policy", txn->arena, &policy, &txn->fault));
    if (!registered) {
        FF_TRY(ff_lane_register(txn, &lane));
    }
    return write_all(txn, args, policy, digest, result);
}
