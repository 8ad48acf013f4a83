/* ffctl quota: define quota policies, look at them, try them (05 §2). */
#include <inttypes.h>
#include <stdio.h>

#include "cli/output.h"
#include "cli/words.h"

struct quota_options {
    struct ff_cli_words words; /* first */
    uint64_t window_ms, jitter_ms;
    int64_t rate, concurrent;
    const char *dimension;
};

static const struct argp_option own_options[] = {
    { "rate", 'r', "NUMBER", 0, "create: requests in a window; 0 (default): any", 0 },
    { "window", 'w', "TIME", 0, "create: length of the sliding window (default 60s)", 0 },
    { "concurrent", 'c', "NUMBER", 0, "create: executions at once; 0 (default): any", 0 },
    { "jitter", 'j', "TIME", 0, "create: random addition to what callers are told to wait", 0 },
    { "dimension", 'd', "NAME", 0, "check: the window that is meant (default: default)", 0 },
    { 0 },
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct quota_options *options = state->input;

    switch (key) {
    case 'r':
        if (!ff_cli_parse_number(arg, 0, 1000000, &options->rate)) {
            argp_error(state, "--rate: '%s' is no number up to 1000000", arg);
        }
        return 0;
    case 'c':
        if (!ff_cli_parse_number(arg, 0, INT64_MAX, &options->concurrent)) {
            argp_error(state, "--concurrent: '%s' is no number", arg);
        }
        return 0;
    case 'w':
        if (!ff_cli_parse_duration(arg, &options->window_ms) || options->window_ms % 1000 != 0) {
            argp_error(state, "--window: '%s' is no whole number of seconds; write 60s or 1h", arg);
        }
        return 0;
    case 'j':
        if (!ff_cli_parse_duration(arg, &options->jitter_ms)) {
            argp_error(state, "--jitter: '%s' is no time; write 500ms or 2s", arg);
        }
        return 0;
    case 'd':
        options->dimension = arg;
        return 0;
    default:
        return ff_cli_take_word(key, arg, state);
    }
}

static const struct ff_cli_command command = {
    own_options, parse, "create [ID]\nshow ID\ncheck ID EXECUTION\nrelease ID EXECUTION",
    "Work with quota policies: how many executions may start in a window, and how many may run at "
    "once.\n\n"
    "create prints the id, a new one unless it is given; check asks for an admission as a claim "
    "does, and records it; release gives it back." FF_CLI_EXIT_HELP
};

static int
create(struct ff_cli *cli, void *arg)
{
    const struct quota_options *options = arg;
    const struct ff_create_quota_policy_args args = {
        .quota_policy_id =
            options->words.n > 0 ? ff_cli_uuid(options->words.v[0], "ID") : ff_cli_new_uuid(),
        .window_seconds = options->window_ms / 1000,
        .max_requests_per_window = (uint64_t) options->rate,
        .max_concurrent = (uint64_t) options->concurrent,
        .jitter_ms = options->jitter_ms,
    };
    struct ff_create_quota_policy_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = ff_cli_do(cli, FF_OP_create_quota_policy, &args, &result, &answer);

    if (status == FF_CLI_OK && cli->json) {
        ff_cli_print_json(answer.map);
    } else if (status == FF_CLI_OK) {
        printf("%s\n", ff_cli_uuid_text(&result.quota_policy_id, &answer.arena));
        if (strcmp(result.outcome, "created") != 0) {
            fprintf(stderr, "ffctl: there is one of this id; it stays as it is\n");
        }
    }
    return status;
}

/* 0 sets no limit. */
static void
print_limit(const char *label, uint64_t limit, struct ff_arena *arena)
{
    ff_cli_print_row(label, limit == 0 ? "any" : ff_arena_printf(arena, "%" PRIu64, limit).p);
}

/* An unknown policy is an answer of the operation, but a failure of the command. */
static int
show(struct ff_cli *cli, void *arg)
{
    const struct quota_options *options = arg;
    const struct ff_read_quota_policy_limits_args args = { .quota_policy_id = ff_cli_uuid(
                                                               options->words.v[0], "ID") };
    struct ff_read_quota_policy_limits_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = ff_cli_do(cli, FF_OP_read_quota_policy_limits, &args, &result, &answer);

    if (status != FF_CLI_OK || cli->json) {
        if (status == FF_CLI_OK) {
            ff_cli_print_json(answer.map);
        }
        return status;
    }
    if (result.limits == NULL) {
        fprintf(stderr, "ffctl: there is no such policy\n");
        return FF_CLI_FAILED;
    }
    print_limit("requests in a window", result.limits->max_requests_per_window, &answer.arena);
    ff_cli_print_row("window", ff_arena_printf(&answer.arena, "%" PRIu64 " s",
                                               result.limits->window_seconds == 0
                                                   ? (uint64_t) 60
                                                   : result.limits->window_seconds)
                                   .p);
    print_limit("at once", result.limits->max_concurrent, &answer.arena);
    ff_cli_print_row("jitter",
                     ff_arena_printf(&answer.arena, "%" PRIu64 " ms", result.limits->jitter_ms).p);
    return FF_CLI_OK;
}

/* A refusal is told by the status, too. */
static int
check(struct ff_cli *cli, void *arg)
{
    const struct quota_options *options = arg;
    const struct ff_check_admission_args args = {
        .quota_policy_id = ff_cli_uuid(options->words.v[0], "ID"),
        .execution_id = ff_cli_eid(options->words.v[1]),
        .dimension = ff_cstr(options->dimension == NULL ? "default" : options->dimension),
    };
    struct ff_check_admission_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = ff_cli_do(cli, FF_OP_check_admission, &args, &result, &answer);

    if (status != FF_CLI_OK) {
        return status;
    }
    if (cli->json) {
        ff_cli_print_json(answer.map);
    } else if (result.retry_after_ms.is) {
        printf("%s: again in %" PRIu64 " ms\n", result.outcome, result.retry_after_ms.v);
    } else {
        printf("%s\n", result.outcome);
    }
    return strstr(result.outcome, "admitted") != NULL ? FF_CLI_OK : FF_CLI_FAILED;
}

static int
release(struct ff_cli *cli, void *arg)
{
    const struct quota_options *options = arg;
    const struct ff_release_admission_args args = {
        .quota_policy_id = ff_cli_uuid(options->words.v[0], "ID"),
        .execution_id = ff_cli_eid(options->words.v[1]),
    };
    struct ff_release_admission_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = ff_cli_do(cli, FF_OP_release_admission, &args, &result, &answer);

    if (status == FF_CLI_OK && cli->json) {
        ff_cli_print_json(answer.map);
    } else if (status == FF_CLI_OK) {
        printf("%s\n", result.outcome);
    }
    return status;
}

int
ff_cli_quota(struct ff_cli *cli, int argc, char **argv)
{
    static const struct ff_cli_verb verbs[] = {
        { "create", 0, 1, "", create },
        { "show", 1, 1, "ID", show },
        { "check", 2, 2, "ID or EXECUTION", check },
        { "release", 2, 2, "ID or EXECUTION", release },
    };
    struct quota_options options = { .window_ms = 60000 };

    ff_cli_parse(cli, &command, argc, argv, &options);
    return ff_cli_run_verb(cli, verbs, FF_COUNT(verbs), &options.words);
}
