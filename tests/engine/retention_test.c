/* Retention: examples 31 to 34 of 07, and what trim_expired takes away. */

#include "tests/engine/lane.h"
#include "tests/engine/scan.h"

#define DAY_MS INT64_C(86400000)

/* ---- making ---- */

/* Any number of them, all in partition 6. */
static struct ff_eid
id_of(uint32_t number)
{
    struct ff_eid id = ff_rig_id((uint8_t) number);

    id.uuid.b[14] = (uint8_t) (number >> 8);
    return id;
}

/* Cancelled at once: the shortest way to an end. */
static void
end_one(struct ff_rig *rig, uint32_t number, const char *namespace, const char *policy_json)
{
    struct ff_create_execution_args args = ff_rig_new_exec(0);
    struct ff_create_execution_result created;
    struct ff_cancel_execution_args cancel = { .execution_id = id_of(number),
                                               .reason = ff_cstr("done with"),
                                               .source = ff_cstr(OPERATOR) };
    struct ff_cancel_execution_result cancelled;

    args.execution_id = id_of(number);
    args.namespace = ff_cstr(namespace);
    if (policy_json != NULL) {
        args.policy = ff_rig_any(rig, policy_json);
    }
    assert_ok(ff_rig_create_execution(rig, &args, &created));
    assert_ok(ff_rig_cancel_execution(rig, &cancel, &cancelled));
}

static struct ff_trim_retention_args
trim_args(uint32_t batch_size)
{
    return (struct ff_trim_retention_args){ .partition = ff_cstr("{fp:6}"),
                                            .lane_id = ff_cstr(""),
                                            .retention_ms = DAY_MS,
                                            .batch_size = batch_size };
}

static uint32_t
trim_with(struct ff_rig *rig, const struct ff_trim_retention_args *args)
{
    struct ff_trim_retention_result result;

    assert_ok(ff_rig_trim_retention(rig, args, &result));
    return result.purged;
}

static uint32_t
trim(struct ff_rig *rig, uint32_t batch_size)
{
    struct ff_trim_retention_args args = trim_args(batch_size);

    return trim_with(rig, &args);
}

static bool
is_there(struct ff_rig *rig, uint32_t number)
{
    const struct ff_describe_execution_args args = { .execution_id = id_of(number) };
    struct ff_describe_execution_result result;

    assert_ok(ff_rig_describe_execution(rig, &args, &result));
    return result.execution != NULL;
}

/* ---- trim_retention ---- */

#define OWN_TTL(ms) "{\"stream_policy\":{\"retention_ttl_ms\":" #ms "}}"

static void
test_ex_31(void **state)
{
    struct ff_rig *rig = *state;
    int64_t start_ms = rig->now_ms;

    for (uint32_t i = 1; i <= 20; i++) {
        end_one(rig, i, "N", OWN_TTL(172800000));
    }
    end_one(rig, 21, "N", NULL);
    end_one(rig, 22, "N", OWN_TTL(3600000));
    rig->now_ms = start_ms + 3600000 - 1;
    assert_int_equal(trim(rig, 20), 0);
    rig->now_ms = start_ms + 3600000;
    assert_int_equal(trim(rig, 20), 1);
    assert_false(is_there(rig, 22));
    rig->now_ms = start_ms + DAY_MS - 1;
    assert_int_equal(trim(rig, 20), 0);
    assert_true(is_there(rig, 21));
    rig->now_ms = start_ms + DAY_MS;
    assert_int_equal(trim(rig, 20), 1); /* the 20 that stay longer do not stop it */
    assert_false(is_there(rig, 21));
    assert_true(is_there(rig, 1));
    rig->now_ms = start_ms + 172800000;
    assert_int_equal(trim(rig, 20), 20);
    assert_false(is_there(rig, 20));
}

/* trim_retention as a client asks for it that names no retention. */
static uint32_t
trim_by_default(struct ff_rig *rig)
{
    struct ff_trim_retention_result result;

    assert_ok(ff_rig_call_json(rig, FF_OP_trim_retention, "{\"partition\":\"{fp:6}\"}", &result));
    return result.purged;
}

