/* What every store must do (core/store.h): one suite, run against each of them. */
#include <stdio.h>

#include "tests/rows.h"
#include "tests/store/bed.h"
#include "tests/store/grid.h"

static const struct ff_bed_kind kinds[] = {
    { "memory", "memory", NULL },
    { "contrary 1", "contrary", "seed=1" },
    { "contrary 2, at its worst", "contrary", "seed=2&conflict=60&fail=50&delay=9" },
    { "sqlite", "sqlite", NULL },
    { "sqlite interval", "sqlite", "durability=interval:20" },
    { "sqlite none", "sqlite", "durability=none" },
    { "postgres", "postgres", NULL },
    { "valkey", "valkey", NULL },
};

/* ---- records ---- */

/* An execution with two attempts of all that it has had. */
static struct ff_exec
family_head(uint32_t n)
{
    struct ff_exec exec = ff_bed_exec(n);

    exec.total_attempt_count = 70001;
    return exec;
}

static void
put_family(struct ff_bed *bed, uint32_t n, const char *payload)
{
    struct ff_exec exec = family_head(n);
    struct ff_exec_input input = ff_bed_input(&exec, payload);
    struct ff_exec_tags tags = ff_bed_tags(&exec);
    struct ff_attempt attempts[2] = { ff_bed_attempt(&exec, 0), ff_bed_attempt(&exec, 70000) };
    struct ff_exec_result result = ff_bed_result(&exec, "");

    ff_bed_put(bed, FF_R_EXEC_INPUT, &input); /* what belongs to it may come before it */
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_put(bed, FF_R_EXEC_TAGS, &tags);
    ff_bed_put(bed, FF_R_ATTEMPT, &attempts[0]);
    ff_bed_put(bed, FF_R_ATTEMPT, &attempts[1]);
    ff_bed_put(bed, FF_R_EXEC_RESULT, &result);
}

static void
test_records_of_every_kind(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_lane lane = ff_bed_lane("a", FF_LANE_ACTIVE);
    char digest[32];
    struct ff_create_key key = ff_bed_create_key(1, digest);

    put_family(bed, 1, "one");
    put_family(bed, 2, "two");
    ff_bed_put(bed, FF_R_LANE, &lane);
    ff_bed_put(bed, FF_R_CREATE_KEY, &key);
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
    lane.state = FF_LANE_PAUSED;
    key.expires_at += 5;
    put_family(bed, 1, "changed");
    ff_bed_put(bed, FF_R_LANE, &lane);
    ff_bed_put(bed, FF_R_CREATE_KEY, &key);
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
}

static void
remove_family(struct ff_bed *bed, uint32_t n)
{
    struct ff_exec exec = ff_bed_exec(n);
    struct ff_key key = ff_key_eid(&exec.execution_id);

    ff_bed_remove(bed, FF_R_EXEC, key); /* what belongs to it may go after it */
    ff_bed_remove(bed, FF_R_EXEC_INPUT, key);
    ff_bed_remove(bed, FF_R_EXEC_TAGS, key);
    ff_bed_remove(bed, FF_R_EXEC_RESULT, key);
    ff_bed_remove(bed, FF_R_ATTEMPT, ff_key_attempt(&exec.execution_id, 0));
    ff_bed_remove(bed, FF_R_ATTEMPT, ff_key_attempt(&exec.execution_id, 70000));
}

static void
test_removed_records_are_gone(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_exec exec = family_head(2);
    struct ff_lane lane = ff_bed_lane("a", FF_LANE_ACTIVE);
    char digest[32];
    struct ff_create_key key = ff_bed_create_key(1, digest);

    put_family(bed, 1, "alive");
    put_family(bed, 2, "ended");
    put_family(bed, 3, "stays");
    ff_bed_put(bed, FF_R_LANE, &lane);
    ff_bed_put(bed, FF_R_CREATE_KEY, &key);
    ff_bed_commit(bed);
    ff_bed_finish(&exec);
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_commit(bed);
    remove_family(bed, 1);
    remove_family(bed, 2);
    ff_bed_remove(bed, FF_R_LANE, ff_key_bytes(lane.lane_id));
    ff_bed_remove(bed, FF_R_CREATE_KEY, ff_key_bytes(key.key_digest));
    ff_bed_commit(bed);
    ff_bed_check(bed);
    ff_bed_reopen(bed);
    put_family(bed, 1, "again"); /* the id is free */
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
}

