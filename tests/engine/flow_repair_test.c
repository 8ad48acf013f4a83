/* What scanners mend where the engine has not done its own work: edge_cancel_dispatcher, the slow
 * rotation of dependency_reconciler; and flow_projector. Examples 24, 26 of 07; 39, 40, 46, 51 of
 * 04.
 */

#include "tests/engine/flow_acts.h"
#include "tests/engine/scan.h"

#define ANY_OF "{\"kind\":\"any_of\",\"on_satisfied\":\"cancel_remaining\"}"

static struct ff_scan_due_result
due_of(struct ff_rig *rig, enum ff_scanner scanner)
{
    const struct ff_scan_due_args args = { .scanner = scanner };

    return scan_due(rig, &args);
}

/* One cycle of flow_projector; how many flows. */
static uint32_t
project_all(struct ff_rig *rig)
{
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_FLOW_PROJECTOR };
    uint32_t n = 0;

    do {
        struct ff_scan_due_result due = scan_due(rig, &args);

        for (uint32_t i = 0; i < due.items.n; i++, n++) {
            result_on(rig, FF_OP_project_flow_summary, &due.items.v[i]);
        }
        args.cursor = due.next_cursor;
    } while (args.cursor.p != NULL);
    return n;
}

/* ---- edge_cancel_dispatcher ---- */

/* D waits for any of A, B, C, … */
static void
make_group(struct ff_rig *rig, uint8_t n_upstreams, const char *policy_json)
{
    uint8_t down = (uint8_t) (n_upstreams + 1);

    make_flow(rig, down);
    policy(rig, down, policy_json);
    for (uint8_t i = A; i <= n_upstreams; i++) {
        build(rig, i, i, down);
    }
}

/* As the scanner process does it: items, until there are none. */
struct dispatched {
    uint32_t cancelled, drained, pages;
};

static struct dispatched
dispatch(struct ff_rig *rig, struct ff_scan_due_args args)
{
    struct dispatched done = { 0 };
    bool again = true;

    args.scanner = FF_SCANNER_EDGE_CANCEL_DISPATCHER;
    while (again) {
        struct ff_scan_due_result due = scan_due(rig, &args);

        done.pages++;
        again = due.next_cursor.p != NULL;
        args.cursor = due.next_cursor;
        for (uint32_t i = 0; i < due.items.n; i++) {
            if (due.items.v[i].execution_id.is) {
                result_on(rig, FF_OP_cancel_execution, &due.items.v[i]);
                done.cancelled++;
                again = true;
            } else {
                done.drained += ff_str_is(
                    act_on(rig, FF_OP_drain_sibling_cancel_group, &due.items.v[i]), "drained");
            }
        }
    }
    return done;
}

static struct dispatched
dispatch_all(struct ff_rig *rig)
{
    return dispatch(rig, (struct ff_scan_due_args){ .limit = { 0 } });
}

static void
test_siblings(void **state)
{
    struct ff_rig *rig = *state;
    struct dispatched done;

    make_group(rig, 3, ANY_OF);
    succeed(rig, A);
    assert_true(group_of(rig, D).cancel_siblings_pending);
    assert_field(rig, B, "public_state", "waiting");
    done = dispatch_all(rig);
    assert_int_equal(done.cancelled, 2);
    assert_int_equal(done.drained, 1);
    assert_field(rig, B, "public_state", "cancelled");
    assert_field(rig, C, "cancellation_reason", "sibling_quorum_satisfied");
    assert_field(rig, C, "cancelled_by", OPERATOR);
    assert_false(group_of(rig, D).cancel_siblings_pending);
    assert_true(ff_str_is(group_of(rig, D).cancel_siblings_reason, "sibling_quorum_satisfied"));
    assert_int_equal(dispatch_all(rig).cancelled, 0);
}

/* Takes ended executions away at once. */
static void
purge(struct ff_rig *rig, const char *lane)
{
    const struct ff_trim_retention_args args = { .partition = ff_cstr("{fp:6}"),
                                                 .lane_id = ff_cstr(lane),
                                                 .retention_ms = 0,
                                                 .batch_size = 100 };
    struct ff_trim_retention_result result;

    assert_ok(ff_rig_trim_retention(rig, &args, &result));
}

