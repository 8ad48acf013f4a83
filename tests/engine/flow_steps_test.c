/* submit_flow of a graph that is too large for one step (04 §2.9; core/engine/submit.h). */

#include "core/engine/submit.h"
#include "tests/engine/crash.h"
#include "tests/engine/flow_acts.h"
#include "tests/engine/scan.h"

/* A and B before C, C before D; E waits for nobody. */
#define MEMBERS 5
#define EDGES 3
#define ITEMS (MEMBERS + EDGES)

/* One item a step. */
static struct ff_engine_config
in_steps(struct ff_rig *rig, uint32_t once_max)
{
    struct ff_engine_config config;

    ff_rig_engine_config(rig, &config);
    config.submit_once_max = once_max;
    config.submit_step = 1;
    return config;
}

/* From here on. */
static void
restart(struct ff_rig *rig, uint32_t once_max)
{
    const struct ff_engine_config config = in_steps(rig, once_max);

    ff_rig_restart(rig, &config);
}

static void
graph(struct ff_rig *rig, struct ff_submit_flow_args *args)
{
    static const char *const keys[MEMBERS] = { "a", "b", "c", "d", "e" };
    static const uint8_t ends[EDGES][2] = { { 0, 2 }, { 1, 2 }, { 2, 3 } };
    struct ff_submit_member *members = FF_ARENA_NEW(&rig->arena, struct ff_submit_member, MEMBERS);
    struct ff_submit_edge *edges = FF_ARENA_NEW(&rig->arena, struct ff_submit_edge, EDGES);

    for (uint8_t i = 0; i < MEMBERS; i++) {
        members[i] =
            (struct ff_submit_member){ .key = ff_cstr(keys[i]),
                                       .execution_id = FF_SOME(ff_opt_eid, ff_rig_id(A + i)),
                                       .lane_id = ff_cstr("L"),
                                       .execution_kind = ff_cstr("job"),
                                       .creator_identity = ff_cstr("") };
    }
    for (uint8_t i = 0; i < EDGES; i++) {
        edges[i] = (struct ff_submit_edge){ .from = ff_cstr(keys[ends[i][0]]),
                                            .to = ff_cstr(keys[ends[i][1]]),
                                            .edge_id = FF_SOME(ff_opt_uuid, edge_id_of(i)),
                                            .dependency_kind = ff_cstr("success_only") };
    }
    *args = (struct ff_submit_flow_args){
        .flow = { .flow_id = F, .flow_kind = ff_cstr("dag"), .namespace = ff_cstr("N") },
        .members = { .v = members, .n = MEMBERS },
        .edges = { .v = edges, .n = EDGES },
    };
}

static ff_err
submit(struct ff_rig *rig, struct ff_submit_flow_result *result)
{
    struct ff_submit_flow_args args;

    graph(rig, &args);
    return ff_rig_submit_flow(rig, &args, result);
}

/* Ends the engine when so many steps of a submission are committed. */
static void
crash_after(struct ff_rig *rig, uint32_t steps)
{
    const struct ff_engine_config config = in_steps(rig, 0);
    struct ff_submit_flow_args args;

    ff_rig_restart(rig, &config);
    graph(rig, &args);
    crash_after_steps(rig, FF_OP_submit_flow, &args, &config, steps);
}

static bool
is_seen(struct ff_rig *rig)
{
    const struct ff_describe_flow_args args = { .flow_id = F };
    struct ff_describe_flow_result result;

    assert_ok(ff_rig_describe_flow(rig, &args, &result));
    return result.flow != NULL;
}

static bool
is_there(struct ff_rig *rig, uint8_t number)
{
    const struct ff_describe_execution_args args = { .execution_id = ff_rig_id(number) };
    struct ff_describe_execution_result result;

    assert_ok(ff_rig_describe_execution(rig, &args, &result));
    return result.execution != NULL;
}

static void
assert_whole(struct ff_rig *rig)
{
    struct ff_flow_snapshot flow = describe_flow(rig);

    assert_int_equal(flow.node_count, MEMBERS);
    assert_int_equal(flow.edge_count, EDGES);
    assert_int_equal(flow.graph_revision, ITEMS);
    assert_int_equal(group_of(rig, C).total_deps, 2);
    assert_field(rig, A, "public_state", "waiting");
    assert_field(rig, B, "public_state", "waiting");
    assert_field(rig, C, "public_state", "waiting_children");
    assert_field(rig, D, "public_state", "waiting_children");
    assert_field(rig, E, "public_state", "waiting");
}

static void
trim(struct ff_rig *rig)
{
    const struct ff_trim_expired_args args = { .batch_size = 1000 };
    struct ff_trim_expired_result result;

    assert_ok(ff_rig_trim_expired(rig, &args, &result));
}

/* ---- tests ---- */

