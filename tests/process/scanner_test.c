/* scanner_test.c: scanner processes beside a broker: what time requires happens by itself, whoever
 * is killed. What is asserted is order and outcome, never a number of milliseconds.
 */
#include <signal.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "core/codec.h"
#include "supervisor/ctl.h"
#include "tests/process/calls.h"
#include "tests/process/daemon.h"

enum { LEASE, PROMOTE, TIMERS, RETENTION, CANCEL, RECONCILE, SCANNERS };

/* Executions of the tests under load. */
#define MANY 400

struct setting {
    struct ff_daemon broker;
    struct ff_daemon scanners[SCANNERS];
    struct ff_client *client;
};

static const char *const names[] = { "lease",     "promote", "timers",
                                     "retention", "cancel",  "reconcile" };

static int
setup(void **state)
{
    struct setting *setting = calloc(1, sizeof(*setting));

    ff_daemon_init(&setting->broker);
    for (int i = 0; i < SCANNERS; i++) {
        ff_daemon_join(&setting->scanners[i], &setting->broker, "scanner", names[i]);
    }
    *state = setting;
    return 0;
}

static int
teardown(void **state)
{
    struct setting *setting = *state;

    if (setting->client != NULL) {
        ff_client_close(setting->client);
    }
    for (int i = 0; i < SCANNERS; i++) {
        ff_daemon_done(&setting->scanners[i]);
    }
    ff_daemon_done(&setting->broker);
    free(setting);
    return 0;
}

static void
start(struct setting *setting, const char *lines)
{
    ff_daemon_start(&setting->broker, lines);
    for (int i = 0; i < SCANNERS; i++) {
        ff_daemon_start(&setting->scanners[i], NULL);
    }
    setting->client = ff_test_client(setting->broker.worker, NULL);
}

static void
stop(struct setting *setting)
{
    for (int i = 0; i < SCANNERS; i++) {
        ff_daemon_stop(&setting->scanners[i]);
    }
    ff_daemon_stop(&setting->broker);
}

/* ---- calls ---- */

static struct ff_eid
create(struct setting *setting, const char *policy_json, int64_t delay_ms)
{
    struct ff_create_execution_args args = ff_test_create_args(ff_test_eid(), ff_cstr(NULL));
    struct ff_create_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_packer policy;
    struct ff_fault fault = { 0 };

    ff_packer_init(&policy);
    if (policy_json != NULL) {
        assert_int_equal(ff_json_to_msgpack(NULL, ff_cstr(policy_json), &policy.pk, &fault),
                         FF_E_OK);
        args.policy = ff_packer_str(&policy);
    }
    if (delay_ms > 0) {
        args.delay_until = FF_SOME(ff_opt_i64, ff_wall_ms() + delay_ms);
    }
    assert_int_equal(ff_client_create_execution(setting->client, &args, &result, &answer), FF_E_OK);
    assert_string_equal(result.outcome, "created");
    ff_packer_done(&policy);
    return args.execution_id;
}

static struct ff_claim_result
claim(struct setting *setting, const char *instance, uint64_t ttl_ms, struct ff_answer *answer)
{
    struct ff_claim_args args = ff_test_claim_args(instance, ttl_ms, 30000);

    return ff_test_claim(setting->client, &args, answer);
}

static void
complete(struct setting *setting, const struct ff_claim_result *claimed)
{
    const struct ff_complete_args args = { .handle = *claimed->handle };
    struct ff_complete_result result;
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_complete(setting->client, &args, &result, &answer), FF_E_OK);
}

/* Looks until it is so; a claim on an empty lane is what passes the time. */
static void
await_state(struct setting *setting, struct ff_eid id, const char *state)
{
    struct ff_claim_args args = ff_test_claim_args("nobody", 1000, 20);
    struct ff_claim_result result;
    FF_SCOPED(ff_answer) answer = { 0 };

    args.lane_id = ff_cstr("empty");
    for (int i = 0; i < 1500; i++) {
        if (strcmp(ff_test_state(setting->client, id), state) == 0) {
            return;
        }
        assert_int_equal(ff_client_claim(setting->client, &args, &result, &answer), FF_E_OK);
        ff_answer_done(&answer);
    }
    fail_msg("still not %s", state);
}

