/* Walks: calls of many steps, each of which is committed before the next one is (spec/records.md
 * §6). */
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

/* Of batches that are committed nothing is taken back any more. */
static void
forget_committed(const struct ff_engine *engine, struct walking *walking)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < walking->n; i++) {
        if (walking->steps[i].batch > engine->committed) {
            walking->steps[n++] = walking->steps[i];
        }
    }
    walking->n = n;
}

void
ff_walk_pause(struct ff_engine *engine, struct ff_txn *txn, bool wrote)
{
    struct ff_task *task = txn->task;
    struct walking *walking = task->walking;
    uint64_t batch = engine->open->number;

    if (walking == NULL) {
        walking = task->walking = FF_ARENA_NEW(&task->frame->arena, struct walking, 1);
    }
    forget_committed(engine, walking);
    if (walking->n == 0 || walking->steps[walking->n - 1].batch != batch) {
        FF_ASSERT(walking->n < FF_COUNT(walking->steps));
        walking->steps[walking->n++] =
            (struct walk_steps){ .batch = batch, .before = walking->now };
    }
    walking->now = *txn->walk;
    walking->wrote_in = wrote ? batch : walking->wrote_in;
    engine->open->kept = engine->open->kept || wrote;
    ff_task_move(engine, task, TASK_WALKING);
}

static bool
has_written_in(const struct ff_task *task, uint64_t batch)
{
    const struct walking *walking = task->walking;

    for (uint32_t i = 0; walking != NULL && i < walking->n; i++) {
        if (walking->steps[i].batch == batch) {
            return walking->wrote_in >= batch;
        }
    }
    return false;
}

void
ff_walks_fail(struct ff_engine *engine, uint64_t batch, const struct ff_fault *fault)
{
    struct ff_task *task = NULL, *next = NULL;

    TAILQ_FOREACH_SAFE(task, &engine->alive, alive, next)
    {
        if (task->state != TASK_WAITING_COMMIT && has_written_in(task, batch)) {
            ff_task_abandon(engine, task, fault);
        }
    }
}

static void
undo(const struct ff_engine *engine, struct walking *walking)
{
    forget_committed(engine, walking);
    if (walking->n > 0) {
        walking->now = walking->steps[0].before;
        walking->n = 0;
    }
    if (walking->wrote_in > engine->committed) {
        walking->wrote_in = 0;
    }
}

void
ff_walks_undo(struct ff_engine *engine)
{
    struct ff_task *task = NULL;

    TAILQ_FOREACH(task, &engine->alive, alive)
    {
        if (task->walking != NULL) {
            undo(engine, task->walking);
        }
    }
}

/* One that may go on ahead of its commit waits only until its step is on the way to it: a batch has
 * one step of a walk. */
static bool
is_ready(const struct ff_engine *engine, const struct ff_task *task)
{
    const struct walking *walking = task->walking;

    return walking->now.ahead ? walking->wrote_in < engine->open->number
                              : walking->wrote_in <= engine->committed;
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
