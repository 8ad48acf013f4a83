#include <errno.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/input.h"
#include "cli/output.h"
#include "cli/wait.h"
#include "core/codec.h"
#include "core/id.h"

/* Keys of options that have no letter. */
enum { KEY_JSON = 256, KEY_ENCODING, KEY_DEADLINE, KEY_KEY, KEY_TAG, KEY_POLICY };

#define TAGS_MAX 64 /* of an execution (01 §1.8) */

struct submit_options {
    const char *input, *json, *policy; /* file, text, file */
    uint64_t delay_ms, deadline_ms;    /* from now; 0: none */
    bool wait;
    struct ff_tag tags[TAGS_MAX];
    struct ff_create_execution_args args;
};

static const struct argp_option own_options[] = {
    { "lane", 'l', "LANE", 0, "The queue it waits in (default: default)", 0 },
    { "namespace", 'n', "NAME", 0, "Its tenant (default: default)", 0 },
    { "input", 'i', "FILE", 0, "Its input, byte for byte; - reads standard input", 1 },
    { "input-json", KEY_JSON, "JSON", 0, "Its input: this text; its encoding is json", 1 },
    { "encoding", KEY_ENCODING, "TEXT", 0, "What the handler is told about the input's form", 1 },
    { "priority", 'p', "NUMBER", 0, "0 to 9000; higher goes first", 2 },
    { "delay", 'd', "TIME", 0, "Wait so long before it may start: 10s, 5m, 2h, 1d", 2 },
    { "deadline", KEY_DEADLINE, "TIME", 0, "It expires unless it has ended so long from now", 2 },
    { "key", KEY_KEY, "TEXT", 0,
      "Idempotency key: a second submission with it answers the first one's id", 2 },
    { "tag", KEY_TAG, "KEY=VALUE", 0, "Tag it; may be repeated", 2 },
    { "policy", KEY_POLICY, "FILE", 0, "Its policy as JSON: retries, time-outs, budgets and so on",
      2 },
    { "wait", 'w', NULL, 0, "Wait until it has ended; --timeout limits the wait", 3 },
    { 0 },
};

static void
add_tag(struct submit_options *options, char *arg, struct argp_state *state)
{
    char *equals = strchr(arg, '=');
    struct ff_tags *tags = &options->args.tags;

    if (equals == NULL || equals == arg) {
        argp_error(state, "--tag: '%s' is not of the form KEY=VALUE", arg);
        return;
    }
    if (tags->n == TAGS_MAX) {
        argp_error(state, "--tag: at most %d tags", TAGS_MAX);
        return;
    }
    tags->v = options->tags;
    tags->v[tags->n++] =
        (struct ff_tag){ ff_str(arg, (size_t) (equals - arg)), ff_cstr(equals + 1) };
}

static void
set_priority(struct submit_options *options, const char *arg, struct argp_state *state)
{
    int64_t value = 0;

    if (!ff_cli_parse_number(arg, INT32_MIN, INT32_MAX, &value)) {
        argp_error(state, "--priority: '%s' is no number", arg);
    }
    options->args.priority = FF_SOME(ff_opt_i32, (int32_t) value);
}

static void
set_time(uint64_t *ms_out, const char *arg, struct argp_state *state)
{
    if (!ff_cli_parse_duration(arg, ms_out) || *ms_out == 0) {
        argp_error(state, "'%s' is no time; write 10s, 5m, 2h or 1d", arg);
    }
}

