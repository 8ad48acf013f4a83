#include "core/base.h"

#include <stdio.h>
#include <stdlib.h>

void
ff_assert_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "flowfabric: %s:%d: assertion failed: %s\n", file, line, expr);
    abort();
}

uint32_t
ff_sort_once(void *v, uint32_t n, size_t size, int (*cmp)(const void *, const void *))
{
    char *at = v;
    uint32_t kept = 0;

    if (n > 1) {
        qsort(v, n, size, cmp);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (kept > 0 && cmp(at + (kept - 1) * size, at + i * size) == 0) {
            continue;
        }
        if (kept < i) {
            memcpy(at + kept * size, at + i * size, size);
        }
        kept++;
    }
    return kept;
}
