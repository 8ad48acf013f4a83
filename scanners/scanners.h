/* scanners.h: the scanners of one process, on its libev loop (07 §1).
 *
 * A client of the operator socket without any authority: each scanner asks scan_due what is to be
 * done, calls the engine's operation for each item, and waits in scan_due for the next one. Nothing
 * polls: a waiting scan_due ends when something falls due.
 */
#ifndef FF_SCANNERS_SCANNERS_H
#define FF_SCANNERS_SCANNERS_H

#include <ev.h>

#include "core/fault.h"
#include "core/scanners.h"

struct ff_scanners;

struct ff_scanners_options {
    const char *process;                 /* of design §1: lease, promote, … */
    const char *address;                 /* ipc://…/operator.sock */
    uint64_t intervals_ms[FF_SCANNERS];  /* longest pauses; below 100 counts as 100 */
    uint64_t retention_ms;               /* of ended executions whose policy has none */
    uint64_t flow_retention_ms;          /* of ended flows */
    const struct ff_scan_filter *filter; /* NULL: everything; outlives the scanners */
    bool on_demand; /* test mode: no cycle but those that ff_scanners_run asks for */
    void (*log)(void *ctx, enum ff_log_level level, const char *event, struct ff_str detail);
    void (*stopped)(void *ctx); /* once, after ff_scanners_stop: nothing is under way any more */
    void *ctx;                  /* of both */
};

/* A cycle that has ended. */
struct ff_scanner_cycle {
    uint32_t processed, errors, skipped; /* items */
};

struct ff_scanner_tally {
    uint64_t cycles;
    uint64_t processed, errors, skipped; /* items */
    uint64_t busy_ms;
};

struct ff_scanner_stats {
    struct ff_scanner_tally total; /* since the start of the process */
    struct ff_scanner_cycle last;
    uint64_t last_ms;    /* how long it took */
    int64_t last_at;     /* when it ended, Unix ms; 0: there was none */
    uint32_t backed_off; /* items left alone at its end */
};

/* True for a name of a process that has scanners, or will have. */
bool ff_scanners_knows(const char *process);

/* Starts: the first cycle of each scanner begins at once, and waits for the broker if need be.
 * FF_E_INVALID_CONFIG, FF_E_TRANSPORT: those of ff_client_open. */
FF_MUST_USE ff_err ff_scanners_open(struct ev_loop *loop, const struct ff_scanners_options *options,
                                    struct ff_scanners **scanners_out, struct ff_fault *fault);
/* Begins no further item; what is under way is finished first, but no longer than grace_ms. */
void ff_scanners_stop(struct ff_scanners *scanners, uint64_t grace_ms);
void ff_scanners_close(struct ff_scanners *scanners);

/* `run_scanner` (00 §6): one cycle of `name` now, behind one that is under way, with the clock at
 * now_ms in test mode. done comes on the loop, perhaps not before this returns.
 * FF_E_CHILD_NOT_FOUND {name}: not one of this process. FF_E_RESOURCE_EXHAUSTED: too many wait. */
struct ff_scanners_run {
    struct ff_str name; /* need not live on */
    struct ff_opt_i64 now_ms;
    void (*done)(void *ctx, const struct ff_scanner_cycle *cycle);
    void *ctx;
};
FF_MUST_USE ff_err ff_scanners_run(struct ff_scanners *scanners, const struct ff_scanners_run *run,
                                   struct ff_fault *fault);

/* Its name, as given. */
const char *ff_scanners_process(const struct ff_scanners *scanners);
/* NULL: not one of this process. */
const struct ff_scanner_stats *ff_scanners_stats(const struct ff_scanners *scanners,
                                                 enum ff_scanner name);

#endif
