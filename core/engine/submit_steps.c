/* submit_flow of a large graph, in steps (submit.h). */

#include "core/engine/create.h"
#include "core/engine/flow_work.h"
#include "core/engine/gate.h"
#include "core/engine/lanes.h"
#include "core/engine/submit.h"
#include "core/engine/submit_int.h"

/* Members that one step of letting them go looks at. */
#define RELEASE_LOOKS 256

/* ---- before anything is written ---- */

/* The next part of it, with an arena that lives as long as the call. */
static ff_err
read_kept(struct ff_txn *txn, const struct ff_submit_flow_args *args, struct ff_graph *graph)
{
    struct ff_arena *own = txn->arena;
    ff_err err = FF_E_OK;

    txn->arena = ff_walk_arena(txn);
    err = graph->is_read ? ff_graph_name_some(txn, graph) : ff_graph_read_some(txn, args, graph);
    txn->arena = own;
    return err;
}

static ff_err
check_lane(struct ff_txn *txn, const struct ff_graph *graph, uint32_t at)
{
    struct ff_lane lane = { 0 };
    bool registered = false;

    FF_TRY(ff_lane_get(txn, graph->members.v[at].lane_id, &lane, &registered));
    return ff_lane_takes_in(lane.state) ? FF_E_OK : ff_graph_fail_lane(txn, at);
}

/* Ids that were given, and lanes, of the next members: what is refused is so before the first step
 * that writes. (An id of our own making is looked for when it is used.) */
static ff_err
check_some(struct ff_txn *txn, const struct ff_graph *graph)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    uint32_t at = walk->next, looks = 0;
    bool pending = false;

    for (; at < graph->members.n && looks < txn->facts->submit_step; at++) {
        if (graph->members.v[at].execution_id.is) {
            FF_TRY(ff_gather(ff_graph_check_free(txn, graph, at), &pending));
            looks++;
        }
        if (ff_graph_changes_lane(graph, at)) {
            FF_TRY(ff_gather(check_lane(txn, graph, at), &pending));
            looks++;
        }
    }
    if (pending) {
        return FF_E_PENDING;
    }
    walk->next = at;
    return FF_E_OK;
}

/* ---- writing ---- */

/* One that was closed since it was checked takes this flow in all the same. */
static ff_err
open_lane(struct ff_txn *txn, struct ff_str lane_id)
{
    struct ff_lane lane = { 0 };
    bool registered = false;

    FF_TRY(ff_lane_get(txn, lane_id, &lane, &registered));
    return registered ? FF_E_OK : ff_lane_register(txn, &lane);
}

/* What the next members need is looked for together. */
static ff_err
want_some(struct ff_txn *txn, const struct ff_graph *graph, uint32_t from)
{
    bool pending = false;

    for (uint32_t i = from; i < graph->members.n && i - from < txn->facts->submit_step; i++) {
        (void) ff_gather(ff_graph_check_free(txn, graph, i), &pending); /* told when it is used */
        txn->fault = (struct ff_fault){ 0 };
    }
    return FF_E_PENDING;
}

/* Somebody else has taken a member's id meanwhile: what is written of the flow is taken back. */
static ff_err
give_up(struct ff_txn *txn, struct ff_flow *flow)
{
    const struct ff_fault fault = txn->fault;

    flow->graph_revision = (uint64_t) flow->node_count + flow->edge_count;
    flow->purging = true;
    FF_TRY(ff_txn_put_flow(txn, flow));
    ff_txn_keep(txn);
    txn->fault = fault;
    return fault.code;
}

static ff_err
put_next_member(struct ff_txn *txn, const struct ff_graph *graph, struct ff_flow *flow)
{
    uint32_t at = flow->node_count;
    ff_err err = ff_graph_check_free(txn, graph, at);

    if (err == FF_E_PENDING) {
        return want_some(txn, graph, at);
    }
    if (err == FF_E_INVALID_INPUT) {
        return give_up(txn, flow);
    }
    FF_TRY(err);
    if (ff_graph_changes_lane(graph, at)) {
        FF_TRY(open_lane(txn, graph->members.v[at].lane_id));
    }
    FF_TRY(ff_graph_put_member(txn, graph, at, true));
    flow->node_count++;
    return FF_E_OK;
}

