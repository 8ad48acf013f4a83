/* A batch that is sent off while another one is under way. The store is told by the test what
 * becomes of each commit, and when. */

#include "tests/engine/life.h"

/* ---- a store that makes a commit when it is told to ---- */

static struct held {
    struct ff_store store; /* first */
    struct ff_store_ops ops;
    struct ff_store *under;
    struct ff_commit *commits[FF_COMMITS_MAX]; /* under way, the oldest first */
    uint32_t n;
    uint32_t n_seen; /* ever */
    bool late;       /* loads wait for let_load */
    struct ff_load *load;
    struct ff_load *passed;               /* on its way, or NULL */
    void (*answer)(struct ff_load *load); /* its own `done` */
} held;

#define TRIES_MAX 1000

static void
held_commit(struct ff_store *store, struct ff_commit *commit)
{
    (void) store;
    assert_true(held.n < FF_COMMITS_MAX);
    assert_int_equal(commit->follows, held.n > 0);
    held.commits[held.n++] = commit;
    held.n_seen++;
}

static void
passed_done(struct ff_load *load)
{
    held.passed = NULL;
    load->done = held.answer;
    load->done(load);
}

static void
held_load(struct ff_store *store, struct ff_load *load)
{
    (void) store;
    if (held.late) {
        assert_null(held.load);
        held.load = load;
    } else if (held.ops.immediate) {
        ff_store_load(held.under, load);
    } else {
        held.passed = load;
        held.answer = load->done;
        load->done = passed_done;
        ff_store_load(held.under, load);
    }
}

static struct ff_commit *
take_first(void)
{
    struct ff_commit *commit = held.commits[0];

    assert_true(held.n > 0);
    held.n--;
    held.commits[0] = held.commits[1];
    return commit;
}

static void
made(struct ff_commit *copy)
{
    *(bool *) copy->ctx = true;
}

/* The store makes the oldest one; the contrary store, as often as it takes. */
static void
make(void)
{
    struct ff_commit *commit = take_first();
    struct ff_commit copy = *commit;
    bool done = false;

    copy.follows = false;
    copy.done = made;
    copy.ctx = &done;
    for (uint32_t i = 0; i < copy.n_writes; i++) {
        copy.writes[i].record = copy.writes[i].before = NULL; /* they were to be had at once only */
    }
    for (int i = 0; i < TRIES_MAX && (!done || copy.outcome != FF_COMMIT_OK); i++) {
        done = false;
        copy.fault = (struct ff_fault){ 0 };
        ff_store_commit(held.under, &copy);
        while (!done) {
            ff_store_poll(held.under, true);
        }
    }
    assert_int_equal(copy.outcome, FF_COMMIT_OK);
    commit->outcome = FF_COMMIT_OK;
    commit->done(commit);
}

/* The oldest one is not made; of a conflict, its first record has moved. */
static void
refuse(enum ff_commit_outcome outcome)
{
    static uint32_t first;
    struct ff_commit *commit = take_first();

    first = 0;
    commit->outcome = outcome;
    commit->conflicts = &first;
    commit->n_conflicts = outcome == FF_COMMIT_CONFLICT;
    if (outcome == FF_COMMIT_FAILED) {
        ff_fail_transport(&commit->fault, "held", "transport", "refused");
    }
    commit->done(commit);
}

static bool looked;

static void
on_looked(struct ff_load *load)
{
    (void) load;
    looked = true;
}

/* The store looks now, makes so many commits, and answers. */
static void
let_load(uint32_t n_between)
{
    struct ff_load *load = held.load;
    void (*done)(struct ff_load *) = load->done;

    held.load = NULL;
    looked = false;
    load->done = on_looked;
    ff_store_load(held.under, load);
    while (!looked) {
        ff_store_poll(held.under, true);
    }
    while (n_between-- > 0 && held.n > 0) {
        make();
    }
    load->done = done;
    load->done(load);
}

static void
held_poll(struct ff_store *store, bool wait)
{
    (void) store;
    if (wait && held.load != NULL) {
        let_load(0);
    }
    if (wait && held.n > 0) {
        make();
    } else {
        ff_store_poll(held.under, false);
    }
}

static void
begin(struct ff_rig *rig)
{
    held = (struct held){ .under = rig->store, .ops = *rig->store->ops };
    held.ops.commit = held_commit;
    held.ops.load = held_load;
    held.ops.poll = held_poll;
    held.ops.columns = false;
    held.ops.commits_max = FF_COMMITS_MAX;
    held.store.ops = &held.ops;
    rig->store = &held.store;
    rig->contrary = false; /* nothing that the test has not asked for comes through */
    ff_engine_free(rig->engine);
    rig->engine = NULL;
}

