/* control_main.c: the role of the control child: owns control.sock, passes what operators ask for
 * to the supervisor, and what is the broker's to the broker (00 §6).
 *
 * A frame's calls run one after the other; each is on its way either to the supervisor, over the
 * channel, or to the broker, through libflowfabric, whose thread hands the answer to the loop.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "backends/broker/hello.h"
#include "core/codec.h"
#include "ipc/server.h"
#include "supervisor/log.h"
#include "supervisor/role.h"
#include "workers/flowfabric.h"

/* Operators, not workers: few connections, small frames. */
#define CHANNELS_MAX 256
#define FRAME_BYTES_MAX (1u << 20)
/* As many as list_lanes gives at a time. */
#define LANES_SHOWN_MAX 1000
/* The broker may be away: an operator wants to know that soon. */
#define BROKER_TIMEOUT_MS 2000

struct control {
    struct ev_loop *loop;
    struct ff_config config;
    struct ff_stop_watch watch;
    struct ff_server *server;
    struct ff_greeting greeting;
    struct ff_client *client; /* of the broker; opened when first needed */
    struct ev_prepare settle; /* while stopping: ends the loop when all is answered */
    struct ev_timer grace;
    struct ev_async answered;
    pthread_mutex_t lock; /* guards `back`, the only thing that the client's thread touches */
    STAILQ_HEAD(, job) back;
};

/* A frame under way. */
struct job {
    STAILQ_ENTRY(job) next;
    struct control *control;
    struct ff_frame *frame;
    uint32_t at;             /* the call that is under way */
    struct ff_answer answer; /* of the broker */
};

static void next_call(struct job *job);

static struct ff_call *
call_of(struct job *job)
{
    return &job->frame->calls[job->at];
}

static void
end_call(struct job *job, const struct ff_fault *fault, struct ff_str map)
{
    struct ff_call *call = call_of(job);
    FF_SCOPED(ff_packer) packer;

    ff_packer_init(&packer);
    call->fault.code = fault->code;
    if (map.p == NULL) { /* an error that did not come over the wire */
        ff_encode_error(fault, ff_ops[call->op].name, &packer.pk);
        map = ff_packer_str(&packer);
    }
    call->reply = ff_arena_copy(&job->frame->arena, map);
    job->at++;
    next_call(job);
}

/* ---- the supervisor's answers ---- */

/* Adds to status what only the broker knows. */
static bool ask_lanes(struct job *job);

static void
on_supervisor(void *ctx, const struct ff_ctl_answer *answer)
{
    struct job *job = ctx;
    const struct ff_ctl_operate_result *operated = answer->result;

    if (answer->fault.code == FF_E_OK && call_of(job)->op == FF_OP_status) {
        call_of(job)->reply = ff_arena_copy(&job->frame->arena, operated->result);
        if (ask_lanes(job)) {
            return;
        }
    }
    end_call(job, &answer->fault, operated != NULL ? operated->result : answer->map);
}

static void
ask_supervisor(struct job *job)
{
    struct ff_call *call = call_of(job);
    const struct ff_op_info *info = &ff_ops[call->op];
    struct ff_ctl_operate_args args = { .op = ff_cstr(info->name), .now_ms = call->common.now_ms };
    FF_SCOPED(ff_packer) packer;

    ff_packer_init(&packer);
    ff_encode(info->args, call->args, &packer.pk);
    args.args = ff_packer_str(&packer);
    ff_ctl_call(job->control->watch.ctl, FF_CTL_operate, &args, on_supervisor, job);
}

/* ---- the broker's answers ---- */

/* On the client's thread. */
static void
on_broker(void *ctx, struct ff_answer *answer)
{
    struct job *job = ctx;
    struct control *control = job->control;

    job->answer = *answer;
    pthread_mutex_lock(&control->lock);
    STAILQ_INSERT_TAIL(&control->back, job, next);
    pthread_mutex_unlock(&control->lock);
    ev_async_send(control->loop, &control->answered);
}

static struct ff_client *
client_of(struct control *control, struct ff_fault *fault)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_client_options options = {
        .name = "control",
        .give_up_ms = BROKER_TIMEOUT_MS,
        .timeout_ms = BROKER_TIMEOUT_MS,
    };

    options.address =
        ff_arena_printf(&arena, "ipc://%s/operator.sock", control->config.runtime_dir.p).p;
    if (control->client == NULL && ff_client_open(&options, &control->client, fault) != FF_E_OK) {
        return NULL;
    }
    return control->client;
}

/* False: fault says why. */
static bool
ask_broker(struct job *job, enum ff_op op, const void *args, struct ff_fault *fault)
{
    struct ff_client *client = client_of(job->control, fault);

    if (client == NULL) {
        return false;
    }
    ff_client_call_async(client, op, args, on_broker, job);
    return true;
}

