/* describe_flow (04 §7.1), in steps: a flow of 10 000 members has as many groups, and up to 100 000
 * edges whose upstreams may be owed a cancel. What fits into one step is of one instant; of more,
 * each group is as it was at its step, and everything else as at the last one.
 */

#include "core/engine/group.h"
#include "core/id.h"

/* What the steps have listed; each makes a new one, so that one that is not counted leaves nothing.
 */
struct describing {
    int64_t created_at; /* of the flow: another one under its id is listed from the start */
    struct ff_edge_group_snapshot *groups;
    uint32_t n, room;
    /* Of the last group, while its upstreams are gone through. */
    bool listing;
    struct ff_group group; /* without its texts */
    struct ff_sibling_look look;
    struct ff_eid *siblings;
    uint32_t n_siblings, siblings_room;
};

/* ---- siblings ---- */

static int
eid_cmp(const void *a, const void *b)
{
    const struct ff_eid *left = a, *right = b;

    return memcmp(left->uuid.b, right->uuid.b, sizeof(left->uuid.b));
}

/* By id, each once. They are of one partition, so that their texts order as their bytes do. */
static void
sort_siblings(struct describing *to)
{
    to->n_siblings = ff_sort_once(to->siblings, to->n_siblings, sizeof(to->siblings[0]), eid_cmp);
}

/* Several edges may have the same upstream. What is sorted is this step's own copy. */
static void
add_sibling(struct ff_txn *txn, struct describing *to, const struct ff_eid *id)
{
    uint32_t room = to->siblings_room;

    to->siblings = ff_arena_grow(ff_walk_arena(txn), to->siblings, &to->siblings_room,
                                 to->n_siblings, sizeof(*to->siblings));
    if (to->siblings_room > room) {
        sort_siblings(to);
    }
    to->siblings[to->n_siblings++] = *id;
}

/* One that cannot be read keeps its group pending. */
static ff_err
is_owed(struct ff_txn *txn, const struct ff_group *group, const struct ff_entry *entry,
        struct ff_sibling *sibling)
{
    ff_err err = ff_sibling_at(txn, group, entry, sibling);

    if (err != FF_E_CORRUPTION) {
        return err;
    }
    txn->fault = (struct ff_fault){ 0 };
    sibling->running = true;
    return FF_E_OK;
}

static void
show_siblings(struct ff_txn *txn, struct describing *to)
{
    struct ff_strs *out = &to->groups[to->n - 1].pending_sibling_ids;
    struct ff_eid *own = FF_ARENA_NEW(txn->arena, struct ff_eid, to->n_siblings);

    if (to->n_siblings > 0) {
        memcpy(own, to->siblings, to->n_siblings * sizeof(*own));
    }
    to->siblings = own;
    sort_siblings(to);
    *out = (struct ff_strs){ .v = FF_ARENA_NEW(ff_walk_arena(txn), struct ff_str, to->n_siblings) };
    for (; out->n < to->n_siblings; out->n++) {
        char *text = ff_arena_alloc(ff_walk_arena(txn), FF_EID_TEXT_MAX);

        out->v[out->n] = ff_str(text, ff_eid_text(&own[out->n], text));
    }
    to->siblings = NULL;
    to->n_siblings = to->siblings_room = 0;
}

