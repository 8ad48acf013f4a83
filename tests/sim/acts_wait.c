/* acts_wait.c: suspensions and signals: early, late, repeated, forged, after a rotation; time-outs
 * that come when they like; and what must hold of waitpoints, episodes and signals, commit by
 * commit (03). */

#include <stdlib.h>

#include "core/id.h"
#include "core/records_wait.h"
#include "tests/sim/sim.h"

#define KNOWN 48      /* waitpoints whose tokens are used */
#define KEYS_MAX 4096 /* signals that were accepted under a key */
#define SECRET_1 "0101010101010101010101010101010101010101010101010101010101010101"
#define SECRET_2 "0202020202020202020202020202020202020202020202020202020202020202"

/* A waitpoint that somebody was told of. */
struct known {
    uint8_t id;
    struct ff_uuid waitpoint_id;
    char token[160];
    uint32_t token_n;
};

/* What the store has of one execution. */
struct waits_of {
    uint32_t open, active; /* waitpoints */
    bool suspended;        /* an open suspension */
    struct ff_uuid suspension_id;
    uint64_t signals, by_time; /* created; those of time-outs among them */
    uint64_t events;           /* accepted ones in the feed */
};

struct accepted {
    struct ff_uuid waitpoint_id, signal_id;
    uint8_t key;
};

struct ff_sim_waits {
    struct known known[KNOWN];
    uint64_t n_known;
    struct ff_str conditions[6];
    struct waits_of of[N_IDS + 1];
    struct accepted keys[KEYS_MAX];
    uint32_t n_keys;
};

static struct ff_sim_waits *
all_waits(struct world *world)
{
    static const char *const conditions[] = {
        "{\"kind\":\"single\",\"waitpoint_key\":\"A\",\"matcher\":{\"kind\":\"by_name\",\"name\":"
        "\"go\"}}",
        "{\"kind\":\"single\",\"waitpoint_key\":\"A\",\"matcher\":{\"kind\":\"wildcard\"}}",
        "{\"kind\":\"count\",\"n\":2,\"count_kind\":\"distinct_sources\",\"waitpoints\":[\"A\"]}",
        "{\"kind\":\"all_of\",\"members\":[{\"kind\":\"single\",\"waitpoint_key\":\"A\","
        "\"matcher\":"
        "{\"kind\":\"by_name\",\"name\":\"go\"}},{\"kind\":\"count\",\"n\":3,\"count_kind\":"
        "\"distinct_signals\",\"waitpoints\":[\"A\"]}]}",
        "{\"kind\":\"operator_only\"}",
        "{\"kind\":\"all_of\",\"members\":[{\"kind\":\"operator_only\"},{\"kind\":\"single\","
        "\"waitpoint_key\":\"A\",\"matcher\":{\"kind\":\"wildcard\"}}]}",
    };

    if (world->waits == NULL) {
        world->waits = calloc(1, sizeof(*world->waits));
        assert_non_null(world->waits);
        for (size_t i = 0; i < FF_COUNT(conditions); i++) {
            world->waits->conditions[i] = ff_rig_any(world->rig, conditions[i]);
        }
    }
    return world->waits;
}

static void
learn(struct world *world, uint8_t id, const struct ff_uuid *waitpoint_id, struct ff_str token)
{
    struct ff_sim_waits *waits = all_waits(world);
    struct known *known = &waits->known[waits->n_known++ % KNOWN];

    CHECK(world, token.n <= sizeof(known->token), "a token of %u bytes\n", token.n);
    *known = (struct known){ .id = id, .waitpoint_id = *waitpoint_id, .token_n = token.n };
    memcpy(known->token, token.p, token.n);
}

/* Mostly a new one; NULL: none is known yet. */
static const struct known *
some_known(struct world *world)
{
    struct ff_sim_waits *waits = all_waits(world);
    uint64_t n = waits->n_known < KNOWN ? waits->n_known : KNOWN;
    uint32_t reach = one_in(world, 4) ? KNOWN : 6;

    if (n == 0) {
        return NULL;
    }
    reach = reach < n ? reach : (uint32_t) n;
    return &waits->known[(waits->n_known - 1 - below(world, reach)) % KNOWN];
}

/* ---- keys ---- */

