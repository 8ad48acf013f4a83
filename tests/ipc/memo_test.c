#include "ipc/hash.h" /* before anything that includes uthash */

#include "ipc/memo.h"

#include "tests/rows.h"

static int a_frame;

static struct ff_memo_key
key_of(uint8_t client, uint64_t seq)
{
    return (struct ff_memo_key){ .client = { { client } }, .seq = seq };
}

static struct ff_memo *
find(struct ff_memos *memos, uint8_t client, uint64_t seq)
{
    struct ff_memo_key key = key_of(client, seq);

    return ff_memos_find(memos, &key);
}

static struct ff_memo *
begin(struct ff_memos *memos, uint8_t client, uint64_t seq)
{
    struct ff_memo_key key = key_of(client, seq);

    return ff_memos_begin(memos, &key, &a_frame);
}

static void
add(struct ff_memos *memos, uint8_t client, uint64_t seq, struct ff_str reply)
{
    ff_memos_finish(memos, begin(memos, client, seq), reply, (int64_t) seq);
}

static void
test_a_reply_is_remembered_by_client_and_seq(void **state)
{
    struct ff_memos memos;
    struct ff_memo *memo = NULL;

    (void) state;
    ff_memos_init(&memos, 1 << 20);
    memo = begin(&memos, 1, 7);
    assert_ptr_equal(find(&memos, 1, 7), memo);
    assert_ptr_equal(memo->running, &a_frame);
    ff_memos_finish(&memos, memo, ff_cstr("done"), 0);
    assert_null(memo->running);
    assert_memory_equal(find(&memos, 1, 7)->reply, "done", 4);
    assert_null(find(&memos, 2, 7));
    assert_null(find(&memos, 1, 8));
    ff_memos_done(&memos);
}

static void
test_the_65th_frame_of_a_client_drops_its_oldest(void **state)
{
    struct ff_memos memos;

    (void) state;
    ff_memos_init(&memos, 1 << 20);
    add(&memos, 2, 1, ff_cstr("other"));
    for (uint64_t seq = 1; seq <= 65; seq++) {
        add(&memos, 1, seq, ff_cstr("x"));
    }
    assert_null(find(&memos, 1, 1));
    assert_non_null(find(&memos, 1, 2));
    assert_non_null(find(&memos, 1, 65));
    assert_non_null(find(&memos, 2, 1));
    ff_memos_done(&memos);
}

static void
test_a_running_frame_is_not_dropped(void **state)
{
    struct ff_memos memos;

    (void) state;
    ff_memos_init(&memos, 1 << 20);
    begin(&memos, 1, 1);
    for (uint64_t seq = 2; seq <= 70; seq++) {
        add(&memos, 1, seq, ff_cstr("x"));
    }
    assert_non_null(find(&memos, 1, 1));
    assert_null(find(&memos, 1, 7));
    assert_non_null(find(&memos, 1, 8));
    assert_int_equal(ff_memos_expire(&memos, INT64_MAX / 2), -1);
    assert_non_null(find(&memos, 1, 1));
    ff_memos_done(&memos);
}

static void
test_the_oldest_of_all_go_beyond_the_bytes(void **state)
{
    char big[1000] = { 0 };
    struct ff_memos memos;
    uint64_t seq = 1;

    (void) state;
    ff_memos_init(&memos, 10000);
    while (find(&memos, 1, 1) != NULL || seq == 1) {
        add(&memos, 1, seq, ff_str(big, sizeof(big)));
        seq++;
        assert_in_range(memos.bytes, 1, 10000);
        assert_in_range(seq, 1, 12);
    }
    assert_in_range(seq, 7, 12); /* several fit */
    add(&memos, 1, 100, ff_str(big, sizeof(big)));
    assert_non_null(find(&memos, 1, 100));
    ff_memos_done(&memos);
}

static void
test_a_reply_larger_than_all_room_is_not_kept(void **state)
{
    char big[1000] = { 0 };
    struct ff_memos memos;

    (void) state;
    ff_memos_init(&memos, 900);
    add(&memos, 1, 1, ff_str(big, sizeof(big)));
    assert_null(find(&memos, 1, 1));
    assert_int_equal(memos.bytes, 0);
    assert_null(memos.clients);
    ff_memos_done(&memos);
}

static void
test_a_reply_is_forgotten_after_a_minute(void **state)
{
    struct ff_memos memos;

    (void) state;
    ff_memos_init(&memos, 1 << 20);
    add(&memos, 1, 1000, ff_cstr("x")); /* at 1000 */
    add(&memos, 1, 3000, ff_cstr("y"));
    assert_int_equal(ff_memos_expire(&memos, 60999), 1);
    assert_int_equal(ff_memos_expire(&memos, 61000), 2000);
    assert_null(find(&memos, 1, 1000));
    assert_non_null(find(&memos, 1, 3000));
    assert_int_equal(ff_memos_expire(&memos, 63000), -1);
    assert_int_equal(memos.bytes, 0);
    ff_memos_done(&memos);
}

static void
test_a_forgotten_frame_may_come_again(void **state)
{
    struct ff_memos memos;

    (void) state;
    ff_memos_init(&memos, 1 << 20);
    ff_memos_forget(&memos, begin(&memos, 1, 1));
    assert_null(find(&memos, 1, 1));
    assert_null(memos.clients);
    add(&memos, 1, 1, ff_cstr("x"));
    assert_non_null(find(&memos, 1, 1));
    ff_memos_done(&memos);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reply_is_remembered_by_client_and_seq),
        cmocka_unit_test(test_the_65th_frame_of_a_client_drops_its_oldest),
        cmocka_unit_test(test_a_running_frame_is_not_dropped),
        cmocka_unit_test(test_the_oldest_of_all_go_beyond_the_bytes),
        cmocka_unit_test(test_a_reply_larger_than_all_room_is_not_kept),
        cmocka_unit_test(test_a_reply_is_forgotten_after_a_minute),
        cmocka_unit_test(test_a_forgotten_frame_may_come_again),
    };

    return cmocka_run_group_tests_name("memo", tests, NULL, NULL);
}
