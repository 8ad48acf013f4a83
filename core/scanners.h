/* scanners.h: what core/scanners.def is made of. */
#ifndef FF_CORE_SCANNERS_H
#define FF_CORE_SCANNERS_H

#include "core/types.h"

/* Names of 07 §2, whether they work yet or not. */
#define FF_SCANNERS (FF_SCANNER_WORKER_REGISTRY_SWEEP + 1)

enum {
    FF_SCANF_TRACKED = 1,    /* items that keep failing are left alone for a while (07 §1.2) */
    FF_SCANF_FILTERED = 2,   /* the scanner filter applies (07 §1.3) */
    FF_SCANF_CHAINED = 4,    /* an item's operations wait for each other; a failure ends them */
    FF_SCANF_AGAIN = 8,      /* what it has cancelled leaves more to be done in the same cycle */
    FF_SCANF_PACED = 16,     /* it looks through all there is: empty pages come once a second */
    FF_SCANF_UNHURRIED = 32, /* only its interval begins a cycle: it waits in no scan_due */
    FF_SCANF_REPAIR = 64     /* what it does is told as a warning; on demand its operation is called
                               once for everything, whatever scan_due lists */
};

#endif
