/* trim_retention, trim_expired: what has outlived its use goes (07 §4, §4.1). Both are walks. */
#include "core/engine/flow.h"
#include "core/engine/purge.h"
#include "core/engine/scan.h"
#include "core/engine/stream.h"
#include "core/engine/walk.h"
#include "core/partition.h"

/* Entities of one step (spec/records.md §6). */
#define STEP_MAX 256
/* Events of one step: they go by number, in one piece. */
#define STEP_EVENTS_MAX 4096

enum { STAGE_NEW, STAGE_GOING };

static ff_err
partition_of(struct ff_txn *txn, struct ff_str text, struct ff_partition *out)
{
    return ff_partition_key_parse(text, "partition", out, &txn->fault);
}

/* ---- trim_retention ---- */

/* The scopes of a partition, merged by the instant at which retention ends. */
struct retained {
    struct ff_scope scopes[2]; /* by default, by an own ttl */
    struct ff_entry heads[2];  /* sort: that instant */
    bool has[2];
    uint64_t retention_ms;
};

static ff_err
load_head(struct ff_txn *txn, struct retained *retained, int i, const struct ff_entry *after)
{
    uint64_t add_ms = i == 0 ? retained->retention_ms : 0;
    struct ff_entry from = { .sort = INT64_MIN };

    if (after->sort > INT64_MIN) {
        from = *after;
        from.sort -= (int64_t) add_ms;
    }
    FF_TRY(ff_txn_next(txn, FF_IX_RETAINED, &retained->scopes[i], &from, STEP_MAX,
                       &retained->heads[i], &retained->has[i]));
    retained->heads[i].sort = ff_time_add(retained->heads[i].sort, add_ms);
    return FF_E_OK;
}

static ff_err
retained_open(struct ff_txn *txn, struct retained *retained, uint16_t partition,
              const struct ff_entry *after)
{
    bool pending = false;

    for (int i = 0; i < 2; i++) {
        retained->scopes[i] = ff_scope_retained(partition, i == 1);
        FF_TRY(ff_gather(load_head(txn, retained, i, after), &pending));
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* Takes the first one whose retention is over. */
static ff_err
retained_next(struct ff_txn *txn, struct retained *retained, struct ff_entry *out, bool *found)
{
    bool second = retained->has[1] &&
                  (!retained->has[0] || ff_entry_cmp(&retained->heads[1], &retained->heads[0]) < 0);

    *found = retained->has[second] && retained->heads[second].sort <= txn->now_ms;
    if (!*found) {
        return FF_E_OK;
    }
    *out = retained->heads[second];
    return load_head(txn, retained, second, out);
}

/* As the record has it: on a store that others share, the index may have told of another time. */
static bool
is_over(const struct ff_txn *txn, const struct ff_exec *exec, uint64_t retention_ms)
{
    uint64_t ttl_ms = exec->retention_ttl_ms.is ? exec->retention_ttl_ms.v : retention_ms;

    return exec->lifecycle_phase == FF_PHASE_TERMINAL &&
           ff_time_add(exec->completed_at.v, ttl_ms) <= txn->now_ms;
}

/* Purges it, if it is to be. What cannot be read stays, and does not stop the others. */
static ff_err
purge_one(struct ff_txn *txn, const struct ff_trim_retention_args *args, const struct ff_key *key,
          bool *purged)
{
    struct ff_exec exec = { 0 };
    bool found = false;
    ff_err err = ff_txn_find(txn, FF_R_EXEC, key, &exec, &found);

    *purged = false;
    if (err == FF_E_OK && found && is_over(txn, &exec, args->retention_ms) &&
        (args->lane_id.n == 0 || ff_str_eq(args->lane_id, exec.lane_id))) {
        err = ff_filter_admits(txn, args->filter, &exec, purged);
    }
    if (err == FF_E_OK && *purged) {
        bool waited_for = false;

        err = ff_member_is_waited_for(txn, &exec, &waited_for);
        *purged = !waited_for;
    }
    if (err == FF_E_OK && *purged) {
        err = ff_purge_exec(txn, &exec);
    }
    if (err == FF_E_CORRUPTION) {
        txn->fault = (struct ff_fault){ 0 };
        *purged = false;
        return FF_E_OK;
    }
    return err;
}

/* One step: some purges, or a look at as many as a step may. *over: there is nothing behind. */
static ff_err
trim_some(struct ff_txn *txn, const struct ff_trim_retention_args *args, uint16_t partition,
          bool *over)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    struct retained retained = { .retention_ms = args->retention_ms };
    uint32_t most = args->batch_size - walk->counts[0];
    bool pending = false, found = true;

    FF_TRY(retained_open(txn, &retained, partition, &walk->at));
    for (uint32_t n = 0, asked = 0; n < STEP_MAX && asked < most; n++) {
        struct ff_entry entry = { 0 };
        bool purged = false;
        ff_err err = retained_next(txn, &retained, &entry, &found);

        if (err == FF_E_PENDING) {
            return err;
        }
        FF_TRY(err);
        if (!found) {
            break;
        }
        err = purge_one(txn, args, &entry.id, &purged);
        pending = pending || err == FF_E_PENDING;
        if (err != FF_E_PENDING) {
            FF_TRY(err);
        }
        asked += purged || err == FF_E_PENDING;
        walk->counts[0] += purged && err == FF_E_OK;
        walk->at = entry;
    }
    *over = !found || walk->counts[0] >= args->batch_size;
    return pending ? FF_E_PENDING : FF_E_OK;
}

ff_err
ff_op_trim_retention(struct ff_txn *txn, const struct ff_trim_retention_args *args,
                     struct ff_trim_retention_result *result)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_partition partition = { 0 };
    bool over = false;

    FF_TRY(partition_of(txn, args->partition, &partition));
    if (partition.family != FF_PARTITION_FLOW) {
        return FF_E_OK; /* no execution lives there */
    }
    if (walk->stage == STAGE_NEW) {
        walk->stage = STAGE_GOING;
        walk->at = (struct ff_entry){ .sort = INT64_MIN };
    }
    FF_TRY(trim_some(txn, args, partition.index, &over));
    if (!over) {
        return ff_txn_step(txn);
    }
    result->purged = walk->counts[0];
    return FF_E_OK;
}

