#include <stdlib.h>

#include "workers/worker_int.h"

/* What a member of a flow finds of those before it, fetched while its handler waits: its edges
 * (04 §7.3), then the results, some at a time, which travel in one frame. Results that have no room
 * in one reply are answered with resource_exhausted; they and what got no answer are asked for
 * again. */

#define ASKED_MAX 8
/* Further tries that bring nothing, after 100, 200, 400, 400 … ms; more of them while other jobs
 * take the room. While no daemon answers there is no end to them: a failure could not be told
 * either, and the daemon may be back before the lease is over. */
#define RETRIES_MAX 3
#define CROWDED_RETRIES_MAX 30
#define RETRY_MS 100

struct ff_upstreams {
    struct ff_job *job;
    struct ff_upstream *v;
    struct ff_answer *answers; /* of the first FF_UPSTREAMS_MAX: what results point into */
    uint32_t n;
    uint32_t from, to; /* those that are being asked for */
    uint32_t pending;  /* answers that are still to come */
    uint32_t tries;    /* without getting on */
    uint64_t bytes;    /* of results so far */
    bool listed;       /* v is there */
    bool got;          /* an answer since the last try */
    bool full;
    struct ff_answer wrong; /* an error since the last try */
    struct ev_timer again;
};

static void
forget_wrong(struct ff_upstreams *up)
{
    ff_answer_done(&up->wrong);
    up->wrong = (struct ff_answer){ 0 };
}

static void
keep_wrong(struct ff_upstreams *up, struct ff_answer *answer)
{
    forget_wrong(up);
    up->wrong = *answer;
    *answer = (struct ff_answer){ 0 };
}

static void ask(struct ff_upstreams *up);

/* Nothing is asked any more: the handler has its turn, or will have none. */
static void
end(struct ff_upstreams *up)
{
    struct ff_answer wrong = up->wrong;

    up->wrong = (struct ff_answer){ 0 };
    ff_job_prepared(up->job, wrong.fault.code == FF_E_OK ? NULL : ff_answer_text(&wrong));
    ff_answer_done(&wrong); /* the job may be gone, and up with it */
}

/* All that was asked is answered. */
static void
go_on(struct ff_upstreams *up)
{
    const struct ff_fault *fault = &up->wrong.fault;
    bool crowded = fault->code == FF_E_RESOURCE_EXHAUSTED;

    if (up->got && fault->retryable) {
        forget_wrong(up);
    }
    up->got = false;
    if (up->job->lost || up->job->worker->draining) {
        end(up);
    } else if (fault->code == FF_E_OK) {
        up->tries = 0;
        ask(up);
    } else if (ff_answer_is_lost(&up->wrong) ||
               (fault->retryable && up->tries < (crowded ? CROWDED_RETRIES_MAX : RETRIES_MAX))) {
        ff_runtime_timer(up->job->worker, &up->again,
                         (uint64_t) RETRY_MS << (up->tries < 2 ? up->tries : 2));
        up->tries += up->tries < UINT32_MAX;
    } else {
        end(up);
    }
}

static void
on_again(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct ff_upstreams *up = watcher->data;

    (void) loop;
    (void) events;
    forget_wrong(up);
    if (up->job->lost || up->job->worker->draining) {
        end(up);
    } else {
        ask(up);
    }
}

/* ---- results ---- */

static bool
is_answered(const struct ff_answer *answer)
{
    return answer->map.p != NULL || answer->fault.code != FF_E_OK;
}

/* Beyond the bounds a result is left out, and so are all behind it. */
static void
keep_result(struct ff_upstreams *up, uint32_t i)
{
    struct ff_get_execution_result_result got = { 0 };
    struct ff_answer *answer = &up->answers[i];

    if (answer->fault.code == FF_E_EXECUTION_NOT_FOUND) {
        return; /* purged meanwhile: it has none any more */
    }
    if (ff_answer_result(answer, FF_OP_get_execution_result, &got) != FF_E_OK) {
        keep_wrong(up, answer);
        return;
    }
    up->full = up->full || got.result.n > FF_UPSTREAM_BYTES_MAX - up->bytes;
    if (up->full) {
        up->v[i].left_out = got.result.p != NULL;
        ff_answer_done(answer);
        *answer = (struct ff_answer){ 0 };
        return;
    }
    up->v[i].result = got.result;
    up->bytes += got.result.n;
}

/* In order, as far as there is no gap. */
static void
take_results(struct ff_upstreams *up)
{
    while (up->from < up->to && (!up->v[up->from].asked || is_answered(&up->answers[up->from]))) {
        if (up->v[up->from].asked) {
            keep_result(up, up->from);
        }
        up->from++;
    }
    go_on(up);
}

static void
on_result(struct ff_letter *letter)
{
    struct ff_upstreams *up = letter->job->upstreams;
    ff_err err = letter->answer.fault.code;

    letter->job->letters--;
    if (err == FF_E_OK || err == FF_E_EXECUTION_NOT_FOUND) {
        up->got = true;
        up->answers[letter->at] = letter->answer;
        letter->answer = (struct ff_answer){ 0 };
    } else {
        keep_wrong(up, &letter->answer);
    }
    ff_letter_free(letter);
    if (--up->pending == 0) {
        take_results(up);
    }
}

