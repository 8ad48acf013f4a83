/* flow_work.h: work on flows that goes on by itself after a change (follow.c), in steps; args is
 * the key of the record that is marked. What scanners call does the same. */
#ifndef FF_CORE_ENGINE_FLOW_WORK_H
#define FF_CORE_ENGINE_FLOW_WORK_H

#include "core/engine/txn.h"

/* An execution: resolves the outgoing edges, also of those that it skips (04 §4.4). */
FF_MUST_USE ff_err ff_follow_cascade(struct ff_txn *txn, const void *args, void *result);
/* A group: cancels the siblings that are owed it (04 §5.2). */
FF_MUST_USE ff_err ff_follow_siblings(struct ff_txn *txn, const void *args, void *result);
/* A flow: cancels what is left of its backlog, if it is due (04 §8.7). */
FF_MUST_USE ff_err ff_follow_backlog(struct ff_txn *txn, const void *args, void *result);
/* A flow that was submitted in steps: lets its members go, if it is due (submit.h). */
FF_MUST_USE ff_err ff_follow_release(struct ff_txn *txn, const void *args, void *result);
/* A group: the replay of its member, begun in steps, if it is due (flow_replay.h). */
FF_MUST_USE ff_err ff_follow_replay(struct ff_txn *txn, const void *args, void *result);

#endif
