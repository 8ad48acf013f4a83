/* Reading flows, tags, summaries: examples 70 to 75 of 04. */

#include "tests/engine/flow_acts.h"

static void
create_flow(struct ff_rig *rig, struct ff_uuid flow_id)
{
    const struct ff_create_flow_args args = { .flow_id = flow_id,
                                              .flow_kind = ff_cstr("dag"),
                                              .namespace = ff_cstr("N") };
    struct ff_create_flow_result result;

    assert_ok(ff_rig_create_flow(rig, &args, &result));
}

static const char *
status_of(struct ff_rig *rig)
{
    const struct ff_list_flows_args args = { .partition = ff_cstr("{fp:6}"), .limit = 1 };
    struct ff_list_flows_result result;

    assert_ok(ff_rig_list_flows(rig, &args, &result));
    assert_int_equal(result.flows.n, 1);
    return ff_word(&ff_vocab_flow_status, result.flows.v[0].status);
}

static void
test_pages(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_uuid elsewhere = flow_id_in(7, 0);
    struct ff_list_flows_args args = { .partition = ff_cstr("{fp:6}"), .limit = 2 };
    struct ff_list_flows_result page;
    uint32_t sizes[3] = { 0 };
    struct ff_uuid last = { { 0 } };

    for (uint8_t i = 0; i < 5; i++) {
        create_flow(rig, flow_id_of((uint8_t) (i * 3 % 5)));
    }
    create_flow(rig, elsewhere);
    for (int i = 0; i < 3; i++) {
        assert_ok(ff_rig_list_flows(rig, &args, &page));
        sizes[i] = page.flows.n;
        for (uint32_t j = 0; j < page.flows.n; j++) {
            assert_true(memcmp(last.b, page.flows.v[j].flow_id.b, 16) < 0);
            last = page.flows.v[j].flow_id;
        }
        assert_int_equal(page.next_cursor.is, i < 2);
        assert_true(i == 2 || ff_uuid_eq(page.next_cursor.v, last));
        args.cursor = page.next_cursor;
    }
    assert_int_equal(sizes[0] * 100 + sizes[1] * 10 + sizes[2], 221);
    args = (struct ff_list_flows_args){ .partition = ff_cstr("{fp:6}"), .limit = 0 };
    assert_ok(ff_rig_list_flows(rig, &args, &page));
    assert_int_equal(page.flows.n, 0);
    assert_false(page.next_cursor.is);
    args = (struct ff_list_flows_args){ .partition = ff_cstr("{fp:7}"), .limit = 5 };
    assert_ok(ff_rig_list_flows(rig, &args, &page));
    assert_int_equal(page.flows.n, 1);
    assert_true(ff_uuid_eq(page.flows.v[0].flow_id, elsewhere));
    args.partition = ff_cstr("bogus");
    assert_err(ff_rig_list_flows(rig, &args, &page), FF_E_INVALID_INPUT);
}

static void
test_status(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_cancel_flow_args cancel = { .flow_id = F,
                                                .policy = ff_cstr("flow_only"),
                                                .reason = ff_cstr("") };
    struct ff_cancel_flow_result cancelled;

    make_flow(rig, 2);
    assert_string_equal(status_of(rig), "active");
    succeed(rig, A);
    assert_string_equal(status_of(rig), "active");
    succeed(rig, B);
    assert_string_equal(status_of(rig), "completed");
    assert_string_equal(replay(rig, B), "waiting");
    assert_string_equal(status_of(rig), "active");
    break_down(rig, B);
    assert_string_equal(status_of(rig), "failed");
    assert_ok(ff_rig_cancel_flow(rig, &cancel, &cancelled));
    assert_string_equal(status_of(rig), "cancelled");
}

static void
test_absent_things(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_describe_edge_args elsewhere = { .flow_id = flow_id_of(1),
                                                     .edge_id = edge_id_of(1) };
    struct ff_list_edges_args edges_args = { .flow_id = flow_id_of(1) };
    const struct ff_resolve_execution_flow_id_args of_args = { .execution_id = ff_rig_id(A) };
    struct ff_describe_edge_result edge;
    struct ff_list_edges_result edges;
    struct ff_resolve_execution_flow_id_result of;

    create(rig, A);
    assert_ok(ff_rig_resolve_execution_flow_id(rig, &of_args, &of));
    assert_false(of.flow_id.is);
    make_flow(rig, 0);
    {
        struct ff_add_execution_to_flow_result added;

        assert_ok(add(rig, A, &added));
        create(rig, B);
        assert_ok(add(rig, B, &added));
    }
    stage(rig, 1, A, B);
    assert_ok(ff_rig_resolve_execution_flow_id(rig, &of_args, &of));
    assert_true(ff_uuid_eq(of.flow_id.v, F));
    assert_ok(ff_rig_describe_edge(rig, &elsewhere, &edge));
    assert_null(edge.edge);
    edges_args.direction.kind = FF_DIRECTION_OUTGOING;
    assert_err(ff_rig_list_edges(rig, &edges_args, &edges), FF_E_INVALID_INPUT);
    assert_detail(rig, "field", "direction.from_node");
    edges_args.direction.from_node = FF_SOME(ff_opt_eid, ff_rig_id(A));
    assert_ok(ff_rig_list_edges(rig, &edges_args, &edges));
    assert_int_equal(edges.edges.n, 0);
}

