/* acts_flow.c: random graphs, built at once and piece by piece while their members run, and what
 * happens to them: cascades, policies, cancels, replays (04). graph.c says what must hold.
 */

#include "tests/sim/graph.h"

/* ---- drawing ---- */

/* The flow of this execution, or that which its like mostly join. */
static uint8_t
flow_near(struct world *world, uint8_t id)
{
    const struct ff_exec *exec = &world->lives[id].exec;
    uint8_t n = (uint8_t) (1 + (id - 1u) * N_BUILT / N_IDS);

    if (exec->flow_id.is && !one_in(world, 6)) {
        return exec->flow_id.v.b[14];
    }
    return one_in(world, 10) && n < N_BUILT ? n + 1 : n;
}

static struct ff_uuid
flow_id(struct world *world, uint8_t n)
{
    return ff_sim_graph(world)->ids[n];
}

static struct ff_uuid
edge_id(uint8_t flow, uint8_t up, uint8_t down, uint8_t copy)
{
    return (struct ff_uuid){ .b = { 0xe0, 0, 0, 0, 0, 0, 0x40, 0,
                                    0x80, [12] = flow, [13] = up, [14] = down, [15] = copy } };
}

/* A member of the flow, as committed, seen from `from` on; 0: there is none. */
static uint8_t
some_member(const struct ff_sim_graph *graph, uint8_t flow, uint32_t from)
{
    for (uint32_t i = 0; i < N_IDS; i++) {
        uint8_t id = (uint8_t) (1 + (from + i) % N_IDS);

        if (graph->flows[flow].has[id]) {
            return id;
        }
    }
    return 0;
}

/* An edge, mostly a new one; NULL: there is none. */
static const struct graph_edge *
some_edge(struct world *world, bool (*fits)(struct world *world, const struct graph_edge *edge))
{
    const struct ff_sim_graph *graph = ff_sim_graph(world);
    uint32_t n = graph->n_edges, from = n == 0 ? 0 : below(world, one_in(world, 4) ? n : 1 + n / 4);

    for (uint32_t i = 0; i < n; i++) {
        const struct graph_edge *edge = &graph->edges[n - 1 - (from + i) % n];

        if (fits(world, edge)) {
            return edge;
        }
    }
    return NULL;
}

/* ---- building ---- */

static void *
ask_create_flow(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_create_flow_args *args = ff_arena_zalloc(arena, sizeof(*args));

    args->flow_id = flow_id(world, flow_near(world, asked->id));
    args->flow_kind = ff_cstr("dag");
    args->namespace = ff_cstr("N");
    return args;
}

static bool
is_in_no_flow(const struct ff_exec *exec)
{
    return !exec->flow_id.is && exec->lifecycle_phase != FF_PHASE_TERMINAL;
}

static void *
ask_add_execution_to_flow(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_add_execution_to_flow_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, is_in_no_flow);
    args->flow_id = flow_id(world, flow_near(world, asked->id));
    args->execution_id = ff_rig_id(asked->id);
    return args;
}

static void *
ask_set_edge_group_policy(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_sim_graph *graph = ff_sim_graph(world);
    struct ff_set_edge_group_policy_args *args = ff_arena_zalloc(arena, sizeof(*args));

    args->flow_id = flow_id(world, flow_near(world, asked->id));
    args->downstream_execution_id = ff_rig_id(asked->id);
    args->policy = graph->policies[below(world, FF_COUNT(graph->policies))];
    return args;
}

static void *
ask_stage_dependency_edge(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_sim_graph *graph = ff_sim_graph(world);
    struct ff_stage_dependency_edge_args *args = ff_arena_zalloc(arena, sizeof(*args));
    uint8_t flow = flow_near(world, asked->id);
    uint8_t up = some_member(graph, flow, asked->id + below(world, 6));
    uint8_t down = some_member(graph, flow, up + below(world, 4));

    if (up == 0 || (up >= down && !one_in(world, 10))) {
        return NULL;
    }
    args->flow_id = flow_id(world, flow);
    args->edge_id = edge_id(flow, up, down, (uint8_t) below(world, 2));
    args->upstream_execution_id = ff_rig_id(up);
    args->downstream_execution_id = ff_rig_id(down);
    args->dependency_kind = ff_cstr("success_only");
    args->data_passing_ref = one_in(world, 3) ? ff_cstr("result") : FF_NONE(ff_str);
    args->expected_graph_revision = graph->flows[flow].now.graph_revision;
    return args;
}

