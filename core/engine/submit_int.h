/* submit_int.h: a graph as submit_flow was given it; between its files
 * (submit.c: reading and checking; submit_write.c: writing). */
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
};

/* Reads the arguments, and checks what can be seen from them alone. Errors: 04
 * §2.9. */
FF_MUST_USE ff_err ff_graph_read(struct ff_txn *txn, const struct ff_submit_flow_args *args,
                                 struct ff_graph *graph);
/* Chooses the ids that were not given: the same for the same flow, at whatever
 * call; at_ms: its creation. Refuses ids that occur twice, and other
 * partitions. */
FF_MUST_USE ff_err ff_graph_name(struct ff_txn *txn, struct ff_graph *graph, int64_t at_ms);

/* Fails at a place: adds {path}, and names it as the field. */
ff_err ff_graph_fail(struct ff_txn *txn, ff_err code, struct ff_str path, const char *reason);

/* Checks against what is stored, and writes all of it. */
FF_MUST_USE ff_err ff_graph_write(struct ff_txn *txn, const struct ff_graph *graph);

#endif
