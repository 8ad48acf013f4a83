#include <stdio.h>
#include <stdlib.h>

#include "backends/valkey/valkey_int.h"

/* Words of one command: the server's language hands over no more than 8000 at a time. */
#define MEMBERS_MAX 1000
/* How often a commit is sent because the server had forgotten the functions, or the broker. */
#define TRIES_MAX 5

/* ---- the batch as arguments ---- */

/* Commands travel as one argument each, a msgpack list of words: the server takes no more than a
 * million arguments, and one of them costs it more than a word. */
static void
begin(struct waiting_commit *waiting, uint32_t n_words)
{
    struct ff_resp *pack = &waiting->pack;
    const char head[5] = { (char) 0xdd, (char) (n_words >> 24), (char) (n_words >> 16),
                           (char) (n_words >> 8), (char) n_words };

    pack->n = 0;
    ff_resp_raw(pack, head, sizeof(head));
}

static void
word_pair(struct waiting_commit *waiting, struct ff_str a, struct ff_str b)
{
    uint32_t n = a.n + b.n;
    char head[5] = { (char) 0xdb, (char) (n >> 24), (char) (n >> 16), (char) (n >> 8), (char) n };

    if (n < 32) {
        head[0] = (char) (0xa0 | n);
        ff_resp_raw(&waiting->pack, head, 1);
    } else {
        ff_resp_raw(&waiting->pack, head, sizeof(head));
    }
    ff_resp_raw(&waiting->pack, a.n == 0 ? "" : a.p, a.n);
    ff_resp_raw(&waiting->pack, b.n == 0 ? "" : b.p, b.n);
}

static void
word_str(struct waiting_commit *waiting, struct ff_str text)
{
    word_pair(waiting, text, ff_str(NULL, 0));
}

static void
word(struct waiting_commit *waiting, const char *text)
{
    word_str(waiting, ff_cstr(text));
}

static void
word_key(struct valkey *valkey, const struct ff_valkey_name *name)
{
    word_pair(&valkey->commit, valkey->options.prefix, ff_str(name->b, name->n));
}

static void
finish_command(struct waiting_commit *waiting)
{
    ff_resp_arg(&waiting->args, ff_str(waiting->pack.p, waiting->pack.n));
    waiting->n_args++;
}

static void
word_record(struct valkey *valkey, const struct ff_write *write)
{
    struct ff_valkey_name name;

    ff_valkey_record_name(write->kind, &write->key, &valkey->counts, &name);
    word_key(valkey, &name);
}

static void
record_key(struct valkey *valkey, const struct ff_write *write)
{
    struct ff_valkey_name name;

    ff_valkey_record_name(write->kind, &write->key, &valkey->counts, &name);
    ff_vk_key(valkey, &valkey->commit.args, ff_str(name.b, name.n));
}

static void
put_checks(struct valkey *valkey, const struct ff_commit *commit)
{
    struct waiting_commit *waiting = &valkey->commit;

    waiting->n_writes = 0;
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        if (!commit->writes[i].unseen) {
            waiting->writes = ff_grow(waiting->writes, &waiting->writes_room, waiting->n_writes,
                                      sizeof(*waiting->writes));
            waiting->writes[waiting->n_writes++] = i;
        }
    }
    ff_resp_u64(&waiting->args, waiting->n_writes);
    waiting->n_args += 1 + 2 * waiting->n_writes;
    for (uint32_t i = 0; i < waiting->n_writes; i++) {
        const struct ff_write *write = &commit->writes[waiting->writes[i]];

        record_key(valkey, write);
        ff_resp_u64(&waiting->args, write->version_from);
    }
}

static void
put_events(struct valkey *valkey, const struct ff_commit *commit)
{
    struct waiting_commit *waiting = &valkey->commit;
    struct ff_resp *args = &waiting->args;

    ff_vk_key_text(valkey, args, "{g}:feeds");
    ff_resp_u64(args, commit->n_events);
    for (uint32_t i = 0; i < commit->n_events; i++) {
        ff_resp_text(args, ff_vk_family_name(commit->events[i].family));
        ff_vk_events_key(valkey, commit->events[i].family, args);
        ff_resp_arg(args, commit->events[i].body);
    }
    ff_resp_u64(args, commit->n_trims);
    for (uint32_t i = 0; i < commit->n_trims; i++) {
        ff_resp_text(args, ff_vk_family_name(commit->trims[i].family));
        ff_vk_events_key(valkey, commit->trims[i].family, args);
        ff_resp_u64(args, commit->trims[i].up_to);
    }
    waiting->n_args += 3 + 3 * commit->n_events + 3 * commit->n_trims;
}

