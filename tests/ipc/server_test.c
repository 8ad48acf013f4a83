#include <stdio.h>

#include "core/clock.h"
#include "core/handle.h"

#include "tests/ipc/rig.h"

#define TAG(value)                                                                                 \
    "[[\"set_execution_tag\",{\"execution_id\":"                                                   \
    "\"{fp:1}:00000000-0000-4000-8000-000000000001\",\"key\":\"a.b\",\"value\":\"" value "\"}]]"
#define CLAIM(instance)                                                                            \
    "[[\"claim\",{\"lane_id\":\"l\",\"worker_id\":\"w\",\"worker_instance_id\":\"" instance        \
    "\",\"lease_ttl_ms\":1000,\"block_ms\":30000}]]"
#define HELLO(instance)                                                                            \
    "[[\"hello\",{\"worker_instance_id\":\"" instance "\",\"namespace\":\"ns\"}]]"
#define READ                                                                                       \
    "[\"read_stream\",{\"execution_id\":\"{fp:1}:00000000-0000-4000-8000-000000000001\","          \
    "\"attempt_index\":0,\"limit\":1}]"
#define PING "[[\"ping\",{}]]"

static int
setup(void **state)
{
    *state = ff_rig_new(NULL);
    return 0;
}

static int
teardown(void **state)
{
    ff_rig_free(*state);
    return 0;
}

/* ---- who may do what ---- */

static const struct right_row {
    const char *name;
    int sock;
    const char *calls;
    const char *code;
} right_rows[] = {
    { "a read on the worker socket", WORKER_SOCK, PING, "" },
    { "a client's write on the worker socket", WORKER_SOCK, TAG("x"), "" },
    { "an operator's write on the worker socket", WORKER_SOCK, "[[\"prepare\",{}]]",
      "permission_denied" },
    { "an operator's write on the operator socket", OPERATOR_SOCK, "[[\"prepare\",{}]]", "" },
    { "a read on the operator socket", OPERATOR_SOCK, PING, "" },
    { "a scanner's write on the worker socket", WORKER_SOCK, "[[\"sweep_worker_registry\",{}]]",
      "permission_denied" },
    { "a scanner's write on the operator socket", OPERATOR_SOCK, "[[\"sweep_worker_registry\",{}]]",
      "" },
    { "an operation of another socket", OPERATOR_SOCK, "[[\"tree\",{}]]", "unavailable" },
    { "operator events on the worker socket", WORKER_SOCK,
      "[[\"read_events\",{\"family\":\"operator\"}]]", "permission_denied" },
    { "operator events on the operator socket", OPERATOR_SOCK,
      "[[\"read_events\",{\"family\":\"operator\"}]]", "" },
    { "other events on the worker socket", WORKER_SOCK,
      "[[\"read_events\",{\"family\":\"completion\"}]]", "" },
    { "an override on the worker socket", WORKER_SOCK,
      "[[\"complete_execution\",{\"execution_id\":"
      "\"{fp:1}:00000000-0000-4000-8000-000000000001\",\"attempt_index\":0,"
      "\"source\":\"operator_override\"}]]",
      "permission_denied" },
    { "no override on the worker socket", WORKER_SOCK,
      "[[\"complete_execution\",{\"execution_id\":"
      "\"{fp:1}:00000000-0000-4000-8000-000000000001\",\"attempt_index\":0}]]",
      "" },
    { "a cancel by a client", WORKER_SOCK,
      "[[\"cancel_execution\",{\"execution_id\":"
      "\"{fp:1}:00000000-0000-4000-8000-000000000001\",\"reason\":\"r\","
      "\"source\":\"operator_override\"}]]",
      "" },
};

static void
test_right(void **state)
{
    const struct right_row *row = *state;
    struct ff_rig *rig = ff_rig_new(NULL);
    struct ff_peer c;

    ff_peer_open(&c, rig, row->sock);
    ff_peer_send(&c, ff_frame_of(1, 1, row->calls));
    assert_string_equal(ff_peer_code(&c, 1), row->code);
    assert_int_equal(rig->calls, row->code[0] == '\0' ? 1 : 0);
    ff_peer_close(&c);
    ff_rig_free(rig);
}

