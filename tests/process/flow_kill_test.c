/* flow_kill_test.c: kill -9 of the broker amid a call of many steps. The same call, made again,
 * completes it, and nothing is there twice: a flow of 10 000 members is submitted; a member that
 * waits for 9 999 others is replayed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/id.h"
#include "tests/process/calls.h"
#include "tests/process/daemon.h"

#define MEMBERS 10000
/* The broker is killed when so many of them are there; a page of them. */
#define WATCHED 1000

struct graph {
    struct ff_submit_member members[MEMBERS];
    struct ff_submit_edge edges[MEMBERS - 1];
    char keys[MEMBERS][8];
    struct ff_submit_flow_args args;
};

/* A chain, or a last member that waits for all others. The flow's partition is not known here, so
 * no member's id is given. */
static struct graph *
new_graph(struct ff_uuid flow_id, bool fan_in)
{
    struct graph *graph = calloc(1, sizeof(*graph));
    char *last = NULL;

    assert_non_null(graph);
    last = graph->keys[MEMBERS - 1];
    snprintf(last, sizeof(graph->keys[0]), "m%u", MEMBERS - 1);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        snprintf(graph->keys[i], sizeof(graph->keys[i]), "m%u", (unsigned) i);
        graph->members[i] = (struct ff_submit_member){ .key = ff_cstr(graph->keys[i]),
                                                       .lane_id = ff_cstr(FF_TEST_LANE),
                                                       .execution_kind = ff_cstr("link"),
                                                       .creator_identity = ff_cstr("") };
        if (i > 0) {
            graph->edges[i - 1] =
                (struct ff_submit_edge){ .from = ff_cstr(graph->keys[i - 1]),
                                         .to = ff_cstr(fan_in ? last : graph->keys[i]),
                                         .dependency_kind = ff_cstr("success_only") };
        }
    }
    graph->args = (struct ff_submit_flow_args){
        .flow = { .flow_id = flow_id, .flow_kind = ff_cstr("graph"), .namespace = ff_cstr("n") },
        .members = { .v = graph->members, .n = MEMBERS },
        .edges = { .v = graph->edges, .n = MEMBERS - 1 },
    };
    return graph;
}

/* How many executions of the flow's partition there are; stops counting at `most`. */
static uint32_t
count(struct ff_client *client, struct ff_str partition, uint32_t most)
{
    struct ff_list_executions_args args = { .partition = partition, .limit = 1000 };
    char after[64];
    uint32_t n = 0;

    for (;;) {
        struct ff_list_executions_result result = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        assert_int_equal(ff_client_list_executions(client, &args, &result, &answer), FF_E_OK);
        n += result.executions.n;
        if (result.next_cursor.p == NULL || n >= most) {
            return n;
        }
        assert_true(result.next_cursor.n < sizeof(after));
        memcpy(after, result.next_cursor.p, result.next_cursor.n);
        args.cursor = ff_str(after, result.next_cursor.n);
    }
}

static uint32_t
nodes_of(struct ff_client *client, struct ff_uuid flow_id)
{
    const struct ff_describe_flow_args args = { .flow_id = flow_id };
    struct ff_describe_flow_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_describe_flow(client, &args, &result, &answer), FF_E_OK);
    return result.flow == NULL ? 0 : result.flow->node_count;
}

/* Returns the last member. */
static struct ff_eid
submit(struct ff_client *client, const struct graph *graph, const char *outcome)
{
    const struct ff_str last = ff_cstr(graph->keys[MEMBERS - 1]);
    struct ff_submit_flow_result result = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_eid id = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_submit_flow(client, &graph->args, &result, &answer), FF_E_OK);
    assert_string_equal(result.outcome, outcome);
    assert_int_equal(result.members.n, MEMBERS);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        if (ff_str_eq(result.members.v[i].key, last)) {
            assert_int_equal(ff_eid_parse(result.members.v[i].value, "members", &id, &fault),
                             FF_E_OK);
        }
    }
    return id;
}

static void
assert_under_way(struct ff_pending *pending)
{
    bool done = false;

    pthread_mutex_lock(&pending->mutex);
    done = pending->done;
    pthread_mutex_unlock(&pending->mutex);
    assert_false(done);
}

/* What the client has asked for is under way. */
static void
kill_under(struct ff_daemon *daemon, struct ff_client *client, struct ff_pending *pending)
{
    ff_daemon_kill(daemon);
    ff_client_close(client); /* which ends its call */
    (void) ff_pending_await(pending);
    ff_pending_done(pending);
    ff_daemon_start(daemon, NULL);
}

