/* Examples 45 to 47 and 50 of 06, each in full, as a subscriber sees them. */

#include <sodium.h>

#include "tests/engine/flow_acts.h"
#include "tests/engine/scan.h"
#include "tests/engine/wait_signal.h"

/* All that is retained, from sequence 0 on. */
static struct ff_read_events_result
all_of(struct ff_rig *rig, enum ff_event_family family)
{
    struct ff_read_events_args args = { .family = family, .limit = 256 };
    struct ff_read_events_result result;
    struct ff_str cursor;

    assert_ok(ff_rig_read_events(rig, &args, &result));
    cursor = ff_arena_copy(&rig->arena, result.cursor);
    memset((char *) (uintptr_t) cursor.p + 2, 0, 8);
    args.cursor = cursor;
    assert_ok(ff_rig_read_events(rig, &args, &result));
    return result;
}

static void
assert_named(struct ff_rig *rig, const struct ff_read_events_result *result, const char *want)
{
    struct ff_str text = ff_cstr("");

    for (uint32_t i = 0; i < result->events.n; i++) {
        const struct ff_feed_event *event = &result->events.v[i];

        text = ff_arena_printf(&rig->arena, "%s%s%.*s", text.p, i == 0 ? "" : " ",
                               (int) event->event.n, event->event.p);
    }
    assert_string_equal(text.p, want);
}

/* ---- example 45 ---- */

static void
test_ends(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_read_events_result result;

    make_flow(rig, 2);
    build(rig, 1, A, B);
    create_with(rig, 9, "{\"timeout_policy\":{\"execution_deadline_ms\":1000}}");
    rig->now_ms += 1000;
    assert_int_equal(pass(rig, FF_SCANNER_EXECUTION_DEADLINE), 1);
    break_down(rig, A);
    result = all_of(rig, FF_FAMILY_COMPLETION);
    assert_named(rig, &result, "expired failed skipped");
    assert_false(result.events.v[0].flow_id.is);
    assert_true(ff_uuid_eq(result.events.v[1].flow_id.v, F));
    assert_true(ff_eid_eq(result.events.v[2].execution_id.v, ff_rig_id(B)));
    assert_int_equal(result.events.v[2].outcome.v, FF_OUTCOME_SKIPPED);
}

/* ---- example 46 ---- */

static void
test_signals(void **state)
{
    static const char *const effects[] = { "buffered", "deduped", "appended_to_waitpoint",
                                           "satisfied" };
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct target early = pending(rig, &claim, "A");
    struct ff_deliver_signal_args args = signal_args(&early, "go", "alice");
    struct ff_suspend_result wait;
    struct ff_read_events_result result;
    struct target both, forged;

    args.idempotency_key = ff_cstr("once");
    delivered_by(rig, &args);
    delivered_by(rig, &args);
    wait = create_suspended(rig, 2, NULL, COUNT(2, "signals", "\"A\""));
    both = target_of(2, &wait.details, 0);
    forged = both;
    forged.token = ff_cstr("k1:00");
    assert_err(try_deliver(rig, &forged, "go"), FF_E_INVALID_TOKEN);
    assert_ok(try_deliver(rig, &both, "go"));
    assert_ok(try_deliver(rig, &both, "go"));
    result = all_of(rig, FF_FAMILY_SIGNAL_DELIVERY);
    assert_int_equal(result.events.n, FF_COUNT(effects));
    for (size_t i = 0; i < FF_COUNT(effects); i++) {
        assert_true(ff_str_is(result.events.v[i].effect, effects[i]));
    }
    assert_true(ff_uuid_eq(result.events.v[0].signal_id.v, result.events.v[1].signal_id.v));
    assert_false(ff_uuid_eq(result.events.v[2].signal_id.v, result.events.v[3].signal_id.v));
}

/* ---- example 47 ---- */

static void
assert_tag(const struct ff_feed_event *event, const char *what, const char *tag, const char *value)
{
    assert_true(ff_str_is(event->event, what));
    assert_true(ff_str_is(event->tag, tag));
    assert_true(ff_str_is(event->value, value));
}

