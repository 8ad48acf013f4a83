/* stress_check.c: what must hold when everything is answered. */

#include "core/records.h"
#include "tests/engine/stress.h"

/* ---- what must hold in the end: records and answers ---- */

static void
check_result(struct world *world, uint8_t id)
{
    const struct model *model = &world->models[id];
    const struct ff_get_execution_result_args args = { .execution_id = ff_rig_id(id) };
    struct ff_get_execution_result_result result;
    struct ff_str want = ff_stress_result(&world->rig->arena, id, model->completed_epoch);

    assert_int_equal(ff_rig_get_execution_result(world->rig, &args, &result), FF_E_OK);
    CHECK(ff_str_eq(result.result, want), "the result of %u is lost\n", id);
}

/* Counts of completion events are those of terminal executions. */
static void
check_execution(struct world *world, uint8_t id, struct ff_events completions)
{
    const struct ff_read_execution_state_args args = { .execution_id = ff_rig_id(id) };
    struct ff_read_execution_state_result got;
    uint32_t n = 0;

    assert_int_equal(ff_rig_read_execution_state(world->rig, &args, &got), FF_E_OK);
    CHECK(world->models[id].created_at == 0 || got.public_state.is, "%u is lost\n", id);
    if (world->models[id].completed_at > 0) {
        CHECK(got.public_state.v == FF_PUBLIC_COMPLETED, "%u was completed\n", id);
        check_result(world, id);
    }
    for (uint32_t i = 0; i < completions.n; i++) {
        n += completions.v[i].execution_id.v.uuid.b[15] == id;
    }
    CHECK(n == (got.public_state.is && got.public_state.v >= FF_PUBLIC_COMPLETED &&
                got.public_state.v <= FF_PUBLIC_SKIPPED),
          "%u has %u completion events\n", id, n);
}

/* ---- the feed of leases tells one story ---- */

static void
check_lease_begins(struct model *model, const struct ff_event *event, uint8_t id)
{
    uint64_t epoch = event->lease_epoch.v;
    struct lease *lease = &model->leases[epoch];

    CHECK(!model->epoch.is || epoch > model->epoch.v, "the epoch of %u falls\n", id);
    CHECK(!model->epoch.is || model->leases[model->epoch.v].released ||
              model->leases[model->epoch.v].ended,
          "%u is claimed at %" PRIi64 " while epoch %" PRIu64 " is live\n", id, event->at,
          model->epoch.v);
    CHECK(!lease->granted || ff_uuid_eq(lease->lease_id, event->lease_id.v), "lease of %u\n", id);
    model->epoch = event->lease_epoch;
    lease->in_feed = true;
}

static void
check_lease_event(struct world *world, const struct ff_event *event)
{
    uint8_t id = event->execution_id.v.uuid.b[15];
    struct model *model = &world->models[id];
    struct lease *lease = &model->leases[event->lease_epoch.v];

    CHECK(id <= N_IDS && event->lease_epoch.v < EPOCHS_MAX, "event of %u\n", id);
    if (ff_str_is(event->event, "acquired") || ff_str_is(event->event, "reclaimed")) {
        check_lease_begins(model, event, id);
        return;
    }
    CHECK(model->epoch.is && model->epoch.v == event->lease_epoch.v && !lease->ended,
          "%.*s of a lease of %u that is over\n", (int) event->event.n, event->event.p, id);
    lease->ended = !ff_str_is(event->event, "renewed");
    CHECK(!ff_str_is(event->event, "expired") || !ff_str_is(event->reason, "lease_ttl") ||
              event->at >= lease->expires_at_ms,
          "the lease of %u expires at %" PRIi64 ", not %" PRIi64 "\n", id, event->at,
          lease->expires_at_ms);
}

void
ff_stress_check_feeds(struct world *world)
{
    struct ff_events leases = ff_rig_events(world->rig, FF_FAMILY_LEASE_HISTORY);
    struct ff_events completions = ff_rig_events(world->rig, FF_FAMILY_COMPLETION);

    for (uint32_t i = 0; i < leases.n; i++) {
        check_lease_event(world, &leases.v[i]);
    }
    for (uint8_t id = 1; id <= N_IDS; id++) {
        for (uint32_t e = 0; e < EPOCHS_MAX; e++) {
            const struct lease *lease = &world->models[id].leases[e];

            CHECK(!lease->granted || lease->in_feed, "%u has a lease without event\n", id);
        }
        check_execution(world, id, completions);
    }
}

