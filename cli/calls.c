#include <pthread.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "ipc/frame.h"

void
ff_cli_seal_fault(struct ff_answer *answer, const char *op)
{
    answer->map = ff_error_map(&answer->fault, ff_cstr(op), &answer->arena);
}

/* ---- what went wrong ---- */

/* What a person can do about it; NULL: the message says it all. */
static const char *
hint_for(struct ff_answer *answer, const char *op)
{
    const struct ff_fault *fault = &answer->fault;

    for (uint32_t i = 0; i < fault->n;
         i++) { /* of our own faults only: others have no detail here */
        if (strcmp(fault->detail[i].key, "hint") == 0) {
            return fault->detail[i].v.str.p;
        }
    }
    switch (fault->code) {
    case FF_E_INVALID_INPUT:
        return ff_arena_printf(&answer->arena, "`ffctl ops %s' shows what it takes.", op).p;
    case FF_E_EXECUTION_NOT_FOUND:
        return "`ffctl ls' lists what there is.";
    case FF_E_FLOW_NOT_FOUND:
        return "`ffctl flow ls' lists what there is.";
    case FF_E_CHILD_NOT_FOUND:
        return strcmp(op, "run_scanner") == 0 ? "`ffctl scan' names the scanners."
                                              : "`ffctl tree' lists the processes.";
    case FF_E_INVALID_CONFIG:
        return "The configuration in force is still the old one.";
    case FF_E_PERMISSION_DENIED:
        return "Run ffctl as the user of the daemon, so that it may use operator.sock.";
    case FF_E_UNAVAILABLE:
        return "`ffctl ops' lists what there is; `later' marks what this version lacks.";
    case FF_E_FENCE_REQUIRED:
        return "Give the fence of the claim, or \"source\": \"operator_override\".";
    case FF_E_TRANSPORT:
        return ff_answer_is_lost(answer) ? NULL : "It is the store: try again when it is well.";
    default:
        return fault->retryable ? "Trying again may help." : NULL;
    }
}

/* The broker's own store counts as nobody: what was asked for has not failed. */
static int
exit_of(const struct ff_answer *answer)
{
    return answer->fault.code == FF_E_TRANSPORT ? FF_CLI_NO_DAEMON : FF_CLI_FAILED;
}

int
ff_cli_report(struct ff_cli *cli, const char *op, struct ff_answer *answer)
{
    const char *hint = NULL;

    if (cli->json) {
        ff_cli_print_wrapped("error", answer->map);
        return exit_of(answer);
    }
    hint = hint_for(answer, op);
    if (ff_answer_is_lost(answer)) {
        fprintf(stderr, "ffctl: %s\n", answer->fault.message);
    } else {
        fprintf(stderr, "ffctl: %s: %s\n", op, ff_answer_text(answer));
    }
    if (hint != NULL) {
        fprintf(stderr, "       %s\n", hint);
    }
    return exit_of(answer);
}

/* ---- one call ---- */

ff_err
ff_cli_call_named(struct ff_cli *cli, struct ff_str op, struct ff_str args,
                  struct ff_answer *answer)
{
    enum ff_cli_where where = ff_cli_where_of(ff_op_find(op));
    struct ff_client *client = NULL;

    if (ff_cli_connect(cli, where, &client, answer) != FF_E_OK) {
        ff_cli_seal_fault(answer, ff_arena_printf(&answer->arena, "%.*s", (int) op.n, op.p).p);
        return answer->fault.code;
    }
    return ff_client_call_named(client, op, args, answer);
}

int
ff_cli_do(struct ff_cli *cli, enum ff_op op, const void *args, void *result,
          struct ff_answer *answer)
{
    struct ff_client *client = NULL;

    if (ff_cli_connect(cli, ff_cli_where_of(&ff_ops[op]), &client, answer) != FF_E_OK) {
        ff_cli_seal_fault(answer, ff_ops[op].name);
    } else if (ff_client_call(client, op, args, result, answer) == FF_E_OK) {
        return FF_CLI_OK;
    }
    return ff_cli_report(cli, ff_ops[op].name, answer);
}

int
ff_cli_do_tell(struct ff_cli *cli, const struct ff_cli_act *act)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    void *result = ff_arena_zalloc(&arena, ff_ops[act->op].result->size);
    int status = ff_cli_do(cli, act->op, act->args, result, &answer);

    if (status != FF_CLI_OK) {
        return status;
    }
    if (cli->json) {
        ff_cli_print_json(answer.map);
    } else if (act->tell != NULL) {
        act->tell(act->ctx, result, &answer.arena);
    }
    return act->judge == NULL ? FF_CLI_OK : act->judge(result);
}

/* ---- many ---- */

struct gathering {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    uint32_t missing;
};

struct slot {
    struct gathering *gathering;
    struct ff_answer *answer;
};

/* On the client's thread. */
static void
on_answer(void *ctx, struct ff_answer *answer)
{
    struct slot *slot = ctx;

    *slot->answer = *answer;
    pthread_mutex_lock(&slot->gathering->mutex);
    if (--slot->gathering->missing == 0) {
        pthread_cond_signal(&slot->gathering->cond);
    }
    pthread_mutex_unlock(&slot->gathering->mutex);
}

static void
gather(struct ff_client *client, const struct ff_cli_many *many, struct ff_arena *arena)
{
    struct gathering gathering = { .missing = many->n };
    struct slot *slots = FF_ARENA_NEW(arena, struct slot, many->n);
    size_t size = ff_ops[many->op].args->size;

    pthread_mutex_init(&gathering.mutex, NULL);
    pthread_cond_init(&gathering.cond, NULL);
    for (uint32_t i = 0; i < many->n; i++) {
        slots[i] = (struct slot){ &gathering, &many->answers[i] };
        ff_client_call_async(client, many->op, (const char *) many->args + i * size, on_answer,
                             &slots[i]);
    }
    pthread_mutex_lock(&gathering.mutex);
    while (gathering.missing > 0) {
        pthread_cond_wait(&gathering.cond, &gathering.mutex);
    }
    pthread_mutex_unlock(&gathering.mutex);
    pthread_cond_destroy(&gathering.cond);
    pthread_mutex_destroy(&gathering.mutex);
}

int
ff_cli_do_many(struct ff_cli *cli, const struct ff_cli_many *many)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    FF_SCOPED(ff_answer) trouble = { 0 };
    struct ff_client *client = NULL;

    if (ff_cli_connect(cli, ff_cli_where_of(&ff_ops[many->op]), &client, &trouble) != FF_E_OK) {
        ff_cli_seal_fault(&trouble, ff_ops[many->op].name);
        return ff_cli_report(cli, ff_ops[many->op].name, &trouble);
    }
    gather(client, many, &arena);
    for (uint32_t i = 0; i < many->n; i++) {
        if (many->answers[i].fault.code != FF_E_OK) {
            return ff_cli_report(cli, ff_ops[many->op].name, &many->answers[i]);
        }
    }
    return FF_CLI_OK;
}
