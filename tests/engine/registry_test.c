/* The worker registry and the list of expired leases: examples 65 to 69 of 05, 35 to 37 of 07. */

#include "tests/engine/ask.h"

#define T FF_RIG_START_MS

static const char *
enlist(struct ff_rig *rig, const char *namespace, const char *instance, const char *more)
{
    return ask(rig, FF_OP_register_worker,
               "{'worker_id':'w','worker_instance_id':'%s','lanes':['L'],"
               "'liveness_ttl_ms':5000,'namespace':'%s'%s}",
               instance, namespace, more);
}

static const char *
heartbeat(struct ff_rig *rig, const char *instance)
{
    return ask(rig, FF_OP_heartbeat_worker, "{'worker_instance_id':'%s','namespace':'N'}",
               instance);
}

static const char *
mark_dead(struct ff_rig *rig, const char *namespace, const char *instance, const char *reason)
{
    return ask(rig, FF_OP_mark_worker_dead,
               "{'worker_instance_id':'%s','namespace':'%s','reason':'%s'}", instance, namespace,
               reason);
}

/* The instance ids of a page, and its cursor: "w-1 w-2 | cursor". */
static const char *
list(struct ff_rig *rig, const char *args_json)
{
    struct ff_list_workers_result result = { .next_cursor = FF_NONE(ff_str) };
    struct ff_str text = ff_cstr("");
    char json[1024];

    snprintf(json, sizeof(json), "%s", args_json);
    assert_ok(ff_rig_call_json(rig, FF_OP_list_workers, json, &result));
    for (uint32_t i = 0; i < result.entries.n; i++) {
        const struct ff_worker_entry *entry = &result.entries.v[i];

        text = ff_arena_printf(&rig->arena, "%s%s%.*s/%.*s", text.p, i == 0 ? "" : " ",
                               (int) entry->namespace.n, entry->namespace.p,
                               (int) entry->worker_instance_id.n, entry->worker_instance_id.p);
    }
    if (result.next_cursor.p != NULL) {
        text = ff_arena_printf(&rig->arena, "%s | %.*s", text.p, (int) result.next_cursor.n,
                               result.next_cursor.p);
    }
    return text.p;
}

/* How many events of the registry have this name. */
static uint32_t
told(struct ff_rig *rig, const char *name)
{
    struct ff_events events = ff_rig_events(rig, FF_FAMILY_WORKER_REGISTRY);
    uint32_t n = 0;

    for (uint32_t i = 0; i < events.n; i++) {
        n += ff_str_is(events.v[i].event, name);
    }
    return n;
}

static void
test_life_of_a_worker(void **state)
{
    struct ff_rig *rig = *state;

    assert_answer(enlist(rig, "N", "w-1", ""), "{'outcome':'registered'}");
    rig->now_ms = T + 1;
    assert_answer(enlist(rig, "N", "w-1", ",'capabilities':['gpu','cuda','gpu']"),
                  "{'outcome':'refreshed'}");
    assert_answer(ask(rig, FF_OP_list_workers, "{}"),
                  "{'entries':[{'worker_id':'w','worker_instance_id':'w-1','namespace':'N',"
                  "'lanes':['L'],'capabilities':['cuda','gpu'],'last_heartbeat_ms':1000001,"
                  "'liveness_ttl_ms':5000,'registered_at_ms':1000000}]}");
    rig->now_ms = T + 1000;
    assert_answer(heartbeat(rig, "w-1"), "{'outcome':'refreshed','next_expiry_ms':1006000}");
    rig->now_ms = T + 5999;
    assert_string_equal(list(rig, "{}"), "N/w-1");
    rig->now_ms = T + 6000;
    assert_answer(heartbeat(rig, "w-1"), "{'outcome':'not_registered'}");
    assert_string_equal(list(rig, "{}"), "");
    assert_answer(enlist(rig, "N", "w-1", ""), "{'outcome':'registered'}");
    assert_int_equal(told(rig, "registered"), 3);
    assert_int_equal(told(rig, "heartbeat"), 1);
    assert_true(ff_str_is(ff_rig_last_event(rig, FF_FAMILY_WORKER_REGISTRY).worker_id, "w"));
}

