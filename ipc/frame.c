#include "ipc/frame.h"

/* ---- operations that may wait ---- */

/* The argument by which a caller says how long; run_scanner has none and always may. */
static const struct ff_field *
wait_field(const struct ff_desc *args)
{
    static const char *const names[] = { "block_ms", "grace_ms", "wait" };

    for (uint32_t i = 0; i < args->n; i++) {
        for (size_t k = 0; k < FF_COUNT(names); k++) {
            if (strcmp(args->fields[i].name, names[k]) == 0) {
                return &args->fields[i];
            }
        }
    }
    return NULL;
}

static uint64_t
flow_wait_ms(const struct ff_flow_wait *wait)
{
    if (wait == NULL || wait->kind == FF_FLOW_WAIT_NONE) {
        return 0;
    }
    return wait->kind == FF_FLOW_WAIT_TIMEOUT && wait->timeout_ms.is ? wait->timeout_ms.v
                                                                     : UINT64_MAX;
}

uint64_t
ff_op_wait_ms(enum ff_op op, const void *args)
{
    const struct ff_field *field = NULL;
    const void *at = NULL;

    if ((ff_ops[op].flags & FF_OPF_BLOCKING) == 0) {
        return 0;
    }
    field = wait_field(ff_ops[op].args);
    if (field == NULL) {
        return UINT64_MAX;
    }
    at = (const char *) args + field->offset;
    if (field->type == FF_TYPE_OBJ) {
        return flow_wait_ms(*(const struct ff_flow_wait *const *) at);
    }
    if ((field->flags & FF_FIELD_OPT) != 0) {
        const struct ff_opt_u64 *some_ms = at;

        return some_ms->is ? some_ms->v : 0;
    }
    return *(const uint64_t *) at;
}

/* ---- reading requests ---- */

static bool
big_endian(struct ff_str bytes, uint32_t at, uint32_t width, uint64_t *out)
{
    *out = 0;
    if (at > bytes.n || bytes.n - at < width) {
        return false;
    }
    for (uint32_t i = 0; i < width; i++) {
        *out = *out << 8 | (uint8_t) bytes.p[at + i];
    }
    return true;
}

/* An unsigned number at *at, which moves behind it. */
static bool
take_uint(struct ff_str bytes, uint32_t *at, uint64_t *out)
{
    uint8_t head = 0;
    uint32_t width = 0;

    if (*at >= bytes.n) {
        return false;
    }
    head = (uint8_t) bytes.p[(*at)++];
    if (head < 0x80) {
        *out = head;
        return true;
    }
    width = head >= 0xcc && head <= 0xcf ? 1u << (head - 0xcc) : 0;
    if (width == 0 || !big_endian(bytes, *at, width, out)) {
        return false;
    }
    *at += width;
    return true;
}

/* What is read of a frame before it is known to be one: seq, so that a refusal can name it. */
uint64_t
ff_request_seq(struct ff_str bytes)
{
    const uint8_t *p = (const uint8_t *) bytes.p;
    uint32_t at = 2; /* behind the head of the list and a version of one byte */
    uint64_t seq = 0;

    if (bytes.n < 4 || p[0] != 0x94 || p[1] >= 0x80 || (p[2] != 0xc4 && p[2] != 0xc0)) {
        return 0;
    }
    at += p[2] == 0xc4 ? 2u + p[3] : 1u;
    return take_uint(bytes, &at, &seq) ? seq : 0;
}

static ff_err
malformed(struct ff_request *out, const char *reason)
{
    return ff_fail(&out->fault, FF_E_MALFORMED_FRAME, ff_d_text("reason", reason));
}

