/* cli.h: what the files of ffctl share: global options, connections, calls, exit statuses.
 *
 * One command runs per process, on one thread; what is not freed on the way out is the kernel's.
 */
#ifndef FF_CLI_CLI_H
#define FF_CLI_CLI_H

#include <argp.h>

#include "workers/flowfabric.h"

/* Exit statuses, for scripts. */
enum {
    FF_CLI_OK = 0,
    FF_CLI_FAILED = 1,    /* the operation answered an error, or what was waited for failed */
    FF_CLI_USAGE = 2,     /* the command line is wrong; nothing was done */
    FF_CLI_NO_DAEMON = 3, /* nobody answers, no store does, or input or output failed */
    FF_CLI_LATE = 4       /* wait: --timeout was over first */
};
/* The part of --help behind the options. */
#define FF_CLI_EXIT_HELP                                                                           \
    "\vExit status: 0 done; 1 the operation answered an error; 2 wrong usage, nothing was done; "  \
    "3 no daemon or store answers, or input or output failed."

/* Which socket an operation goes to (00 §4). */
enum ff_cli_where { FF_CLI_BROKER, FF_CLI_CONTROL, FF_CLI_WHERE_N };

struct ff_cli {
    const char *socket;                        /* --socket; NULL: those of the runtime directory */
    bool json;                                 /* --json */
    uint64_t timeout_ms;                       /* --timeout; 0: none */
    struct ff_client *clients[FF_CLI_WHERE_N]; /* opened when first needed */
    struct ff_arena arena;                     /* texts for the whole run */
};

#define FF_COMMAND(name, function, help) int function(struct ff_cli *cli, int argc, char **argv);
#include "cli/commands.def"

/* ---- command lines (options.c) ---- */

/* A command's own part; the global options are added to it. doc: as argp has it. */
struct ff_cli_command {
    const struct argp_option *options;
    argp_parser_t parse; /* NULL: it takes no arguments */
    const char *args_doc;
    const char *doc;
};
/* Parses; ends the process with FF_CLI_USAGE where it cannot, or 0 after --help. options: the input
 * of the command's parser. */
void ff_cli_parse(struct ff_cli *cli, const struct ff_cli_command *command, int argc, char **argv,
                  void *options);
/* For a command's parser, behind its own options: refuses arguments. */
error_t ff_cli_parse_nothing(int key, char *arg, struct argp_state *state);
/* ffctl's own line up to the command: returns the index of the command's name. */
int ff_cli_parse_globals(struct ff_cli *cli, int argc, char **argv);

/* "1500ms", "10s", "5m", "2h", "1d", or a number of seconds; false: not that, or too long. */
bool ff_cli_parse_duration(const char *text, uint64_t *ms_out);
/* A decimal number from min to max. */
bool ff_cli_parse_number(const char *text, int64_t min, int64_t max, int64_t *out);
/* An execution id; ends the process with FF_CLI_USAGE and what an id looks like. */
struct ff_eid ff_cli_parse_eid(const struct argp_state *state, const char *text);

/* ---- lists that several commands show (list.c) ---- */

/* The lanes and their states. Returns the exit status. */
int ff_cli_list_lanes(struct ff_cli *cli);

/* ---- connections (connect.c) ---- */

/* The supervisor's operations go to its control socket, all others to the broker. */
enum ff_cli_where ff_cli_where_of(const struct ff_op_info *op);
/* The client for that socket: operator.sock where the caller may open it, else worker.sock. What
 * fails is told in answer->fault.
 * FF_E_TRANSPORT: nobody listens; the message says what was tried and what to do. */
FF_MUST_USE ff_err ff_cli_connect(struct ff_cli *cli, enum ff_cli_where where,
                                  struct ff_client **client_out, struct ff_answer *answer);
void ff_cli_disconnect(struct ff_cli *cli);

/* ---- calls (calls.c) ---- */

/* Calls by name with a msgpack map; any failure, that to connect included, is in the answer. */
ff_err ff_cli_call_named(struct ff_cli *cli, struct ff_str op, struct ff_str args,
                         struct ff_answer *answer);
/* Calls; where that fails says why and returns the exit status, else FF_CLI_OK. */
FF_MUST_USE int ff_cli_do(struct ff_cli *cli, enum ff_op op, const void *args, void *result,
                          struct ff_answer *answer);

/* Tells people what came of a call; texts live as long as the arena. ctx: the caller's own. */
typedef void ff_cli_tell(void *ctx, const void *result, struct ff_arena *arena);
/* The exit status by the result, where the operation went well. */
typedef int ff_cli_judge(const void *result);

/* A call whose result is all that a command shows. */
struct ff_cli_act {
    enum ff_op op;
    const void *args;
    ff_cli_tell *tell;   /* NULL: there is nothing to tell */
    ff_cli_judge *judge; /* NULL: FF_CLI_OK */
    void *ctx;           /* of tell */
};
/* Calls, and shows the result: with --json as it came, else as tell has it. Returns as ff_cli_do,
 * or as judge. */
FF_MUST_USE int ff_cli_do_tell(struct ff_cli *cli, const struct ff_cli_act *act);

/* Calls of one operation that are made at the same time. */
struct ff_cli_many {
    enum ff_op op;
    uint32_t n;
    const void *args;          /* n structs of the operation's arguments */
    struct ff_answer *answers; /* n; the owner ends them */
};
/* Waits for all. Returns as ff_cli_do, by the first that failed. */
FF_MUST_USE int ff_cli_do_many(struct ff_cli *cli, const struct ff_cli_many *many);

/* Says why a call failed: with --json as {"error": …} on stdout, else in words on stderr. Returns
 * the exit status. */
int ff_cli_report(struct ff_cli *cli, const char *op, struct ff_answer *answer);
/* Makes answer->map the error value of answer->fault, where a fault is not from the wire. */
void ff_cli_seal_fault(struct ff_answer *answer, const char *op);

#endif
