/* Summaries and what is kept: examples 12 to 26 of 06. */
#include "tests/engine/output.h"

/* Appends a patch; "12: {document}" of the summary then, or the error's reason. */
static const char *
patch(struct ff_rig *rig, const struct ff_claim_result *claim, const char *json)
{
    const struct ff_read_summary_args args = { .execution_id = ff_rig_id(1) };
    struct ff_append_frame_result appended;
    struct ff_read_summary_result result;

    if (append_mode(rig, claim, json, mode_of("durable_summary"), &appended) != FF_E_OK) {
        return ff_rig_detail(rig, "reason");
    }
    assert_ok(ff_rig_read_summary(rig, &args, &result));
    assert_non_null(result.summary);
    assert_int_equal(result.summary->version, appended.summary_version.v);
    assert_string_equal(result.summary->patch_kind, "json_merge_patch");
    return ff_arena_printf(&rig->arena, "%llu: %.*s", (unsigned long long) result.summary->version,
                           TEXT(result.summary->document_json))
        .p;
}

static struct ff_stream_summary *
summary(struct ff_rig *rig)
{
    const struct ff_read_summary_args args = { .execution_id = ff_rig_id(1) };
    struct ff_read_summary_result result;

    assert_ok(ff_rig_read_summary(rig, &args, &result));
    return result.summary;
}

static void
test_summary(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);

    assert_null(summary(rig));
    assert_string_equal(patch(rig, &claim, "{\"a\":1,\"b\":{\"c\":2}}"),
                        "1: {\"a\":1,\"b\":{\"c\":2}}");
    rig->now_ms = 12000;
    assert_string_equal(patch(rig, &claim, "{\"a\":null,\"b\":{\"d\":3}}"),
                        "2: {\"b\":{\"c\":2,\"d\":3}}");
    assert_int_equal(summary(rig)->first_applied_ms, 10000);
    assert_int_equal(summary(rig)->last_updated_ms, 12000);
    assert_ok(complete(rig, &claim, "done"));
    assert_int_equal(summary(rig)->version, 2);
}

static void
test_bad_patches(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);

    assert_string_equal(patch(rig, &claim, "{\"n\":9007199254740993}"),
                        "1: {\"n\":9007199254740993}");
    assert_string_equal(patch(rig, &claim, "not json"), "not_json");
    assert_string_equal(patch(rig, &claim, "[1]"), "not_an_object");
    assert_string_equal(patch(rig, &claim, "\"s\""), "not_an_object");
    assert_string_equal(patch(rig, &claim, "null"), "not_an_object");
    assert_int_equal(read_all(rig, 1, 0).frames.n, 1);
    assert_string_equal(patch(rig, &claim, "{}"), "2: {\"n\":9007199254740993}");
}

static void
test_document_limit(void **state)
{
    static char text[65000];
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_append_frame_result result;
    ff_err err = FF_E_OK;
    int n = 0;

    for (n = 0; err == FF_E_OK && n < 20; n++) {
        memset(text, 'x', sizeof(text) - 1);
        text[0] = '{';
        memcpy(text + 1, "\"kNN\":\"", 7);
        text[3] = (char) ('a' + n / 10);
        text[4] = (char) ('a' + n % 10);
        memcpy(text + sizeof(text) - 3, "\"}", 2);
        err = append_mode(rig, &claim, text, mode_of("durable_summary"), &result);
    }
    assert_int_equal(n, 17); /* 16 of them are 1 040 000 bytes */
    assert_err(err, FF_E_RETENTION_LIMIT_EXCEEDED);
    assert_int_equal(summary(rig)->version, 16);
    assert_int_equal(read_all(rig, 1, 0).frames.n, 16);
}

static void
test_modes_in_order(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_read_stream_result read;

    append_text(rig, &claim, "1");
    patch(rig, &claim, "{\"a\":1}");
    append_text(rig, &claim, "2");
    patch(rig, &claim, "{\"b\":1}");
    read = read_all(rig, 1, 0);
    assert_string_equal(list(rig, read.frames, "mode"), "durable summary durable summary");
    assert_string_equal(list(rig, read.frames, "summary_version"), " 1  2");
    assert_int_equal(summary(rig)->version, 2);
}

