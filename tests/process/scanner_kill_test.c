/* scanner_kill_test.c: kill -9 of each scanner process of a whole daemon, several times, while it
 * has work and others load the broker: what time requires is done all the same, all of it, once.
 */
#include <signal.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/id.h"
#include "core/partition.h"
#include "tests/process/calls.h"
#include "tests/process/crew.h"
#include "tests/process/tree.h"

/* What each scanner is given, and how often it is killed over it. */
#define ITEMS 120
#define KILLS 4
/* Calls of the crew between two kills. */
#define STEPS 200
#define LANE "own"
#define SETTINGS                                                                                   \
    "log_level = warn\nrestart_max = 100\nretention_trimmer_interval_s = 0\n"                      \
    "budget_reset_interval_s = 0"

struct setting {
    struct ff_client *client;    /* of the operator's socket */
    struct ff_eid ids[ITEMS];    /* executions */
    struct ff_uuid uuids[ITEMS]; /* flows, budgets */
};

/* ---- calls ---- */

static struct ff_eid
create(struct setting *setting, const char *policy_json, int64_t delay_ms)
{
    struct ff_create_execution_args args = ff_test_create_args(ff_test_eid(), ff_cstr(NULL));
    struct ff_create_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_packer) policy;
    struct ff_fault fault = { 0 };

    ff_packer_init(&policy);
    args.lane_id = ff_cstr(LANE);
    args.execution_id.partition = ff_partition_of_lane(args.lane_id, 256);
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

static void
complete(struct setting *setting, const struct ff_handle *handle)
{
    const struct ff_complete_args args = { .handle = *handle };
    struct ff_complete_result result;
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_complete(setting->client, &args, &result, &answer), FF_E_OK);
}

/* As one who is able to complete them, or as one who is never heard of again and leaves alone what
 * has lapsed meanwhile. */
static uint32_t
claim_many(struct setting *setting, bool able, uint64_t ttl_ms, struct ff_claim_many_result *result,
           struct ff_answer *answer)
{
    const struct ff_claim_many_args args = { .lane_id = ff_cstr(LANE),
                                             .worker_id = ff_cstr("test"),
                                             .worker_instance_id = ff_cstr(able ? "able" : "gone"),
                                             .lease_ttl_ms = ttl_ms,
                                             .block_ms = 20000,
                                             .max = 16,
                                             .include_reclaimable = able };

    assert_int_equal(ff_client_claim_many(setting->client, &args, result, answer), FF_E_OK);
    assert_true(result->claims.n > 0);
    return result->claims.n;
}

/* Takes and completes all of them, each in this attempt. */
static void
work_off(struct setting *setting, uint32_t attempt_index)
{
    for (uint32_t done = 0; done < ITEMS;) {
        struct ff_claim_many_result result;
        FF_SCOPED(ff_answer) answer = { 0 };

        done += claim_many(setting, true, 60000, &result, &answer);
        for (uint32_t i = 0; i < result.claims.n; i++) {
            assert_int_equal(result.claims.v[i].attempt_index, attempt_index);
            complete(setting, &result.claims.v[i].handle);
        }
        assert_true(done <= ITEMS);
    }
}

/* A claim where nothing is: what passes the time between two looks. */
static void
pass_time(struct setting *setting)
{
    struct ff_claim_args args = ff_test_claim_args("nobody", 1000, 20);
    struct ff_claim_result result;
    FF_SCOPED(ff_answer) answer = { 0 };

    args.lane_id = ff_cstr("empty");
    assert_int_equal(ff_client_claim(setting->client, &args, &result, &answer), FF_E_OK);
}

static void
await_states(struct setting *setting, const char *state)
{
    for (int i = 0, looks = 0; i < ITEMS; looks++) {
        if (strcmp(ff_test_state(setting->client, setting->ids[i]), state) == 0) {
            i++;
        } else if (looks < 2000) {
            pass_time(setting);
        } else {
            fail_msg("one of them is still %s, not '%s'",
                     ff_test_state(setting->client, setting->ids[i]), state);
        }
    }
}

/* ---- the work of each ---- */

/* Claimed by somebody who is never heard of again. */
static void
load_lease(struct setting *setting)
{
    for (int i = 0; i < ITEMS; i++) {
        setting->ids[i] = create(setting, NULL, 0);
    }
    for (uint32_t taken = 0; taken < ITEMS;) {
        struct ff_claim_many_result result;
        FF_SCOPED(ff_answer) answer = { 0 };

        taken += claim_many(setting, false, 500 + 5 * taken, &result, &answer);
    }
}

static void
await_lease(struct setting *setting)
{
    work_off(setting, 1);
    await_states(setting, "completed");
}

