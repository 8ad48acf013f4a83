/* engine_int.h: the engine's own structures; for the files of core/engine that make the engine, not
 * for operations.
 *
 *   cell   one record: what the store has, what the batch being committed makes of it (base), what
 *          the open batch makes of it. The newest of the three counts.
 *   span   one scope of one index: a page of what the store has, and the positions that the two
 *          batches add to it or take away.
 *   task   one frame on its way; runs its calls in order.
 *   batch  the calls that one commit carries, and all they changed.
 */
#ifndef FF_CORE_ENGINE_ENGINE_INT_H
#define FF_CORE_ENGINE_ENGINE_INT_H

#include <uthash.h>

#include "core/codec.h"
#include "core/engine/engine.h"
#include "core/tree.h"

/* One version of a record: the C struct with its texts behind it. Never changed once made. */
struct row {
    uint32_t refs;
    bool absent; /* there is no record */
    size_t bytes;
    _Alignas(16) unsigned char data[];
};

struct cell {
    UT_hash_handle hh;
    TAILQ_ENTRY(cell) lru;
    struct row *stored;            /* NULL: not resident */
    struct row *base;              /* NULL: the batch being committed does not write it */
    struct row *open;              /* NULL: the open batch does not write it */
    uint64_t version;              /* of stored */
    uint64_t read_in;              /* number of the last batch that looked at it */
    bool wanted;                   /* part of a load to come or under way */
    bool corrupt;                  /* what the store has cannot be read */
    bool listed;                   /* in the open batch's cells */
    uint8_t key_n;                 /* bytes of ident in use */
    uint8_t ident[1 + FF_KEY_MAX]; /* kind, then key */
};

struct mark;
TAILQ_HEAD(mark_list, mark);

/* A position of a span that a batch has touched: +1 added, -1 removed, 0 untouched. */
struct mark {
    RB_ENTRY(mark) all;          /* by position */
    RB_ENTRY(mark) present;      /* those that stand, by position */
    TAILQ_ENTRY(mark) next;      /* in the open batch's list */
    TAILQ_ENTRY(mark) base_next; /* in the sealed batch's list, or the lingering one */
    struct span *span;
    struct ff_entry entry;
    int8_t base; /* by batches that are sealed and that a page may not show yet */
    int8_t open; /* by the open batch */
    bool in_present;
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

struct span {
    RB_ENTRY(span) node; /* by index and scope */
    uint8_t index;
    struct ff_scope scope;
    struct mark_tree all;
    struct present_tree present;
    uint32_t marks;   /* in all */
    uint32_t removed; /* marks that take away */
    bool page_valid;
    bool page_from_start; /* else: behind page_after */
    bool page_complete;   /* nothing behind its last entry */
    bool wanted;          /* page part of a load to come or under way */
    uint32_t want_at;     /* which want */
    struct ff_entry page_after;
    struct page_entry *page; /* ascending */
    uint32_t page_n, page_room;
    uint32_t page_head; /* entries before it are gone */
};
RB_HEAD(span_tree, span);

/* The scopes of an index under a prefix, as the store had them. */
struct scopes {
    RB_ENTRY(scopes) node;
    uint8_t index;
    struct ff_scope prefix;
    bool valid, wanted;
    struct ff_scope *v;
    uint32_t n;
};
RB_HEAD(scopes_tree, scopes);

/* How a record stood before the running call changed it. */
struct undo {
    struct cell *cell;
    struct row *open;
};

struct event_out {
    enum ff_event_family family;
    struct ff_str body; /* in the batch's arena */
};

/* One call that a batch carries. */
struct entry {
    struct ff_task *task;
    uint32_t call;
    struct cell **touched; /* shared stores: the records it used */
    uint32_t n_touched;
};

struct batch {
    uint64_t number;
    struct entry *entries;
    uint32_t n_entries, entries_room;
    struct cell **cells;
    uint32_t n_cells, cells_room;
    struct event_out *events;
    uint32_t n_events, events_room;
    struct mark_list marks;        /* while open; linked by next */
    struct mark_list sealed_marks; /* from seal to done; linked by base_next */
    size_t bytes;
    struct ff_arena arena; /* event bodies */
    /* from seal to done */
    struct ff_packer packer; /* bodies of the writes */
    struct ff_commit commit;
    struct cell **written; /* by position in commit.writes */
};

enum task_state {
    TASK_QUEUED,
    TASK_LONELY,
    TASK_RUNNING,
    TASK_WANTING,
    TASK_LOADING,
    TASK_PARKED,
    TASK_WAITING_COMMIT
};

struct ff_task {
    TAILQ_ENTRY(ff_task) link;  /* of the list that its state names */
    RB_ENTRY(ff_task) deadline; /* parked ones by park_deadline_ms, number */
    TAILQ_ENTRY(ff_task) alive; /* every task not done */
    struct ff_frame *frame;
    struct topic *topic;   /* while parked */
    struct cell **touched; /* cells the running call used; shared stores only */
    uint32_t n_touched, touched_room;
    uint64_t number;         /* order of arrival */
    uint64_t last_batch;     /* batch of its newest finished call */
    int64_t arrived_mono_ms; /* when the present call was first run; -1: not yet */
    int64_t park_deadline_ms;
    uint32_t at;        /* next call */
    uint32_t conflicts; /* of the present call */
    enum task_state state;
    bool judged; /* parked, and in the topic's judged list */
};
TAILQ_HEAD(task_list, ff_task);
RB_HEAD(deadline_tree, ff_task);

/* What parked calls wait for: a lane's scope. */
struct topic {
    RB_ENTRY(topic) node;
    struct ff_scope scope;
    struct task_list parked; /* in order of arrival */
    struct task_list judged; /* parked again while the others are judged */
    bool judging;
    uint32_t n_parked;
    uint32_t credits;   /* how many are worth judging again */
    int64_t wake_at_ms; /* engine clock; INT64_MAX: never */
};
RB_HEAD(topic_tree, topic);

struct ff_engine {
    struct ff_engine_config config;
    struct ff_engine_facts facts;
    struct ff_store *store;
    struct ff_engine_stats stats;

