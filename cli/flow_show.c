/* ffctl flow show, watch, graph: the members of a flow, and what each waits for (04 §7). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/flow.h"
#include "cli/output.h"
#include "core/id.h"

/* Calls made at a time. */
#define CHUNK 500
#define PAUSE_MS 300

struct link {
    uint32_t from, to; /* positions of members */
    enum ff_edge_state state;
};

/* A flow as it is at one look; texts live in the arena. */
struct look {
    struct ff_arena arena;
    struct ff_flow_snapshot flow;
    struct ff_eid *ids; /* of the members that are known, ascending */
    uint32_t n, ids_room;
    struct ff_execution_info *infos; /* of each; kind absent: it is gone */
    struct link *links;
    uint32_t n_links, links_room;
    uint32_t *depth;
};

static void
look_done(struct look *look)
{
    free(look->ids);
    free(look->links);
    ff_arena_done(&look->arena);
}

int64_t
ff_cli_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- asking ---- */

static int
ask_flow(struct ff_cli *cli, const struct ff_uuid *flow_id, struct look *look,
         struct ff_answer *answer)
{
    const struct ff_describe_flow_args args = { .flow_id = *flow_id };
    struct ff_describe_flow_result result = { 0 };
    int status = ff_cli_do(cli, FF_OP_describe_flow, &args, &result, answer);

    if (status == FF_CLI_OK && result.flow == NULL) {
        fprintf(stderr, "ffctl: there is no such flow\n");
        return FF_CLI_FAILED;
    }
    if (status == FF_CLI_OK) {
        look->flow = *result.flow;
    }
    return status;
}

static void
add_id(struct look *look, const struct ff_eid *id)
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
ask_edges(struct ff_cli *cli, struct look *look, uint32_t at, struct raws *raws)
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

static int
eid_cmp(const void *a, const void *b)
{
    const struct ff_eid *x = a, *y = b;

    return x->partition != y->partition ? (x->partition < y->partition ? -1 : 1)
                                        : memcmp(x->uuid.b, y->uuid.b, sizeof(x->uuid.b));
}

static void
sort_ids(struct look *look)
{
    uint32_t n = look->n > 0;

    if (look->n > 1) {
        qsort(look->ids, look->n, sizeof(*look->ids), eid_cmp);
    }
    for (uint32_t i = 1; i < look->n; i++) {
        if (!ff_eid_eq(look->ids[i], look->ids[n - 1])) {
            look->ids[n++] = look->ids[i];
        }
    }
    look->n = n;
}

/* Which of these are members of the flow. */
static int
take_members(struct ff_cli *cli, struct look *look, const struct ff_strs *texts)
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
ask_lonely(struct ff_cli *cli, struct look *look)
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
        more = page.next_cursor.p != NULL;
    }
    sort_ids(look);
    return status;
}

static int
ask_infos(struct ff_cli *cli, struct look *look, uint32_t at)
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
        }
        ff_answer_done(&many.answers[i]);
    }
    return status;
}

/* ---- putting it together ---- */

static uint32_t
position(const struct look *look, const struct ff_eid *id)
{
    const struct ff_eid *found = bsearch(id, look->ids, look->n, sizeof(*look->ids), eid_cmp);

    return found == NULL ? 0 : (uint32_t) (found - look->ids);
}

/* The longest way from a member that waits for nothing; a graph has no cycle. */
static void
measure(struct look *look)
{
    bool changed = true;

    look->depth = FF_ARENA_NEW(&look->arena, uint32_t, look->n + 1u);
    for (uint32_t round = 0; changed && round < look->n; round++) {
        changed = false;
        for (uint32_t i = 0; i < look->n_links; i++) {
            const struct link *link = &look->links[i];

            if (look->depth[link->to] <= look->depth[link->from]) {
                look->depth[link->to] = look->depth[link->from] + 1;
                changed = true;
            }
        }
    }
}

static void
connect_all(struct look *look, const struct raws *raws)
{
    for (uint32_t i = 0; i < raws->n; i++) {
        look->links = ff_grow(look->links, &look->links_room, look->n_links, sizeof(*look->links));
        look->links[look->n_links++] =
            (struct link){ position(look, &raws->v[i].from), position(look, &raws->v[i].to),
                           raws->v[i].state };
    }
    measure(look);
}

static int
take_look(struct ff_cli *cli, const struct ff_uuid *flow_id, struct look *look)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    struct raws raws = { .v = NULL };
    int status = ask_flow(cli, flow_id, look, &answer);

    for (uint32_t at = 0; status == FF_CLI_OK && at < look->flow.edge_groups.n; at += CHUNK) {
        status = ask_edges(cli, look, at, &raws);
    }
    sort_ids(look);
    if (status == FF_CLI_OK) {
        status = ask_lonely(cli, look);
    }
    look->infos = FF_ARENA_NEW(&look->arena, struct ff_execution_info, look->n + 1u);
    for (uint32_t at = 0; status == FF_CLI_OK && at < look->n; at += CHUNK) {
        status = ask_infos(cli, look, at);
    }
    connect_all(look, &raws);
    free(raws.v);
    look->flow.edge_groups.n = 0; /* their texts go with the answer */
    look->flow.flow_kind = ff_cstr(ff_cli_safe(look->flow.flow_kind, &look->arena));
    return status;
}

