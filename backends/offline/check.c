#include <stdio.h>

#include "backends/offline/check_int.h"
#include "core/codec.h"
#include "core/sound.h"

/* ---- findings ---- */

void
ff_check_report_other(struct ff_check *check, const struct ff_offline_finding *finding)
{
    check->n++;
    check->checker->found(check->checker->ctx, finding);
    ff_arena_reset(&check->names);
}

void
ff_check_report(struct ff_check *check, const struct ff_offline_record *record, const char *what,
                const char *advice)
{
    const struct ff_offline_finding finding = {
        .kind = ff_records[record->kind]->name,
        .name = ff_offline_name(record, &check->names),
        .what = what,
        .advice = advice,
    };

    ff_check_report_other(check, &finding);
}

ff_err
ff_check_load(struct ff_check *check, enum ff_record kind, const struct ff_key *key,
              struct ff_arena *arena, const void **record_out)
{
    struct ff_want want = { .what = FF_WANT_RECORD, .kind = kind, .key = *key };
    struct ff_fault unreadable = { 0 };
    void *record = NULL;

    *record_out = NULL;
    FF_TRY(ff_store_load_now(check->store, &want, 1, arena, check->fault));
    if (want.found) {
        record = ff_arena_zalloc(arena, ff_records[kind]->size);
        if (ff_row_decode(kind, want.body, arena, record, &unreadable) == FF_E_OK) {
            *record_out = record;
        }
    }
    return FF_E_OK;
}

/* ---- a record by itself ---- */

static bool
is_purging(const struct ff_offline_record *record)
{
    return record->kind == FF_R_EXEC && ((const struct ff_exec *) record->record)->purging.is;
}

static const char *
unsound(const struct ff_offline_record *record)
{
    const struct ff_keyring *ring = record->record;

    if (record->kind == FF_R_EXEC && !is_purging(record)) {
        return ff_exec_unsound(record->record);
    }
    if (record->kind == FF_R_KEYRING && ring->current_kid.p != NULL) {
        for (uint32_t i = 0; i < ring->keys.n; i++) {
            if (ff_str_eq(ring->keys.v[i].kid, ring->current_kid)) {
                return NULL;
            }
        }
        return "signs with a key that it does not hold";
    }
    return NULL;
}

static void
derive(struct ff_check *check, const struct ff_offline_record *record)
{
    struct ff_index_key keys[FF_INDEX_KEYS_MAX];
    uint32_t n = ff_index_keys(record->kind, record->record, keys);

    for (uint32_t i = 0; i < n; i++) {
        ff_check_add_entry(&check->derived[keys[i].index], &keys[i]);
        check->kinds[keys[i].index] |= UINT64_C(1) << record->kind;
    }
}

/* False: there is nothing more to be said of it. */
static bool
check_one(struct ff_check *check, const struct ff_offline_record *record)
{
    struct ff_key key;
    const char *wrong = NULL;

    if (!record->found) {
        ff_check_report(check, record, "is stored where its key does not lead", FF_ADVICE_BACKUP);
        return false;
    }
    if (record->record == NULL) {
        ff_check_report(check, record, "cannot be read", FF_ADVICE_BACKUP);
        return false;
    }
    key = ff_record_key(record->kind, record->record);
    if (ff_key_cmp(&key, &record->key) != 0) {
        ff_check_report(check, record, "is stored under the key of another", FF_ADVICE_BACKUP);
        return false;
    }
    wrong = unsound(record);
    if (wrong != NULL) {
        ff_check_report(check, record, wrong, FF_ADVICE_BACKUP);
    }
    derive(check, record);
    ff_offline_add_record(check->digest, record);
    return true;
}

static void
tell(struct ff_check *check, uint32_t n)
{
    check->records += n;
    if (check->checker->progress.tell != NULL) {
        const struct ff_offline_step step = { .phase = FF_OFFLINE_VERIFYING,
                                              .done = check->records };

        check->checker->progress.tell(check->checker->progress.ctx, &step);
    }
}

static ff_err
check_chunk(void *ctx, const struct ff_offline_record *records, uint32_t n, struct ff_arena *arena,
            struct ff_fault *fault)
{
    struct ff_check *check = ctx;
    struct ff_offline_record *good = FF_ARENA_NEW(arena, struct ff_offline_record, n);
    uint32_t n_good = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (check_one(check, &records[i])) {
            good[n_good++] = records[i];
        }
    }
    FF_TRY(ff_check_links(check, good, n_good, arena, fault));
    for (uint32_t i = 0; i < n_good; i++) {
        FF_TRY(ff_check_counts(check, &good[i], fault));
    }
    tell(check, n);
    return FF_E_OK;
}

/* ---- events ---- */

static void
report_feed(struct ff_check *check, enum ff_event_family family, uint64_t seq, const char *what)
{
    char name[96];
    struct ff_offline_finding finding = { "feed", name, what, FF_ADVICE_BACKUP };

    snprintf(name, sizeof(name), "%s, event %llu", ff_word(&ff_vocab_event_family, family),
             (unsigned long long) seq);
    ff_check_report_other(check, &finding);
}

static ff_err
check_events(void *ctx, enum ff_event_family family, const struct ff_want *page,
             struct ff_fault *fault)
{
    struct ff_check *check = ctx;
    uint64_t next = page->after_seq == 0 ? page->oldest : page->after_seq + 1;

    (void) fault;
    for (uint32_t i = 0; i < page->n; i++, next++) {
        FF_SCOPED(ff_arena) arena = { 0 };
        struct ff_event event = { 0 };
        struct ff_fault unreadable = { 0 };

        if (page->seqs[i] != next) {
            report_feed(check, family, next, "is missing");
            next = page->seqs[i];
        }
        if (ff_row_decode(FF_R_EVENT, page->bodies[i], &arena, &event, &unreadable) != FF_E_OK) {
            report_feed(check, family, next, "cannot be read");
        }
    }
    if (page->n == 0 && next <= page->newest) {
        report_feed(check, family, next, "is missing");
    }
    ff_offline_add_events(check->digest, family, page);
    return FF_E_OK;
}

/* ---- all of it ---- */

ff_err
ff_offline_check(struct ff_store *store, const struct ff_offline_checker *checker,
                 struct ff_offline_digest *digest, uint64_t *n, struct ff_fault *fault)
{
    struct ff_check check = {
        .store = store, .checker = checker, .digest = digest, .fault = fault
    };
    const struct ff_offline_visitor visitor = {
        .kinds = FF_WALK_ALL, .visit = check_chunk, .event = check_events, .ctx = &check
    };
    ff_err err = FF_E_OK;

    *digest = (struct ff_offline_digest){ 0 };
    err = ff_offline_each(store, &visitor, fault);
    if (err == FF_E_OK) {
        err = ff_check_indexes(&check, fault);
    }
    *n = check.n;
    ff_arena_done(&check.names);
    return err;
}
