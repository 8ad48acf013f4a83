/* worker_int.h: shared by the files of the runtime.
 *
 *   worker.c          options, letters, the end
 *   worker_claim.c    slots and lanes: what is claimed, and when
 *   worker_job.c     one claimed execution: handler, lease, outcome
 *   worker_upstream.c results of those before it in its flow
 *   worker_view.c     what handlers ask
 *   worker_threads.c  threads of `work` handlers
 *
 * All state belongs to the loop's thread. The client's thread and those of handlers only post
 * letters; what handlers read of a job is guarded by the worker's mutex.
 */
#ifndef FF_WORKERS_WORKER_INT_H
#define FF_WORKERS_WORKER_INT_H

#include <ev.h>
#include <pthread.h>

#include "core/tree.h"
#include "workers/worker.h"

/* Something to do on the loop's thread: an answer that came, or a thread that is through. */
struct ff_letter {
    TAILQ_ENTRY(ff_letter) next;
    struct ff_runtime *worker;
    void (*take)(struct ff_letter *letter); /* frees it */
    struct ff_job *job;                     /* NULL: of no job */
    struct ff_runtime_lane *lane;           /* of a claim */
    uint32_t slots;                         /* reserved by a claim */
    uint32_t at;                            /* of an upstream: its place */
    uint64_t block_ms;                      /* of a claim */
    struct ff_uuid request_id;              /* of a claim */
    int64_t asked_mono_ms;
    struct ff_answer answer;
};
TAILQ_HEAD(ff_letters, ff_letter);

/* One answer of claim_many, shared by the jobs it started. */
struct ff_job_batch {
    struct ff_answer answer;
    struct ff_claim_many_result result;
    uint32_t users;
};

struct ff_runtime_lane {
    struct ff_str name;
    bool asking; /* a claim is under way */
    bool busy;   /* the last one found work */
};

enum ff_job_end { FF_JOB_NONE, FF_JOB_COMPLETE, FF_JOB_FAIL, FF_JOB_RELEASED };

struct ff_job_outcome {
    enum ff_job_end kind;
    char *payload; /* heap; NULL: no result */
    uint32_t payload_bytes;
    enum ff_failure_class class;
    char category[64];
    char message[1024];
};

struct ff_job {
    TAILQ_ENTRY(ff_job) next;       /* of the worker's */
    TAILQ_ENTRY(ff_job) next_ready; /* of the pool's */
    struct ff_runtime *worker;
    const struct ff_handler *handler; /* NULL: there is none for its kind */
    struct ff_job_batch *batch;
    const struct ff_claim *claim;
    struct ff_str lane;
    char id[48]; /* of the execution, for logs */

    struct ev_timer renew, lapse, limit, grace, again;
    uint32_t failed_renewals;
    bool renewing;                  /* a renewal is under way */
    bool output_lost;               /* a frame of it was refused, and that was told */
    bool lost;                      /* no call about it is made any more */
    bool running;                   /* the handler has it */
    bool abandoned;                 /* the handler has it, and nobody waits for that */
    bool settled;                   /* its end is answered, or there is nothing to say */
    uint32_t tries;                 /* of the terminal call */
    uint32_t letters;               /* under way: it is freed behind the last one */
    void *state;                    /* the handler's */
    struct ff_upstreams *upstreams; /* NULL: of no flow */

    enum ff_stop stop; /* guarded by the worker's mutex, as all that follows */
    bool decided;      /* the outcome is being sent */
    struct ff_job_outcome outcome;
};
TAILQ_HEAD(ff_jobs, ff_job);

/* Threads of `work` handlers; made as they are needed, as many as slots. */
struct ff_pool {
    pthread_mutex_t mutex;
    pthread_cond_t wake, gone;
    struct ff_jobs ready; /* by next_ready */
    uint32_t waiting;     /* jobs in ready */
    uint32_t idle, threads;
    bool closing;
};

