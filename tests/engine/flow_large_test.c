/* Flows of 10 000 members: bounded steps, bounded memory (issue 6; 04 ex 27 on
 * a larger scale). */

#include "core/engine/backlog.h"
#include "tests/engine/flow_acts.h"

#define MEMBERS 10000

/* What a rig's engine may keep beyond its bound while a batch is under way. */
#define SLACK_BYTES (96u << 20)

static struct ff_str
key_of(struct ff_rig *rig, uint32_t i)
{
    return ff_arena_printf(&rig->arena, "m%05u", (unsigned) i);
}

/* Members m00000, m00001, …; edges from from[i] to to[i]. */
struct plan {
    uint32_t n_edges;
    uint32_t (*from)(uint32_t edge), (*to)(uint32_t edge);
};

/* policy_json: of the last member's inbound edges; NULL: all_of. */
static void
submit_with(struct ff_rig *rig, const struct plan *plan, const char *policy_json,
            struct ff_submit_flow_result *result)
{
    struct ff_submit_group group = { .member = key_of(rig, MEMBERS - 1) };
    struct ff_submit_member *members = FF_ARENA_NEW(&rig->arena, struct ff_submit_member, MEMBERS);
    struct ff_submit_edge *edges = FF_ARENA_NEW(&rig->arena, struct ff_submit_edge, plan->n_edges);
    const struct ff_submit_flow_args args = {
        .flow = { .flow_id = F, .flow_kind = ff_cstr("dag"), .namespace = ff_cstr("N") },
        .members = { .v = members, .n = MEMBERS },
        .edges = { .v = edges, .n = plan->n_edges },
        .groups = { .v = &group, .n = policy_json != NULL },
    };

    if (policy_json != NULL) {
        group.policy = ff_rig_any(rig, policy_json);
    }
    for (uint32_t i = 0; i < MEMBERS; i++) {
        members[i] = (struct ff_submit_member){ .key = key_of(rig, i),
                                                .lane_id = ff_cstr("L"),
                                                .execution_kind = ff_cstr("job"),
                                                .creator_identity = ff_cstr("") };
    }
    for (uint32_t i = 0; i < plan->n_edges; i++) {
        edges[i] = (struct ff_submit_edge){ .from = key_of(rig, plan->from(i)),
                                            .to = key_of(rig, plan->to(i)),
                                            .dependency_kind = ff_cstr("success_only") };
    }
    assert_ok(ff_rig_submit_flow(rig, &args, result));
    assert_string_equal(result->outcome, "submitted");
    assert_int_equal(result->members.n, MEMBERS);
}

static void
submit(struct ff_rig *rig, const struct plan *plan, struct ff_submit_flow_result *result)
{
    submit_with(rig, plan, NULL, result);
}

static const struct ff_flow_summary *
project(struct ff_rig *rig)
{
    const struct ff_project_flow_summary_args args = { .flow_id = F };
    struct ff_project_flow_summary_result result;

    assert_ok(ff_rig_project_flow_summary(rig, &args, &result));
    assert_true(result.updated);
    return describe_flow(rig).summary;
}

/* The commits that the engine needs for what it does by itself. */
static uint64_t
settle(struct ff_rig *rig, const struct ff_engine_stats *before)
{
    struct ff_engine_stats after;

    ff_rig_pump(rig);
    ff_engine_stats(rig->engine, &after);
    assert_true(after.cache_bytes < SLACK_BYTES);
    return after.commits - before->commits;
}

static uint32_t
edge_number(uint32_t edge)
{
    return edge;
}

static uint32_t
edge_number_and_one(uint32_t edge)
{
    return edge + 1;
}

static void
test_chain(void **state)
{
    static const struct plan chain = { MEMBERS - 1, edge_number, edge_number_and_one };
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;
    struct ff_engine_stats before;
    struct ff_claim_result claim;
    struct ff_fail_result failed;

    if (rig->contrary) {
        return; /* a refused commit leaves the rest to the scanner */
    }
    consume(rig);
    submit(rig, &chain, &result);
    claim = claim_next(rig);
    assert_string_equal(claim.outcome, "claimed");
    assert_claims_nothing(rig);
    ff_engine_stats(rig->engine, &before);
    assert_ok(fail_as(rig, &claim, FF_FAILURE_PERMANENT, "", &failed));
    /* Not in one go: other calls have their turn between the steps. */
    assert_true(settle(rig, &before) >= MEMBERS / FF_WALK_STEP);
    assert_int_equal(project(rig)->members_skipped, MEMBERS - 1);
    assert_string_equal(flow_state(rig), "failed");
}