static void
load_promote(struct setting *setting)
{
    for (int i = 0; i < ITEMS; i++) {
        setting->ids[i] = create(setting, NULL, 100 + 10 * (ITEMS - i));
    }
}

static void
await_promote(struct setting *setting)
{
    work_off(setting, 0);
    await_states(setting, "completed");
}

static struct ff_uuid
create_budget(struct setting *setting, uint64_t reset_interval_ms, uint64_t spent)
{
    static struct ff_str tokens = { "tokens", 6 };
    static uint64_t ten = 10, none;
    const struct ff_create_budget_args args = {
        .budget_id = ff_test_eid().uuid,
        .scope_type = ff_cstr("test"),
        .scope_id = ff_cstr("test"),
        .enforcement_mode = ff_cstr("strict"),
        .on_hard_limit = ff_cstr("fail"),
        .on_soft_limit = ff_cstr("warn"),
        .reset_interval_ms = reset_interval_ms,
        .dimensions = { .v = &tokens, .n = 1 },
        .hard_limits = { .v = &ten, .n = 1 },
        .soft_limits = { .v = &none, .n = 1 },
    };
    const struct ff_report_usage_admin_args report = { .budget_id = args.budget_id,
                                                       .dimensions = args.dimensions,
                                                       .deltas = { .v = &spent, .n = 1 } };
    struct ff_create_budget_result created = { 0 };
    struct ff_report_usage_admin_result reported = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) of_report = { 0 };

    assert_int_equal(ff_client_create_budget(setting->client, &args, &created, &answer), FF_E_OK);
    assert_int_equal(ff_client_report_usage_admin(setting->client, &report, &reported, &of_report),
                     FF_E_OK);
    assert_string_equal(reported.outcome, "ok");
    return args.budget_id;
}

/* All of them want of one budget, and it is spent. */
static void
load_unblock(struct setting *setting)
{
    char policy[128], id[FF_UUID_TEXT_MAX];

    setting->uuids[0] = create_budget(setting, 0, 10);
    ff_uuid_text(&setting->uuids[0], id);
    snprintf(policy, sizeof(policy), "{\"budget_ids\":[\"%s\"]}", id);
    for (int i = 0; i < ITEMS; i++) {
        struct ff_block_execution_for_admission_args args = {
            .execution_id = create(setting, policy, 0),
            .lane_id = ff_cstr(LANE),
            .reason = ff_cstr("waiting_for_budget"),
        };
        struct ff_block_execution_for_admission_result result = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        assert_int_equal(
            ff_client_block_execution_for_admission(setting->client, &args, &result, &answer),
            FF_E_OK);
        assert_string_equal(result.outcome, "blocked");
        setting->ids[i] = args.execution_id;
    }
}

static void
reset_budget(struct setting *setting)
{
    const struct ff_reset_budget_args args = { .budget_id = setting->uuids[0] };
    struct ff_reset_budget_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    await_states(setting, "rate_limited"); /* nothing has let them go */
    assert_int_equal(ff_client_reset_budget(setting->client, &args, &result, &answer), FF_E_OK);
}

/* Nobody claims: it is the scanner that lets them go. */
static void
await_unblock(struct setting *setting)
{
    await_states(setting, "waiting");
}

/* A flow of one member each, cancelled after a while. */
static void
load_cancel(struct setting *setting)
{
    for (int i = 0; i < ITEMS; i++) {
        struct ff_submit_member member = { .key = ff_cstr("one"),
                                           .lane_id = ff_cstr(LANE),
                                           .execution_kind = ff_cstr("test"),
                                           .creator_identity = ff_cstr("") };
        const struct ff_submit_flow_args submit = {
            .flow = { .flow_id = ff_test_eid().uuid,
                      .flow_kind = ff_cstr("test"),
                      .namespace = ff_cstr("test") },
            .members = { .v = &member, .n = 1 },
        };
        const struct ff_cancel_flow_header_args cancel = { .flow_id = submit.flow.flow_id,
                                                           .reason = ff_cstr("enough"),
                                                           .policy = ff_cstr("cancel_all"),
                                                           .grace_ms = ff_str("\xcd\x03\xe8", 3) };
        struct ff_submit_flow_result submitted = { 0 };
        struct ff_cancel_flow_header_result cancelled = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };
        FF_SCOPED(ff_answer) of_cancel = { 0 };

        assert_int_equal(ff_client_submit_flow(setting->client, &submit, &submitted, &answer),
                         FF_E_OK);
        assert_int_equal(
            ff_client_cancel_flow_header(setting->client, &cancel, &cancelled, &of_cancel),
            FF_E_OK);
        assert_int_equal(cancelled.member_execution_ids.n, 1);
        assert_int_equal(ff_eid_parse(cancelled.member_execution_ids.v[0], "member",
                                      &setting->ids[i], &answer.fault),
                         FF_E_OK);
    }
}

