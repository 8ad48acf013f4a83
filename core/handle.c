#include "core/handle.h"

#include <endian.h>

#include "core/id.h"

#define MAGIC 0x02
#define MAGIC_FOREIGN 0x01 /* an older form, without version and tag */
#define WIRE_VERSION 0x01

/* magic, version, tag; four lengths of texts beside the execution's; index; epoch; ttl */
#define FIXED_BYTES (3 + 5 * 4 + 4 + 8 + 8)
#define UUID_BYTES (FF_UUID_TEXT_MAX - 1)

const char *
ff_handle_label(uint8_t tag)
{
    switch (tag) {
    case FF_HANDLE_MEMORY:
        return "memory";
    case FF_HANDLE_SQLITE:
    case FF_HANDLE_FOREIGN_SQLITE:
        return "sqlite";
    case FF_HANDLE_VALKEY:
    case FF_HANDLE_FOREIGN_VALKEY:
        return "valkey";
    case FF_HANDLE_POSTGRES:
    case FF_HANDLE_FOREIGN_POSTGRES:
        return "postgres";
    default:
        return NULL;
    }
}

/* ---- writing ---- */

static uint8_t *
put_u32(uint8_t *p, uint32_t value)
{
    value = htole32(value);
    memcpy(p, &value, sizeof(value));
    return p + sizeof(value);
}

static uint8_t *
put_u64(uint8_t *p, uint64_t value)
{
    value = htole64(value);
    memcpy(p, &value, sizeof(value));
    return p + sizeof(value);
}

static uint8_t *
put_uuid(uint8_t *p, const struct ff_uuid *uuid)
{
    p = put_u32(p, UUID_BYTES);
    ff_uuid_text(uuid, (char *) p);
    return p + UUID_BYTES;
}

static uint8_t *
put_text(uint8_t *p, struct ff_str text)
{
    p = put_u32(p, text.n);
    if (text.n > 0) {
        memcpy(p, text.p, text.n);
    }
    return p + text.n;
}

struct ff_str
ff_handle_encode(const struct ff_handle_payload *payload, struct ff_arena *arena)
{
    /* the texts of ids end with a zero byte, which the next field overwrites */
    uint8_t *room = ff_arena_alloc(arena, (size_t) FIXED_BYTES + FF_EID_TEXT_MAX + 2 * UUID_BYTES +
                                              payload->lane_id.n + payload->worker_instance_id.n);
    uint8_t *p = room;
    size_t eid_n = 0;

    *p++ = MAGIC;
    *p++ = WIRE_VERSION;
    *p++ = payload->tag;
    eid_n = ff_eid_text(&payload->execution_id, (char *) p + 4);
    p = put_u32(p, (uint32_t) eid_n) + eid_n;
    p = put_u32(p, payload->attempt_index);
    p = put_uuid(p, &payload->attempt_id);
    p = put_uuid(p, &payload->lease_id);
    p = put_u64(p, payload->lease_epoch);
    p = put_u64(p, payload->lease_ttl_ms);
    p = put_text(p, payload->lane_id);
    p = put_text(p, payload->worker_instance_id);
    return ff_str(room, (size_t) (p - room));
}

struct ff_handle
ff_handle_make(enum ff_handle_kind kind, const struct ff_handle_payload *payload,
               struct ff_arena *arena)
{
    const char *label = ff_handle_label(payload->tag);

    FF_ASSERT(label != NULL);
    return (struct ff_handle){
        .backend = ff_cstr(label),
        .kind = ff_cstr(ff_word(&ff_vocab_handle_kind, kind)),
        .opaque = ff_handle_encode(payload, arena),
    };
}

/* ---- reading ---- */

struct reader {
    struct ff_str bytes;
    uint32_t at;
    struct ff_fault *fault;
};

static ff_err
corrupt(struct reader *in, const char *reason, const char *message)
{
    ff_err err = ff_fail(in->fault, FF_E_CORRUPTION, ff_d_text("reason", reason));

    in->fault->message = message;
    return err;
}

static ff_err
corrupt_byte(struct reader *in, const char *reason, const char *message, uint8_t got)
{
    ff_err err = corrupt(in, reason, message);

    ff_fault_add(in->fault, ff_d_u64("got", got));
    return err;
}

static ff_err
corrupt_field(struct reader *in, const char *reason, const char *message, const char *field)
{
    ff_err err = corrupt(in, reason, message);

    ff_fault_add(in->fault, ff_d_text("field", field));
    return err;
}

/* Advances over `needed` bytes, which *p_out then points at. */
static ff_err
take(struct reader *in, uint32_t needed, const uint8_t **p_out)
{
    if (in->bytes.n - in->at < needed) {
        ff_err err = corrupt(in, "truncated", "handle_codec: the buffer ends too early");

        ff_fault_add(in->fault, ff_d_u64("needed", needed));
        ff_fault_add(in->fault, ff_d_u64("at", in->at));
        ff_fault_add(in->fault, ff_d_u64("have", in->bytes.n));
        return err;
    }
    *p_out = (const uint8_t *) in->bytes.p + in->at;
    in->at += needed;
    return FF_E_OK;
}

static ff_err
take_u32(struct reader *in, uint32_t *out)
{
    const uint8_t *p = NULL;

    FF_TRY(take(in, sizeof(*out), &p));
    memcpy(out, p, sizeof(*out));
    *out = le32toh(*out);
    return FF_E_OK;
}

