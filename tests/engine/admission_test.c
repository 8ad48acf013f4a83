/* Admission inside claims: examples 41 to 62 of 05, and 64. */

#include "tests/engine/budget.h"
#include "tests/engine/quota.h"
#include "tests/engine/scan.h"

#define T FF_RIG_START_MS

static void
enlist(struct ff_rig *rig, const char *namespace, const char *lane, const char *capabilities)
{
    static int n;

    assert_answer(ask(rig, FF_OP_register_worker,
                      "{'worker_id':'r','worker_instance_id':'r-%d','lanes':['%s'],"
                      "'liveness_ttl_ms':600000,'namespace':'%s','capabilities':%s}",
                      n++, lane, namespace, capabilities),
                  "{'outcome':'registered'}");
}

static void
create_billed(struct ff_rig *rig, uint8_t number, const char *budgets)
{
    struct ff_str ids = ff_cstr("");

    for (const char *p = budgets; *p != '\0'; p++) {
        ids = ff_arena_printf(&rig->arena, "%s%s\"" BUDGET_ID "0%c\"", ids.p,
                              p == budgets ? "" : ",", *p);
    }
    create_with(rig, number, ff_arena_printf(&rig->arena, "{\"budget_ids\":[%s]}", ids.p).p);
}

/* ---- capabilities ---- */

static const struct match_row {
    const char *name;
    const char *required, *offered;
    bool granted;
} match_rows[] = {
    { "05 ex 41 more than is required", "[\"gpu\"]", "[\"gpu\",\"cuda\"]", true },
    { "05 ex 41 what is required", "[\"gpu\"]", "[\"gpu\"]", true },
    { "05 ex 41 case matters", "[\"gpu\"]", "[\"GPU\"]", false },
    { "05 ex 41 nothing required, nothing offered", "[]", "[]", true },
};

static void
test_match_row(void **state)
{
    const struct match_row *row = *state;
    struct ff_rig *rig = ff_rig_new();

    create_requiring(rig, 1, 0, row->required);
    assert_string_equal(offer(rig, row->offered, 1000), row->granted ? "01" : "no_work");
    ff_rig_free(rig);
}

static void
test_grant_mismatch(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_issue_claim_grant_result result;

    create_requiring(rig, 1, 0, "[\"gpu\",\"torch>=2.3\"]");
    rig->now_ms++;
    assert_err(grant(rig, 1, "[\"gpu\"]", &result), FF_E_CAPABILITY_MISMATCH);
    assert_detail(rig, "missing", "[\"torch>=2.3\"]");
    assert_field(rig, 1, "eligibility_state", "eligible_now");
    assert_field(rig, 1, "last_capability_mismatch_at", "1000001");
    create_requiring(rig, 2, 0, "[\"gpu\"]");
    assert_err(grant(rig, 2, "[\"cpu\"]", &result), FF_E_CAPABILITY_MISMATCH);
    assert_detail(rig, "missing", "[\"gpu\"]");
}

static void
test_equal_ranks(void **state)
{
    struct ff_rig *rig = *state;

    create_of(rig, 2, 9000, T);
    create_of(rig, 4, 5, T);
    create_of(rig, 1, 10000, T + 1);
    create_of(rig, 3, 5, T + 1);
    assert_string_equal(offer(rig, "[]", 1000), "02"); /* both clamped: the older first */
    assert_string_equal(offer(rig, "[]", 1000), "01");
    assert_string_equal(offer(rig, "[]", 1000), "04");
    assert_string_equal(offer(rig, "[]", 1000), "03");
}

static void
test_no_worker_is_capable(void **state)
{
    struct ff_rig *rig = *state;

    create_requiring(rig, 1, 0, "[\"gpu\"]");
    assert_string_equal(offer(rig, "[\"cpu\"]", 1000), "no_work");
    assert_string_equal(vector(rig, 1), "runnable unowned blocked_by_route "
                                        "waiting_for_capable_worker none pending_first_attempt "
                                        "waiting");
    enlist(rig, "M", "L", "['gpu','cuda']");
    enlist(rig, "N", "K", "['gpu','cuda']");
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0);
    assert_field(rig, 1, "eligibility_state", "blocked_by_route");
    enlist(rig, "N", "L", "['gpu','cuda']");
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 1);
    assert_field(rig, 1, "eligibility_state", "eligible_now");
    assert_field(rig, 1, "blocking_detail", "");
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0);
}

