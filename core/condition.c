#include "core/condition.h"

#include "core/codec.h"
#include "core/records.h"

/* ---- reading ---- */

struct reading {
    struct ff_condition *out;
    uint32_t room;
    const char *field;
    struct ff_fault *fault;
};

/* Where a node stands: members[1].members[0]; "" is the root. */
static ff_err
fail_node(struct reading *reading, const char *path, const char *reason)
{
    return ff_fail(reading->fault, FF_E_INVALID_INPUT, ff_d_text("field", reading->field),
                   ff_d_text("reason", reason),
                   ff_d_text("path", path[0] == '\0' ? "<root>" : path));
}

/* The argument's path down to a node, for the codec. */
static const char *
field_path(struct reading *reading, const char *path)
{
    return path[0] == '\0' ? reading->field
                           : ff_arena_printf(reading->out->arena, "%s.%s", reading->field, path).p;
}

static ff_err
fail_form(struct reading *reading, const char *path, const char *member, const char *reason)
{
    const char *at = field_path(reading, path);

    if (member != NULL) {
        at = ff_arena_printf(reading->out->arena, "%s.%s", at, member).p;
    }
    return ff_fail_input(reading->fault, at, reason);
}

static struct ff_cond_node *
add_node(struct reading *reading, uint32_t *at)
{
    struct ff_condition *out = reading->out;

    if (out->n == reading->room) {
        struct ff_cond_node *grown = NULL;

        reading->room = reading->room == 0 ? 8 : reading->room * 2;
        grown = FF_ARENA_NEW(out->arena, struct ff_cond_node, reading->room);
        if (out->n > 0) {
            memcpy(grown, out->nodes, out->n * sizeof(*grown));
        }
        out->nodes = grown;
    }
    *at = out->n;
    return &out->nodes[out->n++];
}

static const msgpack_object *
member_of(const msgpack_object *map, const char *name)
{
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *kv = &map->via.map.ptr[i];

        if (kv->key.type == MSGPACK_OBJECT_STR &&
            ff_str_is(ff_str(kv->key.via.str.ptr, kv->key.via.str.size), name)) {
            return &kv->val;
        }
    }
    return NULL;
}

static ff_err
read_kind(struct reading *reading, const msgpack_object *map, const char *path,
          enum ff_condition_kind *out)
{
    const msgpack_object *kind = NULL;

    if (map->type != MSGPACK_OBJECT_MAP) {
        return fail_form(reading, path, NULL, "wrong_type");
    }
    kind = member_of(map, "kind");
    if (kind == NULL || kind->type == MSGPACK_OBJECT_NIL) {
        return fail_form(reading, path, "kind", "missing");
    }
    if (kind->type != MSGPACK_OBJECT_STR) {
        return fail_form(reading, path, "kind", "wrong_type");
    }
    for (uint32_t i = 0; i < ff_vocab_condition_kind.n; i++) {
        if (ff_str_is(ff_str(kind->via.str.ptr, kind->via.str.size),
                      ff_vocab_condition_kind.words[i])) {
            *out = (enum ff_condition_kind) i;
            return FF_E_OK;
        }
    }
    return fail_form(reading, path, "kind", "unknown_value");
}

/* ---- nodes ---- */

static ff_err
take_matcher(struct reading *reading, const struct ff_matcher *matcher, const char *path,
             struct ff_cond_node *node)
{
    node->name = FF_NONE(ff_str);
    if (matcher == NULL || matcher->kind == FF_MATCH_WILDCARD) {
        return FF_E_OK;
    }
    if (matcher->name.p == NULL) {
        return fail_form(reading, path, "matcher.name", "missing");
    }
    node->name = matcher->name;
    return node->name.n == 0 ? fail_node(reading, path, "empty_signal_name") : FF_E_OK;
}

static ff_err
read_single(struct reading *reading, const msgpack_object *map, const char *path,
            struct ff_cond_node *node)
{
    struct ff_condition_single single = { 0 };

    FF_TRY(ff_decode(&ff_desc_condition_single, map, reading->out->arena, field_path(reading, path),
                     FF_E_INVALID_INPUT, &single, reading->fault));
    node->keys.v = FF_ARENA_NEW(reading->out->arena, struct ff_str, 1);
    node->keys.v[0] = single.waitpoint_key;
    node->keys.n = 1;
    return take_matcher(reading, &single.matcher, path, node);
}

