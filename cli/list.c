#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "core/codec.h"
#include "core/id.h"
#include "core/partition.h"

/* Partitions that are asked at the same time. */
#define WINDOW 32
/* Ids of a page, and executions that are asked about at the same time. */
#define PAGE 500
/* Rows that are kept before they are printed, for columns of one width. */
#define ROWS_KEPT 1000

struct ls_options {
    int64_t partition; /* -1: all */
    int64_t limit;     /* 0: none */
    const char *lane, *kind, *namespace, *state;
};

struct listing {
    struct ff_cli *cli;
    struct ls_options options;
    int64_t now_ms;
    uint64_t shown;
    bool more; /* the limit cut something off */
    struct ff_cli_table table;
};

/* ---- the command line ---- */

static const struct argp_option own_options[] = {
    { "partition", 'p', "N", 0, "Only this partition", 0 },
    { "lane", 'l', "LANE", 0, "Only this lane", 0 },
    { "kind", 'k', "KIND", 0, "Only this kind", 0 },
    { "namespace", 'n', "NAME", 0, "Only this namespace", 0 },
    { "state", 'S', "STATE", 0,
      "Only this state: waiting, delayed, active, completed, failed and so on", 0 },
    { "limit", 'm', "NUMBER", 0, "At most so many (default 100); 0: all", 0 },
    { 0 },
};

