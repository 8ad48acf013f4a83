/* codec_fuzz.c: bytes from a peer through every decoder that takes them.
 *
 * The first byte chooses the operation or record. What is accepted must be encodable, and read back
 * as the same bytes.
 */
#include "tests/fuzz/fuzz.h"

#include "core/codec.h"

/* Everything that one input uses. */
struct fuzz {
    struct ff_arena arena;
    msgpack_zone zone;
    struct ff_packer packer;
    struct ff_fault fault;
};

/* A fault of a decoder can be shown to a client: encode it, and read it back. */
static void
check_fault(struct fuzz *fuzz, const char *op)
{
    msgpack_object tree;
    msgpack_object detail;
    struct ff_fault again = { 0 };
    struct ff_fault seen = { 0 };

    msgpack_sbuffer_clear(&fuzz->packer.buf);
    ff_encode_error(&fuzz->fault, op, &fuzz->packer.pk);
    FF_ASSERT(ff_msgpack_parse(ff_packer_str(&fuzz->packer), &fuzz->zone, &tree, &again) ==
              FF_E_OK);
    ff_decode_error(&tree, &fuzz->arena, &seen, &detail);
    FF_ASSERT(seen.code == fuzz->fault.code);
}

static struct ff_str
encoded(struct fuzz *fuzz, const struct ff_desc *desc, const void *in)
{
    msgpack_sbuffer_clear(&fuzz->packer.buf);
    ff_encode(desc, in, &fuzz->packer.pk);
    return ff_arena_copy(&fuzz->arena, ff_packer_str(&fuzz->packer));
}

static void
check_same(struct ff_str a, struct ff_str b)
{
    FF_ASSERT(ff_str_eq(a, b));
}

static void
check_copy(struct fuzz *fuzz, const struct ff_desc *desc, const void *in)
{
    void *room = ff_arena_alloc(&fuzz->arena, ff_deep_size(desc, in));
    void *copy = ff_arena_alloc(&fuzz->arena, desc->size);

    ff_deep_copy(desc, in, copy, room);
    check_same(encoded(fuzz, desc, copy), encoded(fuzz, desc, in));
}

static void
try_args(struct fuzz *fuzz, const struct ff_op_info *op, const msgpack_object *tree)
{
    void *args = ff_arena_alloc(&fuzz->arena, op->args->size);
    void *again = ff_arena_alloc(&fuzz->arena, op->args->size);
    struct ff_common_args common;
    struct ff_str bytes;
    msgpack_object second;

    if (ff_decode_args(op, tree, &fuzz->arena, args, &common, &fuzz->fault) != FF_E_OK) {
        check_fault(fuzz, op->name);
        return;
    }
    bytes = encoded(fuzz, op->args, args);
    FF_ASSERT(ff_msgpack_parse(bytes, &fuzz->zone, &second, &fuzz->fault) == FF_E_OK);
    FF_ASSERT(ff_decode_args(op, &second, &fuzz->arena, again, &common, &fuzz->fault) == FF_E_OK);
    check_same(encoded(fuzz, op->args, again), bytes);
    check_copy(fuzz, op->args, args);
}

static void
try_tree(struct fuzz *fuzz, const struct ff_op_info *op, struct ff_str bytes)
{
    void *result = ff_arena_alloc(&fuzz->arena, op->result->size);
    struct ff_policy policy;
    msgpack_object tree;

    if (ff_msgpack_parse(bytes, &fuzz->zone, &tree, &fuzz->fault) != FF_E_OK) {
        check_fault(fuzz, "");
        return;
    }
    try_args(fuzz, op, &tree);
    if (ff_decode_result(op->result, &tree, &fuzz->arena, result, &fuzz->fault) == FF_E_OK) {
        check_copy(fuzz, op->result, result);
    }
    if (ff_decode(&ff_desc_policy, &tree, &fuzz->arena, NULL, FF_E_INVALID_POLICY_JSON, &policy,
                  &fuzz->fault) != FF_E_OK) {
        check_fault(fuzz, op->name);
    }
    (void) ff_msgpack_to_json(&tree, (int) (bytes.n % 3), &fuzz->arena);
}

/* A row is our own, so its texts need not be UTF-8: nothing but memory is checked. */
static void
try_row(struct fuzz *fuzz, enum ff_record kind, struct ff_str bytes)
{
    const struct ff_desc *desc = ff_records[kind];
    void *record = ff_arena_alloc(&fuzz->arena, desc->size);
    void *again = ff_arena_alloc(&fuzz->arena, desc->size);
    struct ff_str row;

    if (ff_row_decode(kind, bytes, &fuzz->arena, record, &fuzz->fault) != FF_E_OK) {
        check_fault(fuzz, "");
        return;
    }
    msgpack_sbuffer_clear(&fuzz->packer.buf);
    ff_row_encode(kind, record, &fuzz->packer.pk);
    row = ff_arena_copy(&fuzz->arena, ff_packer_str(&fuzz->packer));
    FF_ASSERT(ff_row_decode(kind, row, &fuzz->arena, again, &fuzz->fault) == FF_E_OK);
    msgpack_sbuffer_clear(&fuzz->packer.buf);
    ff_row_encode(kind, again, &fuzz->packer.pk);
    check_same(row, ff_packer_str(&fuzz->packer));
    check_copy(fuzz, desc, record);
    for (uint32_t i = 0; i < desc->n; i++) {
        (void) ff_field_text(&desc->fields[i], record, &fuzz->arena);
    }
}

static void
try_text(struct fuzz *fuzz, const struct ff_op_info *op, enum ff_record kind, struct ff_str text)
{
    const struct ff_desc *desc = ff_records[kind];
    msgpack_object tree;

    msgpack_sbuffer_clear(&fuzz->packer.buf);
    if (ff_json_to_msgpack(op->args, text, &fuzz->packer.pk, &fuzz->fault) == FF_E_OK) {
        struct ff_str bytes = ff_arena_copy(&fuzz->arena, ff_packer_str(&fuzz->packer));

        if (ff_msgpack_parse(bytes, &fuzz->zone, &tree, &fuzz->fault) == FF_E_OK) {
            try_args(fuzz, op, &tree);
            (void) ff_msgpack_to_json(&tree, 0, &fuzz->arena);
        }
    }
    for (uint32_t i = 0; i < desc->n; i++) {
        void *record = ff_arena_zalloc(&fuzz->arena, desc->size);

        if (ff_field_parse(&desc->fields[i], text, &fuzz->arena, record, &fuzz->fault) == FF_E_OK) {
            (void) ff_field_text(&desc->fields[i], record, &fuzz->arena);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz fuzz = { .arena = { 0 } };
    struct ff_str bytes;

    if (size < 1 || size > UINT32_MAX) {
        return 0;
    }
    bytes = ff_str(data + 1, size - 1);
    FF_ASSERT(msgpack_zone_init(&fuzz.zone, MSGPACK_ZONE_CHUNK_SIZE));
    ff_packer_init(&fuzz.packer);
    try_tree(&fuzz, &ff_ops[data[0] % FF_OP_N], bytes);
    try_row(&fuzz, (enum ff_record)(data[0] % FF_R_N), bytes);
    try_text(&fuzz, &ff_ops[data[0] % FF_OP_N], (enum ff_record)(data[0] % FF_R_N), bytes);
    ff_packer_done(&fuzz.packer);
    msgpack_zone_destroy(&fuzz.zone);
    ff_arena_done(&fuzz.arena);
    return 0;
}
