/* stress_acts.c: what the driver of the stress test asks, and how it judges the answers. */

#include "tests/engine/stress.h"

#define TTL_SHORT_MS 20
#define TTL_LONG_MS 400

/* ---- asking: fills a call's arguments ---- */

static struct ff_uuid
some_request(struct world *world)
{
    struct ff_uuid request = { .b = { [6] = 0x40, [8] = 0x80 } };

    request.b[15] = (uint8_t) below(world, 4);
    return request;
}

static void *
ask_create(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    static const char *const keys[] = { "k1", "k2", "k3" };
    static struct ff_tag tag = { .key = { "t", 1 }, .value = { "v", 1 } };
    struct ff_create_execution_args *args = ff_arena_zalloc(arena, sizeof(*args));

    *args = ff_rig_new_exec(asked->id);
    args->input_payload = ff_cstr("in");
    args->lane_id = ff_cstr(one_in(world, 4) ? "M" : "L");
    if (one_in(world, 2)) {
        args->policy = world->policy;
    }
    if (one_in(world, 3)) {
        args->idempotency_key = ff_cstr(keys[below(world, FF_COUNT(keys))]);
    }
    if (one_in(world, 4)) {
        args->delay_until = FF_SOME(ff_opt_i64, world->rig->now_ms + below(world, 40));
    }
    if (one_in(world, 4)) {
        args->tags = (struct ff_tags){ .v = &tag, .n = 1 };
    }
    return args;
}

static void *
ask_claim(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_claim_args *args = ff_arena_zalloc(arena, sizeof(*args));

    args->lane_id = ff_cstr(one_in(world, 4) ? "M" : "L");
    args->worker_capabilities = world->no_capabilities;
    args->worker_id = ff_cstr("w");
    args->worker_instance_id = ff_cstr(one_in(world, 2) ? "w-1" : "w-2");
    args->lease_ttl_ms = 1 + below(world, one_in(world, 2) ? TTL_SHORT_MS : TTL_LONG_MS);
    args->block_ms = one_in(world, 2) ? below(world, 60) : 0;
    args->include_reclaimable = !one_in(world, 4);
    asked->with_request = one_in(world, 4);
    if (asked->with_request) {
        args->request_id = FF_SOME(ff_opt_uuid, some_request(world));
    }
    return args;
}

static void *
ask_claim_many(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    const struct ff_claim_args *one = ask_claim(world, arena, asked);
    struct ff_claim_many_args *args = ff_arena_zalloc(arena, sizeof(*args));

    args->lane_id = one->lane_id;
    args->worker_capabilities = one->worker_capabilities;
    args->worker_id = one->worker_id;
    args->worker_instance_id = one->worker_instance_id;
    args->lease_ttl_ms = one->lease_ttl_ms;
    args->block_ms = one->block_ms;
    args->include_reclaimable = one->include_reclaimable;
    args->request_id = one->request_id;
    args->max = 1 + below(world, 6);
    args->include_context = one_in(world, 2);
    return args;
}

/* A handle that was given out, mostly a new one; NULL: there is none yet. */
static const struct ff_handle *
some_handle(struct world *world, struct asked *asked)
{
    uint32_t n =
        world->n_granted < FF_COUNT(world->recent) ? world->n_granted : FF_COUNT(world->recent);
    struct grant grant;

    if (n == 0) {
        return NULL;
    }
    grant = world->recent[(world->n_granted - 1 - below(world, n)) % FF_COUNT(world->recent)];
    asked->id = grant.id;
    asked->epoch = grant.epoch;
    return &world->models[grant.id].leases[grant.epoch].handle;
}

#define ASK_WITH_HANDLE(op, ...)                                                                   \
    static void *ask_##op(struct world *world, struct ff_arena *arena, struct asked *asked)        \
    {                                                                                              \
        const struct ff_handle *handle = some_handle(world, asked);                                \
        struct ff_##op##_args *args = ff_arena_zalloc(arena, sizeof(*args));                       \
                                                                                                   \
        if (handle == NULL) {                                                                      \
            return NULL;                                                                           \
        }                                                                                          \
        args->handle = *handle;                                                                    \
        __VA_ARGS__;                                                                               \
        return args;                                                                               \
    }

struct ff_str
ff_stress_result(struct ff_arena *arena, uint8_t id, uint64_t epoch)
{
    return ff_arena_printf(arena, "result %u at %" PRIu64, id, epoch);
}

