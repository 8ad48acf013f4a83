/* reconcile_execution_index: entries that were lost, or stand where they should not (07 §3.12). */

#include "tests/engine/lane.h"
#include "tests/engine/scan.h"
#include "tests/engine/wait_signal.h"

/* Where this record stands in this index; fails the test if it does not. */
static struct ff_index_key
place_of(struct ff_rig *rig, enum ff_record kind, uint8_t number, enum ff_index index)
{
    const struct ff_eid id = ff_rig_id(number);
    struct ff_key key = ff_key_eid(&id);
    struct ff_index_key places[FF_INDEX_KEYS_MAX];
    void *record = ff_arena_zalloc(&rig->arena, ff_records[kind]->size);
    uint32_t n = 0;

    ff_rig_record(rig, kind, &key, record);
    n = ff_index_keys(kind, record, places);
    for (uint32_t i = 0; i < n; i++) {
        if (places[i].index == index) {
            return places[i];
        }
    }
    fail_msg("execution %u does not stand in index %d", number, (int) index);
    return places[0];
}

static void
lose(struct ff_rig *rig, uint8_t number, enum ff_index index)
{
    struct ff_index_key place = place_of(rig, FF_R_EXEC, number, index);

    ff_rig_misplace(rig, &place, false);
}

static struct ff_reconcile_execution_index_result
reconcile_with(struct ff_rig *rig, const struct ff_reconcile_execution_index_args *args)
{
    struct ff_reconcile_execution_index_result result;

    assert_ok(ff_rig_reconcile_execution_index(rig, args, &result));
    return result;
}

/* Repairs so many, and then there is nothing left to repair. */
static void
assert_repairs(struct ff_rig *rig, uint32_t repairs)
{
    const struct ff_reconcile_execution_index_args all = { 0 };
    struct ff_reconcile_execution_index_result result = reconcile_with(rig, &all);

    assert_int_equal(result.processed, repairs);
    assert_int_equal(result.errors, 0);
    assert_int_equal(reconcile_with(rig, &all).processed, 0);
}

/* ---- lost entries ---- */

static void
test_ex_28(void **state)
{
    struct ff_rig *rig = *state;

    create(rig, 1);
    create(rig, 2);
    lose(rig, 1, FF_IX_READY);
    lose(rig, 2, FF_IX_READY);
    assert_claims_nothing(rig);
    assert_repairs(rig, 2);
    claim_this(rig, 1);
    claim_this(rig, 2);
}

static void
test_a_waiting_claim_is_woken(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_args args = claim_args(rig, "[]");
    struct ff_claim_result claim;
    struct ff_waiting *waiting = NULL;

    create(rig, 1);
    lose(rig, 1, FF_IX_READY);
    args.block_ms = 30000;
    waiting = ff_rig_start(rig, FF_OP_claim, &args);
    assert_false(ff_rig_is_done(waiting));
    assert_repairs(rig, 1);
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, waiting, &claim));
    assert_string_equal(claim.outcome, "claimed");
}

static void
test_due_times(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    create_with(rig, 1, "{\"timeout_policy\":{\"execution_deadline_ms\":5000}}");
    claim = claim_this(rig, 1);
    create(rig, 2);
    claim = claim_this(rig, 2);
    assert_ok(delay(rig, &claim, rig->now_ms + 5000));
    create_with(rig, 3, "{\"timeout_policy\":{\"attempt_timeout_ms\":5000}}");
    claim = claim_this(rig, 3);
    lose(rig, 1, FF_IX_DEADLINE_DUE);
    lose(rig, 1, FF_IX_LEASE_DUE);
    lose(rig, 2, FF_IX_DELAYED);
    lose(rig, 3, FF_IX_ATTEMPT_DUE);
    rig->now_ms += 5000;
    assert_int_equal(pass(rig, FF_SCANNER_EXECUTION_DEADLINE), 0);
    assert_int_equal(pass(rig, FF_SCANNER_DELAYED_PROMOTER), 0);
    assert_int_equal(pass(rig, FF_SCANNER_ATTEMPT_TIMEOUT), 0);
    assert_repairs(rig, 4);
    assert_int_equal(pass(rig, FF_SCANNER_DELAYED_PROMOTER), 1);
    assert_int_equal(pass(rig, FF_SCANNER_ATTEMPT_TIMEOUT), 1);
    assert_int_equal(pass(rig, FF_SCANNER_EXECUTION_DEADLINE), 1);
}

