/* deaf_test.c: a broker whose socket answers no new connection ends, and the next one serves; and
 * connections that end before they begin do not make one so.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/process/calls.h"
#include "tests/process/tree.h"

static struct sockaddr_un
address_of(const struct ff_daemon *daemon)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(address.sun_path, sizeof(address.sun_path), "%.64s/run/worker.sock", daemon->dir);
    return address;
}

/* Takes the place of the broker's socket until the broker has dialled itself there, and leaves it
 * without an answer. Returns that connection. */
static int
catch_the_probe(const struct ff_daemon *daemon)
{
    struct sockaddr_un address = address_of(daemon);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), caught = -1;

    assert_int_equal(unlink(address.sun_path), 0);
    assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    caught = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(caught >= 0);
    assert_int_equal(unlink(address.sun_path), 0);
    close(fd);
    return caught;
}

static void
test_a_deaf_broker_is_replaced(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL, *client = NULL;
    struct ff_eid before = { 0 };
    pid_t pid = 0;
    int caught = -1;

    ff_daemon_start(daemon, NULL);
    control = ff_test_control(daemon);
    client = ff_test_client(daemon->worker, NULL);
    before = ff_test_create(client);
    pid = ff_tree_entry(control, "broker").pid;
    caught = catch_the_probe(daemon); /* 10 s */
    while (strstr(ff_daemon_log(daemon), "event=deaf") == NULL) {
        ff_test_ping(control); /* 20 s */
    }
    (void) ff_tree_await(control, "broker", FF_CHILD_READY, pid);
    assert_string_equal(ff_test_state(client, before), "waiting"); /* it has come over by itself */
    close(caught);
    ff_client_close(client);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

static void
test_callers_that_hang_up_leave_it_able_to_hear(void **state)
{
    struct ff_daemon *daemon = *state;
    struct sockaddr_un address = address_of(daemon);

    ff_daemon_start(daemon, NULL);
    for (int i = 0; i < 100; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct ff_client *client = NULL;

        assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        close(fd);
        if (i % 10 == 9) {
            client = ff_test_client(daemon->worker, NULL);
            ff_test_create(client);
            ff_client_close(client);
        }
    }
    ff_daemon_stop(daemon);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_deaf_broker_is_replaced, ff_daemon_setup_tree,
                                        ff_daemon_teardown),
        cmocka_unit_test_setup_teardown(test_callers_that_hang_up_leave_it_able_to_hear,
                                        ff_daemon_setup_tree, ff_daemon_teardown),
    };

    return ff_run_rows("deaf", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
