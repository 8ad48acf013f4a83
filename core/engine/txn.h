/* txn.h: what an operation may do.
 *
 * An operation is a plain function over a txn: typed getters, scans, puts, events, the call's fixed
 * time and its own id source. It has no other effect, so it may be run again from the top:
 * FF_E_PENDING from any getter means "not resident yet" and is returned as it is (FF_TRY does
 * that).
 *
 * Texts in records that a getter hands out live as long as the call. Texts given to a put or an
 * event are copied.
 */
#ifndef FF_CORE_ENGINE_TXN_H
#define FF_CORE_ENGINE_TXN_H

#include "core/arena.h"
#include "core/engine/walks.h"
#include "core/fault.h"
#include "core/ops.h"
#include "core/records.h"
#include "core/scanners.h"
#include "core/store.h"

/* What the operations may know of the engine they run in; fixed while it runs. */
struct ff_engine_facts {
    struct ff_partition_counts counts;
    const char *backend;          /* backend_label */
    const struct ff_store *store; /* only to be asked what it promises; NULL: there is none */
    uint8_t handle_tag;
    uint32_t frame_bytes_max; /* replies stay under it */
    bool test_mode;
    struct ff_strs lanes;  /* configured ones: registered at boot */
    uint64_t retention_ms; /* how long ended executions stay */
    uint64_t flow_retention_ms, event_retention_ms;
    uint32_t submit_once_max, submit_step, flow_step;
    bool consumes;       /* the engine itself does what a change in a flow leaves to be done */
    bool claims_stopped; /* shutting down: claims answer as on a paused lane (08 §4) */
    bool gate_closed;    /* shutdown_prepare was called (01 §10.6) */
};

struct ff_txn {
    int64_t now_ms;         /* one reading for the whole call (01 §1.6) */
    struct ff_arena *arena; /* lives until the call is answered */
    struct ff_fault fault;
    const struct ff_engine_facts *facts;
    const struct ff_common_args *common; /* lane and partition the caller expects */
    struct ff_engine *engine;            /* not for operations */
    struct ff_task *task;                /* not for operations */
    struct ff_walk *walk;                /* of ff_txn_walk */
};

/* Looks a record up; *found says whether there is one, out is zeroed otherwise.
 * FF_E_PENDING, FF_E_CORRUPTION {context}. */
FF_MUST_USE ff_err ff_txn_find(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key,
                               void *out, bool *found);
/* The same of one that it does not see: being taken away (purge.h), or submitted (submit.h). */
FF_MUST_USE ff_err ff_txn_find_hidden(struct ff_txn *txn, enum ff_record kind,
                                      const struct ff_key *key, void *out, bool *found);
/* Writes the record under its own key; index changes are derived from it.
 * FF_E_PENDING, FF_E_CORRUPTION; of an execution FF_E_INVARIANT_VIOLATION: its state vector or the
 * move to it is not legal, and the call is taken back as a whole. */
FF_MUST_USE ff_err ff_txn_put(struct ff_txn *txn, enum ff_record kind, const void *record);
/* Removes a record that belongs to an execution which goes with it, and stands in no index, without
 * looking at it. */
void ff_txn_drop(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key);
/* The same of a record that cannot be there yet, because what it belongs to has just been made: it
 * is not looked up first. On a shared store a mistake is a conflict; on another it overwrites. */
FF_MUST_USE ff_err ff_txn_put_new(struct ff_txn *txn, enum ff_record kind, const void *record);
/* Removes it, if it is there. FF_E_PENDING. */
FF_MUST_USE ff_err ff_txn_remove(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key);

/* The first entry of a scope behind `after` (NULL: from the start), changes of this batch included.
 * expect: how many entries the caller is likely to read from here on, at least 1; a hint for the
 * load. FF_E_PENDING. */
FF_MUST_USE ff_err ff_txn_next(struct ff_txn *txn, enum ff_index index,
                               const struct ff_scope *scope, const struct ff_entry *after,
                               uint32_t expect, struct ff_entry *out, bool *found);
