/* ffctl budget: define budgets, look at them, report to them, reset them (05 §1). */
#include <inttypes.h>
#include <stdio.h>

#include "cli/output.h"
#include "cli/words.h"
#include "core/clock.h"

#define LIMITS_MAX 256

struct budget_options {
    struct ff_cli_words words; /* first */
    struct ff_tally hard[LIMITS_MAX], soft[LIMITS_MAX];
    uint32_t n_hard, n_soft;
    const char *mode, *scope, *key;
    uint64_t every_ms;
};

static const struct argp_option own_options[] = {
    { "hard", 'H', "NAME=NUMBER", 0, "create: a limit that reports may not pass; again for more",
      0 },
    { "soft", 'S', "NAME=NUMBER", 0, "create: a limit whose passing is only told", 0 },
    { "mode", 'm', "MODE", 0, "create: strict (default), or advisory: nothing is refused", 0 },
    { "every", 'e', "TIME", 0, "create: put the usage to 0 every so often: 1h, 30d", 0 },
    { "scope", 'c', "TYPE:ID", 0, "create: a label, as in tenant:acme", 0 },
    { "key", 'k', "KEY", 0, "spend: a second report with it, within a day, does nothing", 0 },
    { 0 },
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct budget_options *options = state->input;

    switch (key) {
    case 'H':
    case 'S': {
        struct ff_tally *limits = key == 'H' ? options->hard : options->soft;
        uint32_t *n = key == 'H' ? &options->n_hard : &options->n_soft;

        if (*n == LIMITS_MAX) {
            argp_error(state, "at most %d limits", LIMITS_MAX);
        }
        limits[(*n)++] = ff_cli_tally(arg, "--hard tokens=1000");
        return 0;
    }
    case 'm':
        options->mode = arg;
        return 0;
    case 'c':
        options->scope = arg;
        return 0;
    case 'k':
        options->key = arg;
        return 0;
    case 'e':
        if (!ff_cli_parse_duration(arg, &options->every_ms)) {
            argp_error(state, "--every: '%s' is no time; write 1h, 30m or 7d", arg);
        }
        return 0;
    default:
        return ff_cli_take_word(key, arg, state);
    }
}

static const struct ff_cli_command command = {
    own_options, parse, "create [ID]\nshow ID\nusage ID\nspend ID NAME=NUMBER...\nreset ID",
    "Work with budgets. An execution whose policy names a budget is not started while the budget "
    "is used up.\n\n"
    "create prints the id, a new one unless it is given; show tells all that is known of a budget, "
    "usage only its numbers; spend reports usage; reset puts it to 0." FF_CLI_EXIT_HELP
};

/* ---- create ---- */

/* The names of both kinds of limits, each once. */
static uint32_t
merge_limits(const struct budget_options *options, struct ff_str *names, uint64_t *hard,
             uint64_t *soft)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < options->n_hard + options->n_soft; i++) {
        bool is_soft = i >= options->n_hard;
        const struct ff_tally *limit =
            is_soft ? &options->soft[i - options->n_hard] : &options->hard[i];
        uint32_t at = 0;

        while (at < n && !ff_str_eq(names[at], limit->key)) {
            at++;
        }
        if (at == n) {
            names[n] = limit->key;
            hard[n] = soft[n] = 0;
            n++;
        }
        (is_soft ? soft : hard)[at] = limit->value;
    }
    return n;
}

static void
tell_created(void *ctx, const void *result, struct ff_arena *arena)
{
    const struct ff_create_budget_result *created = result;

    (void) ctx;
    (void) arena;
    ff_cli_print_created(&created->budget_id, created->outcome);
}

