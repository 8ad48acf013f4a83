/* Budgets: examples 1 to 24 of 05. */

#include "tests/engine/budget.h"

#define T FF_RIG_START_MS

static void
test_create_twice(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "tokens 100/50");
    assert_string_equal(budget_as(rig, 1, "tokens 5/0", ""), "already_satisfied");
    assert_answer(member(rig, status(rig, 1), "hard_limits"), "{'tokens':100}");
    assert_answer(member(rig, status(rig, 1), "soft_limits"), "{'tokens':50}");
    assert_answer(status(rig, 1),
                  "{'budget_id':'" BUDGET_ID "01','scope_type':'flow','scope_id':'f',"
                  "'enforcement_mode':'strict','usage':{},'hard_limits':{'tokens':100},"
                  "'soft_limits':{'tokens':50},'breach_count':0,'soft_breach_count':0,"
                  "'created_at':1000000,'on_hard_limit':'fail','on_soft_limit':'warn',"
                  "'reset_interval_ms':0,'reset_count':0,'last_updated_at':1000000}");
}

static const struct refused_row {
    const char *name;
    enum ff_op op;
    const char *args;
    const char *want;
} refused_rows[] = {
    { "05 ex 2 two dimensions, one hard limit", FF_OP_create_budget,
      "{'budget_id':'" BUDGET_ID "01','scope_type':'','scope_id':'','dimensions':['a','b'],"
      "'hard_limits':[1],'soft_limits':[1,2]}",
      "!invalid_input length_mismatch" },
    { "05 ex 2 a dimension twice", FF_OP_create_budget,
      "{'budget_id':'" BUDGET_ID "01','scope_type':'','scope_id':'','dimensions':['a','a'],"
      "'hard_limits':[1,1],'soft_limits':[1,2]}",
      "!invalid_input duplicate" },
    { "05 §0.3 an empty name", FF_OP_create_budget,
      "{'budget_id':'" BUDGET_ID "01','scope_type':'','scope_id':'','dimensions':[''],"
      "'hard_limits':[1],'soft_limits':[1]}",
      "!invalid_input empty" },
    { "05 §0.3 a control character", FF_OP_create_budget,
      "{'budget_id':'" BUDGET_ID "01','scope_type':'','scope_id':'','dimensions':['a\\n'],"
      "'hard_limits':[1],'soft_limits':[1]}",
      "!invalid_input control_character" },
    { "05 §0.2 a limit beyond i64", FF_OP_create_budget,
      "{'budget_id':'" BUDGET_ID "01','scope_type':'','scope_id':'','dimensions':['a'],"
      "'hard_limits':['9223372036854775808'],'soft_limits':[1]}",
      "!invalid_input out_of_range" },
    { "05 ex 11 two dimensions, one delta", FF_OP_report_usage_admin,
      "{'budget_id':'" BUDGET_ID "01','dimensions':['a','b'],'deltas':[1]}",
      "!invalid_input length_mismatch" },
    { "05 §0.2 a delta beyond i64", FF_OP_record_spend,
      "{'budget_id':'" BUDGET_ID "01','execution_id':'" EID "01','idempotency_key':'',"
      "'deltas':{'a':'9223372036854775808'}}",
      "!invalid_input out_of_range" },
    { "05 §1.5 an execution id that is none", FF_OP_record_spend,
      "{'budget_id':'" BUDGET_ID "01','execution_id':'e','idempotency_key':'','deltas':{}}",
      "!invalid_input missing_tag" },
    { "05 §1.9 a partition of another family", FF_OP_reconcile_budget_counters,
      "{'partition':'{fp:1}'}", "!invalid_input unknown_family_prefix" },
    { "05 ex 19 reset of an unknown one", FF_OP_reset_budget, "{'budget_id':'" BUDGET_ID "01'}",
      "!budget_not_found" },
    { "05 ex 11 a handle that is none", FF_OP_report_usage,
      "{'handle':{'backend':'memory','kind':'fresh','opaque':'AAAA'},"
      "'budget_id':'" BUDGET_ID "01','dimensions':{'input_tokens':5}}",
      NULL },
};

static void
test_refused_row(void **state)
{
    const struct refused_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    const char *answer = ask(rig, row->op, "%s", row->args);

    if (row->want == NULL) {
        assert_int_equal(answer[0], '!');
    } else {
        assert_string_equal(answer, row->want);
    }
    assert_answer(status(rig, 1), "!budget_not_found");
    ff_rig_free(rig);
}

