/* Peeks: whether a record stands at one place of an index (ff_txn_stands). A span keeps one page of
 * a scope; places far apart would take it from each other.
 */
#include <stdlib.h>

#include "core/engine/engine_int.h"

/* Zeroed behind what is in use, so that places can be told apart byte for byte. */
static void
take_place(struct ff_index_key *out, const struct ff_index_key *place)
{
    memset(out, 0, sizeof(*out));
    out->index = place->index;
    out->scope.n = place->scope.n;
    memcpy(out->scope.b, place->scope.b, place->scope.n);
    out->sort = place->sort;
    out->id.n = place->id.n;
    memcpy(out->id.b, place->id.b, place->id.n);
}

static struct peek *
peek_find(struct ff_engine *engine, const struct ff_index_key *place)
{
    struct ff_index_key ident;
    struct peek *peek = NULL;

    take_place(&ident, place);
    HASH_FIND(hh, engine->peeks, &ident, sizeof(ident), peek);
    return peek;
}

static struct peek *
peek_get(struct ff_engine *engine, const struct ff_index_key *place)
{
    struct peek *peek = peek_find(engine, place);

    if (peek == NULL) {
        peek = calloc(1, sizeof(*peek));
        FF_ASSERT(peek != NULL);
        take_place(&peek->place, place);
        HASH_ADD(hh, engine->peeks, place, sizeof(peek->place), peek);
    }
    return peek;
}

/* The greatest position before this one, among ids of the same length. */
static struct ff_entry
just_before(const struct ff_index_key *place)
{
    struct ff_entry entry = { .sort = place->sort, .id = place->id };

    for (unsigned i = entry.id.n; i > 0; i--) {
        if (entry.id.b[i - 1]-- > 0) {
            return entry;
        }
    }
    entry.sort--;
    return entry;
}

ff_err
ff_txn_stands(struct ff_txn *txn, const struct ff_index_key *place, bool *stands)
{
    int marked = ff_span_marked(txn->engine, place);
    struct peek *peek = NULL;

    *stands = marked > 0;
    if (marked != 0) {
        return FF_E_OK;
    }
    peek = peek_get(txn->engine, place);
    if (!peek->valid) {
        struct ff_entry before = just_before(place);

        FF_TRY(ff_want_peek(txn->engine, peek, &before, &txn->fault));
    }
    *stands = peek->stands;
    return FF_E_OK;
}

void
ff_peek_load(struct peek *peek, const struct ff_want *want)
{
    peek->wanted = false;
    peek->valid = true;
    peek->stands = want->n > 0 && want->entries[0].sort == peek->place.sort &&
                   ff_key_cmp(&want->entries[0].id, &peek->place.id) == 0;
}

void
ff_peek_doubt(struct ff_engine *engine, const struct ff_index_key *place)
{
    struct peek *peek = engine->peeks == NULL ? NULL : peek_find(engine, place);

    if (peek != NULL) {
        peek->valid = false;
    }
}

void
ff_peeks_stale(struct ff_engine *engine)
{
    struct peek *peek = NULL, *next = NULL;

    HASH_ITER(hh, engine->peeks, peek, next)
    {
        peek->valid = false;
        if (!peek->wanted) { /* else its answer is on its way */
            HASH_DELETE(hh, engine->peeks, peek);
            free(peek);
        }
    }
}
