/* worker.h: the worker runtime of libflowfabric: claims work, runs handlers, keeps leases.
 *
 *   static void
 *   shout(void *ctx, struct ff_job *job)
 *   {
 *       struct ff_str input = ff_job_claim(job)->input_payload;
 *       …
 *       ff_job_complete(job, ff_str(text, n));
 *   }
 *
 *   const struct ff_handler handler = { .kind = "shout", .work = shout };
 *   const struct ff_runtime_options options = { .worker_id = "shouters", .slots = 4 };
 *   struct ff_runtime *worker = NULL;
 *
 *   FF_TRY(ff_runtime_open(&options, &worker, &fault));
 *   ff_runtime_handle(worker, &handler);
 *   ff_runtime_stop_on_signals(worker);
 *   err = ff_runtime_run(worker, &fault);
 *   ff_runtime_close(worker);
 *
 * A slot is taken before anything is claimed. Leases are renewed at a third of their life; a
 * handler whose lease is lost is told to stop and its outcome is dropped. examples/worker.c is
 * whole.
 */
#ifndef FF_WORKERS_WORKER_H
#define FF_WORKERS_WORKER_H

#include "workers/flowfabric.h"

struct ev_loop;
struct ff_runtime;
struct ff_job; /* one claimed execution */

#define FF_RUNTIME_LANES_MAX 32
#define FF_RUNTIME_SLOTS_MAX 1024
#define FF_RUNTIME_HANDLERS_MAX 256
/* Of a result (01 §1.8). */
#define FF_RESULT_BYTES_MAX 8388608u

struct ff_runtime_options {
    const char *address;            /* as of struct ff_client_options */
    const char *worker_id;          /* a name that the processes of a pool share */
    const char *worker_instance_id; /* this process, new at each start; NULL: made up */
    const char *namespace;          /* NULL: "default" */
    struct ff_strs lanes;           /* none: "default" */
    struct ff_strs capabilities;
    uint32_t slots;          /* handlers at a time; 0: 1 */
    uint64_t lease_ttl_ms;   /* at least 1 000; 0: 30 000 */
    uint64_t drain_grace_ms; /* what running handlers have at the end; 0: 10 000 */

    /* NULL: its own. With one of the caller's, ended is called on it when the worker has stopped,
     * and ff_runtime_run is not used but ff_runtime_start. */
    struct ev_loop *loop;
    void (*ended)(void *ctx, const struct ff_fault *fault);
    /* NULL: nobody hears. detail: more pairs, or "". */
    void (*log)(void *ctx, enum ff_log_level level, const char *event, const char *detail);
    void *ctx; /* of both */
};

/* Why a handler is to stop. */
enum ff_stop {
    FF_STOP_NONE,
    FF_STOP_LEASE_LOST, /* somebody else may be at it; the outcome is dropped */
    FF_STOP_ENDED,      /* the execution was cancelled or ended otherwise; the same */
    FF_STOP_TIMEOUT,    /* it ran for longer than its handler may */
    FF_STOP_OUTPUT,     /* it gave more than its handler may */
    FF_STOP_DRAIN,      /* the worker stops; without an outcome the work is handed back */
};

/* What is done with executions of one kind: `work`, or `start` and `stop`. */
struct ff_handler {
    const char *kind;
    /* On a thread of its own; may block. A job without outcome at its return is completed without
     * result. */
    void (*work)(void *ctx, struct ff_job *job);
    /* On the loop's thread; must not block. After start comes, in any case, ff_job_done. stop may
     * come once in between, and wants that soon. */
    void (*start)(void *ctx, struct ff_job *job);
    void (*stop)(void *ctx, struct ff_job *job, enum ff_stop why);
    void *ctx;
    uint64_t timeout_ms;       /* 0: none */
    uint32_t output_bytes_max; /* of a result; 0: FF_RESULT_BYTES_MAX */
    /* How long a `work` that is told to stop may take, before its slot is given up: its outcome is
     * then decided without it. 0: 3 000. */
    uint64_t stop_grace_ms;
};

/* FF_E_INVALID_CONFIG {context, field, reason} (08 §6.1); FF_E_TRANSPORT: no socket or thread. */
FF_MUST_USE ff_err ff_runtime_open(const struct ff_runtime_options *options,
                                   struct ff_runtime **worker_out, struct ff_fault *fault);
/* Before it runs; the handler is copied, its kind and ctx must live as long as the worker. A second
 * one of a kind, or one too many, is a programmer's error. */
void ff_runtime_handle(struct ff_runtime *worker, const struct ff_handler *handler);
/* SIGTERM and SIGINT stop it, a second one ends the process with 130. With a loop of its own only.
 */
