/* Flows and suspensions: examples 22, 57 and 74 of 04. */

#include "tests/engine/flow_acts.h"
#include "tests/engine/wait_signal.h"

static void
test_suspended_child(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_add_execution_to_flow_result added;
    struct ff_suspend_result wait;
    struct target w;

    make_flow(rig, 1);
    activate(rig, A);
    wait = create_suspended(rig, B, NULL, SINGLE("A", "go"));
    w = target_of(B, &wait.details, 0);
    assert_ok(add(rig, B, &added));
    build(rig, 1, A, B);
    assert_field(rig, B, "public_state", "suspended");
    assert_ok(try_deliver(rig, &w, "go"));
    assert_field(rig, B, "public_state", "waiting_children");
    assert_claims_nothing(rig);
    succeed(rig, A);
    assert_field(rig, B, "public_state", "waiting");
    claim_this(rig, B);
}

/* A suspended member that cannot succeed any more ends, and its waitpoint with it (04 §4.3). */
static void
test_suspended_child_is_skipped(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_add_execution_to_flow_result added;
    struct ff_suspend_result wait;
    struct target w;

    make_flow(rig, 1);
    activate(rig, A);
    wait = create_suspended(rig, B, NULL, SINGLE("A", "go"));
    w = target_of(B, &wait.details, 0);
    assert_ok(add(rig, B, &added));
    build(rig, 1, A, B);
    break_down(rig, A);
    assert_field(rig, B, "public_state", "skipped");
    assert_int_not_equal(try_deliver(rig, &w, "go"), FF_E_OK);
}

/* 04 ex 74: one suspended, one waiting; ex 57: cancel_pending leaves the suspended one. */
static void
test_suspended_member(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_cancel_flow_args pending = { .flow_id = F,
                                                 .policy = ff_cstr("cancel_pending"),
                                                 .reason = ff_cstr("op") };
    struct ff_add_execution_to_flow_result added;
    struct ff_cancel_flow_result cancelled;
    struct ff_suspend_result wait;
    struct target w;

    make_flow(rig, 0);
    wait = create_suspended(rig, B, NULL, SINGLE("A", "go"));
    w = target_of(B, &wait.details, 0);
    assert_ok(add(rig, B, &added));
    create(rig, A);
    assert_ok(add(rig, A, &added));
    assert_string_equal(flow_state(rig), "blocked");
    assert_ok(ff_rig_cancel_flow(rig, &pending, &cancelled));
    assert_field(rig, A, "public_state", "cancelled");
    assert_field(rig, B, "public_state", "suspended");
    assert_ok(try_deliver(rig, &w, "go"));
    claim_this(rig, B);
}

static const struct CMUnitTest tests[] = {
    WAIT_TEST("04 ex 22 a suspended child", test_suspended_child),
    WAIT_TEST("04 ex 57, 74 a suspended member", test_suspended_member),
    WAIT_TEST("a suspended child is skipped", test_suspended_child_is_skipped),
};

int
main(void)
{
    return ff_rig_main("flow_wait", NULL, 0, tests, FF_COUNT(tests));
}
