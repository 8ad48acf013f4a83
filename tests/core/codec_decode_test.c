#include "tests/core/codec_tree.h"

#include <math.h>

#define EID "\"execution_id\": \"{fp:7}:00000000-0000-4000-8000-000000000001\""
#define UUID "550e8400-e29b-41d4-a716-446655440000"
#define RENEW EID ", \"attempt_index\": 0, \"lease_ttl_ms\": 1"
#define HANDLE "\"handle\": {\"backend\": \"memory\", \"kind\": \"fresh\", \"opaque\": \"AAA=\"}"
#define BUDGET                                                                                     \
    "\"budget_id\": \"" UUID "\", \"scope_type\": \"lane\", \"scope_id\": \"x\", "                 \
    "\"dimensions\": [\"usd\"], \"soft_limits\": [1]"
#define CREATE EID ", \"namespace\": \"n\", \"lane_id\": \"l\", \"execution_kind\": \"k\""

/* What a client may send. reason NULL: it is accepted; without field it is the map itself. */
static const struct row {
    const char *name;
    enum ff_op op;
    const char *json; /* guided where it begins with "!" */
    const char *field;
    const char *reason;
} rows[] = {
    { "all that is required", FF_OP_renew_lease, "{" RENEW "}", NULL, NULL },
    { "other order", FF_OP_renew_lease, "{\"lease_ttl_ms\": 1, \"attempt_index\": 2, " EID "}",
      NULL, NULL },
    { "unknown name", FF_OP_renew_lease, "{" RENEW ", \"nope\": 1}", "nope", "unknown_field" },
    { "unknown name goes before missing", FF_OP_renew_lease, "{\"nope\": 1}", "nope",
      "unknown_field" },
    { "unknown name in a shape", FF_OP_renew_lease, "{" RENEW ", \"fence\": {\"a\": 1}}", "fence.a",
      "unknown_field" },
    { "missing", FF_OP_renew_lease, "{}", "execution_id", "missing" },
    { "missing, the first in table order", FF_OP_renew_lease, "{" EID "}", "attempt_index",
      "missing" },
    { "missing in a shape", FF_OP_complete, "{\"handle\": {\"backend\": \"m\"}}", "handle.kind",
      "missing" },
    { "01 §1.2 a wrong type before a missing one", FF_OP_renew_lease, "{\"execution_id\": 5}",
      "execution_id", "wrong_type" },
    { "01 §1.2 missing goes before a format that stands first", FF_OP_renew_lease,
      "{\"execution_id\": \"x\", \"attempt_index\": 0}", "lease_ttl_ms", "missing" },
    { "01 §1.2 a type goes before a format that stands first", FF_OP_renew_lease,
      "{\"execution_id\": \"x\", \"attempt_index\": \"0\", \"lease_ttl_ms\": 0}", "attempt_index",
      "wrong_type" },
    { "01 §1.2 a type in a shape goes before a format that stands first", FF_OP_renew_lease,
      "{\"execution_id\": \"x\", \"attempt_index\": 0, \"lease_ttl_ms\": 0, "
      "\"fence\": {\"lease_epoch\": true}}",
      "fence.lease_epoch", "wrong_type" },
    { "01 §1.2 a type in a list goes before a format that stands first", FF_OP_create_budget,
      "{" BUDGET ", \"enforcement_mode\": 5, \"hard_limits\": [0, -1, \"x\"]}", "enforcement_mode",
      "wrong_type" },
    { "01 §1.2 formats in table order", FF_OP_renew_lease,
      "{\"execution_id\": \"x\", \"attempt_index\": -1, \"lease_ttl_ms\": 0}", "execution_id",
      "missing_tag" },
    { "01 §1.1 null is absent", FF_OP_renew_lease,
      "{" RENEW ", \"fence\": null, \"lease_history_grace_ms\": null}", NULL, NULL },
    { "01 §1.1 null is absent in a shape", FF_OP_renew_lease,
      "{" RENEW ", \"fence\": {\"lease_id\": null}}", NULL, NULL },
    { "null for a required argument", FF_OP_renew_lease,
      "{" EID ", \"attempt_index\": null, \"lease_ttl_ms\": 1}", "attempt_index", "wrong_type" },
    { "01 §8.5 an empty text in a fence is absent", FF_OP_renew_lease,
      "{" RENEW ", \"fence\": {\"lease_id\": \"" UUID "\", \"lease_epoch\": \"\", "
      "\"attempt_id\": \"\"}}",
      NULL, NULL },
    { "bad uuid in a shape", FF_OP_renew_lease, "{" RENEW ", \"fence\": {\"lease_id\": \"x\"}}",
      "fence.lease_id", "invalid_uuid" },
    { "a float for an integer", FF_OP_renew_lease,
      "{" EID ", \"attempt_index\": 1.0, \"lease_ttl_ms\": 1}", "attempt_index", "wrong_type" },
    { "a text for an integer", FF_OP_renew_lease,
      "{" EID ", \"attempt_index\": \"1\", \"lease_ttl_ms\": 1}", "attempt_index", "wrong_type" },
    { "u32 is not negative", FF_OP_renew_lease,
      "{" EID ", \"attempt_index\": -1, \"lease_ttl_ms\": 1}", "attempt_index", "out_of_range" },
    { "u32 at its highest", FF_OP_renew_lease,
      "{" EID ", \"attempt_index\": 4294967295, \"lease_ttl_ms\": 1}", NULL, NULL },
    { "u32 above it", FF_OP_renew_lease,
      "{" EID ", \"attempt_index\": 4294967296, \"lease_ttl_ms\": 1}", "attempt_index",
      "out_of_range" },
    { "01 §1.5 a duration at its longest", FF_OP_resume_execution,
      "{" EID ", \"resume_delay_ms\": 9007199254740991}", NULL, NULL },
    { "01 §1.5 a duration beyond it", FF_OP_resume_execution,
      "{" EID ", \"resume_delay_ms\": 9007199254740992}", "resume_delay_ms", "out_of_range" },
    { "a negative duration", FF_OP_resume_execution, "{" EID ", \"resume_delay_ms\": -1}",
      "resume_delay_ms", "out_of_range" },
    { "0 where at least 1 is asked for", FF_OP_renew_lease,
      "{" EID ", \"attempt_index\": 0, \"lease_ttl_ms\": 0}", "lease_ttl_ms", "out_of_range" },
    { "i32 at its lowest", FF_OP_create_execution, "{" CREATE ", \"priority\": -2147483648}", NULL,
      NULL },
    { "i32 below it", FF_OP_create_execution, "{" CREATE ", \"priority\": -2147483649}", "priority",
      "out_of_range" },
    { "i32 above its highest", FF_OP_create_execution, "{" CREATE ", \"priority\": 2147483648}",
      "priority", "out_of_range" },
    { "u16 above its highest", FF_OP_create_execution, "{" CREATE ", \"partition_id\": 65536}",
      "partition_id", "out_of_range" },
    { "a maximum of the table", FF_OP_progress, "!{" HANDLE ", \"percent\": 100}", NULL, NULL },
    { "above a maximum of the table", FF_OP_progress, "!{" HANDLE ", \"percent\": 101}", "percent",
      "out_of_range" },
    { "a text for bytes", FF_OP_progress,
      "{\"handle\": {\"backend\": \"m\", \"kind\": \"fresh\", \"opaque\": \"AAA=\"}}",
      "handle.opaque", "wrong_type" },
    { "a list for a shape", FF_OP_progress, "{\"handle\": []}", "handle", "wrong_type" },
    { "01 ex 7 a bad lane", FF_OP_set_lane_state, "{\"lane_id\": \"\", \"state\": \"active\"}",
      "lane_id", "empty" },
    { "01 ex 8 a bad worker id", FF_OP_create_execution,
      "{" EID ", \"namespace\": \"a b\", \"lane_id\": \"l\", \"execution_kind\": \"k\"}",
      "namespace", "whitespace_or_control" },
    { "a word of the vocabulary", FF_OP_set_lane_state,
      "{\"lane_id\": \"l\", \"state\": \"draining\"}", NULL, NULL },
    { "01 ex 11 a word that it lacks", FF_OP_set_lane_state,
      "{\"lane_id\": \"l\", \"state\": \"weird\"}", "state", "unknown_value" },
    { "the beginning of a word", FF_OP_set_lane_state, "{\"lane_id\": \"l\", \"state\": \"act\"}",
      "state", "unknown_value" },
    { "no word at all", FF_OP_set_lane_state, "{\"lane_id\": \"l\", \"state\": \"\"}", "state",
      "unknown_value" },
    { "lists", FF_OP_create_budget, "{" BUDGET ", \"hard_limits\": [0, 18446744073709551]}", NULL,
      NULL },
    { "a bad element", FF_OP_create_budget, "{" BUDGET ", \"hard_limits\": [0, -1]}",
      "hard_limits[1]", "out_of_range" },
    { "an element of the wrong type", FF_OP_create_budget, "{" BUDGET ", \"hard_limits\": [null]}",
      "hard_limits[0]", "wrong_type" },
    { "a map for a list", FF_OP_create_budget, "{" BUDGET ", \"hard_limits\": {}}", "hard_limits",
      "wrong_type" },
    { "counts", FF_OP_record_spend,
      "{" EID ", \"budget_id\": \"" UUID "\", \"deltas\": {\"usd\": 5}, \"idempotency_key\": \"\"}",
      NULL, NULL },
    { "a bad count", FF_OP_record_spend,
      "{" EID ", \"budget_id\": \"" UUID "\", \"deltas\": {\"a\": 1, \"usd\": -5}, "
      "\"idempotency_key\": \"\"}",
      "deltas.usd", "out_of_range" },
    { "tags", FF_OP_set_execution_tags, "{" EID ", \"tags\": {\"a.b\": \"c\", \"d\": \"\"}}", NULL,
      NULL },
    { "a tag that is no text", FF_OP_set_execution_tags, "{" EID ", \"tags\": {\"a.b\": 1}}",
      "tags.a.b", "wrong_type" },
    { "a tag without value", FF_OP_set_execution_tags, "{" EID ", \"tags\": {\"a.b\": null}}",
      "tags.a.b", "wrong_type" },
    { "00 §3 an execution of another partition's text", FF_OP_describe_execution,
      "{" EID ", \"partition\": \"{fp:7}\", \"lane_id\": \"gpu\", \"now_ms\": -5, \"now\": 9}",
      NULL, NULL },
    { "01 ex 14 a bad partition key", FF_OP_describe_execution,
      "{" EID ", \"partition\": \"fp:0\"}", "partition", "missing_braces" },
    { "a partition of another family", FF_OP_describe_execution,
      "{" EID ", \"partition\": \"{b:0}\"}", "partition", "unknown_family_prefix" },
    { "a partition by number", FF_OP_describe_execution, "{" EID ", \"partition\": 65536}",
      "partition", "out_of_range" },
    { "a partition of the wrong type", FF_OP_describe_execution,
      "{\"execution_id\": \"x\", \"partition\": []}", "partition", "wrong_type" },
    { "a bad lane that is only a hint", FF_OP_describe_execution, "{" EID ", \"lane_id\": \"\\n\"}",
      "lane_id", "non_printable" },
    { "a time that is no integer", FF_OP_ping, "{\"now\": \"today\"}", "now", "wrong_type" },
    { "01 §1.1 now everywhere", FF_OP_ping, "{\"now\": 5, \"now_ms\": null}", NULL, NULL },
    { "01 §1.1 partition only with an execution", FF_OP_ping, "{\"partition\": \"{fp:0}\"}",
      "partition", "unknown_field" },
    { "01 §1.1 lane_id only with an execution", FF_OP_ping, "{\"lane_id\": \"l\"}", "lane_id",
      "unknown_field" },
    { "a handle names an execution", FF_OP_progress,
      "!{" HANDLE ", \"lane_id\": \"l\", \"partition\": 1}", NULL, NULL },
    { "an own argument called partition", FF_OP_list_executions, "{\"partition\": 5, \"limit\": 1}",
      "partition", "wrong_type" },
    { "anything", FF_OP_create_execution, "{" CREATE ", \"policy\": {\"a\": [1, {\"b\": null}]}}",
      NULL, NULL },
};

