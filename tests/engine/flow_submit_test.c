/* submit_flow: a whole graph in one step (04 §2.9). */

#include "tests/engine/flow_acts.h"

/* The flow's id, as text, is F's. */
static const char *
flow_text(void)
{
    static char text[FF_UUID_TEXT_MAX];
    struct ff_uuid id = F;

    ff_uuid_text(&id, text);
    return text;
}

static ff_err
submit(struct ff_rig *rig, const char *rest_json, struct ff_submit_flow_result *result)
{
    memset(result, 0, sizeof(*result));
    return ff_rig_call_json(rig, FF_OP_submit_flow,
                            ff_arena_printf(&rig->arena,
                                            "{\"flow\":{\"flow_id\":\"%s\",\"flow_kind\":\"dag\","
                                            "\"namespace\":\"N\"},"
                                            "%s}",
                                            flow_text(), rest_json)
                                .p,
                            result);
}

#define MEMBER(key) "{\"key\":\"" key "\",\"lane_id\":\"L\",\"execution_kind\":\"job\"}"
#define MEMBER_AS(key, more)                                                                       \
    "{\"key\":\"" key "\",\"lane_id\":\"L\",\"execution_kind\":\"job\"," more "}"
#define EDGE(from, to) "{\"from\":\"" from "\",\"to\":\"" to "\"}"
#define DIAMOND                                                                                    \
    "\"members\":[" MEMBER("a") "," MEMBER("b") "," MEMBER("c") "," MEMBER(                        \
        "d") "],\"edges\":[" EDGE("a", "b") "," EDGE("a", "c") "," EDGE("b",                       \
                                                                        "d") "," EDGE("c",         \
                                                                                      "d") "]"

static const char *
id_of(const struct ff_submit_flow_result *result, const char *key)
{
    for (uint32_t i = 0; i < result->members.n; i++) {
        if (ff_str_is(result->members.v[i].key, key)) {
            return result->members.v[i].value.p;
        }
    }
    fail_msg("no member %s", key);
    return NULL;
}

static struct ff_eid
eid_of(const struct ff_submit_flow_result *result, const char *key)
{
    struct ff_fault fault = { 0 };
    struct ff_eid id;
    struct ff_str text = ff_cstr(id_of(result, key));

    text.n = text.n < 43 ? text.n : 43; /* {fp:6}: and a uuid */
    assert_int_equal(ff_eid_parse(text, "id", &id, &fault), FF_E_OK);
    return id;
}

static const char *
state_of(struct ff_rig *rig, const struct ff_submit_flow_result *result, const char *key)
{
    struct ff_eid id = eid_of(result, key);

    return ff_rig_field(rig, &id, "public_state");
}

static void
test_submit(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result, again;
    struct ff_flow_snapshot flow;

    assert_ok(submit(rig, DIAMOND, &result));
    if (!rig->contrary) { /* there a refused commit makes a second call of it */
        assert_string_equal(result.outcome, "submitted");
    }
    assert_int_equal(result.members.n, 4);
    assert_int_equal(result.edges.n, 4);
    assert_int_equal(result.graph_revision, 8);
    assert_string_equal(state_of(rig, &result, "a"), "waiting");
    assert_string_equal(state_of(rig, &result, "b"), "waiting_children");
    assert_string_equal(state_of(rig, &result, "d"), "waiting_children");
    flow = describe_flow(rig);
    assert_int_equal(flow.node_count, 4);
    assert_int_equal(flow.edge_count, 4);
    assert_int_equal(flow.edge_groups.n, 3);
    rig->now_ms += 1000;
    assert_ok(submit(rig, DIAMOND, &again));
    assert_string_equal(again.outcome, "already_submitted");
    assert_string_equal(id_of(&again, "c"), id_of(&result, "c"));
    assert_true(ff_uuid_eq(again.edges.v[3], result.edges.v[3]));
    assert_int_equal(again.graph_revision, 8);
}

