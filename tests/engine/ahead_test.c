/* What a claim reads, on a store that answers late: all of it in one load. */

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

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_TEST("all that a claim reads comes with one load", test_one_load),
    };

    return ff_rig_main("ahead", NULL, 0, tests, FF_COUNT(tests));
}
