#include "core/engine/dispatch.h"

/* ---- the calls through untyped pointers ---- */
#define FF_OP(op, class, flags, help)                                                              \
    static ff_err run_##op(struct ff_txn *txn, const void *args, void *result)                     \
    {                                                                                              \
        return ff_op_##op(txn, args, result);                                                      \
    }
#define FF_OP_HOST(op, class, flags, help)
#define FF_OP_LATER(op, class, flags, help)
#define FF_REQ(op, type, name, max, help)
#define FF_OPT(op, type, name, max, help)
#define FF_DEF(op, type, name, max, def, help)
#define FF_REP(op, type, name, help)
#define FF_REPO(op, type, name, help)
#define FF_END(op)
#include "core/ops.def"

ff_op_run_fn *const ff_op_runs[FF_OP_N] = {
#define FF_OP(op, class, flags, help) [FF_OP_##op] = run_##op,
#define FF_OP_HOST(op, class, flags, help)
#define FF_OP_LATER(op, class, flags, help)
#define FF_REQ(op, type, name, max, help)
#define FF_OPT(op, type, name, max, help)
#define FF_DEF(op, type, name, max, def, help)
#define FF_REP(op, type, name, help)
#define FF_REPO(op, type, name, help)
#define FF_END(op)
#include "core/ops.def"
};