static void
test_one_worker_must_have_all(void **state)
{
    struct ff_rig *rig = *state;

    create_requiring(rig, 1, 0, "[\"gpu\",\"cuda\"]");
    enlist(rig, "N", "L", "['gpu']");
    enlist(rig, "N", "L", "['cuda']");
    assert_string_equal(offer(rig, "[]", 1000), "no_work");
    assert_field(rig, 1, "eligibility_state", "blocked_by_route");
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0);
    assert_string_equal(offer(rig, "[\"gpu\",\"cuda\"]", 1000), "01");
}

static void
test_somebody_else_is_capable(void **state)
{
    struct ff_rig *rig = *state;

    create_requiring(rig, 1, 0, "[\"gpu\"]");
    enlist(rig, "N", "L", "['gpu']");
    rig->now_ms++;
    assert_string_equal(offer(rig, "[\"cpu\"]", 1000), "no_work");
    assert_field(rig, 1, "eligibility_state", "eligible_now");
    assert_field(rig, 1, "last_mutation_at", "1000000");
    rig->now_ms += 600000; /* it has lapsed */
    assert_string_equal(offer(rig, "[\"cpu\"]", 1000), "no_work");
    assert_field(rig, 1, "eligibility_state", "blocked_by_route");
}

static void
test_fifty_heads(void **state)
{
    struct ff_rig *rig = *state;

    for (uint8_t n = 1; n <= 50; n++) {
        create_requiring(rig, n, 9, "[\"gpu\"]");
    }
    create(rig, 60);
    assert_string_equal(offer(rig, "[]", 1000), "3c");
    assert_string_equal(offer(rig, "[]", 1000), "no_work");
}

/* ---- budgets ---- */

static void
test_a_full_budget(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "tokens 100/0");
    report(rig, 1, "tokens 100", NULL);
    create_billed(rig, 1, "1");
    assert_string_equal(offer(rig, "[]", 1000), "no_work");
    assert_field(rig, 1, "eligibility_state", "blocked_by_budget");
    assert_field(rig, 1, "public_state", "rate_limited");
    assert_field(rig, 1, "blocking_detail", "budget " BUDGET_ID "01: tokens 100/100");
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0);
    reset(rig, 1);
    assert_string_equal(offer(rig, "[]", 1000), "01");
    report(rig, 1, "tokens 99", NULL);
    create_billed(rig, 2, "1");
    assert_string_equal(offer(rig, "[]", 1000), "02");
}

static void
test_what_does_not_block(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "tokens 100/5");
    report(rig, 1, "tokens 50", NULL);
    create_billed(rig, 1, "1");
    assert_string_equal(offer(rig, "[]", 1000), "01");
    report(rig, 2, "tokens 1000", NULL); /* not defined */
    create_billed(rig, 2, "2");
    assert_string_equal(offer(rig, "[]", 1000), "02");
    assert_string_equal(budget_as(rig, 3, "a 1/0", ",'enforcement_mode':'advisory'"), "created");
    report(rig, 3, "a 5", NULL);
    create_billed(rig, 3, "3");
    assert_string_equal(offer(rig, "[]", 1000), "03");
}

static void
test_two_budgets(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "tokens 100/0");
    budget(rig, 2, "cost 5/0");
    report(rig, 2, "cost 5", NULL);
    create_billed(rig, 1, "12");
    assert_claims_nothing(rig);
    assert_field(rig, 1, "blocking_detail", "budget " BUDGET_ID "02: cost 5/5");
    report(rig, 1, "tokens 100", NULL);
    reset(rig, 2);
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0); /* the other one is full now */
    reset(rig, 1);
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 1);
    claim_this(rig, 1);
}

