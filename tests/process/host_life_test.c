/* Worker hosts that are killed, drained and outrun: work is neither lost nor done twice. */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/process/hosts.h"
#include "workers/worker.h"

#define SH(kind, script, more)                                                                     \
    "handler \"" kind "\" { exec = {'/bin/sh', '-c', '" script "'} " more " }\n"

/* The first attempt says its own process and that of a child, and waits; others are done at once.
 */
#define ONCE                                                                                       \
    SH("once",                                                                                     \
       "if [ $FF_ATTEMPT_INDEX = 0 -a $FF_CLAIM_KIND = fresh ]; then sleep 1000 & "                \
       "echo $$ $! > @/said; wait; else echo $FF_ATTEMPT_INDEX $FF_CLAIM_KIND; fi",                \
       "")

/* clang-format off */
static const char one_host[] =
    "worker \"h\" { lease_ttl_ms = 1000  drain_grace_ms = 100\n"
    ONCE
    "handler \"cat\" { exec = {'/bin/cat'} }\n"
    "}\n"
    "worker \"hasty\" { drain_grace_ms = 100\n" /* its leases outlast a machine that stands still */
    ONCE
    SH("stubborn", "trap \"\" TERM; echo $$ > @/said; while :; do sleep 1000; done",
       "kill_grace_ms = 50")
    "}\n"
    "worker \"patient\" { drain_grace_ms = 60000\n"
    SH("gate", "echo $$ > @/said; read x < @/gate; echo $x", "")
    "}\n";
/* clang-format on */

/* What a command of kind `once` said. */
struct pids {
    pid_t leader, child;
};

static struct pids
hear_pids(struct ff_hosts *hosts)
{
    struct pids pids = { 0 };

    assert_int_equal(sscanf(ff_hosts_hear(hosts), "%d %d", &pids.leader, &pids.child), 2);
    return pids;
}

static struct ff_eid
start_once(struct ff_hosts *hosts, const char *section, struct pids *pids)
{
    struct ff_eid id = { 0 };

    ff_hosts_start(hosts, one_host);
    ff_hosts_start_one(hosts, 0, section);
    id = ff_hosts_submit(hosts, "once", NULL, NULL);
    *pids = hear_pids(hosts);
    return id;
}

static void
test_kill_of_a_host_leaves_nothing_running(void **state)
{
    struct ff_hosts *hosts = *state;
    struct pids pids = { 0 };
    struct ff_eid id = start_once(hosts, "h", &pids);

    ff_hosts_start_one(hosts, 1, "h");
    ff_daemon_kill(&hosts->host[0]);
    ff_hosts_await_death(pids.leader);
    ff_hosts_await_death(pids.child);
    ff_hosts_await(hosts, id, "completed");
    ff_hosts_expect_result(hosts, id, "1 reclaimed\n");
}

static void
test_cancelled_execution_is_stopped(void **state)
{
    struct ff_hosts *hosts = *state;
    struct pids pids = { 0 };
    struct ff_cancel_execution_args args = { .execution_id = start_once(hosts, "h", &pids),
                                             .reason = ff_cstr("no more"),
                                             .source = ff_cstr("operator_override") };
    struct ff_cancel_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_eid next = { 0 };

    assert_int_equal(ff_client_cancel_execution(hosts->client, &args, &result, &answer), FF_E_OK);
    ff_hosts_await_death(pids.leader);
    ff_hosts_await_death(pids.child);
    assert_string_equal(ff_test_state(hosts->client, args.execution_id), "cancelled");
    next = ff_hosts_submit(hosts, "cat", "more", NULL);
    ff_hosts_await(hosts, next, "completed");
    ff_daemon_stop(&hosts->host[0]);
}

static void
test_lost_lease_stops_the_handler(void **state)
{
    struct ff_hosts *hosts = *state;
    struct pids pids = { 0 };
    struct ff_revoke_lease_args args = { .execution_id = start_once(hosts, "h", &pids),
                                         .reason = ff_cstr("operator") };
    struct ff_revoke_lease_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    args.expected_lease_id = args.worker_instance_id = ff_cstr("");
    assert_int_equal(ff_client_revoke_lease(hosts->client, &args, &result, &answer), FF_E_OK);
    ff_hosts_await_death(pids.leader);
    ff_hosts_await_death(pids.child);
    ff_hosts_await(hosts, args.execution_id, "completed");
    ff_hosts_expect_result(hosts, args.execution_id, "1 reclaimed\n");
    ff_daemon_stop(&hosts->host[0]);
}

