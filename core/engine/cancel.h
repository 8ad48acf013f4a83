/* cancel.h: cancelling an execution from within (02 §6.7). */
#ifndef FF_CORE_ENGINE_CANCEL_H
#define FF_CORE_ENGINE_CANCEL_H

#include "core/engine/exec.h"

/* As cancel_execution with source operator_override: whoever holds it, in any phase but the last.
 */
FF_MUST_USE ff_err ff_cancel_by_operator(struct ff_txn *txn, struct ff_exec *exec,
                                         struct ff_str reason);

#endif
