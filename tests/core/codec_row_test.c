#include "tests/core/codec_tree.h"

/* An attempt as a few members, in stored form. */
static struct ff_str
attempt_row(struct ff_arena *arena, struct ff_attempt *attempt)
{
    FF_SCOPED(ff_packer) packer = { 0 };

    *attempt = (struct ff_attempt){
        .execution_id = { .partition = 300, .uuid = { { 9, 8, 7 } } },
        .attempt_index = 3,
        .created_at = -5,
        .worker_id = ff_str("", 0),
        .retry_reason = ff_cstr("because"),
        .timeout_at = FF_SOME(ff_opt_i64, 0),
        .attempt_type = (enum ff_attempt_type) 1,
    };
    ff_packer_init(&packer);
    ff_row_encode(FF_R_ATTEMPT, attempt, &packer.pk);
    return ff_arena_copy(arena, ff_packer_str(&packer));
}

static void
test_what_is_zero_takes_no_room(void **state)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_exec exec = { .priority = 0 };

    (void) state;
    ff_packer_init(&packer);
    ff_row_encode(FF_R_EXEC, &exec, &packer.pk);
    assert_int_equal(packer.buf.size, 1);
    assert_int_equal((uint8_t) packer.buf.data[0], 0x80);
}

static void
test_present_differs_from_absent(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_attempt in;
    struct ff_attempt out;
    struct ff_str row = attempt_row(&arena, &in);

    (void) state;
    assert_int_equal(ff_row_decode(FF_R_ATTEMPT, row, &arena, &out, &fault), FF_E_OK);
    assert_int_equal(out.execution_id.partition, 300);
    assert_int_equal(out.attempt_index, 3);
    assert_int_equal(out.created_at, -5);
    assert_non_null(out.worker_id.p); /* optional and empty */
    assert_int_equal(out.worker_id.n, 0);
    assert_null(out.worker_instance_id.p);
    assert_true(ff_str_is(out.retry_reason, "because"));
    assert_true(out.timeout_at.is);
    assert_int_equal(out.timeout_at.v, 0);
    assert_false(out.started_at.is);
}

static void
test_a_required_text_that_was_left_out_is_empty(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_exec exec;

    (void) state;
    assert_int_equal(ff_row_decode(FF_R_EXEC, ff_str("\x80", 1), &arena, &exec, &fault), FF_E_OK);
    assert_non_null(exec.lane_id.p);
    assert_int_equal(exec.lane_id.n, 0);
    assert_non_null(exec.class_digest.p);
    assert_null(exec.blocking_detail.p);
    assert_null(exec.grant);
}

static void
test_numbers_of_a_newer_program_are_passed_over(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_lane lane;

    (void) state;
    assert_int_equal(ff_row_decode(FF_R_LANE,
                                   ff_tree_bytes(&arena, "85 01 a1'g' 02 01 cc c8 92 01 81 a0 c0 "
                                                         "cc c9 c4 01 00 cd 0200 d4 05 00"),
                                   &arena, &lane, &fault),
                     FF_E_CORRUPTION); /* but nobody writes ext */
    assert_int_equal(ff_row_decode(FF_R_LANE,
                                   ff_tree_bytes(&arena, "84 01 a1'g' 02 01 cc c8 92 01 81 a0 c0 "
                                                         "cc c9 c4 01 00"),
                                   &arena, &lane, &fault),
                     FF_E_OK);
    assert_true(ff_str_is(lane.lane_id, "g"));
    assert_int_equal(lane.state, FF_LANE_PAUSED);
}

