/* test_plugin.c: a plugin that does what its input says: an example of plugin.h, and its test. */
#include "workers/plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void
describe(const struct ff_plugin_api *api, struct ff_plugin_job *job)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "%s %s %u %s=%s %llu %zu", job->kind, job->lane,
                     job->attempt_index, job->n_tags > 0 ? job->tag_keys[0] : "",
                     job->n_tags > 0 ? job->tag_values[0] : "",
                     (unsigned long long) job->timeout_ms, job->output_bytes_max);

    api->complete(job, text, (size_t) n);
}

/* Waits for two of three, the first time; then says who came. */
static void
await_two(const struct ff_plugin_api *api, struct ff_plugin_job *job)
{
    static const char *const keys[] = { "a", "b", "c" };
    static const char *const names[] = { "go", "go", "go" };
    const struct ff_plugin_wait wait = {
        .size = sizeof(wait), .n = 3, .wanted = 2, .keys = keys, .names = names
    };
    char text[256] = "";

    if (job->n_signals == 0) {
        if (api->suspend(job, &wait) != 0) {
            api->fail(job, FF_PLUGIN_PERMANENT, NULL, "cannot wait");
        }
        return;
    }
    for (uint32_t i = 0; i < job->n_signals; i++) {
        const struct ff_plugin_signal *signal = &job->signals[i];
        size_t n = strlen(text);

        snprintf(text + n, sizeof(text) - n, "%s:%s:%.*s ", signal->name, signal->source,
                 (int) signal->payload_bytes,
                 signal->payload == NULL ? "" : (const char *) signal->payload);
    }
    api->complete(job, text, strlen(text));
}

/* How the first ended, how many they are, and all results, which are single digits, in order. */
static void
join(const struct ff_plugin_api *api, struct ff_plugin_job *job)
{
    const struct ff_plugin_upstream *one = NULL;
    unsigned count[10] = { 0 };
    char text[64] = "";
    uint32_t n = 0;
    int at = 0;

    for (; (one = api->upstream(job, n)) != NULL; n++) {
        count[((const char *) one->result)[0] - '0'] += one->result_bytes == 1 && !one->left_out;
    }
    one = api->upstream(job, 0);
    at = snprintf(text, sizeof(text), "%s %u ", one == NULL ? "none" : one->outcome, n);
    for (int digit = 0; digit < 10; digit++) {
        for (unsigned i = 0; i < count[digit] && at < 60; i++) {
            text[at++] = (char) ('0' + digit);
        }
    }
    api->complete(job, text, (size_t) at);
}

/* The input is a word, and what it is about. */
static void
run(const struct ff_plugin_api *api, struct ff_plugin_job *job)
{
    char text[256] = "";

    snprintf(text, sizeof(text), "%.*s", (int) job->input_bytes, (const char *) job->input);
    if (strcmp(text, "describe") == 0) {
        describe(api, job);
    } else if (strcmp(text, "nothing") == 0) {
        return;
    } else if (strcmp(text, "permanent") == 0) {
        api->log(job, "this will not do");
        api->fail(job, FF_PLUGIN_PERMANENT, "no_good", "it is \xff no good");
    } else if (strcmp(text, "transient") == 0) {
        api->fail(job, FF_PLUGIN_TRANSIENT, NULL, "not now");
    } else if (strcmp(text, "large") == 0) {
        static const char large[101];

        api->complete(job, large, sizeof(large));
    } else if (strcmp(text, "obedient") == 0) {
        while (!api->wait(job, 1000)) {
        }
    } else if (strcmp(text, "stuck") == 0) {
        while (!api->should_stop(job)) {
        }
        for (int i = 0; i < 50; i++) { /* longer than the grace; wait no longer waits */
            struct timespec pause = { .tv_nsec = 10000000 };

            nanosleep(&pause, NULL);
        }
        api->complete(job, "too late", 8);
    } else if (strcmp(text, "upstream") == 0) {
        join(api, job);
    } else if (strcmp(text, "await") == 0) {
        await_two(api, job);
    } else if (strcmp(text, "crash") == 0 && job->attempt_index == 0) {
        abort();
    } else {
        api->complete(job, job->input, job->input_bytes);
    }
}

const struct ff_plugin ff_plugin = {
    .abi = FF_PLUGIN_ABI,
    .size = sizeof(ff_plugin),
    .name = "test",
    .run = run,
};
