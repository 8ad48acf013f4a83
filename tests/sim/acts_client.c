/* acts_client.c: what clients and operators ask: creations, ends, replays, reads, blocks, lanes. */

#include "tests/sim/sim.h"

/* ---- what acts are for ---- */

static bool
is_terminal(const struct ff_exec *exec)
{
    return exec->lifecycle_phase == FF_PHASE_TERMINAL;
}

static bool
is_eligible(const struct ff_exec *exec)
{
    return exec->eligibility_state == FF_ELIGIBLE_NOW;
}

static bool
is_leased(const struct ff_exec *exec)
{
    return exec->ownership_state == FF_OWNER_LEASED;
}

static bool
is_blocked(const struct ff_exec *exec)
{
    return exec->lifecycle_phase == FF_PHASE_RUNNABLE &&
           exec->eligibility_state != FF_ELIGIBLE_NOW &&
           exec->eligibility_state != FF_ELIGIBLE_UNTIL_TIME &&
           exec->eligibility_state != FF_ELIGIBLE_DEPENDENCIES;
}

/* ---- create_execution ---- */

static void *
ask_create(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    static const char *const keys[] = { "k1", "k2", "k3", "k4" };
    static struct ff_tag tag = { .key = { "t.t", 3 }, .value = { "v", 1 } };
    struct ff_create_execution_args *args = ff_arena_zalloc(arena, sizeof(*args));
    int64_t now_ms = world->rig->now_ms;

    *args = ff_rig_new_exec(asked->id);
    args->input_payload = ff_cstr("in");
    args->lane_id = ff_cstr(one_in(world, 4) ? "M" : "L");
    if (one_in(world, 2)) {
        args->policy = world->policies[below(world, world->n_policies)];
    }
    if (one_in(world, 3)) {
        args->idempotency_key = ff_cstr(keys[below(world, FF_COUNT(keys))]);
    }
    if (one_in(world, 4)) {
        args->delay_until = FF_SOME(ff_opt_i64, now_ms + below(world, 40));
    }
    if (one_in(world, 8)) {
        args->execution_deadline_at = FF_SOME(ff_opt_i64, now_ms + below(world, 300));
    }
    if (one_in(world, 4)) {
        args->tags = (struct ff_tags){ .v = &tag, .n = 1 };
    }
    if (one_in(world, 3)) {
        args->priority = FF_SOME(ff_opt_i32, (int32_t) below(world, 3));
    }
    return args;
}

static void
judge_create(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_create_execution_result *created = result;
    struct life *life = ff_sim_life(world, &created->execution_id);

    CHECK(world, life->exists, "a creation is answered, and not in the store\n");
    if (strcmp(created->outcome, "created") == 0) {
        CHECK(world, created->execution_id.uuid.b[15] == asked->id && !asked->known,
              "%u is created again\n", asked->id);
        CHECK(world, !life->told_created, "%u is created twice\n", asked->id);
        life->told_created = true;
    }
}

static void
refused_create(struct world *world, const struct asked *asked, ff_err code)
{
    (void) asked;
    CHECK(world, code == FF_E_INVALID_INPUT, "a good creation is refused\n"); /* a draining lane */
}

/* ---- ends and replays ---- */

static void *
ask_cancel_execution(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    static const char *const sources[] = { "operator_override", "flow_cascade", "system_timeout" };
    struct ff_cancel_execution_args *args = ff_arena_zalloc(arena, sizeof(*args));

    args->execution_id = ff_rig_id(asked->id);
    args->reason = ff_cstr("why not");
    args->source = ff_cstr(sources[below(world, FF_COUNT(sources))]);
    return args;
}

static void
judge_cancel_execution(struct world *world, const struct asked *asked, const void *result)
{
    const struct life *life = &world->lives[asked->id];
    const struct moment *moment = ff_sim_unmoved(world, asked);

    (void) result;
    CHECK(world, life->cancels > 0, "%u was not cancelled\n", asked->id);
    CHECK(world, moment == NULL || moment->vector.terminal_outcome == FF_OUTCOME_CANCELLED,
          "%u is not cancelled\n", asked->id);
}

static void *
ask_replay_execution(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_replay_execution_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, is_terminal);
    args->execution_id = ff_rig_id(asked->id);
    args->reason = ff_cstr("again");
    args->requested_by = ff_cstr("ada");
    return args;
}

