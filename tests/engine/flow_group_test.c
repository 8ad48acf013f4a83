/* Edge-group policies, siblings, replay of members: examples 37 to 55 of 04, 45 of 02. */

#include "tests/engine/flow_acts.h"

#define ANY_CANCEL "{\"kind\":\"any_of\",\"on_satisfied\":\"cancel_remaining\"}"
#define ANY_LET_RUN "{\"kind\":\"any_of\",\"on_satisfied\":\"let_run\"}"

/* n upstreams 1..n of member n + 1 under a policy. */
static uint8_t
fan_in(struct ff_rig *rig, uint8_t n, const char *policy_json)
{
    uint8_t down = (uint8_t) (n + 1);

    make_flow(rig, down);
    policy(rig, down, policy_json);
    for (uint8_t i = 1; i <= n; i++) {
        build(rig, i, i, down);
    }
    return down;
}

/* What the dispatcher does in one pass: lets the engine work, for marks that are there already. */
static void
dispatch(struct ff_rig *rig, uint8_t down)
{
    struct ff_strs ids = group_of(rig, down).pending_sibling_ids;

    for (uint32_t i = 0; i < ids.n; i++) {
        const struct ff_cancel_execution_args args = {
            .execution_id = ff_rig_id((uint8_t) strtoul(ids.v[i].p + ids.v[i].n - 2, NULL, 16)),
            .reason = group_of(rig, down).cancel_siblings_reason,
            .source = ff_cstr(OPERATOR),
        };
        struct ff_cancel_execution_result result;

        assert_ok(ff_rig_cancel_execution(rig, &args, &result));
        cascade(rig, (uint8_t) strtoul(ids.v[i].p + ids.v[i].n - 2, NULL, 16));
    }
}

static const char *
drain(struct ff_rig *rig, uint8_t down)
{
    const struct ff_drain_sibling_cancel_group_args args = { .flow_id = F,
                                                             .downstream_execution_id =
                                                                 ff_rig_id(down) };
    struct ff_drain_sibling_cancel_group_result result;

    assert_ok(ff_rig_drain_sibling_cancel_group(rig, &args, &result));
    return result.outcome;
}

/* outcome/detail */
static const char *
reconcile(struct ff_rig *rig, uint8_t down)
{
    const struct ff_reconcile_sibling_cancel_group_args args = { .flow_id = F,
                                                                 .downstream_execution_id =
                                                                     ff_rig_id(down) };
    struct ff_reconcile_sibling_cancel_group_result result;

    assert_ok(ff_rig_reconcile_sibling_cancel_group(rig, &args, &result));
    return ff_arena_printf(&rig->arena, "%s/%s", result.outcome,
                           result.detail == NULL ? "" : result.detail)
        .p;
}

/* ---- policies ---- */

static const struct bad {
    const char *name;
    const char *policy;
    const char *field;
} bad_policies[] = {
    { "04 ex 37 k 0", "{\"kind\":\"quorum\",\"k\":0,\"on_satisfied\":\"let_run\"}", "policy.k" },
    { "04 ex 37 k too large", "{\"kind\":\"quorum\",\"k\":2147483648,\"on_satisfied\":\"let_run\"}",
      "policy.k" },
    { "a quorum without k", "{\"kind\":\"quorum\",\"on_satisfied\":\"let_run\"}", "policy.k" },
    { "04 ex 37 any_of without on_satisfied", "{\"kind\":\"any_of\"}", "policy.on_satisfied" },
    { "on_satisfied of another sort", "{\"kind\":\"any_of\",\"on_satisfied\":\"explode\"}",
      "policy.on_satisfied" },
    { "04 ex 37 an unknown kind", "{\"kind\":\"some_of\"}", "policy.kind" },
    { "no kind", "{}", "policy.kind" },
    { "no map", "[1]", "policy" },
};