static void
test_an_unreadable_budget(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_uuid id = { .b = { 0xb0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1 } };
    const struct ff_key key = ff_key_uuid(&id);
    struct ff_str whole = ff_str(NULL, 0);

    budget(rig, 1, "tokens 100/0");
    create_billed(rig, 1, "1");
    rig->now_ms++;
    whole = ff_rig_spoil(rig, FF_R_BUDGET, &key, ff_str("\xc1", 1));
    assert_string_equal(offer(rig, "[]", 1000), "!corruption");
    assert_string_equal(offer(rig, "[]", 1000), "!corruption");
    assert_field(rig, 1, "last_mutation_at", "1000000");
    assert_field(rig, 1, "grant", "");
    ff_rig_spoil(rig, FF_R_BUDGET, &key, whole);
    assert_string_equal(offer(rig, "[]", 1000), "01");
}

/* A blocked one stays blocked where its condition cannot be read (05 §3.4). */
static void
test_unblock_reads_nothing(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_uuid id = { .b = { 0xb0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1 } };
    const struct ff_key key = ff_key_uuid(&id);
    struct ff_str whole = ff_str(NULL, 0);

    budget(rig, 1, "tokens 1/0");
    report(rig, 1, "tokens 1", NULL);
    create_billed(rig, 1, "1");
    assert_claims_nothing(rig);
    reset(rig, 1);
    whole = ff_rig_spoil(rig, FF_R_BUDGET, &key, ff_str("\xc1", 1));
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0);
    assert_field(rig, 1, "eligibility_state", "blocked_by_budget");
    ff_rig_spoil(rig, FF_R_BUDGET, &key, whole);
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 1);
}

/* ---- quotas ---- */

static void
test_a_shared_rate(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    policy(rig, 1, 60, 1, 0);
    create_under(rig, 1, 1, "");
    create_under(rig, 2, 1, "");
    claim = claim_this(rig, 1);
    assert_ok(complete(rig, &claim, ""));
    assert_string_equal(offer(rig, "[]", 1000), "no_work");
    assert_field(rig, 2, "eligibility_state", "blocked_by_quota");
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0);
    rig->now_ms += 60000;
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 1);
    assert_string_equal(offer(rig, "[]", 1000), "02");
}

static void
test_capabilities_come_first(void **state)
{
    struct ff_rig *rig = *state;

    policy(rig, 1, 60, 1, 0);
    create_under(rig, 1, 1, ",\"routing_requirements\":{\"required_capabilities\":[\"gpu\"]}");
    assert_string_equal(offer(rig, "[\"cpu\"]", 1000), "no_work");
    assert_field(rig, 1, "eligibility_state", "blocked_by_route");
    assert_string_equal(check(rig, 1, 9), "admitted"); /* the window was empty */
}

static void
test_a_lapsed_grant_is_refunded(void **state)
{
    struct ff_rig *rig = *state;

    policy(rig, 1, 60, 1, 1);
    create_under(rig, 1, 1, "");
    create(rig, 2);
    assert_string_equal(offer(rig, "[]", 1000), "01");
    assert_string_equal(offer(rig, "[]", 1000), "02");
    assert_string_equal(offer(rig, "[]", 1000), "no_work");
    rig->now_ms = T + 999;
    assert_string_equal(offer(rig, "[]", 1000), "no_work");
    rig->now_ms = T + 1000;
    assert_string_equal(check_with(rig, 1, 9, ",'rate_limit':0"), "admitted");
    release_admission(rig, 1, 9);
    assert_string_equal(offer(rig, "[]", 1000), "01");
    assert_string_equal(check(rig, 1, 9), "rate_exceeded{60000}");
}

/* What a grant recorded stays once it is consumed. */
static void
test_a_consumed_grant_counts(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_execution_result claim;

    policy(rig, 1, 60, 1, 1);
    create_under(rig, 1, 1, "");
    assert_string_equal(offer(rig, "[]", 1000), "01");
    assert_ok(claim_granted_as(rig, 1, "w", &claim));
    rig->now_ms = T + 5000;
    assert_string_equal(check(rig, 1, 9), "rate_exceeded{55000}");
    assert_string_equal(check_with(rig, 1, 9, ",'rate_limit':0"), "concurrency_exceeded");
}

