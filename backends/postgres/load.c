#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "backends/postgres/pg_int.h"

/* How long a load waits for a server that is away. */
#define LOAD_WAIT_MS 15000
/* A load under which connections keep going away is not tried for ever. */
#define LOSSES_MAX 3

/* A tag: what is read, and for which want, or from which place of `order` on. */
#define TAG(what, at) ((uint64_t) (what) << 32 | (at))
enum { GET, PAGE, KEYS_PAGE, SCOPES, FEED, FEED_PAGE, WALK, PING, NEWS };

static struct pg *
of(struct ff_store *store)
{
    return (struct pg *) store;
}

/* ---- asking ---- */

static struct ff_str
upper_bound(struct ff_str prefix, char out[FF_SCOPE_MAX + FF_KEY_MAX])
{
    uint32_t n = prefix.n;

    if (n > 0) {
        memcpy(out, prefix.p, n);
    }
    while (n > 0 && (uint8_t) out[n - 1] == 0xff) {
        n--;
    }
    if (n == 0) { /* behind everything */
        memset(out, 0xff, FF_SCOPE_MAX + FF_KEY_MAX);
        return ff_str(out, FF_SCOPE_MAX + FF_KEY_MAX);
    }
    out[n - 1]++;
    return ff_str(out, n);
}

static void
ask_page(struct pg *pg, const struct ff_want *want, uint32_t at)
{
    uint64_t sort = htobe64((uint64_t) (want->has_after ? want->after.sort : INT64_MIN));
    uint64_t limit = htobe64((uint64_t) want->limit + 1);
    struct pg_params params = { 0 };

    ff_pg_param(&params, want->scope.b, want->scope.n);
    ff_pg_param(&params, &sort, sizeof(sort));
    ff_pg_param(&params, want->after.id.b, want->has_after ? want->after.id.n : 0);
    ff_pg_param(&params, &limit, sizeof(limit));
    ff_pg_send(&pg->read, PG_S_PAGE + want->index, TAG(PAGE, at), &params);
}

/* Where a page over keys begins, exclusively, in `out`. False: nothing can stand behind it. */
static bool
keys_start(const struct ff_want *want, char out[FF_SCOPE_MAX + FF_KEY_MAX], uint32_t *n)
{
    const struct pg_index *index = &ff_pg_indexes[want->index];
    struct ff_str id = ff_str(want->after.id.b, want->after.id.n);
    uint64_t sort = htobe64((uint64_t) want->after.sort);

    memcpy(out, want->scope.b, want->scope.n);
    *n = want->scope.n;
    if (!want->has_after || want->after.sort < 0) {
        return true;
    }
    if (index->sort_in_key) {
        memcpy(out + *n, &sort, sizeof(sort));
        *n += (uint32_t) sizeof(sort);
    } else if (want->after.sort > 0) {
        return false; /* every entry has sort 0 */
    }
    if (ff_str_cmp(id, ff_str(out, *n)) > 0) {
        memcpy(out, id.p, id.n);
        *n = id.n;
    }
    return true;
}

static void
ask_keys(struct pg *pg, const struct ff_want *want, uint32_t at)
{
    char start[FF_SCOPE_MAX + FF_KEY_MAX], end[FF_SCOPE_MAX + FF_KEY_MAX];
    struct ff_str before = upper_bound(ff_str(want->scope.b, want->scope.n), end);
    uint64_t limit = htobe64((uint64_t) want->limit + 1);
    struct pg_params params = { 0 };
    uint32_t n = 0;

    if (want->scope.n != ff_pg_indexes[want->index].scope_n || !keys_start(want, start, &n)) {
        limit = 0;
    }
    ff_pg_param(&params, start, n);
    ff_pg_param(&params, before.p, before.n);
    ff_pg_param(&params, &limit, sizeof(limit));
    ff_pg_send(&pg->read, PG_S_PAGE + want->index, TAG(KEYS_PAGE, at), &params);
}

static void
ask_scopes(struct pg *pg, const struct ff_want *want, uint32_t at)
{
    char end[FF_SCOPE_MAX + FF_KEY_MAX];
    struct ff_str prefix = ff_str(want->scope.b, want->scope.n);
    struct ff_str before = upper_bound(prefix, end);
    struct pg_params params = { 0 };

    ff_pg_param(&params, prefix.p, prefix.n);
    ff_pg_param(&params, before.p, before.n);
    ff_pg_send(&pg->read, PG_S_SCOPES + want->index, TAG(SCOPES, at), &params);
}

static void
ask_events(struct pg *pg, const struct ff_want *want, uint32_t at)
{
    uint64_t after = htobe64(want->after_seq < INT64_MAX ? want->after_seq : INT64_MAX);
    uint64_t limit = htobe64((uint64_t) want->limit);
    uint32_t family = htobe32((uint32_t) want->family);
    struct pg_params params = { 0 };

    ff_pg_param(&params, &family, sizeof(family));
    ff_pg_send(&pg->read, PG_S_FEED, TAG(FEED, at), &params);
    ff_pg_param(&params, &after, sizeof(after));
    ff_pg_param(&params, &limit, sizeof(limit));
    ff_pg_send(&pg->read, PG_S_FEED_PAGE, TAG(FEED_PAGE, at), &params);
}

