#include <stdlib.h>

#include "core/engine/engine_int.h"
#include "core/engine/scan.h"
#include "core/engine/topics.h"

static int
topic_cmp(const struct topic *a, const struct topic *b)
{
    return ff_scope_cmp(&a->scope, &b->scope);
}

static int
deadline_cmp(const struct ff_task *a, const struct ff_task *b)
{
    if (a->park_deadline_ms != b->park_deadline_ms) {
        return a->park_deadline_ms < b->park_deadline_ms ? -1 : 1;
    }
    return a->number < b->number ? -1 : a->number > b->number;
}

FF_RB_GENERATE(topic_tree, topic, node, topic_cmp)
FF_RB_GENERATE(deadline_tree, ff_task, deadline, deadline_cmp)

/* ---- topics ---- */

static void
credit(struct ff_engine *engine, struct topic *topic, uint32_t how_many)
{
    uint32_t room = UINT32_MAX - topic->credits;

    if (engine->telling > topic->fresh_from) {
        topic->fresh_from = engine->telling;
    }

    if (topic->credits == 0 && how_many > 0) {
        LIST_INSERT_HEAD(&engine->hot_topics, topic, hot);
    }
    topic->credits += how_many < room ? how_many : room;
}

static void
use_credit(struct topic *topic)
{
    if (topic->credits > 0 && --topic->credits == 0) {
        LIST_REMOVE(topic, hot);
    }
}

static void
cool(struct topic *topic)
{
    if (topic->credits > 0) {
        topic->credits = 0;
        LIST_REMOVE(topic, hot);
    }
}

static void
wake_at(struct ff_engine *engine, struct topic *topic, int64_t at_ms)
{
    if (topic->wake_at_ms == INT64_MAX && at_ms < INT64_MAX) {
        LIST_INSERT_HEAD(&engine->timed_topics, topic, timed);
    }
    if (at_ms < topic->wake_at_ms) {
        topic->wake_at_ms = at_ms;
    }
}

static void
wake_never(struct topic *topic)
{
    if (topic->wake_at_ms < INT64_MAX) {
        topic->wake_at_ms = INT64_MAX;
        LIST_REMOVE(topic, timed);
    }
}

static struct topic *
topic_find(struct ff_engine *engine, const struct ff_scope *scope)
{
    struct topic probe;

    probe.scope = *scope;
    return RB_FIND(topic_tree, &engine->topics, &probe);
}

/* Where the engine finds the topic of a scanner without a search; NULL: it is a lane's. */
static struct topic **
scanner_place(struct ff_engine *engine, const struct ff_scope *scope)
{
    return scope->n == 2 && scope->b[0] == 0 ? &engine->scanner_topics[scope->b[1]] : NULL;
}

static struct topic *
topic_get(struct ff_engine *engine, const struct ff_scope *scope)
{
    struct topic **place = scanner_place(engine, scope);
    struct topic *topic = topic_find(engine, scope);

    if (topic == NULL) {
        topic = calloc(1, sizeof(*topic));
        FF_ASSERT(topic != NULL);
        topic->scope = *scope;
        topic->wake_at_ms = INT64_MAX;
        TAILQ_INIT(&topic->parked);
        TAILQ_INIT(&topic->judged);
        RB_INSERT(topic_tree, &engine->topics, topic);
        if (place != NULL) {
            *place = topic;
        }
    }
    return topic;
}

/* What it watches is said anew by each of its calls that parks again. */
static void
unwatch(struct topic *topic)
{
    if (topic->watches.n > 0 || topic->watches.all) {
        topic->watches.n = 0;
        topic->watches.all = false;
        LIST_REMOVE(topic, watching);
    }
}

static void
topic_sweep(struct ff_engine *engine, struct topic *topic)
{
    struct topic **place = scanner_place(engine, &topic->scope);

    if (topic->n_parked == 0 && !topic->judging) {
        if (place != NULL) {
            *place = NULL;
        }
        cool(topic);
        wake_never(topic);
        unwatch(topic);
        RB_REMOVE(topic_tree, &engine->topics, topic);
        free(topic->watches.v);
        free(topic);
    }
}

