#include "backends/offline/offline.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/codec.h"

/* A process that has ended is remembered for 10 s. */
#define ALONE_TRIES 45
#define ALONE_PAUSE_NS 250000000L
#define BULKY_WEIGHT 16
#define NAMES_A_PAGE 1024
#define EVENTS_A_PAGE 256

/* ---- opening ---- */

/* Whoever polls is the one who waits. */
static void
no_wake(void *ctx)
{
    (void) ctx;
}

ff_err
ff_offline_alone(struct ff_store *store, struct ff_fault *fault)
{
    uint32_t n = 0;

    if (store->ops->offline->others == NULL) {
        return FF_E_OK;
    }
    FF_TRY(store->ops->offline->others(store, &n, fault));
    if (n == 0) {
        return FF_E_OK;
    }
    return ff_fail_transport(
        fault, store->ops->label, "in_use",
        "a daemon runs on the store, or another copy or check does; end all of "
        "them first (`ffctl shutdown --wait')");
}

static ff_err
await_alone(struct ff_store *store, struct ff_fault *fault)
{
    const struct timespec pause = { 0, ALONE_PAUSE_NS };
    ff_err err = ff_offline_alone(store, fault);

    for (int i = 0; err == FF_E_TRANSPORT && i < ALONE_TRIES; i++) {
        nanosleep(&pause, NULL);
        *fault = (struct ff_fault){ 0 };
        err = ff_offline_alone(store, fault);
    }
    return err;
}

ff_err
ff_offline_open(struct ff_str url, enum ff_store_use use, struct ff_partition_counts *counts,
                struct ff_store **store_out, struct ff_fault *fault)
{
    const struct ff_store_host host = { .wake = no_wake, .use = use };
    struct ff_store *store = NULL;
    bool applied = false;
    ff_err err = FF_E_OK;

    FF_TRY(ff_store_open(url, &host, &store, fault));
    err = store->ops->prepare(store, counts, &applied, fault);
    if (err == FF_E_OK) {
        err = await_alone(store, fault);
    }
    if (err != FF_E_OK) {
        ff_store_close(store);
        return err;
    }
    *store_out = store;
    return FF_E_OK;
}

/* ---- going through all records ---- */

struct each {
    struct ff_store *store;
    const struct ff_offline_visitor *visitor;
    struct ff_fault *fault;
    struct ff_arena arena; /* of a chunk */
};

/* With bodies of up to 8 MiB. */
static bool
is_bulky(enum ff_record kind)
{
    return kind == FF_R_EXEC_INPUT || kind == FF_R_EXEC_RESULT || kind == FF_R_OUT_FRAME ||
           kind == FF_R_SUMMARY_DOC || kind == FF_R_SIGNAL;
}

static void
decode(struct ff_offline_record *out, const struct ff_want *want, struct ff_arena *arena)
{
    struct ff_fault fault = { 0 };
    struct ff_packer packer;
    void *record = NULL;

    out->found = want->found;
    out->version = want->version;
    if (!want->found) {
        return;
    }
    record = ff_arena_zalloc(arena, ff_records[out->kind]->size);
    if (ff_row_decode(out->kind, want->body, arena, record, &fault) != FF_E_OK) {
        return;
    }
    ff_packer_init(&packer);
    ff_row_encode(out->kind, record, &packer.pk);
    out->body = ff_arena_copy(arena, ff_packer_str(&packer));
    out->record = record;
    ff_packer_done(&packer);
}

static ff_err
visit_chunk(struct each *each, const struct ff_record_name *names, uint32_t n)
{
    struct ff_offline_record *records = FF_ARENA_NEW(&each->arena, struct ff_offline_record, n);
    struct ff_want *wants = FF_ARENA_NEW(&each->arena, struct ff_want, n);
    uint32_t n_wants = 0;
    ff_err err = FF_E_OK;

    for (uint32_t i = 0; i < n; i++) {
        records[i].kind = names[i].kind;
        records[i].key = names[i].key;
        if (names[i].key.n > 0) {
            wants[n_wants++] = (struct ff_want){ .what = FF_WANT_RECORD,
                                                 .kind = names[i].kind,
                                                 .key = names[i].key,
                                                 .owner = &records[i] };
        }
    }
    err = ff_store_load_now(each->store, wants, n_wants, &each->arena, each->fault);
    for (uint32_t i = 0; err == FF_E_OK && i < n_wants; i++) {
        decode(wants[i].owner, &wants[i], &each->arena);
    }
    if (err == FF_E_OK) {
        err = each->visitor->visit(each->visitor->ctx, records, n, &each->arena, each->fault);
    }
    ff_arena_reset(&each->arena);
    return err;
}

static ff_err
visit_page(struct each *each, const struct ff_walk_page *page)
{
    uint32_t from = 0, weight = 0;

    for (uint32_t i = 0; i < page->n; i++) {
        weight += is_bulky(page->names[i].kind) ? BULKY_WEIGHT : 1;
        if (weight >= FF_OFFLINE_CHUNK || i + 1 == page->n) {
            FF_TRY(visit_chunk(each, page->names + from, i + 1 - from));
            from = i + 1;
            weight = 0;
        }
    }
    return FF_E_OK;
}

