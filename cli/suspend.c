/* suspend.c: for commands that a worker host runs: wait for signals, and end (03 §4). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "core/id.h"
#include "workers/suspend.h"

enum { KEY_ON = 256, KEY_WANTED, KEY_BEHAVIOR, KEY_REASON, KEY_POINTER };

struct suspend_options {
    struct ff_awaited awaited[FF_SUSPEND_MAX];
    struct ff_awaiting awaiting;
    struct ff_suspending with;
};

static const struct argp_option own_options[] = {
    { "on", KEY_ON, "KEY[=SIGNAL]", 0,
      "Wait at a waitpoint of this name, for the signal of that name, or for any; may be repeated",
      0 },
    { "wanted", KEY_WANTED, "N", 0, "So many of them are enough (default: all)", 0 },
    { "within", 'w', "TIME", 0, "Not longer than TIME", 0 },
    { "then", KEY_BEHAVIOR, "WHAT", 0,
      "What becomes of it when the time is over: fail (the default), cancel, expire, "
      "auto_resume_with_timeout_signal or escalate",
      0 },
    { "reason", KEY_REASON, "WORD", 0,
      "For lists: waiting_for_signal (the default), "
      "waiting_for_approval, waiting_for_callback and so on",
      0 },
    { "key", 'k', "KEY", 0, "The same call under this key again does nothing new", 0 },
    { "pointer", KEY_POINTER, "TEXT", 0, "Given back by observe_signals", 0 },
    { 0 },
};

/* The word's place in its vocabulary; ends the process where it has none. */
static uint32_t
word(const struct argp_state *state, const struct ff_vocab *vocab, const char *option,
     const char *arg)
{
    for (uint32_t i = 0; i < vocab->n; i++) {
        if (strcmp(vocab->words[i], arg) == 0) {
            return i;
        }
    }
    argp_error(state, "%s: '%s' is none; `ffctl ops suspend' lists them", option, arg);
    return 0;
}