static void
test_bad_policy(void **state)
{
    const struct bad *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_set_edge_group_policy_result result;

    assert_err(set_policy(rig, D, row->policy, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "field", row->field);
    assert_err(set_policy(rig, D, "{\"kind\":\"all_of\",\"more\":1}", &result),
               FF_E_FLOW_NOT_FOUND);
    ff_rig_free(rig);
}

static void
test_set_policy(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_set_edge_group_policy_result result;
    const char *two = "{\"kind\":\"quorum\",\"k\":2,\"on_satisfied\":\"let_run\"}";
    const char *three = "{\"kind\":\"quorum\",\"k\":3,\"on_satisfied\":\"let_run\"}";

    make_flow(rig, 2);
    policy(rig, B, two);
    assert_ok(set_policy(rig, B, two, &result));
    assert_string_equal(result.outcome, "already_set");
    policy(rig, B, three);
    policy(rig, B, "{\"kind\":\"quorum\",\"k\":3,\"on_satisfied\":\"cancel_remaining\"}");
    policy(rig, B, "{\"kind\":\"quorum\",\"k\":2147483647,\"on_satisfied\":\"let_run\"}");
    policy(rig, B, three);
    assert_int_equal(revision(rig), 2);
    stage(rig, 1, A, B);
    assert_int_equal(group_of(rig, B).policy.k.v, 3);
    for (size_t i = 0; i < 3; i++) {
        const char *const any[] = { three, two, "{\"kind\":\"all_of\"}" };

        assert_err(set_policy(rig, B, any[i], &result), FF_E_INVALID_INPUT);
        assert_detail(rig, "reason", "edge_group_policy_already_fixed");
    }
    assert_int_equal(group_of(rig, B).policy.k.v, 3);
}

static void
test_any_of_cancels_the_rest(void **state)
{
    struct ff_rig *rig = *state;
    uint8_t down = fan_in(rig, 3, ANY_CANCEL);
    struct ff_edge_group_snapshot group;

    succeed(rig, 1);
    group = group_of(rig, down);
    assert_field(rig, down, "public_state", "waiting");
    assert_int_equal(group.group_state, FF_GROUP_SATISFIED);
    assert_true(group.cancel_siblings_pending);
    assert_string_equal(numbers(rig, group.pending_sibling_ids), "02 03");
    assert_true(ff_str_is(group.cancel_siblings_reason, "sibling_quorum_satisfied"));
    assert_field(rig, 2, "public_state", "waiting");
    dispatch(rig, down);
    assert_string_equal(reconcile(rig, down), "completed_drain/");
    group = group_of(rig, down);
    assert_field(rig, 2, "public_state", "cancelled");
    assert_field(rig, 3, "cancellation_reason", "sibling_quorum_satisfied");
    assert_false(group.cancel_siblings_pending);
    assert_int_equal(group.pending_sibling_ids.n, 0);
    assert_true(ff_str_is(group.cancel_siblings_reason, "sibling_quorum_satisfied"));
    complete_one(rig, down, NULL);
    assert_string_equal(flow_state(rig), "completed"); /* 04 ex 47 */
}

static void
test_any_of_lets_run(void **state)
{
    struct ff_rig *rig = *state;
    uint8_t down = fan_in(rig, 3, ANY_LET_RUN);
    int64_t satisfied_at = 0;

    succeed(rig, 1);
    satisfied_at = group_of(rig, down).satisfied_at.v;
    assert_false(group_of(rig, down).cancel_siblings_pending);
    assert_string_equal(reconcile(rig, down), "no_op/not_in_set");
    activate(rig, down);
    rig->now_ms += 10;
    succeed(rig, 2);
    assert_int_equal(group_of(rig, down).satisfied_count, 2);
    assert_int_equal(group_of(rig, down).satisfied_at.v, satisfied_at);
    assert_field(rig, down, "public_state", "active");
    assert_field(rig, 3, "public_state", "waiting");
}

static void
test_quorum(void **state)
{
    struct ff_rig *rig = *state;
    uint8_t down = fan_in(rig, 5, "{\"kind\":\"quorum\",\"k\":3,\"on_satisfied\":\"let_run\"}");
    struct ff_resolve_dependency_result result;

    assert_ok(resolve(rig, 1, 1, down, "success", &result));
    assert_ok(resolve(rig, 2, 2, down, "success", &result));
    assert_string_equal(result.outcome, "satisfied");
    assert_int_equal(result.group_state, FF_GROUP_PENDING);
    assert_string_equal(result.child_transition, "none");
    assert_field(rig, down, "public_state", "waiting_children");
    assert_ok(resolve(rig, 3, 3, down, "success", &result));
    assert_string_equal(result.child_transition, "eligible");
}

static void
test_quorum_lost(void **state)
{
    struct ff_rig *rig = *state;
    uint8_t down =
        fan_in(rig, 5, "{\"kind\":\"quorum\",\"k\":3,\"on_satisfied\":\"cancel_remaining\"}");

    break_down(rig, 1);
    break_down(rig, 2);
    assert_field(rig, down, "public_state", "waiting_children");
    break_down(rig, 3);
    assert_field(rig, down, "public_state", "skipped");
    assert_int_equal(group_of(rig, down).group_state, FF_GROUP_IMPOSSIBLE);
    assert_string_equal(numbers(rig, group_of(rig, down).pending_sibling_ids), "04 05");
    assert_true(ff_str_is(group_of(rig, down).cancel_siblings_reason, "sibling_quorum_impossible"));
    dispatch(rig, down);
    assert_field(rig, 5, "cancellation_reason", "sibling_quorum_impossible");
}

static void
test_quorum_lost_lets_run(void **state)
{
    struct ff_rig *rig = *state;
    uint8_t down = fan_in(rig, 5, "{\"kind\":\"quorum\",\"k\":3,\"on_satisfied\":\"let_run\"}");

    for (uint8_t i = 1; i <= 3; i++) {
        break_down(rig, i);
    }
    assert_field(rig, down, "public_state", "skipped");
    assert_false(group_of(rig, down).cancel_siblings_pending);
    assert_field(rig, 4, "public_state", "waiting");
}

static void
test_any_of_lost(void **state)
{
    struct ff_rig *rig = *state;
    uint8_t down = fan_in(rig, 3, ANY_CANCEL);

    break_down(rig, 1);
    break_down(rig, 2);
    assert_int_equal(group_of(rig, down).group_state, FF_GROUP_PENDING);
    break_down(rig, 3);
    assert_int_equal(group_of(rig, down).group_state, FF_GROUP_IMPOSSIBLE);
    assert_false(group_of(rig, down).cancel_siblings_pending);
}

static void
test_quorum_beyond_its_edges(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 4);
    policy(rig, D, "{\"kind\":\"quorum\",\"k\":3,\"on_satisfied\":\"let_run\"}");
    build(rig, 1, A, D);
    build(rig, 2, B, D);
    succeed(rig, A);
    assert_int_equal(group_of(rig, D).group_state, FF_GROUP_PENDING);
    assert_field(rig, D, "public_state", "waiting_children");
    build(rig, 3, C, D);
    succeed(rig, B);
    succeed(rig, C);
    assert_field(rig, D, "public_state", "waiting");
}

