/* sqlite_int.h: shared by the files of the SQLite store; backends/README.md tells the whole.
 *
 * Three connections, each of one thread: `reader` of the loop, `writer` of the writer, `mover` of
 * the one that moves the log (log.c); a fourth thread syncs the log (sync.c). What the writer needs
 * of the loop thread's memory (arrival rows, event numbers) is put into the plan before the job is
 * handed over; what a commit changes in memory is applied on the loop thread once it is made.
 */
#ifndef FF_BACKENDS_SQLITE_SQLITE_INT_H
#define FF_BACKENDS_SQLITE_SQLITE_INT_H

#include <pthread.h>
#include <sqlite3.h>

#include "backends/memory/index.h"
#include "backends/sqlite/sqlite.h"
#include "backends/sqlite/statements.h"
#include "core/store_offline.h"
#include "core/tree.h"

#define FF_SQLITE_SCHEMA 6
#define FF_SQLITE_PARTITIONS 65536
/* Size of an execution's key: partition and uuid. */
#define ID_BYTES 18
#define WORDS_MAX 320

/* ---- executions (live.c) ---- */

enum live_state {
    LIVE_HERE,
    LIVE_COMING,   /* made by the commit under way */
    LIVE_PASSING,  /* made and ended by it */
    LIVE_LEAVING,  /* ended or removed by it */
    LIVE_RETURNING /* brought back by it */
};

/* Where the row of a live execution is; terminal ones are found by the file's own index. */
struct live {
    RB_ENTRY(live) link;
    int64_t row;
    uint8_t id[ID_BYTES];
    uint8_t state; /* enum live_state */
};
RB_HEAD(lives, live); /* by id: it is the index `executions` too */

/* ---- a commit, step by step (plan.c, write.c) ---- */

enum step {
    STEP_LIVE_INSERT,
    STEP_LIVE_UPDATE,
    STEP_LIVE_DELETE,
    STEP_FINISH,      /* live → done */
    STEP_DONE_INSERT, /* made and ended in one batch */
    STEP_DONE_UPDATE,
    STEP_DONE_DELETE,
    STEP_REVIVE,   /* done → live */
    STEP_PART_PUT, /* a record that belongs to an execution */
    STEP_PART_DELETE,
    STEP_PLAIN_PUT,
    STEP_PLAIN_DELETE,
    STEP_NOTHING /* to remove what is not there */
};

struct plan {
    enum step step;
    int64_t row; /* arrival row; 0: to be looked up among the done ones */
};

/* Where a commit has got to. */
enum stage {
    STAGE_WAITING, /* until the one before it is made */
    STAGE_WRITING,
    STAGE_MADE, /* it shows; with durability `commit` it is done when the log is synced behind it */
    STAGE_FAILED
};

struct under_way {
    struct ff_commit *commit;
    enum stage stage;
    uint64_t made; /* how many the log holds with it */
};

enum move { MOVE_NOTHING, MOVE_ASKED, MOVE_REST /* for the writer */ };

/* What the loop thread takes back when a commit was not made. */
struct counters {
    int64_t next_row;
    int64_t reserved_row; /* rows below it may be used: stored, so that none is used twice */
    uint64_t next_seq[FF_FAMILIES];
};

struct sqlite {
    struct ff_store store;
    struct ff_store_host host;
    char *path; /* without links */
    int lock_fd;
    enum ff_durability durability;
    uint32_t sync_ms;
    bool changed_file;                 /* this open has made or upgraded the schema; not yet told */
    struct ff_partition_counts counts; /* stored; 0: not yet */

    /* loop thread */
    sqlite3 *reader;
    sqlite3_stmt *queries[Q_READER_N];
    struct lives lives;
    struct ff_memory_index index;
    /* By partition, as far as there are ended executions: the largest uuid among them. Ids that are
     * made in the order of time are larger when they are new, and need not be looked for. */
    struct ff_uuid *done_max;
    bool *done_any;
    struct counters now, before; /* before the commit that the writer has */
    char reader_words[WORDS_MAX];
    struct under_way under_way[FF_COMMITS_MAX]; /* in order */
    uint32_t n_under_way;
    uint64_t applied; /* of what the log holds */
    bool in_doubt;    /* one that may be kept was answered as failed: so is the one behind it */

    /* writer thread */
    sqlite3 *writer;
    sqlite3_stmt *statements[ST_WRITER_N];
    uint32_t due_at; /* where due_of found the last one */
    int wal_pages;   /* in the log, after the last commit; atomic: the mover looks at it */
    int move_at;     /* pages at which the mover is asked */
    char writer_words[WORDS_MAX];

    /* between them; the mutex guards what follows it */
    pthread_t thread;
    struct ff_commit *commit; /* with the writer */
    struct plan *plan;        /* by position in commit->writes */
    uint32_t plan_room;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool handed_over, finished, stopping;
    pthread_cond_t move_cond;
    enum move move;

    /* the mover (log.c) */
    pthread_t mover_thread;
    sqlite3 *mover;

    /* the syncer (sync.c); the mutex guards all but the first three */
    pthread_t sync_thread;
    bool syncing; /* there is one: not with durability `none` */
    int wal_fd;   /* what is synced; -1 until first used */
    pthread_cond_t sync_cond;
    uint64_t made, synced; /* commits that the log holds; that are on the disk as well */
    bool sync_failed;      /* no commit until that is mended */
    bool sync_news;        /* one of them has changed since the loop thread looked */
    char sync_words[WORDS_MAX];
};

