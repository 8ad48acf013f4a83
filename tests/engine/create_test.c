/* Creation: examples 1 to 10 of 02; 4, 18, 31, 35 of 01. */

#include "tests/engine/lane.h"

static const char *
create_outcome(struct ff_rig *rig, const struct ff_create_execution_args *args)
{
    struct ff_create_execution_result result;

    assert_ok(ff_rig_create_execution(rig, args, &result));
    return result.outcome;
}

static bool
exists(struct ff_rig *rig, uint8_t number)
{
    const struct ff_read_execution_state_args args = { .execution_id = ff_rig_id(number) };
    struct ff_read_execution_state_result result;

    assert_ok(ff_rig_read_execution_state(rig, &args, &result));
    return result.public_state.is;
}

static void
test_created_waits(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_execution_args args = ff_rig_new_exec(1);
    struct ff_create_execution_result result;
    const struct ff_list_lanes_args lanes_args = { .limit = 10 };
    struct ff_list_lanes_result lanes;

    assert_ok(ff_rig_create_execution(rig, &args, &result));
    assert_string_equal(result.outcome, "created");
    assert_int_equal(result.public_state.v, FF_PUBLIC_WAITING);
    assert_string_equal(vector(rig, 1), "runnable unowned eligible_now waiting_for_worker none "
                                        "pending_first_attempt waiting");
    assert_field(rig, 1, "total_attempt_count", "0");
    assert_field(rig, 1, "current_lease_epoch", "0");
    assert_ok(ff_rig_list_lanes(rig, &lanes_args, &lanes));
    assert_int_equal(lanes.lanes.n, 1);
    assert_true(ff_str_is(lanes.lanes.v[0], "L"));
    assert_true(ff_str_is(lanes.states.v[0].value, "active"));
}

static void
test_delayed_until_promoted(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_execution_args args = ff_rig_new_exec(1);
    struct ff_claim_result claim;

    args.delay_until = FF_SOME(ff_opt_i64, 1060000);
    assert_string_equal(create_outcome(rig, &args), "created");
    assert_string_equal(vector(rig, 1), "runnable unowned not_eligible_until_time "
                                        "waiting_for_delay none pending_first_attempt delayed");
    assert_int_equal(scan(rig, 10).n, 0);
    rig->now_ms = 1059999;
    assert_string_equal(promote(rig, 1), "not_yet_due");
    assert_claims_nothing(rig);
    rig->now_ms = 1060000;
    assert_string_equal(promote(rig, 1), "promoted");
    assert_string_equal(promote(rig, 1), "not_delayed_cleaned");
    assert_string_equal(promote(rig, 2), "not_found_cleaned");
    assert_field(rig, 1, "public_state", "waiting");
    assert_field(rig, 1, "attempt_state", "pending_first_attempt");
    claim = claim_this(rig, 1);
    assert_int_equal(claim.attempt_type.v, FF_TYPE_INITIAL);
    assert_string_equal(promote(rig, 1), "not_runnable_cleaned");
}

/* ---- rows: what one argument makes of a field ---- */

