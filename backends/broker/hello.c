#include "backends/broker/hello.h"

#include <sodium.h>

#include "core/codec.h"
#include "core/id.h"

void
ff_greeting_init(struct ff_greeting *greeting)
{
    uint8_t random[16];

    randombytes_buf(random, sizeof(random));
    greeting->instance_id = ff_uuid_v4(random);
}

static void
view(const struct ff_engine_facts *facts, struct ff_engine_view *out)
{
    struct ff_txn txn = { .facts = facts };
    struct ff_capabilities_args none = { 0 };
    struct ff_capabilities_result result = { 0 };

    FF_ASSERT(ff_op_capabilities(&txn, &none, &result) == FF_E_OK); /* never fails (01 §10.2) */
    out->identity = result.identity;
    out->supports = result.supports;
}

struct ff_str
ff_hello(const struct ff_greeting *greeting, struct ff_engine *engine, struct ff_counts limits,
         struct ff_arena *arena)
{
    const struct ff_engine_facts *facts = ff_engine_facts(engine);
    struct ff_hello_result result = { 0 };
    struct ff_packer packer;
    struct ff_str reply;

    result.server = "flowfabric";
    result.server_version = FF_VERSION;
    result.protocol = 1;
    result.instance_id = greeting->instance_id;
    result.now_ms = ff_engine_clock_ms(engine);
    result.store = facts->backend;
    view(facts, &result.capabilities);
    result.limits = limits;
    ff_packer_init(&packer);
    ff_encode(ff_ops[FF_OP_hello].result, &result, &packer.pk);
    reply = ff_arena_copy(arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    return reply;
}
