#include "backends/broker/secret.h"

#include <sodium.h>

#include "core/codec.h"
#include "core/records_wait.h"
#include "core/store_offline.h"
#include "core/token.h"

#define SECRET_HEX (2 * FF_TOKEN_SECRET_BYTES)

/* ---- what is stored ---- */

static ff_err
read_ring(struct ff_store *store, struct ff_arena *arena, struct ff_keyring *out,
          struct ff_fault *fault)
{
    struct ff_want want = { .what = FF_WANT_RECORD, .kind = FF_R_KEYRING, .key = ff_key_keyring() };

    FF_TRY(ff_store_load_now(store, &want, 1, arena, fault));
    if (!want.found) {
        return FF_E_OK;
    }
    return ff_row_decode(FF_R_KEYRING, want.body, arena, out, fault);
}

/* ---- the configured secret ---- */

/* 64 digits are the secret itself; of another length (08 §3 admits it) it is their SHA-256. */
static void
secret_of(struct ff_str hex, uint8_t secret[FF_TOKEN_SECRET_BYTES])
{
    struct ff_fault ignored = { 0 };
    crypto_hash_sha256_state state;

    if (ff_secret_parse(hex, "", secret, &ignored) == FF_E_OK) {
        return;
    }
    crypto_hash_sha256_init(&state);
    for (uint32_t i = 0; i + 1 < hex.n; i += 2) {
        unsigned char byte = 0;

        (void) sodium_hex2bin(&byte, 1, hex.p + i, 2, NULL, NULL, NULL);
        crypto_hash_sha256_update(&state, &byte, 1);
    }
    crypto_hash_sha256_final(&state, secret);
    sodium_memzero(&state, sizeof(state));
}

static ff_err
check_stored(const struct ff_keyring *ring, struct ff_str configured, struct ff_fault *fault)
{
    uint8_t secret[FF_TOKEN_SECRET_BYTES];
    bool held = false;

    if (configured.p == NULL) {
        return FF_E_OK;
    }
    secret_of(configured, secret);
    for (uint32_t i = 0; i < ring->keys.n; i++) {
        held = held || (ring->keys.v[i].secret.n == sizeof(secret) &&
                        sodium_memcmp(ring->keys.v[i].secret.p, secret, sizeof(secret)) == 0);
    }
    sodium_memzero(secret, sizeof(secret));
    if (held) {
        return FF_E_OK;
    }
    (void) ff_fail(fault, FF_E_INVALID_CONFIG, ff_d_text("context", "store"),
                   ff_d_text("field", "waitpoint_hmac_secret"));
    fault->message = "waitpoint_hmac_secret is none of the keys in the store: tokens that were"
                     " handed out would stop to verify. Set the old secret, or leave the setting"
                     " out, and change keys with `ffctl secrets rotate`";
    return FF_E_INVALID_CONFIG;
}

/* ---- seeding ---- */

static void
frame_done(struct ff_frame *frame)
{
    *(bool *) frame->ctx = true;
}

static ff_err
seed(struct ff_store *store, struct ff_engine *engine, const char *hex, struct ff_fault *fault)
{
    const struct ff_seed_waitpoint_hmac_secret_args args = {
        .kid = ff_str("k1", 2),
        .secret_hex = ff_str(hex, SECRET_HEX),
    };
    struct ff_call call = { .op = FF_OP_seed_waitpoint_hmac_secret, .args = &args };
    bool done = false;
    struct ff_frame frame = { .calls = &call, .n = 1, .done = frame_done, .ctx = &done };

    ff_engine_submit(engine, &frame);
    ff_engine_run(engine);
    while (!done) {
        ff_store_poll(store, true);
        ff_engine_run(engine);
    }
    *fault = call.fault;
    if (fault->message != NULL) { /* it lives in the frame */
        fault->message = "the waitpoint key could not be stored";
    }
    fault->n = 0;
    ff_arena_done(&frame.arena);
    return fault->code;
}

static ff_err
find_secret(const struct ff_broker_options *options, char hex[SECRET_HEX + 1],
            struct ff_fault *fault)
{
    uint8_t secret[FF_TOKEN_SECRET_BYTES];

    if (options->hmac_secret_hex.p == NULL) {
        return options->make_secret(options->log_ctx, hex, fault);
    }
    secret_of(options->hmac_secret_hex, secret);
    sodium_bin2hex(hex, SECRET_HEX + 1, secret, sizeof(secret));
    sodium_memzero(secret, sizeof(secret));
    return FF_E_OK;
}

ff_err
ff_broker_install_secret(const struct ff_broker_options *options, struct ff_store *store,
                         struct ff_engine *engine, struct ff_fault *fault)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_keyring ring = { 0 };
    char hex[SECRET_HEX + 1];
    ff_err err = read_ring(store, &arena, &ring, fault);

    if (err == FF_E_OK && ring.current_kid.n > 0) {
        return check_stored(&ring, options->hmac_secret_hex, fault);
    }
    if (err != FF_E_OK || (options->hmac_secret_hex.p == NULL && options->make_secret == NULL)) {
        return err;
    }
    FF_TRY(find_secret(options, hex, fault));
    err = seed(store, engine, hex, fault);
    sodium_memzero(hex, sizeof(hex));
    return err;
}
