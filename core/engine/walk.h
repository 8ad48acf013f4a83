/* walk.h: what reconcilers and sweeps share: each record of an index, one after the other. */
#ifndef FF_CORE_ENGINE_WALK_H
#define FF_CORE_ENGINE_WALK_H

#include "core/engine/txn.h"

/* Every record of an index whose scopes are partitions. */
struct ff_each {
    enum ff_index index;
    enum ff_partition_family family;
    ff_err (*act)(struct ff_txn *txn, const struct ff_key *key, uint32_t *processed);
};
/* partition: a key of the family; absent: all. What cannot be read counts one error and stays for
 * the next pass. FF_E_INVALID_INPUT partition. */
FF_MUST_USE ff_err ff_each_in(struct ff_txn *txn, const struct ff_each *each,
                              struct ff_str partition, uint32_t *processed, uint32_t *errors);

/* Removes the records at the head of a scope whose sort is below `below`, but not more than `max`.
 */
struct ff_sweep {
    enum ff_index index;
    struct ff_scope scope;
    enum ff_record kind;
    int64_t below;
    uint32_t max;
};
FF_MUST_USE ff_err ff_sweep_head(struct ff_txn *txn, const struct ff_sweep *sweep,
                                 uint32_t *removed);

/* Remembers that something is to be loaded, so that all wants of a loop travel together. */
static inline ff_err
ff_gather(ff_err err, bool *pending)
{
    if (err == FF_E_PENDING) {
        *pending = true;
        return FF_E_OK;
    }
    return err;
}

#endif
