/* sql.h: the statements of the PostgreSQL store, by number; texts are made where they are first
 * needed on a connection. */
#ifndef FF_BACKENDS_POSTGRES_SQL_H
#define FF_BACKENDS_POSTGRES_SQL_H

#include "backends/postgres/cells.h"

/* Of one record kind: PG_OF_KIND(op, kind). */
enum pg_op {
    PG_GET,    /* $1 keys → ord, version, raw, fields */
    PG_INSERT, /* $1 rows, of the version they get */
    PG_UPDATE, /* $1 rows, of the version they come from; $2 how many */
    PG_SPOIL,  /* $1 keys, $2 versions from, $3 raw forms, $4 how many: the columns stay */
    PG_DELETE, /* $1 keys, $2 versions from, $3 how many */
    PG_DROP,   /* $1 keys: whatever their version is, if they are there */
    PG_ABSENT, /* $1 keys: none is there */
    PG_MOVED,  /* $1 keys, $2 versions → ord of those that have another */
    PG_WALK,   /* $1 after, $2 limit → key */
    PG_OPS
};

/* Inserts and updates of some columns only; the others of the rows are empty. */
#define PG_VARIANTS_MAX 32
struct pg_variant {
    enum pg_op op;
    enum ff_record kind;
    uint32_t rows; /* what the parameter is of: `kind`, or PG_OF_SHAPE */
    uint32_t n_columns;
    struct pg_mask mask;
};

enum pg_statement {
    PG_S_SETUP,
    PG_S_BEGIN,
    PG_S_COMMIT,
    PG_S_ROLLBACK,
    PG_S_PING,
    PG_S_FENCE,     /* $1 broker, $2 session → number */
    PG_S_MARK,      /* $1 broker, $2 session, $3 number, $4 the one before it; -1: any */
    PG_S_EVENTS,    /* $1 family, $2 how many, $3 rows, numbered from 1 */
    PG_S_TRIM,      /* $1 family, $2 up to */
    PG_S_FEED,      /* $1 family → newest, oldest */
    PG_S_FEED_PAGE, /* $1 family, $2 after, $3 limit → seq, raw, fields */
    PG_S_BEAT,      /* $1 broker → whether there are others */
    PG_S_NOTIFY,    /* $1 payload */
    PG_S_LISTEN,
    PG_S_KIND,
    PG_S_PAGE = PG_S_KIND + PG_OPS * FF_R_N, /* $1 scope, $2 sort, $3 key, $4 limit → sort, key;
                                                by key: $1 after, $2 before, $3 limit → key */
    PG_S_SCOPES = PG_S_PAGE + FF_IX_N,       /* $1 from, $2 before → scope */
    PG_S_VARIANT = PG_S_SCOPES + FF_IX_N,    /* as PG_INSERT, PG_UPDATE */
    PG_S_N = PG_S_VARIANT + PG_VARIANTS_MAX
};
#define PG_OF_KIND(op, kind) (PG_S_KIND + (int) (op) *FF_R_N + (int) (kind))

/* Events of one row: who reads some of them, reads them all. */
#define PG_PAGE_EVENTS_MAX 256

/* SQLSTATE of a commit that a record's version refuses. */
#define PG_MOVED_STATE "FF001"

/* The text, made in `buf` and ending with a zero byte. tables: as the database has them. */
const char *ff_pg_sql(int statement, const struct pg_table *tables, struct pg_buf *buf);
const char *ff_pg_sql_some(const struct pg_variant *variant, const struct pg_table *table,
                           struct pg_buf *buf);

/* Appends formatted text; the buffer then ends with a zero byte that does not count. */
void ff_pg_text(struct pg_buf *buf, const char *format, ...) FF_PRINTF(2, 3);

#endif
