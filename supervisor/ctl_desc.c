#include "supervisor/ctl_int.h"

#define FF_CTL_FIELD(desc, token, name_, flags_)                                                   \
    { .name = #name_, .name_n = sizeof(#name_) - 1, FF_SLOT(desc, name_, token, flags_) },

/* The sentinel keeps empty lists legal C and is not counted. */
#define FF_CTL(name, help) static const struct ff_field args_##name[] = {
#define FF_CTL_REQ(name, type, field) FF_CTL_FIELD(struct ff_ctl_##name##_args, type, field, 0)
#define FF_CTL_OPT(name, type, field)                                                              \
    FF_CTL_FIELD(struct ff_ctl_##name##_args, type, field, FF_FIELD_OPT)
#define FF_CTL_REP(name, type, field)
#define FF_CTL_END(name)                                                                           \
    {                                                                                              \
        0                                                                                          \
    }                                                                                              \
    }                                                                                              \
    ;
#include "supervisor/ctl.def"

#define FF_CTL(name, help) static const struct ff_field result_##name[] = {
#define FF_CTL_REQ(name, type, field)
#define FF_CTL_OPT(name, type, field)
#define FF_CTL_REP(name, type, field) FF_CTL_FIELD(struct ff_ctl_##name##_result, type, field, 0)
#define FF_CTL_END(name)                                                                           \
    {                                                                                              \
        0                                                                                          \
    }                                                                                              \
    }                                                                                              \
    ;
#include "supervisor/ctl.def"

#define FF_CTL(name, help)                                                                         \
    static const struct ff_desc desc_args_##name = { #name, args_##name,                           \
                                                     FF_COUNT(args_##name) - 1,                    \
                                                     sizeof(struct ff_ctl_##name##_args), false }; \
    static const struct ff_desc desc_result_##name = { #name, result_##name,                       \
                                                       FF_COUNT(result_##name) - 1,                \
                                                       sizeof(struct ff_ctl_##name##_result),      \
                                                       false };
#define FF_CTL_REQ(name, type, field)
#define FF_CTL_OPT(name, type, field)
#define FF_CTL_REP(name, type, field)
#define FF_CTL_END(name)
#include "supervisor/ctl.def"

const struct ff_ctl_info ff_ctl_ops[FF_CTL_N] = {
#define FF_CTL(name, help) [FF_CTL_##name] = { #name, &desc_args_##name, &desc_result_##name },
#define FF_CTL_REQ(name, type, field)
#define FF_CTL_OPT(name, type, field)
#define FF_CTL_REP(name, type, field)
#define FF_CTL_END(name)
#include "supervisor/ctl.def"
};