struct ff_runtime {
    struct ff_runtime_options options; /* texts are copies */
    struct ff_arena arena;             /* those copies */
    struct ff_str capabilities;        /* packed */
    struct ev_loop *loop;
    bool own_loop, started, ended;
    struct ff_client *client; /* for everything but claims */
    struct ff_client *claims; /* its own, so that closing it ends parked claims */
    struct ff_handler handlers[FF_RUNTIME_HANDLERS_MAX];
    uint32_t n_handlers;
    struct ff_pool pool;

    pthread_mutex_t mutex; /* guards the letters, and of jobs what handlers see */
    pthread_cond_t stopped;
    struct ff_letters letters;
    bool stop_asked;
    uint64_t grace_ms; /* as asked */
    struct ev_async wake;

    struct ff_jobs jobs;
    uint32_t running;  /* slots of jobs */
    uint32_t reserved; /* slots of claims under way */
    uint32_t stuck;    /* abandoned jobs */

    struct ff_runtime_lane lanes[FF_RUNTIME_LANES_MAX];
    uint32_t n_lanes, next_lane;
    uint32_t empty_streak; /* claims without work, one after the other */
    uint32_t asking;       /* claims under way */
    uint64_t pause_ms;     /* the next idle pause */
    struct ev_timer pause;

    bool own_instance; /* its id was made up here */
    bool registered, leaving;
    struct ev_timer heartbeat, leave;

    bool draining;
    struct ev_timer drain;
    struct ev_signal term, interrupt;
    struct ff_fault fault; /* what ended it; texts in the arena */
};

struct ff_letter *ff_letter_new(struct ff_runtime *worker, void (*take)(struct ff_letter *));
void ff_letter_free(struct ff_letter *letter);
void ff_letter_post(struct ff_letter *letter);
/* A client's done function whose ctx is a letter. */
void ff_letter_answered(void *letter, struct ff_answer *answer);
void ff_runtime_log(const struct ff_runtime *worker, enum ff_log_level level, const char *event,
                    const char *fmt, ...) FF_PRINTF(4, 5);
void ff_runtime_timer(struct ff_runtime *worker, struct ev_timer *timer, uint64_t ms);
/* Something ended: perhaps that was the last thing it waited for. */
void ff_runtime_check_end(struct ff_runtime *worker);
/* As ff_runtime_stop, on the loop's thread. */
void ff_runtime_drain(struct ff_runtime *worker, uint64_t grace_ms);

/* Ends with this fault: nothing is claimed any more, what runs is drained. */
void ff_runtime_fail(struct ff_runtime *worker, const struct ff_fault *fault, const char *text);
/* It has left the registry, or has tried to. */
void ff_runtime_ended(struct ff_runtime *worker);

/* worker_registry.c */
void ff_registry_init(struct ff_runtime *worker);
/* Registers it, claims when that is done, and keeps it live. */
void ff_registry_join(struct ff_runtime *worker);
/* Takes it out, and calls ff_runtime_ended. */
void ff_registry_leave(struct ff_runtime *worker);
void ff_registry_done(struct ff_runtime *worker);

/* worker_claim.c */
void ff_claim_init(struct ff_runtime *worker);
/* Asks on as many lanes as slots and lanes allow. */
void ff_claim_more(struct ff_runtime *worker);
void ff_claim_stop(struct ff_runtime *worker);

/* worker_job.c */
void ff_job_begin(struct ff_runtime *worker, struct ff_job_batch *batch,
                  const struct ff_claim *claim, struct ff_str lane);
void ff_job_batch_drop(struct ff_job_batch *batch);
/* For a call about the job. Whoever takes it counts job->letters down. */
struct ff_letter *ff_job_letter(struct ff_job *job, void (*take)(struct ff_letter *letter));
/* What ff_upstreams_fetch was to fetch is there; wrong: why it is not, or NULL. */
void ff_job_prepared(struct ff_job *job, const char *wrong);

/* worker_upstream.c */
void ff_upstreams_fetch(struct ff_job *job);
void ff_upstreams_free(struct ff_upstreams *up);

/* worker_threads.c */
void ff_pool_init(struct ff_pool *pool);
/* Waits for all threads but `stuck` ones; false: such are left, and the pool must stay. */
bool ff_pool_close(struct ff_pool *pool, uint32_t stuck);
void ff_pool_add(struct ff_pool *pool, struct ff_job *job);

#endif
