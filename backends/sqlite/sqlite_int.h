/* sqlite_int.h: shared by the files of the SQLite store.
 *
 * Two connections: `reader` belongs to the loop thread, `writer` to the writer thread. What the
 * writer needs to know of the loop thread's memory (arrival rows, event numbers) is put into the
 * plan before the job is handed over; what a commit changes in memory is applied on the loop thread
 * when its completion is delivered.
 */
#ifndef FF_BACKENDS_SQLITE_SQLITE_INT_H
#define FF_BACKENDS_SQLITE_SQLITE_INT_H

#include <pthread.h>
#include <sqlite3.h>
#include <uthash.h>

#include "backends/memory/index.h"
#include "backends/sqlite/sqlite.h"

#define FF_SQLITE_SCHEMA 1
#define FF_FAMILIES 6
/* Size of an execution's key: partition and uuid. */
#define ID_BYTES 18

/* A live execution: where its row is. Terminal ones are found in the file. */
struct live {
    UT_hash_handle hh;
    int64_t row;
    uint8_t id[ID_BYTES];
    bool fresh;  /* made by the commit under way */
    bool leaves; /* no longer live once the commit under way is made */
};

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
    STEP_PLAIN_DELETE
};

struct plan {
    enum step step;
    int64_t row; /* arrival row; 0: to be looked up among the done ones */
};

enum statement {
    ST_BEGIN,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_LIVE_INSERT,
    ST_LIVE_UPDATE,
    ST_LIVE_DELETE,
    ST_DONE_INSERT,
    ST_DONE_UPDATE,
    ST_DONE_DELETE,
    ST_DONE_ROW,
    ST_INPUT_PUT,
    ST_INPUT_DELETE,
    ST_TAGS_PUT,
    ST_TAGS_DELETE,
    ST_RESULT_PUT,
    ST_RESULT_DELETE,
    ST_ATTEMPT_PUT,
    ST_ATTEMPT_DELETE,
    ST_KEY_PUT,
    ST_KEY_DELETE,
    ST_LANE_PUT,
    ST_LANE_DELETE,
    ST_EVENT, /* one per family */
    ST_WRITER_N = ST_EVENT + FF_FAMILIES
};

enum query {
    Q_LIVE,
    Q_DONE,
    Q_DONE_ROW,
    Q_INPUT,
    Q_TAGS,
    Q_RESULT,
    Q_ATTEMPT,
    Q_KEY,
    Q_LANE,
    Q_DONE_PAGE,
    Q_KEY_PAGE,
    Q_EVENTS, /* one per family */
    Q_READER_N = Q_EVENTS + FF_FAMILIES
};

struct sqlite {
    struct ff_store store;
    struct ff_store_host host;
    char *path;
    int lock_fd;
    enum ff_durability durability;
    uint32_t sync_ms;
    bool fresh_file; /* this open has made the schema */

    /* loop thread */
    sqlite3 *reader;
    sqlite3_stmt *queries[Q_READER_N];
    struct live *live; /* uthash */
    struct ff_memory_index index;
    /* By partition, as far as there are ended executions: the largest uuid among them. Ids that are
     * made in the order of time are larger when they are new, and need not be looked for. */
    struct ff_uuid *done_max;
    bool *done_any;
    int64_t next_row;
    uint64_t next_seq[FF_FAMILIES];
    int64_t saved_next_row; /* before the commit under way */
    uint64_t saved_next_seq[FF_FAMILIES];

    /* writer thread */
    sqlite3 *writer;
    sqlite3_stmt *statements[ST_WRITER_N];
    int wal_fd;    /* INTERVAL: what is to be synced; -1 until first used */
    int wal_pages; /* in the log, after the last commit */
    bool unsynced;

    /* between them */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    struct ff_commit *commit; /* under way */
    struct plan *plan;        /* by position in commit->writes */
    uint32_t plan_room;
    uint64_t event_seq[FF_FAMILIES]; /* of the commit's first event of a family */
    bool handed_over, finished, stopping;
    char message[256]; /* why it failed */
};

/* schema.c */
ff_err ff_sqlite_open_files(struct sqlite *sqlite, struct ff_fault *fault);
void ff_sqlite_close_files(struct sqlite *sqlite);
ff_err ff_sqlite_fail(struct sqlite *sqlite, sqlite3 *db, struct ff_fault *fault);
ff_err ff_sqlite_prepare(struct ff_store *store, struct ff_partition_counts *counts, bool *applied,
                         struct ff_fault *fault);

/* rebuild.c: reads what is live into memory. */
#define FF_SQLITE_PARTITIONS 65536
void ff_sqlite_note_done(struct sqlite *sqlite, const uint8_t id[ID_BYTES]);
bool ff_sqlite_may_be_done(const struct sqlite *sqlite, const uint8_t id[ID_BYTES]);
ff_err ff_sqlite_rebuild(struct sqlite *sqlite, struct ff_fault *fault);

/* read.c */
void ff_sqlite_load(struct ff_store *store, struct ff_load *load);

/* plan.c: on the loop thread, before and after a commit. */
struct live *ff_sqlite_live(struct sqlite *sqlite, const struct ff_key *key);
struct live *ff_sqlite_live_add(struct sqlite *sqlite, const uint8_t id[ID_BYTES], int64_t row);
void ff_sqlite_plan(struct sqlite *sqlite, struct ff_commit *commit);
void ff_sqlite_apply(struct sqlite *sqlite, struct ff_commit *commit);
void ff_sqlite_forget(struct sqlite *sqlite, struct ff_commit *commit);

/* write.c */
void *ff_sqlite_writer(void *arg);

#endif
