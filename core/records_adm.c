/* Keys and indexes of budgets, quotas and workers (05). */
#include "core/records_int.h"

/* ---- keys ---- */

static void
key_add(struct ff_key *key, const void *bytes, size_t n)
{
    FF_ASSERT(key->n + n <= FF_KEY_MAX);
    memcpy(key->b + key->n, bytes, n);
    key->n = (uint8_t) (key->n + n);
}

static void
key_add_eid(struct ff_key *key, const struct ff_eid *id)
{
    const struct ff_key eid = ff_key_eid(id);

    key_add(key, eid.b, eid.n);
}

struct ff_digest
ff_dimension_digest(struct ff_str dimension)
{
    return ff_digest_of(&dimension, 1);
}

struct ff_key
ff_key_uuid(const struct ff_uuid *id)
{
    struct ff_key key = { .n = 0 };

    key_add(&key, id->b, sizeof(id->b));
    return key;
}

struct ff_key
ff_key_budget_key(const struct ff_uuid *budget_id, struct ff_str digest)
{
    struct ff_key key = ff_key_uuid(budget_id);

    key_add(&key, digest.p, digest.n);
    return key;
}

struct ff_key
ff_key_ledger(const struct ff_uuid *budget_id, const struct ff_eid *id)
{
    struct ff_key key = ff_key_uuid(budget_id);

    key_add_eid(&key, id);
    return key;
}

struct ff_key
ff_key_window(const struct ff_uuid *policy_id, struct ff_str dimension)
{
    return ff_key_budget_key(policy_id, dimension); /* of the same form */
}

struct ff_key
ff_key_window_entry(const struct ff_window_entry *entry)
{
    struct ff_key key = ff_key_window(&entry->quota_policy_id, entry->dimension);
    uint8_t at[8];

    for (int i = 0; i < 8; i++) {
        at[i] = (uint8_t) ((uint64_t) entry->admitted_at >> (56 - 8 * i));
    }
    key_add(&key, at, sizeof(at));
    key_add_eid(&key, &entry->execution_id);
    return key;
}

struct ff_key
ff_key_admission(const struct ff_uuid *policy_id, struct ff_str dimension, const struct ff_eid *id)
{
    struct ff_key key = ff_key_window(policy_id, dimension);

    key_add_eid(&key, id);
    return key;
}

struct ff_key
ff_key_slot(const struct ff_uuid *policy_id, const struct ff_eid *id)
{
    return ff_key_ledger(policy_id, id); /* of the same form */
}

/* A zero byte, which no id holds (01 §2.3), so that the shorter of two comes first. */
struct ff_key
ff_key_worker(struct ff_str namespace, struct ff_str worker_instance_id)
{
    const struct ff_str parts[] = { namespace, worker_instance_id };
    const struct ff_digest digest = ff_digest_of(parts, FF_COUNT(parts));
    struct ff_key key = { .n = 0 };
    uint32_t most = FF_KEY_MAX - sizeof(digest.b) - 2;

    key_add(&key, worker_instance_id.p, worker_instance_id.n < most ? worker_instance_id.n : most);
    key_add(&key, "", 1);
    key_add(&key, digest.b, sizeof(digest.b));
    return key;
}

static struct ff_key
key_of_admission(const struct ff_admission *admission)
{
    return ff_key_admission(&admission->quota_policy_id, admission->dimension,
                            &admission->execution_id);
}

struct ff_key
ff_admission_record_key(enum ff_record kind, const void *record)
{
    switch (kind) {
    case FF_R_BUDGET:
        return ff_key_uuid(&((const struct ff_budget *) record)->budget_id);
    case FF_R_BUDGET_KEY:
        return ff_key_budget_key(&((const struct ff_budget_key *) record)->budget_id,
                                 ((const struct ff_budget_key *) record)->key_digest);
    case FF_R_LEDGER:
        return ff_key_ledger(&((const struct ff_ledger *) record)->budget_id,
                             &((const struct ff_ledger *) record)->execution_id);
    case FF_R_QUOTA:
        return ff_key_uuid(&((const struct ff_quota *) record)->quota_policy_id);
    case FF_R_WINDOW:
        return ff_key_window(&((const struct ff_window *) record)->quota_policy_id,
                             ((const struct ff_window *) record)->dimension);
    case FF_R_WINDOW_ENTRY:
        return ff_key_window_entry(record);
    case FF_R_ADMISSION:
        return key_of_admission(record);
    case FF_R_SLOT:
        return ff_key_slot(&((const struct ff_slot *) record)->quota_policy_id,
                           &((const struct ff_slot *) record)->execution_id);
    case FF_R_WORKER:
        return ff_key_worker(((const struct ff_worker *) record)->namespace,
                             ((const struct ff_worker *) record)->worker_instance_id);
    default: /* an event: numbered by the store */
        break;
    }
    ff_assert_failed("record kind has a key", __FILE__, __LINE__);
}

/* ---- scopes ---- */

struct ff_scope
ff_scope_uuid(const struct ff_uuid *id)
{
    struct ff_scope scope = ff_scope_none();

    ff_scope_add(&scope, id->b, sizeof(id->b));
    return scope;
}

struct ff_scope
ff_scope_eid(const struct ff_eid *id)
{
    const struct ff_key key = ff_key_eid(id);
    struct ff_scope scope = ff_scope_none();

    ff_scope_add(&scope, key.b, key.n);
    return scope;
}

struct ff_scope
ff_scope_window(const struct ff_uuid *policy_id, struct ff_str dimension)
{
    struct ff_scope scope = ff_scope_uuid(policy_id);

    ff_scope_add(&scope, dimension.p, dimension.n);
    return scope;
}

