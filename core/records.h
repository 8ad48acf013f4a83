/* records.h: the stored records, their keys, and the ordered indexes derived from them.
 *
 * Index membership is never maintained by hand: ff_index_keys() says, from one record and no clock,
 * where it stands; a change of the indexes is the difference between before and after
 * (spec/records.md §3).
 */
#ifndef FF_CORE_RECORDS_H
#define FF_CORE_RECORDS_H

#include "core/types.h"

#define FF_RECORD(record, upper, help) struct ff_##record {
#define FF_COL(record, tag, type, name, help) FF_C_##type name;
#define FF_COLO(record, tag, type, name, help) FF_CO_##type name;
#define FF_RECORD_END(record)                                                                      \
    }                                                                                              \
    ;
#include "core/records.def"

enum ff_record {
#define FF_RECORD(record, upper, help) FF_R_##upper,
#define FF_COL(record, tag, type, name, help)
#define FF_COLO(record, tag, type, name, help)
#define FF_RECORD_END(record)
#include "core/records.def"
    FF_R_N
};

/* Descriptors by enum ff_record. */
extern const struct ff_desc *const ff_records[FF_R_N];

/* 64: a lane id. Longer parts (namespaces, instance ids, keys) enter as digests. */
#define FF_KEY_MAX 64
struct ff_key {
    uint8_t n;
    uint8_t b[FF_KEY_MAX];
};

/* Lane + separator + two digests of 16 bytes fit. */
#define FF_SCOPE_MAX 104
struct ff_scope {
    uint8_t n;
    uint8_t b[FF_SCOPE_MAX];
};

enum ff_index {
    FF_IX_READY,          /* lane, class, eligibility | rank: what claims may take */
    FF_IX_GRANTED,        /* lane | grant_expires_at */
    FF_IX_RECLAIMABLE,    /* lane, class | rank: lost leases without grant */
    FF_IX_CAPPED,         /* - | rank: the same at their reclaim cap */
    FF_IX_LEASE_DUE,      /* lane, ownership | lease_expires_at */
    FF_IX_BY_WORKER,      /* digest of the instance id | 0: held leases */
    FF_IX_DELAYED,        /* lane | delay_until */
    FF_IX_ATTEMPT_DUE,    /* - | attempt_timeout_at */
    FF_IX_DEADLINE_DUE,   /* - | execution_deadline_at */
    FF_IX_EXECUTIONS,     /* partition | 0: all, terminal ones too */
    FF_IX_RETAINED,       /* partition, own ttl or not | end of it, or completed_at: terminal */
    FF_IX_HELD,           /* lane, eligibility | rank: blocked by an operator or the lane's state */
    FF_IX_ADMITTED,       /* lane, class, with a slot or not | quota_guard_until: ready ones */
    FF_IX_OF_POLICY,      /* quota policy | rank: eligible_now */
    FF_IX_SUSPENDED,      /* partition | last_transition_at, which is when it suspended */
    FF_IX_LANES,          /* - | 0 */
    FF_IX_EXPIRING,       /* record kind | expires_at */
    FF_IX_BUDGETS,        /* budget partition | 0 */
    FF_IX_BUDGET_DUE,     /* - | next_reset_at */
    FF_IX_LEDGERS,        /* budget | reset_count: void ones first */
    FF_IX_SPENDERS,       /* execution | 0: its ledgers */
    FF_IX_QUOTAS,         /* quota partition | 0 */
    FF_IX_WINDOW,         /* policy, dimension | admitted_at */
    FF_IX_ADMISSIONS,     /* policy, execution | 0 */
    FF_IX_GUARDS,         /* policy | guard_until */
    FF_IX_UNCONSUMED,     /* policy | grant_until: admissions whose grant is not consumed */
    FF_IX_SLOTS,          /* policy | lapses_at */
    FF_IX_SLOTS_OF,       /* execution | 0 */
    FF_IX_WORKERS,        /* namespace | 0 */
    FF_IX_WORKER_DUE,     /* - | end of its liveness */
    FF_IX_SUSPENSION_DUE, /* - | timeout_at of open suspensions */
    FF_IX_WAITPOINT_DUE,  /* - | expires_at of pending waitpoints */
    FF_IX_WAITPOINTS,     /* execution, open or closed | 0 */
    FF_IX_SIGNALS,        /* waitpoint | acceptance number: those that satisfied nothing */
    FF_IX_SATISFIERS,     /* execution, suspension | acceptance number: the others */
    FF_IX_FRAMES,         /* stream, mode | ms of the frame id */
    FF_IX_STREAM_DUE,     /* - | sweep_at: streams with frames to remove */
    FF_IX_GATED,          /* partition | last_transition_at: blocked by dependencies */
    FF_IX_CANCEL_OWED,    /* flow | 0: executions in its cancel backlog; 1: members that failed */
    FF_IX_CASCADE,        /* partition | completed_at: ended, edges not resolved */
    FF_IX_MEMBER_STATE,   /* flow, state, sibling cancel or not | 0: executions */
    FF_IX_FLOWS,          /* partition | 0 */
    FF_IX_CANCELLING,     /* - | cancel_due_at: flows with a backlog */
    FF_IX_MEMBERS,        /* flow | 0 */
    FF_IX_MEMBER_GONE,    /* flow, outcome, sibling cancel or not | completed_at: purged */
    FF_IX_GROUPS,         /* flow | 0 */
    FF_IX_GROUPS_OWED,    /* partition | flagged_at: siblings to cancel */
    FF_IX_EDGES,          /* flow | 0 */
    FF_IX_EDGES_IN,       /* flow, downstream | 0 */
    FF_IX_EDGES_OUT,      /* flow, upstream | 0 */
    FF_IX_FLOW_ENDED,     /* partition | end: flows whose members are all gone */
    FF_IX_REPLIES,        /* execution | 0: what suspend answered under keys */
    FF_IX_PURGING,        /* record kind | 0: executions and flows of which a part is removed */
    FF_IX_SUBMITTING,     /* - | last_mutation_at: flows of which a part is written */
    FF_IX_RELEASING,      /* - | release_due_at: flows whose members are to be let go */
    FF_IX_REPLAYING,      /* - | replay_due_at: groups whose edges are being taken back */
    FF_IX_N
};

