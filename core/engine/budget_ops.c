/* create_budget, the reports, release_budget, the resets, the reads, reconcile_budget_counters (05
 * §1). */

#include "core/engine/budget.h"
#include "core/engine/counts.h"
#include "core/engine/lease.h"
#include "core/engine/walk.h"

/* Of one kind and one budget, removed by one call of the reconciler; the rest is the next one's. */
#define SWEPT_MAX 1000

/* ---- create_budget ---- */

static void
set_limits(struct ff_txn *txn, const struct ff_create_budget_args *args, struct ff_budget *budget)
{
    budget->created_at = FF_SOME(ff_opt_i64, txn->now_ms);
    budget->last_updated_at = txn->now_ms;
    budget->scope_type = args->scope_type;
    budget->scope_id = args->scope_id;
    budget->enforcement_mode = args->enforcement_mode;
    budget->on_hard_limit = args->on_hard_limit;
    budget->on_soft_limit = args->on_soft_limit;
    budget->reset_interval_ms = args->reset_interval_ms;
    if (args->reset_interval_ms > 0) {
        budget->next_reset_at =
            FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, args->reset_interval_ms));
    }
}

ff_err
ff_op_create_budget(struct ff_txn *txn, const struct ff_create_budget_args *args,
                    struct ff_create_budget_result *result)
{
    struct ff_two_lists lists = { args->dimensions, args->hard_limits, "dimensions",
                                  "hard_limits" };
    struct ff_budget budget = { 0 };
    struct ff_counts hard = { 0 }, soft = { 0 };
    bool defined = false;

    FF_TRY(ff_counts_zip(&lists, txn->arena, &hard, &txn->fault));
    lists.numbers = args->soft_limits;
    lists.numbers_field = "soft_limits";
    FF_TRY(ff_counts_zip(&lists, txn->arena, &soft, &txn->fault));
    FF_TRY(ff_budget_get(txn, &args->budget_id, &budget, &defined));
    result->budget_id = args->budget_id;
    result->outcome = defined ? "already_satisfied" : "created";
    if (defined) {
        return FF_E_OK;
    }
    set_limits(txn, args, &budget);
    budget.hard_limits = hard;
    budget.soft_limits = soft;
    return ff_txn_put_budget(txn, &budget);
}

/* ---- reports ---- */

/* The dimensions of a handle's report: the custom ones win over the named ones (05 §1.3). */
static struct ff_counts
reported_dimensions(struct ff_txn *txn, const struct ff_usage_report *report)
{
    const struct ff_tally named[] = {
        { ff_cstr("input_tokens"), report->input_tokens },
        { ff_cstr("output_tokens"), report->output_tokens },
        { ff_cstr("wall_ms"), report->wall_ms.v },
    };
    const bool given[] = { report->input_tokens > 0, report->output_tokens > 0,
                           report->wall_ms.is };
    struct ff_counts all = { .n = report->custom.n };

    all.v = FF_ARENA_NEW(txn->arena, struct ff_tally, report->custom.n + FF_COUNT(named));
    if (all.n > 0) {
        memcpy(all.v, report->custom.v, all.n * sizeof(*all.v));
    }
    for (size_t i = 0; i < FF_COUNT(named); i++) {
        bool custom = false;

        for (uint32_t j = 0; j < report->custom.n; j++) {
            custom = custom || ff_str_eq(report->custom.v[j].key, named[i].key);
        }
        if (given[i] && !custom) {
            all.v[all.n++] = named[i];
        }
    }
    return all;
}

ff_err
ff_op_report_usage(struct ff_txn *txn, const struct ff_report_usage_args *args,
                   struct ff_report_usage_result *result)
{
    struct ff_report report = { .budget_id = args->budget_id,
                                .dedup_key = args->dimensions.dedup_key,
                                .field = "dimensions" };
    struct ff_reported reported = { 0 };
    struct ff_held held = { 0 };

    FF_TRY(ff_counts_take(reported_dimensions(txn, &args->dimensions), "dimensions", txn->arena,
                          &report.deltas, &txn->fault));
    FF_TRY(ff_held_read(txn, &args->handle, &held)); /* its lease may be over (05 §1.3) */
    FF_TRY(ff_budget_report(txn, &report, &reported));
    result->outcome = reported.outcome;
    result->dimension = reported.dimension;
    result->current_usage = reported.current_usage;
    result->soft_limit = reported.soft_limit;
    result->hard_limit = reported.hard_limit;
    return FF_E_OK;
}

