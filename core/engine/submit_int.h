/* submit_int.h: a graph as submit_flow was given it; between its files (submit.c: reading and
 * checking; submit_names.c: ids; submit_write.c: writing, in one step; submit_steps.c: a large one,
 * in many). */
#ifndef FF_CORE_ENGINE_SUBMIT_INT_H
#define FF_CORE_ENGINE_SUBMIT_INT_H

#include "core/engine/flow_build.h"

struct ff_graph {
    struct ff_submit_head head;
    struct ff_submit_member_list members;
    struct ff_submit_edge_list edges;
    struct ff_submit_group_list groups;
    uint16_t partition;
    struct ff_digest digest; /* of the arguments */
    uint32_t *by_key;        /* members in the order of their keys */
    uint32_t *from, *to;     /* of each edge: positions of members */
    uint32_t *inbound;       /* edges of each member */
    struct ff_group *gates;  /* policy of each member's inbound edges */
    bool *has_gate;          /* a policy was stated */
    const struct ff_policy **policies;
    struct ff_eid *ids;       /* of the members */
    struct ff_uuid *edge_ids; /* of the edges */
    int64_t at_ms;            /* for which it is named: the flow's creation; 0: for none yet */
    bool in_order;            /* ids that are made ascend (those of older flows do not) */
    uint32_t stage, at;       /* how far reading, then naming, has come */
    bool is_read, is_named;
};

/* Reads a part of the arguments, and checks what can be seen from them alone, until is_read; it
 * begins with a graph of zeros. Errors: 04 §2.9. */
FF_MUST_USE ff_err ff_graph_read_some(struct ff_txn *txn, const struct ff_submit_flow_args *args,
                                      struct ff_graph *graph);
/* Chooses ids where none were given, a part at a time, until is_named: the same for the same
 * creation of the flow, at whatever call. Refuses ids that occur twice, and other partitions. */
void ff_graph_name(struct ff_graph *graph, int64_t at_ms, bool in_order);
FF_MUST_USE ff_err ff_graph_name_some(struct ff_txn *txn, struct ff_graph *graph);
/* Does one after the other of n, from graph->at on; *over: that was the last. */
FF_MUST_USE ff_err ff_graph_part(struct ff_txn *txn, struct ff_graph *graph, uint32_t n,
                                 ff_err (*one)(struct ff_txn *txn, struct ff_graph *graph,
                                               uint32_t i),
                                 bool *over);

/* "members[3].key"; member: may be "". */
struct ff_str ff_graph_place(struct ff_txn *txn, const char *list, uint32_t at, const char *member);
/* Fails at a place: adds {path}, and names it as the field. */
ff_err ff_graph_fail(struct ff_txn *txn, ff_err code, struct ff_str path, const char *reason);

/* The flow of the graph's id, also one that is being submitted.
 * FF_E_INVALID_INPUT flow_exists_with_other_graph; FF_E_RETRY_EXHAUSTED as ff_purge_over. */
FF_MUST_USE ff_err ff_graph_find_flow(struct ff_txn *txn, const struct ff_graph *graph,
                                      struct ff_flow *out, bool *found);
/* Its record, with nothing in it yet. */
struct ff_flow ff_graph_flow(const struct ff_graph *graph);
/* No execution has the member's id. FF_E_INVALID_INPUT {path} already_exists; FF_E_PENDING. */
FF_MUST_USE ff_err ff_graph_check_free(struct ff_txn *txn, const struct ff_graph *graph,
                                       uint32_t at);
/* The member's lane is another than that of the one before. */
bool ff_graph_changes_lane(const struct ff_graph *graph, uint32_t at);
ff_err ff_graph_fail_lane(struct ff_txn *txn, uint32_t at);
/* Writes one member with its group. staged: the rest of the flow is to come. */
FF_MUST_USE ff_err ff_graph_put_member(struct ff_txn *txn, const struct ff_graph *graph,
                                       uint32_t at, bool staged);
FF_MUST_USE ff_err ff_graph_put_edge(struct ff_txn *txn, const struct ff_graph *graph, uint32_t at);
void ff_graph_answer(struct ff_txn *txn, const struct ff_graph *graph,
                     struct ff_submit_flow_result *result);

/* The operation on a graph that is too large for one step; a walk. */
FF_MUST_USE ff_err ff_submit_in_steps(struct ff_txn *txn, const struct ff_submit_flow_args *args,
                                      struct ff_submit_flow_result *result);

#endif