static ff_err
check_version(struct ff_request *out, const msgpack_object *frame)
{
    static const char supported[] = { (char) 0x91, FF_WIRE_VERSION }; /* [1] */
    const msgpack_object *version = NULL;

    if (frame->type != MSGPACK_OBJECT_ARRAY || frame->via.array.size == 0) {
        return malformed(out, "frame");
    }
    version = &frame->via.array.ptr[0];
    if (version->type != MSGPACK_OBJECT_POSITIVE_INTEGER) {
        return malformed(out, "version");
    }
    if (version->via.u64 != FF_WIRE_VERSION) {
        struct ff_datum list = { .key = "supported",
                                 .type = FF_D_RAW,
                                 .v = { .str = { supported, sizeof(supported) } } };

        return ff_fail(&out->fault, FF_E_UNSUPPORTED_PROTOCOL, list);
    }
    return FF_E_OK;
}

static ff_err
read_client(struct ff_request *out, const msgpack_object *client)
{
    if (client->type == MSGPACK_OBJECT_NIL) {
        return FF_E_OK;
    }
    if (client->type != MSGPACK_OBJECT_BIN || client->via.bin.size != sizeof(out->client.b)) {
        return malformed(out, "client");
    }
    memcpy(out->client.b, client->via.bin.ptr, sizeof(out->client.b));
    out->has_client = true;
    return FF_E_OK;
}

static ff_err
read_head(struct ff_request *out, const msgpack_object *frame)
{
    const msgpack_object *at = frame->via.array.ptr;

    FF_TRY(check_version(out, frame));
    if (frame->via.array.size != 4) {
        return malformed(out, "frame");
    }
    FF_TRY(read_client(out, &at[1]));
    if (at[2].type != MSGPACK_OBJECT_POSITIVE_INTEGER || at[2].via.u64 == 0) {
        return malformed(out, "seq");
    }
    out->seq = at[2].via.u64;
    if (at[3].type != MSGPACK_OBJECT_ARRAY || at[3].via.array.size == 0 ||
        at[3].via.array.size > FF_FRAME_CALLS_MAX) {
        return malformed(out, "calls");
    }
    out->n = at[3].via.array.size;
    return FF_E_OK;
}

/* The shape of every call is looked at before any is decoded: a frame is refused as a whole. */
static ff_err
check_calls(struct ff_request *out, const msgpack_object *calls)
{
    for (uint32_t i = 0; i < out->n; i++) {
        const msgpack_object *call = &calls[i];
        const msgpack_object *args = NULL;

        if (call->type != MSGPACK_OBJECT_ARRAY || call->via.array.size != 2 ||
            call->via.array.ptr[0].type != MSGPACK_OBJECT_STR ||
            call->via.array.ptr[1].type != MSGPACK_OBJECT_MAP) {
            return malformed(out, "call");
        }
        args = &call->via.array.ptr[1];
        for (uint32_t k = 0; k < args->via.map.size; k++) {
            if (args->via.map.ptr[k].key.type != MSGPACK_OBJECT_STR) {
                return malformed(out, "call");
            }
        }
    }
    return FF_E_OK;
}

/* An error repeats the name, so a long one is cut, between characters. */
static struct ff_str
short_name(struct ff_str name)
{
    if (name.n > FF_OP_NAME_BYTES_MAX) {
        name.n = FF_OP_NAME_BYTES_MAX;
        while (name.n > 0 && ((uint8_t) name.p[name.n] & 0xc0) == 0x80) {
            name.n--;
        }
    }
    return name;
}

static void
read_call(struct ff_request *out, uint32_t i, const msgpack_object *pair, struct ff_arena *arena)
{
    struct ff_call *call = &out->calls[i];
    struct ff_str name = ff_str(pair[0].via.str.ptr, pair[0].via.str.size);
    const struct ff_op_info *info = ff_op_find(name);
    void *args = NULL;

    out->names[i] = short_name(name);
    call->op = FF_OP_N;
    if (info == NULL) {
        (void) ff_fail(&call->fault, FF_E_UNAVAILABLE, ff_d_text("reason", "unknown_operation"));
        return;
    }
    call->op = (enum ff_op)(info - ff_ops);
    args = ff_arena_zalloc(arena, info->args->size);
    call->args = args;
    if (ff_decode_args(info, &pair[1], arena, args, &call->common, &call->fault) != FF_E_OK) {
        return;
    }
    out->mutates = out->mutates || (info->flags & FF_OPF_MUTATING) != 0;
    out->secret = out->secret || (info->flags & FF_OPF_SECRET) != 0;
    if (ff_op_wait_ms(call->op, args) > 0) {
        out->may_wait = true;
        if (out->n > 1) {
            (void) ff_fail_input(&call->fault, "calls", "blocking_call_not_alone");
        }
    }
}

