/* parts_int.h: what the files of the engine offer each other; included by engine_int.h, which has
 * the structures. Each part is one file.
 */
#ifndef FF_CORE_ENGINE_PARTS_INT_H
#define FF_CORE_ENGINE_PARTS_INT_H

#include "core/engine/engine_int.h"

/* ---- cells.c: records ---- */
struct row *ff_cell_top(const struct cell *cell);
struct cell *ff_cell_get(struct ff_engine *engine, enum ff_record kind, const struct ff_key *key);
/* NULL: it is not known. */
struct cell *ff_cell_known(struct ff_engine *engine, enum ff_record kind, const struct ff_key *key);
enum ff_record ff_cell_kind(const struct cell *cell);
struct ff_key ff_cell_key(const struct cell *cell);
/* Makes `row` (owned) what the store has. */
void ff_cell_store(struct ff_engine *engine, struct cell *cell, struct row *row, uint64_t version);
/* What the store has is to be loaded again, unless a batch of ours has written it. */
void ff_cell_reread(struct ff_engine *engine, struct cell *cell);
/* record NULL: absent. */
struct row *ff_row_new(struct ff_engine *engine, enum ff_record kind, const void *record);
void ff_row_unref(struct ff_engine *engine, struct row *row);
/* The end: what was kept for use. */
void ff_spares_free(struct ff_engine *engine);
/* `row` (owned) is the open batch's version, with its index changes; the old one is remembered. */
void ff_cell_write(struct ff_engine *engine, struct cell *cell, struct row *row);
/* The open batch removes it, whatever it is: it stands in no index and has not been looked at. */
void ff_cell_drop(struct ff_engine *engine, struct cell *cell);
/* Takes back what the running call wrote since `mark`. */
void ff_cells_undo(struct ff_engine *engine, uint32_t mark);
/* The running call is over: what it replaced is freed. */
void ff_cells_settle(struct ff_engine *engine);
/* Frees what no batch uses beyond the cache's bound; on a shared store all that is older than the
 * open batch. */
void ff_cells_evict(struct ff_engine *engine);
/* Its removal is stored: nobody asks for it again, and the cache is not filled with what is not
 * there. */
void ff_cell_forget_removed(struct ff_engine *engine, struct cell *cell);
/* A record was written that is seldom asked for again; so is what belongs to an execution that has
 * ended. They make room. */
void ff_cells_forget(struct ff_engine *engine, const struct ff_write *write, struct cell *cell);
/* An execution was loaded that other brokers write too: what an older version of it said is not
 * there is looked for again. */
void ff_cells_doubt(struct ff_engine *engine, const struct ff_exec *exec);
/* Forgets what no batch uses: the store may have lost something that we have seen. */
void ff_cells_forget_kept(struct ff_engine *engine);
/* Forgets everything, the batches' versions too. */
void ff_cells_clear(struct ff_engine *engine);
/* What counts is what an earlier batch has left, and other brokers may have changed since. */
static inline bool
ff_cell_is_old(const struct cell *cell)
{
    return cell->old && cell->base == NULL && cell->open == NULL;
}

/* ---- txn.c ---- */
/* The record, known to be there or not; the call counts as having used it. FF_E_PENDING. */
ff_err ff_txn_resident(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key,
                       struct cell **cell_out);

/* ---- trust.c: records of earlier batches, on shared stores ---- */
/* It is worth keeping when no batch uses it any more: it is of an execution that lives. */
bool ff_trust_keeps(struct ff_engine *engine, const struct cell *cell);
/* Calls of this kind write the executions that they read, and may use old ones; the task's present
 * call, as it stands, does. */
bool ff_trust_call(const struct ff_call *call);
bool ff_trust_task(const struct ff_task *task);
/* Whether the call takes for granted that what it creates is not there; if so, and if the cell is
 * that of what the task's present call creates, it says that from here on. */
bool ff_trust_guesses(const struct ff_engine *engine, const struct ff_call *call);
void ff_trust_guess(struct ff_engine *engine, const struct ff_task *task, struct cell *cell);
/* The store had another version. */
void ff_trust_conflict(struct ff_engine *engine, const struct ff_write *write);
/* The call that has just been run has used old records, and not all of them are proved by what it
 * has written: it has to be run again on fresh ones. */
bool ff_trust_failed(struct ff_engine *engine, const struct ff_task *task);

