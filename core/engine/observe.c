/* observe_signals: what ended the wait (03 §7.3). */

#include "core/engine/lease.h"
#include "core/engine/reads.h"
#include "core/engine/rely.h"
#include "core/engine/signal.h"

/* A page of signals ends before it outgrows this (01 §1.7). */
#define PAGE_BYTES_MAX (8u << 20)
/* Of a signal beside its texts. */
#define SIGNAL_BYTES 256

/* Whether it was a signal that ended it: one that made the condition true, or the time-out's. */
static bool
ended_by_signals(const struct ff_suspension *suspension)
{
    if (!suspension->closed_at.is) {
        return false;
    }
    return ff_str_is(suspension->close_reason, "timed_out_auto_resume") ||
           (ff_str_is(suspension->close_reason, "resumed") && !suspension->trigger_type.is);
}

static size_t
bytes_of(const struct ff_signal *signal)
{
    return SIGNAL_BYTES + signal->signal_name.n + signal->signal_category.n +
           signal->source_type.n + signal->source_identity.n + signal->correlation_id.n +
           signal->payload.n;
}

static void
show(const struct ff_signal *signal, struct ff_observed_signal *out)
{
    out->signal_id = signal->signal_id;
    out->signal_name = signal->signal_name;
    out->signal_category = signal->signal_category;
    out->source_type = signal->source_type;
    out->source_identity = signal->source_identity;
    out->correlation_id = signal->correlation_id;
    out->accepted_at = signal->accepted_at;
    out->payload = signal->payload;
}

struct walk {
    struct ff_scope scope;
    struct ff_entry entry;
    bool first;
    uint32_t expect;
};

static ff_err
step(struct ff_txn *txn, struct walk *walk, bool *found)
{
    struct ff_entry next = { 0 };

    FF_TRY(ff_txn_next(txn, FF_IX_SATISFIERS, &walk->scope, walk->first ? NULL : &walk->entry,
                       walk->expect, &next, found));
    walk->entry = *found ? next : walk->entry;
    walk->first = walk->first && !*found;
    return FF_E_OK;
}

/* Stands on the cursor's entry then; *found false: there is no such signal. */
static ff_err
skip_to(struct ff_txn *txn, struct walk *walk, const struct ff_uuid *cursor, bool *found)
{
    for (;;) {
        FF_TRY(step(txn, walk, found));
        if (!*found || ff_uuid_eq(ff_key_to_signal_id(&walk->entry.id), *cursor)) {
            return FF_E_OK;
        }
    }
}

/* Asks for the signals of a page together; FF_E_PENDING. */
static ff_err
want_page(struct ff_txn *txn, struct walk walk, uint32_t n)
{
    bool found = true;

    for (uint32_t i = 0; i < n; i++) {
        struct ff_signal signal;
        ff_err err = FF_E_OK;

        FF_TRY(step(txn, &walk, &found));
        if (!found) {
            break;
        }
        err = ff_txn_find(txn, FF_R_SIGNAL, &walk.entry.id, &signal, &found);
        if (err != FF_E_PENDING) {
            FF_TRY(err);
        }
    }
    return FF_E_PENDING;
}

static ff_err
fill(struct ff_txn *txn, const struct ff_observing *want, struct walk *walk,
     struct ff_observed *out)
{
    const struct ff_place place = { FF_IX_SATISFIERS, &walk->scope, &walk->entry };
    bool found = true;

    out->signals.v = FF_ARENA_NEW(txn->arena, struct ff_observed_signal, want->limit);
    for (;;) {
        struct walk before = *walk;
        struct ff_signal signal = { 0 };
        ff_err err = FF_E_OK;

        FF_TRY(step(txn, walk, &found));
        if (!found) {
            return FF_E_OK;
        }
        if (out->signals.n == want->limit) {
            out->more = true;
            return FF_E_OK;
        }
        err = ff_txn_follow(txn, FF_R_SIGNAL, &place, &signal);
        FF_TRY(err == FF_E_PENDING ? want_page(txn, before, want->limit - out->signals.n) : err);
        if (out->signals.n > 0 && out->bytes + bytes_of(&signal) > want->bytes_max) {
            out->more = true;
            return FF_E_OK;
        }
        out->bytes += bytes_of(&signal);
        show(&signal, &out->signals.v[out->signals.n++]);
    }
}

ff_err
ff_signals_observe(struct ff_txn *txn, const struct ff_observing *want, struct ff_observed *out)
{
    struct ff_suspension suspension = { 0 };
    struct walk walk = { .first = true };
    bool found = false, open = false;

    FF_TRY(ff_suspension_find(txn, &want->execution_id, &suspension, &found, &open));
    if (!found || suspension.attempt_index != want->attempt_index) {
        return FF_E_OK;
    }
    out->suspension_id = FF_SOME(ff_opt_uuid, suspension.suspension_id);
    out->continuation_metadata_pointer = suspension.continuation_metadata_pointer;
    if (!ended_by_signals(&suspension) || want->limit == 0) {
        return FF_E_OK;
    }
    walk.scope = ff_scope_satisfiers(&want->execution_id, &suspension.suspension_id);
    walk.expect = want->limit + 1;
    if (want->cursor.is) {
        FF_TRY(skip_to(txn, &walk, &want->cursor.v, &found));
        if (!found) {
            return FF_E_OK;
        }
    }
    return fill(txn, want, &walk, out);
}

ff_err
ff_op_observe_signals(struct ff_txn *txn, const struct ff_observe_signals_args *args,
                      struct ff_observe_signals_result *result)
{
    struct ff_observing want = { .cursor = args->cursor,
                                 .limit = ff_page_limit(args->limit),
                                 .bytes_max = PAGE_BYTES_MAX };
    struct ff_observed observed = { 0 };
    struct ff_held held = { 0 };

    FF_TRY(ff_held_read(txn, &args->handle, &held));
    want.execution_id = held.execution_id;
    want.attempt_index = held.attempt_index;
    FF_TRY(ff_signals_observe(txn, &want, &observed));
    result->signals = observed.signals;
    result->suspension_id = observed.suspension_id;
    result->continuation_metadata_pointer = observed.continuation_metadata_pointer;
    if (observed.more) {
        result->next_cursor =
            FF_SOME(ff_opt_uuid, observed.signals.v[observed.signals.n - 1].signal_id);
    }
    return FF_E_OK;
}
