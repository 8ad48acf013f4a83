#include "tests/store/bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uthash.h>

#include "core/codec.h"
#include "core/store_offline.h"
#include "tests/rig/pg_server.h"
#include "tests/rig/server.h"
#include "tests/rows.h"

#define RETRIES_MAX 10000

struct bed_record {
    UT_hash_handle hh;
    enum ff_record kind;
    struct ff_key key;
    uint64_t version; /* 0: absent */
    bool walked;
    struct ff_str body;
    uint8_t name_n;
    uint8_t name[1 + FF_KEY_MAX];
};

/* ---- life ---- */

static void
wake(void *ctx)
{
    __atomic_add_fetch(&((struct ff_bed *) ctx)->wakes, 1, __ATOMIC_RELAXED);
}

void
ff_bed_init(struct ff_bed *bed, const char *kind, const char *options)
{
    *bed = (struct ff_bed){ .wake = wake };
    bed->stored = strcmp(kind, "sqlite") == 0;
    bed->retries = strcmp(kind, "contrary") == 0;
    if (strcmp(kind, "postgres") == 0) {
        ff_pg_fresh(bed->url);
        bed->stored = true;
    } else if (strcmp(kind, "valkey") == 0) {
        snprintf(bed->url, sizeof(bed->url), "%s", ff_test_valkey_url());
        bed->stored = true;
    } else if (bed->stored) {
        snprintf(bed->dir, sizeof(bed->dir), "/tmp/ff-store-XXXXXX");
        assert_non_null(mkdtemp(bed->dir));
        snprintf(bed->url, sizeof(bed->url), "sqlite:%s/db", bed->dir);
    } else {
        snprintf(bed->url, sizeof(bed->url), "memory:%s", bed->retries ? kind : "");
    }
    if (options != NULL) {
        size_t n = strlen(bed->url);

        snprintf(bed->url + n, sizeof(bed->url) - n, "?%s", options);
    }
}

const char *
ff_bed_path(const struct ff_bed *bed, const char *suffix)
{
    static char path[96];

    snprintf(path, sizeof(path), "%s/db%s", bed->dir, suffix);
    return path;
}

ff_err
ff_bed_open(struct ff_bed *bed, struct ff_fault *fault)
{
    struct ff_store_host host = { .wake = bed->wake, .ctx = bed };
    struct ff_partition_counts counts = { 0 };
    bool applied = false;
    ff_err err = FF_E_OK;

    FF_TRY(ff_store_open(ff_cstr(bed->url), &host, &bed->store, fault));
    err = bed->store->ops->prepare(bed->store, &counts, &applied, fault);
    if (err != FF_E_OK) {
        ff_store_close(bed->store);
        bed->store = NULL;
    }
    return err;
}

void
ff_bed_reopen(struct ff_bed *bed)
{
    struct ff_fault fault = { 0 };

    if (bed->stored) {
        ff_store_close(bed->store);
        bed->store = NULL;
        assert_int_equal(ff_bed_open(bed, &fault), FF_E_OK);
    }
    ff_bed_check(bed);
}

static void
batch_clear(struct ff_commit *batch)
{
    for (uint32_t i = 0; i < batch->n_writes; i++) {
        free((char *) (uintptr_t) batch->writes[i].body.p);
    }
    for (uint32_t i = 0; i < batch->n_events; i++) {
        free((char *) (uintptr_t) batch->events[i].body.p);
    }
    batch->n_writes = batch->n_changes = batch->n_events = 0;
}

static void
batch_free(struct ff_commit *batch)
{
    batch_clear(batch);
    free(batch->writes);
    free(batch->changes);
    free(batch->events);
}

void
ff_bed_done(struct ff_bed *bed)
{
    static const char *const files[] = { "", "-wal", "-shm", ".lock" };
    struct bed_record *record = NULL, *next = NULL;

    ff_store_close(bed->store);
    batch_free(&bed->batch);
    batch_free(&bed->first);
    HASH_ITER(hh, bed->records, record, next)
    {
        HASH_DELETE(hh, bed->records, record);
        free((char *) (uintptr_t) record->body.p);
        free(record);
    }
    for (size_t i = 0; bed->dir[0] != '\0' && i < FF_COUNT(files); i++) {
        unlink(ff_bed_path(bed, files[i]));
    }
    if (bed->dir[0] != '\0') {
        rmdir(bed->dir);
    }
    ff_arena_done(&bed->arena);
}