static const struct field_row {
    const char *name;
    const char *json; /* beside the required arguments */
    const char *field;
    const char *want;
} field_rows[] = {
    { "02 ex 3 delay until now is no delay", "\"delay_until\":1000000", "public_state", "waiting" },
    { "02 ex 3 delay until the past is no delay", "\"delay_until\":999000", "public_state",
      "waiting" },
    { "02 ex 2 delay until later", "\"delay_until\":1000001", "public_state", "delayed" },
    { "the policy's delay counts where the argument is absent",
      "\"policy\":{\"delay_until\":1000001}", "delay_until", "1000001" },
    { "the argument's delay wins", "\"delay_until\":5,\"policy\":{\"delay_until\":2000000}",
      "public_state", "waiting" },
    { "02 ex 4 priority above is clamped", "\"priority\":10000", "priority", "9000" },
    { "02 ex 4 priority below is clamped", "\"priority\":-5", "priority", "0" },
    { "02 ex 4 priority is kept", "\"priority\":50", "priority", "50" },
    { "the policy's priority counts where the argument is absent", "\"policy\":{\"priority\":7}",
      "priority", "7" },
    { "the argument's priority wins", "\"priority\":0,\"policy\":{\"priority\":7}", "priority",
      "0" },
    { "01 ex 33 deadline from the policy's duration",
      "\"policy\":{\"timeout_policy\":{\"execution_deadline_ms\":300000}}", "execution_deadline_at",
      "1300000" },
    { "01 ex 33 the deadline argument wins",
      "\"execution_deadline_at\":1050000,"
      "\"policy\":{\"timeout_policy\":{\"execution_deadline_ms\":300000}}",
      "execution_deadline_at", "1050000" },
    { "reclaim limit from the time-out policy",
      "\"policy\":{\"timeout_policy\":{\"max_reclaim_count\":4}}", "max_reclaim_count", "4" },
    { "capabilities are sorted",
      "\"policy\":{\"routing_requirements\":"
      "{\"required_capabilities\":[\"gpu\",\"cuda\",\"gpu\"]}}",
      "required_capabilities", "[\"cuda\",\"gpu\"]" },
    { "absent field reads as null", "\"priority\":1", "delay_until", "" },
};

static void
test_field_row(void **state)
{
    const struct field_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_eid id = ff_rig_id(1);
    struct ff_create_execution_result result = { 0 };
    struct ff_str json = ff_arena_printf(
        &rig->arena,
        "{\"execution_id\":\"{fp:6}:00000000-0000-4000-8000-000000000001\",\"namespace\":\"N\","
        "\"lane_id\":\"L\",\"execution_kind\":\"job\",%s}",
        row->json);

    assert_ok(ff_rig_call_json(rig, FF_OP_create_execution, json.p, &result));
    assert_string_equal(result.outcome, "created");
    assert_string_equal(ff_rig_field(rig, &id, row->field), row->want);
    ff_rig_free(rig);
}

/* ---- rows: what is refused, and leaves nothing behind ---- */

static const struct refused_row {
    const char *name;
    const char *json;
    ff_err want;
    const char *reason;
} refused_rows[] = {
    { "02 ex 7 comma in a token",
      "\"policy\":{\"routing_requirements\":{\"required_capabilities\":[\"a,b\"]}}",
      FF_E_INVALID_CAPABILITIES, "required:comma_in_token" },
    { "02 ex 7 token that is no text",
      "\"policy\":{\"routing_requirements\":{\"required_capabilities\":[\"gpu\",42]}}",
      FF_E_INVALID_CAPABILITIES, "required:non_string_token" },
    { "02 ex 7 empty token",
      "\"policy\":{\"routing_requirements\":{\"required_capabilities\":[\"\"]}}",
      FF_E_INVALID_CAPABILITIES, "required:empty_token" },
    { "02 ex 7 space in a token",
      "\"policy\":{\"routing_requirements\":{\"required_capabilities\":[\"a b\"]}}",
      FF_E_INVALID_CAPABILITIES, "required:control_or_whitespace" },
    { "02 ex 7 newline in a token",
      "\"policy\":{\"routing_requirements\":{\"required_capabilities\":[\"a\\n\"]}}",
      FF_E_INVALID_CAPABILITIES, "required:control_or_whitespace" },
    { "02 ex 7 policy that is a text", "\"policy\":\"text\"", FF_E_INVALID_POLICY_JSON,
      "not_object" },
    { "01 ex 29 multiplier 0", "\"policy\":{\"retry_policy\":{\"backoff\":{\"multiplier\":0}}}",
      FF_E_INVALID_POLICY_JSON, "out_of_range" },
    { "01 ex 40 no list of tokens",
      "\"policy\":{\"routing_requirements\":{\"required_capabilities\":\"gpu\"}}",
      FF_E_INVALID_CAPABILITIES, "required:not_array" },
    { "01 ex 40 a map for a token",
      "\"policy\":{\"routing_requirements\":{\"required_capabilities\":[\"gpu\",{\"x\":1}]}}",
      FF_E_INVALID_CAPABILITIES, "required:non_string_token" },
    { "01 ex 29 unknown backoff",
      "\"policy\":{\"retry_policy\":{\"backoff\":{\"type\":\"linear\"}}}", FF_E_INVALID_POLICY_JSON,
      "unknown_value" },
    { "01 ex 29 a number for a retry policy", "\"policy\":{\"retry_policy\":5}",
      FF_E_INVALID_POLICY_JSON, "not_object" },
    { "a partition that is not the id's", "\"partition\":\"{fp:7}\"", FF_E_INVALID_INPUT,
      "partition_mismatch" },
    { "tag key of no bytes", "\"tags\":{\"\":\"x\"}", FF_E_INVALID_INPUT, "empty" },
    { "partition_id that is not the id's", "\"partition_id\":7", FF_E_INVALID_INPUT,
      "partition_mismatch" },
    { "unknown argument", "\"colour\":7", FF_E_INVALID_INPUT, "unknown_field" },
};

