/* memo.h: the replies that a server remembers, so that a frame sent again does nothing (00 §2).
 *
 * Pure bookkeeping: no clock, no socket. A memo begins when a frame is accepted and ends when its
 * reply is dropped: after FF_MEMO_AGE_MS, as the oldest beyond 64 of its client, or as the oldest
 * of all beyond the bytes. A running one is never dropped by itself; the frames in flight bound
 * those.
 */
#ifndef FF_IPC_MEMO_H
#define FF_IPC_MEMO_H

#include <sys/queue.h>
#include <uthash.h>

#include "core/base.h"

#define FF_MEMO_FRAMES_MAX 64 /* of one client (00 §2) */
#define FF_MEMO_AGE_MS 60000
#define FF_MEMO_BYTES_MAX ((size_t) 64 << 20)

struct ff_memo_key {
    struct ff_uuid client;
    uint64_t seq;
};

struct ff_memo_client;

struct ff_memo {
    struct ff_memo_key key;
    void *running; /* the frame that will answer; NULL once it has */
    char *reply;   /* owned */
    size_t reply_bytes;
    int64_t done_ms; /* monotonic */
    struct ff_memo_client *client;
    TAILQ_ENTRY(ff_memo) of_client; /* oldest first */
    TAILQ_ENTRY(ff_memo) by_age;    /* finished ones, oldest first */
    UT_hash_handle hh;
};

TAILQ_HEAD(ff_memo_list, ff_memo);

struct ff_memos {
    struct ff_memo *by_key;
    struct ff_memo_client *clients;
    struct ff_memo_list by_age;
    size_t bytes; /* of the finished ones, what they cost beside the reply included */
    size_t bytes_max;
};

void ff_memos_init(struct ff_memos *memos, size_t bytes_max);
void ff_memos_done(struct ff_memos *memos);

/* NULL: not seen, or dropped again. */
struct ff_memo *ff_memos_find(struct ff_memos *memos, const struct ff_memo_key *key);
/* A frame that runs now; there must be no memo of this key. running: not NULL. */
struct ff_memo *ff_memos_begin(struct ff_memos *memos, const struct ff_memo_key *key,
                               void *running);
/* Its reply, which is copied; drops the oldest beyond the bounds, possibly this one. */
void ff_memos_finish(struct ff_memos *memos, struct ff_memo *memo, struct ff_str reply,
                     int64_t now_ms);
/* As if it had never been seen. */
void ff_memos_forget(struct ff_memos *memos, struct ff_memo *memo);
/* Drops what is too old; returns the milliseconds until the next is, -1: none. */
int64_t ff_memos_expire(struct ff_memos *memos, int64_t now_ms);

#endif
