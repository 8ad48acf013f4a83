#include "supervisor/ctl.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/codec.h"
#include "tests/rows.h"

/* Both ends in one process, on one loop. */
struct end {
    struct ff_ctl *ctl;
    uint32_t gone;
    struct ff_ctl_request *kept; /* of a scan that is not answered yet */
    char name[32];
    bool free_when_gone;
};

struct rig {
    struct ev_loop *loop;
    struct end up, down; /* the supervisor's, the child's */
    /* What the last answer was. */
    uint32_t answers;
    ff_err err;
    uint32_t processed;
    bool has_map, retryable;
};

static void
on_gone(void *ctx)
{
    struct end *end = ctx;

    end->gone++;
    if (end->free_when_gone) {
        ff_ctl_free(end->ctl);
        end->ctl = NULL;
    }
}

static void
on_scan(void *ctx, struct ff_ctl_request *request, const void *args)
{
    const struct ff_ctl_scan_args *scan = args;
    struct end *end = ctx;

    snprintf(end->name, sizeof(end->name), "%.*s", (int) scan->name.n, scan->name.p);
    end->kept = request;
}

static void
on_stop(void *ctx, struct ff_ctl_request *request, const void *args)
{
    (void) ctx;
    (void) args;
    ff_ctl_answer(request, NULL);
}

static const struct ff_ctl_handler handlers[] = {
    { FF_CTL_scan, on_scan },
    { FF_CTL_stop, on_stop },
    { 0 },
};

static void
on_answer(void *ctx, const struct ff_ctl_answer *answer)
{
    struct rig *rig = ctx;

    rig->answers++;
    rig->err = answer->fault.code;
    rig->retryable = answer->fault.retryable;
    rig->has_map = answer->map.p != NULL;
    if (answer->result != NULL) {
        rig->processed = ((const struct ff_ctl_scan_result *) answer->result)->processed;
    }
}

static int
setup(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    int fds[2];

    assert_non_null(rig);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    rig->loop = ev_loop_new(EVFLAG_AUTO);
    rig->up.ctl =
        ff_ctl_new(rig->loop, fds[0], &(struct ff_ctl_owner){ .gone = on_gone, .ctx = &rig->up });
    rig->down.ctl = ff_ctl_new(
        rig->loop, fds[1],
        &(struct ff_ctl_owner){ .handlers = handlers, .gone = on_gone, .ctx = &rig->down });
    *state = rig;
    return 0;
}

static int
teardown(void **state)
{
    struct rig *rig = *state;

    ff_ctl_free(rig->up.ctl);
    ff_ctl_free(rig->down.ctl);
    ev_loop_destroy(rig->loop);
    free(rig);
    return 0;
}

static void
scan(struct rig *rig, const char *name)
{
    struct ff_ctl_scan_args args = { .name = ff_cstr(name) };

    ff_ctl_call(rig->up.ctl, FF_CTL_scan, &args, on_answer, rig);
}

static void
run_until_kept(struct rig *rig)
{
    while (rig->down.kept == NULL) {
        ev_run(rig->loop, EVRUN_ONCE);
    }
}

static void
run_until_answers(struct rig *rig, uint32_t n)
{
    while (rig->answers < n) {
        ev_run(rig->loop, EVRUN_ONCE);
    }
}

static void
test_a_call_is_answered_later(void **state)
{
    struct rig *rig = *state;
    struct ff_ctl_scan_result result = { .processed = 7, .errors = 1 };

    scan(rig, "lease_expiry");
    assert_int_equal(rig->answers, 0);
    run_until_kept(rig);
    assert_string_equal(rig->down.name, "lease_expiry");
    ff_ctl_answer(rig->down.kept, &result);
    run_until_answers(rig, 1);
    assert_int_equal(rig->err, FF_E_OK);
    assert_int_equal(rig->processed, 7);
}

static void
test_a_refusal_arrives_as_it_was(void **state)
{
    struct rig *rig = *state;
    struct ff_fault fault = { 0 };

    scan(rig, "nobody");
    run_until_kept(rig);
    ff_fail(&fault, FF_E_CHILD_NOT_FOUND, ff_d_text("name", "nobody"));
    ff_ctl_refuse(rig->down.kept, "run_scanner", &fault);
    run_until_answers(rig, 1);
    assert_int_equal(rig->err, FF_E_CHILD_NOT_FOUND);
    assert_true(rig->has_map);
}

