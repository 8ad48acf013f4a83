/* shared.c: two daemons on one store: how long the one takes to wake the other's workers, and what
 * both do together. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"

static bool
wanted(const struct ff_bench_options *options, const char *variant)
{
    return options->only == NULL || strcmp(options->only, variant) == 0;
}

/* The same connections in both variants; each daemon gets half of them. */
static double
with_daemons(const struct ff_bench_options *options, const char *variant, uint32_t daemons)
{
    struct ff_bench_options with = *options;

    with.connections = options->connections > 1 ? options->connections : 2;
    with.daemons = daemons;
    return wanted(options, variant) ? ff_bench_lifecycle_batched(&with, variant) : 0;
}

static void
wakes(const struct ff_bench_options *options)
{
    struct ff_bench_options with = *options;

    with.daemons = 2;
    if (wanted(options, "one_parked")) {
        ff_bench_wake_once(&with, "one_parked", 1);
    }
    if (wanted(options, "all_parked")) {
        ff_bench_wake_once(&with, "all_parked", options->workers);
    }
}

int
ff_bench_shared(const struct ff_bench_options *options)
{
    bool shared = options->store != NULL && (strncmp(options->store, "valkey", 6) == 0 ||
                                             strncmp(options->store, "redis", 5) == 0 ||
                                             strncmp(options->store, "postgres", 8) == 0);
    double one = 0, two = 0;

    if (!shared) { /* `all` goes on with the next one */
        fprintf(stderr, "ffbench: shared needs --store valkey://… or postgres://…\n");
        return 0;
    }
    wakes(options);
    one = with_daemons(options, "one_daemon", 1);
    two = with_daemons(options, "two_daemons", 2);
    if (one > 0 && two > 0) {
        ff_bench_report_figure(options, "shared", "two_to_one", two / one, "times");
    }
    return 0;
}