static void
start(struct ff_rig *rig)
{
    struct ff_engine_config config;

    ff_rig_engine_config(rig, &config);
    rig->engine = ff_engine_new(&config, &held.store);
}

static int
setup(void **state)
{
    struct ff_rig *rig = ff_rig_new();

    begin(rig);
    start(rig);
    *state = rig;
    return 0;
}

static int
teardown(void **state)
{
    struct ff_rig *rig = *state;

    held.late = false;
    ff_engine_free(rig->engine);
    rig->engine = NULL;
    rig->store = held.under;
    ff_rig_free(rig);
    return 0;
}

#define HELD_TEST(name_, test_)                                                                    \
    {                                                                                              \
        .name = (name_), .test_func = (test_), .setup_func = setup, .teardown_func = teardown      \
    }

/* All that can be done before the store makes anything. */
static void
go(struct ff_rig *rig)
{
    ff_engine_run(rig->engine);
    for (int i = 0; i < TRIES_MAX && held.passed != NULL; i++) {
        ff_store_poll(held.under, true);
        ff_engine_run(rig->engine);
    }
    assert_null(held.passed);
}

static struct ff_waiting *
ask(struct ff_rig *rig, enum ff_op op, const void *args)
{
    struct ff_waiting *waiting = ff_rig_submit(rig, op, args);

    go(rig);
    return waiting;
}

static struct ff_waiting *
ask_create(struct ff_rig *rig, uint8_t number)
{
    const struct ff_create_execution_args args = ff_rig_new_exec(number);

    return ask(rig, FF_OP_create_execution, &args);
}

static struct ff_waiting *
ask_priority(struct ff_rig *rig, uint8_t number, int32_t priority)
{
    const struct ff_change_priority_args args = { .execution_id = ff_rig_id(number),
                                                  .new_priority = priority };

    return ask(rig, FF_OP_change_priority, &args);
}

static struct ff_waiting *
ask_claim(struct ff_rig *rig)
{
    const struct ff_claim_args args = claim_args(rig, "[]");

    return ask(rig, FF_OP_claim, &args);
}

static void
assert_created(struct ff_rig *rig, struct ff_waiting *waiting)
{
    struct ff_create_execution_result result;

    assert_ok(ff_rig_finish(rig, waiting, &result));
    assert_string_equal(result.outcome, "created");
}

static void
assert_prioritised(struct ff_rig *rig, struct ff_waiting *waiting, int32_t before)
{
    struct ff_change_priority_result result;

    assert_ok(ff_rig_finish(rig, waiting, &result));
    assert_int_equal(result.old_priority, before);
}

static void
assert_claimed(struct ff_rig *rig, struct ff_waiting *waiting, uint8_t number)
{
    struct ff_claim_result result;

    assert_ok(ff_rig_finish(rig, waiting, &result));
    assert_string_equal(result.outcome, "claimed");
    assert_true(ff_eid_eq(result.execution_id.v, ff_rig_id(number)));
}

static void
make_all(struct ff_rig *rig)
{
    for (int i = 0; i < 20 && held.n > 0; i++) {
        make();
        go(rig);
    }
    assert_int_equal(held.n, 0);
}

/* ---- the order ---- */

static void
test_each_is_answered_when_it_is_made(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *one = ask_create(rig, 1), *two = ask_create(rig, 2);
    struct ff_waiting *three = ask_create(rig, 3);

    assert_int_equal(held.n, 2); /* the third is for later */
    make();
    assert_true(ff_rig_is_done(one));
    assert_false(ff_rig_is_done(two));
    go(rig);
    assert_int_equal(held.n, 2);
    make();
    assert_true(ff_rig_is_done(two));
    assert_false(ff_rig_is_done(three));
    make();
    assert_created(rig, one);
    assert_created(rig, two);
    assert_created(rig, three);
}

static void
test_it_writes_from_what_the_first_one_makes(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *made_one = ask_create(rig, 1), *first = ask_priority(rig, 1, 5);
    struct ff_waiting *second = NULL, *third = NULL;

    make();
    second = ask_priority(rig, 1, 6);
    assert_int_equal(held.n, 2);
    make();
    third = ask_priority(rig, 1, 7);
    make_all(rig);
    assert_created(rig, made_one);
    assert_prioritised(rig, first, 0);
    assert_prioritised(rig, second, 5);
    assert_prioritised(rig, third, 6);
    assert_field(rig, 1, "priority", "7");
}

