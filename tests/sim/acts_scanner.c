/* acts_scanner.c: what scanners ask, whether it is time or not. */

#include "tests/sim/sim.h"

static bool
is_leased(const struct ff_exec *exec)
{
    return exec->ownership_state == FF_OWNER_LEASED;
}

static bool
is_lost(const struct ff_exec *exec)
{
    return exec->ownership_state == FF_OWNER_EXPIRED || exec->ownership_state == FF_OWNER_REVOKED;
}

static bool
is_delayed(const struct ff_exec *exec)
{
    return exec->delay_until.is;
}

static bool
has_a_limit(const struct ff_exec *exec)
{
    return exec->attempt_timeout_at.is ||
           (exec->execution_deadline_at.is && exec->lifecycle_phase != FF_PHASE_TERMINAL);
}

#define ASK_WITH_ID(op, fits)                                                                      \
    static void *ask_##op(struct world *world, struct ff_arena *arena, struct asked *asked)        \
    {                                                                                              \
        struct ff_##op##_args *args = ff_arena_zalloc(arena, sizeof(*args));                       \
                                                                                                   \
        ff_sim_prefer(world, asked, fits);                                                         \
        args->execution_id = ff_rig_id(asked->id);                                                 \
        return args;                                                                               \
    }

ASK_WITH_ID(mark_lease_expired_if_due, is_leased)
ASK_WITH_ID(enforce_reclaim_cap, is_lost)

/* No execution is in a state that a scanner's call may fail for. */
static void
refused(struct world *world, const struct asked *asked, ff_err code)
{
    (void) code;
    CHECK(world, false, "a scanner's call on %u fails\n", asked->id);
}

static void
judge_mark(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_mark_lease_expired_if_due_result *marked = result;
    const struct life *life = &world->lives[asked->id];
    bool any = false;

    for (uint64_t epoch = 1; epoch <= life->epoch; epoch++) {
        any |= life->leases[epoch].end == LEASE_EXPIRED;
    }
    CHECK(world, strcmp(marked->outcome, "marked_expired") != 0 || any, "%u has no expired lease\n",
          asked->id);
    CHECK(world, strcmp(marked->outcome, "not_found") != 0 || !asked->known, "%u is gone\n",
          asked->id);
}

static void
judge_enforce(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_enforce_reclaim_cap_result *enforced = result;

    CHECK(world,
          strcmp(enforced->outcome, "reclaim_cap_exceeded") != 0 ||
              world->lives[asked->id].failures > 0,
          "%u has not failed\n", asked->id);
}

static void *
ask_promote_delayed(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_promote_delayed_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, is_delayed);
    args->execution_id = ff_rig_id(asked->id);
    args->lane_id = ff_cstr("");
    return args;
}

static void *
ask_expire_execution(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_expire_execution_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, has_a_limit);
    args->execution_id = ff_rig_id(asked->id);
    args->phase = one_in(world, 2) ? FF_EXPIRE_ATTEMPT_TIMEOUT : FF_EXPIRE_EXECUTION_DEADLINE;
    return args;
}

static void
judge_expire(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_expire_execution_result *expired = result;

    CHECK(world, strcmp(expired->outcome, "expired") != 0 || world->lives[asked->id].expiries > 0,
          "%u has not expired\n", asked->id);
}

static void *
ask_expire_worker_leases(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_expire_worker_leases_args *args = ff_arena_zalloc(arena, sizeof(*args));

    (void) asked;
    args->worker_instance_id = ff_cstr(one_in(world, 2) ? "w-1" : "w-2");
    args->reason = ff_cstr("worker_lost");
    return args;
}

static const struct act acts[] = {
    { FF_OP_mark_lease_expired_if_due, 8, ask_mark_lease_expired_if_due, judge_mark, refused },
    { FF_OP_promote_delayed, 8, ask_promote_delayed, NULL, refused },
    { FF_OP_expire_execution, 5, ask_expire_execution, judge_expire, refused },
    { FF_OP_enforce_reclaim_cap, 3, ask_enforce_reclaim_cap, judge_enforce, refused },
    { FF_OP_expire_worker_leases, 1, ask_expire_worker_leases, NULL, refused },
};
const struct acts ff_sim_scanner_acts = { acts, FF_COUNT(acts) };
