/* The pool of stream operations; passes of scanners; the gate before both (06 §1.7, 01 §10.6). */
#include "core/engine/engine_int.h"
#include "core/engine/topics.h"

#define POOL "stream_ops"
/* 06 §1.7: 25 ms a permit that is out, shared by those that are free. */
#define RETRY_UNIT_MS 25

ff_err
ff_txn_stream_permit(struct ff_txn *txn)
{
    struct ff_engine *engine = txn->engine;
    uint64_t max = engine->config.stream_ops_max;

    if (txn->task->permit) {
        return FF_E_OK; /* run again */
    }
    if (engine->facts.gate_closed) {
        return ff_fail(&txn->fault, FF_E_UNAVAILABLE, ff_d_text("gate", POOL));
    }
    if (engine->stream_ops >= max) {
        return ff_fail(&txn->fault, FF_E_RESOURCE_EXHAUSTED, ff_d_text("pool", POOL),
                       ff_d_u64("max", max), ff_d_u64("retry_after_ms", RETRY_UNIT_MS * max));
    }
    txn->task->permit = true;
    engine->stream_ops++;
    return FF_E_OK;
}

void
ff_permit_return(struct ff_engine *engine, struct ff_task *task)
{
    const struct ff_scope pool = ff_topic_stream_pool();

    task->kept.is = false;
    if (task->permit) {
        task->permit = false;
        engine->stream_ops--;
        if (engine->stream_ops == 0) {
            ff_parking_wake(engine, &pool);
        }
    }
}

/* ---- passes of scanners ---- */

void
ff_txn_pass(struct ff_txn *txn, enum ff_scanner scanner, bool goes_on)
{
    FF_ASSERT(scanner < FF_SCANNERS);
    txn->engine->passes[scanner] = goes_on;
    ff_pass_note(txn->engine);
}

void
ff_pass_note(struct ff_engine *engine)
{
    const struct ff_scope pool = ff_topic_stream_pool();

    if (engine->facts.gate_closed) {
        ff_parking_wake(engine, &pool);
    }
}

/* Calls for items of a list; what the engine calls by itself has its own function. */
static bool
acts_for_scanner(const struct ff_task *task)
{
    for (uint32_t i = task->at; i < task->frame->n; i++) {
        const struct ff_call *call = &task->frame->calls[i];

        if (ff_ops[call->op].class == FF_CLASS_OF_SCANNER && call->op != FF_OP_scan_due &&
            call->run == NULL) {
            return true;
        }
    }
    return false;
}

/* ---- the gate ---- */

static uint32_t
count_passes(const struct ff_engine *engine)
{
    const struct ff_task *task = NULL;
    uint32_t n = 0;

    for (int i = 0; i < FF_SCANNERS; i++) {
        n += engine->passes[i];
    }
    TAILQ_FOREACH(task, &engine->alive, alive)
    {
        n += acts_for_scanner(task);
    }
    return n;
}

uint32_t
ff_txn_close_gate(struct ff_txn *txn)
{
    struct ff_engine *engine = txn->engine;

    if (!engine->facts.gate_closed) {
        engine->facts.gate_closed = true;
        ff_parking_wake(engine, NULL);
    }
    return engine->stream_ops + count_passes(engine);
}
