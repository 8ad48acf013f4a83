/* create_flow, add_execution_to_flow, set_edge_group_policy, stage_dependency_edge,
 * apply_dependency_to_child: building a flow piece by piece (04 §2, §3). */

#include "core/engine/flow_build.h"

#include "core/codec.h"
#include "core/engine/gate.h"
#include "core/id.h"
#include "core/partition.h"

#define LABEL_BYTES_MAX 256
#define QUORUM_MAX 2147483647

ff_err
ff_check_label(struct ff_txn *txn, struct ff_str text, const char *field)
{
    if (text.n == 0) {
        return ff_fail_input(&txn->fault, field, "empty");
    }
    return text.n <= LABEL_BYTES_MAX
               ? FF_E_OK
               : ff_fail_too_long(&txn->fault, field, text.n, LABEL_BYTES_MAX);
}

/* ---- create_flow ---- */

ff_err
ff_op_create_flow(struct ff_txn *txn, const struct ff_create_flow_args *args,
                  struct ff_create_flow_result *result)
{
    struct ff_flow flow = { 0 };
    bool found = false;

    FF_TRY(ff_check_label(txn, args->flow_kind, "flow_kind"));
    FF_TRY(ff_flow_find(txn, &args->flow_id, &flow, &found));
    result->flow_id = args->flow_id;
    result->outcome = found ? "already_satisfied" : "created";
    if (found) {
        return FF_E_OK;
    }
    flow.flow_id = args->flow_id;
    flow.partition = ff_partition_of_flow(&args->flow_id, txn->facts->counts.flow);
    flow.flow_kind = args->flow_kind;
    flow.namespace = args->namespace;
    return ff_flow_put_new(txn, &flow);
}

/* ---- add_execution_to_flow ---- */

static ff_err
fail_other_partition(struct ff_txn *txn, uint32_t flow_index, uint32_t execution_index)
{
    return ff_fail(&txn->fault, FF_E_PARTITION_MISMATCH, ff_d_u64("flow_index", flow_index),
                   ff_d_u64("execution_index", execution_index));
}

static ff_err
fail_other_flow(struct ff_txn *txn, const struct ff_uuid *flow_id)
{
    char *text = ff_arena_alloc(txn->arena, FF_UUID_TEXT_MAX);

    ff_uuid_text(flow_id, text);
    return ff_fail(&txn->fault, FF_E_EXECUTION_ALREADY_IN_FLOW, ff_d_text("flow_id", text));
}

static ff_err
fail_too_many(struct ff_txn *txn, uint64_t count, uint64_t max)
{
    return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "flow_id"),
                   ff_d_text("reason", "too_many"), ff_d_u64("count", count), ff_d_u64("max", max));
}

static ff_err
add_member(struct ff_txn *txn, struct ff_flow *flow, struct ff_exec *exec)
{
    const struct ff_member member = { .flow_id = flow->flow_id,
                                      .execution_id = exec->execution_id };

    FF_TRY(ff_txn_put_member(txn, &member));
    exec->flow_id = FF_SOME(ff_opt_uuid, flow->flow_id);
    FF_TRY(ff_txn_put_exec(txn, exec)); /* its own times and state are not touched (04 §2.2) */
    flow->node_count++;
    return ff_flow_grown(txn, flow);
}

ff_err
ff_op_add_execution_to_flow(struct ff_txn *txn, const struct ff_add_execution_to_flow_args *args,
                            struct ff_add_execution_to_flow_result *result)
{
    uint16_t partition = ff_partition_of_flow(&args->flow_id, txn->facts->counts.flow);
    struct ff_flow flow = { 0 };
    struct ff_exec exec = { 0 };

    if (partition != args->execution_id.partition) {
        return fail_other_partition(txn, partition, args->execution_id.partition);
    }
    FF_TRY(ff_flow_open(txn, &args->flow_id, &flow));
    FF_TRY(ff_exec_open(txn, &args->execution_id, &exec));
    result->execution_id = args->execution_id;
    if (exec.flow_id.is && ff_uuid_eq(exec.flow_id.v, args->flow_id)) {
        result->outcome = "already_member";
        result->node_count = FF_SOME(ff_opt_u32, flow.node_count);
        return FF_E_OK;
    }
    if (exec.flow_id.is) {
        return fail_other_flow(txn, &exec.flow_id.v);
    }
    if (flow.node_count >= FF_FLOW_MEMBERS_MAX) {
        return fail_too_many(txn, flow.node_count + 1u, FF_FLOW_MEMBERS_MAX);
    }
    FF_TRY(add_member(txn, &flow, &exec));
    result->outcome = "added";
    result->new_node_count = FF_SOME(ff_opt_u32, flow.node_count);
    return FF_E_OK;
}

/* ---- set_edge_group_policy ---- */

