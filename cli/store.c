/* ffctl store: work on stores at rest. The program that can open stores is flowfabricd: it is run
 * instead, from the directory of ffctl or from PATH. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/words.h"

static const struct ff_cli_command command = {
    NULL, ff_cli_take_word, "copy FROM TO\ncheck STORE",
    "Copy a whole deployment from one store into another, or check one.\n\n"
    "A store is named by its URL: sqlite:PATH, postgres://..., valkey://...; no daemon may run on "
    "it. TO must be empty; until the copy is verified it is an unfinished one, which no daemon "
    "uses and the same command begins anew. `check' changes nothing."
    "\vExit status: 0 copied and verified, or sound; 1 refused, findings, or the copy is not the "
    "same; 2 wrong usage; 3 a store cannot be reached."
};

/* Beside this program, as make install puts it; false: there is none. */
static bool
beside(char path[PATH_MAX])
{
    static const char name[] = "/flowfabricd";
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof(name));
    char *slash = NULL;

    if (n <= 0) {
        return false;
    }
    path[n] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL) {
        return false;
    }
    strcpy(slash, name);
    return access(path, X_OK) == 0;
}

static int
run(struct ff_cli *cli, void *options)
{
    struct ff_cli_words *words = options;
    const char *argv[8] = { "flowfabricd", "store" };
    char path[PATH_MAX];
    uint32_t n = 2;

    if (cli->json) {
        argv[n++] = "--json";
    }
    argv[n++] = "--";
    argv[n++] = words->verb;
    for (uint32_t i = 0; i < words->n; i++) {
        argv[n++] = words->v[i];
    }
    if (beside(path)) {
        execv(path, (char *const *) (uintptr_t) argv);
    }
    execvp(argv[0], (char *const *) (uintptr_t) argv);
    fprintf(stderr,
            "ffctl: cannot run flowfabricd, which opens stores: %s; install it beside "
            "ffctl, or add its directory to PATH\n",
            strerror(errno));
    return FF_CLI_NO_DAEMON;
}

int
ff_cli_store(struct ff_cli *cli, int argc, char **argv)
{
    static const struct ff_cli_verb verbs[] = {
        { "copy", 2, 2, "FROM TO", run },
        { "check", 1, 1, "STORE", run },
    };
    struct ff_cli_words words = { .n = 0 };

    ff_cli_parse(cli, &command, argc, argv, &words);
    return ff_cli_run_verb(cli, verbs, FF_COUNT(verbs), &words);
}
