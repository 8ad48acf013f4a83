#include <inttypes.h>
#include <stdio.h>

#include "cli/listing.h"
#include "core/codec.h"
#include "core/id.h"

/* Ids of a page, and executions that are asked about at the same time. */
#define PAGE 500

struct ls_options {
    const char *lane, *kind, *namespace, *state;
};

/* ---- the command line ---- */

static const struct argp_option own_options[] = {
    FF_CLI_LISTING_OPTIONS('p'),
    { "lane", 'l', "LANE", 0, "Only this lane", 0 },
    { "kind", 'k', "KIND", 0, "Only this kind", 0 },
    { "namespace", 'n', "NAME", 0, "Only this namespace", 0 },
    { "state", 'S', "STATE", 0,
      "Only this state: waiting, delayed, active, completed, failed and so on", 0 },
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
    struct ff_cli_listing *listing = state->input;
    struct ls_options *options = listing->options;

    switch (key) {
    case 'p':
        ff_cli_listing_partition(listing, arg, state);
        return 0;
    case 'm':
        ff_cli_listing_limit(listing, arg, state);
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
        return ff_cli_parse_nothing(key, arg, state);
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

static void
add_row(struct ff_cli_listing *listing, const struct ff_execution_info *info)
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
    ff_cli_listing_add(listing, cells);
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
show_one(struct ff_cli_listing *listing, struct ff_answer *answer)
{
    const struct ls_options *o = listing->options;
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
    if (ff_cli_listing_full(listing)) {
        return FF_CLI_OK;
    }
    if (listing->cli->json) {
        print_info(answer->map);
    } else {
        add_row(listing, info);
    }
    return FF_CLI_OK;
}

static int
show_page(struct ff_cli_listing *listing, const struct ff_answer *answer, const void *result)
{
    const struct ff_strs *ids = &((const struct ff_list_executions_result *) result)->executions;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_read_execution_info_args *args =
        FF_ARENA_NEW(&arena, struct ff_read_execution_info_args, ids->n);
    struct ff_cli_many many = { FF_OP_read_execution_info, ids->n, args,
                                FF_ARENA_NEW(&arena, struct ff_answer, ids->n) };
    struct ff_fault fault = { 0 };
    int status = FF_CLI_OK;

    (void) answer;
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

int
ff_cli_ls(struct ff_cli *cli, int argc, char **argv)
{
    static const char *const titles[] = { "EXECUTION", "STATE",    "KIND",
                                          "LANE",      "PRIORITY", "CREATED" };
    struct ls_options options = { .lane = NULL };
    struct ff_cli_listing listing = { FF_OP_list_executions,
                                      PAGE,
                                      show_page,
                                      &options,
                                      { .titles = titles, .columns = FF_COUNT(titles) },
                                      FF_CLI_LISTING_DEFAULTS };

    ff_cli_parse(cli, &ls_command, argc, argv, &listing);
    return ff_cli_list_all(cli, &listing);
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