/* Reads of an execution tell the key of a member; one that was added has none. */
static void
test_member_keys(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_add_execution_to_flow_result added;
    struct ff_read_execution_info_args args = { .execution_id = ff_rig_id(A) };
    struct ff_read_execution_info_result read;
    struct ff_submit_flow_result result;
    struct ff_fault fault = { 0 };

    assert_ok(submit(rig, DIAMOND, &result));
    create(rig, A);
    assert_ok(add(rig, A, &added));
    assert_ok(ff_rig_read_execution_info(rig, &args, &read));
    assert_null(read.info->member_key.p);
    assert_null(describe(rig, A).member_key.p);
    for (uint32_t i = 0; i < result.members.n; i++) {
        const struct ff_tag *member = &result.members.v[i];
        struct ff_describe_execution_args described = { 0 };
        struct ff_describe_execution_result shown;

        assert_ok(ff_eid_parse(member->value, "id", &args.execution_id, &fault));
        assert_ok(ff_rig_read_execution_info(rig, &args, &read));
        assert_true(ff_str_eq(read.info->member_key, member->key));
        described.execution_id = args.execution_id;
        assert_ok(ff_rig_describe_execution(rig, &described, &shown));
        assert_true(ff_str_eq(shown.execution->member_key, member->key));
    }
}

/* Ids that are made ascend as what they name was given. */
static void
test_ids_ascend(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;

    assert_ok(submit(rig, DIAMOND, &result));
    for (uint32_t i = 1; i < result.members.n; i++) {
        assert_true(ff_str_cmp(result.members.v[i - 1].value, result.members.v[i].value) < 0);
    }
    for (uint32_t i = 1; i < result.edges.n; i++) {
        assert_true(memcmp(result.edges.v[i - 1].b, result.edges.v[i].b, 16) < 0);
    }
}

/* A flow that was made when they did not is answered with the ones that it has. */
static void
test_older_ids(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_uuid flow_id = F;
    const struct ff_key key = ff_key_flow(&flow_id);
    struct ff_submit_flow_result result, again;
    struct ff_packer packer;
    struct ff_flow flow;

    assert_ok(submit(rig, DIAMOND, &result));
    ff_rig_record(rig, FF_R_FLOW, &key, &flow);
    assert_true(flow.ids_in_order);
    flow.ids_in_order = false;
    ff_packer_init(&packer);
    ff_row_encode(FF_R_FLOW, &flow, &packer.pk);
    ff_rig_spoil(rig, FF_R_FLOW, &key, ff_arena_copy(&rig->arena, ff_packer_str(&packer)));
    ff_packer_done(&packer);
    assert_ok(submit(rig, DIAMOND, &again));
    assert_string_equal(again.outcome, "already_submitted");
    assert_memory_equal(id_of(&again, "a"), "{fp:6}:0000000f-4240-7140-b00b-6abb7f4d0186", 43);
    assert_int_equal(again.edges.v[0].b[6] >> 4, 4);
}

/* One worker, one member after the other, each behind its upstreams. */
static void
test_it_runs(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;

    if (rig->contrary) {
        return; /* a refused commit leaves a cascade to the scanner */
    }
    consume(rig);
    assert_ok(submit(rig, DIAMOND, &result));
    for (int i = 0; i < 4; i++) {
        struct ff_claim_result claim = claim_next(rig);

        assert_string_equal(claim.outcome, "claimed");
        assert_ok(complete(rig, &claim, "done"));
    }
    assert_claims_nothing(rig);
    assert_string_equal(flow_state(rig), "completed");
}

