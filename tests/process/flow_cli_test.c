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
    assert_says(of(daemon, "show", id), "  second  waiting_children");
    assert_says(of(daemon, "graph", id), " -> n");
    assert_says(ffctl(daemon, "flow ls"), id);
    assert_says(of(daemon, "cancel --wait --reason enough", id), "cancelled (cancel_all), 2");
    assert_says(of(daemon, "watch", id), "cancelled\n[1]");
    assert_says(ffctl(daemon, "flow show nonsense"), "[2]");
    ff_daemon_stop(daemon);
}

static void
test_a_graph_that_is_wrong(void **state)
{
    struct ff_daemon *daemon = *state;

    ff_daemon_start(daemon, NULL);
    write_graph(daemon, "cycle",
                "{" MEMBERS ",\"edges\":[{\"from\":\"one\",\"to\":\"two\"},"
                "{\"from\":\"two\",\"to\":\"one\"}]}");
    assert_says(submit(daemon, "cycle"), "cycle_detected");
    write_graph(daemon, "unknown", "{" MEMBERS ",\"edges\":[{\"from\":\"x\",\"to\":\"two\"}]}");
    assert_says(submit(daemon, "unknown"), "edges[0].from");
    write_graph(daemon, "typed",
                "{\"members\":[{\"key\":\"one\",\"execution_kind\":\"k\",\"priority\":\"x\"}]}");
    assert_says(submit(daemon, "typed"), "that is member 'one'");
    write_graph(daemon, "text", "not json");
    assert_says(submit(daemon, "text"), "[2]");
    assert_says(submit(daemon, "missing"), "[2]");
    assert_says(ffctl(daemon, "flow ls"), "[0]");
    ff_daemon_stop(daemon);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_flow_from_a_file, ff_daemon_setup,
                                        ff_daemon_teardown),
        cmocka_unit_test_setup_teardown(test_a_graph_that_is_wrong, ff_daemon_setup,
                                        ff_daemon_teardown),
    };

    return cmocka_run_group_tests_name("flow_cli", tests, NULL, NULL);
}
