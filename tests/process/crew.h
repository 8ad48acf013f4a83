/* crew.h: a load on a daemon by several workers that create, claim and complete, and remember what
 * was acknowledged. They live on while the daemon does not: what it answered must hold.
 */
#ifndef FF_TESTS_PROCESS_CREW_H
#define FF_TESTS_PROCESS_CREW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "workers/flowfabric.h"

#define FF_CREW_WORKERS 4

struct ff_crew_worker {
    pthread_t thread;
    struct ff_crew *crew;
    struct ff_client *client;
    char name[16];
    uint32_t number;
    unsigned seed;
    uint32_t missing; /* answers of a batch; guarded by the crew's mutex */
};

struct ff_crew {
    unsigned seed;
    struct ff_crew_worker workers[FF_CREW_WORKERS];
    pthread_mutex_t mutex; /* guards all that follows */
    pthread_cond_t cond;
    uint64_t steps; /* calls begun or answered */
    bool stopping;
    char wrong[256]; /* the first thing that went wrong */
    struct done *executions;
    struct held *leases;
    uint32_t n_created, n_completed, n_refused;
};

void ff_crew_start(struct ff_crew *crew, const char *address, unsigned seed);
/* The same with its workers spread over n brokers. */
void ff_crew_start_on(struct ff_crew *crew, const char *const *addresses, uint32_t n,
                      unsigned seed);
/* Waits for so many more steps, or until something went wrong. */
void ff_crew_await(struct ff_crew *crew, uint64_t steps);
bool ff_crew_is_stopping(struct ff_crew *crew);
/* Waits for the workers' ends; fails the test if anything went wrong. */
void ff_crew_stop(struct ff_crew *crew);
/* Fails the test unless the daemon has all that was acknowledged. */
void ff_crew_check(struct ff_crew *crew, struct ff_client *client);
void ff_crew_done(struct ff_crew *crew);

#endif
