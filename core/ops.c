#include "core/ops.h"

#define FF_FIELD(desc, token, name_, flags_, max_, def_, help_)                                    \
    { .name = #name_,                                                                              \
      .name_n = sizeof(#name_) - 1,                                                                \
      FF_SLOT(desc, name_, token, flags_),                                                         \
      .max = (max_),                                                                               \
      .def = (def_),                                                                               \
      .help = (help_) },

/* ---- argument fields; the sentinel keeps empty lists legal C and is not counted ---- */
#define FF_OP(op, class, flags, help) static const struct ff_field args_##op[] = {
#define FF_OP_HOST(op, class, flags, help) static const struct ff_field args_##op[] = {
#define FF_OP_LATER(op, class, flags, help) static const struct ff_field args_##op[] = {
#define FF_REQ(op, type, name, max, help)                                                          \
    FF_FIELD(struct ff_##op##_args, type, name, 0, max, NULL, help)
#define FF_OPT(op, type, name, max, help)                                                          \
    FF_FIELD(struct ff_##op##_args, type, name, FF_FIELD_OPT, max, NULL, help)
#define FF_DEF(op, type, name, max, def, help)                                                     \
    FF_FIELD(struct ff_##op##_args, type, name, FF_FIELD_DEF, max, def, help)
#define FF_REP(op, type, name, help)
#define FF_REPO(op, type, name, help)
#define FF_END(op)                                                                                 \
    {                                                                                              \
        0                                                                                          \
    }                                                                                              \
    }                                                                                              \
    ;
#include "core/ops.def"

/* ---- result fields ---- */
#define FF_OP(op, class, flags, help) static const struct ff_field result_##op[] = {
#define FF_OP_HOST(op, class, flags, help) static const struct ff_field result_##op[] = {
#define FF_OP_LATER(op, class, flags, help) static const struct ff_field result_##op[] = {
#define FF_REQ(op, type, name, max, help)
#define FF_OPT(op, type, name, max, help)
#define FF_DEF(op, type, name, max, def, help)
#define FF_REP(op, type, name, help) FF_FIELD(struct ff_##op##_result, type, name, 0, 0, NULL, help)
#define FF_REPO(op, type, name, help)                                                              \
    FF_FIELD(struct ff_##op##_result, type, name, FF_FIELD_OPT, 0, NULL, help)
#define FF_END(op)                                                                                 \
    {                                                                                              \
        0                                                                                          \
    }                                                                                              \
    }                                                                                              \
    ;
#include "core/ops.def"

/* ---- descriptors ---- */
#define FF_DESCS(op)                                                                               \
    static const struct ff_desc desc_args_##op = { #op, args_##op, FF_COUNT(args_##op) - 1,        \
                                                   sizeof(struct ff_##op##_args), false };         \
    static const struct ff_desc desc_result_##op = { #op, result_##op, FF_COUNT(result_##op) - 1,  \
                                                     sizeof(struct ff_##op##_result), false };
#define FF_OP(op, class, flags, help) FF_DESCS(op)
#define FF_OP_HOST(op, class, flags, help) FF_DESCS(op)
#define FF_OP_LATER(op, class, flags, help) FF_DESCS(op)
#define FF_REQ(op, type, name, max, help)
#define FF_OPT(op, type, name, max, help)
#define FF_DEF(op, type, name, max, def, help)
#define FF_REP(op, type, name, help)
#define FF_REPO(op, type, name, help)
#define FF_END(op)
#include "core/ops.def"

#define FF_INFO(op, class_, flags_, place_, help_)                                                 \
    [FF_OP_##op] = { .name = #op,                                                                  \
                     .class = FF_CLASS_OF_##class_,                                                \
                     .flags = (flags_),                                                            \
                     .place = (place_),                                                            \
                     .args = &desc_args_##op,                                                      \
                     .result = &desc_result_##op,                                                  \
                     .help = (help_) },

const struct ff_op_info ff_ops[FF_OP_N] = {
#define FF_OP(op, class, flags, help) FF_INFO(op, class, flags, FF_OP_IN_ENGINE, help)
#define FF_OP_HOST(op, class, flags, help) FF_INFO(op, class, flags, FF_OP_IN_HOST, help)
#define FF_OP_LATER(op, class, flags, help) FF_INFO(op, class, flags, FF_OP_NOWHERE_YET, help)
#define FF_REQ(op, type, name, max, help)
#define FF_OPT(op, type, name, max, help)
#define FF_DEF(op, type, name, max, def, help)
#define FF_REP(op, type, name, help)
#define FF_REPO(op, type, name, help)
#define FF_END(op)
#include "core/ops.def"
};

const char *ff_op_class_name(enum ff_op_class class)
{
    static const char *const names[] = { "read", "client", "worker", "operator", "scanner" };

    return names[class];
}

/* ---- by name ---- */

/* Open addressing; a power of two, several times the number of operations. */
#define SLOTS 1024
_Static_assert(FF_OP_N * 4 <= SLOTS, "the table of names is sparse");

static uint16_t slots[SLOTS]; /* operation + 1 */

static uint32_t
slot_of(struct ff_str name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (uint32_t i = 0; i < name.n; i++) {
        hash = (hash ^ (uint8_t) name.p[i]) * 16777619u;
    }
    return hash;
}

__attribute__((constructor)) static void
fill_slots(void)
{
    for (uint16_t op = 0; op < FF_OP_N; op++) {
        uint32_t slot = slot_of(ff_cstr(ff_ops[op].name));

        while (slots[slot % SLOTS] != 0) {
            slot++;
        }
        slots[slot % SLOTS] = (uint16_t) (op + 1);
    }
}

const struct ff_op_info *
ff_op_find(struct ff_str name)
{
    uint32_t slot = 0;

    if (name.n > 64) { /* longer than any: do not even hash it */
        return NULL;
    }
    for (slot = slot_of(name); slots[slot % SLOTS] != 0; slot++) {
        const struct ff_op_info *op = &ff_ops[slots[slot % SLOTS] - 1];

        if (ff_str_is(name, op->name)) {
            return op;
        }
    }
    return NULL;
}
