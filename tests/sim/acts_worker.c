/* acts_worker.c: what workers ask: claims in all forms, and what is done under a lease, also with
 * handles that are long out of date. A worker that dies is one that asks nothing more. */

#include "tests/sim/sim.h"

#define TTL_SHORT_MS 40
#define TTL_LONG_MS 800
#define GRANT_TTL_MS 60

/* ---- claims ---- */

static uint64_t
some_ttl(struct world *world)
{
    return 1 + below(world, one_in(world, 2) ? TTL_SHORT_MS : TTL_LONG_MS);
}

static struct ff_str
some_instance(struct world *world, struct asked *asked)
{
    static const char *const instances[] = { "w-1", "w-2" };

    asked->instance = (uint8_t) below(world, FF_COUNT(instances));
    return ff_cstr(instances[asked->instance]);
}

/* Of a pool of few, so that calls meet; mostly one that is not used again. */
static struct ff_uuid
some_uuid(struct world *world)
{
    struct ff_uuid uuid = { .b = { [6] = 0x40, [8] = 0x80 } };
    uint64_t bits = one_in(world, 4) ? below(world, 4) : draw(world);

    memcpy(&uuid.b[9], &bits, 7);
    return uuid;
}

static void *
ask_claim(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_claim_args *args = ff_arena_zalloc(arena, sizeof(*args));

    args->lane_id = ff_cstr(one_in(world, 4) ? "M" : "L");
    asked->lane = args->lane_id.p[0];
    asked->gpu = one_in(world, 2);
    args->worker_capabilities = asked->gpu ? world->gpu : world->no_capabilities;
    args->worker_id = ff_cstr("w");
    args->worker_instance_id = some_instance(world, asked);
    args->lease_ttl_ms = some_ttl(world);
    args->block_ms = one_in(world, 2) ? below(world, 60) : 0;
    args->include_reclaimable = !one_in(world, 4);
    asked->with_request = one_in(world, 3);
    if (asked->with_request) {
        asked->request_id = some_uuid(world);
        args->request_id = FF_SOME(ff_opt_uuid, asked->request_id);
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

/* Work that a claim must have found: it has stood there since this commit at the latest, and its
 * worker may have it, however much stands before it that is blocked. */
static bool
is_for(const struct world *world, const struct asked *asked, const struct life *life,
       uint64_t commit)
{
    const struct ff_exec *exec = &life->exec;

    return life->exists && life->now.commit <= commit &&
           exec->eligibility_state == FF_ELIGIBLE_NOW && exec->grant == NULL &&
           exec->lane_id.p[0] == asked->lane && !exec->cancel_owed_at.is &&
           (asked->gpu || exec->required_capabilities.n == 0) && !exec->quota_policy_id.is &&
           (exec->budget_ids.n == 0 || world->full_since == NOT_SO);
}

/* The lane was open all the time, also between two calls of one commit. */
static bool
was_open(const struct world *world, const struct asked *asked)
{
    bool closed = world->open_since[asked->lane == 'M'] > asked->commit ||
                  world->closed_by[asked->lane == 'M'] >= asked->frame;

    for (uint32_t i = 0; i < N_CLIENTS; i++) {
        const struct client *client = &world->clients[i];

        for (uint32_t j = 0; j < client->frame.n && client->busy; j++) {
            closed = closed || client->asked[j].closes == asked->lane;
        }
    }
    return !closed;
}

/* A claim has found nothing. */
static void
check_not_starved(struct world *world, const struct asked *asked)
{
    if (!was_open(world, asked)) {
        return;
    }
    for (uint8_t id = 1; id <= N_IDS; id++) {
        CHECK(world, !is_for(world, asked, &world->lives[id], asked->commit),
              "%u is passed over by a claim\n", id);
    }
}

/* The one call of a frame that may be waiting; NULL: there are none, or several. */
static const struct asked *
waiting_claim(const struct client *client)
{
    const struct asked *found = NULL;

    for (uint32_t i = 0; i < client->frame.n; i++) {
        if ((ff_ops[client->calls[i].op].flags & FF_OPF_BLOCKING) != 0) {
            if (found != NULL) {
                return NULL;
            }
            found = &client->asked[i];
        }
    }
    return found != NULL && found->lane != 0 ? found : NULL;
}

void
ff_sim_check_waiting(struct world *world)
{
    for (uint32_t i = 0; i < N_CLIENTS; i++) {
        const struct client *client = &world->clients[i];
        const struct asked *waiting = client->busy ? waiting_claim(client) : NULL;

        for (uint8_t id = 1; id <= N_IDS && waiting != NULL; id++) {
            CHECK(world,
                  world->open_since[waiting->lane == 'M'] == NOT_SO ||
                      !is_for(world, waiting, &world->lives[id], UINT64_MAX),
                  "%u stands there, and the claim of client %u waits\n", id, i);
        }
    }
}

/* A budget that was at its hard limit all the time lets nothing begin. */
static void
check_budget(struct world *world, const struct asked *asked, const struct life *life,
             const struct lease *lease)
{
    CHECK(world,
          asked->lane == 0 || world->n_brokers > 1 || lease->begun_in <= asked->commit ||
              life->exec.budget_ids.n == 0 || world->full_since > asked->commit ||
              ff_str_is(lease->handle.kind, "reclaimed"),
          "it begins, and its budget is used up\n");
}

/* What a claim was answered with: a lease in the store, and nobody else's. */
static void
note_grant(struct world *world, const struct asked *asked, const struct ff_claim *claim)
{
    struct ff_arena *arena = &world->rig->arena;
    struct life *life = ff_sim_life(world, &claim->execution_id);
    struct lease *lease = ff_sim_lease(world, life, claim->lease_epoch);
    uint8_t id = claim->execution_id.uuid.b[15];

    CHECK(world, lease->begun && ff_uuid_eq(lease->lease_id, claim->lease_id),
          "%u: a claim is answered with epoch %" PRIu64 " that is not in the store\n", id,
          claim->lease_epoch);
    if (lease->told) {
        CHECK(world,
              asked->with_request && lease->with_request && asked->instance == lease->instance &&
                  ff_uuid_eq(asked->request_id, lease->request_id),
              "%u is handed out twice at epoch %" PRIu64 "\n", id, claim->lease_epoch);
        CHECK(world, ff_str_eq(claim->handle.opaque, lease->handle.opaque),
              "%u: a repeated claim is answered differently\n", id);
        return;
    }
    lease->told = true;
    lease->with_request = asked->with_request;
    lease->request_id = asked->request_id;
    lease->instance = asked->instance;
    lease->handle.backend = ff_arena_copy(arena, claim->handle.backend);
    lease->handle.kind = ff_arena_copy(arena, claim->handle.kind);
    lease->handle.opaque = ff_arena_copy(arena, claim->handle.opaque);
    check_budget(world, asked, life, lease);
    world->recent[world->n_recent++ % RECENT] =
        (struct recent){ .id = id, .epoch = claim->lease_epoch };
}

/* What the same request has got stood there when the claim came, whoever gave it: it gets nothing
 * else (02 §5.8). */
static void
check_repeat(struct world *world, const struct asked *asked, const struct ff_claim *claim)
{
    for (uint8_t id = 1; id <= N_IDS && asked->with_request; id++) {
        const struct life *life = &world->lives[id];
        const struct ff_exec *exec = &life->exec;
        bool held = life->exists && life->now.commit <= asked->commit &&
                    exec->ownership_state == FF_OWNER_LEASED &&
                    exec->lease_expires_at.v > world->rig->now_ms && exec->claim_request_id.is &&
                    ff_uuid_eq(exec->claim_request_id.v, asked->request_id) &&
                    exec->current_worker_instance_id.p[2] == '1' + asked->instance &&
                    exec->lane_id.p[0] == asked->lane;
        bool same = claim != NULL && ff_sim_lease(world, ff_sim_life(world, &claim->execution_id),
                                                  claim->lease_epoch)
                                             ->begun_in <= asked->commit;

        CHECK(world, !held || same, "%u is held by the request already\n", id);
    }
}

static void
judge_claim(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_claim_result *got = result;

    if (strcmp(got->outcome, "claimed") != 0) {
        check_repeat(world, asked, NULL);
        check_not_starved(world, asked);
    } else {
        const struct ff_claim claim = { .handle = *got->handle,
                                        .execution_id = got->execution_id.v,
                                        .lease_id = got->lease_id.v,
                                        .lease_epoch = got->lease_epoch.v };

        note_grant(world, asked, &claim);
        check_repeat(world, asked, &claim);
    }
}

static void
judge_claim_many(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_claim_many_result *got = result;

    check_repeat(world, asked, got->claims.n == 0 ? NULL : &got->claims.v[0]);
    if (got->claims.n == 0) {
        check_not_starved(world, asked);
    }
    for (uint32_t i = 0; i < got->claims.n; i++) {
        note_grant(world, asked, &got->claims.v[i]);
    }
}

static void
refused_claim(struct world *world, const struct asked *asked, ff_err code)
{
    (void) asked;
    CHECK(world, code == FF_E_RESOURCE_EXHAUSTED, "a claim fails\n"); /* too many are parked */
}

/* ---- grants and what consumes them ---- */

static bool
has_claim_grant(const struct ff_exec *exec)
{
    return exec->grant != NULL && exec->grant->kind == FF_GRANT_CLAIM &&
           exec->attempt_state != FF_ATTEMPT_INTERRUPTED;
}

static bool
has_resume_grant(const struct ff_exec *exec)
{
    return exec->grant != NULL && exec->grant->kind == FF_GRANT_CLAIM &&
           exec->attempt_state == FF_ATTEMPT_INTERRUPTED;
}

static bool
has_reclaim_grant(const struct ff_exec *exec)
{
    return exec->grant != NULL && exec->grant->kind == FF_GRANT_RECLAIM;
}

static bool
is_lost(const struct ff_exec *exec)
{
    return exec->ownership_state == FF_OWNER_EXPIRED || exec->ownership_state == FF_OWNER_REVOKED;
}

static bool
is_eligible(const struct ff_exec *exec)
{
    return exec->eligibility_state == FF_ELIGIBLE_NOW;
}

static void *
ask_claim_for_worker(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_claim_for_worker_args *args = ff_arena_zalloc(arena, sizeof(*args));

    args->lane_id = ff_cstr(one_in(world, 4) ? "M" : "L");
    args->worker_id = ff_cstr("w");
    args->worker_instance_id = some_instance(world, asked);
    args->worker_capabilities = one_in(world, 2) ? world->gpu : world->no_capabilities;
    args->grant_ttl_ms = 1 + below(world, GRANT_TTL_MS);
    args->include_reclaimable = !one_in(world, 4);
    args->block_ms = one_in(world, 4) ? below(world, 40) : 0;
    if (one_in(world, 4)) {
        args->request_id = FF_SOME(ff_opt_uuid, some_uuid(world));
        args->request_id.v.b[0] = 1; /* no claim asks with it */
    }
    return args;
}

static void *
ask_issue_claim_grant(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_issue_claim_grant_args *args = ff_arena_zalloc(arena, sizeof(*args));
    const struct life *life = NULL;

    ff_sim_prefer(world, asked, is_eligible);
    life = &world->lives[asked->id];
    args->execution_id = ff_rig_id(asked->id);
    args->lane_id = life->exists ? ff_arena_copy(arena, life->exec.lane_id) : ff_cstr("L");
    args->worker_id = ff_cstr("w");
    args->worker_instance_id = some_instance(world, asked);
    args->worker_capabilities = one_in(world, 2) ? world->gpu : world->no_capabilities;
    args->grant_ttl_ms = 1 + below(world, GRANT_TTL_MS);
    return args;
}

static void *
ask_issue_reclaim_grant(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_issue_reclaim_grant_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, is_lost);
    args->execution_id = ff_rig_id(asked->id);
    args->lane_id = ff_cstr("");
    args->worker_id = ff_cstr("w");
    args->worker_instance_id = some_instance(world, asked);
    args->worker_capabilities = world->gpu;
    args->grant_ttl_ms = 1 + below(world, GRANT_TTL_MS);
    return args;
}

/* The caller makes the lease id, which admits the same call again. */
static struct ff_opt_uuid
own_lease_id(struct world *world, struct asked *asked)
{
    asked->with_request = true;
    asked->request_id = some_uuid(world);
    return FF_SOME(ff_opt_uuid, asked->request_id);
}

static void *
ask_claim_execution(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_claim_execution_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, has_claim_grant);
    args->execution_id = ff_rig_id(asked->id);
    args->worker_id = ff_cstr("w");
    args->worker_instance_id = some_instance(world, asked);
    args->lane_id = ff_cstr("");
    args->lease_id = own_lease_id(world, asked);
    args->lease_ttl_ms = some_ttl(world);
    args->attempt_policy_json = ff_cstr("");
    return args;
}

