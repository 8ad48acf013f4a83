/* samples.c: durations, their percentiles, and the report. All samples are kept and sorted at the
 * end: a run has some hundred thousands. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>
#include <sodium.h>

#include "bench/bench.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/partition.h"

static json_t *kept;

double
ff_bench_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3;
}

struct ff_eid
ff_bench_eid(void)
{
    uint8_t random[10];
    struct ff_eid id;

    randombytes_buf(random, sizeof(random));
    id.uuid = ff_uuid_v7(ff_wall_ms(), random);
    id.partition = ff_partition_of_lane(ff_cstr("default"), 256);
    return id;
}

/* ---- samples ---- */

void
ff_bench_samples_add(struct ff_bench_samples *samples, double us)
{
    if (samples->n == samples->room) {
        samples->room = samples->room == 0 ? 4096 : samples->room * 2;
        samples->v = realloc(samples->v, samples->room * sizeof(*samples->v));
        if (samples->v == NULL) {
            ff_bench_die("out of memory");
        }
    }
    samples->v[samples->n++] = us;
}

void
ff_bench_samples_merge(struct ff_bench_samples *into, const struct ff_bench_samples *from)
{
    for (size_t i = 0; i < from->n; i++) {
        ff_bench_samples_add(into, from->v[i]);
    }
}

void
ff_bench_samples_done(struct ff_bench_samples *samples)
{
    free(samples->v);
    *samples = (struct ff_bench_samples){ 0 };
}

static int
ascending(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}

static double
percentile(const struct ff_bench_samples *samples, double p)
{
    if (samples->n == 0) {
        return 0;
    }
    return samples->v[(size_t) (p * (double) (samples->n - 1))];
}

/* ---- the report ---- */

static json_t *
slot(const char *scenario)
{
    json_t *object = NULL;

    if (kept == NULL) {
        kept = json_object();
    }
    object = json_object_get(kept, scenario);
    if (object == NULL) {
        object = json_object();
        json_object_set_new(kept, scenario, object);
    }
    return object;
}

void
ff_bench_report(const struct ff_bench_options *options, const char *scenario, const char *variant,
                struct ff_bench_samples *samples, double seconds)
{
    double per_second = (double) samples->n / seconds;

    qsort(samples->v, samples->n, sizeof(*samples->v), ascending);
    if (!options->json) {
        printf("%-10s %-16s %9.0f/s   p50 %8.0f us   p95 %8.0f us   p99 %8.0f us\n", scenario,
               variant, per_second, percentile(samples, 0.50), percentile(samples, 0.95),
               percentile(samples, 0.99));
        fflush(stdout);
        return;
    }
    json_object_set_new(slot(scenario), variant,
                        json_pack("{s:f, s:f, s:f, s:f}", "per_second", per_second, "p50_us",
                                  percentile(samples, 0.50), "p95_us", percentile(samples, 0.95),
                                  "p99_us", percentile(samples, 0.99)));
}

void
ff_bench_report_figure(const struct ff_bench_options *options, const char *scenario,
                       const char *name, double value, const char *unit)
{
    char key[64];

    if (!options->json) {
        printf("%-10s %-20s %7.1f %s\n", scenario, name, value, unit);
        fflush(stdout);
        return;
    }
    snprintf(key, sizeof(key), "%s_%s", name, unit);
    json_object_set_new(slot(scenario), key, json_real(value));
}

void
ff_bench_report_end(const struct ff_bench_options *options)
{
    if (options->json && kept != NULL) {
        json_dumpf(kept, stdout, JSON_INDENT(2));
        printf("\n");
    }
    json_decref(kept);
}
