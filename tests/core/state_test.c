#include "core/state.h"

#include "core/arena.h"
#include "tests/core/fault_check.h"

/* A vector in the order of 01 §4.3: lifecycle, ownership, eligibility, blocking, outcome, attempt.
 */
#define VECTOR(phase, owner, eligible, block, outcome, attempt)                                    \
    {                                                                                              \
        .lifecycle_phase = FF_PHASE_##phase, .ownership_state = FF_OWNER_##owner,                  \
        .eligibility_state = FF_ELIGIBLE_##eligible, .blocking_reason = FF_BLOCK_##block,          \
        .terminal_outcome = FF_OUTCOME_##outcome, .attempt_state = FF_ATTEMPT_##attempt            \
    }

#define V(n) (1u << ((n) -1))

/* attempted: at least one attempt was made; stored: the engine may store it so. */
static const struct row {
    const char *name;
    struct ff_state_vector vector;
    enum ff_public_state public_state;
    uint32_t violations;
    bool attempted;
    bool stored;
} rows[] = {
    { "01 ex 18: created now",
      VECTOR(RUNNABLE, UNOWNED, NOW, WAITING_FOR_WORKER, NONE, PENDING_FIRST), FF_PUBLIC_WAITING, 0,
      false, true },
    { "01 ex 18: created with a delay",
      VECTOR(RUNNABLE, UNOWNED, UNTIL_TIME, WAITING_FOR_DELAY, NONE, PENDING_FIRST),
      FF_PUBLIC_DELAYED, 0, false, true },
    { "01 ex 19: claimed", VECTOR(ACTIVE, LEASED, NA, NONE, NONE, RUNNING), FF_PUBLIC_ACTIVE, 0,
      true, true },
    { "01 ex 19: lease overdue", VECTOR(ACTIVE, EXPIRED, NA, WAITING_FOR_WORKER, NONE, INTERRUPTED),
      FF_PUBLIC_ACTIVE, 0, true, true },
    { "01 ex 19: lease revoked", VECTOR(ACTIVE, REVOKED, NA, WAITING_FOR_WORKER, NONE, INTERRUPTED),
      FF_PUBLIC_ACTIVE, 0, true, true },
    { "01 ex 20: suspended for manual_pause",
      VECTOR(SUSPENDED, UNOWNED, NA, PAUSED_BY_OPERATOR, NONE, INTERRUPTED), FF_PUBLIC_SUSPENDED, 0,
      true, true },
    { "01 ex 21: resumed", VECTOR(RUNNABLE, UNOWNED, NOW, WAITING_FOR_WORKER, NONE, INTERRUPTED),
      FF_PUBLIC_WAITING, 0, true, true },
    { "01 ex 22: blocked by a quota",
      VECTOR(RUNNABLE, UNOWNED, QUOTA, WAITING_FOR_QUOTA, NONE, PENDING_FIRST),
      FF_PUBLIC_RATE_LIMITED, 0, false, true },
    { "01 ex 23: waits for a dependency",
      VECTOR(RUNNABLE, UNOWNED, DEPENDENCIES, WAITING_FOR_CHILDREN, NONE, PENDING_FIRST),
      FF_PUBLIC_WAITING_CHILDREN, 0, false, true },
    { "01 ex 23: skipped without attempt", VECTOR(TERMINAL, UNOWNED, NA, NONE, SKIPPED, NONE),
      FF_PUBLIC_SKIPPED, 0, false, true },
    { "01 ex 24: terminal without outcome", VECTOR(TERMINAL, UNOWNED, NA, NONE, NONE, TERMINAL),
      FF_PUBLIC_FAILED, V(4), true, false },
    { "01 ex 24: runnable with not_applicable",
      VECTOR(RUNNABLE, UNOWNED, NA, WAITING_FOR_WORKER, NONE, PENDING_FIRST), FF_PUBLIC_WAITING,
      V(7), false, false },
    { "01 ex 24: active but unowned", VECTOR(ACTIVE, UNOWNED, NA, NONE, NONE, RUNNING),
      FF_PUBLIC_ACTIVE, V(10), true, false },
    { "01 ex 25: cancelled while active", VECTOR(TERMINAL, UNOWNED, NA, NONE, CANCELLED, TERMINAL),
      FF_PUBLIC_CANCELLED, 0, true, true },
    { "01 ex 25: replayed",
      VECTOR(RUNNABLE, UNOWNED, NOW, WAITING_FOR_WORKER, NONE, PENDING_REPLAY), FF_PUBLIC_WAITING,
      0, true, true },
    { "retry back-off",
      VECTOR(RUNNABLE, UNOWNED, UNTIL_TIME, WAITING_FOR_RETRY_BACKOFF, NONE, PENDING_RETRY),
      FF_PUBLIC_DELAYED, 0, true, true },
    { "retry back-off of a first attempt",
      VECTOR(RUNNABLE, UNOWNED, UNTIL_TIME, WAITING_FOR_RETRY_BACKOFF, NONE, PENDING_FIRST),
      FF_PUBLIC_DELAYED, 0, false, false },
    { "resume delay",
      VECTOR(RUNNABLE, UNOWNED, UNTIL_TIME, WAITING_FOR_RESUME_DELAY, NONE, INTERRUPTED),
      FF_PUBLIC_DELAYED, 0, true, true },
    { "blocked by a budget",
      VECTOR(RUNNABLE, UNOWNED, BUDGET, WAITING_FOR_BUDGET, NONE, PENDING_RETRY),
      FF_PUBLIC_RATE_LIMITED, 0, true, true },
    { "blocked by route",
      VECTOR(RUNNABLE, UNOWNED, ROUTE, WAITING_FOR_CAPABLE_WORKER, NONE, PENDING_FIRST),
      FF_PUBLIC_WAITING, 0, false, true },
    { "blocked by lane state",
      VECTOR(RUNNABLE, UNOWNED, LANE_STATE, PAUSED_BY_POLICY, NONE, PENDING_FIRST),
      FF_PUBLIC_WAITING, 0, false, true },
    { "blocked by an operator",
      VECTOR(RUNNABLE, UNOWNED, OPERATOR, PAUSED_BY_OPERATOR, NONE, PENDING_FIRST),
      FF_PUBLIC_WAITING, 0, false, true },
    { "blocked for another reason than its eligibility says",
      VECTOR(RUNNABLE, UNOWNED, OPERATOR, PAUSED_BY_POLICY, NONE, PENDING_FIRST), FF_PUBLIC_WAITING,
      0, false, false },
    { "suspended for a reason that does not suspend",
      VECTOR(SUSPENDED, UNOWNED, NA, WAITING_FOR_WORKER, NONE, INTERRUPTED), FF_PUBLIC_SUSPENDED, 0,
      true, false },
    { "completed", VECTOR(TERMINAL, UNOWNED, NA, NONE, SUCCESS, TERMINAL), FF_PUBLIC_COMPLETED, 0,
      true, true },
    { "failed", VECTOR(TERMINAL, UNOWNED, NA, NONE, FAILED, TERMINAL), FF_PUBLIC_FAILED, 0, true,
      true },
    { "failed without attempt", VECTOR(TERMINAL, UNOWNED, NA, NONE, FAILED, NONE), FF_PUBLIC_FAILED,
      0, false, false },
    { "expired before the first attempt", VECTOR(TERMINAL, UNOWNED, NA, NONE, EXPIRED, NONE),
      FF_PUBLIC_EXPIRED, 0, false, true },
    { "expired after one, as if there was none", VECTOR(TERMINAL, UNOWNED, NA, NONE, EXPIRED, NONE),
      FF_PUBLIC_EXPIRED, 0, true, false },
    { "cancelled, as if there had been one",
      VECTOR(TERMINAL, UNOWNED, NA, NONE, CANCELLED, TERMINAL), FF_PUBLIC_CANCELLED, 0, false,
      false },
    { "submitted", VECTOR(SUBMITTED, UNOWNED, NA, NONE, NONE, NONE), FF_PUBLIC_WAITING, 0, false,
      false },
    { "V1: terminal and owned", VECTOR(TERMINAL, LEASED, NA, NONE, SUCCESS, TERMINAL),
      FF_PUBLIC_COMPLETED, V(1), true, false },
    { "V2: suspended and owned",
      VECTOR(SUSPENDED, REVOKED, NA, WAITING_FOR_SIGNAL, NONE, INTERRUPTED), FF_PUBLIC_SUSPENDED,
      V(2), true, false },
    { "V3: an outcome while active", VECTOR(ACTIVE, LEASED, NA, NONE, SUCCESS, RUNNING),
      FF_PUBLIC_ACTIVE, V(3), true, false },
    { "V5: active with a pending attempt", VECTOR(ACTIVE, LEASED, NA, NONE, NONE, PENDING_FIRST),
      FF_PUBLIC_ACTIVE, V(5), true, false },
    { "V6: submitted and eligible", VECTOR(SUBMITTED, UNOWNED, NOW, NONE, NONE, NONE),
      FF_PUBLIC_WAITING, V(6), false, false },
    { "V6 and V7: terminal and eligible", VECTOR(TERMINAL, UNOWNED, NOW, NONE, SUCCESS, TERMINAL),
      FF_PUBLIC_COMPLETED, V(6) | V(7), true, false },
    { "V7: suspended and blocked",
      VECTOR(SUSPENDED, UNOWNED, BUDGET, WAITING_FOR_BUDGET, NONE, INTERRUPTED),
      FF_PUBLIC_SUSPENDED, V(7), true, false },
    { "V8: submitted and owned", VECTOR(SUBMITTED, LEASED, NA, NONE, NONE, NONE), FF_PUBLIC_WAITING,
      V(8), false, false },
    { "V9: runnable with a running attempt",
      VECTOR(RUNNABLE, UNOWNED, NOW, WAITING_FOR_WORKER, NONE, RUNNING), FF_PUBLIC_WAITING, V(9),
      true, false },
    { "V9: runnable with an ended attempt",
      VECTOR(RUNNABLE, UNOWNED, NOW, WAITING_FOR_WORKER, NONE, TERMINAL), FF_PUBLIC_WAITING, V(9),
      true, false },
    { "V9: runnable without attempt",
      VECTOR(RUNNABLE, UNOWNED, NOW, WAITING_FOR_WORKER, NONE, NONE), FF_PUBLIC_WAITING, V(9),
      false, false },
    { "V10: runnable and owned",
      VECTOR(RUNNABLE, EXPIRED, NOW, WAITING_FOR_WORKER, NONE, PENDING_FIRST), FF_PUBLIC_WAITING,
      V(10), false, false },
};

