/* pool.h: objects of one size that are kept for use again: an engine under load makes and drops
 * tens of thousands a second, of sizes that malloc is slow with. Zeroed: empty.
 */
#ifndef FF_CORE_ENGINE_POOL_H
#define FF_CORE_ENGINE_POOL_H

#include <stddef.h>
#include <stdint.h>

/* Asks the memory for the first lines of what is used soon; it may be NULL. More of it the hardware
 * sees to. What a batch makes is more than the cache holds. */
#define FF_CACHE_LINE 64
#define FF_FETCH_LINES 4
static inline void
ff_fetch(const void *object, size_t bytes)
{
    const char *at = object;

    for (size_t i = 0; at != NULL && i < bytes && i < FF_FETCH_LINES * FF_CACHE_LINE;
         i += FF_CACHE_LINE) {
        __builtin_prefetch(at + i, 1);
    }
}

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
