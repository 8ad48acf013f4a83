/* take.h: starting, continuing and taking over attempts: what every form of claim ends in (02 §5.5,
 * §5.6, §6.6). Whether the caller may have the execution has been decided before.
 */
#ifndef FF_CORE_ENGINE_TAKE_H
#define FF_CORE_ENGINE_TAKE_H

#include "core/engine/lease.h"

struct ff_taker {
    struct ff_str worker_id, worker_instance_id;
    uint64_t lease_ttl_ms;
    struct ff_opt_uuid lease_id, attempt_id; /* absent: fresh random ones */
    struct ff_opt_uuid request_id;
    struct ff_str attempt_policy_json;       /* empty: the execution's policy */
    struct ff_opt_u64 attempt_timeout_ms;    /* absent: the policy's; 0: none */
    struct ff_opt_u64 remaining_timeout_ms;  /* of a resumed attempt; absent: what was left */
    struct ff_opt_i64 execution_deadline_at; /* replaces the stored one if above 0 */
};

/* A new attempt of a pending execution; handle kind fresh.
 * FF_E_CORRUPTION: its attempt state is none of the pending ones. */
FF_MUST_USE ff_err ff_take_fresh(struct ff_txn *txn, struct ff_exec *exec,
                                 const struct ff_taker *taker, struct ff_claim *out);
/* The interrupted attempt goes on; handle kind resumed. */
FF_MUST_USE ff_err ff_take_resumed(struct ff_txn *txn, struct ff_exec *exec,
                                   const struct ff_taker *taker, struct ff_claim *out);
/* A new attempt in place of one whose lease was lost; handle kind reclaimed. */
FF_MUST_USE ff_err ff_take_over(struct ff_txn *txn, struct ff_exec *exec,
                                const struct ff_taker *taker, struct ff_claim *out);
/* Whichever of the three its state asks for. */
FF_MUST_USE ff_err ff_take(struct ff_txn *txn, struct ff_exec *exec, const struct ff_taker *taker,
                           struct ff_claim *out);

/* The same instance gives its own lease id again while that lease lives: it gets the first answer
 * (02 §5.5, Repeat). */
bool ff_take_is_repeat(const struct ff_txn *txn, const struct ff_exec *exec,
                       struct ff_str worker_instance_id, struct ff_opt_uuid lease_id);
/* The answer that the present lease was handed out with. */
FF_MUST_USE ff_err ff_take_again(struct ff_txn *txn, const struct ff_exec *exec,
                                 struct ff_claim *out);

/* What a worker needs to run it (02 §5.10, §8.5). */
struct ff_context {
    struct ff_str input_payload, payload_encoding;
    struct ff_tags tags;
};
FF_MUST_USE ff_err ff_context_read(struct ff_txn *txn, const struct ff_exec *exec,
                                   struct ff_context *out);

/* The text of attempt_policy_json: FF_E_INVALID_POLICY_JSON unless empty or a JSON object. */
FF_MUST_USE ff_err ff_check_policy_text(struct ff_txn *txn, const char *field, struct ff_str json);

#endif
