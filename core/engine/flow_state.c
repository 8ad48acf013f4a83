/* What state a flow is in: derived from where its members stand (04 §6). */

#include "core/engine/flow.h"

/* Number of members by state; redundant: of the cancelled ones. */
struct tally {
    uint32_t by[FF_PUBLIC_SUBMITTED + 1], redundant;
};

/* Adds the entries of one scope, or only whether there is one. */
static ff_err
count_scope(struct ff_txn *txn, enum ff_index index, const struct ff_scope *scope, bool all,
            struct tally *tally)
{
    struct ff_entry entry = { 0 }, next = { 0 };
    bool found = true, redundant = false;
    enum ff_public_state state = ff_scope_member_state(scope, &redundant);
    uint32_t n = 0;

    for (; found && (all || n == 0); n += found) {
        FF_TRY(
            ff_txn_next(txn, index, scope, n == 0 ? NULL : &entry, all ? 4096 : 1, &next, &found));
        entry = next;
    }
    if (state <= FF_PUBLIC_SUBMITTED) {
        tally->by[state] += n;
    }
    tally->redundant += redundant ? n : 0;
    return FF_E_OK;
}

/* all: how many there are of each; else: at least 1 where there are any. */
static ff_err
count(struct ff_txn *txn, const struct ff_uuid *flow_id, bool all, struct tally *tally)
{
    static const enum ff_index indexes[] = { FF_IX_MEMBER_STATE, FF_IX_MEMBER_GONE };
    struct ff_scope flow = ff_scope_flow(flow_id);
    struct ff_scope_list scopes[FF_COUNT(indexes)] = { { 0 } };
    bool pending = false;

    *tally = (struct tally){ 0 };
    for (size_t i = 0; i < FF_COUNT(indexes); i++) {
        FF_TRY(ff_gather(ff_txn_scopes(txn, indexes[i], &flow, &scopes[i]), &pending));
    }
    for (size_t i = 0; i < FF_COUNT(indexes); i++) {
        for (uint32_t j = 0; j < scopes[i].n; j++) {
            FF_TRY(ff_gather(count_scope(txn, indexes[i], &scopes[i].v[j], all, tally), &pending));
        }
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* derive(members), steps 1 to 5. Purged members without an outcome stand as `submitted` (step 0).
 */
static enum ff_flow_state
derive(const struct tally *tally)
{
    const uint32_t *by = tally->by;
    uint32_t ended = by[FF_PUBLIC_COMPLETED] + by[FF_PUBLIC_SKIPPED] + by[FF_PUBLIC_SUBMITTED];
    uint32_t bad = by[FF_PUBLIC_FAILED] + by[FF_PUBLIC_EXPIRED] + by[FF_PUBLIC_CANCELLED];
    uint32_t held = by[FF_PUBLIC_SUSPENDED] + by[FF_PUBLIC_DELAYED] + by[FF_PUBLIC_RATE_LIMITED] +
                    by[FF_PUBLIC_WAITING_CHILDREN];
    uint32_t waiting = by[FF_PUBLIC_WAITING] + by[FF_PUBLIC_RESUMABLE];

    if (by[FF_PUBLIC_ACTIVE] > 0) {
        return FF_FLOW_RUNNING;
    }
    if (held > 0) {
        return FF_FLOW_BLOCKED;
    }
    if (waiting > 0 || ended + bad == 0) {
        return FF_FLOW_OPEN;
    }
    return bad - tally->redundant > 0 ? FF_FLOW_FAILED : FF_FLOW_COMPLETED;
}

ff_err
ff_flow_derive(struct ff_txn *txn, const struct ff_uuid *flow_id, enum ff_flow_state *out)
{
    struct tally tally;

    FF_TRY(count(txn, flow_id, false, &tally));
    *out = derive(&tally);
    return FF_E_OK;
}

ff_err
ff_flow_public_state(struct ff_txn *txn, const struct ff_flow *flow, enum ff_flow_state *out)
{
    *out = FF_FLOW_CANCELLED;
    return flow->cancelled ? FF_E_OK : ff_flow_derive(txn, &flow->flow_id, out);
}

/* ---- project_flow_summary (04 §6.1) ---- */

static void
summarise(const struct tally *tally, struct ff_flow_summary *out)
{
    const uint32_t *by = tally->by;

    for (size_t i = 0; i < FF_COUNT(tally->by); i++) {
        out->total_members += by[i];
    }
    out->sampled_members = out->total_members;
    out->members_completed = by[FF_PUBLIC_COMPLETED];
    out->members_failed = by[FF_PUBLIC_FAILED];
    out->members_cancelled = by[FF_PUBLIC_CANCELLED];
    out->members_sibling_cancelled = tally->redundant;
    out->members_expired = by[FF_PUBLIC_EXPIRED];
    out->members_skipped = by[FF_PUBLIC_SKIPPED];
    out->members_active = by[FF_PUBLIC_ACTIVE];
    out->members_suspended = by[FF_PUBLIC_SUSPENDED];
    out->members_waiting = by[FF_PUBLIC_WAITING] + by[FF_PUBLIC_RESUMABLE];
    out->members_delayed = by[FF_PUBLIC_DELAYED];
    out->members_rate_limited = by[FF_PUBLIC_RATE_LIMITED];
    out->members_waiting_children = by[FF_PUBLIC_WAITING_CHILDREN];
    out->members_unknown = by[FF_PUBLIC_SUBMITTED];
    out->public_flow_state = derive(tally);
}

ff_err
ff_op_project_flow_summary(struct ff_txn *txn, const struct ff_project_flow_summary_args *args,
                           struct ff_project_flow_summary_result *result)
{
    struct ff_flow_summary *counts = FF_ARENA_NEW(txn->arena, struct ff_flow_summary, 1);
    const struct ff_summary summary = { .flow_id = args->flow_id, .counts = counts };
    struct ff_flow flow = { 0 };
    struct tally tally;
    bool found = false;

    FF_TRY(ff_flow_find(txn, &args->flow_id, &flow, &found));
    if (found) {
        FF_TRY(count(txn, &args->flow_id, true, &tally));
        summarise(&tally, counts);
    }
    if (counts->total_members > 0) {
        counts->last_summary_update_at = txn->now_ms;
        result->updated = true;
        FF_TRY(ff_txn_put_summary(txn, &summary));
    }
    ff_txn_projected(txn, &args->flow_id);
    return FF_E_OK;
}
