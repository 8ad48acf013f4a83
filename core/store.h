/* store.h: what a store must do: load records, read ordered indexes, commit a batch atomically.
 *
 * The engine's port; backends/store.h opens one by URL. A store knows records, keys and indexes,
 * and nothing of operations. All calls and all completions happen on the owner's loop thread; a
 * store with a thread of its own calls host->wake from there and completes inside ff_store_poll.
 */
#ifndef FF_CORE_STORE_H
#define FF_CORE_STORE_H

#include "core/arena.h"
#include "core/fault.h"
#include "core/records.h"

struct ff_store;

#define FF_FAMILIES (FF_FAMILY_WORKER_REGISTRY + 1)

struct ff_scope_list {
    struct ff_scope *v; /* ascending */
    uint32_t n;
};

enum ff_want_what {
    FF_WANT_RECORD,
    FF_WANT_PAGE,
    FF_WANT_SCOPES,
    FF_WANT_EVENTS,
    FF_WANT_WALK /* store_offline.h */
};
struct ff_walk_page;

/* One thing to load: the question, and the store's answer in the load's arena. */
struct ff_want {
    enum ff_want_what what;
    enum ff_record kind; /* RECORD */
    struct ff_key key;
    enum ff_index index;         /* PAGE, SCOPES */
    struct ff_scope scope;       /* PAGE: exact; SCOPES: a prefix */
    bool has_after;              /* PAGE */
    struct ff_entry after;       /* PAGE: exclusive */
    enum ff_event_family family; /* EVENTS */
    uint64_t after_seq;          /* EVENTS: exclusive */
    uint32_t limit;              /* PAGE, EVENTS: entries at the most, at least 1 */
    void *owner;                 /* the caller's own */

    bool found;                  /* RECORD */
    struct ff_str body;          /* RECORD: the stored form */
    uint64_t version;            /* RECORD: as the commit that wrote it named it; 0 = absent */
    struct ff_entry *entries;    /* PAGE: ascending */
    uint32_t n;                  /* PAGE, EVENTS */
    bool complete;               /* PAGE: nothing stands behind the last entry */
    struct ff_scope_list scopes; /* SCOPES: those with at least one entry */
    struct ff_str *bodies;       /* EVENTS: stored events, ascending */
    uint64_t *seqs;              /* EVENTS: their sequence numbers */
    uint64_t newest;             /* EVENTS: of the family, ever; 0: there was none */
    uint64_t oldest;             /* EVENTS: that is still there; newest + 1: none is */
    struct ff_walk_page *walk;   /* WALK */
};

/* A batched load. No wants: a ping. Committed state only, all wants of one load from one instant.
 */
struct ff_load {
    struct ff_want *wants;
    uint32_t n;
    struct ff_arena *arena;             /* answers; the caller's, alive until done */
    void (*done)(struct ff_load *load); /* may be called inside ff_store_load */
    void *ctx;
    struct ff_fault fault; /* FF_E_OK, or FF_E_TRANSPORT / FF_E_CORRUPTION for all of it */
};

/* What ff_record_ruled_out says of an execution as it is written need not be looked for: a store
 * may take it that it is not there. */
struct ff_write {
    enum ff_record kind;
    struct ff_key key;
    struct ff_str body; /* the stored form, unless `columns`; alive until done */
    /* The same as a struct, and what the batch has read, both alive until ff_store_commit returns;
     * NULL: body alone says it; there was none, or it is not at hand. For stores with columns. */
    const void *record;
    const void *before;
    bool deleted;
    bool unseen;           /* to be removed whatever its version is, if it is there */
    bool live;             /* ff_record_live of the new record */
    uint64_t version_from; /* what the batch read; 0 = it found no record (deleted, too: a check) */
    uint64_t version;      /* above it: of a new record any, else the next */
};

struct ff_index_change {
    bool add;
    struct ff_index_key key;
};

struct ff_event_write {
    enum ff_event_family family;
    struct ff_str body;
};

/* Events of a family up to this one go. Never the newest: the next one's number follows it. */
struct ff_event_trim {
    enum ff_event_family family;
    uint64_t up_to;
};

enum ff_commit_outcome {
    FF_COMMIT_OK,
    FF_COMMIT_FAILED,   /* nothing was committed, or nobody knows; see fault (FF_E_TRANSPORT) */
    FF_COMMIT_CONFLICT, /* nothing was committed; conflicts names the records that have moved */
    FF_COMMIT_ORPHANED  /* nothing was committed, as it follows one that was not */
};

/* Of a topic that calls wait for, with any broker: there is something for `n` of them. */
struct ff_news {
    struct ff_scope topic; /* the engine's: the store passes it on as it is */
    uint32_t n;
};

/* One batch, all or nothing, durable when done says FF_COMMIT_OK. Events of a family get the next
 * sequence numbers in the order given. Those under way are made and done in their order. */
