#include "backends/postgres/schema.h"

static const char *const helps[FF_R_N] = {
#define FF_RECORD(record, upper, help) [FF_R_##upper] = help,
#define FF_COL(record, tag, type, name, help)
#define FF_COLO(record, tag, type, name, help)
#define FF_RECORD_END(record)
#include "core/records.def"
};

/* What is not a table of records. `feed` numbers the events of a family: its row lock orders the
 * commits that have any. `batch_mark`: whether a broker's last batch was committed; its session
 * keeps a batch out that an older connection has left behind. */
static const char base[] =
    "CREATE SCHEMA IF NOT EXISTS flowfabric;\n"
    "COMMENT ON SCHEMA flowfabric IS 'FlowFabric: written by its brokers only; read the views of"
    " flowfabric_read';\n"
    "CREATE TABLE IF NOT EXISTS flowfabric.info (name text PRIMARY KEY, value text NOT NULL);\n"
    "CREATE TABLE IF NOT EXISTS flowfabric.feed (family int PRIMARY KEY, newest bigint NOT NULL,"
    " oldest bigint NOT NULL) WITH (fillfactor = 10);\n"
    "INSERT INTO flowfabric.feed SELECT f, 0, 1 FROM generate_series(0, %d) f"
    " ON CONFLICT DO NOTHING;\n"
    "CREATE TABLE IF NOT EXISTS flowfabric.batch_mark (broker uuid PRIMARY KEY,"
    " session bigint NOT NULL, number bigint NOT NULL, at timestamptz NOT NULL)"
    " WITH (fillfactor = 10);\n"
    "CREATE TABLE IF NOT EXISTS flowfabric.broker (broker uuid PRIMARY KEY,"
    " seen_at timestamptz NOT NULL) WITH (fillfactor = 10);\n"
    "CREATE OR REPLACE FUNCTION flowfabric.expect(got bigint, wanted bigint) RETURNS void"
    " LANGUAGE plpgsql AS $$ BEGIN IF got <> wanted THEN RAISE EXCEPTION"
    " 'flowfabric: a record has moved' USING ERRCODE = 'FF001'; END IF; END $$;\n"
    "CREATE OR REPLACE FUNCTION flowfabric.fenced(got bigint) RETURNS void"
    " LANGUAGE plpgsql AS $$ BEGIN IF got <> 1 THEN RAISE EXCEPTION"
    " 'flowfabric: a batch of a connection that was given up' USING ERRCODE = 'FF002';"
    " END IF; END $$;\n";

/* Events stand many to a row, those of one family and commit together: a row each cost the server
 * six times as much. Table `event` is the form of one, and holds none; version 1 kept them there,
 * and a broker of it that still runs must not put any more where nobody looks. An event's number is
 * `base` and its place in the row; those before the feed's `oldest` are gone. */
static const char event_pages[] =
    "CREATE TABLE IF NOT EXISTS flowfabric.event_page (family int NOT NULL, last bigint NOT NULL,"
    " base bigint NOT NULL, events flowfabric.event[] NOT NULL, PRIMARY KEY (family, last));\n"
    "ALTER TABLE flowfabric.event_page ALTER COLUMN events SET STORAGE EXTERNAL;\n"
    "COMMENT ON TABLE flowfabric.event_page IS 'events of a feed, up to %d of one commit; the view"
    " flowfabric_read.event shows them one by one';\n"
    "INSERT INTO flowfabric.event_page (family, last, base, events)"
    " SELECT _family, max(_version), 0, array_agg(e ORDER BY _version) FROM flowfabric.event e"
    " GROUP BY _family, _version / %d;\n"
    "TRUNCATE flowfabric.event;\n"
    "ALTER TABLE flowfabric.event DROP CONSTRAINT IF EXISTS in_event_page,"
    " ADD CONSTRAINT in_event_page CHECK (false);\n";

/* Each execution leaves two dead versions of its row and of its places in indexes: room beside it
 * lets the next version stay on its page, and vacuum comes before a fifth of a large table is dead.
 */
static const char *const storage[FF_R_N] = {
    [FF_R_EXEC] = "fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05",
    [FF_R_ATTEMPT] = "fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05",
};

/* ---- tables ---- */

static void
literal(struct pg_buf *buf, const char *text)
{
    ff_pg_put(buf, "'", 1);
    for (; *text != '\0'; text++) {
        ff_pg_put(buf, text, 1);
        if (*text == '\'') {
            ff_pg_put(buf, text, 1);
        }
    }
    ff_pg_text(buf, "'");
}

static const char *
constraint(const struct pg_column *column)
{
    switch (column->source) {
    case PG_KEY:
        return " PRIMARY KEY";
    case PG_VERSION:
    case PG_FAMILY:
        return " NOT NULL";
    default:
        return "";
    }
}

