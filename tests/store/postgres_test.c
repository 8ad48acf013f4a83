/* What the PostgreSQL store does when the server goes away, and what it says at start. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "tests/rig/pg_server.h"
#include "tests/rows.h"
#include "tests/store/bed.h"

static const char cut_all[] = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                              " WHERE application_name = 'flowfabric'";

static int
open_bed(void **state)
{
    struct ff_bed *bed = calloc(1, sizeof(*bed));
    struct ff_fault fault = { 0 };

    assert_non_null(bed);
    if (!ff_pg_there()) {
        free(bed);
        skip();
    }
    ff_bed_init(bed, "postgres", NULL);
    *state = bed;
    return ff_bed_open(bed, &fault) == FF_E_OK ? 0 : -1;
}

static int
close_bed(void **state)
{
    if (*state != NULL) {
        ff_bed_done(*state);
        free(*state);
    }
    return 0;
}

static void
put_one(struct ff_bed *bed, uint32_t n)
{
    struct ff_exec exec = ff_bed_exec(n);
    struct ff_exec_input input = ff_bed_input(&exec, "p");

    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_put(bed, FF_R_EXEC_INPUT, &input);
    ff_bed_event(bed, FF_FAMILY_COMPLETION, "1");
}

static void
test_a_server_that_comes_back_has_lost_nothing(void **state)
{
    struct ff_bed *bed = *state;

    put_one(bed, 1);
    ff_bed_commit(bed);
    ff_pg_stop(true);
    ff_pg_start();
    put_one(bed, 2); /* waits for the connection */
    ff_bed_commit(bed);
    ff_bed_check(bed);
}

/* The commit is handed over, and then something happens. */
static void
commit_through(struct ff_bed *bed, void (*happens)(void))
{
    bed->on_commit = happens;
    ff_bed_commit(bed);
    bed->on_commit = NULL;
}

static void
server_dies(void)
{
    ff_pg_stop(true);
    ff_pg_start();
}

static void
server_is_restarted(void)
{
    ff_pg_stop(false);
    ff_pg_start();
}

static void
connections_are_cut(void)
{
    (void) ff_pg_sql_text(cut_all);
}

static void
test_a_server_that_dies_under_a_commit(void **state)
{
    struct ff_bed *bed = *state;

    for (uint32_t n = 0; n < 3; n++) {
        put_one(bed, n);
        commit_through(bed, server_dies);
    }
    ff_bed_check(bed); /* each was made, and made once: events are counted */
}

static void
test_a_server_that_is_restarted_under_a_commit(void **state)
{
    struct ff_bed *bed = *state;

    put_one(bed, 1);
    commit_through(bed, server_is_restarted);
    ff_bed_check(bed);
}

static void
test_connections_cut_in_the_middle_of_commits(void **state)
{
    struct ff_bed *bed = *state;

    for (uint32_t n = 0; n < 40; n++) {
        for (uint32_t i = 0; i < 25; i++) {
            put_one(bed, n * 25 + i);
        }
        commit_through(bed, connections_are_cut);
    }
    ff_bed_check(bed);
}

static void
test_connections_cut_under_two_commits(void **state)
{
    struct ff_bed *bed = *state;

    for (uint32_t n = 0; n < 40; n++) {
        for (uint32_t i = 0; i < 25; i++) {
            put_one(bed, n * 50 + i);
        }
        ff_bed_send(bed);
        for (uint32_t i = 25; i < 50; i++) {
            put_one(bed, n * 50 + i);
        }
        commit_through(bed, n % 10 == 9 ? server_dies : connections_are_cut);
        assert_int_equal(bed->first.outcome, FF_COMMIT_OK);
    }
    ff_bed_check(bed);
}

/* A batch that an earlier connection has left behind waits for a lock, and must not be made any
 * more once its broker has asked what became of it. */
static void
test_a_batch_that_was_given_up_is_shut_out(void **state)
{
    struct ff_bed *bed = *state;

    put_one(bed, 1);
    ff_bed_commit(bed);
    (void) ff_pg_sql_text("UPDATE flowfabric.batch_mark SET session = session + 1");
    put_one(bed, 2);
    assert_int_equal(ff_bed_try_commit(bed, true), FF_COMMIT_FAILED);
    ff_bed_check(bed);
}

static void
test_texts_with_zero_bytes_come_back(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_exec exec = ff_bed_exec(1);

    exec.execution_kind = ff_str("a\0b\x1a"
                                 "c\x1a",
                                 6);
    exec.blocking_detail = ff_str("\0", 1);
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
}

/* ---- a full server, a slow one ---- */

#define PAYLOAD_BYTES (1u << 20)
/* As large as a segment of the log, which has its room from the start: tables hit it first. */
#define FILE_BYTES_MAX (16u << 20)

