#include "backends/postgres/postgres.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "backends/postgres/pg_int.h"
#include "core/store_offline.h"

#define SERVER_VERSION_MIN 140000
/* The timer: while a connection is away, while news wait to be told, and else. */
#define TICK_MS 50
#define NEWS_MS 3
#define BEAT_MS 1000
/* How long closing waits for a batch whose outcome is not known. */
#define CLOSE_WAIT_MS 10000

static struct pg *
of(struct ff_store *store)
{
    return (struct pg *) store;
}

/* ---- the clockwork ---- */

/* Both connections are tried again here, and what has waited too long is given up. */
/* The timer stands still but for the beat, as long as nothing else waits for time. */
static void
arm(struct pg *pg)
{
    bool up = pg->write.phase == PG_READY && pg->read.phase == PG_READY;
    uint32_t every_ms = !up ? TICK_MS : ff_news_any(&pg->news) ? NEWS_MS : BEAT_MS;
    struct itimerspec every = { .it_interval = { .tv_sec = every_ms / 1000,
                                                 .tv_nsec = every_ms % 1000 * 1000000L } };

    if (every_ms != pg->every_ms) {
        pg->every_ms = every_ms;
        every.it_value = every.it_interval;
        FF_ASSERT(timerfd_settime(pg->timer_fd, 0, &every, NULL) == 0);
    }
}

static void
tick(struct pg *pg)
{
    int64_t now_ms = ff_mono_ms();
    uint64_t times = 0;

    if (read(pg->timer_fd, &times, sizeof(times)) != (ssize_t) sizeof(times)) {
        return;
    }
    ff_pg_conn_tick(&pg->write, now_ms);
    ff_pg_conn_tick(&pg->read, now_ms);
    ff_pg_beat(pg);
    ff_pg_commit_tick(pg, now_ms);
    ff_pg_loads_tick(pg, now_ms);
}

/* What one connection brings may let the other go on: each is looked at when it has something. */
static void
poll_once(struct pg *pg, int timeout_ms)
{
    struct epoll_event events[4];
    int n = epoll_wait(pg->epoll_fd, events, (int) FF_COUNT(events), timeout_ms);

    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == pg) {
            tick(pg);
        } else {
            ff_pg_conn_pump(events[i].data.ptr);
        }
    }
    ff_pg_hear(pg);
    ff_pg_tell_others(pg);
    arm(pg);
}

static void
pg_poll(struct ff_store *store, bool wait)
{
    struct pg *pg = of(store);

    pg->completed = false;
    poll_once(pg, 0);
    while (wait && !pg->completed && (pg->n_commits > 0 || !TAILQ_EMPTY(&pg->loads))) {
        poll_once(pg, -1);
    }
}

static int
pg_fd(const struct ff_store *store)
{
    return ((const struct pg *) store)->epoll_fd;
}

/* ---- life ---- */

static void
free_all(struct pg *pg)
{
    ff_pg_conn_close(&pg->write);
    ff_pg_conn_close(&pg->read);
    if (pg->timer_fd >= 0) {
        close(pg->timer_fd);
    }
    if (pg->epoll_fd >= 0) {
        close(pg->epoll_fd);
    }
    for (size_t i = 0; i < FF_COUNT(pg->scratch); i++) {
        ff_pg_buf_done(&pg->scratch[i]);
    }
    ff_pg_buf_done(&pg->text);
    ff_arena_done(&pg->arena);
    free(pg->tables);
    for (size_t i = 0; i < FF_COUNT(pg->commits); i++) {
        free(pg->commits[i].writes);
        free(pg->commits[i].conflicts);
    }
    free(pg->url);
    free(pg);
}

static void
pg_close(struct ff_store *store)
{
    struct pg *pg = of(store);
    int64_t from_ms = ff_mono_ms();

    while ((pg->n_commits > 0 || !TAILQ_EMPTY(&pg->loads)) &&
           ff_mono_ms() - from_ms < CLOSE_WAIT_MS) {
        poll_once(pg, TICK_MS);
    }
    ff_pg_leave(pg);
    free_all(pg);
}

/* What the fault points to must outlive a store that is not opened. */
static ff_err
keep_message(struct ff_fault *fault)
{
    static char message[PG_WORDS_MAX];

    if (fault->message != NULL) {
        snprintf(message, sizeof(message), "%s", fault->message);
        fault->message = message;
    }
    return fault->code;
}

static ff_err
pg_prepare(struct ff_store *store, struct ff_partition_counts *counts, bool *applied,
           struct ff_fault *fault)
{
    struct pg *pg = of(store);
    char words[PG_WORDS_MAX];
    PGconn *conn = NULL;
    ff_err err = ff_pg_connect(pg, &conn, words, fault);

