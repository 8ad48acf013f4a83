#include "backends/offline/offline.h"

#include <stdlib.h>

#include "backends/clock.h"

/* How often a store is read that names records twice now and then. */
#define READINGS_MAX 3
#define CLEARINGS_MAX 3
#define LOOK_EVERY_MS 1000
#define EXECS (UINT64_C(1) << FF_R_EXEC)

struct copying {
    struct ff_store *from, *to;
    const struct ff_offline_progress *progress;
    struct ff_offline_step step;
    int64_t looked_ms; /* monotonic: whether anybody else uses the stores */
    struct ff_index_change *changes;
    uint32_t changes_room;
    struct ff_arena there;            /* of one look into `to' */
    struct ff_offline_digest *digest; /* of VERIFYING */
};

static void
begin(struct copying *copying, enum ff_offline_phase phase, uint64_t of)
{
    copying->step = (struct ff_offline_step){ .phase = phase, .of = of };
}

/* A daemon that is started meanwhile is noticed before much has been done in vain. */
static ff_err
look_around(struct copying *copying, struct ff_fault *fault)
{
    int64_t now_ms = ff_mono_ms();

    if (now_ms - copying->looked_ms < LOOK_EVERY_MS) {
        return FF_E_OK;
    }
    copying->looked_ms = now_ms;
    FF_TRY(ff_offline_alone(copying->from, fault));
    return ff_offline_alone(copying->to, fault);
}

static ff_err
tell(struct copying *copying, uint32_t n, struct ff_fault *fault)
{
    copying->step.done += n;
    if (copying->progress->tell != NULL) {
        copying->progress->tell(copying->progress->ctx, &copying->step);
    }
    return look_around(copying, fault);
}

/* ---- batches ---- */

static void
change_indexes(struct copying *copying, struct ff_commit *commit,
               const struct ff_offline_record *record, bool add)
{
    struct ff_index_key keys[FF_INDEX_KEYS_MAX];
    uint32_t n = ff_index_keys(record->kind, record->record, keys);

    for (uint32_t i = 0; i < n; i++) {
        copying->changes = ff_grow(copying->changes, &copying->changes_room, commit->n_changes,
                                   sizeof(*copying->changes));
        copying->changes[commit->n_changes++] =
            (struct ff_index_change){ .add = add, .key = keys[i] };
    }
    commit->changes = copying->changes;
}

/* ---- what an unfinished copy has left ---- */

static ff_err
clear_chunk(void *ctx, const struct ff_offline_record *records, uint32_t n, struct ff_arena *arena,
            struct ff_fault *fault)
{
    struct copying *copying = ctx;
    struct ff_commit commit = { .writes = FF_ARENA_NEW(arena, struct ff_write, n) };

    for (uint32_t i = 0; i < n; i++) {
        if (records[i].found) {
            commit.writes[commit.n_writes++] =
                (struct ff_write){ .kind = records[i].kind,
                                   .key = records[i].key,
                                   .deleted = true,
                                   .unseen = true,
                                   .version_from = records[i].version };
            change_indexes(copying, &commit, &records[i], false);
        }
    }
    FF_TRY(tell(copying, n, fault));
    return commit.n_writes == 0 ? FF_E_OK : ff_store_commit_now(copying->to, &commit, fault);
}

/* Executions go last: what belongs to one is found by it. */
static ff_err
clear(struct copying *copying, struct ff_fault *fault)
{
    struct ff_offline_visitor rest = { .kinds = FF_WALK_ALL & ~EXECS,
                                       .visit = clear_chunk,
                                       .ctx = copying };
    struct ff_offline_visitor execs = { .kinds = EXECS, .visit = clear_chunk, .ctx = copying };

    FF_TRY(ff_offline_each(copying->to, &rest, fault));
    FF_TRY(ff_offline_each(copying->to, &execs, fault));
    for (int family = 0; family < FF_FAMILIES; family++) {
        FF_TRY(copying->to->ops->offline->renumber(copying->to, (enum ff_event_family) family, 1,
                                                   fault));
    }
    return FF_E_OK;
}

struct emptiness {
    enum ff_record kind;
    bool any;
};

static ff_err
see_any(void *ctx, const struct ff_offline_record *records, uint32_t n, struct ff_arena *arena,
        struct ff_fault *fault)
{
    struct emptiness *emptiness = ctx;

