#include "cli/flow_look.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/output.h"
#include "cli/wait.h"
#include "core/id.h"

/* Calls made at a time. */
#define CHUNK 500

void
ff_cli_look_done(struct ff_cli_look *look)
{
    free(look->ids);
    free(look->links);
    ff_arena_done(&look->arena);
    *look = (struct ff_cli_look){ .n = 0 };
}

/* ---- asking ---- */

static int
ask_flow(struct ff_cli *cli, const struct ff_uuid *flow_id, struct ff_cli_look *look,
         struct ff_answer *answer)
{
    const struct ff_describe_flow_args args = { .flow_id = *flow_id };
    struct ff_describe_flow_result result = { 0 };
    int status = ff_cli_do(cli, FF_OP_describe_flow, &args, &result, answer);

    if (status == FF_CLI_OK && result.flow == NULL) {
        fprintf(stderr, "ffctl: there is no such flow; `ffctl flow ls' lists what there is\n");
        return FF_CLI_FAILED;
    }
    if (status == FF_CLI_OK) {
        look->flow = *result.flow;
    }
    return status;
}

static void
add_id(struct ff_cli_look *look, const struct ff_eid *id)
{
    look->ids = ff_grow(look->ids, &look->ids_room, look->n, sizeof(*look->ids));
    look->ids[look->n++] = *id;
}

/* Raw edges, until all ends are known by position. */
struct raw {
    struct ff_eid from, to;
    enum ff_edge_state state;
};
struct raws {
    struct raw *v;
    uint32_t n, room;
};

/* The inbound edges of up to CHUNK members that wait for something. */
static int
ask_edges(struct ff_cli *cli, struct ff_cli_look *look, uint32_t at, struct raws *raws)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    const struct ff_edge_group_snapshot_list *groups = &look->flow.edge_groups;
    struct ff_cli_many many = { .op = FF_OP_list_edges,
                                .n = groups->n - at < CHUNK ? groups->n - at : CHUNK };
    struct ff_list_edges_args *args = FF_ARENA_NEW(&arena, struct ff_list_edges_args, many.n);
    int status = FF_CLI_OK;

    many.args = args;
    many.answers = FF_ARENA_NEW(&arena, struct ff_answer, many.n);
    for (uint32_t i = 0; i < many.n; i++) {
        args[i].flow_id = look->flow.flow_id;
        args[i].direction.kind = FF_DIRECTION_INCOMING;
        args[i].direction.to_node = FF_SOME(ff_opt_eid, groups->v[at + i].downstream_execution_id);
    }
    status = ff_cli_do_many(cli, &many);
    for (uint32_t i = 0; i < many.n; i++) {
        struct ff_list_edges_result result = { 0 };

        if (status == FF_CLI_OK &&
            ff_answer_result(&many.answers[i], many.op, &result) == FF_E_OK) {
            for (uint32_t j = 0; j < result.edges.n; j++) {
                const struct ff_edge_snapshot *edge = &result.edges.v[j];

                raws->v = ff_grow(raws->v, &raws->room, raws->n, sizeof(*raws->v));
                raws->v[raws->n++] =
                    (struct raw){ edge->upstream_execution_id, edge->downstream_execution_id,
                                  edge->edge_state };
                add_id(look, &edge->upstream_execution_id);
                add_id(look, &edge->downstream_execution_id);
            }
        }
        ff_answer_done(&many.answers[i]);
    }
    return status;
}

int
ff_cli_eid_cmp(const void *a, const void *b)
{
    const struct ff_eid *x = a, *y = b;

    return x->partition != y->partition ? (x->partition < y->partition ? -1 : 1)
                                        : memcmp(x->uuid.b, y->uuid.b, sizeof(x->uuid.b));
}

static void
sort_ids(struct ff_cli_look *look)
{
    look->n = ff_sort_once(look->ids, look->n, sizeof(*look->ids), ff_cli_eid_cmp);
}

/* Which of these are members of the flow. */
static int
take_members(struct ff_cli *cli, struct ff_cli_look *look, const struct ff_strs *texts)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_cli_many many = { .op = FF_OP_resolve_execution_flow_id };
    struct ff_resolve_execution_flow_id_args *args =
        FF_ARENA_NEW(&arena, struct ff_resolve_execution_flow_id_args, texts->n);
    struct ff_fault fault = { 0 };
    int status = FF_CLI_OK;

    for (uint32_t i = 0; i < texts->n; i++) {
        many.n += ff_eid_parse(texts->v[i], "id", &args[many.n].execution_id, &fault) == FF_E_OK;
    }
    many.args = args;
    many.answers = FF_ARENA_NEW(&arena, struct ff_answer, many.n);
    status = ff_cli_do_many(cli, &many);
    for (uint32_t i = 0; i < many.n; i++) {
        struct ff_resolve_execution_flow_id_result result = { 0 };

        if (status == FF_CLI_OK &&
            ff_answer_result(&many.answers[i], many.op, &result) == FF_E_OK && result.flow_id.is &&
            ff_uuid_eq(result.flow_id.v, look->flow.flow_id)) {
            add_id(look, &args[i].execution_id);
        }
        ff_answer_done(&many.answers[i]);
    }
    return status;
}

