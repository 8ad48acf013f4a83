#include "core/partition.h"

#include "core/id.h"
#include "tests/core/fault_check.h"

#define F1 "550e8400-e29b-41d4-a716-446655440000"
#define U1 "00000000-0000-4000-8000-000000000001"
#define NIL "00000000-0000-0000-0000-000000000000"

static struct ff_uuid
uuid_of(const char *text)
{
    struct ff_uuid uuid = { 0 };
    struct ff_fault fault = { 0 };

    assert_int_equal(ff_uuid_parse(ff_cstr(text), "f", &uuid, &fault), FF_E_OK);
    return uuid;
}

static void
test_crc_has_the_check_value(void **state) /* 01 ex 12 */
{
    (void) state;
    assert_int_equal(ff_crc16("123456789", 9), 0x31C3);
    assert_int_equal(ff_crc16("", 0), 0);
}

static void
test_fnv_has_its_published_values(void **state)
{
    (void) state;
    assert_true(ff_fnv1a64("", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(ff_fnv1a64("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(ff_fnv1a64("foobar", 6) == UINT64_C(0x85944171f73967e8));
}

static const struct uuid_row {
    const char *name;
    const char *uuid;
    uint32_t count;
    uint16_t want;
} uuid_rows[] = {
    { "01 ex 12: flow F1", F1, 256, 24 },      { "01 ex 12: the nil flow", NIL, 256, 0 },
    { "01 ex 12: budget F1", F1, 32, 24 },     { "01 ex 12: quota policy F1", F1, 32, 24 },
    { "01 ex 12: budget U1", U1, 32, 26 },     { "one partition takes all", U1, 1, 0 },
    { "01 ex 5: flow F1 again", F1, 256, 24 },
};

static void
test_uuid(void **state)
{
    const struct uuid_row *row = *state;
    struct ff_uuid uuid = uuid_of(row->uuid);

    assert_int_equal(ff_partition_of_uuid(&uuid, row->count), row->want);
    assert_int_equal(ff_partition_of_flow(&uuid, row->count), row->want);
    assert_int_equal(ff_partition_of_budget(&uuid, row->count), row->want);
    assert_int_equal(ff_partition_of_quota(&uuid, row->count), row->want);
}

static const struct lane_row {
    const char *name;
    const char *lane;
    uint32_t count;
    uint16_t want;
} lane_rows[] = {
    { "01 ex 6: default of 256", "default", 256, 86 },
    { "01 ex 6: default of 4", "default", 4, 2 },
    { "01 ex 6: default of 1", "default", 1, 0 },
    { "01 ex 12: lane-0", "lane-0", 256, 140 },
    { "01 ex 12: gpu", "gpu", 256, 144 },
};

static void
test_lane(void **state)
{
    const struct lane_row *row = *state;

    assert_int_equal(ff_partition_of_lane(ff_cstr(row->lane), row->count), row->want);
}

static const struct key_row {
    const char *name;
    const char *text;
    enum ff_partition_family family;
    uint16_t index;
    const char *reason;
    const char *value;
} key_rows[] = {
    { "01 ex 14: {fp:3}", "{fp:3}", FF_PARTITION_FLOW, 3, NULL, NULL },
    { "01 ex 14: {q:31}", "{q:31}", FF_PARTITION_QUOTA, 31, NULL, NULL },
    { "a budget key", "{b:0}", FF_PARTITION_BUDGET, 0, NULL, NULL },
    { "the largest index", "{fp:65535}", FF_PARTITION_FLOW, 65535, NULL, NULL },
    { "01 ex 14: fp:0", "fp:0", 0, 0, "missing_braces", NULL },
    { "01 ex 14: {fp0}", "{fp0}", 0, 0, "malformed_body", NULL },
    { "01 ex 14: {zz:0}", "{zz:0}", 0, 0, "unknown_family_prefix", "zz" },
    { "01 ex 14: {fp:xx}", "{fp:xx}", 0, 0, "invalid_index", "xx" },
    { "01 ex 14: {fp:65536}", "{fp:65536}", 0, 0, "invalid_index", "65536" },
    { "01 ex 14: {b:}", "{b:}", 0, 0, "invalid_index", "" },
    { "split at the first colon", "{fp:1:2}", 0, 0, "invalid_index", "1:2" },
    { "no family", "{:1}", 0, 0, "unknown_family_prefix", "" },
    { "family in upper case", "{FP:1}", 0, 0, "unknown_family_prefix", "FP" },
    { "leading zeros in a key", "{fp:01}", 0, 0, "invalid_index", "01" },
    { "an empty key", "", 0, 0, "missing_braces", NULL },
    { "one brace", "{", 0, 0, "missing_braces", NULL },
    { "braces alone", "{}", 0, 0, "malformed_body", NULL },
};

static void
test_key(void **state)
{
    const struct key_row *row = *state;
    struct ff_partition partition = { .index = 9 };
    struct ff_fault fault = { 0 };
    char text[FF_PARTITION_KEY_MAX];

    assert_input_reason(ff_partition_key_parse(ff_cstr(row->text), "f", &partition, &fault), &fault,
                        row->reason);
    if (row->reason != NULL) {
        assert_int_equal(partition.index, 9);
        if (row->value != NULL) {
            assert_detail_str(&fault, "value", row->value);
        }
        return;
    }
    assert_int_equal(partition.family, row->family);
    assert_int_equal(partition.index, row->index);
    assert_int_equal(ff_partition_key_text(partition, text), strlen(row->text));
    assert_string_equal(text, row->text);
}

static void
test_an_execution_has_a_flow_key(void **state)
{
    struct ff_partition partition = { FF_PARTITION_EXECUTION, 24 };
    char text[FF_PARTITION_KEY_MAX];

    (void) state;
    ff_partition_key_text(partition, text);
    assert_string_equal(text, "{fp:24}");
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(uuid_rows, test_uuid),
                                             FF_ROWS(lane_rows, test_lane),
                                             FF_ROWS(key_rows, test_key) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_crc_has_the_check_value),
        cmocka_unit_test(test_fnv_has_its_published_values),
        cmocka_unit_test(test_an_execution_has_a_flow_key),
    };

    return ff_run_rows("partition", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