static void
test_tags(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_tag tags[] = { { ff_cstr("a.y"), ff_cstr("2") }, { ff_cstr("a.x"), ff_cstr("1") } };
    struct ff_create_execution_args args = ff_rig_new_exec(1);
    struct ff_create_execution_result created;
    struct ff_set_execution_tag_args set = { .execution_id = ff_rig_id(1),
                                             .key = ff_cstr("a.x"),
                                             .value = ff_cstr("1") };
    struct ff_set_execution_tag_result done;
    struct ff_read_events_result result;

    args.tags = (struct ff_tags){ .v = tags, .n = 2 };
    assert_ok(ff_rig_create_execution(rig, &args, &created));
    assert_ok(ff_rig_create_execution(rig, &args, &created)); /* a duplicate attaches nothing */
    assert_ok(ff_rig_set_execution_tag(rig, &set, &done));
    result = all_of(rig, FF_FAMILY_INSTANCE_TAGS);
    assert_int_equal(result.events.n, 2);
    assert_tag(&result.events.v[0], "attached", "a.x", "1"); /* in key order */
    assert_tag(&result.events.v[1], "attached", "a.y", "2");
    set.value = ff_cstr("9");
    assert_ok(ff_rig_set_execution_tag(rig, &set, &done));
    result = all_of(rig, FF_FAMILY_INSTANCE_TAGS);
    assert_int_equal(result.events.n, 4);
    assert_tag(&result.events.v[2], "cleared", "a.x", "1");
    assert_tag(&result.events.v[3], "attached", "a.x", "9");
}

/* ---- example 50 ---- */

static struct ff_str
cursor_of_error(struct ff_rig *rig)
{
    const char *text = ff_rig_detail(rig, "cursor");
    unsigned char *bytes = ff_arena_alloc(&rig->arena, 64);
    size_t n = 0;

    assert_int_equal(sodium_base642bin(bytes, 64, text, strlen(text), NULL, &n, NULL,
                                       sodium_base64_VARIANT_ORIGINAL),
                     0);
    return ff_str(bytes, n);
}

static void
complete_new(struct ff_rig *rig, uint8_t number)
{
    const struct ff_claim_result claim = create_and_claim(rig, number);

    assert_ok(complete(rig, &claim, "out"));
}

static void
test_store_closed(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_read_events_args args = { .family = FF_FAMILY_COMPLETION, .limit = 256 };
    struct ff_read_events_result result = { .gap = false };
    struct ff_engine_config config;
    struct ff_waiting *waiting = NULL;

    complete_new(rig, 1);
    args.cursor = ff_arena_copy(&rig->arena, all_of(rig, FF_FAMILY_COMPLETION).cursor);
    args.block_ms = 30000;
    waiting = ff_rig_start(rig, FF_OP_read_events, &args);
    assert_false(ff_rig_is_done(waiting));
    ff_engine_stop_waits(rig->engine);
    ff_rig_pump(rig);
    assert_err(ff_rig_finish(rig, waiting, &result), FF_E_STREAM_DISCONNECTED);
    args.cursor = cursor_of_error(rig);
    args.block_ms = 0;
    ff_rig_engine_config(rig, &config);
    ff_rig_restart(rig, &config);
    complete_new(rig, 2);
    complete_new(rig, 3);
    assert_ok(ff_rig_read_events(rig, &args, &result));
    assert_int_equal(result.events.n, 2);
    assert_true(ff_eid_eq(result.events.v[0].execution_id.v, ff_rig_id(2)));
    assert_true(ff_eid_eq(result.events.v[1].execution_id.v, ff_rig_id(3)));
}

int
main(void)
{
    static const struct CMUnitTest singles[] = {
        RIG_TEST("06 ex 45: deadline, skipped child", test_ends),
        WAIT_TEST("06 ex 46: signals", test_signals),
        RIG_TEST("06 ex 47: two tags in key order", test_tags),
        RIG_TEST("06 ex 50: the error's cursor loses nothing", test_store_closed),
    };

    return ff_rig_main("feed_more", NULL, 0, singles, FF_COUNT(singles));
}
