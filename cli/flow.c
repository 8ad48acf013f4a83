/* ffctl flow: submit a graph, cancel a flow, list flows (04). What it looks like: flow_show.c. */
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/flow.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/where.h"
#include "core/codec.h"
#include "core/id.h"

/* A graph of 10 000 members with inputs. */
#define FILE_BYTES_MAX (64u << 20)

static const struct argp_option own_options[] = {
    { "wait", 'w', NULL, 0, "submit, cancel: wait until the flow has ended", 0 },
    { "policy", 'p', "POLICY", 0, "cancel: flow_only, cancel_pending or cancel_all (default)", 0 },
    { "reason", 'r', "TEXT", 0, "cancel: kept with every cancelled member", 0 },
    FF_CLI_LISTING_OPTIONS('P'),
    { "dot", 'd', NULL, 0, "graph: for Graphviz (it is the only form, and the default)", 0 },
    { 0 },
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct ff_cli_flow *options = state->input;

    switch (key) {
    case 'w':
        options->wait = true;
        return 0;
    case 'p':
        options->policy = arg;
        return 0;
    case 'r':
        options->reason = arg;
        return 0;
    case 'P':
        ff_cli_listing_partition(&options->listing, arg, state);
        return 0;
    case 'm':
        ff_cli_listing_limit(&options->listing, arg, state);
        return 0;
    case 'd':
        return 0;
    default:
        return ff_cli_take_word(key, arg, state);
    }
}

static const struct ff_cli_command command = {
    own_options, parse, "submit FILE\nshow ID\nwatch ID\ncancel ID\nls\ngraph ID",
    "Work with flows: executions that wait for each other.\n\n"
    "submit reads a graph as JSON (- reads standard input) and prints the flow's id; show draws "
    "its members as a tree, with their states and what each waits for; watch does so until it has "
    "ended, in a pipe as a line for each change; cancel ends those that have not ended; graph "
    "writes it for Graphviz; ls lists flows.\v"
    "A graph is {\"flow\": {\"flow_kind\": K}, \"members\": [{\"key\": K, \"execution_kind\": K, "
    "\"input\": ANY}...], \"edges\": [{\"from\": K, \"to\": K}...], \"groups\": [{\"member\": K, "
    "\"policy\": {\"kind\": \"any_of\", \"on_satisfied\": \"cancel_remaining\"}}...]}: the "
    "arguments of submit_flow (`ffctl ops submit_flow'). What is left out: flow_id is made, "
    "namespace and lane_id are `default', a member in no group waits for all its edges; \"input\" "
    "is any JSON, handed on as its text.\n\n"
    "Exit status: 0 done, or with watch and --wait: completed; 1 the operation answered an error, "
    "or the flow failed or was cancelled; 2 wrong usage, nothing was done; 3 no daemon answers; "
    "4 --timeout was over first."
};

/* ---- submit ---- */

static void
set_default(json_t *map, const char *name, const char *value)
{
    if (json_object_get(map, name) == NULL) {
        json_object_set_new(map, name, json_string(value));
    }
}

/* "input": any JSON, in place of input_payload in base64. With both it is refused later. */
static void
spell_input(json_t *member)
{
    json_t *input = json_object_get(member, "input");
    char *text = NULL, *base64 = NULL;
    size_t room = 0;

    if (input == NULL || json_object_get(member, "input_payload") != NULL) {
        return;
    }
    text = json_dumps(input, JSON_ENCODE_ANY | JSON_COMPACT);
    room = sodium_base64_ENCODED_LEN(strlen(text), sodium_base64_VARIANT_ORIGINAL);
    base64 = calloc(room, 1);
    sodium_bin2base64(base64, room, (const unsigned char *) text, strlen(text),
                      sodium_base64_VARIANT_ORIGINAL);
    json_object_set_new(member, "input_payload", json_string(base64));
    set_default(member, "payload_encoding", "json");
    json_object_del(member, "input");
    free(base64);
    free(text);
}