ff_err
ff_op_report_usage_admin(struct ff_txn *txn, const struct ff_report_usage_admin_args *args,
                         struct ff_report_usage_admin_result *result)
{
    const struct ff_two_lists lists = { args->dimensions, args->deltas, "dimensions", "deltas" };
    struct ff_report report = { .budget_id = args->budget_id,
                                .dedup_key = args->dedup_key,
                                .field = "dimensions" };
    struct ff_reported reported = { 0 };

    FF_TRY(ff_counts_zip(&lists, txn->arena, &report.deltas, &txn->fault));
    FF_TRY(ff_budget_report(txn, &report, &reported));
    result->outcome = reported.outcome;
    result->dimension = reported.dimension;
    result->current_usage = reported.current_usage;
    result->soft_limit = reported.soft_limit;
    result->hard_limit = reported.hard_limit;
    return FF_E_OK;
}

/* ---- record_spend, release_budget ---- */

/* What the execution has spent since the last reset. */
static ff_err
ledger_get(struct ff_txn *txn, const struct ff_budget *budget, const struct ff_eid *id,
           struct ff_ledger *out, bool *found)
{
    const struct ff_key key = ff_key_ledger(&budget->budget_id, id);

    FF_TRY(ff_txn_find(txn, FF_R_LEDGER, &key, out, found));
    *found = *found && out->reset_count == budget->reset_count;
    if (!*found) {
        *out = (struct ff_ledger){ .budget_id = budget->budget_id,
                                   .execution_id = *id,
                                   .reset_count = budget->reset_count };
    }
    return FF_E_OK;
}

static ff_err
ledger_add(struct ff_txn *txn, const struct ff_report *report, const struct ff_eid *id,
           uint64_t reset_count)
{
    const struct ff_budget budget = { .budget_id = report->budget_id, .reset_count = reset_count };
    struct ff_ledger ledger = { 0 };
    bool found = false;

    FF_TRY(ledger_get(txn, &budget, id, &ledger, &found));
    ledger.spend = ff_counts_sum(ledger.spend, report->deltas, txn->arena);
    if (ledger.spend.n > FF_DIMENSIONS_MAX) {
        return ff_fail_dimensions(txn, report->field, ledger.spend.n);
    }
    return ff_txn_put_ledger(txn, &ledger);
}

ff_err
ff_op_record_spend(struct ff_txn *txn, const struct ff_record_spend_args *args,
                   struct ff_record_spend_result *result)
{
    struct ff_report report = { .budget_id = args->budget_id,
                                .dedup_key = args->idempotency_key,
                                .field = "deltas" };
    struct ff_reported reported = { 0 };

    FF_TRY(ff_counts_take(args->deltas, "deltas", txn->arena, &report.deltas, &txn->fault));
    FF_TRY(ff_budget_report(txn, &report, &reported));
    if (reported.applied) {
        FF_TRY(ledger_add(txn, &report, &args->execution_id, reported.reset_count));
    }
    result->outcome = reported.outcome;
    result->dimension = reported.dimension;
    result->current_usage = reported.current_usage;
    result->soft_limit = reported.soft_limit;
    result->hard_limit = reported.hard_limit;
    return FF_E_OK;
}

ff_err
ff_op_release_budget(struct ff_txn *txn, const struct ff_release_budget_args *args,
                     struct ff_release_budget_result *result)
{
    const struct ff_key key = ff_key_ledger(&args->budget_id, &args->execution_id);
    struct ff_budget budget = { 0 };
    struct ff_ledger ledger = { 0 };
    bool defined = false, found = false;

    (void) result;
    FF_TRY(ff_budget_get(txn, &args->budget_id, &budget, &defined));
    FF_TRY(ledger_get(txn, &budget, &args->execution_id, &ledger, &found));
    if (!found) {
        return FF_E_OK;
    }
    budget.usage = ff_counts_less(budget.usage, ledger.spend, txn->arena);
    budget.last_updated_at = txn->now_ms;
    ff_budget_wake(txn, &args->budget_id);
    FF_TRY(ff_txn_remove(txn, FF_R_LEDGER, &key));
    return ff_txn_put_budget(txn, &budget);
}

/* ---- resets ---- */

