#include <sodium.h>
#include <stdlib.h>

#include "core/engine/engine_int.h"

/* ---- rows ---- */

/* Kept for the next batches, of each size; cells. One of 100 flows of ten makes about 4 000. */
#define SPARE_ROWS_BYTES_MAX (1u << 20)
#define SPARE_CELLS_MAX 8192

static size_t
row_class(size_t bytes)
{
    return (bytes + ROW_CLASS_BYTES - 1) / ROW_CLASS_BYTES;
}

static struct row *
row_take(struct ff_engine *engine, size_t bytes)
{
    size_t class = row_class(bytes);
    struct row *row = NULL;

    if (class < ROW_CLASSES) {
        return ff_pool_take(&engine->spare_rows[class], class * ROW_CLASS_BYTES);
    }
    row = malloc(bytes);
    FF_ASSERT(row != NULL);
    return row;
}

/* The one row of all records that there are not. */
static struct row *
no_row(struct ff_engine *engine)
{
    if (engine->no_row == NULL) {
        engine->no_row = calloc(1, sizeof(*engine->no_row));
        FF_ASSERT(engine->no_row != NULL);
        engine->no_row->refs = 1; /* the engine's own */
        engine->no_row->absent = true;
        engine->no_row->bytes = sizeof(*engine->no_row);
    }
    engine->no_row->refs++;
    return engine->no_row;
}

struct row *
ff_row_new(struct ff_engine *engine, enum ff_record kind, const void *record)
{
    const struct ff_desc *desc = ff_records[kind];
    size_t fixed = sizeof(struct row) + (desc->size + 15u) / 16u * 16u, bytes = fixed;
    struct row *row = NULL;

    if (record == NULL) {
        return no_row(engine);
    }
    bytes += ff_deep_size(desc, record);
    row = row_take(engine, bytes);
    row->refs = 1;
    row->absent = false;
    row->secret = kind == FF_R_KEYRING; /* signing keys do not stay behind in freed memory */
    row->bytes = bytes;
    ff_deep_copy(desc, record, row->data, (unsigned char *) row + fixed);
    return row;
}

void
ff_row_unref(struct ff_engine *engine, struct row *row)
{
    size_t class = 0;

    if (row == NULL || --row->refs > 0) {
        return;
    }
    if (row->secret) {
        sodium_memzero(row, row->bytes);
        free(row);
        return;
    }
    class = row_class(row->bytes);
    if (class < ROW_CLASSES) {
        ff_pool_give(&engine->spare_rows[class], row,
                     (uint32_t) (SPARE_ROWS_BYTES_MAX / (class * ROW_CLASS_BYTES)));
    } else {
        free(row);
    }
}

void
ff_spares_free(struct ff_engine *engine)
{
    for (size_t i = 0; i < ROW_CLASSES; i++) {
        ff_pool_done(&engine->spare_rows[i]);
    }
    ff_pool_done(&engine->spare_cells);
    ff_pool_done(&engine->spare_marks);
    ff_pool_done(&engine->spare_spans);
    free(engine->no_row);
}

/* ---- cells ---- */

struct row *
ff_cell_top(const struct cell *cell)
{
    if (cell->open != NULL) {
        return cell->open;
    }
    return cell->base != NULL ? cell->base : cell->stored;
}

enum ff_record
ff_cell_kind(const struct cell *cell)
{
    return (enum ff_record) cell->ident[0];
}

struct ff_key
ff_cell_key(const struct cell *cell)
{
    return ff_key_bytes(ff_str(cell->ident + 1, cell->key_n - 1u));
}

static void
unlist(struct ff_engine *engine, struct cell *cell)
{
    if (cell->kept) {
        TAILQ_REMOVE(&engine->kept, cell, lru);
    } else {
        TAILQ_REMOVE(&engine->lru, cell, lru);
    }
    cell->kept = false;
}

/* Its neighbours in the list are seldom in the cache. Where the list only says what to evict its
 * order may be that many batches wrong. */
#define ORDER_BATCHES 64

static bool
is_recent(const struct ff_engine *engine, const struct cell *cell)
{
    uint64_t now = engine->open->number;

    return cell->read_in == now ||
           (engine->store->ops->exclusive && cell->read_in + ORDER_BATCHES > now);
}

