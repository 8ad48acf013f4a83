/* full_test.c: the disk is full: calls fail so that they may be repeated, nothing acknowledged is
 * lost, reads go on, and with room again the same broker works again.
 *
 * RLIMIT_FSIZE plays the full disk: writing beyond it fails, and is a SIGXFSZ to those who do not
 * ignore that.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "core/id.h"
#include "tests/process/calls.h"
#include "tests/process/daemon.h"

#define ROOM_BYTES (2u << 20)
#define PAYLOAD_BYTES 16384
#define EXECUTIONS_MAX 4096

struct filling {
    struct ff_daemon *daemon;
    struct ff_client *client;
    char *payload;
    struct ff_eid *ids; /* acknowledged */
    uint32_t n;
    struct ff_eid failed; /* the first that was not */
};

static ff_err
create(struct filling *filling, struct ff_eid id, bool *retryable, const char **outcome)
{
    struct ff_create_execution_args args =
        ff_test_create_args(id, ff_str(filling->payload, PAYLOAD_BYTES));
    static char word[64];
    struct ff_create_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    ff_err err = ff_client_create_execution(filling->client, &args, &result, &answer);

    *retryable = answer.fault.retryable;
    snprintf(word, sizeof(word), "%s", err == FF_E_OK ? result.outcome : ff_error_info(err)->code);
    *outcome = word; /* until the next; the answer's own goes with it */
    return err;
}

static void
set_up(struct filling *filling, void **state)
{
    *filling = (struct filling){ .daemon = *state };
    filling->payload = malloc(PAYLOAD_BYTES);
    filling->ids = calloc(EXECUTIONS_MAX, sizeof(*filling->ids));
    assert_true(filling->payload != NULL && filling->ids != NULL);
    memset(filling->payload, 'x', PAYLOAD_BYTES);
    filling->daemon->fsize_max = ROOM_BYTES;
    ff_daemon_start(filling->daemon, "log_level = info");
    filling->client = ff_test_client(filling->daemon->worker, NULL);
}

static void
tear_down(struct filling *filling)
{
    ff_client_close(filling->client);
    free(filling->payload);
    free(filling->ids);
}

/* Creates until one is refused for want of room. */
static void
fill(struct filling *filling)
{
    const char *outcome = NULL;
    bool retryable = false;
    struct ff_eid id = ff_test_eid();

    while (create(filling, id, &retryable, &outcome) == FF_E_OK) {
        assert_string_equal(outcome, "created");
        filling->ids[filling->n++] = id;
        assert_true(filling->n < EXECUTIONS_MAX); /* the limit must bite */
        id = ff_test_eid();
    }
    assert_string_equal(outcome, "transport");
    assert_true(retryable);
    filling->failed = id;
}

static void
check_kept(struct filling *filling)
{
    assert_true(filling->n > 0);
    for (uint32_t i = 0; i < filling->n; i++) {
        assert_string_equal(ff_test_state(filling->client, filling->ids[i]), "waiting");
    }
}

static void
give_room(struct filling *filling)
{
    struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

    assert_int_equal(prlimit(filling->daemon->pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void
test_reads_go_on_while_the_disk_is_full(void **state)
{
    struct filling filling;

    set_up(&filling, state);
    fill(&filling);
    ff_test_ping(filling.client);
    check_kept(&filling);
    /* What failed left nothing behind, neither in memory nor in the file. */
    assert_string_equal(ff_test_state(filling.client, filling.failed), "");
    tear_down(&filling);
    ff_daemon_stop(filling.daemon);
}

static void
test_it_fails_again_and_again_and_stays_up(void **state)
{
    struct filling filling;
    const char *outcome = NULL;
    bool retryable = false;

    set_up(&filling, state);
    fill(&filling);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(create(&filling, filling.failed, &retryable, &outcome), FF_E_TRANSPORT);
        assert_true(retryable);
    }
    check_kept(&filling);
    tear_down(&filling);
    ff_daemon_stop(filling.daemon);
}

/* An operator reads it in the log: once that the disk is full, and once that it is well again. */
static void
check_log(struct ff_daemon *daemon)
{
    const char *failed = NULL, *log = ff_daemon_log(daemon);

    failed = strstr(log, "event=store_fails");
    assert_non_null(failed);
    assert_non_null(strstr(failed, "sqlite: disk "));
    assert_null(strstr(failed + 1, "event=store_fails"));
    assert_non_null(strstr(failed, "event=store_is_well"));
}

static void
test_with_room_again_it_works_without_a_restart(void **state)
{
    struct filling filling;
    const char *outcome = NULL;
    bool retryable = false;
    pid_t pid = 0;

    set_up(&filling, state);
    pid = filling.daemon->pid;
    fill(&filling);
    give_room(&filling);
    assert_int_equal(create(&filling, filling.failed, &retryable, &outcome), FF_E_OK);
    assert_string_equal(outcome, "created");
    filling.ids[filling.n++] = filling.failed;
    for (int i = 0; i < 100; i++) {
        filling.ids[filling.n++] = ff_test_create(filling.client);
    }
    check_kept(&filling);
    assert_int_equal(filling.daemon->pid, pid);
    check_log(filling.daemon);
    tear_down(&filling);
    ff_daemon_stop(filling.daemon);
}

static void
test_nothing_acknowledged_is_lost_by_a_crash_on_a_full_disk(void **state)
{
    struct filling filling;

    set_up(&filling, state);
    fill(&filling);
    ff_daemon_kill(filling.daemon);
    filling.daemon->fsize_max = 0;
    ff_daemon_start(filling.daemon, NULL);
    check_kept(&filling);
    ff_test_create(filling.client);
    tear_down(&filling);
    ff_daemon_stop(filling.daemon);
}

/* A claim that could not be stored has not been made: the next one gets the same execution. */
static void
test_a_claim_that_was_not_stored_holds_nothing(void **state)
{
    struct filling filling;
    struct ff_claim_args args = ff_test_claim_args("w1", 60000, 0);
    struct ff_claim_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    ff_err err = FF_E_OK;
    uint32_t claimed = 0;

    set_up(&filling, state);
    fill(&filling);
    while (err == FF_E_OK) { /* small commits still find room, but not for ever */
        err = ff_client_claim(filling.client, &args, &result, &answer);
        claimed += err == FF_E_OK && strcmp(result.outcome, "claimed") == 0;
        assert_true(err != FF_E_OK || strcmp(result.outcome, "claimed") == 0);
    }
    assert_int_equal(err, FF_E_TRANSPORT);
    assert_true(claimed < filling.n);
    give_room(&filling);
    result = ff_test_claim(filling.client, &args, &answer);
    assert_true(ff_eid_eq(result.execution_id.v, filling.ids[claimed]));
    assert_int_equal(result.lease_epoch.v, 1);
    tear_down(&filling);
    ff_daemon_stop(filling.daemon);
}

#define FULL_TEST(test) cmocka_unit_test_setup_teardown(test, ff_daemon_setup, ff_daemon_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FULL_TEST(test_reads_go_on_while_the_disk_is_full),
        FULL_TEST(test_it_fails_again_and_again_and_stays_up),
        FULL_TEST(test_with_room_again_it_works_without_a_restart),
        FULL_TEST(test_nothing_acknowledged_is_lost_by_a_crash_on_a_full_disk),
        FULL_TEST(test_a_claim_that_was_not_stored_holds_nothing),
    };

    return ff_run_rows("full", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
