/* retry.h: whether a failure is tried again, and how long after (01 §5.2). Pure. */
#ifndef FF_CORE_RETRY_H
#define FF_CORE_RETRY_H

#include "core/types.h"

struct ff_failure {
    enum ff_failure_class class;
    struct ff_str category; /* absent or empty: the name of the class */
    uint32_t retry_count;   /* retries already scheduled */
};

enum ff_retry_verdict {
    FF_RETRY, /* after min_delay_ms..max_delay_ms, each as likely */
    FF_RETRY_NO_POLICY,
    FF_RETRY_CLASS,     /* this class, or category, is final */
    FF_RETRY_CATEGORY,  /* not among retryable_categories */
    FF_RETRY_EXHAUSTED, /* max_retries are made */
    FF_RETRY_N
};

struct ff_retry {
    enum ff_retry_verdict verdict;
    uint64_t min_delay_ms; /* both 0 unless FF_RETRY; equal without jitter */
    uint64_t max_delay_ms;
};

/* policy: normalised (core/policy.h), NULL for none. The delay to take is
 * min_delay_ms + ff_txn_random(txn, max_delay_ms - min_delay_ms + 1). */
struct ff_retry ff_retry_decide(const struct ff_retry_policy *policy,
                                const struct ff_failure *failure);

/* no_policy, class_not_retryable, category_not_retryable, max_retries_exhausted; NULL: FF_RETRY. */
const char *ff_retry_reason(enum ff_retry_verdict verdict);

/* Of an operation that takes only a category: the class of that name, else transient. */
enum ff_failure_class ff_failure_class_of(struct ff_str category);

#endif
