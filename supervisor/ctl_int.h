/* ctl_int.h: the table of messages, made from ctl.def. */
#ifndef FF_SUPERVISOR_CTL_INT_H
#define FF_SUPERVISOR_CTL_INT_H

#include "supervisor/ctl.h"

struct ff_ctl_info {
    const char *name; /* as it travels */
    const struct ff_desc *args;
    const struct ff_desc *result;
};

extern const struct ff_ctl_info ff_ctl_ops[FF_CTL_N]; /* the first row is empty */

#endif
