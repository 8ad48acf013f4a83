/* Output and events on a real daemon: what commands say, ffctl logs and events, feeds that go on
 * over a kill of the broker. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/id.h"
#include "tests/process/ffctl.h"
#include "tests/process/hosts.h"
#include "workers/feed.h"

/* clang-format off */
static const char sections[] =
    "worker \"h\" {\n"
    "handler \"say\" { exec = {'/bin/sh', '-c', 'echo one >&2; echo two >&2; echo result'} }\n"
    "handler \"wait\" { exec = {'/bin/sh', '-c',"
                            " 'echo begun >&2; echo x > @/said; read x < @/go; echo ended >&2'} }\n"
    "}\n";
/* clang-format on */

static const char *
line_for(const char *command, struct ff_eid id, const char *more)
{
    static char line[256];
    char text[FF_EID_TEXT_MAX];

    ff_eid_text(&id, text);
    snprintf(line, sizeof(line), "%s '%s'%s", command, text, more);
    return line;
}

static void
test_what_a_command_says(void **state)
{
    struct ff_hosts *hosts = *state;
    struct ff_eid id;

    ff_hosts_start(hosts, sections);
    ff_hosts_start_one(hosts, 0, "h");
    id = ff_hosts_submit(hosts, "say", NULL, NULL);
    assert_string_equal(ff_hosts_await_end(hosts, id), "completed");
    ff_hosts_expect_result(hosts, id, "result\n");
    assert_string_equal(ffctl(&hosts->broker, line_for("logs", id, "")), "one\ntwo\n[0]");
    assert_string_equal(ffctl(&hosts->broker, line_for("logs", id, " -f")), "one\ntwo\n[0]");
    assert_says(ffctl(&hosts->broker, line_for("--json logs", id, "")),
                "\"frame_type\":\"stderr\"");
    assert_says(ffctl(&hosts->broker, line_for("logs", id, " -a 7")), "[1]");
    assert_says(ffctl(&hosts->broker, line_for("logs", ff_test_eid(), "")), "[1]");
    assert_says(ffctl(&hosts->broker, "logs x"), "[2]");
    assert_says(ffctl(&hosts->broker, "events completion"), " success outcome=success");
    assert_says(ffctl(&hosts->broker, "events lease_history"), " acquired ");
    assert_says(ffctl(&hosts->broker, "--json events completion -m 1"), "\"event\":\"success\"");
    assert_string_equal(ffctl(&hosts->broker, "events completion -n elsewhere"), "[0]");
    assert_says(ffctl(&hosts->broker, "events nothing"), "[2]");
    assert_says(ffctl(&hosts->broker, "events completion -c AAAA"), "[1]");
}

static FILE *
follow(const struct ff_hosts *hosts, const char *args)
{
    char line[512];
    FILE *pipe = NULL;

    snprintf(line, sizeof(line), "%s --socket %s/run %s", FF_TEST_FFCTL, hosts->broker.dir, args);
    pipe = popen(line, "r");
    assert_non_null(pipe);
    return pipe;
}

static const char *
next_line(FILE *pipe)
{
    static char line[1024];

    assert_non_null(fgets(line, sizeof(line), pipe));
    return line;
}

