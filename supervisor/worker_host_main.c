/* worker_host_main.c: the role of a worker host: the handlers of one `worker` section. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "supervisor/log.h"
#include "supervisor/role.h"
#include "workers/exec.h"
#include "workers/plugin_load.h"
#include "workers/warden.h"
#include "workers/work_dir.h"

extern char **environ;

/* Kept back of the time that there is to stop in: handlers that ignore SIGTERM are killed, and
 * their work is handed back. */
#define END_MS 4000

union handler {
    struct ff_exec *exec;
    struct ff_plugin_handler *plugin;
};

struct host {
    const struct ff_boot *boot;
    struct ff_config *config;
    const struct ff_host_config *section;
    struct ev_loop *loop;
    struct ff_runtime *worker;
    union handler *handlers; /* as many as the section has */
    struct ff_warden warden;
    struct ff_work_dir dir;
    struct ev_io warden_gone;
    int status;
};

/* ---- the log ---- */

static void
on_log(void *ctx, enum ff_log_level level, const char *event, const char *detail)
{
    (void) ctx;
    ff_log(level, event, "detail", ff_cstr(detail));
}

/* What handlers say goes to the log of the daemon, under the execution it is about. */
static void
on_line(void *ctx, const struct ff_job *job, struct ff_str line)
{
    char text[FF_EXEC_LINE_BYTES_MAX + 1];

    (void) ctx;
    snprintf(text, sizeof(text), "%.*s", (int) line.n, line.p);
    ff_job_log(job, FF_LEVEL_INFO, "handler_says", text);
}

/* ---- the end ---- */

static void
on_stop(void *ctx, const char *why, uint64_t grace_ms)
{
    struct host *host = ctx;

    ff_log(FF_LEVEL_INFO, "stopping", "why", ff_cstr(why));
    ff_runtime_stop(host->worker, grace_ms > 2 * END_MS ? grace_ms - END_MS : grace_ms / 2);
}

/* fault: of a claim that the daemon will never grant, such as one of the wrong socket. */
static void
on_ended(void *ctx, const struct ff_fault *fault)
{
    struct host *host = ctx;

    if (fault->code != FF_E_OK) {
        ff_log_fault("worker_failed", fault);
        host->status = FF_EXIT_RESTART;
    }
    ev_break(host->loop, EVBREAK_ALL);
}

/* Without it commands could outlive the host. */
static void
on_warden_gone(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    struct host *host = watcher->data;

    (void) events;
    ev_io_stop(loop, watcher);
    ff_log(FF_LEVEL_ERROR, "warden_gone", NULL, ff_cstr(NULL));
    host->status = FF_EXIT_RESTART;
    ff_runtime_stop(host->worker, UINT64_MAX);
}

/* ---- handlers ---- */

static struct ff_handler
exec_handler(struct host *host, const struct ff_handler_config *config, union handler *out)
{
    const struct ff_exec_options options = {
        .command = config->exec,
        .timeout_ms = config->timeout_ms,
        .output_bytes_max = (uint32_t) config->output_bytes_max,
        .kill_grace_ms = config->kill_grace_ms,
        .work_dir = host->dir.path,
        .runtime_dir = host->config->runtime_dir.p,
        .environment = environ,
        .warden_fd = host->warden.fd,
        .line = on_line,
    };

    out->exec = ff_exec_new(&options);
    return ff_exec_handler(out->exec, config->kind.p);
}

static ff_err
add_handler(struct host *host, const struct ff_handler_config *config, union handler *out)
{
    const struct ff_plugin_options options = {
        .path = config->plugin.p,
        .timeout_ms = config->timeout_ms,
        .output_bytes_max = (uint32_t) config->output_bytes_max,
        .stop_grace_ms = config->kill_grace_ms,
        .line = on_line,
    };
    struct ff_handler handler = { 0 };
    struct ff_fault fault = { 0 };

    if (config->plugin.p == NULL) {
        handler = exec_handler(host, config, out);
    } else if (ff_plugin_load(&options, &out->plugin, &fault) == FF_E_OK) {
        handler = ff_plugin_handler(out->plugin, config->kind.p);
    } else {
        ff_log_fault("plugin_refused", &fault);
        return fault.code;
    }
    ff_runtime_handle(host->worker, &handler);
    return FF_E_OK;
}

static ff_err
add_handlers(struct host *host)
{
    host->handlers = calloc(host->section->n_handlers, sizeof(*host->handlers));
    FF_ASSERT(host->handlers != NULL);
    for (uint32_t i = 0; i < host->section->n_handlers; i++) {
        FF_TRY(add_handler(host, &host->section->handlers[i], &host->handlers[i]));
    }
    return FF_E_OK;
}