static void
test_a_read_waits_for_what_it_has_seen(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_read_execution_state_args args = { .execution_id = ff_rig_id(1) };
    struct ff_read_execution_state_result result;
    struct ff_waiting *one = ask_create(rig, 1), *two = ask_create(rig, 2);
    struct ff_waiting *read = ask(rig, FF_OP_read_execution_state, &args);

    assert_false(ff_rig_is_done(read));
    make();
    assert_created(rig, one);
    make_all(rig);
    assert_created(rig, two);
    assert_ok(ff_rig_finish(rig, read, &result));
    assert_true(result.public_state.is);
}

static void
test_the_end_waits_for_both(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *one = ask_create(rig, 1), *two = ask_create(rig, 2);

    assert_int_equal(held.n, 2);
    ff_engine_free(rig->engine);
    assert_int_equal(held.n, 0);
    assert_created(rig, one);
    assert_created(rig, two);
    start(rig);
    assert_field(rig, 2, "public_state", "waiting");
}

/* ---- the first one is not made ---- */

static void
test_a_conflict_takes_both_back(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *one = ask_create(rig, 1), *two = ask_priority(rig, 1, 5);
    struct ff_waiting *three = ask_create(rig, 3);
    uint32_t seen = held.n_seen;

    assert_int_equal(held.n, 2);
    refuse(FF_COMMIT_CONFLICT);
    go(rig);
    assert_int_equal(held.n_seen, seen); /* the other one's outcome is not known yet */
    refuse(FF_COMMIT_ORPHANED);
    assert_false(ff_rig_is_done(one) || ff_rig_is_done(two) || ff_rig_is_done(three));
    go(rig);
    make_all(rig);
    assert_created(rig, one);
    assert_prioritised(rig, two, 0);
    assert_created(rig, three);
    assert_field(rig, 1, "priority", "5");
}

static void
test_a_failure_fails_the_first_and_repeats_the_other(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *one = ask_create(rig, 1), *two = ask_priority(rig, 1, 5);
    struct ff_waiting *three = ask_create(rig, 3);

    refuse(FF_COMMIT_FAILED);
    assert_false(ff_rig_is_done(one));
    refuse(FF_COMMIT_ORPHANED);
    assert_err(ff_rig_finish(rig, one, NULL), FF_E_TRANSPORT);
    assert_false(ff_rig_is_done(two));
    go(rig);
    make_all(rig);
    assert_err(ff_rig_finish(rig, two, NULL), FF_E_EXECUTION_NOT_FOUND); /* as if it never was */
    assert_created(rig, three);
}

static void
test_what_nobody_knows_of_is_not_repeated(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *one = ask_create(rig, 1), *two = ask_create(rig, 2);
    struct ff_waiting *three = ask_create(rig, 3);

    refuse(FF_COMMIT_FAILED);
    refuse(FF_COMMIT_FAILED);
    assert_err(ff_rig_finish(rig, one, NULL), FF_E_TRANSPORT);
    assert_err(ff_rig_finish(rig, two, NULL), FF_E_TRANSPORT);
    go(rig);
    make_all(rig);
    assert_created(rig, three);
    assert_field(rig, 2, "public_state", "");
}

static void
test_a_read_of_what_was_not_made_is_repeated(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_read_execution_state_args args = { .execution_id = ff_rig_id(1) };
    struct ff_read_execution_state_result result;
    struct ff_waiting *one = ask_create(rig, 1);
    struct ff_waiting *read = ask(rig, FF_OP_read_execution_state, &args);

    refuse(FF_COMMIT_FAILED);
    go(rig);
    assert_err(ff_rig_finish(rig, one, NULL), FF_E_TRANSPORT);
    assert_ok(ff_rig_finish(rig, read, &result));
    assert_false(result.public_state.is);
}

/* ---- only the second one is not made ---- */

static void
test_the_second_one_alone_can_be_late(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *one = ask_create(rig, 1), *two = NULL, *three = NULL;

    make_all(rig);
    assert_created(rig, one);
    one = ask_create(rig, 4);
    two = ask_priority(rig, 1, 5);
    three = ask_priority(rig, 1, 6);
    assert_int_equal(held.n, 2);
    make();
    assert_created(rig, one);
    refuse(FF_COMMIT_CONFLICT);
    go(rig);
    make_all(rig);
    assert_prioritised(rig, two, 0);
    assert_prioritised(rig, three, 5);
    assert_field(rig, 1, "priority", "6");
}

static void
test_the_second_one_alone_can_fail(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *one = ask_create(rig, 1), *two = ask_priority(rig, 1, 5);
    struct ff_waiting *three = ask_priority(rig, 1, 6);

    make();
    refuse(FF_COMMIT_FAILED);
    go(rig);
    make_all(rig);
    assert_created(rig, one);
    assert_err(ff_rig_finish(rig, two, NULL), FF_E_TRANSPORT);
    assert_prioritised(rig, three, 0);
}

