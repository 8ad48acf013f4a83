#include "backends/valkey/ask.h"

#include <stdio.h>

struct asking {
    bool done, ok;
    uint64_t number; /* of the last answer that has one */
};

static void
on_answer(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    struct asking *asking = valkey->asking;
    const redisReply *of = reply;

    (void) tag;
    if (asking == NULL) {
        return;
    }
    asking->done = true;
    valkey->delivered = true;
    asking->ok = reply->type == REDIS_REPLY_ARRAY;
    for (size_t i = 0; asking->ok && i < reply->elements; i++) {
        of = reply->element[i];
        asking->ok = of->type != REDIS_REPLY_ERROR;
        asking->number = ff_reply_u64(of);
    }
    if (!asking->ok) {
        snprintf(valkey->why_text, sizeof(valkey->why_text), "%s",
                 of->type == REDIS_REPLY_ERROR ? of->str : "unexpected answer");
    }
}

void
ff_vk_ask_begin(struct valkey *valkey)
{
    ff_resp_words(&valkey->main.out, "MULTI", NULL);
    ff_vk_expect(&valkey->main, NULL, 0);
}

struct ff_resp *
ff_vk_ask_command(struct valkey *valkey, const char *name, const char *key, uint32_t n_words)
{
    struct ff_resp *out = &valkey->main.out;

    ff_resp_head(out, 2 + n_words);
    ff_resp_text(out, name);
    ff_vk_key_text(valkey, out, key);
    ff_vk_expect(&valkey->main, NULL, 0);
    return out;
}

ff_err
ff_vk_ask(struct valkey *valkey, uint64_t *number, struct ff_fault *fault)
{
    struct asking asking = { .done = false };

    ff_resp_words(&valkey->main.out, "EXEC", NULL);
    ff_vk_expect(&valkey->main, on_answer, 0);
    valkey->asking = &asking;
    ff_vk_flush(&valkey->main);
    while (!asking.done && valkey->main.state == LINK_READY) {
        ff_vk_wait(valkey);
    }
    valkey->asking = NULL;
    *number = asking.number;
    if (!asking.ok) {
        ff_vk_fail(valkey, fault, valkey->why_text);
        return fault->code;
    }
    return FF_E_OK;
}