/* ---- what happens by itself ---- */

static void
test_ex_39(void **state)
{
    struct setting *setting = *state;
    FF_SCOPED(ff_answer) first = { 0 };
    FF_SCOPED(ff_answer) again = { 0 };
    struct ff_claim_result claimed;
    struct ff_eid id;

    start(setting, NULL);
    id = create(setting, "{\"max_reclaim_count\":1}", 0);
    claim(setting, "w-1", 200, &first); /* and is never heard of again */
    claimed = claim(setting, "w-2", 200, &again);
    assert_true(ff_eid_eq(claimed.execution_id.v, id));
    assert_true(ff_str_is(claimed.handle->kind, "reclaimed"));
    assert_int_equal(claimed.attempt_index.v, 1);
    await_state(setting, id, "failed"); /* nobody claims: the scanner marks, and ends it */
    stop(setting);
}

static void
test_delays(void **state)
{
    struct setting *setting = *state;
    struct ff_eid ids[3];
    int64_t due_ms[3];

    start(setting, NULL);
    for (int i = 0; i < 3; i++) {
        due_ms[i] = ff_wall_ms() + 450 - 150 * i;
        ids[i] = create(setting, NULL, 450 - 150 * i);
    }
    for (int n = 0; n < 3; n++) { /* the later it was created, the earlier it is due */
        FF_SCOPED(ff_answer) answer = { 0 };
        struct ff_claim_result claimed = claim(setting, "w-1", 30000, &answer);
        int i = 0;

        while (i < 3 && !ff_eid_eq(claimed.execution_id.v, ids[i])) {
            i++;
        }
        assert_true(i < 3 && ff_wall_ms() >= due_ms[i]);
        due_ms[i] = INT64_MAX; /* once */
        complete(setting, &claimed);
    }
    stop(setting);
}

static void
test_retry(void **state)
{
    struct setting *setting = *state;
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) failed_answer = { 0 };
    FF_SCOPED(ff_answer) again = { 0 };
    struct ff_claim_result claimed;
    struct ff_fail_args fail_args = { .reason = { .message = ff_cstr("broke") },
                                      .classification = FF_FAILURE_TRANSIENT };
    struct ff_fail_result failed;
    struct ff_eid id;

    start(setting, NULL);
    id = create(setting,
                "{\"retry_policy\":{\"max_retries\":1,\"backoff\":{\"type\":\"fixed\","
                "\"delay_ms\":100}}}",
                0);
    claimed = claim(setting, "w-1", 30000, &answer);
    fail_args.handle = *claimed.handle;
    assert_int_equal(ff_client_fail(setting->client, &fail_args, &failed, &failed_answer), FF_E_OK);
    assert_string_equal(failed.outcome, "retry_scheduled");
    claimed = claim(setting, "w-1", 30000, &again);
    assert_true(ff_eid_eq(claimed.execution_id.v, id));
    assert_int_equal(claimed.attempt_type.v, FF_TYPE_RETRY);
    stop(setting);
}

static void
test_timeouts(void **state)
{
    struct setting *setting = *state;
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_eid attempt, waiting;

    start(setting, NULL);
    attempt = create(setting, "{\"timeout_policy\":{\"attempt_timeout_ms\":150}}", 0);
    claim(setting, "w-1", 30000, &answer);
    waiting = create(setting, "{\"timeout_policy\":{\"execution_deadline_ms\":100}}", 0);
    await_state(setting, waiting, "expired");
    await_state(setting, attempt, "expired");
    stop(setting);
}

/* More than one batch, and nothing is kept. */
static void
test_retention(void **state)
{
    struct setting *setting = *state;
    struct ff_eid ids[50];

    start(setting, "retention_ms = 0\nretention_trimmer_interval_s = 0");
    for (int i = 0; i < 50; i++) {
        FF_SCOPED(ff_answer) answer = { 0 };
        struct ff_claim_result claimed;

        ids[i] = create(setting, NULL, 0);
        claimed = claim(setting, "w-1", 30000, &answer);
        complete(setting, &claimed);
    }
    for (int i = 0; i < 50; i++) {
        await_state(setting, ids[i], ""); /* gone */
    }
    stop(setting);
}

