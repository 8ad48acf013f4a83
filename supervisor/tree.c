#include "supervisor/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "supervisor/notify.h"
#include "supervisor/tree_int.h"

static const struct process {
    const char *name;
    const char *role;
    bool needs_broker;
    int order;
} processes[] = {
#define FF_PROCESS(name, role, needs_broker, order) { name, role, needs_broker, order },
#define FF_SCANNER_PROCESS(name) { name, "scanner", true, ORDER_SCANNERS },
#include "supervisor/processes.def"
};

/* By scanner of 07 §2: the process that runs it. */
static const struct {
    const char *scanner;
    const char *process;
} scanners[] = {
#define FF_SCANNER(upper, name, process, interval, unit_ms, batch, flags) { #name, #process },
#define FF_SCAN_WAKE(upper, index, when)
#define FF_SCAN_CALL(upper, op, changed, changed_too)
#include "core/scanners.def"
};

/* ---- who is there ---- */

struct ff_child_proc *
ff_tree_child(struct ff_tree *tree, struct ff_str name)
{
    struct ff_child_proc *child = NULL;

    TAILQ_FOREACH(child, &tree->children, next)
    {
        if (ff_str_is(name, child->name)) {
            return child;
        }
    }
    return NULL;
}

struct ff_child_proc *
ff_tree_broker(struct ff_tree *tree)
{
    return ff_tree_child(tree, ff_cstr("broker"));
}

struct ff_child_proc *
ff_tree_child_of_scanner(struct ff_tree *tree, struct ff_str scanner)
{
    for (size_t i = 0; i < FF_COUNT(scanners); i++) {
        if (ff_str_is(scanner, scanners[i].scanner)) {
            return ff_tree_child(tree, ff_cstr(scanners[i].process));
        }
    }
    return NULL;
}

/* ---- what changes ---- */

static void
stop_claims(struct ff_tree *tree)
{
    const struct ff_ctl_stop_claims_args args = { 0 };
    struct ff_child_proc *broker = ff_tree_broker(tree);

    if (broker->state == FF_CHILD_READY) {
        ff_ctl_call(broker->ctl, FF_CTL_stop_claims, &args, NULL, NULL);
    }
}

static void
tell_gone(struct ff_tree *tree, const char *instance)
{
    const struct ff_ctl_worker_gone_args args = { .worker_instance_id = ff_cstr(instance) };

    ff_ctl_call(ff_tree_broker(tree)->ctl, FF_CTL_worker_gone, &args, NULL, NULL);
}

void
ff_tree_worker_gone(struct ff_tree *tree, const char *instance)
{
    snprintf(tree->gone[tree->gone_n++ % GONE_MAX], sizeof(tree->gone[0]), "%s", instance);
    if (ff_tree_broker(tree)->state == FF_CHILD_READY) {
        tell_gone(tree, instance);
    }
}

/* A broker that came back does not know what has happened meanwhile; twice told is no harm, as no
 * other process ever has the same instance. */
void
ff_tree_child_ready(struct ff_child_proc *child)
{
    struct ff_tree *tree = child->tree;

    if (child != ff_tree_broker(tree)) {
        return;
    }
    for (uint32_t i = 0; i < tree->gone_n && i < GONE_MAX; i++) {
        tell_gone(tree, tree->gone[i]);
    }
    if (tree->state >= TREE_DRAINING) {
        stop_claims(tree);
    }
}

void
ff_tree_child_failed(struct ff_child_proc *child, int status)
{
    struct ff_tree *tree = child->tree;

    if (child == ff_tree_broker(tree) && !child->was_ready && tree->state == TREE_STARTING) {
        bool build = WIFEXITED(status) && WEXITSTATUS(status) == FF_EXIT_BUILD;

        tree->exit_status = build ? FF_EXIT_BUILD : FF_EXIT_BOOT;
        ff_tree_stop(tree, "the broker cannot start", 0);
    }
}

static void
count(const struct ff_tree *tree, uint32_t *ready_out, uint32_t *pending_out)
{
    const struct ff_child_proc *child = NULL;

    *ready_out = *pending_out = 0;
    TAILQ_FOREACH(child, &tree->children, next)
    {
        *ready_out += child->state == FF_CHILD_READY;
        *pending_out += child->state == FF_CHILD_STARTING;
    }
}

