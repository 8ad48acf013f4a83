/* world.c: the clients, the brokers, the clock; one step after the other, all from the seed. */

#include <stdio.h>
#include <unistd.h>

#include "backends/store.h"
#include "tests/sim/graph.h"

static const struct acts *const tables[] = { &ff_sim_client_acts,    &ff_sim_worker_acts,
                                             &ff_sim_scanner_acts,   &ff_sim_wait_acts,
                                             &ff_sim_admission_acts, &ff_sim_flow_acts };

/* ---- brokers ---- */

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

/* Those of the kept runs (sim_test.c) among them: they are from when there was one. */
static bool
one_commit_at_a_time(const struct world *world)
{
    return world->seed % 8 == 1 || world->seed % 8 == 4;
}

static void
start_broker(struct world *world, uint32_t broker)
{
    struct ff_engine_config config;

    ff_engine_config_init(&config);
    memset(config.seed, (int) below(world, 256), sizeof(config.seed));
    config.wall_ms = now_ms;
    config.mono_ms = now_ms;
    config.clock_ctx = world->rig;
    config.follower_writes_min = one_commit_at_a_time(world) ? UINT32_MAX : 1;
    if (one_in(world, 2)) { /* batches that are soon full, records that do not stay */
        config.batch_calls_max = 1 + below(world, 8);
        config.cache_bytes_max = 1;
    }
    if (one_in(world, 8)) {
        config.parked_max = 2;
    }
    if (one_in(world, 2)) { /* submissions in steps */
        config.submit_once_max = below(world, 6);
        config.submit_step = 1 + below(world, 5);
        config.flow_step = 1 + below(world, 3);
    }
    world->engines[broker] = ff_engine_new(&config, ff_spy_port(world->spy, broker));
    if (world->consuming) {
        ff_engine_consume(world->engines[broker]);
    }
    world->rig->engine = world->engines[0];
}

static void
stop_broker(struct world *world, uint32_t broker)
{
    world->closing = true;
    ff_engine_free(world->engines[broker]);
    world->closing = false;
    world->engines[broker] = NULL;
    for (uint32_t i = 0; i < N_CLIENTS; i++) {
        CHECK(world, world->clients[i].broker != broker || !world->clients[i].busy,
              "a frame is not answered at the end\n");
    }
}

/* Half of what the dying broker has sent to the store never arrives; nobody gets its answers. */
static void
kill_broker(struct world *world, uint32_t broker)
{
    ff_spy_set_dying(world->spy, broker, true);
    stop_broker(world, broker);
    ff_spy_set_dying(world->spy, broker, false);
}

/* ---- news ---- */

static void
on_committed(void *ctx, const struct ff_commit *commit)
{
    struct world *world = ctx;

    ff_sim_committed(world, commit);
    for (uint32_t broker = 0; broker < world->n_brokers && world->n_brokers > 1; broker++) {
        ff_news_add(&world->news[broker], commit); /* its own too: it is none the worse for it */
    }
}

static void
hear(void *ctx, const struct ff_news *news)
{
    ff_engine_told(ctx, news);
}

void
ff_sim_tell_news(struct world *world, bool lossy)
{
    for (uint32_t broker = 0; broker < world->n_brokers; broker++) {
        struct ff_store_host host = { .news = hear, .ctx = world->engines[broker] };

        if (ff_news_any(&world->news[broker]) && !(lossy && one_in(world, 2))) {
            if (!(world->deaf && lossy && one_in(world, 4))) {
                ff_news_tell(&world->news[broker], &host);
            }
            world->news[broker] = (struct ff_news_list){ .n = 0 };
        }
        if (world->deaf && (!lossy || one_in(world, 100))) { /* what is lost is found by looking */
            ff_engine_told(world->engines[broker], NULL);
        }
    }
}

static struct ff_store *
open_store(struct world *world)
{
    static const struct ff_store_host host = { .wake = wake_nobody };
    struct ff_partition_counts counts = { .flow = 256, .budget = 32, .quota = 32 };
    struct ff_store *store = NULL;
    struct ff_fault fault = { 0 };
    char url[160] = "memory:";
    bool applied = false;

    if (world->setting->on_disk) {
        snprintf(url, sizeof(url), "sqlite:%s/store.db?durability=none", world->rig->dir);
    }
    assert_int_equal(ff_store_open(ff_cstr(url), &host, &store, &fault), FF_E_OK);
    assert_int_equal(store->ops->prepare(store, &counts, &applied, &fault), FF_E_OK);
    return store;
}

/* The last broker is gone: the store is closed, opened again, and has all that was committed. */
static void
reopen_store(struct world *world)
{
    ff_store_close(ff_spy_inner(world->spy));
    ff_spy_set_inner(world->spy, open_store(world));
    ff_sim_check_store(world);
}

