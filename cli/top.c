/* top.c: lanes, workers and rates, again and again; a screen on a terminal, blocks in a pipe. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "core/id.h"

/* Waiting executions that are counted of a lane; beyond: "1000+". */
#define WAITING_MAX 1000
/* Lanes that are looked at, leases that are counted. */
#define LANES_MAX 200
#define LEASES_MAX 100000
/* After every lease that there can be. */
#define FOR_EVER INT64_C(9007199254740991)

struct top_options {
    uint64_t interval_ms;
    int64_t count; /* 0: until it is ended */
};

/* What one worker process holds. */
struct holder {
    const char *instance;
    const char *seen; /* last sign of life; "": it is not registered */
    uint32_t running, overdue;
};

struct lane {
    const char *id, *state;
    uint32_t waiting;
};

/* One look. */
struct look {
    struct ff_arena arena;
    int64_t now_ms;
    struct lane *lanes;
    uint32_t n_lanes, lanes_room;
    struct holder *holders;
    uint32_t n_holders, holders_room;
    struct ff_uuid *leases; /* ascending */
    uint32_t n_leases, leases_room;
    uint32_t overdue;
    uint32_t started, ended; /* since the look before, as far as it could be seen */
    int64_t since_ms;        /* of that one; 0: none */
};

static void
look_done(struct look *look)
{
    ff_arena_done(&look->arena);
    free(look->lanes);
    free(look->holders);
    free(look->leases);
    *look = (struct look){ 0 };
}

/* ---- the command line ---- */

static const struct argp_option own_options[] = {
    { "interval", 'i', "TIME", 0, "Look again after TIME (default 2s)", 0 },
    { "count", 'n', "NUMBER", 0, "End after so many looks; 0: go on (default)", 0 },
    { 0 },
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct top_options *options = state->input;

    switch (key) {
    case 'i':
        if (!ff_cli_parse_duration(arg, &options->interval_ms) || options->interval_ms == 0) {
            argp_error(state, "--interval: '%s' is no time; write 2s or 500ms", arg);
        }
        return 0;
    case 'n':
        if (!ff_cli_parse_number(arg, 0, INT64_MAX, &options->count)) {
            argp_error(state, "--count: '%s' is no number", arg);
        }
        return 0;
    default:
        return ff_cli_parse_nothing(key, arg, state);
    }
}

static const struct ff_cli_command command = {
    own_options, parse, "",
    "Show the lanes with what waits in them, the workers with what they run, and how much begins "
    "and ends a second: as a screen on a terminal, as blocks in a pipe, with --json as a line a "
    "look. Rates are of what was seen to begin and to end; what did both between two looks is not "
    "counted. An interrupt ends it." FF_CLI_EXIT_HELP
};

/* ---- looking ---- */

static int
count_waiting(struct ff_cli *cli, struct lane *lane)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    const struct ff_scan_eligible_executions_args args = { .lane_id = ff_cstr(lane->id),
                                                           .limit = WAITING_MAX };
    struct ff_scan_eligible_executions_result result = { 0 };
    int status = ff_cli_do(cli, FF_OP_scan_eligible_executions, &args, &result, &answer);

    lane->waiting = result.execution_ids.n;
    return status;
}

static int
look_at_lanes(struct ff_cli *cli, struct look *look)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    const struct ff_list_lanes_args args = { .limit = LANES_MAX };
    struct ff_list_lanes_result page = { 0 };
    int status = ff_cli_do(cli, FF_OP_list_lanes, &args, &page, &answer);

    for (uint32_t i = 0; i < page.states.n && status == FF_CLI_OK; i++) {
        struct ff_str id = ff_arena_copy(&look->arena, page.states.v[i].key);
        struct lane lane = { .id = ff_arena_printf(&look->arena, "%.*s", (int) id.n, id.p).p,
                             .state = ff_cli_safe(page.states.v[i].value, &look->arena) };

        status = count_waiting(cli, &lane);
        look->lanes = ff_grow(look->lanes, &look->lanes_room, look->n_lanes, sizeof(*look->lanes));
        look->lanes[look->n_lanes++] = lane;
    }
    return status;
}