static void
test_an_instance_of_another_pool(void **state)
{
    struct ff_rig *rig = *state;
    static const char other[] = "{'worker_id':'v','worker_instance_id':'w-1','lanes':[],"
                                "'liveness_ttl_ms':5000,'namespace':'N'}";

    enlist(rig, "N", "w-1", "");
    assert_answer(ask(rig, FF_OP_register_worker, "%s", other),
                  "!invalid_input instance_id_reassigned");
    assert_non_null(strstr(rig->fault.message, "instance_id reassigned"));
    rig->now_ms = T + 5000;
    assert_answer(ask(rig, FF_OP_register_worker, "%s", other), "{'outcome':'registered'}");
}

static void
test_marking_dead(void **state)
{
    struct ff_rig *rig = *state;
    char reason[258];

    memset(reason, 'x', sizeof(reason));
    enlist(rig, "N", "w-1", "");
    reason[257] = '\0';
    assert_answer(mark_dead(rig, "N", "w-1", reason), "!invalid_input too_long");
    assert_int_equal(strncmp(rig->fault.message, "reason:", 7), 0);
    assert_answer(mark_dead(rig, "N", "w-1", "a\\nb"), "!invalid_input control_character");
    assert_int_equal(strncmp(rig->fault.message, "reason:", 7), 0);
    reason[256] = '\0';
    assert_answer(mark_dead(rig, "N", "w-1", reason), "{'outcome':'marked'}");
    assert_answer(mark_dead(rig, "N", "w-1", ""), "{'outcome':'not_registered'}");
    assert_answer(heartbeat(rig, "w-1"), "{'outcome':'not_registered'}");
    assert_int_equal(told(rig, "marked_dead"), 1);
    assert_int_equal(ff_rig_last_event(rig, FF_FAMILY_WORKER_REGISTRY).reason.n, 256);
}

static void
test_namespaces_are_apart(void **state)
{
    struct ff_rig *rig = *state;

    enlist(rig, "b", "w-1", "");
    enlist(rig, "a", "w-2", "");
    enlist(rig, "a", "w-1", "");
    assert_string_equal(list(rig, "{}"), "a/w-1 a/w-2 b/w-1");
    assert_string_equal(list(rig, "{\"limit\":1}"), "a/w-1 | a w-1");
    assert_string_equal(list(rig, "{\"limit\":1,\"cursor\":\"a w-1\"}"), "a/w-2 | a w-2");
    assert_string_equal(list(rig, "{\"limit\":1,\"cursor\":\"a w-2\"}"), "b/w-1");
    assert_string_equal(list(rig, "{\"limit\":0}"), "");
    assert_string_equal(list(rig, "{\"namespace\":\"a\",\"limit\":1}"), "a/w-1 | w-1");
    assert_string_equal(list(rig, "{\"namespace\":\"a\",\"cursor\":\"w-1\"}"), "a/w-2");
    assert_string_equal(list(rig, "{\"namespace\":\"a\",\"cursor\":\"w-1!\"}"), "a/w-2");
    assert_answer(ask(rig, FF_OP_list_workers, "{'cursor':'nowhere'}"), "!invalid_input malformed");
    assert_answer(mark_dead(rig, "a", "w-1", ""), "{'outcome':'marked'}");
    assert_string_equal(list(rig, "{}"), "a/w-2 b/w-1");
}

/* Names that are alike as far as an index looks are listed in order all the same. */
static void
test_long_names_are_in_order(void **state)
{
    struct ff_rig *rig = *state;
    char namespace[101], cursor[512] = "";
    int seen = 0;

    memset(namespace, 'n', sizeof(namespace));
    namespace[100] = '\0';
    for (int i = 0; i < 26; i++) {
        char instance[61];

        memset(instance, 'i', sizeof(instance));
        instance[59] = (char) ('a' + i * 7 % 26);
        instance[60] = '\0';
        namespace[99] = (char) ('a' + i % 3);
        enlist(rig, namespace, instance, "");
    }
    for (;;) {
        struct ff_list_workers_result result = { .next_cursor = FF_NONE(ff_str) };
        struct ff_list_workers_args args = { .limit = 5, .cursor = ff_cstr(cursor) };
        struct ff_str before = FF_NONE(ff_str);

        assert_ok(ff_rig_list_workers(rig, &args, &result));
        for (uint32_t i = 0; i < result.entries.n; i++) {
            const struct ff_worker_entry *entry = &result.entries.v[i];
            struct ff_str name = ff_arena_printf(
                &rig->arena, "%.*s %.*s", (int) entry->namespace.n, entry->namespace.p,
                (int) entry->worker_instance_id.n, entry->worker_instance_id.p);

            assert_true(before.p == NULL || ff_str_cmp(before, name) < 0);
            before = name;
            seen++;
        }
        if (result.next_cursor.p == NULL) {
            break;
        }
        assert_int_equal(result.entries.n, 5);
        snprintf(cursor, sizeof(cursor), "%.*s", (int) result.next_cursor.n, result.next_cursor.p);
        assert_true(ff_str_is(before, cursor));
    }
    assert_int_equal(seen, 26);
}

