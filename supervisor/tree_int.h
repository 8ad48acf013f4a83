/* tree_int.h: what the parts of the tree share. */
#ifndef FF_SUPERVISOR_TREE_INT_H
#define FF_SUPERVISOR_TREE_INT_H

#include <sys/queue.h>

#include "core/codec.h"
#include "supervisor/log.h"
#include "supervisor/role.h"
#include "supervisor/tree.h"

/* Processes in all: 64 of each of a dozen hosts, and ours. */
#define CHILDREN_MAX 1000
/* Of a name in the tree: a host's, a dot and a number. */
#define NAME_BYTES_MAX 288
/* A child that is not ready by then is killed; the longest recovery of a store takes less. */
#define READY_MAX_MS 600000
/* The workers that ended last: a broker that has come back is told of them, as the one before it
 * may have ended with what it was told. Of earlier ones the leases run out. */
#define GONE_MAX 64
/* Pings within hang_max_ms. */
#define PINGS 3
/* Beyond the grace, until SIGKILL; a child's own alarm rings before. */
#define STOP_MARGIN_MS 6000

/* The order of the ordered end (08 §4). */
enum { ORDER_HOSTS = 1, ORDER_SCANNERS, ORDER_BROKER, ORDER_CONTROL, ORDER_N };

struct ff_child_proc {
    TAILQ_ENTRY(ff_child_proc) next;
    struct ff_tree *tree;
    char name[NAME_BYTES_MAX];
    char host[NAME_BYTES_MAX]; /* of a worker host's process: its section; else "" */
    const char *role;
    bool needs_broker;
    int order;
    enum ff_restart_policy policy;

    enum ff_child_state state;
    bool wanted;  /* to be started again when a stop is over */
    bool leaving; /* to be taken out of the tree then */
    bool was_ready;
    pid_t pid; /* 0: no process */
    char instance[NAME_BYTES_MAX + 24];
    int64_t started_at; /* Unix ms; 0: never */
    int64_t ready_mono_ms;
    uint32_t restarts;
    uint32_t silent; /* pings that it has not answered */
    struct ff_restarts history;
    bool has_level;
    enum ff_log_level level; /* told to each process in it */

    struct ff_ctl *ctl; /* NULL: no process */
    struct ev_child exit;
    struct ev_io ready;    /* fd -1: not waited for */
    struct ev_timer timer; /* back-off, readiness, or the deadline of a stop */
};
TAILQ_HEAD(ff_child_procs, ff_child_proc);

enum tree_state { TREE_STARTING, TREE_RUNNING, TREE_DRAINING, TREE_STOPPING };

struct ff_tree {
    struct ev_loop *loop;
    struct ff_tree_options options;
    struct ff_config config;
    char *state_dir, *runtime_dir; /* of the whole life of the tree: they are locked */
    char copy_path[128];           /* of the configuration as it is in force, for the children */
    struct ff_child_procs children;
    uint32_t n;
    char gone[GONE_MAX][NAME_BYTES_MAX + 24]; /* a ring of instances */
    uint32_t gone_n;                          /* ever */
    enum tree_state state;
    int64_t started_at; /* Unix ms */
    int stop_order;     /* while stopping: what is being ended */
    uint64_t stop_grace_ms;
    struct ev_timer ping;      /* all children, PINGS times in hang_max_ms */
    struct ev_timer stop_soon; /* zero seconds: the answer to `shutdown` goes first */
    int exit_status;
};

/* ---- children (child.c) ---- */

struct ff_child_proc *ff_child_add(struct ff_tree *tree, const char *name, const char *role);
/* It has no process. */
void ff_child_remove(struct ff_child_proc *child);
/* Wants it to run; starts it now if that can be. */
void ff_child_start(struct ff_child_proc *child);
/* Ends its process in order, or keeps it from starting. */
void ff_child_stop(struct ff_child_proc *child, uint64_t grace_ms);
/* What it gets to end in, unless whoever ends it says otherwise. */
uint64_t ff_child_grace_ms(const struct ff_child_proc *child);
/* Starts what was waiting for the broker. */
void ff_children_settle(struct ff_tree *tree);
/* Asks whether its loop turns; kills it if it did not say so lately. */
void ff_child_ping(struct ff_child_proc *child);
void ff_child_send_level(struct ff_child_proc *child);

/* ---- the tree (tree.c) ---- */

/* NULL: none of this name. */
struct ff_child_proc *ff_tree_child(struct ff_tree *tree, struct ff_str name);
/* That runs this scanner of 07 §2; NULL: there is no such scanner. */
struct ff_child_proc *ff_tree_child_of_scanner(struct ff_tree *tree, struct ff_str scanner);
struct ff_child_proc *ff_tree_broker(struct ff_tree *tree);
/* Something has come or gone: tells the service manager, and goes on with the end. */
void ff_tree_changed(struct ff_tree *tree);
/* A worker instance's process has ended: the broker takes its leases back. */
void ff_tree_worker_gone(struct ff_tree *tree, const char *instance);
void ff_tree_child_ready(struct ff_child_proc *child);
/* A child cannot be brought up: at the first start of the broker that is the end of the daemon. */
void ff_tree_child_failed(struct ff_child_proc *child, int status);
/* Sets the ping timer by the configuration. */
void ff_tree_set_ping(struct ff_tree *tree);
/* Nothing is claimed any more. */
void ff_tree_drain(struct ff_tree *tree);
/* As ff_tree_stop, but after the answer has left. */
void ff_tree_stop_soon(struct ff_tree *tree, uint64_t grace_ms);
/* Adds or stops processes of a worker host until there are `count`. */
void ff_tree_scale(struct ff_tree *tree, const char *host, uint32_t count);

/* ---- tree_stats.c ---- */

/* Answers with what the scanners of all processes that run have done. */
void ff_tree_scanner_stats(struct ff_tree *tree, struct ff_ctl_request *request);

/* ---- reload.c ---- */

/* Writes the copy of the configuration that the children read.
 * FF_E_INVALID_CONFIG {context, field, reason} */
FF_MUST_USE ff_err ff_tree_write_copy(struct ff_tree *tree, const struct ff_config *config,
                                      struct ff_arena *arena, struct ff_fault *fault);
/* Rereads the file and applies what can be. The result's texts live in the arena. */
FF_MUST_USE ff_err ff_tree_reload(struct ff_tree *tree, struct ff_arena *arena,
                                  struct ff_reload_result *result, struct ff_fault *fault);

#endif
