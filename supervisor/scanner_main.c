/* scanner_main.c: the role of a scanner process; its NAME says which scanners it runs. */
#include <stdio.h>

#include "scanners/scanners.h"
#include "supervisor/log.h"
#include "supervisor/role.h"

static void
on_log(void *ctx, enum ff_log_level level, const char *event, struct ff_str detail)
{
    (void) ctx;
    ff_log(level, event, "detail", detail);
}

static void
on_stopped(void *ctx)
{
    (void) ctx;
    ev_break(ev_default_loop(EVFLAG_AUTO), EVBREAK_ALL);
}

static void
on_stop(void *ctx, const char *why, uint64_t grace_ms)
{
    ff_log(FF_LEVEL_INFO, "stopping", "why", ff_cstr(why));
    ff_scanners_stop(ctx, grace_ms);
}

/* ---- run_scanner (00 §6) ---- */

static void
on_ran(void *ctx, const struct ff_scanner_cycle *cycle)
{
    const struct ff_ctl_scan_result result = { .processed = cycle->processed,
                                               .errors = cycle->errors };

    ff_ctl_answer(ctx, &result);
}

static void
on_scan(void *ctx, struct ff_ctl_request *request, const void *args)
{
    const struct ff_ctl_scan_args *scan = args;
    const struct ff_scanners_run run = {
        .name = scan->name, .now_ms = scan->now_ms, .done = on_ran, .ctx = request
    };
    struct ff_fault fault = { 0 };

    if (ff_scanners_run(ctx, &run, &fault) != FF_E_OK) {
        ff_ctl_refuse(request, "run_scanner", &fault);
    }
}

/* Its figures as they travel. */
static struct ff_scanner_stat
stat_of(const struct ff_scanners *scanners, enum ff_scanner name, const char *process)
{
    const struct ff_scanner_stats *stats = ff_scanners_stats(scanners, name);

    return (struct ff_scanner_stat){
        .name = name,
        .process = ff_cstr(process),
        .passes = stats->total.cycles,
        .processed = stats->total.processed,
        .errors = stats->total.errors,
        .skipped = stats->total.skipped,
        .backed_off = stats->backed_off,
        .busy_ms = stats->total.busy_ms,
        .last_at = { .v = stats->last_at, .is = stats->last_at != 0 },
        .last_ms = stats->last_ms,
        .last_processed = stats->last.processed,
        .last_errors = stats->last.errors,
    };
}

/* All scanners of this process; those of others are theirs to tell. */
static void
on_stats(void *ctx, struct ff_ctl_request *request, const void *args)
{
    struct ff_scanner_stat stats[FF_SCANNERS];
    struct ff_ctl_scanner_stats_result result = { .scanners = { .v = stats } };

    (void) args;
    for (int i = 0; i < FF_SCANNERS; i++) {
        if (ff_scanners_stats(ctx, (enum ff_scanner) i) != NULL) {
            stats[result.scanners.n++] =
                stat_of(ctx, (enum ff_scanner) i, ff_scanners_process(ctx));
        }
    }
    ff_ctl_answer(request, &result);
}

static const struct ff_ctl_handler handlers[] = {
    { FF_CTL_scan, on_scan },
    { FF_CTL_scanner_stats, on_stats },
    { 0 },
};

/* ---- the process ---- */

/* Texts live as long as the configuration. */
static void
options_of(struct ff_config *config, const char *name, struct ff_scanners_options *options)
{
    *options = (struct ff_scanners_options){
        .process = name,
        .address = ff_arena_printf(&config->arena, "ipc://%.*s/operator.sock",
                                   (int) config->runtime_dir.n, config->runtime_dir.p)
                       .p,
        .on_demand = config->test_mode,
        .retention_ms = config->retention_ms,
        .flow_retention_ms = config->flow_retention_ms,
        .log = on_log,
        .stopped = on_stopped,
    };
#define FF_SCANNER(upper, name, process, interval, unit_ms, batch, flags)                          \
    options->intervals_ms[FF_SCANNER_##upper] = config->interval * (unit_ms);
#define FF_SCAN_WAKE(upper, index, when)
#define FF_SCAN_CALL(upper, op, changed, changed_too)
#include "core/scanners.def"
}

/* NULL: the configuration names none, and all is meant (07 §1.3). */
static const struct ff_scan_filter *
filter_of(struct ff_config *config)
{
    struct ff_scan_filter *filter = FF_ARENA_NEW(&config->arena, struct ff_scan_filter, 1);

    if (config->scanner_namespace.p == NULL && config->scanner_tag.key.p == NULL) {
        return NULL;
    }
    filter->namespace = config->scanner_namespace;
    if (config->scanner_tag.key.p != NULL) {
        filter->instance_tag = FF_ARENA_NEW(&config->arena, struct ff_instance_tag, 1);
        filter->instance_tag->key = config->scanner_tag.key;
        filter->instance_tag->value = config->scanner_tag.value;
    }
    return filter;
}

static int
serve(const struct ff_boot *boot, struct ff_config *config)
{
    struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
    struct ff_stop_watch watch = { .stop = on_stop, .handlers = handlers };
    struct ff_scanners_options options;
    struct ff_scanners *scanners = NULL;
    struct ff_fault fault = { 0 };

    options_of(config, boot->name, &options);
    options.filter = filter_of(config);
    if (ff_scanners_open(loop, &options, &scanners, &fault) != FF_E_OK) {
        ff_log_fault("boot_failed", &fault);
        return fault.retryable ? FF_EXIT_RESTART : FF_EXIT_BOOT;
    }
    watch.ctx = scanners;
    ff_stop_watch_start(&watch, loop, boot);
    ff_log(FF_LEVEL_INFO, "ready", "scanner", ff_cstr(boot->name));
    ff_boot_ready(boot);
    ev_run(loop, 0);
    ff_scanners_close(scanners);
    ff_stop_watch_end(&watch);
    ff_log(FF_LEVEL_INFO, "stopped", NULL, ff_cstr(NULL));
    return FF_EXIT_OK;
}

int
ff_scanner_main(int argc, char **argv)
{
    FF_SCOPED(ff_config) config = { 0 };
    struct ff_boot boot;

    ff_boot_parse_named(&boot, argc, argv,
                        "Does what time or repair requires: lease, promote, unblock, cancel, "
                        "timers, reconcile or retention.");
    if (!ff_scanners_knows(boot.name)) {
        fprintf(stderr,
                "flowfabricd scanner: '%s' is not lease, promote, unblock, cancel, timers, "
                "reconcile or retention\n",
                boot.name);
        return 2;
    }
    if (ff_boot_config(&boot, &config) != FF_E_OK) {
        return boot.ready_fd >= 0 ? FF_EXIT_CONFIG : FF_EXIT_BOOT;
    }
    return serve(&boot, &config);
}
