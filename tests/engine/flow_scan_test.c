/* What the scanners are told to do for flows: examples 20 to 23 and 25 of 07, trim_flows of its §4.
 */

#include "tests/engine/flow_acts.h"
#include "tests/engine/scan.h"

#define DAY_MS 86400000

static struct ff_scan_due_result
due_of(struct ff_rig *rig, enum ff_scanner scanner)
{
    const struct ff_scan_due_args args = { .scanner = scanner };

    return scan_due(rig, &args);
}

/* ---- dependency_reconciler ---- */

/* Edges that one pass of it resolves. */
static uint64_t
reconcile(struct ff_rig *rig)
{
    struct ff_scan_due_result due = due_of(rig, FF_SCANNER_DEPENDENCY_RECONCILER);
    uint64_t resolved = 0;

    for (uint32_t i = 0; i < due.items.n; i++) {
        const struct ff_cascade_completion_result *result =
            result_on(rig, FF_OP_cascade_completion, &due.items.v[i]);

        resolved += result->resolved;
    }
    return resolved;
}

static void
test_consumer_stopped(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args other = { .scanner = FF_SCANNER_DEPENDENCY_RECONCILER,
                                      .partition = ff_cstr("{fp:7}") };
    struct ff_scan_due_result due;

    make_flow(rig, 2);
    build(rig, 1, A, B);
    complete_one(rig, A, NULL);
    assert_string_equal(evaluate(rig, B), "blocked_by_dependencies");
    assert_int_equal(scan_due(rig, &other).items.n, 0);
    due = due_of(rig, FF_SCANNER_DEPENDENCY_RECONCILER);
    assert_int_equal(due.items.n, 1);
    assert_true(ff_eid_eq(due.items.v[0].execution_id.v, ff_rig_id(A)));
    assert_int_equal(due.items.v[0].outcome.v, FF_OUTCOME_SUCCESS);
    assert_int_equal(reconcile(rig), 1);
    assert_string_equal(evaluate(rig, B), "eligible");
    assert_int_equal(due_of(rig, FF_SCANNER_DEPENDENCY_RECONCILER).items.n, 0);
    assert_int_equal(cascade(rig, A).resolved, 0); /* again: no change */
    assert_string_equal(evaluate(rig, B), "eligible");
}

/* While the consumer is on it has a second to see to a cascade itself. */
static void
test_consumer_failed(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_uuid flow_id = F;
    struct ff_eid down = ff_rig_id(B);
    struct ff_key group = ff_key_member(&flow_id, &down);
    struct ff_str kept;
    struct ff_scan_due_result due;
    int64_t end_ms = 0;

    make_flow(rig, 2);
    build(rig, 1, A, B);
    take(rig, A);
    kept = ff_rig_spoil(rig, FF_R_GROUP, &group, ff_str("\xc1", 1));
    consume(rig);
    complete_one(rig, A, NULL);
    end_ms = rig->now_ms;
    due = due_of(rig, FF_SCANNER_DEPENDENCY_RECONCILER);
    assert_int_equal(due.items.n, 0);
    assert_int_equal(due.next_due_at.v, end_ms + 1000);
    rig->now_ms = end_ms + 1000;
    assert_int_equal(due_of(rig, FF_SCANNER_DEPENDENCY_RECONCILER).items.n, 1);
    ff_rig_spoil(rig, FF_R_GROUP, &group, kept);
    assert_int_equal(reconcile(rig), 1);
    assert_string_equal(evaluate(rig, B), "eligible");
}

/* ---- edge_cancel_reconciler ---- */