void
ff_parking_leave(struct ff_engine *engine, struct ff_task *task)
{
    struct topic *topic = task->topic;

    task->topic = NULL;
    topic_sweep(engine, topic);
}

/* ---- watches ---- */

/* Of one topic or call: a claim depends on the budgets and quotas of the classes it was refused. */
#define WATCHES_MAX 256

bool
ff_watches_has(const struct watches *watches, const struct ff_scope *what)
{
    for (uint32_t i = 0; i < watches->n; i++) {
        if (ff_topic_covers(what, &watches->v[i])) {
            return true;
        }
    }
    return watches->all;
}

void
ff_parking_watch(struct watches *watches, const struct ff_scope *what)
{
    if (ff_watches_has(watches, what)) {
        return;
    }
    watches->all = watches->n == WATCHES_MAX;
    if (!watches->all) {
        watches->v = ff_grow(watches->v, &watches->room, watches->n, sizeof(*watches->v));
        watches->v[watches->n++] = *what;
    }
}

static void
topic_watch(struct ff_engine *engine, struct topic *topic, const struct watches *from)
{
    struct watches *to = &topic->watches;

    if (to->n == 0 && !to->all && (from->n > 0 || from->all)) {
        LIST_INSERT_HEAD(&engine->watching_topics, topic, watching);
    }
    for (uint32_t i = 0; i < from->n && !to->all; i++) {
        ff_parking_watch(to, &from->v[i]);
    }
    to->all = to->all || from->all;
}

static void
tell_unless_watching(struct ff_engine *engine, struct topic *topic, const struct ff_scope *what,
                     uint32_t how_many)
{
    if (topic != NULL && ff_topic_covers(what, &topic->scope) &&
        !ff_watches_has(&topic->watches, what)) {
        credit(engine, topic, how_many);
    }
}

void
ff_parking_tell(struct ff_engine *engine, const struct ff_scope *what, uint32_t how_many)
{
    struct topic *topic = NULL;

    if (engine->n_parked == 0) {
        return;
    }
    LIST_FOREACH(topic, &engine->watching_topics, watching)
    {
        if (ff_watches_has(&topic->watches, what)) {
            credit(engine, topic, how_many);
        }
    }
    if (ff_topic_is_kind(what)) {
        RB_FOREACH(topic, topic_tree, &engine->topics)
        {
            tell_unless_watching(engine, topic, what, how_many);
        }
    } else {
        tell_unless_watching(engine, topic_find(engine, what), what, how_many);
    }
}

/* ---- in and out ---- */

static int64_t
mono_now(const struct ff_engine *engine)
{
    return engine->config.mono_ms(engine->config.clock_ctx);
}

/* While nothing is claimed scanners go on, and wait as ever. */
static bool
may_wait(const struct ff_engine *engine, const struct ff_frame *frame)
{
    bool claims = ff_ops[frame->calls[0].op].class == FF_CLASS_OF_WORKER;

    return !engine->closing && !engine->waits_stopped && !frame->cancelled &&
           !(claims && engine->facts.claims_stopped);
}

bool
ff_parking_time_over(struct ff_engine *engine, struct ff_task *task, uint64_t block_ms)
{
    int64_t now_ms = mono_now(engine);

    if (task->arrived_mono_ms < 0) {
        task->arrived_mono_ms = now_ms;
        task->park_deadline_ms = ff_time_add(now_ms, block_ms);
    }
    return now_ms >= task->park_deadline_ms;
}

ff_err
ff_park(struct ff_txn *txn, const struct ff_scope *scope, uint64_t block_ms, int64_t wake_at_ms)
{
    struct ff_engine *engine = txn->engine;
    struct ff_task *task = txn->task;
    struct topic *topic = NULL;

    if (block_ms == 0 || !may_wait(engine, task->frame)) {
        return FF_E_OK;
    }
    if (ff_parking_time_over(engine, task, block_ms)) {
        return FF_E_OK;
    }
    if (engine->n_parked >= engine->config.parked_max) {
        return ff_fail(&txn->fault, FF_E_RESOURCE_EXHAUSTED, ff_d_text("pool", "parked"),
                       ff_d_u64("max", engine->config.parked_max),
                       ff_d_u64("retry_after_ms", 1000));
    }
    FF_TRY(ff_txn_refresh(txn, ff_news_heard(engine, scope)));
    topic = topic_get(engine, scope);
    wake_at(engine, topic, wake_at_ms);
    topic_watch(engine, topic, &engine->watching);
    task->topic = topic;
    return FF_E_PARKED;
}