/* Members without edges are found among the executions of the flow's partition. */
static int
ask_lonely(struct ff_cli *cli, struct ff_cli_look *look)
{
    const struct ff_partition_for_args of = { .flow_id = FF_SOME(ff_opt_uuid, look->flow.flow_id) };
    struct ff_partition_for_result partition = { 0 };
    FF_SCOPED(ff_answer) of_answer = { 0 };
    struct ff_list_executions_args args = { .limit = CHUNK };
    int status = ff_cli_do(cli, FF_OP_partition_for, &of, &partition, &of_answer);
    bool more = look->n < look->flow.node_count;

    args.partition = partition.partition_key;
    while (status == FF_CLI_OK && more) {
        struct ff_list_executions_result page = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        status = ff_cli_do(cli, FF_OP_list_executions, &args, &page, &answer);
        if (status == FF_CLI_OK) {
            status = take_members(cli, look, &page.executions);
        }
        args.cursor = ff_arena_copy(&look->arena, page.next_cursor);
        sort_ids(look);
        more = page.next_cursor.p != NULL && look->n < look->flow.node_count;
    }
    return status;
}

static int
ask_infos(struct ff_cli *cli, struct ff_cli_look *look, uint32_t at)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_cli_many many = { .op = FF_OP_read_execution_info,
                                .n = look->n - at < CHUNK ? look->n - at : CHUNK };
    struct ff_read_execution_info_args *args =
        FF_ARENA_NEW(&arena, struct ff_read_execution_info_args, many.n);
    int status = FF_CLI_OK;

    many.args = args;
    many.answers = FF_ARENA_NEW(&arena, struct ff_answer, many.n);
    for (uint32_t i = 0; i < many.n; i++) {
        args[i].execution_id = look->ids[at + i];
    }
    status = ff_cli_do_many(cli, &many);
    for (uint32_t i = 0; i < many.n; i++) {
        struct ff_read_execution_info_result result = { 0 };

        if (status == FF_CLI_OK &&
            ff_answer_result(&many.answers[i], many.op, &result) == FF_E_OK &&
            result.info != NULL) {
            look->infos[at + i] = *result.info;
            look->infos[at + i].execution_kind =
                ff_cstr(ff_cli_safe(result.info->execution_kind, &look->arena));
            look->infos[at + i].member_key =
                ff_cstr(ff_cli_safe(result.info->member_key, &look->arena));
            look->infos[at + i].blocking_detail =
                ff_cstr(ff_cli_safe(result.info->blocking_detail, &look->arena));
        }
        ff_answer_done(&many.answers[i]);
    }
    return status;
}

/* ---- putting it together ---- */

static uint32_t
position(const struct ff_cli_look *look, const struct ff_eid *id)
{
    const struct ff_eid *found =
        bsearch(id, look->ids, look->n, sizeof(*look->ids), ff_cli_eid_cmp);

    return found == NULL ? 0 : (uint32_t) (found - look->ids);
}

static int
link_cmp(const void *a, const void *b)
{
    const struct ff_cli_link *x = a, *y = b;

    return x->to != y->to ? (x->to < y->to ? -1 : 1) : x->from < y->from ? -1 : x->from > y->from;
}

static void
connect_all(struct ff_cli_look *look, const struct raws *raws)
{
    for (uint32_t i = 0; i < raws->n; i++) {
        look->links = ff_grow(look->links, &look->links_room, look->n_links, sizeof(*look->links));
        look->links[look->n_links++] =
            (struct ff_cli_link){ position(look, &raws->v[i].from), position(look, &raws->v[i].to),
                                  raws->v[i].state };
    }
    if (look->n_links > 1) {
        qsort(look->links, look->n_links, sizeof(*look->links), link_cmp);
    }
    look->into = FF_ARENA_NEW(&look->arena, uint32_t, look->n + 1u);
    for (uint32_t i = 0; i < look->n_links; i++) {
        look->into[look->links[i].to + 1]++;
    }
    for (uint32_t i = 0; i < look->n; i++) {
        look->into[i + 1] += look->into[i];
    }
}

/* Depths, each after those of all that the member waits for. A graph has no cycle. */
static void
measure(struct ff_cli_look *look)
{
    uint32_t *stack = FF_ARENA_NEW(&look->arena, uint32_t, look->n + 1u);
    uint32_t *next = FF_ARENA_NEW(&look->arena, uint32_t, look->n + 1u); /* link to look at */

    look->depth = FF_ARENA_NEW(&look->arena, uint32_t, look->n + 1u);
    memcpy(next, look->into, sizeof(*next) * look->n);
    for (uint32_t i = 0, n = 0; i < look->n; i++) {
        for (stack[n++] = i; n > 0;) {
            uint32_t at = stack[n - 1], from = 0;

            if (next[at] == look->into[at + 1]) {
                n--;
                continue;
            }
            from = look->links[next[at]].from;
            if (next[from] < look->into[from + 1] && n <= look->n) {
                stack[n++] = from;
                continue;
            }
            next[at]++;
            if (look->depth[at] <= look->depth[from]) {
                look->depth[at] = look->depth[from] + 1;
            }
        }
    }
}

