/* plugin_load.h: the handler that calls a plugin (plugin.h). */
#ifndef FF_WORKERS_PLUGIN_LOAD_H
#define FF_WORKERS_PLUGIN_LOAD_H

#include "workers/worker.h"

struct ff_plugin_options {
    const char *path;
    uint64_t timeout_ms; /* 0: none */
    uint32_t output_bytes_max;
    uint64_t stop_grace_ms; /* until a run that does not stop is given up */
    void (*line)(void *ctx, const struct ff_job *job, struct ff_str line);
    void *ctx;
};

struct ff_plugin_handler;

/* Loads and initialises it.
 * FF_E_INVALID_CONFIG {context, field, reason}: no such file or symbol, another ABI, init failed;
 * the message lives as long as *out, which is to be freed in any case. */
FF_MUST_USE ff_err ff_plugin_load(const struct ff_plugin_options *options,
                                  struct ff_plugin_handler **out, struct ff_fault *fault);
/* When its worker is closed. */
void ff_plugin_free(struct ff_plugin_handler *plugin);
/* For ff_runtime_handle. */
struct ff_handler ff_plugin_handler(struct ff_plugin_handler *plugin, const char *kind);

#endif
