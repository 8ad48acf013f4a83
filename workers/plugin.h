/* plugin.h: the interface of plugins: shared objects whose code is called for each execution.
 *
 * It needs nothing else of FlowFabric. A plugin defines one symbol:
 *
 *   static void
 *   run(const struct ff_plugin_api *api, struct ff_plugin_job *job)
 *   {
 *       api->complete(job, job->input, job->input_bytes);
 *   }
 *
 *   const struct ff_plugin ff_plugin = {
 *       .abi = FF_PLUGIN_ABI, .size = sizeof(ff_plugin), .name = "echo", .run = run,
 *   };
 *
 *   cc -shared -fPIC -o echo.so echo.c
 *
 * `run` is called on several threads at a time, each with a job of its own. It shares the process
 * of the worker host: a crash ends that, the daemon starts another, and what ran is done again.
 *
 * The structs grow at their ends only. `size` says how much of a struct its giver knows; a member
 * beyond it is not there. FF_PLUGIN_ABI changes when that is not enough.
 */
#ifndef FF_PLUGIN_H
#define FF_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FF_PLUGIN_ABI 1u

enum ff_plugin_class { /* of a failure: what the retry policy goes by */
                       FF_PLUGIN_TRANSIENT,
                       FF_PLUGIN_PERMANENT,
                       FF_PLUGIN_INFRA_CRASH,
                       FF_PLUGIN_TIMEOUT,
                       FF_PLUGIN_CANCELLED
};

/* A signal that resumed the execution. */
struct ff_plugin_signal {
    const char *name, *source_type, *source;
    const void *payload; /* NULL: none */
    size_t payload_bytes;
};

/* An execution before this one in its flow. Structs of this kind are the host's. */
struct ff_plugin_upstream {
    size_t size;
    const char *execution_id;
    const char *outcome; /* success; failure; pending: it had not ended */
    const void *result;  /* NULL: none, or left out */
    size_t result_bytes;
    int left_out; /* it has a result, beyond what the host hands over (worker.h) */
};

/* What to wait for: n waitpoints; names[i] NULL: any signal will do there. */
struct ff_plugin_wait {
    size_t size;
    uint32_t n, wanted; /* wanted: so many distinct ones are enough; 0: all */
    const char *const *keys, *const *names;
    const char *reason;     /* NULL: waiting_for_signal */
    uint64_t timeout_ms;    /* 0: none */
    const char *on_timeout; /* NULL: fail */
};

/* Texts end with a zero byte. Everything lives until run returns. */
struct ff_plugin_job {
    size_t size;
    const char *execution_id, *kind, *lane;
    const char *attempt_id;
    uint32_t attempt_index;
    uint32_t n_tags;
    const char *const *tag_keys, *const *tag_values;
    const void *input;
    size_t input_bytes;
    const char *payload_encoding; /* NULL: none */
    uint64_t timeout_ms;          /* of a run; 0: none */
    size_t output_bytes_max;      /* of a result */
    void *host;                   /* the host's own */
    uint32_t n_signals;           /* what resumed it; 0 at a first run */
    const struct ff_plugin_signal *signals;
};

/* What a plugin may call, from the thread that run was called on. */
struct ff_plugin_api {
    size_t size;
    /* The outcome; the last one before run returns counts, none is success without result. What is
     * given is copied. result NULL: none. category NULL: that of the class. */
    void (*complete)(struct ff_plugin_job *job, const void *result, size_t bytes);
    void (*fail)(struct ff_plugin_job *job, enum ff_plugin_class class_, const char *category,
                 const char *message);
    /* Not 0: return soon; the lease is lost, the execution was cancelled, its time is over, or the
     * host is to stop. */
    int (*should_stop)(struct ff_plugin_job *job);
    /* Waits for ms, or until should_stop; then not 0. */
    int (*wait)(struct ff_plugin_job *job, uint64_t ms);
    /* A line for the daemon's log. */
    void (*log)(struct ff_plugin_job *job, const char *line);
    /* Gives the execution up until signals come; return from run then, and it will be called anew
     * with them. 0: so it is; else it is not suspended, and the log says why. */
    int (*suspend)(struct ff_plugin_job *job, const struct ff_plugin_wait *wait);
    /* Those before it in its flow, by execution id: at = 0, 1, … until NULL. */
    const struct ff_plugin_upstream *(*upstream)(struct ff_plugin_job *job, uint32_t at);
};

struct ff_plugin {
    uint32_t abi;
    size_t size;
    const char *name; /* for logs */
    /* Once, before the first run; may be NULL. Not 0: the host does not start. */
    int (*init)(void);
    /* Once, behind the last run; may be NULL. */
    void (*done)(void);
    void (*run)(const struct ff_plugin_api *api, struct ff_plugin_job *job);
};

#define FF_PLUGIN_SYMBOL "ff_plugin"
extern const struct ff_plugin ff_plugin;

#ifdef __cplusplus
}
#endif

#endif