/* What a graph by hand may leave out. */
static void
complete_graph(struct ff_cli *cli, json_t *graph)
{
    json_t *flow = json_object_get(graph, "flow"), *member = NULL;
    struct ff_uuid id = ff_cli_new_uuid();
    size_t i = 0;

    if (flow == NULL) {
        flow = json_object();
        json_object_set_new(graph, "flow", flow);
    }
    set_default(flow, "flow_id", ff_cli_uuid_text(&id, &cli->arena));
    set_default(flow, "flow_kind", "flow");
    set_default(flow, "namespace", "default");
    json_array_foreach(json_object_get(graph, "members"), i, member)
    {
        if (json_is_object(member)) {
            set_default(member, "lane_id", "default");
            spell_input(member);
        }
    }
}

/* A file, and what it says. */
struct graph {
    const char *path;
    struct ff_str text; /* to be freed */
    json_t *json;
};

static void
graph_done(struct graph *graph)
{
    json_decref(graph->json);
    free((char *) (uintptr_t) graph->text.p);
}

/* False: said why. */
static bool
read_graph(struct graph *graph)
{
    json_error_t error;

    if (!ff_cli_read_file(graph->path, FILE_BYTES_MAX, &graph->text)) {
        fprintf(stderr, "ffctl: %s: %s\n", graph->path,
                errno == EFBIG ? "larger than 64 MiB" : strerror(errno));
        return false;
    }
    graph->json = json_loadb(graph->text.p, graph->text.n, JSON_REJECT_DUPLICATES, &error);
    if (graph->json == NULL) {
        fprintf(stderr, "ffctl: %s: line %d, column %d: %s\n", graph->path, error.line,
                error.column, error.text);
    } else if (!json_is_object(graph->json)) {
        fprintf(stderr, "ffctl: %s: a graph is a map with flow, members and edges\n", graph->path);
    }
    return json_is_object(graph->json);
}

/* What stands at a position, as its author calls it: "member 'one': "; "" for nothing known. */
static const char *
call_it(const json_t *graph, const char *path, struct ff_arena *arena)
{
    static const struct {
        const char *list, *key, *to, *what;
    } lists[] = {
        { "members", "key", NULL, "member" },
        { "edges", "from", "to", "the edge" },
        { "groups", "member", NULL, "the group of" },
    };

    for (size_t i = 0; i < FF_COUNT(lists); i++) {
        size_t n = strlen(lists[i].list);
        const json_t *element = NULL;
        const char *key = NULL, *to = NULL;

        if (strncmp(path, lists[i].list, n) == 0 && path[n] == '[') {
            element = json_array_get(json_object_get(graph, lists[i].list),
                                     strtoul(path + n + 1, NULL, 10));
        }
        key = json_string_value(json_object_get(element, lists[i].key));
        to = lists[i].to == NULL ? NULL : json_string_value(json_object_get(element, lists[i].to));
        if (key != NULL) {
            return ff_arena_printf(arena, "%s '%s'%s%s%s: ", lists[i].what, key,
                                   to == NULL ? "" : " -> '", to == NULL ? "" : to,
                                   to == NULL ? "" : "'")
                .p;
        }
    }
    return "";
}

/* The path of an edge of a cycle, "edges[3]", and the cycle for people; NULL: it is none. */
static const char *
find_cycle(const json_t *graph, const json_t *cycle, const char **words, struct ff_arena *arena)
{
    const char *from = json_string_value(json_array_get(cycle, 0));
    const char *to = json_string_value(json_array_get(cycle, 1 % json_array_size(cycle)));
    const json_t *edge = NULL;
    size_t i = 0;

    *words = "";
    for (i = 0; i < json_array_size(cycle) && i < 20; i++) {
        const char *key = json_string_value(json_array_get(cycle, i));

        *words = ff_arena_printf(arena, "%s%s -> ", *words, key == NULL ? "?" : key).p;
    }
    *words = ff_arena_printf(arena, "cycle: %s%s", *words,
                             i < json_array_size(cycle) || from == NULL ? "..." : from)
                 .p;
    json_array_foreach(json_object_get(graph, "edges"), i, edge)
    {
        const char *a = json_string_value(json_object_get(edge, "from"));
        const char *b = json_string_value(json_object_get(edge, "to"));

        if (a != NULL && b != NULL && from != NULL && to != NULL && strcmp(a, from) == 0 &&
            strcmp(b, to) == 0) {
            return ff_arena_printf(arena, "edges[%zu]", i).p;
        }
    }
    return NULL;
}

