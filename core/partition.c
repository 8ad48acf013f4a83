#include "core/partition.h"

#include "core/id.h"

/* Four bits at a time: small enough to be read off and checked by eye; ids are 16 bytes. */
static const uint16_t crc_of_nibble[16] = {
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
    0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
};

static const char *const prefixes[] = {
    [FF_PARTITION_FLOW] = "fp",
    [FF_PARTITION_EXECUTION] = "fp",
    [FF_PARTITION_BUDGET] = "b",
    [FF_PARTITION_QUOTA] = "q",
};

uint16_t
ff_crc16(const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint16_t crc = 0;

    for (size_t i = 0; i < n; i++) {
        crc = (uint16_t) (crc << 4 ^ crc_of_nibble[(crc >> 12 ^ p[i] >> 4) & 15]);
        crc = (uint16_t) (crc << 4 ^ crc_of_nibble[(crc >> 12 ^ p[i]) & 15]);
    }
    return crc;
}

uint64_t
ff_fnv1a64(const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

uint16_t
ff_partition_of_uuid(const struct ff_uuid *id, uint32_t count)
{
    FF_ASSERT(count > 0);
    return (uint16_t) (ff_crc16(id->b, sizeof(id->b)) % count);
}

uint16_t
ff_partition_of_lane(struct ff_str lane_id, uint32_t count)
{
    FF_ASSERT(count > 0);
    return (uint16_t) (ff_crc16(lane_id.p, lane_id.n) % count);
}

size_t
ff_partition_key_text(struct ff_partition partition, char out[FF_PARTITION_KEY_MAX])
{
    char digits[5];
    uint32_t rest = partition.index;
    size_t n = 0;
    size_t at = 0;

    do {
        digits[n++] = (char) ('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    out[at++] = '{';
    for (const char *p = prefixes[partition.family]; *p != '\0'; p++) {
        out[at++] = *p;
    }
    out[at++] = ':';
    while (n > 0) {
        out[at++] = digits[--n];
    }
    out[at++] = '}';
    out[at] = '\0';
    return at;
}

static bool
family_of_prefix(struct ff_str prefix, enum ff_partition_family *out)
{
    for (uint32_t i = 0; i < FF_COUNT(prefixes); i++) { /* flow stands before execution */
        if (ff_str_is(prefix, prefixes[i])) {
            *out = (enum ff_partition_family) i;
            return true;
        }
    }
    return false;
}

static ff_err
fail_value(struct ff_fault *fault, const char *field, const char *reason, struct ff_str value)
{
    return ff_fail(fault, FF_E_INVALID_INPUT, ff_d_text("field", field),
                   ff_d_text("reason", reason), ff_d_str("value", value));
}

ff_err
ff_partition_key_parse(struct ff_str text, const char *field, struct ff_partition *out,
                       struct ff_fault *fault)
{
    struct ff_partition partition = { 0 };
    struct ff_str prefix = { 0 };
    struct ff_str index = { 0 };
    const char *colon = NULL;

    if (text.n < 2 || text.p[0] != '{' || text.p[text.n - 1] != '}') {
        return ff_fail_input(fault, field, "missing_braces");
    }
    colon = memchr(text.p + 1, ':', text.n - 2);
    if (colon == NULL) {
        return ff_fail_input(fault, field, "malformed_body");
    }
    prefix = ff_str(text.p + 1, (size_t) (colon - text.p) - 1);
    index = ff_str(colon + 1, (size_t) (text.p + text.n - 1 - (colon + 1)));
    if (!family_of_prefix(prefix, &partition.family)) {
        return fail_value(fault, field, "unknown_family_prefix", prefix);
    }
    if (!ff_parse_index(index, &partition.index)) {
        return fail_value(fault, field, "invalid_index", index);
    }
    *out = partition;
    return FF_E_OK;
}
