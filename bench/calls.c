/* calls.c: what every scenario's callers do. */

#include "bench/bench.h"

struct ff_client *
ff_bench_client(const char *address, uint32_t window)
{
    const struct ff_client_options options = { .address = address, .window = window };
    struct ff_client *client = NULL;
    struct ff_fault fault = { 0 };

    if (ff_client_open(&options, &client, &fault) != FF_E_OK) {
        ff_bench_die("cannot open a client of %s", address);
    }
    return client;
}

void
ff_bench_must(ff_err err, struct ff_answer *answer, const char *what)
{
    if (err != FF_E_OK) {
        ff_bench_die("%s: %s", what, ff_answer_text(answer));
    }
}

/* ---- calls under way ---- */

void
ff_bench_calls_begin(struct ff_bench_calls *calls, uint32_t most)
{
    pthread_mutex_lock(&calls->mutex);
    while (calls->under_way >= most) {
        pthread_cond_wait(&calls->cond, &calls->mutex);
    }
    calls->under_way++;
    pthread_mutex_unlock(&calls->mutex);
}

void
ff_bench_calls_answered(void *ctx, struct ff_answer *answer)
{
    struct ff_bench_calls *calls = ctx;

    ff_bench_must(answer->fault.code, answer, "one of many calls");
    ff_answer_done(answer);
    pthread_mutex_lock(&calls->mutex);
    calls->under_way--;
    pthread_cond_signal(&calls->cond);
    pthread_mutex_unlock(&calls->mutex);
}

void
ff_bench_calls_await(struct ff_bench_calls *calls)
{
    pthread_mutex_lock(&calls->mutex);
    while (calls->under_way > 0) {
        pthread_cond_wait(&calls->cond, &calls->mutex);
    }
    pthread_mutex_unlock(&calls->mutex);
}