static void
table(struct pg_buf *buf, int kind)
{
    static struct pg_column columns[PG_COLUMNS_MAX];
    uint32_t n = ff_pg_columns((enum ff_record) kind, columns);
    const char *of = ff_records[kind]->name;
    char name[64];
    uint32_t oid = 0;

    ff_pg_text(buf, "CREATE TABLE IF NOT EXISTS flowfabric.\"%s\" (", of);
    for (uint32_t i = 0; i < n; i++) {
        ff_pg_column_name(&columns[i], name);
        ff_pg_text(buf, "%s\"%s\" %s%s", i == 0 ? "" : ", ", name,
                   ff_pg_column_type(&columns[i], &oid), constraint(&columns[i]));
    }
    ff_pg_text(buf, "%s);\n", kind == FF_R_EVENT ? ", PRIMARY KEY (_family, _version)" : "");
    if (storage[kind] != NULL) {
        ff_pg_text(buf, "ALTER TABLE flowfabric.\"%s\" SET (%s);\n", of, storage[kind]);
    }
    ff_pg_text(buf, "COMMENT ON TABLE flowfabric.\"%s\" IS ", of);
    literal(buf, helps[kind]);
    ff_pg_text(buf, ";\n");
    for (uint32_t i = 0; i < n; i++) {
        if (columns[i].source == PG_FIELD && columns[i].field->help[0] != '\0') {
            ff_pg_text(buf, "COMMENT ON COLUMN flowfabric.\"%s\".\"%s\" IS ", of,
                       columns[i].field->name);
            literal(buf, columns[i].field->help);
            ff_pg_text(buf, ";\n");
        }
    }
}

/* Made anew with each upgrade: no table has a column of one. */
static void
shapes(struct pg_buf *buf)
{
    static struct pg_column columns[PG_COLUMNS_MAX];
    char name[64];
    uint32_t oid = 0;

    for (int i = 0; i < PG_SHAPES; i++) {
        uint32_t n = ff_pg_shape_columns(&ff_pg_shapes[i], columns);

        ff_pg_text(buf,
                   "DROP TYPE IF EXISTS flowfabric.\"%s\";\nCREATE TYPE flowfabric.\"%s\" AS (",
                   ff_pg_shapes[i].name, ff_pg_shapes[i].name);
        for (uint32_t c = 0; c < n; c++) {
            ff_pg_column_name(&columns[c], name);
            ff_pg_text(buf, "%s\"%s\" %s", c == 0 ? "" : ", ", name,
                       ff_pg_column_type(&columns[c], &oid));
        }
        ff_pg_text(buf,
                   ");\nCOMMENT ON TYPE flowfabric.\"%s\" IS 'columns of \"%s\", as brokers"
                   " hand them over';\n",
                   ff_pg_shapes[i].name, ff_records[ff_pg_shapes[i].kind]->name);
    }
}

static void
indexes(struct pg_buf *buf)
{
    for (int i = 0; i < FF_IX_N; i++) {
        const struct pg_index *index = &ff_pg_indexes[i];

        for (uint32_t k = 0; k < index->n_kinds && !index->by_key; k++) {
            const char *of = ff_records[index->kinds[k]]->name;

            ff_pg_text(buf,
                       "CREATE INDEX IF NOT EXISTS \"%s_%s\" ON flowfabric.\"%s\""
                       " (\"_%s_scope\", \"_%s_sort\", _key) WHERE \"_%s_scope\" IS NOT NULL;\n",
                       of, index->name, of, index->name, index->name, index->name);
        }
    }
}

void
ff_pg_schema_text(struct pg_buf *buf)
{
    ff_pg_text(buf, base, FF_FAMILIES - 1);
    for (int kind = 0; kind < FF_R_N; kind++) {
        table(buf, kind);
    }
    ff_pg_text(buf, event_pages, PG_PAGE_EVENTS_MAX, PG_PAGE_EVENTS_MAX);
    shapes(buf);
    indexes(buf);
}

/* ---- views ---- */

static const char view_base[] =
    "CREATE SCHEMA IF NOT EXISTS flowfabric_read;\n"
    "COMMENT ON SCHEMA flowfabric_read IS 'FlowFabric for analysts: one view an entity';\n"
    "CREATE OR REPLACE FUNCTION flowfabric_read.at(ms bigint) RETURNS timestamptz"
    " LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN ms BETWEEN -62135596800000 AND"
    " 253402300799999 THEN to_timestamp(ms / 1000.0) WHEN ms IS NOT NULL THEN"
    " 'infinity'::timestamptz END $$;\n"
    "CREATE OR REPLACE FUNCTION flowfabric_read.whole(bits bigint) RETURNS numeric"
    " LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN bits < 0"
    " THEN bits::numeric + 18446744073709551616 ELSE bits END $$;\n";