static void
notify_status(const struct ff_tree *tree)
{
    static const char *const states[] = { "starting", "running", "draining", "stopping" };
    uint32_t ready = 0, pending = 0;
    char text[96];

    count(tree, &ready, &pending);
    snprintf(text, sizeof(text), "STATUS=%s: %u of %u processes ready", states[tree->state], ready,
             tree->n);
    ff_notify(text);
}

static void advance(struct ff_tree *tree);

void
ff_tree_changed(struct ff_tree *tree)
{
    uint32_t ready = 0, pending = 0;

    count(tree, &ready, &pending);
    if (tree->state == TREE_STARTING && pending == 0) {
        tree->state = TREE_RUNNING;
        ff_log(FF_LEVEL_INFO, "running", NULL, ff_cstr(NULL));
        ff_notify("READY=1");
        tree->options.ready(tree->options.ctx);
    }
    notify_status(tree);
    if (tree->state == TREE_STOPPING) {
        advance(tree);
    }
}

/* ---- hung processes ---- */

static void
on_ping(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct ff_tree *tree = watcher->data;
    struct ff_child_proc *child = NULL;

    (void) loop;
    (void) events;
    TAILQ_FOREACH(child, &tree->children, next)
    {
        ff_child_ping(child);
    }
}

void
ff_tree_set_ping(struct ff_tree *tree)
{
    double s = (double) tree->config.hang_max_ms / 1000.0 / PINGS;

    ev_timer_stop(tree->loop, &tree->ping);
    if (s > 0.0) {
        ev_timer_set(&tree->ping, s, s);
        ev_timer_start(tree->loop, &tree->ping);
    }
}

/* ---- worker hosts ---- */

static void
add_host_process(struct ff_tree *tree, const char *host, uint32_t number)
{
    struct ff_child_proc *child = NULL;
    char name[NAME_BYTES_MAX];

    snprintf(name, sizeof(name), "%.*s.%u", NAME_BYTES_MAX - 12, host, number);
    child = ff_tree_child(tree, ff_cstr(name));
    if (child == NULL) {
        child = ff_child_add(tree, name, "worker-host");
        snprintf(child->host, sizeof(child->host), "%s", host);
        child->needs_broker = true;
        child->order = ORDER_HOSTS;
    }
    child->leaving = false;
    ff_child_start(child);
}

static uint32_t
number_of(const struct ff_child_proc *child)
{
    return (uint32_t) strtoul(strrchr(child->name, '.') + 1, NULL, 10);
}

void
ff_tree_scale(struct ff_tree *tree, const char *host, uint32_t count_wanted)
{
    struct ff_child_proc *child = TAILQ_FIRST(&tree->children);

    while (child != NULL) {
        struct ff_child_proc *next = TAILQ_NEXT(child, next);

        if (strcmp(child->host, host) == 0 && number_of(child) > count_wanted) {
            child->leaving = true;
            ff_child_stop(child, ff_child_grace_ms(child));
            if (child->pid == 0) {
                ff_child_remove(child);
            }
        }
        child = next;
    }
    for (uint32_t i = 1; i <= count_wanted; i++) {
        add_host_process(tree, host, i);
    }
}

/* ---- the ordered end ---- */

static bool
has_processes(const struct ff_tree *tree, int order)
{
    const struct ff_child_proc *child = NULL;

    TAILQ_FOREACH(child, &tree->children, next)
    {
        if (child->order == order && child->pid != 0) {
            return true;
        }
    }
    return false;
}

static void
stop_order(struct ff_tree *tree, int order, uint64_t grace_ms)
{
    struct ff_child_proc *child = NULL;

    TAILQ_FOREACH(child, &tree->children, next)
    {
        if (child->order == order) {
            ff_child_stop(child, grace_ms);
        }
    }
}

static void
advance(struct ff_tree *tree)
{
    while (tree->stop_order < ORDER_N && !has_processes(tree, tree->stop_order)) {
        tree->stop_order++;
        if (tree->stop_order < ORDER_N) {
            stop_order(tree, tree->stop_order, tree->stop_grace_ms);
        }
    }
    if (tree->stop_order == ORDER_N) {
        tree->stop_order++; /* said once */
        ff_log(FF_LEVEL_INFO, "stopped", NULL, ff_cstr(NULL));
        tree->options.ended(tree->options.ctx, tree->exit_status);
    }
}

