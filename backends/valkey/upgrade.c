/* From the first layout, in which the first attempt of an execution had a hash of its own, to the
 * second one, where it stands in its execution's. Each step moves what it meets (function.c), so an
 * upgrade that was interrupted is just begun again. */
#include <stdio.h>

#include "backends/valkey/valkey_int.h"

/* Keys looked at in one step: some milliseconds. */
#define STEP_KEYS "1000"

struct ff_vk_upgrading {
    bool done, ok;
    char cursor[24];
};

static void
on_step(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    struct ff_vk_upgrading *upgrading = valkey->upgrading;

    (void) tag;
    if (upgrading == NULL) {
        return;
    }
    upgrading->done = true;
    valkey->delivered = true;
    upgrading->ok = reply->type != REDIS_REPLY_ERROR;
    snprintf(upgrading->cursor, sizeof(upgrading->cursor), "%s",
             ff_reply_is_text(reply) ? reply->str : "0");
    if (!upgrading->ok) {
        snprintf(valkey->why_text, sizeof(valkey->why_text), "%s", reply->str);
    }
}

/* Puts one command into the link's buffer, and waits for its answer. */
static ff_err
await(struct valkey *valkey, struct ff_vk_upgrading *upgrading, struct ff_fault *fault)
{
    upgrading->done = upgrading->ok = false;
    valkey->upgrading = upgrading;
    ff_vk_expect(&valkey->main, on_step, 0);
    ff_vk_flush(&valkey->main);
    while (!upgrading->done && valkey->main.state == LINK_READY) {
        ff_vk_wait(valkey);
    }
    valkey->upgrading = NULL;
    if (!upgrading->ok) {
        ff_vk_fail(valkey, fault, valkey->why_text);
        return fault->code;
    }
    return FF_E_OK;
}

static ff_err
move_all(struct valkey *valkey, struct ff_fault *fault)
{
    struct ff_vk_upgrading upgrading = { .cursor = "0" };

    do {
        ff_vk_fcall(&valkey->main.out, "upgrade", 3);
        ff_resp_text(&valkey->main.out, upgrading.cursor);
        ff_vk_pattern(valkey, &valkey->main.out);
        ff_resp_text(&valkey->main.out, STEP_KEYS);
        FF_TRY(await(valkey, &upgrading, fault));
    } while (strcmp(upgrading.cursor, "0") != 0);
    return FF_E_OK;
}

/* Daemons of the earlier version would go on writing what this moves away. */
static ff_err
refuse_others(struct valkey *valkey, struct ff_fault *fault)
{
    valkey->beaten = false;
    ff_vk_beat(valkey);
    while (!valkey->beaten && valkey->main.state == LINK_READY) {
        ff_vk_wait(valkey);
    }
    if (!valkey->beaten) {
        ff_vk_fail(valkey, fault, valkey->why_text);
        return fault->code;
    }
    if (valkey->n_peers > 0) {
        ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "schema_version"),
                ff_d_u64("others", valkey->n_peers));
        fault->message =
            "the store is of an earlier version, and daemons of that version use it, or "
            "did ten seconds ago; end them, then start this one again";
        return fault->code;
    }
    return FF_E_OK;
}

ff_err
ff_vk_upgrade(struct valkey *valkey, uint64_t schema, struct ff_fault *fault)
{
    struct ff_vk_upgrading upgrading = { .done = false };
    struct ff_resp *out = &valkey->main.out;

    FF_TRY(refuse_others(valkey, fault));
    FF_TRY(move_all(valkey, fault));
    ff_resp_head(out, 4);
    ff_resp_text(out, "HSET");
    ff_vk_key_text(valkey, out, "{g}:store");
    ff_resp_text(out, "schema");
    ff_resp_u64(out, schema);
    return await(valkey, &upgrading, fault);
}