    *applied = pg->applied;
    pg->applied = false;
    if (err == FF_E_OK) {
        err = ff_pg_unfinished(conn, &store->unfinished, words, fault);
        if (err == FF_E_OK && store->unfinished && pg->host.use != FF_STORE_FILL) {
            err = ff_store_fail_unfinished(fault);
        }
        if (err == FF_E_OK) {
            err = ff_pg_counts(conn, counts, applied, words, fault);
        }
        if (err == FF_E_OK) {
            err = ff_pg_look_at_clock(pg, conn, words, fault);
        }
        PQfinish(conn);
    }
    return err == FF_E_OK ? err : keep_message(fault);
}

static const char *
pg_promise(const struct ff_store *store)
{
    return ((const struct pg *) store)->promise;
}

static int64_t
pg_clock_ms(const struct ff_store *store)
{
    const struct ff_server_clock *clock = &((const struct pg *) store)->clock;

    return clock->known ? ff_server_clock_ms(clock, ff_mono_us()) : 0;
}

static const struct ff_store_ops pg_ops = {
    .label = "postgres",
    .handle_tag = 0x13,
    .exclusive = false,
    .immediate = false,
    .commits_max = 2,
    .prepare = pg_prepare,
    .load = ff_pg_load,
    .commit = ff_pg_commit,
    .poll = pg_poll,
    .fd = pg_fd,
    .clock_ms = pg_clock_ms,
    .offline = &ff_pg_offline,
    .promise = pg_promise,
    .close = pg_close,
};

static struct pg *
pg_new(struct ff_str url, const struct ff_store_host *host)
{
    struct pg *pg = calloc(1, sizeof(*pg));
    struct epoll_event event = { .events = EPOLLIN, .data = { .ptr = pg } };

    FF_ASSERT(pg != NULL);
    pg->store.ops = &pg_ops;
    pg->host = *host;
    pg->url = strndup(url.p, url.n);
    pg->tables = calloc(PG_TABLES_N, sizeof(*pg->tables));
    pg->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    pg->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    FF_ASSERT(pg->url != NULL && pg->tables != NULL && pg->epoll_fd >= 0 && pg->timer_fd >= 0);
    FF_ASSERT(epoll_ctl(pg->epoll_fd, EPOLL_CTL_ADD, pg->timer_fd, &event) == 0);
    TAILQ_INIT(&pg->loads);
    arm(pg);
    pg->write = (struct pg_conn){ .pg = pg, .writer = true, .fd = -1 };
    pg->read = (struct pg_conn){ .pg = pg, .fd = -1 };
    randombytes_buf(pg->broker.b, sizeof(pg->broker.b));
    return pg;
}

static ff_err
refuse(struct ff_fault *fault, const char *words)
{
    return ff_fail_transport(fault, "postgres", "other", words);
}

/* What would else show as an error of every commit. */
static ff_err
check_server(PGconn *conn, struct ff_fault *fault)
{
    const char *encoding = PQparameterStatus(conn, "server_encoding");
    const char *read_only = PQparameterStatus(conn, "default_transaction_read_only");
    const char *standby = PQparameterStatus(conn, "in_hot_standby");

    if (PQserverVersion(conn) < SERVER_VERSION_MIN) {
        return refuse(fault, "postgres: the server is older than version 14");
    }
    if (encoding == NULL || strcmp(encoding, "UTF8") != 0) {
        return refuse(fault, "postgres: the database is not in encoding UTF8");
    }
    if (standby != NULL && strcmp(standby, "on") == 0) {
        return refuse(fault, "postgres: the server is a standby, and read-only");
    }
    if (read_only != NULL && strcmp(read_only, "on") == 0) {
        return refuse(fault, "postgres: the database or the user is read-only");
    }
    return FF_E_OK;
}

/* What blocks is done on a connection of its own; those that stay never block. */
static ff_err
set_up(struct pg *pg, struct ff_fault *fault)
{
    char words[PG_WORDS_MAX];
    PGconn *conn = NULL;
    ff_err err = ff_pg_connect(pg, &conn, words, fault);

    if (err == FF_E_OK) {
        err = check_server(conn, fault);
    }
    if (err == FF_E_OK) {
        err = pg->host.use == FF_STORE_LOOK
                  ? ff_pg_look(conn, pg->tables, words, fault)
                  : ff_pg_migrate(conn, pg->tables, &pg->applied, words, fault);
    }
    if (err == FF_E_OK) {
        pg->promise = ff_pg_promise(conn);
    }
    PQfinish(conn);
    if (err == FF_E_OK) {
        err = ff_pg_conn_open(&pg->write, fault);
    }
    if (err == FF_E_OK) {
        err = ff_pg_conn_open(&pg->read, fault);
    }
    return err == FF_E_OK ? err : keep_message(fault);
}

ff_err
ff_postgres_open(struct ff_str url, const struct ff_store_host *host, struct ff_store **store_out,
                 struct ff_fault *fault)
{
    struct pg *pg = pg_new(url, host);
    ff_err err = set_up(pg, fault);

    if (err != FF_E_OK) {
        free_all(pg);
        return err;
    }
    *store_out = &pg->store;
    return FF_E_OK;
}
