#include "supervisor/waitpoint_key.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/rows.h"

struct place {
    char dir[64], path[96];
};

static int
setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    strcpy(place->dir, "/tmp/ff-key-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    snprintf(place->path, sizeof(place->path), "%s/waitpoint.key", place->dir);
    *state = place;
    return 0;
}

static int
teardown(void **state)
{
    struct place *place = *state;

    chmod(place->dir, 0700);
    unlink(place->path);
    assert_int_equal(rmdir(place->dir), 0); /* nothing else is left there */
    free(place);
    return 0;
}

static void
write_text(const struct place *place, const char *text)
{
    FILE *file = fopen(place->path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static ff_err
get(const struct place *place, char hex[65], bool *made)
{
    struct ff_fault fault = { 0 };
    ff_err err = ff_waitpoint_key_get(ff_cstr(place->dir), hex, made, &fault);

    assert_int_equal(err, fault.code);
    assert_true(err == FF_E_OK || strstr(fault.message, "waitpoint.key") != NULL);
    return err;
}

static void
test_made_once(void **state)
{
    const struct place *place = *state;
    char first[65] = "", again[65] = "";
    struct stat info;
    bool made = false;

    assert_int_equal(get(place, first, &made), FF_E_OK);
    assert_true(made);
    assert_int_equal(strlen(first), 64);
    for (int i = 0; i < 64; i++) {
        assert_true(isxdigit((unsigned char) first[i]));
    }
    assert_int_equal(stat(place->path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_size, 65);
    assert_int_equal(get(place, again, &made), FF_E_OK);
    assert_false(made);
    assert_string_equal(first, again);
}

static const struct bad_row {
    const char *name, *text;
} bad_rows[] = {
    { "an empty file", "" },
    { "a digit less", "010101010101010101010101010101010101010101010101010101010101010" },
    { "a digit more", "01010101010101010101010101010101010101010101010101010101010101011" },
    { "no digits", "zz01010101010101010101010101010101010101010101010101010101010101\n" },
    { "two lines", "0101010101010101010101010101010101010101010101010101010101010101\n\n" },
};

static void
test_bad_row(void **state)
{
    const struct bad_row *row = *state;
    struct place *place = NULL;
    char hex[65];
    bool made = false;

    setup((void **) &place);
    write_text(place, row->text);
    assert_int_equal(get(place, hex, &made), FF_E_INVALID_CONFIG);
    assert_false(made);
    teardown((void **) &place);
}

static void
test_no_directory(void **state)
{
    struct place place = { .dir = "/tmp/ff-no-such-directory" };
    char hex[65];
    bool made = false;

    (void) state;
    assert_int_equal(get(&place, hex, &made), FF_E_INVALID_CONFIG);
}

static void
test_a_link_is_not_followed(void **state)
{
    const struct place *place = *state;
    char hex[65];
    bool made = false;

    assert_int_equal(symlink("/dev/zero", place->path), 0);
    assert_int_equal(get(place, hex, &made), FF_E_INVALID_CONFIG);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(bad_rows, test_bad_row) };
    static const struct CMUnitTest singles[] = {
        { "made once, its owner's alone", test_made_once, setup, teardown, NULL },
        { "no directory", test_no_directory, NULL, NULL, NULL },
        { "a link is not followed", test_a_link_is_not_followed, setup, teardown, NULL },
    };

    return ff_run_rows("waitpoint_key", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