static void
test_steps(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result, again;
    struct ff_engine_stats before, after;

    restart(rig, ITEMS - 1);
    ff_engine_stats(rig->engine, &before);
    assert_ok(submit(rig, &result));
    ff_engine_stats(rig->engine, &after);
    assert_true(after.commits >= before.commits + ITEMS);
    if (!rig->contrary) { /* there a refused commit makes a second call of it */
        assert_string_equal(result.outcome, "submitted");
    }
    assert_int_equal(result.graph_revision, ITEMS);
    assert_whole(rig);
    rig->now_ms += 1000;
    assert_ok(submit(rig, &again));
    assert_string_equal(again.outcome, "already_submitted");
    assert_int_equal(again.members.n, MEMBERS);
    assert_true(ff_str_eq(again.members.v[3].value, result.members.v[3].value));
    assert_whole(rig);
}

static void
test_once(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;
    struct ff_engine_stats before, after;

    if (rig->contrary) {
        return; /* a refused commit is another commit */
    }
    restart(rig, ITEMS);
    ff_engine_stats(rig->engine, &before);
    assert_ok(submit(rig, &result));
    ff_engine_stats(rig->engine, &after);
    assert_int_equal(after.commits, before.commits + 1);
    assert_whole(rig);
}

/* A crash after each of the steps; the same call goes on, whatever size it takes for large. */
static void
test_crashes(void **state)
{
    struct ff_submit_flow_result result;

    ff_rig_teardown(state);
    for (uint32_t steps = 1; steps <= ITEMS; steps++) {
        struct ff_rig *rig = ff_rig_new();
        bool all = steps == ITEMS;

        if (rig->contrary) {
            ff_rig_free(rig);
            break; /* its commits cannot be counted */
        }
        crash_after(rig, steps);
        assert_int_equal(is_seen(rig), all);
        assert_int_equal(is_there(rig, A), true);
        assert_int_equal(is_there(rig, E), steps >= MEMBERS);
        assert_claims_nothing(rig);
        if (steps % 2 == 0) {
            restart(rig, 1000);
        }
        assert_ok(submit(rig, &result));
        assert_string_equal(result.outcome, all ? "already_submitted" : "submitted");
        assert_whole(rig);
        ff_rig_free(rig);
    }
    ff_rig_setup(state);
}

/* Until it is all there the flow is none, but for those who submit it. */
static void
test_hidden(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_create_flow_args make = { .flow_id = F,
                                              .flow_kind = ff_cstr("dag"),
                                              .namespace = ff_cstr("N") };
    const struct ff_list_flows_args list = { .partition = ff_cstr("{fp:6}"), .limit = 10 };
    const struct ff_cancel_flow_args cancel = { .flow_id = F, .policy = ff_cstr("cancel_all") };
    struct ff_add_execution_to_flow_result added;
    struct ff_resolve_dependency_result resolved;
    struct ff_cancel_flow_result cancelled;
    struct ff_create_flow_result created;
    struct ff_list_flows_result listed;
    struct ff_submit_flow_result result;
    struct ff_submit_flow_args other;

    if (rig->contrary) {
        return; /* as above */
    }
    crash_after(rig, ITEMS - 1);
    assert_ok(ff_rig_list_flows(rig, &list, &listed));
    assert_int_equal(listed.flows.n, 0);
    assert_err(ff_rig_cancel_flow(rig, &cancel, &cancelled), FF_E_FLOW_NOT_FOUND);
    create(rig, H);
    assert_err(add(rig, H, &added), FF_E_FLOW_NOT_FOUND);
    assert_err(resolve(rig, 0, A, C, "success", &resolved), FF_E_INVALID_DEPENDENCY);
    assert_err(ff_rig_create_flow(rig, &make, &created), FF_E_RETRY_EXHAUSTED);
    assert_detail(rig, "reason", "submitting");
    graph(rig, &other);
    other.edges.n--;
    assert_err(ff_rig_submit_flow(rig, &other, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "flow_exists_with_other_graph");
    assert_ok(submit(rig, &result));
    assert_whole(rig);
}

/* An end before the flow is there reaches those that wait for it when it is. */
static void
test_ends_between(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;

    if (rig->contrary) {
        return; /* as above */
    }
    crash_after(rig, MEMBERS + 1); /* A before C is there */
    consume(rig);
    assert_ok(cancel_as(rig, B, OPERATOR));
    ff_rig_pump(rig);
    assert_int_equal(cascade(rig, B).resolved, 0);
    assert_field(rig, C, "public_state", "waiting_children");
    assert_ok(submit(rig, &result));
    ff_rig_pump(rig);
    assert_field(rig, C, "public_state", "skipped");
    assert_field(rig, D, "public_state", "skipped");
    assert_field(rig, A, "public_state", "waiting");
    assert_field(rig, E, "public_state", "waiting");
}

static void
test_replay_between(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;

    if (rig->contrary) {
        return; /* as above */
    }
    crash_after(rig, ITEMS - 1);
    assert_ok(cancel_as(rig, A, OPERATOR));
    assert_string_equal(replay(rig, A), "waiting_children");
    assert_claims_nothing(rig);
    assert_ok(submit(rig, &result));
    assert_whole(rig);
}

/* Nobody comes back: it is taken back, with its executions. */
static void
test_given_up(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_RETENTION_TRIMMER };

    if (rig->contrary) {
        return; /* as above */
    }
    crash_after(rig, ITEMS - 2);
    rig->now_ms += FF_SUBMIT_KEPT_MS - 1;
    assert_int_equal(scan_due(rig, &args).items.n, 0);
    trim(rig);
    assert_true(is_there(rig, A));
    rig->now_ms += 1;
    assert_int_equal(scan_due(rig, &args).items.n, 1);
    trim(rig);
    for (uint8_t i = A; i <= E; i++) {
        assert_false(is_there(rig, i));
    }
    assert_int_equal(scan_due(rig, &args).items.n, 0);
    assert_ok(submit(rig, &result));
    assert_string_equal(result.outcome, "submitted");
    assert_whole(rig);
}

