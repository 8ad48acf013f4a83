/* Who holds leases of this engine: known while one runs, and forgotten when there are many. */
#include <stdio.h>

#include "core/engine/lessees.h"
#include "tests/rows.h"

struct seen {
    char names[64];
    unsigned n;
};

static void
see(void *ctx, struct ff_str id)
{
    struct seen *seen = ctx;

    if (seen->n++ < 8) {
        size_t n = strlen(seen->names);

        snprintf(seen->names + n, sizeof(seen->names) - n, "%.*s ", (int) id.n, id.p);
    }
}

static struct seen
look(const struct ff_lessees *lessees, int64_t now_ms)
{
    struct seen seen = { .n = 0 };

    ff_lessees_each(lessees, now_ms, see, &seen);
    return seen;
}

static void
test_known_until_its_last_lease_has_run_out(void **state)
{
    struct ff_lessees lessees = { .n = 0 };

    (void) state;
    ff_lessees_note(&lessees, ff_cstr("b"), 100, 0);
    ff_lessees_note(&lessees, ff_cstr("a"), 50, 0);
    ff_lessees_note(&lessees, ff_cstr("b"), 70, 0); /* a second lease, that ends sooner */
    assert_string_equal(look(&lessees, 0).names, "a b ");
    assert_string_equal(look(&lessees, 50).names, "b ");
    assert_string_equal(look(&lessees, 100).names, "");
    ff_lessees_note(&lessees, ff_cstr("a"), 200, 100);
    assert_string_equal(look(&lessees, 100).names, "a ");
    ff_lessees_done(&lessees);
}

/* A worker process has an id of its own at each start: what is gone must not stay. */
static void
test_at_most_twice_as_many_as_run(void **state)
{
    struct ff_lessees lessees = { .n = 0 };
    char name[16];

    (void) state;
    for (int64_t now_ms = 0; now_ms < 100000; now_ms++) { /* 100 run at any time */
        snprintf(name, sizeof(name), "w%lld", (long long) now_ms);
        ff_lessees_note(&lessees, ff_cstr(name), now_ms + 100, now_ms);
        assert_true(lessees.n <= 201);
        assert_true(now_ms < 100 || look(&lessees, now_ms).n == 100);
    }
    ff_lessees_done(&lessees);
    assert_int_equal(lessees.n, 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_until_its_last_lease_has_run_out),
        cmocka_unit_test(test_at_most_twice_as_many_as_run),
    };

    return cmocka_run_group_tests_name("lessees", tests, NULL, NULL);
}
