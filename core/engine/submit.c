/* submit_flow: a whole graph in one step (04 §2.9); reading and checking. */

#include <sodium.h>
#include <stdlib.h>

#include "core/codec.h"
#include "core/engine/submit_int.h"
#include "core/engine/tags.h"
#include "core/id.h"
#include "core/partition.h"
#include "core/policy.h"

/* ---- faults ---- */

ff_err
ff_graph_fail(struct ff_txn *txn, ff_err code, struct ff_str path, const char *reason)
{
    return ff_fail(&txn->fault, code, ff_d_str("path", path), ff_d_str("field", path),
                   ff_d_text("reason", reason));
}

static struct ff_str
place(struct ff_txn *txn, const char *list, uint32_t at, const char *member)
{
    return ff_arena_printf(txn->arena, "%s[%u]%s%s", list, (unsigned) at,
                           member[0] == '\0' ? "" : ".", member);
}

/* Makes a fault that names a part tell where that part is. under: what it
 * belongs to. */
static ff_err
fail_under(struct ff_txn *txn, struct ff_str under)
{
    struct ff_fault *fault = &txn->fault;
    struct ff_str inner = { .p = "", .n = 0 };
    uint32_t n = 0;

    for (uint32_t i = 0; i < fault->n; i++) {
        bool named = strcmp(fault->detail[i].key, "field") == 0;

        if (named || strcmp(fault->detail[i].key, "path") == 0) {
            inner = named || inner.n == 0 ? fault->detail[i].v.str : inner;
        } else {
            fault->detail[n++] = fault->detail[i];
        }
    }
    fault->n = n;
    inner = ff_arena_printf(txn->arena, "%.*s%s%.*s", (int) under.n, under.p,
                            inner.n == 0 || under.n == 0 ? "" : ".", (int) inner.n,
                            inner.n == 0 ? "" : inner.p);
    ff_fault_add(fault, ff_d_str("path", inner));
    ff_fault_add(fault, ff_d_str("field", inner));
    return fault->code;
}

/* ---- arguments ---- */

/* The same graph has the same digest, however it was written down. */
static void
take_digest(const struct ff_submit_flow_args *args, struct ff_digest *out)
{
    struct ff_packer packer;
    struct ff_str packed = { .p = NULL };

    ff_packer_init(&packer);
    ff_encode(ff_ops[FF_OP_submit_flow].args, args, &packer.pk);
    packed = ff_packer_str(&packer);
    *out = ff_digest_of(&packed, 1);
    ff_packer_done(&packer);
}

static ff_err
check_head(struct ff_txn *txn, const struct ff_graph *graph)
{
    if (ff_check_label(txn, graph->head.flow_kind, "flow_kind") != FF_E_OK) {
        return fail_under(txn, ff_cstr("flow"));
    }
    return graph->members.n == 0
               ? ff_graph_fail(txn, FF_E_INVALID_INPUT, ff_cstr("members"), "empty")
               : FF_E_OK;
}

/* ---- keys ---- */

struct keyed {
    struct ff_str key;
    uint32_t at;
};

static int
keyed_cmp(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int order = ff_str_cmp(x->key, y->key);

    return order != 0 ? order : x->at < y->at ? -1 : x->at > y->at;
}

static ff_err
sort_keys(struct ff_txn *txn, struct ff_graph *graph)
{
    uint32_t n = graph->members.n;
    struct keyed *keyed = FF_ARENA_NEW(txn->arena, struct keyed, n);

    graph->by_key = FF_ARENA_NEW(txn->arena, uint32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        keyed[i] = (struct keyed){ .key = graph->members.v[i].key, .at = i };
        if (keyed[i].key.n == 0) {
            return ff_graph_fail(txn, FF_E_INVALID_INPUT, place(txn, "members", i, "key"), "empty");
        }
    }
    qsort(keyed, n, sizeof(*keyed), keyed_cmp);
    for (uint32_t i = 0; i < n; i++) {
        graph->by_key[i] = keyed[i].at;
        if (i > 0 && ff_str_eq(keyed[i].key, keyed[i - 1].key)) {
            return ff_graph_fail(txn, FF_E_INVALID_INPUT, place(txn, "members", keyed[i].at, "key"),
                                 "already_exists");
        }
    }
    return FF_E_OK;
}

/* The member of this key. False: there is none. */
static bool
find_key(const struct ff_graph *graph, struct ff_str key, uint32_t *out)
{
    uint32_t low = 0, high = graph->members.n;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = ff_str_cmp(graph->members.v[graph->by_key[mid]].key, key);

        if (order == 0) {
            *out = graph->by_key[mid];
            return true;
        }
        low = order < 0 ? mid + 1 : low;
        high = order < 0 ? high : mid;
    }
    return false;
}

/* ---- edges and groups ---- */

