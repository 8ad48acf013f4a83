/* gate.h: the dependency gate (02 §1.8, 04 §1.6): every transition that makes an execution runnable
 * passes it, so that none runs before its edges allow it.
 */
#ifndef FF_CORE_ENGINE_GATE_H
#define FF_CORE_ENGINE_GATE_H

#include "core/engine/group.h"

/* Saves an execution that a move has just made eligible or delayed, as ff_exec_save(FF_EXEC_MOVED);
 * where its dependencies are not satisfied, or its flow is still being submitted, it is blocked
 * instead (and remembers its delay), where they cannot be any more it is skipped. */
FF_MUST_USE ff_err ff_gate_save(struct ff_txn *txn, struct ff_exec *exec);
/* The same for an execution that gives up its lease to wait for children: without a single edge it
 * waits, for children may be attached later; with satisfied ones it goes on at once. */
FF_MUST_USE ff_err ff_gate_wait_children(struct ff_txn *txn, struct ff_exec *exec);

/* Lets an execution go whose edges, if it has any, are satisfied: eligible, or delayed until what
 * it remembers (04 §4.2 step 7). Saves. */
FF_MUST_USE ff_err ff_gate_release(struct ff_txn *txn, struct ff_exec *exec);
/* Blocks a runnable execution, its delay remembered, and saves. edge_id: the last one applied. */
FF_MUST_USE ff_err ff_gate_block(struct ff_txn *txn, struct ff_exec *exec,
                                 const struct ff_group *group, const struct ff_uuid *edge_id);
/* Ends an execution that cannot run any more, in any phase (04 §4.3). */
FF_MUST_USE ff_err ff_gate_skip(struct ff_txn *txn, struct ff_exec *exec);

#endif