/* Found by the simulation: the group was not judged when the edge was applied. */
static void
test_applying_an_edge_can_lose_a_quorum(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 3);
    policy(rig, C, "{\"kind\":\"quorum\",\"k\":2,\"on_satisfied\":\"cancel_remaining\"}");
    build(rig, 1, A, C);
    break_down(rig, A);
    stage(rig, 2, B, C);
    assert_int_equal(group_of(rig, C).group_state, FF_GROUP_PENDING);
    apply(rig, 2, B, C);
    assert_int_equal(group_of(rig, C).group_state, FF_GROUP_IMPOSSIBLE);
    assert_field(rig, C, "public_state", "skipped");
    assert_string_equal(numbers(rig, group_of(rig, C).pending_sibling_ids), "02");
}

static void
test_stage_into_a_fired_group(void **state)
{
    struct ff_rig *rig = *state;
    uint8_t down = fan_in(rig, 3, ANY_LET_RUN);
    uint64_t at = 0;

    create(rig, 9);
    succeed(rig, 1);
    {
        struct ff_add_execution_to_flow_result added;

        assert_ok(add(rig, 9, &added));
    }
    at = revision(rig);
    assert_err(stage_at(rig, 9, 9, down, at), FF_E_INVALID_DEPENDENCY);
    assert_detail(rig, "reason", "edge_group_already_terminal");
    assert_int_equal(revision(rig), at);
}

