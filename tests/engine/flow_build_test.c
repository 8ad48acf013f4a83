/* Building flows, applying edges, the gate: examples 1 to 22 of 04. */

#include "tests/engine/ask.h"
#include "tests/engine/flow_acts.h"

/* ---- building ---- */

static void
test_create(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_flow_args args = { .flow_id = F,
                                        .flow_kind = ff_cstr("dag"),
                                        .namespace = ff_cstr("N") };
    struct ff_create_flow_result result;
    struct ff_flow_snapshot flow;

    rig->now_ms = 1000;
    assert_ok(ff_rig_create_flow(rig, &args, &result));
    assert_string_equal(result.outcome, "created");
    flow = describe_flow(rig);
    assert_int_equal(flow.graph_revision, 0);
    assert_int_equal(flow.node_count, 0);
    assert_int_equal(flow.edge_count, 0);
    assert_string_equal(flow_state(rig), "open");
    assert_int_equal(flow.created_at, 1000);
    assert_int_equal(flow.last_mutation_at, 1000);
    assert_int_equal(flow.edge_groups.n, 0);
    assert_false(flow.cancelled_at.is);
    assert_null(flow.cancel_reason.p);
    assert_false(flow.cancellation_policy.is);
    args.flow_kind = ff_cstr("other");
    rig->now_ms = 2000;
    assert_ok(ff_rig_create_flow(rig, &args, &result));
    assert_string_equal(result.outcome, "already_satisfied");
    assert_true(ff_str_is(describe_flow(rig).flow_kind, "dag"));
}

static void
test_create_without_kind(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_create_flow_args args = { .flow_id = F,
                                              .flow_kind = ff_cstr(""),
                                              .namespace = ff_cstr("N") };
    const struct ff_describe_flow_args describe_args = { .flow_id = F };
    struct ff_create_flow_result result;
    struct ff_describe_flow_result described;

    assert_err(ff_rig_create_flow(rig, &args, &result), FF_E_INVALID_INPUT);
    assert_ok(ff_rig_describe_flow(rig, &describe_args, &described));
    assert_null(described.flow);
}

static void
test_add(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_add_execution_to_flow_result result;
    int64_t mutated_at = 0;

    make_flow(rig, 0);
    for (uint8_t i = A; i <= C; i++) {
        create(rig, i);
        assert_ok(add(rig, i, &result));
        assert_int_equal(result.new_node_count.v, i);
    }
    assert_int_equal(revision(rig), 3);
    mutated_at = describe_flow(rig).last_mutation_at;
    rig->now_ms += 5;
    assert_ok(add(rig, C, &result));
    assert_string_equal(result.outcome, "already_member");
    assert_int_equal(result.node_count.v, 3);
    assert_int_equal(revision(rig), 3);
    assert_int_equal(describe_flow(rig).last_mutation_at, mutated_at);
}

static void
test_add_unknown(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_add_execution_to_flow_result result;

    create(rig, A);
    assert_err(add(rig, A, &result), FF_E_FLOW_NOT_FOUND);
    assert_field(rig, A, "flow_id", "");
    make_flow(rig, 0);
    assert_err(add(rig, B, &result), FF_E_EXECUTION_NOT_FOUND);
    assert_int_equal(describe_flow(rig).node_count, 0);
}

static void
test_add_other_partition(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_add_execution_to_flow_args args = { .flow_id = F, .execution_id = ff_rig_id(A) };
    struct ff_add_execution_to_flow_result result;

    args.execution_id.partition = 3;
    assert_err(ff_rig_add_execution_to_flow(rig, &args, &result), FF_E_PARTITION_MISMATCH);
    assert_detail(rig, "flow_index", "6");
    assert_detail(rig, "execution_index", "3");
}

static void
test_add_to_a_second_flow(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_create_flow_args other = { .flow_id = flow_id_of(1),
                                               .flow_kind = ff_cstr("dag"),
                                               .namespace = ff_cstr("N") };
    const struct ff_add_execution_to_flow_args args = { .flow_id = flow_id_of(1),
                                                        .execution_id = ff_rig_id(A) };
    const struct ff_describe_flow_args describe_args = { .flow_id = flow_id_of(1) };
    struct ff_uuid flow_id = F;
    char flow[FF_UUID_TEXT_MAX];
    struct ff_create_flow_result created;
    struct ff_add_execution_to_flow_result result;
    struct ff_describe_flow_result described;

    make_flow(rig, 1);
    ff_uuid_text(&flow_id, flow);
    assert_ok(ff_rig_create_flow(rig, &other, &created));
    assert_err(ff_rig_add_execution_to_flow(rig, &args, &result), FF_E_EXECUTION_ALREADY_IN_FLOW);
    assert_detail(rig, "flow_id", flow);
    assert_ok(ff_rig_describe_flow(rig, &describe_args, &described));
    assert_int_equal(described.flow->node_count, 0);
}