static void
put_removal(struct valkey *valkey, const struct ff_write *write)
{
    begin(&valkey->commit, 2);
    word(&valkey->commit, "DEL");
    word_record(valkey, write);
    finish_command(&valkey->commit);
}

/* The record as a struct; NULL: its stored form cannot be read. */
static const void *
record_of(struct valkey *valkey, const struct ff_write *write)
{
    void *record = NULL;
    struct ff_fault fault = { 0 };

    if (write->record != NULL) {
        return write->record;
    }
    record = ff_arena_zalloc(&valkey->scratch, ff_records[write->kind]->size);
    return ff_row_decode(write->kind, write->body, &valkey->scratch, record, &fault) == FF_E_OK
               ? record
               : NULL;
}

static void
put_version(struct valkey *valkey, const struct ff_write *write, uint32_t n_fields)
{
    char digits[20];
    uint32_t n = ff_resp_digits(digits, write->version);

    begin(&valkey->commit, 4 + 2 * n_fields);
    word(&valkey->commit, "HSET");
    word_record(valkey, write);
    word(&valkey->commit, FF_VALKEY_VERSION);
    word_str(&valkey->commit, ff_str(digits, n));
}

static void
put_cells(struct waiting_commit *waiting, const struct ff_valkey_delta *delta)
{
    for (uint32_t i = 0; i < delta->n_set; i++) {
        word_str(waiting, delta->set[i].name);
        word_str(waiting, delta->set[i].text);
    }
}

static void
put_write(struct valkey *valkey, const struct ff_write *write)
{
    struct waiting_commit *waiting = &valkey->commit;
    struct ff_valkey_delta *delta = &valkey->delta;
    const void *record = record_of(valkey, write);

    if (write->version_from > 0 && (write->before == NULL || record == NULL)) {
        put_removal(valkey, write);
    }
    if (record == NULL) {
        put_version(valkey, write, 1);
        word(waiting, FF_VALKEY_RAW);
        word_str(waiting, write->body);
        finish_command(waiting);
        return;
    }
    ff_valkey_delta(write->kind, record, write->before, &valkey->scratch, delta);
    put_version(valkey, write, delta->n_set);
    put_cells(waiting, delta);
    finish_command(waiting);
    if (delta->n_gone > 0) {
        begin(waiting, 2 + delta->n_gone);
        word(waiting, "HDEL");
        word_record(valkey, write);
        for (uint32_t i = 0; i < delta->n_gone; i++) {
            word_str(waiting, delta->gone[i]);
        }
        finish_command(waiting);
    }
}

static void
put_writes(struct valkey *valkey, const struct ff_commit *commit)
{
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        if (commit->writes[i].deleted) {
            put_removal(valkey, &commit->writes[i]);
        } else {
            put_write(valkey, &commit->writes[i]);
        }
    }
}

/* ---- index changes, those of one scope together ---- */

static int
change_cmp(const void *a, const void *b)
{
    const struct ff_index_change *x = *(const struct ff_index_change *const *) a;
    const struct ff_index_change *y = *(const struct ff_index_change *const *) b;
    int order = x->key.index != y->key.index ? x->key.index - y->key.index
                                             : ff_scope_cmp(&x->key.scope, &y->key.scope);

    return order != 0 ? order : y->add - x->add;
}

static void
put_members(struct valkey *valkey, const struct ff_index_change *const *changes, uint32_t n,
            const struct ff_valkey_name *key)
{
    struct waiting_commit *waiting = &valkey->commit;
    bool add = changes[0]->add;

    begin(waiting, 2 + (add ? 2 : 1) * n);
    word(waiting, add ? "ZADD" : "ZREM");
    word_key(valkey, key);
    for (uint32_t i = 0; i < n; i++) {
        const struct ff_entry entry = { .sort = changes[i]->key.sort, .id = changes[i]->key.id };
        struct ff_valkey_name member;

        ff_valkey_entry_name((enum ff_index) changes[i]->key.index, &changes[i]->key.scope, &entry,
                             &member);
        if (add) {
            word(waiting, "0");
        }
        word_str(waiting, ff_str(member.b, member.n));
    }
    finish_command(waiting);
}

/* A scope is in the list of its index's scopes as long as anything stands in it. */
static void
put_scope(struct valkey *valkey, const struct ff_index_change *change,
          const struct ff_valkey_name *key, const struct ff_valkey_name *scope)
{
    struct waiting_commit *waiting = &valkey->commit;
    struct ff_valkey_name scopes;

    ff_vk_scopes_name((enum ff_index) change->key.index, &scopes);
    begin(waiting, 4);
    word(waiting, change->add ? "ZADD" : "E");
    if (change->add) {
        word_key(valkey, &scopes);
        word(waiting, "0");
    } else {
        word_key(valkey, key);
        word_key(valkey, &scopes);
    }
    word_str(waiting, ff_str(scope->b, scope->n));
    finish_command(waiting);
}

