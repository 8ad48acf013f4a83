/* tree_test.c: the daemon as a whole: start, operations of 00 §6, failures of its processes, end.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/id.h"
#include "tests/process/calls.h"
#include "tests/process/tree.h"

/* ---- operations as a test makes them ---- */

#define DEFINE_ACT(op)                                                                             \
    static ff_err op(struct ff_client *control, const char *name)                                  \
    {                                                                                              \
        const struct ff_##op##_args args = { .name = ff_cstr(name) };                              \
        struct ff_##op##_result result = { 0 };                                                    \
        FF_SCOPED(ff_answer) answer = { 0 };                                                       \
                                                                                                   \
        return ff_client_##op(control, &args, &result, &answer);                                   \
    }

DEFINE_ACT(restart_child)
DEFINE_ACT(stop_child)
DEFINE_ACT(start_child)

static ff_err
shut_down(struct ff_client *control, uint64_t grace_ms)
{
    const struct ff_shutdown_args args = { .grace_ms = grace_ms };
    struct ff_shutdown_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    return ff_client_shutdown(control, &args, &result, &answer);
}

/* ---- start and end ---- */

static void
test_all_of_it_starts_and_ends_in_order(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL;
    struct ff_tree_view view;
    const char *log = NULL, *lease = NULL, *broker = NULL, *last = NULL;

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    ff_tree_look(control, &view);
    assert_true(view.n >= 2);
    for (uint32_t i = 0; i < view.n; i++) {
        assert_int_equal(view.v[i].state, FF_CHILD_READY);
        assert_int_equal(view.v[i].restarts, 0);
        for (uint32_t k = 0; k < i; k++) {
            assert_string_not_equal(view.v[i].name, view.v[k].name);
        }
    }
    ff_client_close(control);
    ff_daemon_stop(daemon);
    ff_tree_await_gone(&view);
    log = ff_daemon_log(daemon);
    lease = strstr(log, "event=child_stopped child=lease how=\"exit 0\"");
    broker = strstr(log, "event=child_stopped child=broker how=\"exit 0\"");
    last = strstr(log, "event=child_stopped child=control how=\"exit 0\"");
    assert_true(lease != NULL && broker != NULL && last != NULL && lease < broker && broker < last);
}

static void
test_shutdown_is_answered_before_the_end(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL;
    int status = 0;

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    assert_int_equal(shut_down(control, 1000), FF_E_OK);
    status = ff_daemon_wait(daemon);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ff_client_close(control);
}

static void
test_a_second_signal_ends_it_at_once(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL, *client = NULL;
    struct ff_tree_view view;
    int status = 0;

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    client = ff_test_client(daemon->worker, NULL);
    ff_tree_look(control, &view);
    /* A broker that cannot end keeps the supervisor waiting, until the second signal. */
    assert_int_equal(kill(ff_tree_entry(control, "broker").pid, SIGSTOP), 0);
    ff_daemon_signal(daemon, SIGTERM);
    while (strstr(ff_daemon_log(daemon), "event=stopping") == NULL) {
    }
    ff_daemon_signal(daemon, SIGINT);
    status = ff_daemon_wait(daemon);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 130);
    for (uint32_t i = 0; i < view.n; i++) { /* those that were kept from noticing */
        kill(view.v[i].pid, SIGCONT);
    }
    ff_tree_await_gone(&view);
    ff_client_close(client);
    ff_client_close(control);
}

static void
test_a_killed_supervisor_takes_all_with_it(void **state)
{
    struct ff_daemon *daemon = *state;

    for (int i = 0; i < 5; i++) {
        struct ff_client *control = NULL;
        struct ff_tree_view view;

        ff_daemon_start(daemon, NULL); /* at once: it waits for what is left of the last one */
        control = ff_test_control(daemon);
        ff_tree_look(control, &view);
        ff_daemon_kill(daemon);
        ff_client_close(control);
        if (i % 2 == 0) {
            ff_tree_await_gone(&view);
        }
    }
    ff_daemon_start(daemon, NULL);
    ff_daemon_stop(daemon);
}