ASK_WITH_HANDLE(renew, )
ASK_WITH_HANDLE(complete, args->payload = ff_stress_result(arena, asked->id, asked->epoch))
ASK_WITH_HANDLE(fail, args->reason.message = ff_cstr("it broke"),
                args->classification = FF_FAILURE_TRANSIENT)
ASK_WITH_HANDLE(delay, args->delay_until = world->rig->now_ms + below(world, 30))
ASK_WITH_HANDLE(progress, args->message = ff_cstr("on its way"))

static void *
ask_cancel_execution(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_cancel_execution_args *args = ff_arena_zalloc(arena, sizeof(*args));

    (void) world;
    args->execution_id = ff_rig_id(asked->id);
    args->reason = ff_cstr("why not");
    args->source = ff_cstr("operator_override");
    return args;
}

static void *
ask_set_lane_state(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_set_lane_state_args *args = ff_arena_zalloc(arena, sizeof(*args));

    (void) asked;
    args->lane_id = ff_cstr(one_in(world, 2) ? "M" : "L");
    args->state = one_in(world, 3) ? FF_LANE_PAUSED : FF_LANE_ACTIVE;
    return args;
}

/* Operations that need an execution id only. */
#define ASK_WITH_ID(op)                                                                            \
    static void *ask_##op(struct world *world, struct ff_arena *arena, struct asked *asked)        \
    {                                                                                              \
        struct ff_##op##_args *args = ff_arena_zalloc(arena, sizeof(*args));                       \
                                                                                                   \
        (void) world;                                                                              \
        args->execution_id = ff_rig_id(asked->id);                                                 \
        return args;                                                                               \
    }

ASK_WITH_ID(mark_lease_expired_if_due)
ASK_WITH_ID(read_execution_state)
ASK_WITH_ID(describe_execution)

static void *
ask_promote_delayed(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_promote_delayed_args *args = ff_arena_zalloc(arena, sizeof(*args));

    (void) world;
    args->execution_id = ff_rig_id(asked->id);
    args->lane_id = ff_cstr("");
    return args;
}

