#include "workers/exec.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/id.h"
#include "workers/exec_env.h"
#include "workers/exec_exit.h"
#include "workers/exec_signals.h"
#include "workers/exec_spawn.h"
#include "workers/exec_upstream.h"
#include "workers/warden.h"
#include "workers/work_dir.h"

/* Lines of one attempt that are passed on: a command that prints without end fills no log. */
#define LINES_MAX 1000

struct ff_exec {
    struct ff_exec_options options;
    char *argv[65];
    struct rlimit files; /* what commands get */
};

/* One running command. */
struct run {
    struct ff_exec *exec;
    struct ff_job *job;
    struct ff_exec_spawned process;
    struct ev_io exited, out, err;
    struct ev_timer kill;
    char *dir; /* of the attempt */

    char *result;
    uint32_t result_bytes, result_room;

    char line[FF_EXEC_LINE_BYTES_MAX]; /* of standard error, not yet whole */
    uint32_t line_bytes, lines;
    char last_line[256];
};

/* ---- the directory of an attempt ---- */

static char *
make_dir(const struct ff_exec *exec, const struct ff_claim *claim)
{
    char name[FF_UUID_TEXT_MAX], *dir = NULL;

    ff_uuid_text(&claim->lease_id, name); /* an attempt may come back to the worker it left */
    if (asprintf(&dir, "%s/%s", exec->options.work_dir, name) < 0) {
        return NULL;
    }
    if (mkdir(dir, 0700) != 0) {
        free(dir);
        return NULL;
    }
    return dir;
}

static void
remove_dir(struct run *run)
{
    if (!ff_remove_tree(run->dir)) {
        ff_job_log(run->job, FF_LEVEL_WARN, "directory_left", run->dir);
    }
}

/* ---- standard error ---- */

static void
end_line(struct run *run)
{
    struct ff_str line = ff_str(run->line, run->line_bytes);

    run->line_bytes = 0;
    if (line.n == 0) {
        return;
    }
    snprintf(run->last_line, sizeof(run->last_line), "%.*s", (int) line.n, line.p);
    if (run->lines < LINES_MAX) {
        run->exec->options.line(run->exec->options.ctx, run->job, line);
        ff_job_output(run->job, "stderr", line);
    } else if (run->lines == LINES_MAX) {
        ff_job_log(run->job, FF_LEVEL_WARN, "lines_dropped", "it says too much");
    }
    run->lines++;
}

static void
add_err(struct run *run, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n') {
            end_line(run);
            continue;
        }
        if (run->line_bytes == sizeof(run->line)) {
            end_line(run);
        }
        run->line[run->line_bytes++] = text[i];
    }
}

/* ---- standard output ---- */

static void
add_out(struct run *run, const char *text, size_t n)
{
    uint32_t max = ff_job_output_bytes_max(run->job);

    if (n > max - run->result_bytes) {
        ff_job_stop_for(run->job, FF_STOP_OUTPUT);
        return;
    }
    while (run->result_room < run->result_bytes + n) {
        run->result_room = run->result_room == 0 ? 4096 : run->result_room * 2;
        run->result = realloc(run->result, run->result_room);
        FF_ASSERT(run->result != NULL);
    }
    memcpy(run->result + run->result_bytes, text, n);
    run->result_bytes += (uint32_t) n;
}

/* ---- reading ---- */

enum read_state { READ_END, READ_ALL, READ_MORE };

/* Reads what is there, at most 1 MiB at a time, so that one command does not keep the others
 * waiting. */
static enum read_state
read_some(struct run *run, int fd, void (*add)(struct run *, const char *, size_t))
{
    char text[65536];

    for (int i = 0; i < 16; i++) {
        ssize_t n = read(fd, text, sizeof(text));

        if (n <= 0) {
            return n < 0 && (errno == EAGAIN || errno == EINTR) ? READ_ALL : READ_END;
        }
        add(run, text, (size_t) n);
    }
    return READ_MORE;
}

static void
on_out(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    struct run *run = watcher->data;

    (void) events;
    if (read_some(run, watcher->fd, add_out) == READ_END) {
        ev_io_stop(loop, watcher);
    }
}

static void
on_err(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    struct run *run = watcher->data;

    (void) events;
    if (read_some(run, watcher->fd, add_err) == READ_END) {
        ev_io_stop(loop, watcher);
    }
}

/* The group is gone: what is in the pipes is all there will be. What has left the group may still
 * write; so not without end. */
static void
read_rest(struct run *run)
{
    for (int i = 0; i < 4 && read_some(run, run->process.out, add_out) == READ_MORE; i++) {
    }
    for (int i = 0; i < 4 && read_some(run, run->process.err, add_err) == READ_MORE; i++) {
    }
    end_line(run);
}

/* ---- the end of a command ---- */

static void
set_outcome(struct run *run, struct ff_exec_end end)
{
    struct ff_exec_verdict verdict;
    int wrong = ff_exec_spawned_error(&run->process);
    char text[256];

    ff_exec_judge(end, run->last_line, &verdict);
    if (wrong != 0) {
        snprintf(text, sizeof(text), "cannot run %s: %s", run->exec->argv[0], strerror(wrong));
        ff_job_fail(run->job, FF_FAILURE_INFRA_CRASH, "exec_failed", text);
    } else if (verdict.ok && ff_exec_was_released(run->dir)) {
        ff_job_released(run->job);
    } else if (verdict.ok) {
        ff_job_complete(run->job,
                        ff_str(run->result == NULL ? "" : run->result, run->result_bytes));
    } else {
        ff_job_fail(run->job, verdict.class, verdict.category, verdict.message);
    }
}

static void
run_free(struct run *run)
{
    free(run->result);
    free(run->dir);
    free(run);
}

