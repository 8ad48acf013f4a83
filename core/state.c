#include "core/state.h"

#define BIT(value) (1u << (value))

/* Attempt states of what waits to be claimed: P of 01 §4.3. */
#define PENDING                                                                                    \
    (BIT(FF_ATTEMPT_PENDING_FIRST) | BIT(FF_ATTEMPT_PENDING_RETRY) |                               \
     BIT(FF_ATTEMPT_PENDING_REPLAY) | BIT(FF_ATTEMPT_INTERRUPTED))

/* Blocking reasons of a suspended execution: S of 01 §4.3. */
#define SUSPENDED_FOR                                                                              \
    (BIT(FF_BLOCK_WAITING_FOR_SIGNAL) | BIT(FF_BLOCK_WAITING_FOR_APPROVAL) |                       \
     BIT(FF_BLOCK_WAITING_FOR_CALLBACK) | BIT(FF_BLOCK_WAITING_FOR_TOOL_RESULT) |                  \
     BIT(FF_BLOCK_WAITING_FOR_BUDGET) | BIT(FF_BLOCK_PAUSED_BY_OPERATOR) |                         \
     BIT(FF_BLOCK_PAUSED_BY_POLICY))

static const enum ff_public_state of_outcome[] = {
    [FF_OUTCOME_NONE] = FF_PUBLIC_FAILED, /* corrupt */
    [FF_OUTCOME_SUCCESS] = FF_PUBLIC_COMPLETED,   [FF_OUTCOME_FAILED] = FF_PUBLIC_FAILED,
    [FF_OUTCOME_CANCELLED] = FF_PUBLIC_CANCELLED, [FF_OUTCOME_EXPIRED] = FF_PUBLIC_EXPIRED,
    [FF_OUTCOME_SKIPPED] = FF_PUBLIC_SKIPPED,
};

static const enum ff_public_state of_eligibility[] = {
    [FF_ELIGIBLE_NOW] = FF_PUBLIC_WAITING,
    [FF_ELIGIBLE_UNTIL_TIME] = FF_PUBLIC_DELAYED,
    [FF_ELIGIBLE_DEPENDENCIES] = FF_PUBLIC_WAITING_CHILDREN,
    [FF_ELIGIBLE_BUDGET] = FF_PUBLIC_RATE_LIMITED,
    [FF_ELIGIBLE_QUOTA] = FF_PUBLIC_RATE_LIMITED,
    [FF_ELIGIBLE_ROUTE] = FF_PUBLIC_WAITING,
    [FF_ELIGIBLE_LANE_STATE] = FF_PUBLIC_WAITING,
    [FF_ELIGIBLE_OPERATOR] = FF_PUBLIC_WAITING,
    [FF_ELIGIBLE_NA] = FF_PUBLIC_WAITING, /* corrupt */
};

