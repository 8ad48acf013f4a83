#include "ipc/frame.h"

#include <stdio.h>

#include "tests/rows.h"

#define FRAME_MAX 8192
#define BYTES(literal) literal, sizeof(literal) - 1
#define ID16                                                                                       \
    "\xc4\x10"                                                                                     \
    "0123456789abcdef"
#define CALL_PING "\x92\xa4ping\x80"

struct decoded {
    struct ff_arena arena;
    msgpack_zone zone;
    struct ff_request request;
    ff_err err;
};

static void
decode(struct decoded *d, const char *bytes, size_t n)
{
    d->arena = (struct ff_arena){ 0 };
    assert_true(msgpack_zone_init(&d->zone, 1024));
    d->err = ff_request_decode(ff_str(bytes, n), FRAME_MAX, &d->zone, &d->arena, &d->request);
}

static void
decoded_done(struct decoded *d)
{
    msgpack_zone_destroy(&d->zone);
    ff_arena_done(&d->arena);
}

static const char *
reason_of(const struct ff_fault *fault)
{
    static char text[64];

    for (uint32_t i = 0; i < fault->n; i++) {
        if (strcmp(fault->detail[i].key, "reason") == 0) {
            (void) snprintf(text, sizeof(text), "%.*s", (int) fault->detail[i].v.str.n,
                            fault->detail[i].v.str.p);
            return text;
        }
    }
    return "";
}

/* ---- frames that are refused as a whole ---- */

