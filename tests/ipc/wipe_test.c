/* Secrets among the arguments do not stay in the memory of requests. */
#include <string.h>

#include "core/codec.h"
#include "ipc/server_int.h"

#include "tests/rows.h"

#define SECRET "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void
pack_call(msgpack_packer *pk, const char *op, const char *args_json)
{
    struct ff_fault fault = { 0 };
    struct ff_packer args;

    ff_packer_init(&args);
    assert_int_equal(ff_json_to_msgpack(NULL, ff_cstr(args_json), &args.pk, &fault), FF_E_OK);
    ff_request_call(ff_cstr(op), ff_packer_str(&args), pk);
    ff_packer_done(&args);
}

/* A request of one call, as the server reads it. */
static void
read_call(struct ff_inflight *inflight, const char *op, const char *args_json)
{
    msgpack_zone zone;
    struct ff_packer packer;
    struct ff_str bytes;

    *inflight = (struct ff_inflight){ .msg = NULL };
    ff_packer_init(&packer);
    ff_request_head(NULL, 1, 1, &packer.pk);
    pack_call(&packer.pk, op, args_json);
    bytes = ff_packer_str(&packer);
    assert_int_equal(nng_msg_alloc(&inflight->msg, bytes.n), 0);
    memcpy(nng_msg_body(inflight->msg), bytes.p, bytes.n);
    ff_packer_done(&packer);
    msgpack_zone_init(&zone, 1024);
    bytes = ff_str(nng_msg_body(inflight->msg), nng_msg_len(inflight->msg));
    assert_int_equal(
        ff_request_decode(bytes, 65536, &zone, &inflight->frame.arena, &inflight->request),
        FF_E_OK);
    msgpack_zone_destroy(&zone);
}

static void
done(struct ff_inflight *inflight)
{
    ff_arena_done(&inflight->frame.arena);
    nng_msg_free(inflight->msg);
}

static bool
holds(const void *memory, size_t n)
{
    return memmem(memory, n, SECRET, strlen(SECRET)) != NULL;
}

static const struct row {
    const char *name;
    const char *op, *args_json;
    bool secret;
} rows[] = {
    { "seed", "seed_waitpoint_hmac_secret", "{\"kid\":\"k\",\"secret_hex\":\"" SECRET "\"}", true },
    { "rotate", "rotate_waitpoint_hmac_secret_all",
      "{\"new_kid\":\"k\",\"new_secret_hex\":\"" SECRET "\",\"grace_ms\":1}", true },
    { "another operation", "ping", "{}", false },
};

static void
test_known(void **state)
{
    const struct row *row = *state;
    struct ff_inflight inflight;

    read_call(&inflight, row->op, row->args_json);
    assert_int_equal(inflight.request.calls[0].fault.code, FF_E_OK);
    assert_int_equal(inflight.request.secret, row->secret);
    done(&inflight);
}

static void
test_wiped(void **state)
{
    struct ff_inflight inflight;
    const char *text = NULL;

    (void) state;
    read_call(&inflight, rows[0].op, rows[0].args_json);
    text = ff_arena_copy(&inflight.frame.arena, ff_cstr(SECRET)).p;
    assert_true(holds(nng_msg_body(inflight.msg), nng_msg_len(inflight.msg)));
    assert_true(holds(text, strlen(SECRET)));
    ff_inflight_wipe(&inflight);
    assert_false(holds(nng_msg_body(inflight.msg), nng_msg_len(inflight.msg)));
    assert_false(holds(text, strlen(SECRET)));
    done(&inflight);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_known) };
    static const struct CMUnitTest singles[] = {
        { .name = "message and arena are zero afterwards", .test_func = test_wiped },
    };

    return ff_run_rows("wipe", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
