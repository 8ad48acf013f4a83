/* dice.h: the only randomness of the simulation: all of it follows from the world's seed. Included
 * by sim.h.
 */
#ifndef FF_TESTS_SIM_DICE_H
#define FF_TESTS_SIM_DICE_H

#include "tests/sim/sim.h"

static inline uint64_t
draw(struct world *world)
{
    uint64_t z = world->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint32_t
below(struct world *world, uint32_t n)
{
    return (uint32_t) (draw(world) % n);
}

static inline bool
one_in(struct world *world, uint32_t n)
{
    return below(world, n) == 0;
}

#endif