/* Of both connections, and of one that is just ending. */
static void
limit_files(rlim_t bytes)
{
    static const char pids[] = "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity"
                               " WHERE application_name = 'flowfabric'";

    assert_true(ff_pg_limit_files(ff_pg_sql_text(pids), bytes) >= 2);
}

static void
put_large(struct ff_bed *bed, uint32_t n, char payload[PAYLOAD_BYTES])
{
    struct ff_exec exec = ff_bed_exec(n);
    struct ff_exec_input input = { 0 };

    for (uint32_t i = 0; i < PAYLOAD_BYTES - 1; i++) {
        payload[i] = (char) (' ' + random() % 90); /* so that it cannot be made smaller */
    }
    input = ff_bed_input(&exec, payload);
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_put(bed, FF_R_EXEC_INPUT, &input);
}

static void
test_a_full_disk_fails_commits_and_no_reads(void **state)
{
    struct ff_bed *bed = *state;
    char *payload = calloc(1, PAYLOAD_BYTES);
    uint32_t n = 0;

    assert_non_null(payload);
    limit_files(FILE_BYTES_MAX);
    do {
        put_large(bed, n, payload);
        assert_true(n++ < 64); /* the limit must bite */
    } while (ff_bed_try_commit(bed, true) == FF_COMMIT_OK);
    assert_int_equal(bed->batch.outcome, FF_COMMIT_FAILED);
    assert_int_equal(bed->batch.fault.code, FF_E_TRANSPORT);
    assert_non_null(strstr(bed->batch.fault.message, "could not extend file"));
    ff_bed_check(bed);
    limit_files(RLIM_INFINITY);
    ff_bed_commit(bed); /* the same again */
    ff_bed_check(bed);
    free(payload);
}

static struct {
    struct ff_bed *bed;
    PGconn *conn; /* holds what the commit waits for */
} slow;

static void
reads_go_on(void)
{
    ff_bed_check(slow.bed);
    assert_false(slow.bed->finished);
    PQclear(PQexec(slow.conn, "COMMIT"));
}

static void
test_reads_go_on_while_a_commit_waits(void **state)
{
    struct ff_bed *bed = *state;
    PGresult *result = NULL;

    put_one(bed, 1);
    ff_bed_commit(bed);
    slow.bed = bed;
    slow.conn = PQconnectdb(bed->url);
    result = PQexec(slow.conn, "BEGIN; LOCK TABLE flowfabric.exec IN EXCLUSIVE MODE");
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    put_one(bed, 2);
    commit_through(bed, reads_go_on);
    PQfinish(slow.conn);
    ff_bed_check(bed);
}

/* ---- other brokers ---- */

static void
load_again(struct ff_load *load)
{
    if (*(bool *) load->ctx) {
        ff_arena_reset(load->arena);
        ff_store_load(((struct ff_bed *) load->wants[0].owner)->store, load);
    }
}

static void
count_news(void *ctx, const struct ff_news *news)
{
    *(uint32_t *) ctx += news != NULL && news->topic.n == 3;
}

static void
wake_nobody(void *ctx)
{
    (void) ctx;
}

/* The connection that reads has its next load as soon as one is answered: no moment is free. */
static void
test_news_are_told_while_loads_follow_each_other(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_exec exec = ff_bed_exec(1);
    struct ff_want want = ff_bed_want(FF_R_EXEC, ff_key_eid(&exec.execution_id));
    struct ff_arena arena = { 0 };
    bool going = true;
    struct ff_load load = {
        .wants = &want, .n = 1, .arena = &arena, .done = load_again, .ctx = &going
    };
    const struct ff_news news = { .topic = { .n = 3, .b = "abc" }, .n = 1 };
    uint32_t heard = 0;
    const struct ff_store_host host = { .wake = wake_nobody, .news = count_news, .ctx = &heard };
    struct ff_store *other = NULL;
    struct ff_fault fault = { 0 };
    int64_t from_ms = ff_mono_ms();

    assert_int_equal(ff_store_open(ff_cstr(bed->url), &host, &other, &fault), FF_E_OK);
    want.owner = bed;
    ff_store_load(bed->store, &load);
    for (uint32_t i = 1; heard == 0 && ff_mono_ms() - from_ms < 10000; i++) {
        put_one(bed, i);
        bed->batch.news = &news;
        bed->batch.n_news = 1;
        ff_bed_commit(bed);
        ff_store_poll(other, false);
    }
    assert_int_not_equal(heard, 0);
    going = false;
    ff_bed_check(bed);
    ff_store_close(other);
    ff_arena_done(&arena);
}

/* ---- for people ---- */

