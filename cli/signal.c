/* signal.c: the commands that let a waiting execution go on: signal, approve (03 §6). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/input.h"
#include "cli/output.h"
#include "core/id.h"
#include "core/partition.h"

#define TOKEN_BYTES_MAX 512

enum { KEY_TOKEN_FILE = 256, KEY_NAME, KEY_BY, KEY_REJECT, KEY_CATEGORY, KEY_CORRELATION };

struct signal_options {
    struct ff_eid execution_id;
    struct ff_opt_uuid waitpoint_id;
    struct ff_deliver_signal_args args;
    const char *input;      /* file of the payload */
    const char *token_file; /* "-": standard input */
    const char *by;         /* approve */
    bool reject;
};

static struct ff_uuid
parse_uuid(const struct argp_state *state, const char *text)
{
    struct ff_fault fault = { 0 };
    struct ff_uuid id = { { 0 } };

    if (ff_uuid_parse(ff_cstr(text), "waitpoint", &id, &fault) != FF_E_OK) {
        argp_error(state, "'%s' is no waitpoint id; `ffctl waitpoints EXECUTION' lists them", text);
    }
    return id;
}

/* "TYPE:IDENTITY", or an identity alone. */
static void
set_source(struct signal_options *options, const char *arg)
{
    const char *colon = strchr(arg, ':');

    options->args.source_identity = ff_cstr(colon == NULL ? arg : colon + 1);
    if (colon != NULL) {
        options->args.source_type = ff_str(arg, (size_t) (colon - arg));
    }
}

static bool
read_file(const char *path, size_t max, struct ff_str *out)
{
    if (ff_cli_read_file(path, max, out)) {
        return true;
    }
    fprintf(stderr, "ffctl: %s: %s\n", path,
            errno == EFBIG ? "larger than is possible" : strerror(errno));
    return false;
}

/* ---- who speaks, and to which waitpoint ---- */

static const char *
user_name(void)
{
    const char *name = getenv("USER");

    return name == NULL || name[0] == '\0' ? "ffctl" : name;
}

/* The only one that is open; the caller has named none. */
static int
find_waitpoint(struct ff_cli *cli, struct signal_options *options)
{
    const struct ff_list_pending_waitpoints_args args = { .execution_id = options->execution_id,
                                                          .limit = 2 };
    struct ff_list_pending_waitpoints_result open = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = ff_cli_do(cli, FF_OP_list_pending_waitpoints, &args, &open, &answer);

    if (status != FF_CLI_OK) {
        return status;
    }
    if (open.entries.n != 1) {
        fprintf(stderr, "ffctl: %s; `ffctl waitpoints' lists what is open\n",
                open.entries.n == 0 ? "it waits for no signal"
                                    : "it has several waitpoints: name one");
        return FF_CLI_FAILED;
    }
    options->waitpoint_id = FF_SOME(ff_opt_uuid, open.entries.v[0].waitpoint_id);
    return FF_CLI_OK;
}

/* "accepted: appended_to_waitpoint", or that it is known already. */
static int
say(struct ff_cli *cli, const struct ff_answer *answer, struct ff_opt_u32 effect)
{
    if (cli->json) {
        ff_cli_print_json(answer->map);
    } else if (effect.is) {
        printf("accepted: %s\n", ff_word(&ff_vocab_signal_effect, effect.v));
    } else {
        printf("duplicate: it was delivered before\n");
    }
    return FF_CLI_OK;
}

/* ---- signal ---- */

static const struct argp_option signal_own[] = {
    { "token-file", KEY_TOKEN_FILE, "FILE", 0,
      "Where the waitpoint's token stands (- is standard input); without it $FF_WAITPOINT_TOKEN is "
      "used, else the daemon is asked for the token, which operators may do",
      0 },
    { "input", 'i', "FILE", 0, "Send its bytes along; - is standard input", 0 },
    { "source", 'f', "[TYPE:]WHO", 0, "Who sends it (default user:$USER)", 0 },
    { "key", 'k', "KEY", 0, "Deliver it once under this key", 0 },
    { "category", KEY_CATEGORY, "TEXT", 0, "Recorded with it", 0 },
    { "correlation", KEY_CORRELATION, "ID", 0, "Recorded with it", 0 },
    { "delay", 'd', "TIME", 0, "If it resumes the execution, only after TIME", 0 },
    { 0 },
};

