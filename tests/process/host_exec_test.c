/* What becomes of an execution by what its command does: real commands under a real host. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/process/hosts.h"

/* Tells transient from permanent: the first is delayed for an hour, the second ends. */
#define RETRY                                                                                      \
    "{\"retry_policy\":{\"max_retries\":3,\"backoff\":{\"type\":\"fixed\",\"delay_ms\":3600000}}}"

#define SH(kind, script, more)                                                                     \
    "handler \"" kind "\" { exec = {'/bin/sh', '-c', '" script "'} " more " }\n"

/* clang-format off */
static const char sections[] =
    "worker \"h\" { lease_ttl_ms = 1000\n"
    "handler \"cat\" { exec = {'/bin/cat'} }\n"
    "handler \"args\" { exec = {'/usr/bin/printf', '%s|', 'a b', '', '$FF_DIR'} }\n"
    "handler \"missing\" { exec = {'/nonexistent/program'} }\n"
    "handler \"not a program\" { exec = {'/etc/passwd'} }\n"
    "handler \"fds\" { exec = {'/bin/ls', '/proc/self/fd'} }\n"
    SH("exit", "exit $(cat)", "")
    SH("die", "kill -$(cat) $$", "")
    SH("say", "echo one >&2; echo two >&2; exit 1", "")
    SH("large", "head -c 1000 /dev/zero", "output_bytes_max = 1000")
    SH("too large", "head -c 1001 /dev/zero", "output_bytes_max = 1000")
    SH("endless", "exec yes", "output_bytes_max = 100000 kill_grace_ms = 50")
    SH("slow", "sleep 1000", "timeout_ms = 50")
    SH("stubborn", "trap \"\" TERM; while :; do sleep 1000; done",
       "timeout_ms = 50 kill_grace_ms = 50")
    SH("late but good", "trap \"echo good; exit 0\" TERM; sleep 1000 & wait", "timeout_ms = 1000")
    SH("env", "echo $FF_EXECUTION_KIND $FF_LANE $FF_ATTEMPT_INDEX $FF_ATTEMPT_TYPE $FF_CLAIM_KIND "
              "$FF_WORKER_ID $FF_LEASE_EPOCH $FF_LEASE_TTL_MS $FF_TIMEOUT_MS $FF_STATE_DIR",
       "timeout_ms = 60000")
    SH("dir", "echo x > file; mkdir d; echo y > d/file; test $PWD = $FF_DIR && echo $FF_DIR", "")
    SH("signals", "grep -E \"SigIgn|SigBlk\" /proc/self/status | tr -d \"\\t\\n\"", "")
    SH("leader", "test $$ = $(ps -o pgid= -p $$ | tr -d \" \") && echo yes", "")
    SH("closes", "exec >&-; exec 2>&-; sleep 0.01", "")
    SH("deaf", "exit 0", "")
    "}\n";
/* clang-format on */

static const struct row {
    const char *name;
    const char *kind, *input;
    const char *state;
    const char *result;            /* NULL: none is looked for */
    const char *reason, *category; /* of the attempt, of one that did not complete */
} rows[] = {
    { "stdout is the result", "cat", "some\nbytes", "completed", "some\nbytes", NULL, NULL },
    { "no input is an empty one", "cat", NULL, "completed", "", NULL, NULL },
    { "arguments are not touched", "args", NULL, "completed", "a b||$FF_DIR|", NULL, NULL },
    { "status 0 without output", "exit", "0", "completed", "", NULL, NULL },
    { "status 1 is transient", "exit", "1", "delayed", NULL, "exit status 1", "handler_error" },
    { "EX_TEMPFAIL is transient", "exit", "75", "delayed", NULL, "exit status 75",
      "handler_error" },
    { "EX_DATAERR is permanent", "exit", "65", "failed", NULL, "exit status 65", "handler_error" },
    { "100 is permanent", "exit", "100", "failed", NULL, "exit status 100", "handler_error" },
    { "a crash is one of the infrastructure", "die", "SEGV", "delayed", NULL,
      "handler panicked: killed by signal 11 (SIGSEGV)", "handler_panic" },
    { "SIGTERM from elsewhere is a crash", "die", "TERM", "delayed", NULL,
      "handler panicked: killed by signal 15 (SIGTERM)", "handler_panic" },
    { "the last line that it said is the reason", "say", NULL, "delayed", NULL,
      "exit status 1: two", "handler_error" },
    { "a program that is not there", "missing", NULL, "delayed", NULL,
      "cannot run /nonexistent/program: No such file or directory", "exec_failed" },
    { "a file that is no program", "not a program", NULL, "delayed", NULL,
      "cannot run /etc/passwd: Permission denied", "exec_failed" },
    { "no handler for the kind", "unknown", NULL, "delayed", NULL,
      "this worker has no handler for kind unknown", "runtime_no_handler" },
    { "a result one byte too large", "too large", NULL, "failed", NULL,
      "the result is larger than the 1000 bytes that it may have", "output_too_large" },
    { "a command that prints without end", "endless", NULL, "failed", NULL,
      "the result is larger than the 100000 bytes that it may have", "output_too_large" },
    { "a command that takes too long", "slow", NULL, "delayed", NULL,
      "the handler ran for longer than 50 ms", "timeout" },
    { "a command that ignores SIGTERM", "stubborn", NULL, "delayed", NULL,
      "the handler ran for longer than 50 ms", "timeout" },
    { "a command that still makes it", "late but good", NULL, "completed", "good\n", NULL, NULL },
    { "the environment", "env", NULL, "completed", "env default 0 initial fresh h 1 1000 60000\n",
      NULL, NULL },
    { "descriptors 0 to 2, and that of the directory", "fds", NULL, "completed", "0\n1\n2\n3\n",
      NULL, NULL },
    { "signals are as they are for everybody", "signals", NULL, "completed",
      "SigBlk:0000000000000000SigIgn:0000000000000000", NULL, NULL },
    { "a process group of its own", "leader", NULL, "completed", "yes\n", NULL, NULL },
    { "standard output closed early", "closes", NULL, "completed", "", NULL, NULL },
};

