/* The engine under many frames at once: a seeded driver, and a model that knows what was answered.
 *
 * Frames of one to three calls on few executions are under way together, while the clock moves and
 * the store fails, refuses and answers late. What was acknowledged must stay true; in the end the
 * event feeds must tell one story and every index must be the one derived from the records.
 * FF_SEED=N runs one seed.
 */

#include <stdio.h>

#include "backends/store.h"
#include "tests/engine/stress.h"

const char *ff_stress_where = "";
uint64_t ff_stress_seed;

struct row {
    const char *name;
    const char *url; /* with the seed, or the directory */
    bool on_disk;
    uint32_t n_seeds, n_steps;
    uint64_t before; /* the first seed but one */
};

/* ---- the store and the engine ---- */

static int64_t
now_ms(void *ctx)
{
    return ((struct ff_rig *) ctx)->now_ms;
}

static void
wake_nobody(void *ctx)
{
    (void) ctx;
}

static struct ff_store *
open_store(const char *url, struct ff_partition_counts *counts)
{
    static const struct ff_store_host host = { .wake = wake_nobody };
    struct ff_store *store = NULL;
    struct ff_fault fault = { 0 };
    bool applied = false;

    assert_int_equal(ff_store_open(ff_cstr(url), &host, &store, &fault), FF_E_OK);
    assert_int_equal(store->ops->prepare(store, counts, &applied, &fault), FF_E_OK);
    return store;
}

static void
new_engine(struct world *world)
{
    struct ff_engine_config config;

    ff_engine_config_init(&config);
    memset(config.seed, (int) below(world, 256), sizeof(config.seed));
    config.wall_ms = now_ms;
    config.mono_ms = now_ms;
    config.clock_ctx = world->rig;
    if (one_in(world, 2)) { /* batches that are soon full, records that do not stay */
        config.batch_calls_max = 1 + below(world, 8);
        config.cache_bytes_max = 1;
    }
    world->rig->engine = ff_engine_new(&config, world->rig->store);
}

static void
world_url(const struct world *world, const struct row *row, char *url, size_t n)
{
    if (row->on_disk) {
        snprintf(url, n, "sqlite:%s/store.db?durability=none", world->rig->dir);
    } else if (strchr(row->url, '?') != NULL) {
        snprintf(url, n, "%s&seed=%" PRIu64, row->url, world->seed);
    } else {
        snprintf(url, n, "%s", row->url);
    }
}

static struct world *
world_new(const struct row *row, uint64_t seed)
{
    struct world *world = calloc(1, sizeof(*world));
    struct ff_partition_counts counts = { .flow = 256, .budget = 32, .quota = 32 };
    struct ff_rig *rig = calloc(1, sizeof(*rig));
    char url[160];

    assert_non_null(world);
    assert_non_null(rig);
    world->rig = rig;
    world->seed = world->random = seed;
    rig->now_ms = FF_RIG_START_MS;
    rig->contrary = strchr(row->url, '?') != NULL;
    if (row->on_disk) {
        strcpy(rig->dir, "/tmp/ff-rig-XXXXXX");
        assert_non_null(mkdtemp(rig->dir));
    }
    world_url(world, row, url, sizeof(url));
    rig->store = open_store(url, &counts);
    msgpack_zone_init(&rig->zone, 4096);
    new_engine(world);
    world->policy = ff_rig_any(rig, "{\"retry_policy\":{\"max_retries\":2,"
                                    "\"backoff\":{\"type\":\"fixed\",\"delay_ms\":15}}}");
    world->no_capabilities = ff_rig_any(rig, "[]");
    return world;
}

static void
world_free(struct world *world)
{
    ff_rig_free(world->rig);
    free(world);
}

/* ---- driving ---- */

static const struct act *
act_of(enum ff_op op)
{
    const struct act *act = ff_stress_acts;

    while (act->op != op) {
        act++;
    }
    return act;
}

static const char *
op_error(ff_err code)
{
    const struct ff_error_info *info = ff_error_info(code);

    return info == NULL ? "nothing that is an error" : info->code;
}

static void
judge_error(struct world *world, struct client *client, uint32_t at)
{
    ff_err code = client->calls[at].fault.code;
    const char *op = ff_ops[client->calls[at].op].name;
    bool dropped = world->closing || client->frame.cancelled;

    CHECK(code != FF_E_TRANSPORT || world->rig->contrary, "%s answers transport\n", op);
    CHECK(code != FF_E_UNAVAILABLE || dropped, "%s answers unavailable\n", op);
    CHECK(code != FF_E_INVARIANT_VIOLATION && code != FF_E_CORRUPTION &&
              code != FF_E_INVALID_INPUT && code != FF_E_PENDING && code != FF_E_PARKED,
          "%s answers %s\n", op, op_error(code));
}

static void
judge_call(struct world *world, struct client *client, uint32_t at)
{
    const struct ff_call *call = &client->calls[at];
    const struct act *act = act_of(call->op);
    struct asked *asked = &client->asked[at];
    ff_err code = call->fault.code;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    msgpack_object map;
    msgpack_zone zone;
    void *result = ff_arena_zalloc(&arena, ff_ops[call->op].result->size);

    if (act->releases && (code == FF_E_OK || code == FF_E_TRANSPORT || code == FF_E_UNAVAILABLE)) {
        world->models[asked->id].leases[asked->epoch].released = true;
    }
    if (code != FF_E_OK) {
        judge_error(world, client, at);
        return;
    }
    msgpack_zone_init(&zone, 1024);
    CHECK(ff_msgpack_parse(call->reply, &zone, &map, &fault) == FF_E_OK, "no msgpack\n");
    CHECK(ff_decode_result(ff_ops[call->op].result, &map, &arena, result, &fault) == FF_E_OK,
          "%s answers something else\n", ff_ops[call->op].name);
    if (act->judge != NULL) {
        act->judge(world, asked, result);
    }
    msgpack_zone_destroy(&zone);
}

