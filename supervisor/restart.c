#include "supervisor/restart.h"

#include "supervisor/role.h"

static bool
in_order(const struct ff_child_end *end)
{
    return end->exited && end->status == FF_EXIT_OK;
}

/* Whether this end is one too many in its window. */
static bool
too_often(struct ff_restarts *restarts, const struct ff_restart_limits *limits, int64_t now_ms)
{
    uint32_t max = limits->max < FF_RESTARTS_MAX ? limits->max : FF_RESTARTS_MAX;
    int64_t oldest_ms = 0;
    bool full = max == 0 || restarts->n >= max;

    if (full && max > 0) { /* the end that is `max` ends ago */
        oldest_ms = restarts->at_ms[(restarts->n - max) % FF_RESTARTS_MAX];
    }
    restarts->at_ms[restarts->n++ % FF_RESTARTS_MAX] = now_ms;
    return full && (max == 0 || now_ms - oldest_ms < (int64_t) limits->window_ms);
}

static uint64_t
backoff_ms(uint32_t streak, uint32_t dice)
{
    uint64_t wait_ms = FF_BACKOFF_FIRST_MS;

    for (uint32_t i = 1; i < streak && wait_ms < FF_BACKOFF_MAX_MS; i++) {
        wait_ms *= 2;
    }
    wait_ms = wait_ms < FF_BACKOFF_MAX_MS ? wait_ms : FF_BACKOFF_MAX_MS;
    return wait_ms * 3 / 4 + dice % (wait_ms / 2 + 1);
}

struct ff_restart_verdict
ff_restart_judge(struct ff_restarts *restarts, enum ff_restart_policy policy,
                 const struct ff_restart_limits *limits, const struct ff_child_end *end,
                 uint32_t dice)
{
    struct ff_restart_verdict verdict = { .what = FF_RESTART_AGAIN };

    if (policy == FF_RESTART_TEMPORARY || (policy == FF_RESTART_TRANSIENT && in_order(end))) {
        verdict.what = in_order(end) ? FF_RESTART_REST : FF_RESTART_FAILED;
        return verdict;
    }
    if ((end->exited && end->status == FF_EXIT_CONFIG) ||
        too_often(restarts, limits, end->now_ms)) {
        verdict.what = FF_RESTART_FAILED;
        return verdict;
    }
    if (end->healthy) {
        restarts->streak = 0;
        return verdict;
    }
    verdict.delay_ms = backoff_ms(++restarts->streak, dice);
    return verdict;
}
