/* deliver_signal, deliver_approval_signal (03 §6). */

#include "core/engine/signal.h"

#include "core/condition.h"
#include "core/engine/events.h"
#include "core/engine/keyring.h"
#include "core/engine/rely.h"
#include "core/engine/walk.h"

#define PAYLOAD_BYTES_MAX 65536
#define SIGNALS_MAX 10000 /* of an execution whose policy names no number */
/* A failed token is noted at most so often, so that bad ones cost no commit each. */
#define FAILURE_NOTE_MS 1000
/* Signals that one delivery may trim. */
#define TRIM_MAX 256

struct delivering {
    struct ff_signal signal; /* as it will be recorded */
    bool id_given;
    struct ff_opt_u64 max_signals;
    uint64_t signal_maxlen;
};

/* What both operations answer. */
struct delivered {
    const char *outcome;
    struct ff_opt_uuid signal_id;
    struct ff_opt_u32 effect;
    struct ff_opt_uuid existing_signal_id;
};

/* ---- duplicates ---- */

static bool
uses_key(const struct ff_signal *signal)
{
    return signal->idempotency_key.n > 0 && signal->dedup_ttl_ms > 0;
}

static ff_err
find_duplicate(struct ff_txn *txn, const struct delivering *with, struct ff_opt_uuid *out)
{
    const struct ff_signal *signal = &with->signal;
    struct ff_digest digest = ff_digest_of(&signal->idempotency_key, 1);
    uint16_t partition = signal->execution_id.partition;
    struct ff_key key;
    bool found = false;

    *out = FF_NONE(ff_opt_uuid);
    if (uses_key(signal)) {
        struct ff_signal_key stored = { 0 };

        key =
            ff_key_signal_key(partition, &signal->waitpoint_id, ff_str(digest.b, sizeof(digest.b)));
        FF_TRY(ff_txn_find(txn, FF_R_SIGNAL_KEY, &key, &stored, &found));
        if (found && stored.expires_at > txn->now_ms) {
            *out = FF_SOME(ff_opt_uuid, stored.signal_id);
            return FF_E_OK;
        }
    }
    if (with->id_given) {
        struct ff_signal stored = { 0 };

        key = ff_key_signal(partition, &signal->waitpoint_id, &signal->signal_id);
        FF_TRY(ff_txn_find(txn, FF_R_SIGNAL, &key, &stored, &found));
        *out = (struct ff_opt_uuid){ .v = signal->signal_id, .is = found };
    }
    return FF_E_OK;
}

static ff_err
keep_key(struct ff_txn *txn, const struct ff_signal *signal)
{
    struct ff_digest digest = ff_digest_of(&signal->idempotency_key, 1);
    const struct ff_signal_key key = {
        .execution_id = signal->execution_id,
        .waitpoint_id = signal->waitpoint_id,
        .key_digest = ff_str(digest.b, sizeof(digest.b)),
        .signal_id = signal->signal_id,
        .expires_at = ff_time_add(txn->now_ms, signal->dedup_ttl_ms),
    };

    return uses_key(signal) ? ff_txn_put_signal_key(txn, &key) : FF_E_OK;
}

/* ---- limits ---- */

static ff_err
fail_limit(struct ff_txn *txn, const char *of, uint64_t count, uint64_t max)
{
    return ff_fail(&txn->fault, FF_E_SIGNAL_LIMIT_EXCEEDED, ff_d_text("limit", of),
                   ff_d_u64("count", count), ff_d_u64("max", max));
}

static ff_err
check_limits(struct ff_txn *txn, const struct delivering *with, const struct ff_exec *exec,
             const struct ff_waitpoint *waitpoint)
{
    uint64_t max = with->max_signals.is                 ? with->max_signals.v
                   : exec->max_signals_per_execution.is ? exec->max_signals_per_execution.v
                                                        : SIGNALS_MAX;

    if (max > 0 && exec->signal_count >= max) {
        return fail_limit(txn, "max_signals_per_execution", exec->signal_count, max);
    }
    if (waitpoint->state == FF_WAITPOINT_PENDING && with->signal_maxlen > 0 &&
        waitpoint->kept_count >= with->signal_maxlen) {
        return fail_limit(txn, "signal_maxlen", waitpoint->kept_count, with->signal_maxlen);
    }
    return FF_E_OK;
}

