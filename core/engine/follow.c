/* follow.c: what a change leaves to be done, done by the engine itself (06 §2.7).
 *
 * A change that leaves work marks it in its record; the mark stands in an index, and the entry's
 * coming to be is noted here (ff_span_change tells). At the end of the batch, before parked calls
 * are judged, notes become calls of the engine's own: so a completion, the release of its children
 * and their claims share a commit. What does not fit is a walk that goes on after the commit.
 *
 * The few edges of an ordinary end are resolved by the call that ends it (ff_cascade_now).
 *
 * A note is a hint, kept in memory only: the call looks at the records anew. After a start, and
 * after a call of these has failed, the marks themselves are looked for; so are backlogs, flows
 * submitted in steps and replays in steps, whose grace is over. The scanners do the same from
 * outside.
 */
#include <stdlib.h>

#include "core/engine/engine_int.h"
#include "core/engine/flow_work.h"

/* Beyond: left to the scanners. */
#define NOTES_MAX 65536
/* A call has failed: marks are looked for so much later. */
#define LOOK_AGAIN_MS 1000
/* Calls under way at the same time. */
#define FOLLOWING_MAX 1024
/* Calls that a batch begins whatever else it carries. */
#define FOLLOWS_OF_BATCH 128

static const struct follower {
    enum ff_index index;
    enum ff_op op; /* whose answer has the call's shape */
    ff_err (*run)(struct ff_txn *txn, const void *args, void *result); /* args: the entry's key */
} followers[] = {
    { FF_IX_CASCADE, FF_OP_cascade_completion, ff_follow_cascade },
    { FF_IX_GROUPS_OWED, FF_OP_ack_cancel_member, ff_follow_siblings },
    { FF_IX_CANCELLING, FF_OP_ack_cancel_member, ff_follow_backlog },
    { FF_IX_RELEASING, FF_OP_ack_cancel_member, ff_follow_release },
    { FF_IX_REPLAYING, FF_OP_ack_cancel_member, ff_follow_replay },
};

/* Its sort says from when on it is the engine's. */
static bool
is_timed(enum ff_index index)
{
    return index == FF_IX_CANCELLING || index == FF_IX_RELEASING || index == FF_IX_REPLAYING;
}

static const struct follower *
follower_of(uint8_t index)
{
    for (size_t i = 0; i < FF_COUNT(followers); i++) {
        if (followers[i].index == index) {
            return &followers[i];
        }
    }
    return NULL;
}

void
ff_follow_note(struct ff_engine *engine, const struct ff_index_key *key)
{
    if (!engine->follow.on || engine->follow.n_notes >= NOTES_MAX ||
        follower_of(key->index) == NULL) {
        return;
    }
    engine->follow.notes = ff_grow(engine->follow.notes, &engine->follow.notes_room,
                                   engine->follow.n_notes, sizeof(*engine->follow.notes));
    engine->follow.notes[engine->follow.n_notes++] =
        (struct note){ .index = key->index, .id = key->id, .sort = key->sort };
}

void
ff_follow_forget(struct ff_engine *engine, uint32_t from, enum ff_index kind)
{
    uint32_t n = from;

    for (uint32_t i = from; i < engine->follow.n_notes; i++) {
        if (kind != FF_IX_N && engine->follow.notes[i].index != kind) {
            engine->follow.notes[n++] = engine->follow.notes[i];
        }
    }
    engine->follow.n_notes = n < engine->follow.n_notes ? n : engine->follow.n_notes;
}

static void
look_no_later(struct ff_engine *engine, int64_t at_ms)
{
    if (at_ms < engine->follow.look_at) {
        engine->follow.look_at = at_ms;
    }
}

static void
follow_done(struct ff_frame *frame)
{
    struct ff_engine *engine = frame->ctx;

    engine->follow.n_calls--;
    if (frame->calls[0].fault.code != FF_E_OK) { /* its mark stands: the next look finds it */
        look_no_later(engine, ff_time_add(engine->last_now_ms, LOOK_AGAIN_MS));
    }
    ff_arena_done(&frame->arena);
    free(frame);
}

/* ---- looking for marks ---- */

/* Notes the entries of one scope; those that are not due yet only tell when. */
static ff_err
note_scope(struct ff_txn *txn, enum ff_index index, const struct ff_scope *scope)
{
    struct ff_index_key key = { .index = (uint8_t) index, .scope = *scope };
    struct ff_entry entry = { 0 }, next = { 0 };
    bool found = true;

    for (uint32_t n = 0; found && n < NOTES_MAX; n++) {
        FF_TRY(ff_txn_next(txn, index, scope, n == 0 ? NULL : &entry, 1024, &next, &found));
        entry = next;
        if (found && is_timed(index) && entry.sort > txn->now_ms) {
            look_no_later(txn->engine, entry.sort);
            return FF_E_OK;
        }
        if (found) {
            key.sort = entry.sort;
            key.id = entry.id;
            ff_follow_note(txn->engine, &key);
        }
    }
    return FF_E_OK;
}

