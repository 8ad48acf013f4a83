/* hash.h: uthash with a keyed hash, for tables whose keys a peer chooses. Included first. */
#ifndef FF_IPC_HASH_H
#define FF_IPC_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = ff_hash((keyptr), (keylen)))
#include <uthash.h>

/* SipHash under a key of this process, so that nobody can choose keys that collide. */
uint32_t ff_hash(const void *key, size_t n);

#endif
