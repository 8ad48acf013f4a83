/* tables.h: where records and indexes stand in the database; part of the PostgreSQL store.
 *
 * A record kind has a table of its own, named as in records.def: the key, the version, where the
 * record stands in each index of its kind, and a column a field. An index over records is a partial
 * index of that table over (scope, sort, key); one whose scope begins the key is the table's own.
 */
#ifndef FF_BACKENDS_POSTGRES_TABLES_H
#define FF_BACKENDS_POSTGRES_TABLES_H

#include "core/records.h"

#define PG_SCHEMA "flowfabric"
#define PG_VIEWS "flowfabric_read"
#define PG_READER "flowfabric_reader"

#define PG_IX_KINDS_MAX 4

struct pg_index {
    const char *name;
    uint8_t n_kinds;
    uint8_t kinds[PG_IX_KINDS_MAX]; /* enum ff_record */
    bool by_key;                    /* the scope is how the key begins */
    uint8_t scope_n;                /* by_key: its bytes */
    bool sort_in_key;               /* by_key: the sort is the 8 bytes behind; else it is 0 */
};
extern const struct pg_index ff_pg_indexes[FF_IX_N];

/* Whether records of the kind have columns for it. */
bool ff_pg_stands(enum ff_record kind, enum ff_index index);

/* What a column holds. */
enum pg_source {
    PG_KEY,     /* _key bytea; of events: none */
    PG_VERSION, /* _version int8; of events: _seq */
    PG_FAMILY,  /* _family int4, of events */
    PG_RAW,     /* _raw bytea: the stored form, only where it could not be taken apart */
    PG_SCOPE,   /* _<index>_scope bytea */
    PG_SORT,    /* _<index>_sort int8 */
    PG_FIELD    /* <field> */
};

struct pg_column {
    enum pg_source source;
    uint8_t index;                /* of SCOPE and SORT */
    const struct ff_field *field; /* of FIELD */
    uint32_t oid;                 /* of its type */
};

#define PG_COLUMNS_MAX 192

/* The name of a column, without quotes. */
void ff_pg_column_name(const struct pg_column *column, char out[64]);
/* Its type in SQL; *oid is that of the catalogue. */
const char *ff_pg_column_type(const struct pg_column *column, uint32_t *oid);
/* All columns of a kind in the order in which they are created; returns how many. */
uint32_t ff_pg_columns(enum ff_record kind, struct pg_column out[PG_COLUMNS_MAX]);

/* Some columns of a table, by their places. */
struct pg_mask {
    uint64_t w[PG_COLUMNS_MAX / 64];
};
static inline bool
ff_pg_mask_has(const struct pg_mask *mask, uint32_t column)
{
    return (mask->w[column / 64] >> column % 64 & 1) != 0;
}

/* Some columns of a table as a type of their own: rows that are handed over cost the server for
 * each column of their type, whether there is anything in it or not. */
enum pg_shape_id { PG_SHAPE_EXEC_MADE, PG_SHAPE_EXEC_MOVED, PG_SHAPES };
struct pg_shape {
    const char *name;
    enum ff_record kind;
    const char *columns; /* beside key and version; each between blanks */
};
extern const struct pg_shape ff_pg_shapes[PG_SHAPES];
/* Its columns in the order in which they are created; returns how many. */
uint32_t ff_pg_shape_columns(const struct pg_shape *shape, struct pg_column out[PG_COLUMNS_MAX]);

/* What `struct pg_table tables[]` has: tables by kind, then shapes. */
#define PG_TABLES_N (FF_R_N + PG_SHAPES)
#define PG_OF_SHAPE(shape) (FF_R_N + (int) (shape))

/* A table, or a shape, as the database has it: columns in its order. */
struct pg_table {
    uint32_t array_oid; /* of the array of its rows */
    uint32_t n;
    struct pg_column columns[PG_COLUMNS_MAX];
};

#endif