static void
restart(struct world *world)
{
    uint32_t broker = below(world, world->n_brokers);

    if (world->trace) {
        printf("step %u: broker %u dies\n", world->step, broker);
    }
    kill_broker(world, broker);
    if (world->setting->on_disk && world->n_brokers == 1) {
        reopen_store(world);
    }
    start_broker(world, broker);
}

/* ---- a world ---- */

static void
add_policies(struct world *world)
{
    static const char *const policies[] = {
        "{\"retry_policy\":{\"max_retries\":2,\"backoff\":{\"type\":\"fixed\",\"delay_ms\":15}}}",
        ("{\"retry_policy\":{\"backoff\":{\"initial_delay_ms\":4,\"jitter\":true}},"
         "\"timeout_policy\":{\"attempt_timeout_ms\":30}}"),
        "{\"timeout_policy\":{\"attempt_timeout_ms\":25,\"execution_deadline_ms\":200}}",
        "{\"max_reclaim_count\":1,\"max_replay_count\":1}",
        "{\"routing_requirements\":{\"required_capabilities\":[\"gpu\"]}}",
        "{\"dedup_window_ms\":30,\"max_reclaim_count\":0}",
        "{\"quota_policy_id\":\"c0000000-0000-4000-8000-000000000001\",\"retry_policy\":{}}",
        "{\"quota_policy_id\":\"c0000000-0000-4000-8000-000000000002\"}",
        ("{\"budget_ids\":[\"b0000000-0000-4000-8000-000000000001\"],"
         "\"quota_policy_id\":\"c0000000-0000-4000-8000-000000000001\"}"),
    };

    for (size_t i = 0; i < FF_COUNT(policies); i++) {
        world->policies[world->n_policies++] = ff_rig_any(world->rig, policies[i]);
    }
    world->no_capabilities = ff_rig_any(world->rig, "[]");
    world->gpu = ff_rig_any(world->rig, "[\"gpu\"]");
}

static struct world *
world_new(const struct setting *setting, uint64_t seed)
{
    struct world *world = calloc(1, sizeof(*world));
    const struct spy_listener listener = { .committed = on_committed, .ctx = world };
    struct ff_rig *rig = calloc(1, sizeof(*rig));

    assert_non_null(world);
    assert_non_null(rig);
    world->rig = rig;
    world->setting = setting;
    world->seed = world->random = seed;
    world->n_brokers = setting->n_brokers;
    world->faults = setting->faults;
    world->full_since = NOT_SO;
    world->consuming = seed % 2 == 1;
    world->deaf = seed % 4 < 2;
    world->trace = ff_sim_setting("FF_SIM_TRACE") != NULL;
    rig->now_ms = FF_RIG_START_MS;
    rig->contrary = true; /* what fails is tried again */
    if (setting->on_disk) {
        strcpy(rig->dir, "/tmp/ff-rig-XXXXXX");
        assert_non_null(mkdtemp(rig->dir));
    }
    msgpack_zone_init(&rig->zone, 4096);
    world->spy = ff_spy_new(open_store(world), &world->faults, seed, listener);
    rig->store = ff_spy_port(world->spy, 0);
    add_policies(world);
    for (uint32_t broker = 0; broker < world->n_brokers; broker++) {
        start_broker(world, broker);
    }
    for (uint32_t i = 0; i < N_CLIENTS; i++) {
        world->clients[i].world = world;
        world->clients[i].broker = i % world->n_brokers;
    }
    return world;
}

static void
world_free(struct world *world)
{
    for (uint32_t broker = 0; broker < world->n_brokers; broker++) {
        ff_engine_free(world->engines[broker]);
    }
    for (uint32_t i = 0; i < N_CLIENTS; i++) {
        ff_arena_done(&world->clients[i].frame.arena);
    }
    for (uint32_t id = 0; id <= N_IDS; id++) {
        ff_arena_done(&world->lives[id].arena);
        free(world->lives[id].leases);
    }
    free(world->waits);
    free(world->graph);
    ff_spy_free(world->spy);
    ff_sim_shadow_free(world);
    world->rig->engine = NULL;
    world->rig->store = NULL; /* the spy's */
    ff_rig_free(world->rig);
    free(world);
}

/* ---- what clients know ---- */

void
ff_sim_prefer(struct world *world, struct asked *asked, bool (*fits)(const struct ff_exec *exec))
{
    uint32_t from = below(world, N_IDS);

    if (one_in(world, 4)) {
        return;
    }
    for (uint32_t i = 0; i < N_IDS; i++) {
        uint8_t id = (uint8_t) (1 + (from + i) % N_IDS);

        if (world->lives[id].exists && fits(&world->lives[id].exec)) {
            asked->id = id;
            return;
        }
    }
}