static void
judge_claim_execution(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_claim_execution_result *got = result;
    const struct ff_claim claim = { .handle = got->handle,
                                    .execution_id = got->execution_id,
                                    .lease_id = got->lease_id,
                                    .lease_epoch = got->lease_epoch };

    note_grant(world, asked, &claim);
}

static void *
ask_claim_resumed_execution(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_claim_resumed_execution_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, has_resume_grant);
    args->execution_id = ff_rig_id(asked->id);
    args->worker_id = ff_cstr("w");
    args->worker_instance_id = some_instance(world, asked);
    args->lane_id = ff_cstr("");
    args->lease_id = own_lease_id(world, asked);
    args->lease_ttl_ms = some_ttl(world);
    return args;
}

static void
judge_claim_resumed(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_claim_resumed_execution_result *got = result;
    const struct ff_claim claim = { .handle = got->handle,
                                    .execution_id = got->execution_id,
                                    .lease_id = got->lease_id,
                                    .lease_epoch = got->lease_epoch };

    note_grant(world, asked, &claim);
}

static void *
ask_reclaim_execution(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_reclaim_execution_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, has_reclaim_grant);
    args->execution_id = ff_rig_id(asked->id);
    args->worker_id = ff_cstr("w");
    args->worker_instance_id = some_instance(world, asked);
    args->lane_id = ff_cstr("");
    args->lease_id = own_lease_id(world, asked);
    args->lease_ttl_ms = some_ttl(world);
    args->attempt_policy_json = ff_cstr("");
    return args;
}