static void
test_vector(void **state)
{
    const struct row *row = *state;
    struct ff_state_vector vector = row->vector;

    vector.public_state = FF_PUBLIC_RESUMABLE; /* derived from nothing: it must not matter */
    assert_int_equal(ff_public_state_of(&vector), row->public_state);
    assert_int_equal(ff_vector_violations(&vector), row->violations | FF_VIOLATION_LABEL);
    assert_false(ff_vector_is_stored_form(&vector, row->attempted));
    vector.public_state = row->public_state;
    assert_int_equal(ff_vector_violations(&vector), row->violations);
    assert_int_equal(ff_vector_is_stored_form(&vector, row->attempted), row->stored);
}

static void
test_a_wrong_label_is_v11(void **state) /* 01 ex 24 */
{
    struct ff_state_vector vector = VECTOR(TERMINAL, UNOWNED, NA, NONE, FAILED, TERMINAL);

    (void) state;
    vector.public_state = FF_PUBLIC_COMPLETED;
    assert_int_equal(ff_vector_violations(&vector), V(11));
}

/* Calls visit for each of the 45 360 combinations, public_state derived. */
static void
each_vector(void (*visit)(const struct ff_state_vector *vector))
{
    uint32_t n[6] = { ff_vocab_lifecycle_phase.n,   ff_vocab_ownership_state.n,
                      ff_vocab_eligibility_state.n, ff_vocab_blocking_reason.n,
                      ff_vocab_terminal_outcome.n,  ff_vocab_attempt_state.n };
    uint32_t all = n[0] * n[1] * n[2] * n[3] * n[4] * n[5];

    for (uint32_t i = 0; i < all; i++) {
        uint32_t rest = i;
        uint32_t at[6];
        struct ff_state_vector vector = { 0 };

        for (int d = 0; d < 6; d++) {
            at[d] = rest % n[d];
            rest /= n[d];
        }
        vector.lifecycle_phase = at[0];
        vector.ownership_state = at[1];
        vector.eligibility_state = at[2];
        vector.blocking_reason = at[3];
        vector.terminal_outcome = at[4];
        vector.attempt_state = at[5];
        vector.public_state = ff_public_state_of(&vector);
        visit(&vector);
    }
}

