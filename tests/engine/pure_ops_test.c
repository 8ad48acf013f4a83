#include "core/handle.h"
#include "core/id.h"
#include "tests/core/json_in.h"
#include "tests/rig/rig.h"

#define F1 "550e8400-e29b-41d4-a716-446655440000"
#define U1 "00000000-0000-4000-8000-000000000001"
#define NIL "00000000-0000-0000-0000-000000000000"

/* The result as JSON; of an error its code and its detail. */
static const char *
answer(struct ff_rig *rig, enum ff_op op, struct ff_str args)
{
    void *result = ff_arena_zalloc(&rig->arena, ff_ops[op].result->size);
    ff_err err = ff_rig_call_raw(rig, op, args, result);
    struct ff_str text = { 0 };

    if (err == FF_E_OK) {
        return shown(ff_ops[op].result, result, &rig->arena);
    }
    text = ff_cstr(ff_error_info(err)->code);
    for (uint32_t i = 0; i < rig->fault.n; i++) {
        const struct ff_datum *datum = &rig->fault.detail[i];

        text =
            ff_arena_printf(&rig->arena, "%.*s%s\"%s\":%.*s", (int) text.n, text.p,
                            i == 0 ? " {" : ",", datum->key, (int) datum->v.str.n, datum->v.str.p);
    }
    return ff_arena_printf(&rig->arena, "%.*s}", (int) text.n, text.p).p;
}

/* ---- rows ---- */

#define INVALID(field, reason) "invalid_input {\"field\":\"" field "\",\"reason\":\"" reason "\"}"
#define VECTOR(phase, owner, eligible, block, outcome, attempt)                                    \
    "\"lifecycle_phase\":\"" phase "\",\"ownership_state\":\"" owner                               \
    "\",\"eligibility_state\":\"" eligible "\",\"blocking_reason\":\"" block                       \
    "\",\"terminal_outcome\":\"" outcome "\",\"attempt_state\":\"" attempt "\""
#define BROKEN(consistent, violations)                                                             \
    "{\"consistent\":" consistent ",\"legal\":false,\"violations\":[" violations "]}"
#define RETRY(delay)                                                                               \
    "{\"outcome\":\"retry\",\"delay_ms\":" delay ",\"min_delay_ms\":" delay                        \
    ",\"max_delay_ms\":" delay "}"
#define TERMINAL(reason) "{\"outcome\":\"terminal\",\"reason\":\"" reason "\"}"
#define CLASS(kind, class, retryable)                                                              \
    "{\"kind\":\"" kind "\",\"class\":\"" class "\",\"retryable\":" retryable "}"
#define BAD_TOKENS(field, reason)                                                                  \
    "invalid_capabilities {\"field\":\"" field "\",\"reason\":\"" reason "\"}"

