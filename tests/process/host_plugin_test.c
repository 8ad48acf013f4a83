/* Plugins under a real host: test_plugin.c does what its input says. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "tests/process/hosts.h"

#define RETRY "{\"retry_policy\":{\"backoff\":{\"type\":\"fixed\",\"delay_ms\":3600000}}}"

static const char sections[] = "worker \"p\" { lease_ttl_ms = 1000  slots = 4\n"
                               "handler \"k\" { plugin = '" FF_TEST_PLUGIN "'\n"
                               " timeout_ms = 200  kill_grace_ms = 100  output_bytes_max = 100 }\n"
                               "}\n"
                               "worker \"wrong\" { handler \"k\" { plugin = '/etc/passwd' } }\n";

static const struct row {
    const char *name;
    const char *input;
    const char *state;
    const char *result;            /* NULL: none is looked for */
    const char *reason, *category; /* of one that did not complete */
} rows[] = {
    { "input and result are bytes", "some bytes", "completed", "some bytes", NULL, NULL },
    { "what it is told", "describe", "completed", "k default 0 = 200 100", NULL, NULL },
    { "a permanent failure, not in UTF-8", "permanent", "failed", NULL, "it is ? no good",
      "no_good" },
    { "a transient failure", "transient", "delayed", NULL, "not now", "transient" },
    { "a result too large", "large", "failed", NULL,
      "the result is larger than the 100 bytes that it may have", "output_too_large" },
    { "one that stops when its time is over", "obedient", "delayed", NULL,
      "the handler ran for longer than 200 ms", "timeout" },
    { "one that does not", "stuck", "delayed", NULL, "the handler ran for longer than 200 ms",
      "timeout" },
};

static struct ff_hosts *common;

static void
test_row(void **state)
{
    const struct row *row = *state;
    struct ff_eid id = ff_hosts_submit(common, "k", row->input, RETRY);
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_attempt_view *attempt = NULL;

    assert_string_equal(ff_hosts_await_end(common, id), row->state);
    if (row->result != NULL) {
        ff_hosts_expect_result(common, id, row->result);
        return;
    }
    attempt = ff_hosts_attempt(common, id, 0, &answer);
    assert_true(ff_str_is(attempt->failure_reason, row->reason));
    assert_true(ff_str_is(attempt->failure_category, row->category));
}

/* Sends `go` there, with a payload. */
static void
send_go(struct ff_eid id, const struct ff_pending_waitpoint *waitpoint, const char *payload)
{
    struct ff_read_waitpoint_token_args ask = { .waitpoint_id = waitpoint->waitpoint_id };
    struct ff_read_waitpoint_token_result token = { 0 };
    struct ff_deliver_signal_args args = {
        .execution_id = id,
        .waitpoint_id = waitpoint->waitpoint_id,
        .signal_name = ff_cstr("go"),
        .signal_category = ff_cstr(""),
        .source_type = ff_cstr("user"),
        .source_identity = waitpoint->waitpoint_key,
        .payload = ff_cstr(payload),
        .payload_encoding = ff_cstr("text"),
    };
    struct ff_deliver_signal_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) of_token = { 0 };
    char partition[16];

    snprintf(partition, sizeof(partition), "{fp:%u}", id.partition);
    ask.partition = ff_cstr(partition);
    assert_int_equal(ff_client_read_waitpoint_token(common->client, &ask, &token, &of_token),
                     FF_E_OK);
    args.waitpoint_token = token.token;
    assert_int_equal(ff_client_deliver_signal(common->client, &args, &result, &answer), FF_E_OK);
}