static bool
is_staged(struct world *world, const struct graph_edge *edge)
{
    return edge->state == FF_EDGE_PENDING && !ff_sim_graph(world)->flows[edge->flow].now.cancelled;
}

static void *
ask_apply_dependency_to_child(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_apply_dependency_to_child_args *args = ff_arena_zalloc(arena, sizeof(*args));
    const struct graph_edge *edge = some_edge(world, is_staged);

    if (edge == NULL) {
        return NULL;
    }
    asked->id = edge->down;
    args->flow_id = flow_id(world, edge->flow);
    args->edge_id = edge->edge_id;
    args->upstream_execution_id = ff_rig_id(edge->up);
    args->downstream_execution_id = ff_rig_id(edge->down);
    args->dependency_kind = ff_cstr("success_only");
    return args;
}

/* ---- a whole graph ---- */

#define SUBMIT_MEMBERS_MAX 6

static struct ff_str
key_of(struct ff_arena *arena, uint8_t id)
{
    return ff_arena_printf(arena, "m%u", id);
}

/* Those that are not there yet; now and then one that is. */
static void
draw_members(struct world *world, struct ff_arena *arena, uint8_t first,
             struct ff_submit_member_list *out)
{
    uint32_t n = 2 + below(world, SUBMIT_MEMBERS_MAX - 1);

    out->v = FF_ARENA_NEW(arena, struct ff_submit_member, n);
    for (uint8_t id = first; out->n < n && id <= N_IDS; id++) {
        struct ff_submit_member *member = &out->v[out->n];

        if (world->lives[id].exists && !one_in(world, 100)) {
            continue;
        }
        out->n++;
        *member = (struct ff_submit_member){
            .key = key_of(arena, id),
            .execution_id = FF_SOME(ff_opt_eid, ff_rig_id(id)),
            .lane_id = ff_cstr(one_in(world, 4) ? "M" : "L"),
            .execution_kind = ff_cstr("job"),
            .creator_identity = ff_cstr(""),
        };
        if (one_in(world, 4)) {
            member->policy = world->policies[below(world, world->n_policies)];
        }
        if (one_in(world, 6)) {
            member->delay_until = FF_SOME(ff_opt_i64, world->rig->now_ms + below(world, 60));
        }
    }
}

/* Each two are joined or not; now and then twice, or backwards. */
static void
draw_edges(struct world *world, struct ff_arena *arena, const struct ff_submit_member_list *members,
           struct ff_submit_edge_list *out)
{
    out->v = FF_ARENA_NEW(arena, struct ff_submit_edge, members->n * members->n);
    for (uint32_t i = 0; i < members->n; i++) {
        for (uint32_t j = i + 1; j < members->n; j++) {
            bool back = one_in(world, 200);

            if (one_in(world, 2)) {
                out->v[out->n++] = (struct ff_submit_edge){
                    .from = members->v[back ? j : i].key,
                    .to = members->v[back ? i : j].key,
                    .dependency_kind = ff_cstr("success_only"),
                    .data_passing_ref = one_in(world, 3) ? ff_cstr("result") : FF_NONE(ff_str),
                };
            }
        }
    }
}

/* The next that is not there; now and then another. */
static uint8_t
flow_to_submit(struct world *world)
{
    uint8_t n = N_BUILT + 1;

    while (n < N_FLOWS && ff_sim_graph(world)->flows[n].exists) {
        n++;
    }
    return one_in(world, 8) ? (uint8_t) (1 + below(world, N_FLOWS)) : n;
}

static void *
ask_submit_flow(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_sim_graph *graph = ff_sim_graph(world);
    struct ff_submit_flow_args *args = ff_arena_zalloc(arena, sizeof(*args));
    uint8_t flow = flow_to_submit(world);

    args->flow = (struct ff_submit_head){ .flow_id = flow_id(world, flow),
                                          .flow_kind = ff_cstr("dag"),
                                          .namespace = ff_cstr("N") };
    draw_members(world, arena, asked->id, &args->members);
    if (args->members.n == 0) {
        return NULL;
    }
    draw_edges(world, arena, &args->members, &args->edges);
    args->groups.v = FF_ARENA_NEW(arena, struct ff_submit_group, args->members.n);
    for (uint32_t i = 0; i < args->members.n; i++) {
        if (one_in(world, 2)) {
            args->groups.v[args->groups.n++] = (struct ff_submit_group){
                .member = args->members.v[i].key,
                .policy = graph->policies[below(world, FF_COUNT(graph->policies))],
            };
        }
    }
    return args;
}