static void
test_permission_denied_names_class_and_socket(void **state)
{
    struct ff_peer c;

    ff_peer_open(&c, *state, WORKER_SOCK);
    ff_peer_send(&c, ff_frame_of(0, 1, "[[\"prepare\",{}]]"));
    assert_non_null(
        strstr(ff_peer_json(&c), "\"detail\":{\"class\":\"operator\",\"socket\":\"worker\"}"));
    ff_peer_close(&c);
}

/* ---- frames ---- */

static void
test_garbage_is_answered_and_the_connection_stays(void **state)
{
    struct ff_peer c;

    ff_peer_open(&c, *state, WORKER_SOCK);
    ff_peer_send(&c, ff_str("\xc1\xc1\xc1", 3));
    assert_string_equal(ff_peer_code(&c, 0), "malformed_frame");
    ff_peer_send(&c, ff_str("", 0));
    assert_string_equal(ff_peer_code(&c, 0), "malformed_frame");
    ff_peer_send(&c, ff_str("\x94\x02\xc0\x05\x90", 5));
    assert_non_null(strstr(ff_peer_json(&c), "\"detail\":{\"supported\":[1]}"));
    ff_peer_send(&c, ff_frame_of(0, 6, PING));
    assert_string_equal(ff_peer_code(&c, 6), "");
    ff_peer_close(&c);
}

static void
test_each_call_has_its_own_answer_in_order(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;
    const char *json = NULL;

    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_peer_send(&c, ff_frame_of(0, 9,
                                 "[[\"ping\",{}],[\"nonsense\",{}],[\"ping\",{}],[\"prepare\",{}],"
                                 "[\"ping\",{\"x\":1}],[\"hello\",{}],[\"ping\",{}]]"));
    json = ff_peer_json(&c);
    assert_memory_equal(json, "[1,9,[[0,{\"n\":1}],[1,{\"code\":\"unavailable\"", 42);
    assert_non_null(strstr(json, "\"op\":\"nonsense\""));
    assert_non_null(strstr(json, "[0,{\"n\":2}],[1,{\"code\":\"permission_denied\""));
    assert_non_null(strstr(json, "[1,{\"code\":\"invalid_input\""));
    assert_non_null(strstr(json, "[0,{}],[0,{\"n\":3}]]]"));
    assert_int_equal(rig->hellos, 1);
    ff_peer_close(&c);
}

static void
test_list_ops_tells_every_operation(void **state)
{
    struct ff_peer c;
    struct ff_str reply = { 0 };
    size_t found = 0;

    ff_peer_open(&c, *state, WORKER_SOCK);
    ff_peer_send(&c, ff_frame_of(0, 1, "[[\"list_ops\",{}]]"));
    reply = ff_peer_recv(&c);
    for (int op = 0; op < FF_OP_N; op++) {
        const char *name = ff_ops[op].name;

        found += memmem(reply.p, reply.n, name, strlen(name)) != NULL;
    }
    assert_int_equal(found, FF_OP_N);
    ff_peer_close(&c);
}

static struct ff_rig *
small_frames(void)
{
    struct ff_server_options options;

    ff_server_options_init(&options, NULL, NULL);
    options.frame_bytes_max = 65536;
    return ff_rig_new(&options);
}

static void
send_bytes(struct ff_peer *c, size_t n)
{
    char *bytes = calloc(1, n);

    memcpy(bytes, "\x94\x01\xc0\x07", 4);
    ff_peer_send(c, ff_str(bytes, n));
    free(bytes);
}

static void
test_a_frame_beyond_the_limit_is_answered(void **state)
{
    struct ff_rig *rig = small_frames();
    struct ff_peer c;

    (void) state;
    ff_peer_open(&c, rig, WORKER_SOCK);
    send_bytes(&c, 65537);
    assert_non_null(strstr(ff_peer_json(&c), "\"code\":\"frame_too_large\""));
    send_bytes(&c, 131072);
    assert_string_equal(ff_peer_code(&c, 7), "frame_too_large");
    ff_peer_send(&c, ff_frame_of(0, 6, PING));
    assert_string_equal(ff_peer_code(&c, 6), "");
    ff_peer_close(&c);
    ff_rig_free(rig);
}

/* nng 1.5 sometimes keeps the first message of a connection to itself (the client library leaves
 * such a connection): nothing is to be seen then, and it is tried again. */
