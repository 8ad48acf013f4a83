/* scan.h: one pass of a scanner as its process makes it, for the examples of 07. See life.h. */
#ifndef FF_TESTS_ENGINE_SCAN_H
#define FF_TESTS_ENGINE_SCAN_H

#include "tests/engine/life.h"

static inline struct ff_scan_due_result
scan_due(struct ff_rig *rig, const struct ff_scan_due_args *args)
{
    struct ff_scan_due_result result;

    assert_ok(ff_rig_scan_due(rig, args, &result));
    return result;
}

/* The item as arguments of an operation; its result. */
static inline const void *
result_on(struct ff_rig *rig, enum ff_op op, const struct ff_due_item *item)
{
    struct ff_packer packer;
    void *result = ff_arena_zalloc(&rig->arena, ff_ops[op].result->size);

    ff_packer_init(&packer);
    ff_encode(&ff_desc_due_item, item, &packer.pk);
    assert_ok(ff_rig_call_raw(rig, op, ff_packer_str(&packer), result));
    ff_packer_done(&packer);
    return result;
}

/* The same; the outcome word. */
static inline struct ff_str
act_on(struct ff_rig *rig, enum ff_op op, const struct ff_due_item *item)
{
    const void *result = result_on(rig, op, item);
    struct ff_str outcome;

    outcome =
        ff_field_text(ff_field_find(ff_ops[op].result, ff_cstr("outcome")), result, &rig->arena);
    return ff_arena_copy(&rig->arena, outcome);
}

static inline uint32_t
act_and_count(struct ff_rig *rig, enum ff_scanner scanner, const struct ff_due_item *item)
{
    uint32_t processed = 0;

#define FF_SCANNER(upper, name, process, interval, unit_ms, batch, flags)
#define FF_SCAN_WAKE(upper, index, when)
#define FF_SCAN_CALL(upper, op, changed, changed_too)                                              \
    if (scanner == FF_SCANNER_##upper) {                                                           \
        const char *words[] = { changed, changed_too };                                            \
        struct ff_str outcome = { 0 };                                                             \
                                                                                                   \
        assert_non_null(words[0]); /* others count by themselves */                                \
        outcome = act_on(rig, FF_OP_##op, item);                                                   \
        processed += ff_str_eq(outcome, ff_cstr(words[0])) ||                                      \
                     (words[1] != NULL && ff_str_eq(outcome, ff_cstr(words[1])));                  \
    }
#include "core/scanners.def"
    return processed;
}

/* Lists and acts until nothing is left; how many items it changed. */
static inline uint32_t
pass_with(struct ff_rig *rig, struct ff_scan_due_args args)
{
    uint32_t processed = 0;

    for (;;) {
        struct ff_scan_due_result due = scan_due(rig, &args);

        for (uint32_t i = 0; i < due.items.n; i++) {
            processed += act_and_count(rig, args.scanner, &due.items.v[i]);
        }
        if (due.next_cursor.p == NULL) {
            return processed;
        }
        args.cursor = due.next_cursor;
    }
}

static inline uint32_t
pass(struct ff_rig *rig, enum ff_scanner scanner)
{
    return pass_with(rig, (struct ff_scan_due_args){ .scanner = scanner });
}

#endif
