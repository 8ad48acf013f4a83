#include "core/caps.h"

#include "tests/core/json_in.h"

static const struct ff_caps_from as_required = { FF_SIDE_REQUIRED, "tokens" };

static struct ff_strs
set_of(const char *json, struct ff_arena *arena)
{
    struct ff_strs set = { 0 };
    struct ff_fault fault = { 0 };

    assert_int_equal(ff_caps_parse(packed(json, arena), as_required, arena, &set, &fault), FF_E_OK);
    return set;
}

static void
assert_text(struct ff_str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

/* ---- validation ---- */
static const struct check_row {
    const char *name;
    const char *json;
    const char *want;   /* the set as csv, or */
    const char *reason; /* the reason without its side */
} check_rows[] = {
    { "01 ex 40: a number", "[\"gpu\", 42]", NULL, "non_string_token" },
    { "01 ex 40: a map", "[\"gpu\", {\"x\":1}]", NULL, "non_string_token" },
    { "01 ex 40: an empty token", "[\"gpu\",\"\"]", NULL, "empty_token" },
    { "01 ex 40: a text for a list", "\"gpu\"", NULL, "not_array" },
    { "01 ex 40: a comma", "[\"gpu,cuda\"]", NULL, "comma_in_token" },
    { "01 ex 40: a space", "[\"gpu cuda\"]", NULL, "control_or_whitespace" },
    { "01 ex 40: a tab", "[\"gpu\\tcuda\"]", NULL, "control_or_whitespace" },
    { "01 ex 40: a zero byte", "[\"gpu\\u0000\"]", NULL, "control_or_whitespace" },
    { "01 ex 40: another script", "[\"东京-gpu\"]", "东京-gpu", NULL },
    { "01 ex 43: sorted, no duplicates", "[\"gpu\",\"cuda\",\"gpu\"]", "cuda,gpu", NULL },
    { "the empty set", "[]", "", NULL },
    { "null is no list", "null", NULL, "not_array" },
    { "null is no token", "[null]", NULL, "non_string_token" },
    { "a map is no list", "{}", NULL, "not_array" },
    { "DEL", "[\"a\\u007f\"]", NULL, "control_or_whitespace" },
    { "C1", "[\"a\\u0085\"]", NULL, "control_or_whitespace" },
    { "no-break space", "[\"a\\u00a0b\"]", NULL, "control_or_whitespace" },
    { "ideographic space", "[\"\\u3000\"]", NULL, "control_or_whitespace" },
    { "case is kept", "[\"b\",\"B\",\"a\"]", "B,a,b", NULL },
    { "a prefix sorts first", "[\"ab\",\"a\"]", "a,ab", NULL },
    { "tokens are judged in order", "[\"a,b\",7]", NULL, "comma_in_token" },
    { "a comma goes before a space", "[\"a ,b\"]", NULL, "comma_in_token" },
};

static void
test_check(void **state)
{
    const struct check_row *row = *state;

    for (int side = 0; side < 2; side++) {
        FF_SCOPED(ff_arena) arena = { 0 };
        struct ff_caps_from from = { side == 0 ? FF_SIDE_REQUIRED : FF_SIDE_WORKER, "tokens" };
        struct ff_strs set = { .n = 77 };
        struct ff_fault fault = { 0 };
        ff_err err = ff_caps_parse(packed(row->json, &arena), from, &arena, &set, &fault);

        if (row->want != NULL) {
            assert_int_equal(err, FF_E_OK);
            assert_text(ff_caps_csv(set, &arena), row->want);
            continue;
        }
        assert_int_equal(err, FF_E_INVALID_CAPABILITIES);
        assert_detail_str(&fault, "field", "tokens");
        assert_detail_str(
            &fault, "reason",
            ff_arena_printf(&arena, "%s:%s", side == 0 ? "required" : "worker", row->reason).p);
        assert_int_equal(set.n, 77);
    }
}

/* ---- sizes: n different tokens of len bytes, each given `times` times ---- */
static const struct size_row {
    const char *name;
    uint32_t n, len, times;
    const char *reason;
} size_rows[] = {
    { "256 tokens are accepted", 256, 3, 1, NULL },
    { "01 ex 41: 257 tokens are too many", 257, 3, 1, "worker:too_many_tokens" },
    { "duplicates do not count", 256, 3, 5, NULL },
    { "4096 bytes are accepted", 1, 4096, 1, NULL },
    { "4097 bytes are too many", 1, 4097, 1, "worker:too_many_bytes" },
    { "commas count: 241 of 16 and 240", 241, 16, 1, NULL }, /* 241 * 16 + 240 = 4096 */
    { "commas count: 242 of 16 and 241", 242, 16, 1, "worker:too_many_bytes" },
    { "too many tokens goes before too many bytes", 300, 100, 1, "worker:too_many_tokens" },
};

static void
test_size(void **state)
{
    const struct size_row *row = *state;
    FF_SCOPED(ff_packer) packer = { 0 };
    FF_SCOPED(ff_arena) arena = { 0 };
    const struct ff_caps_from from = { FF_SIDE_WORKER, "tokens" };
    struct ff_strs set = { 0 };
    struct ff_fault fault = { 0 };
    ff_err err = FF_E_OK;

    ff_packer_init(&packer);
    msgpack_pack_array(&packer.pk, (size_t) row->n * row->times);
    for (uint32_t i = 0; i < row->n * row->times; i++) {
        ff_pack_str(&packer.pk, ff_arena_printf(&arena, "%0*u", (int) row->len, i % row->n));
    }
    err = ff_caps_parse(ff_packer_str(&packer), from, &arena, &set, &fault);
    if (row->reason == NULL) {
        assert_int_equal(err, FF_E_OK);
        assert_int_equal(set.n, row->n);
        return;
    }
    assert_int_equal(err, FF_E_INVALID_CAPABILITIES);
    assert_detail_str(&fault, "reason", row->reason);
}

/* ---- matching ---- */
static const struct match_row {
    const char *name;
    const char *required;
    const char *offered;
    const char *missing; /* csv; empty: it matches */
} match_rows[] = {
    { "01 ex 38: more than required", "[\"gpu\",\"cuda\"]", "[\"gpu\",\"cuda\",\"fp16\"]", "" },
    { "01 ex 38: one is missing", "[\"gpu\",\"cuda\"]", "[\"gpu\"]", "cuda" },
    { "01 ex 38: case matters", "[\"gpu\",\"cuda\"]", "[\"GPU\",\"cuda\"]", "gpu" },
    { "01 ex 38: nothing required, nothing offered", "[]", "[]", "" },
    { "nothing required", "[]", "[\"gpu\"]", "" },
    { "nothing offered", "[\"gpu\",\"cuda\"]", "[]", "cuda,gpu" },
    { "01 ex 42: another token", "[\"tpu\"]", "[\"gpu\"]", "tpu" },
    { "a prefix is another token", "[\"gpu1\"]", "[\"gpu\",\"gpu10\"]", "gpu1" },
    { "duplicates and order do not matter", "[\"b\",\"a\",\"b\"]", "[\"b\",\"c\",\"a\",\"a\"]",
      "" },
    { "all but the middle one", "[\"a\",\"m\",\"z\"]", "[\"z\",\"a\"]", "m" },
};

static void
test_match(void **state)
{
    const struct match_row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_strs required = set_of(row->required, &arena);
    struct ff_strs offered = set_of(row->offered, &arena);
    struct ff_strs missing = ff_caps_missing(required, offered, &arena);
    struct ff_fault fault = { 0 };

    assert_int_equal(ff_caps_match(required, offered), row->missing[0] == '\0');
    assert_text(ff_caps_csv(missing, &arena), row->missing);
    assert_int_equal(ff_fail_caps(&fault, missing, &arena), FF_E_CAPABILITY_MISMATCH);
    assert_detail_str(&fault, "missing_csv", row->missing);
    assert_int_equal(fault_detail(&fault, "missing")->v.strs.n, missing.n);
    assert_true(fault.retryable);
}

static void
test_digest(void **state) /* 01 ex 43 */
{
    char digest[FF_CAPS_DIGEST_MAX];

    (void) state;
    ff_caps_digest(ff_cstr("cuda,gpu"), digest);
    assert_string_equal(digest, "c952a6c4");
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(check_rows, test_check),
                                             FF_ROWS(size_rows, test_size),
                                             FF_ROWS(match_rows, test_match) };
    static const struct CMUnitTest singles[] = { cmocka_unit_test(test_digest) };

    return ff_run_rows("caps", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
