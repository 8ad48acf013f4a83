/* Where flows, their members, edges and groups stand (spec/records.md §3). */

#include "core/records_int.h"

/* ---- keys ---- */

static void
key_add(struct ff_key *key, const void *bytes, size_t n)
{
    memcpy(key->b + key->n, bytes, n);
    key->n = (uint8_t) (key->n + n);
}

struct ff_key
ff_key_flow(const struct ff_uuid *flow_id)
{
    return ff_key_bytes(ff_str(flow_id->b, sizeof(flow_id->b)));
}

struct ff_key
ff_key_member(const struct ff_uuid *flow_id, const struct ff_eid *execution_id)
{
    struct ff_key key = ff_key_flow(flow_id), exec = ff_key_eid(execution_id);

    key_add(&key, exec.b, exec.n);
    return key;
}

struct ff_key
ff_key_edge(const struct ff_uuid *flow_id, const struct ff_uuid *edge_id)
{
    struct ff_key key = ff_key_flow(flow_id);

    key_add(&key, edge_id->b, sizeof(edge_id->b));
    return key;
}

struct ff_eid
ff_key_member_eid(const struct ff_key *key)
{
    struct ff_key exec = { .n = 0 };

    FF_ASSERT(key->n == 34);
    key_add(&exec, key->b + 16, 18);
    return ff_key_to_eid(&exec);
}

bool
ff_is_flow_record(enum ff_record kind)
{
    return kind == FF_R_FLOW || kind == FF_R_MEMBER || kind == FF_R_EDGE || kind == FF_R_GROUP ||
           kind == FF_R_SUMMARY;
}

struct ff_key
ff_flow_record_key(enum ff_record kind, const void *record)
{
    switch (kind) {
    case FF_R_FLOW:
        return ff_key_flow(&((const struct ff_flow *) record)->flow_id);
    case FF_R_SUMMARY:
        return ff_key_flow(&((const struct ff_summary *) record)->flow_id);
    case FF_R_MEMBER:
        return ff_key_member(&((const struct ff_member *) record)->flow_id,
                             &((const struct ff_member *) record)->execution_id);
    case FF_R_GROUP:
        return ff_key_member(&((const struct ff_group *) record)->flow_id,
                             &((const struct ff_group *) record)->downstream);
    default:
        return ff_key_edge(&((const struct ff_edge *) record)->flow_id,
                           &((const struct ff_edge *) record)->edge_id);
    }
}

/* ---- scopes ---- */

struct ff_scope
ff_scope_flow(const struct ff_uuid *flow_id)
{
    struct ff_scope scope = ff_scope_none();

    ff_scope_add(&scope, flow_id->b, sizeof(flow_id->b));
    return scope;
}

struct ff_scope
ff_scope_ends(const struct ff_uuid *flow_id, const struct ff_eid *execution_id)
{
    struct ff_scope scope = ff_scope_flow(flow_id);
    struct ff_key exec = ff_key_eid(execution_id);

    ff_scope_add(&scope, exec.b, exec.n);
    return scope;
}

static struct ff_scope
scope_state(const struct ff_uuid *flow_id, enum ff_public_state state, bool redundant)
{
    struct ff_scope scope = ff_scope_flow(flow_id);
    uint8_t end[2] = { (uint8_t) state, redundant };

    ff_scope_add(&scope, end, sizeof(end));
    return scope;
}

enum ff_public_state
ff_scope_member_state(const struct ff_scope *scope, bool *redundant)
{
    FF_ASSERT(scope->n == 18);
    *redundant = scope->b[17] != 0;
    return (enum ff_public_state) scope->b[16];
}

/* ---- entries ---- */

/* A sibling whose success was not needed any more, or could not help (04 §6). */
static bool
is_redundant(struct ff_str cancellation_reason)
{
    return ff_str_is(cancellation_reason, "sibling_quorum_satisfied") ||
           ff_str_is(cancellation_reason, "sibling_quorum_impossible");
}

void
ff_stand_member(struct ff_standing *keys, const struct ff_exec *exec)
{
    bool redundant =
        exec->terminal_outcome == FF_OUTCOME_CANCELLED && is_redundant(exec->cancellation_reason);

    if (exec->lifecycle_phase == FF_PHASE_RUNNABLE &&
        exec->eligibility_state == FF_ELIGIBLE_DEPENDENCIES) {
        ff_stand(keys, FF_IX_GATED, ff_scope_partition(exec->execution_id.partition),
                 exec->last_transition_at);
    }
    if (!exec->flow_id.is) {
        return;
    }
    if (exec->cancel_owed_at.is) {
        ff_stand(keys, FF_IX_CANCEL_OWED, ff_scope_flow(&exec->flow_id.v), 0);
    }
    if (exec->cascade_owed && !exec->staged) {
        ff_stand(keys, FF_IX_CASCADE, ff_scope_partition(exec->execution_id.partition),
                 exec->completed_at.v);
    }
    ff_stand(keys, FF_IX_MEMBER_STATE, scope_state(&exec->flow_id.v, exec->public_state, redundant),
             0);
}