static void
test_a_frame_beyond_twice_the_limit_ends_the_connection(void **state)
{
    struct ff_rig *rig = small_frames();
    bool ended = false;

    (void) state;
    for (int i = 0; i < 10 && !ended; i++) {
        struct ff_peer c;
        int64_t end_ms = 0;

        ff_peer_open(&c, rig, WORKER_SOCK);
        send_bytes(&c, 140000);
        end_ms = ff_mono_ms() + 2000;
        while (ff_rig_stats(rig).channels > 0 && ff_mono_ms() < end_ms) {
            ff_rig_turn(rig);
        }
        ended = ff_rig_stats(rig).channels == 0;
        ff_peer_leave(&c);
        RIG_AWAIT(rig, ff_rig_stats(rig).channels == 0);
    }
    assert_true(ended);
    assert_int_equal(ff_rig_stats(rig).frames, 0);
    ff_rig_free(rig);
}

static void
test_a_reply_stays_within_the_limit(void **state)
{
    struct ff_rig *rig = small_frames();
    struct ff_peer c;
    struct ff_str reply = { 0 };

    (void) state;
    rig->reply_bytes = 40000;
    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_peer_send(&c, ff_frame_of(0, 1, "[" READ ",[\"ping\",{}]," READ "]"));
    reply = ff_peer_recv(&c);
    assert_in_range(reply.n, 40000, 65536);
    assert_non_null(memmem(reply.p, reply.n, "reply_bytes", 11));
    ff_peer_close(&c);
    ff_rig_free(rig);
}

/* ---- bounds ---- */

static void
test_the_65th_unanswered_frame_is_refused(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;
    struct ff_peer other;

    rig->hold = true;
    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_peer_open(&other, rig, WORKER_SOCK);
    for (uint64_t seq = 1; seq <= 66; seq++) {
        ff_peer_send(&c, ff_frame_of(1, seq, TAG("x")));
    }
    assert_non_null(strstr(ff_peer_json(&c), "\"detail\":{\"pool\":\"frames\",\"max\":64,"
                                             "\"retry_after_ms\":10}"));
    assert_string_equal(ff_peer_code(&c, 66), "resource_exhausted");
    assert_int_equal(ff_rig_stats(rig).unanswered, 64);
    ff_peer_send(&other, ff_frame_of(2, 1, PING));
    RIG_AWAIT(rig, rig->frames_n == 65);
    while (rig->frames_n > 0) {
        ff_rig_answer(rig, 0);
    }
    for (uint64_t seq = 1; seq <= 64; seq++) {
        assert_string_equal(ff_peer_code(&c, seq), "");
    }
    rig->hold = false;
    ff_peer_send(&c, ff_frame_of(1, 65, TAG("x"))); /* it did nothing, so it may come again */
    assert_string_equal(ff_peer_code(&c, 65), "");
    assert_int_equal(rig->mutations, 65);
    ff_peer_close(&other);
    ff_peer_close(&c);
}

static void
test_a_channel_too_many_is_told(void **state)
{
    struct ff_server_options options;
    struct ff_rig *rig = NULL;
    struct ff_peer c[3];

    (void) state;
    ff_server_options_init(&options, NULL, NULL);
    options.channels_max = 2;
    rig = ff_rig_new(&options);
    ff_peer_open(&c[0], rig, WORKER_SOCK);
    ff_peer_open(&c[1], rig, OPERATOR_SOCK);
    ff_peer_open(&c[2], rig, WORKER_SOCK);
    ff_peer_send(&c[2], ff_frame_of(0, 1, PING));
    assert_non_null(strstr(ff_peer_json(&c[2]), "\"detail\":{\"pool\":\"channels\",\"max\":2,"));
    ff_peer_close(&c[0]);
    ff_peer_leave(&c[2]);
    ff_peer_open(&c[2], rig, WORKER_SOCK);
    ff_peer_send(&c[2], ff_frame_of(0, 2, PING));
    assert_string_equal(ff_peer_code(&c[2], 2), "");
    ff_peer_close(&c[1]);
    ff_peer_close(&c[2]);
    ff_rig_free(rig);
}