static error_t
parse_signal(int key, char *arg, struct argp_state *state)
{
    struct signal_options *options = state->input;
    struct ff_deliver_signal_args *args = &options->args;

    switch (key) {
    case KEY_TOKEN_FILE:
        options->token_file = arg;
        return 0;
    case 'i':
        options->input = arg;
        return 0;
    case 'f':
        set_source(options, arg);
        return 0;
    case 'k':
        args->idempotency_key = ff_cstr(arg);
        return 0;
    case KEY_CATEGORY:
        args->signal_category = ff_cstr(arg);
        return 0;
    case KEY_CORRELATION:
        args->correlation_id = ff_cstr(arg);
        return 0;
    case 'd':
        args->resume_delay_ms.is = true;
        if (!ff_cli_parse_duration(arg, &args->resume_delay_ms.v)) {
            argp_error(state, "--delay: '%s' is no time; write 10s, 500ms or 2m", arg);
        }
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            options->execution_id = ff_cli_parse_eid(state, arg);
        } else if (state->arg_num == 1) {
            options->waitpoint_id = FF_SOME(ff_opt_uuid, parse_uuid(state, arg));
        } else if (state->arg_num == 2) {
            args->signal_name = ff_cstr(arg);
        } else {
            argp_error(state, "'%s' is too much", arg);
        }
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < 3) {
            argp_error(state, "name the execution, the waitpoint and the signal");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ff_cli_command signal_command = {
    signal_own, parse_signal, "EXECUTION WAITPOINT NAME",
    "Deliver a signal to a waitpoint, and say what it did." //
    FF_CLI_EXIT_HELP
};

static struct ff_str
trimmed(struct ff_str text)
{
    while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r')) {
        text.n--;
    }
    return text;
}

/* As an operator: from the daemon itself. */
static int
ask_for_token(struct ff_cli *cli, struct signal_options *options)
{
    const struct ff_partition partition = { FF_PARTITION_FLOW, options->execution_id.partition };
    char key[FF_PARTITION_KEY_MAX];
    const struct ff_read_waitpoint_token_args args = {
        .partition = ff_str(key, ff_partition_key_text(partition, key)),
        .waitpoint_id = options->waitpoint_id.v,
        .execution_id = FF_SOME(ff_opt_eid, options->execution_id),
    };
    struct ff_read_waitpoint_token_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = ff_cli_do(cli, FF_OP_read_waitpoint_token, &args, &result, &answer);

    if (status == FF_CLI_OK && result.token.p == NULL) {
        fprintf(stderr, "ffctl: the execution has no such waitpoint, or it is closed\n");
        return FF_CLI_FAILED;
    }
    options->args.waitpoint_token = ff_arena_copy(&cli->arena, result.token);
    return status;
}

static int
find_token(struct ff_cli *cli, struct signal_options *options)
{
    const char *given = getenv("FF_WAITPOINT_TOKEN");

    if (options->token_file != NULL) {
        if (!read_file(options->token_file, TOKEN_BYTES_MAX, &options->args.waitpoint_token)) {
            return FF_CLI_NO_DAEMON;
        }
        options->args.waitpoint_token = trimmed(options->args.waitpoint_token);
        return FF_CLI_OK;
    }
    if (given != NULL && given[0] != '\0') {
        options->args.waitpoint_token = ff_cstr(given);
        return FF_CLI_OK;
    }
    return ask_for_token(cli, options);
}