/* ---- as many as there may be ---- */

static uint32_t
upper(uint32_t edge)
{
    return edge % (MEMBERS / 2);
}

static uint32_t
lower(uint32_t edge)
{
    return MEMBERS / 2 + (edge + edge / (MEMBERS / 2)) % (MEMBERS / 2);
}

/* No member and no edge more: 10 000 and 100 000 (04 §2.2, §2.4). */
static void
test_limits(void **state)
{
    static const struct plan full = { FF_FLOW_EDGES_MAX, upper, lower };
    struct ff_rig *rig = *state;
    struct ff_stage_dependency_edge_args args = { .flow_id = F,
                                                  .edge_id = edge_id_of(1),
                                                  .dependency_kind = ff_cstr("success_only") };
    struct ff_add_execution_to_flow_result added;
    struct ff_stage_dependency_edge_result staged;
    struct ff_submit_flow_result result;
    struct ff_fault fault = { 0 };

    if (!rig->cheap) {
        return; /* 100 000 edges are many */
    }
    submit(rig, &full, &result);
    create(rig, 1);
    assert_err(add(rig, 1, &added), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "too_many");
    assert_ok(ff_eid_parse(result.members.v[0].value, "id", &args.upstream_execution_id, &fault));
    assert_ok(ff_eid_parse(result.members.v[MEMBERS - 1].value, "id", &args.downstream_execution_id,
                           &fault));
    args.expected_graph_revision = revision(rig);
    assert_int_equal(args.expected_graph_revision, MEMBERS + FF_FLOW_EDGES_MAX);
    assert_err(ff_rig_stage_dependency_edge(rig, &args, &staged), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "too_many");
    assert_int_equal(describe_flow(rig).node_count, MEMBERS);
    assert_int_equal(describe_flow(rig).edge_count, FF_FLOW_EDGES_MAX);
}

static uint32_t
root(uint32_t edge)
{
    (void) edge;
    return 0;
}

static void
test_fan_out(void **state)
{
    static const struct plan fan = { MEMBERS - 1, root, edge_number_and_one };
    struct ff_rig *rig = *state;
    struct ff_flow_wait wait = { .kind = FF_FLOW_WAIT_INDEFINITE };
    const struct ff_cancel_flow_args cancel = {
        .flow_id = F, .policy = ff_cstr("cancel_all"), .wait = &wait, .reason = ff_cstr("enough")
    };
    struct ff_cancel_flow_result cancelled;
    struct ff_submit_flow_result result;
    struct ff_engine_stats before;
    struct ff_claim_result claim;

    if (rig->contrary) {
        return; /* as above */
    }
    consume(rig);
    submit(rig, &fan, &result);
    claim = claim_next(rig);
    ff_engine_stats(rig->engine, &before);
    assert_ok(complete(rig, &claim, "go"));
    assert_true(settle(rig, &before) >= MEMBERS / FF_WALK_STEP);
    assert_int_equal(project(rig)->members_waiting, MEMBERS - 1);
    ff_engine_stats(rig->engine, &before);
    assert_ok(ff_rig_cancel_flow(rig, &cancel, &cancelled));
    assert_string_equal(cancelled.outcome, "cancelled");
    assert_true(settle(rig, &before) >= MEMBERS / (2 * FF_DRAIN_STEP)); /* two work at it */
    assert_int_equal(cancelled.member_execution_ids.n, MEMBERS);
    assert_int_equal(project(rig)->members_cancelled, MEMBERS - 1);
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
}

static uint32_t
last(uint32_t edge)
{
    (void) edge;
    return MEMBERS - 1;
}

