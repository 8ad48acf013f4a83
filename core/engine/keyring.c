/* seed_waitpoint_hmac_secret, rotate_waitpoint_hmac_secret_all, list_waitpoint_hmac_kids, and what
 * is made with the keys (03 §9). No secret leaves this file but into the record. */

#include "core/engine/keyring.h"

#include <sodium.h>
#include <stdlib.h>

#include "core/codec.h"
#include "core/records_wait.h"

/* ---- the ring ---- */

ff_err
ff_keyring_read(struct ff_txn *txn, struct ff_keyring *out)
{
    struct ff_key key = ff_key_keyring();
    bool found = false;

    return ff_txn_find(txn, FF_R_KEYRING, &key, out, &found);
}

const struct ff_ring_key *
ff_keyring_find(const struct ff_keyring *ring, struct ff_str kid)
{
    for (uint32_t i = 0; i < ring->keys.n; i++) {
        if (ff_str_eq(ring->keys.v[i].kid, kid)) {
            return &ring->keys.v[i];
        }
    }
    return NULL;
}

bool
ff_ring_key_verifies(const struct ff_ring_key *key, int64_t now_ms)
{
    return !key->expires_at_ms.is || key->expires_at_ms.v >= now_ms;
}

static bool
is_current(const struct ff_keyring *ring, struct ff_str kid)
{
    return ring->current_kid.n > 0 && ff_str_eq(ring->current_kid, kid);
}

static bool
same_secret(const struct ff_ring_key *key, const uint8_t *secret)
{
    return key->secret.n == FF_TOKEN_SECRET_BYTES &&
           sodium_memcmp(key->secret.p, secret, FF_TOKEN_SECRET_BYTES) == 0;
}

/* A ring of the call's own with room for one more key. */
static struct ff_keyring
copy_of(struct ff_txn *txn, const struct ff_keyring *ring)
{
    struct ff_keyring copy = *ring;

    copy.keys.v = FF_ARENA_NEW(txn->arena, struct ff_ring_key, ring->keys.n + 1);
    if (ring->keys.n > 0) {
        memcpy(copy.keys.v, ring->keys.v, ring->keys.n * sizeof(*copy.keys.v));
    }
    return copy;
}

static ff_err
add_key(struct ff_txn *txn, struct ff_keyring *ring, struct ff_str kid, const uint8_t *secret)
{
    if (ring->keys.n >= FF_KEYS_MAX) {
        return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "kid"),
                       ff_d_text("reason", "too_many"), ff_d_u64("count", ring->keys.n + 1),
                       ff_d_u64("max", FF_KEYS_MAX));
    }
    ring->keys.v[ring->keys.n++] =
        (struct ff_ring_key){ .kid = kid, .secret = ff_str(secret, FF_TOKEN_SECRET_BYTES) };
    ring->current_kid = kid;
    return FF_E_OK;
}

/* ---- seed (03 §9.4) ---- */

static ff_err
seed(struct ff_txn *txn, struct ff_str kid, const uint8_t *secret,
     struct ff_seed_waitpoint_hmac_secret_result *result)
{
    struct ff_keyring ring = { 0 };
    const struct ff_ring_key *held = NULL;

    FF_TRY(ff_keyring_read(txn, &ring));
    held = ff_keyring_find(&ring, kid);
    result->kid = kid;
    if (held != NULL) {
        result->outcome = "already_seeded";
        result->same_secret = FF_SOME(ff_opt_bool, same_secret(held, secret));
        result->is_current = FF_SOME(ff_opt_bool, is_current(&ring, kid));
        return FF_E_OK;
    }
    if (ring.current_kid.n > 0) {
        (void) ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "kid"),
                       ff_d_text("reason", "another_key_is_current"),
                       ff_d_str("current_kid", ring.current_kid),
                       ff_d_text("use", "rotate_waitpoint_hmac_secret_all"));
        txn->fault.message = "another key signs already; rotate to install a new one";
        return FF_E_INVALID_INPUT;
    }
    ring = copy_of(txn, &ring);
    FF_TRY(add_key(txn, &ring, kid, secret));
    result->outcome = "seeded";
    return ff_txn_put_keyring(txn, &ring);
}

ff_err
ff_op_seed_waitpoint_hmac_secret(struct ff_txn *txn,
                                 const struct ff_seed_waitpoint_hmac_secret_args *args,
                                 struct ff_seed_waitpoint_hmac_secret_result *result)
{
    uint8_t secret[FF_TOKEN_SECRET_BYTES];
    ff_err err = FF_E_OK;

    FF_TRY(ff_kid_check(args->kid, "kid", &txn->fault));
    FF_TRY(ff_secret_parse(args->secret_hex, "secret_hex", secret, &txn->fault));
    err = seed(txn, args->kid, secret, result);
    sodium_memzero(secret, sizeof(secret));
    return err;
}

