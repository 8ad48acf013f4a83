#include "supervisor/config.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/supervisor/config_rig.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TEN "0123456789"
#define DIR_93 "/" TEN TEN TEN TEN TEN TEN TEN TEN TEN "ab"

/* ---- settings that are good: a line of the printed configuration ---- */
static const struct good_row {
    const char *name;
    const char *file;
    const char *env[4];
    const char *want;
} good_rows[] = {
    { "the lane is default", "", { NULL }, "\nlanes = \"default\" # default\n" },
    { "the file sets a number",
      "flow_partitions = 7",
      { NULL },
      "\nflow_partitions = \"7\" # file\n" },
    { "the file sets a quoted text", "lanes = \"a, b\"", { NULL }, "\nlanes = \"a,b\" # file\n" },
    { "the environment wins over the file",
      "flow_partitions = 7",
      { "FF_FLOW_PARTITIONS=9" },
      "\nflow_partitions = \"9\" # environment\n" },
    { "a wrong value that is overridden does not matter",
      "flow_partitions = 0",
      { "FF_FLOW_PARTITIONS=9" },
      "\nflow_partitions = \"9\" # environment\n" },
    { "comments and empty lines are skipped",
      "# one\n\n// two\nchannels_max = 5 # three\n",
      { NULL },
      "\nchannels_max = \"5\" # file\n" },
    { "the last of two lines counts",
      "channels_max = 5\nchannels_max = 6\n",
      { NULL },
      "\nchannels_max = \"6\" # file\n" },
    { "the largest message is 16 MiB", "", { NULL }, "\nframe_bytes_max = \"16777216\"" },
    { "64 frames are unanswered", "", { NULL }, "\nframes_per_channel = \"64\"" },
    { "16384 calls are parked", "", { NULL }, "\nparked_max = \"16384\"" },
    { "4096 channels are open", "", { NULL }, "\nchannels_max = \"4096\"" },
    { "a lost worker has a second", "", { NULL }, "\ndisconnect_grace_ms = \"1000\"" },
    { "a grace of 0 is none", "", { "FF_DISCONNECT_GRACE_MS=0" }, "\ndisconnect_grace_ms = \"0\"" },
    { "a number may have leading zeros",
      "",
      { "FF_FLOW_PARTITIONS=016" },
      "\nflow_partitions = \"16\"" },
    { "65535 partitions are the most",
      "",
      { "FF_QUOTA_PARTITIONS=65535" },
      "\nquota_partitions = \"65535\"" },
    { "lanes are trimmed, empty ones dropped",
      "",
      { "FF_LANES= a ,,\tb c," },
      "\nlanes = \"a,b c\"" },
    { "the log level is info", "", { NULL }, "\nlog_level = \"info\"" },
    { "the log level may be trace", "", { "FF_LOG_LEVEL=trace" }, "\nlog_level = \"trace\"" },
    { "the log format is logfmt", "", { NULL }, "\nlog_format = \"logfmt\"" },
    { "the log format may be json", "log_format = json", { NULL }, "\nlog_format = \"json\"" },
    { "test mode is off", "", { NULL }, "\ntest_mode = \"false\"" },
    { "1 is true", "", { "FF_TEST_MODE=1" }, "\ntest_mode = \"true\"" },
    { "TrUe is true", "", { "FF_TEST_MODE=TrUe" }, "\ntest_mode = \"true\"" },
    { "yes is not true", "", { "FF_TEST_MODE=yes" }, "\ntest_mode = \"false\"" },
    { "08 ex 14: the older name alone counts",
      "",
      { "FF_MAX_CONCURRENT_TAIL=5" },
      "\nmax_concurrent_stream_ops = \"5\" # environment\n" },
    { "08 ex 14: the new name wins over the older one",
      "",
      { "FF_MAX_CONCURRENT_TAIL=5", "FF_MAX_CONCURRENT_STREAM_OPS=7" },
      "\nmax_concurrent_stream_ops = \"7\"" },
    { "the file may use the older name",
      "max_concurrent_tail = 3",
      { NULL },
      "\nmax_concurrent_stream_ops = \"3\" # file\n" },
    { "the new name in the file wins over the older one outside",
      "max_concurrent_stream_ops = 3",
      { "FF_MAX_CONCURRENT_TAIL=5" },
      "\nmax_concurrent_stream_ops = \"3\"" },
    { "the store is SQLite in the state directory",
      "",
      { NULL },
      "\nstore = \"sqlite:/var/lib/flowfabric/flowfabric.db\" # default\n" },
    { "the store follows the state directory",
      "state_dir = \"/srv/ff\"",
      { NULL },
      "\nstore = \"sqlite:/srv/ff/flowfabric.db\"" },
    { "the store may have options",
      "store = \"sqlite:x.db?durability=interval:20\"",
      { NULL },
      "\nstore = \"sqlite:x.db?durability=interval:20\"" },
    { "the store may be memory", "", { "FF_STORE=memory:" }, "\nstore = \"memory:\"" },
    { "the password of a store is not shown",
      "",
      { "FF_STORE=valkey://u:se@cr/et@h:1/2" },
      "\nstore = \"valkey://u:***@h:1/2\"" },
    { "a password without user is not shown",
      "",
      { "FF_STORE=redis://:secret@h" },
      "\nstore = \"redis://:***@h\"" },
    { "a password among parameters is not shown",
      "",
      { "FF_STORE=postgres://h/d?password=secret&x=1" },
      "\nstore = \"postgres://h/d?password=***&x=1\"" },
    { "a user without password is shown",
      "",
      { "FF_STORE=valkeys://u@h" },
      "\nstore = \"valkeys://u@h\"" },
    { "postgresql:// is libpq's other name",
      "",
      { "FF_STORE=postgresql://h/d" },
      "\nstore = \"postgresql://h/d\"" },
    { "the gateway listens on loopback", "", { NULL }, "\nlisten_addr = \"127.0.0.1:9090\"" },
    { "there may be no gateway", "", { "FF_LISTEN_ADDR=none" }, "\nlisten_addr = \"none\"" },
    { "port 0 is any", "", { "FF_LISTEN_ADDR=localhost:0" }, "\nlisten_addr = \"localhost:0\"" },
    { "an IPv6 address has brackets",
      "",
      { "FF_LISTEN_ADDR=[::1]:80" },
      "\nlisten_addr = \"[::1]:80\"" },
    { "another address needs a token",
      "",
      { "FF_LISTEN_ADDR=0.0.0.0:80", "FF_API_TOKEN=t" },
      "\nlisten_addr = \"0.0.0.0:80\"" },
    { "or the consent to have none",
      "",
      { "FF_LISTEN_ADDR=0.0.0.0:80", "FF_ALLOW_UNAUTHENTICATED=1" },
      "\nlisten_addr = \"0.0.0.0:80\"" },
    { "a token is not shown",
      "",
      { "FF_API_TOKEN=hush" },
      "\n# api_token is set, and not shown # environment\n" },
    { "an empty token is none", "", { "FF_API_TOKEN=" }, "\n# api_token is not set\n" },
    { "a secret is not shown",
      "waitpoint_hmac_secret = " HEX64,
      { NULL },
      "\n# waitpoint_hmac_secret is set, and not shown # file\n" },
    { "08 ex 14: without secret the configuration is good",
      "",
      { NULL },
      "\n# waitpoint_hmac_secret is not set\n" },
    { "08 ex 13: an origin",
      "",
      { "FF_CORS_ORIGINS=https://a.example" },
      "\ncors_origins = \"https://a.example\"" },
    { "08 ex 13: one legal and one illegal origin",
      "",
      { "FF_CORS_ORIGINS=https://a\x01, https://b" },
      "\ncors_origins = \"https://b\"" },
    { "without origins there is no cross-origin access",
      "",
      { NULL },
      "\n# cors_origins is not set\n" },
    { "flows are kept as long as executions",
      "retention_ms = 5",
      { NULL },
      "\nflow_retention_ms = \"5\" # default\n" },
    { "flows may be kept longer",
      "retention_ms = 5\nflow_retention_ms = 6",
      { NULL },
      "\nflow_retention_ms = \"6\" # file\n" },
    { "a scanner interval of 0 is accepted",
      "unblock_interval_s = 0",
      { NULL },
      "\nunblock_interval_s = \"0\"" },
    { "the lease scanner wakes every 1500 ms",
      "",
      { NULL },
      "\nlease_expiry_interval_ms = \"1500\"" },
    { "the scanners may be bound to a namespace",
      "scanner_namespace = acme",
      { NULL },
      "\nscanner_namespace = \"acme\"" },
    { "a tag is split at its first =",
      "",
      { "FF_SCANNER_TAG=a.b=c=d" },
      "\nscanner_tag = \"a.b=c=d\"" },
    { "the sockets leave 93 bytes to the runtime directory",
      "",
      { "FF_RUNTIME_DIR=" DIR_93 },
      "\nruntime_dir = \"" DIR_93 "\"" },
    { "plain words need no quotes",
      "store = memory:\nstate_dir = /srv/x-1.y",
      { NULL },
      "\nstate_dir = \"/srv/x-1.y\" # file\nruntime_dir" },
    { "a variable with the same start is another",
      "",
      { "FF_LANESX=b", "XFF_LANES=c" },
      "\nlanes = \"default\"" },
};

