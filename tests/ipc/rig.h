/* rig.h: a server on real sockets in a directory of its own, an owner that answers as told, and
 * clients that are plain sockets (tests/support/sp.h). One thread, one loop: waiting runs it.
 */
#ifndef FF_TESTS_IPC_RIG_H
#define FF_TESTS_IPC_RIG_H

#include <ev.h>

#include "core/clock.h"
#include "ipc/frame.h"
#include "ipc/server.h"

#include "tests/rows.h"
#include "tests/support/sp.h"

#define RIG_FRAMES_MAX 4096
#define RIG_LOST_MAX 8

struct ff_rig {
    struct ev_loop *loop;
    struct ff_server *server;
    struct ff_server_ops ops;
    struct ff_server_options options;
    char dir[64];
    char paths[2][108]; /* worker.sock, operator.sock */
    bool hold;          /* frames stay with the owner until ff_rig_answer */
    struct ff_frame *frames[RIG_FRAMES_MAX];
    uint32_t frames_n;
    uint32_t calls, mutations; /* carried out */
    uint32_t flushes, cancels, hellos;
    uint32_t reply_bytes; /* of read_stream: how large an answer it gives */
    char lost[RIG_LOST_MAX][512];
    uint32_t lost_n;
};

enum { WORKER_SOCK, OPERATOR_SOCK };

/* options NULL: the defaults, with a grace of 50 ms. */
struct ff_rig *ff_rig_new(const struct ff_server_options *options);
void ff_rig_free(struct ff_rig *rig);
/* Runs the loop once, waiting for at most a short while. */
void ff_rig_turn(struct ff_rig *rig);
/* Runs the loop until `cond`; the test fails after a generous deadline. */
#define RIG_AWAIT(rig, cond)                                                                       \
    do {                                                                                           \
        int64_t rig_end_ = ff_mono_ms() + 20000;                                                   \
        while (!(cond)) {                                                                          \
            assert_true(ff_mono_ms() < rig_end_);                                                  \
            ff_rig_turn(rig);                                                                      \
        }                                                                                          \
    } while (0)
/* Carries out the frame and gives it back. */
void ff_rig_answer(struct ff_rig *rig, uint32_t i);
/* Gives it back undone, as the engine does with a parked call that is cancelled. */
void ff_rig_drop(struct ff_rig *rig, uint32_t i);
struct ff_server_stats ff_rig_stats(const struct ff_rig *rig);

struct ff_peer {
    struct ff_rig *rig;
    struct ff_sp sp;
    bool slow;
};

/* Returns when the server has noticed. */
void ff_peer_open(struct ff_peer *client, struct ff_rig *rig, int sock);
/* The same; it takes nothing off the connection until it waits for a reply. */
void ff_peer_open_slow(struct ff_peer *client, struct ff_rig *rig, int sock);
/* Returns when the server has noticed. */
void ff_peer_close(struct ff_peer *client);
/* Does not wait: of one that the server has ended, or does not know. */
void ff_peer_leave(struct ff_peer *client);
void ff_peer_send(struct ff_peer *client, struct ff_str body);
/* Waits for the next reply. It lives until the next call of this client. */
struct ff_str ff_peer_recv(struct ff_peer *client);
/* The next reply must be of this seq and have one entry; its code, "" if it did not fail. The text
 * lives until the next call. */
const char *ff_peer_code(struct ff_peer *client, uint64_t seq);
/* The same: the whole reply as JSON. */
const char *ff_peer_json(struct ff_peer *client);

/* A frame whose list of calls is given as JSON; client_id 0: nil. Lives until the 64th after it. */
struct ff_str ff_frame_of(uint8_t client_id, uint64_t seq, const char *calls_json);

#endif
