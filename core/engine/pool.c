#include "core/engine/pool.h"

#include <stdlib.h>

#include "core/base.h"

struct ff_pooled {
    struct ff_pooled *next;
};

void *
ff_pool_take(struct ff_pool *pool, size_t bytes)
{
    struct ff_pooled *object = pool->first;

    FF_ASSERT(bytes >= sizeof(*object));
    if (object == NULL) {
        object = malloc(bytes);
        FF_ASSERT(object != NULL);
        return object;
    }
    pool->first = object->next;
    pool->n--;
    ff_fetch(pool->first, bytes); /* on its way until it is taken */
    return object;
}

void
ff_pool_give(struct ff_pool *pool, void *object, uint32_t max)
{
    struct ff_pooled *spare = object;

#ifdef FF_SANITIZED
    max = 0;
#endif
    if (pool->n >= max) {
        free(spare);
        return;
    }
    spare->next = pool->first;
    pool->first = spare;
    pool->n++;
}

void
ff_pool_done(struct ff_pool *pool)
{
    while (pool->first != NULL) {
        free(ff_pool_take(pool, sizeof(*pool->first)));
    }
}