static void
judge_reclaim(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_reclaim_execution_result *got = result;

    if (strcmp(got->outcome, "claimed") == 0) {
        const struct ff_claim claim = { .handle = *got->handle,
                                        .execution_id = ff_rig_id(asked->id),
                                        .lease_id = got->lease_id.v,
                                        .lease_epoch = got->lease_epoch.v };

        note_grant(world, asked, &claim);
    }
}

/* ---- under a lease ---- */

#define ASK_WITH_HANDLE(op, ...)                                                                   \
    static void *ask_##op(struct world *world, struct ff_arena *arena, struct asked *asked)        \
    {                                                                                              \
        const struct ff_handle *handle = NULL;                                                     \
        struct ff_##op##_args *args = ff_arena_zalloc(arena, sizeof(*args));                       \
                                                                                                   \
        if (!ff_sim_some_lease(world, asked, &handle)) {                                           \
            return NULL;                                                                           \
        }                                                                                          \
        args->handle = *handle;                                                                    \
        __VA_ARGS__;                                                                               \
        return args;                                                                               \
    }

ASK_WITH_HANDLE(renew, )
ASK_WITH_HANDLE(complete, args->payload = ff_sim_result(arena, asked->id, asked->epoch))
ASK_WITH_HANDLE(fail, args->reason.message = ff_cstr("it broke"),
                args->classification = one_in(world, 6) ? FF_FAILURE_PERMANENT
                                                        : FF_FAILURE_TRANSIENT)
