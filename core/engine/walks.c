/* Walks: calls of many steps, each of which is committed before the next one (spec/records.md §6).
 */
#include "core/engine/engine_int.h"

struct ff_walk *
ff_txn_walk(struct ff_txn *txn)
{
    if (txn->walk == NULL) {
        txn->walk = FF_ARENA_NEW(txn->arena, struct ff_walk, 1);
        if (txn->task->walking != NULL) {
            *txn->walk = txn->task->walking->now;
        }
    }
    return txn->walk;
}

bool
ff_txn_walks(const struct ff_txn *txn)
{
    return txn->walk != NULL || txn->task->walking != NULL;
}

void
ff_txn_walk_over(struct ff_txn *txn)
{
    FF_ASSERT(txn->task->walking == NULL);
    txn->walk = NULL;
}

/* What a step that is taken back has added behind `n` is overwritten by the next. */
void
ff_walk_add(struct ff_txn *txn, const struct ff_eid *id)
{
    struct ff_walk *walk = ff_txn_walk(txn);

    walk->todo = ff_arena_grow(&txn->task->frame->arena, walk->todo, &walk->room, walk->n,
                               sizeof(*walk->todo));
    walk->todo[walk->n++] = *id;
}

struct ff_arena *
ff_walk_arena(struct ff_txn *txn)
{
    return &txn->task->frame->arena;
}

ff_err
ff_txn_step(struct ff_txn *txn)
{
    FF_ASSERT(txn->walk != NULL);
    return FF_E_STEP;
}

void
ff_walk_pause(struct ff_engine *engine, struct ff_txn *txn, bool wrote)
{
    struct ff_task *task = txn->task;

    if (task->walking == NULL) {
        task->walking = FF_ARENA_NEW(&task->frame->arena, struct walking, 1);
    }
    task->walking->before = task->walking->now;
    task->walking->now = *txn->walk;
    task->walking->batch = wrote ? engine->open->number : 0;
    engine->open->kept = engine->open->kept || wrote;
    ff_task_move(engine, task, TASK_WALKING);
}

void
ff_walks_undo(struct ff_engine *engine, uint64_t batch, const struct ff_fault *fault)
{
    struct ff_task *task = NULL, *next = NULL;

    TAILQ_FOREACH_SAFE(task, &engine->walking, link, next)
    {
        if (task->walking->batch == batch) {
            task->walking->now = task->walking->before;
            task->walking->batch = 0;
            if (fault != NULL) {
                ff_task_abandon(engine, task, fault);
            }
        }
    }
}

static bool
is_ready(const struct ff_engine *engine, const struct ff_task *task)
{
    return task->walking->batch <= engine->committed;
}

bool
ff_walks_ready(const struct ff_engine *engine)
{
    const struct ff_task *task = NULL;

    TAILQ_FOREACH(task, &engine->walking, link)
    {
        if (is_ready(engine, task)) {
            return true;
        }
    }
    return false;
}

void
ff_walks_resume(struct ff_engine *engine)
{
    struct ff_task *task = NULL, *next = NULL;

    TAILQ_FOREACH_SAFE(task, &engine->walking, link, next)
    {
        if (is_ready(engine, task)) {
            ff_task_move(engine, task, TASK_QUEUED);
        }
    }
}
