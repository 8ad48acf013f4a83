/* tail_stream, closing, the stream pool and its gate: examples 27 to 35 of 06; 58 to 60 of 01. */
#include "tests/engine/output.h"

static struct ff_waiting *
tail(struct ff_rig *rig, uint8_t number, const char *after, uint64_t block_ms)
{
    const struct ff_tail_stream_args args = tail_args(number, after, block_ms);

    return ff_rig_start(rig, FF_OP_tail_stream, &args);
}

/* Fails if it still waits. */
static struct ff_tail_stream_result
ended(struct ff_rig *rig, struct ff_waiting *waiting)
{
    struct ff_tail_stream_result result = { 0 };

    ff_rig_pump(rig);
    assert_true(ff_rig_is_done(waiting));
    assert_ok(ff_rig_finish(rig, waiting, &result));
    return result;
}

static bool
waits(struct ff_rig *rig, const struct ff_waiting *waiting)
{
    ff_rig_pump(rig);
    return !ff_rig_is_done(waiting);
}

/* ---- waiting ---- */

static void
test_tail(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_waiting *waiting = NULL;

    assert_int_equal(ended(rig, tail(rig, 1, "0-0", 0)).frames.n, 0);
    append_text(rig, &claim, "x");
    assert_ids(rig, ended(rig, tail(rig, 1, "0-0", 0)), "10000-0");
    assert_int_equal(ended(rig, tail(rig, 1, "10000-0", 0)).frames.n, 0);
    assert_int_equal(ended(rig, tail(rig, 1, "10000", 0)).frames.n, 0); /* 10000-0 */
    waiting = tail(rig, 1, "10000-0", 150);
    rig->now_ms += 149;
    assert_true(waits(rig, waiting));
    rig->now_ms += 1;
    assert_int_equal(ended(rig, waiting).frames.n, 0);
    assert_string_equal(close_of(rig, 1, 0), "open");
}

static void
test_tail_is_woken(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_waiting *waiting = tail(rig, 1, "0-0", 2000);

    rig->now_ms += 80;
    assert_true(waits(rig, waiting));
    append_text(rig, &claim, "x");
    assert_ids(rig, ended(rig, waiting), "10080-0");
}

static void
test_tail_follows(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_tail_stream_args args = tail_args(1, "0-0", 0);
    struct ff_tail_stream_result result;

    for (int i = 0; i < 5; i++) {
        append_text(rig, &claim, "x");
    }
    args.limit = 2;
    assert_ok(ff_rig_tail_stream(rig, &args, &result));
    assert_ids(rig, result, "10000-0 10000-1");
    args.after = ff_arena_copy(&rig->arena, result.frames.v[1].id);
    assert_ok(ff_rig_tail_stream(rig, &args, &result));
    assert_ids(rig, result, "10000-2 10000-3");
}

static const struct bad_row {
    const char *name;
    const char *after;
    uint64_t block_ms, limit;
} bad_rows[] = {
    { "06 ex 29: after start", "start", 0, 10 },
    { "06 ex 29: after end", "end", 0, 10 },
    { "06 ex 29: block 30 001", "0-0", 30001, 10 },
    { "after nothing", "", 0, 10 },
    { "limit 0", "0-0", 0, 0 },
    { "limit 10 001", "0-0", 0, 10001 },
};

static void
test_bad_row(void **state)
{
    const struct bad_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_tail_stream_args args = tail_args(1, row->after, row->block_ms);
    struct ff_tail_stream_result result;

    args.limit = row->limit;
    assert_err(ff_rig_tail_stream(rig, &args, &result), FF_E_INVALID_INPUT);
    ff_rig_free(rig);
}

static void
test_visibility(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_tail_stream_args args = tail_args(1, "0-0", 0);
    struct ff_read_stream_args read = read_args(1, 0);
    struct ff_read_stream_result page;
    struct ff_tail_stream_result result;
    struct ff_append_frame_result appended;
    struct ff_waiting *filtered = NULL, *all = NULL;

    append_text(rig, &claim, "d1");
    assert_ok(append_mode(rig, &claim, "b1", live_mode(5000), &appended));
    assert_ok(append_mode(rig, &claim, "{\"s\":1}", mode_of("durable_summary"), &appended));
    assert_ok(append_mode(rig, &claim, "b2", live_mode(5000), &appended));
    args.visibility = read.visibility = FF_VISIBILITY_DURABLE;
    assert_ok(ff_rig_tail_stream(rig, &args, &result));
    assert_string_equal(list(rig, result.frames, "payload"), "d1 {\"s\":1}");
    assert_ok(ff_rig_read_stream(rig, &read, &page));
    assert_string_equal(list(rig, page.frames, "payload"), "d1 {\"s\":1}");
    args.after = ff_cstr("10000-3");
    args.block_ms = 2000;
    filtered = ff_rig_start(rig, FF_OP_tail_stream, &args);
    args.visibility = FF_VISIBILITY_ALL;
    all = ff_rig_start(rig, FF_OP_tail_stream, &args);
    assert_ok(append_mode(rig, &claim, "b3", live_mode(5000), &appended));
    assert_int_equal(ended(rig, all).frames.n, 1);
    assert_true(waits(rig, filtered));
    append_text(rig, &claim, "d2");
    assert_string_equal(list(rig, ended(rig, filtered).frames, "payload"), "d2");
}

