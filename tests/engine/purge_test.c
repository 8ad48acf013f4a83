/* What has more than 1 000 records is taken away in steps, and nobody sees it any more from the
 * first one on (07 §4, 04 §7.7); also when the broker ends between two of them.
 */

#include "tests/engine/crash.h"
#include "tests/engine/flow_acts.h"
#include "tests/engine/output.h"

#define FRAMES 2500
#define MEMBERS 1500

/* Execution 1, ended, with more frames than a step removes. */
static void
make_large(struct ff_rig *rig)
{
    struct ff_claim_result claim = output_begin(rig);

    for (int i = 0; i < FRAMES; i++) {
        append_text(rig, &claim, "a line");
    }
    assert_ok(complete(rig, &claim, "done"));
}

static const struct ff_trim_retention_args trim_all = { .partition = { "{fp:6}", 6 },
                                                        .lane_id = { "", 0 },
                                                        .batch_size = 1000 };

static uint32_t
trim(struct ff_rig *rig)
{
    struct ff_trim_retention_result result;

    assert_ok(ff_rig_trim_retention(rig, &trim_all, &result));
    return result.purged;
}

static uint32_t
listed(struct ff_rig *rig)
{
    const struct ff_list_executions_args args = { .partition = ff_cstr("{fp:6}"), .limit = 10 };
    struct ff_list_executions_result result;

    assert_ok(ff_rig_list_executions(rig, &args, &result));
    return result.executions.n;
}

static void
assert_gone(struct ff_rig *rig)
{
    const struct ff_describe_execution_args args = { .execution_id = ff_rig_id(1) };
    struct ff_describe_execution_result result;

    assert_ok(ff_rig_describe_execution(rig, &args, &result));
    assert_null(result.execution);
    assert_int_equal(listed(rig), 0);
    assert_int_equal(read_all(rig, 1, 0).frames.n, 0);
}

static void
test_in_steps(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_engine_stats before, after;

    make_large(rig);
    ff_engine_stats(rig->engine, &before);
    assert_int_equal(trim(rig), 1);
    ff_engine_stats(rig->engine, &after);
    assert_true(after.commits - before.commits >= FRAMES / 1000);
    assert_gone(rig);
    create(rig, 1); /* its id is free again, and nothing is left under it */
    assert_int_equal(listed(rig), 1);
    assert_int_equal(read_all(rig, 1, 0).frames.n, 0);
}

static void
test_crash(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_create_execution_args again = ff_rig_new_exec(1);
    const struct ff_scan_due_args due_args = { .scanner = FF_SCANNER_RETENTION_TRIMMER };
    const struct ff_trim_expired_args rest = { .batch_size = 1000 };
    const struct ff_reconcile_execution_index_args indexes = { .filter = NULL };
    struct ff_reconcile_execution_index_result repaired;
    struct ff_create_execution_result created;
    struct ff_trim_expired_result trimmed;
    struct ff_scan_due_result due;

    if (rig->contrary) {
        return; /* which commit it refuses is not ours to say */
    }
    make_large(rig);
    crash_after_a_step(rig, FF_OP_trim_retention, &trim_all);
    assert_gone(rig);
    assert_err(ff_rig_create_execution(rig, &again, &created), FF_E_RETRY_EXHAUSTED);
    assert_ok(ff_rig_scan_due(rig, &due_args, &due));
    assert_int_equal(due.items.n, 1);
    assert_null(due.items.v[0].partition.p);
    assert_ok(ff_rig_reconcile_execution_index(rig, &indexes, &repaired));
    assert_int_equal(repaired.processed, 0);
    assert_ok(ff_rig_trim_expired(rig, &rest, &trimmed));
    assert_ok(ff_rig_scan_due(rig, &due_args, &due));
    assert_int_equal(due.items.n, 0);
    assert_ok(ff_rig_create_execution(rig, &again, &created));
    assert_string_equal(created.outcome, "created");
    assert_int_equal(read_all(rig, 1, 0).frames.n, 0);
    assert_int_equal(listed(rig), 1);
}

/* ---- flows ---- */