static void
test_arguments_of_members(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;

    assert_ok(
        submit(rig,
               "\"members\":[" MEMBER_AS(
                   "later",
                   "\"delay_until\":2000000,\"tags\":{\"a.b\":"
                   "\"c\"}") "," MEMBER("x") "," MEMBER("y") "],"
                                                             "\"edges\":[" EDGE("x", "y") "," EDGE(
                                                                 "later", "y") "],"
                                                                               "\"g"
                                                                               "rou"
                                                                               "ps"
                                                                               "\":"
                                                                               "[{"
                                                                               "\"m"
                                                                               "emb"
                                                                               "er"
                                                                               "\":"
                                                                               "\"y"
                                                                               "\","
                                                                               "\"p"
                                                                               "oli"
                                                                               "cy"
                                                                               "\":"
                                                                               "{\""
                                                                               "kin"
                                                                               "d\""
                                                                               ":\""
                                                                               "any"
                                                                               "_of"
                                                                               "\","
                                                                               "\"o"
                                                                               "n_"
                                                                               "sat"
                                                                               "isf"
                                                                               "ied"
                                                                               "\":"
                                                                               "\"l"
                                                                               "et_"
                                                                               "run"
                                                                               "\"}"
                                                                               "}]",
               &result));
    assert_string_equal(state_of(rig, &result, "later"), "delayed");
    assert_int_equal(describe_flow(rig).edge_groups.v[0].policy.kind, FF_EDGE_POLICY_ANY_OF);
    assert_int_equal(describe_flow(rig).edge_groups.v[0].total_deps, 2);
}

/* A member's own namespace, deadline and policy; the ref of its edge hands the result on. */
static void
test_more_arguments_of_members(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;
    struct ff_eid a, b;

    assert_ok(submit(
        rig,
        "\"members\":[" MEMBER_AS(
            "a", "\"namespace\":\"M\",\"execution_deadline_at\":5000000,"
                 "\"policy\":{\"max_replay_count\":1}") "," MEMBER("b") "],"
                                                                        "\"edges\":[{\"from\":"
                                                                        "\"a\",\"to\":\"b\",\"data_"
                                                                        "passing_ref\":\"r\"}]",
        &result));
    a = eid_of(&result, "a");
    b = eid_of(&result, "b");
    assert_string_equal(ff_rig_field(rig, &a, "namespace"), "M");
    assert_string_equal(ff_rig_field(rig, &b, "namespace"), "N");
    assert_string_equal(ff_rig_field(rig, &a, "execution_deadline_at"), "5000000");
    {
        const struct ff_list_edges_args args = {
            .flow_id = F,
            .direction = { .kind = FF_DIRECTION_INCOMING, .to_node = FF_SOME(ff_opt_eid, b) }
        };
        struct ff_list_edges_result edges;

        assert_ok(ff_rig_list_edges(rig, &args, &edges));
        assert_int_equal(edges.edges.n, 1);
        assert_true(ff_str_is(edges.edges.v[0].data_passing_ref, "r"));
        assert_true(ff_str_is(edges.edges.v[0].dependency_kind, "success_only"));
    }
    for (int i = 0; i < 2; i++) { /* one replay, and no other */
        const struct ff_cancel_execution_args cancel = { .execution_id = a,
                                                         .source = ff_cstr(OPERATOR) };
        const struct ff_replay_execution_args again = { .execution_id = a };
        struct ff_cancel_execution_result cancelled;
        struct ff_replay_execution_result replayed;

        assert_ok(ff_rig_cancel_execution(rig, &cancel, &cancelled));
        assert_int_equal(ff_rig_replay_execution(rig, &again, &replayed) == FF_E_OK, i == 0);
    }
}