/* Granted where the owner may make roles; else the administrator does it (README). */
static const char view_role[] =
    "DO $$ BEGIN\n"
    " IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'flowfabric_reader') THEN\n"
    "  CREATE ROLE flowfabric_reader NOLOGIN;\n"
    " END IF;\n"
    "EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;\n"
    "END $$;\n"
    "DO $$ BEGIN\n"
    " IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'flowfabric_reader') THEN\n"
    "  GRANT USAGE ON SCHEMA flowfabric_read TO flowfabric_reader;\n"
    "  GRANT SELECT ON ALL TABLES IN SCHEMA flowfabric_read TO flowfabric_reader;\n"
    " END IF;\n"
    "END $$;\n";

/* What an empty column of a required field stands for. */
static void
view_column(struct pg_buf *buf, const struct ff_field *field)
{
    bool required = (field->flags & FF_FIELD_OPT) == 0;
    const struct ff_vocab *vocab = field->sub;

    switch ((enum ff_type) field->type) {
    case FF_TYPE_STR:
    case FF_TYPE_LANE:
    case FF_TYPE_LANE_HINT:
    case FF_TYPE_WID:
        ff_pg_text(buf, required ? "coalesce(t.\"%s\", '')" : "t.\"%s\"", field->name);
        break;
    case FF_TYPE_BOOL:
        ff_pg_text(buf, required ? "coalesce(t.\"%s\", false)" : "t.\"%s\"", field->name);
        break;
    case FF_TYPE_ENUM:
        ff_pg_text(buf, required ? "coalesce(t.\"%s\", '%s')" : "t.\"%s\"", field->name,
                   vocab->words[0]);
        break;
    case FF_TYPE_MS:
        ff_pg_text(buf, required ? PG_VIEWS ".at(coalesce(t.\"%s\", 0))" : PG_VIEWS ".at(t.\"%s\")",
                   field->name);
        break;
    case FF_TYPE_U64:
    case FF_TYPE_POS_U64:
        ff_pg_text(
            buf, required ? PG_VIEWS ".whole(coalesce(t.\"%s\", 0))" : PG_VIEWS ".whole(t.\"%s\")",
            field->name);
        break;
    case FF_TYPE_BYTES:
    case FF_TYPE_ANY:
    case FF_TYPE_UUID:
    case FF_TYPE_EID:
    case FF_TYPE_STRS:
    case FF_TYPE_UUIDS:
    case FF_TYPE_TAGS:
    case FF_TYPE_COUNTS:
    case FF_TYPE_OBJ:
    case FF_TYPE_OBJS:
    case FF_TYPE_U64S:
        ff_pg_text(buf, "t.\"%s\"", field->name);
        break;
    default:
        ff_pg_text(buf, required ? "coalesce(t.\"%s\", 0)" : "t.\"%s\"", field->name);
        break;
    }
    ff_pg_text(buf, " AS \"%s\"", field->name);
}

static void
view(struct pg_buf *buf, int kind)
{
    const struct ff_desc *desc = ff_records[kind];

    ff_pg_text(buf, "CREATE OR REPLACE VIEW " PG_VIEWS ".\"%s\" AS SELECT ", desc->name);
    if (kind == FF_R_EVENT) {
        ff_pg_text(buf, "p.base + t._version AS seq, ");
    }
    for (uint32_t i = 0; i < desc->n; i++) {
        ff_pg_text(buf, i == 0 ? "" : ", ");
        view_column(buf, &desc->fields[i]);
    }
    if (kind == FF_R_EVENT) {
        ff_pg_text(buf,
                   " FROM flowfabric.feed f JOIN flowfabric.event_page p ON p.family = f.family"
                   " AND p.last >= f.oldest CROSS JOIN LATERAL unnest(p.events) t"
                   " WHERE p.base + t._version >= f.oldest;\n");
    } else {
        ff_pg_text(buf, " FROM flowfabric.\"%s\" t;\n", desc->name);
    }
    ff_pg_text(buf, "COMMENT ON VIEW " PG_VIEWS ".\"%s\" IS ", desc->name);
    literal(buf, helps[kind]);
    ff_pg_text(buf, ";\n");
    for (uint32_t i = 0; i < desc->n; i++) {
        if (desc->fields[i].help[0] != '\0') {
            ff_pg_text(buf, "COMMENT ON COLUMN " PG_VIEWS ".\"%s\".\"%s\" IS ", desc->name,
                       desc->fields[i].name);
            literal(buf, desc->fields[i].help);
            ff_pg_text(buf, ";\n");
        }
    }
}

/* Signing keys are not for reading. */
void
ff_pg_views_text(struct pg_buf *buf)
{
    ff_pg_text(buf, "%s", view_base);
    for (int kind = 0; kind < FF_R_N; kind++) {
        if (kind != FF_R_KEYRING) {
            view(buf, kind);
        }
    }
    ff_pg_text(buf, "%s", view_role);
}