static void
test_dispositions(void **state)
{
    struct ff_rig *rig = *state;
    struct dispatched done;

    make_group(rig, 4, ANY_OF);
    take(rig, B);
    succeed(rig, A);
    complete_one(rig, D, NULL);
    assert_ok(cancel_as(rig, E, OPERATOR)); /* else D is waited for */
    purge(rig, "L");
    complete_one(rig, C, NULL);
    assert_true(group_of(rig, E).cancel_siblings_pending);
    done = dispatch_all(rig);
    assert_int_equal(done.cancelled, 1); /* C has ended, D is gone */
    assert_int_equal(done.drained, 1);
    assert_field(rig, B, "public_state", "cancelled");
    assert_field(rig, C, "public_state", "completed");
    done = dispatch_all(rig);
    assert_int_equal(done.cancelled + done.drained, 0);
}

static void
test_many_siblings(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args few = { .limit = FF_SOME(ff_opt_u32, 7) };
    struct dispatched done;

    make_group(rig, 50, "{\"kind\":\"quorum\",\"k\":1,\"on_satisfied\":\"cancel_remaining\"}");
    succeed(rig, A);
    done = dispatch(rig, few);
    assert_int_equal(done.cancelled, 49);
    assert_int_equal(done.drained, 1);
    assert_true(done.pages >= 8);
    assert_int_equal(group_of(rig, 51).pending_sibling_ids.n, 0);
}

static void
test_let_run(void **state)
{
    struct ff_rig *rig = *state;

    make_group(rig, 3, "{\"kind\":\"any_of\",\"on_satisfied\":\"let_run\"}");
    succeed(rig, A);
    assert_int_equal(dispatch_all(rig).cancelled, 0);
    assert_field(rig, B, "public_state", "waiting");
}

/* While the engine has time to do it by itself nothing is listed; what it failed at, later. */
static void
test_engine_failed(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(B);
    struct ff_key key = ff_key_eid(&id);
    struct ff_scan_due_result due;
    struct ff_str kept;
    int64_t flagged_ms = 0;

    make_group(rig, 3, ANY_OF);
    succeed(rig, A);
    flagged_ms = rig->now_ms;
    kept = ff_rig_spoil(rig, FF_R_EXEC, &key, ff_str("\xc1", 1));
    consume(rig);
    ff_rig_pump(rig);
    assert_true(group_of(rig, D).cancel_siblings_pending);
    due = due_of(rig, FF_SCANNER_EDGE_CANCEL_DISPATCHER);
    assert_int_equal(due.items.n, 0);
    assert_int_equal(due.next_due_at.v, flagged_ms + 1000);
    rig->now_ms = flagged_ms + 1000;
    due = due_of(rig, FF_SCANNER_EDGE_CANCEL_DISPATCHER);
    for (uint32_t i = 0; i < due.items.n; i++) {
        assert_true(due.items.v[i].execution_id.is); /* it is not drained */
    }
    ff_rig_spoil(rig, FF_R_EXEC, &key, kept);
    (void) dispatch_all(rig);
    assert_field(rig, B, "public_state", "cancelled");
    assert_field(rig, C, "public_state", "cancelled");
    assert_false(group_of(rig, D).cancel_siblings_pending);
}

static void
test_filter(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_filter other = { .namespace = ff_cstr("M") };
    struct dispatched done;

    make_group(rig, 3, ANY_OF);
    succeed(rig, A);
    done = dispatch(rig, (struct ff_scan_due_args){ .filter = &other });
    assert_int_equal(done.cancelled + done.drained, 0); /* others' siblings: not even drained */
    done = dispatch(rig, (struct ff_scan_due_args){ .partition = ff_cstr("{fp:7}") });
    assert_int_equal(done.cancelled + done.drained, 0);
    assert_int_equal(dispatch_all(rig).cancelled, 2);
}

/* ---- waking ---- */

static struct ff_waiting *
wait_for(struct ff_rig *rig, enum ff_scanner scanner)
{
    const struct ff_scan_due_args args = { .scanner = scanner, .block_ms = 30000 };
    struct ff_waiting *waiting = ff_rig_start(rig, FF_OP_scan_due, &args);

    assert_false(ff_rig_is_done(waiting));
    return waiting;
}