static void
ask_records(struct pg *pg, const struct ff_load *load, const uint32_t *order, uint32_t from,
            uint32_t to)
{
    struct pg_buf *keys = &pg->scratch[0];
    struct pg_params params = { 0 };

    keys->n = 0;
    ff_pg_array(keys, PG_OID_BYTEA, to - from);
    for (uint32_t i = from; i < to; i++) {
        const struct ff_key *key = &load->wants[order[i]].key;

        ff_pg_put_bytes(keys, key->b, key->n);
    }
    ff_pg_param_buf(&params, keys);
    ff_pg_send(&pg->read, PG_OF_KIND(PG_GET, load->wants[order[from]].kind), TAG(GET, from),
               &params);
}

static int
by_kind(const void *a, const void *b, void *ctx)
{
    const struct ff_want *wants = ctx;
    uint32_t i = *(const uint32_t *) a, j = *(const uint32_t *) b;

    return wants[i].kind != wants[j].kind ? (int) wants[i].kind - (int) wants[j].kind
                                          : (i > j) - (i < j);
}

static void
ask_all_records(struct pg *pg, struct pg_load *waiting)
{
    struct ff_load *load = waiting->load;
    uint32_t n = 0, from = 0;

    waiting->order = FF_ARENA_NEW(load->arena, uint32_t, load->n + 1);
    for (uint32_t i = 0; i < load->n; i++) {
        if (load->wants[i].what == FF_WANT_RECORD) {
            load->wants[i].found = false;
            load->wants[i].version = 0;
            load->wants[i].body = ff_str(NULL, 0);
            waiting->order[n++] = i;
        }
    }
    qsort_r(waiting->order, n, sizeof(*waiting->order), by_kind, load->wants);
    while (from < n) {
        uint32_t to = from;

        while (to < n &&
               load->wants[waiting->order[to]].kind == load->wants[waiting->order[from]].kind) {
            to++;
        }
        ask_records(pg, load, waiting->order, from, to);
        from = to;
    }
}

/* ---- answers ---- */

static void
answer_records(struct pg *pg, const struct pg_load *waiting, uint32_t from, const PGresult *result)
{
    struct ff_load *load = waiting->load;
    struct pg_rows rows = { .result = result, .first = 2, .arena = load->arena };

    for (int row = 0; row < PQntuples(result); row++) {
        uint32_t at = from + (uint32_t) ff_pg_get_u64(result, row, 0) - 1;
        struct ff_want *want = &load->wants[waiting->order[at]];

        want->found = true;
        want->version = ff_pg_get_u64(result, row, 1);
        rows.kind = want->kind;
        rows.table = &pg->tables[want->kind];
        (void) (ff_pg_get_body(&rows, row, &want->body, &pg->load_fault) == FF_E_OK);
    }
}

static void
answer_page(struct ff_load *load, struct ff_want *want, bool by_key, const PGresult *result)
{
    uint32_t n = (uint32_t) PQntuples(result);

    want->complete = n <= want->limit;
    want->n = n < want->limit ? n : want->limit;
    want->entries = FF_ARENA_NEW(load->arena, struct ff_entry, want->n + 1);
    for (uint32_t i = 0; i < want->n; i++) {
        struct ff_entry *entry = &want->entries[i];

        entry->id = ff_key_bytes(ff_pg_get_bytes(result, (int) i, by_key ? 0 : 1));
        if (!by_key) {
            entry->sort = (int64_t) ff_pg_get_u64(result, (int) i, 0);
        } else if (ff_pg_indexes[want->index].sort_in_key) {
            uint64_t sort = 0;

            memcpy(&sort, entry->id.b + want->scope.n, sizeof(sort));
            entry->sort = (int64_t) be64toh(sort);
        }
    }
}

static void
answer_scopes(struct ff_load *load, struct ff_want *want, const PGresult *result)
{
    uint32_t n = (uint32_t) PQntuples(result);

    want->scopes.v = FF_ARENA_NEW(load->arena, struct ff_scope, n + 1);
    want->scopes.n = n;
    for (uint32_t i = 0; i < n; i++) {
        struct ff_str scope = ff_pg_get_bytes(result, (int) i, 0);

        FF_ASSERT(scope.n <= FF_SCOPE_MAX);
        want->scopes.v[i].n = (uint8_t) scope.n;
        memcpy(want->scopes.v[i].b, scope.p, scope.n);
    }
}

static void
answer_events(struct pg *pg, struct ff_load *load, struct ff_want *want, const PGresult *result)
{
    const struct pg_rows rows = { FF_R_EVENT, &pg->tables[FF_R_EVENT], result, 1, load->arena };

    want->n = (uint32_t) PQntuples(result);
    want->bodies = FF_ARENA_NEW(load->arena, struct ff_str, want->n + 1);
    want->seqs = FF_ARENA_NEW(load->arena, uint64_t, want->n + 1);
    for (uint32_t i = 0; i < want->n; i++) {
        want->seqs[i] = ff_pg_get_u64(result, (int) i, 0);
        (void) (ff_pg_get_body(&rows, (int) i, &want->bodies[i], &pg->load_fault) == FF_E_OK);
    }
}

