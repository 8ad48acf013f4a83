#include <stdlib.h>

#include "backends/sqlite/sqlite_int.h"

static int
live_cmp(const struct live *a, const struct live *b)
{
    return memcmp(a->id, b->id, ID_BYTES);
}

FF_RB_GENERATE(lives, live, link, live_cmp)

struct live *
ff_live_find(struct sqlite *sqlite, const uint8_t *id)
{
    struct live probe;

    memcpy(probe.id, id, ID_BYTES);
    return RB_FIND(lives, &sqlite->lives, &probe);
}

struct live *
ff_live_from(struct sqlite *sqlite, const uint8_t *id, bool exclusive)
{
    struct live probe, *live = NULL;

    memcpy(probe.id, id, ID_BYTES);
    live = RB_NFIND(lives, &sqlite->lives, &probe);
    if (live != NULL && exclusive && live_cmp(live, &probe) == 0) {
        live = ff_live_next(live);
    }
    return live;
}

struct live *
ff_live_next(struct live *live)
{
    return RB_NEXT(lives, NULL, live);
}

struct live *
ff_live_add(struct sqlite *sqlite, const uint8_t *id, int64_t row, enum live_state state)
{
    struct live *live = malloc(sizeof(*live));

    FF_ASSERT(live != NULL);
    memcpy(live->id, id, ID_BYTES);
    live->row = row;
    live->state = (uint8_t) state;
    if (RB_INSERT(lives, &sqlite->lives, live) != NULL) {
        free(live);
        return NULL;
    }
    return live;
}

void
ff_live_remove(struct sqlite *sqlite, struct live *live)
{
    RB_REMOVE(lives, &sqlite->lives, live);
    free(live);
}

void
ff_live_done(struct sqlite *sqlite)
{
    struct live *live = NULL, *next = NULL;

    RB_FOREACH_SAFE(live, lives, &sqlite->lives, next)
    {
        ff_live_remove(sqlite, live);
    }
}

/* ---- ended executions ---- */

static uint16_t
partition_of(const uint8_t *id)
{
    return (uint16_t) (id[0] << 8 | id[1]);
}

void
ff_sqlite_note_done(struct sqlite *sqlite, const uint8_t *id)
{
    uint16_t p = partition_of(id);

    if (!sqlite->done_any[p] || memcmp(id + 2, sqlite->done_max[p].b, 16) > 0) {
        memcpy(sqlite->done_max[p].b, id + 2, 16);
        sqlite->done_any[p] = true;
    }
}

bool
ff_sqlite_may_be_done(const struct sqlite *sqlite, const uint8_t *id)
{
    uint16_t p = partition_of(id);

    return sqlite->done_any[p] && memcmp(id + 2, sqlite->done_max[p].b, 16) <= 0;
}