static void *
ask_seed(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_seed_waitpoint_hmac_secret_args *args = ff_arena_zalloc(arena, sizeof(*args));

    (void) world;
    (void) asked;
    args->kid = ff_cstr("k1");
    args->secret_hex = ff_cstr(SECRET_1);
    return args;
}

static void *
ask_rotate(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_rotate_waitpoint_hmac_secret_all_args *args = ff_arena_zalloc(arena, sizeof(*args));
    bool first = one_in(world, 2);

    (void) asked;
    args->new_kid = ff_cstr(first ? "k1" : "k2");
    args->new_secret_hex = ff_cstr(first ? SECRET_1 : SECRET_2);
    args->grace_ms = ff_rig_any(world->rig, one_in(world, 2) ? "10" : "100000");
    return args;
}

static void
refused_rotate(struct world *world, const struct asked *asked, ff_err code)
{
    (void) asked;
    CHECK(world, code == FF_E_OK, "a rotation fails\n");
}

/* ---- suspending ---- */

static void *
ask_suspend(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    static const char *const behaviors[] = { "fail", "cancel", "expire", "auto_resume",
                                             "escalate" };
    struct ff_suspend_args *args = ff_arena_zalloc(arena, sizeof(*args));
    struct ff_sim_waits *waits = all_waits(world);
    const struct ff_handle *handle = NULL;
    const struct known *early = some_known(world);

    if (!ff_sim_some_lease(world, asked, &handle)) {
        return NULL;
    }
    args->handle = *handle;
    args->resume_condition = waits->conditions[below(world, FF_COUNT(waits->conditions))];
    args->reason_code = (enum ff_suspend_reason) below(world, ff_vocab_suspend_reason.n);
    args->timeout_behavior = ff_cstr(behaviors[below(world, FF_COUNT(behaviors))]);
    if (one_in(world, 2)) {
        args->timeout_at = FF_SOME(ff_opt_i64, world->rig->now_ms + below(world, 60));
    }
    if (early != NULL && one_in(world, 3)) {
        char id[40];

        ff_uuid_text(&early->waitpoint_id, id);
        args->waitpoints = ff_rig_any(
            world->rig,
            ff_arena_printf(arena, "[{\"kind\":\"use_pending\",\"waitpoint_id\":\"%s\"}]", id).p);
    }
    asked->with_request = one_in(world, 4);
    if (asked->with_request) {
        args->idempotency_key = ff_cstr(one_in(world, 2) ? "once" : "twice");
    }
    return args;
}

/* The lease ended so, unless an earlier call is answered again. */
static void
judge_suspend(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_suspend_result *suspended = result;
    const struct lease *lease = ff_sim_lease(world, &world->lives[asked->id], asked->epoch);

    learn(world, asked->id, &suspended->details.waitpoint_id, suspended->details.waitpoint_token);
    if (strcmp(suspended->outcome, "suspended") == 0 && !asked->with_request) {
        CHECK(world, lease->end == LEASE_RELEASED && strcmp(lease->how, "suspended") == 0,
              "%u: epoch %" PRIu64 " ended as `%s`, a worker was told `suspended`\n", asked->id,
              asked->epoch, lease->end == LEASE_LIVE ? "live" : lease->how);
    }
}

static void *
ask_create_waitpoint(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_create_waitpoint_args *args = ff_arena_zalloc(arena, sizeof(*args));
    const struct ff_handle *handle = NULL;

    if (!ff_sim_some_lease(world, asked, &handle)) {
        return NULL;
    }
    args->handle = *handle;
    args->waitpoint_key = ff_cstr("A");
    args->expires_in = below(world, 200);
    return args;
}

static void
judge_create_waitpoint(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_create_waitpoint_result *created = result;
    struct ff_key key = ff_key_waitpoint(6, &created->waitpoint_id);

    CHECK(world, ff_sim_committed_record(world, FF_R_WAITPOINT, &key, &world->rig->arena) != NULL,
          "a waitpoint that is not in the store\n");
    learn(world, asked->id, &created->waitpoint_id, created->hmac_token);
}

/* ---- signals ---- */

