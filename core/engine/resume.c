/* resume_execution, expire_suspension, list_suspended (02 §6.10; 03 §8, §10.3). */

#include "core/engine/reads.h"
#include "core/engine/signal.h"
#include "core/handle.h"
#include "core/id.h"
#include "core/partition.h"

ff_err
ff_op_resume_execution(struct ff_txn *txn, const struct ff_resume_execution_args *args,
                       struct ff_resume_execution_result *result)
{
    const struct ff_episode_end end = { .reason = ff_str("resumed", 7),
                                        .trigger = FF_SOME(ff_opt_u32, args->trigger_type),
                                        .delay_ms = args->resume_delay_ms };
    struct ff_suspension suspension = { 0 };
    struct ff_exec exec = { 0 };
    bool found = false, open = false;

    FF_TRY(ff_exec_open(txn, &args->execution_id, &exec));
    if (exec.lifecycle_phase == FF_PHASE_SUSPENDED) {
        FF_TRY(ff_suspension_find(txn, &args->execution_id, &suspension, &found, &open));
    }
    if (!open) {
        return ff_fail(&txn->fault, FF_E_EXECUTION_NOT_SUSPENDED);
    }
    FF_TRY(ff_suspension_resume(txn, &exec, &suspension, &end));
    result->outcome = "resumed";
    result->public_state = exec.public_state;
    return FF_E_OK;
}

/* ---- expire_suspension ---- */

/* The end that a time-out brings, by behaviour. */
static const struct fate {
    enum ff_attempt_lifecycle lifecycle;
    enum ff_terminal_outcome outcome;
    const char *stream_reason; /* 06 §1.3 */
    const char *close_reason;
} fates[] = {
    [FF_ONTIME_FAIL] = { FF_LIFE_ENDED_FAILURE, FF_OUTCOME_FAILED, "attempt_failure",
                         "timed_out_fail" },
    [FF_ONTIME_CANCEL] = { FF_LIFE_ENDED_CANCELLED, FF_OUTCOME_CANCELLED, "attempt_cancelled",
                           "timed_out_cancel" },
    [FF_ONTIME_EXPIRE] = { FF_LIFE_ENDED_FAILURE, FF_OUTCOME_EXPIRED, "expired",
                           "timed_out_expire" },
};

static ff_err
end_by_timeout(struct ff_txn *txn, struct ff_exec *exec, const struct ff_suspension *suspension)
{
    const struct fate *fate = &fates[suspension->timeout_behavior];
    struct ff_str reason =
        ff_arena_printf(txn->arena, "suspension_timeout:%s",
                        ff_word(&ff_vocab_timeout_behavior, suspension->timeout_behavior));
    const struct ff_attempt_end end = { .lifecycle = fate->lifecycle,
                                        .reason = reason,
                                        .category = ff_str("timeout", 7),
                                        .stream_reason = fate->stream_reason,
                                        .suspension_reason = fate->close_reason };

    FF_TRY(ff_attempt_finish(txn, exec, &end));
    exec->failure_reason = reason;
    exec->failure_category = ff_cstr("timeout");
    exec->failure_detail = FF_NONE(ff_str);
    return ff_exec_end(txn, exec, fate->outcome);
}