static void
test_twenty_adds_at_once(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *waiting[20];
    bool seen[21] = { false };

    make_flow(rig, 0);
    for (uint8_t i = 0; i < 20; i++) {
        create(rig, (uint8_t) (i + 1));
    }
    for (uint8_t i = 0; i < 20; i++) {
        const struct ff_add_execution_to_flow_args args = { .flow_id = F,
                                                            .execution_id =
                                                                ff_rig_id((uint8_t) (i + 1)) };

        waiting[i] = ff_rig_start(rig, FF_OP_add_execution_to_flow, &args);
    }
    for (uint8_t i = 0; i < 20; i++) {
        struct ff_add_execution_to_flow_result result = { 0 };

        assert_ok(ff_rig_finish(rig, waiting[i], &result));
        if (!rig->contrary) { /* there a refused call is made again, and finds itself done */
            assert_string_equal(result.outcome, "added");
            assert_in_range(result.new_node_count.v, 1, 20);
            assert_false(seen[result.new_node_count.v]);
            seen[result.new_node_count.v] = true;
        }
    }
    assert_int_equal(describe_flow(rig).node_count, 20);
    assert_int_equal(revision(rig), 20);
}

static void
test_stage(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 3);
    assert_ok(stage_at(rig, 1, A, B, 3));
    assert_int_equal(revision(rig), 4);
    assert_ok(stage_at(rig, 2, B, C, 4));
    assert_int_equal(revision(rig), 5);
    assert_err(stage_at(rig, 3, C, A, 5), FF_E_CYCLE_DETECTED);
    assert_int_equal(revision(rig), 5);
    assert_int_equal(describe_flow(rig).edge_count, 2);
}

static void
test_stage_stale_or_self(void **state)
{
    struct ff_rig *rig = *state;

    assert_err(stage_at(rig, 1, A, A, 0), FF_E_SELF_REFERENCING_EDGE);
    make_flow(rig, 3);
    assert_err(stage_at(rig, 1, A, B, 99), FF_E_STALE_GRAPH_REVISION);
    assert_true(rig->fault.retryable);
    assert_detail(rig, "current_graph_revision", "3");
}

static void
test_stage_with_a_stranger(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 2);
    create(rig, C);
    assert_err(stage_at(rig, 1, A, C, 2), FF_E_EXECUTION_NOT_IN_FLOW);
    assert_detail(rig, "field", "downstream_execution_id");
    assert_err(stage_at(rig, 1, C, A, 2), FF_E_EXECUTION_NOT_IN_FLOW);
    assert_detail(rig, "field", "upstream_execution_id");
    assert_err(stage_at(rig, 1, A, C, 9), FF_E_STALE_GRAPH_REVISION);
}

static void
test_stage_twice(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid a = ff_rig_id(A);
    char id[FF_EID_TEXT_MAX], text[128];

    ff_eid_text(&a, id);
    make_flow(rig, 3);
    assert_ok(stage_at(rig, 1, A, B, 3));
    assert_err(stage_at(rig, 1, A, B, 3), FF_E_STALE_GRAPH_REVISION);
    assert_err(stage_at(rig, 1, A, B, 4), FF_E_DEPENDENCY_ALREADY_EXISTS);
    snprintf(text, sizeof(text), "\"upstream_execution_id\":\"%s\"", id);
    assert_non_null(strstr(ff_rig_detail(rig, "existing"), text));
    assert_int_equal(revision(rig), 4);
}

/* The edge as describe_edge shows it, every field of it. */
static void
test_the_edge_that_is_there(void **state)
{
    struct ff_rig *rig = *state;
    const uint8_t ends[2] = { A, B };
    struct ff_uuid flow_id = F, edge_id = edge_id_of(1);
    char flow[FF_UUID_TEXT_MAX], edge[FF_UUID_TEXT_MAX];
    const char *existing = NULL, *described = NULL;

    ff_uuid_text(&flow_id, flow);
    ff_uuid_text(&edge_id, edge);
    make_flow(rig, 3);
    stage_ref(rig, 1, A, B, "the ref");
    apply(rig, 1, A, B);
    rig->now_ms += 5;
    assert_err(stage_with(rig, 1, ends, NULL, revision(rig)), FF_E_DEPENDENCY_ALREADY_EXISTS);
    existing = ff_rig_detail(rig, "existing");
    assert_non_null(strstr(existing, "\"the ref\""));
    assert_non_null(strstr(existing, edge));
    described = ask(rig, FF_OP_describe_edge, "{'flow_id':'%s','edge_id':'%s'}", flow, edge);
    assert_string_equal(described, ff_arena_printf(&rig->arena, "{\"edge\":%s}", existing).p);
}

