/* Signing keys and suspensions of a real daemon: boot (08 §4, step 5), ffctl, libflowfabric. */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/id.h"
#include "tests/process/calls.h"
#include "tests/process/daemon.h"
#include "tests/process/ffctl.h"
#include "workers/suspend.h"

#define SECRET_1 "0101010101010101010101010101010101010101010101010101010101010101"
#define SECRET_2 "0202020202020202020202020202020202020202020202020202020202020202"

static const char *
key_path(const struct ff_daemon *daemon)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/state/waitpoint.key", daemon->dir);
    return path;
}

/* ---- suspending ---- */

static const struct ff_awaited approvers[] = { { "alice", "approved" },
                                               { "bob", "approved" },
                                               { "carol", "approved" } };

struct waiting {
    struct ff_eid id;
    struct ff_waitpoint_ref refs[3];
};

static void
copy_ref(struct ff_arena *arena, const struct ff_waitpoint_ref *from, struct ff_waitpoint_ref *to)
{
    to->waitpoint_id = from->waitpoint_id;
    to->waitpoint_key = ff_arena_copy(arena, from->waitpoint_key);
    to->waitpoint_token = ff_arena_copy(arena, from->waitpoint_token);
}

/* An execution that waits for `wanted` of three approvers. */
static struct waiting
suspend(struct ff_client *client, uint32_t wanted, uint64_t timeout_ms, struct ff_arena *arena)
{
    const struct ff_claim_args claiming = ff_test_claim_args("w-1", 60000, 0);
    const struct ff_awaiting awaiting = { .v = approvers, .n = 3, .wanted = wanted };
    struct ff_suspending with = { .reason = FF_SUSPEND_APPROVAL,
                                  .timeout_ms = timeout_ms,
                                  .on_timeout = FF_ONTIME_CANCEL };
    struct waiting out = { .id = ff_test_create(client) };
    FF_SCOPED(ff_answer) of_claim = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_suspend_result result = { 0 };
    struct ff_claim_result claim = ff_test_claim(client, &claiming, &of_claim);

    with.handle = *claim.handle;
    assert_int_equal(ff_suspend_on(client, &with, &awaiting, &result, &answer), FF_E_OK);
    assert_string_equal(result.outcome, "suspended");
    for (uint32_t i = 0; i < 3; i++) {
        struct ff_waitpoint_ref ref = ff_suspend_waitpoint(&result, i);

        assert_true(ff_str_is(ref.waitpoint_key, approvers[i].key));
        copy_ref(arena, &ref, &out.refs[i]);
    }
    return out;
}

static struct ff_deliver_signal_args
approved(const struct waiting *waiting, uint32_t by)
{
    return (struct ff_deliver_signal_args){
        .execution_id = waiting->id,
        .waitpoint_id = waiting->refs[by].waitpoint_id,
        .signal_name = ff_cstr("approved"),
        .signal_category = ff_cstr(""),
        .source_type = ff_cstr("user"),
        .source_identity = ff_cstr(approvers[by].key),
        .payload_encoding = ff_cstr("json"),
        .dedup_ttl_ms = 86400000,
        .signal_maxlen = 1000,
        .waitpoint_token = waiting->refs[by].waitpoint_token,
    };
}

static void
test_two_of_three(void **state)
{
    struct ff_daemon *daemon = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_deliver_signal_result result = { 0 };
    struct ff_deliver_signal_args args;
    struct ff_client *client = NULL;
    struct waiting waiting;
    struct ff_pending claim;
    const struct ff_claim_args claiming = ff_test_claim_args("w-2", 60000, 30000);

    ff_daemon_start(daemon, NULL);
    client = ff_test_client(daemon->operator, NULL);
    waiting = suspend(client, 2, 60000, &arena);
    args = approved(&waiting, 2);
    assert_int_equal(ff_signal_bridge(client, &args, &result, &answer), FF_E_OK);
    assert_int_equal(result.effect.v, FF_EFFECT_APPENDED);
    args = approved(&waiting, 0);
    args.waitpoint_token = waiting.refs[1].waitpoint_token;
    ff_answer_done(&answer);
    answer = (struct ff_answer){ 0 };
    assert_int_equal(ff_signal_bridge(client, &args, &result, &answer), FF_E_TOKEN_MISMATCH);
    ff_pending_start(&claim, client, FF_OP_claim, &claiming); /* waits until it goes on */
    args = approved(&waiting, 0);
    ff_answer_done(&answer);
    answer = (struct ff_answer){ 0 };
    assert_int_equal(ff_signal_bridge(client, &args, &result, &answer), FF_E_OK);
    assert_int_equal(result.effect.v, FF_EFFECT_SATISFIED);
    assert_int_equal(ff_pending_await(&claim), FF_E_OK);
    {
        struct ff_claim_result claimed = { 0 };

        assert_int_equal(ff_answer_result(&claim.answer, FF_OP_claim, &claimed), FF_E_OK);
        assert_true(ff_eid_eq(claimed.execution_id.v, waiting.id));
    }
    ff_pending_done(&claim);
    args = approved(&waiting, 1);
    ff_answer_done(&answer);
    answer = (struct ff_answer){ 0 };
    assert_int_equal(ff_signal_bridge(client, &args, &result, &answer), FF_E_UNKNOWN_WAITPOINT);
    ff_client_close(client);
    ff_daemon_stop(daemon);
}