static const struct row {
    const char *name;
    enum ff_op op;
    const char *args;
    const char *want;
} id_rows[] = {
    { "01 ex 5: mint by flow", FF_OP_mint_execution_id,
      "{\"flow_id\":\"" F1 "\",\"uuid\":\"" U1 "\"}",
      "{\"execution_id\":\"{fp:24}:" U1 "\",\"partition_index\":24}" },
    { "01 ex 5: neither flow nor lane", FF_OP_mint_execution_id, "{\"uuid\":\"" U1 "\"}",
      INVALID("flow_id", "exactly_one_of") },
    { "01 ex 5: both flow and lane", FF_OP_mint_execution_id,
      "{\"flow_id\":\"" F1 "\",\"lane_id\":\"l\"}", INVALID("flow_id", "exactly_one_of") },
    { "01 ex 6: mint by lane", FF_OP_mint_execution_id,
      "{\"lane_id\":\"default\",\"uuid\":\"" U1 "\"}",
      "{\"execution_id\":\"{fp:86}:" U1 "\",\"partition_index\":86}" },
    { "01 ex 6: with 4 partitions", FF_OP_mint_execution_id,
      "{\"lane_id\":\"default\",\"uuid\":\"" U1 "\",\"num_flow_partitions\":4}",
      "{\"execution_id\":\"{fp:2}:" U1 "\",\"partition_index\":2}" },
    { "01 ex 6: with 1 partition", FF_OP_mint_execution_id,
      "{\"lane_id\":\"default\",\"uuid\":\"" U1 "\",\"num_flow_partitions\":1}",
      "{\"execution_id\":\"{fp:0}:" U1 "\",\"partition_index\":0}" },
    { "mint with no partitions", FF_OP_mint_execution_id,
      "{\"lane_id\":\"default\",\"num_flow_partitions\":0}",
      INVALID("num_flow_partitions", "out_of_range") },
    { "mint with too many partitions", FF_OP_mint_execution_id,
      "{\"lane_id\":\"default\",\"num_flow_partitions\":65536}",
      INVALID("num_flow_partitions", "out_of_range") },
    { "mint with null for a flow", FF_OP_mint_execution_id,
      "{\"flow_id\":null,\"lane_id\":\"default\",\"uuid\":\"" U1 "\"}",
      "{\"execution_id\":\"{fp:86}:" U1 "\",\"partition_index\":86}" },
    { "mint in an empty lane", FF_OP_mint_execution_id, "{\"lane_id\":\"\"}",
      INVALID("lane_id", "empty") },
    { "01 ex 3: mint by bare digits", FF_OP_mint_execution_id,
      "{\"flow_id\":\"550e8400e29b41d4a716446655440000\"}", INVALID("flow_id", "invalid_uuid") },
    { "01 ex 1: parse", FF_OP_parse_execution_id,
      "{\"execution_id\":\"{fp:42}:550E8400-E29B-41D4-A716-446655440000\"}",
      "{\"execution_id\":\"{fp:42}:" F1 "\",\"partition_index\":42,\"uuid\":\"" F1
      "\",\"partition_key\":\"{fp:42}\"}" },
    { "01 ex 2: parse a bare uuid", FF_OP_parse_execution_id, "{\"execution_id\":\"" F1 "\"}",
      INVALID("execution_id", "missing_tag") },
    { "01 ex 2: parse a bad index", FF_OP_parse_execution_id,
      "{\"execution_id\":\"{fp:007}:" F1 "\"}",
      INVALID("execution_id", "invalid_partition_index") },
    { "01 ex 2: parse a bad uuid", FF_OP_parse_execution_id,
      "{\"execution_id\":\"{fp:0}:not-a-uuid\"}", INVALID("execution_id", "invalid_uuid") },
    { "parse nothing", FF_OP_parse_execution_id, "{}", INVALID("execution_id", "missing") },
    { "parse beside its own partition", FF_OP_parse_execution_id,
      "{\"execution_id\":\"{fp:1}:" F1 "\",\"partition\":\"{fp:1}\"}",
      "{\"execution_id\":\"{fp:1}:" F1 "\",\"partition_index\":1,\"uuid\":\"" F1
      "\",\"partition_key\":\"{fp:1}\"}" },
    { "01 ex 17: parse beside another partition", FF_OP_parse_execution_id,
      "{\"execution_id\":\"{fp:6}:" U1 "\",\"partition\":5}",
      "invalid_input {\"field\":\"partition\",\"reason\":\"partition_mismatch\",\"arg_index\":5,"
      "\"id_index\":6}" },
    { "01 ex 12: partition of a flow", FF_OP_partition_for, "{\"flow_id\":\"" F1 "\"}",
      "{\"family\":\"flow\",\"index\":24,\"partition_key\":\"{fp:24}\"}" },
    { "01 ex 12: partition of the nil flow", FF_OP_partition_for, "{\"flow_id\":\"" NIL "\"}",
      "{\"family\":\"flow\",\"index\":0,\"partition_key\":\"{fp:0}\"}" },
    { "01 ex 12: partition of lane-0", FF_OP_partition_for, "{\"lane_id\":\"lane-0\"}",
      "{\"family\":\"execution\",\"index\":140,\"partition_key\":\"{fp:140}\"}" },
    { "01 ex 12: partition of lane gpu", FF_OP_partition_for, "{\"lane_id\":\"gpu\"}",
      "{\"family\":\"execution\",\"index\":144,\"partition_key\":\"{fp:144}\"}" },
    { "01 ex 12: partition of budget F1", FF_OP_partition_for, "{\"budget_id\":\"" F1 "\"}",
      "{\"family\":\"budget\",\"index\":24,\"partition_key\":\"{b:24}\"}" },
    { "01 ex 12: partition of budget U1", FF_OP_partition_for, "{\"budget_id\":\"" U1 "\"}",
      "{\"family\":\"budget\",\"index\":26,\"partition_key\":\"{b:26}\"}" },
    { "01 ex 12: partition of a quota policy", FF_OP_partition_for,
      "{\"quota_policy_id\":\"" F1 "\"}",
      "{\"family\":\"quota\",\"index\":24,\"partition_key\":\"{q:24}\"}" },
    { "01 ex 13: partition of an execution", FF_OP_partition_for,
      "{\"execution_id\":\"{fp:0}:" F1 "\"}",
      "{\"family\":\"execution\",\"index\":0,\"partition_key\":\"{fp:0}\"}" },
    { "partition of nothing", FF_OP_partition_for, "{}", INVALID("flow_id", "exactly_one_of") },
    { "partition of two things", FF_OP_partition_for,
      "{\"budget_id\":\"" F1 "\",\"quota_policy_id\":\"" F1 "\"}",
      INVALID("flow_id", "exactly_one_of") },
    { "01 ex 14: an execution's key is a flow's", FF_OP_parse_partition_key,
      "{\"partition_key\":\"{fp:3}\"}", "{\"family\":\"flow\",\"index\":3}" },
    { "01 ex 14: {q:31}", FF_OP_parse_partition_key, "{\"partition_key\":\"{q:31}\"}",
      "{\"family\":\"quota\",\"index\":31}" },
    { "01 ex 14: {zz:0}", FF_OP_parse_partition_key, "{\"partition_key\":\"{zz:0}\"}",
      "invalid_input {\"field\":\"partition_key\",\"reason\":\"unknown_family_prefix\","
      "\"value\":\"zz\"}" },
    { "01 ex 7: a lane", FF_OP_validate_lane_id, "{\"lane_id\":\"worker pool,1\"}",
      "{\"lane_id\":\"worker pool,1\"}" },
    { "01 ex 7: a bad lane", FF_OP_validate_lane_id, "{\"lane_id\":\"bad\\nlane\"}",
      "invalid_input {\"field\":\"lane_id\",\"reason\":\"non_printable\",\"index\":3}" },
    { "01 ex 45: a tag key", FF_OP_validate_tag_key, "{\"key\":\"cairn.job_id\"}",
      "{\"key\":\"cairn.job_id\"}" },
    { "01 ex 45: a bad tag key", FF_OP_validate_tag_key, "{\"key\":\"cairn..x\"}",
      "invalid_tag_key {\"key\":\"cairn..x\"}" },
    { "an argument that there is not", FF_OP_validate_tag_key, "{\"key\":\"a.b\",\"keys\":1}",
      INVALID("keys", "unknown_field") },
};