/* ---- spans.c: indexes ---- */
struct span *ff_span_get(struct ff_engine *engine, enum ff_index index,
                         const struct ff_scope *scope);
/* The open batch adds or removes a position. */
void ff_span_change(struct ff_engine *engine, const struct ff_index_key *key, bool add);
/* What batches have done there: 1 added, -1 taken away, 0 nothing. */
int ff_span_marked(struct ff_engine *engine, const struct ff_index_key *place);
/* The open batch's marks become the sealed one's, and the changes of its commit. */
void ff_marks_seal(struct ff_engine *engine, struct batch *batch);
/* A sealed batch is in the store, but the load under way may have looked before that. */
void ff_marks_linger(struct ff_engine *engine, struct batch *batch);
/* Marks of batches up to `up_to` are in the store, and every page read from here on shows them. */
void ff_marks_release(struct ff_engine *engine, struct mark_list *marks, uint64_t up_to);
/* The batch will never be committed. */
void ff_marks_drop(struct ff_engine *engine, struct batch *batch);
/* Takes an answered page want in; one whose load failed. */
void ff_span_load(struct ff_engine *engine, const struct ff_want *want);
void ff_span_unwant(struct ff_engine *engine, const struct ff_want *want);
/* Pages live for one batch: they are to be read again. */
void ff_spans_stale(struct ff_engine *engine);
/* A class of a lane that calls have looked into lately. */
bool ff_span_is_known(const struct ff_engine *engine, const struct span *span);
/* The first position behind `after` (NULL: from the start), the batches' changes included. The span
 * tells how many are likely to be read (span->expect). */
ff_err ff_span_next(struct ff_txn *txn, struct span *span, const struct ff_entry *after,
                    struct ff_entry *out, bool *found);
/* The first span of an index at or behind a scope, and the one behind it; NULL: none. */
struct span *ff_span_from(struct ff_engine *engine, uint8_t index, const struct ff_scope *scope);
struct span *ff_span_behind(struct span *span);

/* ---- scopes.c ---- */
struct scopes *ff_scopes_get(struct ff_engine *engine, enum ff_index index,
                             const struct ff_scope *prefix);
void ff_scopes_load(struct ff_engine *engine, const struct ff_want *want);
void ff_scopes_merge(struct ff_engine *engine, const struct scopes *scopes, struct ff_arena *arena,
                     struct ff_scope_list *out);
void ff_scopes_stale(struct ff_engine *engine);
void ff_scopes_doubt(struct ff_engine *engine, const struct span *span);

/* ---- loads.c ---- */
/* Notes what is to be loaded; on an immediate store loads it at once. FF_E_OK: it is there now;
 * FF_E_PENDING; FF_E_CORRUPTION; on an immediate store also FF_E_TRANSPORT. */
ff_err ff_want_cell(struct ff_engine *engine, struct cell *cell, struct ff_fault *fault);
ff_err ff_want_peek(struct ff_engine *engine, struct peek *peek, const struct ff_entry *before,
                    struct ff_fault *fault);
void ff_peek_load(struct peek *peek, const struct ff_want *want);
void ff_peeks_stale(struct ff_engine *engine);
void ff_peek_doubt(struct ff_engine *engine, const struct ff_index_key *place);
ff_err ff_want_page(struct ff_engine *engine, struct span *span, const struct ff_entry *after,
                    uint32_t limit, struct ff_fault *fault);
ff_err ff_want_scopes(struct ff_engine *engine, struct scopes *scopes, struct ff_fault *fault);
/* The want was not answered. */
void ff_unwant(struct ff_engine *engine, const struct ff_want *want);
/* Sends the gathered wants off, if no load is under way. */
bool ff_loads_start(struct ff_engine *engine);

/* ---- ahead.c ---- */
/* A call of the frame waits for a load: what it and those behind it will read goes with that. */
void ff_look_ahead(struct ff_engine *engine, const struct ff_task *task);

/* ---- feeds.c: pages of events ---- */
void ff_feed_load(struct ff_engine *engine, const struct ff_want *want);
void ff_feed_unwant(struct ff_engine *engine, const struct ff_want *want);
/* The running call is over; done: what it takes away goes with the open batch. */
void ff_feeds_settle(struct ff_engine *engine, bool done);
/* They live for one batch. */
void ff_feeds_stale(struct ff_engine *engine);
/* Notes that they are to be loaded. As ff_want_cell. */
ff_err ff_want_feed(struct ff_engine *engine, struct feed_page *page, struct ff_fault *fault);
/* A batch is in the store: those that wait for its events are woken. */
void ff_feeds_committed(struct ff_engine *engine, const struct batch *batch);

