/* set_execution_tag, set_execution_tags, get_execution_tag (01 §7). */

#include "core/engine/tags.h"

#include <stdlib.h>

#include "core/engine/events.h"
#include "core/engine/exec.h"
#include "core/engine/reads.h"
#include "core/id.h"
#include "core/tag.h"

/* ---- checking, sorting ---- */

static ff_err
fail_too_many(struct ff_txn *txn, uint32_t count)
{
    return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "tags"),
                   ff_d_text("reason", "too_many"), ff_d_u64("count", count),
                   ff_d_u64("max", FF_TAGS_MAX));
}

ff_err
ff_tags_check(struct ff_txn *txn, struct ff_tags tags)
{
    uint64_t bytes = 0;

    if (tags.n > FF_TAGS_MAX) {
        return fail_too_many(txn, tags.n);
    }
    for (uint32_t i = 0; i < tags.n; i++) {
        const struct ff_tag *tag = &tags.v[i];

        if (tag->key.n == 0) {
            return ff_fail_input(&txn->fault, "tags", "empty");
        }
        if (tag->key.n > FF_TAG_KEY_MAX) {
            return ff_fail_too_long(&txn->fault, "tags", tag->key.n, FF_TAG_KEY_MAX);
        }
        if (tag->value.n > FF_TAG_VALUE_MAX) {
            return ff_fail_too_long(&txn->fault, "tags", tag->value.n, FF_TAG_VALUE_MAX);
        }
        bytes += tag->key.n + tag->value.n;
    }
    return bytes <= FF_TAGS_BYTES_MAX
               ? FF_E_OK
               : ff_fail_too_long(&txn->fault, "tags", bytes, FF_TAGS_BYTES_MAX);
}

ff_err
ff_tags_check_named(struct ff_txn *txn, struct ff_tags tags)
{
    if (tags.n == 0) {
        return ff_fail_input(&txn->fault, "tags", "empty");
    }
    for (uint32_t i = 0; i < tags.n; i++) {
        FF_TRY(ff_tag_key_check(tags.v[i].key, &txn->fault));
    }
    return ff_tags_check(txn, tags);
}

static int
tag_cmp(const void *a, const void *b)
{
    return ff_str_cmp(((const struct ff_tag *) a)->key, ((const struct ff_tag *) b)->key);
}

struct ff_tags
ff_tags_sorted(struct ff_txn *txn, struct ff_tags tags)
{
    struct ff_tags out = ff_tags_copy(txn, tags, 0);

    if (out.n > 0) {
        qsort(out.v, out.n, sizeof(*out.v), tag_cmp);
    }
    return out;
}

struct ff_tags
ff_tags_copy(struct ff_txn *txn, struct ff_tags tags, uint32_t more)
{
    struct ff_tags out = { .v = FF_ARENA_NEW(txn->arena, struct ff_tag, tags.n + more),
                           .n = tags.n };

    if (tags.n > 0) {
        memcpy(out.v, tags.v, tags.n * sizeof(*out.v));
    }
    return out;
}

struct ff_tag *
ff_tags_find(struct ff_tags tags, struct ff_str key)
{
    for (uint32_t i = 0; i < tags.n; i++) {
        if (ff_str_eq(tags.v[i].key, key)) {
            return &tags.v[i];
        }
    }
    return NULL;
}

/* ---- setting ---- */

/* Replaces or adds each tag of `news` in key order, with its events (06 §2.6). `all` is a copy with
 * room for the new ones. */
static void
apply(struct ff_txn *txn, const struct ff_exec *exec, struct ff_tags news, struct ff_tags *all)
{
    for (uint32_t i = 0; i < news.n; i++) {
        struct ff_tag *old = ff_tags_find(*all, news.v[i].key);

        if (old != NULL && ff_str_eq(old->value, news.v[i].value)) {
            continue;
        }
        if (old != NULL) {
            ff_event_tag(txn, exec, "cleared", old, *all);
            old->value = news.v[i].value;
        } else {
            all->v[all->n++] = news.v[i];
        }
        ff_event_tag(txn, exec, "attached", &news.v[i], *all);
    }
}

static ff_err
set_tags(struct ff_txn *txn, const struct ff_eid *id, struct ff_tags news)
{
    struct ff_exec exec = { 0 };
    struct ff_exec_tags stored = { .execution_id = *id };
    struct ff_tags before = { 0 };

    FF_TRY(ff_exec_open(txn, id, &exec));
    FF_TRY(ff_tags_of(txn, &exec, &before));
    stored.tags = ff_tags_copy(txn, before, news.n);
    apply(txn, &exec, ff_tags_sorted(txn, news), &stored.tags);
    stored.tags = ff_tags_sorted(txn, stored.tags);
    FF_TRY(ff_tags_check(txn, stored.tags));
    FF_TRY(ff_txn_put_exec_tags(txn, &stored));
    exec.has_tags = true;
    return ff_exec_save(txn, &exec, FF_EXEC_SAME);
}

ff_err
ff_op_set_execution_tag(struct ff_txn *txn, const struct ff_set_execution_tag_args *args,
                        struct ff_set_execution_tag_result *result)
{
    struct ff_tag tag = { .key = args->key, .value = args->value };

    (void) result;
    FF_TRY(ff_tag_key_check(args->key, &txn->fault));
    return set_tags(txn, &args->execution_id, (struct ff_tags){ .v = &tag, .n = 1 });
}

ff_err
ff_op_set_execution_tags(struct ff_txn *txn, const struct ff_set_execution_tags_args *args,
                         struct ff_set_execution_tags_result *result)
{
    FF_TRY(ff_tags_check_named(txn, args->tags));
    FF_TRY(set_tags(txn, &args->execution_id, args->tags));
    result->count = args->tags.n;
    return FF_E_OK;
}

ff_err
ff_op_get_execution_tag(struct ff_txn *txn, const struct ff_get_execution_tag_args *args,
                        struct ff_get_execution_tag_result *result)
{
    struct ff_exec exec = { 0 };
    struct ff_tags tags = { 0 };
    const struct ff_tag *tag = NULL;
    bool found = false;

    FF_TRY(ff_tag_key_check(args->key, &txn->fault));
    FF_TRY(ff_exec_peek(txn, &args->execution_id, &exec, &found));
    if (found) {
        FF_TRY(ff_tags_of(txn, &exec, &tags));
    }
    tag = ff_tags_find(tags, args->key);
    if (tag != NULL) {
        result->value = tag->value;
    }
    return FF_E_OK;
}
