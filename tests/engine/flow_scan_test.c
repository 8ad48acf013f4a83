/* What the scanners are told to do for flows: examples 20 and 25 of 07, trim_flows of its §4. */

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
        RIG_TEST("07 ex 25 a group whose siblings have ended is drained", test_interrupted_group),
        RIG_TEST("07 §4 the partition of an ended flow is trimmed", test_ended_flow),
    };

    return ff_rig_main("flow_scan", NULL, 0, singles, FF_COUNT(singles));
}
