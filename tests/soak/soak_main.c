/* ff-soak: mixed load on a whole daemon of its own, kills all along, and a verdict (make soak).
 *
 *   FF_SOAK_MINUTES   10
 *   FF_SOAK_SEED      of loads and kills; printed
 *
 * For three fifths of the time any process may be killed; then the broker and the supervisor are
 * left alone, so that it can be seen whether their memory stays flat. Exit 0: all held.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/soak/soak.h"

/* What has ended is kept for so long only, so that memory can be flat. */
#define SETTINGS                                                                                   \
    "log_level = warn\nrestart_max = 100\nretention_ms = 15000\nevent_retention_ms = 60000\n"      \
    "retention_trimmer_interval_s = 1\n"                                                           \
    "worker \"cats\" { count = 2 slots = 4 lanes = \"hosts\" lease_ttl_ms = 5000\n"                \
    "  handler \"cat\" { exec = {\"/bin/cat\"} } }"
#define TICK_MS 100
#define TELL_S 5.0
#define MEMORY_S 2.0
#define KILL_S_MIN 1.0
#define KILL_S_MAX 5.0
#define CALM_PART 0.6
/* What everything that was begun has to end in. */
#define DRAIN_S 90.0

static volatile sig_atomic_t interrupted;

enum victim { BROKER, SCANNER, HOST, CONTROL, SUPERVISOR, VICTIMS };
static const char *const victim_words[VICTIMS] = { "broker", "scanners", "worker hosts", "control",
                                                   "supervisor" };

struct run {
    struct soak soak;
    struct ff_daemon *daemon;
    struct ff_client *control;
    struct soak_memory *memory;
    unsigned seed;
    double begun_s, seconds, next_kill_s, next_tell_s, next_memory_s;
    uint32_t kills[VICTIMS];
};

static double
mono_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static double
elapsed_s(const struct run *run)
{
    return mono_s() - run->begun_s;
}

/* ---- kills ---- */

static enum victim
pick_victim(struct run *run)
{
    bool calm = elapsed_s(run) > CALM_PART * run->seconds;
    uint32_t n = (uint32_t) rand_r(&run->seed) % 20;

    if (n < 7) {
        return calm ? SCANNER : BROKER;
    }
    if (n < 9) {
        return calm ? HOST : SUPERVISOR;
    }
    return n < 14 ? SCANNER : n < 18 ? HOST : CONTROL;
}

static const char *
name_of(struct run *run, enum victim victim)
{
    static const char *const scanners[] = { "lease",  "promote",   "unblock",  "cancel",
                                            "timers", "reconcile", "retention" };
    static const char *const hosts[] = { "cats.1", "cats.2" };

    switch (victim) {
    case BROKER:
        return "broker";
    case SCANNER:
        return scanners[(uint32_t) rand_r(&run->seed) % FF_COUNT(scanners)];
    case HOST:
        return hosts[(uint32_t) rand_r(&run->seed) % FF_COUNT(hosts)];
    default:
        return "control";
    }
}

static void
kill_supervisor(struct run *run)
{
    struct ff_tree_view view;

    ff_tree_look(run->control, &view);
    ff_daemon_kill(run->daemon);
    ff_daemon_start(run->daemon, SETTINGS);
    ff_tree_await_gone(&view);
}

static void
kill_one(struct run *run)
{
    enum victim victim = pick_victim(run);
    double part = rand_r(&run->seed) % 1000 / 1000.0;

    if (victim == SUPERVISOR) {
        kill_supervisor(run);
    } else {
        const char *name = name_of(run, victim);
        pid_t pid = ff_tree_await(run->control, name, FF_CHILD_READY, 0).pid;

        assert_int_equal(kill(pid, SIGKILL), 0);
        ff_tree_await(run->control, name, FF_CHILD_READY, pid);
    }
    run->kills[victim]++;
    run->next_kill_s = elapsed_s(run) + KILL_S_MIN + part * (KILL_S_MAX - KILL_S_MIN);
}

/* ---- while it runs ---- */

static void
tell(struct run *run)
{
    struct soak *soak = &run->soak;
    struct soak_count count;
    uint32_t open = ff_soak_book_open(soak), kills = 0;

    for (int i = 0; i < VICTIMS; i++) {
        kills += run->kills[i];
    }
    pthread_mutex_lock(&soak->mutex);
    count = soak->count;
    pthread_mutex_unlock(&soak->mutex);
    printf("%5.0f s  %8llu created  %8llu ended  %6llu flows  %6llu signals  %4u open  %4u kills  "
           "broker %5.1f MiB  %u wrong\n",
           elapsed_s(run), (unsigned long long) count.created, (unsigned long long) count.ended,
           (unsigned long long) count.flows, (unsigned long long) count.signals, open, kills,
           ff_soak_memory_mib(run->memory, "broker"), atomic_load(&soak->wrong));
    fflush(stdout);
    run->next_tell_s = elapsed_s(run) + TELL_S;
}

static void
turn(struct run *run, bool kills)
{
    if (elapsed_s(run) >= run->next_tell_s) {
        tell(run);
    }
    if (elapsed_s(run) >= run->next_memory_s) {
        struct ff_tree_view view;

        ff_tree_look(run->control, &view);
        ff_soak_memory_take(run->memory, &view, run->daemon->pid, elapsed_s(run));
        run->next_memory_s = elapsed_s(run) + MEMORY_S;
    }
    if (kills && elapsed_s(run) >= run->next_kill_s) {
        kill_one(run);
    }
    ff_soak_pause_ms(TICK_MS);
}

