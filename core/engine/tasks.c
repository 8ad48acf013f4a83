#include <sodium.h>
#include <stdlib.h>

#include "core/engine/dispatch.h"
#include "core/engine/engine_int.h"

struct ff_task *
ff_task_new(struct ff_engine *engine, struct ff_frame *frame)
{
    struct ff_task *task = FF_ARENA_NEW(&frame->arena, struct ff_task, 1);

    task->frame = frame;
    task->number = engine->next_task++;
    task->arrived_mono_ms = -1;
    task->due_from = engine->stats.loads + 1;
    task->state = TASK_RUNNING; /* in no list yet */
    frame->task = task;
    for (uint32_t i = 0; i < frame->n; i++) {
        frame->calls[i].judged = frame->calls[i].fault.code != FF_E_OK;
    }
    TAILQ_INSERT_TAIL(&engine->alive, task, alive);
    return task;
}

static struct task_list *
list_of(struct ff_engine *engine, enum task_state state)
{
    switch (state) {
    case TASK_QUEUED:
        return &engine->queue;
    case TASK_LONELY:
        return &engine->lonely;
    case TASK_WANTING:
        return &engine->wanting;
    case TASK_LOADING:
        return &engine->loading_tasks;
    case TASK_WALKING:
        return &engine->walking;
    case TASK_RUNNING:
    case TASK_PARKED:
    case TASK_WAITING_COMMIT:
        break;
    }
    return NULL;
}

void
ff_task_move(struct ff_engine *engine, struct ff_task *task, enum task_state state)
{
    struct task_list *from = list_of(engine, task->state);
    struct task_list *to = list_of(engine, state);

    if (task->state == TASK_PARKED) {
        ff_parking_unlink(engine, task);
    } else if (from != NULL) {
        TAILQ_REMOVE(from, task, link);
    }
    task->state = state;
    if (to != NULL) {
        TAILQ_INSERT_TAIL(to, task, link);
    }
}

/* ---- time ---- */

int64_t
ff_engine_now(struct ff_engine *engine, struct ff_opt_i64 given_ms)
{
    const struct ff_engine_config *config = &engine->config;
    int64_t now_ms = 0;

    if (config->test_mode && given_ms.is) {
        if (!engine->test_now_ms.is || engine->test_now_ms.v != given_ms.v) {
            engine->test_now_ms = given_ms;
            ff_parking_wake(engine, NULL); /* time has moved for everybody */
        }
    }
    if (engine->test_now_ms.is) {
        return engine->test_now_ms.v;
    }
    now_ms = config->wall_ms(config->clock_ctx);
    if (now_ms < engine->last_now_ms) {
        now_ms = engine->last_now_ms; /* the engine clock never goes back (01 §10.5) */
    }
    engine->last_now_ms = now_ms;
    return now_ms;
}

/* ---- answers ---- */

static void
keep_reply(struct ff_engine *engine, struct ff_task *task, uint32_t call)
{
    task->frame->calls[call].reply =
        ff_arena_copy(&task->frame->arena, ff_packer_str(&engine->reply));
}

void
ff_task_answer_fault(struct ff_engine *engine, struct ff_task *task, uint32_t call,
                     const struct ff_fault *fault)
{
    struct ff_call *answered = &task->frame->calls[call];

    answered->fault = *fault;
    engine->reply.buf.size = 0;
    ff_encode_error(fault, ff_ops[answered->op].name, &engine->reply.pk);
    keep_reply(engine, task, call);
    if (!answered->judged) { /* details may point into memory that goes away */
        answered->fault.n = 0;
        answered->fault.message = NULL;
    }
}

static void
answer_result(struct ff_engine *engine, struct ff_task *task, const void *result)
{
    struct ff_call *call = &task->frame->calls[task->at];

    call->fault = (struct ff_fault){ 0 };
    engine->reply.buf.size = 0;
    ff_encode(ff_ops[call->op].result, result, &engine->reply.pk);
    keep_reply(engine, task, task->at);
}

void
ff_task_settle(struct ff_engine *engine, struct ff_task *task)
{
    if (task->state != TASK_WAITING_COMMIT || task->last_batch > engine->committed) {
        return;
    }
    TAILQ_REMOVE(&engine->alive, task, alive);
    free(task->touched);
    task->frame->task = NULL;
    task->frame->done(task->frame);
}

