#include "core/records_int.h"

#include <sodium.h>

/* ---- keys ---- */

struct ff_key
ff_key_eid(const struct ff_eid *id)
{
    struct ff_key key;

    key.n = 18;
    key.b[0] = (uint8_t) (id->partition >> 8);
    key.b[1] = (uint8_t) id->partition;
    memcpy(key.b + 2, id->uuid.b, 16);
    return key;
}

struct ff_key
ff_key_attempt(const struct ff_eid *id, uint32_t attempt_index)
{
    struct ff_key key = ff_key_eid(id);

    for (int i = 0; i < 4; i++) {
        key.b[18 + i] = (uint8_t) (attempt_index >> (24 - 8 * i));
    }
    key.n = 22;
    return key;
}

struct ff_key
ff_key_bytes(struct ff_str bytes)
{
    struct ff_key key;

    FF_ASSERT(bytes.n <= FF_KEY_MAX);
    key.n = (uint8_t) bytes.n;
    memcpy(key.b, bytes.p, bytes.n);
    return key;
}

struct ff_eid
ff_key_to_eid(const struct ff_key *key)
{
    struct ff_eid id = { .partition = (uint16_t) (key->b[0] << 8 | key->b[1]) };

    FF_ASSERT(key->n >= 18);
    memcpy(id.uuid.b, key->b + 2, 16);
    return id;
}

struct ff_key
ff_record_key(enum ff_record kind, const void *record)
{
    switch (kind) {
    case FF_R_EXEC:
        return ff_key_eid(&((const struct ff_exec *) record)->execution_id);
    case FF_R_EXEC_INPUT:
        return ff_key_eid(&((const struct ff_exec_input *) record)->execution_id);
    case FF_R_EXEC_TAGS:
        return ff_key_eid(&((const struct ff_exec_tags *) record)->execution_id);
    case FF_R_EXEC_RESULT:
        return ff_key_eid(&((const struct ff_exec_result *) record)->execution_id);
    case FF_R_ATTEMPT:
        return ff_key_attempt(&((const struct ff_attempt *) record)->execution_id,
                              ((const struct ff_attempt *) record)->attempt_index);
    case FF_R_CREATE_KEY:
        return ff_key_bytes(((const struct ff_create_key *) record)->key_digest);
    case FF_R_LANE:
        return ff_key_bytes(((const struct ff_lane *) record)->lane_id);
    case FF_R_SUSPENSION:
    case FF_R_WAITPOINT:
    case FF_R_SIGNAL:
    case FF_R_SIGNAL_KEY:
    case FF_R_SUSPEND_REPLY:
    case FF_R_KEYRING:
        return ff_wait_record_key(kind, record);
    case FF_R_STREAM:
    case FF_R_OUT_FRAME:
    case FF_R_SUMMARY_DOC:
        return ff_stream_record_key(kind, record);
    case FF_R_FLOW:
    case FF_R_MEMBER:
    case FF_R_EDGE:
    case FF_R_GROUP:
    case FF_R_SUMMARY:
        return ff_flow_record_key(kind, record);
    default:
        return ff_admission_record_key(kind, record);
    }
}

/* ---- scopes ---- */

void
ff_scope_add(struct ff_scope *scope, const void *bytes, size_t n)
{
    FF_ASSERT(scope->n + n <= FF_SCOPE_MAX);
    memcpy(scope->b + scope->n, bytes, n);
    scope->n = (uint8_t) (scope->n + n);
}

static void
scope_add_byte(struct ff_scope *scope, uint8_t byte)
{
    ff_scope_add(scope, &byte, 1);
}

struct ff_scope
ff_scope_none(void)
{
    struct ff_scope scope;

    scope.n = 0;
    return scope;
}

/* Lane ids hold no zero byte (01 §2.3), so no lane's scope begins another's. */
struct ff_scope
ff_scope_lane(struct ff_str lane_id)
{
    struct ff_scope scope = ff_scope_none();

    ff_scope_add(&scope, lane_id.p, lane_id.n);
    scope_add_byte(&scope, 0);
    return scope;
}

