#include "core/token.h"

#include <sodium.h>
#include <stdio.h>

#include "core/id.h"

_Static_assert(FF_TOKEN_DIGEST_BYTES == crypto_auth_hmacsha256_BYTES, "digest");

static void
update(crypto_auth_hmacsha256_state *state, struct ff_str text)
{
    if (text.n > 0) {
        crypto_auth_hmacsha256_update(state, (const unsigned char *) text.p, text.n);
    }
}

struct ff_token_digest
ff_token_digest(const uint8_t *secret, struct ff_str kid, const struct ff_token_bound *bound)
{
    crypto_auth_hmacsha256_state state;
    struct ff_token_digest digest;
    char eid[FF_EID_TEXT_MAX], uuid[FF_UUID_TEXT_MAX], at[32];
    int n = snprintf(at, sizeof(at), "%lld", (long long) bound->created_at);

    ff_uuid_text(&bound->waitpoint_id, uuid);
    crypto_auth_hmacsha256_init(&state, secret, FF_TOKEN_SECRET_BYTES);
    update(&state, kid);
    update(&state, ff_str(":", 1));
    update(&state, ff_str(eid, ff_eid_text(&bound->execution_id, eid)));
    update(&state, ff_str("|", 1));
    update(&state, ff_cstr(uuid));
    update(&state, ff_str("|", 1));
    update(&state, ff_str(at, (size_t) n));
    update(&state, ff_str("|", 1));
    update(&state, bound->waitpoint_key); /* last: it may contain anything */
    crypto_auth_hmacsha256_final(&state, digest.b);
    sodium_memzero(&state, sizeof(state));
    return digest;
}

/* Lower-case hex, with a zero byte behind it. */
static struct ff_str
hex(struct ff_str bytes, uint32_t n, struct ff_arena *arena)
{
    char *text = ff_arena_alloc(arena, 2u * n + 1);

    FF_ASSERT(bytes.n >= n);
    sodium_bin2hex(text, 2u * n + 1, (const unsigned char *) bytes.p, n);
    return ff_str(text, 2u * n);
}

struct ff_str
ff_token_text(struct ff_str kid, struct ff_str digest, struct ff_arena *arena)
{
    struct ff_str text = hex(digest, FF_TOKEN_DIGEST_BYTES, arena);

    return ff_arena_printf(arena, "%.*s:%s", (int) kid.n, kid.p, text.p);
}

struct ff_str
ff_token_fingerprint(struct ff_str digest, struct ff_arena *arena)
{
    return hex(digest, 8, arena);
}

static int
hex_digit(char c, bool upper_too)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return upper_too && c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
parse_hex(struct ff_str text, bool upper_too, uint8_t *out, uint32_t n)
{
    if (text.n != 2 * n) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        int high = hex_digit(text.p[2 * i], upper_too);
        int low = hex_digit(text.p[2 * i + 1], upper_too);

        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t) (high << 4 | low);
    }
    return true;
}

bool
ff_token_split(struct ff_str token, struct ff_str *kid, struct ff_token_digest *digest)
{
    const char *colon = token.n == 0 ? NULL : memchr(token.p, ':', token.n);
    uint32_t kid_n = colon == NULL ? 0 : (uint32_t) (colon - token.p);

    if (kid_n == 0) {
        return false;
    }
    *kid = ff_str(token.p, kid_n);
    return parse_hex(ff_str(colon + 1, token.n - kid_n - 1), false, digest->b, sizeof(digest->b));
}

bool
ff_token_digest_eq(const struct ff_token_digest *a, const struct ff_token_digest *b)
{
    return sodium_memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* ---- keys ---- */

ff_err
ff_kid_check(struct ff_str kid, const char *field, struct ff_fault *fault)
{
    const char *reason = kid.n == 0 ? "empty" : NULL;

    if (kid.n > FF_KID_BYTES_MAX) {
        return ff_fail(fault, FF_E_INVALID_KID, ff_d_text("field", field),
                       ff_d_text("reason", "too_long"), ff_d_u64("len", kid.n),
                       ff_d_u64("max", FF_KID_BYTES_MAX));
    }
    if (reason == NULL && memchr(kid.p, ':', kid.n) != NULL) {
        reason = "colon";
    }
    if (reason == NULL && !ff_is_clean_word(kid)) {
        reason = "whitespace_or_control";
    }
    return reason == NULL ? FF_E_OK
                          : ff_fail(fault, FF_E_INVALID_KID, ff_d_text("field", field),
                                    ff_d_text("reason", reason));
}

ff_err
ff_secret_parse(struct ff_str text, const char *field, uint8_t *secret_out, struct ff_fault *fault)
{
    const char *reason = text.n == 2 * FF_TOKEN_SECRET_BYTES ? "not_hex" : "wrong_length";

    if (parse_hex(text, true, secret_out, FF_TOKEN_SECRET_BYTES)) {
        return FF_E_OK;
    }
    sodium_memzero(secret_out, FF_TOKEN_SECRET_BYTES);
    return ff_fail(fault, FF_E_INVALID_SECRET_HEX, ff_d_text("field", field),
                   ff_d_text("reason", reason));
}
