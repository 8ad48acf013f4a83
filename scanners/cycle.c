/* cycle.c: what a scanner does next (07 §1.1). */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/codec.h"
#include "scanners/scanners_int.h"

/* A cycle that has run so long ends, and the next one goes on at once. */
#define CYCLE_MS_MAX 1000
/* Pause after a cycle that could not ask the broker. */
#define BROKEN_PAUSE_MS 1000
/* Pauses are not shorter; intervals below count as this. */
#define PAUSE_MS_MIN 100
/* Cycles that did something are told no more often. */
#define TOLD_MS_MIN 1000
/* Between pages without items, of scanners that look through all there is (04 §4.5). */
#define PACE_MS 1000
/* A scan_due waits no longer (07 §1.4). */
#define BLOCK_MS_MAX 30000

static bool
has_flag(const struct scanner *scanner, uint8_t flag)
{
    return (scanner->info->flags & flag) != 0;
}

bool
ff_scan_is_idle(const struct scanner *scanner)
{
    return scanner->state != ACTING;
}

/* ---- the end of a cycle ---- */

static void
say_cycles(struct scanner *scanner, enum ff_log_level level, const struct ff_scanner_tally *tally)
{
    char text[192];

    snprintf(text, sizeof(text), "processed %llu, errors %llu, skipped %llu, in %llu ms%s",
             (unsigned long long) tally->processed, (unsigned long long) tally->errors,
             (unsigned long long) tally->skipped, (unsigned long long) tally->busy_ms,
             tally->cycles > 1 ? " of several cycles" : "");
    ff_scan_say(scanner, level, "cycle", text);
}

static void
add_up(struct ff_scanner_tally *tally, const struct ff_scanner_tally *more)
{
    tally->cycles += more->cycles;
    tally->processed += more->processed;
    tally->errors += more->errors;
    tally->skipped += more->skipped;
    tally->busy_ms += more->busy_ms;
}

/* What had to be repaired should not have been broken. */
static enum ff_log_level
level_of(const struct scanner *scanner)
{
    bool repaired = (scanner->info->flags & FF_SCANF_REPAIR) != 0 && scanner->untold.processed > 0;

    return repaired ? FF_LEVEL_WARN : FF_LEVEL_INFO;
}

/* A cycle that did something is told at info; those that follow within a second, together. */
static void
note_cycle(struct scanner *scanner)
{
    const struct ff_scanner_cycle *counts = &scanner->cycle.counts;
    int64_t now_ms = ff_mono_ms();
    const struct ff_scanner_tally tally = {
        .cycles = 1,
        .processed = counts->processed,
        .errors = counts->errors,
        .skipped = counts->skipped,
        .busy_ms = (uint64_t) (now_ms - scanner->cycle.started_mono_ms),
    };

    add_up(&scanner->stats.total, &tally);
    scanner->stats.last = *counts;
    scanner->stats.last_ms = tally.busy_ms;
    scanner->stats.last_at = ff_wall_ms();
    scanner->stats.backed_off = ff_failures_backed_off(&scanner->failures);
    say_cycles(scanner, FF_LEVEL_TRACE, &tally);
    if (counts->processed > 0 || counts->errors > 0) {
        add_up(&scanner->untold, &tally);
    }
    if (scanner->untold.cycles > 0 &&
        (now_ms - scanner->told_mono_ms >= TOLD_MS_MIN || scanner->all->stopping)) {
        say_cycles(scanner, level_of(scanner), &scanner->untold);
        scanner->untold = (struct ff_scanner_tally){ 0 };
        scanner->told_mono_ms = now_ms;
    }
}

static void
page_done(struct scanner *scanner)
{
    free(scanner->items);
    scanner->items = NULL;
    scanner->n_items = scanner->n_open = 0;
    ff_answer_done(&scanner->page);
}

