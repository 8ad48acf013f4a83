/* The scanners that work, by name, from core/scanners.def. */
#include "scanners/scanners_int.h"

static const struct scan_info infos[FF_SCANNERS] = {
#define FF_SCANNER(upper, name_, process_, interval, unit_ms, batch, flags_)                       \
    [FF_SCANNER_##upper] = { .name = FF_SCANNER_##upper, .process = #process_, .flags = (flags_) },
#define FF_SCAN_WAKE(upper, index, when)
#define FF_SCAN_CALL(upper, op, changed, changed_too)
#include "core/scanners.def"
};

static const struct {
    enum ff_scanner scanner;
    struct scan_call call;
} calls[] = {
#define FF_SCANNER(upper, name, process, interval, unit_ms, batch, flags)
#define FF_SCAN_WAKE(upper, index, when)
#define FF_SCAN_CALL(upper, op, changed, changed_too)                                              \
    { FF_SCANNER_##upper, { FF_OP_##op, { changed, changed_too } } },
#include "core/scanners.def"
};

const struct scan_info *
ff_scan_info(enum ff_scanner name)
{
    FF_ASSERT(name < FF_SCANNERS);
    return infos[name].process == NULL ? NULL : &infos[name];
}

uint32_t
ff_scan_calls(enum ff_scanner name, const struct scan_call *out[CALLS_MAX])
{
    uint32_t n = 0;

    for (size_t i = 0; i < FF_COUNT(calls); i++) {
        if (calls[i].scanner == name) {
            FF_ASSERT(n < CALLS_MAX);
            out[n++] = &calls[i].call;
        }
    }
    return n;
}

bool
ff_scanners_knows(const char *process)
{
    static const char *const processes[] = { "lease",  "promote",   "unblock",  "cancel",
                                             "timers", "reconcile", "retention" };

    for (size_t i = 0; i < FF_COUNT(processes); i++) {
        if (strcmp(process, processes[i]) == 0) {
            return true;
        }
    }
    return false;
}
