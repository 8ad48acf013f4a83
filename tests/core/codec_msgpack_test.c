#include "tests/core/codec_tree.h"

/* Bytes from a peer. reason NULL: one value. */
static const struct row {
    const char *name;
    const char *hex;
    const char *reason;
} rows[] = {
    { "nothing", "", "truncated" },
    { "nil", "c0", NULL },
    { "the byte that means nothing", "c1", "invalid_byte" },
    { "two values", "c0 c0", "trailing_bytes" },
    { "u8 without its byte", "cc", "truncated" },
    { "u64 cut short", "cf 00000000000000", "truncated" },
    { "f64", "cb 3ff0000000000000", NULL },
    { "f64 cut short", "cb 3ff00000000000", "truncated" },
    { "short text", "a3'abc'", NULL },
    { "short text, one byte missing", "a4'abc'", "truncated" },
    { "text that claims 4 GiB", "db ffffffff'abc'", "truncated" },
    { "bytes that claim 4 GiB", "c6 ffffffff'abc'", "truncated" },
    { "length of a text cut short", "da 00", "truncated" },
    { "list that claims 4 G entries", "dd ffffffff 00", "truncated" },
    { "map that claims 4 G pairs", "df ffffffff 00 00", "truncated" },
    { "map that claims 2 G pairs", "df 80000000 00 00", "truncated" },
    { "map without its last value", "82 a1'a' 01 a1'b'", "truncated" },
    { "lists in lists that claim all of the rest each", "dc 0008 dc 0006 dc 0004 00 00 00 00",
      "truncated" },
    { "empty list and map", "92 90 80", NULL },
    { "ext", "d4 05 00", "ext_type" },
    { "timestamp in a map", "81 a1't' d6 ff 00000000", "ext_type" },
    { "long ext", "c9 00000001 05 00", "ext_type" },
    { "two-byte character", "a2 c3a9", NULL },
    { "overlong character", "a2 c0af", "invalid_utf8" },
    { "surrogate", "a3 eda080", "invalid_utf8" },
    { "beyond U+10FFFF", "a4 f4908080", "invalid_utf8" },
    { "character cut short", "a1 c3", "invalid_utf8" },
    { "bad byte at the end of four", "a4'abc' ff", "invalid_utf8" },
    { "bad byte in the middle of five", "a5'ab' ff'cd'", "invalid_utf8" },
    { "bad byte at the end of eight", "a8'abcdefg' ff", "invalid_utf8" },
    { "bad byte in the second word", "ac'abcdefgh' ff'jkl'", "invalid_utf8" },
    { "bad byte at the very end", "b1'abcdefghijklmnop' ff", "invalid_utf8" },
    { "bad key", "81 a1 ff 00", "invalid_utf8" },
    { "bytes need not be UTF-8", "c4 02 ffff", NULL },
};

static void
test_row(void **state)
{
    const struct row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    msgpack_object tree;
    msgpack_zone zone;
    ff_err err = FF_E_OK;

    assert_true(msgpack_zone_init(&zone, 1024));
    err = ff_msgpack_parse(ff_tree_bytes(&arena, row->hex), &zone, &tree, &fault);
    if (row->reason == NULL) {
        assert_int_equal(err, FF_E_OK);
    } else {
        assert_int_equal(err, FF_E_MALFORMED_FRAME);
        assert_detail_str(&fault, "reason", row->reason);
    }
    msgpack_zone_destroy(&zone);
}

/* 00 §3: integers arrive in any width. */
static const struct int_row {
    const char *name;
    const char *hex;
    int64_t want;
} int_rows[] = {
    { "5 in one byte", "05", 5 },
    { "5 as u8", "cc 05", 5 },
    { "5 as u16", "cd 0005", 5 },
    { "5 as u32", "ce 00000005", 5 },
    { "5 as u64", "cf 0000000000000005", 5 },
    { "5 as i8", "d0 05", 5 },
    { "5 as i16", "d1 0005", 5 },
    { "5 as i32", "d2 00000005", 5 },
    { "5 as i64", "d3 0000000000000005", 5 },
    { "-1 in one byte", "ff", -1 },
    { "-1 as i8", "d0 ff", -1 },
    { "-1 as i16", "d1 ffff", -1 },
    { "-1 as i32", "d2 ffffffff", -1 },
    { "-1 as i64", "d3 ffffffffffffffff", -1 },
    { "-32 in one byte", "e0", -32 },
    { "the lowest i16", "d1 8000", INT16_MIN },
    { "the lowest i64", "d3 8000000000000000", INT64_MIN },
};

