/* server.h: the server side of the wire (00-wire.md): listeners, channels, frames in, replies out.
 *
 * It belongs to one libev loop and is single-threaded. nng's threads only move bytes: what they
 * report is queued and wakes the loop. The server reads frames, refuses what is malformed, too
 * large, not admitted or too much, suppresses duplicates, and hands the rest to its owner: the
 * broker's engine, or whoever answers the control socket.
 *
 *   nng ─▶ receive until empty ─▶ submit each ─▶ flush once ─▶ … ─▶ frame->done ─▶ nng
 */
#ifndef FF_IPC_SERVER_H
#define FF_IPC_SERVER_H

#include <ev.h>

#include "core/engine/engine.h"

struct ff_server;
struct ff_channel; /* one connection */

#define FF_LISTENERS_MAX 4

/* One socket, and the classes of operations that it admits (00 §1). */
struct ff_listen {
    const char *name;         /* as permission_denied tells it: "worker", "operator" */
    const char *path;         /* of the socket file */
    enum ff_op_class highest; /* this class and those before it in the enum */
    uint32_t mode;            /* of the socket file: 0660, 0600 */
};

enum ff_host_answer {
    FF_HOST_ANSWERED, /* call->reply is set, or call->fault */
    FF_HOST_SUBMIT,   /* goes into the frame that is submitted */
    FF_HOST_UNKNOWN   /* not answered here: unavailable {reason} */
};

/* How the owner runs frames. ctx is that of the options. */
struct ff_server_ops {
    /* The frame is the owner's until it calls frame->done, from here or later. Every call of it has
     * decoded arguments, no fault, and an operation that is FF_OP_IN_ENGINE or for which host_call
     * said FF_HOST_SUBMIT. Must set reply of each call (and fault, if that is an error map). */
    void (*submit)(void *ctx, struct ff_frame *frame);
    /* The channel of a submitted frame that may wait is gone: as ff_engine_cancel. */
    void (*cancel)(void *ctx, struct ff_frame *frame);
    /* All that had arrived has been submitted. */
    void (*flush)(void *ctx);
    /* An operation that is not FF_OP_IN_ENGINE; list_ops excepted, which the server answers. arena:
     * for the reply. hello has bound its channel by then. */
    enum ff_host_answer (*host_call)(void *ctx, struct ff_channel *channel, struct ff_call *call,
                                     struct ff_arena *arena);
    /* The last channel of a worker closed and none came back (00 §5). namespace: empty if hello
     * named none. NULL: nobody wants to know. */
    void (*worker_lost)(void *ctx, struct ff_str worker_instance_id, struct ff_str namespace);
};

/* The bounds of 00 §2, §5. */
struct ff_server_options {
    const struct ff_server_ops *ops;
    void *ctx;
    uint32_t frame_bytes_max;     /* of a request, and of a reply */
    uint32_t frames_max;          /* unanswered, of one channel; at most 64: nng drops more */
    uint32_t channels_max;        /* of all listeners together */
    uint32_t parked_max;          /* only told to clients, by ff_server_limits */
    size_t request_bytes_max;     /* of all requests that are being answered */
    size_t unread_bytes_max;      /* replies that clients have not fetched; beyond it the slowest
                                     is disconnected */
    size_t memo_bytes_max;        /* remembered replies */
    uint64_t disconnect_grace_ms; /* 00 §5 */
};
void ff_server_options_init(struct ff_server_options *options, const struct ff_server_ops *ops,
                            void *ctx);

/* Nothing is received before ff_server_listen. The loop must outlive the server. */
struct ff_server *ff_server_new(struct ev_loop *loop, const struct ff_server_options *options);
/* Closes everything without waiting. The owner has answered every frame that was submitted (see
 * ff_engine_free); replies that are not fetched yet are lost. */
void ff_server_free(struct ff_server *server);

/* Opens one socket. Makes its directory, mode 0750, if it is missing. A socket file that nobody
 * listens on is replaced; one that somebody does is left alone.
 * FF_E_INVALID_CONFIG {context: "listen", field: path, reason}: in_use, not_a_socket, too_long,
 * no_directory, permission, failed; the message says more. */
FF_MUST_USE ff_err ff_server_listen(struct ff_server *server, const struct ff_listen *listen,
                                    struct ff_fault *fault);
/* No new channels (they are closed at once) and no new frames: whatever still arrives is answered
 * FF_E_UNAVAILABLE {reason: "shutting_down"}. */
void ff_server_stop(struct ff_server *server);
/* Every frame has been answered and every reply is on its way to its client. */
bool ff_server_idle(struct ff_server *server);

/* The bounds by name, as hello answers them. In the arena. */
struct ff_counts ff_server_limits(const struct ff_server *server, struct ff_arena *arena);

/* An instance acted through this channel, as far as the owner can tell better than the server,
 * which looks at worker_instance_id arguments and at handles: within the grace it binds the
 * channel. */
void ff_server_worker_seen(struct ff_server *server, struct ff_frame *frame,
                           struct ff_str worker_instance_id);

/* The instances behind the open channels, as they greeted, and those whose grace runs. */
void ff_server_instances(const struct ff_server *server,
                         void (*each)(void *ctx, struct ff_str worker_instance_id), void *ctx);

struct ff_server_stats {
    uint64_t frames, calls, duplicates, refused, malformed, dropped;
    uint32_t channels, unanswered, memos;
    size_t memo_bytes, request_bytes, unread_bytes;
};
void ff_server_stats(const struct ff_server *server, struct ff_server_stats *out);

#endif
