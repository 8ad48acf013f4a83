#include "backends/valkey/lists.h"

/* Words of one list: the server's language hands over no more than 8000 at a time. */
#define WORDS_MAX 4000
/* Bytes after which a list ends. */
#define LIST_BYTES 65536

void
ff_vk_list_word(struct waiting_commit *waiting, struct ff_str a, struct ff_str b)
{
    uint32_t n = a.n + b.n;
    char *p = ff_resp_room(&waiting->list, (size_t) n + 5);
    uint32_t at = 1;

    if (n < 32) {
        p[0] = (char) (0xa0 | n);
    } else {
        p[0] = (char) 0xdb;
        for (; at < 5; at++) {
            p[at] = (char) (n >> 8 * (4 - at));
        }
    }
    if (a.n > 0) {
        memcpy(p + at, a.p, a.n);
    }
    if (b.n > 0) {
        memcpy(p + at + a.n, b.p, b.n);
    }
    waiting->list.n += at + n;
    waiting->n_words++;
}

void
ff_vk_list_number(struct waiting_commit *waiting, uint64_t value)
{
    char digits[20];

    ff_vk_list_text(waiting, ff_str(digits, ff_resp_digits(digits, value)));
}

void
ff_vk_list_key(struct valkey *valkey, const struct ff_valkey_name *name)
{
    ff_vk_list_word(valkey->making, valkey->options.prefix, ff_str(name->b, name->n));
}

void
ff_vk_list_plain_key(struct valkey *valkey, const char *name)
{
    ff_vk_list_word(valkey->making, valkey->options.prefix, ff_cstr(name));
}

void
ff_vk_list_begin(struct waiting_commit *waiting, const char *verb)
{
    waiting->list.n = 5; /* the head: how many words follow */
    (void) ff_resp_room(&waiting->list, 0);
    waiting->n_words = 0;
    ff_vk_list_text(waiting, ff_cstr(verb));
}

void
ff_vk_list_finish(struct waiting_commit *waiting)
{
    char *head = waiting->list.p;

    head[0] = (char) 0xdd;
    for (int i = 1; i < 5; i++) {
        head[i] = (char) (waiting->n_words >> 8 * (4 - i));
    }
    ff_resp_raw(&waiting->lists, waiting->list.p, waiting->list.n);
}

bool
ff_vk_list_is_full(const struct waiting_commit *waiting)
{
    return waiting->n_words >= WORDS_MAX || waiting->list.n >= LIST_BYTES;
}

bool
ff_vk_list_goes_on(struct waiting_commit *waiting)
{
    bool full = ff_vk_list_is_full(waiting);

    if (full) {
        ff_vk_list_finish(waiting);
    }
    return !full;
}