static void
test_refused_row(void **state)
{
    const struct refused_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_create_execution_args again = ff_rig_new_exec(1);
    struct ff_create_execution_result result = { 0 };
    struct ff_str json = ff_arena_printf(
        &rig->arena,
        "{\"execution_id\":\"{fp:6}:00000000-0000-4000-8000-000000000001\",\"namespace\":\"N\","
        "\"lane_id\":\"L\",\"execution_kind\":\"job\",\"idempotency_key\":\"k\",%s}",
        row->json);

    assert_err(ff_rig_call_json(rig, FF_OP_create_execution, json.p, &result), row->want);
    assert_detail(rig, "reason", row->reason);
    assert_false(exists(rig, 1));
    again.idempotency_key = ff_cstr("k");
    assert_string_equal(create_outcome(rig, &again), "created");
    ff_rig_free(rig);
}

/* ---- idempotency keys ---- */

static const char *
create_with_key(struct ff_rig *rig, uint8_t number, const char *key, const char *namespace)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result result;

    args.idempotency_key = ff_cstr(key);
    args.namespace = ff_cstr(namespace);
    assert_ok(ff_rig_create_execution(rig, &args, &result));
    if (strcmp(result.outcome, "duplicate") == 0) {
        assert_true(ff_eid_eq(result.execution_id, ff_rig_id(1)));
        assert_false(result.public_state.is);
    }
    return result.outcome;
}

static void
test_key_holds_for_its_window(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    assert_string_equal(create_with_key(rig, 1, "k", "N"), "created");
    assert_string_equal(create_with_key(rig, 2, "k", "N"), "duplicate");
    assert_false(exists(rig, 2));
    claim = claim_this(rig, 1);
    assert_ok(complete(rig, &claim, NULL));
    rig->now_ms += 86399999;
    assert_string_equal(create_with_key(rig, 2, "k", "N"), "duplicate");
    rig->now_ms += 1;
    assert_string_equal(create_with_key(rig, 2, "k", "N"), "created");
}

static void
test_key_is_of_its_namespace(void **state)
{
    struct ff_rig *rig = *state;

    assert_string_equal(create_with_key(rig, 1, "k", "N"), "created");
    assert_string_equal(create_with_key(rig, 2, "k", "M"), "created");
    assert_string_equal(create_with_key(rig, 3, "", "N"), "created");
    assert_string_equal(create_with_key(rig, 4, "", "N"), "created");
}

