/* The Valkey store and a server that misbehaves: stopped, cut off, slow, full, not fit for use. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "backends/valkey/crc64.h"
#include "core/clock.h"
#include "tests/rig/relay.h"
#include "tests/rig/server.h"
#include "tests/rows.h"
#include "tests/store/bed.h"

static const char *const durable[] = { "--appendonly", "yes", "--appendfsync", "always", NULL };

/* A server of its own, perhaps a relay before it, and a store on it. */
struct place {
    struct ff_test_server server;
    struct ff_relay *relay;
    struct ff_bed bed;
};

static void
open_on(struct place *place, const char *socket, const char *options)
{
    struct ff_fault fault = { 0 };

    ff_bed_init(&place->bed, "valkey", NULL);
    snprintf(place->bed.url, sizeof(place->bed.url), "valkey://%s?%s", socket, options);
    if (ff_bed_open(&place->bed, &fault) != FF_E_OK) {
        fail_msg("cannot open the store: %s", fault.message);
    }
}

static void
begin(struct place *place, bool relayed, const char *options)
{
    *place = (struct place){ .relay = NULL };
    ff_test_server_start(&place->server, durable);
    if (relayed) {
        place->relay = ff_relay_start(place->server.socket);
    }
    open_on(place, relayed ? ff_relay_socket(place->relay) : place->server.socket, options);
}

static void
end(struct place *place)
{
    ff_bed_done(&place->bed);
    ff_relay_stop(place->relay);
    ff_test_server_stop(&place->server);
}

static void
put(struct place *place, uint32_t n)
{
    struct ff_exec exec = ff_bed_exec(n);
    struct ff_exec_input input = ff_bed_input(&exec, "p");

    ff_bed_put(&place->bed, FF_R_EXEC, &exec);
    ff_bed_put(&place->bed, FF_R_EXEC_INPUT, &input);
    ff_bed_event(&place->bed, FF_FAMILY_COMPLETION, "once");
}

/* ---- the server comes back ---- */

static void
test_a_server_that_was_killed_goes_on_where_it_was(void **state)
{
    struct place place;

    (void) state;
    begin(&place, false, "patience_ms=20000");
    put(&place, 1);
    ff_bed_commit(&place.bed);
    ff_test_server_kill(&place.server, SIGKILL);
    ff_test_server_restart(&place.server);
    put(&place, 2);
    ff_bed_commit(&place.bed); /* the first thing that notices */
    ff_bed_check(&place.bed);
    ff_bed_reopen(&place.bed);
    end(&place);
}

/* It cannot have been made, so its outcome is not looked for: that would take 40 s. */
static void
test_a_commit_that_meets_a_closed_connection_is_known_not_to_be_made(void **state)
{
    struct place place;
    int64_t from_ms = 0;

    (void) state;
    begin(&place, false, "patience_ms=200");
    put(&place, 1);
    ff_bed_commit(&place.bed);
    ff_test_server_kill(&place.server, SIGKILL);
    put(&place, 2);
    from_ms = ff_mono_ms();
    assert_int_equal(ff_bed_try_commit(&place.bed, true), FF_COMMIT_FAILED);
    assert_true(ff_mono_ms() - from_ms < 5000);
    assert_null(strstr(place.bed.batch.fault.message, "could not be found out"));
    ff_test_server_restart(&place.server);
    while (ff_bed_try_commit(&place.bed, true) != FF_COMMIT_OK) {
        assert_int_equal(place.bed.batch.fault.code, FF_E_TRANSPORT);
    }
    ff_bed_check(&place.bed);
    end(&place);
}

static void
load_done(struct ff_load *load)
{
    *(bool *) load->ctx = true;
}

static void
test_without_a_server_calls_fail_and_later_ones_succeed(void **state)
{
    struct place place;
    struct ff_arena arena = { 0 };
    bool done = false;
    struct ff_load ping = { .arena = &arena, .done = load_done, .ctx = &done };

    (void) state;
    begin(&place, false, "patience_ms=50");
    ff_test_server_kill(&place.server, SIGKILL);
    put(&place, 1);
    assert_int_equal(ff_bed_try_commit(&place.bed, true), FF_COMMIT_FAILED);
    assert_int_equal(place.bed.batch.fault.code, FF_E_TRANSPORT);
    assert_true(place.bed.batch.fault.retryable);
    ff_store_load(place.bed.store, &ping);
    while (!done) {
        ff_store_poll(place.bed.store, true);
    }
    assert_int_equal(ping.fault.code, FF_E_TRANSPORT);
    ff_test_server_restart(&place.server);
    while (ff_bed_try_commit(&place.bed, true) != FF_COMMIT_OK) {
        assert_int_equal(place.bed.batch.fault.code, FF_E_TRANSPORT);
    }
    ff_bed_check(&place.bed);
    ff_arena_done(&arena);
    end(&place);
}