void
ff_task_abandon(struct ff_engine *engine, struct ff_task *task, const struct ff_fault *fault)
{
    ff_permit_return(engine, task);
    while (task->at < task->frame->n) {
        struct ff_call *call = &task->frame->calls[task->at];

        ff_task_answer_fault(engine, task, task->at++, fault);
        call->fault = *fault; /* the answer even if what was before it has to be run again */
        call->judged = true;
    }
    ff_task_move(engine, task, TASK_WAITING_COMMIT);
    task->n_touched = 0;
    if (task->last_batch > engine->committed) {
        ff_batch_add(engine, task, task->frame->n - 1); /* what it did before is under way */
    } else {
        ff_task_settle(engine, task);
    }
}

/* ---- running a call ---- */

static ff_err
run_op(struct ff_engine *engine, struct ff_task *task, struct ff_txn *txn, void **result_out)
{
    struct ff_call *call = &task->frame->calls[task->at];
    const struct ff_op_info *op = &ff_ops[call->op];

    if (call->judged) {
        txn->fault = call->fault;
        return call->fault.code;
    }
    if (ff_op_runs[call->op] == NULL && call->run == NULL) {
        return ff_fail(&txn->fault, FF_E_UNAVAILABLE, ff_d_text("reason", "not_implemented"),
                       ff_d_text("operation", op->name));
    }
    *result_out = ff_arena_zalloc(&engine->scratch, op->result->size);
    return (call->run != NULL ? call->run : ff_op_runs[call->op])(txn, call->args, *result_out);
}

/* Takes the call's changes back, unless it asked to keep them. */
static void
take_back(struct ff_engine *engine, const struct ff_savepoint *to)
{
    if (!engine->keep) {
        ff_cells_undo(engine, 0);
        engine->open->n_events = to->events;
        engine->open->bytes = to->bytes; /* else calls run again and again would fill the batch */
        ff_follow_forget(engine, to->notes, FF_IX_N);
    }
}

/* What the call has used is to be loaded again, as far as no batch of ours has written it. False:
 * there is nothing to load. */
static bool
reread(struct ff_engine *engine, struct ff_task *task)
{
    struct ff_fault fault = { 0 };
    bool pending = false;

    for (uint32_t i = 0; i < task->n_touched; i++) {
        struct cell *cell = task->touched[i];

        ff_cell_reread(engine, cell);
        if (ff_cell_top(cell) == NULL) {
            pending |= ff_want_cell(engine, cell, &fault) == FF_E_PENDING;
        }
    }
    return pending;
}

static bool
is_broken(ff_err err)
{
    return err == FF_E_CORRUPTION || err == FF_E_INVARIANT_VIOLATION;
}

/* Other brokers write the store too, and what commits nothing is not found to have been made from
 * old records: it is answered when what the call has used was loaded again. */
static bool
in_doubt(struct ff_engine *engine, const struct ff_task *task, ff_err err)
{
    const struct ff_error_info *info = ff_error_info(err);

    if (engine->store->ops->exclusive || task->frame->calls[task->at].judged ||
        err == FF_E_PENDING) {
        return false;
    }
    if (ff_trust_failed(engine, task)) {
        return true;
    }
    if (info == NULL) {
        return false;
    }
    if (is_broken(err)) {
        return task->rereads < REREADS_MAX;
    }
    return task->rereads == 0 && (info->kind == FF_KIND_NOT_FOUND || info->kind == FF_KIND_STATE ||
                                  info->kind == FF_KIND_CONTENTION);
}

/* What the call is to end with: where it was no error, it waits. */
static ff_err
doubt(struct ff_engine *engine, struct ff_task *task, ff_err err)
{
    task->rereads++;
    engine->doubt = true;
    engine->aside = is_broken(err);
    if (err == FF_E_PARKED) {
        ff_parking_leave(engine, task);
    }
    return ff_error_info(err) == NULL ? FF_E_PENDING : err;
}

/* Takes the call back and has what it used loaded again. True: it is to be run again; what looked
 * broken, in a batch of its own. */
static bool
try_again(struct ff_engine *engine, struct ff_task *task, ff_err err)
{
    bool pending = reread(engine, task);

    if (is_broken(err)) {
        task->conflicts++; /* from here on it is a lonely one */
        return true;
    }
    return pending;
}

/* What only reads, answers from what was loaded after it was asked: its client may have it from
 * another broker that there is more. */