/* Makes room for one more: the oldest that satisfied nothing go. */
static ff_err
trim(struct ff_txn *txn, struct ff_waitpoint *waitpoint, uint64_t signal_maxlen)
{
    struct ff_scope scope =
        ff_scope_signals(waitpoint->execution_id.partition, &waitpoint->waitpoint_id);
    const struct ff_key key = ff_record_key(FF_R_WAITPOINT, waitpoint);

    FF_TRY(ff_txn_guard(txn, FF_IX_SIGNALS, &scope, FF_R_WAITPOINT, &key));
    for (int i = 0; i < TRIM_MAX && signal_maxlen > 0 && waitpoint->kept_count >= signal_maxlen;
         i++) {
        struct ff_entry entry = { 0 };
        bool found = false;

        FF_TRY(ff_txn_next(txn, FF_IX_SIGNALS, &scope, NULL, 4, &entry, &found));
        if (!found) {
            return FF_E_OK; /* all that are left are satisfiers */
        }
        FF_TRY(ff_txn_remove(txn, FF_R_SIGNAL, &entry.id));
        waitpoint->kept_count--;
    }
    return FF_E_OK;
}

/* ---- accepting ---- */

ff_err
ff_signal_record(struct ff_txn *txn, struct ff_exec *exec, struct ff_waitpoint *waitpoint,
                 struct ff_signal *signal)
{
    signal->number = ++exec->signal_count;
    signal->accepted_at = txn->now_ms;
    waitpoint->signal_count++;
    waitpoint->kept_count++;
    waitpoint->matched_signal_count += signal->suspension_id.is;
    waitpoint->last_signal_at = FF_SOME(ff_opt_i64, txn->now_ms);
    FF_TRY(ff_txn_put_waitpoint(txn, waitpoint));
    return ff_txn_put_new(txn, FF_R_SIGNAL, signal);
}

static ff_err
resume(struct ff_txn *txn, const struct delivering *with, struct ff_exec *exec,
       struct ff_suspension *suspension)
{
    struct ff_episode_end end = { .reason = ff_str("resumed", 7),
                                  .closer = FF_SOME(ff_opt_uuid, with->signal.signal_id) };

    if (with->signal.resume_delay_ms.is) {
        end.delay_ms = with->signal.resume_delay_ms.v;
    } else if (suspension->resume_delay_ms.is) {
        end.delay_ms = suspension->resume_delay_ms.v;
    }
    return ff_suspension_resume(txn, exec, suspension, &end);
}

static ff_err
fail_no_suspension(struct ff_txn *txn)
{
    return ff_fail(&txn->fault, FF_E_INVARIANT_VIOLATION,
                   ff_d_text("reason", "active_waitpoint_without_suspension"));
}

/* The signal meets the condition of the open suspension. */
static ff_err
meet(struct ff_txn *txn, struct delivering *with, struct ff_exec *exec,
     struct ff_waitpoint *waitpoint)
{
    const struct ff_cond_signal seen = {
        .waitpoint_key = waitpoint->waitpoint_key,
        .signal_name = with->signal.signal_name,
        .source_type = with->signal.source_type,
        .source_identity = with->signal.source_identity,
        .signal_id = with->signal.signal_id,
    };
    struct ff_suspension suspension = { 0 };
    struct ff_condition condition = { 0 };
    enum ff_signal_effect effect = FF_EFFECT_NO_OP;
    bool found = false, open = false;

    FF_TRY(ff_suspension_find(txn, &exec->execution_id, &suspension, &found, &open));
    if (!open || !waitpoint->suspension_id.is ||
        !ff_uuid_eq(waitpoint->suspension_id.v, suspension.suspension_id)) {
        return fail_no_suspension(txn);
    }
    FF_TRY(ff_condition_parse(suspension.resume_condition, "resume_condition", txn->arena,
                              &condition, &txn->fault));
    ff_condition_resume(&condition, suspension.progress);
    effect = ff_condition_take(&condition, &seen);
    with->signal.observed_effect = effect;
    suspension.last_signal_at = FF_SOME(ff_opt_i64, txn->now_ms);
    if (effect == FF_EFFECT_APPENDED || effect == FF_EFFECT_SATISFIED) {
        with->signal.suspension_id = FF_SOME(ff_opt_uuid, suspension.suspension_id);
        suspension.progress = ff_condition_progress(&condition);
    }
    FF_TRY(trim(txn, waitpoint, with->signal_maxlen));
    FF_TRY(ff_signal_record(txn, exec, waitpoint, &with->signal));
    if (effect == FF_EFFECT_SATISFIED) {
        return resume(txn, with, exec, &suspension);
    }
    FF_TRY(ff_txn_put_suspension(txn, &suspension));
    return ff_exec_save(txn, exec, FF_EXEC_SAME);
}

static ff_err
buffer(struct ff_txn *txn, struct delivering *with, struct ff_exec *exec,
       struct ff_waitpoint *waitpoint)
{
    with->signal.observed_effect = FF_EFFECT_BUFFERED;
    FF_TRY(ff_signal_record(txn, exec, waitpoint, &with->signal));
    return ff_exec_save(txn, exec, FF_EXEC_SAME);
}

