#include "backends/valkey/valkey.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "backends/valkey/valkey_int.h"

/* A connection that is not ready by then is given up. */
#define GREETING_MAX_MS 5000
#define EVENTS_MAX 4

static struct valkey *
of(struct ff_store *store)
{
    return (struct valkey *) store;
}

void
ff_vk_key(struct valkey *valkey, struct ff_resp *out, struct ff_str name)
{
    ff_resp_pair(out, valkey->options.prefix, name);
}

/* ---- faults ---- */

/* What Redis 7.0, and what later servers say where a function meets what the user may not do. */
static bool
lacks_a_right(const char *what)
{
    return strstr(what, "can't run this command") != NULL ||
           strstr(what, "ACL failure in script") != NULL;
}

static bool
is_refusal(const char *what)
{
    return strncmp(what, "OOM", 3) == 0 || strncmp(what, "MISCONF", 7) == 0 ||
           strncmp(what, "READONLY", 8) == 0 || strncmp(what, "NOPERM", 6) == 0 ||
           strncmp(what, "NOREPLICAS", 10) == 0 || lacks_a_right(what);
}

void
ff_vk_fail(struct valkey *valkey, struct ff_fault *fault, const char *what)
{
    static char text[320]; /* outlives a store that could not be prepared */
    const char *hint = "";

    if (strncmp(what, "OOM", 3) == 0) {
        hint = "; the server is full: raise maxmemory, or let retention purge";
    } else if (strncmp(what, "MISCONF", 7) == 0) {
        hint = "; the server cannot write its files";
    } else if (strncmp(what, "NOREPLICAS", 10) == 0) {
        hint = "; attach replicas, or lower its min-replicas-to-write";
    } else if (lacks_a_right(what)) {
        hint = "; its user lacks a command, perhaps RESTORE: see docs/deployment.md";
    }
    snprintf(text, sizeof(text), "%s%s%s", is_refusal(what) ? "the server refuses to write: " : "",
             what, hint);
    ff_fail_transport(fault, valkey->store.ops->label, "transport", text);
}

/* ---- time ---- */

static void
earlier(int64_t *due_ms, int64_t at_ms)
{
    *due_ms = at_ms < *due_ms ? at_ms : *due_ms;
}

/* The server works on one request at a time: a megabyte of a commit is given a second. */
static int64_t
answer_max_ms(const struct valkey *valkey)
{
    int64_t max_ms = valkey->options.answer_max_ms;

    for (uint32_t i = 0; i < FF_COMMITS_MAX; i++) {
        max_ms += valkey->commits[i].sent ? (int64_t) (valkey->commits[i].args.n / 1000) : 0;
    }
    return max_ms;
}

int64_t
ff_vk_commit_until_ms(struct valkey *valkey)
{
    const struct waiting_commit *first = ff_vk_commit_first(valkey);

    return first->since_ms + (first->sent ? valkey->options.outcome_wait_ms + answer_max_ms(valkey)
                                          : valkey->options.patience_ms);
}

static void
link_due(const struct valkey *valkey, const struct link *link, int64_t *due_ms)
{
    switch (link->state) {
    case LINK_DOWN:
        earlier(due_ms, link->retry_at_ms);
        break;
    case LINK_CONNECTING:
    case LINK_GREETING:
        earlier(due_ms, link->since_ms + GREETING_MAX_MS);
        break;
    case LINK_READY:
        if (link->first < link->n) {
            earlier(due_ms, link->since_ms + answer_max_ms(valkey));
        }
        break;
    }
}

void
ff_vk_arm(struct valkey *valkey)
{
    int64_t due_ms = INT64_MAX;
    struct itimerspec at = { .it_value = { 0, 1 } };

    link_due(valkey, &valkey->main, &due_ms);
    if (valkey->counts.flow > 0) {
        link_due(valkey, &valkey->ears, &due_ms);
    }
    if (valkey->main.state == LINK_READY) {
        earlier(&due_ms, valkey->beat_at_ms);
    } else {
        for (uint32_t i = 0; i < valkey->n_loads; i++) {
            earlier(&due_ms, valkey->loads[i].since_ms + valkey->options.patience_ms);
        }
        if (valkey->n_commits > 0) {
            earlier(&due_ms, ff_vk_commit_until_ms(valkey));
        }
    }
    if (due_ms > 0) {
        at.it_value.tv_sec = due_ms / 1000;
        at.it_value.tv_nsec = due_ms % 1000 * 1000000;
    }
    FF_ASSERT(timerfd_settime(valkey->timer, TFD_TIMER_ABSTIME, &at, NULL) == 0);
}

static void
link_tick(struct link *link, int64_t now_ms)
{
    switch (link->state) {
    case LINK_DOWN:
        if (link->retry_at_ms <= now_ms) {
            ff_vk_connect(link);
        }
        break;
    case LINK_CONNECTING:
    case LINK_GREETING:
        if (link->since_ms + GREETING_MAX_MS <= now_ms) {
            ff_vk_drop(link, "the server does not answer");
        }
        break;
    case LINK_READY:
        if (link->first < link->n && link->since_ms + answer_max_ms(link->valkey) <= now_ms) {
            ff_vk_drop(link, "no answer for %lld ms", (long long) answer_max_ms(link->valkey));
        }
        break;
    }
}

static void
tick(struct valkey *valkey)
{
    int64_t now_ms = ff_mono_ms();

    link_tick(&valkey->main, now_ms);
    if (valkey->counts.flow > 0) {
        link_tick(&valkey->ears, now_ms);
    }
    if (valkey->main.state == LINK_READY && valkey->beat_at_ms <= now_ms && !valkey->leaving) {
        ff_vk_beat(valkey);
    }
    if (valkey->main.state != LINK_READY) {
        ff_vk_loads_expire(valkey, now_ms);
        ff_vk_commit_expire(valkey, now_ms);
    }
    ff_vk_arm(valkey);
}

