/* calls.h: the calls that the process tests make again and again; each fails the test unless it
 * succeeds. Not for threads: there, build the arguments here and look at the answer. */
#ifndef FF_TESTS_PROCESS_CALLS_H
#define FF_TESTS_PROCESS_CALLS_H

#include <pthread.h>

#include "tests/rows.h"
#include "workers/flowfabric.h"

#define FF_TEST_LANE "default"

/* worker_instance_id: it greets as that worker; NULL: it does not. */
struct ff_client *ff_test_client(const char *address, const char *worker_instance_id);

/* A number that the environment may set: how many rounds, which seed. */
uint32_t ff_test_number(const char *name, uint32_t otherwise);
/* A new one. From any thread. */
struct ff_eid ff_test_eid(void);

struct ff_create_execution_args ff_test_create_args(struct ff_eid id, struct ff_str payload);
/* Waits up to block_ms for one. */
struct ff_claim_args ff_test_claim_args(const char *instance, uint64_t ttl_ms, uint64_t block_ms);

/* Creates a new execution without payload. */
struct ff_eid ff_test_create(struct ff_client *client);
/* Claims one that is there; the handle lives as long as the answer. */
struct ff_claim_result ff_test_claim(struct ff_client *client, const struct ff_claim_args *args,
                                     struct ff_answer *answer);
/* Static text: "completed", …, or "" if there is no such execution. */
const char *ff_test_state(struct ff_client *client, struct ff_eid id);
void ff_test_ping(struct ff_client *client);

/* A call that somebody else waits for: start, do what ends it, await. */
struct ff_pending {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool done;
    struct ff_answer answer;
};
void ff_pending_start(struct ff_pending *pending, struct ff_client *client, enum ff_op op,
                      const void *args);
/* Returns its error. End it with ff_pending_done. */
ff_err ff_pending_await(struct ff_pending *pending);
void ff_pending_done(struct ff_pending *pending);

#endif