/* ---- trim_expired: keys ---- */

/* The partition that a key is at home in; false: it cannot be told. */
static ff_err
home_of(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key, struct ff_partition *out,
        bool *known)
{
    struct ff_create_key create_key = { 0 };
    bool found = false;

    *known = true;
    out->family = FF_PARTITION_FLOW;
    if (kind == FF_R_SIGNAL_KEY || kind == FF_R_SUSPEND_REPLY) {
        out->index = (uint16_t) (key->b[0] << 8 | key->b[1]);
    } else if (kind == FF_R_CREATE_KEY) {
        FF_TRY(ff_txn_find(txn, kind, key, &create_key, &found));
        out->index = (uint16_t) create_key.partition;
        *known = found;
    } else if (kind == FF_R_BUDGET_KEY) {
        struct ff_uuid budget_id;

        memcpy(budget_id.b, key->b, sizeof(budget_id.b));
        out->family = FF_PARTITION_BUDGET;
        out->index = ff_partition_of_budget(&budget_id, txn->facts->counts.budget);
    } else {
        *known = false;
    }
    return FF_E_OK;
}

static ff_err
trim_key(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key,
         const struct ff_partition *only, bool *gone)
{
    struct ff_partition home = { 0 };

    *gone = true;
    if (only != NULL) {
        FF_TRY(home_of(txn, kind, key, &home, gone));
        *gone = *gone && home.family == only->family && home.index == only->index;
    }
    return *gone ? ff_txn_remove(txn, kind, key) : FF_E_OK;
}

/* Of one kind, behind walk->at, which is left where the next step goes on. */
static ff_err
trim_scope(struct ff_txn *txn, const struct ff_scope *scope, const struct ff_partition *only,
           uint32_t most, bool *over)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    bool pending = false, found = true;
    uint32_t n = 0;

    for (; n < STEP_MAX && n < most; n++) {
        struct ff_entry next = { 0 };
        bool gone = false;
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_EXPIRING, scope, &walk->at, STEP_MAX, &next, &found));
        found = found && next.sort <= txn->now_ms;
        if (!found) {
            break;
        }
        walk->at = next;
        err = trim_key(txn, (enum ff_record) scope->b[0], &next.id, only, &gone);
        FF_TRY(ff_gather(err, &pending));
        walk->counts[0] += gone && err == FF_E_OK;
    }
    *over = !found;
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* ---- trim_expired: best-effort frames ---- */

