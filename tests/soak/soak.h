/* soak.h: shared by the files of the soak: mixed load on a whole daemon whose processes are killed
 * all along, and a book of what was acknowledged, against which the daemon's events are checked.
 */
#ifndef FF_TESTS_SOAK_SOAK_H
#define FF_TESTS_SOAK_SOAK_H

#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>

#include "core/tree.h"
#include "tests/process/calls.h"
#include "tests/process/tree.h"
#include "workers/feed.h"

#define SOAK_LANE "soak"
#define SOAK_HOST_LANE "hosts"
#define SOAK_NAMESPACE "soak"
/* Readers of the completion feed: from the start; begun again and again with its cursor; by
 * namespace. */
#define SOAK_FEEDS 3
#define SOAK_WORKERS 5
/* Executions in the book at a time: what the daemon has to hold. */
#define SOAK_OPEN_MAX 400
#define SOAK_QUOTA_CAP 5
#define SOAK_BUDGET_LIMIT 50

/* What an execution is for; its execution_kind is the word. */
enum soak_kind {
    SOAK_PLAIN,  /* completed at once; reports usage */
    SOAK_STREAM, /* puts out frames, which are tailed */
    SOAK_FLAKY,  /* fails once, is tried again */
    SOAK_SLOW,   /* delays itself once */
    SOAK_WAIT,   /* suspends for a signal */
    SOAK_DROP,   /* the first worker never comes back to it */
    SOAK_QUOTA,  /* under a quota's concurrency cap */
    SOAK_FAIL,   /* fails for good */
    SOAK_CAT,    /* a command of the worker host */
    SOAK_KINDS
};

/* An execution, until all readers have seen its end. */
struct soak_entry {
    UT_hash_handle hh;
    struct ff_eid id;
    enum soak_kind kind;
    bool created; /* acknowledged */
    bool any_end; /* it may end in any way; else with `end` */
    enum ff_terminal_outcome end;
    uint32_t completed; /* acknowledged */
    uint64_t epoch;     /* under which it was completed */
    uint32_t calls;     /* under way */
    uint32_t seen[SOAK_FEEDS];
    bool in_hand; /* of SOAK_QUOTA: a worker has it under a lease that is good until */
    int64_t lease_until_ms;
};

struct soak_lease {
    UT_hash_handle hh;
    struct ff_uuid id;
    int64_t expires_at;
};

struct soak_signal {
    TAILQ_ENTRY(soak_signal) next;
    struct ff_eid id;
    struct ff_uuid waitpoint_id;
    char token[320];
};
TAILQ_HEAD(soak_signals, soak_signal);

struct soak_count {
    uint64_t created, completed, ended, flows, cancels, suspended, signals, forged, retried,
        delayed, dropped, frames, tails, usage, breaches, read_back, lapsed, refused;
};

struct soak {
    unsigned seed;
    const char *worker, *operator;
    atomic_bool stopping; /* nothing more is created */
    atomic_bool over;
    atomic_uint wrong; /* violations */

    pthread_mutex_t mutex; /* guards all that follows */
    pthread_cond_t cond;
    struct soak_entry *entries;
    struct soak_lease *leases;
    struct soak_signals signals;
    struct soak_count count;
    struct ff_uuid quota, budget;
    uint64_t spent; /* of the budget, acknowledged */
};

int64_t ff_soak_now_ms(void); /* Unix milliseconds */
void ff_soak_pause_ms(uint32_t ms);

/* ---- book.c ---- */
/* Something that must not be: says so, and counts it. */
void ff_soak_wrong(struct soak *soak, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Before it is submitted. */
void ff_soak_book_add(struct soak *soak, struct ff_eid id, enum soak_kind kind,
                      const enum ff_terminal_outcome *end);
void ff_soak_book_created(struct soak *soak, struct ff_eid id, bool well);
uint32_t ff_soak_book_open(struct soak *soak);
/* It may end in any way from here on. */
void ff_soak_book_any_end(struct soak *soak, struct ff_eid id);
/* A claim: false: it is not in the book any more. */
bool ff_soak_book_claimed(struct soak *soak, const struct ff_claim *claim,
                          enum soak_kind *kind_out);
/* The worker is through with it; completed: the daemon has acknowledged that. */
void ff_soak_book_left(struct soak *soak, const struct ff_claim *claim, bool completed);
void ff_soak_book_ended(struct soak *soak, uint32_t feed, const struct ff_feed_event *event);
void ff_soak_book_lease_event(struct soak *soak, const struct ff_feed_event *event);
/* What is still in it, as violations. */
void ff_soak_book_close(struct soak *soak);
struct ff_str ff_soak_result_text(struct ff_eid id, uint64_t epoch, char *room, size_t size);

/* ---- load.c, work.c, feeds.c: threads; each ends with soak->over ---- */
void ff_soak_load_start(struct soak *soak);
void ff_soak_load_join(struct soak *soak);
void ff_soak_work_start(struct soak *soak);
void ff_soak_work_join(struct soak *soak);
void ff_soak_feeds_start(struct soak *soak);
void ff_soak_feeds_join(struct soak *soak);
/* load.c: follows the output of an attempt, if few enough are followed. */
void ff_soak_tail(struct soak *soak, struct ff_eid id);
/* load.c: what must hold of the budget and the quota when nothing runs. */
void ff_soak_load_check(struct soak *soak, struct ff_client *client);

/* ---- memory.c ---- */
struct soak_memory;
struct soak_memory *ff_soak_memory_new(void);
void ff_soak_memory_free(struct soak_memory *memory);
/* Of every process of the tree, `supervisor` beside them; at: seconds since the start. */
void ff_soak_memory_take(struct soak_memory *memory, const struct ff_tree_view *view,
                         pid_t supervisor, double at_s);
/* Prints a table of what was taken from from_s on; returns how many have grown. */
uint32_t ff_soak_memory_report(const struct soak_memory *memory, double from_s);
double ff_soak_memory_mib(const struct soak_memory *memory, const char *name); /* the latest */

#endif
