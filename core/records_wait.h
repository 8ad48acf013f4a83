/* records_wait.h: keys and scopes of the records of 03: suspensions, waitpoints, signals, keys. */
#ifndef FF_CORE_RECORDS_WAIT_H
#define FF_CORE_RECORDS_WAIT_H

#include "core/records.h"

/* A waitpoint id is unique within its partition (03 §4.2). */
struct ff_key ff_key_waitpoint(uint16_t partition, const struct ff_uuid *waitpoint_id);
struct ff_key ff_key_signal(uint16_t partition, const struct ff_uuid *waitpoint_id,
                            const struct ff_uuid *signal_id);
/* The id in such a key. */
struct ff_uuid ff_key_to_waitpoint_id(const struct ff_key *key);
struct ff_uuid ff_key_to_signal_id(const struct ff_key *key);
/* signal_key, suspend_reply: what owns the idempotency key, and the key's 16-byte digest. */
struct ff_key ff_key_signal_key(uint16_t partition, const struct ff_uuid *waitpoint_id,
                                struct ff_str digest);
struct ff_key ff_key_suspend_reply(const struct ff_eid *id, struct ff_str digest);
struct ff_key ff_key_keyring(void);

struct ff_scope ff_scope_waitpoints(const struct ff_eid *id, bool open);
struct ff_scope ff_scope_signals(uint16_t partition, const struct ff_uuid *waitpoint_id);
struct ff_scope ff_scope_satisfiers(const struct ff_eid *id, const struct ff_uuid *suspension_id);

#endif