static void
judge_replay(struct world *world, const struct asked *asked, const void *result)
{
    (void) result;
    CHECK(world, world->lives[asked->id].replays > asked->replays, "%u was not replayed\n",
          asked->id);
}

/* ---- what operators do to live ones ---- */

static void *
ask_change_priority(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_change_priority_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, is_eligible);
    args->execution_id = ff_rig_id(asked->id);
    args->new_priority = (int32_t) below(world, 100);
    args->lane_id = ff_cstr("");
    return args;
}

static void
judge_change_priority(struct world *world, const struct asked *asked, const void *result)
{
    (void) result;
    CHECK(world, world->lives[asked->id].priorities > 0, "%u has no priority_changed\n", asked->id);
}

static void *
ask_revoke_lease(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_revoke_lease_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, is_leased);
    args->execution_id = ff_rig_id(asked->id);
    args->expected_lease_id = ff_cstr("");
    args->worker_instance_id = ff_cstr(one_in(world, 4) ? "w-1" : "");
    args->reason = ff_cstr("maintenance");
    return args;
}

static void
judge_revoke(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_revoke_lease_result *revoked = result;

    if (strcmp(revoked->outcome, "revoked") == 0) {
        const struct lease *lease =
            ff_sim_lease(world, &world->lives[asked->id], revoked->lease_epoch.v);

        CHECK(world, lease->end == LEASE_REVOKED && strcmp(lease->how, "maintenance") == 0,
              "%u: a revoked lease is %s\n", asked->id, lease->how);
    }
}

static const char *
some_block(struct world *world)
{
    static const char *const reasons[] = { "waiting_for_budget", "waiting_for_quota",
                                           "waiting_for_capable_worker", "paused_by_operator",
                                           "paused_by_policy" };

    return reasons[below(world, FF_COUNT(reasons))];
}

static struct ff_str
lane_of(const struct world *world, const struct asked *asked)
{
    const struct life *life = &world->lives[asked->id];

    return life->exists ? life->exec.lane_id : ff_cstr("L");
}

static void *
ask_block(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_block_execution_for_admission_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, is_eligible);
    args->execution_id = ff_rig_id(asked->id);
    args->lane_id = ff_arena_copy(arena, lane_of(world, asked));
    args->reason = ff_cstr(some_block(world));
    args->reason_detail = ff_cstr("for a while");
    return args;
}

static void *
ask_unblock(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_unblock_execution_args *args = ff_arena_zalloc(arena, sizeof(*args));
    const struct life *life = NULL;

    ff_sim_prefer(world, asked, is_blocked);
    life = &world->lives[asked->id];
    args->execution_id = ff_rig_id(asked->id);
    args->lane_id = ff_arena_copy(arena, lane_of(world, asked));
    args->expected_blocking_reason = ff_cstr(some_block(world));
    if (life->exists && life->exec.blocking_reason != FF_BLOCK_NONE &&
        life->exec.blocking_reason != FF_BLOCK_WAITING_FOR_WORKER && !one_in(world, 4)) {
        args->expected_blocking_reason =
            ff_cstr(ff_word(&ff_vocab_blocking_reason, life->exec.blocking_reason));
    }
    return args;
}

static void *
ask_set_lane_state(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_set_lane_state_args *args = ff_arena_zalloc(arena, sizeof(*args));

    args->lane_id = ff_cstr(one_in(world, 2) ? "M" : "L");
    args->state = FF_LANE_ACTIVE;
    if (one_in(world, 3)) {
        args->state = one_in(world, 4) ? FF_LANE_DRAINING : FF_LANE_PAUSED;
    }
    asked->closes = args->state == FF_LANE_PAUSED ? args->lane_id.p[0] : 0;
    return args;
}

static void *
ask_set_tags(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_set_execution_tag_args *args = ff_arena_zalloc(arena, sizeof(*args));

    args->execution_id = ff_rig_id(asked->id);
    args->key = ff_cstr(one_in(world, 2) ? "a.b" : "t.t");
    args->value = ff_arena_printf(arena, "%u", below(world, 3));
    return args;
}

/* ---- reads ---- */

#define ASK_WITH_ID(op)                                                                            \
    static void *ask_##op(struct world *world, struct ff_arena *arena, struct asked *asked)        \
    {                                                                                              \
        struct ff_##op##_args *args = ff_arena_zalloc(arena, sizeof(*args));                       \
                                                                                                   \
        (void) world;                                                                              \
        args->execution_id = ff_rig_id(asked->id);                                                 \
        return args;                                                                               \
    }

