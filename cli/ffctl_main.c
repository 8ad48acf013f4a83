/* ffctl_main.c: finds the command and runs it. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"

const char *argp_program_version = "ffctl " FF_VERSION;

static const struct {
    const char *name;
    int (*run)(struct ff_cli *cli, int argc, char **argv);
} commands[] = {
#define FF_COMMAND(name, function, help) { name, function },
#include "cli/commands.def"
};

static int
run(struct ff_cli *cli, int argc, char **argv)
{
    char *name = argv[0];

    for (size_t i = 0; i < FF_COUNT(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            argv[0] = (char *) (uintptr_t) ff_arena_printf(&cli->arena, "ffctl %s", name).p;
            return commands[i].run(cli, argc, argv);
        }
    }
    fprintf(stderr, "ffctl: there is no command '%s'; `ffctl --help' lists them\n", name);
    if (ff_op_find(ff_cstr(name)) != NULL) {
        fprintf(stderr, "       It is an operation: `ffctl call %s'\n", name);
    }
    return FF_CLI_USAGE;
}

int
main(int argc, char **argv)
{
    struct ff_cli cli = { 0 };
    int at = 0, status = 0;

    setlocale(LC_TIME, "");
    argp_err_exit_status = FF_CLI_USAGE;
    at = ff_cli_parse_globals(&cli, argc, argv);
    status = run(&cli, argc - at, argv + at);
    ff_cli_disconnect(&cli);
    ff_arena_done(&cli.arena);
    if (fflush(stdout) != 0 || ferror(stdout)) { /* a full disk must not look like success */
        fprintf(stderr, "ffctl: cannot write: %s\n", strerror(errno));
        status = status == FF_CLI_OK ? FF_CLI_NO_DAEMON : status;
    }
    return status;
}
