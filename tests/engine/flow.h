/* flow.h: short forms for what concerns flows; see life.h.
 *
 * Flow F has the partition of rig ids (6); members are A, B, … = executions 1, 2, …; edge NN runs
 * between two of them.
 */
#ifndef FF_TESTS_ENGINE_FLOW_H
#define FF_TESTS_ENGINE_FLOW_H

#include "tests/engine/lane.h"

#include "core/partition.h"

/* flow_id_of: the number-th flow id whose partition is 6 of 256; flow_id_in: of another one. */
#define F flow_id_of(0)
enum { A = 1, B, C, D, E, G, H };

static inline struct ff_uuid
flow_id_in(uint16_t partition, uint8_t number)
{
    struct ff_uuid id = { .b = { 0xf1 } };
    uint32_t seen = 0;

    for (uint32_t i = 0;; i++) {
        id.b[14] = (uint8_t) (i >> 8);
        id.b[15] = (uint8_t) i;
        if (ff_partition_of_flow(&id, 256) == partition && seen++ == number) {
            return id;
        }
    }
}

static inline struct ff_uuid
flow_id_of(uint8_t number)
{
    return flow_id_in(6, number);
}

static inline struct ff_uuid
edge_id_of(uint8_t number)
{
    struct ff_uuid id = { .b = { 0xed } };

    id.b[15] = number;
    return id;
}

static inline ff_err
add(struct ff_rig *rig, uint8_t number, struct ff_add_execution_to_flow_result *result)
{
    const struct ff_add_execution_to_flow_args args = { .flow_id = F,
                                                        .execution_id = ff_rig_id(number) };

    return ff_rig_add_execution_to_flow(rig, &args, result);
}

static inline void
make_flow(struct ff_rig *rig, uint8_t n)
{
    const struct ff_create_flow_args args = { .flow_id = F,
                                              .flow_kind = ff_cstr("dag"),
                                              .namespace = ff_cstr("N") };
    struct ff_create_flow_result created;
    struct ff_add_execution_to_flow_result added;

    assert_ok(ff_rig_create_flow(rig, &args, &created));
    for (uint8_t i = 1; i <= n; i++) {
        create(rig, i);
        assert_ok(add(rig, i, &added));
        assert_string_equal(added.outcome, "added");
    }
}

static inline struct ff_flow_snapshot
describe_flow(struct ff_rig *rig)
{
    const struct ff_describe_flow_args args = { .flow_id = F };
    struct ff_describe_flow_result result;

    assert_ok(ff_rig_describe_flow(rig, &args, &result));
    assert_non_null(result.flow);
    return *result.flow;
}

static inline uint64_t
revision(struct ff_rig *rig)
{
    return describe_flow(rig).graph_revision;
}

static inline const char *
flow_state(struct ff_rig *rig)
{
    return ff_word(&ff_vocab_flow_state, describe_flow(rig).public_flow_state);
}

static inline struct ff_edge_group_snapshot
group_of(struct ff_rig *rig, uint8_t number)
{
    struct ff_edge_group_snapshot_list groups = describe_flow(rig).edge_groups;

    for (uint32_t i = 0; i < groups.n; i++) {
        if (ff_eid_eq(groups.v[i].downstream_execution_id, ff_rig_id(number))) {
            return groups.v[i];
        }
    }
    fail_msg("no group of %u", number);
    return (struct ff_edge_group_snapshot){ 0 };
}

static inline struct ff_edge_snapshot
edge_of(struct ff_rig *rig, uint8_t edge)
{
    const struct ff_describe_edge_args args = { .flow_id = F, .edge_id = edge_id_of(edge) };
    struct ff_describe_edge_result result;

    assert_ok(ff_rig_describe_edge(rig, &args, &result));
    assert_non_null(result.edge);
    return *result.edge;
}

static inline ff_err
stage_with(struct ff_rig *rig, uint8_t edge, const uint8_t ends[2], const char *ref,
           uint64_t at_revision)
{
    const struct ff_stage_dependency_edge_args args = {
        .flow_id = F,
        .edge_id = edge_id_of(edge),
        .upstream_execution_id = ff_rig_id(ends[0]),
        .downstream_execution_id = ff_rig_id(ends[1]),
        .dependency_kind = ff_cstr("success_only"),
        .data_passing_ref = ff_cstr(ref),
        .expected_graph_revision = at_revision,
    };
    struct ff_stage_dependency_edge_result result;

    return ff_rig_stage_dependency_edge(rig, &args, &result);
}

static inline ff_err
stage_at(struct ff_rig *rig, uint8_t edge, uint8_t from, uint8_t to, uint64_t at_revision)
{
    const uint8_t ends[2] = { from, to };

    return stage_with(rig, edge, ends, NULL, at_revision);
}

static inline void
stage_ref(struct ff_rig *rig, uint8_t edge, uint8_t from, uint8_t to, const char *ref)
{
    const uint8_t ends[2] = { from, to };

    assert_ok(stage_with(rig, edge, ends, ref, revision(rig)));
}

static inline void
stage(struct ff_rig *rig, uint8_t edge, uint8_t from, uint8_t to)
{
    assert_ok(stage_at(rig, edge, from, to, revision(rig)));
}

static inline ff_err
try_apply(struct ff_rig *rig, uint8_t edge, uint8_t from, uint8_t to,
          struct ff_apply_dependency_to_child_result *result)
{
    const struct ff_apply_dependency_to_child_args args = {
        .flow_id = F,
        .edge_id = edge_id_of(edge),
        .upstream_execution_id = ff_rig_id(from),
        .downstream_execution_id = ff_rig_id(to),
        .dependency_kind = ff_cstr("success_only"),
    };

    return ff_rig_apply_dependency_to_child(rig, &args, result);
}

static inline uint32_t
apply(struct ff_rig *rig, uint8_t edge, uint8_t from, uint8_t to)
{
    struct ff_apply_dependency_to_child_result result;

    assert_ok(try_apply(rig, edge, from, to, &result));
    assert_string_equal(result.outcome, "applied");
    return result.unsatisfied_count.v;
}

static inline void
build(struct ff_rig *rig, uint8_t edge, uint8_t from, uint8_t to)
{
    stage(rig, edge, from, to);
    apply(rig, edge, from, to);
}

#endif
