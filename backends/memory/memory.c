#include "backends/memory/memory.h"

#include <stdlib.h>
#include <uthash.h>

#include "backends/memory/index.h"
#include "core/store_offline.h"

struct record {
    UT_hash_handle hh;
    uint64_t version;
    char *body;
    uint32_t body_n;
    uint8_t ident_n;
    uint8_t ident[1 + FF_KEY_MAX]; /* kind, key */
};

struct feed {
    struct ff_str *bodies; /* [0] has sequence gone + 1 */
    uint32_t n, room;
    uint64_t gone; /* trimmed away */
};

/* What is to be answered at a later poll (contrary mode). */
struct later {
    struct ff_load *load;
    struct ff_commit *commit;
    uint64_t number; /* in order of arrival */
    uint32_t polls;  /* still to wait */
};

struct memory {
    struct ff_store store;
    struct ff_memory_options options;
    struct ff_store_host host;
    struct ff_partition_counts counts;
    bool prepared;
    struct record *records; /* uthash */
    struct ff_memory_index index;
    struct feed feeds[FF_FAMILIES];
    struct later *later;
    uint32_t n_later, later_room;
    uint64_t next_number;
    uint32_t *conflicts;
    uint32_t conflicts_room;
    bool unmade; /* the last commit was not made */
    uint64_t random;
};

static struct memory *
of(struct ff_store *store)
{
    return (struct memory *) store;
}

