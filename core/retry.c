#include "core/retry.h"

#include <math.h>

static bool
lists(struct ff_strs list, struct ff_str text)
{
    for (uint32_t i = 0; i < list.n; i++) {
        if (ff_str_eq(list.v[i], text)) {
            return true;
        }
    }
    return false;
}

static bool is_final(enum ff_failure_class class)
{
    return class == FF_FAILURE_PERMANENT || class == FF_FAILURE_CANCELLED;
}

static bool
names_final(struct ff_str category)
{
    return ff_str_is(category, "permanent") || ff_str_is(category, "cancelled");
}

static enum ff_retry_verdict
verdict_of(const struct ff_retry_policy *policy, const struct ff_failure *failure)
{
    struct ff_str category = failure->category;

    if (category.n == 0) {
        category = ff_cstr(ff_word(&ff_vocab_failure_class, failure->class));
    }
    if (policy == NULL) {
        return FF_RETRY_NO_POLICY;
    }
    if (is_final(failure->class) || names_final(category)) {
        return FF_RETRY_CLASS;
    }
    if (policy->retryable_categories.n > 0 && !lists(policy->retryable_categories, category)) {
        return FF_RETRY_CATEGORY;
    }
    return failure->retry_count >= policy->max_retries ? FF_RETRY_EXHAUSTED : FF_RETRY;
}

static uint64_t
exponential_ms(const struct ff_backoff *backoff, uint32_t retry_count)
{
    double max_ms = (double) backoff->max_delay_ms.v;
    double delay_ms =
        (double) backoff->initial_delay_ms.v * pow(backoff->multiplier.v, (double) retry_count);

    return delay_ms < max_ms ? (uint64_t) delay_ms : backoff->max_delay_ms.v; /* NaN: overflow */
}

struct ff_retry
ff_retry_decide(const struct ff_retry_policy *policy, const struct ff_failure *failure)
{
    struct ff_retry retry = { .verdict = verdict_of(policy, failure) };

    if (retry.verdict != FF_RETRY) {
        return retry;
    }
    if (policy->backoff.type == FF_BACKOFF_FIXED) {
        retry.max_delay_ms = policy->backoff.delay_ms.v;
    } else {
        retry.max_delay_ms = exponential_ms(&policy->backoff, failure->retry_count);
    }
    retry.min_delay_ms = retry.max_delay_ms;
    if (policy->backoff.type == FF_BACKOFF_EXPONENTIAL && policy->backoff.jitter.v) {
        retry.min_delay_ms -= retry.max_delay_ms / 2;
    }
    return retry;
}

const char *
ff_retry_reason(enum ff_retry_verdict verdict)
{
    static const char *const reasons[FF_RETRY_N] = {
        [FF_RETRY_NO_POLICY] = "no_policy",
        [FF_RETRY_CLASS] = "class_not_retryable",
        [FF_RETRY_CATEGORY] = "category_not_retryable",
        [FF_RETRY_EXHAUSTED] = "max_retries_exhausted",
    };

    return reasons[verdict];
}

enum ff_failure_class
ff_failure_class_of(struct ff_str category)
{
    for (uint32_t i = 0; i < ff_vocab_failure_class.n; i++) {
        if (ff_str_is(category, ff_vocab_failure_class.words[i])) {
            return (enum ff_failure_class) i;
        }
    }
    return FF_FAILURE_TRANSIENT;
}
