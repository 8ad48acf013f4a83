/* What the scanners of the process `reconcile` are told to do. */

#include "tests/engine/budget.h"
#include "tests/engine/scan.h"

static void
test_worker_sweep(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_WORKER_REGISTRY_SWEEP };
    struct ff_scan_due_result due = { 0 };
    struct ff_waiting *waiting = NULL;
    int64_t start_ms = rig->now_ms;

    assert_int_equal(scan_due(rig, &args).items.n, 0);
    args.block_ms = 30000;
    waiting = ff_rig_start(rig, FF_OP_scan_due, &args);
    args.block_ms = 0;
    ask(rig, FF_OP_register_worker,
        "{'worker_id':'w','worker_instance_id':'w-1','lanes':['L'],'liveness_ttl_ms':10000,"
        "'namespace':'N'}");
    assert_false(ff_rig_is_done(waiting));
    due = scan_due(rig, &args);
    assert_int_equal(due.items.n, 0);
    assert_int_equal(due.next_due_at.v, start_ms + 10001);
    rig->now_ms = start_ms + 10000; /* lapsed, but not to be swept yet */
    assert_int_equal(scan_due(rig, &args).items.n, 0);
    rig->now_ms = start_ms + 10001;
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, waiting, &due));
    assert_int_equal(due.items.n, 1);
    assert_null(due.items.v[0].partition.p);
    assert_string_equal(member(rig, ask(rig, FF_OP_sweep_worker_registry, "{}"), "removed"), "1");
    due = scan_due(rig, &args);
    assert_int_equal(due.items.n, 0);
    assert_false(due.next_due_at.is);
}

static void
test_budgets(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_BUDGET_RECONCILER };
    struct ff_scan_due_result due, next;

    assert_int_equal(scan_due(rig, &args).items.n, 0);
    for (int n = 1; n <= 3; n++) {
        budget(rig, n, "tokens 100/50");
    }
    due = scan_due(rig, &args);
    assert_true(due.items.n >= 2); /* the three ids are at home in at least two partitions */
    args.limit = FF_SOME(ff_opt_u32, 1);
    next = scan_due(rig, &args);
    assert_int_equal(next.items.n, 1);
    assert_true(ff_str_eq(next.items.v[0].partition, due.items.v[0].partition));
    args.cursor = next.next_cursor;
    next = scan_due(rig, &args);
    assert_true(ff_str_eq(next.items.v[0].partition, due.items.v[1].partition));
    args.cursor = ff_cstr(NULL);
    args.partition = due.items.v[1].partition;
    next = scan_due(rig, &args);
    assert_int_equal(next.items.n, 1);
    assert_null(next.next_cursor.p);
    args.partition = ff_cstr("{fp:6}");
    assert_int_equal(scan_due(rig, &args).items.n, 0);
    for (uint32_t i = 0; i < due.items.n; i++) {
        const char *answer = ask(rig, FF_OP_reconcile_budget_counters, "{'partition':'%.*s'}",
                                 (int) due.items.v[i].partition.n, due.items.v[i].partition.p);

        assert_string_equal(member(rig, answer, "errors"), "0");
    }
}

static void
test_quotas(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_scan_due_args args = { .scanner = FF_SCANNER_QUOTA_RECONCILER };
    struct ff_scan_due_result due;

    assert_int_equal(scan_due(rig, &args).items.n, 0);
    ask(rig, FF_OP_create_quota_policy,
        "{'quota_policy_id':'c0000000-0000-4000-8000-000000000001','window_seconds':60,"
        "'max_requests_per_window':5,'max_concurrent':2}");
    due = scan_due(rig, &args);
    assert_int_equal(due.items.n, 1);
    assert_string_equal(member(rig,
                               ask(rig, FF_OP_reconcile_quota_counters, "{'partition':'%.*s'}",
                                   (int) due.items.v[0].partition.n, due.items.v[0].partition.p),
                               "errors"),
                        "0");
}

int
main(void)
{
    static const struct CMUnitTest singles[] = {
        RIG_TEST("07 ex 35 a lapsed worker is swept one millisecond later", test_worker_sweep),
        RIG_TEST("budgets, a partition at a time", test_budgets),
        RIG_TEST("quota policies, a partition at a time", test_quotas),
    };

    return ff_rig_main("reconcile_scan", NULL, 0, singles, FF_COUNT(singles));
}