/* ---- closing ---- */

static void
test_close_wakes(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_waiting *waiting = tail(rig, 1, "0-0", 2000);
    struct ff_tail_stream_result result;

    assert_ok(complete(rig, &claim, "done"));
    result = ended(rig, waiting);
    assert_int_equal(result.frames.n, 0);
    assert_true(ff_str_is(result.closed_reason, "attempt_success"));
    assert_int_equal(result.closed_at.v, 10000);
    result = ended(rig, tail(rig, 1, "0-0", 10000));
    assert_true(ff_str_is(result.closed_reason, "attempt_success"));
}

static void
test_closed_without_a_frame(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_fail_result result;

    assert_ok(fail_as(rig, &claim, FF_FAILURE_PERMANENT, "x", &result));
    assert_string_equal(close_of(rig, 1, 0), "attempt_failure 10000");
    assert_int_equal(read_all(rig, 1, 0).frames.n, 0);
}

static void
test_reclaimed(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_waiting *waiting = NULL;

    append_text(rig, &claim, "x");
    rig->now_ms = 30000;
    waiting = tail(rig, 1, "10000-0", 30000);
    rig->now_ms = 40000;
    assert_string_equal(mark_expired(rig, 1), "marked_expired");
    assert_true(ff_str_is(ended(rig, waiting).closed_reason, "lease_expired"));
    assert_string_equal(close_of(rig, 1, 0), "lease_expired 40000");
    rig->now_ms = 41000;
    claim_this(rig, 1);
    assert_string_equal(close_of(rig, 1, 0), "reclaimed 40000");
    assert_string_equal(close_of(rig, 1, 1), "open");
    assert_int_equal(read_all(rig, 1, 0).frames.n, 1);
    assert_int_equal(read_all(rig, 1, 1).frames.n, 0);
}

static void
test_cancelled(void **state)
{
    struct ff_rig *rig = *state;

    output_begin(rig);
    assert_ok(cancel_as(rig, 1, OPERATOR));
    assert_string_equal(close_of(rig, 1, 0), "attempt_cancelled 10000");
}

/* ---- many ---- */

static void
test_many_tails_cost_nothing(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_waiting *waiting[1000];
    struct ff_engine_config config;
    struct ff_engine_stats before, after;

    ff_rig_engine_config(rig, &config);
    config.stream_ops_max = 1024;
    ff_rig_restart(rig, &config);
    for (size_t i = 0; i < FF_COUNT(waiting); i++) {
        struct ff_tail_stream_args args = tail_args(2, "0-0", 20000);

        args.attempt_index = (uint32_t) i;
        waiting[i] = ff_rig_start(rig, FF_OP_tail_stream, &args);
    }
    ff_engine_stats(rig->engine, &before);
    append_text(rig, &claim, "x");
    ff_engine_stats(rig->engine, &after);
    assert_int_equal(after.parked, 1000);
    if (!rig->contrary) {
        assert_int_equal(after.calls - before.calls, 1); /* none of them was looked at */
    }
    rig->now_ms += 20000;
    for (size_t i = 0; i < FF_COUNT(waiting); i++) {
        assert_int_equal(ended(rig, waiting[i]).frames.n, 0);
    }
}

/* ---- the pool ---- */

static void
with_pool(struct ff_rig *rig, uint32_t max)
{
    struct ff_engine_config config;

    ff_rig_engine_config(rig, &config);
    config.stream_ops_max = max;
    ff_rig_restart(rig, &config);
}

