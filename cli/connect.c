#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "ipc/probe.h"

enum ff_cli_where
ff_cli_where_of(const struct ff_op_info *op)
{
    /* Of the operations that no engine answers, the broker has hello and list_ops, which anybody
     * may call; the operators' ones are the supervisor's (00 §6). */
    return op != NULL && op->place == FF_OP_IN_HOST && op->class == FF_CLASS_OF_OPERATOR
               ? FF_CLI_CONTROL
               : FF_CLI_BROKER;
}

/* ---- which files ---- */

/* In the order in which they are tried. */
static const char *const names[FF_CLI_WHERE_N][2] = {
    [FF_CLI_BROKER] = { "operator.sock", "worker.sock" },
    [FF_CLI_CONTROL] = { "control.sock", NULL },
};

/* $FF_RUNTIME_DIR, else /run/flowfabric for root, else $XDG_RUNTIME_DIR/flowfabric (00 §1). */
static struct ff_str
runtime_dir(struct ff_arena *arena)
{
    const char *dir = getenv("FF_RUNTIME_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");

    if (dir != NULL && dir[0] != '\0') {
        return ff_cstr(dir);
    }
    if (geteuid() == 0) {
        return ff_cstr("/run/flowfabric");
    }
    return xdg == NULL || xdg[0] == '\0' ? ff_cstr(NULL)
                                         : ff_arena_printf(arena, "%s/flowfabric", xdg);
}

static bool
is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static const char *
why(int err)
{
    switch (err) {
    case ENOENT:
        return "it is not there";
    case ECONNREFUSED:
        return "nobody listens on it any more";
    case EACCES:
        return "you may not open it";
    case ENAMETOOLONG:
        return "its path is too long for a socket";
    default:
        return strerror(err);
    }
}

static const char *
advice(enum ff_cli_where where, bool refused)
{
    if (refused) {
        return "Run ffctl as the user of the daemon, or join the group that owns its directory.";
    }
    if (where == FF_CLI_CONTROL) {
        return "Only a whole `flowfabricd' has a control socket; a broker started alone has none.";
    }
    return "Start a daemon with `flowfabricd', or say where it is with --socket PATH or "
           "FF_RUNTIME_DIR.";
}

/* ---- the choice ---- */

static uint32_t
candidates(const struct ff_cli *cli, enum ff_cli_where where, const char *paths[2],
           struct ff_arena *arena)
{
    struct ff_str dir = cli->socket != NULL ? ff_cstr(cli->socket) : runtime_dir(arena);
    uint32_t n = 0;

    if (cli->socket != NULL && !is_directory(cli->socket)) {
        paths[n++] = cli->socket;
        return n;
    }
    for (int i = 0; dir.p != NULL && i < 2 && names[where][i] != NULL; i++) {
        paths[n++] = ff_arena_printf(arena, "%s/%s", dir.p, names[where][i]).p;
    }
    return n;
}

/* The first that answers, or NULL and the words for a person. */
static const char *
choose(const struct ff_cli *cli, enum ff_cli_where where, struct ff_answer *answer)
{
    struct ff_arena *arena = &answer->arena;
    const char *paths[2] = { NULL }, *tried = "";
    uint32_t n = candidates(cli, where, paths, arena);
    bool refused = false;

    for (uint32_t i = 0; i < n; i++) {
        int err = ff_socket_probe(paths[i]);

        if (err == 0) {
            return paths[i];
        }
        refused = refused || err == EACCES;
        tried =
            ff_arena_printf(arena, "%s%s%s (%s)", tried, i == 0 ? "" : ", ", paths[i], why(err)).p;
    }
    if (n == 0) {
        tried = "no directory, as neither FF_RUNTIME_DIR nor XDG_RUNTIME_DIR is set";
    }
    ff_fail_transport(&answer->fault, "client", "transport",
                      ff_arena_printf(arena, "no daemon answers; tried %s", tried).p);
    ff_fault_add(&answer->fault, ff_d_text("hint", advice(where, refused)));
    return NULL;
}

ff_err
ff_cli_connect(struct ff_cli *cli, enum ff_cli_where where, struct ff_client **client_out,
               struct ff_answer *answer)
{
    struct ff_client_options options = { .name = "ffctl", .timeout_ms = cli->timeout_ms };
    const char *path = NULL;

    if (cli->clients[where] == NULL) {
        path = choose(cli, where, answer);
        if (path == NULL) {
            return answer->fault.code;
        }
        options.address = ff_arena_printf(&answer->arena, "ipc://%s", path).p;
        FF_TRY(ff_client_open(&options, &cli->clients[where], &answer->fault));
    }
    *client_out = cli->clients[where];
    return FF_E_OK;
}

void
ff_cli_disconnect(struct ff_cli *cli)
{
    for (int i = 0; i < FF_CLI_WHERE_N; i++) {
        ff_client_close(cli->clients[i]);
        cli->clients[i] = NULL;
    }
}
