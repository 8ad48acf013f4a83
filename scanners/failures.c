#include "ipc/hash.h"

#include "scanners/failures.h"

#include <stdlib.h>

struct ff_failure_entry {
    UT_hash_handle hh;
    struct ff_digest item;
    uint32_t in_a_row;
    uint64_t skipped_until; /* the last cycle of its back-off; 0: none */
};

void
ff_failures_init(struct ff_failures *failures)
{
    *failures = (struct ff_failures){ .cycle = 1 };
}

static void
entry_drop(struct ff_failures *failures, struct ff_failure_entry *entry)
{
    HASH_DELETE(hh, failures->entries, entry);
    free(entry);
}

void
ff_failures_done(struct ff_failures *failures)
{
    struct ff_failure_entry *entry = NULL, *next = NULL;

    HASH_ITER(hh, failures->entries, entry, next)
    {
        entry_drop(failures, entry);
    }
}

static struct ff_failure_entry *
entry_find(const struct ff_failures *failures, const struct ff_digest *item)
{
    struct ff_failure_entry *entry = NULL;

    HASH_FIND(hh, failures->entries, item->b, sizeof(item->b), entry);
    return entry;
}

bool
ff_failures_skips(struct ff_failures *failures, const struct ff_digest *item)
{
    const struct ff_failure_entry *entry = entry_find(failures, item);

    return entry != NULL && failures->cycle <= entry->skipped_until;
}

static struct ff_failure_entry *
entry_new(struct ff_failures *failures, const struct ff_digest *item)
{
    struct ff_failure_entry *entry = calloc(1, sizeof(*entry));

    FF_ASSERT(entry != NULL);
    entry->item = *item;
    HASH_ADD(hh, failures->entries, item, sizeof(entry->item), entry);
    return entry;
}

bool
ff_failures_failed(struct ff_failures *failures, const struct ff_digest *item)
{
    struct ff_failure_entry *entry = entry_find(failures, item);

    if (entry == NULL && ff_failures_count(failures) >= FF_FAILURES_MAX) {
        return false;
    }
    if (entry == NULL) {
        entry = entry_new(failures, item);
    }
    if (++entry->in_a_row < FF_FAILURES_IN_A_ROW) {
        return false;
    }
    entry->in_a_row = 0; /* after the back-off it has its tries again */
    entry->skipped_until = failures->cycle + FF_BACK_OFF_CYCLES;
    return true;
}

void
ff_failures_succeeded(struct ff_failures *failures, const struct ff_digest *item)
{
    struct ff_failure_entry *entry = entry_find(failures, item);

    if (entry != NULL) {
        entry_drop(failures, entry);
    }
}

void
ff_failures_next_cycle(struct ff_failures *failures)
{
    struct ff_failure_entry *entry = NULL, *next = NULL;

    failures->cycle++;
    if (failures->cycle % FF_FAILURES_PRUNE_CYCLES != 0 ||
        ff_failures_count(failures) <= FF_FAILURES_KEPT) {
        return;
    }
    HASH_ITER(hh, failures->entries, entry, next)
    {
        if (entry->skipped_until < failures->cycle) {
            entry_drop(failures, entry);
        }
    }
}

uint32_t
ff_failures_count(const struct ff_failures *failures)
{
    return HASH_COUNT(failures->entries);
}

uint32_t
ff_failures_backed_off(const struct ff_failures *failures)
{
    const struct ff_failure_entry *entry = NULL;
    uint32_t n = 0;

    for (entry = failures->entries; entry != NULL; entry = entry->hh.next) {
        n += failures->cycle <= entry->skipped_until;
    }
    return n;
}
