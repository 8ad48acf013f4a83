/* history.c: the life of one execution, told from its record and its attempts. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/leases.h"
#include "cli/life.h"
#include "cli/output.h"
#include "cli/wait.h"
#include "core/id.h"

/* Attempts that are asked for at a time. */
#define CHUNK 256

static const struct ff_cli_command command = {
    NULL, ff_cli_parse_one, "ID",
    "Tell the life of an execution: its attempts, its leases with their times and workers as the "
    "lease feed has them, how each ended, and why it waits now. With --json what the daemon "
    "answered: the execution, its fields, each attempt and each event of its leases on a line of "
    "its own." FF_CLI_EXIT_HELP
};

/* Something that happened. */
struct moment {
    int64_t at_ms;
    uint32_t order; /* of what happened at one instant */
    const char *what;
};

struct history {
    struct ff_cli *cli;
    struct ff_cli_life life;
    struct ff_cli_leases leases;
    struct moment *moments;
    uint32_t n, room;
};

static void
history_done(struct history *history)
{
    ff_cli_life_done(&history->life);
    ff_cli_leases_done(&history->leases);
    free(history->moments);
}

static void
add(struct history *history, int64_t at_ms, struct ff_str what)
{
    history->moments =
        ff_grow(history->moments, &history->room, history->n, sizeof(*history->moments));
    history->moments[history->n] = (struct moment){ at_ms, history->n, what.p };
    history->n++;
}

static int
moment_cmp(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;

    if (x->at_ms != y->at_ms) {
        return x->at_ms < y->at_ms ? -1 : 1;
    }
    return x->order < y->order ? -1 : 1;
}

/* "", or what is put before and behind a text that is there. */
static const char *
around(struct history *history, const char *before, struct ff_str text, const char *behind)
{
    struct ff_arena *arena = &history->life.arena;

    return text.n == 0
               ? ""
               : ff_arena_printf(arena, "%s%s%s", before, ff_cli_safe(text, arena), behind).p;
}

/* "850 ms", "12.4 s", "3 min 20 s", "2 h 5 min" */
static const char *
duration(struct history *history, int64_t ms)
{
    struct ff_arena *arena = &history->life.arena;

    if (ms < 1000) {
        return ff_arena_printf(arena, "%" PRId64 " ms", ms).p;
    }
    if (ms < 60 * 1000) {
        return ff_arena_printf(arena, "%.1f s", (double) ms / 1e3).p;
    }
    if (ms < 3600 * 1000) {
        return ff_arena_printf(arena, "%" PRId64 " min %" PRId64 " s", ms / 60000, ms / 1000 % 60)
            .p;
    }
    return ff_arena_printf(arena, "%" PRId64 " h %" PRId64 " min", ms / 3600000, ms / 60000 % 60).p;
}

/* ---- attempts ---- */

static const char *
why_made(struct history *history, const struct ff_attempt_view *attempt)
{
    switch (attempt->attempt_type) {
    case FF_TYPE_RETRY:
        return around(history, ", as a retry after: ", attempt->retry_reason, "");
    case FF_TYPE_RECLAIM:
        return around(history, ", in place of one whose worker was lost: ", attempt->reclaim_reason,
                      "");
    case FF_TYPE_REPLAY:
        return ff_arena_printf(&history->life.arena, ", as a replay%s%s",
                               around(history, " by ", attempt->replay_requested_by, ""),
                               around(history, ": ", attempt->replay_reason, ""))
            .p;
    default:
        return "";
    }
}

static const char *
how_ended(const struct ff_attempt_view *attempt)
{
    switch (attempt->attempt_lifecycle) {
    case FF_LIFE_ENDED_SUCCESS:
        return "completed";
    case FF_LIFE_ENDED_FAILURE:
        return "failed";
    case FF_LIFE_ENDED_CANCELLED:
        return "was cancelled";
    default:
        return "was given up, its worker being lost";
    }
}

static void
add_end(struct history *history, const struct ff_attempt_view *attempt)
{
    int64_t from_ms = attempt->started_at.is ? attempt->started_at.v : attempt->created_at;
    struct ff_str category = attempt->failure_category;

    if (ff_str_eq(category, attempt->failure_reason)) {
        category = FF_NONE(ff_str);
    }
    add(history, attempt->ended_at.v,
        ff_arena_printf(&history->life.arena, "attempt %" PRIu32 " %s%s%s, after %s",
                        attempt->attempt_index, how_ended(attempt),
                        around(history, ": ", attempt->failure_reason, ""),
                        around(history, " (", category, ")"),
                        duration(history, attempt->ended_at.v - from_ms)));
}

