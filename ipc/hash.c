#include "ipc/hash.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "core/base.h"

static unsigned char secret[crypto_shorthash_KEYBYTES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
make_secret(void)
{
    FF_ASSERT(sodium_init() >= 0);
    crypto_shorthash_keygen(secret);
}

uint32_t
ff_hash(const void *key, size_t n)
{
    unsigned char out[crypto_shorthash_BYTES];
    uint32_t hash = 0;

    (void) pthread_once(&once, make_secret);
    (void) crypto_shorthash(out, key, n, secret);
    memcpy(&hash, out, sizeof(hash));
    return hash;
}