struct cell *
ff_cell_get(struct ff_engine *engine, enum ff_record kind, const struct ff_key *key)
{
    uint8_t ident[1 + FF_KEY_MAX];
    unsigned n = 1u + key->n;
    struct cell *cell = NULL;

    ident[0] = (uint8_t) kind;
    memcpy(ident + 1, key->b, key->n);
    HASH_FIND(hh, engine->cells, ident, n, cell);
    if (cell != NULL && is_recent(engine, cell)) {
        return cell; /* near the end of the list already */
    }
    if (cell != NULL) {
        unlist(engine, cell);
    } else {
        cell = ff_pool_take(&engine->spare_cells, sizeof(*cell));
        memset(cell, 0, sizeof(*cell));
        memcpy(cell->ident, ident, n);
        cell->key_n = (uint8_t) n;
        HASH_ADD_KEYPTR(hh, engine->cells, cell->ident, n, cell);
        engine->stats.cache_bytes += sizeof(*cell);
    }
    TAILQ_INSERT_TAIL(&engine->lru, cell, lru);
    cell->read_in = engine->open->number;
    return cell;
}

void
ff_cell_store(struct ff_engine *engine, struct cell *cell, struct row *row, uint64_t version)
{
    if (cell->stored != NULL) {
        engine->stats.cache_bytes -= cell->stored->bytes;
        ff_row_unref(engine, cell->stored);
    }
    cell->stored = row;
    cell->version = version;
    cell->wanted = false;
    cell->old = false;
    cell->ours = false;
    if (row != NULL) {
        engine->stats.cache_bytes += row->bytes;
    }
}

static void
cell_free(struct ff_engine *engine, struct cell *cell)
{
    ff_cell_store(engine, cell, NULL, 0);
    ff_row_unref(engine, cell->base);
    ff_row_unref(engine, cell->open);
    unlist(engine, cell);
    HASH_DELETE(hh, engine->cells, cell);
    engine->stats.cache_bytes -= sizeof(*cell);
    ff_pool_give(&engine->spare_cells, cell, SPARE_CELLS_MAX);
}

/* ---- writing ---- */

static bool
same_place(const struct ff_index_key *a, const struct ff_index_key *b)
{
    return a->sort == b->sort && ff_scope_cmp(&a->scope, &b->scope) == 0;
}

/* The difference between where the record stood and where it stands. */
static void
move_in_indexes(struct ff_engine *engine, const struct cell *cell, const struct row *before,
                const struct row *after)
{
    struct ff_index_key old[FF_INDEX_KEYS_MAX], new[FF_INDEX_KEYS_MAX];
    enum ff_record kind = ff_cell_kind(cell);
    uint32_t n_old = before->absent ? 0 : ff_index_keys(kind, before->data, old);
    uint32_t n_new = after->absent ? 0 : ff_index_keys(kind, after->data, new);
    uint32_t i = 0, j = 0;

    while (i < n_old || j < n_new) {
        bool has_old = i < n_old && (j == n_new || old[i].index <= new[j].index);
        bool has_new = j < n_new && (i == n_old || new[j].index <= old[i].index);

        if (!(has_old && has_new && same_place(&old[i], &new[j]))) {
            if (has_old) {
                ff_span_change(engine, &old[i], false);
            }
            if (has_new) {
                ff_span_change(engine, &new[j], true);
            }
        }
        i += has_old;
        j += has_new;
    }
}

static void
trash(struct ff_engine *engine, struct row *row)
{
    if (row != NULL) {
        engine->trash =
            ff_grow(engine->trash, &engine->trash_room, engine->n_trash, sizeof(*engine->trash));
        engine->trash[engine->n_trash++] = row;
    }
}

void
ff_cell_reread(struct ff_engine *engine, struct cell *cell)
{
    if (cell->stored != NULL && cell->base == NULL && cell->open == NULL && !cell->wanted) {
        engine->stats.cache_bytes -= cell->stored->bytes;
        trash(engine, cell->stored); /* the running call may still look at it */
        cell->stored = NULL;
        cell->version = 0;
        cell->old = false;
    }
}

