/* waits.c: the commands that show who waits for what: waitpoints, suspended (03 §10). */
#include <stdio.h>

#include "cli/life.h"
#include "cli/listing.h"
#include "core/id.h"

#define PAGE 500

static const char *
when_or_never(struct ff_cli_table *table, struct ff_opt_i64 at, int64_t now_ms)
{
    return at.is ? ff_cli_ago(at.v, now_ms, &table->arena) : "never";
}

/* ---- waitpoints ---- */

static const struct ff_cli_command waitpoints_command = {
    NULL, ff_cli_parse_one, "EXECUTION",
    "List the open waitpoints of an execution: where signals may be sent, and which. Tokens are "
    "never shown." //
    FF_CLI_EXIT_HELP
};

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
            entry->required_signal_names.n == 0
                ? "any"
                : ff_cli_joined(&entry->required_signal_names, ", ", &table->arena),
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
    struct ff_cli_one one = { .given = false };
    uint32_t partitions = 0;
    int64_t now_ms = 0;
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &waitpoints_command, argc, argv, &one);
    args.execution_id = one.id;
    status = ff_cli_ask_partitions(cli, &now_ms, &partitions);
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

static const struct argp_option suspended_own[] = { FF_CLI_LISTING_OPTIONS('p'), { 0 } };

static error_t
parse_suspended(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'p':
        ff_cli_listing_partition(state->input, arg, state);
        return 0;
    case 'm':
        ff_cli_listing_limit(state->input, arg, state);
        return 0;
    default:
        return ff_cli_parse_nothing(key, arg, state);
    }
}

static const struct ff_cli_command suspended_command = {
    suspended_own, parse_suspended, "",
    "List the executions that wait for signals, by partition and time of suspension." //
    FF_CLI_EXIT_HELP
};

static void
add_suspended(struct ff_cli_listing *listing, const struct ff_suspended_entry *entry)
{
    struct ff_cli_table *table = &listing->table;
    char *id = ff_arena_alloc(&table->arena, FF_EID_TEXT_MAX);
    const char *cells[] = { id, ff_word(&ff_vocab_suspend_reason, entry->reason),
                            ff_cli_ago(entry->suspended_at, listing->now_ms, &table->arena),
                            when_or_never(table, entry->timeout_at, listing->now_ms) };

    ff_eid_text(&entry->execution_id, id);
    ff_cli_listing_add(listing, cells);
}

static int
show_page(struct ff_cli_listing *listing, const struct ff_answer *answer, const void *result)
{
    const struct ff_list_suspended_result *page = result;

    if (listing->cli->json && page->entries.n > 0) {
        ff_cli_print_json(answer->map);
    }
    for (uint32_t i = 0; i < page->entries.n && !listing->cli->json; i++) {
        if (ff_cli_listing_full(listing)) {
            break;
        }
        add_suspended(listing, &page->entries.v[i]);
    }
    return FF_CLI_OK;
}

/* With --json a page of a partition is a line; --limit does not count there. */
int
ff_cli_suspended(struct ff_cli *cli, int argc, char **argv)
{
    static const char *const titles[] = { "EXECUTION", "REASON", "SUSPENDED", "TIME-OUT" };
    struct ff_cli_listing listing = { FF_OP_list_suspended,
                                      PAGE,
                                      show_page,
                                      NULL,
                                      { .titles = titles, .columns = FF_COUNT(titles) },
                                      FF_CLI_LISTING_DEFAULTS };

    ff_cli_parse(cli, &suspended_command, argc, argv, &listing);
    return ff_cli_list_all(cli, &listing);
}
