/* What a new connection begins with: who we are, what the server is, and what became of the last
 * batch. The listening one only says who it is and which channel it wants. */
#include <stdio.h>
#include <stdlib.h>

#include "backends/valkey/valkey_int.h"

/* ---- what INFO says ---- */

/* The value of a line "name:value"; empty where there is none. */
static void
info_line(const char *info, const char *name, char *out, size_t room)
{
    size_t n = strlen(name);

    out[0] = '\0';
    for (const char *line = info; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, n) == 0 && line[n] == ':') {
            size_t most = strcspn(line + n + 1, "\r\n");

            snprintf(out, room, "%.*s", (int) (most < room ? most : room - 1), line + n + 1);
            return;
        }
        if (*line == '\0') {
            return;
        }
    }
}

static bool
info_is(const char *info, const char *name, const char *value)
{
    char found[16];

    info_line(info, name, found, sizeof(found));
    return strcmp(found, value) == 0;
}

static void
read_info(struct server *server, const char *info)
{
    char text[32];

    info_line(info, "valkey_version", server->version, sizeof(server->version));
    if (server->version[0] == '\0') {
        info_line(info, "redis_version", server->version, sizeof(server->version));
    }
    info_line(info, "role", server->role, sizeof(server->role));
    info_line(info, "maxmemory_policy", server->policy, sizeof(server->policy));
    info_line(info, "maxmemory", text, sizeof(text));
    server->maxmemory = strtoull(text, NULL, 10);
    server->aof = info_is(info, "aof_enabled", "1");
    server->loading = info_is(info, "loading", "1");
    server->cluster = info_is(info, "cluster_enabled", "1");
}

/* NULL, or why this server will not do. */
static const char *
unfit(const struct server *server)
{
    if (atoi(server->version) < 7) {
        return "it is older than Redis 7.0 or Valkey 7.2";
    }
    if (server->cluster) {
        return "it is a cluster: a commit may concern any partition";
    }
    if (server->maxmemory > 0 && strcmp(server->policy, "noeviction") != 0) {
        return "it evicts: maxmemory-policy must be noeviction";
    }
    if (strcmp(server->role, "slave") == 0) {
        return "it is a replica: read only";
    }
    return server->loading ? "it is loading its data" : NULL;
}

/* ---- answers ---- */

enum { GREET_AUTH, GREET_SELECT, GREET_NAME, GREET_INFO };

static void
on_step(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    static const char *const what[] = { "log in", "select the database", "give a name", "be read" };

    if (reply->type == REDIS_REPLY_ERROR) {
        ff_vk_drop(&valkey->main, "the server does not let us %s: %s", what[tag], reply->str);
    }
}

static void
on_info(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    const char *why = NULL;

    if (!ff_reply_is_text(reply)) {
        on_step(valkey, reply, tag);
        return;
    }
    read_info(&valkey->server, reply->str);
    why = unfit(&valkey->server);
    if (why != NULL) {
        ff_vk_drop(&valkey->main, "this server cannot be used: %s", why);
    }
}

/* Some hosters do not let one ask; then it is not known. */
static void
on_appendfsync(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    (void) tag;
    valkey->server.appendfsync[0] = '\0';
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
        snprintf(valkey->server.appendfsync, sizeof(valkey->server.appendfsync), "%s",
                 reply->element[1]->str);
    }
}

/* The last of the greeting: from now on an older connection's batches are refused, and what the
 * last one was that was made is known. */
static void
on_mark(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    struct link *link = &valkey->main;
    uint64_t made = 0;

    (void) tag;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1) {
        ff_vk_drop(link, "the server does not take the mark of this broker: %s",
                   reply->type == REDIS_REPLY_ERROR ? reply->str : "unexpected answer");
        return;
    }
    made = ff_reply_u64(reply->element[0]);
    link->state = LINK_READY;
    link->failures = 0;
    valkey->beat_at_ms = 0;
    if (valkey->generation > 1 && valkey->host.news != NULL) {
        valkey->host.news(valkey->host.ctx, NULL);
    }
    ff_vk_commit_resume(valkey, made);
    ff_vk_loads_send(valkey);
    ff_vk_arm(valkey);
}

static void
on_subscribed(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    (void) tag;
    if (reply->type == REDIS_REPLY_ERROR) {
        ff_vk_drop(&valkey->ears, "%s", reply->str);
        return;
    }
    valkey->ears.state = LINK_READY;
    valkey->ears.failures = 0;
    if (valkey->host.news != NULL) { /* what was said while nobody listened */
        valkey->host.news(valkey->host.ctx, NULL);
    }
}

static void
on_ears_step(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    (void) tag;
    if (reply->type == REDIS_REPLY_ERROR) {
        ff_vk_drop(&valkey->ears, "%s", reply->str);
    }
}

/* ---- questions ---- */

static void
log_in(struct link *link, answer_fn *answer)
{
    const struct ff_valkey_options *options = &link->valkey->options;

    if (options->password.p != NULL) {
        ff_resp_head(&link->out, options->user.p == NULL ? 2 : 3);
        ff_resp_text(&link->out, "AUTH");
        if (options->user.p != NULL) {
            ff_resp_arg(&link->out, options->user);
        }
        ff_resp_arg(&link->out, options->password);
        ff_vk_expect(link, answer, GREET_AUTH);
    }
    ff_resp_words(&link->out, "CLIENT", "SETNAME", "flowfabric", NULL);
    ff_vk_expect(link, answer, GREET_NAME);
}

static void
set_mark(struct link *link)
{
    struct valkey *valkey = link->valkey;
    char mark[64];

    snprintf(mark, sizeof(mark), "{g}:broker:%s", valkey->id);
    valkey->generation++;
    ff_resp_words(&link->out, "MULTI", NULL);
    ff_resp_head(&link->out, 3);
    ff_resp_text(&link->out, "HGET");
    ff_vk_key_text(valkey, &link->out, mark);
    ff_resp_text(&link->out, "number");
    ff_resp_head(&link->out, 4);
    ff_resp_text(&link->out, "HSET");
    ff_vk_key_text(valkey, &link->out, mark);
    ff_resp_text(&link->out, "generation");
    ff_resp_u64(&link->out, valkey->generation);
    ff_resp_words(&link->out, "EXEC", NULL);
    ff_vk_expect(link, NULL, 0);
    ff_vk_expect(link, NULL, 0);
    ff_vk_expect(link, NULL, 0);
    ff_vk_expect(link, on_mark, 0);
}

static void
subscribe(struct link *link)
{
    char channel[64];

    snprintf(channel, sizeof(channel), "{g}:wake:%s", link->valkey->id);
    ff_resp_head(&link->out, 2);
    ff_resp_text(&link->out, "SUBSCRIBE");
    ff_vk_key_text(link->valkey, &link->out, channel);
    ff_vk_expect(link, on_subscribed, 0);
}

void
ff_vk_greet(struct link *link)
{
    char digits[12];

    log_in(link, link->ears ? on_ears_step : on_step);
    if (link->ears) {
        subscribe(link);
        return;
    }
    snprintf(digits, sizeof(digits), "%u", link->valkey->options.db);
    ff_resp_words(&link->out, "SELECT", digits, NULL);
    ff_vk_expect(link, on_step, GREET_SELECT);
    ff_resp_words(&link->out, "INFO", NULL);
    ff_vk_expect(link, on_info, GREET_INFO);
    ff_resp_words(&link->out, "CONFIG", "GET", "appendfsync", NULL);
    ff_vk_expect(link, on_appendfsync, 0);
    set_mark(link);
}
