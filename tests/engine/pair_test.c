/* Two brokers on one store: what they tell each other (news.c). */
#include "tests/engine/output.h"
#include "tests/engine/pair.h"

static struct ff_claim_many_result
claim_many(struct ff_rig *rig, uint32_t max)
{
    struct ff_claim_many_args args = { .lane_id = ff_cstr("L"),
                                       .worker_capabilities = ff_rig_any(rig, "[]"),
                                       .worker_id = ff_cstr("w"),
                                       .worker_instance_id = ff_cstr("w-1"),
                                       .lease_ttl_ms = TTL_MS,
                                       .include_reclaimable = true,
                                       .max = max };
    struct ff_claim_many_result result;

    assert_ok(ff_rig_claim_many(rig, &args, &result));
    return result;
}

/* ---- what is told ---- */

static void
complete_all(struct ff_rig *rig, const struct ff_claim_many_result *result)
{
    struct ff_waiting *waiting[64];

    assert_true(result->claims.n <= FF_COUNT(waiting));
    for (uint32_t i = 0; i < result->claims.n; i++) {
        const struct ff_complete_args args = { .handle = result->claims.v[i].handle,
                                               .payload = ff_cstr("done") };

        waiting[i] = ff_rig_submit(rig, FF_OP_complete, &args);
    }
    ff_rig_pump(rig); /* one batch */
    for (uint32_t i = 0; i < result->claims.n; i++) {
        assert_ok(ff_rig_finish(rig, waiting[i], NULL));
    }
}

/* Each end closes a stream: so many topics are told as all streams, and nothing else is lost. */
static void
test_many_ends_are_told_shortly(void **state)
{
    struct pair *pair = *state;
    struct ff_rig *here = pair->rigs[0], *there = pair->rigs[1];
    struct ff_tail_stream_args tail = tail_args(1, "0-0", 20000);
    struct ff_claim_many_result result;
    struct ff_tail_stream_result ended;
    struct ff_claim_args claim = claim_args(there, "[]");
    struct ff_waiting *tails = NULL, *claims = NULL;

    for (uint8_t i = 1; i <= 50; i++) {
        create(here, i);
    }
    result = claim_many(here, 50);
    pair_tell(pair, 0);
    claim.block_ms = 20000;
    tails = ff_rig_start(there, FF_OP_tail_stream, &tail);
    claims = ff_rig_start(there, FF_OP_claim, &claim);
    complete_all(here, &result);
    assert_in_range(pair->ports[0].news.n, 1, 8);
    assert_false(pair->ports[0].news.all);
    pair_tell(pair, 0);
    assert_ok(ff_rig_finish(there, tails, &ended));
    assert_string_equal(ended.closed_reason.p == NULL ? "" : "closed", "closed");
    assert_false(ff_rig_is_done(claims));
    create(here, 99);
    pair_tell(pair, 0);
    assert_ok(ff_rig_finish(there, claims, NULL));
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        PAIR_TEST("many ends are told shortly", test_many_ends_are_told_shortly),
    };

    return ff_run_rows("pair", NULL, 0, tests, FF_COUNT(tests));
}
