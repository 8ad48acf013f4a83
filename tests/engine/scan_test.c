/* What scanners find and do: examples of 07. */

#include "tests/engine/lane.h"
#include "tests/engine/scan.h"

#define LEASES FF_FAMILY_LEASE_HISTORY

/* ---- leases ---- */

static void
test_ex_1(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);

    create_and_claim(rig, 1);
    rig->now_ms += TTL_MS - 1;
    assert_int_equal(pass(rig, FF_SCANNER_LEASE_EXPIRY), 0);
    assert_int_equal(ff_rig_count(rig, LEASES, "expired", &id), 0);
    rig->now_ms += 1;
    assert_int_equal(pass(rig, FF_SCANNER_LEASE_EXPIRY), 1);
    assert_field(rig, 1, "ownership_state", "lease_expired_reclaimable");
    assert_field(rig, 1, "public_state", "active");
    assert_true(ff_str_is(ff_rig_last_event(rig, LEASES).reason, "lease_ttl"));
    assert_int_equal(pass(rig, FF_SCANNER_LEASE_EXPIRY), 0);
    assert_int_equal(ff_rig_count(rig, LEASES, "expired", &id), 1);
}

/* What a pass has read from the index before somebody else was faster. */
static struct ff_due_item
item_of(uint8_t number)
{
    return (struct ff_due_item){ .execution_id = FF_SOME(ff_opt_eid, ff_rig_id(number)) };
}

static struct ff_due_item
only_item(struct ff_rig *rig, enum ff_scanner scanner)
{
    struct ff_scan_due_result due = scan_due(rig, &(struct ff_scan_due_args){ .scanner = scanner });

    assert_int_equal(due.items.n, 1);
    return due.items.v[0];
}

static void
test_ex_2(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_due_item item = item_of(1);
    struct ff_renew_result renewed;

    rig->now_ms += TTL_MS - 1;
    assert_ok(renew(rig, &claim, &renewed));
    rig->now_ms += 1;
    assert_true(ff_str_is(act_on(rig, FF_OP_mark_lease_expired_if_due, &item), "not_yet_expired"));
    assert_int_equal(pass(rig, FF_SCANNER_LEASE_EXPIRY), 0);
    assert_int_equal(ff_rig_count(rig, LEASES, "expired", &id), 0);
}

static void
test_ex_3(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_due_item item = item_of(1);

    rig->now_ms += TTL_MS - 1;
    assert_ok(complete(rig, &claim, NULL));
    rig->now_ms += 1;
    assert_true(ff_str_is(act_on(rig, FF_OP_mark_lease_expired_if_due, &item), "not_active"));
    assert_int_equal(pass(rig, FF_SCANNER_LEASE_EXPIRY), 0);
    assert_int_equal(
        scan_due(rig, &(struct ff_scan_due_args){ .scanner = FF_SCANNER_LEASE_EXPIRY }).items.n, 0);
}

/* A claim of up to 256, for examples with many leases. */
static uint32_t
claim_all(struct ff_rig *rig)
{
    struct ff_claim_many_args args = { .lane_id = ff_cstr("L"),
                                       .worker_id = ff_cstr("w"),
                                       .worker_instance_id = ff_cstr("w-1"),
                                       .lease_ttl_ms = TTL_MS,
                                       .include_reclaimable = true,
                                       .max = 256 };
    struct ff_claim_many_result result;

    assert_ok(ff_rig_claim_many(rig, &args, &result));
    return result.claims.n;
}

static void
test_ex_7(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_result due;

    for (uint8_t i = 1; i <= 120; i++) {
        create(rig, i);
    }
    assert_int_equal(claim_all(rig), 120);
    rig->now_ms += TTL_MS;
    due = scan_due(rig, &(struct ff_scan_due_args){ .scanner = FF_SCANNER_LEASE_EXPIRY });
    assert_int_equal(due.items.n, 50); /* the batch of 07 §2 */
    assert_non_null(due.next_cursor.p);
    assert_int_equal(pass(rig, FF_SCANNER_LEASE_EXPIRY), 120);
    assert_int_equal(pass(rig, FF_SCANNER_LEASE_EXPIRY), 0);
}

