/* binding.h: which worker instance stands behind which channels, and when it counts as lost
 * (00 §5).
 *
 * Pure bookkeeping. When the last channel of an instance closes, its grace runs; unless a channel
 * is bound to it before the end, it is lost.
 */
#ifndef FF_IPC_BINDING_H
#define FF_IPC_BINDING_H

#include <sys/queue.h>
#include <uthash.h>

#include "core/base.h"
#include "core/id.h"

#define FF_DISCONNECT_GRACE_MS 1000

struct ff_binding {
    char instance[FF_WID_BYTES_MAX];
    uint32_t instance_n;
    char namespace[FF_WID_BYTES_MAX];
    uint32_t namespace_n; /* 0: none was given */
    uint32_t channels;
    int64_t lost_ms; /* monotonic; of one without channels */
    TAILQ_ENTRY(ff_binding) by_loss;
    UT_hash_handle hh;
};

TAILQ_HEAD(ff_binding_list, ff_binding);

struct ff_bindings {
    struct ff_binding *by_instance;
    struct ff_binding_list fading; /* without channels, soonest lost first */
    uint32_t fading_n;
    uint32_t fading_max; /* beyond it the oldest is lost at once: nobody piles them up */
    uint64_t grace_ms;
};

void ff_bindings_init(struct ff_bindings *bindings, uint64_t grace_ms, uint32_t fading_max);
void ff_bindings_done(struct ff_bindings *bindings);

/* One more channel of this instance, whose grace ends if it runs. namespace.p NULL: as it was. Both
 * texts at most FF_WID_BYTES_MAX bytes. */
struct ff_binding *ff_bindings_bind(struct ff_bindings *bindings, struct ff_str instance,
                                    struct ff_str namespace);
/* NULL: no such instance, or its grace is not running. */
struct ff_binding *ff_bindings_fading(struct ff_bindings *bindings, struct ff_str instance);
/* One channel less. */
void ff_bindings_release(struct ff_bindings *bindings, struct ff_binding *binding, int64_t now_ms);
/* Hands out one that is lost by now and is to be freed by the caller; else NULL, and how long until
 * the next is (-1: none is fading). */
struct ff_binding *ff_bindings_take_lost(struct ff_bindings *bindings, int64_t now_ms,
                                         int64_t *wait_ms_out);

#endif