/* What the engine stores (01 §4.3). Reasons, outcomes and attempt states are sets. */
static const struct stored_form {
    enum ff_lifecycle_phase phase;
    enum ff_ownership_state owner;
    enum ff_eligibility_state eligibility;
    uint32_t blocking;
    uint32_t outcome;
    uint32_t attempt;
} stored_forms[] = {
    { FF_PHASE_RUNNABLE, FF_OWNER_UNOWNED, FF_ELIGIBLE_NOW, BIT(FF_BLOCK_WAITING_FOR_WORKER),
      BIT(FF_OUTCOME_NONE), PENDING },
    { FF_PHASE_RUNNABLE, FF_OWNER_UNOWNED, FF_ELIGIBLE_UNTIL_TIME, BIT(FF_BLOCK_WAITING_FOR_DELAY),
      BIT(FF_OUTCOME_NONE), BIT(FF_ATTEMPT_PENDING_FIRST) | BIT(FF_ATTEMPT_INTERRUPTED) },
    { FF_PHASE_RUNNABLE, FF_OWNER_UNOWNED, FF_ELIGIBLE_UNTIL_TIME,
      BIT(FF_BLOCK_WAITING_FOR_RETRY_BACKOFF), BIT(FF_OUTCOME_NONE),
      BIT(FF_ATTEMPT_PENDING_RETRY) },
    { FF_PHASE_RUNNABLE, FF_OWNER_UNOWNED, FF_ELIGIBLE_UNTIL_TIME,
      BIT(FF_BLOCK_WAITING_FOR_RESUME_DELAY), BIT(FF_OUTCOME_NONE), BIT(FF_ATTEMPT_INTERRUPTED) },
    { FF_PHASE_RUNNABLE, FF_OWNER_UNOWNED, FF_ELIGIBLE_DEPENDENCIES,
      BIT(FF_BLOCK_WAITING_FOR_CHILDREN), BIT(FF_OUTCOME_NONE), PENDING },
    { FF_PHASE_RUNNABLE, FF_OWNER_UNOWNED, FF_ELIGIBLE_BUDGET, BIT(FF_BLOCK_WAITING_FOR_BUDGET),
      BIT(FF_OUTCOME_NONE), PENDING },
    { FF_PHASE_RUNNABLE, FF_OWNER_UNOWNED, FF_ELIGIBLE_QUOTA, BIT(FF_BLOCK_WAITING_FOR_QUOTA),
      BIT(FF_OUTCOME_NONE), PENDING },
    { FF_PHASE_RUNNABLE, FF_OWNER_UNOWNED, FF_ELIGIBLE_ROUTE,
      BIT(FF_BLOCK_WAITING_FOR_CAPABLE_WORKER), BIT(FF_OUTCOME_NONE), PENDING },
    { FF_PHASE_RUNNABLE, FF_OWNER_UNOWNED, FF_ELIGIBLE_LANE_STATE, BIT(FF_BLOCK_PAUSED_BY_POLICY),
      BIT(FF_OUTCOME_NONE), PENDING },
    { FF_PHASE_RUNNABLE, FF_OWNER_UNOWNED, FF_ELIGIBLE_OPERATOR, BIT(FF_BLOCK_PAUSED_BY_OPERATOR),
      BIT(FF_OUTCOME_NONE), PENDING },
    { FF_PHASE_ACTIVE, FF_OWNER_LEASED, FF_ELIGIBLE_NA, BIT(FF_BLOCK_NONE), BIT(FF_OUTCOME_NONE),
      BIT(FF_ATTEMPT_RUNNING) },
    { FF_PHASE_ACTIVE, FF_OWNER_EXPIRED, FF_ELIGIBLE_NA, BIT(FF_BLOCK_WAITING_FOR_WORKER),
      BIT(FF_OUTCOME_NONE), BIT(FF_ATTEMPT_INTERRUPTED) },
    { FF_PHASE_ACTIVE, FF_OWNER_REVOKED, FF_ELIGIBLE_NA, BIT(FF_BLOCK_WAITING_FOR_WORKER),
      BIT(FF_OUTCOME_NONE), BIT(FF_ATTEMPT_INTERRUPTED) },
    { FF_PHASE_SUSPENDED, FF_OWNER_UNOWNED, FF_ELIGIBLE_NA, SUSPENDED_FOR, BIT(FF_OUTCOME_NONE),
      BIT(FF_ATTEMPT_INTERRUPTED) },
    { FF_PHASE_TERMINAL, FF_OWNER_UNOWNED, FF_ELIGIBLE_NA, BIT(FF_BLOCK_NONE),
      BIT(FF_OUTCOME_SUCCESS) | BIT(FF_OUTCOME_FAILED), BIT(FF_ATTEMPT_TERMINAL) },
    { FF_PHASE_TERMINAL, FF_OWNER_UNOWNED, FF_ELIGIBLE_NA, BIT(FF_BLOCK_NONE),
      BIT(FF_OUTCOME_CANCELLED) | BIT(FF_OUTCOME_EXPIRED) | BIT(FF_OUTCOME_SKIPPED),
      BIT(FF_ATTEMPT_TERMINAL) | BIT(FF_ATTEMPT_NONE) },
};

