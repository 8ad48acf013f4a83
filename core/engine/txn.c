#include "core/engine/txn.h"

#include <sodium.h>

#include "core/engine/engine_int.h"
#include "core/engine/topics.h"
#include "core/id.h"
#include "core/state.h"

/* ---- records ---- */

/* Shared stores: which calls used which records, for when one has moved. */
static void
touch(struct ff_txn *txn, struct cell *cell)
{
    struct ff_task *task = txn->task;

    if (!txn->engine->store->ops->exclusive) {
        task->touched =
            ff_grow(task->touched, &task->touched_room, task->n_touched, sizeof(*task->touched));
        task->touched[task->n_touched++] = cell;
    }
}

/* What the execution's own record, as the store has it, says cannot be there is not looked for. */
static bool
ruled_out(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key)
{
    struct ff_engine *engine = txn->engine;
    struct ff_key exec_key;
    struct cell *exec = NULL;

    if (kind != FF_R_EXEC_INPUT && kind != FF_R_EXEC_TAGS && kind != FF_R_EXEC_RESULT &&
        kind != FF_R_ATTEMPT && kind != FF_R_STREAM && kind != FF_R_SUMMARY_DOC) {
        return false;
    }
    exec_key = *key;
    exec_key.n = 18;
    exec = ff_cell_get(engine, FF_R_EXEC, &exec_key);
    if (exec->stored == NULL || (ff_cell_is_old(exec) && !ff_trust_task(txn->task))) {
        return false;
    }
    if (!ff_cell_is_old(exec) && !ff_news_fresh(txn, exec->loaded_in)) {
        return false; /* it was made when the call began to wait, or before */
    }
    if (ff_cell_is_old(exec)) {
        touch(txn, exec);
    }
    return ff_record_ruled_out(
        kind, key, exec->stored->absent ? NULL : (const struct ff_exec *) exec->stored->data);
}

/* Without asking the store: as new as what it would be asked next. */
static void
take_for_absent(struct ff_engine *engine, struct cell *cell)
{
    ff_cell_store(engine, cell, ff_row_new(engine, ff_cell_kind(cell), NULL), 0);
    cell->loaded_in = engine->stats.loads + 1;
}

ff_err
ff_txn_resident(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key,
                struct cell **cell_out)
{
    struct cell *cell = ff_cell_get(txn->engine, kind, key);

    touch(txn, cell);
    if (ff_cell_is_old(cell) ? !ff_trust_task(txn->task)
                             : cell->stored != NULL && ff_cell_top(cell) == cell->stored &&
                                   !ff_news_fresh(txn, cell->loaded_in)) {
        ff_cell_reread(txn->engine, cell);
    }
    ff_trust_guess(txn->engine, txn->task, cell);
    if (ff_cell_top(cell) == NULL && ruled_out(txn, kind, key)) {
        take_for_absent(txn->engine, cell);
    }
    if (ff_cell_top(cell) == NULL) {
        FF_TRY(ff_want_cell(txn->engine, cell, &txn->fault));
    }
    *cell_out = cell;
    return FF_E_OK;
}

/* Being taken away, or not all there yet: nobody sees it. */
static bool
is_hidden(enum ff_record kind, const struct row *row)
{
    const void *data = row->data;

    return !row->absent && ((kind == FF_R_EXEC && ((const struct ff_exec *) data)->purging.is) ||
                            (kind == FF_R_FLOW && (((const struct ff_flow *) data)->purging ||
                                                   ((const struct ff_flow *) data)->submitting)));
}

/* What a lookup answers; zeros where it is not there for the caller. */
static ff_err
give(const struct row *row, enum ff_record kind, bool there, void *out, bool *found)
{
    *found = there;
    if (there) {
        memcpy(out, row->data, ff_records[kind]->size);
    } else {
        memset(out, 0, ff_records[kind]->size);
    }
    return FF_E_OK;
}

