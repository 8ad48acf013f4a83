/* waits.c: the commands that show who waits for what: waitpoints, suspended (03 §10). */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "core/id.h"
#include "core/partition.h"

#define PAGE 500
/* Partitions that are asked at the same time. */
#define WINDOW 32

/* The daemon's time, and how many partitions it has. */
static int
ask_daemon(struct ff_cli *cli, int64_t *now_ms, uint32_t *partitions)
{
    const struct ff_hello_args args = { .client_name = ff_cstr("ffctl") };
    struct ff_hello_result hello = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = ff_cli_do(cli, FF_OP_hello, &args, &hello, &answer);

    *now_ms = hello.now_ms;
    *partitions = 0;
    for (uint32_t i = 0; i < hello.limits.n; i++) {
        if (ff_str_is(hello.limits.v[i].key, "flow_partitions")) {
            *partitions = (uint32_t) hello.limits.v[i].value;
        }
    }
    return status;
}

static const char *
when_or_never(struct ff_cli_table *table, struct ff_opt_i64 at, int64_t now_ms)
{
    return at.is ? ff_cli_ago(at.v, now_ms, &table->arena) : "never";
}

/* ---- waitpoints ---- */

static error_t
parse_id(int key, char *arg, struct argp_state *state)
{
    struct ff_eid *id = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "one execution at a time");
        }
        *id = ff_cli_parse_eid(state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name the execution");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ff_cli_command waitpoints_command = {
    NULL, parse_id, "EXECUTION",
    "List the open waitpoints of an execution: where signals may be sent, and which. Tokens are "
    "never shown." //
    FF_CLI_EXIT_HELP
};

static struct ff_str
joined(struct ff_cli_table *table, const struct ff_strs *names)
{
    struct ff_str text = ff_cstr("");

    for (uint32_t i = 0; i < names->n; i++) {
        text = ff_arena_printf(&table->arena, "%s%s%.*s", text.p, i == 0 ? "" : ", ",
                               (int) names->v[i].n, names->v[i].p);
    }
    return names->n == 0 ? ff_cstr("any") : text;
}

static void
add_waitpoint(struct ff_cli_table *table, const struct ff_pending_waitpoint *entry, int64_t now_ms)
{
    char id[FF_UUID_TEXT_MAX];

    ff_uuid_text(&entry->waitpoint_id, id);
    {
        const char *cells[] = {
            ff_cli_cell(table, ff_cstr(id)),
            ff_cli_cell(table, entry->waitpoint_key),
            ff_word(&ff_vocab_waitpoint_state, entry->state),
            ff_cli_cell(table, joined(table, &entry->required_signal_names)),
            when_or_never(table, entry->expires_at, now_ms),
            ff_cli_cell(table, entry->token_kid),
        };

        ff_cli_table_add(table, cells);
    }
}

/* With --json a page is a line. */
int
ff_cli_waitpoints(struct ff_cli *cli, int argc, char **argv)
{
    static const char *const titles[] = { "WAITPOINT", "KEY",     "STATE",
                                          "SIGNALS",   "EXPIRES", "SIGNED BY" };
    FF_SCOPED(ff_cli_table) table = { .titles = titles, .columns = FF_COUNT(titles) };
    struct ff_list_pending_waitpoints_args args = { .limit = PAGE };
    uint32_t partitions = 0;
    int64_t now_ms = 0;
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &waitpoints_command, argc, argv, &args.execution_id);
    status = ask_daemon(cli, &now_ms, &partitions);
    while (status == FF_CLI_OK) {
        FF_SCOPED(ff_answer) answer = { 0 };
        struct ff_list_pending_waitpoints_result page = { 0 };

        status = ff_cli_do(cli, FF_OP_list_pending_waitpoints, &args, &page, &answer);
        for (uint32_t i = 0; i < page.entries.n && !cli->json; i++) {
            add_waitpoint(&table, &page.entries.v[i], now_ms);
        }
        if (status == FF_CLI_OK && cli->json) {
            ff_cli_print_json(answer.map);
        }
        args.cursor = page.next_cursor;
        if (!page.next_cursor.is) {
            break;
        }
    }
    ff_cli_table_print(&table);
    return status;
}

/* ---- suspended ---- */

struct suspended_options {
    int64_t partition; /* -1: all */
    int64_t limit;     /* 0: none */
};

static const struct argp_option suspended_own[] = {
    { "partition", 'p', "N", 0, "Only this partition", 0 },
    { "limit", 'm', "NUMBER", 0, "At most so many (default 100); 0: all", 0 },
    { 0 },
};