/* ---- every index is the derived one ---- */

#define POSITIONS_MAX (N_IDS * FF_INDEX_KEYS_MAX)

struct positions {
    struct ff_index_key v[POSITIONS_MAX];
    uint32_t n;
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
load_done(struct ff_load *load)
{
    *(bool *) load->ctx = true;
}

static void
load(struct world *world, struct ff_want *want)
{
    bool done = false;
    struct ff_load load = {
        .wants = want, .n = 1, .arena = &world->rig->arena, .done = load_done, .ctx = &done
    };

    ff_store_load(world->rig->store, &load);
    for (uint32_t i = 0; i < POLLS_MAX && !done; i++) {
        ff_store_poll(world->rig->store, false);
    }
    CHECK(done && load.fault.code == FF_E_OK, "the store does not load\n");
}

/* Adds where the stored record stands; false: there is none. */
static bool
derive(struct world *world, enum ff_record kind, const struct ff_key *key, struct positions *out)
{
    struct ff_want want = { .what = FF_WANT_RECORD, .kind = kind, .key = *key };
    void *record = ff_arena_zalloc(&world->rig->arena, ff_records[kind]->size);
    struct ff_fault fault = { 0 };

    load(world, &want);
    if (!want.found) {
        return false;
    }
    CHECK(ff_row_decode(kind, want.body, &world->rig->arena, record, &fault) == FF_E_OK,
          "a record cannot be read\n");
    CHECK(out->n + FF_INDEX_KEYS_MAX <= POSITIONS_MAX, "too many positions\n");
    out->n += ff_index_keys(kind, record, &out->v[out->n]);
    return true;
}

/* Reads a scope in short pages. */
static void
walk(struct world *world, enum ff_index index, const struct ff_scope *scope,
     struct positions *shown)
{
    struct ff_want want = { .what = FF_WANT_PAGE, .index = index, .scope = *scope, .limit = 3 };

    while (!want.complete) {
        load(world, &want);
        CHECK(want.n > 0 || want.complete, "an empty page is not the last one\n");
        for (uint32_t i = 0; i < want.n; i++) {
            CHECK(shown->n < POSITIONS_MAX, "too many entries\n");
            shown->v[shown->n++] = (struct ff_index_key){ .index = (uint8_t) index,
                                                          .scope = *scope,
                                                          .sort = want.entries[i].sort,
                                                          .id = want.entries[i].id };
            want.after = want.entries[i];
            want.has_after = true;
        }
    }
}

static void
derive_all(struct world *world, const struct positions *shown, struct positions *derived)
{
    for (uint8_t id = 1; id <= N_IDS; id++) {
        struct ff_eid eid = ff_rig_id(id);
        struct ff_key key = ff_key_eid(&eid);

        derive(world, FF_R_EXEC, &key, derived);
    }
    for (uint32_t i = 0; i < shown->n; i++) { /* of other kinds those that are shown */
        const struct ff_index_key *position = &shown->v[i];

        if (position->index == FF_IX_LANES || position->index == FF_IX_EXPIRING) {
            enum ff_record kind = position->index == FF_IX_LANES ? FF_R_LANE : FF_R_CREATE_KEY;

            CHECK(derive(world, kind, &position->id, derived), "an entry without record\n");
        }
    }
}

void
ff_stress_check_indexes(struct world *world)
{
    struct positions shown = { .n = 0 }, derived = { .n = 0 };

    for (int index = 0; index < FF_IX_N; index++) {
        struct ff_want want = { .what = FF_WANT_SCOPES, .index = (enum ff_index) index };

        load(world, &want);
        for (uint32_t i = 0; i < want.scopes.n; i++) {
            walk(world, (enum ff_index) index, &want.scopes.v[i], &shown);
        }
    }
    derive_all(world, &shown, &derived);
    qsort(shown.v, shown.n, sizeof(shown.v[0]), position_cmp);
    qsort(derived.v, derived.n, sizeof(derived.v[0]), position_cmp);
    for (uint32_t i = 0; i < shown.n && i < derived.n; i++) {
        CHECK(position_cmp(&shown.v[i], &derived.v[i]) == 0,
              "index %d (id %u) and index %d (id %u) differ at %u\n", shown.v[i].index,
              shown.v[i].id.b[shown.v[i].id.n - 1], derived.v[i].index,
              derived.v[i].id.b[derived.v[i].id.n - 1], i);
    }
    CHECK(shown.n == derived.n, "%u entries are shown, %u derived\n", shown.n, derived.n);
}