/* While the broker is away for longer than the lease, the host stops what it cannot be sure of. */
static void
test_lease_that_cannot_be_renewed_is_lost(void **state)
{
    struct ff_hosts *hosts = *state;
    struct pids pids = { 0 };
    struct ff_eid id = start_once(hosts, "h", &pids);

    ff_daemon_signal(&hosts->broker, SIGSTOP);
    ff_hosts_await_death(pids.leader);
    ff_hosts_await_death(pids.child);
    ff_daemon_signal(&hosts->broker, SIGCONT);
    ff_hosts_await(hosts, id, "completed");
    ff_hosts_expect_result(hosts, id, "1 reclaimed\n");
    ff_daemon_stop(&hosts->host[0]);
}

/* A handler that runs for long keeps its lease. */
static void
test_lease_is_renewed(void **state)
{
    struct ff_hosts *hosts = *state;
    FF_SCOPED(ff_answer) before = { 0 }, after = { 0 };
    struct pids pids = { 0 };
    struct ff_describe_execution_args args = { .execution_id = start_once(hosts, "h", &pids) };
    struct ff_describe_execution_result first = { 0 }, now = { 0 };

    assert_int_equal(ff_client_describe_execution(hosts->client, &args, &first, &before), FF_E_OK);
    do {
        assert_int_equal(ff_client_describe_execution(hosts->client, &args, &now, &after), FF_E_OK);
        assert_non_null(now.execution->current_lease);
        assert_int_equal(now.execution->current_lease->lease_epoch, 1);
    } while (now.execution->current_lease->expires_at <=
             first.execution->current_lease->expires_at + 1500);
    assert_int_equal(kill(pids.leader, 0), 0);
}

/* ---- the end of a host ---- */

static void
promote(struct ff_hosts *hosts, struct ff_eid id)
{
    struct ff_promote_delayed_args args = { .execution_id = id, .lane_id = ff_cstr("") };
    struct ff_promote_delayed_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_promote_delayed(hosts->client, &args, &result, &answer), FF_E_OK);
    assert_string_equal(result.outcome, "promoted");
}

static void
test_drain_lets_handlers_finish(void **state)
{
    struct ff_hosts *hosts = *state;
    const struct ff_claim_args other = ff_test_claim_args("other", 60000, 30000);
    struct ff_claim_result claimed = { 0 };
    struct ff_eid id = { 0 }, later = { 0 };
    char path[96];
    FILE *gate = NULL;
    FF_SCOPED(ff_answer) answer = { 0 };

    snprintf(path, sizeof(path), "%s/gate", hosts->broker.dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    ff_hosts_start(hosts, one_host);
    ff_hosts_start_one(hosts, 0, "patient");
    id = ff_hosts_submit(hosts, "gate", NULL, NULL);
    ff_hosts_hear(hosts);
    ff_daemon_signal(&hosts->host[0], SIGTERM);
    while (strstr(ff_daemon_log(&hosts->broker), "event=worker_draining") == NULL) {
        ff_test_ping(hosts->client);
    }
    later = ff_hosts_submit(hosts, "gate", NULL, NULL);
    gate = fopen(path, "w");
    assert_non_null(gate);
    fputs("through\n", gate);
    fclose(gate);
    assert_int_equal(ff_daemon_wait(&hosts->host[0]), 0);
    assert_string_equal(ff_test_state(hosts->client, id), "completed");
    ff_hosts_expect_result(hosts, id, "through\n");
    assert_int_equal(strstr(ff_daemon_log(&hosts->broker), "outcome_refused") == NULL, true);
    /* Its claim may have been answered while it ended: then its end handed the lease back, and no
     * scanner runs here that promotes it. */
    if (strcmp(ff_test_state(hosts->client, later), "delayed") == 0) {
        promote(hosts, later);
    }
    claimed = ff_test_claim(hosts->client, &other, &answer);
    assert_memory_equal(&claimed.execution_id.v, &later, sizeof(later));
}

static void
test_drain_hands_back_what_does_not_finish(void **state)
{
    struct ff_hosts *hosts = *state;
    struct pids pids = { 0 };
    struct ff_eid id = start_once(hosts, "hasty", &pids);

    ff_daemon_stop(&hosts->host[0]);
    ff_hosts_await_death(pids.leader);
    ff_hosts_await_death(pids.child);
    assert_string_equal(ff_test_state(hosts->client, id), "delayed"); /* until now */
    promote(hosts, id);
    ff_hosts_start_one(hosts, 1, "hasty");
    ff_hosts_await(hosts, id, "completed");
    ff_hosts_expect_result(hosts, id, "0 resumed\n"); /* neither a retry nor a reclaim */
    ff_daemon_stop(&hosts->host[1]);
}

static void
test_drain_of_a_handler_that_ignores_it(void **state)
{
    struct ff_hosts *hosts = *state;
    struct ff_eid id = { 0 };
    pid_t pid = 0;

    ff_hosts_start(hosts, one_host);
    ff_hosts_start_one(hosts, 0, "hasty");
    id = ff_hosts_submit(hosts, "stubborn", NULL, NULL);
    assert_int_equal(sscanf(ff_hosts_hear(hosts), "%d", &pid), 1);
    ff_daemon_stop(&hosts->host[0]);
    ff_hosts_await_death(pid);
    assert_string_equal(ff_test_state(hosts->client, id), "delayed");
}

static void
test_idle_host_ends_at_once(void **state)
{
    struct ff_hosts *hosts = *state;
    char path[96];
    struct stat st;

    ff_hosts_start(hosts, one_host);
    ff_hosts_start_one(hosts, 0, "patient"); /* whose grace is a minute */
    ff_daemon_stop(&hosts->host[0]);
    snprintf(path, sizeof(path), "%s/state/work", hosts->broker.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_nlink, 2); /* its directory is gone */
}

/* A host that was killed leaves its directory; the next one removes it, and no other's. */
static void
test_directories_of_the_dead_are_removed(void **state)
{
    struct ff_hosts *hosts = *state;
    char path[96];
    struct stat st;

    ff_hosts_start(hosts, one_host);
    ff_hosts_start_one(hosts, 0, "h");
    ff_daemon_kill(&hosts->host[0]);
    ff_hosts_start_one(hosts, 0, "h");
    ff_hosts_start_one(hosts, 1, "patient");
    snprintf(path, sizeof(path), "%s/state/work", hosts->broker.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_nlink, 4);
    ff_daemon_stop(&hosts->host[0]);
    ff_daemon_stop(&hosts->host[1]);
}

static void
test_unknown_section_is_not_started_again(void **state)
{
    struct ff_hosts *hosts = *state;
    int status = 0;

    ff_hosts_start(hosts, one_host);
    hosts->host[0].name = "nobody";
    ff_daemon_spawn(&hosts->host[0], NULL);
    assert_false(ff_daemon_await_ready(&hosts->host[0]));
    status = ff_daemon_wait(&hosts->host[0]);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 100);
}