static void
test_two_stages_at_once(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *waiting[2];
    int staged = 0, stale = 0;

    make_flow(rig, 3);
    for (uint8_t i = 0; i < 2; i++) {
        const struct ff_stage_dependency_edge_args args = {
            .flow_id = F,
            .edge_id = edge_id_of(i),
            .upstream_execution_id = ff_rig_id(A),
            .downstream_execution_id = ff_rig_id((uint8_t) (B + i)),
            .dependency_kind = ff_cstr("success_only"),
            .expected_graph_revision = 3,
        };

        waiting[i] = ff_rig_start(rig, FF_OP_stage_dependency_edge, &args);
    }
    for (int i = 0; i < 2; i++) {
        struct ff_stage_dependency_edge_result result = { 0 };
        ff_err err = ff_rig_finish(rig, waiting[i], &result);

        staged += err == FF_E_OK && result.new_graph_revision == 4;
        stale += err == FF_E_STALE_GRAPH_REVISION;
    }
    assert_int_equal(staged, 1);
    assert_int_equal(stale, 1);
}

static void
test_staged_only(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_list_edges_args args = { .flow_id = F };
    struct ff_list_edges_result result;

    make_flow(rig, 2);
    stage(rig, 1, A, B);
    assert_field(rig, B, "public_state", "waiting");
    assert_int_equal(edge_of(rig, 1).edge_state, FF_EDGE_PENDING);
    args.direction.kind = FF_DIRECTION_INCOMING;
    args.direction.to_node = FF_SOME(ff_opt_eid, ff_rig_id(B));
    assert_ok(ff_rig_list_edges(rig, &args, &result));
    assert_int_equal(result.edges.n, 1);
    assert_true(ff_str_is(result.edges.v[0].satisfaction_condition, "all_required"));
    assert_true(ff_str_is(result.edges.v[0].created_by, "engine"));
    assert_string_equal(evaluate(rig, B), "eligible");
}

/* ---- applying and gating ---- */

static void
test_apply(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_apply_dependency_to_child_result result;

    make_flow(rig, 2);
    stage(rig, 1, A, B);
    assert_int_equal(apply(rig, 1, A, B), 1);
    assert_field(rig, B, "public_state", "waiting_children");
    assert_field(rig, B, "eligibility_state", "blocked_by_dependencies");
    assert_field(rig, B, "blocking_reason", "waiting_for_children");
    claim_this(rig, A);
    assert_claims_nothing(rig);
    assert_ok(try_apply(rig, 1, A, B, &result));
    assert_string_equal(result.outcome, "already_applied");
}

static void
test_apply_three(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_edge_group_snapshot group;

    make_flow(rig, 4);
    for (uint8_t i = A; i <= C; i++) {
        stage(rig, i, i, D);
    }
    for (uint8_t i = A; i <= C; i++) {
        assert_int_equal(apply(rig, i, i, D), i);
    }
    group = group_of(rig, D);
    assert_int_equal(group.policy.kind, FF_EDGE_POLICY_ALL_OF);
    assert_int_equal(group.total_deps, 3);
    assert_int_equal(group.running_count, 3);
    assert_int_equal(group.group_state, FF_GROUP_PENDING);
}

static void
test_apply_what_is_not_there(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_apply_dependency_to_child_result result;

    make_flow(rig, 2);
    assert_err(try_apply(rig, 1, A, B, &result), FF_E_INVALID_DEPENDENCY);
    stage(rig, 1, A, B);
    assert_err(try_apply(rig, 1, B, A, &result), FF_E_INVALID_DEPENDENCY);
    assert_err(try_apply(rig, 1, A, 9, &result), FF_E_EXECUTION_NOT_FOUND);
}