/* ---- showing ---- */

static const char *
short_id(struct look *look, uint32_t at)
{
    char text[FF_EID_TEXT_MAX];
    size_t n = ff_eid_text(&look->ids[at], text);

    return ff_arena_printf(&look->arena, "%s", text + (n > 8 ? n - 8 : 0)).p;
}

/* The upstreams that are not there yet: two by name, the others by number. */
static const char *
waits_for(struct look *look, uint32_t at)
{
    struct ff_str text = ff_cstr("");
    uint32_t n = 0;

    for (uint32_t i = 0; i < look->n_links; i++) {
        const struct link *link = &look->links[i];

        if (link->to != at || link->state == FF_EDGE_SATISFIED ||
            link->state == FF_EDGE_IMPOSSIBLE) {
            continue;
        }
        if (n++ < 2) {
            text = ff_arena_printf(&look->arena, "%s%s%s", text.p, n == 1 ? "" : " ",
                                   short_id(look, link->from));
        }
    }
    return n <= 2 ? text.p : ff_arena_printf(&look->arena, "%s +%u", text.p, n - 2).p;
}

static const char *
took(struct look *look, const struct ff_execution_info *info)
{
    int64_t end = info->completed_at.is ? info->completed_at.v : ff_cli_now_ms();

    return info->started_at.is
               ? ff_arena_printf(&look->arena, "%.1f s", (double) (end - info->started_at.v) / 1000)
                     .p
               : "";
}

static void
add_row(struct ff_cli_table *table, struct look *look, uint32_t at)
{
    const struct ff_execution_info *info = &look->infos[at];
    bool gone = info->execution_kind.p == NULL;
    int indent = (int) (look->depth[at] < 12 ? look->depth[at] : 12) * 2;
    bool ended = !gone && info->completed_at.is;
    const char *cells[] = {
        ff_arena_printf(&look->arena, "%*s%s", indent, "", gone ? "?" : info->execution_kind.p).p,
        gone ? "gone" : ff_word(&ff_vocab_public_state, info->public_state),
        gone ? "" : took(look, info),
        ended || gone ? "" : waits_for(look, at),
        short_id(look, at),
    };
    char *id = ff_arena_alloc(&look->arena, FF_EID_TEXT_MAX);

    ff_eid_text(&look->ids[at], id);
    cells[4] = id;
    ff_cli_table_add(table, cells);
}

struct place {
    uint32_t depth, at;
};

static int
place_cmp(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return x->depth != y->depth ? (x->depth < y->depth ? -1 : 1)
           : x->at < y->at      ? -1
                                : x->at > y->at;
}

static void
show(struct ff_cli *cli, struct look *look)
{
    static const char *const titles[] = { "MEMBER", "STATE", "TOOK", "WAITS FOR", "ID" };
    struct ff_cli_table table = { .titles = titles, .columns = 5 };
    struct place *places = FF_ARENA_NEW(&look->arena, struct place, look->n + 1u);

    (void) cli;
    printf("%s  %s, %s: %u members, %u edges\n",
           ff_cli_uuid_text(&look->flow.flow_id, &look->arena), look->flow.flow_kind.p,
           ff_word(&ff_vocab_flow_state, look->flow.public_flow_state),
           (unsigned) look->flow.node_count, (unsigned) look->flow.edge_count);
    if (look->flow.pending_cancel_count > 0) {
        printf("%u members are still to be cancelled\n",
               (unsigned) look->flow.pending_cancel_count);
    }
    for (uint32_t i = 0; i < look->n; i++) {
        places[i] = (struct place){ look->depth[i], i };
    }
    qsort(places, look->n, sizeof(*places), place_cmp);
    for (uint32_t i = 0; i < look->n; i++) {
        add_row(&table, look, places[i].at);
    }
    ff_cli_table_print(&table);
    ff_cli_table_done(&table);
    fflush(stdout);
}

static int
print_json(struct ff_cli *cli, const struct ff_uuid *flow_id)
{
    const struct ff_describe_flow_args args = { .flow_id = *flow_id };
    struct ff_describe_flow_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = ff_cli_do(cli, FF_OP_describe_flow, &args, &result, &answer);

    if (status == FF_CLI_OK) {
        ff_cli_print_json(answer.map);
        status = result.flow == NULL ? FF_CLI_FAILED : FF_CLI_OK;
    }
    return status;
}

