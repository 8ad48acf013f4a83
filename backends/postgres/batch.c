#include <endian.h>
#include <stdlib.h>

#include "backends/postgres/pg_int.h"

/* pg->scratch while a batch is made. */
enum { ROWS, KEYS, VERSIONS, RAWS };

/* ---- the order: the same for every broker, so that they do not lock crosswise ---- */

static enum pg_how
how_of(const struct ff_write *write)
{
    if (write->deleted) {
        return write->unseen ? PG_BY_DROP : write->version_from == 0 ? PG_BY_ABSENT : PG_BY_DELETE;
    }
    return write->version_from == 0 ? PG_BY_INSERT : PG_BY_UPDATE;
}

static int
by_table(const void *a, const void *b)
{
    const struct pg_write *x = a, *y = b;

    if (x->kind != y->kind) {
        return x->kind - y->kind;
    }
    return x->how != y->how ? x->how - y->how : ff_key_cmp(&x->write->key, &y->write->key);
}

void
ff_pg_order_writes(struct pg *pg)
{
    struct pg_commit *making = pg->making;
    const struct ff_commit *commit = making->commit;

    if (commit->n_writes > making->writes_room) {
        making->writes_room = commit->n_writes;
        making->writes = realloc(making->writes, making->writes_room * sizeof(*making->writes));
        FF_ASSERT(making->writes != NULL);
    }
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        making->writes[i] = (struct pg_write){ .write = &commit->writes[i],
                                               .at = i,
                                               .kind = (uint8_t) commit->writes[i].kind,
                                               .how = (uint8_t) how_of(&commit->writes[i]) };
    }
    if (commit->n_writes > 0) {
        qsort(making->writes, commit->n_writes, sizeof(*making->writes), by_table);
    }
}

/* ---- arrays whose length is known at their end ---- */

static void
array_begin(struct pg_buf *buf, uint32_t oid)
{
    buf->n = 0;
    ff_pg_array(buf, oid, 1);
}

static void
array_end(struct pg_buf *buf, uint32_t n)
{
    uint32_t dim = htobe32(n);

    memcpy(buf->p + 12, &dim, sizeof(dim)); /* behind dimensions, flags and type */
}

static void
add_u64(struct pg_buf *buf, uint64_t value)
{
    ff_pg_put_u32(buf, sizeof(value));
    ff_pg_put_u64(buf, value);
}

static void
param_u64(struct pg_params *params, const uint64_t *big_endian)
{
    ff_pg_param(params, big_endian, sizeof(*big_endian));
}

/* ---- rows ---- */

/* What is left over: bodies that cannot be taken apart. */
struct spoilt {
    uint32_t n;
};

static void
spoil(struct pg *pg, struct spoilt *spoilt, const struct ff_write *write)
{
    if (spoilt->n++ == 0) {
        array_begin(&pg->scratch[KEYS], PG_OID_BYTEA);
        array_begin(&pg->scratch[VERSIONS], PG_OID_INT8);
        array_begin(&pg->scratch[RAWS], PG_OID_BYTEA);
    }
    ff_pg_put_bytes(&pg->scratch[KEYS], write->key.b, write->key.n);
    add_u64(&pg->scratch[VERSIONS], write->version_from);
    ff_pg_put_bytes(&pg->scratch[RAWS], write->body.p, write->body.n);
}

static void
send_spoilt(struct pg *pg, enum ff_record kind, const struct spoilt *spoilt)
{
    struct pg_params params = { 0 };
    uint64_t n = htobe64(spoilt->n);

    for (int i = KEYS; i <= RAWS; i++) {
        array_end(&pg->scratch[i], spoilt->n);
        ff_pg_param_buf(&params, &pg->scratch[i]);
    }
    param_u64(&params, &n);
    ff_pg_send(&pg->write, PG_OF_KIND(PG_SPOIL, kind), 0, &params);
}

/* What all of them are written by. Some columns will do where the records are at hand, and can be
 * taken apart: before, too, as what could not is kept beside columns that are out of date. */
static int
statement_of(struct pg *pg, uint32_t from, uint32_t to)
{
    enum ff_record kind = (enum ff_record) pg->making->writes[from].kind;
    enum pg_op op = pg->making->writes[from].how == PG_BY_INSERT ? PG_INSERT : PG_UPDATE;
    struct pg_mask mask = { { 0 } };

    for (uint32_t i = from; i < to; i++) {
        const struct ff_write *write = pg->making->writes[i].write;

        if (!pg->making->fresh || !ff_pg_is_wide(&pg->tables[kind]) || write->record == NULL ||
            !ff_pg_fits(kind, write->record) ||
            (op == PG_UPDATE && (write->before == NULL || !ff_pg_fits(kind, write->before)))) {
            return PG_OF_KIND(op, kind);
        }
        ff_pg_mask_changes(&mask, &pg->tables[kind], write);
    }
    return ff_pg_variant(pg, op, kind, &mask);
}

