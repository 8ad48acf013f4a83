/* main.c: `make demo`: a flow of real commands over real files, on a daemon of its own. A worker
 * host and the broker are killed in the middle; the end is proof that every member of the flow
 * finished exactly once, with the right result. */
#include <argp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "examples/demo/demo.h"

/* People want to see that the flow stands still. */
#define APPROVE_AFTER_S 1.0
#define FRAME_MS 50

/* ---- the command line ---- */

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    (void) state;
    if (key == ARGP_KEY_ARG) {
        ff_demo_add(arg);
        return 0;
    }
    if (key == ARGP_KEY_NO_ARGS) {
        ff_demo_add("/usr/share/common-licenses/*");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp command_line = {
    .parser = parse,
    .args_doc = "[PATTERN...]",
    .doc =
        "Show FlowFabric at work: a daemon of its own on a throw-away store runs a flow over the "
        "files that the patterns find (default: /usr/share/common-licenses/*), and two of its "
        "processes are killed meanwhile. Ctrl-C ends all of it.\v"
        "Exit status: 0 every member of the flow finished once, with the right result; 1 not "
        "so; 2 wrong usage, or no file to work on; 130 after Ctrl-C.",
};

/* ---- the show ---- */

static void
kill_one(const char *what, const char *name, const char *then)
{
    int pid = ff_demo_kill(name);

    ff_demo_tell("%skill -9 of %s%s (%s, process %d): %s", ff_demo_bold(true), what,
                 ff_demo_bold(false), name, pid, then);
}

/* What the demonstration does to its flow. */
struct plot {
    bool host_killed, approved, broker_killed;
    double suspended_s;
};

static void
act(struct plot *plot, struct ff_demo_flow *flow)
{
    uint32_t third = (flow->files + 2) / 3;
    bool suspended = ff_demo_in(flow, FF_DEMO_APPROVAL, FF_PUBLIC_SUSPENDED) > 0;

    if (!plot->host_killed && ff_demo_in(flow, FF_DEMO_DIGEST, FF_PUBLIC_COMPLETED) >= third) {
        plot->host_killed = true;
        kill_one("a worker host", "demo.1", "the other one does its work");
    }
    if (suspended && plot->suspended_s == 0) {
        plot->suspended_s = ff_demo_seconds();
    }
    if (suspended && !plot->approved && ff_demo_seconds() > plot->suspended_s + APPROVE_AFTER_S) {
        plot->approved = true;
        ff_demo_approve(flow);
    }
    if (!plot->broker_killed && ff_demo_in(flow, FF_DEMO_WORDS, FF_PUBLIC_COMPLETED) >= third) {
        plot->broker_killed = true;
        kill_one("the broker", "broker", "it starts again on the same file");
    }
}

static void
run(struct ff_demo_flow *flow)
{
    const struct timespec frame = { .tv_nsec = FRAME_MS * 1000000 }; /* nothing waits for it */
    struct plot plot = { .host_killed = false };

    while (!ff_demo_look(flow)) {
        ff_demo_draw(flow);
        act(&plot, flow);
        nanosleep(&frame, NULL);
    }
    ff_demo_draw(flow);
    act(&plot, flow); /* where the flow was faster: its results survive it, too */
    printf("\n");
}

static int
summary(struct ff_demo_flow *flow)
{
    struct ff_demo_count count;
    bool good = false;

    ff_demo_verify(flow, &count);
    good = count.completed == flow->n && count.right == flow->n && count.successes == flow->n;
    if (good) {
        printf("  the report: %s\n", flow->members[flow->n - 1].want);
    }
    printf("  members of the flow                         %6u\n", flow->n);
    printf("  completed                                   %6u\n", count.completed);
    printf("  results that are what the files really hold %6u\n", count.right);
    printf("  attempts that succeeded                     %6u\n", count.successes);
    printf("  attempts that began                         %6u\n", count.attempts);
    printf("  members that a kill met, done again         %6u\n\n", count.done_again);
    printf("  %s%s%s (%.1f seconds)\n", ff_demo_bold(true),
           good ? "Every member finished exactly once, with the right result."
                : "SOMETHING IS WRONG.",
           ff_demo_bold(false), ff_demo_seconds());
    return good ? FF_DEMO_GOOD : FF_DEMO_BAD;
}

int
main(int argc, char **argv)
{
    static struct ff_demo_flow flow;

    ff_demo_seconds();
    argp_err_exit_status = FF_DEMO_USAGE;
    if (sodium_init() < 0) {
        ff_demo_die("no libsodium");
    }
    argp_parse(&command_line, argc, argv, 0, NULL, NULL);
    ff_demo_plan(&flow);
    ff_demo_start();
    flow.client = ff_demo_connect();
    printf("%sFlowFabric%s: a flow over %u files, on a daemon of its own\n\n", ff_demo_bold(true),
           ff_demo_bold(false), flow.files);
    if (flow.left_out > 0) {
        printf("  (%u left out: no regular files, empty, or larger than 1 MiB)\n\n", flow.left_out);
    }
    ff_demo_show_tree();
    printf("\n");
    ff_demo_submit(&flow);
    run(&flow);
    ff_demo_show_tree();
    printf("\n");
    ff_demo_end(summary(&flow));
}
