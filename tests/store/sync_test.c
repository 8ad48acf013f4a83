/* When SQLite's log is brought to the disk, and what a disk that fails does: this program has an
 * fdatasync of its own, which can be held back, or fail. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/rows.h"
#include "tests/store/bed.h"

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool shut;        /* syncs wait */
    bool failing;     /* they fail */
    unsigned waiting; /* those that do */
    unsigned done;    /* of the log */
} disk = { .mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };

static bool
is_log(int fd)
{
    char link[32], name[256];
    ssize_t n = 0;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, name, sizeof(name));
    return n > 4 && memcmp(name + n - 4, "-wal", 4) == 0;
}

/* Known to the linker by the name of the system's, which it stands for in all of this program. */
int ff_disk_sync(int fd) __asm__("fdatasync");

int
ff_disk_sync(int fd)
{
    bool failing = false, log = is_log(fd);
    int rc = 0;

    pthread_mutex_lock(&disk.mutex);
    disk.waiting++;
    pthread_cond_broadcast(&disk.cond);
    while (disk.shut && log) {
        pthread_cond_wait(&disk.cond, &disk.mutex);
    }
    disk.waiting--;
    failing = disk.failing && log;
    pthread_mutex_unlock(&disk.mutex);
    if (failing) {
        errno = EIO;
        return -1;
    }
    rc = (int) syscall(SYS_fdatasync, fd);
    pthread_mutex_lock(&disk.mutex);
    disk.done += log;
    pthread_cond_broadcast(&disk.cond);
    pthread_mutex_unlock(&disk.mutex);
    return rc;
}

static void
set(bool *what, bool to)
{
    pthread_mutex_lock(&disk.mutex);
    *what = to;
    pthread_cond_broadcast(&disk.cond);
    pthread_mutex_unlock(&disk.mutex);
}

static void
await_a_sync_that_waits(void)
{
    pthread_mutex_lock(&disk.mutex);
    while (disk.waiting == 0) {
        pthread_cond_wait(&disk.cond, &disk.mutex);
    }
    pthread_mutex_unlock(&disk.mutex);
}

static unsigned
syncs_done(void)
{
    unsigned done = 0;

    pthread_mutex_lock(&disk.mutex);
    done = disk.done;
    pthread_mutex_unlock(&disk.mutex);
    return done;
}

/* ---- the store ---- */

static struct ff_bed *
new_bed(const char *options)
{
    struct ff_bed *bed = calloc(1, sizeof(*bed));
    struct ff_fault fault = { 0 };

    assert_non_null(bed);
    ff_bed_init(bed, "sqlite", options);
    if (ff_bed_open(bed, &fault) != FF_E_OK) {
        fail_msg("%s", fault.message);
    }
    return bed;
}

static void
free_bed(struct ff_bed *bed)
{
    ff_bed_done(bed);
    free(bed);
}

static void
put(struct ff_bed *bed, uint32_t n)
{
    struct ff_exec exec = ff_bed_exec(n);

    ff_bed_put(bed, FF_R_EXEC, &exec);
}

static bool
is_there(struct ff_bed *bed, uint32_t n)
{
    struct ff_exec exec = ff_bed_exec(n);
    struct ff_want want = ff_bed_want(FF_R_EXEC, ff_record_key(FF_R_EXEC, &exec));

    ff_bed_load(bed, &want, 1);
    return want.found;
}