bool
ff_sim_some_lease(struct world *world, struct asked *asked, const struct ff_handle **handle)
{
    uint64_t n = world->n_recent < RECENT ? world->n_recent : RECENT;
    uint32_t reach = one_in(world, 4) ? RECENT : 6; /* mostly new ones */
    struct recent recent;

    if (n == 0) {
        return false;
    }
    reach = reach < n ? reach : (uint32_t) n;
    recent = world->recent[(world->n_recent - 1 - below(world, reach)) % RECENT];
    asked->id = recent.id;
    asked->epoch = recent.epoch;
    *handle = &world->lives[recent.id].leases[recent.epoch].handle;
    return true;
}

struct ff_str
ff_sim_result(struct ff_arena *arena, uint8_t id, uint64_t epoch)
{
    return ff_arena_printf(arena, "result %u at %" PRIu64, id, epoch);
}

/* ---- asking and judging ---- */

const struct act *
ff_sim_act_of(enum ff_op op)
{
    for (size_t t = 0; t < FF_COUNT(tables); t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            if (tables[t]->v[i].op == op) {
                return &tables[t]->v[i];
            }
        }
    }
    return NULL;
}

static const struct act *
some_act(struct world *world)
{
    uint32_t total = 0, at = 0;

    for (size_t t = 0; t < FF_COUNT(tables); t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            total += tables[t]->v[i].weight;
        }
    }
    at = below(world, total);
    for (size_t t = 0;; t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            if (at < tables[t]->v[i].weight) {
                return &tables[t]->v[i];
            }
            at -= tables[t]->v[i].weight;
        }
    }
}

static void
trace_call(const struct world *world, const struct client *client, uint32_t at, const char *what)
{
    if (world->trace) {
        printf("step %u, commit %" PRIu64 ", at %" PRIi64 ": client %u: %s(%u, epoch %" PRIu64
               ") %s\n",
               world->step, world->commits, world->rig->now_ms,
               (unsigned) (client - world->clients), ff_ops[client->calls[at].op].name,
               client->asked[at].id, client->asked[at].epoch, what);
    }
}

static void
judge_error(struct world *world, struct client *client, uint32_t at)
{
    const struct act *act = ff_sim_act_of(client->calls[at].op);
    ff_err code = client->calls[at].fault.code;
    const struct ff_error_info *info = ff_error_info(code);
    const char *op = ff_ops[client->calls[at].op].name;

    CHECK(world, info != NULL && code != FF_E_INVARIANT_VIOLATION && code != FF_E_CORRUPTION,
          "%s answers %s\n", op, info == NULL ? "nothing that is an error" : info->code);
    if (code == FF_E_TRANSPORT || code == FF_E_RETRY_EXHAUSTED) {
        CHECK(world,
              world->faults.fail + world->faults.lost + world->faults.conflict > 0 ||
                  world->n_brokers > 1 || world->closing ||
                  (code == FF_E_RETRY_EXHAUSTED && ff_sim_graph(world)->in_steps),
              "%s answers %s\n", op, info->code);
    } else if (code == FF_E_UNAVAILABLE) {
        CHECK(world, world->closing || client->frame.cancelled, "%s answers unavailable\n", op);
    } else if (act->refused != NULL) {
        act->refused(world, &client->asked[at], code);
    }
}

static void
judge_call(struct world *world, struct client *client, uint32_t at)
{
    const struct ff_call *call = &client->calls[at];
    const struct act *act = ff_sim_act_of(call->op);
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    msgpack_object map;
    msgpack_zone zone;
    void *result = ff_arena_zalloc(&arena, ff_ops[call->op].result->size);

    if (call->fault.code != FF_E_OK) {
        const struct ff_error_info *info = ff_error_info(call->fault.code);

        trace_call(world, client, at, info == NULL ? "?" : info->code);
        judge_error(world, client, at);
        return;
    }
    trace_call(world, client, at, "ok");
    msgpack_zone_init(&zone, 1024);
    CHECK(world, ff_msgpack_parse(call->reply, &zone, &map, &fault) == FF_E_OK, "no msgpack\n");
    CHECK(world, ff_decode_result(ff_ops[call->op].result, &map, &arena, result, &fault) == FF_E_OK,
          "%s answers something else\n", ff_ops[call->op].name);
    if (act->judge != NULL) {
        act->judge(world, &client->asked[at], result);
    }
    msgpack_zone_destroy(&zone);
}

static void
note_closed(struct world *world, const struct client *client)
{
    for (uint32_t i = 0; i < client->frame.n; i++) {
        if (client->asked[i].closes != 0) {
            world->closed_by[client->asked[i].closes == 'M'] = world->frames;
        }
    }
}