/* Members, then edges. The flow is seen from the step on that writes the last of them. */
static ff_err
write_some(struct ff_txn *txn, const struct ff_graph *graph, struct ff_flow *flow)
{
    for (uint32_t n = 0; n < txn->facts->submit_step; n++) {
        if (flow->node_count < graph->members.n) {
            FF_TRY(put_next_member(txn, graph, flow));
        } else if (flow->edge_count < graph->edges.n) {
            FF_TRY(ff_graph_put_edge(txn, graph, flow->edge_count));
            flow->edge_count++;
        } else {
            break;
        }
    }
    flow->graph_revision = (uint64_t) flow->node_count + flow->edge_count;
    flow->last_mutation_at = txn->now_ms;
    if (flow->graph_revision == flow->submit_revision) {
        flow->submitting = false;
        flow->release_due_at = FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, FF_RELEASE_MS));
        ff_txn_walk(txn)->counts[0] = 1; /* it is this call that has submitted it */
    }
    return ff_txn_put_flow(txn, flow);
}

static ff_err
begin(struct ff_txn *txn, const struct ff_graph *graph, struct ff_flow *flow)
{
    *flow = ff_graph_flow(graph);
    flow->created_at = graph->at_ms;
    flow->submitting = true;
    return write_some(txn, graph, flow);
}

/* ---- letting go ---- */

/* One that waits for nobody may run; the end of one that has ended meanwhile cascades. The others
 * stay as they are: who waits is let go by its upstreams. */
static ff_err
release(struct ff_txn *txn, const struct ff_flow *flow, const struct ff_eid *id)
{
    struct ff_exec exec = { 0 };
    struct ff_group group = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find_exec(txn, id, &exec, &found));
    if (!found || !exec.staged) {
        return FF_E_OK;
    }
    if (exec.lifecycle_phase == FF_PHASE_TERMINAL) {
        exec.staged = false;
        return ff_txn_put_exec(txn, &exec);
    }
    FF_TRY(ff_group_find(txn, &flow->flow_id, id, &group, &found));
    if (exec.cancel_owed_at.is || exec.lifecycle_phase != FF_PHASE_RUNNABLE ||
        exec.eligibility_state != FF_ELIGIBLE_DEPENDENCIES ||
        ff_group_verdict(&group) != FF_VERDICT_NONE) {
        return FF_E_OK;
    }
    return ff_gate_release(txn, &exec);
}

ff_err
ff_submit_release(struct ff_txn *txn, struct ff_flow *flow, bool *done)
{
    struct ff_scope scope = ff_scope_flow(&flow->flow_id);
    struct ff_walk *walk = ff_txn_walk(txn);
    bool found = true, pending = false;

    walk->scope = ff_scope_none();
    walk->inside =
        walk->inside && memcmp(walk->at.id.b, flow->flow_id.b, sizeof(flow->flow_id)) == 0;
    for (uint32_t n = 0; found && n < RELEASE_LOOKS; n++) {
        struct ff_entry next = { 0 };
        struct ff_eid id;

        FF_TRY(ff_txn_next(txn, FF_IX_MEMBERS, &scope, walk->inside ? &walk->at : NULL,
                           RELEASE_LOOKS, &next, &found));
        if (found) {
            ff_err err = FF_E_OK;

            walk->at = next;
            walk->inside = true;
            id = ff_key_member_eid(&next.id);
            err = release(txn, flow, &id);
            if (err == FF_E_CORRUPTION) { /* it stays as it is, and does not stop the others */
                txn->fault = (struct ff_fault){ 0 };
                err = FF_E_OK;
            }
            FF_TRY(ff_gather(err, &pending));
        }
    }
    *done = !found;
    if (pending || found) {
        return pending ? FF_E_PENDING : FF_E_OK;
    }
    walk->inside = false;
    flow->release_due_at = FF_NONE(ff_opt_i64);
    return ff_txn_put_flow(txn, flow);
}

