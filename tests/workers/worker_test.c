/* What the runtime refuses before it has called anybody (08 §6.1). */
#include "workers/worker.h"

#include "tests/core/fault_check.h"
#include "tests/rows.h"

#define X8 "xxxxxxxx"
#define X64 X8 X8 X8 X8 X8 X8 X8 X8
#define X256 X64 X64 X64 X64

static struct ff_str lanes[33] = {
#define LANE                                                                                       \
    {                                                                                              \
        "a", 1                                                                                     \
    }
#define LANES8 LANE, LANE, LANE, LANE, LANE, LANE, LANE, LANE
    LANES8, LANES8, LANES8, LANES8, LANE,
};
static struct ff_str no_lane[] = { { "", 0 } };
static struct ff_str no_token[] = { { "a b", 3 } };

static const struct row {
    const char *name;
    struct ff_runtime_options options;
    const char *field; /* NULL: accepted */
} rows[] = {
    { "a name is enough", { .worker_id = "w" }, NULL },
    { "no name", { .worker_id = NULL }, "worker_id" },
    { "an empty name", { .worker_id = "" }, "worker_id" },
    { "a name with a space", { .worker_id = "a b" }, "worker_id" },
    { "a name of 256 bytes", { .worker_id = X256 }, NULL },
    { "a name of 257 bytes", { .worker_id = X256 "x" }, "worker_id" },
    { "an instance with a line end",
      { .worker_id = "w", .worker_instance_id = "a\n" },
      "worker_instance_id" },
    { "an empty namespace", { .worker_id = "w", .namespace = "" }, "namespace" },
    { "32 lanes", { .worker_id = "w", .lanes = { .v = lanes, .n = 32 } }, NULL },
    { "33 lanes", { .worker_id = "w", .lanes = { .v = lanes, .n = 33 } }, "lanes" },
    { "an empty lane", { .worker_id = "w", .lanes = { .v = no_lane, .n = 1 } }, "lanes" },
    { "a capability with a space",
      { .worker_id = "w", .capabilities = { .v = no_token, .n = 1 } },
      "capabilities" },
    { "1024 slots", { .worker_id = "w", .slots = 1024 }, NULL },
    { "1025 slots", { .worker_id = "w", .slots = 1025 }, "slots" },
    { "a lease of a second", { .worker_id = "w", .lease_ttl_ms = 1000 }, NULL },
    { "a lease below a second", { .worker_id = "w", .lease_ttl_ms = 999 }, "lease_ttl_ms" },
};

static void
test_row(void **state)
{
    const struct row *row = *state;
    struct ff_runtime_options options = row->options;
    struct ff_runtime *worker = NULL;
    struct ff_fault fault = { 0 };
    ff_err err = FF_E_OK;

    options.address = "ipc:///nonexistent/worker.sock";
    err = ff_runtime_open(&options, &worker, &fault);
    if (row->field == NULL) {
        assert_int_equal(err, FF_E_OK);
        ff_runtime_close(worker);
        return;
    }
    assert_int_equal(err, FF_E_INVALID_CONFIG);
    assert_detail_str(&fault, "context", "worker");
    assert_detail_str(&fault, "field", row->field);
}

/* Told to stop before it has found a daemon, it ends. */
static void
test_stop_without_a_daemon(void **state)
{
    const struct ff_runtime_options options = { .worker_id = "w",
                                                .address = "ipc:///nonexistent/worker.sock" };
    struct ff_runtime *worker = NULL;
    struct ff_fault fault = { 0 };

    (void) state;
    assert_int_equal(ff_runtime_open(&options, &worker, &fault), FF_E_OK);
    ff_runtime_stop(worker, 0);
    assert_int_equal(ff_runtime_run(worker, &fault), FF_E_OK);
    ff_runtime_close(worker);
}

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };
    const struct CMUnitTest singles[] = { cmocka_unit_test(test_stop_without_a_daemon) };

    return ff_run_rows("worker", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
