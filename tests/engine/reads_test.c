/* Reads, tags, lanes, the backend: examples 46, 48, 49 of 02; 17, 44, 46, 57 of 01; 63 of 05. */

#include "tests/engine/lane.h"

static void
test_unknown_execution(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_describe_execution_args describe_args = { .execution_id = ff_rig_id(1) };
    const struct ff_read_execution_context_args context_args = { .execution_id = ff_rig_id(1) };
    const struct ff_read_execution_info_args info_args = { .execution_id = ff_rig_id(1) };
    const struct ff_read_total_attempt_count_args count_args = { .execution_id = ff_rig_id(1) };
    struct ff_describe_execution_result described;
    struct ff_read_execution_context_result context;
    struct ff_read_execution_info_result info;
    struct ff_read_total_attempt_count_result count;

    assert_ok(ff_rig_describe_execution(rig, &describe_args, &described));
    assert_null(described.execution);
    assert_ok(ff_rig_read_execution_info(rig, &info_args, &info));
    assert_null(info.info);
    assert_err(ff_rig_read_execution_context(rig, &context_args, &context), FF_E_INVALID_INPUT);
    assert_detail(rig, "field", "execution_id");
    assert_detail(rig, "reason", "execution_not_found");
    assert_err(ff_rig_read_total_attempt_count(rig, &count_args, &count), FF_E_INVALID_INPUT);
}

static void
test_counters_differ(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_read_current_attempt_index_args index_args = { .execution_id = ff_rig_id(1) };
    const struct ff_read_total_attempt_count_args count_args = { .execution_id = ff_rig_id(1) };
    struct ff_read_current_attempt_index_result index;
    struct ff_read_total_attempt_count_result count;

    create(rig, 1);
    assert_ok(ff_rig_read_current_attempt_index(rig, &index_args, &index));
    assert_ok(ff_rig_read_total_attempt_count(rig, &count_args, &count));
    assert_int_equal(index.attempt_index, 0);
    assert_int_equal(count.total_attempt_count, 0);
    claim_this(rig, 1);
    assert_ok(ff_rig_read_current_attempt_index(rig, &index_args, &index));
    assert_ok(ff_rig_read_total_attempt_count(rig, &count_args, &count));
    assert_int_equal(index.attempt_index, 0);
    assert_int_equal(count.total_attempt_count, 1);
}

static void
test_views(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_read_execution_info_args info_args = { .execution_id = ff_rig_id(1) };
    struct ff_read_execution_info_result info;
    struct ff_claim_result claim;
    struct ff_execution_view view;

    create(rig, 1);
    view = describe(rig, 1);
    assert_int_equal(view.blocking_reason.v, FF_BLOCK_WAITING_FOR_WORKER);
    assert_null(view.current_lease);
    claim = claim_this(rig, 1);
    view = describe(rig, 1);
    assert_false(view.blocking_reason.is);
    assert_true(ff_uuid_eq(view.current_attempt->attempt_id, claim.attempt_id.v));
    assert_int_equal(view.current_lease->lease_epoch, 1);
    assert_int_equal(view.current_lease->expires_at, 1030000);
    assert_int_equal(view.current_lease->last_heartbeat_at, 1000000);
    assert_true(ff_str_is(view.current_lease->worker_instance_id, "w-1"));
    assert_ok(ff_rig_read_execution_info(rig, &info_args, &info));
    assert_int_equal(info.info->state_vector.lifecycle_phase, FF_PHASE_ACTIVE);
    assert_int_equal(info.info->started_at.v, 1000000);
    assert_true(ff_str_is(info.info->namespace, "N"));
    rig->now_ms += TTL_MS; /* lapsed, not marked: still shown */
    assert_non_null(describe(rig, 1).current_lease);
}

static void
test_pages_of_executions(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_list_executions_args args = { .partition = ff_cstr("{fp:6}"), .limit = 5 };
    struct ff_list_executions_result page;
    struct ff_str last = ff_cstr("");
    int pages = 0, n = 0;

    for (uint8_t i = 1; i <= 15; i++) {
        create(rig, (uint8_t) (i * 7 % 16));
    }
    do {
        assert_ok(ff_rig_list_executions(rig, &args, &page));
        for (uint32_t i = 0; i < page.executions.n; i++, n++) {
            assert_true(ff_str_cmp(last, page.executions.v[i]) < 0);
            last = page.executions.v[i];
        }
        args.cursor = page.next_cursor;
        pages++;
    } while (page.next_cursor.p != NULL);
    assert_int_equal(pages, 3);
    assert_int_equal(n, 15);
    args = (struct ff_list_executions_args){ .partition = ff_cstr("{fp:6}"), .limit = 0 };
    assert_ok(ff_rig_list_executions(rig, &args, &page));
    assert_int_equal(page.executions.n, 0);
    assert_null(page.next_cursor.p);
    args.limit = 5;
    args.cursor = ff_cstr("nonsense");
    assert_err(ff_rig_list_executions(rig, &args, &page), FF_E_INVALID_INPUT);
    assert_detail(rig, "field", "cursor");
    args = (struct ff_list_executions_args){ .partition = ff_cstr("fp:6"), .limit = 5 };
    assert_err(ff_rig_list_executions(rig, &args, &page), FF_E_INVALID_INPUT);
    args.partition = ff_cstr("{fp:7}");
    assert_ok(ff_rig_list_executions(rig, &args, &page));
    assert_int_equal(page.executions.n, 0);
}