ASK_WITH_HANDLE(delay, args->delay_until = world->rig->now_ms + below(world, 30))
ASK_WITH_HANDLE(wait_children, )
ASK_WITH_HANDLE(cancel, args->reason = ff_cstr("enough"))
ASK_WITH_HANDLE(progress, args->message = ff_cstr("on its way"))

static struct ff_fence *
some_fence(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_fence *fence = ff_arena_zalloc(arena, sizeof(*fence));
    const struct ff_handle *handle = NULL;
    const struct life *life = NULL;

    if (!ff_sim_some_lease(world, asked, &handle)) {
        return NULL;
    }
    life = &world->lives[asked->id];
    fence->lease_id = FF_SOME(ff_opt_uuid, life->leases[asked->epoch].lease_id);
    fence->lease_epoch = FF_SOME(ff_opt_u64, asked->epoch);
    fence->attempt_id = life->exec.current_attempt_id; /* a newer one: stale */
    return fence->attempt_id.is ? fence : NULL;
}

static void *
ask_complete_execution(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_complete_execution_args *args = ff_arena_zalloc(arena, sizeof(*args));

    args->fence = some_fence(world, arena, asked);
    if (args->fence == NULL) {
        return NULL;
    }
    args->execution_id = ff_rig_id(asked->id);
    args->result_payload = ff_sim_result(arena, asked->id, asked->epoch);
    args->source = ff_cstr("lease_holder");
    return args;
}