static void
test_row(void **state)
{
    const struct row *row = *state;
    const struct ff_op_info *op = &ff_ops[row->op];
    bool guided = row->json[0] == '!';
    struct ff_tree tree;
    struct ff_common_args common;
    struct ff_fault fault = { 0 };
    ff_err err = FF_E_OK;

    ff_tree_json(&tree, guided ? op->args : NULL, row->json + guided);
    err = ff_decode_args(op, &tree.root, &tree.arena, ff_arena_alloc(&tree.arena, op->args->size),
                         &common, &fault);
    if (row->reason == NULL) {
        assert_int_equal(err, FF_E_OK);
    } else {
        assert_int_equal(err, FF_E_INVALID_INPUT);
        assert_detail_str(&fault, "field", row->field);
        assert_detail_str(&fault, "reason", row->reason);
    }
    ff_tree_done(&tree);
}

/* What JSON cannot say, as arguments of record_spend, set_execution_tags or create_execution. */
static const struct raw_row {
    const char *name;
    enum ff_op op;
    const char *hex;
    const char *field;
    const char *reason;
} raw_rows[] = {
    { "a name twice", FF_OP_ping, "82 a3'now' 01 a3'now' 02", "now", "duplicate_key" },
    { "an argument twice", FF_OP_get_execution_namespace,
      "82 ac'execution_id' c0 ac'execution_id' c0", "execution_id", "duplicate_key" },
    { "a name that is no text", FF_OP_ping, "81 01 02", "", "wrong_type" },
    { "a name of bytes", FF_OP_ping, "81 c4 03'now' 02", "", "wrong_type" },
    { "no map", FF_OP_ping, "90", "", "wrong_type" },
    { "a tag twice", FF_OP_set_execution_tags,
      "82 ac'execution_id' a1'x' a4'tags' 82 a1'a' a0 a1'a' a0", "tags.a", "duplicate_key" },
    { "a tag key that is no text", FF_OP_set_execution_tags,
      "82 ac'execution_id' a1'x' a4'tags' 81 c0 a0", "tags", "wrong_type" },
    { "a key twice in anything", FF_OP_match_capabilities,
      "82 a8'required' 81 a1'a' 82 a1'b' 01 a1'b' 02 a7'offered' 90", "required.a.b",
      "duplicate_key" },
    { "a key that is no text in anything", FF_OP_match_capabilities,
      "82 a8'required' 91 81 c3 01 a7'offered' 90", "required[0]", "wrong_type" },
    { "bytes for a text", FF_OP_get_execution_namespace, "81 ac'execution_id' c4 01'x'",
      "execution_id", "wrong_type" },
    { "nine keys, the last one again", FF_OP_match_capabilities,
      "82 a8'required' 89 a1'a'01 a1'b'01 a1'c'01 a1'd'01 a1'e'01 a1'f'01 a1'g'01 a1'h'01 a1'a'01 "
      "a7'offered' 90",
      "required.a", "duplicate_key" },
    { "a name cut between characters", FF_OP_ping, "81 a7'aaaa' e6 9d b1 01", "aaaa\xe6\x9d\xb1",
      "unknown_field" },
};

