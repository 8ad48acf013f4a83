#include "workers/plugin_load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/id.h"
#include "workers/plugin.h"
#include "workers/suspend.h"

struct ff_plugin_handler {
    struct ff_plugin_options options;
    void *library;
    const struct ff_plugin *plugin;
    bool ready; /* init went well */
    char wrong[256];
};

/* What a job's `host` points to. */
struct call {
    struct ff_plugin_handler *handler;
    struct ff_job *job;
    struct ff_plugin_upstream *upstreams;
};

/* The enums have one order. */
_Static_assert((int) FF_PLUGIN_TRANSIENT == (int) FF_FAILURE_TRANSIENT, "class");
_Static_assert((int) FF_PLUGIN_PERMANENT == (int) FF_FAILURE_PERMANENT, "class");
_Static_assert((int) FF_PLUGIN_INFRA_CRASH == (int) FF_FAILURE_INFRA_CRASH, "class");
_Static_assert((int) FF_PLUGIN_TIMEOUT == (int) FF_FAILURE_TIMEOUT, "class");
_Static_assert((int) FF_PLUGIN_CANCELLED == (int) FF_FAILURE_CANCELLED, "class");

/* ---- what a plugin may call ---- */

static struct call *
call_of(struct ff_plugin_job *job)
{
    return job->host;
}

static void
api_complete(struct ff_plugin_job *job, const void *result, size_t bytes)
{
    size_t max = ff_job_output_bytes_max(call_of(job)->job);

    /* one byte over the limit is enough to be refused, however many there are */
    ff_job_complete(call_of(job)->job, ff_str(result, bytes > max ? max + 1 : bytes));
}

static void
api_fail(struct ff_plugin_job *job, enum ff_plugin_class class, const char *category,
         const char *message)
{
    bool known = (unsigned) class <= FF_PLUGIN_CANCELLED;

    ff_job_fail(call_of(job)->job, known ? (enum ff_failure_class) class : FF_FAILURE_TRANSIENT,
                category, message == NULL ? "" : message);
}

static int
api_should_stop(struct ff_plugin_job *job)
{
    return ff_job_stop(call_of(job)->job) != FF_STOP_NONE;
}

static int
api_wait(struct ff_plugin_job *job, uint64_t ms)
{
    return ff_job_wait(call_of(job)->job, ms);
}

static void
api_log(struct ff_plugin_job *job, const char *line)
{
    const struct ff_plugin_options *options = &call_of(job)->handler->options;

    options->line(options->ctx, call_of(job)->job, ff_cstr(line));
}

static void
say(struct ff_plugin_job *job, const char *what, const char *detail)
{
    ff_job_log(call_of(job)->job, FF_LEVEL_WARN, what, detail);
}

/* The word's place in its vocabulary; NULL: 0. -1: it has none. */
static int
place_of(const struct ff_vocab *vocab, const char *word)
{
    for (uint32_t i = 0; word != NULL && i < vocab->n; i++) {
        if (strcmp(vocab->words[i], word) == 0) {
            return (int) i;
        }
    }
    return word == NULL ? 0 : -1;
}

static int
api_suspend(struct ff_plugin_job *job, const struct ff_plugin_wait *wait)
{
    struct ff_job *held = call_of(job)->job;
    struct ff_awaited awaited[FF_SUSPEND_MAX] = { { 0 } };
    const struct ff_awaiting awaiting = { .v = awaited, .n = wait->n, .wanted = wait->wanted };
    int reason = place_of(&ff_vocab_suspend_reason, wait->reason);
    int behavior = place_of(&ff_vocab_timeout_behavior, wait->on_timeout);
    const struct ff_suspending with = { .handle = ff_job_claim(held)->handle,
                                        .reason = (enum ff_suspend_reason) reason,
                                        .timeout_ms = wait->timeout_ms,
                                        .on_timeout = (enum ff_timeout_behavior) behavior };
    struct ff_suspend_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (reason < 0 || behavior < 0 || wait->n > FF_SUSPEND_MAX) {
        say(job, "suspend_refused", "no such reason or behaviour, or too many waitpoints");
        return -1;
    }
    for (uint32_t i = 0; i < wait->n; i++) {
        awaited[i] = (struct ff_awaited){ wait->keys[i], wait->names[i] };
    }
    if (ff_suspend_on(ff_job_client(held), &with, &awaiting, &result, &answer) != FF_E_OK) {
        say(job, "suspend_refused", ff_answer_text(&answer));
        return -1;
    }
    ff_job_released(held);
    return 0;
}

static const struct ff_plugin_upstream *
api_upstream(struct ff_plugin_job *job, uint32_t at)
{
    const struct call *call = call_of(job);

    return at < ff_job_upstream_count(call->job) ? &call->upstreams[at] : NULL;
}

static const struct ff_plugin_api api = {
    .size = sizeof(api),
    .complete = api_complete,
    .fail = api_fail,
    .should_stop = api_should_stop,
    .wait = api_wait,
    .log = api_log,
    .suspend = api_suspend,
    .upstream = api_upstream,
};

/* ---- calling it ---- */

static const char *
text(struct ff_arena *arena, struct ff_str str)
{
    return str.p == NULL ? NULL : ff_arena_printf(arena, "%.*s", (int) str.n, str.p).p;
}

static void
set_tags(struct ff_plugin_job *job, struct ff_tags tags, struct ff_arena *arena)
{
    const char **keys = FF_ARENA_NEW(arena, const char *, tags.n + 1);
    const char **values = FF_ARENA_NEW(arena, const char *, tags.n + 1);

    for (uint32_t i = 0; i < tags.n; i++) {
        keys[i] = text(arena, tags.v[i].key);
        values[i] = text(arena, tags.v[i].value);
    }
    job->n_tags = tags.n;
    job->tag_keys = keys;
    job->tag_values = values;
}

