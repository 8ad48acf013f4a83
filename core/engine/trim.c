/* trim_retention, trim_expired: what has outlived its use goes (07 §4, §4.1). Both are walks. */
#include "core/engine/flow.h"
#include "core/engine/flow_replay.h"
#include "core/engine/purge.h"
#include "core/engine/scan.h"
#include "core/engine/stream.h"
#include "core/engine/submit.h"
#include "core/engine/walk.h"
#include "core/partition.h"

/* Entities of one step (spec/records.md §6). */
#define STEP_MAX 256
/* Records that one step takes away with executions, or edges that it looks at. The last of the
 * executions may have more. */
#define STEP_RECORDS_MAX 512
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
           !exec->staged && /* its flow counts on it */
           ff_time_add(exec->completed_at.v, ttl_ms) <= txn->now_ms;
}

struct purge {
    bool done;
    uint32_t n; /* records that went with it, and edges that were looked at */
};

/* Purges it, if it is to be. What cannot be read stays, and does not stop the others. */
static ff_err
purge_one(struct ff_txn *txn, const struct ff_trim_retention_args *args, const struct ff_key *key,
          struct purge *out)
{
    struct ff_exec exec = { 0 };
    bool found = false, *purged = &out->done;
    uint32_t looks = 0;
    ff_err err = ff_txn_find(txn, FF_R_EXEC, key, &exec, &found);

    *out = (struct purge){ .done = false };
    if (err == FF_E_OK && found && is_over(txn, &exec, args->retention_ms) &&
        (args->lane_id.n == 0 || ff_str_eq(args->lane_id, exec.lane_id))) {
        err = ff_filter_admits(txn, args->filter, &exec, purged);
    }
    if (err == FF_E_OK && *purged) {
        bool waited_for = false;

        err = ff_member_is_waited_for(txn, &exec, &waited_for, &looks);
        *purged = !waited_for;
    }
    if (err == FF_E_OK && *purged) {
        err = ff_purge_exec(txn, &exec, &out->n);
    }
    out->n += looks;
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
    uint32_t most = args->batch_size - walk->counts[0], removed = 0;
    bool pending = false, found = true;