static void
free_handlers(struct host *host)
{
    for (uint32_t i = 0; host->handlers != NULL && i < host->section->n_handlers; i++) {
        if (host->section->handlers[i].plugin.p != NULL) {
            ff_plugin_free(host->handlers[i].plugin);
        } else {
            ff_exec_free(host->handlers[i].exec);
        }
    }
    free(host->handlers);
}

/* ---- the process ---- */

/* Before there are threads. */
static bool
prepare(struct host *host)
{
    struct ff_arena *arena = &host->config->arena;
    struct ff_str base = ff_arena_printf(arena, "%s/work", host->config->state_dir.p);

    if (!ff_work_dir_open(base.p, host->section->name.p, &host->dir)) {
        ff_log(FF_LEVEL_ERROR, "no_work_directory", "reason", ff_cstr(strerror(errno)));
        return false;
    }
    if (!ff_warden_start(&host->warden)) {
        ff_log(FF_LEVEL_ERROR, "no_warden", "reason", ff_cstr(strerror(errno)));
        return false;
    }
    return true;
}

/* A command takes four descriptors; exec_spawn.c gives commands the old limit. */
static void
raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The exit status: of a fault that another start does not help against, or the other. */
static int
status_of(ff_err err)
{
    return err == FF_E_INVALID_CONFIG ? FF_EXIT_CONFIG : FF_EXIT_RESTART;
}

static ff_err
open_worker(struct host *host)
{
    const struct ff_host_config *section = host->section;
    const struct ff_runtime_options options = {
        .address = ff_arena_printf(&host->config->arena, "ipc://%s/worker.sock",
                                   host->config->runtime_dir.p)
                       .p,
        .worker_id = section->name.p,
        .worker_instance_id = host->boot->instance,
        .namespace = section->namespace.p,
        .lanes = section->lanes,
        .capabilities = section->capabilities,
        .slots = (uint32_t) section->slots,
        .lease_ttl_ms = section->lease_ttl_ms,
        .drain_grace_ms = section->drain_grace_ms == 0 ? 1 : section->drain_grace_ms,
        .loop = host->loop,
        .ended = on_ended,
        .log = on_log,
        .ctx = host,
    };
    struct ff_fault fault = { 0 };

    if (ff_runtime_open(&options, &host->worker, &fault) != FF_E_OK) {
        ff_log_fault("boot_failed", &fault);
        return fault.code;
    }
    return add_handlers(host);
}

static void
watch_warden(struct host *host)
{
    int fd = pidfd_open(host->warden.pid, 0);

    FF_ASSERT(fd >= 0);
    ev_io_init(&host->warden_gone, on_warden_gone, fd, EV_READ);
    host->warden_gone.data = host;
    ev_io_start(host->loop, &host->warden_gone);
}

static void
work(struct host *host)
{
    struct ff_stop_watch watch = { .stop = on_stop, .ctx = host };

    ff_stop_watch_start(&watch, host->loop, host->boot);
    watch_warden(host);
    ff_runtime_start(host->worker);
    ff_boot_ready(host->boot);
    ev_run(host->loop, 0);
    ev_io_stop(host->loop, &host->warden_gone);
    close(host->warden_gone.fd);
    ff_stop_watch_end(&watch);
}

static int
serve(const struct ff_boot *boot, struct ff_config *config)
{
    struct host host = { .boot = boot, .config = config, .status = FF_EXIT_OK };
    ff_err err = FF_E_OK;

    host.section = ff_config_host(config, boot->name);
    if (host.section == NULL) {
        ff_log(FF_LEVEL_ERROR, "no_such_worker", "name", ff_cstr(boot->name));
        return FF_EXIT_CONFIG;
    }
    if (!prepare(&host)) {
        ff_work_dir_close(&host.dir);
        return FF_EXIT_RESTART;
    }
    /* not the default loop: that one would take the ends of commands for its own */
    host.loop = ev_loop_new(EVFLAG_AUTO);
    FF_ASSERT(host.loop != NULL);
    err = open_worker(&host);
    if (err == FF_E_OK) {
        raise_file_limit();
        work(&host);
    } else {
        host.status = status_of(err);
    }
    if (host.worker != NULL) {
        ff_runtime_close(host.worker);
    }
    ev_loop_destroy(host.loop);
    free_handlers(&host);
    ff_warden_stop(&host.warden);
    ff_work_dir_close(&host.dir);
    ff_log(FF_LEVEL_INFO, "stopped", NULL, ff_cstr(NULL));
    return host.status;
}

int
ff_worker_host_main(int argc, char **argv)
{
    FF_SCOPED(ff_config) config = { 0 };
    struct ff_boot boot;

    ff_boot_parse_named(&boot, argc, argv,
                        "Runs the handlers of the `worker` section NAME of the configuration "
                        "file.");
    if (ff_boot_config(&boot, &config) != FF_E_OK) {
        return FF_EXIT_CONFIG;
    }
    return serve(&boot, &config);
}
