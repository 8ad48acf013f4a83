#include "core/engine/engine.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/engine/engine_int.h"

/* ---- configuration ---- */

static int64_t
real_wall_ms(void *ctx)
{
    (void) ctx;
    return ff_wall_ms();
}

static int64_t
real_mono_ms(void *ctx)
{
    (void) ctx;
    return ff_mono_ms();
}

void
ff_engine_config_init(struct ff_engine_config *config)
{
    FF_ASSERT(sodium_init() >= 0);
    *config = (struct ff_engine_config){
        .counts = { .flow = 256, .budget = 32, .quota = 32 },
        .frame_bytes_max = 16u << 20,
        .batch_calls_max = 2048,
        .batch_bytes_max = 32u << 20,
        .follower_writes_min = 128,
        .cache_bytes_max = 64u << 20,
        .submit_once_max = 256,
        .submit_step = 256,
        .flow_step = 256,
        .stream_ops_max = 64,
        .parked_max = 16384,
        .retention_ms = 86400000,
        .flow_retention_ms = 86400000,
        .event_retention_ms = 86400000,
        .wall_ms = real_wall_ms,
        .mono_ms = real_mono_ms,
#ifdef FF_DEBUG
        .assert_legal = true,
#endif
    };
    randombytes_buf(config->seed, sizeof(config->seed));
}

/* ---- life ---- */

struct ff_engine *
ff_engine_new(const struct ff_engine_config *config, struct ff_store *store)
{
    struct ff_engine *engine = calloc(1, sizeof(*engine));

    FF_ASSERT(engine != NULL);
    engine->config = *config;
    memcpy(&engine->fresh_versions, config->seed, sizeof(engine->fresh_versions));
    engine->store = store;
    engine->facts = (struct ff_engine_facts){
        .counts = config->counts,
        .backend = store->ops->label,
        .store = store,
        .handle_tag = store->ops->handle_tag,
        .frame_bytes_max = config->frame_bytes_max,
        .test_mode = config->test_mode,
        .lanes = config->lanes,
        .retention_ms = config->retention_ms,
        .flow_retention_ms = config->flow_retention_ms,
        .event_retention_ms = config->event_retention_ms,
        .submit_once_max = config->submit_once_max,
        .submit_step = config->submit_step,
        .flow_step = config->flow_step,
    };
    TAILQ_INIT(&engine->lru);
    TAILQ_INIT(&engine->kept);
    TAILQ_INIT(&engine->queue);
    TAILQ_INIT(&engine->lonely);
    TAILQ_INIT(&engine->wanting);
    TAILQ_INIT(&engine->walking);
    TAILQ_INIT(&engine->loading_tasks);
    TAILQ_INIT(&engine->alive);
    TAILQ_INIT(&engine->lingering);
    for (size_t i = 0; i < FF_COUNT(engine->batches); i++) {
        ff_batch_init(&engine->batches[i]);
    }
    ff_packer_init(&engine->reply);
    engine->open = &engine->batches[0];
    engine->open->number = ++engine->next_batch;
    return engine;
}

void
ff_engine_forget(struct ff_engine *engine)
{
    ff_cells_forget_kept(engine);
}

static void
answer_everybody(struct ff_engine *engine)
{
    struct ff_fault closed = { 0 };
    struct ff_task *task = NULL;

    ff_fail(&closed, FF_E_UNAVAILABLE, ff_d_text("reason", "closing"));
    while ((task = TAILQ_FIRST(&engine->alive)) != NULL) {
        task->last_batch = 0;
        for (uint32_t i = 0; i < task->at; i++) {
            ff_task_answer_fault(engine, task, i, &closed); /* done, but not known to be durable */
        }
        ff_task_abandon(engine, task, &closed);
    }
}

void
ff_engine_free(struct ff_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    engine->closing = true;
    while (engine->n_sealed > 0 || engine->loading) {
        ff_store_poll(engine->store, true);
    }
    answer_everybody(engine);
    ff_marks_drop(engine, engine->open);
    ff_marks_release(engine, &engine->lingering, UINT64_MAX);
    for (uint32_t i = 0; i < engine->n_wants; i++) {
        ff_unwant(engine, &engine->wants[i]);
    }
    ff_spans_stale(engine);
    ff_feeds_stale(engine);
    ff_cells_clear(engine);
    ff_spares_free(engine);
    for (size_t i = 0; i < FF_COUNT(engine->batches); i++) {
        ff_batch_free(&engine->batches[i]);
    }
    ff_packer_done(&engine->reply);
    ff_arena_done(&engine->scratch);
    ff_arena_done(&engine->load_arena);
    free(engine->watching.v);
    free(engine->undo);
    free(engine->follow.notes);
    ff_projector_free(engine);
    ff_lessees_done(&engine->lessees);
    free(engine->trash);
    free(engine->wants);
    free(engine);
}

/* ---- frames ---- */

/* What an idle engine has read last, for calls that wait, may be old by any time. */
static void
begin_afresh(struct ff_engine *engine)
{
    engine->open->number = ++engine->next_batch;
    ff_spans_stale(engine);
    ff_feeds_stale(engine);
    ff_cells_evict(engine);
}

