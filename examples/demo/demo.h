/* demo.h: shared by the files of the demonstration (`make demo`). */
#ifndef FF_EXAMPLES_DEMO_DEMO_H
#define FF_EXAMPLES_DEMO_DEMO_H

#include "workers/flowfabric.h"

/* A handler is given up to 1 000 upstream results (docs/workers.md). */
#define FF_DEMO_FILES_MAX 900

/* Exit statuses. */
enum { FF_DEMO_GOOD = 0, FF_DEMO_BAD = 1, FF_DEMO_USAGE = 2 };

/* The stages of the flow, in their order; the two that are per file have many members. */
enum ff_demo_stage {
    FF_DEMO_DIGEST,   /* per file: sha256sum of it */
    FF_DEMO_MANIFEST, /* the digests in one list */
    FF_DEMO_APPROVAL, /* a signal lets it go on */
    FF_DEMO_WORDS,    /* per file: wc -w of it */
    FF_DEMO_REPORT,   /* the words in one sum, the files checked against the manifest */
    FF_DEMO_STAGES
};
/* The kind of its members. */
extern const char *const ff_demo_kinds[FF_DEMO_STAGES];

/* An execution, and what it must give. */
struct ff_demo_member {
    enum ff_demo_stage stage;
    const char *path; /* of a stage per file */
    char *want;
    struct ff_eid id;
    enum ff_public_state state; /* as last seen */
};

struct ff_demo_flow {
    struct ff_client *client;
    struct ff_uuid flow_id;
    struct ff_demo_member *members; /* by stage, and by path within one */
    uint32_t n, files, left_out;
    uint32_t first[FF_DEMO_STAGES + 1]; /* position of each stage's first member */
};

/* What has become of them. */
struct ff_demo_count {
    uint32_t completed, right, attempts, successes, done_again;
};

/* ---- files.c ---- */

/* Adds the regular files that a pattern (glob) finds. Empty ones and those larger than 1 MiB are
 * left out. Ends the process with FF_DEMO_USAGE where it finds none, or too many. */
void ff_demo_add(const char *pattern);
/* The members for all that was added, with what each must give. */
void ff_demo_plan(struct ff_demo_flow *flow);

/* ---- flow.c ---- */

/* One call: the flow, its members, its edges. */
void ff_demo_submit(struct ff_demo_flow *flow);
/* Looks at those that have not ended. True: all have. */
bool ff_demo_look(struct ff_demo_flow *flow);
/* Members of the stage in that state. */
uint32_t ff_demo_in(const struct ff_demo_flow *flow, enum ff_demo_stage stage,
                    enum ff_public_state state);
/* Sends the approval twice: under a forged token, which is refused, and under the real one. */
void ff_demo_approve(struct ff_demo_flow *flow);
/* Reads every result and every attempt, and compares. */
void ff_demo_verify(struct ff_demo_flow *flow, struct ff_demo_count *out);

/* ---- show.c ---- */

/* On a terminal the flow is a picture that stays in its place; in a pipe, or where CI is set, each
 * change is a line. */
void ff_demo_draw(const struct ff_demo_flow *flow);
/* A line of what happens, above the picture. */
void ff_demo_tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Emphasis, where the terminal has it. */
const char *ff_demo_bold(bool on);
/* Since the first call. */
double ff_demo_seconds(void);

/* ---- daemon.c ---- */

/* Starts a daemon of its own on a throw-away store, with two worker hosts. What it started ends,
 * and its directory goes, when the process exits, also after Ctrl-C. */
void ff_demo_start(void);
struct ff_client *ff_demo_connect(void);
/* Waits until all its processes are ready, and writes them down, one a line. */
void ff_demo_show_tree(void);
/* kill -9 of the process of this name in the tree; its number. */
int ff_demo_kill(const char *name);
/* Like exit(); of several threads the first one's status counts. */
void ff_demo_end(int status) __attribute__((noreturn));

/* ---- main.c ---- */

/* Says why, with the end of the daemon's log, and ends with FF_DEMO_BAD. */
void ff_demo_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