static void
test_core_fields(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_str names[] = { ff_str("priority", 8), ff_str("nope", 4) };
    struct ff_read_exec_core_fields_args args = { .execution_id = ff_rig_id(1),
                                                  .fields = { .v = names, .n = 2 } };
    struct ff_read_exec_core_fields_result result;
    const struct ff_get_execution_namespace_args ns_args = { .execution_id = ff_rig_id(1) };
    struct ff_get_execution_namespace_result ns;

    assert_ok(ff_rig_get_execution_namespace(rig, &ns_args, &ns));
    assert_null(ns.namespace.p);
    create(rig, 1);
    assert_ok(ff_rig_read_exec_core_fields(rig, &args, &result));
    assert_int_equal(result.fields.n, 2);
    assert_true(ff_str_is(result.fields.v[0].key, "priority"));
    assert_true(ff_str_is(result.fields.v[0].value, "0"));
    assert_null(result.fields.v[1].value.p);
    assert_field(rig, 1, "partition_id", "6");
    args.fields.n = 0;
    assert_ok(ff_rig_read_exec_core_fields(rig, &args, &result));
    assert_int_equal(result.fields.n, 0);
    assert_ok(ff_rig_get_execution_namespace(rig, &ns_args, &ns));
    assert_true(ff_str_is(ns.namespace, "N"));
}

static void
test_partition_hint(void **state)
{
    struct ff_rig *rig = *state;

    create(rig, 1);
    assert_err(ff_rig_call_json(rig, FF_OP_read_exec_core_fields,
                                "{\"execution_id\":\"{fp:6}:00000000-0000-4000-8000-000000000001\","
                                "\"fields\":[],\"partition\":\"{fp:5}\"}",
                                NULL),
               FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "partition_mismatch");
    assert_detail(rig, "arg_index", "5");
    assert_detail(rig, "id_index", "6");
}

/* The same for every operation that takes an id alone. */
static const struct stated_row {
    const char *name;
    enum ff_op op;
    const char *json;       /* beside the id */
    ff_err partition, lane; /* what contradicting ones answer */
} stated_rows[] = {
    { "stated: describe_execution", FF_OP_describe_execution, "", FF_E_INVALID_INPUT,
      FF_E_INVALID_INPUT },
    { "stated: read_execution_state", FF_OP_read_execution_state, "", FF_E_INVALID_INPUT,
      FF_E_INVALID_INPUT },
    { "stated: get_execution_result", FF_OP_get_execution_result, "", FF_E_INVALID_INPUT,
      FF_E_INVALID_INPUT },
    { "stated: describe_attempt", FF_OP_describe_attempt, ",\"attempt_index\":0",
      FF_E_INVALID_INPUT, FF_E_INVALID_INPUT },
    { "stated: get_execution_tag", FF_OP_get_execution_tag, ",\"key\":\"a.b\"", FF_E_INVALID_INPUT,
      FF_E_INVALID_INPUT },
    { "stated: cancel_execution", FF_OP_cancel_execution, ",\"reason\":\"x\"", FF_E_INVALID_INPUT,
      FF_E_INVALID_INPUT },
    { "stated: complete_execution", FF_OP_complete_execution, "", FF_E_INVALID_INPUT,
      FF_E_INVALID_INPUT },
    { "stated: revoke_lease", FF_OP_revoke_lease, "", FF_E_INVALID_INPUT, FF_E_INVALID_INPUT },
    { "stated: replay_execution", FF_OP_replay_execution, "", FF_E_INVALID_INPUT,
      FF_E_INVALID_INPUT },
    { "stated: mark_lease_expired_if_due", FF_OP_mark_lease_expired_if_due, "", FF_E_INVALID_INPUT,
      FF_E_INVALID_INPUT },
    { "stated: change_priority", FF_OP_change_priority, ",\"new_priority\":1", FF_E_INVALID_INPUT,
      FF_E_INVALID_INPUT },
    { "stated: issue_grant_and_claim", FF_OP_issue_grant_and_claim, ",\"lease_ttl_ms\":1",
      FF_E_INVALID_INPUT, FF_E_INVALID_INPUT },
    { "stated: issue_claim_grant", FF_OP_issue_claim_grant,
      ",\"lane_id\":\"L\",\"worker_id\":\"w\",\"worker_instance_id\":\"w-1\","
      "\"grant_ttl_ms\":5",
      FF_E_EXECUTION_NOT_IN_ELIGIBLE_SET, FF_E_OK },
};

