/* suspend, suspend_by_triple: the owner gives the lease up and waits for signals (03 §4). */

#include "core/engine/bindings.h"
#include "core/engine/buffered.h"
#include "core/engine/keyring.h"
#include "core/engine/lease.h"
#include "core/engine/suspension.h"
#include "core/engine/walk.h"
#include "core/id.h"
#include "core/state.h"

/* How far a time-out may lie in the past; it is then due at once. */
#define TIMEOUT_PAST_MS 600000
/* Life of a stored answer: from the time-out on, and at the most (03 §4.5). */
#define REPLY_GRACE_MS 60000
#define REPLY_TTL_MS_MAX 604800000

/* The arguments of both operations, what they mean, and what comes of them. */
struct suspending {
    struct ff_str waitpoints, resume_condition; /* packed */
    const struct ff_resume_policy *policy;
    struct ff_opt_uuid given_id;
    enum ff_suspend_reason reason_code;
    enum ff_suspend_requester requested_by;
    struct ff_opt_i64 timeout_at;
    struct ff_str timeout_behavior;
    struct ff_str pointer, idempotency_key;

    struct ff_eid execution_id;
    const struct ff_fence *fence;
    struct ff_opt_u32 attempt_index;

    struct ff_condition condition;
    struct ff_bindings bindings;
    enum ff_timeout_behavior behavior;

    struct ff_suspension suspension;
    struct ff_suspend_reply reply;
};

#define SUSPENDING_OF(args)                                                                        \
    {                                                                                              \
        .waitpoints = (args)->waitpoints, .resume_condition = (args)->resume_condition,            \
        .policy = (args)->resume_policy, .given_id = (args)->suspension_id,                        \
        .reason_code = (args)->reason_code, .requested_by = (args)->requested_by,                  \
        .timeout_at = (args)->timeout_at, .timeout_behavior = (args)->timeout_behavior,            \
        .pointer = (args)->continuation_metadata_pointer,                                          \
        .idempotency_key = (args)->idempotency_key,                                                \
    }

/* ---- arguments ---- */

static ff_err
read_behavior(struct ff_txn *txn, struct suspending *with)
{
    if (ff_str_is(with->timeout_behavior, "auto_resume")) {
        with->behavior = FF_ONTIME_AUTO_RESUME;
        return FF_E_OK;
    }
    for (uint32_t i = 0; i < ff_vocab_timeout_behavior.n; i++) {
        if (ff_str_is(with->timeout_behavior, ff_vocab_timeout_behavior.words[i])) {
            with->behavior = (enum ff_timeout_behavior) i;
            return FF_E_OK;
        }
    }
    return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "timeout_behavior"),
                   ff_d_text("reason", "unknown_value"), ff_d_str("value", with->timeout_behavior));
}

static ff_err
check_timeout(struct ff_txn *txn, const struct suspending *with)
{
    if (!with->timeout_at.is) {
        return ff_condition_has(&with->condition, FF_COND_TIMEOUT_ONLY)
                   ? ff_fail_input(&txn->fault, "timeout_at", "timeout_only_without_deadline")
                   : FF_E_OK;
    }
    return ff_time_add(with->timeout_at.v, TIMEOUT_PAST_MS) < txn->now_ms
               ? ff_fail_input(&txn->fault, "timeout_at", "timeout_at_in_past")
               : FF_E_OK;
}

/* Steps 2 to 7 of 03 §4.2. */
static ff_err
check_args(struct ff_txn *txn, struct suspending *with)
{
    FF_TRY(read_behavior(txn, with));
    FF_TRY(ff_bindings_read(txn, with->waitpoints, &with->bindings));
    FF_TRY(ff_condition_parse(with->resume_condition, "resume_condition", txn->arena,
                              &with->condition, &txn->fault));
    ff_bindings_name(txn, &with->bindings, &with->condition);
    if (with->bindings.n_fresh == with->bindings.n) {
        FF_TRY(ff_bindings_match(txn, &with->bindings, &with->condition));
    }
    return check_timeout(txn, with);
}

/* ---- replay ---- */

