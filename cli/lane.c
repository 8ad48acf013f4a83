/* ffctl lane, ffctl workers: lanes and their states, and who is registered (05 §6, §7). */
#include <inttypes.h>
#include <stdio.h>

#include "cli/output.h"
#include "cli/words.h"
#include "core/clock.h"

/* ---- lane ---- */

static const struct ff_cli_command lane_command = {
    NULL, ff_cli_take_word, "ls\npause LANE\nresume LANE\ndrain LANE\ndisable LANE",
    "List the lanes, or change the state of one.\n\n"
    "A paused lane takes executions in and hands none out; one that drains takes none in and "
    "hands out what it has; a disabled one does neither; resume makes it active. What runs already "
    "goes on in any state." FF_CLI_EXIT_HELP
};

static void
tell_state(void *ctx, const void *result, struct ff_arena *arena)
{
    const struct ff_set_lane_state_result *set = result;

    (void) ctx;
    printf("%s is %s; it was %s\n", ff_cli_safe(set->lane_id, arena),
           ff_word(&ff_vocab_lane_state, set->state),
           ff_word(&ff_vocab_lane_state, set->previous_state));
}

static int
set_state(struct ff_cli *cli, const char *lane, enum ff_lane_state state)
{
    const struct ff_set_lane_state_args args = { .lane_id = ff_cstr(lane), .state = state };
    const struct ff_cli_act act = { .op = FF_OP_set_lane_state, .args = &args, .tell = tell_state };

    return ff_cli_do_tell(cli, &act);
}

static int
pause_lane(struct ff_cli *cli, void *words)
{
    return set_state(cli, ((struct ff_cli_words *) words)->v[0], FF_LANE_PAUSED);
}

static int
resume_lane(struct ff_cli *cli, void *words)
{
    return set_state(cli, ((struct ff_cli_words *) words)->v[0], FF_LANE_ACTIVE);
}

static int
drain_lane(struct ff_cli *cli, void *words)
{
    return set_state(cli, ((struct ff_cli_words *) words)->v[0], FF_LANE_DRAINING);
}

static int
disable_lane(struct ff_cli *cli, void *words)
{
    return set_state(cli, ((struct ff_cli_words *) words)->v[0], FF_LANE_DISABLED);
}

static int
list_lanes(struct ff_cli *cli, void *words)
{
    (void) words;
    return ff_cli_list_lanes(cli);
}

int
ff_cli_lane(struct ff_cli *cli, int argc, char **argv)
{
    static const struct ff_cli_verb verbs[] = {
        { "ls", 0, 0, "", list_lanes },
        { "pause", 1, 1, "LANE", pause_lane },
        { "resume", 1, 1, "LANE", resume_lane },
        { "drain", 1, 1, "LANE", drain_lane },
        { "disable", 1, 1, "LANE", disable_lane },
    };
    struct ff_cli_words words = { .n = 0 };

    ff_cli_parse(cli, &lane_command, argc, argv, &words);
    return ff_cli_run_verb(cli, verbs, FF_COUNT(verbs), &words);
}

/* ---- workers ---- */

struct workers_options {
    const char *namespace;
};

static const struct argp_option workers_options[] = {
    { "namespace", 'n', "NAME", 0, "Only this namespace", 0 },
    { 0 },
};

static error_t
parse_workers(int key, char *arg, struct argp_state *state)
{
    if (key == 'n') {
        ((struct workers_options *) state->input)->namespace = arg;
        return 0;
    }
    return ff_cli_parse_nothing(key, arg, state);
}

static const struct ff_cli_command workers_command = {
    workers_options, parse_workers, "",
    "List the worker processes that are registered and live. With --json a page is a "
    "line." FF_CLI_EXIT_HELP
};

static const char *
list_cell(struct ff_cli_table *table, const struct ff_strs *texts)
{
    return texts->n == 0 ? "-" : ff_cli_joined(texts, ",", &table->arena);
}

static void
add_workers(struct ff_cli_table *table, const struct ff_worker_entry_list *entries)
{
    int64_t now_ms = ff_wall_ms();

    for (uint32_t i = 0; i < entries->n; i++) {
        const struct ff_worker_entry *entry = &entries->v[i];
        const char *cells[] = {
            ff_cli_cell(table, entry->worker_instance_id),
            ff_cli_cell(table, entry->worker_id),
            ff_cli_cell(table, entry->namespace),
            list_cell(table, &entry->lanes),
            list_cell(table, &entry->capabilities),
            ff_cli_ago(entry->last_heartbeat_ms, now_ms, &table->arena),
        };

        ff_cli_table_add(table, cells);
    }
}

int
ff_cli_workers(struct ff_cli *cli, int argc, char **argv)
{
    static const char *const titles[] = { "INSTANCE", "WORKER",       "NAMESPACE",
                                          "LANES",    "CAPABILITIES", "HEARTBEAT" };
    FF_SCOPED(ff_cli_table) table = { .titles = titles, .columns = FF_COUNT(titles) };
    struct workers_options options = { .namespace = NULL };
    struct ff_list_workers_args args = { .limit = 1000 };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &workers_command, argc, argv, &options);
    args.namespace = ff_cstr(options.namespace);
    do {
        FF_SCOPED(ff_answer) answer = { 0 };
        struct ff_list_workers_result page = { 0 };

        status = ff_cli_do(cli, FF_OP_list_workers, &args, &page, &answer);
        if (status == FF_CLI_OK && cli->json) {
            ff_cli_print_json(answer.map);
        } else if (status == FF_CLI_OK) {
            add_workers(&table, &page.entries);
            ff_cli_table_print(&table);
        }
        args.cursor = ff_arena_copy(&cli->arena, page.next_cursor);
    } while (status == FF_CLI_OK && args.cursor.n > 0);
    return status;
}
