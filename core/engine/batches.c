#include <stdlib.h>

#include "core/engine/engine_int.h"
#include "core/engine/topics.h"

/* Conflicts of one call before it gives up (01 §9.3); claims never do, they take the next
 * candidates (spec/records.md §5). */
#define CONFLICTS_MAX 3

void
ff_batch_init(struct batch *batch)
{
    TAILQ_INIT(&batch->marks);
    TAILQ_INIT(&batch->sealed_marks);
    ff_packer_init(&batch->packer);
}

void
ff_batch_free(struct batch *batch)
{
    free(batch->entries);
    free(batch->cells);
    free(batch->events);
    free(batch->news);
    ff_packer_done(&batch->packer);
    ff_arena_done(&batch->arena);
}

static void
batch_reset(struct ff_engine *engine, struct batch *batch)
{
    batch->number = ++engine->next_batch;
    batch->n_entries = batch->n_cells = batch->n_events = 0;
    batch->bytes = 0;
    batch->n_news = 0;
    batch->much_news = false;
    batch->kept = false;
    engine->follow.begun = 0;
    memset(batch->trims, 0, sizeof(batch->trims));
    batch->packer.buf.size = 0;
    ff_arena_reset(&batch->arena);
}

void
ff_batch_add(struct ff_engine *engine, struct ff_task *task, uint32_t call)
{
    struct batch *open = engine->open;
    struct entry entry = { .task = task, .call = call };

    if (task->n_touched > 0) {
        entry.touched = FF_ARENA_NEW(&open->arena, struct cell *, task->n_touched);
        entry.n_touched = task->n_touched;
        memcpy(entry.touched, task->touched, task->n_touched * sizeof(struct cell *));
        task->n_touched = 0;
    }
    open->entries =
        ff_grow(open->entries, &open->entries_room, open->n_entries, sizeof(*open->entries));
    open->entries[open->n_entries++] = entry;
    task->last_batch = open->number;
}

bool
ff_batch_full(const struct ff_engine *engine)
{
    return engine->shift_left == 0 || engine->open->n_entries >= engine->config.batch_calls_max ||
           engine->open->bytes >= engine->config.batch_bytes_max;
}

/* ---- sealing ---- */

/* Versions count up. Where several brokers write, a new record begins with one that no record had
 * before it: else what was removed and made again would look as if it had not moved. */
static uint64_t
next_version(struct ff_engine *engine, const struct cell *cell)
{
    if (cell->version > 0 || engine->store->ops->exclusive) {
        return cell->version + 1;
    }
    return ((uint64_t) engine->last_now_ms << 20 | (engine->fresh_versions++ & 0xfffff)) + 1;
}

/* Bodies are encoded into one growing buffer; `p` is an offset until all are in. */
static void
seal_writes(struct ff_engine *engine, struct batch *batch)
{
    struct ff_commit *commit = &batch->commit;

    commit->writes = FF_ARENA_NEW(&batch->arena, struct ff_write, batch->n_cells + 1);
    batch->written = FF_ARENA_NEW(&batch->arena, struct cell *, batch->n_cells + 1);
    for (uint32_t i = 0; i < batch->n_cells; i++) {
        struct cell *cell = batch->cells[i];
        struct ff_write *write = &commit->writes[commit->n_writes];
        struct row *row = cell->open;
        size_t start = batch->packer.buf.size;

        cell->listed = false;
        cell->open = NULL;
        if (row == NULL || (row->absent && cell->stored != NULL && cell->stored->absent)) {
            ff_row_unref(engine, row); /* taken back, or made and removed again */
            continue;
        }
        cell->base = row;
        write->kind = ff_cell_kind(cell);
        write->key = ff_cell_key(cell);
        write->deleted = row->absent;
        write->unseen = row->absent && cell->stored == NULL;
        write->version_from = cell->version;
        write->version = next_version(engine, cell);
        if (cell->stored != NULL && !cell->stored->absent) {
            write->before = cell->stored->data;
        }
        if (!row->absent) {
            write->record = row->data;
            write->live = ff_record_live(write->kind, row->data);
            if (!engine->store->ops->columns) {
                ff_row_encode(write->kind, row->data, &batch->packer.pk);
            }
        }
        write->body = ff_str(NULL, batch->packer.buf.size - start);
        batch->written[commit->n_writes++] = cell;
    }
    for (uint32_t i = 0, at = 0; i < commit->n_writes; i++) {
        commit->writes[i].body.p = at + commit->writes[i].body.n == 0
                                       ? "" /* a batch of removals has no buffer */
                                       : batch->packer.buf.data + at;
        at += commit->writes[i].body.n;
    }
}