static ff_err
connect_members(struct ff_txn *txn, struct ff_graph *graph)
{
    uint32_t n = graph->edges.n;

    graph->from = FF_ARENA_NEW(txn->arena, uint32_t, n);
    graph->to = FF_ARENA_NEW(txn->arena, uint32_t, n);
    graph->inbound = FF_ARENA_NEW(txn->arena, uint32_t, graph->members.n);
    for (uint32_t i = 0; i < n; i++) {
        const struct ff_submit_edge *edge = &graph->edges.v[i];

        if (!find_key(graph, edge->from, &graph->from[i])) {
            return ff_graph_fail(txn, FF_E_INVALID_INPUT, place(txn, "edges", i, "from"),
                                 "unknown_member");
        }
        if (!find_key(graph, edge->to, &graph->to[i])) {
            return ff_graph_fail(txn, FF_E_INVALID_INPUT, place(txn, "edges", i, "to"),
                                 "unknown_member");
        }
        if (graph->from[i] == graph->to[i]) {
            return ff_graph_fail(txn, FF_E_SELF_REFERENCING_EDGE, place(txn, "edges", i, ""),
                                 "self_referencing_edge");
        }
        if (ff_check_label(txn, edge->dependency_kind, "dependency_kind") != FF_E_OK) {
            return fail_under(txn, place(txn, "edges", i, ""));
        }
        graph->inbound[graph->to[i]]++;
    }
    return FF_E_OK;
}

static ff_err
read_gates(struct ff_txn *txn, struct ff_graph *graph)
{
    graph->gates = FF_ARENA_NEW(txn->arena, struct ff_group, graph->members.n);
    graph->has_gate = FF_ARENA_NEW(txn->arena, bool, graph->members.n);
    for (uint32_t i = 0; i < graph->groups.n; i++) {
        const struct ff_submit_group *group = &graph->groups.v[i];
        uint32_t at = 0;

        if (!find_key(graph, group->member, &at)) {
            return ff_graph_fail(txn, FF_E_INVALID_INPUT, place(txn, "groups", i, "member"),
                                 "unknown_member");
        }
        if (graph->has_gate[at]) {
            return ff_graph_fail(txn, FF_E_INVALID_INPUT, place(txn, "groups", i, "member"),
                                 "already_exists");
        }
        if (ff_group_policy_read(txn, group->policy, &graph->gates[at]) != FF_E_OK) {
            return fail_under(txn, place(txn, "groups", i, ""));
        }
        graph->has_gate[at] = true;
    }
    return FF_E_OK;
}

/* ---- cycles ---- */

/* Edges by the member they leave: those of member i are first[i] up to first[i
 * + 1] in `edges`. */
struct leaving {
    uint32_t *first, *edges;
};

static void
sort_by_source(struct ff_txn *txn, const struct ff_graph *graph, struct leaving *out)
{
    uint32_t n = graph->members.n;
    uint32_t *next = FF_ARENA_NEW(txn->arena, uint32_t, n + 1u);

    out->first = FF_ARENA_NEW(txn->arena, uint32_t, n + 1u);
    out->edges = FF_ARENA_NEW(txn->arena, uint32_t, graph->edges.n + 1u);
    for (uint32_t i = 0; i < graph->edges.n; i++) {
        out->first[graph->from[i] + 1]++;
    }
    for (uint32_t i = 0; i < n; i++) {
        out->first[i + 1] += out->first[i];
        next[i] = out->first[i];
    }
    for (uint32_t i = 0; i < graph->edges.n; i++) {
        out->edges[next[graph->from[i]]++] = i;
    }
}

/* Every member that is left has an upstream that is left: walking upwards comes
 * round. */
static ff_err
fail_cycle(struct ff_txn *txn, const struct ff_graph *graph, const uint32_t *left, uint32_t start)
{
    uint32_t n = graph->members.n, at = start, length = 0;
    uint32_t *up = FF_ARENA_NEW(txn->arena, uint32_t, n);
    struct ff_strs keys = { .v = NULL };

    for (uint32_t i = 0; i < graph->edges.n; i++) {
        if (left[graph->from[i]] > 0 && left[graph->to[i]] > 0) {
            up[graph->to[i]] = graph->from[i];
        }
    }
    for (uint32_t i = 0; i < n; i++) { /* after so many steps it stands in the cycle */
        at = up[at];
    }
    start = at;
    do {
        at = up[at];
        length++;
    } while (at != start);
    keys.v = FF_ARENA_NEW(txn->arena, struct ff_str, length);
    for (keys.n = length; length > 0; at = up[at]) {
        keys.v[--length] = graph->members.v[at].key; /* downwards again */
    }
    return ff_fail(&txn->fault, FF_E_CYCLE_DETECTED, ff_d_strs("cycle", keys));
}

/* Takes members away that nothing leads to any more; what is left goes round.
 */