static const struct row state_rows[] = {
    { "01 ex 24: terminal without outcome derives failed", FF_OP_derive_public_state,
      "{" VECTOR("terminal", "unowned", "not_applicable", "none", "none", "attempt_terminal") "}",
      "{\"public_state\":\"failed\"}" },
    { "01 ex 24: runnable with not_applicable derives waiting", FF_OP_derive_public_state,
      "{" VECTOR("runnable", "unowned", "not_applicable", "none", "none",
                 "pending_first_attempt") "}",
      "{\"public_state\":\"waiting\"}" },
    { "01 ex 19: claimed derives active", FF_OP_derive_public_state,
      "{" VECTOR("active", "leased", "not_applicable", "none", "none", "running_attempt") "}",
      "{\"public_state\":\"active\"}" },
    { "a dimension is missing", FF_OP_derive_public_state, "{\"lifecycle_phase\":\"active\"}",
      INVALID("ownership_state", "missing") },
    { "a value that there is not", FF_OP_derive_public_state,
      "{" VECTOR("running", "leased", "not_applicable", "none", "none", "running_attempt") "}",
      "invalid_input {\"field\":\"lifecycle_phase\",\"reason\":\"unknown_value\","
      "\"value\":\"running\"}" },
    { "01 ex 24: terminal without outcome is V4", FF_OP_check_state_vector,
      "{" VECTOR("terminal", "unowned", "not_applicable", "none", "none",
                 "attempt_terminal") ",\"public_state\":\"failed\"}",
      BROKEN("true", "\"V4\"") },
    { "01 ex 24: runnable with not_applicable is V7", FF_OP_check_state_vector,
      "{" VECTOR("runnable", "unowned", "not_applicable", "none", "none",
                 "pending_first_attempt") ",\"public_state\":\"waiting\"}",
      BROKEN("true", "\"V7\"") },
    { "01 ex 24: active and unowned is V10", FF_OP_check_state_vector,
      "{" VECTOR("active", "unowned", "not_applicable", "none", "none",
                 "running_attempt") ",\"public_state\":\"active\"}",
      BROKEN("true", "\"V10\"") },
    { "01 ex 24: a wrong label is V11", FF_OP_check_state_vector,
      "{" VECTOR("terminal", "unowned", "not_applicable", "none", "failed",
                 "attempt_terminal") ",\"public_state\":\"completed\"}",
      BROKEN("false", "\"V11\"") },
    { "a legal vector", FF_OP_check_state_vector,
      "{" VECTOR("active", "leased", "not_applicable", "none", "none",
                 "running_attempt") ",\"public_state\":\"active\"}",
      "{\"consistent\":true,\"legal\":true,\"violations\":[]}" },
    { "several rules broken, ascending", FF_OP_check_state_vector,
      "{" VECTOR("terminal", "leased", "eligible_now", "none", "none",
                 "none") ",\"public_state\":\"resumable\"}",
      BROKEN("false", "\"V1\",\"V4\",\"V6\",\"V7\",\"V11\"") },
};