static void
test_a_submission_survives_a_kill(void **state)
{
    struct ff_daemon *daemon = *state;
    const struct ff_uuid flow_id = ff_test_eid().uuid;
    struct graph *graph = new_graph(flow_id, false);
    const struct ff_partition_for_args of = { .flow_id = FF_SOME(ff_opt_uuid, flow_id) };
    struct ff_partition_for_result partition = { 0 };
    const struct ff_claim_args claim_args = ff_test_claim_args("w-1", 60000, 0);
    struct ff_claim_result claim = { 0 };
    struct ff_client *client = NULL, *watcher = NULL;
    struct ff_pending pending;
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) claimed = { 0 };
    FF_SCOPED(ff_answer) none = { 0 };

    ff_daemon_start(daemon, NULL);
    client = ff_test_client(daemon->worker, NULL);
    watcher = ff_test_client(daemon->worker, NULL);
    assert_int_equal(ff_client_partition_for(watcher, &of, &partition, &answer), FF_E_OK);
    ff_pending_start(&pending, client, FF_OP_submit_flow, &graph->args);
    while (count(watcher, partition.partition_key, WATCHED) < WATCHED) {
        assert_under_way(&pending);
    }
    kill_under(daemon, client, &pending);
    assert_int_equal(nodes_of(watcher, flow_id), 0);
    assert_in_range(count(watcher, partition.partition_key, UINT32_MAX), WATCHED, MEMBERS);
    client = ff_test_client(daemon->worker, "w-1");
    assert_int_equal(ff_client_claim(client, &claim_args, &claim, &none), FF_E_OK);
    assert_string_equal(claim.outcome, "none"); /* nothing of it runs */
    (void) submit(client, graph, "submitted");
    assert_int_equal(nodes_of(watcher, flow_id), MEMBERS);
    assert_int_equal(count(watcher, partition.partition_key, UINT32_MAX), MEMBERS);
    (void) submit(client, graph, "already_submitted");
    claim = ff_test_claim(client, &claim_args, &claimed);
    assert_string_equal(claim.outcome, "claimed");
    ff_client_close(client);
    ff_client_close(watcher);
    ff_daemon_stop(daemon);
    free(graph);
}

/* ---- a replay ---- */

static struct ff_edge_group_snapshot
group_of(struct ff_client *client, struct ff_uuid flow_id)
{
    const struct ff_describe_flow_args args = { .flow_id = flow_id };
    struct ff_describe_flow_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_describe_flow(client, &args, &result, &answer), FF_E_OK);
    assert_int_equal(result.flow->edge_groups.n, 1);
    return result.flow->edge_groups.v[0];
}

/* A fan-in all of whose upstreams have been cancelled. Returns the member that waits for them. */
static struct ff_eid
break_all(struct ff_client *client, struct ff_uuid flow_id)
{
    struct graph *graph = new_graph(flow_id, true);
    struct ff_flow_wait wait = { .kind = FF_FLOW_WAIT_INDEFINITE };
    const struct ff_cancel_flow_args args = { .flow_id = flow_id,
                                              .policy = ff_cstr("cancel_all"),
                                              .wait = &wait,
                                              .reason = ff_cstr("enough") };
    struct ff_cancel_flow_result result = { 0 };
    struct ff_eid id = submit(client, graph, "submitted");
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_cancel_flow(client, &args, &result, &answer), FF_E_OK);
    while (group_of(client, flow_id).failed_count < MEMBERS - 1) {
        ff_test_ping(client); /* each edge is told of by itself */
    }
    assert_string_equal(ff_test_state(client, id), "cancelled");
    free(graph);
    return id;
}

/* Before its edges are taken back, all of them, it does not run. */
static void
assert_between(struct ff_client *client, struct ff_uuid flow_id, struct ff_eid id)
{
    const char *state =
        ff_test_state(client, id); /* the engine goes on by itself, after a second */
    struct ff_edge_group_snapshot group = group_of(client, flow_id);

    assert_int_equal(group.failed_count + group.running_count, MEMBERS - 1);
    if (strcmp(state, "waiting_children") == 0) {
        assert_int_equal(group.failed_count, 0);
    } else {
        assert_string_equal(state, "cancelled");
    }
}

static void
test_a_replay_survives_a_kill(void **state)
{
    struct ff_daemon *daemon = *state;
    const struct ff_uuid flow_id = ff_test_eid().uuid;
    struct ff_replay_execution_args args = { .reason = ff_cstr("again") };
    struct ff_replay_execution_result result = { 0 };
    struct ff_client *client = NULL, *watcher = NULL;
    struct ff_pending pending;
    FF_SCOPED(ff_answer) answer = { 0 };
    ff_err err = FF_E_OK;

    ff_daemon_start(daemon, NULL);
    client = ff_test_client(daemon->worker, NULL);
    watcher = ff_test_client(daemon->worker, NULL);
    args.execution_id = break_all(watcher, flow_id);
    ff_pending_start(&pending, client, FF_OP_replay_execution, &args);
    while (group_of(watcher, flow_id).failed_count == MEMBERS - 1) {
        assert_under_way(&pending);
    }
    kill_under(daemon, client, &pending);
    assert_between(watcher, flow_id, args.execution_id);
    err = ff_client_replay_execution(watcher, &args, &result, &answer);
    assert_true(err == FF_E_OK || err == FF_E_EXECUTION_NOT_TERMINAL); /* it has gone on already */
    assert_string_equal(ff_test_state(watcher, args.execution_id), "waiting_children");
    assert_int_equal(group_of(watcher, flow_id).group_state, FF_GROUP_PENDING);
    assert_int_equal(group_of(watcher, flow_id).failed_count, 0);
    assert_int_equal(group_of(watcher, flow_id).running_count, MEMBERS - 1);
    ff_client_close(watcher);
    ff_daemon_stop(daemon);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_submission_survives_a_kill, ff_daemon_setup,
                                        ff_daemon_teardown),
        cmocka_unit_test_setup_teardown(test_a_replay_survives_a_kill, ff_daemon_setup,
                                        ff_daemon_teardown),
    };

    return ff_run_rows("flow_kill", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
