/* trim_expired takes what lapsed first, of whatever kind it is (07 §4.1). */

#include "core/records_stream.h"
#include "tests/engine/budget.h"
#include "tests/engine/output.h"

#define DAY_MS INT64_C(86400000)

static void
create_keyed(struct ff_rig *rig, uint8_t number, uint64_t window_ms)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result result;

    args.idempotency_key = ff_arena_printf(&rig->arena, "key %u", number);
    args.policy = ff_rig_any(rig, ff_arena_printf(&rig->arena, "{\"dedup_window_ms\":%llu}",
                                                  (unsigned long long) window_ms)
                                      .p);
    assert_ok(ff_rig_create_execution(rig, &args, &result));
    assert_string_equal(result.outcome, "created");
}

/* What there is left: create keys, frames, budget keys, events. */
static const char *
left(struct ff_rig *rig)
{
    const struct ff_eid id = ff_rig_id(9);
    struct ff_scope creates = ff_scope_kind(FF_R_CREATE_KEY);
    struct ff_scope budgets = ff_scope_kind(FF_R_BUDGET_KEY);
    struct ff_scope frames = ff_scope_frames(&id, 0, FF_FRAME_BEST_EFFORT);

    return ff_arena_printf(&rig->arena, "%u %u %u %u",
                           ff_rig_entries(rig, FF_IX_EXPIRING, &creates),
                           ff_rig_entries(rig, FF_IX_FRAMES, &frames),
                           ff_rig_entries(rig, FF_IX_EXPIRING, &budgets),
                           ff_rig_events(rig, FF_FAMILY_LEASE_HISTORY).n)
        .p;
}

static uint32_t
trim_one(struct ff_rig *rig)
{
    const struct ff_trim_expired_args args = { .batch_size = 1 };
    struct ff_trim_expired_result result;

    assert_ok(ff_rig_trim_expired(rig, &args, &result));
    return result.purged;
}

static void
test_oldest_first(void **state)
{
    static const char *const after[] = { "2 1 1 2", "2 0 1 2", "1 0 1 2",
                                         "1 0 0 2", "1 0 0 1", "0 0 0 1" };
    struct ff_rig *rig = *state;
    struct ff_append_frame_result appended;
    struct ff_renew_result renewed;
    struct ff_claim_result claim = create_and_claim(rig, 9);

    assert_ok(append_mode(rig, &claim, "x", live_mode(5000), &appended)); /* until 10 000 */
    create_keyed(rig, 1, 8000);
    create_keyed(rig, 2, 12000);
    create_keyed(rig, 3, DAY_MS + 1000);
    budget(rig, 1, "tokens 100/50");
    assert_string_equal(report(rig, 1, "tokens 1", "k"), "ok"); /* its key: a day */
    rig->now_ms += 500;
    assert_ok(renew(rig, &claim, &renewed)); /* of two events the newest stays */
    rig->now_ms += DAY_MS + 1500;
    assert_string_equal(left(rig), "3 1 1 2");
    for (size_t i = 0; i < FF_COUNT(after); i++) {
        assert_int_equal(trim_one(rig), 1);
        assert_string_equal(left(rig), after[i]);
    }
    assert_int_equal(trim_one(rig), 0);
}

/* More events than a step takes, and keys that lapsed between them. */
static void
test_in_steps(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_trim_expired_args args = { .batch_size = 100000 };
    struct ff_scope creates = ff_scope_kind(FF_R_CREATE_KEY);
    struct ff_trim_expired_result result;
    struct ff_renew_result renewed;
    struct ff_claim_result claim = create_and_claim(rig, 9);

    for (uint32_t i = 1; i <= 5000; i++) {
        rig->now_ms++;
        assert_ok(renew(rig, &claim, &renewed));
        if (i % 100 == 0) {
            create_keyed(rig, (uint8_t) (100 + i / 100), DAY_MS);
        }
    }
    rig->now_ms += DAY_MS;
    assert_ok(ff_rig_trim_expired(rig, &args, &result));
    assert_true(rig->contrary ? result.purged <= 5050 : result.purged == 5050);
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_LEASE_HISTORY).n, 1);
    assert_int_equal(ff_rig_entries(rig, FF_IX_EXPIRING, &creates), 0);
    assert_int_equal(trim_one(rig), 0);
}

int
main(void)
{
    static const struct CMUnitTest singles[] = {
        RIG_TEST("07 §4.1 oldest first, keys, frames and events alike", test_oldest_first),
        RIG_TEST("07 §4.1 in steps", test_in_steps),
    };

    return ff_rig_main("trim_order", NULL, 0, singles, FF_COUNT(singles));
}