/* ---- the registry ---- */

static const struct ff_worker_entry *
find_worker(struct ff_hosts *hosts, struct ff_answer *answer)
{
    struct ff_list_workers_args args = { .namespace = ff_cstr("media"), .limit = 10 };
    struct ff_list_workers_result result = { 0 };

    assert_int_equal(ff_client_list_workers(hosts->client, &args, &result, answer), FF_E_OK);
    assert_true(result.entries.n <= 1);
    return result.entries.n == 0 ? NULL : &result.entries.v[0];
}

static void
test_host_is_registered_while_it_runs(void **state)
{
    struct ff_hosts *hosts = *state;
    FF_SCOPED(ff_answer) answer = { 0 };
    const struct ff_worker_entry *entry = NULL;
    int64_t until_ms = 0;

    ff_hosts_start(hosts,
                   "worker \"r\" { namespace = media  lanes = \"a, b\"  lease_ttl_ms = 1000\n"
                   "capabilities = \"gpu\"  handler \"cat\" { exec = {'/bin/cat'} } }\n");
    ff_hosts_start_one(hosts, 0, "r");
    while ((entry = find_worker(hosts, &answer)) == NULL) {
    }
    assert_true(ff_str_is(entry->worker_id, "r"));
    assert_int_equal(entry->lanes.n, 2);
    assert_int_equal(entry->capabilities.n, 1);
    assert_true(ff_str_is(entry->capabilities.v[0], "gpu"));
    assert_int_equal(entry->liveness_ttl_ms, 2000);
    until_ms = entry->registered_at_ms + 2500; /* longer than it lives without a heartbeat */
    while ((entry = find_worker(hosts, &answer)) != NULL && entry->last_heartbeat_ms < until_ms) {
    }
    assert_non_null(entry);
    ff_daemon_stop(&hosts->host[0]);
    assert_null(find_worker(hosts, &answer));
}

static void
register_worker(struct ff_hosts *hosts, const char *instance)
{
    struct ff_register_worker_args args = { .worker_id = ff_cstr("w"),
                                            .worker_instance_id = ff_cstr(instance),
                                            .liveness_ttl_ms = 60000,
                                            .namespace = ff_cstr("default") };
    struct ff_register_worker_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_register_worker(hosts->client, &args, &result, &answer), FF_E_OK);
}

static void
test_taken_instance_id_is_refused(void **state)
{
    struct ff_hosts *hosts = *state;
    struct ff_runtime_options options = { .worker_id = "w", .worker_instance_id = "w-1" };
    struct ff_runtime *worker = NULL;
    struct ff_fault fault = { 0 };

    ff_hosts_start(hosts, one_host);
    register_worker(hosts, "w-1");
    options.address = hosts->broker.worker;
    assert_int_equal(ff_runtime_open(&options, &worker, &fault), FF_E_OK);
    assert_int_equal(ff_runtime_run(worker, &fault), FF_E_INVALID_CONFIG);
    ff_runtime_close(worker);
}

