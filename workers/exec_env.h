/* exec_env.h: what a command finds in its environment. Pure.
 *
 * The worker's own environment without what is the daemon's (FF_*: settings, secrets among them;
 * the sockets and descriptors of systemd), and then
 *
 *   FF_EXECUTION_ID  FF_EXECUTION_KIND  FF_LANE  FF_ATTEMPT_INDEX  FF_ATTEMPT_ID  FF_ATTEMPT_TYPE
 *   FF_CLAIM_KIND (fresh, resumed, reclaimed)  FF_PAYLOAD_ENCODING (where there is one)
 *   FF_WORKER_ID  FF_WORKER_INSTANCE_ID  FF_WORKER_NAMESPACE  FF_LEASE_ID  FF_LEASE_EPOCH
 *   FF_LEASE_TTL_MS  FF_TIMEOUT_MS and FF_DEADLINE (ms since 1970), where the handler has a limit
 *   FF_TAG_<KEY>  of each tag: the key in upper case, what is no letter or digit as _
 *   FF_SIGNAL_COUNT  of the signals that resumed it, and of each (N from 0 on, at most 64 of them)
 *   FF_SIGNAL_N_NAME  FF_SIGNAL_N_SOURCE  FF_SIGNAL_N_FILE (where it has a payload); they are all
 * in FF_SIGNALS_FILE (exec_signals.h). FF_SIGNALS_MORE=1: there are more than the claim brought
 *   FF_UPSTREAM_COUNT  FF_UPSTREAM_DIR  where others come before it in its flow (exec_upstream.h)
 *   FF_DIR, TMPDIR  the attempt's own directory, which is also the current one
 *   FF_RUNTIME_DIR  where the daemon's sockets are: ffctl works without options
 */
#ifndef FF_WORKERS_EXEC_ENV_H
#define FF_WORKERS_EXEC_ENV_H

#include "core/arena.h"
#include "core/types.h"

struct ff_exec_env {
    char *const *base; /* NULL-ended: environ */
    const struct ff_claim *claim;
    struct ff_str lane;
    const char *worker_id, *worker_instance_id, *namespace;
    const char *dir, *runtime_dir;
    uint64_t lease_ttl_ms, timeout_ms; /* timeout 0: none */
    int64_t now_ms;                    /* of the wall clock */
    uint32_t upstreams;                /* before it in its flow */
};

/* NULL-ended; texts in the arena or in base. */
char **ff_exec_env_make(const struct ff_exec_env *env, struct ff_arena *arena);

#endif