/* The open batch has a new version. */
static void
set_open(struct ff_engine *engine, struct cell *cell, struct row *row)
{
    struct batch *open = engine->open;

    engine->undo = ff_grow(engine->undo, &engine->undo_room, engine->n_undo, sizeof(*engine->undo));
    engine->undo[engine->n_undo++] = (struct undo){ .cell = cell, .open = cell->open };
    cell->open = row;
    open->bytes += row->bytes;
    if (!cell->listed) {
        cell->listed = true;
        open->cells = ff_grow(open->cells, &open->cells_room, open->n_cells, sizeof(*open->cells));
        open->cells[open->n_cells++] = cell;
    }
}

void
ff_cell_write(struct ff_engine *engine, struct cell *cell, struct row *row)
{
    struct row *before = ff_cell_top(cell);

    FF_ASSERT(before != NULL); /* what is written has been looked at */
    move_in_indexes(engine, cell, before, row);
    set_open(engine, cell, row);
}

void
ff_cell_drop(struct ff_engine *engine, struct cell *cell)
{
    struct row *row = ff_row_new(engine, ff_cell_kind(cell), NULL);

    if (ff_cell_top(cell) == NULL) {
        set_open(engine, cell, row);
    } else {
        ff_cell_write(engine, cell, row);
    }
}

void
ff_cells_undo(struct ff_engine *engine, uint32_t mark)
{
    while (engine->n_undo > mark) {
        struct undo undo = engine->undo[--engine->n_undo];
        struct row *written = undo.cell->open;
        struct row *before = undo.open;

        undo.cell->open = NULL;
        if (before == NULL) {
            before = ff_cell_top(undo.cell);
        }
        if (before != NULL) { /* else it was dropped unseen */
            move_in_indexes(engine, undo.cell, written, before);
        }
        undo.cell->open = undo.open;
        trash(engine, written);
    }
}

void
ff_cells_settle(struct ff_engine *engine)
{
    for (uint32_t i = 0; i < engine->n_undo; i++) {
        ff_row_unref(engine, engine->undo[i].open);
    }
    for (uint32_t i = 0; i < engine->n_trash; i++) {
        ff_row_unref(engine, engine->trash[i]);
    }
    engine->n_undo = 0;
    engine->n_trash = 0;
}

/* ---- eviction ---- */

static bool
cell_is_idle(const struct cell *cell)
{
    return cell->base == NULL && cell->open == NULL && !cell->wanted && !cell->listed;
}

struct cell *
ff_cell_known(struct ff_engine *engine, enum ff_record kind, const struct ff_key *key)
{
    uint8_t ident[1 + FF_KEY_MAX];
    struct cell *cell = NULL;

    ident[0] = (uint8_t) kind;
    memcpy(ident + 1, key->b, key->n);
    HASH_FIND(hh, engine->cells, ident, 1u + key->n, cell);
    return cell;
}

static void
forget(struct ff_engine *engine, enum ff_record kind, const struct ff_key *key)
{
    struct cell *cell = ff_cell_known(engine, kind, key);

    if (cell != NULL && cell_is_idle(cell)) {
        cell_free(engine, cell);
    }
}

/* What ff_cells_forget has not let go already. */
static void
forget_exec(struct ff_engine *engine, const struct ff_exec *exec)
{
    struct ff_key key = ff_key_eid(&exec->execution_id), other;

    if (exec->flow_id.is) { /* nobody waits for it any more, nor does it wait */
        other = ff_key_member(&exec->flow_id.v, &exec->execution_id);
        forget(engine, FF_R_GROUP, &other);
    }
    if (exec->has_tags) {
        forget(engine, FF_R_EXEC_TAGS, &key);
    }
    forget(engine, FF_R_EXEC_INPUT, &key);
    forget(engine, FF_R_SUSPENSION, &key);
    if (exec->current_attempt_index.is) {
        other = ff_key_attempt(&exec->execution_id, exec->current_attempt_index.v);
        forget(engine, FF_R_ATTEMPT, &other);
    }
    forget(engine, FF_R_EXEC, &key); /* last: exec points into it */
}

void
ff_cell_forget_removed(struct ff_engine *engine, struct cell *cell)
{
    if (engine->store->ops->exclusive && cell_is_idle(cell)) {
        cell_free(engine, cell);
    }
}