static void
test_to_the_millisecond(void **state)
{
    struct ff_rig *rig = *state;
    int64_t end_ms = rig->now_ms;

    end_one(rig, 1, "N", NULL);
    end_one(rig, 2, "N", OWN_TTL(1000));
    rig->now_ms = end_ms + 999;
    assert_int_equal(trim_by_default(rig), 0);
    rig->now_ms = end_ms + 1000;
    assert_int_equal(trim_by_default(rig), 1);
    assert_false(is_there(rig, 2));
    rig->now_ms = end_ms + 86399999;
    assert_int_equal(trim_by_default(rig), 0);
    assert_true(is_there(rig, 1));
    rig->now_ms = end_ms + 86400000;
    assert_int_equal(trim_by_default(rig), 1);
    assert_false(is_there(rig, 1));
}

static void
test_ex_32(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_tag tag = { .key = ff_cstr("a.b"), .value = ff_cstr("c") };
    struct ff_create_execution_args create_args = ff_rig_new_exec(1);
    struct ff_create_execution_result created;
    struct ff_claim_result claim;
    const struct ff_get_execution_result_args result_args = { .execution_id = id };
    struct ff_get_execution_result_result result;
    const struct ff_replay_execution_args replay_args = { .execution_id = id,
                                                          .reason = ff_cstr(""),
                                                          .requested_by = ff_cstr("") };
    struct ff_replay_execution_result replayed;
    const struct ff_describe_attempt_args attempt_args = { .execution_id = id };
    struct ff_describe_attempt_result attempt;
    const struct ff_list_executions_args list_args = { .partition = ff_cstr("{fp:6}"),
                                                       .limit = 10 };
    struct ff_list_executions_result list;

    create_args.tags = (struct ff_tags){ .v = &tag, .n = 1 };
    create_args.input_payload = ff_cstr("in");
    assert_ok(ff_rig_create_execution(rig, &create_args, &created));
    claim = claim_this(rig, 1);
    assert_ok(complete(rig, &claim, "out"));
    rig->now_ms += DAY_MS;
    assert_int_equal(trim(rig, 20), 1);
    assert_false(is_there(rig, 1));
    assert_ok(ff_rig_get_execution_result(rig, &result_args, &result));
    assert_null(result.result.p);
    assert_err(ff_rig_replay_execution(rig, &replay_args, &replayed), FF_E_EXECUTION_NOT_FOUND);
    assert_ok(ff_rig_describe_attempt(rig, &attempt_args, &attempt));
    assert_null(attempt.attempt);
    assert_ok(ff_rig_list_executions(rig, &list_args, &list));
    assert_int_equal(list.executions.n, 0);
    assert_err(complete(rig, &claim, "out"), FF_E_EXECUTION_NOT_FOUND);
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_COMPLETION, "success", &id), 1);
    create(rig, 1); /* the id is free, and nothing of the old one is left */
    assert_int_equal(describe(rig, 1).tags.n, 0);
    claim = claim_this(rig, 1);
    assert_int_equal(claim.attempt_index.v, 0);
    assert_int_equal(claim.lease_epoch.v, 1);
    assert_ok(complete(rig, &claim, NULL));
    assert_ok(ff_rig_get_execution_result(rig, &result_args, &result));
    assert_null(result.result.p);
}

static void
test_ex_33(void **state)
{
    struct ff_rig *rig = *state;

    for (uint32_t i = 1; i <= 45; i++) {
        end_one(rig, i, "N", NULL);
    }
    rig->now_ms += DAY_MS;
    assert_int_equal(trim(rig, 20), 20);
    assert_false(is_there(rig, 20)); /* oldest first, ties by id */
    assert_true(is_there(rig, 21));
    assert_int_equal(trim(rig, 20), 20);
    assert_int_equal(trim(rig, 20), 5);
    assert_int_equal(trim(rig, 20), 0);
}

