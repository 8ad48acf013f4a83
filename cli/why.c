/* why.c: why an execution does not run, in one sentence. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/life.h"
#include "cli/output.h"
#include "cli/wait.h"
#include "core/id.h"

/* So many of a lane are looked through for the place of one. */
#define QUEUE_MAX 1000

static const struct ff_cli_command command = {
    NULL, ff_cli_parse_one, "ID",
    "Say in one sentence why an execution does not run: what it waits for, and until when. With "
    "--json "
    "as {execution_id, reason, sentence, until}." FF_CLI_EXIT_HELP
};

/* A picture with what is asked for it. */
struct asking {
    struct ff_cli *cli;
    struct ff_cli_life *life;
    struct ff_cli_reason *out;
};

static int
say(struct asking *a, const char *code, struct ff_str sentence)
{
    a->out->code = code;
    a->out->sentence = sentence.p;
    return FF_CLI_OK;
}

static const char *
when(struct asking *a, int64_t time_ms)
{
    return ff_cli_when(time_ms, a->life->now_ms, &a->life->arena);
}

/* Also for programs. */
static const char *
until(struct asking *a, int64_t time_ms)
{
    a->out->until_ms = FF_SOME(ff_opt_i64, time_ms);
    return when(a, time_ms);
}

/* " (detail)", or nothing. */
static const char *
detail(struct asking *a)
{
    struct ff_str text = a->life->info.info->blocking_detail;

    return text.n == 0
               ? ""
               : ff_arena_printf(&a->life->arena, " (%s)", ff_cli_safe(text, &a->life->arena)).p;
}

static const char *
text_or(struct asking *a, const char *field, const char *otherwise)
{
    const char *text = ff_cli_life_text(a->life, field);

    return text != NULL && text[0] != '\0' ? text : otherwise;
}

/* ---- ended, running ---- */

static int
say_ended(struct asking *a)
{
    const struct ff_execution_info *info = a->life->info.info;
    struct ff_arena *arena = &a->life->arena;
    const char *at = info->completed_at.is ? when(a, info->completed_at.v) : "some time ago";
    const char *word = ff_word(&ff_vocab_public_state, info->public_state);

    if (info->public_state == FF_PUBLIC_CANCELLED) {
        return say(a, "ended",
                   ff_arena_printf(arena, "It was cancelled by %s at %s: %s.",
                                   text_or(a, "cancelled_by", "somebody"), at,
                                   text_or(a, "cancellation_reason", "no reason was given")));
    }
    if (info->public_state == FF_PUBLIC_FAILED || info->public_state == FF_PUBLIC_EXPIRED) {
        return say(a, "ended",
                   ff_arena_printf(arena, "It %s at %s: %s; `ffctl replay' runs it again.", word,
                                   at, text_or(a, "failure_reason", "no reason is known")));
    }
    return say(a, "ended", ff_arena_printf(arena, "It has ended: %s at %s.", word, at));
}

static int
say_lost(struct asking *a)
{
    bool revoked = strcmp(text_or(a, "ownership_state", ""), "lease_revoked") == 0;
    int64_t at_ms = 0;

    ff_cli_life_number(a->life, revoked ? "lease_revoked_at" : "lease_expired_at", &at_ms);
    return say(
        a, "lost",
        ff_arena_printf(&a->life->arena,
                        "Worker %s %s at %s, and no worker of lane %s has taken it over yet.",
                        text_or(a, "current_worker_instance_id", "?"),
                        revoked ? "was deprived of it" : "did not renew its lease", when(a, at_ms),
                        ff_cli_safe(a->life->info.info->lane_id, &a->life->arena)));
}

static int
say_running(struct asking *a)
{
    const char *worker = text_or(a, "current_worker_instance_id", "?");
    int64_t expires_ms = 0, renewed_ms = 0;

    if (strcmp(text_or(a, "ownership_state", "leased"), "leased") != 0) {
        return say_lost(a);
    }
    ff_cli_life_number(a->life, "lease_expires_at", &expires_ms);
    ff_cli_life_number(a->life, "lease_last_renewed_at", &renewed_ms);
    if (expires_ms <= a->life->now_ms) {
        return say(a, "lost",
                   ff_arena_printf(&a->life->arena,
                                   "Worker %s has not renewed its lease, which ended at %s.",
                                   worker, until(a, expires_ms)));
    }
    return say(a, "running",
               ff_arena_printf(&a->life->arena,
                               "It runs, as attempt %" PRIu32 " on worker %s, last heard of at %s.",
                               a->life->info.info->current_attempt_index, worker,
                               when(a, renewed_ms)));
}

