#include "backends/postgres/cells.h"

#include <endian.h>
#include <stdlib.h>

#include "core/id.h"

/* ---- bytes; memory that cannot be had ends the process, as everywhere ---- */

void
ff_pg_buf_done(struct pg_buf *buf)
{
    free(buf->p);
    *buf = (struct pg_buf){ 0 };
}

static char *
room_for(struct pg_buf *buf, size_t n)
{
    if (buf->room - buf->n < n) {
        buf->room = (buf->n + n) * 2 + 1024;
        buf->p = realloc(buf->p, buf->room);
        FF_ASSERT(buf->p != NULL);
    }
    buf->n += n;
    return buf->p + buf->n - n;
}

void
ff_pg_put(struct pg_buf *buf, const void *bytes, size_t n)
{
    char *room = room_for(buf, n);

    if (n > 0) {
        memcpy(room, bytes, n);
    }
}

void
ff_pg_put_u32(struct pg_buf *buf, uint32_t value)
{
    value = htobe32(value);
    memcpy(room_for(buf, sizeof(value)), &value, sizeof(value));
}

void
ff_pg_put_u64(struct pg_buf *buf, uint64_t value)
{
    value = htobe64(value);
    memcpy(room_for(buf, sizeof(value)), &value, sizeof(value));
}

void
ff_pg_put_bytes(struct pg_buf *buf, const void *bytes, size_t n)
{
    ff_pg_put_u32(buf, (uint32_t) n);
    ff_pg_put(buf, bytes, n);
}

void
ff_pg_array(struct pg_buf *buf, uint32_t oid, uint32_t n)
{
    ff_pg_put_u32(buf, n == 0 ? 0 : 1);
    ff_pg_put_u32(buf, 0); /* without NULLs */
    ff_pg_put_u32(buf, oid);
    if (n > 0) {
        ff_pg_put_u32(buf, n);
        ff_pg_put_u32(buf, 1);
    }
}

/* ---- texts: PostgreSQL has no zero byte in them ---- */

#define ESCAPE 0x1a /* SUBSTITUTE; followed by '0' for a zero byte, by 'Z' for itself */

static bool
is_text(enum ff_type type)
{
    return type == FF_TYPE_STR || type == FF_TYPE_LANE || type == FF_TYPE_LANE_HINT ||
           type == FF_TYPE_WID;
}

static bool
needs_escape(struct ff_str text)
{
    return text.n > 0 &&
           (memchr(text.p, 0, text.n) != NULL || memchr(text.p, ESCAPE, text.n) != NULL);
}

static void
put_text(struct pg_buf *buf, struct ff_str text)
{
    size_t length_at = buf->n;
    uint32_t n = 0;

    if (!needs_escape(text)) {
        ff_pg_put_bytes(buf, text.p, text.n);
        return;
    }
    ff_pg_put_u32(buf, 0);
    for (uint32_t i = 0; i < text.n; i++) {
        char pair[2] = { ESCAPE, text.p[i] == 0 ? '0' : 'Z' };

        if (text.p[i] == 0 || text.p[i] == ESCAPE) {
            ff_pg_put(buf, pair, sizeof(pair));
        } else {
            ff_pg_put(buf, text.p + i, 1);
        }
    }
    n = htobe32((uint32_t) (buf->n - length_at - sizeof(n)));
    memcpy(buf->p + length_at, &n, sizeof(n));
}

static struct ff_str
get_text(struct ff_str text, struct ff_arena *arena)
{
    char *out = NULL;
    uint32_t n = 0;

    if (text.n == 0 || memchr(text.p, ESCAPE, text.n) == NULL) {
        return text;
    }
    out = ff_arena_alloc(arena, text.n);
    for (uint32_t i = 0; i < text.n; i++) {
        if (text.p[i] == ESCAPE && i + 1 < text.n) {
            i++;
            out[n++] = text.p[i] == '0' ? 0 : ESCAPE;
        } else {
            out[n++] = text.p[i];
        }
    }
    return ff_str(out, n);
}

