#include "core/policy.h"

#include "core/records.h"
#include "tests/core/json_in.h"

#define F1 "550e8400-e29b-41d4-a716-446655440000"
#define U1 "00000000-0000-4000-8000-000000000001"
#define A16 "aaaaaaaaaaaaaaaa"
#define A256 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16

/* The members that every frozen policy has, in their order, around what a row adds. */
#define HEAD "\"priority\":0"
#define MID "\"max_replay_count\":10,\"budget_ids\":[]"
#define DEDUP "\"dedup_window_ms\":86400000"
#define TAIL "\"max_signals_per_execution\":10000}"
#define PLAIN "{" HEAD "," MID "," DEDUP "," TAIL
#define WITH_RETRY(retry) "{" HEAD ",\"retry_policy\":" retry "," MID "," DEDUP "," TAIL
#define WITH_BACKOFF(backoff)                                                                      \
    WITH_RETRY("{\"max_retries\":3,\"backoff\":" backoff ",\"retryable_categories\":[]}")
#define EXPONENTIAL                                                                                \
    "{\"type\":\"exponential\",\"initial_delay_ms\":1000,\"max_delay_ms\":60000,"                  \
    "\"multiplier\":2.0,\"jitter\":false}"

/* ---- what is frozen ---- */
static const struct row {
    const char *name;
    const char *given;
    const char *want;
} rows[] = {
    { "an empty policy has the defaults", "{}", PLAIN },
    { "01 ex 26: an empty retry policy", "{\"retry_policy\":{}}", WITH_BACKOFF(EXPONENTIAL) },
    { "01 ex 31: priority above", "{\"priority\":10000}",
      "{\"priority\":9000," MID "," DEDUP "," TAIL },
    { "01 ex 31: priority below", "{\"priority\":-5}", PLAIN },
    { "01 ex 32: null is absent",
      "{\"routing_requirements\":null,\"retry_policy\":{\"max_retries\":null}}",
      WITH_BACKOFF(EXPONENTIAL) },
    { "null for every member is an empty policy",
      "{\"priority\":null,\"delay_until\":null,\"retry_policy\":null,\"timeout_policy\":null,"
      "\"max_reclaim_count\":null,\"suspension_policy\":null,\"fallback_policy\":null,"
      "\"max_replay_count\":null,\"budget_ids\":null,\"quota_policy_id\":null,"
      "\"dedup_window_ms\":null,\"stream_policy\":null,\"max_signals_per_execution\":null}",
      PLAIN },
    { "null deep inside is absent",
      "{\"retry_policy\":{\"backoff\":{\"type\":null,\"multiplier\":null}}}",
      WITH_BACKOFF(EXPONENTIAL) },
    { "unknown members are dropped at any depth",
      "{\"colour\":1,\"retry_policy\":{\"x\":[1],\"backoff\":{\"y\":{}}}}",
      WITH_BACKOFF(EXPONENTIAL) },
    { "01 ex 27: fixed, as given",
      "{\"retry_policy\":{\"backoff\":{\"type\":\"fixed\",\"delay_ms\":5000}}}",
      WITH_BACKOFF("{\"type\":\"fixed\",\"delay_ms\":5000}") },
    { "fixed has a default", "{\"retry_policy\":{\"backoff\":{\"type\":\"fixed\"}}}",
      WITH_BACKOFF("{\"type\":\"fixed\",\"delay_ms\":1000}") },
    { "fixed drops what is exponential, unread",
      "{\"retry_policy\":{\"backoff\":{\"multiplier\":0,\"jitter\":7,\"type\":\"fixed\","
      "\"initial_delay_ms\":\"x\",\"max_delay_ms\":-1}}}",
      WITH_BACKOFF("{\"type\":\"fixed\",\"delay_ms\":1000}") },
    { "exponential drops what is fixed, unread",
      "{\"retry_policy\":{\"backoff\":{\"delay_ms\":[]}}}", WITH_BACKOFF(EXPONENTIAL) },
    { "zeros that are not the default are kept",
      "{\"max_replay_count\":0,\"dedup_window_ms\":0,\"max_signals_per_execution\":0,"
      "\"retry_policy\":{\"max_retries\":0,\"backoff\":{\"initial_delay_ms\":0,"
      "\"max_delay_ms\":0}},\"stream_policy\":{\"retention_maxlen\":0}}",
      "{" HEAD ",\"retry_policy\":{\"max_retries\":0,\"backoff\":{\"type\":\"exponential\","
      "\"initial_delay_ms\":0,\"max_delay_ms\":0,\"multiplier\":2.0,\"jitter\":false},"
      "\"retryable_categories\":[]},\"max_replay_count\":0,\"budget_ids\":[],"
      "\"dedup_window_ms\":0,\"stream_policy\":{\"durability_mode\":\"buffered\","
      "\"retention_maxlen\":0},\"max_signals_per_execution\":0}" },
    { "budgets lose their duplicates, first position kept",
      "{\"budget_ids\":[\"" U1 "\",\"550E8400-E29B-41D4-A716-446655440000\",\"" U1 "\",\"" F1
      "\"]}",
      "{" HEAD ",\"max_replay_count\":10,\"budget_ids\":[\"" U1 "\",\"" F1 "\"]," DEDUP "," TAIL },
    { "01 ex 43: tokens are sorted, without duplicates",
      "{\"routing_requirements\":{\"required_capabilities\":[\"gpu\",\"cuda\",\"gpu\"],"
      "\"preferred_locality\":\"eu\",\"isolation_level\":\"vm\"}}",
      "{" HEAD "," MID ",\"routing_requirements\":{\"required_capabilities\":[\"cuda\",\"gpu\"],"
      "\"preferred_locality\":\"eu\",\"isolation_level\":\"vm\"}," DEDUP "," TAIL },
    { "empty routing requires nothing", "{\"routing_requirements\":{}}",
      "{" HEAD "," MID ",\"routing_requirements\":{\"required_capabilities\":[]}," DEDUP "," TAIL },
    { "the reclaim limit of the time-outs moves",
      "{\"timeout_policy\":{\"attempt_timeout_ms\":10000,\"max_reclaim_count\":5}}",
      "{" HEAD ",\"timeout_policy\":{\"attempt_timeout_ms\":10000},\"max_reclaim_count\":5," MID
      "," DEDUP "," TAIL },
    { "the policy's own reclaim limit wins",
      "{\"max_reclaim_count\":0,\"timeout_policy\":{\"max_reclaim_count\":5}}",
      "{" HEAD ",\"timeout_policy\":{},\"max_reclaim_count\":0," MID "," DEDUP "," TAIL },
    { "01 ex 33: a deadline is a duration",
      "{\"timeout_policy\":{\"execution_deadline_ms\":300000}}",
      "{" HEAD ",\"timeout_policy\":{\"execution_deadline_ms\":300000}," MID "," DEDUP "," TAIL },
    { "suspension and stream defaults",
      "{\"suspension_policy\":{},\"stream_policy\":{\"retention_ttl_ms\":1000}}",
      "{" HEAD ",\"suspension_policy\":{\"timeout_behavior\":\"fail\"}," MID "," DEDUP
      ",\"stream_policy\":{\"durability_mode\":\"buffered\",\"retention_maxlen\":10000,"
      "\"retention_ttl_ms\":1000}," TAIL },
    { "the rest, all given",
      "{\"delay_until\":-1,\"quota_policy_id\":\"" F1 "\",\"suspension_policy\":{"
      "\"default_timeout_ms\":9007199254740991,\"timeout_behavior\":\"escalate\"},"
      "\"fallback_policy\":{\"tiers\":[{\"provider\":\"p\",\"model\":\"m\"},"
      "{\"provider\":\"q\",\"model\":\"n\",\"timeout_ms\":0}]},\"stream_policy\":{"
      "\"durability_mode\":\"durable\"}}",
      "{" HEAD ",\"delay_until\":-1,\"suspension_policy\":{\"default_timeout_ms\":"
      "9007199254740991,\"timeout_behavior\":\"escalate\"},\"fallback_policy\":{\"tiers\":["
      "{\"provider\":\"p\",\"model\":\"m\"},{\"provider\":\"q\",\"model\":\"n\","
      "\"timeout_ms\":0}]}," MID ",\"quota_policy_id\":\"" F1 "\"," DEDUP
      ",\"stream_policy\":{\"durability_mode\":\"durable\",\"retention_maxlen\":10000}," TAIL },
};

