/* flow.c: the flow of the demonstration: submitted, watched, approved, compared with the truth. */
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/id.h"
#include "core/partition.h"
#include "examples/demo/demo.h"

const char *const ff_demo_kinds[FF_DEMO_STAGES] = { "digest", "manifest", "approval", "words",
                                                    "report" };

/* ---- submitting ---- */

static struct ff_str
key_of(uint32_t at, enum ff_demo_stage stage, uint32_t first, struct ff_arena *arena)
{
    return ff_arena_printf(arena, "%s.%u", ff_demo_kinds[stage], (unsigned) (at - first + 1));
}

/* From every member of a stage to every one of another: one of the two has a single member. */
static void
connect_stages(const struct ff_demo_flow *flow, enum ff_demo_stage from, enum ff_demo_stage to,
               struct ff_submit_flow_args *args)
{
    for (uint32_t i = flow->first[from]; i < flow->first[from + 1]; i++) {
        for (uint32_t j = flow->first[to]; j < flow->first[to + 1]; j++) {
            args->edges.v[args->edges.n++] =
                (struct ff_submit_edge){ .from = args->members.v[i].key,
                                         .to = args->members.v[j].key,
                                         .dependency_kind = ff_cstr("success_only") };
        }
    }
}

static void
fill_graph(const struct ff_demo_flow *flow, struct ff_submit_flow_args *args,
           struct ff_arena *arena)
{
    args->members.v = FF_ARENA_NEW(arena, struct ff_submit_member, flow->n);
    args->members.n = flow->n;
    for (uint32_t i = 0; i < flow->n; i++) {
        const struct ff_demo_member *member = &flow->members[i];

        args->members.v[i] = (struct ff_submit_member){
            .key = key_of(i, member->stage, flow->first[member->stage], arena),
            .lane_id = ff_cstr("default"),
            .execution_kind = ff_cstr(ff_demo_kinds[member->stage]),
            .input_payload = member->path == NULL ? FF_NONE(ff_str) : ff_cstr(member->path),
            .creator_identity = ff_cstr("demo"),
        };
    }
    args->edges.v = FF_ARENA_NEW(arena, struct ff_submit_edge, 3u * flow->files + 2);
    connect_stages(flow, FF_DEMO_DIGEST, FF_DEMO_MANIFEST, args);
    connect_stages(flow, FF_DEMO_MANIFEST, FF_DEMO_APPROVAL, args);
    args->edges.v[args->edges.n - 1].data_passing_ref = ff_cstr("result"); /* it is the input */
    connect_stages(flow, FF_DEMO_APPROVAL, FF_DEMO_WORDS, args);
    connect_stages(flow, FF_DEMO_WORDS, FF_DEMO_REPORT, args);
    connect_stages(flow, FF_DEMO_MANIFEST, FF_DEMO_REPORT, args);
}

static void
take_id(struct ff_demo_member *member, struct ff_str key, const struct ff_tags *ids)
{
    struct ff_fault fault = { 0 };

    for (uint32_t i = 0; i < ids->n; i++) {
        if (ff_str_eq(ids->v[i].key, key) &&
            ff_eid_parse(ids->v[i].value, "execution_id", &member->id, &fault) == FF_E_OK) {
            return;
        }
    }
    ff_demo_die("submit_flow: no id for %.*s", (int) key.n, key.p);
}

void
ff_demo_submit(struct ff_demo_flow *flow)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_submit_flow_args args = { .flow = { .flow_kind = ff_cstr("demo"),
                                                  .namespace = ff_cstr("demo") } };
    struct ff_submit_flow_result result = { 0 };
    uint8_t random[16];

    randombytes_buf(random, sizeof(random));
    args.flow.flow_id = flow->flow_id = ff_uuid_v4(random);
    fill_graph(flow, &args, &arena);
    if (ff_client_submit_flow(flow->client, &args, &result, &answer) != FF_E_OK) {
        ff_demo_die("submit_flow: %s", ff_answer_text(&answer));
    }
    for (uint32_t i = 0; i < flow->n; i++) {
        take_id(&flow->members[i], args.members.v[i].key, &result.members);
    }
}

/* ---- watching ---- */

/* Reads made at a time: they travel together. */
struct looks {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    uint32_t missing;
};

struct look {
    struct looks *looks;
    struct ff_demo_member *member;
    struct ff_answer answer;
};