    (void) arena;
    (void) fault;
    (void) n;
    *emptiness = (struct emptiness){ records[0].kind, true };
    return FF_E_PARKED; /* that is enough */
}

static ff_err
see_events(void *ctx, enum ff_event_family family, const struct ff_want *page,
           struct ff_fault *fault)
{
    (void) family;
    (void) fault;
    if (page->newest > 0) {
        *(struct emptiness *) ctx = (struct emptiness){ FF_R_EVENT, true };
    }
    return FF_E_OK;
}

static ff_err
is_empty(struct ff_store *store, struct emptiness *out, struct ff_fault *fault)
{
    const struct ff_offline_visitor visitor = {
        .kinds = FF_WALK_ALL, .visit = see_any, .event = see_events, .ctx = out
    };
    ff_err err = ff_offline_each(store, &visitor, fault);

    return err == FF_E_PARKED ? FF_E_OK : err;
}

static ff_err
make_empty(struct copying *copying, struct ff_fault *fault)
{
    struct emptiness emptiness = { .any = false };

    for (int i = 0; copying->to->unfinished && i < CLEARINGS_MAX; i++) {
        FF_TRY(clear(copying, fault));
        emptiness.any = false;
        FF_TRY(is_empty(copying->to, &emptiness, fault));
        if (!emptiness.any) {
            return FF_E_OK;
        }
    }
    FF_TRY(is_empty(copying->to, &emptiness, fault));
    if (!emptiness.any) {
        return FF_E_OK;
    }
    (void) ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "not_empty"),
                   ff_d_text("context", ff_records[emptiness.kind]->name));
    fault->message = "the store that is copied into has records already; name an empty one (a new "
                     "file, database or prefix, on which no daemon was ever started)";
    return fault->code;
}

/* ---- copying ---- */

static ff_err
fail_record(const struct ff_offline_record *record, struct ff_arena *arena, struct ff_fault *fault)
{
    static char text[320];
    struct ff_str words =
        ff_arena_printf(arena, "%s %.200s cannot be read; `ffctl store check' tells more",
                        ff_records[record->kind]->name, ff_offline_name(record, arena));

    memcpy(text, words.p, words.n < sizeof(text) ? words.n : sizeof(text) - 1);
    (void) ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "record"));
    fault->message = text;
    return fault->code;
}

/* Whether the records are there already, in a store that named them twice. */
static ff_err
find_repeats(struct copying *copying, const struct ff_offline_record *records, uint32_t n,
             struct ff_want **wants_out, struct ff_fault *fault)
{
    ff_arena_reset(&copying->there);
    *wants_out = FF_ARENA_NEW(&copying->there, struct ff_want, n);
    for (uint32_t i = 0; i < n; i++) {
        (*wants_out)[i] = (struct ff_want){ .what = FF_WANT_RECORD,
                                            .kind = records[i].kind,
                                            .key = records[i].key };
    }
    return copying->from->ops->offline->repeats
               ? ff_store_load_now(copying->to, *wants_out, n, &copying->there, fault)
               : FF_E_OK;
}

static ff_err
copy_chunk(void *ctx, const struct ff_offline_record *records, uint32_t n, struct ff_arena *arena,
           struct ff_fault *fault)
{
    struct copying *copying = ctx;
    struct ff_commit commit = { .writes = FF_ARENA_NEW(arena, struct ff_write, n) };
    struct ff_want *there = NULL;

    FF_TRY(find_repeats(copying, records, n, &there, fault));
    for (uint32_t i = 0; i < n; i++) {
        if (records[i].record == NULL) {
            return fail_record(&records[i], arena, fault);
        }
        if (!there[i].found) {
            commit.writes[commit.n_writes++] =
                (struct ff_write){ .kind = records[i].kind,
                                   .key = records[i].key,
                                   .body = records[i].body,
                                   .record = records[i].record,
                                   .live = ff_record_live(records[i].kind, records[i].record),
                                   .version = records[i].version };
            change_indexes(copying, &commit, &records[i], true);
        }
    }
    FF_TRY(tell(copying, n, fault));
    return commit.n_writes == 0 ? FF_E_OK : ff_store_commit_now(copying->to, &commit, fault);
}

/* Events keep their numbers. */
static ff_err
copy_events(void *ctx, enum ff_event_family family, const struct ff_want *page,
            struct ff_fault *fault)
{
    struct copying *copying = ctx;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_commit commit = { .events = FF_ARENA_NEW(&arena, struct ff_event_write, page->n),
                                .n_events = page->n };

