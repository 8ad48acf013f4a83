#include "core/store.h"

int
ff_entry_cmp(const struct ff_entry *a, const struct ff_entry *b)
{
    if (a->sort != b->sort) {
        return a->sort < b->sort ? -1 : 1;
    }
    return ff_key_cmp(&a->id, &b->id);
}

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
