/* graph.c: what must hold of flows, edges and groups, and of the executions that they hold back,
 * commit by commit (04). Everything is counted anew from edges and executions.
 */

#include <stdlib.h>

#include "core/partition.h"
#include "core/sound.h"
#include "tests/sim/graph.h"

/* The flows whose partition is that of the executions. */
static void
make_ids(struct ff_sim_graph *graph)
{
    for (uint8_t n = 1; n <= N_FLOWS; n++) {
        struct ff_uuid *id = &graph->ids[n];

        *id = (struct ff_uuid){ .b = { 0xf0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, [14] = n } };
        while (ff_partition_of_flow(id, 256) != ff_rig_id(1).partition) {
            id->b[15]++;
            id->b[13] += id->b[15] == 0;
        }
    }
}

struct ff_sim_graph *
ff_sim_graph(struct world *world)
{
    static const char *const policies[] = {
        "{\"kind\":\"all_of\"}",
        "{\"kind\":\"any_of\",\"on_satisfied\":\"cancel_remaining\"}",
        "{\"kind\":\"any_of\",\"on_satisfied\":\"let_run\"}",
        "{\"kind\":\"quorum\",\"k\":2,\"on_satisfied\":\"cancel_remaining\"}",
        "{\"kind\":\"quorum\",\"k\":2,\"on_satisfied\":\"let_run\"}",
        "{\"kind\":\"quorum\",\"k\":3,\"on_satisfied\":\"let_run\"}",
    };

    if (world->graph == NULL) {
        world->graph = calloc(1, sizeof(*world->graph));
        assert_non_null(world->graph);
        make_ids(world->graph);
        for (size_t i = 0; i < FF_COUNT(policies); i++) {
            world->graph->policies[i] = ff_rig_any(world->rig, policies[i]);
        }
    }
    return world->graph;
}

static uint8_t
number_of(const struct ff_eid *id)
{
    return id->uuid.b[15];
}

static struct graph_group *
touch_group(struct world *world, uint8_t flow, uint8_t down)
{
    struct graph_group *group = &ff_sim_graph(world)->groups[flow][down];

    if (!group->moved) {
        group->then = group->now;
        group->moved = true;
    }
    return group;
}

/* ---- records ---- */

static void
see_flow(struct world *world, const struct ff_flow *before, const struct ff_flow *after)
{
    struct graph_flow *flow = NULL;

    CHECK(world, after != NULL, "a flow is gone\n"); /* nothing trims here */
    CHECK(world, before == NULL || before->submitting || !after->submitting,
          "a flow that was seen is so no more\n");
    CHECK(world,
          after->submitting || before == NULL || !before->submitting ||
              (after->graph_revision == after->submit_revision && after->release_due_at.is),
          "a part of a flow is seen\n");
    CHECK(world, before == NULL || !before->cancelled || after->cancelled,
          "a cancelled flow is open again\n");
    CHECK(world,
          before == NULL ||
              (after->graph_revision >= before->graph_revision &&
               after->node_count >= before->node_count && after->edge_count >= before->edge_count),
          "a flow shrinks\n");
    flow = &ff_sim_graph(world)->flows[after->flow_id.b[14]];
    flow->exists = true;
    flow->now = *after;
    ff_sim_graph(world)->in_steps |= after->submitting;
    for (uint8_t id = 1; before != NULL && before->submitting && id <= N_IDS; id++) {
        touch_group(world, after->flow_id.b[14], id); /* now its edges are all there */
    }
}

static void
see_member(struct world *world, const struct ff_member *before, const struct ff_member *after)
{
    struct graph_flow *flow = NULL;

    CHECK(world, after != NULL, "a member is gone\n");
    flow = &ff_sim_graph(world)->flows[after->flow_id.b[14]];
    flow->members += before == NULL;
    flow->has[number_of(&after->execution_id)] = true;
}

