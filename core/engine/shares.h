/* shares.h: which executions a broker takes first where others take from the same scope (shares.c);
 * for operations that claim.
 */
#ifndef FF_CORE_ENGINE_SHARES_H
#define FF_CORE_ENGINE_SHARES_H

#include "core/engine/txn.h"

/* The nth of so many; of < 2: everything. */
struct ff_share {
    uint32_t nth, of;
};

/* Of what stands in this scope, as far as other brokers take from it. */
struct ff_share ff_txn_share(struct ff_txn *txn, const struct ff_scope *scope);
bool ff_share_has(const struct ff_share *share, const struct ff_key *id);
/* How many entries hold so many of its own. */
static inline uint32_t
ff_share_whole(const struct ff_share *share, uint32_t expect)
{
    return share->of < 2 ? expect : expect * share->of;
}
/* The call has taken something from there. */
void ff_txn_taken(struct ff_txn *txn, const struct ff_scope *scope);

#endif
