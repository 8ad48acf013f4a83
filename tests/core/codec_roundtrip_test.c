/* Every operation's arguments and results, and every record, there and back: a new row of a table
 * is covered the moment it is written. */
#include "tests/rows.h"

#include <stdio.h>

#include "core/codec_int.h"
#include "tests/core/codec_fill.h"

#define ROUNDS 40

/* Bytes of a message and the tree over them, until the arena goes. */
static msgpack_object
parse(struct ff_str bytes, msgpack_zone *zone)
{
    msgpack_object tree = { .type = MSGPACK_OBJECT_NIL };
    struct ff_fault fault = { 0 };

    if (ff_msgpack_parse(bytes, zone, &tree, &fault) != FF_E_OK) {
        fail_msg("not parsed: %s", fault.detail[0].v.str.p);
    }
    return tree;
}

static void
fail_fault(const char *what, const struct ff_fault *fault)
{
    fail_msg("%s: %.*s: %.*s", what, (int) fault->detail[0].v.str.n, fault->detail[0].v.str.p,
             (int) fault->detail[1].v.str.n, fault->detail[1].v.str.p);
}

static struct ff_str
encode(const struct ff_desc *desc, const void *in, struct ff_arena *arena)
{
    FF_SCOPED(ff_packer) packer = { 0 };

    ff_packer_init(&packer);
    ff_encode(desc, in, &packer.pk);
    return ff_arena_copy(arena, ff_packer_str(&packer));
}

static void
assert_same_bytes(struct ff_str got, struct ff_str want)
{
    assert_int_equal(got.n, want.n);
    assert_memory_equal(got.p, want.p, want.n);
}

typedef void round_fn(struct ff_fill *fill, const void *what);

static void
rounds(round_fn *round, const void *what)
{
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        FF_SCOPED(ff_arena) arena = { 0 };
        struct ff_fill fill = { .arena = &arena,
                                .seed = seed,
                                .absent_percent = (uint32_t) (seed % 3) * 50 };

        round(&fill, what);
    }
}

static void
round_args(struct ff_fill *fill, const void *what)
{
    const struct ff_op_info *op = what;
    void *in = ff_arena_alloc(fill->arena, op->args->size);
    void *out = ff_arena_alloc(fill->arena, op->args->size);
    struct ff_common_args common;
    struct ff_fault fault = { 0 };
    struct ff_str bytes;
    msgpack_object tree;
    msgpack_zone zone;

    ff_fill_struct(fill, op->args, in);
    bytes = encode(op->args, in, fill->arena);
    assert_true(msgpack_zone_init(&zone, 8192));
    tree = parse(bytes, &zone);
    if (ff_decode_args(op, &tree, fill->arena, out, &common, &fault) != FF_E_OK) {
        fail_fault(op->name, &fault);
    }
    assert_same_bytes(encode(op->args, out, fill->arena), bytes);
    msgpack_zone_destroy(&zone);
}

static void
round_result(struct ff_fill *fill, const void *what)
{
    const struct ff_desc *desc = ((const struct ff_op_info *) what)->result;
    void *in = ff_arena_alloc(fill->arena, desc->size);
    void *out = ff_arena_alloc(fill->arena, desc->size);
    struct ff_fault fault = { 0 };
    struct ff_str bytes;
    msgpack_object tree;
    msgpack_zone zone;

    ff_fill_struct(fill, desc, in);
    bytes = encode(desc, in, fill->arena);
    assert_true(msgpack_zone_init(&zone, 8192));
    tree = parse(bytes, &zone);
    if (ff_decode_result(desc, &tree, fill->arena, out, &fault) != FF_E_OK) {
        fail_fault(desc->name, &fault);
    }
    assert_same_bytes(encode(desc, out, fill->arena), bytes);
    msgpack_zone_destroy(&zone);
}

static void
round_json(struct ff_fill *fill, const void *what)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    const struct ff_desc *desc = ((const struct ff_op_info *) what)->args;
    void *in = ff_arena_alloc(fill->arena, desc->size);
    struct ff_fault fault = { 0 };
    struct ff_str bytes;
    struct ff_str json;
    msgpack_object tree;
    msgpack_zone zone;

    ff_fill_struct(fill, desc, in);
    bytes = encode(desc, in, fill->arena);
    assert_true(msgpack_zone_init(&zone, 8192));
    tree = parse(bytes, &zone);
    json = ff_msgpack_to_json(&tree, (int) (fill->seed % 3), fill->arena);
    ff_packer_init(&packer);
    assert_int_equal(ff_json_to_msgpack(desc, json, &packer.pk, &fault), FF_E_OK);
    assert_same_bytes(ff_packer_str(&packer), bytes);
    msgpack_zone_destroy(&zone);
}

static struct ff_str
encode_row(const struct ff_desc *desc, const void *in, struct ff_arena *arena)
{
    FF_SCOPED(ff_packer) packer = { 0 };

    ff_packer_init(&packer);
    ff_row_encode_as(desc, in, &packer.pk);
    return ff_arena_copy(arena, ff_packer_str(&packer));
}