static void
test_tags(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_set_flow_tag_args set_args = { .flow_id = F,
                                                   .key = ff_cstr("cairn.task_id"),
                                                   .value = ff_cstr("t1") };
    const struct ff_get_flow_tag_args get_args = { .flow_id = F, .key = ff_cstr("cairn.task_id") };
    struct ff_set_flow_tag_result set;
    struct ff_get_flow_tag_result get;
    struct ff_flow_snapshot flow;

    assert_err(ff_rig_set_flow_tag(rig, &set_args, &set), FF_E_FLOW_NOT_FOUND);
    assert_ok(ff_rig_get_flow_tag(rig, &get_args, &get));
    assert_null(get.value.p);
    make_flow(rig, 1);
    rig->now_ms += 10;
    assert_ok(ff_rig_set_flow_tag(rig, &set_args, &set));
    assert_ok(ff_rig_get_flow_tag(rig, &get_args, &get));
    assert_true(ff_str_is(get.value, "t1"));
    flow = describe_flow(rig);
    assert_int_equal(flow.tags.n, 1);
    assert_true(ff_str_is(flow.tags.v[0].value, "t1"));
    assert_int_equal(flow.last_mutation_at, rig->now_ms);
    assert_int_equal(flow.graph_revision, 1);
}

static void
test_tags_together(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_tag tags[] = { { ff_str("b.b", 3), ff_str("2", 1) },
                             { ff_str("a.a", 3), ff_str("1", 1) } };
    struct ff_set_flow_tags_args args = { .flow_id = F, .tags = { .v = tags, .n = 2 } };
    struct ff_set_flow_tags_result result;

    make_flow(rig, 0);
    assert_ok(ff_rig_set_flow_tags(rig, &args, &result));
    assert_int_equal(result.count, 2);
    assert_true(ff_str_is(describe_flow(rig).tags.v[0].key, "a.a"));
    tags[0].key = ff_cstr("NO");
    assert_err(ff_rig_set_flow_tags(rig, &args, &result), FF_E_INVALID_TAG_KEY);
    assert_int_equal(describe_flow(rig).tags.n, 2);
    args.tags.n = 0;
    assert_err(ff_rig_set_flow_tags(rig, &args, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "empty");
}

static void
expire(struct ff_rig *rig, uint8_t number)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    const struct ff_expire_execution_args expire_args = { .execution_id = ff_rig_id(number),
                                                          .phase = FF_EXPIRE_EXECUTION_DEADLINE };
    struct ff_create_execution_result created;
    struct ff_add_execution_to_flow_result added;
    struct ff_expire_execution_result expired;

    args.execution_deadline_at = FF_SOME(ff_opt_i64, rig->now_ms);
    assert_ok(ff_rig_create_execution(rig, &args, &created));
    assert_ok(add(rig, number, &added));
    assert_ok(ff_rig_expire_execution(rig, &expire_args, &expired));
    assert_string_equal(expired.outcome, "expired");
}

static void
test_derived_states(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 2);
    assert_string_equal(flow_state(rig), "open");
    activate(rig, A);
    assert_string_equal(flow_state(rig), "running");
    complete_one(rig, A, NULL);
    assert_string_equal(flow_state(rig), "open");
    build(rig, 1, A, B);
    complete_one(rig, B, NULL);
    assert_string_equal(flow_state(rig), "completed");
    expire(rig, C);
    assert_string_equal(flow_state(rig), "failed");
}

static void
test_skipped_is_benign(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_resolve_dependency_result result;

    make_flow(rig, 2);
    build(rig, 1, A, B);
    assert_string_equal(flow_state(rig), "blocked");
    assert_ok(resolve(rig, 1, A, B, "skipped", &result));
    complete_one(rig, A, NULL);
    assert_string_equal(flow_state(rig), "completed");
}

static bool
project(struct ff_rig *rig)
{
    const struct ff_project_flow_summary_args args = { .flow_id = F };
    struct ff_project_flow_summary_result result;

    assert_ok(ff_rig_project_flow_summary(rig, &args, &result));
    return result.updated;
}

static void
test_summary(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_cancel_flow_args cancel = { .flow_id = F,
                                                .policy = ff_cstr("flow_only"),
                                                .reason = ff_cstr("") };
    struct ff_cancel_flow_result cancelled;
    const struct ff_flow_summary *summary = NULL;

    assert_false(project(rig));
    make_flow(rig, 0);
    assert_false(project(rig));
    assert_null(describe_flow(rig).summary);
    make_flow(rig, 120);
    for (uint8_t i = 1; i <= 70; i++) {
        complete_one(rig, i, NULL);
    }
    assert_true(project(rig));
    summary = describe_flow(rig).summary;
    assert_int_equal(summary->total_members, 120);
    assert_int_equal(summary->sampled_members, 120);
    assert_int_equal(summary->members_completed, 70);
    assert_int_equal(summary->members_waiting, 50);
    activate(rig, 71);
    assert_ok(ff_rig_cancel_flow(rig, &cancel, &cancelled));
    assert_true(project(rig));
    assert_int_equal(describe_flow(rig).summary->public_flow_state, FF_FLOW_RUNNING);
    assert_string_equal(flow_state(rig), "cancelled");
}