static void
test_key_with_its_own_window(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_execution_args args = ff_rig_new_exec(1);

    args.idempotency_key = ff_cstr("k");
    args.policy = ff_rig_any(rig, "{\"dedup_window_ms\":500}");
    assert_string_equal(create_outcome(rig, &args), "created");
    args.execution_id = ff_rig_id(2);
    rig->now_ms += 499;
    assert_string_equal(create_outcome(rig, &args), "duplicate");
    rig->now_ms += 1;
    assert_string_equal(create_outcome(rig, &args), "created");
}

static void
test_window_zero_keeps_no_key(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_execution_args args = ff_rig_new_exec(1);

    args.idempotency_key = ff_cstr("k");
    args.policy = ff_rig_any(rig, "{\"dedup_window_ms\":0}");
    assert_string_equal(create_outcome(rig, &args), "created");
    args.execution_id = ff_rig_id(2);
    assert_string_equal(create_outcome(rig, &args), "created");
}

static void
test_same_id_is_a_duplicate(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_execution_args args = ff_rig_new_exec(1);
    const struct ff_read_execution_context_args context_args = { .execution_id = ff_rig_id(1) };
    struct ff_read_execution_context_result context;

    args.input_payload = ff_cstr("first");
    assert_string_equal(create_outcome(rig, &args), "created");
    args.input_payload = ff_cstr("second");
    args.policy = ff_rig_any(rig, "\"not even a policy\""); /* looked at after the id */
    assert_string_equal(create_outcome(rig, &args), "duplicate");
    assert_ok(ff_rig_read_execution_context(rig, &context_args, &context));
    assert_true(ff_str_is(context.input_payload, "first"));
}

/* ---- the rest ---- */

static void
test_capability_limits(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_execution_args args = ff_rig_new_exec(1);
    struct ff_create_execution_result result;
    struct ff_str json = ff_cstr("");

    for (int i = 0; i < 256; i++) {
        json = ff_arena_printf(&rig->arena, "%s\"t%d\",", json.p, i);
    }
    args.policy = ff_rig_any(
        rig,
        ff_arena_printf(&rig->arena,
                        "{\"routing_requirements\":{\"required_capabilities\":[%s\"t0\"]}}", json.p)
            .p);
    assert_ok(ff_rig_create_execution(rig, &args, &result));
    args.execution_id = ff_rig_id(2);
    args.policy = ff_rig_any(
        rig,
        ff_arena_printf(&rig->arena,
                        "{\"routing_requirements\":{\"required_capabilities\":[%s\"x\"]}}", json.p)
            .p);
    assert_err(ff_rig_create_execution(rig, &args, &result), FF_E_INVALID_CAPABILITIES);
    assert_detail(rig, "reason", "required:too_many_tokens");
}

/* Tokens whose sorted list, joined by commas, has `n` bytes. */
static ff_err
create_requiring_bytes(struct ff_rig *rig, uint8_t number, int n)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result result;
    char wide[2048];

    memset(wide, 'x', sizeof(wide));
    args.policy =
        ff_rig_any(rig, ff_arena_printf(&rig->arena,
                                        "{\"routing_requirements\":{\"required_capabilities\":"
                                        "[\"a%.*s\",\"b%.*s\"]}}",
                                        2047, wide, n - 2 - 2048, wide)
                            .p);
    return ff_rig_create_execution(rig, &args, &result);
}

static void
test_capability_bytes(void **state)
{
    struct ff_rig *rig = *state;

    assert_ok(create_requiring_bytes(rig, 1, 4096));
    assert_err(create_requiring_bytes(rig, 2, 4097), FF_E_INVALID_CAPABILITIES);
    assert_detail(rig, "reason", "required:too_many_bytes");
    assert_false(exists(rig, 2));
    create_requiring(rig, 3, 0, "[\"\u4e1c\u4eac-gpu\"]");
    assert_field(rig, 3, "required_capabilities", "[\"\xe4\xb8\x9c\xe4\xba\xac-gpu\"]");
}