static bool
ask_lanes(struct job *job)
{
    const struct ff_list_lanes_args args = { .limit = LANES_SHOWN_MAX };
    struct ff_fault ignored = { 0 };

    return ask_broker(job, FF_OP_list_lanes, &args, &ignored);
}

/* The supervisor's status with the lanes; without them where the broker did not tell. */
static struct ff_str
with_lanes(struct job *job)
{
    struct ff_arena *arena = &job->frame->arena;
    struct ff_list_lanes_result lanes = { 0 };
    struct ff_status_result status = { 0 };
    struct ff_fault fault = { 0 };
    FF_SCOPED(ff_packer) packer;
    msgpack_zone zone;
    msgpack_object map;

    ff_packer_init(&packer);
    FF_ASSERT(msgpack_zone_init(&zone, 1024));
    if (job->answer.fault.code == FF_E_OK &&
        ff_answer_result(&job->answer, FF_OP_list_lanes, &lanes) == FF_E_OK &&
        ff_msgpack_parse(call_of(job)->reply, &zone, &map, &fault) == FF_E_OK &&
        ff_decode_result(ff_ops[FF_OP_status].result, &map, arena, &status, &fault) == FF_E_OK) {
        status.lanes = lanes.states;
        ff_encode(ff_ops[FF_OP_status].result, &status, &packer.pk);
    }
    msgpack_zone_destroy(&zone);
    return packer.buf.size > 0 ? ff_arena_copy(arena, ff_packer_str(&packer)) : call_of(job)->reply;
}

static void
on_answered(struct ev_loop *loop, struct ev_async *watcher, int events)
{
    struct control *control = watcher->data;
    struct job *job = NULL;

    (void) loop;
    (void) events;
    for (;;) {
        struct ff_answer answer;
        struct ff_fault ok = { 0 };

        pthread_mutex_lock(&control->lock);
        job = STAILQ_FIRST(&control->back);
        if (job != NULL) {
            STAILQ_REMOVE_HEAD(&control->back, next);
        }
        pthread_mutex_unlock(&control->lock);
        if (job == NULL) {
            return;
        }
        answer = job->answer;
        if (call_of(job)->op == FF_OP_status) {
            struct ff_str map = with_lanes(job);

            answer = job->answer;
            job->answer = (struct ff_answer){ 0 };
            end_call(job, &ok, map);
        } else {
            job->answer = (struct ff_answer){ 0 };
            end_call(job, &answer.fault, answer.map);
        }
        ff_answer_done(&answer);
    }
}

/* ---- calls ---- */

static bool
set_lane(struct job *job, struct ff_str lane_id, enum ff_lane_state state, struct ff_fault *fault)
{
    const struct ff_set_lane_state_args args = { .lane_id = lane_id, .state = state };

    return ask_broker(job, FF_OP_set_lane_state, &args, fault);
}

/* Those of 00 §5 that the broker knows the answer to. */
static bool
is_for_every_socket(enum ff_op op)
{
    return op == FF_OP_ping || op == FF_OP_capabilities || op == FF_OP_backend_label ||
           op == FF_OP_server_time_ms;
}

/* True: an answer will come. */
static bool
begin_call(struct job *job, struct ff_fault *fault)
{
    const struct ff_call *call = call_of(job);

    switch ((int) call->op) {
    case FF_OP_pause_lane:
        return set_lane(job, ((const struct ff_pause_lane_args *) call->args)->lane_id,
                        FF_LANE_PAUSED, fault);
    case FF_OP_resume_lane:
        return set_lane(job, ((const struct ff_resume_lane_args *) call->args)->lane_id,
                        FF_LANE_ACTIVE, fault);
    case FF_OP_drain_lane:
        return set_lane(job, ((const struct ff_drain_lane_args *) call->args)->lane_id,
                        FF_LANE_DRAINING, fault);
    default:
        break;
    }
    if (ff_ops[call->op].place == FF_OP_IN_HOST) {
        ask_supervisor(job);
        return true;
    }
    if (is_for_every_socket(call->op)) {
        return ask_broker(job, call->op, call->args, fault);
    }
    (void) ff_fail(fault, FF_E_PERMISSION_DENIED,
                   ff_d_text("class", ff_op_class_name(ff_ops[call->op].class)),
                   ff_d_text("socket", "control"));
    return false;
}

static void
next_call(struct job *job)
{
    struct ff_fault fault = { 0 };

    if (job->at == job->frame->n) {
        struct ff_frame *frame = job->frame;

        free(job);
        frame->done(frame);
    } else if (!begin_call(job, &fault)) {
        end_call(job, &fault, ff_cstr(NULL));
    }
}

/* ---- what the server asks for ---- */

static void
on_submit(void *ctx, struct ff_frame *frame)
{
    struct job *job = calloc(1, sizeof(*job));

    FF_ASSERT(job != NULL);
    *job = (struct job){ .control = ctx, .frame = frame };
    next_call(job);
}

/* What was asked for goes on: it is not undone by its client's leaving. */
static void
on_cancel(void *ctx, struct ff_frame *frame)
{
    (void) ctx;
    (void) frame;
}