static void
test_good(void **state)
{
    const struct good_row *row = *state;
    struct ff_config_rig rig;
    char *text = NULL;

    ff_config_rig_start(&rig, row->file);
    if (ff_config_rig_load(&rig, (char *const *) row->env) != FF_E_OK) {
        fail_msg("%s", rig.fault.message);
    }
    text = ff_config_printed(&rig.config);
    if (strstr(text, row->want) == NULL) {
        fail_msg("no \"%s\" in:\n%s", row->want, text);
    }
    assert_null(strstr(text, "hush"));
    assert_null(strstr(text, "secret@"));
    assert_null(strstr(text, HEX64));
    free(text);
    ff_config_rig_done(&rig);
}

/* ---- settings that are wrong ---- */
static const struct bad_row {
    const char *name;
    const char *file;
    const char *env[4];
    const char *want;  /* the message; %s: the file's path; NULL: any */
    const char *field; /* NULL: none */
} bad_rows[] = {
    { "08 ex 14: an empty secret",
      "",
      { "FF_WAITPOINT_HMAC_SECRET=" },
      "FF_WAITPOINT_HMAC_SECRET: must not be empty; leave it out to have one made",
      "FF_WAITPOINT_HMAC_SECRET" },
    { "08 ex 14: a secret of odd length",
      "",
      { "FF_WAITPOINT_HMAC_SECRET=abc" },
      "FF_WAITPOINT_HMAC_SECRET: must have an even number of hexadecimal digits",
      "FF_WAITPOINT_HMAC_SECRET" },
    { "08 ex 14: a secret that is not hex",
      "",
      { "FF_WAITPOINT_HMAC_SECRET=zz" },
      "FF_WAITPOINT_HMAC_SECRET: must be hexadecimal digits only",
      "FF_WAITPOINT_HMAC_SECRET" },
    { "08 ex 14: no partitions",
      "",
      { "FF_FLOW_PARTITIONS=0" },
      "FF_FLOW_PARTITIONS: must be a decimal number from 1 to 65535, not \"0\"",
      "FF_FLOW_PARTITIONS" },
    { "08 ex 14: an unknown store lists the known ones",
      "",
      { "FF_STORE=mysql://x" },
      "FF_STORE: must be one of memory:, sqlite:PATH, valkey://, valkeys://, redis://, "
      "postgres://, not \"mysql://x\"",
      "FF_STORE" },
    { "08 ex 14: no lane left",
      "",
      { "FF_LANES= , " },
      "FF_LANES: must name 1 to 10000 lanes, not \" , \"",
      "FF_LANES" },
    { "08 ex 13: all origins illegal",
      "",
      { "FF_CORS_ORIGINS=\x01,\x02" },
      NULL,
      "FF_CORS_ORIGINS" },
    { "08 ex 13: origins set but empty",
      "",
      { "FF_CORS_ORIGINS=" },
      "FF_CORS_ORIGINS: must name at least one origin that can stand in a header, not \"\"",
      "FF_CORS_ORIGINS" },
    { "too many partitions", "", { "FF_BUDGET_PARTITIONS=65536" }, NULL, "FF_BUDGET_PARTITIONS" },
    { "a number beyond 64 bits",
      "",
      { "FF_RETENTION_MS=18446744073709551616" },
      NULL,
      "FF_RETENTION_MS" },
    { "a number with a sign", "", { "FF_PARKED_MAX=+5" }, NULL, "FF_PARKED_MAX" },
    { "a number with a space", "", { "FF_PARKED_MAX= 5" }, NULL, "FF_PARKED_MAX" },
    { "a number in hex", "", { "FF_PARKED_MAX=0x5" }, NULL, "FF_PARKED_MAX" },
    { "an empty number", "", { "FF_PARKED_MAX=" }, NULL, "FF_PARKED_MAX" },
    { "no stream reads at all",
      "",
      { "FF_MAX_CONCURRENT_STREAM_OPS=0" },
      NULL,
      "FF_MAX_CONCURRENT_STREAM_OPS" },
    { "the older name is the one that is blamed",
      "",
      { "FF_MAX_CONCURRENT_TAIL=0" },
      NULL,
      "FF_MAX_CONCURRENT_TAIL" },
    { "the file is blamed with its line",
      "\n\nflow_partitions = zero\n",
      { NULL },
      "%s:3: flow_partitions: must be a decimal number from 1 to 65535, not \"zero\"",
      "flow_partitions" },
    { "an unknown setting of the file",
      "lanes = a\nflow_partition = 3\n",
      { NULL },
      "%s:2: no such option 'flow_partition'",
      NULL },
    { "a line that is no setting", "lanes\n= = 3\n", { NULL }, NULL, NULL },
    { "a text without end", "lanes = \"a\n", { NULL }, NULL, NULL },
    { "a section that is none", "lanes { }\n", { NULL }, NULL, NULL },
    { "a lane too long",
      "",
      { "FF_LANES=a123456789012345678901234567890123456789012345678901234567890abcd" },
      NULL,
      "FF_LANES" },
    { "a lane that cannot be printed", "", { "FF_LANES=a\x01" }, NULL, "FF_LANES" },
    { "a lane named twice",
      "",
      { "FF_LANES=b,a,b" },
      "FF_LANES: names lane \"b\" twice, not \"b,a,b\"",
      "FF_LANES" },
    { "a state directory that is not absolute",
      "",
      { "FF_STATE_DIR=var" },
      "FF_STATE_DIR: must be an absolute path, not \"var\"",
      "FF_STATE_DIR" },
    { "an empty runtime directory", "", { "FF_RUNTIME_DIR=" }, NULL, "FF_RUNTIME_DIR" },
    { "a runtime directory too long for its sockets",
      "",
      { "FF_RUNTIME_DIR=" DIR_93 "c" },
      NULL,
      "FF_RUNTIME_DIR" },
    { "a password is not shown in a message",
      "",
      { "FF_STORE=mysql://u:never-shown@h" },
      NULL,
      "FF_STORE" },
    { "a store without path", "", { "FF_STORE=sqlite:" }, NULL, "FF_STORE" },
    { "a store with options but no path",
      "",
      { "FF_STORE=sqlite:?durability=none" },
      NULL,
      "FF_STORE" },
    { "an unknown log level",
      "",
      { "FF_LOG_LEVEL=loud" },
      "FF_LOG_LEVEL: must be error, warn, info, debug or trace, not \"loud\"",
      "FF_LOG_LEVEL" },
    { "an unknown log format", "", { "FF_LOG_FORMAT=xml" }, NULL, "FF_LOG_FORMAT" },
    { "an address without port", "", { "FF_LISTEN_ADDR=127.0.0.1" }, NULL, "FF_LISTEN_ADDR" },
    { "an address without host", "", { "FF_LISTEN_ADDR=:80" }, NULL, "FF_LISTEN_ADDR" },
    { "an IPv6 address without brackets", "", { "FF_LISTEN_ADDR=::1:80" }, NULL, "FF_LISTEN_ADDR" },
    { "a port too large", "", { "FF_LISTEN_ADDR=127.0.0.1:65536" }, NULL, "FF_LISTEN_ADDR" },
    { "an address beyond loopback without token",
      "",
      { "FF_LISTEN_ADDR=10.0.0.1:80" },
      NULL,
      "FF_LISTEN_ADDR" },
    { "an empty token is no token",
      "",
      { "FF_LISTEN_ADDR=[::]:80", "FF_API_TOKEN=" },
      NULL,
      "FF_LISTEN_ADDR" },
    { "a namespace with a space",
      "",
      { "FF_SCANNER_NAMESPACE=a b" },
      NULL,
      "FF_SCANNER_NAMESPACE" },
    { "a tag without value", "", { "FF_SCANNER_TAG=a.b" }, NULL, "FF_SCANNER_TAG" },
    { "a tag without key", "", { "FF_SCANNER_TAG==b" }, NULL, "FF_SCANNER_TAG" },
};

