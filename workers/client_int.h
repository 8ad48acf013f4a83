/* client_int.h: shared by the files of the client.
 *
 *   caller ─ call ─▶ queue (mutex) ─ ev_async ─▶ I/O thread: frames ─▶ nng ─▶ replies ─▶ done
 */
#ifndef FF_WORKERS_CLIENT_INT_H
#define FF_WORKERS_CLIENT_INT_H

#include <ev.h>
#include <nng/nng.h>
#include <pthread.h>
#include <uthash.h>

#include "core/tree.h"
#include "ipc/frame.h"
#include "workers/flowfabric.h"

/* Bytes of calls that one frame gathers; a larger call travels alone. */
#define FRAME_BYTES_GATHERED (1u << 20)
/* While a frame is under way a further one goes only with so many calls: what comes meanwhile
 * travels, and is committed, together. */
#define FURTHER_CALLS_MIN 8
/* Threads that were just answered mostly call again at once. So long, in microseconds, the next
 * frame waits for as many calls: else the first of them travels alone, and the others wait for its
 * commit. */
#define CALL_AGAIN_US_MAX 80
/* Frames of waiting calls under way: with the window they stay below the daemon's bound of 64. */
#define WAITING_FRAMES_MAX 48

struct client_call {
    TAILQ_ENTRY(client_call) next;
    const char *op; /* of the table, or in name */
    char name[FF_OP_NAME_BYTES_MAX + 1];
    struct ff_packer args;
    bool waits;               /* alone in its frame, outside the window */
    bool blocks;              /* a thread stands still for the answer */
    bool once;                /* not repeated on another connection */
    uint32_t place;           /* in its frame */
    int64_t deadline_mono_ms; /* INT64_MAX: none */
    ff_client_done *done;
    void *ctx;
};
TAILQ_HEAD(client_calls, client_call);

struct client_frame {
    UT_hash_handle hh;
    uint64_t seq;
    struct client_calls calls;
    uint32_t n;
    bool waits;
    bool sent; /* on the present connection */
    struct ff_packer body;
};

struct ff_client {
    struct ff_client_options options;
    char address[128];
    char *name, *worker_instance_id, *namespace;
    struct ff_uuid id;

    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows, up to the next blank line */
    struct client_calls queue;
    uint32_t queued; /* of them, those that do not wait */
    uint32_t outstanding;
    bool closing, connected, connection_changed;
    int pipe_id; /* nng's, of the connection that came last */

    struct ev_loop *loop; /* the I/O thread's from here on, but for the async watcher */
    struct ev_async wake;
    struct ev_io readable;
    struct ev_timer tick;
    nng_socket socket;
    nng_dialer dialer;
    struct client_frame *frames; /* uthash by seq */
    uint64_t next_seq;
    uint32_t in_window, waiting;
    uint32_t released; /* threads that this pass over the socket has answered */
    bool is_connected;
    bool unsent;                  /* nng had no room for a message */
    uint64_t greeting_seq;        /* of the present connection */
    bool heard;                   /* its answer came */
    int64_t mute_ms;              /* how long it may take */
    int64_t connected_mono_ms;    /* since when */
    int64_t disconnected_mono_ms; /* since when */
    int64_t dialled_mono_ms;      /* when the dialer was made */
};

/* client_io.c */
ff_err ff_client_io_open(struct ff_client *client, struct ff_fault *fault);
void *ff_client_io(void *client);

/* client_refusal.c: the frame was refused because the daemon ends. The next daemon will take it on,
 * and may be there in a moment. */
bool ff_client_daemon_ends(const struct ff_reply *reply);

/* client_late.c: fails the calls whose deadline has come. */
void ff_client_check_deadlines(struct ff_client *client, int64_t now_ms);
/* No frame is sent any more, and the calls that go over one connection only fail. */
void ff_client_lose_connection(struct ff_client *client);

/* client_end.c */
/* False: nng holds on to the socket and may still call back; the client must stay. */
bool ff_client_io_close(struct ff_client *client);

/* client.c: gives the call its answer and frees it. */
void ff_client_finish(struct ff_client *client, struct client_call *call, struct ff_answer *answer);
void ff_client_finish_fault(struct ff_client *client, struct client_call *call,
                            const struct ff_fault *fault);

#endif