static void
add_distinct(struct ff_strs *list, struct ff_str text)
{
    for (uint32_t i = 0; i < list->n; i++) {
        if (ff_str_eq(list->v[i], text)) {
            return;
        }
    }
    list->v[list->n++] = text;
}

static uint32_t
count_distinct(struct ff_strs keys, struct ff_arena *arena)
{
    struct ff_strs distinct = { .v = FF_ARENA_NEW(arena, struct ff_str, keys.n) };

    for (uint32_t i = 0; i < keys.n; i++) {
        add_distinct(&distinct, keys.v[i]);
    }
    return distinct.n;
}

static ff_err
check_count(struct reading *reading, const struct ff_cond_node *node, const char *path)
{
    if (node->n == 0) {
        return fail_node(reading, path, "count_n_zero");
    }
    if (node->keys.n == 0) {
        return fail_node(reading, path, "count_waitpoints_empty");
    }
    if (node->count_kind == FF_COUNT_WAITPOINTS &&
        node->n > count_distinct(node->keys, reading->out->arena)) {
        return fail_node(reading, path, "count_exceeds_waitpoint_set");
    }
    return node->n > FF_CONDITION_COUNT_MAX ? fail_node(reading, path, "count_n_too_large")
                                            : FF_E_OK;
}

static ff_err
read_count(struct reading *reading, const msgpack_object *map, const char *path,
           struct ff_cond_node *node)
{
    struct ff_condition_count count = { 0 };

    FF_TRY(ff_decode(&ff_desc_condition_count, map, reading->out->arena, field_path(reading, path),
                     FF_E_INVALID_INPUT, &count, reading->fault));
    node->n = count.n;
    node->count_kind = count.count_kind;
    node->keys = count.waitpoints;
    FF_TRY(check_count(reading, node, path));
    return take_matcher(reading, count.matcher, path, node);
}

static ff_err read_node(struct reading *reading, const msgpack_object *map, const char *path,
                        uint32_t depth);

/* Of the value itself only that it is a list: the members are read where they stand. */
static ff_err
read_members(struct reading *reading, const msgpack_object *map, const char *path, uint32_t depth)
{
    struct ff_condition_all_of all_of = { 0 };
    const msgpack_object *members = NULL;

    FF_TRY(ff_decode(&ff_desc_condition_all_of, map, reading->out->arena, field_path(reading, path),
                     FF_E_INVALID_INPUT, &all_of, reading->fault));
    members = member_of(map, "members");
    if (members->type != MSGPACK_OBJECT_ARRAY) {
        return fail_form(reading, path, "members", "wrong_type");
    }
    if (members->via.array.size == 0) {
        return fail_node(reading, path, "allof_empty_members");
    }
    for (uint32_t i = 0; i < members->via.array.size; i++) {
        struct ff_str at = ff_arena_printf(reading->out->arena, "%s%smembers[%u]", path,
                                           path[0] == '\0' ? "" : ".", i);

        FF_TRY(read_node(reading, &members->via.array.ptr[i], at.p, depth));
    }
    return FF_E_OK;
}

static ff_err
read_leaf(struct reading *reading, const msgpack_object *map, const char *path)
{
    struct ff_condition_leaf leaf = { 0 };

    return ff_decode(&ff_desc_condition_leaf, map, reading->out->arena, field_path(reading, path),
                     FF_E_INVALID_INPUT, &leaf, reading->fault);
}

/* depth: composites above it. */
static ff_err
read_node(struct reading *reading, const msgpack_object *map, const char *path, uint32_t depth)
{
    enum ff_condition_kind kind = FF_COND_SINGLE;
    struct ff_cond_node node = { 0 };
    uint32_t at = 0;

    FF_TRY(read_kind(reading, map, path, &kind));
    if ((kind == FF_COND_ALL_OF || kind == FF_COND_COUNT) && ++depth > FF_CONDITION_DEPTH_MAX) {
        (void) fail_node(reading, path, "condition_depth_exceeded");
        ff_fault_add(reading->fault, ff_d_u64("depth", depth));
        return FF_E_INVALID_INPUT;
    }
    add_node(reading, &at);
    node.kind = kind;
    switch (kind) {
    case FF_COND_SINGLE:
        FF_TRY(read_single(reading, map, path, &node));
        break;
    case FF_COND_COUNT:
        FF_TRY(read_count(reading, map, path, &node));
        break;
    case FF_COND_ALL_OF:
        FF_TRY(read_members(reading, map, path, depth));
        break;
    case FF_COND_OPERATOR_ONLY:
    case FF_COND_TIMEOUT_ONLY:
        FF_TRY(read_leaf(reading, map, path));
        break;
    }
    node.end = reading->out->n;
    reading->out->nodes[at] = node;
    return FF_E_OK;
}

