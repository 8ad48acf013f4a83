#include "core/engine/bindings.h"

#include "core/codec.h"
#include "core/id.h"

static const char field[] = "waitpoints";

/* ---- reading ---- */

static ff_err
fail_at(struct ff_txn *txn, uint32_t index, const char *reason)
{
    (void) ff_fail_input(&txn->fault, ff_arena_printf(txn->arena, "waitpoints[%u]", index).p,
                         reason);
    ff_fault_add(&txn->fault, ff_d_u64("index", index));
    return FF_E_INVALID_INPUT;
}

static ff_err
read_one(struct ff_txn *txn, const msgpack_object *value, uint32_t index, struct ff_binding *out)
{
    const char *path = ff_arena_printf(txn->arena, "waitpoints[%u]", index).p;
    struct ff_waitpoint_binding given = { 0 };

    FF_TRY(ff_decode(&ff_desc_waitpoint_binding, value, txn->arena, path, FF_E_INVALID_INPUT,
                     &given, &txn->fault));
    out->kind = given.kind;
    out->id_given = given.waitpoint_id.is;
    out->waitpoint_id = given.waitpoint_id.v;
    out->waitpoint_key = given.waitpoint_key;
    if (given.kind == FF_BIND_USE_PENDING && !given.waitpoint_id.is) {
        return ff_fail_input(&txn->fault, ff_arena_printf(txn->arena, "%s.waitpoint_id", path).p,
                             "missing");
    }
    /* A pending waitpoint has its key; another one would not be looked at. */
    if (given.kind == FF_BIND_USE_PENDING && given.waitpoint_key.p != NULL) {
        return ff_fail_input(&txn->fault, ff_arena_printf(txn->arena, "%s.waitpoint_key", path).p,
                             "unknown_field");
    }
    return given.waitpoint_key.p != NULL && given.waitpoint_key.n == 0
               ? fail_at(txn, index, "waitpoint_binding_empty_key")
               : FF_E_OK;
}

static ff_err
read_list(struct ff_txn *txn, const msgpack_object *list, struct ff_bindings *out)
{
    uint32_t n = 0;

    if (list->type != MSGPACK_OBJECT_ARRAY) {
        return ff_fail_input(&txn->fault, field, "wrong_type");
    }
    n = list->via.array.size;
    if (n == 0) {
        return ff_fail_input(&txn->fault, field, "waitpoints_empty");
    }
    if (n > FF_BINDINGS_MAX) {
        return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", field),
                       ff_d_text("reason", "too_many_waitpoints"), ff_d_u64("count", n),
                       ff_d_u64("max", FF_BINDINGS_MAX));
    }
    out->v = FF_ARENA_NEW(txn->arena, struct ff_binding, n);
    for (; out->n < n; out->n++) {
        FF_TRY(read_one(txn, &list->via.array.ptr[out->n], out->n, &out->v[out->n]));
    }
    return FF_E_OK;
}

/* Ids that are made are not compared: they are all different. */
static ff_err
check_ids(struct ff_txn *txn, const struct ff_bindings *bindings)
{
    for (uint32_t i = 0; i < bindings->n; i++) {
        for (uint32_t j = 0; j < i && bindings->v[i].id_given; j++) {
            if (bindings->v[j].id_given &&
                ff_uuid_eq(bindings->v[i].waitpoint_id, bindings->v[j].waitpoint_id)) {
                return fail_at(txn, i, "duplicate_waitpoint_id");
            }
        }
    }
    return FF_E_OK;
}

static ff_err
check_keys(struct ff_txn *txn, const struct ff_bindings *bindings)
{
    for (uint32_t i = 0; i < bindings->n; i++) {
        for (uint32_t j = 0; j < i && bindings->v[i].waitpoint_key.n > 0; j++) {
            if (ff_str_eq(bindings->v[i].waitpoint_key, bindings->v[j].waitpoint_key)) {
                return fail_at(txn, i, "duplicate_waitpoint_key");
            }
        }
    }
    return FF_E_OK;
}

