#include <stdlib.h>

#include "core/engine/engine_int.h"

/* A page is asked for in pieces of at most this many entries (design §2: 64 claims of 32). */
#define PAGE_ENTRIES_MAX 4096

/* ---- taking answers in ---- */

static void
take_record(struct ff_engine *engine, const struct ff_want *want)
{
    struct cell *cell = ff_cell_get(engine, want->kind, &want->key);
    struct ff_arena *arena = &engine->load_arena;
    struct ff_fault fault = { 0 };
    void *record = NULL;

    cell->corrupt = false;
    cell->loaded_in = engine->stats.loads;
    if (!want->found) {
        ff_cell_store(engine, cell, ff_row_new(engine, want->kind, NULL), 0);
        return;
    }
    record = ff_arena_zalloc(arena, ff_records[want->kind]->size);
    if (ff_row_decode(want->kind, want->body, arena, record, &fault) != FF_E_OK) {
        cell->wanted = false;
        cell->corrupt = true;
        return;
    }
    ff_cell_store(engine, cell, ff_row_new(engine, want->kind, record), want->version);
    if (want->kind == FF_R_EXEC && !engine->store->ops->exclusive) {
        ff_cells_doubt(engine, record);
    }
}

static void
take(struct ff_engine *engine, const struct ff_want *want)
{
    switch (want->what) {
    case FF_WANT_RECORD:
        take_record(engine, want);
        break;
    case FF_WANT_PAGE:
        if (want->owner != NULL) {
            ff_peek_load(want->owner, want);
        } else {
            ff_span_load(engine, want);
        }
        break;
    case FF_WANT_SCOPES:
        ff_scopes_load(engine, want);
        break;
    case FF_WANT_EVENTS:
        ff_feed_load(engine, want);
        break;
    case FF_WANT_WALK: /* the engine asks for none */
        break;
    }
}

void
ff_unwant(struct ff_engine *engine, const struct ff_want *want)
{
    if (want->what == FF_WANT_RECORD) {
        ff_cell_get(engine, want->kind, &want->key)->wanted = false;
    } else if (want->what == FF_WANT_PAGE && want->owner != NULL) {
        ((struct peek *) want->owner)->wanted = false;
    } else if (want->what == FF_WANT_PAGE) {
        ff_span_unwant(engine, want);
    } else if (want->what == FF_WANT_SCOPES) {
        ff_scopes_get(engine, want->index, &want->scope)->wanted = false;
    } else {
        ff_feed_unwant(engine, want);
    }
}

/* ---- at once ---- */

static void
immediate_done(struct ff_load *load)
{
    *(bool *) load->ctx = true;
}

static ff_err
load_now(struct ff_engine *engine, struct ff_want *want, struct ff_fault *fault)
{
    bool done = false;
    struct ff_load load = {
        .wants = want, .n = 1, .arena = &engine->load_arena, .done = immediate_done, .ctx = &done
    };

    engine->stats.loads++;
    ff_store_load(engine->store, &load);
    FF_ASSERT(done);
    if (load.fault.code != FF_E_OK) {
        ff_unwant(engine, want);
        ff_engine_note_trouble(engine, &engine->stats.loads_fail, &load.fault);
        *fault = load.fault;
        if (fault->message != NULL) { /* the store's words are the load's, the call outlives it */
            fault->message = ff_arena_copy(&engine->scratch, ff_cstr(fault->message)).p;
        }
        ff_arena_reset(&engine->load_arena);
        return fault->code;
    }
    engine->stats.loads_fail = false;
    take(engine, want);
    ff_arena_reset(&engine->load_arena);
    return FF_E_OK;
}

/* ---- later ---- */

static ff_err
want_later(struct ff_engine *engine, const struct ff_want *want)
{
    engine->wants =
        ff_grow(engine->wants, &engine->wants_room, engine->n_wants, sizeof(*engine->wants));
    engine->wants[engine->n_wants++] = *want;
    return FF_E_PENDING;
}

ff_err
ff_want_cell(struct ff_engine *engine, struct cell *cell, struct ff_fault *fault)
{
    struct ff_want want = { .what = FF_WANT_RECORD,
                            .kind = ff_cell_kind(cell),
                            .key = ff_cell_key(cell) };

    if (cell->stored == NULL && !cell->wanted && !cell->corrupt) {
        cell->wanted = true;
        FF_TRY(engine->store->ops->immediate ? load_now(engine, &want, fault)
                                             : want_later(engine, &want));
    }
    if (cell->corrupt) {
        cell->corrupt = false; /* the next call looks again */
        return ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "record"),
                       ff_d_text("context", ff_records[want.kind]->name));
    }
    return cell->stored == NULL ? FF_E_PENDING : FF_E_OK;
}

ff_err
ff_want_feed(struct ff_engine *engine, struct feed_page *page, struct ff_fault *fault)
{
    struct ff_want want = { .what = FF_WANT_EVENTS,
                            .family = page->family,
                            .after_seq = page->after,
                            .limit = page->limit };

    if (page->wanted) {
        return FF_E_PENDING;
    }
    page->wanted = true;
    return engine->store->ops->immediate ? load_now(engine, &want, fault)
                                         : want_later(engine, &want);
}

