/* resend_test.c: a frame that is sent again does nothing again (00 §2). */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

#include "core/codec.h"
#include "ipc/frame.h"
#include "tests/process/calls.h"
#include "tests/process/daemon.h"

/* A connection that says exactly what it is told to. */
static nng_socket
dial(const char *address)
{
    nng_socket socket;

    assert_int_equal(nng_req0_open_raw(&socket), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, 60000), 0);
    assert_int_equal(nng_dial(socket, address, NULL, 0), 0);
    return socket;
}

/* One message with its answer, which the caller frees. */
static nng_msg *
say(nng_socket socket, const struct ff_packer *frame)
{
    nng_msg *msg = NULL;

    assert_int_equal(nng_msg_alloc(&msg, 0), 0);
    assert_int_equal(nng_msg_append(msg, frame->buf.data, frame->buf.size), 0);
    assert_int_equal(nng_msg_header_append_u32(msg, 0x80000001u), 0);
    assert_int_equal(nng_sendmsg(socket, msg, 0), 0);
    assert_int_equal(nng_recvmsg(socket, &msg, 0), 0);
    return msg;
}

static void
frame_of(struct ff_packer *frame, uint64_t seq, enum ff_op op, const void *args)
{
    static const struct ff_uuid client = { "a test's client" };
    struct ff_packer map;

    ff_packer_init(&map);
    ff_encode(ff_ops[op].args, args, &map.pk);
    ff_packer_init(frame);
    ff_request_head(&client, seq, 1, &frame->pk);
    ff_request_call(ff_cstr(ff_ops[op].name), ff_packer_str(&map), &frame->pk);
    ff_packer_done(&map);
}

/* The result of the reply's only call. */
static void
read_result(nng_msg *msg, enum ff_op op, struct ff_answer *answer, void *result)
{
    struct ff_reply reply;

    ff_answer_done(answer);
    assert_int_equal(ff_reply_decode(ff_str(nng_msg_body(msg), (uint32_t) nng_msg_len(msg)),
                                     &answer->arena, &reply, &answer->fault),
                     FF_E_OK);
    assert_int_equal(reply.n, 1);
    assert_false(reply.entries[0].failed);
    answer->map = reply.entries[0].map;
    assert_int_equal(ff_answer_result(answer, op, result), FF_E_OK);
}

static void
assert_same_and_free(nng_msg *first, nng_msg *second)
{
    assert_int_equal(nng_msg_len(first), nng_msg_len(second));
    assert_memory_equal(nng_msg_body(first), nng_msg_body(second), nng_msg_len(first));
    nng_msg_free(first);
    nng_msg_free(second);
}

/* "created" both times: a second creation would have answered "duplicate". */
static void
test_a_create_that_is_sent_again_gets_its_answer_again(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_create_execution_args args = ff_test_create_args(ff_test_eid(), ff_cstr("x"));
    struct ff_create_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_packer frame;
    nng_socket one, other;
    nng_msg *first = NULL;

    ff_daemon_start(daemon, NULL);
    one = dial(daemon->worker);
    other = dial(daemon->worker);
    frame_of(&frame, 1, FF_OP_create_execution, &args);
    first = say(one, &frame);
    read_result(first, FF_OP_create_execution, &answer, &result);
    assert_string_equal(result.outcome, "created");
    assert_same_and_free(first, say(one, &frame));
    first = say(one, &frame);
    assert_same_and_free(first, say(other, &frame)); /* also on another channel */
    ff_packer_done(&frame);
    nng_close(one);
    nng_close(other);
    ff_daemon_stop(daemon);
}

/* Two wait in the lane: only a new number gets the second. */
static void
test_a_claim_that_is_sent_again_takes_nothing_more(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_claim_args args = ff_test_claim_args("w1", 60000, 0);
    struct ff_claim_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_client *client = NULL;
    struct ff_eid first_id, second_id;
    struct ff_packer frame, next;
    nng_socket socket;
    nng_msg *msg = NULL;

    ff_daemon_start(daemon, NULL);
    client = ff_test_client(daemon->worker, NULL);
    first_id = ff_test_create(client);
    second_id = ff_test_create(client);
    socket = dial(daemon->worker);
    frame_of(&frame, 1, FF_OP_claim, &args);
    frame_of(&next, 2, FF_OP_claim, &args);
    msg = say(socket, &frame);
    read_result(msg, FF_OP_claim, &answer, &result);
    assert_true(ff_eid_eq(result.execution_id.v, first_id));
    assert_same_and_free(msg, say(socket, &frame));
    assert_string_equal(ff_test_state(client, second_id), "waiting");
    msg = say(socket, &next);
    read_result(msg, FF_OP_claim, &answer, &result);
    assert_true(ff_eid_eq(result.execution_id.v, second_id));
    nng_msg_free(msg);
    ff_packer_done(&frame);
    ff_packer_done(&next);
    nng_close(socket);
    ff_client_close(client);
    ff_daemon_stop(daemon);
}

/* The replies are forgotten with the broker; the key is not. */
static void
test_after_a_crash_the_idempotency_key_tells_a_duplicate(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_create_execution_args args = ff_test_create_args(ff_test_eid(), ff_cstr("x"));
    struct ff_create_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_eid first_id = args.execution_id;
    struct ff_packer frame, other;
    nng_socket socket;
    nng_msg *msg = NULL;

    args.idempotency_key = ff_cstr("order 17");
    frame_of(&frame, 1, FF_OP_create_execution, &args);
    args.execution_id = ff_test_eid();
    frame_of(&other, 2, FF_OP_create_execution, &args);
    ff_daemon_start(daemon, NULL);
    socket = dial(daemon->worker);
    nng_msg_free(say(socket, &frame));
    nng_close(socket);
    ff_daemon_kill(daemon);
    ff_daemon_start(daemon, NULL);
    socket = dial(daemon->worker);
    for (int i = 0; i < 2; i++) { /* the same frame, and the same work under another id */
        msg = say(socket, i == 0 ? &frame : &other);
        read_result(msg, FF_OP_create_execution, &answer, &result);
        assert_string_equal(result.outcome, "duplicate");
        assert_true(ff_eid_eq(result.execution_id, first_id));
        nng_msg_free(msg);
    }
    ff_packer_done(&frame);
    ff_packer_done(&other);
    nng_close(socket);
    ff_daemon_stop(daemon);
}

#define RESEND_TEST(test) cmocka_unit_test_setup_teardown(test, ff_daemon_setup, ff_daemon_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        RESEND_TEST(test_a_create_that_is_sent_again_gets_its_answer_again),
        RESEND_TEST(test_a_claim_that_is_sent_again_takes_nothing_more),
        RESEND_TEST(test_after_a_crash_the_idempotency_key_tells_a_duplicate),
    };

    return ff_run_rows("resend", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
