#include "core/tag.h"

static bool
is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool
is_word(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

static bool
key_ok(struct ff_str key)
{
    const char *dot = key.n == 0 ? NULL : memchr(key.p, '.', key.n);
    uint32_t at = 0;

    if (key.n > FF_TAG_KEY_BYTES_MAX || dot == NULL || !is_letter(key.p[0])) {
        return false;
    }
    for (at = 1; key.p + at < dot; at++) {
        if (!is_word(key.p[at])) {
            return false;
        }
    }
    at++; /* the dot */
    if (at == key.n || !is_word(key.p[at])) {
        return false;
    }
    for (; at < key.n; at++) {
        if (!is_word(key.p[at]) && key.p[at] != '.') {
            return false;
        }
    }
    return true;
}

ff_err
ff_tag_key_check(struct ff_str key, struct ff_fault *fault)
{
    return key_ok(key) ? FF_E_OK : ff_fail(fault, FF_E_INVALID_TAG_KEY, ff_d_str("key", key));
}