static void
frame_done(struct ff_frame *frame)
{
    struct client *client = frame->ctx;

    CHECK(client->busy, "a frame is answered twice\n");
    for (uint32_t i = 0; i < frame->n; i++) {
        judge_call(client->world, client, i);
    }
    client->busy = false;
}

static const struct act *
some_act(struct world *world)
{
    uint32_t total = 0, at = 0;
    const struct act *act = ff_stress_acts;

    for (size_t i = 0; i < ff_stress_n_acts; i++) {
        total += ff_stress_acts[i].weight;
    }
    for (at = below(world, total); at >= act->weight; act++) {
        at -= act->weight;
    }
    return act;
}

static void
submit(struct world *world, struct client *client)
{
    struct ff_frame *frame = &client->frame;
    uint32_t n = 1 + below(world, CALLS_MAX);
    uint32_t first = world->step * (N_IDS - WINDOW) / world->n_steps;

    ff_arena_done(&frame->arena);
    *frame = (struct ff_frame){ .calls = client->calls, .done = frame_done, .ctx = client };
    client->world = world;
    world->frames++;
    while (frame->n < n) {
        const struct act *act = some_act(world);
        struct asked *asked = &client->asked[frame->n];
        void *args = NULL;

        *asked = (struct asked){ .id = (uint8_t) (1 + first + below(world, WINDOW)),
                                 .frame = world->frames };
        args = act->ask(world, &frame->arena, asked);
        if (args != NULL) {
            client->calls[frame->n++] = (struct ff_call){ .op = act->op, .args = args };
        }
    }
    client->busy = true;
    ff_engine_submit(world->rig->engine, frame);
}

/* Some of what a loop would do: in any order, any number of times. */
static void
turn(struct world *world)
{
    struct client *client = &world->clients[below(world, N_CLIENTS)];

    if (one_in(world, 8)) {
        world->rig->now_ms += below(world, 12);
    }
    if (client->busy && one_in(world, 40)) {
        ff_engine_cancel(world->rig->engine, &client->frame);
    } else if (!client->busy) {
        submit(world, client);
    }
    if (!one_in(world, 4)) {
        ff_engine_run(world->rig->engine);
    }
    if (one_in(world, 2)) {
        ff_store_poll(world->rig->store, one_in(world, 4));
    }
}

static void
restart(struct world *world)
{
    world->closing = true;
    ff_engine_free(world->rig->engine);
    world->closing = false;
    for (uint32_t i = 0; i < N_CLIENTS; i++) {
        CHECK(!world->clients[i].busy, "a frame is not answered\n");
    }
    new_engine(world);
}

/* Until everything is answered; parked calls by their time. */
static void
come_to_rest(struct world *world)
{
    bool busy = true;

    for (uint32_t i = 0; i < 100 && busy; i++) {
        ff_rig_pump(world->rig);
        busy = false;
        for (uint32_t c = 0; c < N_CLIENTS; c++) {
            busy |= world->clients[c].busy;
        }
        world->rig->now_ms += 10;
    }
    CHECK(!busy, "a frame is never answered\n");
    CHECK(ff_engine_wait_ms(world->rig->engine) == -1, "the engine waits for nobody\n");
}

/* ---- runs ---- */

static void
reopen(struct world *world, const struct row *row)
{
    struct ff_partition_counts counts = { 0 };
    char url[160];

    ff_engine_free(world->rig->engine);
    ff_store_close(world->rig->store);
    world_url(world, row, url, sizeof(url));
    world->rig->store = open_store(url, &counts);
    new_engine(world);
}

static void
run_seed(const struct row *row, uint64_t seed)
{
    struct world *world = world_new(row, seed);

    ff_stress_where = row->name;
    ff_stress_seed = seed;
    world->n_steps = row->n_steps;
    for (world->step = 0; world->step < row->n_steps; world->step++) {
        turn(world);
        if (one_in(world, row->n_steps / 2)) {
            restart(world);
        }
    }
    come_to_rest(world);
    ff_stress_check_feeds(world);
    ff_stress_check_indexes(world);
    if (row->on_disk) {
        reopen(world, row);
        ff_stress_check_indexes(world);
    }
    for (uint32_t i = 0; i < N_CLIENTS; i++) {
        ff_arena_done(&world->clients[i].frame.arena);
    }
    world_free(world);
}

static void
test_row(void **state)
{
    const struct row *row = *state;
    const char *only = getenv("FF_SEED");

    if (only != NULL) {
        run_seed(row, strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= row->n_seeds; seed++) {
        run_seed(row, row->before + seed);
    }
}

static const struct row rows[] = {
    { "memory", "memory:", false, 30, 1500, 0 },
    { "memory, contrary", "memory:contrary?conflict=25&fail=15&delay=4", false, 60, 6000, 0 },
    { "memory, conflicts only", "memory:contrary?conflict=60&fail=0&delay=2", false, 20, 6000, 0 },
    { "memory, failures only", "memory:contrary?conflict=0&fail=50&delay=2", false, 20, 6000, 0 },
    { "memory, a want that the load of others answers",
      "memory:contrary?conflict=0&fail=50&delay=2", false, 1, 6000, 1042 },
    { "sqlite", "sqlite:", true, 4, 3000, 0 },
};

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };

    return ff_run_rows("engine under stress", tables, FF_COUNT(tables), NULL, 0);
}