static void
test_one_slot_for_ten(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    policy(rig, 1, 60, 0, 1);
    create_under(rig, 99, 1, ",\"priority\":9000");
    claim = claim_this(rig, 99);
    for (uint8_t n = 1; n <= 10; n++) {
        create_under(rig, n, 1,
                     ff_arena_printf(&rig->arena, ",\"priority\":%d", n == 7 ? 50 : n).p);
        rig->now_ms++;
    }
    for (uint8_t n = 1; n <= 10; n++) {
        const char *answer = ask(rig, FF_OP_block_execution_for_admission,
                                 "{'execution_id':'{fp:6}:00000000-0000-4000-8000-0000000000%02x',"
                                 "'lane_id':'L','reason':'waiting_for_quota'}",
                                 n);

        assert_string_equal(member(rig, answer, "outcome"), "blocked");
    }
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0);
    assert_ok(complete(rig, &claim, ""));
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 1);
    assert_field(rig, 7, "eligibility_state", "eligible_now");
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0); /* it has not taken the slot yet */
    claim_this(rig, 7);
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0);
}

/* Those that the window has counted already need a slot only (U-3). */
static void
test_unblock_of_admitted_ones(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result one, two;

    policy(rig, 1, 60, 2, 1);
    create_under(rig, 1, 1, "");
    create_under(rig, 2, 1, "");
    create_under(rig, 3, 1, ",\"priority\":9");
    one = claim_this(rig, 3);
    assert_ok(delay(rig, &one, rig->now_ms + 10));
    two = claim_this(rig, 1);
    rig->now_ms += 10;
    assert_string_equal(promote(rig, 3), "promoted");
    assert_claims_nothing(rig); /* 02: the window, 03: the slot */
    assert_field(rig, 3, "eligibility_state", "blocked_by_quota");
    assert_claims_nothing(rig);
    assert_field(rig, 2, "eligibility_state", "eligible_now");
    assert_ok(complete(rig, &two, ""));
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 1);
    assert_field(rig, 3, "eligibility_state", "eligible_now");
    claim_this(rig, 3);
}

/* ---- waiting ---- */

static struct ff_waiting *
wait_for_work(struct ff_rig *rig, const char *capabilities)
{
    struct ff_claim_args args = claim_args(rig, capabilities);
    struct ff_waiting *waiting = NULL;

    args.block_ms = 30000;
    waiting = ff_rig_start(rig, FF_OP_claim, &args);
    assert_false(ff_rig_is_done(waiting));
    return waiting;
}

static void
assert_gets(struct ff_rig *rig, struct ff_waiting *waiting, uint8_t number)
{
    struct ff_claim_result result;

    ff_rig_pump(rig);
    assert_true(ff_rig_is_done(waiting));
    assert_ok(ff_rig_finish(rig, waiting, &result));
    assert_string_equal(result.outcome, "claimed");
    assert_int_equal(result.execution_id.v.uuid.b[15], number);
}

/* Nothing polls: what clears a condition ends the wait (U-4, C-14). */
static void
test_waiting_for_a_budget(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *waiting = NULL;

    budget(rig, 1, "tokens 10/0");
    spend(rig, 1, 9, "'tokens':10", "");
    create_billed(rig, 1, "1");
    create_billed(rig, 2, "1");
    waiting = wait_for_work(rig, "[]");
    assert_field(rig, 1, "eligibility_state", "blocked_by_budget");
    release(rig, 1, 9);
    assert_gets(rig, waiting, 1);
    report(rig, 1, "tokens 10", NULL);
    waiting = wait_for_work(rig, "[]");
    reset(rig, 1);
    assert_gets(rig, waiting, 2);
}