/* ---- whoever is killed ---- */

static void
create_many(struct setting *setting)
{
    for (int i = 0; i < MANY; i++) {
        create(setting, NULL, 50 + i % 100);
    }
}

/* Takes and completes all of them; at every quarter something is done to the daemon. */
static void
work_off(struct setting *setting, void (*shake)(struct setting *setting, int quarter))
{
    uint32_t done = 0;
    int quarter = 0;

    while (done < MANY) {
        struct ff_claim_many_args args = { .lane_id = ff_cstr(FF_TEST_LANE),
                                           .worker_id = ff_cstr("test"),
                                           .worker_instance_id = ff_cstr("w-1"),
                                           .lease_ttl_ms = 60000,
                                           .block_ms = 10000,
                                           .max = 16,
                                           .include_reclaimable = true };
        struct ff_claim_many_result result;
        FF_SCOPED(ff_answer) answer = { 0 };

        assert_int_equal(ff_client_claim_many(setting->client, &args, &result, &answer), FF_E_OK);
        assert_true(result.claims.n > 0);
        for (uint32_t i = 0; i < result.claims.n; i++) {
            const struct ff_claim_result claimed = { .handle = &result.claims.v[i].handle };

            assert_int_equal(result.claims.v[i].attempt_index, 0);
            complete(setting, &claimed);
        }
        done += result.claims.n;
        if (quarter < 3 && done >= (uint32_t) (MANY / 4 * (quarter + 1))) {
            shake(setting, quarter++);
        }
    }
    assert_int_equal(done, MANY);
}

static void
kill_promoter(struct setting *setting, int quarter)
{
    (void) quarter;
    ff_daemon_kill(&setting->scanners[PROMOTE]);
    ff_daemon_start(&setting->scanners[PROMOTE], NULL);
}

static void
test_promoter_killed_under_load(void **state)
{
    struct setting *setting = *state;

    start(setting, NULL);
    create_many(setting);
    work_off(setting, kill_promoter);
    stop(setting);
}

static void
kill_broker(struct setting *setting, int quarter)
{
    (void) quarter;
    ff_daemon_kill(&setting->broker);
    ff_daemon_start(&setting->broker, NULL);
}

static void
test_broker_killed_under_waiting_scanners(void **state)
{
    struct setting *setting = *state;

    start(setting, NULL);
    create_many(setting);
    work_off(setting, kill_broker);
    stop(setting);
}

static void
test_scanners_before_the_broker(void **state)
{
    struct setting *setting = *state;
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_eid id;

    start(setting, NULL);
    ff_daemon_stop(&setting->broker); /* ends though scanners wait in it */
    ff_daemon_start(&setting->broker, NULL);
    id = create(setting, NULL, 100);
    assert_true(ff_eid_eq(claim(setting, "w-1", 30000, &answer).execution_id.v, id));
    ff_daemon_stop(&setting->broker);
    for (int i = 0; i < SCANNERS; i++) {
        ff_daemon_stop(&setting->scanners[i]); /* with nobody there to answer */
    }
}

static void
test_unknown_name(void **state)
{
    struct setting *setting = *state;
    int status = 0;

    setting->scanners[0].name = "sweep";
    ff_daemon_start(&setting->broker, NULL);
    ff_daemon_spawn(&setting->scanners[0], NULL);
    assert_false(ff_daemon_await_ready(&setting->scanners[0]));
    status = ff_daemon_wait(&setting->scanners[0]);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 2);
}

/* ---- test mode ---- */

/* Moves the engine's clock. */
static void
set_clock(struct setting *setting, int64_t now_ms)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_packer map;

    ff_packer_init(&map);
    msgpack_pack_map(&map.pk, 1);
    ff_pack_cstr(&map.pk, "now_ms");
    msgpack_pack_int64(&map.pk, now_ms);
    assert_int_equal(ff_client_call_named(setting->client, ff_cstr("server_time_ms"),
                                          ff_packer_str(&map), &answer),
                     FF_E_OK);
    ff_packer_done(&map);
}