static void
create_in(struct ff_rig *rig, uint8_t number, const char *namespace, const char *instance)
{
    struct ff_tag tag = { .key = ff_cstr("cairn.instance_id"), .value = ff_cstr(instance) };
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result result;

    args.namespace = ff_cstr(namespace);
    if (instance != NULL) {
        args.tags = (struct ff_tags){ .v = &tag, .n = 1 };
    }
    assert_ok(ff_rig_create_execution(rig, &args, &result));
}

static void
test_ex_8(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_filter alpha = { .namespace = ff_cstr("alpha") };

    for (uint8_t i = 1; i <= 60; i++) {
        create_in(rig, i, "beta", NULL);
    }
    create_in(rig, 61, "alpha", NULL);
    assert_int_equal(claim_all(rig), 61);
    rig->now_ms += TTL_MS;
    assert_int_equal(pass_with(rig, (struct ff_scan_due_args){ .scanner = FF_SCANNER_LEASE_EXPIRY,
                                                               .filter = &alpha }),
                     1);
    assert_field(rig, 61, "ownership_state", "lease_expired_reclaimable");
    for (uint8_t i = 1; i <= 60; i++) {
        assert_field(rig, i, "ownership_state", "leased");
    }
}

static void
test_ex_9(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_instance_tag tag = { .key = ff_cstr("cairn.instance_id"), .value = ff_cstr("i1") };
    struct ff_scan_filter filter = { .instance_tag = &tag };
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_LEASE_EXPIRY, .filter = &filter };

    create_in(rig, 1, "N", NULL);
    create_in(rig, 2, "N", "i2");
    create_in(rig, 3, "N", "i1");
    create_in(rig, 4, "M", "i1");
    assert_int_equal(claim_all(rig), 4);
    rig->now_ms += TTL_MS;
    filter.namespace = ff_cstr("N");
    assert_int_equal(pass_with(rig, args), 1); /* both are needed */
    assert_field(rig, 3, "ownership_state", "lease_expired_reclaimable");
    assert_field(rig, 4, "ownership_state", "leased");
    filter.namespace = ff_cstr(NULL);
    assert_int_equal(pass_with(rig, args), 1);
    assert_field(rig, 4, "ownership_state", "lease_expired_reclaimable");
    assert_field(rig, 1, "ownership_state", "leased");
    assert_field(rig, 2, "ownership_state", "leased");
}

/* Which of the leases that have lapsed a filter accepts, by their last digits. */
static const char *
accepted(struct ff_rig *rig, const char *filter_json)
{
    struct ff_scan_due_result due;
    struct ff_str text = ff_cstr("");

    assert_ok(ff_rig_call_json(
        rig, FF_OP_scan_due,
        ff_arena_printf(&rig->arena, "{\"scanner\":\"lease_expiry\",\"filter\":%s}", filter_json).p,
        &due));
    for (uint32_t i = 0; i < due.items.n; i++) {
        text =
            ff_arena_printf(&rig->arena, "%s%u", text.p, due.items.v[i].execution_id.v.uuid.b[15]);
    }
    return text.p;
}

static void
test_instance_tag(void **state)
{
    struct ff_rig *rig = *state;

    create_in(rig, 1, "N", NULL);
    create_in(rig, 2, "N", "i-1");
    create_in(rig, 3, "N", "i-10");
    create_in(rig, 4, "N", "I-1");
    assert_int_equal(claim_all(rig), 4);
    rig->now_ms += TTL_MS;
    assert_string_equal(
        accepted(rig, "{\"instance_tag\":{\"key\":\"cairn.instance_id\",\"value\":\"i-1\"}}"), "2");
    assert_string_equal(
        accepted(rig, "{\"instance_tag\":{\"key\":\"cairn.instance\",\"value\":\"i-1\"}}"), "");
    assert_string_equal(accepted(rig, "{}"), "1234");
}