static void
load_result(struct pg *pg, uint64_t tag, const PGresult *result)
{
    struct pg_load *waiting = TAILQ_FIRST(&pg->loads);
    uint32_t at = (uint32_t) tag;
    struct ff_want *want = waiting->load->wants == NULL ? NULL : &waiting->load->wants[at];

    switch ((int) (tag >> 32)) { /* a load without wants is a ping */
    case GET:
        answer_records(pg, waiting, at, result);
        break;
    case PAGE:
        answer_page(waiting->load, want, false, result);
        break;
    case KEYS_PAGE:
        answer_page(waiting->load, want, true, result);
        break;
    case SCOPES:
        answer_scopes(waiting->load, want, result);
        break;
    case FEED:
        want->newest = ff_pg_get_u64(result, 0, 0);
        want->oldest = ff_pg_get_u64(result, 0, 1);
        break;
    case FEED_PAGE:
        answer_events(pg, waiting->load, want, result);
        break;
    case WALK:
        ff_pg_answer_walk(want, result, waiting->load->arena);
        break;
    default:
        break;
    }
}

/* ---- their order ---- */

static void
complete(struct pg *pg, struct pg_load *waiting, const struct ff_fault *fault)
{
    struct ff_load *load = waiting->load;

    TAILQ_REMOVE(&pg->loads, waiting, link);
    free(waiting);
    pg->completed = true;
    load->fault = *fault;
    load->done(load);
}

static void
load_done(struct pg *pg, bool ok)
{
    struct pg_load *waiting = TAILQ_FIRST(&pg->loads);

    if (!ok) {
        ff_pg_fail(&pg->load_fault, pg->read.state, pg->read.words);
    }
    complete(pg, waiting, &pg->load_fault);
    ff_pg_loads_go(pg);
}

/* Reading again harms nobody. */
static void
load_lost(struct pg *pg)
{
    struct pg_load *waiting = TAILQ_FIRST(&pg->loads);

    if (++waiting->losses > LOSSES_MAX) {
        ff_pg_fail(&pg->load_fault, "", pg->read.words);
        complete(pg, waiting, &pg->load_fault);
    }
}

static const struct pg_job load_job = { load_result, load_done, load_lost };

static void
ask(struct pg *pg, struct pg_load *waiting)
{
    struct ff_load *load = waiting->load;

    pg->load_fault = (struct ff_fault){ 0 };
    ff_pg_begin(&pg->read, &load_job);
    ask_all_records(pg, waiting);
    for (uint32_t i = 0; i < load->n; i++) {
        struct ff_want *want = &load->wants[i];

        if (want->what == FF_WANT_PAGE && ff_pg_indexes[want->index].by_key) {
            ask_keys(pg, want, i);
        } else if (want->what == FF_WANT_PAGE) {
            ask_page(pg, want, i);
        } else if (want->what == FF_WANT_SCOPES) {
            ask_scopes(pg, want, i);
        } else if (want->what == FF_WANT_EVENTS) {
            ask_events(pg, want, i);
        } else if (want->what == FF_WANT_WALK) {
            ff_pg_ask_walk(pg, want, TAG(WALK, i));
        }
    }
    if (load->n == 0) {
        ff_pg_send(&pg->read, PG_S_PING, TAG(PING, 0), NULL);
    }
    ff_pg_send_news(pg, TAG(NEWS, 0));
    ff_pg_end(&pg->read);
}

void
ff_pg_loads_go(struct pg *pg)
{
    struct pg_load *waiting = TAILQ_FIRST(&pg->loads);

    if (waiting != NULL) {
        ff_pg_beat(pg); /* under load the timer never finds the reader free */
    }
    if (waiting != NULL && ff_pg_conn_free(&pg->read)) {
        ask(pg, waiting);
    }
}

void
ff_pg_load(struct ff_store *store, struct ff_load *load)
{
    struct pg *pg = of(store);
    struct pg_load *waiting = calloc(1, sizeof(*waiting));

    FF_ASSERT(waiting != NULL);
    waiting->load = load;
    waiting->since_ms = ff_mono_ms();
    TAILQ_INSERT_TAIL(&pg->loads, waiting, link);
    ff_pg_loads_go(pg);
}

void
ff_pg_loads_tick(struct pg *pg, int64_t now_ms)
{
    struct pg_load *waiting = NULL;

    while (pg->read.phase != PG_READY && (waiting = TAILQ_FIRST(&pg->loads)) != NULL &&
           now_ms - waiting->since_ms >= LOAD_WAIT_MS) {
        ff_pg_fail(&pg->load_fault, "", pg->read.words);
        complete(pg, waiting, &pg->load_fault);
    }
}
