/* tree.h: the processes of the daemon, kept up by the supervisor.
 *
 *               ┌──────────── wait ◀───────────────┐
 *               ▼                                  │ ended by itself
 *   start ─▶ starting ── newline ─▶ ready ─────────┤
 *               │                     │            └─▶ failed (too often; exit 100)
 *               └──────── stop ───────┴─▶ stopping ──▶ stopped
 *
 * A child that waits for its next start, or for the broker, is `starting` without a process. All of
 * it runs on one libev loop, on the default one, as child watchers do.
 */
#ifndef FF_SUPERVISOR_TREE_H
#define FF_SUPERVISOR_TREE_H

#include "supervisor/config.h"
#include "supervisor/ctl.h"
#include "supervisor/restart.h"
#include "supervisor/spawn.h"

struct ff_tree;
struct ff_child_proc; /* one place in the tree, with or without a process in it */

struct ff_tree_options {
    const char *config_path; /* NULL: the default place; read again by reload */
    bool root;               /* default places of root */
    int lock_fds[FF_SPAWN_LOCKS_MAX];
    uint32_t n_locks;
    /* All that should run does for the first time. */
    void (*ready)(void *ctx);
    /* The tree has ended: exit with this. */
    void (*ended)(void *ctx, int exit_status);
    void *ctx;
};

/* Starts control and broker, and what needs the broker once that is ready. config: the tree's from
 * now on, also in the future: reload replaces it.
 * FF_E_INVALID_CONFIG: the copy of the configuration for the children cannot be written. */
FF_MUST_USE ff_err ff_tree_new(struct ev_loop *loop, const struct ff_tree_options *options,
                               struct ff_config *config, struct ff_tree **tree_out,
                               struct ff_fault *fault);
/* After `ended`. */
void ff_tree_free(struct ff_tree *tree);
/* Begins the ordered end (08 §4); running work gets grace_ms. Said again, it changes nothing. */
void ff_tree_stop(struct ff_tree *tree, const char *why, uint64_t grace_ms);

/* Rereads the configuration; the log says what came of it. */
void ff_tree_reread(struct ff_tree *tree);

/* An operation of 00 §6 that the control child passed on; answers now or later. */
void ff_tree_operate(struct ff_tree *tree, struct ff_ctl_request *request,
                     const struct ff_ctl_operate_args *args);

#endif
