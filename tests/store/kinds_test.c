/* The record kinds of 05 and 06 on every store: made, changed, kept over a restart, removed. */
#include "core/records_stream.h"
#include "tests/rows.h"
#include "tests/store/bed.h"

#define DIGEST ff_str("0123456789abcdef", 16)

static struct ff_tally tallies[] = { { { "cost", 4 }, 0 }, { { "tokens", 6 }, INT64_MAX } };

struct kinds {
    struct ff_budget budget;
    struct ff_budget_key budget_key;
    struct ff_ledger ledger;
    struct ff_quota quota;
    struct ff_window window;
    struct ff_window_entry window_entry;
    struct ff_admission admission;
    struct ff_slot slot;
    struct ff_worker worker;
};

static struct kinds
some_of_each(uint8_t n)
{
    const struct ff_counts counts = { .v = tallies, .n = FF_COUNT(tallies) };
    const struct ff_uuid id = { .b = { n } };
    const struct ff_eid eid = ff_bed_exec(n).execution_id;

    return (struct kinds){
        .budget = { .budget_id = id,
                    .partition = n,
                    .scope_type = ff_cstr("flow"),
                    .scope_id = ff_cstr(""),
                    .enforcement_mode = ff_cstr("strict"),
                    .hard_limits = counts,
                    .usage = counts,
                    .next_reset_at = FF_SOME(ff_opt_i64, 1000 + n) },
        .budget_key = { .budget_id = id, .key_digest = DIGEST, .expires_at = 500 + n },
        .ledger = { .budget_id = id, .execution_id = eid, .spend = counts, .reset_count = n },
        .quota = { .quota_policy_id = id, .partition = n, .slots = 3 },
        .window = { .quota_policy_id = id, .dimension = DIGEST, .counted = n, .horizon = 7 },
        .window_entry = { .quota_policy_id = id,
                          .dimension = DIGEST,
                          .admitted_at = 100 + n,
                          .execution_id = eid,
                          .window_ms = 60000 },
        .admission = { .quota_policy_id = id,
                       .dimension = DIGEST,
                       .execution_id = eid,
                       .admitted_at = 100,
                       .guard_until = 200 + n,
                       .counted = true,
                       .grant_until = FF_SOME(ff_opt_i64, 150) },
        .slot = { .quota_policy_id = id, .execution_id = eid, .lapses_at = INT64_MAX },
        .worker = { .namespace = ff_cstr("n"),
                    .worker_instance_id = ff_cstr(n == 1 ? "w-1" : "w-2"),
                    .worker_id = ff_cstr("w"),
                    .last_heartbeat_ms = 1000,
                    .liveness_ttl_ms = n },
    };
}

static void
put_all(struct ff_bed *bed, const struct kinds *some)
{
    ff_bed_put(bed, FF_R_BUDGET, &some->budget);
    ff_bed_put(bed, FF_R_BUDGET_KEY, &some->budget_key);
    ff_bed_put(bed, FF_R_LEDGER, &some->ledger);
    ff_bed_put(bed, FF_R_QUOTA, &some->quota);
    ff_bed_put(bed, FF_R_WINDOW, &some->window);
    ff_bed_put(bed, FF_R_WINDOW_ENTRY, &some->window_entry);
    ff_bed_put(bed, FF_R_ADMISSION, &some->admission);
    ff_bed_put(bed, FF_R_SLOT, &some->slot);
    ff_bed_put(bed, FF_R_WORKER, &some->worker);
}

static void
remove_all(struct ff_bed *bed, const struct kinds *some)
{
    ff_bed_remove(bed, FF_R_BUDGET, ff_record_key(FF_R_BUDGET, &some->budget));
    ff_bed_remove(bed, FF_R_BUDGET_KEY, ff_record_key(FF_R_BUDGET_KEY, &some->budget_key));
    ff_bed_remove(bed, FF_R_LEDGER, ff_record_key(FF_R_LEDGER, &some->ledger));
    ff_bed_remove(bed, FF_R_QUOTA, ff_record_key(FF_R_QUOTA, &some->quota));
    ff_bed_remove(bed, FF_R_WINDOW, ff_record_key(FF_R_WINDOW, &some->window));
    ff_bed_remove(bed, FF_R_WINDOW_ENTRY, ff_record_key(FF_R_WINDOW_ENTRY, &some->window_entry));
    ff_bed_remove(bed, FF_R_ADMISSION, ff_record_key(FF_R_ADMISSION, &some->admission));
    ff_bed_remove(bed, FF_R_SLOT, ff_record_key(FF_R_SLOT, &some->slot));
    ff_bed_remove(bed, FF_R_WORKER, ff_record_key(FF_R_WORKER, &some->worker));
}

static const struct row {
    const char *name;
    const char *kind;
} rows[] = {
    { "kinds of 05 on memory", "memory" },
    { "kinds of 05 on the contrary memory", "contrary" },
    { "kinds of 05 on sqlite", "sqlite" },
    { "kinds of 05 on valkey", "valkey" },
};

