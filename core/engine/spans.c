#include <stdlib.h>

#include "core/engine/engine_int.h"

static int
mark_cmp(const struct mark *a, const struct mark *b)
{
    return ff_entry_cmp(&a->entry, &b->entry);
}

static int
span_cmp(const struct span *a, const struct span *b)
{
    return ff_scope_cmp(&a->scope, &b->scope);
}

FF_RB_GENERATE(mark_tree, mark, all, mark_cmp)
FF_RB_GENERATE(present_tree, mark, present, mark_cmp)
FF_RB_GENERATE(span_tree, span, node, span_cmp)

/* ---- spans ---- */

/* Kept for the next batch: one of 100 flows of ten makes about 5 000. */
#define SPARE_SPANS_MAX 8192

static struct span *
span_find(struct ff_engine *engine, uint8_t index, const struct ff_scope *scope)
{
    struct spans *spans = &engine->spans[index];
    struct span probe;

    if (spans->last == NULL || ff_scope_cmp(&spans->last->scope, scope) != 0) {
        probe.scope = *scope;
        spans->last = RB_FIND(span_tree, &spans->tree, &probe);
    }
    return spans->last;
}

static struct span *
span_get(struct ff_engine *engine, uint8_t index, const struct ff_scope *scope)
{
    struct span *span = span_find(engine, index, scope);

    if (span == NULL) {
        span = ff_pool_take(&engine->spare_spans, sizeof(*span));
        memset(&span->is_read, 0,
               offsetof(struct span, page_after) - offsetof(struct span, is_read));
        span->index = index;
        span->scope = *scope;
        RB_INSERT(span_tree, &engine->spans[index].tree, span);
        engine->spans[index].last = span;
    }
    return span;
}

static int
mark_state(const struct mark *mark)
{
    return mark->open != 0 ? mark->open : mark->base;
}

/* From now on what stands among the marks is kept in order. */
static void
begin_reading(struct ff_engine *engine, struct span *span)
{
    struct mark *mark = NULL;

    span->is_read = true;
    LIST_INSERT_HEAD(&engine->read_spans, span, read);
    RB_INIT(&span->present);
    RB_FOREACH(mark, mark_tree, &span->all)
    {
        if (mark_state(mark) > 0) {
            RB_INSERT(present_tree, &span->present, mark);
        }
    }
}

static void
end_reading(struct span *span)
{
    span->is_read = false;
    LIST_REMOVE(span, read);
}

struct span *
ff_span_get(struct ff_engine *engine, enum ff_index index, const struct ff_scope *scope)
{
    struct span *span = span_get(engine, (uint8_t) index, scope);

    span->read_in = engine->open->number;
    if (!span->is_read) {
        begin_reading(engine, span);
    }
    return span;
}

struct span *
ff_span_from(struct ff_engine *engine, uint8_t index, const struct ff_scope *scope)
{
    struct span probe;

    probe.scope = *scope;
    return RB_NFIND(span_tree, &engine->spans[index].tree, &probe);
}

struct span *
ff_span_behind(struct span *span)
{
    return RB_NEXT(span_tree, NULL, span);
}

static void
span_free(struct ff_engine *engine, struct span *span)
{
    struct spans *spans = &engine->spans[span->index];

    RB_REMOVE(span_tree, &spans->tree, span);
    spans->last = spans->last == span ? NULL : spans->last;
    if (span->is_read) {
        end_reading(span);
    }
    free(span->page);
    ff_pool_give(&engine->spare_spans, span, SPARE_SPANS_MAX);
}

/* ---- marks ---- */

/* Marks kept for the next batch: a lifecycle makes and drops about eight. */
#define SPARE_MARKS_MAX 16384