static void
judge_submit(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_submit_flow_result *submitted = result;

    (void) asked;
    CHECK(world,
          ff_sim_graph(world)->flows[submitted->flow_id.b[14]].exists &&
              !ff_sim_graph(world)->flows[submitted->flow_id.b[14]].now.submitting,
          "a flow is submitted, and not in the store\n");
}

/* ---- what happens to it ---- */

static bool
is_owed_a_cascade(const struct ff_exec *exec)
{
    return exec->cascade_owed;
}

static void *
ask_cascade_completion(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_cascade_completion_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, is_owed_a_cascade);
    args->execution_id = ff_rig_id(asked->id);
    args->outcome = ff_cstr("success"); /* the stored one counts */
    return args;
}

static bool
is_told(struct world *world, const struct graph_edge *edge)
{
    return edge->state == FF_EDGE_APPLIED && ff_sim_edge_has_end(world, edge);
}

static void *
ask_resolve_dependency(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_resolve_dependency_args *args = ff_arena_zalloc(arena, sizeof(*args));
    const struct graph_edge *edge = some_edge(world, is_told);

    if (edge == NULL) {
        return NULL;
    }
    asked->id = edge->down;
    args->flow_id = flow_id(world, edge->flow);
    args->edge_id = edge->edge_id;
    args->upstream_execution_id = ff_rig_id(edge->up);
    args->downstream_execution_id = ff_rig_id(edge->down);
    args->upstream_outcome = world->lives[edge->up].exec.terminal_outcome;
    return args;
}

static bool
wants_siblings(struct world *world, const struct graph_edge *edge)
{
    return ff_sim_graph(world)->groups[edge->flow][edge->down].now.cancel_siblings_pending &&
           (edge->state == FF_EDGE_PENDING || edge->state == FF_EDGE_APPLIED) &&
           world->lives[edge->up].exec.lifecycle_phase != FF_PHASE_TERMINAL;
}

/* What a scanner does for a flagged group: its siblings, then the group. */
static void *
ask_cancel_sibling(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_cancel_execution_args *args = ff_arena_zalloc(arena, sizeof(*args));
    const struct graph_edge *edge = some_edge(world, wants_siblings);

    if (edge == NULL) {
        return NULL;
    }
    asked->id = edge->up;
    args->execution_id = ff_rig_id(edge->up);
    args->reason = ff_cstr("sibling_quorum_satisfied");
    args->source = ff_cstr("operator_override");
    return args;
}

#define ASK_OF_GROUP(op)                                                                           \
    static void *ask_##op(struct world *world, struct ff_arena *arena, struct asked *asked)        \
    {                                                                                              \
        struct ff_##op##_args *args = ff_arena_zalloc(arena, sizeof(*args));                       \
        const struct graph_edge *edge = some_edge(world, wants_siblings);                          \
                                                                                                   \
        asked->id = edge == NULL ? asked->id : edge->down;                                         \
        args->flow_id = flow_id(world, edge == NULL ? flow_near(world, asked->id) : edge->flow);   \
        args->downstream_execution_id = ff_rig_id(asked->id);                                      \
        return args;                                                                               \
    }

ASK_OF_GROUP(reconcile_sibling_cancel_group)
ASK_OF_GROUP(drain_sibling_cancel_group)

/* ---- cancelling flows, reading them ---- */

static struct ff_str
some_cancel_policy(struct world *world)
{
    static const char *const policies[] = { "flow_only", "cancel_pending", "cancel_all" };

    return ff_cstr(policies[below(world, FF_COUNT(policies))]);
}

static void *
ask_cancel_flow(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_cancel_flow_args *args = ff_arena_zalloc(arena, sizeof(*args));

    if (!one_in(world, 5)) {
        return NULL;
    }
    args->flow_id = flow_id(world, flow_near(world, asked->id));
    args->policy = some_cancel_policy(world);
    args->reason = ff_cstr("flow_cancelled");
    return args;
}

static void *
ask_cancel_flow_header(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_cancel_flow_header_args *args = ff_arena_zalloc(arena, sizeof(*args));

    if (!one_in(world, 5)) {
        return NULL;
    }
    args->flow_id = flow_id(world, flow_near(world, asked->id));
    args->policy = some_cancel_policy(world);
    args->reason = ff_cstr("flow_cancelled");
    return args;
}

