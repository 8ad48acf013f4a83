/* Blocks that double; see arena.h. Beside them ff_grow, for arrays of the heap. */
#include "core/arena.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* First block; most calls fit. Each further one doubles, up to a megabyte. */
#define BLOCK_BYTES_MIN 2048
#define BLOCK_BYTES_MAX (1u << 20)

struct ff_arena_block {
    struct ff_arena_block *next;
    size_t size;
    _Alignas(16) unsigned char room[];
};

static void
grow(struct ff_arena *arena, size_t size)
{
    size_t next = arena->block == NULL ? BLOCK_BYTES_MIN : arena->block->size * 2;
    struct ff_arena_block *block = NULL;

    if (next > BLOCK_BYTES_MAX) {
        next = BLOCK_BYTES_MAX;
    }
    if (next < size) {
        next = size;
    }
    block = malloc(sizeof(*block) + next);
    FF_ASSERT(block != NULL);
    block->next = arena->block;
    block->size = next;
    arena->block = block;
    arena->used = 0;
    arena->bytes += next;
}

void *
ff_arena_alloc(struct ff_arena *arena, size_t size)
{
    void *room = NULL;

    FF_ASSERT(size < SIZE_MAX / 2);
    size = (size + 15) & ~(size_t) 15;
    if (arena->block == NULL || arena->block->size - arena->used < size) {
        grow(arena, size);
    }
    room = arena->block->room + arena->used;
    arena->used += size;
    return room;
}

void *
ff_arena_zalloc(struct ff_arena *arena, size_t size)
{
    return memset(ff_arena_alloc(arena, size), 0, size);
}

struct ff_str
ff_arena_copy(struct ff_arena *arena, struct ff_str text)
{
    char *room = NULL;

    if (text.p == NULL) {
        return text;
    }
    room = ff_arena_alloc(arena, (size_t) text.n + 1);
    memcpy(room, text.p, text.n);
    room[text.n] = '\0';
    return ff_str(room, text.n);
}

struct ff_str
ff_arena_printf(struct ff_arena *arena, const char *fmt, ...)
{
    va_list ap;
    char *room = NULL;
    int n = 0;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    FF_ASSERT(n >= 0);
    room = ff_arena_alloc(arena, (size_t) n + 1);
    va_start(ap, fmt);
    vsnprintf(room, (size_t) n + 1, fmt, ap);
    va_end(ap);
    return ff_str(room, (size_t) n);
}

void
ff_arena_reset(struct ff_arena *arena)
{
    struct ff_arena_block *keep = arena->block;

    if (keep == NULL) {
        return;
    }
    while (keep->next != NULL) {
        struct ff_arena_block *next = keep->next->next;

        arena->bytes -= keep->next->size;
        free(keep->next);
        keep->next = next;
    }
    arena->used = 0;
}

void
ff_arena_done(struct ff_arena *arena)
{
    ff_arena_reset(arena);
    free(arena->block);
    *arena = (struct ff_arena){ 0 };
}

void
ff_arena_wipe(struct ff_arena *arena)
{
    for (struct ff_arena_block *block = arena->block; block != NULL; block = block->next) {
        sodium_memzero(block->room, block->size);
    }
}

void *
ff_grow(void *array, uint32_t *room, uint32_t n, size_t element_bytes)
{
    if (n < *room) {
        return array;
    }
    FF_ASSERT(*room <= UINT32_MAX / 2);
    *room = *room == 0 ? 16 : *room * 2;
    array = realloc(array, *room * element_bytes);
    FF_ASSERT(array != NULL);
    return array;
}

/* Arenas give nothing back one by one: doubling wastes no more than it holds. */
void *
ff_arena_grow(struct ff_arena *arena, void *array, uint32_t *room, uint32_t n, size_t element_bytes)
{
    void *grown = NULL;

    if (n < *room) {
        return array;
    }
    FF_ASSERT(*room <= UINT32_MAX / 2);
    *room = *room == 0 ? 16 : *room * 2;
    grown = ff_arena_alloc(arena, *room * element_bytes);
    if (n > 0) {
        memcpy(grown, array, n * element_bytes);
    }
    return grown;
}