static void
test_waiting(void **state)
{
    struct ff_eid id = ff_hosts_submit(common, "k", "await", NULL);
    const struct ff_list_pending_waitpoints_args args = { .execution_id = id, .limit = 10 };
    struct ff_list_pending_waitpoints_result open = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    uint32_t sent = 0;

    (void) state;
    ff_hosts_await(common, id, "suspended");
    assert_int_equal(ff_client_list_pending_waitpoints(common->client, &args, &open, &answer),
                     FF_E_OK);
    assert_int_equal(open.entries.n, 3);
    for (const char *key = "ca"; *key != '\0'; key++) {
        for (uint32_t i = 0; i < open.entries.n; i++) {
            if (open.entries.v[i].waitpoint_key.p[0] == *key) {
                send_go(id, &open.entries.v[i], *key == 'c' ? "1" : "2");
                sent++;
            }
        }
    }
    assert_int_equal(sent, 2);
    ff_hosts_await(common, id, "completed");
    ff_hosts_expect_result(common, id, "go:c:1 go:a:2 ");
    assert_int_equal(ff_hosts_attempts(common, id), 1); /* the same attempt goes on */
}

static void
test_without_outcome_it_completes_without_result(void **state)
{
    struct ff_eid id = ff_hosts_submit(common, "k", "nothing", NULL);
    struct ff_get_execution_result_args args = { .execution_id = id };
    struct ff_get_execution_result_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    (void) state;
    assert_string_equal(ff_hosts_await_end(common, id), "completed");
    assert_int_equal(ff_client_get_execution_result(common->client, &args, &result, &answer),
                     FF_E_OK);
    assert_null(result.result.p);
}

static void
test_what_it_says_is_logged(void **state)
{
    struct ff_eid id = ff_hosts_submit(common, "k", "permanent", NULL);

    (void) state;
    assert_string_equal(ff_hosts_await_end(common, id), "failed");
    assert_non_null(strstr(ff_daemon_log(&common->broker), "this will not do"));
}

/* More than the slots, so that all threads are used; the stuck ones give their slots back. */
static void
test_slots_come_back(void **state)
{
    struct ff_eid stuck[6], good[40];

    (void) state;
    for (int i = 0; i < 6; i++) {
        stuck[i] = ff_hosts_submit(common, "k", "stuck", NULL);
    }
    for (int i = 0; i < 40; i++) {
        good[i] = ff_hosts_submit(common, "k", "good", NULL);
    }
    for (int i = 0; i < 6; i++) {
        assert_string_equal(ff_hosts_await_end(common, stuck[i]), "failed");
    }
    for (int i = 0; i < 40; i++) {
        assert_string_equal(ff_hosts_await_end(common, good[i]), "completed");
    }
}

/* A crash takes the host; what it ran is done by the next one. Last: it ends the common host. */
static void
test_crash_takes_only_the_host(void **state)
{
    struct ff_eid id = ff_hosts_submit(common, "k", "crash", NULL);
    int status = ff_daemon_wait(&common->host[0]);

    (void) state;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    ff_hosts_start_one(common, 0, "p");
    ff_hosts_await(common, id, "completed");
    ff_hosts_expect_result(common, id, "crash");
    assert_int_equal(ff_hosts_attempts(common, id), 2);
}

static void
test_wrong_plugin_is_not_started_again(void **state)
{
    int status = 0;

    (void) state;
    common->host[1].name = "wrong";
    ff_daemon_spawn(&common->host[1], NULL);
    assert_false(ff_daemon_await_ready(&common->host[1]));
    status = ff_daemon_wait(&common->host[1]);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 100);
    assert_non_null(strstr(ff_daemon_log(&common->broker), "event=plugin_refused"));
}

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };
    const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_without_outcome_it_completes_without_result),
        cmocka_unit_test(test_what_it_says_is_logged),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_slots_come_back),
        cmocka_unit_test(test_wrong_plugin_is_not_started_again),
        cmocka_unit_test(test_crash_takes_only_the_host),
    };
    void *state = NULL;
    int failed = 0;

    ff_hosts_setup(&state);
    common = state;
    ff_hosts_start(common, sections);
    ff_hosts_start_one(common, 0, "p");
    failed = ff_run_rows("host plugin", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
    ff_daemon_stop(&common->host[0]);
    ff_hosts_teardown(&state);
    return failed;
}
