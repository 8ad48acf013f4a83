/* replay_execution of a member with more edges than one step takes back (04 §4.6;
 * core/engine/flow_replay.h). */

#include "core/engine/flow_replay.h"
#include "tests/engine/crash.h"
#include "tests/engine/flow_acts.h"
#include "tests/engine/scan.h"

/* Edges of E, which waits for A to D: all of them, or two; steps that take them back, one each. */
#define EDGES 4

/* One edge a step. */
static struct ff_engine_config
in_steps(struct ff_rig *rig)
{
    struct ff_engine_config config;

    ff_rig_engine_config(rig, &config);
    config.flow_step = 1;
    return config;
}

static void
restart(struct ff_rig *rig)
{
    const struct ff_engine_config config = in_steps(rig);

    ff_rig_restart(rig, &config);
}

/* All upstreams have failed, so E is skipped. */
static void
break_all(struct ff_rig *rig, const char *policy_json)
{
    make_flow(rig, E);
    policy(rig, E, policy_json);
    for (uint8_t i = A; i <= D; i++) {
        stage_ref(rig, i, i, E, "result");
    }
    for (uint8_t i = A; i <= D; i++) {
        apply(rig, i, i, E);
    }
    for (uint8_t i = A; i <= D; i++) {
        break_down(rig, i);
    }
    assert_field(rig, E, "public_state", "skipped");
    assert_int_equal(group_of(rig, E).failed_count, EDGES);
}

static const char all_of[] = "{\"kind\":\"all_of\"}";
static const char two[] = "{\"kind\":\"quorum\",\"k\":2,\"on_satisfied\":\"let_run\"}";

static void
crash_after(struct ff_rig *rig, uint32_t steps)
{
    const struct ff_replay_execution_args args = { .execution_id = ff_rig_id(E),
                                                   .reason = ff_cstr("begun"),
                                                   .requested_by = ff_cstr("ada") };
    const struct ff_engine_config config = in_steps(rig);

    ff_rig_restart(rig, &config);
    crash_after_steps(rig, FF_OP_replay_execution, &args, &config, steps);
}

/* E waits for its upstreams to end once more. */
static void
assert_replayed(struct ff_rig *rig)
{
    struct ff_edge_group_snapshot group = group_of(rig, E);

    assert_field(rig, E, "public_state", "waiting_children");
    assert_field(rig, E, "replay_count", "1");
    assert_int_equal(group.group_state, FF_GROUP_PENDING);
    assert_int_equal(group.failed_count + group.skipped_count, 0);
    assert_int_equal(group.running_count, EDGES);
    for (uint8_t i = A; i <= D; i++) {
        assert_int_equal(edge_of(rig, i).edge_state, FF_EDGE_APPLIED);
        assert_int_equal(cascade(rig, i).resolved, 0); /* an old end */
    }
    assert_claims_nothing(rig);
}

static void
succeed_again(struct ff_rig *rig, uint8_t number)
{
    assert_string_equal(replay(rig, number), "waiting");
    succeed(rig, number);
}

static uint32_t
left_to_do(struct ff_rig *rig)
{
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_RETENTION_TRIMMER };

    return scan_due(rig, &args).items.n;
}

/* ---- tests ---- */

static void
test_steps(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_engine_stats before, after;

    if (rig->contrary) {
        return; /* a refused commit behind the one that let it run makes a second call of it */
    }
    break_all(rig, all_of);
    restart(rig);
    ff_engine_stats(rig->engine, &before);
    assert_string_equal(replay(rig, E), "waiting_children");
    ff_engine_stats(rig->engine, &after);
    assert_true(after.commits >= before.commits + 2 * EDGES);
    assert_replayed(rig);
    for (uint8_t i = A; i <= D; i++) {
        succeed_again(rig, i);
    }
    assert_field(rig, E, "public_state", "waiting");
    claim_this(rig, E);
}

static void
test_once(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_engine_config config;
    struct ff_engine_stats before, after;

    if (rig->contrary) {
        return; /* a refused commit is another commit */
    }
    break_all(rig, all_of);
    ff_rig_engine_config(rig, &config);
    config.flow_step = EDGES;
    ff_rig_restart(rig, &config);
    ff_engine_stats(rig->engine, &before);
    assert_string_equal(replay(rig, E), "waiting_children");
    ff_engine_stats(rig->engine, &after);
    assert_int_equal(after.commits, before.commits + 1);
    assert_replayed(rig);
}

/* A crash after each of the steps: before its edges are taken back it does not run, and whoever
 * asks again goes on. */
static void
test_crashes(void **state)
{
    ff_rig_teardown(state);
    for (uint32_t steps = 1; steps <= 2 * EDGES; steps++) {
        struct ff_rig *rig = ff_rig_new();
        const struct ff_replay_execution_args args = { .execution_id = ff_rig_id(E),
                                                       .reason = ff_cstr("again") };
        struct ff_replay_execution_result result;
        bool flipped = steps > EDGES;

        if (rig->contrary) {
            ff_rig_free(rig);
            break; /* its commits cannot be counted */
        }
        break_all(rig, all_of);
        crash_after(rig, steps);
        assert_field(rig, E, "public_state", flipped ? "waiting_children" : "skipped");
        assert_int_equal(group_of(rig, E).group_state,
                         flipped ? FF_GROUP_PENDING : FF_GROUP_IMPOSSIBLE);
        assert_claims_nothing(rig);
        assert_err(ff_rig_replay_execution(rig, &args, &result),
                   flipped ? FF_E_EXECUTION_NOT_TERMINAL : FF_E_OK);
        assert_replayed(rig);
        ff_rig_free(rig);
    }
    ff_rig_setup(state);
}

