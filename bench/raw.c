/* raw.c: what nng and SQLite do alone, so that the distance from the limit is visible. */
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/bench.h"
#include "ipc/close.h"

/* Messages under way at a time, at the most: nng drops a reply when 64 wait on a connection. */
#define OUTSTANDING_MAX 48

/* ---- nng ---- */

static void
must(int rv, const char *what)
{
    if (rv != 0) {
        ff_bench_die("%s: %s", what, nng_strerror(rv));
    }
}

struct echo {
    nng_socket socket;
    pthread_t thread;
};

static void *
echo_run(void *arg)
{
    struct echo *echo = arg;
    nng_msg *msg = NULL;

    while (nng_recvmsg(echo->socket, &msg, 0) == 0) {
        if (nng_sendmsg(echo->socket, msg, 0) != 0) {
            nng_msg_free(msg);
        }
    }
    return NULL;
}

static void
send_one(nng_socket socket, uint32_t id, const char *body, size_t size)
{
    nng_msg *msg = NULL;

    must(nng_msg_alloc(&msg, 0), "message");
    must(nng_msg_append(msg, body, size), "message");
    must(nng_msg_header_append_u32(msg, id | 0x80000000u), "message");
    must(nng_sendmsg(socket, msg, 0), "send");
}

/* What is under way comes home first: nng 1.5 may hang in closing a busy socket. */
static void
settle(nng_socket client, uint32_t outstanding)
{
    for (uint32_t i = 0; i < outstanding; i++) {
        nng_msg *msg = NULL;

        must(nng_recvmsg(client, &msg, 0), "receive");
        nng_msg_free(msg);
    }
}

struct nng_load {
    const char *name;
    size_t size;
    uint32_t outstanding;
};

static void
measure_nng(const struct ff_bench_options *options, const struct nng_load *load)
{
    const uint32_t outstanding = load->outstanding;
    static char body[32768];
    struct ff_bench_samples samples = { 0 };
    struct echo *echo = malloc(sizeof(*echo));
    nng_socket client;
    char address[64];
    double sent_us[OUTSTANDING_MAX], until = 0, from = 0;
    uint32_t next = 0;

    snprintf(address, sizeof(address), "ipc:///tmp/ffbench.%d.sock", (int) getpid());
    FF_ASSERT(echo != NULL);
    must(nng_rep0_open_raw(&echo->socket), "socket");
    must(nng_listen(echo->socket, address, NULL, 0), "listen");
    must(nng_req0_open_raw(&client), "socket");
    must(nng_socket_set_ms(client, NNG_OPT_RECVTIMEO, 5000), "time-out");
    must(nng_dial(client, address, NULL, 0), "dial");
    pthread_create(&echo->thread, NULL, echo_run, echo);
    from = ff_bench_now_us();
    until = from + options->seconds * 0.5e6;
    for (uint32_t i = 0; i < outstanding; i++) {
        sent_us[i] = ff_bench_now_us();
        send_one(client, next++, body, load->size);
    }
    while (ff_bench_now_us() < until) {
        nng_msg *msg = NULL;
        uint32_t id = 0;

        must(nng_recvmsg(client, &msg, 0), "receive");
        must(nng_msg_header_chop_u32(msg, &id), "header");
        nng_msg_free(msg);
        ff_bench_samples_add(&samples, ff_bench_now_us() - sent_us[id % outstanding]);
        sent_us[id % outstanding] = ff_bench_now_us();
        send_one(client, (id & 0x7fffffffu), body, load->size);
    }
    ff_bench_report(options, "raw", load->name, &samples, (ff_bench_now_us() - from) / 1e6);
    ff_bench_samples_done(&samples);
    settle(client, outstanding);
    ff_socket_close(client);
    if (ff_socket_close(echo->socket)) { /* else the thread may live on, and uses it */
        pthread_join(echo->thread, NULL);
        free(echo);
    }
}

/* ---- SQLite ---- */

static void
sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        ff_bench_die("sqlite: %s", sqlite3_errmsg(db));
    }
}

/* Commits of 64 appended rows of 300 bytes each. */
static void
measure_sqlite(const struct ff_bench_options *options)
{
    struct ff_bench_samples samples = { 0 };
    char path[64], extra[80], row[300] = { 0 };
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = NULL;
    double from = 0, until = 0;

    snprintf(path, sizeof(path), "%s/ffbench.%d.db", options->dir == NULL ? "/tmp" : options->dir,
             (int) getpid());
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        ff_bench_die("sqlite: cannot open %s", path);
    }
    sql(db, "PRAGMA journal_mode = WAL");
    sql(db, "PRAGMA synchronous = FULL");
    sql(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)");
    sqlite3_prepare_v2(db, "INSERT INTO t (body) VALUES (?1)", -1, &insert, NULL);
    from = ff_bench_now_us();
    until = from + options->seconds * 0.5e6;
    while (ff_bench_now_us() < until) {
        double begun = ff_bench_now_us();

        sql(db, "BEGIN");
        for (int i = 0; i < 64; i++) {
            sqlite3_bind_blob(insert, 1, row, sizeof(row), SQLITE_STATIC);
            sqlite3_step(insert);
            sqlite3_reset(insert);
        }
        sql(db, "COMMIT");
        ff_bench_samples_add(&samples, ff_bench_now_us() - begun);
    }
    ff_bench_report(options, "raw", "sqlite_commit_64", &samples, (ff_bench_now_us() - from) / 1e6);
    ff_bench_samples_done(&samples);
    sqlite3_finalize(insert);
    sqlite3_close(db);
    unlink(path);
    snprintf(extra, sizeof(extra), "%s-wal", path);
    unlink(extra);
    snprintf(extra, sizeof(extra), "%s-shm", path);
    unlink(extra);
}

/* ---- the disk ---- */

/* fdatasync of 4 KiB that overwrite what is there, as a write-ahead log of steady size does. */
static void
measure_sync(const struct ff_bench_options *options)
{
    struct ff_bench_samples samples = { 0 };
    char path[64];
    static char page[4096];
    double from = 0, until = 0;
    int fd = -1;

    snprintf(path, sizeof(path), "%s/ffbench.%d.sync", options->dir == NULL ? "/tmp" : options->dir,
             (int) getpid());
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || pwrite(fd, page, sizeof(page), 0) != sizeof(page) || fdatasync(fd) != 0) {
        ff_bench_die("cannot write %s", path);
    }
    from = ff_bench_now_us();
    until = from + options->seconds * 0.2e6;
    while (ff_bench_now_us() < until) {
        double begun = ff_bench_now_us();

        page[0]++;
        if (pwrite(fd, page, sizeof(page), 0) != sizeof(page) || fdatasync(fd) != 0) {
            ff_bench_die("cannot write %s", path);
        }
        ff_bench_samples_add(&samples, ff_bench_now_us() - begun);
    }
    ff_bench_report(options, "raw", "fdatasync", &samples, (ff_bench_now_us() - from) / 1e6);
    ff_bench_samples_done(&samples);
    close(fd);
    unlink(path);
}

int
ff_bench_raw(const struct ff_bench_options *options)
{
    static const struct nng_load loads[] = {
        { "nng_one_at_a_time", 300, 1 },
        { "nng_100_bytes", 100, OUTSTANDING_MAX },
        { "nng_20_kb", 20000, OUTSTANDING_MAX },
    };

    for (size_t i = 0; i < FF_COUNT(loads); i++) {
        measure_nng(options, &loads[i]);
    }
    measure_sqlite(options);
    measure_sync(options);
    return 0;
}
