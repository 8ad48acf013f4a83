/* fault.h: the register of errors (01 §9) and the error value that travels.
 *
 * An operation fails with `return ff_fail(fault, FF_E_…, …)`: the code, and up to FF_DETAIL_MAX
 * details. Texts in a detail must live as long as the fault is read (an arena, or static).
 */
#ifndef FF_CORE_FAULT_H
#define FF_CORE_FAULT_H

#include "core/base.h"

struct ff_arena;

enum ff_kind { /* 01 §9.1 */
#define FF_KIND(upper, name) FF_KIND_##upper,
#define FF_ERR(upper, name, kind, class, message)
#include "core/errors.def"
               FF_KIND_N
};

enum ff_class { /* 01 §9.2 */
                FF_CLASS_TERMINAL,
                FF_CLASS_RETRYABLE,
                FF_CLASS_COOPERATIVE,
                FF_CLASS_INFORMATIONAL,
                FF_CLASS_ADVISORY,
                FF_CLASS_BUG,
                FF_CLASS_EXPECTED,
                FF_CLASS_SOFT_ERROR,
                FF_CLASS_N
};

typedef enum {
    FF_E_OK = 0,
    /* Never seen by a caller: a record is not resident; the engine loads it and calls again. */
    FF_E_PENDING,
    /* Never seen by a caller: the call waits for what ff_txn_park named. */
    FF_E_PARKED,
    /* Never seen by a caller: a walk has done a step (ff_txn_step). */
    FF_E_STEP,
#define FF_KIND(upper, name)
#define FF_ERR(upper, name, kind, class, message) FF_E_##upper,
#include "core/errors.def"
    FF_E_N
} ff_err;

struct ff_error_info {
    const char *code; /* the wire name */
    enum ff_kind kind;
    enum ff_class class;
    const char *message; /* one sentence for a person */
};

/* NULL for FF_E_OK and for what no caller sees. */
const struct ff_error_info *ff_error_info(ff_err err);
const char *ff_kind_name(enum ff_kind kind);
const char *ff_class_name(enum ff_class class);
/* The code of a wire name; FF_E_OK for an unknown one. */
ff_err ff_err_of_name(struct ff_str name);

#define FF_DETAIL_MAX 10

enum ff_datum_type { FF_D_STR, FF_D_U64, FF_D_I64, FF_D_STRS, FF_D_RAW };

/* One entry of an error's detail. */
struct ff_datum {
    const char *key; /* static; NULL in ff_d_none() */
    enum ff_datum_type type;
    union {
        struct ff_str str; /* FF_D_STR; FF_D_RAW: one msgpack value */
        uint64_t u64;
        int64_t i64;
        struct ff_strs strs;
    } v;
};

struct ff_fault {
    ff_err code;
    const char *message; /* NULL: the register's; else static or in the call's arena */
    bool retryable;      /* follows the class, except for transport (01 §9.3) */
    uint32_t n;
    struct ff_datum detail[FF_DETAIL_MAX];
};

static inline struct ff_datum
ff_d_str(const char *key, struct ff_str value)
{
    return (struct ff_datum){ .key = key, .type = FF_D_STR, .v = { .str = value } };
}
static inline struct ff_datum
ff_d_text(const char *key, const char *value)
{
    return ff_d_str(key, ff_cstr(value));
}
static inline struct ff_datum
ff_d_u64(const char *key, uint64_t value)
{
    return (struct ff_datum){ .key = key, .type = FF_D_U64, .v = { .u64 = value } };
}
static inline struct ff_datum
ff_d_i64(const char *key, int64_t value)
{
    return (struct ff_datum){ .key = key, .type = FF_D_I64, .v = { .i64 = value } };
}
static inline struct ff_datum
ff_d_strs(const char *key, struct ff_strs value)
{
    return (struct ff_datum){ .key = key, .type = FF_D_STRS, .v = { .strs = value } };
}

/* Sets *fault and returns `code`. Details follow: ff_fail(f, FF_E_X, ff_d_text("field", "a")). */
#define ff_fail(fault, code, ...)                                                                  \
    ff_fail_n((fault), (code), (const struct ff_datum[]){ { 0 }, ##__VA_ARGS__ },                  \
              FF_COUNT(((const struct ff_datum[]){ { 0 }, ##__VA_ARGS__ })))
ff_err ff_fail_n(struct ff_fault *fault, ff_err code, const struct ff_datum *detail, size_t n);

/* FF_E_INVALID_INPUT {field, reason}: by far the commonest failure. */
ff_err ff_fail_input(struct ff_fault *fault, const char *field, const char *reason);
/* Adds one more detail to a fault that is set; dropped beyond FF_DETAIL_MAX. */
void ff_fault_add(struct ff_fault *fault, struct ff_datum datum);
/* Whether a transport error of this kind may pass; false for an unknown one (01 §9.3). */
bool ff_transport_kind_retryable(struct ff_str kind);
/* transport {backend, transport_kind}; retryable by transport_kind (01 §9.3). */
ff_err ff_fail_transport(struct ff_fault *fault, const char *backend, const char *transport_kind,
                         const char *message);

#endif