static void
test_requests_in_hand_are_bounded_in_bytes(void **state)
{
    struct ff_server_options options;
    struct ff_rig *rig = NULL;
    struct ff_peer c;

    (void) state;
    ff_server_options_init(&options, NULL, NULL);
    options.request_bytes_max = 2 * ff_frame_of(0, 1, TAG("x")).n;
    rig = ff_rig_new(&options);
    rig->hold = true;
    ff_peer_open(&c, rig, WORKER_SOCK);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        ff_peer_send(&c, ff_frame_of(0, seq, TAG("x")));
    }
    assert_string_equal(ff_peer_code(&c, 3), "resource_exhausted");
    assert_int_equal(rig->frames_n, 2);
    ff_rig_answer(rig, 0);
    ff_rig_answer(rig, 0);
    assert_int_equal(ff_rig_stats(rig).request_bytes, 0);
    ff_peer_close(&c);
    ff_rig_free(rig);
}

static void
test_a_client_that_reads_late_misses_no_reply(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;
    struct ff_server_stats stats = { 0 };
    bool seen[1001] = { false };

    ff_peer_open_slow(&c, rig, WORKER_SOCK);
    for (uint64_t seq = 1; seq <= 1000; seq++) {
        ff_peer_send(&c, ff_frame_of(0, seq, PING));
    }
    RIG_AWAIT(rig, (stats = ff_rig_stats(rig), stats.frames + stats.refused == 1000));
    for (int i = 0; i < 1000; i++) {
        struct ff_str body = ff_peer_recv(&c);
        struct ff_reply reply;
        struct ff_fault fault;
        FF_SCOPED(ff_arena) arena = { 0 };

        assert_int_equal(ff_reply_decode(body, &arena, &reply, &fault), FF_E_OK);
        assert_in_range(reply.seq, 1, 1000);
        assert_false(seen[reply.seq]);
        seen[reply.seq] = true;
    }
    RIG_AWAIT(rig, ff_server_idle(rig->server));
    ff_peer_close(&c);
}

static void
test_a_client_that_never_reads_is_disconnected(void **state)
{
    struct ff_server_options options;
    struct ff_rig *rig = NULL;
    struct ff_peer lazy;
    struct ff_peer c;

    (void) state;
    ff_server_options_init(&options, NULL, NULL);
    options.unread_bytes_max = 8 << 20;
    rig = ff_rig_new(&options);
    rig->reply_bytes = 1 << 20;
    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_peer_open_slow(&lazy, rig, WORKER_SOCK);
    for (uint64_t seq = 1; seq <= 20; seq++) {
        ff_peer_send(&lazy, ff_frame_of(0, seq, "[" READ "]"));
    }
    RIG_AWAIT(rig, ff_rig_stats(rig).channels == 1);
    assert_in_range(ff_rig_stats(rig).unread_bytes, 0, 8 << 20);
    ff_peer_send(&c, ff_frame_of(0, 1, PING));
    assert_string_equal(ff_peer_code(&c, 1), "");
    ff_peer_close(&c);
    ff_peer_leave(&lazy);
    ff_rig_free(rig);
}

/* ---- duplicates ---- */

static void
test_a_frame_sent_again_does_nothing(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;
    struct ff_peer other;
    char first[256];

    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_peer_open(&other, rig, WORKER_SOCK);
    ff_peer_send(&c, ff_frame_of(1, 1, TAG("x")));
    (void) snprintf(first, sizeof(first), "%s", ff_peer_json(&c));
    ff_peer_send(&c, ff_frame_of(1, 1, TAG("x")));
    assert_string_equal(ff_peer_json(&c), first);
    ff_peer_send(&other, ff_frame_of(1, 1, TAG("x")));
    assert_string_equal(ff_peer_json(&other), first);
    assert_int_equal(rig->mutations, 1);
    ff_peer_send(&c, ff_frame_of(1, 2, TAG("x")));
    assert_string_equal(ff_peer_code(&c, 2), "");
    ff_peer_send(&other, ff_frame_of(2, 1, TAG("x")));
    assert_string_equal(ff_peer_code(&other, 1), "");
    assert_int_equal(rig->mutations, 3);
    ff_peer_close(&other);
    ff_peer_close(&c);
}

static void
test_a_frame_without_client_runs_each_time(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;

    ff_peer_open(&c, rig, WORKER_SOCK);
    for (int i = 1; i <= 2; i++) {
        ff_peer_send(&c, ff_frame_of(0, 1, TAG("x")));
        assert_string_equal(ff_peer_code(&c, 1), "");
        assert_int_equal(rig->mutations, i);
    }
    ff_peer_close(&c);
}

