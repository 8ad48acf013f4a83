#include "backends/postgres/schema.h"
#include "core/store_offline.h"

#include <stdio.h>
#include <stdlib.h>

/* Of the advisory lock under which tables are made: "FFab". */
#define MIGRATION_LOCK "1179017570"

static ff_err
failed(PGconn *pg, const PGresult *result, char words[256], struct ff_fault *fault)
{
    const char *text = result == NULL ? PQerrorMessage(pg) : PQresultErrorMessage(result);

    snprintf(words, 256, "postgres: %.200s", text);
    words[strcspn(words, "\n")] = '\0';
    return ff_fail_transport(fault, "postgres", "other", words);
}

static ff_err
run(PGconn *pg, const char *sql, char words[256], struct ff_fault *fault)
{
    PGresult *result = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(result);
    ff_err err = FF_E_OK;

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        err = failed(pg, result, words, fault);
    }
    PQclear(result);
    return err;
}

/* The first column of the first row as text; "" where there is none. */
static ff_err
ask(PGconn *pg, const char *sql, char out[128], char words[256], struct ff_fault *fault)
{
    PGresult *result = PQexec(pg, sql);
    ff_err err = FF_E_OK;

    out[0] = '\0';
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        err = failed(pg, result, words, fault);
    } else if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0)) {
        snprintf(out, 128, "%s", PQgetvalue(result, 0, 0));
    }
    PQclear(result);
    return err;
}

/* ---- how the tables are ---- */

/* PG_TABLES_N: none of them. */
static int
table_named(const char *name)
{
    for (int i = 0; i < PG_TABLES_N; i++) {
        if (strcmp(i < FF_R_N ? ff_records[i]->name : ff_pg_shapes[i - FF_R_N].name, name) == 0) {
            return i;
        }
    }
    return PG_TABLES_N;
}

static ff_err
newer(const char *what, char words[256], struct ff_fault *fault)
{
    snprintf(words, 256, "postgres: written by a newer program: %s", what);
    ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "schema_version"));
    fault->message = words;
    return fault->code;
}

static bool
add_column(struct pg_table *table, enum ff_record kind, const char *name)
{
    static struct pg_column known[PG_COLUMNS_MAX];
    uint32_t n = ff_pg_columns(kind, known);
    char text[64];

    for (uint32_t i = 0; i < n; i++) {
        ff_pg_column_name(&known[i], text);
        if (strcmp(text, name) == 0) {
            table->columns[table->n++] = known[i];
            return true;
        }
    }
    return false;
}

static ff_err
read_tables(PGconn *pg, struct pg_table tables[PG_TABLES_N], char words[256],
            struct ff_fault *fault)
{
    PGresult *result =
        PQexec(pg, "SELECT c.relname, a.attname, t.typarray FROM pg_catalog.pg_class c"
                   " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                   " JOIN pg_catalog.pg_type t ON t.oid = c.reltype"
                   " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"
                   " WHERE n.nspname = 'flowfabric' AND c.relkind IN ('r', 'p', 'c')"
                   " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum");
    ff_err err = FF_E_OK;

    memset(tables, 0, sizeof(struct pg_table) * PG_TABLES_N);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        err = failed(pg, result, words, fault);
    }
    for (int i = 0; err == FF_E_OK && i < PQntuples(result); i++) {
        int at = table_named(PQgetvalue(result, i, 0));

        if (at == PG_TABLES_N) {
            continue; /* one of ours beside the records */
        }
        tables[at].array_oid = (uint32_t) strtoul(PQgetvalue(result, i, 2), NULL, 10);
        if (!add_column(&tables[at],
                        at < FF_R_N ? (enum ff_record) at : ff_pg_shapes[at - FF_R_N].kind,
                        PQgetvalue(result, i, 1)) &&
            at < FF_R_N) { /* a shape of an older program is about to be made anew */
            err = newer(PQgetvalue(result, i, 1), words, fault);
        }
    }
    PQclear(result);
    return err;
}

/* ---- making them ---- */

/* What the database is to have. */
struct texts {
    struct pg_buf schema, views;
    char digest[64];
};