/* SplitMix64: the seed alone decides how it behaves. */
static uint64_t
draw(struct memory *memory)
{
    uint64_t z = memory->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static bool
chance(struct memory *memory, uint32_t percent)
{
    return draw(memory) % 100 < percent;
}

/* ---- records ---- */

static struct record *
record_find(struct memory *memory, enum ff_record kind, const struct ff_key *key)
{
    uint8_t ident[1 + FF_KEY_MAX];
    struct record *record = NULL;

    ident[0] = (uint8_t) kind;
    memcpy(ident + 1, key->b, key->n);
    HASH_FIND(hh, memory->records, ident, 1u + key->n, record);
    return record;
}

static void
record_free(struct memory *memory, struct record *record)
{
    HASH_DELETE(hh, memory->records, record);
    free(record->body);
    free(record);
}

static void
record_write(struct memory *memory, const struct ff_write *write)
{
    struct record *record = record_find(memory, write->kind, &write->key);

    if (write->deleted) {
        if (record != NULL) {
            record_free(memory, record);
        }
        return;
    }
    if (record == NULL) {
        record = calloc(1, sizeof(*record));
        FF_ASSERT(record != NULL);
        record->ident[0] = (uint8_t) write->kind;
        memcpy(record->ident + 1, write->key.b, write->key.n);
        record->ident_n = (uint8_t) (1 + write->key.n);
        HASH_ADD_KEYPTR(hh, memory->records, record->ident, record->ident_n, record);
    }
    free(record->body);
    record->body = malloc(write->body.n + 1u);
    FF_ASSERT(record->body != NULL);
    memcpy(record->body, write->body.p, write->body.n);
    record->body_n = write->body.n;
    record->version = write->version;
}

/* ---- loads ---- */

static void
answer_record(struct memory *memory, struct ff_want *want, struct ff_arena *arena)
{
    struct record *record = record_find(memory, want->kind, &want->key);

    want->found = record != NULL;
    want->version = record == NULL ? 0 : record->version;
    want->body = record == NULL ? ff_str(NULL, 0)
                                : ff_arena_copy(arena, ff_str(record->body, record->body_n));
}

static void
answer_events(struct memory *memory, struct ff_want *want, struct ff_arena *arena)
{
    struct feed *feed = &memory->feeds[want->family];
    uint64_t after = want->after_seq > feed->gone ? want->after_seq - feed->gone : 0;
    uint64_t from = after < feed->n ? after : feed->n;
    uint64_t n = feed->n - from < want->limit ? feed->n - from : want->limit;

    want->newest = feed->gone + feed->n;
    want->oldest = feed->gone + 1;
    want->n = (uint32_t) n;
    want->bodies = ff_arena_alloc(arena, (n + 1) * sizeof(*want->bodies));
    want->seqs = ff_arena_alloc(arena, (n + 1) * sizeof(*want->seqs));
    for (uint64_t i = 0; i < n; i++) {
        want->bodies[i] = ff_arena_copy(arena, feed->bodies[from + i]);
        want->seqs[i] = feed->gone + from + i + 1;
    }
}

static int
name_cmp(const void *a, const void *b)
{
    const struct ff_record_name *x = a, *y = b;

    return x->kind != y->kind ? (int) x->kind - (int) y->kind : ff_key_cmp(&x->key, &y->key);
}

/* In the order of kinds and keys; each page looks at all records there are. */
static void
answer_walk(struct memory *memory, struct ff_want *want, struct ff_arena *arena)
{
    struct ff_walk_page *page = want->walk;
    struct ff_str at = ff_str(page->at.b, page->at.n);
    struct record *record = NULL, *next = NULL;
    const struct ff_record_name *last = NULL;

    page->names = ff_arena_alloc(arena, (HASH_COUNT(memory->records) + 1) * sizeof(*page->names));
    page->n = 0;
    HASH_ITER(hh, memory->records, record, next)
    {
        if ((page->kinds >> record->ident[0] & 1) != 0 &&
            ff_str_cmp(ff_str(record->ident, record->ident_n), at) > 0) {
            page->names[page->n++] = (struct ff_record_name){
                .kind = (enum ff_record) record->ident[0],
                .key = ff_key_bytes(ff_str(record->ident + 1, record->ident_n - 1u)),
            };
        }
    }
    qsort(page->names, page->n, sizeof(*page->names), name_cmp);
    page->complete = page->n <= want->limit;
    page->n = page->complete ? page->n : want->limit;
    if (page->n > 0) {
        last = &page->names[page->n - 1];
        page->at.n = (uint8_t) (1 + last->key.n);
        page->at.b[0] = (uint8_t) last->kind;
        memcpy(page->at.b + 1, last->key.b, last->key.n);
    }
}

static void
answer_load(struct memory *memory, struct ff_load *load)
{
    for (uint32_t i = 0; i < load->n; i++) {
        struct ff_want *want = &load->wants[i];

        switch (want->what) {
        case FF_WANT_RECORD:
            answer_record(memory, want, load->arena);
            break;
        case FF_WANT_PAGE:
            ff_memory_index_page(&memory->index, want, load->arena);
            break;
        case FF_WANT_SCOPES:
            ff_memory_index_scopes(&memory->index, want, load->arena);
            break;
        case FF_WANT_EVENTS:
            answer_events(memory, want, load->arena);
            break;
        case FF_WANT_WALK:
            answer_walk(memory, want, load->arena);
            break;
        }
    }
    load->fault = (struct ff_fault){ 0 };
    load->done(load);
}

/* ---- commits ---- */

static void
find_conflicts(struct memory *memory, struct ff_commit *commit)
{
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        const struct ff_write *write = &commit->writes[i];
        struct record *record = record_find(memory, write->kind, &write->key);

        if (!write->unseen && (record == NULL ? 0 : record->version) != write->version_from) {
            memory->conflicts = ff_grow(memory->conflicts, &memory->conflicts_room,
                                        commit->n_conflicts, sizeof(*memory->conflicts));
            memory->conflicts[commit->n_conflicts++] = i;
        }
    }
    if (commit->n_conflicts == 0 && commit->n_writes > 0 &&
        chance(memory, memory->options.conflict_percent)) {
        memory->conflicts =
            ff_grow(memory->conflicts, &memory->conflicts_room, 0, sizeof(*memory->conflicts));
        memory->conflicts[commit->n_conflicts++] = (uint32_t) (draw(memory) % commit->n_writes);
    }
    commit->conflicts = memory->conflicts;
}

