/* append_frame and read_stream: examples 1 to 26 and 36 of 06. */
#include <sodium.h>

#include "tests/engine/output.h"

/* ---- ids and fields ---- */

static void
test_ids(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_new_frame frame = frame_of("{\"a\":1}");
    struct ff_append_frame_result result;

    frame.frame_type = ff_cstr("log");
    assert_ok(append(rig, &claim, &frame, &result));
    assert_true(ff_str_is(result.frame_id, "10000-0"));
    assert_int_equal(result.frame_count, 1);
    assert_false(result.summary_version.is);
    assert_false(result.duplicate);
    assert_ok(append(rig, &claim, &frame, &result));
    assert_true(ff_str_is(result.frame_id, "10000-1"));
    assert_int_equal(result.frame_count, 2);
    rig->now_ms = 9000;
    assert_string_equal(append_text(rig, &claim, "x"), "10000-2");
    rig->now_ms = 10001;
    assert_string_equal(append_text(rig, &claim, "x"), "10001-0");
}

static void
test_fields(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_new_frame frame = frame_of("oh");
    struct ff_append_frame_result result;
    struct ff_read_stream_result read;

    frame.kind = ff_cstr("stderr");
    assert_ok(append(rig, &claim, &frame, &result));
    frame.correlation_id = ff_cstr("c1");
    frame.bytes = ff_str("\xff\0", 2);
    assert_ok(append(rig, &claim, &frame, &result));
    frame.correlation_id = ff_cstr("");
    assert_ok(append(rig, &claim, &frame, &result));
    read = read_all(rig, 1, 0);
    assert_int_equal(read.frames.n, 3);
    assert_string_equal(list(rig, read.frames, "frame_type"), "stderr stderr stderr");
    assert_string_equal(list(rig, read.frames, "mode"), "durable durable durable");
    assert_string_equal(list(rig, read.frames, "source"), "worker worker worker");
    assert_string_equal(list(rig, read.frames, "encoding"), "utf8 base64 base64");
    assert_string_equal(list(rig, read.frames, "correlation_id"), " c1 ");
    assert_string_equal(list(rig, read.frames, "payload"), "oh /wA= /wA=");
    assert_string_equal(list(rig, read.frames, "ts"), "10000 10000 10000");
    for (uint32_t i = 1; i < read.frames.v[1].fields.n; i++) {
        const struct ff_tag *tags = read.frames.v[1].fields.v;

        assert_true(ff_str_cmp(tags[i - 1].key, tags[i].key) < 0);
    }
}

static void
test_payload_limit(void **state)
{
    static char bytes[65537];
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_new_frame frame = frame_of("");
    struct ff_append_frame_result result;

    frame.bytes = ff_str(bytes, 65536);
    assert_ok(append(rig, &claim, &frame, &result));
    frame.bytes = ff_str(bytes, 65537);
    assert_err(append(rig, &claim, &frame, &result), FF_E_RETENTION_LIMIT_EXCEEDED);
    assert_string_equal(append_text(rig, &claim, ""), "10000-1");
    assert_ok(complete(rig, &claim, "done"));
    assert_err(append(rig, &claim, &frame, &result), FF_E_RETENTION_LIMIT_EXCEEDED);
}

static const struct bad_row {
    const char *name;
    const char *frame; /* members of it, with ' for " */
    ff_err want;
    const char *field;
} bad_rows[] = {
    { "kind unknown", "'kind':'x'", FF_E_INVALID_INPUT, "frame.kind" },
    { "frame_type with a control character", "'frame_type':'a\\u0001'", FF_E_INVALID_FRAME_TYPE,
      "frame.frame_type" },
    { "mode unknown", "'mode':{'mode':'x'}", FF_E_INVALID_INPUT, "frame.mode.mode" },
    { "patch_kind unknown", "'mode':{'mode':'durable_summary','patch_kind':'x'}",
      FF_E_INVALID_INPUT, "frame.mode.patch_kind" },
    { "best effort without ttl_ms", "'mode':{'mode':'best_effort_live'}", FF_E_INVALID_INPUT,
      "frame.mode.ttl_ms" },
    { "a kind that is no text", "'kind':1", FF_E_INVALID_INPUT, "frame.kind" },
};

