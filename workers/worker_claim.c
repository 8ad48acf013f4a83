#include <sodium.h>

#include "core/clock.h"
#include "core/id.h"
#include "workers/worker_int.h"

/* When and where work is claimed (08 §6.2, §6.5).
 *
 * Each lane has at most one claim under way, and each claim its own slots, so nothing is claimed
 * that has no slot. The only lane of a worker is asked for as much as there are slots, and the
 * claim waits in the daemon until there is work. Of several, one that had work is asked, without
 * waiting, for all slots but one for each other lane; on one that had none a claim for one slot
 * waits. With fewer slots than lanes these take turns: a round that does not wait, and when all
 * were empty, claims that wait for the idle pause only. */

#define BLOCK_MS 20000
#define PAUSE_MS_MIN 50
#define PAUSE_MS_MAX 1000
#define CLAIM_MAX 256 /* 02 §5.10 */

static void
on_pause(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    (void) loop;
    (void) events;
    ff_claim_more(watcher->data);
}

void
ff_claim_init(struct ff_runtime *worker)
{
    worker->pause_ms = PAUSE_MS_MIN;
    ev_init(&worker->pause, on_pause);
    worker->pause.data = worker;
}

/* The present pause; the next one is twice as long. */
static uint64_t
take_pause(struct ff_runtime *worker)
{
    uint64_t ms = worker->pause_ms;

    worker->pause_ms = ms * 2 > PAUSE_MS_MAX ? PAUSE_MS_MAX : ms * 2;
    return ms;
}

/* An answer that says it may be asked again, or no answer at all. */
static bool
may_repeat(const struct ff_fault *fault)
{
    const struct ff_error_info *info = ff_error_info(fault->code);

    return fault->retryable || fault->code == FF_E_TRANSPORT || fault->code == FF_E_UNAVAILABLE ||
           info->class == FF_CLASS_INFORMATIONAL;
}

static void
start_jobs(struct ff_runtime *worker, struct ff_letter *letter)
{
    struct ff_job_batch *batch = calloc(1, sizeof(*batch));
    struct ff_fault *fault = &letter->answer.fault;

    FF_ASSERT(batch != NULL);
    batch->answer = letter->answer;
    letter->answer = (struct ff_answer){ 0 };
    batch->users = 1; /* this function */
    if (ff_answer_result(&batch->answer, FF_OP_claim_many, &batch->result) != FF_E_OK) {
        letter->answer.fault = batch->answer.fault;
        ff_runtime_log(worker, FF_LEVEL_ERROR, "claim_unreadable", "lane=\"%s\"",
                       letter->lane->name.p);
    }
    for (uint32_t i = 0; fault->code == FF_E_OK && i < batch->result.claims.n; i++) {
        ff_job_begin(worker, batch, &batch->result.claims.v[i], letter->lane->name);
    }
    letter->lane->busy = batch->result.claims.n > 0;
    if (letter->lane->busy) {
        worker->pause_ms = PAUSE_MS_MIN;
        worker->empty_streak = 0;
    } else {
        worker->empty_streak++;
    }
    ff_job_batch_drop(batch);
}

static void ask_again(struct ff_runtime *worker, const struct ff_letter *lost);

static void
on_claimed(struct ff_letter *letter)
{
    struct ff_runtime *worker = letter->worker;
    struct ff_answer *answer = &letter->answer;
    int64_t waited_ms = ff_mono_ms() - letter->asked_mono_ms;
    bool pause = false;

    worker->asking--;
    worker->reserved -= letter->slots;
    letter->lane->asking = false;
    if (answer->fault.code == FF_E_OK) {
        start_jobs(worker, letter);
        /* empty too soon: the lane is closed, or the daemon is about to end */
        pause = worker->empty_streak > 0 && waited_ms < (int64_t) letter->block_ms / 2;
    } else if (!worker->draining && may_repeat(&answer->fault)) {
        ff_runtime_log(worker, FF_LEVEL_WARN, "claim_again", "error=\"%s\"",
                       ff_answer_text(answer));
        worker->empty_streak++;
        pause = true;
    } else if (!worker->draining) {
        ff_runtime_fail(worker, &answer->fault, ff_answer_text(answer));
    } else if (answer->fault.code == FF_E_TRANSPORT && worker->claims == NULL) {
        ask_again(worker, letter);
    }
    if (pause && !worker->draining && !ev_is_active(&worker->pause)) {
        ff_runtime_timer(worker, &worker->pause, take_pause(worker));
    }
    ff_letter_free(letter);
    ff_claim_more(worker);
}

