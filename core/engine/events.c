/* What the feeds tell (06 §2.6). The order of events in a feed is that of these calls; an event
 * of a call that fails, or of a step that is taken back, is never seen.
 */
#include "core/engine/events.h"

static struct ff_tags
short_tags(struct ff_txn *txn, struct ff_tags tags)
{
    struct ff_tags out = { .v = FF_ARENA_NEW(txn->arena, struct ff_tag, tags.n) };

    for (uint32_t i = 0; i < tags.n; i++) {
        if (tags.v[i].value.n <= FF_EVENT_TAG_VALUE_MAX) {
            out.v[out.n++] = tags.v[i];
        }
    }
    return out;
}

static struct ff_event
event_of(struct ff_txn *txn, const struct ff_exec *exec, enum ff_event_family family,
         const char *name)
{
    struct ff_event event = {
        .family = family,
        .event = ff_cstr(name),
        .execution_id = FF_SOME(ff_opt_eid, exec->execution_id),
        .namespace = exec->namespace,
        .at = txn->now_ms,
    };

    return event;
}

/* Adds the tags that subscribers filter by, and hands the event over. */
static ff_err
emit(struct ff_txn *txn, const struct ff_exec *exec, struct ff_event *event)
{
    if (exec->has_tags) {
        struct ff_key key = ff_key_eid(&exec->execution_id);
        struct ff_exec_tags tags = { 0 };
        bool found = false;

        FF_TRY(ff_txn_find(txn, FF_R_EXEC_TAGS, &key, &tags, &found));
        event->filter_tags = short_tags(txn, tags.tags);
    }
    ff_txn_event(txn, event);
    return FF_E_OK;
}

static struct ff_event
lease_event(struct ff_txn *txn, const struct ff_exec *exec, enum ff_lease_event kind)
{
    struct ff_event event =
        event_of(txn, exec, FF_FAMILY_LEASE_HISTORY, ff_word(&ff_vocab_lease_event, kind));

    event.lease_id = exec->current_lease_id;
    event.lease_epoch = FF_SOME(ff_opt_u64, exec->current_lease_epoch);
    event.attempt_index = exec->current_attempt_index;
    return event;
}

ff_err
ff_event_lease(struct ff_txn *txn, const struct ff_exec *exec, enum ff_lease_event kind,
               const char *reason)
{
    struct ff_event event = lease_event(txn, exec, kind);

    event.worker_instance_id = exec->current_worker_instance_id;
    event.reason = ff_cstr(reason);
    return emit(txn, exec, &event);
}

ff_err
ff_event_revoked(struct ff_txn *txn, const struct ff_exec *exec, const char *revoked_by,
                 struct ff_str reason)
{
    struct ff_event event = lease_event(txn, exec, FF_LEASE_EV_REVOKED);

    event.revoked_by = ff_cstr(revoked_by);
    event.reason = reason;
    return emit(txn, exec, &event);
}

ff_err
ff_event_completion(struct ff_txn *txn, const struct ff_exec *exec)
{
    const char *outcome = ff_word(&ff_vocab_terminal_outcome, exec->terminal_outcome);
    struct ff_event event = event_of(txn, exec, FF_FAMILY_COMPLETION, outcome);

    event.outcome = ff_cstr(outcome);
    event.flow_id = exec->flow_id;
    event.lane_id = exec->lane_id;
    return emit(txn, exec, &event);
}

ff_err
ff_event_signal(struct ff_txn *txn, const struct ff_exec *exec, const struct ff_signal *signal,
                const struct ff_uuid *signal_id, const char *effect)
{
    struct ff_event event = event_of(txn, exec, FF_FAMILY_SIGNAL_DELIVERY, effect);

    event.signal_id = FF_SOME(ff_opt_uuid, *signal_id);
    event.waitpoint_id = FF_SOME(ff_opt_uuid, signal->waitpoint_id);
    event.source_identity =
        signal->source_identity.n == 0 ? FF_NONE(ff_str) : signal->source_identity;
    event.effect = ff_cstr(effect);
    return emit(txn, exec, &event);
}

ff_err
ff_event_priority_changed(struct ff_txn *txn, const struct ff_exec *exec, int32_t old_priority)
{
    struct ff_event event = event_of(txn, exec, FF_FAMILY_OPERATOR, "priority_changed");

    event.old_priority = FF_SOME(ff_opt_i32, old_priority);
    event.new_priority = FF_SOME(ff_opt_i32, exec->priority);
    return emit(txn, exec, &event);
}

ff_err
ff_event_replayed(struct ff_txn *txn, const struct ff_exec *exec, const char *branch,
                  uint32_t groups_reset)
{
    struct ff_event event = event_of(txn, exec, FF_FAMILY_OPERATOR, "replayed");

    event.branch = ff_cstr(branch);
    event.groups_reset = FF_SOME(ff_opt_u32, groups_reset);
    event.replay_count = FF_SOME(ff_opt_u32, exec->replay_count);
    return emit(txn, exec, &event);
}

/* Of the flow: there is no execution to take tags from, so that filters by tag pass it over. */
void
ff_event_flow_cancel(struct ff_txn *txn, const struct ff_flow *flow, uint32_t member_count)
{
    const struct ff_event event = {
        .family = FF_FAMILY_OPERATOR,
        .event = ff_cstr("flow_cancel_requested"),
        .namespace = flow->namespace,
        .at = txn->now_ms,
        .flow_id = FF_SOME(ff_opt_uuid, flow->flow_id),
        .cancellation_policy = flow->cancellation_policy,
        .reason = flow->cancel_reason,
        .member_count = FF_SOME(ff_opt_u32, member_count),
    };

    ff_txn_event(txn, &event);
}

void
ff_event_tag(struct ff_txn *txn, const struct ff_exec *exec, const char *name,
             const struct ff_tag *tag, struct ff_tags tags)
{
    struct ff_event event = event_of(txn, exec, FF_FAMILY_INSTANCE_TAGS, name);

    event.tag = tag->key;
    event.value = tag->value;
    event.filter_tags = short_tags(txn, tags);
    ff_txn_event(txn, &event);
}
