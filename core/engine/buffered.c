#include "core/engine/buffered.h"

#include <stdlib.h>

#include "core/engine/rely.h"
#include "core/engine/suspension.h"
#include "core/engine/walk.h"

struct buffered {
    struct ff_signal signal;
    struct ff_binding *binding;
};

struct buffer {
    struct buffered *v;
    uint32_t n, room;
    bool pending;
};

static ff_err
read_buffer(struct ff_txn *txn, struct ff_binding *binding, struct buffer *out)
{
    const struct ff_waitpoint *waitpoint = &binding->waitpoint;
    struct ff_scope scope =
        ff_scope_signals(waitpoint->execution_id.partition, &waitpoint->waitpoint_id);
    struct ff_entry entry = { 0 }, next = { 0 };
    const struct ff_place place = { FF_IX_SIGNALS, &scope, &entry };
    bool found = waitpoint->kept_count > 0, first = true;

    while (found && out->n < out->room) {
        struct buffered *one = &out->v[out->n];
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_SIGNALS, &scope, first ? NULL : &entry,
                           (uint32_t) waitpoint->kept_count + 1, &next, &found));
        if (!found) {
            break;
        }
        first = false;
        entry = next;
        err = ff_txn_follow(txn, FF_R_SIGNAL, &place, &one->signal);
        FF_TRY(ff_gather(err, &out->pending));
        if (err == FF_E_OK) {
            one->binding = binding;
            out->n++;
        }
    }
    return FF_E_OK;
}

static int
buffered_cmp(const void *a, const void *b)
{
    uint64_t x = ((const struct buffered *) a)->signal.number;
    uint64_t y = ((const struct buffered *) b)->signal.number;

    return x < y ? -1 : x > y;
}

struct applying {
    struct ff_condition *condition;
    struct ff_suspension *suspension;
};

/* Notes what contributes, on signal, waitpoint and suspension. */
static ff_err
apply_one(struct ff_txn *txn, const struct applying *with, struct buffered *one)
{
    struct ff_suspension *suspension = with->suspension;
    const struct ff_cond_signal seen = {
        .waitpoint_key = one->binding->waitpoint_key,
        .signal_name = one->signal.signal_name,
        .source_type = one->signal.source_type,
        .source_identity = one->signal.source_identity,
        .signal_id = one->signal.signal_id,
    };
    bool was_true = ff_condition_is_true(with->condition);
    enum ff_signal_effect effect = ff_condition_take(with->condition, &seen);

    if (effect != FF_EFFECT_APPENDED && effect != FF_EFFECT_SATISFIED) {
        return FF_E_OK;
    }
    if (effect == FF_EFFECT_SATISFIED && !was_true) {
        suspension->closer_signal_id = FF_SOME(ff_opt_uuid, one->signal.signal_id);
    }
    suspension->last_signal_at = FF_SOME(ff_opt_i64, one->signal.accepted_at);
    one->binding->waitpoint.matched_signal_count++;
    one->signal.suspension_id = FF_SOME(ff_opt_uuid, suspension->suspension_id);
    return ff_txn_put_signal(txn, &one->signal);
}

ff_err
ff_buffered_apply(struct ff_txn *txn, struct ff_bindings *bindings, struct ff_condition *condition,
                  struct ff_suspension *suspension)
{
    const struct applying with = { .condition = condition, .suspension = suspension };
    struct buffer buffer = { 0 };

    for (uint32_t i = 0; i < bindings->n; i++) {
        buffer.room += (uint32_t) bindings->v[i].waitpoint.kept_count;
    }
    if (buffer.room == 0) {
        return FF_E_OK;
    }
    buffer.v = FF_ARENA_NEW(txn->arena, struct buffered, buffer.room);
    for (uint32_t i = 0; i < bindings->n; i++) {
        FF_TRY(read_buffer(txn, &bindings->v[i], &buffer));
    }
    if (buffer.pending) {
        return FF_E_PENDING;
    }
    qsort(buffer.v, buffer.n, sizeof(buffer.v[0]), buffered_cmp);
    for (uint32_t i = 0; i < buffer.n; i++) {
        FF_TRY(apply_one(txn, &with, &buffer.v[i]));
    }
    suspension->progress = ff_condition_progress(condition);
    return FF_E_OK;
}
