/* wire.c: calls to the broker, and their answers on the way back to the loop. */
#include <stdlib.h>

#include "core/codec.h"
#include "scanners/scanners_int.h"

/* ---- answers ---- */

/* On the client's thread. */
static void
on_answer(void *ctx, struct ff_answer *answer)
{
    struct reply *reply = ctx;
    struct ff_scanners *scanners = reply->scanner->all;

    reply->answer = *answer;
    pthread_mutex_lock(&scanners->mutex);
    TAILQ_INSERT_TAIL(&scanners->replies, reply, next);
    pthread_mutex_unlock(&scanners->mutex);
    ev_async_send(scanners->loop, &scanners->wake);
}

static struct reply *
next_reply(struct ff_scanners *scanners)
{
    struct reply *reply = NULL;

    pthread_mutex_lock(&scanners->mutex);
    reply = TAILQ_FIRST(&scanners->replies);
    if (reply != NULL) {
        TAILQ_REMOVE(&scanners->replies, reply, next);
    }
    pthread_mutex_unlock(&scanners->mutex);
    return reply;
}

static void
reply_free(struct reply *reply)
{
    ff_answer_done(&reply->answer);
    free(reply);
}

void
ff_scan_take_replies(struct ff_scanners *scanners)
{
    struct reply *reply = NULL;

    while ((reply = next_reply(scanners)) != NULL) {
        switch (reply->kind) {
        case REPLY_PARKED:
            ff_scan_on_parked(reply->scanner, &reply->answer);
            break;
        case REPLY_PAGE:
            ff_scan_on_page(reply->scanner, &reply->answer);
            break;
        case REPLY_ACTED:
            ff_scan_on_acted(reply->scanner, reply->item, reply->call, &reply->answer);
            break;
        }
        reply_free(reply);
    }
}

void
ff_scan_drop_replies(struct ff_scanners *scanners)
{
    struct reply *reply = NULL;

    while ((reply = next_reply(scanners)) != NULL) {
        reply_free(reply);
    }
}

/* ---- calls ---- */

/* One more member for a map of fewer than 15, which has its count in its first byte. */
static void
add_member(struct ff_packer *map, const char *key, int64_t value)
{
    uint8_t head = (uint8_t) map->buf.data[0];

    FF_ASSERT((head & 0xf0) == 0x80 && (head & 0x0f) < 15);
    map->buf.data[0] = (char) (head + 1);
    ff_pack_cstr(&map->pk, key);
    msgpack_pack_int64(&map->pk, value);
}

static void
send_call(struct scanner *scanner, const struct reply *reply, enum ff_op op, struct ff_packer *args)
{
    struct reply *sent = malloc(sizeof(*sent));

    FF_ASSERT(sent != NULL);
    *sent = *reply;
    sent->scanner = scanner;
    if (scanner->state != RESTING && scanner->cycle.run.now_ms.is) {
        add_member(args, "now_ms", scanner->cycle.run.now_ms.v);
    }
    ff_client_call_named_async(scanner->all->client, ff_cstr(ff_ops[op].name), ff_packer_str(args),
                               on_answer, sent);
}

void
ff_scan_ask(struct scanner *scanner, uint64_t block_ms)
{
    const struct ff_scanners_options *options = &scanner->all->options;
    const struct reply reply = { .kind = block_ms > 0 ? REPLY_PARKED : REPLY_PAGE };
    struct ff_scan_due_args args = { .scanner = scanner->info->name, .block_ms = block_ms };
    struct ff_packer map;

    if (block_ms == 0 && scanner->cursor_n > 0) {
        args.cursor = ff_str(scanner->cursor, scanner->cursor_n);
    }
    if (scanner->info->name == FF_SCANNER_RETENTION_TRIMMER) {
        args.limit = FF_SOME(ff_opt_u32, TRIM_ITEMS);
    }
    if ((scanner->info->flags & FF_SCANF_FILTERED) != 0) {
        args.filter = (struct ff_scan_filter *) options->filter;
    }
    ff_packer_init(&map);
    ff_encode(ff_ops[FF_OP_scan_due].args, &args, &map.pk);
    send_call(scanner, &reply, FF_OP_scan_due, &map);
    ff_packer_done(&map);
}

