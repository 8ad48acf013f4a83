/* store_offline.h: what work on a store at rest asks of it beside core/store.h: copying, checking.
 *
 * For backends/offline; the engine uses none of it. A store is opened for it with another
 * ff_store_host.use. Beside the errors of opening:
 *
 * FF_E_CORRUPTION {reason: "missing"}          LOOK: there is no store.
 * FF_E_CORRUPTION {reason: "schema_version"}   LOOK: of another version, older ones too.
 * FF_E_CORRUPTION {reason: "unfinished_copy"}  SERVE, LOOK: a copy into it was begun.
 */
#ifndef FF_CORE_STORE_OFFLINE_H
#define FF_CORE_STORE_OFFLINE_H

#include "core/store.h"

/* ---- all records, whether an index leads to them or not ---- */

/* Where a walk goes on; the store's own. Zeroed: at its start. */
#define FF_WALK_AT_MAX (FF_KEY_MAX + 8)
struct ff_walk_at {
    uint8_t n;
    uint8_t b[FF_WALK_AT_MAX];
};

struct ff_record_name {
    enum ff_record kind;
    struct ff_key key; /* n == 0: its form cannot be read, and the store has it under no key */
};

/* A page of a walk: names in the store's own order, each record that is there all the time once
 * (`repeats`: at least once). want->limit: about how many. */
struct ff_walk_page {
    uint64_t kinds;               /* bit FF_R_…: those that are asked for */
    struct ff_walk_at at;         /* set to where the next page begins */
    struct ff_record_name *names; /* in the load's arena; may be none though more follow */
    uint32_t n;
    bool complete; /* no page follows */
};
#define FF_WALK_ALL (((UINT64_C(1) << FF_R_N) - 1) & ~(UINT64_C(1) << FF_R_EVENT))

/* ---- the rest ---- */

/* Each blocks; FF_E_TRANSPORT. For a prepared store without a commit or load under way. */
struct ff_store_offline {
    bool repeats; /* a walk may name a record twice, while the server moves its tables */
    /* How many other processes use the store now, or did 10 s ago; NULL: opening it has shut them
     * out. */
    ff_err (*others)(struct ff_store *store, uint32_t *n_out, struct ff_fault *fault);
    /* From now on it is an unfinished copy, or not any more; durable. */
    ff_err (*mark_copy)(struct ff_store *store, bool unfinished, struct ff_fault *fault);
    /* Empties a feed; its next event gets this number. */
    ff_err (*renumber)(struct ff_store *store, enum ff_event_family family, uint64_t next,
                       struct ff_fault *fault);
};

/* The refusals of above, with what to do in the message. */
ff_err ff_store_fail_missing(struct ff_fault *fault);
ff_err ff_store_fail_unfinished(struct ff_fault *fault);
ff_err ff_store_fail_version(struct ff_fault *fault);

/* ---- without an engine: each waits until it is answered ---- */

/* What the wants answer lives in the arena. The load's own fault. */
FF_MUST_USE ff_err ff_store_load_now(struct ff_store *store, struct ff_want *wants, uint32_t n,
                                     struct ff_arena *arena, struct ff_fault *fault);
/* FF_E_TRANSPORT, or FF_E_CORRUPTION {reason: "conflict", context}: a record was there, or not. */
FF_MUST_USE ff_err ff_store_commit_now(struct ff_store *store, struct ff_commit *commit,
                                       struct ff_fault *fault);

#endif
