#include "core/sound.h"

#include "core/state.h"

/* ---- executions ---- */

static const char *
lease_unsound(const struct ff_exec *exec)
{
    bool owned = exec->ownership_state != FF_OWNER_UNOWNED;
    bool leased = exec->ownership_state == FF_OWNER_LEASED;

    if (exec->current_lease_id.is != owned || exec->lease_expires_at.is != owned ||
        (exec->current_worker_instance_id.n > 0) != owned) {
        return owned ? "is owned and lacks fields of its lease"
                     : "has fields of a lease and no owner";
    }
    if (leased && exec->last_release != NULL) {
        return "has the last release beside a live lease";
    }
    if (exec->lease_expired_at.is != (exec->ownership_state == FF_OWNER_EXPIRED) ||
        exec->lease_revoked_at.is != (exec->ownership_state == FF_OWNER_REVOKED)) {
        return "has the marks of another loss of its lease than its state says";
    }
    return exec->attempt_timeout_at.is && !leased ? "has an attempt time-out and no live lease"
                                                  : NULL;
}

static const char *
end_unsound(const struct ff_exec *exec)
{
    bool terminal = exec->lifecycle_phase == FF_PHASE_TERMINAL;

    if (exec->completed_at.is != terminal) {
        return terminal ? "has ended and does not say when" : "has an end and has not ended";
    }
    if (exec->replay_count > exec->max_replay_count) {
        return "has been replayed more often than it may be";
    }
    if (terminal && exec->grant != NULL) {
        return "has ended and has a grant";
    }
    return terminal && exec->open_waitpoints > 0 ? "has ended and counts open waitpoints" : NULL;
}

static const char *
scheduling_unsound(const struct ff_exec *exec)
{
    bool delayed = exec->eligibility_state == FF_ELIGIBLE_UNTIL_TIME;
    bool grantable = exec->eligibility_state == FF_ELIGIBLE_NOW ||
                     exec->ownership_state == FF_OWNER_EXPIRED ||
                     exec->ownership_state == FF_OWNER_REVOKED;
    uint32_t reclaims_max =
        exec->max_reclaim_count.is ? exec->max_reclaim_count.v : FF_RECLAIM_COUNT_DEFAULT;

    if (exec->delay_until.is != delayed && exec->eligibility_state != FF_ELIGIBLE_DEPENDENCIES) {
        return delayed ? "is delayed and does not say until when"
                       : "has a delay and is not delayed";
    }
    if (exec->grant != NULL && !grantable) {
        return "has a grant and cannot be claimed";
    }
    if (exec->priority < 0 || exec->priority > 9000) {
        return "has a priority that there is not";
    }
    return exec->lease_reclaim_count > reclaims_max ? "has been reclaimed more often than it may be"
                                                    : NULL;
}

const char *
ff_exec_unsound(const struct ff_exec *exec)
{
    const char *wrong = NULL;

    if (!ff_exec_state_legal(exec)) {
        return "has an illegal state vector";
    }
    if (exec->current_suspension_id.is != (exec->lifecycle_phase == FF_PHASE_SUSPENDED)) {
        return exec->current_suspension_id.is ? "names a suspension and is not suspended"
                                              : "is suspended and names no suspension";
    }
    wrong = lease_unsound(exec);
    wrong = wrong == NULL ? end_unsound(exec) : wrong;
    return wrong == NULL ? scheduling_unsound(exec) : wrong;
}

const char *
ff_slot_unsound(const struct ff_slot *slot, const struct ff_exec *exec)
{
    bool runs = exec != NULL && exec->lifecycle_phase == FF_PHASE_ACTIVE && exec->slot_held;

    return slot->lapses_at == INT64_MAX && !runs ? "is held without end, and its execution does "
                                                   "not run"
                                                 : NULL;
}

/* ---- edges and groups ---- */

void
ff_group_count_add(struct ff_group_count *count, enum ff_edge_state state)
{
    count->total++;
    count->applied += state != FF_EDGE_PENDING;
    count->waiting += state == FF_EDGE_APPLIED;
    count->succeeded += state == FF_EDGE_SATISFIED;
    count->lost += state == FF_EDGE_IMPOSSIBLE;
}

/* 04 §1.5, from the edges alone. */
static enum ff_edge_group_state
evaluate(const struct ff_group *group, const struct ff_group_count *count)
{
    uint32_t k = group->kind == FF_EDGE_POLICY_QUORUM ? group->k : 1;

    if (group->kind == FF_EDGE_POLICY_ALL_OF) {
        return count->lost > 0                                        ? FF_GROUP_IMPOSSIBLE
               : count->succeeded == count->total && count->total > 0 ? FF_GROUP_SATISFIED
                                                                      : FF_GROUP_PENDING;
    }
    if (count->succeeded >= k) {
        return FF_GROUP_SATISFIED;
    }
    return count->total >= k && count->total - count->lost < k ? FF_GROUP_IMPOSSIBLE
                                                               : FF_GROUP_PENDING;
}

/* Staging alone changes no state: until an edge is applied an all_of group stays satisfied, and a
 * quorum that more edges have made impossible stays pending. */
static bool
may_lag(const struct ff_group *group, const struct ff_group_count *count)
{
    if (count->applied == count->total) {
        return false;
    }
    return group->kind == FF_EDGE_POLICY_ALL_OF
               ? group->state == FF_GROUP_SATISFIED && count->succeeded == count->applied
               : group->state == FF_GROUP_PENDING;
}

const char *
ff_group_unsound(const struct ff_group *group, const struct ff_group_count *count)
{
    if (group->total != count->total || group->applied != count->applied ||
        group->waiting != count->waiting || group->succeeded != count->succeeded ||
        group->failed + group->skipped != count->lost) {
        return "counts other edges than there are";
    }
    if (ff_group_is_held(group)) {
        return group->state == FF_GROUP_IMPOSSIBLE ? NULL : "is taken back, and not impossible";
    }
    if (group->state != evaluate(group, count) && !may_lag(group, count)) {
        return "has another state than its edges and its policy give";
    }
    return group->cancel_siblings_pending &&
                   (!group->on_satisfied.is || group->state == FF_GROUP_PENDING ||
                    group->on_satisfied.v != FF_ON_SATISFIED_CANCEL_REMAINING)
               ? "wants its siblings cancelled without reason"
               : NULL;
}

bool
ff_end_counts(const struct ff_exec *upstream, struct ff_opt_u32 ignore_terminal_count)
{
    return upstream->lifecycle_phase == FF_PHASE_TERMINAL &&
           (upstream->terminal_outcome == FF_OUTCOME_SUCCESS || !ignore_terminal_count.is ||
            upstream->terminal_count > ignore_terminal_count.v);
}
