/* Where something stands in a JSON text. */
#include "cli/where.h"

#include "tests/rows.h"

static const char text[] = "{\n"                                               /* 1 */
                           "  \"flow\": {\"flow_kind\": \"a]}\\\"\"},\n"       /* 2 */
                           "  \"members\": [\n"                                /* 3 */
                           "    {\"key\": \"one\", \"n\": [1, [2, 3], {}]},\n" /* 4 */
                           "    {\"key\": \"two\",\n"                          /* 5 */
                           "     \"priority\": -1.5e3,\n"                      /* 6 */
                           "     \"input\": null}\n"                           /* 7 */
                           "  ],\n"                                            /* 8 */
                           "  \"edges\": []\n"                                 /* 9 */
                           "}\n";

static const struct row {
    const char *name;
    const char *path;
    uint32_t line;
    bool is_there;
} rows[] = {
    { "all of it", "", 1, true },
    { "a map", "flow", 2, true },
    { "within a map", "flow.flow_kind", 2, true },
    { "a list", "members", 3, true },
    { "the first element", "members[0]", 4, true },
    { "the second", "members[1]", 5, true },
    { "behind a list in a list", "members[1].key", 5, true },
    { "a number", "members[1].priority", 6, true },
    { "behind a number", "members[1].input", 7, true },
    { "what is not there, of a member", "members[1].lane_id", 5, false },
    { "beyond the end of a list", "members[2].key", 3, false },
    { "in an empty list", "edges[0].from", 9, false },
    { "a list that is none", "flow[3]", 2, false },
    { "a map that is none", "members.key", 3, false },
    { "an index without an end", "members[1", 5, true },
};

static void
test_row(void **state)
{
    const struct row *row = *state;

    uint32_t line = 0;

    assert_int_equal(ff_cli_json_find(ff_str(text, sizeof(text) - 1), row->path, &line),
                     row->is_there);
    assert_int_equal(line, row->line);
}

static void
test_values(void **state)
{
    struct ff_str all = ff_str(text, sizeof(text) - 1), element;
    struct ff_cli_json_list list = ff_cli_json_list(all, "members");

    (void) state;
    element = ff_cli_json_next(&list);
    assert_true(ff_str_is(ff_cli_json_value(element, "key"), "\"one\""));
    assert_true(ff_str_is(ff_cli_json_value(element, "n"), "[1, [2, 3], {}]"));
    assert_null(ff_cli_json_value(element, "priority").p);
    element = ff_cli_json_next(&list);
    assert_true(ff_str_is(ff_cli_json_value(element, "priority"), "-1.5e3"));
    assert_true(ff_str_is(ff_cli_json_value(element, "input"), "null"));
    element = ff_cli_json_next(&list);
    assert_null(element.p);
    assert_null(ff_cli_json_value(element, "key").p);
    assert_null(ff_cli_json_next(&list).p);
    list = ff_cli_json_list(all, "edges");
    assert_null(ff_cli_json_next(&list).p);
    list = ff_cli_json_list(all, "flow");
    assert_null(ff_cli_json_next(&list).p);
    list = ff_cli_json_list(all, "groups");
    assert_null(ff_cli_json_next(&list).p);
}

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };

    const struct CMUnitTest singles[] = { cmocka_unit_test(test_values) };

    return ff_run_rows("where", tables, 1, singles, FF_COUNT(singles));
}
