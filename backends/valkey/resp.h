/* resp.h: commands on their way to the server, and answers on their way back.
 *
 * A buffer of requests in the protocol's own form, and redisReader of hiredis with replies in an
 * arena: they live until the next one is read.
 */
#ifndef FF_BACKENDS_VALKEY_RESP_H
#define FF_BACKENDS_VALKEY_RESP_H

#include <hiredis/hiredis.h>

#include "core/arena.h"

struct ff_resp {
    char *p;
    size_t n, room;
    size_t sent; /* of a connection's: bytes that have left */
};

void ff_resp_done(struct ff_resp *out);
/* Room for n bytes behind what is there; whoever fills it raises n. */
char *ff_resp_room(struct ff_resp *out, size_t n);
void ff_resp_raw(struct ff_resp *out, const char *bytes, size_t n);
/* The head of a command with so many arguments, its name included. */
void ff_resp_head(struct ff_resp *out, uint32_t n_args);
void ff_resp_arg(struct ff_resp *out, struct ff_str arg);
void ff_resp_u64(struct ff_resp *out, uint64_t value);
void ff_resp_i64(struct ff_resp *out, int64_t value);
static inline void
ff_resp_text(struct ff_resp *out, const char *arg)
{
    ff_resp_arg(out, ff_cstr(arg));
}
/* An argument in two pieces. */
void ff_resp_pair(struct ff_resp *out, struct ff_str a, struct ff_str b);
/* A whole command of static words, the last one given by NULL. */
void ff_resp_words(struct ff_resp *out, const char *word, ...) __attribute__((sentinel));

/* Digits of a number; room: at least 21. */
uint32_t ff_resp_digits(char *room, uint64_t value);

/* Replies of this reader are redisReply in the arena, which the caller resets between them. */
redisReader *ff_resp_reader(struct ff_arena *arena);

static inline struct ff_str
ff_reply_str(const redisReply *reply)
{
    return ff_str(reply->str, reply->len);
}
static inline bool
ff_reply_is_text(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS;
}
/* Whether it is an error that begins so. */
bool ff_reply_fails(const redisReply *reply, const char *with);
/* A number, also as text; 0 for anything else. */
uint64_t ff_reply_u64(const redisReply *reply);

#endif