static void
append_event(struct memory *memory, const struct ff_event_write *event)
{
    struct feed *feed = &memory->feeds[event->family];
    char *body = malloc(event->body.n + 1u);

    FF_ASSERT(body != NULL);
    memcpy(body, event->body.p, event->body.n);
    feed->bodies = ff_grow(feed->bodies, &feed->room, feed->n, sizeof(*feed->bodies));
    feed->bodies[feed->n++] = ff_str(body, event->body.n);
}

static void
trim_events(struct memory *memory, const struct ff_event_trim *trim)
{
    struct feed *feed = &memory->feeds[trim->family];
    uint32_t n = 0;

    while (n + 1 < feed->n && feed->gone + n < trim->up_to) {
        free((char *) feed->bodies[n++].p);
    }
    if (n > 0) {
        memmove(feed->bodies, feed->bodies + n, (feed->n - n) * sizeof(*feed->bodies));
        feed->n -= n;
        feed->gone += n;
    }
}

static void
answer_commit(struct memory *memory, struct ff_commit *commit)
{
    commit->n_conflicts = 0;
    if (commit->follows && memory->unmade) {
        commit->outcome = FF_COMMIT_ORPHANED;
        commit->done(commit);
        return;
    }
    find_conflicts(memory, commit);
    if (commit->n_conflicts > 0) {
        commit->outcome = FF_COMMIT_CONFLICT;
    } else if (chance(memory, memory->options.fail_percent)) {
        commit->outcome = FF_COMMIT_FAILED;
        ff_fail_transport(&commit->fault, memory->store.ops->label, "transport",
                          "the contrary store has failed this commit");
    } else {
        commit->outcome = FF_COMMIT_OK;
        for (uint32_t i = 0; i < commit->n_writes; i++) {
            record_write(memory, &commit->writes[i]);
        }
        for (uint32_t i = 0; i < commit->n_changes; i++) {
            ff_memory_index_change(&memory->index, &commit->changes[i].key, commit->changes[i].add);
        }
        for (uint32_t i = 0; i < commit->n_events; i++) {
            append_event(memory, &commit->events[i]);
        }
        for (uint32_t i = 0; i < commit->n_trims; i++) {
            trim_events(memory, &commit->trims[i]);
        }
    }
    memory->unmade = commit->outcome != FF_COMMIT_OK;
    commit->done(commit);
}

/* ---- the port ---- */

static const char *
memory_promise(const struct ff_store *store)
{
    (void) store;
    return "kept in memory: nothing survives the end of the broker";
}

static ff_err
memory_prepare(struct ff_store *store, struct ff_partition_counts *counts, bool *applied,
               struct ff_fault *fault)
{
    struct memory *memory = of(store);

    if (store->unfinished && memory->host.use != FF_STORE_FILL) {
        return ff_store_fail_unfinished(fault);
    }
    *applied = !memory->prepared;
    if (!memory->prepared) {
        memory->prepared = true;
        ff_store_default_counts(counts);
        memory->counts = *counts;
        return FF_E_OK;
    }
    return ff_store_check_counts(&memory->counts, counts, fault);
}

static void
put_off(struct memory *memory, struct ff_load *load, struct ff_commit *commit)
{
    memory->later =
        ff_grow(memory->later, &memory->later_room, memory->n_later, sizeof(*memory->later));
    memory->later[memory->n_later++] = (struct later){
        .load = load,
        .commit = commit,
        .number = memory->next_number++,
        .polls = (uint32_t) (draw(memory) % (memory->options.delay_polls_max + 1u)),
    };
    memory->host.wake(memory->host.ctx);
}

static void
memory_load(struct ff_store *store, struct ff_load *load)
{
    struct memory *memory = of(store);

    if (memory->options.contrary) {
        put_off(memory, load, NULL);
    } else {
        answer_load(memory, load);
    }
}

static void
memory_commit(struct ff_store *store, struct ff_commit *commit)
{
    put_off(of(store), NULL, commit);
}

