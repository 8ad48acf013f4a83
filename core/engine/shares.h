/* shares.h: which executions a broker takes first where others take from the same scope (shares.c);
 * for operations that claim.
 */
#ifndef FF_CORE_ENGINE_SHARES_H
#define FF_CORE_ENGINE_SHARES_H

#include "core/engine/txn.h"

/* What is taken first, then next where there is nothing of that. */
enum ff_share_part {
    FF_SHARE_OWN_LOT, /* what is in both of these */
    FF_SHARE_OWN,     /* executions that this broker has written last, as far as it knows */
    FF_SHARE_LOT,     /* what falls to it by the hash of the id */
    FF_SHARE_ALL
};

/* Its lot is the nth of so many. */
struct ff_share {
    uint32_t nth, of;
    enum ff_share_part part;
};

/* Of what stands in this scope, as far as other brokers take from it. */
struct ff_share ff_txn_share(struct ff_txn *txn, const struct ff_scope *scope);
bool ff_share_has(struct ff_txn *txn, const struct ff_share *share, const struct ff_key *id);
/* How many entries hold so many of its own. */
static inline uint32_t
ff_share_whole(const struct ff_share *share, uint32_t expect)
{
    return share->part == FF_SHARE_ALL ? expect : expect * share->of;
}
/* Entries that are stepped over in search of its own. */
uint32_t ff_share_reach(const struct ff_share *share, uint32_t expect);
/* Whether what stands at this rank has to wait for others' at `passed`, although it is its own. */
bool ff_share_too_late(const struct ff_share *share, int64_t passed, int64_t rank);
/* The call has taken this execution from there. */
void ff_txn_taken(struct ff_txn *txn, const struct ff_scope *scope, const struct ff_key *id);

#endif
