/* lessees.h: the workers that were given a lease, or had one renewed, through this engine, and
 * until when. On a store that brokers share the leases are those of all of them; whose they are
 * is known here alone.
 *
 * At most twice as many as there are workers with a lease that runs. In memory: after a restart a
 * worker is known again when it renews.
 */
#ifndef FF_CORE_ENGINE_LESSEES_H
#define FF_CORE_ENGINE_LESSEES_H

#include "core/base.h"
#include "core/tree.h"

struct ff_txn;
struct ff_exec;
struct ff_lessee; /* lessees.c */
RB_HEAD(ff_lessee_tree, ff_lessee);

/* Zeroed: empty. */
struct ff_lessees {
    struct ff_lessee_tree tree; /* by instance id */
    uint32_t n;
    uint32_t sweep_at; /* so many, and those whose leases have run out go */
};

/* Times are Unix milliseconds. */
void ff_lessees_note(struct ff_lessees *lessees, struct ff_str worker_instance_id, int64_t until_ms,
                     int64_t now_ms);
/* Those with a lease that runs, unless it was ended since. */
void ff_lessees_each(const struct ff_lessees *lessees, int64_t now_ms,
                     void (*each)(void *ctx, struct ff_str worker_instance_id), void *ctx);
void ff_lessees_done(struct ff_lessees *lessees);

/* The call gives the holder a lease until lease_expires_at, or a longer one. */
void ff_txn_leased(struct ff_txn *txn, const struct ff_exec *exec);

#endif