/* Goes on with the upstreams that are owed a cancel, at most *left edges. */
static ff_err
list_siblings(struct ff_txn *txn, struct describing *to, uint32_t *left)
{
    struct ff_scope scope = ff_scope_ends(&to->group.flow_id, &to->group.downstream);
    struct ff_sibling_look *look = &to->look;
    bool pending = false;

    for (; *left > 0; (*left)--) {
        struct ff_sibling sibling = { .running = false };
        struct ff_entry next = { 0 };

        FF_TRY(ff_txn_next(txn, FF_IX_EDGES_IN, &scope, look->inside ? &look->at : NULL, *left,
                           &next, &look->more));
        if (!look->more) {
            to->listing = false;
            break;
        }
        look->at = next;
        look->inside = true;
        FF_TRY(ff_gather(is_owed(txn, &to->group, &look->at, &sibling), &pending));
        if (sibling.running && !pending) {
            add_sibling(txn, to, &sibling.id);
        }
    }
    if (!to->listing && !pending) {
        show_siblings(txn, to);
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* ---- groups ---- */

static void
show_group(struct ff_txn *txn, const struct ff_group *group, struct ff_edge_group_snapshot *out)
{
    *out = (struct ff_edge_group_snapshot){
        .downstream_execution_id = group->downstream,
        .policy = { .kind = group->kind, .on_satisfied = group->on_satisfied },
        .total_deps = group->total,
        .satisfied_count = group->succeeded,
        .failed_count = group->failed,
        .skipped_count = group->skipped,
        .running_count = group->total - group->succeeded - group->failed - group->skipped,
        .group_state = group->state,
        .satisfied_at = group->satisfied_at,
        .cancel_siblings_pending = group->cancel_siblings_pending,
    };
    if (group->cancel_siblings_reason.p != NULL) {
        out->cancel_siblings_reason =
            ff_arena_copy(ff_walk_arena(txn), group->cancel_siblings_reason);
    }
    if (group->kind == FF_EDGE_POLICY_QUORUM) {
        out->policy.k = FF_SOME(ff_opt_u32, group->k);
    }
}

/* Those with at least one staged edge. */
static void
add_group(struct ff_txn *txn, struct describing *to, const struct ff_group *group)
{
    if (group->total == 0) {
        return;
    }
    to->groups =
        ff_arena_grow(ff_walk_arena(txn), to->groups, &to->room, to->n, sizeof(*to->groups));
    show_group(txn, group, &to->groups[to->n++]);
    if (group->cancel_siblings_pending) {
        to->listing = true;
        to->group = *group;
        to->group.cancel_siblings_reason = FF_NONE(ff_str);
        to->look = (struct ff_sibling_look){ .inside = false };
    }
}

/* Goes on listing. *over: nothing is left, after *left > 0 looks or more. */
static ff_err
list_some(struct ff_txn *txn, const struct ff_flow *flow, struct describing *to, bool *over)
{
    struct ff_scope scope = ff_scope_flow(&flow->flow_id);
    struct ff_walk *walk = ff_txn_walk(txn);
    uint32_t left = txn->facts->flow_step;
    bool pending = false, found = true;

    for (; left > 0 && found; left -= left > 0) {
        struct ff_group group = { 0 };
        struct ff_entry next = { 0 };

        if (to->listing && !pending) {
            FF_TRY(ff_gather(list_siblings(txn, to, &left), &pending));
            continue;
        }
        FF_TRY(ff_txn_next(txn, FF_IX_GROUPS, &scope, walk->inside ? &walk->at : NULL, left, &next,
                           &found));
        if (found) {
            walk->at = next;
            walk->inside = true;
            FF_TRY(ff_gather(ff_txn_find(txn, FF_R_GROUP, &next.id, &group, &found), &pending));
            found = true;
            add_group(txn, to, &group);
        }
    }
    *over = !found;
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* ---- the operation ---- */

static void
show_flow(const struct ff_flow *flow, struct ff_flow_snapshot *out)
{
    *out = (struct ff_flow_snapshot){
        .flow_id = flow->flow_id,
        .flow_kind = flow->flow_kind,
        .namespace = flow->namespace,
        .graph_revision = flow->graph_revision,
        .node_count = flow->node_count,
        .edge_count = flow->edge_count,
        .created_at = flow->created_at,
        .last_mutation_at = flow->last_mutation_at,
        .cancelled_at = flow->cancelled_at,
        .cancel_reason =
            flow->cancelled && flow->cancel_reason.n > 0 ? flow->cancel_reason : FF_NONE(ff_str),
        .cancellation_policy = flow->cancelled ? flow->cancellation_policy : FF_NONE(ff_opt_u32),
        .tags = flow->tags,
        .pending_cancel_count = flow->cancel_left,
    };
}

/* What the steps before have listed, of this very flow. */
static struct describing *
go_on(struct ff_txn *txn, const struct ff_flow *flow)
{
    struct describing *now = FF_ARENA_NEW(ff_walk_arena(txn), struct describing, 1);
    struct ff_walk *walk = ff_txn_walk(txn);
    const struct describing *before = walk->kept;

    if (before != NULL && before->created_at == flow->created_at) {
        *now = *before;
    } else {
        walk->inside = false;
        now->created_at = flow->created_at;
    }
    walk->kept = now;
    return now;
}

ff_err
ff_op_describe_flow(struct ff_txn *txn, const struct ff_describe_flow_args *args,
                    struct ff_describe_flow_result *result)
{
    struct ff_flow_snapshot *out = FF_ARENA_NEW(txn->arena, struct ff_flow_snapshot, 1);
    struct ff_key key = ff_key_flow(&args->flow_id);
    struct describing *listed = NULL;
    struct ff_flow flow = { 0 };
    struct ff_summary summary = { 0 };
    bool found = false, pending = false, over = false;

    FF_TRY(ff_flow_find(txn, &args->flow_id, &flow, &found));
    if (!found) {
        return FF_E_OK;
    }
    listed = go_on(txn, &flow);
    FF_TRY(ff_gather(list_some(txn, &flow, listed, &over), &pending));
    if (!pending && !over) {
        return ff_txn_step(txn);
    }
    show_flow(&flow, out);
    FF_TRY(ff_gather(ff_flow_public_state(txn, &flow, &out->public_flow_state), &pending));
    FF_TRY(ff_gather(ff_txn_find(txn, FF_R_SUMMARY, &key, &summary, &found), &pending));
    out->edge_groups = (struct ff_edge_group_snapshot_list){ .v = listed->groups, .n = listed->n };
    out->summary = summary.counts;
    result->flow = out;
    return pending ? FF_E_PENDING : FF_E_OK;
}