/* ---- a connection is cut ---- */

/* Whichever half of a commit gets lost: it is made once. */
static const struct cut_row {
    const char *name;
    enum ff_relay_cut cut;
    uint32_t executions; /* of a commit */
    uint32_t bytes;      /* of a payload */
} cut_rows[] = {
    { "a commit of which only a part has arrived is made once", FF_RELAY_CUT_REQUEST, 1, 1 },
    { "a commit that is cut while it is being written is made once", FF_RELAY_CUT_REQUEST, 40,
      20000 },
    { "a commit whose answer is lost is known to be made", FF_RELAY_CUT_REPLY, 1, 1 },
    { "a large commit whose answer is lost is known to be made", FF_RELAY_CUT_REPLY, 40, 20000 },
};

static void
put_row(struct place *place, const struct cut_row *row, uint32_t n)
{
    static char payload[20001];

    memset(payload, 'x', row->bytes);
    payload[row->bytes] = '\0';
    for (uint32_t i = 0; i < row->executions; i++) {
        struct ff_exec exec = ff_bed_exec(n * row->executions + i);
        struct ff_exec_input input = ff_bed_input(&exec, payload);

        ff_bed_put(&place->bed, FF_R_EXEC, &exec);
        ff_bed_put(&place->bed, FF_R_EXEC_INPUT, &input);
    }
    ff_bed_event(&place->bed, FF_FAMILY_COMPLETION, "once");
}

static void
test_cut_row(void **state)
{
    const struct cut_row *row = *state;
    struct place place;

    begin(&place, true, "patience_ms=20000");
    for (uint32_t n = 0; n < 20; n++) {
        put_row(&place, row, n);
        if (n % 2 == 1) {
            ff_relay_cut(place.relay, row->cut);
        }
        ff_bed_commit(&place.bed);
    }
    assert_true(ff_relay_cuts(place.relay) >= 5);
    ff_bed_check(&place.bed); /* its events came once, too */
    end(&place);
}

static pid_t stopped;

static void
on_alarm(int number)
{
    (void) number;
    kill(stopped, SIGCONT);
}

static void
test_a_slow_server_is_waited_for_and_nothing_is_made_twice(void **state)
{
    struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
    struct place place;

    (void) state;
    begin(&place, false, "answer_max_ms=100&outcome_wait_ms=60000");
    put(&place, 1);
    ff_bed_commit(&place.bed);
    stopped = place.server.pid;
    sigaction(SIGALRM, &action, NULL);
    kill(stopped, SIGSTOP); /* takes requests in, and answers nobody */
    alarm(1);
    put(&place, 2);
    ff_bed_commit(&place.bed);
    ff_bed_check(&place.bed);
    end(&place);
}

/* ---- the server forgets ---- */

static void
test_flushed_functions_are_loaded_again(void **state)
{
    struct place place;

    (void) state;
    begin(&place, false, "");
    put(&place, 1);
    ff_bed_commit(&place.bed);
    assert_string_equal(ff_test_server_say(&place.server, "FUNCTION", "FLUSH", NULL), "OK");
    put(&place, 2);
    ff_bed_commit(&place.bed);
    ff_bed_check(&place.bed);
    end(&place);
}

/* ---- the server is full ---- */

static void
test_a_full_server_refuses_and_later_takes(void **state)
{
    struct place place;

    (void) state;
    begin(&place, false, "");
    put(&place, 1);
    ff_bed_commit(&place.bed);
    ff_test_server_say(&place.server, "CONFIG", "SET", "maxmemory", "1mb", NULL);
    put(&place, 2);
    assert_int_equal(ff_bed_try_commit(&place.bed, true), FF_COMMIT_FAILED);
    assert_non_null(strstr(place.bed.batch.fault.message, "the server is full"));
    ff_bed_check(&place.bed); /* all that can be read is read all the same */
    ff_test_server_say(&place.server, "CONFIG", "SET", "maxmemory", "0", NULL);
    ff_bed_commit(&place.bed);
    ff_bed_check(&place.bed);
    end(&place);
}

/* ---- feeds ---- */

#define SINGLES 30