static void
test_row(void **state)
{
    const struct row *row = *state;
    struct kinds one = some_of_each(1), two = some_of_each(2);
    struct ff_fault fault = { 0 };
    struct ff_bed bed;

    ff_bed_init(&bed, row->kind, NULL);
    assert_int_equal(ff_bed_open(&bed, &fault), FF_E_OK);
    put_all(&bed, &one);
    put_all(&bed, &two);
    ff_bed_commit(&bed);
    ff_bed_check(&bed);
    ff_bed_reopen(&bed);
    one.budget.next_reset_at = FF_NONE(ff_opt_i64);
    one.budget_key.expires_at += 50;
    one.ledger.reset_count++;
    one.admission.grant_until = FF_NONE(ff_opt_i64);
    one.slot.lapses_at = 17;
    one.worker.last_heartbeat_ms++;
    put_all(&bed, &one);
    remove_all(&bed, &two);
    ff_bed_commit(&bed);
    ff_bed_check(&bed);
    ff_bed_reopen(&bed);
    remove_all(&bed, &one);
    ff_bed_commit(&bed);
    ff_bed_check(&bed);
    ff_bed_done(&bed);
}

/* ---- streams ---- */

static const struct stream_row {
    const char *name;
    const char *kind;
} stream_rows[] = {
    { "kinds of 06 on memory", "memory" },
    { "kinds of 06 on the contrary memory", "contrary" },
    { "kinds of 06 on sqlite", "sqlite" },
    { "kinds of 06 on valkey", "valkey" },
};

static struct ff_out_frame
frame_of(const struct ff_exec *exec, enum ff_frame_keep mode, int64_t ms, uint64_t seq)
{
    return (struct ff_out_frame){ .execution_id = exec->execution_id,
                                  .attempt_index = 2,
                                  .mode = mode,
                                  .id_ms = ms,
                                  .id_seq = seq,
                                  .frame_type = ff_cstr("event"),
                                  .payload = ff_str("\xff\0x", 3) };
}

static struct ff_key
key_of(const struct ff_exec *exec, enum ff_frame_keep mode, uint64_t ms, uint64_t seq)
{
    return ff_key_frame(&exec->execution_id, 2, mode, &(struct ff_frame_id){ ms, seq });
}

static void
put_output(struct ff_bed *bed, const struct ff_exec *exec, int64_t sweep_at)
{
    const struct ff_stream stream = { .execution_id = exec->execution_id,
                                      .attempt_index = 2,
                                      .ema_rate_hz = 6.4,
                                      .sweep_at = FF_SOME(ff_opt_i64, sweep_at) };
    const struct ff_summary_doc doc = { .execution_id = exec->execution_id,
                                        .attempt_index = 2,
                                        .document = ff_cstr("{}"),
                                        .version = (uint64_t) sweep_at };

    ff_bed_put(bed, FF_R_STREAM, &stream);
    ff_bed_put(bed, FF_R_SUMMARY_DOC, &doc);
    for (int i = 0; i < 9; i++) {
        struct ff_out_frame frame =
            frame_of(exec, (enum ff_frame_keep)(i % 3), 1000 + i / 4, (uint64_t) i % 4);

        ff_bed_put(bed, FF_R_OUT_FRAME, &frame);
    }
}

static void
test_stream_row(void **state)
{
    const struct stream_row *row = *state;
    struct ff_exec one = ff_bed_exec(1), two = ff_bed_exec(2);
    struct ff_fault fault = { 0 };
    struct ff_bed bed;

    ff_bed_init(&bed, row->kind, NULL);
    assert_int_equal(ff_bed_open(&bed, &fault), FF_E_OK);
    ff_bed_activate(&one);
    ff_bed_put(&bed, FF_R_EXEC, &one);
    ff_bed_put(&bed, FF_R_EXEC, &two);
    put_output(&bed, &one, 10);
    put_output(&bed, &two, 20);
    ff_bed_commit(&bed);
    ff_bed_check(&bed);
    ff_bed_reopen(&bed);
    ff_bed_finish(&one);
    ff_bed_put(&bed, FF_R_EXEC, &one);
    put_output(&bed, &one, 30);
    ff_bed_remove(&bed, FF_R_OUT_FRAME, key_of(&one, FF_FRAME_DURABLE, 1000, 0));
    ff_bed_remove(&bed, FF_R_OUT_FRAME, key_of(&two, FF_FRAME_SUMMARY, 1000, 1));
    ff_bed_remove(&bed, FF_R_STREAM, ff_key_attempt(&two.execution_id, 2));
    ff_bed_commit(&bed);
    ff_bed_check(&bed);
    ff_bed_reopen(&bed);
    ff_bed_remove(&bed, FF_R_SUMMARY_DOC, ff_key_attempt(&one.execution_id, 2));
    ff_bed_remove(&bed, FF_R_OUT_FRAME, key_of(&one, FF_FRAME_SUMMARY, 1000, 1));
    ff_bed_commit(&bed);
    ff_bed_check(&bed);
    ff_bed_done(&bed);
}

static void
test_workers_stand_in_the_order_of_their_names(void **state)
{
    static const char *const names[] = { "", "a", "a!", "ab", "b" };

    (void) state;
    for (size_t i = 1; i < FF_COUNT(names); i++) {
        struct ff_key before = ff_key_worker(ff_cstr("n"), ff_cstr(names[i - 1]));
        struct ff_key after = ff_key_worker(ff_cstr("n"), ff_cstr(names[i]));
        struct ff_scope lower = ff_scope_workers(ff_cstr(names[i - 1]));
        struct ff_scope upper = ff_scope_workers(ff_cstr(names[i]));

        assert_true(ff_key_cmp(&before, &after) < 0);
        assert_true(ff_scope_cmp(&lower, &upper) < 0);
    }
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_row),
                                             FF_ROWS(stream_rows, test_stream_row) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_workers_stand_in_the_order_of_their_names),
    };

    return ff_run_rows("kinds", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
