#include "tests/rig/rig.h"

#include <stdio.h>
#include <unistd.h>

#include "backends/store.h"
#include "core/id.h"
#include "tests/rig/pg_server.h"
#include "tests/rig/server.h"

/* A contrary store answers late; so many polls are more than any call needs. */
#define POLLS_MAX 200000
#define RETRIES_MAX 200

static const struct kind {
    const char *name;
    const char *url;
    bool contrary;
    bool server; /* takes a server: only where it is asked for by name */
} kinds[] = {
    { "memory", "memory:", false, false },
    { "contrary", "memory:contrary?seed=%s", true, false },
    { "sqlite", "sqlite:%s/store.db?durability=none", false, false },
    { "postgres", "%s", false, true },
    { "valkey", "%s", false, true },
};
static const struct kind *kind = &kinds[0];

/* ---- the rig ---- */

static int64_t
rig_now_ms(void *ctx)
{
    return ((struct ff_rig *) ctx)->now_ms;
}

static void
wake_nobody(void *ctx)
{
    (void) ctx;
}

static bool
is_postgres(void)
{
    return strcmp(kind->name, "postgres") == 0;
}

/* A database stays open from test to test: connecting would take longer than most tests. */
static struct ff_store *kept;

static void
close_store(struct ff_store *store)
{
    if (store != kept) {
        ff_store_close(store);
    }
}