static void
cycle_end(struct scanner *scanner)
{
    struct cycle *cycle = &scanner->cycle;

    page_done(scanner);
    scanner->state = RESTING;
    if (!cycle->cut) {
        scanner->cursor_n = 0;
        ff_failures_next_cycle(&scanner->failures);
    }
    note_cycle(scanner);
    if (cycle->forced) {
        cycle->forced = false;
        cycle->run.done(cycle->run.ctx, &cycle->counts);
    }
    ff_scan_rest(scanner);
}

/* ---- a page of items ---- */

static void
cycle_start(struct scanner *scanner)
{
    scanner->state = ASKING;
    scanner->cycle = (struct cycle){ .started_mono_ms = ff_mono_ms(), .next_due_at = INT64_MAX };
    if (scanner->n_runs > 0) {
        scanner->cycle.forced = true;
        scanner->cycle.run = scanner->runs[0];
        scanner->n_runs--;
        memmove(scanner->runs, scanner->runs + 1, scanner->n_runs * sizeof(scanner->runs[0]));
    }
}

static void
page_over(struct scanner *scanner)
{
    struct cycle *cycle = &scanner->cycle;
    uint32_t n_items = scanner->n_items;

    page_done(scanner);
    if (scanner->all->stopping) {
        cycle_end(scanner);
        return;
    }
    cycle->paced = has_flag(scanner, FF_SCANF_PACED) && scanner->more && n_items == 0;
    cycle->cut = (scanner->more || cycle->again) && !cycle->forced &&
                 (cycle->paced || ff_mono_ms() - cycle->started_mono_ms >= CYCLE_MS_MAX);
    if (cycle->cut || !(scanner->more || cycle->again)) {
        cycle_end(scanner);
        return;
    }
    cycle->again = cycle->again && scanner->more; /* from the start, once the list is at its end */
    scanner->state = ASKING;
    ff_scan_ask(scanner, 0);
}

