/* tree_stats.c: scanner_stats: each scanner process tells of its own scanners. */
#include <stdlib.h>

#include "core/codec.h"
#include "core/scanners.h"
#include "supervisor/tree_int.h"

struct stats_gather {
    struct ff_ctl_request *request;
    struct ff_arena arena; /* names of the processes */
    struct ff_scanner_stat v[FF_SCANNERS];
    uint32_t n;
    uint32_t open; /* processes that have not answered, and the one that asks */
};

static int
stat_cmp(const void *a, const void *b)
{
    return (int) ((const struct ff_scanner_stat *) a)->name -
           (int) ((const struct ff_scanner_stat *) b)->name;
}

static void
answer_all(struct stats_gather *gather)
{
    const struct ff_scanner_stats_result result = { .scanners = { .v = gather->v,
                                                                  .n = gather->n } };
    struct ff_ctl_operate_result answer = { 0 };
    struct ff_packer packer;

    qsort(gather->v, gather->n, sizeof(gather->v[0]), stat_cmp);
    ff_packer_init(&packer);
    ff_encode(ff_ops[FF_OP_scanner_stats].result, &result, &packer.pk);
    answer.result = ff_packer_str(&packer);
    ff_ctl_answer(gather->request, &answer);
    ff_packer_done(&packer);
    ff_arena_done(&gather->arena);
    free(gather);
}

static void
part_over(struct stats_gather *gather)
{
    if (--gather->open == 0) {
        answer_all(gather);
    }
}

/* A process that has ended meanwhile tells nothing. */
static void
on_stats(void *ctx, const struct ff_ctl_answer *answer)
{
    const struct ff_ctl_scanner_stats_result *part = answer->result;
    struct stats_gather *gather = ctx;

    for (uint32_t i = 0; answer->fault.code == FF_E_OK && i < part->scanners.n; i++) {
        if (gather->n < FF_COUNT(gather->v)) {
            gather->v[gather->n] = part->scanners.v[i];
            gather->v[gather->n++].process =
                ff_arena_copy(&gather->arena, part->scanners.v[i].process);
        }
    }
    part_over(gather);
}

void
ff_tree_scanner_stats(struct ff_tree *tree, struct ff_ctl_request *request)
{
    const struct ff_ctl_scanner_stats_args none = { 0 };
    struct stats_gather *gather = calloc(1, sizeof(*gather));
    const struct ff_child_proc *child = NULL;

    FF_ASSERT(gather != NULL);
    gather->request = request;
    gather->open = 1;
    TAILQ_FOREACH(child, &tree->children, next)
    {
        if (strcmp(child->role, "scanner") == 0 && child->ctl != NULL) {
            gather->open++;
            ff_ctl_call(child->ctl, FF_CTL_scanner_stats, &none, on_stats, gather);
        }
    }
    part_over(gather);
}
