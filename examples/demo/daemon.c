/* daemon.c: the daemon of the demonstration, in a directory that goes with it. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/codec.h"
#include "examples/demo/demo.h"

/* More is a failure. It takes a few seconds, on a busy machine a few more. */
#define SHOW_S_MAX 300
/* The daemon gets so long to end in order. */
#define END_MS_MAX 20000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of these two */
static char dir[64];
static pid_t daemon_pid;
static struct ff_client *control;

/* Only for what is told by no event: when the supervisor has started a process, or has ended. */
static void
pause_a_little(void)
{
    const struct timespec pause = { .tv_nsec = 20000000 };

    nanosleep(&pause, NULL);
}

/* ---- the end ---- */

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void) st;
    (void) flag;
    (void) ftw;
    return remove(path);
}

/* Without the supervisor its processes end by themselves. */
static void
end_daemon(void)
{
    kill(daemon_pid, SIGTERM);
    for (int waited_ms = 0; waitpid(daemon_pid, NULL, WNOHANG) == 0; waited_ms += 20) {
        if (waited_ms == END_MS_MAX) {
            kill(daemon_pid, SIGKILL);
        }
        pause_a_little();
    }
}

/* Also after a failure: nothing is left running or lying about. */
static void
clean_up(void)
{
    pthread_mutex_lock(&mutex);
    if (daemon_pid > 0) {
        end_daemon();
    }
    for (int i = 0; dir[0] != '\0' && access(dir, F_OK) == 0 && i < 150; i++) {
        if (i > 0) { /* a process of a daemon that was killed is still there */
            pause_a_little();
        }
        nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

void
ff_demo_end(int status)
{
    static atomic_flag ending = ATOMIC_FLAG_INIT;

    while (atomic_flag_test_and_set(&ending)) {
        pause(); /* another thread does it */
    }
    exit(status);
}

static void
print_log(void)
{
    char path[96], line[512];
    FILE *log = NULL;

    snprintf(path, sizeof(path), "%s/log", dir);
    log = dir[0] == '\0' ? NULL : fopen(path, "re");
    if (log == NULL) {
        return;
    }
    fprintf(stderr, "The end of the daemon's log:\n");
    fseek(log, -8000, SEEK_END);
    while (fgets(line, sizeof(line), log) != NULL) {
        fprintf(stderr, "  %s", line);
    }
    fclose(log);
}

void
ff_demo_die(const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    va_start(ap, fmt);
    fprintf(stderr, "\nff-demo: ");
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);
    print_log();
    ff_demo_end(FF_DEMO_BAD);
}

/* A thread waits for the signals, so that the end is an ordinary one. */
static sigset_t interrupts;

static void *
await_interrupt(void *arg)
{
    const struct timespec most = { .tv_sec = SHOW_S_MAX };
    int got = sigtimedwait(&interrupts, NULL, &most);

    if (got < 0) {
        ff_demo_die("not done after %d seconds", SHOW_S_MAX);
    }
    ff_demo_end(128 + got);
    return arg;
}

/* A pipe that nobody reads is noticed at the write. */
static void
catch_interrupts(void)
{
    pthread_t thread;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    sigaddset(&interrupts, SIGTERM);
    sigaddset(&interrupts, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &interrupts, NULL);
    if (pthread_create(&thread, NULL, await_interrupt, NULL) == 0) {
        pthread_detach(thread);
    }
}

/* ---- the start ---- */

/* The programs stand beside this one. */
static void
beside(const char *name, char out[PATH_MAX + 16])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX);
    char *slash = NULL;

    out[n > 0 ? n : 0] = '\0';
    slash = strrchr(out, '/');
    if (slash == NULL || slash - out + 1 + strlen(name) >= PATH_MAX) {
        _exit(126);
    }
    strcpy(slash + 1, name);
}

/* What the file does not say; nothing of the caller's own settings counts. */
static void
set_environment(void)
{
    extern char **environ;
    char path[PATH_MAX + 16];

    for (size_t i = 0; environ[i] != NULL;) {
        const char *equals = strchr(environ[i], '=');

        if (strncmp(environ[i], "FF_", 3) == 0 && equals != NULL) {
            unsetenv(strndup(environ[i], (size_t) (equals - environ[i])));
        } else {
            i++;
        }
    }
    beside("ffctl", path);
    setenv("FFCTL", path, 1);
    setenv("DEMO_DIR", FF_DEMO_DIR, 1);
    snprintf(path, sizeof(path), "%s/run", dir);
    setenv("FF_RUNTIME_DIR", path, 1);
    snprintf(path, sizeof(path), "%s/state", dir);
    setenv("FF_STATE_DIR", path, 1);
    setenv("LC_ALL", "C", 1); /* wc asks it what a word is, sort what comes first */
}

/* In a process group of its own: Ctrl-C is this program's, which then ends it in order. */
static void
run_daemon(int ready_fd)
{
    char program[PATH_MAX + 16], log[96], fd[16];
    int log_fd = -1;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setpgid(0, 0);
    beside("flowfabricd", program);
    snprintf(log, sizeof(log), "%s/log", dir);
    snprintf(fd, sizeof(fd), "%d", ready_fd);
    log_fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (log_fd < 0 || dup2(log_fd, STDERR_FILENO) < 0 || dup2(log_fd, STDOUT_FILENO) < 0) {
        _exit(126);
    }
    set_environment();
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &interrupts, NULL);
    execl(program, "flowfabricd", "--config", FF_DEMO_DIR "/flowfabric.conf", "--ready-fd", fd,
          (char *) NULL);
    _exit(127);
}

