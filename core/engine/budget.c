#include "core/engine/budget.h"

#include "core/engine/counts.h"
#include "core/engine/topics.h"
#include "core/partition.h"

/* How long a dedup key is remembered (05 B-1). */
#define DEDUP_MS UINT64_C(86400000)

ff_err
ff_budget_get(struct ff_txn *txn, const struct ff_uuid *id, struct ff_budget *out, bool *defined)
{
    const struct ff_key key = ff_key_uuid(id);
    bool found = false;

    FF_TRY(ff_txn_find(txn, FF_R_BUDGET, &key, out, &found));
    if (!found) {
        out->budget_id = *id;
        out->partition = ff_partition_of_budget(id, txn->facts->counts.budget);
    }
    *defined = found && out->created_at.is;
    return FF_E_OK;
}

const struct ff_tally *
ff_budget_full(const struct ff_budget *budget)
{
    if (ff_budget_is_advisory(budget)) {
        return NULL;
    }
    for (uint32_t i = 0; i < budget->hard_limits.n; i++) {
        const struct ff_tally *limit = &budget->hard_limits.v[i];

        if (limit->value > 0 && ff_counts_get(budget->usage, limit->key) >= limit->value) {
            return limit;
        }
    }
    return NULL;
}

void
ff_budget_wake(struct ff_txn *txn, const struct ff_uuid *id)
{
    const struct ff_scope budget = ff_topic_budget(id), unblock = ff_topic_unblock();

    ff_txn_wake(txn, &budget, UINT32_MAX);
    ff_txn_wake(txn, &unblock, UINT32_MAX);
}

ff_err
ff_fail_dimensions(struct ff_txn *txn, const char *field, uint32_t n)
{
    return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", field),
                   ff_d_text("reason", "too_many"), ff_d_u64("count", n),
                   ff_d_u64("max", FF_DIMENSIONS_MAX));
}

/* ---- the report rule (05 §1.2) ---- */

/* B-1. *known: a report with this key has been applied. */
static ff_err
find_key(struct ff_txn *txn, const struct ff_report *report, struct ff_digest *digest, bool *known)
{
    struct ff_budget_key stored = { 0 };
    struct ff_key key;

    *known = false;
    if (report->dedup_key.n == 0) {
        return FF_E_OK;
    }
    *digest = ff_digest_of(&report->dedup_key, 1);
    key = ff_key_budget_key(&report->budget_id, ff_str(digest->b, sizeof(digest->b)));
    FF_TRY(ff_txn_find(txn, FF_R_BUDGET_KEY, &key, &stored, known));
    *known = *known && txn->now_ms < stored.expires_at;
    return FF_E_OK;
}

static ff_err
remember_key(struct ff_txn *txn, const struct ff_report *report, const struct ff_digest *digest)
{
    const struct ff_budget_key key = {
        .budget_id = report->budget_id,
        .key_digest = ff_str(digest->b, sizeof(digest->b)),
        .expires_at = ff_time_add(txn->now_ms, DEDUP_MS),
    };

    return report->dedup_key.n == 0 ? FF_E_OK : ff_txn_put_budget_key(txn, &key);
}

/* The first dimension of the report that goes beyond its limit; NULL: none. limits: hard or soft.
 */
static const struct ff_tally *
first_beyond(const struct ff_budget *budget, struct ff_counts limits, struct ff_counts deltas)
{
    for (uint32_t i = 0; i < deltas.n; i++) {
        uint64_t limit = ff_counts_get(limits, deltas.v[i].key);
        uint64_t usage = ff_counts_get(budget->usage, deltas.v[i].key);

        if (limit > 0 && ff_count_add(usage, deltas.v[i].value) > limit) {
            return &deltas.v[i];
        }
    }
    return NULL;
}

static void
note_breach(struct ff_txn *txn, struct ff_budget *budget, struct ff_str dimension)
{
    budget->breach_count++;
    budget->last_breach_at = FF_SOME(ff_opt_i64, txn->now_ms);
    budget->last_breach_dim = dimension;
    budget->last_updated_at = txn->now_ms;
}

/* B-2 of a strict budget: nothing is applied, and the key may come again. */
static ff_err
refuse(struct ff_txn *txn, struct ff_budget *budget, struct ff_str dimension,
       struct ff_reported *out)
{
    out->outcome = "hard_breach";
    out->dimension = dimension;
    out->current_usage = FF_SOME(ff_opt_u64, ff_counts_get(budget->usage, dimension));
    out->hard_limit = FF_SOME(ff_opt_u64, ff_counts_get(budget->hard_limits, dimension));
    note_breach(txn, budget, dimension);
    return ff_txn_put_budget(txn, budget);
}

/* B-3. hard, soft: the first dimension beyond each, or NULL; usage is the new one. */
static void
answer_applied(const struct ff_budget *budget, const struct ff_tally *hard,
               const struct ff_tally *soft, struct ff_reported *out)
{
    bool by_soft = soft != NULL && (hard == NULL || ff_str_cmp(soft->key, hard->key) < 0);
    const struct ff_tally *first = by_soft ? soft : hard;

    out->outcome = "ok";
    out->applied = true;
    if (first != NULL) {
        struct ff_counts limits = by_soft ? budget->soft_limits : budget->hard_limits;

        out->outcome = "soft_breach";
        out->dimension = first->key;
        out->current_usage = FF_SOME(ff_opt_u64, ff_counts_get(budget->usage, first->key));
        out->soft_limit = FF_SOME(ff_opt_u64, ff_counts_get(limits, first->key));
    }
}

ff_err
ff_budget_report(struct ff_txn *txn, const struct ff_report *report, struct ff_reported *out)
{
    const struct ff_tally *hard = NULL, *soft = NULL;
    struct ff_digest digest = { .b = { 0 } };
    struct ff_budget budget = { 0 };
    bool known = false, defined = false;

    *out = (struct ff_reported){ .outcome = "already_applied" };
    FF_TRY(find_key(txn, report, &digest, &known));
    if (known) {
        return FF_E_OK;
    }
    FF_TRY(ff_budget_get(txn, &report->budget_id, &budget, &defined));
    hard = first_beyond(&budget, budget.hard_limits, report->deltas);
    if (hard != NULL && !ff_budget_is_advisory(&budget)) {
        return refuse(txn, &budget, hard->key, out);
    }
    soft = first_beyond(&budget, budget.soft_limits, report->deltas);
    budget.usage = ff_counts_sum(budget.usage, report->deltas, txn->arena);
    if (budget.usage.n > FF_DIMENSIONS_MAX) {
        return ff_fail_dimensions(txn, report->field, budget.usage.n);
    }
    if (hard != NULL) {
        note_breach(txn, &budget, hard->key);
    }
    budget.soft_breach_count += soft != NULL;
    budget.last_updated_at = txn->now_ms;
    out->reset_count = budget.reset_count;
    answer_applied(&budget, hard, soft, out);
    FF_TRY(remember_key(txn, report, &digest));
    return ff_txn_put_budget(txn, &budget);
}
