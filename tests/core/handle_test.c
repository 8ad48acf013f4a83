#include "core/handle.h"

#include "core/id.h"
#include "tests/core/fault_check.h"

#define F1 "550e8400-e29b-41d4-a716-446655440000"
#define A1 "11111111-2222-4333-8444-555555555555"
#define L1 "66666666-7777-4888-9999-aaaaaaaaaaaa"

/* Bytes of the text of execution, attempt and lease id in the sample (01 §8.2). */
enum { EXECUTION_AT = 7, ATTEMPT_AT = 59, LEASE_AT = 99, LANE_AT = 155 };

static struct ff_uuid
uuid_of(const char *text)
{
    struct ff_uuid uuid = { 0 };
    struct ff_fault fault;

    assert_int_equal(ff_uuid_parse(ff_cstr(text), "f", &uuid, &fault), FF_E_OK);
    return uuid;
}

static struct ff_handle_payload
sample(uint8_t tag)
{
    return (struct ff_handle_payload){
        .tag = tag,
        .execution_id = { .partition = 42, .uuid = uuid_of(F1) },
        .attempt_index = 3,
        .attempt_id = uuid_of(A1),
        .lease_id = uuid_of(L1),
        .lease_epoch = 7,
        .lease_ttl_ms = 30000,
        .lane_id = ff_cstr("default"),
        .worker_instance_id = ff_cstr("worker-1"),
    };
}

static void
assert_payload(const struct ff_handle_payload *got, const struct ff_handle_payload *want)
{
    assert_int_equal(got->tag, want->tag);
    assert_true(ff_eid_eq(got->execution_id, want->execution_id));
    assert_int_equal(got->attempt_index, want->attempt_index);
    assert_true(ff_uuid_eq(got->attempt_id, want->attempt_id));
    assert_true(ff_uuid_eq(got->lease_id, want->lease_id));
    assert_int_equal(got->lease_epoch, want->lease_epoch);
    assert_int_equal(got->lease_ttl_ms, want->lease_ttl_ms);
    assert_true(ff_str_eq(got->lane_id, want->lane_id));
    assert_true(ff_str_eq(got->worker_instance_id, want->worker_instance_id));
}

static void
test_round_trip(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_handle_payload want = sample(FF_HANDLE_SQLITE);
    struct ff_handle_payload got = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_str bytes = ff_handle_encode(&want, &arena);

    (void) state;
    assert_int_equal(bytes.n, 174);
    assert_memory_equal(bytes.p, "\x02\x01\x11\x2c\0\0\0{fp:42}:" F1 "\x03\0\0\0\x24\0\0\0" A1,
                        ATTEMPT_AT + 36);
    assert_memory_equal(bytes.p + LEASE_AT + 36, "\x07\0\0\0\0\0\0\0\x30\x75\0\0\0\0\0\0\x07\0\0\0",
                        20);
    assert_memory_equal(bytes.p + LANE_AT, "default\x08\0\0\0worker-1", 19);
    assert_int_equal(ff_handle_decode(bytes, &got, &fault), FF_E_OK);
    assert_payload(&got, &want);
}

static void
test_extremes_round_trip(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_handle_payload want = sample(FF_HANDLE_MEMORY);
    struct ff_handle_payload got = { 0 };
    struct ff_fault fault = { 0 };

    (void) state;
    want.execution_id.partition = 65535;
    want.attempt_index = UINT32_MAX;
    want.lease_epoch = UINT64_MAX;
    want.lease_ttl_ms = UINT64_MAX;
    want.lane_id = ff_cstr("");
    want.worker_instance_id = ff_cstr("");
    assert_int_equal(ff_handle_decode(ff_handle_encode(&want, &arena), &got, &fault), FF_E_OK);
    assert_payload(&got, &want);
}

static void
test_an_older_foreign_form_is_valkey(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_handle_payload want = sample(FF_HANDLE_FOREIGN_VALKEY);
    struct ff_handle_payload got = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_str bytes = ff_handle_encode(&want, &arena);
    char *room = (char *) (uintptr_t) bytes.p;

    (void) state;
    room[2] = 0x01; /* the leading byte takes the place of version and tag */
    assert_int_equal(ff_handle_decode(ff_str(room + 2, bytes.n - 2), &got, &fault), FF_E_OK);
    assert_payload(&got, &want);
    assert_string_equal(ff_handle_label(got.tag), "valkey");
}