ff_err
ff_txn_find(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key, void *out,
            bool *found)
{
    struct cell *cell = NULL;
    const struct row *row = NULL;

    FF_TRY(ff_txn_resident(txn, kind, key, &cell));
    row = ff_cell_top(cell);
    return give(row, kind, !row->absent && !is_hidden(kind, row), out, found);
}

ff_err
ff_txn_find_hidden(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key, void *out,
                   bool *found)
{
    struct cell *cell = NULL;
    const struct row *row = NULL;

    FF_TRY(ff_txn_resident(txn, kind, key, &cell));
    row = ff_cell_top(cell);
    return give(row, kind, is_hidden(kind, row), out, found);
}

/* All writes of executions pass here: an illegal one is a mistake of an operation, and none of it
 * is stored. What was illegal as stored is no mistake of this call. */
static ff_err
check_exec(struct ff_txn *txn, const struct row *before, const struct ff_exec *exec)
{
    const struct ff_exec *from =
        before->absent ? NULL : (const struct ff_exec *) (const void *) before->data;
    ff_err err = ff_exec_may_store(from, exec, txn->arena, &txn->fault);

    FF_ASSERT(err == FF_E_OK || !txn->engine->config.assert_legal ||
              (from != NULL && !ff_exec_state_legal(from)) ||
              (!txn->engine->store->ops->exclusive && txn->task->rereads < REREADS_MAX));
    return err;
}

static ff_err
put_exec(struct ff_txn *txn, struct cell *cell, const struct ff_exec *record)
{
    const struct ff_engine_config *config = &txn->engine->config;
    struct ff_exec spoilt;

    if (config->spoil_exec != NULL) {
        spoilt = *record;
        config->spoil_exec(config->spoil_ctx, &spoilt);
        record = &spoilt;
    }
    FF_TRY(check_exec(txn, ff_cell_top(cell), record));
    ff_cell_write(txn->engine, cell, ff_row_new(txn->engine, FF_R_EXEC, record));
    return FF_E_OK;
}

ff_err
ff_txn_put(struct ff_txn *txn, enum ff_record kind, const void *record)
{
    struct ff_key key = ff_record_key(kind, record);
    struct cell *cell = NULL;

    FF_TRY(ff_txn_resident(txn, kind, &key, &cell));
    if (kind == FF_R_EXEC) {
        return put_exec(txn, cell, record);
    }
    ff_cell_write(txn->engine, cell, ff_row_new(txn->engine, kind, record));
    if (kind == FF_R_LANE) {
        struct ff_scope lane = ff_scope_lane(((const struct ff_lane *) record)->lane_id);
        struct ff_scope unblock = ff_topic_unblock();

        ff_txn_wake_parked(txn, &lane);
        ff_parking_tell(txn->engine, &unblock, UINT32_MAX);
    }
    return FF_E_OK;
}

ff_err
ff_txn_put_new(struct ff_txn *txn, enum ff_record kind, const void *record)
{
    struct ff_key key = ff_record_key(kind, record);
    struct cell *cell = ff_cell_get(txn->engine, kind, &key);

    if (ff_cell_top(cell) == NULL && !cell->wanted) {
        take_for_absent(txn->engine, cell);
    }
    return ff_txn_put(txn, kind, record);
}

ff_err
ff_txn_remove(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key)
{
    struct cell *cell = NULL;

    FF_TRY(ff_txn_resident(txn, kind, key, &cell));
    if (!ff_cell_top(cell)->absent) {
        ff_cell_write(txn->engine, cell, ff_row_new(txn->engine, kind, NULL));
    }
    return FF_E_OK;
}

void
ff_txn_drop(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key)
{
    struct cell *cell = ff_cell_get(txn->engine, kind, key);

    touch(txn, cell);
    if (ff_cell_is_old(cell) ||
        (!txn->engine->store->ops->exclusive && cell->stored != NULL && cell->stored->absent)) {
        ff_cell_reread(txn->engine, cell); /* another broker may have made it, or changed it */
    }
    ff_cell_drop(txn->engine, cell);
}

/* ---- indexes ---- */

