/* dispatch.h: from an operation's number to the function that carries it out. */
#ifndef FF_CORE_ENGINE_DISPATCH_H
#define FF_CORE_ENGINE_DISPATCH_H

#include "core/ops.h"

/* args: the operation's struct ff_<op>_args; result: its struct ff_<op>_result. */
typedef ff_err ff_op_run_fn(struct ff_txn *txn, const void *args, void *result);

/* By enum ff_op; NULL unless ff_ops[op].place is FF_OP_IN_ENGINE. */
extern ff_op_run_fn *const ff_op_runs[FF_OP_N];

#endif