static void
test_bad(void **state)
{
    const struct bad_row *row = *state;
    struct ff_config_rig rig;
    char want[512];

    ff_config_rig_start(&rig, row->file);
    assert_int_equal(ff_config_rig_load(&rig, (char *const *) row->env), FF_E_INVALID_CONFIG);
    assert_int_equal(rig.fault.code, FF_E_INVALID_CONFIG);
    if (row->want != NULL) {
        snprintf(want, sizeof(want), row->want, rig.path);
        assert_string_equal(rig.fault.message, want);
    }
    if (row->field != NULL) {
        assert_detail_str(&rig.fault, "field", row->field);
    } else {
        assert_detail_str(&rig.fault, "file", rig.path);
    }
    assert_null(strstr(rig.fault.message, "never-shown"));
    ff_config_rig_done(&rig);
}

static void
test_line_of_a_bad_value(void **state)
{
    char *const none[] = { NULL };
    struct ff_config_rig rig;

    (void) state;
    ff_config_rig_start(&rig, "lanes = a\n\nparked_max = many\n");
    assert_int_equal(ff_config_rig_load(&rig, none), FF_E_INVALID_CONFIG);
    assert_detail_str(&rig.fault, "file", rig.path);
    assert_detail_u64(&rig.fault, "line", 3);
    assert_detail_str(&rig.fault, "reason", "must be a decimal number from 1 to 1048576");
    ff_config_rig_done(&rig);
}

