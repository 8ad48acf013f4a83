/* files.c: the files of the demonstration, and what is true of them, found out here. */
#include <glob.h>
#include <limits.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "examples/demo/demo.h"

#define FILE_BYTES_MAX (1u << 20)
#define HEX_MAX (2 * crypto_hash_sha256_BYTES + 1)

static char *paths[FF_DEMO_FILES_MAX];
static uint32_t n_paths, left_out;

static char *
text_of(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0) {
        abort();
    }
    va_end(ap);
    return text;
}

/* ---- finding ---- */

/* sha256sum writes names with a backslash or a new line in another way. */
static bool
is_wanted(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
           st.st_size <= (off_t) FILE_BYTES_MAX && access(path, R_OK) == 0 &&
           strpbrk(path, "\\\n") == NULL;
}

static void
add_path(const char *path)
{
    char *whole = realpath(path, NULL);

    if (whole == NULL || !is_wanted(whole)) {
        free(whole);
        left_out++;
        return;
    }
    for (uint32_t i = 0; i < n_paths; i++) {
        if (strcmp(paths[i], whole) == 0) {
            free(whole);
            return;
        }
    }
    if (n_paths == FF_DEMO_FILES_MAX) {
        fprintf(stderr, "ff-demo: more than %d files\n", FF_DEMO_FILES_MAX);
        ff_demo_end(FF_DEMO_USAGE);
    }
    paths[n_paths++] = whole;
}

void
ff_demo_add(const char *pattern)
{
    glob_t found = { .gl_pathc = 0 };

    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            add_path(found.gl_pathv[i]);
        }
    }
    if (found.gl_pathc == 0) {
        fprintf(stderr, "ff-demo: '%s' finds no file\n", pattern);
        ff_demo_end(FF_DEMO_USAGE);
    }
    globfree(&found);
}

/* ---- the truth ---- */

static size_t
read_file(const char *path, char *room)
{
    FILE *file = fopen(path, "rbe");
    size_t n = 0;

    if (file != NULL) {
        n = fread(room, 1, FILE_BYTES_MAX, file);
        fclose(file);
    }
    if (n == 0) {
        ff_demo_die("cannot read %s", path);
    }
    return n;
}

/* As wc -w counts in the C locale: a word begins with a printable character and ends with space. */
static size_t
count_words(const char *text, size_t n)
{
    bool in_word = false;
    size_t words = 0;

    for (size_t i = 0; i < n; i++) {
        bool space = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
        bool printable = text[i] > ' ' && text[i] < 0x7f;

        words += printable && !in_word;
        in_word = space ? false : in_word || printable;
    }
    return words;
}

static void
digest(const char *text, size_t n, char out[HEX_MAX])
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, (const unsigned char *) text, n);
    sodium_bin2hex(out, HEX_MAX, hash, sizeof(hash));
}

/* ---- members ---- */

static int
path_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

static void
begin_stage(struct ff_demo_flow *flow, enum ff_demo_stage stage)
{
    flow->first[stage] = flow->n;
}

static void
add(struct ff_demo_flow *flow, enum ff_demo_stage stage, const char *path, char *want)
{
    flow->members[flow->n++] = (struct ff_demo_member){
        .stage = stage, .path = path, .want = want, .state = FF_PUBLIC_WAITING
    };
}

/* The digests one below the other, as manifest.sh puts them together. */
static char *
manifest_of(const struct ff_demo_flow *flow)
{
    char *text = NULL;
    size_t n = 0;
    FILE *file = open_memstream(&text, &n);

    for (uint32_t i = 0; file != NULL && i < flow->files; i++) {
        fputs(flow->members[i].want, file);
    }
    if (file == NULL || fclose(file) != 0) {
        abort();
    }
    return text;
}

void
ff_demo_plan(struct ff_demo_flow *flow)
{
    char *room = malloc(FILE_BYTES_MAX), *manifest = NULL, hex[HEX_MAX];
    size_t words[FF_DEMO_FILES_MAX], all = 0;

    if (n_paths == 0) {
        fprintf(stderr, "ff-demo: no file to work on: a regular one, neither empty nor larger than "
                        "1 MiB\n");
        ff_demo_end(FF_DEMO_USAGE);
    }
    flow->files = n_paths;
    flow->left_out = left_out;
    flow->members = calloc(2u * n_paths + FF_DEMO_STAGES, sizeof(*flow->members));
    if (room == NULL || flow->members == NULL) {
        abort();
    }
    qsort(paths, n_paths, sizeof(paths[0]), path_cmp);
    begin_stage(flow, FF_DEMO_DIGEST);
    for (uint32_t i = 0; i < n_paths; i++) {
        size_t n = read_file(paths[i], room);

        words[i] = count_words(room, n);
        all += words[i];
        digest(room, n, hex);
        add(flow, FF_DEMO_DIGEST, paths[i], text_of("%s  %s\n", hex, paths[i]));
    }
    manifest = manifest_of(flow);
    digest(manifest, strlen(manifest), hex);
    begin_stage(flow, FF_DEMO_MANIFEST);
    add(flow, FF_DEMO_MANIFEST, NULL, manifest);
    begin_stage(flow, FF_DEMO_APPROVAL);
    add(flow, FF_DEMO_APPROVAL, NULL, text_of("manifest %s approved by demo\n", hex));
    begin_stage(flow, FF_DEMO_WORDS);
    for (uint32_t i = 0; i < n_paths; i++) {
        add(flow, FF_DEMO_WORDS, paths[i], text_of("%zu %s\n", words[i], paths[i]));
    }
    begin_stage(flow, FF_DEMO_REPORT);
    add(flow, FF_DEMO_REPORT, NULL, text_of("%u files, %zu words, as approved\n", n_paths, all));
    flow->first[FF_DEMO_STAGES] = flow->n;
    free(room);
}
