/* workers.h: the registry of worker processes (05 §7), and who of them could run what. */
#ifndef FF_CORE_ENGINE_WORKERS_H
#define FF_CORE_ENGINE_WORKERS_H

#include "core/engine/txn.h"

/* The live workers of a namespace that serve a lane, read once for a call. */
struct ff_crew {
    struct ff_str namespace, lane_id;
    struct ff_strs *capabilities; /* of each */
    uint32_t n, room;
    struct ff_crew *next;
};

/* *capable: a single one of them has all that is required (05 U-1). crews: the call's, at first
 * NULL. */
struct ff_crew_question {
    struct ff_str namespace, lane_id;
    struct ff_strs required;
};
FF_MUST_USE ff_err ff_crew_is_capable(struct ff_txn *txn, struct ff_crew **crews,
                                      const struct ff_crew_question *question, bool *capable);

#endif
