/* demo_main.c: `make demo`: real commands over real files, a worker host and the broker killed in
 * the middle, and proof that every execution finished exactly once as seen by its result. */
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "examples/demo.h"

#define BAR 40

void
ff_demo_die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fprintf(stderr, "\ndemo: ");
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);
    exit(1);
}

/* ---- the picture ---- */

static double
seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static const char *
bold(bool on)
{
    if (!isatty(STDOUT_FILENO)) {
        return "";
    }
    return on ? "\033[1m" : "\033[0m";
}

/* On a terminal a bar that moves; elsewhere a line for each tenth. */
static void
show(uint32_t done, uint32_t n, double since)
{
    static const char full[] = "########################################";
    static const char empty[] = "........................................";
    static uint32_t last_tenth;
    uint32_t tenth = 10 * done / n;
    int filled = (int) (BAR * done / n);

    if (isatty(STDOUT_FILENO)) {
        printf("\r  [%.*s%.*s] %u of %u", filled, full, BAR - filled, empty, done, n);
    } else if (tenth > last_tenth) {
        printf("  %3u %%  %u of %u after %.1f s\n", tenth * 10, done, n, seconds() - since);
        last_tenth = tenth;
    }
    fflush(stdout);
}

static void
tell(const char *what, const char *name, int pid, const char *then)
{
    printf("%s  %skill -9 of %s%s (%s, process %d): %s\n", isatty(STDOUT_FILENO) ? "\n" : "",
           bold(true), what, bold(false), name, pid, then);
}

/* ---- the show ---- */

static void
run_with_kills(struct ff_demo_work *work)
{
    const struct timespec frame = { .tv_nsec =
                                        30000000 }; /* of the picture; nothing waits for it */
    bool host_killed = false, broker_killed = false;
    double since = seconds();
    uint32_t done = 0;

    while ((done = ff_demo_progress(work)) < work->n) {
        show(done, work->n, since);
        if (!host_killed && done >= work->n / 3) {
            host_killed = true;
            tell("a worker host", "demo.1", ff_demo_kill("demo.1"),
                 "its work goes to the other one, and it is started again");
        }
        if (!broker_killed && done >= 2 * work->n / 3) {
            broker_killed = true;
            tell("the broker", "broker", ff_demo_kill("broker"),
                 "it is started again on the same file");
        }
        nanosleep(&frame, NULL);
    }
    show(done, work->n, since);
    printf("%s  %.1f seconds\n\n", isatty(STDOUT_FILENO) ? "\n" : "", seconds() - since);
}

static int
summary(struct ff_demo_work *work)
{
    struct ff_demo_count count;
    bool good = false;

    ff_demo_verify(work, &count);
    good = count.completed == work->n && count.right == work->n && count.successes == work->n;
    printf("  executions submitted                        %6u\n", work->n);
    printf("  completed                                   %6u\n", count.completed);
    printf("  results that are what the files really hold %6u\n", count.right);
    printf("  attempts that succeeded                     %6u\n", count.successes);
    printf("  attempts that began                         %6u\n", count.attempts);
    printf("  executions that a kill met, done again      %6u\n\n", count.done_again);
    printf("  %s%s%s\n", bold(true),
           good ? "Every execution finished exactly once, with the right result."
                : "SOMETHING IS WRONG.",
           bold(false));
    return good ? 0 : 1;
}

int
main(int argc, char **argv)
{
    static struct ff_demo_work work;

    if (sodium_init() < 0) {
        ff_demo_die("no libsodium");
    }
    ff_demo_add(&work, "/usr/share/common-licenses/*");
    for (int i = 1; i < argc; i++) {
        ff_demo_add(&work, argv[i]);
    }
    if (work.n == 0) {
        ff_demo_die("there are no files to work on");
    }
    ff_demo_start();
    work.client = ff_demo_connect();
    printf("%sFlowFabric%s: sha256sum and wc -w over %u files, on a throw-away daemon\n\n",
           bold(true), bold(false), work.files);
    ff_demo_show_tree();
    printf("\n");
    ff_demo_submit(&work);
    run_with_kills(&work);
    ff_demo_show_tree();
    printf("\n");
    return summary(&work);
}
