/* ffctl flow submit: reads a graph, completes and submits it, and says where it is wrong (04 §2.9).
 */
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

/* ---- reading ---- */

static void
set_default(json_t *map, const char *name, const char *value)
{
    if (json_object_get(map, name) == NULL) {
        json_object_set_new(map, name, json_string(value));
    }
}

/* "input": any JSON, in place of input_payload in base64. text: the input as it stands in the file.
 * With both it is refused later. */
static void
spell_input(json_t *member, struct ff_str text)
{
    json_t *input = json_object_get(member, "input");
    char *dumped = NULL, *base64 = NULL;
    size_t room = 0;

    if (input == NULL || json_object_get(member, "input_payload") != NULL) {
        return;
    }
    if (text.p == NULL) { /* its name is spelt with escapes */
        dumped = json_dumps(input, JSON_ENCODE_ANY | JSON_COMPACT);
        text = ff_cstr(dumped);
    }
    room = sodium_base64_ENCODED_LEN(text.n, sodium_base64_VARIANT_ORIGINAL);
    base64 = calloc(room, 1);
    FF_ASSERT(base64 != NULL);
    sodium_bin2base64(base64, room, (const unsigned char *) text.p, text.n,
                      sodium_base64_VARIANT_ORIGINAL);
    json_object_set_new(member, "input_payload", json_string(base64));
    set_default(member, "payload_encoding", "json");
    json_object_del(member, "input");
    free(base64);
    free(dumped);
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
    graph->json =
        json_loadb(graph->text.p, graph->text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (graph->json == NULL) {
        fprintf(stderr, "ffctl: %s: line %d, column %d: %s\n", graph->path, error.line,
                error.column, error.text);
    } else if (!json_is_object(graph->json)) {
        fprintf(stderr, "ffctl: %s: a graph is a map with flow, members and edges\n", graph->path);
    }
    return json_is_object(graph->json);
}

/* What a graph by hand may leave out. id: of --id, or NULL. */
static void
complete_graph(struct ff_cli *cli, const struct graph *graph, const char *id)
{
    struct ff_cli_json_list texts = ff_cli_json_list(graph->text, "members");
    json_t *flow = json_object_get(graph->json, "flow"), *member = NULL;
    struct ff_uuid new_id = ff_cli_new_uuid();
    struct ff_str text;
    size_t i = 0;

    if (flow == NULL) {
        flow = json_object();
        json_object_set_new(graph->json, "flow", flow);
    }
    if (id != NULL) {
        new_id = ff_cli_uuid(id, "a flow's id");
        json_object_del(flow, "flow_id");
    }
    set_default(flow, "flow_id", ff_cli_uuid_text(&new_id, &cli->arena));
    set_default(flow, "flow_kind", "flow");
    set_default(flow, "namespace", "default");
    json_array_foreach(json_object_get(graph->json, "members"), i, member)
    {
        text = ff_cli_json_next(&texts);
        if (json_is_object(member)) {
            set_default(member, "lane_id", "default");
            spell_input(member, ff_cli_json_value(text, "input"));
        }
    }
}

/* ---- telling where it is wrong ---- */

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

/* "execution_knid: unknown field", "members: too many, at most 10000" */
static const char *
say_reason(const char *path, const char *reason, const json_t *max, struct ff_arena *arena)
{
    const char *dot = strchr(path, '.');
    char *words = (char *) (uintptr_t) ff_arena_printf(arena, "%s", reason).p;

    for (char *at = words; *at != '\0'; at++) {
        *at = *at == '_' ? ' ' : *at;
    }
    words = (char *) (uintptr_t) ff_arena_printf(
                arena, "%s: %s", ff_cli_safe(ff_cstr(dot == NULL ? path : dot + 1), arena),
                ff_cli_safe(ff_cstr(words), arena))
                .p;
    return !json_is_integer(max) ? words
                                 : ff_arena_printf(arena, "%s, at most %lld", words,
                                                   (long long) json_integer_value(max))
                                       .p;
}

/* As its author has written it, and its line: what is sent as input_payload was perhaps input. */
static const char *
place_in(const struct graph *graph, const char *path, uint32_t *line, struct ff_arena *arena)
{
    static const char sent[] = ".input_payload";
    size_t n = strlen(path), end = sizeof(sent) - 1;

    if (!ff_cli_json_find(graph->text, path, line) && n > end &&
        strcmp(path + n - end, sent) == 0) {
        path = ff_arena_printf(arena, "%.*s.input", (int) (n - end), path).p;
        (void) ff_cli_json_find(graph->text, path, line);
    }
    return path;
}

/* Where in the file it is wrong, and why. False: the fault does not lead into it. */
static bool
tell_place(const struct graph *graph, struct ff_answer *answer)
{
    struct ff_arena *arena = &answer->arena;
    struct ff_str text = ff_cli_json_of(answer->map, arena);
    json_t *error = json_loadb(text.p, text.n, JSON_ALLOW_NUL, NULL);
    json_t *detail = json_object_get(error, "detail"), *cycle = json_object_get(detail, "cycle");
    const char *path = json_string_value(json_object_get(detail, "path")), *words = NULL;
    const char *reason = json_string_value(json_object_get(detail, "reason"));
    uint32_t line = 0;

    if (json_array_size(cycle) > 0) {
        path = find_cycle(graph->json, cycle, &words, arena);
    }
    if (path != NULL) {
        path = place_in(graph, path, &line, arena);
        reason = reason == NULL ? ff_error_info(answer->fault.code)->code : reason;
        words =
            words == NULL ? say_reason(path, reason, json_object_get(detail, "max"), arena) : words;
        fprintf(stderr,
                "ffctl: %s, line %u: %s%s\n       `ffctl flow --help' shows what a graph is,"
                " `ffctl ops submit_flow' all of it.\n",
                strcmp(graph->path, "-") == 0 ? "standard input" : graph->path, (unsigned) line,
                ff_cli_safe(ff_cstr(call_it(graph->json, path, arena)), arena),
                ff_cli_safe(ff_cstr(words), arena));
    }
    json_decref(error);
    return path != NULL;
}

/* ---- submitting ---- */

/* It may have been submitted all the same, and the id is not in the file. */
static void
tell_doubt(const struct graph *graph)
{
    fprintf(stderr,
            "       It is not known whether the flow was submitted. To find out, or to submit it:\n"
            "       ffctl flow submit --id %s %s\n",
            json_string_value(json_object_get(json_object_get(graph->json, "flow"), "flow_id")),
            graph->path);
}

static int
send_graph(struct ff_cli *cli, const struct graph *graph, struct ff_submit_flow_result *result,
           struct ff_answer *answer)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_fault fault = { 0 };
    char *text = json_dumps(graph->json, JSON_COMPACT);
    ff_err err = FF_E_OK;
    int status = FF_CLI_OK;

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
    if (!cli->json && tell_place(graph, answer)) {
        return FF_CLI_FAILED;
    }
    status = ff_cli_report(cli, "submit_flow", answer);
    if (answer->fault.retryable && cli->clients[FF_CLI_BROKER] != NULL && !cli->json) {
        tell_doubt(graph);
    }
    return status;
}

int
ff_cli_flow_submit_verb(struct ff_cli *cli, void *data)
{
    struct ff_cli_flow *options = data;
    struct ff_submit_flow_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct graph graph = { .path = options->words.v[0] };
    int status = FF_CLI_USAGE;

    if (read_graph(&graph)) {
        complete_graph(cli, &graph, options->id);
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