static ff_err
submit(struct ff_rig *rig)
{
    struct ff_submit_member *members = FF_ARENA_NEW(&rig->arena, struct ff_submit_member, MEMBERS);
    struct ff_submit_edge *edges = FF_ARENA_NEW(&rig->arena, struct ff_submit_edge, MEMBERS - 1);
    const struct ff_submit_flow_args args = {
        .flow = { .flow_id = F, .flow_kind = ff_cstr("dag"), .namespace = ff_cstr("N") },
        .members = { .v = members, .n = MEMBERS },
        .edges = { .v = edges, .n = MEMBERS - 1 },
    };
    struct ff_submit_flow_result result;

    for (uint32_t i = 0; i < MEMBERS; i++) {
        members[i] = (struct ff_submit_member){
            .key = ff_arena_printf(&rig->arena, "m%05u", (unsigned) i),
            .lane_id = ff_cstr("L"),
            .execution_kind = ff_cstr("job"),
            .creator_identity = ff_cstr(""),
        };
    }
    for (uint32_t i = 0; i < MEMBERS - 1; i++) {
        edges[i] = (struct ff_submit_edge){ .from = members[0].key,
                                            .to = members[i + 1].key,
                                            .dependency_kind = ff_cstr("success_only") };
    }
    return ff_rig_submit_flow(rig, &args, &result);
}

static const struct ff_trim_flows_args trim_flow = { .partition = { "{fp:6}", 6 },
                                                     .batch_size = 20 };

/* All its members have ended and are gone. */
static void
make_ended_flow(struct ff_rig *rig)
{
    struct ff_flow_wait wait = { .kind = FF_FLOW_WAIT_INDEFINITE };
    const struct ff_cancel_flow_args cancel = {
        .flow_id = F, .policy = ff_cstr("cancel_all"), .wait = &wait, .reason = ff_cstr("")
    };
    struct ff_cancel_flow_result cancelled;

    assert_ok(submit(rig));
    consume(rig);
    assert_ok(ff_rig_cancel_flow(rig, &cancel, &cancelled));
    ff_rig_pump(rig);
    assert_int_equal(trim(rig) + trim(rig), MEMBERS);
    assert_int_equal(describe_flow(rig).node_count, MEMBERS);
}

static bool
is_flow_there(struct ff_rig *rig)
{
    const struct ff_describe_flow_args args = { .flow_id = F };
    const struct ff_list_flows_args list = { .partition = ff_cstr("{fp:6}"), .limit = 10 };
    struct ff_list_flows_result flows;
    struct ff_describe_flow_result result;

    assert_ok(ff_rig_describe_flow(rig, &args, &result));
    assert_ok(ff_rig_list_flows(rig, &list, &flows));
    assert_int_equal(flows.flows.n, result.flow != NULL);
    return result.flow != NULL;
}

static void
test_flow(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_trim_flows_result trimmed;

    if (rig->contrary) {
        return; /* thousands of loads and commits that may fail */
    }
    make_ended_flow(rig);
    assert_ok(ff_rig_trim_flows(rig, &trim_flow, &trimmed));
    assert_int_equal(trimmed.purged, 1);
    assert_false(is_flow_there(rig));
    assert_ok(submit(rig));
}

static void
test_flow_crash(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_create_flow_args again = { .flow_id = F,
                                               .flow_kind = ff_cstr("dag"),
                                               .namespace = ff_cstr("N") };
    struct ff_create_flow_result created;
    struct ff_trim_flows_result trimmed;

    if (rig->contrary) {
        return; /* as above */
    }
    make_ended_flow(rig);
    crash_after_a_step(rig, FF_OP_trim_flows, &trim_flow);
    assert_false(is_flow_there(rig));
    assert_err(submit(rig), FF_E_RETRY_EXHAUSTED);
    assert_err(ff_rig_create_flow(rig, &again, &created), FF_E_RETRY_EXHAUSTED);
    assert_ok(ff_rig_trim_flows(rig, &trim_flow, &trimmed));
    assert_int_equal(trimmed.purged, 0); /* it was counted by the call that was lost */
    assert_ok(submit(rig));
    assert_int_equal(describe_flow(rig).node_count, MEMBERS);
}

static const struct CMUnitTest tests[] = {
    RIG_TEST("07 §4 an execution of many records goes in steps", test_in_steps),
    RIG_TEST("07 §4 a purge is finished after a crash", test_crash),
    RIG_TEST("04 §7.7 a large flow goes in steps", test_flow),
    RIG_TEST("04 §7.7 its deletion is finished after a crash", test_flow_crash),
};

int
main(void)
{
    return ff_rig_main("purge", NULL, 0, tests, FF_COUNT(tests));
}
