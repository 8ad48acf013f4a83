#include "core/tag.h"

#include "tests/core/fault_check.h"

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16

static const struct row {
    const char *name;
    const char *key;
    bool good;
} rows[] = {
    { "01 ex 45: empty", "", false },
    { "01 ex 45: Cairn.x", "Cairn.x", false },
    { "01 ex 45: 1cairn.x", "1cairn.x", false },
    { "01 ex 45: cairn", "cairn", false },
    { "01 ex 45: cairn.", "cairn.", false },
    { "01 ex 45: cairn..x", "cairn..x", false },
    { "01 ex 45: .cairn", ".cairn", false },
    { "01 ex 45: cair n.x", "cair n.x", false },
    { "01 ex 45: ca-irn.x", "ca-irn.x", false },
    { "01 ex 45: cairn.Foo", "cairn.Foo", false },
    { "01 ex 45: cairn.foo bar", "cairn.foo bar", false },
    { "01 ex 45: cairn.foo-bar", "cairn.foo-bar", false },
    { "01 ex 45: a quote", "cairn.foo\"bar", false },
    { "01 ex 44: cairn.job_id", "cairn.job_id", true },
    { "cairn.task_id", "cairn.task_id", true },
    { "a.b", "a.b", true },
    { "app.sub.field", "app.sub.field", true },
    { "a digit after the dot", "a.1", true },
    { "an underscore after the dot", "a._", true },
    { "two dots later on", "a.b..c", true },
    { "a dot at the end", "a.b.", true },
    { "an underscore first", "_a.b", false },
    { "a newline at the end", "a.b\n", false },
    { "a letter beyond ASCII", "a.\xc3\xa4", false },
    { "256 bytes", "a." A64 A64 A64 A16 A16 A16 "aaaaaaaaaaaaaa", true },
    { "257 bytes", "a." A64 A64 A64 A16 A16 A16 "aaaaaaaaaaaaaaa", false },
};

static void
test_key(void **state)
{
    const struct row *row = *state;
    struct ff_fault fault = { 0 };

    if (row->good) {
        assert_int_equal(ff_tag_key_check(ff_cstr(row->key), &fault), FF_E_OK);
        return;
    }
    assert_int_equal(ff_tag_key_check(ff_cstr(row->key), &fault), FF_E_INVALID_TAG_KEY);
    assert_detail_str(&fault, "key", row->key);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_key) };

    return ff_run_rows("tag", tables, FF_COUNT(tables), NULL, 0);
}