static void
stand_flow(struct ff_standing *keys, const struct ff_flow *flow)
{
    if (flow->purging) {
        ff_stand(keys, FF_IX_PURGING, ff_scope_kind(FF_R_FLOW), 0);
        return;
    }
    if (flow->submitting) {
        ff_stand(keys, FF_IX_SUBMITTING, ff_scope_none(), flow->last_mutation_at);
        return;
    }
    ff_stand(keys, FF_IX_FLOWS, ff_scope_partition(flow->partition), 0);
    if (flow->cancel_left > 0 || ff_flow_is_prepared(flow)) {
        ff_stand(keys, FF_IX_CANCELLING, ff_scope_none(), flow->cancel_due_at.v);
    }
    if (flow->purged_count == flow->node_count && (flow->node_count > 0 || flow->cancelled)) {
        int64_t ended = flow->ended_at.is ? flow->ended_at.v : INT64_MIN;

        if (flow->cancelled && flow->cancelled_at.v > ended) {
            ended = flow->cancelled_at.v;
        }
        ff_stand(keys, FF_IX_FLOW_ENDED, ff_scope_partition(flow->partition), ended);
    }
    if (flow->release_due_at.is) {
        ff_stand(keys, FF_IX_RELEASING, ff_scope_none(), flow->release_due_at.v);
    }
}

/* The state that an outcome leaves an execution in; without an outcome: none that there is. */
static enum ff_public_state
state_of_outcome(struct ff_opt_u32 outcome)
{
    static const enum ff_public_state states[] = {
        [FF_OUTCOME_NONE] = FF_PUBLIC_SUBMITTED,  [FF_OUTCOME_SUCCESS] = FF_PUBLIC_COMPLETED,
        [FF_OUTCOME_FAILED] = FF_PUBLIC_FAILED,   [FF_OUTCOME_CANCELLED] = FF_PUBLIC_CANCELLED,
        [FF_OUTCOME_EXPIRED] = FF_PUBLIC_EXPIRED, [FF_OUTCOME_SKIPPED] = FF_PUBLIC_SKIPPED,
    };

    return outcome.is && outcome.v < FF_COUNT(states) ? states[outcome.v] : FF_PUBLIC_SUBMITTED;
}

/* A member whose cancel failed stands behind those that are still owed one. */
static void
stand_member(struct ff_standing *keys, const struct ff_member *member)
{
    if (member->cancel_failed) {
        ff_stand(keys, FF_IX_CANCEL_OWED, ff_scope_flow(&member->flow_id), 1);
    }
    ff_stand(keys, FF_IX_MEMBERS, ff_scope_flow(&member->flow_id), 0);
    if (member->purged) {
        bool redundant =
            member->outcome.v == FF_OUTCOME_CANCELLED && is_redundant(member->cancellation_reason);

        ff_stand(keys, FF_IX_MEMBER_GONE,
                 scope_state(&member->flow_id, state_of_outcome(member->outcome), redundant),
                 member->completed_at.v);
    }
}

static void
stand_group(struct ff_standing *keys, const struct ff_group *group)
{
    ff_stand(keys, FF_IX_GROUPS, ff_scope_flow(&group->flow_id), 0);
    if (group->cancel_siblings_pending) {
        ff_stand(keys, FF_IX_GROUPS_OWED, ff_scope_partition(group->downstream.partition),
                 group->flagged_at);
    }
    if (group->replay_due_at.is) {
        ff_stand(keys, FF_IX_REPLAYING, ff_scope_none(), group->replay_due_at.v);
    }
}

static void
stand_edge(struct ff_standing *keys, const struct ff_edge *edge)
{
    ff_stand(keys, FF_IX_EDGES, ff_scope_flow(&edge->flow_id), 0);
    ff_stand(keys, FF_IX_EDGES_IN, ff_scope_ends(&edge->flow_id, &edge->downstream), 0);
    ff_stand(keys, FF_IX_EDGES_OUT, ff_scope_ends(&edge->flow_id, &edge->upstream), 0);
}

void
ff_stand_flow_record(struct ff_standing *keys, enum ff_record kind, const void *record)
{
    switch (kind) {
    case FF_R_FLOW:
        stand_flow(keys, record);
        break;
    case FF_R_MEMBER:
        stand_member(keys, record);
        break;
    case FF_R_EDGE:
        stand_edge(keys, record);
        break;
    case FF_R_GROUP:
        stand_group(keys, record);
        break;
    default:
        break;
    }
}