/* The texts are copied first: they outlive the tree. */
static ff_err
read_packed(struct ff_txn *txn, struct ff_str packed, struct ff_bindings *out)
{
    struct ff_str own = ff_arena_copy(txn->arena, packed);
    msgpack_zone zone;
    msgpack_object list;
    ff_err err = FF_E_OK;

    msgpack_zone_init(&zone, 1024);
    err = ff_msgpack_parse(own, &zone, &list, &txn->fault);
    if (err == FF_E_OK) {
        err = read_list(txn, &list, out);
    }
    msgpack_zone_destroy(&zone);
    return err;
}

ff_err
ff_bindings_read(struct ff_txn *txn, struct ff_str packed, struct ff_bindings *out)
{
    *out = (struct ff_bindings){ 0 };
    if (packed.p == NULL) {
        out->v = FF_ARENA_NEW(txn->arena, struct ff_binding, 1);
        out->n = 1;
    } else {
        FF_TRY(read_packed(txn, packed, out));
        FF_TRY(check_ids(txn, out));
        FF_TRY(check_keys(txn, out));
    }
    for (uint32_t i = 0; i < out->n; i++) {
        out->n_fresh += out->v[i].kind == FF_BIND_FRESH;
        if (!out->v[i].id_given) {
            out->v[i].waitpoint_id = ff_txn_uuid(txn);
        }
    }
    return FF_E_OK;
}

void
ff_bindings_name(struct ff_txn *txn, struct ff_bindings *bindings,
                 const struct ff_condition *condition)
{
    struct ff_strs keys = ff_condition_keys(condition);

    for (uint32_t i = 0; i < bindings->n; i++) {
        struct ff_binding *binding = &bindings->v[i];
        char id[FF_UUID_TEXT_MAX];

        if (binding->kind == FF_BIND_USE_PENDING || binding->waitpoint_key.p != NULL) {
            continue;
        }
        if (bindings->n == 1 && keys.n == 1) {
            binding->waitpoint_key = keys.v[0];
        } else {
            ff_uuid_text(&binding->waitpoint_id, id);
            binding->waitpoint_key = ff_arena_printf(txn->arena, "wpk:%s", id);
        }
    }
}

/* ---- matching: every key is bound, and every binding is of use ---- */

static ff_err
fail_key(struct ff_txn *txn, const char *at, const char *reason, struct ff_str key)
{
    return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", at),
                   ff_d_text("reason", reason), ff_d_str("waitpoint_key", key));
}

static bool
is_bound(const struct ff_bindings *bindings, struct ff_str key)
{
    for (uint32_t i = 0; i < bindings->n; i++) {
        if (ff_str_eq(bindings->v[i].waitpoint_key, key)) {
            return true;
        }
    }
    return false;
}

static bool
is_among(struct ff_strs keys, struct ff_str key)
{
    for (uint32_t i = 0; i < keys.n; i++) {
        if (ff_str_eq(keys.v[i], key)) {
            return true;
        }
    }
    return false;
}

ff_err
ff_bindings_match(struct ff_txn *txn, const struct ff_bindings *bindings,
                  const struct ff_condition *condition)
{
    enum ff_condition_kind kind = condition->nodes[0].kind;
    struct ff_strs keys = ff_condition_keys(condition);

    FF_TRY(check_keys(txn, bindings));
    if (kind == FF_COND_SINGLE && !ff_str_eq(keys.v[0], bindings->v[0].waitpoint_key)) {
        return fail_key(txn, "resume_condition.waitpoint_key", "waitpoint_key_mismatch", keys.v[0]);
    }
    if (bindings->n == 1 && (kind == FF_COND_OPERATOR_ONLY || kind == FF_COND_TIMEOUT_ONLY)) {
        return FF_E_OK;
    }
    for (uint32_t i = 0; i < keys.n; i++) {
        if (!is_bound(bindings, keys.v[i])) {
            return fail_key(txn, "resume_condition", "referenced_waitpoint_key_missing_binding",
                            keys.v[i]);
        }
    }
    for (uint32_t i = 0; i < bindings->n; i++) {
        if (!is_among(keys, bindings->v[i].waitpoint_key)) {
            return fail_key(txn, ff_arena_printf(txn->arena, "waitpoints[%u]", i).p,
                            "extra_binding_not_referenced_by_condition",
                            bindings->v[i].waitpoint_key);
        }
    }
    return FF_E_OK;
}
