#include "tests/core/codec_tree.h"

/* JSON in, guided by the arguments of record_spend and of complete, and JSON out again (00 §4). */
static const struct row {
    const char *name;
    const struct ff_desc *const *desc; /* NULL: unguided */
    const char *in;
    const char *hex;
    const char *out; /* NULL: the same */
} rows[] = {
    { "null", NULL, "null", "c0", NULL },
    { "true and false", NULL, "[true,false]", "92 c3 c2", NULL },
    { "2^53 is a number", NULL, "9007199254740992", "cf 0020000000000000", NULL },
    { "above it a text", NULL, "9007199254740993", "cf 0020000000000001", "\"9007199254740993\"" },
    { "the highest number that can come", NULL, "9223372036854775807", "cf 7fffffffffffffff",
      "\"9223372036854775807\"" },
    { "the lowest one", NULL, "-9223372036854775808", "d3 8000000000000000", NULL },
    { "a fraction", NULL, "1.5", "cb 3ff8000000000000", NULL },
    { "a whole fraction stays one", NULL, "2.0", "cb 4000000000000000", NULL },
    { "a text with a zero byte", NULL, "\"a\\u0000b\"", "a3'a' 00'b'", NULL },
    { "order is kept", NULL, "{\"b\":1,\"a\":2}", "82 a1'b' 01 a1'a' 02", NULL },
    { "a text that looks like a number stays a text", NULL, "\"5\"", "a1'5'", NULL },
    { "bytes from base64", &ff_ops[FF_OP_complete].args, "{\"payload\":\"AAH/\"}",
      "81 a7'payload' c4 03 0001ff", NULL },
    { "no bytes at all", &ff_ops[FF_OP_complete].args, "{\"payload\":\"\"}", "81 a7'payload' c4 00",
      NULL },
    { "what is no base64 is left to the receiver", &ff_ops[FF_OP_complete].args,
      "{\"payload\":\"AAH\"}", "81 a7'payload' a3'AAH'", NULL },
    { "bytes in a shape", &ff_ops[FF_OP_complete].args, "{\"handle\":{\"opaque\":\"AA==\"}}",
      "81 a6'handle' 81 a6'opaque' c4 01 00", NULL },
    { "an unknown member", &ff_ops[FF_OP_complete].args, "{\"x\":{\"opaque\":\"AA==\"}}",
      "81 a1'x' 81 a6'opaque' a4'AA=='", NULL },
    { "u64 as text", &ff_ops[FF_OP_record_spend].args,
      "{\"deltas\":{\"usd\":\"18446744073709551615\"}}",
      "81 a6'deltas' 81 a3'usd' cf ffffffffffffffff", NULL },
    { "u64 as number", &ff_ops[FF_OP_record_spend].args, "{\"deltas\":{\"usd\":5}}",
      "81 a6'deltas' 81 a3'usd' 05", NULL },
    { "a small one as text", &ff_ops[FF_OP_record_spend].args, "{\"deltas\":{\"usd\":\"5\"}}",
      "81 a6'deltas' 81 a3'usd' 05", "{\"deltas\":{\"usd\":5}}" },
    { "beyond u64", &ff_ops[FF_OP_record_spend].args,
      "{\"deltas\":{\"usd\":\"18446744073709551616\"}}",
      "81 a6'deltas' 81 a3'usd' b4'18446744073709551616'", NULL },
    { "a list of u64", &ff_ops[FF_OP_create_budget].args, "{\"hard_limits\":[\"7\",\"x\"]}",
      "81 ab'hard_limits' 92 07 a1'x'", "{\"hard_limits\":[7,\"x\"]}" },
    { "a negative time as text", &ff_ops[FF_OP_create_execution].args,
      "{\"delay_until\":\"-9223372036854775808\"}", "81 ab'delay_until' d3 8000000000000000",
      "{\"delay_until\":-9223372036854775808}" },
    { "below i64", &ff_ops[FF_OP_create_execution].args,
      "{\"delay_until\":\"-9223372036854775809\"}", "81 ab'delay_until' b4'-9223372036854775809'",
      NULL },
    { "a minus alone", &ff_ops[FF_OP_create_execution].args, "{\"delay_until\":\"-\"}",
      "81 ab'delay_until' a1'-'", NULL },
    { "a map where a shape is described as text", &ff_ops[FF_OP_complete].args,
      "{\"handle\":\"x\"}", "81 a6'handle' a1'x'", NULL },
};