/* The same of what sorts up to `until` only: what follows that is not read to the end. */
struct ff_due {
    enum ff_index index;
    struct ff_scope scope;
    int64_t until;
    uint32_t expect;
    int64_t next_at; /* nothing found: what stands behind sorts no lower; INT64_MAX: nothing does */
};
FF_MUST_USE ff_err ff_txn_next_due(struct ff_txn *txn, struct ff_due *due,
                                   const struct ff_entry *after, struct ff_entry *out, bool *found);
/* The scopes of an index that begin with `prefix` and have entries, ascending, in the call's arena.
 * FF_E_PENDING. */
FF_MUST_USE ff_err ff_txn_scopes(struct ff_txn *txn, enum ff_index index,
                                 const struct ff_scope *prefix, struct ff_scope_list *out);

/* Whether the record with the key place->id stands there, changes of this batch included. Places
 * may be far apart. FF_E_PENDING. */
FF_MUST_USE ff_err ff_txn_stands(struct ff_txn *txn, const struct ff_index_key *place,
                                 bool *stands);

/* Repairs an index: the record with the key place->id stands there from now on, or does not. It is
 * written as it is, so that on a shared store no change of it goes by. Cannot be taken back by a
 * call that fails: the last thing that a step does. FF_E_PENDING, FF_E_CORRUPTION: not looked at
 * before. */
FF_MUST_USE ff_err ff_txn_restand(struct ff_txn *txn, enum ff_record kind,
                                  const struct ff_index_key *place, bool stands);

/* Appends an event to the feed of its family, in the same step as the puts. */
void ff_txn_event(struct ff_txn *txn, const struct ff_event *event);

/* A random (version 4) uuid, the same at every run of this call. */
struct ff_uuid ff_txn_uuid(struct ff_txn *txn);
/* Uniform in 0..bound-1 (bound at least 1), the same at every run of this call. */
uint64_t ff_txn_random(struct ff_txn *txn, uint64_t bound);

/* Numbers and times of the oldest events of a family, ascending, changes of this batch included, at
 * most `limit`; in the call's arena. The newest event of a family is never among them: numbers go
 * on from it. FF_E_PENDING, FF_E_CORRUPTION. */
struct ff_old_event {
    uint64_t seq;
    int64_t at;
};
struct ff_old_events {
    struct ff_old_event *v;
    uint32_t n;
};
FF_MUST_USE ff_err ff_txn_old_events(struct ff_txn *txn, enum ff_event_family family,
                                     uint32_t limit, struct ff_old_events *out);
/* Takes the events of a family up to this one away. */
void ff_txn_trim_events(struct ff_txn *txn, enum ff_event_family family, uint64_t up_to_seq);

/* The flow's summary, as this call has written it, is up to date (projector.c). */
void ff_txn_projected(struct ff_txn *txn, const struct ff_uuid *flow_id);

/* Reaches the store once. FF_E_PENDING, FF_E_TRANSPORT. */
FF_MUST_USE ff_err ff_txn_ping(struct ff_txn *txn);

/* What the call has written so far stays even if it then fails (01 §1.2). */
void ff_txn_keep(struct ff_txn *txn);

/* Waits for a change of `topic` (a lane's scope, a scanner's), for the instant wake_at_ms of the
 * engine clock (INT64_MAX: none), or until block_ms are over, counted from the call's arrival in
 * real time. FF_E_PARKED  return it; the call is run again from the top when something happened.
 * FF_E_OK      the time is over, or waiting is not possible: answer with what there is. */
FF_MUST_USE ff_err ff_txn_park(struct ff_txn *txn, const struct ff_scope *topic, uint64_t block_ms,
                               int64_t wake_at_ms);

/* Before an answer that there is nothing: on a store that brokers share, all that the call has read
 * is from after its arrival, or from after the end of its time if it waited. FF_E_PENDING. */
FF_MUST_USE ff_err ff_txn_up_to_date(struct ff_txn *txn);

/* Before ff_txn_park: a change of this may end the wait, too (topics.h). */
void ff_txn_watch(struct ff_txn *txn, const struct ff_scope *what);
/* There is something for those that wait for `what`: so many of them (UINT32_MAX: all) are judged
 * again at the end of the batch. */
