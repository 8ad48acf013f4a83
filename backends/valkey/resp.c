#include "backends/valkey/resp.h"

#include <stdarg.h>
#include <stdlib.h>

/* ---- out ---- */

void
ff_resp_done(struct ff_resp *out)
{
    free(out->p);
    *out = (struct ff_resp){ 0 };
}

char *
ff_resp_room(struct ff_resp *out, size_t n)
{
    if (out->n + n > out->room) {
        out->room = (out->n + n) * 2 > 4096 ? (out->n + n) * 2 : 4096;
        out->p = realloc(out->p, out->room);
        FF_ASSERT(out->p != NULL);
    }
    return out->p + out->n;
}

void
ff_resp_raw(struct ff_resp *out, const char *bytes, size_t n)
{
    memcpy(ff_resp_room(out, n + 1), bytes, n);
    out->n += n;
}

uint32_t
ff_resp_digits(char *room, uint64_t value)
{
    char digits[20];
    uint32_t n = 0;

    do {
        digits[n++] = (char) ('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (uint32_t i = 0; i < n; i++) {
        room[i] = digits[n - 1 - i];
    }
    return n;
}

static void
head(struct ff_resp *out, char mark, uint64_t n)
{
    char *p = ff_resp_room(out, 24);
    uint32_t at = 0;

    p[at++] = mark;
    at += ff_resp_digits(p + at, n);
    p[at++] = '\r';
    p[at++] = '\n';
    out->n += at;
}

void
ff_resp_head(struct ff_resp *out, uint32_t n_args)
{
    head(out, '*', n_args);
}

void
ff_resp_pair(struct ff_resp *out, struct ff_str a, struct ff_str b)
{
    char *p = NULL;

    head(out, '$', (uint64_t) a.n + b.n);
    p = ff_resp_room(out, (size_t) a.n + b.n + 2);
    if (a.n > 0) {
        memcpy(p, a.p, a.n);
    }
    if (b.n > 0) {
        memcpy(p + a.n, b.p, b.n);
    }
    memcpy(p + a.n + b.n, "\r\n", 2);
    out->n += (size_t) a.n + b.n + 2;
}

void
ff_resp_arg(struct ff_resp *out, struct ff_str arg)
{
    ff_resp_pair(out, arg, ff_str(NULL, 0));
}

void
ff_resp_u64(struct ff_resp *out, uint64_t value)
{
    char digits[20];
    uint32_t n = ff_resp_digits(digits, value);

    ff_resp_arg(out, ff_str(digits, n));
}

void
ff_resp_i64(struct ff_resp *out, int64_t value)
{
    char digits[21] = "-";
    uint64_t size = value < 0 ? -(uint64_t) value : (uint64_t) value;
    uint32_t n = ff_resp_digits(digits + (value < 0), size);

    ff_resp_arg(out, ff_str(digits, n + (value < 0)));
}

void
ff_resp_words(struct ff_resp *out, const char *word, ...)
{
    va_list list, count;
    uint32_t n = 1;

    va_start(list, word);
    va_copy(count, list);
    while (va_arg(count, const char *) != NULL) {
        n++;
    }
    va_end(count);
    ff_resp_head(out, n);
    for (; word != NULL; word = va_arg(list, const char *)) {
        ff_resp_text(out, word);
    }
    va_end(list);
}

/* ---- in ---- */

static redisReply *
reply_new(const redisReadTask *task)
{
    struct ff_arena *arena = task->privdata;
    redisReply *reply = ff_arena_zalloc(arena, sizeof(*reply));

    reply->type = task->type;
    if (task->parent != NULL) {
        ((redisReply *) task->parent->obj)->element[task->idx] = reply;
    }
    return reply;
}

static void *
new_string(const redisReadTask *task, char *text, size_t n)
{
    redisReply *reply = reply_new(task);

    reply->str = ff_arena_alloc(task->privdata, n + 1);
    memcpy(reply->str, text, n);
    reply->str[n] = '\0';
    reply->len = n;
    return reply;
}

static void *
new_array(const redisReadTask *task, int n)
{
    redisReply *reply = reply_new(task);

    if (n > 0) {
        reply->element = ff_arena_zalloc(task->privdata, (size_t) n * sizeof(redisReply *));
    }
    reply->elements = n > 0 ? (size_t) n : 0;
    return reply;
}

static void *
new_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = reply_new(task);

    reply->integer = value;
    return reply;
}

static void *
new_nil(const redisReadTask *task)
{
    redisReply *reply = reply_new(task);

    reply->type = REDIS_REPLY_NIL; /* the task's is what might have come */
    return reply;
}

static void
free_nothing(void *reply)
{
    (void) reply; /* the arena's */
}

static redisReplyObjectFunctions in_arena = {
    .createString = new_string,
    .createArray = new_array,
    .createInteger = new_integer,
    .createNil = new_nil,
    .freeObject = free_nothing,
};

redisReader *
ff_resp_reader(struct ff_arena *arena)
{
    redisReader *reader = redisReaderCreateWithFunctions(&in_arena);

    FF_ASSERT(reader != NULL);
    reader->privdata = arena;
    reader->maxbuf = 1u << 20;
    return reader;
}

bool
ff_reply_fails(const redisReply *reply, const char *with)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, with, strlen(with)) == 0;
}

uint64_t
ff_reply_u64(const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER) {
        return reply->integer < 0 ? 0 : (uint64_t) reply->integer;
    }
    return ff_reply_is_text(reply) ? strtoull(reply->str, NULL, 10) : 0;
}
