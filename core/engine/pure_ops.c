/* The pure helpers (01 §1.4, §9.4): rules of core/, callable as operations. */
#include "core/caps.h"
#include "core/codec.h"
#include "core/engine/txn.h"
#include "core/handle.h"
#include "core/id.h"
#include "core/partition.h"
#include "core/policy.h"
#include "core/retry.h"
#include "core/state.h"
#include "core/tag.h"

static struct ff_str
partition_key(struct ff_txn *txn, struct ff_partition partition)
{
    char text[FF_PARTITION_KEY_MAX];
    size_t n = ff_partition_key_text(partition, text);

    return ff_arena_copy(txn->arena, ff_str(text, n));
}

/* The partition that the caller names beside an execution must be the one in its id (01 §2.2). */
static ff_err
agree(struct ff_txn *txn, const struct ff_eid *id)
{
    const struct ff_opt_u32 *partition = &txn->common->partition;

    if (!partition->is || partition->v == id->partition) {
        return FF_E_OK;
    }
    return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "partition"),
                   ff_d_text("reason", "partition_mismatch"), ff_d_u64("arg_index", partition->v),
                   ff_d_u64("id_index", id->partition));
}

/* ---- ids and partitions ---- */

static struct ff_uuid
time_ordered_uuid(struct ff_txn *txn)
{
    uint64_t high = ff_txn_random(txn, UINT64_MAX);
    uint64_t low = ff_txn_random(txn, UINT16_MAX + 1);
    uint8_t random[10];

    memcpy(random, &high, 8);
    memcpy(random + 8, &low, 2);
    return ff_uuid_v7(txn->now_ms, random);
}

ff_err
ff_op_mint_execution_id(struct ff_txn *txn, const struct ff_mint_execution_id_args *args,
                        struct ff_mint_execution_id_result *result)
{
    uint32_t count = txn->facts->counts.flow;

    if (args->flow_id.is == (args->lane_id.p != NULL)) {
        return ff_fail_input(&txn->fault, "flow_id", "exactly_one_of");
    }
    if (args->num_flow_partitions.is) {
        count = args->num_flow_partitions.v;
    }
    if (count == 0) {
        return ff_fail_input(&txn->fault, "num_flow_partitions", "out_of_range");
    }
    result->partition_index = args->flow_id.is ? ff_partition_of_flow(&args->flow_id.v, count)
                                               : ff_partition_of_lane(args->lane_id, count);
    result->execution_id.partition = result->partition_index;
    result->execution_id.uuid = args->uuid.is ? args->uuid.v : time_ordered_uuid(txn);
    return FF_E_OK;
}

ff_err
ff_op_parse_execution_id(struct ff_txn *txn, const struct ff_parse_execution_id_args *args,
                         struct ff_parse_execution_id_result *result)
{
    const struct ff_eid *id = &args->execution_id;

    FF_TRY(agree(txn, id));
    result->execution_id = *id;
    result->partition_index = id->partition;
    result->uuid = id->uuid;
    result->partition_key =
        partition_key(txn, (struct ff_partition){ FF_PARTITION_EXECUTION, id->partition });
    return FF_E_OK;
}

/* Of the one entity that is given. */
static struct ff_partition
partition_of(const struct ff_partition_counts *counts, const struct ff_partition_for_args *args)
{
    struct ff_partition partition = { FF_PARTITION_EXECUTION, args->execution_id.v.partition };

    if (args->flow_id.is) {
        partition.family = FF_PARTITION_FLOW;
        partition.index = ff_partition_of_flow(&args->flow_id.v, counts->flow);
    } else if (args->lane_id.p != NULL) {
        partition.index = ff_partition_of_lane(args->lane_id, counts->flow);
    } else if (args->budget_id.is) {
        partition.family = FF_PARTITION_BUDGET;
        partition.index = ff_partition_of_budget(&args->budget_id.v, counts->budget);
    } else if (args->quota_policy_id.is) {
        partition.family = FF_PARTITION_QUOTA;
        partition.index = ff_partition_of_quota(&args->quota_policy_id.v, counts->quota);
    }
    return partition;
}

ff_err
ff_op_partition_for(struct ff_txn *txn, const struct ff_partition_for_args *args,
                    struct ff_partition_for_result *result)
{
    int given = args->flow_id.is + args->execution_id.is + (args->lane_id.p != NULL) +
                args->budget_id.is + args->quota_policy_id.is;
    struct ff_partition partition = partition_of(&txn->facts->counts, args);

    if (given != 1) {
        return ff_fail_input(&txn->fault, "flow_id", "exactly_one_of");
    }
    if (args->execution_id.is) {
        FF_TRY(agree(txn, &args->execution_id.v));
    }
    result->family = partition.family;
    result->index = partition.index;
    result->partition_key = partition_key(txn, partition);
    return FF_E_OK;
}

