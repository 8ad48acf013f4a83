/* broker.h: the process that owns the store: store, engine and server on one libev loop.
 *
 *   server ─ submit ─▶ engine ─ commit ─▶ store ─ wake (any thread) ─▶ poll ─▶ engine ─▶ replies
 */
#ifndef FF_BACKENDS_BROKER_BROKER_H
#define FF_BACKENDS_BROKER_BROKER_H

#include <ev.h>

#include "backends/broker/idle.h"
#include "backends/store.h"
#include "core/engine/engine.h"
#include "ipc/server.h"

struct ff_broker;

struct ff_broker_options {
    struct ff_str store_url;
    struct ff_partition_counts counts; /* 0: whatever the store has, else the default */
    const char *worker_path;           /* socket files */
    const char *operator_path;
    uint64_t retention_ms, flow_retention_ms, event_retention_ms; /* 07 §4 */
    bool test_mode;
    uint32_t frame_bytes_max;
    uint32_t frames_per_channel;
    uint32_t parked_max;
    uint32_t stream_ops_max;
    uint32_t channels_max;
    uint64_t disconnect_grace_ms;
    struct ff_strs lanes; /* registered before anybody is served */
    /* What signs waitpoint tokens (08 §4, step 5): the configured secret, in hexadecimal; p ==
     * NULL: none. Then make_secret gives 64 digits, where the store has no key yet; NULL: no key is
     * installed. Its fault's message is static. */
    struct ff_str hmac_secret_hex;
    ff_err (*make_secret)(void *log_ctx, char hex_out[65], struct ff_fault *fault);
    /* Nothing that lasts is open any more, the sockets are closed next; NULL: nobody waits for it.
     */
    void (*store_closed)(void);
    void (*log)(void *ctx, enum ff_log_level level, const char *event, struct ff_str detail);
    void *log_ctx;
};

/* Opens the store, prepares it, and opens the sockets. What the options point to must outlive it.
 * Errors of ff_store_open, prepare and ff_server_listen.
 * *broker_out: untouched unless FF_E_OK. */
FF_MUST_USE ff_err ff_broker_open(struct ev_loop *loop, const struct ff_broker_options *options,
                                  struct ff_broker **broker_out, struct ff_fault *fault);
/* From now on nothing is claimed: claims answer as on a paused lane, waiting ones at once. */
void ff_broker_stop_claims(struct ff_broker *broker);
/* The process of this worker instance has ended: its leases are taken back at once. */
void ff_broker_worker_gone(struct ff_broker *broker, struct ff_str worker_instance_id);
/* Tells, once, whether the leases of this broker's workers have all been given back: at once when
 * it is so, or what is running when grace_ms are over, another asks, or the broker is closed. */
void ff_broker_await_idle(struct ff_broker *broker, uint64_t grace_ms,
                          void (*done)(void *ctx, const struct ff_running *running), void *ctx);
/* Begins an ordered end (08 §4): nothing is claimed any more, waiting calls are answered, no frame
 * is taken in; when all is answered, or grace_ms are over, the loop is broken (EVBREAK_ALL). */
void ff_broker_stop(struct ff_broker *broker, uint64_t grace_ms);
/* Commits what is under way and closes everything. */
void ff_broker_close(struct ff_broker *broker);

#endif