struct ff_commit {
    bool follows; /* the one before is under way: if that is not FF_COMMIT_OK, nor is this */
    struct ff_write *writes;
    uint32_t n_writes;
    struct ff_index_change *changes;
    uint32_t n_changes;
    struct ff_event_write *events;
    uint32_t n_events;
    struct ff_event_trim *trims; /* made after the events are there */
    uint32_t n_trims;
    const struct ff_news *news; /* for the other brokers on the store, if there are any */
    uint32_t n_news;
    bool much_news;                         /* more than is told apart: anything may have changed */
    void (*done)(struct ff_commit *commit); /* never inside ff_store_commit */
    void *ctx;
    enum ff_commit_outcome outcome;
    struct ff_fault fault;
    uint32_t *conflicts; /* positions in writes; the store's, alive until done returns */
    uint32_t n_conflicts;
};

struct ff_partition_counts {
    uint32_t flow, budget, quota; /* 1..65535; 0 = not stated */
};

/* What `prepare` does with the counts of a store that has some: adopts those that are not stated,
 * compares the others (01 §3.1). FF_E_PARTITION_MISMATCH {name, stored, configured}. */
FF_MUST_USE ff_err ff_store_check_counts(const struct ff_partition_counts *stored,
                                         struct ff_partition_counts *counts,
                                         struct ff_fault *fault);

/* What a new store keeps where nothing is stated: 256, 32, 32. */
void ff_store_default_counts(struct ff_partition_counts *counts);

struct ff_store_offline;

struct ff_store_ops {
    const char *label;    /* backend_label (01 §10.1) */
    uint8_t handle_tag;   /* 0x10 and upward (01 §8.2) */
    bool exclusive;       /* one broker owns it: what the engine keeps in memory stays true */
    bool immediate;       /* ff_store_load completes before it returns */
    bool columns;         /* takes records as structs: the engine leaves ff_write.body out */
    uint32_t commits_max; /* under way at a time, up to FF_COMMITS_MAX; 0: one */
#define FF_COMMITS_MAX 2
    /* Sets up or upgrades; stores `counts` at first, adopts stored ones where 0, else compares.
     * FF_E_PARTITION_MISMATCH, FF_E_CORRUPTION {reason: "schema_version"}, FF_E_TRANSPORT.
     * *applied: this call changed something. */
    ff_err (*prepare)(struct ff_store *store, struct ff_partition_counts *counts, bool *applied,
                      struct ff_fault *fault);
    void (*load)(struct ff_store *store, struct ff_load *load);
    void (*commit)(struct ff_store *store, struct ff_commit *commit);
    /* Delivers what has completed. wait: blocks until at least one completion, if any is due. */
    void (*poll)(struct ff_store *store, bool wait);
    /* Of a store that talks over sockets: readable whenever poll has something to do (an epoll set
     * of its own), the same as long as the store is open. NULL: host->wake tells instead. */
    int (*fd)(const struct ff_store *store);
    /* Unix milliseconds by the server's clock, of a prepared store; 0: it is not known. NULL: the
     * machine's own counts, as nobody else writes the store. */
    int64_t (*clock_ms)(const struct ff_store *store);
    /* What a reply promises now, by the URL or the server's own settings, for people; of a prepared
     * store. NULL: not said. */
    const char *(*promise)(const struct ff_store *store);
#define FF_PROMISE_ALL "nothing is lost"    /* in the text of none that is weaker */
    const struct ff_store_offline *offline; /* store_offline.h */
    void (*close)(struct ff_store *store);  /* waits for a commit under way; frees the store */
};

/* First member of every store. */
struct ff_store {
    const struct ff_store_ops *ops;
    bool unfinished; /* known once it is prepared: a copy into it was begun, and has not ended */
};

/* What a store is opened for; store_offline.h has the others' errors. */
enum ff_store_use {
    FF_STORE_SERVE, /* made or upgraded if need be */
    FF_STORE_LOOK,  /* it must be there, and of this version: opening changes nothing of it */
    FF_STORE_FILL   /* as SERVE; an unfinished copy will do */
};

/* How a store reaches its owner. */
struct ff_store_host {
    void (*wake)(void *ctx); /* any thread; leads to a ff_store_poll soon */
    /* Another broker has committed something; inside ff_store_poll. A topic without bytes: more
     * than is told apart. news NULL: the server was out of touch. May be NULL. */
    void (*news)(void *ctx, const struct ff_news *news);
    void *ctx;
    enum ff_store_use use;
};

static inline void
ff_store_load(struct ff_store *store, struct ff_load *load)
{
    store->ops->load(store, load);
}
static inline void
ff_store_commit(struct ff_store *store, struct ff_commit *commit)
{
    store->ops->commit(store, commit);
}
static inline void
ff_store_poll(struct ff_store *store, bool wait)
{
    store->ops->poll(store, wait);
}
static inline const char *
ff_store_promise(const struct ff_store *store)
{
    return store->ops->promise == NULL ? NULL : store->ops->promise(store);
}
/* -1: there is none. */
static inline int
ff_store_fd(const struct ff_store *store)
{
    return store->ops->fd == NULL ? -1 : store->ops->fd(store);
}
static inline void
ff_store_close(struct ff_store *store)
{
    if (store != NULL) {
        store->ops->close(store);
    }
}

#endif
