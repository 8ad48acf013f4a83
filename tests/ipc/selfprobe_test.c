/* selfprobe_test.c: a listener that answers is left alone; one that stands still is noticed. */
#include "tests/rows.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ipc/probe.h"
#include "ipc/selfprobe.h"

#define ROUNDS 3

struct listener {
    struct ev_loop *loop;
    char dir[32], path[64];
    int fd;
    struct ev_io accept;
    int greeted;
    bool deaf;
    bool answers; /* not only greets */
    struct ff_selfprobe probe;
};

static void
on_deaf(void *ctx)
{
    struct listener *listener = ctx;

    listener->deaf = true;
    ev_break(listener->loop, EVBREAK_ALL);
}

static void
open_listener(struct listener *listener)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    *listener = (struct listener){ .loop = ev_loop_new(EVFLAG_AUTO), .dir = "/tmp/fftest.XXXXXX" };
    assert_non_null(listener->loop);
    assert_non_null(mkdtemp(listener->dir));
    snprintf(listener->path, sizeof(listener->path), "%s/s", listener->dir);
    strcpy(address.sun_path, listener->path);
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener->fd, (struct sockaddr *) &address, sizeof(address)), 0);
    assert_int_equal(listen(listener->fd, 1), 0);
    listener->probe = (struct ff_selfprobe){
        .path = listener->path, .interval_s = 0.001, .limit_s = 60, .deaf = on_deaf, .ctx = listener
    };
}

static void
close_listener(struct listener *listener)
{
    ff_selfprobe_stop(&listener->probe);
    close(listener->fd);
    unlink(listener->path);
    rmdir(listener->dir);
    ev_loop_destroy(listener->loop);
}

static void
greet_cb(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    struct listener *listener = watcher->data;
    char said[sizeof(ff_socket_greeting)];
    int fd = accept(listener->fd, NULL, NULL);

    (void) events;
    assert_true(fd >= 0);
    assert_int_equal(recv(fd, said, sizeof(said), MSG_WAITALL), sizeof(said));
    assert_memory_equal(said, ff_socket_greeting, sizeof(said));
    assert_int_equal(send(fd, said, sizeof(said), 0), sizeof(said));
    if (!listener->answers) {
        return; /* it stays open: the other end cannot tell */
    }
    assert_int_equal(send(fd, "x", 1, 0), 1);
    close(fd);
    if (++listener->greeted == ROUNDS) {
        ev_break(loop, EVBREAK_ALL);
    }
}

static void
test_a_listener_that_answers_is_probed_again_and_again(void **state)
{
    struct listener listener;

    (void) state;
    open_listener(&listener);
    listener.answers = true;
    ev_io_init(&listener.accept, greet_cb, listener.fd, EV_READ);
    listener.accept.data = &listener;
    ev_io_start(listener.loop, &listener.accept);
    ff_selfprobe_start(&listener.probe, listener.loop);
    ev_run(listener.loop, 0);
    assert_int_equal(listener.greeted, ROUNDS);
    assert_false(listener.deaf);
    ev_io_stop(listener.loop, &listener.accept);
    close_listener(&listener);
}

/* What nng does whose listener has ended: the transport greets, and nobody receives. */
static void
test_a_greeting_alone_is_deaf(void **state)
{
    struct listener listener;

    (void) state;
    open_listener(&listener);
    listener.probe.limit_s = 0.05;
    ev_io_init(&listener.accept, greet_cb, listener.fd, EV_READ);
    listener.accept.data = &listener;
    ev_io_start(listener.loop, &listener.accept);
    ff_selfprobe_start(&listener.probe, listener.loop);
    ev_run(listener.loop, 0);
    assert_true(listener.deaf);
    ev_io_stop(listener.loop, &listener.accept);
    close_listener(&listener);
}

static void
test_no_greeting_within_the_limit_is_deaf(void **state)
{
    struct listener listener;

    (void) state;
    open_listener(&listener); /* the kernel connects; nobody accepts */
    listener.probe.limit_s = 0.05;
    ff_selfprobe_start(&listener.probe, listener.loop);
    ev_run(listener.loop, 0);
    assert_true(listener.deaf);
    close_listener(&listener);
}

static void
test_a_full_backlog_is_deaf(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct listener listener;
    int held[8], n = 0;

    (void) state;
    open_listener(&listener);
    strcpy(address.sun_path, listener.path);
    do {
        held[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    } while (connect(held[n++], (struct sockaddr *) &address, sizeof(address)) == 0 && n < 8);
    assert_true(n < 8);
    listener.probe.limit_s = 0.05;
    ff_selfprobe_start(&listener.probe, listener.loop);
    ev_run(listener.loop, 0);
    assert_true(listener.deaf);
    while (n > 0) {
        close(held[--n]);
    }
    close_listener(&listener);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_listener_that_answers_is_probed_again_and_again),
        cmocka_unit_test(test_a_greeting_alone_is_deaf),
        cmocka_unit_test(test_no_greeting_within_the_limit_is_deaf),
        cmocka_unit_test(test_a_full_backlog_is_deaf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
