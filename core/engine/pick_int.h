/* pick_int.h: where candidates come from; for pick.c and pick_heap.c. */
#ifndef FF_CORE_ENGINE_PICK_INT_H
#define FF_CORE_ENGINE_PICK_INT_H

#include "core/engine/pick.h"
#include "core/engine/shares.h"

struct ff_pick_source {
    struct ff_scope scope;
    uint8_t index;         /* READY or RECLAIMABLE */
    bool spent;            /* empty, or refused */
    bool refused;          /* its class is */
    bool passed;           /* its class was judged and may be taken */
    struct ff_share share; /* of it, while other brokers take from it, too */
    bool passed_over;      /* there is something outside of that */
    int64_t passed_rank;   /* the rank of the first of it */
    struct ff_entry head;
};

struct ff_pick_extra {
    struct ff_entry entry; /* by rank */
    struct ff_exec exec;
};

/* The source at this place of the heap may have a later head now. */
void ff_pick_sift(struct ff_pick *pick, uint32_t at);
void ff_pick_heapify(struct ff_txn *txn, struct ff_pick *pick);

#endif
