#include <inttypes.h>
#include <stdio.h>

#include "cli/life.h"
#include "cli/output.h"
#include "cli/wait.h"
#include "core/codec.h"
#include "core/id.h"

/* ---- get ---- */

static const struct ff_cli_command get_command = {
    NULL, ff_cli_parse_one, "ID",
    "Show one execution: its state, times, attempts, lease, failure and tags." //
    FF_CLI_EXIT_HELP
};

/* What the views do not tell, as text (02 §8.6). */
static const char *const fields[] = {
    "delay_until",      "execution_deadline_at", "retry_count",    "lease_reclaim_count",
    "progress_pct",     "progress_message",      "failure_reason", "failure_category",
    "cancelled_by",     "cancellation_reason",   "replay_count",   "creator_identity",
    "payload_encoding",
};

struct picture {
    struct ff_arena arena; /* of what is printed */
    int64_t now_ms;
    struct ff_describe_execution_result view;
    struct ff_read_execution_info_result info;
    struct ff_read_exec_core_fields_result more;
    struct ff_answer of_view, of_info, of_more; /* texts of the above */
};

static void
picture_done(struct picture *picture)
{
    ff_arena_done(&picture->arena);
    ff_answer_done(&picture->of_view);
    ff_answer_done(&picture->of_info);
    ff_answer_done(&picture->of_more);
}

static int
take_picture(struct ff_cli *cli, const struct ff_eid *id, struct picture *picture)
{
    const struct ff_read_execution_info_args info = { .execution_id = *id };
    struct ff_read_exec_core_fields_args more = { .execution_id = *id };
    const struct ff_server_time_ms_args none = { 0 };
    struct ff_server_time_ms_result now = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = FF_CLI_OK;

    more.fields.v = FF_ARENA_NEW(&picture->arena, struct ff_str, FF_COUNT(fields));
    more.fields.n = FF_COUNT(fields);
    for (uint32_t i = 0; i < more.fields.n; i++) {
        more.fields.v[i] = ff_cstr(fields[i]);
    }
    status = ff_cli_do(cli, FF_OP_read_execution_info, &info, &picture->info, &picture->of_info);
    if (status == FF_CLI_OK) {
        status =
            ff_cli_do(cli, FF_OP_read_exec_core_fields, &more, &picture->more, &picture->of_more);
    }
    if (status == FF_CLI_OK) {
        status = ff_cli_do(cli, FF_OP_server_time_ms, &none, &now, &answer);
    }
    picture->now_ms = (int64_t) now.now_ms;
    return status;
}

static void
row(struct picture *picture, const char *label, struct ff_str text)
{
    if (text.n > 0) {
        ff_cli_print_row(label, ff_cli_safe(text, &picture->arena));
    }
}

static void
row_time(struct picture *picture, const char *label, int64_t time_ms)
{
    ff_cli_print_row(label, ff_cli_when(time_ms, picture->now_ms, &picture->arena));
}

/* Absent, "" and "0" say nothing worth a line. */
static struct ff_str
field(const struct picture *picture, const char *name)
{
    for (uint32_t i = 0; i < picture->more.fields.n; i++) {
        const struct ff_tag *tag = &picture->more.fields.v[i];

        if (ff_str_is(tag->key, name) && tag->value.p != NULL && !ff_str_is(tag->value, "0")) {
            return tag->value;
        }
    }
    return ff_cstr(NULL);
}

static void
field_time(struct picture *picture, const char *label, const char *name)
{
    struct ff_str text = field(picture, name);
    int64_t time_ms = 0;

    if (text.n > 0 &&
        ff_cli_parse_number(ff_cli_safe(text, &picture->arena), INT64_MIN, INT64_MAX, &time_ms)) {
        row_time(picture, label, time_ms);
    }
}

/* "completed", "waiting: waiting_for_worker (…)" */
static void
print_state(struct picture *picture)
{
    const struct ff_execution_view *view = picture->view.execution;
    const char *state = ff_word(&ff_vocab_public_state, view->public_state);

    if (view->blocking_reason.is) {
        state = ff_arena_printf(&picture->arena, "%s: %s", state,
                                ff_word(&ff_vocab_blocking_reason, view->blocking_reason.v))
                    .p;
    }
    if (view->blocking_detail.n > 0) {
        state = ff_arena_printf(&picture->arena, "%s (%s)", state,
                                ff_cli_safe(view->blocking_detail, &picture->arena))
                    .p;
    }
    ff_cli_print_row("state", state);
}

static void
print_times(struct picture *picture)
{
    const struct ff_execution_info *info = picture->info.info;

    row_time(picture, "created", info->created_at);
    field_time(picture, "delayed until", "delay_until");
    field_time(picture, "deadline", "execution_deadline_at");
    if (info->started_at.is) {
        row_time(picture, "started", info->started_at.v);
    }
    if (info->completed_at.is) {
        row_time(picture, "ended", info->completed_at.v);
    }
}

