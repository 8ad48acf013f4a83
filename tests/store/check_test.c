/* What the checker of stores at rest finds (backends/offline), and that a sound store has none:
 * each row spoils one thing. */
#include <stdio.h>

#include "backends/offline/offline.h"
#include "core/codec.h"
#include "core/records_stream.h"
#include "core/records_wait.h"
#include "core/state.h"
#include "tests/rig/pg_server.h"
#include "tests/rows.h"
#include "tests/store/bed.h"

#define DIGEST ff_str("0123456789abcdef", 16)

static struct ff_uuid flow_id = { { 7 } }, policy_id = { { 8 } };

/* ---- a store that is sound ---- */

static struct ff_exec
waiting(uint32_t n)
{
    struct ff_exec exec = ff_bed_exec(n);

    exec.blocking_reason = FF_BLOCK_WAITING_FOR_WORKER;
    ff_exec_set_public(&exec);
    exec.max_replay_count = 10;
    return exec;
}

static void
put_exec(struct ff_bed *bed, const struct ff_exec *exec)
{
    struct ff_exec_input input = ff_bed_input(exec, "p");

    ff_bed_put(bed, FF_R_EXEC, exec);
    ff_bed_put(bed, FF_R_EXEC_INPUT, &input);
}

static struct ff_edge
edge_of(const struct ff_exec *up, const struct ff_exec *down)
{
    return (struct ff_edge){ .flow_id = flow_id,
                             .edge_id = { { 9 } },
                             .upstream = up->execution_id,
                             .downstream = down->execution_id,
                             .edge_state = FF_EDGE_PENDING };
}

/* Two executions in a flow with an edge that is not applied, one alone, a quota policy. */
static void
put_sound(struct ff_bed *bed)
{
    struct ff_lane a = ff_bed_lane("a", FF_LANE_ACTIVE), b = ff_bed_lane("b", FF_LANE_ACTIVE);
    struct ff_exec up = waiting(3), down = waiting(6), alone = waiting(1);
    struct ff_edge edge = edge_of(&up, &down);
    const struct ff_flow flow = {
        .flow_id = flow_id, .namespace = ff_cstr("n"), .node_count = 2, .edge_count = 1
    };
    const struct ff_group group = { .flow_id = flow_id,
                                    .downstream = down.execution_id,
                                    .kind = FF_EDGE_POLICY_ALL_OF,
                                    .total = 1,
                                    .state = FF_GROUP_PENDING };
    const struct ff_quota quota = { .quota_policy_id = policy_id };
    const struct ff_member members[] = { { .flow_id = flow_id, .execution_id = up.execution_id },
                                         { .flow_id = flow_id,
                                           .execution_id = down.execution_id } };

    up.flow_id = down.flow_id = FF_SOME(ff_opt_uuid, flow_id);
    put_exec(bed, &up);
    put_exec(bed, &down);
    put_exec(bed, &alone);
    ff_bed_put(bed, FF_R_LANE, &a);
    ff_bed_put(bed, FF_R_LANE, &b);
    ff_bed_put(bed, FF_R_FLOW, &flow);
    ff_bed_put(bed, FF_R_MEMBER, &members[0]);
    ff_bed_put(bed, FF_R_MEMBER, &members[1]);
    ff_bed_put(bed, FF_R_EDGE, &edge);
    ff_bed_put(bed, FF_R_GROUP, &group);
    ff_bed_put(bed, FF_R_QUOTA, &quota);
    ff_bed_event(bed, FF_FAMILY_COMPLETION, "\x80"); /* an empty row */
    ff_bed_commit(bed);
}

/* ---- what spoils it ---- */

static void
nothing(struct ff_bed *bed)
{
    (void) bed;
}

static void
illegal_vector(struct ff_bed *bed)
{
    struct ff_exec exec = waiting(1);

    exec.terminal_outcome = FF_OUTCOME_SUCCESS;
    ff_bed_put(bed, FF_R_EXEC, &exec);
}

static void
lease_without_owner(struct ff_bed *bed)
{
    struct ff_exec exec = waiting(1);

    exec.lease_expires_at = FF_SOME(ff_opt_i64, 5);
    ff_bed_put(bed, FF_R_EXEC, &exec);
}

static void
input_gone(struct ff_bed *bed)
{
    struct ff_exec exec = waiting(1);

    ff_bed_remove(bed, FF_R_EXEC_INPUT, ff_key_eid(&exec.execution_id));
}

static void
lane_gone(struct ff_bed *bed)
{
    ff_bed_remove(bed, FF_R_LANE, ff_key_bytes(ff_cstr("b")));
}

static void
attempt_beside(struct ff_bed *bed)
{
    struct ff_exec exec = waiting(1);
    struct ff_attempt attempt = ff_bed_attempt(&exec, 0);

    exec.total_attempt_count = 1;
    exec.attempt_state = FF_ATTEMPT_PENDING_RETRY;
    ff_exec_set_public(&exec);
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_put(bed, FF_R_ATTEMPT, &attempt);
}

