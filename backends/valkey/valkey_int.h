/* valkey_int.h: what the files of this store share.
 *
 *   link   a connection: bytes out, replies in, and who waits for which; the second one listens
 *   loads  under way or waiting for a link; sent again after a broken connection
 *   commit at most two; after a broken connection the server says which were made
 *
 * Everything happens on the owner's thread, inside the calls of the port. An epoll set holds both
 * sockets and a timer; it is what ff_store_fd gives out.
 */
#ifndef FF_BACKENDS_VALKEY_VALKEY_INT_H
#define FF_BACKENDS_VALKEY_VALKEY_INT_H

#include "backends/clock.h"
#include "backends/news.h"
#include "backends/valkey/cells.h"
#include "backends/valkey/place.h"
#include "backends/valkey/valkey.h"

struct valkey;
/* ---- links (link.c) ---- */

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_GREETING, LINK_READY };

/* Takes one reply; it is gone when this returns. The link may be dropped inside. */
typedef void answer_fn(struct valkey *valkey, const redisReply *reply, uint64_t tag);

struct expected {
    answer_fn *answer; /* NULL: whatever it is */
    uint64_t tag;
};

struct link {
    struct valkey *valkey;
    redisContext *context; /* NULL: down */
    redisReader *reader;
    struct ff_arena replies;
    struct ff_resp out;
    enum link_state state;
    uint32_t events;           /* of the epoll set at present */
    bool ears;                 /* the one that listens */
    struct expected *expected; /* [first..n) */
    uint32_t first, n, room;
    int64_t since_ms; /* in this state, or quiet although an answer is due */
    int64_t retry_at_ms;
    uint32_t failures; /* to connect, in a row */
};

/* Begins to connect; failures come later, as a link that is down again. */
void ff_vk_connect(struct link *link);
/* Closes it for a reason that is kept for people; retried with growing pauses. */
void ff_vk_drop(struct link *link, const char *why, ...) FF_PRINTF(2, 3);
/* The socket can be read or written. */
void ff_vk_link_event(struct link *link, uint32_t events);
/* Whoever has put commands into link->out says what is to be done with each reply, in order. */
void ff_vk_expect(struct link *link, answer_fn *answer, uint64_t tag);
/* Sends what can be sent now. */
void ff_vk_flush(struct link *link);
/* Whether the server still listens, as far as one can know without asking; else drops it. */
bool ff_vk_is_open(struct link *link);
void ff_vk_link_init(struct link *link, struct valkey *valkey, bool ears);
void ff_vk_link_done(struct link *link);

/* ---- the server (greet.c) ---- */

struct server {
    char version[32];
    bool aof;
    char appendfsync[16]; /* "" = not known */
    char role[16];
    char policy[32]; /* maxmemory-policy */
    uint64_t maxmemory;
    bool cluster, loading;
};

/* Sends what a new connection begins with; ends in LINK_READY or a dropped link. */
void ff_vk_greet(struct link *link);

/* ---- the store ---- */

struct waiting_load {
    struct ff_load *load;
    uint64_t tag;
    int64_t since_ms;
    bool sent;
    bool by_function; /* the server takes no transaction */
    bool whole;       /* all entries of feeds that may be needed */
};
#define LOADS_MAX 8 /* the engine has one under way, the broker another */

struct waiting_commit {
    struct ff_commit *commit;
    struct ff_resp args;  /* what follows the numbers */
    struct ff_resp list;  /* of words, being written */
    struct ff_resp lists; /* the finished ones, one argument */
    struct ff_resp dump;  /* of a record */
    uint32_t n_args, n_words;
    uint64_t number;
    bool follows, doomed; /* the one before it is not made yet; nor ever, or nobody knows */
    uint32_t *checks;     /* which write each is for, in the order in which they are sent */
    uint32_t n_checks, checks_room;
    uint32_t *conflicts;
    uint32_t conflicts_room;
    int64_t since_ms;
    uint32_t tries;
    bool begun; /* its head and args up to `streamed` are in the link's buffer, or have left */
    size_t streamed;
    bool written;    /* all of it is */
    size_t ends_at;  /* in it */
    bool sent, made; /* all of it has left: perhaps made; surely: replicas are waited for */
};

#define PEERS_MAX 64
#define BROKER_ID_MAX 33

struct valkey {
    struct ff_store store; /* first */
    struct ff_store_ops ops;
    struct ff_store_host host;
    struct ff_valkey_options options;
    struct ff_arena own; /* the options' texts */
    struct ff_partition_counts counts;
    int epoll, timer;
    struct link main, ears;
    struct ff_uuid broker;  /* made up at start */
    char id[BROKER_ID_MAX]; /* the same in hexadecimal */
    uint64_t generation;    /* of the main link: what an older one has sent is refused */
    struct server server;
    char why_text[256]; /* of the main link */

    struct waiting_load loads[LOADS_MAX];
    uint32_t n_loads;
    uint64_t next_tag;
    struct waiting_commit commits[FF_COMMITS_MAX]; /* a ring */
    uint32_t first_commit, n_commits;
    struct waiting_commit *making; /* the newest: its arguments are being written */
    uint64_t commit_number;
    struct ff_arena scratch; /* of one answer or one commit */
    bool delivered;          /* something has, in the present poll */
    int64_t beat_at_ms;
    bool leaving;                         /* no beats any more */
    char peers[PEERS_MAX][BROKER_ID_MAX]; /* the other live brokers */
    uint32_t n_peers;
    struct ff_server_clock clock;
    bool beaten; /* one beat was answered, well or not */
    struct preparing *preparing;
    struct asking *asking;
};