static void
put_events(struct place *place, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        ff_bed_event(&place->bed, FF_FAMILY_COMPLETION, "e");
    }
    ff_bed_commit(&place->bed);
}

/* All that a reader may get behind `after` of events from..last. */
static void
check_feed(struct place *place, uint64_t from, uint64_t last, uint64_t after, uint32_t limit)
{
    struct ff_want want = ff_bed_want_events(FF_FAMILY_COMPLETION, after, limit);
    uint64_t first = after + 1 > from ? after + 1 : from;
    uint64_t there = last + 1 - first;

    ff_bed_load(&place->bed, &want, 1);
    assert_int_equal(want.oldest, from);
    assert_int_equal(want.newest, last);
    assert_int_equal(want.n, there < limit ? there : limit);
    for (uint32_t i = 0; i < want.n; i++) {
        assert_int_equal(want.seqs[i], first + i);
    }
}

/* Entries hold up to 16 events; a reader sees nothing of it, and a trim ends within one. */
static void
test_events_of_one_commit_share_entries(void **state)
{
    static const uint32_t sizes[] = { 16, 17, 40, 1, 3 };
    static const uint32_t limits[] = { 1, 7, 107, 1000 };
    struct ff_event_trim trim = { .family = FF_FAMILY_COMPLETION };
    uint64_t last = SINGLES;
    struct place place;

    (void) state;
    begin(&place, false, "");
    for (uint32_t i = 0; i < SINGLES; i++) {
        put_events(&place, 1);
    }
    for (size_t i = 0; i < FF_COUNT(sizes); i++) {
        put_events(&place, sizes[i]);
        last += sizes[i];
    }
    assert_string_equal(ff_test_server_say(&place.server, "XLEN", "ff:{g}:events:completion", NULL),
                        "38"); /* 30, 1, 2, 3, 1, 1 */
    for (uint64_t from = 1; from <= 51; from += 50) {
        for (uint64_t after = 0; after <= last; after++) {
            for (size_t i = 0; i < FF_COUNT(limits); i++) {
                check_feed(&place, from, last, after, limits[i]);
            }
        }
        trim.up_to = 50;
        place.bed.batch.trims = &trim;
        place.bed.batch.n_trims = 1;
        put_events(&place, 1);
        place.bed.batch.n_trims = 0;
        last++;
    }
    end(&place);
}

/* ---- failover ---- */

/* Demoted, as a sentinel does it, it refuses to write; promoted again, it is used again. */
static void
test_a_server_that_becomes_a_replica_is_left_until_it_is_none(void **state)
{
    struct place place;

    (void) state;
    begin(&place, false, "patience_ms=200");
    put(&place, 1);
    ff_bed_commit(&place.bed);
    ff_test_server_say(&place.server, "REPLICAOF", "127.0.0.1", "1", NULL);
    put(&place, 2);
    assert_int_equal(ff_bed_try_commit(&place.bed, true), FF_COMMIT_FAILED);
    assert_non_null(strstr(place.bed.batch.fault.message, "READONLY"));
    assert_int_equal(ff_bed_try_commit(&place.bed, true), FF_COMMIT_FAILED);
    assert_non_null(strstr(place.bed.batch.fault.message, "it is a replica: read only"));
    ff_test_server_say(&place.server, "REPLICAOF", "NO", "ONE", NULL);
    while (ff_bed_try_commit(&place.bed, true) != FF_COMMIT_OK) {
        assert_int_equal(place.bed.batch.fault.code, FF_E_TRANSPORT);
    }
    ff_bed_check(&place.bed);
    end(&place);
}

/* A reply waits for the replicas that are wanted, and there are none. */
static void
test_a_commit_that_no_replica_has_is_not_acknowledged(void **state)
{
    struct place place;

    (void) state;
    begin(&place, false, "replicas=1&answer_max_ms=2000&outcome_wait_ms=1");
    put(&place, 1);
    assert_int_equal(ff_bed_try_commit(&place.bed, true), FF_COMMIT_FAILED);
    assert_non_null(strstr(place.bed.batch.fault.message, "too few of 1 replicas have it"));
    assert_non_null(strstr(ff_store_promise(place.bed.store), "a reply waits for 1 replicas"));
    end(&place);
}