struct ff_scope
ff_scope_ready(struct ff_str lane_id, struct ff_str class_digest,
               enum ff_eligibility_state eligibility)
{
    struct ff_scope scope = ff_scope_reclaimable(lane_id, class_digest);

    scope_add_byte(&scope, (uint8_t) eligibility);
    return scope;
}

struct ff_scope
ff_scope_reclaimable(struct ff_str lane_id, struct ff_str class_digest)
{
    struct ff_scope scope = ff_scope_lane(lane_id);

    ff_scope_add(&scope, class_digest.p, class_digest.n);
    return scope;
}

struct ff_scope
ff_scope_lease_due(struct ff_str lane_id, enum ff_ownership_state ownership)
{
    struct ff_scope scope = ff_scope_lane(lane_id);

    scope_add_byte(&scope, (uint8_t) ownership);
    return scope;
}

struct ff_scope
ff_scope_held(struct ff_str lane_id, enum ff_eligibility_state eligibility)
{
    struct ff_scope scope = ff_scope_lane(lane_id);

    scope_add_byte(&scope, (uint8_t) eligibility);
    return scope;
}

/* An instance id may be longer than a scope: long ones enter as a digest, told apart by a byte. */
struct ff_scope
ff_scope_worker(struct ff_str worker_instance_id)
{
    struct ff_scope scope = ff_scope_none();

    if (worker_instance_id.n < FF_SCOPE_MAX) {
        scope_add_byte(&scope, 'i');
        ff_scope_add(&scope, worker_instance_id.p, worker_instance_id.n);
    } else {
        struct ff_digest digest = ff_digest_of(&worker_instance_id, 1);

        scope_add_byte(&scope, 'd');
        ff_scope_add(&scope, digest.b, sizeof(digest.b));
    }
    return scope;
}

struct ff_scope
ff_scope_partition(uint16_t partition)
{
    struct ff_scope scope = ff_scope_none();

    scope_add_byte(&scope, (uint8_t) (partition >> 8));
    scope_add_byte(&scope, (uint8_t) partition);
    return scope;
}

struct ff_scope
ff_scope_retained(uint16_t partition, bool own_ttl)
{
    struct ff_scope scope = ff_scope_partition(partition);

    scope_add_byte(&scope, own_ttl);
    return scope;
}

struct ff_scope
ff_scope_kind(enum ff_record kind)
{
    struct ff_scope scope = ff_scope_none();

    scope_add_byte(&scope, (uint8_t) kind);
    return scope;
}

bool
ff_scope_begins(const struct ff_scope *scope, const struct ff_scope *prefix)
{
    return scope->n >= prefix->n && memcmp(scope->b, prefix->b, prefix->n) == 0;
}

enum ff_eligibility_state
ff_scope_eligibility(const struct ff_scope *ready)
{
    FF_ASSERT(ready->n > 0);
    return (enum ff_eligibility_state) ready->b[ready->n - 1];
}

/* ---- order and digests ---- */

int64_t
ff_rank(int64_t created_at, int32_t priority)
{
    return created_at - (int64_t) priority * INT64_C(1000000000000);
}

struct ff_digest
ff_digest_of(const struct ff_str *parts, uint32_t n)
{
    crypto_generichash_state state;
    struct ff_digest digest;

    crypto_generichash_init(&state, NULL, 0, sizeof(digest.b));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t size = parts[i].n; /* so that parts cannot run into each other */

        crypto_generichash_update(&state, (const unsigned char *) &size, sizeof(size));
        crypto_generichash_update(&state, (const unsigned char *) parts[i].p, parts[i].n);
    }
    crypto_generichash_final(&state, digest.b, sizeof(digest.b));
    return digest;
}

/* ---- indexes (spec/records.md §3) ---- */

