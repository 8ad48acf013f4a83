#include "backends/sqlite/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backends/sqlite/sqlite_int.h"

static struct sqlite *
of(struct ff_store *store)
{
    return (struct sqlite *) store;
}

static void
sqlite_commit(struct ff_store *store, struct ff_commit *commit)
{
    struct sqlite *sqlite = of(store);

    FF_ASSERT(sqlite->commit == NULL); /* one at a time */
    sqlite->commit = commit;
    ff_sqlite_plan(sqlite, commit);
    pthread_mutex_lock(&sqlite->mutex);
    sqlite->handed_over = true;
    pthread_cond_broadcast(&sqlite->cond);
    pthread_mutex_unlock(&sqlite->mutex);
}

static void
sqlite_poll(struct ff_store *store, bool wait)
{
    struct sqlite *sqlite = of(store);
    struct ff_commit *commit = sqlite->commit;
    bool finished = false;

    if (commit == NULL) {
        return;
    }
    pthread_mutex_lock(&sqlite->mutex);
    while (wait && !sqlite->finished) {
        pthread_cond_wait(&sqlite->cond, &sqlite->mutex);
    }
    finished = sqlite->finished;
    sqlite->finished = false;
    pthread_mutex_unlock(&sqlite->mutex);
    if (!finished) {
        return;
    }
    if (commit->outcome == FF_COMMIT_OK) {
        ff_sqlite_apply(sqlite, commit);
    } else {
        ff_sqlite_forget(sqlite, commit);
    }
    sqlite->commit = NULL;
    commit->done(commit);
}

static void
free_memory(struct sqlite *sqlite)
{
    ff_live_done(sqlite);
    ff_memory_index_done(&sqlite->index);
    pthread_cond_destroy(&sqlite->cond);
    pthread_cond_destroy(&sqlite->move_cond);
    pthread_mutex_destroy(&sqlite->mutex);
    free(sqlite->plan);
    free(sqlite->done_max);
    free(sqlite->done_any);
    free(sqlite->path);
    free(sqlite);
}

static void
stop(struct sqlite *sqlite)
{
    pthread_mutex_lock(&sqlite->mutex);
    sqlite->stopping = true;
    pthread_cond_broadcast(&sqlite->cond);
    pthread_cond_broadcast(&sqlite->move_cond);
    pthread_mutex_unlock(&sqlite->mutex);
}

static bool
start_threads(struct sqlite *sqlite)
{
    if (ff_log_start(sqlite) != 0) {
        return false;
    }
    if (pthread_create(&sqlite->thread, NULL, ff_sqlite_writer, sqlite) != 0) {
        stop(sqlite);
        pthread_join(sqlite->mover_thread, NULL);
        return false;
    }
    return true;
}

static void
sqlite_close(struct ff_store *store)
{
    struct sqlite *sqlite = of(store);

    sqlite_poll(store, true);
    stop(sqlite);
    pthread_join(sqlite->mover_thread, NULL);
    pthread_join(sqlite->thread, NULL);
    ff_sqlite_close_files(sqlite);
    free_memory(sqlite);
}

/* What the fault points to must outlive a store that is not opened. */
static ff_err
keep_message(struct ff_fault *fault)
{
    static char message[WORDS_MAX];

    if (fault->message != NULL) {
        snprintf(message, sizeof(message), "%s", fault->message);
        fault->message = message;
    }
    return fault->code;
}

static ff_err
sqlite_prepare(struct ff_store *store, struct ff_partition_counts *counts, bool *applied,
               struct ff_fault *fault)
{
    ff_err err = ff_sqlite_prepare(store, counts, applied, fault);

    return err == FF_E_OK ? err : keep_message(fault);
}

static const char *
sqlite_promise(const struct ff_store *store)
{
    switch (((const struct sqlite *) store)->durability) {
    case FF_DURABILITY_COMMIT:
        return "durability commit: nothing is lost";
    case FF_DURABILITY_INTERVAL:
        return "durability interval: a power cut may take the last interval, a killed process "
               "nothing";
    case FF_DURABILITY_NONE:
        break;
    }
    return "durability none: a power cut may take half a minute, a killed process nothing";
}

static const struct ff_store_ops sqlite_ops = {
    .label = "sqlite",
    .handle_tag = 0x11,
    .exclusive = true,
    .immediate = true,
    .prepare = sqlite_prepare,
    .load = ff_sqlite_load,
    .commit = sqlite_commit,
    .poll = sqlite_poll,
    .promise = sqlite_promise,
    .offline = &ff_sqlite_offline,
    .close = sqlite_close,
};

static struct sqlite *
sqlite_new(const struct ff_sqlite_options *options, const struct ff_store_host *host)
{
    struct sqlite *sqlite = calloc(1, sizeof(*sqlite));
    pthread_condattr_t monotonic;

    FF_ASSERT(sqlite != NULL);
    /* Its counters of memory would be one mutex for both threads. No effect once SQLite is in use,
     * which is as well. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite->store.ops = &sqlite_ops;
    sqlite->host = *host;
    sqlite->path = strndup(options->path.p, options->path.n);
    sqlite->done_max = calloc(FF_SQLITE_PARTITIONS, sizeof(*sqlite->done_max));
    sqlite->done_any = calloc(FF_SQLITE_PARTITIONS, sizeof(*sqlite->done_any));
    FF_ASSERT(sqlite->path != NULL && sqlite->done_max != NULL && sqlite->done_any != NULL);
    sqlite->lock_fd = sqlite->wal_fd = -1;
    sqlite->durability = options->durability;
    sqlite->sync_ms = options->sync_ms;
    ff_memory_index_init(&sqlite->index);
    pthread_mutex_init(&sqlite->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sqlite->cond, &monotonic);
    pthread_cond_init(&sqlite->move_cond, NULL);
    pthread_condattr_destroy(&monotonic);
    return sqlite;
}

ff_err
ff_sqlite_open(const struct ff_sqlite_options *options, const struct ff_store_host *host,
               struct ff_store **store_out, struct ff_fault *fault)
{
    struct sqlite *sqlite = sqlite_new(options, host);
    ff_err err = ff_sqlite_open_files(sqlite, fault);

    if (err == FF_E_OK) {
        err = ff_sqlite_rebuild(sqlite, fault);
    }
    if (err == FF_E_OK && !start_threads(sqlite)) {
        err = ff_fail_transport(fault, "sqlite", "other", "sqlite: cannot start a thread");
    }
    if (err != FF_E_OK) {
        (void) keep_message(fault);
        ff_sqlite_close_files(sqlite);
        free_memory(sqlite);
        return err;
    }
    *store_out = &sqlite->store;
    return FF_E_OK;
}
