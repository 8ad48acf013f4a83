#include "core/policy.h"

#include "core/caps.h"
#include "core/codec.h"

#define BACKOFF_FIXED_MS 1000
#define BACKOFF_INITIAL_MS 1000
#define BACKOFF_MAX_MS 60000
#define BACKOFF_MULTIPLIER 2.0

/* What is being read, and where to. */
struct reader {
    const char *field;
    bool json; /* the argument is text: its paths are no paths of arguments */
    struct ff_arena *arena;
    struct ff_fault *fault;
};

/* ---- faults ---- */

/* The argument by its dotted path (01 §1.3), beside the path inside the policy. */
static void
add_field(const struct reader *in, struct ff_str path)
{
    struct ff_str field = ff_cstr(in->field);

    if (!in->json && path.n > 0) {
        /* an argument `retry_policy` is itself the first step of its paths */
        bool same = path.n >= field.n && memcmp(path.p, field.p, field.n) == 0;

        field =
            same ? path : ff_arena_printf(in->arena, "%s.%.*s", in->field, (int) path.n, path.p);
    }
    ff_fault_add(in->fault, ff_d_str("field", field));
}

static ff_err
fail(const struct reader *in, struct ff_str path, const char *reason)
{
    ff_err err = ff_fail(in->fault, FF_E_INVALID_POLICY_JSON, ff_d_str("path", path),
                         ff_d_text("reason", reason));

    add_field(in, path);
    return err;
}

static ff_err
decode(const struct reader *in, const struct ff_desc *desc, const char *path,
       const msgpack_object *map, void *out)
{
    ff_err err = ff_decode(desc, map, in->arena, path, FF_E_INVALID_POLICY_JSON, out, in->fault);

    if (err != FF_E_OK) {
        FF_ASSERT(in->fault->n > 0 && strcmp(in->fault->detail[0].key, "path") == 0);
        add_field(in, in->fault->detail[0].v.str);
    }
    return err;
}

/* ---- the tree, before it is decoded ---- */

/* The value of a member that is there, else NULL. */
static msgpack_object *
member(const msgpack_object *map, const char *name)
{
    if (map == NULL || map->type != MSGPACK_OBJECT_MAP) {
        return NULL;
    }
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        msgpack_object_kv *pair = &map->via.map.ptr[i];

        if (pair->key.type == MSGPACK_OBJECT_STR && pair->val.type != MSGPACK_OBJECT_NIL &&
            ff_str_is(ff_str(pair->key.via.str.ptr, pair->key.via.str.size), name)) {
            return &pair->val;
        }
    }
    return NULL;
}

static void
drop(const msgpack_object *map, const char *name)
{
    msgpack_object *value = member(map, name);

    if (value != NULL) {
        value->type = MSGPACK_OBJECT_NIL;
    }
}

/* The fields of one type of backoff are unknown to the other, hence ignored. */
static void
drop_other_backoff(const msgpack_object *retry)
{
    const msgpack_object *backoff = member(retry, "backoff");
    const msgpack_object *type = member(backoff, "type");

    if (type != NULL && type->type == MSGPACK_OBJECT_STR &&
        ff_str_is(ff_str(type->via.str.ptr, type->via.str.size), "fixed")) {
        drop(backoff, "initial_delay_ms");
        drop(backoff, "max_delay_ms");
        drop(backoff, "multiplier");
        drop(backoff, "jitter");
    } else {
        drop(backoff, "delay_ms");
    }
}

/* Takes the token list out of the tree: it is judged by rules, and with a code, of its own. */
static msgpack_object
take_capabilities(const msgpack_object *map)
{
    msgpack_object *list = member(member(map, "routing_requirements"), "required_capabilities");
    msgpack_object taken = { .type = MSGPACK_OBJECT_NIL };

    if (list != NULL) {
        taken = *list;
        list->type = MSGPACK_OBJECT_NIL;
    }
    return taken;
}

/* ---- freezing ---- */

int32_t
ff_priority_clamp(int32_t priority)
{
    if (priority < 0) {
        return 0;
    }
    return priority > FF_PRIORITY_MAX ? FF_PRIORITY_MAX : priority;
}