/* ---- walks.c ---- */
/* After FF_E_STEP: the task waits until it may go on. wrote: the step has written something. */
void ff_walk_pause(struct ff_engine *engine, struct ff_txn *txn, bool wrote);
/* The batch was not made: walks of which it holds something are answered with the fault. */
void ff_walks_fail(struct ff_engine *engine, uint64_t batch, const struct ff_fault *fault);
/* No batch behind the last one that is committed was made: their steps are to be done again. */
void ff_walks_undo(struct ff_engine *engine);
/* Queues those that may go on; whether there are any. */
void ff_walks_resume(struct ff_engine *engine);
bool ff_walks_ready(const struct ff_engine *engine);

/* ---- batches.c ---- */
void ff_batch_add(struct ff_engine *engine, struct ff_task *task, uint32_t call);
bool ff_batch_full(const struct ff_engine *engine);
/* Seals the open batch and sends it off, if none is under way. */
bool ff_batch_start(struct ff_engine *engine);
void ff_batch_init(struct batch *batch);
void ff_batch_free(struct batch *batch);

/* ---- tasks.c: running calls ---- */
/* On a shared store a call that fails as if the data were broken may have read records from
 * different instants: so often it gets all of them again, in one load. Any other error is answered
 * when that has been done once. */
#define REREADS_MAX 3
struct ff_task *ff_task_new(struct ff_engine *engine, struct ff_frame *frame);
/* Puts it into the list that `state` names, at its end; out of the one it is in. */
void ff_task_move(struct ff_engine *engine, struct ff_task *task, enum task_state state);
/* Runs its calls until one has to wait, or the batch is full. */
void ff_task_run(struct ff_engine *engine, struct ff_task *task);
/* Answers its frame if all calls are done and durable. */
void ff_task_settle(struct ff_engine *engine, struct ff_task *task);
/* The call is answered with this fault, whatever it has been before. */
void ff_task_answer_fault(struct ff_engine *engine, struct ff_task *task, uint32_t call,
                          const struct ff_fault *fault);
/* All calls from the present one on are answered with this fault, and the frame with them. */
void ff_task_abandon(struct ff_engine *engine, struct ff_task *task, const struct ff_fault *fault);
/* engine.c: runs what is queued. */
void ff_engine_run_queue(struct ff_engine *engine);
/* Of its store: fails is one of its stats; whoever hears that it is well again clears it. */
void ff_engine_note_trouble(struct ff_engine *engine, bool *fails, const struct ff_fault *fault);
int64_t ff_engine_now(struct ff_engine *engine, struct ff_opt_i64 given_ms);

/* ---- follow.c: what a change leaves to be done ---- */
/* An index entry came to be. */
void ff_follow_note(struct ff_engine *engine, const struct ff_index_key *key);
/* Takes back what the running call has noted; kind: of one index only, FF_IX_N: all. */
void ff_follow_forget(struct ff_engine *engine, uint32_t from, enum ff_index kind);
/* Looks for marks, if it is time; and how long until then, INT64_MAX: not by time. */
void ff_follow_look(struct ff_engine *engine);
int64_t ff_follow_wait_ms(struct ff_engine *engine);
/* Queues calls for what is noted. True if any. */
bool ff_follow_start(struct ff_engine *engine);

/* ---- projector.c ---- */
/* The summary of a flow (its key) is out of date; so it is when a member moves to a state (the
 * scope of that in FF_IX_MEMBER_STATE). */
void ff_projector_note(struct ff_engine *engine, const struct ff_key *flow);
void ff_projector_note_move(struct ff_engine *engine, const struct ff_scope *member_state);
void ff_projector_free(struct ff_engine *engine);

/* ---- permits.c ---- */
/* The present call of the task is over: what it held goes back, and what waits for that is woken.
 */
void ff_permit_return(struct ff_engine *engine, struct ff_task *task);
/* A call for a scanner, or a pass, has ended: what waits for the last one is judged again. */
void ff_pass_note(struct ff_engine *engine);

#endif
