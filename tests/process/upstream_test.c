/* Results of upstream executions under a real host: what a member of a flow finds (04 §7.3). */
#include <stdio.h>

#include "core/id.h"
#include "tests/core/json_in.h"
#include "tests/process/hosts.h"

#define SH(kind, script) "handler \"" kind "\" { exec = {'/bin/sh', '-c', '" script "'} }\n"
/* Without the names of files, which differ: outcome, and whether there is one. */
#define INDEX "sed \"s/^[^ ]* //; s/ ........-.*/ file/\" upstream/index | sort"

/* clang-format off */
static const char sections[] =
    "worker \"u\" { slots = 4\n"
    SH("say", "cat")
    SH("nothing", ":")
    SH("join", "test $FF_UPSTREAM_DIR = $FF_DIR/upstream || exit 100; echo $FF_UPSTREAM_COUNT; "
               "while read -r id outcome file; do test $id = ${id%:*}:$file || exit 100; "
               "cat $FF_UPSTREAM_DIR/$file; echo; done < upstream/index | sort")
    SH("index", "wc -c upstream/*-* 2>&1 | tail -n 1; " INDEX)
    SH("alone", "echo ${FF_UPSTREAM_COUNT-none}${FF_UPSTREAM_DIR-}; ls")
    "handler \"mega\" { exec = {'/usr/bin/head', '-c', '8388608', '/dev/zero'} "
    "output_bytes_max = 8388608 }\n"
    "handler \"plugin\" { plugin = '" FF_TEST_PLUGIN "' }\n"
    "}\n";
/* clang-format on */

#define ANY "{\"kind\":\"any_of\",\"on_satisfied\":\"let_run\"}"

static const struct row {
    const char *name;
    const char *up[6]; /* kinds of those before it; NULL: no more */
    const char *kind;
    const char *policy; /* of the join; NULL: all_of */
    const char *lane;   /* of the first; nobody works on another than the default */
    bool twice;         /* a second edge from each */
    const char *want;
} rows[] = {
    { .name = "files of a and b", .up = { "say", "say" }, .kind = "join", .want = "2\n0\n1\n" },
    { .name = "the index names each once",
      .up = { "say", "say" },
      .kind = "join",
      .twice = true,
      .want = "2\n0\n1\n" },
    { .name = "an empty result is one",
      .up = { "nothing" },
      .kind = "index",
      .want = "0 upstream/U\nsuccess file\n" },
    { .name = "one that has not ended",
      .up = { "say", "say" },
      .kind = "index",
      .policy = ANY,
      .lane = "nobody",
      .want = "1 upstream/U\npending -\nsuccess file\n" },
    { .name = "32 MiB and not a byte more",
      .up = { "mega", "mega", "mega", "mega", "mega" },
      .kind = "index",
      .want = "33554432 total\nsuccess file\nsuccess file\nsuccess file\nsuccess file\n"
              "success omitted\n" },
    { .name = "a plugin has them, too",
      .up = { "say", "say", "say" },
      .kind = "plugin",
      .want = "success 3 012" },
    { .name = "the first of a flow", .kind = "alone", .want = "none\n" },
};

static struct ff_hosts *common;

