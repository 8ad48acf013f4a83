/* demo.h: shared by the files of the demonstration (`make demo`). */
#ifndef FF_EXAMPLES_DEMO_H
#define FF_EXAMPLES_DEMO_H

#include "workers/flowfabric.h"

#define FF_DEMO_JOBS_MAX 2048
#define FF_DEMO_RESULT_MAX 128

/* A command over a file, and what it must print. */
struct ff_demo_job {
    const char *kind; /* static: "sha256" or "words" */
    char *path;
    struct ff_eid id;
    bool done;
    char want[FF_DEMO_RESULT_MAX];
};

struct ff_demo_work {
    struct ff_client *client;
    struct ff_demo_job jobs[FF_DEMO_JOBS_MAX];
    uint32_t n, files;
};

/* What has become of them. */
struct ff_demo_count {
    uint32_t completed, right, attempts, successes, done_again;
};

/* demo_work.c */
/* Two jobs for each file that the pattern (glob) finds; empty files are left out. */
void ff_demo_add(struct ff_demo_work *work, const char *pattern);
void ff_demo_submit(struct ff_demo_work *work);
/* How many have completed. */
uint32_t ff_demo_progress(struct ff_demo_work *work);
/* Reads every result and every attempt, and compares. */
void ff_demo_verify(struct ff_demo_work *work, struct ff_demo_count *out);

/* demo_daemon.c */
/* Starts a daemon of its own on a throw-away store, with two worker hosts. What it started ends,
 * and its directory goes, when the process exits. */
void ff_demo_start(void);
struct ff_client *ff_demo_connect(void);
/* Waits until all its processes are ready, and writes them down, one a line. */
void ff_demo_show_tree(void);
/* kill -9 of the process of this name in the tree; its number. */
int ff_demo_kill(const char *name);
/* The process of this name that is ready, another one than pid: waits for it. */
int ff_demo_await_other(const char *name, int pid);

/* demo_main.c */
void ff_demo_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
