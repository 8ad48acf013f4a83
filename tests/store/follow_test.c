/* Two commits under way, on every store that takes them: the second one is never made without the
 * first. */
#include <stdio.h>

#include "tests/rig/relay.h"
#include "tests/rig/server.h"
#include "tests/rows.h"
#include "tests/store/bed.h"
#include "tests/store/grid.h"

#define ROUNDS 100

static void
put(struct ff_bed *bed, uint32_t n, uint32_t bytes)
{
    static char payload[20001];
    struct ff_exec exec = ff_bed_exec(n);
    struct ff_exec_input input;

    memset(payload, 'x', bytes);
    payload[bytes] = '\0';
    input = ff_bed_input(&exec, payload);
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_put(bed, FF_R_EXEC_INPUT, &input);
    ff_bed_event(bed, FF_FAMILY_COMPLETION, n % 2 == 0 ? "first" : "second");
}

/* Executions 2n and 2n + 1, one behind the other, until both are there. How often it took more. */
static uint32_t
put_both(struct ff_bed *bed, uint32_t n, uint32_t bytes)
{
    uint32_t again = 0;
    enum ff_commit_outcome second = FF_COMMIT_OK;

    do {
        put(bed, 2 * n, bytes);
        ff_bed_send(bed);
        put(bed, 2 * n + 1, bytes);
        second = ff_bed_try_commit(bed, false);
        again += bed->first.outcome != FF_COMMIT_OK;
        assert_false(second == FF_COMMIT_OK && bed->first.outcome != FF_COMMIT_OK);
        assert_false(second == FF_COMMIT_ORPHANED && bed->first.outcome == FF_COMMIT_OK);
        assert_true(again < 1000);
    } while (bed->first.outcome != FF_COMMIT_OK);
    if (second != FF_COMMIT_OK) {
        put(bed, 2 * n + 1, bytes);
        ff_bed_commit(bed);
    }
    return again;
}

/* ---- what becomes of both ---- */

static void
test_both_are_made(void **state)
{
    struct ff_bed *bed = *state;
    uint32_t again = 0;

    for (uint32_t n = 0; n < ROUNDS; n++) {
        again += put_both(bed, n, 10);
    }
    assert_true(bed->retries == (again > 0)); /* some were not, where that is what it is for */
    ff_bed_check(bed);
}

/* What the second one says is true by itself, too: its version is that which the first one makes.
 */
static void
test_the_second_builds_on_the_first(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_exec exec = ff_bed_exec(1);

    if (bed->retries) {
        skip();
    }
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_commit(bed);
    exec.total_attempt_count = 5;
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_send(bed);
    exec.total_attempt_count = 6;
    ff_bed_put(bed, FF_R_EXEC, &exec);
    bed->batch.writes[0].version_from++;
    bed->batch.writes[0].version++;
    assert_int_equal(ff_bed_try_commit(bed, false), FF_COMMIT_OK);
    assert_int_equal(bed->first.outcome, FF_COMMIT_OK);
    ff_bed_check(bed);
}

static void
test_the_second_dies_with_the_first(void **state)
{
    struct ff_bed *bed = *state;

    if (bed->retries) {
        skip();
    }
    put(bed, 1, 10);
    ff_bed_commit(bed);
    put(bed, 1, 10);
    bed->batch.writes[0].version_from = 7;
    ff_bed_send(bed);
    put(bed, 2, 10); /* has nothing to do with it */
    assert_int_equal(ff_bed_try_commit(bed, false), FF_COMMIT_ORPHANED);
    assert_int_equal(bed->first.outcome, FF_COMMIT_CONFLICT);
    assert_int_equal(bed->first.n_conflicts, 1);
    ff_bed_check(bed);
    put_both(bed, 5, 10); /* and all goes on */
    ff_bed_check(bed);
}

static void
test_the_second_alone_is_late(void **state)
{
    struct ff_bed *bed = *state;

    if (bed->retries) {
        skip();
    }
    put(bed, 1, 10);
    ff_bed_commit(bed);
    put(bed, 2, 10);
    ff_bed_send(bed);
    put(bed, 1, 10);
    bed->batch.writes[0].version_from = 7;
    assert_int_equal(ff_bed_try_commit(bed, false), FF_COMMIT_CONFLICT);
    assert_int_equal(bed->first.outcome, FF_COMMIT_OK);
    put_both(bed, 5, 10);
    ff_bed_check(bed);
}

/* ---- a connection that is lost with both ---- */

static const struct cut_row {
    const char *name;
    enum ff_relay_cut cut;
    bool second; /* it hits the second one */
    uint32_t bytes;
} cut_rows[] = {
    { "the first one does not arrive", FF_RELAY_CUT_REQUEST, false, 10 },
    { "the second one does not arrive", FF_RELAY_CUT_REQUEST, true, 10 },
    { "large ones are cut", FF_RELAY_CUT_REQUEST, false, 20000 },
    { "the answer of the first one is lost", FF_RELAY_CUT_REPLY, false, 10 },
    { "the answer of the second one is lost", FF_RELAY_CUT_REPLY, true, 10 },
    { "answers of large ones are lost", FF_RELAY_CUT_REPLY, true, 20000 },
};

static void
test_cut_row(void **state)
{
    static const char *const durable[] = { "--appendonly", "yes", NULL };
    const struct cut_row *row = *state;
    struct ff_test_server server;
    struct ff_relay *relay = NULL;
    struct ff_fault fault = { 0 };
    struct ff_bed bed;

    ff_test_server_start(&server, durable);
    relay = ff_relay_start(server.socket);
    ff_bed_init(&bed, "valkey", NULL);
    snprintf(bed.url, sizeof(bed.url), "valkey://%s?patience_ms=20000", ff_relay_socket(relay));
    assert_int_equal(ff_bed_open(&bed, &fault), FF_E_OK);
    for (uint32_t n = 0; n < 20; n++) {
        put(&bed, 2 * n, row->bytes);
        if (!row->second) {
            ff_relay_cut(relay, row->cut);
        }
        ff_bed_send(&bed);
        put(&bed, 2 * n + 1, row->bytes);
        if (row->second) {
            ff_relay_cut(relay, row->cut);
        }
        assert_int_equal(ff_bed_try_commit(&bed, false), FF_COMMIT_OK);
        assert_int_equal(bed.first.outcome, FF_COMMIT_OK);
    }
    assert_true(ff_relay_cuts(relay) >= 5);
    ff_bed_check(&bed); /* each was made once: its events, too */
    ff_bed_done(&bed);
    ff_relay_stop(relay);
    ff_test_server_stop(&server);
}

/* ---- programs ---- */

static const struct ff_bed_kind kinds[] = {
    { "contrary 1", "contrary", "seed=1" },
    { "contrary 2, at its worst", "contrary", "seed=2&conflict=60&fail=50&delay=9" },
    { "postgres", "postgres", NULL },
    { "valkey", "valkey", NULL },
};

static const struct ff_bed_test tests[] = {
    { "both are made", test_both_are_made },
    { "the second builds on the first", test_the_second_builds_on_the_first },
    { "the second dies with the first", test_the_second_dies_with_the_first },
    { "the second alone is late", test_the_second_alone_is_late },
};

/* Each test once for each kind of store, named after both. */
int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(cut_rows, test_cut_row) };
    static struct CMUnitTest all[FF_COUNT(kinds) * FF_COUNT(tests)];

    ff_bed_grid(kinds, FF_COUNT(kinds), tests, FF_COUNT(tests), all);
    return ff_run_rows("follow", tables, FF_COUNT(tables), all, FF_COUNT(all));
}
