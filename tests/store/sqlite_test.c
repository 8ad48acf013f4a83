/* What only the SQLite store can meet: files of others, damage, a second broker, a full disk. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/rows.h"
#include "tests/store/bed.h"

static int
make_bed(void **state)
{
    struct ff_bed *bed = calloc(1, sizeof(*bed));

    assert_non_null(bed);
    ff_bed_init(bed, "sqlite", NULL);
    *state = bed;
    return 0;
}

static int
free_bed(void **state)
{
    ff_bed_done(*state);
    free(*state);
    return 0;
}

static void
open_it(struct ff_bed *bed)
{
    struct ff_fault fault = { 0 };

    if (ff_bed_open(bed, &fault) != FF_E_OK) {
        fail_msg("%s", fault.message);
    }
}

static void
close_it(struct ff_bed *bed)
{
    ff_store_close(bed->store);
    bed->store = NULL;
}

/* Executions from..to-1, each with `size` bytes of payload. */
static void
put_some(struct ff_bed *bed, uint32_t from, uint32_t to, size_t size)
{
    char *payload = calloc(1, size + 1);

    assert_non_null(payload);
    memset(payload, 'x', size);
    for (uint32_t n = from; n < to; n++) {
        struct ff_exec exec = ff_bed_exec(n);
        struct ff_exec_input input = ff_bed_input(&exec, payload);

        ff_bed_put(bed, FF_R_EXEC, &exec);
        ff_bed_put(bed, FF_R_EXEC_INPUT, &input);
    }
    free(payload);
}

/* Behind the store's back. */
static void
sql(const char *path, const char *text)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static off_t
size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : 0;
}

/* ---- files that are refused ---- */

static void
write_garbage(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    for (int i = 0; i < 5000; i++) {
        fputs("this is not a database ", file);
    }
    fclose(file);
}

static void
make_newer(const char *path)
{
    sql(path, "PRAGMA user_version = 99");
}

static void
make_foreign(const char *path)
{
    unlink(path);
    sql(path, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
}

static void
make_holes(const char *path)
{
    char hole[65536];
    int fd = open(path, O_RDWR);

    memset(hole, 0xaa, sizeof(hole));
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, hole, sizeof(hole), 8192), sizeof(hole));
    close(fd);
}

static void
make_short(const char *path)
{
    assert_int_equal(truncate(path, size_of(path) / 2), 0);
}

static void
make_unreadable_record(const char *path)
{
    sql(path, "UPDATE exec_live SET body = x'c1' WHERE row = 5");
}

static void
make_false_key(const char *path)
{
    sql(path, "UPDATE exec_live SET id = zeroblob(18) WHERE row = 5");
}

static const struct refused_row {
    const char *name;
    void (*spoil)(const char *path);
    const char *reason;
} refused_rows[] = {
    { "a file of something else", write_garbage, "not_a_database" },
    { "a database of another program", make_foreign, "not_a_store" },
    { "a newer schema", make_newer, "schema_version" },
    { "pages overwritten", make_holes, "damaged" },
    { "a file cut short", make_short, "damaged" },
    { "a record that cannot be read", make_unreadable_record, "record" },
    { "a record under another's key", make_false_key, "record" },
};

static void
test_refused_row(void **state)
{
    const struct refused_row *row = *state;
    struct ff_fault fault = { 0 };
    struct ff_bed bed;

    ff_bed_init(&bed, "sqlite", NULL);
    open_it(&bed);
    put_some(&bed, 0, 300, 400);
    ff_bed_commit(&bed);
    close_it(&bed);
    row->spoil(ff_bed_path(&bed, ""));
    assert_int_equal(ff_bed_open(&bed, &fault), FF_E_CORRUPTION);
    assert_string_equal(fault.detail[0].key, "reason");
    assert_true(ff_str_is(fault.detail[0].v.str, row->reason));
    assert_null(bed.store);
    ff_bed_done(&bed);
}

