/* scanners.c: life of the process's scanners. */
#include "scanners/scanners.h"

#include <stdio.h>
#include <stdlib.h>

#include "scanners/scanners_int.h"

void
ff_scan_say(const struct scanner *scanner, enum ff_log_level level, const char *event,
            const char *text)
{
    const struct ff_scanners_options *options = &scanner->all->options;
    char line[1280];
    int n = snprintf(line, sizeof(line), "%s: %s", ff_word(&ff_vocab_scanner, scanner->info->name),
                     text);

    if (n > 0) {
        options->log(options->ctx, level, event,
                     ff_str(line, (size_t) n < sizeof(line) ? (size_t) n : sizeof(line) - 1));
    }
}

/* ---- opening ---- */

static void
on_wake(struct ev_loop *loop, struct ev_async *watcher, int events)
{
    (void) loop;
    (void) events;
    ff_scan_take_replies(watcher->data);
}

static void
add_scanner(struct ff_scanners *scanners, const struct scan_info *info)
{
    struct scanner *scanner = &scanners->scanners[scanners->n++];
    uint64_t interval_ms = scanners->options.intervals_ms[info->name];

    scanner->all = scanners;
    scanner->info = info;
    scanner->interval_ms = interval_ms < 100                    ? 100
                           : interval_ms > (uint64_t) INT32_MAX ? INT32_MAX
                                                                : (int64_t) interval_ms;
    ff_failures_init(&scanner->failures);
    ev_timer_init(&scanner->pause, ff_scan_on_pause, 0.0, 0.0);
    scanner->pause.data = scanner;
    scanner->cycle.cut = true; /* the first one begins at once */
}

static void
on_grace_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct ff_scanners *scanners = timer->data;

    (void) loop;
    (void) events;
    if (!scanners->told) {
        scanners->told = true;
        scanners->options.log(scanners->options.ctx, FF_LEVEL_WARN, "items_abandoned",
                              ff_cstr(scanners->options.process));
        scanners->options.stopped(scanners->options.ctx);
    }
}

ff_err
ff_scanners_open(struct ev_loop *loop, const struct ff_scanners_options *options,
                 struct ff_scanners **scanners_out, struct ff_fault *fault)
{
    struct ff_scanners *scanners = calloc(1, sizeof(*scanners));
    struct ff_client_options client = { .address = options->address };
    char name[64];

    FF_ASSERT(scanners != NULL);
    scanners->options = *options;
    scanners->loop = loop;
    TAILQ_INIT(&scanners->replies);
    pthread_mutex_init(&scanners->mutex, NULL);
    ev_async_init(&scanners->wake, on_wake);
    ev_timer_init(&scanners->grace, on_grace_over, 0.0, 0.0);
    scanners->wake.data = scanners->grace.data = scanners;
    ev_async_start(loop, &scanners->wake);
    snprintf(name, sizeof(name), "scanner %.40s", options->process);
    client.name = name;
    for (int i = 0; i < FF_SCANNERS; i++) {
        const struct scan_info *info = ff_scan_info((enum ff_scanner) i);

        if (info != NULL && strcmp(info->process, options->process) == 0) {
            add_scanner(scanners, info);
        }
    }
    if (ff_client_open(&client, &scanners->client, fault) != FF_E_OK) {
        ff_scanners_close(scanners);
        return fault->code;
    }
    for (uint32_t i = 0; i < scanners->n; i++) {
        ff_scan_rest(&scanners->scanners[i]);
    }
    *scanners_out = scanners;
    return FF_E_OK;
}

/* ---- the end ---- */

void
ff_scan_check_stopped(struct ff_scanners *scanners)
{
    bool idle = true;

    for (uint32_t i = 0; i < scanners->n; i++) {
        idle = idle && ff_scan_is_idle(&scanners->scanners[i]);
    }
    if (scanners->stopping && idle && !scanners->told) {
        scanners->told = true;
        scanners->options.stopped(scanners->options.ctx);
    }
}

void
ff_scanners_stop(struct ff_scanners *scanners, uint64_t grace_ms)
{
    if (scanners->stopping) {
        return;
    }
    scanners->stopping = true;
    ev_timer_set(&scanners->grace, (double) grace_ms / 1000.0, 0.0);
    ev_timer_start(scanners->loop, &scanners->grace);
    ff_scan_check_stopped(scanners);
}

void
ff_scanners_close(struct ff_scanners *scanners)
{
    if (scanners == NULL) {
        return;
    }
    if (scanners->client != NULL) {
        ff_client_close(scanners->client); /* answers what is outstanding */
    }
    ff_scan_drop_replies(scanners);
    for (uint32_t i = 0; i < scanners->n; i++) {
        struct scanner *scanner = &scanners->scanners[i];

        ev_timer_stop(scanners->loop, &scanner->pause);
        ff_failures_done(&scanner->failures);
        ff_answer_done(&scanner->page);
        free(scanner->items);
    }
    ev_timer_stop(scanners->loop, &scanners->grace);
    ev_async_stop(scanners->loop, &scanners->wake);
    pthread_mutex_destroy(&scanners->mutex);
    free(scanners);
}

/* ---- on demand ---- */

static struct scanner *
find(const struct ff_scanners *scanners, struct ff_str name)
{
    for (uint32_t i = 0; i < scanners->n; i++) {
        const struct scanner *scanner = &scanners->scanners[i];

        if (ff_str_is(name, ff_word(&ff_vocab_scanner, scanner->info->name))) {
            return (struct scanner *) scanner;
        }
    }
    return NULL;
}

ff_err
ff_scanners_run(struct ff_scanners *scanners, const struct ff_scanners_run *run,
                struct ff_fault *fault)
{
    struct scanner *scanner = find(scanners, run->name);

    if (scanner == NULL) {
        return ff_fail(fault, FF_E_CHILD_NOT_FOUND, ff_d_str("name", run->name));
    }
    if (scanner->n_runs == RUNS_MAX || scanners->stopping) {
        return ff_fail(fault, FF_E_RESOURCE_EXHAUSTED, ff_d_text("pool", "runs"),
                       ff_d_u64("max", RUNS_MAX), ff_d_u64("retry_after_ms", 1000));
    }
    scanner->runs[scanner->n_runs++] = *run;
    if (scanner->state == RESTING) {
        ff_scan_rest(scanner);
    }
    return FF_E_OK;
}

const struct ff_scanner_stats *
ff_scanners_stats(const struct ff_scanners *scanners, enum ff_scanner name)
{
    const struct scanner *scanner = find(scanners, ff_cstr(ff_word(&ff_vocab_scanner, name)));

    return scanner == NULL ? NULL : &scanner->stats;
}

const char *
ff_scanners_process(const struct ff_scanners *scanners)
{
    return scanners->options.process;
}