static void
read_anew(const struct ff_engine *engine, struct ff_task *task)
{
    const struct ff_call *call = &task->frame->calls[task->at];

    if (!engine->store->ops->exclusive && (ff_ops[call->op].flags & FF_OPF_MUTATING) == 0 &&
        task->fresh_from < task->due_from) {
        task->fresh_from = task->due_from;
    }
}

static bool
has_written(const struct ff_engine *engine, const struct ff_savepoint *start)
{
    return engine->n_undo > 0 || engine->open->n_events > start->events || engine->trimming;
}

static ff_err
run_call(struct ff_engine *engine, struct ff_task *task)
{
    struct ff_call *call = &task->frame->calls[task->at];
    struct ff_txn txn = { .arena = &engine->scratch,
                          .facts = &engine->facts,
                          .common = &call->common,
                          .engine = engine,
                          .task = task };
    struct ff_savepoint start = ff_txn_savepoint(&txn);
    void *result = NULL;
    ff_err err = FF_E_OK;

    txn.now_ms = ff_engine_now(engine, call->common.now_ms);
    engine->keep = false;
    engine->doubt = false;
    engine->aside = false;
    engine->random_used = sizeof(engine->random);
    engine->random_block = 0;
    engine->random_call = task->number << 10 | task->at; /* at most 1024 calls a frame */
    task->n_touched = 0;
    engine->oldest_read = UINT64_MAX;
    engine->watching.n = 0;
    engine->watching.all = false;
    read_anew(engine, task);
    err = run_op(engine, task, &txn, &result);
    if (in_doubt(engine, task, err)) {
        err = doubt(engine, task, err);
    } else if (err == FF_E_OK && !has_written(engine, &start)) {
        err = ff_txn_up_to_date(&txn); /* no commit finds out whether it was */
    }
    if (err == FF_E_PENDING || err == FF_E_INVARIANT_VIOLATION || engine->doubt) {
        engine->keep = false; /* the next run writes it again; or nothing of it can be trusted */
    }
    if (err == FF_E_STEP) {
        ff_walk_pause(engine, &txn, has_written(engine, &start));
    } else if (err == FF_E_OK) {
        answer_result(engine, task, result);
    } else {
        take_back(engine, &start);
        if (engine->doubt && try_again(engine, task, err)) {
            err = FF_E_PENDING;
        }
        if (err != FF_E_PENDING && err != FF_E_PARKED) {
            ff_task_answer_fault(engine, task, task->at, &txn.fault);
        }
    }
    if (err != FF_E_PENDING && err != FF_E_PARKED) {
        ff_permit_return(engine, task);
        ff_pass_note(engine);
    }
    ff_cells_settle(engine);
    ff_feeds_settle(engine, err == FF_E_OK || err == FF_E_STEP);
    if ((ff_ops[call->op].flags & FF_OPF_SECRET) != 0) {
        ff_arena_wipe(&engine->scratch);
    }
    ff_arena_reset(&engine->scratch);
    return err;
}

void
ff_task_run(struct ff_engine *engine, struct ff_task *task)
{
    ff_task_move(engine, task, TASK_RUNNING);
    while (task->at < task->frame->n) {
        ff_err err = FF_E_OK;

        if (ff_batch_full(engine)) {
            ff_task_move(engine, task, TASK_QUEUED);
            TAILQ_REMOVE(&engine->queue, task, link);
            TAILQ_INSERT_HEAD(&engine->queue, task, link);
            return;
        }
        err = run_call(engine, task);
        if (err == FF_E_PENDING) {
            if (!engine->store->ops->immediate) {
                ff_look_ahead(engine, task);
            }
            ff_task_move(engine, task, engine->aside ? TASK_LONELY : TASK_WANTING);
            return;
        }
        if (err == FF_E_PARKED) {
            engine->open->kept |= engine->keep;
            ff_parking_link(engine, task);
            return;
        }
        engine->shift_left--;
        if (err == FF_E_STEP) {
            return;
        }
        engine->stats.calls++;
        ff_batch_add(engine, task, task->at);
        task->walking = NULL;
        task->at++;
        task->arrived_mono_ms = -1;
        task->conflicts = 0;
        task->rereads = 0;
        task->disagreed = 0;
    }
    ff_task_move(engine, task, TASK_WAITING_COMMIT);
}