static void
test_a_frame_of_reads_is_not_remembered(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;

    ff_peer_open(&c, rig, WORKER_SOCK);
    for (int i = 1; i <= 2; i++) {
        ff_peer_send(&c, ff_frame_of(1, 1, PING));
        assert_string_equal(ff_peer_code(&c, 1), "");
        assert_int_equal(rig->calls, i);
    }
    assert_int_equal(ff_rig_stats(rig).memos, 0);
    ff_peer_close(&c);
}

static void
test_a_frame_repeated_while_it_runs_is_answered_once_where_it_came_last(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;
    struct ff_peer other;

    rig->hold = true;
    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_peer_open(&other, rig, WORKER_SOCK);
    ff_peer_send(&c, ff_frame_of(1, 1, TAG("x")));
    RIG_AWAIT(rig, rig->frames_n == 1);
    ff_peer_send(&other, ff_frame_of(1, 1, TAG("x")));
    RIG_AWAIT(rig, ff_rig_stats(rig).duplicates == 1);
    assert_int_equal(ff_rig_stats(rig).unanswered, 1);
    ff_rig_answer(rig, 0);
    assert_string_equal(ff_peer_code(&other, 1), "");
    ff_peer_send(&c, ff_frame_of(1, 2, PING)); /* the next thing it hears is this */
    RIG_AWAIT(rig, rig->frames_n == 1);
    ff_rig_answer(rig, 0);
    assert_string_equal(ff_peer_code(&c, 2), "");
    assert_int_equal(rig->mutations, 1);
    ff_peer_close(&other);
    ff_peer_close(&c);
}

static void
test_a_running_frame_outlives_its_channel_and_is_remembered(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;

    rig->hold = true;
    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_peer_send(&c, ff_frame_of(1, 1, TAG("x")));
    RIG_AWAIT(rig, rig->frames_n == 1);
    ff_peer_close(&c);
    assert_int_equal(rig->frames_n, 1);
    assert_int_equal(rig->cancels, 0);
    ff_rig_answer(rig, 0);
    rig->hold = false;
    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_peer_send(&c, ff_frame_of(1, 1, TAG("x")));
    assert_string_equal(ff_peer_json(&c), "[1,1,[[0,{\"n\":1}]]]");
    assert_int_equal(rig->mutations, 1);
    ff_peer_close(&c);
}

/* ---- parked calls ---- */

static void
test_a_parked_call_goes_with_its_channel_and_may_come_again(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;

    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_peer_send(&c, ff_frame_of(1, 1, CLAIM("i")));
    RIG_AWAIT(rig, rig->frames_n == 1);
    ff_peer_close(&c);
    assert_int_equal(rig->cancels, 1);
    assert_int_equal(rig->frames_n, 0);
    assert_int_equal(ff_rig_stats(rig).memos, 0);
    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_peer_send(&c, ff_frame_of(1, 1, CLAIM("i")));
    RIG_AWAIT(rig, rig->frames_n == 1);
    ff_rig_answer(rig, 0);
    assert_string_equal(ff_peer_code(&c, 1), "");
    ff_peer_close(&c);
}

static void
test_a_claim_repeated_on_a_new_channel_stays_parked(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;
    struct ff_peer other;

    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_peer_open(&other, rig, WORKER_SOCK);
    ff_peer_send(&c, ff_frame_of(1, 1, CLAIM("i")));
    RIG_AWAIT(rig, rig->frames_n == 1);
    ff_peer_send(&other, ff_frame_of(1, 1, CLAIM("i")));
    RIG_AWAIT(rig, ff_rig_stats(rig).duplicates == 1);
    ff_peer_close(&c);
    assert_int_equal(rig->cancels, 0);
    ff_rig_answer(rig, 0);
    assert_string_equal(ff_peer_code(&other, 1), "");
    ff_peer_close(&other);
}

/* The channel goes while the claim is carried out; the client has not heard, and asks again. */
static void
repeat_cancelled(struct ff_rig *rig, struct ff_peer *c)
{
    rig->hold = true;
    ff_peer_open(c, rig, WORKER_SOCK);
    ff_peer_send(c, ff_frame_of(1, 1, CLAIM("i")));
    RIG_AWAIT(rig, rig->frames_n == 1);
    ff_peer_close(c);
    assert_int_equal(rig->cancels, 1);
    ff_peer_open(c, rig, WORKER_SOCK);
    ff_peer_send(c, ff_frame_of(1, 1, CLAIM("i")));
    RIG_AWAIT(rig, ff_rig_stats(rig).duplicates == 1);
    assert_int_equal(rig->frames_n, 1);
}

