/* reconnect_test.c: connections that break while they are being made: neither side gives up for
 * that, the client finds its broker, and the broker goes on accepting.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/process/calls.h"
#include "tests/process/daemon.h"

static struct sockaddr_un
address_of(const struct ff_daemon *daemon)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(address.sun_path, sizeof(address.sun_path), "%.64s/run/worker.sock", daemon->dir);
    return address;
}

/* Listens where the broker will, and hangs up on n callers. */
static void
hang_up_on(const struct ff_daemon *daemon, int n)
{
    struct sockaddr_un address = address_of(daemon);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    for (int i = 0; i < n; i++) {
        int caller = accept(fd, NULL, NULL);

        assert_true(caller >= 0);
        close(caller);
    }
    close(fd);
    assert_int_equal(unlink(address.sun_path), 0);
}

static void
test_a_client_that_was_hung_up_on_finds_the_broker(void **state)
{
    struct ff_daemon *daemon = *state;
    const struct ff_ping_args args = { 0 };
    struct ff_client *client = NULL;
    struct ff_pending pending;
    char dir[80];

    snprintf(dir, sizeof(dir), "%s/run", daemon->dir);
    assert_int_equal(mkdir(dir, 0750), 0);
    client = ff_test_client(daemon->worker, NULL);
    ff_pending_start(&pending, client, FF_OP_ping, &args);
    hang_up_on(daemon, 3);
    ff_daemon_start(daemon, NULL);
    assert_int_equal(ff_pending_await(&pending), FF_E_OK);
    ff_pending_done(&pending);
    ff_client_close(client);
    ff_daemon_stop(daemon);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_client_that_was_hung_up_on_finds_the_broker,
                                        ff_daemon_setup, ff_daemon_teardown),
    };

    return ff_run_rows("reconnect", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