/* ---- alone ---- */

/* What has met a conflict is run alone: nothing goes before it that it does not see, and nothing
 * that it would have to be taken back with. */
static void
test_a_lonely_one_has_no_follower(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *one = ask_create(rig, 1), *two = NULL;

    refuse(FF_COMMIT_CONFLICT);
    two = ask_create(rig, 2);
    assert_int_equal(held.n, 1);
    make();
    assert_created(rig, one);
    make_all(rig);
    go(rig);
    make_all(rig);
    assert_created(rig, two);
}

/* ---- loads ---- */

/* Two executions are on their way into the store, and a page that shows neither, one or both. */
static const struct page_row {
    const char *name;
    uint32_t n_before, n_between; /* commits before it is read, and before it is answered */
    bool refused;
} page_rows[] = {
    { "a page from before both commits", 0, 0, false },
    { "a page from between them", 1, 0, false },
    { "a page from behind both", 2, 0, false },
    { "a page from before both, answered between them", 0, 1, false },
    { "a page from before both, answered behind them", 0, 2, false },
    { "a page from between them, answered behind both", 1, 1, false },
    { "a page from before two commits that are not made", 0, 0, true },
};

/* On each kind of store: the rig is the row's own. */
static void
test_page_row(void **state)
{
    const struct page_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_waiting *one = NULL, *two = NULL, *claim = NULL;
    struct ff_claim_result result;
    void *mine = rig;

    begin(rig);
    held.ops.immediate = false;
    start(rig);
    one = ask_create(rig, 1);
    two = ask_create(rig, 2);
    assert_int_equal(held.n, 2);
    held.late = true;
    claim = ask_claim(rig);
    assert_non_null(held.load);
    for (uint32_t i = 0; i < row->n_before; i++) {
        make();
    }
    for (int i = 0; i < 20 && held.load != NULL; i++) {
        let_load(row->n_between);
        go(rig);
    }
    if (row->refused) {
        refuse(FF_COMMIT_FAILED);
        refuse(FF_COMMIT_ORPHANED);
        go(rig);
    }
    held.late = false;
    for (int i = 0; i < 20 && !(ff_rig_is_done(claim) && ff_rig_is_done(two)); i++) {
        held_poll(&held.store, true);
        go(rig);
    }
    assert_int_equal(ff_rig_finish(rig, one, NULL), row->refused ? FF_E_TRANSPORT : FF_E_OK);
    assert_created(rig, two);
    if (row->refused) { /* run again, it may come before the other one: but 1 was never there */
        assert_ok(ff_rig_finish(rig, claim, &result));
        assert_true(!result.execution_id.is || ff_eid_eq(result.execution_id.v, ff_rig_id(2)));
    } else {
        assert_claimed(rig, claim, 1);
    }
    teardown(&mine);
}

/* ---- walks ---- */

#define CHAIN 3 /* members */

static struct ff_waiting *
ask_flow(struct ff_rig *rig, uint8_t number)
{
    static const char *const keys[CHAIN] = { "a", "b", "c" };
    struct ff_submit_member members[CHAIN];
    struct ff_submit_edge edges[CHAIN - 1];
    struct ff_submit_flow_args args = {
        .flow = { .flow_id = { { [15] = number } },
                  .flow_kind = ff_cstr("dag"),
                  .namespace = ff_cstr("N") },
        .members = { .v = members, .n = CHAIN },
        .edges = { .v = edges, .n = CHAIN - 1 },
    };

    for (uint32_t i = 0; i < CHAIN; i++) {
        members[i] = (struct ff_submit_member){ .key = ff_cstr(keys[i]),
                                                .lane_id = ff_cstr("L"),
                                                .execution_kind = ff_cstr("job"),
                                                .creator_identity = ff_cstr("") };
    }
    for (uint32_t i = 0; i < CHAIN - 1; i++) {
        edges[i] = (struct ff_submit_edge){ .from = ff_cstr(keys[i]),
                                            .to = ff_cstr(keys[i + 1]),
                                            .dependency_kind = ff_cstr("success_only") };
    }
    return ask(rig, FF_OP_submit_flow, &args);
}

/* Steps, as many as can be made before the store makes anything. */
static void
walk_on(struct ff_rig *rig)
{
    for (int i = 0; i < TRIES_MAX && ff_engine_wait_ms(rig->engine) == 0; i++) {
        go(rig);
    }
}