static void
test_a_second_daemon_is_refused(void **state)
{
    struct ff_daemon *daemon = *state, second = *daemon;
    char pid[32];

    ff_daemon_start(daemon, NULL);
    second.log = NULL;
    second.pid = 0;
    snprintf(pid, sizeof(pid), "process %d, has this", (int) daemon->pid);
    ff_daemon_expect_refusal(&second, NULL, pid);
    free(second.log);
    ff_daemon_stop(daemon);
}

static void
test_a_store_of_other_partitions_is_no_start(void **state) /* 08 ex 15 */
{
    struct ff_daemon *daemon = *state;

    ff_daemon_start(daemon, "flow_partitions = 16");
    ff_daemon_stop(daemon);
    ff_daemon_expect_refusal(daemon, "flow_partitions = 32", "partition_mismatch");
    ff_daemon_start(daemon, "flow_partitions = 16");
    ff_daemon_stop(daemon);
}

static void
test_a_service_manager_is_told(void **state)
{
    struct ff_daemon *daemon = *state;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char text[256], all[4096] = "";
    ssize_t n = 0;

    snprintf(address.sun_path, sizeof(address.sun_path), "%.64s/notify", daemon->dir);
    assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
    ff_daemon_start(daemon, NULL);
    ff_daemon_stop(daemon);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    while ((n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT)) > 0) {
        text[n] = '\0';
        strncat(all, text, sizeof(all) - strlen(all) - 2);
        strcat(all, "\n");
    }
    close(fd);
    assert_non_null(strstr(all, "READY=1\n"));
    assert_non_null(strstr(strstr(all, "READY=1\n"), "STOPPING=1\n"));
    assert_non_null(strstr(all, "STATUS=running: "));
}

/* ---- operations ---- */

