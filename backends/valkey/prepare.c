/* What a new store is given, and what one that is there must agree with. */
#include <stdio.h>
#include <stdlib.h>

#include "backends/valkey/valkey_int.h"
#include "core/store_offline.h"

/* Of the keys and of what is in them. An earlier one is upgraded, a later one refused. */
#define SCHEMA 2

struct preparing {
    bool done, applied;
    ff_err err;
    uint64_t schema;
    struct ff_partition_counts stored;
};

static const char *const names[] = { "schema", "flow_partitions", "budget_partitions",
                                     "quota_partitions" };

/* What is read; LOOK sets nothing. */
#define VALUES (FF_COUNT(names) + 1)

/* [was set now? × 4 (LOOK: none), values] */
static void
on_info(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    struct preparing *preparing = valkey->preparing;
    const redisReply *values = NULL;
    size_t n_set = valkey->host.use == FF_STORE_LOOK ? 0 : FF_COUNT(names);

    (void) tag;
    if (preparing == NULL) {
        return;
    }
    preparing->done = true;
    valkey->delivered = true;
    values = reply->elements == n_set + 1 ? reply->element[n_set] : NULL;
    if (values == NULL || values->elements != VALUES) {
        preparing->err = FF_E_TRANSPORT;
        snprintf(valkey->why_text, sizeof(valkey->why_text), "%s",
                 reply->type == REDIS_REPLY_ERROR ? reply->str : "unexpected answer");
        return;
    }
    preparing->applied = n_set > 0 && ff_reply_u64(reply->element[0]) == 1;
    preparing->schema = ff_reply_u64(values->element[0]);
    preparing->stored.flow = (uint32_t) ff_reply_u64(values->element[1]);
    preparing->stored.budget = (uint32_t) ff_reply_u64(values->element[2]);
    preparing->stored.quota = (uint32_t) ff_reply_u64(values->element[3]);
    valkey->store.unfinished = ff_reply_u64(values->element[4]) != 0;
}

/* Sets what is not set yet, and reads all of it, in one transaction. */
static void
ask(struct valkey *valkey, const struct ff_partition_counts *counts)
{
    const uint32_t values[] = { SCHEMA, counts->flow, counts->budget, counts->quota };
    struct link *link = &valkey->main;

    ff_vk_function_load(valkey);
    ff_resp_words(&link->out, "MULTI", NULL);
    ff_vk_expect(link, NULL, 0);
    for (size_t i = 0; i < FF_COUNT(names) && valkey->host.use != FF_STORE_LOOK; i++) {
        ff_resp_head(&link->out, 4);
        ff_resp_text(&link->out, "HSETNX");
        ff_vk_key_text(valkey, &link->out, "{g}:store");
        ff_resp_text(&link->out, names[i]);
        ff_resp_u64(&link->out, values[i]);
        ff_vk_expect(link, NULL, 0);
    }
    ff_resp_head(&link->out, 2 + VALUES);
    ff_resp_text(&link->out, "HMGET");
    ff_vk_key_text(valkey, &link->out, "{g}:store");
    for (size_t i = 0; i < FF_COUNT(names); i++) {
        ff_resp_text(&link->out, names[i]);
    }
    ff_resp_text(&link->out, FF_VALKEY_UNFINISHED);
    ff_vk_expect(link, NULL, 0);
    ff_resp_words(&link->out, "EXEC", NULL);
    ff_vk_expect(link, on_info, 0);
    ff_vk_flush(link);
}

/* Waits for the first connection; one failure is enough, the process is started again. */
static bool
await_link(struct valkey *valkey)
{
    if (valkey->main.state == LINK_DOWN) {
        ff_vk_connect(&valkey->main);
    }
    while (valkey->main.state != LINK_READY && valkey->main.failures == 0) {
        ff_vk_wait(valkey);
    }
    return valkey->main.state == LINK_READY;
}

ff_err
ff_vk_prepare(struct ff_store *store, struct ff_partition_counts *counts, bool *applied,
              struct ff_fault *fault)
{
    struct valkey *valkey = (struct valkey *) store;
    struct ff_partition_counts wanted = *counts;
    struct preparing preparing = { .done = false };

    if (!await_link(valkey)) {
        ff_vk_fail(valkey, fault, valkey->why_text);
        return fault->code;
    }
    valkey->preparing = &preparing;
    ff_store_default_counts(&wanted);
    ask(valkey, &wanted);
    while (!preparing.done && valkey->main.state == LINK_READY) {
        ff_vk_wait(valkey);
    }
    valkey->preparing = NULL;
    if (!preparing.done || preparing.err != FF_E_OK) {
        ff_vk_fail(valkey, fault, valkey->why_text);
        return fault->code;
    }
    if (preparing.schema == 0) {
        return ff_store_fail_missing(fault);
    }
    if (store->unfinished && valkey->host.use != FF_STORE_FILL) {
        return ff_store_fail_unfinished(fault);
    }
    if (preparing.schema < SCHEMA && valkey->host.use == FF_STORE_LOOK) {
        return ff_store_fail_version(fault);
    }
    if (preparing.schema > SCHEMA) {
        return ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "schema_version"),
                       ff_d_u64("stored", preparing.schema), ff_d_u64("known", SCHEMA));
    }
    FF_TRY(ff_store_check_counts(&preparing.stored, counts, fault));
    if (preparing.schema < SCHEMA) {
        FF_TRY(ff_vk_upgrade(valkey, SCHEMA, fault));
    }
    valkey->counts = *counts;
    *applied = preparing.applied || preparing.schema < SCHEMA;
    if (valkey->host.use ==
        FF_STORE_SERVE) { /* who needs the server's time from the first call on */
        (void) ff_vk_beat_once(valkey);
    }
    if (valkey->ears.state == LINK_DOWN) {
        ff_vk_connect(&valkey->ears);
    }
    return FF_E_OK;
}
