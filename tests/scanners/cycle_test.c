/* What a scanner does next (07 §1.1): cycle.c under a clock of the test, with calls that go
 * nowhere. */
#include "scanners/scanners_int.h"

#include "core/clock.h"
#include "core/codec.h"
#include "tests/rows.h"

#define INTERVAL_MS 5000

/* ---- the wire and the clock ---- */

static int64_t now_ms;
static struct {
    uint32_t asked;    /* scan_due calls */
    uint64_t block_ms; /* of the last one */
    uint32_t cursor_n; /* the scanner's, then */
    uint32_t acted;    /* items */
    bool stopped;
    char said[64]; /* the last event at warn or error */
} seen;

int64_t
ff_mono_ms(void)
{
    return now_ms;
}

int64_t
ff_wall_ms(void)
{
    return now_ms;
}

int64_t
ff_mono_us(void)
{
    return now_ms * 1000;
}

void
ff_scan_say(const struct scanner *scanner, enum ff_log_level level, const char *event,
            const char *text)
{
    (void) scanner;
    (void) text;
    if (level <= FF_LEVEL_WARN) {
        strncpy(seen.said, event, sizeof(seen.said) - 1);
    }
}

void
ff_scan_check_stopped(struct ff_scanners *scanners)
{
    seen.stopped = scanners->stopping && ff_scan_is_idle(&scanners->scanners[0]);
}

void
ff_scan_ask(struct scanner *scanner, uint64_t block_ms)
{
    seen.asked++;
    seen.block_ms = block_ms;
    seen.cursor_n = block_ms > 0 ? 0 : scanner->cursor_n;
}

void
ff_scan_act(struct scanner *scanner, uint32_t item, const struct scan_call *after)
{
    const struct scan_call *calls[CALLS_MAX];

    if (after != NULL && after == calls[ff_scan_calls(scanner->info->name, calls) - 1]) {
        return; /* the end of a chain */
    }
    scanner->items[item].calls++;
    scanner->n_open++;
    seen.acted++;
}

/* ---- the scanner ---- */

static int
setup(void **state)
{
    struct ff_scanners *all = calloc(1, sizeof(*all));
    struct scanner *scanner = &all->scanners[0];

    all->loop = ev_loop_new(EVFLAG_AUTO);
    all->n = 1;
    scanner->all = all;
    scanner->info = ff_scan_info(FF_SCANNER_DELAYED_PROMOTER);
    scanner->interval_ms = INTERVAL_MS;
    scanner->cycle.cut = true;
    ff_failures_init(&scanner->failures);
    ev_timer_init(&scanner->pause, ff_scan_on_pause, 0.0, 0.0);
    scanner->pause.data = scanner;
    memset(&seen, 0, sizeof(seen));
    now_ms = 1000000;
    *state = scanner;
    return 0;
}

static int
teardown(void **state)
{
    struct scanner *scanner = *state;
    struct ff_scanners *all = scanner->all;

    ev_timer_stop(all->loop, &scanner->pause);
    ff_failures_done(&scanner->failures);
    ff_answer_done(&scanner->page);
    free(scanner->items);
    ev_loop_destroy(all->loop);
    free(all);
    return 0;
}