static void
test_removing_what_is_not_there_is_nothing(void **state)
{
    struct ff_bed *bed = *state;

    remove_family(bed, 1);
    ff_bed_commit(bed);
    ff_bed_check(bed);
}

static void
test_a_large_body_comes_back(void **state)
{
    struct ff_bed *bed = *state;
    size_t size = 3u << 20;
    char *payload = malloc(size + 1);

    assert_non_null(payload);
    memset(payload, 'x', size);
    payload[size] = '\0';
    put_family(bed, 1, payload);
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
    free(payload);
}

/* ---- the way of an execution ---- */

static void
test_an_execution_lives_ends_and_lives_again(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_exec exec = family_head(1);
    struct ff_exec_result result = ff_bed_result(&exec, "r");
    struct ff_attempt attempt = ff_bed_attempt(&exec, 1);

    put_family(bed, 1, "p");
    ff_bed_commit(bed);
    ff_bed_activate(&exec);
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_put(bed, FF_R_ATTEMPT, &attempt);
    ff_bed_commit(bed);
    ff_bed_check(bed);
    ff_bed_finish(&exec);
    ff_bed_put(bed, FF_R_EXEC_RESULT, &result);
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
    exec.progress_pct = FF_SOME(ff_opt_u32, 100); /* written once more after its end */
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_put(bed, FF_R_ATTEMPT, &attempt);
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
    ff_bed_replay(&exec);
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_remove(bed, FF_R_EXEC_RESULT, ff_key_eid(&exec.execution_id));
    ff_bed_commit(bed);
    ff_bed_check(bed);
    ff_bed_reopen(bed);
    ff_bed_finish(&exec);
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
}

/* Stores may keep both in one place, as they are mostly written together. */
static void
test_an_execution_and_its_first_attempt_go_their_own_ways(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_exec exec = ff_bed_exec(1);
    struct ff_attempt attempt = ff_bed_attempt(&exec, 0);

    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_commit(bed);
    exec.total_attempt_count = 1;
    ff_bed_activate(&exec);
    ff_bed_put(bed, FF_R_ATTEMPT, &attempt);
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_commit(bed);
    for (uint32_t i = 0; i < 4; i++) { /* of two commits one has records as structs */
        exec.progress_pct = FF_SOME(ff_opt_u32, i);
        exec.current_worker_id = ff_cstr(i % 2 == 0 ? NULL : "other");
        ff_bed_put(bed, FF_R_EXEC, &exec);
        ff_bed_commit(bed);
        ff_bed_check(bed);
        attempt.worker_id = ff_cstr(i < 2 ? "w" : NULL);
        attempt.lease_epoch += i;
        ff_bed_put(bed, FF_R_ATTEMPT, &attempt);
        ff_bed_commit(bed);
        ff_bed_check(bed);
    }
    ff_bed_remove(bed, FF_R_ATTEMPT, ff_key_attempt(&exec.execution_id, 0));
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
    ff_bed_put(bed, FF_R_ATTEMPT, &attempt);
    ff_bed_commit(bed);
    ff_bed_check(bed);
    ff_bed_remove(bed, FF_R_EXEC, ff_key_eid(&exec.execution_id));
    ff_bed_remove(bed, FF_R_ATTEMPT, ff_key_attempt(&exec.execution_id, 0));
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
}

static void
test_created_and_ended_in_one_batch(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_exec exec = ff_bed_exec(1);
    struct ff_exec_input input = ff_bed_input(&exec, "p");
    struct ff_exec next = ff_bed_exec(2);

    ff_bed_finish(&exec);
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_put(bed, FF_R_EXEC_INPUT, &input);
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
    ff_bed_put(bed, FF_R_EXEC, &next); /* must not get the row of the one before */
    ff_bed_commit(bed);
    ff_bed_replay(&exec);
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
}

/* ---- versions ---- */

static void
test_a_version_that_has_moved_is_a_conflict(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_exec one = ff_bed_exec(1), two = ff_bed_exec(2);

    if (bed->store->ops->exclusive) {
        skip(); /* only its owner writes */
    }
    ff_bed_put(bed, FF_R_EXEC, &one);
    ff_bed_put(bed, FF_R_EXEC, &two);
    ff_bed_commit(bed);
    ff_bed_activate(&one);
    ff_bed_activate(&two);
    ff_bed_put(bed, FF_R_EXEC, &one);
    ff_bed_put(bed, FF_R_EXEC, &two);
    ff_bed_event(bed, FF_FAMILY_COMPLETION, "never");
    bed->batch.writes[1].version_from = 7;
    assert_int_equal(ff_bed_try_commit(bed, false), FF_COMMIT_CONFLICT);
    assert_int_equal(bed->batch.n_conflicts, 1);
    ff_bed_check(bed); /* nothing of it was made */
}

