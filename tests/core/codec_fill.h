/* codec_fill.h: fills any described struct with valid values from a seed, so that one test covers
 * every operation and record there is, and those to come.
 */
#ifndef FF_TESTS_CORE_CODEC_FILL_H
#define FF_TESTS_CORE_CODEC_FILL_H

#include "core/codec.h"

struct ff_fill {
    struct ff_arena *arena;  /* of the texts and lists */
    uint64_t seed;           /* moves on with every value */
    uint32_t absent_percent; /* of the optional members */
};

void ff_fill_struct(struct ff_fill *fill, const struct ff_desc *desc, void *out);

#endif
