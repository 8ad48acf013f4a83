#include "core/id.h"

#include "tests/core/fault_check.h"

#define F1 "550e8400-e29b-41d4-a716-446655440000"
#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16
#define A256 A64 A64 A64 A64

/* ---- uuids ---- */
static const struct uuid_row {
    const char *name;
    const char *text;
    const char *want; /* printed again; NULL: invalid_uuid */
} uuid_rows[] = {
    { "a uuid in lower case reads as it is", F1, F1 },
    { "upper case is lowered", "550E8400-E29B-41D4-A716-44665544ABCD",
      "550e8400-e29b-41d4-a716-44665544abcd" },
    { "01 ex 3: bare digits are refused", "550e8400e29b41d4a716446655440000", NULL },
    { "01 ex 3: the nil uuid is an ordinary id", "00000000-0000-0000-0000-000000000000",
      "00000000-0000-0000-0000-000000000000" },
    { "all ones is an ordinary id", "ffffffff-ffff-ffff-ffff-ffffffffffff",
      "ffffffff-ffff-ffff-ffff-ffffffffffff" },
    { "braces are refused", "{" F1 "}", NULL },
    { "a urn is refused", "urn:uuid:" F1, NULL },
    { "space before is refused", " " F1, NULL },
    { "space after is refused", F1 " ", NULL },
    { "empty is refused", "", NULL },
    { "a digit out of hex is refused", "550e8400-e29b-41d4-a716-44665544000g", NULL },
    { "a hyphen in the wrong place is refused", "550e840-0e29b-41d4-a716-446655440000", NULL },
    { "a hyphen for a digit is refused", "550e8400-e29b-41d4-a716-4466-5440000", NULL },
};

static void
test_uuid(void **state)
{
    const struct uuid_row *row = *state;
    struct ff_uuid uuid = { { 1, 2, 3 } };
    struct ff_uuid before = uuid;
    struct ff_fault fault = { 0 };
    char text[FF_UUID_TEXT_MAX];

    assert_input_reason(ff_uuid_parse(ff_cstr(row->text), "f", &uuid, &fault), &fault,
                        row->want == NULL ? "invalid_uuid" : NULL);
    if (row->want == NULL) {
        assert_true(ff_uuid_eq(uuid, before));
        return;
    }
    ff_uuid_text(&uuid, text);
    assert_string_equal(text, row->want);
}

/* ---- execution ids ---- */
static const struct eid_row {
    const char *name;
    const char *text;
    const char *want; /* printed again */
    uint16_t partition;
    const char *reason; /* NULL: good */
} eid_rows[] = {
    { "01 ex 1: index, and lower case", "{fp:42}:550E8400-E29B-41D4-A716-446655440000",
      "{fp:42}:" F1, 42, NULL },
    { "01 ex 2: a bare uuid has no tag", F1, NULL, 0, "missing_tag" },
    { "01 ex 2: index is not a number", "{fp:xx}:" F1, NULL, 0, "invalid_partition_index" },
    { "01 ex 2: index too large", "{fp:65536}:" F1, NULL, 0, "invalid_partition_index" },
    { "01 ex 2: no index", "{fp:}:" F1, NULL, 0, "invalid_partition_index" },
    { "01 ex 2: largest index", "{fp:65535}:" F1, "{fp:65535}:" F1, 65535, NULL },
    { "01 ex 2: not a uuid", "{fp:0}:not-a-uuid", NULL, 0, "invalid_uuid" },
    { "01 ex 2: a sign", "{fp:+5}:" F1, NULL, 0, "invalid_partition_index" },
    { "01 ex 2: leading zeros", "{fp:007}:" F1, NULL, 0, "invalid_partition_index" },
    { "zero itself is an index", "{fp:0}:" F1, "{fp:0}:" F1, 0, NULL },
    { "two zeros are not", "{fp:00}:" F1, NULL, 0, "invalid_partition_index" },
    { "a space in the index", "{fp: 1}:" F1, NULL, 0, "invalid_partition_index" },
    { "an index beyond 32 bits", "{fp:4294967297}:" F1, NULL, 0, "invalid_partition_index" },
    { "empty", "", NULL, 0, "missing_tag" },
    { "a tag that does not end", "{fp:1", NULL, 0, "missing_tag" },
    { "a tag of another family", "{b:1}:" F1, NULL, 0, "missing_tag" },
    { "no uuid at all", "{fp:1}:", NULL, 0, "invalid_uuid" },
    { "a colon is missing", "{fp:1}" F1, NULL, 0, "missing_tag" },
    { "more after the uuid", "{fp:1}:" F1 "0", NULL, 0, "invalid_uuid" },
};

static void
test_eid(void **state)
{
    const struct eid_row *row = *state;
    struct ff_eid eid = { .partition = 7 };
    struct ff_fault fault = { 0 };
    char text[FF_EID_TEXT_MAX];

    assert_input_reason(ff_eid_parse(ff_cstr(row->text), "f", &eid, &fault), &fault, row->reason);
    if (row->reason != NULL) {
        assert_int_equal(eid.partition, 7);
        return;
    }
    assert_int_equal(eid.partition, row->partition);
    assert_int_equal(ff_eid_text(&eid, text), strlen(row->want));
    assert_string_equal(text, row->want);
}

