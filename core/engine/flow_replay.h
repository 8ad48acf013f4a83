/* flow_replay.h: a flow member runs again (04 §4.6). */
#ifndef FF_CORE_ENGINE_FLOW_REPLAY_H
#define FF_CORE_ENGINE_FLOW_REPLAY_H

#include "core/engine/group.h"

/* Saves an execution that a replay has just made eligible. A flow member's impossible group is
 * reset before, and it waits again where its dependencies are not satisfied; it leaves the cancel
 * backlog. *groups_reset: 0 or 1. */
FF_MUST_USE ff_err ff_flow_replay(struct ff_txn *txn, struct ff_exec *exec, uint32_t *groups_reset);

#endif
