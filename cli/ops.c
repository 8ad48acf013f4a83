#include <stdio.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "core/codec.h"

struct ops_options {
    const char *name;
    bool names;
};

static const struct argp_option own_options[] = {
    { "names", 'n', NULL, 0, "Only the names, one a line", 0 },
    { 0 },
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct ops_options *options = state->input;

    switch (key) {
    case 'n':
        options->names = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "one operation at a time");
        }
        options->name = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ff_cli_command command = {
    own_options, parse, "[NAME]",
    "List the operations that this version knows, or show what one takes and answers. No daemon is "
    "asked; `ffctl call list_ops' asks one. Class is who may call it: read, client and worker on "
    "worker.sock, operator and scanner too on operator.sock. Flags: m it changes something, b it "
    "may "
    "wait, p it needs no store, s the supervisor answers it, later: this version lacks it." //
    FF_CLI_EXIT_HELP
};

/* ---- words ---- */

static const char *
flags_of(const struct ff_op_info *info, struct ff_arena *arena)
{
    return ff_arena_printf(arena, "%s%s%s%s%s", (info->flags & FF_OPF_MUTATING) != 0 ? "m" : "-",
                           (info->flags & FF_OPF_BLOCKING) != 0 ? "b" : "-",
                           (info->flags & FF_OPF_PURE) != 0 ? "p" : "-",
                           ff_cli_where_of(info) == FF_CLI_CONTROL ? "s" : "-",
                           info->place == FF_OP_NOWHERE_YET ? " later" : "")
        .p;
}

/* The words of an enum, as people write them. */
static const char *
words_of(const struct ff_vocab *vocab, struct ff_arena *arena)
{
    const char *text = "";

    for (uint32_t i = 0; i < vocab->n; i++) {
        text = ff_arena_printf(arena, "%s%s%s", text, i == 0 ? "" : "|", vocab->words[i]).p;
    }
    return text;
}

static const char *
type_of(const struct ff_field *field, struct ff_arena *arena)
{
    if (field->type == FF_TYPE_ENUM) {
        return "word";
    }
    if (field->type == FF_TYPE_EID) {
        return "execution id";
    }
    if (field->type == FF_TYPE_OBJ || field->type == FF_TYPE_OBJS) {
        const char *name = ((const struct ff_desc *) field->sub)->name;

        return ff_arena_printf(arena, field->type == FF_TYPE_OBJ ? "%s" : "list<%s>", name).p;
    }
    return ff_type_word(field->type);
}

static const char *
need_of(const struct ff_field *field, struct ff_arena *arena)
{
    if ((field->flags & FF_FIELD_DEF) != 0) {
        return ff_arena_printf(arena, "default %s", field->def).p;
    }
    return field->flags == 0 ? "required" : "optional";
}

/* ---- one operation ---- */

static void
add_field(struct ff_cli_table *table, const struct ff_field *field, bool is_arg)
{
    const char *help = field->help;
    const char *cells[5] = { "", field->name, type_of(field, &table->arena) };

    if (field->type == FF_TYPE_ENUM) {
        help = ff_arena_printf(&table->arena, "%s%s%s", words_of(field->sub, &table->arena),
                               help[0] == '\0' ? "" : "; ", help)
                   .p;
    }
    cells[3] = is_arg                               ? need_of(field, &table->arena)
               : (field->flags & FF_FIELD_OPT) != 0 ? "maybe"
                                                    : "always";
    cells[4] = help;
    ff_cli_table_add(table, cells);
}

static void
print_fields(const char *title, const struct ff_desc *desc, bool are_args)
{
    FF_SCOPED(ff_cli_table) table = { .columns = 5 };

    printf("\n%s\n", title);
    for (uint32_t i = 0; i < desc->n; i++) {
        add_field(&table, &desc->fields[i], are_args);
    }
    if (desc->n == 0) {
        printf("  none\n");
    }
    ff_cli_table_print(&table);
}

#define SHAPES_MAX 64

/* The shapes that the fields name, and those that they name in turn, each once. */
static uint32_t
collect(const struct ff_desc *desc, const struct ff_desc **shapes, uint32_t n)
{
    for (uint32_t i = 0; i < desc->n; i++) {
        const struct ff_field *field = &desc->fields[i];
        uint32_t at = 0;

        if (field->type != FF_TYPE_OBJ && field->type != FF_TYPE_OBJS) {
            continue;
        }
        while (at < n && shapes[at] != field->sub) {
            at++;
        }
        if (at == n) {
            FF_ASSERT(n < SHAPES_MAX);
            shapes[n] = field->sub;
            n = collect(shapes[n], shapes, n + 1);
        }
    }
    return n;
}

static void
print_op(const struct ff_op_info *info)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    const struct ff_desc *shapes[SHAPES_MAX];
    uint32_t of_args = collect(info->args, shapes, 0);
    uint32_t n = collect(info->result, shapes, of_args);

    printf("%s: %s\n", info->name, info->help);
    printf("class %s, flags %s\n", ff_op_class_name(info->class), flags_of(info, &arena));
    print_fields("Arguments", info->args, true);
    print_fields("Result", info->result, false);
    for (uint32_t i = 0; i < n; i++) {
        print_fields(shapes[i]->name, shapes[i], i < of_args);
    }
}

/* ---- all of them ---- */

static void
print_ops(void)
{
    static const char *const titles[] = { "NAME", "CLASS", "FLAGS", "" };
    FF_SCOPED(ff_cli_table) table = { .titles = titles, .columns = 4 };

    for (int op = 0; op < FF_OP_N; op++) {
        const char *cells[4] = { ff_ops[op].name, ff_op_class_name(ff_ops[op].class),
                                 flags_of(&ff_ops[op], &table.arena), ff_ops[op].help };

        ff_cli_table_add(&table, cells);
    }
    ff_cli_table_print(&table);
}

/* As list_ops answers. */
static void
print_json(int first, uint32_t n)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_list_ops_result result = { .ops = { FF_ARENA_NEW(&arena, struct ff_op_entry, n),
                                                  n } };
    FF_SCOPED(ff_packer) packer;

    for (uint32_t i = 0; i < n; i++) {
        result.ops.v[i] = ff_op_describe((enum ff_op)(first + (int) i), &arena);
    }
    ff_packer_init(&packer);
    ff_encode(ff_ops[FF_OP_list_ops].result, &result, &packer.pk);
    ff_cli_print_json(ff_packer_str(&packer));
}

static void
print_names(void)
{
    for (int op = 0; op < FF_OP_N; op++) {
        puts(ff_ops[op].name);
    }
}

int
ff_cli_ops(struct ff_cli *cli, int argc, char **argv)
{
    struct ops_options options = { 0 };
    const struct ff_op_info *info = NULL;

    ff_cli_parse(cli, &command, argc, argv, &options);
    if (options.name != NULL) {
        info = ff_op_find(ff_cstr(options.name));
        if (info == NULL) {
            fprintf(stderr, "ffctl: there is no operation '%s'; `ffctl ops' lists them\n",
                    options.name);
            return FF_CLI_USAGE;
        }
    }
    if (options.names) {
        print_names();
    } else if (cli->json) {
        print_json(info == NULL ? 0 : (int) (info - ff_ops), info == NULL ? FF_OP_N : 1);
    } else if (info != NULL) {
        print_op(info);
    } else {
        print_ops();
    }
    return FF_CLI_OK;
}