static void
test_fifty_siblings(void **state)
{
    struct ff_rig *rig = *state;
    uint8_t down =
        fan_in(rig, 50, "{\"kind\":\"quorum\",\"k\":1,\"on_satisfied\":\"cancel_remaining\"}");
    uint32_t cancelled = 0;

    activate(rig, 1);
    if (!rig->contrary) { /* there a refused commit would leave it to the scanner */
        consume(rig);
    }
    complete_one(rig, 1, NULL);
    if (rig->contrary) {
        cascade(rig, 1);
        dispatch(rig, down);
        assert_string_equal(reconcile(rig, down), "completed_drain/");
    }
    for (uint8_t i = 2; i <= 50; i++) {
        struct ff_eid id = ff_rig_id(i);

        cancelled += strcmp(ff_rig_field(rig, &id, "public_state"), "cancelled") == 0;
    }
    assert_int_equal(cancelled, 49);
    assert_int_equal(group_of(rig, down).pending_sibling_ids.n, 0);
    assert_int_equal(group_of(rig, down).failed_count, 49);
    assert_field(rig, down, "public_state", "waiting");
}

/* Who decides a group is no sibling of those it spares, whatever its other edges say. */
static void
test_the_decider_is_no_sibling(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_resolve_dependency_result result;

    make_flow(rig, 3);
    policy(rig, C, ANY_CANCEL);
    build(rig, 1, A, C);
    build(rig, 2, A, C);
    build(rig, 3, B, C);
    assert_ok(resolve(rig, 1, A, C, "success", &result)); /* A runs on */
    assert_string_equal(numbers(rig, group_of(rig, C).pending_sibling_ids), "02");
    dispatch(rig, C);
    assert_string_equal(reconcile(rig, C), "completed_drain/");
    assert_field(rig, A, "public_state", "waiting");
}

/* Those that end by themselves are struck off the list. */
static void
test_reconcile(void **state)
{
    struct ff_rig *rig = *state;
    uint8_t down = fan_in(rig, 3, ANY_CANCEL);

    succeed(rig, 1);
    assert_string_equal(reconcile(rig, down), "no_op/siblings_running");
    assert_ok(cancel_as(rig, 2, OPERATOR));
    assert_ok(cancel_as(rig, 3, OPERATOR));
    assert_string_equal(reconcile(rig, down), "completed_drain/");
    assert_string_equal(reconcile(rig, down), "no_op/not_in_set");
    assert_string_equal(drain(rig, down), "already_drained");
}

static void
test_drain(void **state)
{
    struct ff_rig *rig = *state;
    uint8_t down = fan_in(rig, 3, ANY_CANCEL);

    succeed(rig, 1);
    assert_string_equal(drain(rig, down), "drained");
    consume(rig); /* nobody cancels them any more */
    ff_rig_pump(rig);
    assert_field(rig, 2, "public_state", "waiting");
    assert_field(rig, 3, "public_state", "waiting");
    assert_string_equal(drain(rig, down), "already_drained");
    assert_string_equal(drain(rig, 99), "already_drained");
}

/* ---- replay ---- */

static void
test_replay_skipped_first(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_event event;

    make_flow(rig, 2);
    build(rig, 1, A, B);
    break_down(rig, A);
    assert_string_equal(replay(rig, B), "waiting_children");
    event = ff_rig_last_event(rig, FF_FAMILY_OPERATOR);
    assert_true(ff_str_is(event.branch, "skipped_flow_member"));
    assert_int_equal(event.groups_reset.v, 1);
    assert_field(rig, B, "attempt_state", "pending_replay_attempt");
    assert_int_equal(edge_of(rig, 1).edge_state, FF_EDGE_APPLIED);
    assert_int_equal(group_of(rig, B).group_state, FF_GROUP_PENDING);
    assert_int_equal(group_of(rig, B).failed_count, 0);
    assert_int_equal(cascade(rig, A).resolved, 0); /* the old end does not count again */
    assert_field(rig, B, "public_state", "waiting_children");
    assert_string_equal(replay(rig, A), "waiting");
    succeed(rig, A);
    assert_field(rig, B, "public_state", "waiting");
    claim_this(rig, B);
}

static void
test_replay_upstream_first(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 2);
    build(rig, 1, A, B);
    break_down(rig, A);
    assert_string_equal(replay(rig, A), "waiting");
    complete_one(rig, A, NULL);
    assert_int_equal(cascade(rig, A).resolved, 0);
    assert_field(rig, B, "public_state", "skipped");
    assert_string_equal(replay(rig, B), "waiting");
    assert_int_equal(edge_of(rig, 1).edge_state, FF_EDGE_SATISFIED);
}

