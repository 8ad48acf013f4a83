/* check_int.h: shared by the files of the checker.
 *
 *   check.c         each record by itself, events, and the order of it all
 *   check_links.c   what a record refers to is there, and they agree
 *   check_counts.c  counters are what a count gives
 *   check_index.c   indexes hold what the records derive, and nothing else
 */
#ifndef FF_BACKENDS_OFFLINE_CHECK_INT_H
#define FF_BACKENDS_OFFLINE_CHECK_INT_H

#include "backends/offline/offline.h"

struct ff_check {
    struct ff_store *store;
    const struct ff_offline_checker *checker;
    struct ff_offline_digest *digest;
    struct ff_fault *fault;
    uint64_t n;                             /* findings */
    uint64_t records;                       /* looked at in this pass */
    struct ff_offline_sum derived[FF_IX_N]; /* what the records say of the indexes */
    struct ff_offline_sum stored[FF_IX_N];  /* what the store says */
    uint64_t kinds[FF_IX_N];                /* which kinds stand there: bits */
    bool differs[FF_IX_N];
    struct ff_arena names; /* of one finding */
};

/* What there is to do about a finding. */
#define FF_ADVICE_BACKUP                                                                           \
    "a daemon does not write this: keep a copy of the store, restore a backup if work is "         \
    "affected, and report it"
#define FF_ADVICE_SCANNER                                                                          \
    "the reconcile scanner repairs it: start a daemon and run `ffctl scan reconcile'"

void ff_check_report(struct ff_check *check, const struct ff_offline_record *record,
                     const char *what, const char *advice);
/* The same of something that is no record. */
void ff_check_report_other(struct ff_check *check, const struct ff_offline_finding *finding);

/* A record by its key, decoded into the arena; NULL: there is none that can be read. What fails
 * is in check->fault. */
FF_MUST_USE ff_err ff_check_load(struct ff_check *check, enum ff_record kind,
                                 const struct ff_key *key, struct ff_arena *arena,
                                 const void **record_out);

FF_MUST_USE ff_err ff_check_links(struct ff_check *check, const struct ff_offline_record *records,
                                  uint32_t n, struct ff_arena *arena, struct ff_fault *fault);
FF_MUST_USE ff_err ff_check_counts(struct ff_check *check, const struct ff_offline_record *record,
                                   struct ff_fault *fault);
/* derived is complete. */
FF_MUST_USE ff_err ff_check_indexes(struct ff_check *check, struct ff_fault *fault);
/* Adds an entry to a sum. */
void ff_check_add_entry(struct ff_offline_sum *sum, const struct ff_index_key *key);

#endif