/* The same policy after it was stored and read again. */
static const struct ff_policy *
stored_again(const struct ff_policy *policy, struct ff_arena *arena)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_exec_input *input = FF_ARENA_NEW(arena, struct ff_exec_input, 1);
    struct ff_fault fault = { 0 };

    input->payload = ff_cstr("");
    input->policy = (struct ff_policy *) (uintptr_t) policy;
    ff_packer_init(&packer);
    ff_row_encode(FF_R_EXEC_INPUT, input, &packer.pk);
    assert_int_equal(ff_row_decode(FF_R_EXEC_INPUT, ff_arena_copy(arena, ff_packer_str(&packer)),
                                   arena, input, &fault),
                     FF_E_OK);
    assert_non_null(input->policy);
    return input->policy;
}

static void
test_frozen(void **state)
{
    const struct row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    const struct ff_policy *policy = NULL;
    struct ff_fault fault = { 0 };
    const char *text = NULL;

    assert_int_equal(ff_policy_parse(packed(row->given, &arena), "policy", &arena, &policy, &fault),
                     FF_E_OK);
    text = shown(&ff_desc_policy, policy, &arena);
    assert_string_equal(text, row->want);
    assert_string_equal(shown(&ff_desc_policy, stored_again(policy, &arena), &arena), text);
    /* frozen again, and from text */
    assert_int_equal(ff_policy_parse(packed(text, &arena), "policy", &arena, &policy, &fault),
                     FF_E_OK);
    assert_string_equal(shown(&ff_desc_policy, policy, &arena), text);
    assert_int_equal(ff_policy_parse_json(ff_cstr(text), "policy_json", &arena, &policy, &fault),
                     FF_E_OK);
    assert_string_equal(shown(&ff_desc_policy, policy, &arena), text);
}

