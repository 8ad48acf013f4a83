/* ffctl on a real broker: cancel, replay, priority, revoke, why, history, top. */
#include "core/id.h"
#include "tests/process/calls.h"
#include "tests/process/ffctl.h"

/* A broker, a client of it, and one execution in some state. */
struct scene {
    struct ff_daemon *daemon;
    struct ff_client *client;
    struct ff_answer answer; /* of the claim */
    struct ff_claim_result claim;
    char id[FF_EID_TEXT_MAX];
};

static void
scene_begin(struct scene *scene, void **state)
{
    struct ff_eid id;

    *scene = (struct scene){ .daemon = *state };
    ff_daemon_start(scene->daemon, NULL);
    scene->client = ff_test_client(scene->daemon->operator, NULL);
    id = ff_test_create(scene->client);
    ff_eid_text(&id, scene->id);
}

static void
scene_claim(struct scene *scene, uint64_t ttl_ms)
{
    struct ff_claim_args args = ff_test_claim_args("w-1", ttl_ms, 0);

    scene->claim = ff_test_claim(scene->client, &args, &scene->answer);
}

static void
scene_fail(struct scene *scene)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    const struct ff_fail_args args = { .handle = *scene->claim.handle,
                                       .reason = { .message = ff_cstr("disk\x1b[2Jfull") },
                                       .classification = FF_FAILURE_TRANSIENT };
    struct ff_fail_result result;

    assert_int_equal(ff_client_fail(scene->client, &args, &result, &answer), FF_E_OK);
}

static void
scene_end(struct scene *scene)
{
    ff_answer_done(&scene->answer);
    ff_client_close(scene->client);
    ff_daemon_stop(scene->daemon);
}

/* ffctl COMMAND 'ID' */
static const char *
of(const struct scene *scene, const char *command)
{
    char line[256];

    snprintf(line, sizeof(line), "%s '%s'", command, scene->id);
    return ffctl(scene->daemon, line);
}

/* ---- changing ---- */

static void
test_cancel_and_replay(void **state)
{
    struct scene scene;

    scene_begin(&scene, state);
    assert_says(of(&scene, "replay"), "execution_not_terminal");
    assert_says(of(&scene, "cancel --reason 'not wanted'"), "  cancelled\n[0]");
    assert_says(of(&scene, "cancel"), "  cancelled\n[0]");
    assert_says(of(&scene, "why"), "It was cancelled by operator_override at ");
    assert_says(of(&scene, "why"), ": not wanted.\n[0]");
    assert_says(of(&scene, "--json why"), "\"reason\":\"ended\"");
    assert_says(of(&scene, "history"), "ended: cancelled: not wanted");
    assert_says(of(&scene, "retry --by ada --reason again"), "  waiting\n[0]");
    scene_claim(&scene, 60000);
    assert_says(of(&scene, "history"), "as a replay by ada: again");
    assert_says(of(&scene, "--json cancel"), "\"outcome\":\"cancelled\"");
    assert_says(ffctl(scene.daemon, "cancel nonsense"), "[2]");
    assert_says(ffctl(scene.daemon, "cancel"), "[2]");
    scene_end(&scene);
}

static void
test_one_of_several_fails(void **state)
{
    struct scene scene;
    char line[256];
    const char *out = NULL;

    scene_begin(&scene, state);
    snprintf(line, sizeof(line), "cancel '{fp:0}:00000000-0000-4000-8000-000000000001' '%s'",
             scene.id);
    out = ffctl(scene.daemon, line);
    assert_says(out, "execution_not_found");
    assert_says(out, "It was {fp:0}:00000000-0000-4000-8000-000000000001.");
    assert_says(out, "[1]");
    assert_says(of(&scene, "get"), "cancelled");
    scene_end(&scene);
}

static void
test_priority(void **state)
{
    struct scene scene;

    scene_begin(&scene, state);
    assert_says(of(&scene, "priority 70"), "  0 -> 70\n[0]");
    assert_says(of(&scene, "priority 10000"), "  70 -> 9000\n[0]");
    assert_says(of(&scene, "priority high"), "[2]");
    assert_says(ffctl(scene.daemon, "priority 5"), "[2]");
    scene_claim(&scene, 60000);
    assert_says(of(&scene, "priority 5"), "execution_not_eligible");
    scene_end(&scene);
}