static void
test_sweep(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_renew_result renewed;

    assert_answer(ask(rig, FF_OP_register_worker,
                      "{'worker_id':'w','worker_instance_id':'w-1','lanes':['L'],"
                      "'liveness_ttl_ms':10000,'namespace':'N'}"),
                  "{'outcome':'registered'}");
    rig->now_ms = T + 10000;
    assert_string_equal(list(rig, "{}"), "");
    assert_answer(ask(rig, FF_OP_sweep_worker_registry, "{}"), "{'removed':0}");
    assert_answer(mark_dead(rig, "N", "w-1", ""), "{'outcome':'not_registered'}");
    rig->now_ms++;
    assert_answer(ask(rig, FF_OP_sweep_worker_registry, "{}"), "{'removed':1}");
    assert_answer(ask(rig, FF_OP_sweep_worker_registry, "{}"), "{'removed':0}");
    assert_int_equal(told(rig, "ttl_swept"), 1);
    assert_int_equal(told(rig, "marked_dead"), 0);
    assert_ok(renew(rig, &claim, &renewed));
}

/* ---- list_expired_leases ---- */

/* "01@1030000 02@1030001 | cursor". */
static const char *
expired(struct ff_rig *rig, const struct ff_list_expired_leases_args *args,
        struct ff_lease_cursor *cursor)
{
    struct ff_list_expired_leases_result result;
    struct ff_str text = ff_cstr("");

    assert_ok(ff_rig_list_expired_leases(rig, args, &result));
    for (uint32_t i = 0; i < result.entries.n; i++) {
        const struct ff_expired_lease *entry = &result.entries.v[i];

        text = ff_arena_printf(&rig->arena, "%s%s%02x@%lld", text.p, i == 0 ? "" : " ",
                               entry->execution_id.uuid.b[15], (long long) entry->expires_at_ms);
    }
    if (result.next_cursor != NULL) {
        text = ff_arena_printf(&rig->arena, "%s |", text.p);
        *cursor = *result.next_cursor;
    }
    return text.p;
}

static void
test_expired_leases(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_lease_cursor cursor = { 0 };
    struct ff_list_expired_leases_args args = { .as_of = T + TTL_MS,
                                                .limit = 1,
                                                .max_partitions_per_call = 1 };
    struct ff_claim_result claims[4];

    create(rig, 2);
    create(rig, 1);
    create(rig, 4);
    for (int i = 0; i < 3; i++) {
        claims[i] = claim_next(rig);
    }
    rig->now_ms++;
    create(rig, 3);
    claims[3] = claim_next(rig);
    assert_ok(complete(rig, &claims[2], "done")); /* 04 */
    assert_string_equal(expired(rig, &args, &cursor), "01@1030000 |");
    args.cursor = &cursor;
    assert_string_equal(expired(rig, &args, &cursor), "02@1030000");
    args.cursor = NULL;
    args.limit = 10000;
    args.as_of = T + TTL_MS + 1;
    assert_string_equal(expired(rig, &args, &cursor), "01@1030000 02@1030000 03@1030001");
    args.namespace = ff_cstr("M");
    assert_string_equal(expired(rig, &args, &cursor), "");
    args.namespace = ff_cstr("N");
    rig->now_ms = T + TTL_MS;
    assert_string_equal(mark_expired(rig, 1), "marked_expired"); /* still in the list */
    assert_string_equal(expired(rig, &args, &cursor), "01@1030000 02@1030000 03@1030001");
    args.limit = 0;
    assert_string_equal(expired(rig, &args, &cursor), "");
}