static void
test_a_newer_schema_is_named_and_not_touched(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_fault fault = { 0 };
    off_t size = 0;

    open_it(bed);
    close_it(bed);
    make_newer(ff_bed_path(bed, ""));
    size = size_of(ff_bed_path(bed, ""));
    assert_int_equal(ff_bed_open(bed, &fault), FF_E_CORRUPTION);
    assert_string_equal(fault.detail[1].key, "found");
    assert_int_equal(fault.detail[1].v.i64, 99);
    assert_string_equal(fault.detail[2].key, "supported");
    assert_in_range(fault.detail[2].v.i64, 1, 98);
    assert_non_null(strstr(fault.message, "newer"));
    assert_int_equal(size_of(ff_bed_path(bed, "")), size);
    assert_int_equal(size_of(ff_bed_path(bed, "-wal")), 0);
}

/* What the first version of the program made. */
static const char version_1[] =
    "CREATE TABLE info (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE exec_live (row INTEGER PRIMARY KEY, id BLOB NOT NULL, version INTEGER NOT NULL,"
    " body BLOB NOT NULL);"
    "CREATE TABLE exec_done (seq INTEGER PRIMARY KEY, row INTEGER NOT NULL, id BLOB NOT NULL,"
    " version INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE UNIQUE INDEX exec_done_id ON exec_done (id);"
    "CREATE TABLE exec_input (row INTEGER PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT "
    "NULL);"
    "CREATE TABLE exec_tags (row INTEGER PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT "
    "NULL);"
    "CREATE TABLE exec_result (row INTEGER PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT "
    "NULL);"
    "CREATE TABLE attempt (row INTEGER NOT NULL, n INTEGER NOT NULL, version INTEGER NOT NULL,"
    " body BLOB NOT NULL, PRIMARY KEY (row, n)) WITHOUT ROWID;"
    "CREATE TABLE create_key (key BLOB PRIMARY KEY, due INTEGER NOT NULL, version INTEGER NOT NULL,"
    " body BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX create_key_due ON create_key (due, key);"
    "CREATE TABLE lane (key BLOB PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE event_0 (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE event_1 (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE event_2 (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE event_3 (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE event_4 (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE event_5 (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "PRAGMA application_id = 1179017570; PRAGMA user_version = 1;";

/* The store as the first version had it, in place of what the newest made. */
static void
make_version_1(struct ff_bed *bed)
{
    char old[128], copy[512];

    snprintf(old, sizeof(old), "%s", ff_bed_path(bed, "-old"));
    sql(old, version_1);
    snprintf(copy, sizeof(copy),
             "ATTACH '%s' AS new; INSERT INTO info SELECT * FROM new.info;"
             "INSERT INTO exec_live SELECT * FROM new.exec_live;"
             "INSERT INTO exec_input SELECT * FROM new.exec_input;"
             "INSERT INTO lane SELECT * FROM new.lane;",
             ff_bed_path(bed, ""));
    sql(old, copy);
    assert_int_equal(rename(old, ff_bed_path(bed, "")), 0);
}

static void
test_the_first_version_is_brought_up(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_lane lane = ff_bed_lane("old", FF_LANE_PAUSED);
    struct ff_quota quota = { .quota_policy_id = { .b = { 1 } }, .slots = 2 };

    open_it(bed);
    put_some(bed, 0, 20, 100);
    ff_bed_put(bed, FF_R_LANE, &lane);
    ff_bed_commit(bed);
    close_it(bed);
    make_version_1(bed);
    open_it(bed);
    ff_bed_check(bed);
    ff_bed_put(bed, FF_R_QUOTA, &quota);
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
    ff_bed_check(bed);
}

