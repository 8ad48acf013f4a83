/* flow_replay.h: a flow member runs again (04 §4.6).
 *
 * Three parts: the impossible edges of its group are taken back; the member runs again; ends that
 * count, of upstreams of those edges, are resolved. A group with more edges than a step looks at
 * (flow_step) takes many steps. It bears a mark from the first to the last of them (replay_due_at):
 *
 *   held     edges are being taken back. The member stays ended and its group impossible; no end
 *            of an upstream changes its edges (ff_group_is_held).
 *   flipped  the member runs again, blocked by its group as it is then. What has ended meanwhile is
 *            caught up with.
 *
 * While a group is held no edge of it becomes impossible, whoever ends: so a walk that has gone
 * through all of them leaves none, and the flip need not count them. That is true of one stretch of
 * being held only. Between two of its steps another replay may have come to its end, and the member
 * too, by an edge that the walk has behind it. The group's replay_phase, one more with each change
 * from held and to it, tells: what a walk has done in another phase does not count, and it begins
 * again. So several may be at it, and whoever comes next goes on: the engine does where nobody
 * comes for a while.
 *
 * A mark of the group alone, with edges that are judged by it when somebody looks, would not do:
 * each edge needs the count of ends that its upstream has at the replay (§4.6.2).
 */
#ifndef FF_CORE_ENGINE_FLOW_REPLAY_H
#define FF_CORE_ENGINE_FLOW_REPLAY_H

#include "core/engine/group.h"

/* Nobody has done a step for so long: the engine goes on. */
#define FF_REPLAY_KEPT_MS 1000

struct ff_replay {
    struct ff_str reason, requested_by;
    uint32_t groups_reset; /* told by ff_flow_take_back: 0 or 1 */
};

/* One step of taking the edges of an ended execution's group back; *done: none is left. */
FF_MUST_USE ff_err ff_flow_take_back(struct ff_txn *txn, const struct ff_exec *exec,
                                     struct ff_replay *replay, bool *done);
/* Saves an execution that a replay has just made eligible. A flow member waits again where its
 * dependencies are not satisfied; it leaves the cancel backlog. Its edges have been taken back.
 * *more: ff_flow_catch_up has to be called. */
FF_MUST_USE ff_err ff_flow_replay(struct ff_txn *txn, struct ff_exec *exec,
                                  const struct ff_replay *replay, bool *more);
/* One step of resolving what has ended; *released: the execution as that has left it, if it has let
 * it go. *done: that was the last one. */
FF_MUST_USE ff_err ff_flow_catch_up(struct ff_txn *txn, const struct ff_key *group_key,
                                    struct ff_exec *released, bool *done);

/* The next step of replays that calls which are gone have begun (replay.c). *any: there was one. */
FF_MUST_USE ff_err ff_replay_rest(struct ff_txn *txn, bool *any);

#endif
