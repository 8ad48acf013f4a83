/* handle.h: a worker's cookie for its attempt (01 §8.1–8.4): payload, and the checks on it.
 *
 * Pure. The payload's format is fixed by 01 §8.2; a change of it is a new wire version there.
 */
#ifndef FF_CORE_HANDLE_H
#define FF_CORE_HANDLE_H

#include "core/arena.h"
#include "core/fault.h"
#include "core/types.h"

enum {
    FF_HANDLE_FOREIGN_VALKEY = 0x01,
    FF_HANDLE_FOREIGN_POSTGRES = 0x02,
    FF_HANDLE_FOREIGN_SQLITE = 0x03,
    FF_HANDLE_MEMORY = 0x10,
    FF_HANDLE_SQLITE = 0x11,
    FF_HANDLE_VALKEY = 0x12,
    FF_HANDLE_POSTGRES = 0x13
};

struct ff_handle_payload {
    uint8_t tag; /* of the backend that made it */
    struct ff_eid execution_id;
    uint32_t attempt_index;
    struct ff_uuid attempt_id;
    struct ff_uuid lease_id;
    uint64_t lease_epoch;
    uint64_t lease_ttl_ms;
    struct ff_str lane_id; /* a hint */
    struct ff_str worker_instance_id;
};

/* backend label of a tag; NULL: no such tag. */
const char *ff_handle_label(uint8_t tag);

/* The bytes of 01 §8.2, in the arena. Runs at every claim: no formatting, one allocation. */
struct ff_str ff_handle_encode(const struct ff_handle_payload *payload, struct ff_arena *arena);

/* The handle as it is given out; backend follows from payload->tag. */
struct ff_handle ff_handle_make(enum ff_handle_kind kind, const struct ff_handle_payload *payload,
                                struct ff_arena *arena);

/* Texts of *out point into bytes; out is untouched on failure.
 * FF_E_CORRUPTION {reason, …} (01 §8.3). */
FF_MUST_USE ff_err ff_handle_decode(struct ff_str bytes, struct ff_handle_payload *out,
                                    struct ff_fault *fault);

/* 01 §8.4, step 1. FF_E_INVALID_INPUT {field: handle.kind, reason: unknown_value, value}. */
FF_MUST_USE ff_err ff_handle_kind_of(const struct ff_handle *handle, enum ff_handle_kind *out,
                                     struct ff_fault *fault);

/* 01 §8.4, steps 1 to 4; backend and tag are those of this engine. Beside the above:
 * FF_E_HANDLE_FROM_OTHER_BACKEND {expected, actual, where}. */
FF_MUST_USE ff_err ff_handle_open(const struct ff_handle *handle, uint8_t tag,
                                  struct ff_handle_payload *out, struct ff_fault *fault);

#endif
