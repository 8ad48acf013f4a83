#include "core/engine/lessees.h"

#include <stdlib.h>
#include <string.h>

#include "core/engine/engine_int.h"

/* Below that nobody is looked for whose leases have run out. */
#define SWEEP_MIN 64

struct ff_lessee {
    RB_ENTRY(ff_lessee) node;
    int64_t until_ms;
    struct ff_str id; /* behind the struct; of a probe elsewhere */
};

static int
lessee_cmp(const struct ff_lessee *a, const struct ff_lessee *b)
{
    return ff_str_cmp(a->id, b->id);
}

FF_RB_GENERATE(ff_lessee_tree, ff_lessee, node, lessee_cmp)

static void
drop(struct ff_lessees *lessees, struct ff_lessee *lessee)
{
    RB_REMOVE(ff_lessee_tree, &lessees->tree, lessee);
    lessees->n--;
    free(lessee);
}

static void
sweep(struct ff_lessees *lessees, int64_t now_ms)
{
    struct ff_lessee *lessee = NULL, *next = NULL;

    if (lessees->n < lessees->sweep_at) {
        return;
    }
    RB_FOREACH_SAFE(lessee, ff_lessee_tree, &lessees->tree, next)
    {
        if (lessee->until_ms <= now_ms) {
            drop(lessees, lessee);
        }
    }
    lessees->sweep_at = lessees->n < SWEEP_MIN / 2 ? SWEEP_MIN : 2 * lessees->n;
}

static struct ff_lessee *
add(struct ff_lessees *lessees, struct ff_str id)
{
    struct ff_lessee *lessee = calloc(1, sizeof(*lessee) + id.n);

    FF_ASSERT(lessee != NULL);
    memcpy(lessee + 1, id.p, id.n);
    lessee->id = ff_str((const char *) (lessee + 1), id.n);
    RB_INSERT(ff_lessee_tree, &lessees->tree, lessee);
    lessees->n++;
    return lessee;
}

void
ff_lessees_note(struct ff_lessees *lessees, struct ff_str worker_instance_id, int64_t until_ms,
                int64_t now_ms)
{
    struct ff_lessee probe = { .id = worker_instance_id };
    struct ff_lessee *lessee = RB_FIND(ff_lessee_tree, &lessees->tree, &probe);

    if (lessee == NULL) {
        sweep(lessees, now_ms);
        lessee = add(lessees, worker_instance_id);
    }
    if (until_ms > lessee->until_ms) {
        lessee->until_ms = until_ms;
    }
}

void
ff_lessees_each(const struct ff_lessees *lessees, int64_t now_ms,
                void (*each)(void *ctx, struct ff_str worker_instance_id), void *ctx)
{
    struct ff_lessee *lessee = NULL;

    RB_FOREACH(lessee, ff_lessee_tree, (struct ff_lessee_tree *) (uintptr_t) &lessees->tree)
    {
        if (lessee->until_ms > now_ms) {
            each(ctx, lessee->id);
        }
    }
}

void
ff_lessees_done(struct ff_lessees *lessees)
{
    struct ff_lessee *lessee = NULL, *next = NULL;

    RB_FOREACH_SAFE(lessee, ff_lessee_tree, &lessees->tree, next)
    {
        drop(lessees, lessee);
    }
}

/* ---- the engine's ---- */

void
ff_txn_leased(struct ff_txn *txn, const struct ff_exec *exec)
{
    if (!txn->engine->store->ops->exclusive) {
        ff_lessees_note(&txn->engine->lessees, exec->current_worker_instance_id,
                        exec->lease_expires_at.v, txn->now_ms);
    }
}

void
ff_engine_lessees(struct ff_engine *engine,
                  void (*each)(void *ctx, struct ff_str worker_instance_id), void *ctx)
{
    ff_lessees_each(&engine->lessees, ff_engine_clock_ms(engine), each, ctx);
}
