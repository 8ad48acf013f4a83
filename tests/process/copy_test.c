/* copy_test.c: `ffctl store copy' and `store check' with real stores: a deployment with work in
 * every state goes from SQLite to PostgreSQL, to Valkey, and back, and goes on there.
 */
#include <stdio.h>
#include <unistd.h>

#include "backends/offline/offline.h"
#include "core/id.h"
#include "tests/process/calls.h"
#include "tests/process/ffctl.h"
#include "tests/rig/pg_server.h"
#include "tests/rig/server.h"
#include "workers/suspend.h"

#define BUDGET "00000000-0000-4000-8000-00000000b001"
#define QUOTA "00000000-0000-4000-8000-00000000c001"

static const struct ff_awaited approver[] = { { "alice", "approved" } };

/* What a deployment has, to be found again. */
struct kept {
    struct ff_arena arena;
    struct ff_eid waiting, active, done, suspended;
    struct ff_waitpoint_ref ref;
};

/* ---- ffctl ---- */

/* Its output and exit status; it needs no daemon. */
static const char *
store_tool(const char *verb, const char *from, const char *to)
{
    static struct ff_daemon none = { .dir = "/nowhere" };
    char line[1024];

    snprintf(line, sizeof(line), "store %s '%s' %s%s%s", verb, from, to == NULL ? "" : "'",
             to == NULL ? "" : to, to == NULL ? "" : "'");
    return ffctl(&none, line);
}

static void
copy(const char *from, const char *to)
{
    const char *said = store_tool("copy", from, to);

    assert_says(said, "counts and checksums are the same");
    assert_says(said, "[0]");
}

/* What the store holds: counts and checksums; it must be sound. */
static void
check(const char *url, char out[4096])
{
    const char *said = store_tool("check", url, NULL);

    assert_says(said, "sound\n[0]");
    snprintf(out, 4096, "%s", said);
}

/* ---- a deployment ---- */

static void
call(const struct ff_daemon *daemon, const char *op, const char *json)
{
    char line[1024];

    snprintf(line, sizeof(line), "call %s '%s'", op, json);
    assert_says(ffctl(daemon, line), "[0]");
}

static struct ff_eid
claim_next(struct ff_client *client, struct ff_answer *answer, struct ff_claim_result *out)
{
    const struct ff_claim_args args = ff_test_claim_args("w-1", 60000, 0);

    *out = ff_test_claim(client, &args, answer);
    return out->execution_id.v;
}

static void
finish_one(struct ff_client *client, struct kept *kept)
{
    FF_SCOPED(ff_answer) of_claim = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_claim_result claim;
    struct ff_append_frame_args append = { 0 };
    struct ff_append_frame_result appended = { 0 };
    struct ff_complete_args args = { .payload = ff_str("\0\xff result", 9) };
    struct ff_complete_result result = { 0 };

    kept->done = claim_next(client, &of_claim, &claim);
    append.handle = *claim.handle;
    append.frame.kind = ff_cstr("event");
    append.frame.bytes = ff_str("a\0b", 3);
    assert_int_equal(ff_client_append_frame(client, &append, &appended, &answer), FF_E_OK);
    ff_answer_done(&answer);
    answer = (struct ff_answer){ 0 };
    args.handle = *claim.handle;
    assert_int_equal(ff_client_complete(client, &args, &result, &answer), FF_E_OK);
}

static void
suspend_one(struct ff_client *client, struct kept *kept)
{
    const struct ff_awaiting awaiting = { .v = approver, .n = 1, .wanted = 1 };
    struct ff_suspending with = { .reason = FF_SUSPEND_APPROVAL,
                                  .timeout_ms = 3600000,
                                  .on_timeout = FF_ONTIME_CANCEL };
    FF_SCOPED(ff_answer) of_claim = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_suspend_result result = { 0 };
    struct ff_claim_result claim;
    struct ff_waitpoint_ref ref;

    kept->suspended = claim_next(client, &of_claim, &claim);
    with.handle = *claim.handle;
    assert_int_equal(ff_suspend_on(client, &with, &awaiting, &result, &answer), FF_E_OK);
    ref = ff_suspend_waitpoint(&result, 0);
    kept->ref = (struct ff_waitpoint_ref){
        .waitpoint_id = ref.waitpoint_id,
        .waitpoint_token = ff_arena_copy(&kept->arena, ref.waitpoint_token),
    };
}

