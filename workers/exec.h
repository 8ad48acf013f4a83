/* exec.h: the handler that runs a command for each execution.
 *
 * Input on standard input, which is a file; the environment of exec_env.h; a directory of its own,
 * removed afterwards; standard output, up to the handler's limit, is the result; each line of
 * standard error goes to `line`, and is a frame of the attempt's output stream. exec_exit.h says
 * what its end means. The command leads a process group, which is over when the command is: what it
 * has left running is killed then.
 */
#ifndef FF_WORKERS_EXEC_H
#define FF_WORKERS_EXEC_H

#include "workers/worker.h"

/* Of standard error; a longer line is cut in pieces. */
#define FF_EXEC_LINE_BYTES_MAX 4096

struct ff_exec_options {
    struct ff_strs command; /* path and arguments; texts end with a zero byte */
    uint64_t timeout_ms;    /* 0: none */
    uint32_t output_bytes_max;
    uint64_t kill_grace_ms;  /* from SIGTERM to SIGKILL; 0: SIGKILL at once */
    const char *work_dir;    /* where the directories of attempts are made */
    const char *runtime_dir; /* for the command's environment */
    char *const *environment;
    int warden_fd; /* ff_warden.fd; -1: none */
    /* A line that the command wrote to standard error, as it came; may be no UTF-8. */
    void (*line)(void *ctx, const struct ff_job *job, struct ff_str line);
    void *ctx;
};

struct ff_exec;

/* Texts are not copied: they live as long as the handler. */
struct ff_exec *ff_exec_new(const struct ff_exec_options *options);
/* When its worker is closed. */
void ff_exec_free(struct ff_exec *exec);
/* For ff_runtime_handle. */
struct ff_handler ff_exec_handler(struct ff_exec *exec, const char *kind);

#endif