void
ff_parking_link(struct ff_engine *engine, struct ff_task *task)
{
    struct topic *topic = task->topic;

    task->state = TASK_PARKED;
    TAILQ_INSERT_TAIL(topic->judging ? &topic->judged : &topic->parked, task, link);
    topic->n_parked++;
    engine->n_parked++;
    task->judged = topic->judging;
    RB_INSERT(deadline_tree, &engine->deadlines, task);
}

void
ff_parking_unlink(struct ff_engine *engine, struct ff_task *task)
{
    struct topic *topic = task->topic;

    TAILQ_REMOVE(task->judged ? &topic->judged : &topic->parked, task, link);
    RB_REMOVE(deadline_tree, &engine->deadlines, task);
    topic->n_parked--;
    engine->n_parked--;
    task->topic = NULL;
    topic_sweep(engine, topic);
}

/* ---- waking ---- */

/* The part of an index scope that names the lane: up to the zero byte (records.c). */
static bool
lane_of(const struct ff_scope *scope, struct ff_scope *lane_out)
{
    const uint8_t *end = memchr(scope->b, 0, scope->n);

    if (end == NULL) {
        return false;
    }
    lane_out->n = (uint8_t) (end - scope->b + 1);
    memcpy(lane_out->b, scope->b, lane_out->n);
    return true;
}

bool
ff_parking_lane_of(const struct ff_index_key *key, struct ff_scope *lane_out)
{
    return (key->index == FF_IX_READY || key->index == FF_IX_RECLAIMABLE) &&
           lane_of(&key->scope, lane_out);
}

static void
note_for_lane(struct ff_engine *engine, const struct ff_index_key *key)
{
    struct ff_scope lane;
    struct topic *topic = NULL;
    bool candidate = ff_parking_lane_of(key, &lane);
    bool timer = key->index == FF_IX_LEASE_DUE || key->index == FF_IX_GRANTED;

    if (!candidate && !(timer && lane_of(&key->scope, &lane))) {
        return;
    }
    topic = topic_find(engine, &lane);
    if (topic == NULL) {
        return;
    }
    if (candidate) {
        credit(engine, topic, 1);
    }
    if (timer) {
        wake_at(engine, topic, key->sort);
    }
}

/* Which scanner an index entry is for (core/scanners.def). */
static const struct {
    uint8_t scanner;
    enum { WAKE_NEVER, WAKE_DUE, WAKE_ONCE } when;
} wakes[FF_IX_N] = {
#define FF_SCANNER(upper, name, process, interval, unit_ms, batch, flags)
#define FF_SCAN_WAKE(upper, index, when) [FF_IX_##index] = { FF_SCANNER_##upper, WAKE_##when },
#define FF_SCAN_CALL(upper, op, changed, changed_too)
#include "core/scanners.def"
};

static void
note_for_scanner(struct ff_engine *engine, const struct ff_index_key *key)
{
    struct topic *topic = engine->scanner_topics[wakes[key->index].scanner];

    if (topic == NULL || wakes[key->index].when == WAKE_NEVER) {
        return;
    }
    if (key->index == FF_IX_LEASE_DUE && key->scope.b[key->scope.n - 1] != FF_OWNER_LEASED) {
        return; /* marked already */
    }
    if (wakes[key->index].when == WAKE_ONCE) {
        credit(engine, topic, UINT32_MAX);
    } else {
        wake_at(engine, topic, ff_scan_due_at(&engine->facts, key));
    }
}

void
ff_parking_note_add(struct ff_engine *engine, const struct ff_index_key *key)
{
    if (engine->n_parked > 0) {
        note_for_lane(engine, key);
        note_for_scanner(engine, key);
    }
}

void
ff_parking_wake(struct ff_engine *engine, const struct ff_scope *scope)
{
    struct topic *topic = NULL;

    if (scope != NULL) {
        topic = topic_find(engine, scope);
        if (topic != NULL) {
            credit(engine, topic, UINT32_MAX);
        }
        return;
    }
    RB_FOREACH(topic, topic_tree, &engine->topics)
    {
        credit(engine, topic, UINT32_MAX);
    }
}

