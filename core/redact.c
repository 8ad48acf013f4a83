#include "core/redact.h"

struct ff_str
ff_token_redact(struct ff_str token, struct ff_arena *arena)
{
    const char *colon = token.n == 0 ? NULL : memchr(token.p, ':', token.n);
    uint32_t kid_n = colon == NULL ? 0 : (uint32_t) (colon - token.p);

    if (kid_n == 0 || kid_n + 1 == token.n) {
        return ff_cstr("<REDACTED:malformed>");
    }
    return ff_arena_printf(arena, "%.*s:<REDACTED:len=%u>", (int) kid_n, token.p,
                           token.n - kid_n - 1);
}
