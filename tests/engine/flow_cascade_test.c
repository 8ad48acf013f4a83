/* Resolution, cascades, data passing: examples 14, 23 to 36 and 50 of 04. */

#include "tests/engine/flow_acts.h"

static void
test_resolve_success(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_resolve_dependency_result result;

    make_flow(rig, 2);
    build(rig, 1, A, B);
    assert_ok(resolve(rig, 1, A, B, "success", &result));
    assert_string_equal(result.outcome, "satisfied");
    assert_int_equal(result.group_state, FF_GROUP_SATISFIED);
    assert_string_equal(result.child_transition, "eligible");
    assert_field(rig, B, "public_state", "waiting");
    assert_field(rig, B, "blocking_reason", "waiting_for_worker");
    assert_field(rig, B, "attempt_state", "pending_first_attempt");
    assert_ok(resolve(rig, 1, A, B, "failed", &result));
    assert_string_equal(result.outcome, "already_resolved");
    assert_string_equal(result.child_transition, "none");
    assert_field(rig, B, "public_state", "waiting");
}

static void
test_resolve_failures(void **state)
{
    static const char *const outcomes[] = { "failed", "cancelled", "expired", "skipped" };
    struct ff_rig *rig = *state;
    struct ff_resolve_dependency_result result;

    make_flow(rig, 8);
    for (uint8_t i = 0; i < 4; i++) {
        uint8_t up = (uint8_t) (1 + 2 * i), down = (uint8_t) (2 + 2 * i);
        struct ff_event event;

        build(rig, i, up, down);
        assert_ok(resolve(rig, i, up, down, outcomes[i], &result));
        assert_string_equal(result.outcome, "impossible");
        assert_string_equal(result.child_transition, "skipped");
        assert_field(rig, down, "lifecycle_phase", "terminal");
        assert_field(rig, down, "terminal_outcome", "skipped");
        assert_field(rig, down, "attempt_state", "none");
        assert_field(rig, down, "completed_at", "1000000");
        event = ff_rig_last_event(rig, FF_FAMILY_COMPLETION);
        assert_true(ff_eid_eq(event.execution_id.v, ff_rig_id(down)));
        assert_true(ff_str_is(event.outcome, "skipped"));
        assert_true(ff_uuid_eq(event.flow_id.v, F));
    }
    assert_int_equal(group_of(rig, 8).skipped_count, 1);
    assert_int_equal(group_of(rig, 8).failed_count, 0);
}

static void
test_resolve_refused(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_resolve_dependency_result result;

    make_flow(rig, 2);
    stage(rig, 1, A, B);
    assert_err(resolve(rig, 1, A, B, "exploded", &result), FF_E_INVALID_INPUT);
    assert_err(resolve(rig, 1, A, B, "none", &result), FF_E_INVALID_INPUT);
    assert_err(resolve(rig, 1, A, B, "success", &result), FF_E_INVALID_DEPENDENCY);
    apply(rig, 1, A, B);
    assert_err(resolve(rig, 1, B, A, "success", &result), FF_E_INVALID_DEPENDENCY);
    assert_err(resolve(rig, 2, A, B, "success", &result), FF_E_INVALID_DEPENDENCY);
    assert_int_equal(group_of(rig, B).satisfied_count, 0);
}

static void
test_dependent_of_a_failure(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 2);
    build(rig, 1, A, B);
    assert_field(rig, B, "eligibility_state", "blocked_by_dependencies");
    assert_field(rig, B, "public_state", "waiting_children");
    break_down(rig, A);
    assert_field(rig, B, "lifecycle_phase", "terminal");
    assert_field(rig, B, "terminal_outcome", "skipped");
    assert_field(rig, B, "attempt_state", "none");
    assert_field(rig, B, "public_state", "skipped");
}

static void
test_cascade_of_skips(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_cascade_completion_result result;

    make_flow(rig, 3);
    build(rig, 1, A, B);
    build(rig, 2, B, C);
    fail_one(rig, A);
    result = cascade(rig, A);
    assert_int_equal(result.resolved, 2);
    assert_int_equal(result.cascaded_children, 2);
    assert_field(rig, B, "public_state", "skipped");
    assert_field(rig, C, "public_state", "skipped");
    result = cascade(rig, A);
    assert_int_equal(result.resolved, 0);
    assert_int_equal(result.cascaded_children, 0);
}

