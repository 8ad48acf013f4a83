/* broker_main.c: the role of the broker, from its configuration to its exit status. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/broker/broker.h"
#include "ipc/selfprobe.h"
#include "supervisor/log.h"
#include "supervisor/role.h"
#include "supervisor/waitpoint_key.h"

/* How often the broker dials itself, and how long a greeting may take: far more than a loaded
 * machine needs. */
#define PROBE_INTERVAL_S 10.0
#define PROBE_LIMIT_S 20.0

static void
on_log(void *ctx, enum ff_log_level level, const char *event, struct ff_str detail)
{
    (void) ctx;
    ff_log(level, event, "detail", detail);
}

static void
on_stop(void *ctx, const char *why, uint64_t grace_ms)
{
    ff_log(FF_LEVEL_INFO, "stopping", "why", ff_cstr(why));
    ff_broker_stop(ctx, grace_ms);
}

static void
on_stop_claims(void *ctx, struct ff_ctl_request *request, const void *args)
{
    (void) args;
    ff_log(FF_LEVEL_INFO, "claims_stopped", NULL, ff_cstr(NULL));
    ff_broker_stop_claims(ctx);
    ff_ctl_answer(request, NULL);
}

static void
on_worker_gone(void *ctx, struct ff_ctl_request *request, const void *args)
{
    ff_broker_worker_gone(ctx, ((const struct ff_ctl_worker_gone_args *) args)->worker_instance_id);
    ff_ctl_answer(request, NULL);
}

static void
on_idle(void *ctx, const struct ff_running *running)
{
    struct ff_ctl_request *request = ctx;
    struct ff_fault fault = { 0 };
    char message[96];

    if (running->idle) {
        ff_ctl_answer(request, NULL);
        return;
    }
    (void) ff_fail(&fault, FF_E_TIMEOUT, ff_d_u64("executions", running->executions),
                   ff_d_u64("workers", running->workers));
    snprintf(message, sizeof(message),
             "work is still running: executions %" PRIu32 ", workers %" PRIu32, running->executions,
             running->workers);
    fault.message = message;
    ff_ctl_refuse(request, "drain", &fault);
}

static void
on_await_idle(void *ctx, struct ff_ctl_request *request, const void *args)
{
    ff_broker_await_idle(ctx, ((const struct ff_ctl_await_idle_args *) args)->grace_ms, on_idle,
                         request);
}

static const struct ff_ctl_handler handlers[] = {
    { FF_CTL_await_idle, on_await_idle },
    { FF_CTL_stop_claims, on_stop_claims },
    { FF_CTL_worker_gone, on_worker_gone },
    { 0 },
};

/* Where there is no configured secret, and the store has none: the one in the state directory. */
static ff_err
make_secret(void *ctx, char hex_out[65], struct ff_fault *fault)
{
    const struct ff_config *config = ctx;
    bool made = false;

    FF_TRY(ff_waitpoint_key_get(config->state_dir, hex_out, &made, fault));
    if (made) {
        ff_log(
            FF_LEVEL_INFO, "waitpoint_key_made", "message",
            ff_cstr("waitpoint.key in the state directory now signs waitpoint tokens; back it up "
                    "with the store"));
    }
    return FF_E_OK;
}

/* ---- the end ---- */

static bool ending; /* in order; a boot that failed has a status of its own */

static void
end_now(int signal)
{
    (void) signal;
    _exit(FF_EXIT_OK);
}

/* nng 1.5 may wait for ever when a socket is closed while a client is greeting. All that was to be
 * kept is kept by then: the process need not wait with it. */
static void
on_store_closed(void)
{
    if (ending) {
        signal(SIGALRM, end_now);
        alarm(1);
    }
}

/* nng has stood still (ipc/selfprobe.h). What is acknowledged is kept; the supervisor starts the
 * next broker at once, and clients come back by themselves. */
static void
on_deaf(void *ctx)
{
    (void) ctx;
    ff_log(FF_LEVEL_ERROR, "deaf", "message",
           ff_cstr("the worker socket answers no new connection; this broker ends, to be started "
                   "again"));
    _exit(FF_EXIT_RESTART);
}

static void
options_of(struct ff_config *config, struct ff_broker_options *options)
{
    struct ff_arena *arena = &config->arena;
    int dir_n = (int) config->runtime_dir.n;
    const char *dir = config->runtime_dir.p;

    *options = (struct ff_broker_options){
        .store_url = config->store,
        .counts = { .flow = (uint32_t) config->flow_partitions,
                    .budget = (uint32_t) config->budget_partitions,
                    .quota = (uint32_t) config->quota_partitions },
        .worker_path = ff_arena_printf(arena, "%.*s/worker.sock", dir_n, dir).p,
        .operator_path = ff_arena_printf(arena, "%.*s/operator.sock", dir_n, dir).p,
        .test_mode = config->test_mode,
        .retention_ms = config->retention_ms,
        .flow_retention_ms = config->flow_retention_ms,
        .event_retention_ms = config->event_retention_ms,
        .frame_bytes_max = (uint32_t) config->frame_bytes_max,
        .frames_per_channel = (uint32_t) config->frames_per_channel,
        .parked_max = (uint32_t) config->parked_max,
        .stream_ops_max = (uint32_t) config->max_concurrent_stream_ops,
        .channels_max = (uint32_t) config->channels_max,
        .disconnect_grace_ms = config->disconnect_grace_ms,
        .lanes = config->lanes,
        .hmac_secret_hex = config->waitpoint_hmac_secret,
        .make_secret = make_secret,
        .log = on_log,
        .store_closed = on_store_closed,
        .log_ctx = config,
    };
}

static int
serve(const struct ff_boot *boot, struct ff_config *config)
{
    struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
    struct ff_broker_options options;
    struct ff_stop_watch watch = { .stop = on_stop, .handlers = handlers };
    struct ff_broker *broker = NULL;
    struct ff_selfprobe probe = { .interval_s = PROBE_INTERVAL_S,
                                  .limit_s = PROBE_LIMIT_S,
                                  .deaf = on_deaf };
    struct ff_fault fault = { 0 };

    options_of(config, &options);
    if (options.test_mode) {
        ff_log(FF_LEVEL_WARN, "test_mode", "message",
               ff_cstr("callers may set the clock; never use this for real work"));
    }
    if (ff_broker_open(loop, &options, &broker, &fault) != FF_E_OK) {
        ff_log_fault("boot_failed", &fault);
        return fault.retryable ? FF_EXIT_RESTART : FF_EXIT_BOOT;
    }
    watch.ctx = broker;
    ff_stop_watch_start(&watch, loop, boot);
    probe.path = options.worker_path;
    ff_selfprobe_start(&probe, loop);
    ff_log(FF_LEVEL_INFO, "ready", "worker_socket", ff_cstr(options.worker_path));
    ff_boot_ready(boot);
    ev_run(loop, 0);
    ending = true;
    ff_selfprobe_stop(&probe);
    ff_broker_close(broker);
    ff_stop_watch_end(&watch);
    ff_log(FF_LEVEL_INFO, "stopped", NULL, ff_cstr(NULL));
    return FF_EXIT_OK;
}

int
ff_broker_main(int argc, char **argv)
{
    FF_SCOPED(ff_config) config = { 0 };
    struct ff_boot boot;

    ff_keep_memory_private();
    ff_boot_parse(&boot, argc, argv, "Owns the store and answers clients, workers and operators.");
    if (ff_boot_config(&boot, &config) != FF_E_OK) {
        return boot.ready_fd >= 0 ? FF_EXIT_CONFIG : FF_EXIT_BOOT;
    }
    return serve(&boot, &config);
}
