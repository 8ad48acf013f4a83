/* life.c: what must hold of an execution, commit by commit (01 §4, 02 §2, §3, §9). */

#include "core/engine/exec.h"
#include "core/sound.h"
#include "core/state.h"
#include "tests/sim/sim.h"

struct life *
ff_sim_life(struct world *world, const struct ff_eid *id)
{
    struct ff_eid want = ff_rig_id(id->uuid.b[15]);

    CHECK(world, id->uuid.b[15] >= 1 && id->uuid.b[15] <= N_IDS && ff_eid_eq(*id, want),
          "an execution that nobody has created\n");
    return &world->lives[id->uuid.b[15]];
}

struct lease *
ff_sim_lease(struct world *world, struct life *life, uint64_t epoch)
{
    CHECK(world, epoch >= 1 && epoch < 100000, "epoch %" PRIu64 "\n", epoch);
    while (life->n_leases <= epoch) {
        life->leases =
            ff_grow(life->leases, &life->leases_room, life->n_leases, sizeof(*life->leases));
        life->leases[life->n_leases++] = (struct lease){ .begun = false };
    }
    return &life->leases[epoch];
}

const struct moment *
ff_sim_unmoved(const struct world *world, const struct asked *asked)
{
    const struct life *life = &world->lives[asked->id];

    return life->exists && life->now.commit <= asked->commit && world->n_brokers == 1 ? &life->now
                                                                                      : NULL;
}

/* ---- events ---- */

static void
lease_begins(struct world *world, struct life *life, const struct ff_event *event)
{
    struct lease *lease = ff_sim_lease(world, life, event->lease_epoch.v);
    bool live = life->epoch > 0 && life->leases[life->epoch].end == LEASE_LIVE;

    CHECK(world, event->lease_epoch.v == life->epoch + 1,
          "epoch %" PRIu64 " begins after %" PRIu64 "\n", event->lease_epoch.v, life->epoch);
    CHECK(world, !live, "epoch %" PRIu64 " is still live\n", life->epoch);
    CHECK(world, life->completions == life->replays, "a terminal execution is claimed\n");
    life->epoch = event->lease_epoch.v;
    lease->begun = true;
    lease->begun_in = world->commits;
    lease->lease_id = event->lease_id.v;
}

static void
lease_ends(struct world *world, struct lease *lease, const struct ff_event *event)
{
    bool released = ff_str_is(event->revoked_by, "backend");

    lease->end = ff_str_is(event->event, "expired") ? LEASE_EXPIRED
                 : released                         ? LEASE_RELEASED
                                                    : LEASE_REVOKED;
    lease->ended_in = world->commits;
    snprintf(lease->how, sizeof(lease->how), "%.*s", (int) event->reason.n,
             event->reason.n == 0 ? "" : event->reason.p);
}

static void
see_lease_event(struct world *world, struct life *life, const struct ff_event *event)
{
    struct lease *lease = NULL;

    if (ff_str_is(event->event, "acquired") || ff_str_is(event->event, "reclaimed")) {
        lease_begins(world, life, event);
        return;
    }
    CHECK(world, life->epoch > 0 && life->epoch == event->lease_epoch.v,
          "%.*s of epoch %" PRIu64 ", the newest is %" PRIu64 "\n", (int) event->event.n,
          event->event.p, event->lease_epoch.v, life->epoch);
    lease = &life->leases[life->epoch];
    CHECK(world, lease->end == LEASE_LIVE && ff_uuid_eq(lease->lease_id, event->lease_id.v),
          "%.*s of a lease that is over\n", (int) event->event.n, event->event.p);
    if (!ff_str_is(event->event, "renewed")) {
        lease_ends(world, lease, event);
    }
}