static void
test_int(void **state)
{
    const struct int_row *row = *state;
    struct ff_tree tree;

    ff_tree_hex(&tree, row->hex);
    assert_int_equal(tree.root.type, row->want < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER
                                                   : MSGPACK_OBJECT_POSITIVE_INTEGER);
    assert_true(tree.root.via.i64 == row->want);
    ff_tree_done(&tree);
}

/* `depth` lists in one another, the innermost empty. */
static const char *
parse_nested(uint32_t depth)
{
    struct ff_fault fault = { 0 };
    msgpack_object tree;
    msgpack_zone zone;
    char bytes[100];
    ff_err err = FF_E_OK;

    memset(bytes, 0x91, depth);
    bytes[depth - 1] = (char) 0x90;
    assert_true(msgpack_zone_init(&zone, 1024));
    err = ff_msgpack_parse(ff_str(bytes, depth), &zone, &tree, &fault);
    msgpack_zone_destroy(&zone);
    return err == FF_E_OK ? "" : fault_detail(&fault, "reason")->v.str.p;
}

static void
test_nesting_of_32_and_no_more(void **state)
{
    (void) state;
    assert_string_equal(parse_nested(32), "");
    assert_string_equal(parse_nested(33), "too_deep");
    assert_string_equal(parse_nested(100), "too_deep");
}

/* A list of n nils, each one byte on the wire and 24 in memory. */
static const char *
parse_many(uint32_t n)
{
    struct ff_fault fault = { 0 };
    msgpack_object tree;
    msgpack_zone zone;
    char *bytes = calloc(1, (size_t) n + 5);
    ff_err err = FF_E_OK;

    assert_non_null(bytes);
    memset(bytes + 5, 0xc0, n);
    bytes[0] = (char) 0xdd;
    for (int i = 0; i < 4; i++) {
        bytes[1 + i] = (char) (n >> (24 - 8 * i));
    }
    assert_true(msgpack_zone_init(&zone, 1024));
    err = ff_msgpack_parse(ff_str(bytes, (size_t) n + 5), &zone, &tree, &fault);
    msgpack_zone_destroy(&zone);
    free(bytes);
    return err == FF_E_OK ? "" : fault_detail(&fault, "reason")->v.str.p;
}

static void
test_a_message_has_a_bounded_number_of_values(void **state)
{
    (void) state;
    assert_string_equal(parse_many(FF_MSGPACK_VALUES_MAX - 1), "");
    assert_string_equal(parse_many(FF_MSGPACK_VALUES_MAX), "too_many_values");
}

static void
test_the_tree_is_what_was_sent(void **state)
{
    struct ff_tree tree;
    const msgpack_object_kv *pairs = NULL;

    (void) state;
    ff_tree_hex(&tree, "82 a1'a' 93 01 c3 ca 3fc00000 a1'b' 81 a0 c4 01 ff");
    assert_int_equal(tree.root.type, MSGPACK_OBJECT_MAP);
    assert_int_equal(tree.root.via.map.size, 2);
    pairs = tree.root.via.map.ptr;
    assert_int_equal(pairs[0].val.via.array.size, 3);
    assert_int_equal(pairs[0].val.via.array.ptr[0].via.u64, 1);
    assert_true(pairs[0].val.via.array.ptr[1].via.boolean);
    assert_true(pairs[0].val.via.array.ptr[2].via.f64 == 1.5);
    assert_int_equal(pairs[1].val.via.map.ptr[0].key.via.str.size, 0);
    assert_int_equal(pairs[1].val.via.map.ptr[0].val.type, MSGPACK_OBJECT_BIN);
    ff_tree_done(&tree);
}