void
ff_tree_stop(struct ff_tree *tree, const char *why, uint64_t grace_ms)
{
    if (tree->state == TREE_STOPPING) {
        return;
    }
    ff_log(FF_LEVEL_INFO, "stopping", "why", ff_cstr(why));
    ff_notify("STOPPING=1");
    tree->state = TREE_STOPPING;
    tree->stop_grace_ms = grace_ms;
    tree->stop_order = ORDER_HOSTS;
    stop_claims(tree);
    stop_order(tree, ORDER_HOSTS, grace_ms);
    ff_tree_changed(tree);
}

static void
on_stop_soon(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct ff_tree *tree = watcher->data;

    (void) loop;
    (void) events;
    ff_tree_stop(tree, "an operator said so", tree->stop_grace_ms);
}

void
ff_tree_stop_soon(struct ff_tree *tree, uint64_t grace_ms)
{
    if (tree->state != TREE_STOPPING) {
        tree->stop_grace_ms = grace_ms;
        ev_timer_start(tree->loop, &tree->stop_soon);
    }
}

void
ff_tree_drain(struct ff_tree *tree)
{
    if (tree->state < TREE_DRAINING) {
        tree->state = TREE_DRAINING;
        ff_log(FF_LEVEL_INFO, "draining", NULL, ff_cstr(NULL));
        notify_status(tree);
        stop_claims(tree);
    }
}

/* ---- making and unmaking ---- */

/* A scanner process without a scanner has nothing to do. */
static bool
has_work(const struct process *process)
{
    for (size_t i = 0; i < FF_COUNT(scanners); i++) {
        if (strcmp(scanners[i].process, process->name) == 0) {
            return true;
        }
    }
    return process->order != ORDER_SCANNERS;
}

static void
add_processes(struct ff_tree *tree)
{
    for (size_t i = 0; i < FF_COUNT(processes); i++) {
        struct ff_child_proc *child = NULL;

        if (!has_work(&processes[i])) {
            continue;
        }
        child = ff_child_add(tree, processes[i].name, processes[i].role);
        child->needs_broker = processes[i].needs_broker;
        child->order = processes[i].order;
    }
}

static void
start_all(struct ff_tree *tree)
{
    const struct ff_host_configs *hosts = &tree->config.worker_hosts;
    struct ff_child_proc *child = NULL;

    TAILQ_FOREACH(child, &tree->children, next)
    {
        ff_child_start(child);
    }
    for (uint32_t i = 0; i < hosts->n; i++) {
        ff_tree_scale(tree, hosts->v[i].name.p, (uint32_t) hosts->v[i].count);
    }
}

ff_err
ff_tree_new(struct ev_loop *loop, const struct ff_tree_options *options, struct ff_config *config,
            struct ff_tree **tree_out, struct ff_fault *fault)
{
    struct ff_tree *tree = calloc(1, sizeof(*tree));
    ff_err err = FF_E_OK;

    FF_ASSERT(tree != NULL);
    tree->loop = loop;
    tree->options = *options;
    tree->started_at = ff_wall_ms();
    TAILQ_INIT(&tree->children);
    ev_timer_init(&tree->ping, on_ping, 0.0, 0.0);
    tree->ping.data = tree;
    ev_timer_init(&tree->stop_soon, on_stop_soon, 0.0, 0.0);
    tree->stop_soon.data = tree;
    snprintf(tree->copy_path, sizeof(tree->copy_path), "%s/flowfabric.conf.running",
             config->runtime_dir.p);
    err = ff_tree_write_copy(tree, config, &config->arena, fault);
    if (err != FF_E_OK) {
        free(tree);
        return err;
    }
    tree->state_dir = strdup(config->state_dir.p);
    tree->runtime_dir = strdup(config->runtime_dir.p);
    FF_ASSERT(tree->state_dir != NULL && tree->runtime_dir != NULL);
    tree->config = *config;
    *config = (struct ff_config){ 0 };
    ff_tree_set_ping(tree);
    add_processes(tree);
    start_all(tree);
    *tree_out = tree;
    return FF_E_OK;
}

void
ff_tree_free(struct ff_tree *tree)
{
    ev_timer_stop(tree->loop, &tree->ping);
    while (!TAILQ_EMPTY(&tree->children)) {
        ff_child_remove(TAILQ_FIRST(&tree->children));
    }
    ff_config_done(&tree->config);
    free(tree->state_dir);
    free(tree->runtime_dir);
    free(tree);
}
