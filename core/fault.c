#include "core/fault.h"

static const struct ff_error_info infos[FF_E_N] = {
#define FF_KIND(upper, name)
#define FF_ERR(upper, name, kind, class, message)                                                  \
    [FF_E_##upper] = { #name, FF_KIND_##kind, FF_CLASS_##class, message },
#include "core/errors.def"
};

static const char *const kind_names[FF_KIND_N] = {
#define FF_KIND(upper, name) [FF_KIND_##upper] = #name,
#define FF_ERR(upper, name, kind, class, message)
#include "core/errors.def"
};

static const char *const class_names[FF_CLASS_N] = {
    [FF_CLASS_TERMINAL] = "terminal",       [FF_CLASS_RETRYABLE] = "retryable",
    [FF_CLASS_COOPERATIVE] = "cooperative", [FF_CLASS_INFORMATIONAL] = "informational",
    [FF_CLASS_ADVISORY] = "advisory",       [FF_CLASS_BUG] = "bug",
    [FF_CLASS_EXPECTED] = "expected",       [FF_CLASS_SOFT_ERROR] = "soft_error",
};

const struct ff_error_info *
ff_error_info(ff_err err)
{
    return err > FF_E_STEP && err < FF_E_N ? &infos[err] : NULL;
}

const char *
ff_kind_name(enum ff_kind kind)
{
    return kind_names[kind];
}

const char *ff_class_name(enum ff_class class)
{
    return class_names[class];
}

ff_err
ff_err_of_name(struct ff_str name)
{
    for (int err = FF_E_STEP + 1; err < FF_E_N; err++) {
        if (ff_str_is(name, infos[err].code)) {
            return (ff_err) err;
        }
    }
    return FF_E_OK;
}

ff_err
ff_fail_n(struct ff_fault *fault, ff_err code, const struct ff_datum *detail, size_t n)
{
    const struct ff_error_info *info = ff_error_info(code);

    FF_ASSERT(info != NULL);
    *fault = (struct ff_fault){ .code = code };
    fault->retryable = info->class == FF_CLASS_RETRYABLE;
    for (size_t i = 0; i < n; i++) {
        ff_fault_add(fault, detail[i]);
    }
    return code;
}

ff_err
ff_fail_input(struct ff_fault *fault, const char *field, const char *reason)
{
    return ff_fail(fault, FF_E_INVALID_INPUT, ff_d_text("field", field),
                   ff_d_text("reason", reason));
}

void
ff_fault_add(struct ff_fault *fault, struct ff_datum datum)
{
    if (datum.key != NULL && fault->n < FF_DETAIL_MAX) {
        fault->detail[fault->n++] = datum;
    }
}

bool
ff_transport_kind_retryable(struct ff_str kind)
{
    static const char *const retryable[] = { "transport", "timeout", "cluster", "busy_loading" };

    for (size_t i = 0; i < FF_COUNT(retryable); i++) {
        if (ff_str_is(kind, retryable[i])) {
            return true;
        }
    }
    return false;
}

ff_err
ff_fail_transport(struct ff_fault *fault, const char *backend, const char *transport_kind,
                  const char *message)
{
    ff_err err = ff_fail(fault, FF_E_TRANSPORT, ff_d_text("backend", backend),
                         ff_d_text("transport_kind", transport_kind));

    fault->retryable = ff_transport_kind_retryable(ff_cstr(transport_kind));
    fault->message = message;
    return err;
}
