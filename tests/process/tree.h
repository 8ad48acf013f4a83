/* tree.h: what a test sees of the processes of a daemon, through its control socket and the kernel.
 *
 * What is waited for is asked for again and again; a test fails if it does not come in time.
 */
#ifndef FF_TESTS_PROCESS_TREE_H
#define FF_TESTS_PROCESS_TREE_H

#include <sys/types.h>

#include "tests/process/daemon.h"
#include "workers/flowfabric.h"

#define FF_TREE_MAX 64

/* A process of the tree; hosts and what hangs below them one after the other. */
struct ff_tree_entry {
    char name[64];
    char role[32];
    enum ff_child_state state;
    pid_t pid; /* 0: none */
    uint32_t restarts;
};

struct ff_tree_view {
    struct ff_tree_entry v[FF_TREE_MAX];
    uint32_t n;
};

/* Of the control socket; to be closed. */
struct ff_client *ff_test_control(const struct ff_daemon *daemon);
void ff_tree_look(struct ff_client *control, struct ff_tree_view *out);
/* One entry of what is there now; name "" if there is none. */
struct ff_tree_entry ff_tree_entry(struct ff_client *control, const char *name);
/* Waits until it is in this state, with another process than not_pid. */
struct ff_tree_entry ff_tree_await(struct ff_client *control, const char *name,
                                   enum ff_child_state state, pid_t not_pid);
/* kill -9 of its process, which must have one; returns what it was. */
pid_t ff_tree_kill(struct ff_client *control, const char *name);

/* Waits until none of these processes is there, however they end. */
void ff_tree_await_gone(const struct ff_tree_view *view);

#endif
