/* ffctl flow on a real broker. */
#include "tests/process/calls.h"
#include "tests/process/ffctl.h"

static void
write_graph(const struct ff_daemon *daemon, const char *name, const char *graph)
{
    char path[256];
    FILE *file = NULL;

    snprintf(path, sizeof(path), "%s/%s", daemon->dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(graph, file);
    assert_int_equal(fclose(file), 0);
}

/* ffctl flow VERB DIR/NAME */
static const char *
submit(const struct ff_daemon *daemon, const char *name)
{
    char line[512];

    snprintf(line, sizeof(line), "flow submit %s/%s", daemon->dir, name);
    return ffctl(daemon, line);
}

/* ffctl flow VERB ID */
static const char *
of(const struct ff_daemon *daemon, const char *verb, const char *id)
{
    char line[512];

    snprintf(line, sizeof(line), "flow %s %s", verb, id);
    return ffctl(daemon, line);
}

#define OTHER "00000000-0000-4000-8000-000000000000"
#define MEMBERS                                                                                    \
    "\"members\":[{\"key\":\"one\",\"execution_kind\":\"first\",\"input\":{\"a\":1}},"             \
    "{\"key\":\"two\",\"execution_kind\":\"second\"}]"

static void
test_a_flow_from_a_file(void **state)
{
    struct ff_daemon *daemon = *state;
    char id[37] = "";

    ff_daemon_start(daemon, NULL);
    write_graph(daemon, "good", "{" MEMBERS ",\"edges\":[{\"from\":\"one\",\"to\":\"two\"}]}");
    memcpy(id, submit(daemon, "good"), 36);
    assert_says(of(daemon, "show", id), "blocked: 2 members, 1 edges");
    assert_says(of(daemon, "show", id), "\none     first   waiting                 a worker");
    assert_says(of(daemon, "show", id), "\n  two   second  waiting_children        one");
    assert_says(of(daemon, "--json show", id), "\"key\":\"two\",\"execution_kind\":\"second\"");
    assert_says(of(daemon, "graph --dot", id), "[label=\"two\\nwaiting_children\"");
    assert_says(of(daemon, "graph", id), " -> n");
    assert_says(of(daemon, "--timeout 1ms watch", id), "[4]");
    assert_says(ffctl(daemon, "flow ls"), id);
    assert_says(of(daemon, "cancel --wait --reason enough", id), "cancelled (cancel_all), 2");
    assert_says(of(daemon, "watch", id), "the flow is cancelled\n[1]");
    assert_says(of(daemon, "watch", OTHER), "there is no such flow");
    assert_says(ffctl(daemon, "flow show nonsense"), "[2]");
    ff_daemon_stop(daemon);
}

/* Runs a graph of one member to its end; how the watching ends. */
static const char *
run_one(struct ff_daemon *daemon, const char *kind)
{
    char graph[256], path[512];

    snprintf(graph, sizeof(graph), "{\"members\":[{\"key\":\"it\",\"execution_kind\":\"%s\"}]}",
             kind);
    write_graph(daemon, kind, graph);
    snprintf(path, sizeof(path), "flow submit --wait %s/%s", daemon->dir, kind);
    return ffctl(daemon, path);
}

static void
test_watching_ends_as_the_flow_does(void **state)
{
    struct ff_daemon *daemon = *state;

    ff_daemon_start(daemon, "worker \"w\" {\n"
                            "  handler \"good\" { exec = {\"/bin/true\"} }\n"
                            "  handler \"bad\" { exec = {\"/bin/sh\", \"-c\", \"exit 100\"} }\n"
                            "}\n");
    assert_says(run_one(daemon, "good"), "the flow is completed\n[0]");
    assert_says(run_one(daemon, "bad"), "the flow is failed\n[1]");
    ff_daemon_stop(daemon);
}

static const struct wrong {
    const char *graph, *says;
} wrongs[] = {
    { "{\"members\":\n[{\"key\":\"a\" 1}]}", "line 2, column" },
    { "[1]", "a graph is a map" },
    { "{\"member\":[]}", "line 1: member: unknown field" },
    { "{" MEMBERS ",\n\"edges\":[{\"from\":\"one\",\"to\":\"two\"},\n"
      "{\"from\":\"two\",\"to\":\"one\"}]}",
      "cycle: " },
    { "{" MEMBERS ",\n\"edges\":[\n{\"from\":\"x\",\"to\":\"two\"}]}",
      "line 3: the edge 'x' -> 'two': from: unknown member" },
    { "{" MEMBERS ",\n\"groups\":[{\"member\":\"two\",\"policy\":{\"kind\":\"quorum\"}}]}",
      "line 2: the group of 'two': policy.k: missing" },
    { "{\"members\":[\n{\"key\":\"one\",\"execution_kind\":\"k\",\n\"priority\":\"x\"}]}",
      "line 3: member 'one': priority: wrong type" },
    { "{\"members\":[{\"key\":\"one\",\"execution_kind\":\"k\",\"input\":1,"
      "\"input_payload\":\"eA==\"}]}",
      "line 1: member 'one': input: unknown field" },
};

static void
test_a_graph_that_is_wrong(void **state)
{
    struct ff_daemon *daemon = *state;

    ff_daemon_start(daemon, NULL);
    for (size_t i = 0; i < FF_COUNT(wrongs); i++) {
        write_graph(daemon, "wrong", wrongs[i].graph);
        assert_says(submit(daemon, "wrong"), wrongs[i].says);
    }
    write_graph(daemon, "text", "not json");
    assert_says(submit(daemon, "text"), "[2]");
    assert_says(submit(daemon, "missing"), "[2]");
    assert_string_equal(ffctl(daemon, "flow ls"), "[0]"); /* none was made */
    ff_daemon_stop(daemon);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_flow_from_a_file, ff_daemon_setup,
                                        ff_daemon_teardown),
        cmocka_unit_test_setup_teardown(test_watching_ends_as_the_flow_does, ff_daemon_setup_tree,
                                        ff_daemon_teardown),
        cmocka_unit_test_setup_teardown(test_a_graph_that_is_wrong, ff_daemon_setup,
                                        ff_daemon_teardown),
    };

    return cmocka_run_group_tests_name("flow_cli", tests, NULL, NULL);
}
