/* Inserts and updates of some columns only. A wide row costs the server for each column that it is
 * handed, whether that changes anything or not: an update of all 127 of `exec` took half as long
 * again as one of the 30 that a claim changes.
 *
 * Any statement that has all columns of the group of rows will do, so that few are made: a new one
 * only where the best of those that there are carries many more than are needed. Its rows are of
 * the narrowest shape that has what it sets. */
#include "backends/postgres/pg_int.h"

/* More than needed, and still taken. */
#define SPARE_COLUMNS_MAX 12
/* Tables with fewer are always written whole. */
#define WIDE_COLUMNS_MIN 12

void
ff_pg_mask_add(struct pg_mask *mask, uint32_t column)
{
    mask->w[column / 64] |= UINT64_C(1) << column % 64;
}

static uint32_t
size_of(const struct pg_mask *mask)
{
    uint32_t n = 0;

    for (size_t i = 0; i < FF_COUNT(mask->w); i++) {
        n += (uint32_t) __builtin_popcountll(mask->w[i]);
    }
    return n;
}

static bool
has_all(const struct pg_mask *mask, const struct pg_mask *of)
{
    for (size_t i = 0; i < FF_COUNT(mask->w); i++) {
        if ((of->w[i] & ~mask->w[i]) != 0) {
            return false;
        }
    }
    return true;
}

bool
ff_pg_is_wide(const struct pg_table *table)
{
    return table->n >= WIDE_COLUMNS_MIN;
}

/* ---- which columns a write needs ---- */

static const struct ff_index_key *
stand_in(const struct ff_index_key *stands, uint32_t n, uint8_t index)
{
    for (uint32_t i = 0; i < n && stands[i].index <= index; i++) {
        if (stands[i].index == index) {
            return &stands[i];
        }
    }
    return NULL;
}

/* Of an index there are two columns beside each other: both are taken, or none. */
static bool
stands_alike(const struct ff_index_key *a, const struct ff_index_key *b)
{
    return a == NULL || b == NULL ? a == b
                                  : a->sort == b->sort && ff_scope_cmp(&a->scope, &b->scope) == 0;
}

void
ff_pg_mask_changes(struct pg_mask *mask, const struct pg_table *table, const struct ff_write *write)
{
    struct ff_index_key was[FF_INDEX_KEYS_MAX], is[FF_INDEX_KEYS_MAX];
    const struct ff_desc *desc = ff_records[write->kind];
    uint32_t n_was = write->before == NULL ? 0 : ff_index_keys(write->kind, write->before, was);
    uint32_t n_is = ff_index_keys(write->kind, write->record, is);

    for (uint32_t i = 0; i < table->n; i++) {
        const struct pg_column *column = &table->columns[i];
        bool same = false;

        switch (column->source) {
        case PG_SCOPE:
        case PG_SORT:
            same = stands_alike(stand_in(was, n_was, column->index),
                                stand_in(is, n_is, column->index));
            break;
        case PG_FIELD:
            same = write->before == NULL
                       ? !ff_field_stored(desc, column->field, write->record)
                       : ff_field_alike(desc, column->field, write->before, write->record);
            break;
        case PG_RAW:
            same = true;
            break;
        default: /* the key, the version */
            break;
        }
        if (!same) {
            ff_pg_mask_add(mask, i);
        }
    }
}

/* ---- statements ---- */

static bool
shape_has(const struct pg_table *shape, const struct pg_column *column)
{
    for (uint32_t i = 0; i < shape->n; i++) {
        const struct pg_column *of = &shape->columns[i];

        if (of->source == column->source && of->index == column->index &&
            of->field == column->field) {
            return true;
        }
    }
    return false;
}

static bool
shape_has_all(const struct pg_table *shape, const struct pg_table *table,
              const struct pg_mask *mask)
{
    for (uint32_t i = 0; i < table->n; i++) {
        if (ff_pg_mask_has(mask, i) && !shape_has(shape, &table->columns[i])) {
            return false;
        }
    }
    return true;
}

static uint32_t
rows_for(const struct pg *pg, enum ff_record kind, const struct pg_mask *mask)
{
    uint32_t best = kind;

    for (uint32_t i = FF_R_N; i < PG_TABLES_N; i++) {
        if (ff_pg_shapes[i - FF_R_N].kind == kind && pg->tables[i].n < pg->tables[best].n &&
            shape_has_all(&pg->tables[i], &pg->tables[kind], mask)) {
            best = i;
        }
    }
    return best;
}

int
ff_pg_variant(struct pg *pg, enum pg_op op, enum ff_record kind, const struct pg_mask *mask)
{
    uint32_t needed = size_of(mask), best_size = pg->tables[kind].n, best = PG_VARIANTS_MAX;

    for (uint32_t i = 0; i < pg->n_variants; i++) {
        const struct pg_variant *variant = &pg->variants[i];

        if (variant->op == op && variant->kind == kind && variant->n_columns < best_size &&
            has_all(&variant->mask, mask)) {
            best_size = variant->n_columns;
            best = i;
        }
    }
    if (best_size > needed + SPARE_COLUMNS_MAX && pg->n_variants < PG_VARIANTS_MAX) {
        best = pg->n_variants++;
        pg->variants[best] = (struct pg_variant){ .op = op,
                                                  .kind = kind,
                                                  .rows = rows_for(pg, kind, mask),
                                                  .n_columns = needed,
                                                  .mask = *mask };
    }
    return best == PG_VARIANTS_MAX ? PG_OF_KIND(op, kind) : PG_S_VARIANT + (int) best;
}

const struct pg_table *
ff_pg_variant_rows(const struct pg *pg, int statement, enum ff_record kind,
                   const struct pg_mask **only_out)
{
    const struct pg_variant *variant =
        statement < PG_S_VARIANT ? NULL : &pg->variants[statement - PG_S_VARIANT];
    uint32_t rows = variant == NULL ? kind : variant->rows;

    *only_out = variant == NULL || rows >= FF_R_N ? NULL : &variant->mask;
    return &pg->tables[rows];
}

const char *
ff_pg_text_of(struct pg *pg, int statement)
{
    const struct pg_variant *variant = NULL;

    if (statement < PG_S_VARIANT) {
        return ff_pg_sql(statement, pg->tables, &pg->text);
    }
    variant = &pg->variants[statement - PG_S_VARIANT];
    return ff_pg_sql_some(variant, &pg->tables[variant->kind], &pg->text);
}
