/* json_in.h: arguments of tests, written as JSON. */
#ifndef FF_TESTS_CORE_JSON_IN_H
#define FF_TESTS_CORE_JSON_IN_H

#include "core/codec.h"
#include "tests/core/fault_check.h"

/* One value as an argument of type `any` has it. */
static inline struct ff_str
packed(const char *json, struct ff_arena *arena)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_fault fault = { 0 };

    ff_packer_init(&packer);
    assert_int_equal(ff_json_to_msgpack(NULL, ff_cstr(json), &packer.pk, &fault), FF_E_OK);
    return ff_arena_copy(arena, ff_packer_str(&packer));
}

/* A described struct as JSON on one line, ended by a zero byte. */
static inline const char *
shown(const struct ff_desc *desc, const void *value, struct ff_arena *arena)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_fault fault = { 0 };
    msgpack_zone zone;
    msgpack_object tree;
    struct ff_str text = { 0 };

    ff_packer_init(&packer);
    ff_encode(desc, value, &packer.pk);
    assert_true(msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE));
    assert_int_equal(ff_msgpack_parse(ff_packer_str(&packer), &zone, &tree, &fault), FF_E_OK);
    text = ff_arena_copy(arena, ff_msgpack_to_json(&tree, 0, arena));
    msgpack_zone_destroy(&zone);
    return text.p;
}

#endif