/* *hit: with->reply is the answer. */
static ff_err
find_reply(struct ff_txn *txn, struct suspending *with, bool *hit)
{
    struct ff_digest digest = ff_digest_of(&with->idempotency_key, 1);
    struct ff_key key;
    bool found = false;

    *hit = false;
    if (with->idempotency_key.n == 0) {
        return FF_E_OK;
    }
    key = ff_key_suspend_reply(&with->execution_id, ff_str(digest.b, sizeof(digest.b)));
    FF_TRY(ff_txn_find(txn, FF_R_SUSPEND_REPLY, &key, &with->reply, &found));
    *hit = found && with->reply.expires_at > txn->now_ms;
    return FF_E_OK;
}

static ff_err
keep_reply(struct ff_txn *txn, struct suspending *with)
{
    struct ff_digest digest = ff_digest_of(&with->idempotency_key, 1);
    uint64_t ttl_ms = REPLY_TTL_MS_MAX;

    if (with->idempotency_key.n == 0) {
        return FF_E_OK;
    }
    if (with->timeout_at.is) {
        int64_t left_ms = with->timeout_at.v > txn->now_ms ? with->timeout_at.v - txn->now_ms : 0;

        ttl_ms = left_ms < REPLY_TTL_MS_MAX - REPLY_GRACE_MS ? (uint64_t) left_ms + REPLY_GRACE_MS
                                                             : REPLY_TTL_MS_MAX;
    }
    with->reply.execution_id = with->execution_id;
    with->reply.key_digest = ff_arena_copy(txn->arena, ff_str(digest.b, sizeof(digest.b)));
    with->reply.expires_at = ff_time_add(txn->now_ms, ttl_ms);
    return ff_txn_put_suspend_reply(txn, &with->reply);
}

/* ---- state checks ---- */

/* It waits already, under this very fence (step 11). */
static ff_err
fail_suspended(struct ff_txn *txn, const struct suspending *with, const struct ff_exec *exec)
{
    const struct ff_fence *fence = with->fence;
    struct ff_suspension open = { 0 };
    bool found = false, is_open = false;
    char id[FF_UUID_TEXT_MAX];

    FF_TRY(ff_suspension_find(txn, &exec->execution_id, &open, &found, &is_open));
    if (!is_open || !ff_uuid_eq(open.lease_id, fence->lease_id.v) ||
        open.lease_epoch != fence->lease_epoch.v ||
        !ff_uuid_eq(open.attempt_id, fence->attempt_id.v)) {
        return FF_E_OK;
    }
    ff_uuid_text(&open.suspension_id, id);
    txn->fault = (struct ff_fault){ 0 };
    return ff_fail(&txn->fault, FF_E_ALREADY_SUSPENDED,
                   ff_d_str("suspension_id", ff_arena_copy(txn->arena, ff_cstr(id))));
}

/* Steps 10 to 13. */
static ff_err
open_held(struct ff_txn *txn, const struct suspending *with, struct ff_exec *exec)
{
    const struct ff_gate gate = { .fence = with->fence, .attempt_index = with->attempt_index };
    bool replayed = false;
    ff_err err = ff_lease_gate(txn, &with->execution_id, &gate, exec, &replayed);

    if (err == FF_E_EXECUTION_NOT_ACTIVE && exec->lifecycle_phase == FF_PHASE_SUSPENDED) {
        FF_TRY(fail_suspended(txn, with, exec));
    }
    return err;
}

static ff_err
check_fresh(struct ff_txn *txn, const struct ff_binding *binding)
{
    struct ff_waitpoint other = { 0 };
    bool found = false;

    if (!binding->id_given) {
        return FF_E_OK; /* just drawn */
    }
    FF_TRY(ff_waitpoint_find(txn, binding->waitpoint.execution_id.partition, &binding->waitpoint_id,
                             &other, &found));
    return found ? ff_fail(&txn->fault, FF_E_WAITPOINT_ALREADY_EXISTS) : FF_E_OK;
}

/* Its time was over when it was closed, or is over now. */
static bool
has_expired(const struct ff_waitpoint *waitpoint, int64_t now_ms)
{
    return ff_waitpoint_has_lapsed(waitpoint, now_ms) ||
           (waitpoint->state == FF_WAITPOINT_CLOSED && !waitpoint->suspension_id.is &&
            ff_str_is(waitpoint->close_reason, "never_committed") &&
            waitpoint->expires_at.v <= waitpoint->closed_at.v);
}