ASK_WITH_ID(read_execution_state)
ASK_WITH_ID(describe_execution)
ASK_WITH_ID(read_execution_info)
ASK_WITH_ID(get_execution_result)

static void
judge_state(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_read_execution_state_result *state = result;
    const struct moment *moment = ff_sim_unmoved(world, asked);

    CHECK(world, !asked->known || state->public_state.is, "%u is gone\n", asked->id);
    CHECK(world, moment == NULL || state->public_state.v == moment->vector.public_state,
          "%u is not %s\n", asked->id, ff_word(&ff_vocab_public_state, state->public_state.v));
}

static void
judge_info(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_read_execution_info_result *read = result;
    const struct moment *moment = ff_sim_unmoved(world, asked);

    CHECK(world, !asked->known || read->info != NULL, "%u is gone\n", asked->id);
    CHECK(world,
          moment == NULL ||
              memcmp(&read->info->state_vector, &moment->vector, sizeof(moment->vector)) == 0,
          "%u has another vector\n", asked->id);
}

static void
judge_describe(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_describe_execution_result *described = result;
    const struct moment *moment = ff_sim_unmoved(world, asked);
    const struct ff_lease_view *lease = NULL;

    CHECK(world, !asked->known || described->execution != NULL, "%u is gone\n", asked->id);
    if (moment != NULL) {
        lease = described->execution->current_lease;
        CHECK(world,
              (lease != NULL) == moment->leased &&
                  (lease == NULL || lease->lease_epoch == moment->epoch),
              "%u has another lease\n", asked->id);
    }
}

static void *
ask_list_executions(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_list_executions_args *args = ff_arena_zalloc(arena, sizeof(*args));

    (void) world;
    (void) asked;
    args->partition = ff_cstr("{fp:6}");
    args->limit = 1000;
    return args;
}

/* What existed when it was asked is listed, each once and in order. */
static void
judge_list(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_list_executions_result *list = result;
    uint32_t n = 0;

    for (uint8_t id = 1; id <= N_IDS; id++) {
        const struct life *life = &world->lives[id];

        n += life->exists && life->created_in <= asked->commit;
    }
    CHECK(world, list->executions.n >= n, "%u of %u executions are listed\n", list->executions.n,
          n);
    for (uint32_t i = 1; i < list->executions.n; i++) {
        CHECK(world, ff_str_cmp(list->executions.v[i - 1], list->executions.v[i]) < 0,
              "the list is not in order\n");
    }
}

static void *
ask_scan(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_scan_eligible_executions_args *args = ff_arena_zalloc(arena, sizeof(*args));

    (void) asked;
    args->lane_id = ff_cstr(one_in(world, 4) ? "M" : "L");
    args->limit = 1 + below(world, 5);
    return args;
}

static const struct act acts[] = {
    { FF_OP_create_execution, 16, ask_create, judge_create, refused_create },
    { FF_OP_cancel_execution, 2, ask_cancel_execution, judge_cancel_execution, NULL },
    { FF_OP_replay_execution, 4, ask_replay_execution, judge_replay, NULL },
    { FF_OP_change_priority, 3, ask_change_priority, judge_change_priority, NULL },
    { FF_OP_revoke_lease, 2, ask_revoke_lease, judge_revoke, NULL },
    { FF_OP_block_execution_for_admission, 2, ask_block, NULL, NULL },
    { FF_OP_unblock_execution, 3, ask_unblock, NULL, NULL },
    { FF_OP_set_lane_state, 3, ask_set_lane_state, NULL, NULL },
    { FF_OP_set_execution_tag, 2, ask_set_tags, NULL, NULL },
    { FF_OP_read_execution_state, 4, ask_read_execution_state, judge_state, NULL },
    { FF_OP_read_execution_info, 3, ask_read_execution_info, judge_info, NULL },
    { FF_OP_describe_execution, 3, ask_describe_execution, judge_describe, NULL },
    { FF_OP_get_execution_result, 2, ask_get_execution_result, NULL, NULL },
    { FF_OP_list_executions, 1, ask_list_executions, judge_list, NULL },
    { FF_OP_scan_eligible_executions, 1, ask_scan, NULL, NULL },
};
const struct acts ff_sim_client_acts = { acts, FF_COUNT(acts) };