static void
test_apply_behind_an_ended_upstream(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_apply_dependency_to_child_result result;

    make_flow(rig, 4);
    complete_one(rig, A, NULL);
    stage(rig, 1, A, B);
    assert_ok(try_apply(rig, 1, A, B, &result));
    assert_string_equal(result.outcome, "applied");
    assert_int_equal(result.unsatisfied_count.v, 0);
    assert_int_equal(result.edge_state.v, FF_EDGE_SATISFIED);
    claim_this(rig, B);
    fail_one(rig, C);
    stage(rig, 2, C, D);
    assert_ok(try_apply(rig, 2, C, D, &result));
    assert_int_equal(result.edge_state.v, FF_EDGE_IMPOSSIBLE);
    assert_field(rig, D, "public_state", "skipped");
}

static void
test_apply_one_of_two(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 4);
    stage(rig, 1, A, D);
    stage(rig, 2, B, D);
    apply(rig, 1, A, D);
    succeed(rig, A);
    assert_field(rig, D, "public_state", "waiting_children");
    assert_int_equal(group_of(rig, D).total_deps, 2);
    assert_int_equal(group_of(rig, D).satisfied_count, 1);
    assert_int_equal(apply(rig, 2, B, D), 1);
    succeed(rig, B);
    assert_field(rig, D, "public_state", "waiting");
}

static void
test_delay_is_remembered(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_execution_args args = ff_rig_new_exec(B);
    struct ff_create_execution_result created;
    struct ff_add_execution_to_flow_result added;
    int64_t start_ms = rig->now_ms;

    make_flow(rig, 1);
    args.delay_until = FF_SOME(ff_opt_i64, start_ms + 60000);
    assert_ok(ff_rig_create_execution(rig, &args, &created));
    assert_ok(add(rig, B, &added));
    build(rig, 1, A, B);
    assert_field(rig, B, "public_state", "waiting_children");
    rig->now_ms = start_ms + 10;
    succeed(rig, A);
    assert_field(rig, B, "public_state", "delayed");
    assert_claims_nothing(rig);
    rig->now_ms = start_ms + 60000;
    assert_string_equal(promote(rig, B), "promoted");
    claim_this(rig, B);
}

/* The gate holds whatever makes the child runnable again (04 §1.6). */
static void
test_gate_after_retry(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 2);
    activate(rig, B);
    build(rig, 1, A, B); /* changes nothing while it runs */
    assert_field(rig, B, "public_state", "active");
    assert_string_equal(break_for_a_second(rig, B), "retry_scheduled");
    assert_field(rig, B, "public_state", "waiting_children");
    succeed(rig, A);
    assert_field(rig, B, "public_state", "delayed");
    assert_field(rig, B, "blocking_reason", "waiting_for_retry_backoff");
    assert_field(rig, B, "attempt_state", "pending_retry_attempt");
    rig->now_ms += 1000;
    assert_string_equal(promote(rig, B), "promoted");
    claim_this(rig, B);
}

static void
test_gate_skips_what_cannot_run_any_more(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_attempt_view attempt;
    struct ff_claim_result claim;
    struct ff_event event;

    make_flow(rig, 2);
    stage(rig, 1, A, B);
    break_down(rig, A);
    claim = claim_this(rig, B);
    apply(rig, 1, A, B); /* its upstream has failed: B is active, and skipped all the same */
    assert_field(rig, B, "public_state", "skipped");
    assert_field(rig, B, "attempt_state", "attempt_terminal");
    event = ff_rig_last_event(rig, FF_FAMILY_LEASE_HISTORY);
    assert_true(ff_str_is(event.event, "revoked"));
    assert_true(ff_str_is(event.revoked_by, "reconciler"));
    assert_true(ff_str_is(event.reason, "dependency_impossible"));
    attempt = describe_attempt(rig, B, 0);
    assert_int_equal(attempt.attempt_lifecycle, FF_LIFE_ENDED_CANCELLED);
    assert_true(ff_str_is(attempt.failure_reason, "dependency_impossible"));
    assert_int_equal(attempt.ended_at.v, rig->now_ms);
    assert_err(complete(rig, &claim, ""), FF_E_EXECUTION_NOT_ACTIVE);
}

static void
test_wait_children_without_and_with_edges(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_move_to_waiting_children_args args = { .execution_id = ff_rig_id(B),
                                                           .source = ff_cstr(OPERATOR) };
    struct ff_move_to_waiting_children_result result;

    make_flow(rig, 2);
    activate(rig, B);
    assert_ok(ff_rig_move_to_waiting_children(rig, &args, &result));
    assert_field(rig, B, "public_state", "waiting_children");
    build(rig, 1, A, B);
    succeed(rig, A);
    assert_field(rig, B, "public_state", "waiting");
    assert_field(rig, B, "attempt_state", "attempt_interrupted");
    claim_this(rig, B);
    assert_ok(ff_rig_move_to_waiting_children(rig, &args, &result)); /* nothing left to wait for */
    assert_int_equal(result.public_state, FF_PUBLIC_WAITING);
}

