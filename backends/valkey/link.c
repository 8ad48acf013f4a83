#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/valkey/valkey_int.h"

#define READ_BYTES (64u << 10)
/* Pauses between attempts to connect, doubling from the first to the last. */
#define RETRY_MIN_MS 20
#define RETRY_MAX_MS 2000

/* ---- life ---- */

void
ff_vk_link_init(struct link *link, struct valkey *valkey, bool ears)
{
    link->valkey = valkey;
    link->ears = ears;
    link->reader = NULL;
    link->state = LINK_DOWN;
}

static void
disconnect(struct link *link)
{
    if (link->context != NULL) {
        redisFree(link->context); /* closes the socket, which leaves the epoll set */
        link->context = NULL;
    }
    if (link->reader != NULL) {
        redisReaderFree(link->reader);
        link->reader = NULL;
    }
    ff_arena_done(&link->replies);
    link->out.n = link->out.sent = 0;
    link->first = link->n = 0;
    link->events = 0;
    link->state = LINK_DOWN;
}

void
ff_vk_link_done(struct link *link)
{
    disconnect(link);
    ff_resp_done(&link->out);
    free(link->expected);
}

void
ff_vk_drop(struct link *link, const char *why, ...)
{
    struct valkey *valkey = link->valkey;
    uint32_t pause_ms = RETRY_MIN_MS;
    va_list list;

    if (!link->ears) {
        va_start(list, why);
        vsnprintf(valkey->why_text, sizeof(valkey->why_text), why, list);
        va_end(list);
    }
    disconnect(link);
    for (uint32_t i = 0; i < link->failures && pause_ms < RETRY_MAX_MS; i++) {
        pause_ms *= 2;
    }
    link->failures++;
    link->since_ms = ff_mono_ms();
    link->retry_at_ms = link->since_ms + pause_ms;
    if (!link->ears) {
        ff_vk_loads_lost(valkey);
        ff_vk_commit_lost(valkey);
    }
    ff_vk_arm(valkey);
}

static void
watch(struct link *link, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = link };

    if (link->events != events) {
        FF_ASSERT(epoll_ctl(link->valkey->epoll, link->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
                            link->context->fd, &event) == 0);
        link->events = events;
    }
}

void
ff_vk_connect(struct link *link)
{
    const struct ff_valkey_options *options = &link->valkey->options;

    link->context = options->host.p == NULL ? redisConnectUnixNonBlock(options->path.p)
                                            : redisConnectNonBlock(options->host.p, options->port);
    if (link->context == NULL || link->context->err != 0) {
        ff_vk_drop(link, "cannot connect: %s",
                   link->context == NULL ? "no memory" : link->context->errstr);
        return;
    }
    link->reader = ff_resp_reader(&link->replies);
    link->state = LINK_CONNECTING;
    link->since_ms = ff_mono_ms();
    watch(link, EPOLLOUT);
    ff_vk_arm(link->valkey);
}

/* ---- out ---- */

void
ff_vk_expect(struct link *link, answer_fn *answer, uint64_t tag)
{
    if (link->first == link->n) {
        link->first = link->n = 0;
        link->since_ms = ff_mono_ms();
    }
    link->expected = ff_grow(link->expected, &link->room, link->n, sizeof(*link->expected));
    link->expected[link->n++] = (struct expected){ .answer = answer, .tag = tag };
}

void
ff_vk_flush(struct link *link)
{
    struct ff_resp *out = &link->out;

    if (link->state < LINK_GREETING) {
        return;
    }
    while (out->sent < out->n) {
        ssize_t n = send(link->context->fd, out->p + out->sent, out->n - out->sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno != EAGAIN) {
            ff_vk_drop(link, "connection lost: %s", strerror(errno));
            return;
        }
        if (n < 0) {
            break;
        }
        out->sent += (size_t) n;
        link->since_ms = ff_mono_ms();
    }
    if (!link->ears) {
        ff_vk_commit_left(link->valkey, out->sent, out->sent == out->n);
    }
    if (out->sent == out->n) {
        out->n = out->sent = 0;
        if (out->room > READ_BYTES * 64) { /* once in a while a batch is very large */
            ff_resp_done(out);
        }
    }
    watch(link, out->n > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

bool
ff_vk_is_open(struct link *link)
{
    char byte;
    ssize_t n = recv(link->context->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        ff_vk_drop(link, "connection lost: %s", n == 0 ? "closed by the server" : strerror(errno));
        return false;
    }
    return true;
}

/* ---- in ---- */

static bool
is_message(const struct link *link, const redisReply *reply)
{
    return link->ears && link->state == LINK_READY && reply->type == REDIS_REPLY_ARRAY &&
           link->first == link->n;
}

static void
take_reply(struct link *link, const redisReply *reply)
{
    struct expected expected;

    link->since_ms = ff_mono_ms();
    if (is_message(link, reply)) {
        ff_vk_hear(link->valkey, reply);
        return;
    }
    if (link->first == link->n) {
        ff_vk_drop(link, "the server says what it was not asked: %s",
                   ff_reply_is_text(reply) || reply->type == REDIS_REPLY_ERROR ? reply->str : "");
        return;
    }
    expected = link->expected[link->first++];
    if (expected.answer != NULL) {
        expected.answer(link->valkey, reply, expected.tag);
    }
}

/* Takes whole replies until there is none, or the link was dropped by one. */
static void
take_replies(struct link *link)
{
    redisReader *reader = link->reader;
    void *reply = NULL;

    while (link->reader == reader && link->state != LINK_DOWN) {
        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            ff_vk_drop(link, "the server does not speak the protocol: %s", reader->errstr);
            return;
        }
        if (reply == NULL) {
            return;
        }
        take_reply(link, reply);
        if (link->reader == reader) {
            ff_arena_reset(&link->replies);
        }
    }
}

static void
receive(struct link *link)
{
    static char bytes[READ_BYTES]; /* one thread */

    for (;;) {
        ssize_t n = recv(link->context->fd, bytes, sizeof(bytes), 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            ff_vk_drop(link, "connection lost: %s",
                       n == 0 ? "closed by the server" : strerror(errno));
            return;
        }
        link->since_ms = ff_mono_ms(); /* a large reply takes its time */
        FF_ASSERT(redisReaderFeed(link->reader, bytes, (size_t) n) == REDIS_OK);
        take_replies(link);
        if (link->state == LINK_DOWN || (size_t) n < sizeof(bytes)) {
            return;
        }
    }
}

static void
connected(struct link *link)
{
    int error = 0;
    socklen_t size = sizeof(error);

    FF_ASSERT(getsockopt(link->context->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
    if (error != 0) {
        ff_vk_drop(link, "cannot connect: %s", strerror(error));
        return;
    }
    link->state = LINK_GREETING;
    link->since_ms = ff_mono_ms();
    ff_vk_greet(link);
    ff_vk_flush(link);
}

void
ff_vk_link_event(struct link *link, uint32_t events)
{
    if (link->state == LINK_DOWN) {
        return; /* dropped by what came before it */
    }
    if (link->state == LINK_CONNECTING) {
        connected(link);
        return;
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        receive(link);
    }
    if (link->state >= LINK_GREETING) {
        ff_vk_flush(link);
    }
}