static void
check(const struct submit_options *options, struct argp_state *state)
{
    if (options->args.execution_kind.p == NULL) {
        argp_error(state, "name the kind of the execution: what its handler is registered for");
    }
    if (options->input != NULL && options->json != NULL) {
        argp_error(state, "--input and --input-json exclude each other");
    }
    if (options->input != NULL && options->policy != NULL && strcmp(options->input, "-") == 0 &&
        strcmp(options->policy, "-") == 0) {
        argp_error(state, "standard input can be the input or the policy, not both");
    }
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct submit_options *options = state->input;
    struct ff_create_execution_args *args = &options->args;

    switch (key) {
    case 'l':
        args->lane_id = ff_cstr(arg);
        return 0;
    case 'n':
        args->namespace = ff_cstr(arg);
        return 0;
    case 'i':
        options->input = arg;
        return 0;
    case KEY_JSON:
        options->json = arg;
        return 0;
    case KEY_ENCODING:
        args->payload_encoding = ff_cstr(arg);
        return 0;
    case 'p':
        set_priority(options, arg, state);
        return 0;
    case 'd':
        set_time(&options->delay_ms, arg, state);
        return 0;
    case KEY_DEADLINE:
        set_time(&options->deadline_ms, arg, state);
        return 0;
    case KEY_KEY:
        args->idempotency_key = ff_cstr(arg);
        return 0;
    case KEY_TAG:
        add_tag(options, arg, state);
        return 0;
    case KEY_POLICY:
        options->policy = arg;
        return 0;
    case 'w':
        options->wait = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "one kind; input goes into --input or --input-json");
        }
        args->execution_kind = ff_cstr(arg);
        return 0;
    case ARGP_KEY_END:
        check(options, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ff_cli_command command = {
    own_options, parse, "KIND",
    "Create an execution of this kind and print its id. With --wait also wait for its end: the "
    "exit "
    "status then tells how it ended, as that of `ffctl wait' does.\v"
    "  id=$(ffctl submit sha256 --input /etc/passwd --wait) && ffctl result \"$id\"\n"
    "\n"
    "Exit status: 0 done; 1 the operation answered an error, or with --wait it did not complete; "
    "2 wrong usage, nothing was done; 3 no daemon or store answers; 4 the time for --wait was over "
    "first."
};

/* ---- what goes in ---- */

static size_t
limit_of(const char *arg)
{
    return (size_t) ff_field_find(ff_ops[FF_OP_create_execution].args, ff_cstr(arg))->max;
}

static bool
read_file(const char *path, size_t max, struct ff_str *out)
{
    if (ff_cli_read_file(path, max, out)) {
        return true;
    }
    if (errno == EFBIG) {
        fprintf(stderr, "ffctl: %s: larger than %zu bytes\n", path, max);
    } else {
        fprintf(stderr, "ffctl: %s: %s\n", path, strerror(errno));
    }
    return false;
}

static bool
take_input(struct submit_options *options)
{
    struct ff_create_execution_args *args = &options->args;
    json_error_t error;
    json_t *json = NULL;

    if (options->input != NULL) {
        return read_file(options->input, limit_of("input_payload"), &args->input_payload);
    }
    if (options->json == NULL) {
        return true;
    }
    json = json_loads(options->json, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (json == NULL) {
        fprintf(stderr, "ffctl: --input-json: %s at column %d\n", error.text, error.column);
        return false;
    }
    json_decref(json);
    args->input_payload = ff_cstr(options->json);
    if (args->payload_encoding.p == NULL) {
        args->payload_encoding = ff_cstr("json");
    }
    return true;
}

/* What the policy says is the daemon's to judge; here it is only turned into msgpack. */
static bool
take_policy(struct submit_options *options, struct ff_arena *arena)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_str json;
    bool ok = false;

    ff_packer_init(&packer);
    if (options->policy == NULL) {
        return true;
    }
    if (!read_file(options->policy, limit_of("policy"), &json)) {
        return false;
    }
    ok = ff_json_to_msgpack(NULL, json, &packer.pk, &fault) == FF_E_OK;
    if (ok) {
        options->args.policy = ff_arena_copy(arena, ff_packer_str(&packer));
    } else {
        fprintf(stderr, "ffctl: %s: not JSON: line %lld, column %lld\n", options->policy,
                (long long) fault.detail[1].v.i64, (long long) fault.detail[2].v.i64);
    }
    free((char *) (uintptr_t) json.p);
    return ok;
}

static const char *
user_name(struct ff_arena *arena)
{
    const struct passwd *user = getpwuid(geteuid());

    return user != NULL ? ff_arena_copy(arena, ff_str(user->pw_name, strlen(user->pw_name) + 1)).p
                        : ff_arena_printf(arena, "uid %u", (unsigned) geteuid()).p;
}

/* ---- what is done ---- */

/* Times from now are reckoned by the daemon's clock: only that one decides. */
static int
take_times(struct ff_cli *cli, struct submit_options *options)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_server_time_ms_args none = { 0 };
    struct ff_server_time_ms_result now = { 0 };
    int status = FF_CLI_OK;

    if (options->delay_ms == 0 && options->deadline_ms == 0) {
        return FF_CLI_OK;
    }
    status = ff_cli_do(cli, FF_OP_server_time_ms, &none, &now, &answer);
    if (status == FF_CLI_OK && options->delay_ms > 0) {
        options->args.delay_until =
            FF_SOME(ff_opt_i64, ff_time_add((int64_t) now.now_ms, options->delay_ms));
    }
    if (status == FF_CLI_OK && options->deadline_ms > 0) {
        options->args.execution_deadline_at =
            FF_SOME(ff_opt_i64, ff_time_add((int64_t) now.now_ms, options->deadline_ms));
    }
    return status;
}

static int
mint(struct ff_cli *cli, struct submit_options *options)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_mint_execution_id_args args = { .lane_id = options->args.lane_id };
    struct ff_mint_execution_id_result result = { 0 };
    int status = ff_cli_do(cli, FF_OP_mint_execution_id, &args, &result, &answer);

    options->args.execution_id = result.execution_id;
    return status;
}

static int
create(struct ff_cli *cli, const struct submit_options *options, struct ff_eid *id_out)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_create_execution_result result = { 0 };
    char id[FF_EID_TEXT_MAX];
    int status = ff_cli_do(cli, FF_OP_create_execution, &options->args, &result, &answer);

    if (status != FF_CLI_OK) {
        return status;
    }
    *id_out = result.execution_id;
    ff_eid_text(&result.execution_id, id);
    if (cli->json) {
        ff_cli_print_json(answer.map);
    } else {
        puts(id);
    }
    fflush(stdout);
    if (strcmp(result.outcome, "duplicate") == 0 && !cli->json) {
        fprintf(stderr, "ffctl: this key has been used before; the id is that of the first one\n");
    }
    return FF_CLI_OK;
}

static int
submit(struct ff_cli *cli, struct submit_options *options)
{
    struct ff_eid id = { 0 };
    int status = FF_CLI_OK;

    if (!take_input(options) || !take_policy(options, &cli->arena)) {
        return FF_CLI_USAGE;
    }
    status = take_times(cli, options);
    if (status == FF_CLI_OK) {
        status = mint(cli, options);
    }
    if (status == FF_CLI_OK) {
        status = create(cli, options, &id);
    }
    if (status == FF_CLI_OK && options->wait) {
        status = ff_cli_wait_for(cli, (struct ff_cli_ids){ &id, 1 }, cli->json);
    }
    return status;
}

int
ff_cli_submit(struct ff_cli *cli, int argc, char **argv)
{
    struct submit_options options = { 0 };
    int status = FF_CLI_OK;

    options.args.lane_id = ff_cstr("default");
    options.args.namespace = ff_cstr("default");
    options.args.creator_identity = ff_cstr(user_name(&cli->arena));
    ff_cli_parse(cli, &command, argc, argv, &options);
    status = submit(cli, &options);
    if (options.input != NULL) {
        free((char *) (uintptr_t) options.args.input_payload.p);
    }
    return status;
}
