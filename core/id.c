#include "core/id.h"

#define TAG "{fp:"
#define TAG_BYTES 4
#define UUID_TEXT_BYTES 36

static const char hex_digits[] = "0123456789abcdef";

/* Value of a hex digit plus one; 0 = not one. */
static const uint8_t hex_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* Where each byte of a uuid begins in its text. */
static const uint8_t text_at[16] = { 0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34 };

static bool
read_uuid(struct ff_str text, struct ff_uuid *out)
{
    const uint8_t *p = (const uint8_t *) text.p;
    struct ff_uuid uuid;
    uint32_t seen = 0; /* all digits together: one test at the end instead of one each */

    if (text.n != UUID_TEXT_BYTES || p[8] != '-' || p[13] != '-' || p[18] != '-' || p[23] != '-') {
        return false;
    }
    for (int i = 0; i < 16; i++) {
        uint32_t high = hex_values[p[text_at[i]]] - 1u;
        uint32_t low = hex_values[p[text_at[i] + 1]] - 1u;

        seen |= high | low;
        uuid.b[i] = (uint8_t) (high << 4 | low);
    }
    if (seen > 15) {
        return false;
    }
    *out = uuid;
    return true;
}

ff_err
ff_uuid_parse(struct ff_str text, const char *field, struct ff_uuid *out, struct ff_fault *fault)
{
    return read_uuid(text, out) ? FF_E_OK : ff_fail_input(fault, field, "invalid_uuid");
}

bool
ff_parse_index(struct ff_str text, uint16_t *out)
{
    uint32_t value = 0;

    if (text.n == 0 || text.n > 5 || (text.p[0] == '0' && text.n > 1)) {
        return false;
    }
    for (uint32_t i = 0; i < text.n; i++) {
        uint32_t digit = (uint32_t) (uint8_t) text.p[i] - '0';

        if (digit > 9) {
            return false;
        }
        value = value * 10 + digit;
    }
    if (value > UINT16_MAX) {
        return false;
    }
    *out = (uint16_t) value;
    return true;
}

ff_err
ff_eid_parse(struct ff_str text, const char *field, struct ff_eid *out, struct ff_fault *fault)
{
    struct ff_eid eid = { 0 };
    const char *end = NULL;
    uint32_t uuid_at = 0;

    if (text.n < TAG_BYTES || memcmp(text.p, TAG, TAG_BYTES) != 0 ||
        (end = memmem(text.p + TAG_BYTES, text.n - TAG_BYTES, "}:", 2)) == NULL) {
        return ff_fail_input(fault, field, "missing_tag");
    }
    if (!ff_parse_index(ff_str(text.p + TAG_BYTES, (size_t) (end - text.p) - TAG_BYTES),
                        &eid.partition)) {
        return ff_fail_input(fault, field, "invalid_partition_index");
    }
    uuid_at = (uint32_t) (end - text.p) + 2;
    if (!read_uuid(ff_str(text.p + uuid_at, text.n - uuid_at), &eid.uuid)) {
        return ff_fail_input(fault, field, "invalid_uuid");
    }
    *out = eid;
    return FF_E_OK;
}

void
ff_uuid_text(const struct ff_uuid *uuid, char out[FF_UUID_TEXT_MAX])
{
    for (int i = 0; i < 16; i++) {
        out[text_at[i]] = hex_digits[uuid->b[i] >> 4];
        out[text_at[i] + 1] = hex_digits[uuid->b[i] & 15];
    }
    out[8] = out[13] = out[18] = out[23] = '-';
    out[UUID_TEXT_BYTES] = '\0';
}

