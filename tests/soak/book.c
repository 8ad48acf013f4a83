/* book.c: what was acknowledged, and what must hold of it. */
#include <stdio.h>
#include <time.h>
#include <uthash.h>

#include "core/clock.h"
#include "core/id.h"
#include "tests/soak/soak.h"

int64_t
ff_soak_now_ms(void)
{
    return ff_wall_ms();
}

void
ff_soak_pause_ms(uint32_t ms)
{
    const struct timespec pause = { ms / 1000, (long) (ms % 1000) * 1000000 };

    nanosleep(&pause, NULL);
}

void
ff_soak_wrong(struct soak *soak, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    printf("WRONG: ");
    vprintf(fmt, ap);
    printf("\n");
    fflush(stdout);
    va_end(ap);
    atomic_fetch_add(&soak->wrong, 1);
}

struct ff_str
ff_soak_result_text(struct ff_eid id, uint64_t epoch, char *room, size_t size)
{
    char text[FF_EID_TEXT_MAX];

    ff_eid_text(&id, text);
    snprintf(room, size, "%s under %llu", text, (unsigned long long) epoch);
    return ff_cstr(room);
}

/* ---- entries; the mutex is held ---- */

static struct soak_entry *
find(struct soak *soak, struct ff_eid id)
{
    struct soak_entry *entry = NULL;

    HASH_FIND(hh, soak->entries, &id.uuid, sizeof(id.uuid), entry);
    return entry;
}

/* The readers by namespace do not see what the worker hosts do. */
static bool
is_seen(const struct soak_entry *entry)
{
    return entry->seen[0] > 0 && entry->seen[1] > 0 &&
           (entry->seen[2] > 0 || entry->kind == SOAK_CAT);
}

static void
forget_if_over(struct soak *soak, struct soak_entry *entry)
{
    if (entry->created && entry->calls == 0 && is_seen(entry)) {
        HASH_DELETE(hh, soak->entries, entry);
        free(entry);
        soak->count.ended++;
    }
}

/* ---- creation ---- */

void
ff_soak_book_add(struct soak *soak, struct ff_eid id, enum soak_kind kind,
                 const enum ff_terminal_outcome *end)
{
    struct soak_entry *entry = calloc(1, sizeof(*entry));

    FF_ASSERT(entry != NULL);
    entry->id = id;
    entry->kind = kind;
    entry->any_end = end == NULL;
    entry->end = end == NULL ? 0 : *end;
    pthread_mutex_lock(&soak->mutex);
    HASH_ADD(hh, soak->entries, id.uuid, sizeof(entry->id.uuid), entry);
    pthread_mutex_unlock(&soak->mutex);
}

void
ff_soak_book_created(struct soak *soak, struct ff_eid id, bool well)
{
    struct soak_entry *entry = NULL;

    pthread_mutex_lock(&soak->mutex);
    entry = find(soak, id);
    FF_ASSERT(entry != NULL);
    entry->created = well;
    if (well) {
        soak->count.created++;
        forget_if_over(soak, entry);
    }
    pthread_mutex_unlock(&soak->mutex);
}

uint32_t
ff_soak_book_open(struct soak *soak)
{
    uint32_t n = 0;

    pthread_mutex_lock(&soak->mutex);
    n = HASH_COUNT(soak->entries);
    pthread_mutex_unlock(&soak->mutex);
    return n;
}

void
ff_soak_book_any_end(struct soak *soak, struct ff_eid id)
{
    struct soak_entry *entry = NULL;

    pthread_mutex_lock(&soak->mutex);
    entry = find(soak, id);
    if (entry != NULL) {
        entry->any_end = true;
    }
    pthread_mutex_unlock(&soak->mutex);
}

/* ---- workers ---- */

/* Those that a worker has now, and whose lease is good: never more than the quota's cap. */
static void
check_cap(struct soak *soak)
{
    struct soak_entry *entry = NULL, *next = NULL;
    int64_t now_ms = ff_soak_now_ms();
    uint32_t n = 0;

    HASH_ITER(hh, soak->entries, entry, next)
    {
        n += entry->in_hand && entry->lease_until_ms > now_ms;
    }
    if (n > SOAK_QUOTA_CAP) {
        ff_soak_wrong(soak, "%u executions run under a quota of %u at a time", n, SOAK_QUOTA_CAP);
    }
}

static void
add_lease(struct soak *soak, const struct ff_claim *claim)
{
    struct soak_lease *lease = NULL;

    HASH_FIND(hh, soak->leases, &claim->lease_id, sizeof(claim->lease_id), lease);
    if (lease != NULL) {
        return; /* a claim that was answered again */
    }
    lease = calloc(1, sizeof(*lease));
    FF_ASSERT(lease != NULL);
    lease->id = claim->lease_id;
    lease->expires_at = claim->lease_expires_at;
    HASH_ADD(hh, soak->leases, id, sizeof(lease->id), lease);
}

