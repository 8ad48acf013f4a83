#include "workers/suspend.h"

#include <sodium.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/partition.h"

/* ---- arguments ---- */

static void
pack_matcher(msgpack_packer *pk, const char *name)
{
    ff_pack_cstr(pk, "matcher");
    msgpack_pack_map(pk, name == NULL ? 1 : 2);
    ff_pack_cstr(pk, "kind");
    ff_pack_cstr(pk, name == NULL ? "wildcard" : "by_name");
    if (name != NULL) {
        ff_pack_cstr(pk, "name");
        ff_pack_cstr(pk, name);
    }
}

static void
pack_single(msgpack_packer *pk, const struct ff_awaited *awaited)
{
    msgpack_pack_map(pk, 3);
    ff_pack_cstr(pk, "kind");
    ff_pack_cstr(pk, "single");
    ff_pack_cstr(pk, "waitpoint_key");
    ff_pack_cstr(pk, awaited->key);
    pack_matcher(pk, awaited->name);
}

static void
pack_all(msgpack_packer *pk, const struct ff_awaiting *awaiting)
{
    msgpack_pack_map(pk, 2);
    ff_pack_cstr(pk, "kind");
    ff_pack_cstr(pk, "all_of");
    ff_pack_cstr(pk, "members");
    msgpack_pack_array(pk, awaiting->n);
    for (uint32_t i = 0; i < awaiting->n; i++) {
        pack_single(pk, &awaiting->v[i]);
    }
}

static void
pack_some(msgpack_packer *pk, const struct ff_awaiting *awaiting)
{
    msgpack_pack_map(pk, 5);
    ff_pack_cstr(pk, "kind");
    ff_pack_cstr(pk, "count");
    ff_pack_cstr(pk, "n");
    msgpack_pack_uint32(pk, awaiting->wanted);
    ff_pack_cstr(pk, "count_kind");
    ff_pack_cstr(pk, "distinct_waitpoints");
    pack_matcher(pk, awaiting->v[0].name);
    ff_pack_cstr(pk, "waitpoints");
    msgpack_pack_array(pk, awaiting->n);
    for (uint32_t i = 0; i < awaiting->n; i++) {
        ff_pack_cstr(pk, awaiting->v[i].key);
    }
}

static bool
wants_all(const struct ff_awaiting *awaiting)
{
    return awaiting->wanted == 0 || awaiting->wanted == awaiting->n;
}

static void
pack_condition(msgpack_packer *pk, const struct ff_awaiting *awaiting)
{
    if (awaiting->n == 1) {
        pack_single(pk, &awaiting->v[0]);
    } else if (wants_all(awaiting)) {
        pack_all(pk, awaiting);
    } else {
        pack_some(pk, awaiting);
    }
}

static void
pack_bindings(msgpack_packer *pk, const struct ff_awaiting *awaiting)
{
    msgpack_pack_array(pk, awaiting->n);
    for (uint32_t i = 0; i < awaiting->n; i++) {
        msgpack_pack_map(pk, 2);
        ff_pack_cstr(pk, "kind");
        ff_pack_cstr(pk, "fresh");
        ff_pack_cstr(pk, "waitpoint_key");
        ff_pack_cstr(pk, awaiting->v[i].key);
    }
}

/* Why it cannot be said; NULL: it can. */
static const char *
refusal(const struct ff_awaiting *awaiting)
{
    if (awaiting->n == 0 || awaiting->n > FF_SUSPEND_MAX) {
        return "too_many_waitpoints";
    }
    if (awaiting->wanted > awaiting->n) {
        return "count_exceeds_waitpoint_set";
    }
    for (uint32_t i = 1; i < awaiting->n && !wants_all(awaiting); i++) {
        if (!ff_str_eq(ff_cstr(awaiting->v[i].name), ff_cstr(awaiting->v[0].name))) {
            return "different_names";
        }
    }
    return NULL;
}

/* ---- calls ---- */