/* ---- places ---- */
static void
test_named_file_must_be_there(void **state)
{
    char *const none[] = { NULL };
    struct ff_config_rig rig;

    (void) state;
    ff_config_rig_start(&rig, NULL);
    assert_int_equal(ff_config_rig_load(&rig, none), FF_E_INVALID_CONFIG);
    assert_detail_str(&rig.fault, "file", rig.path);
    ff_config_rig_done(&rig);
}

static void
test_default_file_may_be_missing(void **state)
{
    char *const env[] = { "HOME=/nonexistent", "XDG_RUNTIME_DIR=/run/user/7", NULL };
    struct ff_config_input input = { .env = env };
    struct ff_config config = { 0 };
    struct ff_fault fault = { 0 };

    (void) state;
    assert_int_equal(ff_config_load(&config, &input, &fault), FF_E_OK);
    assert_null(config.path.p);
    assert_string_equal(config.state_dir.p, "/nonexistent/.local/state/flowfabric");
    assert_string_equal(config.runtime_dir.p, "/run/user/7/flowfabric");
    ff_config_done(&config);
}

static void
test_xdg_state_home_wins_over_home(void **state)
{
    char *const env[] = { "HOME=/nonexistent", "XDG_STATE_HOME=/s", "XDG_RUNTIME_DIR=/r", NULL };
    struct ff_config_input input = { .env = env };
    struct ff_config config = { 0 };
    struct ff_fault fault = { 0 };

    (void) state;
    assert_int_equal(ff_config_load(&config, &input, &fault), FF_E_OK);
    assert_string_equal(config.state_dir.p, "/s/flowfabric");
    assert_string_equal(config.store.p, "sqlite:/s/flowfabric/flowfabric.db");
    ff_config_done(&config);
}