static void
default_u64(struct ff_opt_u64 *opt, uint64_t value)
{
    if (!opt->is) {
        *opt = FF_SOME(ff_opt_u64, value);
    }
}

static ff_err
freeze_retry(const struct reader *in, struct ff_retry_policy *retry)
{
    struct ff_backoff *backoff = &retry->backoff;

    if (backoff->type == FF_BACKOFF_FIXED) {
        default_u64(&backoff->delay_ms, BACKOFF_FIXED_MS);
        return FF_E_OK;
    }
    default_u64(&backoff->initial_delay_ms, BACKOFF_INITIAL_MS);
    default_u64(&backoff->max_delay_ms, BACKOFF_MAX_MS);
    if (!backoff->multiplier.is) {
        backoff->multiplier = FF_SOME(ff_opt_f64, BACKOFF_MULTIPLIER);
    }
    backoff->jitter.is = true;
    if (backoff->multiplier.v <= 0) {
        return fail(in, ff_cstr("retry_policy.backoff.multiplier"), "out_of_range");
    }
    return FF_E_OK;
}

static ff_err
check_fallback(const struct reader *in, const struct ff_fallback_policy *fallback)
{
    for (uint32_t i = 0; i < fallback->tiers.n; i++) {
        const struct ff_fallback_tier *tier = &fallback->tiers.v[i];
        const char *empty = tier->provider.n == 0 ? "provider"
                            : tier->model.n == 0  ? "model"
                                                  : NULL;

        if (empty != NULL) {
            return fail(in, ff_arena_printf(in->arena, "fallback_policy.tiers[%u].%s", i, empty),
                        "out_of_range");
        }
    }
    return FF_E_OK;
}

static void
drop_duplicates(struct ff_uuids *list)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < list->n; i++) {
        uint32_t k = 0;

        while (k < n && !ff_uuid_eq(list->v[k], list->v[i])) {
            k++;
        }
        if (k == n) {
            list->v[n++] = list->v[i];
        }
    }
    list->n = n;
}

/* timeout_policy.max_reclaim_count is only another place for the policy's own (01 §5.3). */
static void
move_reclaim_limit(struct ff_policy *policy)
{
    if (policy->timeout_policy == NULL) {
        return;
    }
    if (!policy->max_reclaim_count.is) {
        policy->max_reclaim_count = policy->timeout_policy->max_reclaim_count;
    }
    policy->timeout_policy->max_reclaim_count = FF_NONE(ff_opt_u32);
}

static ff_err
freeze(const struct reader *in, const msgpack_object *map, struct ff_policy *policy)
{
    const struct ff_caps_from from = {
        FF_SIDE_REQUIRED,
        in->json ? in->field : "policy.routing_requirements.required_capabilities",
    };
    msgpack_object tokens = take_capabilities(map);

    drop_other_backoff(member(map, "retry_policy"));
    FF_TRY(decode(in, &ff_desc_policy, NULL, map, policy));
    if (policy->retry_policy != NULL) {
        FF_TRY(freeze_retry(in, policy->retry_policy));
    }
    if (policy->fallback_policy != NULL) {
        FF_TRY(check_fallback(in, policy->fallback_policy));
    }
    if (policy->routing_requirements != NULL && tokens.type != MSGPACK_OBJECT_NIL) {
        FF_TRY(ff_caps_of_object(&tokens, from, in->arena,
                                 &policy->routing_requirements->required_capabilities, in->fault));
    }
    policy->priority = ff_priority_clamp(policy->priority);
    drop_duplicates(&policy->budget_ids);
    move_reclaim_limit(policy);
    return FF_E_OK;
}

void
ff_policy_default(struct ff_policy *out)
{
    static const msgpack_object empty = { .type = MSGPACK_OBJECT_MAP };
    FF_SCOPED(ff_arena) arena = { 0 }; /* nothing in it is kept: all lists are empty */
    struct ff_fault fault;

    FF_ASSERT(ff_decode(&ff_desc_policy, &empty, &arena, NULL, FF_E_INVALID_POLICY_JSON, out,
                        &fault) == FF_E_OK);
}

