/* tree_ops.c: the operations of 00 §6 that the supervisor answers. */
#include <stdlib.h>

#include "supervisor/tree_int.h"

/* As the setting `count` of a worker section. */
#define HOST_COUNT_MAX 64

/* One operation that is answered at once; texts of the result live in the arena. */
struct asked {
    struct ff_tree *tree;
    const void *args;
    void *result;
    struct ff_arena *arena;
    struct ff_fault *fault;
};

static ff_err
not_found(struct ff_fault *fault, struct ff_str name)
{
    return ff_fail(fault, FF_E_CHILD_NOT_FOUND, ff_d_str("name", name));
}

/* ---- tree ---- */

static struct ff_child
plain_node(const struct ff_child_proc *child)
{
    struct ff_child node = {
        .name = ff_cstr(child->name),
        .role = ff_cstr(child->role),
        .state = child->state,
        .restarts = child->restarts,
        .children = ff_str("\x90", 1), /* an empty list */
    };

    if (child->pid != 0) {
        node.pid = FF_SOME(ff_opt_u32, (uint32_t) child->pid);
    }
    if (child->started_at != 0) {
        node.started_at = FF_SOME(ff_opt_i64, child->started_at);
    }
    return node;
}

/* The least good of its processes' states, in this order. */
static enum ff_child_state
worse(enum ff_child_state a, enum ff_child_state b)
{
    static const uint8_t badness[] = { [FF_CHILD_READY] = 0,
                                       [FF_CHILD_STOPPED] = 1,
                                       [FF_CHILD_STOPPING] = 2,
                                       [FF_CHILD_STARTING] = 3,
                                       [FF_CHILD_FAILED] = 4 };

    return badness[a] >= badness[b] ? a : b;
}

