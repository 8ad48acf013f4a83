/* read_events and the subscribe_* forms: examples 37 to 49 of 06. */
#include "tests/engine/output.h"

static struct ff_read_events_args
from(enum ff_event_family family, struct ff_str cursor)
{
    return (struct ff_read_events_args){ .family = family, .cursor = cursor, .limit = 256 };
}

static struct ff_read_events_result
poll(struct ff_rig *rig, enum ff_event_family family, struct ff_str cursor)
{
    const struct ff_read_events_args args = from(family, cursor);
    struct ff_read_events_result result;

    assert_ok(ff_rig_read_events(rig, &args, &result));
    return result;
}

static struct ff_str
now_cursor(struct ff_rig *rig, enum ff_event_family family)
{
    struct ff_read_events_result result = poll(rig, family, FF_NONE(ff_str));

    assert_int_equal(result.events.n, 0);
    assert_int_equal(result.cursor.n, 10);
    return result.cursor;
}

/* Everything that is retained. */
static struct ff_str
start_cursor(struct ff_rig *rig, enum ff_event_family family)
{
    struct ff_str cursor = ff_arena_copy(&rig->arena, now_cursor(rig, family));

    memset((char *) (uintptr_t) cursor.p + 2, 0, 8);
    return cursor;
}

static const char *
names(struct ff_rig *rig, struct ff_feed_event_list events)
{
    struct ff_str text = ff_cstr("");

    for (uint32_t i = 0; i < events.n; i++) {
        text = ff_arena_printf(&rig->arena, "%s%s%.*s", text.p, i == 0 ? "" : " ",
                               TEXT(events.v[i].event));
    }
    return text.p;
}

static bool
is_of(const struct ff_feed_event *event, uint8_t number)
{
    return event->execution_id.is && ff_eid_eq(event->execution_id.v, ff_rig_id(number));
}

static void
run_to_end(struct ff_rig *rig, uint8_t number)
{
    struct ff_claim_result claim = create_and_claim(rig, number);

    assert_ok(complete(rig, &claim, "done"));
}

/* ---- cursors ---- */

static void
test_from_now(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_read_events_result result;
    struct ff_str cursor;

    run_to_end(rig, 1);
    cursor = now_cursor(rig, FF_FAMILY_COMPLETION);
    run_to_end(rig, 2);
    result = poll(rig, FF_FAMILY_COMPLETION, cursor);
    assert_string_equal(names(rig, result.events), "success");
    assert_true(is_of(&result.events.v[0], 2));
    assert_true(ff_str_eq(result.events.v[0].cursor, result.cursor));
    assert_int_equal(result.events.v[0].outcome.v, FF_OUTCOME_SUCCESS);
    assert_true(ff_str_is(result.events.v[0].lane_id, "L"));
    assert_false(result.events.v[0].flow_id.is);
    assert_int_equal(result.events.v[0].at, rig->now_ms);
    run_to_end(rig, 3);
    result = poll(rig, FF_FAMILY_COMPLETION, result.cursor);
    assert_int_equal(result.events.n, 1);
    assert_true(is_of(&result.events.v[0], 3));
    assert_false(result.gap);
    assert_int_equal(poll(rig, FF_FAMILY_COMPLETION, result.cursor).events.n, 0);
    assert_int_equal(
        poll(rig, FF_FAMILY_COMPLETION, start_cursor(rig, FF_FAMILY_COMPLETION)).events.n, 3);
}