    if (page->n == 0) {
        return FF_E_OK;
    }
    if (page->after_seq == 0) {
        FF_TRY(copying->to->ops->offline->renumber(copying->to, family, page->seqs[0], fault));
    }
    for (uint32_t i = 0; i < page->n; i++) {
        commit.events[i] = (struct ff_event_write){ .family = family, .body = page->bodies[i] };
    }
    FF_TRY(tell(copying, page->n, fault));
    return ff_store_commit_now(copying->to, &commit, fault);
}

/* Executions first: some stores keep what belongs to one beside it. */
static ff_err
copy_all(struct copying *copying, struct ff_fault *fault)
{
    struct ff_offline_visitor execs = { .kinds = EXECS, .visit = copy_chunk, .ctx = copying };
    struct ff_offline_visitor rest = {
        .kinds = FF_WALK_ALL & ~EXECS, .visit = copy_chunk, .event = copy_events, .ctx = copying
    };

    FF_TRY(ff_offline_each(copying->from, &execs, fault));
    return ff_offline_each(copying->from, &rest, fault);
}

/* ---- verifying ---- */

static ff_err
sum_chunk(void *ctx, const struct ff_offline_record *records, uint32_t n, struct ff_arena *arena,
          struct ff_fault *fault)
{
    struct copying *copying = ctx;

    (void) arena;
    for (uint32_t i = 0; i < n; i++) {
        ff_offline_add_record(copying->digest, &records[i]);
    }
    return tell(copying, n, fault);
}

static ff_err
sum_events(void *ctx, enum ff_event_family family, const struct ff_want *page,
           struct ff_fault *fault)
{
    struct copying *copying = ctx;

    ff_offline_add_events(copying->digest, family, page);
    return tell(copying, page->n, fault);
}

static ff_err
sum_up(struct copying *copying, struct ff_store *store, struct ff_offline_digest *out,
       struct ff_fault *fault)
{
    const struct ff_offline_visitor visitor = {
        .kinds = FF_WALK_ALL, .visit = sum_chunk, .event = sum_events, .ctx = copying
    };

    *out = (struct ff_offline_digest){ 0 };
    copying->digest = out;
    return ff_offline_each(store, &visitor, fault);
}

/* Both are read anew; where records may come twice, once more before they are said to differ. */
static ff_err
verify(struct copying *copying, uint64_t of, struct ff_offline_copied *out, struct ff_fault *fault)
{
    bool repeats = copying->from->ops->offline->repeats || copying->to->ops->offline->repeats;

    out->differ = true;
    for (int i = 0; out->differ && i < (repeats ? READINGS_MAX : 1); i++) {
        begin(copying, FF_OFFLINE_VERIFYING, 2 * of);
        FF_TRY(sum_up(copying, copying->from, &out->from, fault));
        FF_TRY(sum_up(copying, copying->to, &out->to, fault));
        out->differ = memcmp(&out->from, &out->to, sizeof(out->from)) != 0;
    }
    return FF_E_OK;
}

static ff_err
run(struct copying *copying, struct ff_offline_copied *out, struct ff_fault *fault)
{
    struct ff_store *to = copying->to;

    uint64_t of = 0;

    begin(copying, FF_OFFLINE_CLEARING, 0);
    FF_TRY(make_empty(copying, fault));
    if (copying->progress->tell != NULL) {
        FF_TRY(ff_offline_count(copying->from, &of, fault));
    }
    FF_TRY(to->ops->offline->mark_copy(to, true, fault));
    begin(copying, FF_OFFLINE_COPYING, of);
    FF_TRY(copy_all(copying, fault));
    FF_TRY(verify(copying, of, out, fault));
    FF_TRY(ff_offline_alone(copying->from, fault)); /* one may have been started meanwhile */
    FF_TRY(ff_offline_alone(to, fault));
    return out->differ ? FF_E_OK : to->ops->offline->mark_copy(to, false, fault);
}

ff_err
ff_offline_copy(struct ff_store *from, struct ff_store *to,
                const struct ff_offline_progress *progress, struct ff_offline_copied *out,
                struct ff_fault *fault)
{
    struct copying copying = { .from = from, .to = to, .progress = progress };
    ff_err err = run(&copying, out, fault);

    ff_arena_done(&copying.there);
    free(copying.changes);
    return err;
}