int
ff_cli_signal(struct ff_cli *cli, int argc, char **argv)
{
    struct signal_options options = { .args = { .signal_category = ff_cstr(""),
                                                .source_type = ff_cstr("user"),
                                                .source_identity = ff_cstr(user_name()),
                                                .payload_encoding = ff_cstr("json"),
                                                .dedup_ttl_ms = 86400000,
                                                .signal_maxlen = 1000 } };
    struct ff_deliver_signal_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &signal_command, argc, argv, &options);
    if (options.input != NULL && !read_file(options.input, 65536, &options.args.payload)) {
        return FF_CLI_NO_DAEMON;
    }
    status = find_token(cli, &options);
    if (status != FF_CLI_OK) {
        return status;
    }
    options.args.execution_id = options.execution_id;
    options.args.waitpoint_id = options.waitpoint_id.v;
    status = ff_cli_do(cli, FF_OP_deliver_signal, &options.args, &result, &answer);
    return status == FF_CLI_OK ? say(cli, &answer, result.effect) : status;
}

/* ---- approve ---- */

static const struct argp_option approve_own[] = {
    { "reject", KEY_REJECT, NULL, 0, "Reject it: the signal is `rejected', not `approved'", 0 },
    { "name", KEY_NAME, "NAME", 0, "Another name of the signal", 0 },
    { "by", KEY_BY, "WHO", 0, "Who decided (default $USER): counts as the source", 0 },
    { "key", 'k', "KEY", 0, "Deliver it once under this key (default: who decided)", 0 },
    { 0 },
};

static error_t
parse_approve(int key, char *arg, struct argp_state *state)
{
    struct signal_options *options = state->input;

    switch (key) {
    case KEY_REJECT:
        options->reject = true;
        return 0;
    case KEY_NAME:
        options->args.signal_name = ff_cstr(arg);
        return 0;
    case KEY_BY:
        options->by = arg;
        return 0;
    case 'k':
        options->args.idempotency_key = ff_cstr(arg);
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            options->execution_id = ff_cli_parse_eid(state, arg);
        } else if (state->arg_num == 1) {
            options->waitpoint_id = FF_SOME(ff_opt_uuid, parse_uuid(state, arg));
        } else {
            argp_error(state, "'%s' is too much", arg);
        }
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name the execution");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ff_cli_command approve_command = {
    approve_own, parse_approve, "EXECUTION [WAITPOINT]",
    "Approve what an execution waits for, or reject it, without a token: for operators. The "
    "waitpoint need not be named where there is only one." //
    FF_CLI_EXIT_HELP
};

/* Its lane must be told (03 §6.1). */
static int
find_lane(struct ff_cli *cli, const struct ff_eid *id, struct ff_str *lane)
{
    const struct ff_read_execution_info_args args = { .execution_id = *id };
    struct ff_read_execution_info_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = ff_cli_do(cli, FF_OP_read_execution_info, &args, &result, &answer);

    if (status == FF_CLI_OK && result.info == NULL) {
        fprintf(stderr, "ffctl: there is no such execution\n");
        return FF_CLI_FAILED;
    }
    if (status == FF_CLI_OK) {
        *lane = ff_arena_copy(&cli->arena, result.info->lane_id);
    }
    return status;
}

int
ff_cli_approve(struct ff_cli *cli, int argc, char **argv)
{
    struct signal_options options = { .by = user_name() };
    struct ff_deliver_approval_signal_args args = { .dedup_ttl_ms = 86400000,
                                                    .signal_maxlen = 1000 };
    struct ff_deliver_approval_signal_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &approve_command, argc, argv, &options);
    status = find_lane(cli, &options.execution_id, &args.lane_id);
    if (status == FF_CLI_OK && !options.waitpoint_id.is) {
        status = find_waitpoint(cli, &options);
    }
    if (status != FF_CLI_OK) {
        return status;
    }
    args.execution_id = options.execution_id;
    args.waitpoint_id = options.waitpoint_id.v;
    args.signal_name = options.args.signal_name.n > 0
                           ? options.args.signal_name
                           : ff_cstr(options.reject ? "rejected" : "approved");
    args.decided_by = ff_cstr(options.by);
    args.idempotency_suffix =
        options.args.idempotency_key.n > 0 ? options.args.idempotency_key : ff_cstr(options.by);
    status = ff_cli_do(cli, FF_OP_deliver_approval_signal, &args, &result, &answer);
    return status == FF_CLI_OK ? say(cli, &answer, result.effect) : status;
}
