/* The pool of stream operations, and its gate (06 §1.7, 01 §10.6). */
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
    if (engine->facts.streams_closed) {
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

uint32_t
ff_txn_close_streams(struct ff_txn *txn)
{
    struct ff_engine *engine = txn->engine;

    if (!engine->facts.streams_closed) {
        engine->facts.streams_closed = true;
        ff_parking_wake(engine, NULL);
    }
    return engine->stream_ops;
}
