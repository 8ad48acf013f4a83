/* The scanners of suspensions: examples 12 to 14 of 07. */

#include "tests/engine/scan.h"
#include "tests/engine/wait_signal.h"

static struct ff_suspend_result
suspend_until(struct ff_rig *rig, uint8_t number, int64_t timeout_at, const char *behavior)
{
    const struct ff_claim_result claim = create_and_claim(rig, number);
    struct ff_suspend_args args = suspend_args(rig, &claim, NULL, SINGLE("A", "go"));

    args.timeout_at = FF_SOME(ff_opt_i64, timeout_at);
    args.timeout_behavior = ff_cstr(behavior);
    return suspended_by(rig, &args);
}

static void
test_deadline(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result;
    struct ff_claim_result claim;
    struct target w;

    create_with(rig, 1, "{\"timeout_policy\":{\"execution_deadline_ms\":500}}");
    claim = claim_this(rig, 1);
    result = suspended(rig, &claim, NULL, SINGLE("A", "go"));
    w = target_of(1, &result.details, 0);
    rig->now_ms = T + 500;
    assert_int_equal(pass(rig, FF_SCANNER_EXECUTION_DEADLINE), 1);
    assert_field(rig, 1, "public_state", "expired");
    assert_closed(rig, &w);
    assert_err(try_deliver(rig, &w, "go"), FF_E_TARGET_NOT_SIGNALABLE);
}

static void
test_timeouts(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_result due;

    suspend_until(rig, 1, T + 3000, "expire");
    suspend_until(rig, 2, T + 1000, "fail");
    suspend_until(rig, 3, T + 2000, "cancel");
    suspend_until(rig, 4, T + 2000, "escalate");
    rig->now_ms = T + 999;
    due = scan_due(rig, &(struct ff_scan_due_args){ .scanner = FF_SCANNER_SUSPENSION_TIMEOUT });
    assert_int_equal(due.items.n, 0);
    assert_int_equal(due.next_due_at.v, T + 1000);
    rig->now_ms = T + 2000;
    assert_int_equal(pass(rig, FF_SCANNER_SUSPENSION_TIMEOUT), 3);
    assert_field(rig, 2, "public_state", "failed");
    assert_field(rig, 3, "public_state", "cancelled");
    assert_field(rig, 4, "blocking_reason", "paused_by_operator");
    assert_int_equal(pass(rig, FF_SCANNER_SUSPENSION_TIMEOUT), 0);
    rig->now_ms = T + 3000;
    assert_int_equal(pass(rig, FF_SCANNER_SUSPENSION_TIMEOUT), 1);
    assert_field(rig, 1, "public_state", "expired");
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_COMPLETION).n, 3);
}

static void
test_pending(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct ff_claim_result other = create_and_claim(rig, 2);
    struct target early, used, later;
    struct ff_renew_result renewed;

    assert_ok(create_pending(rig, &claim, "A", 1000, &early));
    assert_ok(create_pending(rig, &claim, "B", 2000, &later));
    assert_ok(create_pending(rig, &other, "A", 1000, &used));
    suspended(rig, &other, use_pending(rig, &used), SINGLE("A", "go"));
    rig->now_ms = T + 1000;
    assert_int_equal(pass(rig, FF_SCANNER_PENDING_WP_EXPIRY), 1);
    assert_int_equal(pass(rig, FF_SCANNER_PENDING_WP_EXPIRY), 0);
    assert_closed(rig, &early);
    assert_field(rig, 1, "public_state", "active");
    assert_field(rig, 1, "open_waitpoints", "1");
    assert_ok(renew(rig, &claim, &renewed));
    assert_string_equal(deliver(rig, &used, "go"), SATISFIED);
    assert_string_equal(deliver(rig, &later, "go"), BUFFERED);
}

static void
test_filter(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_scan_filter filter = { .namespace = ff_cstr("other") };
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_PENDING_WP_EXPIRY, .filter = &filter };
    struct target early;

    assert_ok(create_pending(rig, &claim, "A", 1000, &early));
    suspend_until(rig, 2, T + 1000, "fail");
    rig->now_ms = T + 1000;
    assert_int_equal(pass_with(rig, args), 0);
    args.scanner = FF_SCANNER_SUSPENSION_TIMEOUT;
    assert_int_equal(pass_with(rig, args), 0);
    filter.namespace = ff_cstr("N");
    assert_int_equal(pass_with(rig, args), 1);
    args.scanner = FF_SCANNER_PENDING_WP_EXPIRY;
    args.partition = ff_cstr("{fp:7}");
    assert_int_equal(pass_with(rig, args), 0);
    args.partition = ff_cstr("{fp:6}");
    assert_int_equal(pass_with(rig, args), 1);
}

static void
test_many_in_pages(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct target early;

    for (int i = 0; i < 250; i++) {
        assert_ok(create_pending(rig, &claim, "A", 1000, &early));
    }
    rig->now_ms = T + 1000;
    assert_int_equal(pass(rig, FF_SCANNER_PENDING_WP_EXPIRY), 250);
    assert_field(rig, 1, "open_waitpoints", "0");
}

/* What suspend answered under a key goes with its execution: the next one of that id starts anew.
 */
static void
test_purged_reply(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_trim_retention_args purge = { .partition = ff_cstr("{fp:6}"),
                                                  .lane_id = ff_cstr(""),
                                                  .batch_size = 20 };
    struct ff_trim_retention_result purged;
    struct ff_suspend_result results[2];

    for (int i = 0; i < 2; i++) {
        const struct ff_claim_result claim = create_and_claim(rig, 1);
        struct ff_suspend_args args = suspend_args(rig, &claim, NULL, OPERATOR_ONLY);

        args.idempotency_key = ff_cstr("k");
        results[i] = suspended_by(rig, &args);
        assert_ok(cancel_as(rig, 1, OPERATOR));
        assert_ok(ff_rig_trim_retention(rig, &purge, &purged));
        assert_int_equal(purged.purged, 1);
    }
    assert_false(ff_uuid_eq(results[0].details.suspension_id, results[1].details.suspension_id));
}

int
main(void)
{
    static const struct CMUnitTest singles[] = {
        WAIT_TEST("07 ex 12 deadline of a suspended one", test_deadline),
        WAIT_TEST("07 ex 13 suspension_timeout", test_timeouts),
        WAIT_TEST("07 ex 14 pending_wp_expiry", test_pending),
        WAIT_TEST("07 §1.3 filter", test_filter),
        WAIT_TEST("07 §4 a purge takes the replies of suspend", test_purged_reply),
        WAIT_TEST("07 ex 7 many in pages", test_many_in_pages),
    };

    return ff_rig_main("wait_scan", NULL, 0, singles, FF_COUNT(singles));
}
