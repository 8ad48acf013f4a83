/* acts_admission.c: budgets, quotas and the registry beside the executions that they hold back, and
 * what must hold of them (05).
 */

#include "core/engine/counts.h"
#include "core/sound.h"
#include "tests/sim/sim.h"

#define TOKENS_MAX 20
#define RATE 3
#define WINDOW_MS 1000

/* ---- ids ---- */

/* Of two policies: 1 has a rate and a cap, 2 a cap only. */
static struct ff_uuid
policy_id(uint32_t n)
{
    return (struct ff_uuid){ .b = { 0xc0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0,
                                    (uint8_t) n } };
}

static struct ff_uuid
budget_id(void)
{
    return (struct ff_uuid){ .b = { 0xb0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1 } };
}

/* ---- budgets ---- */

static struct ff_str tokens = { "tokens", 6 };
static uint64_t hard_limit = TOKENS_MAX, soft_limit = TOKENS_MAX / 2;

static void *
ask_create_budget(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_create_budget_args *args = ff_arena_zalloc(arena, sizeof(*args));

    (void) world;
    (void) asked;
    *args = (struct ff_create_budget_args){
        .budget_id = budget_id(),
        .scope_type = ff_cstr("sim"),
        .scope_id = ff_cstr(""),
        .enforcement_mode = ff_cstr("strict"),
        .on_hard_limit = ff_cstr("fail"),
        .on_soft_limit = ff_cstr("warn"),
        .reset_interval_ms = 300,
        .dimensions = { .v = &tokens, .n = 1 },
        .hard_limits = { .v = &hard_limit, .n = 1 },
        .soft_limits = { .v = &soft_limit, .n = 1 },
    };
    return args;
}

static void *
ask_report_usage_admin(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    static const char *const keys[] = { "", "a", "b", "c" };
    struct ff_report_usage_admin_args *args = ff_arena_zalloc(arena, sizeof(*args));

    (void) asked;
    args->budget_id = budget_id();
    args->dimensions = (struct ff_strs){ .v = &tokens, .n = 1 };
    args->deltas = (struct ff_u64s){ .v = FF_ARENA_NEW(arena, uint64_t, 1), .n = 1 };
    args->deltas.v[0] = below(world, 8);
    args->dedup_key = ff_cstr(keys[below(world, FF_COUNT(keys))]);
    return args;
}

static void *
ask_record_spend(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_record_spend_args *args = ff_arena_zalloc(arena, sizeof(*args));
    struct ff_tally *spent = FF_ARENA_NEW(arena, struct ff_tally, 1);

    *spent = (struct ff_tally){ tokens, below(world, 6) };
    args->budget_id = budget_id();
    args->execution_id = ff_rig_id(asked->id);
    args->deltas = (struct ff_counts){ .v = spent, .n = 1 };
    args->idempotency_key = ff_cstr("");
    return args;
}

static void *
ask_release_budget(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_release_budget_args *args = ff_arena_zalloc(arena, sizeof(*args));

    (void) world;
    args->budget_id = budget_id();
    args->execution_id = ff_rig_id(asked->id);
    return args;
}

#define ASK_OF_BUDGET(op)                                                                          \
    static void *ask_##op(struct world *world, struct ff_arena *arena, struct asked *asked)        \
    {                                                                                              \
        struct ff_##op##_args *args = ff_arena_zalloc(arena, sizeof(*args));                       \
                                                                                                   \
        (void) world;                                                                              \
        (void) asked;                                                                              \
        args->budget_id = budget_id();                                                             \
        return args;                                                                               \
    }

ASK_OF_BUDGET(reset_budget)
ASK_OF_BUDGET(reset_budget_if_due)

static void
refused_reset(struct world *world, const struct asked *asked, ff_err code)
{
    (void) asked;
    CHECK(world, code == FF_E_BUDGET_NOT_FOUND, "a reset is refused\n");
}

/* ---- quotas, workers ---- */

static void *
ask_create_quota_policy(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_create_quota_policy_args *args = ff_arena_zalloc(arena, sizeof(*args));
    uint32_t n = 1 + below(world, 2);

    (void) asked;
    args->quota_policy_id = policy_id(n);
    args->window_seconds = WINDOW_MS / 1000;
    args->max_requests_per_window = n == 1 ? RATE : 0;
    args->max_concurrent = n == 1 ? 2 : 1;
    return args;
}

static void *
ask_check_admission(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_check_admission_args *args = ff_arena_zalloc(arena, sizeof(*args));

    args->quota_policy_id = policy_id(1 + below(world, 2));
    args->dimension = ff_cstr("default");
    args->execution_id = ff_rig_id(asked->id);
    return args;
}

static void *
ask_release_admission(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_release_admission_args *args = ff_arena_zalloc(arena, sizeof(*args));

    args->quota_policy_id = policy_id(1 + below(world, 2));
    args->execution_id = ff_rig_id(asked->id);
    return args;
}

