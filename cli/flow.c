/* ffctl flow: the command; cancelling and listing flows (04). A graph is read and submitted by
 * flow_submit.c; what a flow looks like: flow_show.c. */
#include <stdio.h>

#include "cli/flow.h"
#include "cli/output.h"
#include "core/id.h"

enum { KEY_ID = 256 };

static const struct argp_option own_options[] = {
    { "id", KEY_ID, "ID", 0,
      "submit: the flow's id, a uuid; the same graph under the same id is submitted once", 0 },
    { "wait", 'w', NULL, 0, "submit, cancel: wait until the flow has ended", 0 },
    { "policy", 'p', "POLICY", 0, "cancel: flow_only, cancel_pending or cancel_all (default)", 0 },
    { "reason", 'r', "TEXT", 0, "cancel: kept with every cancelled member", 0 },
    FF_CLI_LISTING_OPTIONS('P'),
    { "dot", 'd', NULL, 0, "graph: for Graphviz (it is the only form, and the default)", 0 },
    { 0 },
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct ff_cli_flow *options = state->input;

    switch (key) {
    case 'w':
        options->wait = true;
        return 0;
    case 'p':
        options->policy = arg;
        return 0;
    case 'r':
        options->reason = arg;
        return 0;
    case KEY_ID:
        options->id = arg;
        return 0;
    case 'P':
        ff_cli_listing_partition(&options->listing, arg, state);
        return 0;
    case 'm':
        ff_cli_listing_limit(&options->listing, arg, state);
        return 0;
    case 'd':
        return 0;
    default:
        return ff_cli_take_word(key, arg, state);
    }
}

static const struct ff_cli_command command = {
    own_options, parse, "submit FILE\nshow ID\nwatch ID\ncancel ID\nls\ngraph ID",
    "Work with flows: executions that wait for each other.\n\n"
    "submit reads a graph as JSON (- reads standard input) and prints the flow's id; show draws "
    "its members as a tree, with their states and what each waits for; watch does so until it has "
    "ended, in a pipe as a line for each change; cancel ends those that have not ended; graph "
    "writes it for Graphviz; ls lists flows.\v"
    "A graph is {\"flow\": {\"flow_kind\": K}, \"members\": [{\"key\": K, \"execution_kind\": K, "
    "\"input\": ANY}...], \"edges\": [{\"from\": K, \"to\": K}...], \"groups\": [{\"member\": K, "
    "\"policy\": {\"kind\": \"any_of\", \"on_satisfied\": \"cancel_remaining\"}}...]}: the "
    "arguments of submit_flow (`ffctl ops submit_flow'). What is left out: flow_id is made, "
    "namespace and lane_id are `default', a member in no group waits for all its edges; \"input\" "
    "is any JSON, handed on as the text that stands there.\n\n"
    "Exit status: 0 done, or with watch and --wait: completed; 1 the operation answered an error, "
    "or the flow failed or was cancelled; 2 wrong usage, nothing was done; 3 no daemon or store "
    "answers, or input or output failed; 4 --timeout was over first."
};

/* ---- cancel ---- */

static void
tell_cancelled(void *ctx, const void *result, struct ff_arena *arena)
{
    const struct ff_cancel_flow_result *cancelled = result;

    (void) ctx;
    (void) arena;
    printf("%s (%s), %u members\n", cancelled->outcome,
           ff_word(&ff_vocab_cancel_flow_policy, cancelled->cancellation_policy),
           (unsigned) cancelled->member_execution_ids.n);
}

static int
cancel(struct ff_cli *cli, void *data)
{
    const struct ff_cli_flow *options = data;
    struct ff_flow_wait wait = { .kind = FF_FLOW_WAIT_INDEFINITE };
    struct ff_cancel_flow_args args = {
        .flow_id = ff_cli_uuid(options->words.v[0], "a flow's id"),
        .policy = ff_cstr(options->policy == NULL ? "cancel_all" : options->policy),
        .reason = ff_cstr(options->reason == NULL ? "flow_cancelled" : options->reason),
    };
    const struct ff_cli_act act = { .op = FF_OP_cancel_flow,
                                    .args = &args,
                                    .tell = tell_cancelled };

    if (options->wait && cli->timeout_ms > 0) {
        wait.kind = FF_FLOW_WAIT_TIMEOUT;
        wait.timeout_ms = FF_SOME(ff_opt_u64, cli->timeout_ms);
    }
    args.wait = options->wait ? &wait : NULL;
    return ff_cli_do_tell(cli, &act);
}

/* ---- ls ---- */

static int
show_page(struct ff_cli_listing *listing, const struct ff_answer *answer, const void *result)
{
    const struct ff_list_flows_result *page = result;

    if (listing->cli->json && page->flows.n > 0) {
        ff_cli_print_json(answer->map);
    }
    for (uint32_t i = 0; i < page->flows.n && !listing->cli->json; i++) {
        const struct ff_flow_row *row = &page->flows.v[i];
        const char *cells[] = { ff_cli_uuid_text(&row->flow_id, &listing->table.arena),
                                ff_word(&ff_vocab_flow_status, row->status),
                                ff_cli_when(row->created_at, listing->now_ms,
                                            &listing->table.arena) };

        if (ff_cli_listing_full(listing)) {
            break;
        }
        ff_cli_listing_add(listing, cells);
    }
    return FF_CLI_OK;
}

static int
list(struct ff_cli *cli, void *data)
{
    return ff_cli_list_all(cli, &((struct ff_cli_flow *) data)->listing);
}

/* ---- the command ---- */

int
ff_cli_flow_command(struct ff_cli *cli, int argc, char **argv)
{
    static const struct ff_cli_verb verbs[] = {
        { "submit", 1, 1, "FILE", ff_cli_flow_submit_verb },
        { "show", 1, 1, "ID", ff_cli_flow_show_verb },
        { "watch", 1, 1, "ID", ff_cli_flow_watch_verb },
        { "cancel", 1, 1, "ID", cancel },
        { "ls", 0, 0, "", list },
        { "graph", 1, 1, "ID", ff_cli_flow_graph_verb },
    };
    static const char *const titles[] = { "FLOW", "STATUS", "CREATED" };
    struct ff_cli_flow options = { .listing = { FF_OP_list_flows,
                                                1000,
                                                show_page,
                                                NULL,
                                                { .titles = titles, .columns = 3 },
                                                FF_CLI_LISTING_DEFAULTS } };

    ff_cli_parse(cli, &command, argc, argv, &options);
    return ff_cli_run_verb(cli, verbs, FF_COUNT(verbs), &options.words);
}
