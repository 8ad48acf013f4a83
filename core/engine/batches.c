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
    batch->kept = batch->answered = false;
    engine->follow.begun = 0;
    memset(batch->trims, 0, sizeof(batch->trims));
    batch->packer.buf.size = 0;
    ff_arena_reset(&batch->arena);
}

void
ff_batch_add(struct ff_engine *engine, struct ff_task *task, uint32_t call)
{
    struct batch *open = engine->open;
    struct entry entry = { .task = task, .call = call, .walking = task->walking };

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
next_version(struct ff_engine *engine, uint64_t from)
{
    if (from > 0 || engine->store->ops->exclusive) {
        return from + 1;
    }
    return ((uint64_t) engine->last_now_ms << 20 | (engine->fresh_versions++ & 0xfffff)) + 1;
}

/* One write: from what the batches before this one leave to what it makes of the cell. */
static void
seal_write(struct ff_engine *engine, struct batch *batch, struct cell *cell, struct row *row)
{
    struct ff_commit *commit = &batch->commit;
    struct ff_write *write = &commit->writes[commit->n_writes];
    const struct row *before = cell->base != NULL ? cell->base : cell->stored;
    size_t start = batch->packer.buf.size;

    write->kind = ff_cell_kind(cell);
    write->key = ff_cell_key(cell);
    write->deleted = row->absent;
    write->unseen = row->absent && before == NULL;
    write->version_from = cell->base != NULL ? cell->base_version : cell->version;
    write->version = next_version(engine, write->version_from);
    if (before != NULL && !before->absent) {
        write->before = before->data;
    }
    if (!row->absent) {
        write->record = row->data;
        write->live = ff_record_live(write->kind, row->data);
        if (!engine->store->ops->columns) {
            ff_row_encode(write->kind, row->data, &batch->packer.pk);
        }
    }
    write->body = ff_str(NULL, batch->packer.buf.size - start);
    batch->rows[commit->n_writes] = row;
    batch->written[commit->n_writes++] = cell;
}

static void
set_base(struct ff_engine *engine, struct cell *cell, struct row *row, uint64_t version)
{
    ff_row_unref(engine, cell->base); /* the earlier batch has it, too */
    cell->base = row;
    cell->base_version = row == NULL || row->absent ? 0 : version;
    if (row != NULL) {
        row->refs++;
    }
}

/* The cells that follow the i-th of n, and what the first of them refers to. */
static void
fetch_ahead(struct cell *const *cells, uint32_t n, uint32_t i)
{
    if (i + 4 < n) {
        ff_fetch(cells[i + 4], sizeof(**cells));
    }
    if (i + 2 < n) {
        ff_fetch(cells[i + 2]->open, FF_CACHE_LINE);
        ff_fetch(cells[i + 2]->base, FF_CACHE_LINE);
        ff_fetch(cells[i + 2]->stored, FF_CACHE_LINE);
    }
}

/* Bodies are encoded into one growing buffer; `p` is an offset until all are in. */
static void
seal_writes(struct ff_engine *engine, struct batch *batch)
{
    struct ff_commit *commit = &batch->commit;

    commit->writes = FF_ARENA_NEW(&batch->arena, struct ff_write, batch->n_cells + 1);
    batch->written = FF_ARENA_NEW(&batch->arena, struct cell *, batch->n_cells + 1);
    batch->rows = FF_ARENA_NEW(&batch->arena, struct row *, batch->n_cells + 1);
    for (uint32_t i = 0; i < batch->n_cells; i++) {
        struct cell *cell = batch->cells[i];
        struct row *row = cell->open, *before = NULL;
        bool held = cell->held;

        fetch_ahead(batch->cells, batch->n_cells, i);
        cell->listed = cell->held = false;
        cell->open = NULL;
        before = ff_cell_top(cell);
        if (row == NULL || (row->absent && !held && before != NULL && before->absent)) {
            ff_row_unref(engine, row); /* taken back, or made and removed again */
        } else {
            seal_write(engine, batch, cell, row);
        }
    }
    for (uint32_t i = 0, at = 0; i < commit->n_writes; i++) {
        commit->writes[i].body.p = at + commit->writes[i].body.n == 0
                                       ? "" /* a batch of removals has no buffer */
                                       : batch->packer.buf.data + at;
        at += commit->writes[i].body.n;
    }
}

/* From here on the next batch goes by what this one makes. */
static void
raise_base(struct ff_engine *engine, struct batch *batch)
{
    for (uint32_t i = 0; i < batch->commit.n_writes; i++) {
        set_base(engine, batch->written[i], batch->rows[i], batch->commit.writes[i].version);
    }
}

static void
seal_events(struct ff_engine *engine, struct batch *batch)
{
    struct ff_commit *commit = &batch->commit;
    bool told[FF_FAMILIES] = { false };

    commit->n_events = batch->n_events;
    commit->events = FF_ARENA_NEW(&batch->arena, struct ff_event_write, batch->n_events + 1);
    for (uint32_t i = 0; i < batch->n_events; i++) {
        enum ff_event_family family = batch->events[i].family;

        if (!told[family]) {
            const struct ff_scope feed = ff_topic_feed(family);

            ff_news_note(engine, &feed, UINT32_MAX);
            told[family] = true;
        }
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

/* Its calls can be answered; what only this batch needed is given back. It is the oldest one. */
static void
finish(struct ff_engine *engine, struct batch *batch)
{
    FF_ASSERT(engine->sealed[0] == batch);
    engine->committed = batch->number;
    engine->n_sealed--;
    memmove(engine->sealed, engine->sealed + 1, engine->n_sealed * sizeof(engine->sealed[0]));
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
        struct row *row = batch->rows[i];
        uint64_t version = row->absent ? 0 : batch->commit.writes[i].version;

        fetch_ahead(batch->written, batch->commit.n_writes, i);
        if (cell->base == row) {
            set_base(engine, cell, NULL, 0);
        } /* else the batch behind it has written it again */
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

/* ---- batches that were not made ---- */

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

/* Throws away what the open batch has made. */
static void
drop_open(struct ff_engine *engine)
{
    struct batch *open = engine->open;

    ff_marks_drop(engine, open);
    for (uint32_t i = 0; i < open->n_cells; i++) {
        ff_row_unref(engine, open->cells[i]->open);
        open->cells[i]->open = NULL;
        open->cells[i]->listed = open->cells[i]->held = false;
    }
}

static void
drop_sealed(struct ff_engine *engine, struct batch *batch)
{
    ff_marks_drop(engine, batch);
    for (uint32_t i = 0; i < batch->commit.n_writes; i++) {
        set_base(engine, batch->written[i], NULL, 0); /* no batch is left that writes it */
        ff_row_unref(engine, batch->rows[i]);
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
            task->walking = entry->walking; /* not that of a later call */
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

/* Nothing of it was made, or nobody knows: its calls are answered so. */
static void
fail_batch(struct ff_engine *engine, struct batch *batch)
{
    engine->stats.failed_commits++;
    ff_engine_note_trouble(engine, &engine->stats.commits_fail, &batch->commit.fault);
    for (uint32_t i = 0; i < batch->n_entries; i++) {
        ff_task_answer_fault(engine, batch->entries[i].task, batch->entries[i].call,
                             &batch->commit.fault);
    }
}

/* Its calls are run again. */
static void
repeat_batch(struct ff_engine *engine, struct batch *batch, struct task_list *front)
{
    bool moved = batch->commit.outcome == FF_COMMIT_CONFLICT;

    engine->stats.conflicts += moved;
    run_again(engine, batch, moved ? batch : NULL, front);
    batch->n_entries = 0; /* nothing of it is answered */
}

static void
forget_moved(struct ff_engine *engine, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->commit.n_conflicts; i++) {
        ff_trust_conflict(engine, &batch->commit.writes[batch->commit.conflicts[i]]);
        ff_cell_store(engine, batch->written[batch->commit.conflicts[i]], NULL, 0);
    }
}

static void
undo_walks(struct ff_engine *engine)
{
    for (uint32_t i = 0; i < engine->n_sealed; i++) {
        const struct ff_commit *commit = &engine->sealed[i]->commit;

        if (commit->outcome == FF_COMMIT_FAILED) {
            ff_walks_fail(engine, engine->sealed[i]->number, &commit->fault);
        }
    }
    ff_walks_undo(engine);
}

/* The oldest batch was not made, so none is that was built on it: all that they have made is thrown
 * away, the open batch's with it, and what is not answered is run again. */
static void
unmake(struct ff_engine *engine)
{
    struct task_list front = TAILQ_HEAD_INITIALIZER(front);
    bool failed = false;

    engine->load_doubted = true;
    drop_open(engine);
    for (uint32_t i = engine->n_sealed; i > 0; i--) {
        note_summaries(engine, engine->sealed[i - 1]);
        drop_sealed(engine, engine->sealed[i - 1]);
    }
    for (uint32_t i = 0; i < engine->n_sealed; i++) {
        struct batch *batch = engine->sealed[i];

        if (batch->commit.outcome == FF_COMMIT_FAILED) {
            fail_batch(engine, batch);
            failed = true;
        } else {
            repeat_batch(engine, batch, &front);
        }
    }
    run_again(engine, engine->open, NULL, &front);
    back_to_queue(engine, &front);
    ff_parking_wake(engine, NULL); /* what they were judged by is gone */
    ff_spans_stale(engine);
    batch_reset(engine, engine->open);
    undo_walks(engine); /* whoever is answered now goes with the new open batch */
    if (failed) {
        ff_feeds_stale(engine);
        ff_cells_clear(engine);
    } else {
        forget_moved(engine, engine->sealed[0]);
    }
    while (engine->n_sealed > 0) {
        finish(engine, engine->sealed[0]);
    }
}

/* Answers of the store's that are to outlive its call. */
static void
keep_answer(struct batch *batch)
{
    struct ff_commit *commit = &batch->commit;

    if (commit->outcome == FF_COMMIT_CONFLICT) {
        uint32_t *conflicts = FF_ARENA_NEW(&batch->arena, uint32_t, commit->n_conflicts + 1);

        memcpy(conflicts, commit->conflicts, commit->n_conflicts * sizeof(*conflicts));
        commit->conflicts = conflicts;
    }
    if (commit->fault.message != NULL) {
        commit->fault.message = ff_arena_copy(&batch->arena, ff_cstr(commit->fault.message)).p;
    }
}

static void
commit_done(struct ff_commit *commit)
{
    struct ff_engine *engine = commit->ctx;
    struct batch *first = engine->sealed[0];
    struct batch *last = engine->sealed[engine->n_sealed - 1];

    if (commit->outcome == FF_COMMIT_OK) {
        FF_ASSERT(commit == &first->commit); /* one after the other */
        engine->stats.commits_fail = false;
        commit_ok(engine, first);
        if (engine->n_sealed > 0 && last->answered) {
            finish(engine, last); /* it had nothing to commit */
        }
        return;
    }
    FF_ASSERT(commit == (first->answered ? &last->commit : &first->commit));
    if (commit == &last->commit || last->answered) {
        unmake(engine);
    } else {
        keep_answer(first);
        first->answered = true; /* the other one has still to be heard of */
    }
}

/* ---- sending off ---- */

static bool
writes_nothing(const struct batch *batch)
{
    return batch->commit.n_writes == 0 && batch->commit.n_changes == 0 && batch->n_events == 0 &&
           batch->commit.n_trims == 0;
}

static bool
may_start(const struct ff_engine *engine)
{
    const struct batch *batch = engine->open;

    if (batch->n_entries == 0 && !batch->kept) {
        return false;
    }
    if (engine->n_sealed == 0) {
        return true;
    }
    return engine->n_sealed < engine->store->ops->commits_max && !engine->solo &&
           !engine->sealed[0]->answered && batch->n_cells >= engine->config.follower_writes_min;
}

static struct batch *
spare_batch(struct ff_engine *engine)
{
    struct batch *batch = engine->batches;

    while (batch == engine->sealed[0] || (engine->n_sealed > 1 && batch == engine->sealed[1])) {
        batch++;
    }
    return batch;
}

bool
ff_batch_start(struct ff_engine *engine)
{
    struct batch *batch = engine->open;

    if (!may_start(engine)) {
        return false;
    }
    batch->commit =
        (struct ff_commit){ .done = commit_done, .ctx = engine, .follows = engine->n_sealed > 0 };
    seal_writes(engine, batch);
    ff_marks_seal(engine, batch);
    seal_events(engine, batch);
    seal_news(batch);
    batch->loads = engine->stats.loads;
    engine->sealed[engine->n_sealed++] = batch;
    engine->open = spare_batch(engine);
    batch_reset(engine, engine->open);
    if (writes_nothing(batch) && engine->n_sealed == 1) {
        finish(engine, batch); /* reads, of what is committed */
    } else if (writes_nothing(batch)) {
        batch->commit.outcome = FF_COMMIT_ORPHANED; /* if what it has seen is not made */
        batch->answered = true;
    } else {
        ff_store_commit(engine->store, &batch->commit); /* needs what was before: `before` */
        raise_base(engine, batch);
    }
    return true;
}
