/* Frames whose client goes away. */

#include "tests/engine/life.h"

#define POLLS_MAX 1000

static void
on_done(struct ff_frame *frame)
{
    *(bool *) frame->ctx = true;
}

static struct ff_claim_args
waiting_claim(struct ff_rig *rig, const char *lane)
{
    struct ff_claim_args args = claim_args(rig, "[]");

    args.lane_id = ff_cstr(lane);
    args.block_ms = 30000;
    return args;
}

/* All that can be done without time. */
static void
turn(struct ff_rig *rig, const bool *done)
{
    for (uint32_t i = 0; i < POLLS_MAX && !*done; i++) {
        ff_engine_run(rig->engine);
        ff_store_poll(rig->store, !rig->contrary);
    }
}

/* A claim for nobody must not stand in line: it would take a lease that nobody knows of. */
static void
test_gone_before_parked(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_args args = waiting_claim(rig, "L");
    bool done = false;
    struct ff_call call = { .op = FF_OP_claim, .args = &args };
    struct ff_frame frame = { .calls = &call, .n = 1, .done = on_done, .ctx = &done };

    ff_engine_submit(rig->engine, &frame);
    ff_engine_cancel(rig->engine, &frame);
    turn(rig, &done);
    assert_true(done);
    assert_int_equal(ff_engine_wait_ms(rig->engine), -1);
    ff_arena_done(&frame.arena);
}

static void
test_gone_while_parked(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_args args = waiting_claim(rig, "L");
    bool done = false;
    struct ff_call call = { .op = FF_OP_claim, .args = &args };
    struct ff_frame frame = { .calls = &call, .n = 1, .done = on_done, .ctx = &done };

    ff_engine_submit(rig->engine, &frame);
    ff_rig_pump(rig);
    assert_false(done);
    ff_engine_cancel(rig->engine, &frame);
    assert_true(done);
    assert_int_equal(call.fault.code, FF_E_UNAVAILABLE);
    ff_arena_done(&frame.arena);
    create(rig, 1);
    claim_this(rig, 1);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_TEST("gone before its claim is parked", test_gone_before_parked),
        RIG_TEST("gone while its claim is parked", test_gone_while_parked),
    };

    return ff_rig_main("gone", NULL, 0, tests, FF_COUNT(tests));
}
