/* topics.h: what parked calls wait for, beside lanes (ff_txn_watch, ff_txn_wake). Lane ids are
 * printable, so that these are no lane's scope.
 */
#ifndef FF_CORE_ENGINE_TOPICS_H
#define FF_CORE_ENGINE_TOPICS_H

#include "core/engine/scan.h"

/* All topics of a kind, the second byte, where one by one they would be too many to be told. */
static inline struct ff_scope
ff_topic_all_of(uint8_t kind)
{
    return (struct ff_scope){ .n = 2, .b = { 1, kind } };
}
static inline bool
ff_topic_is_kind(const struct ff_scope *topic)
{
    return topic->n == 2 && topic->b[0] == 1;
}
/* Whether who waits for `topic` waits for what `told` is of. */
static inline bool
ff_topic_covers(const struct ff_scope *told, const struct ff_scope *topic)
{
    return ff_topic_is_kind(told) ? topic->n >= 2 && topic->b[0] == 1 && topic->b[1] == told->b[1]
                                  : ff_scope_cmp(told, topic) == 0;
}

static inline struct ff_scope
ff_topic_uuid(char kind, const struct ff_uuid *id)
{
    struct ff_scope scope = { .n = 2 + sizeof(id->b), .b = { 1, (uint8_t) kind } };

    memcpy(scope.b + 2, id->b, sizeof(id->b));
    return scope;
}

/* Less of a budget is used up. */
static inline struct ff_scope
ff_topic_budget(const struct ff_uuid *id)
{
    return ff_topic_uuid('b', id);
}
/* A slot of a quota policy is free, or a place in its window. */
static inline struct ff_scope
ff_topic_quota(const struct ff_uuid *id)
{
    return ff_topic_uuid('q', id);
}
/* A flow's cancel backlog has become smaller. */
static inline struct ff_scope
ff_topic_flow(const struct ff_uuid *id)
{
    return ff_topic_uuid('f', id);
}
/* A change may have cleared what blocks executions (05 U-4). */
static inline struct ff_scope
ff_topic_unblock(void)
{
    return ff_scope_scanner(FF_SCANNER_UNBLOCK);
}

/* A stream got a frame, or was closed. durable: but for best-effort frames. */
static inline struct ff_scope
ff_topic_stream(const struct ff_eid *id, uint32_t attempt_index, bool durable)
{
    const struct ff_key key = ff_key_attempt(id, attempt_index);
    struct ff_scope scope = { .n = (uint8_t) (3 + key.n), .b = { 1, 's', durable } };

    memcpy(scope.b + 3, key.b, key.n);
    return scope;
}
/* All permits of the stream pool are back. */
static inline struct ff_scope
ff_topic_stream_pool(void)
{
    return (struct ff_scope){ .n = 2, .b = { 1, 'p' } };
}
/* A feed has new events. */
static inline struct ff_scope
ff_topic_feed(enum ff_event_family family)
{
    return (struct ff_scope){ .n = 3, .b = { 1, 'e', (uint8_t) family } };
}

#endif