static void
test_wakes(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *owed = NULL, *flagged = NULL, *changed = NULL;
    struct ff_scan_due_result due = { 0 };

    if (rig->contrary) {
        return; /* it refuses commits: what waits then is answered by an error */
    }
    make_group(rig, 3, ANY_OF);
    project_all(rig);
    owed = wait_for(rig, FF_SCANNER_DEPENDENCY_RECONCILER);
    flagged = wait_for(rig, FF_SCANNER_EDGE_CANCEL_DISPATCHER);
    changed = wait_for(rig, FF_SCANNER_FLOW_PROJECTOR);
    complete_one(rig, A, NULL);
    assert_ok(ff_rig_finish(rig, owed, &due));
    assert_int_equal(due.items.n, 1);
    assert_ok(ff_rig_finish(rig, changed, &due));
    assert_int_equal(due.items.n, 1);
    assert_false(ff_rig_is_done(flagged));
    cascade(rig, A);
    assert_ok(ff_rig_finish(rig, flagged, &due));
    assert_int_equal(due.items.n, 2);
}

/* ---- the slow rotation ---- */

static void
create_in(struct ff_rig *rig, uint8_t number, const char *lane)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result created;
    struct ff_add_execution_to_flow_result added;

    args.lane_id = ff_cstr(lane);
    assert_ok(ff_rig_create_execution(rig, &args, &created));
    assert_ok(add(rig, number, &added));
}

/* B waits for A, which has ended with nobody to tell it, and is gone. */
static void
lose_upstream(struct ff_rig *rig, bool success)
{
    make_flow(rig, 1);
    create_in(rig, B, "M");
    build(rig, 1, A, B);
    assert_ok(cancel_as(rig, B, OPERATOR));
    cascade(rig, B);
    if (success) {
        complete_one(rig, A, NULL);
    } else {
        fail_one(rig, A);
    }
    purge(rig, "L");
    assert_string_equal(replay(rig, B), "waiting_children");
}

static void
test_lost_upstream(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args waits = { .scanner = FF_SCANNER_DEPENDENCY_RECONCILER };
    struct ff_scan_filter other = { .namespace = ff_cstr("M") };
    struct ff_scan_due_result due;

    lose_upstream(rig, true);
    waits.filter = &other;
    assert_int_equal(scan_due(rig, &waits).items.n, 0);
    due = due_of(rig, FF_SCANNER_DEPENDENCY_RECONCILER);
    assert_int_equal(due.items.n, 1);
    assert_false(due.items.v[0].execution_id.is);
    assert_true(ff_str_is(act_on(rig, FF_OP_resolve_dependency, &due.items.v[0]), "satisfied"));
    assert_field(rig, B, "public_state", "waiting");
    assert_int_equal(due_of(rig, FF_SCANNER_DEPENDENCY_RECONCILER).items.n, 0);
}

static void
test_lost_failure(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_result due;

    lose_upstream(rig, false);
    due = due_of(rig, FF_SCANNER_DEPENDENCY_RECONCILER);
    assert_int_equal(due.items.n, 1);
    assert_true(ff_str_is(act_on(rig, FF_OP_resolve_dependency, &due.items.v[0]), "impossible"));
    assert_field(rig, B, "public_state", "skipped");
}

static void
test_old_outcome(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 2);
    build(rig, 1, A, B);
    break_down(rig, A);
    assert_string_equal(replay(rig, B), "waiting_children");
    assert_int_equal(due_of(rig, FF_SCANNER_DEPENDENCY_RECONCILER).items.n, 0);
}

/* Edge by edge: a page that is full ends within a member. */
static void
test_rotation_pages(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_DEPENDENCY_RECONCILER,
                                     .limit = FF_SOME(ff_opt_u32, 1) };
    uint32_t n = 0;

    make_flow(rig, 3);
    create_in(rig, D, "M");
    for (uint8_t i = A; i <= C; i++) {
        build(rig, i, i, D);
    }
    assert_ok(cancel_as(rig, D, OPERATOR));
    cascade(rig, D);
    for (uint8_t i = A; i <= C; i++) {
        complete_one(rig, i, NULL);
    }
    purge(rig, "L");
    assert_string_equal(replay(rig, D), "waiting_children");
    do {
        struct ff_scan_due_result due = scan_due(rig, &args);

        for (uint32_t i = 0; i < due.items.n; i++, n++) {
            assert_true(ff_eid_eq(due.items.v[i].downstream_execution_id.v, ff_rig_id(D)));
            result_on(rig, FF_OP_resolve_dependency, &due.items.v[i]);
        }
        args.cursor = due.next_cursor;
    } while (args.cursor.p != NULL);
    assert_int_equal(n, 3);
    assert_field(rig, D, "public_state", "waiting");
}