static void
test_summary_frames_kept(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_append_frame_result result;
    struct ff_read_stream_result read;

    for (int i = 0; i < 5; i++) {
        append_text(rig, &claim, "d");
    }
    for (int i = 0; i < 70; i++) {
        char json[32];

        snprintf(json, sizeof(json), "{\"k%d\":%d}", i % 3, i);
        assert_ok(append_mode(rig, &claim, json, mode_of("durable_summary"), &result));
    }
    assert_int_equal(result.frame_count, 75);
    read = read_all(rig, 1, 0);
    assert_int_equal(read.frames.n, 69);
    assert_string_equal(field(rig, &read.frames.v[4], "mode"), "durable");
    assert_string_equal(field(rig, &read.frames.v[5], "summary_version"), "7");
    assert_string_equal(patch(rig, &claim, "{}"), "71: {\"k0\":69,\"k1\":67,\"k2\":68}");
}

static void
append_many(struct ff_rig *rig, const struct ff_claim_result *claim, uint32_t n)
{
    struct ff_append_frame_args args = { .handle = *claim->handle, .frame = frame_of("x") };

    while (n > 0) {
        struct ff_waiting *waiting[64];
        uint32_t some = n < FF_COUNT(waiting) ? n : (uint32_t) FF_COUNT(waiting);

        for (uint32_t i = 0; i < some; i++) {
            waiting[i] = ff_rig_submit(rig, FF_OP_append_frame, &args);
        }
        for (uint32_t i = 0; i < some; i++) {
            struct ff_append_frame_result result;
            ff_err err = FF_E_OK;

            ff_rig_pump(rig);
            err = ff_rig_finish(rig, waiting[i], &result);
            n -= err == FF_E_OK;
            assert_true(err == FF_E_OK || (rig->contrary && err == FF_E_TRANSPORT));
        }
    }
}

static void
test_durable_frames_kept(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_append_frame_result result;
    struct ff_new_frame frame = frame_of("last");
    struct ff_read_stream_result read;

    append_many(rig, &claim, 10000);
    read = read_all(rig, 1, 0);
    assert_int_equal(read.frames.n, 10000);
    assert_true(ff_str_is(read.frames.v[0].id, "10000-0"));
    assert_ok(append(rig, &claim, &frame, &result));
    assert_int_equal(result.frame_count, 10001);
    read = read_all(rig, 1, 0);
    assert_int_equal(read.frames.n, 10000);
    assert_true(ff_str_is(read.frames.v[0].id, "10000-1"));
}

static void
test_durable_frames_of_a_policy(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    create_with(rig, 1, "{\"stream_policy\":{\"retention_maxlen\":3}}");
    claim = claim_this(rig, 1);
    append_many(rig, &claim, 5);
    assert_ids(rig, read_all(rig, 1, 0), "1000000-2 1000000-3 1000000-4");
    create_with(rig, 2, "{\"stream_policy\":{\"retention_maxlen\":0}}");
    claim = claim_this(rig, 2);
    append_many(rig, &claim, 5);
    assert_int_equal(read_all(rig, 2, 0).frames.n, 5);
}

/* ---- best effort ---- */

/* The stored record of attempt 0. */
static struct ff_stream
stream_of_exec(struct ff_rig *rig, uint8_t number)
{
    struct ff_eid id = ff_rig_id(number);
    struct ff_key key = ff_key_attempt(&id, 0);
    struct ff_stream stream;

    ff_rig_record(rig, FF_R_STREAM, &key, &stream);
    return stream;
}

static struct ff_stream
stream_of(struct ff_rig *rig)
{
    return stream_of_exec(rig, 1);
}

static struct ff_append_frame_result
live(struct ff_rig *rig, const struct ff_claim_result *claim, struct ff_frame_mode mode)
{
    struct ff_append_frame_result result;

    assert_ok(append_mode(rig, claim, "b", mode, &result));
    return result;
}

static void
test_first_live_frame(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);

    live(rig, &claim, live_mode(5000));
    assert_int_equal(stream_of(rig).maxlen_applied_last.v, 64);
    assert_true(stream_of(rig).ema_rate_hz > 6.399 && stream_of(rig).ema_rate_hz < 6.401);
    assert_string_equal(list(rig, read_all(rig, 1, 0).frames, "ttl_ms"), "5000");
    assert_string_equal(list(rig, read_all(rig, 1, 0).frames, "mode"), "best_effort");
}

