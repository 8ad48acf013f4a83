/* submit_flow: ids of members and edges (04 §2.9). Those that were not given are made from the
 * flow's id, its arguments and its creation, so that the same call has the same ones whoever makes
 * it.
 *
 * They ascend as members and edges are written: what a step writes stands side by side in the
 * store, where ids in no order would have it write a page for each record.
 */
#include <stdlib.h>

#include "core/engine/submit_int.h"
#include "core/id.h"

enum { NAME_MEMBERS, NAME_EDGES, NAME_CHECK };

/* Bits of an id, behind the milliseconds, that say the place in the call; the other 56 are random.
 */
#define PLACE_BITS 18

void
ff_graph_name(struct ff_graph *graph, int64_t at_ms, bool in_order)
{
    graph->at_ms = at_ms;
    graph->in_order = in_order;
    graph->is_named = false;
    graph->stage = NAME_MEMBERS;
    graph->at = 0;
}

/* Random bytes that belong to the flow and a number. */
static struct ff_digest
draw(const struct ff_graph *graph, char what, uint32_t number)
{
    uint8_t tail[5] = { (uint8_t) what, (uint8_t) (number >> 24), (uint8_t) (number >> 16),
                        (uint8_t) (number >> 8), (uint8_t) number };
    const struct ff_str parts[] = {
        ff_str(graph->head.flow_id.b, sizeof(graph->head.flow_id.b)),
        ff_str(graph->digest.b, sizeof(graph->digest.b)),
        ff_str(tail, sizeof(tail)),
    };

    return ff_digest_of(parts, FF_COUNT(parts));
}

static struct ff_uuid
make_id(const struct ff_graph *graph, char what, uint32_t number)
{
    struct ff_digest random = draw(graph, what, number);

    FF_ASSERT(number < 1u << PLACE_BITS);
    if (graph->in_order) { /* where a uuid of version 7 has 4, 8 and 6 bits of its own */
        random.b[0] = (uint8_t) (number >> 14);
        random.b[1] = (uint8_t) (number >> 6);
        random.b[2] = (uint8_t) (number & 0x3f);
    } else if (what == 'e') {
        return ff_uuid_v4(random.b);
    }
    return ff_uuid_v7(graph->at_ms, random.b);
}

static ff_err
name_member(struct ff_txn *txn, struct ff_graph *graph, uint32_t i)
{
    struct ff_opt_eid given = graph->members.v[i].execution_id;

    if (given.is && given.v.partition != graph->partition) {
        return ff_fail(&txn->fault, FF_E_PARTITION_MISMATCH,
                       ff_d_str("path", ff_graph_place(txn, "members", i, "execution_id")),
                       ff_d_u64("flow_index", graph->partition),
                       ff_d_u64("execution_index", given.v.partition));
    }
    graph->ids[i] =
        given.is ? given.v
                 : (struct ff_eid){ .partition = graph->partition, .uuid = make_id(graph, 'm', i) };
    return FF_E_OK;
}

static ff_err
name_edge(struct ff_txn *txn, struct ff_graph *graph, uint32_t i)
{
    struct ff_opt_uuid given = graph->edges.v[i].edge_id;

    (void) txn;
    graph->edge_ids[i] = given.is ? given.v : make_id(graph, 'e', i);
    return FF_E_OK;
}

/* ---- ids that occur twice ---- */

struct numbered {
    struct ff_uuid id;
    uint32_t at;
};

static int
numbered_cmp(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    int order = memcmp(x->id.b, y->id.b, sizeof(x->id.b));

    return order != 0 ? order : x->at < y->at ? -1 : x->at > y->at;
}

/* *at: the later one of two that are the same. */
static bool
any_twice(struct numbered *list, uint32_t n, uint32_t *at)
{
    bool ascend = true;

    for (uint32_t i = 1; ascend && i < n; i++) {
        ascend = numbered_cmp(&list[i - 1], &list[i]) < 0;
    }
    if (!ascend) {
        qsort(list, n, sizeof(*list), numbered_cmp);
    }
    for (uint32_t i = 1; i < n; i++) {
        if (ff_uuid_eq(list[i].id, list[i - 1].id)) {
            *at = list[i].at;
            return true;
        }
    }
    return false;
}

static ff_err
refuse_twice(struct ff_txn *txn, struct numbered *list, uint32_t n, const char *place,
             const char *member)
{
    uint32_t twice = 0;

    return any_twice(list, n, &twice)
               ? ff_graph_fail(txn, FF_E_INVALID_INPUT, ff_graph_place(txn, place, twice, member),
                               "already_exists")
               : FF_E_OK;
}

static ff_err
check_ids(struct ff_txn *txn, const struct ff_graph *graph)
{
    struct numbered *members = FF_ARENA_NEW(txn->arena, struct numbered, graph->members.n);
    struct numbered *edges = FF_ARENA_NEW(txn->arena, struct numbered, graph->edges.n);

    for (uint32_t i = 0; i < graph->members.n; i++) {
        members[i] = (struct numbered){ .id = graph->ids[i].uuid, .at = i };
    }
    for (uint32_t i = 0; i < graph->edges.n; i++) {
        edges[i] = (struct numbered){ .id = graph->edge_ids[i], .at = i };
    }
    FF_TRY(refuse_twice(txn, members, graph->members.n, "members", "execution_id"));
    return refuse_twice(txn, edges, graph->edges.n, "edges", "edge_id");
}

ff_err
ff_graph_name_some(struct ff_txn *txn, struct ff_graph *graph)
{
    bool over = true;

    if (graph->ids == NULL) {
        graph->ids = FF_ARENA_NEW(txn->arena, struct ff_eid, graph->members.n);
        graph->edge_ids = FF_ARENA_NEW(txn->arena, struct ff_uuid, graph->edges.n);
    }
    switch (graph->stage) {
    case NAME_MEMBERS:
        FF_TRY(ff_graph_part(txn, graph, graph->members.n, name_member, &over));
        break;
    case NAME_EDGES:
        FF_TRY(ff_graph_part(txn, graph, graph->edges.n, name_edge, &over));
        break;
    default:
        FF_TRY(check_ids(txn, graph));
        graph->is_named = true;
    }
    if (over) {
        graph->stage++;
        graph->at = 0;
    }
    return FF_E_OK;
}