static void
test_bad_cursors(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_subscribe_completion_args args = { .limit = 1 };
    struct ff_subscribe_completion_result result;
    struct ff_str cursor;
    char *bytes = NULL;

    run_to_end(rig, 1);
    args.cursor = ff_cstr("abc");
    assert_err(ff_rig_subscribe_completion(rig, &args, &result), FF_E_INVALID_INPUT);
    args.cursor = now_cursor(rig, FF_FAMILY_LEASE_HISTORY);
    assert_err(ff_rig_subscribe_completion(rig, &args, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "wrong_family");
    cursor = ff_arena_copy(&rig->arena, now_cursor(rig, FF_FAMILY_COMPLETION));
    bytes = (char *) (uintptr_t) cursor.p;
    args.cursor = cursor;
    assert_ok(ff_rig_subscribe_completion(rig, &args, &result));
    bytes[8]++;
    assert_err(ff_rig_subscribe_completion(rig, &args, &result), FF_E_INVALID_OFFSET);
    bytes[8]--;
    bytes[0] = 0x02;
    assert_err(ff_rig_subscribe_completion(rig, &args, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "wrong_store");
}

static const struct limit_row {
    const char *name;
    const char *args;
    ff_err want;
} limit_rows[] = {
    { "limit 0", "{\"family\":\"completion\",\"limit\":0}", FF_E_INVALID_INPUT },
    { "limit 1001", "{\"family\":\"completion\",\"limit\":1001}", FF_E_INVALID_INPUT },
    { "limit 1000", "{\"family\":\"completion\",\"limit\":1000}", FF_E_OK },
    { "block_ms 30001", "{\"family\":\"completion\",\"block_ms\":30001}", FF_E_INVALID_INPUT },
    { "no family", "{}", FF_E_INVALID_INPUT },
    { "an unknown family", "{\"family\":\"x\"}", FF_E_INVALID_INPUT },
    { "an empty tag key",
      "{\"family\":\"completion\",\"filter\":{\"instance_tag\":{\"key\":\"\",\"value\":\"\"}}}",
      FF_E_INVALID_INPUT },
};

static void
test_limit_row(void **state)
{
    const struct limit_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_read_events_result result = { .gap = false };

    assert_err(ff_rig_call_json(rig, FF_OP_read_events, row->args, &result), row->want);
    ff_rig_free(rig);
}

/* ---- waiting ---- */

static void
test_waiting(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_read_events_args args = from(FF_FAMILY_COMPLETION, FF_NONE(ff_str));
    struct ff_read_events_result result = { .gap = false };
    struct ff_waiting *waiting = NULL, *late = NULL;

    args.block_ms = 1000;
    waiting = ff_rig_start(rig, FF_OP_read_events, &args);
    ff_rig_pump(rig);
    assert_false(ff_rig_is_done(waiting));
    run_to_end(rig, 1); /* the position is that of the start */
    ff_rig_pump(rig);
    assert_true(ff_rig_is_done(waiting));
    assert_ok(ff_rig_finish(rig, waiting, &result));
    assert_int_equal(result.events.n, 1);
    assert_true(is_of(&result.events.v[0], 1));
    late = ff_rig_start(rig, FF_OP_read_events, &args);
    rig->now_ms += 1000;
    ff_rig_pump(rig);
    assert_true(ff_rig_is_done(late));
    assert_ok(ff_rig_finish(rig, late, &result));
    assert_int_equal(result.events.n, 0);
    assert_int_equal(result.cursor.n, 10);
}

static void
test_end_of_the_engine(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_read_events_args args = from(FF_FAMILY_COMPLETION, FF_NONE(ff_str));
    const struct ff_shutdown_prepare_args shut = { .grace_ms = 0 };
    struct ff_shutdown_prepare_result shut_result;
    struct ff_read_events_result result = { .gap = false };
    struct ff_waiting *waiting = NULL;

    args.block_ms = 30000;
    waiting = ff_rig_start(rig, FF_OP_read_events, &args);
    ff_rig_pump(rig);
    assert_ok(ff_rig_shutdown_prepare(rig, &shut, &shut_result));
    ff_rig_pump(rig);
    assert_true(ff_rig_is_done(waiting));
    assert_err(ff_rig_finish(rig, waiting, &result), FF_E_STREAM_DISCONNECTED);
    assert_int_not_equal(strlen(ff_rig_detail(rig, "cursor")), 0);
    run_to_end(rig, 1); /* what is there can still be read */
    assert_int_equal(
        poll(rig, FF_FAMILY_COMPLETION, start_cursor(rig, FF_FAMILY_COMPLETION)).events.n, 1);
}

/* ---- leases ---- */

static void
test_lease_events(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_renew_result renewed;
    struct ff_read_events_result result;

    assert_ok(renew(rig, &claim, &renewed));
    assert_ok(complete(rig, &claim, "done"));
    result = poll(rig, FF_FAMILY_LEASE_HISTORY, start_cursor(rig, FF_FAMILY_LEASE_HISTORY));
    assert_string_equal(names(rig, result.events), "acquired renewed revoked");
    for (int i = 0; i < 3; i++) {
        assert_true(ff_uuid_eq(result.events.v[i].lease_id.v, claim.lease_id.v));
        assert_int_equal(result.events.v[i].lease_epoch.v, 1);
        assert_int_equal(result.events.v[i].attempt_index.v, 0);
        assert_true(i == 2 || ff_str_is(result.events.v[i].worker_instance_id, "w-1"));
    }
    assert_true(ff_str_is(result.events.v[2].revoked_by, "backend"));
    assert_true(ff_str_is(result.events.v[2].reason, "completed"));
}

static void
test_lost_leases(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1), again;
    const struct ff_revoke_lease_args revoke = { .execution_id = ff_rig_id(1),
                                                 .expected_lease_id = ff_cstr(""),
                                                 .worker_instance_id = ff_cstr(""),
                                                 .reason = ff_cstr("enough") };
    struct ff_revoke_lease_result revoked;
    struct ff_read_events_result result;

    rig->now_ms += TTL_MS;
    assert_string_equal(mark_expired(rig, 1), "marked_expired");
    again = claim_this(rig, 1);
    assert_ok(ff_rig_revoke_lease(rig, &revoke, &revoked));
    (void) ff_rig_revoke_lease(rig, &revoke, &revoked);
    result = poll(rig, FF_FAMILY_LEASE_HISTORY, start_cursor(rig, FF_FAMILY_LEASE_HISTORY));
    assert_string_equal(names(rig, result.events), "acquired expired reclaimed revoked");
    assert_true(ff_str_is(result.events.v[1].prev_owner, "w-1"));
    assert_true(ff_str_is(result.events.v[1].reason, "lease_ttl"));
    assert_true(ff_uuid_eq(result.events.v[1].lease_id.v, claim.lease_id.v));
    assert_null(result.events.v[1].worker_instance_id.p);
    assert_true(ff_str_is(result.events.v[2].new_owner, "w-1"));
    assert_true(ff_uuid_eq(result.events.v[2].new_lease_id.v, again.lease_id.v));
    assert_int_equal(result.events.v[2].attempt_index.v, 1);
    assert_false(result.events.v[2].lease_id.is);
    assert_true(ff_str_is(result.events.v[3].revoked_by, "operator"));
    assert_true(ff_str_is(result.events.v[3].reason, "enough"));
}

/* ---- filters ---- */

static void
create_tagged(struct ff_rig *rig, uint8_t number, const char *key, const char *value)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result result;
    struct ff_tag tag = { ff_cstr(key), ff_cstr(value) };

    args.tags = (struct ff_tags){ .v = &tag, .n = 1 };
    assert_ok(ff_rig_create_execution(rig, &args, &result));
}