/* ---- lanes and worker ids ---- */
static const struct word_row {
    const char *name;
    ff_err (*check)(struct ff_str text, const char *field, struct ff_fault *fault);
    const char *text;
    const char *reason;
    const char *detail; /* one more detail, or NULL */
    uint64_t value;
} word_rows[] = {
    { "01 ex 7: 64 bytes", ff_lane_check, A64, NULL, NULL, 0 },
    { "01 ex 7: 65 bytes", ff_lane_check, A64 "a", "too_long", "len", 65 },
    { "01 ex 7: empty", ff_lane_check, "", "empty", NULL, 0 },
    { "01 ex 7: a newline", ff_lane_check, "bad\nlane", "non_printable", "index", 3 },
    { "01 ex 7: tab first", ff_lane_check, "\tlane", "non_printable", "index", 0 },
    { "01 ex 7: DEL", ff_lane_check, "la\x7fne", "non_printable", "index", 2 },
    { "01 ex 7: space and comma", ff_lane_check, "worker pool,1", NULL, NULL, 0 },
    { "a lane too long names the limit", ff_lane_check, A64 "a", "too_long", "max", 64 },
    { "a lane's length is judged before its bytes", ff_lane_check, "\n" A64, "too_long", "len",
      65 },
    { "a lane is ASCII", ff_lane_check, "l\xc3\xa4ne", "non_printable", "index", 1 },
    { "a lane has both ends of the range", ff_lane_check, " ~", NULL, NULL, 0 },
    { "01 ex 8: 256 bytes", ff_wid_check, A256, NULL, NULL, 0 },
    { "01 ex 8: 257 bytes", ff_wid_check, A256 "a", "too_long", "len", 257 },
    { "01 ex 8: a space", ff_wid_check, "w 1", "whitespace_or_control", NULL, 0 },
    { "01 ex 8: U+00A0", ff_wid_check, "w\xc2\xa0", "whitespace_or_control", NULL, 0 },
    { "a worker id is not empty", ff_wid_check, "", "empty", NULL, 0 },
    { "a worker id too long names the limit", ff_wid_check, A256 "a", "too_long", "max", 256 },
    { "a worker id may be of any script", ff_wid_check, "\xe6\x9d\xb1\xe4\xba\xac-1", NULL, NULL,
      0 },
    { "a worker id without C1", ff_wid_check, "w\xc2\x9f", "whitespace_or_control", NULL, 0 },
    { "a worker id without U+3000", ff_wid_check, "\xe3\x80\x80", "whitespace_or_control", NULL,
      0 },
    { "a worker id without U+2028", ff_wid_check, "a\xe2\x80\xa8", "whitespace_or_control", NULL,
      0 },
    { "a worker id that is not UTF-8", ff_wid_check, "w\xff", "whitespace_or_control", NULL, 0 },
};

static void
test_word(void **state)
{
    const struct word_row *row = *state;
    struct ff_fault fault = { 0 };

    assert_input_reason(row->check(ff_cstr(row->text), "f", &fault), &fault, row->reason);
    if (row->detail != NULL) {
        assert_detail_u64(&fault, row->detail, row->value);
    }
}

/* ---- UTF-8 ---- */
static const struct utf8_row {
    const char *name;
    const char *text;
    bool want;
} utf8_rows[] = {
    { "empty is UTF-8", "", true },
    { "ASCII over several words is UTF-8", "abcdefghijklmnopqrstuvw", true },
    { "two bytes", "\xc3\xa4", true },
    { "three bytes after a whole word", "abcdefgh\xe6\x9d\xb1", true },
    { "four bytes", "\xf0\x9f\x98\x80", true },
    { "the last code point", "\xf4\x8f\xbf\xbf", true },
    { "one beyond the last code point", "\xf4\x90\x80\x80", false },
    { "a lead that cannot be", "\xf5\x80\x80\x80", false },
    { "a surrogate", "\xed\xa0\x80", false },
    { "the last code point before the surrogates", "\xed\x9f\xbf", true },
    { "overlong, two bytes", "\xc0\xaf", false },
    { "overlong, three bytes", "\xe0\x80\xaf", false },
    { "overlong, four bytes", "\xf0\x80\x80\xaf", false },
    { "a continuation alone", "\x80", false },
    { "cut off in the middle", "abcdefgh\xe6\x9d", false },
    { "a bad byte in the last word", "abcdefghijklmno\xff", false },
    { "a lead followed by ASCII", "\xc3q", false },
};

static void
test_utf8(void **state)
{
    const struct utf8_row *row = *state;

    assert_int_equal(ff_utf8_ok(ff_cstr(row->text)), row->want);
}

/* ---- minting ---- */
static void
test_v4_sets_version_and_variant(void **state)
{
    uint8_t random[16];
    struct ff_uuid uuid;
    char text[FF_UUID_TEXT_MAX];

    (void) state;
    memset(random, 0xff, sizeof(random));
    uuid = ff_uuid_v4(random);
    ff_uuid_text(&uuid, text);
    assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

static void
test_v7_begins_with_the_time(void **state)
{
    /* RFC 9562, appendix A.6 */
    static const uint8_t random[10] = {
        0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f
    };
    struct ff_uuid uuid = ff_uuid_v7(0x017F22E279B0, random);
    char text[FF_UUID_TEXT_MAX];

    (void) state;
    ff_uuid_text(&uuid, text);
    assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void
test_the_longest_id_fits_its_buffer(void **state)
{
    struct ff_eid eid = { .partition = 65535 };
    char text[FF_EID_TEXT_MAX];

    (void) state;
    assert_int_equal(ff_eid_text(&eid, text) + 1, FF_EID_TEXT_MAX);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(uuid_rows, test_uuid),
                                             FF_ROWS(eid_rows, test_eid),
                                             FF_ROWS(word_rows, test_word),
                                             FF_ROWS(utf8_rows, test_utf8) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_v4_sets_version_and_variant),
        cmocka_unit_test(test_v7_begins_with_the_time),
        cmocka_unit_test(test_the_longest_id_fits_its_buffer),
    };

    return ff_run_rows("id", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
