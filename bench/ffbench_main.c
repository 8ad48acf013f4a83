/* ffbench_main.c: benchmarks of a FlowFabric daemon, each starting its own. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

static const char doc[] =
    "Benchmarks of FlowFabric; each starts a broker of its own in a temporary directory.\v"
    "Scenarios:\n"
    "  lifecycle   create, claim, complete: one at a time, one call in flight per worker,\n"
    "              and with claim_many and batched frames; the raw figures before it\n"
    "  backlog     memory and start-up with many waiting executions\n"
    "  wake        from the enqueueing to a parked worker that has it: one, and all of them "
    "parked\n"
    "  routed      ten kinds of workers on one lane: 40 workers, 40 000 executions\n"
    "  flow        linear flows of ten members; goal: 1 000 flows/s with 16 workers\n"
    "  quorum      any_of with cancel_remaining over 10, 100 and 1 000 siblings\n"
    "  pause       how long others wait while it works on a flow of 10 000 members\n"
    "  blocked     a claim with 100 000 blocked executions before the one it gets\n"
    "  suspend     from suspending, and from the signal, to the resumed claim\n"
    "  timers      how late a delayed execution is with a parked worker: delays spread out, and "
    "50 at once\n"
    "  shared      two daemons on the store of --store: from the one's enqueueing to a worker "
    "that\n"
    "              is parked with the other; lifecycles with one daemon, and with both\n"
    "  raw         what nng, SQLite and the disk do alone on this machine\n"
    "  all         all of them\n\n"
    "Figures: operations a second, and the 50th, 95th and 99th percentile of one, in\n"
    "microseconds. Machines are noisy: compare figures of one run.";

static const struct argp_option argp_options[] = {
    { "json", 'j', NULL, 0, "print JSON", 0 },
    { "store", 's', "URL", 0, "store (default: sqlite, durability commit)", 0 },
    { "dir", 'd', "DIR", 0, "where the temporary directory is made (default /tmp)", 0 },
    { "supervised", 'S', NULL, 0, "the whole daemon with its supervisor, not the broker alone", 0 },
    { "workers", 'w', "N", 0, "workers (16)", 0 },
    { "batch", 'b', "N", 0, "executions of one claim_many (32)", 0 },
    { "payload", 'p', "BYTES", 0, "input of an execution (300)", 0 },
    { "connections", 'c', "N", 0, "connections that the workers share (1)", 0 },
    { "backlog", 'n', "N", 0, "waiting executions of scenario backlog (1 000 000)", 0 },
    { "only", 'o', "VARIANT", 0,
      "of lifecycle only this variant: one_at_a_time, single or batched, no raw figures; of shared:"
      " one_parked, all_parked, one_daemon or two_daemons; of pause: chain, fan_out, fan_in or "
      "any_of",
      0 },
    { "window", 'W', "N", 0, "messages under way on a connection (the library's default)", 0 },
    { "seconds", 't', "S", 0, "length of a variant (5)", 0 },
    { 0 },
};

/* What argp fills. */
struct command {
    struct ff_bench_options options;
    const char *scenario;
};

/* From 1 to max; ends the process with the reason where it is not. */
static uint32_t
number(const char *text, uint32_t max, struct argp_state *state)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value == 0 || value > max) {
        argp_error(state, "'%s' is not a number from 1 to %u", text, max);
    }
    return (uint32_t) value;
}

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct command *command = state->input;
    struct ff_bench_options *options = &command->options;

    switch (key) {
    case 'j':
        options->json = true;
        return 0;
    case 'S':
        options->supervised = true;
        return 0;
    case 's':
        options->store = arg;
        return 0;
    case 'd':
        options->dir = arg;
        return 0;
    case 'w':
        options->workers = number(arg, 256, state);
        return 0;
    case 'b':
        options->batch = number(arg, 256, state);
        return 0;
    case 'p':
        options->payload = number(arg, 1 << 20, state);
        return 0;
    case 'c':
        options->connections = number(arg, 16, state);
        return 0;
    case 'n':
        options->backlog = number(arg, 100000000, state);
        return 0;
    case 'W':
        options->window = number(arg, 60, state);
        return 0;
    case 'o':
        options->only = arg;
        return 0;
    case 't':
        options->seconds = number(arg, 3600, state);
        return 0;
    case ARGP_KEY_ARG:
        command->scenario = arg;
        return state->arg_num == 0 ? 0 : ARGP_ERR_UNKNOWN;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* In the order in which `all` runs them. */
static const struct scenario {
    const char *name;
    int (*run)(const struct ff_bench_options *options);
} scenarios[] = {
    { "raw", ff_bench_raw },         { "lifecycle", ff_bench_lifecycle },
    { "backlog", ff_bench_backlog }, { "wake", ff_bench_wake },
    { "suspend", ff_bench_suspend }, { "timers", ff_bench_timers },
    { "routed", ff_bench_routed },   { "blocked", ff_bench_blocked },
    { "flow", ff_bench_flow },       { "quorum", ff_bench_quorum },
    { "pause", ff_bench_pause },     { "shared", ff_bench_shared },
};

int
main(int argc, char **argv)
{
    const struct argp argp = {
        .options = argp_options, .parser = parse_option, .args_doc = "SCENARIO", .doc = doc
    };
    struct command command = {
        .options = { .workers = 16,
                     .batch = 32,
                     .payload = 300,
                     .backlog = 1000000,
                     .connections = 1,
                     .seconds = 5 },
    };
    bool all = false, any = false;

    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &command);
    /* lifecycle prints the raw figures itself: `all` does not want them twice */
    all = command.scenario == NULL || strcmp(command.scenario, "all") == 0;
    for (size_t i = 0; i < FF_COUNT(scenarios); i++) {
        if ((all && scenarios[i].run != ff_bench_raw) ||
            strcmp(all ? "" : command.scenario, scenarios[i].name) == 0) {
            any = true;
            if (scenarios[i].run(&command.options) != 0) {
                return 1;
            }
        }
    }
    if (!any) {
        ff_bench_die("there is no scenario '%s'; see ffbench --help", command.scenario);
    }
    ff_bench_report_end(&command.options);
    return 0;
}
