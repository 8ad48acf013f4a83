/* show.c: what the demonstration looks like. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "examples/demo/demo.h"

#define BAR 24
#define LINE_MAX 256

static uint32_t drawn; /* lines of the picture that stand above the cursor */

/* ---- the terminal ---- */

static bool
is_live(void)
{
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && getenv("CI") == NULL && term != NULL &&
           strcmp(term, "dumb") != 0;
}

const char *
ff_demo_bold(bool on)
{
    const char *plain = getenv("NO_COLOR");

    if (!is_live() || (plain != NULL && plain[0] != '\0')) {
        return "";
    }
    return on ? "\033[1m" : "\033[0m";
}

double
ff_demo_seconds(void)
{
    static double first;
    struct timespec now;
    double s = 0;

    clock_gettime(CLOCK_MONOTONIC, &now);
    s = (double) now.tv_sec + (double) now.tv_nsec / 1e9;
    first = first == 0 ? s : first;
    return s - first;
}

/* Nobody reads on: there is nothing to show any more. */
static void
flush(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        ff_demo_end(FF_DEMO_BAD);
    }
}

/* A line that wraps would count twice. */
static int
width_of_terminal(void)
{
    struct winsize size = { .ws_col = 0 };

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void
to_top(void)
{
    if (drawn > 0) {
        printf("\033[%uA\r", drawn);
    }
    drawn = 0;
}

void
ff_demo_tell(const char *fmt, ...)
{
    va_list ap;

    if (drawn > 0) {
        to_top();
        printf("\033[J");
    }
    printf("  %5.1f s  ", ff_demo_seconds());
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    flush();
}

/* ---- the flow ---- */

static uint32_t
size_of(const struct ff_demo_flow *flow, enum ff_demo_stage stage)
{
    return flow->first[stage + 1] - flow->first[stage];
}

static bool
is_per_file(enum ff_demo_stage stage)
{
    return stage == FF_DEMO_DIGEST || stage == FF_DEMO_WORDS;
}

/* What a member alone in its stage does, or waits for. */
static void
say_one(const struct ff_demo_flow *flow, enum ff_demo_stage stage, char out[LINE_MAX])
{
    enum ff_public_state state = flow->members[flow->first[stage]].state;

    if (state == FF_PUBLIC_WAITING_CHILDREN) {
        uint32_t left = size_of(flow, stage - 1) - ff_demo_in(flow, stage - 1, FF_PUBLIC_COMPLETED);

        snprintf(out, LINE_MAX, "waits for %s, %u to go", ff_demo_kinds[stage - 1], left);
    } else {
        snprintf(out, LINE_MAX, "%s%s", ff_word(&ff_vocab_public_state, state),
                 state == FF_PUBLIC_SUSPENDED ? ": nothing runs, a signal is awaited" : "");
    }
}

static void
say_many(const struct ff_demo_flow *flow, enum ff_demo_stage stage, char out[LINE_MAX])
{
    static const char full[] = "########################";
    static const char empty[] = "........................";
    uint32_t n = size_of(flow, stage), done = ff_demo_in(flow, stage, FF_PUBLIC_COMPLETED);
    uint32_t active = ff_demo_in(flow, stage, FF_PUBLIC_ACTIVE);
    int filled = (int) (BAR * done / n);
    int at =
        snprintf(out, LINE_MAX, "[%.*s%.*s] %u of %u", filled, full, BAR - filled, empty, done, n);

    if (active > 0) {
        snprintf(out + at, LINE_MAX - (size_t) at, ", %u run", active);
    } else if (done == 0 && stage > 0) {
        snprintf(out + at, LINE_MAX - (size_t) at, ", waits for %s", ff_demo_kinds[stage - 1]);
    }
}

/* The tree: each stage hangs below the one that it waits for. Drawn when it has changed. */
static void
draw_live(const struct ff_demo_flow *flow)
{
    static char last[FF_DEMO_STAGES][LINE_MAX];
    char text[LINE_MAX], lines[FF_DEMO_STAGES][LINE_MAX];

    for (enum ff_demo_stage stage = 0; stage < FF_DEMO_STAGES; stage++) {
        (is_per_file(stage) ? say_many : say_one)(flow, stage, text);
        memset(lines[stage], 0, LINE_MAX);
        snprintf(lines[stage], LINE_MAX, "  %*s%s%-*s  %.200s", 2 * (int) stage, "",
                 stage == 0 ? "" : "`- ", 18 - 2 * (int) stage - (stage == 0 ? 0 : 3),
                 ff_demo_kinds[stage], text);
    }
    if (drawn > 0 && memcmp(lines, last, sizeof(lines)) == 0) {
        return;
    }
    to_top();
    for (enum ff_demo_stage stage = 0; stage < FF_DEMO_STAGES; stage++) {
        printf("%.*s\033[K\n", width_of_terminal() - 1, lines[stage]);
        drawn++;
    }
    memcpy(last, lines, sizeof(last));
}

/* A line for each quarter of a stage, and for each change of a member alone in its. */
static void
draw_changes(const struct ff_demo_flow *flow)
{
    static uint32_t told[FF_DEMO_STAGES];
    char text[LINE_MAX];

    for (enum ff_demo_stage stage = 0; stage < FF_DEMO_STAGES; stage++) {
        uint32_t now = is_per_file(stage)
                           ? 4 * ff_demo_in(flow, stage, FF_PUBLIC_COMPLETED) / size_of(flow, stage)
                           : flow->members[flow->first[stage]].state;

        if (now != told[stage] && (is_per_file(stage) || now != FF_PUBLIC_WAITING_CHILDREN)) {
            (is_per_file(stage) ? say_many : say_one)(flow, stage, text);
            ff_demo_tell("%-8s  %s", ff_demo_kinds[stage], text);
        }
        told[stage] = now;
    }
}

void
ff_demo_draw(const struct ff_demo_flow *flow)
{
    (is_live() ? draw_live : draw_changes)(flow);
    flush();
}