/* A worker host is a node without a process; its processes hang below it. */
static struct ff_child
host_node(const struct ff_tree *tree, const char *host, struct ff_arena *arena)
{
    struct ff_child node = { .name = ff_cstr(host), .role = ff_cstr("worker-host") };
    const struct ff_child_proc *child = NULL;
    struct ff_packer packer;
    uint32_t n = 0;

    TAILQ_FOREACH(child, &tree->children, next)
    {
        n += strcmp(child->host, host) == 0;
    }
    node.state = n == 0 ? FF_CHILD_STOPPED : FF_CHILD_READY;
    ff_packer_init(&packer);
    msgpack_pack_array(&packer.pk, n);
    TAILQ_FOREACH(child, &tree->children, next)
    {
        if (strcmp(child->host, host) == 0) {
            struct ff_child below = plain_node(child);

            ff_encode(&ff_desc_child, &below, &packer.pk);
            node.state = worse(node.state, child->state);
            node.restarts += child->restarts;
        }
    }
    node.children = ff_arena_copy(arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    return node;
}

static bool
is_first_of_host(const struct ff_child_proc *child)
{
    const struct ff_child_proc *before = child;

    while ((before = TAILQ_PREV(before, ff_child_procs, next)) != NULL) {
        if (strcmp(before->host, child->host) == 0) {
            return false;
        }
    }
    return true;
}

static bool
has_host(const struct ff_tree *tree, struct ff_str name)
{
    const struct ff_child_proc *child = NULL;

    TAILQ_FOREACH(child, &tree->children, next)
    {
        if (child->host[0] != '\0' && ff_str_is(name, child->host)) {
            return true;
        }
    }
    return false;
}

static ff_err
op_tree(struct asked *asked)
{
    const struct ff_tree *tree = asked->tree;
    const struct ff_host_configs *hosts = &tree->config.worker_hosts;
    struct ff_tree_result *result = asked->result;
    const struct ff_child_proc *child = NULL;

    result->children.v = FF_ARENA_NEW(asked->arena, struct ff_child, tree->n + hosts->n);
    TAILQ_FOREACH(child, &tree->children, next)
    {
        if (child->host[0] == '\0') {
            result->children.v[result->children.n++] = plain_node(child);
        } else if (is_first_of_host(child)) {
            result->children.v[result->children.n++] = host_node(tree, child->host, asked->arena);
        }
    }
    for (uint32_t i = 0; i < hosts->n; i++) {
        if (!has_host(tree, hosts->v[i].name)) {
            result->children.v[result->children.n++] =
                host_node(tree, hosts->v[i].name.p, asked->arena);
        }
    }
    return FF_E_OK;
}

/* ---- status ---- */

static ff_err
op_status(struct asked *asked)
{
    static const char *const states[] = { "starting", "running", "draining", "stopping" };
    const struct ff_tree *tree = asked->tree;
    struct ff_status_result *result = asked->result;
    const struct ff_child_proc *child = NULL;

    result->state = ff_cstr(states[tree->state]);
    result->started_at = tree->started_at;
    result->store = ff_store_url_shown(tree->config.store, asked->arena);
    TAILQ_FOREACH(child, &tree->children, next)
    {
        result->children_ready += child->state == FF_CHILD_READY;
        result->children_total += child->state != FF_CHILD_STOPPED || child->wanted;
    }
    return FF_E_OK;
}

/* ---- children ---- */

static void
restart(struct ff_child_proc *child)
{
    ff_child_stop(child, ff_child_grace_ms(child));
    if (child->pid == 0) {
        ff_child_start(child);
    }
    child->wanted = true; /* it comes back when its stop is over */
}

static void
stop(struct ff_child_proc *child)
{
    ff_child_stop(child, ff_child_grace_ms(child));
}

/* Does it to a process of this name, or to all of a worker host. */
static ff_err
for_named(struct asked *asked, struct ff_str name, void (*act)(struct ff_child_proc *child),
          enum ff_child_state *state_out)
{
    struct ff_tree *tree = asked->tree;
    struct ff_child_proc *child = ff_tree_child(tree, name);

    if (child != NULL) {
        act(child);
        *state_out = child->state;
        return FF_E_OK;
    }
    if (!has_host(tree, name)) {
        return not_found(asked->fault, name);
    }
    *state_out = FF_CHILD_READY;
    TAILQ_FOREACH(child, &tree->children, next)
    {
        if (ff_str_is(name, child->host)) {
            act(child);
            *state_out = worse(*state_out, child->state);
        }
    }
    return FF_E_OK;
}

/* A tree that ends starts nothing. */
static ff_err
check_running(struct asked *asked)
{
    return asked->tree->state == TREE_STOPPING
               ? ff_fail(asked->fault, FF_E_UNAVAILABLE, ff_d_text("reason", "daemon_stops"))
               : FF_E_OK;
}

static ff_err
op_restart_child(struct asked *asked)
{
    const struct ff_restart_child_args *args = asked->args;
    struct ff_restart_child_result *result = asked->result;

    FF_TRY(check_running(asked));
    result->name = args->name;
    if (ff_str_is(args->name, "broker") && asked->tree->state == TREE_DRAINING) {
        asked->tree->state = TREE_RUNNING; /* the new one hands out work again */
    }
    return for_named(asked, args->name, restart, &result->state);
}

static ff_err
op_start_child(struct asked *asked)
{
    const struct ff_start_child_args *args = asked->args;
    struct ff_start_child_result *result = asked->result;

    FF_TRY(check_running(asked));
    result->name = args->name;
    return for_named(asked, args->name, ff_child_start, &result->state);
}

static ff_err
op_stop_child(struct asked *asked)
{
    const struct ff_stop_child_args *args = asked->args;
    struct ff_stop_child_result *result = asked->result;

    if (ff_str_is(args->name, "control")) { /* nobody could start it again */
        return ff_fail_input(asked->fault, "name", "needed_to_start_it_again");
    }
    result->name = args->name;
    return for_named(asked, args->name, stop, &result->state);
}

static ff_err
op_scale_host(struct asked *asked)
{
    const struct ff_scale_host_args *args = asked->args;
    struct ff_scale_host_result *result = asked->result;
    const char *name = ff_arena_printf(asked->arena, "%.*s", (int) args->name.n, args->name.p).p;

    FF_TRY(check_running(asked));
    if (ff_config_host(&asked->tree->config, name) == NULL) {
        return not_found(asked->fault, args->name);
    }
    if (args->count > HOST_COUNT_MAX) {
        FF_ASSERT(ff_fail_input(asked->fault, "count", "out_of_range") != FF_E_OK);
        ff_fault_add(asked->fault, ff_d_u64("max", HOST_COUNT_MAX));
        return asked->fault->code;
    }
    ff_tree_scale(asked->tree, name, args->count);
    *result = (struct ff_scale_host_result){ .name = args->name, .count = args->count };
    return FF_E_OK;
}

/* ---- the rest ---- */

static ff_err
op_reload(struct asked *asked)
{
    FF_TRY(check_running(asked));
    return ff_tree_reload(asked->tree, asked->arena, asked->result, asked->fault);
}

static void
set_level(struct ff_child_proc *child, enum ff_log_level level)
{
    child->has_level = true;
    child->level = level;
    ff_child_send_level(child);
}

static ff_err
op_set_log_level(struct asked *asked)
{
    const struct ff_set_log_level_args *args = asked->args;
    struct ff_child_proc *child = NULL;
    bool all = args->process.p == NULL, found = all;

    if (all || ff_str_is(args->process, "supervisor")) {
        ff_log_set_level(args->level);
        found = true;
    }
    TAILQ_FOREACH(child, &asked->tree->children, next)
    {
        if (all || ff_str_is(args->process, child->name) ||
            (child->host[0] != '\0' && ff_str_is(args->process, child->host))) {
            set_level(child, args->level);
            found = true;
        }
    }
    return found ? FF_E_OK : not_found(asked->fault, args->process);
}

static ff_err
op_shutdown(struct asked *asked)
{
    const struct ff_shutdown_args *args = asked->args;

    ff_tree_stop_soon(asked->tree, args->grace_ms);
    return FF_E_OK;
}

/* ---- those that wait ---- */

/* What another child answered becomes the operation's own answer: both results have one form. */
static void
on_relayed(void *ctx, const struct ff_ctl_answer *answer)
{
    const struct ff_ctl_operate_result result = { .result = answer->map };

    if (answer->fault.code == FF_E_OK) {
        ff_ctl_answer(ctx, &result);
    } else {
        ff_ctl_relay(ctx, answer);
    }
}

static void
drain(struct ff_tree *tree, struct ff_ctl_request *request, const void *args)
{
    const struct ff_ctl_await_idle_args await = {
        .grace_ms = ((const struct ff_drain_args *) args)->grace_ms
    };
    struct ff_child_proc *broker = ff_tree_broker(tree);
    struct ff_fault fault = { 0 };

    ff_tree_drain(tree);
    if (broker->ctl == NULL) {
        ff_fail_transport(&fault, "supervisor", "transport", "the broker does not run");
        ff_ctl_refuse(request, "drain", &fault);
        return;
    }
    ff_ctl_call(broker->ctl, FF_CTL_await_idle, &await, on_relayed, request);
}

static void
run_scanner(struct ff_tree *tree, struct ff_ctl_request *request, const void *args,
            struct ff_opt_i64 now_ms)
{
    const struct ff_run_scanner_args *run = args;
    const struct ff_ctl_scan_args scan = { .name = run->name, .now_ms = now_ms };
    struct ff_child_proc *child = ff_tree_child_of_scanner(tree, run->name);
    struct ff_fault fault = { 0 };

    if (child != NULL && child->ctl != NULL) {
        ff_ctl_call(child->ctl, FF_CTL_scan, &scan, on_relayed, request);
        return;
    }
    if (child == NULL) {
        (void) not_found(&fault, run->name);
    } else {
        ff_fail_transport(&fault, "supervisor", "transport", "the scanner's process does not run");
    }
    ff_ctl_refuse(request, "run_scanner", &fault);
}

/* ---- dispatch ---- */

static const struct {
    enum ff_op op;
    ff_err (*run)(struct asked *asked);
} table[] = {
    { FF_OP_tree, op_tree },
    { FF_OP_status, op_status },
    { FF_OP_restart_child, op_restart_child },
    { FF_OP_stop_child, op_stop_child },
    { FF_OP_start_child, op_start_child },
    { FF_OP_scale_host, op_scale_host },
    { FF_OP_reload, op_reload },
    { FF_OP_set_log_level, op_set_log_level },
    { FF_OP_shutdown, op_shutdown },
};

static void
answer_now(struct asked *asked, const struct ff_op_info *info, struct ff_ctl_request *request,
           ff_err (*run)(struct asked *asked))
{
    struct ff_ctl_operate_result answer = { 0 };
    FF_SCOPED(ff_packer) packer;

    ff_packer_init(&packer);
    asked->result = ff_arena_zalloc(asked->arena, info->result->size);
    if (run(asked) != FF_E_OK) {
        ff_ctl_refuse(request, info->name, asked->fault);
        return;
    }
    ff_encode(info->result, asked->result, &packer.pk);
    answer.result = ff_packer_str(&packer);
    ff_ctl_answer(request, &answer);
}

static ff_err
decode(const struct ff_op_info *info, struct ff_str bytes, struct ff_arena *arena, void *args,
       struct ff_fault *fault)
{
    struct ff_common_args common = { 0 };
    msgpack_zone zone;
    msgpack_object map;
    ff_err err = FF_E_OK;

    FF_ASSERT(msgpack_zone_init(&zone, 1024));
    err = ff_msgpack_parse(bytes, &zone, &map, fault);
    if (err == FF_E_OK) {
        err = ff_decode_args(info, &map, arena, args, &common, fault);
    }
    msgpack_zone_destroy(&zone);
    return err;
}

void
ff_tree_operate(struct ff_tree *tree, struct ff_ctl_request *request,
                const struct ff_ctl_operate_args *operate)
{
    const struct ff_op_info *info = ff_op_find(operate->op);
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    struct asked asked = { .tree = tree, .arena = &arena, .fault = &fault };
    void *args = NULL;

    if (info == NULL) {
        ff_fail(&fault, FF_E_UNAVAILABLE, ff_d_text("reason", "unknown_operation"));
        ff_ctl_refuse(request, "", &fault);
        return;
    }
    args = ff_arena_zalloc(&arena, info->args->size);
    if (decode(info, operate->args, &arena, args, &fault) != FF_E_OK) {
        ff_ctl_refuse(request, info->name, &fault);
        return;
    }
    asked.args = args;
    if (info == &ff_ops[FF_OP_drain]) {
        drain(tree, request, args);
        return;
    }
    if (info == &ff_ops[FF_OP_run_scanner]) {
        run_scanner(tree, request, args, operate->now_ms);
        return;
    }
    if (info == &ff_ops[FF_OP_scanner_stats]) {
        ff_tree_scanner_stats(tree, request);
        return;
    }
    for (size_t i = 0; i < FF_COUNT(table); i++) {
        if (info == &ff_ops[table[i].op]) {
            answer_now(&asked, info, request, table[i].run);
            return;
        }
    }
    ff_fail(&fault, FF_E_UNAVAILABLE, ff_d_text("reason", "not_implemented"));
    ff_ctl_refuse(request, info->name, &fault);
}
