/* engine_int.h: the engine's own structures; for the files of core/engine that make the engine, not
 * for operations.
 *
 *   cell   one record: what the store has, what the batches being committed make of it (base: the
 *          newest of them), what the open batch makes of it. The newest of the three counts.
 *   span   one scope of one index: a page of what the store has, and the positions that batches add
 *          to it or take away.
 *   task   one frame on its way; runs its calls in order.
 *   batch  the calls that one commit carries, and all they changed.
 */
#ifndef FF_CORE_ENGINE_ENGINE_INT_H
#define FF_CORE_ENGINE_ENGINE_INT_H

#include "core/codec.h"
#include "core/engine/engine.h"
#include "core/engine/lessees.h"
#include "core/engine/overlay_int.h"
#include "core/engine/pool.h"
#include "core/scanners.h"
#include "core/tree.h"

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
    struct walking *walking; /* of a call that was a walk: its last step is in this batch */
    struct cell **touched;   /* shared stores: the records it used */
    uint32_t n_touched;
};

struct batch {
    uint64_t number;
    struct entry *entries;
    uint32_t n_entries, entries_room;
    bool kept;            /* holds what a parked call has written on its way */
    struct ff_news *news; /* what it has for those who wait elsewhere (news.c) */
    uint32_t n_news, news_room;
    bool much_news; /* too much to tell apart */
    uint64_t loads; /* sent when it was sealed */
    struct cell **cells;
    uint32_t n_cells, cells_room;
    struct event_out *events;
    uint32_t n_events, events_room;
    struct mark_list marks;        /* while open; linked by next */
    uint32_t n_marks;              /* in it */
    struct mark_list sealed_marks; /* from seal to done; linked by base_next */
    uint64_t trims[FF_FAMILIES];   /* events up to it go; 0: none */
    size_t bytes;
    struct ff_arena arena; /* event bodies */
    /* from seal to done */
    struct ff_packer packer; /* bodies of the writes */
    struct ff_commit commit;
    struct cell **written; /* by position in commit.writes */
    struct row **rows;     /* the same; owned */
    bool answered;         /* not made, but what becomes of the next one is not known yet */
};

/* Something that a change has left to be done (follow.c). */
struct note {
    uint8_t index; /* where the entry stands that says so */
    struct ff_key id;
    int64_t sort;
};

struct following {
    struct note *notes; /* in order */
    uint32_t n_notes, notes_room;
    uint32_t n_calls; /* of the engine's own, under way */
    uint32_t begun;   /* of those, for the open batch */
    bool on;          /* ff_engine_consume was called */
    bool looking;     /* a call that looks for marks is under way */
    int64_t look_at;  /* engine clock: when marks are looked for; INT64_MAX: not by time */
};

/* A flow whose summary is older than its members (projector.c). */
struct stale_flow {
    RB_ENTRY(stale_flow) node;
    struct ff_key key;
};
RB_HEAD(stale_tree, stale_flow);

struct projecting {
    struct stale_tree stale; /* by key */
    uint32_t n;
    bool swept;         /* all flows have been looked through since the start */
    uint16_t partition; /* how far that has come */
    struct ff_entry at;
};

enum task_state {
    TASK_QUEUED,
    TASK_LONELY,
    TASK_RUNNING,
    TASK_WANTING,
    TASK_LOADING,
    TASK_PARKED,
    TASK_WALKING, /* between two steps */
    TASK_WAITING_COMMIT
};

/* Steps of a walk that a batch has seen: how it stood before the first of them. */
struct walk_steps {
    uint64_t batch;
    struct ff_walk before;
};

/* A call that is a walk. */
struct walking {
    struct ff_walk now;
    uint64_t wrote_in; /* batch of its last step that has written something; 0: none has */
    struct walk_steps steps[FF_COMMITS_MAX + 1]; /* of batches that are not committed, by number */
    uint32_t n;
};

struct ff_task {
    TAILQ_ENTRY(ff_task) link;  /* of the list that its state names */
    RB_ENTRY(ff_task) deadline; /* parked ones by park_deadline_ms, number */
    TAILQ_ENTRY(ff_task) alive; /* every task not done */
    struct ff_frame *frame;
    struct topic *topic;     /* while parked */
    struct walking *walking; /* NULL: its present call has done no step */
    struct cell **touched;   /* cells the running call used; shared stores only */
    uint32_t n_touched, touched_room;
    uint64_t number;         /* order of arrival */
    uint64_t fresh_from;     /* shared stores: what it reads must come from this load or later */
    uint64_t due_from;       /* first load after its arrival, or after its time was over */
    uint64_t last_batch;     /* batch of its newest finished call */
    int64_t arrived_mono_ms; /* when the present call was first run; -1: not yet */
    int64_t park_deadline_ms;
    uint32_t at;                            /* next call */
    uint32_t conflicts, rereads, disagreed; /* of the present call */
    enum task_state state;
    bool permit;            /* the present call holds one of the stream pool (permits.c) */
    struct ff_opt_u64 kept; /* ff_txn_keep_number of the present call */
    bool judged;            /* parked, and in the topic's judged list */
};
TAILQ_HEAD(task_list, ff_task);
RB_HEAD(deadline_tree, ff_task);