static void
test_cascade_of_120(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_cascade_completion_result result;

    make_flow(rig, 120);
    for (uint8_t i = 1; i < 120; i++) {
        build(rig, i, i, (uint8_t) (i + 1));
    }
    fail_one(rig, 1);
    result = cascade(rig, 1);
    assert_int_equal(result.resolved, 119);
    assert_int_equal(result.cascaded_children, 119);
    for (uint8_t i = 2; i <= 120; i++) {
        assert_field(rig, i, "public_state", "skipped");
    }
}

static void
test_diamond(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 4);
    build(rig, 1, A, B);
    build(rig, 2, A, C);
    build(rig, 3, B, D);
    build(rig, 4, C, D);
    succeed(rig, A);
    break_down(rig, B);
    succeed(rig, C);
    assert_field(rig, C, "public_state", "completed");
    assert_field(rig, D, "public_state", "skipped");
    assert_string_equal(flow_state(rig), "failed");
}

static void
assert_cascades_nothing(struct ff_rig *rig, uint8_t number)
{
    struct ff_cascade_completion_result result = cascade(rig, number);

    assert_int_equal(result.resolved, 0);
    assert_int_equal(result.cascaded_children, 0);
}

static void
test_cascade_of_nothing(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 2);
    build(rig, 1, A, B);
    activate(rig, A);
    assert_cascades_nothing(rig, A);
    assert_field(rig, B, "public_state", "waiting_children");
    create(rig, C);
    complete_one(rig, C, NULL);
    assert_cascades_nothing(rig, C);
    assert_cascades_nothing(rig, 99);
}

static void
test_impossible_stays(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_edge_group_snapshot group;

    make_flow(rig, 4);
    build(rig, 1, A, D);
    build(rig, 2, B, D);
    break_down(rig, A);
    assert_field(rig, D, "public_state", "skipped");
    assert_int_equal(group_of(rig, D).failed_count, 1);
    succeed(rig, B);
    group = group_of(rig, D);
    assert_int_equal(group.satisfied_count, 1);
    assert_int_equal(group.failed_count, 1);
    assert_int_equal(group.skipped_count, 0);
    assert_int_equal(group.group_state, FF_GROUP_IMPOSSIBLE);
    assert_field(rig, D, "public_state", "skipped");
}

static void
test_skipped_upstream_counts_apart(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 3);
    build(rig, 1, A, B);
    build(rig, 2, B, C);
    break_down(rig, A);
    assert_int_equal(group_of(rig, C).skipped_count, 1);
    assert_int_equal(group_of(rig, C).failed_count, 0);
}

/* ---- data passing ---- */

static void
create_with_payload(struct ff_rig *rig, uint8_t number, const char *payload)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result result;
    struct ff_add_execution_to_flow_result added;

    args.input_payload = ff_cstr(payload);
    assert_ok(ff_rig_create_execution(rig, &args, &result));
    assert_ok(add(rig, number, &added));
}

static void
test_result_becomes_input(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_resolve_dependency_result result;

    make_flow(rig, 1);
    create_with_payload(rig, B, "b_original");
    create_with_payload(rig, C, "c_original");
    stage_ref(rig, 1, A, B, "result");
    apply(rig, 1, A, B);
    stage_ref(rig, 2, A, C, "result");
    apply(rig, 2, A, C);
    complete_one(rig, A, "{\"status\":\"ok\"}");
    assert_ok(resolve(rig, 2, A, C, "success", &result));
    assert_true(result.data_injected);
    assert_string_equal(payload_of(rig, C), "{\"status\":\"ok\"}");
    cascade(rig, A);
    assert_string_equal(payload_of(rig, B), "{\"status\":\"ok\"}");
}

