/* desc.h: how a C struct is described, so that one codec can read and write all of them.
 *
 * Structs are declared once, in tables (vocab.def, shapes.def, ops.def, records.def), and included
 * several times: once for the struct, once for its fields. A type token of a row (`str`, `eid`,
 * `fence`) names four things, all here or in types.h: FF_C_<token> the C type of a required field,
 * FF_CO_<token> that of an optional one, FF_T_<token> its enum ff_type, FF_SUB_<token> the
 * vocabulary or shape behind it.
 */
#ifndef FF_CORE_DESC_H
#define FF_CORE_DESC_H

#include "core/base.h"

enum ff_type {
    FF_TYPE_STR,       /* struct ff_str, UTF-8; max in bytes */
    FF_TYPE_BYTES,     /* struct ff_str; max in bytes */
    FF_TYPE_LANE,      /* struct ff_str, a lane id (01 §2.3) */
    FF_TYPE_LANE_HINT, /* the same, or "" for "the stored one" (02 §1.5) */
    FF_TYPE_WID,       /* struct ff_str: worker_id, worker_instance_id, namespace (01 §2.3) */
    FF_TYPE_ANY,       /* struct ff_str: one msgpack value, checked as to form only */
    FF_TYPE_BOOL,
    FF_TYPE_U8,
    FF_TYPE_U16,
    FF_TYPE_U32,
    FF_TYPE_POS_U32, /* u32 of at least 1 */
    FF_TYPE_U64,
    FF_TYPE_POS_U64,
    FF_TYPE_DUR_MS, /* uint64_t, at most FF_DUR_MS_MAX */
    FF_TYPE_POS_MS, /* dur_ms of at least 1 */
    FF_TYPE_I32,
    FF_TYPE_I64,
    FF_TYPE_MS, /* int64_t, Unix milliseconds */
    FF_TYPE_F64,
    FF_TYPE_UUID,   /* struct ff_uuid */
    FF_TYPE_EID,    /* struct ff_eid */
    FF_TYPE_WORD,   /* const char *, static text; results only */
    FF_TYPE_ENUM,   /* an enum of sub = struct ff_vocab; travels as its name */
    FF_TYPE_STRS,   /* struct ff_strs; max in entries */
    FF_TYPE_UUIDS,  /* struct ff_uuids */
    FF_TYPE_TAGS,   /* struct ff_tags: map of text to text */
    FF_TYPE_COUNTS, /* struct ff_counts: map of text to u64 */
    FF_TYPE_OBJ,    /* a struct of sub = struct ff_desc; optional: pointer to one */
    FF_TYPE_OBJS,   /* struct ff_objs of sub = struct ff_desc */
    FF_TYPE_U64S    /* struct ff_u64s; max in entries */
};

enum {
    FF_FIELD_OPT = 1, /* may be absent; stored as the FF_CO_ type */
    FF_FIELD_DEF = 2, /* absent means `def`; stored as the FF_C_ type */
    FF_FIELD_PART = 4 /* optional, and an empty text counts as absent (fence, 01 §8.5) */
};

struct ff_vocab {
    const char *name;
    const char *const *words;
    uint32_t n;
};

/* Any FF_CT list of a shape has this layout. */
struct ff_objs {
    void *v;
    uint32_t n;
};

struct ff_field {
    const char *name; /* the wire name */
    uint8_t type;     /* enum ff_type */
    uint8_t flags : 4;
    uint8_t probe_n : 4; /* bytes that tell whether it is stored; 0: more than that (FF_SLOT) */
    uint8_t tag;         /* records: number in the stored form, never reused; else 0 */
    uint8_t name_n;      /* bytes of name */
    uint16_t offset;
    uint16_t probe_at; /* where they are */
    uint64_t max;      /* bytes, entries, or the highest value; 0 = the type's own */
    const void *sub;   /* struct ff_vocab or struct ff_desc */
    const char *def;   /* JSON text of the default */
    const char *help;
};

/* max of a field whose limit the operation checks itself, because exceeding it has an error code of
 * its own: no limit but the frame's. */
#define FF_MAX_BY_OP UINT32_MAX

struct ff_desc {
    const char *name;
    const struct ff_field *fields;
    uint32_t n;
    uint32_t size; /* of the C struct */
    bool lenient;  /* unknown members are ignored, not refused (policy, 01 §5.1) */
};

/* What a type and its flags say about the member behind them. A member is stored if it is present,
 * or, where it is required, not zero: an optional one has a flag behind its value or begins with a
 * pointer, a text or list counts its bytes or entries, ids and shapes have to be looked through. */
#define FF_IS_LIST(type) ((type) >= FF_TYPE_STRS && (type) != FF_TYPE_OBJ)
#define FF_IS_POINTED(type)                                                                        \
    ((type) <= FF_TYPE_ANY || (type) == FF_TYPE_WORD || (type) >= FF_TYPE_STRS)
#define FF_IS_AT(type)                                                                             \
    ((type) == FF_TYPE_BOOL ? offsetof(struct ff_opt_bool, is)                                     \
     : (type) <= FF_TYPE_POS_U32 || (type) == FF_TYPE_I32 || (type) == FF_TYPE_ENUM                \
         ? offsetof(struct ff_opt_u32, is)                                                         \
     : (type) == FF_TYPE_UUID ? offsetof(struct ff_opt_uuid, is)                                   \
     : (type) == FF_TYPE_EID  ? offsetof(struct ff_opt_eid, is)                                    \
                              : offsetof(struct ff_opt_u64, is))
#define FF_OPT_PROBE_N(type) (FF_IS_POINTED(type) ? sizeof(void *) : sizeof(bool))
#define FF_OPT_PROBE_AT(type) (FF_IS_POINTED(type) ? 0 : FF_IS_AT(type))
#define FF_REQ_PROBE_N(type)                                                                       \
    ((type) == FF_TYPE_UUID || (type) == FF_TYPE_EID || (type) == FF_TYPE_OBJ ? 0                  \
     : (type) <= FF_TYPE_ANY || FF_IS_LIST(type)                              ? sizeof(uint32_t)   \
     : (type) == FF_TYPE_BOOL || (type) == FF_TYPE_U8                         ? sizeof(uint8_t)    \
     : (type) == FF_TYPE_U16                                                  ? sizeof(uint16_t)   \
     : (type) == FF_TYPE_U32 || (type) == FF_TYPE_POS_U32 || (type) == FF_TYPE_I32 ||              \
             (type) == FF_TYPE_ENUM                                                                \
         ? sizeof(uint32_t)                                                                        \
         : sizeof(uint64_t))
#define FF_REQ_PROBE_AT(type)                                                                      \
    ((type) <= FF_TYPE_ANY || FF_IS_LIST(type) ? offsetof(struct ff_str, n) : 0)

/* The part of a struct ff_field that follows from the C struct. */
#define FF_SLOT(struct_, member, token, flags_)                                                    \
    .type = FF_T_##token, .flags = (flags_), .offset = offsetof(struct_, member),                  \
    .probe_n = ((flags_) &FF_FIELD_OPT) != 0 ? FF_OPT_PROBE_N(FF_T_##token)                        \
                                             : FF_REQ_PROBE_N(FF_T_##token),                       \
    .probe_at = offsetof(struct_, member) + (((flags_) &FF_FIELD_OPT) != 0                         \
                                                 ? FF_OPT_PROBE_AT(FF_T_##token)                   \
                                                 : FF_REQ_PROBE_AT(FF_T_##token)),                 \
    .sub = FF_SUB_##token

#endif