ff_err
ff_op_parse_partition_key(struct ff_txn *txn, const struct ff_parse_partition_key_args *args,
                          struct ff_parse_partition_key_result *result)
{
    struct ff_partition partition = { 0 };

    FF_TRY(ff_partition_key_parse(args->partition_key, "partition_key", &partition, &txn->fault));
    result->family = partition.family;
    result->index = partition.index;
    return FF_E_OK;
}

ff_err
ff_op_validate_lane_id(struct ff_txn *txn, const struct ff_validate_lane_id_args *args,
                       struct ff_validate_lane_id_result *result)
{
    (void) txn; /* the argument's type has checked it */
    result->lane_id = args->lane_id;
    return FF_E_OK;
}

ff_err
ff_op_validate_tag_key(struct ff_txn *txn, const struct ff_validate_tag_key_args *args,
                       struct ff_validate_tag_key_result *result)
{
    FF_TRY(ff_tag_key_check(args->key, &txn->fault));
    result->key = args->key;
    return FF_E_OK;
}

/* ---- state vector ---- */

/* Of arguments that have the seven members, or the first six, by name. */
#define SIX_OF(args)                                                                               \
    .lifecycle_phase = (args)->lifecycle_phase, .ownership_state = (args)->ownership_state,        \
    .eligibility_state = (args)->eligibility_state, .blocking_reason = (args)->blocking_reason,    \
    .terminal_outcome = (args)->terminal_outcome, .attempt_state = (args)->attempt_state

ff_err
ff_op_derive_public_state(struct ff_txn *txn, const struct ff_derive_public_state_args *args,
                          struct ff_derive_public_state_result *result)
{
    const struct ff_state_vector vector = { SIX_OF(args) };

    (void) txn;
    result->public_state = ff_public_state_of(&vector);
    return FF_E_OK;
}

ff_err
ff_op_check_state_vector(struct ff_txn *txn, const struct ff_check_state_vector_args *args,
                         struct ff_check_state_vector_result *result)
{
    const struct ff_state_vector vector = { SIX_OF(args), .public_state = args->public_state };
    uint32_t bits = ff_vector_violations(&vector);

    result->consistent = (bits & FF_VIOLATION_LABEL) == 0;
    result->legal = bits == 0;
    result->violations = ff_violation_names(bits, txn->arena);
    return FF_E_OK;
}

/* ---- capabilities ---- */

ff_err
ff_op_match_capabilities(struct ff_txn *txn, const struct ff_match_capabilities_args *args,
                         struct ff_match_capabilities_result *result)
{
    const struct ff_caps_from as_required = { FF_SIDE_REQUIRED, "required" };
    const struct ff_caps_from as_offered = { FF_SIDE_WORKER, "offered" };
    struct ff_strs required = { 0 };
    struct ff_strs offered = { 0 };

    FF_TRY(ff_caps_parse(args->required, as_required, txn->arena, &required, &txn->fault));
    FF_TRY(ff_caps_parse(args->offered, as_offered, txn->arena, &offered, &txn->fault));
    result->missing = ff_caps_missing(required, offered, txn->arena);
    result->matches = result->missing.n == 0;
    return FF_E_OK;
}

ff_err
ff_op_validate_capabilities(struct ff_txn *txn, const struct ff_validate_capabilities_args *args,
                            struct ff_validate_capabilities_result *result)
{
    const struct ff_caps_from from = { args->side, "tokens" };
    char digest[FF_CAPS_DIGEST_MAX];

    FF_TRY(ff_caps_parse(args->tokens, from, txn->arena, &result->tokens, &txn->fault));
    result->csv = ff_caps_csv(result->tokens, txn->arena);
    ff_caps_digest(result->csv, digest);
    result->digest = ff_arena_copy(txn->arena, ff_cstr(digest));
    return FF_E_OK;
}

/* ---- policy ---- */

ff_err
ff_op_compute_retry(struct ff_txn *txn, const struct ff_compute_retry_args *args,
                    struct ff_compute_retry_result *result)
{
    const struct ff_retry_policy *policy = NULL;
    struct ff_failure failure = { .class = ff_failure_class_of(args->failure_category),
                                  .category = args->failure_category,
                                  .retry_count = args->retry_count };
    struct ff_retry retry;

