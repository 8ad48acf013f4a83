#include "tests/core/codec_tree.h"

static struct ff_str
encode(struct ff_arena *arena, const struct ff_fault *fault, const char *op)
{
    FF_SCOPED(ff_packer) packer = { 0 };

    ff_packer_init(&packer);
    ff_encode_error(fault, op, &packer.pk);
    return ff_arena_copy(arena, ff_packer_str(&packer));
}

static void
test_every_member_of_01_1_3(void **state)
{
    struct ff_str missing[] = { ff_cstr("cuda"), ff_cstr("gpu") };
    struct ff_tree tree = { 0 };
    struct ff_fault fault = { 0 };

    (void) state;
    (void) ff_fail(
        &fault, FF_E_CAPABILITY_MISMATCH, ff_d_strs("missing", (struct ff_strs){ missing, 2 }),
        ff_d_text("missing_csv", "cuda,gpu"), ff_d_u64("u", UINT64_MAX), ff_d_i64("i", -1),
        ff_d_text("none", NULL),
        (struct ff_datum){
            .key = "raw", .type = FF_D_RAW, .v = { .str = ff_str("\x81\xa1z\x05", 4) } });
    fault.message = "it lacks two";
    ff_tree_parse(&tree, encode(&tree.arena, &fault, "issue_claim_grant"));
    assert_string_equal(
        ff_msgpack_to_json(&tree.root, 0, &tree.arena).p,
        "{\"code\":\"capability_mismatch\",\"kind\":\"validation\",\"op\":\"issue_claim_grant\","
        "\"message\":\"it lacks two\",\"detail\":{\"missing\":[\"cuda\","
        "\"gpu\"],\"missing_csv\":\"cuda,gpu\",\"u\":\"18446744073709551615\",\"i\":-1,\"none\":"
        "null,\"raw\":{\"z\":5}},\"retryable\":true}");
    ff_tree_done(&tree);
}

static void
test_there_and_back(void **state)
{
    struct ff_tree tree = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_fault seen = { 0 };
    msgpack_object detail;

    (void) state;
    (void) ff_fail_transport(&fault, "sqlite", "protocol", "the disk is odd");
    ff_tree_parse(&tree, encode(&tree.arena, &fault, ""));
    ff_decode_error(&tree.root, &tree.arena, &seen, &detail);
    assert_int_equal(seen.code, FF_E_TRANSPORT);
    assert_false(seen.retryable); /* although the class is retryable */
    assert_string_equal(seen.message, "the disk is odd");
    assert_int_equal(detail.type, MSGPACK_OBJECT_MAP);
    assert_int_equal(detail.via.map.size, 2);
    ff_tree_done(&tree);
}

/* What a client gets is whatever a server sends. */
static const struct row {
    const char *name;
    const char *json;
} rows[] = {
    { "a code of a newer server", "{\"code\":\"from_the_future\",\"retryable\":true}" },
    { "no code", "{}" },
    { "a code that is a number", "{\"code\":5,\"message\":7,\"detail\":[],\"retryable\":\"x\"}" },
    { "no map", "[]" },
    { "nothing", "null" },
};

static void
test_strange(void **state)
{
    const struct row *row = *state;
    struct ff_tree tree;
    struct ff_fault seen = { 0 };
    msgpack_object detail;

    ff_tree_json(&tree, NULL, row->json);
    ff_decode_error(&tree.root, &tree.arena, &seen, &detail);
    assert_int_equal(seen.code, FF_E_INVARIANT_VIOLATION);
    assert_int_equal(detail.type, MSGPACK_OBJECT_NIL);
    ff_tree_done(&tree);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_strange) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_every_member_of_01_1_3),
        cmocka_unit_test(test_there_and_back),
    };

    return ff_run_rows("codec_error", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