static void
print_work(struct picture *picture)
{
    const struct ff_lease_view *lease = picture->view.execution->current_lease;

    ff_cli_print_row("attempts", ff_arena_printf(&picture->arena, "%" PRIu32,
                                                 picture->view.execution->total_attempt_count)
                                     .p);
    row(picture, "retries", field(picture, "retry_count"));
    row(picture, "reclaims", field(picture, "lease_reclaim_count"));
    row(picture, "replays", field(picture, "replay_count"));
    if (lease != NULL) {
        row(picture, "worker", lease->worker_instance_id);
        row_time(picture, "lease until", lease->expires_at);
    }
    row(picture, "progress %", field(picture, "progress_pct"));
    row(picture, "progress", field(picture, "progress_message"));
    row(picture, "failure", field(picture, "failure_reason"));
    row(picture, "category", field(picture, "failure_category"));
    row(picture, "cancelled by", field(picture, "cancelled_by"));
    row(picture, "cancelled for", field(picture, "cancellation_reason"));
}

static void
print_tags(struct picture *picture)
{
    const struct ff_tags *tags = &picture->view.execution->tags;

    for (uint32_t i = 0; i < tags->n; i++) {
        const char *text =
            ff_arena_printf(&picture->arena, "%s=%s", ff_cli_safe(tags->v[i].key, &picture->arena),
                            ff_cli_safe(tags->v[i].value, &picture->arena))
                .p;

        ff_cli_print_row(i == 0 ? "tags" : "", text);
    }
}

static void
print_picture(struct picture *picture)
{
    const struct ff_execution_info *info = picture->info.info;
    char id[FF_EID_TEXT_MAX], flow[FF_UUID_TEXT_MAX];

    ff_eid_text(&info->execution_id, id);
    ff_cli_print_row("execution", id);
    print_state(picture);
    row(picture, "kind", info->execution_kind);
    row(picture, "lane", info->lane_id);
    row(picture, "namespace", info->namespace);
    row(picture, "created by", field(picture, "creator_identity"));
    ff_cli_print_row("priority", ff_arena_printf(&picture->arena, "%" PRId32, info->priority).p);
    if (info->flow_id.is) {
        ff_uuid_text(&info->flow_id.v, flow);
        ff_cli_print_row("flow", flow);
    }
    print_times(picture);
    print_work(picture);
    print_tags(picture);
}

int
ff_cli_get(struct ff_cli *cli, int argc, char **argv)
{
    struct ff_describe_execution_args args = { 0 };
    struct ff_cli_one one = { .given = false };
    __attribute__((cleanup(picture_done))) struct picture picture = { 0 };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &get_command, argc, argv, &one);
    args.execution_id = one.id;
    status = ff_cli_do(cli, FF_OP_describe_execution, &args, &picture.view, &picture.of_view);
    if (status != FF_CLI_OK) {
        return status;
    }
    if (cli->json) {
        ff_cli_print_json(picture.of_view.map);
        return picture.view.execution == NULL ? FF_CLI_FAILED : FF_CLI_OK;
    }
    if (picture.view.execution != NULL) {
        status = take_picture(cli, &args.execution_id, &picture);
    }
    if (status != FF_CLI_OK) {
        return status;
    }
    if (picture.view.execution == NULL || picture.info.info == NULL) { /* or trimmed meanwhile */
        return ff_cli_life_say_unknown(&args.execution_id);
    }
    print_picture(&picture);
    return FF_CLI_OK;
}

/* ---- result ---- */

static const struct ff_cli_command result_command = {
    NULL, ff_cli_parse_one, "ID",
    "Write the result of a completed execution to standard output, byte for byte. With --json as "
    "the "
    "daemon answers it, in base64." FF_CLI_EXIT_HELP
};

/* Why there is none. */
static int
explain(struct ff_cli *cli, const struct ff_eid *id)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    const struct ff_read_execution_state_args args = { .execution_id = *id };
    struct ff_read_execution_state_result result = { 0 };
    int status = ff_cli_do(cli, FF_OP_read_execution_state, &args, &result, &answer);
    const char *word = NULL;

    if (status != FF_CLI_OK) {
        return status;
    }
    if (!result.public_state.is) {
        return ff_cli_life_say_unknown(id);
    }
    word = ff_word(&ff_vocab_public_state, result.public_state.v);
    if (result.public_state.v == FF_PUBLIC_COMPLETED) {
        fprintf(stderr, "ffctl: it completed without a result\n");
        return FF_CLI_OK;
    }
    fprintf(stderr, "ffctl: it has no result, as it is %s; `ffctl %s' %s\n", word,
            ff_cli_has_ended((enum ff_public_state) result.public_state.v) ? "get" : "wait",
            ff_cli_has_ended((enum ff_public_state) result.public_state.v) ? "says more"
                                                                           : "waits for its end");
    return FF_CLI_FAILED;
}

int
ff_cli_result(struct ff_cli *cli, int argc, char **argv)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_get_execution_result_args args = { 0 };
    struct ff_cli_one one = { .given = false };
    struct ff_get_execution_result_result result = { 0 };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &result_command, argc, argv, &one);
    args.execution_id = one.id;
    status = ff_cli_do(cli, FF_OP_get_execution_result, &args, &result, &answer);
    if (status != FF_CLI_OK) {
        return status;
    }
    if (cli->json) {
        ff_cli_print_json(answer.map);
    }
    if (result.result.p == NULL) {
        return explain(cli, &args.execution_id);
    }
    if (!cli->json) {
        fwrite(result.result.p, 1, result.result.n, stdout);
    }
    return FF_CLI_OK;
}