static void
open_waitpoint(struct ff_bed *bed)
{
    struct ff_exec exec = waiting(1);
    const struct ff_waitpoint waitpoint = { .execution_id = exec.execution_id,
                                            .waitpoint_id = { { 3 } },
                                            .state = FF_WAITPOINT_ACTIVE };

    ff_bed_put(bed, FF_R_WAITPOINT, &waitpoint);
}

static void
signal_to_nobody(struct ff_bed *bed)
{
    const struct ff_signal signal = { .execution_id = waiting(1).execution_id,
                                      .waitpoint_id = { { 4 } },
                                      .signal_id = { { 5 } },
                                      .number = 1 };

    ff_bed_put(bed, FF_R_SIGNAL, &signal);
}

static void
flow_counts(struct ff_bed *bed)
{
    const struct ff_flow flow = {
        .flow_id = flow_id, .namespace = ff_cstr("n"), .node_count = 3, .edge_count = 1
    };

    ff_bed_put(bed, FF_R_FLOW, &flow);
}

static void
group_counts(struct ff_bed *bed)
{
    const struct ff_group group = { .flow_id = flow_id,
                                    .downstream = waiting(6).execution_id,
                                    .kind = FF_EDGE_POLICY_ALL_OF,
                                    .total = 1,
                                    .succeeded = 1,
                                    .state = FF_GROUP_SATISFIED };

    ff_bed_put(bed, FF_R_GROUP, &group);
}

static void
flow_gone(struct ff_bed *bed)
{
    ff_bed_remove(bed, FF_R_FLOW, ff_key_flow(&flow_id));
}

static void
member_of_nobody(struct ff_bed *bed)
{
    const struct ff_member member = { .flow_id = flow_id, .execution_id = waiting(9).execution_id };
    const struct ff_flow flow = {
        .flow_id = flow_id, .namespace = ff_cstr("n"), .node_count = 3, .edge_count = 1
    };

    ff_bed_put(bed, FF_R_FLOW, &flow);
    ff_bed_put(bed, FF_R_MEMBER, &member);
}

static void
slot_held(struct ff_bed *bed)
{
    const struct ff_slot slot = { .quota_policy_id = policy_id,
                                  .execution_id = waiting(1).execution_id,
                                  .lapses_at = INT64_MAX };
    const struct ff_quota quota = { .quota_policy_id = policy_id, .slots = 1 };

    ff_bed_put(bed, FF_R_SLOT, &slot);
    ff_bed_put(bed, FF_R_QUOTA, &quota);
}

static void
slots_counted(struct ff_bed *bed)
{
    const struct ff_quota quota = { .quota_policy_id = policy_id, .slots = 4 };

    ff_bed_put(bed, FF_R_QUOTA, &quota);
}

static void
window_counted(struct ff_bed *bed)
{
    const struct ff_window window = {
        .quota_policy_id = policy_id, .dimension = DIGEST, .counted = 1, .horizon = 50
    };
    const struct ff_window_entry entry = { .quota_policy_id = policy_id,
                                           .dimension = DIGEST,
                                           .admitted_at = 50, /* not behind the horizon */
                                           .execution_id = waiting(1).execution_id };

    ff_bed_put(bed, FF_R_WINDOW, &window);
    ff_bed_put(bed, FF_R_WINDOW_ENTRY, &entry);
}

static struct ff_tally tokens_5 = { { "tokens", 6 }, 5 }, tokens_4 = { { "tokens", 6 }, 4 };

static void
budget_used(struct ff_bed *bed)
{
    const struct ff_budget budget = { .budget_id = policy_id, .usage = { &tokens_4, 1 } };
    const struct ff_ledger ledger = { .budget_id = policy_id,
                                      .execution_id = waiting(1).execution_id,
                                      .spend = { &tokens_5, 1 } };

    ff_bed_put(bed, FF_R_BUDGET, &budget);
    ff_bed_put(bed, FF_R_LEDGER, &ledger);
}

static void
frames_counted(struct ff_bed *bed)
{
    struct ff_exec exec = waiting(1);
    struct ff_attempt attempt = ff_bed_attempt(&exec, 0);
    const struct ff_stream stream = { .execution_id = exec.execution_id, .durable_kept = 1 };

    attempt.attempt_lifecycle = FF_LIFE_ENDED_FAILURE;
    exec.total_attempt_count = 1;
    exec.attempt_state = FF_ATTEMPT_PENDING_RETRY;
    ff_bed_put(bed, FF_R_EXEC, &exec);
    ff_bed_put(bed, FF_R_ATTEMPT, &attempt);
    ff_bed_put(bed, FF_R_STREAM, &stream);
}

static void
key_not_held(struct ff_bed *bed)
{
    const struct ff_keyring ring = { .current_kid = ff_cstr("k9") };

    ff_bed_put(bed, FF_R_KEYRING, &ring);
}