static void
test_values_are_taken_one_by_one(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_str rest = ff_tree_bytes(&arena, "05 92 81 a1'a' 01 c0 a3'abc' a5'ab'");

    (void) state;
    assert_int_equal(ff_msgpack_take(&rest).n, 1);
    assert_int_equal(ff_msgpack_take(&rest).n, 6);
    assert_int_equal(ff_msgpack_take(&rest).n, 4);
    assert_null(ff_msgpack_take(&rest).p); /* cut short */
    assert_int_equal(rest.n, 3);
}

/* ---- the writer ---- */

static void
test_numbers_are_written_as_short_as_they_can_be(void **state)
{
    static const struct {
        int64_t value;
        uint32_t bytes;
    } cases[] = {
        { 0, 1 },
        { 127, 1 },
        { 128, 2 },
        { 255, 2 },
        { 256, 3 },
        { 65535, 3 },
        { 65536, 5 },
        { 4294967295, 5 },
        { 4294967296, 9 },
        { INT64_MAX, 9 },
        { -1, 1 },
        { -32, 1 },
        { -33, 2 },
        { -128, 2 },
        { -129, 3 },
        { -32768, 3 },
        { -32769, 5 },
        { INT32_MIN, 5 },
        { (int64_t) INT32_MIN - 1, 9 },
        { INT64_MIN, 9 },
    };

    (void) state;
    for (size_t i = 0; i < FF_COUNT(cases); i++) {
        FF_SCOPED(ff_packer) packer = { 0 };
        struct ff_common_args in = { .now_ms = FF_SOME(ff_opt_i64, cases[i].value) };
        static const struct ff_field field = {
            .name = "v", .name_n = 1, FF_SLOT(struct ff_common_args, now_ms, ms, FF_FIELD_OPT)
        };
        static const struct ff_desc desc = { "one", &field, 1, sizeof(in), false };
        struct ff_tree tree = { 0 };

        ff_packer_init(&packer);
        ff_encode(&desc, &in, &packer.pk);
        assert_int_equal(packer.buf.size, 3 + cases[i].bytes);
        ff_tree_parse(&tree, ff_packer_str(&packer));
        assert_true(tree.root.via.map.ptr[0].val.via.i64 == cases[i].value);
        ff_tree_done(&tree);
    }
}

/* Around every change of a head, and of the writer's block. */
static void
test_texts_of_every_length(void **state)
{
    static const uint32_t lengths[] = { 0,    1,    31,   32,   255,   256,   1000,
                                        1010, 1023, 1024, 1025, 65535, 65536, 200000 };

    (void) state;
    for (size_t i = 0; i < FF_COUNT(lengths); i++) {
        FF_SCOPED(ff_packer) packer = { 0 };
        struct ff_tree tree = { 0 };
        struct ff_exec_input in = { .payload_encoding = ff_cstr("e") };
        struct ff_exec_input out;
        struct ff_fault fault;
        char *bytes = malloc(lengths[i] + 1);

        assert_non_null(bytes);
        memset(bytes, 'b', lengths[i] + 1);
        in.payload = ff_str(bytes, lengths[i]);
        ff_packer_init(&packer);
        ff_encode(ff_records[FF_R_EXEC_INPUT], &in, &packer.pk);
        ff_tree_parse(&tree, ff_packer_str(&packer));
        assert_int_equal(
            ff_decode_result(ff_records[FF_R_EXEC_INPUT], &tree.root, &tree.arena, &out, &fault),
            FF_E_OK);
        assert_true(ff_str_eq(out.payload, in.payload));
        assert_true(ff_str_is(out.payload_encoding, "e"));
        ff_tree_done(&tree);
        free(bytes);
    }
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_row), FF_ROWS(int_rows, test_int) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_nesting_of_32_and_no_more),
        cmocka_unit_test(test_a_message_has_a_bounded_number_of_values),
        cmocka_unit_test(test_the_tree_is_what_was_sent),
        cmocka_unit_test(test_values_are_taken_one_by_one),
        cmocka_unit_test(test_numbers_are_written_as_short_as_they_can_be),
        cmocka_unit_test(test_texts_of_every_length),
    };

    return ff_run_rows("codec_msgpack", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
