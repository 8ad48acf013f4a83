#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "supervisor/tree_int.h"

static void
log_child(const struct ff_child_proc *child, enum ff_log_level level, const char *event,
          const char *key, const char *value)
{
    const struct ff_log_pair pairs[] = { { "child", ff_cstr(child->name) },
                                         { key, ff_cstr(value) } };

    ff_log_pairs(level, event, pairs, FF_COUNT(pairs));
}

static void
set_timer(struct ff_child_proc *child, uint64_t ms)
{
    ev_timer_stop(child->tree->loop, &child->timer);
    ev_timer_set(&child->timer, (double) ms / 1000.0, 0.0);
    ev_timer_start(child->tree->loop, &child->timer);
}

static void
drop_ready(struct ff_child_proc *child)
{
    if (child->ready.fd >= 0) {
        ev_io_stop(child->tree->loop, &child->ready);
        close(child->ready.fd);
        ev_io_set(&child->ready, -1, EV_READ);
    }
}

static void
kill_child(struct ff_child_proc *child, int signal)
{
    if (child->pid > 0) {
        kill(child->pid, signal);
    }
}

/* ---- its process says something, or not ---- */

static void
on_ping_answer(void *ctx, const struct ff_ctl_answer *answer)
{
    if (answer->fault.code == FF_E_OK) {
        ((struct ff_child_proc *) ctx)->silent = 0;
    }
}

void
ff_child_ping(struct ff_child_proc *child)
{
    const struct ff_ctl_ping_args args = { 0 };

    if (child->state != FF_CHILD_READY) {
        return; /* other states have limits of their own */
    }
    if (child->silent == PINGS) {
        log_child(child, FF_LEVEL_ERROR, "child_killed", "reason", "it does not answer");
        kill_child(child, SIGKILL);
        return;
    }
    child->silent++;
    ff_ctl_call(child->ctl, FF_CTL_ping, &args, on_ping_answer, child);
}

static void
on_ready(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    struct ff_child_proc *child = watcher->data;
    char byte = 0;
    ssize_t n = read(watcher->fd, &byte, 1);

    (void) loop;
    (void) events;
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    drop_ready(child);
    if (n != 1 || child->state != FF_CHILD_STARTING) {
        return; /* it ends: its exit says more */
    }
    ev_timer_stop(child->tree->loop, &child->timer);
    child->state = FF_CHILD_READY;
    child->was_ready = true;
    child->ready_mono_ms = ff_mono_ms();
    log_child(child, FF_LEVEL_INFO, "child_ready", NULL, NULL);
    ff_tree_child_ready(child);
    ff_children_settle(child->tree);
    ff_tree_changed(child->tree);
}

static void
on_ctl_gone(void *ctx)
{
    struct ff_child_proc *child = ctx;

    if (child->state != FF_CHILD_STOPPING) {
        set_timer(child, STOP_MARGIN_MS); /* by then it has ended, or is no longer of use */
    }
}

static void
on_operate(void *ctx, struct ff_ctl_request *request, const void *args)
{
    struct ff_child_proc *child = ctx;

    ff_tree_operate(child->tree, request, args);
}

/* Only the control child speaks for operators. */
static const struct ff_ctl_handler control_handlers[] = { { FF_CTL_operate, on_operate }, { 0 } };

void
ff_child_send_level(struct ff_child_proc *child)
{
    const struct ff_ctl_log_level_args args = { .level = child->level };

    if (child->ctl != NULL && child->has_level) {
        ff_ctl_call(child->ctl, FF_CTL_log_level, &args, NULL, NULL);
    }
}

/* ---- starting ---- */

static bool
must_wait(const struct ff_child_proc *child)
{
    return child->needs_broker && ff_tree_broker(child->tree)->state != FF_CHILD_READY;
}

/* An instance is one process: what holds leases must not be taken for the one before. */
static void
name_instance(struct ff_child_proc *child)
{
    snprintf(child->instance, sizeof(child->instance), "%s-%08x%08x", child->name,
             randombytes_random(), randombytes_random());
}

static void
attach(struct ff_child_proc *child, const struct ff_spawned *spawned)
{
    const struct ff_ctl_owner owner = { .handlers = strcmp(child->role, "control") == 0
                                                        ? control_handlers
                                                        : NULL,
                                        .gone = on_ctl_gone,
                                        .ctx = child };

    child->pid = spawned->pid;
    child->silent = 0;
    child->ctl = ff_ctl_new(child->tree->loop, spawned->ctl_fd, &owner);
    ev_io_set(&child->ready, spawned->ready_fd, EV_READ);
    ev_io_start(child->tree->loop, &child->ready);
    ev_child_set(&child->exit, child->pid, 0);
    ev_child_start(child->tree->loop, &child->exit);
    set_timer(child, READY_MAX_MS);
    ff_child_send_level(child);
}