/* Arguments that come from the configuration, where an operation has such. */
static void
pack_trim_flows(const struct scanner *scanner, const struct ff_due_item *due, struct ff_packer *map)
{
    const struct ff_trim_flows_args args = { .partition = due->partition,
                                             .retention_ms =
                                                 scanner->all->options.flow_retention_ms,
                                             .batch_size = TRIM_BATCH };

    ff_encode(ff_ops[FF_OP_trim_flows].args, &args, &map->pk);
}

static void
pack_trim(const struct scanner *scanner, const struct ff_due_item *due, struct ff_packer *map)
{
    const struct ff_scanners_options *options = &scanner->all->options;
    const struct ff_trim_retention_args args = { .partition = due->partition,
                                                 .retention_ms = options->retention_ms,
                                                 .batch_size = TRIM_BATCH,
                                                 .filter =
                                                     (struct ff_scan_filter *) options->filter };

    ff_encode(ff_ops[FF_OP_trim_retention].args, &args, &map->pk);
}

static void
pack_reconcile_index(const struct scanner *scanner, const struct ff_due_item *due,
                     struct ff_packer *map)
{
    const struct ff_reconcile_execution_index_args args = {
        .partition = due->partition,
        .filter = (struct ff_scan_filter *) scanner->all->options.filter
    };

    ff_encode(ff_ops[FF_OP_reconcile_execution_index].args, &args, &map->pk);
}

/* The item's members that are arguments of this operation. */
static struct ff_due_item
own_part(enum ff_op op, const struct ff_due_item *due)
{
    struct ff_due_item own = *due;

    if (op == FF_OP_cancel_execution) {
        own.flow_id.is = false;
    } else if (op == FF_OP_ack_cancel_member) {
        own.reason = ff_str(NULL, 0);
    }
    return own;
}

static void
pack_args(const struct scanner *scanner, enum ff_op op, const struct ff_due_item *due,
          struct ff_packer *map)
{
    if (op == FF_OP_trim_retention) {
        pack_trim(scanner, due, map);
    } else if (op == FF_OP_trim_flows) {
        pack_trim_flows(scanner, due, map);
    } else if (op == FF_OP_reconcile_execution_index) {
        pack_reconcile_index(scanner, due, map);
    } else {
        const struct ff_due_item own = own_part(op, due);

        ff_encode(&ff_desc_due_item, &own, &map->pk);
    }
}

/* The trimmer's item with a partition is for ended executions and flows, that without one for the
 * rest. What is owed for a flow is told apart by what the item names. */
static bool
is_for(enum ff_op op, const struct ff_due_item *due)
{
    switch (op) {
    case FF_OP_trim_retention:
    case FF_OP_trim_flows:
        return due->partition.p != NULL;
    case FF_OP_trim_expired:
        return due->partition.p == NULL;
    case FF_OP_resolve_dependency:
        return due->edge_id.is;
    case FF_OP_cascade_completion:
        return !due->edge_id.is;
    case FF_OP_cancel_execution:
        return due->execution_id.is;
    case FF_OP_drain_sibling_cancel_group:
        return due->downstream_execution_id.is;
    default:
        return true;
    }
}

void
ff_scan_act(struct scanner *scanner, uint32_t item, const struct scan_call *after)
{
    const struct ff_due_item *due = scanner->items[item].due;
    bool chained = (scanner->info->flags & FF_SCANF_CHAINED) != 0;
    const struct scan_call *calls[CALLS_MAX];
    uint32_t n = ff_scan_calls(scanner->info->name, calls), first = 0;

    while (after != NULL && first < n && calls[first++] != after) {
    }
    for (uint32_t i = first; i < n; i++) {
        const struct reply reply = { .kind = REPLY_ACTED, .item = item, .call = calls[i] };
        struct ff_packer map;

        if (!is_for(calls[i]->op, due)) {
            continue;
        }
        ff_packer_init(&map);
        pack_args(scanner, calls[i]->op, due, &map);
        scanner->items[item].calls++;
        scanner->n_open++;
        send_call(scanner, &reply, calls[i]->op, &map);
        ff_packer_done(&map);
        if (chained) {
            break;
        }
    }
}
