/* events.h: the events that operations on executions emit (06 §2.6), in the step of the change.
 *
 * Every function reads the record as it is after the change, but for leases: an event that ends a
 * lease is emitted before the lease's fields are cleared. An execution with tags has them loaded,
 * so all can answer FF_E_PENDING.
 */
#ifndef FF_CORE_ENGINE_EVENTS_H
#define FF_CORE_ENGINE_EVENTS_H

#include "core/engine/txn.h"

/* Tags whose value is longer do not travel with events (06 §2.3). */
#define FF_EVENT_TAG_VALUE_MAX 256

/* Of a lease that begins or goes on (acquired, renewed, reclaimed), or that ran out (expired, with
 * reason lease_ttl, worker_lost, attempt_timeout or execution_deadline). reason: NULL = none. */
FF_MUST_USE ff_err ff_event_lease(struct ff_txn *txn, const struct ff_exec *exec,
                                  enum ff_lease_event event, const char *reason);
/* The lease ended otherwise. revoked_by: operator, backend or reconciler. */
FF_MUST_USE ff_err ff_event_revoked(struct ff_txn *txn, const struct ff_exec *exec,
                                    const char *revoked_by, struct ff_str reason);
/* One for each terminal transition. */
FF_MUST_USE ff_err ff_event_completion(struct ff_txn *txn, const struct ff_exec *exec);

/* A signal was accepted, or came again; signal_id: the first one's. effect: 06 §2.6. */
FF_MUST_USE ff_err ff_event_signal(struct ff_txn *txn, const struct ff_exec *exec,
                                   const struct ff_signal *signal, const struct ff_uuid *signal_id,
                                   const char *effect);

FF_MUST_USE ff_err ff_event_priority_changed(struct ff_txn *txn, const struct ff_exec *exec,
                                             int32_t old_priority);
FF_MUST_USE ff_err ff_event_replayed(struct ff_txn *txn, const struct ff_exec *exec,
                                     const char *branch, uint32_t groups_reset);

void ff_event_flow_cancel(struct ff_txn *txn, const struct ff_flow *flow, uint32_t member_count);

/* A tag of the execution came or went; tags: all of them after an attach, before a clear. */
void ff_event_tag(struct ff_txn *txn, const struct ff_exec *exec, const char *event,
                  const struct ff_tag *tag, struct ff_tags tags);

#endif