static void
test_ex_34(void **state)
{
    struct ff_rig *rig = *state;

    create_and_claim(rig, 1);
    create(rig, 2);
    rig->now_ms += 2 * DAY_MS;
    assert_int_equal(trim(rig, 20), 0);
    assert_true(is_there(rig, 1) && is_there(rig, 2));
}

static void
test_replayed_is_not_trimmed(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_replay_execution_args replay_args = { .execution_id = ff_rig_id(1),
                                                          .reason = ff_cstr(""),
                                                          .requested_by = ff_cstr("") };
    struct ff_replay_execution_result replayed;

    end_one(rig, 1, "N", NULL);
    rig->now_ms += DAY_MS;
    assert_ok(ff_rig_replay_execution(rig, &replay_args, &replayed));
    assert_int_equal(trim(rig, 20), 0);
    claim_this(rig, 1);
}

static void
test_no_retention(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_trim_retention_args args = trim_args(20);

    end_one(rig, 1, "N", NULL);
    end_one(rig, 2, "N", OWN_TTL(0));
    assert_int_equal(trim(rig, 20), 1);
    args.retention_ms = 0;
    assert_int_equal(trim_with(rig, &args), 1);
}

/* More than a step may look at stand before the only one that is wanted. */
static void
test_skipped_ones_do_not_stop_it(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_filter alpha = { .namespace = ff_cstr("alpha") };
    struct ff_trim_retention_args args = trim_args(20);
    uint32_t purged = 0;

    for (uint32_t i = 1; i <= 600; i++) {
        end_one(rig, i, "beta", NULL);
    }
    end_one(rig, 601, "alpha", NULL);
    rig->now_ms += DAY_MS;
    args.filter = &alpha;
    assert_int_equal(trim_with(rig, &args), 1);
    assert_false(is_there(rig, 601));
    assert_true(is_there(rig, 1) && is_there(rig, 600));
    args.filter = NULL;
    args.lane_id = ff_cstr("M");
    assert_int_equal(trim_with(rig, &args), 0);
    args.lane_id = ff_cstr("");
    args.batch_size = 1000;
    purged = trim_with(rig, &args); /* in several steps; some may be a failed call's */
    assert_true(rig->contrary ? purged <= 600 : purged == 600);
    assert_int_equal(trim_with(rig, &args), 0);
}

static void
test_other_partitions(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_trim_retention_args args = trim_args(20);

    end_one(rig, 1, "N", NULL);
    rig->now_ms += DAY_MS;
    args.partition = ff_cstr("{fp:7}");
    assert_int_equal(trim_with(rig, &args), 0);
    args.partition = ff_cstr("{b:6}");
    assert_int_equal(trim_with(rig, &args), 0);
    args.partition = ff_cstr("{fp:6}");
    assert_int_equal(trim_with(rig, &args), 1);
}

static const struct refusal {
    const char *name;
    enum ff_op op;
    const char *json;
    const char *field;
} refusals[] = {
    { "trim_retention: no partition", FF_OP_trim_retention, "{}", "partition" },
    { "trim_retention: malformed partition", FF_OP_trim_retention, "{\"partition\":\"6\"}",
      "partition" },
    { "trim_retention: batch 0", FF_OP_trim_retention,
      "{\"partition\":\"{fp:6}\",\"batch_size\":0}", "batch_size" },
    { "trim_expired: malformed partition", FF_OP_trim_expired, "{\"partition\":\"{x:1}\"}",
      "partition" },
    { "trim_expired: batch 0", FF_OP_trim_expired, "{\"batch_size\":0}", "batch_size" },
};