static void
test_what_should_be_new_is_there_already(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_lane lane = ff_bed_lane("a", FF_LANE_ACTIVE);

    if (bed->store->ops->exclusive) {
        skip();
    }
    ff_bed_put(bed, FF_R_LANE, &lane);
    ff_bed_commit(bed);
    ff_bed_put(bed, FF_R_LANE, &lane);
    bed->batch.writes[0].version_from = 0;
    assert_int_equal(ff_bed_try_commit(bed, false), FF_COMMIT_CONFLICT);
    assert_int_equal(bed->batch.conflicts[0], 0);
}

static void
test_a_contrary_store_refuses_and_fails(void **state)
{
    struct ff_bed *bed = *state;

    if (!bed->retries) {
        skip();
    }
    for (uint32_t n = 0; n < 200; n++) {
        struct ff_exec exec = ff_bed_exec(n);

        ff_bed_put(bed, FF_R_EXEC, &exec);
        ff_bed_commit(bed);
    }
    assert_true(bed->retried > 5);
    ff_bed_check(bed);
}

/* ---- indexes ---- */

static void
put_many(struct ff_bed *bed, uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n < to; n++) {
        struct ff_exec exec = ff_bed_exec(n);
        struct ff_exec_input input = ff_bed_input(&exec, "p");

        ff_bed_put(bed, FF_R_EXEC, &exec);
        ff_bed_put(bed, FF_R_EXEC_INPUT, &input);
    }
    ff_bed_commit(bed);
}

static void
finish_some(struct ff_bed *bed, uint32_t to, uint32_t every)
{
    for (uint32_t n = 0; n < to; n += every) {
        struct ff_exec exec = ff_bed_exec(n);

        ff_bed_finish(&exec);
        ff_bed_put(bed, FF_R_EXEC, &exec);
    }
    ff_bed_commit(bed);
}

static void
test_a_page_says_whether_it_is_the_last(void **state)
{
    static const struct page_row {
        uint32_t limit, n;
        bool complete;
    } rows[] = { { 1, 1, false }, { 9, 9, false }, { 10, 10, true }, { 11, 10, true } };
    struct ff_bed *bed = *state;
    struct ff_scope scope =
        ff_scope_ready(ff_cstr("a"), ff_cstr("0123456789abcdef"), FF_ELIGIBLE_NOW);

    put_many(bed, 0, 20);
    for (size_t i = 0; i < FF_COUNT(rows); i++) {
        struct ff_want want = ff_bed_want_page(FF_IX_READY, scope, rows[i].limit);

        ff_bed_load(bed, &want, 1);
        assert_int_equal(want.n, rows[i].n);
        assert_int_equal(want.complete, rows[i].complete);
    }
}

static void
test_a_page_begins_behind_a_place_that_nothing_holds(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_want want = ff_bed_want_page(FF_IX_EXECUTIONS, ff_scope_partition(1), 100);

    put_many(bed, 0, 30);
    finish_some(bed, 30, 4);
    want.has_after = true;
    want.after.sort = INT64_MIN; /* the first position of all */
    ff_bed_load(bed, &want, 1);
    assert_int_equal(want.n, 10);
    want.after.sort = 0;
    want.after.id = want.entries[4].id;
    want.after.id.b[17] = 1; /* just behind it */
    ff_bed_load(bed, &want, 1);
    assert_int_equal(want.n, 5);
    want.after.sort = 1;
    ff_bed_load(bed, &want, 1);
    assert_int_equal(want.n, 0);
    assert_true(want.complete);
}

static void
test_an_unknown_scope_is_empty(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_want wants[] = {
        ff_bed_want_page(FF_IX_READY, ff_scope_lane(ff_cstr("zzz")), 5),
        ff_bed_want_page(FF_IX_EXECUTIONS, ff_scope_partition(77), 5),
        ff_bed_want_page(FF_IX_EXPIRING, ff_scope_none(), 5),
        ff_bed_want_scopes(FF_IX_READY, ff_scope_lane(ff_cstr("zzz"))),
    };

    put_many(bed, 0, 3);
    ff_bed_load(bed, wants, FF_COUNT(wants));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wants[i].n, 0);
        assert_true(wants[i].complete);
    }
    assert_int_equal(wants[3].scopes.n, 0);
}

