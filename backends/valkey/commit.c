#include <stdio.h>
#include <stdlib.h>

#include "backends/valkey/valkey_int.h"

/* How often a commit is sent because the server had forgotten the functions, or the broker. */
#define TRIES_MAX 5
/* Bytes that are sent while the next ones are made: the server reads meanwhile. */
#define STREAM_BYTES 32768
/* So long the connection waits for replicas at a time; loads wait behind it. */
#define COPY_WAIT_MS 100

static void on_commit(struct valkey *valkey, const redisReply *reply, uint64_t tag);
static void on_copied(struct valkey *valkey, const redisReply *reply, uint64_t tag);

/* How many replicas have what this connection has written. With replicas, commits go one by one. */
static void
ask_copies(struct valkey *valkey, const struct waiting_commit *waiting)
{
    struct link *link = &valkey->main;

    if (valkey->options.replicas > 0) {
        ff_resp_head(&link->out, 3);
        ff_resp_text(&link->out, "WAIT");
        ff_resp_u64(&link->out, valkey->options.replicas);
        ff_resp_u64(&link->out, COPY_WAIT_MS);
        ff_vk_expect(link, on_copied, waiting->number);
    }
}

static struct waiting_commit *
nth(struct valkey *valkey, uint32_t n)
{
    return &valkey->commits[(valkey->first_commit + n) % FF_COMMITS_MAX];
}

struct waiting_commit *
ff_vk_commit_first(struct valkey *valkey)
{
    return valkey->n_commits == 0 ? NULL : nth(valkey, 0);
}

/* The head of the call; its arguments follow as they are made. */
static void
begin_commit(struct valkey *valkey, struct waiting_commit *waiting)
{
    struct link *link = &valkey->main;
    char mark[64];

    if (link->state != LINK_READY || waiting->written || !ff_vk_is_open(link)) {
        return; /* what is sent to nobody would have to be asked for */
    }
    snprintf(mark, sizeof(mark), "{g}:broker:%s", valkey->id);
    ff_vk_fcall(&link->out, "commit", 4 + waiting->n_args);
    ff_vk_key_text(valkey, &link->out, mark);
    ff_resp_u64(&link->out, valkey->generation);
    ff_resp_u64(&link->out, waiting->number);
    ff_resp_u64(&link->out, waiting->follows ? waiting->number - 1 : 0);
    waiting->begun = true;
    waiting->streamed = 0;
}

void
ff_vk_commit_begin(struct valkey *valkey)
{
    begin_commit(valkey, valkey->making);
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
    struct waiting_commit *waiting = valkey->making;

    if (waiting->begun && waiting->args.n - waiting->streamed >= STREAM_BYTES) {
        stream_rest(waiting, &valkey->main);
        ff_vk_flush(&valkey->main);
    }
}

/* All arguments are there. */
static void
end_commit(struct valkey *valkey, struct waiting_commit *waiting)
{
    struct link *link = &valkey->main;

    if (!waiting->begun) {
        return;
    }
    stream_rest(waiting, link);
    ff_vk_expect(link, on_commit, waiting->number);
    waiting->begun = false;
    waiting->written = true;
    waiting->ends_at = link->out.n;
    ask_copies(valkey, waiting);
    ff_vk_flush(link);
}

static void
send_commit(struct valkey *valkey, struct waiting_commit *waiting)
{
    waiting->written = waiting->sent = false;
    begin_commit(valkey, waiting);
    end_commit(valkey, waiting);
}

void
ff_vk_commit_left(struct valkey *valkey, size_t up_to, bool all)
{
    for (uint32_t i = 0; i < valkey->n_commits; i++) {
        struct waiting_commit *waiting = nth(valkey, i);

        if (waiting->written && (all || up_to >= waiting->ends_at)) {
            waiting->sent = true;
        }
    }
}

void
ff_vk_commit_lost(struct valkey *valkey)
{
    for (uint32_t i = 0; i < valkey->n_commits; i++) {
        struct waiting_commit *waiting = nth(valkey, i);

        waiting->begun = waiting->made = false;
        if (!waiting->sent) {
            waiting->written = false;
            waiting->since_ms = ff_mono_ms();
        }
    }
}

/* The oldest one is. What follows one that was not made must not be sent to find that out: the
 * server may have made both. */
static void
finish(struct valkey *valkey, enum ff_commit_outcome outcome)
{
    struct waiting_commit *waiting = nth(valkey, 0), *next = NULL;
    struct ff_commit *commit = waiting->commit;

    waiting->commit = NULL;
    waiting->written = waiting->sent = waiting->made = false;
    valkey->first_commit = (valkey->first_commit + 1) % FF_COMMITS_MAX;
    valkey->n_commits--;
    next = ff_vk_commit_first(valkey);
    if (next != NULL) {
        next->follows = outcome != FF_COMMIT_OK;
        next->doomed = next->follows;
    }
    valkey->delivered = true;
    commit->outcome = outcome;
    commit->done(commit);
}

/* The oldest one is made, and done once the replicas have it that are wanted. */
static void
made(struct valkey *valkey)
{
    nth(valkey, 0)->made = true;
    if (valkey->options.replicas == 0) {
        finish(valkey, FF_COMMIT_OK);
    }
}