void
ff_stand(struct ff_standing *keys, enum ff_index index, struct ff_scope scope, int64_t sort)
{
    struct ff_index_key *key = &keys->v[keys->n++];

    FF_ASSERT(keys->n <= FF_INDEX_KEYS_MAX && (keys->n == 1 || key[-1].index < index));
    key->index = (uint8_t) index;
    key->scope = scope;
    key->sort = sort;
    key->id = keys->id;
}

static bool
may_be_claimed(const struct ff_exec *exec)
{
    switch (exec->eligibility_state) {
    case FF_ELIGIBLE_NOW:
    case FF_ELIGIBLE_BUDGET:
    case FF_ELIGIBLE_QUOTA:
    case FF_ELIGIBLE_ROUTE:
        return exec->grant == NULL && !exec->cancel_owed_at.is;
    default:
        return false;
    }
}

static void
stand_runnable(struct ff_standing *keys, const struct ff_exec *exec)
{
    if (may_be_claimed(exec)) {
        ff_stand(keys, FF_IX_READY,
                 ff_scope_ready(exec->lane_id, exec->class_digest, exec->eligibility_state),
                 ff_rank(exec->created_at, exec->priority));
    }
    if (exec->grant != NULL) {
        ff_stand(keys, FF_IX_GRANTED, ff_scope_lane(exec->lane_id), exec->grant->grant_expires_at);
    }
    if (exec->eligibility_state == FF_ELIGIBLE_UNTIL_TIME && exec->delay_until.is) {
        ff_stand(keys, FF_IX_DELAYED, ff_scope_lane(exec->lane_id), exec->delay_until.v);
    }
}

static void
stand_active(struct ff_standing *keys, const struct ff_exec *exec)
{
    bool lost =
        exec->ownership_state == FF_OWNER_EXPIRED || exec->ownership_state == FF_OWNER_REVOKED;

    if (exec->grant != NULL) {
        ff_stand(keys, FF_IX_GRANTED, ff_scope_lane(exec->lane_id), exec->grant->grant_expires_at);
    } else if (lost && !exec->cancel_owed_at.is) {
        int64_t rank = ff_rank(exec->created_at, exec->priority);
        uint32_t cap =
            exec->max_reclaim_count.is ? exec->max_reclaim_count.v : FF_RECLAIM_COUNT_DEFAULT;

        ff_stand(keys, FF_IX_RECLAIMABLE, ff_scope_reclaimable(exec->lane_id, exec->class_digest),
                 rank);
        if (exec->lease_reclaim_count >= cap) {
            ff_stand(keys, FF_IX_CAPPED, ff_scope_none(), rank);
        }
    }
    if (exec->ownership_state != FF_OWNER_REVOKED && exec->lease_expires_at.is) {
        ff_stand(keys, FF_IX_LEASE_DUE, ff_scope_lease_due(exec->lane_id, exec->ownership_state),
                 exec->lease_expires_at.v);
    }
    if (exec->ownership_state == FF_OWNER_LEASED) {
        ff_stand(keys, FF_IX_BY_WORKER, ff_scope_worker(exec->current_worker_instance_id), 0);
        if (exec->attempt_timeout_at.is) {
            ff_stand(keys, FF_IX_ATTEMPT_DUE, ff_scope_none(), exec->attempt_timeout_at.v);
        }
    }
}

/* By the end of its own retention where it has one; else by its completion, as the default is the
 * trimmer's to say. */
static void
stand_retained(struct ff_standing *keys, const struct ff_exec *exec)
{
    int64_t sort = exec->completed_at.v;

    if (exec->retention_ttl_ms.is) {
        sort = ff_time_add(sort, exec->retention_ttl_ms.v);
    }
    ff_stand(keys, FF_IX_RETAINED,
             ff_scope_retained(exec->execution_id.partition, exec->retention_ttl_ms.is), sort);
}