static const struct refused_row {
    const char *name;
    const char *bytes;
    size_t n;
    ff_err err;
    const char *reason;
    uint64_t seq;
} refused_rows[] = {
    { "nothing at all", BYTES(""), FF_E_MALFORMED_FRAME, "truncated", 0 },
    { "not a list", BYTES("\x80"), FF_E_MALFORMED_FRAME, "frame", 0 },
    { "an empty list", BYTES("\x90"), FF_E_MALFORMED_FRAME, "frame", 0 },
    { "a version that is text",
      BYTES("\x94\xa1"
            "1\xc0\x01\x91" CALL_PING),
      FF_E_MALFORMED_FRAME, "version", 0 },
    { "a negative version", BYTES("\x94\xff\xc0\x01\x91" CALL_PING), FF_E_MALFORMED_FRAME,
      "version", 0 },
    { "version 0", BYTES("\x94\x00\xc0\x05\x91" CALL_PING), FF_E_UNSUPPORTED_PROTOCOL, "", 5 },
    { "version 2", BYTES("\x94\x02\xc0\x05\x91" CALL_PING), FF_E_UNSUPPORTED_PROTOCOL, "", 5 },
    { "version 2 of another shape", BYTES("\x91\x02"), FF_E_UNSUPPORTED_PROTOCOL, "", 0 },
    { "three elements", BYTES("\x93\x01\xc0\x01"), FF_E_MALFORMED_FRAME, "frame", 0 },
    { "five elements", BYTES("\x95\x01\xc0\x01\x91" CALL_PING "\xc0"), FF_E_MALFORMED_FRAME,
      "frame", 0 },
    { "a client of 15 bytes",
      BYTES("\x94\x01\xc4\x0f"
            "0123456789abcde"
            "\x07\x91" CALL_PING),
      FF_E_MALFORMED_FRAME, "client", 7 },
    { "a client that is text",
      BYTES("\x94\x01\xb0"
            "0123456789abcdef"
            "\x07\x91" CALL_PING),
      FF_E_MALFORMED_FRAME, "client", 0 },
    { "seq 0", BYTES("\x94\x01\xc0\x00\x91" CALL_PING), FF_E_MALFORMED_FRAME, "seq", 0 },
    { "a negative seq", BYTES("\x94\x01\xc0\xff\x91" CALL_PING), FF_E_MALFORMED_FRAME, "seq", 0 },
    { "a fractional seq", BYTES("\x94\x01\xc0\xca\x3f\x80\x00\x00\x91" CALL_PING),
      FF_E_MALFORMED_FRAME, "seq", 0 },
    { "no calls", BYTES("\x94\x01\xc0\x09\x90"), FF_E_MALFORMED_FRAME, "calls", 9 },
    { "calls that are a map", BYTES("\x94\x01\xc0\x09\x80"), FF_E_MALFORMED_FRAME, "calls", 9 },
    { "calls that are nil", BYTES("\x94\x01\xc0\x09\xc0"), FF_E_MALFORMED_FRAME, "calls", 9 },
    { "a call that is text", BYTES("\x94\x01\xc0\x09\x91\xa4ping"), FF_E_MALFORMED_FRAME, "call",
      9 },
    { "a call without arguments", BYTES("\x94\x01\xc0\x09\x91\x91\xa4ping"), FF_E_MALFORMED_FRAME,
      "call", 9 },
    { "a call of three", BYTES("\x94\x01\xc0\x09\x91\x93\xa4ping\x80\xc0"), FF_E_MALFORMED_FRAME,
      "call", 9 },
    { "an operation that is a number", BYTES("\x94\x01\xc0\x09\x91\x92\x01\x80"),
      FF_E_MALFORMED_FRAME, "call", 9 },
    { "arguments that are a list", BYTES("\x94\x01\xc0\x09\x91\x92\xa4ping\x90"),
      FF_E_MALFORMED_FRAME, "call", 9 },
    { "an argument name that is a number", BYTES("\x94\x01\xc0\x09\x91\x92\xa4ping\x81\x01\x01"),
      FF_E_MALFORMED_FRAME, "call", 9 },
    { "one bad call among good ones", BYTES("\x94\x01\xc0\x09\x92" CALL_PING "\xc0"),
      FF_E_MALFORMED_FRAME, "call", 9 },
    { "cut off in the calls", BYTES("\x94\x01\xc0\x09\x92" CALL_PING), FF_E_MALFORMED_FRAME,
      "truncated", 9 },
    { "cut off in the client",
      BYTES("\x94\x01\xc4\x10"
            "0123"),
      FF_E_MALFORMED_FRAME, "truncated", 0 },
    { "something behind it", BYTES("\x94\x01\xc0\x09\x91" CALL_PING "\xc0"), FF_E_MALFORMED_FRAME,
      "trailing_bytes", 9 },
    { "a length beyond the message", BYTES("\x94\x01\xc0\x09\xdd\xff\xff\xff\xff"),
      FF_E_MALFORMED_FRAME, "truncated", 9 },
    { "a text beyond the message", BYTES("\x94\x01\xc0\x09\x91\x92\xdb\xff\xff\xff\xffping\x80"),
      FF_E_MALFORMED_FRAME, "truncated", 9 },
    { "an operation that is not UTF-8", BYTES("\x94\x01\xc0\x09\x91\x92\xa4pi\xc3g\x80"),
      FF_E_MALFORMED_FRAME, "invalid_utf8", 9 },
    { "an extension type", BYTES("\x94\x01\xc0\x09\x91\x92\xa4ping\x81\xa1x\xd4\x01\x00"),
      FF_E_MALFORMED_FRAME, "ext_type", 9 },
    { "the byte that is nothing", BYTES("\x94\x01\xc0\x09\xc1"), FF_E_MALFORMED_FRAME,
      "invalid_byte", 9 },
    { "nested too deep",
      BYTES("\x94\x01\xc0\xcd\x01\x02\x91\x92\xa4ping\x81\xa1x"
            "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"
            "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\xc0"),
      FF_E_MALFORMED_FRAME, "too_deep", 258 },
};

static void
test_refused(void **state)
{
    const struct refused_row *row = *state;
    struct decoded d;

    decode(&d, row->bytes, row->n);
    assert_int_equal(d.err, row->err);
    assert_int_equal(d.request.fault.code, row->err);
    assert_string_equal(reason_of(&d.request.fault), row->reason);
    assert_int_equal(d.request.seq, row->seq);
    decoded_done(&d);
}

/* ---- frames that are read, and what becomes of their calls ---- */