/* An answer of scan_due: n items from `first` on. */
static struct ff_answer
page_of(uint32_t first, uint32_t n, const char *cursor)
{
    struct ff_due_item items[64] = { { .lane_id = ff_cstr("L") } };
    struct ff_scan_due_result due = { .items = { .v = items, .n = n },
                                      .next_cursor = ff_cstr(cursor) };
    struct ff_answer answer = { 0 };
    struct ff_packer packer;

    for (uint32_t i = 0; i < n; i++) {
        items[i].execution_id = FF_SOME(ff_opt_eid, ((struct ff_eid){ .partition = 6 }));
        items[i].execution_id.v.uuid.b[15] = (uint8_t) (first + i);
        items[i].lane_id = ff_cstr("L");
    }
    ff_packer_init(&packer);
    ff_encode(ff_ops[FF_OP_scan_due].result, &due, &packer.pk);
    answer.map = ff_arena_copy(&answer.arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    return answer;
}

static void
give_page(struct scanner *scanner, uint32_t first, uint32_t n, const char *cursor)
{
    struct ff_answer answer = page_of(first, n, cursor);

    if (scanner->state == ASKING) {
        ff_scan_on_page(scanner, &answer);
    } else {
        ff_scan_on_parked(scanner, &answer);
    }
    ff_answer_done(&answer);
}

static void
answer_item(struct scanner *scanner, uint32_t item, ff_err err, const char *outcome)
{
    const struct scan_call *calls[CALLS_MAX];
    struct ff_promote_delayed_result result = { .outcome = outcome };
    struct ff_answer answer = { 0 };
    struct ff_packer packer;

    assert_int_equal(ff_scan_calls(scanner->info->name, calls), 1);
    ff_packer_init(&packer);
    if (err == FF_E_OK) {
        ff_encode(ff_ops[FF_OP_promote_delayed].result, &result, &packer.pk);
    } else {
        ff_fail(&answer.fault, err);
        ff_encode_error(&answer.fault, "promote_delayed", &packer.pk);
    }
    answer.map = ff_arena_copy(&answer.arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    ff_scan_on_acted(scanner, item, calls[0], &answer);
    ff_answer_done(&answer);
}

/* The first item's answer to a cascade_completion that says what it has resolved. */
static void
answer_cascade(struct scanner *scanner, const struct scan_call *call, uint64_t resolved)
{
    const struct ff_cascade_completion_result result = { .resolved = resolved };
    struct ff_answer answer = { 0 };
    struct ff_packer packer;

    ff_packer_init(&packer);
    ff_encode(ff_ops[FF_OP_cascade_completion].result, &result, &packer.pk);
    answer.map = ff_arena_copy(&answer.arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    ff_scan_on_acted(scanner, 0, call, &answer);
    ff_answer_done(&answer);
}

static void
start(struct scanner *scanner)
{
    ff_scan_rest(scanner);
    assert_int_equal(scanner->state, ASKING); /* the first cycle begins at once */
}

/* ---- cycles ---- */

static void
test_idle(void **state)
{
    struct scanner *scanner = *state;

    start(scanner);
    now_ms += 10;
    give_page(scanner, 0, 0, NULL);
    assert_int_equal(scanner->state, RESTING);
    assert_int_equal(scanner->stats.total.cycles, 1);
    assert_int_equal(seen.block_ms, INTERVAL_MS - 10); /* it waits in the broker */
    now_ms += INTERVAL_MS - 10;
    give_page(scanner, 0, 0, NULL); /* nothing came: that was a cycle */
    assert_int_equal(scanner->stats.total.cycles, 2);
    assert_int_equal(seen.block_ms, INTERVAL_MS);
    assert_int_equal(seen.asked, 3);
    assert_false(ev_is_active(&scanner->pause));
}

static void
test_due_item(void **state)
{
    struct scanner *scanner = *state;

    start(scanner);
    give_page(scanner, 0, 0, NULL);
    now_ms += 700;
    give_page(scanner, 1, 2, NULL); /* before the interval is over */
    assert_int_equal(scanner->state, ACTING);
    assert_int_equal(seen.acted, 2);
    answer_item(scanner, 0, FF_E_OK, "promoted");
    answer_item(scanner, 1, FF_E_OK, "not_yet_due");
    assert_int_equal(scanner->stats.last.processed, 1);
    assert_int_equal(scanner->stats.last.errors, 0);
    assert_int_equal(scanner->state, RESTING);
    assert_true(scanner->parked);
    assert_int_equal(seen.asked, 3); /* one frame for the items, one to wait again */
}

static void
test_pages(void **state)
{
    struct scanner *scanner = *state;

    start(scanner);
    give_page(scanner, 1, 1, "abc");
    answer_item(scanner, 0, FF_E_OK, "promoted");
    assert_int_equal(scanner->state, ASKING);
    assert_int_equal(seen.cursor_n, 3);
    give_page(scanner, 2, 1, NULL);
    answer_item(scanner, 0, FF_E_OK, "promoted");
    assert_int_equal(scanner->stats.total.cycles, 1);
    assert_int_equal(scanner->stats.last.processed, 2);
}

static void
test_a_second_is_enough(void **state)
{
    struct scanner *scanner = *state;

    start(scanner);
    give_page(scanner, 1, 1, "abc");
    now_ms += 1000;
    answer_item(scanner, 0, FF_E_OK, "promoted");
    assert_int_equal(scanner->stats.total.cycles, 1);
    assert_int_equal(scanner->state, ASKING); /* the next one, at once */
    assert_int_equal(seen.block_ms, 0);
    assert_int_equal(seen.cursor_n, 3); /* from where it was */
}

/* ---- failures ---- */

/* One cycle in which item 1 is listed; what the item's call answers, FF_E_OK: it is a success. */
static bool
cycle_with(struct scanner *scanner, ff_err err)
{
    uint32_t acted = seen.acted;

    give_page(scanner, 1, 1, NULL);
    if (seen.acted > acted) {
        answer_item(scanner, 0, err, "promoted");
    }
    if (scanner->state == RESTING && ev_is_active(&scanner->pause)) {
        now_ms += INTERVAL_MS;
        ff_scan_on_pause(scanner->all->loop, &scanner->pause, 0);
    }
    return seen.acted > acted;
}

static void
test_ex_10(void **state)
{
    struct scanner *scanner = *state;

    start(scanner);
    for (int cycle = 1; cycle <= 14; cycle++) {
        bool tried = cycle_with(scanner, FF_E_CORRUPTION);

        assert_int_equal(tried, cycle <= 3 || cycle == 14);
        assert_string_equal(seen.said, cycle < 3    ? "item_failed"
                                       : cycle < 14 ? "item_left_alone"
                                                    : "item_failed");
    }
    assert_int_equal(scanner->stats.total.errors, 4);
    assert_int_equal(scanner->stats.total.skipped, 10);
}

static void
test_leftovers_are_not_asked_for_at_once(void **state)
{
    struct scanner *scanner = *state;

    start(scanner);
    give_page(scanner, 1, 1, NULL);
    answer_item(scanner, 0, FF_E_CORRUPTION, NULL);
    assert_int_equal(scanner->state, RESTING);
    assert_false(scanner->parked); /* it would be listed again */
    assert_true(ev_is_active(&scanner->pause));
}

static void
test_handled_by_others_is_no_failure(void **state)
{
    struct scanner *scanner = *state;

    start(scanner);
    give_page(scanner, 1, 2, NULL);
    answer_item(scanner, 0, FF_E_EXECUTION_NOT_FOUND, NULL);
    answer_item(scanner, 1, FF_E_EXECUTION_NOT_ELIGIBLE, NULL);
    assert_int_equal(scanner->stats.last.errors, 0);
    assert_int_equal(ff_failures_count(&scanner->failures), 0);
    assert_true(scanner->parked);
}

static void
test_a_broker_that_is_away(void **state)
{
    struct scanner *scanner = *state;
    struct ff_answer answer = { 0 };

    start(scanner);
    give_page(scanner, 1, 1, NULL);
    answer_item(scanner, 0, FF_E_TRANSPORT, NULL);
    assert_int_equal(scanner->stats.last.errors, 1);
    assert_int_equal(ff_failures_count(&scanner->failures), 0); /* not the item's fault */
    assert_true(ev_is_active(&scanner->pause));
    ff_scan_on_pause(scanner->all->loop, &scanner->pause, 0);
    assert_int_equal(scanner->state, ASKING);
    ff_fail(&answer.fault, FF_E_TRANSPORT);
    ff_scan_on_page(scanner, &answer);
    assert_string_equal(seen.said, "scan_failed");
    assert_int_equal(scanner->state, RESTING);
    assert_true(ev_is_active(&scanner->pause)); /* and again, for ever */
    ff_answer_done(&answer);
}

/* ---- on demand, and the end ---- */

static void
on_ran(void *ctx, const struct ff_scanner_cycle *cycle)
{
    *(struct ff_scanner_cycle *) ctx = *cycle;
}

static void
test_on_demand(void **state)
{
    struct scanner *scanner = *state;
    struct ff_scanner_cycle ran = { .processed = 99 };
    const struct ff_scanners_run run = { .now_ms = FF_SOME(ff_opt_i64, 7),
                                         .done = on_ran,
                                         .ctx = &ran };

    scanner->all->options.on_demand = true;
    ff_scan_rest(scanner);
    assert_int_equal(seen.asked, 0); /* nothing by itself */
    scanner->runs[scanner->n_runs++] = run;
    ff_scan_rest(scanner);
    assert_int_equal(scanner->state, ASKING);
    assert_int_equal(scanner->cycle.run.now_ms.v, 7);
    give_page(scanner, 1, 1, NULL);
    assert_int_equal(ran.processed, 99); /* not over yet */
    answer_item(scanner, 0, FF_E_OK, "promoted");
    assert_int_equal(ran.processed, 1);
    assert_int_equal(scanner->state, RESTING);
    assert_int_equal(seen.asked, 1);
}

static void
test_on_demand_while_it_waits(void **state)
{
    struct scanner *scanner = *state;
    struct ff_scanner_cycle ran = { .processed = 99 };
    struct ff_answer late = page_of(5, 1, NULL);
    const struct ff_scanners_run run = { .done = on_ran, .ctx = &ran };

    start(scanner);
    give_page(scanner, 0, 0, NULL);
    assert_true(scanner->parked);
    scanner->runs[scanner->n_runs++] = run;
    ff_scan_rest(scanner);
    assert_int_equal(scanner->state, ASKING);
    ff_scan_on_parked(scanner, &late); /* cycles never overlap: it is listed again */
    assert_int_equal(seen.acted, 0);
    give_page(scanner, 5, 1, NULL);
    answer_item(scanner, 0, FF_E_OK, "promoted");
    assert_int_equal(ran.processed, 1);
    assert_true(scanner->parked);
    ff_answer_done(&late);
}

static void
test_the_end(void **state)
{
    struct scanner *scanner = *state;

    start(scanner);
    give_page(scanner, 1, 2, "abc");
    scanner->all->stopping = true;
    ff_scan_check_stopped(scanner->all);
    assert_false(seen.stopped);
    answer_item(scanner, 0, FF_E_OK, "promoted");
    assert_false(seen.stopped);
    answer_item(scanner, 1, FF_E_OK, "promoted");
    assert_true(seen.stopped); /* what was begun is finished, and nothing more begins */
    assert_int_equal(seen.asked, 1);
    assert_int_equal(scanner->stats.last.processed, 2);
}

#define TEST(name_, test_)                                                                         \
    {                                                                                              \
        .name = (name_), .test_func = (test_), .setup_func = setup, .teardown_func = teardown      \
    }

/* ---- results ---- */

static void
test_results_without_outcome(void **state)
{
    struct scanner *scanner = *state;
    const struct scan_call *calls[CALLS_MAX];
    const struct scan_call odd = { FF_OP_cascade_completion, { "resolved", NULL } };

    scanner->info = ff_scan_info(FF_SCANNER_DEPENDENCY_RECONCILER);
    assert_int_equal(ff_scan_calls(scanner->info->name, calls), 2);
    start(scanner);
    give_page(scanner, 1, 1, NULL);
    answer_cascade(scanner, calls[0], 3);
    assert_int_equal(scanner->stats.last.processed, 3);
    assert_true(scanner->parked);
    now_ms += INTERVAL_MS;
    give_page(scanner, 1, 1, NULL);
    answer_cascade(scanner, calls[0], 0); /* it would be listed again */
    assert_int_equal(scanner->stats.last.processed, 0);
    assert_true(ev_is_active(&scanner->pause));
    now_ms += INTERVAL_MS;
    ff_scan_on_pause(scanner->all->loop, &scanner->pause, 0);
    give_page(scanner, 1, 1, NULL);
    answer_cascade(scanner, &odd, 3); /* no such member: nothing that counts */
    assert_int_equal(scanner->stats.last.processed, 0);
    assert_int_equal(scanner->stats.last.errors, 0);
}

/* A cancel, then the acknowledgement: unless the cancel may be tried again. */
static void
test_chain(void **state)
{
    static const struct {
        ff_err err;
        uint32_t open, errors; /* after the cancel */
    } rows[] = {
        { FF_E_EXECUTION_NOT_ACTIVE, 1, 0 },
        { FF_E_CORRUPTION, 1, 0 },
        { FF_E_RESOURCE_EXHAUSTED, 0, 1 },
    };
    struct scanner *scanner = *state;
    const struct scan_call *calls[CALLS_MAX];

    scanner->info = ff_scan_info(FF_SCANNER_CANCEL_RECONCILER);
    assert_int_equal(ff_scan_calls(scanner->info->name, calls), 2);
    start(scanner);
    for (size_t i = 0; i < FF_COUNT(rows); i++) {
        struct ff_answer failed = { 0 };
        struct ff_answer done = { 0 };
        struct ff_packer packer;

        give_page(scanner, 1, 1, NULL);
        assert_int_equal(scanner->n_open, 1);
        ff_fail(&failed.fault, rows[i].err);
        ff_scan_on_acted(scanner, 0, calls[0], &failed);
        ff_answer_done(&failed);
        assert_int_equal(scanner->n_open, rows[i].open);
        if (rows[i].open > 0) {
            ff_packer_init(&packer);
            msgpack_pack_map(&packer.pk, 0);
            done.map = ff_arena_copy(&done.arena, ff_packer_str(&packer));
            ff_packer_done(&packer);
            ff_scan_on_acted(scanner, 0, calls[1], &done);
            ff_answer_done(&done);
        }
        assert_int_equal(scanner->stats.last.processed, rows[i].open);
        assert_int_equal(scanner->stats.last.errors, rows[i].errors);
        now_ms += INTERVAL_MS;
    }
    assert_true(ev_is_active(&scanner->pause)); /* the last one would be listed again */
}

/* ---- scanners that look through all there is ---- */

static void
pause_over(struct scanner *scanner)
{
    ff_scan_on_pause(scanner->all->loop, &scanner->pause, 0);
}

/* Pages without items are a second apart; what waits is not told all, so a cycle asks itself. */
static void
test_pace(void **state)
{
    struct scanner *scanner = *state;

    scanner->info = ff_scan_info(FF_SCANNER_DEPENDENCY_RECONCILER);
    start(scanner);
    give_page(scanner, 0, 0, "abc");
    assert_int_equal(scanner->state, RESTING);
    assert_true(ev_is_active(&scanner->pause));
    assert_int_equal(seen.asked, 1);
    now_ms += 1000;
    pause_over(scanner);
    assert_int_equal(seen.asked, 2);
    assert_int_equal(seen.cursor_n, 3); /* from where it was */
    give_page(scanner, 0, 0, NULL);
    assert_int_equal(seen.block_ms, INTERVAL_MS);
    now_ms += INTERVAL_MS;
    give_page(scanner, 0, 0, NULL);
    assert_int_equal(scanner->state, ASKING);
    assert_int_equal(seen.block_ms, 0);
}

static void
test_unhurried(void **state)
{
    struct scanner *scanner = *state;

    scanner->info = ff_scan_info(FF_SCANNER_FLOW_PROJECTOR);
    start(scanner);
    give_page(scanner, 0, 0, NULL);
    assert_false(scanner->parked); /* flows change all the time */
    assert_true(ev_is_active(&scanner->pause));
    now_ms += INTERVAL_MS;
    pause_over(scanner);
    assert_int_equal(scanner->state, ASKING);
    assert_int_equal(seen.asked, 2);
}

/* The group of siblings that have just been cancelled is drained in the same cycle. */
static void
test_again(void **state)
{
    const struct ff_cancel_execution_result cancelled = { .outcome = "cancelled" };
    struct scanner *scanner = *state;
    const struct scan_call *calls[CALLS_MAX];
    struct ff_answer answer = { 0 };
    struct ff_packer packer;

    scanner->info = ff_scan_info(FF_SCANNER_EDGE_CANCEL_DISPATCHER);
    assert_int_equal(ff_scan_calls(scanner->info->name, calls), 2);
    start(scanner);
    give_page(scanner, 1, 1, NULL);
    ff_packer_init(&packer);
    ff_encode(ff_ops[FF_OP_cancel_execution].result, &cancelled, &packer.pk);
    answer.map = ff_arena_copy(&answer.arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    ff_scan_on_acted(scanner, 0, calls[0], &answer);
    ff_answer_done(&answer);
    assert_int_equal(scanner->state, ASKING);
    assert_int_equal(seen.cursor_n, 0);
    give_page(scanner, 0, 0, NULL);
    assert_int_equal(scanner->stats.last.processed, 1);
    assert_int_equal(scanner->state, RESTING);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("an idle scanner waits in the broker, a cycle an interval", test_idle),
        TEST("a due item costs a frame", test_due_item),
        TEST("a cycle goes on until nothing is left", test_pages),
        TEST("a cycle ends after a second, the next goes on", test_a_second_is_enough),
        TEST("07 ex 10 back-off in cycles", test_ex_10),
        TEST("leftovers are not asked for at once", test_leftovers_are_not_asked_for_at_once),
        TEST("what others have handled is no failure", test_handled_by_others_is_no_failure),
        TEST("a broker that is away", test_a_broker_that_is_away),
        TEST("results without an outcome", test_results_without_outcome),
        TEST("the operations of a chain", test_chain),
        TEST("pages without items are a second apart", test_pace),
        TEST("an unhurried scanner does not wait in the broker", test_unhurried),
        TEST("what was cancelled is looked at again", test_again),
        TEST("on demand only", test_on_demand),
        TEST("on demand while it waits", test_on_demand_while_it_waits),
        TEST("the end waits for what was begun", test_the_end),
    };

    return ff_run_rows("cycle", NULL, 0, tests, FF_COUNT(tests));
}