ff_err
ff_txn_next(struct ff_txn *txn, enum ff_index index, const struct ff_scope *scope,
            const struct ff_entry *after, uint32_t expect, struct ff_entry *out, bool *found)
{
    struct span *span = ff_span_get(txn->engine, index, scope);

    span->expect = expect;
    span->until = INT64_MAX;
    return ff_span_next(txn, span, after, out, found);
}

ff_err
ff_txn_next_due(struct ff_txn *txn, struct ff_due *due, const struct ff_entry *after,
                struct ff_entry *out, bool *found)
{
    struct span *span = ff_span_get(txn->engine, due->index, &due->scope);

    span->expect = due->expect;
    span->until = due->until;
    FF_TRY(ff_span_next(txn, span, after, out, found));
    due->next_at = out->sort;
    *found = *found && out->sort <= due->until;
    return FF_E_OK;
}

ff_err
ff_txn_scopes(struct ff_txn *txn, enum ff_index index, const struct ff_scope *prefix,
              struct ff_scope_list *out)
{
    struct scopes *scopes = ff_scopes_get(txn->engine, index, prefix);

    if (!scopes->valid || !ff_news_fresh(txn, scopes->loaded_in)) {
        scopes->valid = false;
        FF_TRY(ff_want_scopes(txn->engine, scopes, &txn->fault));
    }
    ff_scopes_merge(txn->engine, scopes, txn->arena, out);
    return FF_E_OK;
}

ff_err
ff_txn_restand(struct ff_txn *txn, enum ff_record kind, const struct ff_index_key *place,
               bool stands)
{
    struct cell *cell = NULL;
    const struct row *top = NULL;

    FF_TRY(ff_txn_resident(txn, kind, &place->id, &cell));
    top = ff_cell_top(cell);
    ff_cell_write(txn->engine, cell, ff_row_new(txn->engine, kind, top->absent ? NULL : top->data));
    ff_span_change(txn->engine, place, stands);
    return FF_E_OK;
}

/* ---- events ---- */

void
ff_txn_event(struct ff_txn *txn, const struct ff_event *event)
{
    struct ff_engine *engine = txn->engine;
    struct batch *open = engine->open;
    struct event_out *out = NULL;

    engine->reply.buf.size = 0; /* free until the answer is written */
    ff_row_encode(FF_R_EVENT, event, &engine->reply.pk);
    open->events = ff_grow(open->events, &open->events_room, open->n_events, sizeof(*open->events));
    out = &open->events[open->n_events++];
    out->family = event->family;
    out->body = ff_arena_copy(&open->arena, ff_packer_str(&engine->reply));
    open->bytes += out->body.n;
}

/* ---- ids ---- */

/* The stream of bytes depends on the engine's seed and the call's number only, so that a call that
 * is run again draws the same. */
static void
draw(struct ff_txn *txn, void *out, uint32_t n)
{
    struct ff_engine *engine = txn->engine;

    if (engine->random_used + n > sizeof(engine->random)) {
        uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
        uint64_t block = engine->random_call << 12 | engine->random_block++;

        memcpy(nonce, &block, sizeof(nonce));
        crypto_stream_chacha20(engine->random, sizeof(engine->random), nonce, engine->config.seed);
        engine->random_used = 0;
    }
    memcpy(out, engine->random + engine->random_used, n);
    engine->random_used += n;
}

struct ff_uuid
ff_txn_uuid(struct ff_txn *txn)
{
    uint8_t random[16];

    draw(txn, random, sizeof(random));
    return ff_uuid_v4(random);
}

uint64_t
ff_txn_random(struct ff_txn *txn, uint64_t bound)
{
    uint64_t reject = bound == 0 ? 0 : -bound % bound; /* so that every value is as likely */
    uint64_t value = 0;

    FF_ASSERT(bound > 0);
    do {
        draw(txn, &value, sizeof(value));
    } while (value < reject);
    return value % bound;
}

/* ---- the rest ---- */

static void
ping_done(struct ff_load *load)
{
    *(bool *) load->ctx = true;
}

/* Only a store that answers at once can be asked for nothing; another one is asked for a record
 * that there never is, which it is read for anew in every batch. */