/* What the rows of a statement are made of. */
struct form {
    const struct pg_table *table;
    const struct pg_mask *only;
};

/* False: it has to be kept as it is. */
static bool
put_row(struct pg *pg, const struct pg_write *of, const struct form *form)
{
    const struct ff_write *write = of->write;
    struct ff_index_key stands[FF_INDEX_KEYS_MAX];
    struct ff_fault fault = { 0 };
    struct pg_row row = { .kind = write->kind, .key = write->key, .only = form->only };
    const void *record = pg->making->fresh ? write->record : NULL;
    bool fits = true;

    if (record == NULL) {
        void *room = ff_arena_zalloc(&pg->arena, ff_records[write->kind]->size);

        fits = ff_row_decode(write->kind, write->body, &pg->arena, room, &fault) == FF_E_OK;
        record = room;
    }
    fits = fits && ff_pg_fits(write->kind, record);
    row.version = of->how == PG_BY_INSERT ? write->version : write->version_from;
    if (fits) {
        row.record = record;
        row.n_stands = ff_index_keys(write->kind, record, stands);
        row.stands = stands;
    } else if (of->how == PG_BY_INSERT) {
        row.raw = write->body;
    } else {
        ff_arena_reset(&pg->arena);
        return false;
    }
    ff_pg_put_row(&pg->scratch[ROWS], form->table, &row, &pg->arena);
    ff_arena_reset(&pg->arena);
    return true;
}

static void
send_rows(struct pg *pg, uint32_t from, uint32_t to)
{
    enum ff_record kind = (enum ff_record) pg->making->writes[from].kind;
    bool insert = pg->making->writes[from].how == PG_BY_INSERT;
    int statement = statement_of(pg, from, to);
    struct form form = { 0 };
    struct pg_params params = { 0 };
    struct spoilt spoilt = { 0 };
    uint64_t n = 0;

    form.table = ff_pg_variant_rows(pg, statement, kind, &form.only);
    array_begin(&pg->scratch[ROWS], form.table->array_oid);
    for (uint32_t i = from; i < to; i++) {
        if (put_row(pg, &pg->making->writes[i], &form)) {
            n++;
        } else {
            spoil(pg, &spoilt, pg->making->writes[i].write);
        }
    }
    if (n > 0) {
        array_end(&pg->scratch[ROWS], (uint32_t) n);
        ff_pg_param_buf(&params, &pg->scratch[ROWS]);
        n = htobe64(n);
        if (!insert) {
            param_u64(&params, &n);
        }
        ff_pg_send(&pg->write, statement, 0, &params);
    }
    if (spoilt.n > 0) {
        send_spoilt(pg, kind, &spoilt);
    }
}

/* ---- keys ---- */

static void
put_keys(struct pg *pg, uint32_t from, uint32_t to)
{
    struct pg_buf *keys = &pg->scratch[KEYS], *versions = &pg->scratch[VERSIONS];

    array_begin(keys, PG_OID_BYTEA);
    array_begin(versions, PG_OID_INT8);
    for (uint32_t i = from; i < to; i++) {
        const struct ff_write *write = pg->making->writes[i].write;

        ff_pg_put_bytes(keys, write->key.b, write->key.n);
        add_u64(versions, write->version_from);
    }
    array_end(keys, to - from);
    array_end(versions, to - from);
}

static void
send_removals(struct pg *pg, uint32_t from, uint32_t to)
{
    const struct pg_write *first = &pg->making->writes[from];
    enum pg_op op = first->how == PG_BY_DELETE ? PG_DELETE
                    : first->how == PG_BY_DROP ? PG_DROP
                                               : PG_ABSENT;
    struct pg_params params = { 0 };
    uint64_t n = htobe64((uint64_t) to - from);

    put_keys(pg, from, to);
    ff_pg_param_buf(&params, &pg->scratch[KEYS]);
    if (op == PG_DELETE) {
        ff_pg_param_buf(&params, &pg->scratch[VERSIONS]);
        param_u64(&params, &n);
    }
    ff_pg_send(&pg->write, PG_OF_KIND(op, first->kind), 0, &params);
}

