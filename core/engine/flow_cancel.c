/* cancel_flow, cancel_flow_header, ack_cancel_member (04 §8). */

#include "core/codec.h"
#include "core/engine/backlog.h"
#include "core/engine/events.h"
#include "core/engine/topics.h"
#include "core/id.h"

#define GRACE_MS UINT64_C(30000)
#define WAIT_INDEFINITE_MS UINT64_C(300000)
/* Of the answer to a call that cancelled nothing new. */
#define REPEATED_IDS_MAX 1000

/* ---- arguments ---- */

static ff_err
read_policy(struct ff_txn *txn, struct ff_str text, enum ff_cancel_flow_policy *out)
{
    static const struct {
        const char *word;
        enum ff_cancel_flow_policy policy;
    } words[] = {
        { "flow_only", FF_CANCEL_FLOW_ONLY },
        { "cancel_flow_only", FF_CANCEL_FLOW_ONLY },
        { "cancel_pending", FF_CANCEL_FLOW_PENDING },
        { "cancel_unscheduled_only", FF_CANCEL_FLOW_PENDING },
        { "let_active_finish", FF_CANCEL_FLOW_PENDING },
        { "cancel_all", FF_CANCEL_FLOW_ALL },
    };

    for (size_t i = 0; i < FF_COUNT(words); i++) {
        if (ff_str_is(text, words[i].word)) {
            *out = words[i].policy;
            return FF_E_OK;
        }
    }
    return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "policy"),
                   ff_d_text("reason", "unknown_value"), ff_d_str("value", text));
}

struct waiting {
    bool waits;
    uint64_t block_ms;
};

static ff_err
read_wait(struct ff_txn *txn, const struct ff_flow_wait *wait, struct waiting *out)
{
    *out = (struct waiting){ .waits = wait != NULL && wait->kind != FF_FLOW_WAIT_NONE };
    if (!out->waits) {
        return FF_E_OK;
    }
    if (wait->kind == FF_FLOW_WAIT_INDEFINITE) {
        out->block_ms = WAIT_INDEFINITE_MS;
        return FF_E_OK;
    }
    if (!wait->timeout_ms.is) {
        return ff_fail_input(&txn->fault, "wait.timeout_ms", "missing");
    }
    out->block_ms = wait->timeout_ms.v;
    return FF_E_OK;
}

/* An integer from 0 to 2^53-1, in whatever form it comes; absent: the default. */
static ff_err
read_grace(struct ff_txn *txn, struct ff_str packed, uint64_t *out)
{
    msgpack_zone zone;
    msgpack_object value = { .type = MSGPACK_OBJECT_NIL };
    ff_err err = FF_E_OK;

    *out = GRACE_MS;
    if (packed.n == 0) {
        return FF_E_OK;
    }
    FF_ASSERT(msgpack_zone_init(&zone, 512));
    err = ff_msgpack_parse(packed, &zone, &value, &txn->fault);
    msgpack_zone_destroy(&zone);
    if (err == FF_E_OK && value.type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
        value.via.u64 <= FF_DUR_MS_MAX) {
        *out = value.via.u64;
        return FF_E_OK;
    }
    if (err == FF_E_OK && value.type == MSGPACK_OBJECT_NIL) {
        return FF_E_OK;
    }
    return ff_fail(&txn->fault, FF_E_INVALID_GRACE_MS);
}

/* ---- members ---- */

/* The flip of a large flow has been a step's work by itself; who its members were is the same in
 * the next. */
static bool
lists_later(const struct ff_flow *flow)
{
    return flow->node_count > REPEATED_IDS_MAX;
}

