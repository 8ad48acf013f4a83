/* signal.h: what becomes of an accepted signal (03 §6). */
#ifndef FF_CORE_ENGINE_SIGNAL_H
#define FF_CORE_ENGINE_SIGNAL_H

#include "core/engine/suspension.h"

/* Numbers the signal and writes it, and the waitpoint with it; neither has been judged. The caller
 * writes the execution. */
FF_MUST_USE ff_err ff_signal_record(struct ff_txn *txn, struct ff_exec *exec,
                                    struct ff_waitpoint *waitpoint, struct ff_signal *signal);

/* The signals that ended an episode, in order of acceptance, as observe_signals gives them. */
struct ff_observing {
    struct ff_eid execution_id;
    uint32_t attempt_index;
    struct ff_opt_uuid cursor;
    uint32_t limit;
    size_t bytes_max; /* of texts and payloads */
};
struct ff_observed {
    struct ff_observed_signal_list signals;
    struct ff_opt_uuid suspension_id; /* of the attempt's latest episode */
    struct ff_str continuation_metadata_pointer;
    bool more;
    size_t bytes; /* of all that is given */
};
FF_MUST_USE ff_err ff_signals_observe(struct ff_txn *txn, const struct ff_observing *want,
                                      struct ff_observed *out);

#endif