static void
test_a_server_that_wants_replicas_refuses_without(void **state)
{
    struct place place;

    (void) state;
    begin(&place, false, "");
    ff_test_server_say(&place.server, "CONFIG", "SET", "min-replicas-to-write", "1", NULL);
    put(&place, 1);
    assert_int_equal(ff_bed_try_commit(&place.bed, true), FF_COMMIT_FAILED);
    assert_non_null(strstr(place.bed.batch.fault.message, "attach replicas"));
    ff_test_server_say(&place.server, "CONFIG", "SET", "min-replicas-to-write", "0", NULL);
    ff_bed_commit(&place.bed);
    ff_bed_check(&place.bed);
    end(&place);
}

/* What its user may not do fails the commit before anything of it is made. */
static void
test_a_user_without_restore_is_told_so(void **state)
{
    struct place place;

    (void) state;
    begin(&place, false, "");
    put(&place, 1);
    ff_bed_commit(&place.bed);
    assert_string_equal(
        ff_test_server_say(&place.server, "ACL", "SETUSER", "default", "-restore", NULL), "OK");
    put(&place, 2);
    assert_int_equal(ff_bed_try_commit(&place.bed, true), FF_COMMIT_FAILED);
    assert_non_null(strstr(place.bed.batch.fault.message, "its user lacks a command"));
    assert_string_equal(
        ff_test_server_say(&place.server, "ACL", "SETUSER", "default", "+restore", NULL), "OK");
    ff_bed_commit(&place.bed);
    ff_bed_check(&place.bed);
    end(&place);
}

/* ---- servers that will not do ---- */

static const char *const evicting[] = { "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru",
                                        NULL };
static const char *const replica[] = { "--replicaof", "127.0.0.1", "1", NULL };
static const char *const locked[] = { "--requirepass", "secret", NULL };

static const struct unfit_row {
    const char *name;
    const char *const *settings;
    const char *says;
} unfit_rows[] = {
    { "a server that evicts is refused", evicting, "maxmemory-policy must be noeviction" },
    { "a replica is refused", replica, "read only" },
    { "a server that wants a password says so", locked, "NOAUTH" },
};

static void
test_unfit_row(void **state)
{
    const struct unfit_row *row = *state;
    struct place place = { .relay = NULL };
    struct ff_fault fault = { 0 };

    ff_test_server_start(&place.server, row->settings);
    ff_bed_init(&place.bed, "valkey", NULL);
    snprintf(place.bed.url, sizeof(place.bed.url), "valkey://%s", place.server.socket);
    assert_int_equal(ff_bed_open(&place.bed, &fault), FF_E_TRANSPORT);
    assert_non_null(strstr(fault.message, row->says));
    end(&place);
}

/* ---- records in the server's form ---- */

/* As it is defined, bit by bit. */
static uint64_t
plain_crc64(const char *bytes, size_t n)
{
    uint64_t crc = 0;

    for (size_t i = 0; i < n; i++) {
        crc ^= (uint8_t) bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x95ac9329ac4bc9b5u : crc >> 1;
        }
    }
    return crc;
}

static void
test_the_checksum_is_the_servers(void **state)
{
    char bytes[300];

    (void) state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char) (i * i * 31 + 7);
    }
    for (size_t n = 0; n < sizeof(bytes); n++) {
        assert_true(ff_valkey_crc64(bytes, n) == plain_crc64(bytes, n));
    }
    assert_true(ff_valkey_crc64("123456789", 9) == 0xe9c6d914c4b8d9ca);
    assert_true(ff_valkey_crc64("", 0) == 0);
}

/* Around the lengths and numbers where the form of an entry changes. */
static const struct size_row {
    const char *name;
    uint32_t bytes;
    int64_t ms;
} size_rows[] = {
    { "a payload of 63 bytes is taken", 63, 127 },
    { "a payload of 64 bytes is taken", 64, 128 },
    { "a payload of 125 bytes is taken", 125, INT16_MAX },
    { "a payload of 126 bytes is taken", 126, INT16_MAX + 1 },
    { "a payload of 4 095 bytes is taken", 4095, INT32_MAX },
    { "a payload of 4 096 bytes is taken", 4096, INT32_MAX + INT64_C(1) },
    { "a payload of 16 378 bytes is taken", 16378, INT64_MAX },
    { "a payload of 16 379 bytes is taken", 16379, 1 },
    { "a payload of 2 097 145 bytes is taken", 2097145, INT64_C(1) << 47 },
    { "a payload of 2 097 146 bytes is taken", 2097146, INT64_C(1) << 31 },
    { "a payload of 2 097 147 bytes is taken", 2097147, 0 },
};

