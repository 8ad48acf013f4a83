/* skew.c: preloaded into a broker: a machine whose clock is TEST_SKEW_MS ahead. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

/* The name by which the programs call it. */
int ff_skewed_gettime(clockid_t id, struct timespec *out) __asm__("clock_gettime");

int
ff_skewed_gettime(clockid_t id, struct timespec *out)
{
    static int (*real)(clockid_t, struct timespec *);
    const char *skew_ms = getenv("TEST_SKEW_MS");
    int done = 0;

    if (real == NULL) {
        real = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
    }
    done = real(id, out);
    if (id == CLOCK_REALTIME && skew_ms != NULL) {
        out->tv_sec += atol(skew_ms) / 1000;
    }
    return done;
}
