#include "core/clock.h"

#include <time.h>

#include "core/base.h"

static int64_t
clock_us(clockid_t id)
{
    struct timespec now;

    FF_ASSERT(clock_gettime(id, &now) == 0);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
ff_wall_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

int64_t
ff_mono_ms(void)
{
    return ff_mono_us() / 1000;
}

int64_t
ff_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}