ff_err
ff_want_page(struct ff_engine *engine, struct span *span, const struct ff_entry *after,
             uint32_t limit, struct ff_fault *fault)
{
    struct ff_want want = { .what = FF_WANT_PAGE, .index = span->index, .scope = span->scope };

    want.has_after = after != NULL;
    if (after != NULL) {
        want.after = *after;
    }
    want.limit = limit < PAGE_ENTRIES_MAX ? limit : PAGE_ENTRIES_MAX;
    if (engine->store->ops->immediate) {
        span->wanted = true;
        return load_now(engine, &want, fault);
    }
    if (!span->wanted) {
        span->wanted = true;
        span->want_at = engine->n_wants;
        return want_later(engine, &want);
    }
    /* Gathered already, not yet sent: what several calls expect adds up to one page. */
    if (span->want_at < engine->n_wants) {
        struct ff_want *gathered = &engine->wants[span->want_at];

        if (gathered->what == FF_WANT_PAGE && gathered->owner == NULL &&
            gathered->index == want.index && ff_scope_cmp(&gathered->scope, &want.scope) == 0 &&
            gathered->limit + limit <= PAGE_ENTRIES_MAX) {
            gathered->limit += limit;
        }
    }
    return FF_E_PENDING;
}

ff_err
ff_want_peek(struct ff_engine *engine, struct peek *peek, const struct ff_entry *before,
             struct ff_fault *fault)
{
    const struct ff_want want = { .what = FF_WANT_PAGE,
                                  .index = (enum ff_index) peek->place.index,
                                  .scope = peek->place.scope,
                                  .has_after = true,
                                  .after = *before,
                                  .limit = 1,
                                  .owner = peek };

    if (peek->wanted) {
        return FF_E_PENDING;
    }
    peek->wanted = true;
    if (engine->store->ops->immediate) {
        struct ff_want now = want;

        return load_now(engine, &now, fault);
    }
    return want_later(engine, &want);
}

ff_err
ff_want_scopes(struct ff_engine *engine, struct scopes *scopes, struct ff_fault *fault)
{
    struct ff_want want = { .what = FF_WANT_SCOPES,
                            .index = scopes->index,
                            .scope = scopes->prefix };

    if (engine->store->ops->immediate) {
        scopes->wanted = true;
        return load_now(engine, &want, fault);
    }
    if (!scopes->wanted) {
        scopes->wanted = true;
        return want_later(engine, &want);
    }
    return FF_E_PENDING;
}

/* ---- the load under way ---- */

/* A task with no call left must not queue: the batch may be full, and be done with it before it is
 * looked at again. */
static void
fail_tasks(struct ff_engine *engine, const struct ff_fault *fault)
{
    struct ff_task *task = NULL;

    while ((task = TAILQ_FIRST(&engine->loading_tasks)) != NULL) {
        ff_task_answer_fault(engine, task, task->at, fault);
        ff_permit_return(engine, task);
        ff_pass_note(engine);
        ff_batch_add(engine, task, task->at);
        task->at++;
        task->arrived_mono_ms = -1;
        ff_task_move(engine, task, task->at < task->frame->n ? TASK_QUEUED : TASK_WAITING_COMMIT);
    }
}

/* They lead the next batch: run before anything that came later, and before what was loaded for
 * them can go stale. */
static void
resume_tasks(struct ff_engine *engine)
{
    struct ff_task *task = NULL;

    while ((task = TAILQ_LAST(&engine->loading_tasks, task_list)) != NULL) {
        struct task_list *to = task->conflicts > 0 ? &engine->lonely : &engine->queue;

        ff_task_move(engine, task, task->conflicts > 0 ? TASK_LONELY : TASK_QUEUED);
        TAILQ_REMOVE(to, task, link);
        TAILQ_INSERT_HEAD(to, task, link);
    }
}

static void
load_done(struct ff_load *load)
{
    struct ff_engine *engine = load->ctx;

    engine->loading = false;
    for (uint32_t i = 0; i < load->n; i++) {
        if (load->fault.code == FF_E_OK) {
            take(engine, &load->wants[i]);
        } else {
            ff_unwant(engine, &load->wants[i]);
        }
    }
    if (load->fault.code == FF_E_OK) {
        engine->stats.loads_fail = false;
        resume_tasks(engine);
    } else {
        ff_engine_note_trouble(engine, &engine->stats.loads_fail, &load->fault);
        fail_tasks(engine, &load->fault);
    }
    if (engine->load_doubted) {
        ff_spans_stale(engine);
    }
    free(load->wants);
    load->wants = NULL;
    ff_arena_reset(&engine->load_arena);
    ff_engine_run_queue(engine);
}

bool
ff_loads_start(struct ff_engine *engine)
{
    struct ff_task *task = NULL;

    if (engine->loading || (engine->n_wants == 0 && TAILQ_EMPTY(&engine->wanting))) {
        return false;
    }
    if (engine->n_wants == 0) { /* all they wanted was in a load that others had sent off */
        TAILQ_CONCAT(&engine->loading_tasks, &engine->wanting, link);
        TAILQ_FOREACH(task, &engine->loading_tasks, link)
        {
            task->state = TASK_LOADING;
        }
        resume_tasks(engine);
        return true;
    }
    engine->loading = true;
    engine->load_doubted = false;
    engine->load_epoch = engine->committed;
    engine->load = (struct ff_load){ .wants = engine->wants,
                                     .n = engine->n_wants,
                                     .arena = &engine->load_arena,
                                     .done = load_done,
                                     .ctx = engine };
    engine->wants = NULL;
    engine->n_wants = engine->wants_room = 0;
    while ((task = TAILQ_FIRST(&engine->wanting)) != NULL) {
        ff_task_move(engine, task, TASK_LOADING);
    }
    engine->stats.loads++;
    ff_store_load(engine->store, &engine->load);
    return true;
}
