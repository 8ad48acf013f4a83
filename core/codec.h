/* codec.h: the one codec: structs described in tables to and from msgpack, JSON and text cells.
 *
 * msgpack is the wire (00-wire.md §2–3) and the stored form; JSON is for people and scripts (00
 * §4); cells are for stores with named fields (hash fields, SQL columns) and read_exec_core_fields.
 */
#ifndef FF_CORE_CODEC_H
#define FF_CORE_CODEC_H

#include <msgpack.h>

#include "core/arena.h"
#include "core/fault.h"
#include "core/ops.h"
#include "core/records.h"

/* Nesting of maps and lists that a peer may send (00 §2). */
#define FF_MSGPACK_DEPTH_MAX 32
/* Values in one message, so that a frame of tiny ones does not grow into a huge tree (24 bytes
 * each). 1024 calls of the largest argument lists that the other limits allow stay below it. */
#define FF_MSGPACK_VALUES_MAX (1u << 20)

/* ---- raw msgpack ---- */

/* Parses exactly one msgpack value that fills `bytes`. The tree lives in `zone`, its texts point
 * into bytes. Lengths are checked against the message before room is made for them, nesting against
 * FF_MSGPACK_DEPTH_MAX, and texts are checked to be UTF-8. *out is of no use after a failure.
 * FF_E_MALFORMED_FRAME {reason}: truncated, trailing_bytes, too_deep, invalid_utf8, ext_type,
 * invalid_byte, too_many_values. */
FF_MUST_USE ff_err ff_msgpack_parse(struct ff_str bytes, msgpack_zone *zone, msgpack_object *out,
                                    struct ff_fault *fault);

/* Takes the first value off `rest` and returns its bytes; p is NULL, and rest unchanged, where
 * there is no whole one. Nothing is checked but lengths. */
struct ff_str ff_msgpack_take(struct ff_str *rest);

/* A packer that writes into a growing buffer. */
struct ff_packer {
    msgpack_sbuffer buf;
    msgpack_packer pk;
};
void ff_packer_init(struct ff_packer *packer);
void ff_packer_done(struct ff_packer *packer);
static inline struct ff_str
ff_packer_str(const struct ff_packer *packer)
{
    return ff_str(packer->buf.data, packer->buf.size);
}
void ff_pack_str(msgpack_packer *pk, struct ff_str text);
void ff_pack_cstr(msgpack_packer *pk, const char *text);
void ff_pack_bytes(msgpack_packer *pk, struct ff_str bytes);

/* ---- the wire ---- */

/* Reads an operation's arguments from a msgpack map, in the order of checks of 01 §1.2 (a), (b):
 * unknown names; presence and types in table order; formats and limits in table order. Texts point
 * into the tree's bytes, lists into the arena. On failure *args_out is of no use.
 * FF_E_INVALID_INPUT {field, reason, …}: unknown_field, duplicate_key, missing, wrong_type;
 * out_of_range, not_finite, too_long {len, max}, too_many {count, max}, unknown_value {value}, and
 * those of id.h and partition.h. field of a key that is no text: the map's own. */
FF_MUST_USE ff_err ff_decode_args(const struct ff_op_info *op, const msgpack_object *map,
                                  struct ff_arena *arena, void *args_out,
                                  struct ff_common_args *common_out, struct ff_fault *fault);

/* The same for any described struct. path: prefix of `field`, NULL at the top. code:
 * FF_E_INVALID_INPUT {field, reason}, or FF_E_INVALID_POLICY_JSON {path, reason} with the reasons
 * of 01 §5.1, which also ignores unknown members. */
FF_MUST_USE ff_err ff_decode(const struct ff_desc *desc, const msgpack_object *map,
                             struct ff_arena *arena, const char *path, ff_err code, void *out,
                             struct ff_fault *fault);

/* Reads what a server answered: unknown members are ignored, and nothing is bounded.
 * FF_E_INVALID_INPUT {field, reason}: a member is missing or of the wrong type. */
FF_MUST_USE ff_err ff_decode_result(const struct ff_desc *desc, const msgpack_object *map,
                                    struct ff_arena *arena, void *out, struct ff_fault *fault);