static void
set_signals(struct ff_plugin_job *job, const struct ff_observed_signal_list *signals,
            struct ff_arena *arena)
{
    struct ff_plugin_signal *out = FF_ARENA_NEW(arena, struct ff_plugin_signal, signals->n + 1u);

    for (uint32_t i = 0; i < signals->n; i++) {
        const struct ff_observed_signal *signal = &signals->v[i];

        out[i] = (struct ff_plugin_signal){ .name = text(arena, signal->signal_name),
                                            .source_type = text(arena, signal->source_type),
                                            .source = text(arena, signal->source_identity),
                                            .payload = signal->payload.p,
                                            .payload_bytes = signal->payload.n };
    }
    job->n_signals = signals->n;
    job->signals = out;
}

static struct ff_plugin_upstream *
upstreams_of(const struct ff_job *job, struct ff_arena *arena)
{
    uint32_t n = ff_job_upstream_count(job);
    struct ff_plugin_upstream *out = FF_ARENA_NEW(arena, struct ff_plugin_upstream, n + 1u);

    for (uint32_t i = 0; i < n; i++) {
        const struct ff_upstream *one = ff_job_upstream(job, i);
        char id[FF_EID_TEXT_MAX];

        ff_eid_text(&one->execution_id, id);
        out[i] = (struct ff_plugin_upstream){ .size = sizeof(out[i]),
                                              .execution_id = text(arena, ff_cstr(id)),
                                              .outcome = ff_upstream_outcome(one),
                                              .result = one->result.p,
                                              .result_bytes = one->result.n,
                                              .left_out = one->left_out };
    }
    return out;
}

static void
work(void *ctx, struct ff_job *job)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_plugin_handler *handler = ctx;
    const struct ff_claim *claim = ff_job_claim(job);
    struct call call = { handler, job, upstreams_of(job, &arena) };
    char execution[FF_EID_TEXT_MAX], attempt[FF_UUID_TEXT_MAX];
    struct ff_plugin_job given = { .size = sizeof(given), .host = &call };

    ff_eid_text(&claim->execution_id, execution);
    ff_uuid_text(&claim->attempt_id, attempt);
    given.execution_id = execution;
    given.attempt_id = attempt;
    given.attempt_index = claim->attempt_index;
    given.kind = text(&arena, claim->execution_kind);
    given.lane = text(&arena, ff_job_lane(job));
    given.input = claim->input_payload.p == NULL ? "" : claim->input_payload.p;
    given.input_bytes = claim->input_payload.n;
    given.payload_encoding = text(&arena, claim->payload_encoding);
    given.timeout_ms = ff_job_timeout_ms(job);
    given.output_bytes_max = ff_job_output_bytes_max(job);
    set_tags(&given, claim->tags, &arena);
    set_signals(&given, &claim->resume_signals, &arena);
    handler->plugin->run(&api, &given);
}

/* ---- loading ---- */

static ff_err
refuse(struct ff_plugin_handler *handler, const char *reason, struct ff_fault *fault)
{
    ff_err err = ff_fail(fault, FF_E_INVALID_CONFIG, ff_d_text("context", "plugin"),
                         ff_d_text("field", handler->options.path), ff_d_text("reason", reason));

    snprintf(handler->wrong, sizeof(handler->wrong), "plugin %s: %s", handler->options.path,
             reason);
    fault->message = handler->wrong;
    return err;
}

ff_err
ff_plugin_load(const struct ff_plugin_options *options, struct ff_plugin_handler **out,
               struct ff_fault *fault)
{
    struct ff_plugin_handler *handler = calloc(1, sizeof(*handler));

    FF_ASSERT(handler != NULL);
    *out = handler;
    handler->options = *options;
    handler->library = dlopen(options->path, RTLD_NOW | RTLD_LOCAL);
    if (handler->library == NULL) {
        return refuse(handler, dlerror(), fault);
    }
    handler->plugin = dlsym(handler->library, FF_PLUGIN_SYMBOL);
    if (handler->plugin == NULL) {
        return refuse(handler, "it has no symbol " FF_PLUGIN_SYMBOL, fault);
    }
    if (handler->plugin->abi != FF_PLUGIN_ABI) {
        return refuse(handler, "it is made for another version of plugin.h", fault);
    }
    if (handler->plugin->size < offsetof(struct ff_plugin, run) + sizeof(handler->plugin->run) ||
        handler->plugin->run == NULL) {
        return refuse(handler, "it has no run", fault);
    }
    if (handler->plugin->init != NULL && handler->plugin->init() != 0) {
        return refuse(handler, "its init failed", fault);
    }
    handler->ready = true;
    return FF_E_OK;
}

void
ff_plugin_free(struct ff_plugin_handler *handler)
{
    if (handler != NULL) {
        if (handler->ready && handler->plugin->done != NULL) {
            handler->plugin->done();
        }
        if (handler->library != NULL) {
            dlclose(handler->library);
        }
        free(handler);
    }
}

struct ff_handler
ff_plugin_handler(struct ff_plugin_handler *handler, const char *kind)
{
    return (struct ff_handler){
        .kind = kind,
        .work = work,
        .ctx = handler,
        .timeout_ms = handler->options.timeout_ms,
        .output_bytes_max = handler->options.output_bytes_max,
        .stop_grace_ms = handler->options.stop_grace_ms,
    };
}