static void
digest_of(struct texts *texts)
{
    const struct ff_str parts[] = { ff_str(texts->schema.p, texts->schema.n),
                                    ff_str(texts->views.p, texts->views.n) };
    struct ff_digest digest = ff_digest_of(parts, FF_COUNT(parts));

    for (size_t i = 0; i < sizeof(digest.b); i++) {
        snprintf(texts->digest + 2 * i, 3, "%02x", digest.b[i]);
    }
}

static ff_err
check_version(PGconn *pg, const char *digest, bool *same, char words[256], struct ff_fault *fault)
{
    char text[128];

    *same = false;
    FF_TRY(ask(pg, "SELECT to_regclass('flowfabric.info')", text, words, fault));
    if (text[0] == '\0') {
        return FF_E_OK;
    }
    FF_TRY(ask(pg, "SELECT value FROM flowfabric.info WHERE name = 'schema'", text, words, fault));
    if (atoi(text) > PG_SCHEMA_VERSION) {
        return newer(text, words, fault);
    }
    FF_TRY(ask(pg, "SELECT value FROM flowfabric.info WHERE name = 'digest'", text, words, fault));
    *same = strcmp(text, digest) == 0;
    return FF_E_OK;
}

/* Fields that a table of an older program lacks come behind its others. */
static void
missing_columns(const struct pg_table tables[PG_TABLES_N], struct pg_buf *buf)
{
    static struct pg_column known[PG_COLUMNS_MAX];
    char name[64], there[64];
    uint32_t oid = 0;

    for (int kind = 0; kind < FF_R_N; kind++) {
        uint32_t n = ff_pg_columns((enum ff_record) kind, known);

        for (uint32_t i = 0; tables[kind].n > 0 && i < n; i++) {
            bool found = false;

            ff_pg_column_name(&known[i], name);
            for (uint32_t j = 0; j < tables[kind].n && !found; j++) {
                ff_pg_column_name(&tables[kind].columns[j], there);
                found = strcmp(name, there) == 0;
            }
            if (!found) {
                ff_pg_text(buf, "ALTER TABLE flowfabric.\"%s\" ADD COLUMN \"%s\" %s;\n",
                           ff_records[kind]->name, name, ff_pg_column_type(&known[i], &oid));
            }
        }
    }
}

/* What tables of older programs have, and no program uses any more; views stand on it, and are made
 * anew. */
static const char retired[] = "SET LOCAL client_min_messages = warning;\n"
                              "ALTER TABLE IF EXISTS flowfabric.edge"
                              " DROP COLUMN IF EXISTS sibling_cancel_owed CASCADE,"
                              " DROP COLUMN IF EXISTS _sibling_owed_scope CASCADE,"
                              " DROP COLUMN IF EXISTS _sibling_owed_sort CASCADE;\n";

static ff_err
make(PGconn *pg, const struct texts *texts, char words[256], struct ff_fault *fault)
{
    struct pg_buf add = { 0 };
    struct pg_table *tables = calloc(PG_TABLES_N, sizeof(*tables));
    ff_err err = FF_E_OK;

    FF_ASSERT(tables != NULL);
    err = run(pg, retired, words, fault);
    if (err == FF_E_OK) {
        err = read_tables(pg, tables, words, fault);
    }
    ff_pg_text(&add, "SET LOCAL client_min_messages = warning;\n");
    missing_columns(tables, &add);
    if (err == FF_E_OK) {
        err = run(pg, add.p, words, fault);
    }
    if (err == FF_E_OK) {
        err = run(pg, texts->schema.p, words, fault);
    }
    if (err == FF_E_OK) {
        err = run(pg, texts->views.p, words, fault);
    }
    ff_pg_buf_done(&add);
    free(tables);
    return err;
}

static ff_err
make_locked(PGconn *pg, const struct texts *texts, bool *applied, char words[256],
            struct ff_fault *fault)
{
    char sql[256];
    bool same = false;