/* The change of the first of these indexes is forgotten. */
static void
forget_entry(struct ff_bed *bed, enum ff_index index)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < bed->batch.n_changes; i++) {
        if (bed->batch.changes[i].key.index != index) {
            bed->batch.changes[n++] = bed->batch.changes[i];
        }
    }
    assert_true(n < bed->batch.n_changes);
    bed->batch.n_changes = n;
}

static void
entry_missing(struct ff_bed *bed)
{
    struct ff_exec exec = waiting(4);

    put_exec(bed, &exec);
    forget_entry(bed, FF_IX_READY);
}

static void
entry_left(struct ff_bed *bed)
{
    struct ff_exec exec = waiting(1);

    ff_bed_remove(bed, FF_R_EXEC, ff_key_eid(&exec.execution_id));
    ff_bed_remove(bed, FF_R_EXEC_INPUT, ff_key_eid(&exec.execution_id));
    forget_entry(bed, FF_IX_READY);
}

static void
unreadable(struct ff_bed *bed)
{
    struct ff_lane lane = ff_bed_lane("c", FF_LANE_ACTIVE);

    ff_bed_put(bed, FF_R_LANE, &lane);
    ((char *) (uintptr_t) bed->batch.writes[0].body.p)[0] = (char) 0xc1; /* no msgpack */
}

static const struct row {
    const char *name;
    void (*spoil)(struct ff_bed *bed);
    const char *want; /* NULL: sound */
    bool everywhere;  /* on all stores; else where opening one is quick */
} rows[] = {
    { "nothing", nothing, NULL, true },
    { "an illegal vector", illegal_vector, "exec: has an illegal state vector", false },
    { "a lease without owner", lease_without_owner, "exec: has fields of a lease and no owner",
      false },
    { "no input", input_gone, "exec: has no input", true },
    { "no lane", lane_gone, "exec: is in a lane that there is not", false },
    { "an attempt that runs", attempt_beside,
      "attempt: runs beside the current attempt of its execution", false },
    { "an open waitpoint", open_waitpoint, "waitpoint: is open, and its execution counts none",
      false },
    { "a signal to nobody", signal_to_nobody, "signal: belongs to no waitpoint", false },
    { "a flow's count", flow_counts, "flow: counts other members than it has", true },
    { "a group's count", group_counts, "group: counts other edges than there are", true },
    { "no flow", flow_gone, "member: belongs to no flow", false },
    { "a member that is nobody", member_of_nobody, "member: is an execution that there is not",
      false },
    { "a slot of what does not run", slot_held, "slot: is held without end, and", false },
    { "a policy's count", slots_counted, "quota: counts other slots than there are", false },
    { "a window's count", window_counted, "window: counts other entries than there are", false },
    { "a budget's usage", budget_used, "budget: has used less than executions have spent of it",
      false },
    { "a stream's count", frames_counted, "stream: counts other frames than there are", false },
    { "no such key", key_not_held, "keyring: signs with a key that it does not hold", false },
    { "an entry that is missing", entry_missing, "index: lacks an entry", false },
    { "an entry that is left", entry_left, "index: has an entry where the record does not stand",
      false },
    { "what cannot be read", unreadable, "lane: cannot be read", false },
};

/* ---- running ---- */

struct seen {
    char text[2048]; /* "KIND: WHAT\n" of each */
};

static void
on_finding(void *ctx, const struct ff_offline_finding *finding)
{
    struct seen *seen = ctx;
    size_t n = strlen(seen->text);

    assert_true(finding->name[0] != '\0' || strcmp(finding->kind, "keyring") == 0);
    assert_true(finding->advice[0] != '\0');
    snprintf(seen->text + n, sizeof(seen->text) - n, "%s: %s\n", finding->kind, finding->what);
}

static void
check_row(const struct row *row, const char *kind)
{
    struct seen seen = { .text = "" };
    const struct ff_offline_checker checker = { .found = on_finding, .ctx = &seen };
    struct ff_offline_digest digest;
    struct ff_fault fault = { 0 };
    struct ff_bed bed;
    uint64_t n = 0;

    ff_bed_init(&bed, kind, NULL);
    assert_int_equal(ff_bed_open(&bed, &fault), FF_E_OK);
    put_sound(&bed);
    row->spoil(&bed);
    ff_bed_commit(&bed);
    assert_int_equal(ff_offline_check(bed.store, &checker, &digest, &n, &fault), FF_E_OK);
    if (row->want == NULL) {
        assert_string_equal(seen.text, "");
    } else if (strstr(seen.text, row->want) == NULL) {
        fail_msg("%s: '%s' is not in: %s", kind, row->want, seen.text);
    }
    assert_int_equal(n > 0, row->want != NULL);
    assert_int_equal(digest.records[FF_R_MEMBER].n >= 2, 1);
    ff_bed_done(&bed);
}

static void
test_row(void **state)
{
    const struct row *row = *state;

    check_row(row, "memory");
    check_row(row, "valkey");
    if (row->everywhere) {
        check_row(row, "sqlite");
        if (ff_pg_there()) {
            check_row(row, "postgres");
        }
    }
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };

    return ff_run_rows("check", tables, FF_COUNT(tables), NULL, 0);
}
