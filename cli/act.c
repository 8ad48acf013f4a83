/* act.c: the commands that change executions one by one: cancel, replay, priority, revoke. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "core/id.h"

/* What the command lines of this file say. */
struct act_options {
    struct ff_eid *ids;
    uint32_t n;
    const char *reason, *by, *lease, *worker;
    int64_t priority;
    bool wants_priority, has_priority; /* the first argument is a priority */
};

static error_t
parse_word(struct act_options *options, char *arg, struct argp_state *state)
{
    if (options->wants_priority && !options->has_priority) {
        if (!ff_cli_parse_number(arg, INT32_MIN, INT32_MAX, &options->priority)) {
            argp_error(state, "'%s' is no priority: a number, 0 to 9000", arg);
        }
        options->has_priority = true;
        return 0;
    }
    options->ids[options->n++] = ff_cli_parse_eid(state, arg);
    return 0;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct act_options *options = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        options->ids = calloc((size_t) state->argc, sizeof(*options->ids));
        return options->ids == NULL ? ENOMEM : 0;
    case 'r':
        options->reason = arg;
        return 0;
    case 'b':
        options->by = arg;
        return 0;
    case 'L':
        options->lease = arg;
        return 0;
    case 'w':
        options->worker = arg;
        return 0;
    case ARGP_KEY_ARG:
        return parse_word(options, arg, state);
    case ARGP_KEY_END:
        if (options->wants_priority && !options->has_priority) {
            argp_error(state, "name the priority, and then the executions");
        } else if (options->n == 0) {
            argp_error(state, "name the executions");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- one after the other ---- */

/* Does it to one; prints what came of it. */
typedef int act_on(struct ff_cli *cli, const struct act_options *options, const struct ff_eid *id);

static void
tell(const struct ff_eid *id, const char *what)
{
    char text[FF_EID_TEXT_MAX];

    ff_eid_text(id, text);
    printf("%s  %s\n", text, what);
}

/* All of them, also after one that failed; no daemon ends it. */
static int
act_on_all(struct ff_cli *cli, const struct act_options *options, act_on *act)
{
    int worst = FF_CLI_OK;

    for (uint32_t i = 0; i < options->n && worst != FF_CLI_NO_DAEMON; i++) {
        int status = act(cli, options, &options->ids[i]);

        if (status != FF_CLI_OK && options->n > 1 && !cli->json) {
            char text[FF_EID_TEXT_MAX];

            ff_eid_text(&options->ids[i], text);
            fprintf(stderr, "       It was %s.\n", text);
        }
        worst = status > worst ? status : worst;
    }
    return worst;
}

static int
run(struct ff_cli *cli, int argc, char **argv, const struct ff_cli_command *command, act_on *act)
{
    struct act_options options = { .reason = "", .by = "", .lease = "", .worker = "" };
    int status = FF_CLI_OK;

    options.wants_priority = strcmp(command->args_doc, "PRIORITY ID...") == 0;
    ff_cli_parse(cli, command, argc, argv, &options);
    status = act_on_all(cli, &options, act);
    free(options.ids);
    return status;
}

/* ---- cancel ---- */

static const struct argp_option cancel_options[] = {
    { "reason", 'r', "TEXT", 0, "Why, for people; kept with the execution", 0 }, { 0 }
};

static const struct ff_cli_command cancel_command = {
    cancel_options, parse, "ID...",
    "Cancel executions, whatever they do at the moment: a worker that holds a lease learns of it "
    "at "
    "its next call. One that is cancelled already stays so." FF_CLI_EXIT_HELP
};

static int
cancel_one(struct ff_cli *cli, const struct act_options *options, const struct ff_eid *id)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    const struct ff_cancel_execution_args args = { .execution_id = *id,
                                                   .reason = ff_cstr(options->reason),
                                                   .source = ff_cstr("operator_override") };
    struct ff_cancel_execution_result result = { 0 };
    int status = ff_cli_do(cli, FF_OP_cancel_execution, &args, &result, &answer);

    if (status == FF_CLI_OK && cli->json) {
        ff_cli_print_json(answer.map);
    } else if (status == FF_CLI_OK) {
        tell(id, ff_word(&ff_vocab_public_state, result.public_state));
    }
    return status;
}

int
ff_cli_cancel(struct ff_cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, &cancel_command, cancel_one);
}

/* ---- replay ---- */

static const struct argp_option replay_options[] = {
    { "reason", 'r', "TEXT", 0, "Why, for people; kept with the next attempt", 0 },
    { "by", 'b', "NAME", 0, "Who asks; kept with the next attempt", 0 },
    { 0 },
};