/* ---- many ---- */

#define MANY 1000

/* clang-format off */
static const char two_hosts[] =
    "worker \"many\" { slots = 8  lease_ttl_ms = 30000\n"
    SH("count", "read x; echo $x >> @/all; echo done $x", "")
    "}\n"
    "worker \"lanes\" { slots = 2  lanes = \"a, b, c, default\"\n"
    "handler \"cat\" { exec = {'/bin/cat'} }\n}\n"
    "worker \"wide\" { slots = 9  lanes = \"a, b, c, default\"\n"
    "handler \"cat\" { exec = {'/bin/cat'} }\n}\n";
/* clang-format on */

/* Each number stands in the file once, so each command ran once. */
static void
check_each_ran_once(struct ff_hosts *hosts)
{
    bool seen[MANY] = { false };
    char path[96], line[64];
    unsigned n = 0, number = 0;
    FILE *all = NULL;

    snprintf(path, sizeof(path), "%s/all", hosts->broker.dir);
    all = fopen(path, "re");
    assert_non_null(all);
    while (fgets(line, sizeof(line), all) != NULL) {
        assert_int_equal(sscanf(line, "%u", &number), 1);
        assert_true(number < MANY);
        assert_false(seen[number]);
        seen[number] = true;
        n++;
    }
    fclose(all);
    assert_int_equal(n, MANY);
}

static void
test_a_thousand_on_two_hosts(void **state)
{
    static struct ff_eid ids[MANY];
    struct ff_hosts *hosts = *state;
    char text[32];

    ff_hosts_start(hosts, two_hosts);
    ff_hosts_start_one(hosts, 0, "many");
    ff_hosts_start_one(hosts, 1, "many");
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "%u\n", i);
        ids[i] = ff_hosts_submit(hosts, "count", text, NULL);
    }
    for (unsigned i = 0; i < MANY; i++) {
        ff_hosts_await(hosts, ids[i], "completed");
        snprintf(text, sizeof(text), "done %u\n", i);
        ff_hosts_expect_result(hosts, ids[i], text);
        assert_int_equal(ff_hosts_attempts(hosts, ids[i]), 1);
    }
    check_each_ran_once(hosts);
    ff_daemon_stop(&hosts->host[0]);
    ff_daemon_stop(&hosts->host[1]);
}

static struct ff_eid
submit_on(struct ff_hosts *hosts, const char *lane)
{
    struct ff_create_execution_args args = ff_test_create_args(ff_test_eid(), ff_cstr(lane));
    struct ff_create_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    args.lane_id = ff_cstr(lane);
    args.execution_kind = ff_cstr("cat");
    assert_int_equal(ff_client_create_execution(hosts->client, &args, &result, &answer), FF_E_OK);
    return args.execution_id;
}

/* Work on several lanes, of a host with fewer slots than lanes, and of one with more. */
static void
run_lanes(struct ff_hosts *hosts, const char *name)
{
    static const char *const lanes[] = { "a", "b", "c", "default" };
    struct ff_eid ids[80];

    ff_hosts_start(hosts, two_hosts);
    ff_hosts_start_one(hosts, 0, name);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 80; i++) { /* the first lane has most of it */
            ids[i] = submit_on(hosts, i < 60 ? "a" : lanes[i % 4]);
        }
        for (int i = 79; i >= 0; i--) {
            ff_hosts_await(hosts, ids[i], "completed");
        }
    }
    ff_daemon_stop(&hosts->host[0]);
}

static void
test_fewer_slots_than_lanes(void **state)
{
    run_lanes(*state, "lanes");
}

static void
test_more_slots_than_lanes(void **state)
{
    run_lanes(*state, "wide");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, ff_hosts_setup, ff_hosts_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kill_of_a_host_leaves_nothing_running),
        TEST(test_cancelled_execution_is_stopped),
        TEST(test_lost_lease_stops_the_handler),
        TEST(test_lease_that_cannot_be_renewed_is_lost),
        TEST(test_lease_is_renewed),
        TEST(test_drain_lets_handlers_finish),
        TEST(test_drain_hands_back_what_does_not_finish),
        TEST(test_drain_of_a_handler_that_ignores_it),
        TEST(test_idle_host_ends_at_once),
        TEST(test_directories_of_the_dead_are_removed),
        TEST(test_unknown_section_is_not_started_again),
        TEST(test_host_is_registered_while_it_runs),
        TEST(test_taken_instance_id_is_refused),
        TEST(test_a_thousand_on_two_hosts),
        TEST(test_fewer_slots_than_lanes),
        TEST(test_more_slots_than_lanes),
    };

    return ff_run_rows("host life", NULL, 0, tests, FF_COUNT(tests));
}
