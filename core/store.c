#include "core/store_offline.h"

static ff_err
check_count(const char *name, uint32_t stored, uint32_t *count, struct ff_fault *fault)
{
    if (*count == 0) {
        *count = stored;
    }
    if (*count != stored) {
        return ff_fail(fault, FF_E_PARTITION_MISMATCH, ff_d_text("name", name),
                       ff_d_u64("stored", stored), ff_d_u64("configured", *count));
    }
    return FF_E_OK;
}

ff_err
ff_store_check_counts(const struct ff_partition_counts *stored, struct ff_partition_counts *counts,
                      struct ff_fault *fault)
{
    FF_TRY(check_count("num_flow_partitions", stored->flow, &counts->flow, fault));
    FF_TRY(check_count("num_budget_partitions", stored->budget, &counts->budget, fault));
    return check_count("num_quota_partitions", stored->quota, &counts->quota, fault);
}

void
ff_store_default_counts(struct ff_partition_counts *counts)
{
    counts->flow = counts->flow == 0 ? 256 : counts->flow;
    counts->budget = counts->budget == 0 ? 32 : counts->budget;
    counts->quota = counts->quota == 0 ? 32 : counts->quota;
}

/* ---- store_offline.h ---- */

static ff_err
refuse(struct ff_fault *fault, const char *reason, const char *message)
{
    (void) ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", reason));
    fault->message = message;
    return fault->code;
}

ff_err
ff_store_fail_missing(struct ff_fault *fault)
{
    return refuse(fault, "missing", "there is no FlowFabric store; check its URL");
}

ff_err
ff_store_fail_unfinished(struct ff_fault *fault)
{
    return refuse(fault, "unfinished_copy",
                  "this store is an unfinished copy; finish it with the same `ffctl store copy', "
                  "which begins again, or use the store that it was copied from");
}

ff_err
ff_store_fail_version(struct ff_fault *fault)
{
    return refuse(fault, "schema_version",
                  "the store is of another version of FlowFabric; start this version's daemon on "
                  "it once, which upgrades an older one, or use the newer version's ffctl");
}

static void
load_done(struct ff_load *load)
{
    *(bool *) load->ctx = true;
}

ff_err
ff_store_load_now(struct ff_store *store, struct ff_want *wants, uint32_t n, struct ff_arena *arena,
                  struct ff_fault *fault)
{
    bool done = false;
    struct ff_load load = {
        .wants = wants, .n = n, .arena = arena, .done = load_done, .ctx = &done
    };

    ff_store_load(store, &load);
    while (!done) {
        ff_store_poll(store, true);
    }
    *fault = load.fault;
    return fault->code;
}

static void
commit_done(struct ff_commit *commit)
{
    *(bool *) commit->ctx = true;
}

ff_err
ff_store_commit_now(struct ff_store *store, struct ff_commit *commit, struct ff_fault *fault)
{
    bool done = false;

    commit->done = commit_done;
    commit->ctx = &done;
    ff_store_commit(store, commit);
    while (!done) {
        ff_store_poll(store, true);
    }
    if (commit->outcome == FF_COMMIT_CONFLICT) {
        return ff_fail(
            fault, FF_E_CORRUPTION, ff_d_text("reason", "conflict"),
            ff_d_text("context", ff_records[commit->writes[commit->conflicts[0]].kind]->name));
    }
    *fault = commit->fault;
    return commit->outcome == FF_COMMIT_OK ? FF_E_OK : fault->code;
}