/* request_id: the waitpoint; instance: the key, 0 = none; with_request: the token is forged. */
static void *
ask_deliver_signal(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    static const char *const names[] = { "go", "go", "stop" }, *const who[] = { "a", "b", "c" };
    static const char *const keys[] = { "", "one", "two" };
    struct ff_deliver_signal_args *args = ff_arena_zalloc(arena, sizeof(*args));
    const struct known *known = some_known(world);

    if (known == NULL) {
        return NULL;
    }
    asked->id = known->id;
    asked->request_id = known->waitpoint_id;
    asked->instance = one_in(world, 2) ? (uint8_t) (1 + below(world, 2)) : 0;
    asked->with_request = one_in(world, 6);
    args->execution_id = ff_rig_id(known->id);
    args->waitpoint_id = known->waitpoint_id;
    args->signal_name = ff_cstr(names[below(world, FF_COUNT(names))]);
    args->signal_category = ff_cstr("");
    args->source_type = ff_cstr("user");
    args->source_identity = ff_cstr(who[below(world, FF_COUNT(who))]);
    args->payload_encoding = ff_cstr("json");
    args->idempotency_key = ff_cstr(keys[asked->instance]);
    args->dedup_ttl_ms = 1000000000;
    args->signal_maxlen = 1000;
    args->waitpoint_token = ff_arena_copy(arena, ff_str(known->token, known->token_n));
    if (asked->with_request) {
        char *last = (char *) (uintptr_t) args->waitpoint_token.p + known->token_n - 1;

        *last = *last == '0' ? '1' : '0';
    }
    return args;
}

/* Under one key one signal is accepted, whoever asks how often. */
static void
judge_key(struct world *world, const struct asked *asked, const struct ff_uuid *signal_id)
{
    struct ff_sim_waits *waits = all_waits(world);

    for (uint32_t i = 0; i < waits->n_keys; i++) {
        if (waits->keys[i].key == asked->instance &&
            ff_uuid_eq(waits->keys[i].waitpoint_id, asked->request_id)) {
            CHECK(world, ff_uuid_eq(waits->keys[i].signal_id, *signal_id),
                  "%u: two signals under one key\n", asked->id);
            return;
        }
    }
    if (waits->n_keys < KEYS_MAX) {
        waits->keys[waits->n_keys++] = (struct accepted){ .waitpoint_id = asked->request_id,
                                                          .signal_id = *signal_id,
                                                          .key = asked->instance };
    }
}

static void
judge_deliver(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_deliver_signal_result *delivered = result;
    bool accepted = strcmp(delivered->outcome, "accepted") == 0;
    const struct ff_uuid *signal_id =
        accepted ? &delivered->signal_id.v : &delivered->existing_signal_id.v;
    struct ff_key key = ff_key_signal(6, &asked->request_id, signal_id);

    CHECK(world, !asked->with_request, "%u: a forged token is taken\n", asked->id);
    CHECK(world, ff_sim_committed_record(world, FF_R_SIGNAL, &key, &world->rig->arena) != NULL,
          "%u: a signal that is not in the store\n", asked->id);
    if (asked->instance > 0) {
        judge_key(world, asked, signal_id);
    }
}

static void
refused_deliver(struct world *world, const struct asked *asked, ff_err code)
{
    CHECK(world,
          !asked->with_request || code == FF_E_INVALID_TOKEN ||
              code == FF_E_HMAC_SECRET_NOT_INITIALIZED,
          "%u: a forged token is told more than that it is wrong\n", asked->id);
}

static void *
ask_approval(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_deliver_approval_signal_args *args = ff_arena_zalloc(arena, sizeof(*args));
    const struct known *known = some_known(world);
    const struct life *life = NULL;

    if (known == NULL || !world->lives[known->id].exists) {
        return NULL;
    }
    life = &world->lives[known->id];
    asked->id = known->id;
    args->execution_id = ff_rig_id(known->id);
    args->lane_id = ff_arena_copy(arena, life->exec.lane_id);
    args->waitpoint_id = known->waitpoint_id;
    args->signal_name = ff_cstr("go");
    args->idempotency_suffix = ff_cstr(one_in(world, 2) ? "1" : "2");
    args->dedup_ttl_ms = 100;
    args->signal_maxlen = 1000;
    args->decided_by = ff_cstr(one_in(world, 2) ? "x" : "y");
    return args;
}

/* ---- other ends ---- */