static ff_err
look(struct ff_txn *txn, const void *args, void *result)
{
    const struct ff_scope all = ff_scope_none();

    (void) args;
    (void) result;
    for (size_t i = 0; i < FF_COUNT(followers); i++) {
        struct ff_scope_list scopes = { 0 };

        FF_TRY(ff_txn_scopes(txn, followers[i].index, &all, &scopes));
        for (uint32_t j = 0; j < scopes.n; j++) {
            FF_TRY(note_scope(txn, followers[i].index, &scopes.v[j]));
        }
    }
    return FF_E_OK;
}

static void
look_done(struct ff_frame *frame)
{
    struct ff_engine *engine = frame->ctx;

    engine->follow.looking = false;
    follow_done(frame);
}

static struct ff_frame *
own_frame(struct ff_engine *engine, const struct follower *follower, const struct ff_key *key)
{
    struct ff_frame *frame = calloc(1, sizeof(*frame));
    struct ff_key *args = NULL;

    FF_ASSERT(frame != NULL);
    args = ff_arena_alloc(&frame->arena, sizeof(*args));
    *args = *key;
    frame->calls = FF_ARENA_NEW(&frame->arena, struct ff_call, 1);
    frame->calls[0] = (struct ff_call){ .op = follower->op, .args = args, .run = follower->run };
    frame->n = 1;
    frame->done = follow_done;
    frame->ctx = engine;
    engine->follow.n_calls++;
    return frame;
}

void
ff_follow_look(struct ff_engine *engine)
{
    static const struct follower looker = { FF_IX_N, FF_OP_ack_cancel_member, look };
    const struct ff_key none = { .n = 0 };
    struct ff_frame *frame = NULL;

    if (!engine->follow.on || engine->follow.looking ||
        engine->follow.look_at > ff_engine_now(engine, FF_NONE(ff_opt_i64))) {
        return;
    }
    engine->follow.look_at = INT64_MAX;
    engine->follow.looking = true;
    frame = own_frame(engine, &looker, &none);
    frame->done = look_done;
    ff_engine_submit(engine, frame);
}

int64_t
ff_follow_wait_ms(struct ff_engine *engine)
{
    int64_t left_ms = engine->follow.look_at;

    if (!engine->follow.on || engine->follow.looking || left_ms == INT64_MAX) {
        return INT64_MAX;
    }
    left_ms -= ff_engine_now(engine, FF_NONE(ff_opt_i64));
    return left_ms < 0 ? 0 : left_ms;
}

/* ---- calls of the engine's own ---- */

/* A mark that the same batch has taken back needs no call. */
static bool
is_moot(struct ff_engine *engine, const struct note *note)
{
    const struct cell *cell = NULL;
    const struct row *row = NULL;

    if (note->index != FF_IX_CASCADE) {
        return false;
    }
    cell = ff_cell_get(engine, FF_R_EXEC, &note->id);
    row = ff_cell_is_old(cell) ? NULL : ff_cell_top(cell);
    return row != NULL && (row->absent || !((const struct ff_exec *) row->data)->cascade_owed);
}

/* A batch has so many of them, and one more for each call of others: whoever waits for it waits for
 * them, too. */
static bool
may_begin(const struct ff_engine *engine)
{
    return engine->follow.n_calls < FOLLOWING_MAX &&
           2 * engine->follow.begun < FOLLOWS_OF_BATCH + engine->open->n_entries;
}

bool
ff_follow_start(struct ff_engine *engine)
{
    uint32_t i = 0;
    bool any = false;

    for (; i < engine->follow.n_notes && may_begin(engine); i++) {
        const struct note *note = &engine->follow.notes[i];

        if (is_timed(note->index) && note->sort > engine->last_now_ms) {
            look_no_later(engine, note->sort); /* its grace is not over */
        } else if (!is_moot(engine, note)) {
            ff_engine_submit(engine, own_frame(engine, follower_of(note->index), &note->id));
            engine->follow.begun++;
            any = true;
        }
    }
    if (i > 0) {
        engine->follow.n_notes -= i;
        memmove(engine->follow.notes, engine->follow.notes + i,
                engine->follow.n_notes * sizeof(*engine->follow.notes));
    }
    return any;
}