/* ---- what is refused ---- */
static const struct bad_row {
    const char *name;
    const char *given;
    const char *path;
    const char *reason;
} bad_rows[] = {
    { "01 ex 29: multiplier 0", "{\"retry_policy\":{\"backoff\":{\"multiplier\":0}}}",
      "retry_policy.backoff.multiplier", "out_of_range" },
    { "01 ex 29: backoff type", "{\"retry_policy\":{\"backoff\":{\"type\":\"linear\"}}}",
      "retry_policy.backoff.type", "unknown_value" },
    { "01 ex 29: a number for a map", "{\"retry_policy\":5}", "retry_policy", "not_object" },
    { "multiplier below 0", "{\"retry_policy\":{\"backoff\":{\"multiplier\":-0.5}}}",
      "retry_policy.backoff.multiplier", "out_of_range" },
    { "multiplier is no number", "{\"retry_policy\":{\"backoff\":{\"multiplier\":\"2\"}}}",
      "retry_policy.backoff.multiplier", "wrong_type" },
    { "jitter is no boolean", "{\"retry_policy\":{\"backoff\":{\"jitter\":1}}}",
      "retry_policy.backoff.jitter", "wrong_type" },
    { "backoff is no map", "{\"retry_policy\":{\"backoff\":[]}}", "retry_policy.backoff",
      "not_object" },
    { "type is no text", "{\"retry_policy\":{\"backoff\":{\"type\":1}}}",
      "retry_policy.backoff.type", "wrong_type" },
    { "a delay below 0", "{\"retry_policy\":{\"backoff\":{\"type\":\"fixed\",\"delay_ms\":-1}}}",
      "retry_policy.backoff.delay_ms", "out_of_range" },
    { "a delay over the longest",
      "{\"retry_policy\":{\"backoff\":{\"initial_delay_ms\":9007199254740992}}}",
      "retry_policy.backoff.initial_delay_ms", "out_of_range" },
    { "max_retries above u32", "{\"retry_policy\":{\"max_retries\":4294967296}}",
      "retry_policy.max_retries", "out_of_range" },
    { "max_retries with a fraction", "{\"retry_policy\":{\"max_retries\":1.5}}",
      "retry_policy.max_retries", "wrong_type" },
    { "categories are no list", "{\"retry_policy\":{\"retryable_categories\":\"db\"}}",
      "retry_policy.retryable_categories", "not_array" },
    { "a category is no text", "{\"retry_policy\":{\"retryable_categories\":[\"a\",1]}}",
      "retry_policy.retryable_categories[1]", "wrong_type" },
    { "the policy is no map", "[]", "", "not_object" },
    { "priority beyond i32", "{\"priority\":2147483648}", "priority", "out_of_range" },
    { "priority is no number", "{\"priority\":\"high\"}", "priority", "wrong_type" },
    { "routing is no map", "{\"routing_requirements\":[\"gpu\"]}", "routing_requirements",
      "not_object" },
    { "a locality over 256 bytes",
      "{\"routing_requirements\":{\"preferred_locality\":\"" A256 "a\"}}",
      "routing_requirements.preferred_locality", "out_of_range" },
    { "a budget that is no uuid", "{\"budget_ids\":[\"" F1 "\",\"b1\"]}", "budget_ids[1]",
      "wrong_type" },
    { "a timeout behaviour that there is not",
      "{\"suspension_policy\":{\"timeout_behavior\":\"explode\"}}",
      "suspension_policy.timeout_behavior", "unknown_value" },
    { "a durability that there is not", "{\"stream_policy\":{\"durability_mode\":\"lossy\"}}",
      "stream_policy.durability_mode", "unknown_value" },
    { "a tier without provider", "{\"fallback_policy\":{\"tiers\":[{\"model\":\"m\"}]}}",
      "fallback_policy.tiers[0].provider", "wrong_type" },
    { "a tier with an empty provider",
      "{\"fallback_policy\":{\"tiers\":[{\"provider\":\"\",\"model\":\"m\"}]}}",
      "fallback_policy.tiers[0].provider", "out_of_range" },
    { "a second tier with an empty model",
      "{\"fallback_policy\":{\"tiers\":[{\"provider\":\"p\",\"model\":\"m\"},"
      "{\"provider\":\"p\",\"model\":\"\"}]}}",
      "fallback_policy.tiers[1].model", "out_of_range" },
    { "a tier's provider over 256 bytes",
      "{\"fallback_policy\":{\"tiers\":[{\"provider\":\"" A256 "a\",\"model\":\"m\"}]}}",
      "fallback_policy.tiers[0].provider", "out_of_range" },
    { "a tier that is no map", "{\"fallback_policy\":{\"tiers\":[7]}}", "fallback_policy.tiers[0]",
      "not_object" },
    { "structure is judged before tokens",
      "{\"routing_requirements\":{\"required_capabilities\":[\"\"]},\"stream_policy\":1}",
      "stream_policy", "not_object" },
};