static void
test_partition_counts_survive(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_partition_counts counts = { .flow = 64, .budget = 8 };
    struct ff_store_host host = { .wake = bed->wake, .ctx = bed };
    struct ff_fault fault = { 0 };
    bool applied = false;

    assert_int_equal(ff_store_open(ff_cstr(bed->url), &host, &bed->store, &fault), FF_E_OK);
    assert_int_equal(bed->store->ops->prepare(bed->store, &counts, &applied, &fault), FF_E_OK);
    assert_true(applied);
    close_it(bed);
    assert_int_equal(ff_store_open(ff_cstr(bed->url), &host, &bed->store, &fault), FF_E_OK);
    counts = (struct ff_partition_counts){ .flow = 128 };
    assert_int_equal(bed->store->ops->prepare(bed->store, &counts, &applied, &fault),
                     FF_E_PARTITION_MISMATCH);
    assert_true(ff_str_is(fault.detail[0].v.str, "num_flow_partitions"));
    assert_int_equal(fault.detail[1].v.u64, 64);
    assert_int_equal(fault.detail[2].v.u64, 128);
    counts = (struct ff_partition_counts){ 0 };
    assert_int_equal(bed->store->ops->prepare(bed->store, &counts, &applied, &fault), FF_E_OK);
    assert_false(applied);
    assert_int_equal(counts.flow, 64);
    assert_int_equal(counts.budget, 8);
    assert_int_equal(counts.quota, 32);
}

/* ---- one broker a file ---- */

static void
test_a_second_broker_is_told_who_holds_the_file(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_bed second = *bed;
    struct ff_fault fault = { 0 };
    char pid[16], link_path[128];

    open_it(bed);
    snprintf(pid, sizeof(pid), "%d", (int) getpid());
    assert_int_equal(ff_bed_open(&second, &fault), FF_E_TRANSPORT);
    assert_false(fault.retryable);
    assert_non_null(strstr(fault.message, pid));
    snprintf(link_path, sizeof(link_path), "%s", ff_bed_path(bed, "-link"));
    assert_int_equal(symlink(ff_bed_path(bed, ""), link_path), 0);
    snprintf(second.url, sizeof(second.url), "sqlite:%s", link_path);
    assert_int_equal(ff_bed_open(&second, &fault), FF_E_TRANSPORT);
    unlink(link_path);
    close_it(bed);
    open_it(bed); /* the lock went with the store */
}

