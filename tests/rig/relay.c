#include "tests/rig/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/rows.h"

#define PAIRS_MAX 16

struct pair {
    int client, server; /* -1: none */
    bool deaf;          /* the reply to come is the one to lose */
};

struct ff_relay {
    char path[128];
    char upstream[128];
    int listener;
    int stop[2]; /* written to: it ends */
    pthread_t thread;
    struct pair pairs[PAIRS_MAX];
    atomic_int cut;
    atomic_uint cuts;
    char bytes[1 << 20]; /* of one piece on its way */
};

static int
unix_socket(const char *path, struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0 && strlen(path) < sizeof(address->sun_path));
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    strcpy(address->sun_path, path);
    return fd;
}

static void
hang_up(struct pair *pair)
{
    close(pair->client);
    close(pair->server);
    *pair = (struct pair){ -1, -1, false };
}

static void
take_client(struct ff_relay *relay)
{
    struct sockaddr_un address;
    int client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
    int server = unix_socket(relay->upstream, &address);

    for (int i = 0; i < PAIRS_MAX && client >= 0; i++) {
        if (relay->pairs[i].client < 0 &&
            connect(server, (struct sockaddr *) &address, sizeof(address)) == 0) {
            relay->pairs[i] = (struct pair){ client, server, false };
            return;
        }
    }
    close(client);
    close(server);
}

static bool
send_all(int fd, const char *bytes, size_t n)
{
    for (size_t sent = 0; sent < n;) {
        ssize_t done = send(fd, bytes + sent, n - sent, MSG_NOSIGNAL);

        if (done < 0) {
            return false;
        }
        sent += (size_t) done;
    }
    return true;
}

static void
upward(struct ff_relay *relay, struct pair *pair)
{
    ssize_t n = recv(pair->client, relay->bytes, sizeof(relay->bytes), 0);
    int cut = n < FF_RELAY_LARGE ? FF_RELAY_PASS : atomic_exchange(&relay->cut, FF_RELAY_PASS);

    if (n <= 0) {
        hang_up(pair);
        return;
    }
    if (cut == FF_RELAY_CUT_REQUEST) {
        send_all(pair->server, relay->bytes, (size_t) n / 2);
        hang_up(pair);
        atomic_fetch_add(&relay->cuts, 1);
        return;
    }
    pair->deaf = pair->deaf || cut == FF_RELAY_CUT_REPLY;
    if (!send_all(pair->server, relay->bytes, (size_t) n)) {
        hang_up(pair);
    }
}

static void
downward(struct ff_relay *relay, struct pair *pair)
{
    ssize_t n = recv(pair->server, relay->bytes, sizeof(relay->bytes), 0);

    if (n > 0 && pair->deaf) {
        atomic_fetch_add(&relay->cuts, 1);
    }
    if (n <= 0 || pair->deaf || !send_all(pair->client, relay->bytes, (size_t) n)) {
        hang_up(pair);
    }
}

static void *
run(void *arg)
{
    struct ff_relay *relay = arg;

    for (;;) {
        struct pollfd fds[2 + 2 * PAIRS_MAX] = { { relay->stop[0], POLLIN, 0 },
                                                 { relay->listener, POLLIN, 0 } };

        for (int i = 0; i < PAIRS_MAX; i++) {
            fds[2 + 2 * i] = (struct pollfd){ relay->pairs[i].client, POLLIN, 0 };
            fds[3 + 2 * i] = (struct pollfd){ relay->pairs[i].server, POLLIN, 0 };
        }
        if (poll(fds, 2 + 2 * PAIRS_MAX, -1) < 0 && errno != EINTR) {
            return NULL;
        }
        if (fds[0].revents != 0) {
            return NULL;
        }
        for (int i = 0; i < PAIRS_MAX; i++) {
            struct pair *pair = &relay->pairs[i];

            if (pair->client >= 0 && fds[2 + 2 * i].revents != 0) {
                upward(relay, pair);
            }
            if (pair->client >= 0 && fds[3 + 2 * i].revents != 0) {
                downward(relay, pair);
            }
        }
        if (fds[1].revents != 0) {
            take_client(relay);
        }
    }
}

struct ff_relay *
ff_relay_start_at(const char *server_socket, const char *socket)
{
    struct ff_relay *relay = calloc(1, sizeof(*relay));
    struct sockaddr_un address;

    assert_non_null(relay);
    snprintf(relay->path, sizeof(relay->path), "%s", socket);
    snprintf(relay->upstream, sizeof(relay->upstream), "%s", server_socket);
    for (int i = 0; i < PAIRS_MAX; i++) {
        relay->pairs[i] = (struct pair){ -1, -1, false };
    }
    relay->listener = unix_socket(relay->path, &address);
    assert_int_equal(bind(relay->listener, (struct sockaddr *) &address, sizeof(address)), 0);
    assert_int_equal(listen(relay->listener, 16), 0);
    assert_int_equal(pipe2(relay->stop, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&relay->thread, NULL, run, relay), 0);
    return relay;
}

struct ff_relay *
ff_relay_start(const char *server_socket)
{
    char path[128];

    snprintf(path, sizeof(path), "%s.relay", server_socket);
    return ff_relay_start_at(server_socket, path);
}

void
ff_relay_stop(struct ff_relay *relay)
{
    if (relay == NULL) {
        return;
    }
    assert_int_equal(write(relay->stop[1], "", 1), 1);
    pthread_join(relay->thread, NULL);
    for (int i = 0; i < PAIRS_MAX; i++) {
        if (relay->pairs[i].client >= 0) {
            hang_up(&relay->pairs[i]);
        }
    }
    close(relay->listener);
    close(relay->stop[0]);
    close(relay->stop[1]);
    unlink(relay->path);
    free(relay);
}

const char *
ff_relay_socket(const struct ff_relay *relay)
{
    return relay->path;
}

void
ff_relay_cut(struct ff_relay *relay, enum ff_relay_cut cut)
{
    atomic_store(&relay->cut, cut);
}

unsigned
ff_relay_cuts(struct ff_relay *relay)
{
    return atomic_load(&relay->cuts);
}