/* Writes a described struct as a map with the wire names; absent optional members are left out. A
 * list that is not optional is written even if empty, a tag without value as nil. */
void ff_encode(const struct ff_desc *desc, const void *in, msgpack_packer *pk);

/* Writes the error value of 01 §1.3. op: the operation's name, "" where there is none. */
void ff_encode_error(const struct ff_fault *fault, const char *op, msgpack_packer *pk);
/* Reads one back (client side): code, message (in the arena), retryable; detail stays in
 * *detail_out as a tree, nil where there is none. An unknown code, or what is no error value, reads
 * as FF_E_INVARIANT_VIOLATION. */
void ff_decode_error(const msgpack_object *map, struct ff_arena *arena, struct ff_fault *fault_out,
                     msgpack_object *detail_out);

/* ---- the stored form: a map from field number to value, default values left out ---- */

void ff_row_encode(enum ff_record kind, const void *record, msgpack_packer *pk);
/* Texts point into body, lists and shapes into the arena. Unknown numbers are skipped (a newer
 * program wrote them). FF_E_CORRUPTION {reason, context, field}; *record_out is then of no use. */
FF_MUST_USE ff_err ff_row_decode(enum ff_record kind, struct ff_str body, struct ff_arena *arena,
                                 void *record_out, struct ff_fault *fault);
/* Bytes that the texts, lists and optional shapes of a struct take beside it, and a copy of the
 * struct whose pointers lead into `room` (that many bytes, 8-byte aligned). */
size_t ff_deep_size(const struct ff_desc *desc, const void *in);
void ff_deep_copy(const struct ff_desc *desc, const void *in, void *out, void *room);

/* ---- cells: one scalar field as text (02 §8.6; hash fields) ---- */

/* NULL if there is no such field. */
const struct ff_field *ff_field_find(const struct ff_desc *desc, struct ff_str name);
/* Numbers in decimal, enums by name, ids in their text form, bytes as base64, lists and shapes as
 * JSON; absent (p == NULL) where the field is unset. A text is the record's own, the rest lives in
 * the arena. */
struct ff_str ff_field_text(const struct ff_field *field, const void *record,
                            struct ff_arena *arena);
/* The other way; a text points into `text`. The record was zeroed before, and is the caller's to
 * throw away on failure. FF_E_CORRUPTION {reason, context}. */
FF_MUST_USE ff_err ff_field_parse(const struct ff_field *field, struct ff_str text,
                                  struct ff_arena *arena, void *record, struct ff_fault *fault);

/* ---- the same by value, for stores with typed columns ---- */

/* Whether the stored form has it: an optional member that is present, a required one not zero. */
bool ff_field_stored(const struct ff_desc *desc, const struct ff_field *field, const void *record);
/* Whether two records have the same there. Lists and shapes that are there count as different: it
 * is quick, and for those who leave out what has not changed. */
bool ff_field_alike(const struct ff_desc *desc, const struct ff_field *field, const void *a,
                    const void *b);
/* An integer, boolean or enum (its number), sign-extended to 64 bits. */
uint64_t ff_field_int(const struct ff_field *field, const void *record);
void ff_field_put_int(const struct ff_field *field, void *record, uint64_t bits);
/* Makes an optional member present whose value has been written at its offset: ids, reals. */
void ff_field_mark(const struct ff_field *field, void *record);

/* ---- JSON (00 §4) ---- */

/* JSON text to msgpack, guided by desc where a member is described: bytes from base64 (standard
 * alphabet, padded), integers from decimal text too; everything else as it stands, so that the
 * receiver judges it. desc NULL: unguided. A number beyond the 64-bit signed ones, and a key that
 * comes twice, are malformed JSON.
 * FF_E_INVALID_INPUT {reason: "malformed", line, column}. */
FF_MUST_USE ff_err ff_json_to_msgpack(const struct ff_desc *desc, struct ff_str json,
                                      msgpack_packer *pk, struct ff_fault *fault);
/* msgpack to JSON text: bytes as base64, integers above 2^53 as decimal text, NaN and infinities as
 * null. indent: spaces, 0 = one line. The text lives in the arena. */
struct ff_str ff_msgpack_to_json(const msgpack_object *value, int indent, struct ff_arena *arena);

#endif
