#include "core/records_wait.h"

#include "core/records_int.h"

/* ---- keys ---- */

static void
key_add(struct ff_key *key, const void *bytes, size_t n)
{
    FF_ASSERT(key->n + n <= FF_KEY_MAX);
    memcpy(key->b + key->n, bytes, n);
    key->n = (uint8_t) (key->n + n);
}

struct ff_key
ff_key_waitpoint(uint16_t partition, const struct ff_uuid *waitpoint_id)
{
    const struct ff_eid id = { .partition = partition, .uuid = *waitpoint_id };

    return ff_key_eid(&id); /* of the same form */
}

struct ff_key
ff_key_signal(uint16_t partition, const struct ff_uuid *waitpoint_id,
              const struct ff_uuid *signal_id)
{
    struct ff_key key = ff_key_waitpoint(partition, waitpoint_id);

    key_add(&key, signal_id->b, sizeof(signal_id->b));
    return key;
}

struct ff_key
ff_key_signal_key(uint16_t partition, const struct ff_uuid *waitpoint_id, struct ff_str digest)
{
    struct ff_key key = ff_key_waitpoint(partition, waitpoint_id);

    key_add(&key, digest.p, digest.n);
    return key;
}

struct ff_key
ff_key_suspend_reply(const struct ff_eid *id, struct ff_str digest)
{
    struct ff_key key = ff_key_eid(id);

    key_add(&key, digest.p, digest.n);
    return key;
}

struct ff_key
ff_key_keyring(void)
{
    return ff_key_bytes(ff_str("k", 1));
}

static struct ff_uuid
uuid_at(const struct ff_key *key, unsigned at)
{
    struct ff_uuid id;

    FF_ASSERT(key->n >= at + sizeof(id.b));
    memcpy(id.b, key->b + at, sizeof(id.b));
    return id;
}

struct ff_uuid
ff_key_to_waitpoint_id(const struct ff_key *key)
{
    return uuid_at(key, 2);
}

struct ff_uuid
ff_key_to_signal_id(const struct ff_key *key)
{
    return uuid_at(key, 18);
}

static struct ff_key
key_of_signal(const struct ff_signal *signal)
{
    return ff_key_signal(signal->execution_id.partition, &signal->waitpoint_id, &signal->signal_id);
}

static struct ff_key
key_of_signal_key(const struct ff_signal_key *key)
{
    return ff_key_signal_key(key->execution_id.partition, &key->waitpoint_id, key->key_digest);
}

static struct ff_key
key_of_reply(const struct ff_suspend_reply *reply)
{
    return ff_key_suspend_reply(&reply->execution_id, reply->key_digest);
}

bool
ff_is_wait_record(enum ff_record kind)
{
    return kind == FF_R_SUSPENSION || kind == FF_R_WAITPOINT || kind == FF_R_SIGNAL ||
           kind == FF_R_SIGNAL_KEY || kind == FF_R_SUSPEND_REPLY || kind == FF_R_KEYRING;
}

struct ff_key
ff_wait_record_key(enum ff_record kind, const void *record)
{
    const struct ff_waitpoint *waitpoint = record;

    switch (kind) {
    case FF_R_SUSPENSION:
        return ff_key_eid(&((const struct ff_suspension *) record)->execution_id);
    case FF_R_WAITPOINT:
        return ff_key_waitpoint(waitpoint->execution_id.partition, &waitpoint->waitpoint_id);
    case FF_R_SIGNAL:
        return key_of_signal(record);
    case FF_R_SIGNAL_KEY:
        return key_of_signal_key(record);
    case FF_R_SUSPEND_REPLY:
        return key_of_reply(record);
    default:
        return ff_key_keyring();
    }
}

/* ---- scopes ---- */

static struct ff_scope
scope_key(const struct ff_key *key)
{
    struct ff_scope scope = ff_scope_none();

    ff_scope_add(&scope, key->b, key->n);
    return scope;
}

struct ff_scope
ff_scope_waitpoints(const struct ff_eid *id, bool open)
{
    const struct ff_key key = ff_key_eid(id);
    struct ff_scope scope = scope_key(&key);

    ff_scope_add(&scope, open ? "o" : "z", 1);
    return scope;
}

struct ff_scope
ff_scope_signals(uint16_t partition, const struct ff_uuid *waitpoint_id)
{
    const struct ff_key key = ff_key_waitpoint(partition, waitpoint_id);

    return scope_key(&key);
}

struct ff_scope
ff_scope_satisfiers(const struct ff_eid *id, const struct ff_uuid *suspension_id)
{
    const struct ff_key key = ff_key_eid(id);
    struct ff_scope scope = scope_key(&key);

    ff_scope_add(&scope, suspension_id->b, sizeof(suspension_id->b));
    return scope;
}

/* ---- indexes ---- */

static void
stand_suspension(struct ff_standing *keys, const struct ff_suspension *suspension)
{
    if (!suspension->closed_at.is && suspension->timeout_at.is) {
        ff_stand(keys, FF_IX_SUSPENSION_DUE, ff_scope_none(), suspension->timeout_at.v);
    }
}

static void
stand_waitpoint(struct ff_standing *keys, const struct ff_waitpoint *waitpoint)
{
    bool open = waitpoint->state != FF_WAITPOINT_CLOSED;

    if (waitpoint->state == FF_WAITPOINT_PENDING) {
        ff_stand(keys, FF_IX_WAITPOINT_DUE, ff_scope_none(), waitpoint->expires_at.v);
    }
    ff_stand(keys, FF_IX_WAITPOINTS, ff_scope_waitpoints(&waitpoint->execution_id, open), 0);
}

static void
stand_signal(struct ff_standing *keys, const struct ff_signal *signal)
{
    if (signal->suspension_id.is) {
        ff_stand(keys, FF_IX_SATISFIERS,
                 ff_scope_satisfiers(&signal->execution_id, &signal->suspension_id.v),
                 (int64_t) signal->number);
    } else {
        ff_stand(keys, FF_IX_SIGNALS,
                 ff_scope_signals(signal->execution_id.partition, &signal->waitpoint_id),
                 (int64_t) signal->number);
    }
}

void
ff_stand_wait_record(struct ff_standing *keys, enum ff_record kind, const void *record)
{
    if (kind == FF_R_SUSPENSION) {
        stand_suspension(keys, record);
    } else if (kind == FF_R_WAITPOINT) {
        stand_waitpoint(keys, record);
    } else if (kind == FF_R_SIGNAL) {
        stand_signal(keys, record);
    } else if (kind == FF_R_SIGNAL_KEY) {
        ff_stand(keys, FF_IX_EXPIRING, ff_scope_kind(kind),
                 ((const struct ff_signal_key *) record)->expires_at);
    } else if (kind == FF_R_SUSPEND_REPLY) {
        ff_stand(keys, FF_IX_EXPIRING, ff_scope_kind(kind),
                 ((const struct ff_suspend_reply *) record)->expires_at);
        ff_stand(keys, FF_IX_REPLIES,
                 ff_scope_eid(&((const struct ff_suspend_reply *) record)->execution_id), 0);
    }
}
