/* ffctl.h: running ffctl on a test's daemon. */
#ifndef FF_TESTS_PROCESS_FFCTL_H
#define FF_TESTS_PROCESS_FFCTL_H

#include <stdio.h>
#include <sys/wait.h>

#include "tests/process/daemon.h"
#include "tests/rows.h"

/* Its standard output and error, and its exit status in brackets behind them; until the next. */
static inline const char *
ffctl(const struct ff_daemon *daemon, const char *args)
{
    static char out[16384];
    char line[2048];
    FILE *pipe = NULL;
    size_t n = 0;
    int status = 0;

    snprintf(line, sizeof(line), "%s --socket %s/run %s 2>&1", FF_TEST_FFCTL, daemon->dir, args);
    pipe = popen(line, "r");
    assert_non_null(pipe);
    n = fread(out, 1, sizeof(out) - 32, pipe);
    status = pclose(pipe);
    snprintf(out + n, 32, "[%d]", WEXITSTATUS(status));
    return out;
}

#define assert_says(text, part)                                                                    \
    do {                                                                                           \
        const char *text_ = (text);                                                                \
        if (strstr(text_, (part)) == NULL) {                                                       \
            fail_msg("'%s' is not in: %s", (part), text_);                                         \
        }                                                                                          \
    } while (0)

#endif
