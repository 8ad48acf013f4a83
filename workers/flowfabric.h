/* flowfabric.h: libflowfabric, the client of a FlowFabric daemon.
 *
 * A client is one connection with a thread of its own. Every function here may be called from any
 * thread. For each operation OP of the protocol (`ffctl ops` lists them) there are
 *
 *   ff_client_OP(client, &args, &result, &answer)      waits for the answer
 *   ff_client_OP_async(client, &args, done, ctx)       calls done on the client's thread
 *
 * with struct ff_OP_args and struct ff_OP_result. Calls made at the same time by several threads,
 * or by one without waiting, travel together in one message, and one commit makes them durable.
 *
 *   struct ff_client *client = NULL;
 *   FF_SCOPED(ff_answer) answer = { 0 };
 *   struct ff_get_execution_result_args args = { .execution_id = id };
 *   struct ff_get_execution_result_result result = { 0 };
 *
 *   if (ff_client_get_execution_result(client, &args, &result, &answer) != FF_E_OK) {
 *       fprintf(stderr, "%s\n", ff_answer_text(&answer));
 *   }
 *
 * A connection that breaks is made again, and what was not answered is sent again under its old
 * number: the daemon recognises it and does nothing twice. The same goes for what a daemon refuses
 * because it ends: a restart is not seen, but for the time that it takes.
 */
#ifndef FF_WORKERS_FLOWFABRIC_H
#define FF_WORKERS_FLOWFABRIC_H

#include "core/arena.h"
#include "core/fault.h"
#include "core/ops.h"

struct ff_client;

struct ff_client_options {
    const char *address; /* ipc://PATH; NULL: worker.sock of the runtime directory (00 §1) */
    const char *name;    /* tells the daemon who calls; NULL: "libflowfabric" */
    /* A worker's identity: its leases are handed on as soon as its last connection is gone. */
    const char *worker_instance_id; /* NULL: none */
    const char *namespace;          /* NULL: none */
    uint32_t window;     /* messages under way at a time; 0: 4. Waiting calls do not count */
    uint32_t calls_max;  /* unanswered calls; beyond: resource_exhausted. 0: 65 536 */
    uint64_t give_up_ms; /* without a connection for so long: transport. 0: 10 000 */
    uint64_t timeout_ms; /* of a call; 0: none. What it did is then not known */
};

/* What came back. Zero it before use; ff_answer_done gives its memory back. */
struct ff_answer {
    struct ff_arena arena;
    struct ff_fault fault; /* FF_E_OK, or code, message, retryable */
    struct ff_str map;     /* msgpack: the result, or the error value of 01 §1.3 */
};
void ff_answer_done(struct ff_answer *answer);
/* "code: message {detail}", for people. Lives as long as the answer. */
const char *ff_answer_text(struct ff_answer *answer);
/* The failure is one of the way to the daemon, not an answer of it: whether the call was carried
 * out is not known. */
bool ff_answer_is_lost(const struct ff_answer *answer);
/* Reads the result of a call that went well; texts live as long as the answer.
 * FF_E_INVALID_INPUT: it is not of this operation's form. */
FF_MUST_USE ff_err ff_answer_result(struct ff_answer *answer, enum ff_op op, void *result_out);

/* Starts the thread; does not wait for the connection. options NULL: all defaults.
 * FF_E_INVALID_CONFIG {context, field}: the address is malformed or too long.
 * FF_E_TRANSPORT: no socket or thread to be had. */
FF_MUST_USE ff_err ff_client_open(const struct ff_client_options *options,
                                  struct ff_client **client_out, struct ff_fault *fault);
/* Answers what is outstanding with FF_E_TRANSPORT, and ends the thread. Not from a done function.
 */
void ff_client_close(struct ff_client *client);

/* Called once, on the client's thread; must not wait. The answer is its own to keep or end. */
typedef void ff_client_done(void *ctx, struct ff_answer *answer);

/* The untyped forms. Errors of every call beside the operation's own: FF_E_TRANSPORT
 * {transport_kind: "transport" | "timeout"}, FF_E_RESOURCE_EXHAUSTED {pool: "calls"}. */
ff_err ff_client_call(struct ff_client *client, enum ff_op op, const void *args, void *result,
                      struct ff_answer *answer);
/* The same for a call that shall not go on over another connection: FF_E_TRANSPORT, retryable, as
 * soon as the one that it went over is lost, and at once where there is none. */
ff_err ff_client_call_once(struct ff_client *client, enum ff_op op, const void *args, void *result,
                           struct ff_answer *answer);
void ff_client_call_async(struct ff_client *client, enum ff_op op, const void *args,
                          ff_client_done *done, void *ctx);
/* By name, with arguments and result as msgpack maps (answer->map). */
ff_err ff_client_call_named(struct ff_client *client, struct ff_str op, struct ff_str args,
                            struct ff_answer *answer);
void ff_client_call_named_async(struct ff_client *client, struct ff_str op, struct ff_str args,
                                ff_client_done *done, void *ctx);

/* The typed forms. */
#define FF_CLIENT_OP(op)                                                                           \
    static inline ff_err ff_client_##op(struct ff_client *client,                                  \
                                        const struct ff_##op##_args *args,                         \
                                        struct ff_##op##_result *result, struct ff_answer *answer) \
    {                                                                                              \
        return ff_client_call(client, FF_OP_##op, args, result, answer);                           \
    }                                                                                              \
    static inline void ff_client_##op##_async(struct ff_client *client,                            \
                                              const struct ff_##op##_args *args,                   \
                                              ff_client_done *done, void *ctx)                     \
    {                                                                                              \
        ff_client_call_async(client, FF_OP_##op, args, done, ctx);                                 \
    }
#define FF_OP(op, class, flags, help) FF_CLIENT_OP(op)
#define FF_OP_HOST(op, class, flags, help) FF_CLIENT_OP(op)
#define FF_OP_LATER(op, class, flags, help) FF_CLIENT_OP(op)
#define FF_REQ(op, type, name, max, help)
#define FF_OPT(op, type, name, max, help)
#define FF_DEF(op, type, name, max, def, help)
#define FF_REP(op, type, name, help)
#define FF_REPO(op, type, name, help)
#define FF_END(op)
#include "core/ops.def"

#endif
