/* overlay_int.h: records and index pages as the engine keeps them, with what its batches change;
 * part of engine_int.h.
 */
#ifndef FF_CORE_ENGINE_OVERLAY_INT_H
#define FF_CORE_ENGINE_OVERLAY_INT_H

#include <uthash.h>

#include "core/store.h"
#include "core/tree.h"

/* One version of a record: the C struct with its texts behind it. Never changed once made. */
struct row {
    uint32_t refs;
    bool absent; /* there is no record */
    bool secret; /* wiped when it is freed */
    size_t bytes;
    _Alignas(16) unsigned char data[];
};

/* Rows are kept for use again by their size, rounded up; larger ones are not. */
#define ROW_CLASS_BYTES 64
#define ROW_CLASSES 40

/* What a lookup reads comes first: it seldom is in the cache. */
struct cell {
    UT_hash_handle hh;
    struct row *stored;            /* NULL: not resident */
    struct row *base;              /* of the newest batch under way that writes it, or NULL */
    struct row *open;              /* NULL: the open batch does not write it */
    uint64_t read_in;              /* number of the last batch that looked at it (is_recent) */
    uint8_t key_n;                 /* bytes of ident in use */
    uint8_t ident[1 + FF_KEY_MAX]; /* kind, then key */
    bool wanted;                   /* part of a load to come or under way */
    bool corrupt;                  /* what the store has cannot be read */
    bool listed;                   /* in the open batch's cells */
    bool old;                      /* shared stores: stored may have been changed since (trust.c) */
    bool kept;                     /* no batch uses it */
    bool held;                     /* the open batch relies on its absence (rely.h) */
    bool ours;                     /* stored is what this broker has written itself */
    TAILQ_ENTRY(cell) lru;         /* in engine->lru; if it is kept, in engine->kept */
    uint64_t version;              /* of stored */
    uint64_t base_version;         /* of base, once that is committed */
    uint64_t loaded_in;            /* number of the load that brought stored, or is as old */
};

struct mark;
TAILQ_HEAD(mark_list, mark);

/* A position of a span that a batch has touched: +1 added, -1 removed, 0 untouched. What a search
 * compares comes first. */
struct mark {
    RB_ENTRY(mark) all; /* by position */
    struct ff_entry entry;
    /* from here on zeroed at first */
    struct span *span;
    RB_ENTRY(mark) present;      /* those that stand, by position; while the span is read */
    TAILQ_ENTRY(mark) next;      /* in the open batch's list */
    TAILQ_ENTRY(mark) base_next; /* in the last sealed batch's list, or the lingering one */
    int8_t base;                 /* by batches that are sealed and that a page may not show yet */
    int8_t open;                 /* by the open batch */
    bool in_open_list;
    struct mark_list *base_list; /* the one it is in, or NULL */
    uint64_t applied_in;         /* lingering: the batch whose commit the store has made */
};
RB_HEAD(mark_tree, mark);
RB_HEAD(present_tree, mark);

struct page_entry {
    struct ff_entry entry;
    bool gone; /* a mark takes it away */
};

/* What a search compares comes first. */
struct span {
    RB_ENTRY(span) node; /* of its index, by scope */
    struct ff_scope scope;
    uint8_t index;
    /* from here on zeroed at first, as far as page_after */
    bool is_read;
    bool page_valid;
    bool page_from_start; /* else: behind page_after */
    bool page_complete;   /* nothing behind its last entry */
    bool wanted;          /* page part of a load to come or under way */
    struct mark_tree all;
    struct present_tree present; /* while is_read: else nobody looks through it */
    uint32_t marks;              /* in all */
    uint32_t added;              /* marks that add */
    uint32_t removed;            /* marks that take away */
    LIST_ENTRY(span) read;       /* of the engine's read_spans, while is_read */
    uint32_t want_at;            /* which want */
    uint32_t expect;             /* entries that the running call is likely to read */
    int64_t until;               /* what sorts behind it is not looked for */
    uint64_t loaded_in;          /* number of the load that brought the page's first part */
    uint64_t used_by;            /* the last call that the page has served */
    uint64_t read_in;            /* number of the last batch that asked for it */
    struct page_entry *page;     /* ascending */
    uint32_t page_n, page_room;
    uint32_t page_head; /* entries before it are gone */
    struct ff_entry page_after;
};
RB_HEAD(span_tree, span);

/* Those of one index. */
struct spans {
    struct span_tree tree;
    struct span *last; /* the one asked for last, or NULL */
};

/* One place of an index, as the store had it. */
struct peek {
    UT_hash_handle hh;
    struct ff_index_key place; /* zeroed behind what is in use */
    bool valid, stands;
    bool wanted; /* part of a load to come or under way */
};

/* The scopes of an index under a prefix, as the store had them. */
struct scopes {
    RB_ENTRY(scopes) node;
    uint8_t index;
    struct ff_scope prefix;
    bool valid, wanted;
    uint64_t loaded_in; /* number of the load that brought them */
    struct ff_scope *v;
    uint32_t n;
};
RB_HEAD(scopes_tree, scopes);

#endif