static void
ask_result(struct ff_upstreams *up, uint32_t i)
{
    const struct ff_get_execution_result_args args = { .execution_id = up->v[i].execution_id };
    struct ff_letter *letter = ff_job_letter(up->job, on_result);

    letter->at = i;
    up->v[i].asked = true;
    up->pending++;
    ff_client_get_execution_result_async(up->job->worker->client, &args, ff_letter_answered,
                                         letter);
}

static void
ask_results(struct ff_upstreams *up)
{
    uint32_t i = up->from, held = 0;

    for (; i < up->n && held < ASKED_MAX; i++) {
        bool good = up->v[i].outcome == FF_UPSTREAM_SUCCESS;

        if (good && (up->full || i >= FF_UPSTREAMS_MAX)) {
            up->v[i].left_out = true;
        } else if (good) {
            held++;
            if (!is_answered(&up->answers[i])) {
                ask_result(up, i);
            }
        }
    }
    up->to = i < FF_UPSTREAMS_MAX ? i : FF_UPSTREAMS_MAX;
    if (up->pending == 0) {
        end(up);
    }
}

/* ---- edges ---- */

/* By execution; of several edges from one the best first. */
static int
by_execution(const void *a, const void *b)
{
    const struct ff_upstream *x = a, *y = b;
    int order =
        memcmp(x->execution_id.uuid.b, y->execution_id.uuid.b, sizeof(x->execution_id.uuid.b));

    return order != 0 ? order : (int) x->outcome - (int) y->outcome;
}

static enum ff_upstream_outcome
outcome_of(enum ff_edge_state state)
{
    return state == FF_EDGE_SATISFIED    ? FF_UPSTREAM_SUCCESS
           : state == FF_EDGE_IMPOSSIBLE ? FF_UPSTREAM_FAILURE
                                         : FF_UPSTREAM_PENDING;
}

static void
take_list(struct ff_upstreams *up, const struct ff_edge_snapshot_list *edges)
{
    uint32_t n = 0, results = edges->n < FF_UPSTREAMS_MAX ? edges->n : FF_UPSTREAMS_MAX;

    up->v = calloc(edges->n + 1u, sizeof(*up->v));
    up->answers = calloc(results + 1u, sizeof(*up->answers));
    FF_ASSERT(up->v != NULL && up->answers != NULL);
    for (uint32_t i = 0; i < edges->n; i++) {
        up->v[i].execution_id = edges->v[i].upstream_execution_id;
        up->v[i].outcome = outcome_of(edges->v[i].edge_state);
    }
    qsort(up->v, edges->n, sizeof(*up->v), by_execution);
    for (uint32_t i = 0; i < edges->n; i++) {
        const struct ff_upstream *one = &up->v[i];

        if (n == 0 || memcmp(&one->execution_id.uuid, &up->v[n - 1].execution_id.uuid,
                             sizeof(one->execution_id.uuid)) != 0) {
            up->v[n++] = *one;
        }
    }
    up->n = n;
    up->listed = true;
}

static void
on_edges(struct ff_letter *letter)
{
    struct ff_upstreams *up = letter->job->upstreams;
    struct ff_list_edges_result got = { 0 };

    letter->job->letters--;
    if (letter->answer.fault.code == FF_E_OK &&
        ff_answer_result(&letter->answer, FF_OP_list_edges, &got) == FF_E_OK) {
        take_list(up, &got.edges);
    } else {
        keep_wrong(up, &letter->answer);
    }
    ff_letter_free(letter);
    go_on(up);
}

static void
ask(struct ff_upstreams *up)
{
    const struct ff_claim *claim = up->job->claim;
    const struct ff_list_edges_args args = {
        .flow_id = claim->flow_id.v,
        .direction = { .kind = FF_DIRECTION_INCOMING,
                       .to_node = FF_SOME(ff_opt_eid, claim->execution_id) },
    };

    if (up->listed) {
        ask_results(up);
    } else {
        ff_client_list_edges_async(up->job->worker->client, &args, ff_letter_answered,
                                   ff_job_letter(up->job, on_edges));
    }
}

void
ff_upstreams_fetch(struct ff_job *job)
{
    struct ff_upstreams *up = calloc(1, sizeof(*up));

    FF_ASSERT(up != NULL);
    up->job = job;
    ev_init(&up->again, on_again);
    up->again.data = up;
    job->upstreams = up;
    ask(up);
}

void
ff_upstreams_free(struct ff_upstreams *up)
{
    if (up != NULL) {
        for (uint32_t i = 0; i < up->n && i < FF_UPSTREAMS_MAX; i++) {
            ff_answer_done(&up->answers[i]);
        }
        free(up->answers);
        free(up->v);
        free(up);
    }
}

/* ---- what handlers see ---- */

uint32_t
ff_job_upstream_count(const struct ff_job *job)
{
    return job->upstreams == NULL ? 0 : job->upstreams->n;
}

const struct ff_upstream *
ff_job_upstream(const struct ff_job *job, uint32_t at)
{
    return at < ff_job_upstream_count(job) ? &job->upstreams->v[at] : NULL;
}

const char *
ff_upstream_outcome(const struct ff_upstream *upstream)
{
    static const char *const names[] = { "success", "failure", "pending" };

    return names[upstream->outcome];
}
