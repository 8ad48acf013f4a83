/* shadow.c: what the store has committed, kept beside it. Every commit is checked as it is made:
 * versions, the index changes it names, and what the watches say. */

#include <stdlib.h>

#include "backends/offline/offline.h"
#include "core/records.h"
#include "tests/sim/sim.h"

static const struct watch *const watches[] = { &ff_sim_life_watch, &ff_sim_wait_watch,
                                               &ff_sim_admission_watch, &ff_sim_graph_watch };

/* ---- records ---- */

static struct shadow_record *
find(struct world *world, enum ff_record kind, const struct ff_key *key)
{
    uint8_t ident[1 + FF_KEY_MAX];
    struct shadow_record *record = NULL;

    ident[0] = (uint8_t) kind;
    memcpy(ident + 1, key->b, key->n);
    HASH_FIND(hh, world->shadow, ident, 1u + key->n, record);
    return record;
}

static void
drop(struct world *world, struct shadow_record *record)
{
    HASH_DELETE(hh, world->shadow, record);
    free(record->body);
    free(record);
}

static void
keep(struct world *world, const struct ff_write *write)
{
    struct shadow_record *record = find(world, write->kind, &write->key);

    if (write->deleted) {
        if (record != NULL) {
            drop(world, record);
        }
        return;
    }
    if (record == NULL) {
        record = calloc(1, sizeof(*record));
        assert_non_null(record);
        record->ident[0] = (uint8_t) write->kind;
        memcpy(record->ident + 1, write->key.b, write->key.n);
        record->ident_n = (uint8_t) (1 + write->key.n);
        HASH_ADD_KEYPTR(hh, world->shadow, record->ident, record->ident_n, record);
    }
    free(record->body);
    record->body = malloc(write->body.n + 1u);
    assert_non_null(record->body);
    memcpy(record->body, write->body.p, write->body.n);
    record->body_n = write->body.n;
    record->version = write->version;
}

void
ff_sim_shadow_free(struct world *world)
{
    struct shadow_record *record = NULL, *next = NULL;

    HASH_ITER(hh, world->shadow, record, next)
    {
        drop(world, record);
    }
}

static void *
decode(struct world *world, enum ff_record kind, struct ff_str body, struct ff_arena *arena)
{
    void *record = ff_arena_zalloc(arena, ff_records[kind]->size);
    struct ff_fault fault = { 0 };

    CHECK(world, ff_row_decode(kind, body, arena, record, &fault) == FF_E_OK,
          "a record of kind %d cannot be read\n", (int) kind);
    return record;
}

const void *
ff_sim_committed_record(struct world *world, enum ff_record kind, const struct ff_key *key,
                        struct ff_arena *arena)
{
    const struct shadow_record *record = find(world, kind, key);

    return record == NULL ? NULL : decode(world, kind, ff_str(record->body, record->body_n), arena);
}

/* ---- index changes ---- */

struct positions {
    struct ff_index_key *v;
    uint32_t n, room;
};

static int
position_cmp(const void *a, const void *b)
{
    const struct ff_index_key *left = a, *right = b;
    int by_index = left->index - right->index;
    int by_scope = by_index != 0 ? by_index : ff_scope_cmp(&left->scope, &right->scope);

    if (by_scope != 0) {
        return by_scope;
    }
    if (left->sort != right->sort) {
        return left->sort < right->sort ? -1 : 1;
    }
    return ff_key_cmp(&left->id, &right->id);
}

static void
add_position(struct positions *positions, const struct ff_index_key *key)
{
    positions->v = ff_grow(positions->v, &positions->room, positions->n, sizeof(*positions->v));
    positions->v[positions->n++] = *key;
}

