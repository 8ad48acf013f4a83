/* Requests and replies from anybody: decoding ends in a struct or in a fault that can be told. */
#include "ipc/frame.h"

#include "tests/fuzz/fuzz.h"

static void
try_request(struct ff_str bytes, msgpack_zone *zone)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_request request;
    uint64_t peeked = ff_request_seq(bytes);

    if (ff_request_decode(bytes, FF_FRAME_BYTES_MAX, zone, &arena, &request) != FF_E_OK) {
        FF_ASSERT(ff_error_map(&request.fault, ff_str("", 0), &arena).n > 0);
        /* The quick look knows the shortest forms only, but never another number. */
        FF_ASSERT(peeked == 0 || request.seq == 0 || request.seq == peeked);
        return;
    }
    FF_ASSERT(request.n >= 1 && request.n <= FF_FRAME_CALLS_MAX && request.seq >= 1);
    for (uint32_t i = 0; i < request.n; i++) {
        const struct ff_call *call = &request.calls[i];

        FF_ASSERT(call->op < FF_OP_N || call->fault.code != FF_E_OK);
        if (call->fault.code != FF_E_OK) {
            msgpack_object tree;
            struct ff_fault fault;
            struct ff_str map = ff_error_map(&call->fault, request.names[i], &arena);

            FF_ASSERT(ff_msgpack_parse(map, zone, &tree, &fault) == FF_E_OK);
            msgpack_zone_clear(zone);
        }
    }
}

static void
try_reply(struct ff_str bytes)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_reply reply;
    struct ff_fault fault;

    if (ff_reply_decode(bytes, &arena, &reply, &fault) == FF_E_OK) {
        FF_ASSERT(reply.n >= 1 && reply.n <= FF_FRAME_CALLS_MAX);
        FF_ASSERT(ff_reply_size(reply.seq, reply.entries, reply.n) <= bytes.n);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    msgpack_zone zone;

    FF_ASSERT(msgpack_zone_init(&zone, 4096));
    try_request(ff_str(data, size), &zone);
    try_reply(ff_str(data, size));
    msgpack_zone_destroy(&zone);
    return 0;
}
