/* demo_daemon.c: the daemon of the demonstration, in a directory that goes with it. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/codec.h"
#include "examples/demo.h"

static const char config_text[] = "runtime_dir = \"%s/run\"\n"
                                  "state_dir = \"%s/state\"\n"
                                  "worker \"demo\" {\n"
                                  "  count = 2\n"
                                  "  slots = 4\n"
                                  "  handler \"sha256\" { exec = {\"/usr/bin/sha256sum\"} }\n"
                                  "  handler \"words\" { exec = {\"/usr/bin/wc\", \"-w\"} }\n"
                                  "}\n";

static char dir[64];
static pid_t daemon_pid;
static struct ff_client *control;

/* ---- the end ---- */

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
    if (daemon_pid > 0) {
        kill(daemon_pid, SIGTERM);
        waitpid(daemon_pid, NULL, 0);
    }
    if (dir[0] != '\0') {
        nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

/* A thread waits for the signals, so that the end is an ordinary one. */
static sigset_t interrupts;

static void *
await_interrupt(void *arg)
{
    int got = 0;

    sigwait(&interrupts, &got);
    exit(130);
    return arg;
}

static void
catch_interrupts(void)
{
    pthread_t thread;

    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    sigaddset(&interrupts, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &interrupts, NULL);
    if (pthread_create(&thread, NULL, await_interrupt, NULL) == 0) {
        pthread_detach(thread);
    }
}

/* ---- the start ---- */

static void
write_config(const char *path)
{
    FILE *file = fopen(path, "we");

    if (file == NULL) {
        ff_demo_die("cannot write %s: %s", path, strerror(errno));
    }
    fprintf(file, config_text, dir, dir);
    fclose(file);
}

/* flowfabricd stands beside this program. The environment would win over the file. */
static void
run_daemon(const char *config, int ready_fd)
{
    char program[PATH_MAX + 16], log[96], fd[16];
    ssize_t n = readlink("/proc/self/exe", program, PATH_MAX);
    char *slash = NULL;
    int log_fd = -1;

    program[n > 0 ? n : 0] = '\0';
    slash = strrchr(program, '/');
    snprintf(log, sizeof(log), "%s/log", dir);
    snprintf(fd, sizeof(fd), "%d", ready_fd);
    log_fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (slash == NULL || log_fd < 0 || dup2(log_fd, STDERR_FILENO) < 0) {
        _exit(126);
    }
    memcpy(slash, "/flowfabricd", sizeof("/flowfabricd"));
    unsetenv("FF_RUNTIME_DIR");
    unsetenv("FF_STATE_DIR");
    unsetenv("FF_STORE");
    setenv("LC_ALL", "C", 1); /* wc asks it what a word is */
    sigprocmask(SIG_UNBLOCK, &interrupts, NULL);
    execl(program, "flowfabricd", "--config", config, "--ready-fd", fd, (char *) NULL);
    _exit(127);
}

void
ff_demo_start(void)
{
    char config[96], byte = 0;
    int fds[2];

    atexit(clean_up);
    catch_interrupts();
    snprintf(dir, sizeof(dir), "/tmp/flowfabric-demo.XXXXXX");
    if (mkdtemp(dir) == NULL || pipe2(fds, O_CLOEXEC) != 0) {
        ff_demo_die("cannot make a directory or pipe: %s", strerror(errno));
    }
    snprintf(config, sizeof(config), "%s/flowfabric.conf", dir);
    write_config(config);
    daemon_pid = fork();
    if (daemon_pid == 0) {
        fcntl(fds[1], F_SETFD, 0);
        run_daemon(config, fds[1]);
    }
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
    return connect_to("worker.sock");
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

/* Only for what the supervisor tells by no event: when it has started a process. */
static void
pause_a_little(void)
{
    const struct timespec pause = { .tv_nsec = 20000000 };

    nanosleep(&pause, NULL);
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
        printf(", started %u times", child->restarts + 1);
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
ff_demo_await_other(const char *name, int pid)
{
    int other = 0;

    while ((other = find(name)) == 0 || other == pid) {
        pause_a_little();
    }
    return other;
}

int
ff_demo_kill(const char *name)
{
    int pid = ff_demo_await_other(name, 0);

    kill(pid, SIGKILL);
    return pid;
}