static void
test_scopes_by_prefix(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_want wants[] = {
        ff_bed_want_scopes(FF_IX_READY, ff_scope_lane(ff_cstr("a"))),
        ff_bed_want_scopes(FF_IX_READY, ff_scope_none()),
        ff_bed_want_scopes(FF_IX_EXECUTIONS, ff_scope_none()),
        ff_bed_want_scopes(FF_IX_EXECUTIONS, ff_scope_partition(2)),
    };

    put_many(bed, 0, 9);
    finish_some(bed, 9, 3); /* all of partition 0 */
    ff_bed_load(bed, wants, FF_COUNT(wants));
    assert_int_equal(wants[0].scopes.n, 1);
    assert_int_equal(wants[1].scopes.n, 2);
    assert_int_equal(wants[2].scopes.n, 3);
    assert_int_equal(wants[3].scopes.n, 1);
    ff_bed_reopen(bed);
}

static void
test_executions_live_and_ended_are_one_list(void **state)
{
    struct ff_bed *bed = *state;

    put_many(bed, 0, 100);
    finish_some(bed, 100, 2);
    ff_bed_reopen(bed);
    put_many(bed, 100, 200);
    ff_bed_reopen(bed);
}

static void
test_idempotency_keys_stand_by_their_end(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_want want = ff_bed_want_scopes(FF_IX_EXPIRING, ff_scope_none());

    for (uint32_t n = 0; n < 50; n++) {
        char digest[32];
        struct ff_create_key key = ff_bed_create_key(n, digest);

        ff_bed_put(bed, FF_R_CREATE_KEY, &key);
    }
    ff_bed_commit(bed);
    ff_bed_load(bed, &want, 1);
    assert_int_equal(want.scopes.n, 1);
    ff_bed_reopen(bed);
}

/* ---- suspensions ---- */

static struct ff_waitpoint
waitpoint_of(const struct ff_exec *exec, uint8_t n)
{
    return (struct ff_waitpoint){ .execution_id = exec->execution_id,
                                  .waitpoint_id = { { 0x10, n } },
                                  .waitpoint_key = ff_cstr("A"),
                                  .state = FF_WAITPOINT_PENDING,
                                  .expires_at = FF_SOME(ff_opt_i64, 5000 - n),
                                  .token_kid = ff_cstr("k1") };
}

static struct ff_signal
signal_of(const struct ff_waitpoint *waitpoint, uint8_t n)
{
    return (struct ff_signal){ .execution_id = waitpoint->execution_id,
                               .waitpoint_id = waitpoint->waitpoint_id,
                               .signal_id = { { 0x20, n } },
                               .signal_name = ff_cstr("go"),
                               .payload = ff_str("\xff\0\xfe", 3),
                               .number = n };
}

static void
put_signals(struct ff_bed *bed, const struct ff_waitpoint *waitpoint, uint8_t n)
{
    for (uint8_t i = 1; i <= n; i++) {
        struct ff_signal signal = signal_of(waitpoint, i);
        struct ff_signal_key key = { .execution_id = waitpoint->execution_id,
                                     .waitpoint_id = waitpoint->waitpoint_id,
                                     .key_digest = ff_str("0123456789abcdef", 16),
                                     .signal_id = signal.signal_id,
                                     .expires_at = 100 - i };

        if (i % 2 == 0) {
            signal.suspension_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ { 0x30, 1 } }));
        }
        key.waitpoint_id.b[2] = i;
        ff_bed_put(bed, FF_R_SIGNAL, &signal);
        ff_bed_put(bed, FF_R_SIGNAL_KEY, &key);
    }
}

