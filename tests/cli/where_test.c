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
} rows[] = {
    { "all of it", "", 1 },
    { "a map", "flow", 2 },
    { "within a map", "flow.flow_kind", 2 },
    { "a list", "members", 3 },
    { "the first element", "members[0]", 4 },
    { "the second", "members[1]", 5 },
    { "behind a list in a list", "members[1].key", 5 },
    { "a number", "members[1].priority", 6 },
    { "behind a number", "members[1].input", 7 },
    { "what is not there, of a member", "members[1].lane_id", 5 },
    { "beyond the end of a list", "members[2].key", 3 },
    { "in an empty list", "edges[0].from", 9 },
    { "a list that is none", "flow[3]", 2 },
    { "a map that is none", "members.key", 3 },
    { "an index without an end", "members[1", 5 },
};

static void
test_row(void **state)
{
    const struct row *row = *state;

    assert_int_equal(ff_cli_json_line(ff_str(text, sizeof(text) - 1), row->path), row->line);
}

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };

    return ff_run_rows("where", tables, 1, NULL, 0);
}
