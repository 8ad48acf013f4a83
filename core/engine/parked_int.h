/* parked_int.h: what parked calls wait for; included by engine_int.h, which has the tasks. */
#ifndef FF_CORE_ENGINE_PARKED_INT_H
#define FF_CORE_ENGINE_PARKED_INT_H

#include "core/engine/engine_int.h"

/* What may end a wait beside a change of the topic itself. */
struct watches {
    struct ff_scope *v;
    uint32_t n, room;
    bool all; /* too many to tell apart */
};

/* What parked calls wait for: a lane's scope, or one of topics.h. */
struct topic {
    RB_ENTRY(topic) node;
    LIST_ENTRY(topic) hot;      /* while it has credits */
    LIST_ENTRY(topic) timed;    /* while wake_at_ms is set */
    LIST_ENTRY(topic) watching; /* while it watches anything */
    struct ff_scope scope;
    struct task_list parked; /* in order of arrival */
    struct task_list judged; /* parked again while the others are judged */
    bool judging;
    uint32_t n_parked;
    uint32_t credits;       /* how many are worth judging again */
    struct watches watches; /* of its parked calls together */
    int64_t wake_at_ms;     /* engine clock; INT64_MAX: never */
    uint64_t fresh_from;    /* first load that shows what other brokers have told */
};
RB_HEAD(topic_tree, topic);

/* Who takes from one scope of candidates, beside this broker (shares.c). */
struct taker {
    uint64_t who;
    int64_t until_ms;         /* real time: believed so long */
    int64_t foreign_until_ms; /* the same: that it takes what others have written */
};
struct taking {
    uint64_t what;           /* hash of the scope */
    int64_t said_ms;         /* when this broker has said so last */
    uint32_t taken, foreign; /* since then */
    struct taker others[7];
};

/* What other brokers have told lately; `at`: the first load that shows it, 0: nothing. */
struct heard {
    struct ff_scope topic;
    uint64_t at;
};
struct hearing {
    struct heard v[64]; /* the newest ones, in a ring */
    uint32_t next;
    uint64_t all_at; /* anything may have changed up to this load */
};
LIST_HEAD(topic_list, topic);

#endif
