#include <errno.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "core/id.h"

/* ---- texts of the command line ---- */

bool
ff_cli_parse_duration(const char *text, uint64_t *ms_out)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = { { "", 1000 },       { "ms", 1 },          { "s", 1000 },
                  { "m", 60 * 1000 }, { "h", 3600 * 1000 }, { "d", 86400 * 1000 } };
    unsigned long long value = 0;
    char *end = NULL;

    if (text[0] < '0' || text[0] > '9') { /* strtoull would take signs and spaces */
        return false;
    }
    errno = 0;
    value = strtoull(text, &end, 10);
    for (size_t i = 0; errno == 0 && i < FF_COUNT(units); i++) {
        if (strcmp(end, units[i].unit) == 0 && value <= FF_DUR_MS_MAX / units[i].ms) {
            *ms_out = value * units[i].ms;
            return true;
        }
    }
    return false;
}

bool
ff_cli_parse_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
    long long value = 0;
    char *end = NULL;

    if (text[text[0] == '-' ? 1 : 0] < '0' || text[text[0] == '-' ? 1 : 0] > '9') {
        return false;
    }
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || value < min || value > max) {
        return false;
    }
    *out = value;
    return true;
}

struct ff_eid
ff_cli_parse_eid(const struct argp_state *state, const char *text)
{
    struct ff_fault fault = { 0 };
    struct ff_eid id = { 0 };

    if (ff_eid_parse(ff_cstr(text), "execution_id", &id, &fault) != FF_E_OK) {
        argp_error(state,
                   "'%s' is no execution id; one looks like "
                   "{fp:86}:019a1b2c-3d4e-7f50-8a6b-7c8d9e0f1a2b (in quotes for the shell)",
                   text);
    }
    return id;
}

/* ---- global options ---- */

static const struct argp_option global_options[] = {
    { "socket", 's', "PATH", 0, "Socket of the daemon, or the directory of its sockets", 0 },
    { "json", 'j', NULL, 0, "Print what the daemon answered, as JSON", 0 },
    { "timeout", 't', "TIME", 0,
      "Give up after TIME (10s, 500ms, 2m; without unit: seconds); by default there is no limit",
      0 },
    { 0 },
};

static error_t
parse_global(int key, char *arg, struct argp_state *state)
{
    struct ff_cli *cli = state->input;

    switch (key) {
    case 's':
        cli->socket = strncmp(arg, "ipc://", 6) == 0 ? arg + 6 : arg;
        if (cli->socket[0] == '\0') {
            argp_error(state, "--socket needs a path");
        }
        return 0;
    case 'j':
        cli->json = true;
        return 0;
    case 't':
        if (!ff_cli_parse_duration(arg, &cli->timeout_ms) || cli->timeout_ms == 0) {
            argp_error(state, "--timeout: '%s' is no time; write 10s, 500ms or 2m", arg);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp global_argp = {
    global_options, parse_global, NULL, NULL, NULL, NULL, NULL
};

/* ---- one command ---- */

struct inputs {
    void *options;
    struct ff_cli *cli;
};

static error_t
parse_children(int key, char *arg, struct argp_state *state)
{
    struct inputs *inputs = state->input;

    (void) arg;
    if (key != ARGP_KEY_INIT) {
        return ARGP_ERR_UNKNOWN;
    }
    state->child_inputs[0] = inputs->options;
    state->child_inputs[1] = inputs->cli;
    return 0;
}

/* argp's line about arguments of short options says what everybody knows. */
static char *
without_note(int key, const char *text, void *input)
{
    (void) input;
    return key == ARGP_KEY_HELP_DUP_ARGS_NOTE ? NULL : (char *) (uintptr_t) text;
}

error_t
ff_cli_parse_nothing(int key, char *arg, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG) {
        argp_error(state, "'%s' is too much: it takes no arguments", arg);
    }
    return ARGP_ERR_UNKNOWN;
}

void
ff_cli_parse(struct ff_cli *cli, const struct ff_cli_command *command, int argc, char **argv,
             void *options)
{
    const struct argp own = { .options = command->options,
                              .parser =
                                  command->parse == NULL ? ff_cli_parse_nothing : command->parse };
    const struct argp_child children[] = { { &own, 0, NULL, 0 },
                                           { &global_argp, 0, "Options of every command:", 10 },
                                           { 0 } };
    const struct argp argp = { .parser = parse_children,
                               .args_doc = command->args_doc,
                               .doc = command->doc,
                               .children = children,
                               .help_filter = without_note };
    struct inputs inputs = { options, cli };
    error_t err = argp_parse(&argp, argc, argv, 0, NULL, &inputs);

    if (err != 0) {
        fprintf(stderr, "%s: %s\n", argv[0], strerror(err));
        exit(FF_CLI_USAGE);
    }
}

/* ---- ffctl itself ---- */

static const struct {
    const char *name, *help;
} commands[] = {
#define FF_COMMAND(name, function, help) { name, help },
#include "cli/commands.def"
};

/* argp fills paragraphs, but leaves lines alone that begin with a space. */
static char *
add_commands(int key, const char *text, void *input)
{
    char *out = NULL;
    size_t size = 0;
    FILE *file = NULL;

    text = without_note(key, text, input);
    if (key != ARGP_KEY_HELP_PRE_DOC || (file = open_memstream(&out, &size)) == NULL) {
        return (char *) (uintptr_t) text;
    }
    fprintf(file, "%s\n\nCommands:\n", text);
    for (size_t i = 0; i < FF_COUNT(commands); i++) {
        fprintf(file, "  %-9s %s\n", commands[i].name, commands[i].help);
    }
    fprintf(file, "\n`ffctl COMMAND --help' says more about one.");
    fclose(file);
    return out;
}

static error_t
parse_main(int key, char *arg, struct argp_state *state)
{
    (void) arg;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = ((struct inputs *) state->input)->cli;
        return 0;
    case ARGP_KEY_ARG: /* the command; the rest of the line is its own */
        *(int *) ((struct inputs *) state->input)->options = state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name a command");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int
ff_cli_parse_globals(struct ff_cli *cli, int argc, char **argv)
{
    const struct argp_child children[] = { { &global_argp, 0, NULL, 0 }, { 0 } };
    const struct argp argp = { .parser = parse_main,
                               .args_doc = "COMMAND [ARGUMENT...]",
                               .doc = "Talk to a FlowFabric daemon." FF_CLI_EXIT_HELP,
                               .children = children,
                               .help_filter = add_commands };
    int at = argc;
    struct inputs inputs = { &at, cli };

    if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &inputs) != 0) {
        exit(FF_CLI_USAGE);
    }
    return at;
}
