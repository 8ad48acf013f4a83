/* budget.h: short forms for budgets, in the notation of the examples of 05. */
#ifndef FF_TESTS_ENGINE_BUDGET_H
#define FF_TESTS_ENGINE_BUDGET_H

#include "tests/engine/ask.h"

#define ID "00000000-0000-4000-8000-0000000000"
#define BUDGET_ID "b0000000-0000-4000-8000-0000000000"
#define EID "{fp:6}:" ID

/* "tokens 100/50, cost 20/0": dimension, hard and soft limit. Returns the outcome, or the error. */
static inline const char *
budget_as(struct ff_rig *rig, int n, const char *limits, const char *more)
{
    struct ff_str dims = ff_cstr(""), hard = ff_cstr(""), soft = ff_cstr("");
    const char *answer = NULL, *at = limits;
    char name[64];
    unsigned long long h = 0, s = 0;
    int used = 0;

    for (int i = 0; sscanf(at, " %63s %llu/%llu%n", name, &h, &s, &used) == 3; i++) {
        const char *comma = i == 0 ? "" : ",";

        dims = ff_arena_printf(&rig->arena, "%s%s\"%s\"", dims.p, comma, name);
        hard = ff_arena_printf(&rig->arena, "%s%s%llu", hard.p, comma, h);
        soft = ff_arena_printf(&rig->arena, "%s%s%llu", soft.p, comma, s);
        at += used + (at[used] == ',');
    }
    answer = ask(rig, FF_OP_create_budget,
                 "{'budget_id':'" BUDGET_ID "%02d','scope_type':'flow','scope_id':'f',"
                 "'dimensions':[%s],'hard_limits':[%s],'soft_limits':[%s]%s}",
                 n, dims.p, hard.p, soft.p, more);
    return answer[0] == '!' ? answer : member(rig, answer, "outcome");
}

static inline void
budget(struct ff_rig *rig, int n, const char *limits)
{
    assert_string_equal(budget_as(rig, n, limits, ""), "created");
}

/* As the examples write outcomes: ok, soft_breach{tokens,55,50}, already_applied, … */
static inline const char *
outcome_of(struct ff_rig *rig, const char *answer)
{
    const char *outcome = member(rig, answer, "outcome");
    const char *limit = strcmp(outcome, "hard_breach") == 0 ? "hard_limit" : "soft_limit";

    if (answer[0] == '!' || strstr(outcome, "_breach") == NULL) {
        return answer[0] == '!' ? answer : outcome;
    }
    return ff_arena_printf(&rig->arena, "%s{%s,%s,%s}", outcome, member(rig, answer, "dimension"),
                           member(rig, answer, "current_usage"), member(rig, answer, limit))
        .p;
}

/* spent: "tokens 10, cost 5". key NULL: none. */
static inline const char *
report(struct ff_rig *rig, int n, const char *spent, const char *key)
{
    struct ff_str dims = ff_cstr(""), deltas = ff_cstr("");
    const char *at = spent;
    char name[64];
    unsigned long long delta = 0;
    int used = 0;

    for (int i = 0; sscanf(at, " %63s %llu%n", name, &delta, &used) == 2; i++) {
        const char *comma = i == 0 ? "" : ",";

        dims = ff_arena_printf(&rig->arena, "%s%s\"%s\"", dims.p, comma, name);
        deltas = ff_arena_printf(&rig->arena, "%s%s%llu", deltas.p, comma, delta);
        at += used + (at[used] == ',');
    }
    return outcome_of(rig, ask(rig, FF_OP_report_usage_admin,
                               "{'budget_id':'" BUDGET_ID "%02d','dimensions':[%s],'deltas':[%s]"
                               "%s%s%s}",
                               n, dims.p, deltas.p, key == NULL ? "" : ",'dedup_key':'",
                               key == NULL ? "" : key, key == NULL ? "" : "'"));
}

/* deltas: JSON without braces. */
static inline const char *
spend(struct ff_rig *rig, int n, int execution, const char *deltas, const char *key)
{
    return outcome_of(rig, ask(rig, FF_OP_record_spend,
                               "{'budget_id':'" BUDGET_ID "%02d','execution_id':'" EID "%02d',"
                               "'deltas':{%s},'idempotency_key':'%s'}",
                               n, execution, deltas, key));
}

static inline void
release(struct ff_rig *rig, int n, int execution)
{
    assert_answer(ask(rig, FF_OP_release_budget,
                      "{'budget_id':'" BUDGET_ID "%02d','execution_id':'" EID "%02d'}", n,
                      execution),
                  "{}");
}

static inline const char *
status(struct ff_rig *rig, int n)
{
    return ask(rig, FF_OP_get_budget_status, "{'budget_id':'" BUDGET_ID "%02d'}", n);
}

static inline const char *
reset(struct ff_rig *rig, int n)
{
    return ask(rig, FF_OP_reset_budget, "{'budget_id':'" BUDGET_ID "%02d'}", n);
}

static inline const char *
reconcile_budgets(struct ff_rig *rig)
{
    return ask(rig, FF_OP_reconcile_budget_counters, "{}");
}

#define assert_usage(rig, n, want) assert_answer(member((rig), status((rig), (n)), "usage"), want)

#endif
