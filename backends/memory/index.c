#include "backends/memory/index.h"

#include <stdlib.h>

/* Allocated with just the bytes of its key. */
struct node {
    RB_ENTRY(node) link;
    int64_t sort;
    uint8_t n;
    uint8_t b[];
};
RB_HEAD(nodes, node);

struct ff_index_scope {
    RB_ENTRY(ff_index_scope) link;
    struct ff_scope scope; /* beside what else a search reads */
    uint8_t index;
    struct nodes nodes;
};

static int
scope_cmp(const struct ff_index_scope *a, const struct ff_index_scope *b)
{
    return ff_scope_cmp(&a->scope, &b->scope);
}

static int
node_cmp(const struct node *a, const struct node *b)
{
    if (a->sort != b->sort) {
        return a->sort < b->sort ? -1 : 1;
    }
    return ff_str_cmp(ff_str(a->b, a->n), ff_str(b->b, b->n));
}

FF_RB_GENERATE(ff_index_scopes, ff_index_scope, link, scope_cmp)
FF_RB_GENERATE(nodes, node, link, node_cmp)

/* A node to search with; b has room for the longest key. */
union probe {
    struct node node;
    unsigned char room[sizeof(struct node) + FF_KEY_MAX];
};

static struct node *
probe_set(union probe *probe, int64_t sort, const struct ff_key *id)
{
    probe->node.sort = sort;
    probe->node.n = id->n;
    memcpy(probe->node.b, id->b, id->n);
    return &probe->node;
}

/* ---- life ---- */

void
ff_memory_index_init(struct ff_memory_index *index)
{
    *index = (struct ff_memory_index){ 0 };
}

static void
scope_free(struct ff_memory_index *index, struct ff_index_scope *scope)
{
    RB_REMOVE(ff_index_scopes, &index->scopes[scope->index], scope);
    if (index->last[scope->index] == scope) {
        index->last[scope->index] = NULL;
    }
    free(scope);
}

static void
scope_clear(struct ff_memory_index *index, struct ff_index_scope *scope)
{
    struct node *node = NULL, *next = NULL;

    RB_FOREACH_SAFE(node, nodes, &scope->nodes, next)
    {
        RB_REMOVE(nodes, &scope->nodes, node);
        free(node);
    }
    scope_free(index, scope);
}

void
ff_memory_index_done(struct ff_memory_index *index)
{
    struct ff_index_scope *scope = NULL, *next = NULL;

    for (int which = 0; which < FF_IX_N; which++) {
        RB_FOREACH_SAFE(scope, ff_index_scopes, &index->scopes[which], next)
        {
            scope_clear(index, scope);
        }
    }
    index->entries = 0;
}

/* ---- changes ---- */

static struct ff_index_scope *
scope_find(struct ff_memory_index *index, uint8_t which, const struct ff_scope *scope)
{
    struct ff_index_scope probe, *last = index->last[which];

    if (last != NULL && ff_scope_cmp(&last->scope, scope) == 0) {
        return last;
    }
    probe.scope = *scope;
    return RB_FIND(ff_index_scopes, &index->scopes[which], &probe);
}

static void
entry_add(struct ff_memory_index *index, const struct ff_index_key *key)
{
    struct ff_index_scope *scope = scope_find(index, key->index, &key->scope);
    struct node *node = NULL;

    if (scope == NULL) {
        scope = calloc(1, sizeof(*scope));
        FF_ASSERT(scope != NULL);
        scope->index = key->index;
        scope->scope = key->scope;
        RB_INSERT(ff_index_scopes, &index->scopes[key->index], scope);
    }
    index->last[key->index] = scope;
    node = malloc(sizeof(*node) + key->id.n);
    FF_ASSERT(node != NULL);
    node->sort = key->sort;
    node->n = key->id.n;
    memcpy(node->b, key->id.b, key->id.n);
    if (RB_INSERT(nodes, &scope->nodes, node) != NULL) {
        free(node);
        return;
    }
    index->entries++;
}

static void
entry_remove(struct ff_memory_index *index, const struct ff_index_key *key)
{
    struct ff_index_scope *scope = scope_find(index, key->index, &key->scope);
    union probe probe;
    struct node *node = NULL;

    if (scope == NULL) {
        return;
    }
    index->last[key->index] = scope;
    node = RB_FIND(nodes, &scope->nodes, probe_set(&probe, key->sort, &key->id));
    if (node == NULL) {
        return;
    }
    RB_REMOVE(nodes, &scope->nodes, node);
    free(node);
    index->entries--;
    if (RB_EMPTY(&scope->nodes)) {
        scope_free(index, scope);
    }
}

void
ff_memory_index_change(struct ff_memory_index *index, const struct ff_index_key *key, bool add)
{
    if (add) {
        entry_add(index, key);
    } else {
        entry_remove(index, key);
    }
}

/* ---- reading ---- */

static struct node *
first_behind(struct ff_index_scope *scope, const struct ff_want *want)
{
    union probe probe;
    struct node *key = NULL, *node = NULL;

    if (!want->has_after) {
        return RB_MIN(nodes, &scope->nodes);
    }
    key = probe_set(&probe, want->after.sort, &want->after.id);
    node = RB_NFIND(nodes, &scope->nodes, key);
    if (node != NULL && node_cmp(node, key) == 0) {
        node = RB_NEXT(nodes, &scope->nodes, node);
    }
    return node;
}

void
ff_memory_index_page(struct ff_memory_index *index, struct ff_want *want, struct ff_arena *arena)
{
    struct ff_index_scope *scope = scope_find(index, (uint8_t) want->index, &want->scope);
    struct node *node = scope == NULL ? NULL : first_behind(scope, want);

    want->n = 0;
    want->entries = NULL;
    if (node != NULL) {
        want->entries = ff_arena_alloc(arena, want->limit * sizeof(*want->entries));
    }
    for (; node != NULL && want->n < want->limit; node = RB_NEXT(nodes, &scope->nodes, node)) {
        struct ff_entry *entry = &want->entries[want->n++];

        entry->sort = node->sort;
        entry->id.n = node->n;
        memcpy(entry->id.b, node->b, node->n);
    }
    want->complete = node == NULL;
}

void
ff_memory_index_scopes(struct ff_memory_index *index, struct ff_want *want, struct ff_arena *arena)
{
    struct ff_index_scope probe, *scope = NULL, *first = NULL;
    uint32_t n = 0;

    probe.scope = want->scope;
    first = RB_NFIND(ff_index_scopes, &index->scopes[want->index], &probe);
    for (scope = first; scope != NULL && ff_scope_begins(&scope->scope, &want->scope);
         scope = RB_NEXT(ff_index_scopes, NULL, scope)) {
        n++;
    }
    want->scopes.v = ff_arena_alloc(arena, (n + 1u) * sizeof(*want->scopes.v));
    want->scopes.n = n;
    scope = first;
    for (uint32_t i = 0; i < n; i++) {
        want->scopes.v[i] = scope->scope;
        scope = RB_NEXT(ff_index_scopes, NULL, scope);
    }
}