static void
test_suspension(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_suspend_args args = suspend_args(rig, &claim, NULL, SINGLE("A", "go"));
    struct ff_index_key place;

    args.timeout_at = FF_SOME(ff_opt_i64, rig->now_ms + 1000);
    args.timeout_behavior = ff_cstr("fail");
    suspended_by(rig, &args);
    place = place_of(rig, FF_R_SUSPENSION, 1, FF_IX_SUSPENSION_DUE);
    ff_rig_misplace(rig, &place, false);
    lose(rig, 1, FF_IX_SUSPENDED);
    rig->now_ms += 1000;
    assert_int_equal(pass(rig, FF_SCANNER_SUSPENSION_TIMEOUT), 0);
    assert_repairs(rig, 2);
    assert_int_equal(pass(rig, FF_SCANNER_SUSPENSION_TIMEOUT), 1);
    assert_field(rig, 1, "public_state", "failed");
    ff_rig_misplace(rig, &place, true); /* it is over */
    assert_repairs(rig, 1);
}

static void
test_terminal(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct ff_trim_retention_args trim = { .partition = ff_cstr("{fp:6}"),
                                                 .lane_id = ff_cstr(""),
                                                 .retention_ms = 1000,
                                                 .batch_size = 20 };
    struct ff_trim_retention_result trimmed;

    assert_ok(complete(rig, &claim, "out"));
    lose(rig, 1, FF_IX_RETAINED);
    rig->now_ms += 1000;
    assert_ok(ff_rig_trim_retention(rig, &trim, &trimmed));
    assert_int_equal(trimmed.purged, 0);
    assert_repairs(rig, 1);
    assert_ok(ff_rig_trim_retention(rig, &trim, &trimmed));
    assert_int_equal(trimmed.purged, 1);
}

/* It can still be found by where else it stands. */
static void
test_not_listed_as_execution(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_list_executions_args args = { .partition = ff_cstr("{fp:6}"), .limit = 10 };
    struct ff_list_executions_result list;

    create(rig, 1);
    lose(rig, 1, FF_IX_EXECUTIONS);
    assert_ok(ff_rig_list_executions(rig, &args, &list));
    assert_true(list.executions.n == 0 || rig->dir[0] != '\0'); /* sqlite lists rows */
    assert_repairs(rig, 1 - list.executions.n);
    assert_ok(ff_rig_list_executions(rig, &args, &list));
    assert_int_equal(list.executions.n, 1);
}

/* ---- entries that should not be there ---- */

static void
test_misplaced(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_index_key place;

    create_and_claim(rig, 1);
    place = place_of(rig, FF_R_EXEC, 1, FF_IX_LEASE_DUE);
    ff_rig_misplace(rig, &place, false);
    place.sort += 1000000;
    ff_rig_misplace(rig, &place, true);
    rig->now_ms += TTL_MS;
    assert_int_equal(pass(rig, FF_SCANNER_LEASE_EXPIRY), 0);
    assert_repairs(rig, 2); /* one is missing, one too many */
    assert_int_equal(pass(rig, FF_SCANNER_LEASE_EXPIRY), 1);
}

static void
test_of_nothing(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_index_key place;

    create(rig, 1);
    place = place_of(rig, FF_R_EXEC, 1, FF_IX_READY);
    place.id.b[17] = 9; /* an execution that there never was */
    place.sort--;       /* ahead of the other one */
    ff_rig_misplace(rig, &place, true);
    assert_repairs(rig, 1);
    claim_this(rig, 1);
    assert_claims_nothing(rig);
}

/* ---- which ones ---- */

static void
create_in(struct ff_rig *rig, uint8_t number, const char *namespace, const char *lane)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result result;

    args.namespace = ff_cstr(namespace);
    args.lane_id = ff_cstr(lane);
    assert_ok(ff_rig_create_execution(rig, &args, &result));
}

