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

/* ---- commits under way ---- */

static void
hand_over(struct sqlite *sqlite, struct under_way *next)
{
    next->stage = STAGE_WRITING;
    sqlite->commit = next->commit;
    ff_sqlite_plan(sqlite, next->commit);
    pthread_mutex_lock(&sqlite->mutex);
    sqlite->handed_over = true;
    pthread_cond_broadcast(&sqlite->cond);
    pthread_mutex_unlock(&sqlite->mutex);
}

static void
sqlite_commit(struct ff_store *store, struct ff_commit *commit)
{
    struct sqlite *sqlite = of(store);
    struct under_way *next = &sqlite->under_way[sqlite->n_under_way++];

    FF_ASSERT(sqlite->n_under_way <= FF_COMMITS_MAX);
    *next = (struct under_way){ .commit = commit, .stage = STAGE_WAITING };
    if (sqlite->commit == NULL) {
        hand_over(sqlite, next);
    }
}

/* The writer has done the one it had, and gets the next before anything else: while it makes that,
 * this one shows, its log is synced, and those who wait for it are answered. */
static void
take_made(struct sqlite *sqlite)
{
    struct ff_commit *commit = sqlite->commit;
    bool made = commit->outcome == FF_COMMIT_OK;
    uint32_t i = 0;

    while (sqlite->under_way[i].commit != commit) {
        i++;
    }
    sqlite->commit = NULL;
    sqlite->under_way[i].stage = made ? STAGE_MADE : STAGE_FAILED;
    ff_sqlite_settle(sqlite, commit, made);
    if (!made) {
        return;
    }
    sqlite->under_way[i].made = ++sqlite->applied;
    if (i + 1 < sqlite->n_under_way) {
        hand_over(sqlite, &sqlite->under_way[i + 1]);
    }
    ff_sqlite_apply(sqlite, commit);
}

/* How far the syncer is. */
struct log_state {
    bool finished; /* the writer has done what it had */
    uint64_t synced;
    bool failed;
};

static struct log_state
look(struct sqlite *sqlite, bool wait)
{
    struct log_state state = { 0 };

    pthread_mutex_lock(&sqlite->mutex);
    while (wait && !sqlite->finished && !sqlite->sync_news) {
        pthread_cond_wait(&sqlite->cond, &sqlite->mutex);
    }
    state.finished = sqlite->finished;
    state.synced = sqlite->durability == FF_DURABILITY_COMMIT ? sqlite->synced : UINT64_MAX;
    state.failed = sqlite->durability == FF_DURABILITY_COMMIT && sqlite->sync_failed;
    sqlite->finished = sqlite->sync_news = false;
    pthread_mutex_unlock(&sqlite->mutex);
    return state;
}

/* Whether the oldest one's outcome is known now; then it is written down. */
static bool
is_decided(struct sqlite *sqlite, const struct log_state *state)
{
    const struct under_way *first = &sqlite->under_way[0];
    struct ff_commit *commit = first->commit;

    switch (first->stage) {
    case STAGE_WAITING: /* the one before it was not made, else it would have been handed over */
        commit->outcome = FF_COMMIT_ORPHANED;
        return true;
    case STAGE_WRITING:
        return false;
    case STAGE_FAILED:
        return true;
    case STAGE_MADE:
        break;
    }
    if (!sqlite->in_doubt && first->made <= state->synced) {
        return true;
    }
    if (state->failed || sqlite->in_doubt) { /* it is in the log: nobody knows if it will stay */
        commit->outcome = FF_COMMIT_FAILED;
        ff_fail_transport(&commit->fault, "sqlite", "transport", sqlite->sync_words);
        return true;
    }
    return false;
}

static void
deliver_first(struct sqlite *sqlite)
{
    struct under_way first = sqlite->under_way[0];

    sqlite->n_under_way--;
    memmove(sqlite->under_way, sqlite->under_way + 1, sqlite->n_under_way * sizeof(first));
    sqlite->in_doubt = sqlite->n_under_way > 0 && first.stage == STAGE_MADE &&
                       first.commit->outcome == FF_COMMIT_FAILED;
    first.commit->done(first.commit);
}

static void
sqlite_poll(struct ff_store *store, bool wait)
{
    struct sqlite *sqlite = of(store);

    while (sqlite->n_under_way > 0) {
        struct log_state state = look(sqlite, wait);

        if (state.finished) {
            take_made(sqlite);
        }
        while (sqlite->n_under_way > 0 && is_decided(sqlite, &state)) {
            deliver_first(sqlite);
            wait = false;
        }
        if (!wait) {
            return;
        }
    }
}

static void
free_memory(struct sqlite *sqlite)
{
    ff_live_done(sqlite);
    ff_memory_index_done(&sqlite->index);
    pthread_cond_destroy(&sqlite->cond);
    pthread_cond_destroy(&sqlite->move_cond);
    pthread_cond_destroy(&sqlite->sync_cond);
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
    pthread_cond_broadcast(&sqlite->sync_cond);
    pthread_mutex_unlock(&sqlite->mutex);
}

static void
stop_threads(struct sqlite *sqlite)
{
    stop(sqlite);
    pthread_join(sqlite->mover_thread, NULL);
    pthread_join(sqlite->thread, NULL);
    if (sqlite->syncing) {
        pthread_join(sqlite->sync_thread, NULL);
    }
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
    if (ff_sync_start(sqlite) != 0) {
        stop_threads(sqlite);
        return false;
    }
    return true;
}

static void
sqlite_close(struct ff_store *store)
{
    struct sqlite *sqlite = of(store);

    while (sqlite->n_under_way > 0) {
        sqlite_poll(store, true);
    }
    stop_threads(sqlite);
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
    .commits_max = 2,
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
    pthread_cond_init(&sqlite->sync_cond, &monotonic);
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