/* A stream that has more than a step takes comes again in the next one. */
static ff_err
trim_streams(struct ff_txn *txn, const struct ff_partition *only, uint32_t most, bool *over)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    const struct ff_scope all = ff_scope_none();
    bool pending = false, found = true;
    uint64_t gone = 0;

    for (uint32_t n = 0; n < STEP_MAX && gone < most && gone < STEP_MAX; n++) {
        struct ff_entry next = { 0 };
        uint64_t removed = 0;

        FF_TRY(ff_txn_next(txn, FF_IX_STREAM_DUE, &all, &walk->at, STEP_MAX, &next, &found));
        found = found && next.sort <= txn->now_ms;
        if (!found) {
            break;
        }
        walk->at = next;
        if (only == NULL || (only->family == FF_PARTITION_FLOW &&
                             only->index == ff_key_to_eid(&next.id).partition)) {
            FF_TRY(ff_gather(ff_stream_tend(txn, &next.id, most - gone, &removed), &pending));
        }
        gone += removed;
    }
    walk->counts[0] += gone;
    *over = !found;
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* ---- trim_expired: events ---- */

static ff_err
trim_feed(struct ff_txn *txn, enum ff_event_family family, uint32_t most, bool *over)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    uint32_t limit = most < STEP_EVENTS_MAX ? most : STEP_EVENTS_MAX, n = 0;
    struct ff_old_events events = { 0 };

    FF_TRY(ff_txn_old_events(txn, family, limit, &events));
    while (n < events.n &&
           ff_time_add(events.v[n].at, txn->facts->event_retention_ms) <= txn->now_ms) {
        n++;
    }
    if (n > 0) {
        ff_txn_trim_events(txn, family, events.v[n - 1].seq);
        walk->counts[0] += n;
    }
    *over = n < limit;
    return FF_E_OK;
}

/* ---- trim_expired ---- */

/* The kinds of keys and the streams one after the other, then the feeds; stage: how many of them
 * are done. */
static ff_err
trim_stage(struct ff_txn *txn, const struct ff_scope_list *kinds, const struct ff_partition *only,
           uint32_t most, bool *over)
{
    uint32_t stage = ff_txn_walk(txn)->stage;

    if (stage == FF_R_STREAM) { /* no kind of key, so that its number is free */
        return trim_streams(txn, only, most, over);
    }
    if (stage < FF_R_N) {
        for (uint32_t i = 0; i < kinds->n; i++) {
            if (kinds->v[i].b[0] == stage) {
                return trim_scope(txn, &kinds->v[i], only, most, over);
            }
        }
        *over = true;
        return FF_E_OK;
    }
    return trim_feed(txn, (enum ff_event_family)(stage - FF_R_N), most, over);
}

ff_err
ff_op_trim_expired(struct ff_txn *txn, const struct ff_trim_expired_args *args,
                   struct ff_trim_expired_result *result)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_scope any = ff_scope_none();
    struct ff_scope_list kinds = { 0 };
    struct ff_partition only = { 0 };
    bool all = args->partition.p == NULL;
    uint32_t stages = all ? FF_R_N + FF_FAMILIES : FF_R_N, begun = walk->counts[0];

    if (!all) {
        FF_TRY(partition_of(txn, args->partition, &only));
    }
    FF_TRY(ff_txn_scopes(txn, FF_IX_EXPIRING, &any, &kinds));
    while (walk->stage < stages && walk->counts[0] < args->batch_size) {
        bool over = false;

        FF_TRY(
            trim_stage(txn, &kinds, all ? NULL : &only, args->batch_size - walk->counts[0], &over));
        if (over) {
            walk->stage++;
            walk->at = (struct ff_entry){ .sort = INT64_MIN };
        } else if (walk->counts[0] < args->batch_size) {
            return ff_txn_step(txn);
        }
        if (walk->counts[0] - begun >= STEP_MAX && walk->counts[0] < args->batch_size) {
            return ff_txn_step(txn);
        }
    }
    result->purged = walk->counts[0];
    return FF_E_OK;
}
