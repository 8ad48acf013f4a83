/* tree_kill_test.c: kill -9 of any process of a whole daemon under load: what was acknowledged
 * holds, and work goes on by itself.
 *
 * FF_ROUNDS: kills of each; FF_SEED: of the instants.
 */
#include <signal.h>
#include <stdio.h>

#include "core/clock.h"
#include "tests/process/calls.h"
#include "tests/process/crew.h"
#include "tests/process/tree.h"

/* Calls begun or answered between two kills. */
#define STEPS_MAX 2000
/* "Within a second or two"; and on a machine that is busy with other things so many times as long
 * as the daemon took to start. */
#define BACK_MS_MAX 5000
#define BACK_STARTS_MAX 10
/* More kills than an operator would put up with; and a worker host beside the crew's workers. */
#define SETTINGS                                                                                   \
    "log_level = warn\nrestart_max = 100\n"                                                        \
    "worker \"cats\" { slots = 2 handler \"test\" { exec = {\"/bin/cat\"} } }"

static const struct row {
    const char *name;
    const char *victim; /* "supervisor": the daemon itself, which is started again */
    bool in_order;      /* restarted as an operator does it, not killed */
} rows[] = {
    { "kill -9 of the broker", "broker", false },
    { "a restart of the broker by an operator", "broker", true },
    { "kill -9 of the control process", "control", false },
    { "07 ex 38: kill -9 of a scanner", "lease", false },
    { "kill -9 of a worker host", "cats.1", false },
    { "kill -9 of the supervisor", "supervisor", false },
};

/* Nobody starts it again but whoever started it: here, us. */
static void
kill_supervisor(struct ff_daemon *daemon, struct ff_client *control)
{
    struct ff_tree_view view;

    ff_tree_look(control, &view);
    ff_daemon_kill(daemon);
    ff_daemon_start(daemon, SETTINGS);
    ff_tree_await_gone(&view); /* it could start, so they are */
}

static void
restart(struct ff_client *control, const char *name)
{
    const struct ff_restart_child_args args = { .name = ff_cstr(name) };
    struct ff_restart_child_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_restart_child(control, &args, &result, &answer), FF_E_OK);
}

static void
end_one(struct ff_daemon *daemon, struct ff_client *control, const struct row *row)
{
    pid_t pid = 0;

    if (strcmp(row->victim, "supervisor") == 0) {
        kill_supervisor(daemon, control);
        return;
    }
    if (row->in_order) {
        pid = ff_tree_entry(control, row->victim).pid;
        restart(control, row->victim);
    } else {
        pid = ff_tree_kill(control, row->victim);
    }
    ff_tree_await(control, row->victim, FF_CHILD_READY, pid);
    assert_int_equal(kill(pid, 0), -1); /* no zombie of it is left */
}

static void
test_kills(void **state)
{
    const struct row *row = *state;
    uint32_t rounds = ff_test_number("FF_ROUNDS", 6), seed = ff_test_number("FF_SEED", 1);
    struct ff_daemon daemon;
    struct ff_crew crew;
    struct ff_client *control = NULL, *client = NULL;
    int64_t back_ms_max = BACK_MS_MAX - BACK_STARTS_MAX * ff_mono_ms();

    ff_daemon_init(&daemon);
    daemon.tree = true;
    ff_daemon_start(&daemon, SETTINGS);
    back_ms_max += BACK_STARTS_MAX * ff_mono_ms();
    control = ff_test_control(&daemon);
    ff_crew_start(&crew, daemon.worker, seed);
    for (uint32_t i = 0; i < rounds && !ff_crew_is_stopping(&crew); i++) {
        int64_t killed_ms = 0, there_ms = 0;

        ff_crew_await(&crew, 1 + (uint64_t) rand_r(&crew.seed) % STEPS_MAX);
        ff_test_ping(
            control); /* it has found its way back from the last kill: that may take long */
        killed_ms = ff_mono_ms();
        end_one(&daemon, control, row);
        there_ms = ff_mono_ms();
        ff_crew_await(&crew, 100);
        if (ff_mono_ms() - killed_ms >= back_ms_max) {
            fail_msg("there again after %lld ms, at work after %lld ms, of at most %lld",
                     (long long) (there_ms - killed_ms), (long long) (ff_mono_ms() - killed_ms),
                     (long long) back_ms_max);
        }
    }
    ff_crew_await(&crew, STEPS_MAX);
    ff_crew_stop(&crew);
    client = ff_test_client(daemon.worker, NULL);
    ff_crew_check(&crew, client);
    ff_crew_done(&crew);
    ff_client_close(client);
    ff_client_close(control);
    ff_daemon_stop(&daemon);
    ff_daemon_done(&daemon);
}

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(rows, test_kills) };

    return ff_run_rows("tree_kill", tables, 1, NULL, 0);
}