static void
submit_flow(const struct ff_daemon *daemon)
{
    char path[128], line[256];
    FILE *file = NULL;

    snprintf(path, sizeof(path), "%s/flow.json", daemon->dir);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("{\"members\":[{\"key\":\"one\",\"execution_kind\":\"first\",\"lane_id\":\"flows\"},"
          "{\"key\":\"two\",\"execution_kind\":\"second\",\"lane_id\":\"flows\"}],"
          "\"edges\":[{\"from\":\"one\",\"to\":\"two\"}]}",
          file);
    assert_int_equal(fclose(file), 0);
    snprintf(line, sizeof(line), "flow submit %s", path);
    assert_says(ffctl(daemon, line), "[0]");
}

static void
spend(const struct ff_daemon *daemon, const struct kept *kept)
{
    char eid[FF_EID_TEXT_MAX], json[512];

    ff_eid_text(&kept->active, eid);
    call(daemon, "create_budget",
         "{\"budget_id\":\"" BUDGET "\",\"scope_type\":\"flow\",\"scope_id\":\"x\","
         "\"enforcement_mode\":\"strict\",\"dimensions\":[\"tokens\"],\"hard_limits\":[100],"
         "\"soft_limits\":[0]}");
    snprintf(json, sizeof(json),
             "{\"budget_id\":\"" BUDGET "\",\"execution_id\":\"%s\",\"deltas\":{\"tokens\":7},"
             "\"idempotency_key\":\"k\"}",
             eid);
    call(daemon, "record_spend", json);
    call(daemon, "create_quota_policy",
         "{\"quota_policy_id\":\"" QUOTA "\",\"window_seconds\":3600,"
         "\"max_requests_per_window\":5,\"max_concurrent\":2}");
    snprintf(json, sizeof(json),
             "{\"quota_policy_id\":\"" QUOTA "\",\"dimension\":\"d\",\"execution_id\":\"%s\"}",
             eid);
    call(daemon, "check_admission", json);
}

/* One execution in each state, each with what belongs to it. */
static void
populate(const struct ff_daemon *daemon, struct kept *kept)
{
    struct ff_client *client = ff_test_client(daemon->operator, NULL);
    FF_SCOPED(ff_answer) of_claim = { 0 };
    struct ff_claim_result claim;

    (void) ff_test_create(client);
    finish_one(client, kept);
    (void) ff_test_create(client);
    suspend_one(client, kept);
    (void) ff_test_create(client);
    kept->active = claim_next(client, &of_claim, &claim);
    kept->waiting = ff_test_create(client);
    spend(daemon, kept);
    submit_flow(daemon);
    ff_client_close(client);
}

/* The same executions, their events, and work goes on. */
static void
go_on(const struct ff_daemon *daemon, const struct kept *kept)
{
    const struct ff_claim_args claiming = ff_test_claim_args("w-2", 60000, 0);
    struct ff_deliver_signal_args signal = {
        .execution_id = kept->suspended,
        .waitpoint_id = kept->ref.waitpoint_id,
        .signal_name = ff_cstr("approved"),
        .signal_category = ff_cstr(""),
        .source_type = ff_cstr("user"),
        .source_identity = ff_cstr("alice"),
        .payload_encoding = ff_cstr("json"),
        .dedup_ttl_ms = 86400000,
        .signal_maxlen = 1000,
        .waitpoint_token = kept->ref.waitpoint_token,
    };
    struct ff_client *client = ff_test_client(daemon->operator, NULL);
    struct ff_deliver_signal_result delivered = { 0 };
    struct ff_get_execution_result_args get = { .execution_id = kept->done };
    struct ff_get_execution_result_result got = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) of_get = { 0 };
    FF_SCOPED(ff_answer) of_claim = { 0 };
    struct ff_claim_result claim;

    assert_string_equal(ff_test_state(client, kept->waiting), "waiting");
    assert_string_equal(ff_test_state(client, kept->active), "active");
    assert_string_equal(ff_test_state(client, kept->done), "completed");
    assert_string_equal(ff_test_state(client, kept->suspended), "suspended");
    assert_int_equal(ff_client_get_execution_result(client, &get, &got, &of_get), FF_E_OK);
    assert_true(ff_str_eq(got.result, ff_str("\0\xff result", 9)));
    assert_int_equal(ff_signal_bridge(client, &signal, &delivered, &answer), FF_E_OK);
    assert_int_equal(delivered.effect.v, FF_EFFECT_SATISFIED); /* the token still verifies */
    claim = ff_test_claim(client, &claiming, &of_claim);
    assert_true(ff_eid_eq(claim.execution_id.v, kept->suspended) ||
                ff_eid_eq(claim.execution_id.v, kept->waiting));
    {
        struct ff_complete_args args = { .handle = *claim.handle, .payload = ff_cstr("ok") };
        struct ff_complete_result result = { 0 };
        FF_SCOPED(ff_answer) of_end = { 0 };

        assert_int_equal(ff_client_complete(client, &args, &result, &of_end), FF_E_OK);
    }
    assert_string_equal(ff_test_state(client, claim.execution_id.v), "completed");
    assert_says(ffctl(daemon, "events completion"), "success");
    ff_client_close(client);
}