static void
test_replay_keeps_successes(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 4);
    policy(rig, D, "{\"kind\":\"quorum\",\"k\":2,\"on_satisfied\":\"let_run\"}");
    for (uint8_t i = A; i <= C; i++) {
        build(rig, i, i, D);
    }
    succeed(rig, A);
    break_down(rig, B);
    break_down(rig, C);
    assert_field(rig, D, "public_state", "skipped");
    assert_string_equal(replay(rig, D), "waiting_children");
    assert_int_equal(group_of(rig, D).satisfied_count, 1);
    assert_int_equal(group_of(rig, D).failed_count, 0);
    assert_int_equal(group_of(rig, D).running_count, 2);
    assert_string_equal(replay(rig, B), "waiting");
    succeed(rig, B);
    assert_field(rig, D, "public_state", "waiting");
}

static void
test_replay_cancelled_while_blocked(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 2);
    build(rig, 1, A, B);
    assert_ok(cancel_as(rig, B, OPERATOR));
    assert_string_equal(replay(rig, B), "waiting_children");
    assert_true(ff_str_is(ff_rig_last_event(rig, FF_FAMILY_OPERATOR).branch, "normal"));
}

static void
test_replay_completed(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 2);
    build(rig, 1, A, B);
    succeed(rig, A);
    complete_one(rig, B, NULL);
    assert_string_equal(replay(rig, A), "waiting");
    complete_one(rig, A, NULL);
    assert_int_equal(cascade(rig, A).resolved, 0);
    assert_field(rig, B, "public_state", "completed");
    assert_int_equal(group_of(rig, B).satisfied_count, 1);
}

static void
test_replay_with_one_edge_satisfied(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 3);
    build(rig, 1, A, C);
    build(rig, 2, B, C);
    succeed(rig, A);
    break_down(rig, B);
    assert_string_equal(replay(rig, C), "waiting_children");
    assert_true(
        ff_str_is(ff_rig_last_event(rig, FF_FAMILY_OPERATOR).branch, "skipped_flow_member"));
    assert_int_equal(group_of(rig, C).running_count, 1);
    assert_int_equal(edge_of(rig, 1).edge_state, FF_EDGE_SATISFIED);
    assert_claims_nothing(rig);
    assert_string_equal(replay(rig, B), "waiting");
    succeed(rig, B);
    claim_this(rig, C);
}

static const struct ff_rows tables[] = { FF_ROWS(bad_policies, test_bad_policy) };

static const struct CMUnitTest tests[] = {
    RIG_TEST("04 ex 38 a policy until the first edge", test_set_policy),
    RIG_TEST("04 ex 39, 47 any_of cancels the rest", test_any_of_cancels_the_rest),
    RIG_TEST("04 ex 40 any_of lets run", test_any_of_lets_run),
    RIG_TEST("04 ex 41 a quorum", test_quorum),
    RIG_TEST("04 ex 42 a quorum that is lost", test_quorum_lost),
    RIG_TEST("04 ex 42 and lets run", test_quorum_lost_lets_run),
    RIG_TEST("04 ex 43 any_of that is lost", test_any_of_lost),
    RIG_TEST("04 ex 44 a quorum beyond its edges", test_quorum_beyond_its_edges),
    RIG_TEST("04 §2.4 an applied edge can lose a quorum", test_applying_an_edge_can_lose_a_quorum),
    RIG_TEST("04 ex 45 an edge into a fired group", test_stage_into_a_fired_group),
    RIG_TEST("04 ex 46 fifty siblings", test_fifty_siblings),
    RIG_TEST("the upstream that decides is no sibling", test_the_decider_is_no_sibling),
    RIG_TEST("04 ex 48 reconcile", test_reconcile),
    RIG_TEST("04 ex 49 drain", test_drain),
    RIG_TEST("04 ex 51 replay the skipped one first", test_replay_skipped_first),
    RIG_TEST("04 ex 52 replay the upstream first", test_replay_upstream_first),
    RIG_TEST("04 ex 53 a replay keeps successes", test_replay_keeps_successes),
    RIG_TEST("04 ex 54 replay of one cancelled while blocked", test_replay_cancelled_while_blocked),
    RIG_TEST("04 ex 55 replay of completed ones", test_replay_completed),
    RIG_TEST("02 ex 45 replay with one edge satisfied", test_replay_with_one_edge_satisfied),
};

int
main(void)
{
    return ff_rig_main("flow_group", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