static const char *
promise_with(struct ff_bed *bed, const char *sql)
{
    struct ff_fault fault = { 0 };

    (void) ff_pg_sql_text(sql);
    ff_store_close(bed->store);
    bed->store = NULL;
    assert_int_equal(ff_bed_open(bed, &fault), FF_E_OK);
    return bed->store->ops->promise(bed->store);
}

static void
test_a_weak_server_is_told(void **state)
{
    static const char *const strong[] = { "fsync=on", NULL };
    struct ff_bed *bed = *state;

    assert_non_null(strstr(promise_with(bed, "SELECT 1"), "fsync off"));
    ff_pg_stop(false);
    ff_pg_settings(strong);
    ff_pg_start();
    assert_non_null(strstr(promise_with(bed, "SELECT 1"), FF_PROMISE_ALL));
    assert_null(strstr(promise_with(bed, "ALTER DATABASE flowfabric SET synchronous_commit = off"),
                       FF_PROMISE_ALL));
    (void) ff_pg_sql_text("ALTER DATABASE flowfabric RESET synchronous_commit");
    ff_pg_settings(NULL);
    ff_pg_stop(false);
    ff_pg_start();
}

static void
test_an_analyst_reads_views_and_nothing_else(void **state)
{
    struct ff_bed *bed = *state;

    put_one(bed, 1);
    ff_bed_commit(bed);
    assert_string_equal(ff_pg_sql_text("SET ROLE flowfabric_reader;"
                                       "SELECT lifecycle_phase FROM flowfabric_read.exec"),
                        "runnable");
    assert_string_equal(
        ff_pg_sql_text("SELECT has_schema_privilege('flowfabric_reader', 'flowfabric', 'USAGE')"),
        "f");
    assert_string_equal(ff_pg_sql_text("SELECT count(*) FROM pg_views WHERE viewname = 'keyring'"
                                       " AND schemaname = 'flowfabric_read'"),
                        "0");
    assert_string_equal(ff_pg_sql_text("SELECT obj_description('flowfabric_read.exec'::regclass)"
                                       " IS NOT NULL"),
                        "t");
}

/* ---- events, many to a row ---- */

static void
assert_next_events(struct ff_bed *bed, uint64_t after, uint64_t first, uint32_t n)
{
    struct ff_want want = ff_bed_want_events(FF_FAMILY_COMPLETION, after, n);

    ff_bed_load(bed, &want, 1);
    assert_int_equal(want.n, n);
    for (uint32_t i = 0; i < n; i++) {
        char number[24];

        snprintf(number, sizeof(number), "%llu", (unsigned long long) first + i);
        assert_int_equal(want.seqs[i], first + i);
        assert_true(ff_str_is(want.bodies[i], number));
    }
}

static void
test_a_feed_is_read_and_trimmed_across_rows(void **state)
{
    struct ff_event_trim trim = { FF_FAMILY_COMPLETION, 300 };
    struct ff_want want = ff_bed_want_events(FF_FAMILY_COMPLETION, 0, 1);
    struct ff_bed *bed = *state;
    char body[24];

    for (int i = 1; i <= 600; i++) {
        snprintf(body, sizeof(body), "%d", i);
        ff_bed_event(bed, FF_FAMILY_COMPLETION, body);
    }
    bed->batch.trims = &trim;
    bed->batch.n_trims = 1;
    ff_bed_commit(bed);
    bed->batch.n_trims = 0;
    ff_bed_load(bed, &want, 1);
    assert_int_equal(want.oldest, 301);
    assert_int_equal(want.newest, 600);
    assert_next_events(bed, 0, 301, 5);
    assert_next_events(bed, 510, 511, 4); /* 512 is the last one of a row */
    assert_next_events(bed, 598, 599, 2);
    assert_string_equal(ff_pg_sql_text("SELECT count(*) || ' of ' || min(seq) || ' to ' || max(seq)"
                                       " FROM flowfabric_read.event"),
                        "300 of 301 to 600");
    assert_string_equal(ff_pg_sql_text("SELECT count(*) FROM flowfabric.event_page"), "2");
}

/* As version 1 has left it: a row each in `event`. */
static void
test_events_of_version_1_are_taken_along(void **state)
{
    struct ff_bed *bed = *state;

    (void) ff_pg_sql_text(
        "DROP TYPE flowfabric.exec_made;"
        "DROP TABLE flowfabric.event_page CASCADE;"
        "ALTER TABLE flowfabric.event DROP CONSTRAINT in_event_page;"
        "INSERT INTO flowfabric.event (_family, _version, _raw)"
        " SELECT 1, i, convert_to(i::text, 'UTF8') FROM generate_series(1, 600) i;"
        "UPDATE flowfabric.feed SET newest = 600 WHERE family = 1;"
        "CREATE TYPE flowfabric.exec_made AS (_key bytea, what_has_gone text);"
        "UPDATE flowfabric.info SET value = '1' WHERE name IN ('schema', 'digest')");
    bed->events[FF_FAMILY_COMPLETION] = 600;
    ff_bed_reopen(bed);
    assert_next_events(bed, 0, 1, 3);
    assert_next_events(bed, 254, 255, 4);
    ff_bed_event(bed, FF_FAMILY_COMPLETION, "601");
    ff_bed_commit(bed);
    assert_next_events(bed, 599, 600, 2);
    assert_string_equal(ff_pg_sql_text("SELECT value FROM flowfabric.info WHERE name = 'schema'"),
                        "2");
    /* A broker of that version that still runs would not be heard: it is refused. */
    assert_string_equal(ff_pg_sql_text("SELECT count(*) FROM pg_constraint WHERE convalidated"
                                       " AND conname = 'in_event_page'"),
                        "1");
}

