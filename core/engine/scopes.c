/* scopes.c: which scopes of an index there are, the batches' changes included. */
#include <stdlib.h>

#include "core/engine/engine_int.h"

static int
scopes_cmp(const struct scopes *a, const struct scopes *b)
{
    return a->index != b->index ? a->index - b->index : ff_scope_cmp(&a->prefix, &b->prefix);
}

FF_RB_GENERATE(scopes_tree, scopes, node, scopes_cmp)

struct scopes *
ff_scopes_get(struct ff_engine *engine, enum ff_index index, const struct ff_scope *prefix)
{
    struct scopes probe, *scopes = NULL;

    probe.index = (uint8_t) index;
    probe.prefix = *prefix;
    scopes = RB_FIND(scopes_tree, &engine->scopes, &probe);
    if (scopes == NULL) {
        scopes = calloc(1, sizeof(*scopes));
        FF_ASSERT(scopes != NULL);
        scopes->index = (uint8_t) index;
        scopes->prefix = *prefix;
        RB_INSERT(scopes_tree, &engine->scopes, scopes);
    }
    return scopes;
}

void
ff_scopes_load(struct ff_engine *engine, const struct ff_want *want)
{
    struct scopes *scopes = ff_scopes_get(engine, want->index, &want->scope);

    free(scopes->v);
    scopes->v = calloc(want->scopes.n + 1u, sizeof(*scopes->v));
    FF_ASSERT(scopes->v != NULL);
    if (want->scopes.n > 0) {
        memcpy(scopes->v, want->scopes.v, want->scopes.n * sizeof(*scopes->v));
    }
    scopes->n = want->scopes.n;
    scopes->valid = true;
    scopes->loaded_in = engine->stats.loads;
    scopes->wanted = false;
}

/* The store's scopes and those that only the batches' marks have, in order. */
void
ff_scopes_merge(struct ff_engine *engine, const struct scopes *scopes, struct ff_arena *arena,
                struct ff_scope_list *out)
{
    struct span *first = ff_span_from(engine, scopes->index, &scopes->prefix), *span = NULL;
    uint32_t i = 0, room = scopes->n;

    for (span = first; span != NULL && ff_scope_begins(&span->scope, &scopes->prefix);
         span = ff_span_behind(span)) {
        room++;
    }
    out->v = ff_arena_alloc(arena, (room + 1u) * sizeof(*out->v));
    out->n = 0;
    span = first;
    for (;;) {
        bool in_prefix = span != NULL && ff_scope_begins(&span->scope, &scopes->prefix);
        int order = !in_prefix       ? -1
                    : i == scopes->n ? 1
                                     : ff_scope_cmp(&scopes->v[i], &span->scope);

        if (!in_prefix && i == scopes->n) {
            return;
        }
        if (order <= 0) {
            out->v[out->n++] = scopes->v[i++];
        } else if (span->added > 0) {
            out->v[out->n++] = span->scope;
        }
        if (order >= 0) {
            span = ff_span_behind(span);
        }
    }
}

void
ff_scopes_doubt(struct ff_engine *engine, const struct span *span)
{
    struct scopes *scopes = NULL;

    RB_FOREACH(scopes, scopes_tree, &engine->scopes)
    {
        if (scopes->index == span->index && ff_scope_begins(&span->scope, &scopes->prefix)) {
            scopes->valid = false;
        }
    }
}

void
ff_scopes_stale(struct ff_engine *engine)
{
    struct scopes *scopes = NULL, *next = NULL;

    RB_FOREACH_SAFE(scopes, scopes_tree, &engine->scopes, next)
    {
        if (!scopes->wanted) {
            RB_REMOVE(scopes_tree, &engine->scopes, scopes);
            free(scopes->v);
            free(scopes);
        }
    }
}