static void
drain(struct run *run)
{
    double until_s = elapsed_s(run) + DRAIN_S;

    atomic_store(&run->soak.stopping, true);
    while (!interrupted && ff_soak_book_open(&run->soak) > 0 && elapsed_s(run) < until_s) {
        turn(run, false);
    }
}

/* ---- the end ---- */

static void
report(struct run *run)
{
    const struct soak_count *c = &run->soak.count;
    const struct {
        const char *what;
        uint64_t n;
    } rows[] = {
        { "executions created", c->created },
        { "completions acknowledged", c->completed },
        { "ends seen by all readers", c->ended },
        { "flows", c->flows },
        { "cancels", c->cancels },
        { "suspensions", c->suspended },
        { "signals accepted", c->signals },
        { "forged signals refused", c->forged },
        { "retries", c->retried },
        { "delays", c->delayed },
        { "leases left to lapse", c->dropped },
        { "leases that lapsed", c->lapsed },
        { "calls refused as too late", c->refused },
        { "frames", c->frames },
        { "streams followed to their end", c->tails },
        { "usage accepted", c->usage },
        { "usage refused by a hard limit", c->breaches },
    };

    printf("\n");
    for (size_t i = 0; i < FF_COUNT(rows); i++) {
        printf("%-32s %10llu\n", rows[i].what, (unsigned long long) rows[i].n);
    }
    for (int i = 0; i < VICTIMS; i++) {
        printf("kill -9: %-23s %10u\n", victim_words[i], run->kills[i]);
    }
}

static void
end_threads(struct run *run)
{
    atomic_store(&run->soak.over, true);
    ff_soak_load_join(&run->soak);
    ff_soak_work_join(&run->soak);
    ff_soak_feeds_join(&run->soak);
}

static uint32_t
judge(struct run *run)
{
    double from_s = (CALM_PART + (1 - CALM_PART) * 0.3) * run->seconds;
    struct ff_client *client = NULL;
    uint32_t bad = 0;

    if (!interrupted) {
        ff_soak_book_close(&run->soak);
        client = ff_test_client(run->daemon->worker, NULL);
        ff_soak_load_check(&run->soak, client);
        ff_client_close(client);
    }
    report(run);
    bad = ff_soak_memory_report(run->memory, from_s);
    return bad + atomic_load(&run->soak.wrong);
}

/* What it leaves behind is what a daemon may have written. */
static uint32_t
check_store(const struct ff_daemon *daemon)
{
    char line[256];

    printf("\n");
    fflush(stdout);
    snprintf(line, sizeof(line), "%s store check sqlite:%s/state/flowfabric.db",
             FF_TEST_FLOWFABRICD, daemon->dir);
    return system(line) != 0;
}

static void
soak(void **state)
{
    struct ff_daemon *daemon = *state;
    const char *minutes = getenv("FF_SOAK_MINUTES"), *seed = getenv("FF_SOAK_SEED");
    struct run *run = calloc(1, sizeof(*run));
    uint32_t bad = 0;

    assert_non_null(run);
    run->seconds = 60 * (minutes == NULL || minutes[0] == '\0' ? 10 : strtod(minutes, NULL));
    run->seed = seed == NULL || seed[0] == '\0' ? (unsigned) time(NULL)
                                                : (unsigned) strtoul(seed, NULL, 10);
    printf("soak of %.1f minutes, FF_SOAK_SEED=%u\n", run->seconds / 60, run->seed);
    run->daemon = daemon;
    run->memory = ff_soak_memory_new();
    run->soak.seed = run->seed;
    run->soak.worker = daemon->worker;
    pthread_mutex_init(&run->soak.mutex, NULL);
    TAILQ_INIT(&run->soak.signals);
    ff_daemon_start(daemon, SETTINGS);
    run->control = ff_test_control(daemon);
    run->begun_s = mono_s();
    run->next_kill_s = KILL_S_MAX;
    ff_soak_feeds_start(&run->soak);
    ff_soak_work_start(&run->soak);
    ff_soak_load_start(&run->soak);
    while (!interrupted && elapsed_s(run) < run->seconds) {
        turn(run, true);
    }
    drain(run);
    end_threads(run);
    bad = judge(run);
    ff_client_close(run->control);
    ff_daemon_stop(daemon);
    bad += check_store(daemon);
    printf("\nsoak, seed %u: %s\n", run->soak.seed,
           bad > 0       ? "NOT CLEAN"
           : interrupted ? "interrupted; clean so far"
                         : "clean");
    fflush(stdout);
    ff_soak_memory_free(run->memory);
    free(run);
    assert_int_equal(bad, 0);
}

/* ---- a process of its own, so that Ctrl-C does not reach the daemon ---- */

static volatile sig_atomic_t child;

static void
on_signal(int signal)
{
    (void) signal;
    interrupted = 1;
    if (child > 0) {
        kill(child, SIGTERM);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(soak, ff_daemon_setup_tree, ff_daemon_teardown),
    };
    struct sigaction action = { .sa_handler = on_signal };
    int status = 0;

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    child = fork();
    if (child == 0) {
        setsid();
        return ff_run_rows("soak", NULL, 0, tests, FF_COUNT(tests));
    }
    while (waitpid(child, &status, 0) < 0) { /* a signal came: the child ends in its time */
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}
