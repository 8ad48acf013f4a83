/* client_refusal.c: what a daemon says that takes nothing on any more. */
#include "workers/client_int.h"

#include "core/codec.h"

static struct ff_str
text_of(const msgpack_object *map, const char *name)
{
    for (uint32_t i = 0; map->type == MSGPACK_OBJECT_MAP && i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];

        if (pair->key.type == MSGPACK_OBJECT_STR && pair->val.type == MSGPACK_OBJECT_STR &&
            ff_str_is(ff_str(pair->key.via.str.ptr, pair->key.via.str.size), name)) {
            return ff_str(pair->val.via.str.ptr, pair->val.via.str.size);
        }
    }
    return ff_cstr(NULL);
}

bool
ff_client_daemon_ends(const struct ff_reply *reply)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    msgpack_object map, detail;
    msgpack_zone zone;
    bool ends = false;

    if (reply->n != 1 || !reply->entries[0].failed) {
        return false;
    }
    msgpack_zone_init(&zone, 1024);
    if (ff_msgpack_parse(reply->entries[0].map, &zone, &map, &fault) == FF_E_OK) {
        ff_decode_error(&map, &arena, &fault, &detail);
        ends = fault.code == FF_E_UNAVAILABLE &&
               ff_str_is(text_of(&detail, "reason"), "shutting_down");
    }
    msgpack_zone_destroy(&zone);
    return ends;
}