static void
test_refused(void **state)
{
    const struct bad_row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    const struct ff_policy *policy = NULL;
    struct ff_fault fault = { 0 };

    assert_int_equal(ff_policy_parse(packed(row->given, &arena), "policy", &arena, &policy, &fault),
                     FF_E_INVALID_POLICY_JSON);
    assert_null(policy);
    assert_detail_str(&fault, "path", row->path);
    assert_detail_str(&fault, "reason", row->reason);
    if (row->path[0] == '\0') {
        assert_detail_str(&fault, "field", "policy");
    } else {
        assert_detail_str(&fault, "field", ff_arena_printf(&arena, "policy.%s", row->path).p);
    }
    assert_int_equal(
        ff_policy_parse_json(ff_cstr(row->given), "attempt_policy_json", &arena, &policy, &fault),
        FF_E_INVALID_POLICY_JSON);
    assert_detail_str(&fault, "path", row->path);
    assert_detail_str(&fault, "field", "attempt_policy_json");
}

/* n packed uuids, each another. */
static struct ff_str
policy_with_budgets(uint32_t n, struct ff_arena *arena)
{
    struct ff_str text = ff_cstr("{\"budget_ids\":[");

    for (uint32_t i = 0; i < n; i++) {
        text = ff_arena_printf(arena, "%.*s%s\"00000000-0000-4000-8000-%012u\"", (int) text.n,
                               text.p, i == 0 ? "" : ",", i);
    }
    return packed(ff_arena_printf(arena, "%.*s]}", (int) text.n, text.p).p, arena);
}