/* How the feed calls it (06 §2.6). */
static const char *
event_effect(enum ff_signal_effect effect)
{
    switch (effect) {
    case FF_EFFECT_SATISFIED:
        return "satisfied";
    case FF_EFFECT_BUFFERED:
        return "buffered";
    default:
        return ff_word(&ff_vocab_signal_effect, effect);
    }
}

/* Steps 4 to 7 of 03 §6, and what follows. */
static ff_err
deliver(struct ff_txn *txn, struct delivering *with, struct ff_exec *exec,
        struct ff_waitpoint *waitpoint, struct delivered *out)
{
    struct ff_signal *signal = &with->signal;

    FF_TRY(find_duplicate(txn, with, &out->existing_signal_id));
    if (out->existing_signal_id.is) {
        out->outcome = "duplicate";
        return ff_event_signal(txn, exec, signal, &out->existing_signal_id.v, "deduped");
    }
    if (exec->lifecycle_phase == FF_PHASE_TERMINAL) {
        return ff_fail(&txn->fault, FF_E_TARGET_NOT_SIGNALABLE);
    }
    if (!ff_waitpoint_is_open(waitpoint, txn->now_ms)) {
        return ff_fail(&txn->fault, FF_E_WAITPOINT_CLOSED);
    }
    FF_TRY(check_limits(txn, with, exec, waitpoint));
    FF_TRY(keep_key(txn, signal));
    FF_TRY(waitpoint->state == FF_WAITPOINT_PENDING ? buffer(txn, with, exec, waitpoint)
                                                    : meet(txn, with, exec, waitpoint));
    out->outcome = "accepted";
    out->signal_id = FF_SOME(ff_opt_uuid, signal->signal_id);
    out->effect = FF_SOME(ff_opt_u32, signal->observed_effect);
    return ff_event_signal(txn, exec, signal, &signal->signal_id,
                           event_effect(signal->observed_effect));
}

/* ---- deliver_signal ---- */

/* All that a delivery is likely to read, asked for together. */
static ff_err
want_all(struct ff_txn *txn, const struct ff_eid *id, const struct ff_uuid *waitpoint_id)
{
    struct ff_waitpoint waitpoint;
    struct ff_suspension suspension;
    struct ff_keyring ring;
    struct ff_exec exec;
    bool pending = false, found = false, open = false;

    FF_TRY(ff_gather(ff_txn_find_exec(txn, id, &exec, &found), &pending));
    FF_TRY(ff_gather(ff_waitpoint_find(txn, id->partition, waitpoint_id, &waitpoint, &found),
                     &pending));
    FF_TRY(ff_gather(ff_suspension_find(txn, id, &suspension, &found, &open), &pending));
    FF_TRY(ff_gather(ff_keyring_read(txn, &ring), &pending));
    return pending ? FF_E_PENDING : FF_E_OK;
}

static ff_err
check_args(struct ff_txn *txn, const struct ff_deliver_signal_args *args)
{
    if (args->signal_name.n == 0) {
        return ff_fail_input(&txn->fault, "signal_name", "empty");
    }
    if (args->payload.n > PAYLOAD_BYTES_MAX) {
        return ff_fail(&txn->fault, FF_E_PAYLOAD_TOO_LARGE, ff_d_text("field", "payload"),
                       ff_d_u64("len", args->payload.n), ff_d_u64("max", PAYLOAD_BYTES_MAX));
    }
    return FF_E_OK;
}

/* The call fails with `err`; that it did is kept. */
static ff_err
note_failure(struct ff_txn *txn, struct ff_exec *exec, ff_err err)
{
    struct ff_opt_i64 last = exec->last_hmac_validation_failed_at;

    if (err == FF_E_HMAC_SECRET_NOT_INITIALIZED ||
        (last.is && ff_time_add(last.v, FAILURE_NOTE_MS) > txn->now_ms)) {
        return err;
    }
    exec->last_hmac_validation_failed_at = FF_SOME(ff_opt_i64, txn->now_ms);
    FF_TRY(ff_txn_put_exec(txn, exec));
    ff_txn_keep(txn);
    return err;
}

static ff_err
verify(struct ff_txn *txn, const struct ff_deliver_signal_args *args, struct ff_exec *exec,
       struct ff_waitpoint *waitpoint)
{
    bool found = false, known = false;
    ff_err err = FF_E_OK;

    FF_TRY(ff_waitpoint_find(txn, args->execution_id.partition, &args->waitpoint_id, waitpoint,
                             &found));
    known = found && ff_eid_eq(waitpoint->execution_id, args->execution_id);
    err = ff_token_verify(txn, args->waitpoint_token, known ? waitpoint : NULL);
    switch (err) {
    case FF_E_MISSING_TOKEN:
    case FF_E_INVALID_TOKEN:
    case FF_E_TOKEN_EXPIRED:
        return note_failure(txn, exec, err);
    default:
        return err;
    }
}

