/* Two brokers on one store: which of them takes what (shares.c), and what they tell each other
 * (news.c). */
#include "tests/engine/output.h"
#include "tests/engine/pair.h"

/* ---- who takes what ---- */

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

/* Both take from the class, and each has heard so of the other. */
static void
both_take(struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        create(pair->rigs[i], (uint8_t) (250 + i));
        assert_int_equal(claim_many(pair->rigs[i], 1).claims.n, 1);
        pair_tell(pair, i);
    }
}

static uint32_t
number_of(const struct ff_claim_many_result *result, uint32_t i)
{
    return result->claims.v[i].execution_id.uuid.b[15];
}

static uint32_t
number_of_next(struct ff_rig *rig)
{
    struct ff_claim_many_result result = claim_many(rig, 1);

    assert_int_equal(result.claims.n, 1);
    return number_of(&result, 0);
}

static void
test_each_takes_its_own(void **state)
{
    struct pair *pair = *state;

    both_take(pair);
    for (uint8_t i = 1; i <= 16; i++) {
        create(pair->rigs[i % 2], i);
    }
    for (int b = 0; b < 2; b++) {
        uint32_t loaded = pair->ports[b].loaded[FF_R_EXEC];
        struct ff_claim_many_result result = claim_many(pair->rigs[b], 8);

        assert_int_equal(result.claims.n, 8);
        for (uint32_t i = 0; i < 8; i++) {
            assert_int_equal(number_of(&result, i) % 2, b);
        }
        assert_int_equal(pair->ports[b].loaded[FF_R_EXEC], loaded); /* it has written them */
    }
    assert_int_equal(pair_conflicts(pair), 0);
}

static void
test_what_is_far_ahead_goes_first(void **state)
{
    struct pair *pair = *state;
    struct ff_create_execution_args args;
    struct ff_create_execution_result created;

    both_take(pair);
    for (uint32_t i = 0; i < 400; i++) { /* more than it would step over */
        args = ff_rig_new_exec(0);
        args.execution_id.uuid.b[14] = (uint8_t) (1 + i / 256);
        args.execution_id.uuid.b[13] = (uint8_t) (i % 256);
        assert_ok(ff_rig_create_execution(pair->rigs[0], &args, &created));
    }
    pair->rigs[1]->now_ms++;
    create(pair->rigs[1], 7);
    assert_int_not_equal(claim_many(pair->rigs[1], 1).claims.v[0].execution_id.uuid.b[14], 0);
}

/* Whoever has made them may be gone. */
static void
test_what_is_older_goes_first(void **state)
{
    struct pair *pair = *state;

    both_take(pair);
    for (uint8_t i = 1; i <= 20; i++) {
        create(pair->rigs[0], i);
    }
    pair->rigs[1]->now_ms += 900;
    create(pair->rigs[1], 101);
    pair->rigs[1]->now_ms += 900;
    create(pair->rigs[1], 102);
    pair->rigs[1]->now_ms -= 1500; /* what it has heard is still believed */
    assert_int_equal(number_of_next(pair->rigs[1]), 101);
    assert_in_range(number_of_next(pair->rigs[1]), 1, 20);
}

static void
test_nothing_is_left(void **state)
{
    struct pair *pair = *state;

    both_take(pair);
    for (uint8_t i = 1; i <= 10; i++) {
        create(pair->rigs[0], i);
    }
    for (uint32_t left = 10; left > 0;) { /* its lot, then the rest */
        uint32_t n = claim_many(pair->rigs[1], left).claims.n;

        assert_int_not_equal(n, 0);
        left -= n;
    }
    assert_int_equal(claim_many(pair->rigs[0], 1).claims.n, 0);
}

/* Who lives on what the other has created gets its lot of that. */
static void
test_a_lot_is_left_to_others(void **state)
{
    struct pair *pair = *state;
    uint32_t first = 0, second = 0;

    both_take(pair);
    for (uint8_t i = 1; i <= 200; i++) {
        create(pair->rigs[0], i);
    }
    pair->rigs[0]->now_ms += 400; /* it says anew what it takes */
    pair->rigs[1]->now_ms += 400;
    second = claim_many(pair->rigs[1], 1).claims.n;
    pair_tell(pair, 1);
    first = claim_many(pair->rigs[0], 190).claims.n;
    second += claim_many(pair->rigs[1], 190).claims.n;
    assert_int_equal(first + second, 200); /* each its lot, in one go */
    assert_in_range(second, 60, 140);
    assert_int_equal(pair_conflicts(pair), 0);
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
        PAIR_TEST("each takes first what it has created", test_each_takes_its_own),
        PAIR_TEST("nothing is taken far out of turn", test_what_is_far_ahead_goes_first),
        PAIR_TEST("what is much older goes first, whoever has made it",
                  test_what_is_older_goes_first),
        PAIR_TEST("what nobody else takes is not left", test_nothing_is_left),
        PAIR_TEST("who has created nothing is left its lot", test_a_lot_is_left_to_others),
        PAIR_TEST("many ends are told shortly", test_many_ends_are_told_shortly),
    };

    return ff_run_rows("pair", NULL, 0, tests, FF_COUNT(tests));
}