static struct holder *
holder_of(struct look *look, struct ff_str instance)
{
    const char *name = ff_cli_safe(instance, &look->arena);

    for (uint32_t i = 0; i < look->n_holders; i++) {
        if (strcmp(look->holders[i].instance, name) == 0) {
            return &look->holders[i];
        }
    }
    look->holders =
        ff_grow(look->holders, &look->holders_room, look->n_holders, sizeof(*look->holders));
    look->holders[look->n_holders] = (struct holder){ .instance = name, .seen = "" };
    return &look->holders[look->n_holders++];
}

static int
look_at_workers(struct ff_cli *cli, struct look *look)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    const struct ff_list_workers_args args = { .limit = 1000 };
    struct ff_list_workers_result page = { 0 };
    int status = ff_cli_do(cli, FF_OP_list_workers, &args, &page, &answer);

    for (uint32_t i = 0; i < page.entries.n; i++) {
        holder_of(look, page.entries.v[i].worker_instance_id)->seen =
            ff_cli_ago(page.entries.v[i].last_heartbeat_ms, look->now_ms, &look->arena);
    }
    return status;
}

static int
uuid_cmp(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct ff_uuid));
}

static void
note_leases(struct look *look, const struct ff_expired_lease_list *list)
{
    for (uint32_t i = 0; i < list->n; i++) {
        struct holder *holder = holder_of(look, list->v[i].worker_instance_id);
        bool overdue = list->v[i].expires_at_ms <= look->now_ms;

        look->leases =
            ff_grow(look->leases, &look->leases_room, look->n_leases, sizeof(*look->leases));
        look->leases[look->n_leases++] = list->v[i].lease_id;
        holder->running += !overdue;
        holder->overdue += overdue;
        look->overdue += overdue;
    }
}

/* Every lease ends some day, so those "expired by then" are all that are held. */
static int
look_at_leases(struct ff_cli *cli, struct look *look)
{
    struct ff_list_expired_leases_args args = { .as_of = FOR_EVER,
                                                .limit = 10000,
                                                .max_partitions_per_call = 32 };
    struct ff_lease_cursor cursor;

    for (;;) {
        FF_SCOPED(ff_answer) answer = { 0 };
        struct ff_list_expired_leases_result page = { 0 };
        int status = ff_cli_do(cli, FF_OP_list_expired_leases, &args, &page, &answer);

        if (status != FF_CLI_OK) {
            return status;
        }
        note_leases(look, &page.entries);
        if (page.next_cursor == NULL || look->n_leases >= LEASES_MAX) {
            break;
        }
        cursor = *page.next_cursor;
        args.cursor = &cursor;
    }
    if (look->n_leases > 0) {
        qsort(look->leases, look->n_leases, sizeof(look->leases[0]), uuid_cmp);
    }
    return FF_CLI_OK;
}

static void
compare(struct look *look, const struct look *before)
{
    uint32_t i = 0, j = 0;

    look->since_ms = before->now_ms;
    while (before->now_ms > 0 && (i < look->n_leases || j < before->n_leases)) {
        int order = i == look->n_leases     ? 1
                    : j == before->n_leases ? -1
                                            : uuid_cmp(&look->leases[i], &before->leases[j]);

        look->started += order < 0;
        look->ended += order > 0;
        i += order <= 0;
        j += order >= 0;
    }
}

static int
take_look(struct ff_cli *cli, struct look *look)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    const struct ff_server_time_ms_args none = { 0 };
    struct ff_server_time_ms_result now = { 0 };
    int status = ff_cli_do(cli, FF_OP_server_time_ms, &none, &now, &answer);

    look->now_ms = (int64_t) now.now_ms;
    status = status == FF_CLI_OK ? look_at_lanes(cli, look) : status;
    status = status == FF_CLI_OK ? look_at_workers(cli, look) : status;
    return status == FF_CLI_OK ? look_at_leases(cli, look) : status;
}

/* ---- showing ---- */

static double
rate(const struct look *look, uint32_t n)
{
    return look->now_ms > look->since_ms ? n * 1e3 / (double) (look->now_ms - look->since_ms) : 0;
}

static void
print_head(struct look *look)
{
    printf("%s  %" PRIu32 " lane%s, %" PRIu32 " worker%s, %" PRIu32 " running, %" PRIu32 " overdue",
           ff_cli_when(look->now_ms, look->now_ms, &look->arena), look->n_lanes,
           look->n_lanes == 1 ? "" : "s", look->n_holders, look->n_holders == 1 ? "" : "s",
           look->n_leases - look->overdue, look->overdue);
    if (look->since_ms > 0) {
        printf(", %.1f/s begin, %.1f/s end", rate(look, look->started), rate(look, look->ended));
    }
    puts("");
}