/* All members, ascending; at most `most`. */
static ff_err
list_members(struct ff_txn *txn, const struct ff_flow *flow, uint32_t most, struct ff_strs *out)
{
    struct ff_scope scope = ff_scope_flow(&flow->flow_id);
    struct ff_entry entry = { 0 }, next = { 0 };
    bool found = true;

    most = flow->node_count < most ? flow->node_count : most;
    *out = (struct ff_strs){ .v = FF_ARENA_NEW(txn->arena, struct ff_str, most) };
    while (found && out->n < most) {
        FF_TRY(ff_txn_next(txn, FF_IX_MEMBERS, &scope, out->n == 0 ? NULL : &entry, most, &next,
                           &found));
        entry = next;
        if (found) {
            char *text = ff_arena_alloc(txn->arena, FF_EID_TEXT_MAX);
            struct ff_eid id = ff_key_member_eid(&entry.id);

            out->v[out->n++] = ff_str(text, ff_eid_text(&id, text));
        }
    }
    return FF_E_OK;
}

/* ---- the flip (04 §8.2) ---- */

/* A flow that looks as it did: whoever has begun has so long to come to an end. */
#define PREPARED_MS 1000

static ff_err
keep_prepared(struct ff_txn *txn, struct ff_flow *flow, const struct ff_flip *with,
              struct ff_opt_u32 policy_before)
{
    if (flow->cancelled) {
        flow->cancellation_policy = policy_before; /* it is widened at last */
    } else {
        flow->cancel_reason = with->reason;
        flow->cancel_due_at = FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, PREPARED_MS));
    }
    return ff_txn_put_flow(txn, flow);
}

ff_err
ff_flow_flip(struct ff_txn *txn, struct ff_flow *flow, const struct ff_flip *with, bool *done)
{
    struct ff_opt_u32 before = flow->cancellation_policy;

    flow->cancellation_policy = FF_SOME(ff_opt_u32, with->policy);
    FF_TRY(ff_backlog_prepare(txn, flow, done));
    if (!*done) {
        return keep_prepared(txn, flow, with, before);
    }
    if (!flow->cancelled) {
        flow->cancelled = true;
        flow->cancelled_at = FF_SOME(ff_opt_i64, txn->now_ms);
        flow->cancel_reason = with->reason;
    }
    flow->last_mutation_at = txn->now_ms;
    flow->cancel_due_at = FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, with->grace_ms));
    FF_TRY(ff_backlog_fill(txn, flow, with->cancel_now));
    FF_TRY(ff_txn_put_flow(txn, flow));
    ff_event_flow_cancel(txn, flow, flow->node_count);
    return FF_E_OK;
}

/* ---- cancel_flow ---- */

static ff_err
answer(struct ff_txn *txn, const struct ff_flow *flow, const struct waiting *wait,
       struct ff_cancel_flow_result *result)
{
    bool fresh = ff_txn_walk(txn)->counts[0] > 0;

    FF_TRY(list_members(txn, flow, fresh ? FF_FLOW_MEMBERS_MAX : REPEATED_IDS_MAX,
                        &result->member_execution_ids));
    result->cancellation_policy = flow->cancellation_policy.v;
    result->outcome = "cancelled";
    if (flow->cancel_left > 0 && wait->waits) {
        result->outcome = "partially_cancelled";
        return ff_backlog_failed(txn, flow, &result->failed_member_execution_ids);
    }
    if (flow->cancel_left > 0 && fresh) {
        result->outcome = "cancellation_scheduled";
        result->member_count = FF_SOME(ff_opt_u32, result->member_execution_ids.n);
    }
    return FF_E_OK;
}

static ff_err
fail_timeout(struct ff_txn *txn, uint64_t block_ms)
{
    return ff_fail(&txn->fault, FF_E_TIMEOUT, ff_d_u64("elapsed_ms", block_ms));
}

/* One step of a call that waits: it helps to drain the backlog, once that is due. */
static ff_err
wait_step(struct ff_txn *txn, struct ff_flow *flow, const struct waiting *wait)
{
    struct ff_scope topic = ff_topic_flow(&flow->flow_id);
    bool rest = false;

    if (ff_txn_time_over(txn, wait->block_ms)) {
        return fail_timeout(txn, wait->block_ms);
    }
    if (flow->cancel_due_at.v > txn->now_ms) {
        ff_err err = ff_txn_park(txn, &topic, wait->block_ms, flow->cancel_due_at.v);

        return err == FF_E_OK ? fail_timeout(txn, wait->block_ms) : err;
    }
    FF_TRY(ff_backlog_drain(txn, flow, FF_DRAIN_STEP));
    FF_TRY(ff_txn_put_flow(txn, flow));
    FF_TRY(ff_backlog_rest(txn, flow, &rest));
    ff_txn_wake(txn, &topic, UINT32_MAX);
    return rest ? ff_txn_step(txn) : FF_E_OK;
}