/* Step 15, of one. */
static ff_err
load_pending(struct ff_txn *txn, const struct ff_exec *exec, struct ff_binding *binding)
{
    struct ff_waitpoint *waitpoint = &binding->waitpoint;
    bool found = false;

    FF_TRY(ff_waitpoint_find(txn, exec->execution_id.partition, &binding->waitpoint_id, waitpoint,
                             &found));
    if (!found) {
        return ff_fail(&txn->fault, FF_E_WAITPOINT_NOT_FOUND, ff_d_text("entity", "waitpoint"));
    }
    if (!ff_eid_eq(waitpoint->execution_id, exec->execution_id) ||
        waitpoint->attempt_index != exec->current_attempt_index.v) {
        return ff_fail(&txn->fault, FF_E_INVALID_WAITPOINT_FOR_EXECUTION);
    }
    if (has_expired(waitpoint, txn->now_ms)) {
        return ff_fail(&txn->fault, FF_E_PENDING_WAITPOINT_EXPIRED);
    }
    binding->waitpoint_key = waitpoint->waitpoint_key;
    return waitpoint->state == FF_WAITPOINT_PENDING
               ? FF_E_OK
               : ff_fail(&txn->fault, FF_E_WAITPOINT_NOT_PENDING);
}

/* Asks for all that is read of the bindings together. */
static ff_err
want_bindings(struct ff_txn *txn, const struct suspending *with)
{
    struct ff_waitpoint waitpoint;
    struct ff_keyring ring;
    bool pending = false, found = false;

    for (uint32_t i = 0; i < with->bindings.n; i++) {
        if (with->bindings.v[i].id_given) {
            FF_TRY(
                ff_gather(ff_waitpoint_find(txn, with->execution_id.partition,
                                            &with->bindings.v[i].waitpoint_id, &waitpoint, &found),
                          &pending));
        }
    }
    FF_TRY(ff_gather(ff_keyring_read(txn, &ring), &pending));
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* Steps 14 to 16: the waitpoints as they will be, all of them open. */
static ff_err
prepare_waitpoints(struct ff_txn *txn, struct suspending *with, struct ff_exec *exec)
{
    struct ff_bindings *bindings = &with->bindings;
    struct ff_keyring ring = { 0 };

    FF_TRY(want_bindings(txn, with));
    for (uint32_t i = 0; i < bindings->n; i++) {
        bindings->v[i].waitpoint.execution_id = exec->execution_id;
        if (bindings->v[i].kind == FF_BIND_FRESH) {
            FF_TRY(check_fresh(txn, &bindings->v[i]));
        }
    }
    FF_TRY(ff_waitpoints_make_room(txn, exec, bindings->n_fresh, "waitpoints"));
    for (uint32_t i = 0; i < bindings->n; i++) {
        if (bindings->v[i].kind == FF_BIND_USE_PENDING) {
            FF_TRY(load_pending(txn, exec, &bindings->v[i]));
        }
    }
    if (bindings->n_fresh < bindings->n) {
        FF_TRY(ff_bindings_match(txn, bindings, &with->condition));
    }
    FF_TRY(ff_keyring_read(txn, &ring));
    for (uint32_t i = 0; i < bindings->n; i++) {
        struct ff_binding *binding = &bindings->v[i];
        struct ff_waitpoint *waitpoint = &binding->waitpoint;

        if (binding->kind == FF_BIND_FRESH) {
            waitpoint->waitpoint_id = binding->waitpoint_id;
            waitpoint->waitpoint_key = binding->waitpoint_key;
            waitpoint->attempt_index = exec->current_attempt_index.v;
            waitpoint->created_at = txn->now_ms;
            FF_TRY(ff_keyring_sign(txn, &ring, waitpoint));
            exec->open_waitpoints++;
        }
        waitpoint->state = FF_WAITPOINT_ACTIVE;
        waitpoint->suspension_id = FF_SOME(ff_opt_uuid, with->suspension.suspension_id);
        waitpoint->activated_at = FF_SOME(ff_opt_i64, txn->now_ms);
        waitpoint->expires_at = with->timeout_at;
    }
    return FF_E_OK;
}

/* ---- outcomes ---- */

static void
begin_episode(struct ff_txn *txn, struct suspending *with, const struct ff_exec *exec)
{
    struct ff_suspension *out = &with->suspension;
    const struct ff_resume_policy *policy = with->policy;

    out->execution_id = exec->execution_id;
    out->suspension_id = with->given_id.is ? with->given_id.v : ff_txn_uuid(txn);
    out->attempt_index = exec->current_attempt_index.v;
    out->lease_id = exec->current_lease_id.v;
    out->lease_epoch = exec->current_lease_epoch;
    out->attempt_id = exec->current_attempt_id.v;
    out->reason_code = with->reason_code;
    out->requested_by = with->requested_by;
    out->created_at = txn->now_ms;
    out->timeout_at = with->timeout_at;
    out->timeout_behavior = with->behavior;
    out->resume_condition = with->resume_condition;
    out->continuation_metadata_pointer = with->pointer;
    out->consume_matched_signals = policy == NULL || policy->consume_matched_signals;
    out->close_waitpoint_on_resume = policy == NULL || policy->close_waitpoint_on_resume;
    if (policy != NULL) {
        out->resume_delay_ms = policy->resume_delay_ms;
        out->retain_signal_buffer_until_closed = policy->retain_signal_buffer_until_closed;
    }
}

/* The policy's time-out where the caller names none (01 §5.4). */
static void
take_default_timeout(struct ff_txn *txn, struct suspending *with, const struct ff_exec *exec)
{
    if (!with->timeout_at.is && exec->suspension_timeout_ms.is) {
        with->timeout_at =
            FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, exec->suspension_timeout_ms.v));
        with->behavior = exec->suspension_timeout_behavior;
    }
}

