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

/* The bounds of the server, and the partition counts: whoever walks the partitions needs them. */
static struct ff_counts
with_partitions(struct ff_counts limits, const struct ff_partition_counts *counts,
                struct ff_arena *arena)
{
    const struct ff_tally more[] = {
        { ff_cstr("flow_partitions"), counts->flow },
        { ff_cstr("budget_partitions"), counts->budget },
        { ff_cstr("quota_partitions"), counts->quota },
    };
    struct ff_counts all = { FF_ARENA_NEW(arena, struct ff_tally, limits.n + FF_COUNT(more)),
                             limits.n + FF_COUNT(more) };

    memcpy(all.v, limits.v, limits.n * sizeof(*limits.v));
    memcpy(all.v + limits.n, more, sizeof(more));
    return all;
}

struct ff_str
ff_hello(const struct ff_greeting *greeting, const struct ff_engine_facts *facts, int64_t now_ms,
         struct ff_counts limits, struct ff_arena *arena)
{
    struct ff_hello_result result = { 0 };
    struct ff_packer packer;
    struct ff_str reply;

    result.server = "flowfabric";
    result.server_version = FF_VERSION;
    result.protocol = 1;
    result.instance_id = greeting->instance_id;
    result.now_ms = now_ms;
    result.store = facts->backend;
    view(facts, &result.capabilities);
    result.limits = with_partitions(limits, &facts->counts, arena);
    ff_packer_init(&packer);
    ff_encode(ff_ops[FF_OP_hello].result, &result, &packer.pk);
    reply = ff_arena_copy(arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    return reply;
}
