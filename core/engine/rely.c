#include "core/engine/rely.h"

#include "core/engine/engine_int.h"

static bool
stands_at(enum ff_record kind, const void *record, const struct ff_place *place)
{
    struct ff_index_key keys[FF_INDEX_KEYS_MAX];
    uint32_t n = ff_index_keys(kind, record, keys);

    for (uint32_t i = 0; i < n; i++) {
        if (keys[i].index == place->index && keys[i].sort == place->entry->sort &&
            ff_scope_cmp(&keys[i].scope, place->scope) == 0) {
            return true;
        }
    }
    return false;
}

/* Our own marks of what is in the store by now would go on hiding what others did since. */
static void
release_marks(struct ff_engine *engine)
{
    ff_marks_release(engine, &engine->lingering, engine->loading ? engine->load_epoch : UINT64_MAX);
}

/* Asks for a page again, and for all records that the call has used. */
static ff_err
reread_page(struct ff_txn *txn, enum ff_index index, const struct ff_scope *scope)
{
    struct ff_engine *engine = txn->engine;
    struct span *span = NULL;
    ff_err err = FF_E_OK;

    release_marks(engine);
    span = ff_span_get(engine, index, scope);
    span->page_valid = false;
    err = ff_want_page(engine, span, NULL, span->expect > 0 ? span->expect : 1, &txn->fault);
    ff_peeks_stale(engine);
    engine->doubt = true; /* the records are asked for when the call has been taken back */
    return err == FF_E_OK ? FF_E_PENDING : err;
}

/* Loads of one call in which some record did not stand where a page had it. Each has page and
 * record from one instant: such a call has met that many changes, or an index that is wrong. */
#define DISAGREED_MAX 100

/* Counts the first of each run. */
static bool
may_disagree(struct ff_txn *txn)
{
    return txn->engine->doubt || txn->task->disagreed++ < DISAGREED_MAX;
}

ff_err
ff_txn_follow(struct ff_txn *txn, enum ff_record kind, const struct ff_place *place, void *out)
{
    struct ff_engine *engine = txn->engine;
    bool found = false;

    FF_TRY(ff_txn_find(txn, kind, &place->entry->id, out, &found));
    if (found && (engine->store->ops->exclusive || stands_at(kind, out, place))) {
        return FF_E_OK;
    }
    if (engine->store->ops->exclusive || !may_disagree(txn)) {
        return ff_fail(&txn->fault, FF_E_CORRUPTION, ff_d_text("reason", "missing_record"),
                       ff_d_text("context", ff_records[kind]->name));
    }
    return reread_page(txn, place->index, place->scope);
}

ff_err
ff_txn_doubt(struct ff_txn *txn, enum ff_index index, const struct ff_scope *scope)
{
    if (txn->engine->store->ops->exclusive || txn->task->rereads >= REREADS_MAX) {
        return FF_E_OK;
    }
    txn->task->rereads++;
    return reread_page(txn, index, scope);
}

/* No page of this scope that is older than this load is used. */
static void
need_page_of(struct ff_txn *txn, enum ff_index index, const struct ff_scope *scope, uint64_t load)
{
    struct ff_engine *engine = txn->engine;
    struct span *span = ff_span_get(engine, index, scope);

    if (!span->page_valid || span->loaded_in < load) {
        release_marks(engine);
        ff_span_get(engine, index, scope)->page_valid = false;
    }
}

ff_err
ff_txn_guard(struct ff_txn *txn, enum ff_index index, const struct ff_scope *scope,
             enum ff_record kind, const struct ff_key *record)
{
    struct cell *cell = NULL;

    FF_TRY(ff_txn_resident(txn, kind, record, &cell));
    if (!txn->engine->store->ops->exclusive) {
        need_page_of(txn, index, scope, cell->loaded_in);
    }
    return FF_E_OK;
}

void
ff_txn_anew(struct ff_txn *txn, enum ff_index index, const struct ff_scope *scope)
{
    if (!txn->engine->store->ops->exclusive) {
        need_page_of(txn, index, scope, txn->task->due_from);
    }
}

ff_err
ff_txn_hold(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key)
{
    struct cell *cell = NULL;
    struct row *row = NULL;

    FF_TRY(ff_txn_resident(txn, kind, key, &cell));
    row = ff_cell_top(cell);
    if (!txn->engine->store->ops->exclusive) {
        cell->held = row->absent;
        ff_cell_write(txn->engine, cell,
                      ff_row_new(txn->engine, kind, row->absent ? NULL : row->data));
    }
    return FF_E_OK;
}