static void
test_a_grant_given_before_does_not_pass_the_gate(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_execution_result result;

    make_flow(rig, 2);
    granted(rig, B);
    build(rig, 1, A, B);
    assert_err(claim_granted_as(rig, B, "w", &result), FF_E_EXECUTION_NOT_LEASEABLE);
    succeed(rig, A);
    claim_this(rig, B); /* the grant is gone, and keeps nobody away */
}

/* 04 §3.4: a further edge of a group that has fired. */
static void
test_a_further_edge_of_all_of(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 3);
    build(rig, 1, A, C);
    succeed(rig, A);
    assert_int_equal(group_of(rig, C).group_state, FF_GROUP_SATISFIED);
    assert_true(group_of(rig, C).satisfied_at.is);
    stage(rig, 2, B, C);
    assert_field(rig, C, "public_state", "waiting"); /* staging alone gates nothing */
    assert_int_equal(group_of(rig, C).group_state, FF_GROUP_SATISFIED);
    assert_int_equal(apply(rig, 2, B, C), 1);
    assert_int_equal(group_of(rig, C).group_state, FF_GROUP_PENDING);
    assert_false(group_of(rig, C).satisfied_at.is);
    assert_field(rig, C, "public_state", "waiting_children");
    rig->now_ms += 7;
    succeed(rig, B);
    assert_field(rig, C, "public_state", "waiting");
    assert_int_equal(group_of(rig, C).satisfied_at.v, rig->now_ms);
}

static void
test_a_further_edge_of_any_of(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_edge_group_snapshot group;

    make_flow(rig, 3);
    policy(rig, C, "{\"kind\":\"any_of\",\"on_satisfied\":\"let_run\"}");
    stage(rig, 1, A, C);
    stage(rig, 2, B, C);
    apply(rig, 1, A, C);
    succeed(rig, A);
    assert_int_equal(apply(rig, 2, B, C), 1);
    group = group_of(rig, C);
    assert_int_equal(group.group_state, FF_GROUP_SATISFIED);
    assert_true(group.satisfied_at.is);
    assert_field(rig, C, "public_state", "waiting");
    break_down(rig, B);
    assert_int_equal(group_of(rig, C).failed_count, 1);
    assert_field(rig, C, "public_state", "waiting");
}

/* What was decided is not decided again. */
static void
test_a_further_edge_flags_nothing(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_drain_sibling_cancel_group_args args = { .flow_id = F,
                                                             .downstream_execution_id =
                                                                 ff_rig_id(C) };
    struct ff_drain_sibling_cancel_group_result drained;

    make_flow(rig, 3);
    policy(rig, C, "{\"kind\":\"any_of\",\"on_satisfied\":\"cancel_remaining\"}");
    stage(rig, 1, A, C);
    stage(rig, 2, B, C);
    apply(rig, 1, A, C);
    succeed(rig, A);
    assert_ok(ff_rig_drain_sibling_cancel_group(rig, &args, &drained));
    assert_false(group_of(rig, C).cancel_siblings_pending);
    apply(rig, 2, B, C);
    assert_false(group_of(rig, C).cancel_siblings_pending);
}

/* An all_of group that is lost takes further edges, which change nothing. */
static void
test_a_further_edge_of_a_lost_one(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 3);
    build(rig, 1, A, C);
    break_down(rig, A);
    assert_field(rig, C, "public_state", "skipped");
    build(rig, 2, B, C);
    assert_int_equal(group_of(rig, C).group_state, FF_GROUP_IMPOSSIBLE);
    assert_int_equal(group_of(rig, C).total_deps, 2);
    assert_int_equal(edge_of(rig, 2).edge_state, FF_EDGE_APPLIED);
    assert_field(rig, C, "public_state", "skipped");
}