/* ---- reading ---- */

typedef ff_err freeze_fn(const struct reader *in, const msgpack_object *map, const void **out);

static ff_err
read_policy(const struct reader *in, const msgpack_object *map, const void **out)
{
    struct ff_policy *policy = FF_ARENA_NEW(in->arena, struct ff_policy, 1);

    FF_TRY(freeze(in, map, policy));
    *out = policy;
    return FF_E_OK;
}

static ff_err
read_retry_policy(const struct reader *in, const msgpack_object *map, const void **out)
{
    struct ff_retry_policy *retry = FF_ARENA_NEW(in->arena, struct ff_retry_policy, 1);

    drop_other_backoff(map);
    FF_TRY(decode(in, &ff_desc_retry_policy, "retry_policy", map, retry));
    FF_TRY(freeze_retry(in, retry));
    *out = retry;
    return FF_E_OK;
}

static bool
is_none(const struct reader *in, const msgpack_object *tree)
{
    return in->json ? tree->type == MSGPACK_OBJECT_MAP && tree->via.map.size == 0
                    : tree->type == MSGPACK_OBJECT_NIL;
}

/* packed: in the arena, or as long-lived; the texts of the result point into it. *out keeps its
 * value, NULL, where there is none. */
static ff_err
read_packed(const struct reader *in, struct ff_str packed, freeze_fn *read, const void **out)
{
    msgpack_zone zone;
    msgpack_object tree;
    ff_err err = FF_E_OK;

    if (packed.n == 0) {
        return FF_E_OK;
    }
    FF_ASSERT(msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE));
    if (ff_msgpack_parse(packed, &zone, &tree, in->fault) != FF_E_OK) {
        err = fail(in, ff_cstr(""), "malformed"); /* JSON that nests too deep */
    } else if (!is_none(in, &tree)) {
        err = read(in, &tree, out);
    }
    msgpack_zone_destroy(&zone);
    return err;
}

static ff_err
read_json(const struct reader *in, struct ff_str json, freeze_fn *read, const void **out)
{
    FF_SCOPED(ff_packer) packer = { 0 };

    if (json.n == 0) {
        return FF_E_OK;
    }
    ff_packer_init(&packer);
    if (ff_json_to_msgpack(NULL, json, &packer.pk, in->fault) != FF_E_OK) {
        return fail(in, ff_cstr(""), "malformed");
    }
    return read_packed(in, ff_arena_copy(in->arena, ff_packer_str(&packer)), read, out);
}

ff_err
ff_policy_parse(struct ff_str packed, const char *field, struct ff_arena *arena,
                const struct ff_policy **out, struct ff_fault *fault)
{
    struct reader in = { field, false, arena, fault };
    const void *got = NULL;

    FF_TRY(read_packed(&in, packed, read_policy, &got));
    *out = got;
    return FF_E_OK;
}

ff_err
ff_policy_parse_json(struct ff_str json, const char *field, struct ff_arena *arena,
                     const struct ff_policy **out, struct ff_fault *fault)
{
    struct reader in = { field, true, arena, fault };
    const void *got = NULL;

    FF_TRY(read_json(&in, json, read_policy, &got));
    *out = got;
    return FF_E_OK;
}

ff_err
ff_retry_policy_parse(struct ff_str packed, const char *field, struct ff_arena *arena,
                      const struct ff_retry_policy **out, struct ff_fault *fault)
{
    struct reader in = { field, false, arena, fault };
    const void *got = NULL;

    FF_TRY(read_packed(&in, packed, read_retry_policy, &got));
    *out = got;
    return FF_E_OK;
}

ff_err
ff_retry_policy_parse_json(struct ff_str json, const char *field, struct ff_arena *arena,
                           const struct ff_retry_policy **out, struct ff_fault *fault)
{
    struct reader in = { field, true, arena, fault };
    const void *got = NULL;

    FF_TRY(read_json(&in, json, read_retry_policy, &got));
    *out = got;
    return FF_E_OK;
}