/* "execution_knid: unknown field" */
static const char *
say_reason(const char *path, const char *reason, struct ff_arena *arena)
{
    const char *dot = strchr(path, '.'), *words = ff_cli_safe(ff_cstr(reason), arena);
    char *text = NULL;

    words = ff_arena_printf(arena, "%s: %s",
                            ff_cli_safe(ff_cstr(dot == NULL ? path : dot + 1), arena), words)
                .p;
    text = (char *) (uintptr_t) words;
    for (char *at = strstr(text, ": "); *at != '\0'; at++) {
        *at = *at == '_' ? ' ' : *at;
    }
    return text;
}

/* Where in the file it is wrong, and why. False: the fault does not lead into it. */
static bool
tell_place(const struct graph *graph, struct ff_answer *answer)
{
    struct ff_arena *arena = &answer->arena;
    struct ff_str text = ff_cli_json_of(answer->map, arena);
    json_t *error = json_loadb(text.p, text.n, 0, NULL);
    json_t *detail = json_object_get(error, "detail"), *cycle = json_object_get(detail, "cycle");
    const char *path = json_string_value(json_object_get(detail, "path"));
    const char *reason = json_string_value(json_object_get(detail, "reason")), *words = NULL;

    if (json_array_size(cycle) > 0) {
        path = find_cycle(graph->json, cycle, &words, arena);
    } else if (path != NULL && reason != NULL) {
        words = say_reason(path, reason, arena);
    }
    if (path != NULL && words != NULL) {
        fprintf(stderr,
                "ffctl: %s, line %u: %s%s\n       `ffctl flow --help' shows what a graph is,"
                " `ffctl ops submit_flow' all of it.\n",
                strcmp(graph->path, "-") == 0 ? "standard input" : graph->path,
                (unsigned) ff_cli_json_line(graph->text, path),
                ff_cli_safe(ff_cstr(call_it(graph->json, path, arena)), arena),
                ff_cli_safe(ff_cstr(words), arena));
    }
    json_decref(error);
    return path != NULL && words != NULL;
}

static int
send_graph(struct ff_cli *cli, const struct graph *graph, struct ff_submit_flow_result *result,
           struct ff_answer *answer)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_fault fault = { 0 };
    char *text = json_dumps(graph->json, JSON_COMPACT);
    ff_err err = FF_E_OK;

    ff_packer_init(&packer);
    err = ff_json_to_msgpack(ff_ops[FF_OP_submit_flow].args, ff_cstr(text), &packer.pk, &fault);
    free(text);
    FF_ASSERT(err == FF_E_OK); /* jansson has written it */
    err = ff_cli_call_named(cli, ff_cstr("submit_flow"), ff_packer_str(&packer), answer);
    if (err == FF_E_OK) {
        err = ff_answer_result(answer, FF_OP_submit_flow, result);
    }
    if (err == FF_E_OK) {
        return FF_CLI_OK;
    }
    return !cli->json && tell_place(graph, answer) ? FF_CLI_FAILED
                                                   : ff_cli_report(cli, "submit_flow", answer);
}

static int
submit(struct ff_cli *cli, void *data)
{
    struct ff_cli_flow *options = data;
    struct ff_submit_flow_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct graph graph = { .path = options->words.v[0] };
    int status = FF_CLI_USAGE;

    if (read_graph(&graph)) {
        complete_graph(cli, graph.json);
        status = send_graph(cli, &graph, &result, &answer);
    }
    graph_done(&graph);
    if (status == FF_CLI_OK && cli->json) {
        ff_cli_print_json(answer.map);
    } else if (status == FF_CLI_OK) {
        puts(ff_cli_uuid_text(&result.flow_id, &cli->arena));
        if (strcmp(result.outcome, "already_submitted") == 0) {
            fprintf(stderr, "ffctl: this graph was submitted before under this id\n");
        }
    }
    fflush(stdout);
    return status == FF_CLI_OK && options->wait ? ff_cli_flow_watch(cli, &result.flow_id) : status;
}

