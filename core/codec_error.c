#include "core/codec_int.h"

/* ---- writing ---- */

static void
datum(struct ff_wr *wr, const struct ff_datum *in)
{
    ff_wr_str(wr, ff_cstr(in->key));
    switch (in->type) {
    case FF_D_STR:
        if (in->v.str.p == NULL) {
            ff_wr_nil(wr);
        } else {
            ff_wr_str(wr, in->v.str);
        }
        break;
    case FF_D_U64:
        ff_wr_uint(wr, in->v.u64);
        break;
    case FF_D_I64:
        ff_wr_int(wr, in->v.i64);
        break;
    case FF_D_STRS:
        ff_wr_list_head(wr, in->v.strs.n);
        for (uint32_t i = 0; i < in->v.strs.n; i++) {
            ff_wr_str(wr, in->v.strs.v[i]);
        }
        break;
    case FF_D_RAW:
        ff_wr_raw(wr, in->v.str.p, in->v.str.n);
        break;
    }
}

void
ff_encode_error(const struct ff_fault *fault, const char *op, msgpack_packer *pk)
{
    const struct ff_error_info *info = ff_error_info(fault->code);
    struct ff_wr wr;

    FF_ASSERT(info != NULL);
    ff_wr_init(&wr, pk);
    ff_wr_map_head(&wr, 6);
    ff_wr_str(&wr, ff_cstr("code"));
    ff_wr_str(&wr, ff_cstr(info->code));
    ff_wr_str(&wr, ff_cstr("kind"));
    ff_wr_str(&wr, ff_cstr(ff_kind_name(info->kind)));
    ff_wr_str(&wr, ff_cstr("op"));
    ff_wr_str(&wr, ff_cstr(op));
    ff_wr_str(&wr, ff_cstr("message"));
    ff_wr_str(&wr, ff_cstr(fault->message != NULL ? fault->message : info->message));
    ff_wr_str(&wr, ff_cstr("detail"));
    ff_wr_map_head(&wr, fault->n);
    for (uint32_t i = 0; i < fault->n; i++) {
        datum(&wr, &fault->detail[i]);
    }
    ff_wr_str(&wr, ff_cstr("retryable"));
    ff_wr_bool(&wr, fault->retryable);
    ff_wr_flush(&wr);
}

/* ---- reading ---- */

static const msgpack_object *
member(const msgpack_object *map, const char *name, msgpack_object_type type)
{
    for (uint32_t i = 0; map->type == MSGPACK_OBJECT_MAP && i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];

        if (pair->key.type == MSGPACK_OBJECT_STR && pair->val.type == type &&
            ff_str_is(ff_str(pair->key.via.str.ptr, pair->key.via.str.size), name)) {
            return &pair->val;
        }
    }
    return NULL;
}

static struct ff_str
text_of(const msgpack_object *value)
{
    return value == NULL ? ff_str("", 0) : ff_str(value->via.str.ptr, value->via.str.size);
}

void
ff_decode_error(const msgpack_object *map, struct ff_arena *arena, struct ff_fault *fault_out,
                msgpack_object *detail_out)
{
    ff_err code = ff_err_of_name(text_of(member(map, "code", MSGPACK_OBJECT_STR)));
    const msgpack_object *message = member(map, "message", MSGPACK_OBJECT_STR);
    const msgpack_object *retryable = member(map, "retryable", MSGPACK_OBJECT_BOOLEAN);
    const msgpack_object *detail = member(map, "detail", MSGPACK_OBJECT_MAP);

    ff_fail(fault_out, code == FF_E_OK ? FF_E_INVARIANT_VIOLATION : code);
    if (message != NULL) {
        fault_out->message = ff_arena_copy(arena, text_of(message)).p;
    }
    if (retryable != NULL) {
        fault_out->retryable = retryable->via.boolean;
    }
    *detail_out = detail != NULL ? *detail : (msgpack_object){ .type = MSGPACK_OBJECT_NIL };
}
