/* hello.h: how the broker greets (00 §5). */
#ifndef FF_BACKENDS_BROKER_HELLO_H
#define FF_BACKENDS_BROKER_HELLO_H

#include "core/engine/engine.h"

struct ff_greeting {
    struct ff_uuid instance_id; /* of this run of the broker */
};

void ff_greeting_init(struct ff_greeting *greeting);
/* The result of hello as msgpack, in the arena. facts: of the engine behind the socket, or what is
 * known of it. */
struct ff_str ff_hello(const struct ff_greeting *greeting, const struct ff_engine_facts *facts,
                       int64_t now_ms, struct ff_counts limits, struct ff_arena *arena);

#endif
