#include "backends/postgres/sql.h"

#include <stdarg.h>
#include <stdio.h>

void
ff_pg_text(struct pg_buf *buf, const char *format, ...)
{
    char text[2048];
    va_list args;
    int n = 0;

    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    FF_ASSERT(n >= 0 && (size_t) n < sizeof(text));
    ff_pg_put(buf, text, (size_t) n);
    ff_pg_put(buf, "", 1);
    buf->n--;
}

/* Plans are made once, for tables of any size: by index, whatever a table's size is today. The
 * setting of isolation: repeatable read where one load must be of one instant. */
static const char *const plain[PG_S_KIND] = {
    [PG_S_SETUP] = "SELECT set_config('plan_cache_mode', 'force_generic_plan', false),"
                   " set_config('enable_seqscan', 'off', false),"
                   " set_config('enable_bitmapscan', 'off', false),"
                   " set_config('enable_hashjoin', 'off', false),"
                   " set_config('enable_mergejoin', 'off', false),"
                   " set_config('enable_sort', 'off', false),"
                   " set_config('jit', 'off', false),"
                   " set_config('search_path', 'pg_catalog', false),"
                   " set_config('idle_in_transaction_session_timeout', '60s', false),"
                   " set_config('default_transaction_isolation', $1::text, false),"
                   " set_config('synchronous_commit', coalesce(nullif($2::text, ''),"
                   " current_setting('synchronous_commit')), false)",
    [PG_S_BEGIN] = "BEGIN",
    [PG_S_COMMIT] = "COMMIT",
    [PG_S_ROLLBACK] = "ROLLBACK",
    [PG_S_PING] = "SELECT 1",
    [PG_S_FENCE] = "INSERT INTO flowfabric.batch_mark AS m (broker, session, number, at)"
                   " VALUES ($1::uuid, $2::bigint, 0, now()) ON CONFLICT (broker)"
                   " DO UPDATE SET session = excluded.session RETURNING m.number",
    [PG_S_MARK] = "WITH m AS (UPDATE flowfabric.batch_mark SET number = $3::bigint, at = now()"
                  " WHERE broker = $1::uuid AND session = $2::bigint"
                  " AND (number = $4::bigint OR $4::bigint < 0) RETURNING 1)"
                  " SELECT flowfabric.fenced(count(*)) FROM m",
    [PG_S_TRIM] = "WITH f AS (UPDATE flowfabric.feed SET oldest ="
                  " greatest(oldest, least($2::bigint, newest - 1) + 1)"
                  " WHERE family = $1::int RETURNING oldest)"
                  " DELETE FROM flowfabric.event_page p USING f"
                  " WHERE p.family = $1::int AND p.last < f.oldest",
    [PG_S_EVENTS] = "WITH f AS (UPDATE flowfabric.feed SET newest = newest + $2::bigint"
                    " WHERE family = $1::int RETURNING newest)"
                    " INSERT INTO flowfabric.event_page (family, last, base, events)"
                    " SELECT $1::int, newest, newest - $2::bigint, $3::flowfabric.event[] FROM f",
    [PG_S_FEED] = "SELECT newest, oldest FROM flowfabric.feed WHERE family = $1::int",
    [PG_S_BEAT] = "WITH b AS (INSERT INTO flowfabric.broker (broker, seen_at)"
                  " VALUES ($1::uuid, clock_timestamp()) ON CONFLICT (broker)"
                  " DO UPDATE SET seen_at = excluded.seen_at RETURNING 1)"
                  " SELECT (SELECT count(*) FROM flowfabric.broker o WHERE o.broker <> $1::uuid"
                  " AND o.seen_at > clock_timestamp() - interval '10 s'),"
                  " (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
    [PG_S_NOTIFY] = "SELECT pg_notify('flowfabric', $1::text)",
    [PG_S_LISTEN] = "LISTEN flowfabric",
};

static void
name(struct pg_buf *buf, const struct pg_column *column)
{
    char text[64];

    ff_pg_column_name(column, text);
    ff_pg_text(buf, "\"%s\"", text);
}

static const char *
table_of(int kind)
{
    return kind < FF_R_N ? ff_records[kind]->name : ff_pg_shapes[kind - FF_R_N].name;
}

/* ---- one kind ---- */

static void
fields(struct pg_buf *buf, const struct pg_table *table, const char *alias)
{
    for (uint32_t i = 0; i < table->n; i++) {
        if (table->columns[i].source == PG_FIELD) {
            ff_pg_text(buf, ", %s.", alias);
            name(buf, &table->columns[i]);
        }
    }
}

static void
sql_get(struct pg_buf *buf, int kind, const struct pg_table *table)
{
    ff_pg_text(buf, "SELECT w.ord, t._version, t._raw");
    fields(buf, table, "t");
    ff_pg_text(buf,
               " FROM unnest($1::bytea[]) WITH ORDINALITY AS w(key, ord)"
               " JOIN flowfabric.\"%s\" t ON t._key = w.key",
               table_of(kind));
}

