/* supervisor_main.c: the daemon itself: locks its directories, starts the tree, and stays. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "supervisor/lock.h"
#include "supervisor/log.h"
#include "supervisor/role.h"
#include "supervisor/tree.h"

extern char **environ;

struct supervisor {
    struct ff_boot boot;
    struct ev_loop *loop;
    struct ev_signal term, interrupt, hangup;
    struct ff_tree *tree;
    int locks[FF_SPAWN_LOCKS_MAX];
    uint32_t n_locks;
    int exit_status;
    bool stopping;
    bool only_check;
};

/* ---- the command line ---- */

static const struct argp_option options[] = {
    { "config", 'c', "FILE", 0, "Configuration file", 0 },
    { "log-level", 'v', "LEVEL", 0, "error, warn, info, debug or trace; wins over the file", 0 },
    { "log-format", 'f', "FORMAT", 0, "logfmt or json; wins over the file", 0 },
    { "check-config", 'k', NULL, 0, "Say what is in force, or what is wrong, and exit", 0 },
    { "ready-fd", 'r', "FD", OPTION_HIDDEN, "", 0 },
    { 0 },
};

/* As settings of the environment they reach every child. */
static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct supervisor *supervisor = state->input;

    switch (key) {
    case 'c':
        supervisor->boot.config_path = arg;
        return 0;
    case 'v':
        return setenv("FF_LOG_LEVEL", arg, 1);
    case 'f':
        return setenv("FF_LOG_FORMAT", arg, 1);
    case 'k':
        supervisor->only_check = true;
        return 0;
    case 'r':
        supervisor->boot.ready_fd = atoi(arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- signals ---- */

/* No child is waited for: each sees its channel end, and stops. */
static void
on_end_signal(struct ev_loop *loop, struct ev_signal *watcher, int events)
{
    struct supervisor *supervisor = watcher->data;

    (void) loop;
    (void) events;
    if (supervisor->stopping) {
        ff_log(FF_LEVEL_WARN, "stopped_at_once", NULL, ff_cstr(NULL));
        _exit(130); /* the second one (08 §4) */
    }
    supervisor->stopping = true;
    ff_tree_stop(supervisor->tree, watcher == &supervisor->term ? "SIGTERM" : "SIGINT",
                 FF_GRACE_MS);
}

static void
on_hangup(struct ev_loop *loop, struct ev_signal *watcher, int events)
{
    (void) loop;
    (void) events;
    ff_tree_reread(((struct supervisor *) watcher->data)->tree);
}

static void
watch_signals(struct supervisor *supervisor)
{
    ev_signal_init(&supervisor->term, on_end_signal, SIGTERM);
    ev_signal_init(&supervisor->interrupt, on_end_signal, SIGINT);
    ev_signal_init(&supervisor->hangup, on_hangup, SIGHUP);
    supervisor->term.data = supervisor->interrupt.data = supervisor->hangup.data = supervisor;
    ev_signal_start(supervisor->loop, &supervisor->term);
    ev_signal_start(supervisor->loop, &supervisor->interrupt);
    ev_signal_start(supervisor->loop, &supervisor->hangup);
}

/* ---- the tree ---- */

static void
on_ready(void *ctx)
{
    ff_boot_ready(&((struct supervisor *) ctx)->boot);
}

static void
on_ended(void *ctx, int exit_status)
{
    struct supervisor *supervisor = ctx;

    supervisor->exit_status = exit_status;
    ev_break(supervisor->loop, EVBREAK_ALL);
}

static ff_err
lock(struct supervisor *supervisor, const char *dir, uint64_t wait_ms, struct ff_config *config,
     struct ff_fault *fault)
{
    FF_TRY(
        ff_dir_lock(dir, wait_ms, &config->arena, &supervisor->locks[supervisor->n_locks], fault));
    supervisor->n_locks++;
    return FF_E_OK;
}

static ff_err
lock_dirs(struct supervisor *supervisor, struct ff_config *config, struct ff_fault *fault)
{
    FF_TRY(lock(supervisor, config->runtime_dir.p, FF_LOCK_WAIT_MS, config, fault));
    if (ff_str_eq(config->runtime_dir, config->state_dir)) {
        return FF_E_OK;
    }
    return lock(supervisor, config->state_dir.p, FF_LOCK_WAIT_MS, config, fault);
}

static ff_err
start(struct supervisor *supervisor, struct ff_config *config, struct ff_fault *fault)
{
    struct ff_tree_options tree = { .config_path = supervisor->boot.config_path,
                                    .root = geteuid() == 0,
                                    .ready = on_ready,
                                    .ended = on_ended,
                                    .ctx = supervisor };

    FF_TRY(lock_dirs(supervisor, config, fault));
    memcpy(tree.lock_fds, supervisor->locks, sizeof(tree.lock_fds));
    tree.n_locks = supervisor->n_locks;
    return ff_tree_new(supervisor->loop, &tree, config, &supervisor->tree, fault);
}

static int
check(const struct supervisor *supervisor)
{
    const struct ff_config_input input = { .path = supervisor->boot.config_path,
                                           .env = environ,
                                           .root = geteuid() == 0 };

    return ff_config_check(&input, stdout, stderr);
}

int
ff_supervisor_main(int argc, char **argv)
{
    static const struct argp argp = { .options = options, .parser = parse_option };
    struct supervisor supervisor = {
        .boot = { .role = "supervisor", .ready_fd = -1, .ctl_fd = -1, .life_fd = -1 }
    };
    FF_SCOPED(ff_config) config = { 0 };
    struct ff_fault fault = { 0 };

    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &supervisor);
    if (supervisor.only_check) {
        return check(&supervisor);
    }
    if (ff_boot_config(&supervisor.boot, &config) != FF_E_OK) {
        return FF_EXIT_BOOT;
    }
    supervisor.loop = ev_default_loop(EVFLAG_AUTO);
    if (start(&supervisor, &config, &fault) != FF_E_OK) {
        ff_log_fault("boot_failed", &fault);
        return FF_EXIT_BOOT;
    }
    watch_signals(&supervisor);
    ev_run(supervisor.loop, 0);
    ff_tree_free(supervisor.tree);
    return supervisor.exit_status;
}