static ff_err
take_u64(struct reader *in, uint64_t *out)
{
    const uint8_t *p = NULL;

    FF_TRY(take(in, sizeof(*out), &p));
    memcpy(out, p, sizeof(*out));
    *out = le64toh(*out);
    return FF_E_OK;
}

static ff_err
take_text(struct reader *in, const char *field, struct ff_str *out)
{
    const uint8_t *p = NULL;
    uint32_t n = 0;

    FF_TRY(take_u32(in, &n));
    FF_TRY(take(in, n, &p));
    *out = ff_str(p, n);
    if (!ff_utf8_ok(*out)) {
        return corrupt_field(in, "invalid_utf8", "handle_codec: a text is not UTF-8", field);
    }
    return FF_E_OK;
}

static ff_err
take_uuid(struct reader *in, const char *field, struct ff_uuid *out)
{
    struct ff_str text = { 0 };
    struct ff_fault ignored;

    FF_TRY(take_text(in, field, &text));
    if (ff_uuid_parse(text, field, out, &ignored) != FF_E_OK) {
        return corrupt_field(in, "parse_field", "handle_codec: an id is malformed", field);
    }
    return FF_E_OK;
}

static ff_err
take_eid(struct reader *in, const char *field, struct ff_eid *out)
{
    struct ff_str text = { 0 };
    struct ff_fault ignored;

    FF_TRY(take_text(in, field, &text));
    if (ff_eid_parse(text, field, out, &ignored) != FF_E_OK) {
        return corrupt_field(in, "parse_field", "handle_codec: an id is malformed", field);
    }
    return FF_E_OK;
}

static ff_err
take_head(struct reader *in, uint8_t *tag_out)
{
    const uint8_t *p = NULL;

    FF_TRY(take(in, 1, &p));
    if (*p == MAGIC_FOREIGN) {
        *tag_out = FF_HANDLE_FOREIGN_VALKEY;
        return FF_E_OK;
    }
    if (*p != MAGIC) {
        return corrupt_byte(in, "bad_leading_byte", "handle_codec: this is not a handle", *p);
    }
    FF_TRY(take(in, 1, &p));
    if (*p != WIRE_VERSION) {
        return corrupt_byte(in, "bad_wire_version", "handle_codec: unknown version", *p);
    }
    FF_TRY(take(in, 1, &p));
    if (ff_handle_label(*p) == NULL) {
        return corrupt_byte(in, "bad_backend_tag", "handle_codec: unknown backend", *p);
    }
    *tag_out = *p;
    return FF_E_OK;
}

ff_err
ff_handle_decode(struct ff_str bytes, struct ff_handle_payload *out, struct ff_fault *fault)
{
    struct reader in = { .bytes = bytes, .fault = fault };
    struct ff_handle_payload got = { 0 };

    FF_TRY(take_head(&in, &got.tag));
    FF_TRY(take_eid(&in, "execution_id", &got.execution_id));
    FF_TRY(take_u32(&in, &got.attempt_index));
    FF_TRY(take_uuid(&in, "attempt_id", &got.attempt_id));
    FF_TRY(take_uuid(&in, "lease_id", &got.lease_id));
    FF_TRY(take_u64(&in, &got.lease_epoch));
    FF_TRY(take_u64(&in, &got.lease_ttl_ms));
    FF_TRY(take_text(&in, "lane_id", &got.lane_id));
    FF_TRY(take_text(&in, "worker_instance_id", &got.worker_instance_id));
    if (in.at != bytes.n) {
        ff_err err = corrupt(&in, "trailing_bytes", "handle_codec: bytes follow the last field");

        ff_fault_add(fault, ff_d_u64("pos", in.at));
        ff_fault_add(fault, ff_d_u64("len", bytes.n));
        return err;
    }
    *out = got;
    return FF_E_OK;
}

/* ---- checks ---- */

ff_err
ff_handle_kind_of(const struct ff_handle *handle, enum ff_handle_kind *out, struct ff_fault *fault)
{
    for (uint32_t i = 0; i < ff_vocab_handle_kind.n; i++) {
        if (ff_str_is(handle->kind, ff_vocab_handle_kind.words[i])) {
            *out = (enum ff_handle_kind) i;
            return FF_E_OK;
        }
    }
    return ff_fail(fault, FF_E_INVALID_INPUT, ff_d_text("field", "handle.kind"),
                   ff_d_text("reason", "unknown_value"), ff_d_str("value", handle->kind));
}

static ff_err
other_backend(struct ff_fault *fault, const char *expected, struct ff_str actual, const char *where)
{
    return ff_fail(fault, FF_E_HANDLE_FROM_OTHER_BACKEND, ff_d_text("expected", expected),
                   ff_d_str("actual", actual), ff_d_text("where", where));
}

ff_err
ff_handle_open(const struct ff_handle *handle, uint8_t tag, struct ff_handle_payload *out,
               struct ff_fault *fault)
{
    const char *label = ff_handle_label(tag);
    enum ff_handle_kind kind = FF_HANDLE_FRESH;
    struct ff_handle_payload got = { 0 };

    FF_ASSERT(label != NULL);
    FF_TRY(ff_handle_kind_of(handle, &kind, fault));
    if (!ff_str_is(handle->backend, label)) {
        return other_backend(fault, label, handle->backend, "handle");
    }
    FF_TRY(ff_handle_decode(handle->opaque, &got, fault));
    if (got.tag != tag) {
        return other_backend(fault, label, ff_cstr(ff_handle_label(got.tag)), "opaque");
    }
    *out = got;
    return FF_E_OK;
}
