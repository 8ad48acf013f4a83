#include "backends/valkey/cells.h"

#include "backends/valkey/dump.h"

/* In a hash that was written in one go the fields come in the order of the table. */
static const struct ff_field *
field_of(const struct ff_desc *desc, struct ff_str name, uint32_t *from)
{
    for (uint32_t k = 0; k < desc->n; k++) {
        uint32_t i = (*from + k) % desc->n;
        const struct ff_field *field = &desc->fields[i];

        if (field->name_n == name.n && memcmp(field->name, name.p, name.n) == 0) {
            *from = i + 1;
            return field;
        }
    }
    return NULL; /* a newer program's */
}

static bool
parse_digits(struct ff_str text, uint64_t *out)
{
    uint64_t value = 0;

    if (text.n == 0 || text.n > 19) { /* of more digits the slow way takes care */
        return false;
    }
    for (uint32_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t) (text.p[i] - '0');
    }
    *out = value;
    return true;
}

static bool
parse(const struct ff_field *field, struct ff_str text, struct ff_arena *arena, void *record)
{
    struct ff_fault fault = { 0 };
    uint64_t value = 0;

    switch ((enum ff_type) field->type) {
    case FF_TYPE_STR:
    case FF_TYPE_BYTES:
        *(struct ff_str *) ((uint8_t *) record + field->offset) = text;
        return true;
    case FF_TYPE_U64:
    case FF_TYPE_MS:
        if (parse_digits(text, &value) && value <= INT64_MAX) {
            ff_field_put_int(field, record, value);
            return true;
        }
        break;
    case FF_TYPE_U32:
        if (parse_digits(text, &value) && value <= UINT32_MAX) {
            ff_field_put_int(field, record, value);
            return true;
        }
        break;
    default:
        break;
    }
    return ff_field_parse(field, text, arena, record, &fault) == FF_E_OK;
}

/* A record without any field set, texts that are required included. */
static void *
empty_record(enum ff_record kind, struct ff_arena *arena)
{
    void *record = ff_arena_zalloc(arena, ff_records[kind]->size);
    struct ff_fault fault = { 0 };

    FF_ASSERT(ff_row_decode(kind, ff_cstr("\x80"), arena, record, &fault) == FF_E_OK);
    return record;
}

static struct ff_str
unreadable(void)
{
    return ff_cstr("\xc1"); /* what msgpack never uses */
}

/* The name without the prefix; absent: a field of the hash's other record. */
static struct ff_str
own_name(struct ff_str name, struct ff_str prefix)
{
    const uint32_t n = sizeof(FF_VALKEY_FIRST) - 1;
    bool first = name.n > n && memcmp(name.p, FF_VALKEY_FIRST, n) == 0;

    if (first != (prefix.n > 0)) {
        return ff_str(NULL, 0);
    }
    return ff_str(name.p + prefix.n, name.n - prefix.n);
}

/* What has been read of a record. */
struct reading {
    enum ff_record kind;
    void *record;
    struct ff_str raw;
    uint64_t version;
    uint32_t at; /* in the table of fields */
    bool found, ok;
};

static void
take_field(struct reading *in, struct ff_str name, const redisReply *value, struct ff_arena *arena)
{
    const struct ff_field *field = NULL;

    in->found = true;
    if (ff_str_is(name, FF_VALKEY_VERSION)) {
        in->version = ff_reply_u64(value);
    } else if (ff_str_is(name, FF_VALKEY_RAW)) {
        in->raw = ff_reply_str(value);
    } else {
        field = field_of(ff_records[in->kind], name, &in->at);
        in->ok = in->ok && (field == NULL || parse(field, ff_reply_str(value), arena, in->record));
    }
}

bool
ff_valkey_body(enum ff_record kind, const char *prefix, const redisReply *hash,
               struct ff_valkey_body *out, struct ff_arena *arena)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct reading in = { .kind = kind, .record = empty_record(kind, arena), .ok = true };

    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        struct ff_str name = own_name(ff_reply_str(hash->element[i]), ff_cstr(prefix));

        if (name.p != NULL) {
            take_field(&in, name, hash->element[i + 1], arena);
        }
    }
    out->version = in.version;
    if (!in.found) {
        out->body = ff_str(NULL, 0);
    } else if (in.raw.p != NULL || !in.ok) {
        out->body = in.raw.p != NULL ? ff_arena_copy(arena, in.raw) : unreadable();
    } else {
        ff_packer_init(&packer);
        ff_row_encode(kind, in.record, &packer.pk);
        out->body = ff_arena_copy(arena, ff_packer_str(&packer));
    }
    return in.found;
}