static void
add_awaited(const struct argp_state *state, struct suspend_options *options, char *arg)
{
    struct ff_awaited *awaited = &options->awaited[options->awaiting.n];
    char *equals = strchr(arg, '=');

    if (options->awaiting.n == FF_SUSPEND_MAX) {
        argp_error(state, "--on: at most %d waitpoints", FF_SUSPEND_MAX);
    }
    if (equals != NULL) {
        *equals = '\0';
        awaited->name = equals + 1;
    }
    awaited->key = arg;
    options->awaiting.n++;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct suspend_options *options = state->input;
    int64_t number = 0;

    switch (key) {
    case KEY_ON:
        add_awaited(state, options, arg);
        return 0;
    case KEY_WANTED:
        if (!ff_cli_parse_number(arg, 1, FF_SUSPEND_MAX, &number)) {
            argp_error(state, "--wanted: '%s' is no number from 1 to %d", arg, FF_SUSPEND_MAX);
        }
        options->awaiting.wanted = (uint32_t) number;
        return 0;
    case 'w':
        if (!ff_cli_parse_duration(arg, &options->with.timeout_ms)) {
            argp_error(state, "--within: '%s' is no time; write 10s, 5m or 2h", arg);
        }
        return 0;
    case KEY_BEHAVIOR:
        options->with.on_timeout =
            (enum ff_timeout_behavior) word(state, &ff_vocab_timeout_behavior, "--then", arg);
        return 0;
    case KEY_REASON:
        options->with.reason =
            (enum ff_suspend_reason) word(state, &ff_vocab_suspend_reason, "--reason", arg);
        return 0;
    case 'k':
        options->with.idempotency_key = arg;
        return 0;
    case KEY_POINTER:
        options->with.pointer = arg;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is too much", arg);
        return 0;
    case ARGP_KEY_END:
        if (options->awaiting.n == 0) {
            argp_error(state, "say what to wait for: --on KEY=SIGNAL");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ff_cli_command command = {
    own_options, parse, "",
    "For commands that a worker host runs: suspend the execution until signals come, then end. "
    "It is started again, with the signals in signals.json and FF_SIGNAL_*. Prints each waitpoint "
    "with its token, which is what a sender needs: keep that out of logs." //
    FF_CLI_EXIT_HELP
};

/* ---- who calls: what the worker host has told ---- */

static const char *
told(const char *name)
{
    const char *value = getenv(name);

    if (value == NULL || value[0] == '\0') {
        fprintf(stderr, "ffctl: %s is not set: this is for commands that a worker host runs\n",
                name);
        exit(FF_CLI_USAGE);
    }
    return value;
}

static void
read_fence(struct ff_fence *fence, struct ff_eid *id)
{
    struct ff_fault fault = { 0 };
    int64_t epoch = 0;
    bool ok =
        ff_eid_parse(ff_cstr(told("FF_EXECUTION_ID")), "", id, &fault) == FF_E_OK &&
        ff_uuid_parse(ff_cstr(told("FF_LEASE_ID")), "", &fence->lease_id.v, &fault) == FF_E_OK &&
        ff_uuid_parse(ff_cstr(told("FF_ATTEMPT_ID")), "", &fence->attempt_id.v, &fault) ==
            FF_E_OK &&
        ff_cli_parse_number(told("FF_LEASE_EPOCH"), 1, INT64_MAX, &epoch);

    if (!ok) {
        fprintf(stderr, "ffctl: FF_EXECUTION_ID, FF_LEASE_ID, FF_LEASE_EPOCH, FF_ATTEMPT_ID are "
                        "not what a worker host sets\n");
        exit(FF_CLI_USAGE);
    }
    fence->lease_epoch = FF_SOME(ff_opt_u64, (uint64_t) epoch);
    fence->lease_id.is = fence->attempt_id.is = true;
}

/* The host then sends no result. */
static void
tell_host(void)
{
    const char *dir = getenv("FF_DIR");
    char path[4096];
    int fd = -1;

    if (dir == NULL || snprintf(path, sizeof(path), "%s/released", dir) >= (int) sizeof(path)) {
        return;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    }
}

static void
print_waitpoint(struct ff_cli_table *table, const struct ff_waitpoint_ref *ref)
{
    char id[FF_UUID_TEXT_MAX];

    ff_uuid_text(&ref->waitpoint_id, id);
    {
        const char *cells[] = { ff_cli_cell(table, ref->waitpoint_key),
                                ff_cli_cell(table, ff_cstr(id)),
                                ff_cli_cell(table, ref->waitpoint_token) };

        ff_cli_table_add(table, cells);
    }
}

int
ff_cli_suspend(struct ff_cli *cli, int argc, char **argv)
{
    FF_SCOPED(ff_cli_table) table = { .columns = 3 };
    struct suspend_options options = { .with = { .reason = FF_SUSPEND_SIGNAL } };
    struct ff_suspend_by_triple_result result = { 0 };
    struct ff_suspend_by_triple_args args = { 0 };
    struct ff_suspend_args filled = { 0 };
    struct ff_fence fence = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &command, argc, argv, &options);
    options.awaiting.v = options.awaited;
    read_fence(&fence, &args.execution_id);
    args.fence = &fence;
    if (ff_suspend_fill(&options.with, &options.awaiting, &filled, &cli->arena) != NULL) {
        fprintf(stderr, "ffctl: %s\n",
                options.awaiting.wanted > options.awaiting.n
                    ? "--wanted is more than there are waitpoints"
                    : "with --wanted all waitpoints must want the same signal");
        return FF_CLI_USAGE;
    }
    args.waitpoints = filled.waitpoints;
    args.resume_condition = filled.resume_condition;
    args.reason_code = filled.reason_code;
    args.timeout_at = filled.timeout_at;
    args.timeout_behavior = filled.timeout_behavior;
    args.continuation_metadata_pointer = filled.continuation_metadata_pointer;
    args.idempotency_key = filled.idempotency_key;
    status = ff_cli_do(cli, FF_OP_suspend_by_triple, &args, &result, &answer);
    if (status != FF_CLI_OK) {
        return status;
    }
    tell_host();
    if (cli->json) {
        ff_cli_print_json(answer.map);
        return FF_CLI_OK;
    }
    {
        const struct ff_waitpoint_ref primary = { .waitpoint_id = result.details.waitpoint_id,
                                                  .waitpoint_key = result.details.waitpoint_key,
                                                  .waitpoint_token =
                                                      result.details.waitpoint_token };

        print_waitpoint(&table, &primary);
    }
    for (uint32_t i = 0; i < result.details.additional_waitpoints.n; i++) {
        print_waitpoint(&table, &result.details.additional_waitpoints.v[i]);
    }
    ff_cli_table_print(&table);
    return FF_CLI_OK;
}
