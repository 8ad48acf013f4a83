/* lanes.h: the registry of lanes (05 §6). */
#ifndef FF_CORE_ENGINE_LANES_H
#define FF_CORE_ENGINE_LANES_H

#include "core/engine/txn.h"

#define FF_LANES_MAX 10000 /* 01 §1.8 */

/* *found: it is registered; otherwise *out is what it would be registered as, active. */
FF_MUST_USE ff_err ff_lane_get(struct ff_txn *txn, struct ff_str lane_id, struct ff_lane *out,
                               bool *found);
/* FF_E_INVALID_INPUT lane_id too_many {count, max}. */
FF_MUST_USE ff_err ff_lane_register(struct ff_txn *txn, const struct ff_lane *lane);

/* Accepts new executions. */
static inline bool
ff_lane_takes_in(enum ff_lane_state state)
{
    return state == FF_LANE_ACTIVE || state == FF_LANE_PAUSED;
}
/* Hands out what it has. */
static inline bool
ff_lane_hands_out(enum ff_lane_state state)
{
    return state == FF_LANE_ACTIVE || state == FF_LANE_DRAINING;
}

#endif
