/* quota.h: quota policies: sliding windows, guards, concurrency slots (05 §2).
 *
 * A window's count and a policy's number of slots are kept in records; what time takes away from
 * them is taken off by the next check, before it judges.
 */
#ifndef FF_CORE_ENGINE_QUOTA_H
#define FF_CORE_ENGINE_QUOTA_H

#include "core/engine/txn.h"

/* W where window_seconds is 0 (05 §2.1). */
#define FF_WINDOW_DEFAULT_S 60

/* *defined: create_quota_policy has been called. */
FF_MUST_USE ff_err ff_quota_get(struct ff_txn *txn, const struct ff_uuid *id, struct ff_quota *out,
                                bool *defined);
static inline uint64_t
ff_window_ms(uint64_t window_seconds)
{
    uint64_t seconds = window_seconds == 0 ? FF_WINDOW_DEFAULT_S : window_seconds;

    return seconds > INT64_MAX / 1000 ? INT64_MAX : seconds * 1000;
}

/* One question: may this execution be admitted now? */
struct ff_quota_ask {
    struct ff_uuid policy_id;
    struct ff_digest dimension;
    struct ff_eid execution_id;
    uint64_t window_ms, rate_limit, cap; /* 0: no limit */
};
/* What an execution asks of its own policy when it is claimed: dimension `default`, the policy's
 * values. */
struct ff_quota_ask ff_quota_own_ask(const struct ff_exec *exec, const struct ff_quota *quota);

enum ff_quota_verdict {
    FF_QUOTA_ADMITTED,
    FF_QUOTA_ALREADY, /* nothing is to be recorded */
    FF_QUOTA_RATE,
    FF_QUOTA_CONCURRENCY
};
struct ff_quota_answer {
    enum ff_quota_verdict verdict;
    bool guard_live, slot_live;
    bool wrote; /* something lapsed was taken off */
    int64_t guard_until;
    int64_t again_at; /* of a refusal: when time alone may change it; INT64_MAX: never */
    struct ff_quota quota;
    struct ff_window window;
};
/* records nothing but what has lapsed. */
FF_MUST_USE ff_err ff_quota_judge(struct ff_txn *txn, const struct ff_quota_ask *ask,
                                  struct ff_quota_answer *out);

/* How many more an execution's policy would admit now; UINT64_MAX: it sets no such limit, or is not
 * defined. */
struct ff_quota_room {
    uint64_t window, slots;
    int64_t again_at; /* when the window has a place again; INT64_MAX: it has one, or no limit */
};
FF_MUST_USE ff_err ff_quota_room(struct ff_txn *txn, const struct ff_exec *exec,
                                 struct ff_quota_room *out);

/* Q-4, of an answer FF_QUOTA_ADMITTED that nothing has happened since. */
struct ff_quota_hold {
    int64_t slot_until;            /* INT64_MAX: until it is freed */
    struct ff_opt_i64 grant_until; /* the admission is rolled back then, unless consumed (S-4) */
    uint64_t lease_epoch;          /* of the execution */
};
FF_MUST_USE ff_err ff_quota_record(struct ff_txn *txn, const struct ff_quota_ask *ask,
                                   struct ff_quota_answer *answer,
                                   const struct ff_quota_hold *hold);

/* A guard goes, and with it, unless the request has really happened, its window entry. */
FF_MUST_USE ff_err ff_admission_drop(struct ff_txn *txn, const struct ff_admission *admission,
                                     bool keep_entry);
/* S-4: those of the policy whose grant has lapsed unconsumed were never made. *wrote: there were
 * any.
 */
FF_MUST_USE ff_err ff_admissions_lapse(struct ff_txn *txn, const struct ff_uuid *policy_id,
                                       bool *wrote);
/* An entry goes from its window and its count. */
FF_MUST_USE ff_err ff_window_drop(struct ff_txn *txn, const struct ff_key *entry_key,
                                  const struct ff_window_entry *entry);

/* ---- slots.c: the life of a slot (05 §2.3) ---- */

/* Takes those off that have lapsed. */
FF_MUST_USE ff_err ff_slots_lapse(struct ff_txn *txn, struct ff_quota *quota, bool *wrote);
/* A slot goes, and who waits for one is told. */
FF_MUST_USE ff_err ff_slot_drop(struct ff_txn *txn, const struct ff_slot *slot);
/* The execution has been leased: its slots are held from now on, it has one of its own policy if
 * that has a cap, and the admission of a grant is consumed. The caller saves. */
FF_MUST_USE ff_err ff_slots_hold(struct ff_txn *txn, struct ff_exec *exec);
/* An execution that is being created: what was admitted under its id before (05 §2.2: it need not
 * exist). The caller saves. */
FF_MUST_USE ff_err ff_slots_inherit(struct ff_txn *txn, struct ff_exec *exec);
/* A grant keeps them at least as long as it lives (S-1). */
FF_MUST_USE ff_err ff_slots_keep_until(struct ff_txn *txn, const struct ff_exec *exec,
                                       int64_t until_ms);
/* It is not active: those that were held for that go, at its end all (S-2). The caller saves. */
FF_MUST_USE ff_err ff_slots_free(struct ff_txn *txn, struct ff_exec *exec);

#endif
