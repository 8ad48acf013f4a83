/* daemon.h: a real broker, or a whole daemon, in a directory of its own, for tests that end it and
 * start it again.
 *
 * Use ff_daemon_setup and ff_daemon_teardown as the fixture of a cmocka test: what a failing test
 * leaves behind is killed and removed; FF_SHOW_LOG=1 shows its log. Nothing here sleeps: it says
 * on a descriptor that it is ready, and its end is waited for.
 */
#ifndef FF_TESTS_PROCESS_DAEMON_H
#define FF_TESTS_PROCESS_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ff_daemon {
    char dir[64];       /* holds run/, state/, flowfabric.conf, log */
    char worker[128];   /* address of worker.sock */
    char operator[128]; /* address of operator.sock */
    char control[128];  /* address of control.sock */
    bool tree;          /* the whole daemon is started, not only its broker */
    uint64_t fsize_max; /* RLIMIT_FSIZE of the broker, soft; 0: none */
    pid_t pid;          /* 0: not running */
    int ready_fd;       /* -1: nothing to wait for */
    char *log;          /* of ff_daemon_log */
    const char *role;   /* NULL: broker */
    const char *name;   /* of a role that takes one */
    bool joined;        /* the directory is another's */
    bool with_ctl;      /* it gets a channel (supervisor/ctl.h), whose other end is ctl_fd */
    int ctl_fd;         /* the test's to take over; valid after the start */
};

/* *state is a struct ff_daemon afterwards; nothing is started. */
int ff_daemon_setup(void **state);
/* The same for the whole daemon: what is said of the broker below holds for its supervisor. */
int ff_daemon_setup_tree(void **state);
int ff_daemon_teardown(void **state);
/* The same by hand, for a test with two of them. */
void ff_daemon_init(struct ff_daemon *daemon);
void ff_daemon_done(struct ff_daemon *daemon);

/* Another process of the same daemon, in the broker's directory. To be given to ff_daemon_done
 * before the broker is. */
void ff_daemon_join(struct ff_daemon *process, const struct ff_daemon *broker, const char *role,
                    const char *name);

/* Starts the broker on what its directory holds. lines: more settings, or NULL. Fails the test if
 * the broker does not become ready. */
void ff_daemon_start(struct ff_daemon *daemon, const char *lines);
/* Writes its configuration file alone, for a reload. */
void ff_daemon_configure(struct ff_daemon *daemon, const char *lines);
/* Does not wait until it is ready. */
void ff_daemon_spawn(struct ff_daemon *daemon, const char *lines);
/* False: it ended before it was ready. */
bool ff_daemon_await_ready(struct ff_daemon *daemon);

void ff_daemon_signal(struct ff_daemon *daemon, int signal);
/* Waits for its end; a status as of waitpid. */
int ff_daemon_wait(struct ff_daemon *daemon);
/* kill -9, and waits. */
void ff_daemon_kill(struct ff_daemon *daemon);
/* SIGTERM, and waits; fails the test unless it exits with 0. */
void ff_daemon_stop(struct ff_daemon *daemon);
/* Starts it where it must refuse: fails the test unless it exits, neither ready nor with 0, and
 * its log has the text. */
void ff_daemon_expect_refusal(struct ff_daemon *daemon, const char *lines, const char *text);

/* All that it wrote to standard error, since the directory was made. */
const char *ff_daemon_log(struct ff_daemon *daemon);

#endif