static uint32_t stored_forms;

static void
visit_stored_is_legal(const struct ff_state_vector *vector)
{
    for (int attempted = 0; attempted < 2; attempted++) {
        if (ff_vector_is_stored_form(vector, attempted != 0)) {
            stored_forms++;
            assert_int_equal(ff_vector_violations(vector), 0);
        }
    }
    assert_true(vector->public_state != FF_PUBLIC_RESUMABLE);
    assert_true(vector->public_state != FF_PUBLIC_SUBMITTED);
}

/* Of the ten runnable rows seven take all four pending states and three delays 2, 1 and 1: 32, at
 * either value of attempted; 3 active, 7 suspended likewise; terminal 5 with an attempt and 3
 * without. */
static void
test_what_is_stored_is_legal_in_every_combination(void **state)
{
    (void) state;
    stored_forms = 0;
    each_vector(visit_stored_is_legal);
    assert_int_equal(stored_forms, 2 * (32 + 3 + 7) + 5 + 3);
}

static struct ff_exec
exec_of(const struct ff_state_vector *vector)
{
    return (struct ff_exec){
        .lifecycle_phase = vector->lifecycle_phase,
        .ownership_state = vector->ownership_state,
        .eligibility_state = vector->eligibility_state,
        .blocking_reason = vector->blocking_reason,
        .terminal_outcome = vector->terminal_outcome,
        .attempt_state = vector->attempt_state,
    };
}

