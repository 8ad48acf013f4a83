/* Examples 18 and 30 of 07. */

#include "tests/engine/budget.h"
#include "tests/engine/lane.h"
#include "tests/engine/scan.h"

/* ---- example 18 ---- */

static void
enlist(struct ff_rig *rig, const char *name, const char *namespace, const char *lane,
       const char *capabilities)
{
    assert_answer(ask(rig, FF_OP_register_worker,
                      "{'worker_id':'r','worker_instance_id':'%s','lanes':['%s'],"
                      "'liveness_ttl_ms':600000,'namespace':'%s','capabilities':[%s]}",
                      name, lane, namespace, capabilities),
                  "{'outcome':'registered'}");
}

static void
block_by_route(struct ff_rig *rig, uint8_t number)
{
    create_requiring(rig, number, 0, "[\"gpu\",\"linux\"]");
    assert_string_equal(member(rig,
                               ask(rig, FF_OP_block_route,
                                   "{'execution_id':'" EID "%02d','lane_id':'L',"
                                   "'reason_code':'waiting_for_capable_worker','reason_detail':''}",
                                   number),
                               "outcome"),
                        "blocked");
}

static void
test_ex_18(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_scan_due_args args = { .scanner = FF_SCANNER_UNBLOCK, .block_ms = 30000 };
    struct ff_scan_due_result due = { 0 };
    struct ff_waiting *waiting = NULL;

    enlist(rig, "A", "N", "L", "'gpu'");
    enlist(rig, "B", "N", "L", "'linux'");
    block_by_route(rig, 1);
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0);
    enlist(rig, "C1", "M", "L", "'gpu','linux'"); /* another namespace */
    enlist(rig, "C2", "N", "K", "'gpu','linux'"); /* another lane */
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 0);
    waiting = ff_rig_start(rig, FF_OP_scan_due, &args);
    assert_false(ff_rig_is_done(waiting));
    enlist(rig, "C", "N", "L", "'gpu','linux'");
    ff_rig_pump(rig);
    assert_true(ff_rig_is_done(waiting)); /* at once */
    assert_ok(ff_rig_finish(rig, waiting, &due));
    assert_int_equal(due.items.n, 1);
    assert_int_equal(pass(rig, FF_SCANNER_UNBLOCK), 1);
    assert_field(rig, 1, "eligibility_state", "eligible_now");
}

/* ---- example 30 ---- */

#define LEASES 100

/* Two processes list the same leases before either of them has acted. */
static void
test_ex_30(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_scan_due_args args = { .scanner = FF_SCANNER_LEASE_EXPIRY,
                                     .limit = FF_SOME(ff_opt_u32, LEASES) };
    struct ff_scan_due_result due[2];
    uint32_t processed[2] = { 0, 0 };

    for (uint8_t i = 1; i <= LEASES; i++) {
        create_and_claim(rig, i);
    }
    rig->now_ms += TTL_MS;
    for (int i = 0; i < 2; i++) {
        due[i] = scan_due(rig, &args);
        assert_int_equal(due[i].items.n, LEASES);
    }
    for (uint32_t n = 0; n < LEASES; n++) { /* each is faster with half of them */
        for (uint32_t i = 0; i < 2; i++) {
            uint32_t who = (i + n) % 2;

            processed[who] += act_and_count(rig, args.scanner, &due[who].items.v[n]);
        }
    }
    assert_int_equal(processed[0] + processed[1], LEASES);
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_LEASE_HISTORY, "expired", NULL), LEASES);
    assert_int_equal(scan_due(rig, &args).items.n, 0);
}

int
main(void)
{
    static const struct CMUnitTest singles[] = {
        RIG_TEST("07 ex 18 a capable worker of the namespace and lane", test_ex_18),
        RIG_TEST("07 ex 30 two processes over 100 due leases", test_ex_30),
    };

    return ff_rig_main("scan_more", NULL, 0, singles, FF_COUNT(singles));
}