/* Phases that may follow each one (01 §4.4). */
static const uint32_t next_phases[] = {
    [FF_PHASE_SUBMITTED] = 0, /* nothing produces it */
    [FF_PHASE_RUNNABLE] = BIT(FF_PHASE_ACTIVE) | BIT(FF_PHASE_TERMINAL),
    [FF_PHASE_ACTIVE] = BIT(FF_PHASE_RUNNABLE) | BIT(FF_PHASE_SUSPENDED) | BIT(FF_PHASE_TERMINAL),
    [FF_PHASE_SUSPENDED] = BIT(FF_PHASE_RUNNABLE) | BIT(FF_PHASE_TERMINAL),
    [FF_PHASE_TERMINAL] = BIT(FF_PHASE_RUNNABLE),
};

enum ff_public_state
ff_public_state_of(const struct ff_state_vector *vector)
{
    switch (vector->lifecycle_phase) {
    case FF_PHASE_TERMINAL:
        return of_outcome[vector->terminal_outcome];
    case FF_PHASE_SUSPENDED:
        return FF_PUBLIC_SUSPENDED;
    case FF_PHASE_ACTIVE:
        return FF_PUBLIC_ACTIVE;
    case FF_PHASE_RUNNABLE:
        return of_eligibility[vector->eligibility_state];
    case FF_PHASE_SUBMITTED:
        break;
    }
    return FF_PUBLIC_WAITING;
}

uint32_t
ff_vector_violations(const struct ff_state_vector *v)
{
    bool submitted = v->lifecycle_phase == FF_PHASE_SUBMITTED;
    bool runnable = v->lifecycle_phase == FF_PHASE_RUNNABLE;
    bool active = v->lifecycle_phase == FF_PHASE_ACTIVE;
    bool suspended = v->lifecycle_phase == FF_PHASE_SUSPENDED;
    bool terminal = v->lifecycle_phase == FF_PHASE_TERMINAL;
    bool owned = v->ownership_state != FF_OWNER_UNOWNED;
    bool ended = v->terminal_outcome != FF_OUTCOME_NONE;
    bool na = v->eligibility_state == FF_ELIGIBLE_NA;
    bool mid_attempt =
        v->attempt_state == FF_ATTEMPT_RUNNING || v->attempt_state == FF_ATTEMPT_INTERRUPTED;
    const bool broken[FF_VIOLATIONS_N] = {
        terminal && owned,
        suspended && owned,
        ended && !terminal,
        terminal && !ended,
        active && !mid_attempt,
        v->eligibility_state == FF_ELIGIBLE_NOW && !runnable,
        ((active || suspended || terminal) && !na) || (runnable && na),
        submitted && owned,
        runnable && (PENDING & BIT(v->attempt_state)) == 0,
        (active && !owned) || (runnable && owned),
        v->public_state != ff_public_state_of(v),
    };
    uint32_t bits = 0;

    for (uint32_t i = 0; i < FF_VIOLATIONS_N; i++) {
        bits |= broken[i] ? BIT(i) : 0;
    }
    return bits;
}

struct ff_strs
ff_violation_names(uint32_t violations, struct ff_arena *arena)
{
    static const char *const names[FF_VIOLATIONS_N] = { "V1", "V2", "V3", "V4",  "V5", "V6",
                                                        "V7", "V8", "V9", "V10", "V11" };
    struct ff_strs list = { .v = FF_ARENA_NEW(arena, struct ff_str, FF_VIOLATIONS_N) };

    for (uint32_t i = 0; i < FF_VIOLATIONS_N; i++) {
        if ((violations & BIT(i)) != 0) {
            list.v[list.n++] = ff_cstr(names[i]);
        }
    }
    return list;
}