static void
test_stated_row(void **state)
{
    static const char id[] = "{\"execution_id\":\"{fp:6}:00000000-0000-4000-8000-000000000001\"";
    const struct stated_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_str json;

    create(rig, 1);
    json = ff_arena_printf(&rig->arena, "%s,\"partition\":\"{fp:5}\"%s}", id, row->json);
    assert_err(ff_rig_call_json(rig, row->op, json.p, NULL), row->partition);
    if (row->partition == FF_E_INVALID_INPUT) {
        assert_detail(rig, "reason", "partition_mismatch");
    }
    if (row->lane != FF_E_OK) {
        json = ff_arena_printf(&rig->arena, "%s,\"lane_id\":\"M\"%s}", id, row->json);
        assert_err(ff_rig_call_json(rig, row->op, json.p, NULL), row->lane);
        assert_detail(rig, "reason", "lane_mismatch");
        assert_detail(rig, "given", "M");
        assert_detail(rig, "stored", "L");
    }
    json = ff_arena_printf(&rig->arena, "%s,\"partition\":\"{fp:5}\"%s}",
                           "{\"execution_id\":\"{fp:6}:00000000-0000-4000-8000-000000000009\"",
                           row->json);
    assert_int_not_equal(ff_rig_call_json(rig, row->op, json.p, NULL), FF_E_INVALID_INPUT);
    ff_rig_free(rig);
}

/* ---- tags ---- */

static ff_err
set_tag(struct ff_rig *rig, const char *key, const char *value)
{
    const struct ff_set_execution_tag_args args = { .execution_id = ff_rig_id(1),
                                                    .key = ff_cstr(key),
                                                    .value = ff_cstr(value) };
    struct ff_set_execution_tag_result result;

    return ff_rig_set_execution_tag(rig, &args, &result);
}

static struct ff_str
get_tag(struct ff_rig *rig, const char *key)
{
    const struct ff_get_execution_tag_args args = { .execution_id = ff_rig_id(1),
                                                    .key = ff_cstr(key) };
    struct ff_get_execution_tag_result result;

    assert_ok(ff_rig_get_execution_tag(rig, &args, &result));
    return result.value;
}

static void
test_tags(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_events events;

    create(rig, 1);
    assert_null(get_tag(rig, "cairn.job_id").p);
    rig->now_ms += 1;
    assert_ok(set_tag(rig, "cairn.job_id", "s-42"));
    assert_field(rig, 1, "last_mutation_at", "1000001");
    assert_true(ff_str_is(get_tag(rig, "cairn.job_id"), "s-42"));
    assert_ok(set_tag(rig, "cairn.job_id", "s-99"));
    assert_ok(set_tag(rig, "cairn.job_id", "s-99"));
    assert_ok(set_tag(rig, "a.b", ""));
    assert_true(ff_str_is(get_tag(rig, "cairn.job_id"), "s-99"));
    assert_non_null(get_tag(rig, "a.b").p);
    events = ff_rig_events(rig, FF_FAMILY_INSTANCE_TAGS);
    assert_int_equal(events.n, 4);
    assert_true(ff_str_is(events.v[1].event, "cleared"));
    assert_true(ff_str_is(events.v[1].value, "s-42"));
    assert_true(ff_str_is(events.v[1].filter_tags.v[0].value, "s-42"));
    assert_true(ff_str_is(events.v[2].event, "attached"));
    assert_true(ff_str_is(events.v[2].filter_tags.v[0].value, "s-99"));
    assert_int_equal(describe(rig, 1).tags.n, 2);
}