static struct ff_read_events_result
poll_tag(struct ff_rig *rig, enum ff_event_family family, const char *key, const char *value)
{
    struct ff_instance_tag tag = { ff_cstr(key), ff_cstr(value) };
    struct ff_scan_filter filter = { .instance_tag = &tag };
    struct ff_read_events_args args = from(family, start_cursor(rig, family));
    struct ff_read_events_result result;

    args.filter = &filter;
    assert_ok(ff_rig_read_events(rig, &args, &result));
    return result;
}

static void
test_filters(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;
    struct ff_read_events_result result;
    struct ff_scan_filter filter = { .namespace = ff_cstr("elsewhere") };
    struct ff_read_events_args args;

    run_to_end(rig, 1);
    for (uint8_t i = 2; i <= 3; i++) {
        create_tagged(rig, i, "cairn.instance_id", i == 2 ? "i-42" : "i-2");
        claim = claim_this(rig, i);
        assert_ok(complete(rig, &claim, "done"));
    }
    result = poll_tag(rig, FF_FAMILY_LEASE_HISTORY, "cairn.instance_id", "i-42");
    assert_string_equal(names(rig, result.events), "acquired revoked");
    assert_true(is_of(&result.events.v[0], 2) && is_of(&result.events.v[1], 2));
    assert_int_equal(poll_tag(rig, FF_FAMILY_LEASE_HISTORY, "app.team", "i-42").events.n, 0);
    result = poll_tag(rig, FF_FAMILY_COMPLETION, "cairn.instance_id", "i-2");
    assert_int_equal(result.events.n, 1);
    assert_true(is_of(&result.events.v[0], 3));
    /* Examined is examined, whether it fitted or not. */
    assert_int_equal(poll(rig, FF_FAMILY_COMPLETION, result.cursor).events.n, 0);
    args = from(FF_FAMILY_COMPLETION, start_cursor(rig, FF_FAMILY_COMPLETION));
    args.filter = &filter;
    assert_ok(ff_rig_read_events(rig, &args, &result));
    assert_int_equal(result.events.n, 0);
    filter.namespace = ff_cstr(rig->namespace);
    assert_ok(ff_rig_read_events(rig, &args, &result));
    assert_int_equal(result.events.n, rig->namespace[0] == '\0' ? 0 : 3);
}

/* ---- many ---- */