/* ---- the model ---- */

static struct bed_record *
record_of(struct ff_bed *bed, enum ff_record kind, const struct ff_key *key)
{
    struct bed_record *record = NULL;
    uint8_t name[1 + FF_KEY_MAX];

    name[0] = (uint8_t) kind;
    memcpy(name + 1, key->b, key->n);
    HASH_FIND(hh, bed->records, name, key->n + 1u, record);
    if (record == NULL) {
        record = calloc(1, sizeof(*record));
        assert_non_null(record);
        record->kind = kind;
        record->key = *key;
        record->name_n = (uint8_t) (key->n + 1);
        memcpy(record->name, name, record->name_n);
        HASH_ADD_KEYPTR(hh, bed->records, record->name, record->name_n, record);
    }
    return record;
}

static uint32_t
keys_of(struct ff_bed *bed, enum ff_record kind, struct ff_str body, struct ff_index_key *out)
{
    struct ff_fault fault;
    void *record = NULL;

    if (body.p == NULL) {
        return 0;
    }
    record = ff_arena_zalloc(&bed->arena, ff_records[kind]->size);
    assert_int_equal(ff_row_decode(kind, body, &bed->arena, record, &fault), FF_E_OK);
    return ff_index_keys(kind, record, out);
}

/* ---- a batch ---- */

static void *
grow(void *array, uint32_t *room, uint32_t n, size_t size)
{
    if (n < *room) {
        return array;
    }
    *room = *room == 0 ? 64 : *room * 2;
    array = reallocarray(array, *room, size);
    assert_non_null(array);
    return array;
}

static struct ff_str
copy(struct ff_str text)
{
    char *room = malloc(text.n + 1u);

    assert_non_null(room);
    if (text.n > 0) {
        memcpy(room, text.p, text.n);
    }
    return ff_str(room, text.n);
}

static void
add_change(struct ff_bed *bed, bool add, const struct ff_index_key *key)
{
    struct ff_commit *batch = &bed->batch;

    batch->changes =
        grow(batch->changes, &bed->changes_room, batch->n_changes, sizeof(*batch->changes));
    batch->changes[batch->n_changes++] = (struct ff_index_change){ .add = add, .key = *key };
}

static bool
stands(const struct ff_index_key *key, const struct ff_index_key *keys, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (keys[i].index == key->index && keys[i].sort == key->sort &&
            ff_scope_cmp(&keys[i].scope, &key->scope) == 0) {
            return true;
        }
    }
    return false;
}

static void
add_changes(struct ff_bed *bed, enum ff_record kind, struct ff_str before, struct ff_str after)
{
    struct ff_index_key old[FF_INDEX_KEYS_MAX], new[FF_INDEX_KEYS_MAX];
    uint32_t n_old = keys_of(bed, kind, before, old);
    uint32_t n_new = keys_of(bed, kind, after, new);

    for (uint32_t i = 0; i < n_old; i++) {
        if (!stands(&old[i], new, n_new)) {
            add_change(bed, false, &old[i]);
        }
    }
    for (uint32_t i = 0; i < n_new; i++) {
        if (!stands(&new[i], old, n_old)) {
            add_change(bed, true, &new[i]);
        }
    }
}

static void
add_write(struct ff_bed *bed, const struct ff_write *write)
{
    struct ff_commit *batch = &bed->batch;

    batch->writes = grow(batch->writes, &bed->writes_room, batch->n_writes, sizeof(*batch->writes));
    batch->writes[batch->n_writes++] = *write;
}

void
ff_bed_put(struct ff_bed *bed, enum ff_record kind, const void *record)
{
    struct ff_key key = ff_record_key(kind, record);
    struct bed_record *old = record_of(bed, kind, &key);
    struct ff_packer packer;
    struct ff_str body;

    ff_packer_init(&packer);
    ff_row_encode(kind, record, &packer.pk);
    body = copy(ff_packer_str(&packer));
    ff_packer_done(&packer);
    add_changes(bed, kind, old->body, body);
    add_write(bed, &(struct ff_write){ .kind = kind,
                                       .key = key,
                                       .body = body,
                                       .live = ff_record_live(kind, record),
                                       .version_from = old->version,
                                       .version = old->version + 1 });
}