/* Does what comes next, waiting for it. */
void ff_vk_wait(struct valkey *valkey);
/* When it has to be looked after by time alone, at the latest. */
void ff_vk_arm(struct valkey *valkey);
/* A transport fault in these words, which live until the next one. */
void ff_vk_fail(struct valkey *valkey, struct ff_fault *fault, const char *what);

/* "ff:" and a name, as an argument. */
void ff_vk_key(struct valkey *valkey, struct ff_resp *out, struct ff_str name);
static inline void
ff_vk_key_text(struct valkey *valkey, struct ff_resp *out, const char *name)
{
    ff_vk_key(valkey, out, ff_cstr(name));
}

/* ---- loads (load.c) ---- */
/* Names behind the prefix: of an ordered index's scope, of the list of an index's scopes. */
void ff_vk_index_name(enum ff_index index, const struct ff_valkey_name *scope,
                      struct ff_valkey_name *out);
void ff_vk_scopes_name(enum ff_index index, struct ff_valkey_name *out);
void ff_vk_load(struct ff_store *store, struct ff_load *load);
/* The link is ready: sends all that wait. */
void ff_vk_loads_send(struct valkey *valkey);
/* The link is gone: they are to be sent again. */
void ff_vk_loads_lost(struct valkey *valkey);
/* Fails those that have waited for too long. */
void ff_vk_loads_expire(struct valkey *valkey, int64_t now_ms);

/* ---- event feeds (feeds.c) ---- */
const char *ff_vk_family_name(enum ff_event_family family);
/* Of a family's stream, behind the prefix. */
void ff_vk_events_name(enum ff_event_family family, struct ff_valkey_name *out);
/* The events of a family that the next entry takes, from *at on; how many, 0: there are no more. */
#define FF_VK_ENTRY_EVENTS 16 /* more would make readers who want few events read many */
struct ff_vk_entry {
    struct ff_str bodies[FF_VK_ENTRY_EVENTS];
    uint32_t n;
};
uint32_t ff_vk_events_pick(const struct ff_commit *commit, enum ff_event_family family,
                           uint32_t *at, struct ff_vk_entry *out);
#define FF_VK_EVENTS_REPLIES 3
#define FF_VALKEY_FROM ":from" /* behind a family: with which event its feed begins */
/* whole: as many entries as there can be in the answer. */
uint32_t ff_vk_events_ask(struct valkey *valkey, const struct ff_want *want, bool whole,
                          struct ff_resp *out);
bool ff_vk_events_take(struct ff_want *want, redisReply *const *replies, struct ff_arena *arena);
/* There may be more of what was wanted: to be asked again, for the whole. */
bool ff_vk_events_short(const struct ff_want *want, redisReply *const *replies);

/* ---- commits (batch.c, commit.c) ---- */
/* Writes making->args, and sends what it has meanwhile. */
void ff_vk_batch(struct valkey *valkey, const struct ff_commit *commit);
/* The number of arguments is known: sending begins, if there is somebody to send to. */
void ff_vk_commit_begin(struct valkey *valkey);
/* Sends what has been written, if it is worth it. */
void ff_vk_commit_stream(struct valkey *valkey);
void ff_vk_commit(struct ff_store *store, struct ff_commit *commit);
/* The link is ready, and the server says which was the newest batch of this broker's. */
void ff_vk_commit_resume(struct valkey *valkey, uint64_t newest);
/* The link has let go of its bytes up to this one; all: of all that it had. */
void ff_vk_commit_left(struct valkey *valkey, size_t up_to, bool all);
/* The link is gone: what has not left in whole cannot have been made. */
void ff_vk_commit_lost(struct valkey *valkey);
void ff_vk_commit_expire(struct valkey *valkey, int64_t now_ms);
/* The oldest, or NULL; when it is given up. */
struct waiting_commit *ff_vk_commit_first(struct valkey *valkey);
int64_t ff_vk_commit_until_ms(struct valkey *valkey);
void ff_vk_commit_done(struct valkey *valkey);

/* ---- functions (function.c) ---- */
/* "FCALL <name> 0", to be followed by n_args arguments. */
void ff_vk_fcall(struct ff_resp *out, const char *function, uint32_t n_args);
/* FUNCTION LOAD; one that is there already is no failure. */
void ff_vk_function_load(struct valkey *valkey);

/* ---- the other brokers (peers.c) ---- */
void ff_vk_beat(struct valkey *valkey);
/* The same, and waits for the answer; false: the connection went before it. */
bool ff_vk_beat_once(struct valkey *valkey);
void ff_vk_leave(struct valkey *valkey);
/* What the others are to be told of a commit, in the scratch arena; absent: nothing, or there are
 * none. */
struct ff_str ff_vk_news(struct valkey *valkey, const struct ff_commit *commit);
void ff_vk_hear(struct valkey *valkey, const redisReply *message);

/* ---- at rest (walk.c) ---- */
uint32_t ff_vk_ask_walk(struct valkey *valkey, const struct ff_want *want, struct ff_resp *out);
bool ff_vk_take_walk(struct valkey *valkey, struct ff_want *want, redisReply *const *replies,
                     struct ff_arena *arena);
extern const struct ff_store_offline ff_vk_offline;
/* Of the keys of all records, as an argument. */
void ff_vk_pattern(struct valkey *valkey, struct ff_resp *out);
/* A field of {g}:store: 1 while a copy into it is not finished. */
#define FF_VALKEY_UNFINISHED "unfinished_copy"

/* ---- prepare (prepare.c, upgrade.c) ---- */
/* From the first layout to the second; schema: to be noted then. */
FF_MUST_USE ff_err ff_vk_upgrade(struct valkey *valkey, uint64_t schema, struct ff_fault *fault);
ff_err ff_vk_prepare(struct ff_store *store, struct ff_partition_counts *counts, bool *applied,
                     struct ff_fault *fault);

#endif