/* A group over 9 999 upstreams counts one of them. */
static void
test_fan_in(void **state)
{
    static const struct plan fan = { MEMBERS - 1, edge_number, last };
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;
    struct ff_claim_result claim;

    if (rig->contrary) {
        return; /* as above */
    }
    submit(rig, &fan, &result);
    claim = claim_next(rig);
    consume(rig);
    assert_ok(complete(rig, &claim, "first"));
    ff_rig_pump(rig);
    assert_int_equal(describe_flow(rig).edge_groups.v[0].satisfied_count, 1);
    assert_int_equal(describe_flow(rig).edge_groups.v[0].running_count, MEMBERS - 2);
}

/* What an any_of over 9 999 upstreams has cancelled so far. */
static uint32_t
cancelled_of(struct ff_rig *rig)
{
    return project(rig)->members_sibling_cancelled;
}

/* The decision is one record; the cancels go on in steps, after a crash too. */
static void
test_decision(void **state)
{
    static const struct plan fan = { MEMBERS - 1, edge_number, last };
    struct ff_rig *rig = *state;
    struct ff_engine_config config;
    struct ff_submit_flow_result result;
    struct ff_engine_stats before, after;
    struct ff_claim_result claim;
    struct ff_cascade_completion_args ended = { .outcome = ff_cstr("success") };
    struct ff_cascade_completion_result cascaded;

    if (rig->contrary) {
        return; /* as above */
    }
    submit_with(rig, &fan, "{\"kind\":\"any_of\",\"on_satisfied\":\"cancel_remaining\"}", &result);
    claim = claim_next(rig);
    assert_ok(complete(rig, &claim, "first"));
    ended.execution_id = claim.execution_id.v;
    assert_ok(ff_rig_cascade_completion(rig, &ended, &cascaded));
    assert_int_equal(cascaded.resolved, 1);
    assert_true(describe_flow(rig).edge_groups.v[0].cancel_siblings_pending);
    assert_int_equal(describe_flow(rig).edge_groups.v[0].pending_sibling_ids.n, MEMBERS - 2);
    consume(rig);
    ff_engine_stats(rig->engine, &before);
    do { /* two steps at the least: one of the edges that the first looks at has succeeded */
        ff_engine_run(rig->engine);
        ff_store_poll(rig->store, true);
        ff_engine_stats(rig->engine, &after);
    } while (after.commits < before.commits + 4);
    ff_rig_engine_config(rig, &config);
    ff_rig_restart(rig, &config);
    assert_in_range(cancelled_of(rig), FF_WALK_STEP, 8 * FF_WALK_STEP);
    consume(rig);
    ff_rig_pump(rig);
    assert_int_equal(cancelled_of(rig), MEMBERS - 2);
    assert_false(describe_flow(rig).edge_groups.v[0].cancel_siblings_pending);
    assert_int_equal(describe_flow(rig).edge_groups.v[0].failed_count, MEMBERS - 2);
    assert_true(ff_str_is(describe_flow(rig).edge_groups.v[0].cancel_siblings_reason,
                          "sibling_quorum_satisfied"));
}

/* Looking for what has been forgotten is done in parts, however many edges one member has. */
static void
test_rotation(void **state)
{
    static const struct plan fan = { MEMBERS - 1, edge_number, last };
    struct ff_rig *rig = *state;
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_DEPENDENCY_RECONCILER };
    struct ff_submit_flow_result result;
    uint32_t pages = 0;

    if (rig->contrary) {
        return; /* ten thousand loads that may fail */
    }
    submit(rig, &fan, &result);
    do {
        struct ff_scan_due_result due;

        assert_ok(ff_rig_scan_due(rig, &args, &due));
        assert_int_equal(due.items.n, 0);
        args.cursor = due.next_cursor;
        pages++;
    } while (args.cursor.p != NULL);
    assert_in_range(pages, 10, 11);
}

static const struct CMUnitTest tests[] = {
    RIG_TEST("a chain of 10 000 is skipped in steps", test_chain),
    RIG_TEST("no more than 10 000 members and 100 000 edges", test_limits),
    RIG_TEST("10 000 children are released and cancelled in steps", test_fan_out),
    RIG_TEST("10 000 upstreams of one member", test_fan_in),
    RIG_TEST("10 000 siblings are cancelled in steps, and after a crash", test_decision),
    RIG_TEST("the rotation looks at 1 000 edges with a call", test_rotation),
};

int
main(void)
{
    return ff_rig_main("flow_large", NULL, 0, tests, FF_COUNT(tests));
}