static void
sql_insert(struct pg_buf *buf, int kind)
{
    ff_pg_text(buf,
               "INSERT INTO flowfabric.\"%s\" SELECT w.* FROM"
               " unnest($1::flowfabric.\"%s\"[]) AS w",
               table_of(kind), table_of(kind));
}

static void
columns(struct pg_buf *buf, const struct pg_table *table, const struct pg_mask *mask,
        const char *prefix)
{
    const char *before = "";

    for (uint32_t i = 0; i < table->n; i++) {
        if (ff_pg_mask_has(mask, i)) {
            ff_pg_text(buf, "%s%s", before, prefix);
            name(buf, &table->columns[i]);
            before = ", ";
        }
    }
}

static void
sql_insert_some(struct pg_buf *buf, const struct pg_variant *variant, const struct pg_table *table)
{
    const char *of = table_of((int) variant->kind);

    ff_pg_text(buf, "INSERT INTO flowfabric.\"%s\" (", of);
    columns(buf, table, &variant->mask, "");
    ff_pg_text(buf, ") SELECT ");
    columns(buf, table, &variant->mask, "w.");
    ff_pg_text(buf, " FROM unnest($1::flowfabric.\"%s\"[]) AS w", table_of((int) variant->rows));
}

/* Rows come with the version that they were made from. some: NULL: all columns. */
static void
sql_update(struct pg_buf *buf, int kind, const struct pg_table *table,
           const struct pg_variant *some)
{
    ff_pg_text(buf, "WITH u AS (UPDATE flowfabric.\"%s\" t SET _version = w._version + 1",
               table_of(kind));
    for (uint32_t i = 0; i < table->n; i++) {
        const struct pg_column *column = &table->columns[i];

        if (column->source != PG_KEY && column->source != PG_VERSION &&
            (some == NULL || ff_pg_mask_has(&some->mask, i))) {
            ff_pg_text(buf, ", ");
            name(buf, column);
            ff_pg_text(buf, " = w.");
            name(buf, column);
        }
    }
    ff_pg_text(buf,
               " FROM unnest($1::flowfabric.\"%s\"[]) AS w"
               " WHERE t._key = w._key AND t._version = w._version RETURNING 1)"
               " SELECT flowfabric.expect(count(*), $2::bigint) FROM u",
               table_of(some == NULL ? kind : (int) some->rows));
}

static void
sql_of_kind(struct pg_buf *buf, enum pg_op op, int kind, const struct pg_table *table)
{
    const char *of = table_of(kind);

    switch (op) {
    case PG_GET:
        sql_get(buf, kind, table);
        break;
    case PG_INSERT:
        sql_insert(buf, kind);
        break;
    case PG_UPDATE:
        sql_update(buf, kind, table, NULL);
        break;
    case PG_SPOIL:
        ff_pg_text(buf,
                   "WITH u AS (UPDATE flowfabric.\"%s\" t SET _version = w.version + 1,"
                   " _raw = w.raw FROM unnest($1::bytea[], $2::bigint[], $3::bytea[])"
                   " AS w(key, version, raw) WHERE t._key = w.key AND t._version = w.version"
                   " RETURNING 1) SELECT flowfabric.expect(count(*), $4::bigint) FROM u",
                   of);
        break;
    case PG_DELETE:
        ff_pg_text(buf,
                   "WITH d AS (DELETE FROM flowfabric.\"%s\" t"
                   " USING unnest($1::bytea[], $2::bigint[]) AS w(key, version)"
                   " WHERE t._key = w.key AND t._version = w.version RETURNING 1)"
                   " SELECT flowfabric.expect(count(*), $3::bigint) FROM d",
                   of);
        break;
    case PG_DROP:
        ff_pg_text(buf,
                   "DELETE FROM flowfabric.\"%s\" t USING unnest($1::bytea[]) AS w(key)"
                   " WHERE t._key = w.key",
                   of);
        break;
    case PG_WALK:
        ff_pg_text(buf,
                   "SELECT _key FROM flowfabric.\"%s\" WHERE _key > $1::bytea ORDER BY _key"
                   " LIMIT $2::bigint",
                   of);
        break;
    case PG_ABSENT:
        ff_pg_text(buf,
                   "SELECT flowfabric.expect(count(*), 0) FROM unnest($1::bytea[]) AS w(key)"
                   " JOIN flowfabric.\"%s\" t ON t._key = w.key",
                   of);
        break;
    default:
        ff_pg_text(buf,
                   "SELECT w.ord FROM unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY"
                   " AS w(key, version, ord) LEFT JOIN flowfabric.\"%s\" t ON t._key = w.key"
                   " WHERE coalesce(t._version, 0) <> w.version ORDER BY 1",
                   of);
        break;
    }
}

/* ---- events ---- */

/* Row by row, and of each from the first on: in the order of the index, which no plan can change
 * (sorting and joins by hash are off). */