ff_err
ff_txn_ping(struct ff_txn *txn)
{
    struct ff_store *store = txn->engine->store;
    bool done = false;
    struct ff_load load = { .arena = txn->arena, .done = ping_done, .ctx = &done };
    const struct ff_key nowhere = { .n = 0 };
    struct ff_lane lane = { 0 };

    if (!store->ops->immediate) {
        return ff_txn_find(txn, FF_R_LANE, &nowhere, &lane, &done);
    }
    ff_store_load(store, &load);
    FF_ASSERT(done);
    txn->fault = load.fault;
    return load.fault.code;
}

void
ff_txn_keep(struct ff_txn *txn)
{
    txn->engine->keep = true;
}

ff_err
ff_txn_park(struct ff_txn *txn, const struct ff_scope *topic, uint64_t block_ms, int64_t wake_at_ms)
{
    return ff_park(txn, topic, block_ms, wake_at_ms);
}

void
ff_txn_watch(struct ff_txn *txn, const struct ff_scope *what)
{
    ff_parking_watch(&txn->engine->watching, what);
}

void
ff_txn_wake(struct ff_txn *txn, const struct ff_scope *what, uint32_t how_many)
{
    ff_parking_tell(txn->engine, what, how_many);
    ff_news_note(txn->engine, what, how_many);
}

void
ff_txn_wake_parked(struct ff_txn *txn, const struct ff_scope *topic)
{
    ff_parking_wake(txn->engine, topic);
    ff_news_note(txn->engine, topic, UINT32_MAX);
}

uint64_t
ff_txn_waited_ms(const struct ff_txn *txn)
{
    return ff_parking_waited_ms(txn->engine, txn->task);
}

struct ff_opt_u64
ff_txn_kept_number(const struct ff_txn *txn)
{
    return txn->task->kept;
}

void
ff_txn_keep_number(struct ff_txn *txn, uint64_t number)
{
    txn->task->kept = FF_SOME(ff_opt_u64, number);
}

bool
ff_txn_time_over(struct ff_txn *txn, uint64_t block_ms)
{
    return ff_parking_time_over(txn->engine, txn->task, block_ms);
}

struct ff_savepoint
ff_txn_savepoint(struct ff_txn *txn)
{
    const struct ff_engine *engine = txn->engine;

    return (struct ff_savepoint){ .undo = engine->n_undo,
                                  .events = engine->open->n_events,
                                  .notes = engine->follow.n_notes,
                                  .bytes = engine->open->bytes };
}

void
ff_txn_rollback(struct ff_txn *txn, const struct ff_savepoint *to)
{
    struct ff_engine *engine = txn->engine;

    ff_cells_undo(engine, to->undo);
    engine->open->n_events = to->events;
    engine->open->bytes = to->bytes;
    ff_follow_forget(engine, to->notes, FF_IX_N);
    txn->fault = (struct ff_fault){ 0 };
}

void
ff_txn_own_cascades(struct ff_txn *txn, const struct ff_savepoint *since)
{
    ff_follow_forget(txn->engine, since->notes, FF_IX_CASCADE);
}

ff_err
ff_txn_get_exec(struct ff_txn *txn, const struct ff_eid *id, struct ff_exec *out)
{
    const struct ff_common_args *common = txn->common;
    bool found = false;

    FF_TRY(ff_txn_find_exec(txn, id, out, &found));
    if (!found) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_FOUND, ff_d_text("entity", "execution"));
    }
    if (common->partition.is && common->partition.v != id->partition) {
        return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "partition"),
                       ff_d_text("reason", "partition_mismatch"),
                       ff_d_u64("arg_index", common->partition.v),
                       ff_d_u64("id_index", id->partition));
    }
    if (common->lane_id.n > 0 && !ff_str_eq(common->lane_id, out->lane_id)) {
        return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "lane_id"),
                       ff_d_text("reason", "lane_mismatch"), ff_d_str("given", common->lane_id),
                       ff_d_str("stored", out->lane_id));
    }
    return FF_E_OK;
}