/* ---- judging them ---- */

/* The lease ended in the way that the call asked for. */
static void
check_ended(struct world *world, const struct asked *asked, const char *how)
{
    const struct lease *lease = ff_sim_lease(world, &world->lives[asked->id], asked->epoch);

    CHECK(world, lease->end != LEASE_LIVE && strcmp(lease->how, how) == 0,
          "%u: epoch %" PRIu64 " ended as `%s`, a worker was told `%s`\n", asked->id, asked->epoch,
          lease->end == LEASE_LIVE ? "live" : lease->how, how);
}

static void
judge_complete(struct world *world, const struct asked *asked, const void *result)
{
    const struct life *life = &world->lives[asked->id];

    (void) result;
    check_ended(world, asked, "completed");
    CHECK(world,
          life->replays > asked->replays || life->result_epoch == asked->epoch ||
              (world->n_brokers > 1 && life->replays > 0), /* behind the other by a batch */
          "%u: the result of epoch %" PRIu64 " is lost\n", asked->id, asked->epoch);
}

static void
judge_fail(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_fail_result *failed = result;
    const struct lease *lease = ff_sim_lease(world, &world->lives[asked->id], asked->epoch);

    if (strcmp(lease->how, "attempt_timeout") == 0) { /* which scheduled the retry before */
        CHECK(world, strcmp(failed->outcome, "retry_scheduled") == 0, "%u failed\n", asked->id);
        return;
    }
    check_ended(world, asked, "failed");
}

static void
judge_delay(struct world *world, const struct asked *asked, const void *result)
{
    (void) result;
    check_ended(world, asked, "delayed");
}

static void
judge_wait_children(struct world *world, const struct asked *asked, const void *result)
{
    (void) result;
    check_ended(world, asked, "waiting_children");
}

/* By the worker itself, or by others before. */
static void
judge_cancel(struct world *world, const struct asked *asked, const void *result)
{
    const struct life *life = &world->lives[asked->id];

    (void) result;
    CHECK(world, life->cancels > 0 && life->leases[asked->epoch].end != LEASE_LIVE,
          "%u was not cancelled\n", asked->id);
}