static ff_err
read_request(struct ff_str bytes, msgpack_zone *zone, struct ff_arena *arena,
             struct ff_request *out)
{
    msgpack_object frame = { 0 };
    const msgpack_object *calls = NULL;

    FF_TRY(ff_msgpack_parse(bytes, zone, &frame, &out->fault));
    FF_TRY(read_head(out, &frame));
    calls = frame.via.array.ptr[3].via.array.ptr;
    FF_TRY(check_calls(out, calls));
    out->calls = FF_ARENA_NEW(arena, struct ff_call, out->n);
    out->names = FF_ARENA_NEW(arena, struct ff_str, out->n);
    for (uint32_t i = 0; i < out->n; i++) {
        read_call(out, i, calls[i].via.array.ptr, arena);
    }
    out->may_wait = out->may_wait && out->n == 1;
    return FF_E_OK;
}

ff_err
ff_request_decode(struct ff_str bytes, uint32_t bytes_max, msgpack_zone *zone,
                  struct ff_arena *arena, struct ff_request *out)
{
    ff_err err = FF_E_OK;

    *out = (struct ff_request){ .seq = ff_request_seq(bytes) };
    if (bytes.n > bytes_max) {
        return ff_fail(&out->fault, FF_E_FRAME_TOO_LARGE, ff_d_u64("len", bytes.n),
                       ff_d_u64("max", bytes_max));
    }
    err = read_request(bytes, zone, arena, out);
    msgpack_zone_clear(zone);
    return err;
}

/* ---- writing requests ---- */

void
ff_request_head(const struct ff_uuid *client, uint64_t seq, uint32_t n, msgpack_packer *pk)
{
    msgpack_pack_array(pk, 4);
    msgpack_pack_int(pk, FF_WIRE_VERSION);
    if (client != NULL) {
        ff_pack_bytes(pk, ff_str(client->b, sizeof(client->b)));
    } else {
        msgpack_pack_nil(pk);
    }
    msgpack_pack_uint64(pk, seq);
    msgpack_pack_array(pk, n);
}

void
ff_request_call(struct ff_str op, struct ff_str args, msgpack_packer *pk)
{
    msgpack_pack_array(pk, 2);
    ff_pack_str(pk, op);
    pk->callback(pk->data, args.p, args.n);
}

/* ---- replies ---- */

/* Shortest form of an unsigned number; returns its length. room NULL: only that. */
static size_t
put_uint(uint64_t value, char *room)
{
    uint32_t width = value < 0x80          ? 0
                     : value <= UINT8_MAX  ? 1
                     : value <= UINT16_MAX ? 2
                     : value <= UINT32_MAX ? 4
                                           : 8;

    if (room == NULL) {
        return 1 + width;
    }
    room[0] = (char) (width == 0 ? value : 0xccu + (uint32_t) __builtin_ctz(width));
    for (uint32_t i = 0; i < width; i++) {
        room[width - i] = (char) (value >> (8 * i));
    }
    return 1 + width;
}

static size_t
put_list_head(uint32_t n, char *room)
{
    FF_ASSERT(n <= UINT16_MAX);
    if (n < 16) {
        room[0] = (char) (0x90 + n);
        return 1;
    }
    room[0] = (char) 0xdc;
    room[1] = (char) (n >> 8);
    room[2] = (char) n;
    return 3;
}

