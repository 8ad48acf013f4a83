#include "core/retry.h"

#include "core/policy.h"
#include "tests/core/json_in.h"

#define EXP_100                                                                                    \
    "{\"max_retries\":10,\"backoff\":{\"type\":\"exponential\",\"initial_delay_ms\":100,"          \
    "\"max_delay_ms\":30000,\"multiplier\":2}}"
#define FIXED(ms) "{\"backoff\":{\"type\":\"fixed\",\"delay_ms\":" #ms "}}"
#define JITTER "{\"max_retries\":10,\"backoff\":{\"jitter\":true,\"initial_delay_ms\":1000}}"
#define LISTED "{\"retryable_categories\":[\"timeout\",\"provider_error\"]}"
#define TIMES(initial, multiplier, max)                                                            \
    "{\"max_retries\":4294967295,\"backoff\":{\"initial_delay_ms\":" #initial                      \
    ",\"multiplier\":" #multiplier ",\"max_delay_ms\":" #max "}}"

/* 2^53-1, the longest duration */
#define LONGEST 9007199254740991

static const struct row {
    const char *name;
    const char *policy; /* JSON; NULL: none */
    enum ff_failure_class class;
    const char *category;
    uint32_t retry_count;
    const char *reason; /* terminal for it, or NULL and */
    uint64_t min_ms, max_ms;
} rows[] = {
    { "01 ex 26: no policy", NULL, FF_FAILURE_TRANSIENT, "", 0, "no_policy", 0, 0 },
    { "01 ex 26: first retry", "{}", FF_FAILURE_TRANSIENT, "", 0, NULL, 1000, 1000 },
    { "01 ex 26: second retry", "{}", FF_FAILURE_TRANSIENT, "", 1, NULL, 2000, 2000 },
    { "01 ex 26: third retry", "{}", FF_FAILURE_TRANSIENT, "", 2, NULL, 4000, 4000 },
    { "01 ex 26: fourth failure", "{}", FF_FAILURE_TRANSIENT, "", 3, "max_retries_exhausted", 0,
      0 },
    { "01 ex 27: count 0", EXP_100, FF_FAILURE_TRANSIENT, "", 0, NULL, 100, 100 },
    { "01 ex 27: count 5", EXP_100, FF_FAILURE_TRANSIENT, "", 5, NULL, 3200, 3200 },
    { "01 ex 27: count 9", EXP_100, FF_FAILURE_TRANSIENT, "", 9, NULL, 30000, 30000 },
    { "01 ex 27: fixed 5000", FIXED(5000), FF_FAILURE_TRANSIENT, "", 2, NULL, 5000, 5000 },
    { "01 ex 27: fixed 0", FIXED(0), FF_FAILURE_TRANSIENT, "", 0, NULL, 0, 0 },
    { "01 ex 28: jitter", JITTER, FF_FAILURE_TRANSIENT, "", 2, NULL, 2000, 4000 },
    { "jitter of an odd delay rounds its half up", TIMES(5, 1, 60000), FF_FAILURE_TRANSIENT, "", 0,
      NULL, 5, 5 },
    { "jitter of 5", "{\"backoff\":{\"jitter\":true,\"initial_delay_ms\":5}}", FF_FAILURE_TRANSIENT,
      "", 0, NULL, 3, 5 },
    { "jitter of 0", "{\"backoff\":{\"jitter\":true,\"initial_delay_ms\":0}}", FF_FAILURE_TRANSIENT,
      "", 0, NULL, 0, 0 },
    { "01 ex 30: category listed", LISTED, FF_FAILURE_TRANSIENT, "provider_error", 0, NULL, 1000,
      1000 },
    { "01 ex 30: category not listed", LISTED, FF_FAILURE_TRANSIENT, "db", 0,
      "category_not_retryable", 0, 0 },
    { "01 ex 30: class listed, no category", LISTED, FF_FAILURE_TIMEOUT, "", 0, NULL, 1000, 1000 },
    { "01 ex 30: all categories, timeout", "{}", FF_FAILURE_TIMEOUT, "", 0, NULL, 1000, 1000 },
    { "01 ex 30: all categories, infra_crash", "{}", FF_FAILURE_INFRA_CRASH, "", 0, NULL, 1000,
      1000 },
    { "01 ex 30: permanent", "{}", FF_FAILURE_PERMANENT, "", 0, "class_not_retryable", 0, 0 },
    { "01 ex 30: category cancelled", "{}", FF_FAILURE_TRANSIENT, "cancelled", 0,
      "class_not_retryable", 0, 0 },
    { "category permanent", "{}", FF_FAILURE_TRANSIENT, "permanent", 0, "class_not_retryable", 0,
      0 },
    { "class cancelled", "{}", FF_FAILURE_CANCELLED, "db", 0, "class_not_retryable", 0, 0 },
    { "a final class, even if its category is listed", LISTED, FF_FAILURE_PERMANENT, "timeout", 0,
      "class_not_retryable", 0, 0 },
    { "category goes before count", LISTED, FF_FAILURE_TRANSIENT, "db", 9, "category_not_retryable",
      0, 0 },
    { "no policy goes before class", NULL, FF_FAILURE_PERMANENT, "", 0, "no_policy", 0, 0 },
    { "no retries", "{\"max_retries\":0}", FF_FAILURE_TRANSIENT, "", 0, "max_retries_exhausted", 0,
      0 },
    { "rounded down", TIMES(3, 1.5, 60000), FF_FAILURE_TRANSIENT, "", 1, NULL, 4, 4 },
    { "a multiplier below 1 shrinks", TIMES(1000, 0.5, 60000), FF_FAILURE_TRANSIENT, "", 3, NULL,
      125, 125 },
    { "initial above max", TIMES(1000, 2, 10), FF_FAILURE_TRANSIENT, "", 0, NULL, 10, 10 },
    { "an overflow is max", TIMES(1000, 1e300, 60000), FF_FAILURE_TRANSIENT, "", 4294967294, NULL,
      60000, 60000 },
    { "the longest delay is exact", TIMES(9007199254740991, 1, 9007199254740991),
      FF_FAILURE_TRANSIENT, "", 0, NULL, LONGEST, LONGEST },
    { "an overflow is the longest delay", TIMES(1, 10, 9007199254740991), FF_FAILURE_TRANSIENT, "",
      4000, NULL, LONGEST, LONGEST },
};