/* The engine's own signal on the primary waitpoint; it counts as a satisfier. */
static ff_err
resume_by_timeout(struct ff_txn *txn, struct ff_exec *exec, struct ff_suspension *suspension)
{
    struct ff_signal signal = {
        .execution_id = exec->execution_id,
        .waitpoint_id = suspension->waitpoint_ids.v[0],
        .signal_id = ff_txn_uuid(txn),
        .signal_name = ff_cstr("timeout"),
        .signal_category = ff_cstr("timeout"),
        .source_type = ff_cstr("engine"),
        .source_identity = ff_cstr("suspension_timeout"),
        .payload_encoding = ff_cstr("json"),
        .correlation_id = ff_cstr(""),
        .created_at = txn->now_ms,
        .observed_effect = FF_EFFECT_SATISFIED,
        .suspension_id = FF_SOME(ff_opt_uuid, suspension->suspension_id),
    };
    const struct ff_episode_end end = { .reason = ff_str("timed_out_auto_resume", 21),
                                        .closer = FF_SOME(ff_opt_uuid, signal.signal_id) };
    struct ff_waitpoint primary = { 0 };
    bool found = false;

    FF_TRY(ff_waitpoint_find(txn, exec->execution_id.partition, &signal.waitpoint_id, &primary,
                             &found));
    if (!found) {
        return ff_fail(&txn->fault, FF_E_CORRUPTION, ff_d_text("reason", "missing_record"),
                       ff_d_text("context", "waitpoint"));
    }
    FF_TRY(ff_signal_record(txn, exec, &primary, &signal));
    return ff_suspension_resume(txn, exec, suspension, &end);
}

