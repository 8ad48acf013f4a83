/* ctl.h: the channel between the supervisor and one of its children: a socket pair that carries
 * small messages both ways. Its end says that the other process is gone.
 *
 * Either end calls, and answers what it is called with. A role names the messages that it
 * understands in its ff_stop_watch (role.h):
 *
 *   static const struct ff_ctl_handler handlers[] = { { FF_CTL_scan, on_scan }, { 0 } };
 *
 *   static void
 *   on_scan(void *ctx, struct ff_ctl_request *request, const void *args)
 *   {
 *       const struct ff_ctl_scan_args *scan = args;
 *       … now or later: ff_ctl_answer(request, &result) or ff_ctl_refuse(request, &fault)
 *   }
 *
 * It never waits: what the socket does not take is queued, and a peer that lets the queue run full
 * is as good as gone. Belongs to the loop's thread.
 */
#ifndef FF_SUPERVISOR_CTL_H
#define FF_SUPERVISOR_CTL_H

#include <ev.h>

#include "core/arena.h"
#include "core/fault.h"
#include "core/types.h"

/* Largest message: a tree of a thousand processes, or a text of an operator. */
#define FF_CTL_BYTES_MAX 131072
/* Messages that wait for the socket; calls that wait for their answers; requests under way. */
#define FF_CTL_QUEUE_MAX 256

/* FF_CTL_NONE ends a table of handlers. */
enum ff_ctl_op {
    FF_CTL_NONE,
#define FF_CTL(name, help) FF_CTL_##name,
#define FF_CTL_REQ(name, type, field)
#define FF_CTL_OPT(name, type, field)
#define FF_CTL_REP(name, type, field)
#define FF_CTL_END(name)
#include "supervisor/ctl.def"
    FF_CTL_N
};

/* struct ff_ctl_<name>_args */
#define FF_CTL(name, help)                                                                         \
    struct ff_ctl_##name##_args {                                                                  \
        char unused_;
#define FF_CTL_REQ(name, type, field) FF_C_##type field;
#define FF_CTL_OPT(name, type, field) FF_CO_##type field;
#define FF_CTL_REP(name, type, field)
#define FF_CTL_END(name)                                                                           \
    }                                                                                              \
    ;
#include "supervisor/ctl.def"

/* struct ff_ctl_<name>_result */
#define FF_CTL(name, help)                                                                         \
    struct ff_ctl_##name##_result {                                                                \
        char unused_;
#define FF_CTL_REQ(name, type, field)
#define FF_CTL_OPT(name, type, field)
#define FF_CTL_REP(name, type, field) FF_C_##type field;
#define FF_CTL_END(name)                                                                           \
    }                                                                                              \
    ;
#include "supervisor/ctl.def"

struct ff_ctl;
struct ff_ctl_request; /* what the other end waits for; to be answered or refused once */

struct ff_ctl_handler {
    enum ff_ctl_op op;
    /* args: struct ff_ctl_<name>_args, until it returns. */
    void (*handle)(void *ctx, struct ff_ctl_request *request, const void *args);
};

struct ff_ctl_owner {
    const struct ff_ctl_handler *handlers; /* ended by a zeroed one; NULL: none */
    void (*gone)(void *ctx);               /* the other end is; may free the channel */
    void *ctx;
};

/* The channel takes the descriptor over. *owner is copied. */
struct ff_ctl *ff_ctl_new(struct ev_loop *loop, int fd, const struct ff_ctl_owner *owner);
/* Calls that are not answered get FF_E_TRANSPORT; requests that are answered later than this are
 * answered to nobody. */
void ff_ctl_free(struct ff_ctl *ctl);

/* What came back; all of it lives until `done` returns. */
struct ff_ctl_answer {
    struct ff_fault fault; /* FF_E_OK: it went well; detail is only in the map */
    struct ff_str map;     /* msgpack: the result, or the error value; absent with FF_E_TRANSPORT */
    const void *result;    /* struct ff_ctl_<name>_result */
};
typedef void ff_ctl_done(void *ctx, const struct ff_ctl_answer *answer);

/* Calls the other end. done: called exactly once, never from here; NULL: nobody wants to know. */
void ff_ctl_call(struct ff_ctl *ctl, enum ff_ctl_op op, const void *args, ff_ctl_done *done,
                 void *ctx);

enum ff_ctl_op ff_ctl_request_op(const struct ff_ctl_request *request);
/* Answers with a struct ff_ctl_<name>_result; NULL where there is nothing in it. */
void ff_ctl_answer(struct ff_ctl_request *request, const void *result);
/* Answers with an error; op: the operation that failed, as the error value tells it. */
void ff_ctl_refuse(struct ff_ctl_request *request, const char *op, const struct ff_fault *fault);
/* Answers as somebody else did: relays an answer unchanged. */
void ff_ctl_relay(struct ff_ctl_request *request, const struct ff_ctl_answer *answer);

#endif
