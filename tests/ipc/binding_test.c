#include "ipc/hash.h" /* before anything that includes uthash */

#include "ipc/binding.h"

#include "tests/rows.h"

#define GRACE_MS 1000

static struct ff_str none;

/* The name of the worker lost by now, "" if none is. */
static const char *
lost(struct ff_bindings *bindings, int64_t now_ms, int64_t *wait_ms)
{
    static char name[FF_WID_BYTES_MAX + 1];
    struct ff_binding *binding = ff_bindings_take_lost(bindings, now_ms, wait_ms);

    memset(name, 0, sizeof(name));
    if (binding != NULL) {
        memcpy(name, binding->instance, binding->instance_n);
        free(binding);
    }
    return name;
}

static void
test_a_worker_is_lost_a_grace_after_its_last_channel(void **state)
{
    struct ff_bindings b;
    struct ff_binding *w = NULL;
    int64_t wait_ms = 0;

    (void) state;
    ff_bindings_init(&b, GRACE_MS, 10);
    w = ff_bindings_bind(&b, ff_cstr("w-1"), ff_cstr("ns"));
    assert_ptr_equal(ff_bindings_bind(&b, ff_cstr("w-1"), none), w);
    ff_bindings_release(&b, w, 100);
    assert_string_equal(lost(&b, 100000, &wait_ms), "");
    assert_int_equal(wait_ms, -1);
    ff_bindings_release(&b, w, 200);
    assert_string_equal(lost(&b, 1199, &wait_ms), "");
    assert_int_equal(wait_ms, 1);
    assert_memory_equal(w->namespace, "ns", 2);
    assert_string_equal(lost(&b, 1200, &wait_ms), "w-1");
    assert_string_equal(lost(&b, 1200, &wait_ms), "");
    assert_int_equal(wait_ms, -1);
    ff_bindings_done(&b);
}

static void
test_a_worker_that_comes_back_in_time_is_not_lost(void **state)
{
    struct ff_bindings b;
    struct ff_binding *w = NULL;
    int64_t wait_ms = 0;

    (void) state;
    ff_bindings_init(&b, GRACE_MS, 10);
    w = ff_bindings_bind(&b, ff_cstr("w-1"), ff_cstr("ns"));
    assert_null(ff_bindings_fading(&b, ff_cstr("w-1")));
    ff_bindings_release(&b, w, 0);
    assert_ptr_equal(ff_bindings_fading(&b, ff_cstr("w-1")), w);
    assert_null(ff_bindings_fading(&b, ff_cstr("w-2")));
    assert_ptr_equal(ff_bindings_bind(&b, ff_cstr("w-1"), none), w);
    assert_int_equal(w->namespace_n, 2);
    assert_string_equal(lost(&b, 5000, &wait_ms), "");
    assert_int_equal(wait_ms, -1);
    ff_bindings_done(&b);
}

static void
test_the_workers_are_lost_in_the_order_they_went(void **state)
{
    struct ff_bindings b;
    struct ff_binding *first = NULL;
    struct ff_binding *second = NULL;
    int64_t wait_ms = 0;

    (void) state;
    ff_bindings_init(&b, GRACE_MS, 10);
    second = ff_bindings_bind(&b, ff_cstr("w-2"), none);
    first = ff_bindings_bind(&b, ff_cstr("w-1"), none);
    ff_bindings_release(&b, first, 0);
    ff_bindings_release(&b, second, 10);
    assert_string_equal(lost(&b, 1000, &wait_ms), "w-1");
    assert_string_equal(lost(&b, 1000, &wait_ms), "");
    assert_int_equal(wait_ms, 10);
    assert_string_equal(lost(&b, 1010, &wait_ms), "w-2");
    ff_bindings_done(&b);
}

static void
test_no_more_than_the_bound_are_waited_for(void **state)
{
    struct ff_bindings b;
    int64_t wait_ms = 0;

    (void) state;
    ff_bindings_init(&b, GRACE_MS, 2);
    for (char c = 'a'; c <= 'c'; c++) {
        ff_bindings_release(&b, ff_bindings_bind(&b, ff_str(&c, 1), none), 0);
    }
    assert_string_equal(lost(&b, 0, &wait_ms), "a");
    assert_string_equal(lost(&b, 0, &wait_ms), "");
    assert_int_equal(b.fading_n, 2);
    ff_bindings_done(&b);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_worker_is_lost_a_grace_after_its_last_channel),
        cmocka_unit_test(test_a_worker_that_comes_back_in_time_is_not_lost),
        cmocka_unit_test(test_the_workers_are_lost_in_the_order_they_went),
        cmocka_unit_test(test_no_more_than_the_bound_are_waited_for),
    };

    return cmocka_run_group_tests_name("binding", tests, NULL, NULL);
}
