/* What a call decides by is proved at its commit (rely.h): another broker changes it just before.
 */
#include "tests/engine/ask.h"
#include "tests/engine/flow_acts.h"
#include "tests/engine/pair.h"

#define POLICY "'quota_policy_id':'c0000000-0000-4000-8000-000000000001'"

static void
create_there(struct pair *pair)
{
    create(pair->rigs[1], 1);
}

/* That there is none is proved, too: else nothing of the execution would tell of its slot. */
static void
test_what_is_not_there_is_held(void **state)
{
    struct pair *pair = *state;
    const struct ff_eid id = ff_rig_id(1);
    const struct ff_key key = ff_key_eid(&id);
    struct ff_exec exec = { 0 };

    (void) ask(pair->rigs[0], FF_OP_create_quota_policy,
               "{" POLICY ",'window_seconds':60,'max_requests_per_window':0,'max_concurrent':1}");
    pair->ports[0].meanwhile = create_there;
    assert_answer(ask(pair->rigs[0], FF_OP_check_admission,
                      "{" POLICY ",'execution_id':'{fp:6}:00000000-0000-4000-8000-000000000001'}"),
                  "{'outcome':'admitted'}");
    assert_int_equal(pair_conflicts(pair), 1);
    ff_rig_record(pair->rigs[0], FF_R_EXEC, &key, &exec);
    assert_true(exec.slot_held);
}

/* More than one step cancels: the first one does not write the group otherwise. */
#define UPSTREAMS 150
#define DOWN (UPSTREAMS + 1)

static void
drain_there(struct pair *pair)
{
    const struct ff_drain_sibling_cancel_group_args args = { .flow_id = F,
                                                             .downstream_execution_id =
                                                                 ff_rig_id(DOWN) };
    struct ff_drain_sibling_cancel_group_result result;

    assert_ok(ff_rig_drain_sibling_cancel_group(pair->rigs[1], &args, &result));
    assert_string_equal(result.outcome, "drained");
}

/* Siblings are cancelled as long as their group says so. */
static void
test_the_group_of_siblings_is_held(void **state)
{
    struct pair *pair = *state;
    struct ff_rig *here = pair->rigs[0];

    make_flow(here, DOWN);
    policy(here, DOWN, "{\"kind\":\"any_of\",\"on_satisfied\":\"cancel_remaining\"}");
    for (uint8_t up = A; up <= UPSTREAMS; up++) {
        build(here, up, up, DOWN);
    }
    succeed(here, A);
    assert_true(group_of(here, DOWN).cancel_siblings_pending);
    pair->ports[0].meanwhile = drain_there;
    consume(here);
    ff_rig_pump(here);
    assert_null(pair->ports[0].meanwhile);
    assert_int_equal(pair_conflicts(pair), 1);
    assert_field(here, B, "public_state", "waiting");
    assert_field(here, UPSTREAMS, "public_state", "waiting");
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        PAIR_TEST("what is not there is held", test_what_is_not_there_is_held),
        PAIR_TEST("the group of siblings is held", test_the_group_of_siblings_is_held),
    };

    return ff_run_rows("pair_rely", NULL, 0, tests, FF_COUNT(tests));
}
