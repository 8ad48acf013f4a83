/* flowfabricd_main.c: the daemon's executable; a role is a subcommand of it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/role.h"

extern char **environ;

static const struct role {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *help;
} roles[] = {
#define FF_ROLE(upper, name, main, help) { name, main, help },
#include "supervisor/roles.def"
};

static void
usage(FILE *out)
{
    fprintf(
        out,
        "Usage: flowfabricd [--config FILE] [--log-level LEVEL] [--log-format FORMAT]\n"
        "       flowfabricd check-config [FILE]\n"
        "       flowfabricd ROLE [--config FILE]\n"
        "       flowfabricd --help | --version\n\n"
        "The FlowFabric durable execution engine. Without a role it starts the whole daemon in\n"
        "the foreground: a supervisor and the processes that it keeps up. It logs to standard\n"
        "error. `ffctl' talks to it.\n\n"
        "  -c, --config FILE      configuration file; every setting has a default\n"
        "  -v, --log-level LEVEL  error, warn, info, debug or trace\n"
        "  -f, --log-format FORM  logfmt or json\n"
        "      --check-config     as check-config: says what is in force, or what is wrong\n\n"
        "SIGTERM and SIGINT end it in order: nothing is claimed any more, running work gets\n"
        "15 s. A second one ends it at once. SIGHUP rereads the configuration.\n"
        "Exit status: 0 ended in order; 1 it could not start; 2 wrong usage, or a store that\n"
        "this build does not have; 130 ended at once.\n\nRoles, for starting one by hand:\n");
    for (size_t i = 0; i < FF_COUNT(roles); i++) {
        fprintf(out, "  %-14s %s\n", roles[i].name, roles[i].help);
    }
    fprintf(out, "\nSettings (configuration file, or environment, which wins):\n");
    ff_config_print_settings(out);
}

static int
check_config(const char *path)
{
    const struct ff_config_input input = { .path = path, .env = environ, .root = geteuid() == 0 };

    return ff_config_check(&input, stdout, stderr);
}

static bool
is_one_of(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

int
main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";

    for (int i = 1; i < argc && argv[i][0] == '-'; i++) { /* before or behind other options */
        if (is_one_of(argv[i], "--help", "-h")) {
            usage(stdout);
            return 0;
        }
    }
    if (is_one_of(word, "--version", "-V")) {
        printf("flowfabricd %s\n", FF_VERSION);
        return 0;
    }
    if (is_one_of(word, "check-config", "--check-config") && (argc < 3 || argv[2][0] != '-')) {
        return check_config(argc > 2 ? argv[2] : NULL);
    }
    if (word[0] == '\0' || word[0] == '-') {
        return ff_supervisor_main(argc, argv);
    }
    for (size_t i = 0; i < FF_COUNT(roles); i++) {
        if (strcmp(word, roles[i].name) == 0) {
            return roles[i].main(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "flowfabricd: '%s' is not a role\n\n", word);
    usage(stderr);
    return 2;
}