static void
test_a_cancelled_claim_that_succeeded_answers_its_repetition(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;

    repeat_cancelled(rig, &c);
    ff_rig_answer(rig, 0);
    assert_string_equal(ff_peer_code(&c, 1), "");
    assert_int_equal(rig->mutations, 1);
    ff_peer_close(&c);
}

static void
test_a_cancelled_claim_that_did_nothing_makes_way_for_its_repetition(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;

    repeat_cancelled(rig, &c);
    ff_rig_drop(rig, 0);
    RIG_AWAIT(rig, rig->frames_n == 1);
    ff_rig_answer(rig, 0);
    assert_string_equal(ff_peer_code(&c, 1), "");
    assert_int_equal(rig->mutations, 1);
    ff_peer_close(&c);
}

static void
test_a_repetition_whose_channel_goes_too_leaves_nothing(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;

    repeat_cancelled(rig, &c);
    ff_peer_close(&c);
    ff_rig_drop(rig, 0);
    assert_int_equal(rig->frames_n, 0);
    assert_int_equal(ff_rig_stats(rig).memos, 0);
    assert_int_equal(ff_rig_stats(rig).unanswered, 0);
}

/* ---- workers ---- */

static void
greet(struct ff_peer *c, struct ff_rig *rig, const char *hello)
{
    ff_peer_open(c, rig, WORKER_SOCK);
    ff_peer_send(c, ff_frame_of(0, 1, hello));
    assert_string_equal(ff_peer_code(c, 1), "");
}

static void
test_a_worker_whose_last_channel_closes_is_lost_after_the_grace(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;
    struct ff_peer other;

    greet(&c, rig, HELLO("w-1"));
    greet(&other, rig, HELLO("w-1"));
    ff_peer_close(&c);
    assert_int_equal(rig->lost_n, 0);
    ff_peer_close(&other);
    RIG_AWAIT(rig, rig->lost_n == 1);
    assert_string_equal(rig->lost[0], "w-1@ns");
}

/* A second worker goes after the first came back: when it is lost, the first had its time. */
static void
await_a_later_loss(struct ff_rig *rig)
{
    struct ff_peer c;

    greet(&c, rig, HELLO("later"));
    ff_peer_close(&c);
    RIG_AWAIT(rig, rig->lost_n >= 1);
    assert_string_equal(rig->lost[0], "later@ns");
}

static const struct back_row {
    const char *name;
    const char *calls; /* NULL: a renewal with a handle of w-1 */
    bool is_back;
} back_rows[] = {
    { "a hello in the grace brings a worker back", HELLO("w-1"), true },
    { "a claim in the grace brings a worker back", CLAIM("w-1"), true },
    { "a fenced call in the grace brings a worker back", NULL, true },
    { "a ping in the grace brings nobody back", PING, false },
    { "another worker's claim brings nobody back", CLAIM("w-2"), false },
};

static struct ff_str
renewal(void)
{
    static char room[512];
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_handle_payload payload = { .tag = FF_HANDLE_MEMORY,
                                         .lane_id = ff_cstr("l"),
                                         .worker_instance_id = ff_cstr("w-1") };
    struct ff_renew_args args = { .handle = ff_handle_make(FF_HANDLE_FRESH, &payload, &arena) };
    FF_SCOPED(ff_packer) one;
    FF_SCOPED(ff_packer) all;

    ff_packer_init(&one);
    ff_encode(ff_ops[FF_OP_renew].args, &args, &one.pk);
    ff_packer_init(&all);
    ff_request_head(NULL, 1, 1, &all.pk);
    ff_request_call(ff_cstr("renew"), ff_packer_str(&one), &all.pk);
    FF_ASSERT(all.buf.size <= sizeof(room));
    memcpy(room, all.buf.data, all.buf.size);
    return ff_str(room, all.buf.size);
}