static void
test_bad_tag_keys(void **state)
{
    static const char *const keys[] = {
        "",
        "Cairn.x",
        "1cairn.x",
        "cairn",
        "cairn.",
        "cairn..x",
        ".cairn",
        "cair n.x",
        "ca-irn.x",
        "cairn.Foo",
        "cairn.foo bar",
        "cairn.foo-bar",
        "cairn.foo\"bar",
    };
    struct ff_rig *rig = *state;

    create(rig, 1);
    for (size_t i = 0; i < FF_COUNT(keys); i++) {
        const struct ff_get_execution_tag_args args = { .execution_id = ff_rig_id(1),
                                                        .key = ff_cstr(keys[i]) };
        struct ff_get_execution_tag_result result;

        assert_err(set_tag(rig, keys[i], "c"), FF_E_INVALID_TAG_KEY);
        assert_err(ff_rig_get_execution_tag(rig, &args, &result), FF_E_INVALID_TAG_KEY);
    }
    assert_int_equal(describe(rig, 1).tags.n, 0);
}

static void
test_tags_of_events(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    create(rig, 1);
    assert_ok(set_tag(rig, "a.b", "c"));
    claim = claim_this(rig, 1);
    assert_ok(complete(rig, &claim, NULL));
    assert_int_equal(ff_rig_last_event(rig, FF_FAMILY_COMPLETION).filter_tags.n, 1);
    assert_ok(set_tag(rig, "a.c", "in any phase"));
}

static void
test_tags_of_nothing(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_set_execution_tags_args args = { .execution_id = ff_rig_id(1) };
    struct ff_set_execution_tags_result result;
    struct ff_tag tags[] = { { ff_str("a.b", 3), ff_str("1", 1) },
                             { ff_str("Bad", 3), ff_str("2", 1) } };

    assert_err(set_tag(rig, "a.b", "c"), FF_E_EXECUTION_NOT_FOUND);
    assert_err(set_tag(rig, "Cairn.x", "c"), FF_E_INVALID_TAG_KEY);
    assert_null(get_tag(rig, "a.b").p);
    create(rig, 1);
    assert_err(ff_rig_set_execution_tags(rig, &args, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "empty");
    args.tags = (struct ff_tags){ .v = tags, .n = 2 };
    assert_err(ff_rig_set_execution_tags(rig, &args, &result), FF_E_INVALID_TAG_KEY);
    assert_detail(rig, "key", "Bad");
    assert_null(get_tag(rig, "a.b").p);
    args.tags.n = 1;
    assert_ok(ff_rig_set_execution_tags(rig, &args, &result));
    assert_int_equal(result.count, 1);
}

/* ---- lanes ---- */

static void
create_in(struct ff_rig *rig, uint8_t number, const char *lane)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result result;

    args.lane_id = ff_cstr(lane);
    assert_ok(ff_rig_create_execution(rig, &args, &result));
}

static void
assert_page(struct ff_rig *rig, const char *cursor, const char *want, const char *next)
{
    const struct ff_list_lanes_args args = { .cursor = ff_cstr(cursor), .limit = 2 };
    struct ff_list_lanes_result page;
    struct ff_str text = ff_cstr("");

    assert_ok(ff_rig_list_lanes(rig, &args, &page));
    for (uint32_t i = 0; i < page.lanes.n; i++) {
        text = ff_arena_printf(&rig->arena, "%s%s%.*s", text.p, i == 0 ? "" : " ",
                               (int) page.lanes.v[i].n, page.lanes.v[i].p);
    }
    assert_string_equal(text.p, want);
    assert_int_equal(page.states.n, page.lanes.n);
    assert_true(ff_str_eq(page.next_cursor, ff_cstr(next)));
}

static void
test_pages_of_lanes(void **state)
{
    struct ff_rig *rig = *state;
    static const char *const lanes[] = { "charlie", "alpha", "echo", "bravo", "delta" };
    struct ff_list_lanes_args args = { .limit = 100 };
    struct ff_list_lanes_result page;

    assert_page(rig, NULL, "", NULL);
    for (uint8_t i = 0; i < 5; i++) {
        create_in(rig, i, lanes[i]);
    }
    assert_page(rig, NULL, "alpha bravo", "bravo");
    assert_page(rig, "bravo", "charlie delta", "delta");
    assert_page(rig, "delta", "echo", NULL);
    assert_ok(ff_rig_list_lanes(rig, &args, &page));
    assert_int_equal(page.lanes.n, 5);
    args.limit = 0;
    assert_ok(ff_rig_list_lanes(rig, &args, &page));
    assert_int_equal(page.lanes.n, 0);
}

static void
test_lane_states(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_set_lane_state_args args = { .lane_id = ff_cstr("new"), .state = FF_LANE_PAUSED };
    struct ff_set_lane_state_result result;

    assert_ok(ff_rig_set_lane_state(rig, &args, &result));
    assert_int_equal(result.previous_state, FF_LANE_ACTIVE);
    assert_ok(ff_rig_set_lane_state(rig, &args, &result));
    assert_int_equal(result.previous_state, FF_LANE_PAUSED);
    assert_err(ff_rig_call_json(rig, FF_OP_set_lane_state,
                                "{\"lane_id\":\"x\",\"state\":\"asleep\"}", NULL),
               FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "unknown_value");
}

