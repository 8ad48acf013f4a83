/* hosts.h: worker hosts beside a broker, and executions that they run.
 *
 * Commands tell the test what they do by lines in a FIFO, so that nothing here waits for time.
 */
#ifndef FF_TESTS_PROCESS_HOSTS_H
#define FF_TESTS_PROCESS_HOSTS_H

#include <stdio.h>

#include "tests/process/calls.h"
#include "tests/process/daemon.h"

#define FF_HOSTS_MAX 2

struct ff_hosts {
    struct ff_daemon broker;
    struct ff_daemon host[FF_HOSTS_MAX];
    struct ff_client *client; /* of the operator's socket */
    FILE *said;               /* the FIFO dir/said, and what is in it */
    char line[512];           /* of ff_hosts_hear */
};

/* A fixture; nothing is started. */
int ff_hosts_setup(void **state);
int ff_hosts_teardown(void **state);

/* Starts the broker with these sections; each `@` in them becomes the directory. */
void ff_hosts_start(struct ff_hosts *hosts, const char *sections);
/* Starts the host `name` as number i, and waits until it is ready. */
void ff_hosts_start_one(struct ff_hosts *hosts, int i, const char *name);
/* The next line that a command wrote to dir/said; without its end. */
const char *ff_hosts_hear(struct ff_hosts *hosts);

/* input NULL: none. policy: JSON, or NULL. */
struct ff_eid ff_hosts_submit(struct ff_hosts *hosts, const char *kind, const char *input,
                              const char *policy);
/* Asks until it is in this state; fails the test when it is in another terminal one, or never. */
void ff_hosts_await(struct ff_hosts *hosts, struct ff_eid id, const char *state);
/* Asks until it is neither waiting nor active; the state. */
const char *ff_hosts_await_end(struct ff_hosts *hosts, struct ff_eid id);
/* The result is this text exactly. */
void ff_hosts_expect_result(struct ff_hosts *hosts, struct ff_eid id, const char *want);
/* Lives as long as the answer. */
struct ff_attempt_view *ff_hosts_attempt(struct ff_hosts *hosts, struct ff_eid id, uint32_t index,
                                         struct ff_answer *answer);
uint32_t ff_hosts_attempts(struct ff_hosts *hosts, struct ff_eid id);
/* Waits until no process has this number, or only as a zombie. */
void ff_hosts_await_death(pid_t pid);

#endif