static void
spawn(struct ff_child_proc *child)
{
    struct ff_tree *tree = child->tree;
    struct ff_spawn what = { .role = child->role,
                             .config_path = tree->copy_path,
                             .state_dir = tree->state_dir,
                             .runtime_dir = tree->runtime_dir,
                             .n_locks = tree->options.n_locks };
    struct ff_spawned spawned;
    int wrong = 0;

    memcpy(what.lock_fds, tree->options.lock_fds, sizeof(what.lock_fds));
    if (child->host[0] != '\0') {
        name_instance(child);
        what.name = child->host;
        what.instance = child->instance;
    } else if (strcmp(child->name, child->role) != 0) {
        what.name = child->name;
    }
    wrong = ff_spawn(&what, &spawned);
    if (wrong != 0) {
        log_child(child, FF_LEVEL_ERROR, "child_not_started", "reason", strerror(wrong));
        set_timer(child, FF_BACKOFF_MAX_MS);
        return;
    }
    child->restarts += child->started_at != 0;
    child->started_at = ff_wall_ms();
    attach(child, &spawned);
    log_child(child, FF_LEVEL_DEBUG, "child_started", NULL, NULL);
}

void
ff_child_start(struct ff_child_proc *child)
{
    child->wanted = true;
    if (child->state == FF_CHILD_STOPPED || child->state == FF_CHILD_FAILED) {
        child->history = (struct ff_restarts){ 0 };
        child->state = FF_CHILD_STARTING;
    }
    if (child->state == FF_CHILD_STARTING && child->pid == 0 && !must_wait(child)) {
        spawn(child);
    }
}

void
ff_children_settle(struct ff_tree *tree)
{
    struct ff_child_proc *child = NULL;

    TAILQ_FOREACH(child, &tree->children, next)
    {
        if (child->state == FF_CHILD_STARTING && child->pid == 0 && !ev_is_active(&child->timer) &&
            !must_wait(child)) {
            spawn(child);
        }
    }
}

/* ---- ending ---- */

/* Beyond what handlers get to finish in: to kill those that do not, and to hand back their work. */
#define HOST_MARGIN_MS 5000

uint64_t
ff_child_grace_ms(const struct ff_child_proc *child)
{
    const struct ff_host_config *host = ff_config_host(&child->tree->config, child->host);

    if (host == NULL) {
        return FF_GRACE_MS;
    }
    return host->drain_grace_ms > FF_DUR_MS_MAX - HOST_MARGIN_MS
               ? FF_DUR_MS_MAX
               : host->drain_grace_ms + HOST_MARGIN_MS;
}

void
ff_child_stop(struct ff_child_proc *child, uint64_t grace_ms)
{
    const struct ff_ctl_stop_args args = { .grace_ms = grace_ms };

    FF_ASSERT(grace_ms <= FF_DUR_MS_MAX);
    child->wanted = false;
    if (child->state == FF_CHILD_STOPPING) {
        return;
    }
    if (child->pid == 0) {
        ev_timer_stop(child->tree->loop, &child->timer);
        child->state = FF_CHILD_STOPPED;
        return;
    }
    if (child->state == FF_CHILD_STARTING) {
        kill_child(child, SIGTERM); /* it does not read its channel yet */
    } else {
        ff_ctl_call(child->ctl, FF_CTL_stop, &args, NULL, NULL);
    }
    child->state = FF_CHILD_STOPPING;
    set_timer(child, grace_ms + STOP_MARGIN_MS); /* at most FF_DUR_MS_MAX and a little */
}

static void
describe_end(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status)) {
        snprintf(text, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(text, size, "exit %d", WEXITSTATUS(status));
    }
}

/* The broker could not open its store or its sockets, and says that waiting does not help: what it
 * cannot do at the first start is told to whoever starts the daemon (08 §4). */
static bool
is_boot_failure(const struct ff_child_proc *child, int status)
{
    return child == ff_tree_broker(child->tree) && !child->was_ready && WIFEXITED(status) &&
           (WEXITSTATUS(status) == FF_EXIT_BOOT || WEXITSTATUS(status) == FF_EXIT_BUILD);
}

