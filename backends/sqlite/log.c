/* log.c: when the pages of the write-ahead log are moved into the file. */
#include "backends/sqlite/sqlite_int.h"

/* Pages of 8 KiB in the log before they are moved to the file: 16 MiB. */
#define WAL_PAGES 2048
/* What the writer may move by itself: 1 MiB, a few milliseconds. */
#define REST_PAGES 128
#define ROUNDS_MAX 6
/* Where commits wait for the mover: 48 MiB. */
#define WAL_PAGES_MAX 6144

/* The bulk is moved by a thread with a connection of its own, beside the commits: at full load it
 * is 10 to 30 ms of work, most of it the disk's. What has come in meanwhile it moves in further
 * rounds, until so little is left that the writer can move the rest between two commits: only then
 * can the log be used again from its start. */

static int
note_pages(void *ctx, sqlite3 *db, const char *name, int pages)
{
    struct sqlite *sqlite = ctx;

    (void) db;
    (void) name;
    __atomic_store_n(&sqlite->wal_pages, pages, __ATOMIC_RELAXED);
    if (pages < WAL_PAGES / 2) {
        sqlite->move_at = WAL_PAGES;
    }
    return SQLITE_OK;
}

/* PASSIVE waits for nobody. A failure (a full disk) leaves the pages in the log, which grows as
 * long as there is room; what needs room and finds none is the commit that says so. */
static bool
move(sqlite3 *db, int *moved)
{
    return sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, moved) == SQLITE_OK;
}

static void
move_rounds(struct sqlite *sqlite)
{
    int moved = 0, before = 0;

    for (int round = 0; round < ROUNDS_MAX && move(sqlite->mover, &moved); round++) {
        int pages = __atomic_load_n(&sqlite->wal_pages, __ATOMIC_RELAXED);

        if (pages - moved <= REST_PAGES || moved == before) {
            return;
        }
        before = moved; /* no further while somebody reads an older state */
    }
}

static void *
mover_main(void *arg)
{
    struct sqlite *sqlite = arg;

    pthread_mutex_lock(&sqlite->mutex);
    for (;;) {
        while (sqlite->move != MOVE_ASKED && !sqlite->stopping) {
            pthread_cond_wait(&sqlite->move_cond, &sqlite->mutex);
        }
        if (sqlite->stopping) {
            break;
        }
        pthread_mutex_unlock(&sqlite->mutex);
        move_rounds(sqlite);
        pthread_mutex_lock(&sqlite->mutex);
        sqlite->move = MOVE_REST;
        pthread_cond_broadcast(&sqlite->cond);
    }
    pthread_mutex_unlock(&sqlite->mutex);
    return NULL;
}

void
ff_log_tend(struct sqlite *sqlite)
{
    bool rest = false;

    pthread_mutex_lock(&sqlite->mutex);
    if (sqlite->move == MOVE_NOTHING && sqlite->wal_pages >= sqlite->move_at) {
        sqlite->move = MOVE_ASKED;
        sqlite->move_at = sqlite->wal_pages + WAL_PAGES / 4; /* should it not get through */
        pthread_cond_signal(&sqlite->move_cond);
    }
    while (sqlite->move == MOVE_ASKED && sqlite->wal_pages >= WAL_PAGES_MAX && !sqlite->stopping) {
        pthread_cond_wait(&sqlite->cond, &sqlite->mutex);
    }
    rest = sqlite->move == MOVE_REST;
    if (rest) {
        sqlite->move = MOVE_NOTHING;
    }
    pthread_mutex_unlock(&sqlite->mutex);
    if (rest) {
        (void) move(sqlite->writer, NULL);
    }
}

int
ff_log_start(struct sqlite *sqlite)
{
    sqlite->move_at = WAL_PAGES;
    sqlite3_wal_hook(sqlite->writer, note_pages, sqlite);
    return pthread_create(&sqlite->mover_thread, NULL, mover_main, sqlite);
}