bool
ff_pg_fits(enum ff_record kind, const void *record)
{
    const struct ff_desc *desc = ff_records[kind];

    for (uint32_t i = 0; i < desc->n; i++) {
        const struct ff_field *field = &desc->fields[i];
        const struct ff_str *text = (const void *) ((const uint8_t *) record + field->offset);

        for (uint32_t at = 0; is_text(field->type) && at < text->n; at++) {
            if ((text->p[at] & 0x80) != 0) {
                if (!ff_utf8_ok(*text)) {
                    return false;
                }
                break;
            }
        }
    }
    return true;
}

/* ---- writing: a value in its type's binary form, with its length before it; -1: NULL ---- */

static void
put_null(struct pg_buf *buf)
{
    ff_pg_put_u32(buf, UINT32_MAX);
}

static void
put_int(struct pg_buf *buf, const struct ff_field *field, const void *record)
{
    uint64_t value = ff_field_int(field, record);

    if (field->type == FF_TYPE_I32 || field->type == FF_TYPE_U16 || field->type == FF_TYPE_U8) {
        ff_pg_put_u32(buf, 4);
        ff_pg_put_u32(buf, (uint32_t) value);
    } else {
        ff_pg_put_u32(buf, 8);
        ff_pg_put_u64(buf, value);
    }
}

static void
put_field(struct pg_buf *buf, const struct ff_field *field, const void *record,
          struct ff_arena *arena)
{
    const void *p = (const uint8_t *) record + field->offset;
    struct ff_str text = ff_cstr("");
    char eid[FF_EID_TEXT_MAX];
    uint64_t bits = 0;
    char truth = 1;

    switch ((enum ff_type) field->type) {
    case FF_TYPE_STR:
    case FF_TYPE_LANE:
    case FF_TYPE_LANE_HINT:
    case FF_TYPE_WID:
        put_text(buf, *(const struct ff_str *) p);
        break;
    case FF_TYPE_BYTES:
    case FF_TYPE_ANY:
        ff_pg_put_bytes(buf, ((const struct ff_str *) p)->p, ((const struct ff_str *) p)->n);
        break;
    case FF_TYPE_BOOL:
        truth = ff_field_int(field, record) != 0;
        ff_pg_put_bytes(buf, &truth, 1);
        break;
    case FF_TYPE_UUID:
        ff_pg_put_bytes(buf, p, sizeof(struct ff_uuid));
        break;
    case FF_TYPE_EID:
        ff_pg_put_bytes(buf, eid, ff_eid_text(p, eid));
        break;
    case FF_TYPE_F64:
        memcpy(&bits, p, sizeof(bits));
        ff_pg_put_u32(buf, sizeof(bits));
        ff_pg_put_u64(buf, bits);
        break;
    case FF_TYPE_ENUM:
        text = ff_cstr(ff_word(field->sub, (uint32_t) ff_field_int(field, record)));
        ff_pg_put_bytes(buf, text.p, text.n);
        break;
    case FF_TYPE_STRS:
    case FF_TYPE_UUIDS:
    case FF_TYPE_TAGS:
    case FF_TYPE_COUNTS:
    case FF_TYPE_OBJ:
    case FF_TYPE_OBJS:
    case FF_TYPE_U64S:
        text = ff_field_text(field, record, arena);
        ff_pg_put_bytes(buf, text.p, text.n);
        break;
    default:
        put_int(buf, field, record);
        break;
    }
}

/* Where the record stands in an index; at most once. */
static const struct ff_index_key *
stand_in(const struct pg_row *row, uint8_t index)
{
    for (uint32_t i = 0; i < row->n_stands; i++) {
        if (row->stands[i].index == index) {
            return &row->stands[i];
        }
    }
    return NULL;
}

