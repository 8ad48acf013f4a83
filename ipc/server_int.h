/* server_int.h: what the parts of the server share. */
#ifndef FF_IPC_SERVER_INT_H
#define FF_IPC_SERVER_INT_H

#include "ipc/hash.h" /* before anything that includes uthash */

#include <nng/nng.h>
#include <pthread.h>
#include <sys/queue.h>

#include "ipc/binding.h"
#include "ipc/frame.h"
#include "ipc/memo.h"
#include "ipc/server.h"

/* Pipe id and request id, with room for the hops of devices between (nng: at most 15). */
#define ROUTE_BYTES_MAX 68
/* Replies that nng holds for one pipe before it drops any; a few less than its 64. */
#define SENDQ_MAX 60
/* Channels beyond the bound that are kept to tell them so; further ones are closed at once. */
#define REFUSED_CHANNELS_MAX 64
/* What one pass over the sockets takes in before the owner runs it. */
#define PASS_FRAMES_MAX 4096
#define PASS_BYTES_MAX ((size_t) 32 << 20)

/* Worker instances that may share one channel. */
#define CHANNEL_BINDINGS_MAX 64
/* Replies held back for one channel; a client that far behind is disconnected. */
#define HELD_MAX 4096

#define RETRY_FRAMES_MS 10
#define RETRY_CHANNELS_MS 1000

/* Where a reply goes: nng's header of the request. */
struct ff_route {
    uint8_t bytes[ROUTE_BYTES_MAX];
    uint32_t n;
};

/* A reply on its way out. */
struct ff_outgoing {
    STAILQ_ENTRY(ff_outgoing) next;
    nng_msg *msg;
};
STAILQ_HEAD(ff_outgoing_list, ff_outgoing);

struct ff_listener {
    struct ff_server *server;
    struct ff_listen listen; /* path and name are copies */
    nng_socket socket;
    nng_listener handle;
    ev_io readable;
    ev_io writable; /* active while something waits in `out` */
    struct ff_outgoing_list out;
    bool open;
};

/* A request that is being answered. */
struct ff_inflight {
    struct ff_frame frame; /* the owner's while submitted */
    struct ff_server *server;
    struct ff_channel *channel; /* NULL: closed meanwhile */
    TAILQ_ENTRY(ff_inflight) of_channel;
    nng_msg *msg; /* arguments point into it */
    struct ff_route route;
    struct ff_request request;
    struct ff_reply_entry *entries; /* of every call; those not submitted are set */
    uint32_t *slots;                /* of every call: position in frame.calls, or SLOT_NONE */
    struct ff_memo *memo;           /* NULL: not remembered */
    struct ff_inflight *again;      /* came while this was being cancelled; runs after it */
    size_t bytes;
    bool submitted;
    bool cancelled;
};
#define SLOT_NONE UINT32_MAX
TAILQ_HEAD(ff_inflight_list, ff_inflight);

struct ff_channel {
    uint32_t id; /* of nng's pipe */
    struct ff_listener *listener;
    struct ff_binding **bindings; /* the worker instances behind it */
    uint32_t bindings_n;
    struct ff_inflight_list inflight;
    uint32_t unanswered;
    bool beyond; /* one too many: only told so */
    bool closing;
    /* Replies: given to nng, and known to have left for the client. */
    uint64_t given, given_bytes;
    uint64_t left, left_bytes;
    struct ff_outgoing_list held; /* for want of room in nng's queue */
    uint32_t held_n;
    size_t held_bytes;
    TAILQ_ENTRY(ff_channel) of_held;
    bool is_held;
    UT_hash_handle hh;
};
TAILQ_HEAD(ff_channel_list, ff_channel);

/* What nng's threads report. */
struct ff_pipe_event {
    STAILQ_ENTRY(ff_pipe_event) next;
    struct ff_listener *listener;
    uint32_t id;
    bool added; /* else removed */
};
STAILQ_HEAD(ff_pipe_event_list, ff_pipe_event);