/* Who had it first: the record knows the last one only. */
static struct ff_str
first_owner(const struct history *history, const struct ff_attempt_view *attempt)
{
    for (uint32_t i = 0; i < history->leases.n; i++) {
        const struct ff_feed_event *event = &history->leases.v[i];

        if (event->attempt_index.is && event->attempt_index.v == attempt->attempt_index) {
            return ff_str_is(event->event, "reclaimed") ? event->new_owner
                                                        : event->worker_instance_id;
        }
    }
    return attempt->resumed_at.is ? ff_cstr(NULL) : attempt->worker_instance_id;
}

static void
add_attempt(struct history *history, const struct ff_attempt_view *attempt)
{
    struct ff_arena *arena = &history->life.arena;
    uint32_t index = attempt->attempt_index;
    int64_t from_ms = attempt->started_at.is ? attempt->started_at.v : attempt->created_at;
    bool told = history->leases.n > 0; /* the feed has each suspension, not just the last */
    bool resumed = attempt->resumed_at.is;

    add(history, from_ms,
        ff_arena_printf(arena, "attempt %" PRIu32 " begins%s%s", index,
                        around(history, " on ", first_owner(history, attempt), ""),
                        why_made(history, attempt)));
    if (resumed && !told) {
        add(history, attempt->resumed_at.v,
            ff_arena_printf(arena, "attempt %" PRIu32 " goes on%s", index,
                            around(history, " on ", attempt->worker_instance_id, "")));
    }
    if (attempt->suspended_at.is && !told) {
        add(history, attempt->suspended_at.v,
            ff_arena_printf(arena, "attempt %" PRIu32 " is suspended%s", index,
                            around(history, ": ", attempt->suspension_id, "")));
    }
    if (attempt->ended_at.is) {
        add_end(history, attempt);
    }
}

static int
take_attempt(struct history *history, struct ff_answer *answer)
{
    struct ff_describe_attempt_result result = { 0 };

    if (ff_answer_result(answer, FF_OP_describe_attempt, &result) != FF_E_OK) {
        return ff_cli_report(history->cli, "describe_attempt", answer);
    }
    if (history->cli->json) {
        ff_cli_print_json(answer->map);
    } else if (result.attempt != NULL) {
        add_attempt(history, result.attempt);
    }
    return FF_CLI_OK;
}