static void
make_some(struct ff_rig *rig, uint32_t n)
{
    for (; n > 0 && held.n > 0; n--) {
        make();
        go(rig);
        walk_on(rig);
    }
}

/* A member or an edge a step. */
static void
restart_in_steps(struct ff_rig *rig)
{
    struct ff_engine_config config;

    ff_engine_free(rig->engine);
    ff_rig_engine_config(rig, &config);
    config.submit_once_max = 0;
    config.submit_step = 1;
    rig->engine = ff_engine_new(&config, &held.store);
}

static void
assert_submitted(struct ff_rig *rig, struct ff_waiting *waiting, uint8_t number)
{
    const struct ff_describe_flow_args args = { .flow_id = { { [15] = number } } };
    struct ff_submit_flow_result result;
    struct ff_describe_flow_result described;

    assert_ok(ff_rig_finish(rig, waiting, &result));
    assert_string_equal(result.outcome, "submitted");
    assert_ok(ff_rig_describe_flow(rig, &args, &described));
    assert_int_equal(described.flow->node_count, CHAIN);
    assert_int_equal(described.flow->edge_count, CHAIN - 1);
    assert_int_equal(described.flow->edge_groups.n, CHAIN - 1);
}

static void
test_a_walk_goes_on(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_waiting *waiting = NULL;

    restart_in_steps(rig);
    waiting = ask_flow(rig, 1);
    walk_on(rig);
    assert_int_equal(held.n, FF_COMMITS_MAX); /* a step each, and the next one is made */
    make();
    go(rig);
    assert_int_equal(held.n, FF_COMMITS_MAX);
    make_some(rig, 20);
    assert_submitted(rig, waiting, 1);
}

/* Wherever it stood: what is made in the end is the same. */
static void
test_a_walk_goes_back(void **state)
{
    struct ff_rig *rig = *state;

    restart_in_steps(rig);
    for (uint8_t before = 0; before < 2 * CHAIN; before++) {
        struct ff_waiting *waiting = ask_flow(rig, before);

        walk_on(rig);
        make_some(rig, before);
        assert_true(held.n > 0);
        for (bool first = true; held.n > 0; first = false) {
            refuse(first ? FF_COMMIT_CONFLICT : FF_COMMIT_ORPHANED);
        }
        go(rig);
        walk_on(rig);
        assert_false(ff_rig_is_done(waiting));
        make_some(rig, 20);
        assert_submitted(rig, waiting, before);
    }
}

static void
test_a_walk_fails(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_submit_flow_result result;
    struct ff_waiting *waiting = NULL;

    restart_in_steps(rig);
    waiting = ask_flow(rig, 1);
    walk_on(rig);
    make_some(rig, 1);
    refuse(FF_COMMIT_FAILED);
    assert_false(ff_rig_is_done(waiting)); /* before the other one is heard of */
    refuse(FF_COMMIT_ORPHANED);
    assert_err(ff_rig_finish(rig, waiting, &result), FF_E_TRANSPORT);
    waiting = ask_flow(rig, 1);
    walk_on(rig);
    make_some(rig, 20);
    assert_submitted(rig, waiting, 1);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(page_rows, test_page_row) };
    static const struct CMUnitTest singles[] = {
        HELD_TEST("each is answered when it is made", test_each_is_answered_when_it_is_made),
        HELD_TEST("it writes from what the first one makes",
                  test_it_writes_from_what_the_first_one_makes),
        HELD_TEST("a read waits for what it has seen", test_a_read_waits_for_what_it_has_seen),
        HELD_TEST("the end waits for both", test_the_end_waits_for_both),
        HELD_TEST("a conflict takes both back", test_a_conflict_takes_both_back),
        HELD_TEST("a failure fails the first and repeats the other",
                  test_a_failure_fails_the_first_and_repeats_the_other),
        HELD_TEST("what nobody knows of is not repeated",
                  test_what_nobody_knows_of_is_not_repeated),
        HELD_TEST("a read of what was not made is repeated",
                  test_a_read_of_what_was_not_made_is_repeated),
        HELD_TEST("the second one alone can be late", test_the_second_one_alone_can_be_late),
        HELD_TEST("the second one alone can fail", test_the_second_one_alone_can_fail),
        HELD_TEST("a lonely one has no follower", test_a_lonely_one_has_no_follower),
        HELD_TEST("a walk makes its next step while the last one is committed",
                  test_a_walk_goes_on),
        HELD_TEST("it makes those again that were not made", test_a_walk_goes_back),
        HELD_TEST("it ends with a commit that fails", test_a_walk_fails),
    };

    return ff_rig_main("follower", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