static const struct row policy_rows[] = {
    { "01 ex 38: a match", FF_OP_match_capabilities,
      "{\"required\":[\"gpu\",\"cuda\"],\"offered\":[\"gpu\",\"cuda\",\"fp16\"]}",
      "{\"matches\":true,\"missing\":[]}" },
    { "01 ex 38: a mismatch", FF_OP_match_capabilities,
      "{\"required\":[\"gpu\",\"cuda\"],\"offered\":[\"GPU\",\"cuda\"]}",
      "{\"matches\":false,\"missing\":[\"gpu\"]}" },
    { "01 ex 38: nothing required", FF_OP_match_capabilities, "{\"required\":[],\"offered\":[]}",
      "{\"matches\":true,\"missing\":[]}" },
    { "01 ex 40: bad required tokens", FF_OP_match_capabilities,
      "{\"required\":\"gpu\",\"offered\":[]}", BAD_TOKENS("required", "required:not_array") },
    { "bad offered tokens", FF_OP_match_capabilities, "{\"required\":[],\"offered\":[null]}",
      BAD_TOKENS("offered", "worker:non_string_token") },
    { "nothing offered at all", FF_OP_match_capabilities, "{\"required\":[]}",
      INVALID("offered", "missing") },
    { "01 ex 43: validate", FF_OP_validate_capabilities, "{\"tokens\":[\"gpu\",\"cuda\",\"gpu\"]}",
      "{\"tokens\":[\"cuda\",\"gpu\"],\"csv\":\"cuda,gpu\",\"digest\":\"c952a6c4\"}" },
    { "01 ex 40: validate a worker's", FF_OP_validate_capabilities,
      "{\"tokens\":[\"gpu\",\"\"],\"side\":\"worker\"}",
      BAD_TOKENS("tokens", "worker:empty_token") },
    { "validate an execution's", FF_OP_validate_capabilities, "{\"tokens\":[\"a b\"]}",
      BAD_TOKENS("tokens", "required:control_or_whitespace") },
    { "01 ex 26: no policy", FF_OP_compute_retry,
      "{\"retry_count\":0,\"failure_class\":\"transient\"}", TERMINAL("no_policy") },
    { "01 ex 26: an empty policy", FF_OP_compute_retry,
      "{\"retry_policy\":{},\"retry_count\":2,\"failure_class\":\"transient\"}", RETRY("4000") },
    { "01 ex 26: the fourth failure", FF_OP_compute_retry,
      "{\"retry_policy\":{},\"retry_count\":3,\"failure_class\":\"transient\","
      "\"failure_category\":\"\"}",
      TERMINAL("max_retries_exhausted") },
    { "01 ex 27: fixed 0", FF_OP_compute_retry,
      "{\"retry_policy\":{\"backoff\":{\"type\":\"fixed\",\"delay_ms\":0}},\"retry_count\":0,"
      "\"failure_class\":\"timeout\"}",
      RETRY("0") },
    { "01 ex 29: a multiplier of 0", FF_OP_compute_retry,
      "{\"retry_policy\":{\"backoff\":{\"multiplier\":0}},\"failure_class\":\"transient\"}",
      "invalid_policy_json {\"path\":\"retry_policy.backoff.multiplier\","
      "\"reason\":\"out_of_range\",\"field\":\"retry_policy.backoff.multiplier\"}" },
    { "01 ex 29: a number for a policy", FF_OP_compute_retry, "{\"retry_policy\":5}",
      "invalid_policy_json {\"path\":\"retry_policy\",\"reason\":\"not_object\","
      "\"field\":\"retry_policy\"}" },
    { "01 ex 30: a category that is not listed", FF_OP_compute_retry,
      "{\"retry_policy\":{\"retryable_categories\":[\"timeout\"]},\"failure_class\":"
      "\"transient\",\"failure_category\":\"db\"}",
      TERMINAL("category_not_retryable") },
    { "01 ex 30: permanent", FF_OP_compute_retry,
      "{\"retry_policy\":{},\"failure_class\":\"permanent\"}", TERMINAL("class_not_retryable") },
    { "a category alone names its class", FF_OP_compute_retry,
      "{\"retry_policy\":{},\"failure_category\":\"cancelled\"}", TERMINAL("class_not_retryable") },
    { "01 ex 11: a class that there is not", FF_OP_compute_retry, "{\"failure_class\":\"weird\"}",
      "invalid_input {\"field\":\"failure_class\",\"reason\":\"unknown_value\","
      "\"value\":\"weird\"}" },
    { "01 ex 31, 32: normalize", FF_OP_normalize_policy,
      "{\"policy\":{\"priority\":10000,\"routing_requirements\":null,\"x\":1}}",
      "{\"policy\":{\"priority\":9000,\"max_replay_count\":10,\"budget_ids\":[],"
      "\"dedup_window_ms\":86400000,\"max_signals_per_execution\":10000}}" },
    { "normalize text", FF_OP_normalize_policy, "{\"policy_json\":\"{\\\"priority\\\":-5}\"}",
      "{\"policy\":{\"priority\":0,\"max_replay_count\":10,\"budget_ids\":[],"
      "\"dedup_window_ms\":86400000,\"max_signals_per_execution\":10000}}" },
    { "normalize empty text", FF_OP_normalize_policy, "{\"policy_json\":\"\"}",
      "{\"policy\":{\"priority\":0,\"max_replay_count\":10,\"budget_ids\":[],"
      "\"dedup_window_ms\":86400000,\"max_signals_per_execution\":10000}}" },
    { "01 ex 41: normalize text that is not JSON", FF_OP_normalize_policy,
      "{\"policy_json\":\"{\\\"routing_requirements\\\":{\\\"required_capabilities\\\":"
      "[\\\"gpu\\\",]}}\"}",
      "invalid_policy_json {\"path\":\"\",\"reason\":\"malformed\",\"field\":\"policy_json\"}" },
    { "01 ex 40: normalize bad tokens", FF_OP_normalize_policy,
      "{\"policy\":{\"routing_requirements\":{\"required_capabilities\":[\"gpu\",42]}}}",
      BAD_TOKENS("policy.routing_requirements.required_capabilities",
                 "required:non_string_token") },
    { "normalize nothing", FF_OP_normalize_policy, "{}", INVALID("policy", "exactly_one_of") },
    { "normalize both", FF_OP_normalize_policy, "{\"policy\":{},\"policy_json\":\"\"}",
      INVALID("policy", "exactly_one_of") },
};

