/* backend_label, capabilities, server_time_ms, ping, prepare: the engine about itself (01 §10). */

#include <stdio.h>

#include "core/engine/lanes.h"
#include "core/engine/txn.h"

ff_err
ff_op_backend_label(struct ff_txn *txn, const struct ff_backend_label_args *args,
                    struct ff_backend_label_result *result)
{
    (void) args;
    result->label = txn->facts->backend;
    return FF_E_OK;
}

ff_err
ff_op_server_time_ms(struct ff_txn *txn, const struct ff_server_time_ms_args *args,
                     struct ff_server_time_ms_result *result)
{
    (void) args;
    result->now_ms = (uint64_t) txn->now_ms;
    return FF_E_OK;
}

ff_err
ff_op_ping(struct ff_txn *txn, const struct ff_ping_args *args, struct ff_ping_result *result)
{
    (void) args;
    FF_TRY(ff_txn_ping(txn));
    result->now_ms = txn->now_ms;
    result->store_ok = true;
    return FF_E_OK;
}

/* ---- capabilities ---- */

/* Flags that are named after no single operation. */
static const struct group {
    const char *flag;
    const char *ops[5];
} groups[] = {
    { "budget_admin",
      { "create_budget", "report_usage", "reset_budget", "get_budget_status",
        "report_usage_admin" } },
    { "quota_admin", { "create_quota_policy" } },
    { "cancel_flow_wait_timeout", { "cancel_flow" } },
    { "cancel_flow_wait_indefinite", { "cancel_flow" } },
    { "issue_reclaim_grant", { "issue_reclaim_grant", "reclaim_execution" } },
    { "stream_durable_summary", { "append_frame", "read_summary" } },
    { "stream_best_effort_live", { "append_frame", "tail_stream" } },
};

static bool
is_offered(const char *name)
{
    const struct ff_op_info *op = ff_op_find(ff_cstr(name));

    return op != NULL && op->place != FF_OP_NOWHERE_YET;
}

static bool
is_supported(const char *flag)
{
    for (size_t i = 0; i < FF_COUNT(groups); i++) {
        if (strcmp(groups[i].flag, flag) != 0) {
            continue;
        }
        for (size_t j = 0; j < FF_COUNT(groups[i].ops) && groups[i].ops[j] != NULL; j++) {
            if (!is_offered(groups[i].ops[j])) {
                return false;
            }
        }
        return true;
    }
    return is_offered(flag);
}

ff_err
ff_op_capabilities(struct ff_txn *txn, const struct ff_capabilities_args *args,
                   struct ff_capabilities_result *result)
{
    struct ff_version *version = &result->identity.version;

    (void) args;
    result->identity.family = ff_cstr(txn->facts->backend);
    result->identity.rfc017_stage = ff_cstr("E-shipped");
    result->identity.durability =
        ff_cstr(txn->facts->store == NULL ? NULL : ff_store_promise(txn->facts->store));
    if (sscanf(FF_VERSION, "%u.%u.%u", &version->major, &version->minor, &version->patch) != 3) {
        ff_assert_failed("FF_VERSION is major.minor.patch", __FILE__, __LINE__);
    }
    for (uint32_t i = 0; i < ff_desc_supports.n; i++) {
        const struct ff_field *field = &ff_desc_supports.fields[i];

        *(bool *) ((char *) &result->supports + field->offset) = is_supported(field->name);
    }
    return FF_E_OK;
}

/* The store itself was prepared when it was opened; what is left are the configured lanes (08 §4),
 * which the broker has registered by this very call at its boot. */
ff_err
ff_op_prepare(struct ff_txn *txn, const struct ff_prepare_args *args,
              struct ff_prepare_result *result)
{
    uint32_t n = 0;

    (void) args;
    for (uint32_t i = 0; i < txn->facts->lanes.n; i++) {
        struct ff_lane lane = { 0 };
        bool found = false;

        FF_TRY(ff_lane_get(txn, txn->facts->lanes.v[i], &lane, &found));
        if (!found) {
            FF_TRY(ff_lane_register(txn, &lane));
            n++;
        }
    }
    result->outcome = n > 0 ? "applied" : "no_op";
    if (n > 0) {
        result->description = ff_arena_printf(txn->arena, "registered %u configured lanes", n);
    }
    return FF_E_OK;
}
