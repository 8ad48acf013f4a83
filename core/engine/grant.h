/* grant.h: short-lived permissions for one worker to take one execution (02 §5.2). */
#ifndef FF_CORE_ENGINE_GRANT_H
#define FF_CORE_ENGINE_GRANT_H

#include "core/engine/exec.h"

struct ff_granting {
    enum ff_grant_kind kind; /* claim or reclaim */
    struct ff_str worker_id, worker_instance_id;
    uint64_t grant_ttl_ms;
    struct ff_str capability_hash, route_snapshot_json, admission_summary;
    struct ff_opt_uuid request_id;
};

/* Stores a grant in place of a lapsed one, and saves. */
FF_MUST_USE ff_err ff_grant_store(struct ff_txn *txn, struct ff_exec *exec,
                                  const struct ff_granting *granting, enum ff_exec_change change);

/* The grant tests of 02 §5.5.
 * FF_E_INVALID_CLAIM_GRANT    none, of another kind, or for another worker.
 * FF_E_CLAIM_GRANT_EXPIRED */
FF_MUST_USE ff_err ff_grant_check(struct ff_txn *txn, const struct ff_exec *exec,
                                  enum ff_grant_kind kind, struct ff_str worker_id);

/* Partition key of an execution, in the call's arena. */
struct ff_str ff_exec_partition_key(struct ff_txn *txn, const struct ff_exec *exec);

#endif