size_t
ff_eid_text(const struct ff_eid *eid, char out[FF_EID_TEXT_MAX])
{
    char digits[5];
    uint32_t rest = eid->partition;
    size_t n = 0;
    size_t at = TAG_BYTES;

    do {
        digits[n++] = (char) ('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    memcpy(out, TAG, TAG_BYTES);
    while (n > 0) {
        out[at++] = digits[--n];
    }
    out[at++] = '}';
    out[at++] = ':';
    ff_uuid_text(&eid->uuid, out + at);
    return at + UUID_TEXT_BYTES;
}

ff_err
ff_fail_too_long(struct ff_fault *fault, const char *field, uint64_t len, uint64_t max)
{
    return ff_fail(fault, FF_E_INVALID_INPUT, ff_d_text("field", field),
                   ff_d_text("reason", "too_long"), ff_d_u64("len", len), ff_d_u64("max", max));
}

ff_err
ff_lane_check(struct ff_str text, const char *field, struct ff_fault *fault)
{
    if (text.n == 0) {
        return ff_fail_input(fault, field, "empty");
    }
    if (text.n > FF_LANE_BYTES_MAX) {
        return ff_fail_too_long(fault, field, text.n, FF_LANE_BYTES_MAX);
    }
    for (uint32_t i = 0; i < text.n; i++) {
        if (text.p[i] < 0x20 || text.p[i] > 0x7e) { /* bytes from 0x80 on are negative or above */
            return ff_fail(fault, FF_E_INVALID_INPUT, ff_d_text("field", field),
                           ff_d_text("reason", "non_printable"), ff_d_u64("index", i));
        }
    }
    return FF_E_OK;
}

ff_err
ff_wid_check(struct ff_str text, const char *field, struct ff_fault *fault)
{
    if (text.n == 0) {
        return ff_fail_input(fault, field, "empty");
    }
    if (text.n > FF_WID_BYTES_MAX) {
        return ff_fail_too_long(fault, field, text.n, FF_WID_BYTES_MAX);
    }
    if (!ff_is_clean_word(text)) {
        return ff_fail_input(fault, field, "whitespace_or_control");
    }
    return FF_E_OK;
}

/* Length of a sequence by its first byte, 0 = none begins so, and its smallest code point. */
static uint32_t
sequence_bytes(uint8_t first, uint32_t *least_out)
{
    if (first < 0x80) {
        *least_out = 0;
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        *least_out = 0x80;
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        *least_out = 0x800;
        return 3;
    }
    *least_out = 0x10000;
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

bool
ff_utf8_next(struct ff_str *rest, uint32_t *code_out)
{
    const uint8_t *p = (const uint8_t *) rest->p;
    uint32_t least = 0;
    uint32_t n = sequence_bytes(p[0], &least);
    uint32_t code = n == 1 ? p[0] : p[0] & (0x7fu >> n);

    if (n == 0 || n > rest->n) {
        return false;
    }
    for (uint32_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return false;
        }
        code = code << 6 | (p[i] & 0x3f);
    }
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return false;
    }
    *code_out = code;
    rest->p += n;
    rest->n -= n;
    return true;
}

bool
ff_utf8_ok(struct ff_str text)
{
    while (text.n > 0) {
        uint32_t code = 0;
        uint64_t word = 0;

        if (text.n >= sizeof(word)) { /* ASCII, eight bytes at a time */
            memcpy(&word, text.p, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                text.p += sizeof(word);
                text.n -= sizeof(word);
                continue;
            }
        }
        if ((uint8_t) text.p[0] < 0x80) {
            text.p++;
            text.n--;
        } else if (!ff_utf8_next(&text, &code)) {
            return false;
        }
    }
    return true;
}

bool
ff_is_space_or_control(uint32_t code)
{
    if (code <= 0x20 || (code >= 0x7f && code <= 0xa0)) {
        return true;
    }
    return code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

bool
ff_is_clean_word(struct ff_str text)
{
    while (text.n > 0) {
        uint32_t code = 0;

        if (!ff_utf8_next(&text, &code) || ff_is_space_or_control(code)) {
            return false;
        }
    }
    return true;
}

struct ff_uuid
ff_uuid_v4(const uint8_t random[16])
{
    struct ff_uuid uuid;

    memcpy(uuid.b, random, sizeof(uuid.b));
    uuid.b[6] = (uint8_t) ((uuid.b[6] & 0x0f) | 0x40);
    uuid.b[8] = (uint8_t) ((uuid.b[8] & 0x3f) | 0x80);
    return uuid;
}

struct ff_uuid
ff_uuid_v7(int64_t unix_ms, const uint8_t random[10])
{
    struct ff_uuid uuid;

    for (int i = 0; i < 6; i++) {
        uuid.b[i] = (uint8_t) ((uint64_t) unix_ms >> (40 - 8 * i));
    }
    memcpy(uuid.b + 6, random, 10);
    uuid.b[6] = (uint8_t) ((uuid.b[6] & 0x0f) | 0x70);
    uuid.b[8] = (uint8_t) ((uuid.b[8] & 0x3f) | 0x80);
    return uuid;
}