static void
test_row(void **state)
{
    const struct row *row = *state;
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_tree tree;
    struct ff_str json;

    ff_tree_hex(&tree, row->hex);
    ff_packer_init(&packer);
    assert_int_equal(ff_json_to_msgpack(row->desc == NULL ? NULL : *row->desc, ff_cstr(row->in),
                                        &packer.pk, &fault),
                     FF_E_OK);
    assert_true(ff_str_eq(ff_packer_str(&packer), ff_tree_bytes(&tree.arena, row->hex)));
    json = ff_msgpack_to_json(&tree.root, 0, &tree.arena);
    assert_string_equal(json.p, row->out == NULL ? row->in : row->out);
    ff_tree_done(&tree);
}

static const struct bad_row {
    const char *name;
    const char *json;
    int64_t line;
} bad_rows[] = {
    { "nothing", "", 1 },
    { "cut short", "{\"a\":", 1 },
    { "on the third line", "{\n\"a\": 1,\n}", 3 },
    { "two values", "1 2", 1 },
    { "a key twice", "{\"a\": 1, \"a\": 2}", 1 },
    { "beyond what numbers hold", "18446744073709551616", 1 },
    { "a fraction beyond them", "1e999", 1 },
    { "not a number", "NaN", 1 },
    { "no UTF-8", "\"\xff\"", 1 },
};

static void
test_malformed(void **state)
{
    const struct bad_row *row = *state;
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_fault fault = { 0 };

    ff_packer_init(&packer);
    assert_int_equal(ff_json_to_msgpack(NULL, ff_cstr(row->json), &packer.pk, &fault),
                     FF_E_INVALID_INPUT);
    assert_detail_str(&fault, "reason", "malformed");
    assert_int_equal(fault_detail(&fault, "line")->v.i64, row->line);
    fault_detail(&fault, "column");
}

/* What is no JSON, one way. */
static const struct odd_row {
    const char *name;
    const char *hex;
    const char *out;
} odd_rows[] = {
    { "not a number", "cb 7ff8000000000000", "null" },
    { "infinity", "91 cb 7ff0000000000000", "[null]" },
    { "a key that is a number", "82 05 01 a1'5' 02", "{\"5\":2}" },
    { "a key that is a list", "81 91 01 02", "{\"[1]\":2}" },
    { "a key that comes twice", "83 a1'a' 01 a1'b' 02 a1'a' 03", "{\"a\":3,\"b\":2}" },
    { "nothing in it", "92 80 90", "[{},[]]" },
    { "what has to be escaped", "a8'a' 22 5c 0a 1f 00 2f 7f",
      "\"a\\\"\\\\\\n\\u001F\\u0000/\x7f\"" },
    { "the highest u64", "cf ffffffffffffffff", "\"18446744073709551615\"" },
    { "f32", "ca 3fc00000", "1.5" },
};

static void
test_odd(void **state)
{
    const struct odd_row *row = *state;
    struct ff_tree tree;

    ff_tree_hex(&tree, row->hex);
    assert_string_equal(ff_msgpack_to_json(&tree.root, 0, &tree.arena).p, row->out);
    ff_tree_done(&tree);
}

static void
test_indentation(void **state)
{
    struct ff_tree tree;

    (void) state;
    ff_tree_json(&tree, NULL, "{\"a\":[1]}");
    assert_string_equal(ff_msgpack_to_json(&tree.root, 2, &tree.arena).p,
                        "{\n  \"a\": [\n    1\n  ]\n}");
    ff_tree_done(&tree);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_row),
                                             FF_ROWS(bad_rows, test_malformed),
                                             FF_ROWS(odd_rows, test_odd) };
    static const struct CMUnitTest singles[] = { cmocka_unit_test(test_indentation) };

    return ff_run_rows("codec_json", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
