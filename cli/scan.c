/* scan.c: `ffctl scan`: what the scanners have done, and one cycle of one of them now. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "core/clock.h"
#include "core/codec.h"

struct scan_options {
    const char *scanner; /* NULL: list them */
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct scan_options *options = state->input;

    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    if (options->scanner != NULL) {
        argp_error(state, "'%s' is too much: one SCANNER at a time", arg);
    }
    options->scanner = arg;
    return 0;
}

static const struct ff_cli_command command = {
    NULL, parse, "[SCANNER]",
    "Run one cycle of a scanner now and wait for its end, for example lease_expiry or "
    "delayed_promoter; without a name: what each scanner has done since its process started. "
    "LEFT counts the items that keep failing and are left alone now." FF_CLI_EXIT_HELP
};

/* ---- one cycle ---- */

static void
tell_scanned(void *ctx, const void *result, struct ff_arena *arena)
{
    const struct ff_run_scanner_result *cycle = result;

    (void) ctx;
    (void) arena;
    printf("%" PRIu32 " changed, %" PRIu32 " failed\n", cycle->processed, cycle->errors);
}

static int
run(struct ff_cli *cli, const char *scanner)
{
    const struct ff_run_scanner_args args = { .name = ff_cstr(scanner) };
    const struct ff_cli_act act = { .op = FF_OP_run_scanner, .args = &args, .tell = tell_scanned };

    return ff_cli_do_tell(cli, &act);
}

/* ---- the list ---- */

static const char *
number(struct ff_cli_table *table, uint64_t value)
{
    return ff_arena_printf(&table->arena, "%" PRIu64, value).p;
}

/* "3 s ago, 12 ms" */
static const char *
last_pass(struct ff_cli_table *table, const struct ff_scanner_stat *stat, int64_t now_ms)
{
    if (!stat->last_at.is) {
        return "-";
    }
    return ff_arena_printf(&table->arena, "%s, %" PRIu64 " ms",
                           ff_cli_ago(stat->last_at.v, now_ms, &table->arena), stat->last_ms)
        .p;
}

static void
tell_stats(void *ctx, const void *result, struct ff_arena *arena)
{
    static const char *const titles[] = { "SCANNER", "PROCESS", "PASSES", "CHANGED",
                                          "FAILED",  "LEFT",    "LAST" };
    const struct ff_scanner_stat_list *stats =
        &((const struct ff_scanner_stats_result *) result)->scanners;
    FF_SCOPED(ff_cli_table) table = { .titles = titles, .columns = FF_COUNT(titles) };
    int64_t now_ms = ff_wall_ms();

    (void) ctx;
    (void) arena;
    for (uint32_t i = 0; i < stats->n; i++) {
        const struct ff_scanner_stat *stat = &stats->v[i];
        const char *cells[] = {
            ff_word(&ff_vocab_scanner, stat->name), ff_cli_cell(&table, stat->process),
            number(&table, stat->passes),           number(&table, stat->processed),
            number(&table, stat->errors),           number(&table, stat->backed_off),
            last_pass(&table, stat, now_ms),
        };

        ff_cli_table_add(&table, cells);
    }
    ff_cli_table_print(&table);
}

static int
list(struct ff_cli *cli)
{
    const struct ff_scanner_stats_args none = { 0 };
    const struct ff_cli_act act = { .op = FF_OP_scanner_stats, .args = &none, .tell = tell_stats };

    return ff_cli_do_tell(cli, &act);
}

int
ff_cli_scan(struct ff_cli *cli, int argc, char **argv)
{
    struct scan_options options = { .scanner = NULL };

    ff_cli_parse(cli, &command, argc, argv, &options);
    return options.scanner != NULL ? run(cli, options.scanner) : list(cli);
}