    struct cell *cells;     /* uthash */
    TAILQ_HEAD(, cell) lru; /* least recently used first */
    struct span_tree spans;
    struct scopes_tree scopes;

    struct task_list queue, lonely, wanting, alive;
    struct topic_tree topics;
    struct deadline_tree deadlines;
    uint32_t n_parked;

    struct batch batches[2];
    struct batch *open, *sealed; /* sealed: being committed, or NULL */
    uint64_t next_batch;
    uint64_t committed; /* number of the last batch that is done */
    bool solo;          /* the open batch holds lonely tasks */

    struct undo *undo; /* of the running call */
    uint32_t n_undo, undo_room;
    struct row **trash; /* rows that the running call may still read */
    uint32_t n_trash, trash_room;
    bool keep; /* the running call's writes stay although it fails */

    struct ff_want *wants; /* gathered for the next load */
    uint32_t n_wants, wants_room;
    bool loading;
    uint64_t load_epoch; /* last batch that the store had when the load under way was sent */
    struct task_list loading_tasks; /* they wait for the load under way */
    struct ff_load load;
    struct ff_arena load_arena;
    struct mark_list lingering; /* committed, but the load under way may not show it */

    struct ff_arena scratch; /* of the running call */
    struct ff_packer reply;
    uint64_t calls_begun; /* number of the running call's id source */
    uint8_t random[512];
    uint32_t random_used, random_block;
    uint64_t random_call;