static struct graph_edge *
edge_of(struct world *world, const struct ff_edge *edge)
{
    struct ff_sim_graph *graph = ff_sim_graph(world);
    uint8_t flow = edge->flow_id.b[14];

    for (uint32_t i = 0; i < graph->n_edges; i++) {
        if (graph->edges[i].flow == flow && ff_uuid_eq(graph->edges[i].edge_id, edge->edge_id)) {
            return &graph->edges[i];
        }
    }
    CHECK(world, graph->n_edges < EDGES_MAX, "too many edges\n");
    graph->edges[graph->n_edges] = (struct graph_edge){ .edge_id = edge->edge_id,
                                                        .flow = flow,
                                                        .up = number_of(&edge->upstream),
                                                        .down = number_of(&edge->downstream) };
    return &graph->edges[graph->n_edges++];
}

static void
see_edge(struct world *world, const struct ff_edge *before, const struct ff_edge *after)
{
    struct graph_edge *edge = NULL;

    CHECK(world, after != NULL, "an edge is gone\n");
    CHECK(world,
          before == NULL || (before->created_at == after->created_at &&
                             ff_eid_eq(before->upstream, after->upstream) &&
                             ff_eid_eq(before->downstream, after->downstream)),
          "what is immutable of an edge has changed\n");
    CHECK(world,
          before == NULL || before->edge_state != FF_EDGE_SATISFIED ||
              after->edge_state == FF_EDGE_SATISFIED,
          "a satisfied edge is so no more\n");
    CHECK(world,
          before == NULL || before->edge_state == FF_EDGE_PENDING ||
              after->edge_state != FF_EDGE_PENDING,
          "an applied edge is not applied\n");
    edge = edge_of(world, after);
    ff_sim_graph(world)->flows[edge->flow].edges += before == NULL;
    edge->state = after->edge_state;
    edge->ignore_terminal_count = after->ignore_terminal_count;
    touch_group(world, edge->flow, edge->down);
}

static void
see_group(struct world *world, const struct ff_group *before, const struct ff_group *after)
{
    struct graph_group *group = NULL;

    CHECK(world, after != NULL, "a group is gone\n");
    CHECK(world,
          before == NULL || before->total == 0 ||
              (before->kind == after->kind && before->k == after->k &&
               before->on_satisfied.is == after->on_satisfied.is),
          "the policy of a group with edges has changed\n");
    group = touch_group(world, after->flow_id.b[14], number_of(&after->downstream));
    group->exists = true;
    group->now = *after;
    ff_sim_graph(world)->in_steps |= after->replay_due_at.is;
}

/* Those that a worker has begun, or resumed: a lost lease taken over is no beginning. */
static void
see_exec(struct world *world, const struct ff_exec *before, const struct ff_exec *after)
{
    struct ff_sim_graph *graph = ff_sim_graph(world);

    if (before == NULL || after == NULL || !before->flow_id.is ||
        after->current_lease_epoch == before->current_lease_epoch ||
        after->lease_reclaim_count != before->lease_reclaim_count) {
        return;
    }
    CHECK(world, graph->n_started < STARTED_MAX, "too many begin in one commit\n");
    graph->started[graph->n_started++] = number_of(&after->execution_id);
}

static void
see_record(struct world *world, enum ff_record kind, const void *before, const void *after)
{
    switch (kind) {
    case FF_R_EXEC:
        see_exec(world, before, after);
        break;
    case FF_R_FLOW:
        see_flow(world, before, after);
        break;
    case FF_R_MEMBER:
        see_member(world, before, after);
        break;
    case FF_R_EDGE:
        see_edge(world, before, after);
        break;
    case FF_R_GROUP:
        see_group(world, before, after);
        break;
    default:
        break;
    }
}

/* ---- groups ---- */

static struct ff_group_count
count_edges(struct world *world, uint8_t flow, uint8_t down)
{
    const struct ff_sim_graph *graph = ff_sim_graph(world);
    struct ff_group_count count = { 0 };

    for (uint32_t i = 0; i < graph->n_edges; i++) {
        const struct graph_edge *edge = &graph->edges[i];

        if (edge->flow == flow && edge->down == down) {
            ff_group_count_add(&count, edge->state);
        }
    }
    return count;
}

