#include "core/codec_int.h"

/* What hangs on a struct is laid out one piece after another, structs and lists on 8 bytes, texts
 * packed. One walk does both jobs, so that size and copy cannot disagree: without room it counts.
 */
struct copy {
    uint8_t *room; /* NULL: only count */
    size_t at;
};

/* Types with something behind a pointer that has to come along; OBJ may have it inside. */
#define CARRIES(type) (UINT64_C(1) << FF_TYPE_##type)
#define CARRIERS                                                                                   \
    (CARRIES(STR) | CARRIES(BYTES) | CARRIES(LANE) | CARRIES(LANE_HINT) | CARRIES(WID) |           \
     CARRIES(ANY) | CARRIES(STRS) | CARRIES(UUIDS) | CARRIES(TAGS) | CARRIES(COUNTS) |             \
     CARRIES(OBJ) | CARRIES(OBJS) | CARRIES(U64S))

static void members(struct copy *copy, const struct ff_desc *desc, const uint8_t *in, uint8_t *out);

static void
text(struct copy *copy, const struct ff_str *in, struct ff_str *out)
{
    if (copy->room != NULL && in->p != NULL) {
        out->p = in->n == 0 ? FF_EMPTY : memcpy(copy->room + copy->at, in->p, in->n);
    }
    copy->at += in->n;
}

/* The elements of a list as they are; returns where they went. */
static void *
block(struct copy *copy, const void *in, size_t bytes)
{
    void *out = NULL;

    if (bytes == 0) {
        return in == NULL ? NULL : FF_EMPTY;
    }
    copy->at = (copy->at + 7) & ~(size_t) 7;
    if (copy->room != NULL) {
        out = memcpy(copy->room + copy->at, in, bytes);
    }
    copy->at += bytes;
    return out;
}

static void *
strs(struct copy *copy, const struct ff_strs *in)
{
    struct ff_str *out = block(copy, in->v, in->n * sizeof(*in->v));

    for (uint32_t i = 0; i < in->n; i++) {
        text(copy, &in->v[i], copy->room == NULL ? NULL : &out[i]);
    }
    return out;
}

static void *
tags(struct copy *copy, const struct ff_tags *in)
{
    struct ff_tag *out = block(copy, in->v, in->n * sizeof(*in->v));

    for (uint32_t i = 0; i < in->n; i++) {
        text(copy, &in->v[i].key, copy->room == NULL ? NULL : &out[i].key);
        text(copy, &in->v[i].value, copy->room == NULL ? NULL : &out[i].value);
    }
    return out;
}

static void *
counts(struct copy *copy, const struct ff_counts *in)
{
    struct ff_tally *out = block(copy, in->v, in->n * sizeof(*in->v));

    for (uint32_t i = 0; i < in->n; i++) {
        text(copy, &in->v[i].key, copy->room == NULL ? NULL : &out[i].key);
    }
    return out;
}

static void *
objects(struct copy *copy, const struct ff_desc *desc, const struct ff_objs *in)
{
    uint8_t *out = block(copy, in->v, (size_t) desc->size * in->n);

    for (uint32_t i = 0; i < in->n; i++) {
        size_t at = (size_t) desc->size * i;

        members(copy, desc, (const uint8_t *) in->v + at, copy->room == NULL ? NULL : out + at);
    }
    return out;
}

static void *
list(struct copy *copy, const struct ff_field *field, const struct ff_objs *in)
{
    switch ((enum ff_type) field->type) {
    case FF_TYPE_STRS:
        return strs(copy, (const struct ff_strs *) in);
    case FF_TYPE_TAGS:
        return tags(copy, (const struct ff_tags *) in);
    case FF_TYPE_COUNTS:
        return counts(copy, (const struct ff_counts *) in);
    case FF_TYPE_OBJS:
        return objects(copy, field->sub, in);
    case FF_TYPE_UUIDS:
        return block(copy, in->v, in->n * sizeof(struct ff_uuid));
    default:
        return block(copy, in->v, in->n * sizeof(uint64_t));
    }
}

/* An optional shape, of which the struct holds a pointer. */
static void
pointed(struct copy *copy, const struct ff_desc *desc, const uint8_t *in, void **out)
{
    uint8_t *body = in == NULL ? NULL : block(copy, in, desc->size);

    if (in == NULL) {
        return;
    }
    members(copy, desc, in, body);
    if (copy->room != NULL) {
        *out = body;
    }
}

/* out already holds a copy of in; what it points at is replaced. NULL when counting. */
static void
members(struct copy *copy, const struct ff_desc *desc, const uint8_t *in, uint8_t *out)
{
    for (uint32_t i = 0; i < desc->n; i++) {
        const struct ff_field *field = &desc->fields[i];
        const void *from = in + field->offset;
        void *to = out == NULL ? NULL : out + field->offset;

        if ((CARRIERS >> field->type & 1) == 0) {
            continue;
        }
        if (field->type <= FF_TYPE_ANY) {
            text(copy, from, to);
        } else if (field->type != FF_TYPE_OBJ) {
            void *v = list(copy, field, from);

            if (to != NULL) {
                ((struct ff_objs *) to)->v = v;
            }
        } else if ((field->flags & FF_FIELD_OPT) != 0) {
            pointed(copy, field->sub, *(const void *const *) from, to);
        } else {
            members(copy, field->sub, from, to);
        }
    }
}

size_t
ff_deep_size(const struct ff_desc *desc, const void *in)
{
    struct copy copy = { .room = NULL };

    members(&copy, desc, in, NULL);
    return copy.at;
}

void
ff_deep_copy(const struct ff_desc *desc, const void *in, void *out, void *room)
{
    struct copy copy = { .room = room != NULL ? room : FF_EMPTY };

    memcpy(out, in, desc->size);
    members(&copy, desc, in, out);
}