static void
test_following(void **state)
{
    struct ff_hosts *hosts = *state;
    FILE *logs = NULL, *go = NULL;
    char path[128];
    struct ff_eid id;

    snprintf(path, sizeof(path), "%s/go", hosts->broker.dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    ff_hosts_start(hosts, sections);
    ff_hosts_start_one(hosts, 0, "h");
    id = ff_hosts_submit(hosts, "wait", NULL, NULL);
    assert_string_equal(ff_hosts_hear(hosts), "x");
    logs = follow(hosts, line_for("logs -f", id, ""));
    assert_string_equal(next_line(logs), "begun\n");
    go = fopen(path, "w");
    assert_non_null(go);
    fputs("go\n", go);
    fclose(go);
    assert_string_equal(next_line(logs), "ended\n");
    assert_null(fgets(path, sizeof(path), logs)); /* it ends with the execution */
    assert_int_equal(pclose(logs), 0);
    unlink(path);
}

static void
expect_completion(struct ff_feed *feed, struct ff_eid id)
{
    const struct ff_feed_event *event = NULL;
    FF_SCOPED(ff_answer) answer = { 0 };

    while (event == NULL) {
        assert_int_equal(ff_feed_next(feed, 30000, &event, &answer), FF_E_OK);
    }
    assert_true(ff_eid_eq(event->execution_id.v, id));
}

/* 06 ex 50: an iterator that is to end with its connection does, and its cursor loses nothing. */
static void
expect_the_end(struct ff_feed *feed, char cursor[10])
{
    const struct ff_feed_event *event = NULL;
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_feed_next(feed, 30000, &event, &answer), FF_E_STREAM_DISCONNECTED);
    assert_null(event);
    memcpy(cursor, ff_feed_cursor(feed).p, 10);
    ff_feed_close(feed);
}

static void
test_a_feed_goes_on_over_a_kill(void **state)
{
    struct ff_hosts *hosts = *state;
    const struct ff_feed_options options = { .family = FF_FAMILY_COMPLETION };
    struct ff_feed_options again = options, once = { .family = FF_FAMILY_COMPLETION, .once = true };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_feed *feed = NULL, *second = NULL, *third = NULL;
    struct ff_client *other = NULL;
    char cursor[10];
    struct ff_eid ids[4];

    ff_hosts_start(hosts, sections);
    ff_hosts_start_one(hosts, 0, "h");
    assert_int_equal(ff_feed_open(hosts->client, &options, &feed, &answer), FF_E_OK);
    ids[0] = ff_hosts_submit(hosts, "say", NULL, NULL);
    expect_completion(feed, ids[0]);
    again.cursor = ff_feed_cursor(feed);
    assert_int_equal(ff_feed_open(hosts->client, &again, &second, &answer), FF_E_OK);
    ids[1] = ff_hosts_submit(hosts, "say", NULL, NULL);
    assert_string_equal(ff_hosts_await_end(hosts, ids[1]), "completed");
    once.cursor = again.cursor;
    other = ff_test_client(hosts->broker.worker, NULL);
    assert_int_equal(ff_feed_open(other, &once, &third, &answer), FF_E_OK);
    expect_completion(third, ids[1]);
    ff_daemon_kill(&hosts->broker);
    expect_the_end(third, cursor);
    ff_client_close(other);
    ff_daemon_start(&hosts->broker, NULL);
    expect_completion(feed, ids[1]); /* so its client has found the daemon again */
    expect_completion(second, ids[1]);
    once.cursor = ff_str(cursor, sizeof(cursor));
    other = ff_test_client(hosts->broker.worker, NULL);
    assert_int_equal(ff_feed_open(other, &once, &third, &answer), FF_E_OK);
    ids[2] = ff_hosts_submit(hosts, "say", NULL, NULL);
    expect_completion(feed, ids[2]);
    expect_completion(second, ids[2]);
    expect_completion(third, ids[2]);
    ff_feed_close(third);
    ff_client_close(other);
    ff_feed_close(feed);
    ff_feed_close(second);
    again.cursor = ff_cstr("nonsense");
    assert_int_equal(ff_feed_open(hosts->client, &again, &feed, &answer), FF_E_INVALID_INPUT);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_a_command_says, ff_hosts_setup,
                                        ff_hosts_teardown),
        cmocka_unit_test_setup_teardown(test_following, ff_hosts_setup, ff_hosts_teardown),
        cmocka_unit_test_setup_teardown(test_a_feed_goes_on_over_a_kill, ff_hosts_setup,
                                        ff_hosts_teardown),
    };

    return ff_run_rows("output", NULL, 0, tests, FF_COUNT(tests));
}