/* One position in an index. Order: scope by bytes, sort ascending, id by bytes. */
struct ff_index_key {
    uint8_t index; /* enum ff_index */
    struct ff_scope scope;
    int64_t sort;
    struct ff_key id; /* the record's key */
};

/* A record stands at most once in each index. */
#define FF_INDEX_KEYS_MAX 12

/* Writes where `record` stands to out (room for FF_INDEX_KEYS_MAX); returns how many, ascending by
 * index. record NULL: none. */
uint32_t ff_index_keys(enum ff_record kind, const void *record, struct ff_index_key *out);

/* Reclaim cap of an execution whose policy names none (01 §5.3). */
#define FF_RECLAIM_COUNT_DEFAULT 1000

/* Its cancellation has begun, in steps, and does not show yet: policy and reason are those to come.
 */
static inline bool
ff_flow_is_prepared(const struct ff_flow *flow)
{
    return !flow->cancelled && flow->cancellation_policy.is;
}

/* Its edges are being taken back, in steps: until the last one it stays impossible, and no end
 * moves it (core/engine/flow_replay.h). */
static inline bool
ff_group_is_held(const struct ff_group *group)
{
    return group->replay_phase % 2 == 1;
}

/* False for what has ended (executions, resolved edges): a store that keeps indexes in memory
 * serves it from disk, the engine keeps it no longer. */
bool ff_record_live(enum ff_record kind, const void *record);

/* True where the execution's record, as stored, says that no such record of its can be stored: it
 * need not be looked for. exec NULL: there is no execution. False for kinds that belong to none. */
bool ff_record_ruled_out(enum ff_record kind, const struct ff_key *key, const struct ff_exec *exec);

/* The key under which a record is stored, from its own fields. */
struct ff_key ff_record_key(enum ff_record kind, const void *record);

struct ff_key ff_key_eid(const struct ff_eid *id);
struct ff_key ff_key_attempt(const struct ff_eid *id, uint32_t attempt_index);
struct ff_key ff_key_bytes(struct ff_str bytes);          /* at most FF_KEY_MAX, asserted */
struct ff_key ff_key_flow(const struct ff_uuid *flow_id); /* of the flow and of its summary */
/* Of a member, and of the group of its inbound edges. */
struct ff_key ff_key_member(const struct ff_uuid *flow_id, const struct ff_eid *execution_id);
struct ff_key ff_key_edge(const struct ff_uuid *flow_id, const struct ff_uuid *edge_id);
/* The execution id that such a key begins with. */
struct ff_eid ff_key_to_eid(const struct ff_key *key);
/* The execution in the key of a member or group. */
struct ff_eid ff_key_member_eid(const struct ff_key *key);
static inline int
ff_key_cmp(const struct ff_key *a, const struct ff_key *b)
{
    return ff_str_cmp(ff_str(a->b, a->n), ff_str(b->b, b->n));
}