/* Whoever reads it is told its form, too. */
static void
test_encoding_is_handed_on(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_complete_execution_args args = { .execution_id = ff_rig_id(A),
                                                     .source = ff_cstr(OPERATOR),
                                                     .result_payload = ff_cstr("<a/>"),
                                                     .result_encoding = ff_cstr("text/xml") };
    struct ff_eid child = ff_rig_id(B);
    struct ff_key key = ff_key_eid(&child);
    struct ff_complete_execution_result completed;
    struct ff_exec_input input;

    make_flow(rig, 2);
    stage_ref(rig, 1, A, B, "r");
    apply(rig, 1, A, B);
    take(rig, A);
    assert_ok(ff_rig_complete_execution(rig, &args, &completed));
    cascade(rig, A);
    ff_rig_record(rig, FF_R_EXEC_INPUT, &key, &input);
    assert_true(ff_str_is(input.payload, "<a/>"));
    assert_true(ff_str_is(input.payload_encoding, "text/xml"));
}

static void
test_no_ref_or_no_result(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_resolve_dependency_result result;

    make_flow(rig, 1);
    create_with_payload(rig, B, "b_original");
    create_with_payload(rig, C, "c_original");
    stage_ref(rig, 1, A, B, "");
    assert_null(edge_of(rig, 1).data_passing_ref.p);
    apply(rig, 1, A, B);
    stage_ref(rig, 2, A, C, "r");
    apply(rig, 2, A, C);
    complete_one(rig, A, NULL);
    assert_ok(resolve(rig, 2, A, C, "success", &result));
    assert_false(result.data_injected);
    assert_string_equal(result.child_transition, "eligible");
    cascade(rig, A);
    assert_string_equal(payload_of(rig, B), "b_original");
    assert_string_equal(payload_of(rig, C), "c_original");
}

static void
test_cancelled_child_keeps_its_input(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 1);
    create_with_payload(rig, B, "b_original");
    stage_ref(rig, 1, A, B, "r");
    apply(rig, 1, A, B);
    assert_ok(cancel_as(rig, B, OPERATOR));
    complete_one(rig, A, "new");
    cascade(rig, A);
    assert_string_equal(payload_of(rig, B), "b_original");
    assert_int_equal(edge_of(rig, 1).edge_state, FF_EDGE_SATISFIED);
    assert_field(rig, B, "public_state", "cancelled");
}

/* What a worker has begun with is not changed under it (04 §4.2 step 5). */
static void
test_active_child_keeps_its_input(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_resolve_dependency_result result;

    make_flow(rig, 1);
    create_with_payload(rig, B, "b_original");
    take(rig, B);
    stage_ref(rig, 1, A, B, "r");
    apply(rig, 1, A, B);
    complete_one(rig, A, "new");
    assert_ok(resolve(rig, 1, A, B, "success", &result));
    assert_string_equal(result.outcome, "satisfied");
    assert_string_equal(result.child_transition, "none");
    assert_false(result.data_injected);
    assert_string_equal(payload_of(rig, B), "b_original");
    assert_field(rig, B, "public_state", "active");
}

static void
test_quorum_takes_the_firing_result(void **state)
{
    static const char *const results[] = { "from A", "from B", "from C" };
    struct ff_rig *rig = *state;

    make_flow(rig, 4);
    policy(rig, D, "{\"kind\":\"quorum\",\"k\":2,\"on_satisfied\":\"let_run\"}");
    for (uint8_t i = A; i <= C; i++) {
        stage_ref(rig, i, i, D, "r");
        apply(rig, i, i, D);
    }
    for (uint8_t i = A; i <= C; i++) {
        complete_one(rig, i, results[i - A]);
        cascade(rig, i);
        assert_string_equal(payload_of(rig, D), i == A ? "" : "from B");
    }
    assert_string_equal(payload_of(rig, D), "from B");
}

static void
test_ref_given_at_apply(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_apply_dependency_to_child_args args = {
        .flow_id = F,
        .edge_id = edge_id_of(1),
        .upstream_execution_id = ff_rig_id(A),
        .downstream_execution_id = ff_rig_id(B),
        .dependency_kind = ff_cstr("success_only"),
        .data_passing_ref = ff_cstr("r"),
    };
    struct ff_apply_dependency_to_child_result result;

    make_flow(rig, 2);
    stage(rig, 1, A, B);
    assert_ok(ff_rig_apply_dependency_to_child(rig, &args, &result));
    complete_one(rig, A, "given");
    cascade(rig, A);
    assert_string_equal(payload_of(rig, B), "given");
    assert_null(edge_of(rig, 1).data_passing_ref.p);
}