struct ff_server {
    struct ev_loop *loop;
    struct ff_server_options options;
    struct ff_listener listeners[FF_LISTENERS_MAX];
    uint32_t listeners_n;
    bool stopping;

    pthread_mutex_t events_lock; /* guards events, the only thing that other threads touch */
    struct ff_pipe_event_list events;
    ev_async events_wake;

    struct ff_channel *channels;
    uint32_t channels_n, beyond_n;
    struct ff_memos memos;
    ev_timer memo_timer;
    struct ff_bindings bindings;
    ev_timer grace_timer;

    struct ff_channel_list held; /* channels with replies held back */
    ev_timer held_timer;
    size_t held_bytes;
    uint64_t given_bytes, left_bytes; /* of the open channels */
    int64_t synced_us, sync_cost_us;  /* last look at what has left, and its price */

    msgpack_zone zone;         /* scratch */
    struct ff_inflight *spare; /* for reuse, linked by `again` */
    uint32_t spare_n;
    size_t request_bytes;
    uint32_t unanswered;
    struct ff_server_stats stats;
};

/* server.c */
void ff_server_set_timer(struct ff_server *server, ev_timer *timer, int64_t wait_ms);

/* listen.c */
FF_MUST_USE ff_err ff_listener_open(struct ff_listener *listener, struct ff_fault *fault);
/* False: nng may still call back. */
bool ff_listener_close(struct ff_listener *listener);

/* channel.c: channels come and go */
void ff_channel_pipe_cb(nng_pipe pipe, nng_pipe_ev event, void *arg); /* on nng's threads */
/* Takes over what was reported; true if a frame was cancelled. */
bool ff_channels_update(struct ff_server *server);
/* NULL: closed already. */
struct ff_channel *ff_channel_of(struct ff_server *server, uint32_t id);
/* Ends a connection, whose replies are lost; its channel goes when nng reports it. */
void ff_channel_hang_up(struct ff_channel *channel);
void ff_channels_done(struct ff_server *server);
/* False: too many instances share the channel. */
bool ff_channel_bind(struct ff_channel *channel, struct ff_str instance, struct ff_str namespace);
/* Binds the channel if the instance is in its grace. */
void ff_channel_seen(struct ff_channel *channel, struct ff_str instance);
/* The same for the instance that a call names, in an argument or a handle. */
void ff_channel_saw_call(struct ff_channel *channel, const struct ff_call *call);
void ff_channels_check_grace(struct ff_server *server);

/* request.c: one message in */
void ff_server_take(struct ff_listener *listener, nng_msg *msg);
/* Zeroes the message and what was made of it. */
void ff_inflight_wipe(struct ff_inflight *inflight);
void ff_inflight_free(struct ff_inflight *inflight);
void ff_inflight_free_spare(struct ff_server *server);

/* reply.c: one message out */
/* Consumes the message, whose header is set. */
void ff_reply_send(struct ff_channel *channel, nng_msg *msg);
/* A reply of one error, for a whole frame. */
void ff_reply_refuse(struct ff_channel *channel, const struct ff_route *route, uint64_t seq,
                     const struct ff_fault *fault);
void ff_reply_bytes(struct ff_channel *channel, const struct ff_route *route, struct ff_str body);
/* Sends what was held back, as far as there is room now. */
void ff_replies_release(struct ff_server *server);
void ff_listener_send_more(struct ff_listener *listener);
/* Finds out what has left for the clients. False: that was too short ago, and not a must. */
bool ff_replies_sync(struct ff_server *server, bool must);

/* rights.c */
/* The socket admits the operation's class, and the class that an argument asks for (01 §9.3).
 * FF_E_PERMISSION_DENIED {class, socket}, set as the call's fault. */
ff_err ff_call_admit(const struct ff_listen *listen, struct ff_call *call);

/* list_ops.c */
/* The result of list_ops. */
struct ff_str ff_list_ops(struct ff_arena *arena);

#endif
