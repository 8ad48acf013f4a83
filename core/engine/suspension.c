#include "core/engine/suspension.h"
#include "core/engine/gate.h"
#include "core/engine/rely.h"

static const char never_committed[] = "never_committed";

/* ---- waitpoints ---- */

ff_err
ff_waitpoint_find(struct ff_txn *txn, uint16_t partition, const struct ff_uuid *waitpoint_id,
                  struct ff_waitpoint *out, bool *found)
{
    struct ff_key key = ff_key_waitpoint(partition, waitpoint_id);

    return ff_txn_find(txn, FF_R_WAITPOINT, &key, out, found);
}

bool
ff_waitpoint_has_lapsed(const struct ff_waitpoint *waitpoint, int64_t now_ms)
{
    return waitpoint->state == FF_WAITPOINT_PENDING && waitpoint->expires_at.v <= now_ms;
}

bool
ff_waitpoint_is_open(const struct ff_waitpoint *waitpoint, int64_t now_ms)
{
    return waitpoint->state != FF_WAITPOINT_CLOSED && !ff_waitpoint_has_lapsed(waitpoint, now_ms);
}

ff_err
ff_waitpoint_close(struct ff_txn *txn, struct ff_exec *exec, struct ff_waitpoint *waitpoint,
                   struct ff_str reason)
{
    if (waitpoint->state == FF_WAITPOINT_CLOSED) { /* or by another broker, just now */
        return ff_fail(&txn->fault, FF_E_CORRUPTION, ff_d_text("reason", "closed_waitpoint"),
                       ff_d_text("context", "waitpoint"));
    }
    waitpoint->state = FF_WAITPOINT_CLOSED;
    waitpoint->closed_at = FF_SOME(ff_opt_i64, txn->now_ms);
    waitpoint->close_reason = reason;
    exec->open_waitpoints -= exec->open_waitpoints > 0;
    return ff_txn_put_waitpoint(txn, waitpoint);
}

struct waitpoints {
    struct ff_waitpoint *v;
    uint32_t n, room;
};

static ff_err
add_loaded(struct ff_txn *txn, struct waitpoints *list, const struct ff_key *key)
{
    struct ff_waitpoint waitpoint;
    bool found = false;

    FF_TRY(ff_txn_find(txn, FF_R_WAITPOINT, key, &waitpoint, &found));
    if (found && list->n < list->room) {
        list->v[list->n++] = waitpoint;
    }
    return FF_E_OK;
}

/* All that are not closed; what has to be loaded is wanted together. */
static ff_err
read_open(struct ff_txn *txn, const struct ff_exec *exec, struct waitpoints *out)
{
    struct ff_scope scope = ff_scope_waitpoints(&exec->execution_id, true);
    struct ff_entry entry = { 0 }, next = { 0 };
    const struct ff_place place = { FF_IX_WAITPOINTS, &scope, &entry };
    struct ff_waitpoint waitpoint = { 0 };
    bool found = false, first = true, pending = false;

    out->n = 0;
    out->room = exec->open_waitpoints;
    out->v = FF_ARENA_NEW(txn->arena, struct ff_waitpoint, out->room);
    for (;;) {
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_WAITPOINTS, &scope, first ? NULL : &entry,
                           exec->open_waitpoints + 1, &next, &found));
        if (!found) {
            break;
        }
        first = false;
        entry = next;
        err = ff_txn_follow(txn, FF_R_WAITPOINT, &place, &waitpoint);
        if (err == FF_E_OK && out->n < out->room) {
            out->v[out->n++] = waitpoint;
        }
        pending = pending || err == FF_E_PENDING;
        if (err != FF_E_PENDING) {
            FF_TRY(err);
        }
    }
    if (pending) {
        return FF_E_PENDING;
    }
    /* A page of before another broker opened some would leave those open for good. */
    return out->n < exec->open_waitpoints ? ff_txn_doubt(txn, FF_IX_WAITPOINTS, &scope) : FF_E_OK;
}

static ff_err
close_open(struct ff_txn *txn, struct ff_exec *exec, bool only_lapsed)
{
    struct waitpoints list = { 0 };

    if (exec->open_waitpoints == 0) {
        return FF_E_OK;
    }
    FF_TRY(read_open(txn, exec, &list));
    for (uint32_t i = 0; i < list.n; i++) {
        if (!only_lapsed || ff_waitpoint_has_lapsed(&list.v[i], txn->now_ms)) {
            FF_TRY(ff_waitpoint_close(txn, exec, &list.v[i], ff_cstr(never_committed)));
        }
    }
    return FF_E_OK;
}

