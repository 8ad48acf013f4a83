#include "ipc/hash.h" /* before anything that includes uthash */

#include "ipc/memo.h"

struct ff_memo_client {
    struct ff_uuid id;
    uint32_t n;
    struct ff_memo_list memos;
    UT_hash_handle hh;
};

/* What one memo costs beside its reply: itself, its share of the tables, its client's struct. */
#define COST_BYTES (sizeof(struct ff_memo) + sizeof(struct ff_memo_client) + 64)

void
ff_memos_init(struct ff_memos *memos, size_t bytes_max)
{
    *memos = (struct ff_memos){ .bytes_max = bytes_max };
    TAILQ_INIT(&memos->by_age);
}

void
ff_memos_done(struct ff_memos *memos)
{
    struct ff_memo *memo = NULL;
    struct ff_memo *next = NULL;

    HASH_ITER(hh, memos->by_key, memo, next)
    {
        ff_memos_forget(memos, memo);
    }
}

struct ff_memo *
ff_memos_find(struct ff_memos *memos, const struct ff_memo_key *key)
{
    struct ff_memo *memo = NULL;

    HASH_FIND(hh, memos->by_key, key, sizeof(*key), memo);
    return memo;
}

static struct ff_memo_client *
client_of(struct ff_memos *memos, const struct ff_uuid *id)
{
    struct ff_memo_client *client = NULL;

    HASH_FIND(hh, memos->clients, id, sizeof(*id), client);
    if (client == NULL) {
        client = calloc(1, sizeof(*client));
        FF_ASSERT(client != NULL);
        client->id = *id;
        TAILQ_INIT(&client->memos);
        HASH_ADD(hh, memos->clients, id, sizeof(client->id), client);
    }
    return client;
}

/* Counts the one that is being added. */
static void
drop_oldest_of(struct ff_memos *memos, struct ff_memo_client *client)
{
    struct ff_memo *memo = TAILQ_FIRST(&client->memos);

    while (client->n > FF_MEMO_FRAMES_MAX && memo != NULL) {
        struct ff_memo *next = TAILQ_NEXT(memo, of_client);

        if (memo->running == NULL) {
            ff_memos_forget(memos, memo);
        }
        memo = next;
    }
}

struct ff_memo *
ff_memos_begin(struct ff_memos *memos, const struct ff_memo_key *key, void *running)
{
    struct ff_memo *memo = calloc(1, sizeof(*memo));

    FF_ASSERT(memo != NULL && running != NULL);
    memo->key = *key;
    memo->running = running;
    memo->client = client_of(memos, &key->client);
    memo->client->n++; /* first, so that making room does not free the client */
    drop_oldest_of(memos, memo->client);
    TAILQ_INSERT_TAIL(&memo->client->memos, memo, of_client);
    HASH_ADD(hh, memos->by_key, key, sizeof(memo->key), memo);
    return memo;
}

void
ff_memos_forget(struct ff_memos *memos, struct ff_memo *memo)
{
    struct ff_memo_client *client = memo->client;

    if (memo->running == NULL) {
        TAILQ_REMOVE(&memos->by_age, memo, by_age);
        memos->bytes -= memo->reply_bytes + COST_BYTES;
    }
    TAILQ_REMOVE(&client->memos, memo, of_client);
    if (--client->n == 0) {
        HASH_DELETE(hh, memos->clients, client);
        free(client);
    }
    HASH_DELETE(hh, memos->by_key, memo);
    free(memo->reply);
    free(memo);
}

void
ff_memos_finish(struct ff_memos *memos, struct ff_memo *memo, struct ff_str reply, int64_t now_ms)
{
    memo->reply = malloc((size_t) reply.n + 1);
    FF_ASSERT(memo->reply != NULL);
    memcpy(memo->reply, reply.p, reply.n);
    memo->reply_bytes = reply.n;
    memo->running = NULL;
    memo->done_ms = now_ms;
    TAILQ_INSERT_TAIL(&memos->by_age, memo, by_age);
    memos->bytes += memo->reply_bytes + COST_BYTES;
    while (memos->bytes > memos->bytes_max) {
        ff_memos_forget(memos, TAILQ_FIRST(&memos->by_age));
    }
}

int64_t
ff_memos_expire(struct ff_memos *memos, int64_t now_ms)
{
    struct ff_memo *memo = NULL;

    while ((memo = TAILQ_FIRST(&memos->by_age)) != NULL) {
        int64_t left_ms = memo->done_ms + FF_MEMO_AGE_MS - now_ms;

        if (left_ms > 0) {
            return left_ms;
        }
        ff_memos_forget(memos, memo);
    }
    return -1;
}