/* Commits are made in the order in which they came; loads have none. */
static bool
is_early(const struct memory *memory, uint32_t at)
{
    const struct later *later = &memory->later[at];

    for (uint32_t i = 0; later->commit != NULL && i < memory->n_later; i++) {
        if (memory->later[i].commit != NULL && memory->later[i].number < later->number) {
            return true;
        }
    }
    return false;
}

static void
answer(struct memory *memory, uint32_t i)
{
    struct later later = memory->later[i];

    memory->later[i] = memory->later[--memory->n_later];
    if (later.load != NULL) {
        answer_load(memory, later.load);
    } else {
        answer_commit(memory, later.commit);
    }
}

static bool
poll_once(struct memory *memory)
{
    bool any = false;

    for (uint32_t i = memory->n_later; i > 0; i--) { /* answers may put more off, behind these */
        if (i > memory->n_later) {
            continue;
        }
        if (memory->later[i - 1].polls > 0) {
            memory->later[i - 1].polls--;
        } else if (!is_early(memory, i - 1)) {
            answer(memory, i - 1);
            any = true;
        }
    }
    return any;
}

static void
memory_poll(struct ff_store *store, bool wait)
{
    struct memory *memory = of(store);

    while (!poll_once(memory) && wait && memory->n_later > 0) {
    }
    if (memory->n_later > 0) {
        memory->host.wake(memory->host.ctx);
    }
}

static ff_err
memory_mark_copy(struct ff_store *store, bool unfinished, struct ff_fault *fault)
{
    (void) fault;
    store->unfinished = unfinished;
    return FF_E_OK;
}

static void
feed_empty(struct feed *feed)
{
    for (uint32_t i = 0; i < feed->n; i++) {
        free((char *) feed->bodies[i].p);
    }
    feed->n = 0;
}

static ff_err
memory_renumber(struct ff_store *store, enum ff_event_family family, uint64_t next,
                struct ff_fault *fault)
{
    struct feed *feed = &of(store)->feeds[family];

    (void) fault;
    feed_empty(feed);
    feed->gone = next - 1;
    return FF_E_OK;
}

static const struct ff_store_offline memory_offline = {
    .mark_copy = memory_mark_copy,
    .renumber = memory_renumber,
};

static void
memory_close(struct ff_store *store)
{
    struct memory *memory = of(store);
    struct record *record = NULL, *next = NULL;

    while (memory->n_later > 0) {
        memory_poll(store, true);
    }
    HASH_ITER(hh, memory->records, record, next)
    {
        record_free(memory, record);
    }
    for (size_t f = 0; f < FF_COUNT(memory->feeds); f++) {
        feed_empty(&memory->feeds[f]);
        free(memory->feeds[f].bodies);
    }
    ff_memory_index_done(&memory->index);
    free(memory->later);
    free(memory->conflicts);
    free(memory);
}

static const struct ff_store_ops memory_ops = {
    .label = "memory",
    .handle_tag = 0x10,
    .exclusive = true,
    .immediate = true,
    .prepare = memory_prepare,
    .load = memory_load,
    .commit = memory_commit,
    .poll = memory_poll,
    .promise = memory_promise,
    .offline = &memory_offline,
    .close = memory_close,
};

static const struct ff_store_ops contrary_ops = {
    .label = "memory",
    .handle_tag = 0x10,
    .exclusive = false,
    .immediate = false,
    .commits_max = 2,
    .prepare = memory_prepare,
    .load = memory_load,
    .commit = memory_commit,
    .poll = memory_poll,
    .promise = memory_promise,
    .offline = &memory_offline,
    .close = memory_close,
};

struct ff_store *
ff_memory_open(const struct ff_memory_options *options, const struct ff_store_host *host)
{
    struct memory *memory = calloc(1, sizeof(*memory));

    FF_ASSERT(memory != NULL);
    memory->store.ops = options->contrary ? &contrary_ops : &memory_ops;
    memory->options = *options;
    memory->host = *host;
    memory->random = options->seed;
    ff_memory_index_init(&memory->index);
    return &memory->store;
}