/* ---- cancel ---- */

static void
tell_cancelled(void *ctx, const void *result, struct ff_arena *arena)
{
    const struct ff_cancel_flow_result *cancelled = result;

    (void) ctx;
    (void) arena;
    printf("%s (%s), %u members\n", cancelled->outcome,
           ff_word(&ff_vocab_cancel_flow_policy, cancelled->cancellation_policy),
           (unsigned) cancelled->member_execution_ids.n);
}

static int
cancel(struct ff_cli *cli, void *data)
{
    const struct ff_cli_flow *options = data;
    struct ff_flow_wait wait = { .kind = FF_FLOW_WAIT_INDEFINITE };
    struct ff_cancel_flow_args args = {
        .flow_id = ff_cli_uuid(options->words.v[0], "a flow's id"),
        .policy = ff_cstr(options->policy == NULL ? "cancel_all" : options->policy),
        .reason = ff_cstr(options->reason == NULL ? "flow_cancelled" : options->reason),
    };
    const struct ff_cli_act act = { .op = FF_OP_cancel_flow,
                                    .args = &args,
                                    .tell = tell_cancelled };

    if (options->wait && cli->timeout_ms > 0) {
        wait.kind = FF_FLOW_WAIT_TIMEOUT;
        wait.timeout_ms = FF_SOME(ff_opt_u64, cli->timeout_ms);
    }
    args.wait = options->wait ? &wait : NULL;
    return ff_cli_do_tell(cli, &act);
}

/* ---- ls ---- */

static int
show_page(struct ff_cli_listing *listing, const struct ff_answer *answer, const void *result)
{
    const struct ff_list_flows_result *page = result;

    if (listing->cli->json && page->flows.n > 0) {
        ff_cli_print_json(answer->map);
    }
    for (uint32_t i = 0; i < page->flows.n && !listing->cli->json; i++) {
        const struct ff_flow_row *row = &page->flows.v[i];
        const char *cells[] = { ff_cli_uuid_text(&row->flow_id, &listing->table.arena),
                                ff_word(&ff_vocab_flow_status, row->status),
                                ff_cli_when(row->created_at, listing->now_ms,
                                            &listing->table.arena) };

        if (ff_cli_listing_full(listing)) {
            break;
        }
        ff_cli_listing_add(listing, cells);
    }
    return FF_CLI_OK;
}

static int
list(struct ff_cli *cli, void *data)
{
    return ff_cli_list_all(cli, &((struct ff_cli_flow *) data)->listing);
}

/* ---- the command ---- */

int
ff_cli_flow_command(struct ff_cli *cli, int argc, char **argv)
{
    static const struct ff_cli_verb verbs[] = {
        { "submit", 1, 1, "FILE", submit },
        { "show", 1, 1, "ID", ff_cli_flow_show_verb },
        { "watch", 1, 1, "ID", ff_cli_flow_watch_verb },
        { "cancel", 1, 1, "ID", cancel },
        { "ls", 0, 0, "", list },
        { "graph", 1, 1, "ID", ff_cli_flow_graph_verb },
    };
    static const char *const titles[] = { "FLOW", "STATUS", "CREATED" };
    struct ff_cli_flow options = { .listing = { FF_OP_list_flows,
                                                1000,
                                                show_page,
                                                NULL,
                                                { .titles = titles, .columns = 3 },
                                                FF_CLI_LISTING_DEFAULTS } };

    ff_cli_parse(cli, &command, argc, argv, &options);
    return ff_cli_run_verb(cli, verbs, FF_COUNT(verbs), &options.words);
}