static void
test_suspensions_and_their_signals(void **state)
{
    static struct ff_uuid id = { { 0x10, 1 } };
    struct ff_bed *bed = *state;
    struct ff_exec exec = ff_bed_exec(1);
    struct ff_suspension suspension = { .execution_id = exec.execution_id,
                                        .suspension_id = { { 0x30, 1 } },
                                        .waitpoint_ids = { .v = &id, .n = 1 },
                                        .timeout_at = FF_SOME(ff_opt_i64, 9000),
                                        .resume_condition = ff_str("\x80", 1) };
    struct ff_suspend_reply reply = { .execution_id = exec.execution_id,
                                      .key_digest = ff_str("0123456789abcdef", 16),
                                      .expires_at = 77 };
    struct ff_keyring ring = { .current_kid = ff_cstr("k1") };
    struct ff_waitpoint waitpoints[3];

    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_put(bed, FF_R_SUSPENSION, &suspension);
    ff_bed_put(bed, FF_R_SUSPEND_REPLY, &reply);
    ff_bed_put(bed, FF_R_KEYRING, &ring);
    for (uint8_t i = 0; i < 3; i++) {
        waitpoints[i] = waitpoint_of(&exec, i);
        ff_bed_put(bed, FF_R_WAITPOINT, &waitpoints[i]);
    }
    put_signals(bed, &waitpoints[1], 9);
    ff_bed_commit(bed);
    ff_bed_check(bed);
    suspension.closed_at = FF_SOME(ff_opt_i64, 1);
    ff_bed_put(bed, FF_R_SUSPENSION, &suspension);
    waitpoints[0].state = FF_WAITPOINT_CLOSED;
    ff_bed_put(bed, FF_R_WAITPOINT, &waitpoints[0]);
    ff_bed_remove(bed, FF_R_WAITPOINT, ff_record_key(FF_R_WAITPOINT, &waitpoints[2]));
    ff_bed_remove(bed, FF_R_SUSPEND_REPLY, ff_record_key(FF_R_SUSPEND_REPLY, &reply));
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
}

/* ---- events ---- */

static void
test_events_are_numbered_in_order(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_want want = ff_bed_want_events(FF_FAMILY_COMPLETION, 2, 2);

    ff_bed_event(bed, FF_FAMILY_COMPLETION, "1");
    ff_bed_event(bed, FF_FAMILY_LEASE_HISTORY, "a");
    ff_bed_event(bed, FF_FAMILY_COMPLETION, "2");
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
    ff_bed_event(bed, FF_FAMILY_COMPLETION, "3");
    ff_bed_event(bed, FF_FAMILY_COMPLETION, "4");
    ff_bed_event(bed, FF_FAMILY_COMPLETION, "5");
    ff_bed_event(bed, FF_FAMILY_WORKER_REGISTRY, "w");
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
    ff_bed_load(bed, &want, 1);
    assert_int_equal(want.n, 2);
    assert_int_equal(want.seqs[0], 3);
    assert_int_equal(want.seqs[1], 4);
    assert_true(ff_str_is(want.bodies[0], "3"));
    assert_true(ff_str_is(want.bodies[1], "4"));
    want = ff_bed_want_events(FF_FAMILY_COMPLETION, UINT64_MAX, 2);
    ff_bed_load(bed, &want, 1);
    assert_int_equal(want.n, 0);
}

/* ---- prepare ---- */

static void
test_partition_counts_are_kept(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_partition_counts none = { 0 };
    struct ff_partition_counts other = { .flow = 256, .budget = 5 };
    struct ff_fault fault = { 0 };
    bool applied = true;

    assert_int_equal(bed->store->ops->prepare(bed->store, &none, &applied, &fault), FF_E_OK);
    assert_false(applied); /* the bed has prepared it before */
    assert_int_equal(none.flow, 256);
    assert_int_equal(none.budget, 32);
    assert_int_equal(none.quota, 32);
    assert_int_equal(bed->store->ops->prepare(bed->store, &other, &applied, &fault),
                     FF_E_PARTITION_MISMATCH);
    assert_string_equal(fault.detail[0].key, "name");
    assert_true(ff_str_is(fault.detail[0].v.str, "num_budget_partitions"));
    assert_int_equal(fault.detail[1].v.u64, 32);
    assert_int_equal(fault.detail[2].v.u64, 5);
    ff_bed_reopen(bed);
}

static void
test_a_load_without_wants_is_a_ping(void **state)
{
    ff_bed_load(*state, NULL, 0);
}

static void
test_an_empty_batch_is_a_commit(void **state)
{
    ff_bed_commit(*state);
    ff_bed_check(*state);
}

/* ---- everything at random ---- */

#define CROWD 150
#define ROUNDS 120

struct life {
    struct ff_exec exec;
    bool there;
};