/* Executions in the file, as somebody else sees them; log: with what is in the log. */
static int
count_from_outside(const struct ff_bed *bed, bool log)
{
    char uri[320];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int n = 0;

    snprintf(uri, sizeof(uri), "file:%s?%s", ff_bed_path(bed, ""),
             log ? "mode=rw" : "mode=ro&immutable=1"); /* the file alone */
    assert_int_equal(sqlite3_open_v2(uri, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, NULL),
                     SQLITE_OK);
    if (sqlite3_prepare_v2(db, "SELECT count(*) FROM exec_live", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) { /* else even the tables are in the log only */
        n = sqlite3_column_int(stmt, 0);
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

/* ---- tests ---- */

static void
test_an_answer_waits_for_the_disk(void **state)
{
    struct ff_bed *bed = new_bed(NULL);

    (void) state;
    set(&disk.shut, true);
    put(bed, 1);
    ff_bed_send(bed);
    await_a_sync_that_waits();
    ff_store_poll(bed->store, false);
    assert_int_equal(count_from_outside(bed, true), 1); /* it is written */
    assert_true(bed->first_under_way);                  /* and not answered */
    set(&disk.shut, false);
    while (bed->first_under_way) {
        ff_store_poll(bed->store, true);
    }
    assert_int_equal(bed->first.outcome, FF_COMMIT_OK);
    ff_bed_check(bed);
    free_bed(bed);
}

static void *
open_when_two_are_written(void *ctx)
{
    while (count_from_outside(ctx, true) < 2) {
        sched_yield();
    }
    set(&disk.shut, false);
    return NULL;
}

static void
test_the_next_one_is_written_meanwhile(void **state)
{
    struct ff_bed *bed = new_bed(NULL);
    pthread_t thread;

    (void) state;
    set(&disk.shut, true);
    put(bed, 1);
    ff_bed_send(bed);
    await_a_sync_that_waits();
    assert_int_equal(pthread_create(&thread, NULL, open_when_two_are_written, bed), 0);
    put(bed, 2);
    assert_int_equal(ff_bed_try_commit(bed, false), FF_COMMIT_OK);
    assert_int_equal(bed->first.outcome, FF_COMMIT_OK);
    pthread_join(thread, NULL);
    ff_bed_check(bed);
    free_bed(bed);
}

/* Nobody knows what has become of them: they may be there. */
static void
fail_two(struct ff_bed *bed)
{
    set(&disk.shut, true);
    put(bed, 1);
    ff_bed_send(bed);
    await_a_sync_that_waits();
    set(&disk.failing, true);
    set(&disk.shut, false);
    put(bed, 2);
    assert_int_not_equal(ff_bed_try_commit(bed, false), FF_COMMIT_OK);
    assert_int_equal(bed->first.outcome, FF_COMMIT_FAILED);
    assert_int_equal(bed->first.fault.code, FF_E_TRANSPORT);
    assert_non_null(strstr(bed->first.fault.message, "cannot sync the log"));
}

static void
test_no_commit_while_the_log_cannot_be_synced(void **state)
{
    struct ff_bed *bed = new_bed(NULL);

    (void) state;
    fail_two(bed);
    put(bed, 3);
    assert_int_equal(ff_bed_try_commit(bed, false), FF_COMMIT_FAILED);
    assert_int_equal(bed->batch.fault.code, FF_E_TRANSPORT);
    assert_false(is_there(bed, 3));
    assert_true(is_there(bed, 1)); /* as it turns out */
    set(&disk.failing, false);
    put(bed, 4);
    assert_int_equal(ff_bed_try_commit(bed, false), FF_COMMIT_OK);
    assert_true(is_there(bed, 4));
    free_bed(bed);
}

/* The system may have dropped what it could not write: a sync that succeeds later proves nothing.
 * So all of the log is in the file before the next answer. */
static void
test_what_was_not_synced_is_moved_first(void **state)
{
    struct ff_bed *bed = new_bed(NULL);
    int before = count_from_outside(bed, false);

    (void) state;
    fail_two(bed);
    assert_int_equal(count_from_outside(bed, false), before);
    set(&disk.failing, false);
    put(bed, 3);
    assert_int_equal(ff_bed_try_commit(bed, false), FF_COMMIT_OK);
    assert_true(count_from_outside(bed, false) > before);
    free_bed(bed);
}

/* By the clock: the answer does not wait, and the disk follows. */
static void
test_an_interval_is_kept(void **state)
{
    struct ff_bed *bed = new_bed("durability=interval:1");
    unsigned before = 0;

    (void) state;
    put(bed, 1);
    ff_bed_commit(bed); /* the log's first one is synced with it, by SQLite */
    set(&disk.shut, true);
    before = syncs_done();
    put(bed, 2);
    ff_bed_commit(bed);
    assert_int_equal(syncs_done(), before);
    set(&disk.shut, false);
    pthread_mutex_lock(&disk.mutex);
    while (disk.done == before) {
        pthread_cond_wait(&disk.cond, &disk.mutex);
    }
    pthread_mutex_unlock(&disk.mutex);
    ff_bed_check(bed);
    free_bed(bed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_waits_for_the_disk),
        cmocka_unit_test(test_the_next_one_is_written_meanwhile),
        cmocka_unit_test(test_no_commit_while_the_log_cannot_be_synced),
        cmocka_unit_test(test_what_was_not_synced_is_moved_first),
        cmocka_unit_test(test_an_interval_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