static void
test_size_row(void **state)
{
    const struct size_row *row = *state;
    struct ff_exec exec = ff_bed_exec(1);
    char *payload = malloc(row->bytes + 1u);
    struct ff_exec_input input;
    struct place place;

    memset(payload, 'x', row->bytes);
    payload[row->bytes] = '\0';
    begin(&place, false, "");
    exec.created_at = row->ms;
    input = ff_bed_input(&exec, payload);
    ff_bed_put(&place.bed, FF_R_EXEC, &exec);
    ff_bed_put(&place.bed, FF_R_EXEC_INPUT, &input);
    ff_bed_commit(&place.bed);
    ff_bed_check(&place.bed);
    free(payload);
    end(&place);
}

/* ---- an execution and its first attempt in one hash ---- */

static const struct moved_row {
    const char *name;
    bool exec, attempt; /* which are written */
    uint64_t exec_from, attempt_from;
    uint32_t n, first; /* conflicts */
} moved_rows[] = {
    { "of both the execution has moved", true, true, 7, 1, 1, 0 },
    { "of both the attempt has moved", true, true, 1, 7, 1, 1 },
    { "both have moved", true, true, 7, 7, 2, 0 },
    { "the attempt should be new and is there", true, true, 1, 0, 1, 1 },
    { "the execution should be new and is there", true, true, 0, 1, 1, 0 },
    { "the attempt alone has moved", false, true, 0, 7, 1, 0 },
    { "the attempt alone should be new and is there", false, true, 0, 0, 1, 0 },
    { "the execution alone has moved", true, false, 7, 0, 1, 0 },
    { "the execution alone should be new and is there", true, false, 0, 0, 1, 0 },
};

static struct ff_exec
put_pair(struct place *place)
{
    struct ff_exec exec = ff_bed_exec(1);
    struct ff_attempt attempt = ff_bed_attempt(&exec, 0);

    exec.total_attempt_count = 1;
    ff_bed_put(&place->bed, FF_R_ATTEMPT, &attempt);
    ff_bed_put(&place->bed, FF_R_EXEC, &exec);
    ff_bed_commit(&place->bed);
    return exec;
}

static void
test_moved_row(void **state)
{
    const struct moved_row *row = *state;
    struct ff_attempt attempt;
    struct ff_exec exec;
    struct place place;
    struct ff_bed *bed = &place.bed;

    begin(&place, false, "");
    exec = put_pair(&place);
    attempt = ff_bed_attempt(&exec, 0);
    if (row->exec) {
        ff_bed_put(bed, FF_R_EXEC, &exec);
        bed->batch.writes[0].version_from = row->exec_from;
    }
    if (row->attempt) {
        ff_bed_put(bed, FF_R_ATTEMPT, &attempt);
        bed->batch.writes[bed->batch.n_writes - 1].version_from = row->attempt_from;
    }
    assert_int_equal(ff_bed_try_commit(bed, false), FF_COMMIT_CONFLICT);
    assert_int_equal(bed->batch.n_conflicts, row->n);
    assert_int_equal(bed->batch.conflicts[0], row->first);
    ff_bed_check(bed);
    end(&place);
}

/* Of a hash of two records one can go, and come back, with or without what it was before. */
static void
test_one_of_a_hash_goes_and_comes_back(void **state)
{
    struct ff_attempt attempt;
    struct ff_exec exec;
    struct place place;
    struct ff_bed *bed = &place.bed;

    (void) state;
    begin(&place, false, "");
    exec = put_pair(&place);
    attempt = ff_bed_attempt(&exec, 0);
    for (int i = 0; i < 2; i++) {
        ff_bed_remove(bed, FF_R_EXEC, ff_key_eid(&exec.execution_id));
        ff_bed_commit(bed);
        ff_bed_check(bed);
        ff_bed_put(bed, FF_R_EXEC, &exec);
        ff_bed_commit(bed);
        ff_bed_check(bed);
        ff_bed_remove(bed, FF_R_ATTEMPT, ff_key_attempt(&exec.execution_id, 0));
        ff_bed_commit(bed);
        ff_bed_put(bed, FF_R_ATTEMPT, &attempt);
        ff_bed_commit(bed);
        ff_bed_event(bed, FF_FAMILY_COMPLETION, "one"); /* the others give their structs now */
        ff_bed_commit(bed);
        ff_bed_reopen(bed);
    }
    end(&place);
}

/* ---- a store of the first layout ---- */