static void
test_raw(void **state)
{
    const struct raw_row *row = *state;
    const struct ff_op_info *op = &ff_ops[row->op];
    struct ff_tree tree;
    struct ff_common_args common;
    struct ff_fault fault = { 0 };

    ff_tree_hex(&tree, row->hex);
    assert_int_equal(ff_decode_args(op, &tree.root, &tree.arena,
                                    ff_arena_alloc(&tree.arena, op->args->size), &common, &fault),
                     FF_E_INVALID_INPUT);
    assert_detail_str(&fault, "field", row->field);
    assert_detail_str(&fault, "reason", row->reason);
    ff_tree_done(&tree);
}

/* 01 §5.1: a policy has a code, a path and reasons of its own, and ignores what it does not know.
 */
static const struct policy_row {
    const char *name;
    const char *json;
    const char *path; /* NULL: it is accepted */
    const char *reason;
} policy_rows[] = {
    { "no map", "5", "", "not_object" },
    { "unknown members", "{\"x\": 1, \"stream_policy\": {\"y\": []}}", NULL, NULL },
    { "01 ex 29 no map inside", "{\"retry_policy\": 5}", "retry_policy", "not_object" },
    { "01 ex 29 a word inside", "{\"retry_policy\": {\"backoff\": {\"type\": \"linear\"}}}",
      "retry_policy.backoff.type", "unknown_value" },
    { "no list", "{\"budget_ids\": {}}", "budget_ids", "not_array" },
    { "a type inside goes before too many",
      "{\"fallback_policy\": {\"tiers\": "
      "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
      "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}}",
      "fallback_policy.tiers[0]", "not_object" },
    { "a negative number", "{\"max_replay_count\": -1}", "max_replay_count", "out_of_range" },
    { "a text for a number", "{\"max_replay_count\": \"1\"}", "max_replay_count", "wrong_type" },
    { "no uuid", "{\"budget_ids\": [\"x\"]}", "budget_ids[0]", "wrong_type" },
    { "a member is missing", "{\"fallback_policy\": {\"tiers\": [{\"provider\": \"p\"}]}}",
      "fallback_policy.tiers[0].model", "wrong_type" },
    { "null inside", "{\"retry_policy\": {\"backoff\": null}}", NULL, NULL },
    { "a type goes before a value that stands first",
      "{\"priority\": 99999999999, \"budget_ids\": [5]}", "budget_ids[0]", "wrong_type" },
};

