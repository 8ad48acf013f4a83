#include "tests/process/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/core/json_in.h"

#define PATIENCE_MS 60000 /* a loaded machine's */

int
ff_hosts_setup(void **state)
{
    struct ff_hosts *hosts = calloc(1, sizeof(*hosts));
    char path[96];
    int fd = -1;

    assert_non_null(hosts);
    ff_daemon_init(&hosts->broker);
    for (int i = 0; i < FF_HOSTS_MAX; i++) {
        ff_daemon_join(&hosts->host[i], &hosts->broker, "worker-host", NULL);
    }
    snprintf(path, sizeof(path), "%s/said", hosts->broker.dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDWR | O_CLOEXEC); /* so that neither side ever waits for the other */
    assert_true(fd >= 0);
    hosts->said = fdopen(fd, "r");
    assert_non_null(hosts->said);
    *state = hosts;
    return 0;
}

int
ff_hosts_teardown(void **state)
{
    struct ff_hosts *hosts = *state;

    if (hosts->client != NULL) {
        ff_client_close(hosts->client);
    }
    for (int i = 0; i < FF_HOSTS_MAX; i++) {
        ff_daemon_done(&hosts->host[i]);
    }
    ff_daemon_done(&hosts->broker);
    fclose(hosts->said);
    free(hosts);
    return 0;
}

/* ---- processes ---- */

void
ff_hosts_start(struct ff_hosts *hosts, const char *sections)
{
    char *lines = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&lines, &size);

    assert_non_null(out);
    fputs("log_level = debug\ndisconnect_grace_ms = 50\n", out);
    for (; *sections != '\0'; sections++) {
        if (*sections == '@') {
            fputs(hosts->broker.dir, out);
        } else {
            fputc(*sections, out);
        }
    }
    fclose(out);
    ff_daemon_start(&hosts->broker, lines);
    free(lines);
    hosts->client = ff_test_client(hosts->broker.operator, NULL);
}

void
ff_hosts_start_one(struct ff_hosts *hosts, int i, const char *name)
{
    hosts->host[i].name = name;
    ff_daemon_start(&hosts->host[i], NULL);
}

const char *
ff_hosts_hear(struct ff_hosts *hosts)
{
    assert_non_null(fgets(hosts->line, sizeof(hosts->line), hosts->said));
    hosts->line[strcspn(hosts->line, "\n")] = '\0';
    return hosts->line;
}

static bool
is_zombie(pid_t pid)
{
    char path[64], text[512] = "";
    FILE *file = NULL;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return true; /* and even that is over */
    }
    if (fgets(text, sizeof(text), file) == NULL) {
        text[0] = '\0';
    }
    fclose(file);
    return strstr(text, ") Z") != NULL;
}

void
ff_hosts_await_death(pid_t pid)
{
    struct pollfd poll_fd = { .fd = pidfd_open(pid, 0), .events = POLLIN };

    if (poll_fd.fd < 0 && errno == ESRCH) {
        return;
    }
    if (poll_fd.fd < 0 && errno == EINVAL && is_zombie(pid)) {
        return;
    }
    assert_true(poll_fd.fd >= 0);
    assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
    close(poll_fd.fd);
}

/* ---- executions ---- */

struct ff_eid
ff_hosts_submit(struct ff_hosts *hosts, const char *kind, const char *input, const char *policy)
{
    struct ff_create_execution_args args = ff_test_create_args(ff_test_eid(), ff_cstr(input));
    struct ff_create_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_arena) arena = { 0 };

    args.execution_kind = ff_cstr(kind);
    if (policy != NULL) {
        args.policy = packed(policy, &arena);
    }
    if (ff_client_create_execution(hosts->client, &args, &result, &answer) != FF_E_OK) {
        fail_msg("create_execution: %s", ff_answer_text(&answer));
    }
    return args.execution_id;
}

static bool
is_running(const char *state)
{
    return strcmp(state, "waiting") == 0 || strcmp(state, "active") == 0;
}

static bool
is_over(const char *state)
{
    return strcmp(state, "completed") == 0 || strcmp(state, "failed") == 0 ||
           strcmp(state, "cancelled") == 0;
}

void
ff_hosts_await(struct ff_hosts *hosts, struct ff_eid id, const char *state)
{
    int64_t until_ms = ff_mono_ms() + PATIENCE_MS;
    const char *now = "";

    while (strcmp(now = ff_test_state(hosts->client, id), state) != 0) {
        if (is_over(now) || ff_mono_ms() > until_ms) {
            fail_msg("it is %s, not %s\n%s", now, state, ff_daemon_log(&hosts->broker));
        }
    }
}

const char *
ff_hosts_await_end(struct ff_hosts *hosts, struct ff_eid id)
{
    int64_t until_ms = ff_mono_ms() + PATIENCE_MS;
    const char *now = "";

    while (is_running(now = ff_test_state(hosts->client, id))) {
        if (ff_mono_ms() > until_ms) {
            fail_msg("it is still %s\n%s", now, ff_daemon_log(&hosts->broker));
        }
    }
    return now;
}

void
ff_hosts_expect_result(struct ff_hosts *hosts, struct ff_eid id, const char *want)
{
    struct ff_get_execution_result_args args = { .execution_id = id };
    struct ff_get_execution_result_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_get_execution_result(hosts->client, &args, &result, &answer),
                     FF_E_OK);
    assert_non_null(result.result.p);
    if (!ff_str_is(result.result, want)) {
        fail_msg("result is \"%.*s\", not \"%s\"", (int) result.result.n, result.result.p, want);
    }
}

struct ff_attempt_view *
ff_hosts_attempt(struct ff_hosts *hosts, struct ff_eid id, uint32_t index, struct ff_answer *answer)
{
    struct ff_describe_attempt_args args = { .execution_id = id, .attempt_index = index };
    struct ff_describe_attempt_result result = { 0 };

    assert_int_equal(ff_client_describe_attempt(hosts->client, &args, &result, answer), FF_E_OK);
    assert_non_null(result.attempt);
    return result.attempt;
}

uint32_t
ff_hosts_attempts(struct ff_hosts *hosts, struct ff_eid id)
{
    struct ff_read_total_attempt_count_args args = { .execution_id = id };
    struct ff_read_total_attempt_count_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_read_total_attempt_count(hosts->client, &args, &result, &answer),
                     FF_E_OK);
    return result.total_attempt_count;
}
