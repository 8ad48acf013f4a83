#include "workers/worker_int.h"

/* A thread runs jobs one after the other, and waits for more. */

static void
on_worked(struct ff_letter *letter)
{
    struct ff_job *job = letter->job;

    ff_letter_free(letter);
    ff_job_done(job);
}

static void
work(struct ff_job *job)
{
    struct ff_letter *letter = ff_letter_new(job->worker, on_worked);

    letter->job = job;
    job->handler->work(job->handler->ctx, job);
    if (!ff_job_has_outcome(job) && ff_job_stop(job) == FF_STOP_NONE) {
        ff_job_complete(job, ff_cstr(NULL));
    }
    ff_letter_post(letter);
}

static void *
run_thread(void *arg)
{
    struct ff_pool *pool = arg;
    struct ff_job *job = NULL;

    pthread_mutex_lock(&pool->mutex);
    while (!pool->closing) {
        job = TAILQ_FIRST(&pool->ready);
        if (job == NULL) {
            pool->idle++;
            pthread_cond_wait(&pool->wake, &pool->mutex);
            pool->idle--;
            continue;
        }
        TAILQ_REMOVE(&pool->ready, job, next_ready);
        pool->waiting--;
        pthread_mutex_unlock(&pool->mutex);
        work(job);
        pthread_mutex_lock(&pool->mutex);
    }
    pool->threads--;
    pthread_cond_signal(&pool->gone);
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

void
ff_pool_init(struct ff_pool *pool)
{
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->gone, NULL);
    TAILQ_INIT(&pool->ready);
}

/* Where no thread can be had the job waits for one of those that are there; without any the
 * worker cannot do its work at all. */
static void
add_thread(struct ff_pool *pool)
{
    pthread_attr_t attr;
    pthread_t thread;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attr, run_thread, pool) == 0) {
        pool->threads++;
    }
    pthread_attr_destroy(&attr);
    FF_ASSERT(pool->threads > 0);
}

void
ff_pool_add(struct ff_pool *pool, struct ff_job *job)
{
    pthread_mutex_lock(&pool->mutex);
    TAILQ_INSERT_TAIL(&pool->ready, job, next_ready);
    if (++pool->waiting > pool->idle) {
        add_thread(pool);
    }
    pthread_cond_signal(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

bool
ff_pool_close(struct ff_pool *pool, uint32_t stuck)
{
    bool all = false;

    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    pthread_cond_broadcast(&pool->wake);
    while (pool->threads > stuck) {
        pthread_cond_wait(&pool->gone, &pool->mutex);
    }
    all = pool->threads == 0;
    pthread_mutex_unlock(&pool->mutex);
    if (all) {
        pthread_cond_destroy(&pool->wake);
        pthread_cond_destroy(&pool->gone);
        pthread_mutex_destroy(&pool->mutex);
    }
    return all;
}
