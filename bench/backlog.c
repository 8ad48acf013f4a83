/* backlog.c: memory and start-up with many waiting executions (design §6), and how fast they are
 * claimed then. */
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

/* Creates under way at a time: enough to fill frames, few enough to bound the client. */
#define UNDER_WAY_MAX 4096

struct filler {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    uint32_t under_way;
};

static void
on_created(void *ctx, struct ff_answer *answer)
{
    struct filler *filler = ctx;

    if (answer->fault.code != FF_E_OK) {
        ff_bench_die("create_execution: %s", ff_answer_text(answer));
    }
    ff_answer_done(answer);
    pthread_mutex_lock(&filler->mutex);
    filler->under_way--;
    pthread_cond_signal(&filler->cond);
    pthread_mutex_unlock(&filler->mutex);
}

static void
wait_below(struct filler *filler, uint32_t below)
{
    pthread_mutex_lock(&filler->mutex);
    while (filler->under_way >= below) {
        pthread_cond_wait(&filler->cond, &filler->mutex);
    }
    filler->under_way++;
    pthread_mutex_unlock(&filler->mutex);
}

static void
fill(const struct ff_bench_options *options, struct ff_client *client)
{
    struct filler filler = { .mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
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

        wait_below(&filler, UNDER_WAY_MAX);
        ff_client_create_execution_async(client, &args, on_created, &filler);
    }
    wait_below(&filler, 1);
    free(payload);
}

static struct ff_client *
connect_to(const struct ff_bench_daemon *daemon)
{
    struct ff_client_options options = { .address = daemon->address };
    struct ff_client *client = NULL;
    struct ff_fault fault = { 0 };

    if (ff_client_open(&options, &client, &fault) != FF_E_OK) {
        ff_bench_die("cannot open a client");
    }
    return client;
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
    client = connect_to(&daemon);
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