static void
test_the_file_is_its_owners_alone(void **state)
{
    struct ff_bed *bed = *state;
    static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
    struct stat st;

    open_it(bed);
    put_some(bed, 0, 1, 10);
    ff_bed_commit(bed);
    for (size_t i = 0; i < FF_COUNT(suffixes); i++) {
        assert_int_equal(stat(ff_bed_path(bed, suffixes[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void
test_a_place_that_is_not_there(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_fault fault = { 0 };

    snprintf(bed->url, sizeof(bed->url), "sqlite:%s/no/such/place", bed->dir);
    assert_int_equal(ff_bed_open(bed, &fault), FF_E_TRANSPORT);
    assert_non_null(strstr(fault.message, "No such file"));
}

/* ---- a commit that cannot be made ---- */

static void
limit_files(off_t size)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size < 0 ? limit.rlim_max : (rlim_t) size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
fails_for_want_of_room(struct ff_bed *bed)
{
    assert_int_equal(ff_bed_try_commit(bed, false), FF_COMMIT_FAILED);
    assert_int_equal(bed->batch.fault.code, FF_E_TRANSPORT);
    assert_true(bed->batch.fault.retryable);
    assert_string_equal(bed->batch.fault.detail[0].key, "backend");
    assert_true(ff_str_is(bed->batch.fault.detail[0].v.str, "sqlite"));
    assert_non_null(strstr(bed->batch.fault.message, "sqlite: "));
    assert_null(strstr(bed->batch.fault.message, bed->dir));
}

static void
test_a_full_disk_fails_the_commit_and_nothing_else(void **state)
{
    struct ff_bed *bed = *state;

    open_it(bed);
    put_some(bed, 0, 100, 100);
    ff_bed_commit(bed);
    limit_files(size_of(ff_bed_path(bed, "-wal")) + 65536);
    put_some(bed, 100, 200, 10000);
    ff_bed_event(bed, FF_FAMILY_COMPLETION, "never");
    fails_for_want_of_room(bed);
    ff_bed_check(bed);
    put_some(bed, 100, 102, 10);
    ff_bed_commit(bed); /* there is room for a little */
    put_some(bed, 102, 200, 10000);
    fails_for_want_of_room(bed);
    limit_files(-1);
    put_some(bed, 102, 200, 10000);
    ff_bed_commit(bed);
    ff_bed_check(bed);
    ff_bed_reopen(bed);
}

/* The file cannot grow, so that the log cannot be moved into it and grows until it meets the same
 * limit. */
static void
test_a_log_that_cannot_be_moved_grows_until_commits_fail(void **state)
{
    struct ff_bed *bed = *state;
    uint32_t n = 0, made = 0;

    open_it(bed);
    for (; n == 0 || size_of(ff_bed_path(bed, "")) <= size_of(ff_bed_path(bed, "-wal")); n += 4) {
        put_some(bed, n, n + 4, 300000);
        ff_bed_commit(bed);
        assert_true(n < 2000);
    }
    limit_files(size_of(ff_bed_path(bed, "")));
    for (;; n += 4, made++) {
        put_some(bed, n, n + 4, 300000);
        if (ff_bed_try_commit(bed, false) != FF_COMMIT_OK) {
            break;
        }
        assert_true(made < 200);
    }
    assert_true(bed->batch.fault.retryable);
    ff_bed_check(bed);
    limit_files(-1);
    put_some(bed, n, n + 4, 300000);
    ff_bed_commit(bed);
    ff_bed_reopen(bed);
}

static void
test_a_reader_from_outside_holds_the_log_up_only_as_long_as_it_reads(void **state)
{
    struct ff_bed *bed = *state;
    sqlite3 *outside = NULL;

    open_it(bed);
    put_some(bed, 0, 1, 10);
    ff_bed_commit(bed);
    assert_int_equal(sqlite3_open(ff_bed_path(bed, ""), &outside), SQLITE_OK);
    assert_int_equal(sqlite3_exec(outside, "BEGIN; SELECT count(*) FROM lane", NULL, NULL, NULL),
                     SQLITE_OK);
    for (uint32_t n = 1; n < 100; n += 3) {
        put_some(bed, n, n + 3, 300000);
        ff_bed_commit(bed);
    }
    assert_true(size_of(ff_bed_path(bed, "-wal")) > 25000000);
    sqlite3_close(outside);
    for (uint32_t n = 100; n < 400; n += 3) {
        put_some(bed, n, n + 3, 300000);
        ff_bed_commit(bed);
    }
    assert_true(size_of(ff_bed_path(bed, "-wal")) < 60000000); /* of 120 written */
    ff_bed_reopen(bed);
}

static void
test_a_record_missing_in_the_file_is_corruption(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_exec lost = ff_bed_exec(3), kept = ff_bed_exec(4);

    open_it(bed);
    put_some(bed, 0, 10, 10);
    ff_bed_commit(bed);
    sql(ff_bed_path(bed, ""), "DELETE FROM exec_live WHERE row = 4");
    ff_bed_activate(&kept);
    ff_bed_activate(&lost);
    ff_bed_put(bed, FF_R_EXEC, &kept);
    ff_bed_put(bed, FF_R_EXEC, &lost);
    assert_int_equal(ff_bed_try_commit(bed, false), FF_COMMIT_FAILED);
    assert_int_equal(bed->batch.fault.code, FF_E_CORRUPTION);
    ff_bed_put(bed, FF_R_EXEC, &kept);
    ff_bed_commit(bed);
}

/* ---- killed ---- */

#define BATCH 5

/* Batch k: executions begin, those of the batch before are claimed, those before that end. */
static void
put_batch(struct ff_bed *bed, uint32_t k)
{
    for (uint32_t i = 0; i < BATCH; i++) {
        put_some(bed, k * BATCH + i, k * BATCH + i + 1, 200);
        for (uint32_t age = 1; age <= 2 && age <= k; age++) {
            struct ff_exec exec = ff_bed_exec((k - age) * BATCH + i);
            struct ff_attempt attempt = ff_bed_attempt(&exec, 0);

            ff_bed_activate(&exec);
            if (age == 2) {
                ff_bed_finish(&exec);
            }
            ff_bed_put(bed, FF_R_EXEC, &exec);
            ff_bed_put(bed, FF_R_ATTEMPT, &attempt);
        }
    }
    ff_bed_event(bed, FF_FAMILY_COMPLETION, "batch");
}

/* Goes on from batch k until it is killed; one byte for each commit that was acknowledged. */
static void
commit_for_ever(struct ff_bed *bed, uint32_t k, int told)
{
    open_it(bed);
    for (;; k++) {
        put_batch(bed, k);
        ff_bed_commit(bed);
        ff_bed_forget(bed);
        if (write(told, "x", 1) != 1) {
            _exit(1);
        }
    }
}

/* Returns how many batches a killed process has been told to be made. */
static uint32_t
run_and_kill(const struct ff_bed *model, const char *url, uint32_t from, uint32_t after)
{
    struct ff_bed bed = *model; /* versions as far as they were made */
    uint32_t told = from;
    char byte = 0;
    int ends[2];
    pid_t pid = 0;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        snprintf(bed.url, sizeof(bed.url), "%s", url);
        commit_for_ever(&bed, from, ends[1]);
    }
    close(ends[1]);
    while (told < from + after && read(ends[0], &byte, 1) == 1) {
        told++;
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read(ends[0], &byte, 1) == 1) {
        told++;
    }
    close(ends[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid); /* its lock is gone */
    return told;
}

/* The model is fed to a memory store; then the file must hold the same. */
static void
test_killed_at_any_instant_it_keeps_what_was_acknowledged(void **state)
{
    struct ff_bed *bed = *state;
    struct ff_bed model;
    struct ff_store *memory = NULL;
    unsigned seed = 11;
    uint32_t made = 0;

    ff_bed_init(&model, "memory", NULL);
    open_it(&model);
    memory = model.store;
    for (int round = 0; round < 12; round++) {
        uint32_t after = 1 + (unsigned) rand_r(&seed) % 40;
        uint32_t told = run_and_kill(&model, bed->url, made, after);
        struct ff_want want = ff_bed_want_events(FF_FAMILY_COMPLETION, 0, 100000);

        assert_true(told >= made + after);
        open_it(bed);
        ff_bed_load(bed, &want, 1);
        assert_in_range(want.n, told, told + 1);
        for (; made < want.n; made++) {
            put_batch(&model, made);
            ff_bed_commit(&model);
        }
        model.store = bed->store;
        ff_bed_check(&model);
        model.store = memory;
        close_it(bed);
    }
    ff_bed_done(&model);
}

/* ---- the suite ---- */

#define SINGLE(test) cmocka_unit_test_setup_teardown(test, make_bed, free_bed)

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(refused_rows, test_refused_row) };
    static const struct CMUnitTest singles[] = {
        SINGLE(test_a_newer_schema_is_named_and_not_touched),
        SINGLE(test_the_first_version_is_brought_up),
        { .name = "01 ex 15 partition counts survive",
          .test_func = test_partition_counts_survive,
          .setup_func = make_bed,
          .teardown_func = free_bed },
        SINGLE(test_a_second_broker_is_told_who_holds_the_file),
        SINGLE(test_the_file_is_its_owners_alone),
        SINGLE(test_a_place_that_is_not_there),
        SINGLE(test_a_full_disk_fails_the_commit_and_nothing_else),
        SINGLE(test_a_log_that_cannot_be_moved_grows_until_commits_fail),
        SINGLE(test_a_reader_from_outside_holds_the_log_up_only_as_long_as_it_reads),
        SINGLE(test_a_record_missing_in_the_file_is_corruption),
        SINGLE(test_killed_at_any_instant_it_keeps_what_was_acknowledged),
    };

    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error, not an end */
    return ff_run_rows("sqlite", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