static void
test_revoke(void **state)
{
    struct scene scene;

    scene_begin(&scene, state);
    assert_says(of(&scene, "revoke"), "nothing to revoke: no_active_lease\n[0]");
    scene_claim(&scene, 60000);
    assert_says(of(&scene, "why"), "It runs, as attempt 0 on worker w-1, last heard of at ");
    assert_says(of(&scene, "revoke --worker w-2"), "different_worker_instance_id\n[1]");
    assert_says(of(&scene, "revoke --reason maintenance"), "  revoked lease ");
    assert_says(of(&scene, "revoke"), "nothing to revoke: already_revoked\n[0]");
    assert_says(of(&scene, "why"), "Worker w-1 was deprived of it at ");
    assert_says(of(&scene, "history"), "the lease was revoked by operator: maintenance");
    scene_end(&scene);
}

/* ---- why, history ---- */

static void
test_why_it_is_queued(void **state)
{
    struct scene scene;
    char id[FF_EID_TEXT_MAX], line[256];
    struct ff_eid second;

    scene_begin(&scene, state);
    second = ff_test_create(scene.client);
    ff_eid_text(&second, id);
    assert_says(of(&scene, "why"), "It is the next of lane default");
    snprintf(line, sizeof(line), "why '%s'", id);
    assert_says(ffctl(scene.daemon, line), "It waits behind 1 other in lane default.\n[0]");
    assert_says(ffctl(scene.daemon, "call set_lane_state "
                                    "'{\"lane_id\":\"default\",\"state\":\"paused\"}'"),
                "paused");
    assert_says(of(&scene, "why"), "Lane default is paused");
    assert_says(of(&scene, "--json why"), "\"reason\":\"lane_closed\"");
    assert_says(ffctl(scene.daemon, "why '{fp:0}:00000000-0000-4000-8000-000000000001'"),
                "there is no execution");
    scene_end(&scene);
}

static void
test_why_it_is_delayed(void **state)
{
    struct scene scene;
    char line[256], id[64] = "";

    scene_begin(&scene, state);
    assert_int_equal(
        sscanf(ffctl(scene.daemon, "submit later --delay 2h --lane default"), "%63s", id), 1);
    snprintf(line, sizeof(line), "why '%s'", id);
    assert_says(ffctl(scene.daemon, line), "It is delayed until ");
    assert_says(ffctl(scene.daemon, line), "in 119 min");
    snprintf(line, sizeof(line), "--json why '%s'", id);
    assert_says(ffctl(scene.daemon, line), "\"until\":1");
    snprintf(line, sizeof(line), "history '%s'", id);
    assert_says(ffctl(scene.daemon, line), "-- now --");
    scene_end(&scene);
}

static void
test_why_it_is_kept_back(void **state)
{
    struct scene scene;
    char line[512];

    scene_begin(&scene, state);
    snprintf(line, sizeof(line),
             "call block_execution_for_admission '{\"execution_id\":\"%s\",\"lane_id\":\"default\","
             "\"reason\":\"paused_by_operator\",\"reason_detail\":\"for ada\"}'",
             scene.id);
    assert_says(ffctl(scene.daemon, line), "blocked");
    assert_says(of(&scene, "why"), "An operator holds it back (for ada).\n[0]");
    scene_end(&scene);
}

static void
test_history_of_a_failure(void **state)
{
    struct scene scene;
    const char *out = NULL;

    scene_begin(&scene, state);
    scene_claim(&scene, 60000);
    scene_fail(&scene);
    out = of(&scene, "history");
    assert_says(out, "created, in lane default with priority 0");
    assert_says(out, "attempt 0 begins on w-1");
    assert_says(out, "attempt 0 failed: disk\\x1b[2Jfull (transient), after ");
    assert_says(out, "ended: failed");
    assert_says(out, "`ffctl replay' runs it again.\n[0]");
    out = of(&scene, "--json history");
    assert_says(out, "{\"info\":{");
    assert_says(out, "{\"attempt\":{");
    assert_says(out, "{\"lease\":{\"event\":\"acquired\"");
    scene_end(&scene);
}