ff_err
ff_follow_release(struct ff_txn *txn, const void *args, void *result)
{
    struct ff_flow flow = { 0 };
    bool found = false, done = false;

    (void) result;
    FF_TRY(ff_txn_find(txn, FF_R_FLOW, args, &flow, &found));
    if (!found || !flow.release_due_at.is || flow.release_due_at.v > txn->now_ms) {
        return FF_E_OK;
    }
    FF_TRY(ff_submit_release(txn, &flow, &done));
    return done ? FF_E_OK : ff_txn_step(txn);
}

/* ---- the operation ---- */

ff_err
ff_submit_in_steps(struct ff_txn *txn, const struct ff_submit_flow_args *args,
                   struct ff_submit_flow_result *result)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_graph *graph = walk->kept;
    struct ff_flow flow = { 0 };
    bool found = false, done = false;

    walk->ahead = true;
    if (graph == NULL) {
        walk->kept = FF_ARENA_NEW(ff_walk_arena(txn), struct ff_graph, 1);
        return ff_txn_step(txn); /* its arguments were decoded: enough for one step */
    }
    if (!graph->is_read) {
        FF_TRY(read_kept(txn, args, graph));
        return ff_txn_step(txn);
    }
    FF_TRY(ff_graph_find_flow(txn, graph, &flow, &found));
    if (graph->at_ms == 0 || (found && graph->at_ms != flow.created_at)) {
        ff_graph_name(graph, found ? flow.created_at : txn->now_ms, !found || flow.ids_in_order);
    }
    if (!graph->is_named) {
        FF_TRY(read_kept(txn, args, graph));
        return ff_txn_step(txn);
    }
    if (!found && walk->next < graph->members.n) {
        FF_TRY(check_some(txn, graph));
        return ff_txn_step(txn);
    }
    if (!found || flow.submitting) {
        FF_TRY(found ? write_some(txn, graph, &flow) : begin(txn, graph, &flow));
        return ff_txn_step(txn);
    }
    if (flow.release_due_at.is) {
        FF_TRY(ff_submit_release(txn, &flow, &done));
        if (!done) {
            return ff_txn_step(txn);
        }
    }
    result->outcome = walk->counts[0] > 0 ? "submitted" : "already_submitted";
    ff_graph_answer(txn, graph, result);
    return FF_E_OK;
}

/* ---- what calls that are gone have left ---- */

/* The first flow of an index that stands there since `until` and can be read. */
static ff_err
first_until(struct ff_txn *txn, enum ff_index index, int64_t until, struct ff_flow *out,
            bool *found)
{
    struct ff_scope all = ff_scope_none();
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };

    for (;;) {
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, index, &all, &at, 16, &next, found));
        *found = *found && next.sort <= until;
        if (!*found) {
            return FF_E_OK;
        }
        at = next;
        err = index == FF_IX_SUBMITTING ? ff_txn_find_hidden(txn, FF_R_FLOW, &at.id, out, found)
                                        : ff_txn_find(txn, FF_R_FLOW, &at.id, out, found);
        if (err == FF_E_CORRUPTION) {
            txn->fault = (struct ff_fault){ 0 };
            *found = false;
        } else {
            FF_TRY(err);
        }
        if (*found) {
            return FF_E_OK;
        }
    }
}

ff_err
ff_submit_rest(struct ff_txn *txn, bool *any)
{
    struct ff_flow flow = { 0 };
    bool done = false;

    FF_TRY(first_until(txn, FF_IX_RELEASING, txn->now_ms, &flow, any));
    if (*any) {
        return flow.release_due_at.is ? ff_submit_release(txn, &flow, &done) : FF_E_OK;
    }
    FF_TRY(first_until(txn, FF_IX_SUBMITTING, txn->now_ms - FF_SUBMIT_KEPT_MS, &flow, any));
    *any = *any && flow.submitting && !flow.purging &&
           flow.last_mutation_at <= txn->now_ms - FF_SUBMIT_KEPT_MS;
    if (*any) {
        flow.purging = true;
        return ff_txn_put_flow(txn, &flow);
    }
    return FF_E_OK;
}
