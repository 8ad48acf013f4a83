/* keyring.h: the signing keys of waitpoint tokens, one set for the whole engine (03 §9.2). */
#ifndef FF_CORE_ENGINE_KEYRING_H
#define FF_CORE_ENGINE_KEYRING_H

#include "core/engine/txn.h"
#include "core/token.h"

/* Keys held at the most (01 §1.8). */
#define FF_KEYS_MAX 256

/* The ring; empty where no key was ever installed. */
FF_MUST_USE ff_err ff_keyring_read(struct ff_txn *txn, struct ff_keyring *out);
/* NULL: it is not held. */
const struct ff_ring_key *ff_keyring_find(const struct ff_keyring *ring, struct ff_str kid);
/* Whether tokens that it signed are accepted at `now`. */
bool ff_ring_key_verifies(const struct ff_ring_key *key, int64_t now_ms);

/* Signs a waitpoint's token under the current key; the caller writes it.
 * FF_E_HMAC_SECRET_NOT_INITIALIZED. */
FF_MUST_USE ff_err ff_keyring_sign(struct ff_txn *txn, const struct ff_keyring *ring,
                                   struct ff_waitpoint *waitpoint);
/* The token of a waitpoint: what a signal to it must show. */
struct ff_str ff_waitpoint_token(struct ff_txn *txn, const struct ff_waitpoint *waitpoint);

/* Checks 1 to 7 of 03 §9.3. waitpoint: NULL where there is none for the caller to know of; the same
 * work is done for it.
 * FF_E_MISSING_TOKEN, FF_E_INVALID_TOKEN, FF_E_HMAC_SECRET_NOT_INITIALIZED, FF_E_TOKEN_EXPIRED. */
FF_MUST_USE ff_err ff_token_verify(struct ff_txn *txn, struct ff_str token,
                                   const struct ff_waitpoint *waitpoint);

#endif
