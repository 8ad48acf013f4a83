/* What a claim reads, on a store that answers late: all of it in one load. */

#include "tests/engine/flow_acts.h"
#include "tests/engine/lane.h"

#define ROUNDS 40

static struct ff_claim_many_result
claim_some(struct ff_rig *rig, uint32_t max)
{
    const struct ff_claim_many_args args = {
        .lane_id = ff_cstr("L"),
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-1"),
        .lease_ttl_ms = TTL_MS,
        .include_reclaimable = true,
        .include_context = true,
        .max = max,
    };
    struct ff_claim_many_result result;

    assert_ok(ff_rig_claim_many(rig, &args, &result));
    return result;
}

static uint64_t
loads_so_far(const struct ff_rig *rig)
{
    struct ff_engine_stats stats;

    ff_engine_stats(rig->engine, &stats);
    return stats.loads;
}

/* Calls that conflict, or fail, load again: the fewest loads of all rounds count. */
static void
test_one_load(void **state)
{
    struct ff_rig *rig = *state;
    uint64_t fewest = UINT64_MAX;

    if (rig->store->ops->immediate) {
        return; /* each read is a load of its own */
    }
    for (uint8_t round = 0; round < ROUNDS; round++) {
        uint64_t before = 0;

        create(rig, (uint8_t) (2 * round + 1));
        create(rig, (uint8_t) (2 * round + 2));
        before = loads_so_far(rig);
        assert_int_equal(claim_some(rig, 2).claims.n, 2);
        if (loads_so_far(rig) - before < fewest) {
            fewest = loads_so_far(rig) - before;
        }
    }
    assert_int_equal(fewest, 1);
}

/* ---- frames of a flow's readers ---- */

#define LEAVES 12
#define POLLS_MAX 100000

static void
on_done(struct ff_frame *frame)
{
    *(bool *) frame->ctx = true;
}

/* Loads that one frame of these calls takes. */
static uint64_t
run_frame(struct ff_rig *rig, struct ff_call calls[LEAVES])
{
    uint64_t before = loads_so_far(rig);
    bool done = false;
    struct ff_frame frame = { .calls = calls, .n = LEAVES, .done = on_done, .ctx = &done };

    ff_engine_submit(rig->engine, &frame);
    for (uint32_t i = 0; i < POLLS_MAX && !done; i++) {
        ff_engine_run(rig->engine);
        ff_store_poll(rig->store, !rig->contrary);
    }
    assert_true(done);
    ff_arena_done(&frame.arena);
    return loads_so_far(rig) - before;
}

static void
test_frames_of_reads(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_list_edges_args edges[LEAVES];
    struct ff_read_execution_info_args infos[LEAVES];
    uint64_t fewest[2] = { UINT64_MAX, UINT64_MAX };

    if (rig->store->ops->immediate) {
        return; /* as above */
    }
    make_flow(rig, LEAVES + 1);
    for (uint8_t i = 0; i < LEAVES; i++) {
        build(rig, i, A, (uint8_t) (B + i));
        edges[i] = (struct ff_list_edges_args){ .flow_id = F };
        edges[i].direction.kind = FF_DIRECTION_INCOMING;
        edges[i].direction.to_node = FF_SOME(ff_opt_eid, ff_rig_id((uint8_t) (B + i)));
        infos[i].execution_id = ff_rig_id((uint8_t) (B + i));
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct ff_call calls[2][LEAVES] = { 0 };

        for (uint32_t i = 0; i < LEAVES; i++) {
            calls[0][i] = (struct ff_call){ .op = FF_OP_list_edges, .args = &edges[i] };
            calls[1][i] = (struct ff_call){ .op = FF_OP_read_execution_info, .args = &infos[i] };
        }
        for (uint32_t i = 0; i < 2; i++) {
            uint64_t loads = run_frame(rig, calls[i]);

            fewest[i] = loads < fewest[i] ? loads : fewest[i];
        }
    }
    assert_in_range(fewest[0], 1, 3); /* the flow and places, then edges */
    assert_in_range(fewest[1], 1, 3); /* executions, then members */
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_TEST("all that a claim reads comes with one load", test_one_load),
        RIG_TEST("so do the reads of a frame", test_frames_of_reads),
    };

    return ff_rig_main("ahead", NULL, 0, tests, FF_COUNT(tests));
}