static struct ff_str
item_args(struct scanner *scanner, const struct ff_due_item *due)
{
    struct ff_packer packer;
    struct ff_str args;

    ff_packer_init(&packer);
    ff_encode(&ff_desc_due_item, due, &packer.pk);
    args = ff_arena_copy(&scanner->page.arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    return args;
}

static void
act_on_page(struct scanner *scanner, const struct ff_scan_due_result *due)
{
    bool tracked = has_flag(scanner, FF_SCANF_TRACKED);

    scanner->state = ACTING;
    scanner->n_items = due->items.n;
    scanner->items = calloc(due->items.n + 1u, sizeof(*scanner->items));
    FF_ASSERT(scanner->items != NULL);
    for (uint32_t i = 0; i < due->items.n; i++) {
        struct item *item = &scanner->items[i];

        item->due = &due->items.v[i];
        item->args = item_args(scanner, item->due);
        item->id = ff_digest_of(&item->args, 1);
        if (tracked && ff_failures_skips(&scanner->failures, &item->id)) {
            scanner->cycle.counts.skipped++;
            scanner->cycle.left = true;
        } else {
            ff_scan_act(scanner, i, NULL);
        }
    }
    if (scanner->n_open == 0) {
        page_over(scanner);
    }
}

/* Keeps the answer, whose arena the items live in. */
static void
take_page(struct scanner *scanner, struct ff_answer *answer, const struct ff_scan_due_result *due)
{
    ff_answer_done(&scanner->page);
    scanner->page = *answer;
    *answer = (struct ff_answer){ 0 };
    scanner->cycle.next_due_at = due->next_due_at.is ? due->next_due_at.v : INT64_MAX;
    scanner->more = due->next_cursor.n > 0 && due->next_cursor.n <= sizeof(scanner->cursor);
    scanner->cursor_n = 0;
    if (scanner->more) {
        scanner->cursor_n = due->next_cursor.n;
        memcpy(scanner->cursor, due->next_cursor.p, scanner->cursor_n);
    }
    scanner->complained = false;
    act_on_page(scanner, due);
}

/* The broker could not be asked. Said once, until it can be again. */
static void
cycle_broken(struct scanner *scanner, struct ff_answer *answer)
{
    if (!scanner->all->stopping) {
        ff_scan_say(scanner, scanner->complained ? FF_LEVEL_DEBUG : FF_LEVEL_WARN, "scan_failed",
                    ff_answer_text(answer));
        scanner->complained = true;
    }
    scanner->cycle.counts.errors++;
    scanner->cycle.broken = true;
    cycle_end(scanner);
}

static bool
read_page(struct ff_answer *answer, struct ff_scan_due_result *due)
{
    *due = (struct ff_scan_due_result){ 0 };
    return answer->fault.code == FF_E_OK &&
           ff_answer_result(answer, FF_OP_scan_due, due) == FF_E_OK;
}

void
ff_scan_on_page(struct scanner *scanner, struct ff_answer *answer)
{
    struct ff_scan_due_result due;

    FF_ASSERT(scanner->state == ASKING);
    if (!read_page(answer, &due)) {
        cycle_broken(scanner, answer);
    } else if (scanner->all->stopping) {
        cycle_end(scanner);
    } else {
        take_page(scanner, answer, &due);
    }
}

/* ---- an item ---- */

/* Somebody else was faster: the item is gone or no longer what it was. */
static bool
is_handled(ff_err err)
{
    enum ff_kind kind = ff_error_info(err)->kind;

    return kind == FF_KIND_NOT_FOUND || kind == FF_KIND_STATE || kind == FF_KIND_CONTENTION;
}

/* A cancel that can never succeed: its member is acknowledged all the same (07 §3.8). */
static bool
is_hopeless(const struct scan_call *call, ff_err err)
{
    enum ff_kind kind = ff_error_info(err)->kind;

    return call->op == FF_OP_cancel_execution &&
           (kind == FF_KIND_VALIDATION || kind == FF_KIND_BUG);
}

/* A number in a result; 0 where it has none of that name. */
static uint32_t
number_of(const struct ff_desc *desc, const char *name, const void *result)
{
    const struct ff_field *field = ff_field_find(desc, ff_cstr(name));
    uint64_t wide = 0;

    if (field == NULL) {
        return 0;
    }
    if (field->type != FF_TYPE_U64) {
        return *(const uint32_t *) ((const char *) result + field->offset);
    }
    wide = *(const uint64_t *) ((const char *) result + field->offset);
    return wide > UINT32_MAX ? UINT32_MAX : (uint32_t) wide;
}

/* Whether its outcome is one of those that count; never, where it tells none. */
static bool
has_changed(struct ff_answer *answer, const struct scan_call *call, const void *result)
{
    const struct ff_field *field = ff_field_find(ff_ops[call->op].result, ff_cstr("outcome"));
    struct ff_str outcome;

    if (call->changed[0][0] == '\0') {
        return true;
    }
    if (field == NULL) {
        return false;
    }
    outcome = ff_field_text(field, result, &answer->arena);
    return ff_str_eq(outcome, ff_cstr(call->changed[0])) ||
           (call->changed[1] != NULL && ff_str_eq(outcome, ff_cstr(call->changed[1])));
}

/* How much it has done; what its result tells of errors is added to *errors. */
static uint32_t
amount_of(struct ff_answer *answer, const struct scan_call *call, uint32_t *errors)
{
    const struct ff_desc *desc = ff_ops[call->op].result;
    void *result = ff_arena_zalloc(&answer->arena, desc->size);

    if (ff_answer_result(answer, call->op, result) != FF_E_OK) {
        return 0;
    }
    if (call->changed[0] == NULL) {
        *errors += number_of(desc, "errors", result);
        return number_of(desc, "purged", result) + number_of(desc, "processed", result) +
               number_of(desc, "removed", result) + number_of(desc, "resolved", result);
    }
    return has_changed(answer, call, result);
}

/* It has done as much as one call may, or the last that something else waits for: there is more,
 * probably. */
static bool
leaves_more(const struct scanner *scanner, enum ff_op op, uint32_t amount)
{
    return (op == FF_OP_cancel_execution && amount > 0 && has_flag(scanner, FF_SCANF_AGAIN)) ||
           ((op == FF_OP_trim_retention || op == FF_OP_trim_flows) && amount >= TRIM_BATCH) ||
           (op == FF_OP_trim_expired && amount >= TRIM_EXPIRED_BATCH);
}

static void
say_failed(struct scanner *scanner, const struct item *item, struct ff_answer *answer, bool third)
{
    msgpack_zone zone;
    msgpack_object map;
    struct ff_fault ignored = { 0 };
    struct ff_str json = ff_cstr("");
    char text[1024];

    msgpack_zone_init(&zone, 1024);
    if (ff_msgpack_parse(item->args, &zone, &map, &ignored) == FF_E_OK) {
        json = ff_msgpack_to_json(&map, 0, &answer->arena);
    }
    snprintf(text, sizeof(text), "%.*s: %s", (int) json.n, json.p, ff_answer_text(answer));
    msgpack_zone_destroy(&zone);
    ff_scan_say(scanner, third ? FF_LEVEL_ERROR : FF_LEVEL_WARN,
                third ? "item_left_alone" : "item_failed", text);
}

/* A store or a broker that is away says nothing about the item. */
static void
item_failed(struct scanner *scanner, struct item *item, struct ff_answer *answer)
{
    enum ff_kind kind = ff_error_info(answer->fault.code)->kind;
    bool away = kind == FF_KIND_TRANSPORT || kind == FF_KIND_UNAVAILABLE;
    bool third = false;

    scanner->cycle.broken = scanner->cycle.broken || away;
    item->failed = true;
    if (!away && has_flag(scanner, FF_SCANF_TRACKED)) {
        third = ff_failures_failed(&scanner->failures, &item->id);
    }
    say_failed(scanner, item, answer, third);
}

void
ff_scan_on_acted(struct scanner *scanner, uint32_t n, const struct scan_call *call,
                 struct ff_answer *answer)
{
    struct item *item = &scanner->items[n];

    FF_ASSERT(scanner->state == ACTING && n < scanner->n_items && item->calls > 0);
    if (answer->fault.code == FF_E_OK) {
        uint32_t amount = amount_of(answer, call, &item->errors);

        /* Where one operation says of an item what it has done, it counts once. */
        item->changed =
            call->changed[0] == NULL ? item->changed + amount : (item->changed | amount);
        scanner->cycle.again = scanner->cycle.again || leaves_more(scanner, call->op, amount);
    } else if (is_hopeless(call, answer->fault.code)) {
        say_failed(scanner, item, answer, false);
    } else if (!is_handled(answer->fault.code) && !item->failed) {
        item_failed(scanner, item, answer);
    }
    if (has_flag(scanner, FF_SCANF_CHAINED) && !item->failed) {
        ff_scan_act(scanner, n, call);
    }
    item->calls--;
    scanner->n_open--;
    if (item->calls == 0) {
        scanner->cycle.counts.processed += item->changed;
        scanner->cycle.counts.errors += item->failed + item->errors;
        scanner->cycle.left =
            scanner->cycle.left || item->failed || (call->changed[0] == NULL && item->changed == 0);
        if (!item->failed) {
            ff_failures_succeeded(&scanner->failures, &item->id);
        }
    }
    if (scanner->n_open == 0) {
        page_over(scanner);
    }
}

/* ---- between cycles ---- */

/* One item without arguments: its operation is for everything. */
static void
act_on_all(struct scanner *scanner)
{
    struct ff_due_item *all = FF_ARENA_NEW(&scanner->page.arena, struct ff_due_item, 1);
    const struct ff_scan_due_result due = { .items = { .v = all, .n = 1 } };

    scanner->more = false;
    scanner->cursor_n = 0;
    act_on_page(scanner, &due);
}

static void
begin(struct scanner *scanner)
{
    ev_timer_stop(scanner->all->loop, &scanner->pause);
    cycle_start(scanner);
    if (scanner->cycle.forced && (scanner->info->flags & FF_SCANF_REPAIR) != 0) {
        act_on_all(scanner);
    } else {
        ff_scan_ask(scanner, 0);
    }
}

static void
pause_for(struct scanner *scanner, int64_t pause_ms)
{
    pause_ms = pause_ms < PAUSE_MS_MIN ? PAUSE_MS_MIN : pause_ms;
    ev_timer_stop(scanner->all->loop, &scanner->pause);
    ev_timer_set(&scanner->pause, (double) pause_ms / 1000.0, 0.0);
    ev_timer_start(scanner->all->loop, &scanner->pause);
}

void
ff_scan_on_pause(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct scanner *scanner = timer->data;

    (void) loop;
    (void) events;
    if (scanner->state == RESTING && !scanner->all->stopping) {
        begin(scanner);
    }
}

static void
park(struct scanner *scanner, int64_t left_ms)
{
    int64_t block_ms = left_ms < BLOCK_MS_MAX ? left_ms : BLOCK_MS_MAX;

    if (!scanner->parked) {
        scanner->parked = true;
        scanner->parked_until_mono_ms = ff_mono_ms() + block_ms;
        ff_scan_ask(scanner, (uint64_t) block_ms);
    }
}

/* Items that were left would be listed again at once: only time brings new ones. */
static void
pause_with_leftovers(struct scanner *scanner, int64_t left_ms)
{
    int64_t due_in_ms = INT64_MAX;

    if (scanner->cycle.next_due_at != INT64_MAX) {
        due_in_ms = scanner->cycle.next_due_at - ff_wall_ms();
    }
    pause_for(scanner, due_in_ms < left_ms ? due_in_ms : left_ms);
}

void
ff_scan_rest(struct scanner *scanner)
{
    const struct cycle *cycle = &scanner->cycle;
    int64_t left_ms = cycle->started_mono_ms + scanner->interval_ms - ff_mono_ms();

    if (scanner->all->stopping) {
        ff_scan_check_stopped(scanner->all);
    } else if (scanner->n_runs > 0) {
        begin(scanner);
    } else if (scanner->all->options.on_demand) {
        return;
    } else if (cycle->broken) {
        pause_for(scanner, BROKEN_PAUSE_MS);
    } else if (cycle->cut && cycle->paced) {
        pause_for(scanner, PACE_MS);
    } else if (cycle->cut || left_ms <= 0) {
        begin(scanner);
    } else if (has_flag(scanner, FF_SCANF_UNHURRIED)) {
        pause_for(scanner, left_ms);
    } else if (cycle->left) {
        pause_with_leftovers(scanner, left_ms);
    } else {
        park(scanner, left_ms);
    }
}

/* What fell due while the scanner waited is the first page of its next cycle. With nothing to do
 * that cycle is over at once. */
void
ff_scan_on_parked(struct scanner *scanner, struct ff_answer *answer)
{
    int64_t now_ms = ff_mono_ms();
    struct ff_scan_due_result due;
    bool in_time = now_ms + PAUSE_MS_MIN < scanner->parked_until_mono_ms;

    scanner->parked = false;
    if (scanner->state != RESTING || scanner->all->stopping ||
        ev_is_active(&scanner->pause)) { /* a cycle on demand came first */
        return;
    }
    if (!read_page(answer, &due)) {
        cycle_start(scanner);
        cycle_broken(scanner, answer);
    } else if (due.items.n > 0 || due.next_cursor.n > 0) {
        cycle_start(scanner);
        take_page(scanner, answer, &due);
    } else if (in_time) { /* the broker is about to end, and lets nobody wait */
        pause_for(scanner, PAUSE_MS_MIN);
    } else if (scanner->cycle.started_mono_ms + scanner->interval_ms > now_ms + PAUSE_MS_MIN) {
        ff_scan_rest(scanner); /* the interval is longer than a scan_due may wait */
    } else if (has_flag(scanner, FF_SCANF_PACED)) {
        begin(scanner); /* what waits is not told all */
    } else {
        cycle_start(scanner);
        cycle_end(scanner);
    }
}