struct cond_zone {
    msgpack_zone zone;
};

static void
cond_zone_done(struct cond_zone *zone)
{
    msgpack_zone_destroy(&zone->zone);
}

/* Texts are copied with the packed value, so that they outlive the tree. */
ff_err
ff_condition_parse(struct ff_str packed, const char *field, struct ff_arena *arena,
                   struct ff_condition *out, struct ff_fault *fault)
{
    struct reading reading = { .out = out, .field = field, .fault = fault };
    __attribute__((cleanup(cond_zone_done))) struct cond_zone zone;
    struct ff_str own = ff_str("", 0);
    msgpack_object root;

    msgpack_zone_init(&zone.zone, 1024);
    *out = (struct ff_condition){ .arena = arena };
    if (packed.n > FF_CONDITION_BYTES_MAX) {
        return fail_node(&reading, "", "condition_size_exceeded");
    }
    own = ff_arena_copy(arena, packed);
    FF_TRY(ff_msgpack_parse(own, &zone.zone, &root, fault));
    return read_node(&reading, &root, "", 0);
}

/* ---- questions ---- */

struct ff_strs
ff_condition_keys(const struct ff_condition *condition)
{
    struct ff_strs keys = { .v = NULL };
    uint32_t most = 0;

    for (uint32_t i = 0; i < condition->n; i++) {
        most += condition->nodes[i].keys.n;
    }
    keys.v = FF_ARENA_NEW(condition->arena, struct ff_str, most);
    for (uint32_t i = 0; i < condition->n; i++) {
        for (uint32_t k = 0; k < condition->nodes[i].keys.n; k++) {
            add_distinct(&keys, condition->nodes[i].keys.v[k]);
        }
    }
    return keys;
}