static void
on_answer(void *ctx, struct ff_answer *answer)
{
    struct look *look = ctx;

    pthread_mutex_lock(&look->looks->mutex);
    look->answer = *answer;
    look->looks->missing--;
    pthread_cond_signal(&look->looks->cond);
    pthread_mutex_unlock(&look->looks->mutex);
}

static bool
has_ended(enum ff_public_state state)
{
    return state == FF_PUBLIC_COMPLETED || state == FF_PUBLIC_FAILED ||
           state == FF_PUBLIC_CANCELLED || state == FF_PUBLIC_EXPIRED || state == FF_PUBLIC_SKIPPED;
}

static void
note(struct look *look)
{
    struct ff_read_execution_state_result result = { 0 };

    if (look->answer.fault.code != FF_E_OK ||
        ff_answer_result(&look->answer, FF_OP_read_execution_state, &result) != FF_E_OK) {
        ff_demo_die("read_execution_state: %s", ff_answer_text(&look->answer));
    }
    if (!result.public_state.is) {
        ff_demo_die("an execution is lost");
    }
    look->member->state = result.public_state.v;
    ff_answer_done(&look->answer);
}

/* Before the approval has ended no `words' do anything. */
static bool
may_move(const struct ff_demo_flow *flow, enum ff_demo_stage stage)
{
    return stage != FF_DEMO_WORDS || has_ended(flow->members[flow->first[FF_DEMO_APPROVAL]].state);
}