static const msgpack_object *
member_of(const msgpack_object *map, const char *name)
{
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *kv = &map->via.map.ptr[i];

        if (kv->key.type == MSGPACK_OBJECT_STR && kv->val.type != MSGPACK_OBJECT_NIL &&
            ff_str_is(ff_str(kv->key.via.str.ptr, kv->key.via.str.size), name)) {
            return &kv->val;
        }
    }
    return NULL;
}

/* The word of a vocabulary that a member holds; field: what the member is called in a fault. */
static ff_err
read_word(struct ff_txn *txn, const msgpack_object *value, const char *field,
          const struct ff_vocab *vocab, uint32_t *out)
{
    if (value == NULL || value->type != MSGPACK_OBJECT_STR) {
        return ff_fail_input(&txn->fault, field, value == NULL ? "missing" : "wrong_type");
    }
    for (uint32_t i = 0; i < vocab->n; i++) {
        if (ff_str_is(ff_str(value->via.str.ptr, value->via.str.size), vocab->words[i])) {
            *out = i;
            return FF_E_OK;
        }
    }
    return ff_fail_input(&txn->fault, field, "unknown_value");
}

static ff_err
read_quorum(struct ff_txn *txn, const msgpack_object *k, struct ff_group *out)
{
    if (k == NULL) {
        return ff_fail_input(&txn->fault, "policy.k", "missing");
    }
    if (k->type != MSGPACK_OBJECT_POSITIVE_INTEGER && k->type != MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        return ff_fail_input(&txn->fault, "policy.k", "wrong_type");
    }
    if (k->type == MSGPACK_OBJECT_NEGATIVE_INTEGER || k->via.u64 < 1 || k->via.u64 > QUORUM_MAX) {
        return ff_fail_input(&txn->fault, "policy.k", "out_of_range");
    }
    out->k = (uint32_t) k->via.u64;
    return FF_E_OK;
}

static ff_err
read_policy(struct ff_txn *txn, const msgpack_object *policy, struct ff_group *out)
{
    uint32_t word = 0;

    out->k = 0;
    out->on_satisfied = FF_NONE(ff_opt_u32);
    if (policy->type != MSGPACK_OBJECT_MAP) {
        return ff_fail_input(&txn->fault, "policy", "wrong_type");
    }
    FF_TRY(read_word(txn, member_of(policy, "kind"), "policy.kind", &ff_vocab_edge_policy_kind,
                     &word));
    out->kind = (enum ff_edge_policy_kind) word;
    if (out->kind == FF_EDGE_POLICY_ALL_OF) {
        return FF_E_OK;
    }
    if (out->kind == FF_EDGE_POLICY_QUORUM) {
        FF_TRY(read_quorum(txn, member_of(policy, "k"), out));
    }
    FF_TRY(read_word(txn, member_of(policy, "on_satisfied"), "policy.on_satisfied",
                     &ff_vocab_on_satisfied, &word));
    out->on_satisfied = FF_SOME(ff_opt_u32, word);
    return FF_E_OK;
}

ff_err
ff_group_policy_read(struct ff_txn *txn, struct ff_str packed, struct ff_group *out)
{
    msgpack_zone zone;
    msgpack_object tree;
    ff_err err = FF_E_OK;

    FF_ASSERT(msgpack_zone_init(&zone, 512));
    err = ff_msgpack_parse(packed, &zone, &tree, &txn->fault);
    if (err == FF_E_OK) {
        err = read_policy(txn, &tree, out);
    }
    msgpack_zone_destroy(&zone);
    return err;
}

static bool
same_policy(const struct ff_group *a, const struct ff_group *b)
{
    return a->kind == b->kind && a->k == b->k && a->on_satisfied.is == b->on_satisfied.is &&
           a->on_satisfied.v == b->on_satisfied.v;
}

ff_err
ff_op_set_edge_group_policy(struct ff_txn *txn, const struct ff_set_edge_group_policy_args *args,
                            struct ff_set_edge_group_policy_result *result)
{
    struct ff_group group = { 0 }, wanted = { 0 };
    struct ff_flow flow = { 0 };
    bool found = false;

    FF_TRY(ff_group_policy_read(txn, args->policy, &wanted));
    FF_TRY(ff_flow_open(txn, &args->flow_id, &flow));
    FF_TRY(ff_group_find(txn, &args->flow_id, &args->downstream_execution_id, &group, &found));
    if (group.total > 0) {
        return ff_fail_input(&txn->fault, "policy", "edge_group_policy_already_fixed");
    }
    result->outcome = found && same_policy(&group, &wanted) ? "already_set" : "set";
    group.kind = wanted.kind;
    group.k = wanted.k;
    group.on_satisfied = wanted.on_satisfied;
    return ff_txn_put_group(txn, &group);
}

