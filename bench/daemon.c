/* daemon.c: starts, watches and stops the broker, or the whole daemon, that a scenario measures. It
 * is the executable that stands beside ffbench, run with a configuration in a directory of its own,
 * so that nothing else on the machine is touched. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"

void
ff_bench_die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fprintf(stderr, "ffbench: ");
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);
    exit(1);
}

static void
write_config(const struct ff_bench_daemon *daemon, const struct ff_bench_options *options,
             char *path, size_t size)
{
    FILE *file = NULL;

    snprintf(path, size, "%s/flowfabric.conf", daemon->dir);
    file = fopen(path, "w");
    if (file == NULL) {
        ff_bench_die("cannot write %s: %s", path, strerror(errno));
    }
    fprintf(file, "runtime_dir = \"%s/run\"\nstate_dir = \"%s/state\"\nlog_level = warn\n",
            daemon->dir, daemon->dir);
    if (options->store != NULL) {
        fprintf(file, "store = \"%s\"\n", options->store);
    }
    fclose(file);
}

static void
exec_daemon(const struct ff_bench_daemon *daemon, const char *config, int ready_fd, int life_fd)
{
    char self[PATH_MAX], program[PATH_MAX + 16], fd[16], life[16];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash = NULL;

    self[n < 0 ? 0 : n] = '\0';
    slash = strrchr(self, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    snprintf(program, sizeof(program), "%s/flowfabricd", self);
    snprintf(fd, sizeof(fd), "%d", ready_fd);
    snprintf(life, sizeof(life), "%d", life_fd);
    unsetenv("FF_RUNTIME_DIR"); /* the environment would win over the file */
    unsetenv("FF_STATE_DIR");
    unsetenv("FF_STORE");
    if (daemon->tree) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execl(program, "flowfabricd", "--config", config, "--ready-fd", fd, (char *) NULL);
    } else {
        execl(program, "flowfabricd", "broker", "--config", config, "--ready-fd", fd, "--life-fd",
              life, (char *) NULL);
    }
    fprintf(stderr, "ffbench: cannot run %s: %s\n", program, strerror(errno));
    _exit(127);
}

void
ff_bench_daemon_start(struct ff_bench_daemon *daemon, const struct ff_bench_options *options)
{
    char config[PATH_MAX], byte = 0;
    int fds[2], life[2];

    if (daemon->dir[0] == '\0') { /* else it is started again on what it has left */
        snprintf(daemon->dir, sizeof(daemon->dir), "%s/ffbench.XXXXXX",
                 options->dir == NULL ? "/tmp" : options->dir);
        if (mkdtemp(daemon->dir) == NULL) {
            ff_bench_die("cannot make %s: %s", daemon->dir, strerror(errno));
        }
    }
    daemon->tree = daemon->tree || options->supervised;
    write_config(daemon, options, config, sizeof(config));
    if (pipe(fds) != 0 || pipe2(life, O_CLOEXEC) != 0 || fcntl(life[0], F_SETFD, 0) != 0) {
        ff_bench_die("no pipe: %s", strerror(errno));
    }
    daemon->pid = fork();
    if (daemon->pid == 0) {
        close(fds[0]);
        close(life[1]);
        exec_daemon(daemon, config, fds[1], life[0]);
    }
    close(fds[1]);
    close(life[0]); /* the other end stays open until this process is gone */
    if (daemon->pid < 0 || read(fds[0], &byte, 1) != 1) {
        ff_bench_die("the broker did not start; its log is above");
    }
    close(fds[0]);
    snprintf(daemon->address, sizeof(daemon->address), "ipc://%s/run/worker.sock", daemon->dir);
}

uint32_t
ff_bench_daemons_start(struct ff_bench_daemon daemons[FF_BENCH_DAEMONS_MAX],
                       const struct ff_bench_options *options)
{
    uint32_t n = options->daemons > 1 ? options->daemons : 1;

    FF_ASSERT(n <= FF_BENCH_DAEMONS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        daemons[i] = (struct ff_bench_daemon){ .pid = 0 };
        ff_bench_daemon_start(&daemons[i], options);
    }
    return n;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void) st;
    (void) flag;
    (void) ftw;
    return remove(path);
}

void
ff_bench_daemon_stop(struct ff_bench_daemon *daemon)
{
    ff_bench_daemon_pause(daemon);
    nftw(daemon->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void
ff_bench_daemon_pause(struct ff_bench_daemon *daemon)
{
    int status = 0;

    kill(daemon->pid, SIGTERM);
    waitpid(daemon->pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        ff_bench_die("the broker ended badly (status %d)", status);
    }
}

static double
cpu_us(pid_t pid)
{
    char path[64], text[1024] = { 0 };
    unsigned long user = 0, system = 0;
    FILE *file = NULL;
    const char *at = NULL;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
    file = fopen(path, "r");
    if (file != NULL) {
        text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
        fclose(file);
    }
    at = strrchr(text, ')'); /* the name may hold anything */
    if (at == NULL ||
        sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) {
        return 0;
    }
    return (double) (user + system) * 1e6 / (double) sysconf(_SC_CLK_TCK);
}

static double
rss_kib(pid_t pid)
{
    char path[64], line[256];
    unsigned long long kib = 0;
    FILE *file = NULL;

    snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "VmRSS: %llu kB", &kib) == 1) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return (double) kib;
}

/* Of the process and its children, which are all that a daemon has. */
static double
sum(pid_t pid, double (*of)(pid_t pid))
{
    char path[64];
    double total = of(pid);
    FILE *file = NULL;
    int child = 0;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int) pid, (int) pid);
    file = fopen(path, "r");
    while (file != NULL && fscanf(file, "%d", &child) == 1) {
        total += of(child);
    }
    if (file != NULL) {
        fclose(file);
    }
    return total;
}

double
ff_bench_daemon_cpu_us(const struct ff_bench_daemon *daemon)
{
    return sum(daemon->pid, cpu_us);
}

uint64_t
ff_bench_daemon_rss_kib(const struct ff_bench_daemon *daemon)
{
    return (uint64_t) sum(daemon->pid, rss_kib);
}