static void
test_what_cannot_be_awaited(void **state)
{
    const struct ff_awaited two[] = { { "a", "x" }, { "b", "y" } };
    struct ff_awaiting awaiting = { .v = two, .n = 2, .wanted = 1 };
    struct ff_suspending with = { 0 };
    struct ff_suspend_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    (void) state;
    assert_int_equal(ff_suspend_on(NULL, &with, &awaiting, &result, &answer), FF_E_INVALID_INPUT);
    awaiting.wanted = 3;
    assert_int_equal(ff_suspend_on(NULL, &with, &awaiting, &result, &answer), FF_E_INVALID_INPUT);
    awaiting.n = 0;
    assert_int_equal(ff_suspend_on(NULL, &with, &awaiting, &result, &answer), FF_E_INVALID_INPUT);
}

/* ---- keys ---- */

static void
test_own_key(void **state)
{
    struct ff_daemon *daemon = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_client *client = NULL;
    struct waiting before;
    struct stat info;
    FILE *file = NULL;
    char hex[65] = "";

    ff_daemon_start(daemon, NULL);
    assert_int_equal(stat(key_path(daemon), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    file = fopen(key_path(daemon), "r");
    assert_non_null(file);
    assert_int_equal(fread(hex, 1, 64, file), 64);
    fclose(file);
    assert_says(ff_daemon_log(daemon), "waitpoint_key_made");
    client = ff_test_client(daemon->operator, NULL);
    before = suspend(client, 1, 60000, &arena);
    ff_client_close(client);
    ff_daemon_kill(daemon);
    ff_daemon_start(daemon, NULL);
    client = ff_test_client(daemon->operator, NULL);
    {
        struct ff_deliver_signal_args args = approved(&before, 1);
        struct ff_deliver_signal_result result = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        assert_int_equal(ff_client_deliver_signal(client, &args, &result, &answer), FF_E_OK);
        assert_int_equal(result.effect.v, FF_EFFECT_SATISFIED);
    }
    ff_client_close(client);
    ff_daemon_stop(daemon);
    assert_null(strstr(ff_daemon_log(daemon), hex)); /* 03 example 60 */
    assert_null(strstr(ff_daemon_log(daemon), before.refs[1].waitpoint_token.p + 3));
}

static void
test_configured_key(void **state)
{
    struct ff_daemon *daemon = *state;

    ff_daemon_start(daemon, "waitpoint_hmac_secret = " SECRET_1 "\n");
    assert_int_not_equal(access(key_path(daemon), F_OK), 0);
    ff_daemon_stop(daemon);
    ff_daemon_start(daemon, NULL); /* the store has its key */
    assert_int_not_equal(access(key_path(daemon), F_OK), 0);
    ff_daemon_stop(daemon);
    ff_daemon_expect_refusal(daemon, "waitpoint_hmac_secret = " SECRET_2 "\n",
                             "none of the keys in the store");
    ff_daemon_start(daemon, "waitpoint_hmac_secret = " SECRET_1 "\n");
    assert_says(ffctl(daemon, "secrets rotate k2 --grace 1h"), "k2 signs from now on");
    ff_daemon_stop(daemon);
    ff_daemon_start(daemon, "waitpoint_hmac_secret = " SECRET_1 "\n"); /* it still verifies */
    ff_daemon_stop(daemon);
    assert_null(strstr(ff_daemon_log(daemon), SECRET_1));
    assert_null(strstr(ff_daemon_log(daemon), SECRET_2));
}

static void
test_short_secret(void **state)
{
    struct ff_daemon *daemon = *state;

    ff_daemon_start(daemon, "waitpoint_hmac_secret = abcd\n");
    ff_daemon_stop(daemon);
    ff_daemon_start(daemon, "waitpoint_hmac_secret = ABCD\n");
    ff_daemon_stop(daemon);
    ff_daemon_expect_refusal(daemon, "waitpoint_hmac_secret = abce\n",
                             "none of the keys in the store");
}

static void
test_damaged_key_file(void **state)
{
    struct ff_daemon *daemon = *state;
    FILE *file = NULL;

    ff_daemon_start(daemon, "store = \"memory:\"\n");
    ff_daemon_stop(daemon);
    file = fopen(key_path(daemon), "w");
    assert_non_null(file);
    fputs("nothing\n", file);
    fclose(file);
    ff_daemon_expect_refusal(daemon, "store = \"memory:\"\n", "64 hexadecimal digits");
}

/* ---- ffctl ---- */

static void
test_ffctl(void **state)
{
    struct ff_daemon *daemon = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_client *client = NULL;
    struct waiting waiting;
    char eid[FF_EID_TEXT_MAX], uuid[FF_UUID_TEXT_MAX], line[512];

    ff_daemon_start(daemon, NULL);
    client = ff_test_client(daemon->operator, NULL);
    waiting = suspend(client, 2, 3600000, &arena);
    ff_eid_text(&waiting.id, eid);
    ff_uuid_text(&waiting.refs[0].waitpoint_id, uuid);
    assert_says(ffctl(daemon, "suspended"), eid);
    assert_says(ffctl(daemon, "suspended"), "waiting_for_approval");
    assert_says(ffctl(daemon, "--json suspended"), "\"waiting_for_approval\"");
    snprintf(line, sizeof(line), "waitpoints '%s'", eid);
    assert_says(ffctl(daemon, line), uuid);
    assert_says(ffctl(daemon, line), "approved");
    assert_null(strstr(ffctl(daemon, line), waiting.refs[0].waitpoint_token.p));
    snprintf(line, sizeof(line), "approve '%s'", eid);
    assert_says(ffctl(daemon, line), "several waitpoints");
    snprintf(line, sizeof(line), "approve '%s' %s --by alice", eid, uuid);
    assert_says(ffctl(daemon, line), "accepted: appended_to_waitpoint\n[0]");
    assert_says(ffctl(daemon, line), "duplicate");
    ff_uuid_text(&waiting.refs[1].waitpoint_id, uuid);
    snprintf(line, sizeof(line), "signal '%s' %s noise", eid, uuid);
    assert_says(ffctl(daemon, line), "signal_ignored_matcher_failed");
    setenv("FF_WAITPOINT_TOKEN", "k1:00", 1);
    assert_says(ffctl(daemon, line), "invalid_token");
    assert_says(ffctl(daemon, line), "[1]");
    unsetenv("FF_WAITPOINT_TOKEN");
    snprintf(line, sizeof(line), "signal '%s' %s approved --source bob", eid, uuid);
    assert_says(ffctl(daemon, line), "resume_condition_satisfied");
    assert_string_equal(ff_test_state(client, waiting.id), "waiting");
    assert_says(ffctl(daemon, "signal nothing x y"), "no execution id");
    assert_says(ffctl(daemon, "approve"), "[2]");
    ff_client_close(client);
    ff_daemon_stop(daemon);
}

static void
test_ffctl_secrets(void **state)
{
    struct ff_daemon *daemon = *state;
    char line[512];

    ff_daemon_start(daemon, "waitpoint_hmac_secret = " SECRET_1 "\n");
    assert_says(ffctl(daemon, "secrets"), "k1");
    snprintf(line, sizeof(line), "secrets rotate k2 --secret-file %s/secret", daemon->dir);
    assert_says(ffctl(daemon, line), "No such file");
    snprintf(line, sizeof(line), "secrets rotate k2 --secret-file /dev/stdin --grace 1h < %s/new",
             daemon->dir);
    {
        char path[128];
        FILE *file = NULL;

        snprintf(path, sizeof(path), "%s/new", daemon->dir);
        file = fopen(path, "w");
        assert_non_null(file);
        fputs(SECRET_2 "\n", file);
        fclose(file);
    }
    assert_says(ffctl(daemon, line), "k2 signs from now on");
    assert_says(ffctl(daemon, line), "k2 signs already");
    assert_says(ffctl(daemon, "secrets list"), "verifies");
    assert_null(strstr(ffctl(daemon, "--json secrets list"), SECRET_2));
    assert_says(ffctl(daemon, "secrets rotate"), "k-20");
    assert_says(ffctl(daemon, "secrets burn"), "[2]");
    ff_daemon_stop(daemon);
}

#define DAEMON_TEST(name_, test_)                                                                  \
    {                                                                                              \
        .name = (name_), .test_func = (test_), .setup_func = ff_daemon_setup,                      \
        .teardown_func = ff_daemon_teardown                                                        \
    }

int
main(void)
{
    static const struct CMUnitTest singles[] = {
        DAEMON_TEST("two approvers of three", test_two_of_three),
        { .name = "what cannot be awaited", .test_func = test_what_cannot_be_awaited },
        DAEMON_TEST("a key of its own", test_own_key),
        DAEMON_TEST("a configured key", test_configured_key),
        DAEMON_TEST("a short secret", test_short_secret),
        DAEMON_TEST("a damaged key file", test_damaged_key_file),
        DAEMON_TEST("ffctl signal, approve, waitpoints, suspended", test_ffctl),
        DAEMON_TEST("ffctl secrets", test_ffctl_secrets),
    };

    return ff_run_rows("wait", NULL, 0, singles, FF_COUNT(singles));
}