static void
test_filters(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_str lane = ff_cstr("M");
    struct ff_scan_filter filter = { .namespace = ff_cstr("beta") };
    struct ff_reconcile_execution_index_args args = { .partition = ff_cstr("{fp:7}") };

    create_in(rig, 1, "alpha", "L");
    create_in(rig, 2, "beta", "L");
    create_in(rig, 3, "alpha", "M");
    create_in(rig, 4, "alpha", "L");
    for (uint8_t i = 1; i <= 4; i++) {
        lose(rig, i, FF_IX_READY);
    }
    assert_int_equal(reconcile_with(rig, &args).processed, 0);
    args.partition = ff_cstr("{b:6}");
    assert_int_equal(reconcile_with(rig, &args).processed, 0);
    args = (struct ff_reconcile_execution_index_args){ .filter = &filter };
    assert_int_equal(reconcile_with(rig, &args).processed, 1);
    args = (struct ff_reconcile_execution_index_args){ .lanes = { .v = &lane, .n = 1 } };
    assert_int_equal(reconcile_with(rig, &args).processed, 1);
    args = (struct ff_reconcile_execution_index_args){ .partition = ff_cstr("{fp:6}") };
    assert_int_equal(reconcile_with(rig, &args).processed, 2);
    assert_repairs(rig, 0);
}

static void
test_malformed_partition(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_reconcile_execution_index_args args = { .partition = ff_cstr("6") };
    struct ff_reconcile_execution_index_result result;

    assert_err(ff_rig_reconcile_execution_index(rig, &args, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "field", "partition");
}

static void
test_unreadable(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_reconcile_execution_index_args all = { 0 };
    const struct ff_eid id = ff_rig_id(1);
    struct ff_key key = ff_key_eid(&id);
    struct ff_reconcile_execution_index_result result;

    create(rig, 1);
    create(rig, 2);
    lose(rig, 2, FF_IX_READY);
    ff_rig_spoil(rig, FF_R_EXEC, &key, ff_str("\xc1", 1));
    result = reconcile_with(rig, &all);
    assert_int_equal(result.errors, 1);
    assert_int_equal(result.processed, 1);
}

/* More than a step looks at. */
static void
test_in_steps(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_reconcile_execution_index_args all = { 0 };
    struct ff_index_key places[3];
    uint32_t repairs = 0;

    for (uint32_t i = 1; i <= 600; i++) {
        struct ff_create_execution_args args = ff_rig_new_exec((uint8_t) i);
        struct ff_create_execution_result result;

        args.execution_id.uuid.b[14] = (uint8_t) (i >> 8);
        assert_ok(ff_rig_create_execution(rig, &args, &result));
    }
    for (uint8_t i = 0; i < 3; i++) { /* in each of the three steps */
        places[i] = place_of(rig, FF_R_EXEC, 80, FF_IX_READY);
        places[i].id.b[16] = i;
        ff_rig_misplace(rig, &places[i], false);
    }
    repairs = reconcile_with(rig, &all).processed;
    /* Where a commit failed, the call that was made again counts the rest. */
    assert_true(rig->contrary ? repairs <= 3 : repairs == 3);
    assert_int_equal(reconcile_with(rig, &all).processed, 0);
}

/* ---- the scanner ---- */

static void
test_scan(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_INDEX_RECONCILER };
    bool shared = !rig->store->ops->exclusive;
    struct ff_scan_due_result due = scan_due(rig, &args);

    assert_int_equal(due.items.n, shared); /* others keep their indexes themselves */
    assert_null(due.next_cursor.p);
    args.partition = ff_cstr("{fp:6}");
    due = scan_due(rig, &args);
    assert_int_equal(due.items.n, shared);
    assert_true(!shared || ff_str_is(due.items.v[0].partition, "{fp:6}"));
}

int
main(void)
{
    static const struct CMUnitTest singles[] = {
        RIG_TEST("07 ex 28 a lost entry is put back, and the execution can be claimed", test_ex_28),
        RIG_TEST("a claim that waits is told", test_a_waiting_claim_is_woken),
        RIG_TEST("lost due times", test_due_times),
        WAIT_TEST("a suspension's time-out", test_suspension),
        RIG_TEST("what has ended is retained", test_terminal),
        RIG_TEST("not listed as an execution", test_not_listed_as_execution),
        RIG_TEST("an entry in the wrong place", test_misplaced),
        RIG_TEST("an entry of nothing", test_of_nothing),
        RIG_TEST("by filter, lane, partition", test_filters),
        RIG_TEST("malformed partition", test_malformed_partition),
        RIG_TEST("07 §3.12 what cannot be read is counted, the others are repaired",
                 test_unreadable),
        RIG_TEST("in steps", test_in_steps),
        RIG_TEST("only shared stores are looked through by themselves", test_scan),
    };

    return ff_rig_main("index", NULL, 0, singles, FF_COUNT(singles));
}