static void
test_without_a_runtime_dir_it_must_be_set(void **state)
{
    char *const env[] = { "HOME=/nonexistent", "XDG_RUNTIME_DIR=", NULL };
    struct ff_config_input input = { .env = env };
    struct ff_config config = { 0 };
    struct ff_fault fault = { 0 };

    (void) state;
    assert_int_equal(ff_config_load(&config, &input, &fault), FF_E_INVALID_CONFIG);
    assert_detail_str(&fault, "field", "FF_RUNTIME_DIR");
    ff_config_done(&config);
}

static void
test_default_path(void **state)
{
    char *const env[] = { "HOME=/home/u", NULL };
    struct ff_config_input input = { .env = env };
    struct ff_arena arena = { 0 };

    (void) state;
    assert_string_equal(ff_config_default_path(&input, &arena).p,
                        "/home/u/.config/flowfabric/flowfabric.conf");
    input.root = true;
    assert_string_equal(ff_config_default_path(&input, &arena).p,
                        "/etc/flowfabric/flowfabric.conf");
    ff_arena_done(&arena);
}

/* ---- directories ---- */
static mode_t
mode_of(const char *path)
{
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void
test_directories_are_made_with_their_modes(void **state)
{
    char state_dir[128];
    char runtime_dir[128];
    char parent[128];
    char *const env[] = { state_dir, runtime_dir, NULL };
    mode_t before = umask(0077);
    struct ff_config_rig rig;

    (void) state;
    ff_config_rig_start(&rig, "");
    snprintf(state_dir, sizeof(state_dir), "FF_STATE_DIR=%s/a/b", rig.dir);
    snprintf(runtime_dir, sizeof(runtime_dir), "FF_RUNTIME_DIR=%s/run/", rig.dir);
    snprintf(parent, sizeof(parent), "%s/a", rig.dir);
    assert_int_equal(ff_config_rig_load(&rig, env), FF_E_OK);
    assert_int_equal(ff_config_make_dirs(&rig.config, &rig.fault), FF_E_OK);
    assert_int_equal(mode_of(rig.config.state_dir.p), 0700);
    assert_int_equal(mode_of(rig.config.runtime_dir.p), 0750);
    assert_int_equal(mode_of(parent), 0755);
    assert_int_equal(chmod(rig.config.state_dir.p, 0711), 0);
    assert_int_equal(ff_config_make_dirs(&rig.config, &rig.fault), FF_E_OK);
    assert_int_equal(mode_of(rig.config.state_dir.p), 0711); /* what is there stays */
    umask(before);
    ff_config_rig_done(&rig);
}

static void
test_a_file_in_place_of_a_directory(void **state)
{
    char state_dir[128];
    char *const env[] = { state_dir, NULL };
    struct ff_config_rig rig;

    (void) state;
    ff_config_rig_start(&rig, "");
    snprintf(state_dir, sizeof(state_dir), "FF_STATE_DIR=%s", rig.path);
    assert_int_equal(ff_config_rig_load(&rig, env), FF_E_OK);
    assert_int_equal(ff_config_make_dirs(&rig.config, &rig.fault), FF_E_INVALID_CONFIG);
    assert_detail_str(&rig.fault, "field", "state_dir");
    assert_detail_str(&rig.fault, "reason", strerror(ENOTDIR));
    ff_config_rig_done(&rig);
}

/* ---- typed values, warnings, changes, listings ---- */
static void
test_values_have_their_types(void **state)
{
    char *const env[] = { "FF_LISTEN_ADDR=[::1]:81", "FF_SCANNER_TAG=k=v", "FF_LOG_LEVEL=debug",
                          NULL };
    struct ff_config_rig rig;

    (void) state;
    ff_config_rig_start(&rig, "lanes = \"x, y\"\nlog_format = json\n");
    assert_int_equal(ff_config_rig_load(&rig, env), FF_E_OK);
    assert_string_equal(rig.config.listen_addr.host.p, "::1");
    assert_int_equal(rig.config.listen_addr.port, 81);
    assert_true(ff_str_is(rig.config.scanner_tag.key, "k"));
    assert_true(ff_str_is(rig.config.scanner_tag.value, "v"));
    assert_int_equal(rig.config.log_level, FF_LEVEL_DEBUG);
    assert_int_equal(rig.config.log_format, FF_LOG_FORMAT_JSON);
    assert_int_equal(rig.config.lanes.n, 2);
    assert_string_equal(rig.config.lanes.v[1].p, "y");
    assert_int_equal(rig.config.frame_bytes_max, 16777216);
    ff_config_rig_done(&rig);
}

static void
test_dropped_origins_and_short_secrets_are_warned_about(void **state)
{
    char *const env[] = { "FF_CORS_ORIGINS=a\x7f,b", "FF_WAITPOINT_HMAC_SECRET=abcd", NULL };
    struct ff_config_rig rig;

    (void) state;
    ff_config_rig_start(&rig, "");
    assert_int_equal(ff_config_rig_load(&rig, env), FF_E_OK);
    assert_non_null(strstr(rig.warnings, "cors_origins: \"a\x7f\""));
    assert_non_null(strstr(rig.warnings, "waitpoint_hmac_secret"));
    assert_null(strstr(rig.warnings, "abcd"));
    ff_config_rig_done(&rig);
}

static void
test_changed_settings_are_named(void **state)
{
    char *const env_a[] = { "FF_API_TOKEN=one", "FF_SCANNER_TAG=a=b", NULL };
    char *const env_b[] = { "FF_API_TOKEN=two", "FF_LANES=default", NULL };
    struct ff_arena arena = { 0 };
    struct ff_strs names = { 0 };
    struct ff_config_rig a;
    struct ff_config_rig b;

    (void) state;
    ff_config_rig_start(&a, "parked_max = 5");
    ff_config_rig_start(&b, "parked_max = 6");
    assert_int_equal(ff_config_rig_load(&a, env_a), FF_E_OK);
    assert_int_equal(ff_config_rig_load(&b, env_b), FF_E_OK);
    assert_int_equal(ff_config_changed(&a.config, &a.config, &arena).n, 0);
    names = ff_config_changed(&a.config, &b.config, &arena);
    assert_int_equal(names.n, 3);
    assert_string_equal(names.v[0].p, "parked_max");
    assert_string_equal(names.v[1].p, "api_token");
    assert_string_equal(names.v[2].p, "scanner_tag");
    ff_arena_done(&arena);
    ff_config_rig_done(&a);
    ff_config_rig_done(&b);
}

static void
test_what_is_printed_reads_back(void **state)
{
    char *const env[] = { "FF_LANES=a\"b,c\\d,e${HOME}", "FF_STORE=memory:", NULL };
    char *const none[] = { NULL };
    struct ff_arena arena = { 0 };
    struct ff_config_rig first;
    struct ff_config_rig second;
    char *text = NULL;

    (void) state;
    ff_config_rig_start(&first, "");
    assert_int_equal(ff_config_rig_load(&first, env), FF_E_OK);
    text = ff_config_printed(&first.config);
    ff_config_rig_start(&second, text);
    if (ff_config_rig_load(&second, none) != FF_E_OK) {
        fail_msg("%s", second.fault.message);
    }
    assert_int_equal(ff_config_changed(&first.config, &second.config, &arena).n, 0);
    ff_arena_done(&arena);
    free(text);
    ff_config_rig_done(&first);
    ff_config_rig_done(&second);
}

static void
test_check_says_what_is_wrong(void **state)
{
    char *const env[] = { "FF_LANES=", NULL };
    struct ff_config_input input = { .env = env, .root = true };
    char *text = NULL;
    size_t size = 0;
    FILE *err = ff_memory_file(&text, &size);
    struct ff_config_rig rig;

    (void) state;
    ff_config_rig_start(&rig, "");
    input.path = rig.path;
    assert_int_equal(ff_config_check(&input, err, err), 1);
    fclose(err);
    assert_string_equal(text, "flowfabricd: FF_LANES: must name 1 to 10000 lanes, not \"\"\n");
    free(text);
    ff_config_rig_done(&rig);
}

static void
test_check_prints_what_is_in_force(void **state)
{
    char *const env[] = { "FF_CORS_ORIGINS=\x01,b", NULL };
    struct ff_config_input input = { .env = env, .root = true };
    char *texts[2] = { NULL, NULL };
    size_t sizes[2] = { 0, 0 };
    FILE *out = ff_memory_file(&texts[0], &sizes[0]);
    FILE *err = ff_memory_file(&texts[1], &sizes[1]);
    struct ff_config_rig rig;

    (void) state;
    ff_config_rig_start(&rig, "");
    input.path = rig.path;
    assert_int_equal(ff_config_check(&input, out, err), 0);
    fclose(out);
    fclose(err);
    assert_non_null(strstr(texts[0], "\nlanes = \"default\" # default\n"));
    assert_non_null(strstr(texts[1], "flowfabricd: warning: cors_origins"));
    free(texts[0]);
    free(texts[1]);
    ff_config_rig_done(&rig);
}

static void
test_settings_are_listed_with_names_and_defaults(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = ff_memory_file(&text, &size);

    (void) state;
    ff_config_print_settings(out);
    fclose(out);
    assert_non_null(strstr(text, "FF_FLOW_PARTITIONS, flow_partitions\n"));
    assert_non_null(strstr(text, "default: 16777216\n"));
    assert_non_null(strstr(text, "default: sqlite:<state dir>/flowfabric.db\n"));
    assert_non_null(strstr(text, "older name: max_concurrent_tail\n"));
    free(text);
}

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(good_rows, test_good), FF_ROWS(bad_rows, test_bad) };
    const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_line_of_a_bad_value),
        cmocka_unit_test(test_named_file_must_be_there),
        cmocka_unit_test(test_default_file_may_be_missing),
        cmocka_unit_test(test_xdg_state_home_wins_over_home),
        cmocka_unit_test(test_without_a_runtime_dir_it_must_be_set),
        cmocka_unit_test(test_default_path),
        cmocka_unit_test(test_directories_are_made_with_their_modes),
        cmocka_unit_test(test_a_file_in_place_of_a_directory),
        cmocka_unit_test(test_values_have_their_types),
        cmocka_unit_test(test_dropped_origins_and_short_secrets_are_warned_about),
        cmocka_unit_test(test_changed_settings_are_named),
        cmocka_unit_test(test_what_is_printed_reads_back),
        cmocka_unit_test(test_check_says_what_is_wrong),
        cmocka_unit_test(test_check_prints_what_is_in_force),
        cmocka_unit_test(test_settings_are_listed_with_names_and_defaults),
    };

    return ff_run_rows("config", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
