/* shadow.h: all that the store has committed, kept beside it (shadow.c). */
#ifndef FF_TESTS_SIM_SHADOW_H
#define FF_TESTS_SIM_SHADOW_H

#include <uthash.h>

#include "core/store.h"

struct world;

struct shadow_record {
    UT_hash_handle hh;
    uint64_t version;
    char *body;
    uint32_t body_n;
    uint8_t ident_n;
    uint8_t ident[1 + FF_KEY_MAX]; /* kind, key */
};

/* Takes a commit in, and compares. */
void ff_sim_committed(void *ctx, const struct ff_commit *commit);
/* A record as committed, decoded into the arena; NULL: there is none. */
const void *ff_sim_committed_record(struct world *world, enum ff_record kind,
                                    const struct ff_key *key, struct ff_arena *arena);
/* With nothing under way: the store has exactly what was committed, every index is the derived one,
 * and the feeds are complete. */
void ff_sim_check_store(struct world *world);
void ff_sim_shadow_free(struct world *world);

#endif
