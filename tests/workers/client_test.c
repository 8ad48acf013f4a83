/* The client against a daemon that answers when the test says so. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "ipc/frame.h"
#include "tests/rows.h"
#include "workers/flowfabric.h"

#define PATIENCE_MS 20000 /* longer than anything here takes */

struct daemon {
    nng_socket socket;
    char dir[32], address[64];
};

/* An asynchronous call and its answer. */
struct asked {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    struct ff_answer answer;
    bool done;
};

static int
daemon_open(void **state)
{
    struct daemon *daemon = calloc(1, sizeof(*daemon));

    assert_non_null(daemon);
    strcpy(daemon->dir, "/tmp/ff-client-XXXXXX");
    assert_non_null(mkdtemp(daemon->dir));
    snprintf(daemon->address, sizeof(daemon->address), "ipc://%s/s", daemon->dir);
    assert_int_equal(nng_rep0_open_raw(&daemon->socket), 0);
    assert_int_equal(nng_socket_set_ms(daemon->socket, NNG_OPT_RECVTIMEO, PATIENCE_MS), 0);
    assert_int_equal(nng_listen(daemon->socket, daemon->address, NULL, 0), 0);
    *state = daemon;
    return 0;
}

static int
daemon_close(void **state)
{
    struct daemon *daemon = *state;

    nng_close(daemon->socket);
    unlink(daemon->address + strlen("ipc://"));
    rmdir(daemon->dir);
    free(daemon);
    return 0;
}

static void reply(struct daemon *daemon, nng_msg *msg, uint64_t seq, uint32_t n);

/* The next message, and whether it greets. */
static nng_msg *
receive_any(struct daemon *daemon, uint64_t *seq, uint32_t *n, bool *greets)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_request request;
    msgpack_zone zone;
    nng_msg *msg = NULL;

    assert_int_equal(nng_recvmsg(daemon->socket, &msg, 0), 0);
    msgpack_zone_init(&zone, 1024);
    assert_int_equal(ff_request_decode(ff_str(nng_msg_body(msg), nng_msg_len(msg)), 1u << 20, &zone,
                                       &arena, &request),
                     FF_E_OK);
    msgpack_zone_destroy(&zone);
    *seq = request.seq;
    *n = request.n;
    *greets = request.calls[0].op == FF_OP_hello;
    return msg;
}

/* The next that is no greeting; those are answered. */
static nng_msg *
receive(struct daemon *daemon, uint64_t *seq, uint32_t *n)
{
    bool greets = true;
    nng_msg *msg = receive_any(daemon, seq, n, &greets);

    while (greets) {
        reply(daemon, msg, *seq, *n);
        msg = receive_any(daemon, seq, n, &greets);
    }
    return msg;
}

/* Answers call i of n with the map { "n": i }. */
static void
reply(struct daemon *daemon, nng_msg *msg, uint64_t seq, uint32_t n)
{
    static const char maps[][4] = { { '\x81', '\xa1', 'n', 0 }, { '\x81', '\xa1', 'n', 1 } };
    struct ff_reply_entry entries[2] = { 0 };
    char room[256];
    size_t bytes = 0;

    assert_true(n <= FF_COUNT(entries));
    for (uint32_t i = 0; i < n; i++) {
        entries[i].map = ff_str(maps[i], sizeof(maps[i]));
    }
    bytes = ff_reply_size(seq, entries, n);
    assert_true(bytes <= sizeof(room));
    ff_reply_write(seq, entries, n, room);
    nng_msg_clear(msg);
    assert_int_equal(nng_msg_append(msg, room, bytes), 0);
    assert_int_equal(nng_sendmsg(daemon->socket, msg, 0), 0);
}

static struct ff_client *
open_client(struct daemon *daemon, uint64_t timeout_ms)
{
    const struct ff_client_options options = { .address = daemon->address,
                                               .timeout_ms = timeout_ms };
    struct ff_client *client = NULL;
    struct ff_fault fault = { 0 };

    assert_int_equal(ff_client_open(&options, &client, &fault), FF_E_OK);
    return client;
}

static void
on_answer(void *ctx, struct ff_answer *answer)
{
    struct asked *asked = ctx;

    pthread_mutex_lock(&asked->mutex);
    asked->answer = *answer;
    asked->done = true;
    pthread_cond_signal(&asked->cond);
    pthread_mutex_unlock(&asked->mutex);
}