static void
test_back(void **state)
{
    const struct back_row *row = *state;
    struct ff_rig *rig = ff_rig_new(NULL);
    struct ff_peer c;

    greet(&c, rig, HELLO("w-1"));
    ff_peer_close(&c);
    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_peer_send(&c, row->calls == NULL ? renewal() : ff_frame_of(0, 1, row->calls));
    RIG_AWAIT(rig, ff_rig_stats(rig).frames == 2);
    if (row->is_back) {
        await_a_later_loss(rig);
        assert_int_equal(rig->lost_n, 1);
        ff_peer_close(&c);
        RIG_AWAIT(rig, rig->lost_n == 2); /* the channel was bound */
        assert_string_equal(rig->lost[1], "w-1@ns");
    } else {
        RIG_AWAIT(rig, rig->lost_n == 1);
        ff_peer_close(&c);
    }
    ff_rig_free(rig);
}

static void
test_several_workers_may_share_a_channel(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;

    greet(&c, rig, HELLO("w-1"));
    ff_peer_send(&c, ff_frame_of(0, 2, HELLO("w-2")));
    assert_string_equal(ff_peer_code(&c, 2), "");
    ff_peer_send(&c, ff_frame_of(0, 3, HELLO("w-1")));
    assert_string_equal(ff_peer_code(&c, 3), "");
    ff_peer_close(&c);
    RIG_AWAIT(rig, rig->lost_n == 2);
    assert_string_equal(rig->lost[0], "w-1@ns");
    assert_string_equal(rig->lost[1], "w-2@ns");
}

static void
test_the_end_is_announced_to_who_comes_late(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_peer c;

    ff_peer_open(&c, rig, WORKER_SOCK);
    ff_server_stop(rig->server);
    ff_peer_send(&c, ff_frame_of(0, 1, PING));
    assert_non_null(strstr(ff_peer_json(&c), "\"reason\":\"shutting_down\""));
    RIG_AWAIT(rig, ff_server_idle(rig->server));
    ff_peer_close(&c);
}

int
main(void)
{
#define ON_A_RIG(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    static const struct ff_rows tables[] = {
        FF_ROWS(right_rows, test_right),
        FF_ROWS(back_rows, test_back),
    };
    static const struct CMUnitTest singles[] = {
        ON_A_RIG(test_permission_denied_names_class_and_socket),
        ON_A_RIG(test_garbage_is_answered_and_the_connection_stays),
        ON_A_RIG(test_each_call_has_its_own_answer_in_order),
        ON_A_RIG(test_list_ops_tells_every_operation),
        cmocka_unit_test(test_a_frame_beyond_the_limit_is_answered),
        cmocka_unit_test(test_a_frame_beyond_twice_the_limit_ends_the_connection),
        cmocka_unit_test(test_a_reply_stays_within_the_limit),
        ON_A_RIG(test_the_65th_unanswered_frame_is_refused),
        cmocka_unit_test(test_a_channel_too_many_is_told),
        cmocka_unit_test(test_requests_in_hand_are_bounded_in_bytes),
        ON_A_RIG(test_a_client_that_reads_late_misses_no_reply),
        cmocka_unit_test(test_a_client_that_never_reads_is_disconnected),
        ON_A_RIG(test_a_frame_sent_again_does_nothing),
        ON_A_RIG(test_a_frame_without_client_runs_each_time),
        ON_A_RIG(test_a_frame_of_reads_is_not_remembered),
        ON_A_RIG(test_a_frame_repeated_while_it_runs_is_answered_once_where_it_came_last),
        ON_A_RIG(test_a_running_frame_outlives_its_channel_and_is_remembered),
        ON_A_RIG(test_a_parked_call_goes_with_its_channel_and_may_come_again),
        ON_A_RIG(test_a_claim_repeated_on_a_new_channel_stays_parked),
        ON_A_RIG(test_a_cancelled_claim_that_succeeded_answers_its_repetition),
        ON_A_RIG(test_a_cancelled_claim_that_did_nothing_makes_way_for_its_repetition),
        ON_A_RIG(test_a_repetition_whose_channel_goes_too_leaves_nothing),
        ON_A_RIG(test_a_worker_whose_last_channel_closes_is_lost_after_the_grace),
        ON_A_RIG(test_several_workers_may_share_a_channel),
        ON_A_RIG(test_the_end_is_announced_to_who_comes_late),
    };

    return ff_run_rows("server", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