/* ---- tests ---- */

static const char *
sqlite_url(const struct ff_daemon *daemon, const char *name)
{
    static char url[2][192];
    static int at;

    at = !at;
    snprintf(url[at], sizeof(url[at]), "sqlite:%s/state/%s", daemon->dir, name);
    return url[at];
}

static void
start_on(struct ff_daemon *daemon, const char *url)
{
    char lines[512];

    snprintf(lines, sizeof(lines), "store = \"%s\"", url);
    ff_daemon_start(daemon, lines);
}

static void
test_there_and_back(void **state)
{
    struct ff_daemon *daemon = *state;
    struct kept kept = { 0 };
    char pg[FF_PG_URL_MAX], valkey[192], first[4096], other[4096];
    const char *from = NULL;

    if (!ff_pg_there()) {
        skip();
    }
    ff_pg_fresh(pg);
    snprintf(valkey, sizeof(valkey), "%s", ff_test_valkey_url());
    from = sqlite_url(daemon, "first.db");
    start_on(daemon, from);
    populate(daemon, &kept);
    ff_daemon_stop(daemon);
    check(from, first);
    copy(from, pg);
    check(pg, other);
    assert_string_equal(other, first);
    copy(pg, valkey);
    check(valkey, other);
    assert_string_equal(other, first);
    copy(valkey, sqlite_url(daemon, "back.db"));
    check(sqlite_url(daemon, "back.db"), other);
    assert_string_equal(other, first);
    start_on(daemon, sqlite_url(daemon, "back.db"));
    go_on(daemon, &kept);
    ff_daemon_stop(daemon);
    check(sqlite_url(daemon, "back.db"), other);
    start_on(daemon, pg);
    go_on(daemon, &kept);
    ff_daemon_stop(daemon);
    check(pg, other);
    start_on(daemon, valkey);
    go_on(daemon, &kept);
    ff_daemon_stop(daemon);
    check(valkey, other);
    ff_arena_done(&kept.arena);
}

static void
test_what_is_refused(void **state)
{
    struct ff_daemon *daemon = *state;
    char full[192], empty[192];

    snprintf(full, sizeof(full), "%s", sqlite_url(daemon, "full.db"));
    snprintf(empty, sizeof(empty), "%s", sqlite_url(daemon, "empty.db"));
    assert_says(store_tool("check", full, NULL), "there is no FlowFabric store");
    assert_says(store_tool("copy", full, empty), "[1]");
    assert_int_not_equal(access(strchr(full, ':') + 1, F_OK), 0); /* looking makes none */
    start_on(daemon, full);
    assert_says(ffctl(daemon, "status"), "durability commit: nothing is lost");
    assert_says(store_tool("copy", full, empty), "in use by another broker");
    assert_says(store_tool("check", full, NULL), "[3]");
    ff_daemon_stop(daemon);
    assert_says(store_tool("copy", full, "memory:"), "[2]");
    assert_says(store_tool("copy", full, "mysql://x"), "[2]");
    assert_says(store_tool("copy", full, full), "in use by another broker");
    assert_says(store_tool("copy", full, "valkey://127.0.0.1:1"), "[3]");
    copy(full, empty);
    assert_says(store_tool("copy", full, empty), "has records already");
    assert_says(store_tool("verify", full, NULL), "[2]");
}

/* A file where no more than this may be written: the copy ends in the middle. */
static void
copy_in_part(const struct ff_daemon *daemon, const char *from, const char *to)
{
    char line[1024];

    snprintf(line, sizeof(line), "ulimit -f 6000; '%s' store copy '%s' '%s' >%s/part 2>&1",
             FF_TEST_FFCTL, from, to, daemon->dir);
    assert_int_not_equal(system(line), 0);
}

/* Executions with a megabyte of input each. */
static void
create_large(struct ff_client *client, int n)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_str payload = ff_str(ff_arena_zalloc(&arena, 1 << 20), 1 << 20);

    for (int i = 0; i < n; i++) {
        struct ff_create_execution_args args = ff_test_create_args(ff_test_eid(), payload);
        struct ff_create_execution_result result = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        assert_int_equal(ff_client_create_execution(client, &args, &result, &answer), FF_E_OK);
    }
}