void ff_txn_wake(struct ff_txn *txn, const struct ff_scope *what, uint32_t how_many);

/* The same for those that parked on this very topic: its cost does not grow with the others. */
void ff_txn_wake_parked(struct ff_txn *txn, const struct ff_scope *topic);
/* Milliseconds of real time since this call first asked to be parked; 0 before. */
uint64_t ff_txn_waited_ms(const struct ff_txn *txn);
/* A number that this call keeps while it waits and is run again; absent at first. */
struct ff_opt_u64 ff_txn_kept_number(const struct ff_txn *txn);
void ff_txn_keep_number(struct ff_txn *txn, uint64_t number);

/* ---- event feeds: feeds.c ---- */

struct ff_stored_event {
    uint64_t seq;
    struct ff_str body; /* FF_R_EVENT in its stored form */
};
struct ff_feed_page {
    const struct ff_stored_event *v; /* ascending; until the next call on feeds */
    uint32_t n;
    uint64_t newest, oldest; /* of the feed: newest 0 = there was never one; oldest retained */
};
/* Up to `limit` committed events behind a sequence number. FF_E_PENDING. */
FF_MUST_USE ff_err ff_txn_feed(struct ff_txn *txn, enum ff_event_family family, uint64_t after_seq,
                               uint32_t limit, struct ff_feed_page *out);

/* ---- the stream pool, passes of scanners, and their gate: permits.c ---- */

/* Before anything else in a stream operation; held until the call is answered.
 * FF_E_UNAVAILABLE {gate} once the gate is closed, FF_E_RESOURCE_EXHAUSTED {pool, max,
 * retry_after_ms}. */
FF_MUST_USE ff_err ff_txn_stream_permit(struct ff_txn *txn);
/* A scanner was given items: its pass goes on until it asks for more; the items' own calls count by
 * themselves. */
void ff_txn_pass(struct ff_txn *txn, enum ff_scanner scanner, bool goes_on);
/* Closes the gate for good: scan_due lists nothing any more, and those that wait are judged again.
 * How many stream operations and passes of scanners there still are. */
uint32_t ff_txn_close_gate(struct ff_txn *txn);

/* Within walks: whether block_ms are over since the call's arrival, in real time. */
bool ff_txn_time_over(struct ff_txn *txn, uint64_t block_ms);

/* A point that a call can go back to, so that one failing entity does not undo the others. */
struct ff_savepoint {
    uint32_t undo, events, notes;
    size_t bytes;
};
struct ff_savepoint ff_txn_savepoint(struct ff_txn *txn);
void ff_txn_rollback(struct ff_txn *txn, const struct ff_savepoint *to);
/* Cascades that became owed since then are this call's own: it sees to them itself. */
void ff_txn_own_cascades(struct ff_txn *txn, const struct ff_savepoint *since);

/* Typed forms. */
#define FF_RECORD(record, upper, help)                                                             \
    FF_MUST_USE static inline ff_err ff_txn_put_##record(struct ff_txn *txn,                       \
                                                         const struct ff_##record *value)          \
    {                                                                                              \
        return ff_txn_put(txn, FF_R_##upper, value);                                               \
    }
#define FF_COL(record, tag, type, name, help)
#define FF_COLO(record, tag, type, name, help)
#define FF_RECORD_END(record)
#include "core/records.def"

FF_MUST_USE static inline ff_err
ff_txn_find_exec(struct ff_txn *txn, const struct ff_eid *id, struct ff_exec *out, bool *found)
{
    struct ff_key key = ff_key_eid(id);

    return ff_txn_find(txn, FF_R_EXEC, &key, out, found);
}

/* As ff_txn_find_exec. Where there is none FF_E_EXECUTION_NOT_FOUND {entity}; where the caller's
 * partition or lane_id contradicts it FF_E_INVALID_INPUT partition_mismatch, lane_mismatch (02
 * §1.5). */
FF_MUST_USE ff_err ff_txn_get_exec(struct ff_txn *txn, const struct ff_eid *id,
                                   struct ff_exec *out);

#endif