size_t
ff_reply_size(uint64_t seq, const struct ff_reply_entry *entries, uint32_t n)
{
    size_t size = 2 + put_uint(seq, NULL) + (n < 16 ? 1 : 3);

    for (uint32_t i = 0; i < n; i++) {
        size += 2 + (size_t) entries[i].map.n;
    }
    return size;
}

void
ff_reply_write(uint64_t seq, const struct ff_reply_entry *entries, uint32_t n, char *room)
{
    *room++ = (char) 0x93;
    *room++ = FF_WIRE_VERSION;
    room += put_uint(seq, room);
    room += put_list_head(n, room);
    for (uint32_t i = 0; i < n; i++) {
        *room++ = (char) 0x92;
        *room++ = entries[i].failed ? 1 : 0;
        memcpy(room, entries[i].map.p, entries[i].map.n);
        room += entries[i].map.n;
    }
}

struct ff_str
ff_error_map(const struct ff_fault *fault, struct ff_str op, struct ff_arena *arena)
{
    struct ff_str name = ff_arena_copy(arena, ff_str(op.p == NULL ? "" : op.p, op.n));
    FF_SCOPED(ff_packer) packer;

    ff_packer_init(&packer);
    ff_encode_error(fault, name.p, &packer.pk);
    return ff_arena_copy(arena, ff_packer_str(&packer));
}

/* ---- reading replies ---- */

/* Reads the head of the list of n results off `rest`. */
static bool
take_head(struct ff_str *rest, uint64_t *seq_out, uint32_t *n_out)
{
    const uint8_t *p = (const uint8_t *) rest->p;
    uint32_t at = 2;
    uint32_t width = 0;
    uint64_t n = 0;

    if (rest->n < 4 || p[0] != 0x93 || p[1] != FF_WIRE_VERSION) {
        return false;
    }
    if (!take_uint(*rest, &at, seq_out) || at >= rest->n) {
        return false;
    }
    if ((p[at] & 0xf0) == 0x90) {
        n = p[at++] & 0x0f;
    } else {
        width = p[at] == 0xdc ? 2 : p[at] == 0xdd ? 4 : 0;
        if (width == 0 || !big_endian(*rest, at + 1, width, &n)) {
            return false;
        }
        at += 1 + width;
    }
    *n_out = n > FF_FRAME_CALLS_MAX ? 0 : (uint32_t) n;
    *rest = ff_str(rest->p + at, rest->n - at);
    return *n_out > 0;
}

/* [0, map] or [1, map]. */
static bool
take_entry(struct ff_str *rest, struct ff_reply_entry *entry)
{
    const uint8_t *p = (const uint8_t *) rest->p;

    if (rest->n < 3 || p[0] != 0x92 || p[1] > 1) {
        return false;
    }
    entry->failed = p[1] == 1;
    *rest = ff_str(rest->p + 2, rest->n - 2);
    entry->map = ff_msgpack_take(rest);
    return entry->map.p != NULL;
}

ff_err
ff_reply_decode(struct ff_str bytes, struct ff_arena *arena, struct ff_reply *out,
                struct ff_fault *fault)
{
    struct ff_str rest = bytes;
    struct ff_reply reply = { 0 };

    if (!take_head(&rest, &reply.seq, &reply.n)) {
        return ff_fail(fault, FF_E_MALFORMED_FRAME, ff_d_text("reason", "reply"));
    }
    reply.entries = FF_ARENA_NEW(arena, struct ff_reply_entry, reply.n);
    for (uint32_t i = 0; i < reply.n; i++) {
        if (!take_entry(&rest, &reply.entries[i])) {
            return ff_fail(fault, FF_E_MALFORMED_FRAME, ff_d_text("reason", "reply"));
        }
    }
    if (rest.n > 0) {
        return ff_fail(fault, FF_E_MALFORMED_FRAME, ff_d_text("reason", "trailing_bytes"));
    }
    *out = reply;
    return FF_E_OK;
}