static bool
has_position(const struct ff_index_key *keys, uint32_t n, const struct ff_index_key *key)
{
    for (uint32_t i = 0; i < n; i++) {
        if (position_cmp(&keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* The changes of one record: where it stood and stands no more, and the other way. */
static void
derive_changes(enum ff_record kind, const void *before, const void *after, struct positions *added,
               struct positions *removed)
{
    struct ff_index_key old[FF_INDEX_KEYS_MAX], new[FF_INDEX_KEYS_MAX];
    uint32_t n_old = ff_index_keys(kind, before, old), n_new = ff_index_keys(kind, after, new);

    for (uint32_t i = 0; i < n_old; i++) {
        if (!has_position(new, n_new, &old[i])) {
            add_position(removed, &old[i]);
        }
    }
    for (uint32_t i = 0; i < n_new; i++) {
        if (!has_position(old, n_old, &new[i])) {
            add_position(added, &new[i]);
        }
    }
}

static void
compare_changes(struct world *world, const struct ff_commit *commit, struct positions *derived,
                bool add)
{
    struct positions named = { .v = NULL };

    for (uint32_t i = 0; i < commit->n_changes; i++) {
        if (commit->changes[i].add == add) {
            add_position(&named, &commit->changes[i].key);
        }
    }
    CHECK(world, named.n == derived->n, "a commit %s %u positions, %u are derived\n",
          add ? "adds" : "removes", named.n, derived->n);
    if (named.n > 0) {
        qsort(named.v, named.n, sizeof(named.v[0]), position_cmp);
        qsort(derived->v, derived->n, sizeof(derived->v[0]), position_cmp);
    }
    for (uint32_t i = 0; i < named.n; i++) {
        CHECK(world, position_cmp(&named.v[i], &derived->v[i]) == 0,
              "a commit changes index %d (id %u), derived is index %d (id %u)\n", named.v[i].index,
              named.v[i].id.b[named.v[i].id.n - 1], derived->v[i].index,
              derived->v[i].id.b[derived->v[i].id.n - 1]);
    }
    free(named.v);
}

/* ---- a commit ---- */

static void
see_events(struct world *world, const struct ff_commit *commit, struct ff_arena *arena)
{
    for (uint32_t i = 0; i < commit->n_events; i++) {
        const struct ff_event_write *write = &commit->events[i];
        const struct ff_event *event = decode(world, FF_R_EVENT, write->body, arena);
        uint64_t *digest = &world->feed_digest[write->family];

        world->n_events[write->family]++;
        for (uint32_t b = 0; b < write->body.n; b++) { /* FNV-1a */
            *digest = (*digest ^ (uint8_t) write->body.p[b]) * UINT64_C(0x100000001b3);
        }
        for (size_t w = 0; w < FF_COUNT(watches); w++) {
            if (watches[w]->event != NULL) {
                watches[w]->event(world, event);
            }
        }
    }
}

static void
see_record(struct world *world, const struct ff_write *write, const void *before, const void *after)
{
    for (size_t w = 0; w < FF_COUNT(watches); w++) {
        if (watches[w]->record != NULL) {
            watches[w]->record(world, write->kind, before, after);
        }
    }
}

void
ff_sim_committed(void *ctx, const struct ff_commit *commit)
{
    struct world *world = ctx;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct positions added = { .v = NULL }, removed = { .v = NULL };

    world->commits++;
    see_events(world, commit, &arena);
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        const struct ff_write *write = &commit->writes[i];
        const struct shadow_record *stored = find(world, write->kind, &write->key);
        const void *before = ff_sim_committed_record(world, write->kind, &write->key, &arena);
        const void *after = write->deleted ? NULL : decode(world, write->kind, write->body, &arena);

        CHECK(world, write->unseen || (stored == NULL ? 0 : stored->version) == write->version_from,
              "a commit of kind %d writes over version %" PRIu64 "\n", (int) write->kind,
              write->version_from);
        if (before != NULL || after != NULL) { /* else it is checked that it is not there */
            see_record(world, write, before, after);
        }
        derive_changes(write->kind, before, after, &added, &removed);
        keep(world, write);
    }
    compare_changes(world, commit, &added, true);
    compare_changes(world, commit, &removed, false);
    for (size_t w = 0; w < FF_COUNT(watches); w++) {
        if (watches[w]->committed != NULL) {
            watches[w]->committed(world);
        }
    }
    free(added.v);
    free(removed.v);
}

/* ---- with nothing under way ---- */

static void
load_done(struct ff_load *load)
{
    *(bool *) load->ctx = true;
}

static void
load(struct world *world, struct ff_want *want, struct ff_arena *arena)
{
    bool done = false;
    struct ff_load load = {
        .wants = want, .n = 1, .arena = arena, .done = load_done, .ctx = &done
    };

    ff_store_load(ff_spy_inner(world->spy), &load);
    CHECK(world, done && load.fault.code == FF_E_OK, "the store does not load\n");
}

/* Reads a scope in short pages. */
static void
walk(struct world *world, enum ff_index index, const struct ff_scope *scope,
     struct positions *shown)
{
    struct ff_want want = { .what = FF_WANT_PAGE, .index = index, .scope = *scope, .limit = 3 };

    while (!want.complete) {
        FF_SCOPED(ff_arena) arena = { 0 };

        load(world, &want, &arena);
        CHECK(world, want.n > 0 || want.complete, "an empty page is not the last one\n");
        for (uint32_t i = 0; i < want.n; i++) {
            struct ff_index_key key = { .index = (uint8_t) index,
                                        .scope = *scope,
                                        .sort = want.entries[i].sort,
                                        .id = want.entries[i].id };

            add_position(shown, &key);
            want.after = want.entries[i];
            want.has_after = true;
        }
    }
}

static void
walk_all(struct world *world, struct positions *shown)
{
    for (int index = 0; index < FF_IX_N; index++) {
        FF_SCOPED(ff_arena) arena = { 0 };
        struct ff_want want = { .what = FF_WANT_SCOPES, .index = (enum ff_index) index };

        load(world, &want, &arena);
        for (uint32_t i = 0; i < want.scopes.n; i++) {
            walk(world, (enum ff_index) index, &want.scopes.v[i], shown);
        }
    }
}

/* Where all committed records stand; and the store has them as they are. */
static void
derive_all(struct world *world, struct positions *derived)
{
    struct shadow_record *record = NULL, *next = NULL;

    HASH_ITER(hh, world->shadow, record, next)
    {
        FF_SCOPED(ff_arena) arena = { 0 };
        enum ff_record kind = (enum ff_record) record->ident[0];
        struct ff_str body = ff_str(record->body, record->body_n);
        struct ff_want want = { .what = FF_WANT_RECORD,
                                .kind = kind,
                                .key =
                                    ff_key_bytes(ff_str(record->ident + 1, record->ident_n - 1u)) };
        struct ff_index_key keys[FF_INDEX_KEYS_MAX];
        uint32_t n = ff_index_keys(kind, decode(world, kind, body, &arena), keys);

        for (uint32_t i = 0; i < n; i++) {
            add_position(derived, &keys[i]);
        }
        load(world, &want, &arena);
        CHECK(world, want.found && ff_str_eq(want.body, body),
              "a record of kind %d is not as committed\n", (int) kind);
    }
}

static void
check_feed(struct world *world, enum ff_event_family family)
{
    struct ff_want want = { .what = FF_WANT_EVENTS, .family = family, .limit = 1000 };
    uint64_t n = 0, digest = 0;

    do {
        FF_SCOPED(ff_arena) arena = { 0 };

        load(world, &want, &arena);
        n += want.n;
        for (uint32_t i = 0; i < want.n; i++) {
            for (uint32_t b = 0; b < want.bodies[i].n; b++) {
                digest = (digest ^ (uint8_t) want.bodies[i].p[b]) * UINT64_C(0x100000001b3);
            }
            want.after_seq = want.seqs[i];
        }
    } while (want.n == want.limit);
    CHECK(world, n == world->n_events[family] && digest == world->feed_digest[family],
          "feed %d has %" PRIu64 " events, %" PRIu64 " were committed\n", (int) family, n,
          world->n_events[family]);
}

static void
on_finding(void *ctx, const struct ff_offline_finding *finding)
{
    CHECK((struct world *) ctx, false, "`store check' finds: %s %s: %s\n", finding->kind,
          finding->name, finding->what);
}

/* What the checker of stores at rest says of this one: nothing. */
static void
check_at_rest(struct world *world)
{
    const struct ff_offline_checker checker = { .found = on_finding, .ctx = world };
    struct ff_offline_digest digest;
    struct ff_fault fault = { 0 };
    uint64_t n = 0, records = 0;

    CHECK(world,
          ff_offline_check(ff_spy_inner(world->spy), &checker, &digest, &n, &fault) == FF_E_OK,
          "the store cannot be checked\n");
    for (int kind = 0; kind < FF_R_N; kind++) {
        records += digest.records[kind].n;
    }
    CHECK(world, records == HASH_COUNT(world->shadow), "%" PRIu64 " records are walked, %u kept\n",
          records, HASH_COUNT(world->shadow));
}

void
ff_sim_check_store(struct world *world)
{
    struct positions shown = { .v = NULL }, derived = { .v = NULL };

    walk_all(world, &shown);
    derive_all(world, &derived);
    if (shown.n > 0 && derived.n > 0) {
        qsort(shown.v, shown.n, sizeof(shown.v[0]), position_cmp);
        qsort(derived.v, derived.n, sizeof(derived.v[0]), position_cmp);
    }
    for (uint32_t i = 0; i < shown.n && i < derived.n; i++) {
        CHECK(world, position_cmp(&shown.v[i], &derived.v[i]) == 0,
              "index %d (id %u) and index %d (id %u) differ at %u\n", shown.v[i].index,
              shown.v[i].id.b[shown.v[i].id.n - 1], derived.v[i].index,
              derived.v[i].id.b[derived.v[i].id.n - 1], i);
    }
    CHECK(world, shown.n == derived.n, "%u entries are shown, %u derived\n", shown.n, derived.n);
    for (int family = 0; family < (int) ff_vocab_event_family.n; family++) {
        check_feed(world, (enum ff_event_family) family);
    }
    free(shown.v);
    free(derived.v);
    check_at_rest(world);
}
