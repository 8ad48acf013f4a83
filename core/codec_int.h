/* codec_int.h: what the parts of the codec share: members behind a descriptor, a bounded reader of
 * msgpack, and a writer that calls its packer once a block. Nobody else includes it, save tests.
 */
#ifndef FF_CORE_CODEC_INT_H
#define FF_CORE_CODEC_INT_H

#include <endian.h>

#include "core/codec.h"

/* Fields of a described struct; the tables stay well under it (codec_desc_test). */
#define FF_FIELDS_MAX 128

/* ---- members ---- */

/* Where the presence flag of an optional member stands in it; 0: it begins with a pointer, and NULL
 * is absent. */
extern const uint8_t ff_slot_is_at[];

/* What an integer type holds (01 §1.5); no other type has an entry. */
struct ff_int_range {
    int64_t min;
    uint64_t max;
};
extern const struct ff_int_range ff_int_ranges[];

static inline bool
ff_slot_present(const struct ff_field *field, const void *p)
{
    uint8_t at = ff_slot_is_at[field->type];

    return at != 0 ? ((const uint8_t *) p)[at] != 0 : *(void *const *) p != NULL;
}

static inline void
ff_slot_set(const struct ff_field *field, void *p)
{
    uint8_t at = ff_slot_is_at[field->type];

    if ((field->flags & FF_FIELD_OPT) != 0 && at != 0) {
        ((uint8_t *) p)[at] = 1;
    }
}

/* An integer, boolean or enum member, sign-extended to 64 bits. */
uint64_t ff_slot_int(const struct ff_field *field, const void *p);
void ff_slot_put_int(const struct ff_field *field, void *p, uint64_t bits);

/* A required member that the stored form leaves out. */
bool ff_slot_is_zero(const struct ff_field *field, const void *p);

/* What a present but empty text or list points at. */
extern const uint64_t ff_empty_room[];
#define FF_EMPTY ((void *) (uintptr_t) ff_empty_room)

/* ---- reading ---- */

struct ff_rd {
    const uint8_t *p;
    const uint8_t *end;
};

/* The next token: a scalar, a text that points into the input, or the head of a map or array with
 * its size and ptr NULL. NULL, or the reason why there is none (ff_msgpack_parse). */
const char *ff_rd_next(struct ff_rd *rd, msgpack_object *out);
/* Passes over one value of any depth. */
bool ff_rd_skip(struct ff_rd *rd);

/* ---- writing ---- */

struct ff_wr {
    msgpack_packer *pk;
    uint32_t n;
    uint8_t b[1024];
};

void ff_wr_flush(struct ff_wr *wr);
/* A length with its head: text (0xa0), bytes, list (0x90), map (0x80). */
void ff_wr_str_head(struct ff_wr *wr, uint32_t n);
void ff_wr_bin_head(struct ff_wr *wr, uint32_t n);
void ff_wr_list_head(struct ff_wr *wr, uint32_t n);
void ff_wr_map_head(struct ff_wr *wr, uint32_t n);
void ff_wr_raw(struct ff_wr *wr, const void *p, uint32_t n);
void ff_wr_uint(struct ff_wr *wr, uint64_t value);
void ff_wr_int(struct ff_wr *wr, int64_t value);
void ff_wr_f64(struct ff_wr *wr, double value);
void ff_wr_uuid(struct ff_wr *wr, const struct ff_uuid *uuid);
void ff_wr_eid(struct ff_wr *wr, const struct ff_eid *eid);

static inline void
ff_wr_init(struct ff_wr *wr, msgpack_packer *pk)
{
    wr->pk = pk;
    wr->n = 0;
}

/* Room for n ≤ 64 bytes; the caller adds what it used to wr->n. */
static inline uint8_t *
ff_wr_room(struct ff_wr *wr, uint32_t n)
{
    if (sizeof(wr->b) - wr->n < n) {
        ff_wr_flush(wr);
    }
    return wr->b + wr->n;
}

static inline void
ff_wr_byte(struct ff_wr *wr, uint8_t byte)
{
    *ff_wr_room(wr, 1) = byte;
    wr->n++;
}

static inline void
ff_wr_nil(struct ff_wr *wr)
{
    ff_wr_byte(wr, 0xc0);
}

static inline void
ff_wr_bool(struct ff_wr *wr, bool value)
{
    ff_wr_byte(wr, value ? 0xc3 : 0xc2);
}

static inline void
ff_wr_str(struct ff_wr *wr, struct ff_str text)
{
    ff_wr_str_head(wr, text.n);
    ff_wr_raw(wr, text.p, text.n);
}

static inline void
ff_wr_bin(struct ff_wr *wr, struct ff_str bytes)
{
    ff_wr_bin_head(wr, bytes.n);
    ff_wr_raw(wr, bytes.p, bytes.n);
}

/* One member's value in wire form; an optional one must be present. */
void ff_wr_member(struct ff_wr *wr, const struct ff_field *field, const void *p);
/* A tree. */
void ff_wr_tree(struct ff_wr *wr, const msgpack_object *value);

/* ---- decoding one member ---- */

/* Reads one value into one member, without limits (results, cells). The rest as ff_decode. */
FF_MUST_USE ff_err ff_decode_member(const struct ff_field *field, const msgpack_object *value,
                                    struct ff_arena *arena, void *record, struct ff_fault *fault);

/* JSON text to one member's value; field NULL: unguided. As ff_json_to_msgpack. */
FF_MUST_USE ff_err ff_json_to_member(const struct ff_field *field, struct ff_str json,
                                     msgpack_packer *pk, struct ff_fault *fault);

#endif
