/* index.h: ordered indexes in memory, for stores that keep them there.
 *
 * One tree of entries per (index, scope); the scopes of an index are a tree, too, so that those
 * that begin with a prefix are a range. Not thread-safe. About 80 bytes an entry.
 */
#ifndef FF_BACKENDS_MEMORY_INDEX_H
#define FF_BACKENDS_MEMORY_INDEX_H

#include "core/store.h"
#include "core/tree.h"

struct ff_index_scope;
RB_HEAD(ff_index_scopes, ff_index_scope);

struct ff_memory_index {
    struct ff_index_scopes scopes[FF_IX_N]; /* of each index */
    struct ff_index_scope *last[FF_IX_N];   /* the one that was changed last */
    uint64_t entries;
};

void ff_memory_index_init(struct ff_memory_index *index);
void ff_memory_index_done(struct ff_memory_index *index);
/* Adds what is not there, removes what is: the caller derives changes from records. */
void ff_memory_index_change(struct ff_memory_index *index, const struct ff_index_key *key,
                            bool add);
/* Answers a want of FF_WANT_PAGE or FF_WANT_SCOPES; room comes from `arena`. */
void ff_memory_index_page(struct ff_memory_index *index, struct ff_want *want,
                          struct ff_arena *arena);
void ff_memory_index_scopes(struct ff_memory_index *index, struct ff_want *want,
                            struct ff_arena *arena);

#endif
