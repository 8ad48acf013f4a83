/* One item that cannot be read keeps no other one waiting (07 §1.1): each scanner has two that are
 * due, of which the first is spoilt.
 */

#include "core/records_wait.h"
#include "tests/engine/budget.h"
#include "tests/engine/flow_acts.h"
#include "tests/engine/scan.h"
#include "tests/engine/wait_signal.h"

/* The item's members that are arguments of this operation. */
static struct ff_str
args_of(struct ff_rig *rig, enum ff_op op, const struct ff_due_item *due)
{
    struct ff_due_item own = *due;
    struct ff_packer packer;
    struct ff_str args;

    if (op == FF_OP_cancel_execution) {
        own.flow_id.is = false;
    } else if (op == FF_OP_ack_cancel_member) {
        own.reason = ff_cstr(NULL);
    }
    ff_packer_init(&packer);
    ff_encode(&ff_desc_due_item, &own, &packer.pk);
    args = ff_arena_copy(&rig->arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    return args;
}

static bool
fails(struct ff_rig *rig, enum ff_op op, const struct ff_due_item *due)
{
    void *result = ff_arena_zalloc(&rig->arena, ff_ops[op].result->size);

    return ff_rig_call_raw(rig, op, args_of(rig, op, due), result) != FF_E_OK;
}

static uint32_t
act_on_all(struct ff_rig *rig, enum ff_scanner scanner, const struct ff_due_item *due)
{
    uint32_t failed = 0;

#define FF_SCANNER(upper, name, process, interval, unit_ms, batch, flags)
#define FF_SCAN_WAKE(upper, index, when)
#define FF_SCAN_CALL(upper, op, changed, changed_too)                                              \
    if (scanner == FF_SCANNER_##upper) {                                                           \
        failed += fails(rig, FF_OP_##op, due);                                                     \
    }
#include "core/scanners.def"
    return failed;
}

/* What the process does: an item's failure is counted, and the others go on. Returns how many
 * failed. */
static uint32_t
pass_on(struct ff_rig *rig, enum ff_scanner scanner)
{
    struct ff_scan_due_args args = { .scanner = scanner };
    uint32_t failed = 0;

    for (;;) {
        struct ff_scan_due_result due = scan_due(rig, &args);

        for (uint32_t i = 0; i < due.items.n; i++) {
            failed += act_on_all(rig, scanner, &due.items.v[i]);
        }
        if (due.next_cursor.p == NULL) {
            return failed;
        }
        args.cursor = due.next_cursor;
    }
}

static void
spoil_exec(struct ff_rig *rig, uint8_t number)
{
    const struct ff_eid id = ff_rig_id(number);
    struct ff_key key = ff_key_eid(&id);

    ff_rig_spoil(rig, FF_R_EXEC, &key, ff_str("\xc1", 1));
}

/* ---- two executions that fall due together, 1 and 2 ---- */

static void
two_leased(struct ff_rig *rig)
{
    create_and_claim(rig, 1);
    create_and_claim(rig, 2);
    rig->now_ms += TTL_MS;
}

static void
two_delayed(struct ff_rig *rig)
{
    for (uint8_t i = 1; i <= 2; i++) {
        struct ff_claim_result claim = create_and_claim(rig, i);

        assert_ok(delay(rig, &claim, rig->now_ms + 1000));
    }
    rig->now_ms += 1000;
}

static void
two_attempts(struct ff_rig *rig)
{
    for (uint8_t i = 1; i <= 2; i++) {
        create_with(rig, i, "{\"timeout_policy\":{\"attempt_timeout_ms\":1000}}");
        claim_this(rig, i);
    }
    rig->now_ms += 1000;
}

static void
two_deadlines(struct ff_rig *rig)
{
    for (uint8_t i = 1; i <= 2; i++) {
        create_with(rig, i, "{\"timeout_policy\":{\"execution_deadline_ms\":1000}}");
    }
    rig->now_ms += 1000;
}

static void
two_suspended(struct ff_rig *rig)
{
    for (uint8_t i = 1; i <= 2; i++) {
        const struct ff_claim_result claim = create_and_claim(rig, i);
        struct ff_suspend_args args = suspend_args(rig, &claim, NULL, SINGLE("A", "go"));

        args.timeout_at = FF_SOME(ff_opt_i64, T + 1000);
        args.timeout_behavior = ff_cstr("fail");
        suspended_by(rig, &args);
    }
    rig->now_ms = T + 1000;
}

/* All of one class, so that the first one is the one that is judged. */
static void
three_blocked(struct ff_rig *rig)
{
    budget(rig, 1, "tokens 10/0");
    for (uint8_t i = 1; i <= 3; i++) {
        create_with(rig, i, "{\"budget_ids\":[\"" BUDGET_ID "01\"]}");
        ask(rig, FF_OP_block_execution_for_admission,
            "{'execution_id':'" EID "%02d','lane_id':'L','reason':'waiting_for_budget'}", i);
    }
    assert_field(rig, 2, "eligibility_state", "blocked_by_budget");
}

static const struct poison {
    const char *name;
    enum ff_scanner scanner;
    void (*make)(struct ff_rig *rig);
    const char *field, *want; /* of execution 2 afterwards */
    bool listed;              /* the spoilt one is, and fails */
} poisons[] = {
    { "lease_expiry", FF_SCANNER_LEASE_EXPIRY, two_leased, "ownership_state",
      "lease_expired_reclaimable", true },
    { "delayed_promoter", FF_SCANNER_DELAYED_PROMOTER, two_delayed, "public_state", "waiting",
      true },
    { "attempt_timeout", FF_SCANNER_ATTEMPT_TIMEOUT, two_attempts, "ownership_state", "unowned",
      true },
    { "execution_deadline", FF_SCANNER_EXECUTION_DEADLINE, two_deadlines, "public_state", "expired",
      true },
    { "suspension_timeout", FF_SCANNER_SUSPENSION_TIMEOUT, two_suspended, "public_state", "failed",
      true },
    { "unblock", FF_SCANNER_UNBLOCK, three_blocked, "eligibility_state", "eligible_now", false },
};

static void
test_poison(void **state)
{
    const struct poison *row = *state;
    void *fresh = NULL;
    struct ff_rig *rig = NULL;
    uint32_t failed = 0;

    assert_int_equal(wait_setup(&fresh), 0);
    rig = fresh;
    row->make(rig);
    spoil_exec(rig, 1);
    failed = pass_on(rig, row->scanner);
    assert_int_equal(failed > 0, row->listed);
    assert_field(rig, 2, row->field, row->want);
    assert_int_equal(ff_rig_teardown(&fresh), 0);
}

/* ---- others ---- */

static void
test_waitpoints(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct ff_claim_result other = create_and_claim(rig, 2);
    struct target first, second;
    struct ff_key key;

    assert_ok(create_pending(rig, &claim, "A", 1000, &first));
    assert_ok(create_pending(rig, &other, "A", 1000, &second));
    key = ff_key_waitpoint(6, &first.waitpoint_id);
    ff_rig_spoil(rig, FF_R_WAITPOINT, &key, ff_str("\xc1", 1));
    rig->now_ms += 1000;
    pass_on(rig, FF_SCANNER_PENDING_WP_EXPIRY);
    assert_closed(rig, &second);
}

static void
test_budgets(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_uuid id = { { 0xb0 } };
    struct ff_key key;

    for (int n = 1; n <= 2; n++) {
        assert_string_equal(budget_as(rig, n, "tokens 100/50", ",'reset_interval_ms':60000"),
                            "created");
        assert_string_equal(report(rig, n, "tokens 10", NULL), "ok");
    }
    id.b[6] = 0x40;
    id.b[8] = 0x80;
    id.b[15] = 1;
    key = ff_key_uuid(&id);
    ff_rig_spoil(rig, FF_R_BUDGET, &key, ff_str("\xc1", 1));
    rig->now_ms += 60000;
    assert_int_equal(pass_on(rig, FF_SCANNER_BUDGET_RESET), 1);
    assert_usage(rig, 2, "{\"tokens\":0}");
}

static void
cancel_later(struct ff_rig *rig, uint8_t flow)
{
    const struct ff_cancel_flow_header_args args = { .flow_id = flow_id_of(flow),
                                                     .policy = ff_cstr("cancel_all"),
                                                     .reason = ff_cstr("op"),
                                                     .grace_ms = ff_rig_any(rig, "30000") };
    struct ff_cancel_flow_header_result result;

    assert_ok(ff_rig_cancel_flow_header(rig, &args, &result));
    rig->now_ms++;
}

/* Of two cancelled flows the one that fell due first. */
static void
test_backlogs(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_create_flow_args args = { .flow_id = flow_id_of(1),
                                              .flow_kind = ff_cstr("dag"),
                                              .namespace = ff_cstr("N") };
    const struct ff_add_execution_to_flow_args add_args = { .flow_id = flow_id_of(1),
                                                            .execution_id = ff_rig_id(2) };
    struct ff_create_flow_result created;
    struct ff_add_execution_to_flow_result added;
    struct ff_uuid first = F;
    struct ff_key key = ff_key_flow(&first);

    make_flow(rig, 1);
    assert_ok(ff_rig_create_flow(rig, &args, &created));
    create(rig, 2);
    assert_ok(ff_rig_add_execution_to_flow(rig, &add_args, &added));
    cancel_later(rig, 0);
    cancel_later(rig, 1);
    ff_rig_spoil(rig, FF_R_FLOW, &key, ff_str("\xc1", 1));
    rig->now_ms += 30000;
    pass_on(rig, FF_SCANNER_CANCEL_RECONCILER);
    assert_field(rig, 1, "public_state", "waiting");
    assert_field(rig, 2, "public_state", "cancelled");
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(poisons, test_poison) };
    static const struct CMUnitTest singles[] = {
        WAIT_TEST("pending_wp_expiry", test_waitpoints),
        RIG_TEST("budget_reset", test_budgets),
        RIG_TEST("cancel_reconciler", test_backlogs),
    };

    return ff_rig_main("poison", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