int
ff_cli_flow_show_verb(struct ff_cli *cli, void *options)
{
    struct ff_uuid id = ff_cli_uuid(((struct ff_cli_flow *) options)->words.v[0], "a flow's id");
    struct look look = { .n = 0 };
    int status = FF_CLI_OK;

    if (cli->json) {
        return print_json(cli, &id);
    }
    status = take_look(cli, &id, &look);
    if (status == FF_CLI_OK) {
        show(cli, &look);
    }
    look_done(&look);
    return status;
}

/* ---- watch ---- */

static bool
has_ended(const struct ff_flow_snapshot *flow)
{
    return flow->public_flow_state == FF_FLOW_COMPLETED ||
           flow->public_flow_state == FF_FLOW_FAILED ||
           (flow->public_flow_state == FF_FLOW_CANCELLED && flow->pending_cancel_count == 0);
}

/* On a terminal the picture stays in its place; elsewhere a line per change of state. */
static void
show_again(struct ff_cli *cli, struct look *look, enum ff_flow_state *told)
{
    if (isatty(STDOUT_FILENO) && !cli->json) {
        printf("\033[H\033[J");
        show(cli, look);
    } else if (look->flow.public_flow_state != *told) {
        printf("%s\n", ff_word(&ff_vocab_flow_state, look->flow.public_flow_state));
        fflush(stdout);
    }
    *told = look->flow.public_flow_state;
}

int
ff_cli_flow_watch(struct ff_cli *cli, const struct ff_uuid *flow_id)
{
    const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000 };
    int64_t until_ms =
        cli->timeout_ms > 0 ? ff_time_add(ff_cli_now_ms(), cli->timeout_ms) : INT64_MAX;
    enum ff_flow_state told = FF_FLOW_CANCELLED + 1;

    for (;;) {
        struct look look = { .n = 0 };
        int status = take_look(cli, flow_id, &look);
        bool ended = status == FF_CLI_OK && has_ended(&look.flow);
        bool good = look.flow.public_flow_state == FF_FLOW_COMPLETED;

        if (status == FF_CLI_OK) {
            show_again(cli, &look, &told);
        }
        look_done(&look);
        if (status != FF_CLI_OK || ended) {
            return status != FF_CLI_OK ? status : good ? FF_CLI_OK : FF_CLI_FAILED;
        }
        if (ff_cli_now_ms() >= until_ms) {
            return FF_CLI_LATE;
        }
        nanosleep(&pause, NULL);
    }
}

int
ff_cli_flow_watch_verb(struct ff_cli *cli, void *options)
{
    struct ff_uuid id = ff_cli_uuid(((struct ff_cli_flow *) options)->words.v[0], "a flow's id");

    return ff_cli_flow_watch(cli, &id);
}

/* ---- graph ---- */

static const char *
colour(const struct ff_execution_info *info)
{
    switch (info->public_state) {
    case FF_PUBLIC_COMPLETED:
        return "palegreen";
    case FF_PUBLIC_FAILED:
    case FF_PUBLIC_EXPIRED:
        return "salmon";
    case FF_PUBLIC_ACTIVE:
        return "lightskyblue";
    case FF_PUBLIC_CANCELLED:
    case FF_PUBLIC_SKIPPED:
        return "lightgrey";
    default:
        return "white";
    }
}

/* Quotes would end a label. */
static const char *
label(struct look *look, struct ff_str text)
{
    char *out = ff_arena_copy(&look->arena, ff_str(text.p, text.n)).n == 0
                    ? ff_arena_zalloc(&look->arena, 1)
                    : ff_arena_zalloc(&look->arena, text.n + 1u);

    for (uint32_t i = 0; i < text.n; i++) {
        out[i] = (char) (text.p[i] == '"' || text.p[i] == '\\' ? '\'' : text.p[i]);
    }
    return out;
}

int
ff_cli_flow_graph_verb(struct ff_cli *cli, void *options)
{
    struct ff_uuid id = ff_cli_uuid(((struct ff_cli_flow *) options)->words.v[0], "a flow's id");
    struct look look = { .n = 0 };
    int status = take_look(cli, &id, &look);

    if (status == FF_CLI_OK) {
        printf("digraph flow {\n  node [shape=box, style=filled];\n");
        for (uint32_t i = 0; i < look.n; i++) {
            printf("  n%u [label=\"%s\\n%s\", fillcolor=%s];\n", (unsigned) i,
                   label(&look, look.infos[i].execution_kind), short_id(&look, i),
                   colour(&look.infos[i]));
        }
        for (uint32_t i = 0; i < look.n_links; i++) {
            printf("  n%u -> n%u%s;\n", (unsigned) look.links[i].from, (unsigned) look.links[i].to,
                   look.links[i].state == FF_EDGE_IMPOSSIBLE ? " [style=dashed]" : "");
        }
        printf("}\n");
    }
    look_done(&look);
    return status;
}
