/* topics.h: what parked calls wait for, beside lanes (ff_txn_watch, ff_txn_wake). Lane ids are
 * printable, so that these are no lane's scope.
 */
#ifndef FF_CORE_ENGINE_TOPICS_H
#define FF_CORE_ENGINE_TOPICS_H

#include "core/engine/scan.h"

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
/* A change may have cleared what blocks executions (05 U-4). */
static inline struct ff_scope
ff_topic_unblock(void)
{
    return ff_scope_scanner(FF_SCANNER_UNBLOCK);
}

#endif