/* ---- rotate (03 §9.5) ---- */

struct rotation {
    struct ff_str kid;
    const uint8_t *secret;
    uint64_t grace_ms;
};

static ff_err
read_grace(struct ff_txn *txn, struct ff_str packed, uint64_t *out)
{
    msgpack_zone zone;
    msgpack_object value;
    struct ff_fault ignored = { 0 };
    bool ok = false;

    msgpack_zone_init(&zone, 64);
    ok = ff_msgpack_parse(packed, &zone, &value, &ignored) == FF_E_OK &&
         value.type == MSGPACK_OBJECT_POSITIVE_INTEGER && value.via.u64 <= FF_DUR_MS_MAX;
    *out = ok ? value.via.u64 : 0;
    msgpack_zone_destroy(&zone);
    return ok ? FF_E_OK
              : ff_fail(&txn->fault, FF_E_INVALID_GRACE_MS, ff_d_text("field", "grace_ms"));
}

static ff_err
fail_conflict(struct ff_txn *txn, struct ff_str kid)
{
    return ff_fail(&txn->fault, FF_E_ROTATION_CONFLICT, ff_d_str("kid", kid));
}

static uint32_t
drop_expired(struct ff_keyring *ring, int64_t now_ms)
{
    uint32_t kept = 0, n = ring->keys.n;

    for (uint32_t i = 0; i < n; i++) {
        if (ff_ring_key_verifies(&ring->keys.v[i], now_ms)) {
            ring->keys.v[kept++] = ring->keys.v[i];
        }
    }
    ring->keys.n = kept;
    return n - kept;
}

/* Makes `kid` current, which is held already or is added. */
static ff_err
install(struct ff_txn *txn, struct ff_keyring *ring, const struct rotation *with)
{
    struct ff_ring_key *old = (struct ff_ring_key *) ff_keyring_find(ring, ring->current_kid);
    struct ff_ring_key *held = (struct ff_ring_key *) ff_keyring_find(ring, with->kid);

    if (held != NULL && !same_secret(held, with->secret)) {
        return fail_conflict(txn, with->kid);
    }
    if (ring->current_kid.n > 0 && old != NULL) {
        old->expires_at_ms = FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, with->grace_ms));
    }
    if (held == NULL) {
        return add_key(txn, ring, with->kid, with->secret);
    }
    held->expires_at_ms = FF_NONE(ff_opt_i64);
    ring->current_kid = held->kid;
    return FF_E_OK;
}

static ff_err
rotate(struct ff_txn *txn, const struct rotation *with, struct ff_hmac_rotation *result)
{
    struct ff_keyring ring = { 0 };
    struct ff_str previous;
    uint32_t dropped = 0;

    FF_TRY(ff_keyring_read(txn, &ring));
    if (is_current(&ring, with->kid)) {
        if (!same_secret(ff_keyring_find(&ring, with->kid), with->secret)) {
            return fail_conflict(txn, with->kid);
        }
        result->outcome = "noop";
        result->kid = with->kid;
        return FF_E_OK;
    }
    ring = copy_of(txn, &ring);
    previous = ring.current_kid;
    dropped = drop_expired(&ring, txn->now_ms);
    FF_TRY(install(txn, &ring, with));
    FF_TRY(ff_txn_put_keyring(txn, &ring));
    result->outcome = "rotated";
    result->previous_kid = previous;
    result->new_kid = with->kid;
    result->gc_count = FF_SOME(ff_opt_u32, dropped);
    return FF_E_OK;
}

ff_err
ff_op_rotate_waitpoint_hmac_secret_all(struct ff_txn *txn,
                                       const struct ff_rotate_waitpoint_hmac_secret_all_args *args,
                                       struct ff_rotate_waitpoint_hmac_secret_all_result *result)
{
    uint8_t secret[FF_TOKEN_SECRET_BYTES];
    struct rotation with = { .kid = args->new_kid, .secret = secret };
    struct ff_hmac_rotation_entry *entry =
        FF_ARENA_NEW(txn->arena, struct ff_hmac_rotation_entry, 1);
    ff_err err = FF_E_OK;

    FF_TRY(ff_kid_check(args->new_kid, "new_kid", &txn->fault));
    FF_TRY(ff_secret_parse(args->new_secret_hex, "new_secret_hex", secret, &txn->fault));
    err = read_grace(txn, args->grace_ms, &with.grace_ms);
    if (err == FF_E_OK) {
        err = rotate(txn, &with, &entry->result);
    }
    sodium_memzero(secret, sizeof(secret));
    result->entries.v = entry;
    result->entries.n = 1;
    return err;
}

/* ---- list (03 §9.6) ---- */

