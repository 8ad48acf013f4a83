/* shared.c: two daemons on one store: how long the one takes to wake the other's workers, and what
 * both do together. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"

/* The same connections in both variants; each daemon gets half of them. */
static void
one_and_two(const struct ff_bench_options *options)
{
    struct ff_bench_options with = *options;
    double one = 0, two = 0;

    with.connections = options->connections > 1 ? options->connections : 2;
    with.daemons = 1;
    one = ff_bench_lifecycle_batched(&with, "one_daemon");
    with.daemons = 2;
    two = ff_bench_lifecycle_batched(&with, "two_daemons");
    ff_bench_report_figure(options, "shared", "two_to_one", one > 0 ? two / one : 0, "times");
}

int
ff_bench_shared(const struct ff_bench_options *options)
{
    struct ff_bench_options with = *options;
    bool shared = options->store != NULL && (strncmp(options->store, "valkey", 6) == 0 ||
                                             strncmp(options->store, "redis", 5) == 0 ||
                                             strncmp(options->store, "postgres", 8) == 0);

    if (!shared) { /* `all` goes on with the next one */
        fprintf(stderr, "ffbench: shared needs --store valkey://… or postgres://…\n");
        return 0;
    }
    with.daemons = 2;
    ff_bench_wake_once(&with, "one_parked", 1);
    ff_bench_wake_once(&with, "all_parked", options->workers);
    one_and_two(options);
    return 0;
}