static struct ff_str
or_empty(struct ff_str text)
{
    return text.p == NULL ? ff_str("", 0) : text;
}

ff_err
ff_op_deliver_signal(struct ff_txn *txn, const struct ff_deliver_signal_args *args,
                     struct ff_deliver_signal_result *result)
{
    struct delivering with = {
        .signal = { .execution_id = args->execution_id,
                    .waitpoint_id = args->waitpoint_id,
                    .signal_name = args->signal_name,
                    .signal_category = args->signal_category,
                    .source_type = args->source_type,
                    .source_identity = args->source_identity,
                    .payload = args->payload,
                    .payload_encoding = args->payload_encoding,
                    .correlation_id = or_empty(args->correlation_id),
                    .idempotency_key = args->idempotency_key,
                    .target_scope = args->target_scope,
                    .created_at = args->created_at.is ? args->created_at.v : txn->now_ms,
                    .dedup_ttl_ms = args->dedup_ttl_ms,
                    .resume_delay_ms = args->resume_delay_ms },
        .id_given = args->signal_id.is,
        .max_signals = args->max_signals_per_execution,
        .signal_maxlen = args->signal_maxlen,
    };
    struct ff_waitpoint waitpoint = { 0 };
    struct delivered delivered = { 0 };
    struct ff_exec exec = { 0 };

    FF_TRY(check_args(txn, args));
    FF_TRY(want_all(txn, &args->execution_id, &args->waitpoint_id));
    FF_TRY(ff_exec_open(txn, &args->execution_id, &exec));
    FF_TRY(verify(txn, args, &exec, &waitpoint));
    with.signal.signal_id = args->signal_id.is ? args->signal_id.v : ff_txn_uuid(txn);
    FF_TRY(deliver(txn, &with, &exec, &waitpoint, &delivered));
    result->outcome = delivered.outcome;
    result->signal_id = delivered.signal_id;
    result->effect = delivered.effect;
    result->existing_signal_id = delivered.existing_signal_id;
    return FF_E_OK;
}

/* ---- deliver_approval_signal ---- */

static struct ff_signal
compose(struct ff_txn *txn, const struct ff_deliver_approval_signal_args *args)
{
    return (struct ff_signal){
        .execution_id = args->execution_id,
        .waitpoint_id = args->waitpoint_id,
        .signal_id = ff_txn_uuid(txn),
        .signal_name = args->signal_name,
        .signal_category = ff_cstr("approval"),
        .source_type = ff_cstr("operator"),
        .source_identity = args->decided_by,
        .payload_encoding = ff_cstr("json"),
        .correlation_id = ff_cstr(""),
        .idempotency_key =
            ff_arena_printf(txn->arena, "approval:%.*s:%.*s", (int) args->signal_name.n,
                            args->signal_name.p, (int) args->idempotency_suffix.n,
                            args->idempotency_suffix.n == 0 ? "" : args->idempotency_suffix.p),
        .target_scope = FF_SIGNAL_SCOPE_EXECUTION,
        .created_at = txn->now_ms,
        .dedup_ttl_ms = args->dedup_ttl_ms,
    };
}

ff_err
ff_op_deliver_approval_signal(struct ff_txn *txn,
                              const struct ff_deliver_approval_signal_args *args,
                              struct ff_deliver_approval_signal_result *result)
{
    struct delivering with = { .max_signals = args->max_signals_per_execution,
                               .signal_maxlen = args->signal_maxlen };
    struct ff_waitpoint waitpoint = { 0 };
    struct delivered delivered = { 0 };
    struct ff_exec exec = { 0 };
    bool found = false;

    if (args->signal_name.n == 0) {
        return ff_fail_input(&txn->fault, "signal_name", "empty");
    }
    FF_TRY(want_all(txn, &args->execution_id, &args->waitpoint_id));
    FF_TRY(ff_exec_open(txn, &args->execution_id, &exec));
    FF_TRY(ff_exec_check_lane(txn, &exec, args->lane_id));
    FF_TRY(ff_waitpoint_find(txn, args->execution_id.partition, &args->waitpoint_id, &waitpoint,
                             &found));
    if (!found || !ff_eid_eq(waitpoint.execution_id, args->execution_id)) {
        return ff_fail(&txn->fault, FF_E_WAITPOINT_NOT_FOUND, ff_d_text("entity", "waitpoint"));
    }
    with.signal = compose(txn, args);
    FF_TRY(deliver(txn, &with, &exec, &waitpoint, &delivered));
    result->outcome = delivered.outcome;
    result->signal_id = delivered.signal_id;
    result->effect = delivered.effect;
    result->existing_signal_id = delivered.existing_signal_id;
    return FF_E_OK;
}