static struct ff_eid
submit(const struct row *row)
{
    static const char *const keys[] = { "0", "1", "2", "3", "4", "5" };
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_submit_member members[7] = { { .key = { 0 } } };
    struct ff_submit_edge edges[12] = { { .from = { 0 } } };
    struct ff_submit_group group = { .member = ff_cstr("join") };
    struct ff_submit_flow_args args = {
        .flow = { .flow_id = ff_test_eid().uuid,
                  .flow_kind = ff_cstr("test"),
                  .namespace = ff_cstr("default") },
        .members = { .v = members },
        .edges = { .v = edges },
        .groups = { .v = &group, .n = row->policy != NULL },
    };
    struct ff_submit_flow_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_eid join = { 0 };
    struct ff_fault fault = { 0 };
    uint32_t n = 0;

    for (; n < FF_COUNT(row->up) && row->up[n] != NULL; n++) {
        members[n] = (struct ff_submit_member){ .key = ff_cstr(keys[n]),
                                                .lane_id = ff_cstr(FF_TEST_LANE),
                                                .execution_kind = ff_cstr(row->up[n]),
                                                .input_payload = ff_cstr(keys[n]),
                                                .creator_identity = ff_cstr("") };
        for (int i = 0; i <= row->twice; i++) {
            edges[args.edges.n++] =
                (struct ff_submit_edge){ .from = ff_cstr(keys[n]),
                                         .to = ff_cstr("join"),
                                         .dependency_kind = ff_cstr("success_only") };
        }
    }
    members[0].lane_id = ff_cstr(row->lane == NULL ? FF_TEST_LANE : row->lane);
    members[n] = (struct ff_submit_member){ .key = ff_cstr("join"),
                                            .lane_id = ff_cstr(FF_TEST_LANE),
                                            .execution_kind = ff_cstr(row->kind),
                                            .input_payload = ff_cstr("upstream"),
                                            .creator_identity = ff_cstr("") };
    args.members.n = n + 1;
    if (row->policy != NULL) {
        group.policy = packed(row->policy, &arena);
    }
    if (ff_client_submit_flow(common->client, &args, &result, &answer) != FF_E_OK) {
        fail_msg("submit_flow: %s", ff_answer_text(&answer));
    }
    for (uint32_t i = 0; i < result.members.n; i++) {
        if (ff_str_is(result.members.v[i].key, "join")) {
            assert_int_equal(ff_eid_parse(result.members.v[i].value, "id", &join, &fault), FF_E_OK);
        }
    }
    return join;
}

/* The result; the UUID behind upstream/ becomes a U. It lives until the next call. */
static const char *
result_of(struct ff_eid id)
{
    static char text[512];
    struct ff_get_execution_result_args args = { .execution_id = id };
    struct ff_get_execution_result_result got = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    char *at = NULL;

    assert_int_equal(ff_client_get_execution_result(common->client, &args, &got, &answer), FF_E_OK);
    snprintf(text, sizeof(text), "%.*s", (int) got.result.n, got.result.p);
    at = strstr(text, "upstream/");
    if (at != NULL) {
        at += strlen("upstream/");
        memmove(at + 1, at + 36, strlen(at + 36) + 1);
        *at = 'U';
    }
    return text;
}

static void
test_row(void **state)
{
    const struct row *row = *state;
    struct ff_eid join = submit(row);

    ff_hosts_await(common, join, "completed");
    assert_string_equal(result_of(join), row->want);
}

static void
test_of_no_flow(void **state)
{
    struct ff_eid id = ff_hosts_submit(common, "alone", NULL, NULL);

    (void) state;
    ff_hosts_await(common, id, "completed");
    assert_string_equal(result_of(id), "none\n");
}

/* One reply has no room for all that they ask for. */
static void
test_several_at_once(void **state)
{
    const struct row row = { .up = { "mega", "mega", "mega" }, .kind = "index" };
    struct ff_eid joins[4];

    (void) state;
    for (size_t i = 0; i < FF_COUNT(joins); i++) {
        joins[i] = submit(&row);
    }
    for (size_t i = 0; i < FF_COUNT(joins); i++) {
        ff_hosts_await(common, joins[i], "completed");
        assert_string_equal(result_of(joins[i]),
                            "25165824 total\nsuccess file\nsuccess file\nsuccess file\n");
    }
}

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };
    const struct CMUnitTest singles[] = { cmocka_unit_test(test_of_no_flow),
                                          cmocka_unit_test(test_several_at_once) };
    void *state = NULL;
    int failed = 0;

    ff_hosts_setup(&state);
    common = state;
    ff_hosts_start(common, sections);
    ff_hosts_start_one(common, 0, "u");
    failed = ff_run_rows("upstream", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
    ff_daemon_stop(&common->host[0]);
    ff_hosts_teardown(&state);
    return failed;
}
