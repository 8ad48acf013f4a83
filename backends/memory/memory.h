/* memory.h: the reference store: everything in memory, gone with the process. */
#ifndef FF_BACKENDS_MEMORY_MEMORY_H
#define FF_BACKENDS_MEMORY_MEMORY_H

#include "core/store.h"

/* How badly it behaves. All zero: immediate, exclusive, never fails. */
struct ff_memory_options {
    bool contrary;
    uint64_t seed;
    uint32_t conflict_percent; /* commits answered with a conflict although nothing moved */
    uint32_t fail_percent;     /* commits that fail */
    uint32_t delay_polls_max;  /* completions wait for 0..this many polls */
};

/* host: woken whenever something waits for a poll. */
struct ff_store *ff_memory_open(const struct ff_memory_options *options,
                                const struct ff_store_host *host);

#endif
