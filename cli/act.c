/* act.c: the commands that change executions one by one: cancel, replay, priority, revoke. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/output.h"
#include "cli/words.h"
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
typedef int act_on(struct ff_cli *cli, const struct act_options *options, struct ff_eid *id);

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

static void
tell_cancelled(void *id, const void *result, struct ff_arena *arena)
{
    (void) arena;
    tell(id, ff_word(&ff_vocab_public_state,
                     ((const struct ff_cancel_execution_result *) result)->public_state));
}

static int
cancel_one(struct ff_cli *cli, const struct act_options *options, struct ff_eid *id)
{
    const struct ff_cancel_execution_args args = { .execution_id = *id,
                                                   .reason = ff_cstr(options->reason),
                                                   .source = ff_cstr("operator_override") };
    const struct ff_cli_act act = { FF_OP_cancel_execution, &args, tell_cancelled, NULL, id };

    return ff_cli_do_tell(cli, &act);
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

static void
tell_replayed(void *id, const void *result, struct ff_arena *arena)
{
    (void) arena;
    tell(id, ff_word(&ff_vocab_public_state,
                     ((const struct ff_replay_execution_result *) result)->public_state));
}

static int
replay_one(struct ff_cli *cli, const struct act_options *options, struct ff_eid *id)
{
    const struct ff_replay_execution_args args = { .execution_id = *id,
                                                   .reason = ff_cstr(options->reason),
                                                   .requested_by = ff_cstr(options->by) };
    const struct ff_cli_act act = { FF_OP_replay_execution, &args, tell_replayed, NULL, id };

    return ff_cli_do_tell(cli, &act);
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

static void
tell_priority(void *id, const void *result, struct ff_arena *arena)
{
    const struct ff_change_priority_result *changed = result;

    tell(id, ff_arena_printf(arena, "%" PRId32 " -> %" PRId32, changed->old_priority,
                             changed->new_priority)
                 .p);
}

static int
prioritise_one(struct ff_cli *cli, const struct act_options *options, struct ff_eid *id)
{
    const struct ff_change_priority_args args = { .execution_id = *id,
                                                  .new_priority = (int32_t) options->priority,
                                                  .lane_id = ff_cstr("") };
    const struct ff_cli_act act = { FF_OP_change_priority, &args, tell_priority, NULL, id };

    return ff_cli_do_tell(cli, &act);
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

static void
tell_revoked(void *id, const void *result, struct ff_arena *arena)
{
    const struct ff_revoke_lease_result *revoked = result;

    if (strcmp(revoked->outcome, "revoked") != 0) {
        tell(id, ff_arena_printf(arena, "nothing to revoke: %s", revoked->reason).p);
        return;
    }
    tell(id, ff_arena_printf(arena, "revoked lease %s, epoch %" PRIu64,
                             ff_cli_uuid_text(&revoked->lease_id.v, arena), revoked->lease_epoch.v)
                 .p);
}

static int
judge_revoked(const void *result)
{
    const struct ff_revoke_lease_result *revoked = result;

    return strcmp(revoked->outcome, "revoked") != 0 &&
                   (strcmp(revoked->reason, "lease_id_mismatch") == 0 ||
                    strcmp(revoked->reason, "different_worker_instance_id") == 0)
               ? FF_CLI_FAILED
               : FF_CLI_OK;
}

static int
revoke_one(struct ff_cli *cli, const struct act_options *options, struct ff_eid *id)
{
    const struct ff_revoke_lease_args args = {
        .execution_id = *id,
        .expected_lease_id = ff_cstr(options->lease),
        .worker_instance_id = ff_cstr(options->worker),
        .reason = ff_cstr(options->reason[0] == '\0' ? "operator" : options->reason),
    };
    const struct ff_cli_act act = { FF_OP_revoke_lease, &args, tell_revoked, judge_revoked, id };

    return ff_cli_do_tell(cli, &act);
}

int
ff_cli_revoke(struct ff_cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, &revoke_command, revoke_one);
}