static void
on_scanned(void *ctx, const struct ff_ctl_answer *answer)
{
    struct ff_ctl_scan_result *result = ctx;

    assert_int_equal(answer->fault.code, FF_E_OK);
    *result = *(const struct ff_ctl_scan_result *) answer->result;
    ev_break(ev_default_loop(EVFLAG_AUTO), EVBREAK_ALL);
}

/* What the supervisor does for run_scanner. */
static struct ff_ctl_scan_result
scan(struct ff_ctl *ctl, const char *name, int64_t now_ms)
{
    const struct ff_ctl_scan_args args = { .name = ff_cstr(name),
                                           .now_ms = FF_SOME(ff_opt_i64, now_ms) };
    struct ff_ctl_scan_result result = { .processed = 99 };

    ff_ctl_call(ctl, FF_CTL_scan, &args, on_scanned, &result);
    ev_run(ev_default_loop(EVFLAG_AUTO), 0);
    return result;
}

static void
test_on_demand_only_in_test_mode(void **state)
{
    const struct ff_ctl_owner owner = { 0 };
    struct setting *setting = *state;
    int64_t now_ms = ff_wall_ms() + 100000;
    struct ff_ctl_scan_result ran;
    struct ff_ctl *ctl = NULL;
    struct ff_eid id;

    setting->scanners[PROMOTE].with_ctl = true;
    start(setting, "test_mode = true");
    ctl = ff_ctl_new(ev_default_loop(EVFLAG_AUTO), setting->scanners[PROMOTE].ctl_fd, &owner);
    id = create(setting, NULL, 50000);
    set_clock(setting, now_ms);
    for (int i = 0; i < 200; i++) {
        ff_test_ping(setting->client);
    }
    assert_string_equal(ff_test_state(setting->client, id), "delayed");
    ran = scan(ctl, "delayed_promoter", now_ms - 90000);
    assert_int_equal(ran.processed, 0);
    ran = scan(ctl, "delayed_promoter", now_ms);
    assert_int_equal(ran.processed, 1);
    assert_int_equal(ran.errors, 0);
    assert_string_equal(ff_test_state(setting->client, id), "waiting");
    ran = scan(ctl, "delayed_promoter", now_ms);
    assert_int_equal(ran.processed, 0);
    ff_ctl_free(ctl); /* its end is the supervisor's: the scanner ends too */
    assert_true(WIFEXITED(ff_daemon_wait(&setting->scanners[PROMOTE])));
}

static void
call_json(struct setting *setting, const char *op, const char *json)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_packer map;

    ff_packer_init(&map);
    assert_int_equal(ff_json_to_msgpack(NULL, ff_cstr(json), &map.pk, &fault), FF_E_OK);
    assert_int_equal(
        ff_client_call_named(setting->client, ff_cstr(op), ff_packer_str(&map), &answer), FF_E_OK);
    ff_packer_done(&map);
}

/* In test mode the engine does not drain backlogs by itself. */
static void
test_backlog(void **state)
{
#define FLOW "\"flow_id\":\"f1000000-0000-4000-8000-000000000001\""
#define MEMBER(key) "{\"key\":\"" key "\",\"lane_id\":\"default\",\"execution_kind\":\"k\"}"
    const struct ff_ctl_owner owner = { 0 };
    struct setting *setting = *state;
    int64_t now_ms = ff_wall_ms() + 100000;
    struct ff_ctl_scan_result ran;
    struct ff_ctl *ctl = NULL;

    setting->scanners[CANCEL].with_ctl = true;
    start(setting, "test_mode = true");
    ctl = ff_ctl_new(ev_default_loop(EVFLAG_AUTO), setting->scanners[CANCEL].ctl_fd, &owner);
    call_json(setting, "submit_flow",
              "{\"flow\":{" FLOW ",\"flow_kind\":\"dag\",\"namespace\":\"test\"},"
              "\"members\":[" MEMBER("a") "," MEMBER("b") "]}");
    call_json(setting, "cancel_flow_header",
              "{" FLOW ",\"policy\":\"cancel_all\",\"reason\":\"op\",\"grace_ms\":50000}");
    ran = scan(ctl, "cancel_reconciler", now_ms - 90000);
    assert_int_equal(ran.processed, 0);
    ran = scan(ctl, "cancel_reconciler", now_ms);
    assert_int_equal(ran.processed, 2);
    assert_int_equal(ran.errors, 0);
    ran = scan(ctl, "cancel_reconciler", now_ms); /* acknowledged: nothing is left */
    assert_int_equal(ran.processed, 0);
    ff_ctl_free(ctl);
    assert_true(WIFEXITED(ff_daemon_wait(&setting->scanners[CANCEL])));
}