void
ff_bed_remove(struct ff_bed *bed, enum ff_record kind, struct ff_key key)
{
    struct bed_record *old = record_of(bed, kind, &key);

    add_changes(bed, kind, old->body, ff_str(NULL, 0));
    add_write(bed, &(struct ff_write){ .kind = kind,
                                       .key = key,
                                       .deleted = true,
                                       .version_from = old->version,
                                       .version = old->version + 1 });
}

void
ff_bed_event(struct ff_bed *bed, enum ff_event_family family, const char *body)
{
    struct ff_commit *batch = &bed->batch;

    batch->events = grow(batch->events, &bed->events_room, batch->n_events, sizeof(*batch->events));
    batch->events[batch->n_events++] =
        (struct ff_event_write){ .family = family, .body = copy(ff_cstr(body)) };
}

static void
follow(struct ff_bed *bed, struct ff_commit *batch)
{
    for (uint32_t i = 0; i < batch->n_writes; i++) {
        struct ff_write *write = &batch->writes[i];
        struct bed_record *record = record_of(bed, write->kind, &write->key);

        free((char *) (uintptr_t) record->body.p);
        record->body = write->body;
        record->version = write->deleted ? 0 : write->version;
        write->body = ff_str(NULL, 0);
    }
    for (uint32_t i = 0; i < batch->n_events; i++) {
        bed->events[batch->events[i].family]++;
    }
}

static void
commit_done(struct ff_commit *commit)
{
    struct ff_bed *bed = commit->ctx;

    assert_false(commit == &bed->batch && bed->first_under_way); /* one after the other */
    if (commit == &bed->batch) {
        bed->finished = true;
    } else {
        bed->first_under_way = false;
    }
    if (commit->outcome == FF_COMMIT_OK) {
        follow(bed, commit);
    }
}

/* NULL: there is none, or it cannot be taken apart. */
static void *
decoded(struct ff_bed *bed, enum ff_record kind, struct ff_str body)
{
    void *record = ff_arena_zalloc(&bed->arena, ff_records[kind]->size);
    struct ff_fault fault = { 0 };

    return ff_row_decode(kind, body, &bed->arena, record, &fault) == FF_E_OK ? record : NULL;
}

/* Every other commit has its records as structs, too, as the engine's have. */
static void
give_records(struct ff_bed *bed)
{
    bool give = bed->commits++ % 2 == 0;

    for (uint32_t i = 0; i < bed->batch.n_writes; i++) {
        struct ff_write *write = &bed->batch.writes[i];
        const struct bed_record *old = record_of(bed, write->kind, &write->key);

        write->record = give && !write->deleted ? decoded(bed, write->kind, write->body) : NULL;
        write->before = give && old->version > 0 ? decoded(bed, write->kind, old->body) : NULL;
    }
}

enum ff_commit_outcome
ff_bed_try_commit(struct ff_bed *bed, bool keep)
{
    struct ff_commit *batch = &bed->batch;

    batch->done = commit_done;
    batch->ctx = bed;
    batch->follows = bed->first_under_way;
    bed->finished = false;
    give_records(bed);
    ff_store_commit(bed->store, batch);
    assert_false(bed->finished);
    if (bed->on_commit != NULL) {
        bed->on_commit();
    }
    for (int polls = 0; !bed->finished; polls++) {
        assert_true(polls < RETRIES_MAX);
        ff_store_poll(bed->store, true);
    }
    if (batch->outcome == FF_COMMIT_OK || !keep) {
        batch_clear(batch);
    }
    return batch->outcome;
}

void
ff_bed_send(struct ff_bed *bed)
{
    assert_false(bed->first_under_way);
    give_records(bed);
    batch_free(&bed->first);
    bed->first = bed->batch;
    bed->batch = (struct ff_commit){ .n_writes = 0 };
    bed->writes_room = bed->changes_room = bed->events_room = 0;
    bed->first.done = commit_done;
    bed->first.ctx = bed;
    bed->first.follows = false;
    bed->first_under_way = true;
    ff_store_commit(bed->store, &bed->first);
}

