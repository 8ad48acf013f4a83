#include "cli/life.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/output.h"
#include "cli/wait.h"
#include "core/id.h"

/* Core fields of 02 §1.9 that the views do not tell. */
static const char *const fields[] = {
    "blocking_reason",
    "ownership_state",
    "eligibility_state",
    "attempt_state",
    "delay_until",
    "execution_deadline_at",
    "retry_count",
    "lease_reclaim_count",
    "max_reclaim_count",
    "replay_count",
    "total_attempt_count",
    "current_worker_instance_id",
    "lease_expires_at",
    "lease_acquired_at",
    "lease_last_renewed_at",
    "lease_expired_at",
    "lease_revoked_at",
    "lease_revoke_reason",
    "attempt_timeout_at",
    "progress_pct",
    "progress_message",
    "progress_updated_at",
    "failure_reason",
    "failure_category",
    "cancelled_by",
    "cancellation_reason",
    "creator_identity",
    "required_capabilities",
    "last_transition_at",
    "last_capability_mismatch_at",
    "grant",
    "flow_id",
    "pending_replay_reason",
    "current_suspension_id",
};

error_t
ff_cli_parse_one(int key, char *arg, struct argp_state *state)
{
    struct ff_cli_one *one = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        if (one->given) {
            argp_error(state, "one execution at a time");
        }
        one->id = ff_cli_parse_eid(state, arg);
        one->given = true;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name the execution");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void
ff_cli_life_done(struct ff_cli_life *life)
{
    ff_arena_done(&life->arena);
    ff_answer_done(&life->of_info);
    ff_answer_done(&life->of_more);
    ff_answer_done(&life->of_now);
}

int
ff_cli_life_read(struct ff_cli *cli, const struct ff_eid *id, struct ff_cli_life *life)
{
    const struct ff_read_execution_info_args info = { .execution_id = *id };
    struct ff_read_exec_core_fields_args more = { .execution_id = *id };
    const struct ff_server_time_ms_args none = { 0 };
    struct ff_server_time_ms_result now = { 0 };
    int status = FF_CLI_OK;

    more.fields.v = FF_ARENA_NEW(&life->arena, struct ff_str, FF_COUNT(fields));
    more.fields.n = FF_COUNT(fields);
    for (uint32_t i = 0; i < more.fields.n; i++) {
        more.fields.v[i] = ff_cstr(fields[i]);
    }
    status = ff_cli_do(cli, FF_OP_read_execution_info, &info, &life->info, &life->of_info);
    if (status == FF_CLI_OK) {
        status = ff_cli_do(cli, FF_OP_read_exec_core_fields, &more, &life->more, &life->of_more);
    }
    if (status == FF_CLI_OK) {
        status = ff_cli_do(cli, FF_OP_server_time_ms, &none, &now, &life->of_now);
    }
    life->now_ms = (int64_t) now.now_ms;
    return status;
}

int
ff_cli_life_say_unknown(const struct ff_eid *id)
{
    char text[FF_EID_TEXT_MAX];

    ff_eid_text(id, text);
    fprintf(stderr, "ffctl: there is no execution %s; `ffctl ls' lists what there is\n", text);
    return FF_CLI_FAILED;
}

const char *
ff_cli_life_text(struct ff_cli_life *life, const char *name)
{
    for (uint32_t i = 0; i < life->more.fields.n; i++) {
        const struct ff_tag *tag = &life->more.fields.v[i];

        if (ff_str_is(tag->key, name) && tag->value.p != NULL) {
            return ff_cli_safe(tag->value, &life->arena);
        }
    }
    return NULL;
}

bool
ff_cli_life_number(struct ff_cli_life *life, const char *name, int64_t *out)
{
    const char *text = ff_cli_life_text(life, name);

    return text != NULL && ff_cli_parse_number(text, INT64_MIN, INT64_MAX, out);
}