void
ff_engine_submit(struct ff_engine *engine, struct ff_frame *frame)
{
    if (!engine->store->ops->exclusive && !ff_engine_busy(engine)) {
        begin_afresh(engine);
    }
    ff_task_move(engine, ff_task_new(engine, frame), TASK_QUEUED);
}

void
ff_engine_cancel(struct ff_engine *engine, struct ff_frame *frame)
{
    struct ff_fault gone = { 0 };

    frame->cancelled = true; /* one that is running will not be parked any more */
    if (frame->task == NULL || frame->task->state != TASK_PARKED) {
        return;
    }
    ff_fail(&gone, FF_E_UNAVAILABLE, ff_d_text("reason", "client_gone"));
    ff_task_abandon(engine, frame->task, &gone);
}

/* How many calls are run before the store gets what they have made, or is asked whether it has done
 * the last batch: while it commits one part of a burst the engine works on the next. Fewer would
 * make commits that cost more than their calls. */
#define SHIFT_CALLS 128

/* Runs what is queued, up to a shift; lonely tasks alone in a batch that nothing else shares. */
void
ff_engine_run_queue(struct ff_engine *engine)
{
    struct ff_task *task = NULL;
    bool was_running = engine->running;

    engine->running = true;
    engine->shift_left = SHIFT_CALLS;
    if (!TAILQ_EMPTY(&engine->lonely) && engine->open->n_entries == 0) {
        engine->solo = true;
    }
    while (engine->solo && engine->n_sealed == 0 && !ff_batch_full(engine) &&
           (task = TAILQ_FIRST(&engine->lonely)) != NULL) {
        ff_task_run(engine, task);
    }
    if (engine->solo && engine->n_sealed == 0 && engine->open->n_entries == 0) {
        engine->solo = false; /* all of them wait for a load */
    }
    while (!engine->solo && !ff_batch_full(engine) &&
           (task = TAILQ_FIRST(&engine->queue)) != NULL) {
        ff_task_run(engine, task);
    }
    engine->running = was_running;
}

/* All that can be said of progress: something was run, loaded or sent off. */
static bool
step(struct ff_engine *engine)
{
    uint64_t calls = engine->stats.calls;
    bool any = ff_parking_due(engine);

    if (engine->n_sealed > 0) {
        ff_store_poll(engine->store, false);
    }
    ff_engine_run_queue(engine);
    while (!ff_batch_full(engine) && ff_follow_start(engine)) {
        ff_engine_run_queue(engine); /* in the same commit as what it follows */
    }
    if (!engine->solo) {
        any |= ff_parking_judge(engine);
    }
    any |= ff_loads_start(engine);
    any |= ff_batch_start(engine);
    return any || engine->stats.calls != calls;
}

void
ff_engine_run(struct ff_engine *engine)
{
    if (engine->running) {
        return;
    }
    engine->running = true;
    if (ff_walks_ready(engine)) {
        ff_batch_start(engine); /* what waits for its commit does not wait for their steps, too */
    }
    ff_walks_resume(engine);
    ff_follow_look(engine);
    while (step(engine)) {
    }
    engine->running = false;
}

int64_t
ff_engine_wait_ms(const struct ff_engine *engine)
{
    int64_t parked_ms = ff_walks_ready(engine) ? 0 : ff_parking_wait_ms(engine);
    int64_t look_ms = ff_follow_wait_ms((struct ff_engine *) engine); /* reads the clock */

    return look_ms == INT64_MAX || (parked_ms >= 0 && parked_ms < look_ms) ? parked_ms : look_ms;
}

bool
ff_engine_busy(const struct ff_engine *engine)
{
    return engine->n_sealed > 0 || engine->loading || engine->open->n_entries > 0 ||
           engine->open->kept || !TAILQ_EMPTY(&engine->queue) || !TAILQ_EMPTY(&engine->lonely) ||
           !TAILQ_EMPTY(&engine->wanting) || !TAILQ_EMPTY(&engine->walking) ||
           engine->follow.n_notes > 0;
}

void
ff_engine_consume(struct ff_engine *engine)
{
    engine->follow.on = engine->facts.consumes = true;
    engine->follow.look_at = 0; /* what the last broker has left */
}

void
ff_engine_stop_claims(struct ff_engine *engine)
{
    engine->facts.claims_stopped = true;
    ff_parking_wake(engine, NULL);
}

void
ff_engine_stop_waits(struct ff_engine *engine)
{
    engine->waits_stopped = true;
    engine->facts.gate_closed = true;
    ff_engine_stop_claims(engine);
}

const struct ff_engine_facts *
ff_engine_facts(const struct ff_engine *engine)
{
    return &engine->facts;
}

int64_t
ff_engine_clock_ms(struct ff_engine *engine)
{
    return ff_engine_now(engine, FF_NONE(ff_opt_i64));
}

void
ff_engine_note_trouble(struct ff_engine *engine, bool *fails, const struct ff_fault *fault)
{
    *fails = true;
    snprintf(engine->stats.store_says, sizeof(engine->stats.store_says), "%s",
             fault->message != NULL ? fault->message : ff_error_info(fault->code)->message);
}

void
ff_engine_stats(const struct ff_engine *engine, struct ff_engine_stats *out)
{
    *out = engine->stats;
    out->parked = engine->n_parked;
}