static void
test_many(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_str cursor = now_cursor(rig, FF_FAMILY_LEASE_HISTORY), last;
    struct ff_instance_tag tag = { ff_cstr("a.b"), ff_cstr("c") };
    struct ff_scan_filter filter = { .instance_tag = &tag };
    struct ff_read_events_args args = from(FF_FAMILY_LEASE_HISTORY, cursor);
    struct ff_read_events_result result;
    struct ff_renew_result renewed;
    uint32_t n = 0;

    for (int i = 0; i < 500; i++) {
        assert_ok(renew(rig, &claim, &renewed));
    }
    last = cursor;
    do {
        result = poll(rig, FF_FAMILY_LEASE_HISTORY, last);
        for (uint32_t i = 0; i < result.events.n; i++) {
            assert_true(ff_str_cmp(last, result.events.v[i].cursor) < 0);
            last = result.events.v[i].cursor;
        }
        assert_true(n > 0 || result.events.n == 256);
        n += result.events.n;
    } while (result.events.n > 0);
    assert_int_equal(n, 500);
    args.filter = &filter;
    assert_ok(ff_rig_read_events(rig, &args, &result));
    assert_int_equal(result.events.n, 0);
    assert_true(ff_str_cmp(cursor, result.cursor) < 0);
    n = poll(rig, FF_FAMILY_LEASE_HISTORY, result.cursor).events.n;
    assert_true(ff_str_eq(result.cursor, last) ? n == 0 : n < 500);
}

/* ---- which completions there are ---- */

static void
test_completions(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;
    struct ff_fail_result failed;
    struct ff_read_events_result result;

    create_with(rig, 1, "{\"retry_policy\":{\"max_retries\":1,\"backoff\":{\"kind\":\"none\"}}}");
    claim = claim_this(rig, 1);
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, "x", &failed));
    assert_int_equal(
        poll(rig, FF_FAMILY_COMPLETION, start_cursor(rig, FF_FAMILY_COMPLETION)).events.n, 0);
    rig->now_ms += 3600000;
    (void) promote(rig, 1);
    claim = claim_this(rig, 1);
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, "x", &failed));
    create(rig, 2);
    assert_ok(cancel_as(rig, 2, OPERATOR));
    result = poll(rig, FF_FAMILY_COMPLETION, start_cursor(rig, FF_FAMILY_COMPLETION));
    assert_string_equal(names(rig, result.events), "failed cancelled");
}

/* ---- tags ---- */

static void
test_tag_events(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_set_execution_tag_args args = { .execution_id = ff_rig_id(1),
                                              .key = ff_cstr("a.x"),
                                              .value = ff_cstr("1") };
    struct ff_set_execution_tag_result set;
    struct ff_read_events_result result;

    create_tagged(rig, 1, "a.x", "1");
    assert_ok(ff_rig_set_execution_tag(rig, &args, &set));
    args.value = ff_cstr("9");
    assert_ok(ff_rig_set_execution_tag(rig, &args, &set));
    result = poll(rig, FF_FAMILY_INSTANCE_TAGS, start_cursor(rig, FF_FAMILY_INSTANCE_TAGS));
    assert_string_equal(names(rig, result.events), "attached cleared attached");
    assert_true(ff_str_is(result.events.v[1].tag, "a.x"));
    assert_true(ff_str_is(result.events.v[1].value, "1"));
    assert_true(ff_str_is(result.events.v[2].value, "9"));
    /* Each with the tags of its instant. */
    assert_string_equal(names(rig, poll_tag(rig, FF_FAMILY_INSTANCE_TAGS, "a.x", "1").events),
                        "attached cleared");
    assert_string_equal(names(rig, poll_tag(rig, FF_FAMILY_INSTANCE_TAGS, "a.x", "9").events),
                        "attached");
}

/* ---- the other feeds ---- */

static void
test_operator_and_workers(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_change_priority_args change = { .execution_id = ff_rig_id(1),
                                                    .new_priority = 7,
                                                    .lane_id = ff_cstr("") };
    const struct ff_read_events_args from_now = from(FF_FAMILY_WORKER_REGISTRY, FF_NONE(ff_str));
    struct ff_change_priority_result changed;
    struct ff_register_worker_result registered;
    struct ff_read_events_result result;
    struct ff_str workers;

    assert_ok(ff_rig_read_events(rig, &from_now, &result));
    workers = result.cursor;
    create(rig, 1);
    assert_ok(ff_rig_change_priority(rig, &change, &changed));
    assert_ok(ff_rig_call_json(rig, FF_OP_register_worker,
                               "{\"worker_id\":\"w\",\"worker_instance_id\":\"w-1\","
                               "\"namespace\":\"N\",\"lanes\":[\"L\"],\"capabilities\":[],"
                               "\"liveness_ttl_ms\":5000}",
                               &registered));
    result = poll(rig, FF_FAMILY_OPERATOR, start_cursor(rig, FF_FAMILY_OPERATOR));
    assert_string_equal(names(rig, result.events), "priority_changed");
    assert_int_equal(result.events.v[0].new_priority.v, 7);
    assert_true(is_of(&result.events.v[0], 1));
    result = poll(rig, FF_FAMILY_WORKER_REGISTRY, workers);
    assert_string_equal(names(rig, result.events), "registered");
    assert_true(ff_str_is(result.events.v[0].worker_id, "w"));
    assert_true(ff_str_is(result.events.v[0].worker_instance_id, "w-1"));
    assert_true(ff_str_is(result.events.v[0].namespace, "N"));
    assert_false(result.events.v[0].execution_id.is);
}

