/* Retention of members and flows: example 76 of 04. */

#include "tests/engine/flow_acts.h"

static void
purge(struct ff_rig *rig, uint64_t retention_ms)
{
    const struct ff_trim_retention_args args = { .partition = ff_cstr("{fp:6}"),
                                                 .lane_id = ff_cstr(""),
                                                 .retention_ms = retention_ms,
                                                 .batch_size = 100 };
    struct ff_trim_retention_result result;

    assert_ok(ff_rig_trim_retention(rig, &args, &result));
}

/* How many went; on the contrary store it may be done twice, and the second time there are none. */
static uint32_t
trim_at(struct ff_rig *rig, int64_t at_ms)
{
    const struct ff_trim_flows_args args = { .partition = ff_cstr("{fp:6}"),
                                             .retention_ms = 86400000,
                                             .batch_size = 20 };
    struct ff_trim_flows_result result;

    rig->now_ms = at_ms;
    assert_ok(ff_rig_trim_flows(rig, &args, &result));
    return result.purged;
}

static bool
is_there(struct ff_rig *rig)
{
    const struct ff_describe_flow_args args = { .flow_id = F };
    struct ff_describe_flow_result result;

    assert_ok(ff_rig_describe_flow(rig, &args, &result));
    return result.flow != NULL;
}

static void
test_completed(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_list_edges_args edges = { .flow_id = F };
    struct ff_list_edges_result listed;

    rig->now_ms = 1000;
    make_flow(rig, 2);
    build(rig, 1, A, B);
    succeed(rig, A);
    rig->now_ms = 5000;
    succeed(rig, B);
    assert_int_equal(trim_at(rig, 6000), 0); /* its members are still there */
    purge(rig, 0);
    assert_string_equal(flow_state(rig), "completed");
    assert_int_equal(trim_at(rig, 86404999), 0);
    assert_true(is_there(rig));
    assert_in_range(trim_at(rig, 86405000), !rig->contrary, 1);
    assert_false(is_there(rig));
    edges.direction.kind = FF_DIRECTION_OUTGOING;
    edges.direction.from_node = FF_SOME(ff_opt_eid, ff_rig_id(A));
    assert_ok(ff_rig_list_edges(rig, &edges, &listed));
    assert_int_equal(listed.edges.n, 0);
    make_flow(rig, 1); /* the ids are free again */
}

static void
test_failed_and_purged(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 2);
    break_down(rig, A);
    purge(rig, 0);
    succeed(rig, B);
    assert_string_equal(flow_state(rig), "failed");
    purge(rig, 0);
    assert_string_equal(flow_state(rig), "failed");
}

static void
test_empty_flows(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_cancel_flow_args cancel = { .flow_id = F,
                                                .policy = ff_cstr("cancel_all"),
                                                .reason = ff_cstr("") };
    struct ff_cancel_flow_result cancelled;

    rig->now_ms = 1000;
    make_flow(rig, 0);
    assert_int_equal(trim_at(rig, 200000000), 0);
    assert_true(is_there(rig)); /* open and empty: never */
    assert_ok(ff_rig_cancel_flow(rig, &cancel, &cancelled));
    trim_at(rig, 286399999);
    assert_true(is_there(rig));
    trim_at(rig, 286400000);
    assert_false(is_there(rig));
}

static void
make_cancelled(struct ff_rig *rig, uint8_t number, int64_t at_ms)
{
    const struct ff_create_flow_args make = { .flow_id = flow_id_of(number),
                                              .flow_kind = ff_cstr("dag"),
                                              .namespace = ff_cstr("N") };
    const struct ff_cancel_flow_args cancel = { .flow_id = make.flow_id,
                                                .policy = ff_cstr("cancel_all"),
                                                .reason = ff_cstr("") };
    struct ff_create_flow_result made;
    struct ff_cancel_flow_result cancelled;

    rig->now_ms = at_ms;
    assert_ok(ff_rig_create_flow(rig, &make, &made));
    assert_ok(ff_rig_cancel_flow(rig, &cancel, &cancelled));
}

