#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/tree.h"
#include "core/clock.h"

static const struct ff_cli_command command = {
    NULL, NULL, "",
    "Show the processes of the daemon.\n\n"
    "MEMORY is the process's share of what is in memory (Pss), where the kernel tells it to "
    "you. A process that is starting and has no PID waits for its next try, or for the broker. One "
    "that failed ended too often; `ffctl start NAME' tries again, the log says why it "
    "ended." FF_CLI_EXIT_HELP
};

/* ---- what the kernel knows of a process ---- */

/* The number behind `key` in a file of /proc/PID; 0: not to be had. */
static uint64_t
proc_number(uint32_t pid, const char *file, const char *key)
{
    char path[64], line[256];
    uint64_t value = 0;
    FILE *in = NULL;

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/%s", pid, file);
    in = fopen(path, "re");
    while (in != NULL && value == 0 && fgets(line, sizeof(line), in) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            value = strtoull(line + strlen(key), NULL, 10);
        }
    }
    if (in != NULL) {
        fclose(in);
    }
    return value;
}

static uint64_t
memory_kib(uint32_t pid)
{
    uint64_t kib = proc_number(pid, "smaps_rollup", "Pss:");

    return kib != 0 ? kib : proc_number(pid, "status", "VmRSS:");
}

/* ---- the table ---- */

struct listing {
    struct ff_cli_table table;
    int64_t now_ms;
    uint64_t total_kib;
};

struct line {
    const char *name;
    const char *state;
    uint32_t pid;       /* 0: none */
    int64_t started_at; /* 0: never */
    const char *restarts;
};

static void
add_line(struct listing *listing, const struct line *line)
{
    struct ff_arena *arena = &listing->table.arena;
    uint64_t kib = line->pid == 0 ? 0 : memory_kib(line->pid);
    const char *cells[] = { line->name, line->state, "-", "-", line->restarts, "-" };

    if (line->pid != 0) {
        cells[2] = ff_arena_printf(arena, "%" PRIu32, line->pid).p;
        if (line->started_at != 0) {
            cells[3] = ff_cli_ago(line->started_at, listing->now_ms, arena);
        }
    }
    if (kib != 0) {
        listing->total_kib += kib;
        cells[5] = ff_arena_printf(arena, "%.1f MiB", (double) kib / 1024).p;
    }
    ff_cli_table_add(&listing->table, cells);
}

static void
add_child(struct listing *listing, const struct ff_child *child, const char *indent)
{
    struct ff_arena *arena = &listing->table.arena;
    struct line line = {
        .name = ff_arena_printf(arena, "%s%s", indent, ff_cli_safe(child->name, arena)).p,
        .state = ff_word(&ff_vocab_child_state, child->state),
        .pid = child->pid.is ? child->pid.v : 0,
        .started_at = child->started_at.is ? child->started_at.v : 0,
        .restarts = ff_arena_printf(arena, "%" PRIu32, child->restarts).p,
    };

    add_line(listing, &line);
}

struct ff_child_list
ff_cli_children(const struct ff_child *host, struct ff_arena *arena)
{
    struct ff_child_list list = { 0 };
    struct ff_fault fault = { 0 };
    msgpack_zone zone;
    msgpack_object array;

    FF_ASSERT(msgpack_zone_init(&zone, 1024));
    if (ff_msgpack_parse(host->children, &zone, &array, &fault) == FF_E_OK &&
        array.type == MSGPACK_OBJECT_ARRAY) {
        list.v = FF_ARENA_NEW(arena, struct ff_child, array.via.array.size + 1);
        for (uint32_t i = 0; i < array.via.array.size; i++) {
            list.n += ff_decode_result(&ff_desc_child, &array.via.array.ptr[i], arena,
                                       &list.v[list.n], &fault) == FF_E_OK;
        }
    }
    msgpack_zone_destroy(&zone);
    return list;
}

static void
add_children(struct listing *listing, const struct ff_tree_result *tree)
{
    for (uint32_t i = 0; i < tree->children.n; i++) {
        const struct ff_child *child = &tree->children.v[i];
        struct ff_child_list below = ff_cli_children(child, &listing->table.arena);

        add_child(listing, child, "  ");
        for (uint32_t k = 0; k < below.n; k++) {
            add_child(listing, &below.v[k], "    ");
        }
    }
}

/* It is not among its children, but it is their parent. */
static uint32_t
supervisor_of(const struct ff_tree_result *tree)
{
    for (uint32_t i = 0; i < tree->children.n; i++) {
        if (tree->children.v[i].pid.is) {
            return (uint32_t) proc_number(tree->children.v[i].pid.v, "status", "PPid:");
        }
    }
    return 0;
}

static void
print_tree(const struct ff_tree_result *tree, const struct ff_status_result *status)
{
    static const char *const titles[] = { "NAME", "STATE", "PID", "STARTED", "RESTARTS", "MEMORY" };
    struct listing listing = { .table = { .titles = titles, .columns = FF_COUNT(titles) } };
    struct line root = { .name = "flowfabricd", .restarts = "-" };

    listing.now_ms = ff_wall_ms();
    root.state = ff_cli_safe(status->state, &listing.table.arena);
    root.pid = supervisor_of(tree);
    root.started_at = status->started_at;
    add_line(&listing, &root);
    add_children(&listing, tree);
    ff_cli_table_print(&listing.table);
    if (listing.total_kib != 0) {
        printf("%.1f MiB in all\n", (double) listing.total_kib / 1024);
    }
    ff_cli_table_done(&listing.table);
}

int
ff_cli_tree(struct ff_cli *cli, int argc, char **argv)
{
    const struct ff_tree_args none = { 0 };
    const struct ff_status_args nothing = { 0 };
    struct ff_tree_result tree = { 0 };
    struct ff_status_result status = { 0 };
    FF_SCOPED(ff_answer) of_tree = { 0 };
    FF_SCOPED(ff_answer) of_status = { 0 };
    int exit_status = FF_CLI_OK;

    ff_cli_parse(cli, &command, argc, argv, NULL);
    exit_status = ff_cli_do(cli, FF_OP_tree, &none, &tree, &of_tree);
    if (exit_status == FF_CLI_OK && cli->json) {
        ff_cli_print_json(of_tree.map);
        return FF_CLI_OK;
    }
    if (exit_status == FF_CLI_OK) {
        exit_status = ff_cli_do(cli, FF_OP_status, &nothing, &status, &of_status);
    }
    if (exit_status == FF_CLI_OK) {
        print_tree(&tree, &status);
    }
    return exit_status;
}