static ff_err
reset(struct ff_txn *txn, struct ff_budget *budget, struct ff_opt_i64 next_reset_at)
{
    budget->usage = ff_counts_zero(budget->usage, txn->arena);
    budget->last_breach_at = FF_NONE(ff_opt_i64);
    budget->last_breach_dim = FF_NONE(ff_str);
    budget->breached_at = FF_NONE(ff_opt_i64);
    budget->last_reset_at = FF_SOME(ff_opt_i64, txn->now_ms);
    budget->last_updated_at = txn->now_ms;
    budget->reset_count++; /* ledgers of an earlier count are void */
    budget->next_reset_at = next_reset_at;
    ff_budget_wake(txn, &budget->budget_id);
    return ff_txn_put_budget(txn, budget);
}

ff_err
ff_op_reset_budget(struct ff_txn *txn, const struct ff_reset_budget_args *args,
                   struct ff_reset_budget_result *result)
{
    struct ff_budget budget = { 0 };
    struct ff_opt_i64 next = FF_NONE(ff_opt_i64);
    bool defined = false;

    FF_TRY(ff_budget_get(txn, &args->budget_id, &budget, &defined));
    if (!defined) {
        return ff_fail(&txn->fault, FF_E_BUDGET_NOT_FOUND);
    }
    if (budget.reset_interval_ms > 0) {
        next = FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, budget.reset_interval_ms));
    }
    result->outcome = "reset";
    result->next_reset_at = next.v;
    return reset(txn, &budget, next);
}

/* The first of the budget's instants that lies ahead: no drift, however late the reset is. */
static int64_t
next_instant(const struct ff_txn *txn, const struct ff_budget *budget)
{
    uint64_t late_ms = (uint64_t) txn->now_ms - (uint64_t) budget->next_reset_at.v;
    uint64_t interval_ms = budget->reset_interval_ms;

    return ff_time_add(txn->now_ms, interval_ms - late_ms % interval_ms);
}

ff_err
ff_op_reset_budget_if_due(struct ff_txn *txn, const struct ff_reset_budget_if_due_args *args,
                          struct ff_reset_budget_if_due_result *result)
{
    struct ff_budget budget = { 0 };
    bool defined = false;

    FF_TRY(ff_budget_get(txn, &args->budget_id, &budget, &defined));
    result->outcome = defined ? "not_yet_due" : "not_found";
    if (!defined || !budget.next_reset_at.is || budget.next_reset_at.v > txn->now_ms) {
        return FF_E_OK;
    }
    result->outcome = "reset";
    result->next_reset_at = FF_SOME(ff_opt_i64, next_instant(txn, &budget));
    return reset(txn, &budget, result->next_reset_at);
}

/* ---- reads ---- */

ff_err
ff_op_get_budget_status(struct ff_txn *txn, const struct ff_get_budget_status_args *args,
                        struct ff_get_budget_status_result *result)
{
    struct ff_budget budget = { 0 };
    bool defined = false;

    FF_TRY(ff_budget_get(txn, &args->budget_id, &budget, &defined));
    if (!defined) {
        return ff_fail(&txn->fault, FF_E_BUDGET_NOT_FOUND);
    }
    *result = (struct ff_get_budget_status_result){
        .budget_id = budget.budget_id,
        .scope_type = budget.scope_type,
        .scope_id = budget.scope_id,
        .enforcement_mode = budget.enforcement_mode,
        .usage = budget.usage,
        .hard_limits = budget.hard_limits,
        .soft_limits = budget.soft_limits,
        .breach_count = budget.breach_count,
        .soft_breach_count = budget.soft_breach_count,
        .last_breach_at = budget.last_breach_at,
        .last_breach_dim = budget.last_breach_dim,
        .next_reset_at = budget.next_reset_at,
        .created_at = budget.created_at,
        .on_hard_limit = budget.on_hard_limit,
        .on_soft_limit = budget.on_soft_limit,
        .reset_interval_ms = budget.reset_interval_ms,
        .last_reset_at = budget.last_reset_at,
        .reset_count = budget.reset_count,
        .last_updated_at = budget.last_updated_at,
        .breached_at = budget.breached_at,
    };
    return FF_E_OK;
}