static void
on_copied(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    struct waiting_commit *waiting = ff_vk_commit_first(valkey);
    char text[160];

    if (waiting == NULL || waiting->number != tag || !waiting->made) {
        return; /* there is nothing to copy of one that was not made */
    }
    if (reply->type == REDIS_REPLY_INTEGER && ff_reply_u64(reply) >= valkey->options.replicas) {
        finish(valkey, FF_COMMIT_OK);
        return;
    }
    if (reply->type == REDIS_REPLY_INTEGER && ff_mono_ms() < ff_vk_commit_until_ms(valkey)) {
        ask_copies(valkey, waiting);
        ff_vk_flush(&valkey->main);
        return;
    }
    snprintf(text, sizeof(text),
             "made, but %s of %u replicas have it; attach them, or lower replicas",
             reply->type == REDIS_REPLY_INTEGER ? "too few" : reply->str, valkey->options.replicas);
    ff_vk_fail(valkey, &waiting->commit->fault, text);
    finish(valkey, FF_COMMIT_FAILED);
}

static void
take_conflicts(struct waiting_commit *waiting, const redisReply *reply)
{
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
    struct waiting_commit *waiting = nth(valkey, 0);

    waiting->tries++;
    if (waiting->tries < TRIES_MAX && strstr(reply->str, "unction not found") != NULL) {
        ff_vk_function_load(valkey); /* flushed, or another server by now */
        send_commit(valkey, waiting);
        return;
    }
    if (waiting->tries < TRIES_MAX && ff_reply_fails(reply, "FFGIVENUP")) {
        waiting->written = waiting->sent = false;
        ff_vk_drop(&valkey->main, "%s", reply->str); /* flushed: the greeting marks us again */
        return;
    }
    ff_vk_fail(valkey, &waiting->commit->fault, reply->str);
    if (ff_reply_fails(reply, "READONLY") || ff_reply_fails(reply, "LOADING")) {
        waiting->written = waiting->sent = false;
        ff_vk_drop(&valkey->main, "%s", reply->str); /* a failover: perhaps there is another one */
    }
    finish(valkey, FF_COMMIT_FAILED);
}

static void
on_commit(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    struct waiting_commit *waiting = nth(valkey, 0);

    FF_ASSERT(valkey->n_commits > 0);
    if (waiting->number != tag) { /* that is being sent again: this one was not made without it */
        FF_ASSERT(valkey->n_commits > 1 && nth(valkey, 1)->number == tag);
        send_commit(valkey, nth(valkey, 1));
    } else if (reply->type == REDIS_REPLY_ERROR) {
        refused(valkey, reply);
    } else if (reply->type == REDIS_REPLY_ARRAY) {
        take_conflicts(waiting, reply);
        finish(valkey, FF_COMMIT_CONFLICT);
    } else if (strcmp(reply->str, "ORPHANED") != 0) {
        made(valkey);
    } else if (waiting->follows) {
        finish(valkey, FF_COMMIT_ORPHANED);
    } else {
        send_commit(valkey, waiting); /* made as it was, the one before is gone again */
    }
}

void
ff_vk_commit_resume(struct valkey *valkey, uint64_t newest)
{
    for (uint32_t n = valkey->n_commits; n > 0; n--) {
        const struct waiting_commit *waiting = nth(valkey, 0);

        if (waiting->doomed) {
            finish(valkey, FF_COMMIT_ORPHANED);
        } else if (waiting->sent && newest >= waiting->number) { /* only its answer was lost */
            ask_copies(valkey,
                       waiting); /* of what is before the mark, which this link has written */
            made(valkey);
        } else {
            break;
        }
    }
    /* the others were not made, and no older connection can make them any more */
    for (uint32_t i = 0; i < valkey->n_commits && valkey->main.state == LINK_READY; i++) {
        if (!nth(valkey, i)->made) {
            send_commit(valkey, nth(valkey, i));
        }
    }
    ff_vk_flush(&valkey->main);
}

void
ff_vk_commit_expire(struct valkey *valkey, int64_t now_ms)
{
    if (valkey->n_commits == 0 || valkey->main.state == LINK_READY ||
        ff_vk_commit_until_ms(valkey) > now_ms) {
        return;
    }
    while (valkey->n_commits > 0) {
        struct waiting_commit *waiting = nth(valkey, 0);

        ff_vk_fail(valkey, &waiting->commit->fault,
                   waiting->sent ? "the server is gone, and whether it has made this commit could "
                                   "not be found out"
                                 : valkey->why_text);
        finish(valkey, waiting->doomed && !waiting->sent ? FF_COMMIT_ORPHANED : FF_COMMIT_FAILED);
    }
}

void
ff_vk_commit(struct ff_store *store, struct ff_commit *commit)
{
    struct valkey *valkey = (struct valkey *) store;
    struct waiting_commit *waiting = nth(valkey, valkey->n_commits);

    FF_ASSERT(valkey->n_commits < FF_COMMITS_MAX && commit->follows == (valkey->n_commits > 0));
    valkey->n_commits++;
    commit->n_conflicts = 0;
    commit->fault = (struct ff_fault){ 0 };
    waiting->tries = 0;
    waiting->number = ++valkey->commit_number;
    waiting->follows = commit->follows;
    waiting->doomed = false;
    waiting->since_ms = ff_mono_ms();
    waiting->commit = commit;
    valkey->making = waiting;
    ff_vk_batch(valkey, commit);
    end_commit(valkey, waiting);
    ff_vk_arm(valkey);
}

void
ff_vk_commit_done(struct valkey *valkey)
{
    for (uint32_t i = 0; i < FF_COMMITS_MAX; i++) {
        struct waiting_commit *waiting = &valkey->commits[i];

        ff_resp_done(&waiting->args);
        ff_resp_done(&waiting->list);
        ff_resp_done(&waiting->lists);
        ff_resp_done(&waiting->dump);
        free(waiting->checks);
        free(waiting->conflicts);
    }
}