/* Those that ended first go first, and no more with a call than it is told. */
static void
test_batches(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_trim_flows_args args = { .partition = ff_cstr("{fp:6}"), .batch_size = 2 };
    struct ff_trim_flows_result result;

    if (rig->contrary) {
        return; /* there it may be done twice */
    }
    make_cancelled(rig, 1, 1000);
    make_cancelled(rig, 2, 2000);
    make_cancelled(rig, 0, 3000);
    assert_ok(ff_rig_trim_flows(rig, &args, &result));
    assert_int_equal(result.purged, 2);
    assert_true(is_there(rig));
    assert_ok(ff_rig_trim_flows(rig, &args, &result));
    assert_int_equal(result.purged, 1);
    assert_false(is_there(rig));
    args.batch_size = 0;
    assert_err(ff_rig_trim_flows(rig, &args, &result), FF_E_INVALID_INPUT);
    args = (struct ff_trim_flows_args){ .partition = ff_cstr("bogus"), .batch_size = 1 };
    assert_err(ff_rig_trim_flows(rig, &args, &result), FF_E_INVALID_INPUT);
}

/* An end that somebody still waits for is not forgotten (07 §4). */
static void
test_waited_for(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_describe_execution_args args = { .execution_id = ff_rig_id(A) };
    struct ff_describe_execution_result result;

    make_flow(rig, 2);
    stage(rig, 1, A, B);
    complete_one(rig, A, NULL);
    rig->now_ms += 1000;
    purge(rig, 0);
    assert_ok(ff_rig_describe_execution(rig, &args, &result));
    assert_non_null(result.execution);
    apply(rig, 1, A, B);
    purge(rig, 0);
    assert_ok(ff_rig_describe_execution(rig, &args, &result));
    assert_null(result.execution);
    assert_field(rig, B, "public_state", "waiting");
}

#define SOURCES 60
#define SINKS 10

/* Each source before each sink. */
static void
submit_layers(struct ff_rig *rig)
{
    struct ff_submit_member *members =
        FF_ARENA_NEW(&rig->arena, struct ff_submit_member, SOURCES + SINKS);
    struct ff_submit_edge *edges =
        FF_ARENA_NEW(&rig->arena, struct ff_submit_edge, SOURCES * SINKS);
    const struct ff_submit_flow_args args = {
        .flow = { .flow_id = F, .flow_kind = ff_cstr("dag"), .namespace = ff_cstr("N") },
        .members = { .v = members, .n = SOURCES + SINKS },
        .edges = { .v = edges, .n = SOURCES * SINKS },
    };
    struct ff_submit_flow_result result;

    for (uint32_t i = 0; i < SOURCES + SINKS; i++) {
        members[i] = (struct ff_submit_member){ .key = ff_arena_printf(&rig->arena, "m%u", i),
                                                .lane_id = ff_cstr("L"),
                                                .execution_kind = ff_cstr("job"),
                                                .creator_identity = ff_cstr("") };
    }
    for (uint32_t i = 0; i < SOURCES * SINKS; i++) {
        edges[i] = (struct ff_submit_edge){ .from = members[i / SINKS].key,
                                            .to = members[SOURCES + i % SINKS].key,
                                            .dependency_kind = ff_cstr("success_only") };
    }
    assert_ok(ff_rig_submit_flow(rig, &args, &result));
}

/* Edges that are looked at count for a step like records that are removed. */
static void
test_edges_count(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_cancel_flow_args cancel = { .flow_id = F, .policy = ff_cstr("cancel_all") };
    struct ff_cancel_flow_result cancelled;
    struct ff_engine_stats before, after;

    if (rig->contrary) {
        return; /* a refused commit is another commit */
    }
    submit_layers(rig);
    assert_ok(ff_rig_cancel_flow(rig, &cancel, &cancelled));
    ff_engine_stats(rig->engine, &before);
    purge(rig, 0);
    ff_engine_stats(rig->engine, &after);
    assert_int_equal(after.commits - before.commits, 2); /* of 60 * (10 + 4) + 10 * 4: 880 */
}

static const struct CMUnitTest tests[] = {
    RIG_TEST("04 ex 76 a completed flow", test_completed),
    RIG_TEST("04 ex 76 a failed and purged member", test_failed_and_purged),
    RIG_TEST("04 ex 76 flows without members", test_empty_flows),
    RIG_TEST("04 §7.7 the oldest first, so many with a call", test_batches),
    RIG_TEST("an end that is waited for stays", test_waited_for),
    RIG_TEST("edges that are looked at count for a step", test_edges_count),
};

int
main(void)
{
    return ff_rig_main("flow_trim", NULL, 0, tests, FF_COUNT(tests));
}
