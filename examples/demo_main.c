/* demo_main.c: `make demo`: real work on real files, a worker and the broker killed in the middle,
 * and proof at the end that everything was done exactly once as seen by its result. */
#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/id.h"
#include "core/partition.h"
#include "examples/demo.h"

#define WORKERS 2
#define JOBS_MAX 1024
#define BAR 40

struct job {
    char *path;
    struct ff_eid id;
    bool done;
};

static struct demo {
    char program[PATH_MAX], dir[64], address[128];
    pid_t broker, workers[WORKERS];
    uint32_t workers_started;
    struct job jobs[JOBS_MAX];
    uint32_t n;
    struct ff_client *client;
} demo;

/* ---- processes ---- */

static void
end(pid_t *pid, int signal)
{
    if (*pid > 0) {
        kill(*pid, signal);
        waitpid(*pid, NULL, 0);
        *pid = 0;
    }
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void) st;
    (void) flag;
    (void) ftw;
    return remove(path);
}

/* Also after a failure: nothing is left running or lying about. */
static void
clean_up(void)
{
    for (int i = 0; i < WORKERS; i++) {
        end(&demo.workers[i], SIGKILL);
    }
    end(&demo.broker, SIGTERM);
    if (demo.dir[0] != '\0') {
        nftw(demo.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

void
ff_demo_die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fprintf(stderr, "\ndemo: ");
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);
    exit(1);
}

static void
on_interrupt(int signal)
{
    (void) signal;
    exit(130);
}

static void
start_broker(void)
{
    char config[96], program[PATH_MAX + 16], fd[16], byte = 0;
    int fds[2];

    snprintf(config, sizeof(config), "%s/flowfabric.conf", demo.dir);
    snprintf(program, sizeof(program), "%.*s/flowfabricd",
             (int) (strrchr(demo.program, '/') - demo.program), demo.program);
    if (pipe(fds) != 0) {
        ff_demo_die("no pipe: %s", strerror(errno));
    }
    demo.broker = fork();
    if (demo.broker == 0) {
        close(fds[0]);
        snprintf(fd, sizeof(fd), "%d", fds[1]);
        unsetenv("FF_RUNTIME_DIR"); /* the environment would win over the file */
        unsetenv("FF_STATE_DIR");
        unsetenv("FF_STORE");
        execl(program, "flowfabricd", "broker", "--config", config, "--ready-fd", fd,
              (char *) NULL);
        _exit(127);
    }
    close(fds[1]);
    if (demo.broker < 0 || read(fds[0], &byte, 1) != 1) {
        ff_demo_die("the broker did not start");
    }
    close(fds[0]);
}

static void
start_worker(int i)
{
    char name[32];

    snprintf(name, sizeof(name), "demo-%u", ++demo.workers_started);
    demo.workers[i] = fork();
    if (demo.workers[i] == 0) {
        execl(demo.program, "demo", "worker", demo.address, name, (char *) NULL);
        _exit(127);
    }
}

struct ff_client *
ff_demo_connect(const char *address, const char *worker_instance_id)
{
    struct ff_client_options options = { .address = address,
                                         .name = "demo",
                                         .worker_instance_id = worker_instance_id,
                                         .namespace = "demo" };
    struct ff_client *client = NULL;
    struct ff_fault fault = { 0 };

    if (ff_client_open(&options, &client, &fault) != FF_E_OK) {
        ff_demo_die("cannot open a client at %s", address);
    }
    return client;
}

/* ---- the work ---- */

static void
add_jobs(const char *pattern)
{
    glob_t found;

    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc && demo.n < JOBS_MAX; i++) {
            char digest[FF_DEMO_RESULT_MAX];

            if (ff_demo_digest(found.gl_pathv[i], 1, digest)) {
                demo.jobs[demo.n++].path = strdup(found.gl_pathv[i]);
            }
        }
    }
    globfree(&found);
}

static void
submit(struct job *job)
{
    struct ff_mint_execution_id_args mint = { .lane_id = ff_cstr("default") };
    struct ff_mint_execution_id_result minted = { 0 };
    struct ff_create_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (ff_client_mint_execution_id(demo.client, &mint, &minted, &answer) != FF_E_OK) {
        ff_demo_die("mint_execution_id: %s", ff_answer_text(&answer));
    }
    job->id = minted.execution_id;
    struct ff_create_execution_args args = {
        .execution_id = job->id,
        .namespace = ff_cstr("demo"),
        .lane_id = ff_cstr("default"),
        .execution_kind = ff_cstr("digest"),
        .input_payload = ff_cstr(job->path),
        .creator_identity = ff_cstr("demo"),
    };
    if (ff_client_create_execution(demo.client, &args, &result, &answer) != FF_E_OK) {
        ff_demo_die("create_execution: %s", ff_answer_text(&answer));
    }
}

