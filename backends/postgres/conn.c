#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "backends/postgres/pg_int.h"

#define RETRY_FIRST_MS 20
#define RETRY_MAX_MS 1000

enum prepared { PREPARED_NOT, PREPARED_SENT, PREPARED_YES };

/* Tags of what a job sends of itself. */
#define TAG_PREPARE (UINT64_C(1) << 63)
#define TAG_SETUP 1
#define TAG_FENCE 2

/* ---- faults ---- */

static const char *
transport_kind(const char *state)
{
    if (strncmp(state, "28", 2) == 0 || strcmp(state, "42501") == 0) {
        return "auth";
    }
    if (strcmp(state, "57P03") == 0) {
        return "busy_loading";
    }
    if (strcmp(state, "57014") == 0) {
        return "timeout";
    }
    return state[0] == '\0' || strncmp(state, "08", 2) == 0 || strncmp(state, "25", 2) == 0 ||
                   strncmp(state, "40", 2) == 0 || strncmp(state, "53", 2) == 0 ||
                   strncmp(state, "57", 2) == 0 || strncmp(state, "58", 2) == 0
               ? "transport"
               : "other";
}

ff_err
ff_pg_fail(struct ff_fault *fault, const char *state, const char *words)
{
    return ff_fail_transport(fault, "postgres", transport_kind(state), words);
}

static void
keep_words(char words[PG_WORDS_MAX], const char *text)
{
    snprintf(words, PG_WORDS_MAX, "postgres: %.*s", (int) strcspn(text, "\n"), text);
}

/* ---- the epoll set ---- */