static void
test_pool(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    const struct ff_read_summary_args args = { .execution_id = ff_rig_id(1) };
    struct ff_read_summary_result summary;
    struct ff_waiting *waiting[5];

    with_pool(rig, 2);
    for (size_t i = 0; i < FF_COUNT(waiting); i++) {
        waiting[i] = tail(rig, 1, "0-0", 2000);
    }
    for (size_t i = 0; i < FF_COUNT(waiting); i++) {
        struct ff_tail_stream_result result;

        assert_int_equal(waits(rig, waiting[i]), i < 2);
        if (i >= 2) {
            assert_err(ff_rig_finish(rig, waiting[i], &result), FF_E_RESOURCE_EXHAUSTED);
            assert_detail(rig, "pool", "stream_ops");
            assert_detail(rig, "max", "2");
            assert_detail(rig, "retry_after_ms", "50");
        }
    }
    assert_ok(ff_rig_read_summary(rig, &args, &summary));
    append_text(rig, &claim, "x");
    assert_int_equal(ended(rig, waiting[0]).frames.n, 1);
    assert_int_equal(ended(rig, waiting[1]).frames.n, 1);
    assert_int_equal(read_all(rig, 1, 0).frames.n, 1); /* and the pool is full again */
}

static ff_err
shut(struct ff_rig *rig, uint64_t grace_ms)
{
    const struct ff_shutdown_prepare_args args = { .grace_ms = grace_ms };
    struct ff_shutdown_prepare_result result;

    return ff_rig_shutdown_prepare(rig, &args, &result);
}

static void
test_gate(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    const struct ff_shutdown_prepare_args args = { .grace_ms = 5000 };
    const struct ff_ping_args no_args = { 0 };
    const struct ff_read_stream_args read = read_args(1, 0);
    struct ff_read_stream_result page;
    struct ff_shutdown_prepare_result shut_result;
    struct ff_ping_result pong;
    struct ff_waiting *waiting[16], *shutting = NULL;

    for (size_t i = 0; i < FF_COUNT(waiting); i++) {
        waiting[i] = tail(rig, 1, "0-0", 30000);
    }
    shutting = ff_rig_start(rig, FF_OP_shutdown_prepare, &args);
    for (size_t i = 0; i < FF_COUNT(waiting); i++) {
        struct ff_tail_stream_result result = ended(rig, waiting[i]);

        assert_int_equal(result.frames.n, 0);
        assert_false(result.closed_at.is);
    }
    assert_false(waits(rig, shutting));
    assert_ok(ff_rig_finish(rig, shutting, &shut_result));
    assert_err(ff_rig_read_stream(rig, &read, &page), FF_E_UNAVAILABLE);
    assert_detail(rig, "gate", "stream_ops");
    assert_ok(ff_rig_ping(rig, &no_args, &pong));
    assert_int_equal(describe(rig, 1).total_attempt_count, 1);
    append_text(rig, &claim, "x");
    assert_ok(shut(rig, 0)); /* again */
}

/* ---- passes of scanners (01 §10.6) ---- */

static struct ff_scan_due_result
due_now(struct ff_rig *rig, uint64_t block_ms)
{
    const struct ff_scan_due_args args = { .scanner = FF_SCANNER_DELAYED_PROMOTER,
                                           .block_ms = block_ms };
    struct ff_scan_due_result due;

    assert_ok(ff_rig_scan_due(rig, &args, &due));
    return due;
}

static void
delay_two(struct ff_rig *rig)
{
    for (uint8_t i = 1; i <= 2; i++) {
        struct ff_claim_result claim = create_and_claim(rig, i);

        assert_ok(delay(rig, &claim, rig->now_ms + 1000));
    }
    rig->now_ms += 1000;
}

static void
test_gate_waits_for_a_pass(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_shutdown_prepare_args args = { .grace_ms = 5000 };
    struct ff_shutdown_prepare_result result;
    struct ff_waiting *shutting = NULL;

    delay_two(rig);
    assert_int_equal(due_now(rig, 0).items.n, 2);
    shutting = ff_rig_start(rig, FF_OP_shutdown_prepare, &args);
    assert_true(waits(rig, shutting));
    assert_string_equal(promote(rig, 1), "promoted"); /* the item under way is finished */
    assert_true(waits(rig, shutting));
    assert_int_equal(due_now(rig, 0).items.n, 0); /* the other one is left: the pass is over */
    assert_false(waits(rig, shutting));
    assert_ok(ff_rig_finish(rig, shutting, &result));
    assert_int_equal(due_now(rig, 0).items.n, 0);
    assert_ok(shut(rig, 0));
    assert_field(rig, 2, "public_state", "delayed");
}

static void
test_gate_gives_a_pass_its_grace(void **state)
{
    struct ff_rig *rig = *state;

    delay_two(rig);
    assert_int_equal(due_now(rig, 0).items.n, 2);
    assert_err(shut(rig, 0), FF_E_TIMEOUT);
    assert_detail(rig, "elapsed_ms", "0");
    assert_int_equal(due_now(rig, 0).items.n, 0);
    assert_ok(shut(rig, 0));
}

