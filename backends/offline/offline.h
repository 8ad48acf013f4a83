/* offline.h: work on stores at rest, without an engine: copying one into another, checking one.
 *
 * Blocking, for a process of its own (supervisor/store_main.c). Memory: a few hundred records at a
 * time (FF_OFFLINE_CHUNK), the scopes of one index, and what a store itself holds.
 */
#ifndef FF_BACKENDS_OFFLINE_OFFLINE_H
#define FF_BACKENDS_OFFLINE_OFFLINE_H

#include "backends/store.h"
#include "core/store_offline.h"

/* Records that are loaded, and committed, together; one that may be large counts as 16. */
#define FF_OFFLINE_CHUNK 256

/* ---- opening ---- */

/* Opens, prepares, and waits up to 11 s until nobody else uses the store. counts: as prepare has
 * them. The errors of ff_store_open and core/store_offline.h, and
 * FF_E_TRANSPORT {transport_kind: "in_use"}  a daemon runs on it.
 * *store_out: untouched unless FF_E_OK. */
FF_MUST_USE ff_err ff_offline_open(struct ff_str url, enum ff_store_use use,
                                   struct ff_partition_counts *counts, struct ff_store **store_out,
                                   struct ff_fault *fault);
/* The same question to an open store, without waiting. */
FF_MUST_USE ff_err ff_offline_alone(struct ff_store *store, struct ff_fault *fault);

/* ---- going through all records ---- */

struct ff_offline_record {
    enum ff_record kind;
    struct ff_key key; /* n == 0: none could be read */
    bool found;        /* under its key */
    uint64_t version;
    const void *record; /* NULL: not found, or its stored form cannot be read */
    struct ff_str body; /* record != NULL: its stored form as this program writes it */
};
struct ff_offline_visitor {
    uint64_t kinds; /* bits, as of a walk */
    /* Some records, in the store's own order; what they point to lives in the arena, which is
     * emptied afterwards. An error ends the walk. */
    ff_err (*visit)(void *ctx, const struct ff_offline_record *records, uint32_t n,
                    struct ff_arena *arena, struct ff_fault *fault);
    /* A feed's events likewise; NULL: none. */
    ff_err (*event)(void *ctx, enum ff_event_family family, const struct ff_want *page,
                    struct ff_fault *fault);
    void *ctx;
};
FF_MUST_USE ff_err ff_offline_each(struct ff_store *store, const struct ff_offline_visitor *visitor,
                                   struct ff_fault *fault);

/* How many records and events there are: their names are read, not they. */
FF_MUST_USE ff_err ff_offline_count(struct ff_store *store, uint64_t *n_out,
                                    struct ff_fault *fault);

/* What tells one record of its kind from the others, for people: its key fields, or its key in
 * hexadecimal. In the arena. */
const char *ff_offline_name(const struct ff_offline_record *record, struct ff_arena *arena);

/* ---- counts and checksums ---- */

/* The sum does not depend on the order. */
struct ff_offline_sum {
    uint64_t n, low, high;
};
struct ff_offline_digest {
    struct ff_offline_sum records[FF_R_N];
    struct ff_offline_sum feeds[FF_FAMILIES];
    uint64_t newest[FF_FAMILIES]; /* number of the last event */
};
void ff_offline_add(struct ff_offline_sum *sum, const struct ff_str *parts, uint32_t n);
void ff_offline_add_record(struct ff_offline_digest *digest,
                           const struct ff_offline_record *record);
void ff_offline_add_events(struct ff_offline_digest *digest, enum ff_event_family family,
                           const struct ff_want *page);

/* ---- copying (copy.c) ---- */

enum ff_offline_phase { FF_OFFLINE_CLEARING, FF_OFFLINE_COPYING, FF_OFFLINE_VERIFYING };
/* Records and events of a phase that are done, of so many; of 0: it is not known how many. */
struct ff_offline_step {
    enum ff_offline_phase phase;
    uint64_t done, of;
};
struct ff_offline_progress {
    void (*tell)(void *ctx, const struct ff_offline_step *step); /* often; NULL: nobody looks */
    void *ctx;
};
struct ff_offline_copied {
    struct ff_offline_digest from, to;
    bool differ; /* what was read back is not what was copied; `to' stays unfinished */
};
/* Copies all that `from` (opened to LOOK) has into `to` (opened to FILL), and reads both again to
 * compare. From the first write to the end `to` is an unfinished copy; what an earlier one has left
 * is removed first. Whether both are left alone meanwhile is looked at every second.
 * FF_E_CORRUPTION {reason: "not_empty" | "record" | "conflict" | "in_use"}, FF_E_TRANSPORT. */
FF_MUST_USE ff_err ff_offline_copy(struct ff_store *from, struct ff_store *to,
                                   const struct ff_offline_progress *progress,
                                   struct ff_offline_copied *out, struct ff_fault *fault);

/* ---- checking (check.c) ---- */

struct ff_offline_finding {
    const char *kind; /* of record, or "index" and "feed" */
    const char *name; /* which */
    const char *what; /* follows the name */
    const char *advice;
};
struct ff_offline_checker {
    void (*found)(void *ctx, const struct ff_offline_finding *finding);
    struct ff_offline_progress progress;
    void *ctx;
};
/* Looks whether what is stored is what an engine may have stored; changes nothing. *n: findings.
 * FF_E_TRANSPORT: the store could not be read to the end. */
FF_MUST_USE ff_err ff_offline_check(struct ff_store *store,
                                    const struct ff_offline_checker *checker,
                                    struct ff_offline_digest *digest, uint64_t *n,
                                    struct ff_fault *fault);

#endif
