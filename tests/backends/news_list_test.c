/* What one broker tells another: as it was said, or "anything", which is not "we lost touch". */
#include "backends/news.h"
#include "tests/rows.h"

struct heard {
    uint32_t calls, any, lost;
    uint64_t n;
};

static void
hear(void *ctx, const struct ff_news *news)
{
    struct heard *heard = ctx;

    heard->calls++;
    heard->lost += news == NULL;
    heard->any += news != NULL && news->topic.n == 0;
    heard->n += news == NULL ? 0 : news->n;
}

/* Of so many topics, each said twice. */
static struct heard
pass_on(uint32_t topics)
{
    static const struct ff_uuid here = { .b = { 1 } }, there = { .b = { 2 } };
    struct heard heard = { .calls = 0 };
    const struct ff_store_host host = { .news = hear, .ctx = &heard };
    static struct ff_news_list list, read;
    char text[FF_NEWS_TEXT_MAX];
    size_t n = 0;

    list = read = (struct ff_news_list){ .n = 0 };
    for (uint32_t i = 0; i < 2 * topics; i++) {
        const struct ff_news news = {
            .topic = { .n = 3, .b = { 'x', (uint8_t) (i % topics), (uint8_t) (i % topics >> 8) } },
            .n = 1
        };
        const struct ff_commit commit = { .news = &news, .n_news = 1 };

        ff_news_add(&list, &commit);
    }
    n = ff_news_text(&list, &here, text);
    assert_false(ff_news_read(ff_str(text, n), &here, &read)); /* its own */
    assert_true(ff_news_read(ff_str(text, n), &there, &read));
    ff_news_tell(&read, &host);
    return heard;
}

static void
test_a_few_are_told_apart(void **state)
{
    struct heard heard = pass_on(5);

    (void) state;
    assert_int_equal(heard.calls, 5);
    assert_int_equal(heard.n, 10);
    assert_int_equal(heard.any + heard.lost, 0);
}

static void
test_too_many_are_anything_and_nothing_is_lost(void **state)
{
    struct heard heard = pass_on(1000);

    (void) state;
    assert_int_equal(heard.calls, 1);
    assert_int_equal(heard.any, 1);
    assert_int_equal(heard.lost, 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_few_are_told_apart),
        cmocka_unit_test(test_too_many_are_anything_and_nothing_is_lost),
    };

    return cmocka_run_group_tests_name("news_list", tests, NULL, NULL);
}