static void
test_no_dimensions(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "");
    assert_string_equal(report(rig, 1, "anything 1000000", NULL), "ok");
    assert_string_equal(report(rig, 1, "", NULL), "ok");
    assert_usage(rig, 1, "{'anything':1000000}");
}

static void
test_reports_and_breaches(void **state)
{
    struct ff_rig *rig = *state;
    const char *now = NULL;

    budget(rig, 1, "tokens 100/50");
    assert_string_equal(report(rig, 1, "tokens 10", "k1"), "ok");
    assert_string_equal(report(rig, 1, "tokens 10", "k1"), "already_applied");
    assert_string_equal(report(rig, 1, "tokens 45", "k2"), "soft_breach{tokens,55,50}");
    assert_string_equal(report(rig, 1, "tokens 50", "k3"), "hard_breach{tokens,55,100}");
    now = status(rig, 1);
    assert_usage(rig, 1, "{'tokens':55}");
    assert_member(rig, now, "breach_count", "1");
    assert_member(rig, now, "soft_breach_count", "1");
    assert_member(rig, now, "last_breach_dim", "tokens");
    assert_member(rig, now, "last_breach_at", "1000000");
}

static void
test_soft_then_hard(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "tokens 100/80");
    assert_string_equal(report(rig, 1, "tokens 60", NULL), "ok");
    assert_string_equal(report(rig, 1, "tokens 25", NULL), "soft_breach{tokens,85,80}");
    assert_string_equal(report(rig, 1, "tokens 50", NULL), "hard_breach{tokens,85,100}");
    assert_usage(rig, 1, "{'tokens':85}");
}

static void
test_a_breach_applies_nothing(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "tokens 1000/0, cost 50/0");
    assert_string_equal(report(rig, 1, "tokens 100, cost 60", NULL), "hard_breach{cost,0,50}");
    assert_usage(rig, 1, "{}");
    budget(rig, 2, "b 1/0, a 1/0");
    assert_string_equal(report(rig, 2, "b 2, a 2", NULL), "hard_breach{a,0,1}");
    assert_member(rig, status(rig, 2), "breach_count", "1");
}

static void
test_the_limit_itself_is_allowed(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "tokens 100/0");
    assert_string_equal(report(rig, 1, "tokens 100", NULL), "ok");
    assert_string_equal(report(rig, 1, "tokens 0", NULL), "ok");
    assert_string_equal(report(rig, 1, "tokens 1", NULL), "hard_breach{tokens,100,100}");
    budget(rig, 2, "tokens 0/0");
    assert_string_equal(report(rig, 2, "tokens 1000000000000", NULL), "ok");
    assert_string_equal(report(rig, 2, "tokens 9223372036854775807", NULL), "ok");
    assert_usage(rig, 2, "{'tokens':\"9223372036854775807\"}");
}

static void
test_one_soft_breach_a_report(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "b 0/1, a 0/1");
    assert_string_equal(report(rig, 1, "b 2, a 3", NULL), "soft_breach{a,3,1}");
    assert_member(rig, status(rig, 1), "soft_breach_count", "1");
    assert_string_equal(report(rig, 1, "b 1", NULL), "soft_breach{b,3,1}");
    assert_member(rig, status(rig, 1), "soft_breach_count", "2");
}

static void
test_an_unknown_budget(void **state)
{
    struct ff_rig *rig = *state;

    assert_string_equal(report(rig, 1, "tokens 10", NULL), "ok");
    assert_answer(status(rig, 1), "!budget_not_found");
    assert_answer(ask(rig, FF_OP_read_budget_usage_and_limits, "{'budget_id':'" BUDGET_ID "01'}"),
                  "{'limits':{},'usage':{}}");
    budget(rig, 1, "tokens 12/0");
    assert_usage(rig, 1, "{'tokens':10}");
    assert_string_equal(report(rig, 1, "tokens 3", NULL), "hard_breach{tokens,10,12}");
}

/* The named dimensions beside the custom ones; the lease of the handle is not looked at. */
static void
test_report_by_handle(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_tally custom[] = { { ff_cstr("wall_ms"), 9 }, { ff_cstr("tokens"), 3 } };
    const struct ff_report_usage_args args = {
        .handle = *claim.handle,
        .budget_id = { .b = { 0xb0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1 } },
        .dimensions = { .input_tokens = 7,
                        .wall_ms = FF_SOME(ff_opt_u64, 5),
                        .custom = { .v = custom, .n = 2 } },
    };
    struct ff_report_usage_result result;

    budget(rig, 1, "");
    rig->now_ms += TTL_MS + 1;
    assert_ok(ff_rig_report_usage(rig, &args, &result));
    assert_string_equal(result.outcome, "ok");
    assert_usage(rig, 1, "{'input_tokens':7,'tokens':3,'wall_ms':9}");
}

