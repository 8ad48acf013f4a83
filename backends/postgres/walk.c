/* walk.c: all records, table by table, and what else work at rest asks for
 * (core/store_offline.h). */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "backends/postgres/pg_int.h"
#include "core/id.h"
#include "core/store_offline.h"

/* ---- a page: of one kind, in the order of keys ---- */

/* The first kind from `from` on that is asked for; FF_R_N: none. */
static uint32_t
next_kind(const struct ff_walk_page *page, uint32_t from)
{
    while (from < FF_R_N && (page->kinds >> from & 1) == 0) {
        from++;
    }
    return from;
}

static uint32_t
kind_of(const struct ff_walk_page *page)
{
    return next_kind(page, page->at.n == 0 ? 0 : page->at.b[0]);
}

void
ff_pg_ask_walk(struct pg *pg, const struct ff_want *want, uint64_t tag)
{
    const struct ff_walk_page *page = want->walk;
    uint32_t kind = kind_of(page);
    uint64_t limit = htobe64((uint64_t) want->limit);
    struct pg_params params = { 0 };

    FF_ASSERT(kind < FF_R_N); /* a walk that is complete has ended */
    ff_pg_param(&params, page->at.b + 1, page->at.n > 1 ? page->at.n - 1u : 0);
    ff_pg_param(&params, &limit, sizeof(limit));
    ff_pg_send(&pg->read, PG_OF_KIND(PG_WALK, kind), tag, &params);
}

void
ff_pg_answer_walk(struct ff_want *want, const PGresult *result, struct ff_arena *arena)
{
    struct ff_walk_page *page = want->walk;
    uint32_t kind = kind_of(page);

    page->n = (uint32_t) PQntuples(result);
    page->names = FF_ARENA_NEW(arena, struct ff_record_name, page->n + 1);
    for (uint32_t i = 0; i < page->n; i++) {
        page->names[i].kind = (enum ff_record) kind;
        page->names[i].key = ff_key_bytes(ff_pg_get_bytes(result, (int) i, 0));
    }
    if (page->n == want->limit) {
        const struct ff_key *last = &page->names[page->n - 1].key;

        page->at.n = (uint8_t) (1 + last->n);
        page->at.b[0] = (uint8_t) kind;
        memcpy(page->at.b + 1, last->b, last->n);
        page->complete = false;
        return;
    }
    page->at = (struct ff_walk_at){ .n = 1, .b = { (uint8_t) next_kind(page, kind + 1) } };
    page->complete = page->at.b[0] == FF_R_N;
}

/* ---- the rest, over a connection of its own ---- */

/* out: the first column of the first row. */
static ff_err
run(struct pg *pg, const char *sql, uint64_t *out, struct ff_fault *fault)
{
    static char words[PG_WORDS_MAX]; /* of the fault */
    PGconn *conn = NULL;
    PGresult *result = NULL;

    FF_TRY(ff_pg_connect(pg, &conn, words, fault));
    result = PQexec(conn, sql);
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0) {
        *out = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    } else if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        snprintf(words, sizeof(words), "postgres: %.*s",
                 (int) strcspn(PQresultErrorMessage(result), "\n"), PQresultErrorMessage(result));
        ff_pg_fail(fault, PQresultErrorField(result, PG_DIAG_SQLSTATE), words);
    }
    PQclear(result);
    PQfinish(conn);
    return fault->code;
}

static ff_err
others(struct ff_store *store, uint32_t *n_out, struct ff_fault *fault)
{
    struct pg *pg = (struct pg *) store;
    char sql[256], id[FF_UUID_TEXT_MAX];
    uint64_t n = 0;

    ff_uuid_text(&pg->broker, id);
    snprintf(sql, sizeof(sql),
             "SELECT count(*) FROM flowfabric.broker WHERE broker <> '%s'"
             " AND seen_at > clock_timestamp() - interval '10 s'",
             id);
    FF_TRY(run(pg, sql, &n, fault));
    *n_out = (uint32_t) n;
    return FF_E_OK;
}

static ff_err
mark_copy(struct ff_store *store, bool unfinished, struct ff_fault *fault)
{
    const char *sql = unfinished ? "INSERT INTO flowfabric.info (name, value)"
                                   " VALUES ('unfinished_copy', '1') ON CONFLICT DO NOTHING"
                                 : "DELETE FROM flowfabric.info WHERE name = 'unfinished_copy'";
    uint64_t ignored = 0;

    FF_TRY(run((struct pg *) store, sql, &ignored, fault));
    store->unfinished = unfinished;
    return FF_E_OK;
}

static ff_err
renumber(struct ff_store *store, enum ff_event_family family, uint64_t next, struct ff_fault *fault)
{
    uint64_t ignored = 0;
    char sql[256];

    snprintf(sql, sizeof(sql),
             "DELETE FROM flowfabric.event_page WHERE family = %d;"
             " UPDATE flowfabric.feed SET newest = %llu, oldest = %llu WHERE family = %d",
             (int) family, (unsigned long long) next - 1, (unsigned long long) next, (int) family);
    return run((struct pg *) store, sql, &ignored, fault);
}

/* Nobody has to wait for us to be gone. */
void
ff_pg_leave(struct pg *pg)
{
    struct ff_fault ignored = { 0 };
    char sql[128], id[FF_UUID_TEXT_MAX];
    uint64_t none = 0;

    if (pg->beat_ms != 0 && pg->write.phase == PG_READY) {
        ff_uuid_text(&pg->broker, id);
        snprintf(sql, sizeof(sql), "DELETE FROM flowfabric.broker WHERE broker = '%s'", id);
        (void) run(pg, sql, &none, &ignored);
    }
}

const struct ff_store_offline ff_pg_offline = {
    .others = others,
    .mark_copy = mark_copy,
    .renumber = renumber,
};
