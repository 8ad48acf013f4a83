/* What list_ops and `ffctl ops` say about an operation. */
#include "core/codec.h"

#include "tests/rows.h"

/* The description as the wire carries it, in JSON. */
static struct ff_str
described(enum ff_op op, struct ff_arena *arena)
{
    struct ff_list_ops_result result = { .ops = { FF_ARENA_NEW(arena, struct ff_op_entry, 1), 1 } };
    FF_SCOPED(ff_packer) packer;
    struct ff_fault fault = { 0 };
    struct ff_str json;
    msgpack_zone zone;
    msgpack_object map;

    result.ops.v[0] = ff_op_describe(op, arena);
    ff_packer_init(&packer);
    ff_encode(ff_ops[FF_OP_list_ops].result, &result, &packer.pk);
    msgpack_zone_init(&zone, 1024);
    assert_int_equal(ff_msgpack_parse(ff_packer_str(&packer), &zone, &map, &fault), FF_E_OK);
    json = ff_msgpack_to_json(&map, 0, arena);
    msgpack_zone_destroy(&zone);
    return ff_arena_printf(arena, "%.*s", (int) json.n, json.p);
}

static const struct row {
    const char *name;
    enum ff_op op;
    const char *want;
} rows[] = {
    { "a handle, a percentage and a text", FF_OP_progress,
      "{\"ops\":[{\"name\":\"progress\",\"class\":\"worker\",\"mutating\":true,"
      "\"blocking\":false,\"args\":[{\"name\":\"handle\",\"type\":\"map\",\"required\":true},"
      "{\"name\":\"percent\",\"type\":\"u8\",\"required\":false},"
      "{\"name\":\"message\",\"type\":\"str\",\"required\":false}],\"result\":[]}]}" },
    { "a default", FF_OP_shutdown,
      "{\"ops\":[{\"name\":\"shutdown\",\"class\":\"operator\",\"mutating\":true,"
      "\"blocking\":false,\"args\":[{\"name\":\"grace_ms\",\"type\":\"dur_ms\","
      "\"required\":false,\"default\":15000}],\"result\":[]}]}" },
    { "results have neither required nor default", FF_OP_ping,
      "{\"ops\":[{\"name\":\"ping\",\"class\":\"read\",\"mutating\":false,\"blocking\":false,"
      "\"args\":[],\"result\":[{\"name\":\"now_ms\",\"type\":\"ms\"},"
      "{\"name\":\"store_ok\",\"type\":\"bool\"}]}]}" },
};

static void
test_row(void **state)
{
    const struct row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };

    assert_string_equal(described(row->op, &arena).p, row->want);
}

/* Every type has a word, every default parses: either would end the program otherwise. */
static void
test_every_operation_can_be_described(void **state)
{
    (void) state;
    for (int op = 0; op < FF_OP_N; op++) {
        FF_SCOPED(ff_arena) arena = { 0 };
        struct ff_op_entry entry = ff_op_describe((enum ff_op) op, &arena);

        assert_true(ff_str_is(entry.name, ff_ops[op].name));
        assert_int_equal(entry.args.n, ff_ops[op].args->n);
        assert_int_equal(entry.result.n, ff_ops[op].result->n);
    }
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_every_operation_can_be_described),
    };

    return ff_run_rows("ops_describe", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
