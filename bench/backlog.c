/* backlog.c: memory and start-up with many waiting executions (design §6), and how fast they are
 * claimed then. */
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

static void
fill(const struct ff_bench_options *options, struct ff_client *client)
{
    struct ff_bench_calls calls = FF_BENCH_CALLS_INIT;
    char *payload = malloc(options->payload + 1);

    if (payload == NULL) {
        ff_bench_die("out of memory");
    }
    memset(payload, 'x', options->payload);
    for (uint32_t i = 0; i < options->backlog; i++) {
        struct ff_create_execution_args args = {
            .execution_id = ff_bench_eid(),
            .namespace = ff_cstr("bench"),
            .lane_id = ff_cstr("default"),
            .execution_kind = ff_cstr("bench"),
            .input_payload = ff_str(payload, options->payload),
            .creator_identity = ff_cstr(""),
        };

        ff_bench_calls_begin(&calls, FF_BENCH_CALLS_MAX);
        ff_client_create_execution_async(client, &args, ff_bench_calls_answered, &calls);
    }
    ff_bench_calls_await(&calls);
    free(payload);
}

int
ff_bench_backlog(const struct ff_bench_options *options)
{
    struct ff_bench_daemon daemon = { 0 };
    struct ff_client *client = NULL;
    double begun_us = 0, n = options->backlog;
    uint64_t empty_kib = 0;

    ff_bench_daemon_start(&daemon, options);
    empty_kib = ff_bench_daemon_rss_kib(&daemon);
    client = ff_bench_client(daemon.address, 0);
    begun_us = ff_bench_now_us();
    fill(options, client);
    ff_bench_report_figure(options, "backlog", "create", n * 1e6 / (ff_bench_now_us() - begun_us),
                           "per_second");
    ff_bench_report_figure(options, "backlog", "memory_each",
                           (double) (ff_bench_daemon_rss_kib(&daemon) - empty_kib) * 1024 / n,
                           "bytes");
    ff_client_close(client);
    ff_bench_daemon_pause(&daemon);
    begun_us = ff_bench_now_us();
    ff_bench_daemon_start(&daemon, options);
    ff_bench_report_figure(options, "backlog", "start_up", (ff_bench_now_us() - begun_us) / 1e6,
                           "seconds");
    ff_bench_report_figure(options, "backlog", "memory_each_after_start",
                           (double) (ff_bench_daemon_rss_kib(&daemon) - empty_kib) * 1024 / n,
                           "bytes");
    ff_bench_daemon_stop(&daemon);
    return 0;
}