static struct ff_waiting *
park_claim(struct ff_rig *rig, const char *instance)
{
    struct ff_claim_args args = claim_args(rig, "[]");

    args.worker_instance_id = ff_cstr(instance);
    args.block_ms = 30000;
    return ff_rig_start(rig, FF_OP_claim, &args);
}

static void
test_ex_39(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_claim_result claim;

    create_with(rig, 1, "{\"max_reclaim_count\":2}");
    claim = claim_this(rig, 1);
    for (uint32_t attempt = 1; attempt <= 2; attempt++) {
        struct ff_waiting *waiting = NULL;

        rig->now_ms += TTL_MS - 1; /* the worker is dead, another one waits */
        waiting = park_claim(rig, "w-2");
        assert_false(ff_rig_is_done(waiting));
        rig->now_ms += 1;
        pass(rig, FF_SCANNER_LEASE_EXPIRY);
        assert_ok(ff_rig_finish(rig, waiting, &claim));
        assert_true(ff_str_is(claim.handle->kind, "reclaimed"));
        assert_int_equal(claim.attempt_index.v, attempt);
    }
    rig->now_ms += TTL_MS;
    assert_int_equal(pass(rig, FF_SCANNER_LEASE_EXPIRY), 2); /* marked, and ended */
    assert_field(rig, 1, "public_state", "failed");
    assert_field(rig, 1, "failure_reason", "max_reclaims_exceeded");
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_COMPLETION, "failed", &id), 1);
}

static void
test_capped_is_found(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_due_item item;

    create_with(rig, 1, "{\"max_reclaim_count\":0}");
    claim_this(rig, 1);
    rig->now_ms += TTL_MS;
    assert_string_equal(mark_expired(rig, 1), "marked_expired"); /* by somebody else */
    item = only_item(rig, FF_SCANNER_LEASE_EXPIRY);
    assert_true(ff_str_is(act_on(rig, FF_OP_enforce_reclaim_cap, &item), "reclaim_cap_exceeded"));
    assert_int_equal(pass(rig, FF_SCANNER_LEASE_EXPIRY), 0);
}

/* ---- delays ---- */

static void
create_delayed(struct ff_rig *rig, uint8_t number, int64_t until_ms, const char *lane)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result result;

    args.delay_until = FF_SOME(ff_opt_i64, until_ms);
    args.lane_id = ff_cstr(lane);
    assert_ok(ff_rig_create_execution(rig, &args, &result));
}

static void
test_ex_4(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;
    struct ff_fail_result failed;

    rig->now_ms = 1000;
    create_delayed(rig, 1, 5000, "L");
    rig->now_ms = 4999;
    assert_int_equal(pass(rig, FF_SCANNER_DELAYED_PROMOTER), 0);
    rig->now_ms = 5000;
    assert_int_equal(pass(rig, FF_SCANNER_DELAYED_PROMOTER), 1);
    assert_field(rig, 1, "public_state", "waiting");
    create_with(rig, 2,
                "{\"retry_policy\":{\"max_retries\":3,\"backoff\":{\"type\":\"fixed\","
                "\"delay_ms\":10}}}");
    claim_this(rig, 1);
    claim = claim_this(rig, 2);
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed));
    rig->now_ms += 10;
    assert_int_equal(pass(rig, FF_SCANNER_DELAYED_PROMOTER), 1);
    assert_field(rig, 2, "attempt_state", "pending_retry_attempt");
    claim = claim_this(rig, 2);
    assert_int_equal(claim.attempt_type.v, FF_TYPE_RETRY);
    assert_ok(delay(rig, &claim, rig->now_ms + 7));
    rig->now_ms += 7;
    assert_int_equal(pass(rig, FF_SCANNER_DELAYED_PROMOTER), 1);
    assert_field(rig, 2, "attempt_state", "attempt_interrupted");
    claim = claim_this(rig, 2);
    assert_true(ff_str_is(claim.handle->kind, "resumed"));
}

