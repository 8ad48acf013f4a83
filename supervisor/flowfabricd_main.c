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
#define FF_ROLE(upper, name, main, help) { #name, main, help },
#include "supervisor/roles.def"
};

static void
usage(FILE *out)
{
    fprintf(out, "Usage: flowfabricd ROLE [--config FILE]\n"
                 "       flowfabricd check-config [FILE]\n"
                 "       flowfabricd --help | --version\n\n"
                 "The FlowFabric durable execution engine.\n\nRoles:\n");
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

int
main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";

    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(word, "--version") == 0) {
        printf("flowfabricd %s\n", FF_VERSION);
        return 0;
    }
    if (strcmp(word, "check-config") == 0 || strcmp(word, "--check-config") == 0) {
        return check_config(argc > 2 ? argv[2] : NULL);
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
