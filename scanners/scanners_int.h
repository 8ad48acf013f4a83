/* scanners_int.h: shared by the files of the scanner process.
 *
 *   RESTING ──due, or time──▶ ASKING ──items──▶ ACTING ──all answered──▶ ASKING … ──▶ RESTING
 *
 * While a scanner rests, one scan_due of its may wait in the broker (`parked`); its answer begins
 * the next cycle. Answers come on the client's thread and are handed over to the loop.
 */
#ifndef FF_SCANNERS_SCANNERS_INT_H
#define FF_SCANNERS_SCANNERS_INT_H

#include <pthread.h>

#include "core/tree.h"
#include "scanners/failures.h"
#include "scanners/scanners.h"
#include "workers/flowfabric.h"

/* Operations called for one item. */
#define CALLS_MAX 4
/* Cycles asked for and not yet run, of one scanner. */
#define RUNS_MAX 16

struct scan_call {
    enum ff_op op;
    const char *changed[2]; /* outcomes that count as processed; NULL: the result has a number */
};

struct scan_info {
    enum ff_scanner name;
    const char *process;
    uint8_t flags;
};

/* table.c: the scanners that work; NULL: not one of them. */
const struct scan_info *ff_scan_info(enum ff_scanner name);
/* A call that came to its batch has left something. */
#define TRIM_BATCH 20
#define TRIM_EXPIRED_BATCH 1000
/* Partitions that are trimmed in one frame, so that it keeps nobody waiting for long: 80 purges. */
#define TRIM_ITEMS 4
/* What is called for each of its items, in order; how many. */
uint32_t ff_scan_calls(enum ff_scanner name, const struct scan_call *out[CALLS_MAX]);

/* ---- one scanner ---- */

struct item {
    struct ff_digest id;
    uint32_t calls; /* not answered yet */
    bool failed;
    uint32_t changed;              /* how much: 1, or what its results tell */
    uint32_t errors;               /* that its results tell */
    struct ff_str args;            /* for messages; lives as long as the page */
    const struct ff_due_item *due; /* the same */
};

enum scan_state { RESTING, ASKING, ACTING };

struct cycle {
    int64_t started_mono_ms;
    struct ff_scanner_cycle counts;
    int64_t next_due_at; /* of the last answer; INT64_MAX: none */
    bool left;           /* items were skipped or failed: they are listed again at once */
    bool again;          /* an item has more than one call does: the list is taken from its start */
    bool paced;          /* its last page had nothing but a cursor: the next one has time */
    bool cut;            /* it has run long enough: the next one goes on from the cursor */
    bool broken;         /* the broker could not be asked */
    bool forced;
    struct ff_scanners_run run; /* forced */
};

struct scanner {
    struct ff_scanners *all;
    const struct scan_info *info;
    int64_t interval_ms;
    enum scan_state state;
    bool parked; /* a scan_due of the last rest has not been answered */
    int64_t parked_until_mono_ms;
    bool complained; /* that the broker cannot be asked */
    struct ev_timer pause;
    struct ff_failures failures;
    struct ff_scanner_stats stats;
    struct ff_scanner_tally untold; /* not logged yet */
    int64_t told_mono_ms;
    struct cycle cycle;
    struct ff_answer page; /* of the scan_due that the items are from */
    struct item *items;
    uint32_t n_items, n_open; /* open: calls not answered */
    bool more;                /* the page has a cursor */
    char cursor[128];
    uint32_t cursor_n; /* 0: from the start */
    struct ff_scanners_run runs[RUNS_MAX];
    uint32_t n_runs;
};

/* cycle.c */
void ff_scan_rest(struct scanner *scanner);
void ff_scan_on_parked(struct scanner *scanner, struct ff_answer *answer);
void ff_scan_on_page(struct scanner *scanner, struct ff_answer *answer);
void ff_scan_on_acted(struct scanner *scanner, uint32_t item, const struct scan_call *call,
                      struct ff_answer *answer);
bool ff_scan_is_idle(const struct scanner *scanner);
void ff_scan_on_pause(struct ev_loop *loop, struct ev_timer *timer, int events);

/* ---- calls and their answers (wire.c) ---- */

enum reply_kind { REPLY_PARKED, REPLY_PAGE, REPLY_ACTED };

struct reply {
    TAILQ_ENTRY(reply) next;
    struct scanner *scanner;
    enum reply_kind kind;
    uint32_t item;
    const struct scan_call *call;
    struct ff_answer answer;
};
TAILQ_HEAD(replies, reply);

struct ff_scanners {
    struct ff_scanners_options options;
    struct ev_loop *loop;
    struct ff_client *client;
    struct scanner scanners[FF_SCANNERS]; /* the first n */
    uint32_t n;
    bool stopping, told;
    struct ev_timer grace;
    struct ev_async wake;
    pthread_mutex_t mutex; /* guards what follows */
    struct replies replies;
};

/* scan_due; block_ms 0: the next page of the cycle. */
void ff_scan_ask(struct scanner *scanner, uint64_t block_ms);
/* Calls the item's operations; of a chain the one behind `after`, NULL: the first. */
void ff_scan_act(struct scanner *scanner, uint32_t item, const struct scan_call *after);
void ff_scan_take_replies(struct ff_scanners *scanners);
void ff_scan_drop_replies(struct ff_scanners *scanners);

void ff_scan_say(const struct scanner *scanner, enum ff_log_level level, const char *event,
                 const char *text);
/* Something has come to rest: perhaps that was the last. */
void ff_scan_check_stopped(struct ff_scanners *scanners);

#endif