/* ---- large answers, in steps ---- */

/* So many edges or groups a step from here on. */
static void
restart(struct ff_rig *rig, uint32_t flow_step)
{
    struct ff_engine_config config;

    ff_rig_engine_config(rig, &config);
    config.flow_step = flow_step;
    ff_rig_restart(rig, &config);
}

/* C, D and E wait for others; one of D's upstreams was enough, A (twice) and E are not needed. */
static void
make_groups(struct ff_rig *rig)
{
    make_flow(rig, 7);
    policy(rig, D, "{\"kind\":\"any_of\",\"on_satisfied\":\"cancel_remaining\"}");
    stage(rig, 9, E, D);
    stage(rig, 8, A, D);
    stage(rig, 7, B, D);
    stage(rig, 6, A, D);
    build(rig, 5, A, C);
    build(rig, 4, C, E);
    build(rig, 3, G, C);
    apply(rig, 7, B, D);
    succeed(rig, B);
    assert_true(group_of(rig, D).cancel_siblings_pending);
}

static struct ff_str
packed(struct ff_rig *rig, enum ff_op op, const void *result)
{
    struct ff_packer packer;
    struct ff_str out;

    ff_packer_init(&packer);
    ff_encode(ff_ops[op].result, result, &packer.pk);
    out = ff_arena_copy(&rig->arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    return out;
}

static struct ff_str
described(struct ff_rig *rig)
{
    const struct ff_describe_flow_args args = { .flow_id = F };
    struct ff_describe_flow_result result;

    assert_ok(ff_rig_describe_flow(rig, &args, &result));
    return packed(rig, FF_OP_describe_flow, &result);
}

static struct ff_str
listed(struct ff_rig *rig)
{
    const struct ff_list_edges_args args = {
        .flow_id = F,
        .direction = { .kind = FF_DIRECTION_INCOMING, .to_node = FF_SOME(ff_opt_eid, ff_rig_id(D)) }
    };
    struct ff_list_edges_result result;

    assert_ok(ff_rig_list_edges(rig, &args, &result));
    assert_int_equal(result.edges.n, 4);
    return packed(rig, FF_OP_list_edges, &result);
}

static void
test_same_in_steps(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_flow_snapshot flow;
    struct ff_str described_once, listed_once;

    make_groups(rig);
    flow = describe_flow(rig);
    assert_int_equal(flow.edge_groups.n, 3);
    assert_int_equal(flow.edge_groups.v[1].pending_sibling_ids.n, 2);
    described_once = described(rig);
    listed_once = listed(rig);
    for (uint32_t step = 1; step <= 8; step++) {
        restart(rig, step);
        assert_true(ff_str_eq(described(rig), described_once));
        assert_true(ff_str_eq(listed(rig), listed_once));
    }
}

/* Others have their turn between its steps; what has ended meanwhile is not owed a cancel. */
static void
test_between_steps(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_describe_flow_args args = { .flow_id = F };
    const struct ff_ping_args ping = { 0 };
    struct ff_describe_flow_result result;
    struct ff_waiting *describing = NULL, *beside = NULL;
    struct ff_ping_result pong;

    make_groups(rig);
    restart(rig, 1);
    assert_ok(cancel_as(rig, E, OPERATOR));
    describing = ff_rig_submit(rig, FF_OP_describe_flow, &args);
    beside = ff_rig_submit(rig, FF_OP_ping, &ping);
    while (!ff_rig_is_done(beside)) {
        ff_engine_run(rig->engine);
        ff_store_poll(rig->store, true);
    }
    assert_false(ff_rig_is_done(describing));
    assert_ok(ff_rig_finish(rig, beside, &pong));
    ff_rig_pump(rig);
    memset(&result, 0, sizeof(result));
    assert_ok(ff_rig_finish(rig, describing, &result));
    assert_int_equal(result.flow->edge_groups.n, 3);
    assert_int_equal(result.flow->edge_groups.v[1].pending_sibling_ids.n, 1);
}

static const struct CMUnitTest tests[] = {
    RIG_TEST("04 ex 70 pages of flows", test_pages),
    RIG_TEST("04 ex 71 the status in a list", test_status),
    RIG_TEST("04 ex 72 what is not there", test_absent_things),
    RIG_TEST("04 ex 73 tags", test_tags),
    RIG_TEST("several tags at once", test_tags_together),
    RIG_TEST("04 ex 74 derived states", test_derived_states),
    RIG_TEST("04 ex 74 skipped is benign", test_skipped_is_benign),
    RIG_TEST("04 ex 75 the summary", test_summary),
    RIG_TEST("an answer in steps is the same", test_same_in_steps),
    RIG_TEST("others have their turn between the steps of an answer", test_between_steps),
};

int
main(void)
{
    return ff_rig_main("flow_reads", NULL, 0, tests, FF_COUNT(tests));
}
