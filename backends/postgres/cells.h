/* cells.h: rows and arrays in PostgreSQL's binary form; part of the PostgreSQL store. */
#ifndef FF_BACKENDS_POSTGRES_CELLS_H
#define FF_BACKENDS_POSTGRES_CELLS_H

#include <libpq-fe.h>

#include "backends/postgres/tables.h"
#include "core/codec.h"

/* Bytes that grow. Zeroed: empty. */
struct pg_buf {
    char *p;
    size_t n, room;
};
void ff_pg_buf_done(struct pg_buf *buf);
void ff_pg_put(struct pg_buf *buf, const void *bytes, size_t n);
void ff_pg_put_u32(struct pg_buf *buf, uint32_t value);
void ff_pg_put_u64(struct pg_buf *buf, uint64_t value);
/* With its length before it. */
void ff_pg_put_bytes(struct pg_buf *buf, const void *bytes, size_t n);

/* An array of one dimension: its head, then n elements, each with its length before it. */
void ff_pg_array(struct pg_buf *buf, uint32_t oid, uint32_t n);
#define PG_OID_BYTEA 17
#define PG_OID_INT8 20
#define PG_OID_INT4 23

/* One record as a row. */
struct pg_row {
    enum ff_record kind;
    struct ff_key key; /* not of events */
    uint64_t version;  /* of events: the number */
    uint32_t family;   /* of events */
    struct ff_str raw; /* p != NULL: instead of the record */
    const void *record;
    const struct ff_index_key *stands; /* ascending by index */
    uint32_t n_stands;
    const struct pg_mask *only; /* the others stay empty; NULL: all columns */
};

/* One element of an array of the table's rows. */
void ff_pg_put_row(struct pg_buf *buf, const struct pg_table *table, const struct pg_row *row,
                   struct ff_arena *arena);
/* Whether the record's texts can be a column: well-formed UTF-8. */
bool ff_pg_fits(enum ff_record kind, const void *record);

/* ---- results, in binary ---- */

/* Absent: p == NULL. It lives as long as the result. */
struct ff_str ff_pg_get_bytes(const PGresult *result, int row, int column);
uint64_t ff_pg_get_u64(const PGresult *result, int row, int column);

/* Records in a result: from column `first` on _raw, then the fields in the table's order. */
struct pg_rows {
    enum ff_record kind;
    const struct pg_table *table;
    const PGresult *result;
    int first;
    struct ff_arena *arena; /* of the bodies */
};
/* The stored form of one of them. FF_E_CORRUPTION. */
FF_MUST_USE ff_err ff_pg_get_body(const struct pg_rows *rows, int row, struct ff_str *body_out,
                                  struct ff_fault *fault);

#endif
