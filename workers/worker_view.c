#include <time.h>

#include "core/clock.h"
#include "workers/worker_int.h"

/* What handlers ask of their jobs; some of it from threads of their own. */

const struct ff_claim *
ff_job_claim(const struct ff_job *job)
{
    return job->claim;
}

struct ff_str
ff_job_lane(const struct ff_job *job)
{
    return job->lane;
}

const char *
ff_job_worker_id(const struct ff_job *job)
{
    return job->worker->options.worker_id;
}

const char *
ff_job_worker_instance_id(const struct ff_job *job)
{
    return job->worker->options.worker_instance_id;
}

const char *
ff_job_namespace(const struct ff_job *job)
{
    return job->worker->options.namespace;
}

uint64_t
ff_job_lease_ttl_ms(const struct ff_job *job)
{
    return job->worker->options.lease_ttl_ms;
}

uint64_t
ff_job_timeout_ms(const struct ff_job *job)
{
    return job->handler->timeout_ms;
}

uint32_t
ff_job_output_bytes_max(const struct ff_job *job)
{
    return job->handler == NULL ? FF_RESULT_BYTES_MAX : job->handler->output_bytes_max;
}

struct ff_client *
ff_job_client(const struct ff_job *job)
{
    return job->worker->client;
}

struct ev_loop *
ff_job_loop(const struct ff_job *job)
{
    return job->worker->loop;
}

void
ff_job_set_state(struct ff_job *job, void *state)
{
    job->state = state;
}

void *
ff_job_state(const struct ff_job *job)
{
    return job->state;
}

enum ff_stop
ff_job_stop(const struct ff_job *job)
{
    enum ff_stop stop = FF_STOP_NONE;

    pthread_mutex_lock(&job->worker->mutex);
    stop = job->stop;
    pthread_mutex_unlock(&job->worker->mutex);
    return stop;
}

bool
ff_job_wait(struct ff_job *job, uint64_t ms)
{
    struct ff_runtime *worker = job->worker;
    int64_t until_ms = ff_time_add(ff_mono_ms(), ms);
    struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
    bool stopped = false;
    int over = 0;

    pthread_mutex_lock(&worker->mutex);
    while (job->stop == FF_STOP_NONE && over == 0) {
        over = pthread_cond_timedwait(&worker->stopped, &worker->mutex, &until);
    }
    stopped = job->stop != FF_STOP_NONE;
    pthread_mutex_unlock(&worker->mutex);
    return stopped;
}

void
ff_job_log(const struct ff_job *job, enum ff_log_level level, const char *event, const char *detail)
{
    ff_runtime_log(job->worker, level, event, "execution_id=%s attempt=%u%s%s", job->id,
                   job->claim->attempt_index, detail[0] == '\0' ? "" : " ", detail);
}