static void
test_every_prefix_is_truncated(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_handle_payload payload = sample(FF_HANDLE_VALKEY);
    struct ff_str bytes = ff_handle_encode(&payload, &arena);

    (void) state;
    for (uint32_t n = 0; n < bytes.n; n++) {
        struct ff_handle_payload got = { .tag = 99 };
        struct ff_fault fault = { 0 };
        char *exact = n == 0 ? NULL : malloc(n); /* so that a sanitizer sees reads beyond it */

        memcpy(exact == NULL ? (char *) &got : exact, bytes.p, n);
        assert_int_equal(ff_handle_decode(ff_str(exact, n), &got, &fault), FF_E_CORRUPTION);
        assert_detail_str(&fault, "reason", "truncated");
        assert_detail_u64(&fault, "have", n);
        assert_true(fault_detail(&fault, "at")->v.u64 + fault_detail(&fault, "needed")->v.u64 > n);
        assert_int_equal(got.tag, 99);
        free(exact);
    }
}

/* ---- buffers that are refused ---- */
static const struct bad_row {
    const char *name;
    const char *patch; /* laid over a good buffer at `at` … */
    uint32_t at;
    uint32_t patch_n;
    uint32_t n; /* … of which so many bytes are given; 0: all, 175: and one more */
    const char *reason;
    const char *detail;
    uint64_t number; /* of the detail, or */
    const char *text;
} bad_rows[] = {
    { "01 ex 49: one byte, needed", "\x02", 0, 1, 1, "truncated", "needed", 1, NULL },
    { "01 ex 49: one byte, at", "\x02", 0, 1, 1, "truncated", "at", 1, NULL },
    { "01 ex 49: one byte, have", "\x02", 0, 1, 1, "truncated", "have", 1, NULL },
    { "01 ex 49: 02 FF 10", "\x02\xff\x10", 0, 3, 3, "bad_wire_version", "got", 255, NULL },
    { "01 ex 49: 02 01 FE", "\x02\x01\xfe", 0, 3, 3, "bad_backend_tag", "got", 254, NULL },
    { "01 ex 49: AB", "\xab", 0, 1, 1, "bad_leading_byte", "got", 171, NULL },
    { "01 ex 49: one byte more, pos", "", 0, 0, 175, "trailing_bytes", "pos", 174, NULL },
    { "01 ex 49: one byte more, len", "", 0, 0, 175, "trailing_bytes", "len", 175, NULL },
    { "tag 0x04 is nobody's", "\x04", 2, 1, 0, "bad_backend_tag", "got", 4, NULL },
    { "tag 0x14 is nobody's", "\x14", 2, 1, 0, "bad_backend_tag", "got", 20, NULL },
    { "a length beyond the buffer, needed", "\xff\xff\xff\xff", 3, 4, 0, "truncated", "needed",
      UINT32_MAX, NULL },
    { "a length beyond the buffer, at", "\xff\xff\xff\xff", 3, 4, 0, "truncated", "at", 7, NULL },
    { "an execution id in other bytes than UTF-8", "\xff", EXECUTION_AT, 1, 0, "invalid_utf8",
      "field", 0, "execution_id" },
    { "a malformed execution id", "x", EXECUTION_AT, 1, 0, "parse_field", "field", 0,
      "execution_id" },
    { "a malformed attempt id", "x", ATTEMPT_AT, 1, 0, "parse_field", "field", 0, "attempt_id" },
    { "a malformed lease id", "x", LEASE_AT, 1, 0, "parse_field", "field", 0, "lease_id" },
    { "a lane in other bytes than UTF-8", "\xff", LANE_AT, 1, 0, "invalid_utf8", "field", 0,
      "lane_id" },
    { "a worker in other bytes than UTF-8", "\xff", 173, 1, 0, "invalid_utf8", "field", 0,
      "worker_instance_id" },
    { "a bad id is found before bytes that follow", "x", LEASE_AT, 1, 175, "parse_field", "field",
      0, "lease_id" },
};

static void
test_bad(void **state)
{
    const struct bad_row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_handle_payload payload = sample(FF_HANDLE_POSTGRES);
    struct ff_str good = ff_handle_encode(&payload, &arena);
    uint32_t n = row->n == 0 ? good.n : row->n;
    char bytes[175] = { 0 };
    struct ff_fault fault = { 0 };

    memcpy(bytes, good.p, good.n);
    memcpy(bytes + row->at, row->patch, row->patch_n);
    assert_int_equal(ff_handle_decode(ff_str(bytes, n), &payload, &fault), FF_E_CORRUPTION);
    assert_detail_str(&fault, "reason", row->reason);
    assert_memory_equal(fault.message, "handle_codec: ", 14);
    if (row->text != NULL) {
        assert_detail_str(&fault, row->detail, row->text);
    } else {
        assert_detail_u64(&fault, row->detail, row->number);
    }
}

