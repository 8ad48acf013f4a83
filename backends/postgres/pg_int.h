/* pg_int.h: the PostgreSQL store's own structures.
 *
 *   pg_conn  one connection in pipeline mode. It carries jobs: statements, a sync; the one that
 *            writes has the next one behind the present one.
 *   pg       the store: one connection that writes, one that reads; what waits for them.
 *
 * Both connections and a timer stand in one epoll set, whose descriptor the owner watches.
 */
#ifndef FF_BACKENDS_POSTGRES_PG_INT_H
#define FF_BACKENDS_POSTGRES_PG_INT_H

#include <sys/queue.h>

#include "backends/clock.h"
#include "backends/news.h"
#include "backends/postgres/schema.h"

#define PG_WORDS_MAX 256

struct pg;
struct pg_conn;

/* What a job does with what comes back. */
struct pg_job {
    /* One result that is no error; `tag` as sent. */
    void (*result)(struct pg *pg, uint64_t tag, const PGresult *result);
    /* The sync has come: `ok`, or the job was refused (conn->state, conn->words). */
    void (*done)(struct pg *pg, bool ok);
    /* The connection is gone, and whatever was not answered is unknown. */
    void (*lost)(struct pg *pg);
};

enum pg_conn_phase {
    PG_DOWN,       /* to be connected again at retry_at_ms */
    PG_CONNECTING, /* libpq is at it */
    PG_READY
};

struct pg_conn {
    struct pg *pg;
    bool writer;
    enum pg_conn_phase phase;
    PGconn *conn;
    int fd;          /* in the epoll set; -1: none */
    uint32_t events; /* what it is watched for */
    int64_t retry_at_ms;
    uint32_t wait_ms;                          /* before the next try */
    uint8_t prepared[PG_S_N];                  /* enum prepared, conn.c */
    const struct pg_job *jobs[FF_COMMITS_MAX]; /* under way; results come of the first */
    uint32_t ends[FF_COMMITS_MAX];             /* where the statements of each end */
    uint32_t n_jobs;
    uint64_t *tags;           /* of the statements sent */
    uint32_t sent, tags_room; /* statements */
    uint32_t at;              /* statement whose results come now */
    bool got;                 /* of that statement: at least one */
    bool refused;             /* the job has had an error */
    bool open_block;          /* and has left a transaction block behind */
    char state[6];            /* SQLSTATE of that error */
    char words[PG_WORDS_MAX]; /* its message, or why there is no connection */
};

struct pg_params {
    int n;
    const char *values[6];
    int lengths[6];
};

/* A load that waits or is under way. */
struct pg_load {
    TAILQ_ENTRY(pg_load) link;
    struct ff_load *load;
    int64_t since_ms;
    uint32_t *order; /* record wants by kind; in the load's arena */
    uint32_t losses; /* connections that went away under it */
};
TAILQ_HEAD(pg_loads, pg_load);

/* How a write is made. */
enum pg_how { PG_BY_INSERT, PG_BY_UPDATE, PG_BY_DELETE, PG_BY_DROP, PG_BY_ABSENT };

struct pg_write {
    const struct ff_write *write;
    uint32_t at; /* its place in the commit */
    uint8_t kind;
    uint8_t how; /* enum pg_how */
};

enum pg_commit_phase {
    PG_C_NONE,
    PG_C_WAITING, /* not sent */
    PG_C_SENT,    /* its outcome is to come */
    PG_C_UNSURE,  /* the connection is gone since; the mark will tell */
    PG_C_LOOKING  /* refused: which records have moved? */
};

struct pg_commit {
    struct ff_commit *commit;
    enum pg_commit_phase phase;
    bool follows, doomed; /* the one before it is not made yet; nor ever */
    bool fresh; /* ff_store_commit has not returned yet: its records are there as structs */
    int64_t since_ms;
    uint64_t number;
    uint32_t retries;
    struct pg_write *writes; /* in the order in which they are made */
    uint32_t writes_room;
    uint32_t *conflicts;
    uint32_t n_conflicts, conflicts_room;
};

struct pg {
    struct ff_store store;
    struct ff_store_host host;
    char *url;
    int epoll_fd, timer_fd;
    uint32_t every_ms; /* the timer's */
    bool applied;      /* opening has changed the schema */
    const char *promise;
    struct pg_table *tables;
    struct pg_variant variants[PG_VARIANTS_MAX];
    uint32_t n_variants;
    struct pg_conn write, read;
    struct pg_buf scratch[5]; /* parameters being made */
    struct pg_buf text;       /* a statement being made */
    struct ff_arena arena;    /* of what is being made */

    struct pg_loads loads; /* the first one is under way, if the reader has its job */
    struct ff_fault load_fault;

    struct ff_uuid broker;
    uint64_t session;                         /* one more for each connection that writes */
    struct pg_commit commits[FF_COMMITS_MAX]; /* under way: a ring */
    uint32_t first_commit, n_commits;
    struct pg_commit *making; /* whose statements are being made */
    uint64_t number;          /* of the newest commit */
    uint64_t marked;          /* what the fence has read */

    bool others; /* brokers that were alive at the last beat */
    int64_t beat_ms, told_ms;
    int64_t beat_sent_us; /* the newest one */
    struct ff_server_clock clock;
    struct ff_news_list news; /* to be told to them */