/* What is left of a decided group when the engine does nothing by itself: a cascade, siblings, a
 * summary. */
static void
test_siblings(void **state)
{
    const struct ff_ctl_owner owner = { 0 };
    struct setting *setting = *state;
    struct ff_ctl *reconcile = NULL, *cancel = NULL;
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_claim_result claimed;
    int64_t now_ms = ff_wall_ms() + 100000;

    setting->scanners[CANCEL].with_ctl = setting->scanners[RECONCILE].with_ctl = true;
    start(setting, "test_mode = true");
    cancel = ff_ctl_new(ev_default_loop(EVFLAG_AUTO), setting->scanners[CANCEL].ctl_fd, &owner);
    reconcile =
        ff_ctl_new(ev_default_loop(EVFLAG_AUTO), setting->scanners[RECONCILE].ctl_fd, &owner);
    call_json(setting, "submit_flow",
              "{\"flow\":{" FLOW ",\"flow_kind\":\"dag\",\"namespace\":\"test\"},"
              "\"members\":[" MEMBER("a") "," MEMBER("b") "," MEMBER("c") "," MEMBER(
                  "d") "],"
                       "\"edges\":[{\"from\":\"a\",\"to\":\"d\"},{\"from\":\"b\",\"to\":\"d\"},"
                       "{\"from\":\"c\",\"to\":\"d\"}],\"groups\":[{\"member\":\"d\",\"policy\":"
                       "{\"kind\":\"any_of\",\"on_satisfied\":\"cancel_remaining\"}}]}");
    claimed = claim(setting, "w-1", 30000, &answer);
    complete(setting, &claimed);
    assert_int_equal(scan(cancel, "edge_cancel_dispatcher", now_ms).processed, 0);
    assert_int_equal(scan(reconcile, "dependency_reconciler", now_ms).processed, 1);
    assert_int_equal(scan(cancel, "edge_cancel_dispatcher", now_ms).processed, 3); /* and a drain */
    assert_int_equal(scan(cancel, "edge_cancel_dispatcher", now_ms).processed, 0);
    assert_int_equal(scan(reconcile, "flow_projector", now_ms).processed, 1);
    assert_int_equal(scan(reconcile, "flow_projector", now_ms).processed, 0);
    ff_ctl_free(cancel);
    ff_ctl_free(reconcile);
    assert_true(WIFEXITED(ff_daemon_wait(&setting->scanners[CANCEL])));
    assert_true(WIFEXITED(ff_daemon_wait(&setting->scanners[RECONCILE])));
}

#define TEST(name_, test_)                                                                         \
    {                                                                                              \
        .name = (name_), .test_func = (test_), .setup_func = setup, .teardown_func = teardown      \
    }

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("07 ex 39 lapsed work goes to a waiting claim, and ends at its cap", test_ex_39),
        TEST("delays end, each in its time", test_delays),
        TEST("a retry comes after its pause", test_retry),
        TEST("an attempt and a waiting execution time out", test_timeouts),
        TEST("what has ended is not kept", test_retention),
        TEST("the promoter killed under load", test_promoter_killed_under_load),
        TEST("the broker killed under waiting scanners", test_broker_killed_under_waiting_scanners),
        TEST("scanners outlive the broker", test_scanners_before_the_broker),
        TEST("an unknown scanner process is refused", test_unknown_name),
        TEST("07 ex 21 a backlog is cancelled and acknowledged", test_backlog),
        TEST("a decided group, when the engine does nothing by itself", test_siblings),
        TEST("in test mode a cycle runs on demand only", test_on_demand_only_in_test_mode),
    };

    return ff_run_rows("scanners", NULL, 0, tests, FF_COUNT(tests));
}
