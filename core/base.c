#include "core/base.h"

#include <stdio.h>
#include <stdlib.h>

void
ff_assert_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "flowfabric: %s:%d: assertion failed: %s\n", file, line, expr);
    abort();
}

int
ff_str_cmp(struct ff_str a, struct ff_str b)
{
    uint32_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);

    if (order != 0) {
        return order;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}