static struct ff_store *
open_store(struct ff_rig *rig, struct ff_partition_counts *counts)
{
    static const struct ff_store_host host = { .wake = wake_nobody };
    struct ff_store *store = NULL;
    struct ff_fault fault = { 0 };
    const char *seed = getenv("FF_RIG_SEED") == NULL ? "7" : getenv("FF_RIG_SEED");
    char url[FF_PG_URL_MAX], database[FF_PG_URL_MAX];
    const char *where = kind->contrary ? seed : rig->dir;
    bool applied = false;

    if (strncmp(kind->url, "sqlite:", 7) == 0) {
        strcpy(rig->dir, "/tmp/ff-rig-XXXXXX");
        assert_non_null(mkdtemp(rig->dir));
    }
    if (is_postgres()) {
        ff_pg_fresh(database);
        where = database;
    } else if (kind->server) {
        where = ff_test_valkey_url();
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(url, sizeof(url), kind->url, where);
#pragma GCC diagnostic pop
    if (kept != NULL && is_postgres()) {
        store = kept;
    } else {
        assert_int_equal(ff_store_open(ff_cstr(url), &host, &store, &fault), FF_E_OK);
    }
    if (is_postgres()) {
        kept = store;
    }
    assert_int_equal(store->ops->prepare(store, counts, &applied, &fault), FF_E_OK);
    assert_true(applied);
    return store;
}

void
ff_rig_engine_config(struct ff_rig *rig, struct ff_engine_config *out)
{
    ff_engine_config_init(out);
    memset(out->seed, 1, sizeof(out->seed)); /* the same ids at every run */
    out->follower_writes_min = 1;
    out->wall_ms = rig_now_ms;
    out->mono_ms = rig_now_ms;
    out->clock_ctx = rig;
}

void
ff_rig_restart(struct ff_rig *rig, const struct ff_engine_config *config)
{
    ff_engine_free(rig->engine);
    rig->engine = ff_engine_new(config, rig->store);
}

struct ff_rig *
ff_rig_new(void)
{
    struct ff_rig *rig = calloc(1, sizeof(*rig));
    struct ff_engine_config config;

    assert_non_null(rig);
    ff_rig_engine_config(rig, &config);
    rig->now_ms = FF_RIG_START_MS;
    rig->contrary = kind->contrary;
    rig->server = is_postgres();
    rig->cheap = strcmp(kind->url, "memory:") == 0;
    rig->store = open_store(rig, &config.counts);
    rig->engine = ff_engine_new(&config, rig->store);
    msgpack_zone_init(&rig->zone, 4096);
    return rig;
}

static void
remove_dir(const char *dir)
{
    static const char *const files[] = { "store.db", "store.db-wal", "store.db-shm",
                                         "store.db-lock", "store.db.lock" };
    char path[128];

    if (dir[0] == '\0') {
        return;
    }
    for (size_t i = 0; i < FF_COUNT(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        unlink(path);
    }
    rmdir(dir);
}

void
ff_rig_free(struct ff_rig *rig)
{
    ff_engine_free(rig->engine);
    close_store(rig->store);
    remove_dir(rig->dir);
    msgpack_zone_destroy(&rig->zone);
    ff_arena_done(&rig->arena);
    free(rig);
}

int
ff_rig_setup(void **state)
{
    *state = ff_rig_new();
    return 0;
}

int
ff_rig_teardown(void **state)
{
    ff_rig_free(*state);
    return 0;
}

/* ---- calls ---- */

struct ff_waiting {
    struct ff_rig *rig;
    struct ff_frame frame;
    struct ff_call call;
    enum ff_op op;
    struct ff_str args; /* as sent */
    msgpack_zone zone;
    uint32_t retries;
    bool done;
};

static void
frame_done(struct ff_frame *frame)
{
    ((struct ff_waiting *) frame->ctx)->done = true;
}

/* Decodes the arguments and hands the frame in. */
static void
submit(struct ff_waiting *waiting)
{
    const struct ff_op_info *op = &ff_ops[waiting->op];
    struct ff_frame *frame = &waiting->frame;
    struct ff_call *call = &waiting->call;
    msgpack_object map;
    void *args = NULL;

    ff_arena_done(&frame->arena);
    *frame = (struct ff_frame){ .calls = call, .n = 1, .done = frame_done, .ctx = waiting };
    *call = (struct ff_call){ .op = waiting->op };
    waiting->done = false;
    args = ff_arena_zalloc(&frame->arena, op->args->size);
    call->args = args;
    msgpack_zone_clear(&waiting->zone);
    if (ff_msgpack_parse(waiting->args, &waiting->zone, &map, &call->fault) == FF_E_OK) {
        ff_err err = ff_decode_args(op, &map, &frame->arena, args, &call->common, &call->fault);

        assert_int_equal(err, call->fault.code);
    }
    ff_engine_submit(waiting->rig->engine, frame);
}

void
ff_rig_pump(struct ff_rig *rig)
{
    for (uint32_t i = 0; i < POLLS_MAX; i++) {
        ff_engine_run(rig->engine);
        if (!ff_engine_busy(rig->engine)) {
            return;
        }
        ff_store_poll(rig->store, !rig->contrary);
    }
    fail_msg("the engine does not come to rest");
}

static struct ff_waiting *
submit_raw(struct ff_rig *rig, enum ff_op op, struct ff_str args)
{
    struct ff_waiting *waiting = calloc(1, sizeof(*waiting));

    assert_non_null(waiting);
    waiting->rig = rig;
    waiting->op = op;
    waiting->args = ff_arena_copy(&rig->arena, args);
    msgpack_zone_init(&waiting->zone, 1024);
    rig->n_running++;
    submit(waiting);
    return waiting;
}

struct ff_waiting *
ff_rig_submit(struct ff_rig *rig, enum ff_op op, const void *args)
{
    struct ff_waiting *waiting = NULL;
    struct ff_packer packer;

    ff_packer_init(&packer);
    ff_encode(ff_ops[op].args, args, &packer.pk);
    waiting = submit_raw(rig, op, ff_packer_str(&packer));
    ff_packer_done(&packer);
    return waiting;
}

struct ff_waiting *
ff_rig_start(struct ff_rig *rig, enum ff_op op, const void *args)
{
    struct ff_waiting *waiting = ff_rig_submit(rig, op, args);

    ff_rig_pump(rig);
    return waiting;
}

bool
ff_rig_is_done(const struct ff_waiting *waiting)
{
    return waiting->done;
}

/* Reads the answer: the result, or the error into rig->fault. */
static ff_err
read_answer(struct ff_rig *rig, struct ff_waiting *waiting, void *result)
{
    struct ff_str reply = ff_arena_copy(&rig->arena, waiting->call.reply);
    struct ff_fault fault = { 0 };
    msgpack_object map, detail;

    assert_int_equal(ff_msgpack_parse(reply, &rig->zone, &map, &fault), FF_E_OK);
    rig->fault = (struct ff_fault){ 0 };
    if (waiting->call.fault.code == FF_E_OK) {
        if (result != NULL) {
            assert_int_equal(
                ff_decode_result(ff_ops[waiting->op].result, &map, &rig->arena, result, &fault),
                FF_E_OK);
        }
        return FF_E_OK;
    }
    ff_decode_error(&map, &rig->arena, &rig->fault, &detail);
    for (uint32_t i = 0; detail.type == MSGPACK_OBJECT_MAP && i < detail.via.map.size; i++) {
        const msgpack_object_kv *kv = &detail.via.map.ptr[i];
        struct ff_str key = ff_str(kv->key.via.str.ptr, kv->key.via.str.size);
        char *name = ff_arena_zalloc(&rig->arena, key.n + 1);

        memcpy(name, key.p, key.n);
        ff_fault_add(&rig->fault, ff_d_str(name, ff_msgpack_to_json(&kv->val, 0, &rig->arena)));
    }
    return rig->fault.code;
}

ff_err
ff_rig_finish(struct ff_rig *rig, struct ff_waiting *waiting, void *result)
{
    ff_err err = FF_E_OK;

    while (waiting->done && rig->contrary && waiting->call.fault.code == FF_E_TRANSPORT) {
        assert_true(waiting->retries++ < RETRIES_MAX);
        submit(waiting);
        ff_rig_pump(rig);
    }
    if (!waiting->done) {
        fail_msg("%s is still waiting", ff_ops[waiting->op].name);
    }
    err = read_answer(rig, waiting, result);
    ff_arena_done(&waiting->frame.arena);
    msgpack_zone_destroy(&waiting->zone);
    free(waiting);
    rig->n_running--;
    return err;
}

ff_err
ff_rig_call(struct ff_rig *rig, enum ff_op op, const void *args, void *result)
{
    return ff_rig_finish(rig, ff_rig_start(rig, op, args), result);
}

ff_err
ff_rig_call_raw(struct ff_rig *rig, enum ff_op op, struct ff_str args, void *result)
{
    struct ff_waiting *waiting = submit_raw(rig, op, args);

    ff_rig_pump(rig);
    return ff_rig_finish(rig, waiting, result);
}

ff_err
ff_rig_call_json(struct ff_rig *rig, enum ff_op op, const char *json, void *result)
{
    struct ff_packer packer;
    ff_err err = FF_E_OK;

    ff_packer_init(&packer);
    assert_int_equal(ff_json_to_msgpack(ff_ops[op].args, ff_cstr(json), &packer.pk, &rig->fault),
                     FF_E_OK);
    err = ff_rig_call_raw(rig, op, ff_packer_str(&packer), result);
    ff_packer_done(&packer);
    return err;
}

/* ---- looking ---- */

static void
load_done(struct ff_load *load)
{
    *(bool *) load->ctx = true;
}

static void
load_one(struct ff_rig *rig, struct ff_want *want)
{
    bool done = false;
    struct ff_load load = {
        .wants = want, .n = 1, .arena = &rig->arena, .done = load_done, .ctx = &done
    };

    do {
        done = false;
        ff_store_load(rig->store, &load);
        for (uint32_t i = 0; i < POLLS_MAX && !done; i++) {
            ff_store_poll(rig->store, !rig->contrary);
        }
        assert_true(done);
    } while (load.fault.code == FF_E_TRANSPORT && rig->contrary);
    assert_int_equal(load.fault.code, FF_E_OK);
}

uint32_t
ff_rig_entries(struct ff_rig *rig, enum ff_index index, const struct ff_scope *scope)
{
    struct ff_want want = {
        .what = FF_WANT_PAGE, .index = index, .scope = *scope, .limit = 1000000
    };

    load_one(rig, &want);
    assert_true(want.complete);
    return want.n;
}

void
ff_rig_record(struct ff_rig *rig, enum ff_record kind_, const struct ff_key *key, void *out)
{
    struct ff_want want = { .what = FF_WANT_RECORD, .kind = kind_, .key = *key };
    struct ff_fault fault = { 0 };

    load_one(rig, &want);
    assert_true(want.found);
    assert_int_equal(ff_row_decode(kind_, want.body, &rig->arena, out, &fault), FF_E_OK);
}

struct ff_events
ff_rig_events(struct ff_rig *rig, enum ff_event_family family)
{
    struct ff_want want = { .what = FF_WANT_EVENTS, .family = family, .limit = 10000 };
    struct ff_events events = { 0 };

    load_one(rig, &want);
    events.v = FF_ARENA_NEW(&rig->arena, struct ff_event, want.n);
    for (events.n = 0; events.n < want.n; events.n++) {
        struct ff_fault fault = { 0 };

        assert_int_equal(ff_row_decode(FF_R_EVENT, want.bodies[events.n], &rig->arena,
                                       &events.v[events.n], &fault),
                         FF_E_OK);
    }
    return events;
}

uint32_t
ff_rig_count(struct ff_rig *rig, enum ff_event_family family, const char *event,
             const struct ff_eid *id)
{
    struct ff_events events = ff_rig_events(rig, family);
    uint32_t n = 0;

    for (uint32_t i = 0; i < events.n; i++) {
        bool of_it = id == NULL ||
                     (events.v[i].execution_id.is && ff_eid_eq(events.v[i].execution_id.v, *id));

        n += ff_str_is(events.v[i].event, event) && of_it;
    }
    return n;
}

struct ff_event
ff_rig_last_event(struct ff_rig *rig, enum ff_event_family family)
{
    struct ff_events events = ff_rig_events(rig, family);

    assert_true(events.n > 0);
    return events.v[events.n - 1];
}

const char *
ff_rig_field(struct ff_rig *rig, const struct ff_eid *id, const char *field)
{
    struct ff_str name = ff_cstr(field);
    struct ff_read_exec_core_fields_args args = { .execution_id = *id,
                                                  .fields = { .v = &name, .n = 1 } };
    struct ff_read_exec_core_fields_result result;

    assert_int_equal(ff_rig_read_exec_core_fields(rig, &args, &result), FF_E_OK);
    assert_int_equal(result.fields.n, 1);
    return ff_arena_printf(&rig->arena, "%.*s", (int) result.fields.v[0].value.n,
                           result.fields.v[0].value.n == 0 ? "" : result.fields.v[0].value.p)
        .p;
}

const char *
ff_rig_detail(const struct ff_rig *rig, const char *key)
{
    for (uint32_t i = 0; i < rig->fault.n; i++) {
        if (strcmp(rig->fault.detail[i].key, key) == 0) {
            struct ff_str json = rig->fault.detail[i].v.str;
            bool text = json.n >= 2 && json.p[0] == '"';

            return ff_arena_printf(&((struct ff_rig *) rig)->arena, "%.*s",
                                   (int) (text ? json.n - 2 : json.n), json.p + text)
                .p;
        }
    }
    return "";
}

static void
commit_done(struct ff_commit *commit)
{
    *(bool *) commit->ctx = true;
}

/* Once, whatever the contrary store says; then the engine finds a store that has changed. */
static void
commit_behind(struct ff_rig *rig, const struct ff_commit *what)
{
    struct ff_engine_config config;
    struct ff_commit commit;
    bool done = false;

    do {
        done = false;
        commit = *what;
        commit.done = commit_done;
        commit.ctx = &done;
        ff_store_commit(rig->store, &commit);
        while (!done) {
            ff_store_poll(rig->store, true);
        }
    } while (commit.outcome != FF_COMMIT_OK && rig->contrary);
    assert_int_equal(commit.outcome, FF_COMMIT_OK);
    ff_rig_engine_config(rig, &config);
    ff_rig_restart(rig, &config);
}

struct ff_str
ff_rig_spoil(struct ff_rig *rig, enum ff_record kind_, const struct ff_key *key, struct ff_str body)
{
    struct ff_want want = { .what = FF_WANT_RECORD, .kind = kind_, .key = *key };
    struct ff_write write = { .kind = kind_, .key = *key, .body = body, .live = true };

    load_one(rig, &want);
    assert_true(want.found);
    write.version_from = want.version;
    write.version = want.version + 1;
    commit_behind(rig, &(struct ff_commit){ .writes = &write, .n_writes = 1 });
    return want.body;
}

void
ff_rig_misplace(struct ff_rig *rig, const struct ff_index_key *key, bool add)
{
    struct ff_index_change change = { .add = add, .key = *key };

    commit_behind(rig, &(struct ff_commit){ .changes = &change, .n_changes = 1 });
}

/* ---- making ---- */

struct ff_eid
ff_rig_id(uint8_t number)
{
    struct ff_eid id = { .partition = 6 };

    id.uuid.b[6] = 0x40;
    id.uuid.b[8] = 0x80;
    id.uuid.b[15] = number;
    return id;
}

struct ff_str
ff_rig_any(struct ff_rig *rig, const char *json)
{
    struct ff_packer packer;
    struct ff_str value;

    ff_packer_init(&packer);
    assert_int_equal(ff_json_to_msgpack(NULL, ff_cstr(json), &packer.pk, &rig->fault), FF_E_OK);
    value = ff_arena_copy(&rig->arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    return value;
}

struct ff_create_execution_args
ff_rig_new_exec(uint8_t number)
{
    return (struct ff_create_execution_args){
        .execution_id = ff_rig_id(number),
        .namespace = ff_cstr("N"),
        .lane_id = ff_cstr("L"),
        .execution_kind = ff_cstr("job"),
        .creator_identity = ff_cstr(""),
    };
}

/* ---- programs ---- */

int
ff_rig_main(const char *group, const struct ff_rows *tables, size_t n_tables,
            const struct CMUnitTest *singles, size_t n_singles)
{
    const char *only = getenv("FF_RIG_STORE");
    int failed = 0;

    for (size_t i = 0; i < FF_COUNT(kinds); i++) {
        char name[128];

        if (only != NULL ? strcmp(only, kinds[i].name) != 0 : kinds[i].server) {
            continue;
        }
        kind = &kinds[i];
        if (is_postgres() && !ff_pg_there()) {
            return 77; /* skipped */
        }
        snprintf(name, sizeof(name), "%s on %s", group, kind->name);
        failed += ff_run_rows(name, tables, n_tables, singles, n_singles);
        ff_store_close(kept);
        kept = NULL;
    }
    return failed;
}
