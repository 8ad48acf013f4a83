#include "supervisor/role.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "supervisor/log.h"

extern char **environ;

/* ---- command line ---- */

static const struct argp_option options[] = {
    { "config", 'c', "FILE", 0, "configuration file (default: see flowfabricd --help)", 0 },
    { "ready-fd", 'r', "FD", 0, "writes a newline there when ready", 0 },
    { "life-fd", 'l', "FD", 0, "stops when this reaches its end", 0 },
    { 0 },
};

static error_t
parse_fd(const char *text, struct argp_state *state, int *fd)
{
    char *end = NULL;
    long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < 0 || value > 65535) {
        argp_error(state, "'%s' is not a file descriptor", text);
        return EINVAL;
    }
    *fd = (int) value;
    return 0;
}

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct ff_boot *boot = state->input;

    switch (key) {
    case 'c':
        boot->config_path = arg;
        return 0;
    case 'r':
        return parse_fd(arg, state, &boot->ready_fd);
    case 'l':
        return parse_fd(arg, state, &boot->life_fd);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void
ff_boot_parse(struct ff_boot *boot, int argc, char **argv, const char *help)
{
    const struct argp argp = { .options = options, .parser = parse_option, .doc = help };

    *boot = (struct ff_boot){ .role = argv[0], .ready_fd = -1, .life_fd = -1 };
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, boot);
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

/* ---- the end ---- */

static void
stop_once(struct ff_stop_watch *watch, const char *why)
{
    if (!watch->stopping) {
        watch->stopping = true;
        watch->stop(watch->ctx, why);
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
    stop_once(watch, watcher == &watch->term ? "SIGTERM" : "SIGINT");
}

static void
on_life(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    char byte = 0;

    (void) events;
    if (read(watcher->fd, &byte, 1) == 0) {
        ev_io_stop(loop, watcher);
        stop_once(watcher->data, "the supervisor is gone");
    }
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
}