static bool
is_suspended(const struct ff_exec *exec)
{
    return exec->lifecycle_phase == FF_PHASE_SUSPENDED;
}

static void *
ask_resume(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_resume_execution_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, is_suspended);
    args->execution_id = ff_rig_id(asked->id);
    args->resume_delay_ms = one_in(world, 2) ? below(world, 20) : 0;
    return args;
}

static void *
ask_expire_suspension(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_expire_suspension_args *args = ff_arena_zalloc(arena, sizeof(*args));

    ff_sim_prefer(world, asked, is_suspended);
    args->execution_id = ff_rig_id(asked->id);
    return args;
}

static void *
ask_close_waitpoint(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_close_waitpoint_args *args = ff_arena_zalloc(arena, sizeof(*args));
    const struct known *known = some_known(world);

    if (known == NULL) {
        return NULL;
    }
    asked->id = known->id;
    args->execution_id = ff_rig_id(known->id);
    args->waitpoint_id = known->waitpoint_id;
    if (one_in(world, 3)) {
        args->reason = ff_cstr("no more");
    }
    return args;
}

static void *
ask_observe(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_observe_signals_args *args = ff_arena_zalloc(arena, sizeof(*args));
    const struct ff_handle *handle = NULL;

    if (!ff_sim_some_lease(world, asked, &handle)) {
        return NULL;
    }
    args->handle = *handle;
    args->limit = 10;
    return args;
}

static void *
ask_list_suspended(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_list_suspended_args *args = ff_arena_zalloc(arena, sizeof(*args));

    (void) world;
    (void) asked;
    args->partition = ff_cstr("{fp:6}");
    args->limit = 1000;
    return args;
}

static void *
ask_read_token(struct world *world, struct ff_arena *arena, struct asked *asked)
{
    struct ff_read_waitpoint_token_args *args = ff_arena_zalloc(arena, sizeof(*args));
    const struct known *known = some_known(world);

    if (known == NULL) {
        return NULL;
    }
    asked->id = known->id;
    asked->request_id = known->waitpoint_id;
    args->partition = ff_cstr("{fp:6}");
    args->waitpoint_id = known->waitpoint_id;
    return args;
}

static void
judge_read_token(struct world *world, const struct asked *asked, const void *result)
{
    const struct ff_read_waitpoint_token_result *read = result;

    if (read->token.p != NULL) {
        learn(world, asked->id, &asked->request_id, read->token);
    }
}

static const struct act acts[] = {
    { FF_OP_seed_waitpoint_hmac_secret, 2, ask_seed, NULL, NULL },
    { FF_OP_rotate_waitpoint_hmac_secret_all, 1, ask_rotate, NULL, refused_rotate },
    { FF_OP_suspend, 8, ask_suspend, judge_suspend, NULL },
    { FF_OP_create_waitpoint, 3, ask_create_waitpoint, judge_create_waitpoint, NULL },
    { FF_OP_deliver_signal, 10, ask_deliver_signal, judge_deliver, refused_deliver },
    { FF_OP_deliver_approval_signal, 2, ask_approval, NULL, NULL },
    { FF_OP_resume_execution, 2, ask_resume, NULL, NULL },
    { FF_OP_expire_suspension, 4, ask_expire_suspension, NULL, NULL },
    { FF_OP_close_waitpoint, 2, ask_close_waitpoint, NULL, NULL },
    { FF_OP_observe_signals, 2, ask_observe, NULL, NULL },
    { FF_OP_list_suspended, 1, ask_list_suspended, NULL, NULL },
    { FF_OP_read_waitpoint_token, 1, ask_read_token, judge_read_token, NULL },
};
const struct acts ff_sim_wait_acts = { acts, FF_COUNT(acts) };

/* ---- what is committed ---- */

