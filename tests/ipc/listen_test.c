#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/ipc/rig.h"

static uint32_t
mode_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void
socket_address(struct sockaddr_un *address, const char *path)
{
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    assert_true(strlen(path) < sizeof(address->sun_path));
    memcpy(address->sun_path, path, strlen(path) + 1);
}

/* A socket file; somebody listens on it as long as the descriptor is open. */
static int
listen_on(const char *path)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    socket_address(&address, path);
    assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

static int
connect_to(const char *path)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    socket_address(&address, path);
    assert_int_equal(connect(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
    return fd;
}

static ff_err
try_listen(struct ff_rig *rig, const char *path, struct ff_fault *fault)
{
    struct ff_listen listen = { "third", path, FF_CLASS_OF_READ, 0640 };

    return ff_server_listen(rig->server, &listen, fault);
}

static void
expect_refused(struct ff_rig *rig, const char *path, const char *reason)
{
    struct ff_fault fault;

    assert_int_equal(try_listen(rig, path, &fault), FF_E_INVALID_CONFIG);
    assert_true(ff_str_is(fault.detail[2].v.str, reason));
    assert_non_null(fault.message);
}

static char third[100];

static int
setup(void **state)
{
    struct ff_rig *rig = ff_rig_new(NULL);

    (void) snprintf(third, sizeof(third), "%s/third.sock", rig->dir);
    *state = rig;
    return 0;
}

static int
teardown(void **state)
{
    (void) unlink(third);
    ff_rig_free(*state);
    return 0;
}

static void
test_the_socket_files_have_their_modes(void **state)
{
    struct ff_rig *rig = *state;

    assert_int_equal(mode_of(rig->paths[WORKER_SOCK]), 0660);
    assert_int_equal(mode_of(rig->paths[OPERATOR_SOCK]), 0600);
}

static void
test_a_missing_directory_is_made_for_owner_and_group(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_fault fault;
    char dir[128];
    char path[160];

    (void) snprintf(dir, sizeof(dir), "%s/run", rig->dir);
    (void) snprintf(path, sizeof(path), "%s/x.sock", dir);
    umask(0);
    assert_int_equal(try_listen(rig, path, &fault), FF_E_OK);
    assert_int_equal(mode_of(dir), 0750);
    assert_int_equal(mode_of(path), 0640);
    ff_server_free(rig->server);
    assert_int_equal(rmdir(dir), 0);
    rig->server = NULL;
}

static void
test_a_socket_file_of_a_dead_process_is_replaced(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_fault fault;

    close(listen_on(third));
    assert_int_equal(try_listen(rig, third, &fault), FF_E_OK);
    close(connect_to(third));
}

static void
test_a_live_socket_is_left_alone(void **state)
{
    int fd = listen_on(third);

    expect_refused(*state, third, "in_use");
    close(connect_to(third));
    close(fd);
}

static void
test_another_file_in_the_way_is_left_alone(void **state)
{
    int fd = open(third, O_CREAT | O_WRONLY, 0600);

    close(fd);
    expect_refused(*state, third, "not_a_socket");
    assert_int_equal(mode_of(third), 0600);
}

static void
test_a_path_too_long_is_refused(void **state)
{
    char path[256];

    memset(path, 'x', sizeof(path));
    memcpy(path, "/tmp/", 5);
    path[108] = '\0';
    expect_refused(*state, path, "too_long");
}

static void
test_a_directory_that_cannot_be_made_is_refused(void **state)
{
    expect_refused(*state, "/tmp/no-such-directory/neither/x.sock", "no_directory");
}

/* Clients that begin and do not go on, or do not speak the protocol, disturb nobody. */
static const struct half_row {
    const char *name;
    const char *bytes;
    size_t n;
} half_rows[] = {
    { "a connection without a word", "", 0 },
    { "half a greeting", "\0SP", 3 },
    { "a greeting of another protocol", "\0SP\0\0\x10\0\0", 8 },
    { "no greeting at all", "GET / HTTP/1.1\r\n\r\n", 18 },
    { "a greeting and half a header", "\0SP\0\0\x30\0\0\1\0\0", 11 },
    { "a message of an unknown type", "\0SP\0\0\x30\0\0\2\0\0\0\0\0\0\0\1x", 18 },
    { "a header that promises 2^63 bytes", "\0SP\0\0\x30\0\0\1\x7f\0\0\0\0\0\0\0", 17 },
    { "a header that promises 32 MiB that do not come", "\0SP\0\0\x30\0\0\1\0\0\0\0\2\0\0\0x", 18 },
    { "a message shorter than a request id", "\0SP\0\0\x30\0\0\1\0\0\0\0\0\0\0\2xx", 19 },
    { "a message without a last hop", "\0SP\0\0\x30\0\0\1\0\0\0\0\0\0\0\4\0\0\0\1", 21 },
    { "many hops",
      "\0SP\0\0\x30\0\0\1\0\0\0\0\0\0\0\x28"
      "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\x80\0\0\1",
      57 },
};

static void
test_half(void **state)
{
    const struct half_row *row = *state;
    struct ff_rig *rig = ff_rig_new(NULL);
    struct ff_peer c;
    int fds[8];

    for (size_t i = 0; i < FF_COUNT(fds); i++) {
        fds[i] = connect_to(rig->paths[WORKER_SOCK]);
        assert_int_equal(write(fds[i], row->bytes, row->n), row->n);
    }
    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_peer_send(&c, ff_frame_of(0, 1, "[[\"ping\",{}]]"));
    assert_string_equal(ff_peer_code(&c, 1), "");
    for (size_t i = 0; i < FF_COUNT(fds); i++) {
        close(fds[i]);
    }
    ff_peer_leave(&c);
    RIG_AWAIT(rig, ff_rig_stats(rig).channels == 0);
    ff_rig_free(rig);
}

/* Each of them ended nng's accepting for good. */
static void
test_connections_that_end_before_their_greeting(void **state)
{
    struct ff_rig *rig = ff_rig_new(NULL);
    struct ff_peer c;

    (void) state;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 16; i++) {
            close(connect_to(rig->paths[WORKER_SOCK]));
        }
        ff_peer_open(&c, rig, WORKER_SOCK);
        ff_peer_send(&c, ff_frame_of(0, 1, "[[\"ping\",{}]]"));
        assert_string_equal(ff_peer_code(&c, 1), "");
        ff_peer_close(&c);
    }
    ff_rig_free(rig);
}

int
main(void)
{
#define ON_A_RIG(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    static const struct ff_rows tables[] = { FF_ROWS(half_rows, test_half) };
    static const struct CMUnitTest singles[] = {
        ON_A_RIG(test_the_socket_files_have_their_modes),
        ON_A_RIG(test_a_missing_directory_is_made_for_owner_and_group),
        ON_A_RIG(test_a_socket_file_of_a_dead_process_is_replaced),
        ON_A_RIG(test_a_live_socket_is_left_alone),
        ON_A_RIG(test_another_file_in_the_way_is_left_alone),
        ON_A_RIG(test_a_path_too_long_is_refused),
        ON_A_RIG(test_a_directory_that_cannot_be_made_is_refused),
        cmocka_unit_test(test_connections_that_end_before_their_greeting),
    };

    return ff_run_rows("listen", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