static void
await_cancel(struct setting *setting)
{
    await_states(setting, "cancelled");
}

static void
load_timers(struct setting *setting)
{
    for (int i = 0; i < ITEMS; i++) {
        char policy[128];

        snprintf(policy, sizeof(policy), "{\"timeout_policy\":{\"execution_deadline_ms\":%d}}",
                 100 + 10 * (ITEMS - i));
        setting->ids[i] = create(setting, policy, 0);
    }
}

static void
await_timers(struct setting *setting)
{
    await_states(setting, "expired");
}

static void
load_reconcile(struct setting *setting)
{
    for (int i = 0; i < ITEMS; i++) {
        setting->uuids[i] = create_budget(setting, 1000 + 10 * (uint64_t) i, 7);
    }
}

static void
await_reconcile(struct setting *setting)
{
    for (int i = 0, looks = 0; i < ITEMS;) {
        const struct ff_get_budget_status_args args = { .budget_id = setting->uuids[i] };
        struct ff_get_budget_status_result result = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        assert_int_equal(ff_client_get_budget_status(setting->client, &args, &result, &answer),
                         FF_E_OK);
        if (result.reset_count > 0) {
            assert_int_equal(result.usage.n, 1);
            assert_int_equal(result.usage.v[0].value, 0);
            i++;
        } else {
            assert_true(looks++ < 2000);
            pass_time(setting);
        }
    }
}

static void
load_retention(struct setting *setting)
{
    for (int i = 0; i < ITEMS; i++) {
        char policy[128];

        snprintf(policy, sizeof(policy), "{\"stream_policy\":{\"retention_ttl_ms\":%d}}", 10 * i);
        setting->ids[i] = create(setting, policy, 0);
    }
    work_off(setting, 0);
}

static void
await_retention(struct setting *setting)
{
    await_states(setting, ""); /* gone */
}

/* ---- the killing ---- */

static const struct row {
    const char *name;
    const char *scanner;
    void (*load)(struct setting *setting);
    void (*midway)(struct setting *setting); /* after half of the kills */
    void (*await)(struct setting *setting);
} rows[] = {
    { "lapsed leases while lease is killed", "lease", load_lease, NULL, await_lease },
    { "delays while promote is killed", "promote", load_promote, NULL, await_promote },
    { "a budget's reset while unblock is killed", "unblock", load_unblock, reset_budget,
      await_unblock },
    { "backlogs of flows while cancel is killed", "cancel", load_cancel, NULL, await_cancel },
    { "deadlines while timers is killed", "timers", load_timers, NULL, await_timers },
    { "resets of budgets while reconcile is killed", "reconcile", load_reconcile, NULL,
      await_reconcile },
    { "retention while retention is killed", "retention", load_retention, NULL, await_retention },
};

static void
kill_scanner(struct ff_client *control, const char *name)
{
    pid_t pid = ff_tree_await(control, name, FF_CHILD_READY, 0).pid;

    assert_int_equal(kill(pid, SIGKILL), 0);
    ff_tree_await(control, name, FF_CHILD_READY, pid);
}

static void
test_killed(void **state)
{
    const struct row *row = *state;
    struct ff_daemon daemon;
    struct setting *setting = calloc(1, sizeof(*setting));
    struct ff_client *control = NULL;
    struct ff_crew crew;

    assert_non_null(setting);
    ff_daemon_init(&daemon);
    daemon.tree = true;
    ff_daemon_start(&daemon, SETTINGS);
    setting->client = ff_test_client(daemon.operator, NULL);
    control = ff_test_control(&daemon);
    ff_crew_start(&crew, daemon.worker, 1);
    row->load(setting);
    for (int i = 0; i < KILLS; i++) {
        if (i == KILLS / 2 && row->midway != NULL) {
            row->midway(setting);
        }
        kill_scanner(control, row->scanner);
        ff_crew_await(&crew, STEPS);
    }
    row->await(setting);
    ff_crew_stop(&crew);
    ff_crew_check(&crew, setting->client);
    ff_crew_done(&crew);
    ff_client_close(setting->client);
    ff_client_close(control);
    ff_daemon_stop(&daemon);
    ff_daemon_done(&daemon);
    free(setting);
}

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(rows, test_killed) };

    return ff_run_rows("scanner_kill", tables, 1, NULL, 0);
}