/* Position of the first page entry at or behind `entry`. */
static uint32_t
page_find(const struct span *span, const struct ff_entry *entry)
{
    uint32_t low = 0, high = span->page_n;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (ff_entry_cmp(&span->page[mid].entry, entry) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static void
page_set_gone(struct span *span, const struct ff_entry *entry, bool gone)
{
    uint32_t i = span->page_valid ? page_find(span, entry) : span->page_n;

    if (i == span->page_n || ff_entry_cmp(&span->page[i].entry, entry) != 0) {
        return;
    }
    span->page[i].gone = gone;
    if (!gone && i < span->page_head) {
        span->page_head = i;
    }
    while (span->page_head < span->page_n && span->page[span->page_head].gone) {
        span->page_head++;
    }
}

/* Brings the trees, the count and the page in line with the mark's new state. */
static void
mark_refresh(struct mark *mark, int before)
{
    struct span *span = mark->span;
    int after = mark_state(mark);

    if (before == after) {
        return;
    }
    span->removed -= before < 0;
    span->removed += after < 0;
    span->added -= before > 0;
    span->added += after > 0;
    if (span->is_read && before > 0) {
        RB_REMOVE(present_tree, &span->present, mark);
    } else if (span->is_read && after > 0) {
        RB_INSERT(present_tree, &span->present, mark);
    }
    if ((before < 0) != (after < 0)) {
        page_set_gone(span, &mark->entry, after < 0);
    }
}

static void
mark_free(struct ff_engine *engine, struct mark *mark)
{
    struct span *span = mark->span;

    RB_REMOVE(mark_tree, &span->all, mark);
    span->marks--;
    ff_pool_give(&engine->spare_marks, mark, SPARE_MARKS_MAX);
    if (span->marks == 0 && !span->is_read && !span->wanted) {
        span_free(engine, span);
    }
}

/* Most places are new ones: one way down the tree tells, and puts it there. */
static struct mark *
mark_get(struct ff_engine *engine, const struct ff_index_key *key)
{
    struct span *span = span_get(engine, key->index, &key->scope);
    struct mark *mark = ff_pool_take(&engine->spare_marks, sizeof(*mark)), *met = NULL;

    mark->entry.sort = key->sort;
    mark->entry.id = key->id;
    met = RB_INSERT(mark_tree, &span->all, mark);
    if (met != NULL) {
        ff_pool_give(&engine->spare_marks, mark, SPARE_MARKS_MAX);
        return met;
    }
    memset(&mark->span, 0, sizeof(*mark) - offsetof(struct mark, span));
    mark->span = span;
    span->marks++;
    return mark;
}

void
ff_span_change(struct ff_engine *engine, const struct ff_index_key *key, bool add)
{
    struct mark *mark = mark_get(engine, key);
    int before = mark_state(mark);

    if (add) {
        mark->open = mark->open < 0 ? 0 : 1;
        ff_parking_note_add(engine, key);
        ff_follow_note(engine, key);
        if (key->index == FF_IX_MEMBER_STATE) {
            ff_projector_note_move(engine, &key->scope);
        }
    } else {
        mark->open = mark->open > 0 ? 0 : -1;
    }
    mark_refresh(mark, before);
    if (!mark->in_open_list) {
        mark->in_open_list = true;
        TAILQ_INSERT_TAIL(&engine->open->marks, mark, next);
        engine->open->n_marks++;
    }
}

int
ff_span_marked(struct ff_engine *engine, const struct ff_index_key *place)
{
    struct mark probe;
    const struct mark *mark = NULL;
    struct span *span = span_find(engine, place->index, &place->scope);

    if (span == NULL) {
        return 0;
    }
    probe.entry.sort = place->sort;
    probe.entry.id = place->id;
    mark = RB_FIND(mark_tree, &span->all, &probe);
    return mark == NULL ? 0 : mark_state(mark);
}

static void
base_list_leave(struct mark *mark)
{
    if (mark->base_list != NULL) {
        TAILQ_REMOVE(mark->base_list, mark, base_next);
        mark->base_list = NULL;
    }
}

static void
change_set(struct ff_index_change *change, const struct mark *mark)
{
    change->add = mark->open > 0;
    change->key.index = mark->span->index;
    change->key.scope = mark->span->scope;
    change->key.sort = mark->entry.sort;
    change->key.id = mark->entry.id;
}

void
ff_marks_seal(struct ff_engine *engine, struct batch *batch)
{
    struct ff_commit *commit = &batch->commit;
    bool shared = !engine->store->ops->exclusive;
    struct mark *mark = NULL;

    commit->changes =
        ff_arena_alloc(&batch->arena, (batch->n_marks + 1u) * sizeof(*commit->changes));
    while ((mark = TAILQ_FIRST(&batch->marks)) != NULL) {
        ff_fetch(TAILQ_NEXT(mark, next), sizeof(*mark));
        TAILQ_REMOVE(&batch->marks, mark, next);
        mark->in_open_list = false;
        if (shared) {
            ff_news_of_mark(engine, mark);
        }
        if (mark->open != 0) {
            change_set(&commit->changes[commit->n_changes++], mark);
            mark->base = mark->open;
            mark->open = 0;
        }
        base_list_leave(mark); /* an earlier batch's lingering one: held by this batch from now */
        mark->applied_in = 0;
        mark->base_list = &batch->sealed_marks;
        TAILQ_INSERT_TAIL(&batch->sealed_marks, mark, base_next);
    }
    batch->n_marks = 0;
}

void
ff_marks_linger(struct ff_engine *engine, struct batch *batch)
{
    struct mark *mark = NULL;

    while ((mark = TAILQ_FIRST(&batch->sealed_marks)) != NULL) {
        base_list_leave(mark);
        mark->base_list = &engine->lingering;
        mark->applied_in = batch->number;
        TAILQ_INSERT_TAIL(&engine->lingering, mark, base_next);
    }
}

/* What was read around the mark while it counted may be from before its commit. */
static void
doubt_around(struct ff_engine *engine, const struct mark *mark)
{
    struct span *span = mark->span;
    const struct ff_index_key place = {
        .index = span->index, .scope = span->scope, .sort = mark->entry.sort, .id = mark->entry.id
    };

    span->page_valid = false;
    ff_scopes_doubt(engine, span);
    ff_peek_doubt(engine, &place);
}

void
ff_marks_release(struct ff_engine *engine, struct mark_list *marks, uint64_t up_to)
{
    struct mark *mark = NULL;

    while ((mark = TAILQ_FIRST(marks)) != NULL && mark->applied_in <= up_to) {
        int before = mark_state(mark);

        ff_fetch(TAILQ_NEXT(mark, base_next), sizeof(*mark));
        doubt_around(engine, mark);
        base_list_leave(mark);
        mark->base = 0;
        mark_refresh(mark, before);
        if (mark->open == 0 && !mark->in_open_list) {
            mark_free(engine, mark);
        }
    }
}

/* Takes back what a batch that will never be has marked. */
void
ff_marks_drop(struct ff_engine *engine, struct batch *batch)
{
    struct mark *mark = NULL;

    while ((mark = TAILQ_FIRST(&batch->marks)) != NULL) {
        int before = mark_state(mark);

        TAILQ_REMOVE(&batch->marks, mark, next);
        mark->in_open_list = false;
        mark->open = 0;
        mark_refresh(mark, before);
        if (mark->base_list == NULL) {
            mark_free(engine, mark);
        }
    }
    batch->n_marks = 0;
    ff_marks_release(engine, &batch->sealed_marks, UINT64_MAX);
}

/* ---- pages ---- */

static void
page_room(struct span *span, uint32_t n)
{
    if (n > span->page_room) {
        span->page_room = n;
        span->page = realloc(span->page, n * sizeof(*span->page));
        FF_ASSERT(span->page != NULL);
    }
}

/* Marks what the batches take away, and finds the first entry that stands. */
static void
page_apply_marks(struct span *span)
{
    struct mark *mark = NULL;

    if (span->removed > 0) {
        RB_FOREACH(mark, mark_tree, &span->all)
        {
            if (mark_state(mark) < 0) {
                page_set_gone(span, &mark->entry, true);
            }
        }
    }
    while (span->page_head < span->page_n && span->page[span->page_head].gone) {
        span->page_head++;
    }
}

void
ff_span_load(struct ff_engine *engine, const struct ff_want *want)
{
    struct span *span = ff_span_get(engine, want->index, &want->scope);
    bool append = want->has_after && span->page_valid && span->page_n > 0 &&
                  ff_entry_cmp(&span->page[span->page_n - 1].entry, &want->after) == 0;

    if (!append) {
        span->page_from_start = !want->has_after;
        span->page_after = want->after;
        span->loaded_in = engine->stats.loads;
        span->page_n = 0;
        span->page_head = 0;
    }
    page_room(span, span->page_n + want->n);
    for (uint32_t i = 0; i < want->n; i++) {
        span->page[span->page_n++] = (struct page_entry){ .entry = want->entries[i] };
    }
    span->page_complete = want->complete;
    span->page_valid = true;
    span->wanted = false;
    page_apply_marks(span);
}

void
ff_span_unwant(struct ff_engine *engine, const struct ff_want *want)
{
    struct span *span = ff_span_get(engine, want->index, &want->scope);

    span->wanted = false; /* goes with the next ff_spans_stale, if nothing stands in it */
}

/* Batches for which a class of a lane is known although nobody asks for it. */
#define CLASS_KNOWN_BATCHES 64

bool
ff_span_is_known(const struct ff_engine *engine, const struct span *span)
{
    return span->is_read && !engine->closing &&
           (span->index == FF_IX_READY || span->index == FF_IX_RECLAIMABLE) &&
           span->read_in + CLASS_KNOWN_BATCHES > engine->open->number;
}

void
ff_spans_stale(struct ff_engine *engine)
{
    struct span *span = NULL, *next = NULL;

    LIST_FOREACH_SAFE(span, &engine->read_spans, read, next)
    {
        span->page_valid = false;
        if (ff_span_is_known(engine, span)) {
            continue; /* the next claim asks for its page at once */
        }
        end_reading(span);
        if (span->marks == 0 && !span->wanted) {
            span_free(engine, span);
        }
    }
    ff_scopes_stale(engine);
    ff_peeks_stale(engine);
}

static bool
page_covers(const struct span *span, const struct ff_entry *after)
{
    if (!span->page_valid) {
        return false;
    }
    if (!span->page_from_start && (after == NULL || ff_entry_cmp(after, &span->page_after) < 0)) {
        return false;
    }
    return span->page_complete || after == NULL || span->page_n == 0 ||
           ff_entry_cmp(after, &span->page[span->page_n - 1].entry) <= 0;
}

static struct mark *
present_after(struct span *span, const struct ff_entry *after)
{
    struct mark probe, *mark = NULL;

    if (after == NULL) {
        return RB_MIN(present_tree, &span->present);
    }
    probe.entry = *after;
    mark = RB_NFIND(present_tree, &span->present, &probe);
    if (mark != NULL && ff_entry_cmp(&mark->entry, after) == 0) {
        mark = RB_NEXT(present_tree, &span->present, mark);
    }
    return mark;
}

/* The first standing page entry behind `after`; page_n if there is none. */
static uint32_t
page_after(const struct span *span, const struct ff_entry *after)
{
    uint32_t i = span->page_head;

    if (after != NULL) {
        uint32_t at = page_find(span, after);

        if (at < span->page_n && ff_entry_cmp(&span->page[at].entry, after) == 0) {
            at++;
        }
        i = at > i ? at : i;
    }
    while (i < span->page_n && span->page[i].gone) {
        i++;
    }
    return i;
}

/* Nothing that stands, and sorts before the span's `until`, can be behind the page. */
static bool
ends_until(const struct span *span)
{
    return span->page_complete ||
           (span->page_n > 0 && span->page[span->page_n - 1].entry.sort > span->until);
}

/* The earlier of the page's entry i and the mark; false if more of the page is needed to know.
 * Where there is none, out is where more may come. */
static bool
choose(const struct span *span, uint32_t i, const struct mark *mark, struct ff_entry *out,
       bool *found)
{
    *found = true;
    if (i < span->page_n) {
        const struct ff_entry *entry = &span->page[i].entry;

        *out = mark != NULL && ff_entry_cmp(&mark->entry, entry) < 0 ? mark->entry : *entry;
        return true;
    }
    if (mark != NULL && (span->page_complete ||
                         (span->page_n > 0 &&
                          ff_entry_cmp(&mark->entry, &span->page[span->page_n - 1].entry) < 0))) {
        *out = mark->entry;
        return true;
    }
    *found = false;
    out->sort = span->page_complete ? INT64_MAX : span->until;
    if (!span->page_complete && span->page_n > 0) {
        *out = span->page[span->page_n - 1].entry;
    }
    return ends_until(span);
}

/* The running call has used the page, and reads on behind it. On a store that answers later it
 * starts again from the top then: a page from there would have it want the two in turn for ever. */
static bool
is_needed_before(const struct ff_engine *engine, const struct span *span,
                 const struct ff_entry *after)
{
    return !engine->store->ops->immediate && span->page_valid &&
           span->used_by == engine->random_call && after != NULL &&
           ff_entry_cmp(after, &span->page[span->page_n - 1].entry) > 0;
}

ff_err
ff_span_next(struct ff_txn *txn, struct span *span, const struct ff_entry *after,
             struct ff_entry *out, bool *found)
{
    struct ff_engine *engine = txn->engine;
    uint32_t limit = span->expect + span->removed + 1;

    for (;;) {
        const struct ff_entry *from = after;
        bool covers = false;

        if (span->page_valid && !ff_news_fresh(txn, span->loaded_in)) {
            span->page_valid = false;
        }
        covers = page_covers(span, after);
        if (covers &&
            choose(span, page_after(span, after), present_after(span, after), out, found)) {
            span->used_by = engine->random_call;
            return FF_E_OK;
        }
        if (span->page_n > 0 && (covers || is_needed_before(engine, span, after))) {
            from = &span->page[span->page_n - 1].entry;
            limit = limit > span->page_n ? limit : span->page_n;
        }
        FF_TRY(ff_want_page(engine, span, from, limit, &txn->fault));
    }
}