static bool
form_matches(const struct stored_form *form, const struct ff_state_vector *v)
{
    return form->phase == v->lifecycle_phase && form->owner == v->ownership_state &&
           form->eligibility == v->eligibility_state &&
           (form->blocking & BIT(v->blocking_reason)) != 0 &&
           (form->outcome & BIT(v->terminal_outcome)) != 0 &&
           (form->attempt & BIT(v->attempt_state)) != 0;
}

bool
ff_vector_is_stored_form(const struct ff_state_vector *vector, bool attempted)
{
    if (vector->public_state != ff_public_state_of(vector)) {
        return false;
    }
    if (vector->lifecycle_phase == FF_PHASE_TERMINAL &&
        attempted != (vector->attempt_state == FF_ATTEMPT_TERMINAL)) {
        return false;
    }
    for (size_t i = 0; i < FF_COUNT(stored_forms); i++) {
        if (form_matches(&stored_forms[i], vector)) {
            return true;
        }
    }
    return false;
}

struct ff_state_vector
ff_exec_vector(const struct ff_exec *exec)
{
    return (struct ff_state_vector){
        .lifecycle_phase = exec->lifecycle_phase,
        .ownership_state = exec->ownership_state,
        .eligibility_state = exec->eligibility_state,
        .blocking_reason = exec->blocking_reason,
        .terminal_outcome = exec->terminal_outcome,
        .attempt_state = exec->attempt_state,
        .public_state = exec->public_state,
    };
}

void
ff_exec_set_public(struct ff_exec *exec)
{
    struct ff_state_vector vector = ff_exec_vector(exec);

    exec->public_state = ff_public_state_of(&vector);
}

bool
ff_exec_state_legal(const struct ff_exec *exec)
{
    struct ff_state_vector vector = ff_exec_vector(exec);

    return ff_vector_is_stored_form(&vector, exec->total_attempt_count > 0);
}

ff_err
ff_exec_check(const struct ff_exec *exec, struct ff_arena *arena, struct ff_fault *fault)
{
    struct ff_state_vector vector = ff_exec_vector(exec);
    uint32_t bits = ff_vector_violations(&vector);

    if (bits == 0) {
        return FF_E_OK;
    }
    return ff_fail(fault, FF_E_INVARIANT_VIOLATION, ff_d_text("reason", "state_vector"),
                   ff_d_strs("violations", ff_violation_names(bits, arena)));
}

/* The seven words, for whoever has to find out. */
static struct ff_str
vector_text(const struct ff_exec *exec, struct ff_arena *arena)
{
    return ff_arena_printf(arena, "%s %s %s %s %s %s %s, %u attempts",
                           ff_word(&ff_vocab_lifecycle_phase, exec->lifecycle_phase),
                           ff_word(&ff_vocab_ownership_state, exec->ownership_state),
                           ff_word(&ff_vocab_eligibility_state, exec->eligibility_state),
                           ff_word(&ff_vocab_blocking_reason, exec->blocking_reason),
                           ff_word(&ff_vocab_terminal_outcome, exec->terminal_outcome),
                           ff_word(&ff_vocab_attempt_state, exec->attempt_state),
                           ff_word(&ff_vocab_public_state, exec->public_state),
                           exec->total_attempt_count);
}

ff_err
ff_exec_may_store(const struct ff_exec *before, const struct ff_exec *after, struct ff_arena *arena,
                  struct ff_fault *fault)
{
    struct ff_state_vector vector = ff_exec_vector(after);