static void
put_stand(struct pg_buf *buf, const struct pg_column *column, const struct pg_row *row)
{
    const struct ff_index_key *stand = stand_in(row, column->index);

    if (stand == NULL) {
        put_null(buf);
    } else if (column->source == PG_SCOPE) {
        ff_pg_put_bytes(buf, stand->scope.b, stand->scope.n);
    } else {
        ff_pg_put_u32(buf, 8);
        ff_pg_put_u64(buf, (uint64_t) stand->sort);
    }
}

static void
put_column(struct pg_buf *buf, const struct pg_column *column, const struct pg_row *row,
           struct ff_arena *arena)
{
    switch (column->source) {
    case PG_KEY:
        ff_pg_put_bytes(buf, row->key.b, row->key.n);
        break;
    case PG_VERSION:
        ff_pg_put_u32(buf, 8);
        ff_pg_put_u64(buf, row->version);
        break;
    case PG_FAMILY:
        ff_pg_put_u32(buf, 4);
        ff_pg_put_u32(buf, row->family);
        break;
    case PG_RAW:
        if (row->raw.p == NULL) {
            put_null(buf);
        } else {
            ff_pg_put_bytes(buf, row->raw.p, row->raw.n);
        }
        break;
    case PG_SCOPE:
    case PG_SORT:
        put_stand(buf, column, row);
        break;
    case PG_FIELD:
        if (row->raw.p == NULL &&
            ff_field_stored(ff_records[row->kind], column->field, row->record)) {
            put_field(buf, column->field, row->record, arena);
        } else {
            put_null(buf);
        }
        break;
    }
}

void
ff_pg_put_row(struct pg_buf *buf, const struct pg_table *table, const struct pg_row *row,
              struct ff_arena *arena)
{
    size_t length_at = buf->n;
    uint32_t n = 0;

    ff_pg_put_u32(buf, 0);
    ff_pg_put_u32(buf, table->n);
    for (uint32_t i = 0; i < table->n; i++) {
        ff_pg_put_u32(buf, table->columns[i].oid);
        if (row->only == NULL || ff_pg_mask_has(row->only, i)) {
            put_column(buf, &table->columns[i], row, arena);
        } else {
            put_null(buf);
        }
    }
    n = htobe32((uint32_t) (buf->n - length_at - sizeof(n)));
    memcpy(buf->p + length_at, &n, sizeof(n));
}

/* ---- reading: numbers are big-endian, and stand anywhere ---- */

struct ff_str
ff_pg_get_bytes(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column)) {
        return ff_str(NULL, 0);
    }
    return ff_str(PQgetvalue(result, row, column), (size_t) PQgetlength(result, row, column));
}

uint64_t
ff_pg_get_u64(const PGresult *result, int row, int column)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;

    if (PQgetisnull(result, row, column)) {
        return 0;
    }
    if (PQgetlength(result, row, column) == (int) sizeof(narrow)) {
        memcpy(&narrow, PQgetvalue(result, row, column), sizeof(narrow));
        return (uint64_t) (int64_t) (int32_t) be32toh(narrow);
    }
    FF_ASSERT(PQgetlength(result, row, column) == (int) sizeof(wide));
    memcpy(&wide, PQgetvalue(result, row, column), sizeof(wide));
    return be64toh(wide);
}

/* A word that is not known is from a newer program, or somebody has written it by hand. */
static bool
get_word(const struct ff_field *field, struct ff_str text, void *record)
{
    const struct ff_vocab *vocab = field->sub;

    for (uint32_t i = 0; i < vocab->n; i++) {
        if (ff_str_is(text, vocab->words[i])) {
            ff_field_put_int(field, record, i);
            return true;
        }
    }
    return false;
}

struct cell {
    const struct ff_field *field;
    struct ff_str text;
    void *record;
    struct ff_arena *arena;
};