static const struct row error_rows[] = {
    { "01 ex 54: lease_conflict", FF_OP_classify_error, "{\"code\":\"lease_conflict\"}",
      CLASS("contention", "retryable", "true") },
    { "01 ex 54: budget_exceeded", FF_OP_classify_error, "{\"code\":\"budget_exceeded\"}",
      CLASS("state", "cooperative", "false") },
    { "01 ex 54: waitpoint_not_found", FF_OP_classify_error, "{\"code\":\"waitpoint_not_found\"}",
      CLASS("not_found", "retryable", "true") },
    { "01 ex 54: permission_denied", FF_OP_classify_error, "{\"code\":\"permission_denied\"}",
      CLASS("authorization", "terminal", "false") },
    { "01 ex 54: duplicate_signal", FF_OP_classify_error, "{\"code\":\"duplicate_signal\"}",
      CLASS("state", "informational", "false") },
    { "01 ex 54: stream_not_found", FF_OP_classify_error, "{\"code\":\"stream_not_found\"}",
      CLASS("not_found", "expected", "false") },
    { "01 ex 54: active_attempt_exists", FF_OP_classify_error,
      "{\"code\":\"active_attempt_exists\"}", CLASS("bug", "bug", "false") },
    { "01 ex 54: invalid_frame_type", FF_OP_classify_error, "{\"code\":\"invalid_frame_type\"}",
      CLASS("validation", "soft_error", "false") },
    { "01 ex 54: execution_not_active", FF_OP_classify_error, "{\"code\":\"execution_not_active\"}",
      CLASS("contention", "terminal", "false") },
    { "01 ex 54: transport with busy_loading", FF_OP_classify_error,
      "{\"code\":\"transport\",\"detail\":{\"transport_kind\":\"busy_loading\"}}",
      CLASS("transport", "retryable", "true") },
    { "01 ex 54: transport with auth", FF_OP_classify_error,
      "{\"code\":\"transport\",\"detail\":{\"backend\":\"x\",\"transport_kind\":\"auth\"}}",
      CLASS("transport", "terminal", "false") },
    { "transport_kind decides about transport only", FF_OP_classify_error,
      "{\"code\":\"lease_conflict\",\"detail\":{\"transport_kind\":\"auth\"}}",
      CLASS("contention", "retryable", "true") },
    { "an unknown code", FF_OP_classify_error, "{\"code\":\"no_such_code\"}",
      CLASS("bug", "terminal", "false") },
    { "an empty code", FF_OP_classify_error, "{\"code\":\"\",\"detail\":{}}",
      CLASS("bug", "terminal", "false") },
    { "a detail that is no map", FF_OP_classify_error, "{\"code\":\"transport\",\"detail\":7}",
      INVALID("detail", "wrong_type") },
    { "01 ex 49: a handle of one byte", FF_OP_decode_handle,
      "{\"handle\":{\"backend\":\"memory\",\"kind\":\"fresh\",\"opaque\":\"Ag==\"}}",
      "corruption {\"reason\":\"truncated\",\"needed\":1,\"at\":1,\"have\":1}" },
    { "01 ex 49: a handle that begins with AB", FF_OP_decode_handle,
      "{\"handle\":{\"backend\":\"memory\",\"kind\":\"fresh\",\"opaque\":\"qw==\"}}",
      "corruption {\"reason\":\"bad_leading_byte\",\"got\":171}" },
    { "a handle of no kind", FF_OP_decode_handle,
      "{\"handle\":{\"backend\":\"memory\",\"kind\":\"old\",\"opaque\":\"\"}}",
      "invalid_input {\"field\":\"handle.kind\",\"reason\":\"unknown_value\",\"value\":\"old\"}" },
};