struct ff_scope
ff_scope_admissions(const struct ff_uuid *policy_id, const struct ff_eid *id)
{
    const struct ff_key key = ff_key_eid(id);
    struct ff_scope scope = ff_scope_uuid(policy_id);

    ff_scope_add(&scope, key.b, key.n);
    return scope;
}

struct ff_scope
ff_scope_admitted(struct ff_str lane_id, struct ff_str class_digest, bool slot_held)
{
    struct ff_scope scope = ff_scope_reclaimable(lane_id, class_digest);

    ff_scope_add(&scope, slot_held ? "\1" : "", 1);
    return scope;
}

/* As with a worker's key: a zero byte, and behind it a digest, but only of what is cut off. */
struct ff_scope ff_scope_workers(struct ff_str namespace)
{
    const struct ff_digest digest = ff_digest_of(&namespace, 1);
    struct ff_scope scope = ff_scope_none();
    uint32_t most = FF_SCOPE_MAX - sizeof(digest.b) - 2;

    ff_scope_add(&scope, namespace.p, namespace.n < most ? namespace.n : most);
    ff_scope_add(&scope, "", 1);
    if (namespace.n >= most) {
        ff_scope_add(&scope, digest.b, sizeof(digest.b));
    }
    return scope;
}

int64_t
ff_worker_lapses_at(const struct ff_worker *worker)
{
    return ff_time_add(worker->last_heartbeat_ms, worker->liveness_ttl_ms);
}

/* ---- indexes (spec/records.md §3) ---- */

void
ff_stand_admission(struct ff_standing *keys, const struct ff_exec *exec, bool claimable)
{
    if (exec->eligibility_state == FF_ELIGIBLE_OPERATOR ||
        exec->eligibility_state == FF_ELIGIBLE_LANE_STATE) {
        ff_stand(keys, FF_IX_HELD, ff_scope_held(exec->lane_id, exec->eligibility_state),
                 ff_rank(exec->created_at, exec->priority));
    }
    if (claimable && exec->quota_guard_until.is) {
        ff_stand(keys, FF_IX_ADMITTED,
                 ff_scope_admitted(exec->lane_id, exec->class_digest, exec->slot_held),
                 exec->quota_guard_until.v);
    }
    if (exec->eligibility_state == FF_ELIGIBLE_NOW && exec->quota_policy_id.is) {
        ff_stand(keys, FF_IX_OF_POLICY, ff_scope_uuid(&exec->quota_policy_id.v),
                 ff_rank(exec->created_at, exec->priority));
    }
}

static void
stand_budget(struct ff_standing *keys, const struct ff_budget *budget)
{
    ff_stand(keys, FF_IX_BUDGETS, ff_scope_partition((uint16_t) budget->partition), 0);
    if (budget->next_reset_at.is) {
        ff_stand(keys, FF_IX_BUDGET_DUE, ff_scope_none(), budget->next_reset_at.v);
    }
}

static void
stand_ledger(struct ff_standing *keys, const struct ff_ledger *ledger)
{
    ff_stand(keys, FF_IX_LEDGERS, ff_scope_uuid(&ledger->budget_id), (int64_t) ledger->reset_count);
    ff_stand(keys, FF_IX_SPENDERS, ff_scope_eid(&ledger->execution_id), 0);
}

static void
stand_guard(struct ff_standing *keys, const struct ff_admission *admission)
{
    const struct ff_scope policy = ff_scope_uuid(&admission->quota_policy_id);

    ff_stand(keys, FF_IX_ADMISSIONS,
             ff_scope_admissions(&admission->quota_policy_id, &admission->execution_id), 0);
    ff_stand(keys, FF_IX_GUARDS, policy, admission->guard_until);
    if (admission->grant_until.is) {
        ff_stand(keys, FF_IX_UNCONSUMED, policy, admission->grant_until.v);
    }
}

static void
stand_slot(struct ff_standing *keys, const struct ff_slot *slot)
{
    ff_stand(keys, FF_IX_SLOTS, ff_scope_uuid(&slot->quota_policy_id), slot->lapses_at);
    ff_stand(keys, FF_IX_SLOTS_OF, ff_scope_eid(&slot->execution_id), 0);
}

static void
stand_worker(struct ff_standing *keys, const struct ff_worker *worker)
{
    ff_stand(keys, FF_IX_WORKERS, ff_scope_workers(worker->namespace), 0);
    ff_stand(keys, FF_IX_WORKER_DUE, ff_scope_none(), ff_worker_lapses_at(worker));
}

static void
stand_entry(struct ff_standing *keys, const struct ff_window_entry *entry)
{
    ff_stand(keys, FF_IX_WINDOW, ff_scope_window(&entry->quota_policy_id, entry->dimension),
             entry->admitted_at);
}

void
ff_stand_admission_record(struct ff_standing *keys, enum ff_record kind, const void *record)
{
    switch (kind) {
    case FF_R_BUDGET:
        stand_budget(keys, record);
        break;
    case FF_R_BUDGET_KEY:
        ff_stand(keys, FF_IX_EXPIRING, ff_scope_kind(kind),
                 ((const struct ff_budget_key *) record)->expires_at);
        break;
    case FF_R_LEDGER:
        stand_ledger(keys, record);
        break;
    case FF_R_QUOTA:
        ff_stand(keys, FF_IX_QUOTAS,
                 ff_scope_partition((uint16_t) ((const struct ff_quota *) record)->partition), 0);
        break;
    case FF_R_WINDOW_ENTRY:
        stand_entry(keys, record);
        break;
    case FF_R_ADMISSION:
        stand_guard(keys, record);
        break;
    case FF_R_SLOT:
        stand_slot(keys, record);
        break;
    case FF_R_WORKER:
        stand_worker(keys, record);
        break;
    default: /* an attempt, a window, …: found by their keys only */
        break;
    }
}