/* ---- stage_dependency_edge ---- */

static ff_err
check_member(struct ff_txn *txn, const struct ff_uuid *flow_id, const struct ff_eid *id,
             const char *which)
{
    struct ff_member member = { 0 };
    bool found = false;
    char *text = NULL;

    FF_TRY(ff_member_find(txn, flow_id, id, &member, &found));
    if (found) {
        return FF_E_OK;
    }
    text = ff_arena_alloc(txn->arena, FF_EID_TEXT_MAX);
    ff_eid_text(id, text);
    return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_IN_FLOW, ff_d_text("field", which),
                   ff_d_text("execution_id", text));
}

static ff_err
check_acyclic(struct ff_txn *txn, const struct ff_stage_dependency_edge_args *args)
{
    bool leads = false;

    FF_TRY(ff_edges_lead(txn, &args->flow_id, &args->downstream_execution_id,
                         &args->upstream_execution_id, &leads));
    return leads ? ff_fail(&txn->fault, FF_E_CYCLE_DETECTED) : FF_E_OK;
}

static ff_err
fail_exists(struct ff_txn *txn, const struct ff_edge *edge)
{
    struct ff_edge_snapshot snapshot = ff_edge_snapshot(edge);
    struct ff_packer packer;
    struct ff_str packed = { .p = NULL };

    ff_packer_init(&packer);
    ff_encode(&ff_desc_edge_snapshot, &snapshot, &packer.pk);
    packed = ff_arena_copy(txn->arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    return ff_fail(
        &txn->fault, FF_E_DEPENDENCY_ALREADY_EXISTS,
        ((struct ff_datum){ .key = "existing", .type = FF_D_RAW, .v = { .str = packed } }));
}

/* Checks 7 and 8 of 04 §2.4. */
static ff_err
check_room(struct ff_txn *txn, const struct ff_stage_dependency_edge_args *args,
           const struct ff_flow *flow, struct ff_group *group)
{
    struct ff_edge edge = { 0 };
    bool found = false;

    FF_TRY(ff_edge_find(txn, &args->flow_id, &args->edge_id, &edge, &found));
    if (found) {
        return fail_exists(txn, &edge);
    }
    FF_TRY(ff_group_find(txn, &args->flow_id, &args->downstream_execution_id, group, &found));
    if (group->kind != FF_EDGE_POLICY_ALL_OF && group->state != FF_GROUP_PENDING) {
        return ff_fail(&txn->fault, FF_E_INVALID_DEPENDENCY,
                       ff_d_text("reason", "edge_group_already_terminal"));
    }
    return flow->edge_count < FF_FLOW_EDGES_MAX
               ? FF_E_OK
               : fail_too_many(txn, flow->edge_count + 1u, FF_FLOW_EDGES_MAX);
}

ff_err
ff_op_stage_dependency_edge(struct ff_txn *txn, const struct ff_stage_dependency_edge_args *args,
                            struct ff_stage_dependency_edge_result *result)
{
    struct ff_flow flow = { 0 };
    struct ff_group group = { 0 };
    const struct ff_edge edge = {
        .flow_id = args->flow_id,
        .edge_id = args->edge_id,
        .upstream = args->upstream_execution_id,
        .downstream = args->downstream_execution_id,
        .dependency_kind = args->dependency_kind,
        .data_passing_ref = args->data_passing_ref.n > 0 ? args->data_passing_ref : FF_NONE(ff_str),
        .created_at = txn->now_ms,
    };

    FF_TRY(ff_check_label(txn, args->dependency_kind, "dependency_kind"));
    if (ff_eid_eq(edge.upstream, edge.downstream)) {
        return ff_fail(&txn->fault, FF_E_SELF_REFERENCING_EDGE);
    }
    FF_TRY(ff_flow_open(txn, &args->flow_id, &flow));
    if (flow.graph_revision != args->expected_graph_revision) {
        return ff_fail(&txn->fault, FF_E_STALE_GRAPH_REVISION,
                       ff_d_u64("current_graph_revision", flow.graph_revision));
    }
    FF_TRY(check_member(txn, &args->flow_id, &edge.upstream, "upstream_execution_id"));
    FF_TRY(check_member(txn, &args->flow_id, &edge.downstream, "downstream_execution_id"));
    FF_TRY(check_acyclic(txn, args));
    FF_TRY(check_room(txn, args, &flow, &group));
    FF_TRY(ff_txn_put_edge(txn, &edge));
    group.total++;
    FF_TRY(ff_txn_put_group(txn, &group));
    flow.edge_count++;
    FF_TRY(ff_flow_grown(txn, &flow));
    result->outcome = "staged";
    result->edge_id = args->edge_id;
    result->new_graph_revision = flow.graph_revision;
    return FF_E_OK;
}
