/* demo_work.c: the executions of the demonstration: submitted, watched, compared with the truth. */
#include <glob.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "examples/demo.h"

#define FILE_BYTES_MAX (1u << 20)

/* ---- the truth ---- */

static size_t
read_file(const char *path, char *room)
{
    FILE *file = fopen(path, "rbe");
    size_t n = 0;

    if (file != NULL) {
        n = fread(room, 1, FILE_BYTES_MAX, file);
        n = feof(file) ? n : 0; /* a larger one is left out */
        fclose(file);
    }
    return n;
}

/* As wc -w counts in the C locale: a word begins with a printable character and ends with space. */
static size_t
count_words(const char *text, size_t n)
{
    bool in_word = false;
    size_t words = 0;

    for (size_t i = 0; i < n; i++) {
        bool space = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
        bool printable = text[i] > ' ' && text[i] < 0x7f;

        words += printable && !in_word;
        in_word = space ? false : in_word || printable;
    }
    return words;
}

static void
digest(const char *text, size_t n, char out[FF_DEMO_RESULT_MAX])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(hash) + 1];

    crypto_hash_sha256(hash, (const unsigned char *) text, n);
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    snprintf(out, FF_DEMO_RESULT_MAX, "%s  -\n", hex);
}

static struct ff_demo_job *
add_job(struct ff_demo_work *work, const char *kind, const char *path)
{
    struct ff_demo_job *job = &work->jobs[work->n++];

    job->kind = kind;
    job->path = strdup(path);
    return job;
}

static void
add_file(struct ff_demo_work *work, const char *path, char *room)
{
    size_t n = read_file(path, room);

    if (n == 0 || work->n + 2 > FF_DEMO_JOBS_MAX) {
        return;
    }
    work->files++;
    digest(room, n, add_job(work, "sha256", path)->want);
    snprintf(add_job(work, "words", path)->want, FF_DEMO_RESULT_MAX, "%zu\n", count_words(room, n));
}

void
ff_demo_add(struct ff_demo_work *work, const char *pattern)
{
    char *room = malloc(FILE_BYTES_MAX);
    glob_t found;

    if (room == NULL) {
        ff_demo_die("out of memory");
    }
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            add_file(work, found.gl_pathv[i], room);
        }
    }
    globfree(&found);
    free(room);
}

/* ---- calls, many at a time: they travel together ---- */

struct calls {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    uint32_t missing;
};

struct call {
    struct calls *calls;
    struct ff_answer answer;
};

static void
on_answer(void *ctx, struct ff_answer *answer)
{
    struct call *call = ctx;

    pthread_mutex_lock(&call->calls->mutex);
    call->answer = *answer;
    call->calls->missing--;
    pthread_cond_signal(&call->calls->cond);
    pthread_mutex_unlock(&call->calls->mutex);
}

static struct call *
calls_begin(struct calls *calls, uint32_t n)
{
    struct call *all = calloc(n + 1, sizeof(*all));

    if (all == NULL) {
        ff_demo_die("out of memory");
    }
    pthread_mutex_init(&calls->mutex, NULL);
    pthread_cond_init(&calls->cond, NULL);
    calls->missing = n;
    for (uint32_t i = 0; i < n; i++) {
        all[i].calls = calls;
    }
    return all;
}

static void
calls_await(struct calls *calls)
{
    pthread_mutex_lock(&calls->mutex);
    while (calls->missing > 0) {
        pthread_cond_wait(&calls->cond, &calls->mutex);
    }
    pthread_mutex_unlock(&calls->mutex);
}

static void
calls_end(struct call *all, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        ff_answer_done(&all[i].answer);
    }
    free(all);
}

/* ---- submitting ---- */

static void
mint_ids(struct ff_demo_work *work)
{
    const struct ff_mint_execution_id_args args = { .lane_id = ff_cstr("default") };
    struct calls calls;
    struct call *all = calls_begin(&calls, work->n);

    for (uint32_t i = 0; i < work->n; i++) {
        ff_client_mint_execution_id_async(work->client, &args, on_answer, &all[i]);
    }
    calls_await(&calls);
    for (uint32_t i = 0; i < work->n; i++) {
        struct ff_mint_execution_id_result result = { 0 };

        if (all[i].answer.fault.code != FF_E_OK ||
            ff_answer_result(&all[i].answer, FF_OP_mint_execution_id, &result) != FF_E_OK) {
            ff_demo_die("mint_execution_id: %s", ff_answer_text(&all[i].answer));
        }
        work->jobs[i].id = result.execution_id;
    }
    calls_end(all, work->n);
}