static struct ff_claim_many_args
args_of(const struct ff_letter *letter)
{
    const struct ff_runtime_options *options = &letter->worker->options;

    return (struct ff_claim_many_args){
        .lane_id = letter->lane->name,
        .worker_capabilities = letter->worker->capabilities,
        .worker_id = ff_cstr(options->worker_id),
        .worker_instance_id = ff_cstr(options->worker_instance_id),
        .lease_ttl_ms = options->lease_ttl_ms,
        .block_ms = letter->block_ms,
        .include_reclaimable = true,
        .include_context = true,
        .request_id = FF_SOME(ff_opt_uuid, letter->request_id),
        .max = letter->slots,
    };
}

static void
ask(struct ff_runtime *worker, struct ff_runtime_lane *lane, uint32_t slots, uint64_t block_ms)
{
    struct ff_letter *letter = ff_letter_new(worker, on_claimed);
    struct ff_claim_many_args args = { 0 };

    letter->lane = lane;
    letter->slots = slots < CLAIM_MAX ? slots : CLAIM_MAX;
    letter->block_ms = block_ms;
    randombytes_buf(letter->request_id.b, sizeof(letter->request_id.b));
    letter->request_id = ff_uuid_v4(letter->request_id.b);
    lane->asking = true;
    worker->asking++;
    worker->reserved += letter->slots;
    args = args_of(letter);
    ff_client_claim_many_async(worker->claims, &args, ff_letter_answered, letter);
}

static void
on_recovered(struct ff_letter *letter)
{
    letter->worker->asking--;
    if (letter->answer.fault.code == FF_E_OK) {
        start_jobs(letter->worker, letter); /* which hands them back */
    }
    ff_letter_free(letter);
}

/* A claim was given up with its connection, at the end. What it had been given already comes with
 * the same request_id; what it had not may come now. Either is handed back, so that nothing is left
 * with a worker that does not know of it. */
static void
ask_again(struct ff_runtime *worker, const struct ff_letter *lost)
{
    struct ff_letter *letter = ff_letter_new(worker, on_recovered);
    struct ff_claim_many_args args = { 0 };

    letter->lane = lost->lane;
    letter->slots = lost->slots;
    letter->request_id = lost->request_id;
    worker->asking++;
    args = args_of(letter);
    ff_client_claim_many_async(worker->client, &args, ff_letter_answered, letter);
}

static uint32_t
idle_lanes(const struct ff_runtime *worker)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < worker->n_lanes; i++) {
        n += !worker->lanes[i].asking;
    }
    return n;
}

/* Lanes have turns, so that none waits behind a busy one for ever. */
static struct ff_runtime_lane *
take_turn(struct ff_runtime *worker)
{
    struct ff_runtime_lane *lane = NULL;

    do {
        lane = &worker->lanes[worker->next_lane++ % worker->n_lanes];
    } while (lane->asking);
    return lane;
}

/* How long a claim may wait that leaves other lanes without one. */
static uint64_t
short_wait(struct ff_runtime *worker)
{
    return worker->empty_streak < worker->n_lanes ? 0 : take_pause(worker);
}

/* lanes: that have no claim under way. */
static void
ask_next(struct ff_runtime *worker, uint32_t slots, uint32_t lanes)
{
    struct ff_runtime_lane *lane = take_turn(worker);

    if (worker->n_lanes == 1) {
        ask(worker, lane, slots, BLOCK_MS);
    } else if (slots < lanes) {
        ask(worker, lane, 1, short_wait(worker));
    } else if (lane->busy) {
        ask(worker, lane, slots - (lanes - 1), 0);
    } else {
        ask(worker, lane, 1, BLOCK_MS);
    }
}

void
ff_claim_more(struct ff_runtime *worker)
{
    uint32_t slots = 0;

    if (worker->draining || !worker->registered || ev_is_active(&worker->pause)) {
        return;
    }
    for (uint32_t lanes = idle_lanes(worker); lanes > 0; lanes--) {
        slots = worker->options.slots - worker->running - worker->reserved;
        if (slots == 0) {
            return;
        }
        ask_next(worker, slots, lanes);
    }
}

/* Closing their connection ends the claims that wait; each is asked for once more then. */
void
ff_claim_stop(struct ff_runtime *worker)
{
    ev_timer_stop(worker->loop, &worker->pause);
    ff_client_close(worker->claims);
    worker->claims = NULL;
}