static void
seal_events(struct ff_engine *engine, struct batch *batch)
{
    struct ff_commit *commit = &batch->commit;

    commit->n_events = batch->n_events;
    commit->events = FF_ARENA_NEW(&batch->arena, struct ff_event_write, batch->n_events + 1);
    for (uint32_t i = 0; i < batch->n_events; i++) {
        const struct ff_scope feed = ff_topic_feed(batch->events[i].family);

        ff_news_note(engine, &feed, UINT32_MAX);
        commit->events[i].family = batch->events[i].family;
        commit->events[i].body = batch->events[i].body;
    }
    commit->trims = FF_ARENA_NEW(&batch->arena, struct ff_event_trim, FF_FAMILIES);
    for (int i = 0; i < FF_FAMILIES; i++) {
        if (batch->trims[i] > 0) {
            commit->trims[commit->n_trims++] =
                (struct ff_event_trim){ (enum ff_event_family) i, batch->trims[i] };
        }
    }
}

static void
seal_news(struct batch *batch)
{
    batch->commit.news = batch->news;
    batch->commit.n_news = batch->n_news;
    batch->commit.much_news = batch->much_news;
}

/* ---- after the commit ---- */

/* Its calls can be answered; what only this batch needed is given back. */
static void
finish(struct ff_engine *engine, struct batch *batch)
{
    engine->committed = batch->number;
    engine->sealed = NULL;
    engine->solo = false;
    if (engine->loading || !TAILQ_EMPTY(&engine->lonely)) {
        ff_marks_linger(engine, batch);
    }
    if (TAILQ_EMPTY(&engine->lonely)) { /* else they still need what was loaded for them */
        ff_spans_stale(engine);
        ff_feeds_stale(engine);
        ff_marks_release(engine, &batch->sealed_marks, UINT64_MAX);
        ff_marks_release(engine, &engine->lingering,
                         engine->loading ? engine->load_epoch : UINT64_MAX);
        ff_cells_evict(engine);
    }
    for (uint32_t i = 0; i < batch->n_entries; i++) {
        struct entry *entry = &batch->entries[i];

        if (entry->call + 1 == entry->task->frame->n) { /* frees the task: nothing follows */
            ff_task_settle(engine, entry->task);
        }
    }
}

static void
commit_ok(struct ff_engine *engine, struct batch *batch)
{
    for (uint32_t i = 0; i < batch->commit.n_writes; i++) {
        struct cell *cell = batch->written[i];
        struct row *row = cell->base;
        uint64_t version = row->absent ? 0 : batch->commit.writes[i].version;

        cell->base = NULL;
        ff_cell_store(engine, cell, row, version);
        cell->loaded_in = batch->loads;
        cell->ours = true;
        if (row->absent) {
            ff_cell_forget_removed(engine, cell);
        }
    }
    for (uint32_t i = 0; i < batch->commit.n_writes; i++) {
        ff_cells_forget(engine, &batch->commit.writes[i], batch->written[i]);
    }
    engine->stats.commits++;
    ff_feeds_committed(engine, batch);
    finish(engine, batch);
}

/* What it would have made of flows' summaries is lost. */
static void
note_summaries(struct ff_engine *engine, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->commit.n_writes; i++) {
        if (batch->commit.writes[i].kind == FF_R_SUMMARY) {
            ff_projector_note(engine, &batch->commit.writes[i].key);
        }
    }
}

/* Throws away what the sealed batch and the open one have made. */
static void
drop_overlay(struct ff_engine *engine, struct batch *sealed)
{
    struct batch *open = engine->open;

    ff_marks_drop(engine, open);
    ff_marks_drop(engine, sealed);
    for (uint32_t i = 0; i < open->n_cells; i++) {
        ff_row_unref(engine, open->cells[i]->open);
        open->cells[i]->open = NULL;
        open->cells[i]->listed = false;
    }
    for (uint32_t i = 0; i < sealed->commit.n_writes; i++) {
        ff_row_unref(engine, sealed->written[i]->base);
        sealed->written[i]->base = NULL;
    }
}

static bool
touched_moved(const struct entry *entry, const struct batch *sealed)
{
    for (uint32_t i = 0; i < sealed->commit.n_conflicts; i++) {
        const struct cell *moved = sealed->written[sealed->commit.conflicts[i]];

        for (uint32_t j = 0; j < entry->n_touched; j++) {
            if (entry->touched[j] == moved) {
                return true;
            }
        }
    }
    return false;
}

/* What the call has used is from before the conflict, and is loaded again: had it only consulted
 * what another broker has changed, nothing would tell it so. */
static void
forget_touched(struct ff_engine *engine, const struct entry *entry)
{
    for (uint32_t i = 0; i < entry->n_touched; i++) {
        struct cell *cell = entry->touched[i];

        if (cell->base == NULL && cell->open == NULL && !cell->wanted) {
            ff_cell_store(engine, cell, NULL, 0);
        }
    }
}

static bool
gives_up(const struct ff_task *task)
{
    const struct ff_op_info *op = &ff_ops[task->frame->calls[task->at].op];

    return task->conflicts > CONFLICTS_MAX && (op->flags & FF_OPF_BLOCKING) == 0;
}

/* The calls of a batch are run again, from each task's first one in it; `front` collects the tasks
 * in order. sealed: whose conflicts count, or NULL. */
