/* examples/deploy: a handler that waits for two of three approvers, with a whole daemon. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "core/id.h"
#include "tests/process/calls.h"
#include "tests/process/daemon.h"

static const char sections[] = "suspension_timeout_interval_s = 0\n"
                               "worker \"deployer\" {\n"
                               "  handler \"deploy\" { exec = {\"" FF_TEST_DEPLOY "\"} }\n"
                               "}\n";

static struct ff_eid
submit(struct ff_client *client, const char *what, const char *within)
{
    struct ff_tag tag = { ff_cstr("deploy.within"), ff_cstr(within) };
    struct ff_create_execution_args args = ff_test_create_args(ff_test_eid(), ff_cstr(what));
    struct ff_create_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    args.execution_kind = ff_cstr("deploy");
    args.tags = (struct ff_tags){ .v = &tag, .n = 1 };
    assert_int_equal(ff_client_create_execution(client, &args, &result, &answer), FF_E_OK);
    return args.execution_id;
}

/* Asks until it is in this state, or has ended otherwise. */
static void
await(struct ff_client *client, struct ff_eid id, const char *want)
{
    const char *state = "";

    do {
        state = ff_test_state(client, id);
    } while (strcmp(state, "waiting") == 0 || strcmp(state, "active") == 0 ||
             (strcmp(state, "suspended") == 0 && strcmp(want, "suspended") != 0));
    assert_string_equal(state, want);
}

/* The waitpoint of an approver. */
static struct ff_uuid
waitpoint_of(struct ff_client *client, struct ff_eid id, const char *approver)
{
    const struct ff_list_pending_waitpoints_args args = { .execution_id = id, .limit = 10 };
    struct ff_list_pending_waitpoints_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_list_pending_waitpoints(client, &args, &result, &answer), FF_E_OK);
    assert_int_equal(result.entries.n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        if (ff_str_is(result.entries.v[i].waitpoint_key, approver)) {
            return result.entries.v[i].waitpoint_id;
        }
    }
    fail_msg("%s is not asked", approver);
    return (struct ff_uuid){ { 0 } };
}

static void
approve(const struct ff_daemon *daemon, struct ff_client *client, struct ff_eid id,
        const char *approver)
{
    struct ff_uuid waitpoint = waitpoint_of(client, id, approver);
    char eid[FF_EID_TEXT_MAX], uuid[FF_UUID_TEXT_MAX], line[1024];

    ff_eid_text(&id, eid);
    ff_uuid_text(&waitpoint, uuid);
    snprintf(line, sizeof(line), "%s --socket %s/run approve '%s' %s --by %s >/dev/null",
             FF_TEST_FFCTL, daemon->dir, eid, uuid, approver);
    assert_int_equal(system(line), 0);
}

static void
test_deploy(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_get_execution_result_args get = { 0 };
    struct ff_get_execution_result_result got = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_client *client = NULL;
    struct ff_eid web, forgotten;

    setenv("FFCTL", FF_TEST_FFCTL, 1);
    ff_daemon_start(daemon, sections);
    client = ff_test_client(daemon->operator, NULL);
    web = submit(client, "web 1.4", "1h");
    forgotten = submit(client, "db 2.0", "100ms");
    await(client, web, "suspended");
    approve(daemon, client, web, "carol");
    assert_string_equal(ff_test_state(client, web), "suspended");
    approve(daemon, client, web, "alice");
    await(client, web, "completed");
    get.execution_id = web;
    assert_int_equal(ff_client_get_execution_result(client, &get, &got, &answer), FF_E_OK);
    if (!ff_str_is(got.result, "deployed web 1.4, approved by carol alice\n")) {
        fail_msg("the result is: %.*s", (int) got.result.n, got.result.p);
    }
    await(client, forgotten, "cancelled");
    ff_client_close(client);
    ff_daemon_stop(daemon);
}

int
main(void)
{
    static const struct CMUnitTest singles[] = {
        { "two of three approve; nobody does in time", test_deploy, ff_daemon_setup_tree,
          ff_daemon_teardown, NULL },
    };

    return ff_run_rows("deploy", NULL, 0, singles, FF_COUNT(singles));
}