static void
sql_feed_page(struct pg_buf *buf, const struct pg_table *table)
{
    ff_pg_text(buf, "SELECT p.base + e._version, e._raw");
    fields(buf, table, "e");
    ff_pg_text(buf, " FROM (SELECT greatest(oldest - 1, $2::bigint) AS behind FROM flowfabric.feed"
                    " WHERE family = $1::int) f,"
                    " LATERAL (SELECT base, events FROM flowfabric.event_page"
                    " WHERE family = $1::int AND last > f.behind ORDER BY family, last"
                    " LIMIT $3::bigint) p, LATERAL unnest(p.events) e"
                    " WHERE p.base + e._version > f.behind LIMIT $3::bigint");
}

/* ---- indexes: pages and scopes; of several kinds, one list ---- */

static void
sql_page(struct pg_buf *buf, const struct pg_index *index)
{
    if (index->by_key) {
        ff_pg_text(buf,
                   "SELECT _key FROM flowfabric.\"%s\" WHERE _key > $1::bytea AND"
                   " _key < $2::bytea ORDER BY _key LIMIT $3::bigint",
                   table_of(index->kinds[0]));
        return;
    }
    ff_pg_text(buf, "SELECT sort, key FROM (");
    for (uint32_t i = 0; i < index->n_kinds; i++) {
        ff_pg_text(buf,
                   "%s(SELECT _%s_sort, _key FROM flowfabric.\"%s\" WHERE _%s_scope = $1::bytea"
                   " AND (_%s_sort, _key) > ($2::bigint, $3::bytea)"
                   " ORDER BY _%s_scope, _%s_sort, _key LIMIT $4::bigint)",
                   i == 0 ? "" : " UNION ALL ", index->name, table_of(index->kinds[i]), index->name,
                   index->name, index->name, index->name);
    }
    ff_pg_text(buf, index->n_kinds == 1 ? ") AS u(sort, key)"
                                        : ") AS u(sort, key) ORDER BY 1, 2 LIMIT $4::bigint");
}

/* From scope to scope, not from entry to entry. */
static void
sql_scopes_of(struct pg_buf *buf, const struct pg_index *index, uint32_t i)
{
    const char *of = table_of(index->kinds[i]);

    if (index->by_key) {
        ff_pg_text(buf,
                   "(WITH RECURSIVE s(scope) AS ((SELECT substring(_key from 1 for %u)"
                   " FROM flowfabric.\"%s\" WHERE _key >= $1::bytea AND _key < $2::bytea"
                   " ORDER BY _key LIMIT 1) UNION ALL SELECT (SELECT substring(t._key from 1"
                   " for %u) FROM flowfabric.\"%s\" t WHERE t._key > s.scope ||"
                   " decode(repeat('ff', 80), 'hex') AND t._key < $2::bytea ORDER BY t._key"
                   " LIMIT 1) FROM s WHERE s.scope IS NOT NULL)"
                   " SELECT scope FROM s WHERE scope IS NOT NULL)",
                   index->scope_n, of, index->scope_n, of);
        return;
    }
    ff_pg_text(buf,
               "(WITH RECURSIVE s(scope) AS ((SELECT _%s_scope FROM flowfabric.\"%s\" WHERE"
               " _%s_scope >= $1::bytea AND _%s_scope < $2::bytea ORDER BY _%s_scope, _%s_sort,"
               " _key LIMIT 1) UNION ALL SELECT (SELECT t._%s_scope FROM flowfabric.\"%s\" t WHERE"
               " t._%s_scope > s.scope AND t._%s_scope < $2::bytea ORDER BY t._%s_scope,"
               " t._%s_sort, t._key LIMIT 1) FROM s WHERE s.scope IS NOT NULL)"
               " SELECT scope FROM s WHERE scope IS NOT NULL)",
               index->name, of, index->name, index->name, index->name, index->name, index->name, of,
               index->name, index->name, index->name, index->name);
}

const char *
ff_pg_sql(int statement, const struct pg_table *tables, struct pg_buf *buf)
{
    buf->n = 0;
    if (statement == PG_S_FEED_PAGE) {
        sql_feed_page(buf, &tables[FF_R_EVENT]);
    } else if (statement < PG_S_KIND) {
        ff_pg_text(buf, "%s", plain[statement]);
    } else if (statement < PG_S_PAGE) {
        int kind = (statement - PG_S_KIND) % FF_R_N;

        sql_of_kind(buf, (enum pg_op)((statement - PG_S_KIND) / FF_R_N), kind, &tables[kind]);
    } else if (statement < PG_S_SCOPES) {
        sql_page(buf, &ff_pg_indexes[statement - PG_S_PAGE]);
    } else {
        const struct pg_index *index = &ff_pg_indexes[statement - PG_S_SCOPES];

        for (uint32_t i = 0; i < index->n_kinds; i++) {
            ff_pg_text(buf, i == 0 ? "" : " UNION ");
            sql_scopes_of(buf, index, i);
        }
        ff_pg_text(buf, " ORDER BY 1");
    }
    return buf->p;
}

const char *
ff_pg_sql_some(const struct pg_variant *variant, const struct pg_table *table, struct pg_buf *buf)
{
    buf->n = 0;
    if (variant->op == PG_INSERT) {
        sql_insert_some(buf, variant, table);
    } else {
        sql_update(buf, (int) variant->kind, table, variant);
    }
    return buf->p;
}