static void
test_live_ceiling(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_frame_mode mode = live_mode(30000);
    struct ff_read_stream_result read;

    mode.ema_alpha = 0.3;
    mode.maxlen_ceiling = 256;
    for (int i = 0; i < 512; i++) {
        live(rig, &claim, mode);
        rig->now_ms++;
    }
    assert_int_equal(stream_of(rig).maxlen_applied_last.v, 256);
    assert_int_equal(stream_of(rig).live_stored, 256);
    read = read_all(rig, 1, 0);
    assert_int_equal(read.frames.n, 256);
    assert_true(ff_str_is(read.frames.v[0].id, "10256-0"));
    /* A ceiling that comes down hides at once what is removed little by little. */
    mode.maxlen_ceiling = 0;
    mode.maxlen_floor = mode.maxlen_ceiling = 10;
    live(rig, &claim, mode);
    assert_int_equal(read_all(rig, 1, 0).frames.n, 10);
    assert_int_equal(stream_of(rig).live_stored, 257 - 64);
    for (int i = 0; i < 4; i++) {
        live(rig, &claim, mode);
        assert_int_equal(read_all(rig, 1, 0).frames.n, 10);
    }
    assert_int_equal(stream_of(rig).live_stored, 10);
}

static void
test_live_rate_falls(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    double before = 0;

    for (int i = 0; i < 64; i++) {
        live(rig, &claim, live_mode(30000));
        rig->now_ms++;
    }
    before = stream_of(rig).ema_rate_hz;
    rig->now_ms += 2000;
    live(rig, &claim, live_mode(30000));
    assert_true(stream_of(rig).ema_rate_hz < before);
}

static void
test_live_expiry(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);

    live(rig, &claim, live_mode(5000));
    live(rig, &claim, live_mode(5000));
    rig->now_ms = 19999;
    assert_int_equal(read_all(rig, 1, 0).frames.n, 2);
    rig->now_ms = 20000;
    assert_int_equal(read_all(rig, 1, 0).frames.n, 0);
    assert_string_equal(close_of(rig, 1, 0), "open");
    rig->now_ms = 20001;
    assert_true(ff_str_is(live(rig, &claim, live_mode(5000)).frame_id, "20001-0"));
    assert_ids(rig, read_all(rig, 1, 0), "20001-0");
    assert_int_equal(stream_of(rig).frame_count, 3);
    assert_int_equal(stream_of(rig).live_stored, 1);
    /* What has expired does not come back with a durable frame. */
    rig->now_ms = 30001;
    append_text(rig, &claim, "d");
    assert_ids(rig, read_all(rig, 1, 0), "30001-0");
}

/* What has expired is removed by the trimmer, which scan_due tells. */
static void
test_expired_frames_are_trimmed(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    const struct ff_scan_due_args scan = { .scanner = FF_SCANNER_RETENTION_TRIMMER };
    const struct ff_trim_expired_args trim = { .batch_size = 1000 }, one = { .batch_size = 1 };
    struct ff_scan_due_result due;
    struct ff_trim_expired_result result;

    live(rig, &claim, live_mode(5000));
    rig->now_ms = 15000;
    live(rig, &claim, live_mode(5000));
    live(rig, &claim, live_mode(5000));
    rig->now_ms = 20000; /* when the first would have: looked at, and put off */
    assert_ok(ff_rig_trim_expired(rig, &trim, &result));
    assert_int_equal(result.purged, 0);
    assert_int_equal(stream_of(rig).sweep_at.v, 25000);
    assert_ok(ff_rig_scan_due(rig, &scan, &due));
    assert_int_equal(due.items.n, 0);
    assert_int_equal(due.next_due_at.v, 25000);
    rig->now_ms = 25000;
    assert_ok(ff_rig_scan_due(rig, &scan, &due));
    assert_int_equal(due.items.n, 1);
    assert_ok(ff_rig_trim_expired(rig, &one, &result));
    assert_int_equal(result.purged, 1);
    assert_int_equal(stream_of(rig).live_stored, 2);
    assert_ok(ff_rig_trim_expired(rig, &trim, &result));
    assert_int_equal(result.purged, 2);
    assert_int_equal(stream_of(rig).live_stored, 0);
    assert_false(stream_of(rig).sweep_at.is);
    assert_int_equal(stream_of(rig).frame_count, 3);
}