static void
test_waiting_for_a_slot(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *waiting = NULL;
    struct ff_claim_result claim;

    policy(rig, 1, 60, 0, 1);
    create_under(rig, 1, 1, "");
    create_under(rig, 2, 1, "");
    claim = claim_this(rig, 1);
    waiting = wait_for_work(rig, "[]");
    assert_ok(complete(rig, &claim, ""));
    assert_gets(rig, waiting, 2);
}

static void
test_waiting_for_a_place_in_the_window(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *waiting = NULL;

    policy(rig, 1, 10, 1, 0);
    create_under(rig, 1, 1, "");
    create_under(rig, 2, 1, "");
    claim_this(rig, 1);
    waiting = wait_for_work(rig, "[]");
    assert_int_equal(ff_engine_wait_ms(rig->engine), 10000);
    rig->now_ms = T + 9999;
    ff_rig_pump(rig);
    assert_false(ff_rig_is_done(waiting));
    rig->now_ms = T + 10000;
    assert_gets(rig, waiting, 2);
}

static void
test_the_scanner_is_told(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_UNBLOCK, .block_ms = 30000 };
    struct ff_scan_due_result due;
    struct ff_waiting *waiting = NULL;

    create_requiring(rig, 1, 0, "[\"gpu\"]");
    assert_claims_nothing(rig);
    waiting = ff_rig_start(rig, FF_OP_scan_due, &args);
    assert_false(ff_rig_is_done(waiting));
    enlist(rig, "N", "L", "['gpu']");
    ff_rig_pump(rig);
    assert_true(ff_rig_is_done(waiting));
    assert_ok(ff_rig_finish(rig, waiting, &due));
    assert_int_equal(due.items.n, 1);
    assert_true(ff_str_is(due.items.v[0].lane_id, "L"));
    assert_int_equal(due.items.v[0].expected_blocking_reason.v,
                     FF_BLOCK_WAITING_FOR_CAPABLE_WORKER);
}

/* ---- lanes ---- */

static void
test_a_lane_that_pauses(void **state)
{
    struct ff_rig *rig = *state;

    create(rig, 1);
    assert_string_equal(member(rig,
                               ask(rig, FF_OP_block_execution_for_admission,
                                   "{'execution_id':'{fp:6}:00000000-0000-4000-8000-000000000001',"
                                   "'lane_id':'L','reason':'paused_by_policy'}"),
                               "outcome"),
                        "blocked");
    create(rig, 2);
    assert_string_equal(member(rig,
                               ask(rig, FF_OP_block_execution_for_admission,
                                   "{'execution_id':'{fp:6}:00000000-0000-4000-8000-000000000002',"
                                   "'lane_id':'L','reason':'paused_by_operator'}"),
                               "outcome"),
                        "blocked");
    set_lane(rig, FF_LANE_PAUSED);
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0);
    set_lane(rig, FF_LANE_DISABLED);
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0);
    set_lane(rig, FF_LANE_DRAINING);
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 1);
    assert_field(rig, 1, "eligibility_state", "eligible_now");
    assert_field(rig, 2, "eligibility_state", "blocked_by_operator"); /* only by hand */
}

/* Paused: takes in; draining: hands out; disabled: neither. Leases live on in all of them. */
static void
test_lane_states(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_create_execution_args args = ff_rig_new_exec(9);
    struct ff_create_execution_result created;
    struct ff_renew_result renewed;

    set_lane(rig, FF_LANE_PAUSED);
    create(rig, 2);
    assert_string_equal(offer(rig, "[]", 1000), "no_work");
    assert_ok(renew(rig, &claim, &renewed));
    set_lane(rig, FF_LANE_ACTIVE);
    assert_string_equal(offer(rig, "[]", 1000), "02");
    create(rig, 3);
    set_lane(rig, FF_LANE_DRAINING);
    assert_err(ff_rig_create_execution(rig, &args, &created), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "lane_not_accepting");
    assert_string_equal(offer(rig, "[]", 1000), "03");
    set_lane(rig, FF_LANE_DISABLED);
    assert_err(ff_rig_create_execution(rig, &args, &created), FF_E_INVALID_INPUT);
    rig->now_ms += 1000;
    assert_string_equal(offer(rig, "[]", 1000), "no_work");
    assert_ok(renew(rig, &claim, &renewed));
}