static const struct call_row {
    const char *name;
    const char *bytes;
    size_t n;
    uint32_t calls;
    ff_err err; /* of the last call */
    const char *reason;
    bool mutates;
    bool may_wait;
} call_rows[] = {
    { "a read", BYTES("\x94\x01\xc0\x01\x91" CALL_PING), 1, FF_E_OK, "", false, false },
    { "in the widest forms",
      BYTES("\xdd\x00\x00\x00\x04\xcf\x00\x00\x00\x00\x00\x00\x00\x01\xc6\x00\x00\x00\x10"
            "0123456789abcdef"
            "\xcf\x00\x00\x00\x00\x00\x00\x00\x01\xdd\x00\x00\x00\x01\xdd\x00\x00\x00\x02"
            "\xdb\x00\x00\x00\x04ping\xdf\x00\x00\x00\x00"),
      1, FF_E_OK, "", false, false },
    { "an operation that does not exist", BYTES("\x94\x01\xc0\x01\x92" CALL_PING "\x92\xa2no\x80"),
      2, FF_E_UNAVAILABLE, "unknown_operation", false, false },
    { "an operation without name", BYTES("\x94\x01\xc0\x01\x91\x92\xa0\x80"), 1, FF_E_UNAVAILABLE,
      "unknown_operation", false, false },
    { "an argument that does not exist", BYTES("\x94\x01\xc0\x01\x91\x92\xa4ping\x81\xa1x\x01"), 1,
      FF_E_INVALID_INPUT, "unknown_field", false, false },
    { "an argument given twice",
      BYTES("\x94\x01\xc0\x01\x91\x92\xa5hello\x82\xa9namespace\xa1"
            "a\xa9namespace\xa1"
            "a"),
      1, FF_E_INVALID_INPUT, "duplicate_key", false, false },
    { "an argument of the wrong type",
      BYTES("\x94\x01\xc0\x01\x91\x92\xa5hello\x81\xa9namespace\x01"), 1, FF_E_INVALID_INPUT,
      "wrong_type", false, false },
    { "now is accepted everywhere", BYTES("\x94\x01\xc0\x01\x91\x92\xa4ping\x81\xa3now\x01"), 1,
      FF_E_OK, "", false, false },
    { "a write", BYTES("\x94\x01\xc0\x01\x91\x92\xa7prepare\x80"), 1, FF_E_OK, "", true, false },
    { "a wait of nothing",
      BYTES("\x94\x01\xc0\x01\x91\x92\xb0shutdown_prepare\x81\xa8grace_ms\x00"), 1, FF_E_OK, "",
      false, false },
    { "a wait alone", BYTES("\x94\x01\xc0\x01\x91\x92\xb0shutdown_prepare\x81\xa8grace_ms\x05"), 1,
      FF_E_OK, "", false, true },
    { "a wait that is not alone",
      BYTES("\x94\x01\xc0\x01\x92" CALL_PING "\x92\xb0shutdown_prepare\x81\xa8grace_ms\x05"), 2,
      FF_E_INVALID_INPUT, "blocking_call_not_alone", false, false },
    { "no wait, not alone",
      BYTES("\x94\x01\xc0\x01\x92" CALL_PING "\x92\xb0shutdown_prepare\x81\xa8grace_ms\x00"), 2,
      FF_E_OK, "", false, false },
    { "one that may always wait", BYTES("\x94\x01\xc0\x01\x91\x92\xabrun_scanner\x81\xa4name\xa1x"),
      1, FF_E_OK, "", true, true },
};

static void
test_call(void **state)
{
    const struct call_row *row = *state;
    struct decoded d;
    const struct ff_call *last = NULL;

    decode(&d, row->bytes, row->n);
    assert_int_equal(d.err, FF_E_OK);
    assert_int_equal(d.request.n, row->calls);
    assert_int_equal(d.request.seq, 1);
    last = &d.request.calls[row->calls - 1];
    assert_int_equal(last->fault.code, row->err);
    assert_string_equal(reason_of(&last->fault), row->reason);
    assert_int_equal(d.request.mutates, row->mutates);
    assert_int_equal(d.request.may_wait, row->may_wait);
    decoded_done(&d);
}