static void
test_row(void **state)
{
    const struct row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_fault fault = { 0 };

    ff_packer_init(&packer);
    assert_int_equal(
        ff_json_to_msgpack(ff_ops[row->op].args, ff_cstr(row->args), &packer.pk, &fault), FF_E_OK);
    assert_string_equal(answer(rig, row->op, ff_packer_str(&packer)), row->want);
    ff_rig_free(rig);
}

/* ---- what cannot be a row ---- */

static void
test_decode_handle_gives_the_fields_back(void **state)
{
    struct ff_rig *rig = *state;
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_fault fault;
    struct ff_handle_payload payload = {
        .tag = FF_HANDLE_FOREIGN_POSTGRES, /* another engine's reads as well */
        .attempt_index = 3,
        .lease_epoch = 7,
        .lease_ttl_ms = 30000,
        .lane_id = ff_cstr("default"),
        .worker_instance_id = ff_cstr("worker-1"),
    };
    struct ff_decode_handle_args args = { .unused_ = 0 };

    assert_int_equal(ff_eid_parse(ff_cstr("{fp:42}:" F1), "f", &payload.execution_id, &fault),
                     FF_E_OK);
    assert_int_equal(ff_uuid_parse(ff_cstr(U1), "f", &payload.lease_id, &fault), FF_E_OK);
    args.handle = ff_handle_make(FF_HANDLE_SUSPENDED, &payload, &rig->arena);
    ff_packer_init(&packer);
    ff_encode(ff_ops[FF_OP_decode_handle].args, &args, &packer.pk);
    assert_string_equal(answer(rig, FF_OP_decode_handle, ff_packer_str(&packer)),
                        "{\"backend\":\"postgres\",\"kind\":\"suspended\",\"execution_id\":"
                        "\"{fp:42}:" F1 "\",\"attempt_index\":3,\"attempt_id\":\"" NIL
                        "\",\"lease_id\":\"" U1 "\",\"lease_epoch\":7,\"lease_ttl_ms\":30000,"
                        "\"lane_id\":\"default\",\"worker_instance_id\":\"worker-1\"}");
}

