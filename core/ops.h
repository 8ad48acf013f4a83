/* ops.h: the operation table made from ops.def: enum ff_op, struct ff_<op>_args and _result, their
 * descriptors, and one row per operation for dispatch, permission and help. What runs them is the
 * engine's own (core/engine/dispatch.h), so that clients have the table without it.
 */
#ifndef FF_CORE_OPS_H
#define FF_CORE_OPS_H

#include "core/fault.h"
#include "core/types.h"

struct ff_txn;

enum ff_op_class { /* who may call it; ordered as the sockets admit them (00 §1) */
                   FF_CLASS_OF_READ,
                   FF_CLASS_OF_CLIENT,
                   FF_CLASS_OF_WORKER,
                   FF_CLASS_OF_OPERATOR,
                   FF_CLASS_OF_SCANNER
};

enum {
    FF_OPF_MUTATING = 1,
    FF_OPF_BLOCKING = 2, /* may wait: alone in its frame when it does (00 §2) */
    FF_OPF_PURE = 4,     /* needs no store */
    FF_OPF_SECRET = 8    /* its arguments are wiped from memory once it is answered */
};

enum ff_op_place { FF_OP_IN_ENGINE, FF_OP_IN_HOST, FF_OP_NOWHERE_YET };

/* ---- enum ff_op ---- */
enum ff_op {
#define FF_OP(op, class, flags, help) FF_OP_##op,
#define FF_OP_HOST(op, class, flags, help) FF_OP_##op,
#define FF_OP_LATER(op, class, flags, help) FF_OP_##op,
#define FF_REQ(op, type, name, max, help)
#define FF_OPT(op, type, name, max, help)
#define FF_DEF(op, type, name, max, def, help)
#define FF_REP(op, type, name, help)
#define FF_REPO(op, type, name, help)
#define FF_END(op)
#include "core/ops.def"
    FF_OP_N
};

/* ---- struct ff_<op>_args; the unused byte keeps operations without arguments legal C ---- */
#define FF_OP(op, class, flags, help)                                                              \
    struct ff_##op##_args {                                                                        \
        char unused_;
#define FF_OP_HOST(op, class, flags, help)                                                         \
    struct ff_##op##_args {                                                                        \
        char unused_;
#define FF_OP_LATER(op, class, flags, help)                                                        \
    struct ff_##op##_args {                                                                        \
        char unused_;
#define FF_REQ(op, type, name, max, help) FF_C_##type name;
#define FF_OPT(op, type, name, max, help) FF_CO_##type name;
#define FF_DEF(op, type, name, max, def, help) FF_C_##type name;
#define FF_REP(op, type, name, help)
#define FF_REPO(op, type, name, help)
#define FF_END(op)                                                                                 \
    }                                                                                              \
    ;
#include "core/ops.def"

/* ---- struct ff_<op>_result ---- */
#define FF_OP(op, class, flags, help)                                                              \
    struct ff_##op##_result {                                                                      \
        char unused_;
#define FF_OP_HOST(op, class, flags, help)                                                         \
    struct ff_##op##_result {                                                                      \
        char unused_;
#define FF_OP_LATER(op, class, flags, help)                                                        \
    struct ff_##op##_result {                                                                      \
        char unused_;
#define FF_REQ(op, type, name, max, help)
#define FF_OPT(op, type, name, max, help)
#define FF_DEF(op, type, name, max, def, help)
#define FF_REP(op, type, name, help) FF_C_##type name;
#define FF_REPO(op, type, name, help) FF_CO_##type name;
#define FF_END(op)                                                                                 \
    }                                                                                              \
    ;
#include "core/ops.def"

/* ---- the engine's functions (library ff_engine) ---- */
#define FF_OP(op, class, flags, help)                                                              \
    FF_MUST_USE ff_err ff_op_##op(struct ff_txn *txn, const struct ff_##op##_args *args,           \
                                  struct ff_##op##_result *result);
#define FF_OP_HOST(op, class, flags, help)
#define FF_OP_LATER(op, class, flags, help)
#define FF_REQ(op, type, name, max, help)
#define FF_OPT(op, type, name, max, help)
#define FF_DEF(op, type, name, max, def, help)
#define FF_REP(op, type, name, help)
#define FF_REPO(op, type, name, help)
#define FF_END(op)
#include "core/ops.def"

struct ff_op_info {
    const char *name; /* the wire name */
    enum ff_op_class class;
    uint8_t flags;
    enum ff_op_place place;
    const struct ff_desc *args;
    const struct ff_desc *result;
    const char *help;
};

extern const struct ff_op_info ff_ops[FF_OP_N];

const char *ff_op_class_name(enum ff_op_class class);
/* NULL: no operation of this name. */
const struct ff_op_info *ff_op_find(struct ff_str name);

/* An operation as list_ops tells it (00 §5). Lists and default values live in the arena. */
struct ff_op_entry ff_op_describe(enum ff_op op, struct ff_arena *arena);
/* The name of an enum ff_type in the words of 00 §3. */
const char *ff_type_word(uint8_t type);

/* What every operation accepts beside its own arguments (01 §1.1). An operation that declares
 * `partition` or `lane_id` itself gets them as its own. */
struct ff_common_args {
    struct ff_opt_i64 now_ms;    /* now or now_ms; used in test mode only */
    struct ff_opt_u32 partition; /* of operations that name an execution or a flow */
    struct ff_str lane_id;       /* the same; absent or "" = not stated */
};

#endif