/* ---- the rest ---- */

static void
test_evaluate(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 4);
    assert_string_equal(evaluate(rig, 77), "not_found");
    activate(rig, A);
    assert_string_equal(evaluate(rig, A), "not_runnable");
    create(rig, 9);
    assert_string_equal(evaluate(rig, 9), "eligible");
    policy(rig, D, "{\"kind\":\"any_of\",\"on_satisfied\":\"let_run\"}");
    for (uint8_t i = A; i <= C; i++) {
        build(rig, i, i, D);
    }
    assert_string_equal(evaluate(rig, D), "blocked_by_dependencies");
    succeed(rig, A);
    assert_string_equal(evaluate(rig, A), "not_runnable");
    assert_string_equal(evaluate(rig, D), "eligible");
}

/* Members beyond the 255 of the rig's ids. */
static struct ff_eid
wide_id(uint32_t number)
{
    struct ff_eid id = ff_rig_id(0);

    id.uuid.b[13] = (uint8_t) (1 + (number >> 16));
    id.uuid.b[14] = (uint8_t) (number >> 8);
    id.uuid.b[15] = (uint8_t) number;
    return id;
}

static void
make_wide(struct ff_rig *rig, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct ff_create_execution_args args = ff_rig_new_exec(0);
        const struct ff_add_execution_to_flow_args add_args = { .flow_id = F,
                                                                .execution_id = wide_id(i) };
        struct ff_create_execution_result created;
        struct ff_add_execution_to_flow_result added;

        args.execution_id = wide_id(i);
        assert_ok(ff_rig_create_execution(rig, &args, &created));
        assert_ok(ff_rig_add_execution_to_flow(rig, &add_args, &added));
    }
}

static ff_err
stage_wide(struct ff_rig *rig, uint32_t edge, struct ff_eid from, struct ff_eid to,
           uint64_t *at_revision)
{
    struct ff_stage_dependency_edge_args args = {
        .flow_id = F,
        .edge_id = wide_id(edge).uuid,
        .upstream_execution_id = from,
        .downstream_execution_id = to,
        .dependency_kind = ff_cstr("success_only"),
        .expected_graph_revision = *at_revision,
    };
    struct ff_stage_dependency_edge_result result;
    ff_err err = ff_rig_stage_dependency_edge(rig, &args, &result);

    *at_revision += err == FF_E_OK;
    return err;
}

static void
test_long_chain_and_its_cycle(void **state)
{
    struct ff_rig *rig = *state;
    uint32_t n = rig->cheap ? 1500 : 200; /* on the others every call takes many turns */
    uint64_t at = 0;

    make_flow(rig, 0);
    make_wide(rig, n + 1);
    at = revision(rig);
    for (uint32_t i = 0; i + 1 < n; i++) {
        assert_ok(stage_wide(rig, i, wide_id(i), wide_id(i + 1), &at));
    }
    assert_ok(stage_wide(rig, n, wide_id(n), wide_id(0), &at));
    assert_err(stage_wide(rig, n + 1, wide_id(n - 1), wide_id(0), &at), FF_E_CYCLE_DETECTED);
    assert_err(stage_wide(rig, n + 1, wide_id(n - 1), wide_id(n), &at), FF_E_CYCLE_DETECTED);
}