static void
test_refusal(void **state)
{
    const struct refusal *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_trim_retention_result result;

    assert_err(ff_rig_call_json(rig, row->op, row->json, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "field", row->field);
    ff_rig_free(rig);
}

/* ---- trim_expired ---- */

static uint32_t
trim_expired(struct ff_rig *rig, const char *partition, uint32_t batch_size)
{
    const struct ff_trim_expired_args args = { .partition = ff_cstr(partition),
                                               .batch_size = batch_size };
    struct ff_trim_expired_result result;

    assert_ok(ff_rig_trim_expired(rig, &args, &result));
    return result.purged;
}

static const char *
create_keyed(struct ff_rig *rig, uint8_t number, const char *key, const char *window_json)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result result;

    args.idempotency_key = ff_cstr(key);
    if (window_json != NULL) {
        args.policy = ff_rig_any(rig, window_json);
    }
    assert_ok(ff_rig_create_execution(rig, &args, &result));
    return result.outcome;
}

static void
test_keys_lapse(void **state)
{
    struct ff_rig *rig = *state;

    assert_string_equal(create_keyed(rig, 1, "k", "{\"dedup_window_ms\":1000}"), "created");
    assert_string_equal(create_keyed(rig, 2, "l", "{\"dedup_window_ms\":2000}"), "created");
    rig->now_ms += 999;
    assert_int_equal(trim_expired(rig, NULL, 1000), 0);
    assert_string_equal(create_keyed(rig, 3, "k", NULL), "duplicate");
    rig->now_ms += 1;
    assert_int_equal(trim_expired(rig, NULL, 1000), 1);
    assert_int_equal(trim_expired(rig, NULL, 1000), 0);
    assert_string_equal(create_keyed(rig, 3, "l", NULL), "duplicate");
    assert_string_equal(create_keyed(rig, 3, "k", NULL), "created");
}

static void
test_keys_in_batches_by_partition(void **state)
{
    struct ff_rig *rig = *state;
    uint32_t purged = 0;

    for (uint8_t i = 1; i <= 40; i++) {
        assert_string_equal(create_keyed(rig, i, ff_arena_printf(&rig->arena, "key %u", i).p,
                                         "{\"dedup_window_ms\":1000}"),
                            "created");
    }
    rig->now_ms += 1000;
    for (uint32_t p = 0; p < 128; p++) { /* each has one home */
        purged += trim_expired(rig, ff_arena_printf(&rig->arena, "{fp:%u}", p).p, 1000);
    }
    assert_true(purged > 0 && purged < 40);
    while (purged < 40) {
        uint32_t n = trim_expired(rig, NULL, 3);

        assert_int_equal(n, 40 - purged < 3 ? 40 - purged : 3);
        purged += n;
    }
    assert_int_equal(trim_expired(rig, NULL, 3), 0);
}

static void
test_many_keys_in_steps(void **state)
{
    struct ff_rig *rig = *state;
    uint32_t purged = 0;

    for (uint32_t i = 1; i <= 700; i++) {
        struct ff_create_execution_args args = ff_rig_new_exec(0);
        struct ff_create_execution_result result;

        args.execution_id = id_of(i);
        args.idempotency_key = ff_arena_printf(&rig->arena, "key %u", i);
        args.policy = ff_rig_any(rig, "{\"dedup_window_ms\":1000}");
        assert_ok(ff_rig_create_execution(rig, &args, &result));
    }
    rig->now_ms += 1000;
    purged = trim_expired(rig, NULL, 1000);
    /* Where a commit failed, the steps before it stay, and the call that was made again counts the
     * rest. */
    assert_true(rig->contrary ? purged <= 700 : purged == 700);
    assert_int_equal(trim_expired(rig, NULL, 1000), 0);
}

static void
test_events_go(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_events events;
    struct ff_eid last = ff_rig_id(12);

    for (uint32_t i = 1; i <= 10; i++) {
        end_one(rig, i, "N", NULL);
    }
    rig->now_ms += 1000;
    end_one(rig, 11, "N", NULL);
    rig->now_ms += DAY_MS - 1001;
    assert_int_equal(trim_expired(rig, NULL, 1000), 0);
    rig->now_ms += 1;
    assert_int_equal(trim_expired(rig, NULL, 4), 4);
    assert_int_equal(trim_expired(rig, NULL, 1000), 6);
    events = ff_rig_events(rig, FF_FAMILY_COMPLETION);
    assert_int_equal(events.n, 1);
    rig->now_ms += DAY_MS;
    assert_int_equal(trim_expired(rig, NULL, 1000), 0); /* numbers go on from the newest */
    end_one(rig, 12, "N", NULL);
    assert_int_equal(trim_expired(rig, NULL, 1000), 1);
    events = ff_rig_events(rig, FF_FAMILY_COMPLETION);
    assert_int_equal(events.n, 1);
    assert_true(ff_eid_eq(events.v[0].execution_id.v, last));
}

