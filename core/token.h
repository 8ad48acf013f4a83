/* token.h: waitpoint tokens (03 §9.1): <kid>:<64 hex digits of HMAC-SHA-256>.
 *
 * Pure. What a token binds cannot be changed without it: execution, waitpoint, key and time of
 * creation. Secrets come in and never go out.
 */
#ifndef FF_CORE_TOKEN_H
#define FF_CORE_TOKEN_H

#include "core/arena.h"
#include "core/fault.h"

#define FF_TOKEN_SECRET_BYTES 32
#define FF_TOKEN_DIGEST_BYTES 32
#define FF_KID_BYTES_MAX 128

/* What a token stands for. */
struct ff_token_bound {
    struct ff_eid execution_id;
    struct ff_uuid waitpoint_id;
    int64_t created_at;
    struct ff_str waitpoint_key;
};

struct ff_token_digest {
    uint8_t b[FF_TOKEN_DIGEST_BYTES];
};

/* secret: FF_TOKEN_SECRET_BYTES. */
struct ff_token_digest ff_token_digest(const uint8_t *secret, struct ff_str kid,
                                       const struct ff_token_bound *bound);
/* The token as it is handed out, in the arena. */
struct ff_str ff_token_text(struct ff_str kid, struct ff_str digest, struct ff_arena *arena);
/* Its first 16 hex digits, which may be shown (03 §10.2). */
struct ff_str ff_token_fingerprint(struct ff_str digest, struct ff_arena *arena);
/* Takes a token apart; false: it is not of that form. kid points into it. */
bool ff_token_split(struct ff_str token, struct ff_str *kid, struct ff_token_digest *digest);
/* In constant time. */
bool ff_token_digest_eq(const struct ff_token_digest *a, const struct ff_token_digest *b);

/* FF_E_INVALID_KID {field, reason}: empty, too_long {len, max}, or colon_or_whitespace. */
FF_MUST_USE ff_err ff_kid_check(struct ff_str kid, const char *field, struct ff_fault *fault);
/* 64 hexadecimal digits, any case, into FF_TOKEN_SECRET_BYTES bytes.
 * FF_E_INVALID_SECRET_HEX {field, reason}; the text is not repeated. */
FF_MUST_USE ff_err ff_secret_parse(struct ff_str hex, const char *field, uint8_t *secret_out,
                                   struct ff_fault *fault);

#endif
