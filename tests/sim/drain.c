/* drain.c: when the faults stop, everything comes to an end: nothing is stuck. */

#include "tests/sim/graph.h"

static bool
any_client_busy(const struct world *world)
{
    for (uint32_t i = 0; i < N_CLIENTS; i++) {
        if (world->clients[i].busy) {
            return true;
        }
    }
    return false;
}

static bool
any_engine_busy(const struct world *world)
{
    for (uint32_t broker = 0; broker < world->n_brokers; broker++) {
        if (ff_engine_busy(world->engines[broker])) {
            return true;
        }
    }
    return false;
}

static void
pump(struct world *world)
{
    for (uint32_t i = 0; i < POLLS_MAX; i++) {
        for (uint32_t broker = 0; broker < world->n_brokers; broker++) {
            ff_engine_run(world->engines[broker]);
        }
        if (!any_engine_busy(world)) {
            return;
        }
        for (uint32_t broker = 0; broker < world->n_brokers; broker++) {
            ff_store_poll(ff_spy_port(world->spy, broker), false);
        }
    }
    CHECK(world, false, "a broker does not come to rest\n");
}

/* Until everything is answered; parked calls by their time. */
void
ff_sim_come_to_rest(struct world *world)
{
    pump(world);
    if (world->n_brokers > 1) {
        ff_sim_tell_news(world, false);
        pump(world);
    }
    ff_sim_check_waiting(world);
    for (uint32_t i = 0; i < 100; i++) {
        pump(world);
        if (!any_client_busy(world)) {
            break;
        }
        world->rig->now_ms += 10;
    }
    CHECK(world, !any_client_busy(world), "a frame is never answered\n");
    for (uint32_t broker = 0; broker < world->n_brokers; broker++) {
        CHECK(world, world->consuming || ff_engine_wait_ms(world->engines[broker]) == -1,
              "a broker waits for nobody\n");
    }
}

/* ---- helping what waits for somebody ---- */

static void
open_lanes(struct ff_rig *rig)
{
    static const char *const lanes[] = { "L", "M" };

    for (size_t i = 0; i < FF_COUNT(lanes); i++) {
        const struct ff_set_lane_state_args args = { .lane_id = ff_cstr(lanes[i]),
                                                     .state = FF_LANE_ACTIVE };
        struct ff_set_lane_state_result result;

        assert_int_equal(ff_rig_set_lane_state(rig, &args, &result), FF_E_OK);
    }
}

static void
promote(struct world *world, const struct ff_exec *exec)
{
    const struct ff_promote_delayed_args args = { .execution_id = exec->execution_id,
                                                  .lane_id = ff_cstr("") };
    struct ff_promote_delayed_result result;

    assert_int_equal(ff_rig_promote_delayed(world->rig, &args, &result), FF_E_OK);
    CHECK(world, strcmp(result.outcome, "promoted") == 0, "%s at its time\n", result.outcome);
}

static void
unblock(struct world *world, const struct ff_exec *exec)
{
    const struct ff_unblock_execution_args args = {
        .execution_id = exec->execution_id,
        .lane_id = ff_arena_copy(&world->rig->arena, exec->lane_id),
        .expected_blocking_reason =
            ff_cstr(ff_word(&ff_vocab_blocking_reason, exec->blocking_reason)),
    };
    struct ff_unblock_execution_result result;

    CHECK(world, ff_rig_unblock_execution(world->rig, &args, &result) == FF_E_OK,
          "a block cannot be lifted\n");
}

static void
cancel(struct world *world, const struct ff_exec *exec)
{
    const struct ff_cancel_execution_args args = { .execution_id = exec->execution_id,
                                                   .reason = ff_cstr("no children"),
                                                   .source = ff_cstr("operator_override") };
    struct ff_cancel_execution_result result;

    CHECK(world, ff_rig_cancel_execution(world->rig, &args, &result) == FF_E_OK,
          "cannot be cancelled\n");
}

static void
resume(struct world *world, const struct ff_exec *exec)
{
    const struct ff_resume_execution_args args = { .execution_id = exec->execution_id,
                                                   .trigger_type = FF_TRIGGER_OPERATOR };
    struct ff_resume_execution_result result;

    CHECK(world, ff_rig_resume_execution(world->rig, &args, &result) == FF_E_OK,
          "a suspension cannot be ended\n");
}

static void
help(struct world *world, const struct ff_exec *exec)
{
    if (exec->lifecycle_phase == FF_PHASE_SUSPENDED) {
        resume(world, exec);
        return;
    }
    switch (exec->eligibility_state) {
    case FF_ELIGIBLE_UNTIL_TIME:
        promote(world, exec);
        break;
    case FF_ELIGIBLE_LANE_STATE:
    case FF_ELIGIBLE_OPERATOR:
        unblock(world, exec);
        break;
    default: /* a claim gets it, judges it anew, or takes it over */
        break;
    }
}

/* ---- work ---- */

