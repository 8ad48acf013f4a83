/* From the first layout, in which the first attempt of an execution had a hash of its own, to the
 * second one, where it stands in its execution's. Each step moves what it meets (function.c), so an
 * upgrade that was interrupted is just begun again. */
#include "backends/valkey/ask.h"

/* Keys looked at in one step: some milliseconds. */
#define STEP_KEYS "1000"

static ff_err
move_all(struct valkey *valkey, struct ff_fault *fault)
{
    uint64_t cursor = 0;

    do {
        ff_vk_ask_begin(valkey);
        ff_vk_fcall(&valkey->main.out, "upgrade", 3);
        ff_resp_u64(&valkey->main.out, cursor);
        ff_vk_pattern(valkey, &valkey->main.out);
        ff_resp_text(&valkey->main.out, STEP_KEYS);
        ff_vk_expect(&valkey->main, NULL, 0);
        FF_TRY(ff_vk_ask(valkey, &cursor, fault));
    } while (cursor != 0);
    return FF_E_OK;
}

/* Daemons of the earlier version would go on writing what this moves away. */
static ff_err
refuse_others(struct valkey *valkey, struct ff_fault *fault)
{
    if (!ff_vk_beat_once(valkey)) {
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
    struct ff_resp *out = NULL;
    uint64_t ignored = 0;

    FF_TRY(refuse_others(valkey, fault));
    FF_TRY(move_all(valkey, fault));
    ff_vk_ask_begin(valkey);
    out = ff_vk_ask_command(valkey, "HSET", "{g}:store", 2);
    ff_resp_text(out, "schema");
    ff_resp_u64(out, schema);
    return ff_vk_ask(valkey, &ignored, fault);
}