void
ff_bed_commit(struct ff_bed *bed)
{
    enum ff_commit_outcome outcome = ff_bed_try_commit(bed, true);

    while (outcome != FF_COMMIT_OK) {
        if (!bed->retries) {
            fail_msg("commit failed: %s", bed->batch.fault.message);
        }
        if (outcome == FF_COMMIT_FAILED) {
            assert_int_equal(bed->batch.fault.code, FF_E_TRANSPORT);
            assert_true(bed->batch.fault.retryable);
        } else {
            assert_in_range(bed->batch.n_conflicts, 1, bed->batch.n_writes);
        }
        assert_true(++bed->retried < RETRIES_MAX);
        outcome = ff_bed_try_commit(bed, true);
    }
}

/* ---- reading ---- */

static void
load_done(struct ff_load *load)
{
    *(bool *) load->ctx = true;
}

void
ff_bed_load(struct ff_bed *bed, struct ff_want *wants, uint32_t n)
{
    bool finished = false;
    int polls = 0;
    struct ff_load load = {
        .wants = wants, .n = n, .arena = &bed->arena, .done = load_done, .ctx = &finished
    };

    ff_store_load(bed->store, &load);
    assert_true(finished || !bed->store->ops->immediate);
    while (!finished) {
        assert_true(polls++ < RETRIES_MAX);
        ff_store_poll(bed->store, true);
    }
    if (load.fault.code != FF_E_OK) {
        fail_msg("load failed: %s", load.fault.message);
    }
}

void
ff_bed_forget(struct ff_bed *bed)
{
    ff_arena_reset(&bed->arena);
}

struct ff_want
ff_bed_want(enum ff_record kind, struct ff_key key)
{
    return (struct ff_want){ .what = FF_WANT_RECORD, .kind = kind, .key = key };
}

struct ff_want
ff_bed_want_page(enum ff_index index, struct ff_scope scope, uint32_t limit)
{
    return (struct ff_want){ .what = FF_WANT_PAGE, .index = index, .scope = scope, .limit = limit };
}

struct ff_want
ff_bed_want_scopes(enum ff_index index, struct ff_scope prefix)
{
    return (struct ff_want){ .what = FF_WANT_SCOPES, .index = index, .scope = prefix };
}

struct ff_want
ff_bed_want_events(enum ff_event_family family, uint64_t after, uint32_t limit)
{
    return (struct ff_want){
        .what = FF_WANT_EVENTS, .family = family, .after_seq = after, .limit = limit
    };
}

/* ---- everything ---- */

static void
check_records(struct ff_bed *bed)
{
    uint32_t n = HASH_COUNT(bed->records), i = 0;
    struct ff_want *wants = calloc(n + 1u, sizeof(*wants));
    struct bed_record *record = NULL, *next = NULL;

    assert_non_null(wants);
    HASH_ITER(hh, bed->records, record, next)
    {
        wants[i++] = ff_bed_want(record->kind, record->key);
    }
    ff_bed_load(bed, wants, n);
    i = 0;
    HASH_ITER(hh, bed->records, record, next)
    {
        assert_int_equal(wants[i].found, record->version > 0);
        assert_int_equal(wants[i].version, record->version);
        assert_true(ff_str_eq(wants[i].body, record->body));
        i++;
    }
    free(wants);
}

static int
index_key_cmp(const void *a, const void *b)
{
    const struct ff_index_key *x = a, *y = b;
    int order = x->index != y->index ? x->index - y->index : ff_scope_cmp(&x->scope, &y->scope);

    if (order == 0 && x->sort != y->sort) {
        order = x->sort < y->sort ? -1 : 1;
    }
    return order != 0 ? order : ff_key_cmp(&x->id, &y->id);
}

/* Reads a scope in pages of `limit`; what it holds must be keys[0..n-1]. */
static void
check_scope(struct ff_bed *bed, const struct ff_index_key *keys, uint32_t n, uint32_t limit)
{
    struct ff_want want = ff_bed_want_page((enum ff_index) keys->index, keys->scope, limit);
    uint32_t at = 0;

    for (want.complete = false; !want.complete;) {
        ff_bed_load(bed, &want, 1);
        assert_true(want.n <= limit);
        assert_true(want.complete || want.n == limit);
        for (uint32_t i = 0; i < want.n; i++) {
            assert_true(at < n);
            assert_int_equal(want.entries[i].sort, keys[at].sort);
            assert_int_equal(ff_key_cmp(&want.entries[i].id, &keys[at].id), 0);
            at++;
        }
        if (want.n > 0) {
            want.has_after = true;
            want.after = want.entries[want.n - 1];
        }
    }
    assert_int_equal(at, n);
}