/* Calls `send` for each group of writes of one table that are made alike. */
static void
each_group(struct pg *pg, bool split_by_how,
           void (*send)(struct pg *pg, uint32_t from, uint32_t to))
{
    uint32_t n = pg->making->commit->n_writes, from = 0;

    while (from < n) {
        uint32_t to = from + 1;

        while (to < n && pg->making->writes[to].kind == pg->making->writes[from].kind &&
               (!split_by_how || pg->making->writes[to].how == pg->making->writes[from].how)) {
            to++;
        }
        send(pg, from, to);
        from = to;
    }
}

static void
send_group(struct pg *pg, uint32_t from, uint32_t to)
{
    if (pg->making->writes[from].how <= PG_BY_UPDATE) {
        send_rows(pg, from, to);
    } else {
        send_removals(pg, from, to);
    }
}

static void
send_look(struct pg *pg, uint32_t from, uint32_t to)
{
    struct pg_params params = { 0 };

    put_keys(pg, from, to);
    ff_pg_param_buf(&params, &pg->scratch[KEYS]);
    ff_pg_param_buf(&params, &pg->scratch[VERSIONS]);
    ff_pg_send(&pg->write, PG_OF_KIND(PG_MOVED, pg->making->writes[from].kind), from, &params);
}

void
ff_pg_send_look(struct pg *pg)
{
    each_group(pg, false, send_look);
}

/* ---- events ---- */

static void
put_event(struct pg *pg, const struct ff_event_write *event, uint32_t number)
{
    struct ff_fault fault = { 0 };
    struct pg_row row = { .kind = FF_R_EVENT, .version = number, .family = event->family };
    void *record = ff_arena_zalloc(&pg->arena, ff_records[FF_R_EVENT]->size);

    if (ff_row_decode(FF_R_EVENT, event->body, &pg->arena, record, &fault) == FF_E_OK &&
        ff_pg_fits(FF_R_EVENT, record)) {
        row.record = record;
    } else {
        row.raw = event->body;
    }
    ff_pg_put_row(&pg->scratch[ROWS], &pg->tables[FF_R_EVENT], &row, &pg->arena);
    ff_arena_reset(&pg->arena);
}

static void
send_page(struct pg *pg, uint32_t family, uint32_t n)
{
    uint32_t family_be = htobe32(family);
    uint64_t n_be = htobe64(n);
    struct pg_params params = { 0 };

    array_end(&pg->scratch[ROWS], n);
    ff_pg_param(&params, &family_be, sizeof(family_be));
    param_u64(&params, &n_be);
    ff_pg_param_buf(&params, &pg->scratch[ROWS]);
    ff_pg_send(&pg->write, PG_S_EVENTS, 0, &params);
}

static void
send_family(struct pg *pg, uint32_t family)
{
    const struct ff_commit *commit = pg->making->commit;
    uint32_t n = 0;

    for (uint32_t i = 0; i < commit->n_events; i++) {
        if (commit->events[i].family != family) {
            continue;
        }
        if (n == 0) {
            array_begin(&pg->scratch[ROWS], pg->tables[FF_R_EVENT].array_oid);
        }
        put_event(pg, &commit->events[i], ++n);
        if (n == PG_PAGE_EVENTS_MAX) {
            send_page(pg, family, n);
            n = 0;
        }
    }
    if (n > 0) {
        send_page(pg, family, n);
    }
}

/* Families in order, for every broker the same: each locks its feed. */
static void
send_events(struct pg *pg)
{
    uint32_t families = 0;

    for (uint32_t i = 0; i < pg->making->commit->n_events; i++) {
        families |= UINT32_C(1) << pg->making->commit->events[i].family;
    }
    for (uint32_t f = 0; f < FF_FAMILIES; f++) {
        if ((families >> f & 1) != 0) {
            send_family(pg, f);
        }
    }
}

static void
send_trim(struct pg *pg, const struct ff_event_trim *trim)
{
    uint64_t up_to = htobe64(trim->up_to < INT64_MAX ? trim->up_to : INT64_MAX);
    uint32_t family = htobe32((uint32_t) trim->family);
    struct pg_params params = { 0 };

    ff_pg_param(&params, &family, sizeof(family));
    param_u64(&params, &up_to);
    ff_pg_send(&pg->write, PG_S_TRIM, 0, &params);
}

void
ff_pg_send_batch(struct pg *pg)
{
    const struct ff_commit *commit = pg->making->commit;

    each_group(pg, true, send_group);
    send_events(pg); /* last: the feeds are locked from here on */
    for (uint32_t i = 0; i < commit->n_trims; i++) {
        send_trim(pg, &commit->trims[i]);
    }
}