/* A position in an index; the first one is { .sort = INT64_MIN }. */
struct ff_entry {
    int64_t sort;
    struct ff_key id;
};

static inline int
ff_entry_cmp(const struct ff_entry *a, const struct ff_entry *b)
{
    if (a->sort != b->sort) {
        return a->sort < b->sort ? -1 : 1;
    }
    return ff_key_cmp(&a->id, &b->id);
}

/* Scopes. Components are separated so that a lane's scopes share the prefix ff_scope_lane(lane). */
struct ff_scope ff_scope_none(void);
struct ff_scope ff_scope_lane(struct ff_str lane_id);
struct ff_scope ff_scope_ready(struct ff_str lane_id, struct ff_str class_digest,
                               enum ff_eligibility_state eligibility);
struct ff_scope ff_scope_reclaimable(struct ff_str lane_id, struct ff_str class_digest);
struct ff_scope ff_scope_lease_due(struct ff_str lane_id, enum ff_ownership_state ownership);
struct ff_scope ff_scope_worker(struct ff_str worker_instance_id);
struct ff_scope ff_scope_held(struct ff_str lane_id, enum ff_eligibility_state eligibility);
struct ff_scope ff_scope_partition(uint16_t partition);
struct ff_scope ff_scope_flow(const struct ff_uuid *flow_id);
/* Edges in or out of a member; begins with its flow's scope. */
struct ff_scope ff_scope_ends(const struct ff_uuid *flow_id, const struct ff_eid *execution_id);
/* What stands behind the flow in a scope of member_state; redundant: a sibling's cancel. */
enum ff_public_state ff_scope_member_state(const struct ff_scope *scope, bool *redundant);
struct ff_scope ff_scope_kind(enum ff_record kind);
/* own_ttl: the sort is when its retention ends; else it is when it completed. */
struct ff_scope ff_scope_retained(uint16_t partition, bool own_ttl);
/* Of 05: records_adm.c. Dimensions are digests of 16 bytes. */
struct ff_digest ff_dimension_digest(struct ff_str dimension);
struct ff_key ff_key_uuid(const struct ff_uuid *id); /* budget, quota */
struct ff_key ff_key_budget_key(const struct ff_uuid *budget_id, struct ff_str digest);
struct ff_key ff_key_ledger(const struct ff_uuid *budget_id, const struct ff_eid *id);
struct ff_key ff_key_window(const struct ff_uuid *policy_id, struct ff_str dimension);
struct ff_key ff_key_window_entry(const struct ff_window_entry *entry);
struct ff_key ff_key_admission(const struct ff_uuid *policy_id, struct ff_str dimension,
                               const struct ff_eid *id);
struct ff_key ff_key_slot(const struct ff_uuid *policy_id, const struct ff_eid *id);
/* In the order of instance ids, but for those alike in their first 46 bytes. */
struct ff_key ff_key_worker(struct ff_str namespace, struct ff_str worker_instance_id);
struct ff_scope ff_scope_uuid(const struct ff_uuid *id);
struct ff_scope ff_scope_eid(const struct ff_eid *id);
struct ff_scope ff_scope_window(const struct ff_uuid *policy_id, struct ff_str dimension);
struct ff_scope ff_scope_admissions(const struct ff_uuid *policy_id, const struct ff_eid *id);
struct ff_scope ff_scope_admitted(struct ff_str lane_id, struct ff_str class_digest,
                                  bool slot_held);
/* In the order of namespaces, but for those alike in their first 86 bytes. */
struct ff_scope ff_scope_workers(struct ff_str namespace);
/* The instant from which on a worker counts as gone. */
int64_t ff_worker_lapses_at(const struct ff_worker *worker);

static inline int
ff_scope_cmp(const struct ff_scope *a, const struct ff_scope *b)
{
    return ff_str_cmp(ff_str(a->b, a->n), ff_str(b->b, b->n));
}
bool ff_scope_begins(const struct ff_scope *scope, const struct ff_scope *prefix);
/* What stands behind the lane in a ready or reclaimable scope. */
enum ff_eligibility_state ff_scope_eligibility(const struct ff_scope *ready);

/* Place in a lane's order (02 §5.1): created_at - priority * 10^12, ascending. */
int64_t ff_rank(int64_t created_at, int32_t priority);

/* 16-byte digest of any number of parts, each with its length (BLAKE2b). */
struct ff_digest {
    uint8_t b[16];
};
struct ff_digest ff_digest_of(const struct ff_str *parts, uint32_t n);

#endif
