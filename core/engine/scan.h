/* scan.h: scan_due, the list of what a scanner has to do (07 §1.4): what its lists share.
 *
 * For each scanner of core/scanners.def there is one function ff_scan_<name>. It walks its
 * candidates in order and offers each; what is offered lands on the page if it is wanted. It gives
 * up when the page is full, and returns FF_E_PENDING itself where it met one; a candidate whose
 * records are to be loaded is passed over, so that a page travels as one load.
 */
#ifndef FF_CORE_ENGINE_SCAN_H
#define FF_CORE_ENGINE_SCAN_H

#include "core/engine/txn.h"
#include "core/partition.h"
#include "core/scanners.h"

/* Candidates that one call looks at. Beyond, it answers with what it has and a cursor. */
#define FF_SCAN_LOOKS_MAX 4096

/* Where a candidate stands: sources are walked one after the other. */
struct ff_scan_place {
    uint8_t source;
    struct ff_entry entry;
};

struct ff_scan {
    struct ff_txn *txn;
    const struct ff_scan_due_args *args;
    struct ff_due_item_list *items;
    uint32_t limit;
    struct ff_opt_u32 partition;
    enum ff_partition_family family; /* of it */
    bool has_after;                  /* the caller's cursor */
    struct ff_scan_place after;
    uint32_t looks;
    uint32_t rotated;          /* of them, in the slow rotation of dependency_reconciler */
    bool pending;              /* something is to be loaded: the page is void */
    bool more;                 /* something stands behind the page */
    bool has_last;             /* of the page, or of what was looked at */
    struct ff_scan_place last; /* the cursor to give, if there is more */
    int64_t next_due_at;       /* INT64_MAX: none known */
};

/* Looks at a candidate: *wanted says whether partition and filter admit it. False where the page is
 * full or enough has been looked at: the list stops. */
FF_MUST_USE ff_err ff_scan_look(struct ff_scan *scan, const struct ff_scan_place *place,
                                bool *go_on, bool *wanted);
/* The same for what is no execution, and always wanted. */
bool ff_scan_room(struct ff_scan *scan, const struct ff_scan_place *place);
/* An item that names a partition; ascending by its index. False: the page is full. */
bool ff_scan_give_partition(struct ff_scan *scan, uint8_t source,
                            const struct ff_partition *partition);
/* Room for the item of a candidate that is wanted. */
struct ff_due_item *ff_scan_give(struct ff_scan *scan);
/* Whether partition and filter admit an execution. FF_E_PENDING. */
FF_MUST_USE ff_err ff_scan_admits(struct ff_scan *scan, const struct ff_key *id, bool *admits);

/* Whether a filter (NULL: none) admits an execution, as its record is now. FF_E_PENDING. */
FF_MUST_USE ff_err ff_filter_admits(struct ff_txn *txn, const struct ff_scan_filter *filter,
                                    const struct ff_exec *exec, bool *admits);
/* When an index entry that concerns a waiting scan_due falls due. */
int64_t ff_scan_due_at(const struct ff_engine_facts *facts, const struct ff_index_key *key);

/* What a waiting call of this scanner parks on; no lane's scope is the same. */
struct ff_scope ff_scope_scanner(enum ff_scanner scanner);

#define FF_SCANNER(upper, name, process, interval, unit_ms, batch, flags)                          \
    FF_MUST_USE ff_err ff_scan_##name(struct ff_scan *scan);
#define FF_SCAN_WAKE(upper, index, when)
#define FF_SCAN_CALL(upper, op, changed, changed_too)
#include "core/scanners.def"

#endif
