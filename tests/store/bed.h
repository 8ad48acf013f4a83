/* bed.h: drives a store as the engine does, and remembers what it must hold.
 *
 * Records are put as structs; the bed encodes them, names versions, derives the index changes and
 * keeps a model of what was committed. ff_bed_check compares all of it with the store.
 */
#ifndef FF_TESTS_STORE_BED_H
#define FF_TESTS_STORE_BED_H

#include "backends/store.h"

struct bed_record;

struct ff_bed {
    char dir[64]; /* of the file, where there is one */
    char url[256];
    struct ff_store *store;
    bool stored;             /* survives being closed */
    bool retries;            /* injected failures and conflicts are tried again */
    unsigned retried;        /* how often that happened */
    void (*wake)(void *ctx); /* of its host; any thread */
    unsigned wakes;          /* atomic */
    struct ff_arena arena;
    struct bed_record *records; /* uthash; removed ones stay, as absent */
    uint64_t events[FF_FAMILY_WORKER_REGISTRY + 1];

    struct ff_commit batch; /* what the next commit takes */
    uint32_t writes_room, changes_room, events_room;
    unsigned commits;
    bool finished;
    struct ff_commit first; /* what ff_bed_send has sent off */
    bool first_under_way;
    void (*on_commit)(void); /* when one was handed over; NULL: nothing */
};

/* kind: "memory", "contrary", "sqlite", "postgres" or "valkey"; options: behind the question mark;
 * or NULL. */
void ff_bed_init(struct ff_bed *bed, const char *kind, const char *options);
void ff_bed_done(struct ff_bed *bed);
/* Opens and prepares; the caller looks at the error. */
ff_err ff_bed_open(struct ff_bed *bed, struct ff_fault *fault);
/* Closes and opens again, if the store keeps what it has; then everything must be there. */
void ff_bed_reopen(struct ff_bed *bed);
/* Path of the file, or of what belongs to it ("-wal"). */
const char *ff_bed_path(const struct ff_bed *bed, const char *suffix);

/* ---- a batch ---- */

void ff_bed_put(struct ff_bed *bed, enum ff_record kind, const void *record);
void ff_bed_remove(struct ff_bed *bed, enum ff_record kind, struct ff_key key);
void ff_bed_event(struct ff_bed *bed, enum ff_event_family family, const char *body);
/* Commits the batch once. The model follows if that succeeds; the batch is empty afterwards unless
 * `keep`. The fault's message lives until the next commit. */
enum ff_commit_outcome ff_bed_try_commit(struct ff_bed *bed, bool keep);
/* Sends the batch off, and does not wait; the next ff_bed_try_commit follows it, and waits for
 * both: bed->first.outcome. */
void ff_bed_send(struct ff_bed *bed);
/* Commits it, as often as it takes with a contrary store; anything else fails the test. */
void ff_bed_commit(struct ff_bed *bed);

/* ---- reading ---- */

/* Loads; a failure fails the test. Answers live until ff_bed_done or ff_bed_forget. */
void ff_bed_load(struct ff_bed *bed, struct ff_want *wants, uint32_t n);
void ff_bed_forget(struct ff_bed *bed);
struct ff_want ff_bed_want(enum ff_record kind, struct ff_key key);
struct ff_want ff_bed_want_page(enum ff_index index, struct ff_scope scope, uint32_t limit);
struct ff_want ff_bed_want_scopes(enum ff_index index, struct ff_scope prefix);
struct ff_want ff_bed_want_events(enum ff_event_family family, uint64_t after, uint32_t limit);
/* Every record, index and feed against the model. */
void ff_bed_check(struct ff_bed *bed);

/* ---- records to put; texts are static ---- */

/* Execution n waits in lane "a" or "b"; ids ascend with n, partitions are n modulo 3. */
struct ff_exec ff_bed_exec(uint32_t n);
void ff_bed_activate(struct ff_exec *exec);
void ff_bed_finish(struct ff_exec *exec);
void ff_bed_replay(struct ff_exec *exec);
struct ff_exec_input ff_bed_input(const struct ff_exec *exec, const char *payload);
struct ff_exec_tags ff_bed_tags(const struct ff_exec *exec);
struct ff_exec_result ff_bed_result(const struct ff_exec *exec, const char *result);
struct ff_attempt ff_bed_attempt(const struct ff_exec *exec, uint32_t attempt_index);
/* Idempotency key n of execution n, due at 1000 + n % 7. digest: 32 bytes, the caller's. */
struct ff_create_key ff_bed_create_key(uint32_t n, char digest[32]);
struct ff_lane ff_bed_lane(const char *lane_id, enum ff_lane_state state);

#endif