ff_err
ff_op_cancel_flow(struct ff_txn *txn, const struct ff_cancel_flow_args *args,
                  struct ff_cancel_flow_result *result)
{
    struct ff_flip with = { .reason = args->reason, .cancel_now = FF_CANCEL_STEP };
    struct ff_walk *walk = ff_txn_walk(txn);
    struct waiting wait = { 0 };
    struct ff_flow flow = { 0 };
    bool rest = false, step = false, done = false;

    FF_TRY(read_policy(txn, args->policy, &with.policy));
    FF_TRY(read_wait(txn, args->wait, &wait));
    FF_TRY(ff_flow_get(txn, &args->flow_id, &flow));
    if (walk->counts[0] == 0 && (!flow.cancelled || with.policy > flow.cancellation_policy.v)) {
        FF_TRY(ff_flow_flip(txn, &flow, &with, &done));
        if (!done) {
            return ff_txn_step(txn);
        }
        walk->counts[0] = 1; /* also in the steps that follow */
        step = true;
    }
    FF_TRY(ff_backlog_rest(txn, &flow, &rest));
    if (step && ((rest && wait.waits) || lists_later(&flow))) {
        return ff_txn_step(txn);
    }
    if (rest && wait.waits) {
        FF_TRY(wait_step(txn, &flow, &wait));
    }
    return answer(txn, &flow, &wait, result);
}

/* ---- cancel_flow_header ---- */

ff_err
ff_op_cancel_flow_header(struct ff_txn *txn, const struct ff_cancel_flow_header_args *args,
                         struct ff_cancel_flow_header_result *result)
{
    struct ff_flip with = { .reason = args->reason };
    struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_flow flow = { 0 };
    bool done = walk->counts[0] > 0; /* by a step before */

    FF_TRY(read_grace(txn, args->grace_ms, &with.grace_ms));
    FF_TRY(read_policy(txn, args->policy, &with.policy));
    FF_TRY(ff_flow_get(txn, &args->flow_id, &flow));
    if (flow.cancelled && !done) {
        FF_TRY(list_members(txn, &flow, FF_FLOW_MEMBERS_MAX, &result->member_execution_ids));
        result->outcome = "already_terminal";
        result->stored_cancellation_policy = flow.cancellation_policy;
        result->stored_cancel_reason = flow.cancel_reason;
        return FF_E_OK;
    }
    if (!done) {
        FF_TRY(ff_flow_flip(txn, &flow, &with, &done));
        walk->counts[0] = done;
        if (!done || lists_later(&flow)) {
            return ff_txn_step(txn);
        }
    }
    FF_TRY(list_members(txn, &flow, FF_FLOW_MEMBERS_MAX, &result->member_execution_ids));
    result->outcome = "cancelled";
    result->cancellation_policy = flow.cancellation_policy;
    return FF_E_OK;
}

/* ---- ack_cancel_member ---- */

ff_err
ff_op_ack_cancel_member(struct ff_txn *txn, const struct ff_ack_cancel_member_args *args,
                        struct ff_ack_cancel_member_result *result)
{
    struct ff_scope topic = ff_topic_flow(&args->flow_id);
    struct ff_flow flow = { 0 };
    uint32_t before = 0;
    bool found = false;

    (void) result;
    FF_TRY(ff_flow_find(txn, &args->flow_id, &flow, &found));
    before = flow.cancel_left;
    if (!found || before == 0) {
        return FF_E_OK;
    }
    FF_TRY(ff_backlog_leave(txn, &flow, &args->execution_id));
    if (flow.cancel_left == before) {
        return FF_E_OK;
    }
    ff_txn_wake(txn, &topic, UINT32_MAX);
    return ff_txn_put_flow(txn, &flow);
}
