#include "supervisor/role.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "supervisor/log.h"

extern char **environ;

/* ---- command line ---- */

static const struct argp_option options[] = {
    { "config", 'c', "FILE", 0, "configuration file (default: see flowfabricd --help)", 0 },
    { "ready-fd", 'r', "FD", 0, "writes a newline there when ready", 0 },
    { "ctl-fd", 'x', "FD", 0, "the supervisor's channel: its end ends the process", 0 },
    { "life-fd", 'l', "FD", 0, "stops when this reaches its end", 0 },
    { "instance", 'i', "ID", 0, "who this process is among its like", 0 },
    { "lock-fd", 'k', "FD", 0, "kept open: the directories are in use until the end", 0 },
    { 0 },
};

/* What the process starts does not get it. */
static error_t
parse_fd(const char *text, struct argp_state *state, int *fd)
{
    char *end = NULL;
    long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < 0 || value > 65535 ||
        fcntl((int) value, F_SETFD, FD_CLOEXEC) != 0) {
        argp_error(state, "'%s' is not an open file descriptor", text);
        return EINVAL;
    }
    *fd = (int) value;
    return 0;
}

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct ff_boot *boot = state->input;
    int kept = -1;

    switch (key) {
    case 'c':
        boot->config_path = arg;
        return 0;
    case 'r':
        return parse_fd(arg, state, &boot->ready_fd);
    case 'x':
        return parse_fd(arg, state, &boot->ctl_fd);
    case 'l':
        return parse_fd(arg, state, &boot->life_fd);
    case 'i':
        boot->instance = arg;
        return 0;
    case 'k':
        return parse_fd(arg, state, &kept);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t
parse_named(int key, char *arg, struct argp_state *state)
{
    struct ff_boot *boot = state->input;

    if (key == ARGP_KEY_ARG && boot->name == NULL) {
        boot->name = arg;
        return 0;
    }
    if (key == ARGP_KEY_NO_ARGS) {
        argp_error(state, "a NAME is missing");
        return EINVAL;
    }
    return parse_option(key, arg, state);
}

static void
parse(struct ff_boot *boot, int argc, char **argv, const struct argp *argp)
{
    *boot = (struct ff_boot){ .role = argv[0], .ready_fd = -1, .ctl_fd = -1, .life_fd = -1 };
    argp_err_exit_status = 2;
    argp_parse(argp, argc, argv, 0, NULL, boot);
}

void
ff_boot_parse(struct ff_boot *boot, int argc, char **argv, const char *help)
{
    const struct argp argp = { .options = options, .parser = parse_option, .doc = help };

    parse(boot, argc, argv, &argp);
}

void
ff_boot_parse_named(struct ff_boot *boot, int argc, char **argv, const char *help)
{
    const struct argp argp = {
        .options = options, .parser = parse_named, .args_doc = "NAME", .doc = help
    };

    parse(boot, argc, argv, &argp);
}

/* ---- configuration ---- */

static void
on_config_warning(void *ctx, const char *text)
{
    (void) ctx;
    ff_log(FF_LEVEL_WARN, "config", "message", ff_cstr(text));
}

/* A reader that is gone and a file that may not grow are errors of the call that met them, not the
 * end of the process. A program that a role starts must have them back: exec keeps them ignored. */
static void
ignore_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

ff_err
ff_boot_config(const struct ff_boot *boot, struct ff_config *config)
{
    const struct ff_config_input input = {
        .path = boot->config_path,
        .env = environ,
        .root = geteuid() == 0,
        .warn = on_config_warning,
    };
    struct ff_fault fault = { 0 };
    ff_err err = FF_E_OK;

    ignore_signals();
    ff_log_role(boot->role);
    err = ff_config_load(config, &input, &fault);
    if (err == FF_E_OK) {
        ff_log_setup(config->log_level, config->log_format);
        err = ff_config_make_dirs(config, &fault);
    }
    if (err != FF_E_OK) {
        ff_log_fault("config_invalid", &fault);
    }
    return err;
}

void
ff_boot_ready(const struct ff_boot *boot)
{
    if (boot->ready_fd >= 0) {
        if (write(boot->ready_fd, "\n", 1) != 1) {
            ff_log(FF_LEVEL_WARN, "ready_not_told", NULL, ff_cstr(NULL));
        }
        close(boot->ready_fd);
    }
}

/* The sanitizers need to look into it. */
void
ff_keep_memory_private(void)
{
    const struct rlimit none = { 0, 0 };

    (void) setrlimit(RLIMIT_CORE, &none);
#ifndef FF_SANITIZED
    (void) prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* ---- the end ---- */

/* Beyond the grace, for what comes after running work: replies, a last commit. */
#define END_MARGIN_S 5

/* The default action of SIGALRM ends the process even where its loop is stuck. */
static void
set_alarm(uint64_t grace_ms)
{
    uint64_t grace_s = (grace_ms + 999) / 1000;

    signal(SIGALRM, SIG_DFL);
    alarm((unsigned) (grace_s > 86400 ? 86400 : grace_s) +
          (grace_ms <= FF_ORPHAN_GRACE_MS ? 1 : END_MARGIN_S));
}

static void
stop_once(struct ff_stop_watch *watch, const char *why, uint64_t grace_ms)
{
    set_alarm(grace_ms); /* also shortens one that runs: first told to stop, then left alone */
    if (!watch->stopping) {
        watch->stopping = true;
        watch->stop(watch->ctx, why, grace_ms);
    }
}

static void
on_signal(struct ev_loop *loop, struct ev_signal *watcher, int events)
{
    struct ff_stop_watch *watch = watcher->data;

    (void) loop;
    (void) events;
    if (watch->stopping) {
        _exit(130); /* the second one: at once (08 §4) */
    }
    stop_once(watch, watcher == &watch->term ? "SIGTERM" : "SIGINT", FF_GRACE_MS);
}

static void
on_life(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    char byte = 0;

    (void) events;
    if (read(watcher->fd, &byte, 1) == 0) {
        ev_io_stop(loop, watcher);
        stop_once(watcher->data, "whoever started it is gone", FF_ORPHAN_GRACE_MS);
    }
}

/* ---- messages of the supervisor ---- */

static void
on_ctl_gone(void *ctx)
{
    stop_once(ctx, "the supervisor is gone", FF_ORPHAN_GRACE_MS);
}

static void
on_ctl_stop(void *ctx, struct ff_ctl_request *request, const void *args)
{
    ff_ctl_answer(request, NULL);
    stop_once(ctx, "the supervisor said so", ((const struct ff_ctl_stop_args *) args)->grace_ms);
}

static void
on_ctl_log_level(void *ctx, struct ff_ctl_request *request, const void *args)
{
    (void) ctx;
    ff_log_set_level(((const struct ff_ctl_log_level_args *) args)->level);
    ff_ctl_answer(request, NULL);
}

static void
on_ctl_ping(void *ctx, struct ff_ctl_request *request, const void *args)
{
    (void) ctx;
    (void) args;
    ff_ctl_answer(request, NULL);
}

static void
on_ctl_role(void *ctx, struct ff_ctl_request *request, const void *args)
{
    const struct ff_stop_watch *watch = ctx;
    const struct ff_ctl_handler *handler = watch->handlers;

    while (handler->op != ff_ctl_request_op(request)) {
        handler++;
    }
    handler->handle(watch->ctx, request, args);
}

/* The role's handlers run with the role's context, those of every role with the watch. */
static void
attach(struct ff_stop_watch *watch, struct ev_loop *loop, int fd)
{
    const struct ff_ctl_owner owner = { watch->all_handlers, on_ctl_gone, watch };
    const struct ff_ctl_handler *handler = watch->handlers;
    uint32_t n = 0;

    watch->all_handlers[n++] = (struct ff_ctl_handler){ FF_CTL_stop, on_ctl_stop };
    watch->all_handlers[n++] = (struct ff_ctl_handler){ FF_CTL_log_level, on_ctl_log_level };
    watch->all_handlers[n++] = (struct ff_ctl_handler){ FF_CTL_ping, on_ctl_ping };
    for (; handler != NULL && handler->op != FF_CTL_NONE; handler++) {
        FF_ASSERT(n < FF_CTL_N);
        watch->all_handlers[n++] = (struct ff_ctl_handler){ handler->op, on_ctl_role };
    }
    watch->ctl = ff_ctl_new(loop, fd, &owner);
}

void
ff_stop_watch_start(struct ff_stop_watch *watch, struct ev_loop *loop, const struct ff_boot *boot)
{
    ev_signal_init(&watch->term, on_signal, SIGTERM);
    ev_signal_init(&watch->interrupt, on_signal, SIGINT);
    watch->term.data = watch->interrupt.data = watch->life.data = watch;
    ev_signal_start(loop, &watch->term);
    ev_signal_start(loop, &watch->interrupt);
    if (boot->life_fd >= 0) {
        ev_io_init(&watch->life, on_life, boot->life_fd, EV_READ);
        watch->life.data = watch;
        ev_io_start(loop, &watch->life);
    }
    if (boot->ctl_fd >= 0) {
        attach(watch, loop, boot->ctl_fd);
    }
}

void
ff_stop_watch_end(struct ff_stop_watch *watch)
{
    ff_ctl_free(watch->ctl);
    watch->ctl = NULL;
}