static void
test_dedup_lasts_a_day(void **state)
{
    struct ff_rig *rig = *state;

    assert_string_equal(report(rig, 1, "a 1", "d"), "ok");
    assert_string_equal(report(rig, 2, "a 1", "d"), "ok");
    rig->now_ms = T + 86399999;
    assert_string_equal(report(rig, 1, "a 1", "d"), "already_applied");
    rig->now_ms++;
    assert_string_equal(report(rig, 1, "a 1", "d"), "ok");
    assert_string_equal(report(rig, 1, "a 5", ""), "ok");
    assert_string_equal(report(rig, 1, "a 5", ""), "ok");
    budget(rig, 1, "");
    assert_usage(rig, 1, "{'a':12}");
}

static void
test_a_breach_may_come_again(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "tokens 100/0");
    assert_string_equal(report(rig, 1, "tokens 90", NULL), "ok");
    assert_string_equal(report(rig, 1, "tokens 20", "h"), "hard_breach{tokens,90,100}");
    assert_answer(reset(rig, 1), "{'outcome':'reset','next_reset_at':0}");
    assert_string_equal(report(rig, 1, "tokens 20", "h"), "ok");
    assert_usage(rig, 1, "{'tokens':20}");
}

static void
test_spend_and_release(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "tokens 0/0");
    assert_string_equal(spend(rig, 1, 1, "'tokens':3", "a"), "ok");
    assert_string_equal(spend(rig, 1, 1, "'tokens':7", "b"), "ok");
    assert_string_equal(spend(rig, 1, 1, "'tokens':2", "c"), "ok");
    assert_string_equal(spend(rig, 1, 2, "'tokens':8", "d"), "ok");
    assert_usage(rig, 1, "{'tokens':20}");
    release(rig, 1, 1);
    assert_usage(rig, 1, "{'tokens':8}");
    release(rig, 1, 1);
    assert_usage(rig, 1, "{'tokens':8}");
    release(rig, 1, 2);
    assert_usage(rig, 1, "{'tokens':0}");
    assert_string_equal(spend(rig, 1, 1, "'tokens':3", "a"), "already_applied");
    assert_usage(rig, 1, "{'tokens':0}");
}

static void
test_release_of_nothing(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "tokens 100/0");
    assert_string_equal(report(rig, 1, "tokens 5", NULL), "ok");
    rig->now_ms++;
    release(rig, 1, 1);
    release(rig, 2, 1);
    assert_usage(rig, 1, "{'tokens':5}");
    assert_member(rig, status(rig, 1), "last_updated_at", "1000000");
    assert_answer(status(rig, 2), "!budget_not_found");
}

static void
test_a_repeated_spend(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "");
    assert_string_equal(spend(rig, 1, 1, "'tokens':10,'cost':20", "k"), "ok");
    assert_string_equal(spend(rig, 1, 1, "'tokens':10,'cost':20", "k"), "already_applied");
    assert_usage(rig, 1, "{'cost':20,'tokens':10}");
    release(rig, 1, 1);
    assert_usage(rig, 1, "{'cost':0,'tokens':0}");
}

static void
test_reset_by_hand(void **state)
{
    struct ff_rig *rig = *state;
    const char *now = NULL;

    assert_string_equal(budget_as(rig, 1, "tokens 100/0", ",'reset_interval_ms':3600000"),
                        "created");
    assert_member(rig, status(rig, 1), "next_reset_at", "4600000");
    assert_string_equal(spend(rig, 1, 1, "'tokens':40", ""), "ok");
    assert_string_equal(report(rig, 1, "tokens 61", NULL), "hard_breach{tokens,40,100}");
    rig->now_ms = T + 5;
    assert_answer(reset(rig, 1), "{'outcome':'reset','next_reset_at':4600005}");
    now = status(rig, 1);
    assert_usage(rig, 1, "{'tokens':0}");
    assert_member(rig, now, "last_breach_at", "");
    assert_member(rig, now, "last_breach_dim", "");
    assert_member(rig, now, "reset_count", "1");
    assert_member(rig, now, "breach_count", "1");
    assert_string_equal(report(rig, 1, "tokens 9", NULL), "ok");
    release(rig, 1, 1); /* its entry is void: what was spent before the reset is gone */
    assert_usage(rig, 1, "{'tokens':9}");
    budget(rig, 2, "tokens 1/0");
    assert_answer(reset(rig, 2), "{'outcome':'reset','next_reset_at':0}");
    assert_member(rig, status(rig, 2), "next_reset_at", "");
}