static void
test_policy_reads_back(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_attempt_view attempt;
    struct ff_str json;
    msgpack_object policy;

    create_with(rig, 1, "{\"routing_requirements\":null,\"retry_policy\":{},\"colour\":7}");
    claim_this(rig, 1);
    attempt = describe_attempt(rig, 1, 0);
    assert_int_equal(ff_msgpack_parse(attempt.policy, &rig->zone, &policy, &rig->fault), FF_E_OK);
    json = ff_msgpack_to_json(&policy, 0, &rig->arena);
    assert_null(strstr(json.p, "routing_requirements"));
    assert_null(strstr(json.p, "colour"));
    assert_non_null(strstr(json.p, "\"max_retries\":3"));
    assert_non_null(strstr(json.p, "\"dedup_window_ms\":86400000"));
}

static void
test_delay_until_now_is_claimable(void **state)
{
    struct ff_rig *rig = *state;

    create_with(rig, 1, "{\"delay_until\":1000000}");
    claim_this(rig, 1);
    create_with(rig, 2, "{\"delay_until\":999000}");
    claim_this(rig, 2);
}

static void
test_payload_is_kept_exactly(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_execution_args args = ff_rig_new_exec(1);
    const struct ff_read_execution_context_args context_args = { .execution_id = ff_rig_id(1) };
    struct ff_read_execution_context_result context;

    args.input_payload = ff_str("\x00\xff\xfe", 3);
    assert_string_equal(create_outcome(rig, &args), "created");
    assert_ok(ff_rig_read_execution_context(rig, &context_args, &context));
    assert_int_equal(context.input_payload.n, 3);
    assert_memory_equal(context.input_payload.p, "\x00\xff\xfe", 3);
    assert_true(ff_str_is(context.execution_kind, "job"));
    assert_int_equal(context.tags.n, 0);
}

static void
test_deadline_before_any_claim(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_execution_args args = ff_rig_new_exec(1);
    const struct ff_expire_execution_args expire = { .execution_id = ff_rig_id(1),
                                                     .phase = FF_EXPIRE_EXECUTION_DEADLINE };
    struct ff_expire_execution_result result;

    args.execution_deadline_at = FF_SOME(ff_opt_i64, 1005000);
    assert_string_equal(create_outcome(rig, &args), "created");
    rig->now_ms = 1004999;
    assert_ok(ff_rig_expire_execution(rig, &expire, &result));
    assert_string_equal(result.outcome, "not_yet_due");
    rig->now_ms = 1005000;
    assert_ok(ff_rig_expire_execution(rig, &expire, &result));
    assert_string_equal(result.outcome, "expired");
    assert_int_equal(result.from_phase.v, FF_PHASE_RUNNABLE);
    assert_string_equal(vector(rig, 1),
                        "terminal unowned not_applicable none expired none expired");
    assert_field(rig, 1, "failure_reason", "execution_deadline");
    assert_int_equal(scan(rig, 10).n, 0);
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_COMPLETION, "expired", &args.execution_id), 1);
}