static error_t
parse_suspended(int key, char *arg, struct argp_state *state)
{
    struct suspended_options *options = state->input;

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
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is too much: it takes no arguments", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ff_cli_command suspended_command = {
    suspended_own, parse_suspended, "",
    "List the executions that wait for signals, by partition and time of suspension." //
    FF_CLI_EXIT_HELP
};

struct listing {
    struct ff_cli *cli;
    struct suspended_options options;
    struct ff_cli_table table;
    int64_t now_ms;
    int64_t shown;
    bool more; /* the limit cut something off */
};

static void
show_entry(struct listing *listing, const struct ff_suspended_entry *entry)
{
    struct ff_cli_table *table = &listing->table;
    char id[FF_EID_TEXT_MAX];

    if (listing->options.limit > 0 && listing->shown == listing->options.limit) {
        listing->more = true;
        return;
    }
    ff_eid_text(&entry->execution_id, id);
    listing->shown++;
    {
        const char *cells[] = {
            ff_cli_cell(table, ff_cstr(id)),
            ff_word(&ff_vocab_suspend_reason, entry->reason),
            ff_cli_ago(entry->suspended_at, listing->now_ms, &table->arena),
            when_or_never(table, entry->timeout_at, listing->now_ms),
        };

        ff_cli_table_add(table, cells);
    }
}

/* A page that has been fetched, and those behind it. */
static int
show_pages(struct listing *listing, struct ff_list_suspended_args args, struct ff_answer *first)
{
    struct ff_list_suspended_result page = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_answer *of_page = first;
    int status = FF_CLI_OK;

    if (ff_answer_result(first, FF_OP_list_suspended, &page) != FF_E_OK) {
        return ff_cli_report(listing->cli, "list_suspended", first);
    }
    for (;;) {
        if (listing->cli->json && page.entries.n > 0) {
            ff_cli_print_json(of_page->map);
            listing->shown += page.entries.n;
        }
        for (uint32_t i = 0; i < page.entries.n && !listing->cli->json; i++) {
            show_entry(listing, &page.entries.v[i]);
        }
        if (page.next_cursor.n == 0 || listing->more) {
            return FF_CLI_OK;
        }
        args.cursor = ff_arena_copy(&first->arena, page.next_cursor);
        page = (struct ff_list_suspended_result){ 0 };
        of_page = &answer;
        status = ff_cli_do(listing->cli, FF_OP_list_suspended, &args, &page, &answer);
        if (status != FF_CLI_OK) {
            return status;
        }
    }
}

static int
show_partitions(struct listing *listing, uint32_t from, uint32_t n)
{
    struct ff_list_suspended_args args[WINDOW] = { 0 };
    struct ff_answer answers[WINDOW] = { 0 };
    char keys[WINDOW][FF_PARTITION_KEY_MAX];
    const struct ff_cli_many many = { FF_OP_list_suspended, n, args, answers };
    int status = FF_CLI_OK;

    for (uint32_t i = 0; i < n; i++) {
        struct ff_partition partition = { FF_PARTITION_FLOW, (uint16_t) (from + i) };

        args[i].partition = ff_str(keys[i], ff_partition_key_text(partition, keys[i]));
        args[i].limit = PAGE;
    }
    status = ff_cli_do_many(listing->cli, &many);
    for (uint32_t i = 0; i < n && status == FF_CLI_OK && !listing->more; i++) {
        status = show_pages(listing, args[i], &answers[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        ff_answer_done(&answers[i]);
    }
    return status;
}

/* With --json a page of a partition is a line; --limit does not count there. */
int
ff_cli_suspended(struct ff_cli *cli, int argc, char **argv)
{
    static const char *const titles[] = { "EXECUTION", "REASON", "SUSPENDED", "TIME-OUT" };
    struct listing listing = { .cli = cli,
                               .options = { .partition = -1, .limit = 100 },
                               .table = { .titles = titles, .columns = FF_COUNT(titles) } };
    uint32_t partitions = 0, at = 0;
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &suspended_command, argc, argv, &listing.options);
    status = ask_daemon(cli, &listing.now_ms, &partitions);
    if (listing.options.partition >= 0) {
        at = (uint32_t) listing.options.partition;
        partitions = at + 1;
    }
    while (at < partitions && status == FF_CLI_OK && !listing.more) {
        uint32_t n = partitions - at < WINDOW ? partitions - at : WINDOW;

        status = show_partitions(&listing, at, n);
        at += n;
    }
    ff_cli_table_print(&listing.table);
    if (listing.more) {
        fprintf(stderr, "ffctl: there are more; --limit 0 shows all\n");
    }
    ff_cli_table_done(&listing.table);
    return status;
}