static void
check_group(struct world *world, uint8_t flow, uint8_t down)
{
    const struct graph_group *known = &ff_sim_graph(world)->groups[flow][down];
    const struct ff_group *group = &known->now;
    struct ff_group_count count = count_edges(world, flow, down);

    if (ff_sim_graph(world)->flows[flow].now.submitting) {
        return; /* its edges come after its members */
    }
    CHECK(world, known->exists || count.total == 0, "edges to %u, and no group\n", down);
    CHECK(world, ff_group_unsound(group, &count) == NULL,
          "the group of %u (%s, k %u, %s) %s: %u edges, %u applied, %u waiting, %u succeeded, %u "
          "lost\n",
          down, ff_word(&ff_vocab_edge_policy_kind, group->kind), group->k,
          ff_word(&ff_vocab_edge_group_state, group->state), ff_group_unsound(group, &count),
          count.total, count.applied, count.waiting, count.succeeded, count.lost);
}

/* ---- executions ---- */

static bool
lets_run(const struct ff_group *group)
{
    return group->applied == 0 || group->state == FF_GROUP_SATISFIED;
}

/* Not before all of its flow is there; and if it was allowed to before the commit, or is after it;
 * or within, before one more edge. */
static void
check_started(struct world *world, uint8_t id)
{
    const struct ff_exec *exec = &world->lives[id].exec;
    const struct graph_group *group = &ff_sim_graph(world)->groups[exec->flow_id.v.b[14]][id];

    CHECK(world, !ff_sim_graph(world)->flows[exec->flow_id.v.b[14]].now.submitting,
          "%u is run before its flow is there\n", id);
    CHECK(world,
          lets_run(&group->now) || (group->moved && (lets_run(&group->then) ||
                                                     group->now.applied > group->then.applied)),
          "%u is run before its policy allows it\n", id);
    CHECK(world,
          !exec->cancel_owed_at.is || exec->lifecycle_phase == FF_PHASE_TERMINAL ||
              exec->lifecycle_phase == FF_PHASE_ACTIVE,
          "%u is owed a cancel\n", id);
}

static void
check_exec(struct world *world, uint8_t id)
{
    const struct ff_sim_graph *graph = ff_sim_graph(world);
    const struct ff_exec *exec = &world->lives[id].exec;
    const struct ff_group *group = NULL;
    bool waits = exec->lifecycle_phase == FF_PHASE_RUNNABLE && !exec->cancel_owed_at.is;

    if (!exec->flow_id.is) {
        CHECK(world, exec->terminal_outcome != FF_OUTCOME_SKIPPED, "%u is skipped\n", id);
        return;
    }
    group = &graph->groups[exec->flow_id.v.b[14]][id].now;
    CHECK(world, graph->flows[exec->flow_id.v.b[14]].has[id], "%u is no member\n", id);
    CHECK(world,
          exec->terminal_outcome != FF_OUTCOME_SKIPPED ||
              (group->applied > 0 && group->state == FF_GROUP_IMPOSSIBLE),
          "%u is skipped\n", id);
    CHECK(world,
          group->applied == 0 || group->state != FF_GROUP_IMPOSSIBLE ||
              exec->lifecycle_phase == FF_PHASE_TERMINAL || exec->cancel_owed_at.is,
          "%u has nothing to wait for any more\n", id);
    CHECK(world, !waits || lets_run(group) || exec->eligibility_state == FF_ELIGIBLE_DEPENDENCIES,
          "%u does not wait for its upstreams\n", id);
    CHECK(world,
          !waits || group->applied == 0 || !lets_run(group) ||
              exec->eligibility_state != FF_ELIGIBLE_DEPENDENCIES,
          "%u waits for its upstreams\n", id);
}

bool
ff_sim_edge_has_end(struct world *world, const struct graph_edge *edge)
{
    return ff_end_counts(&world->lives[edge->up].exec, edge->ignore_terminal_count);
}