static void *
ask_nothing(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    (void) world;
    (void) asked;
    return ff_arena_zalloc(arena, 256); /* every argument absent */
}

static void *
ask_register_worker(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    static struct ff_str lane = { "L", 1 };
    struct ff_register_worker_args *args = ff_arena_zalloc(arena, sizeof(*args));

    (void) asked;
    *args = (struct ff_register_worker_args){
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr(one_in(world, 2) ? "w-1" : "w-2"),
        .lanes = { .v = &lane, .n = 1 },
        .capabilities = one_in(world, 2) ? world->gpu : world->no_capabilities,
        .liveness_ttl_ms = 1 + below(world, 200),
        .namespace = ff_cstr("N"),
    };
    return args;
}

static void
never_refused(struct world *world, const struct asked *asked, ff_err code)
{
    (void) asked;
    CHECK(world, false, "%s, where nothing can be wrong\n", ff_error_info(code)->code);
}

static const struct act acts[] = {
    { FF_OP_create_budget, 1, ask_create_budget, NULL, never_refused },
    { FF_OP_report_usage_admin, 5, ask_report_usage_admin, NULL, never_refused },
    { FF_OP_record_spend, 3, ask_record_spend, NULL, never_refused },
    { FF_OP_release_budget, 2, ask_release_budget, NULL, never_refused },
    { FF_OP_reset_budget, 1, ask_reset_budget, NULL, refused_reset },
    { FF_OP_reset_budget_if_due, 2, ask_reset_budget_if_due, NULL, never_refused },
    { FF_OP_reconcile_budget_counters, 1, ask_nothing, NULL, never_refused },
    { FF_OP_create_quota_policy, 2, ask_create_quota_policy, NULL, never_refused },
    { FF_OP_check_admission, 5, ask_check_admission, NULL, never_refused },
    { FF_OP_release_admission, 2, ask_release_admission, NULL, never_refused },
    { FF_OP_reconcile_quota_counters, 1, ask_nothing, NULL, never_refused },
    { FF_OP_register_worker, 1, ask_register_worker, NULL, never_refused },
    { FF_OP_sweep_worker_registry, 1, ask_nothing, NULL, never_refused },
};
const struct acts ff_sim_admission_acts = { acts, FF_COUNT(acts) };

/* ---- what must hold ---- */

/* A report never leads beyond the limit of a defined, strict budget. */
static void
see_budget(struct world *world, const struct ff_budget *before, const struct ff_budget *after)
{
    if (before == NULL || after == NULL || !before->created_at.is) {
        return;
    }
    for (uint32_t i = 0; i < after->usage.n; i++) {
        const struct ff_tally *used = &after->usage.v[i];
        uint64_t limit = ff_counts_get(after->hard_limits, used->key);

        CHECK(world,
              limit == 0 || used->value <= limit ||
                  used->value <= ff_counts_get(before->usage, used->key),
              "%" PRIu64 " of %" PRIu64 " are used\n", used->value, limit);
    }
}

static void
note_since(struct world *world, uint64_t *since, bool so)
{
    if (!so) {
        *since = NOT_SO;
    } else if (*since == NOT_SO) {
        *since = world->commits;
    }
}

static void
see(struct world *world, enum ff_record kind, const void *before, const void *after)
{
    if (kind == FF_R_BUDGET) {
        const struct ff_budget *budget = after;

        see_budget(world, before, after);
        note_since(world, &world->full_since,
                   budget->created_at.is && ff_counts_get(budget->usage, tokens) >= TOKENS_MAX);
    } else if (kind == FF_R_QUOTA) {
        const struct ff_quota *old = before, *quota = after;

        if (quota->created_at.is && (old == NULL || !old->created_at.is)) {
            world->quota_made[quota->quota_policy_id.b[15] % 4] = world->commits;
        }
    } else if (kind == FF_R_LANE) {
        const struct ff_lane *lane = after;

        note_since(world, &world->open_since[lane->lane_id.p[0] == 'M'],
                   lane->state == FF_LANE_ACTIVE || lane->state == FF_LANE_DRAINING);
    }
}

static void
check_slot(struct world *world, const struct ff_slot *slot, struct ff_arena *arena)
{
    struct ff_key key = ff_key_eid(&slot->execution_id);
    const struct ff_exec *exec = ff_sim_committed_record(world, FF_R_EXEC, &key, arena);

    CHECK(world, ff_slot_unsound(slot, exec) == NULL, "the slot of %u %s\n",
          slot->execution_id.uuid.b[15], ff_slot_unsound(slot, exec));
}

/* Commits that one broker may make between what a claim with another has consulted and its own. */
#define BEHIND_MAX 20

