/* codec_decode_int.h: between the decoder's two halves: values (codec_decode.c), and maps and the
 * order of checks (codec_check.c), with what both need to fail (codec_fault.c).
 */
#ifndef FF_CORE_CODEC_DECODE_INT_H
#define FF_CORE_CODEC_DECODE_INT_H

#include "core/codec_int.h"

struct ff_dec_common; /* arguments of every operation, as they came */

struct ff_dec {
    struct ff_arena *arena;
    struct ff_fault *fault;
    ff_err code;  /* FF_E_INVALID_INPUT or FF_E_INVALID_POLICY_JSON */
    bool lenient; /* unknown members are ignored */
    bool limits;  /* bounds and formats of texts and lists count */
    bool format;  /* the failure is one of format: one of type, further on, goes before it */
    const struct ff_desc *top;    /* the arguments themselves, or NULL */
    struct ff_dec_common *common; /* with top */
};

/* Where a value stands, for `field` in a fault; innermost first. */
struct ff_dec_at {
    const struct ff_dec_at *up;
    const struct ff_field *field; /* named by its name, or where that is empty, by key or index */
    struct ff_str key;
    uint32_t index;
};

#define FF_D_NONE ((struct ff_datum){ 0 })

/* Set the fault, of format or of type, and return dec->code. at NULL: the map itself. */
ff_err ff_dec_fail(struct ff_dec *dec, const struct ff_dec_at *at, const char *reason,
                   struct ff_datum more, struct ff_datum yet_more);
ff_err ff_dec_fail_type(struct ff_dec *dec, const struct ff_dec_at *at, const char *reason);
ff_err ff_dec_wrong_type(struct ff_dec *dec, const struct ff_dec_at *at);
/* Completes a fault of format that was set for at->field alone. */
ff_err ff_dec_place(struct ff_dec *dec, const struct ff_dec_at *at);

bool ff_dec_takes(enum ff_type type, const msgpack_object *value);
/* A value that is there. p: the member; of an optional shape its pointer. */
ff_err ff_dec_value(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value,
                    void *p);
/* A map into a struct, which is zeroed first. */
ff_err ff_dec_members(struct ff_dec *dec, const struct ff_dec_at *up, const struct ff_desc *desc,
                      const msgpack_object *map, void *out);

/* Every key is a text, none comes twice. */
ff_err ff_dec_keys(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *map);
/* The same for all maps of a tree. */
ff_err ff_dec_form(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value);

#endif