/* The order of the checks of 04 §2.4 and §3.2. */
static void
test_order_of_checks(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_create_flow_args other = { .flow_id = flow_id_of(1),
                                               .flow_kind = ff_cstr("dag"),
                                               .namespace = ff_cstr("N") };
    const struct ff_add_execution_to_flow_args member = { .flow_id = flow_id_of(1),
                                                          .execution_id = ff_rig_id(D) };
    const struct ff_cancel_flow_args cancel = { .flow_id = F, .policy = ff_cstr("flow_only") };
    struct ff_apply_dependency_to_child_result applied;
    struct ff_add_execution_to_flow_result added;
    struct ff_cancel_flow_result cancelled;
    struct ff_create_flow_result created;

    make_flow(rig, 3);
    build(rig, 1, A, B);
    assert_err(stage_at(rig, 1, B, A, revision(rig)), FF_E_CYCLE_DETECTED); /* 6, then 7 */
    assert_ok(ff_rig_create_flow(rig, &other, &created));
    create(rig, D);
    assert_ok(ff_rig_add_execution_to_flow(rig, &member, &added));
    assert_err(try_apply(rig, 9, A, D, &applied), FF_E_EXECUTION_ALREADY_IN_FLOW); /* 2, then 3 */
    stage(rig, 2, A, C);
    assert_ok(ff_rig_cancel_flow(rig, &cancel, &cancelled));
    assert_err(try_apply(rig, 2, A, C, &applied), FF_E_FLOW_ALREADY_TERMINAL);
    assert_err(try_apply(rig, 3, A, C, &applied), FF_E_INVALID_DEPENDENCY); /* 3, then 5 */
    assert_ok(try_apply(rig, 1, A, B, &applied));                           /* 4, then 5 */
    assert_string_equal(applied.outcome, "already_applied");
    assert_err(stage_at(rig, 3, A, A, 0), FF_E_SELF_REFERENCING_EDGE); /* 1, then 3 */
    assert_err(stage_at(rig, 3, A, D, 0), FF_E_FLOW_ALREADY_TERMINAL); /* 3, then 4 and 5 */
}

static const struct CMUnitTest tests[] = {
    RIG_TEST("04 ex 1 a flow is created once", test_create),
    RIG_TEST("04 ex 2 a flow needs a kind", test_create_without_kind),
    RIG_TEST("04 ex 3 members are added once", test_add),
    RIG_TEST("04 ex 4 unknown flow, unknown execution", test_add_unknown),
    RIG_TEST("04 ex 5, 01 ex 16 another partition", test_add_other_partition),
    RIG_TEST("04 ex 6 a member belongs to one flow", test_add_to_a_second_flow),
    RIG_TEST("04 ex 7 twenty adds at once", test_twenty_adds_at_once),
    RIG_TEST("04 ex 9 edges, and no cycle", test_stage),
    RIG_TEST("04 ex 10 a stale revision; an edge to itself", test_stage_stale_or_self),
    RIG_TEST("04 ex 11 an edge to a stranger", test_stage_with_a_stranger),
    RIG_TEST("04 ex 12 the same edge again", test_stage_twice),
    RIG_TEST("01 ex 55 the edge that is there", test_the_edge_that_is_there),
    RIG_TEST("04 ex 13 two edges at once", test_two_stages_at_once),
    RIG_TEST("04 ex 15 a staged edge gates nothing", test_staged_only),
    RIG_TEST("04 ex 16 an applied edge gates", test_apply),
    RIG_TEST("04 ex 17 three upstreams", test_apply_three),
    RIG_TEST("04 ex 18 an edge that is not there", test_apply_what_is_not_there),
    RIG_TEST("04 ex 19 behind an ended upstream", test_apply_behind_an_ended_upstream),
    RIG_TEST("04 ex 20 one of two edges applied", test_apply_one_of_two),
    RIG_TEST("04 ex 21 a delay is remembered", test_delay_is_remembered),
    RIG_TEST("the gate holds after a retry", test_gate_after_retry),
    RIG_TEST("an active child that cannot succeed is skipped",
             test_gate_skips_what_cannot_run_any_more),
    RIG_TEST("04 §3.4 a further edge of all_of", test_a_further_edge_of_all_of),
    RIG_TEST("04 §3.4 a further edge of any_of", test_a_further_edge_of_any_of),
    RIG_TEST("04 §3.4 a further edge flags nothing", test_a_further_edge_flags_nothing),
    RIG_TEST("04 §3.4 a further edge of a lost group", test_a_further_edge_of_a_lost_one),
    RIG_TEST("04 §2.4, §3.2 the order of checks", test_order_of_checks),
    RIG_TEST("wait_children without and with edges", test_wait_children_without_and_with_edges),
    RIG_TEST("a grant given before the edge", test_a_grant_given_before_does_not_pass_the_gate),
};

int
main(void)
{
    return ff_rig_main("flow_build", NULL, 0, tests, FF_COUNT(tests));
}