/* ---- single tests ---- */

static void
test_a_frame_too_large_is_not_read(void **state)
{
    char bytes[FRAME_MAX + 1] = "\x94\x01" ID16 "\xcd\x12\x34\x91";
    struct decoded d;

    (void) state;
    decode(&d, bytes, sizeof(bytes));
    assert_int_equal(d.err, FF_E_FRAME_TOO_LARGE);
    assert_int_equal(d.request.seq, 0x1234);
    assert_int_equal(d.request.fault.n, 2);
    assert_int_equal(d.request.fault.detail[0].v.u64, FRAME_MAX + 1);
    assert_int_equal(d.request.fault.detail[1].v.u64, FRAME_MAX);
    decoded_done(&d);
}

static void
test_the_client_id_is_read(void **state)
{
    struct decoded d;

    (void) state;
    decode(&d, BYTES("\x94\x01" ID16 "\x01\x91" CALL_PING));
    assert_int_equal(d.err, FF_E_OK);
    assert_true(d.request.has_client);
    assert_memory_equal(d.request.client.b, "0123456789abcdef", 16);
    decoded_done(&d);
}

static void
test_a_long_name_is_cut_between_characters(void **state)
{
    char bytes[512] = "\x94\x01\xc0\x01\x91\x92\xd9\xc8x"; /* x and 99 umlauts */
    size_t n = 9;
    struct decoded d;

    (void) state;
    for (int i = 0; i < 99; i++) {
        bytes[n++] = '\xc3';
        bytes[n++] = '\xa4';
    }
    bytes[7] = (char) 199;
    bytes[n++] = '\x80';
    decode(&d, bytes, n);
    assert_int_equal(d.err, FF_E_OK);
    assert_int_equal(d.request.names[0].n, 127);
    decoded_done(&d);
}

static void
pack_pings(struct ff_packer *packer, uint32_t n)
{
    struct ff_uuid client = { { 7 } };

    ff_packer_init(packer);
    ff_request_head(&client, UINT64_MAX, n, &packer->pk);
    for (uint32_t i = 0; i < n; i++) {
        ff_request_call(ff_cstr("p"), ff_str("\x80", 1), &packer->pk);
    }
}

static void
test_1024_calls_are_read_and_1025_are_not(void **state)
{
    FF_SCOPED(ff_packer) most;
    FF_SCOPED(ff_packer) more;
    struct decoded d;

    (void) state;
    pack_pings(&most, 1024);
    decode(&d, most.buf.data, most.buf.size);
    assert_int_equal(d.err, FF_E_OK);
    assert_int_equal(d.request.n, 1024);
    assert_true(d.request.seq == UINT64_MAX);
    decoded_done(&d);
    pack_pings(&more, 1025);
    decode(&d, more.buf.data, more.buf.size);
    assert_int_equal(d.err, FF_E_MALFORMED_FRAME);
    assert_true(d.request.seq == UINT64_MAX);
    decoded_done(&d);
}

static void
test_every_blocking_operation_says_how_long(void **state)
{
    (void) state;
    for (int op = 0; op < FF_OP_N; op++) {
        void *zeroed = calloc(1, ff_ops[op].args->size);

        /* without a wait asked for, only run_scanner may take its time */
        assert_true(ff_op_wait_ms((enum ff_op) op, zeroed) ==
                    (op == FF_OP_run_scanner ? UINT64_MAX : 0));
        free(zeroed);
    }
}

static void
test_every_operation_is_found_by_its_name_and_nothing_else(void **state)
{
    char longer[80];

    (void) state;
    for (int op = 0; op < FF_OP_N; op++) {
        (void) snprintf(longer, sizeof(longer), "%sx", ff_ops[op].name);
        assert_ptr_equal(ff_op_find(ff_cstr(ff_ops[op].name)), &ff_ops[op]);
        assert_null(ff_op_find(ff_str(ff_ops[op].name, 1)));
        assert_null(ff_op_find(ff_cstr(longer)));
    }
    assert_null(ff_op_find(ff_cstr("")));
}