    FF_TRY(run(pg, "SELECT pg_catalog.pg_advisory_xact_lock(" MIGRATION_LOCK ")", words, fault));
    FF_TRY(check_version(pg, texts->digest, &same, words, fault));
    if (same) {
        return FF_E_OK; /* another broker was faster */
    }
    FF_TRY(make(pg, texts, words, fault));
    snprintf(sql, sizeof(sql),
             "INSERT INTO flowfabric.info (name, value) VALUES ('schema', '%d'), ('digest', '%s')"
             " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
             PG_SCHEMA_VERSION, texts->digest);
    *applied = true;
    return run(pg, sql, words, fault);
}

ff_err
ff_pg_migrate(PGconn *pg, struct pg_table tables[PG_TABLES_N], bool *applied, char words[256],
              struct ff_fault *fault)
{
    struct texts texts = { 0 };
    bool same = false;
    ff_err err = FF_E_OK;

    *applied = false;
    ff_pg_schema_text(&texts.schema);
    ff_pg_views_text(&texts.views);
    digest_of(&texts);
    err = check_version(pg, texts.digest, &same, words, fault);
    if (err == FF_E_OK && !same) {
        err = run(pg, "BEGIN", words, fault);
        if (err == FF_E_OK) {
            err = make_locked(pg, &texts, applied, words, fault);
        }
        if (err == FF_E_OK) {
            err = run(pg, "COMMIT", words, fault);
        }
    }
    ff_pg_buf_done(&texts.schema);
    ff_pg_buf_done(&texts.views);
    if (err != FF_E_OK) {
        return err;
    }
    return read_tables(pg, tables, words, fault);
}

ff_err
ff_pg_look(PGconn *pg, struct pg_table tables[PG_TABLES_N], char words[256], struct ff_fault *fault)
{
    struct texts texts = { 0 };
    char text[128];
    bool same = false;
    ff_err err = ask(pg, "SELECT to_regclass('flowfabric.info')", text, words, fault);

    if (err == FF_E_OK && text[0] == '\0') {
        return ff_store_fail_missing(fault);
    }
    ff_pg_schema_text(&texts.schema);
    ff_pg_views_text(&texts.views);
    digest_of(&texts);
    if (err == FF_E_OK) {
        err = check_version(pg, texts.digest, &same, words, fault);
    }
    ff_pg_buf_done(&texts.schema);
    ff_pg_buf_done(&texts.views);
    if (err != FF_E_OK) {
        return err;
    }
    return same ? read_tables(pg, tables, words, fault) : ff_store_fail_version(fault);
}

ff_err
ff_pg_unfinished(PGconn *pg, bool *out, char words[256], struct ff_fault *fault)
{
    char text[128];

    FF_TRY(ask(pg, "SELECT value FROM flowfabric.info WHERE name = 'unfinished_copy'", text, words,
               fault));
    *out = text[0] != '\0';
    return FF_E_OK;
}

/* ---- partition counts ---- */

ff_err
ff_pg_counts(PGconn *pg, struct ff_partition_counts *counts, bool *applied, char words[256],
             struct ff_fault *fault)
{
    struct ff_partition_counts wanted = *counts, stored = { 0 };
    char sql[256], text[128];

    ff_store_default_counts(&wanted);
    FF_TRY(run(pg,
               "DELETE FROM flowfabric.broker WHERE seen_at < now() - interval '1 day';"
               "DELETE FROM flowfabric.batch_mark WHERE at < now() - interval '30 days'",
               words, fault));
    snprintf(sql, sizeof(sql),
             "INSERT INTO flowfabric.info (name, value) VALUES ('counts', '%u %u %u')"
             " ON CONFLICT DO NOTHING RETURNING value",
             wanted.flow, wanted.budget, wanted.quota);
    FF_TRY(ask(pg, sql, text, words, fault));
    if (text[0] != '\0') {
        *applied = true;
        *counts = wanted;
        return FF_E_OK;
    }
    FF_TRY(ask(pg, "SELECT value FROM flowfabric.info WHERE name = 'counts'", text, words, fault));
    if (sscanf(text, "%u %u %u", &stored.flow, &stored.budget, &stored.quota) != 3) {
        ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "partition_counts"));
        return fault->code;
    }
    return ff_store_check_counts(&stored, counts, fault);
}