static ff_err
check_acyclic(struct ff_txn *txn, const struct ff_graph *graph)
{
    uint32_t n = graph->members.n, n_queue = 0;
    uint32_t *queue = FF_ARENA_NEW(txn->arena, uint32_t, n);
    uint32_t *left = FF_ARENA_NEW(txn->arena, uint32_t, n);
    struct leaving leaving;

    sort_by_source(txn, graph, &leaving);
    for (uint32_t i = 0; i < n; i++) {
        left[i] = graph->inbound[i];
        if (left[i] == 0) {
            queue[n_queue++] = i;
        }
    }
    for (uint32_t at = 0; at < n_queue; at++) {
        for (uint32_t j = leaving.first[queue[at]]; j < leaving.first[queue[at] + 1]; j++) {
            uint32_t to = graph->to[leaving.edges[j]];

            if (--left[to] == 0) {
                queue[n_queue++] = to;
            }
        }
    }
    for (uint32_t i = 0; i < n && n_queue < n; i++) {
        if (left[i] > 0) {
            return fail_cycle(txn, graph, left, i);
        }
    }
    return FF_E_OK;
}

/* ---- members ---- */

static ff_err
check_members(struct ff_txn *txn, struct ff_graph *graph)
{
    graph->policies = FF_ARENA_NEW(txn->arena, const struct ff_policy *, graph->members.n);
    for (uint32_t i = 0; i < graph->members.n; i++) {
        const struct ff_submit_member *member = &graph->members.v[i];
        ff_err err = ff_check_label(txn, member->execution_kind, "execution_kind");

        if (err == FF_E_OK) {
            err = ff_tags_check(txn, member->tags);
        }
        if (err == FF_E_OK) {
            err = ff_policy_parse(member->policy, "policy", txn->arena, &graph->policies[i],
                                  &txn->fault);
        }
        if (err != FF_E_OK) {
            return fail_under(txn, place(txn, "members", i, ""));
        }
    }
    return FF_E_OK;
}

ff_err
ff_graph_read(struct ff_txn *txn, const struct ff_submit_flow_args *args, struct ff_graph *graph)
{
    *graph = (struct ff_graph){
        .head = args->flow, .members = args->members, .edges = args->edges, .groups = args->groups
    };
    take_digest(args, &graph->digest);
    graph->partition = ff_partition_of_flow(&graph->head.flow_id, txn->facts->counts.flow);
    FF_TRY(check_head(txn, graph));
    FF_TRY(sort_keys(txn, graph));
    FF_TRY(check_members(txn, graph));
    FF_TRY(connect_members(txn, graph));
    FF_TRY(read_gates(txn, graph));
    return check_acyclic(txn, graph);
}

/* ---- ids ---- */

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
    if (n > 1) {
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

static ff_err
name_members(struct ff_txn *txn, struct ff_graph *graph, int64_t at_ms)
{
    uint32_t n = graph->members.n, twice = 0;
    struct numbered *list = FF_ARENA_NEW(txn->arena, struct numbered, n);

    graph->ids = FF_ARENA_NEW(txn->arena, struct ff_eid, n);
    for (uint32_t i = 0; i < n; i++) {
        struct ff_opt_eid given = graph->members.v[i].execution_id;

        if (given.is && given.v.partition != graph->partition) {
            return ff_fail(&txn->fault, FF_E_PARTITION_MISMATCH,
                           ff_d_str("path", place(txn, "members", i, "execution_id")),
                           ff_d_u64("flow_index", graph->partition),
                           ff_d_u64("execution_index", given.v.partition));
        }
        if (given.is) {
            graph->ids[i] = given.v;
        } else {
            struct ff_digest random = draw(graph, 'm', i);

            graph->ids[i] = (struct ff_eid){ .partition = graph->partition,
                                             .uuid = ff_uuid_v7(at_ms, random.b) };
        }
        list[i] = (struct numbered){ .id = graph->ids[i].uuid, .at = i };
    }
    if (any_twice(list, n, &twice)) {
        return ff_graph_fail(txn, FF_E_INVALID_INPUT, place(txn, "members", twice, "execution_id"),
                             "already_exists");
    }
    return FF_E_OK;
}

ff_err
ff_graph_name(struct ff_txn *txn, struct ff_graph *graph, int64_t at_ms)
{
    uint32_t n = graph->edges.n, twice = 0;
    struct numbered *list = FF_ARENA_NEW(txn->arena, struct numbered, n);

    FF_TRY(name_members(txn, graph, at_ms));
    graph->edge_ids = FF_ARENA_NEW(txn->arena, struct ff_uuid, n);
    for (uint32_t i = 0; i < n; i++) {
        struct ff_opt_uuid given = graph->edges.v[i].edge_id;
        struct ff_digest random = draw(graph, 'e', i);

        graph->edge_ids[i] = given.is ? given.v : ff_uuid_v4(random.b);
        list[i] = (struct numbered){ .id = graph->edge_ids[i], .at = i };
    }
    if (any_twice(list, n, &twice)) {
        return ff_graph_fail(txn, FF_E_INVALID_INPUT, place(txn, "edges", twice, "edge_id"),
                             "already_exists");
    }
    return FF_E_OK;
}