/* ---- refusals ---- */

static ff_err
open_url(const char *url, struct ff_fault *fault)
{
    static const struct ff_store_host host;
    struct ff_store *store = NULL;
    ff_err err = ff_store_open(ff_cstr(url), &host, &store, fault);

    if (err == FF_E_OK) {
        ff_store_close(store);
    }
    return err;
}

static void
refused(const char *url, const char *kind, const char *word)
{
    struct ff_fault fault = { 0 };

    assert_int_equal(open_url(url, &fault), FF_E_TRANSPORT);
    assert_true(ff_str_is(fault.detail[1].v.str, kind));
    assert_non_null(strstr(fault.message, word));
}

static void
test_what_is_wrong_is_said(void **state)
{
    struct ff_bed *bed = *state;
    char url[2 * FF_PG_URL_MAX];
    const char *host = strstr(bed->url, "?host=");

    snprintf(url, sizeof(url), "postgres://flowfabric@/nowhere%s", host);
    refused(url, "other", "database \"nowhere\" does not exist");
    snprintf(url, sizeof(url), "postgres://nobody_we_know@/flowfabric%s", host);
    refused(url, "auth", "nobody_we_know");
    snprintf(url, sizeof(url), "%s/not/there", bed->url);
    refused(url, "transport", "/not/there");
    snprintf(url, sizeof(url), "%s&options=-c%%20default_transaction_read_only%%3Don", bed->url);
    refused(url, "other", "read-only");
}

static void
test_a_newer_schema_is_refused(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_fault fault = { 0 };

    (void) ff_pg_sql_text("UPDATE flowfabric.info SET value = '99' WHERE name = 'schema'");
    assert_int_equal(open_url(bed->url, &fault), FF_E_CORRUPTION);
    (void) ff_pg_sql_text("UPDATE flowfabric.info SET value = '2' WHERE name = 'schema'");
}

/* What a program of before this one has left in a table, and no one uses, goes at the start. */
static void
test_columns_that_have_gone_are_taken_away(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_fault fault = { 0 };

    (void) ff_pg_sql_text("ALTER TABLE flowfabric.edge ADD COLUMN sibling_cancel_owed bool,"
                          " ADD COLUMN _sibling_owed_scope bytea,"
                          " ADD COLUMN _sibling_owed_sort bigint;"
                          "CREATE VIEW flowfabric_read.old AS"
                          " SELECT sibling_cancel_owed FROM flowfabric.edge;"
                          "UPDATE flowfabric.info SET value = 'older' WHERE name = 'digest'");
    assert_int_equal(open_url(bed->url, &fault), FF_E_OK);
    assert_string_equal(ff_pg_sql_text("SELECT count(*) FROM information_schema.columns"
                                       " WHERE column_name LIKE '%sibling%owed%'"),
                        "0");
}

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, test_##name, open_bed, close_bed, NULL                                              \
    }

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_that_comes_back_has_lost_nothing),
        TEST(a_server_that_dies_under_a_commit),
        TEST(a_server_that_is_restarted_under_a_commit),
        TEST(connections_cut_in_the_middle_of_commits),
        TEST(connections_cut_under_two_commits),
        TEST(a_batch_that_was_given_up_is_shut_out),
        TEST(texts_with_zero_bytes_come_back),
        TEST(a_full_disk_fails_commits_and_no_reads),
        TEST(reads_go_on_while_a_commit_waits),
        TEST(news_are_told_while_loads_follow_each_other),
        TEST(a_weak_server_is_told),
        TEST(an_analyst_reads_views_and_nothing_else),
        TEST(a_feed_is_read_and_trimmed_across_rows),
        TEST(events_of_version_1_are_taken_along),
        TEST(what_is_wrong_is_said),
        TEST(a_newer_schema_is_refused),
        TEST(columns_that_have_gone_are_taken_away),
    };

    cmocka_set_test_filter(getenv("FF_TEST"));
    return cmocka_run_group_tests_name("postgres", tests, NULL, NULL);
}