static struct ff_str
packed(void (*pack)(msgpack_packer *, const struct ff_awaiting *),
       const struct ff_awaiting *awaiting, struct ff_arena *arena)
{
    FF_SCOPED(ff_packer) packer = { 0 };

    ff_packer_init(&packer);
    pack(&packer.pk, awaiting);
    return ff_arena_copy(arena, ff_packer_str(&packer));
}

const char *
ff_suspend_fill(const struct ff_suspending *with, const struct ff_awaiting *awaiting,
                struct ff_suspend_args *out, struct ff_arena *arena)
{
    const char *reason = refusal(awaiting);

    if (reason != NULL) {
        return reason;
    }
    *out = (struct ff_suspend_args){
        .handle = with->handle,
        .waitpoints = packed(pack_bindings, awaiting, arena),
        .resume_condition = packed(pack_condition, awaiting, arena),
        .reason_code = with->reason,
        .timeout_behavior = ff_cstr(ff_word(&ff_vocab_timeout_behavior, with->on_timeout)),
        .continuation_metadata_pointer = ff_cstr(with->pointer),
        .idempotency_key = ff_cstr(with->idempotency_key),
    };
    if (with->timeout_ms > 0) {
        out->timeout_at = FF_SOME(ff_opt_i64, ff_time_add(ff_wall_ms(), with->timeout_ms));
    }
    return NULL;
}

ff_err
ff_suspend_on(struct ff_client *client, const struct ff_suspending *with,
              const struct ff_awaiting *awaiting, struct ff_suspend_result *result,
              struct ff_answer *answer)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_suspend_args args = { 0 };
    const char *reason = ff_suspend_fill(with, awaiting, &args, &arena);

    if (reason != NULL) {
        return ff_fail_input(&answer->fault, "awaiting", reason);
    }
    return ff_client_suspend(client, &args, result, answer);
}

struct ff_waitpoint_ref
ff_suspend_waitpoint(const struct ff_suspend_result *result, uint32_t at)
{
    const struct ff_suspend_details *details = &result->details;

    FF_ASSERT(at <= details->additional_waitpoints.n);
    if (at > 0) {
        return details->additional_waitpoints.v[at - 1];
    }
    return (struct ff_waitpoint_ref){ .waitpoint_id = details->waitpoint_id,
                                      .waitpoint_key = details->waitpoint_key,
                                      .waitpoint_token = details->waitpoint_token };
}

/* ---- the bridge ---- */

static bool
same_token(struct ff_str a, struct ff_str b)
{
    return a.n == b.n && a.n > 0 && sodium_memcmp(a.p, b.p, a.n) == 0;
}

ff_err
ff_signal_bridge(struct ff_client *client, const struct ff_deliver_signal_args *args,
                 struct ff_deliver_signal_result *result, struct ff_answer *answer)
{
    const struct ff_partition partition = { FF_PARTITION_FLOW, args->execution_id.partition };
    char key[FF_PARTITION_KEY_MAX];
    const struct ff_read_waitpoint_token_args asking = {
        .partition = ff_str(key, ff_partition_key_text(partition, key)),
        .waitpoint_id = args->waitpoint_id,
        .execution_id = FF_SOME(ff_opt_eid, args->execution_id),
    };
    struct ff_read_waitpoint_token_result stored = { 0 };
    bool same = false;

    ff_err err = ff_client_read_waitpoint_token(client, &asking, &stored, answer);

    if (err != FF_E_OK) {
        return err;
    }
    if (stored.token.p == NULL) {
        return ff_fail(&answer->fault, FF_E_UNKNOWN_WAITPOINT);
    }
    same = same_token(stored.token, args->waitpoint_token);
    ff_answer_done(answer);
    *answer = (struct ff_answer){ 0 };
    return same ? ff_client_deliver_signal(client, args, result, answer)
                : ff_fail(&answer->fault, FF_E_TOKEN_MISMATCH);
}