/* ---- waiting for a worker ---- */

static int
lane_state(struct asking *a, enum ff_lane_state *out)
{
    struct ff_list_lanes_args args = { .limit = 1000 };

    *out = FF_LANE_ACTIVE;
    for (;;) {
        FF_SCOPED(ff_answer) answer = { 0 };
        struct ff_list_lanes_result page = { 0 };
        int status = ff_cli_do(a->cli, FF_OP_list_lanes, &args, &page, &answer);

        if (status != FF_CLI_OK) {
            return status;
        }
        for (uint32_t i = 0; i < page.states.n; i++) {
            for (uint32_t s = 0; s < ff_vocab_lane_state.n; s++) {
                if (ff_str_eq(page.states.v[i].key, a->life->info.info->lane_id) &&
                    ff_str_is(page.states.v[i].value, ff_word(&ff_vocab_lane_state, s))) {
                    *out = (enum ff_lane_state) s;
                }
            }
        }
        if (page.next_cursor.n == 0) {
            return FF_CLI_OK;
        }
        args.cursor = ff_arena_copy(&a->life->arena, page.next_cursor);
    }
}

/* *ahead: how many of its lane come before it; QUEUE_MAX: at least so many. */
static int
count_ahead(struct asking *a, uint32_t *ahead)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    const struct ff_scan_eligible_executions_args args = { .lane_id = a->life->info.info->lane_id,
                                                           .limit = QUEUE_MAX };
    struct ff_scan_eligible_executions_result result = { 0 };
    char id[FF_EID_TEXT_MAX];
    int status = ff_cli_do(a->cli, FF_OP_scan_eligible_executions, &args, &result, &answer);

    ff_eid_text(&a->life->info.info->execution_id, id);
    *ahead = 0;
    while (*ahead < result.execution_ids.n && !ff_str_is(result.execution_ids.v[*ahead], id)) {
        ++*ahead;
    }
    return status;
}

static int
say_queued(struct asking *a)
{
    struct ff_arena *arena = &a->life->arena;
    const char *lane = ff_cli_safe(a->life->info.info->lane_id, arena);
    enum ff_lane_state state = FF_LANE_ACTIVE;
    uint32_t ahead = 0;
    int status = lane_state(a, &state);

    if (status == FF_CLI_OK && (state == FF_LANE_PAUSED || state == FF_LANE_DISABLED)) {
        return say(a, "lane_closed",
                   ff_arena_printf(arena, "Lane %s is %s, so nothing of it is handed out.", lane,
                                   ff_word(&ff_vocab_lane_state, state)));
    }
    if (status == FF_CLI_OK && ff_cli_life_text(a->life, "grant") != NULL) {
        return say(
            a, "granted",
            ff_arena_printf(arena, "It was granted to a worker that has not claimed it yet."));
    }
    status = status == FF_CLI_OK ? count_ahead(a, &ahead) : status;
    if (status != FF_CLI_OK) {
        return status;
    }
    if (ahead == 0) {
        return say(a, "queued",
                   ff_arena_printf(
                       arena, "It is the next of lane %s, and no worker has asked for it.", lane));
    }
    return say(a, "queued",
               ff_arena_printf(arena, "It waits behind %s%" PRIu32 " other%s in lane %s.",
                               ahead == QUEUE_MAX ? "at least " : "", ahead, ahead == 1 ? "" : "s",
                               lane));
}

/* ---- waiting for something else ---- */

static int
say_delayed(struct asking *a)
{
    struct ff_arena *arena = &a->life->arena;
    enum ff_blocking_reason reason = a->life->info.info->state_vector.blocking_reason;
    int64_t at_ms = 0;
    const char *due = NULL, *at = NULL;

    ff_cli_life_number(a->life, "delay_until", &at_ms);
    due = at_ms <= a->life->now_ms ? "; that is over, and a scanner should have promoted it" : "";
    at = until(a, at_ms);
    if (reason == FF_BLOCK_WAITING_FOR_RETRY_BACKOFF) {
        return say(a, "retry_backoff",
                   ff_arena_printf(arena,
                                   "Its last attempt failed (%s); the next may begin at %s%s.",
                                   text_or(a, "failure_reason", "no reason"), at, due));
    }
    return say(a, "delayed", ff_arena_printf(arena, "It is delayed until %s%s.", at, due));
}