/* It ended by itself, whatever the reason. */
static void
judge(struct ff_child_proc *child, int status, const char *words)
{
    const struct ff_config *config = &child->tree->config;
    const struct ff_restart_limits limits = { (uint32_t) config->restart_max,
                                              config->restart_window_s * 1000 };
    const struct ff_child_end end = {
        .now_ms = ff_mono_ms(),
        .exited = WIFEXITED(status),
        .status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
        .healthy =
            child->state == FF_CHILD_READY && ff_mono_ms() - child->ready_mono_ms >= FF_HEALTHY_MS,
    };
    struct ff_restart_verdict verdict =
        ff_restart_judge(&child->history, child->policy, &limits, &end, randombytes_random());

    if (is_boot_failure(child, status)) {
        verdict.what = FF_RESTART_FAILED;
    } else if (child->tree->state == TREE_STOPPING && child->order <= child->tree->stop_order) {
        verdict.what = FF_RESTART_REST;
    }
    if (verdict.what == FF_RESTART_AGAIN) {
        log_child(child, FF_LEVEL_WARN, "child_ended", "how", words);
        child->state = FF_CHILD_STARTING;
        set_timer(child, verdict.delay_ms);
        return;
    }
    child->wanted = false;
    child->state = verdict.what == FF_RESTART_REST ? FF_CHILD_STOPPED : FF_CHILD_FAILED;
    if (child->state == FF_CHILD_FAILED) {
        log_child(child, FF_LEVEL_ERROR, "child_failed", "how", words);
        ff_tree_child_failed(child, status);
    } else {
        log_child(child, FF_LEVEL_INFO, "child_stopped", "how", words);
    }
}

static void
on_child_exit(struct ev_loop *loop, struct ev_child *watcher, int events)
{
    struct ff_child_proc *child = watcher->data;
    struct ff_tree *tree = child->tree;
    char words[64];

    (void) events;
    ev_child_stop(loop, watcher);
    ev_timer_stop(loop, &child->timer);
    drop_ready(child);
    child->pid = 0;
    ff_ctl_free(child->ctl);
    child->ctl = NULL;
    describe_end(watcher->rstatus, words, sizeof(words));
    if (child->host[0] != '\0') {
        ff_tree_worker_gone(tree, child->instance);
    }
    if (child->state != FF_CHILD_STOPPING) {
        judge(child, watcher->rstatus, words);
    } else {
        log_child(child, FF_LEVEL_INFO, "child_stopped", "how", words);
        child->state = FF_CHILD_STOPPED;
    }
    if (child->leaving && child->pid == 0) {
        ff_child_remove(child);
    } else if (child->wanted && child->state == FF_CHILD_STOPPED) {
        ff_child_start(child);
    }
    ff_tree_changed(tree);
}

static void
on_timer(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct ff_child_proc *child = watcher->data;

    (void) loop;
    (void) events;
    if (child->pid == 0) { /* its wait is over */
        ff_child_start(child);
        return;
    }
    log_child(child, FF_LEVEL_ERROR, "child_killed", "reason",
              child->state == FF_CHILD_STARTING   ? "it did not become ready"
              : child->state == FF_CHILD_STOPPING ? "it did not end in time"
                                                  : "it closed its channel");
    kill_child(child, SIGKILL);
}

/* ---- places in the tree ---- */

struct ff_child_proc *
ff_child_add(struct ff_tree *tree, const char *name, const char *role)
{
    struct ff_child_proc *child = calloc(1, sizeof(*child));

    FF_ASSERT(child != NULL);
    child->tree = tree;
    child->role = role;
    child->state = FF_CHILD_STOPPED;
    snprintf(child->name, sizeof(child->name), "%s", name);
    ev_init(&child->exit, on_child_exit);
    ev_io_init(&child->ready, on_ready, -1, EV_READ);
    ev_timer_init(&child->timer, on_timer, 0.0, 0.0);
    child->exit.data = child->ready.data = child->timer.data = child;
    TAILQ_INSERT_TAIL(&tree->children, child, next);
    tree->n++;
    return child;
}

void
ff_child_remove(struct ff_child_proc *child)
{
    FF_ASSERT(child->pid == 0);
    ev_timer_stop(child->tree->loop, &child->timer);
    TAILQ_REMOVE(&child->tree->children, child, next);
    child->tree->n--;
    free(child);
}