    int64_t last_now_ms;
    struct ff_opt_i64 test_now_ms;
    bool running, closing;
    uint64_t next_task;
};

/* ---- cells.c: records ---- */
struct row *ff_cell_top(const struct cell *cell);
struct cell *ff_cell_get(struct ff_engine *engine, enum ff_record kind, const struct ff_key *key);
enum ff_record ff_cell_kind(const struct cell *cell);
struct ff_key ff_cell_key(const struct cell *cell);
/* Makes `row` (owned) what the store has. */
void ff_cell_store(struct ff_engine *engine, struct cell *cell, struct row *row, uint64_t version);
struct row *ff_row_new(enum ff_record kind, const void *record); /* record NULL: absent */
void ff_row_unref(struct row *row);
/* Makes `row` (owned) the open batch's version, with its index changes; remembers the old one. */
void ff_cell_write(struct ff_engine *engine, struct cell *cell, struct row *row);
/* Takes back what the running call wrote since `mark`. */
void ff_cells_undo(struct ff_engine *engine);
/* The running call is over: what it replaced is freed. */
void ff_cells_settle(struct ff_engine *engine);
/* Frees what no batch uses beyond the cache's bound; on a shared store all that is older than the
 * open batch. */
void ff_cells_evict(struct ff_engine *engine);
/* An execution has ended: what is kept of it is seldom asked for again, and makes room. */
void ff_cells_forget_exec(struct ff_engine *engine, const struct ff_exec *exec);
/* Forgets everything, the batches' versions too. */
void ff_cells_clear(struct ff_engine *engine);

/* ---- spans.c: indexes ---- */
struct span *ff_span_get(struct ff_engine *engine, enum ff_index index,
                         const struct ff_scope *scope);
/* The open batch adds or removes a position. */
void ff_span_change(struct ff_engine *engine, const struct ff_index_key *key, bool add);
/* The open batch's marks become the sealed one's. */
void ff_marks_seal(struct batch *batch);
/* A sealed batch is in the store, but the load under way may have looked before that. */
void ff_marks_linger(struct ff_engine *engine, struct batch *batch);
/* Marks of batches up to `up_to` are in the store, and every page read from here on shows them. */
void ff_marks_release(struct ff_engine *engine, struct mark_list *marks, uint64_t up_to);
/* The batch will never be committed. */
void ff_marks_drop(struct ff_engine *engine, struct batch *batch);
/* Takes an answered page want in; one whose load failed. */
void ff_span_load(struct ff_engine *engine, const struct ff_want *want);
void ff_span_unwant(struct ff_engine *engine, const struct ff_want *want);
struct scopes *ff_scopes_get(struct ff_engine *engine, enum ff_index index,
                             const struct ff_scope *prefix);
void ff_scopes_load(struct ff_engine *engine, const struct ff_want *want);
void ff_scopes_merge(struct ff_engine *engine, const struct scopes *scopes, struct ff_arena *arena,
                     struct ff_scope_list *out);
/* Pages live for one batch: they are to be read again. */
void ff_spans_stale(struct ff_engine *engine);
/* The first position behind `after` (NULL: from the start), the batches' changes included. */
ff_err ff_span_next(struct ff_txn *txn, struct span *span, const struct ff_entry *after,
                    uint32_t expect, struct ff_entry *out, bool *found);
void ff_spans_clear(struct ff_engine *engine);

/* ---- loads.c ---- */
/* Notes what is to be loaded; on an immediate store loads it at once. FF_E_OK: it is there now;
 * FF_E_PENDING; FF_E_CORRUPTION; on an immediate store also FF_E_TRANSPORT. */
ff_err ff_want_cell(struct ff_engine *engine, struct cell *cell, struct ff_fault *fault);
ff_err ff_want_page(struct ff_engine *engine, struct span *span, const struct ff_entry *after,
                    uint32_t limit, struct ff_fault *fault);
ff_err ff_want_scopes(struct ff_engine *engine, struct scopes *scopes, struct ff_fault *fault);
/* The want was not answered. */
void ff_unwant(struct ff_engine *engine, const struct ff_want *want);
/* Sends the gathered wants off, if no load is under way. */
bool ff_loads_start(struct ff_engine *engine);

/* ---- batches.c ---- */
void ff_batch_add(struct ff_engine *engine, struct ff_task *task, uint32_t call);
bool ff_batch_full(const struct ff_engine *engine);
/* Seals the open batch and sends it off, if none is under way. */
bool ff_batch_start(struct ff_engine *engine);
void ff_batch_init(struct batch *batch);
void ff_batch_free(struct batch *batch);

/* ---- tasks.c: running calls ---- */
struct ff_task *ff_task_new(struct ff_engine *engine, struct ff_frame *frame);
/* Puts it into the list that `state` names, at its end; out of the one it is in. */
void ff_task_move(struct ff_engine *engine, struct ff_task *task, enum task_state state);
/* Runs its calls until one has to wait, or the batch is full. */
void ff_task_run(struct ff_engine *engine, struct ff_task *task);
/* Answers its frame if all calls are done and durable. */
void ff_task_settle(struct ff_engine *engine, struct ff_task *task);
/* The call is answered with this fault, whatever it has been before. */
void ff_task_answer_fault(struct ff_engine *engine, struct ff_task *task, uint32_t call,
                          const struct ff_fault *fault);
/* All calls from the present one on are answered with this fault, and the frame with them. */
void ff_task_abandon(struct ff_engine *engine, struct ff_task *task, const struct ff_fault *fault);
/* engine.c: runs what is queued. */
void ff_engine_run_queue(struct ff_engine *engine);
int64_t ff_engine_now(struct ff_engine *engine, struct ff_opt_i64 given_ms);

/* ---- parking.c ---- */
ff_err ff_park(struct ff_txn *txn, const struct ff_scope *topic, uint64_t block_ms,
               int64_t wake_at_ms);
/* After FF_E_PARKED: links the task in; and out again. */
void ff_parking_link(struct ff_engine *engine, struct ff_task *task);
void ff_parking_unlink(struct ff_engine *engine, struct ff_task *task);
/* An index entry came to be that parked calls may wait for. */
void ff_parking_note_add(struct ff_engine *engine, const struct ff_index_key *key);
/* All that wait for this topic are worth judging again; NULL: all. */
void ff_parking_wake(struct ff_engine *engine, const struct ff_scope *scope);
/* Queues those whose time is over; runs those that something has happened for. True if any. */
bool ff_parking_due(struct ff_engine *engine);
bool ff_parking_judge(struct ff_engine *engine);
int64_t ff_parking_wait_ms(const struct ff_engine *engine);
void ff_parking_clear(struct ff_engine *engine);

#endif
