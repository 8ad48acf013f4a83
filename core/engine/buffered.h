/* buffered.h: signals that came before the suspension that they are for (03 §4.3). */
#ifndef FF_CORE_ENGINE_BUFFERED_H
#define FF_CORE_ENGINE_BUFFERED_H

#include "core/engine/bindings.h"

/* Evaluates what the bound waitpoints have buffered, in order of acceptance. What contributes
 * becomes a satisfier of the suspension, and is written; waitpoints and suspension are the
 * caller's to write. */
FF_MUST_USE ff_err ff_buffered_apply(struct ff_txn *txn, struct ff_bindings *bindings,
                                     struct ff_condition *condition,
                                     struct ff_suspension *suspension);

#endif