static void
print_tables(struct look *look)
{
    static const char *const lane_titles[] = { "LANE", "STATE", "WAITING" };
    static const char *const worker_titles[] = { "WORKER", "RUNNING", "OVERDUE", "SEEN" };
    FF_SCOPED(ff_cli_table) lanes = { .titles = lane_titles, .columns = 3 };
    FF_SCOPED(ff_cli_table) workers = { .titles = worker_titles, .columns = 4 };

    for (uint32_t i = 0; i < look->n_lanes; i++) {
        const struct lane *lane = &look->lanes[i];
        const char *cells[] = { ff_cli_safe(ff_cstr(lane->id), &look->arena), lane->state,
                                ff_arena_printf(&look->arena, "%" PRIu32 "%s", lane->waiting,
                                                lane->waiting == WAITING_MAX ? "+" : "")
                                    .p };

        ff_cli_table_add(&lanes, cells);
    }
    for (uint32_t i = 0; i < look->n_holders; i++) {
        const struct holder *holder = &look->holders[i];
        const char *cells[] = { holder->instance,
                                ff_arena_printf(&look->arena, "%" PRIu32, holder->running).p,
                                ff_arena_printf(&look->arena, "%" PRIu32, holder->overdue).p,
                                holder->seen };

        ff_cli_table_add(&workers, cells);
    }
    putchar('\n');
    ff_cli_table_print(&lanes);
    putchar('\n');
    ff_cli_table_print(&workers);
}

static void
print_json(const struct look *look)
{
    json_t *lanes = json_array(), *workers = json_array(), *json = NULL;

    for (uint32_t i = 0; i < look->n_lanes; i++) {
        json_array_append_new(lanes, json_pack("{s:s, s:s, s:i, s:b}", "lane_id", look->lanes[i].id,
                                               "state", look->lanes[i].state, "waiting",
                                               (int) look->lanes[i].waiting, "more",
                                               look->lanes[i].waiting == WAITING_MAX));
    }
    for (uint32_t i = 0; i < look->n_holders; i++) {
        json_array_append_new(workers, json_pack("{s:s, s:i, s:i, s:b}", "worker_instance_id",
                                                 look->holders[i].instance, "running",
                                                 (int) look->holders[i].running, "overdue",
                                                 (int) look->holders[i].overdue, "registered",
                                                 look->holders[i].seen[0] != '\0'));
    }
    json = json_pack("{s:I, s:i, s:i, s:f, s:f, s:o, s:o}", "now_ms", (json_int_t) look->now_ms,
                     "running", (int) (look->n_leases - look->overdue), "overdue",
                     (int) look->overdue, "begin_per_s", rate(look, look->started), "end_per_s",
                     rate(look, look->ended), "lanes", lanes, "workers", workers);
    if (json != NULL) {
        json_dumpf(json, stdout, JSON_COMPACT);
        putchar('\n');
    }
    json_decref(json);
}

static void
show(const struct ff_cli *cli, struct look *look)
{
    if (cli->json) {
        print_json(look);
    } else {
        if (isatty(STDOUT_FILENO)) {
            printf("\033[H\033[2J"); /* home, and an empty screen */
        }
        print_head(look);
        print_tables(look);
        if (!isatty(STDOUT_FILENO)) {
            putchar('\n');
        }
    }
    fflush(stdout);
}

int
ff_cli_top(struct ff_cli *cli, int argc, char **argv)
{
    struct top_options options = { .interval_ms = 2000 };
    struct look before = { 0 }, look = { 0 };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &command, argc, argv, &options);
    for (int64_t i = 0; status == FF_CLI_OK && (options.count == 0 || i < options.count); i++) {
        if (i > 0) {
            const struct timespec pause = {
                .tv_sec = (time_t) (options.interval_ms / 1000),
                .tv_nsec = (long) (options.interval_ms % 1000) * 1000000,
            };

            nanosleep(&pause, NULL);
        }
        status = take_look(cli, &look);
        if (status == FF_CLI_OK) {
            compare(&look, &before);
            show(cli, &look);
            status = ferror(stdout) ? FF_CLI_NO_DAEMON : FF_CLI_OK;
        }
        look_done(&before);
        before = look;
        look = (struct look){ 0 };
    }
    look_done(&before);
    return status;
}