/* An end that an edge still has to be told of is owed a cascade. */
static void
check_edges(struct world *world)
{
    const struct ff_sim_graph *graph = ff_sim_graph(world);

    for (uint32_t i = 0; i < graph->n_edges; i++) {
        const struct graph_edge *edge = &graph->edges[i];

        CHECK(world,
              edge->state != FF_EDGE_APPLIED || !ff_sim_edge_has_end(world, edge) ||
                  world->lives[edge->up].exec.cascade_owed ||
                  graph->groups[edge->flow][edge->down].now.replay_due_at.is, /* it catches up */
              "%u has ended, and %u is not told\n", edge->up, edge->down);
    }
}

/* ---- flows ---- */

static void
check_flow(struct world *world, uint8_t n)
{
    const struct graph_flow *flow = &ff_sim_graph(world)->flows[n];
    uint32_t owed = 0;

    if (!flow->exists) {
        CHECK(world, flow->members == 0 && flow->edges == 0, "parts of no flow\n");
        return;
    }
    for (uint8_t id = 1; id <= N_IDS; id++) {
        const struct life *life = &world->lives[id];
        bool in = life->exists && life->exec.flow_id.is && life->exec.flow_id.v.b[14] == n;

        CHECK(world, flow->has[id] == in, "%u is a member, or not\n", id);
        owed += in && life->exec.cancel_owed_at.is;
    }
    CHECK(world,
          flow->now.node_count == flow->members && flow->now.edge_count == flow->edges &&
              flow->now.graph_revision == flow->members + flow->edges,
          "flow %u counts %u and %u, there are %u members and %u edges\n", n, flow->now.node_count,
          flow->now.edge_count, flow->members, flow->edges);
    CHECK(world, flow->now.cancel_left == owed, "flow %u owes %u cancels, there are %u\n", n,
          flow->now.cancel_left, owed);
}

static void
committed(struct world *world)
{
    struct ff_sim_graph *graph = ff_sim_graph(world);

    for (uint32_t i = 0; i < graph->n_started; i++) {
        check_started(world, graph->started[i]);
    }
    for (uint8_t n = 1; n <= N_FLOWS; n++) {
        check_flow(world, n);
        for (uint8_t id = 1; id <= N_IDS; id++) {
            if (graph->groups[n][id].moved) {
                check_group(world, n, id);
                graph->groups[n][id].moved = false;
            }
        }
    }
    for (uint8_t id = 1; id <= N_IDS; id++) {
        if (world->lives[id].exists) {
            check_exec(world, id);
        }
    }
    check_edges(world);
    graph->n_started = 0;
}

const struct watch ff_sim_graph_watch = { .record = see_record, .committed = committed };

/* ---- at rest ---- */

bool
ff_sim_may_stay_blocked(struct world *world, uint8_t id)
{
    const struct ff_sim_graph *graph = ff_sim_graph(world);
    const struct ff_exec *exec = &world->lives[id].exec;
    uint8_t flow = exec->flow_id.is ? exec->flow_id.v.b[14] : 0;
    const struct ff_group *group = &graph->groups[flow][id].now;

    if (exec->flow_id.is && graph->flows[flow].now.submitting) {
        return true; /* whoever has submitted it has given up */
    }
    if (exec->staged && group->applied == 0) {
        return false; /* it was to be let go */
    }
    if (!exec->flow_id.is || group->applied == 0 || group->k > group->total) {
        return true; /* its worker has said so, or the quorum is not staged yet */
    }
    for (uint32_t i = 0; i < graph->n_edges; i++) {
        const struct graph_edge *edge = &graph->edges[i];

        if (edge->flow == flow && edge->down == id &&
            (edge->state == FF_EDGE_PENDING ||
             (edge->state == FF_EDGE_APPLIED && !ff_sim_edge_has_end(world, edge)))) {
            return true;
        }
    }
    return false;
}

bool
ff_sim_any_replaying(struct world *world)
{
    for (uint8_t n = 1; n <= N_FLOWS; n++) {
        for (uint8_t id = 1; id <= N_IDS; id++) {
            if (ff_sim_graph(world)->groups[n][id].now.replay_due_at.is) {
                return true;
            }
        }
    }
    return false;
}

