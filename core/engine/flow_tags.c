/* set_flow_tag, set_flow_tags, get_flow_tag (01 §7, 04 §7.6). */

#include "core/engine/flow.h"
#include "core/engine/tags.h"
#include "core/tag.h"

/* A flow in any state; its revision stays. */
static ff_err
set_tags(struct ff_txn *txn, const struct ff_uuid *flow_id, struct ff_tags news)
{
    struct ff_flow flow = { 0 };
    struct ff_tags all = { 0 };

    FF_TRY(ff_flow_get(txn, flow_id, &flow));
    all = ff_tags_copy(txn, flow.tags, news.n);
    for (uint32_t i = 0; i < news.n; i++) {
        struct ff_tag *old = ff_tags_find(all, news.v[i].key);

        if (old == NULL) {
            old = &all.v[all.n++];
            old->key = news.v[i].key;
        }
        old->value = news.v[i].value;
    }
    FF_TRY(ff_tags_check(txn, all));
    flow.tags = ff_tags_sorted(txn, all);
    flow.last_mutation_at = txn->now_ms;
    return ff_txn_put_flow(txn, &flow);
}

ff_err
ff_op_set_flow_tag(struct ff_txn *txn, const struct ff_set_flow_tag_args *args,
                   struct ff_set_flow_tag_result *result)
{
    struct ff_tag tag = { .key = args->key, .value = args->value };

    (void) result;
    FF_TRY(ff_tag_key_check(args->key, &txn->fault));
    return set_tags(txn, &args->flow_id, (struct ff_tags){ .v = &tag, .n = 1 });
}

ff_err
ff_op_set_flow_tags(struct ff_txn *txn, const struct ff_set_flow_tags_args *args,
                    struct ff_set_flow_tags_result *result)
{
    FF_TRY(ff_tags_check_named(txn, args->tags));
    FF_TRY(set_tags(txn, &args->flow_id, args->tags));
    result->count = args->tags.n;
    return FF_E_OK;
}

ff_err
ff_op_get_flow_tag(struct ff_txn *txn, const struct ff_get_flow_tag_args *args,
                   struct ff_get_flow_tag_result *result)
{
    struct ff_flow flow = { 0 };
    const struct ff_tag *tag = NULL;
    bool found = false;

    FF_TRY(ff_tag_key_check(args->key, &txn->fault));
    FF_TRY(ff_flow_find(txn, &args->flow_id, &flow, &found));
    tag = ff_tags_find(flow.tags, args->key);
    if (tag != NULL) {
        result->value = tag->value;
    }
    return FF_E_OK;
}
