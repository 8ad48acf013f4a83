/* pool.h: objects of one size that are kept for use again: an engine under load makes and drops
 * tens of thousands a second, of sizes that malloc is slow with. Zeroed: empty.
 */
#ifndef FF_CORE_ENGINE_POOL_H
#define FF_CORE_ENGINE_POOL_H

#include <stddef.h>
#include <stdint.h>

struct ff_pool {
    struct ff_pooled *first; /* the one given back last, which is most likely in the cache */
    uint32_t n;
};

/* An object of `bytes`, the same for all of a pool, at least a pointer; not initialised. */
void *ff_pool_take(struct ff_pool *pool, size_t bytes);
/* Keeps it, if there are not `max` already; under a sanitizer frees it, so that a use after it
 * shows. */
void ff_pool_give(struct ff_pool *pool, void *object, uint32_t max);
void ff_pool_done(struct ff_pool *pool);

#endif