/* The waitpoints in binding order, with their tokens. */
static void
fill_details(struct ff_txn *txn, struct suspending *with)
{
    const struct ff_bindings *bindings = &with->bindings;
    struct ff_suspend_details *out = &with->reply.details;
    struct ff_waitpoint_ref *refs = FF_ARENA_NEW(txn->arena, struct ff_waitpoint_ref, bindings->n);

    with->suspension.waitpoint_ids.v = FF_ARENA_NEW(txn->arena, struct ff_uuid, bindings->n);
    with->suspension.waitpoint_ids.n = bindings->n;
    for (uint32_t i = 0; i < bindings->n; i++) {
        const struct ff_waitpoint *waitpoint = &bindings->v[i].waitpoint;

        with->suspension.waitpoint_ids.v[i] = waitpoint->waitpoint_id;
        refs[i] =
            (struct ff_waitpoint_ref){ .waitpoint_id = waitpoint->waitpoint_id,
                                       .waitpoint_key = waitpoint->waitpoint_key,
                                       .waitpoint_token = ff_waitpoint_token(txn, waitpoint) };
    }
    out->suspension_id = with->suspension.suspension_id;
    out->waitpoint_id = refs[0].waitpoint_id;
    out->waitpoint_key = refs[0].waitpoint_key;
    out->waitpoint_token = refs[0].waitpoint_token;
    out->additional_waitpoints.v = refs + 1;
    out->additional_waitpoints.n = bindings->n - 1;
}

static ff_err
write_waitpoints(struct ff_txn *txn, struct suspending *with)
{
    for (uint32_t i = 0; i < with->bindings.n; i++) {
        const struct ff_binding *binding = &with->bindings.v[i];

        if (binding->kind == FF_BIND_FRESH) {
            FF_TRY(ff_txn_put_new(txn, FF_R_WAITPOINT, &binding->waitpoint));
        } else {
            FF_TRY(ff_txn_put_waitpoint(txn, &binding->waitpoint));
        }
    }
    return FF_E_OK;
}

/* The condition is true before the wait begins: the execution goes on as it is. */
static ff_err
answer_satisfied(struct ff_txn *txn, struct suspending *with, struct ff_exec *exec)
{
    const struct ff_episode_end end = { .reason = ff_str("resumed", 7),
                                        .closer = with->suspension.closer_signal_id };

    FF_TRY(ff_suspension_close(txn, exec, &with->suspension, &end));
    return ff_txn_put_exec(txn, exec); /* only its count of waitpoints has changed */
}

