/* ffctl flow on a real broker. */
#include <pty.h>
#include <unistd.h>

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

/* ffctl flow OPTIONS submit DIR/NAME */
static const char *
submit_with(const struct ff_daemon *daemon, const char *options, const char *name)
{
    char line[512];

    snprintf(line, sizeof(line), "flow %s submit %s/%s", options, daemon->dir, name);
    return ffctl(daemon, line);
}

static const char *
submit(const struct ff_daemon *daemon, const char *name)
{
    return submit_with(daemon, "", name);
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

/* Byte for byte as it stands in the file, numbers and blanks included. */
static void
test_input_is_handed_on_as_it_is_written(void **state)
{
    struct ff_daemon *daemon = *state;
    const char *shown = NULL;
    char line[128] = "result ";

    ff_daemon_start(daemon, "worker \"w\" {\n"
                            "  handler \"echo\" { exec = {\"/bin/cat\"} }\n"
                            "}\n");
    write_graph(daemon, "graph",
                "{\"members\":[{\"key\":\"it\", \"execution_kind\":\"echo\",\n"
                "\"input\": {\"n\": [0.1, 1e-7,  9007199254740993], \"s\":\"\\u0000/\"} }]}");
    assert_says(submit_with(daemon, "--wait", "graph"), "the flow is completed\n[0]");
    shown = ffctl(daemon, "ls --state completed");
    assert_says(shown, "{fp:");
    memcpy(line + strlen(line), "'", 2);
    memcpy(line + strlen(line), strstr(shown, "{fp:"), strcspn(strstr(shown, "{fp:"), " \n"));
    strcat(line, "'");
    assert_string_equal(ffctl(daemon, line),
                        "{\"n\": [0.1, 1e-7,  9007199254740993], \"s\":\"\\u0000/\"}[0]");
    ff_daemon_stop(daemon);
}

/* A graph of so many members that its answer takes longer than a millisecond. */
static void
write_large_graph(const struct ff_daemon *daemon, const char *name)
{
    enum { MANY = 5000 };
    char *graph = calloc(MANY + 1, 64), *to = graph;

    assert_non_null(graph);
    to += sprintf(to, "{\"members\":[");
    for (int i = 0; i < MANY; i++) {
        to += sprintf(to, "%s{\"key\":\"%d\",\"execution_kind\":\"k\"}", i == 0 ? "" : ",", i);
    }
    sprintf(to, "]}");
    write_graph(daemon, name, graph);
    free(graph);
}

/* The flow's id was chosen by ffctl: it tells which, and how to find out. */
static void
test_an_answer_that_does_not_come(void **state)
{
    struct ff_daemon *daemon = *state;
    static const char way[] = "ffctl flow submit --id ";
    char id[37] = "", option[64];
    const char *said = NULL;

    ff_daemon_start(daemon, NULL);
    write_large_graph(daemon, "large");
    said = submit_with(daemon, "--timeout 1ms", "large");
    assert_says(said, "It is not known whether the flow was submitted.");
    assert_says(said, "[3]");
    assert_says(said, way);
    memcpy(id, strstr(said, way) + strlen(way), 36);
    snprintf(option, sizeof(option), "--id %s", id);
    assert_says(submit_with(daemon, option, "large"), id);
    assert_says(submit_with(daemon, option, "large"), "was submitted before under this id");
    assert_says(ffctl(daemon, "flow ls --limit 0"), id);
    assert_says(submit_with(daemon, "--id x", "large"), "[2]");
    ff_daemon_stop(daemon);
}

/* Reads what a command shows on a terminal until the second picture begins; the first one. */
static char *
picture(int fd)
{
    static const char home[] = "\033[H\033[J";
    static char out[65536];
    char *begin = NULL, *end = NULL;
    size_t n = 0;

    while (end == NULL) {
        ssize_t got = read(fd, out + n, sizeof(out) - 1 - n);

        assert_true(got > 0);
        n += (size_t) got;
        out[n] = '\0';
        begin = strstr(out, home);
        end = begin == NULL ? NULL : strstr(begin + 1, home);
    }
    *end = '\0';
    return begin + strlen(home);
}

/* No line is wider than the screen, and there are no more of them than it has. */
static void
test_watching_stays_on_the_screen(void **state)
{
    struct ff_daemon *daemon = *state;
    const struct winsize size = { .ws_row = 14, .ws_col = 50 };
    char id[37] = "", dir[256];
    const char *argv[] = { FF_TEST_FFCTL, "--socket", dir, "flow", "watch", id, NULL };
    size_t rows = 0;
    int fd = -1;
    pid_t pid = -1;

    ff_daemon_start(daemon, NULL);
    write_large_graph(daemon, "large");
    memcpy(id, submit(daemon, "large"), 36);
    snprintf(dir, sizeof(dir), "%s/run", daemon->dir);
    pid = forkpty(&fd, NULL, NULL, &size);
    assert_true(pid >= 0);
    if (pid == 0) {
        execv(FF_TEST_FFCTL, (char **) (uintptr_t) argv);
        _exit(127);
    }
    for (char *line = strtok(picture(fd), "\r\n"); line != NULL; line = strtok(NULL, "\r\n")) {
        assert_true(strlen(line) <= size.ws_col);
        rows++;
    }
    assert_in_range(rows, 10, size.ws_row);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(fd);
    assert_says(of(daemon, "watch", strcat(strcpy(dir, id), " >/dev/full")), "[3]");
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
    { "{\"members\":[\n{\"key\":\"one\",\"execution_kind\":\"k\",\n"
      "\"execution_id\":\"{fp:3}:00000000-0000-4000-8000-000000000001\"}],\n"
      "\"flow\":{\"flow_id\":\"00000000-0000-4000-8000-000000000002\"}}",
      "line 3: member 'one': execution_id: partition mismatch" },
    { "{\"members\":[{\"key\":\"one\",\"execution_kind\":\"k\"}],\"edges\":[\n"
      "{\"from\":\"12345678901234567890123456789012345678901234567890123456789012345\","
      "\"to\":\"one\"}]}",
      "line 2: the edge '12345678901234567890123456789012345678901234567890123456789012345' -> "
      "'one': from: too long, at most 64" },
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
        cmocka_unit_test_setup_teardown(test_input_is_handed_on_as_it_is_written,
                                        ff_daemon_setup_tree, ff_daemon_teardown),
        cmocka_unit_test_setup_teardown(test_an_answer_that_does_not_come, ff_daemon_setup,
                                        ff_daemon_teardown),
        cmocka_unit_test_setup_teardown(test_watching_stays_on_the_screen, ff_daemon_setup,
                                        ff_daemon_teardown),
    };

    return cmocka_run_group_tests_name("flow_cli", tests, NULL, NULL);
}