static void
test_a_record_is_judged_as_its_vector(void **state)
{
    struct ff_state_vector vector = VECTOR(ACTIVE, LEASED, NA, NONE, NONE, RUNNING);
    struct ff_exec exec = exec_of(&vector);
    struct ff_fault fault = { 0 };
    FF_SCOPED(ff_arena) arena = { 0 };

    (void) state;
    assert_false(ff_exec_state_legal(&exec)); /* the label is still `waiting` */
    ff_exec_set_public(&exec);
    assert_int_equal(exec.public_state, FF_PUBLIC_ACTIVE);
    assert_true(ff_exec_state_legal(&exec));
    assert_int_equal(ff_exec_check(&exec, &arena, &fault), FF_E_OK);

    exec.ownership_state = FF_OWNER_UNOWNED;
    exec.public_state = FF_PUBLIC_WAITING;
    assert_false(ff_exec_state_legal(&exec));
    assert_int_equal(ff_exec_check(&exec, &arena, &fault), FF_E_INVARIANT_VIOLATION);
    assert_detail_str(&fault, "reason", "state_vector");
    assert_int_equal(fault_detail(&fault, "violations")->v.strs.n, 2);
    assert_true(ff_str_is(fault_detail(&fault, "violations")->v.strs.v[0], "V10"));
    assert_true(ff_str_is(fault_detail(&fault, "violations")->v.strs.v[1], "V11"));
}

/* 01 §4.4; by rows from, columns to, in the order of the vocabulary. */
static void
test_moves_of_the_lifecycle(void **state)
{
    static const char *const allowed[] = { "y....", ".yy.y", ".yyyy", ".y.yy", ".y..y" };

    (void) state;
    for (uint32_t from = 0; from < ff_vocab_lifecycle_phase.n; from++) {
        for (uint32_t to = 0; to < ff_vocab_lifecycle_phase.n; to++) {
            assert_int_equal(ff_phase_move_ok(from, to), allowed[from][to] == 'y');
        }
    }
}