static int
kid_cmp(const void *a, const void *b)
{
    const struct ff_hmac_kid *x = a, *y = b;

    if (x->expires_at_ms != y->expires_at_ms) {
        return x->expires_at_ms < y->expires_at_ms ? -1 : 1;
    }
    return ff_str_cmp(x->kid, y->kid);
}

ff_err
ff_op_list_waitpoint_hmac_kids(struct ff_txn *txn,
                               const struct ff_list_waitpoint_hmac_kids_args *args,
                               struct ff_list_waitpoint_hmac_kids_result *result)
{
    struct ff_hmac_kid_list *out = &result->verifying;
    struct ff_keyring ring = { 0 };

    (void) args;
    FF_TRY(ff_keyring_read(txn, &ring));
    result->current_kid = ring.current_kid;
    out->v = FF_ARENA_NEW(txn->arena, struct ff_hmac_kid, ring.keys.n);
    for (uint32_t i = 0; i < ring.keys.n; i++) {
        const struct ff_ring_key *key = &ring.keys.v[i];

        if (key->expires_at_ms.is && ff_ring_key_verifies(key, txn->now_ms)) {
            out->v[out->n++] =
                (struct ff_hmac_kid){ .kid = key->kid, .expires_at_ms = key->expires_at_ms.v };
        }
    }
    if (out->n > 1) {
        qsort(out->v, out->n, sizeof(out->v[0]), kid_cmp);
    }
    return FF_E_OK;
}

/* ---- tokens ---- */

static struct ff_token_digest
digest_of(const struct ff_ring_key *key, struct ff_str kid, const struct ff_waitpoint *waitpoint)
{
    const struct ff_token_bound bound = {
        .execution_id = waitpoint->execution_id,
        .waitpoint_id = waitpoint->waitpoint_id,
        .created_at = waitpoint->created_at,
        .waitpoint_key = waitpoint->waitpoint_key,
    };

    FF_ASSERT(key->secret.n == FF_TOKEN_SECRET_BYTES);
    return ff_token_digest((const uint8_t *) key->secret.p, kid, &bound);
}

ff_err
ff_keyring_sign(struct ff_txn *txn, const struct ff_keyring *ring, struct ff_waitpoint *waitpoint)
{
    const struct ff_ring_key *key =
        ring->current_kid.n == 0 ? NULL : ff_keyring_find(ring, ring->current_kid);
    struct ff_token_digest digest;

    if (key == NULL) {
        return ff_fail(&txn->fault, FF_E_HMAC_SECRET_NOT_INITIALIZED);
    }
    digest = digest_of(key, key->kid, waitpoint);
    waitpoint->token_kid = key->kid;
    waitpoint->token_digest = ff_arena_copy(txn->arena, ff_str(digest.b, sizeof(digest.b)));
    return FF_E_OK;
}

struct ff_str
ff_waitpoint_token(struct ff_txn *txn, const struct ff_waitpoint *waitpoint)
{
    return ff_token_text(waitpoint->token_kid, waitpoint->token_digest, txn->arena);
}

/* Takes the place of what is not there, so that the work is the same. */
static const struct ff_waitpoint no_waitpoint;
static const char no_secret[FF_TOKEN_SECRET_BYTES];
static const struct ff_ring_key no_key = { .secret = { no_secret, FF_TOKEN_SECRET_BYTES } };

ff_err
ff_token_verify(struct ff_txn *txn, struct ff_str token, const struct ff_waitpoint *waitpoint)
{
    const struct ff_ring_key *key = NULL;
    struct ff_token_digest shown, right;
    struct ff_keyring ring = { 0 };
    struct ff_str kid;
    bool matches = false;

    if (token.n == 0) {
        return ff_fail(&txn->fault, FF_E_MISSING_TOKEN);
    }
    if (!ff_token_split(token, &kid, &shown)) {
        return ff_fail(&txn->fault, FF_E_INVALID_TOKEN);
    }
    FF_TRY(ff_keyring_read(txn, &ring));
    if (ring.current_kid.n == 0) {
        return ff_fail(&txn->fault, FF_E_HMAC_SECRET_NOT_INITIALIZED);
    }
    key = ff_keyring_find(&ring, kid);
    right =
        digest_of(key == NULL ? &no_key : key, kid, waitpoint == NULL ? &no_waitpoint : waitpoint);
    matches = ff_token_digest_eq(&shown, &right);
    if (key == NULL || waitpoint == NULL || !matches) {
        return ff_fail(&txn->fault, FF_E_INVALID_TOKEN);
    }
    return ff_ring_key_verifies(key, txn->now_ms) ? FF_E_OK
                                                  : ff_fail(&txn->fault, FF_E_TOKEN_EXPIRED);
}