/* Rows of a lane (1 lane_id, 2 state) or an attempt (2 attempt_index, 6 created_at, …). */
static const struct row {
    const char *name;
    enum ff_record kind;
    const char *hex;
    const char *field;
} rows[] = {
    { "nothing", FF_R_LANE, "", "" },
    { "no map", FF_R_LANE, "90", "" },
    { "a map that claims too much", FF_R_LANE, "df ffffffff", "" },
    { "a number that is a text", FF_R_LANE, "81 a1'x' 01", "" },
    { "a text that is a number", FF_R_LANE, "81 01 05", "lane_id" },
    { "a text cut short", FF_R_LANE, "81 01 a5'ab'", "lane_id" },
    { "a word beyond the vocabulary", FF_R_LANE, "81 02 63", "state" },
    { "a negative word", FF_R_LANE, "81 02 ff", "state" },
    { "bytes behind the row", FF_R_LANE, "81 02 01 00", "state" },
    { "an index beyond u32", FF_R_ATTEMPT, "81 02 cf 0000000100000000", "attempt_index" },
    { "a negative index", FF_R_ATTEMPT, "81 02 ff", "attempt_index" },
    { "a time beyond i64", FF_R_ATTEMPT, "81 06 cf 8000000000000000", "created_at" },
    { "a short execution id", FF_R_ATTEMPT, "81 01 c4 03 000102", "execution_id" },
    { "a short uuid", FF_R_ATTEMPT, "81 03 c4 03 000102", "attempt_id" },
    { "uuids of odd length", FF_R_EXEC, "81 10 c4 03 000102", "budget_ids" },
    { "a list that claims too much", FF_R_EXEC, "81 0f dd 00ffffff", "required_capabilities" },
    { "a list of the wrong thing", FF_R_EXEC, "81 0f 92 a1'a' 01", "required_capabilities" },
    { "a boolean that is a number", FF_R_EXEC, "81 45 01", "has_tags" },
    { "a shape with a damaged member", FF_R_EXEC, "81 3f 81 01 63", "kind" },
    { "tags that are a list", FF_R_EXEC_TAGS, "81 02 90", "tags" },
    { "a tag that is a number", FF_R_EXEC_TAGS, "81 02 81 a1'a' 01", "tags" },
};

static void
test_damaged(void **state)
{
    const struct row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    void *record = ff_arena_alloc(&arena, ff_records[row->kind]->size);

    assert_int_equal(
        ff_row_decode(row->kind, ff_tree_bytes(&arena, row->hex), &arena, record, &fault),
        FF_E_CORRUPTION);
    assert_detail_str(&fault, "reason", "unreadable_record");
    assert_detail_str(&fault, "context", ff_records[row->kind]->name);
    assert_detail_str(&fault, "field", row->field);
}

static void
test_a_row_cut_anywhere_is_corruption(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_attempt attempt;
    struct ff_str row = attempt_row(&arena, &attempt);

    (void) state;
    for (uint32_t n = 0; n < row.n; n++) {
        char *cut = malloc(n + 1); /* of its own, so that a sanitizer sees a read past the end */

        assert_non_null(cut);
        memcpy(cut, row.p, n);
        assert_int_equal(ff_row_decode(FF_R_ATTEMPT, ff_str(cut, n), &arena, &attempt, &fault),
                         FF_E_CORRUPTION);
        free(cut);
    }
}

/* The numbers in records.def are for ever: one below FF_FIELDS_MAX each, ascending, none twice. */
static void
test_numbers_ascend(void **state)
{
    (void) state;
    for (size_t kind = 0; kind < FF_R_N; kind++) {
        const struct ff_desc *desc = ff_records[kind];

        for (uint32_t i = 0; i < desc->n; i++) {
            assert_true(desc->fields[i].tag > (i == 0 ? 0 : desc->fields[i - 1].tag));
            assert_true(desc->fields[i].type != FF_TYPE_WORD);
        }
    }
}

static void
test_a_copy_without_anything_beside_it(void **state)
{
    struct ff_attempt in = { .attempt_index = 7 };
    struct ff_attempt out;

    (void) state;
    assert_int_equal(ff_deep_size(ff_records[FF_R_ATTEMPT], &in), 0);
    ff_deep_copy(ff_records[FF_R_ATTEMPT], &in, &out, NULL);
    assert_int_equal(out.attempt_index, 7);
    assert_null(out.worker_id.p);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_damaged) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_what_is_zero_takes_no_room),
        cmocka_unit_test(test_present_differs_from_absent),
        cmocka_unit_test(test_a_required_text_that_was_left_out_is_empty),
        cmocka_unit_test(test_numbers_of_a_newer_program_are_passed_over),
        cmocka_unit_test(test_a_row_cut_anywhere_is_corruption),
        cmocka_unit_test(test_numbers_ascend),
        cmocka_unit_test(test_a_copy_without_anything_beside_it),
    };

    return ff_run_rows("codec_row", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