static void
count_members(const struct world *world, uint8_t flow, struct ff_flow_summary *out)
{
    for (uint8_t id = 1; id <= N_IDS; id++) {
        const struct ff_exec *exec = &world->lives[id].exec;
        enum ff_public_state state = exec->public_state;

        if (!world->lives[id].exists || !exec->flow_id.is || exec->flow_id.v.b[14] != flow) {
            continue;
        }
        out->total_members++;
        out->members_completed += state == FF_PUBLIC_COMPLETED;
        out->members_failed += state == FF_PUBLIC_FAILED;
        out->members_cancelled += state == FF_PUBLIC_CANCELLED;
        out->members_sibling_cancelled += state == FF_PUBLIC_CANCELLED &&
                                          exec->cancellation_reason.n > 8 &&
                                          memcmp(exec->cancellation_reason.p, "sibling_", 8) == 0;
        out->members_expired += state == FF_PUBLIC_EXPIRED;
        out->members_skipped += state == FF_PUBLIC_SKIPPED;
        out->members_active += state == FF_PUBLIC_ACTIVE;
        out->members_suspended += state == FF_PUBLIC_SUSPENDED;
        out->members_waiting += state == FF_PUBLIC_WAITING || state == FF_PUBLIC_RESUMABLE;
        out->members_delayed += state == FF_PUBLIC_DELAYED;
        out->members_rate_limited += state == FF_PUBLIC_RATE_LIMITED;
        out->members_waiting_children += state == FF_PUBLIC_WAITING_CHILDREN;
    }
    out->sampled_members = out->total_members;
}

/* derive(members) of 04 §6. */
static enum ff_flow_state
derive(const struct ff_flow_summary *of)
{
    uint32_t held = of->members_suspended + of->members_delayed + of->members_rate_limited +
                    of->members_waiting_children;
    uint32_t bad = of->members_failed + of->members_expired + of->members_cancelled -
                   of->members_sibling_cancelled;

    if (of->members_active > 0) {
        return FF_FLOW_RUNNING;
    }
    if (held > 0) {
        return FF_FLOW_BLOCKED;
    }
    if (of->members_waiting > 0 || of->total_members == 0) {
        return FF_FLOW_OPEN;
    }
    return bad > 0 ? FF_FLOW_FAILED : FF_FLOW_COMPLETED;
}

static void
check_summary(struct world *world, uint8_t n, const struct ff_flow_snapshot *got)
{
    const struct graph_flow *flow = &ff_sim_graph(world)->flows[n];
    struct ff_flow_summary want = { 0 };

    count_members(world, n, &want);
    want.public_flow_state = derive(&want);
    CHECK(world, (got != NULL) == (flow->exists && !flow->now.submitting),
          "flow %u is there, or not\n", n);
    if (got == NULL) {
        return;
    }
    CHECK(world,
          got->public_flow_state ==
              (flow->now.cancelled ? FF_FLOW_CANCELLED : want.public_flow_state),
          "flow %u is %s\n", n, ff_word(&ff_vocab_flow_state, got->public_flow_state));
    CHECK(world, got->pending_cancel_count == flow->now.cancel_left, "flow %u owes cancels\n", n);
    if (want.total_members > 0) {
        want.last_summary_update_at = world->rig->now_ms;
        CHECK(world, memcmp(got->summary, &want, sizeof(want)) == 0,
              "the summary of flow %u is wrong\n", n);
    }
}

void
ff_sim_check_summaries(struct world *world)
{
    struct ff_rig *rig = world->rig;

    for (uint8_t n = 1; n <= N_FLOWS; n++) {
        const struct ff_project_flow_summary_args project = { .flow_id =
                                                                  ff_sim_graph(world)->ids[n] };
        const struct ff_describe_flow_args describe = { .flow_id = project.flow_id };
        struct ff_project_flow_summary_result projected = { 0 };
        struct ff_describe_flow_result described = { 0 };

        assert_int_equal(ff_rig_project_flow_summary(rig, &project, &projected), FF_E_OK);
        assert_int_equal(ff_rig_describe_flow(rig, &describe, &described), FF_E_OK);
        check_summary(world, n, described.flow);
    }
}