/* Once it is written nobody asks for it soon, or ever. */
static bool
is_seldom_read(const struct ff_write *write)
{
    return write->kind == FF_R_MEMBER || write->kind == FF_R_EXEC_RESULT ||
           (write->kind == FF_R_EDGE && !write->live);
}

void
ff_cells_forget(struct ff_engine *engine, const struct ff_write *write, struct cell *cell)
{
    if (write->deleted || !engine->store->ops->exclusive) {
        return; /* shared: soon evicted; calls of the open batch are known by the cells they used */
    }
    if (write->kind == FF_R_EXEC && !write->live) {
        forget_exec(engine, (const struct ff_exec *) cell->stored->data);
    } else if (is_seldom_read(write) && cell_is_idle(cell)) {
        cell_free(engine, cell);
    }
}

static void
doubt(struct ff_engine *engine, enum ff_record kind, const struct ff_key *key)
{
    struct cell *cell = ff_cell_known(engine, kind, key);

    if (cell != NULL && cell->stored != NULL && (cell->stored->absent || cell->old) &&
        cell_is_idle(cell)) {
        ff_cell_store(engine, cell, NULL, 0);
    }
}

void
ff_cells_doubt(struct ff_engine *engine, const struct ff_exec *exec)
{
    struct ff_key key = ff_key_eid(&exec->execution_id), attempt;

    doubt(engine, FF_R_EXEC_INPUT, &key);
    doubt(engine, FF_R_EXEC_TAGS, &key);
    doubt(engine, FF_R_EXEC_RESULT, &key);
    doubt(engine, FF_R_SUSPENSION, &key);
    if (exec->current_attempt_index.is) {
        attempt = ff_key_attempt(&exec->execution_id, exec->current_attempt_index.v);
        doubt(engine, FF_R_ATTEMPT, &attempt);
        doubt(engine, FF_R_STREAM, &attempt);
    }
}

/* Beyond the bound, least recently used first. */
static void
evict_list(struct ff_engine *engine, struct cell_list *list)
{
    struct cell *cell = NULL, *next = NULL;

    TAILQ_FOREACH_SAFE(cell, list, lru, next)
    {
        if (engine->stats.cache_bytes <= engine->config.cache_bytes_max) {
            break;
        }
        if (cell_is_idle(cell)) {
            cell_free(engine, cell);
        }
    }
}

/* What no batch has looked at that is not committed yet. */
static void
put_aside(struct ff_engine *engine)
{
    const struct batch *oldest = engine->n_sealed > 0 ? engine->sealed[0] : engine->open;
    struct cell *cell = NULL, *next = NULL;

    TAILQ_FOREACH_SAFE(cell, &engine->lru, lru, next)
    {
        if (cell->read_in >= oldest->number) {
            break; /* the list is in order of use */
        }
        if (!cell_is_idle(cell)) {
            continue;
        }
        if (ff_trust_keeps(engine, cell)) {
            unlist(engine, cell);
            cell->old = cell->kept = true;
            TAILQ_INSERT_TAIL(&engine->kept, cell, lru);
        } else {
            cell_free(engine, cell);
        }
    }
}

void
ff_cells_evict(struct ff_engine *engine)
{
    if (engine->store->ops->exclusive) {
        evict_list(engine, &engine->lru);
    } else {
        put_aside(engine);
        evict_list(engine, &engine->kept);
    }
}

void
ff_cells_forget_kept(struct ff_engine *engine)
{
    struct cell *cell = NULL;

    while ((cell = TAILQ_FIRST(&engine->kept)) != NULL) {
        cell_free(engine, cell);
    }
}

void
ff_cells_clear(struct ff_engine *engine)
{
    struct cell *cell = NULL, *next = NULL;

    ff_cells_forget_kept(engine);
    TAILQ_FOREACH_SAFE(cell, &engine->lru, lru, next)
    {
        if (cell->wanted) { /* a load under way will answer it */
            ff_row_unref(engine, cell->base);
            ff_row_unref(engine, cell->open);
            cell->base = cell->open = NULL;
            cell->listed = false;
            continue;
        }
        cell_free(engine, cell);
    }
}
