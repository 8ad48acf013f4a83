/* Shared stores: which records of earlier batches a call may build on.
 *
 * What brokers share has to be read fresh in each batch, and a record that this broker has just
 * written would be read back by the very next call. But a record that a call also writes needs no
 * fresh reading: the commit names the version it was made from, and a store that has another one
 * answers a conflict, which has the call run again on what is loaded. So some kinds stay (`old`),
 * operations that write the executions they read use them, and a call that ends without having
 * written all the old records it has used is run once more, on fresh ones.
 *
 * A guess is the same with a record that is said not to be there: that of an execution about to be
 * created.
 */
#include "core/engine/engine_int.h"

/* Calls without guesses after one that was wrong: such a conflict costs a batch. */
#define GUESSES_REST_CALLS 1000

bool
ff_trust_keeps(struct ff_engine *engine, const struct cell *cell)
{
    enum ff_record kind = ff_cell_kind(cell);
    struct ff_key key = ff_cell_key(cell);
    const struct cell *exec = cell;

    if (cell->stored == NULL || cell->stored->absent ||
        (kind != FF_R_EXEC && kind != FF_R_ATTEMPT && kind != FF_R_EXEC_INPUT)) {
        return false;
    }
    if (kind != FF_R_EXEC) {
        key.n = 18; /* of the execution */
        exec = ff_cell_known(engine, FF_R_EXEC, &key);
    }
    return exec != NULL && exec->stored != NULL && !exec->stored->absent &&
           ff_record_live(FF_R_EXEC, exec->stored->data);
}

bool
ff_trust_call(const struct ff_call *call)
{
    switch (call->op) {
    case FF_OP_create_execution:
    case FF_OP_claim:
    case FF_OP_claim_many:
    case FF_OP_renew:
    case FF_OP_progress:
    case FF_OP_complete:
    case FF_OP_fail:
    case FF_OP_delay:
    case FF_OP_suspend:
        return call->run == NULL;
    default:
        return false;
    }
}

bool
ff_trust_task(const struct ff_task *task)
{
    return task->rereads == 0 && task->conflicts == 0 &&
           ff_trust_call(&task->frame->calls[task->at]);
}

bool
ff_trust_guesses(const struct ff_engine *engine, const struct ff_call *call)
{
    return !engine->store->ops->exclusive && call->op == FF_OP_create_execution &&
           call->run == NULL && engine->stats.calls >= engine->guess_from_call;
}

void
ff_trust_guess(struct ff_engine *engine, const struct ff_task *task, struct cell *cell)
{
    const struct ff_call *call = &task->frame->calls[task->at];
    const struct ff_create_execution_args *args = call->args;
    struct ff_key key = ff_cell_key(cell), created;

    if (ff_cell_kind(cell) != FF_R_EXEC || ff_cell_top(cell) != NULL || cell->wanted ||
        !ff_trust_task(task) || !ff_trust_guesses(engine, call)) {
        return;
    }
    created = ff_key_eid(&args->execution_id);
    if (ff_key_cmp(&key, &created) == 0) {
        ff_cell_store(engine, cell, ff_row_new(engine, FF_R_EXEC, NULL), 0);
        cell->old = true;
    }
}

void
ff_trust_conflict(struct ff_engine *engine, const struct ff_write *write)
{
    if (write->kind == FF_R_EXEC && write->version_from == 0 && !write->deleted) {
        engine->guess_from_call = engine->stats.calls + GUESSES_REST_CALLS;
    }
}

/* The input of an execution outside of flows is written with it, and never again: who writes the
 * execution has proved both. */
static bool
proved_by_exec(struct ff_engine *engine, const struct cell *cell)
{
    struct ff_key key = ff_cell_key(cell);
    const struct cell *exec = ff_cell_get(engine, FF_R_EXEC, &key);
    const struct row *top = ff_cell_top(exec);

    return top != NULL && top != exec->stored && !top->absent &&
           !((const struct ff_exec *) (const void *) top->data)->flow_id.is;
}

bool
ff_trust_failed(struct ff_engine *engine, const struct ff_task *task)
{
    for (uint32_t i = 0; task->rereads == 0 && i < task->n_touched; i++) {
        const struct cell *cell = task->touched[i];

        if (ff_cell_is_old(cell) &&
            !(ff_cell_kind(cell) == FF_R_EXEC_INPUT && proved_by_exec(engine, cell))) {
            return true;
        }
    }
    return false;
}
