/* crash.h: an engine that ends between two steps of a call. */
#ifndef FF_TESTS_ENGINE_CRASH_H
#define FF_TESTS_ENGINE_CRASH_H

#include "tests/engine/life.h"

#include "core/store.h"

/* Hands a call in, lets so many steps of it be committed, ends the engine, and begins another. */
static inline void
crash_after_steps(struct ff_rig *rig, enum ff_op op, const void *args,
                  const struct ff_engine_config *config, uint32_t steps)
{
    struct ff_engine_stats before, after;
    struct ff_waiting *waiting = NULL;

    ff_engine_stats(rig->engine, &before);
    waiting = ff_rig_submit(rig, op, args);
    do {
        ff_engine_run(rig->engine);
        ff_store_poll(rig->store, true);
        ff_engine_stats(rig->engine, &after);
    } while (after.commits < before.commits + steps);
    assert_false(ff_rig_is_done(waiting));
    ff_rig_restart(rig, config);
    assert_err(ff_rig_finish(rig, waiting, NULL), FF_E_UNAVAILABLE);
}

static inline void
crash_after_a_step(struct ff_rig *rig, enum ff_op op, const void *args)
{
    struct ff_engine_config config;

    ff_rig_engine_config(rig, &config);
    crash_after_steps(rig, op, args, &config, 1);
}

#endif
