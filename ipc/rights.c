#include "ipc/server_int.h"

/* By operation: where its `source` argument is, 0: it has none. */
static uint32_t source_offsets[FF_OP_N];

__attribute__((constructor)) static void
find_sources(void)
{
    for (int op = 0; op < FF_OP_N; op++) {
        const struct ff_field *field = ff_field_find(ff_ops[op].args, ff_cstr("source"));

        if (field != NULL && field->type == FF_TYPE_STR) {
            source_offsets[op] = field->offset;
        }
    }
}

/* An override acts without the fence of the lease (02 §3.2); cancel_execution is for clients. */
static bool
overrides(const struct ff_call *call)
{
    uint32_t offset = source_offsets[call->op];

    return offset != 0 && call->op != FF_OP_cancel_execution &&
           ff_str_is(*(const struct ff_str *) (const void *) ((const char *) call->args + offset),
                     "operator_override");
}

static bool
reads_operator_events(const struct ff_call *call)
{
    return call->op == FF_OP_read_events &&
           ((const struct ff_read_events_args *) call->args)->family == FF_FAMILY_OPERATOR;
}

ff_err
ff_call_admit(const struct ff_listen *listen, struct ff_call *call)
{
    enum ff_op_class class = ff_ops[call->op].class;

    if (class < FF_CLASS_OF_OPERATOR && (overrides(call) || reads_operator_events(call))) {
        class = FF_CLASS_OF_OPERATOR;
    }
    if (class > listen->highest) {
        return ff_fail(&call->fault, FF_E_PERMISSION_DENIED,
                       ff_d_text("class", ff_op_class_name(class)),
                       ff_d_text("socket", listen->name));
    }
    return FF_E_OK;
}