/* live.c */
struct live *ff_live_find(struct sqlite *sqlite, const uint8_t *id);
/* The first one from `id` on, or behind it; NULL: none. */
struct live *ff_live_from(struct sqlite *sqlite, const uint8_t *id, bool exclusive);
struct live *ff_live_next(struct live *live);
/* NULL: there is one already. */
struct live *ff_live_add(struct sqlite *sqlite, const uint8_t *id, int64_t row,
                         enum live_state state);
void ff_live_remove(struct sqlite *sqlite, struct live *live);
void ff_live_done(struct sqlite *sqlite);
void ff_sqlite_note_done(struct sqlite *sqlite, const uint8_t *id);
bool ff_sqlite_may_be_done(const struct sqlite *sqlite, const uint8_t *id);

/* file.c: the lock, the two connections, what their errors mean. */
ff_err ff_sqlite_open_files(struct sqlite *sqlite, struct ff_fault *fault);
void ff_sqlite_close_files(struct sqlite *sqlite);
/* A fault from the last error of a connection; words: where its message goes, WORDS_MAX. */
ff_err ff_sqlite_fail(sqlite3 *db, char *words, struct ff_fault *fault);

/* schema.c */
int ff_sqlite_exec(sqlite3 *db, const char *sql);
/* Refuses what is not ours, or newer; changes nothing. *version: that of the file, 0 = empty. */
ff_err ff_sqlite_check_schema(struct sqlite *sqlite, int64_t *version, struct ff_fault *fault);
ff_err ff_sqlite_migrate(struct sqlite *sqlite, int64_t version, struct ff_fault *fault);
/* fill.c: what a migration to `version` has to work out from the records, in its transaction. */
ff_err ff_sqlite_fill(struct sqlite *sqlite, int64_t version, struct ff_fault *fault);
ff_err ff_sqlite_prepare_all(struct sqlite *sqlite, struct ff_fault *fault);
ff_err ff_sqlite_prepare(struct ff_store *store, struct ff_partition_counts *counts, bool *applied,
                         struct ff_fault *fault);

/* rebuild.c: reads what is live into memory. */
ff_err ff_sqlite_rebuild(struct sqlite *sqlite, struct ff_fault *fault);

/* read.c */
void ff_sqlite_load(struct ff_store *store, struct ff_load *load);
/* The arrival row of an execution that has ended; 0: there is none. */
bool ff_sqlite_done_row(sqlite3_stmt *stmt, const struct ff_key *key, int64_t *row);

/* page.c */
bool ff_sqlite_page(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena);
/* Fills want's page with the rows (sort, id) of a statement whose limit, its parameter of this
 * number, is the only one not bound yet. */
bool ff_sqlite_entries(sqlite3_stmt *stmt, int limit, struct ff_want *want, struct ff_arena *arena);
bool ff_sqlite_scopes(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena);
/* Whether an index is read from the file; the others stand in memory. */
bool ff_sqlite_index_in_file(enum ff_index index);
/* The same of one scope: of member_state, those of members that have ended are in the file. */
bool ff_sqlite_scope_in_file(enum ff_index index, const struct ff_scope *scope);

/* Adds to a list that grows in the arena. */
void ff_sqlite_scope_add(struct ff_scope_list *list, uint32_t *room, const struct ff_scope *scope,
                         struct ff_arena *arena);

/* standing.c. The number of an index that stands in the file's table `stand`; 0: it does not. */
int ff_sqlite_stand_code(enum ff_index index);
/* SQLITE_DONE where all is well, also where the index is none of these. */
int ff_sqlite_stand_change(struct sqlite *sqlite, const struct ff_index_change *change);
bool ff_sqlite_stand_page(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena);
bool ff_sqlite_stand_scopes(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena);

/* frames.c: frames of a stream stand under their execution's arrival row, attempt, mode and id,
 * which is also the order of the index `frames`. */
/* Whether records of this kind belong to an execution, and are stored under its arrival row. */
bool ff_sqlite_is_part(enum ff_record kind);
/* ?2 on: what tells a part from the others of its execution. */
void ff_sqlite_bind_part(sqlite3_stmt *stmt, enum ff_record kind, const struct ff_key *key);
bool ff_sqlite_frames_page(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena);
bool ff_sqlite_frames_scopes(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena);
/* The arrival row of an execution, live or ended; 0: there is none. */
bool ff_sqlite_row_of(struct sqlite *sqlite, const struct ff_key *key, int64_t *row);

/* keys.c: indexes that are the keys of a table, which begin with the scope. */
bool ff_sqlite_is_keys(enum ff_index index);
bool ff_sqlite_keys_page(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena);
bool ff_sqlite_keys_scopes(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena);

/* walk.c: what core/store_offline.h asks for. */
bool ff_sqlite_walk(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena);
extern const struct ff_store_offline ff_sqlite_offline;

/* plan.c, loop thread. settle: executions, before the next plan; apply: indexes in memory. */
void ff_sqlite_plan(struct sqlite *sqlite, struct ff_commit *commit);
void ff_sqlite_settle(struct sqlite *sqlite, const struct ff_commit *commit, bool made);
void ff_sqlite_apply(struct sqlite *sqlite, const struct ff_commit *commit);

/* write.c, log.c, writer.c: the writer thread. */
void ff_sqlite_make(struct sqlite *sqlite, struct ff_commit *commit);
/* 0, or an errno: there is no thread. */
int ff_log_start(struct sqlite *sqlite);
/* After a commit: has the log moved into the file if it is time. */
void ff_log_tend(struct sqlite *sqlite);
void *ff_sqlite_writer(void *arg);

/* sync.c. 0, or an errno: there is no thread. */
int ff_sync_start(struct sqlite *sqlite);
/* On the writer thread: whether all is well with the log, perhaps again. */
bool ff_sync_mended(struct sqlite *sqlite);

#endif