/* keys: sorted. Every scope of the index must be listed, and no other. */
static void
check_index(struct ff_bed *bed, enum ff_index index, const struct ff_index_key *keys, uint32_t n)
{
    struct ff_want want = ff_bed_want_scopes(index, ff_scope_none());
    uint32_t from = 0, scopes = 0;

    ff_bed_load(bed, &want, 1);
    while (from < n) {
        uint32_t to = from;

        while (to < n && ff_scope_cmp(&keys[to].scope, &keys[from].scope) == 0) {
            to++;
        }
        assert_true(scopes < want.scopes.n);
        assert_int_equal(ff_scope_cmp(&want.scopes.v[scopes++], &keys[from].scope), 0);
        check_scope(bed, keys + from, to - from, 7);
        check_scope(bed, keys + from, to - from, to - from);
        from = to;
    }
    assert_int_equal(scopes, want.scopes.n);
}

static void
check_indexes(struct ff_bed *bed)
{
    size_t room = (size_t) HASH_COUNT(bed->records) * FF_INDEX_KEYS_MAX + 1;
    struct ff_index_key *keys = calloc(room, sizeof(*keys));
    struct bed_record *record = NULL, *next = NULL;
    uint32_t n = 0, from = 0;

    assert_non_null(keys);
    HASH_ITER(hh, bed->records, record, next)
    {
        n += keys_of(bed, record->kind, record->body, keys + n);
    }
    qsort(keys, n, sizeof(*keys), index_key_cmp);
    for (int index = 0; index < FF_IX_N; index++) {
        uint32_t to = from;

        while (to < n && keys[to].index == index) {
            to++;
        }
        check_index(bed, (enum ff_index) index, keys + from, to - from);
        from = to;
    }
    free(keys);
}

static void
check_events(struct ff_bed *bed)
{
    for (int family = 0; family <= FF_FAMILY_WORKER_REGISTRY; family++) {
        struct ff_want want = ff_bed_want_events((enum ff_event_family) family, 0, 100000);

        ff_bed_load(bed, &want, 1);
        assert_int_equal(want.n, bed->events[family]);
        for (uint32_t i = 0; i < want.n; i++) {
            assert_int_equal(want.seqs[i], i + 1);
        }
    }
}

static void
take_names(struct ff_bed *bed, const struct ff_walk_page *page, uint64_t kinds)
{
    for (uint32_t i = 0; i < page->n; i++) {
        struct bed_record *record = record_of(bed, page->names[i].kind, &page->names[i].key);

        assert_true(kinds >> record->kind & 1);
        assert_int_not_equal(record->version, 0);
        assert_true(!record->walked || bed->store->ops->offline->repeats);
        record->walked = true;
    }
}

/* In short pages; some kinds apart from the others. */
static void
check_walk(struct ff_bed *bed)
{
    const uint64_t execs = UINT64_C(1) << FF_R_EXEC;
    const uint64_t some[] = { execs, FF_WALK_ALL & ~execs };
    struct bed_record *record = NULL, *next = NULL;

    for (size_t i = 0; i < FF_COUNT(some); i++) {
        struct ff_walk_page page = { .kinds = some[i] };

        while (!page.complete) {
            struct ff_want want = { .what = FF_WANT_WALK, .limit = 50, .walk = &page };

            ff_bed_load(bed, &want, 1);
            take_names(bed, &page, some[i]);
        }
    }
    HASH_ITER(hh, bed->records, record, next)
    {
        assert_int_equal(record->walked, record->version != 0);
        record->walked = false;
    }
}

void
ff_bed_check(struct ff_bed *bed)
{
    check_records(bed);
    check_indexes(bed);
    check_events(bed);
    check_walk(bed);
    ff_bed_forget(bed);
}

/* ---- records to put ---- */