static void *
ask_change_priority(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_change_priority_args *args = ff_arena_zalloc(arena, sizeof(*args));

    args->execution_id = ff_rig_id(asked->id);
    args->new_priority = (int32_t) below(world, 100);
    args->lane_id = ff_cstr("");
    return args;
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

/* ---- judging an answer ---- */

/* Answered before the call was submitted. */
static bool
known(uint64_t at, const struct asked *asked)
{
    return at > 0 && at < asked->frame;
}

/* The first such answer counts. */
static void
note_created(const struct world *world, struct model *model)
{
    if (model->created_at == 0) {
        model->created_at = world->frames;
    }
}

static void
judge_create(struct world *world, struct asked *asked, const void *result)
{
    const struct ff_create_execution_result *created = result;
    uint8_t id = created->execution_id.uuid.b[15];
    struct model *model = &world->models[id];

    CHECK(id >= 1 && id <= N_IDS, "creation answers id %u\n", id);
    if (strcmp(created->outcome, "created") == 0) {
        CHECK(id == asked->id && !model->was_created && !known(model->created_at, asked),
              "%u is created again\n", asked->id);
        model->was_created = true;
    }
    note_created(world, model);
}

static void
note_grant(struct world *world, const struct asked *asked, const struct ff_claim *claim)
{
    struct ff_arena *arena = &world->rig->arena;
    uint8_t id = claim->execution_id.uuid.b[15];
    struct lease *lease = NULL;

    CHECK(id >= 1 && id <= N_IDS && claim->lease_epoch < EPOCHS_MAX, "claim of %u\n", id);
    lease = &world->models[id].leases[claim->lease_epoch];
    if (lease->granted) {
        CHECK(asked->with_request && ff_uuid_eq(lease->lease_id, claim->lease_id),
              "%u is leased twice at epoch %" PRIu64 "\n", id, claim->lease_epoch);
        return;
    }
    CHECK(!known(world->models[id].completed_at, asked), "%u is completed and claimed\n", id);
    *lease = (struct lease){ .granted = true,
                             .released = lease->released,
                             .lease_id = claim->lease_id,
                             .expires_at_ms = claim->lease_expires_at };
    lease->handle.backend = ff_arena_copy(arena, claim->handle.backend);
    lease->handle.kind = ff_arena_copy(arena, claim->handle.kind);
    lease->handle.opaque = ff_arena_copy(arena, claim->handle.opaque);
    world->recent[world->n_granted++ % FF_COUNT(world->recent)] =
        (struct grant){ .id = id, .epoch = claim->lease_epoch };
}

static void
judge_claim(struct world *world, struct asked *asked, const void *result)
{
    const struct ff_claim_result *got = result;
    struct ff_claim claim = { 0 };

    if (strcmp(got->outcome, "claimed") != 0) {
        return;
    }
    claim.handle = *got->handle;
    claim.execution_id = got->execution_id.v;
    claim.lease_id = got->lease_id.v;
    claim.lease_epoch = got->lease_epoch.v;
    claim.lease_expires_at = got->lease_expires_at.v;
    note_grant(world, asked, &claim);
}

static void
judge_claim_many(struct world *world, struct asked *asked, const void *result)
{
    const struct ff_claim_many_result *got = result;

    for (uint32_t i = 0; i < got->claims.n; i++) {
        note_grant(world, asked, &got->claims.v[i]);
    }
}

static void
judge_renew(struct world *world, struct asked *asked, const void *result)
{
    const struct ff_renew_result *renewed = result;
    struct lease *lease = &world->models[asked->id].leases[asked->epoch];

    CHECK(!known(world->models[asked->id].completed_at, asked), "%u is completed and renewed\n",
          asked->id);
    CHECK(renewed->lease_epoch == asked->epoch, "renewal of %u\n", asked->id);
    if (renewed->lease_expires_at > lease->expires_at_ms) {
        lease->expires_at_ms = renewed->lease_expires_at;
    }
}

static void
judge_complete(struct world *world, struct asked *asked, const void *result)
{
    struct model *model = &world->models[asked->id];

    (void) result;
    CHECK(model->completed_at == 0 || model->completed_epoch == asked->epoch,
          "%u is completed at epochs %" PRIu64 " and %" PRIu64 "\n", asked->id,
          model->completed_epoch, asked->epoch);
    if (model->completed_at == 0) {
        model->completed_at = world->frames;
    }
    model->completed_epoch = asked->epoch;
}

static void
judge_state(struct world *world, struct asked *asked, const void *result)
{
    const struct ff_read_execution_state_result *state = result;

    CHECK(!known(world->models[asked->id].created_at, asked) || state->public_state.is,
          "%u is gone\n", asked->id);
    CHECK(!known(world->models[asked->id].completed_at, asked) ||
              state->public_state.v == FF_PUBLIC_COMPLETED,
          "%u was completed\n", asked->id);
}

static void
judge_describe(struct world *world, struct asked *asked, const void *result)
{
    const struct ff_describe_execution_result *described = result;

    CHECK(!known(world->models[asked->id].created_at, asked) || described->execution != NULL,
          "%u is gone\n", asked->id);
}

const struct act ff_stress_acts[] = {
    { FF_OP_create_execution, 14, false, ask_create, judge_create },
    { FF_OP_claim, 12, false, ask_claim, judge_claim },
    { FF_OP_claim_many, 8, false, ask_claim_many, judge_claim_many },
    { FF_OP_renew, 6, false, ask_renew, judge_renew },
    { FF_OP_progress, 3, false, ask_progress, NULL },
    { FF_OP_complete, 3, true, ask_complete, judge_complete },
    { FF_OP_fail, 6, true, ask_fail, NULL },
    { FF_OP_delay, 6, true, ask_delay, NULL },
    { FF_OP_cancel_execution, 1, false, ask_cancel_execution, NULL },
    { FF_OP_mark_lease_expired_if_due, 8, false, ask_mark_lease_expired_if_due, NULL },
    { FF_OP_promote_delayed, 8, false, ask_promote_delayed, NULL },
    { FF_OP_change_priority, 3, false, ask_change_priority, NULL },
    { FF_OP_expire_worker_leases, 1, false, ask_expire_worker_leases, NULL },
    { FF_OP_set_lane_state, 3, false, ask_set_lane_state, NULL },
    { FF_OP_read_execution_state, 5, false, ask_read_execution_state, judge_state },
    { FF_OP_describe_execution, 3, false, ask_describe_execution, judge_describe },
};
const size_t ff_stress_n_acts = FF_COUNT(ff_stress_acts);