/* What waits for the next item is no pass; it goes on waiting, and is given nothing. */
static void
test_gate_keeps_scan_due_waiting(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_scan_due_args args = { .scanner = FF_SCANNER_DELAYED_PROMOTER,
                                           .block_ms = 30000 };
    struct ff_waiting *waiting = ff_rig_start(rig, FF_OP_scan_due, &args);
    struct ff_scan_due_result due;

    assert_ok(shut(rig, 0));
    delay_two(rig);
    ff_rig_pump(rig);
    assert_true(waits(rig, waiting));
    rig->now_ms += 30000;
    ff_rig_pump(rig);
    assert_false(waits(rig, waiting));
    assert_ok(ff_rig_finish(rig, waiting, &due));
    assert_int_equal(due.items.n, 0);
}

/* ---- a store that keeps a read waiting ---- */

static struct stuck {
    struct ff_store store; /* first */
    struct ff_store *under;
    struct ff_store_ops ops;
    struct ff_load *held;
} stuck;

static void
stuck_load(struct ff_store *store, struct ff_load *load)
{
    (void) store;
    assert_null(stuck.held);
    stuck.held = load;
}

static void
stuck_commit(struct ff_store *store, struct ff_commit *commit)
{
    (void) store;
    ff_store_commit(stuck.under, commit);
}

static void
stuck_poll(struct ff_store *store, bool wait)
{
    struct ff_load *load = stuck.held;

    (void) store;
    if (wait && load != NULL) {
        stuck.held = NULL;
        ff_store_load(stuck.under, load);
    }
    ff_store_poll(stuck.under, wait);
}

static void
test_drain_times_out(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_read_stream_args args = read_args(1, 0);
    const struct ff_shutdown_prepare_args shut_args = { .grace_ms = 100 };
    struct ff_engine_config config;
    struct ff_shutdown_prepare_result result;
    struct ff_read_stream_result page;
    struct ff_waiting *reading = NULL, *shutting = NULL;

    stuck = (struct stuck){ .under = rig->store, .ops = *rig->store->ops };
    stuck.ops.load = stuck_load;
    stuck.ops.commit = stuck_commit;
    stuck.ops.poll = stuck_poll;
    stuck.ops.immediate = false;
    stuck.store.ops = &stuck.ops;
    ff_engine_free(rig->engine);
    ff_rig_engine_config(rig, &config);
    rig->engine = ff_engine_new(&config, &stuck.store);
    reading = ff_rig_submit(rig, FF_OP_read_stream, &args);
    shutting = ff_rig_submit(rig, FF_OP_shutdown_prepare, &shut_args);
    ff_engine_run(rig->engine);
    rig->now_ms += 99;
    ff_engine_run(rig->engine);
    assert_false(ff_rig_is_done(shutting));
    rig->now_ms += 1;
    ff_engine_run(rig->engine);
    assert_true(ff_rig_is_done(shutting));
    assert_err(ff_rig_finish(rig, shutting, &result), FF_E_TIMEOUT);
    assert_detail(rig, "elapsed_ms", "100");
    assert_false(ff_rig_is_done(reading));
    while (!ff_rig_is_done(reading)) {
        ff_store_poll(&stuck.store, true);
        ff_engine_run(rig->engine);
    }
    (void) ff_rig_finish(rig, reading, &page);
    assert_ok(shut(rig, 0));
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(bad_rows, test_bad_row) };
    static const struct CMUnitTest singles[] = {
        RIG_TEST("06 ex 27: with and without waiting", test_tail),
        RIG_TEST("06 ex 28: an append wakes", test_tail_is_woken),
        RIG_TEST("a tail goes on behind its last frame", test_tail_follows),
        RIG_TEST("06 ex 30: visibility", test_visibility),
        RIG_TEST("06 ex 31: the close wakes", test_close_wakes),
        RIG_TEST("06 ex 32: closed without a frame", test_closed_without_a_frame),
        RIG_TEST("06 ex 33: reclaimed", test_reclaimed),
        RIG_TEST("a cancel closes", test_cancelled),
        RIG_TEST("06 ex 34: an append looks at no other stream's tails",
                 test_many_tails_cost_nothing),
        RIG_TEST("06 ex 35, 01 ex 60: the stream pool", test_pool),
        RIG_TEST("01 ex 58: shutdown_prepare ends tails", test_gate),
        RIG_TEST("01 ex 59: shutdown_prepare gives up", test_drain_times_out),
        RIG_TEST("01 §10.6: shutdown_prepare waits for a scanner's pass",
                 test_gate_waits_for_a_pass),
        RIG_TEST("01 §10.6: a pass has only the grace", test_gate_gives_a_pass_its_grace),
        RIG_TEST("01 §10.6: a scan_due that waits is no pass", test_gate_keeps_scan_due_waiting),
    };

    return ff_rig_main("tail", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