ff_err
ff_waitpoints_make_room(struct ff_txn *txn, struct ff_exec *exec, uint32_t n, const char *field)
{
    if (exec->open_waitpoints + n > FF_OPEN_WAITPOINTS_MAX) {
        FF_TRY(close_open(txn, exec, true));
    }
    if (exec->open_waitpoints + n > FF_OPEN_WAITPOINTS_MAX) {
        return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", field),
                       ff_d_text("reason", "too_many_waitpoints"),
                       ff_d_u64("count", exec->open_waitpoints + n),
                       ff_d_u64("max", FF_OPEN_WAITPOINTS_MAX));
    }
    return FF_E_OK;
}

/* ---- episodes ---- */

ff_err
ff_suspension_find(struct ff_txn *txn, const struct ff_eid *id, struct ff_suspension *out,
                   bool *found, bool *open)
{
    struct ff_key key = ff_key_eid(id);

    FF_TRY(ff_txn_find(txn, FF_R_SUSPENSION, &key, out, found));
    *open = *found && !out->closed_at.is;
    return FF_E_OK;
}

/* The waitpoints of an episode that are not closed. */
static ff_err
read_bound(struct ff_txn *txn, const struct ff_suspension *suspension, struct waitpoints *out)
{
    bool pending = false;

    out->room = suspension->waitpoint_ids.n;
    out->n = 0;
    out->v = FF_ARENA_NEW(txn->arena, struct ff_waitpoint, out->room);
    for (uint32_t i = 0; i < suspension->waitpoint_ids.n; i++) {
        struct ff_key key =
            ff_key_waitpoint(suspension->execution_id.partition, &suspension->waitpoint_ids.v[i]);
        ff_err err = add_loaded(txn, out, &key);

        pending = pending || err == FF_E_PENDING;
        if (err != FF_E_PENDING) {
            FF_TRY(err);
        }
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

ff_err
ff_suspension_close(struct ff_txn *txn, struct ff_exec *exec, struct ff_suspension *suspension,
                    const struct ff_episode_end *end)
{
    struct waitpoints list = { 0 };

    FF_TRY(read_bound(txn, suspension, &list));
    for (uint32_t i = 0; i < list.n; i++) {
        if (list.v[i].state != FF_WAITPOINT_CLOSED) {
            FF_TRY(ff_waitpoint_close(txn, exec, &list.v[i], end->reason));
        }
    }
    suspension->closed_at = FF_SOME(ff_opt_i64, txn->now_ms);
    suspension->close_reason = end->reason;
    suspension->closer_signal_id = end->closer;
    suspension->trigger_type = end->trigger;
    if (end->closer.is) {
        suspension->satisfied_at = suspension->closed_at;
    }
    exec->current_suspension_id = FF_NONE(ff_opt_uuid);
    exec->current_waitpoint_id = FF_NONE(ff_opt_uuid);
    return ff_txn_put_suspension(txn, suspension);
}

ff_err
ff_suspension_resume(struct ff_txn *txn, struct ff_exec *exec, struct ff_suspension *suspension,
                     const struct ff_episode_end *end)
{
    FF_TRY(ff_suspension_close(txn, exec, suspension, end));
    exec->attempt_state = FF_ATTEMPT_INTERRUPTED;
    if (end->delay_ms == 0) {
        ff_exec_make_eligible(exec);
    } else {
        ff_exec_make_delayed(exec, FF_BLOCK_WAITING_FOR_RESUME_DELAY,
                             ff_time_add(txn->now_ms, end->delay_ms));
        exec->blocking_detail =
            ff_arena_printf(txn->arena, "resumed; waits for the resume delay of %llu ms",
                            (unsigned long long) end->delay_ms);
    }
    return ff_gate_save(txn, exec);
}

ff_err
ff_suspension_drop(struct ff_txn *txn, struct ff_exec *exec, struct ff_str reason)
{
    struct ff_suspension suspension = { 0 };
    const struct ff_episode_end end = { .reason = reason };
    bool found = false, open = false;

    if (exec->current_suspension_id.is) {
        FF_TRY(ff_suspension_find(txn, &exec->execution_id, &suspension, &found, &open));
        if (open) {
            FF_TRY(ff_suspension_close(txn, exec, &suspension, &end));
        }
    }
    return close_open(txn, exec, false);
}