static int
create(struct ff_cli *cli, void *arg)
{
    const struct budget_options *options = arg;
    struct ff_str names[2 * LIMITS_MAX];
    uint64_t hard[2 * LIMITS_MAX], soft[2 * LIMITS_MAX];
    uint32_t n = merge_limits(options, names, hard, soft);
    const char *colon = options->scope == NULL ? NULL : strchr(options->scope, ':');
    struct ff_create_budget_args args = {
        .budget_id =
            options->words.n > 0 ? ff_cli_uuid(options->words.v[0], "ID") : ff_cli_new_uuid(),
        .scope_type = ff_cstr(""),
        .scope_id = ff_cstr(options->scope == NULL ? "" : options->scope),
        .enforcement_mode = ff_cstr(options->mode == NULL ? "strict" : options->mode),
        .on_hard_limit = ff_cstr("fail"),
        .on_soft_limit = ff_cstr("warn"),
        .reset_interval_ms = options->every_ms,
        .dimensions = { .v = names, .n = n },
        .hard_limits = { .v = hard, .n = n },
        .soft_limits = { .v = soft, .n = n },
    };
    const struct ff_cli_act act = { .op = FF_OP_create_budget,
                                    .args = &args,
                                    .tell = tell_created };

    if (colon != NULL) {
        args.scope_type = ff_str(options->scope, (size_t) (colon - options->scope));
        args.scope_id = ff_cstr(colon + 1);
    }
    return ff_cli_do_tell(cli, &act);
}

/* ---- show, usage ---- */

static uint64_t
number_of(const struct ff_counts *counts, struct ff_str name)
{
    for (uint32_t i = 0; i < counts->n; i++) {
        if (ff_str_eq(counts->v[i].key, name)) {
            return counts->v[i].value;
        }
    }
    return 0;
}

static const char *
limit_cell(struct ff_cli_table *table, const struct ff_counts *limits, struct ff_str name)
{
    uint64_t limit = number_of(limits, name);

    return limit == 0 ? "-" : ff_arena_printf(&table->arena, "%" PRIu64, limit).p;
}

static void
add_dimension(struct ff_cli_table *table, const struct ff_get_budget_status_result *budget,
              struct ff_str name)
{
    const char *cells[] = {
        ff_cli_cell(table, name),
        ff_arena_printf(&table->arena, "%" PRIu64, number_of(&budget->usage, name)).p,
        limit_cell(table, &budget->soft_limits, name),
        limit_cell(table, &budget->hard_limits, name),
    };

    ff_cli_table_add(table, cells);
}

static void
tell_usage(void *ctx, const void *result, struct ff_arena *arena)
{
    const struct ff_get_budget_status_result *budget = result;
    static const char *const titles[] = { "DIMENSION", "USED", "SOFT", "HARD" };
    FF_SCOPED(ff_cli_table) table = { .titles = titles, .columns = FF_COUNT(titles) };

    (void) ctx;
    (void) arena;
    for (uint32_t i = 0; i < budget->hard_limits.n; i++) {
        add_dimension(&table, budget, budget->hard_limits.v[i].key);
    }
    for (uint32_t i = 0; i < budget->usage.n; i++) {
        bool shown = false;

        for (uint32_t k = 0; k < budget->hard_limits.n; k++) {
            shown = shown || ff_str_eq(budget->hard_limits.v[k].key, budget->usage.v[i].key);
        }
        if (!shown) {
            add_dimension(&table, budget, budget->usage.v[i].key);
        }
    }
    ff_cli_table_print(&table);
}

static void
print_time(const char *label, struct ff_opt_i64 at, int64_t now_ms, struct ff_arena *arena)
{
    if (at.is) {
        ff_cli_print_row(label, ff_cli_when(at.v, now_ms, arena));
    }
}

static void
tell_all(void *ctx, const void *result, struct ff_arena *arena)
{
    const struct ff_get_budget_status_result *budget = result;
    int64_t now_ms = ff_wall_ms();

    ff_cli_print_row("budget", ff_cli_uuid_text(&budget->budget_id, arena));
    ff_cli_print_row("scope",
                     ff_arena_printf(arena, "%s:%s", ff_cli_safe(budget->scope_type, arena),
                                     ff_cli_safe(budget->scope_id, arena))
                         .p);
    ff_cli_print_row("mode", ff_cli_safe(budget->enforcement_mode, arena));
    ff_cli_print_row("breaches", ff_arena_printf(arena, "%" PRIu64 " hard, %" PRIu64 " soft",
                                                 budget->breach_count, budget->soft_breach_count)
                                     .p);
    print_time("last breach", budget->last_breach_at, now_ms, arena);
    ff_cli_print_row("resets", ff_arena_printf(arena, "%" PRIu64, budget->reset_count).p);
    print_time("last reset", budget->last_reset_at, now_ms, arena);
    print_time("next reset", budget->next_reset_at, now_ms, arena);
    tell_usage(ctx, budget, arena);
}