static void
test_policy(void **state)
{
    const struct policy_row *row = *state;
    struct ff_tree tree;
    struct ff_policy policy;
    struct ff_fault fault = { 0 };
    ff_err err = FF_E_OK;

    ff_tree_json(&tree, NULL, row->json);
    err = ff_decode(&ff_desc_policy, &tree.root, &tree.arena, NULL, FF_E_INVALID_POLICY_JSON,
                    &policy, &fault);
    if (row->path == NULL) {
        assert_int_equal(err, FF_E_OK);
    } else {
        assert_int_equal(err, FF_E_INVALID_POLICY_JSON);
        assert_detail_str(&fault, "path", row->path);
        assert_detail_str(&fault, "reason", row->reason);
    }
    ff_tree_done(&tree);
}

/* ---- what comes out ---- */

static void
test_defaults_and_optionals(void **state)
{
    struct ff_tree tree;
    struct ff_common_args common;
    struct ff_fault fault = { 0 };
    struct ff_renew_lease_args args;

    (void) state;
    ff_tree_json(&tree, NULL, "{" RENEW "}");
    assert_int_equal(
        ff_decode_args(&ff_ops[FF_OP_renew_lease], &tree.root, &tree.arena, &args, &common, &fault),
        FF_E_OK);
    assert_int_equal(args.execution_id.partition, 7);
    assert_int_equal(args.execution_id.uuid.b[15], 1);
    assert_null(args.fence);
    assert_int_equal(args.lease_history_grace_ms, 60000);
    assert_false(common.now_ms.is);
    assert_false(common.partition.is);
    assert_null(common.lane_id.p);
    ff_tree_done(&tree);
}

