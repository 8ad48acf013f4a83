#include "core/codec.h"

/* Types in the words of 00 §3. */
const char *
ff_type_word(uint8_t type)
{
    static const char *const words[] = {
        [FF_TYPE_STR] = "str",
        [FF_TYPE_BYTES] = "bytes",
        [FF_TYPE_LANE] = "str",
        [FF_TYPE_LANE_HINT] = "str",
        [FF_TYPE_WID] = "str",
        [FF_TYPE_ANY] = "any",
        [FF_TYPE_BOOL] = "bool",
        [FF_TYPE_U8] = "u8",
        [FF_TYPE_U16] = "u16",
        [FF_TYPE_U32] = "u32",
        [FF_TYPE_POS_U32] = "u32",
        [FF_TYPE_U64] = "u64",
        [FF_TYPE_POS_U64] = "u64",
        [FF_TYPE_DUR_MS] = "dur_ms",
        [FF_TYPE_POS_MS] = "dur_ms",
        [FF_TYPE_I32] = "i32",
        [FF_TYPE_I64] = "i64",
        [FF_TYPE_MS] = "ms",
        [FF_TYPE_F64] = "f64",
        [FF_TYPE_UUID] = "uuid",
        [FF_TYPE_EID] = "str",
        [FF_TYPE_WORD] = "str",
        [FF_TYPE_ENUM] = "str",
        [FF_TYPE_STRS] = "list<str>",
        [FF_TYPE_UUIDS] = "list<uuid>",
        [FF_TYPE_TAGS] = "map<str,str>",
        [FF_TYPE_COUNTS] = "map<str,u64>",
        [FF_TYPE_OBJ] = "map",
        [FF_TYPE_OBJS] = "list<map>",
        [FF_TYPE_U64S] = "list<u64>",
    };

    FF_ASSERT(type < FF_COUNT(words) && words[type] != NULL);
    return words[type];
}

static struct ff_str
default_value(const char *json, struct ff_arena *arena)
{
    FF_SCOPED(ff_packer) packer;
    struct ff_fault fault = { 0 };

    ff_packer_init(&packer);
    FF_ASSERT(ff_json_to_msgpack(NULL, ff_cstr(json), &packer.pk, &fault) == FF_E_OK);
    return ff_arena_copy(arena, ff_packer_str(&packer));
}

static struct ff_op_field_list
describe_fields(const struct ff_desc *desc, bool are_args, struct ff_arena *arena)
{
    struct ff_op_field_list list = { FF_ARENA_NEW(arena, struct ff_op_field, desc->n), desc->n };

    for (uint32_t i = 0; i < desc->n; i++) {
        const struct ff_field *field = &desc->fields[i];
        struct ff_op_field *out = &list.v[i];

        out->name = ff_cstr(field->name);
        out->type = ff_cstr(ff_type_word(field->type));
        if (are_args) {
            out->required = FF_SOME(ff_opt_bool, field->flags == 0);
        }
        if (field->def != NULL) {
            out->default_ = default_value(field->def, arena);
        }
    }
    return list;
}

struct ff_op_entry
ff_op_describe(enum ff_op op, struct ff_arena *arena)
{
    const struct ff_op_info *info = &ff_ops[op];

    return (struct ff_op_entry){
        .name = ff_cstr(info->name),
        .class = ff_cstr(ff_op_class_name(info->class)),
        .mutating = (info->flags & FF_OPF_MUTATING) != 0,
        .blocking = (info->flags & FF_OPF_BLOCKING) != 0,
        .args = describe_fields(info->args, true, arena),
        .result = describe_fields(info->result, false, arena),
    };
}
