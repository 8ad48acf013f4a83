/* create.h: making an execution's records (02 §4); shared with submit_flow. */
#ifndef FF_CORE_ENGINE_CREATE_H
#define FF_CORE_ENGINE_CREATE_H

#include "core/engine/exec.h"

struct ff_creation {
    const struct ff_create_execution_args *args; /* checked; there is no such execution yet */
    const struct ff_policy *policy;              /* parsed; NULL: none */
    const struct ff_uuid *flow_id;               /* NULL: of no flow */
    uint32_t waits_for;                          /* inbound edges, all unresolved */
    bool staged;                                 /* ... and for the rest of its flow */
};
/* Writes execution, input and tags, with their events. */
FF_MUST_USE ff_err ff_create_write(struct ff_txn *txn, const struct ff_creation *creation,
                                   struct ff_exec *exec_out);
/* The lane takes new executions; it is registered if it is new.
 * FF_E_INVALID_INPUT lane_id lane_not_accepting. */
FF_MUST_USE ff_err ff_create_open_lane(struct ff_txn *txn, struct ff_str lane_id);

#endif