bool
ff_soak_book_claimed(struct soak *soak, const struct ff_claim *claim, enum soak_kind *kind_out)
{
    struct soak_entry *entry = NULL;

    pthread_mutex_lock(&soak->mutex);
    entry = find(soak, claim->execution_id);
    if (entry != NULL) {
        add_lease(soak, claim);
        *kind_out = entry->kind;
        entry->calls++;
        if (entry->kind == SOAK_QUOTA) {
            entry->in_hand = true;
            entry->lease_until_ms = claim->lease_expires_at;
            check_cap(soak);
        }
    }
    pthread_mutex_unlock(&soak->mutex);
    return entry != NULL;
}

void
ff_soak_book_left(struct soak *soak, const struct ff_claim *claim, bool completed)
{
    struct soak_entry *entry = NULL;

    pthread_mutex_lock(&soak->mutex);
    entry = find(soak, claim->execution_id);
    FF_ASSERT(entry != NULL); /* held by its call */
    entry->calls--;
    if (completed && entry->completed++ > 0) {
        ff_soak_wrong(soak, "one execution was completed twice");
    } else if (completed) {
        entry->epoch = claim->lease_epoch;
        soak->count.completed++;
    }
    forget_if_over(soak, entry);
    pthread_mutex_unlock(&soak->mutex);
}

/* ---- events ---- */

static void
check_end(struct soak *soak, const struct soak_entry *entry, const struct ff_feed_event *event)
{
    if (!entry->any_end && event->outcome.v != entry->end) {
        ff_soak_wrong(soak, "one of kind %d ended as %s, not %s", (int) entry->kind,
                      ff_word(&ff_vocab_terminal_outcome, event->outcome.v),
                      ff_word(&ff_vocab_terminal_outcome, entry->end));
    }
    if (entry->completed > 0 && event->outcome.v != FF_OUTCOME_SUCCESS) {
        ff_soak_wrong(soak, "an acknowledged completion became %s",
                      ff_word(&ff_vocab_terminal_outcome, event->outcome.v));
    }
}

void
ff_soak_book_ended(struct soak *soak, uint32_t feed, const struct ff_feed_event *event)
{
    struct soak_entry *entry = NULL;

    pthread_mutex_lock(&soak->mutex);
    entry = find(soak, event->execution_id.v);
    if (entry == NULL) {
        ff_soak_wrong(soak, "feed %u: the end of something unknown, or a second one", feed);
    } else if (entry->seen[feed]++ > 0) {
        ff_soak_wrong(soak, "feed %u: a second end of one execution", feed);
    } else {
        entry->in_hand = false;
        check_end(soak, entry, event);
        forget_if_over(soak, entry);
    }
    pthread_mutex_unlock(&soak->mutex);
}

void
ff_soak_book_lease_event(struct soak *soak, const struct ff_feed_event *event)
{
    bool expired = ff_str_is(event->event, "expired");
    struct soak_lease *lease = NULL;

    if (!event->lease_id.is || (!expired && !ff_str_is(event->event, "revoked"))) {
        return;
    }
    pthread_mutex_lock(&soak->mutex);
    HASH_FIND(hh, soak->leases, &event->lease_id.v, sizeof(event->lease_id.v), lease);
    if (lease != NULL) {
        if (expired && event->at < lease->expires_at) {
            ff_soak_wrong(soak, "a lease was taken %lld ms before its end (%.*s)",
                          (long long) (lease->expires_at - event->at), (int) event->reason.n,
                          event->reason.p);
        }
        soak->count.lapsed += expired;
        HASH_DELETE(hh, soak->leases, lease);
        free(lease);
    }
    pthread_mutex_unlock(&soak->mutex);
}

void
ff_soak_book_close(struct soak *soak)
{
    struct soak_entry *entry = NULL, *next = NULL;
    struct soak_lease *lease = NULL, *after = NULL;

    HASH_ITER(hh, soak->entries, entry, next)
    {
        char text[FF_EID_TEXT_MAX];

        ff_eid_text(&entry->id, text);
        ff_soak_wrong(soak, "%s of kind %d is not over: created %d, completed %u, seen %u %u %u",
                      text, (int) entry->kind, entry->created, entry->completed, entry->seen[0],
                      entry->seen[1], entry->seen[2]);
        HASH_DELETE(hh, soak->entries, entry);
        free(entry);
    }
    HASH_ITER(hh, soak->leases, lease, after)
    {
        HASH_DELETE(hh, soak->leases, lease);
        free(lease);
    }
}