/* Attempts from..from + n - 1. */
static int
read_attempts(struct history *history, uint32_t from, uint32_t n)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_describe_attempt_args *args =
        FF_ARENA_NEW(&arena, struct ff_describe_attempt_args, n);
    struct ff_cli_many many = { FF_OP_describe_attempt, n, args,
                                FF_ARENA_NEW(&arena, struct ff_answer, n) };
    int status = FF_CLI_OK;

    for (uint32_t i = 0; i < n; i++) {
        args[i].execution_id = history->life.info.info->execution_id;
        args[i].attempt_index = from + i;
    }
    status = ff_cli_do_many(history->cli, &many);
    for (uint32_t i = 0; i < n && status == FF_CLI_OK; i++) {
        status = take_attempt(history, &many.answers[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        ff_answer_done(&many.answers[i]);
    }
    return status;
}

static int
read_all_attempts(struct history *history)
{
    int64_t total = 0;
    int status = FF_CLI_OK;

    ff_cli_life_number(&history->life, "total_attempt_count", &total);
    for (int64_t at = 0; at < total && status == FF_CLI_OK; at += CHUNK) {
        status = read_attempts(history, (uint32_t) at,
                               (uint32_t) (total - at > CHUNK ? CHUNK : total - at));
    }
    return status;
}

/* ---- leases ---- */

/* "", or ", after 3 renewals" */
static const char *
renewed(struct history *history, uint32_t renewals)
{
    return renewals == 0 ? ""
                         : ff_arena_printf(&history->life.arena, ", after %" PRIu32 " renewal%s",
                                           renewals, renewals == 1 ? "" : "s")
                               .p;
}

/* How a lease ended that did not end with its attempt. */
static void
add_release(struct history *history, const struct ff_feed_event *event, uint32_t renewals)
{
    struct ff_arena *arena = &history->life.arena;
    uint32_t index = event->attempt_index.v;
    const char *after = renewed(history, renewals);

    if (!ff_str_is(event->revoked_by, "backend")) {
        add(history, event->at,
            ff_arena_printf(arena, "attempt %" PRIu32 ": the lease was revoked%s%s%s", index,
                            around(history, " by ", event->revoked_by, ""),
                            around(history, ": ", event->reason, ""), after));
    } else if (ff_str_is(event->reason, "suspended")) {
        add(history, event->at,
            ff_arena_printf(arena, "attempt %" PRIu32 " is suspended%s", index, after));
    } else if (ff_str_is(event->reason, "delayed")) {
        add(history, event->at,
            ff_arena_printf(arena, "attempt %" PRIu32 " is delayed%s", index, after));
    } else if (ff_str_is(event->reason, "waiting_children")) {
        add(history, event->at,
            ff_arena_printf(arena, "attempt %" PRIu32 " waits for its children%s", index, after));
    }
}

/* What the attempts do not tell: each lease of theirs but the first, and how it was lost. */
static void
add_leases(struct history *history)
{
    struct ff_arena *arena = &history->life.arena;
    struct ff_opt_u32 attempt = { .is = false };
    uint32_t renewals = 0;

    for (uint32_t i = 0; i < history->leases.n; i++) {
        const struct ff_feed_event *event = &history->leases.v[i];
        bool same = attempt.is && attempt.v == event->attempt_index.v;

        if (ff_str_is(event->event, "renewed")) {
            renewals++;
            continue;
        }
        if (ff_str_is(event->event, "acquired") && same) {
            add(history, event->at,
                ff_arena_printf(arena, "attempt %" PRIu32 " goes on%s", attempt.v,
                                around(history, " on ", event->worker_instance_id, "")));
        } else if (ff_str_is(event->event, "expired")) {
            add(history, event->at,
                ff_arena_printf(
                    arena, "the lease was lost%s%s%s", around(history, ": ", event->prev_owner, ""),
                    around(history, " (", event->reason, ")"), renewed(history, renewals)));
        } else if (ff_str_is(event->event, "revoked")) {
            add_release(history, event, renewals);
        }
        attempt = event->attempt_index;
        renewals = 0;
    }
    if (renewals > 0) {
        add(history, history->leases.v[history->leases.n - 1].at,
            ff_arena_printf(arena, "the lease was renewed last (renewal %" PRIu32 ")", renewals));
    }
}

/* From its creation on, to its end. */
static int
read_leases(struct history *history)
{
    const struct ff_execution_info *info = history->life.info.info;
    struct ff_cli_lease_question question = { .execution_id = info->execution_id,
                                              .namespace = info->namespace,
                                              .from_ms = info->created_at,
                                              .until_ms = INT64_MAX };
    int status = FF_CLI_OK;

    if (info->completed_at.is) {
        question.until_ms = info->completed_at.v;
    }
    status = ff_cli_leases_read(history->cli, &question, &history->leases);
    for (uint32_t i = 0; status == FF_CLI_OK && history->cli->json && i < history->leases.n; i++) {
        struct ff_packer packer;

        ff_packer_init(&packer);
        ff_encode(&ff_desc_feed_event, &history->leases.v[i], &packer.pk);
        ff_cli_print_wrapped("lease", ff_packer_str(&packer));
        ff_packer_done(&packer);
    }
    return status;
}

/* ---- the execution ---- */

static void
add_field(struct history *history, const char *field, const char *what, const char *detail_field)
{
    const char *detail =
        detail_field == NULL ? NULL : ff_cli_life_text(&history->life, detail_field);
    int64_t at_ms = 0;

    if (ff_cli_life_number(&history->life, field, &at_ms)) {
        add(history, at_ms,
            ff_arena_printf(&history->life.arena, "%s%s%s", what,
                            detail == NULL || detail[0] == '\0' ? "" : ": ",
                            detail == NULL ? "" : detail));
    }
}

static void
add_execution(struct history *history)
{
    const struct ff_execution_info *info = history->life.info.info;
    struct ff_arena *arena = &history->life.arena;
    const char *by = ff_cli_life_text(&history->life, "creator_identity");

    add(history, info->created_at,
        ff_arena_printf(arena, "created%s%s, in lane %s with priority %" PRId32,
                        by == NULL || by[0] == '\0' ? "" : " by ", by == NULL ? "" : by,
                        ff_cli_safe(info->lane_id, arena), info->priority));
    add_field(history, "last_capability_mismatch_at", "a worker lacked what it requires",
              "required_capabilities");
    add_field(history, "progress_updated_at", "progress", "progress_message");
    if (history->leases.n == 0) { /* the feed knows no more, or not yet */
        add_field(history, "lease_last_renewed_at", "the lease was renewed last", NULL);
        add_field(history, "lease_expired_at", "the lease was lost", "current_worker_instance_id");
        add_field(history, "lease_revoked_at", "the lease was revoked", "lease_revoke_reason");
    }
    if (info->completed_at.is) {
        const char *reason =
            info->public_state == FF_PUBLIC_CANCELLED ? "cancellation_reason" : "failure_reason";

        add_field(
            history, "last_transition_at",
            ff_arena_printf(arena, "ended: %s", ff_word(&ff_vocab_public_state, info->public_state))
                .p,
            reason);
        return;
    }
    add_field(history, "delay_until", "its delay is over", NULL);
    add_field(history, "attempt_timeout_at", "the attempt times out", NULL);
    add_field(history, "lease_expires_at", "the lease ends unless it is renewed", NULL);
    add_field(history, "execution_deadline_at", "its deadline", NULL);
}

static void
print_moments(struct history *history)
{
    FF_SCOPED(ff_cli_table) table = { .columns = 3 };
    int64_t created_ms = history->life.info.info->created_at;
    bool now_shown = false;

    qsort(history->moments, history->n, sizeof(history->moments[0]), moment_cmp);
    for (uint32_t i = 0; i < history->n; i++) {
        const struct moment *moment = &history->moments[i];
        const char *ahead = moment->at_ms > history->life.now_ms && !now_shown ? "" : NULL;
        const char *cells[] = {
            ff_cli_when(moment->at_ms, history->life.now_ms, &history->life.arena),
            ff_arena_printf(&history->life.arena, "%s%s", moment->at_ms < created_ms ? "-" : "+",
                            duration(history, llabs(moment->at_ms - created_ms)))
                .p,
            moment->what,
        };

        if (ahead != NULL) {
            const char *line[] = { "-- now --", "", "" };

            now_shown = true;
            ff_cli_table_add(&table, line);
        }
        ff_cli_table_add(&table, cells);
    }
    ff_cli_table_print(&table);
}

static int
print_history(struct history *history)
{
    const struct ff_execution_info *info = history->life.info.info;
    struct ff_cli_reason reason = { 0 };
    char id[FF_EID_TEXT_MAX];
    int status = ff_cli_life_reason(history->cli, &history->life, &reason);

    if (status != FF_CLI_OK) {
        return status;
    }
    ff_eid_text(&info->execution_id, id);
    ff_cli_print_row("execution", id);
    ff_cli_print_row("kind", ff_cli_safe(info->execution_kind, &history->life.arena));
    ff_cli_print_row("state", ff_word(&ff_vocab_public_state, info->public_state));
    putchar('\n');
    add_execution(history);
    add_leases(history);
    print_moments(history);
    if (history->leases.gone || history->leases.cut) {
        printf("(older leases are no longer in the feed, or not all of it was read)\n");
    }
    printf("\n%s\n", reason.sentence);
    return FF_CLI_OK;
}

int
ff_cli_history(struct ff_cli *cli, int argc, char **argv)
{
    FF_SCOPED(history) history = { .cli = cli };
    struct ff_cli_one one = { .given = false };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &command, argc, argv, &one);
    status = ff_cli_life_read(cli, &one.id, &history.life);
    if (status == FF_CLI_OK && history.life.info.info == NULL) {
        return ff_cli_life_say_unknown(&one.id);
    }
    if (status == FF_CLI_OK && cli->json) {
        ff_cli_print_json(history.life.of_info.map);
        ff_cli_print_json(history.life.of_more.map);
    }
    if (status == FF_CLI_OK) {
        status = read_leases(&history);
    }
    if (status == FF_CLI_OK) {
        status = read_all_attempts(&history);
    }
    return status == FF_CLI_OK && !cli->json ? print_history(&history) : status;
}