static void
test_32_budgets_and_no_more(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    const struct ff_policy *policy = NULL;
    struct ff_fault fault = { 0 };

    (void) state;
    assert_int_equal(
        ff_policy_parse(policy_with_budgets(32, &arena), "policy", &arena, &policy, &fault),
        FF_E_OK);
    assert_int_equal(policy->budget_ids.n, 32);
    assert_int_equal(
        ff_policy_parse(policy_with_budgets(33, &arena), "policy", &arena, &policy, &fault),
        FF_E_INVALID_POLICY_JSON);
    assert_detail_str(&fault, "path", "budget_ids");
    assert_detail_str(&fault, "reason", "out_of_range");
}

/* ---- tokens have a code of their own ---- */
static const struct token_row {
    const char *name;
    const char *tokens;
    const char *reason;
} token_rows[] = {
    { "01 ex 40: a number among tokens", "[\"gpu\",42]", "required:non_string_token" },
    { "01 ex 40: an empty token", "[\"gpu\",\"\"]", "required:empty_token" },
    { "01 ex 40: a text for the list", "\"gpu\"", "required:not_array" },
    { "01 ex 40: a comma", "[\"gpu,cuda\"]", "required:comma_in_token" },
    { "01 ex 40: a space", "[\"gpu cuda\"]", "required:control_or_whitespace" },
};

static void
test_token(void **state)
{
    const struct token_row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_str json = ff_arena_printf(
        &arena, "{\"routing_requirements\":{\"required_capabilities\":%s}}", row->tokens);
    const struct ff_policy *policy = NULL;
    struct ff_fault fault = { 0 };

    assert_int_equal(ff_policy_parse(packed(json.p, &arena), "policy", &arena, &policy, &fault),
                     FF_E_INVALID_CAPABILITIES);
    assert_null(policy);
    assert_detail_str(&fault, "reason", row->reason);
    assert_detail_str(&fault, "field", "policy.routing_requirements.required_capabilities");
}

/* ---- text ---- */
static const struct text_row {
    const char *name;
    const char *json;
    const char *reason; /* refused for it, or */
    bool none;
} text_rows[] = {
    { "01 ex 41: text that is not JSON",
      "{\"routing_requirements\":{\"required_capabilities\":[\"gpu\",]}}", "malformed", false },
    { "empty text is none", "", NULL, true },
    { "{} is none", "{}", NULL, true },
    { "{ } is none", " { } ", NULL, true },
    { "a policy in text", "{\"priority\":1}", NULL, false },
    { "unknown members alone are a policy", "{\"x\":1}", NULL, false },
    { "null is no policy", "null", "not_object", false },
    { "a list is no policy", "[]", "not_object", false },
    { "half a policy", "{\"priority\":1", "malformed", false },
    { "two policies", "{\"priority\":1}{}", "malformed", false },
    { "a space alone", " ", "malformed", false },
    { "nested too deep",
      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
      "malformed", false },
};

static void
test_text(void **state)
{
    const struct text_row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    const struct ff_policy *policy = NULL;
    const struct ff_retry_policy *retry = NULL;
    struct ff_str json = ff_cstr(row->json);
    struct ff_fault fault = { 0 };
    ff_err want = row->reason == NULL ? FF_E_OK : FF_E_INVALID_POLICY_JSON;

    assert_int_equal(ff_policy_parse_json(json, "policy_json", &arena, &policy, &fault), want);
    assert_int_equal(policy == NULL, row->none || row->reason != NULL);
    if (row->reason != NULL) {
        assert_detail_str(&fault, "path", "");
        assert_detail_str(&fault, "reason", row->reason);
        assert_detail_str(&fault, "field", "policy_json");
    }
    assert_int_equal(ff_retry_policy_parse_json(json, "retry_policy_json", &arena, &retry, &fault),
                     want);
    assert_int_equal(retry == NULL, row->none || row->reason != NULL);
}