void ff_runtime_stop_on_signals(struct ff_runtime *worker);

/* Works until it is stopped and has drained. An error is of a claim that cannot be repeated: what
 * it ran has been drained all the same. */
FF_MUST_USE ff_err ff_runtime_run(struct ff_runtime *worker, struct ff_fault *fault);
/* The same on the caller's loop: returns at once. */
void ff_runtime_start(struct ff_runtime *worker);
/* Nothing more is claimed; running handlers have grace_ms, drain_grace_ms at the most, then they
 * are told to stop and their work is handed back. From any thread; the first time counts. */
void ff_runtime_stop(struct ff_runtime *worker, uint64_t grace_ms);
/* Not while it runs. A `work` that did not stop keeps its thread: end the process soon. */
void ff_runtime_close(struct ff_runtime *worker);

/* ---- for handlers: any thread that has the job ---- */

/* Lives as long as the job. */
const struct ff_claim *ff_job_claim(const struct ff_job *job);
struct ff_str ff_job_lane(const struct ff_job *job);
const char *ff_job_worker_id(const struct ff_job *job);
const char *ff_job_worker_instance_id(const struct ff_job *job);
const char *ff_job_namespace(const struct ff_job *job); /* the worker's */
uint64_t ff_job_lease_ttl_ms(const struct ff_job *job);
uint64_t ff_job_timeout_ms(const struct ff_job *job); /* 0: none */
uint32_t ff_job_output_bytes_max(const struct ff_job *job);

/* Of an execution before it in its flow: what an inbound edge leads from (04 §7.3). */
enum ff_upstream_outcome {
    FF_UPSTREAM_SUCCESS,
    FF_UPSTREAM_FAILURE, /* it failed, was cancelled, expired or was skipped */
    FF_UPSTREAM_PENDING, /* it had not ended yet: any_of and quorum do not wait for all */
};
struct ff_upstream {
    struct ff_eid execution_id;
    enum ff_upstream_outcome outcome;
    struct ff_str result; /* p NULL: it has none, or is left_out */
    bool left_out;        /* beyond the bounds; get_execution_result has it */
    bool asked;           /* the runtime's own */
};
/* Those whose results a job is given: the first so many, and so many bytes in all. */
#define FF_UPSTREAMS_MAX 1000
#define FF_UPSTREAM_BYTES_MAX 33554432u
/* All of them, each once, by execution id; 0: it is of no flow, or a first one there. They are
 * fetched before the handler starts, and live as long as the job. */
uint32_t ff_job_upstream_count(const struct ff_job *job);
/* NULL: there are not so many. */
const struct ff_upstream *ff_job_upstream(const struct ff_job *job, uint32_t at);
/* success, failure or pending. */
const char *ff_upstream_outcome(const struct ff_upstream *upstream);

/* FF_STOP_NONE: go on. */
enum ff_stop ff_job_stop(const struct ff_job *job);
/* Waits for ms, or until the job is to stop: then true. Not on the loop's thread. */
bool ff_job_wait(struct ff_job *job, uint64_t ms);

/* The outcome; the last one counts. Texts are copied, what is not UTF-8 in them is replaced. A
 * result over output_bytes_max becomes a failure of class permanent, category output_too_large.
 * payload.p NULL: no result. */
void ff_job_complete(struct ff_job *job, struct ff_str payload);
/* category NULL: the class's own name. */
void ff_job_fail(struct ff_job *job, enum ff_failure_class class, const char *category,
                 const char *message);
/* The handler has given the lease up by a call of its own (suspend, delay, …): nothing is sent. */
void ff_job_released(struct ff_job *job);
/* Whether one of these was called. */
bool ff_job_has_outcome(const struct ff_job *job);
/* The worker's connection, for calls with the claim's handle: progress, suspend, … */
struct ff_client *ff_job_client(const struct ff_job *job);

/* For start/stop handlers: tells the handler's part is over; the job is gone after it. */
void ff_job_done(struct ff_job *job);
/* For start/stop handlers that find a limit passed: as if the runtime had found it. */
void ff_job_stop_for(struct ff_job *job, enum ff_stop why);
struct ev_loop *ff_job_loop(const struct ff_job *job);
/* A handler's own pointer; NULL at first. */
/* A durable frame of the attempt's output stream (06 §1.2), behind those that were given before;
 * not waited for. kind: stdout, stderr, event or blob. What is refused is told in the log, once. */
void ff_job_output(struct ff_job *job, const char *kind, struct ff_str bytes);
void ff_job_set_state(struct ff_job *job, void *state);
void *ff_job_state(const struct ff_job *job);
void ff_job_log(const struct ff_job *job, enum ff_log_level level, const char *event,
                const char *detail);

#endif
