/* partition.h: which partition something belongs to (01 §3).
 *
 * Pure. Counts are 1..65535.
 */
#ifndef FF_CORE_PARTITION_H
#define FF_CORE_PARTITION_H

#include "core/fault.h"
#include "core/types.h"

/* {fp:65535} and the closing zero byte fit. */
#define FF_PARTITION_KEY_MAX 12

struct ff_partition {
    enum ff_partition_family family;
    uint16_t index;
};

/* CRC-16/XMODEM and FNV-1a 64 (01 §3.2, §3.5). */
uint16_t ff_crc16(const void *bytes, size_t n);
uint64_t ff_fnv1a64(const void *bytes, size_t n);

uint16_t ff_partition_of_uuid(const struct ff_uuid *id, uint32_t count);
/* Of a solo execution, at minting. */
uint16_t ff_partition_of_lane(struct ff_str lane_id, uint32_t count);

/* One hash, three names: which count to give is what differs. */
static inline uint16_t
ff_partition_of_flow(const struct ff_uuid *flow_id, uint32_t num_flow_partitions)
{
    return ff_partition_of_uuid(flow_id, num_flow_partitions);
}
static inline uint16_t
ff_partition_of_budget(const struct ff_uuid *budget_id, uint32_t num_budget_partitions)
{
    return ff_partition_of_uuid(budget_id, num_budget_partitions);
}
static inline uint16_t
ff_partition_of_quota(const struct ff_uuid *policy_id, uint32_t num_quota_partitions)
{
    return ff_partition_of_uuid(policy_id, num_quota_partitions);
}

/* {prefix:index}, zero-terminated; returns the length without that byte. */
size_t ff_partition_key_text(struct ff_partition partition, char out[FF_PARTITION_KEY_MAX]);

/* fp always reads as flow (01 §3.4). out untouched on failure.
 * FF_E_INVALID_INPUT {field, reason}: missing_braces, malformed_body, unknown_family_prefix
 * {value}, invalid_index {value}; the value points into text. */
FF_MUST_USE ff_err ff_partition_key_parse(struct ff_str text, const char *field,
                                          struct ff_partition *out, struct ff_fault *fault);

#endif