static void
on_flush(void *ctx)
{
    (void) ctx;
}

/* The engine that this socket's operations are about is the broker's. */
static struct ff_str
hello(struct control *control, struct ff_arena *arena)
{
    const struct ff_config *config = &control->config;
    const char *colon = strchr(config->store.p, ':');
    struct ff_engine_facts facts = {
        .counts = { .flow = (uint32_t) config->flow_partitions,
                    .budget = (uint32_t) config->budget_partitions,
                    .quota = (uint32_t) config->quota_partitions },
        .frame_bytes_max = FRAME_BYTES_MAX,
        .test_mode = config->test_mode,
    };

    facts.backend =
        ff_arena_printf(arena, "%.*s", (int) (colon - config->store.p), config->store.p).p;
    return ff_hello(&control->greeting, &facts, (int64_t) (ev_time() * 1000.0),
                    ff_server_limits(control->server, arena), arena);
}

static enum ff_host_answer
on_host_call(void *ctx, struct ff_channel *channel, struct ff_call *call, struct ff_arena *arena)
{
    struct control *control = ctx;

    (void) channel;
    if (call->op == FF_OP_hello) {
        call->reply = hello(control, arena);
        return FF_HOST_ANSWERED;
    }
    return ff_ops[call->op].place == FF_OP_IN_HOST ? FF_HOST_SUBMIT : FF_HOST_UNKNOWN;
}

static const struct ff_server_ops server_ops = {
    .submit = on_submit,
    .cancel = on_cancel,
    .flush = on_flush,
    .host_call = on_host_call,
};

/* ---- the process ---- */

static void
on_settle(struct ev_loop *loop, struct ev_prepare *watcher, int events)
{
    struct control *control = watcher->data;

    (void) events;
    if (ff_server_idle(control->server)) {
        ev_break(loop, EVBREAK_ALL);
    }
}

static void
on_grace_over(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    (void) watcher;
    (void) events;
    ev_break(loop, EVBREAK_ALL);
}

static void
on_stop(void *ctx, const char *why, uint64_t grace_ms)
{
    struct control *control = ctx;

    ff_log(FF_LEVEL_INFO, "stopping", "why", ff_cstr(why));
    ff_server_stop(control->server);
    ev_prepare_start(control->loop, &control->settle);
    ev_timer_init(&control->grace, on_grace_over, (double) grace_ms / 1000.0, 0.0);
    ev_timer_start(control->loop, &control->grace);
}

static ff_err
open_server(struct control *control, struct ff_fault *fault)
{
    struct ff_server_options options;
    struct ff_listen listen = { "control", NULL, FF_CLASS_OF_OPERATOR, 0600 };

    ff_server_options_init(&options, &server_ops, control);
    options.channels_max = CHANNELS_MAX;
    options.frame_bytes_max = FRAME_BYTES_MAX;
    control->server = ff_server_new(control->loop, &options);
    listen.path =
        ff_arena_printf(&control->config.arena, "%s/control.sock", control->config.runtime_dir.p).p;
    return ff_server_listen(control->server, &listen, fault);
}

static void
control_init(struct control *control)
{
    control->loop = ev_default_loop(EVFLAG_AUTO);
    ff_greeting_init(&control->greeting);
    STAILQ_INIT(&control->back);
    pthread_mutex_init(&control->lock, NULL);
    ev_prepare_init(&control->settle, on_settle);
    ev_async_init(&control->answered, on_answered);
    control->settle.data = control->answered.data = control;
    ev_async_start(control->loop, &control->answered);
    control->watch = (struct ff_stop_watch){ .stop = on_stop, .ctx = control };
}

static int
serve(struct control *control, const struct ff_boot *boot)
{
    struct ff_fault fault = { 0 };

    if (open_server(control, &fault) != FF_E_OK) {
        ff_log_fault("boot_failed", &fault);
        return FF_EXIT_RESTART;
    }
    ff_stop_watch_start(&control->watch, control->loop, boot);
    ff_boot_ready(boot);
    ev_run(control->loop, 0);
    return FF_EXIT_OK;
}

int
ff_control_main(int argc, char **argv)
{
    static struct control control; /* what is under way at the end is the kernel's to free */
    struct ff_boot boot;
    int status = FF_EXIT_OK;

    ff_boot_parse(&boot, argc, argv, "Answers operators on the control socket.");
    if (boot.ctl_fd < 0) {
        fprintf(stderr, "flowfabricd: control is started by the supervisor, not by hand\n");
        return 2;
    }
    if (ff_boot_config(&boot, &control.config) != FF_E_OK) {
        return FF_EXIT_CONFIG;
    }
    control_init(&control);
    status = serve(&control, &boot);
    if (control.client != NULL) {
        ff_client_close(control.client);
    }
    ff_server_free(control.server);
    ff_stop_watch_end(&control.watch);
    return status;
}