static bool
is_owed_a_cancel(const struct ff_exec *exec)
{
    return exec->cancel_owed_at.is;
}

static void *
ask_ack_cancel_member(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_ack_cancel_member_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, is_owed_a_cancel);
    args->flow_id = world->lives[asked->id].exec.flow_id.is ? world->lives[asked->id].exec.flow_id.v
                                                            : flow_id(world, 1);
    args->execution_id = ff_rig_id(asked->id);
    return args;
}

#define ASK_OF_FLOW(op)                                                                            \
    static void *ask_##op(struct world *world, struct ff_arena *arena, struct asked *asked)        \
    {                                                                                              \
        struct ff_##op##_args *args = ff_arena_zalloc(arena, sizeof(*args));                       \
                                                                                                   \
        args->flow_id = flow_id(world, flow_near(world, asked->id));                               \
        return args;                                                                               \
    }

ASK_OF_FLOW(project_flow_summary)
ASK_OF_FLOW(describe_flow)

static void *
ask_evaluate_flow_eligibility(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_evaluate_flow_eligibility_args *args = ff_arena_zalloc(arena, sizeof(*args));

    (void) world;
    args->execution_id = ff_rig_id(asked->id);
    return args;
}

/* ---- the table ---- */

static void
never_refused(struct world *world, const struct asked *asked, ff_err code)
{
    (void) asked;
    CHECK(world, false, "%s, where nothing can be wrong\n", ff_error_info(code)->code);
}

/* What one of the others may have made wrong meanwhile. */
static void
refused_step(struct world *world, const struct asked *asked, ff_err code)
{
    (void) asked;
    CHECK(world,
          code == FF_E_FLOW_NOT_FOUND || code == FF_E_FLOW_ALREADY_TERMINAL ||
              code == FF_E_EXECUTION_NOT_FOUND || code == FF_E_EXECUTION_ALREADY_IN_FLOW ||
              code == FF_E_EXECUTION_NOT_IN_FLOW || code == FF_E_STALE_GRAPH_REVISION ||
              code == FF_E_CYCLE_DETECTED || code == FF_E_SELF_REFERENCING_EDGE ||
              code == FF_E_DEPENDENCY_ALREADY_EXISTS || code == FF_E_INVALID_DEPENDENCY ||
              code == FF_E_INVALID_INPUT,
          "%s\n", ff_error_info(code)->code);
}

static const struct act acts[] = {
    { FF_OP_create_flow, 3, ask_create_flow, NULL, never_refused },
    { FF_OP_add_execution_to_flow, 8, ask_add_execution_to_flow, NULL, refused_step },
    { FF_OP_set_edge_group_policy, 3, ask_set_edge_group_policy, NULL, refused_step },
    { FF_OP_stage_dependency_edge, 12, ask_stage_dependency_edge, NULL, refused_step },
    { FF_OP_apply_dependency_to_child, 14, ask_apply_dependency_to_child, NULL, refused_step },
    { FF_OP_submit_flow, 4, ask_submit_flow, judge_submit, refused_step },
    { FF_OP_cascade_completion, 5, ask_cascade_completion, NULL, never_refused },
    { FF_OP_resolve_dependency, 2, ask_resolve_dependency, NULL, refused_step },
    { FF_OP_cancel_execution, 2, ask_cancel_sibling, NULL, NULL }, /* judged as the client's */
    { FF_OP_reconcile_sibling_cancel_group, 1, ask_reconcile_sibling_cancel_group, NULL,
      never_refused },
    { FF_OP_drain_sibling_cancel_group, 1, ask_drain_sibling_cancel_group, NULL, never_refused },
    { FF_OP_cancel_flow, 1, ask_cancel_flow, NULL, refused_step },
    { FF_OP_cancel_flow_header, 1, ask_cancel_flow_header, NULL, refused_step },
    { FF_OP_ack_cancel_member, 2, ask_ack_cancel_member, NULL, never_refused },
    { FF_OP_project_flow_summary, 1, ask_project_flow_summary, NULL, never_refused },
    { FF_OP_describe_flow, 1, ask_describe_flow, NULL, never_refused },
    { FF_OP_evaluate_flow_eligibility, 1, ask_evaluate_flow_eligibility, NULL, never_refused },
};
const struct acts ff_sim_flow_acts = { acts, FF_COUNT(acts) };