static void
row_and_back(struct ff_fill *fill, const struct ff_desc *desc)
{
    void *in = ff_arena_alloc(fill->arena, desc->size);
    void *out = ff_arena_alloc(fill->arena, desc->size);
    struct ff_fault fault = { 0 };
    struct ff_str row;

    ff_fill_struct(fill, desc, in);
    row = encode_row(desc, in, fill->arena);
    if (ff_row_decode_as(desc, row, fill->arena, out, &fault) != FF_E_OK) {
        fail_fault(desc->name, &fault);
    }
    assert_same_bytes(encode_row(desc, out, fill->arena), row);
    assert_same_bytes(encode(desc, out, fill->arena), encode(desc, in, fill->arena));
}

static void
copy_and_free(struct ff_fill *fill, const struct ff_desc *desc)
{
    FF_SCOPED(ff_arena) source = { 0 };
    struct ff_fill other = { .arena = &source, .seed = fill->seed, .absent_percent = 30 };
    void *in = ff_arena_alloc(&source, desc->size);
    void *out = ff_arena_alloc(fill->arena, desc->size);
    struct ff_str bytes;

    ff_fill_struct(&other, desc, in);
    bytes = encode(desc, in, fill->arena);
    ff_deep_copy(desc, in, out, ff_arena_alloc(fill->arena, ff_deep_size(desc, in)));
    ff_arena_done(&source); /* from here on a pointer back into it is a fault */
    assert_same_bytes(encode(desc, out, fill->arena), bytes);
}

static void
round_row(struct ff_fill *fill, const void *what)
{
    const struct ff_desc *desc = *(const struct ff_desc *const *) what;

    row_and_back(fill, desc);
    copy_and_free(fill, desc);
}

/* Arguments are not stored, but they have members of types that no record has yet. */
static void
round_stored_args(struct ff_fill *fill, const void *what)
{
    const struct ff_op_info *op = what;

    row_and_back(fill, op->args);
    copy_and_free(fill, op->args);
}

/* What is missing counts as what the table says. */
static void
round_defaults(struct ff_fill *fill, const void *what)
{
    const struct ff_desc *desc = ((const struct ff_op_info *) what)->args;
    void *in = ff_arena_alloc(fill->arena, desc->size);
    struct ff_fault fault = { 0 };

    ff_fill_struct(fill, desc, in);
    for (uint32_t i = 0; i < desc->n; i++) {
        const struct ff_field *field = &desc->fields[i];
        struct ff_desc one = { desc->name, field, 1, desc->size, false };
        msgpack_object empty = { .type = MSGPACK_OBJECT_MAP };
        bool text = (field->flags & FF_FIELD_DEF) != 0 && field->def[0] == '"';
        struct ff_str got;

        if ((field->flags & FF_FIELD_DEF) == 0) {
            continue;
        }
        if (ff_decode(&one, &empty, fill->arena, NULL, FF_E_INVALID_INPUT, in, &fault) != FF_E_OK) {
            fail_fault(field->name, &fault);
        }
        got = ff_field_text(field, in, fill->arena);
        assert_same_bytes(got, text ? ff_str(field->def + 1, strlen(field->def) - 2)
                                    : ff_cstr(field->def));
    }
}

static void
test_op(void **state)
{
    rounds(round_args, *state);
    rounds(round_json, *state);
    rounds(round_stored_args, *state);
    rounds(round_defaults, *state);
    rounds(round_result, *state);
}

static void
round_cells(struct ff_fill *fill, const void *what)
{
    const struct ff_desc *desc = *(const struct ff_desc *const *) what;
    void *in = ff_arena_alloc(fill->arena, desc->size);
    void *out = ff_arena_zalloc(fill->arena, desc->size);
    struct ff_fault fault = { 0 };

    ff_fill_struct(fill, desc, in);
    for (uint32_t i = 0; i < desc->n; i++) {
        struct ff_str text = ff_field_text(&desc->fields[i], in, fill->arena);

        if (text.p == NULL) {
            assert_true((desc->fields[i].flags & FF_FIELD_OPT) != 0);
        } else if (ff_field_parse(&desc->fields[i], text, fill->arena, out, &fault) != FF_E_OK) {
            fail_fault(desc->fields[i].name, &fault);
        }
    }
    assert_same_bytes(encode(desc, out, fill->arena), encode(desc, in, fill->arena));
}

static void
test_record(void **state)
{
    rounds(round_row, *state);
    rounds(round_cells, *state);
}

int
main(void)
{
    struct CMUnitTest tests[FF_OP_N + FF_R_N];
    size_t n = 0;

    for (size_t op = 0; op < FF_OP_N; op++) {
        tests[n++] = (struct CMUnitTest){ .name = ff_ops[op].name,
                                          .test_func = test_op,
                                          .initial_state = (void *) (uintptr_t) &ff_ops[op] };
    }
    for (size_t kind = 0; kind < FF_R_N; kind++) {
        tests[n++] = (struct CMUnitTest){ .name = ff_records[kind]->name,
                                          .test_func = test_record,
                                          .initial_state = (void *) (uintptr_t) &ff_records[kind] };
    }
    return _cmocka_run_group_tests("codec_roundtrip", tests, n, NULL, NULL);
}