static void
stop_watching(struct run *run)
{
    struct ev_loop *loop = ff_job_loop(run->job);

    ev_io_stop(loop, &run->exited);
    ev_io_stop(loop, &run->out);
    ev_io_stop(loop, &run->err);
    ev_timer_stop(loop, &run->kill);
}

/* The group goes while its leader is not reaped yet, so that its number is still its own. */
static void
on_exited(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    struct run *run = watcher->data;
    struct ff_job *job = run->job;
    siginfo_t info = { 0 };
    struct ff_exec_end end = { 0 };

    (void) loop;
    (void) events;
    kill(-run->process.pid, SIGKILL);
    if (run->exec->options.warden_fd >= 0) {
        ff_warden_forget(run->exec->options.warden_fd, run->process.pid);
    }
    waitid(P_PIDFD, (id_t) run->process.pid_fd, &info, WEXITED);
    run->process.pid = 0;
    end.signalled = info.si_code != CLD_EXITED;
    end.status = info.si_status;
    read_rest(run);
    stop_watching(run);
    set_outcome(run, end);
    ff_exec_spawned_close(&run->process);
    remove_dir(run);
    run_free(run);
    ff_job_done(job);
}

/* ---- stopping ---- */

static void
on_kill(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct run *run = watcher->data;

    (void) loop;
    (void) events;
    kill(-run->process.pid, SIGKILL);
}

static void
stop(void *ctx, struct ff_job *job, enum ff_stop why)
{
    struct run *run = ff_job_state(job);
    const struct ff_exec *exec = ctx;

    (void) why;
    if (run == NULL || run->process.pid == 0) {
        return; /* it has ended by itself */
    }
    kill(-run->process.pid, exec->options.kill_grace_ms == 0 ? SIGKILL : SIGTERM);
    ev_timer_set(&run->kill, (double) exec->options.kill_grace_ms / 1000, 0);
    ev_timer_start(ff_job_loop(job), &run->kill);
}

/* ---- starting ---- */

static int
spawn(struct run *run)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    const struct ff_exec *exec = run->exec;
    struct ff_job *job = run->job;
    const struct ff_exec_env env = {
        .base = exec->options.environment,
        .claim = ff_job_claim(job),
        .lane = ff_job_lane(job),
        .worker_id = ff_job_worker_id(job),
        .worker_instance_id = ff_job_worker_instance_id(job),
        .namespace = ff_job_namespace(job),
        .dir = run->dir,
        .runtime_dir = exec->options.runtime_dir,
        .lease_ttl_ms = ff_job_lease_ttl_ms(job),
        .timeout_ms = ff_job_timeout_ms(job),
        .now_ms = ff_wall_ms(),
        .upstreams = ff_job_upstream_count(job),
    };
    const struct ff_exec_spawning how = {
        .argv = exec->argv,
        .envp = ff_exec_env_make(&env, &arena),
        .dir = run->dir,
        .input = ff_job_claim(job)->input_payload,
        .warden_fd = exec->options.warden_fd,
        .files = exec->files,
    };

    return ff_exec_spawn(&how, &run->process);
}

static void
watch(struct run *run)
{
    struct ev_loop *loop = ff_job_loop(run->job);

    ev_io_init(&run->exited, on_exited, run->process.pid_fd, EV_READ);
    ev_io_init(&run->out, on_out, run->process.out, EV_READ);
    ev_io_init(&run->err, on_err, run->process.err, EV_READ);
    ev_init(&run->kill, on_kill);
    run->exited.data = run->out.data = run->err.data = run->kill.data = run;
    ev_io_start(loop, &run->exited);
    ev_io_start(loop, &run->out);
    ev_io_start(loop, &run->err);
}

static void
start(void *ctx, struct ff_job *job)
{
    struct run *run = calloc(1, sizeof(*run));
    char text[160];
    int wrong = 0;

    FF_ASSERT(run != NULL);
    run->exec = ctx;
    run->job = job;
    run->dir = make_dir(ctx, ff_job_claim(job));
    if (run->dir == NULL || !ff_exec_signals_write(run->dir, ff_job_claim(job)) ||
        !ff_exec_upstream_write(run->dir, job)) {
        wrong = errno;
    } else {
        wrong = spawn(run);
    }
    if (wrong == 0) {
        ff_job_set_state(job, run);
        watch(run);
        return;
    }
    snprintf(text, sizeof(text), "cannot start a command: %s", strerror(wrong));
    if (run->dir != NULL) {
        remove_dir(run);
    }
    run_free(run);
    ff_job_fail(job, FF_FAILURE_INFRA_CRASH, "exec_failed", text);
    ff_job_done(job);
}

/* ---- the handler ---- */

struct ff_exec *
ff_exec_new(const struct ff_exec_options *options)
{
    struct ff_exec *exec = calloc(1, sizeof(*exec));

    FF_ASSERT(exec != NULL && options->command.n > 0 && options->command.n < FF_COUNT(exec->argv));
    exec->options = *options;
    for (uint32_t i = 0; i < options->command.n; i++) {
        exec->argv[i] = (char *) (uintptr_t) options->command.v[i].p;
    }
    getrlimit(RLIMIT_NOFILE, &exec->files);
    return exec;
}

void
ff_exec_free(struct ff_exec *exec)
{
    free(exec);
}

struct ff_handler
ff_exec_handler(struct ff_exec *exec, const char *kind)
{
    return (struct ff_handler){
        .kind = kind,
        .start = start,
        .stop = stop,
        .ctx = exec,
        .timeout_ms = exec->options.timeout_ms,
        .output_bytes_max = exec->options.output_bytes_max,
    };
}
