/* state.h: the state vector (01 §4): deriving public_state, what is legal, what may follow what.
 *
 * Pure; total: every combination of enumerators has an answer.
 */
#ifndef FF_CORE_STATE_H
#define FF_CORE_STATE_H

#include "core/arena.h"
#include "core/fault.h"
#include "core/records.h"
#include "core/types.h"

/* 01 §4.2; the public_state of *vector is not looked at. */
enum ff_public_state ff_public_state_of(const struct ff_state_vector *vector);

/* Rules of 01 §4.3 that a vector breaks: bit i stands for V(i+1). 0: a legal one. */
uint32_t ff_vector_violations(const struct ff_state_vector *vector);
#define FF_VIOLATIONS_N 11
#define FF_VIOLATION_LABEL (1u << 10) /* V11: the stored label is not the derived one */
/* Their names, ascending; the list in the arena. */
struct ff_strs ff_violation_names(uint32_t violations, struct ff_arena *arena);

/* It stands in the list of 01 §4.3 of what the engine stores. attempted: at least one attempt was
 * ever made. Stricter than ff_vector_violations. */
bool ff_vector_is_stored_form(const struct ff_state_vector *vector, bool attempted);

struct ff_state_vector ff_exec_vector(const struct ff_exec *exec);
/* Derives public_state from the other six; to be called after each change of one of them. */
void ff_exec_set_public(struct ff_exec *exec);
/* True for what the engine may store. */
bool ff_exec_state_legal(const struct ff_exec *exec);
/* The same as an error, with the move from how the execution stood (NULL: it is new): what the
 * engine asks of every execution that is written.
 * FF_E_INVARIANT_VIOLATION {reason: "state_vector", violations, vector} or {reason: "phase_move"}.
 */
FF_MUST_USE ff_err ff_exec_may_store(const struct ff_exec *before, const struct ff_exec *after,
                                     struct ff_arena *arena, struct ff_fault *fault);

/* FF_E_INVARIANT_VIOLATION {reason: "state_vector", violations} where a stored vector is illegal:
 * the answer of a mutating operation (01 §4.3). The list lives in the arena. */
FF_MUST_USE ff_err ff_exec_check(const struct ff_exec *exec, struct ff_arena *arena,
                                 struct ff_fault *fault);

/* 01 §4.4; staying where it is is not a move and allowed. */
bool ff_phase_move_ok(enum ff_lifecycle_phase from, enum ff_lifecycle_phase to);

/* Type of the attempt that a fresh claim makes (01 §4.4); false: no pending state. */
bool ff_attempt_type_of(enum ff_attempt_state state, enum ff_attempt_type *out);

/* 01 §4.5. */
enum ff_blocking_reason ff_blocking_of_suspension(enum ff_suspend_reason reason);
/* The reason of an admission block, and the eligibility it sets.
 * FF_E_INVALID_BLOCKING_REASON {value}; the value is `reason` itself. */
FF_MUST_USE ff_err ff_eligibility_of_block(struct ff_str reason,
                                           enum ff_blocking_reason *reason_out,
                                           enum ff_eligibility_state *state_out,
                                           struct ff_fault *fault);

#endif