/* ---- replies ---- */

static const struct reply_row {
    const char *name;
    uint64_t seq;
    uint32_t n;
} reply_rows[] = {
    { "a reply of one", 1, 1 },
    { "a reply of 15", 127, 15 },
    { "a reply of 16", 128, 16 },
    { "seq of one byte", 255, 1 },
    { "seq of two bytes", 256, 1 },
    { "seq of four bytes", 65536, 1 },
    { "seq of eight bytes", UINT64_MAX, 1024 },
};

static void
test_reply(void **state)
{
    const struct reply_row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_reply_entry *entries = FF_ARENA_NEW(&arena, struct ff_reply_entry, row->n);
    struct ff_reply reply;
    struct ff_fault fault;
    size_t size = 0;
    char *room = NULL;

    for (uint32_t i = 0; i < row->n; i++) {
        entries[i].failed = i % 2 == 1;
        entries[i].map = i % 3 == 0 ? ff_cstr("\x80") : ff_cstr("\x81\xa1x\x91\x01");
    }
    size = ff_reply_size(row->seq, entries, row->n);
    room = ff_arena_alloc(&arena, size);
    ff_reply_write(row->seq, entries, row->n, room);
    assert_int_equal(ff_reply_decode(ff_str(room, size), &arena, &reply, &fault), FF_E_OK);
    assert_true(reply.seq == row->seq);
    assert_int_equal(reply.n, row->n);
    for (uint32_t i = 0; i < row->n; i++) {
        assert_int_equal(reply.entries[i].failed, entries[i].failed);
        assert_true(ff_str_eq(reply.entries[i].map, entries[i].map));
    }
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(ff_reply_decode(ff_str(room, cut), &arena, &reply, &fault),
                         FF_E_MALFORMED_FRAME);
    }
}

static const struct bad_reply_row {
    const char *name;
    const char *bytes;
    size_t n;
} bad_reply_rows[] = {
    { "a reply of another version", BYTES("\x93\x02\x01\x91\x92\x00\x80") },
    { "a reply that is a map", BYTES("\x83\x01\x01\x91\x92\x00\x80") },
    { "a reply without results", BYTES("\x93\x01\x01\x90") },
    { "a reply with too many results", BYTES("\x93\x01\x01\xdc\x04\x01\x92\x00\x80") },
    { "a result that is neither", BYTES("\x93\x01\x01\x91\x92\x02\x80") },
    { "a result of three", BYTES("\x93\x01\x01\x91\x93\x00\x80\x80") },
    { "something behind a reply", BYTES("\x93\x01\x01\x91\x92\x00\x80\xc0") },
    { "a negative seq in a reply", BYTES("\x93\x01\xff\x91\x92\x00\x80") },
};

static void
test_bad_reply(void **state)
{
    const struct bad_reply_row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_reply reply;
    struct ff_fault fault;

    assert_int_equal(ff_reply_decode(ff_str(row->bytes, row->n), &arena, &reply, &fault),
                     FF_E_MALFORMED_FRAME);
}

int
main(void)
{
    static const struct ff_rows tables[] = {
        FF_ROWS(refused_rows, test_refused),
        FF_ROWS(call_rows, test_call),
        FF_ROWS(reply_rows, test_reply),
        FF_ROWS(bad_reply_rows, test_bad_reply),
    };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_a_frame_too_large_is_not_read),
        cmocka_unit_test(test_the_client_id_is_read),
        cmocka_unit_test(test_a_long_name_is_cut_between_characters),
        cmocka_unit_test(test_1024_calls_are_read_and_1025_are_not),
        cmocka_unit_test(test_every_blocking_operation_says_how_long),
        cmocka_unit_test(test_every_operation_is_found_by_its_name_and_nothing_else),
    };

    return ff_run_rows("frame", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