static void
test_purge_takes_output(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_trim_retention_args trim = { .partition = ff_cstr("{fp:6}"), .batch_size = 20 };
    struct ff_trim_retention_result trimmed;
    struct ff_append_frame_result result;

    append_text(rig, &claim, "d");
    assert_ok(append_mode(rig, &claim, "b", live_mode(0), &result));
    patch(rig, &claim, "{}");
    assert_ok(complete(rig, &claim, "done"));
    rig->now_ms += 1000;
    trim.retention_ms = 1000;
    assert_ok(ff_rig_trim_retention(rig, &trim, &trimmed));
    assert_int_equal(trimmed.purged, 1);
    assert_int_equal(read_all(rig, 1, 0).frames.n, 0);
    assert_string_equal(close_of(rig, 1, 0), "open");
    assert_null(summary(rig));
}

static void
test_durable_ends_expiry(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    rig->now_ms = OUTPUT_START_MS;
    create(rig, 1);
    claim = claim_this(rig, 1);
    live(rig, &claim, live_mode(5000));
    append_text(rig, &claim, "d");
    live(rig, &claim, live_mode(5000));
    rig->now_ms += 60000;
    assert_string_equal(list(rig, read_all(rig, 1, 0).frames, "mode"),
                        "best_effort durable best_effort");
}

static void
test_live_knobs(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig), second = create_and_claim(rig, 2);
    struct ff_frame_mode mode = live_mode(0);
    struct ff_append_frame_result result;
    struct ff_stream stream;

    mode.ema_alpha = 0;
    mode.maxlen_floor = 0;
    mode.maxlen_ceiling = 0;
    for (int i = 0; i < 3; i++) {
        live(rig, &claim, mode);
        rig->now_ms++;
    }
    stream = stream_of(rig);
    assert_int_equal(stream.maxlen_applied_last.v, 64);
    assert_false(stream.expires_at.is);                                    /* ttl_ms 0 */
    assert_true(stream.ema_rate_hz > 20839 && stream.ema_rate_hz < 20841); /* alpha 0.2 */
    assert_string_equal(field(rig, &read_all(rig, 1, 0).frames.v[0], "ttl_ms"), "");
    mode.maxlen_floor = 100;
    mode.maxlen_ceiling = 10;
    assert_ok(append_mode(rig, &second, "b", mode, &result));
    assert_int_equal(stream_of_exec(rig, 2).maxlen_applied_last.v, 100);
}

int
main(void)
{
    static const struct CMUnitTest singles[] = {
        RIG_TEST("06 ex 12, 14: a summary", test_summary),
        RIG_TEST("06 ex 16, 17: bad patches change nothing", test_bad_patches),
        RIG_TEST("a summary document is at most 1 MiB", test_document_limit),
        RIG_TEST("06 ex 18: modes in the order of their frames", test_modes_in_order),
        RIG_TEST("06 ex 19: 64 summary frames are kept", test_summary_frames_kept),
        RIG_TEST("06 ex 20: 10 000 durable frames are kept", test_durable_frames_kept),
        RIG_TEST("retention_maxlen of the policy", test_durable_frames_of_a_policy),
        RIG_TEST("06 ex 21: the first best-effort frame", test_first_live_frame),
        RIG_TEST("06 ex 22: ceiling", test_live_ceiling),
        RIG_TEST("06 ex 23: the rate falls in a pause", test_live_rate_falls),
        RIG_TEST("06 ex 24: best-effort frames expire", test_live_expiry),
        RIG_TEST("expired frames are trimmed", test_expired_frames_are_trimmed),
        RIG_TEST("a purge takes all output with it", test_purge_takes_output),
        RIG_TEST("06 ex 25: not beside durable ones", test_durable_ends_expiry),
        RIG_TEST("06 ex 26: knobs that are not given", test_live_knobs),
    };

    return ff_rig_main("output modes", NULL, 0, singles, FF_COUNT(singles));
}