bool
ff_demo_look(struct ff_demo_flow *flow)
{
    struct looks looks = { .mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
    struct look *all = calloc(flow->n, sizeof(*all));
    uint32_t n = 0, open = 0;

    if (all == NULL) {
        ff_demo_die("out of memory");
    }
    for (uint32_t i = 0; i < flow->n; i++) {
        if (!has_ended(flow->members[i].state) && may_move(flow, flow->members[i].stage)) {
            all[n++] = (struct look){ .looks = &looks, .member = &flow->members[i] };
        }
    }
    looks.missing = n;
    for (uint32_t i = 0; i < n; i++) {
        const struct ff_read_execution_state_args args = { .execution_id = all[i].member->id };

        ff_client_read_execution_state_async(flow->client, &args, on_answer, &all[i]);
    }
    pthread_mutex_lock(&looks.mutex);
    while (looks.missing > 0) {
        pthread_cond_wait(&looks.cond, &looks.mutex);
    }
    pthread_mutex_unlock(&looks.mutex);
    for (uint32_t i = 0; i < n; i++) {
        note(&all[i]);
    }
    free(all);
    for (uint32_t i = 0; i < flow->n; i++) {
        open += !has_ended(flow->members[i].state);
    }
    return open == 0;
}

uint32_t
ff_demo_in(const struct ff_demo_flow *flow, enum ff_demo_stage stage, enum ff_public_state state)
{
    uint32_t n = 0;

    for (uint32_t i = flow->first[stage]; i < flow->first[stage + 1]; i++) {
        n += flow->members[i].state == state;
    }
    return n;
}

/* ---- approving ---- */

static struct ff_uuid
waitpoint_of(struct ff_demo_flow *flow, const struct ff_eid *id)
{
    const struct ff_list_pending_waitpoints_args args = { .execution_id = *id, .limit = 2 };
    struct ff_list_pending_waitpoints_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (ff_client_list_pending_waitpoints(flow->client, &args, &result, &answer) != FF_E_OK) {
        ff_demo_die("list_pending_waitpoints: %s", ff_answer_text(&answer));
    }
    if (result.entries.n != 1) {
        ff_demo_die("the approval has %u waitpoints, not one", result.entries.n);
    }
    return result.entries.v[0].waitpoint_id;
}

static struct ff_str
token_of(struct ff_demo_flow *flow, const struct ff_eid *id, const struct ff_uuid *waitpoint,
         struct ff_answer *answer)
{
    const struct ff_partition partition = { FF_PARTITION_FLOW, id->partition };
    char key[FF_PARTITION_KEY_MAX];
    const struct ff_read_waitpoint_token_args args = {
        .partition = ff_str(key, ff_partition_key_text(partition, key)),
        .waitpoint_id = *waitpoint,
        .execution_id = FF_SOME(ff_opt_eid, *id),
    };
    struct ff_read_waitpoint_token_result result = { 0 };

    if (ff_client_read_waitpoint_token(flow->client, &args, &result, answer) != FF_E_OK ||
        result.token.n == 0) {
        ff_demo_die("read_waitpoint_token: %s", ff_answer_text(answer));
    }
    return result.token;
}

static ff_err
deliver(struct ff_demo_flow *flow, const struct ff_eid *id, const struct ff_uuid *waitpoint,
        struct ff_str token, struct ff_answer *answer)
{
    const struct ff_deliver_signal_args args = { .execution_id = *id,
                                                 .waitpoint_id = *waitpoint,
                                                 .signal_name = ff_cstr("approved"),
                                                 .signal_category = ff_cstr("approval"),
                                                 .source_type = ff_cstr("user"),
                                                 .source_identity = ff_cstr("demo"),
                                                 .payload_encoding = ff_cstr("json"),
                                                 .correlation_id = ff_cstr(""),
                                                 .idempotency_key = ff_cstr("demo"),
                                                 .dedup_ttl_ms = 86400000,
                                                 .signal_maxlen = 1000,
                                                 .waitpoint_token = token };
    struct ff_deliver_signal_result result = { 0 };

    return ff_client_deliver_signal(flow->client, &args, &result, answer);
}

void
ff_demo_approve(struct ff_demo_flow *flow)
{
    const struct ff_eid id = flow->members[flow->first[FF_DEMO_APPROVAL]].id;
    const struct ff_uuid waitpoint = waitpoint_of(flow, &id);
    FF_SCOPED(ff_answer) token_answer = { 0 };
    FF_SCOPED(ff_answer) refused = { 0 };
    FF_SCOPED(ff_answer) accepted = { 0 };
    struct ff_str token = token_of(flow, &id, &waitpoint, &token_answer);
    struct ff_str forged = ff_arena_copy(&token_answer.arena, token);
    char *last = (char *) (uintptr_t) &forged.p[forged.n - 1];

    *last = *last == '0' ? '1' : '0';
    if (deliver(flow, &id, &waitpoint, forged, &refused) != FF_E_INVALID_TOKEN) {
        ff_demo_die("a forged signal was not refused: %s", ff_answer_text(&refused));
    }
    ff_demo_tell("a signal under a forged token is refused: %s",
                 ff_error_info(refused.fault.code)->code);
    if (deliver(flow, &id, &waitpoint, token, &accepted) != FF_E_OK) {
        ff_demo_die("deliver_signal: %s", ff_answer_text(&accepted));
    }
    ff_demo_tell("%sa signed signal%s approves it", ff_demo_bold(true), ff_demo_bold(false));
}

/* ---- comparing ---- */

static bool
is_right(struct ff_demo_flow *flow, const struct ff_demo_member *member)
{
    const struct ff_get_execution_result_args args = { .execution_id = member->id };
    struct ff_get_execution_result_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (ff_client_get_execution_result(flow->client, &args, &result, &answer) != FF_E_OK) {
        ff_demo_die("get_execution_result: %s", ff_answer_text(&answer));
    }
    return ff_str_is(result.result, member->want);
}

static uint32_t
attempts_of(struct ff_demo_flow *flow, const struct ff_demo_member *member)
{
    const struct ff_read_total_attempt_count_args args = { .execution_id = member->id };
    struct ff_read_total_attempt_count_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (ff_client_read_total_attempt_count(flow->client, &args, &result, &answer) != FF_E_OK) {
        ff_demo_die("read_total_attempt_count: %s", ff_answer_text(&answer));
    }
    return result.total_attempt_count;
}

static bool
succeeded(struct ff_demo_flow *flow, const struct ff_demo_member *member, uint32_t index)
{
    const struct ff_describe_attempt_args args = { .execution_id = member->id,
                                                   .attempt_index = index };
    struct ff_describe_attempt_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    return ff_client_describe_attempt(flow->client, &args, &result, &answer) == FF_E_OK &&
           result.attempt != NULL && result.attempt->attempt_lifecycle == FF_LIFE_ENDED_SUCCESS;
}

void
ff_demo_verify(struct ff_demo_flow *flow, struct ff_demo_count *out)
{
    *out = (struct ff_demo_count){ 0 };
    for (uint32_t i = 0; i < flow->n; i++) {
        const struct ff_demo_member *member = &flow->members[i];
        uint32_t attempts = attempts_of(flow, member);

        out->completed += member->state == FF_PUBLIC_COMPLETED;
        out->right += is_right(flow, member);
        out->attempts += attempts;
        out->done_again += attempts > 1;
        for (uint32_t a = 0; a < attempts; a++) {
            out->successes += succeeded(flow, member, a);
        }
    }
}
