#include "core/redact.h"

#include "tests/core/fault_check.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct row {
    const char *name;
    const char *token;
    const char *want;
} rows[] = {
    { "01 ex 9: a token", "k1:" HEX64, "k1:<REDACTED:len=64>" },
    { "01 ex 9: no colon", "nocolon", "<REDACTED:malformed>" },
    { "nothing before the colon", ":" HEX64, "<REDACTED:malformed>" },
    { "nothing after the colon", "k1:", "<REDACTED:malformed>" },
    { "empty", "", "<REDACTED:malformed>" },
    { "a colon alone", ":", "<REDACTED:malformed>" },
    { "the first colon counts", "k1:ab:cd", "k1:<REDACTED:len=5>" },
    { "a short digest", "k1:x", "k1:<REDACTED:len=1>" },
};

static void
test_token(void **state)
{
    const struct row *row = *state;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_str got = ff_token_redact(ff_cstr(row->token), &arena);

    assert_int_equal(got.n, strlen(row->want));
    assert_memory_equal(got.p, row->want, got.n);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_token) };

    return ff_run_rows("redact", tables, FF_COUNT(tables), NULL, 0);
}