static void
see_completion(struct world *world, struct life *life, const struct ff_event *event)
{
    static const struct {
        const char *word;
        enum ff_terminal_outcome outcome;
    } outcomes[] = {
        { "success", FF_OUTCOME_SUCCESS },     { "failed", FF_OUTCOME_FAILED },
        { "cancelled", FF_OUTCOME_CANCELLED }, { "expired", FF_OUTCOME_EXPIRED },
        { "skipped", FF_OUTCOME_SKIPPED },
    };

    CHECK(world, life->completions == life->replays, "a second completion event\n");
    CHECK(world, life->epoch == 0 || life->leases[life->epoch].end != LEASE_LIVE,
          "it ends while epoch %" PRIu64 " is live\n", life->epoch);
    life->completions++;
    life->outcome = FF_OUTCOME_NONE;
    for (size_t i = 0; i < FF_COUNT(outcomes); i++) {
        if (ff_str_is(event->outcome, outcomes[i].word)) {
            life->outcome = outcomes[i].outcome;
        }
    }
    life->cancels += life->outcome == FF_OUTCOME_CANCELLED;
    life->expiries += life->outcome == FF_OUTCOME_EXPIRED;
    life->failures += life->outcome == FF_OUTCOME_FAILED;
}

static void
see_operator_event(struct world *world, struct life *life, const struct ff_event *event)
{
    if (ff_str_is(event->event, "priority_changed")) {
        life->priorities++;
    } else if (ff_str_is(event->event, "replayed")) {
        CHECK(world, life->completions == life->replays + 1, "a live execution is replayed\n");
        life->replays++;
        CHECK(world, event->replay_count.v == life->replays, "replay %u is counted as %u\n",
              life->replays, event->replay_count.v);
        life->result_epoch = 0;
    }
}

static void
see_event(struct world *world, const struct ff_event *event)
{
    struct life *life = NULL;

    if (!event->execution_id.is) {
        return;
    }
    life = ff_sim_life(world, &event->execution_id.v);
    CHECK(world, event->at <= world->rig->now_ms, "an event from the future\n");
    if (event->family == FF_FAMILY_LEASE_HISTORY) {
        see_lease_event(world, life, event);
    } else if (event->family == FF_FAMILY_COMPLETION) {
        see_completion(world, life, event);
    } else if (event->family == FF_FAMILY_OPERATOR) {
        see_operator_event(world, life, event);
    }
}

/* ---- the execution record ---- */

static void
check_lease_fields(struct world *world, const struct life *life, const struct ff_exec *exec)
{
    bool live = life->epoch > 0 && life->leases[life->epoch].end == LEASE_LIVE;
    bool owned = exec->ownership_state != FF_OWNER_UNOWNED;

    CHECK(world, exec->current_lease_epoch == life->epoch,
          "the record has epoch %" PRIu64 ", the history %" PRIu64 "\n", exec->current_lease_epoch,
          life->epoch);
    CHECK(world, (exec->ownership_state == FF_OWNER_LEASED) == live,
          "epoch %" PRIu64 " is %s in the history\n", life->epoch, live ? "live" : "over");
    CHECK(world, !owned || ff_uuid_eq(exec->current_lease_id.v, life->leases[life->epoch].lease_id),
          "another lease id than the history's\n");
}

static void
check_end(struct world *world, const struct life *life, const struct ff_exec *exec)
{
    bool terminal = exec->lifecycle_phase == FF_PHASE_TERMINAL;

    CHECK(world, life->completions == life->replays + terminal,
          "%s after %u completion events and %u replays\n", terminal ? "terminal" : "live",
          life->completions, life->replays);
    CHECK(world, !terminal || exec->terminal_outcome == life->outcome, "another outcome\n");
    CHECK(world, exec->replay_count == life->replays, "replay_count\n");
}

/* What never changes, and what never goes back. */
static void
check_move(struct world *world, const struct ff_exec *before, const struct ff_exec *after)
{
    CHECK(world,
          before->created_at == after->created_at &&
              ff_str_eq(before->namespace, after->namespace) &&
              ff_str_eq(before->lane_id, after->lane_id) &&
              ff_str_eq(before->execution_kind, after->execution_kind) &&
              ff_str_eq(before->class_digest, after->class_digest),
          "what is immutable has changed\n");
    CHECK(world,
          after->current_lease_epoch >= before->current_lease_epoch &&
              after->total_attempt_count >= before->total_attempt_count &&
              after->last_mutation_at >= before->last_mutation_at &&
              after->last_transition_at >= before->last_transition_at,
          "what only grows has fallen\n");
    CHECK(world,
          !before->started_at.is ||
              (after->started_at.is && after->started_at.v == before->started_at.v),
          "started_at\n");
}