static const char *
reset_if_due(struct ff_rig *rig, int n)
{
    return ask(rig, FF_OP_reset_budget_if_due, "{'budget_id':'" BUDGET_ID "%02d'}", n);
}

static void
test_reset_by_time(void **state)
{
    struct ff_rig *rig = *state;

    assert_string_equal(budget_as(rig, 1, "tokens 100/0", ",'reset_interval_ms':60000"), "created");
    assert_string_equal(report(rig, 1, "tokens 25", NULL), "ok");
    rig->now_ms = T + 59999;
    assert_answer(reset_if_due(rig, 1), "{'outcome':'not_yet_due'}");
    assert_usage(rig, 1, "{'tokens':25}");
    rig->now_ms = T + 60000;
    assert_answer(reset_if_due(rig, 1), "{'outcome':'reset','next_reset_at':1120000}");
    assert_answer(reset_if_due(rig, 1), "{'outcome':'not_yet_due'}");
    assert_usage(rig, 1, "{'tokens':0}");
    rig->now_ms = T + 320000; /* many periods late */
    assert_answer(reset_if_due(rig, 1), "{'outcome':'reset','next_reset_at':1360000}");
    assert_member(rig, status(rig, 1), "reset_count", "2");
    budget(rig, 2, "tokens 1/0");
    assert_answer(reset_if_due(rig, 2), "{'outcome':'not_yet_due'}");
    assert_answer(reset_if_due(rig, 3), "{'outcome':'not_found'}");
}

static void
test_a_late_first_reset(void **state)
{
    struct ff_rig *rig = *state;

    assert_string_equal(budget_as(rig, 1, "", ",'reset_interval_ms':60000"), "created");
    rig->now_ms = T + 200000;
    assert_answer(reset_if_due(rig, 1), "{'outcome':'reset','next_reset_at':1240000}");
    assert_member(rig, status(rig, 1), "reset_count", "1");
}

static void
test_an_advisory_budget(void **state)
{
    struct ff_rig *rig = *state;

    assert_string_equal(budget_as(rig, 1, "tokens 100/0", ",'enforcement_mode':'advisory'"),
                        "created");
    assert_string_equal(spend(rig, 1, 1, "'tokens':90", ""), "ok");
    assert_string_equal(spend(rig, 1, 2, "'tokens':20", ""), "soft_breach{tokens,110,100}");
    assert_usage(rig, 1, "{'tokens':110}");
    assert_member(rig, status(rig, 1), "breach_count", "1");
    assert_member(rig, status(rig, 1), "soft_breach_count", "0");
    assert_answer(reconcile_budgets(rig), "{'processed':1,'errors':0}");
    assert_member(rig, status(rig, 1), "breached_at", "1000000");
    rig->now_ms++;
    assert_answer(reconcile_budgets(rig), "{'processed':0,'errors':0}");
    assert_member(rig, status(rig, 1), "breached_at", "1000000");
    release(rig, 1, 2);
    assert_answer(reconcile_budgets(rig), "{'processed':1,'errors':0}");
    assert_member(rig, status(rig, 1), "breached_at", "");
}

static void
test_usage_and_limits(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "tokens 100/50, free 0/0");
    assert_answer(ask(rig, FF_OP_read_budget_usage_and_limits, "{'budget_id':'" BUDGET_ID "01'}"),
                  "{'limits':{'hard:free':'0','hard:tokens':'100','soft:free':'0',"
                  "'soft:tokens':'50'},'usage':{'tokens':0}}");
    assert_answer(ask(rig, FF_OP_read_budget_usage_and_limits, "{'budget_id':'" BUDGET_ID "02'}"),
                  "{'limits':{},'usage':{}}");
}