static void
test_ex_5(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_due_item item;
    uint32_t events = 0;

    create_delayed(rig, 1, rig->now_ms + 100, "L");
    rig->now_ms += 100;
    item = only_item(rig, FF_SCANNER_DELAYED_PROMOTER);
    assert_ok(cancel_as(rig, 1, OPERATOR));
    events = ff_rig_events(rig, FF_FAMILY_COMPLETION).n;
    assert_true(ff_str_is(act_on(rig, FF_OP_promote_delayed, &item), "not_runnable_cleaned"));
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_COMPLETION).n, events);
    assert_int_equal(pass(rig, FF_SCANNER_DELAYED_PROMOTER), 0);
}

static void
test_ex_6(void **state)
{
    struct ff_rig *rig = *state;

    create_delayed(rig, 1, rig->now_ms + 100, "batch");
    create_delayed(rig, 2, rig->now_ms + 50, "L");
    rig->now_ms += 100;
    assert_int_equal(pass(rig, FF_SCANNER_DELAYED_PROMOTER), 2);
    assert_field(rig, 1, "public_state", "waiting");
}

static void
test_ex_40(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_DELAYED_PROMOTER };
    struct ff_scan_due_result due;

    rig->now_ms = 1000;
    create_delayed(rig, 1, 9000, "L");
    create_delayed(rig, 2, 5000, "M");
    due = scan_due(rig, &args);
    assert_int_equal(due.items.n, 0);
    assert_int_equal(due.next_due_at.v, 5000);
    rig->now_ms = 5000;
    due = scan_due(rig, &args);
    assert_int_equal(due.items.n, 1);
    assert_true(ff_eid_eq(due.items.v[0].execution_id.v, ff_rig_id(2)));
    assert_true(ff_str_is(due.items.v[0].lane_id, "M"));
    assert_int_equal(due.next_due_at.v, 9000);
    assert_null(due.next_cursor.p);
}

/* ---- time-outs ---- */

static void
test_ex_11_standalone(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_create_execution_args args = ff_rig_new_exec(1);
    struct ff_create_execution_result result;
    struct ff_event event;

    rig->now_ms = 500;
    args.execution_deadline_at = FF_SOME(ff_opt_i64, 1000);
    assert_ok(ff_rig_create_execution(rig, &args, &result));
    rig->now_ms = 999;
    assert_int_equal(pass(rig, FF_SCANNER_EXECUTION_DEADLINE), 0);
    rig->now_ms = 1000;
    assert_int_equal(pass(rig, FF_SCANNER_EXECUTION_DEADLINE), 1);
    assert_field(rig, 1, "public_state", "expired");
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_COMPLETION, "expired", &id), 1);
    event = ff_rig_last_event(rig, FF_FAMILY_COMPLETION);
    assert_true(ff_str_is(event.outcome, "expired"));
    assert_false(event.flow_id.is);
}

static void
test_attempt_timeout(void **state)
{
    struct ff_rig *rig = *state;

    create_with(rig, 1,
                "{\"timeout_policy\":{\"attempt_timeout_ms\":1000},"
                "\"retry_policy\":{\"max_retries\":1,\"backoff\":{\"type\":\"fixed\","
                "\"delay_ms\":10}}}");
    claim_this(rig, 1);
    rig->now_ms += 999;
    assert_int_equal(pass(rig, FF_SCANNER_ATTEMPT_TIMEOUT), 0);
    rig->now_ms += 1;
    assert_int_equal(pass(rig, FF_SCANNER_ATTEMPT_TIMEOUT), 1); /* a retry */
    assert_field(rig, 1, "public_state", "delayed");
    rig->now_ms += 10;
    assert_int_equal(pass(rig, FF_SCANNER_DELAYED_PROMOTER), 1);
    claim_this(rig, 1);
    rig->now_ms += 1000;
    assert_int_equal(pass(rig, FF_SCANNER_ATTEMPT_TIMEOUT), 1);
    assert_field(rig, 1, "public_state", "expired");
}

/* ---- scan_due itself ---- */