static const struct ff_cli_command replay_command = {
    replay_options, parse, "ID...",
    "Run executions again that have ended, however they ended: with a fresh budget of retries, as "
    "their next attempt. The old result goes, the old attempts stay readable." FF_CLI_EXIT_HELP
};

static int
replay_one(struct ff_cli *cli, const struct act_options *options, const struct ff_eid *id)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    const struct ff_replay_execution_args args = { .execution_id = *id,
                                                   .reason = ff_cstr(options->reason),
                                                   .requested_by = ff_cstr(options->by) };
    struct ff_replay_execution_result result = { 0 };
    int status = ff_cli_do(cli, FF_OP_replay_execution, &args, &result, &answer);

    if (status == FF_CLI_OK && cli->json) {
        ff_cli_print_json(answer.map);
    } else if (status == FF_CLI_OK) {
        tell(id, ff_word(&ff_vocab_public_state, result.public_state));
    }
    return status;
}

int
ff_cli_replay(struct ff_cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, &replay_command, replay_one);
}

/* ---- priority ---- */

static const struct ff_cli_command priority_command = {
    NULL, parse, "PRIORITY ID...",
    "Change the priority of executions that wait for a worker: 0 to 9000, the highest goes first. "
    "What is beyond counts as the nearest of these." FF_CLI_EXIT_HELP
};

static int
prioritise_one(struct ff_cli *cli, const struct act_options *options, const struct ff_eid *id)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    const struct ff_change_priority_args args = { .execution_id = *id,
                                                  .new_priority = (int32_t) options->priority,
                                                  .lane_id = ff_cstr("") };
    struct ff_change_priority_result result = { 0 };
    int status = ff_cli_do(cli, FF_OP_change_priority, &args, &result, &answer);
    char text[64];

    if (status == FF_CLI_OK && cli->json) {
        ff_cli_print_json(answer.map);
    } else if (status == FF_CLI_OK) {
        snprintf(text, sizeof(text), "%" PRId32 " -> %" PRId32, result.old_priority,
                 result.new_priority);
        tell(id, text);
    }
    return status;
}

int
ff_cli_priority(struct ff_cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, &priority_command, prioritise_one);
}

/* ---- revoke ---- */

static const struct argp_option revoke_options[] = {
    { "reason", 'r', "TEXT", 0, "Why, for people (default: operator)", 0 },
    { "lease", 'L', "UUID", 0, "Only if this is the lease", 0 },
    { "worker", 'w', "INSTANCE", 0, "Only if this worker process holds it", 0 },
    { 0 },
};

static const struct ff_cli_command revoke_command = {
    revoke_options, parse, "ID...",
    "Take executions away from the workers that hold them, and give them to the next that claims. "
    "Where there is no live lease nothing is done, and that is no failure; that --lease or "
    "--worker "
    "does not fit is one." FF_CLI_EXIT_HELP
};

static int
tell_revoked(const struct ff_eid *id, const struct ff_revoke_lease_result *result)
{
    char text[128], lease[FF_UUID_TEXT_MAX];

    if (strcmp(result->outcome, "revoked") != 0) {
        snprintf(text, sizeof(text), "nothing to revoke: %s", result->reason);
        tell(id, text);
        return strcmp(result->reason, "lease_id_mismatch") == 0 ||
                       strcmp(result->reason, "different_worker_instance_id") == 0
                   ? FF_CLI_FAILED
                   : FF_CLI_OK;
    }
    ff_uuid_text(&result->lease_id.v, lease);
    snprintf(text, sizeof(text), "revoked lease %s, epoch %" PRIu64, lease, result->lease_epoch.v);
    tell(id, text);
    return FF_CLI_OK;
}

static int
revoke_one(struct ff_cli *cli, const struct act_options *options, const struct ff_eid *id)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    const struct ff_revoke_lease_args args = {
        .execution_id = *id,
        .expected_lease_id = ff_cstr(options->lease),
        .worker_instance_id = ff_cstr(options->worker),
        .reason = ff_cstr(options->reason[0] == '\0' ? "operator" : options->reason),
    };
    struct ff_revoke_lease_result result = { 0 };
    int status = ff_cli_do(cli, FF_OP_revoke_lease, &args, &result, &answer);

    if (status == FF_CLI_OK && cli->json) {
        ff_cli_print_json(answer.map);
    } else if (status == FF_CLI_OK) {
        status = tell_revoked(id, &result);
    }
    return status;
}

int
ff_cli_revoke(struct ff_cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, &revoke_command, revoke_one);
}