static void
ask(struct ff_client *client, struct asked *asked)
{
    const struct ff_ping_args args = { 0 };

    memset(asked, 0, sizeof(*asked));
    pthread_mutex_init(&asked->mutex, NULL);
    pthread_cond_init(&asked->cond, NULL);
    ff_client_call_async(client, FF_OP_ping, &args, on_answer, asked);
}

static ff_err
await(struct asked *asked)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    pthread_mutex_lock(&asked->mutex);
    while (!asked->done && rc == 0) {
        rc = pthread_cond_timedwait(&asked->cond, &asked->mutex, &until);
    }
    pthread_mutex_unlock(&asked->mutex);
    assert_true(asked->done);
    return asked->answer.fault.code;
}

/* A call that is given up after its time, though it never was sent. */
static void
test_late_in_queue(void **state)
{
    struct daemon *daemon = *state;
    struct ff_client *client = open_client(daemon, 100);
    struct asked first, queued;
    uint64_t seq = 0;
    uint32_t n = 0;
    nng_msg *msg = NULL;

    ask(client, &first);
    msg = receive(daemon, &seq, &n);
    ask(client, &queued); /* one frame is under way: it waits for the answer */
    assert_int_equal(await(&first), FF_E_TRANSPORT);
    assert_int_equal(await(&queued), FF_E_TRANSPORT);
    nng_msg_free(msg);
    ff_answer_done(&first.answer);
    ff_answer_done(&queued.answer);
    ff_client_close(client);
}

/* Of two calls in one frame the first is given up: the second still gets its own answer. */
static void
test_late_in_frame(void **state)
{
    struct daemon *daemon = *state;
    struct ff_client *client = open_client(daemon, 1600), *timer = open_client(daemon, 700);
    struct asked head, early, late, tick;
    uint64_t seq = 0, ignored = 0;
    uint32_t n = 0;
    nng_msg *msg = NULL, *tick_msg = NULL;

    ask(client, &head);
    msg = receive(daemon, &seq, &n);
    ask(client, &early);
    ask(timer, &tick);
    tick_msg = receive(daemon, &ignored, &n);
    assert_int_equal(await(&tick), FF_E_TRANSPORT); /* some time is over */
    ask(client, &late);
    reply(daemon, msg, seq, 1);
    msg = receive(daemon, &seq, &n);
    assert_int_equal(n, 2);
    assert_int_equal(await(&head), FF_E_OK);
    assert_int_equal(await(&early), FF_E_TRANSPORT);
    reply(daemon, msg, seq, 2);
    assert_int_equal(await(&late), FF_E_OK);
    assert_int_equal(late.answer.map.p[3], 1);
    nng_msg_free(tick_msg);
    ff_answer_done(&head.answer);
    ff_answer_done(&early.answer);
    ff_answer_done(&late.answer);
    ff_answer_done(&tick.answer);
    ff_client_close(timer);
    ff_client_close(client);
}

/* nng loses the first message of a connection now and then: though others are answered over it, the
 * connection is left, and what has no answer goes again. */
static void
test_greeting_lost(void **state)
{
    struct daemon *daemon = *state;
    struct ff_client *client = open_client(daemon, 0);
    struct asked early, late;
    uint64_t seq = 0, late_seq = 0;
    uint32_t n = 0;
    bool greets = false;
    nng_msg *msg = receive_any(daemon, &seq, &n, &greets), *lost = NULL;

    assert_true(greets);
    nng_msg_free(msg);
    ask(client, &early);
    msg = receive_any(daemon, &seq, &n, &greets);
    assert_false(greets);
    reply(daemon, msg, seq, 1);
    assert_int_equal(await(&early), FF_E_OK);
    ask(client, &late);
    lost = receive_any(daemon, &late_seq, &n, &greets);
    assert_false(greets);
    nng_msg_free(lost);
    msg = receive(daemon, &seq, &n); /* over another connection */
    assert_int_equal(seq, late_seq);
    reply(daemon, msg, seq, 1);
    assert_int_equal(await(&late), FF_E_OK);
    ff_answer_done(&early.answer);
    ff_answer_done(&late.answer);
    ff_client_close(client);
}

#define CLIENT_TEST(name_, test_)                                                                  \
    {                                                                                              \
        .name = (name_), .test_func = (test_), .setup_func = daemon_open,                          \
        .teardown_func = daemon_close                                                              \
    }

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        CLIENT_TEST("a call that is late in the queue", test_late_in_queue),
        CLIENT_TEST("a call that is late in its frame", test_late_in_frame),
        CLIENT_TEST("a connection whose greeting is lost", test_greeting_lost),
    };

    return ff_run_rows("client", NULL, 0, tests, FF_COUNT(tests));
}
