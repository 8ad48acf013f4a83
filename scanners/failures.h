/* failures.h: which items of a scanner are left alone for a while because they keep failing (07
 * §1.2).
 *
 * Pure. An item is known by 16 bytes that the caller makes of it. The third failure in a row sends
 * it into back-off for the next 10 cycles; then it has three tries again.
 */
#ifndef FF_SCANNERS_FAILURES_H
#define FF_SCANNERS_FAILURES_H

#include "core/records.h"

#define FF_FAILURES_IN_A_ROW 3
#define FF_BACK_OFF_CYCLES 10
/* Every so many cycles, with more entries than that, those not in back-off are dropped. */
#define FF_FAILURES_PRUNE_CYCLES 50
#define FF_FAILURES_KEPT 500
/* Items known at the most; more failing ones than that are not told apart. */
#define FF_FAILURES_MAX 10000

struct ff_failure_entry;

struct ff_failures {
    struct ff_failure_entry *entries; /* uthash */
    uint64_t cycle;                   /* of the cycle under way; the first is 1 */
};

void ff_failures_init(struct ff_failures *failures);
void ff_failures_done(struct ff_failures *failures);
/* It is in back-off in this cycle. */
bool ff_failures_skips(struct ff_failures *failures, const struct ff_digest *item);
/* True: that was the third in a row. */
bool ff_failures_failed(struct ff_failures *failures, const struct ff_digest *item);
void ff_failures_succeeded(struct ff_failures *failures, const struct ff_digest *item);
/* A full cycle is over. */
void ff_failures_next_cycle(struct ff_failures *failures);
uint32_t ff_failures_count(const struct ff_failures *failures);
/* Those that are left alone now. */
uint32_t ff_failures_backed_off(const struct ff_failures *failures);

#endif