static void
see_waitpoint(struct world *world, const struct ff_waitpoint *before,
              const struct ff_waitpoint *after)
{
    struct waits_of *of = &all_waits(world)->of[after->execution_id.uuid.b[15]];

    of->open += (after->state != FF_WAITPOINT_CLOSED) -
                (before != NULL && before->state != FF_WAITPOINT_CLOSED);
    of->active += (after->state == FF_WAITPOINT_ACTIVE) -
                  (before != NULL && before->state == FF_WAITPOINT_ACTIVE);
    CHECK(world, (after->state == FF_WAITPOINT_CLOSED) == after->closed_at.is, "closed_at\n");
    if (before == NULL) {
        return;
    }
    CHECK(world, before->state <= after->state, "a waitpoint goes back\n");
    CHECK(world,
          before->created_at == after->created_at &&
              ff_str_eq(before->waitpoint_key, after->waitpoint_key) &&
              before->attempt_index == after->attempt_index &&
              (!before->suspension_id.is ||
               ff_uuid_eq(before->suspension_id.v, after->suspension_id.v)),
          "what is immutable of a waitpoint has changed\n");
    CHECK(world,
          before->state != FF_WAITPOINT_CLOSED ||
              ff_str_eq(before->close_reason, after->close_reason),
          "it is closed twice\n");
}

static void
see_suspension(struct world *world, const struct ff_suspension *before,
               const struct ff_suspension *after)
{
    struct waits_of *of = &all_waits(world)->of[after->execution_id.uuid.b[15]];
    bool same = before != NULL && ff_uuid_eq(before->suspension_id, after->suspension_id);

    CHECK(world, !same || !before->closed_at.is || after->closed_at.is, "it is open again\n");
    CHECK(world, after->closed_at.is == (after->close_reason.n > 0), "close_reason\n");
    of->suspended = !after->closed_at.is;
    of->suspension_id = after->suspension_id;
}

static void
see_signal(struct world *world, const struct ff_signal *before, const struct ff_signal *after)
{
    struct waits_of *of = &all_waits(world)->of[after->execution_id.uuid.b[15]];

    if (before == NULL) {
        of->signals++;
        of->by_time += ff_str_is(after->source_type, "engine");
        return;
    }
    CHECK(world,
          before->number == after->number && !before->suspension_id.is &&
              ff_str_eq(before->signal_name, after->signal_name),
          "a signal has changed\n");
}

static void
see_record(struct world *world, enum ff_record kind, const void *before, const void *after)
{
    if (after == NULL) { /* nothing trims a signal here */
        CHECK(world, kind != FF_R_SIGNAL && kind != FF_R_WAITPOINT && kind != FF_R_SUSPENSION,
              "a record is gone\n");
    } else if (kind == FF_R_WAITPOINT) {
        see_waitpoint(world, before, after);
    } else if (kind == FF_R_SUSPENSION) {
        see_suspension(world, before, after);
    } else if (kind == FF_R_SIGNAL) {
        see_signal(world, before, after);
    }
}

static void
see_event(struct world *world, const struct ff_event *event)
{
    if (event->family == FF_FAMILY_SIGNAL_DELIVERY && !ff_str_is(event->effect, "deduped")) {
        all_waits(world)->of[event->execution_id.v.uuid.b[15]].events++;
    }
}

/* What the records say of each other. */
static void
see_committed(struct world *world)
{
    for (uint8_t id = 1; id <= N_IDS; id++) {
        const struct life *life = &world->lives[id];
        const struct waits_of *of = &all_waits(world)->of[id];
        const struct ff_exec *exec = &life->exec;

        if (!life->exists) {
            continue;
        }
        CHECK(world, is_suspended(exec) == of->suspended, "%u: suspended, or not\n", id);
        CHECK(world,
              exec->current_suspension_id.is == of->suspended &&
                  (!of->suspended || ff_uuid_eq(exec->current_suspension_id.v, of->suspension_id)),
              "%u: another suspension\n", id);
        CHECK(world, exec->open_waitpoints == of->open, "%u has %u open waitpoints, %u stored\n",
              id, exec->open_waitpoints, of->open);
        CHECK(world, of->active == 0 || of->suspended, "%u: an active waitpoint\n", id);
        CHECK(world, exec->lifecycle_phase != FF_PHASE_TERMINAL || of->open == 0,
              "%u: a waitpoint outlives it\n", id);
        CHECK(world, exec->signal_count == of->signals && of->signals == of->by_time + of->events,
              "%u: %" PRIu64 " signals counted, %" PRIu64 " stored, %" PRIu64 " told\n", id,
              exec->signal_count, of->signals, of->events);
    }
}

const struct watch ff_sim_wait_watch = {
    .event = see_event,
    .record = see_record,
    .committed = see_committed,
};
