#include <stdio.h>
#include <stdlib.h>

#include "backends/valkey/valkey_int.h"

/* How often a commit is sent because the server had forgotten the functions, or the broker. */
#define TRIES_MAX 5
/* Bytes that are sent while the next ones are made: the server reads meanwhile. */
#define STREAM_BYTES 32768

static void on_commit(struct valkey *valkey, const redisReply *reply, uint64_t tag);

/* The head of the call; its arguments follow as they are made. */
void
ff_vk_commit_begin(struct valkey *valkey)
{
    struct waiting_commit *waiting = &valkey->commit;
    struct link *link = &valkey->main;
    char mark[64];

    if (link->state != LINK_READY || waiting->written || !ff_vk_is_open(link)) {
        return; /* what is sent to nobody would have to be asked for */
    }
    snprintf(mark, sizeof(mark), "{g}:broker:%s", valkey->id);
    ff_vk_fcall(&link->out, "commit", 3 + waiting->n_args);
    ff_vk_key_text(valkey, &link->out, mark);
    ff_resp_u64(&link->out, valkey->generation);
    ff_resp_u64(&link->out, waiting->number);
    waiting->begun = true;
    waiting->streamed = 0;
}

static void
stream_rest(struct waiting_commit *waiting, struct link *link)
{
    ff_resp_raw(&link->out, waiting->args.p + waiting->streamed,
                waiting->args.n - waiting->streamed);
    waiting->streamed = waiting->args.n;
}

void
ff_vk_commit_stream(struct valkey *valkey)
{
    struct waiting_commit *waiting = &valkey->commit;

    if (waiting->begun && waiting->args.n - waiting->streamed >= STREAM_BYTES) {
        stream_rest(waiting, &valkey->main);
        ff_vk_flush(&valkey->main);
    }
}

/* All arguments are there. */
static void
end_commit(struct valkey *valkey)
{
    struct waiting_commit *waiting = &valkey->commit;
    struct link *link = &valkey->main;

    if (!waiting->begun) {
        return;
    }
    stream_rest(waiting, link);
    ff_vk_expect(link, on_commit, waiting->number);
    waiting->begun = false;
    waiting->written = true;
    waiting->ends_at = link->out.n;
    ff_vk_flush(link);
}

static void
send_commit(struct valkey *valkey)
{
    ff_vk_commit_begin(valkey);
    end_commit(valkey);
}

void
ff_vk_commit_left(struct valkey *valkey, size_t up_to, bool all)
{
    struct waiting_commit *waiting = &valkey->commit;

    if (waiting->written && (all || up_to >= waiting->ends_at)) {
        waiting->sent = true;
    }
}

void
ff_vk_commit_lost(struct valkey *valkey)
{
    struct waiting_commit *waiting = &valkey->commit;

    waiting->begun = false;
    if (waiting->commit != NULL && !waiting->sent) {
        waiting->written = false;
        waiting->since_ms = ff_mono_ms();
    }
}

static void
finish(struct valkey *valkey, enum ff_commit_outcome outcome)
{
    struct ff_commit *commit = valkey->commit.commit;

    valkey->commit.commit = NULL;
    valkey->commit.written = valkey->commit.sent = false;
    valkey->delivered = true;
    commit->outcome = outcome;
    commit->done(commit);
}

static void
take_conflicts(struct valkey *valkey, const redisReply *reply)
{
    struct waiting_commit *waiting = &valkey->commit;
    struct ff_commit *commit = waiting->commit;

    for (size_t i = 0; i < reply->elements; i++) {
        uint64_t check = ff_reply_u64(reply->element[i]);

        FF_ASSERT(check < waiting->n_checks);
        waiting->conflicts = ff_grow(waiting->conflicts, &waiting->conflicts_room,
                                     commit->n_conflicts, sizeof(*waiting->conflicts));
        waiting->conflicts[commit->n_conflicts++] = waiting->checks[check];
    }
    commit->conflicts = waiting->conflicts;
}

/* The server has not made it, and says why. */
static void
refused(struct valkey *valkey, const redisReply *reply)
{
    struct waiting_commit *waiting = &valkey->commit;

    waiting->written = waiting->sent = false;
    waiting->tries++;
    if (waiting->tries < TRIES_MAX && strstr(reply->str, "unction not found") != NULL) {
        ff_vk_function_load(valkey); /* flushed, or another server by now */
        send_commit(valkey);
        return;
    }
    if (waiting->tries < TRIES_MAX && ff_reply_fails(reply, "FFGIVENUP")) {
        ff_vk_drop(&valkey->main, "%s", reply->str); /* flushed: the greeting marks us again */
        return;
    }
    ff_vk_fail(valkey, &waiting->commit->fault, reply->str);
    if (ff_reply_fails(reply, "READONLY") || ff_reply_fails(reply, "LOADING")) {
        ff_vk_drop(&valkey->main, "%s", reply->str); /* a failover: perhaps there is another one */
    }
    finish(valkey, FF_COMMIT_FAILED);
}

static void
on_commit(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    struct waiting_commit *waiting = &valkey->commit;

    FF_ASSERT(waiting->commit != NULL && waiting->number == tag);
    if (reply->type == REDIS_REPLY_ERROR) {
        refused(valkey, reply);
    } else if (reply->type == REDIS_REPLY_ARRAY) {
        take_conflicts(valkey, reply);
        finish(valkey, FF_COMMIT_CONFLICT);
    } else {
        finish(valkey, FF_COMMIT_OK);
    }
}

void
ff_vk_commit_resume(struct valkey *valkey, uint64_t made)
{
    struct waiting_commit *waiting = &valkey->commit;

    if (waiting->commit == NULL) {
        return;
    }
    if (waiting->sent && made == waiting->number) {
        finish(valkey, FF_COMMIT_OK); /* only its answer was lost */
        return;
    }
    /* it was not made, and no older connection can make it any more */
    waiting->written = waiting->sent = false;
    send_commit(valkey);
}

void
ff_vk_commit_expire(struct valkey *valkey, int64_t now_ms)
{
    struct waiting_commit *waiting = &valkey->commit;

    if (waiting->commit == NULL || valkey->main.state == LINK_READY) {
        return;
    }
    if (ff_vk_commit_until_ms(valkey) <= now_ms) {
        ff_vk_fail(valkey, &waiting->commit->fault,
                   waiting->sent ? "the server is gone, and whether it has made this commit could "
                                   "not be found out"
                                 : valkey->why_text);
        finish(valkey, FF_COMMIT_FAILED);
    }
}

void
ff_vk_commit(struct ff_store *store, struct ff_commit *commit)
{
    struct valkey *valkey = (struct valkey *) store;
    struct waiting_commit *waiting = &valkey->commit;

    FF_ASSERT(waiting->commit == NULL);
    commit->n_conflicts = 0;
    commit->fault = (struct ff_fault){ 0 };
    waiting->tries = 0;
    waiting->number++;
    waiting->since_ms = ff_mono_ms();
    waiting->commit = commit;
    ff_vk_batch(valkey, commit);
    end_commit(valkey);
    ff_vk_arm(valkey);
}

void
ff_vk_commit_done(struct valkey *valkey)
{
    struct waiting_commit *waiting = &valkey->commit;

    ff_resp_done(&waiting->args);
    ff_resp_done(&waiting->list);
    ff_resp_done(&waiting->lists);
    ff_resp_done(&waiting->dump);
    free(waiting->checks);
    free(waiting->conflicts);
}