static void
test_a_partial_fence_is_left_to_the_operation(void **state)
{
    struct ff_tree tree;
    struct ff_common_args common;
    struct ff_fault fault = { 0 };
    struct ff_renew_lease_args args;

    (void) state;
    ff_tree_json(&tree, NULL, "{" RENEW ", \"fence\": {\"lease_epoch\": 9, \"attempt_id\": \"\"}}");
    assert_int_equal(
        ff_decode_args(&ff_ops[FF_OP_renew_lease], &tree.root, &tree.arena, &args, &common, &fault),
        FF_E_OK);
    assert_non_null(args.fence);
    assert_true(args.fence->lease_epoch.is);
    assert_int_equal(args.fence->lease_epoch.v, 9);
    assert_false(args.fence->lease_id.is);
    assert_false(args.fence->attempt_id.is);
    ff_tree_done(&tree);
}

static void
test_common_arguments(void **state)
{
    struct ff_tree tree;
    struct ff_common_args common;
    struct ff_fault fault = { 0 };
    struct ff_describe_execution_args args;

    (void) state;
    ff_tree_json(&tree, NULL,
                 "{" EID ", \"now\": 1, \"now_ms\": 2, \"partition\": \"{fp:300}\", "
                 "\"lane_id\": \"gpu\"}");
    assert_int_equal(ff_decode_args(&ff_ops[FF_OP_describe_execution], &tree.root, &tree.arena,
                                    &args, &common, &fault),
                     FF_E_OK);
    assert_true(common.now_ms.is && common.partition.is);
    assert_int_equal(common.now_ms.v, 2);
    assert_int_equal(common.partition.v, 300);
    assert_true(ff_str_is(common.lane_id, "gpu"));
    ff_tree_done(&tree);
}