/* The members 0 to n - 1, each waiting for the one before, and member n, which waits for nobody. */
static void
submit_chain(struct ff_rig *rig, uint32_t n)
{
    struct ff_submit_member *members = FF_ARENA_NEW(&rig->arena, struct ff_submit_member, n + 1);
    struct ff_submit_edge *edges = FF_ARENA_NEW(&rig->arena, struct ff_submit_edge, n);
    const struct ff_submit_flow_args args = {
        .flow = { .flow_id = F, .flow_kind = ff_cstr("dag"), .namespace = ff_cstr("N") },
        .members = { .v = members, .n = n + 1 },
        .edges = { .v = edges, .n = n - 1 },
    };
    struct ff_submit_flow_result result;

    for (uint32_t i = 0; i <= n; i++) {
        members[i] = (struct ff_submit_member){ .key = ff_arena_printf(&rig->arena, "m%u", i),
                                                .execution_id = FF_SOME(ff_opt_eid, wide_id(i)),
                                                .lane_id = ff_cstr("L"),
                                                .execution_kind = ff_cstr("job"),
                                                .creator_identity = ff_cstr("") };
        if (i > 0) {
            edges[i - 1] = (struct ff_submit_edge){ .from = members[i - 1].key,
                                                    .to = members[i].key,
                                                    .dependency_kind = ff_cstr("success_only") };
        }
    }
    assert_ok(ff_rig_submit_flow(rig, &args, &result));
}

/* The same on every store, and along edges that are applied. What the search reads it asks for in a
 * few loads, not an edge at a time. */
static void
test_long_chain_submitted(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_engine_stats before, after;
    uint64_t at = 0;

    submit_chain(rig, 1500);
    at = revision(rig);
    assert_int_equal(at, 1501 + 1499);
    assert_ok(stage_wide(rig, 3000, wide_id(1500), wide_id(0), &at));
    ff_engine_stats(rig->engine, &before);
    assert_err(stage_wide(rig, 3001, wide_id(1499), wide_id(0), &at), FF_E_CYCLE_DETECTED);
    ff_engine_stats(rig->engine, &after);
    if (!rig->store->ops->immediate) {
        assert_in_range(after.loads - before.loads, 1, 100);
    }
    assert_err(stage_wide(rig, 3001, wide_id(1499), wide_id(1500), &at), FF_E_CYCLE_DETECTED);
}

/* With background work: the claim that waits gets the child in the commit of the completion. */
static void
test_completion_releases_at_once(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_args args = claim_args(rig, "[]");
    struct ff_claim_result claim, next = { 0 };
    struct ff_waiting *waiting = NULL;
    struct ff_engine_stats before, after;

    consume(rig);
    make_flow(rig, 2);
    build(rig, 1, A, B);
    claim = claim_this(rig, A);
    args.block_ms = 30000;
    waiting = ff_rig_start(rig, FF_OP_claim, &args);
    assert_false(ff_rig_is_done(waiting));
    ff_engine_stats(rig->engine, &before);
    assert_ok(complete(rig, &claim, ""));
    assert_ok(ff_rig_finish(rig, waiting, &next));
    ff_engine_stats(rig->engine, &after);
    assert_true(ff_eid_eq(next.execution_id.v, ff_rig_id(B)));
    if (rig->store->ops->immediate) { /* else what follows waits for what it has to read */
        assert_int_equal(after.commits - before.commits, 1);
    }
}

static void
test_skips_go_deep_by_themselves(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 60);
    for (uint8_t i = 1; i < 60; i++) {
        build(rig, i, i, (uint8_t) (i + 1));
    }
    activate(rig, 1);
    consume(rig);
    fail_one(rig, 1);
    ff_rig_pump(rig);
    if (rig->contrary && strcmp(flow_state(rig), "failed") != 0) {
        return; /* its commit was refused: the scanner's now */
    }
    assert_string_equal(flow_state(rig), "failed");
    assert_field(rig, 60, "public_state", "skipped");
    assert_int_equal(cascade(rig, 1).resolved, 0);
}

/* Calls that there are from the end of an execution to all that follows from it. */
static uint64_t
calls_of_end(struct ff_rig *rig, uint8_t number, bool success)
{
    struct ff_engine_stats before, after;

    take(rig, number);
    ff_engine_stats(rig->engine, &before);
    if (success) {
        complete_one(rig, number, NULL);
    } else {
        fail_one(rig, number);
    }
    ff_rig_pump(rig);
    ff_engine_stats(rig->engine, &after);
    return after.calls - before.calls - 1; /* one looks whether it is active */
}

/* Sixteen edges are resolved by the call that ends their upstream; one more, and it is left to the
 * engine's own call. On stores that brokers share it always is. */