/* Nobody asks again: after a second the engine goes on by itself, and so does the scanner. */
static void
test_left(void **state)
{
    ff_rig_teardown(state);
    for (uint32_t steps = 1; steps <= 2 * EDGES; steps++) {
        struct ff_rig *rig = ff_rig_new();

        if (rig->contrary) {
            ff_rig_free(rig);
            break; /* as above */
        }
        break_all(rig, all_of);
        crash_after(rig, steps);
        rig->now_ms += FF_REPLAY_KEPT_MS - 1;
        assert_int_equal(left_to_do(rig), 0);
        rig->now_ms++;
        assert_int_equal(left_to_do(rig), 1);
        if (steps % 2 == 0) {
            consume(rig);
            ff_rig_pump(rig);
        } else {
            const struct ff_trim_expired_args args = { .batch_size = 1000 };
            struct ff_trim_expired_result result;

            while (left_to_do(rig) > 0) { /* each step puts it off */
                assert_ok(ff_rig_trim_expired(rig, &args, &result));
                rig->now_ms += FF_REPLAY_KEPT_MS;
            }
        }
        assert_replayed(rig);
        assert_field(rig, E, "pending_replay_reason", "begun");
        assert_int_equal(left_to_do(rig), 0);
        ff_rig_free(rig);
    }
    ff_rig_setup(state);
}

/* An end while edges are being taken back counts when the member runs again, with its data. */
static void
test_ends_between(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_resolve_dependency_result resolved;

    if (rig->contrary) {
        return; /* as above */
    }
    break_all(rig, two);
    crash_after(rig, 2);
    assert_err(resolve(rig, A, A, E, "success", &resolved), FF_E_RETRY_EXHAUSTED);
    assert_detail(rig, "reason", "replaying");
    for (uint8_t i = A; i <= B; i++) {
        assert_string_equal(replay(rig, i), "waiting");
        complete_one(rig, i, i == A ? "a" : "b");
        assert_int_equal(cascade(rig, i).resolved, 0);
    }
    assert_field(rig, E, "public_state", "skipped");
    assert_int_equal(group_of(rig, E).satisfied_count, 0);
    assert_string_equal(replay(rig, E), "waiting");
    assert_int_equal(group_of(rig, E).satisfied_count, 2);
    assert_string_equal(payload_of(rig, E), "b");
    claim_this(rig, E);
}

/* A new failure of an upstream whose edge was taken back already is a new end. */
static void
test_fails_between(void **state)
{
    struct ff_rig *rig = *state;

    if (rig->contrary) {
        return; /* as above */
    }
    break_all(rig, all_of);
    crash_after(rig, 1);
    assert_string_equal(replay(rig, A), "waiting");
    break_down(rig, A);
    assert_string_equal(replay(rig, E), "waiting_children");
    assert_field(rig, E, "public_state", "skipped");
    assert_int_equal(group_of(rig, E).failed_count, 1);
    assert_string_equal(replay(rig, E), "waiting_children");
    assert_int_equal(group_of(rig, E).failed_count, 0);
}

static void
let_commit(struct ff_rig *rig)
{
    struct ff_engine_stats before, after;

    ff_engine_stats(rig->engine, &before);
    do {
        ff_engine_run(rig->engine);
        ff_store_poll(rig->store, true);
        ff_engine_stats(rig->engine, &after);
    } while (after.commits == before.commits);
}

/* Two calls at once, one a step behind. The first lets E run, which ends at once by an edge that
 * both had behind them: the second begins anew. */
static void
test_two_at_once(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_replay_execution_args args = { .execution_id = ff_rig_id(E),
                                                   .reason = ff_cstr("again") };
    struct ff_waiting *calls[2];

    if (rig->contrary) {
        return; /* as above */
    }
    break_all(rig, all_of);
    crash_after(rig, 1);
    assert_string_equal(replay(rig, A), "waiting");
    break_down(rig, A);
    for (size_t i = 0; i < FF_COUNT(calls); i++) {
        calls[i] = ff_rig_submit(rig, FF_OP_replay_execution, &args);
        let_commit(rig);
    }
    ff_rig_pump(rig);
    for (size_t i = 0; i < FF_COUNT(calls); i++) {
        assert_ok(ff_rig_finish(rig, calls[i], NULL));
    }
    assert_field(rig, E, "replay_count", "2");
    assert_int_equal(group_of(rig, E).failed_count, 0);
    assert_int_equal(group_of(rig, E).running_count, EDGES);
    for (uint8_t i = A; i <= D; i++) {
        assert_int_equal(edge_of(rig, i).edge_state, FF_EDGE_APPLIED);
    }
}

static const struct CMUnitTest tests[] = {
    RIG_TEST("04 ex 51 edges are taken back in steps", test_steps),
    RIG_TEST("few edges are one step", test_once),
    RIG_TEST("a crash after each step, and the call again", test_crashes),
    RIG_TEST("a crash after each step, and nobody asks again", test_left),
    RIG_TEST("upstreams that succeed meanwhile", test_ends_between),
    RIG_TEST("an upstream that fails meanwhile", test_fails_between),
    RIG_TEST("two calls, one a step behind", test_two_at_once),
};

int
main(void)
{
    return ff_rig_main("flow_replay", NULL, 0, tests, FF_COUNT(tests));
}
