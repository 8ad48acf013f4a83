/* engine.h: runs operations on a store: restarts, batched loads, group commit, parked calls.
 *
 * Single-threaded, without clock, socket or sleep of its own: the owner submits frames, calls
 * ff_engine_run whenever something happened, and asks ff_engine_wait_ms when to come back.
 *
 *   submit ─▶ queue ─▶ run on the open batch ─▶ commit ─▶ done(frame)
 *                 ▲      │ not resident: load, then again
 *                 └──────┘ nothing to give: parked, woken by a write or by time
 */
#ifndef FF_CORE_ENGINE_ENGINE_H
#define FF_CORE_ENGINE_ENGINE_H

#include "core/engine/txn.h"
#include "core/ops.h"

struct ff_engine;

struct ff_engine_config {
    struct ff_partition_counts counts;
    struct ff_strs lanes;       /* that prepare registers; outlives the engine */
    bool test_mode;             /* a call's now is the clock (01 §1.6) */
    uint32_t frame_bytes_max;   /* replies stay under it */
    uint32_t batch_calls_max;   /* calls of one commit */
    size_t batch_bytes_max;     /* stored bytes of one commit */
    /* Records that a batch has to write before it is sent off while another one is under way:
     * smaller commits cost the store more than it would idle. */
    uint32_t follower_writes_min;
    size_t cache_bytes_max;     /* resident records that no batch uses */
    uint64_t retention_ms;      /* when scan_due lists ended executions (07 §4) */
    uint64_t flow_retention_ms; /* the same for ended flows (04 §7.7) */
    uint64_t event_retention_ms;
    /* Members and edges of a flow that submit_flow writes in one step; of a larger one, those of
     * each of its steps; at least 1. */
    uint32_t submit_once_max, submit_step;
    /* Edges and groups of a flow that one step looks at which reads many of them, or takes edges
     * back: 20 us each where both ends come from the disk; at least 1. */
    uint32_t flow_step;
    uint32_t stream_ops_max;       /* read_stream, tail_stream at a time (06 §1.7); at least 1 */
    uint32_t parked_max;           /* beyond: resource_exhausted {pool: "parked"} */
    int64_t (*wall_ms)(void *ctx); /* Unix milliseconds */
    int64_t (*mono_ms)(void *ctx); /* for waits */
    void *clock_ctx;
    uint8_t seed[32]; /* of the id source; random in production */
    /* An operation that makes an illegal state vector (01 §4.3) is a bug: true ends the process,
     * false answers invariant_violation and goes on. */
    bool assert_legal;
    /* For tests, NULL in production: may spoil an execution that is about to be written. */
    void (*spoil_exec)(void *ctx, struct ff_exec *exec);
    void *spoil_ctx;
};
/* Sane limits, real clocks, a random seed; assert_legal in debug builds. */
void ff_engine_config_init(struct ff_engine_config *config);

/* One call of a frame. The owner fills op and args; the engine fills err and reply. */
struct ff_call {
    enum ff_op op;
    const void *args;             /* struct ff_<op>_args, in the frame's arena */
    struct ff_fault fault;        /* set beforehand (code != FF_E_OK): the call only answers it */
    struct ff_common_args common; /* what every operation accepts */
    struct ff_str reply;          /* msgpack: the result map, or the error map when fault is set */
    bool judged;                  /* the engine's: fault was set before the call was run */
    /* The engine's own calls: what runs in place of the operation. */
    ff_err (*run)(struct ff_txn *txn, const void *args, void *result);
};

/* Calls that run in order; each is atomic by itself. */
struct ff_frame {
    struct ff_call *calls;
    uint32_t n;
    struct ff_arena arena;                /* args, replies; the owner's to release after done */
    void (*done)(struct ff_frame *frame); /* every call is answered and durable */
    void *ctx;
    bool cancelled;       /* set by ff_engine_cancel */
    struct ff_task *task; /* the engine's */
};

/* store: stays the caller's, must outlive the engine, and is prepared. */
struct ff_engine *ff_engine_new(const struct ff_engine_config *config, struct ff_store *store);
/* Frames not yet done are answered FF_E_UNAVAILABLE through their done. */
void ff_engine_free(struct ff_engine *engine);

/* Hands a frame over; its done comes from a later ff_engine_run (or this one's store callbacks). */
void ff_engine_submit(struct ff_engine *engine, struct ff_frame *frame);
/* The frame's client is gone: a parked call is dropped, and answered at once with FF_E_UNAVAILABLE;
 * one already running is finished, and answered with what there is instead of being parked. */
void ff_engine_cancel(struct ff_engine *engine, struct ff_frame *frame);
/* Does all that can be done now without waiting. */
void ff_engine_run(struct ff_engine *engine);
/* Another broker has changed the store; calls that wait for that are judged again by the next
 * ff_engine_run. news NULL, or of a topic without bytes: whatever they wait for. */
void ff_engine_told(struct ff_engine *engine, const struct ff_news *news);
/* The store was out of reach, and may have lost what its server had not written: what is kept of it
 * is read again. */
void ff_engine_forget(struct ff_engine *engine);
/* Milliseconds until ff_engine_run has something to do because of time alone; -1: never. */
int64_t ff_engine_wait_ms(const struct ff_engine *engine);
/* Something is queued, loading or committing (parked calls do not count). */
bool ff_engine_busy(const struct ff_engine *engine);
/* From now on the engine does itself, in the same commit as far as that has room and in steps after
 * it, what changes leave to be done: cascades, sibling cancels, cancel backlogs (06 §2.7). Without
 * it only calls and scanners do. */
void ff_engine_consume(struct ff_engine *engine);
/* From now on nothing is claimed: parked claims are answered with what there is. */
void ff_engine_stop_claims(struct ff_engine *engine);
/* Nor does any other call wait any more, and the gate of the stream operations closes (01 §10.6).
 */
void ff_engine_stop_waits(struct ff_engine *engine);

/* On a store that brokers share: the workers whose leases, as far as they are held still, are from
 * this engine. On another all leases are. */
void ff_engine_lessees(struct ff_engine *engine,
                       void (*each)(void *ctx, struct ff_str worker_instance_id), void *ctx);

const struct ff_engine_facts *ff_engine_facts(const struct ff_engine *engine);
/* The engine clock now (01 §1.6). */
int64_t ff_engine_clock_ms(struct ff_engine *engine);

struct ff_engine_stats {
    uint64_t calls, commits, conflicts, failed_commits, reruns, loads;
    uint32_t parked;
    size_t cache_bytes;
    /* The last load, or the last commit, has failed: what the store said. */
    bool loads_fail, commits_fail;
    char store_says[160];
};
void ff_engine_stats(const struct ff_engine *engine, struct ff_engine_stats *out);

#endif
