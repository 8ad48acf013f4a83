/* plugin.c: a plugin for a worker host: executions of its kind come back in capitals.
 *
 *   cc -shared -fPIC -I. -o shout.so examples/plugin.c
 *   worker "shouters" { handler "shout" { plugin = "/path/shout.so" } }
 */
#include <ctype.h>
#include <stdlib.h>

#include "workers/plugin.h"

static void
run(const struct ff_plugin_api *api, struct ff_plugin_job *job)
{
    const unsigned char *input = job->input;
    char *text = malloc(job->input_bytes + 1);

    if (text == NULL) {
        api->fail(job, FF_PLUGIN_TRANSIENT, NULL, "out of memory");
        return;
    }
    for (size_t i = 0; i < job->input_bytes; i++) {
        text[i] = (char) toupper(input[i]);
    }
    api->complete(job, text, job->input_bytes);
    free(text);
}

const struct ff_plugin ff_plugin = {
    .abi = FF_PLUGIN_ABI,
    .size = sizeof(ff_plugin),
    .name = "shout",
    .run = run,
};