static void
test_children_are_stopped_started_and_restarted(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL, *client = NULL;
    pid_t pid = 0;

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    client = ff_test_client(daemon->worker, NULL);
    ff_test_create(client);
    pid = ff_tree_entry(control, "broker").pid;
    assert_int_equal(restart_child(control, "broker"), FF_E_OK);
    pid = ff_tree_await(control, "broker", FF_CHILD_READY, pid).pid;
    assert_int_equal(stop_child(control, "broker"), FF_E_OK);
    assert_int_equal(ff_tree_await(control, "broker", FF_CHILD_STOPPED, -1).pid, 0);
    assert_int_equal(stop_child(control, "broker"), FF_E_OK); /* it is so already */
    assert_int_equal(start_child(control, "broker"), FF_E_OK);
    ff_tree_await(control, "broker", FF_CHILD_READY, pid);
    assert_int_equal(start_child(control, "broker"), FF_E_OK);
    ff_test_create(client); /* it finds the new one by itself */
    assert_int_equal(restart_child(control, "nobody"), FF_E_CHILD_NOT_FOUND);
    assert_int_equal(stop_child(control, "control"), FF_E_INVALID_INPUT);
    pid = ff_tree_entry(control, "control").pid;
    assert_int_equal(restart_child(control, "control"), FF_E_OK);
    ff_tree_await(control, "control", FF_CHILD_READY, pid);
    ff_client_close(client);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

static void
test_status_tells_of_store_and_lanes(void **state)
{
    struct ff_daemon *daemon = *state;
    const struct ff_status_args none = { 0 };
    struct ff_status_result status = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_client *control = NULL;

    ff_daemon_start(daemon, "lanes = \"gpu,cpu\"");
    control = ff_test_control(daemon);
    assert_int_equal(ff_client_status(control, &none, &status, &answer), FF_E_OK);
    assert_true(ff_str_is(status.state, "running"));
    assert_int_equal(status.children_ready, status.children_total);
    assert_int_equal(strncmp(status.store.p, "sqlite:", 7), 0);
    assert_int_equal(status.lanes.n, 2);
    assert_true(ff_str_is(status.lanes.v[0].key, "cpu"));
    assert_true(ff_str_is(status.lanes.v[0].value, "active"));
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

static void
test_lanes_are_paused_and_resumed_through_the_broker(void **state)
{
    struct ff_daemon *daemon = *state;
    const struct ff_pause_lane_args pause = { .lane_id = ff_cstr("default") };
    const struct ff_resume_lane_args resume = { .lane_id = ff_cstr("default") };
    const struct ff_drain_lane_args drain = { .lane_id = ff_cstr("default") };
    struct ff_pause_lane_result paused = { 0 };
    struct ff_resume_lane_result resumed = { 0 };
    struct ff_drain_lane_result drained = { 0 };
    FF_SCOPED(ff_answer) first = { 0 };
    FF_SCOPED(ff_answer) second = { 0 };
    FF_SCOPED(ff_answer) third = { 0 };
    struct ff_client *control = NULL;

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    assert_int_equal(ff_client_pause_lane(control, &pause, &paused, &first), FF_E_OK);
    assert_int_equal(paused.state, FF_LANE_PAUSED);
    assert_int_equal(ff_client_drain_lane(control, &drain, &drained, &second), FF_E_OK);
    assert_int_equal(drained.previous_state, FF_LANE_PAUSED);
    assert_int_equal(ff_client_resume_lane(control, &resume, &resumed, &third), FF_E_OK);
    assert_int_equal(resumed.state, FF_LANE_ACTIVE);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

static void
test_the_control_socket_is_for_control(void **state)
{
    struct ff_daemon *daemon = *state;
    const struct ff_list_lanes_args lanes = { .limit = 1 };
    struct ff_list_lanes_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_client *control = NULL;
    struct stat st;
    char path[128];

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    assert_int_equal(ff_client_list_lanes(control, &lanes, &result, &answer),
                     FF_E_PERMISSION_DENIED);
    ff_test_ping(control); /* for every socket (00 §5) */
    snprintf(path, sizeof(path), "%s/run/control.sock", daemon->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

static ff_err
drain(struct ff_client *control, uint64_t grace_ms)
{
    const struct ff_drain_args args = { .grace_ms = grace_ms };
    struct ff_drain_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    return ff_client_drain(control, &args, &result, &answer);
}

/* Else they would come back at once, again and again, for as long as nothing is claimed. */
static void
check_that_scanners_wait(const struct ff_daemon *daemon)
{
    const struct ff_scan_due_args args = { .scanner = FF_SCANNER_LEASE_EXPIRY, .block_ms = 300 };
    struct ff_scan_due_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_client *client = ff_test_client(daemon->operator, NULL);
    int64_t begin_ms = ff_mono_ms();

    assert_int_equal(ff_client_scan_due(client, &args, &result, &answer), FF_E_OK);
    assert_true(ff_mono_ms() - begin_ms >= 299);
    ff_client_close(client);
}

static void
test_drain_stops_claims_and_waits_for_running_work(void **state)
{
    struct ff_daemon *daemon = *state;
    const struct ff_drain_args args = { .grace_ms = 60000 };
    struct ff_claim_args claim = ff_test_claim_args("w", 60000, 0);
    struct ff_complete_args complete = { 0 };
    struct ff_complete_result completed = { 0 };
    struct ff_claim_result claimed = { 0 }, none = { 0 };
    struct ff_client *control = NULL, *client = NULL;
    struct ff_pending draining;
    FF_SCOPED(ff_answer) first = { 0 };
    FF_SCOPED(ff_answer) second = { 0 };
    FF_SCOPED(ff_answer) third = { 0 };

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    client = ff_test_client(daemon->worker, NULL);
    ff_test_create(client);
    ff_test_create(client);
    claimed = ff_test_claim(client, &claim, &first);
    assert_int_equal(drain(control, 1), FF_E_TIMEOUT);
    assert_int_equal(ff_client_claim(client, &claim, &none, &second), FF_E_OK);
    assert_string_equal(none.outcome, "none");
    ff_pending_start(&draining, control, FF_OP_drain, &args);
    complete.handle = *claimed.handle;
    assert_int_equal(ff_client_complete(client, &complete, &completed, &third), FF_E_OK);
    assert_int_equal(ff_pending_await(&draining), FF_E_OK);
    ff_pending_done(&draining);
    check_that_scanners_wait(daemon);
    ff_client_close(client);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

static ff_err
reload(struct ff_client *control, struct ff_reload_result *result, struct ff_answer *answer)
{
    const struct ff_reload_args none = { 0 };

    return ff_client_reload(control, &none, result, answer);
}

static void
test_reload_applies_what_it_can_and_says_the_rest(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_reload_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_client *control = NULL;
    pid_t pid = 0;

    ff_daemon_start(daemon, "log_level = info");
    control = ff_test_control(daemon);
    ff_daemon_configure(daemon, "log_level = debug\nparked_max = 100");
    assert_int_equal(reload(control, &result, &answer), FF_E_OK);
    assert_int_equal(result.changed.n, 2);
    assert_true(ff_str_is(result.changed.v[0], "parked_max"));
    assert_true(ff_str_is(result.changed.v[1], "log_level"));
    assert_int_equal(result.pending.n, 1);
    assert_true(ff_str_is(result.pending.v[0], "parked_max: restart broker"));
    pid = ff_tree_entry(control, "broker").pid;
    assert_int_equal(restart_child(control, "broker"), FF_E_OK);
    ff_tree_await(control, "broker", FF_CHILD_READY, pid);
    ff_client_close(control);
    ff_daemon_stop(daemon);
    assert_non_null(strstr(ff_daemon_log(daemon), "level=debug role=supervisor"));
}

static void
test_a_refused_configuration_changes_nothing(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_reload_result result = { 0 };
    struct ff_client *control = NULL;
    FF_SCOPED(ff_answer) answer = { 0 };
    pid_t pid = 0;

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    ff_daemon_configure(daemon, "parked_max = many");
    assert_int_equal(reload(control, &result, &answer), FF_E_INVALID_CONFIG);
    assert_non_null(strstr(ff_answer_text(&answer), "flowfabric.conf:3"));
    /* A broker that comes back now still reads the one that was accepted. */
    pid = ff_tree_kill(control, "broker");
    ff_tree_await(control, "broker", FF_CHILD_READY, pid);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

static void
test_log_level_is_kept_by_a_process_that_comes_back(void **state)
{
    struct ff_daemon *daemon = *state;
    const struct ff_set_log_level_args args = { .level = FF_LEVEL_ERROR,
                                                .process = ff_cstr("broker") };
    const struct ff_set_log_level_args nobody = { .level = FF_LEVEL_ERROR,
                                                  .process = ff_cstr("nobody") };
    struct ff_set_log_level_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) second = { 0 };
    struct ff_client *control = NULL;
    pid_t pid = 0;
    char line[64];

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    assert_int_equal(ff_client_set_log_level(control, &args, &result, &answer), FF_E_OK);
    assert_int_equal(ff_client_set_log_level(control, &nobody, &result, &second),
                     FF_E_CHILD_NOT_FOUND);
    pid = ff_tree_kill(control, "broker");
    pid = ff_tree_await(control, "broker", FF_CHILD_READY, pid).pid;
    ff_client_close(control);
    ff_daemon_stop(daemon);
    snprintf(line, sizeof(line), "role=broker pid=%d event=stopped", (int) pid);
    assert_null(strstr(ff_daemon_log(daemon), line)); /* at info */
}

static ff_err
run_scanner(struct ff_client *control, const char *name, struct ff_run_scanner_result *result)
{
    const struct ff_run_scanner_args args = { .name = ff_cstr(name) };
    FF_SCOPED(ff_answer) answer = { 0 };

    return ff_client_run_scanner(control, &args, result, &answer);
}

static void
test_a_scanner_runs_when_an_operator_says_so(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_run_scanner_result result = { .errors = 1 };
    struct ff_client *control = NULL;

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    assert_int_equal(run_scanner(control, "lease_expiry", &result), FF_E_OK);
    assert_int_equal(result.errors, 0);
    assert_int_equal(run_scanner(control, "lease", &result), FF_E_CHILD_NOT_FOUND); /* a process */
    assert_int_equal(run_scanner(control, "nobody", &result), FF_E_CHILD_NOT_FOUND);
    assert_int_equal(stop_child(control, "lease"), FF_E_OK);
    ff_tree_await(control, "lease", FF_CHILD_STOPPED, -1);
    assert_int_equal(run_scanner(control, "lease_expiry", &result), FF_E_TRANSPORT);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

/* What it has done; false: no process that runs has a scanner of this name. */
static bool
stat_of(struct ff_client *control, enum ff_scanner name, struct ff_scanner_stat *out, uint32_t *n)
{
    const struct ff_scanner_stats_args none = { 0 };
    struct ff_scanner_stats_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    bool found = false;

    assert_int_equal(ff_client_scanner_stats(control, &none, &result, &answer), FF_E_OK);
    *n = result.scanners.n;
    for (uint32_t i = 0; i < result.scanners.n; i++) {
        if (result.scanners.v[i].name == name) {
            *out = result.scanners.v[i];
            out->process = ff_cstr(NULL); /* it goes with the answer */
            found = true;
        }
    }
    return found;
}

static void
test_scanners_tell_what_they_have_done(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_run_scanner_result result = { .errors = 1 };
    struct ff_scanner_stat before = { 0 }, after = { 0 };
    struct ff_client *control = NULL;
    uint32_t all = 0, n = 0;

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    assert_true(stat_of(control, FF_SCANNER_INDEX_RECONCILER, &before, &all));
    assert_int_equal(run_scanner(control, "index_reconciler", &result), FF_E_OK);
    assert_int_equal(result.processed, 0);
    assert_int_equal(result.errors, 0);
    assert_true(stat_of(control, FF_SCANNER_INDEX_RECONCILER, &after, &n));
    assert_true(after.passes > before.passes);
    assert_true(after.last_at.is);
    assert_int_equal(after.errors, before.errors);
    assert_int_equal(n, all);
    assert_int_equal(stop_child(control, "lease"), FF_E_OK);
    ff_tree_await(control, "lease", FF_CHILD_STOPPED, -1);
    assert_false(stat_of(control, FF_SCANNER_LEASE_EXPIRY, &after, &n)); /* nobody runs it */
    assert_int_equal(n, all - 1);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

static void
test_what_needs_the_broker_waits_for_it(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL;
    pid_t pid = 0;

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    assert_int_equal(stop_child(control, "broker"), FF_E_OK);
    ff_tree_await(control, "broker", FF_CHILD_STOPPED, -1);
    pid = ff_tree_kill(control, "lease");
    assert_int_equal(ff_tree_await(control, "lease", FF_CHILD_STARTING, pid).pid, 0);
    assert_int_equal(start_child(control, "broker"), FF_E_OK);
    ff_tree_await(control, "lease", FF_CHILD_READY, pid);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

/* ---- failures ---- */

static void
test_a_child_that_cannot_start_is_given_up_and_the_rest_runs_on(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL, *client = NULL;
    struct ff_tree_entry entry;
    char path[128];

    ff_daemon_start(daemon, "restart_max = 3");
    control = ff_test_control(daemon);
    client = ff_test_client(daemon->worker, NULL);
    ff_test_create(client);
    snprintf(path, sizeof(path), "%s/run/worker.sock", daemon->dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* no broker can listen there */
    ff_tree_kill(control, "broker");
    entry = ff_tree_await(control, "broker", FF_CHILD_FAILED, -1);
    assert_int_equal(entry.restarts, 3);
    assert_non_null(strstr(ff_daemon_log(daemon), "level=error role=supervisor"));
    assert_non_null(strstr(ff_daemon_log(daemon), "event=child_failed child=broker"));
    assert_int_equal(ff_tree_entry(control, "control").state, FF_CHILD_READY);
    ff_client_close(client);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

static void
test_a_child_that_hangs_while_it_works_is_started_again(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL, *client = NULL;
    pid_t pid = 0;

    ff_daemon_start(daemon, "hang_max_ms = 600");
    control = ff_test_control(daemon);
    client = ff_test_client(daemon->worker, NULL);
    pid = ff_tree_entry(control, "broker").pid;
    assert_int_equal(kill(pid, SIGSTOP), 0);
    ff_tree_await(control, "broker", FF_CHILD_READY, pid);
    ff_test_create(client);
    assert_non_null(strstr(ff_daemon_log(daemon), "reason=\"it does not answer\""));
    ff_client_close(client);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

static void
test_a_child_that_hangs_is_killed_in_the_end(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL;
    struct ff_tree_view view;
    int status = 0;

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    ff_tree_look(control, &view);
    assert_int_equal(kill(ff_tree_entry(control, "broker").pid, SIGSTOP), 0);
    assert_int_equal(shut_down(control, 0), FF_E_OK);
    status = ff_daemon_wait(daemon);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ff_tree_await_gone(&view);
    assert_non_null(strstr(ff_daemon_log(daemon), "event=child_killed child=broker"));
    ff_client_close(control);
}

int
main(void)
{
#define FF_TREE_TEST(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, ff_daemon_setup_tree, ff_daemon_teardown)
    const struct CMUnitTest tests[] = {
        FF_TREE_TEST(test_all_of_it_starts_and_ends_in_order),
        FF_TREE_TEST(test_shutdown_is_answered_before_the_end),
        FF_TREE_TEST(test_a_second_signal_ends_it_at_once),
        FF_TREE_TEST(test_a_killed_supervisor_takes_all_with_it),
        FF_TREE_TEST(test_a_second_daemon_is_refused),
        FF_TREE_TEST(test_a_store_of_other_partitions_is_no_start),
        FF_TREE_TEST(test_a_service_manager_is_told),
        FF_TREE_TEST(test_children_are_stopped_started_and_restarted),
        FF_TREE_TEST(test_status_tells_of_store_and_lanes),
        FF_TREE_TEST(test_lanes_are_paused_and_resumed_through_the_broker),
        FF_TREE_TEST(test_the_control_socket_is_for_control),
        FF_TREE_TEST(test_drain_stops_claims_and_waits_for_running_work),
        FF_TREE_TEST(test_reload_applies_what_it_can_and_says_the_rest),
        FF_TREE_TEST(test_a_refused_configuration_changes_nothing),
        FF_TREE_TEST(test_log_level_is_kept_by_a_process_that_comes_back),
        FF_TREE_TEST(test_a_scanner_runs_when_an_operator_says_so),
        FF_TREE_TEST(test_scanners_tell_what_they_have_done),
        FF_TREE_TEST(test_what_needs_the_broker_waits_for_it),
        FF_TREE_TEST(test_a_child_that_cannot_start_is_given_up_and_the_rest_runs_on),
        FF_TREE_TEST(test_a_child_that_hangs_while_it_works_is_started_again),
        FF_TREE_TEST(test_a_child_that_hangs_is_killed_in_the_end),
    };

    return ff_run_rows("tree", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
