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

static void
tell_created(void *ctx, const void *result, struct ff_arena *arena)
{
    const struct ff_create_quota_policy_result *created = result;

    (void) ctx;
    (void) arena;
    ff_cli_print_created(&created->quota_policy_id, created->outcome);
}

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
    const struct ff_cli_act act = { .op = FF_OP_create_quota_policy,
                                    .args = &args,
                                    .tell = tell_created };

    return ff_cli_do_tell(cli, &act);
}

/* 0 sets no limit. */
static void
print_limit(const char *label, uint64_t limit, struct ff_arena *arena)
{
    ff_cli_print_row(label, limit == 0 ? "any" : ff_arena_printf(arena, "%" PRIu64, limit).p);
}

static void
tell_limits(void *ctx, const void *result, struct ff_arena *arena)
{
    const struct ff_quota_limits *limits =
        ((const struct ff_read_quota_policy_limits_result *) result)->limits;

    (void) ctx;
    if (limits == NULL) {
        fprintf(stderr, "ffctl: there is no such policy\n");
        return;
    }
    print_limit("requests in a window", limits->max_requests_per_window, arena);
    ff_cli_print_row("window", ff_arena_printf(arena, "%" PRIu64 " s",
                                               limits->window_seconds == 0 ? UINT64_C(60)
                                                                           : limits->window_seconds)
                                   .p);
    print_limit("at once", limits->max_concurrent, arena);
    ff_cli_print_row("jitter", ff_arena_printf(arena, "%" PRIu64 " ms", limits->jitter_ms).p);
}

/* An unknown policy is an answer of the operation, but a failure of the command. */
static int
judge_limits(const void *result)
{
    return ((const struct ff_read_quota_policy_limits_result *) result)->limits == NULL
               ? FF_CLI_FAILED
               : FF_CLI_OK;
}

static int
show(struct ff_cli *cli, void *arg)
{
    const struct quota_options *options = arg;
    const struct ff_read_quota_policy_limits_args args = { .quota_policy_id = ff_cli_uuid(
                                                               options->words.v[0], "ID") };
    const struct ff_cli_act act = { FF_OP_read_quota_policy_limits, &args, tell_limits,
                                    judge_limits, NULL };

    return ff_cli_do_tell(cli, &act);
}

static void
tell_checked(void *ctx, const void *result, struct ff_arena *arena)
{
    const struct ff_check_admission_result *checked = result;

    (void) ctx;
    (void) arena;
    printf("%s", checked->outcome);
    if (checked->retry_after_ms.is) {
        printf(": again in %" PRIu64 " ms", checked->retry_after_ms.v);
    }
    printf("\n");
}

/* A refusal is told by the status, too. */
static int
judge_checked(const void *result)
{
    return strstr(((const struct ff_check_admission_result *) result)->outcome, "admitted") != NULL
               ? FF_CLI_OK
               : FF_CLI_FAILED;
}

static int
check(struct ff_cli *cli, void *arg)
{
    const struct quota_options *options = arg;
    const struct ff_check_admission_args args = {
        .quota_policy_id = ff_cli_uuid(options->words.v[0], "ID"),
        .execution_id = ff_cli_eid(options->words.v[1]),
        .dimension = ff_cstr(options->dimension == NULL ? "default" : options->dimension),
    };
    const struct ff_cli_act act = { FF_OP_check_admission, &args, tell_checked, judge_checked,
                                    NULL };

    return ff_cli_do_tell(cli, &act);
}

static void
tell_released(void *ctx, const void *result, struct ff_arena *arena)
{
    (void) ctx;
    (void) arena;
    puts(((const struct ff_release_admission_result *) result)->outcome);
}

static int
release(struct ff_cli *cli, void *arg)
{
    const struct quota_options *options = arg;
    const struct ff_release_admission_args args = {
        .quota_policy_id = ff_cli_uuid(options->words.v[0], "ID"),
        .execution_id = ff_cli_eid(options->words.v[1]),
    };
    const struct ff_cli_act act = { .op = FF_OP_release_admission,
                                    .args = &args,
                                    .tell = tell_released };

    return ff_cli_do_tell(cli, &act);
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
