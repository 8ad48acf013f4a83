/* bench.h: what the scenarios of ffbench share: a daemon of their own, samples, the report. */
#ifndef FF_BENCH_BENCH_H
#define FF_BENCH_BENCH_H

#include <pthread.h>
#include <sys/types.h>

#include "workers/flowfabric.h"

/* What the command line says. */
struct ff_bench_options {
    const char *store; /* FF_STORE; NULL: sqlite in the bench's own directory */
    const char *dir;   /* for it; removed at the end. NULL: one under /tmp */
    uint32_t workers;
    uint32_t batch;       /* executions of one claim_many */
    uint32_t payload;     /* bytes of input */
    uint32_t backlog;     /* executions that wait */
    uint32_t connections; /* that the workers share */
    uint32_t window;      /* frames under way on one; 0: the library's default */
    const char *only; /* the one variant of lifecycle to run, without the raw figures; NULL: all */
    uint32_t daemons; /* on one store: 0 and 1 are one; connections are spread over them */
    double seconds;   /* of one variant, after a warm-up of a fifth of it */
    bool supervised;  /* the whole daemon, not the broker alone */
    bool json;
};

/* ---- daemon.c: a broker, or a whole daemon, in a directory of its own ---- */
struct ff_bench_daemon {
    char dir[256];
    char address[300]; /* of the worker socket */
    pid_t pid;
    bool tree; /* with all its processes, not the broker alone */
};
/* Starts flowfabricd beside this executable and waits until it is ready. Exits on failure. */
void ff_bench_daemon_start(struct ff_bench_daemon *daemon, const struct ff_bench_options *options);
/* So many as options->daemons says; returns the number. */
#define FF_BENCH_DAEMONS_MAX 4
uint32_t ff_bench_daemons_start(struct ff_bench_daemon daemons[FF_BENCH_DAEMONS_MAX],
                                const struct ff_bench_options *options);
/* Stops it in order; it may be started again on what it leaves. */
void ff_bench_daemon_pause(struct ff_bench_daemon *daemon);
/* Stops it in order, and removes the directory. */
void ff_bench_daemon_stop(struct ff_bench_daemon *daemon);
/* Processor time it has used, all threads and processes. */
double ff_bench_daemon_cpu_us(const struct ff_bench_daemon *daemon);
/* Kibibytes of memory it holds (VmRSS, added up over its processes). */
uint64_t ff_bench_daemon_rss_kib(const struct ff_bench_daemon *daemon);

/* ---- calls.c: what every scenario's callers do ---- */
/* Exits where it cannot be opened. window: 0 is the library's default. */
struct ff_client *ff_bench_client(const char *address, uint32_t window);
/* Exits and tells the error, where there is one. */
void ff_bench_must(ff_err err, struct ff_answer *answer, const char *what);
/* Asynchronous calls of one thread, counted. */
struct ff_bench_calls {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    uint32_t under_way;
};
#define FF_BENCH_CALLS_INIT                                                                        \
    {                                                                                              \
        .mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER                       \
    }
/* Enough to fill frames, few enough to bound the client. */
#define FF_BENCH_CALLS_MAX 4096
/* Counts one in, as soon as fewer than `most` are under way. */
void ff_bench_calls_begin(struct ff_bench_calls *calls, uint32_t most);
/* A handler of answers, all of which must be good; ctx: the calls. */
void ff_bench_calls_answered(void *ctx, struct ff_answer *answer);
/* Until none is under way. */
void ff_bench_calls_await(struct ff_bench_calls *calls);

/* ---- samples.c: durations in microseconds ---- */
struct ff_bench_samples {
    double *v;
    size_t n, room;
};
void ff_bench_samples_add(struct ff_bench_samples *samples, double us);
void ff_bench_samples_merge(struct ff_bench_samples *into, const struct ff_bench_samples *from);
void ff_bench_samples_done(struct ff_bench_samples *samples);
double ff_bench_now_us(void);

/* One measured variant. seconds: of the measured part. Prints it, or keeps it for the JSON. */
void ff_bench_report(const struct ff_bench_options *options, const char *scenario,
                     const char *variant, struct ff_bench_samples *samples, double seconds);
/* A plain figure beside the variants. */
void ff_bench_report_figure(const struct ff_bench_options *options, const char *scenario,
                            const char *name, double value, const char *unit);
/* Prints what was kept: {scenario: {variant: {…}}}. */
void ff_bench_report_end(const struct ff_bench_options *options);

/* ---- scenarios ---- */
int ff_bench_lifecycle(const struct ff_bench_options *options);
int ff_bench_backlog(const struct ff_bench_options *options);
int ff_bench_suspend(const struct ff_bench_options *options);
int ff_bench_shared(const struct ff_bench_options *options);
int ff_bench_wake(const struct ff_bench_options *options);
int ff_bench_timers(const struct ff_bench_options *options);
int ff_bench_raw(const struct ff_bench_options *options);
int ff_bench_routed(const struct ff_bench_options *options);
int ff_bench_flow(const struct ff_bench_options *options);
int ff_bench_quorum(const struct ff_bench_options *options);
int ff_bench_pause(const struct ff_bench_options *options);
int ff_bench_blocked(const struct ff_bench_options *options);
/* The variant `batched` of lifecycle alone, under this name; returns lifecycles a second. */
double ff_bench_lifecycle_batched(const struct ff_bench_options *options, const char *variant);
/* The worker is parked with the last daemon, the execution is created with the first. */
void ff_bench_wake_once(const struct ff_bench_options *options, const char *variant,
                        uint32_t n_workers);

void ff_bench_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* A new execution id of lane "default". Any thread. */
struct ff_eid ff_bench_eid(void);

#endif