static void
test_an_unfinished_copy_is_begun_again(void **state)
{
    struct ff_daemon *daemon = *state;
    char from[192], to[192], lines[256], first[4096], second[4096];
    struct ff_client *client = NULL;

    snprintf(from, sizeof(from), "%s", sqlite_url(daemon, "from.db"));
    snprintf(to, sizeof(to), "%s", sqlite_url(daemon, "to.db"));
    start_on(daemon, from);
    client = ff_test_client(daemon->operator, NULL);
    create_large(client, 12);
    ff_client_close(client);
    ff_daemon_stop(daemon);
    copy_in_part(daemon, from, to);
    assert_says(store_tool("check", to, NULL), "unfinished copy");
    snprintf(lines, sizeof(lines), "store = \"%s\"", to);
    ff_daemon_expect_refusal(daemon, lines, "unfinished_copy");
    copy(from, to);
    check(from, first);
    check(to, second);
    assert_string_equal(first, second);
    start_on(daemon, to);
    ff_daemon_stop(daemon);
}

/* ---- how far it is, and who comes in between ---- */

struct watching {
    struct ff_daemon *daemon; /* to be started on FROM, once; NULL: none */
    const char *lines;
    struct ff_offline_step last[FF_OFFLINE_VERIFYING + 1];
};

static void
watch(void *ctx, const struct ff_offline_step *step)
{
    struct watching *watching = ctx;

    watching->last[step->phase] = *step;
    if (watching->daemon != NULL && watching->daemon->pid == 0) {
        ff_daemon_start(watching->daemon, watching->lines);
    }
}

static ff_err
copy_watched(const char *from_url, const char *to_url, struct watching *watching)
{
    const struct ff_offline_progress progress = { watch, watching };
    struct ff_partition_counts counts = { 0 };
    struct ff_store *from = NULL, *to = NULL;
    struct ff_offline_copied copied;
    struct ff_fault fault = { 0 };
    ff_err err = FF_E_OK;

    assert_int_equal(ff_offline_open(ff_cstr(from_url), FF_STORE_LOOK, &counts, &from, &fault),
                     FF_E_OK);
    assert_int_equal(ff_offline_open(ff_cstr(to_url), FF_STORE_FILL, &counts, &to, &fault),
                     FF_E_OK);
    err = ff_offline_copy(from, to, &progress, &copied, &fault);
    ff_store_close(to);
    ff_store_close(from);
    return err;
}

static void
test_it_says_how_far_it_is_and_is_left_alone(void **state)
{
    struct ff_daemon *daemon = *state;
    struct watching watching = { .daemon = NULL };
    struct ff_client *client = NULL;
    char from[128], to[128], lines[160];

    snprintf(from, sizeof(from), "%s", ff_test_valkey_url());
    snprintf(lines, sizeof(lines), "store = \"%s\"", from);
    ff_daemon_start(daemon, lines);
    client = ff_test_client(daemon->worker, NULL);
    for (int i = 0; i < 300; i++) {
        ff_test_create(client);
    }
    ff_client_close(client);
    ff_daemon_stop(daemon);
    snprintf(to, sizeof(to), "sqlite:%s/first.db", daemon->dir);
    assert_int_equal(copy_watched(from, to, &watching), FF_E_OK);
    for (int phase = FF_OFFLINE_COPYING; phase <= FF_OFFLINE_VERIFYING; phase++) {
        assert_in_range(watching.last[phase].of, 600, 10000); /* records, and as many events */
        assert_int_equal(watching.last[phase].done, watching.last[phase].of);
    }
    watching = (struct watching){ .daemon = daemon, .lines = lines };
    snprintf(to, sizeof(to), "sqlite:%s/second.db", daemon->dir);
    assert_int_equal(copy_watched(from, to, &watching), FF_E_TRANSPORT);
    assert_in_range(watching.last[FF_OFFLINE_COPYING].done, 1, 300); /* no more was done in vain */
    ff_daemon_stop(daemon);
}

int
main(void)
{
    static const struct CMUnitTest singles[] = {
        { "sqlite, postgres, valkey and back", test_there_and_back, ff_daemon_setup,
          ff_daemon_teardown, NULL },
        { "what is refused", test_what_is_refused, ff_daemon_setup, ff_daemon_teardown, NULL },
        { "an unfinished copy is begun again", test_an_unfinished_copy_is_begun_again,
          ff_daemon_setup, ff_daemon_teardown, NULL },
        { "it says how far it is, and is left alone", test_it_says_how_far_it_is_and_is_left_alone,
          ff_daemon_setup, ff_daemon_teardown, NULL },
    };

    return ff_run_rows("copy", NULL, 0, singles, FF_COUNT(singles));
}
