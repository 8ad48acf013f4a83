#include "core/json_merge.h"

#include <stdio.h>

#include "tests/rows.h"

#define NEST5(x) "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":" x "}}}}}"
#define NEST15(x) NEST5(NEST5(NEST5(x)))

static const struct row {
    const char *name;
    const char *document;
    const char *patch;
    const char *want; /* NULL: refused with the reason */
    const char *reason;
} rows[] = {
    { "06 ex 12: a first patch", "", "{\"a\":1,\"b\":{\"c\":2}}", "{\"a\":1,\"b\":{\"c\":2}}", 0 },
    { "06 ex 12: null removes, objects merge", "{\"a\":1,\"b\":{\"c\":2}}",
      "{\"a\":null,\"b\":{\"d\":3}}", "{\"b\":{\"c\":2,\"d\":3}}", 0 },
    { "06 ex 13: the sentinel becomes null", "", "{\"x\":\"__ff_null__\"}", "{\"x\":null}", 0 },
    { "06 ex 13: in lists, too", "", "{\"l\":[\"__ff_null__\",1]}", "{\"l\":[null,1]}", 0 },
    { "the sentinel as a key stays", "", "{\"__ff_null__\":\"__ff_null__ \"}",
      "{\"__ff_null__\":\"__ff_null__ \"}", 0 },
    { "the sentinel written with an escape", "", "{\"x\":\"\\u005f_ff_null__\"}", "{\"x\":null}",
      0 },
    { "a null in a list stays", "", "{\"l\":[null,{\"x\":null}]}", "{\"l\":[null,{\"x\":null}]}",
      0 },
    { "06 ex 14: an empty object into an object", "{\"a\":{\"b\":1}}", "{\"a\":{}}",
      "{\"a\":{\"b\":1}}", 0 },
    { "06 ex 14: an empty object into a number", "{\"a\":5}", "{\"a\":{}}", "{\"a\":{}}", 0 },
    { "06 ex 14: an empty list", "{\"a\":{\"b\":1}}", "{\"a\":[]}", "{\"a\":[]}", 0 },
    { "06 ex 15: lists are replaced", "{\"l\":[1,2,3]}", "{\"l\":[9]}", "{\"l\":[9]}", 0 },
    { "null removes within a new object", "", "{\"a\":{\"b\":null,\"c\":1}}", "{\"a\":{\"c\":1}}",
      0 },
    { "06 ex 16: not json", "", "not json", NULL, "not_json" },
    { "06 ex 16: a list", "", "[1]", NULL, "not_an_object" },
    { "06 ex 16: a text", "", "\"s\"", NULL, "not_an_object" },
    { "06 ex 16: null", "", "null", NULL, "not_an_object" },
    { "a number", "", "17", NULL, "not_an_object" },
    { "nothing", "", "", NULL, "not_json" },
    { "06 ex 16: level 16", "", NEST15("{\"a\":{}}"), NEST15("{\"a\":{}}"), 0 },
    { "06 ex 16: level 17", "", NEST15("{\"a\":{\"a\":{}}}"), NULL, "patch_depth_exceeded" },
    { "depth inside lists is free", "", NEST15("{\"a\":[{\"a\":{\"a\":{}}}]}"),
      NEST15("{\"a\":[{\"a\":{\"a\":{}}}]}"), 0 },
    { "06 ex 17: a large integer", "", "{\"n\":9007199254740993}", "{\"n\":9007199254740993}", 0 },
    { "other numbers keep their text", "{\"o\":1e999}",
      "{\"a\":18446744073709551616,\"b\":1.50,\"c\":-0,\"d\":1E-7}",
      "{\"o\":1e999,\"a\":18446744073709551616,\"b\":1.50,\"c\":-0,\"d\":1E-7}", 0 },
    { "a text that looks like a number", "", "{\"a\":\"n12\",\"n\":\"s\"}",
      "{\"a\":\"n12\",\"n\":\"s\"}", 0 },
    { "escapes", "", "{\"a\":\"\\\"\\\\\\n\\u00e4\"}", "{\"a\":\"\\\"\\\\\\n\xc3\xa4\"}", 0 },
    { "a leading zero", "", "{\"a\":01}", NULL, "not_json" },
    { "no digits behind the point", "", "{\"a\":1.}", NULL, "not_json" },
    { "no exponent", "", "{\"a\":1e}", NULL, "not_json" },
    { "a lonely minus", "", "{\"a\":-}", NULL, "not_json" },
    { "a number without comma", "", "{\"a\":\"b\"1}", NULL, "not_json" },
    { "an open text", "", "{\"a\":\"b", NULL, "not_json" },
    { "an open escape", "", "{\"a\":\"b\\", NULL, "not_json" },
    { "something behind it", "", "{} {}", NULL, "not_json" },
    { "invalid UTF-8", "", "{\"a\":\"\xff\"}", NULL, "not_json" },
    { "the last of two alike keys", "", "{\"a\":1,\"a\":2}", "{\"a\":2}", 0 },
};

static void
test_row(void **state)
{
    const struct row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_str out = { .p = NULL };
    ff_err err =
        ff_json_merge_patch(ff_cstr(row->document), ff_cstr(row->patch), &arena, &out, &fault);

    if (row->want != NULL) {
        assert_int_equal(err, FF_E_OK);
        assert_true(ff_str_is(out, row->want));
        return;
    }
    assert_int_equal(err, FF_E_INVALID_INPUT);
    assert_null(out.p);
    assert_string_equal(fault.detail[1].key, "reason");
    assert_true(ff_str_is(fault.detail[1].v.str, row->reason));
}

static void
test_very_deep_lists_are_refused(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_str out;
    char text[60000];

    (void) state;
    memset(text, '[', sizeof(text));
    memcpy(text, "{\"a\":", 5);
    assert_int_equal(
        ff_json_merge_patch(ff_cstr(""), ff_str(text, sizeof(text)), &arena, &out, &fault),
        FF_E_INVALID_INPUT);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_very_deep_lists_are_refused),
    };

    return ff_run_rows("json_merge", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
