/* The engine stores legal state vectors only (01 §4.3, §4.4): what an operation would do wrong is
 * refused, or ends the process where that is asked for. */

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/state.h"
#include "tests/engine/lane.h"

/* ---- spoiling ---- */

static void
make_unowned(struct ff_exec *exec)
{
    exec->ownership_state = FF_OWNER_UNOWNED;
}

static void
make_leased(struct ff_exec *exec)
{
    exec->ownership_state = FF_OWNER_LEASED;
}

static void
mislabel(struct ff_exec *exec)
{
    exec->public_state = FF_PUBLIC_SKIPPED;
}

/* Breaks none of V1 to V11, but is no form that the engine stores. */
static void
misblock(struct ff_exec *exec)
{
    exec->blocking_reason = FF_BLOCK_WAITING_FOR_LOCALITY_MATCH;
}

/* Legal by itself, but nothing leads there from `terminal`. */
static void
activate(struct ff_exec *exec)
{
    exec->lifecycle_phase = FF_PHASE_ACTIVE;
    exec->ownership_state = FF_OWNER_LEASED;
    exec->eligibility_state = FF_ELIGIBLE_NA;
    exec->blocking_reason = FF_BLOCK_NONE;
    exec->attempt_state = FF_ATTEMPT_RUNNING;
    ff_exec_set_public(exec);
}

typedef void spoil_fn(struct ff_exec *exec);

static void
spoil_by(void *ctx, struct ff_exec *exec)
{
    spoil_fn *const *spoil = ctx;

    if (*spoil != NULL) {
        (*spoil)(exec);
    }
}

/* The engine of a release build, spoilt by *spoil. */
static struct ff_rig *
spoilt_rig(spoil_fn **spoil)
{
    struct ff_rig *rig = ff_rig_new();
    struct ff_engine_config config;

    ff_rig_engine_config(rig, &config);
    config.assert_legal = false;
    config.spoil_exec = spoil_by;
    config.spoil_ctx = spoil;
    ff_rig_restart(rig, &config);
    return rig;
}

/* ---- rows: what is refused ---- */

static const struct row {
    const char *name;
    const char *op;
    spoil_fn *spoil;
    const char *reason;
    const char *violations;
} rows[] = {
    { "a creation that would be leased", "create", make_leased, "state_vector", "[\"V10\"]" },
    { "a wrong label", "create", mislabel, "state_vector", "[\"V11\"]" },
    { "a form that is not stored", "create", misblock, "state_vector", "[]" },
    { "a claim that would be unowned", "claim", make_unowned, "state_vector", "[\"V10\"]" },
    { "a completion that would be leased", "complete", make_leased, "state_vector", "[\"V1\"]" },
    { "a recorded lapse that would be unowned", "late", make_unowned, "state_vector", "[\"V10\"]" },
    { "a replay that would be active", "replay", activate, "phase_move", "" },
};

/* Runs the row's operation on execution 1. */
static ff_err
run_row(struct ff_rig *rig, const char *op, const struct ff_claim_result *held)
{
    struct ff_create_execution_args create_args = ff_rig_new_exec(1);
    struct ff_create_execution_result created;
    struct ff_claim_args args = claim_args(rig, "[]");
    struct ff_claim_result claim;
    const struct ff_replay_execution_args replay_args = { .execution_id = ff_rig_id(1),
                                                          .reason = ff_cstr(""),
                                                          .requested_by = ff_cstr("") };
    struct ff_replay_execution_result replayed;

    if (strcmp(op, "create") == 0) {
        return ff_rig_create_execution(rig, &create_args, &created);
    }
    if (strcmp(op, "claim") == 0) {
        return ff_rig_claim(rig, &args, &claim);
    }
    if (strcmp(op, "replay") == 0) {
        return ff_rig_replay_execution(rig, &replay_args, &replayed);
    }
    return complete(rig, held, "done");
}

/* As far as it goes before the row's operation. */
static struct ff_claim_result
prepare_row(struct ff_rig *rig, const char *op)
{
    struct ff_claim_result held = { 0 };

    if (strcmp(op, "create") != 0) {
        create(rig, 1);
    }
    if (strcmp(op, "complete") == 0 || strcmp(op, "late") == 0) {
        held = claim_this(rig, 1);
    }
    if (strcmp(op, "late") == 0) {
        rig->now_ms += TTL_MS;
    }
    if (strcmp(op, "replay") == 0) {
        assert_ok(cancel_as(rig, 1, OPERATOR));
    }
    return held;
}

static void
test_row(void **state)
{
    const struct row *row = *state;
    spoil_fn *spoil = NULL;
    struct ff_rig *rig = spoilt_rig(&spoil);
    struct ff_claim_result held = prepare_row(rig, row->op);
    const char *before = vector(rig, 1);
    uint32_t leases = ff_rig_events(rig, FF_FAMILY_LEASE_HISTORY).n;
    uint32_t ends = ff_rig_events(rig, FF_FAMILY_COMPLETION).n;

    spoil = row->spoil;
    assert_err(run_row(rig, row->op, &held), FF_E_INVARIANT_VIOLATION);
    assert_detail(rig, "reason", row->reason);
    assert_detail(rig, "violations", row->violations);
    assert_string_equal(vector(rig, 1), before); /* nothing of it is there */
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_LEASE_HISTORY).n, leases);
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_COMPLETION).n, ends);
    spoil = NULL; /* and the engine goes on */
    assert_err(run_row(rig, row->op, &held),
               strcmp(row->op, "late") == 0 ? FF_E_LEASE_EXPIRED : FF_E_OK);
    ff_rig_free(rig);
}

/* ---- where the process ends ---- */

static void
test_a_debug_build_dies(void **state)
{
    static spoil_fn *spoil = make_leased;
    struct ff_rig *rig = *state;
    struct ff_engine_config config;
    int status = 0;
    pid_t child = -1;

    if (!rig->cheap) { /* the same code; and others have threads or connections */
        skip();
    }
    ff_rig_engine_config(rig, &config);
#ifdef FF_DEBUG
    assert_true(config.assert_legal);
#endif
    config.assert_legal = true;
    config.spoil_exec = spoil_by;
    config.spoil_ctx = &spoil;
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);

        dup2(null, 2);
        signal(SIGABRT, SIG_DFL);
        ff_rig_restart(rig, &config);
        create(rig, 1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };
    static const struct CMUnitTest tests[] = {
        RIG_TEST("a debug build ends at an illegal vector", test_a_debug_build_dies),
    };

    return ff_rig_main("legal", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
