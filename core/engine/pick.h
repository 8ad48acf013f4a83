/* pick.h: which execution of a lane a worker gets next (02 §5.8, 05 §5.1 C-1 to C-12).
 *
 * Candidates come from several ordered sources: the ready index has one scope per class of alike
 * executions and eligibility, the reclaimable index one per class; grants that have lapsed unused
 * form one more. Their heads are merged by rank, and a class is judged once per call, so the cost
 * follows what is handed out and how many classes a lane has, not how many wait or are blocked.
 */
#ifndef FF_CORE_ENGINE_PICK_H
#define FF_CORE_ENGINE_PICK_H

#include "core/engine/exec.h"
#include "core/engine/judge.h"

struct ff_picking {
    struct ff_str lane_id;
    struct ff_strs offered; /* the worker's capabilities, normalised (01 §6.3) */
    bool include_reclaimable;
    bool with_context; /* input and tags will be read too: load them together */
    uint32_t expect;   /* how many the caller would take at the most */
};

/* The capabilities argument of every claim and grant (01 §6.3). FF_E_INVALID_CAPABILITIES. */
FF_MUST_USE ff_err ff_offered_caps(struct ff_txn *txn, struct ff_str packed, struct ff_strs *out);

struct ff_pick_source;
struct ff_pick_extra;

struct ff_pick {
    const struct ff_picking *want;
    bool closed; /* the lane hands out nothing */
    bool wrote;  /* marks or labels were set on the way */
    struct ff_pick_source *sources;
    uint32_t n_sources;
    struct ff_pick_source **heap; /* those not known to be spent, by their heads */
    uint32_t n_heap;
    struct ff_pick_extra *extra; /* judged one by one, by rank: under a lapsed grant, or admitted
                                    by their quota before */
    uint32_t n_extra, at_extra;
    struct ff_crew *crews;       /* registered workers, as far as they were asked for */
    struct ff_quota_case quota;  /* of the last candidate */
    int64_t wake_at_ms;          /* when time alone may bring a candidate; INT64_MAX: never */
    struct ff_pick_source *last; /* where the last candidate came from; NULL: an extra one */
    uint32_t taken;
    bool given; /* a candidate was handed out and its source moved on */
};

/* Opens the lane for one call. Leases that have lapsed unnoticed are marked (02 §6.3).
 * want: must outlive the pick. */
FF_MUST_USE ff_err ff_pick_begin(struct ff_txn *txn, const struct ff_picking *want,
                                 struct ff_pick *out);

/* The next execution the worker may have, in the eligible order; the caller takes it, or grants it,
 * before it asks again. Candidates passed over are labelled with what keeps them back; one whose
 * reclaim cap is reached is ended. *found: false when the lane has nothing more. */
FF_MUST_USE ff_err ff_pick_next(struct ff_txn *txn, struct ff_pick *pick, struct ff_exec *out,
                                bool *found);

/* The caller takes the last candidate: its quota is recorded; the caller saves. */
FF_MUST_USE ff_err ff_pick_admit(struct ff_txn *txn, struct ff_pick *pick, struct ff_exec *exec,
                                 const struct ff_quota_hold *hold);

/* Nothing was found: waits for a change of the lane, as ff_txn_park; block_ms 0 does not. */
FF_MUST_USE ff_err ff_pick_wait(struct ff_txn *txn, const struct ff_pick *pick, uint64_t block_ms);

/* To be returned where the caller met FF_E_PENDING while it read the last candidate: asks for those
 * that will follow, too. */
FF_MUST_USE ff_err ff_pick_prefetch(struct ff_txn *txn, const struct ff_pick *pick);

#endif
