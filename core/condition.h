/* condition.h: resume conditions (03 §3): the tree, its checks, and what a signal does to it.
 *
 * Pure. A condition is parsed from the packed value of an argument or of a stored suspension; how
 * far its nodes are satisfied travels beside it (struct ff_node_progress, stored) and is joined to
 * it for an evaluation. Everything lives in the arena given to ff_condition_parse.
 */
#ifndef FF_CORE_CONDITION_H
#define FF_CORE_CONDITION_H

#include "core/arena.h"
#include "core/fault.h"
#include "core/types.h"

#define FF_CONDITION_BYTES_MAX 8192
#define FF_CONDITION_DEPTH_MAX 4 /* nested all_of and count */
#define FF_CONDITION_COUNT_MAX 1000
#define FF_SATISFIERS_MAX 1000 /* distinct ones that a count node takes note of (01 §1.8) */
#define FF_SATISFIER_BYTES 16

struct ff_cond_node {
    enum ff_condition_kind kind;
    uint32_t end;        /* first node behind its subtree */
    struct ff_str name;  /* what the matcher wants; p == NULL: any signal */
    struct ff_strs keys; /* single: one; count: as listed; else none */
    uint32_t n;          /* count */
    enum ff_count_kind count_kind;
    bool touched;       /* single: satisfied; count: has satisfiers */
    struct ff_str seen; /* count: their digests */
};

/* Nodes stand parents first, members in order. */
struct ff_condition {
    struct ff_cond_node *nodes;
    uint32_t n;
    struct ff_arena *arena;
};

/* FF_E_INVALID_INPUT {field, reason, path, …}: the tags of 03 §3.2; missing, wrong_type, … of a
 * node's members, with field down to it. field: the argument's name, static. */
FF_MUST_USE ff_err ff_condition_parse(struct ff_str packed, const char *field,
                                      struct ff_arena *arena, struct ff_condition *out,
                                      struct ff_fault *fault);

/* The distinct keys that its nodes name, in tree order. */
struct ff_strs ff_condition_keys(const struct ff_condition *condition);
bool ff_condition_has(const struct ff_condition *condition, enum ff_condition_kind kind);
/* required_signal_names of a waitpoint with this key (03 §10.2). */
struct ff_strs ff_condition_names(const struct ff_condition *condition, struct ff_str key);

/* What is stored of earlier evaluations, and what to store of this one. */
void ff_condition_resume(struct ff_condition *condition, struct ff_node_progress_list progress);
struct ff_node_progress_list ff_condition_progress(const struct ff_condition *condition);

/* A signal as the tree sees it. */
struct ff_cond_signal {
    struct ff_str waitpoint_key;
    struct ff_str signal_name, source_type, source_identity;
    struct ff_uuid signal_id;
};
/* Applies an accepted signal; the effect is one of 03 §6's for an active waitpoint. It contributed
 * if that is FF_EFFECT_APPENDED or FF_EFFECT_SATISFIED. */
enum ff_signal_effect ff_condition_take(struct ff_condition *condition,
                                        const struct ff_cond_signal *signal);
bool ff_condition_is_true(const struct ff_condition *condition);

#endif