/* Its waitpoints stay active, without an end. */
static ff_err
unlimit_waitpoints(struct ff_txn *txn, const struct ff_suspension *suspension)
{
    bool pending = false;

    for (uint32_t i = 0; i < suspension->waitpoint_ids.n; i++) {
        struct ff_waitpoint waitpoint = { 0 };
        bool found = false;
        ff_err err = ff_waitpoint_find(txn, suspension->execution_id.partition,
                                       &suspension->waitpoint_ids.v[i], &waitpoint, &found);

        pending = pending || err == FF_E_PENDING;
        if (err == FF_E_PENDING) {
            continue;
        }
        FF_TRY(err);
        if (found && waitpoint.state == FF_WAITPOINT_ACTIVE && waitpoint.expires_at.is) {
            waitpoint.expires_at = FF_NONE(ff_opt_i64);
            FF_TRY(ff_txn_put_waitpoint(txn, &waitpoint));
        }
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* The time of suspension, which last_transition_at tells, stays. */
static ff_err
escalate(struct ff_txn *txn, struct ff_exec *exec, struct ff_suspension *suspension)
{
    FF_TRY(unlimit_waitpoints(txn, suspension));
    exec->blocking_reason = FF_BLOCK_PAUSED_BY_OPERATOR;
    exec->blocking_detail =
        ff_arena_printf(txn->arena, "no decision by the deadline %lld; waiting for an operator",
                        (long long) suspension->timeout_at.v);
    suspension->reason_code = FF_SUSPEND_OPERATOR_REVIEW;
    suspension->timeout_at = FF_NONE(ff_opt_i64);
    FF_TRY(ff_txn_put_suspension(txn, suspension));
    return ff_exec_save(txn, exec, FF_EXEC_SAME);
}

static ff_err
time_out(struct ff_txn *txn, struct ff_exec *exec, struct ff_suspension *suspension)
{
    switch (suspension->timeout_behavior) {
    case FF_ONTIME_AUTO_RESUME:
        return resume_by_timeout(txn, exec, suspension);
    case FF_ONTIME_ESCALATE:
        return escalate(txn, exec, suspension);
    default:
        return end_by_timeout(txn, exec, suspension);
    }
}

ff_err
ff_op_expire_suspension(struct ff_txn *txn, const struct ff_expire_suspension_args *args,
                        struct ff_expire_suspension_result *result)
{
    struct ff_suspension suspension = { 0 };
    struct ff_exec exec = { 0 };
    bool found = false, open = false;

    FF_TRY(ff_exec_lookup(txn, &args->execution_id, &exec, &found));
    if (!found || exec.lifecycle_phase != FF_PHASE_SUSPENDED) {
        result->outcome = found ? "not_suspended_cleaned" : "not_found_cleaned";
        return FF_E_OK;
    }
    FF_TRY(ff_suspension_find(txn, &args->execution_id, &suspension, &found, &open));
    if (!open) {
        result->outcome = "no_active_suspension_cleaned";
        return FF_E_OK;
    }
    if (!suspension.timeout_at.is || suspension.timeout_at.v > txn->now_ms) {
        result->outcome = "not_yet_due";
        return FF_E_OK;
    }
    result->behavior_applied = FF_SOME(ff_opt_u32, suspension.timeout_behavior);
    FF_TRY(time_out(txn, &exec, &suspension));
    result->outcome = "expired";
    result->public_state = FF_SOME(ff_opt_u32, exec.public_state);
    return FF_E_OK;
}

/* ---- list_suspended ---- */

/* Opaque: the time of suspension and the id, in hex, at fixed places. */
#define CURSOR_BYTES 52

static struct ff_str
make_cursor(struct ff_txn *txn, const struct ff_entry *entry)
{
    struct ff_str text = ff_arena_printf(txn->arena, "%016llx", (unsigned long long) entry->sort);

    for (uint32_t i = 0; i < entry->id.n; i++) {
        text = ff_arena_printf(txn->arena, "%s%02x", text.p, entry->id.b[i]);
    }
    return text;
}

static bool
hex_byte(const char *text, uint8_t *out)
{
    unsigned value = 0;

    for (int i = 0; i < 2; i++) {
        const char *at = memchr("0123456789abcdef", text[i], 16);

        if (at == NULL) {
            return false;
        }
        value = value << 4 | (unsigned) (at - "0123456789abcdef");
    }
    *out = (uint8_t) value;
    return true;
}

static ff_err
read_cursor(struct ff_txn *txn, struct ff_str text, struct ff_entry *out)
{
    uint8_t bytes[CURSOR_BYTES / 2];
    uint64_t sort = 0;

    for (uint32_t i = 0; i < sizeof(bytes); i++) {
        if (text.n != CURSOR_BYTES || !hex_byte(text.p + (size_t) 2 * i, &bytes[i])) {
            return ff_fail_input(&txn->fault, "cursor", "malformed");
        }
    }
    for (int i = 0; i < 8; i++) {
        sort = sort << 8 | bytes[i];
    }
    out->sort = (int64_t) sort;
    out->id = ff_key_bytes(ff_str(bytes + 8, sizeof(bytes) - 8));
    return FF_E_OK;
}

static ff_err
show(struct ff_txn *txn, const struct ff_entry *entry, struct ff_suspended_entry *out)
{
    struct ff_suspension suspension = { 0 };
    bool found = false, open = false;

    out->execution_id = ff_key_to_eid(&entry->id);
    out->suspended_at = entry->sort;
    FF_TRY(ff_suspension_find(txn, &out->execution_id, &suspension, &found, &open));
    out->reason = suspension.reason_code;
    out->timeout_at = suspension.timeout_at;
    return FF_E_OK;
}

ff_err
ff_op_list_suspended(struct ff_txn *txn, const struct ff_list_suspended_args *args,
                     struct ff_list_suspended_result *result)
{
    uint32_t limit = ff_page_limit(args->limit);
    struct ff_entry entry = { 0 }, next = { 0 };
    struct ff_partition partition = { 0 };
    struct ff_scope scope;
    bool first = args->cursor.p == NULL, found = false, pending = false;

    FF_TRY(ff_partition_key_parse(args->partition, "partition", &partition, &txn->fault));
    if (!first) {
        FF_TRY(read_cursor(txn, args->cursor, &entry));
    }
    if (partition.family != FF_PARTITION_FLOW) {
        return FF_E_OK;
    }
    scope = ff_scope_partition(partition.index);
    result->entries.v = FF_ARENA_NEW(txn->arena, struct ff_suspended_entry, limit);
    while (limit > 0) {
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_SUSPENDED, &scope, first ? NULL : &entry, limit + 1, &next,
                           &found));
        if (!found) {
            break;
        }
        if (result->entries.n == limit) {
            result->next_cursor = make_cursor(txn, &entry);
            break;
        }
        first = false;
        entry = next;
        err = show(txn, &entry, &result->entries.v[result->entries.n]);
        pending = pending || err == FF_E_PENDING;
        if (err != FF_E_PENDING) {
            FF_TRY(err);
        }
        result->entries.n++;
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}