/* ---- the backend ---- */

static void
test_backend(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_capabilities_args args = { 0 };
    const struct ff_backend_label_args label_args = { 0 };
    const struct ff_server_time_ms_args time_args = { 0 };
    const struct ff_ping_args ping_args = { 0 };
    const struct ff_prepare_args prepare_args = { 0 };
    struct ff_capabilities_result capabilities;
    struct ff_backend_label_result label;
    struct ff_server_time_ms_result time;
    struct ff_ping_result ping;
    struct ff_prepare_result prepared;
    uint32_t n = 0;

    assert_ok(ff_rig_capabilities(rig, &args, &capabilities));
    assert_ok(ff_rig_backend_label(rig, &label_args, &label));
    assert_true(ff_str_is(capabilities.identity.family, label.label));
    assert_string_equal(label.label, rig->store->ops->label);
    assert_true(capabilities.identity.durability.n > 0);
    assert_true(ff_str_is(capabilities.identity.durability, ff_store_promise(rig->store)));
    for (uint32_t i = 0; i < ff_desc_supports.n; i++) {
        n += *((const bool *) &capabilities.supports + ff_desc_supports.fields[i].offset);
    }
    assert_int_equal(n, 34);
    assert_int_equal(ff_desc_supports.n, 34);
    assert_ok(ff_rig_server_time_ms(rig, &time_args, &time));
    assert_int_equal(time.now_ms, 1000000);
    assert_ok(ff_rig_ping(rig, &ping_args, &ping));
    assert_int_equal(ping.now_ms, 1000000);
    assert_true(ping.store_ok);
    assert_ok(ff_rig_prepare(rig, &prepare_args, &prepared));
    assert_string_equal(prepared.outcome, "no_op");
}

/* A new engine with configured lanes on the rig's store; `prepare` asked of it eight times at once.
 * Returns how many answer `applied`. */
static int
prepare_eightfold(struct ff_rig *rig)
{
    static struct ff_str lanes[] = { { "a", 1 }, { "b", 1 } };
    const struct ff_prepare_args args = { 0 };
    struct ff_waiting *waiting[8];
    struct ff_engine_config config;
    int applied = 0;

    ff_rig_engine_config(rig, &config);
    config.lanes = (struct ff_strs){ .v = lanes, .n = FF_COUNT(lanes) };
    ff_rig_restart(rig, &config);
    for (size_t i = 0; i < FF_COUNT(waiting); i++) {
        waiting[i] = ff_rig_submit(rig, FF_OP_prepare, &args);
    }
    ff_rig_pump(rig);
    for (size_t i = 0; i < FF_COUNT(waiting); i++) {
        struct ff_prepare_result result = { 0 };

        assert_ok(ff_rig_finish(rig, waiting[i], &result));
        applied += strcmp(result.outcome, "applied") == 0;
    }
    return applied;
}

static void
test_prepare(void **state)
{
    struct ff_rig *rig = *state;
    int applied = prepare_eightfold(rig);

    assert_true(applied == 1 || (rig->contrary && applied == 0)); /* the answer may have failed */
    assert_int_equal(prepare_eightfold(rig), 0);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(stated_rows, test_stated_row) };
    static const struct CMUnitTest tests[] = {
        RIG_TEST("02 ex 46 an unknown execution", test_unknown_execution),
        RIG_TEST("the two counters differ", test_counters_differ),
        RIG_TEST("views of an execution", test_views),
        RIG_TEST("02 ex 48 pages of executions", test_pages_of_executions),
        RIG_TEST("02 ex 49 core fields", test_core_fields),
        RIG_TEST("01 ex 17 a partition that is not the id's", test_partition_hint),
        RIG_TEST("01 ex 44 tags", test_tags),
        RIG_TEST("01 ex 45 bad tag keys", test_bad_tag_keys),
        RIG_TEST("events carry the tags", test_tags_of_events),
        RIG_TEST("01 ex 46 tags of nothing", test_tags_of_nothing),
        RIG_TEST("05 ex 63 pages of lanes", test_pages_of_lanes),
        RIG_TEST("lane states", test_lane_states),
        RIG_TEST("01 ex 56 prepare", test_prepare),
        RIG_TEST("01 ex 57 the backend about itself", test_backend),
    };

    return ff_rig_main("reads", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