static struct ff_hosts *common;

static void
test_row(void **state)
{
    const struct row *row = *state;
    struct ff_eid id = ff_hosts_submit(common, row->kind, row->input, RETRY);
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_attempt_view *attempt = NULL;

    assert_string_equal(ff_hosts_await_end(common, id), row->state);
    attempt = ff_hosts_attempt(common, id, 0, &answer);
    if (row->result != NULL) {
        ff_hosts_expect_result(common, id, row->result);
        return;
    }
    if (!ff_str_is(attempt->failure_reason, row->reason)) {
        fail_msg("reason is \"%.*s\"", (int) attempt->failure_reason.n, attempt->failure_reason.p);
    }
    if (!ff_str_is(attempt->failure_category, row->category)) {
        fail_msg("category is \"%.*s\"", (int) attempt->failure_category.n,
                 attempt->failure_category.p);
    }
}

static void
test_all_bytes_pass(void **state)
{
    struct ff_create_execution_args args = ff_test_create_args(ff_test_eid(), ff_cstr(NULL));
    struct ff_get_execution_result_args get = { .execution_id = args.execution_id };
    struct ff_create_execution_result created = { 0 };
    struct ff_get_execution_result_result got = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    static char bytes[1048576];

    (void) state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char) (i * 7 + i / 251);
    }
    args.execution_kind = ff_cstr("cat");
    args.input_payload = ff_str(bytes, sizeof(bytes)); /* the default limit of a result exactly */
    assert_int_equal(ff_client_create_execution(common->client, &args, &created, &answer), FF_E_OK);
    assert_string_equal(ff_hosts_await_end(common, args.execution_id), "completed");
    assert_int_equal(ff_client_get_execution_result(common->client, &get, &got, &answer), FF_E_OK);
    assert_int_equal(got.result.n, sizeof(bytes));
    assert_memory_equal(got.result.p, bytes, sizeof(bytes));
}

static void
test_result_of_the_largest_size(void **state)
{
    struct ff_eid id = ff_hosts_submit(common, "large", NULL, NULL);
    struct ff_get_execution_result_args get = { .execution_id = id };
    struct ff_get_execution_result_result got = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    (void) state;
    assert_string_equal(ff_hosts_await_end(common, id), "completed");
    assert_int_equal(ff_client_get_execution_result(common->client, &get, &got, &answer), FF_E_OK);
    assert_int_equal(got.result.n, 1000);
}

/* The directory is gone before the result is there. */
static void
test_directory_is_removed(void **state)
{
    struct ff_eid id = ff_hosts_submit(common, "dir", NULL, NULL);
    struct ff_get_execution_result_args get = { .execution_id = id };
    struct ff_get_execution_result_result got = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    char path[512];

    (void) state;
    assert_string_equal(ff_hosts_await_end(common, id), "completed");
    assert_int_equal(ff_client_get_execution_result(common->client, &get, &got, &answer), FF_E_OK);
    snprintf(path, sizeof(path), "%.*s", (int) got.result.n - 1, got.result.p);
    assert_int_equal(memcmp(path, common->broker.dir, strlen(common->broker.dir)), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(errno, ENOENT);
}

static void
test_what_a_command_says_is_logged(void **state)
{
    struct ff_eid id = ff_hosts_submit(common, "say", NULL, NULL);

    (void) state;
    assert_string_equal(ff_hosts_await_end(common, id), "failed");
    assert_non_null(strstr(ff_daemon_log(&common->broker), "event=handler_says"));
    assert_non_null(strstr(ff_daemon_log(&common->broker), "attempt=0 one\""));
}

/* A command need not read its input. */
static void
test_unread_input(void **state)
{
    static char text[300001];
    struct ff_eid id = { 0 };

    (void) state;
    memset(text, 'x', sizeof(text) - 1);
    id = ff_hosts_submit(common, "deaf", text, NULL);
    assert_string_equal(ff_hosts_await_end(common, id), "completed");
    ff_hosts_expect_result(common, id, "");
}

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };
    const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_all_bytes_pass),
        cmocka_unit_test(test_result_of_the_largest_size),
        cmocka_unit_test(test_directory_is_removed),
        cmocka_unit_test(test_what_a_command_says_is_logged),
        cmocka_unit_test(test_unread_input),
    };
    void *state = NULL;
    int failed = 0;

    ff_hosts_setup(&state);
    common = state;
    ff_hosts_start(common, sections);
    ff_hosts_start_one(common, 0, "h");
    failed = ff_run_rows("host exec", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
    ff_daemon_stop(&common->host[0]);
    ff_hosts_teardown(&state);
    return failed;
}