static void
test_empty_is_not_absent(void **state)
{
    struct ff_tree tree;
    struct ff_common_args common;
    struct ff_fault fault = { 0 };
    struct ff_complete_args args;

    (void) state;
    ff_tree_json(&tree, ff_ops[FF_OP_complete].args, "{" HANDLE ", \"payload\": \"\"}");
    assert_int_equal(
        ff_decode_args(&ff_ops[FF_OP_complete], &tree.root, &tree.arena, &args, &common, &fault),
        FF_E_OK);
    assert_non_null(args.payload.p);
    assert_int_equal(args.payload.n, 0);
    ff_tree_done(&tree);
}

/* ---- limits with their numbers ---- */

/* One text argument of `len` bytes, or a map of so many tags, for set_execution_tags. */
static ff_err
tag_value(uint32_t n, uint32_t len, struct ff_fault *fault, struct ff_arena *arena)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_set_execution_tags_args args;
    struct ff_common_args common;
    struct ff_tree tree = { 0 };
    char *value = ff_arena_zalloc(arena, len + 1);
    ff_err err = FF_E_OK;

    memset(value, 'v', len);
    ff_packer_init(&packer);
    msgpack_pack_map(&packer.pk, 2);
    ff_pack_cstr(&packer.pk, "execution_id");
    ff_pack_cstr(&packer.pk, "{fp:7}:00000000-0000-4000-8000-000000000001");
    ff_pack_cstr(&packer.pk, "tags");
    msgpack_pack_map(&packer.pk, n);
    for (uint32_t i = 0; i < n; i++) {
        ff_pack_str(&packer.pk, ff_arena_printf(arena, "k%u", i));
        ff_pack_str(&packer.pk, ff_str(value, len));
    }
    ff_tree_parse(&tree, ff_packer_str(&packer));
    err =
        ff_decode_args(&ff_ops[FF_OP_set_execution_tags], &tree.root, arena, &args, &common, fault);
    ff_tree_done(&tree);
    return err;
}

static void
test_limits_of_tags(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };

    (void) state;
    assert_int_equal(tag_value(64, 10, &fault, &arena), FF_E_OK);
    assert_int_equal(tag_value(65, 10, &fault, &arena), FF_E_INVALID_INPUT);
    assert_detail_str(&fault, "field", "tags");
    assert_detail_str(&fault, "reason", "too_many");
    assert_detail_u64(&fault, "count", 65);
    assert_detail_u64(&fault, "max", 64);
    assert_int_equal(tag_value(1, 65536, &fault, &arena), FF_E_OK);
    assert_int_equal(tag_value(1, 65537, &fault, &arena), FF_E_INVALID_INPUT);
    assert_detail_str(&fault, "field", "tags.k0");
    assert_detail_str(&fault, "reason", "too_long");
    assert_detail_u64(&fault, "len", 65537);
    assert_detail_u64(&fault, "max", 65536);
    assert_int_equal(tag_value(2, 65534, &fault, &arena), FF_E_OK);
    assert_int_equal(tag_value(2, 65535, &fault, &arena), FF_E_INVALID_INPUT);
    assert_detail_str(&fault, "field", "tags");
    assert_detail_u64(&fault, "len", 131074);
    assert_detail_u64(&fault, "max", 131072);
}