static void
watch(struct pg_conn *conn, uint32_t events)
{
    struct epoll_event event = { .events = events, .data = { .ptr = conn } };
    int fd = conn->conn == NULL ? -1 : PQsocket(conn->conn);

    if (fd == conn->fd && events == conn->events && conn->phase == PG_READY) {
        return; /* while connecting, libpq may have another socket of the same number */
    }
    if (fd != conn->fd && conn->fd >= 0) {
        epoll_ctl(conn->pg->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL); /* libpq may have closed it */
    }
    if (fd >= 0 && epoll_ctl(conn->pg->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0) {
        FF_ASSERT(epoll_ctl(conn->pg->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
    }
    conn->fd = fd;
    conn->events = events;
}

/* ---- the end of a connection ---- */

static void
drop(struct pg_conn *conn)
{
    if (conn->fd >= 0) {
        epoll_ctl(conn->pg->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
    }
    conn->fd = -1;
    conn->events = 0;
    PQfinish(conn->conn);
    conn->conn = NULL;
    conn->phase = PG_DOWN;
    memset(conn->prepared, PREPARED_NOT, sizeof(conn->prepared));
}

static void
lost(struct pg_conn *conn)
{
    const struct pg_job *jobs[FF_COMMITS_MAX];
    uint32_t n_jobs = conn->n_jobs;

    memcpy(jobs, conn->jobs, sizeof(jobs));
    if (conn->state[0] == '\0' || conn->words[0] == '\0') {
        keep_words(conn->words, PQerrorMessage(conn->conn));
    }
    drop(conn);
    conn->retry_at_ms = ff_mono_ms() + conn->wait_ms;
    conn->wait_ms = conn->wait_ms * 2 < RETRY_MAX_MS ? conn->wait_ms * 2 : RETRY_MAX_MS;
    conn->n_jobs = 0;
    for (uint32_t i = 0; i < n_jobs; i++) {
        jobs[i]->lost(conn->pg);
    }
}

void
ff_pg_conn_close(struct pg_conn *conn)
{
    if (conn->conn != NULL) {
        drop(conn);
    }
    free(conn->tags);
    conn->tags = NULL;
}

/* ---- jobs ---- */

void
ff_pg_param(struct pg_params *params, const void *bytes, size_t n)
{
    FF_ASSERT((size_t) params->n < FF_COUNT(params->values));
    params->values[params->n] = n == 0 ? "" : bytes;
    params->lengths[params->n++] = (int) n;
}

void
ff_pg_param_buf(struct pg_params *params, const struct pg_buf *buf)
{
    ff_pg_param(params, buf->p, buf->n);
}

static void
sent(struct pg_conn *conn, uint64_t tag)
{
    conn->tags = ff_grow(conn->tags, &conn->tags_room, conn->sent, sizeof(*conn->tags));
    conn->tags[conn->sent++] = tag;
}

/* Of the job that comes next. */
static void
look_for_errors(struct pg_conn *conn)
{
    conn->refused = false;
    conn->state[0] = conn->words[0] = '\0';
}

void
ff_pg_begin(struct pg_conn *conn, const struct pg_job *job)
{
    FF_ASSERT(ff_pg_conn_takes(conn));
    if (conn->n_jobs == 0) {
        conn->sent = conn->at = 0;
        conn->got = false;
        look_for_errors(conn);
    }
    conn->jobs[conn->n_jobs++] = job;
    if (conn->open_block) {
        conn->open_block = false;
        ff_pg_send(conn, PG_S_ROLLBACK, 0, NULL);
    }
}

/* A failure of libpq's is one of the connection, and is found when it is looked at next. */
void
ff_pg_send(struct pg_conn *conn, int statement, uint64_t tag, const struct pg_params *params)
{
    static const int binary[6] = { 1, 1, 1, 1, 1, 1 };
    char name[16];

    snprintf(name, sizeof(name), "s%d", statement);
    if (conn->prepared[statement] == PREPARED_NOT) {
        PQsendPrepare(conn->conn, name, ff_pg_text_of(conn->pg, statement), 0, NULL);
        conn->prepared[statement] = PREPARED_SENT;
        sent(conn, TAG_PREPARE | (uint64_t) statement);
    }
    PQsendQueryPrepared(conn->conn, name, params == NULL ? 0 : params->n,
                        params == NULL ? NULL : params->values,
                        params == NULL ? NULL : params->lengths, binary, 1);
    sent(conn, tag);
}

static void
flush(struct pg_conn *conn)
{
    int left = PQflush(conn->conn);

    watch(conn, left > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* libpq may have found out while it was sending, and has closed the socket: no event tells. */
static bool
is_lost(const struct pg_conn *conn)
{
    return PQstatus(conn->conn) == CONNECTION_BAD;
}

void
ff_pg_end(struct pg_conn *conn)
{
    PQpipelineSync(conn->conn);
    conn->ends[conn->n_jobs - 1] = conn->sent;
    flush(conn);
    if (is_lost(conn)) {
        lost(conn);
    }
}

static void
refuse(struct pg_conn *conn, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (!conn->refused) {
        conn->refused = true;
        snprintf(conn->state, sizeof(conn->state), "%s", state == NULL ? "" : state);
        keep_words(conn->words, text == NULL ? PQerrorMessage(conn->conn) : text);
    }
}

static void
take(struct pg_conn *conn, const PGresult *result)
{
    uint64_t tag = conn->at < conn->sent ? conn->tags[conn->at] : 0;

    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if ((tag & TAG_PREPARE) != 0) {
            conn->prepared[tag & ~TAG_PREPARE] = PREPARED_YES;
        } else if (!conn->refused) {
            conn->jobs[0]->result(conn->pg, tag, result);
        }
        break;
    case PGRES_PIPELINE_ABORTED:
        break;
    default:
        refuse(conn, result);
        break;
    }
}

static void
next_job(struct pg_conn *conn)
{
    uint32_t n = conn->ends[0];

    conn->n_jobs--;
    conn->sent -= n;
    conn->at = 0;
    memmove(conn->tags, conn->tags + n, conn->sent * sizeof(*conn->tags));
    for (uint32_t i = 0; i < conn->n_jobs; i++) {
        conn->jobs[i] = conn->jobs[i + 1];
        conn->ends[i] = conn->ends[i + 1] - n;
    }
}

static void
finish(struct pg_conn *conn)
{
    const struct pg_job *job = conn->jobs[0];
    bool refused = conn->refused;

    for (int i = 0; conn->refused && i < PG_S_N; i++) {
        if (conn->prepared[i] == PREPARED_SENT) {
            conn->prepared[i] = PREPARED_NOT;
        }
    }
    /* While another job is under way libpq does not say. A rollback too many is a notice. */
    conn->open_block = refused || PQtransactionStatus(conn->conn) == PQTRANS_INERROR ||
                       PQtransactionStatus(conn->conn) == PQTRANS_INTRANS;
    next_job(conn);
    job->done(conn->pg, !refused);
    if (conn->n_jobs > 0) {
        look_for_errors(conn);
    }
}

static void
take_all(struct pg_conn *conn)
{
    while (conn->n_jobs > 0 && conn->conn != NULL && !PQisBusy(conn->conn)) {
        PGresult *result = PQgetResult(conn->conn);
        bool sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;

        if (result == NULL) {
            if (!conn->got) {
                break;
            }
            conn->got = false;
            conn->at++;
            continue;
        }
        conn->got = !sync;
        if (PQstatus(conn->conn) == CONNECTION_BAD) {
            refuse(conn, result);
            PQclear(result);
            break;
        }
        if (!sync) {
            take(conn, result);
        }
        PQclear(result);
        if (sync) {
            finish(conn);
        }
    }
}

/* ---- connecting ---- */

static void
no_notice(void *ctx, const PGresult *result)
{
    (void) ctx;
    (void) result;
}

static void
setup_result(struct pg *pg, uint64_t tag, const PGresult *result)
{
    if (tag == TAG_FENCE) {
        pg->marked = ff_pg_get_u64(result, 0, 0);
    }
}

static void
setup_lost(struct pg *pg)
{
    (void) pg;
}

static void
write_setup_done(struct pg *pg, bool ok)
{
    if (ok) {
        pg->write.wait_ms = RETRY_FIRST_MS;
        ff_pg_commit_fenced(pg);
    } else {
        lost(&pg->write);
    }
}

static void
read_setup_done(struct pg *pg, bool ok)
{
    if (ok) {
        pg->read.wait_ms = RETRY_FIRST_MS;
        if (pg->host.news != NULL) {
            pg->host.news(pg->host.ctx, NULL); /* what was told meanwhile was not heard */
        }
        ff_pg_loads_go(pg);
    } else {
        lost(&pg->read);
    }
}

static const struct pg_job write_setup = { setup_result, write_setup_done, setup_lost };
static const struct pg_job read_setup = { setup_result, read_setup_done, setup_lost };

/* What every connection begins with. The one that writes also shuts out the one before it, and
 * learns what that has committed last: it waits for the lock of the mark until that has ended. */
static void
setup(struct pg_conn *conn)
{
    struct pg *pg = conn->pg;
    const char *isolation = conn->writer ? "read committed" : "repeatable read";
    const char *durable = conn->writer ? "" /* as the server says */ : "off"; /* beats, news */
    struct pg_params params = { 0 };
    uint64_t session = 0;

    conn->phase = PG_READY;
    ff_pg_begin(conn, conn->writer ? &write_setup : &read_setup);
    ff_pg_param(&params, isolation, strlen(isolation));
    ff_pg_param(&params, durable, strlen(durable));
    ff_pg_send(conn, PG_S_SETUP, TAG_SETUP, &params);
    if (conn->writer) {
        session = htobe64(++pg->session);
        params = (struct pg_params){ 0 };
        ff_pg_param(&params, pg->broker.b, sizeof(pg->broker.b));
        ff_pg_param(&params, &session, sizeof(session));
        ff_pg_send(conn, PG_S_FENCE, TAG_FENCE, &params);
    } else {
        ff_pg_send(conn, PG_S_LISTEN, TAG_SETUP, NULL);
    }
    ff_pg_end(conn);
}

static bool
enter_pipeline(struct pg_conn *conn)
{
    PQsetNoticeReceiver(conn->conn, no_notice, NULL);
    return PQsetnonblocking(conn->conn, 1) == 0 && PQenterPipelineMode(conn->conn) == 1;
}

ff_err
ff_pg_connect(struct pg *pg, PGconn **out, char words[PG_WORDS_MAX], struct ff_fault *fault)
{
    const char *const names[] = { "dbname", "fallback_application_name", NULL };
    const char *const values[] = { pg->url, "flowfabric", NULL };
    PGconn *conn = PQconnectdbParams(names, values, 1);
    const char *text = PQerrorMessage(conn);

    if (PQstatus(conn) == CONNECTION_OK) {
        PQsetNoticeReceiver(conn, no_notice, NULL);
        *out = conn;
        return FF_E_OK;
    }
    keep_words(words, text);
    ff_fail_transport(fault, "postgres",
                      strstr(text, "authentication") != NULL || strstr(text, "password") != NULL ||
                              strstr(text, "pg_hba.conf") != NULL || strstr(text, "role \"") != NULL
                          ? "auth"
                      : strstr(text, "database \"") != NULL ? "other"
                                                            : "transport",
                      words);
    PQfinish(conn);
    return fault->code;
}

ff_err
ff_pg_conn_open(struct pg_conn *conn, struct ff_fault *fault)
{
    conn->wait_ms = RETRY_FIRST_MS;
    FF_TRY(ff_pg_connect(conn->pg, &conn->conn, conn->words, fault));
    if (!enter_pipeline(conn)) {
        keep_words(conn->words, PQerrorMessage(conn->conn));
        return ff_pg_fail(fault, "", conn->words);
    }
    setup(conn);
    return FF_E_OK;
}

static void
start(struct pg_conn *conn)
{
    const char *const names[] = { "dbname", "fallback_application_name", NULL };
    const char *const values[] = { conn->pg->url, "flowfabric", NULL };

    conn->conn = PQconnectStartParams(names, values, 1);
    FF_ASSERT(conn->conn != NULL);
    conn->phase = PG_CONNECTING;
    if (PQstatus(conn->conn) == CONNECTION_BAD) {
        lost(conn);
    } else {
        watch(conn, EPOLLOUT);
    }
}

static void
go_on_connecting(struct pg_conn *conn)
{
    switch (PQconnectPoll(conn->conn)) {
    case PGRES_POLLING_READING:
        watch(conn, EPOLLIN);
        break;
    case PGRES_POLLING_WRITING:
        watch(conn, EPOLLOUT);
        break;
    case PGRES_POLLING_OK:
        watch(conn, EPOLLIN);
        if (enter_pipeline(conn)) {
            setup(conn);
        } else {
            lost(conn);
        }
        break;
    default:
        lost(conn);
        break;
    }
}

void
ff_pg_conn_tick(struct pg_conn *conn, int64_t now_ms)
{
    if (conn->phase == PG_DOWN && now_ms >= conn->retry_at_ms) {
        start(conn);
    }
}

void
ff_pg_conn_pump(struct pg_conn *conn)
{
    bool alive = true;

    if (conn->phase == PG_CONNECTING) {
        go_on_connecting(conn);
        return;
    }
    if (conn->phase != PG_READY) {
        return;
    }
    alive = PQconsumeInput(conn->conn) == 1;
    take_all(conn);
    if (conn->phase != PG_READY) {
        return; /* a job's end has given it up */
    }
    if (alive && !is_lost(conn)) {
        flush(conn);
    }
    if (!alive || is_lost(conn)) {
        lost(conn);
    }
}