/* ---- several at once ---- */

static void
test_two_callers(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_for_worker_args args = {
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-1"),
        .lane_id = ff_cstr("L"),
        .grant_ttl_ms = 1000,
        .worker_capabilities = ff_rig_any(rig, "[]"),
        .block_ms = 1000,
    };
    struct ff_claim_for_worker_result one, two;
    struct ff_waiting *first = ff_rig_start(rig, FF_OP_claim_for_worker, &args);
    struct ff_waiting *second = ff_rig_start(rig, FF_OP_claim_for_worker, &args);

    create(rig, 1);
    ff_rig_pump(rig);
    assert_true(ff_rig_is_done(first)); /* in the order of their arrival */
    assert_false(ff_rig_is_done(second));
    create(rig, 2);
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, first, &one));
    assert_ok(ff_rig_finish(rig, second, &two));
    assert_int_equal(one.execution_id.v.uuid.b[15], 1);
    assert_int_equal(two.execution_id.v.uuid.b[15], 2);
    assert_false(ff_str_eq(one.grant_key, two.grant_key));
    args.block_ms = 0;
    assert_ok(ff_rig_claim_for_worker(rig, &args, &one));
    assert_string_equal(one.outcome, "no_work");
}

static const struct grant_row {
    const char *name;
    const char *where;
    const char *lane;
    ff_err want;
} grant_rows[] = {
    { "05 ex 61 an unknown one", "unknown", "L", FF_E_EXECUTION_NOT_FOUND },
    { "05 ex 61 an active one", "active", "L", FF_E_EXECUTION_NOT_ELIGIBLE },
    { "05 ex 61 a blocked one", "blocked", "L", FF_E_EXECUTION_NOT_ELIGIBLE },
    { "05 ex 61 one under a grant", "granted", "L", FF_E_GRANT_ALREADY_EXISTS },
    { "05 ex 61 another lane", "waiting", "M", FF_E_EXECUTION_NOT_IN_ELIGIBLE_SET },
};

static void
test_grant_row(void **state)
{
    const struct grant_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    const struct ff_issue_claim_grant_args args = {
        .execution_id = ff_rig_id(1),
        .lane_id = ff_cstr(row->lane),
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-1"),
        .worker_capabilities = ff_rig_any(rig, "[]"),
        .grant_ttl_ms = 1000,
    };
    struct ff_issue_claim_grant_result result;

    if (strcmp(row->where, "unknown") != 0) {
        budget(rig, 1, "a 1/0");
        create_billed(rig, 1, "1");
    }
    if (strcmp(row->where, "active") == 0) {
        claim_this(rig, 1);
    } else if (strcmp(row->where, "granted") == 0) {
        assert_string_equal(offer(rig, "[]", 1000), "01");
    } else if (strcmp(row->where, "blocked") == 0) {
        report(rig, 1, "a 1", NULL);
        assert_claims_nothing(rig);
    }
    assert_err(ff_rig_issue_claim_grant(rig, &args, &result), row->want);
    ff_rig_free(rig);
}

/* ---- many ---- */

/* The first hundred of a lane cannot be afforded, the one behind them can (07 ex 19). */
static void
test_many_of_several_classes(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "tokens 1/0");
    budget(rig, 2, "tokens 1/0");
    report(rig, 1, "tokens 1", NULL);
    report(rig, 2, "tokens 1", NULL);
    for (uint8_t n = 1; n <= 150; n++) {
        create_billed(rig, n, n == 101 ? "2" : "1");
        assert_string_equal(member(rig,
                                   ask(rig, FF_OP_block_execution_for_admission,
                                       "{'execution_id':'{fp:6}:00000000-0000-4000-8000-"
                                       "0000000000%02x','lane_id':'L',"
                                       "'reason':'waiting_for_budget'}",
                                       n),
                                   "outcome"),
                            "blocked");
    }
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0);
    reset(rig, 2);
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 1);
    assert_field(rig, 101, "eligibility_state", "eligible_now");
    reset(rig, 1);
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 149);
}