/* Gives the lease up until now, and has the execution made ready again. */
static void
scene_delay(struct scene *scene)
{
    const struct ff_delay_args args = { .handle = *scene->claim.handle, .delay_until = 1 };
    const struct ff_promote_delayed_args promote_args = { .execution_id =
                                                              scene->claim.execution_id.v,
                                                          .lane_id = ff_cstr("") };
    struct ff_delay_result delayed;
    struct ff_promote_delayed_result promoted;
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) promote_answer = { 0 };

    assert_int_equal(ff_client_delay(scene->client, &args, &delayed, &answer), FF_E_OK);
    assert_int_equal(
        ff_client_promote_delayed(scene->client, &promote_args, &promoted, &promote_answer),
        FF_E_OK);
    assert_string_equal(promoted.outcome, "promoted");
    ff_answer_done(&scene->answer);
    scene->answer = (struct ff_answer){ 0 };
}

/* Its record knows the last lease only; the feed knows them all. */
static void
test_history_of_leases(void **state)
{
    struct scene scene;
    const char *out = NULL;

    scene_begin(&scene, state);
    for (int i = 0; i < 3; i++) {
        scene_claim(&scene, 60000);
        if (i < 2) {
            scene_delay(&scene);
        }
    }
    out = of(&scene, "history");
    assert_says(out, "attempt 0 begins on w-1");
    assert_says(out, "attempt 0 is delayed");
    assert_says(strstr(out, "attempt 0 is delayed"), "attempt 0 goes on on w-1");
    out = strstr(strstr(out, "goes on"), "attempt 0 is delayed");
    assert_non_null(out);
    assert_says(out, "attempt 0 goes on on w-1");
    scene_end(&scene);
}

/* ---- top ---- */

static void
test_top(void **state)
{
    struct scene scene;
    struct ff_eid more;
    const char *out = NULL;

    scene_begin(&scene, state);
    more = ff_test_create(scene.client);
    assert_string_equal(ff_test_state(scene.client, more), "waiting");
    scene_claim(&scene, 60000);
    out = ffctl(scene.daemon, "top --count 2 --interval 1ms");
    assert_says(out, "1 lane, 1 worker, 1 running, 0 overdue\n\nLANE     STATE   WAITING\n"
                     "default  active  1\n\nWORKER  RUNNING  OVERDUE  SEEN\nw-1     1        0");
    assert_says(out, "0.0/s begin, 0.0/s end"); /* the second look */
    assert_says(out, "[0]");
    out = ffctl(scene.daemon, "--json top --count 1");
    assert_says(out, "\"running\":1,\"overdue\":0");
    assert_says(out, "{\"lane_id\":\"default\",\"state\":\"active\",\"waiting\":1,"
                     "\"more\":false}");
    assert_says(out, "{\"worker_instance_id\":\"w-1\",\"running\":1,\"overdue\":0,"
                     "\"registered\":false}");
    assert_says(ffctl(scene.daemon, "top --interval never"), "[2]");
    scene_end(&scene);
}

#define FFCTL_TEST(name_, test_)                                                                   \
    {                                                                                              \
        .name = (name_), .test_func = (test_), .setup_func = ff_daemon_setup,                      \
        .teardown_func = ff_daemon_teardown                                                        \
    }

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        FFCTL_TEST("cancel, and replay", test_cancel_and_replay),
        FFCTL_TEST("one of several fails", test_one_of_several_fails),
        FFCTL_TEST("priority", test_priority),
        FFCTL_TEST("revoke", test_revoke),
        FFCTL_TEST("why it is queued", test_why_it_is_queued),
        FFCTL_TEST("why it is delayed", test_why_it_is_delayed),
        FFCTL_TEST("why it is kept back", test_why_it_is_kept_back),
        FFCTL_TEST("top", test_top),
        FFCTL_TEST("the history of a failure", test_history_of_a_failure),
        FFCTL_TEST("the history of its leases", test_history_of_leases),
    };

    return ff_run_rows("ffctl", NULL, 0, tests, FF_COUNT(tests));
}
