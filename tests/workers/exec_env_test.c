#include "workers/exec_env.h"

#include "core/id.h"
#include "tests/rows.h"

static char *base[] = {
    "PATH=/bin",       "FF_API_TOKEN=secret", "FF_STATE_DIR=/s", "LISTEN_FDS=1", "NOTIFY_SOCKET=/n",
    "WATCHDOG_USEC=1", "TMPDIR=/var/tmp",     "FFX=kept",        "EMPTY=",       NULL
};

static struct ff_tag tags[] = {
    { { "team.name", 9 }, { "blue green", 10 } },
    { { "team-name", 9 }, { "second", 6 } }, /* the same variable */
    { { "A9", 2 }, { "", 0 } },
    { { "\xc3\xa9", 2 }, { "x", 1 } },
};

static struct ff_observed_signal signals[] = {
    { .signal_name = { "approved", 8 }, .source_identity = { "alice", 5 } },
    { .signal_name = { "go", 2 }, .source_identity = { "", 0 }, .payload = { "x", 1 } },
};

static struct ff_claim claim = {
    .handle = { .kind = { "reclaimed", 9 } },
    .attempt_index = 3,
    .attempt_type = FF_TYPE_RETRY,
    .lease_epoch = 7,
    .execution_kind = { "kind", 4 },
    .payload_encoding = { "json", 4 },
    .tags = { .v = tags, .n = 4 },
    .resume_signals = { .v = signals, .n = 2 },
};

static struct ff_exec_env
env_of(uint64_t timeout_ms)
{
    return (struct ff_exec_env){
        .base = base,
        .claim = &claim,
        .lane = ff_cstr("fast lane"),
        .worker_id = "w",
        .worker_instance_id = "w-1",
        .namespace = "ns",
        .dir = "/d",
        .runtime_dir = "/r",
        .lease_ttl_ms = 30000,
        .timeout_ms = timeout_ms,
        .now_ms = 1000000,
        .upstreams = 3,
    };
}

static const char *
find(char **env, const char *name)
{
    size_t n = strlen(name);
    const char *found = NULL;

    for (; *env != NULL; env++) {
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=') {
            assert_null(found); /* once only */
            found = *env + n + 1;
        }
    }
    return found;
}

static const struct row {
    const char *name;
    const char *variable;
    const char *want; /* NULL: it is not there */
} rows[] = {
    { "what is the user's stays", "PATH", "/bin" },
    { "an empty one stays", "EMPTY", "" },
    { "a name that only begins like ours stays", "FFX", "kept" },
    { "a secret of the daemon goes", "FF_API_TOKEN", NULL },
    { "a setting of the daemon goes", "FF_STATE_DIR", NULL },
    { "descriptors of systemd go", "LISTEN_FDS", NULL },
    { "the socket of systemd goes", "NOTIFY_SOCKET", NULL },
    { "the watchdog of systemd goes", "WATCHDOG_USEC", NULL },
    { "temporary files go to the directory", "TMPDIR", "/d" },
    { "the directory", "FF_DIR", "/d" },
    { "the sockets", "FF_RUNTIME_DIR", "/r" },
    { "the execution", "FF_EXECUTION_ID", "{fp:0}:00000000-0000-0000-0000-000000000000" },
    { "the kind", "FF_EXECUTION_KIND", "kind" },
    { "the encoding", "FF_PAYLOAD_ENCODING", "json" },
    { "the lane", "FF_LANE", "fast lane" },
    { "the attempt", "FF_ATTEMPT_INDEX", "3" },
    { "the attempt's id", "FF_ATTEMPT_ID", "00000000-0000-0000-0000-000000000000" },
    { "the attempt's type", "FF_ATTEMPT_TYPE", "retry" },
    { "the claim", "FF_CLAIM_KIND", "reclaimed" },
    { "the lease", "FF_LEASE_ID", "00000000-0000-0000-0000-000000000000" },
    { "the epoch", "FF_LEASE_EPOCH", "7" },
    { "the life of the lease", "FF_LEASE_TTL_MS", "30000" },
    { "the worker", "FF_WORKER_ID", "w" },
    { "the process", "FF_WORKER_INSTANCE_ID", "w-1" },
    { "the namespace", "FF_WORKER_NAMESPACE", "ns" },
    { "the time it has", "FF_TIMEOUT_MS", "5000" },
    { "until when", "FF_DEADLINE", "1005000" },
    { "how many before it in its flow", "FF_UPSTREAM_COUNT", "3" },
    { "where their results are", "FF_UPSTREAM_DIR", "/d/upstream" },
    { "how many signals", "FF_SIGNAL_COUNT", "2" },
    { "a signal's name", "FF_SIGNAL_0_NAME", "approved" },
    { "who sent it", "FF_SIGNAL_0_SOURCE", "alice" },
    { "it has no payload", "FF_SIGNAL_0_FILE", NULL },
    { "where the payload is", "FF_SIGNAL_1_FILE", "/d/signal.1" },
    { "nobody sent it", "FF_SIGNAL_1_SOURCE", "" },
    { "all of them", "FF_SIGNALS_FILE", "/d/signals.json" },
    { "there are no more", "FF_SIGNALS_MORE", NULL },
    { "a tag, and the first of two", "FF_TAG_TEAM_NAME", "blue green" },
    { "an empty tag", "FF_TAG_A9", "" },
    { "a tag beyond ASCII", "FF_TAG___", "x" },
};

static void
test_row(void **state)
{
    const struct row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_exec_env env = env_of(5000);
    const char *got = find(ff_exec_env_make(&env, &arena), row->variable);

    if (row->want == NULL) {
        assert_null(got);
    } else {
        assert_non_null(got);
        assert_string_equal(got, row->want);
    }
}

static void
test_without_limit_there_is_no_deadline(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_exec_env env = env_of(0);
    char **made = ff_exec_env_make(&env, &arena);

    (void) state;
    assert_null(find(made, "FF_TIMEOUT_MS"));
    assert_null(find(made, "FF_DEADLINE"));
}

static void
test_the_latest_deadline_does_not_wrap(void **state)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_exec_env env = env_of(FF_DUR_MS_MAX);

    (void) state;
    env.now_ms = INT64_MAX - 1;
    assert_string_equal(find(ff_exec_env_make(&env, &arena), "FF_DEADLINE"), "9223372036854775807");
}

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };
    const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_without_limit_there_is_no_deadline),
        cmocka_unit_test(test_the_latest_deadline_does_not_wrap),
    };

    return ff_run_rows("exec_env", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