/* Like mktemp: in $TMPDIR, else in /tmp. */
static void
make_directory(void)
{
    const char *base = getenv("TMPDIR");
    int n = snprintf(dir, sizeof(dir), "%s/flowfabric-demo.XXXXXX",
                     base == NULL || base[0] == '\0' ? "/tmp" : base);

    if (n >= (int) sizeof(dir)) {
        dir[0] = '\0';
        ff_demo_die("TMPDIR is too long for the addresses of sockets: %s", base);
    }
    if (mkdtemp(dir) == NULL) {
        int why = errno;

        dir[0] = '\0';
        ff_demo_die("cannot make a directory in %s: %s", base == NULL ? "/tmp" : base,
                    strerror(why));
    }
}

void
ff_demo_start(void)
{
    int fds[2];
    char byte = 0;

    if (pipe2(fds, O_CLOEXEC) != 0) {
        ff_demo_die("cannot make a pipe: %s", strerror(errno));
    }
    atexit(clean_up);
    make_directory();
    catch_interrupts();
    pthread_mutex_lock(&mutex);
    daemon_pid = fork();
    if (daemon_pid == 0) {
        fcntl(fds[1], F_SETFD, 0);
        run_daemon(fds[1]);
    }
    pthread_mutex_unlock(&mutex);
    close(fds[1]);
    if (daemon_pid < 0 || read(fds[0], &byte, 1) != 1) {
        ff_demo_die("the daemon did not start");
    }
    close(fds[0]);
}

static struct ff_client *
connect_to(const char *socket)
{
    struct ff_client_options options = { .name = "demo", .give_up_ms = 60000 };
    struct ff_client *client = NULL;
    struct ff_fault fault = { 0 };
    char address[96];

    snprintf(address, sizeof(address), "ipc://%s/run/%s", dir, socket);
    options.address = address;
    if (ff_client_open(&options, &client, &fault) != FF_E_OK) {
        ff_demo_die("cannot open a client at %s", address);
    }
    return client;
}

struct ff_client *
ff_demo_connect(void)
{
    control = connect_to("control.sock");
    return connect_to("operator.sock"); /* which may read tokens */
}

/* ---- its processes ---- */

static void
ask_tree(struct ff_tree_result *result, struct ff_answer *answer)
{
    struct ff_tree_args args = { 0 };

    if (ff_client_tree(control, &args, result, answer) != FF_E_OK) {
        ff_demo_die("tree: %s", ff_answer_text(answer));
    }
}

/* The processes in a worker host's entry; texts live as long as the answer. */
static struct ff_child_list
inner(const struct ff_child *child, struct ff_answer *answer)
{
    struct ff_child_list list = { 0 };
    struct ff_fault fault = { 0 };
    msgpack_zone zone;
    msgpack_object tree;

    msgpack_zone_init(&zone, 1024);
    if (child->children.p != NULL &&
        ff_msgpack_parse(child->children, &zone, &tree, &fault) == FF_E_OK &&
        tree.type == MSGPACK_OBJECT_ARRAY) {
        list.v = FF_ARENA_NEW(&answer->arena, struct ff_child, tree.via.array.size);
        for (uint32_t i = 0; i < tree.via.array.size; i++) {
            if (ff_decode_result(&ff_desc_child, &tree.via.array.ptr[i], &answer->arena,
                                 &list.v[list.n], &fault) == FF_E_OK) {
                list.n++;
            }
        }
    }
    msgpack_zone_destroy(&zone);
    return list;
}

typedef void visit(void *ctx, const struct ff_child *child, int depth);

static void
walk(struct ff_answer *answer, visit *visit_one, void *ctx)
{
    struct ff_tree_result tree = { 0 };

    ask_tree(&tree, answer);
    for (uint32_t i = 0; i < tree.children.n; i++) {
        struct ff_child_list processes = inner(&tree.children.v[i], answer);

        visit_one(ctx, &tree.children.v[i], 0);
        for (uint32_t j = 0; j < processes.n; j++) {
            visit_one(ctx, &processes.v[j], 1);
        }
    }
}

static void
count_ready(void *ctx, const struct ff_child *child, int depth)
{
    uint32_t *missing = ctx;

    (void) depth;
    *missing += child->state != FF_CHILD_READY;
}

static void
show(void *ctx, const struct ff_child *child, int depth)
{
    (void) ctx;
    printf("  %*s%-*.*s %-12.*s", 1 + 3 * depth, "", 12 - 3 * depth, (int) child->name.n,
           child->name.p, (int) child->role.n, child->role.p);
    if (child->pid.is) {
        printf(" process %u", child->pid.v);
    }
    if (child->pid.is && child->restarts > 0) {
        printf(child->restarts == 1 ? ", started again" : ", started again %u times",
               child->restarts);
    }
    printf("\n");
}

void
ff_demo_show_tree(void)
{
    uint32_t missing = 1;

    while (missing > 0) {
        FF_SCOPED(ff_answer) answer = { 0 };

        missing = 0;
        walk(&answer, count_ready, &missing);
        if (missing == 0) {
            printf("  flowfabricd               process %d\n", (int) daemon_pid);
            walk(&answer, show, NULL);
            return;
        }
        pause_a_little();
    }
}

struct search {
    const char *name;
    int pid; /* 0: it is not ready */
};

static void
match(void *ctx, const struct ff_child *child, int depth)
{
    struct search *search = ctx;

    (void) depth;
    if (ff_str_is(child->name, search->name) && child->state == FF_CHILD_READY && child->pid.is) {
        search->pid = (int) child->pid.v;
    }
}

static int
find(const char *name)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    struct search search = { .name = name };

    walk(&answer, match, &search);
    return search.pid;
}

int
ff_demo_kill(const char *name)
{
    int pid = 0;

    while ((pid = find(name)) == 0) {
        pause_a_little();
    }
    kill(pid, SIGKILL);
    return pid;
}