static bool
get_eid(const struct cell *cell, void *p)
{
    struct ff_fault fault = { 0 };

    if (ff_eid_parse(cell->text, cell->field->name, p, &fault) != FF_E_OK) {
        return false;
    }
    ff_field_mark(cell->field, cell->record);
    return true;
}

static bool
get_fixed(const struct cell *cell, void *p)
{
    uint64_t bits = 0;

    if (cell->field->type == FF_TYPE_UUID) {
        memcpy(p, cell->text.p, sizeof(struct ff_uuid));
    } else {
        memcpy(&bits, cell->text.p, sizeof(bits));
        bits = be64toh(bits);
        memcpy(p, &bits, sizeof(bits));
    }
    ff_field_mark(cell->field, cell->record);
    return true;
}

static bool
get_number(const struct cell *cell)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;

    if (cell->text.n == 1) {
        wide = cell->text.p[0] != 0;
    } else if (cell->text.n == sizeof(narrow)) {
        memcpy(&narrow, cell->text.p, sizeof(narrow));
        wide = (uint64_t) (int64_t) (int32_t) be32toh(narrow);
    } else {
        memcpy(&wide, cell->text.p, sizeof(wide));
        wide = be64toh(wide);
    }
    ff_field_put_int(cell->field, cell->record, wide);
    return true;
}

static bool
get_field(const struct cell *cell)
{
    void *p = (uint8_t *) cell->record + cell->field->offset;
    struct ff_fault fault = { 0 };

    switch ((enum ff_type) cell->field->type) {
    case FF_TYPE_STR:
    case FF_TYPE_LANE:
    case FF_TYPE_LANE_HINT:
    case FF_TYPE_WID:
        *(struct ff_str *) p = get_text(cell->text, cell->arena);
        return true;
    case FF_TYPE_BYTES:
    case FF_TYPE_ANY:
        *(struct ff_str *) p = cell->text;
        return true;
    case FF_TYPE_UUID:
    case FF_TYPE_F64:
        return get_fixed(cell, p);
    case FF_TYPE_EID:
        return get_eid(cell, p);
    case FF_TYPE_ENUM:
        return get_word(cell->field, cell->text, cell->record);
    case FF_TYPE_STRS:
    case FF_TYPE_UUIDS:
    case FF_TYPE_TAGS:
    case FF_TYPE_COUNTS:
    case FF_TYPE_OBJ:
    case FF_TYPE_OBJS:
    case FF_TYPE_U64S:
        return ff_field_parse(cell->field, cell->text, cell->arena, cell->record, &fault) ==
               FF_E_OK;
    default:
        return get_number(cell);
    }
}

ff_err
ff_pg_get_body(const struct pg_rows *rows, int row, struct ff_str *body_out, struct ff_fault *fault)
{
    const struct ff_desc *desc = ff_records[rows->kind];
    struct ff_str raw = ff_pg_get_bytes(rows->result, row, rows->first);
    void *record = NULL;
    struct ff_packer packer;
    int column = rows->first + 1;

    if (raw.p != NULL) {
        *body_out = ff_arena_copy(rows->arena, raw);
        return FF_E_OK;
    }
    record = ff_arena_zalloc(rows->arena, desc->size);
    for (uint32_t i = 0; i < rows->table->n; i++) {
        struct cell cell = { .field = rows->table->columns[i].field,
                             .record = record,
                             .arena = rows->arena };

        if (rows->table->columns[i].source != PG_FIELD) {
            continue;
        }
        cell.text = ff_pg_get_bytes(rows->result, row, column++); /* NULL: its zero, or absent */
        if (cell.text.p != NULL && !get_field(&cell)) {
            return ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "unreadable_cell"),
                           ff_d_text("context", desc->name), ff_d_text("field", cell.field->name));
        }
    }
    ff_packer_init(&packer);
    ff_row_encode(rows->kind, record, &packer.pk);
    *body_out = ff_arena_copy(rows->arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    return FF_E_OK;
}