static int
show_budget(struct ff_cli *cli, const struct budget_options *options, ff_cli_tell *tell)
{
    const struct ff_get_budget_status_args args = { .budget_id =
                                                        ff_cli_uuid(options->words.v[0], "ID") };
    const struct ff_cli_act act = { .op = FF_OP_get_budget_status, .args = &args, .tell = tell };

    return ff_cli_do_tell(cli, &act);
}

static int
show(struct ff_cli *cli, void *options)
{
    return show_budget(cli, options, tell_all);
}

static int
usage(struct ff_cli *cli, void *options)
{
    return show_budget(cli, options, tell_usage);
}

/* ---- spend, reset ---- */

static bool
is_hard(const struct ff_report_usage_admin_result *reported)
{
    return strcmp(reported->outcome, "hard_breach") == 0;
}

static void
tell_reported(void *ctx, const void *result, struct ff_arena *arena)
{
    const struct ff_report_usage_admin_result *reported = result;
    bool hard = is_hard(reported);

    (void) ctx;
    if (!reported->current_usage.is) {
        printf("%s\n", reported->outcome);
        return;
    }
    printf("%s: %s %" PRIu64 "/%" PRIu64 "%s\n", reported->outcome,
           ff_cli_safe(reported->dimension, arena), reported->current_usage.v,
           hard ? reported->hard_limit.v : reported->soft_limit.v,
           hard ? "; nothing was applied" : "");
}

/* A breach is an answer for scripts, too: the status tells of a hard one. */
static int
judge_reported(const void *result)
{
    return is_hard(result) ? FF_CLI_FAILED : FF_CLI_OK;
}

static int
spend(struct ff_cli *cli, void *arg)
{
    const struct budget_options *options = arg;
    struct ff_str names[FF_CLI_WORDS_MAX];
    uint64_t deltas[FF_CLI_WORDS_MAX];
    struct ff_report_usage_admin_args args = {
        .budget_id = ff_cli_uuid(options->words.v[0], "ID"),
        .dimensions = { .v = names },
        .deltas = { .v = deltas },
        .dedup_key = ff_cstr(options->key),
    };
    const struct ff_cli_act act = { FF_OP_report_usage_admin, &args, tell_reported, judge_reported,
                                    NULL };

    for (uint32_t i = 1; i < options->words.n; i++) {
        struct ff_tally tally = ff_cli_tally(options->words.v[i], "tokens=100");

        names[args.dimensions.n++] = tally.key;
        deltas[args.deltas.n++] = tally.value;
    }
    return ff_cli_do_tell(cli, &act);
}

static void
tell_reset(void *ctx, const void *result, struct ff_arena *arena)
{
    (void) ctx;
    (void) arena;
    puts(((const struct ff_reset_budget_result *) result)->outcome);
}

static int
reset(struct ff_cli *cli, void *arg)
{
    const struct budget_options *options = arg;
    const struct ff_reset_budget_args args = { .budget_id =
                                                   ff_cli_uuid(options->words.v[0], "ID") };
    const struct ff_cli_act act = { .op = FF_OP_reset_budget, .args = &args, .tell = tell_reset };

    return ff_cli_do_tell(cli, &act);
}

int
ff_cli_budget(struct ff_cli *cli, int argc, char **argv)
{
    static const struct ff_cli_verb verbs[] = {
        { "create", 0, 1, "", create },
        { "show", 1, 1, "ID", show },
        { "usage", 1, 1, "ID", usage },
        { "spend", 2, FF_CLI_WORDS_MAX, "ID or NAME=NUMBER", spend },
        { "reset", 1, 1, "ID", reset },
    };
    struct budget_options options = { .mode = NULL };

    ff_cli_parse(cli, &command, argc, argv, &options);
    return ff_cli_run_verb(cli, verbs, FF_COUNT(verbs), &options.words);
}