    bool completed; /* since poll began */
};

/* ---- conn.c ---- */

/* Connects, blocking; *conn is ready for jobs, or down. FF_E_TRANSPORT. */
FF_MUST_USE ff_err ff_pg_conn_open(struct pg_conn *conn, struct ff_fault *fault);
/* The first connection, not in pipeline mode yet, for what blocks. */
FF_MUST_USE ff_err ff_pg_connect(struct pg *pg, PGconn **out, char words[PG_WORDS_MAX],
                                 struct ff_fault *fault);
void ff_pg_conn_close(struct pg_conn *conn);
static inline bool
ff_pg_conn_free(const struct pg_conn *conn)
{
    return conn->phase == PG_READY && conn->n_jobs == 0;
}
/* The same, or has one job, behind which another can go. */
static inline bool
ff_pg_conn_takes(const struct pg_conn *conn)
{
    return conn->phase == PG_READY && conn->n_jobs < FF_COMMITS_MAX;
}
void ff_pg_begin(struct pg_conn *conn, const struct pg_job *job);
void ff_pg_send(struct pg_conn *conn, int statement, uint64_t tag, const struct pg_params *params);
/* The last thing a caller does: a connection that is found to be gone ends the job at once. */
void ff_pg_end(struct pg_conn *conn);
/* Takes what has come, and goes on with what can be sent. */
void ff_pg_conn_pump(struct pg_conn *conn);
/* Tries again to connect, if it is time. */
void ff_pg_conn_tick(struct pg_conn *conn, int64_t now_ms);
void ff_pg_param(struct pg_params *params, const void *bytes, size_t n);
void ff_pg_param_buf(struct pg_params *params, const struct pg_buf *buf);
/* A transport fault of an SQLSTATE. words: stay the caller's. */
ff_err ff_pg_fail(struct ff_fault *fault, const char *state, const char *words);

/* ---- promise.c ---- */

/* On a connection that blocks; static text. */
const char *ff_pg_promise(PGconn *conn);

/* ---- load.c ---- */

void ff_pg_load(struct ff_store *store, struct ff_load *load);
/* Sends the next load, if the reader is free. */
void ff_pg_loads_go(struct pg *pg);
void ff_pg_loads_tick(struct pg *pg, int64_t now_ms);

/* ---- walk.c ---- */

void ff_pg_ask_walk(struct pg *pg, const struct ff_want *want, uint64_t tag);
void ff_pg_answer_walk(struct ff_want *want, const PGresult *result, struct ff_arena *arena);
void ff_pg_leave(struct pg *pg);
extern const struct ff_store_offline ff_pg_offline;

/* ---- peers.c ---- */

/* Tells the others that this broker lives, and learns whether there are any. */
FF_MUST_USE ff_err ff_pg_look_at_clock(struct pg *pg, PGconn *conn, char words[PG_WORDS_MAX],
                                       struct ff_fault *fault);
void ff_pg_beat(struct pg *pg);
/* Keeps what a commit has made to be told; sends what is kept, if the reader is free. */
void ff_pg_committed(struct pg *pg, const struct ff_commit *commit);
void ff_pg_tell_others(struct pg *pg);
/* The same as a part of what the reader is being sent; under load it is never free. */
void ff_pg_send_news(struct pg *pg, uint64_t tag);
/* Hands over what others have told. */
void ff_pg_hear(struct pg *pg);

/* ---- batch.c: what a batch is made of ---- */

/* Puts the writes of pg->making in order; all of batch.c is about that one. */
void ff_pg_order_writes(struct pg *pg);
/* Sends all that the commit changes. */
void ff_pg_send_batch(struct pg *pg);
/* Asks which of its records have moved; the tag of an answer is where its group begins. */
void ff_pg_send_look(struct pg *pg);

/* ---- variants.c: some columns only ---- */

/* Whether it has so many columns that leaving some out pays. */
bool ff_pg_is_wide(const struct pg_table *table);
void ff_pg_mask_add(struct pg_mask *mask, uint32_t column);
/* Adds the columns that the write needs: of an update what it changes, of an insert what is there.
 * Its record is at hand as a struct, and of an update the one before it. */
void ff_pg_mask_changes(struct pg_mask *mask, const struct pg_table *table,
                        const struct ff_write *write);
/* The statement for rows that need these columns, PG_INSERT or PG_UPDATE; what its rows are made
 * of, a table or a shape, and the columns that are to be filled in them, NULL: all. */
int ff_pg_variant(struct pg *pg, enum pg_op op, enum ff_record kind, const struct pg_mask *mask);
const struct pg_table *ff_pg_variant_rows(const struct pg *pg, int statement, enum ff_record kind,
                                          const struct pg_mask **only_out);
/* The text of any statement, in pg->text. */
const char *ff_pg_text_of(struct pg *pg, int statement);

/* ---- commit.c ---- */

void ff_pg_commit(struct ff_store *store, struct ff_commit *commit);
void ff_pg_commit_go(struct pg *pg);
/* The writer is connected anew, and pg->marked says what was committed. */
void ff_pg_commit_fenced(struct pg *pg);
void ff_pg_commit_tick(struct pg *pg, int64_t now_ms);

#endif