/* A claim of several takes what the limit leaves, and labels the next one (C-4). */
static void
test_claim_many_up_to_the_limit(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_many_args args = {
        .lane_id = ff_cstr("L"),
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-1"),
        .worker_capabilities = ff_rig_any(rig, "[]"),
        .lease_ttl_ms = TTL_MS,
        .max = 10,
        .include_context = true,
    };
    struct ff_claim_many_result result;

    policy(rig, 1, 60, 3, 0);
    policy(rig, 2, 60, 0, 2);
    for (uint8_t n = 1; n <= 5; n++) {
        create_under(rig, n, 1, "");
        create_under(rig, 10 + n, 2, "");
    }
    create(rig, 20);
    assert_ok(ff_rig_claim_many(rig, &args, &result));
    assert_int_equal(result.claims.n, 6);
    assert_field(rig, 4, "eligibility_state", "blocked_by_quota");
    assert_field(rig, 5, "eligibility_state", "eligible_now");
    assert_field(rig, 13, "eligibility_state", "blocked_by_quota");
    assert_ok(ff_rig_claim_many(rig, &args, &result));
    assert_int_equal(result.claims.n, 0);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(match_rows, test_match_row),
                                             FF_ROWS(grant_rows, test_grant_row) };
    static const struct CMUnitTest tests[] = {
        RIG_TEST("05 ex 42 grant mismatch", test_grant_mismatch),
        RIG_TEST("05 ex 47 equal ranks", test_equal_ranks),
        RIG_TEST("05 ex 48 no worker is capable", test_no_worker_is_capable),
        RIG_TEST("05 ex 50 one worker must have all", test_one_worker_must_have_all),
        RIG_TEST("05 ex 51 somebody else is capable", test_somebody_else_is_capable),
        RIG_TEST("05 ex 52 fifty heads", test_fifty_heads),
        RIG_TEST("05 ex 53, 07 ex 15 a full budget", test_a_full_budget),
        RIG_TEST("05 ex 54 what does not block", test_what_does_not_block),
        RIG_TEST("05 ex 55, 07 ex 16 two budgets", test_two_budgets),
        RIG_TEST("05 ex 56 a shared rate", test_a_shared_rate),
        RIG_TEST("05 ex 57 capabilities come first", test_capabilities_come_first),
        RIG_TEST("05 ex 58 a lapsed grant is refunded", test_a_lapsed_grant_is_refunded),
        RIG_TEST("05 S-4 a consumed grant counts", test_a_consumed_grant_counts),
        RIG_TEST("05 ex 59 an unreadable budget", test_an_unreadable_budget),
        RIG_TEST("05 §3.4 unblock reads nothing", test_unblock_reads_nothing),
        RIG_TEST("05 ex 62 one slot for ten", test_one_slot_for_ten),
        RIG_TEST("05 U-3 unblock of admitted ones", test_unblock_of_admitted_ones),
        RIG_TEST("05 U-4 waiting for a budget", test_waiting_for_a_budget),
        RIG_TEST("05 U-4 waiting for a slot", test_waiting_for_a_slot),
        RIG_TEST("05 C-14 waiting for a place in the window",
                 test_waiting_for_a_place_in_the_window),
        RIG_TEST("05 U-4 the scanner is told", test_the_scanner_is_told),
        RIG_TEST("05 ex 40, 07 ex 17 a lane that pauses", test_a_lane_that_pauses),
        RIG_TEST("05 ex 60 two callers", test_two_callers),
        RIG_TEST("05 ex 64 lane states", test_lane_states),
        RIG_TEST("07 ex 19 many of several classes", test_many_of_several_classes),
        RIG_TEST("05 C-4 claim_many up to the limit", test_claim_many_up_to_the_limit),
    };

    return ff_rig_main("admission", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