static void
test_type_of_a_fresh_attempt(void **state)
{
    static const char *const want[] = {
        [FF_ATTEMPT_PENDING_FIRST] = "initial",
        [FF_ATTEMPT_PENDING_RETRY] = "retry",
        [FF_ATTEMPT_PENDING_REPLAY] = "replay",
        [FF_ATTEMPT_TERMINAL] = NULL,
    };

    (void) state;
    for (uint32_t i = 0; i < ff_vocab_attempt_state.n; i++) {
        enum ff_attempt_type type = FF_TYPE_FALLBACK;

        assert_int_equal(ff_attempt_type_of(i, &type), want[i] != NULL);
        assert_string_equal(ff_word(&ff_vocab_attempt_type, type),
                            want[i] != NULL ? want[i] : "fallback");
    }
}

/* ---- reason maps (01 §4.5) ---- */
static const struct suspend_row {
    const char *name;
    enum ff_suspend_reason reason;
    const char *want;
} suspend_rows[] = {
    { "01 ex 20: manual_pause", FF_SUSPEND_MANUAL_PAUSE, "paused_by_operator" },
    { "01 ex 20: step_boundary", FF_SUSPEND_STEP_BOUNDARY, "waiting_for_signal" },
    { "01 ex 20: paused_by_budget", FF_SUSPEND_BUDGET, "waiting_for_budget" },
    { "waiting_for_signal", FF_SUSPEND_SIGNAL, "waiting_for_signal" },
    { "waiting_for_approval", FF_SUSPEND_APPROVAL, "waiting_for_approval" },
    { "waiting_for_callback", FF_SUSPEND_CALLBACK, "waiting_for_callback" },
    { "waiting_for_tool_result", FF_SUSPEND_TOOL_RESULT, "waiting_for_tool_result" },
    { "waiting_for_operator_review", FF_SUSPEND_OPERATOR_REVIEW, "paused_by_operator" },
    { "paused_by_policy", FF_SUSPEND_POLICY, "paused_by_policy" },
};

static void
test_suspend_reason(void **state)
{
    const struct suspend_row *row = *state;

    assert_string_equal(ff_word(&ff_vocab_blocking_reason, ff_blocking_of_suspension(row->reason)),
                        row->want);
}

static const struct block_row {
    const char *name;
    const char *reason;
    const char *want; /* NULL: invalid_blocking_reason */
} block_rows[] = {
    { "01 ex 22: because", "because", NULL },
    { "01 ex 22: waiting_for_quota", "waiting_for_quota", "blocked_by_quota" },
    { "block: waiting_for_budget", "waiting_for_budget", "blocked_by_budget" },
    { "block: waiting_for_capable_worker", "waiting_for_capable_worker", "blocked_by_route" },
    { "block: paused_by_operator", "paused_by_operator", "blocked_by_operator" },
    { "block: paused_by_policy", "paused_by_policy", "blocked_by_lane_state" },
    { "block: a reason that does not block", "waiting_for_worker", NULL },
    { "block: empty", "", NULL },
};

static void
test_block_reason(void **state)
{
    const struct block_row *row = *state;
    enum ff_blocking_reason reason = FF_BLOCK_NONE;
    enum ff_eligibility_state eligibility = FF_ELIGIBLE_NA;
    struct ff_fault fault = { 0 };
    ff_err err = ff_eligibility_of_block(ff_cstr(row->reason), &reason, &eligibility, &fault);

    if (row->want == NULL) {
        assert_int_equal(err, FF_E_INVALID_BLOCKING_REASON);
        assert_detail_str(&fault, "value", row->reason);
        assert_int_equal(eligibility, FF_ELIGIBLE_NA);
        return;
    }
    assert_int_equal(err, FF_E_OK);
    assert_string_equal(ff_word(&ff_vocab_eligibility_state, eligibility), row->want);
    assert_string_equal(ff_word(&ff_vocab_blocking_reason, reason), row->reason);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_vector),
                                             FF_ROWS(suspend_rows, test_suspend_reason),
                                             FF_ROWS(block_rows, test_block_reason) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_a_wrong_label_is_v11),
        cmocka_unit_test(test_what_is_stored_is_legal_in_every_combination),
        cmocka_unit_test(test_a_record_is_judged_as_its_vector),
        cmocka_unit_test(test_moves_of_the_lifecycle),
        cmocka_unit_test(test_type_of_a_fresh_attempt),
    };

    return ff_run_rows("state", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