/* The lease lived at some time since the call was submitted. */
static void
judge_holder(struct world *world, const struct asked *asked, const void *result)
{
    const struct lease *lease = ff_sim_lease(world, &world->lives[asked->id], asked->epoch);

    (void) result;
    CHECK(world, lease->end == LEASE_LIVE || lease->ended_in > asked->commit,
          "%u: epoch %" PRIu64 " was over when its holder was let through\n", asked->id,
          asked->epoch);
}

/* What the record of the last release promises to a repeated call (02 §3.7). */
static void
check_promise(struct world *world, const struct asked *asked, ff_err code, const char *outcome)
{
    const struct life *life = &world->lives[asked->id];
    const struct ff_release *last = life->exec.last_release;

    CHECK(world,
          (code != FF_E_EXECUTION_NOT_ACTIVE && code != FF_E_STALE_LEASE) || last == NULL ||
              last->lease_epoch != asked->epoch || !ff_str_is(last->outcome, outcome),
          "%u: a repeated call is refused, although epoch %" PRIu64 " is %s\n", asked->id,
          asked->epoch, outcome);
    CHECK(world, code != FF_E_STALE_LEASE || life->epoch > asked->epoch,
          "%u: epoch %" PRIu64 " is stale, and nobody has claimed since\n", asked->id,
          asked->epoch);
}

static void
refused_holder(struct world *world, const struct asked *asked, ff_err code)
{
    CHECK(world,
          code == FF_E_EXECUTION_NOT_ACTIVE || code == FF_E_STALE_LEASE ||
              code == FF_E_LEASE_EXPIRED || code == FF_E_LEASE_REVOKED,
          "%u: a holder is refused for another reason\n", asked->id);
    check_promise(world, asked, code, "no outcome");
}

#define REFUSED(op, outcome)                                                                       \
    static void refused_##op(struct world *world, const struct asked *asked, ff_err code)          \
    {                                                                                              \
        refused_holder(world, asked, code);                                                        \
        check_promise(world, asked, code, outcome);                                                \
    }

REFUSED(complete, "completed")
REFUSED(delay, "delayed")
REFUSED(wait_children, "waiting_children")

static void
refused_fail(struct world *world, const struct asked *asked, ff_err code)
{
    refused_holder(world, asked, code);
    check_promise(world, asked, code, "terminal_failed");
    check_promise(world, asked, code, "retry_scheduled");
}

static const struct act acts[] = {
    { FF_OP_claim, 12, ask_claim, judge_claim, refused_claim },
    { FF_OP_claim_many, 8, ask_claim_many, judge_claim_many, refused_claim },
    { FF_OP_claim_for_worker, 3, ask_claim_for_worker, NULL, refused_claim },
    { FF_OP_issue_claim_grant, 4, ask_issue_claim_grant, NULL, NULL },
    { FF_OP_claim_execution, 4, ask_claim_execution, judge_claim_execution, NULL },
    { FF_OP_claim_resumed_execution, 3, ask_claim_resumed_execution, judge_claim_resumed, NULL },
    { FF_OP_issue_reclaim_grant, 3, ask_issue_reclaim_grant, NULL, NULL },
    { FF_OP_reclaim_execution, 3, ask_reclaim_execution, judge_reclaim, NULL },
    { FF_OP_renew, 6, ask_renew, judge_holder, refused_holder },
    { FF_OP_progress, 3, ask_progress, judge_holder, refused_holder },
    { FF_OP_complete, 5, ask_complete, judge_complete, refused_complete },
    { FF_OP_complete_execution, 1, ask_complete_execution, judge_complete, NULL },
    { FF_OP_fail, 6, ask_fail, judge_fail, refused_fail },
    { FF_OP_delay, 5, ask_delay, judge_delay, refused_delay },
    { FF_OP_wait_children, 1, ask_wait_children, judge_wait_children, refused_wait_children },
    { FF_OP_cancel, 1, ask_cancel, judge_cancel, refused_holder },
};
const struct acts ff_sim_worker_acts = { acts, FF_COUNT(acts) };