    FF_TRY(ff_retry_policy_parse(args->retry_policy, "retry_policy", txn->arena, &policy,
                                 &txn->fault));
    if (args->failure_class.is) {
        failure.class = args->failure_class.v;
    }
    retry = ff_retry_decide(policy, &failure);
    result->reason = ff_retry_reason(retry.verdict);
    result->outcome = retry.verdict == FF_RETRY ? "retry" : "terminal";
    if (retry.verdict == FF_RETRY) {
        uint64_t more_ms = ff_txn_random(txn, retry.max_delay_ms - retry.min_delay_ms + 1);

        result->delay_ms = FF_SOME(ff_opt_u64, retry.min_delay_ms + more_ms);
        result->min_delay_ms = FF_SOME(ff_opt_u64, retry.min_delay_ms);
        result->max_delay_ms = FF_SOME(ff_opt_u64, retry.max_delay_ms);
    }
    return FF_E_OK;
}

ff_err
ff_op_normalize_policy(struct ff_txn *txn, const struct ff_normalize_policy_args *args,
                       struct ff_normalize_policy_result *result)
{
    const struct ff_policy *policy = NULL;

    if ((args->policy.p != NULL) == (args->policy_json.p != NULL)) {
        return ff_fail_input(&txn->fault, "policy", "exactly_one_of");
    }
    if (args->policy.p != NULL) {
        FF_TRY(ff_policy_parse(args->policy, "policy", txn->arena, &policy, &txn->fault));
    } else {
        FF_TRY(ff_policy_parse_json(args->policy_json, "policy_json", txn->arena, &policy,
                                    &txn->fault));
    }
    if (policy == NULL) {
        ff_policy_default(&result->policy);
    } else {
        result->policy = *policy;
    }
    return FF_E_OK;
}

/* ---- handles and errors ---- */

ff_err
ff_op_decode_handle(struct ff_txn *txn, const struct ff_decode_handle_args *args,
                    struct ff_decode_handle_result *result)
{
    struct ff_handle_payload payload = { 0 };

    FF_TRY(ff_handle_kind_of(&args->handle, &result->kind, &txn->fault));
    FF_TRY(ff_handle_decode(args->handle.opaque, &payload, &txn->fault));
    result->backend = ff_handle_label(payload.tag);
    result->execution_id = payload.execution_id;
    result->attempt_index = payload.attempt_index;
    result->attempt_id = payload.attempt_id;
    result->lease_id = payload.lease_id;
    result->lease_epoch = payload.lease_epoch;
    result->lease_ttl_ms = payload.lease_ttl_ms;
    result->lane_id = payload.lane_id;
    result->worker_instance_id = payload.worker_instance_id;
    return FF_E_OK;
}

/* transport_kind in an error's detail; absent: none. It points into `packed`. */
static ff_err
read_transport_kind(struct ff_txn *txn, struct ff_str packed, struct ff_str *kind_out)
{
    msgpack_zone zone;
    msgpack_object detail;
    bool is_map = false;

    if (packed.n == 0) {
        return FF_E_OK;
    }
    FF_ASSERT(msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE));
    is_map = ff_msgpack_parse(packed, &zone, &detail, &txn->fault) == FF_E_OK &&
             detail.type == MSGPACK_OBJECT_MAP;
    for (uint32_t i = 0; is_map && i < detail.via.map.size; i++) {
        const msgpack_object *key = &detail.via.map.ptr[i].key;
        const msgpack_object *value = &detail.via.map.ptr[i].val;

        if (key->type == MSGPACK_OBJECT_STR &&
            ff_str_is(ff_str(key->via.str.ptr, key->via.str.size), "transport_kind") &&
            value->type == MSGPACK_OBJECT_STR) {
            *kind_out = ff_str(value->via.str.ptr, value->via.str.size);
        }
    }
    msgpack_zone_destroy(&zone);
    return is_map ? FF_E_OK : ff_fail_input(&txn->fault, "detail", "wrong_type");
}

ff_err
ff_op_classify_error(struct ff_txn *txn, const struct ff_classify_error_args *args,
                     struct ff_classify_error_result *result)
{
    const struct ff_error_info *info = ff_error_info(ff_err_of_name(args->code));
    enum ff_kind kind = info == NULL ? FF_KIND_BUG : info->kind;
    enum ff_class class = info == NULL ? FF_CLASS_TERMINAL : info->class;
    struct ff_str transport_kind = { 0 };

    FF_TRY(read_transport_kind(txn, args->detail, &transport_kind));
    if (kind == FF_KIND_TRANSPORT && transport_kind.p != NULL) {
        class =
            ff_transport_kind_retryable(transport_kind) ? FF_CLASS_RETRYABLE : FF_CLASS_TERMINAL;
    }
    result->kind = ff_kind_name(kind);
    result->class = ff_class_name(class);
    result->retryable = class == FF_CLASS_RETRYABLE;
    return FF_E_OK;
}