void
ff_demo_submit(struct ff_demo_work *work)
{
    char *room = malloc(FILE_BYTES_MAX);
    struct calls calls;
    struct call *all = calls_begin(&calls, work->n);

    if (room == NULL) {
        ff_demo_die("out of memory");
    }
    mint_ids(work);
    for (uint32_t i = 0; i < work->n; i++) {
        const struct ff_demo_job *job = &work->jobs[i];
        const struct ff_create_execution_args args = {
            .execution_id = job->id,
            .namespace = ff_cstr("demo"),
            .lane_id = ff_cstr("default"),
            .execution_kind = ff_cstr(job->kind),
            .input_payload = ff_str(room, read_file(job->path, room)),
            .creator_identity = ff_cstr("demo"),
        };

        ff_client_create_execution_async(work->client, &args, on_answer, &all[i]);
    }
    calls_await(&calls);
    for (uint32_t i = 0; i < work->n; i++) {
        if (all[i].answer.fault.code != FF_E_OK) {
            ff_demo_die("create_execution: %s", ff_answer_text(&all[i].answer));
        }
    }
    calls_end(all, work->n);
    free(room);
}

/* ---- watching ---- */

uint32_t
ff_demo_progress(struct ff_demo_work *work)
{
    struct calls calls;
    struct call *all = NULL;
    uint32_t n = 0, done = 0;

    for (uint32_t i = 0; i < work->n; i++) {
        n += !work->jobs[i].done;
    }
    all = calls_begin(&calls, n);
    n = 0;
    for (uint32_t i = 0; i < work->n; i++) {
        struct ff_read_execution_state_args args = { .execution_id = work->jobs[i].id };

        if (!work->jobs[i].done) {
            ff_client_read_execution_state_async(work->client, &args, on_answer, &all[n++]);
        }
    }
    calls_await(&calls);
    n = 0;
    for (uint32_t i = 0; i < work->n; i++) {
        struct ff_read_execution_state_result result = { 0 };

        if (!work->jobs[i].done) {
            struct ff_answer *answer = &all[n++].answer;

            work->jobs[i].done =
                answer->fault.code == FF_E_OK &&
                ff_answer_result(answer, FF_OP_read_execution_state, &result) == FF_E_OK &&
                result.public_state.is && result.public_state.v == FF_PUBLIC_COMPLETED;
        }
        done += work->jobs[i].done;
    }
    calls_end(all, n);
    return done;
}

/* ---- comparing ---- */

static bool
is_right(struct ff_demo_work *work, const struct ff_demo_job *job)
{
    struct ff_get_execution_result_args args = { .execution_id = job->id };
    struct ff_get_execution_result_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    return ff_client_get_execution_result(work->client, &args, &result, &answer) == FF_E_OK &&
           ff_str_is(result.result, job->want);
}

static uint32_t
attempts_of(struct ff_demo_work *work, const struct ff_demo_job *job)
{
    struct ff_read_total_attempt_count_args args = { .execution_id = job->id };
    struct ff_read_total_attempt_count_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (ff_client_read_total_attempt_count(work->client, &args, &result, &answer) != FF_E_OK) {
        ff_demo_die("read_total_attempt_count: %s", ff_answer_text(&answer));
    }
    return result.total_attempt_count;
}

static bool
succeeded(struct ff_demo_work *work, const struct ff_demo_job *job, uint32_t index)
{
    struct ff_describe_attempt_args args = { .execution_id = job->id, .attempt_index = index };
    struct ff_describe_attempt_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    return ff_client_describe_attempt(work->client, &args, &result, &answer) == FF_E_OK &&
           result.attempt != NULL && result.attempt->attempt_lifecycle == FF_LIFE_ENDED_SUCCESS;
}

void
ff_demo_verify(struct ff_demo_work *work, struct ff_demo_count *out)
{
    *out = (struct ff_demo_count){ 0 };
    for (uint32_t i = 0; i < work->n; i++) {
        const struct ff_demo_job *job = &work->jobs[i];
        uint32_t attempts = attempts_of(work, job);

        out->completed += job->done;
        out->right += is_right(work, job);
        out->attempts += attempts;
        out->done_again += attempts > 1;
        for (uint32_t a = 0; a < attempts; a++) {
            out->successes += succeeded(work, job, a);
        }
    }
}