static bool
is_state(const char *word)
{
    for (uint32_t i = 0; i < ff_vocab_public_state.n; i++) {
        if (strcmp(ff_vocab_public_state.words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct ls_options *options = state->input;

    switch (key) {
    case 'p':
        if (!ff_cli_parse_number(arg, 0, UINT16_MAX, &options->partition)) {
            argp_error(state, "--partition: '%s' is no number from 0 to 65535", arg);
        }
        return 0;
    case 'm':
        if (!ff_cli_parse_number(arg, 0, INT64_MAX, &options->limit)) {
            argp_error(state, "--limit: '%s' is no number", arg);
        }
        return 0;
    case 'S':
        if (!is_state(arg)) {
            argp_error(state,
                       "--state: there is no state '%s'; `ffctl ops read_execution_state' "
                       "lists them",
                       arg);
        }
        options->state = arg;
        return 0;
    case 'l':
        options->lane = arg;
        return 0;
    case 'k':
        options->kind = arg;
        return 0;
    case 'n':
        options->namespace = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ff_cli_command ls_command = {
    own_options, parse, "",
    "List executions, partition by partition and by id within each, in any state unless --state "
    "says "
    "which. With --json each is a line." FF_CLI_EXIT_HELP
};

/* ---- executions ---- */

static bool
fits(const char *wanted, struct ff_str got)
{
    return wanted == NULL || ff_str_is(got, wanted);
}

static bool
is_full(const struct listing *listing)
{
    return listing->options.limit > 0 && listing->shown >= (uint64_t) listing->options.limit;
}

static void
add_row(struct listing *listing, const struct ff_execution_info *info)
{
    struct ff_cli_table *table = &listing->table;
    char *id = ff_arena_alloc(&table->arena, FF_EID_TEXT_MAX);
    const char *cells[] = { id,
                            ff_word(&ff_vocab_public_state, info->public_state),
                            ff_cli_cell(table, info->execution_kind),
                            ff_cli_cell(table, info->lane_id),
                            ff_arena_printf(&table->arena, "%" PRId32, info->priority).p,
                            ff_cli_ago(info->created_at, listing->now_ms, &table->arena) };

    ff_eid_text(&info->execution_id, id);
    ff_cli_table_add(table, cells);
    if (table->rows == ROWS_KEPT) {
        ff_cli_table_print(table);
    }
}

/* The answer as it came, {"info": {…}}, without what is around it. */
static void
print_info(struct ff_str map)
{
    struct ff_str inner = ff_str(map.p + 1, map.n - 1); /* behind the head of a map of one pair */

    ff_msgpack_take(&inner); /* its key */
    ff_cli_print_json(inner);
}

static int
show_one(struct listing *listing, struct ff_answer *answer)
{
    const struct ls_options *o = &listing->options;
    struct ff_read_execution_info_result result = { 0 };
    const struct ff_execution_info *info = NULL;

    if (ff_answer_result(answer, FF_OP_read_execution_info, &result) != FF_E_OK) {
        return ff_cli_report(listing->cli, "read_execution_info", answer);
    }
    info = result.info;
    if (info == NULL || !fits(o->lane, info->lane_id) || !fits(o->kind, info->execution_kind) ||
        !fits(o->namespace, info->namespace) ||
        !fits(o->state, ff_cstr(ff_word(&ff_vocab_public_state, info->public_state)))) {
        return FF_CLI_OK; /* or it was trimmed meanwhile */
    }
    if (is_full(listing)) {
        listing->more = true;
        return FF_CLI_OK;
    }
    if (listing->cli->json) {
        print_info(answer->map);
    } else {
        add_row(listing, info);
    }
    listing->shown++;
    return FF_CLI_OK;
}

static int
show_page(struct listing *listing, const struct ff_strs *ids)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_read_execution_info_args *args =
        FF_ARENA_NEW(&arena, struct ff_read_execution_info_args, ids->n);
    struct ff_cli_many many = { FF_OP_read_execution_info, ids->n, args,
                                FF_ARENA_NEW(&arena, struct ff_answer, ids->n) };
    struct ff_fault fault = { 0 };
    int status = FF_CLI_OK;

    for (uint32_t i = 0; i < ids->n; i++) {
        if (ff_eid_parse(ids->v[i], "executions", &args[i].execution_id, &fault) != FF_E_OK) {
            fprintf(stderr, "ffctl: the daemon listed what is no id\n");
            return FF_CLI_FAILED;
        }
    }
    status = ff_cli_do_many(listing->cli, &many);
    for (uint32_t i = 0; i < ids->n && status == FF_CLI_OK && !listing->more; i++) {
        status = show_one(listing, &many.answers[i]);
    }
    for (uint32_t i = 0; i < ids->n; i++) {
        ff_answer_done(&many.answers[i]);
    }
    return status;
}

/* A page that has been fetched, and those behind it. */
static int
show_partition(struct listing *listing, struct ff_list_executions_args args,
               struct ff_answer *first)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_list_executions_result page = { 0 };
    int status = FF_CLI_OK;

    if (ff_answer_result(first, FF_OP_list_executions, &page) != FF_E_OK) {
        return ff_cli_report(listing->cli, "list_executions", first);
    }
    for (;;) {
        status = show_page(listing, &page.executions);
        if (status != FF_CLI_OK || page.next_cursor.n == 0 || listing->more) {
            return status;
        }
        args.cursor = ff_arena_copy(&first->arena, page.next_cursor);
        page = (struct ff_list_executions_result){ 0 };
        status = ff_cli_do(listing->cli, FF_OP_list_executions, &args, &page, &answer);
        if (status != FF_CLI_OK) {
            return status;
        }
    }
}

static int
show_partitions(struct listing *listing, uint32_t from, uint32_t n)
{
    struct ff_list_executions_args args[WINDOW] = { 0 };
    struct ff_answer answers[WINDOW] = { 0 };
    char keys[WINDOW][FF_PARTITION_KEY_MAX];
    struct ff_cli_many many = { FF_OP_list_executions, n, args, answers };
    int status = FF_CLI_OK;

    for (uint32_t i = 0; i < n; i++) {
        struct ff_partition partition = { FF_PARTITION_FLOW, (uint16_t) (from + i) };

        args[i].partition = ff_str(keys[i], ff_partition_key_text(partition, keys[i]));
        args[i].limit = PAGE;
    }
    status = ff_cli_do_many(listing->cli, &many);
    for (uint32_t i = 0; i < n && status == FF_CLI_OK && !listing->more; i++) {
        status = show_partition(listing, args[i], &answers[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        ff_answer_done(&answers[i]);
    }
    return status;
}

/* How many partitions there are, and the daemon's time. */
static int
ask_daemon(struct listing *listing, uint32_t *partitions_out)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    const struct ff_hello_args args = { .client_name = ff_cstr("ffctl") };
    struct ff_hello_result hello = { 0 };
    int status = ff_cli_do(listing->cli, FF_OP_hello, &args, &hello, &answer);

    listing->now_ms = hello.now_ms;
    for (uint32_t i = 0; i < hello.limits.n; i++) {
        if (ff_str_is(hello.limits.v[i].key, "flow_partitions")) {
            *partitions_out = (uint32_t) hello.limits.v[i].value;
        }
    }
    if (status == FF_CLI_OK && *partitions_out == 0) {
        fprintf(stderr, "ffctl: the daemon does not tell its partitions; name one: --partition\n");
        return FF_CLI_FAILED;
    }
    return status;
}

static int
show_all(struct listing *listing)
{
    int64_t one = listing->options.partition;
    uint32_t partitions = 0;
    int status = ask_daemon(listing, &partitions);

    if (status != FF_CLI_OK || one >= 0) {
        return status != FF_CLI_OK ? status : show_partitions(listing, (uint32_t) one, 1);
    }
    for (uint32_t at = 0; at < partitions && status == FF_CLI_OK && !listing->more; at += WINDOW) {
        uint32_t n = partitions - at;

        status = show_partitions(listing, at, n > WINDOW ? WINDOW : n);
    }
    return status;
}

int
ff_cli_ls(struct ff_cli *cli, int argc, char **argv)
{
    static const char *const titles[] = { "EXECUTION", "STATE",    "KIND",
                                          "LANE",      "PRIORITY", "CREATED" };
    struct listing listing = { .cli = cli,
                               .options = { .partition = -1, .limit = 100 },
                               .table = { .titles = titles, .columns = FF_COUNT(titles) } };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &ls_command, argc, argv, &listing.options);
    status = show_all(&listing);
    ff_cli_table_print(&listing.table);
    if (listing.more) {
        fprintf(stderr, "ffctl: there are more; --limit 0 shows all\n");
    }
    ff_cli_table_done(&listing.table);
    return status;
}

/* ---- lanes ---- */

static const struct ff_cli_command lanes_command = {
    NULL, NULL, "",
    "List the lanes and their states: active, paused, draining or disabled." FF_CLI_EXIT_HELP
};

static struct ff_str
state_of(const struct ff_tags *states, struct ff_str lane)
{
    for (uint32_t i = 0; i < states->n; i++) {
        if (ff_str_eq(states->v[i].key, lane)) {
            return states->v[i].value;
        }
    }
    return ff_cstr("?");
}

static void
add_lanes(struct ff_cli_table *table, const struct ff_list_lanes_result *page)
{
    for (uint32_t i = 0; i < page->lanes.n; i++) {
        const char *cells[] = { ff_cli_cell(table, page->lanes.v[i]),
                                ff_cli_cell(table, state_of(&page->states, page->lanes.v[i])) };

        ff_cli_table_add(table, cells);
    }
}

/* With --json a page is a line. */
int
ff_cli_list_lanes(struct ff_cli *cli)
{
    static const char *const titles[] = { "LANE", "STATE" };
    FF_SCOPED(ff_cli_table) table = { .titles = titles, .columns = 2 };
    struct ff_list_lanes_args args = { .limit = 1000 };
    int status = FF_CLI_OK;

    do {
        FF_SCOPED(ff_answer) answer = { 0 };
        struct ff_list_lanes_result page = { 0 };

        status = ff_cli_do(cli, FF_OP_list_lanes, &args, &page, &answer);
        if (status == FF_CLI_OK && cli->json) {
            ff_cli_print_json(answer.map);
        } else if (status == FF_CLI_OK) {
            add_lanes(&table, &page);
        }
        args.cursor = ff_arena_copy(&cli->arena, page.next_cursor);
    } while (status == FF_CLI_OK && args.cursor.n > 0);
    ff_cli_table_print(&table);
    return status;
}

int
ff_cli_lanes(struct ff_cli *cli, int argc, char **argv)
{
    ff_cli_parse(cli, &lanes_command, argc, argv, NULL);
    return ff_cli_list_lanes(cli);
}