#include "core/engine/parked_int.h"

/* Events of a feed behind one sequence number, as the store has them. */
struct feed_page {
    LIST_ENTRY(feed_page) link;
    enum ff_event_family family;
    uint64_t after;
    uint32_t limit; /* that were asked for; fewer: there are no more */
    bool valid, wanted;
    uint64_t epoch;     /* last batch that the store had when it answered */
    uint64_t loaded_in; /* number of the load that brought it */
    struct ff_stored_event *v;
    uint32_t n;
    uint64_t newest, oldest; /* of the feed */
};

struct ff_engine {
    struct ff_engine_config config;
    struct ff_engine_facts facts;
    struct ff_store *store;
    struct ff_engine_stats stats;

    struct cell *cells;              /* uthash */
    TAILQ_HEAD(cell_list, cell) lru; /* least recently used first */
    struct cell_list kept;           /* shared stores: those that no batch uses, the same way */
    uint64_t guess_from_call;        /* trust.c: no guesses before */
    struct spans spans[FF_IX_N];
    LIST_HEAD(, span) read_spans; /* that calls have asked for since pages were last stale */
    struct scopes_tree scopes;
    struct peek *peeks; /* uthash */
    LIST_HEAD(, feed_page) feed_pages;
    uint64_t feed_committed[FF_FAMILIES]; /* number of the last batch with such events */
    uint64_t trims[FF_FAMILIES];          /* of the running call */
    bool trimming;                        /* there are any */

    struct task_list queue, lonely, wanting, walking, alive;
    struct following follow;
    struct projecting projecting;
    struct ff_lessees lessees; /* shared stores only */
    struct topic_tree topics;
    struct topic_list hot_topics, timed_topics, watching_topics;
    struct topic *scanner_topics[FF_SCANNERS]; /* those of them that there are */
    struct deadline_tree deadlines;
    struct hearing hearing;
    struct taking takings[64]; /* by hash: one that has no place is not known, and only conflicts */
    uint64_t telling;     /* while news are passed on: the first load that shows them; else 0 */
    uint64_t oldest_read; /* by the running call: the load that it came with */
    uint32_t n_parked;
    struct watches watching; /* of the running call */

    struct batch batches[FF_COMMITS_MAX + 1];
    struct batch *open;
    struct batch *sealed[FF_COMMITS_MAX]; /* being committed, the oldest first */
    uint32_t n_sealed;
    uint64_t next_batch;
    uint64_t committed;       /* number of the last batch that is done */
    uint32_t stream_ops;      /* permits of the stream pool that are out */
    bool passes[FF_SCANNERS]; /* it was given items, and has not asked again */
    bool solo;                /* the open batch holds lonely tasks */
    uint32_t shift_left;      /* calls to run before the store is turned to again */

    struct undo *undo; /* of the running call */
    uint32_t n_undo, undo_room;
    struct row **trash; /* rows that the running call may still read */
    uint32_t n_trash, trash_room;
    bool keep;  /* the running call's writes stay although it fails */
    bool doubt; /* what it has read does not fit together, or may be old */
    bool aside; /* so that it is run again in a batch of its own */

    struct ff_want *wants; /* gathered for the next load */
    uint32_t n_wants, wants_room;
    bool loading;
    bool load_doubted;   /* marks that hide what it may not show were dropped since */
    uint64_t load_epoch; /* last batch that the store had when the load under way was sent */
    struct task_list loading_tasks; /* they wait for the load under way */
    struct ff_load load;
    struct ff_arena load_arena;
    struct ff_pool spare_marks, spare_spans, spare_cells;
    struct ff_pool spare_rows[ROW_CLASSES];
    struct row *no_row;         /* what every absent record has; NULL: none was yet */
    struct mark_list lingering; /* committed, but the load under way may not show it */

    struct ff_arena scratch; /* of the running call */
    struct ff_packer reply;
    uint64_t calls_begun; /* number of the running call's id source */
    uint8_t random[512];
    uint32_t random_used, random_block;
    uint64_t random_call;

    uint64_t fresh_versions; /* next_version */
    int64_t last_now_ms;
    struct ff_opt_i64 test_now_ms;
    bool running, closing, waits_stopped;
    uint64_t next_task;
};

#include "core/engine/parts_int.h"
#include "core/engine/waits_int.h"

#endif