static void
test_not_finite(void **state)
{
    static const char *const hex[] = { "81 aa'multiplier' cb 7ff8000000000000",
                                       "81 aa'multiplier' cb fff0000000000000",
                                       "81 aa'multiplier' ca 7f800000" };

    (void) state;
    for (size_t i = 0; i < FF_COUNT(hex); i++) {
        struct ff_tree tree;
        struct ff_backoff backoff;
        struct ff_fault fault = { 0 };

        ff_tree_hex(&tree, hex[i]);
        assert_int_equal(ff_decode(&ff_desc_backoff, &tree.root, &tree.arena, "backoff",
                                   FF_E_INVALID_INPUT, &backoff, &fault),
                         FF_E_INVALID_INPUT);
        assert_detail_str(&fault, "field", "backoff.multiplier");
        assert_detail_str(&fault, "reason", "not_finite");
        ff_tree_done(&tree);
    }
}

static void
test_a_real_takes_integers(void **state)
{
    struct ff_tree tree;
    struct ff_backoff backoff;
    struct ff_fault fault = { 0 };

    (void) state;
    ff_tree_json(&tree, NULL, "{\"multiplier\": -3}");
    assert_int_equal(ff_decode(&ff_desc_backoff, &tree.root, &tree.arena, NULL, FF_E_INVALID_INPUT,
                               &backoff, &fault),
                     FF_E_OK);
    assert_true(backoff.multiplier.is && backoff.multiplier.v == -3.0);
    ff_tree_done(&tree);
}

static void
test_results_may_grow(void **state)
{
    struct ff_tree tree;
    struct ff_renew_lease_result result;
    struct ff_fault fault = { 0 };

    (void) state;
    ff_tree_json(&tree, NULL,
                 "{\"outcome\": \"renewed\", \"lease_expires_at\": 5, \"lease_epoch\": 1, "
                 "\"new_member\": {\"x\": 1}}");
    assert_int_equal(ff_decode_result(ff_ops[FF_OP_renew_lease].result, &tree.root, &tree.arena,
                                      &result, &fault),
                     FF_E_OK);
    assert_string_equal(result.outcome, "renewed");
    assert_int_equal(result.lease_expires_at, 5);
    ff_tree_done(&tree);
}

static void
test_a_long_unknown_name_is_cut(void **state)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_tree tree = { 0 };
    struct ff_ping_args args;
    struct ff_common_args common;
    struct ff_fault fault = { 0 };
    char name[2000];

    (void) state;
    memset(name, 'n', sizeof(name));
    memcpy(name + 510, "\xe6\x9d\xb1", 3); /* one character over the place of the cut */
    ff_packer_init(&packer);
    msgpack_pack_map(&packer.pk, 1);
    ff_pack_str(&packer.pk, ff_str(name, sizeof(name)));
    msgpack_pack_int(&packer.pk, 1);
    ff_tree_parse(&tree, ff_packer_str(&packer));
    assert_int_equal(
        ff_decode_args(&ff_ops[FF_OP_ping], &tree.root, &tree.arena, &args, &common, &fault),
        FF_E_INVALID_INPUT);
    assert_int_equal(fault_detail(&fault, "field")->v.str.n, 510);
    ff_tree_done(&tree);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_row), FF_ROWS(raw_rows, test_raw),
                                             FF_ROWS(policy_rows, test_policy) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_defaults_and_optionals),
        cmocka_unit_test(test_a_partial_fence_is_left_to_the_operation),
        cmocka_unit_test(test_common_arguments),
        cmocka_unit_test(test_empty_is_not_absent),
        cmocka_unit_test(test_limits_of_tags),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_a_real_takes_integers),
        cmocka_unit_test(test_results_may_grow),
        cmocka_unit_test(test_a_long_unknown_name_is_cut),
    };

    return ff_run_rows("codec_decode", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