/* ---- what the scanner is told ---- */

static void
test_scan(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_RETENTION_TRIMMER };
    struct ff_scan_due_result due;
    int64_t end_ms = rig->now_ms;

    assert_int_equal(scan_due(rig, &args).items.n, 0);
    end_one(rig, 1, "N", NULL);
    end_one(rig, 2, "N", OWN_TTL(5000));
    due = scan_due(rig, &args);
    assert_int_equal(due.items.n, 0);
    assert_int_equal(due.next_due_at.v, end_ms + 5000);
    rig->now_ms = end_ms + 5000;
    due = scan_due(rig, &args);
    assert_int_equal(due.items.n, 1);
    assert_true(ff_str_is(due.items.v[0].partition, "{fp:6}"));
    assert_int_equal(due.next_due_at.v, end_ms + DAY_MS);
    assert_int_equal(trim(rig, 20), 1);
    rig->now_ms = end_ms + DAY_MS;
    end_one(rig, 3, "N", NULL);
    due = scan_due(rig, &args); /* the partition, and events of the first two */
    assert_int_equal(due.items.n, 2);
    assert_null(due.items.v[1].partition.p);
    args.limit = FF_SOME(ff_opt_u32, 1);
    due = scan_due(rig, &args);
    assert_int_equal(due.items.n, 1);
    args.cursor = due.next_cursor;
    due = scan_due(rig, &args);
    assert_int_equal(due.items.n, 1);
    assert_null(due.items.v[0].partition.p);
    assert_null(due.next_cursor.p);
}

static void
test_scan_wakes_for_a_shorter_ttl(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_scan_due_args args = { .scanner = FF_SCANNER_RETENTION_TRIMMER,
                                           .block_ms = 30000 };
    struct ff_scan_due_result due = { 0 };
    struct ff_waiting *waiting = ff_rig_start(rig, FF_OP_scan_due, &args);

    end_one(rig, 1, "N", OWN_TTL(5000));
    assert_false(ff_rig_is_done(waiting));
    rig->now_ms += 5000;
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, waiting, &due));
    assert_int_equal(due.items.n, 1);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(refusals, test_refusal) };
    static const struct CMUnitTest singles[] = {
        RIG_TEST("07 ex 31 default and own retention", test_ex_31),
        RIG_TEST("01 ex 36 to the millisecond", test_to_the_millisecond),
        RIG_TEST("07 ex 32 nothing is left, the id is free", test_ex_32),
        RIG_TEST("07 ex 33 45 in batches of 20", test_ex_33),
        RIG_TEST("07 ex 34 only what has ended", test_ex_34),
        RIG_TEST("what was replayed lives", test_replayed_is_not_trimmed),
        RIG_TEST("retention of nothing", test_no_retention),
        RIG_TEST("skipped ones do not stop it", test_skipped_ones_do_not_stop_it),
        RIG_TEST("one partition at a time", test_other_partitions),
        RIG_TEST("idempotency keys lapse", test_keys_lapse),
        RIG_TEST("keys in batches, by their home", test_keys_in_batches_by_partition),
        RIG_TEST("many keys, in steps", test_many_keys_in_steps),
        RIG_TEST("old events go, the newest stays", test_events_go),
        RIG_TEST("the trimmer's scan_due", test_scan),
        RIG_TEST("a waiting scan_due wakes for a short retention",
                 test_scan_wakes_for_a_shorter_ttl),
    };

    return ff_rig_main("retention", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