static void
test_what_nobody_handles_is_unavailable(void **state)
{
    struct rig *rig = *state;
    struct ff_ctl_stop_claims_args args = { 0 };

    ff_ctl_call(rig->up.ctl, FF_CTL_stop_claims, &args, on_answer, rig);
    run_until_answers(rig, 1);
    assert_int_equal(rig->err, FF_E_UNAVAILABLE);
}

static void
test_the_end_of_the_other_fails_what_is_under_way(void **state)
{
    struct rig *rig = *state;

    scan(rig, "a");
    run_until_kept(rig);
    ff_ctl_free(rig->down.ctl);
    rig->down.ctl = NULL;
    rig->up.free_when_gone = true;
    run_until_answers(rig, 1);
    assert_int_equal(rig->err, FF_E_TRANSPORT);
    assert_true(rig->retryable);
    assert_int_equal(rig->up.gone, 1);
    ff_ctl_answer(rig->down.kept, NULL); /* nobody is there: it only frees */
}

static void
test_a_call_after_the_end_fails_too(void **state)
{
    struct rig *rig = *state;

    ff_ctl_free(rig->down.ctl);
    rig->down.ctl = NULL;
    while (rig->up.gone == 0) {
        ev_run(rig->loop, EVRUN_ONCE);
    }
    scan(rig, "late");
    run_until_answers(rig, 1);
    assert_int_equal(rig->err, FF_E_TRANSPORT);
    assert_int_equal(rig->up.gone, 1);
}

static void
test_one_that_reads_nothing_is_gone_at_last(void **state)
{
    struct rig *rig = *state;
    int fds[2];

    ff_ctl_free(rig->up.ctl);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    rig->up.ctl =
        ff_ctl_new(rig->loop, fds[0], &(struct ff_ctl_owner){ .gone = on_gone, .ctx = &rig->up });
    while (rig->up.gone == 0) {
        struct ff_ctl_stop_args args = { .grace_ms = 1 };

        ff_ctl_call(rig->up.ctl, FF_CTL_stop, &args, NULL, NULL);
        ev_run(rig->loop, EVRUN_NOWAIT);
    }
    close(fds[1]);
}

/* Bytes that our own program would not send. */
static const struct garbage {
    const char *name;
    const char *bytes;
    size_t n;
} garbages[] = {
    { "no msgpack", "\xc1", 1 },
    { "no list", "\x01", 1 },
    { "a list of three", "\x93\x00\x01\xa4scan", 8 },
    { "an unknown name", "\x94\x00\x01\xa4nope\x80", 9 },
    { "an argument is missing", "\x94\x00\x01\xa4scan\x80", 9 },
    { "arguments that are no map", "\x94\x00\x01\xa4scan\x01", 9 },
};

static void
test_garbage(void **state)
{
    const struct garbage *row = *state;
    struct rig *rig = NULL;
    int fds[2];

    assert_int_equal(setup((void **) &rig), 0);
    ff_ctl_free(rig->down.ctl);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    rig->down.ctl = ff_ctl_new(
        rig->loop, fds[0],
        &(struct ff_ctl_owner){ .handlers = handlers, .gone = on_gone, .ctx = &rig->down });
    assert_int_equal(send(fds[1], row->bytes, row->n, 0), row->n);
    while (rig->down.gone == 0) {
        ev_run(rig->loop, EVRUN_ONCE);
    }
    close(fds[1]);
    assert_int_equal(teardown((void **) &rig), 0);
}

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(garbages, test_garbage) };
#define FF_SINGLE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        FF_SINGLE(test_a_call_is_answered_later),
        FF_SINGLE(test_a_refusal_arrives_as_it_was),
        FF_SINGLE(test_what_nobody_handles_is_unavailable),
        FF_SINGLE(test_the_end_of_the_other_fails_what_is_under_way),
        FF_SINGLE(test_a_call_after_the_end_fails_too),
        FF_SINGLE(test_one_that_reads_nothing_is_gone_at_last),
    };

    return ff_run_rows("ctl", tables, 1, tests, sizeof(tests) / sizeof(tests[0]));
}