/* ---- polling ---- */

static void
handle(struct valkey *valkey, const struct epoll_event *event)
{
    uint64_t fired = 0;

    if (event->data.ptr != NULL) {
        ff_vk_link_event(event->data.ptr, event->events);
    } else if (read(valkey->timer, &fired, sizeof(fired)) == sizeof(fired)) {
        tick(valkey);
    }
}

static void
turn(struct valkey *valkey, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(valkey->epoll, events, EVENTS_MAX, timeout_ms);

    for (int i = 0; i < n; i++) {
        handle(valkey, &events[i]);
    }
}

void
ff_vk_wait(struct valkey *valkey)
{
    ff_vk_arm(valkey);
    turn(valkey, -1);
}

static void
valkey_poll(struct ff_store *store, bool wait)
{
    struct valkey *valkey = of(store);

    valkey->delivered = false;
    turn(valkey, 0);
    while (wait && !valkey->delivered && (valkey->n_loads > 0 || valkey->n_commits > 0)) {
        turn(valkey, -1);
    }
}

static int
valkey_fd(const struct ff_store *store)
{
    return ((const struct valkey *) store)->epoll;
}

/* ---- what a reply promises ---- */

static const char *
promise_of(const struct server *server)
{
    if (!server->aof) {
        return "appendonly no: a server that ends may lose all since its last snapshot";
    }
    if (strcmp(server->appendfsync, "always") == 0) {
        return "appendfsync always: nothing is lost";
    }
    if (strcmp(server->appendfsync, "everysec") == 0) {
        return "appendfsync everysec: a power cut may lose the last two seconds";
    }
    return server->appendfsync[0] == '\0' ? "appendonly yes; the server does not tell appendfsync"
                                          : "appendfsync no: a power cut may lose half a minute";
}

static const char *
valkey_promise(const struct ff_store *store)
{
    static char text[160]; /* one thread */
    const struct valkey *valkey = (const struct valkey *) store;

    if (valkey->options.replicas == 0) {
        return promise_of(&valkey->server);
    }
    snprintf(text, sizeof(text), "%s; a reply waits for %u replicas", promise_of(&valkey->server),
             valkey->options.replicas);
    return text;
}

/* ---- life ---- */

static void
valkey_close(struct ff_store *store)
{
    struct valkey *valkey = of(store);

    while (valkey->n_commits > 0 || valkey->n_loads > 0) {
        valkey_poll(store, true);
    }
    ff_vk_leave(valkey);
    ff_vk_link_done(&valkey->main);
    ff_vk_link_done(&valkey->ears);
    ff_vk_commit_done(valkey);
    ff_arena_done(&valkey->scratch);
    ff_arena_done(&valkey->own);
    close(valkey->timer);
    close(valkey->epoll);
    free(valkey);
}

static int64_t
valkey_clock_ms(const struct ff_store *store)
{
    const struct ff_server_clock *clock = &((const struct valkey *) store)->clock;

    return clock->known ? ff_server_clock_ms(clock, ff_mono_us()) : 0;
}

static const struct ff_store_ops valkey_ops = {
    .label = "valkey",
    .handle_tag = 0x12,
    .exclusive = false,
    .immediate = false,
    .columns = true,
    .commits_max = 2,
    .prepare = ff_vk_prepare,
    .load = ff_vk_load,
    .commit = ff_vk_commit,
    .poll = valkey_poll,
    .fd = valkey_fd,
    .clock_ms = valkey_clock_ms,
    .promise = valkey_promise,
    .offline = &ff_vk_offline,
    .close = valkey_close,
};

/* Zero-terminated, as hiredis wants its names. */
static struct ff_str
keep(struct valkey *valkey, struct ff_str text, const char *behind)
{
    return text.p == NULL ? text
                          : ff_arena_printf(&valkey->own, "%.*s%s", (int) text.n, text.p, behind);
}

struct ff_store *
ff_valkey_open(const struct ff_valkey_options *options, const struct ff_store_host *host)
{
    struct valkey *valkey = calloc(1, sizeof(*valkey));
    struct epoll_event timer = { .events = EPOLLIN };

    FF_ASSERT(valkey != NULL && sodium_init() >= 0);
    valkey->ops = valkey_ops;
    if (options->replicas > 0) {
        valkey->ops.commits_max = 1;
    }
    valkey->store.ops = &valkey->ops;
    valkey->host = *host;
    valkey->options = *options;
    valkey->options.host = keep(valkey, options->host, "");
    valkey->options.path = keep(valkey, options->path, "");
    valkey->options.user = keep(valkey, options->user, "");
    valkey->options.password = keep(valkey, options->password, "");
    valkey->options.prefix = keep(valkey, options->prefix, ":");
    randombytes_buf(valkey->broker.b, sizeof(valkey->broker.b));
    sodium_bin2hex(valkey->id, sizeof(valkey->id), valkey->broker.b, sizeof(valkey->broker.b));
    valkey->epoll = epoll_create1(EPOLL_CLOEXEC);
    valkey->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    FF_ASSERT(valkey->epoll >= 0 && valkey->timer >= 0);
    FF_ASSERT(epoll_ctl(valkey->epoll, EPOLL_CTL_ADD, valkey->timer, &timer) == 0);
    ff_vk_link_init(&valkey->main, valkey, false);
    ff_vk_link_init(&valkey->ears, valkey, true);
    return &valkey->store;
}
