/* Layout: type, length, listpack, version of the form, checksum. A listpack is its length, the
 * number of its entries, the entries, an end mark; an entry ends in its own length, so that it can
 * be read backwards. Numbers are entries of fewer bytes than their digits, and read the same. */
#include "backends/valkey/dump.h"

#include "backends/valkey/crc64.h"

#define TYPE_HASH_LISTPACK 16
#define FORM_VERSION 10 /* of Redis 7.0 */

/* type, mark of a length of four bytes, length */
#define LIST_AT 6
#define LIST_HEAD 6
/* Around the bytes of an entry: its kind and length before, its length behind. */
#define AROUND_MAX 10

/* ---- entries ---- */

static void
put_le(char *p, uint64_t value, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        p[i] = (char) (value >> 8 * i);
    }
}

/* Its length, seven bits a byte, the lowest last; all but the first byte are marked. The server
 * takes a byte more for the highest value of two bytes and more. */
static uint32_t
put_length(char *p, uint32_t n)
{
    uint32_t bytes = n <= 127 ? 1 : n < 16383 ? 2 : n < 2097151 ? 3 : n < 268435455 ? 4 : 5;

    for (uint32_t i = bytes; i > 0; i--) {
        p[i - 1] = (char) ((n & 127) | (i > 1 ? 128 : 0));
        n >>= 7;
    }
    return bytes;
}

/* A text in two pieces. */
static void
put_pair(struct ff_resp *out, struct ff_str a, struct ff_str b)
{
    uint32_t n = a.n + b.n, at = 0;
    char *p = ff_resp_room(out, (size_t) n + AROUND_MAX);

    if (n < 1u << 6) {
        p[at++] = (char) (0x80 | n);
    } else if (n < 1u << 12) {
        p[at++] = (char) (0xe0 | n >> 8);
        p[at++] = (char) n;
    } else {
        p[at++] = (char) 0xf0;
        put_le(p + at, n, 4);
        at += 4;
    }
    if (a.n > 0) {
        memcpy(p + at, a.p, a.n);
    }
    if (b.n > 0) {
        memcpy(p + at + a.n, b.p, b.n);
    }
    at += n;
    out->n += at + put_length(p + at, at);
}

static void
put_text(struct ff_resp *out, struct ff_str text)
{
    put_pair(out, ff_str(NULL, 0), text);
}

static void
put_number(struct ff_resp *out, int64_t value)
{
    char *p = ff_resp_room(out, AROUND_MAX);
    uint32_t at = 1;

    if (value >= 0 && value < 128) {
        p[0] = (char) value;
    } else if (value >= INT16_MIN && value <= INT16_MAX) {
        p[0] = (char) 0xf1;
        put_le(p + 1, (uint64_t) value, 2);
        at = 3;
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        p[0] = (char) 0xf3;
        put_le(p + 1, (uint64_t) value, 4);
        at = 5;
    } else {
        p[0] = (char) 0xf4;
        put_le(p + 1, (uint64_t) value, 8);
        at = 9;
    }
    out->n += at + put_length(p + at, at);
}

/* Above what an entry of numbers can have it is text. */
static void
put_unsigned(struct ff_resp *out, uint64_t value)
{
    char digits[20];

    if (value <= INT64_MAX) {
        put_number(out, (int64_t) value);
    } else {
        put_text(out, ff_str(digits, ff_resp_digits(digits, value)));
    }
}

/* ---- fields ---- */

bool
ff_valkey_field_there(const struct ff_desc *desc, const struct ff_field *field, const void *record)
{
    return ff_field_stored(desc, field, record) ||
           (field->type == FF_TYPE_ENUM && (field->flags & FF_FIELD_OPT) == 0);
}

struct ff_str
ff_valkey_field_text(const struct ff_field *field, const void *record, struct ff_arena *scratch)
{
    return field->type == FF_TYPE_BYTES
               ? *(const struct ff_str *) ((const uint8_t *) record + field->offset)
               : ff_field_text(field, record, scratch);
}

static void
put_value(struct ff_resp *out, const struct ff_field *field, const void *record,
          struct ff_arena *scratch)
{
    switch ((enum ff_type) field->type) {
    case FF_TYPE_U32:
    case FF_TYPE_U64:
    case FF_TYPE_DUR_MS:
        put_unsigned(out, ff_field_int(field, record));
        break;
    case FF_TYPE_MS:
        put_number(out, (int64_t) ff_field_int(field, record));
        break;
    default:
        put_text(out, ff_valkey_field_text(field, record, scratch));
        break;
    }
}

static uint32_t
put_fields(struct ff_resp *out, const struct ff_valkey_part *part, struct ff_str prefix,
           struct ff_arena *scratch)
{
    const struct ff_desc *desc = ff_records[part->write->kind];
    uint32_t n = 0;

    for (uint32_t i = 0; i < desc->n; i++) {
        const struct ff_field *field = &desc->fields[i];

        if (ff_valkey_field_there(desc, field, part->record)) {
            put_pair(out, prefix, ff_str(field->name, field->name_n));
            put_value(out, field, part->record, scratch);
            n++;
        }
    }
    return n;
}

static uint32_t
put_part(struct ff_resp *out, const struct ff_valkey_part *part, struct ff_arena *scratch)
{
    struct ff_str prefix = ff_cstr(part->prefix);

    if (part->record != NULL) {
        return put_fields(out, part, prefix, scratch);
    }
    put_pair(out, prefix, ff_cstr(FF_VALKEY_RAW));
    put_text(out, part->write->body);
    return 1;
}

/* ---- the whole ---- */

/* What stands before and behind the entries, now that they are known. */
static void
close_list(struct ff_resp *out, size_t from, uint32_t n_entries)
{
    char *p = ff_resp_room(out, 11);
    uint32_t list = 0;

    p[0] = (char) 0xff;
    put_le(p + 1, FORM_VERSION, 2);
    out->n++;
    list = (uint32_t) (out->n - from - LIST_AT);
    out->n += 2;
    p = out->p + from;
    p[0] = TYPE_HASH_LISTPACK;
    p[1] = (char) 0x80;
    for (int i = 0; i < 4; i++) { /* the one length with its highest byte first */
        p[2 + i] = (char) (list >> 8 * (3 - i));
    }
    put_le(p + LIST_AT, list, 4);
    put_le(p + LIST_AT + 4, n_entries, 2);
    put_le(out->p + out->n, ff_valkey_crc64(p, out->n - from), 8);
    out->n += 8;
}

void
ff_valkey_dump(const struct ff_valkey_part *parts, uint32_t n, struct ff_arena *scratch,
               struct ff_resp *out)
{
    size_t from = out->n;
    uint32_t n_fields = n;

    (void) ff_resp_room(out, LIST_AT + LIST_HEAD);
    out->n += LIST_AT + LIST_HEAD;
    for (uint32_t i = 0; i < n; i++) {
        put_pair(out, ff_cstr(parts[i].prefix), ff_cstr(FF_VALKEY_VERSION));
        put_unsigned(out, parts[i].write->version);
    }
    for (uint32_t i = 0; i < n; i++) {
        n_fields += put_part(out, &parts[i], scratch);
    }
    close_list(out, from, 2 * n_fields);
}