/* ---- what has been trimmed, what cannot be read ---- */

static void
test_gap(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_trim_expired_args trim = { .batch_size = 1000 };
    struct ff_trim_expired_result trimmed;
    struct ff_read_events_result result;
    struct ff_str start;

    start = start_cursor(rig, FF_FAMILY_COMPLETION);
    for (uint8_t i = 1; i <= 3; i++) {
        run_to_end(rig, i);
    }
    rig->now_ms += INT64_C(8) * 86400000;
    run_to_end(rig, 4);
    assert_ok(ff_rig_trim_expired(rig, &trim, &trimmed));
    result = poll(rig, FF_FAMILY_COMPLETION, start);
    assert_true(result.gap);
    assert_int_equal(result.events.n, 1);
    assert_true(is_of(&result.events.v[0], 4));
    assert_false(poll(rig, FF_FAMILY_COMPLETION, result.cursor).gap);
}

static void
commit_done(struct ff_commit *commit)
{
    *(bool *) commit->ctx = true;
}

/* An event that nobody can read, behind the engine's back. */
static void
commit_rubbish(struct ff_rig *rig)
{
    struct ff_event_write event = { .family = FF_FAMILY_COMPLETION, .body = ff_cstr("\xc1") };
    struct ff_commit commit;
    bool done = false;

    do {
        done = false;
        commit = (struct ff_commit){
            .events = &event, .n_events = 1, .done = commit_done, .ctx = &done
        };
        ff_store_commit(rig->store, &commit);
        while (!done) {
            ff_store_poll(rig->store, true);
        }
    } while (commit.outcome != FF_COMMIT_OK);
}

static void
test_unreadable(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_str start = start_cursor(rig, FF_FAMILY_COMPLETION), cursor;
    struct ff_read_events_args args;
    struct ff_read_events_result result;

    run_to_end(rig, 1);
    commit_rubbish(rig);
    run_to_end(rig, 2);
    result = poll(rig, FF_FAMILY_COMPLETION, start);
    assert_int_equal(result.events.n, 1);
    assert_true(is_of(&result.events.v[0], 1));
    args = from(FF_FAMILY_COMPLETION, result.cursor);
    assert_err(ff_rig_read_events(rig, &args, &result), FF_E_CORRUPTION);
    assert_detail(rig, "family", "completion");
    cursor = ff_arena_copy(&rig->arena, args.cursor);
    ((char *) (uintptr_t) cursor.p)[9]++; /* as the detail has it */
    result = poll(rig, FF_FAMILY_COMPLETION, cursor);
    assert_int_equal(result.events.n, 1);
    assert_true(is_of(&result.events.v[0], 2));
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(limit_rows, test_limit_row) };
    static const struct CMUnitTest singles[] = {
        RIG_TEST("06 ex 37, 38: from now, and on", test_from_now),
        RIG_TEST("06 ex 39: the life of a lease", test_lease_events),
        RIG_TEST("06 ex 40, 41: lost leases", test_lost_leases),
        RIG_TEST("06 ex 42, 43: filters", test_filters),
        RIG_TEST("06 ex 44, 49: many", test_many),
        RIG_TEST("06 ex 45: which ends are told", test_completions),
        RIG_TEST("06 ex 47: tags", test_tag_events),
        RIG_TEST("operator and worker_registry", test_operator_and_workers),
        RIG_TEST("06 ex 48: bad cursors", test_bad_cursors),
        RIG_TEST("waiting for events", test_waiting),
        RIG_TEST("06 ex 50: the engine ends", test_end_of_the_engine),
        RIG_TEST("what is gone is told once", test_gap),
        RIG_TEST("what cannot be read is told and passed", test_unreadable),
    };

    return ff_rig_main("feed", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
