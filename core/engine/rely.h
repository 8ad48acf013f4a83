/* rely.h: what a decision was read from, on a store that brokers share.
 *
 * Another broker may change anything between the load of a record and the commit of what was made
 * of it. The rule: what a call decides by is proved at its commit, in one of these ways.
 *
 *   A record that the call writes is proved: the commit names the version it was made from.
 *   A record that it does not write, and decides by, is held (ff_txn_hold).
 *   An entry of an index is as good as its record, which is read with it (ff_txn_follow).
 *   That nothing else stands in a scope is as good as the record that every change of the scope
 *   writes, too (ff_txn_guard).
 *
 * A call that writes nothing answers from what was loaded after it had arrived (tasks.c): what
 * another broker has acknowledged before is in it.
 *
 * What a claim merely consults is not proved (spec/records.md §1.6), nor is what a scanner lists.
 * On a store that one broker owns all of this costs nothing.
 */
#ifndef FF_CORE_ENGINE_RELY_H
#define FF_CORE_ENGINE_RELY_H

#include "core/engine/txn.h"

/* The record behind an entry that ff_txn_next has given. It stands there: on a store that brokers
 * share, where page and record may be from different instants, both are asked for again while they
 * disagree. FF_E_PENDING; FF_E_CORRUPTION, also where an exclusive store has no such record, or
 * another goes on to disagree. */
struct ff_place {
    enum ff_index index;
    const struct ff_scope *scope;
    const struct ff_entry *entry;
};
FF_MUST_USE ff_err ff_txn_follow(struct ff_txn *txn, enum ff_record kind,
                                 const struct ff_place *place, void *out);

/* What an index says and what a record says disagree. On a store that brokers share both are loaded
 * again, from one instant, and the call is run again (FF_E_PENDING), a few times at the most.
 * FF_E_OK: it is so. */
FF_MUST_USE ff_err ff_txn_doubt(struct ff_txn *txn, enum ff_index index,
                                const struct ff_scope *scope);

/* Of this scope ff_txn_next gives from here on what stood there when the call's record was read, or
 * what stands there later. Where all that adds to the scope or takes from it writes that record,
 * too, a commit that writes it was made from all of the scope: what others do to it meanwhile is a
 * conflict. FF_E_PENDING, FF_E_CORRUPTION. */
FF_MUST_USE ff_err ff_txn_guard(struct ff_txn *txn, enum ff_index index,
                                const struct ff_scope *scope, enum ff_record kind,
                                const struct ff_key *record);

/* Of this scope ff_txn_next gives from here on what stood there after the call had arrived: on a
 * store that brokers share, all that another one has answered before. */
void ff_txn_anew(struct ff_txn *txn, enum ff_index index, const struct ff_scope *scope);

/* What the call decides holds only as long as this record, which it does not write, stays as it is:
 * on a store that brokers share the commit then conflicts with others that write it; of one that is
 * not there, if it has been made before the commit. (What a claim merely consults is not held:
 * spec/records.md §1.6.) FF_E_PENDING, FF_E_CORRUPTION. */
FF_MUST_USE ff_err ff_txn_hold(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key);

#endif
