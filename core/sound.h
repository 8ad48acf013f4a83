/* sound.h: what must hold of stored records, whoever looks: the simulation after each commit,
 * `ffctl store check' over a store at rest.
 *
 * Pure. A function that judges returns NULL, or what is wrong, in words that follow a record's
 * name; static.
 */
#ifndef FF_CORE_SOUND_H
#define FF_CORE_SOUND_H

#include "core/records.h"

/* Its state vector, and that lease, end and scheduling fields fit it (01 §4.3, 02 §9). */
const char *ff_exec_unsound(const struct ff_exec *exec);

/* A slot that is held without end is held by something that runs (05 §2.3). exec NULL: none. */
const char *ff_slot_unsound(const struct ff_slot *slot, const struct ff_exec *exec);

/* The inbound edges of a member, counted by their states. */
struct ff_group_count {
    uint32_t total, applied, waiting, succeeded, lost;
};
void ff_group_count_add(struct ff_group_count *count, enum ff_edge_state state);
/* The group counts what there is, and its state is what its policy makes of that (04 §1.5). */
const char *ff_group_unsound(const struct ff_group *group, const struct ff_group_count *count);

/* Whether the upstream has come to an end that an edge has to be told of (04 §4.6.2). */
bool ff_end_counts(const struct ff_exec *upstream, struct ff_opt_u32 ignore_terminal_count);

#endif