static int64_t
engine_now(const struct ff_engine *engine)
{
    return engine->test_now_ms.is ? engine->test_now_ms.v
                                  : engine->config.wall_ms(engine->config.clock_ctx);
}

bool
ff_parking_due(struct ff_engine *engine)
{
    struct ff_task *task = NULL;
    struct topic *topic = NULL, *next = NULL;
    int64_t mono_ms = 0, now_ms = 0;
    bool any = false;

    if (engine->n_parked == 0) {
        return false;
    }
    mono_ms = mono_now(engine);
    now_ms = engine_now(engine);
    while ((task = RB_MIN(deadline_tree, &engine->deadlines)) != NULL &&
           task->park_deadline_ms <= mono_ms) {
        task->due_from = engine->stats.loads + 1;
        ff_task_move(engine, task, TASK_QUEUED);
        any = true;
    }
    LIST_FOREACH_SAFE(topic, &engine->timed_topics, timed, next)
    {
        if (topic->wake_at_ms <= now_ms) {
            wake_never(topic);
            credit(engine, topic, UINT32_MAX);
        }
    }
    return any;
}

/* Those at the head of the line first; stops when what came is used up, or the batch is full. */
static bool
topic_judge(struct ff_engine *engine, struct topic *topic)
{
    struct ff_task *task = NULL;
    bool any = false, all = topic->credits == UINT32_MAX;

    topic->judging = true;
    if (all) {
        cool(topic);
        unwatch(topic);
    }
    while ((all || topic->credits > 0) && !ff_batch_full(engine) &&
           (task = TAILQ_FIRST(&topic->parked)) != NULL) {
        any = true;
        if (topic->fresh_from > task->fresh_from) {
            task->fresh_from = topic->fresh_from;
        }
        ff_task_run(engine, task);
        if (!all && task->state != TASK_PARKED) {
            use_credit(topic);
        }
    }
    if (TAILQ_EMPTY(&topic->parked)) {
        cool(topic); /* nobody is left to judge */
    } else if (all) {
        credit(engine, topic, UINT32_MAX); /* the batch was full: go on in the next */
    }
    TAILQ_FOREACH(task, &topic->judged, link)
    {
        task->judged = false;
    }
    TAILQ_CONCAT(&topic->judged, &topic->parked, link);
    TAILQ_CONCAT(&topic->parked, &topic->judged, link);
    topic->judging = false;
    return any;
}

bool
ff_parking_judge(struct ff_engine *engine)
{
    struct topic *topic = NULL;
    struct topic_list pass;
    bool any = false;

    LIST_INIT(&pass);
    LIST_SWAP(&pass, &engine->hot_topics, topic, hot);
    while ((topic = LIST_FIRST(&pass)) != NULL) {
        LIST_REMOVE(topic, hot);
        LIST_INSERT_HEAD(&engine->hot_topics, topic, hot);
        any |= topic_judge(engine, topic);
        topic_sweep(engine, topic);
    }
    return any;
}

uint64_t
ff_parking_waited_ms(const struct ff_engine *engine, const struct ff_task *task)
{
    return task->arrived_mono_ms < 0 ? 0 : (uint64_t) (mono_now(engine) - task->arrived_mono_ms);
}

int64_t
ff_parking_wait_ms(const struct ff_engine *engine)
{
    struct ff_engine *e = (struct ff_engine *) engine; /* the tree macros take no const */
    struct ff_task *task = RB_MIN(deadline_tree, &e->deadlines);
    struct topic *topic = NULL;
    int64_t wait_ms = INT64_MAX, now_ms = 0;

    if (task == NULL) {
        return -1;
    }
    wait_ms = task->park_deadline_ms - mono_now(engine);
    now_ms = engine_now(engine);
    LIST_FOREACH(topic, &e->timed_topics, timed)
    {
        if (!engine->test_now_ms.is && topic->wake_at_ms - now_ms < wait_ms) {
            wait_ms = topic->wake_at_ms - now_ms;
        }
    }
    return wait_ms < 0 ? 0 : wait_ms;
}