static void
frame_done(struct ff_frame *frame)
{
    struct client *client = frame->ctx;
    struct world *world = client->world;

    CHECK(world, client->busy, "a frame is answered twice\n");
    client->busy = false;
    note_closed(world, client);
    client->repeat = client->lost || world->closing || one_in(world, 12);
    if (client->lost || (world->closing && frame->calls[0].fault.code == FF_E_OK)) {
        return; /* the reply does not arrive */
    }
    for (uint32_t i = 0; i < frame->n; i++) {
        judge_call(world, client, i);
    }
}

static void
hand_in(struct world *world, struct client *client)
{
    struct ff_frame *frame = &client->frame;

    for (uint32_t i = 0; i < frame->n; i++) {
        const struct life *life = &world->lives[client->asked[i].id];

        client->asked[i].commit = world->commits;
        client->asked[i].frame = world->frames + 1;
        client->asked[i].replays = life->replays;
        client->asked[i].known = life->exists;
        trace_call(world, client, i, "?");
    }
    client->busy = true;
    client->lost = one_in(world, 20);
    world->frames++;
    ff_engine_submit(world->engines[client->broker], frame);
}

static void
submit(struct world *world, struct client *client)
{
    struct ff_frame *frame = &client->frame;
    uint32_t n = 1 + below(world, CALLS_MAX);
    uint32_t first = world->step / STEPS_PER_ID % (N_IDS - WINDOW);

    ff_arena_done(&frame->arena);
    *frame = (struct ff_frame){ .calls = client->calls, .done = frame_done, .ctx = client };
    while (frame->n < n) {
        const struct act *act = some_act(world);
        struct asked *asked = &client->asked[frame->n];
        void *args = NULL;

        *asked = (struct asked){ .id = (uint8_t) (1 + first + below(world, WINDOW)) };
        args = act->ask(world, &frame->arena, asked);
        if (args != NULL) {
            client->calls[frame->n++] = (struct ff_call){ .op = act->op, .args = args };
        }
    }
    hand_in(world, client);
}

/* The same calls once more, by a client that had no answer, or is in doubt. */
static void
submit_again(struct world *world, struct client *client)
{
    struct ff_frame *frame = &client->frame;
    struct ff_arena arena = frame->arena;
    uint32_t n = frame->n;

    *frame = (struct ff_frame){
        .calls = client->calls, .n = n, .arena = arena, .done = frame_done, .ctx = client
    };
    for (uint32_t i = 0; i < n; i++) {
        client->calls[i] =
            (struct ff_call){ .op = client->calls[i].op, .args = client->calls[i].args };
    }
    client->repeat = false;
    if (world->n_brokers > 1 && one_in(world, 3)) { /* the broker it had has not answered */
        client->broker = below(world, world->n_brokers);
    }
    hand_in(world, client);
}

/* ---- steps ---- */

/* Some of what a loop would do: in any order, any number of times. */
static void
step(struct world *world)
{
    struct client *client = &world->clients[below(world, N_CLIENTS)];
    uint32_t broker = 0;

    if (one_in(world, 8)) {
        world->rig->now_ms += one_in(world, 30) ? 100 + below(world, 400) : below(world, 12);
    }
    if (client->busy && one_in(world, 40)) {
        ff_engine_cancel(world->engines[client->broker], &client->frame);
    } else if (!client->busy && client->repeat && !one_in(world, 4)) {
        submit_again(world, client);
    } else if (!client->busy) {
        submit(world, client);
    }
    if (world->n_brokers > 1) {
        ff_sim_tell_news(world, true);
    }
    for (uint32_t turns = below(world, 4); turns > 0; turns--) {
        broker = below(world, world->n_brokers);
        if (!one_in(world, 4)) {
            ff_engine_run(world->engines[broker]);
        }
        ff_store_poll(ff_spy_port(world->spy, broker), one_in(world, 4));
    }
    if (one_in(world, 700)) {
        restart(world);
    }
}

void
ff_sim_report(const struct world *world)
{
    const struct setting *setting = world->setting;

    print_error("%s, seed %" PRIu64 ", step %u, commit %" PRIu64 ", clock %" PRIi64 "\n",
                setting->name, world->seed, world->step, world->commits, world->rig->now_ms);
    print_error("again: make sim STORE='%s' SEED=%" PRIu64 " STEPS=%u\n", setting->name,
                world->seed, world->step + 1);
}

void
ff_sim_run(const struct setting *setting, uint64_t seed, uint32_t n_steps)
{
    struct world *world = world_new(setting, seed);

    for (world->step = 0; world->step < n_steps; world->step++) {
        step(world);
    }
    ff_sim_come_to_rest(world);
    ff_sim_check_store(world);
    ff_sim_check_summaries(world);
    ff_sim_drain(world);
    ff_sim_check_store(world);
    ff_sim_check_no_slots(world);
    ff_sim_check_summaries(world);
    if (setting->on_disk) {
        for (uint32_t broker = 0; broker < world->n_brokers; broker++) {
            stop_broker(world, broker);
        }
        reopen_store(world);
    }
    world_free(world);
}