/* ---- flow_projector ---- */

static void
test_projector(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 3);
    build(rig, 1, A, C);
    break_down(rig, A); /* C is skipped */
    assert_string_equal(replay(rig, A), "waiting");
    succeed(rig, A);
    succeed(rig, B);
    assert_int_equal(project_all(rig), 1);
    assert_int_equal(describe_flow(rig).summary->public_flow_state, FF_FLOW_COMPLETED);
    assert_int_equal(describe_flow(rig).summary->members_skipped, 1);
    assert_int_equal(project_all(rig), 0); /* unchanged */
    assert_string_equal(replay(rig, B), "waiting");
    assert_int_equal(project_all(rig), 1);
    assert_int_equal(describe_flow(rig).summary->public_flow_state, FF_FLOW_OPEN);
    assert_int_equal(project_all(rig), 0);
}

static void
test_exact_totals(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_flow_summary *summary = NULL;

    make_flow(rig, 200);
    for (uint8_t i = 1; i <= 150; i++) {
        if (i <= 137) {
            succeed(rig, i);
        } else {
            break_down(rig, i);
        }
    }
    assert_int_equal(project_all(rig), 1);
    summary = describe_flow(rig).summary;
    assert_int_equal(summary->total_members, 200);
    assert_int_equal(summary->sampled_members, 200);
    assert_int_equal(summary->members_completed, 137);
    assert_int_equal(summary->members_failed, 13);
    assert_int_equal(summary->members_waiting, 50);
}

static void
restart(struct ff_rig *rig)
{
    struct ff_engine_config config;

    ff_rig_engine_config(rig, &config);
    ff_rig_restart(rig, &config);
}

/* After a start: flows whose summary is not a final one. */
static void
test_projector_restarted(void **state)
{
    struct ff_rig *rig = *state;

    make_flow(rig, 2);
    restart(rig);
    assert_int_equal(project_all(rig), 1);
    restart(rig);
    assert_int_equal(project_all(rig), 1); /* it is still open */
    succeed(rig, A);
    succeed(rig, B);
    assert_int_equal(project_all(rig), 1);
    restart(rig);
    assert_int_equal(project_all(rig), 0);
    assert_string_equal(replay(rig, B), "waiting");
    assert_int_equal(project_all(rig), 1);
}

static void
test_projector_partition(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_FLOW_PROJECTOR,
                                     .partition = ff_cstr("{fp:7}") };

    make_flow(rig, 1);
    assert_int_equal(scan_due(rig, &args).items.n, 0);
    args.partition = ff_cstr("{fp:6}");
    assert_int_equal(scan_due(rig, &args).items.n, 1);
    assert_int_equal(scan_due(rig, &args).items.n, 1); /* until it is projected */
}

static const struct CMUnitTest tests[] = {
    RIG_TEST("04 ex 39 the dispatcher cancels siblings and drains", test_siblings),
    RIG_TEST("04 ex 40 let_run is never listed", test_let_run),
    RIG_TEST("04 ex 46 quorum 1 over 50, a few at a time", test_many_siblings),
    RIG_TEST("07 ex 24 one running, one completed, one purged", test_dispositions),
    RIG_TEST("siblings that the engine failed to cancel", test_engine_failed),
    RIG_TEST("siblings that the filter leaves out", test_filter),
    RIG_TEST("owed cascades, flagged groups and changed flows wake scanners", test_wakes),
    RIG_TEST("04 §4.5 an upstream that is gone counts with its outcome", test_lost_upstream),
    RIG_TEST("04 §4.5 also with a failure", test_lost_failure),
    RIG_TEST("04 ex 51 an outcome older than a replay is not taken", test_old_outcome),
    RIG_TEST("the rotation, an item at a time", test_rotation_pages),
    RIG_TEST("07 ex 26 a flow is projected when it has changed", test_projector),
    RIG_TEST("07 ex 27 totals of 200 members", test_exact_totals),
    RIG_TEST("what is projected after a start", test_projector_restarted),
    RIG_TEST("flows to project by partition", test_projector_partition),
};

int
main(void)
{
    return ff_rig_main("flow_repair", NULL, 0, tests, FF_COUNT(tests));
}