/* The claim may have consulted the store when there was no policy (spec/records.md §1.6). */
static bool
was_behind(struct world *world, const struct ff_exec *exec)
{
    struct life *life = ff_sim_life(world, &exec->execution_id);
    const struct lease *lease = ff_sim_lease(world, life, exec->current_lease_epoch);
    uint64_t made = world->quota_made[exec->quota_policy_id.v.b[15] % 4];

    return world->n_brokers > 1 && lease->begun_in <= made + BEHIND_MAX;
}

/* What runs under a policy with a cap holds a slot of it as long as it is active (S-1). */
static void
check_holder(struct world *world, const struct ff_exec *exec, struct ff_arena *arena)
{
    struct ff_key slot_key = ff_key_slot(&exec->quota_policy_id.v, &exec->execution_id);
    struct ff_key quota_key = ff_key_uuid(&exec->quota_policy_id.v);
    const struct ff_quota *quota = ff_sim_committed_record(world, FF_R_QUOTA, &quota_key, arena);
    const struct ff_slot *slot = ff_sim_committed_record(world, FF_R_SLOT, &slot_key, arena);
    bool capped = quota != NULL && quota->created_at.is && quota->max_concurrent > 0;

    CHECK(world,
          !capped || exec->lease_acquired_at.v <= quota->created_at.v || was_behind(world, exec) ||
              (slot != NULL && slot->lapses_at == INT64_MAX),
          "%u runs, and holds no slot\n", exec->execution_id.uuid.b[15]);
}

/* At the end, when guards have lapsed: nobody holds a slot. */
void
ff_sim_check_no_slots(struct world *world)
{
    struct shadow_record *record = NULL, *next = NULL;
    FF_SCOPED(ff_arena) arena = { 0 };

    HASH_ITER(hh, world->shadow, record, next)
    {
        struct ff_key key = ff_key_bytes(ff_str(record->ident + 1, record->ident_n - 1u));

        if (record->ident[0] == FF_R_SLOT) {
            const struct ff_slot *slot = ff_sim_committed_record(world, FF_R_SLOT, &key, &arena);

            CHECK(world, slot->lapses_at <= world->rig->now_ms, "%u has left a slot\n",
                  slot->execution_id.uuid.b[15]);
        }
    }
}

struct tally {
    uint64_t slots, slots_counted;     /* records; what the policies say */
    uint64_t entries, entries_counted; /* behind the horizon; what the windows say */
};

static void
count_record(struct world *world, struct shadow_record *record, struct tally *tally,
             struct ff_arena *arena)
{
    enum ff_record kind = (enum ff_record) record->ident[0];
    struct ff_key key = ff_key_bytes(ff_str(record->ident + 1, record->ident_n - 1u));
    const void *body = NULL;

    if (kind != FF_R_SLOT && kind != FF_R_QUOTA && kind != FF_R_WINDOW &&
        kind != FF_R_WINDOW_ENTRY) {
        return;
    }
    body = ff_sim_committed_record(world, kind, &key, arena);
    if (kind == FF_R_SLOT) {
        check_slot(world, body, arena);
        tally->slots++;
    } else if (kind == FF_R_QUOTA) {
        tally->slots_counted += ((const struct ff_quota *) body)->slots;
    } else if (kind == FF_R_WINDOW) {
        const struct ff_window *window = body;

        CHECK(world, window->counted <= RATE, "%" PRIu64 " in a window\n", window->counted);
        tally->entries_counted += window->counted;
    } else {
        const struct ff_window_entry *entry = body;
        struct ff_key window_key = ff_key_window(&entry->quota_policy_id, entry->dimension);
        const struct ff_window *window =
            ff_sim_committed_record(world, FF_R_WINDOW, &window_key, arena);

        CHECK(world, window != NULL, "an entry without a window\n");
        tally->entries += entry->admitted_at > window->horizon;
    }
}

static void
committed(struct world *world)
{
    struct shadow_record *record = NULL, *next = NULL;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct tally tally = { 0 };

    HASH_ITER(hh, world->shadow, record, next)
    {
        count_record(world, record, &tally, &arena);
    }
    for (uint8_t id = 1; id <= N_IDS; id++) {
        const struct ff_exec *exec = &world->lives[id].exec;

        if (exec->lifecycle_phase == FF_PHASE_ACTIVE && exec->quota_policy_id.is) {
            check_holder(world, exec, &arena);
        }
    }
    CHECK(world, tally.slots == tally.slots_counted,
          "%" PRIu64 " slots, and %" PRIu64 " are counted\n", tally.slots, tally.slots_counted);
    CHECK(world, tally.entries == tally.entries_counted,
          "%" PRIu64 " entries, and %" PRIu64 " are counted\n", tally.entries,
          tally.entries_counted);
}

const struct watch ff_sim_admission_watch = { .record = see, .committed = committed };