static void
life_begins(struct ff_bed *bed, struct life *life, uint32_t n)
{
    struct ff_exec_input input;

    life->exec = ff_bed_exec(n);
    life->there = true;
    input = ff_bed_input(&life->exec, "p");
    ff_bed_put(bed, FF_R_EXEC, &life->exec);
    ff_bed_put(bed, FF_R_EXEC_INPUT, &input);
}

static void
life_ends(struct ff_bed *bed, struct life *life)
{
    struct ff_key key = ff_key_eid(&life->exec.execution_id);

    for (uint32_t i = 0; i < life->exec.total_attempt_count; i++) {
        ff_bed_remove(bed, FF_R_ATTEMPT, ff_key_attempt(&life->exec.execution_id, i));
    }
    ff_bed_remove(bed, FF_R_EXEC, key);
    ff_bed_remove(bed, FF_R_EXEC_INPUT, key);
    life->there = false;
}

static void
life_goes_on(struct ff_bed *bed, struct life *life, unsigned dice)
{
    struct ff_exec *exec = &life->exec;
    struct ff_attempt attempt = ff_bed_attempt(exec, exec->total_attempt_count);

    if (exec->lifecycle_phase == FF_PHASE_RUNNABLE) {
        ff_bed_activate(exec);
        exec->total_attempt_count++;
        ff_bed_put(bed, FF_R_ATTEMPT, &attempt);
        ff_bed_event(bed, FF_FAMILY_LEASE_HISTORY, "acquired");
    } else if (exec->lifecycle_phase == FF_PHASE_ACTIVE) {
        ff_bed_finish(exec);
        ff_bed_event(bed, FF_FAMILY_COMPLETION, "done");
    } else if (dice % 3 == 0) {
        life_ends(bed, life);
        return;
    } else {
        ff_bed_replay(exec);
    }
    ff_bed_put(bed, FF_R_EXEC, exec);
}

static void
test_a_crowd_at_random(void **state)
{
    struct ff_bed *bed = *state;
    struct life *crowd = calloc(CROWD, sizeof(*crowd));
    unsigned seed = 7;

    assert_non_null(crowd);
    for (int round = 0; round < ROUNDS; round++) {
        for (uint32_t n = 0; n < CROWD; n++) {
            unsigned dice = (unsigned) rand_r(&seed);

            if (dice % 16 > 2) {
                continue; /* about a fifth move */
            }
            if (crowd[n].there) {
                life_goes_on(bed, &crowd[n], dice / 16);
            } else {
                life_begins(bed, &crowd[n], n);
            }
        }
        ff_bed_commit(bed);
        ff_bed_forget(bed);
        if (round % 20 == 19) {
            ff_bed_check(bed);
            ff_bed_reopen(bed);
        }
    }
    free(crowd);
}

/* ---- the suite ---- */

#define TEST(name_)                                                                                \
    {                                                                                              \
#name_, test_##name_                                                                       \
    }

static const struct ff_bed_test tests[] = {
    TEST(records_of_every_kind),
    TEST(removed_records_are_gone),
    TEST(removing_what_is_not_there_is_nothing),
    TEST(a_large_body_comes_back),
    TEST(an_execution_lives_ends_and_lives_again),
    TEST(an_execution_and_its_first_attempt_go_their_own_ways),
    TEST(created_and_ended_in_one_batch),
    TEST(a_version_that_has_moved_is_a_conflict),
    TEST(what_should_be_new_is_there_already),
    TEST(a_contrary_store_refuses_and_fails),
    TEST(a_page_says_whether_it_is_the_last),
    TEST(a_page_begins_behind_a_place_that_nothing_holds),
    TEST(an_unknown_scope_is_empty),
    TEST(scopes_by_prefix),
    TEST(executions_live_and_ended_are_one_list),
    TEST(idempotency_keys_stand_by_their_end),
    TEST(suspensions_and_their_signals),
    TEST(events_are_numbered_in_order),
    TEST(partition_counts_are_kept),
    TEST(a_load_without_wants_is_a_ping),
    TEST(an_empty_batch_is_a_commit),
    TEST(a_crowd_at_random),
};

/* Each test once for each kind of store, named after both. */
int
main(void)
{
    static struct CMUnitTest all[FF_COUNT(kinds) * FF_COUNT(tests)];

    ff_bed_grid(kinds, FF_COUNT(kinds), tests, FF_COUNT(tests), all);
    cmocka_set_test_filter(getenv("FF_TEST"));
    return cmocka_run_group_tests_name("store", all, NULL, NULL);
}