static void
test_a_lane_that_takes_nothing_in(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;

    set_lane(rig, FF_LANE_DRAINING);
    assert_err(submit(rig, DIAMOND, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "path", "members[0].lane_id");
    assert_detail(rig, "reason", "lane_not_accepting");
}

static void
test_another_graph(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;

    assert_ok(submit(rig, DIAMOND, &result));
    assert_err(submit(rig, "\"members\":[" MEMBER("a") "]", &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "flow_exists_with_other_graph");
}

static void
test_a_flow_that_was_created(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;

    make_flow(rig, 0);
    assert_err(submit(rig, DIAMOND, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "flow_exists_with_other_graph");
}

static const struct bad {
    const char *name;
    const char *graph;
    ff_err err;
    const char *path;
    const char *reason;
} bad[] = {
    { "no members", "\"members\":[]", FF_E_INVALID_INPUT, "members", "empty" },
    { "members that are no list", "\"members\":1", FF_E_INVALID_INPUT, "members", "wrong_type" },
    { "a member that is no map", "\"members\":[" MEMBER("a") ",7]", FF_E_INVALID_INPUT,
      "members[1]", "wrong_type" },
    { "a key that comes twice", "\"members\":[" MEMBER("a") "," MEMBER("b") "," MEMBER("a") "]",
      FF_E_INVALID_INPUT, "members[2].key", "already_exists" },
    { "an empty key", "\"members\":[" MEMBER("") "]", FF_E_INVALID_INPUT, "members[0].key",
      "empty" },
    { "a priority of the wrong type",
      "\"members\":[" MEMBER("a") "," MEMBER_AS("b", "\"priority\":\"high\"") "]",
      FF_E_INVALID_INPUT, "members[1].priority", "wrong_type" },
    { "an idempotency key", "\"members\":[" MEMBER_AS("a", "\"idempotency_key\":\"k\"") "]",
      FF_E_INVALID_INPUT, "members[0].idempotency_key", "unknown_field" },
    { "a bad policy", "\"members\":[" MEMBER_AS("a", "\"policy\":{\"max_replay_count\":\"x\"}") "]",
      FF_E_INVALID_POLICY_JSON, "members[0].policy.max_replay_count", NULL },
    { "an edge from nowhere", "\"members\":[" MEMBER("a") "],\"edges\":[" EDGE("x", "a") "]",
      FF_E_INVALID_INPUT, "edges[0].from", "unknown_member" },
    { "an edge to nowhere", "\"members\":[" MEMBER("a") "],\"edges\":[" EDGE("a", "x") "]",
      FF_E_INVALID_INPUT, "edges[0].to", "unknown_member" },
    { "an edge to itself", "\"members\":[" MEMBER("a") "],\"edges\":[" EDGE("a", "a") "]",
      FF_E_SELF_REFERENCING_EDGE, "edges[0]", NULL },
    { "a policy for nobody",
      "\"members\":[" MEMBER("a") "],\"groups\":[{\"member\":\"z\",\"policy\":{}}]",
      FF_E_INVALID_INPUT, "groups[0].member", "unknown_member" },
    { "a policy that is none",
      "\"members\":[" MEMBER("a") "],\"groups\":[{\"member\":\"a\",\"policy\":{\"kind\":\"x\"}}]",
      FF_E_INVALID_INPUT, "groups[0].policy.kind", "unknown_value" },
    { "two policies for one",
      "\"members\":[" MEMBER(
          "a") "],\"groups\":[{\"member\":\"a\",\"policy\":{\"kind\":\"all_of\"}},"
               "{\"member\":\"a\",\"policy\":{\"kind\":\"all_of\"}}]",
      FF_E_INVALID_INPUT, "groups[1].member", "already_exists" },
    { "an edge of no kind",
      "\"members\":[" MEMBER("a") "," MEMBER("b") "],\"edges\":[{\"from\":\"a\",\"to\":\"b\","
                                                  "\"dependency_kind\":\"\"}]",
      FF_E_INVALID_INPUT, "edges[0].dependency_kind", "empty" },
    { "an edge id that comes twice",
      "\"members\":[" MEMBER("a") "," MEMBER(
          "b") "],\"edges\":["
               "{\"from\":\"a\",\"to\":\"b\",\"edge_id\":\"00000000-0000-4000-8000-0000000000ee\"},"
               "{\"from\":\"a\",\"to\":\"b\",\"edge_id\":\"00000000-0000-4000-8000-0000000000ee\"}"
               "]",
      FF_E_INVALID_INPUT, "edges[1].edge_id", "already_exists" },
    { "a member of no kind",
      "\"members\":[{\"key\":\"a\",\"lane_id\":\"L\",\"execution_kind\":\"\"}]", FF_E_INVALID_INPUT,
      "members[0].execution_kind", "empty" },
    { "a tag without a name", "\"members\":[" MEMBER_AS("a", "\"tags\":{\"\":\"x\"}") "]",
      FF_E_INVALID_INPUT, "members[0].tags", NULL },
    { "a flow that the flow fixes",
      "\"members\":[" MEMBER_AS("a", "\"flow_id\":\"00000000-0000-4000-8000-000000000001\"") "]",
      FF_E_INVALID_INPUT, "members[0].flow_id", "unknown_field" },
    { "another partition",
      "\"members\":[" MEMBER_AS("a", "\"execution_id\":\"{fp:3}:00000000-0000-"
                                     "4000-8000-000000000001\"") "]",
      FF_E_PARTITION_MISMATCH, "members[0].execution_id", NULL },
    { "an id that comes twice",
      "\"members\":[" MEMBER_AS(
          "a", "\"execution_id\":\"{fp:6}:00000000-0000-4000-8000-"
               "0000000000aa\"") "," MEMBER_AS("b", "\"execution_id\":\"{fp:6}:00000000-"
                                                    "0000-4000-8000-0000000000aa\"") "]",
      FF_E_INVALID_INPUT, "members[1].execution_id", "already_exists" },
    { "an id that is taken",
      "\"members\":[" MEMBER("a") "," MEMBER_AS("b",
                                                "\"execution_id\":\"{fp:6}:00000000-0000-4000-8000-"
                                                "000000000001\"") "]",
      FF_E_INVALID_INPUT, "members[1].execution_id", "already_exists" },
};

static void
test_bad(void **state)
{
    const struct bad *row = *state;
    struct ff_rig *rig = ff_rig_new();
    const struct ff_describe_flow_args args = { .flow_id = F };
    struct ff_submit_flow_result result;
    struct ff_describe_flow_result flow;

    create(rig, 1);
    assert_err(submit(rig, row->graph, &result), row->err);
    assert_detail(rig, "path", row->path);
    if (row->reason != NULL) {
        assert_detail(rig, "reason", row->reason);
    }
    assert_ok(ff_rig_describe_flow(rig, &args, &flow));
    assert_null(flow.flow); /* nothing of it was written */
    assert_string_equal(claim_this(rig, 1).outcome, "claimed");
    assert_claims_nothing(rig);
    ff_rig_free(rig);
}

static void
test_cycle_is_named(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;

    assert_err(
        submit(
            rig,
            "\"members\":[" MEMBER("a") "," MEMBER("b") "," MEMBER("c") "," MEMBER(
                "d") "],\"edges\":[" EDGE("a", "b") "," EDGE("b",
                                                             "c") "," EDGE("c",
                                                                           "b") "," EDGE("c",
                                                                                         "d") "]",
            &result),
        FF_E_CYCLE_DETECTED);
    assert_true(strcmp(ff_rig_detail(rig, "cycle"), "[\"b\",\"c\"]") == 0 ||
                strcmp(ff_rig_detail(rig, "cycle"), "[\"c\",\"b\"]") == 0);
}

static const struct ff_rows tables[] = { FF_ROWS(bad, test_bad) };

static const struct CMUnitTest tests[] = {
    RIG_TEST("ids ascend", test_ids_ascend),
    RIG_TEST("ids of older flows", test_older_ids),
    RIG_TEST("a graph is submitted once", test_submit),
    RIG_TEST("reads tell the keys of members", test_member_keys),
    RIG_TEST("a graph runs", test_it_runs),
    RIG_TEST("members take the arguments of create_execution", test_arguments_of_members),
    RIG_TEST("a member's namespace, deadline, policy and ref", test_more_arguments_of_members),
    RIG_TEST("a lane that takes nothing in", test_a_lane_that_takes_nothing_in),
    RIG_TEST("the same id with another graph", test_another_graph),
    RIG_TEST("the id of a flow that was created", test_a_flow_that_was_created),
    RIG_TEST("a cycle is named", test_cycle_is_named),
};

int
main(void)
{
    return ff_rig_main("flow_submit", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