static void
test_lane_draining(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_execution_args args = ff_rig_new_exec(2);
    struct ff_create_execution_result result;

    create(rig, 1);
    set_lane(rig, FF_LANE_DRAINING);
    assert_err(ff_rig_create_execution(rig, &args, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "lane_not_accepting");
    args.execution_id = ff_rig_id(1); /* a would-be duplicate too */
    assert_err(ff_rig_create_execution(rig, &args, &result), FF_E_INVALID_INPUT);
    claim_this(rig, 1);
}

static void
test_lane_paused(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_issue_claim_grant_result refused;
    struct ff_claim_execution_result claimed;
    struct ff_claim_result held, claim;
    struct ff_renew_result renewed;

    held = create_and_claim(rig, 1);
    create(rig, 2);
    granted(rig, 2);
    set_lane(rig, FF_LANE_PAUSED);
    create(rig, 3);
    assert_claims_nothing(rig);
    assert_err(grant(rig, 3, "[]", &refused), FF_E_EXECUTION_NOT_IN_ELIGIBLE_SET);
    assert_ok(claim_granted_as(rig, 2, "w", &claimed));
    assert_ok(renew(rig, &held, &renewed));
    assert_ok(complete(rig, &held, NULL));
    set_lane(rig, FF_LANE_ACTIVE);
    claim = claim_this(rig, 3);
    assert_ok(complete(rig, &claim, NULL));
}

static void
test_partition_beyond_the_count(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_execution_args args = ff_rig_new_exec(1);
    struct ff_create_execution_result result;
    struct ff_describe_execution_args describe_args;
    struct ff_describe_execution_result described;

    args.execution_id.partition = 300;
    assert_err(ff_rig_create_execution(rig, &args, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "partition_out_of_range");
    assert_detail(rig, "index", "300");
    assert_detail(rig, "count", "256");
    describe_args.execution_id = args.execution_id;
    assert_ok(ff_rig_describe_execution(rig, &describe_args, &described));
    assert_null(described.execution);
}

static void
test_tags_are_told(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_execution_args args = ff_rig_new_exec(1);
    struct ff_tag tags[] = { { ff_str("b.b", 3), ff_str("2", 1) },
                             { ff_str("a.a", 3), ff_str("1", 1) } };
    struct ff_events events;

    args.tags = (struct ff_tags){ .v = tags, .n = 2 };
    assert_string_equal(create_outcome(rig, &args), "created");
    assert_string_equal(create_outcome(rig, &args), "duplicate");
    events = ff_rig_events(rig, FF_FAMILY_INSTANCE_TAGS);
    assert_int_equal(events.n, 2);
    assert_true(ff_str_is(events.v[0].event, "attached"));
    assert_true(ff_str_is(events.v[0].tag, "a.a"));
    assert_true(ff_str_is(events.v[1].tag, "b.b"));
    assert_int_equal(events.v[1].filter_tags.n, 2);
    assert_int_equal(describe(rig, 1).tags.n, 2);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(field_rows, test_field_row),
                                             FF_ROWS(refused_rows, test_refused_row) };
    static const struct CMUnitTest tests[] = {
        RIG_TEST("02 ex 1, 01 ex 18 a created execution waits", test_created_waits),
        RIG_TEST("02 ex 2, 01 ex 18 delayed until promoted", test_delayed_until_promoted),
        RIG_TEST("02 ex 5, 01 ex 35 a key holds for its window", test_key_holds_for_its_window),
        RIG_TEST("02 ex 5, 01 ex 35 a key is of its namespace", test_key_is_of_its_namespace),
        RIG_TEST("02 ex 5 a key with its own window", test_key_with_its_own_window),
        RIG_TEST("01 ex 35 window 0 keeps no key", test_window_zero_keeps_no_key),
        RIG_TEST("02 ex 6 the same id is a duplicate", test_same_id_is_a_duplicate),
        RIG_TEST("02 ex 7 numbers of capability tokens", test_capability_limits),
        RIG_TEST("02 ex 7, 01 ex 40 bytes of capability tokens", test_capability_bytes),
        RIG_TEST("01 ex 32 a policy reads back without its nulls", test_policy_reads_back),
        RIG_TEST("02 ex 3 a delay until now is claimable", test_delay_until_now_is_claimable),
        RIG_TEST("02 ex 8 a payload is kept exactly", test_payload_is_kept_exactly),
        RIG_TEST("02 ex 9 a deadline before any claim", test_deadline_before_any_claim),
        RIG_TEST("02 ex 10 a draining lane", test_lane_draining),
        RIG_TEST("02 ex 10 a paused lane", test_lane_paused),
        RIG_TEST("01 ex 4 a partition beyond the count", test_partition_beyond_the_count),
        RIG_TEST("tags are told in key order, once", test_tags_are_told),
    };

    return ff_rig_main("create", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