static void
test_interrupted_group(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args here = { .scanner = FF_SCANNER_EDGE_CANCEL_RECONCILER,
                                     .partition = ff_cstr("{fp:7}") };

    make_flow(rig, 4);
    policy(rig, D, "{\"kind\":\"any_of\",\"on_satisfied\":\"cancel_remaining\"}");
    for (uint8_t i = A; i <= C; i++) {
        build(rig, i, i, D);
    }
    succeed(rig, A);
    assert_true(group_of(rig, D).cancel_siblings_pending);
    assert_int_equal(pass(rig, FF_SCANNER_EDGE_CANCEL_RECONCILER), 0);
    assert_ok(cancel_as(rig, B, OPERATOR));
    assert_int_equal(pass(rig, FF_SCANNER_EDGE_CANCEL_RECONCILER), 0); /* C is still there */
    assert_true(group_of(rig, D).cancel_siblings_pending);
    assert_field(rig, C, "public_state", "waiting");
    assert_ok(cancel_as(rig, C, OPERATOR));
    assert_int_equal(scan_due(rig, &here).items.n, 0);
    here.partition = ff_cstr("{fp:6}");
    assert_int_equal(scan_due(rig, &here).items.n, 1);
    assert_int_equal(pass(rig, FF_SCANNER_EDGE_CANCEL_RECONCILER), 1);
    assert_false(group_of(rig, D).cancel_siblings_pending);
    assert_int_equal(due_of(rig, FF_SCANNER_EDGE_CANCEL_RECONCILER).items.n, 0);
}

/* ---- cancel_reconciler ---- */

static void
cancel_later(struct ff_rig *rig, const char *policy_word)
{
    const struct ff_cancel_flow_header_args args = { .flow_id = F,
                                                     .policy = ff_cstr(policy_word),
                                                     .reason = ff_cstr("op"),
                                                     .grace_ms = ff_rig_any(rig, "30000") };
    struct ff_cancel_flow_header_result result;

    assert_ok(ff_rig_cancel_flow_header(rig, &args, &result));
}

/* One pass of it: a member that has ended is acknowledged as well. How many. */
static uint32_t
drain(struct ff_rig *rig)
{
    struct ff_scan_due_result due = due_of(rig, FF_SCANNER_CANCEL_RECONCILER);

    for (uint32_t i = 0; i < due.items.n; i++) {
        const struct ff_cancel_execution_args args = { .execution_id =
                                                           due.items.v[i].execution_id.v,
                                                       .reason = due.items.v[i].reason,
                                                       .source = ff_cstr(OPERATOR) };
        struct ff_cancel_execution_result result;
        ff_err err = ff_rig_cancel_execution(rig, &args, &result);

        assert_true(err == FF_E_OK || err == FF_E_EXECUTION_NOT_ACTIVE);
        due.items.v[i].reason = ff_cstr(NULL);
        result_on(rig, FF_OP_ack_cancel_member, &due.items.v[i]);
    }
    return due.items.n;
}

static void
test_backlog(void **state)
{
    struct ff_rig *rig = *state;
    int64_t start_ms = rig->now_ms;
    struct ff_scan_due_result due;

    make_flow(rig, 2);
    cancel_later(rig, "cancel_all");
    rig->now_ms = start_ms + 29999;
    due = due_of(rig, FF_SCANNER_CANCEL_RECONCILER);
    assert_int_equal(due.items.n, 0);
    assert_int_equal(due.next_due_at.v, start_ms + 30000);
    rig->now_ms = start_ms + 30000;
    assert_int_equal(drain(rig), 2);
    assert_field(rig, A, "public_state", "cancelled");
    assert_field(rig, B, "cancellation_reason", "op");
    assert_field(rig, B, "cancelled_by", OPERATOR);
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
    due = due_of(rig, FF_SCANNER_CANCEL_RECONCILER);
    assert_int_equal(due.items.n, 0);
    assert_false(due.next_due_at.is);
}

static void
test_backlog_completed(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 2);
    activate(rig, B);
    cancel_later(rig, "cancel_all");
    complete_one(rig, B, NULL);
    rig->now_ms += 30000;
    assert_int_equal(drain(rig), 2);
    assert_field(rig, A, "public_state", "cancelled");
    assert_field(rig, B, "public_state", "completed");
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
}