static void
run_again(struct ff_engine *engine, struct batch *batch, const struct batch *sealed,
          struct task_list *front)
{
    for (uint32_t i = 0; i < batch->n_entries; i++) {
        struct entry *entry = &batch->entries[i];
        struct ff_task *task = entry->task;
        bool first = entry->call < task->at;
        bool moved = sealed != NULL && touched_moved(entry, sealed);

        if (first) {
            ff_task_move(engine, task, TASK_QUEUED);
            TAILQ_REMOVE(&engine->queue, task, link);
            TAILQ_INSERT_TAIL(front, task, link);
            task->at = entry->call;
            engine->stats.reruns++;
        }
        if (moved && task->state == TASK_QUEUED) {
            task->conflicts++;
            TAILQ_REMOVE(front, task, link);
            TAILQ_INSERT_TAIL(&engine->lonely, task, link);
            task->state = TASK_LONELY;
        }
        if (moved && entry->call == task->at && gives_up(task)) {
            struct ff_fault fault = { 0 };

            ff_fail(&fault, FF_E_RETRY_EXHAUSTED);
            task->frame->calls[task->at].fault = fault;
            task->frame->calls[task->at].judged = true;
        }
        if (moved) {
            forget_touched(engine, entry);
        }
    }
}

static void
back_to_queue(struct ff_engine *engine, struct task_list *front)
{
    struct ff_task *task = NULL;

    while ((task = TAILQ_LAST(front, task_list)) != NULL) {
        TAILQ_REMOVE(front, task, link);
        TAILQ_INSERT_HEAD(&engine->queue, task, link);
    }
}

static void
commit_failed(struct ff_engine *engine, struct batch *batch)
{
    struct task_list front = TAILQ_HEAD_INITIALIZER(front);
    struct batch *open = engine->open;

    engine->stats.failed_commits++;
    note_summaries(engine, batch);
    drop_overlay(engine, batch);
    for (uint32_t i = 0; i < batch->n_entries; i++) {
        ff_task_answer_fault(engine, batch->entries[i].task, batch->entries[i].call,
                             &batch->commit.fault);
    }
    run_again(engine, open, NULL, &front);
    back_to_queue(engine, &front);
    ff_parking_wake(engine, NULL); /* what they were judged by is gone */
    ff_walks_undo(engine, batch->number, &batch->commit.fault);
    ff_walks_undo(engine, open->number, NULL);
    ff_feeds_stale(engine);
    batch_reset(engine, open);
    ff_cells_clear(engine);
    finish(engine, batch);
}

static void
commit_conflict(struct ff_engine *engine, struct batch *batch)
{
    struct task_list front = TAILQ_HEAD_INITIALIZER(front);
    struct batch *open = engine->open;

    engine->stats.conflicts++;
    drop_overlay(engine, batch);
    run_again(engine, batch, batch, &front);
    run_again(engine, open, NULL, &front);
    back_to_queue(engine, &front);
    for (uint32_t i = 0; i < batch->commit.n_conflicts; i++) {
        ff_trust_conflict(engine, &batch->commit.writes[batch->commit.conflicts[i]]);
        ff_cell_store(engine, batch->written[batch->commit.conflicts[i]], NULL, 0);
    }
    ff_parking_wake(engine, NULL);
    ff_spans_stale(engine);
    ff_walks_undo(engine, batch->number, NULL);
    ff_walks_undo(engine, open->number, NULL);
    batch->n_entries = 0; /* nothing of it is answered */
    batch_reset(engine, open);
    finish(engine, batch);
}

static void
commit_done(struct ff_commit *commit)
{
    struct ff_engine *engine = commit->ctx;
    struct batch *batch = engine->sealed;

    switch (commit->outcome) {
    case FF_COMMIT_OK:
        commit_ok(engine, batch);
        break;
    case FF_COMMIT_FAILED:
        commit_failed(engine, batch);
        break;
    case FF_COMMIT_CONFLICT:
        commit_conflict(engine, batch);
        break;
    }
}

bool
ff_batch_start(struct ff_engine *engine)
{
    struct batch *batch = engine->open;

    if (engine->sealed != NULL || (batch->n_entries == 0 && !batch->kept)) {
        return false;
    }
    batch->commit = (struct ff_commit){ .done = commit_done, .ctx = engine };
    seal_writes(engine, batch);
    ff_marks_seal(engine, batch);
    seal_events(engine, batch);
    seal_news(batch);
    batch->loads = engine->stats.loads;
    engine->sealed = batch;
    engine->open = batch == &engine->batches[0] ? &engine->batches[1] : &engine->batches[0];
    batch_reset(engine, engine->open);
    if (batch->commit.n_writes == 0 && batch->commit.n_changes == 0 && batch->n_events == 0 &&
        batch->commit.n_trims == 0) {
        finish(engine, batch); /* reads, of what is committed */
    } else {
        ff_store_commit(engine->store, &batch->commit);
    }
    return true;
}
