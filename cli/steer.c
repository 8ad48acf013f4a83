/* steer.c: the commands that steer the processes of the daemon (00 §6). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/tree.h"
#include "core/clock.h"
#include "ipc/probe.h"

#define POLL_MS 20
/* A process gets so long to come or go before its command stops waiting for it. */
#define SETTLE_MS 60000
/* What a drain still waits for is told so often. */
#define DRAIN_TOLD_MS 1000

/* What the command lines of this file say. */
struct steer_options {
    const char *words[2];
    int n, min, max;  /* words that are there, that must be, that may be */
    const char *what; /* the missing one, for people */
    bool no_wait, wait;
    uint64_t grace_ms;
};

enum { KEY_NO_WAIT = 256 };

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct steer_options *options = state->input;

    switch (key) {
    case KEY_NO_WAIT:
        options->no_wait = true;
        return 0;
    case 'w':
        options->wait = true;
        return 0;
    case 'g':
        if (!ff_cli_parse_duration(arg, &options->grace_ms)) {
            argp_error(state, "--grace: '%s' is no time; write 10s, 500ms or 2m", arg);
        }
        return 0;
    case ARGP_KEY_ARG:
        if (options->n == options->max) {
            argp_error(state, "'%s' is too much", arg);
        }
        options->words[options->n++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (options->n < options->min) {
            argp_error(state, "%s is missing", options->what);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void
pause_ms(uint64_t ms)
{
    const struct timespec time = { .tv_sec = (time_t) (ms / 1000),
                                   .tv_nsec = (long) (ms % 1000) * 1000000 };

    nanosleep(&time, NULL);
}

/* ---- restart, stop, start ---- */

static const struct argp_option no_wait_option[] = {
    { "no-wait", KEY_NO_WAIT, NULL, 0, "Do not wait until it has happened", 0 }, { 0 }
};

static const struct ff_child *
find(const struct ff_child_list *list, const char *name, struct ff_arena *arena)
{
    for (uint32_t i = 0; i < list->n; i++) {
        struct ff_child_list below = ff_cli_children(&list->v[i], arena);
        const struct ff_child *found = ff_str_is(list->v[i].name, name) ? &list->v[i] : NULL;

        if (found == NULL && below.n > 0) {
            found = find(&below, name, arena);
        }
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

/* True: it neither comes nor goes any more. The control child may be the one that does. */
static bool
has_settled(struct ff_cli *cli, const char *name, enum ff_child_state *state)
{
    const struct ff_tree_args none = { 0 };
    struct ff_tree_result tree = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_client *client = NULL;
    const struct ff_child *child = NULL;

    if (ff_cli_connect(cli, FF_CLI_CONTROL, &client, &answer) != FF_E_OK ||
        ff_client_tree(client, &none, &tree, &answer) != FF_E_OK) {
        return false;
    }
    child = find(&tree.children, name, &answer.arena);
    if (child == NULL) { /* scaled away meanwhile */
        *state = FF_CHILD_STOPPED;
        return true;
    }
    *state = child->state;
    return *state != FF_CHILD_STARTING && *state != FF_CHILD_STOPPING;
}

static int
wait_for(struct ff_cli *cli, const char *name, enum ff_child_state wanted)
{
    enum ff_child_state state = FF_CHILD_STARTING;

    for (uint64_t waited_ms = 0; waited_ms < SETTLE_MS; waited_ms += POLL_MS) {
        if (has_settled(cli, name, &state)) {
            break;
        }
        pause_ms(POLL_MS);
    }
    if (!cli->json) {
        printf("%s is %s\n", name, ff_word(&ff_vocab_child_state, state));
    }
    if (state == wanted) {
        return FF_CLI_OK;
    }
    fprintf(stderr, "ffctl: %s is %s, not %s\n       The daemon's log says why.\n", name,
            ff_word(&ff_vocab_child_state, state), ff_word(&ff_vocab_child_state, wanted));
    return FF_CLI_FAILED;
}

/* The three operations have the same arguments and results. */
_Static_assert(sizeof(struct ff_restart_child_args) == sizeof(struct ff_stop_child_args) &&
                   sizeof(struct ff_restart_child_args) == sizeof(struct ff_start_child_args),
               "a name");

struct act {
    enum ff_op op;
    enum ff_child_state wanted;
    const char *doc;
};

static int
act_on_child(struct ff_cli *cli, int argc, char **argv, const struct act *act)
{
    const struct ff_cli_command command = { no_wait_option, parse, "NAME", act->doc };
    struct steer_options options = { .min = 1, .max = 1, .what = "the NAME of a process" };
    struct ff_restart_child_args args = { 0 };
    const struct ff_cli_act call = { .op = act->op, .args = &args };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &command, argc, argv, &options);
    args.name = ff_cstr(options.words[0]);
    status = ff_cli_do_tell(cli, &call);
    if (status != FF_CLI_OK || options.no_wait) {
        return status;
    }
    return wait_for(cli, options.words[0], act->wanted);
}

int
ff_cli_restart(struct ff_cli *cli, int argc, char **argv)
{
    const struct act act = { FF_OP_restart_child, FF_CHILD_READY,
                             "End a process of the daemon in order and start it again. NAME is one "
                             "of `ffctl tree'; that of a worker host means all of its processes." //
                             FF_CLI_EXIT_HELP };

    return act_on_child(cli, argc, argv, &act);
}

int
ff_cli_stop(struct ff_cli *cli, int argc, char **argv)
{
    const struct act act = { FF_OP_stop_child, FF_CHILD_STOPPED,
                             "End a process of the daemon in order and leave it stopped. `ffctl "
                             "shutdown' ends all of it." FF_CLI_EXIT_HELP };

    return act_on_child(cli, argc, argv, &act);
}

int
ff_cli_start(struct ff_cli *cli, int argc, char **argv)
{
    const struct act act = { FF_OP_start_child, FF_CHILD_READY,
                             "Start a process that was stopped or has failed." FF_CLI_EXIT_HELP };

    return act_on_child(cli, argc, argv, &act);
}

/* ---- scale ---- */

static void
tell_scaled(void *name, const void *result, struct ff_arena *arena)
{
    (void) arena;
    printf("%s has %" PRIu32 " processes from now on\n", (const char *) name,
           ((const struct ff_scale_host_result *) result)->count);
}

int
ff_cli_scale(struct ff_cli *cli, int argc, char **argv)
{
    static const struct ff_cli_command command = {
        NULL, parse, "HOST COUNT",
        "Set how many processes a worker host has, until the daemon ends or the host's section "
        "of the configuration changes. Processes that are too many finish what they "
        "run." FF_CLI_EXIT_HELP
    };
    struct steer_options options = { .min = 2, .max = 2, .what = "HOST or COUNT" };
    struct ff_scale_host_args args = { 0 };
    struct ff_cli_act act = { .op = FF_OP_scale_host, .args = &args, .tell = tell_scaled };
    int64_t count = 0;

    ff_cli_parse(cli, &command, argc, argv, &options);
    if (!ff_cli_parse_number(options.words[1], 0, UINT32_MAX, &count)) {
        fprintf(stderr, "ffctl: '%s' is no number of processes\n", options.words[1]);
        return FF_CLI_USAGE;
    }
    args.name = ff_cstr(options.words[0]);
    args.count = (uint32_t) count;
    act.ctx = (char *) (uintptr_t) options.words[0];
    return ff_cli_do_tell(cli, &act);
}

/* ---- drain, shutdown ---- */

/* Asks for so long a wait. *running: work is, and it may be waited for again, unless it is the last
 * one; shows: it is told. */
static int
drain_for(struct ff_cli *cli, uint64_t grace_ms, bool last, bool shows, bool *running)
{
    const struct ff_drain_args args = { .grace_ms = grace_ms };
    struct ff_drain_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_client *client = NULL;
    ff_err err = ff_cli_connect(cli, FF_CLI_CONTROL, &client, &answer);

    if (err != FF_E_OK) {
        ff_cli_seal_fault(&answer, "drain");
        return ff_cli_report(cli, "drain", &answer);
    }
    err = ff_client_drain(client, &args, &result, &answer);
    *running = err == FF_E_TIMEOUT && !ff_answer_is_lost(&answer);
    if (shows) {
        fprintf(stderr, "\r\033[K%s", *running && !last ? answer.fault.message : "");
    }
    if (*running && !last) {
        return FF_CLI_OK;
    }
    if (err != FF_E_OK) {
        return ff_cli_report(cli, "drain", &answer);
    }
    if (cli->json) {
        ff_cli_print_json(answer.map);
    } else {
        printf("drained: nothing of this daemon's workers is running\n");
    }
    return FF_CLI_OK;
}

int
ff_cli_drain(struct ff_cli *cli, int argc, char **argv)
{
    static const struct argp_option grace[] = {
        { "grace", 'g', "TIME", 0, "How long to wait for running work (default 60s)", 0 }, { 0 }
    };
    static const struct ff_cli_command command = {
        grace, parse, "",
        "Hand out no work any more and wait until none is running with this daemon's workers; on a "
        "terminal it shows what is. New work is still taken in, and goes on with other daemons on "
        "the same store. `ffctl restart broker' hands out work again." FF_CLI_EXIT_HELP
    };
    struct steer_options options = { .grace_ms = 60000 };
    int64_t from_ms = ff_mono_ms();
    bool running = true, shows = false;
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &command, argc, argv, &options);
    shows = isatty(STDERR_FILENO) && !cli->json;
    for (bool last = false; running && !last && status == FF_CLI_OK;) {
        uint64_t gone_ms = (uint64_t) (ff_mono_ms() - from_ms);
        uint64_t left_ms = options.grace_ms > gone_ms ? options.grace_ms - gone_ms : 0;

        last = !shows || left_ms <= DRAIN_TOLD_MS;
        running = false;
        status = drain_for(cli, last ? left_ms : DRAIN_TOLD_MS, last, shows, &running);
    }
    return status;
}

/* The socket is the last thing of a daemon to go. */
static int
wait_for_end(struct ff_cli *cli)
{
    struct ff_answer gone = { 0 };
    struct ff_client *client = NULL;

    do {
        ff_cli_disconnect(cli);
        ff_answer_done(&gone);
        gone = (struct ff_answer){ 0 };
        pause_ms(POLL_MS);
    } while (ff_cli_connect(cli, FF_CLI_CONTROL, &client, &gone) == FF_E_OK);
    ff_answer_done(&gone);
    return FF_CLI_OK;
}

int
ff_cli_shutdown(struct ff_cli *cli, int argc, char **argv)
{
    static const struct argp_option grace[] = {
        { "grace", 'g', "TIME", 0, "How long running work may take (default 15s)", 0 },
        { "wait", 'w', NULL, 0, "Wait until the daemon has ended", 0 },
        { 0 }
    };
    static const struct ff_cli_command command = {
        grace, parse, "",
        "End the daemon in order: no work is handed out any more, worker hosts finish or hand "
        "back what they run, then all of it ends. Nothing acknowledged is lost." FF_CLI_EXIT_HELP
    };
    struct steer_options options = { .grace_ms = 15000 };
    struct ff_shutdown_args args = { 0 };
    const struct ff_cli_act act = { .op = FF_OP_shutdown, .args = &args };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &command, argc, argv, &options);
    args.grace_ms = options.grace_ms;
    status = ff_cli_do_tell(cli, &act);
    return status == FF_CLI_OK && options.wait ? wait_for_end(cli) : status;
}

/* ---- reload, log-level ---- */

static void
tell_reloaded(void *ctx, const void *result, struct ff_arena *arena)
{
    const struct ff_reload_result *reloaded = result;

    (void) ctx;
    for (uint32_t i = 0; i < reloaded->changed.n; i++) {
        printf("changed: %s\n", ff_cli_safe(reloaded->changed.v[i], arena));
    }
    for (uint32_t i = 0; i < reloaded->pending.n; i++) {
        printf("not in force yet: %s\n", ff_cli_safe(reloaded->pending.v[i], arena));
    }
    if (reloaded->changed.n == 0) {
        printf("nothing has changed\n");
    }
}

int
ff_cli_reload(struct ff_cli *cli, int argc, char **argv)
{
    static const struct ff_cli_command command = {
        NULL, NULL, "",
        "Make the daemon read its configuration file again, apply what can be applied while it "
        "runs, and show what has changed. A file with an error in it changes nothing; "
        "`flowfabricd check-config' looks for errors beforehand." FF_CLI_EXIT_HELP
    };
    const struct ff_reload_args none = { 0 };
    const struct ff_cli_act act = { .op = FF_OP_reload, .args = &none, .tell = tell_reloaded };

    ff_cli_parse(cli, &command, argc, argv, NULL);
    return ff_cli_do_tell(cli, &act);
}

static bool
level_of(const char *word, enum ff_log_level *out)
{
    for (uint32_t i = 0; i < ff_vocab_log_level.n; i++) {
        if (strcmp(word, ff_vocab_log_level.words[i]) == 0) {
            *out = (enum ff_log_level) i;
            return true;
        }
    }
    return false;
}

int
ff_cli_log_level(struct ff_cli *cli, int argc, char **argv)
{
    static const struct ff_cli_command command = {
        NULL, parse, "LEVEL [PROCESS]",
        "Change how much is logged, at once: error, warn, info, debug or trace. PROCESS is one of "
        "`ffctl tree', or supervisor; without it, all of them." FF_CLI_EXIT_HELP
    };
    struct steer_options options = { .min = 1, .max = 2, .what = "the LEVEL" };
    struct ff_set_log_level_args args = { 0 };
    const struct ff_cli_act act = { .op = FF_OP_set_log_level, .args = &args };

    ff_cli_parse(cli, &command, argc, argv, &options);
    if (!level_of(options.words[0], &args.level)) {
        fprintf(stderr, "ffctl: '%s' is no level; they are error, warn, info, debug, trace\n",
                options.words[0]);
        return FF_CLI_USAGE;
    }
    args.process = ff_cstr(options.words[1]);
    return ff_cli_do_tell(cli, &act);
}