static void
remember(struct world *world, struct life *life, const struct ff_exec *exec)
{
    size_t size = ff_deep_size(ff_records[FF_R_EXEC], exec);

    ff_arena_reset(&life->arena);
    ff_deep_copy(ff_records[FF_R_EXEC], exec, &life->exec, ff_arena_alloc(&life->arena, size + 8));
    life->created_in = life->exists ? life->created_in : world->commits;
    life->exists = true;
    life->now = (struct moment){
        .commit = world->commits,
        .vector = ff_exec_vector(exec),
        .epoch = exec->current_lease_epoch,
        .leased = exec->ownership_state == FF_OWNER_LEASED,
    };
}

static void
see_exec(struct world *world, const struct ff_exec *before, const struct ff_exec *after)
{
    struct life *life = NULL;

    CHECK(world, after != NULL, "an execution is gone\n"); /* until something trims */
    life = ff_sim_life(world, &after->execution_id);
    CHECK(world, ff_exec_unsound(after) == NULL, "it %s\n", ff_exec_unsound(after));
    check_lease_fields(world, life, after);
    check_end(world, life, after);
    if (before != NULL) {
        check_move(world, before, after);
    }
    remember(world, life, after);
}

/* ---- attempts, results ---- */

static void
see_attempt(struct world *world, const struct ff_attempt *before, const struct ff_attempt *after)
{
    struct life *life = ff_sim_life(world, &after->execution_id);

    if (before == NULL) {
        CHECK(world, after->attempt_index == life->attempts, "attempt %u after %u\n",
              after->attempt_index, life->attempts);
        life->attempts++;
        return;
    }
    CHECK(world,
          ff_uuid_eq(before->attempt_id, after->attempt_id) &&
              before->attempt_type == after->attempt_type &&
              before->created_at == after->created_at,
          "what is immutable of an attempt has changed\n");
    CHECK(world,
          !ff_attempt_has_ended(before) || before->attempt_lifecycle == after->attempt_lifecycle,
          "attempt %u ends twice\n", after->attempt_index);
}

/* A result is the one of the lease that completed it. */
static void
see_result(struct world *world, const struct ff_exec_result *after)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct life *life = NULL;

    if (after == NULL) { /* a replay has wiped it */
        return;
    }
    life = ff_sim_life(world, &after->execution_id);
    CHECK(world, life->epoch > 0 && life->leases[life->epoch].end == LEASE_RELEASED,
          "a result without a completed lease\n");
    CHECK(world,
          ff_str_eq(after->result,
                    ff_sim_result(&arena, after->execution_id.uuid.b[15], life->epoch)),
          "the result of another lease\n");
    life->result_epoch = life->epoch;
}

static void
see_record(struct world *world, enum ff_record kind, const void *before, const void *after)
{
    if (kind == FF_R_EXEC) {
        see_exec(world, before, after);
    } else if (kind == FF_R_ATTEMPT) {
        see_attempt(world, before, after);
    } else if (kind == FF_R_EXEC_RESULT) {
        see_result(world, after);
    }
}

/* What needs all records of the commit: each attempt that the record counts is there. */
static void
see_committed(struct world *world)
{
    for (uint8_t id = 1; id <= N_IDS; id++) {
        const struct life *life = &world->lives[id];

        CHECK(world, !life->exists || life->exec.total_attempt_count == life->attempts,
              "%u has %u attempts, %u are stored\n", id, life->exec.total_attempt_count,
              life->attempts);
        CHECK(world, life->exists || life->epoch == 0, "%u has a lease and no record\n", id);
        CHECK(world, !life->exists || life->exec.current_lease_epoch == life->epoch,
              "%u has a lease that its record does not know\n", id);
    }
}

const struct watch ff_sim_life_watch = {
    .event = see_event,
    .record = see_record,
    .committed = see_committed,
};