static void
test_order_cursor_and_partition(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_DELAYED_PROMOTER,
                                     .limit = FF_SOME(ff_opt_u32, 2) };
    struct ff_scan_due_result due;

    create_delayed(rig, 3, rig->now_ms + 10, "L");
    create_delayed(rig, 1, rig->now_ms + 20, "M");
    create_delayed(rig, 2, rig->now_ms + 20, "L");
    rig->now_ms += 30;
    due = scan_due(rig, &args);
    assert_int_equal(due.items.n, 2); /* due time, then id, over the lanes */
    assert_true(ff_eid_eq(due.items.v[0].execution_id.v, ff_rig_id(3)));
    assert_true(ff_eid_eq(due.items.v[1].execution_id.v, ff_rig_id(1)));
    args.cursor = due.next_cursor;
    assert_string_equal(promote(rig, 1), "promoted"); /* the position need not exist */
    due = scan_due(rig, &args);
    assert_int_equal(due.items.n, 1);
    assert_true(ff_eid_eq(due.items.v[0].execution_id.v, ff_rig_id(2)));
    assert_null(due.next_cursor.p);
    args.cursor = ff_cstr(NULL);
    args.partition = ff_cstr("{fp:7}");
    assert_int_equal(scan_due(rig, &args).items.n, 0);
    args.partition = ff_cstr("{fp:6}");
    assert_int_equal(scan_due(rig, &args).items.n, 2);
}

static const struct refusal {
    const char *name;
    const char *json;
    const char *field;
} refusals[] = {
    { "an unknown scanner", "{\"scanner\":\"sweeper\"}", "scanner" },
    { "no scanner", "{}", "scanner" },
    { "a malformed partition", "{\"scanner\":\"lease_expiry\",\"partition\":\"6\"}", "partition" },
    { "a limit of 0", "{\"scanner\":\"lease_expiry\",\"limit\":0}", "limit" },
    { "a limit above 1000", "{\"scanner\":\"lease_expiry\",\"limit\":1001}", "limit" },
    { "a malformed cursor", "{\"scanner\":\"lease_expiry\",\"cursor\":\"AAAA\"}", "cursor" },
    { "a wait above 30 s", "{\"scanner\":\"lease_expiry\",\"block_ms\":30001}", "block_ms" },
};

static void
test_refusal(void **state)
{
    const struct refusal *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_scan_due_result result;

    assert_err(ff_rig_call_json(rig, FF_OP_scan_due, row->json, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "field", row->field);
    ff_rig_free(rig);
}

static struct ff_waiting *
park_scan(struct ff_rig *rig, enum ff_scanner scanner)
{
    const struct ff_scan_due_args args = { .scanner = scanner, .block_ms = 30000 };

    return ff_rig_start(rig, FF_OP_scan_due, &args);
}

static void
test_waits_for_the_first_due(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_result due = { 0 };
    struct ff_waiting *waiting = NULL;

    create_delayed(rig, 1, rig->now_ms + 9000, "L");
    waiting = park_scan(rig, FF_SCANNER_DELAYED_PROMOTER);
    assert_int_equal(ff_engine_wait_ms(rig->engine), 9000);
    create_delayed(rig, 2, rig->now_ms + 5000, "M"); /* earlier than all before */
    assert_int_equal(ff_engine_wait_ms(rig->engine), 5000);
    rig->now_ms += 4999;
    ff_rig_pump(rig);
    assert_false(ff_rig_is_done(waiting));
    rig->now_ms += 1;
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, waiting, &due));
    assert_int_equal(due.items.n, 1);
    assert_true(ff_eid_eq(due.items.v[0].execution_id.v, ff_rig_id(2)));
}

static void
test_waits_in_vain(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_result due = { 0 };
    struct ff_waiting *waiting = park_scan(rig, FF_SCANNER_LEASE_EXPIRY);

    rig->now_ms += 29999;
    create_and_claim(rig, 1); /* due after the wait is over */
    assert_false(ff_rig_is_done(waiting));
    rig->now_ms += 1;
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, waiting, &due));
    assert_int_equal(due.items.n, 0);
    assert_int_equal(due.next_due_at.v, rig->now_ms - 1 + TTL_MS);
}

