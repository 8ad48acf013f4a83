/* arena.h: memory that is given back all at once.
 *
 * One arena per call, frame or pass. Not thread-safe. Allocation failure ends the process
 * (ff_assert_failed): every size that a peer can choose has been bounded before it comes here.
 */
#ifndef FF_CORE_ARENA_H
#define FF_CORE_ARENA_H

#include "core/base.h"

struct ff_arena_block;

struct ff_arena {
    struct ff_arena_block *block; /* newest first */
    size_t used;                  /* of the newest block */
    size_t bytes;                 /* held in all */
};

/* 16-byte aligned, not zeroed. Never NULL. */
void *ff_arena_alloc(struct ff_arena *arena, size_t size);
void *ff_arena_zalloc(struct ff_arena *arena, size_t size);
struct ff_str ff_arena_copy(struct ff_arena *arena, struct ff_str text);
/* Formats into the arena; the result also ends with a zero byte. */
struct ff_str ff_arena_printf(struct ff_arena *arena, const char *fmt, ...) FF_PRINTF(2, 3);
/* Empties it, keeping one block for the next use. */
void ff_arena_reset(struct ff_arena *arena);
void ff_arena_done(struct ff_arena *arena);
/* Zeroes all it holds, before it is emptied: for secrets. What was handed out is zero, too. */
void ff_arena_wipe(struct ff_arena *arena);

/* Room for one more element in a heap array of n: returns it, moved if need be, *room updated. Ends
 * the process when memory is out, as the arena does. */
void *ff_grow(void *array, uint32_t *room, uint32_t n, size_t element_bytes);

/* The same of an array in an arena, which keeps the outgrown one, too. */
void *ff_arena_grow(struct ff_arena *arena, void *array, uint32_t *room, uint32_t n,
                    size_t element_bytes);

#define FF_ARENA_NEW(arena, type, n) ((type *) ff_arena_zalloc((arena), sizeof(type) * (n)))

#endif
