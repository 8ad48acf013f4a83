/* waits_int.h: the parts of the engine that have calls wait, and wake them; included by
 * engine_int.h, which has the structures.
 */
#ifndef FF_CORE_ENGINE_WAITS_INT_H
#define FF_CORE_ENGINE_WAITS_INT_H

#include "core/engine/engine_int.h"

/* ---- parking.c ---- */
ff_err ff_park(struct ff_txn *txn, const struct ff_scope *topic, uint64_t block_ms,
               int64_t wake_at_ms);
/* After FF_E_PARKED: links the task in; and out again. */
void ff_parking_link(struct ff_engine *engine, struct ff_task *task);
void ff_parking_unlink(struct ff_engine *engine, struct ff_task *task);
/* After FF_E_PARKED: it does not wait after all. */
void ff_parking_leave(struct ff_engine *engine, struct ff_task *task);
/* An index entry came to be that parked calls may wait for. */
void ff_parking_note_add(struct ff_engine *engine, const struct ff_index_key *key);
/* All that wait for this topic are worth judging again; NULL: all. */
void ff_parking_wake(struct ff_engine *engine, const struct ff_scope *scope);
/* Adds to a set of what ends a wait. */
void ff_parking_watch(struct watches *watches, const struct ff_scope *what);
/* So many of those that wait for this are worth judging again; UINT32_MAX: all of them. */
void ff_parking_tell(struct ff_engine *engine, const struct ff_scope *what, uint32_t how_many);
/* Queues those whose time is over; runs those that something has happened for. True if any. */
bool ff_parking_due(struct ff_engine *engine);
bool ff_parking_judge(struct ff_engine *engine);
/* How long the present call of a task has been waiting. */
uint64_t ff_parking_waited_ms(const struct ff_engine *engine, const struct ff_task *task);
int64_t ff_parking_wait_ms(const struct ff_engine *engine);
void ff_parking_clear(struct ff_engine *engine);
/* Whether block_ms have passed since the call was first run. */
bool ff_parking_time_over(struct ff_engine *engine, struct ff_task *task, uint64_t block_ms);

/* The topic of the lane that gets a candidate by this entry; false: none does. */
bool ff_parking_lane_of(const struct ff_index_key *key, struct ff_scope *lane_out);
bool ff_watches_has(const struct watches *watches, const struct ff_scope *what);

/* ---- news.c: what brokers on one store tell each other ---- */
/* The open batch has something for `n` of those who wait for the topic. */
void ff_news_note(struct ff_engine *engine, const struct ff_scope *topic, uint32_t n);
void ff_news_of_mark(struct ff_engine *engine, const struct mark *mark);
/* The first load that shows all that was heard of it, or of what the running call watches. */
uint64_t ff_news_heard(const struct ff_engine *engine, const struct ff_scope *topic);
/* Whether the running call may use what this load has brought; it counts as read. */
bool ff_news_fresh(struct ff_txn *txn, uint64_t loaded_in);
/* FF_E_PENDING: something that the running call has read is from before this load; it reads anew.
 */
ff_err ff_txn_refresh(struct ff_txn *txn, uint64_t from);

/* ---- shares.c ---- */
/* Another broker takes from some scope; false: the topic is of something else. */
bool ff_shares_hear(struct ff_engine *engine, const struct ff_scope *topic);

#endif