static void
test_an_empty_buffer_is_truncated(void **state)
{
    struct ff_handle_payload payload;
    struct ff_fault fault = { 0 };

    (void) state;
    assert_int_equal(ff_handle_decode(ff_cstr(""), &payload, &fault), FF_E_CORRUPTION);
    assert_detail_u64(&fault, "needed", 1);
    assert_detail_u64(&fault, "at", 0);
    assert_detail_u64(&fault, "have", 0);
}

/* ---- the checks of an operation (01 §8.4) ---- */
static const struct open_row {
    const char *name;
    const char *kind;
    const char *backend;
    uint8_t tag; /* inside; 0: an unreadable buffer */
    ff_err want; /* of an engine on sqlite */
    const char *where;
} open_rows[] = {
    { "a handle of ours opens", "fresh", "sqlite", FF_HANDLE_SQLITE, FF_E_OK, NULL },
    { "the kind is not judged", "suspended", "sqlite", FF_HANDLE_SQLITE, FF_E_OK, NULL },
    { "01 ex 50: label of another backend", "fresh", "postgres", FF_HANDLE_POSTGRES,
      FF_E_HANDLE_FROM_OTHER_BACKEND, "handle" },
    { "01 ex 50: the same with an unreadable buffer", "fresh", "postgres", 0,
      FF_E_HANDLE_FROM_OTHER_BACKEND, "handle" },
    { "our label, another's tag", "fresh", "sqlite", FF_HANDLE_POSTGRES,
      FF_E_HANDLE_FROM_OTHER_BACKEND, "opaque" },
    { "our label, a foreign sqlite's tag", "fresh", "sqlite", FF_HANDLE_FOREIGN_SQLITE,
      FF_E_HANDLE_FROM_OTHER_BACKEND, "opaque" },
    { "our label, an unreadable buffer", "fresh", "sqlite", 0, FF_E_CORRUPTION, NULL },
    { "an unknown kind goes before the backend", "stale", "postgres", 0, FF_E_INVALID_INPUT, NULL },
    { "an empty kind is unknown", "", "sqlite", FF_HANDLE_SQLITE, FF_E_INVALID_INPUT, NULL },
};

static void
test_open(void **state)
{
    const struct open_row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_handle_payload want = sample(row->tag);
    struct ff_handle_payload got = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_handle handle = { ff_cstr(row->backend), ff_cstr(row->kind),
                                row->tag == 0 ? ff_cstr("?") : ff_handle_encode(&want, &arena) };

    assert_int_equal(ff_handle_open(&handle, FF_HANDLE_SQLITE, &got, &fault), row->want);
    if (row->want == FF_E_OK) {
        assert_payload(&got, &want);
    } else if (row->want == FF_E_HANDLE_FROM_OTHER_BACKEND) {
        assert_detail_str(&fault, "expected", "sqlite");
        assert_detail_str(&fault, "where", row->where);
        assert_detail_str(&fault, "actual", row->tag == 0 ? "postgres" : ff_handle_label(row->tag));
    } else if (row->want == FF_E_INVALID_INPUT) {
        assert_detail_str(&fault, "field", "handle.kind");
        assert_detail_str(&fault, "reason", "unknown_value");
        assert_detail_str(&fault, "value", row->kind);
    }
}

static void
test_a_handle_made_opens(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_handle_payload want = sample(FF_HANDLE_VALKEY);
    struct ff_handle handle = ff_handle_make(FF_HANDLE_RECLAIMED, &want, &arena);
    struct ff_handle_payload got = { 0 };
    enum ff_handle_kind kind = FF_HANDLE_FRESH;
    struct ff_fault fault = { 0 };

    (void) state;
    assert_true(ff_str_is(handle.backend, "valkey"));
    assert_int_equal(ff_handle_kind_of(&handle, &kind, &fault), FF_E_OK);
    assert_int_equal(kind, FF_HANDLE_RECLAIMED);
    assert_int_equal(ff_handle_open(&handle, FF_HANDLE_VALKEY, &got, &fault), FF_E_OK);
    assert_payload(&got, &want);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(bad_rows, test_bad),
                                             FF_ROWS(open_rows, test_open) };
    static const struct CMUnitTest singles[] = {
        { .name = "01 ex 48 round trip", .test_func = test_round_trip },
        cmocka_unit_test(test_extremes_round_trip),
        cmocka_unit_test(test_an_older_foreign_form_is_valkey),
        cmocka_unit_test(test_every_prefix_is_truncated),
        cmocka_unit_test(test_an_empty_buffer_is_truncated),
        cmocka_unit_test(test_a_handle_made_opens),
    };

    return ff_run_rows("handle", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
