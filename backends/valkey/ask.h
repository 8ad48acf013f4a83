/* ask.h: one transaction that is waited for: what an upgrade and the tools for stores at rest do.
 */
#ifndef FF_BACKENDS_VALKEY_ASK_H
#define FF_BACKENDS_VALKEY_ASK_H

#include "backends/valkey/valkey_int.h"

/* What follows is done all or nothing. */
void ff_vk_ask_begin(struct valkey *valkey);
/* A command with a key: its other words follow. */
struct ff_resp *ff_vk_ask_command(struct valkey *valkey, const char *name, const char *key,
                                  uint32_t n_words);
/* Sends it. *number: the last answer, where it is one. FF_E_TRANSPORT, in the server's words. */
FF_MUST_USE ff_err ff_vk_ask(struct valkey *valkey, uint64_t *number, struct ff_fault *fault);

#endif