/* ---- single ---- */
static void
test_absent_is_none(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    const struct ff_policy *policy = NULL;
    const struct ff_retry_policy *retry = NULL;
    struct ff_fault fault = { 0 };

    (void) state;
    assert_int_equal(ff_policy_parse((struct ff_str){ 0 }, "policy", &arena, &policy, &fault),
                     FF_E_OK);
    assert_null(policy);
    assert_int_equal(ff_policy_parse(ff_cstr("\xc0"), "policy", &arena, &policy, &fault), FF_E_OK);
    assert_null(policy);
    assert_int_equal(ff_retry_policy_parse(ff_cstr("\xc0"), "retry_policy", &arena, &retry, &fault),
                     FF_E_OK);
    assert_null(retry);
}

static void
test_paths_of_a_retry_policy_begin_with_its_name(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    const struct ff_retry_policy *retry = NULL;
    struct ff_fault fault = { 0 };
    struct ff_str given = packed("{\"backoff\":{\"multiplier\":0}}", &arena);

    (void) state;
    assert_int_equal(ff_retry_policy_parse(given, "retry_policy", &arena, &retry, &fault),
                     FF_E_INVALID_POLICY_JSON);
    assert_detail_str(&fault, "path", "retry_policy.backoff.multiplier");
    assert_detail_str(&fault, "field", "retry_policy.backoff.multiplier");
    given = packed("5", &arena);
    assert_int_equal(ff_retry_policy_parse(given, "retry_policy", &arena, &retry, &fault),
                     FF_E_INVALID_POLICY_JSON);
    assert_detail_str(&fault, "path", "retry_policy");
    assert_detail_str(&fault, "reason", "not_object");
}

static void
test_a_multiplier_is_finite(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    FF_SCOPED(ff_packer) packer = { 0 };
    const struct ff_retry_policy *retry = NULL;
    struct ff_fault fault = { 0 };

    (void) state;
    ff_packer_init(&packer);
    msgpack_pack_map(&packer.pk, 1);
    ff_pack_cstr(&packer.pk, "backoff");
    msgpack_pack_map(&packer.pk, 1);
    ff_pack_cstr(&packer.pk, "multiplier");
    msgpack_pack_double(&packer.pk, __builtin_inf());
    assert_int_equal(
        ff_retry_policy_parse(ff_packer_str(&packer), "retry_policy", &arena, &retry, &fault),
        FF_E_INVALID_POLICY_JSON);
    assert_detail_str(&fault, "path", "retry_policy.backoff.multiplier");
    assert_detail_str(&fault, "reason", "not_finite");
}

static void
test_the_default_is_what_an_empty_policy_gives(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_policy policy;

    (void) state;
    ff_policy_default(&policy);
    assert_string_equal(shown(&ff_desc_policy, &policy, &arena), PLAIN);
}

static void
test_clamp(void **state) /* 01 ex 31 */
{
    (void) state;
    assert_int_equal(ff_priority_clamp(INT32_MIN), 0);
    assert_int_equal(ff_priority_clamp(-5), 0);
    assert_int_equal(ff_priority_clamp(0), 0);
    assert_int_equal(ff_priority_clamp(9000), 9000);
    assert_int_equal(ff_priority_clamp(10000), 9000);
    assert_int_equal(ff_priority_clamp(INT32_MAX), 9000);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_frozen),
                                             FF_ROWS(bad_rows, test_refused),
                                             FF_ROWS(token_rows, test_token),
                                             FF_ROWS(text_rows, test_text) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_32_budgets_and_no_more),
        cmocka_unit_test(test_absent_is_none),
        cmocka_unit_test(test_paths_of_a_retry_policy_begin_with_its_name),
        cmocka_unit_test(test_a_multiplier_is_finite),
        cmocka_unit_test(test_the_default_is_what_an_empty_policy_gives),
        cmocka_unit_test(test_clamp),
    };

    return ff_run_rows("policy", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