static int
say_blocked(struct asking *a)
{
    static const struct {
        enum ff_eligibility_state state;
        const char *code, *words;
    } blocks[] = {
        { FF_ELIGIBLE_BUDGET, "budget", "A budget is used up" },
        { FF_ELIGIBLE_QUOTA, "quota", "A quota is used up" },
        { FF_ELIGIBLE_ROUTE, "no_capable_worker", "No worker that asked has what it requires" },
        { FF_ELIGIBLE_OPERATOR, "held_by_operator", "An operator holds it back" },
        { FF_ELIGIBLE_LANE_STATE, "held_by_policy", "A policy holds it back" },
        { FF_ELIGIBLE_DEPENDENCIES, "dependencies", "It waits for other executions to end" },
    };
    enum ff_eligibility_state state = a->life->info.info->state_vector.eligibility_state;
    const char *needs = text_or(a, "required_capabilities", "[]");

    for (size_t i = 0; i < FF_COUNT(blocks); i++) {
        if (blocks[i].state == state) {
            return say(a, blocks[i].code,
                       ff_arena_printf(&a->life->arena, "%s%s%s%s.", blocks[i].words,
                                       state == FF_ELIGIBLE_ROUTE ? ": it requires " : "",
                                       state == FF_ELIGIBLE_ROUTE ? needs : "", detail(a)));
        }
    }
    return say(a, "unknown", ff_arena_printf(&a->life->arena, "Its state is not a known one."));
}

static int
say_suspended(struct asking *a)
{
    int64_t since_ms = a->life->info.info->created_at;

    ff_cli_life_number(a->life, "last_transition_at", &since_ms);
    return say(a, "suspended",
               ff_arena_printf(&a->life->arena,
                               "It is suspended since %s: %s%s; `ffctl waitpoints' says for what.",
                               when(a, since_ms), text_or(a, "blocking_reason", "?"), detail(a)));
}

int
ff_cli_life_reason(struct ff_cli *cli, struct ff_cli_life *life, struct ff_cli_reason *out)
{
    struct asking a = { cli, life, out };
    const struct ff_state_vector *vector = &life->info.info->state_vector;

    if (ff_cli_has_ended(vector->public_state)) {
        return say_ended(&a);
    }
    if (vector->lifecycle_phase == FF_PHASE_ACTIVE) {
        return say_running(&a);
    }
    if (vector->lifecycle_phase == FF_PHASE_SUSPENDED) {
        return say_suspended(&a);
    }
    if (vector->eligibility_state == FF_ELIGIBLE_NOW) {
        return say_queued(&a);
    }
    return vector->eligibility_state == FF_ELIGIBLE_UNTIL_TIME ? say_delayed(&a) : say_blocked(&a);
}

/* ---- the command ---- */

static int
print_json(const struct ff_eid *id, const struct ff_cli_reason *reason)
{
    char text[FF_EID_TEXT_MAX];
    json_t *json = NULL;
    int status = 0;

    ff_eid_text(id, text);
    json = json_pack("{s:s, s:s, s:s}", "execution_id", text, "reason", reason->code, "sentence",
                     reason->sentence);
    if (json != NULL && reason->until_ms.is) {
        json_object_set_new(json, "until", json_integer(reason->until_ms.v));
    }
    status = json == NULL ? -1 : json_dumpf(json, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(json);
    return status == 0 ? FF_CLI_OK : FF_CLI_NO_DAEMON;
}

int
ff_cli_why(struct ff_cli *cli, int argc, char **argv)
{
    FF_SCOPED(ff_cli_life) life = { 0 };
    struct ff_cli_one one = { .given = false };
    struct ff_cli_reason reason = { 0 };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &command, argc, argv, &one);
    status = ff_cli_life_read(cli, &one.id, &life);
    if (status == FF_CLI_OK && life.info.info == NULL) {
        return ff_cli_life_say_unknown(&one.id);
    }
    if (status == FF_CLI_OK) {
        status = ff_cli_life_reason(cli, &life, &reason);
    }
    if (status != FF_CLI_OK) {
        return status;
    }
    if (cli->json) {
        return print_json(&one.id, &reason);
    }
    puts(reason.sentence);
    return FF_CLI_OK;
}
