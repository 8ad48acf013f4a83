/* codec_tree.h: a msgpack tree made in a test, from JSON or from hexadecimal bytes. */
#ifndef FF_TESTS_CORE_CODEC_TREE_H
#define FF_TESTS_CORE_CODEC_TREE_H

#include "core/codec.h"
#include "tests/core/fault_check.h"

struct ff_tree {
    struct ff_arena arena; /* also for what is decoded from it */
    msgpack_zone zone;
    msgpack_object root;
};

static inline void
ff_tree_parse(struct ff_tree *tree, struct ff_str bytes)
{
    struct ff_fault fault = { 0 };

    assert_true(msgpack_zone_init(&tree->zone, 1024));
    if (ff_msgpack_parse(bytes, &tree->zone, &tree->root, &fault) != FF_E_OK) {
        fail_msg("not a message: %s", fault.detail[0].v.str.p);
    }
}

/* desc NULL: unguided. */
static inline void
ff_tree_json(struct ff_tree *tree, const struct ff_desc *desc, const char *json)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_fault fault = { 0 };

    *tree = (struct ff_tree){ .arena = { 0 } };
    ff_packer_init(&packer);
    if (ff_json_to_msgpack(desc, ff_cstr(json), &packer.pk, &fault) != FF_E_OK) {
        fail_msg("not JSON: %s", json);
    }
    ff_tree_parse(tree, ff_arena_copy(&tree->arena, ff_packer_str(&packer)));
}

/* Bytes of hexadecimal digits; spaces are passed over, and 'xyz' stands for its characters. */
static inline struct ff_str
ff_tree_bytes(struct ff_arena *arena, const char *hex)
{
    char *bytes = ff_arena_alloc(arena, strlen(hex) + 1);
    uint32_t n = 0;

    for (const char *p = hex; *p != '\0'; p++) {
        if (*p == '\'') {
            for (p++; *p != '\''; p++) {
                bytes[n++] = *p;
            }
        } else if (*p != ' ') {
            char pair[3] = { p[0], p[1], '\0' };

            bytes[n++] = (char) strtoul(pair, NULL, 16);
            p++;
        }
    }
    return ff_str(bytes, n);
}

static inline void
ff_tree_hex(struct ff_tree *tree, const char *hex)
{
    *tree = (struct ff_tree){ .arena = { 0 } };
    ff_tree_parse(tree, ff_tree_bytes(&tree->arena, hex));
}

static inline void
ff_tree_done(struct ff_tree *tree)
{
    msgpack_zone_destroy(&tree->zone);
    ff_arena_done(&tree->arena);
}

#endif
