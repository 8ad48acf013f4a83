/* reads.h: looking at executions without opening them for a change. */
#ifndef FF_CORE_ENGINE_READS_H
#define FF_CORE_ENGINE_READS_H

#include "core/engine/txn.h"

/* As ff_exec_lookup, but what is stored is given as it is, also if its state is not legal. */
FF_MUST_USE ff_err ff_exec_peek(struct ff_txn *txn, const struct ff_eid *id, struct ff_exec *out,
                                bool *found);

/* Of reads that need not look at the execution itself: a partition or lane that the caller states
 * must be its own (01 §2.2, 02 §1.5); without one nothing is read. */
FF_MUST_USE ff_err ff_exec_check_stated(struct ff_txn *txn, const struct ff_eid *id);

/* Its tags, in key order; none where it has none. */
FF_MUST_USE ff_err ff_tags_of(struct ff_txn *txn, const struct ff_exec *exec, struct ff_tags *out);

/* How many entries a page may have: 0 stays 0, beyond 1000 means 1000 (01 §1.7). */
#define FF_PAGE_MAX 1000
static inline uint32_t
ff_page_limit(uint64_t limit)
{
    return limit > FF_PAGE_MAX ? FF_PAGE_MAX : (uint32_t) limit;
}

#endif
