#include "tests/core/codec_tree.h"

/* Cells of an execution, there and back (02 §8.6). */
static const struct row {
    const char *name;
    const char *field;
    const char *text;
    const char *again; /* NULL: the same text comes back; "!": it is refused */
} rows[] = {
    { "a text", "lane_id", "gpu lane", NULL },
    { "an empty text", "lane_id", "", NULL },
    { "a number", "priority", "9000", NULL },
    { "a negative number", "priority", "-7", NULL },
    { "a number with zeros", "priority", "007", "7" },
    { "a number beyond i32", "priority", "2147483648", "!" },
    { "no number", "priority", "x", "!" },
    { "nothing for a number", "priority", "", "!" },
    { "a number with something behind it", "priority", "7 ", "!" },
    { "a number with something before it", "priority", " 7", "!" },
    { "a plus", "priority", "+7", "!" },
    { "a minus alone", "priority", "-", "!" },
    { "a fraction", "priority", "1.5", "!" },
    { "the highest u64", "current_lease_epoch", "18446744073709551615", NULL },
    { "above it", "current_lease_epoch", "18446744073709551616", "!" },
    { "a negative u64", "current_lease_epoch", "-1", "!" },
    { "the lowest time", "created_at", "-9223372036854775808", NULL },
    { "below it", "created_at", "-9223372036854775809", "!" },
    { "a word", "lifecycle_phase", "suspended", NULL },
    { "no word", "lifecycle_phase", "asleep", "!" },
    { "true", "has_tags", "true", NULL },
    { "false", "has_tags", "false", NULL },
    { "neither", "has_tags", "1", "!" },
    { "an execution id", "execution_id", "{fp:42}:550e8400-e29b-41d4-a716-446655440000", NULL },
    { "a uuid in capitals", "flow_id", "550E8400-E29B-41D4-A716-446655440000",
      "550e8400-e29b-41d4-a716-446655440000" },
    { "no uuid", "flow_id", "550e8400", "!" },
    { "bytes", "class_digest", "AAEC/w==", NULL },
    { "no bytes", "class_digest", "AAEC/w", "!" },
    { "a list", "required_capabilities", "[\"cuda\",\"gpu\"]", NULL },
    { "a list of the wrong thing", "required_capabilities", "[1]", "!" },
    { "an empty list", "budget_ids", "[]", NULL },
    { "no list", "budget_ids", "{}", "!" },
    { "no JSON", "budget_ids", "[", "!" },
    { "a shape", "last_release",
      "{\"op\":\"fail\",\"lease_id\":\"550e8400-e29b-41d4-a716-446655440000\",\"lease_epoch\":"
      "\"9007199254740993\",\"attempt_id\":\"00000000-0000-0000-0000-000000000000\",\"outcome\":"
      "\"retry_scheduled\",\"delay_until\":5}",
      NULL },
    { "a shape without what it needs", "last_release", "{}", "!" },
};

static void
test_row(void **state)
{
    const struct row *row = *state;
    const struct ff_desc *desc = ff_records[FF_R_EXEC];
    const struct ff_field *field = ff_field_find(desc, ff_cstr(row->field));
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_exec exec = { .priority = 0 };
    const char *want = row->again == NULL ? row->text : row->again;

    assert_non_null(field);
    if (want[0] == '!') {
        assert_int_equal(ff_field_parse(field, ff_cstr(row->text), &arena, &exec, &fault),
                         FF_E_CORRUPTION);
        assert_detail_str(&fault, "reason", "unreadable_cell");
        assert_detail_str(&fault, "context", row->field);
        return;
    }
    assert_int_equal(ff_field_parse(field, ff_cstr(row->text), &arena, &exec, &fault), FF_E_OK);
    assert_true(ff_str_is(ff_field_text(field, &exec, &arena), want));
}

static void
test_unset_is_absent(void **state)
{
    const struct ff_desc *desc = ff_records[FF_R_EXEC];
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_exec exec = { .priority = 0 };

    (void) state;
    assert_null(ff_field_text(ff_field_find(desc, ff_cstr("flow_id")), &exec, &arena).p);
    assert_null(ff_field_text(ff_field_find(desc, ff_cstr("started_at")), &exec, &arena).p);
    assert_null(ff_field_text(ff_field_find(desc, ff_cstr("cancelled_by")), &exec, &arena).p);
    assert_null(ff_field_text(ff_field_find(desc, ff_cstr("grant")), &exec, &arena).p);
    assert_non_null(ff_field_text(ff_field_find(desc, ff_cstr("lane_id")), &exec, &arena).p);
}

static void
test_names(void **state)
{
    const struct ff_desc *desc = ff_records[FF_R_EXEC];

    (void) state;
    assert_null(ff_field_find(desc, ff_cstr("nope")));
    assert_null(ff_field_find(desc, ff_cstr("")));
    assert_null(ff_field_find(desc, ff_cstr("priorit")));
    assert_null(ff_field_find(desc, ff_str("priority", 9))); /* with the zero byte */
    assert_string_equal(ff_field_find(desc, ff_cstr("priority"))->name, "priority");
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_unset_is_absent),
        cmocka_unit_test(test_names),
    };

    return ff_run_rows("codec_text", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
