/* purge.h: taking an ended execution away for good, with all that belongs to it (07 §4). */
#ifndef FF_CORE_ENGINE_PURGE_H
#define FF_CORE_ENGINE_PURGE_H

#include "core/engine/txn.h"

/* Removes the execution and what is found through it. Kept: its flow's member entry and edges,
 * budget usage, events, its idempotency key. FF_E_PENDING. */
FF_MUST_USE ff_err ff_purge_exec(struct ff_txn *txn, const struct ff_exec *exec);

#endif