static void
look(struct job *job)
{
    struct ff_read_execution_state_args args = { .execution_id = job->id };
    struct ff_read_execution_state_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (ff_client_read_execution_state(demo.client, &args, &result, &answer) == FF_E_OK) {
        job->done = result.public_state.is && result.public_state.v == FF_PUBLIC_COMPLETED;
    }
}

static uint32_t
progress(void)
{
    static const char full[] = "########################################";
    static const char empty[] = "........................................";
    uint32_t done = 0;

    for (uint32_t i = 0; i < demo.n; i++) {
        if (!demo.jobs[i].done) {
            look(&demo.jobs[i]);
        }
        done += demo.jobs[i].done;
    }
    printf("\r  [%.*s%.*s] %u of %u", (int) (BAR * done / demo.n), full,
           (int) (BAR - BAR * done / demo.n), empty, done, demo.n);
    fflush(stdout);
    return done;
}

/* The result that the engine holds is what the file really gives. */
static bool
verify(const struct job *job, uint32_t *attempts)
{
    struct ff_get_execution_result_args args = { .execution_id = job->id };
    struct ff_get_execution_result_result result = { 0 };
    struct ff_describe_execution_args which = { .execution_id = job->id };
    struct ff_describe_execution_result described = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) description = { 0 };
    char want[FF_DEMO_RESULT_MAX];

    if (ff_client_get_execution_result(demo.client, &args, &result, &answer) != FF_E_OK ||
        ff_client_describe_execution(demo.client, &which, &described, &description) != FF_E_OK ||
        described.execution == NULL) {
        return false;
    }
    *attempts += described.execution->total_attempt_count;
    return ff_demo_digest(job->path, 1, want) && ff_str_is(result.result, want);
}

/* ---- the show ---- */

static void
set_up(void)
{
    char config[96];
    FILE *file = NULL;

    snprintf(demo.dir, sizeof(demo.dir), "/tmp/flowfabric-demo.XXXXXX");
    if (mkdtemp(demo.dir) == NULL) {
        ff_demo_die("cannot make a directory: %s", strerror(errno));
    }
    snprintf(demo.address, sizeof(demo.address), "ipc://%s/run/worker.sock", demo.dir);
    snprintf(config, sizeof(config), "%s/flowfabric.conf", demo.dir);
    file = fopen(config, "w");
    if (file == NULL) {
        ff_demo_die("cannot write %s", config);
    }
    fprintf(file, "runtime_dir = \"%s/run\"\nstate_dir = \"%s/state\"\nlog_level = error\n",
            demo.dir, demo.dir);
    fclose(file);
}

static void
run_with_kills(void)
{
    bool worker_killed = false, broker_killed = false;
    uint32_t done = 0;

    while ((done = progress()) < demo.n) {
        if (!worker_killed && done >= demo.n / 3) {
            worker_killed = true;
            printf("\n  kill -9 of a worker (process %d); another one takes its place\n",
                   (int) demo.workers[0]);
            end(&demo.workers[0], SIGKILL);
            start_worker(0);
        }
        if (!broker_killed && done >= 2 * demo.n / 3) {
            broker_killed = true;
            printf("\n  kill -9 of the broker (process %d); started again on the same file\n",
                   (int) demo.broker);
            end(&demo.broker, SIGKILL);
            start_broker();
        }
        usleep(50000); /* only the picture waits here */
    }
    printf("\n");
}

static int
summary(void)
{
    uint32_t right = 0, attempts = 0;

    for (uint32_t i = 0; i < demo.n; i++) {
        right += verify(&demo.jobs[i], &attempts);
    }
    printf("\n  %u executions submitted, %u results, all compared with the file: %s\n", demo.n,
           right, right == demo.n ? "right" : "WRONG");
    printf("  %u attempts: %u were under way when their worker was killed, and were done again\n",
           attempts, attempts - demo.n);
    return right == demo.n ? 0 : 1;
}

int
main(int argc, char **argv)
{
    ssize_t n = readlink("/proc/self/exe", demo.program, sizeof(demo.program) - 1);

    if (n <= 0 || sodium_init() < 0) {
        ff_demo_die("cannot find out where this program is");
    }
    if (argc == 4 && strcmp(argv[1], "worker") == 0) {
        return ff_demo_worker(argv[2], argv[3]);
    }
    atexit(clean_up);
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    set_up();
    add_jobs("/usr/share/common-licenses/*");
    for (int i = 1; i < argc; i++) {
        add_jobs(argv[i]);
    }
    start_broker();
    demo.client = ff_demo_connect(demo.address, NULL);
    printf("FlowFabric demo: digests of %u files, by %d workers, on a throw-away SQLite store\n\n",
           demo.n, WORKERS);
    for (uint32_t i = 0; i < demo.n; i++) {
        submit(&demo.jobs[i]);
    }
    for (int i = 0; i < WORKERS; i++) {
        start_worker(i);
    }
    run_with_kills();
    return summary();
}