static void
test_five_reports(void **state)
{
    struct ff_rig *rig = *state;

    budget(rig, 1, "tokens 1200/800");
    assert_string_equal(report(rig, 1, "tokens 350", NULL), "ok");
    assert_string_equal(report(rig, 1, "tokens 350", NULL), "ok");
    assert_string_equal(report(rig, 1, "tokens 350", NULL), "soft_breach{tokens,1050,800}");
    assert_string_equal(report(rig, 1, "tokens 350", NULL), "hard_breach{tokens,1050,1200}");
    assert_string_equal(report(rig, 1, "tokens 350", NULL), "hard_breach{tokens,1050,1200}");
    assert_usage(rig, 1, "{'tokens':1050}");
}

static void
test_an_unreadable_budget_is_counted(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_uuid id = { .b = { 0xb0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1 } };
    const struct ff_key key = ff_key_uuid(&id);
    struct ff_str whole = ff_str(NULL, 0);

    for (int n = 1; n <= 3; n++) {
        assert_string_equal(budget_as(rig, n, "a 1/0", ",'enforcement_mode':'advisory'"),
                            "created");
        report(rig, n, "a 2", NULL);
    }
    whole = ff_rig_spoil(rig, FF_R_BUDGET, &key, ff_str("\xc1", 1));
    assert_answer(reconcile_budgets(rig), "{'processed':2,'errors':1}");
    assert_answer(status(rig, 1), "!corruption record");
    ff_rig_spoil(rig, FF_R_BUDGET, &key, whole);
    assert_answer(reconcile_budgets(rig), "{'processed':1,'errors':0}");
}

/* A dimension more than a budget may have is refused as a whole (05 §0.3). */
static void
test_too_many_dimensions(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_str names[256];
    uint64_t deltas[256];
    struct ff_report_usage_admin_args args = {
        .budget_id = { .b = { 0xb0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1 } },
        .dimensions = { .v = names, .n = 256 },
        .deltas = { .v = deltas, .n = 256 },
    };
    struct ff_report_usage_admin_result result;

    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 256; i++) {
            names[i] = ff_arena_printf(&rig->arena, "d%d-%d", round, i);
            deltas[i] = 1;
        }
        assert_ok(ff_rig_report_usage_admin(rig, &args, &result));
    }
    args.deltas.n = args.dimensions.n = 2;
    names[1] = ff_cstr("one more");
    assert_err(ff_rig_report_usage_admin(rig, &args, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "too_many");
    assert_detail(rig, "count", "1025");
    args.deltas.n = args.dimensions.n = 1;
    assert_ok(ff_rig_report_usage_admin(rig, &args, &result));
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(refused_rows, test_refused_row) };
    static const struct CMUnitTest tests[] = {
        RIG_TEST("05 ex 1 create twice", test_create_twice),
        RIG_TEST("05 ex 2 no dimensions", test_no_dimensions),
        RIG_TEST("05 ex 3 reports and breaches", test_reports_and_breaches),
        RIG_TEST("05 ex 4 soft, then hard", test_soft_then_hard),
        RIG_TEST("05 ex 5, 6 a breach applies nothing", test_a_breach_applies_nothing),
        RIG_TEST("05 ex 7, 8 the limit itself is allowed", test_the_limit_itself_is_allowed),
        RIG_TEST("05 ex 9 one soft breach a report", test_one_soft_breach_a_report),
        RIG_TEST("05 ex 10 an unknown budget", test_an_unknown_budget),
        RIG_TEST("05 ex 11, 12 report by handle", test_report_by_handle),
        RIG_TEST("05 ex 13, 15 dedup lasts a day", test_dedup_lasts_a_day),
        RIG_TEST("05 ex 14 a breach may come again", test_a_breach_may_come_again),
        RIG_TEST("05 ex 16 spend and release", test_spend_and_release),
        RIG_TEST("05 ex 17 release of nothing", test_release_of_nothing),
        RIG_TEST("05 ex 18 a repeated spend", test_a_repeated_spend),
        RIG_TEST("05 ex 19 reset by hand", test_reset_by_hand),
        RIG_TEST("05 ex 20 reset by time", test_reset_by_time),
        RIG_TEST("05 ex 20 a late first reset", test_a_late_first_reset),
        RIG_TEST("05 ex 21 an advisory budget", test_an_advisory_budget),
        RIG_TEST("05 ex 22 usage and limits", test_usage_and_limits),
        RIG_TEST("05 ex 23 five reports", test_five_reports),
        RIG_TEST("05 ex 24, 07 ex 29 an unreadable budget is counted",
                 test_an_unreadable_budget_is_counted),
        RIG_TEST("05 §0.3 too many dimensions", test_too_many_dimensions),
    };

    return ff_rig_main("budget", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
