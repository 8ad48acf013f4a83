/* types.h: the type tokens of the tables, the closed vocabularies and the shared shapes.
 *
 * To add a vocabulary: rows in vocab.def and its four lines below. To add a shape: a block in
 * shapes.def and its eight lines below (the shape and the list of it).
 */
#ifndef FF_CORE_TYPES_H
#define FF_CORE_TYPES_H

#include "core/desc.h"

/* ---- plain tokens ---- */
#define FF_C_str struct ff_str
#define FF_CO_str struct ff_str
#define FF_T_str FF_TYPE_STR
#define FF_SUB_str NULL
#define FF_C_bytes struct ff_str
#define FF_CO_bytes struct ff_str
#define FF_T_bytes FF_TYPE_BYTES
#define FF_SUB_bytes NULL
#define FF_C_lane struct ff_str
#define FF_CO_lane struct ff_str
#define FF_T_lane FF_TYPE_LANE
#define FF_SUB_lane NULL
#define FF_C_lane_hint struct ff_str
#define FF_CO_lane_hint struct ff_str
#define FF_T_lane_hint FF_TYPE_LANE_HINT
#define FF_SUB_lane_hint NULL
#define FF_C_wid struct ff_str
#define FF_CO_wid struct ff_str
#define FF_T_wid FF_TYPE_WID
#define FF_SUB_wid NULL
#define FF_C_any struct ff_str
#define FF_CO_any struct ff_str
#define FF_T_any FF_TYPE_ANY
#define FF_SUB_any NULL
#define FF_C_boolean bool
#define FF_CO_boolean struct ff_opt_bool
#define FF_T_boolean FF_TYPE_BOOL
#define FF_SUB_boolean NULL
#define FF_C_u8 uint8_t
#define FF_CO_u8 struct ff_opt_u32
#define FF_T_u8 FF_TYPE_U8
#define FF_SUB_u8 NULL
#define FF_C_u16 uint16_t
#define FF_CO_u16 struct ff_opt_u32
#define FF_T_u16 FF_TYPE_U16
#define FF_SUB_u16 NULL
#define FF_C_u32 uint32_t
#define FF_CO_u32 struct ff_opt_u32
#define FF_T_u32 FF_TYPE_U32
#define FF_SUB_u32 NULL
#define FF_C_pos_u32 uint32_t
#define FF_CO_pos_u32 struct ff_opt_u32
#define FF_T_pos_u32 FF_TYPE_POS_U32
#define FF_SUB_pos_u32 NULL
#define FF_C_u64 uint64_t
#define FF_CO_u64 struct ff_opt_u64
#define FF_T_u64 FF_TYPE_U64
#define FF_SUB_u64 NULL
#define FF_C_pos_u64 uint64_t
#define FF_CO_pos_u64 struct ff_opt_u64
#define FF_T_pos_u64 FF_TYPE_POS_U64
#define FF_SUB_pos_u64 NULL
#define FF_C_dur_ms uint64_t
#define FF_CO_dur_ms struct ff_opt_u64
#define FF_T_dur_ms FF_TYPE_DUR_MS
#define FF_SUB_dur_ms NULL
#define FF_C_pos_ms uint64_t
#define FF_CO_pos_ms struct ff_opt_u64
#define FF_T_pos_ms FF_TYPE_POS_MS
#define FF_SUB_pos_ms NULL
#define FF_C_i32 int32_t
#define FF_CO_i32 struct ff_opt_i32
#define FF_T_i32 FF_TYPE_I32
#define FF_SUB_i32 NULL
#define FF_C_i64 int64_t
#define FF_CO_i64 struct ff_opt_i64
#define FF_T_i64 FF_TYPE_I64
#define FF_SUB_i64 NULL
#define FF_C_ms int64_t
#define FF_CO_ms struct ff_opt_i64
#define FF_T_ms FF_TYPE_MS
#define FF_SUB_ms NULL
#define FF_C_f64 double
#define FF_CO_f64 struct ff_opt_f64
#define FF_T_f64 FF_TYPE_F64
#define FF_SUB_f64 NULL
#define FF_C_uuid struct ff_uuid
#define FF_CO_uuid struct ff_opt_uuid
#define FF_T_uuid FF_TYPE_UUID
#define FF_SUB_uuid NULL
#define FF_C_eid struct ff_eid
#define FF_CO_eid struct ff_opt_eid
#define FF_T_eid FF_TYPE_EID
#define FF_SUB_eid NULL
#define FF_C_word const char *
#define FF_CO_word const char *
#define FF_T_word FF_TYPE_WORD
#define FF_SUB_word NULL
#define FF_C_strs struct ff_strs
#define FF_CO_strs struct ff_strs
#define FF_T_strs FF_TYPE_STRS
#define FF_SUB_strs NULL
#define FF_C_uuids struct ff_uuids
#define FF_CO_uuids struct ff_uuids
#define FF_T_uuids FF_TYPE_UUIDS
#define FF_SUB_uuids NULL
#define FF_C_u64s struct ff_u64s
#define FF_CO_u64s struct ff_u64s
#define FF_T_u64s FF_TYPE_U64S
#define FF_SUB_u64s NULL
#define FF_C_tags struct ff_tags
#define FF_CO_tags struct ff_tags
#define FF_T_tags FF_TYPE_TAGS
#define FF_SUB_tags NULL
#define FF_C_counts struct ff_counts
#define FF_CO_counts struct ff_counts
#define FF_T_counts FF_TYPE_COUNTS
#define FF_SUB_counts NULL

#include "core/tokens.def"

/* ---- enums of the vocabularies ---- */
#define FF_VOCAB(vocab)                                                                            \
    enum ff_##vocab                                                                                \
    {
#define FF_WORD(vocab, enumerator, word) FF_##enumerator,
#define FF_VOCAB_END(vocab)                                                                        \
    }                                                                                              \
    ;
#include "core/vocab.def"

#define FF_VOCAB(vocab) extern const struct ff_vocab ff_vocab_##vocab;
#define FF_WORD(vocab, enumerator, word)
#define FF_VOCAB_END(vocab)
#include "core/vocab.def"

/* ---- structs of the shapes; each with its list ---- */
#define FF_SHAPE(shape, help) struct ff_##shape {
#define FF_HAS(shape, type, name, max, help) FF_C_##type name;
#define FF_MAY(shape, type, name, max, help) FF_CO_##type name;
#define FF_MAY_AS(shape, type, name, wire, max, help) FF_CO_##type name;
#define FF_PRT(shape, type, name, max, help) FF_CO_##type name;
#define FF_DFL(shape, type, name, max, def, help) FF_C_##type name;
#define FF_SHAPE_END(shape)                                                                        \
    }                                                                                              \
    ;                                                                                              \
    struct ff_##shape##_list {                                                                     \
        struct ff_##shape *v;                                                                      \
        uint32_t n;                                                                                \
    };
#include "core/shapes.def"

#define FF_SHAPE(shape, help) extern const struct ff_desc ff_desc_##shape;
#define FF_HAS(shape, type, name, max, help)
#define FF_MAY(shape, type, name, max, help)
#define FF_MAY_AS(shape, type, name, wire, max, help)
#define FF_PRT(shape, type, name, max, help)
#define FF_DFL(shape, type, name, max, def, help)
#define FF_SHAPE_END(shape)
#include "core/shapes.def"

/* The wire name of an enumerator. */
static inline const char *
ff_word(const struct ff_vocab *vocab, uint32_t value)
{
    FF_ASSERT(value < vocab->n);
    return vocab->words[value];
}

#endif