static void
test_decision(void **state)
{
    const struct row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    const struct ff_retry_policy *policy = NULL;
    struct ff_fault fault = { 0 };
    struct ff_failure failure = { row->class, ff_cstr(row->category), row->retry_count };
    struct ff_retry retry;

    if (row->policy != NULL) {
        assert_int_equal(ff_retry_policy_parse(packed(row->policy, &arena), "retry_policy", &arena,
                                               &policy, &fault),
                         FF_E_OK);
        assert_non_null(policy);
    }
    retry = ff_retry_decide(policy, &failure);
    assert_int_equal(retry.verdict == FF_RETRY, row->reason == NULL);
    if (row->reason != NULL) {
        assert_string_equal(ff_retry_reason(retry.verdict), row->reason);
    } else {
        assert_null(ff_retry_reason(retry.verdict));
    }
    assert_int_equal(retry.min_delay_ms, row->min_ms);
    assert_int_equal(retry.max_delay_ms, row->max_ms);
}

static void
test_class_of_a_category(void **state)
{
    (void) state;
    for (uint32_t i = 0; i < ff_vocab_failure_class.n; i++) {
        assert_int_equal(ff_failure_class_of(ff_cstr(ff_vocab_failure_class.words[i])), i);
    }
    assert_int_equal(ff_failure_class_of(ff_cstr("db")), FF_FAILURE_TRANSIENT);
    assert_int_equal(ff_failure_class_of(ff_cstr("")), FF_FAILURE_TRANSIENT);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_decision) };
    static const struct CMUnitTest singles[] = { cmocka_unit_test(test_class_of_a_category) };

    return ff_run_rows("retry", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