/* ---- the tree ---- */

const char *
ff_cli_look_name(struct ff_cli_look *look, uint32_t at)
{
    const struct ff_execution_info *info = &look->infos[at];
    char text[FF_EID_TEXT_MAX];
    size_t n = 0;

    if (info->member_key.n > 0) {
        return info->member_key.p;
    }
    n = ff_eid_text(&look->ids[at], text);
    return ff_arena_printf(&look->arena, "%s %s",
                           info->execution_kind.p == NULL ? "?" : info->execution_kind.p,
                           text + (n > 8 ? n - 8 : 0))
        .p;
}

struct named {
    const char *name;
    uint32_t at;
};

/* "digest.9" before "digest.10". */
static int
named_cmp(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strverscmp(x->name, y->name);

    return order != 0 ? order : x->at < y->at ? -1 : x->at > y->at;
}

/* All by name. */
static struct named *
sort_names(struct ff_cli_look *look)
{
    struct named *all = FF_ARENA_NEW(&look->arena, struct named, look->n + 1u);

    for (uint32_t i = 0; i < look->n; i++) {
        all[i] = (struct named){ ff_cli_look_name(look, i), i };
    }
    qsort(all, look->n, sizeof(*all), named_cmp);
    return all;
}

/* Of those that it waits for, the deepest, and of these the last by name; NONE: it waits for
 * nothing. rank: of each position. */
#define NONE UINT32_MAX
static uint32_t
parent_of(const struct ff_cli_look *look, const uint32_t *rank, uint32_t at)
{
    uint32_t parent = NONE;

    for (uint32_t i = look->into[at]; i < look->into[at + 1]; i++) {
        uint32_t from = look->links[i].from;

        if (parent == NONE || look->depth[from] > look->depth[parent] ||
            (look->depth[from] == look->depth[parent] && rank[from] > rank[parent])) {
            parent = from;
        }
    }
    return parent;
}

static void
make_tree(struct ff_cli_look *look)
{
    uint32_t *first = FF_ARENA_NEW(&look->arena, uint32_t, look->n + 1u); /* [n]: of the roots */
    uint32_t *next = FF_ARENA_NEW(&look->arena, uint32_t, look->n + 1u);
    uint32_t *stack = FF_ARENA_NEW(&look->arena, uint32_t, look->n + 1u);
    uint32_t *rank = FF_ARENA_NEW(&look->arena, uint32_t, look->n + 1u);
    const struct named *names = sort_names(look);
    uint32_t n = 0, shown = 0;

    look->order = FF_ARENA_NEW(&look->arena, uint32_t, look->n + 1u);
    for (uint32_t i = 0; i <= look->n; i++) {
        first[i] = NONE;
    }
    for (uint32_t i = 0; i < look->n; i++) {
        rank[names[i].at] = i;
    }
    for (uint32_t i = look->n; i-- > 0;) {
        uint32_t at = names[i].at, parent = parent_of(look, rank, at);

        parent = parent == NONE ? look->n : parent;
        next[at] = first[parent];
        first[parent] = at;
    }
    stack[n++] = first[look->n];
    while (n > 0) {
        uint32_t at = stack[n - 1];

        if (at == NONE) {
            n--;
            continue;
        }
        stack[n - 1] = next[at];
        look->order[shown++] = at;
        stack[n++] = first[at];
    }
}

int
ff_cli_look(struct ff_cli *cli, const struct ff_uuid *flow_id, const struct ff_cli_look *before,
            struct ff_cli_look *look)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    struct raws raws = { .v = NULL };
    int status = ask_flow(cli, flow_id, look, &answer);

    for (uint32_t at = 0; status == FF_CLI_OK && at < look->flow.edge_groups.n; at += CHUNK) {
        status = ask_edges(cli, look, at, &raws);
    }
    sort_ids(look);
    if (before != NULL && before->flow.graph_revision == look->flow.graph_revision) {
        for (uint32_t i = 0; i < before->n; i++) {
            add_id(look, &before->ids[i]);
        }
        sort_ids(look);
    } else if (status == FF_CLI_OK) {
        status = ask_lonely(cli, look);
    }
    look->infos = FF_ARENA_NEW(&look->arena, struct ff_execution_info, look->n + 1u);
    for (uint32_t at = 0; status == FF_CLI_OK && at < look->n; at += CHUNK) {
        status = ask_infos(cli, look, at);
    }
    connect_all(look, &raws);
    measure(look);
    make_tree(look);
    free(raws.v);
    look->flow.edge_groups.n = 0; /* their texts go with the answer */
    look->flow.flow_kind = ff_cstr(ff_cli_safe(look->flow.flow_kind, &look->arena));
    return status;
}

uint32_t
ff_cli_look_ended(const struct ff_cli_look *look)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < look->n; i++) {
        n += look->infos[i].execution_kind.p == NULL ||
             ff_cli_has_ended(look->infos[i].public_state);
    }
    return n;
}