/* A quota lets three a window through, and one that waits for ever is cancelled a round: there are
 * not more executions than this allows for. */
#define ROUNDS_MAX (40 + 2 * N_IDS)

static bool
is_over(const struct world *world, uint8_t id)
{
    const struct ff_exec *exec = &world->lives[id].exec;

    return exec->terminal_outcome == FF_OUTCOME_CANCELLED ||
           exec->terminal_outcome == FF_OUTCOME_SKIPPED;
}

/* Claims and completes until the lane gives nothing more. */
static void
work_off(struct world *world, const char *lane)
{
    struct ff_rig *rig = world->rig;
    const struct ff_claim_many_args args = {
        .lane_id = ff_cstr(lane),
        .worker_capabilities = world->gpu,
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-9"),
        .lease_ttl_ms = 1000000,
        .include_reclaimable = true,
        .max = 16,
    };

    for (int i = 0; i < 2 * N_IDS; i++) {
        struct ff_claim_many_result claims = { 0 };

        assert_int_equal(ff_rig_claim_many(rig, &args, &claims), FF_E_OK);
        if (claims.claims.n == 0) {
            return;
        }
        for (uint32_t c = 0; c < claims.claims.n; c++) {
            const struct ff_claim *claim = &claims.claims.v[c];
            const struct ff_complete_args complete = {
                .handle = claim->handle,
                .payload =
                    ff_sim_result(&rig->arena, claim->execution_id.uuid.b[15], claim->lease_epoch),
            };
            struct ff_complete_result result;

            /* or one of those that were completed before it had it cancelled or skipped */
            CHECK(world,
                  ff_rig_complete(rig, &complete, &result) == FF_E_OK ||
                      is_over(world, claim->execution_id.uuid.b[15]),
                  "%u cannot be completed\n", claim->execution_id.uuid.b[15]);
        }
    }
    CHECK(world, false, "lane %s never gives out\n", lane);
}

/* Budgets are used up by nobody any more, but what is used stays so. */
static void
empty_budget(struct world *world)
{
    const struct ff_reset_budget_args args = {
        .budget_id = { .b = { 0xb0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1 } }
    };
    struct ff_reset_budget_result result;
    ff_err err = ff_rig_reset_budget(world->rig, &args, &result);

    CHECK(world, err == FF_E_OK || err == FF_E_BUDGET_NOT_FOUND, "a budget cannot be reset\n");
}

static bool
any_alive(const struct world *world)
{
    for (uint8_t id = 1; id <= N_IDS; id++) {
        if (world->lives[id].exists && world->lives[id].exec.lifecycle_phase != FF_PHASE_TERMINAL) {
            return true;
        }
    }
    return false;
}

/* One that waits for an upstream which will not come is cancelled, and its own children learn of
 * it. None may wait without such a reason. */
static void
cancel_one_blocked(struct world *world)
{
    bool done = false;

    for (uint8_t id = 1; id <= N_IDS; id++) {
        const struct life *life = &world->lives[id];

        if (!life->exists || life->exec.eligibility_state != FF_ELIGIBLE_DEPENDENCIES) {
            continue;
        }
        CHECK(world, ff_sim_may_stay_blocked(world, id), "%u waits for nothing\n", id);
        if (!done) {
            cancel(world, &life->exec);
            done = true;
        }
    }
}

/* From here on the first broker follows what the others have left (06 §2.7). */
static void
start_consuming(struct world *world)
{
    world->consuming = true;
    ff_engine_consume(world->engines[0]);
}

void
ff_sim_drain(struct world *world)
{
    struct spy_options none = { .shared = world->faults.shared, .late = world->faults.late };

    ff_spy_set_options(world->spy, &none);
    world->rig->now_ms += 1000000; /* all delays and leases are over */
    open_lanes(world->rig);
    start_consuming(world);
    for (uint8_t id = 1; id <= N_IDS; id++) {
        const struct life *life = &world->lives[id];

        if (life->exists && life->exec.lifecycle_phase != FF_PHASE_TERMINAL) {
            help(world, &life->exec);
        }
    }
    empty_budget(world);
    for (int round = 0; round < ROUNDS_MAX && (any_alive(world) || ff_sim_any_replaying(world));
         round++) {
        work_off(world, "L");
        work_off(world, "M");
        pump(world);
        cancel_one_blocked(world);
        world->rig->now_ms += 1000; /* a window, and the guards that it gave */
    }
    CHECK(world, !ff_sim_any_replaying(world), "a replay comes to no end\n");
    for (uint8_t id = 1; id <= N_IDS; id++) {
        const struct life *life = &world->lives[id];

        CHECK(world, !life->exists || life->exec.lifecycle_phase == FF_PHASE_TERMINAL,
              "%u is stuck: %s, %s, %s\n", id,
              ff_word(&ff_vocab_ownership_state, life->exec.ownership_state),
              ff_word(&ff_vocab_eligibility_state, life->exec.eligibility_state),
              ff_word(&ff_vocab_attempt_state, life->exec.attempt_state));
    }
}