static ff_err
each_record(struct each *each)
{
    struct ff_walk_page page = { .kinds = each->visitor->kinds };
    FF_SCOPED(ff_arena) names = { 0 };

    while (!page.complete) {
        struct ff_want want = { .what = FF_WANT_WALK, .limit = NAMES_A_PAGE, .walk = &page };

        FF_TRY(ff_store_load_now(each->store, &want, 1, &names, each->fault));
        FF_TRY(visit_page(each, &page));
        ff_arena_reset(&names);
    }
    return FF_E_OK;
}

static ff_err
each_event(struct each *each, enum ff_event_family family)
{
    struct ff_want page = { .what = FF_WANT_EVENTS, .family = family, .limit = EVENTS_A_PAGE };
    bool more = true;

    while (more) {
        FF_TRY(ff_store_load_now(each->store, &page, 1, &each->arena, each->fault));
        FF_TRY(each->visitor->event(each->visitor->ctx, family, &page, each->fault));
        more = page.n > 0;
        page.after_seq = more ? page.seqs[page.n - 1] : 0;
        ff_arena_reset(&each->arena);
    }
    return FF_E_OK;
}

ff_err
ff_offline_each(struct ff_store *store, const struct ff_offline_visitor *visitor,
                struct ff_fault *fault)
{
    struct each each = { .store = store, .visitor = visitor, .fault = fault };
    ff_err err = visitor->kinds == 0 ? FF_E_OK : each_record(&each);

    for (int family = 0; err == FF_E_OK && visitor->event != NULL && family < FF_FAMILIES;
         family++) {
        err = each_event(&each, (enum ff_event_family) family);
    }
    ff_arena_done(&each.arena);
    return err;
}

static ff_err
count_records(struct ff_store *store, uint64_t *n_out, struct ff_arena *names,
              struct ff_fault *fault)
{
    struct ff_walk_page page = { .kinds = FF_WALK_ALL };

    while (!page.complete) {
        struct ff_want want = { .what = FF_WANT_WALK, .limit = NAMES_A_PAGE, .walk = &page };

        FF_TRY(ff_store_load_now(store, &want, 1, names, fault));
        *n_out += page.n;
        ff_arena_reset(names);
    }
    return FF_E_OK;
}

ff_err
ff_offline_count(struct ff_store *store, uint64_t *n_out, struct ff_fault *fault)
{
    FF_SCOPED(ff_arena) arena = { 0 };

    *n_out = 0;
    FF_TRY(count_records(store, n_out, &arena, fault));
    for (int family = 0; family < FF_FAMILIES; family++) {
        struct ff_want feed = { .what = FF_WANT_EVENTS,
                                .family = (enum ff_event_family) family,
                                .limit = 1 };

        FF_TRY(ff_store_load_now(store, &feed, 1, &arena, fault));
        *n_out += feed.n == 0 ? 0 : feed.newest - feed.seqs[0] + 1;
    }
    return FF_E_OK;
}

/* ---- names ---- */

static const char *
hex_of(const struct ff_key *key, struct ff_arena *arena)
{
    char *text = ff_arena_alloc(arena, 2 * FF_KEY_MAX + 1);

    text[0] = '\0';
    for (uint32_t i = 0; i < key->n; i++) {
        snprintf(text + 2 * i, 3, "%02x", key->b[i]);
    }
    return text;
}

const char *
ff_offline_name(const struct ff_offline_record *record, struct ff_arena *arena)
{
    const struct ff_desc *desc = ff_records[record->kind];
    const char *text = "";

    if (record->record == NULL) {
        return record->key.n == 0 ? "(without a key)" : hex_of(&record->key, arena);
    }
    for (uint32_t i = 0; i < desc->n; i++) {
        const struct ff_field *field = &desc->fields[i];

        if (strncmp(field->help, "key", 3) == 0) {
            struct ff_str value = ff_field_text(field, record->record, arena);

            text = ff_arena_printf(arena, "%s%s%.*s", text, text[0] == '\0' ? "" : " ",
                                   (int) value.n, value.n == 0 ? "" : value.p)
                       .p;
        }
    }
    return text;
}

/* ---- counts and checksums ---- */

static uint64_t
half(const uint8_t *bytes)
{
    uint64_t value = 0;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

void
ff_offline_add(struct ff_offline_sum *sum, const struct ff_str *parts, uint32_t n)
{
    struct ff_digest digest = ff_digest_of(parts, n);

    sum->n++;
    sum->low += half(digest.b);
    sum->high += half(digest.b + 8);
}

void
ff_offline_add_record(struct ff_offline_digest *digest, const struct ff_offline_record *record)
{
    const struct ff_str parts[] = { ff_str(record->key.b, record->key.n), record->body };

    ff_offline_add(&digest->records[record->kind], parts, FF_COUNT(parts));
}

void
ff_offline_add_events(struct ff_offline_digest *digest, enum ff_event_family family,
                      const struct ff_want *page)
{
    for (uint32_t i = 0; i < page->n; i++) {
        const struct ff_str parts[] = { ff_str(&page->seqs[i], sizeof(page->seqs[i])),
                                        page->bodies[i] };

        ff_offline_add(&digest->feeds[family], parts, FF_COUNT(parts));
    }
    digest->newest[family] = page->newest;
}