static ff_err
wait_for_signals(struct ff_txn *txn, struct suspending *with, struct ff_exec *exec)
{
    const struct ff_release_note note = { .op = FF_RELEASE_SUSPEND,
                                          .outcome = "suspended",
                                          .revoked_by = "backend",
                                          .reason = ff_str("suspended", 9) };
    const struct ff_waitpoint *primary = &with->bindings.v[0].waitpoint;
    char episode[FF_UUID_TEXT_MAX], waitpoint[FF_UUID_TEXT_MAX];

    ff_uuid_text(&with->suspension.suspension_id, episode);
    ff_uuid_text(&primary->waitpoint_id, waitpoint);
    with->reply.suspended = true;
    with->reply.handle = FF_ARENA_NEW(txn->arena, struct ff_handle, 1);
    *with->reply.handle = ff_lease_handle(txn, exec, FF_HANDLE_SUSPENDED);
    FF_TRY(ff_txn_put_suspension(txn, &with->suspension));
    FF_TRY(ff_attempt_suspend(txn, exec, ff_arena_copy(txn->arena, ff_cstr(episode))));
    FF_TRY(ff_lease_release(txn, exec, &note));
    ff_exec_make_suspended(exec, ff_blocking_of_suspension(with->reason_code),
                           ff_arena_printf(txn->arena, "waitpoint %s: %s", waitpoint,
                                           ff_word(&ff_vocab_suspend_reason, with->reason_code)));
    exec->current_suspension_id = FF_SOME(ff_opt_uuid, with->suspension.suspension_id);
    exec->current_waitpoint_id = FF_SOME(ff_opt_uuid, primary->waitpoint_id);
    return ff_exec_save(txn, exec, FF_EXEC_MOVED);
}

/* Steps 9 to 16, and what follows. */
static ff_err
suspend(struct ff_txn *txn, struct suspending *with)
{
    struct ff_exec exec = { 0 };
    bool hit = false;

    FF_TRY(find_reply(txn, with, &hit));
    if (hit) {
        return FF_E_OK;
    }
    with->reply = (struct ff_suspend_reply){ 0 };
    FF_TRY(open_held(txn, with, &exec));
    take_default_timeout(txn, with, &exec);
    begin_episode(txn, with, &exec);
    FF_TRY(prepare_waitpoints(txn, with, &exec));
    FF_TRY(ff_buffered_apply(txn, &with->bindings, &with->condition, &with->suspension));
    fill_details(txn, with);
    FF_TRY(write_waitpoints(txn, with));
    if (ff_condition_is_true(&with->condition)) {
        FF_TRY(answer_satisfied(txn, with, &exec));
    } else {
        FF_TRY(wait_for_signals(txn, with, &exec));
    }
    return keep_reply(txn, with);
}

static const char *
outcome_of(const struct suspending *with)
{
    return with->reply.suspended ? "suspended" : "already_satisfied";
}

ff_err
ff_op_suspend(struct ff_txn *txn, const struct ff_suspend_args *args,
              struct ff_suspend_result *result)
{
    struct suspending with = SUSPENDING_OF(args);
    struct ff_held held = { 0 };

    if (ff_str_is(args->handle.kind, "suspended")) {
        return ff_fail(&txn->fault, FF_E_ALREADY_SUSPENDED);
    }
    FF_TRY(check_args(txn, &with));
    FF_TRY(ff_held_read(txn, &args->handle, &held));
    with.execution_id = held.execution_id;
    with.fence = &held.fence;
    with.attempt_index = FF_SOME(ff_opt_u32, held.attempt_index);
    FF_TRY(suspend(txn, &with));
    result->outcome = outcome_of(&with);
    result->details = with.reply.details;
    result->handle = with.reply.handle;
    return FF_E_OK;
}

ff_err
ff_op_suspend_by_triple(struct ff_txn *txn, const struct ff_suspend_by_triple_args *args,
                        struct ff_suspend_by_triple_result *result)
{
    struct suspending with = SUSPENDING_OF(args);

    FF_TRY(check_args(txn, &with));
    with.execution_id = args->execution_id;
    with.fence = args->fence;
    FF_TRY(suspend(txn, &with));
    result->outcome = outcome_of(&with);
    result->details = with.reply.details;
    result->handle = with.reply.handle;
    return FF_E_OK;
}