static void
test_few_edges_at_once(void **state)
{
    struct ff_rig *rig = *state;
    bool at_once = rig->store->ops->exclusive;

    make_flow(rig, 20);
    for (uint8_t i = 1; i <= 16; i++) {
        build(rig, i, 20, i);
        build(rig, (uint8_t) (20 + i), 19, i);
    }
    build(rig, 40, 20, 17);
    consume(rig);
    if (rig->contrary) {
        return; /* calls are counted again when a commit is refused */
    }
    assert_int_equal(calls_of_end(rig, 19, true), at_once ? 1 : 2);
    assert_field(rig, 1, "public_state", "waiting_children");
    assert_int_equal(group_of(rig, 16).satisfied_count, 1);
    assert_int_equal(calls_of_end(rig, 20, true), 2);
    for (uint8_t i = 1; i <= 17; i++) {
        assert_field(rig, i, "public_state", "waiting");
    }
    assert_int_equal(calls_of_end(rig, 18, true), at_once ? 1 : 2); /* nobody waits for it */
    assert_int_equal(cascade(rig, 19).resolved + cascade(rig, 20).resolved, 0);
}

/* What is skipped by it has edges of its own: those are left to marks. */
static void
test_a_skip_is_followed(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 4);
    build(rig, 1, A, B);
    build(rig, 2, A, C);
    build(rig, 3, C, D);
    consume(rig);
    if (rig->contrary) {
        return; /* as above */
    }
    assert_int_equal(calls_of_end(rig, A, false), rig->store->ops->exclusive ? 3 : 2);
    for (uint8_t i = B; i <= D; i++) {
        assert_field(rig, i, "public_state", "skipped");
    }
}

static const struct CMUnitTest tests[] = {
    RIG_TEST("04 ex 23 resolve success, once", test_resolve_success),
    RIG_TEST("04 ex 24 resolve the other outcomes", test_resolve_failures),
    RIG_TEST("04 ex 25 resolve refused", test_resolve_refused),
    RIG_TEST("01 ex 23 the dependent of one that fails", test_dependent_of_a_failure),
    RIG_TEST("04 ex 26 skips cascade", test_cascade_of_skips),
    RIG_TEST("04 ex 27 a chain of 120", test_cascade_of_120),
    RIG_TEST("04 ex 28 a diamond", test_diamond),
    RIG_TEST("04 ex 29 nothing to cascade", test_cascade_of_nothing),
    RIG_TEST("04 ex 30 impossible stays impossible", test_impossible_stays),
    RIG_TEST("04 ex 31 a skipped upstream counts apart", test_skipped_upstream_counts_apart),
    RIG_TEST("04 ex 32 a result becomes the input", test_result_becomes_input),
    RIG_TEST("a result's encoding is handed on", test_encoding_is_handed_on),
    RIG_TEST("04 ex 33 without ref or result the input stays", test_no_ref_or_no_result),
    RIG_TEST("04 ex 34 a cancelled child keeps its input", test_cancelled_child_keeps_its_input),
    RIG_TEST("an active child keeps its input", test_active_child_keeps_its_input),
    RIG_TEST("04 ex 35 a quorum takes the firing result", test_quorum_takes_the_firing_result),
    RIG_TEST("04 ex 36 a ref given at apply", test_ref_given_at_apply),
    RIG_TEST("04 ex 50 evaluate", test_evaluate),
    RIG_TEST("04 ex 14 a long chain closes no cycle unseen", test_long_chain_and_its_cycle),
    RIG_TEST("04 ex 14 nor a chain that was submitted", test_long_chain_submitted),
    RIG_TEST("a completion releases its children in its commit", test_completion_releases_at_once),
    RIG_TEST("skips go deep by themselves", test_skips_go_deep_by_themselves),
    RIG_TEST("few edges are resolved by the end itself", test_few_edges_at_once),
    RIG_TEST("a skip in it is followed", test_a_skip_is_followed),
};

int
main(void)
{
    return ff_rig_main("flow_cascade", NULL, 0, tests, FF_COUNT(tests));
}