static void
test_bad_row(void **state)
{
    const struct bad_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_append_frame_result result;
    struct ff_claim_result claim = output_begin(rig);
    char json[2048], handle[1024];

    sodium_bin2base64(handle, sizeof(handle), (const uint8_t *) claim.handle->opaque.p,
                      claim.handle->opaque.n, sodium_base64_VARIANT_ORIGINAL);
    snprintf(json, sizeof(json),
             "{'handle':{'backend':'%.*s','kind':'%.*s','opaque':'%s'},"
             "'frame':{'bytes':'eA==',%s}}",
             TEXT(claim.handle->backend), TEXT(claim.handle->kind), handle, row->frame);
    for (char *p = json; *p != '\0'; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    assert_err(ff_rig_call_json(rig, FF_OP_append_frame, json, &result), row->want);
    assert_detail(rig, "field", row->field);
    assert_int_equal(read_all(rig, 1, 0).frames.n, 0);
    ff_rig_free(rig);
}

static void
test_long_texts(void **state)
{
    static const char long_text[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
        "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123"
        "456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"
        "ef";
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_new_frame frame = frame_of("x");
    struct ff_append_frame_result result;

    frame.frame_type = ff_str(long_text, 128);
    frame.correlation_id = ff_str(long_text, 256);
    assert_ok(append(rig, &claim, &frame, &result));
    frame.frame_type.n = 129;
    assert_err(append(rig, &claim, &frame, &result), FF_E_INVALID_FRAME_TYPE);
    frame.frame_type.n = 128;
    frame.correlation_id.n = 257;
    assert_err(append(rig, &claim, &frame, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "field", "frame.correlation_id");
}

/* ---- the owner ---- */

static void
test_lease_boundary(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_new_frame frame = frame_of("x");
    struct ff_append_frame_result result;

    rig->now_ms = 39999;
    assert_ok(append(rig, &claim, &frame, &result));
    rig->now_ms = 40000;
    assert_err(append(rig, &claim, &frame, &result), FF_E_STALE_OWNER_CANNOT_APPEND);
    assert_field(rig, 1, "ownership_state", "leased"); /* it marks nothing */
}

static void
test_owner_is_over(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig), other = create_and_claim(rig, 2);
    const struct ff_revoke_lease_args revoke = { .execution_id = ff_rig_id(1),
                                                 .expected_lease_id = ff_cstr(""),
                                                 .worker_instance_id = ff_cstr(""),
                                                 .reason = ff_cstr("x") };
    struct ff_revoke_lease_result revoked;
    struct ff_new_frame frame = frame_of("x");
    struct ff_append_frame_result result;
    struct ff_claim_result again;

    assert_ok(ff_rig_revoke_lease(rig, &revoke, &revoked));
    assert_err(append(rig, &claim, &frame, &result), FF_E_STALE_OWNER_CANNOT_APPEND);
    again = claim_this(rig, 1);
    assert_int_equal(again.attempt_index.v, 1);
    assert_err(append(rig, &claim, &frame, &result), FF_E_STALE_OWNER_CANNOT_APPEND);
    assert_ok(append(rig, &again, &frame, &result));
    assert_ok(complete(rig, &other, "done"));
    assert_err(append(rig, &other, &frame, &result), FF_E_STREAM_CLOSED);
}

/* A handle of an execution that the store has never seen. */
static void
test_unknown_execution(void **state)
{
    struct ff_rig *rig = *state, *elsewhere = NULL;
    struct ff_claim_result claim;
    struct ff_new_frame frame = frame_of("x");
    struct ff_append_frame_result result;

    if (rig->server) { /* two rigs would have one database */
        skip();
    }
    elsewhere = ff_rig_new();
    claim = output_begin(elsewhere);
    assert_err(append(rig, &claim, &frame, &result), FF_E_EXECUTION_NOT_FOUND);
    ff_rig_free(elsewhere);
}

/* ---- reading ---- */

static const struct range_row {
    const char *name;
    const char *from, *to;
    uint64_t limit;
    const char *want; /* ids; NULL: refused */
} range_rows[] = {
    { "06 ex 9: all", "start", "end", 100, "10000-0 10000-1 20000-0" },
    { "06 ex 9: from an id to a millisecond", "10000-1", "20000", 100, "10000-1 20000-0" },
    { "06 ex 9: one millisecond", "10000", "10000", 100, "10000-0 10000-1" },
    { "06 ex 9: limit 2", "start", "end", 2, "10000-0 10000-1" },
    { "06 ex 9: from the end", "end", "end", 100, "" },
    { "06 ex 9: to the start", "start", "start", 100, "" },
    { "backwards", "20000", "10000", 100, "" },
    { "an id that does not exist", "10000-7", "30000-1", 100, "20000-0" },
    { "the largest numbers", "0-0", "18446744073709551615-18446744073709551615", 100,
      "10000-0 10000-1 20000-0" },
    { "from beyond what a clock can say", "18446744073709551615", "end", 100, "" },
    { "06 ex 10: limit 10 000", "start", "end", 10000, "10000-0 10000-1 20000-0" },
    { "06 ex 10: limit 0", "start", "end", 0, NULL },
    { "06 ex 10: limit 10 001", "start", "end", 10001, NULL },
    { "06 ex 10: cursor -", "-", "end", 10, NULL },
    { "06 ex 10: cursor +", "start", "+", 10, NULL },
    { "06 ex 10: empty cursor", "", "end", 10, NULL },
    { "06 ex 10: cursor 1-", "1-", "end", 10, NULL },
    { "06 ex 10: cursor -1", "-1", "end", 10, NULL },
    { "06 ex 10: cursor 1-2-3", "1-2-3", "end", 10, NULL },
    { "06 ex 10: cursor abc", "abc", "end", 10, NULL },
    { "06 ex 10: cursor START", "START", "end", 10, NULL },
    { "cursor with a space", "1 ", "end", 10, NULL },
    { "cursor with a sign", "+1", "end", 10, NULL },
    { "cursor beyond u64", "18446744073709551616", "end", 10, NULL },
};

static void
test_range_row(void **state)
{
    const struct range_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_claim_result claim = output_begin(rig);
    struct ff_read_stream_args args = read_args(1, 0);
    struct ff_read_stream_result result;

    append_text(rig, &claim, "1");
    append_text(rig, &claim, "2");
    rig->now_ms = 20000;
    append_text(rig, &claim, "3");
    args.from = ff_cstr(row->from);
    args.to = ff_cstr(row->to);
    args.limit = row->limit;
    if (row->want == NULL) {
        assert_err(ff_rig_read_stream(rig, &args, &result), FF_E_INVALID_INPUT);
    } else {
        assert_ok(ff_rig_read_stream(rig, &args, &result));
        assert_ids(rig, result, row->want);
        assert_false(result.truncated.is);
    }
    ff_rig_free(rig);
}

static void
test_streams_are_apart(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig), again;

    append_text(rig, &claim, "1");
    append_text(rig, &claim, "2");
    rig->now_ms += TTL_MS;
    assert_string_equal(mark_expired(rig, 1), "marked_expired");
    again = claim_this(rig, 1);
    append_text(rig, &again, "3");
    assert_string_equal(list(rig, read_all(rig, 1, 0).frames, "payload"), "1 2");
    assert_string_equal(list(rig, read_all(rig, 1, 1).frames, "payload"), "3");
    assert_string_equal(close_of(rig, 1, 7), "open");
    assert_int_equal(read_all(rig, 1, 7).frames.n, 0);
    assert_int_equal(read_all(rig, 9, 0).frames.n, 0);
}

static void
test_page_ends_at_8_mib(void **state)
{
    static char bytes[65536];
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_read_stream_args args = read_args(1, 0);
    struct ff_read_stream_result result;
    uint32_t n = 0, pages = 0;

    memset(bytes, 'x', sizeof(bytes));
    for (int i = 0; i < 200; i++) {
        struct ff_new_frame frame = frame_of("");
        struct ff_append_frame_result appended;

        frame.bytes = ff_str(bytes, sizeof(bytes));
        assert_ok(append(rig, &claim, &frame, &appended));
    }
    do {
        assert_ok(ff_rig_read_stream(rig, &args, &result));
        assert_true(result.frames.n > 1 && result.frames.n < 129);
        n += result.frames.n - (pages > 0);
        pages++;
        args.from = ff_arena_copy(&rig->arena, result.frames.v[result.frames.n - 1].id);
    } while (result.truncated.is);
    assert_int_equal(n, 200);
    assert_int_equal(pages, 2);
}

/* ---- seq ---- */

static void
test_seq(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_new_frame frame = frame_of("x");
    struct ff_append_frame_result first, result;

    frame.seq = FF_SOME(ff_opt_u64, 5);
    assert_ok(append(rig, &claim, &frame, &first));
    append_text(rig, &claim, "without");
    assert_ok(append(rig, &claim, &frame, &result));
    assert_true(result.duplicate);
    assert_true(ff_str_eq(result.frame_id, first.frame_id));
    assert_int_equal(result.frame_count, 1);
    frame.seq.v = 4;
    assert_err(append(rig, &claim, &frame, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "field", "frame.seq");
    frame.seq.v = 6;
    assert_ok(append(rig, &claim, &frame, &result));
    assert_false(result.duplicate);
    assert_int_equal(result.frame_count, 3);
    assert_string_equal(list(rig, read_all(rig, 1, 0).frames, "seq"), "5  6");
}

static void
test_seq_of_a_summary(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = output_begin(rig);
    struct ff_frame_mode mode = mode_of("durable_summary");
    struct ff_new_frame frame = frame_of("{\"a\":1}");
    struct ff_append_frame_result result;

    frame.mode = &mode;
    frame.seq = FF_SOME(ff_opt_u64, 1);
    assert_ok(append(rig, &claim, &frame, &result));
    assert_ok(append(rig, &claim, &frame, &result));
    assert_true(result.duplicate);
    assert_int_equal(result.summary_version.v, 1);
    frame.bytes = ff_cstr("no");
    assert_err(append(rig, &claim, &frame, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "not_json");
}

int
main(void)
{
    static const struct ff_rows tables[] = {
        FF_ROWS(bad_rows, test_bad_row),
        FF_ROWS(range_rows, test_range_row),
    };
    static const struct CMUnitTest singles[] = {
        RIG_TEST("06 ex 1, 2: frame ids", test_ids),
        RIG_TEST("06 ex 3, 4: the fields of a frame", test_fields),
        RIG_TEST("06 ex 5, 8: 65 536 bytes are the most", test_payload_limit),
        RIG_TEST("texts of a frame are bounded", test_long_texts),
        RIG_TEST("06 ex 6: the end of the lease", test_lease_boundary),
        RIG_TEST("06 ex 7: only the owner appends", test_owner_is_over),
        RIG_TEST("06 ex 7: an unknown execution", test_unknown_execution),
        RIG_TEST("06 ex 11: each attempt has its own stream", test_streams_are_apart),
        RIG_TEST("a page ends at 8 MiB", test_page_ends_at_8_mib),
        RIG_TEST("06 ex 36: seq", test_seq),
        RIG_TEST("seq of a summary", test_seq_of_a_summary),
    };

    return ff_rig_main("append", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