struct ff_exec
ff_bed_exec(uint32_t n)
{
    struct ff_exec exec = { 0 };

    exec.execution_id.partition = (uint16_t) (n % 3);
    for (int i = 0; i < 4; i++) {
        exec.execution_id.uuid.b[i] = (uint8_t) (n >> (24 - 8 * i));
    }
    exec.execution_id.uuid.b[6] = 0x70;
    exec.namespace = ff_cstr("space");
    exec.lane_id = ff_cstr(n % 2 == 0 ? "a" : "b");
    exec.execution_kind = ff_cstr("kind");
    exec.creator_identity = ff_cstr("test");
    exec.lifecycle_phase = FF_PHASE_RUNNABLE;
    exec.eligibility_state = FF_ELIGIBLE_NOW;
    exec.attempt_state = FF_ATTEMPT_PENDING_FIRST;
    exec.public_state = FF_PUBLIC_WAITING;
    exec.class_digest = ff_cstr("0123456789abcdef");
    exec.created_at = 1700000000000 + n / 4;
    exec.priority = (int32_t) (n % 5);
    exec.last_transition_at = exec.last_mutation_at = exec.created_at;
    return exec;
}

void
ff_bed_activate(struct ff_exec *exec)
{
    exec->lifecycle_phase = FF_PHASE_ACTIVE;
    exec->ownership_state = FF_OWNER_LEASED;
    exec->eligibility_state = FF_ELIGIBLE_NA;
    exec->attempt_state = FF_ATTEMPT_RUNNING;
    exec->public_state = FF_PUBLIC_ACTIVE;
    exec->current_worker_id = ff_cstr("w");
    exec->current_worker_instance_id = ff_cstr("w-1");
    exec->current_lease_epoch++;
    exec->lease_expires_at = FF_SOME(ff_opt_i64, exec->created_at + 30000);
}

void
ff_bed_finish(struct ff_exec *exec)
{
    exec->lifecycle_phase = FF_PHASE_TERMINAL;
    exec->ownership_state = FF_OWNER_UNOWNED;
    exec->eligibility_state = FF_ELIGIBLE_NA;
    exec->terminal_outcome = FF_OUTCOME_SUCCESS;
    exec->attempt_state = FF_ATTEMPT_TERMINAL;
    exec->public_state = FF_PUBLIC_COMPLETED;
    exec->completed_at = FF_SOME(ff_opt_i64, exec->created_at + 100);
}

void
ff_bed_replay(struct ff_exec *exec)
{
    exec->lifecycle_phase = FF_PHASE_RUNNABLE;
    exec->ownership_state = FF_OWNER_UNOWNED;
    exec->eligibility_state = FF_ELIGIBLE_NOW;
    exec->terminal_outcome = FF_OUTCOME_NONE;
    exec->attempt_state = FF_ATTEMPT_PENDING_REPLAY;
    exec->public_state = FF_PUBLIC_WAITING;
    exec->completed_at = FF_NONE(ff_opt_i64);
    exec->replay_count++;
}

struct ff_exec_input
ff_bed_input(const struct ff_exec *exec, const char *payload)
{
    return (struct ff_exec_input){ .execution_id = exec->execution_id,
                                   .payload = ff_cstr(payload) };
}

struct ff_exec_tags
ff_bed_tags(const struct ff_exec *exec)
{
    static struct ff_tag tags[1];

    tags[0] = (struct ff_tag){ .key = ff_cstr("a.b"), .value = ff_cstr("c") };
    return (struct ff_exec_tags){ .execution_id = exec->execution_id,
                                  .tags = { .v = tags, .n = 1 } };
}

struct ff_exec_result
ff_bed_result(const struct ff_exec *exec, const char *result)
{
    return (struct ff_exec_result){ .execution_id = exec->execution_id, .result = ff_cstr(result) };
}

struct ff_attempt
ff_bed_attempt(const struct ff_exec *exec, uint32_t attempt_index)
{
    return (struct ff_attempt){ .execution_id = exec->execution_id,
                                .attempt_index = attempt_index,
                                .attempt_lifecycle = FF_LIFE_STARTED,
                                .created_at = exec->created_at,
                                .lease_epoch = exec->current_lease_epoch };
}

struct ff_create_key
ff_bed_create_key(uint32_t n, char digest[32])
{
    struct ff_exec exec = ff_bed_exec(n);

    memset(digest, 0, 32);
    memcpy(digest, &n, sizeof(n));
    return (struct ff_create_key){ .key_digest = ff_str(digest, 32),
                                   .execution_id = exec.execution_id,
                                   .expires_at = 1000 + n % 7 };
}

struct ff_lane
ff_bed_lane(const char *lane_id, enum ff_lane_state state)
{
    return (struct ff_lane){ .lane_id = ff_cstr(lane_id), .state = state };
}
