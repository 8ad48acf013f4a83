/* id.h: ids as text and as bytes (01 §2): parsing, printing, checking, minting.
 *
 * Pure. `field` names the argument in a fault and must outlive it. An _out is untouched on failure.
 */
#ifndef FF_CORE_ID_H
#define FF_CORE_ID_H

#include "core/fault.h"

/* Both with the closing zero byte. */
#define FF_UUID_TEXT_MAX 37
#define FF_EID_TEXT_MAX 48

#define FF_LANE_BYTES_MAX 64
#define FF_WID_BYTES_MAX 256

/* 8-4-4-4-12 hex digits in any letter case (01 §2.1). FF_E_INVALID_INPUT {field, invalid_uuid}. */
FF_MUST_USE ff_err ff_uuid_parse(struct ff_str text, const char *field, struct ff_uuid *out,
                                 struct ff_fault *fault);

/* {fp:N}:U (01 §2.2); N is not compared with any count.
 * FF_E_INVALID_INPUT {field, reason}: missing_tag, invalid_partition_index, invalid_uuid. */
FF_MUST_USE ff_err ff_eid_parse(struct ff_str text, const char *field, struct ff_eid *out,
                                struct ff_fault *fault);

/* Lower case, with a closing zero byte. */
void ff_uuid_text(const struct ff_uuid *uuid, char out[FF_UUID_TEXT_MAX]);
/* The same; returns the length without the zero byte. */
size_t ff_eid_text(const struct ff_eid *eid, char out[FF_EID_TEXT_MAX]);

/* 1..64 bytes of 0x20..0x7e (01 §2.3).
 * FF_E_INVALID_INPUT {field, reason}: empty, too_long {len, max}, non_printable {index}. */
FF_MUST_USE ff_err ff_lane_check(struct ff_str text, const char *field, struct ff_fault *fault);

/* worker_id, worker_instance_id, namespace (01 §2.3): 1..256 bytes.
 * FF_E_INVALID_INPUT {field, reason}: empty, too_long {len, max}, whitespace_or_control (of text
 * that is not UTF-8, too). */
FF_MUST_USE ff_err ff_wid_check(struct ff_str text, const char *field, struct ff_fault *fault);

/* FF_E_INVALID_INPUT {field, reason: too_long, len, max} (01 §1.8). */
ff_err ff_fail_too_long(struct ff_fault *fault, const char *field, uint64_t len, uint64_t max);

/* Decimal 0..65535 without sign, space or leading zeros; false: not that. */
bool ff_parse_index(struct ff_str text, uint16_t *out);

/* Well-formed UTF-8: no surrogates, no overlong forms, at most U+10FFFF. */
bool ff_utf8_ok(struct ff_str text);
/* Takes the next code point off the front of *rest, which is not empty; false: malformed there. */
bool ff_utf8_next(struct ff_str *rest, uint32_t *code_out);
/* C0, DEL, C1, or White_Space by Unicode. */
bool ff_is_space_or_control(uint32_t code);
/* UTF-8 without any of those. */
bool ff_is_clean_word(struct ff_str text);

/* Random (version 4) and time-ordered (version 7). unix_ms at least 0; its low 48 bits count. */
struct ff_uuid ff_uuid_v4(const uint8_t random[16]);
struct ff_uuid ff_uuid_v7(int64_t unix_ms, const uint8_t random[10]);

#endif
