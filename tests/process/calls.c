#include "tests/process/calls.h"

#include <sodium.h>

#include "core/clock.h"
#include "core/id.h"
#include "core/partition.h"

static void
check(ff_err err, struct ff_answer *answer, const char *what)
{
    if (err != FF_E_OK) {
        fail_msg("%s: %s", what, ff_answer_text(answer));
    }
}

struct ff_client *
ff_test_client(const char *address, const char *worker_instance_id)
{
    struct ff_client_options options = { .address = address,
                                         .worker_instance_id = worker_instance_id,
                                         .give_up_ms = 60000 };
    struct ff_client *client = NULL;
    struct ff_fault fault = { 0 };

    assert_int_equal(ff_client_open(&options, &client, &fault), FF_E_OK);
    return client;
}

uint32_t
ff_test_number(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : (uint32_t) strtoul(text, NULL, 10);
}

struct ff_eid
ff_test_eid(void)
{
    uint8_t random[10];
    struct ff_eid id;

    randombytes_buf(random, sizeof(random));
    id.uuid = ff_uuid_v7(ff_wall_ms(), random);
    id.partition = ff_partition_of_lane(ff_cstr(FF_TEST_LANE), 256);
    return id;
}

struct ff_create_execution_args
ff_test_create_args(struct ff_eid id, struct ff_str payload)
{
    return (struct ff_create_execution_args){
        .execution_id = id,
        .namespace = ff_cstr("test"),
        .lane_id = ff_cstr(FF_TEST_LANE),
        .execution_kind = ff_cstr("test"),
        .input_payload = payload,
        .creator_identity = ff_cstr(""),
    };
}

struct ff_claim_args
ff_test_claim_args(const char *instance, uint64_t ttl_ms, uint64_t block_ms)
{
    return (struct ff_claim_args){
        .lane_id = ff_cstr(FF_TEST_LANE),
        .worker_id = ff_cstr("test"),
        .worker_instance_id = ff_cstr(instance),
        .lease_ttl_ms = ttl_ms,
        .block_ms = block_ms,
        .include_reclaimable = true,
    };
}

struct ff_eid
ff_test_create(struct ff_client *client)
{
    struct ff_create_execution_args args = ff_test_create_args(ff_test_eid(), ff_cstr(NULL));
    struct ff_create_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    check(ff_client_create_execution(client, &args, &result, &answer), &answer, "create_execution");
    assert_string_equal(result.outcome, "created");
    return args.execution_id;
}

struct ff_claim_result
ff_test_claim(struct ff_client *client, const struct ff_claim_args *args, struct ff_answer *answer)
{
    struct ff_claim_result result = { 0 };

    check(ff_client_claim(client, args, &result, answer), answer, "claim");
    assert_string_equal(result.outcome, "claimed");
    return result;
}

const char *
ff_test_state(struct ff_client *client, struct ff_eid id)
{
    struct ff_read_execution_state_args args = { .execution_id = id };
    struct ff_read_execution_state_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    check(ff_client_read_execution_state(client, &args, &result, &answer), &answer,
          "read_execution_state");
    return result.public_state.is ? ff_word(&ff_vocab_public_state, result.public_state.v) : "";
}

void
ff_test_ping(struct ff_client *client)
{
    struct ff_ping_args args = { 0 };
    struct ff_ping_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    check(ff_client_ping(client, &args, &result, &answer), &answer, "ping");
}

/* ---- calls under way ---- */

static void
on_answer(void *ctx, struct ff_answer *answer)
{
    struct ff_pending *pending = ctx;

    pthread_mutex_lock(&pending->mutex);
    pending->answer = *answer;
    pending->done = true;
    pthread_cond_signal(&pending->cond);
    pthread_mutex_unlock(&pending->mutex);
}

void
ff_pending_start(struct ff_pending *pending, struct ff_client *client, enum ff_op op,
                 const void *args)
{
    *pending = (struct ff_pending){ 0 };
    pthread_mutex_init(&pending->mutex, NULL);
    pthread_cond_init(&pending->cond, NULL);
    ff_client_call_async(client, op, args, on_answer, pending);
}

ff_err
ff_pending_await(struct ff_pending *pending)
{
    pthread_mutex_lock(&pending->mutex);
    while (!pending->done) {
        pthread_cond_wait(&pending->cond, &pending->mutex);
    }
    pthread_mutex_unlock(&pending->mutex);
    return pending->answer.fault.code;
}

void
ff_pending_done(struct ff_pending *pending)
{
    ff_answer_done(&pending->answer);
    pthread_mutex_destroy(&pending->mutex);
    pthread_cond_destroy(&pending->cond);
}