static void
put_changes(struct valkey *valkey, const struct ff_commit *commit)
{
    const struct ff_index_change **sorted =
        FF_ARENA_NEW(&valkey->scratch, const struct ff_index_change *, commit->n_changes + 1u);

    for (uint32_t i = 0; i < commit->n_changes; i++) {
        sorted[i] = &commit->changes[i];
    }
    qsort(sorted, commit->n_changes, sizeof(*sorted), change_cmp);
    for (uint32_t from = 0, to = 0; from < commit->n_changes; from = to) {
        enum ff_index index = (enum ff_index) sorted[from]->key.index;
        struct ff_valkey_name scope, key;

        ff_valkey_scope_name(index, &sorted[from]->key.scope, &scope);
        ff_vk_index_name(index, &scope, &key);
        while (to < commit->n_changes && change_cmp(&sorted[from], &sorted[to]) == 0) {
            to++;
        }
        for (uint32_t at = from; at < to; at += MEMBERS_MAX) {
            put_members(valkey, sorted + at, to - at < MEMBERS_MAX ? to - at : MEMBERS_MAX, &key);
        }
        put_scope(valkey, sorted[from], &key, &scope);
    }
}

static void
put_news(struct valkey *valkey, const struct ff_commit *commit)
{
    struct waiting_commit *waiting = &valkey->commit;
    struct ff_str text = ff_vk_news(valkey, commit);

    for (uint32_t i = 0; i < valkey->n_peers && text.p != NULL; i++) {
        struct ff_valkey_name channel;

        channel.n =
            (uint32_t) snprintf(channel.b, sizeof(channel.b), "{g}:wake:%s", valkey->peers[i]);
        begin(waiting, 3);
        word(waiting, "PUBLISH");
        word_key(valkey, &channel);
        word_str(waiting, text);
        finish_command(waiting);
    }
}

/* ---- under way ---- */

static void on_commit(struct valkey *valkey, const redisReply *reply, uint64_t tag);

static void
send_commit(struct valkey *valkey)
{
    struct waiting_commit *waiting = &valkey->commit;
    struct link *link = &valkey->main;
    char mark[64];

    if (link->state != LINK_READY || waiting->commit == NULL || waiting->sent) {
        return;
    }
    snprintf(mark, sizeof(mark), "{g}:broker:%s", valkey->id);
    ff_vk_fcall(&link->out, "commit", 3 + waiting->n_args);
    ff_vk_key_text(valkey, &link->out, mark);
    ff_resp_u64(&link->out, valkey->generation);
    ff_resp_u64(&link->out, waiting->number);
    ff_resp_raw(&link->out, waiting->args.p, waiting->args.n);
    ff_vk_expect(link, on_commit, waiting->number);
    waiting->sent = true;
    ff_vk_flush(link);
}

static void
finish(struct valkey *valkey, enum ff_commit_outcome outcome)
{
    struct ff_commit *commit = valkey->commit.commit;

    valkey->commit.commit = NULL;
    valkey->commit.sent = false;
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

        FF_ASSERT(check < waiting->n_writes);
        waiting->conflicts = ff_grow(waiting->conflicts, &waiting->conflicts_room,
                                     commit->n_conflicts, sizeof(*waiting->conflicts));
        waiting->conflicts[commit->n_conflicts++] = waiting->writes[check];
    }
    commit->conflicts = waiting->conflicts;
}

/* The server has not made it, and says why. */
static void
refused(struct valkey *valkey, const redisReply *reply)
{
    struct waiting_commit *waiting = &valkey->commit;

    waiting->sent = false;
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
    waiting->sent = false; /* it was not made, and no older connection can make it any more */
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
    waiting->args.n = 0;
    waiting->n_args = 0;
    waiting->tries = 0;
    waiting->number++;
    waiting->since_ms = ff_vk_now_ms();
    put_checks(valkey, commit);
    put_events(valkey, commit);
    put_writes(valkey, commit);
    put_changes(valkey, commit);
    put_news(valkey, commit);
    ff_arena_reset(&valkey->scratch);
    waiting->commit = commit;
    send_commit(valkey);
    ff_vk_arm(valkey);
}

void
ff_vk_commit_done(struct valkey *valkey)
{
    struct waiting_commit *waiting = &valkey->commit;

    ff_resp_done(&waiting->args);
    ff_resp_done(&waiting->pack);
    free(waiting->writes);
    free(waiting->conflicts);
}