    if (!ff_exec_state_legal(after)) {
        return ff_fail(
            fault, FF_E_INVARIANT_VIOLATION, ff_d_text("reason", "state_vector"),
            ff_d_strs("violations", ff_violation_names(ff_vector_violations(&vector), arena)),
            ff_d_str("vector", vector_text(after, arena)));
    }
    if (before != NULL && !ff_phase_move_ok(before->lifecycle_phase, after->lifecycle_phase)) {
        return ff_fail(
            fault, FF_E_INVARIANT_VIOLATION, ff_d_text("reason", "phase_move"),
            ff_d_text("from", ff_word(&ff_vocab_lifecycle_phase, before->lifecycle_phase)),
            ff_d_text("to", ff_word(&ff_vocab_lifecycle_phase, after->lifecycle_phase)));
    }
    return FF_E_OK;
}

bool
ff_phase_move_ok(enum ff_lifecycle_phase from, enum ff_lifecycle_phase to)
{
    return from == to || (next_phases[from] & BIT(to)) != 0;
}

bool
ff_attempt_type_of(enum ff_attempt_state state, enum ff_attempt_type *out)
{
    switch (state) {
    case FF_ATTEMPT_PENDING_FIRST:
        *out = FF_TYPE_INITIAL;
        return true;
    case FF_ATTEMPT_PENDING_RETRY:
        *out = FF_TYPE_RETRY;
        return true;
    case FF_ATTEMPT_PENDING_REPLAY:
        *out = FF_TYPE_REPLAY;
        return true;
    default:
        return false;
    }
}

enum ff_blocking_reason
ff_blocking_of_suspension(enum ff_suspend_reason reason)
{
    static const enum ff_blocking_reason map[] = {
        [FF_SUSPEND_SIGNAL] = FF_BLOCK_WAITING_FOR_SIGNAL,
        [FF_SUSPEND_APPROVAL] = FF_BLOCK_WAITING_FOR_APPROVAL,
        [FF_SUSPEND_CALLBACK] = FF_BLOCK_WAITING_FOR_CALLBACK,
        [FF_SUSPEND_TOOL_RESULT] = FF_BLOCK_WAITING_FOR_TOOL_RESULT,
        [FF_SUSPEND_OPERATOR_REVIEW] = FF_BLOCK_PAUSED_BY_OPERATOR,
        [FF_SUSPEND_POLICY] = FF_BLOCK_PAUSED_BY_POLICY,
        [FF_SUSPEND_BUDGET] = FF_BLOCK_WAITING_FOR_BUDGET,
        [FF_SUSPEND_STEP_BOUNDARY] = FF_BLOCK_WAITING_FOR_SIGNAL,
        [FF_SUSPEND_MANUAL_PAUSE] = FF_BLOCK_PAUSED_BY_OPERATOR,
    };

    FF_ASSERT(reason < FF_COUNT(map));
    return map[reason];
}

ff_err
ff_eligibility_of_block(struct ff_str reason, enum ff_blocking_reason *reason_out,
                        enum ff_eligibility_state *state_out, struct ff_fault *fault)
{
    static const struct {
        enum ff_blocking_reason reason;
        enum ff_eligibility_state state;
    } map[] = {
        { FF_BLOCK_WAITING_FOR_BUDGET, FF_ELIGIBLE_BUDGET },
        { FF_BLOCK_WAITING_FOR_QUOTA, FF_ELIGIBLE_QUOTA },
        { FF_BLOCK_WAITING_FOR_CAPABLE_WORKER, FF_ELIGIBLE_ROUTE },
        { FF_BLOCK_PAUSED_BY_OPERATOR, FF_ELIGIBLE_OPERATOR },
        { FF_BLOCK_PAUSED_BY_POLICY, FF_ELIGIBLE_LANE_STATE },
    };

    for (size_t i = 0; i < FF_COUNT(map); i++) {
        if (ff_str_is(reason, ff_word(&ff_vocab_blocking_reason, map[i].reason))) {
            *reason_out = map[i].reason;
            *state_out = map[i].state;
            return FF_E_OK;
        }
    }
    return ff_fail(fault, FF_E_INVALID_BLOCKING_REASON, ff_d_str("value", reason));
}
