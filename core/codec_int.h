/* codec_int.h: what the parts of the codec share: how members lie behind a descriptor, and single
 * members. Nobody else includes it, save tests.
 */
#ifndef FF_CORE_CODEC_INT_H
#define FF_CORE_CODEC_INT_H

#include "core/codec.h"
#include "core/codec_rd.h"
#include "core/codec_wr.h"

/* Fields of a described struct; the tables stay well under it, and it is asserted. */
#define FF_FIELDS_MAX 128

/* ---- members ---- */

/* What an integer type holds (01 §1.5); no other type has an entry. */
struct ff_int_range {
    int64_t min;
    uint64_t max;
};
extern const struct ff_int_range ff_int_ranges[];

bool ff_slot_stored_slow(const struct ff_field *field, const uint8_t *in);

/* Whether the stored form has the member of the struct at in, of `size` bytes. Without a jump that
 * depends on the type: eight bytes from where it tells on, or the last eight of the struct, shifted
 * until only the member's are left. */
static inline bool
ff_slot_stored(const struct ff_field *field, const uint8_t *in, uint32_t size)
{
    uint32_t from = field->probe_at;
    uint64_t word = 0;

    if (field->probe_n == 0 || size < sizeof(word)) {
        return ff_slot_stored_slow(field, in);
    }
    if (from > size - sizeof(word)) {
        from = size - (uint32_t) sizeof(word);
    }
    memcpy(&word, in + from, sizeof(word));
    word = le64toh(word) >> 8 * (field->probe_at - from);
    return word << (64 - 8 * field->probe_n) != 0;
}

/* An optional member at p. */
static inline bool
ff_slot_present(const struct ff_field *field, const void *p)
{
    const uint8_t *flag = (const uint8_t *) p + (field->probe_at - field->offset);

    return field->probe_n == sizeof(bool) ? *flag != 0 : *(void *const *) p != NULL;
}

/* Makes a value that was stored at p present, where the member is optional. */
static inline void
ff_slot_set(const struct ff_field *field, void *p)
{
    if ((field->flags & FF_FIELD_OPT) != 0 && field->probe_n == sizeof(bool)) {
        ((uint8_t *) p)[field->probe_at - field->offset] = true;
    }
}

/* An integer, boolean or enum member, sign-extended to 64 bits. */
uint64_t ff_slot_int(const struct ff_field *field, const void *p);
void ff_slot_put_int(const struct ff_field *field, void *p, uint64_t bits);

/* What a present but empty text or list points at. */
extern const uint64_t ff_empty_room[];
#define FF_EMPTY ((void *) (uintptr_t) ff_empty_room)

/* ---- one member ---- */

/* One member's value in wire form; an optional one must be present. */
void ff_wr_member(struct ff_wr *wr, const struct ff_field *field, const void *p);
/* Reads one value into one member, without limits (results, cells). The rest as ff_decode. */
FF_MUST_USE ff_err ff_decode_member(const struct ff_field *field, const msgpack_object *value,
                                    struct ff_arena *arena, void *record, struct ff_fault *fault);

/* The stored form of any described struct, as ff_row_encode and ff_row_decode. */
void ff_row_encode_as(const struct ff_desc *desc, const void *in, msgpack_packer *pk);
FF_MUST_USE ff_err ff_row_decode_as(const struct ff_desc *desc, struct ff_str body,
                                    struct ff_arena *arena, void *out, struct ff_fault *fault);

/* JSON text to one member's value; field NULL: unguided. As ff_json_to_msgpack. */
FF_MUST_USE ff_err ff_json_to_member(const struct ff_field *field, struct ff_str json,
                                     msgpack_packer *pk, struct ff_fault *fault);

#endif
