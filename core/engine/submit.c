/* submit_flow: a whole graph in one step (04 §2.9); reading and checking. */

#include <sodium.h>
#include <stdlib.h>

#include "core/codec.h"
#include "core/engine/submit_int.h"
#include "core/engine/tags.h"
#include "core/partition.h"
#include "core/policy.h"

/* ---- faults ---- */

ff_err
ff_graph_fail(struct ff_txn *txn, ff_err code, struct ff_str path, const char *reason)
{
    return ff_fail(&txn->fault, code, ff_d_str("path", path), ff_d_str("field", path),
                   ff_d_text("reason", reason));
}

struct ff_str
ff_graph_place(struct ff_txn *txn, const char *list, uint32_t at, const char *member)
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
            return ff_graph_fail(txn, FF_E_INVALID_INPUT, ff_graph_place(txn, "members", i, "key"),
                                 "empty");
        }
    }
    qsort(keyed, n, sizeof(*keyed), keyed_cmp);
    for (uint32_t i = 0; i < n; i++) {
        graph->by_key[i] = keyed[i].at;
        if (i > 0 && ff_str_eq(keyed[i].key, keyed[i - 1].key)) {
            return ff_graph_fail(txn, FF_E_INVALID_INPUT,
                                 ff_graph_place(txn, "members", keyed[i].at, "key"),
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
connect_edge(struct ff_txn *txn, struct ff_graph *graph, uint32_t i)
{
    const struct ff_submit_edge *edge = &graph->edges.v[i];

    if (!find_key(graph, edge->from, &graph->from[i])) {
        return ff_graph_fail(txn, FF_E_INVALID_INPUT, ff_graph_place(txn, "edges", i, "from"),
                             "unknown_member");
    }
    if (!find_key(graph, edge->to, &graph->to[i])) {
        return ff_graph_fail(txn, FF_E_INVALID_INPUT, ff_graph_place(txn, "edges", i, "to"),
                             "unknown_member");
    }
    if (graph->from[i] == graph->to[i]) {
        return ff_graph_fail(txn, FF_E_SELF_REFERENCING_EDGE, ff_graph_place(txn, "edges", i, ""),
                             "self_referencing_edge");
    }
    if (ff_check_label(txn, edge->dependency_kind, "dependency_kind") != FF_E_OK) {
        return fail_under(txn, ff_graph_place(txn, "edges", i, ""));
    }
    graph->inbound[graph->to[i]]++;
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
            return ff_graph_fail(txn, FF_E_INVALID_INPUT,
                                 ff_graph_place(txn, "groups", i, "member"), "unknown_member");
        }
        if (graph->has_gate[at]) {
            return ff_graph_fail(txn, FF_E_INVALID_INPUT,
                                 ff_graph_place(txn, "groups", i, "member"), "already_exists");
        }
        if (ff_group_policy_read(txn, group->policy, &graph->gates[at]) != FF_E_OK) {
            return fail_under(txn, ff_graph_place(txn, "groups", i, ""));
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
check_member(struct ff_txn *txn, struct ff_graph *graph, uint32_t i)
{
    const struct ff_submit_member *member = &graph->members.v[i];
    ff_err err = ff_check_label(txn, member->execution_kind, "execution_kind");

    if (err == FF_E_OK) {
        err = ff_tags_check(txn, member->tags);
    }
    if (err == FF_E_OK) {
        err =
            ff_policy_parse(member->policy, "policy", txn->arena, &graph->policies[i], &txn->fault);
    }
    return err == FF_E_OK ? FF_E_OK : fail_under(txn, ff_graph_place(txn, "members", i, ""));
}

/* ---- reading, a part at a time ---- */

/* Members or edges of one part: 5 to 10 ms. */
#define PART 8192

enum { READ_HEAD, READ_KEYS, READ_MEMBERS, READ_EDGES, READ_GRAPH };

static ff_err
read_head(struct ff_txn *txn, const struct ff_submit_flow_args *args, struct ff_graph *graph)
{
    uint32_t n = args->members.n;

    graph->head = args->flow;
    graph->members = args->members;
    graph->edges = args->edges;
    graph->groups = args->groups;
    take_digest(args, &graph->digest);
    graph->partition = ff_partition_of_flow(&graph->head.flow_id, txn->facts->counts.flow);
    graph->policies = FF_ARENA_NEW(txn->arena, const struct ff_policy *, n);
    graph->from = FF_ARENA_NEW(txn->arena, uint32_t, args->edges.n);
    graph->to = FF_ARENA_NEW(txn->arena, uint32_t, args->edges.n);
    graph->inbound = FF_ARENA_NEW(txn->arena, uint32_t, n);
    return check_head(txn, graph);
}

ff_err
ff_graph_part(struct ff_txn *txn, struct ff_graph *graph, uint32_t n,
              ff_err (*one)(struct ff_txn *txn, struct ff_graph *graph, uint32_t i), bool *over)
{
    for (uint32_t i = 0; i < PART && graph->at < n; i++, graph->at++) {
        FF_TRY(one(txn, graph, graph->at));
    }
    *over = graph->at == n;
    return FF_E_OK;
}

ff_err
ff_graph_read_some(struct ff_txn *txn, const struct ff_submit_flow_args *args,
                   struct ff_graph *graph)
{
    bool over = true;

    switch (graph->stage) {
    case READ_HEAD:
        FF_TRY(read_head(txn, args, graph));
        break;
    case READ_KEYS:
        FF_TRY(sort_keys(txn, graph));
        break;
    case READ_MEMBERS:
        FF_TRY(ff_graph_part(txn, graph, graph->members.n, check_member, &over));
        break;
    case READ_EDGES:
        FF_TRY(ff_graph_part(txn, graph, graph->edges.n, connect_edge, &over));
        break;
    default:
        FF_TRY(read_gates(txn, graph));
        FF_TRY(check_acyclic(txn, graph));
        graph->is_read = true;
    }
    if (over) {
        graph->stage++;
        graph->at = 0;
    }
    return FF_E_OK;
}
