/* lists.h: lists of words for the server-side commit, packed by msgpack into its last argument.
 *
 * The first word says what is to be done with the others (function.c). The server's language hashes
 * every byte of every argument and word, so what is large had better be no part of a list; but the
 * server takes no more than a million arguments.
 */
#ifndef FF_BACKENDS_VALKEY_LISTS_H
#define FF_BACKENDS_VALKEY_LISTS_H

#include "backends/valkey/valkey_int.h"

void ff_vk_list_begin(struct waiting_commit *waiting, const char *verb);
/* A word in two pieces. */
void ff_vk_list_word(struct waiting_commit *waiting, struct ff_str a, struct ff_str b);
static inline void
ff_vk_list_text(struct waiting_commit *waiting, struct ff_str text)
{
    ff_vk_list_word(waiting, text, ff_str(NULL, 0));
}
void ff_vk_list_number(struct waiting_commit *waiting, uint64_t value);
/* Names with the prefix before them. */
void ff_vk_list_key(struct valkey *valkey, const struct ff_valkey_name *name);
void ff_vk_list_plain_key(struct valkey *valkey, const char *name);
void ff_vk_list_finish(struct waiting_commit *waiting);
/* Whether the list takes no more. */
bool ff_vk_list_is_full(const struct waiting_commit *waiting);
/* After one more item: whether the list goes on; a full one is finished. */
bool ff_vk_list_goes_on(struct waiting_commit *waiting);

/* ---- writes.c ---- */

/* What becomes of the records: checks, hashes, removals. */
struct ff_vk_writes {
    const struct ff_commit *commit;
    struct ff_vk_written *of; /* each write's */
};
/* Before anything else of the batch; in the scratch arena. */
void ff_vk_writes_place(struct valkey *valkey, const struct ff_commit *commit,
                        struct ff_vk_writes *out);
/* As many hashes as may be arguments of their own; the position behind the last of them. */
uint32_t ff_vk_writes_large(struct valkey *valkey, const struct ff_vk_writes *writes);
void ff_vk_writes_checks(struct valkey *valkey, const struct ff_vk_writes *writes);
/* The hashes from a position on, then what is removed, then fields of hashes. */
void ff_vk_writes_rest(struct valkey *valkey, const struct ff_vk_writes *writes, uint32_t from);

#endif