static void
test_taken_before(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;

    restart(rig, 0);
    create(rig, D);
    assert_err(submit(rig, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "path", "members[3].execution_id");
    assert_false(is_there(rig, A)); /* nothing was written */
}

static void
test_taken_meanwhile(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;

    if (rig->contrary) {
        return; /* as above */
    }
    crash_after(rig, 2);
    create(rig, D);
    assert_err(submit(rig, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "path", "members[3].execution_id");
    assert_detail(rig, "reason", "already_exists");
    assert_false(is_seen(rig));
    assert_err(submit(rig, &result), FF_E_RETRY_EXHAUSTED);
    trim(rig);
    assert_false(is_there(rig, A));
    assert_false(is_there(rig, C));
    assert_string_equal(claim_this(rig, D).outcome, "claimed");
    assert_err(submit(rig, &result), FF_E_INVALID_INPUT);
}

/* The call is gone before its members go on: the engine lets them, or else the scanner. */
static void
test_release_is_owed(void **state)
{
    struct ff_rig *rig = *state;

    if (rig->contrary) {
        return; /* as above */
    }
    for (int i = 0; i < 2; i++) {
        crash_after(rig, ITEMS);
        assert_true(is_seen(rig));
        assert_field(rig, A, "public_state", "waiting_children");
        if (i == 0) {
            consume(rig);
            ff_rig_pump(rig);
            assert_field(rig, A, "public_state",
                         "waiting_children"); /* the call may still be there */
        }
        rig->now_ms += FF_RELEASE_MS;
        if (i == 0) {
            ff_rig_pump(rig);
        } else {
            trim(rig);
        }
        assert_whole(rig);
        ff_rig_teardown(state);
        ff_rig_setup(state);
        rig = *state;
    }
}

static void
test_two_at_once(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result results[2] = { { 0 } };
    struct ff_waiting *waiting[2];
    struct ff_submit_flow_args args;

    if (rig->contrary) {
        return; /* as above */
    }
    restart(rig, 0);
    graph(rig, &args);
    for (int i = 0; i < 2; i++) {
        waiting[i] = ff_rig_submit(rig, FF_OP_submit_flow, &args);
    }
    ff_rig_pump(rig);
    for (int i = 0; i < 2; i++) {
        assert_true(ff_rig_is_done(waiting[i]));
        assert_ok(ff_rig_finish(rig, waiting[i], &results[i]));
    }
    assert_int_not_equal(strcmp(results[0].outcome, "submitted"),
                         strcmp(results[1].outcome, "submitted"));
    assert_whole(rig);
}

static const struct CMUnitTest tests[] = {
    RIG_TEST("a large graph is submitted in steps", test_steps),
    RIG_TEST("a small one in one", test_once),
    RIG_TEST("the call goes on after a crash", test_crashes),
    RIG_TEST("until then there is no flow", test_hidden),
    RIG_TEST("an end meanwhile cascades afterwards", test_ends_between),
    RIG_TEST("a replay meanwhile does not run", test_replay_between),
    RIG_TEST("what nobody goes on with is taken back", test_given_up),
    RIG_TEST("an id that is taken", test_taken_before),
    RIG_TEST("an id that somebody takes meanwhile", test_taken_meanwhile),
    RIG_TEST("members are let go without the call", test_release_is_owed),
    RIG_TEST("two submit the same", test_two_at_once),
};

int
main(void)
{
    return ff_rig_main("flow_steps", NULL, 0, tests, FF_COUNT(tests));
}