/* Appends a kind of limits as text. */
static void
show_limits(struct ff_txn *txn, struct ff_counts limits, const char *kind, struct ff_tags *out)
{
    for (uint32_t i = 0; i < limits.n; i++) {
        const struct ff_tally *limit = &limits.v[i];

        out->v[out->n].key =
            ff_arena_printf(txn->arena, "%s:%.*s", kind, (int) limit->key.n, limit->key.p);
        out->v[out->n++].value =
            ff_arena_printf(txn->arena, "%llu", (unsigned long long) limit->value);
    }
}

ff_err
ff_op_read_budget_usage_and_limits(struct ff_txn *txn,
                                   const struct ff_read_budget_usage_and_limits_args *args,
                                   struct ff_read_budget_usage_and_limits_result *result)
{
    struct ff_budget budget = { 0 };
    struct ff_counts limited = { 0 };
    bool defined = false;

    FF_TRY(ff_budget_get(txn, &args->budget_id, &budget, &defined));
    if (!defined) {
        return FF_E_OK; /* both maps are empty */
    }
    limited.v = FF_ARENA_NEW(txn->arena, struct ff_tally, budget.hard_limits.n);
    for (uint32_t i = 0; i < budget.hard_limits.n; i++) {
        if (budget.hard_limits.v[i].value > 0) {
            limited.v[limited.n++].key = budget.hard_limits.v[i].key;
        }
    }
    result->usage = ff_counts_sum(budget.usage, limited, txn->arena);
    result->limits.v =
        FF_ARENA_NEW(txn->arena, struct ff_tag, budget.hard_limits.n + budget.soft_limits.n);
    show_limits(txn, budget.hard_limits, "hard", &result->limits);
    show_limits(txn, budget.soft_limits, "soft", &result->limits);
    return FF_E_OK;
}

/* ---- reconcile_budget_counters ---- */

static bool
is_beyond(const struct ff_budget *budget)
{
    for (uint32_t i = 0; i < budget->hard_limits.n; i++) {
        const struct ff_tally *limit = &budget->hard_limits.v[i];

        if (limit->value > 0 && ff_counts_get(budget->usage, limit->key) > limit->value) {
            return true;
        }
    }
    return false;
}

/* Those written before the last reset. */
static ff_err
sweep_ledgers(struct ff_txn *txn, const struct ff_budget *budget)
{
    const struct ff_sweep sweep = { .index = FF_IX_LEDGERS,
                                    .scope = ff_scope_uuid(&budget->budget_id),
                                    .kind = FF_R_LEDGER,
                                    .below = (int64_t) budget->reset_count,
                                    .max = SWEPT_MAX };
    uint32_t removed = 0;

    return ff_sweep_head(txn, &sweep, &removed);
}

static ff_err
reconcile(struct ff_txn *txn, const struct ff_key *key, uint32_t *processed)
{
    struct ff_budget budget = { 0 };
    bool found = false, beyond = false;

    FF_TRY(ff_txn_find(txn, FF_R_BUDGET, key, &budget, &found));
    if (!found) {
        return FF_E_OK;
    }
    FF_TRY(sweep_ledgers(txn, &budget));
    beyond = is_beyond(&budget);
    if (beyond == budget.breached_at.is) {
        return FF_E_OK;
    }
    budget.breached_at = beyond ? FF_SOME(ff_opt_i64, txn->now_ms) : FF_NONE(ff_opt_i64);
    ++*processed;
    return ff_txn_put_budget(txn, &budget);
}

static ff_err
sweep_keys(struct ff_txn *txn)
{
    const struct ff_sweep sweep = { .index = FF_IX_EXPIRING,
                                    .scope = ff_scope_kind(FF_R_BUDGET_KEY),
                                    .kind = FF_R_BUDGET_KEY,
                                    .below = ff_time_add(txn->now_ms, 1),
                                    .max = SWEPT_MAX };
    uint32_t removed = 0;

    return ff_sweep_head(txn, &sweep, &removed);
}

ff_err
ff_op_reconcile_budget_counters(struct ff_txn *txn,
                                const struct ff_reconcile_budget_counters_args *args,
                                struct ff_reconcile_budget_counters_result *result)
{
    const struct ff_each each = { .index = FF_IX_BUDGETS,
                                  .family = FF_PARTITION_BUDGET,
                                  .act = reconcile };

    FF_TRY(ff_each_in(txn, &each, args->partition, &result->processed, &result->errors));
    return sweep_keys(txn);
}