static void
stand_exec(struct ff_standing *keys, const struct ff_exec *exec)
{
    if (exec->purging.is) { /* stores that list ended ones by their table show it, too */
        ff_stand(keys, FF_IX_EXECUTIONS, ff_scope_partition(exec->execution_id.partition), 0);
        ff_stand(keys, FF_IX_PURGING, ff_scope_kind(FF_R_EXEC), 0);
        return;
    }
    if (exec->lifecycle_phase == FF_PHASE_RUNNABLE) {
        stand_runnable(keys, exec);
    } else if (exec->lifecycle_phase == FF_PHASE_ACTIVE) {
        stand_active(keys, exec);
    }
    if (exec->lifecycle_phase != FF_PHASE_TERMINAL && exec->execution_deadline_at.is) {
        ff_stand(keys, FF_IX_DEADLINE_DUE, ff_scope_none(), exec->execution_deadline_at.v);
    }
    ff_stand(keys, FF_IX_EXECUTIONS, ff_scope_partition(exec->execution_id.partition), 0);
    if (exec->lifecycle_phase == FF_PHASE_TERMINAL) {
        stand_retained(keys, exec);
    }
    if (exec->lifecycle_phase == FF_PHASE_RUNNABLE) {
        ff_stand_admission(keys, exec, may_be_claimed(exec));
    }
    if (exec->lifecycle_phase == FF_PHASE_SUSPENDED) {
        ff_stand(keys, FF_IX_SUSPENDED, ff_scope_partition(exec->execution_id.partition),
                 exec->last_transition_at);
    }
    ff_stand_member(keys, exec);
}

uint32_t
ff_index_keys(enum ff_record kind, const void *record, struct ff_index_key *out)
{
    struct ff_standing keys = { .v = out };

    if (record == NULL || kind == FF_R_EVENT) {
        return 0;
    }
    keys.id = ff_record_key(kind, record);
    if (kind == FF_R_EXEC) {
        stand_exec(&keys, record);
    } else if (kind == FF_R_LANE) {
        ff_stand(&keys, FF_IX_LANES, ff_scope_none(), 0);
    } else if (kind == FF_R_CREATE_KEY) {
        ff_stand(&keys, FF_IX_EXPIRING, ff_scope_kind(kind),
                 ((const struct ff_create_key *) record)->expires_at);
    } else if (ff_is_flow_record(kind)) {
        ff_stand_flow_record(&keys, kind, record);
    } else if (ff_is_wait_record(kind)) {
        ff_stand_wait_record(&keys, kind, record);
    } else if (ff_is_stream_record(kind)) {
        ff_stand_stream_record(&keys, kind, record);
    } else {
        ff_stand_admission_record(&keys, kind, record);
    }
    return keys.n;
}

bool
ff_record_live(enum ff_record kind, const void *record)
{
    if (kind == FF_R_EDGE) {
        return ((const struct ff_edge *) record)->edge_state == FF_EDGE_PENDING ||
               ((const struct ff_edge *) record)->edge_state == FF_EDGE_APPLIED;
    }
    return kind != FF_R_EXEC ||
           ((const struct ff_exec *) record)->lifecycle_phase != FF_PHASE_TERMINAL;
}

static uint32_t
attempt_of(const struct ff_key *key)
{
    return (uint32_t) key->b[18] << 24 | (uint32_t) key->b[19] << 16 | (uint32_t) key->b[20] << 8 |
           key->b[21];
}

bool
ff_record_ruled_out(enum ff_record kind, const struct ff_key *key, const struct ff_exec *exec)
{
    switch (kind) {
    case FF_R_EXEC_INPUT:
        return exec == NULL;
    case FF_R_EXEC_TAGS:
        return exec == NULL || !exec->has_tags;
    case FF_R_EXEC_RESULT:
        return exec == NULL || exec->terminal_outcome != FF_OUTCOME_SUCCESS;
    case FF_R_ATTEMPT:
        return exec == NULL || attempt_of(key) >= exec->total_attempt_count;
    case FF_R_STREAM:
    case FF_R_SUMMARY_DOC:
        return exec == NULL || !exec->has_output;
    default:
        return false;
    }
}