static void
test_backlog_of_pending(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_result due;

    make_flow(rig, 2);
    activate(rig, B);
    cancel_later(rig, "cancel_pending");
    rig->now_ms += 30000;
    due = due_of(rig, FF_SCANNER_CANCEL_RECONCILER);
    assert_int_equal(due.items.n, 1);
    assert_true(ff_eid_eq(due.items.v[0].execution_id.v, ff_rig_id(A)));
    assert_int_equal(drain(rig), 1);
    assert_field(rig, B, "public_state", "active");
}

static void
test_backlog_pages(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_CANCEL_RECONCILER,
                                     .limit = FF_SOME(ff_opt_u32, 1) };
    struct ff_scan_filter other = { .namespace = ff_cstr("M") };
    struct ff_scan_due_result due;

    make_flow(rig, 3);
    cancel_later(rig, "cancel_all");
    rig->now_ms += 30000;
    for (uint8_t i = A; i <= C; i++) {
        due = scan_due(rig, &args);
        assert_int_equal(due.items.n, 1);
        assert_true(ff_eid_eq(due.items.v[0].execution_id.v, ff_rig_id(i)));
        assert_int_equal(due.next_cursor.p != NULL, i < C);
        args.cursor = due.next_cursor;
    }
    args.partition = ff_cstr("{fp:7}");
    assert_int_equal(scan_due(rig, &args).items.n, 0);
    args.partition = ff_cstr(NULL);
    args.filter = &other;
    assert_int_equal(scan_due(rig, &args).items.n, 0);
    args.cursor = ff_cstr("of something else");
    assert_err(ff_rig_scan_due(rig, &args, &due), FF_E_INVALID_INPUT);
}

/* ---- retention_trimmer ---- */

static void
test_ended_flow(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_trim_retention_args purge = { .partition = ff_cstr("{fp:6}"), .batch_size = 20 };
    struct ff_trim_flows_args trim = { .partition = ff_cstr("{fp:6}"),
                                       .retention_ms = DAY_MS,
                                       .batch_size = 20 };
    struct ff_trim_retention_result purged;
    struct ff_trim_flows_result trimmed;
    struct ff_scan_due_result due;
    int64_t end_ms = rig->now_ms;

    make_flow(rig, 1);
    succeed(rig, A);
    assert_ok(ff_rig_trim_retention(rig, &purge, &purged));
    assert_int_equal(purged.purged, 1);
    rig->now_ms = end_ms + DAY_MS - 1;
    due = due_of(rig, FF_SCANNER_RETENTION_TRIMMER);
    assert_int_equal(due.items.n, 0);
    assert_int_equal(due.next_due_at.v, end_ms + DAY_MS);
    rig->now_ms = end_ms + DAY_MS;
    due = due_of(rig, FF_SCANNER_RETENTION_TRIMMER);
    assert_int_equal(due.items.n, 2); /* and old events */
    assert_true(ff_str_is(due.items.v[0].partition, "{fp:6}"));
    assert_ok(ff_rig_trim_flows(rig, &trim, &trimmed));
    assert_int_equal(trimmed.purged, 1);
    due = due_of(rig, FF_SCANNER_RETENTION_TRIMMER);
    assert_int_equal(due.items.n, 1);
    assert_null(due.items.v[0].partition.p);
}

int
main(void)
{
    static const struct CMUnitTest singles[] = {
        RIG_TEST("07 ex 20 a cascade while the consumer is stopped", test_consumer_stopped),
        RIG_TEST("a cascade that the consumer failed at, a second later", test_consumer_failed),
        RIG_TEST("07 ex 21 a backlog waits for its grace", test_backlog),
        RIG_TEST("07 ex 22 a completed member is acknowledged", test_backlog_completed),
        RIG_TEST("07 ex 23 a backlog of pending members", test_backlog_of_pending),
        RIG_TEST("a backlog, a page at a time", test_backlog_pages),
        RIG_TEST("07 ex 25 a group whose siblings have ended is drained", test_interrupted_group),
        RIG_TEST("07 §4 the partition of an ended flow is trimmed", test_ended_flow),
    };

    return ff_rig_main("flow_scan", NULL, 0, singles, FF_COUNT(singles));
}
