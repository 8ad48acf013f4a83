/* replay.c: feeds files to a fuzz target that was built without libFuzzer.
 *
 * Arguments are files and folders of files; a target always gets the empty input too. A target
 * reports a finding by ending the process, so coming back from all of them is success.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_BYTES_MAX (1u << 26)

static void
give_up(const char *path)
{
    perror(path);
    exit(1);
}

/* A copy of its own exact size, so that a sanitizer sees a read past the end. */
static void
replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size == 0 ? 1 : size);

    if (file == NULL || data == NULL || fread(data, 1, size, file) != size) {
        give_up(path);
    }
    fclose(file);
    printf("%s: %zu bytes\n", path, size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static void replay(const char *path);

static void
replay_folder(const char *path)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, NULL, alphasort);
    char *child = NULL;

    if (n < 0) {
        give_up(path);
    }
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') {
            if (asprintf(&child, "%s/%s", path, names[i]->d_name) < 0) {
                give_up(path);
            }
            replay(child);
            free(child);
        }
        free(names[i]);
    }
    free(names);
}

static void
replay(const char *path)
{
    struct stat st = { 0 };

    if (stat(path, &st) != 0) {
        give_up(path);
    }
    if (S_ISDIR(st.st_mode)) {
        replay_folder(path);
    } else if (st.st_size <= INPUT_BYTES_MAX) {
        replay_file(path, (size_t) st.st_size);
    }
}

int
main(int argc, char **argv)
{
    const uint8_t nothing = 0;

    LLVMFuzzerTestOneInput(&nothing, 0);
    for (int i = 1; i < argc; i++) {
        replay(argv[i]);
    }
    return 0;
}