bool
ff_condition_has(const struct ff_condition *condition, enum ff_condition_kind kind)
{
    for (uint32_t i = 0; i < condition->n; i++) {
        if (condition->nodes[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static bool
names_key(const struct ff_cond_node *node, struct ff_str key)
{
    for (uint32_t i = 0; i < node->keys.n; i++) {
        if (ff_str_eq(node->keys.v[i], key)) {
            return true;
        }
    }
    return false;
}

struct ff_strs
ff_condition_names(const struct ff_condition *condition, struct ff_str key)
{
    struct ff_strs names = { .v = FF_ARENA_NEW(condition->arena, struct ff_str, condition->n) };

    for (uint32_t i = 0; i < condition->n; i++) {
        const struct ff_cond_node *node = &condition->nodes[i];

        if (node->kind == FF_COND_OPERATOR_ONLY) {
            add_distinct(&names, ff_cstr("__operator_only__"));
        } else if (node->kind == FF_COND_TIMEOUT_ONLY) {
            add_distinct(&names, ff_cstr("__timeout_only__"));
        } else if (node->name.p != NULL && names_key(node, key)) {
            add_distinct(&names, node->name);
        }
    }
    return names;
}

/* ---- evaluating ---- */

void
ff_condition_resume(struct ff_condition *condition, struct ff_node_progress_list progress)
{
    for (uint32_t i = 0; i < progress.n; i++) {
        if (progress.v[i].node < condition->n) {
            condition->nodes[progress.v[i].node].touched = true;
            condition->nodes[progress.v[i].node].seen = progress.v[i].seen;
        }
    }
}

struct ff_node_progress_list
ff_condition_progress(const struct ff_condition *condition)
{
    struct ff_node_progress_list list = { 0 };

    list.v = FF_ARENA_NEW(condition->arena, struct ff_node_progress, condition->n);
    for (uint32_t i = 0; i < condition->n; i++) {
        if (condition->nodes[i].touched) {
            list.v[list.n++] =
                (struct ff_node_progress){ .node = i, .seen = condition->nodes[i].seen };
        }
    }
    return list;
}

static struct ff_digest
satisfier_of(const struct ff_cond_node *node, const struct ff_cond_signal *signal)
{
    const struct ff_str source[] = { signal->source_type, signal->source_identity };
    struct ff_digest digest;

    switch (node->count_kind) {
    case FF_COUNT_WAITPOINTS:
        return ff_digest_of(&signal->waitpoint_key, 1);
    case FF_COUNT_SOURCES:
        return ff_digest_of(source, FF_COUNT(source));
    case FF_COUNT_SIGNALS:
        break;
    }
    memcpy(digest.b, signal->signal_id.b, sizeof(digest.b));
    return digest;
}

/* Notes a new distinct satisfier; false: it is known, or there is no more room. */
static bool
add_satisfier(const struct ff_condition *condition, struct ff_cond_node *node,
              const struct ff_cond_signal *signal)
{
    struct ff_digest digest = satisfier_of(node, signal);
    char *grown = NULL;

    for (uint32_t at = 0; at < node->seen.n; at += FF_SATISFIER_BYTES) {
        if (memcmp(node->seen.p + at, digest.b, FF_SATISFIER_BYTES) == 0) {
            return false;
        }
    }
    if (node->seen.n >= FF_SATISFIERS_MAX * FF_SATISFIER_BYTES) {
        return false;
    }
    grown = ff_arena_alloc(condition->arena, node->seen.n + FF_SATISFIER_BYTES);
    if (node->seen.n > 0) {
        memcpy(grown, node->seen.p, node->seen.n);
    }
    memcpy(grown + node->seen.n, digest.b, FF_SATISFIER_BYTES);
    node->seen = ff_str(grown, node->seen.n + FF_SATISFIER_BYTES);
    node->touched = true;
    return true;
}

static bool
contributes(const struct ff_condition *condition, struct ff_cond_node *node,
            const struct ff_cond_signal *signal)
{
    if (node->kind == FF_COND_COUNT) {
        return add_satisfier(condition, node, signal);
    }
    if (node->touched) {
        return false;
    }
    node->touched = true;
    return true;
}

static bool
is_true(const struct ff_condition *condition, uint32_t at)
{
    const struct ff_cond_node *node = &condition->nodes[at];

    switch (node->kind) {
    case FF_COND_SINGLE:
        return node->touched;
    case FF_COND_COUNT:
        return node->seen.n / FF_SATISFIER_BYTES >= node->n;
    case FF_COND_ALL_OF:
        for (uint32_t i = at + 1; i < node->end; i = condition->nodes[i].end) {
            if (!is_true(condition, i)) {
                return false;
            }
        }
        return true;
    case FF_COND_OPERATOR_ONLY:
    case FF_COND_TIMEOUT_ONLY:
        break;
    }
    return false;
}

bool
ff_condition_is_true(const struct ff_condition *condition)
{
    return condition->n > 0 && is_true(condition, 0);
}

enum ff_signal_effect
ff_condition_take(struct ff_condition *condition, const struct ff_cond_signal *signal)
{
    bool named = false, accepted = false, contributed = false;
    bool composite =
        condition->nodes[0].kind == FF_COND_ALL_OF || condition->nodes[0].kind == FF_COND_COUNT;

    for (uint32_t i = 0; i < condition->n; i++) {
        struct ff_cond_node *node = &condition->nodes[i];

        if (names_key(node, signal->waitpoint_key)) {
            named = true;
            if (node->name.p == NULL || ff_str_eq(node->name, signal->signal_name)) {
                accepted = true;
                contributed = contributes(condition, node, signal) || contributed;
            }
        }
    }
    if (!accepted) {
        return !composite ? FF_EFFECT_NO_OP
               : named    ? FF_EFFECT_MATCHER_FAILED
                          : FF_EFFECT_NOT_IN_CONDITION;
    }
    if (!contributed) {
        return FF_EFFECT_APPENDED_DUPLICATE;
    }
    return ff_condition_is_true(condition) ? FF_EFFECT_SATISFIED : FF_EFFECT_APPENDED;
}
