#include "core/engine/pick_int.h"

/* The heap of sources by their heads: a lane may have many classes. */
void
ff_pick_sift(struct ff_pick *pick, uint32_t at)
{
    struct ff_pick_source *source = pick->heap[at];
    uint32_t child = 2 * at + 1;

    for (; child < pick->n_heap; child = 2 * at + 1) {
        if (child + 1 < pick->n_heap &&
            ff_entry_cmp(&pick->heap[child + 1]->head, &pick->heap[child]->head) < 0) {
            child++;
        }
        if (ff_entry_cmp(&source->head, &pick->heap[child]->head) <= 0) {
            break;
        }
        pick->heap[at] = pick->heap[child];
        at = child;
    }
    pick->heap[at] = source;
}

void
ff_pick_heapify(struct ff_txn *txn, struct ff_pick *pick)
{
    pick->n_heap = 0;
    pick->heap = FF_ARENA_NEW(txn->arena, struct ff_pick_source *, pick->n_sources);
    for (uint32_t i = 0; i < pick->n_sources; i++) {
        if (!pick->sources[i].spent) {
            pick->heap[pick->n_heap++] = &pick->sources[i];
        }
    }
    for (uint32_t i = pick->n_heap / 2; i-- > 0;) {
        ff_pick_sift(pick, i);
    }
}