static void
test_minted_ids_are_new_and_ordered_by_time(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_mint_execution_id_args args = { .lane_id = ff_cstr("default") };
    struct ff_mint_execution_id_result a;
    struct ff_mint_execution_id_result b;
    char text[FF_UUID_TEXT_MAX];

    rig->now_ms = 1700000000000;
    assert_int_equal(ff_rig_mint_execution_id(rig, &args, &a), FF_E_OK);
    assert_int_equal(ff_rig_mint_execution_id(rig, &args, &b), FF_E_OK);
    assert_int_equal(a.execution_id.partition, 86);
    assert_false(ff_uuid_eq(a.execution_id.uuid, b.execution_id.uuid));
    ff_uuid_text(&a.execution_id.uuid, text);
    assert_memory_equal(text, "018bcfe5-6800-7", 15); /* that time in hex, version 7 */
    assert_int_equal(a.execution_id.uuid.b[8] & 0xc0, 0x80);
}

static void
test_jitter_stays_in_its_range(void **state) /* 01 ex 28 */
{
    struct ff_rig *rig = *state;
    const struct ff_compute_retry_args args = {
        .retry_policy =
            packed("{\"backoff\":{\"jitter\":true,\"initial_delay_ms\":1000}}", &rig->arena),
        .retry_count = 2,
        .failure_category = ff_cstr(""),
    };
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;

    for (int i = 0; i < 50; i++) {
        struct ff_compute_retry_result result;

        assert_int_equal(ff_rig_compute_retry(rig, &args, &result), FF_E_OK);
        assert_int_equal(result.min_delay_ms.v, 2000);
        assert_int_equal(result.max_delay_ms.v, 4000);
        assert_in_range(result.delay_ms.v, 2000, 4000);
        least = result.delay_ms.v < least ? result.delay_ms.v : least;
        most = result.delay_ms.v > most ? result.delay_ms.v : most;
    }
    assert_true(most - least > 500); /* the whole range is used, not one value of it */
}

static void
test_every_pure_helper_is_pure_and_read(void **state)
{
    static const enum ff_op ops[] = {
        FF_OP_mint_execution_id,     FF_OP_parse_execution_id, FF_OP_partition_for,
        FF_OP_parse_partition_key,   FF_OP_validate_lane_id,   FF_OP_validate_tag_key,
        FF_OP_derive_public_state,   FF_OP_check_state_vector, FF_OP_match_capabilities,
        FF_OP_validate_capabilities, FF_OP_compute_retry,      FF_OP_normalize_policy,
        FF_OP_decode_handle,         FF_OP_classify_error,
    };

    (void) state;
    for (size_t i = 0; i < FF_COUNT(ops); i++) {
        assert_int_equal(ff_ops[ops[i]].class, FF_CLASS_OF_READ);
        assert_int_equal(ff_ops[ops[i]].flags, FF_OPF_PURE);
        assert_int_equal(ff_ops[ops[i]].place, FF_OP_IN_ENGINE);
    }
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(id_rows, test_row),
                                             FF_ROWS(state_rows, test_row),
                                             FF_ROWS(policy_rows, test_row),
                                             FF_ROWS(error_rows, test_row) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test_setup_teardown(test_decode_handle_gives_the_fields_back, ff_rig_setup,
                                        ff_rig_teardown),
        cmocka_unit_test_setup_teardown(test_minted_ids_are_new_and_ordered_by_time, ff_rig_setup,
                                        ff_rig_teardown),
        cmocka_unit_test_setup_teardown(test_jitter_stays_in_its_range, ff_rig_setup,
                                        ff_rig_teardown),
        cmocka_unit_test(test_every_pure_helper_is_pure_and_read),
    };

    return ff_run_rows("pure_ops", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