/* Puts the first attempt into a hash of its own, as the first version did. */
static void
lay_out_as_before(struct place *place)
{
    static const char back[] =
        "local all, own = redis.call('HGETALL', KEYS[1]), {} "
        "for i = 1, #all, 2 do "
        "  local name = string.match(all[i], '^attempt%.(.*)') "
        "  if name then "
        "    own[#own + 1] = name own[#own + 1] = all[i + 1] redis.call('HDEL', KEYS[1], all[i]) "
        "  end "
        "end "
        "redis.call('HSET', KEYS[2], unpack(own)) "
        "return redis.call('HSET', KEYS[3], 'schema', 1)";

    assert_string_equal(ff_test_server_say(&place->server, "EVAL", back, "3",
                                           "ff:{p:1}:exec:00000001-0000-7000-0000-000000000000",
                                           "ff:{p:1}:attempt:00000001-0000-7000-0000-000000000000"
                                           ":0000000000",
                                           "ff:{g}:store", NULL),
                        "0");
}

static void
test_a_store_of_the_first_layout_is_upgraded(void **state)
{
    struct place place;

    (void) state;
    begin(&place, false, "");
    (void) put_pair(&place);
    lay_out_as_before(&place);
    ff_bed_reopen(&place.bed);
    assert_string_equal(ff_test_server_say(&place.server, "HGET", "ff:{g}:store", "schema", NULL),
                        "2");
    end(&place);
}

static void
test_an_upgrade_waits_for_the_end_of_other_daemons(void **state)
{
    struct ff_fault fault = { 0 };
    struct place place;

    (void) state;
    begin(&place, false, "");
    (void) put_pair(&place);
    lay_out_as_before(&place);
    ff_store_close(place.bed.store);
    place.bed.store = NULL;
    ff_test_server_say(&place.server, "ZADD", "ff:{g}:brokers", "9999999999999", "other", NULL);
    assert_int_equal(ff_bed_open(&place.bed, &fault), FF_E_CORRUPTION);
    assert_non_null(strstr(fault.message, "end them"));
    ff_test_server_say(&place.server, "ZREM", "ff:{g}:brokers", "other", NULL);
    assert_int_equal(ff_bed_open(&place.bed, &fault), FF_E_OK);
    ff_bed_check(&place.bed);
    end(&place);
}

/* ---- what an operator sees ---- */

static void
test_keys_and_fields_can_be_read(void **state)
{
    struct place place;
    const char *key = "ff:{p:1}:exec:00000001-0000-7000-0000-000000000000";

    (void) state;
    begin(&place, false, "");
    put(&place, 1);
    ff_bed_commit(&place.bed);
    assert_string_equal(ff_test_server_say(&place.server, "HGET", key, "lane_id", NULL), "b");
    assert_string_equal(ff_test_server_say(&place.server, "HGET", key, "_version", NULL), "1");
    assert_string_equal(ff_test_server_say(&place.server, "HGET", key, "public_state", NULL),
                        "waiting");
    assert_string_equal(ff_test_server_say(&place.server, "ZCARD", "ff:{g}:executions:00001", NULL),
                        "1");
    end(&place);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(cut_rows, test_cut_row),
                                             FF_ROWS(unfit_rows, test_unfit_row),
                                             FF_ROWS(size_rows, test_size_row),
                                             FF_ROWS(moved_rows, test_moved_row) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_a_store_of_the_first_layout_is_upgraded),
        cmocka_unit_test(test_an_upgrade_waits_for_the_end_of_other_daemons),
        cmocka_unit_test(test_one_of_a_hash_goes_and_comes_back),
        cmocka_unit_test(test_a_server_that_was_killed_goes_on_where_it_was),
        cmocka_unit_test(test_a_commit_that_meets_a_closed_connection_is_known_not_to_be_made),
        cmocka_unit_test(test_without_a_server_calls_fail_and_later_ones_succeed),
        cmocka_unit_test(test_a_slow_server_is_waited_for_and_nothing_is_made_twice),
        cmocka_unit_test(test_flushed_functions_are_loaded_again),
        cmocka_unit_test(test_a_full_server_refuses_and_later_takes),
        cmocka_unit_test(test_a_server_that_becomes_a_replica_is_left_until_it_is_none),
        cmocka_unit_test(test_a_commit_that_no_replica_has_is_not_acknowledged),
        cmocka_unit_test(test_a_server_that_wants_replicas_refuses_without),
        cmocka_unit_test(test_a_user_without_restore_is_told_so),
        cmocka_unit_test(test_events_of_one_commit_share_entries),
        cmocka_unit_test(test_the_checksum_is_the_servers),
        cmocka_unit_test(test_keys_and_fields_can_be_read),
    };

    return ff_run_rows("valkey", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