/* One call tells of all partitions and lanes, and pages through them without gaps. */
static void
test_expired_leases_everywhere(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_list_expired_leases_args args = { .as_of = INT64_MAX,
                                                .limit = 7,
                                                .max_partitions_per_call = 1 };
    struct ff_lease_cursor cursor = { 0 };
    uint32_t seen = 0;
    int64_t before = 0;

    for (uint8_t n = 1; n <= 40; n++) {
        struct ff_create_execution_args create_args = ff_rig_new_exec(n);
        struct ff_create_execution_result created;
        struct ff_claim_args claim = claim_args(rig, "[]");
        struct ff_claim_result claimed;
        char lane[2] = { (char) ('a' + n % 3), '\0' };

        rig->now_ms += n % 4;
        create_args.execution_id.partition = n * 5;
        create_args.lane_id = claim.lane_id = ff_cstr(lane);
        claim.lease_ttl_ms = 1000 + n * 13 % 17;
        assert_ok(ff_rig_create_execution(rig, &create_args, &created));
        assert_ok(ff_rig_claim(rig, &claim, &claimed));
        assert_string_equal(claimed.outcome, "claimed");
    }
    for (;;) {
        struct ff_list_expired_leases_result result;

        assert_ok(ff_rig_list_expired_leases(rig, &args, &result));
        for (uint32_t i = 0; i < result.entries.n; i++) {
            assert_true(result.entries.v[i].expires_at_ms >= before);
            before = result.entries.v[i].expires_at_ms;
            seen++;
        }
        if (result.next_cursor == NULL) {
            break;
        }
        cursor = *result.next_cursor;
        args.cursor = &cursor;
    }
    assert_int_equal(seen, 40);
    args.cursor = NULL;
    args.limit = 10000;
    assert_non_null(strstr(expired(rig, &args, &cursor), "28@")); /* 40 in hexadecimal */
}

static const struct refused_row {
    const char *name;
    const char *args;
    const char *want;
} refused_rows[] = {
    { "05 §7.1 no time to live",
      "{'worker_id':'w','worker_instance_id':'w-1','lanes':[],'liveness_ttl_ms':0,"
      "'namespace':'N'}",
      "!invalid_input out_of_range" },
    { "05 §7.1 more than a day",
      "{'worker_id':'w','worker_instance_id':'w-1','lanes':[],'liveness_ttl_ms':86400001,"
      "'namespace':'N'}",
      "!invalid_input out_of_range" },
    { "05 §7.1 a lane that is none",
      "{'worker_id':'w','worker_instance_id':'w-1','lanes':['a','\\n'],'liveness_ttl_ms':1,"
      "'namespace':'N'}",
      "!invalid_input non_printable" },
    { "05 §7.1 a comma in a token",
      "{'worker_id':'w','worker_instance_id':'w-1','lanes':[],'liveness_ttl_ms':1,"
      "'namespace':'N','capabilities':['a,b']}",
      "!invalid_capabilities worker:comma_in_token" },
    { "05 §7.1 white space in a name",
      "{'worker_id':'w','worker_instance_id':'w 1','lanes':[],'liveness_ttl_ms':1,"
      "'namespace':'N'}",
      "!invalid_input whitespace_or_control" },
};

static void
test_refused_row(void **state)
{
    const struct refused_row *row = *state;
    struct ff_rig *rig = ff_rig_new();

    assert_answer(ask(rig, FF_OP_register_worker, "%s", row->args), row->want);
    assert_string_equal(list(rig, "{}"), "");
    ff_rig_free(rig);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(refused_rows, test_refused_row) };
    static const struct CMUnitTest tests[] = {
        RIG_TEST("05 ex 65 the life of a worker", test_life_of_a_worker),
        RIG_TEST("05 ex 66 an instance of another pool", test_an_instance_of_another_pool),
        RIG_TEST("05 ex 67 marking dead", test_marking_dead),
        RIG_TEST("05 ex 68 namespaces are apart", test_namespaces_are_apart),
        RIG_TEST("05 §7.4 long names are in order", test_long_names_are_in_order),
        RIG_TEST("07 ex 35, 36, 37 sweep", test_sweep),
        RIG_TEST("05 ex 69 expired leases", test_expired_leases),
        RIG_TEST("05 ex 69 expired leases everywhere", test_expired_leases_everywhere),
    };

    return ff_rig_main("registry", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