    FF_TRY(retained_open(txn, &retained, partition, &walk->at));
    for (uint32_t n = 0, asked = 0; n < STEP_MAX && asked < most && removed < STEP_RECORDS_MAX;
         n++) {
        struct ff_entry entry = { 0 };
        struct purge purge = { .done = false };
        ff_err err = retained_next(txn, &retained, &entry, &found);

        if (err == FF_E_PENDING) {
            return err;
        }
        FF_TRY(err);
        if (!found) {
            break;
        }
        err = purge_one(txn, args, &entry.id, &purge);
        pending = pending || err == FF_E_PENDING;
        if (err != FF_E_PENDING) {
            FF_TRY(err);
        }
        asked += purge.done || err == FF_E_PENDING;
        walk->counts[0] += purge.done && err == FF_E_OK;
        removed += purge.n;
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
    bool over = false, rest = false;

    FF_TRY(partition_of(txn, args->partition, &partition));
    if (partition.family != FF_PARTITION_FLOW) {
        return FF_E_OK; /* no execution lives there */
    }
    FF_TRY(ff_purge_rest(txn, &rest));
    if (rest) { /* of the last step, or of a broker that is gone */
        return ff_txn_step(txn);
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

/* ---- trim_expired: what there is, oldest first ---- */

/* Kinds of keys, the streams, and the feeds. */
#define SOURCES_MAX 16

/* One list in the order in which its entries lapse. rank: which one; the order at one instant.
 * Below FF_R_N a kind of key, or FF_R_STREAM; from there on a feed. */
struct source {
    uint32_t rank;
    struct ff_scope scope; /* of a kind of key */
    struct ff_entry head;  /* sort: when it lapses */
    bool has;
    struct ff_old_events events; /* of a feed */
    uint32_t next;
};

struct trimming {
    struct ff_txn *txn;
    const struct ff_partition *only; /* NULL: all */
    struct source sources[SOURCES_MAX];
    uint32_t n;
    uint32_t most; /* that may still go */
    uint32_t looks, events;
    bool pending;
    bool cut; /* more of a feed is to be loaded: the next step's */
};

/* Where a source goes on: the walk has been at walk->at, of the source walk->stage. */
static struct ff_entry
position_in(const struct ff_walk *walk, uint32_t rank)
{
    struct ff_entry after = walk->at;

    if (rank != walk->stage) {
        after.id.n = 0; /* before all of that instant */
        after.sort += rank < walk->stage;
    }
    return after;
}

static ff_err
next_event(struct trimming *trimming, struct source *source)
{
    struct ff_txn *txn = trimming->txn;

    source->has = source->next < source->events.n;
    if (source->has) {
        source->head.sort =
            ff_time_add(source->events.v[source->next].at, txn->facts->event_retention_ms);
    }
    return FF_E_OK;
}

/* Its oldest one first; more of them if it is to go. */
static ff_err
open_feed(struct trimming *trimming, struct source *source)
{
    enum ff_event_family family = (enum ff_event_family)(source->rank - FF_R_N);
    uint32_t limit = trimming->most < STEP_EVENTS_MAX ? trimming->most : (uint32_t) STEP_EVENTS_MAX;

    FF_TRY(ff_txn_old_events(trimming->txn, family, 1, &source->events));
    FF_TRY(next_event(trimming, source));
    if (!source->has || source->head.sort > trimming->txn->now_ms) {
        return FF_E_OK;
    }
    FF_TRY(ff_txn_old_events(trimming->txn, family, limit, &source->events));
    return next_event(trimming, source);
}

static ff_err
next_entry(struct trimming *trimming, struct source *source, const struct ff_entry *after)
{
    bool stream = source->rank == FF_R_STREAM; /* no kind of key: its number is free */

    return ff_txn_next(trimming->txn, stream ? FF_IX_STREAM_DUE : FF_IX_EXPIRING, &source->scope,
                       after, STEP_MAX, &source->head, &source->has);
}

static ff_err
add_source(struct trimming *trimming, uint32_t rank, struct ff_scope scope)
{
    struct source *source = &trimming->sources[trimming->n++];
    struct ff_entry after = position_in(ff_txn_walk(trimming->txn), rank);

    FF_ASSERT(trimming->n <= SOURCES_MAX);
    source->rank = rank;
    source->scope = scope;
    return rank >= FF_R_N ? open_feed(trimming, source) : next_entry(trimming, source, &after);
}

static ff_err
open_sources(struct trimming *trimming)
{
    struct ff_scope any = ff_scope_none();
    struct ff_scope_list kinds = { 0 };
    bool *pending = &trimming->pending;

    FF_TRY(ff_gather(ff_txn_scopes(trimming->txn, FF_IX_EXPIRING, &any, &kinds), pending));
    for (uint32_t i = 0; i < kinds.n; i++) {
        FF_TRY(ff_gather(add_source(trimming, kinds.v[i].b[0], kinds.v[i]), pending));
    }
    FF_TRY(ff_gather(add_source(trimming, FF_R_STREAM, any), pending));
    for (uint32_t i = 0; trimming->only == NULL && i < FF_FAMILIES; i++) {
        FF_TRY(ff_gather(add_source(trimming, FF_R_N + i, any), pending));
    }
    return *pending ? FF_E_PENDING : FF_E_OK;
}

/* The one whose head has lapsed first; NULL: none has. */
static struct source *
oldest(struct trimming *trimming)
{
    struct source *first = NULL;

    for (uint32_t i = 0; i < trimming->n; i++) {
        struct source *source = &trimming->sources[i];

        if (source->has && source->head.sort <= trimming->txn->now_ms &&
            (first == NULL || source->head.sort < first->head.sort ||
             (source->head.sort == first->head.sort && source->rank < first->rank))) {
            first = source;
        }
    }
    return first;
}

/* A stream that has more than may go comes again. */
static ff_err
trim_stream(struct trimming *trimming, const struct ff_key *key, uint64_t *gone)
{
    const struct ff_partition *only = trimming->only;

    if (only != NULL &&
        (only->family != FF_PARTITION_FLOW || only->index != ff_key_to_eid(key).partition)) {
        return FF_E_OK;
    }
    return ff_stream_tend(trimming->txn, key, trimming->most < STEP_MAX ? trimming->most : STEP_MAX,
                          gone);
}

static ff_err
trim_event(struct trimming *trimming, struct source *source)
{
    const struct ff_old_event *event = &source->events.v[source->next++];

    ff_txn_trim_events(trimming->txn, (enum ff_event_family)(source->rank - FF_R_N), event->seq);
    trimming->events++;
    trimming->cut = trimming->cut || source->next == source->events.n;
    return next_event(trimming, source);
}

/* Takes away what the head of this source stands for. */
static ff_err
trim_one(struct trimming *trimming, struct source *source)
{
    struct ff_walk *walk = ff_txn_walk(trimming->txn);
    struct ff_entry head = source->head;
    uint64_t gone = 0;
    ff_err err = FF_E_OK;

    if (source->rank >= FF_R_N) {
        trimming->most--;
        walk->counts[0]++;
        return trim_event(trimming, source);
    }
    trimming->looks++;
    if (source->rank == FF_R_STREAM) {
        err = trim_stream(trimming, &head.id, &gone);
        trimming->looks += (uint32_t) gone;
    } else {
        bool key_gone = false;

        err = trim_key(trimming->txn, (enum ff_record) source->rank, &head.id, trimming->only,
                       &key_gone);
        gone = key_gone;
    }
    FF_TRY(ff_gather(err, &trimming->pending));
    walk->counts[0] += (uint32_t) gone;
    trimming->most -= (uint32_t) gone;
    walk->at = head;
    walk->stage = source->rank;
    return next_entry(trimming, source, &head);
}

/* *over: nothing is left that has lapsed. */
static ff_err
trim_oldest(struct trimming *trimming, bool *over)
{
    FF_TRY(open_sources(trimming));
    while (trimming->most > 0 && trimming->looks < STEP_MAX && trimming->events < STEP_EVENTS_MAX &&
           !trimming->cut) {
        struct source *source = oldest(trimming);

        *over = source == NULL;
        if (*over) {
            break;
        }
        FF_TRY(trim_one(trimming, source));
    }
    return trimming->pending ? FF_E_PENDING : FF_E_OK;
}

ff_err
ff_op_trim_expired(struct ff_txn *txn, const struct ff_trim_expired_args *args,
                   struct ff_trim_expired_result *result)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    struct trimming *trimming = FF_ARENA_NEW(txn->arena, struct trimming, 1);
    struct ff_partition only = { 0 };
    bool over = false, rest = false;

    if (args->partition.p != NULL) {
        FF_TRY(partition_of(txn, args->partition, &only));
        trimming->only = &only;
    }
    FF_TRY(ff_purge_rest(txn, &rest));
    if (!rest && walk->counts[1] == STAGE_NEW) {
        FF_TRY(ff_submit_rest(txn, &rest));
    }
    if (!rest && walk->counts[1] == STAGE_NEW) {
        FF_TRY(ff_replay_rest(txn, &rest));
    }
    if (rest) {
        return ff_txn_step(txn);
    }
    if (walk->counts[1] == STAGE_NEW) {
        walk->counts[1] = STAGE_GOING;
        walk->at = (struct ff_entry){ .sort = INT64_MIN };
    }
    trimming->txn = txn;
    trimming->most = args->batch_size - walk->counts[0];
    FF_TRY(trim_oldest(trimming, &over));
    if (!over && walk->counts[0] < args->batch_size) {
        return ff_txn_step(txn);
    }
    result->purged = walk->counts[0];
    return FF_E_OK;
}