static void
test_wakes_for_capped_work(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_result due = { 0 };
    struct ff_waiting *waiting = NULL;
    const struct ff_expire_worker_leases_args lost = { .worker_instance_id = ff_cstr("w-1"),
                                                       .reason = ff_cstr("worker_lost") };
    struct ff_expire_worker_leases_result expired;

    create_with(rig, 1, "{\"max_reclaim_count\":0}");
    claim_this(rig, 1);
    waiting = park_scan(rig, FF_SCANNER_LEASE_EXPIRY);
    assert_ok(ff_rig_expire_worker_leases(rig, &lost, &expired));
    assert_ok(ff_rig_finish(rig, waiting, &due));
    assert_int_equal(due.items.n, 1);
}

static void
test_waits_with_a_filter(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_filter filter = { .namespace = ff_cstr("alpha") };
    const struct ff_scan_due_args args = { .scanner = FF_SCANNER_LEASE_EXPIRY,
                                           .filter = &filter,
                                           .block_ms = 30000 };
    struct ff_scan_due_result due = { 0 };
    struct ff_waiting *waiting = NULL;

    create_in(rig, 1, "beta", NULL);
    claim_this(rig, 1);
    rig->now_ms += TTL_MS; /* beta's is due, and stays so */
    create_in(rig, 2, "alpha", NULL);
    assert_int_equal(claim_all(rig), 2); /* the claim has taken over beta's */
    rig->now_ms += TTL_MS - 10;
    waiting = ff_rig_start(rig, FF_OP_scan_due, &args);
    assert_false(ff_rig_is_done(waiting));
    rig->now_ms += 10;
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, waiting, &due));
    assert_int_equal(due.items.n, 1);
    assert_true(ff_eid_eq(due.items.v[0].execution_id.v, ff_rig_id(2)));
}

/* All names of 07 §2. */
static void
test_all_of_them(void **state)
{
    struct ff_rig *rig = *state;

    for (int i = 0; i < FF_SCANNERS; i++) {
        const struct ff_scan_due_args args = { .scanner = (enum ff_scanner) i };
        struct ff_scan_due_result due;

        assert_ok(ff_rig_scan_due(rig, &args, &due));
    }
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(refusals, test_refusal) };
    static const struct CMUnitTest singles[] = {
        RIG_TEST("07 ex 1 a lease is marked at its expiry, once", test_ex_1),
        RIG_TEST("07 ex 2 renewed between index read and call", test_ex_2),
        RIG_TEST("07 ex 3 completed before the call", test_ex_3),
        RIG_TEST("07 ex 4 promotion keeps the attempt state", test_ex_4),
        RIG_TEST("07 ex 5 cancelled before promotion", test_ex_5),
        RIG_TEST("07 ex 6 a lane that is not configured", test_ex_6),
        RIG_TEST("07 ex 7 120 due leases in one cycle", test_ex_7),
        RIG_TEST("07 ex 8 one of alpha behind 60 of beta", test_ex_8),
        RIG_TEST("07 ex 9 filter by tag, and by both", test_ex_9),
        RIG_TEST("01 ex 47 an instance tag is exactly that", test_instance_tag),
        RIG_TEST("07 ex 11 a standalone deadline", test_ex_11_standalone),
        RIG_TEST("07 ex 39 a dead worker's work goes on, up to its cap", test_ex_39),
        RIG_TEST("07 ex 40 what is due, and when next", test_ex_40),
        RIG_TEST("work at its cap is found though it is marked", test_capped_is_found),
        RIG_TEST("an attempt times out into a retry, then for good", test_attempt_timeout),
        RIG_TEST("due order over lanes, cursor, partition", test_order_cursor_and_partition),
        RIG_TEST("a waiting scan_due wakes at the first due instant", test_waits_for_the_first_due),
        RIG_TEST("a waiting scan_due ends empty with the next instant", test_waits_in_vain),
        RIG_TEST("a waiting scan_due wakes for capped work", test_wakes_for_capped_work),
        RIG_TEST("a waiting scan_due with a filter", test_waits_with_a_filter),
        RIG_TEST("07 §2 each scanner has its list", test_all_of_them),
    };

    return ff_rig_main("scan", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
