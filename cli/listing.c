#include "cli/listing.h"

#include <stdio.h>

#include "core/desc.h"
#include "core/partition.h"

/* Partitions that are asked at the same time. */
#define WINDOW 32
/* Rows that are kept before they are printed, for columns of one width. */
#define ROWS_KEPT 1000

/* ---- the command line ---- */

void
ff_cli_listing_partition(struct ff_cli_listing *listing, const char *arg,
                         const struct argp_state *state)
{
    if (!ff_cli_parse_number(arg, 0, UINT16_MAX, &listing->partition)) {
        argp_error(state, "--partition: '%s' is no number from 0 to 65535", arg);
    }
}

void
ff_cli_listing_limit(struct ff_cli_listing *listing, const char *arg,
                     const struct argp_state *state)
{
    if (!ff_cli_parse_number(arg, 0, INT64_MAX, &listing->limit)) {
        argp_error(state, "--limit: '%s' is no number", arg);
    }
}

/* ---- asking ---- */

int
ff_cli_ask_partitions(struct ff_cli *cli, int64_t *now_ms, uint32_t *n)
{
    const struct ff_hello_args args = { .client_name = ff_cstr("ffctl") };
    struct ff_hello_result hello = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = ff_cli_do(cli, FF_OP_hello, &args, &hello, &answer);

    *now_ms = hello.now_ms;
    *n = 0;
    for (uint32_t i = 0; i < hello.limits.n; i++) {
        if (ff_str_is(hello.limits.v[i].key, "flow_partitions")) {
            *n = (uint32_t) hello.limits.v[i].value;
        }
    }
    if (status == FF_CLI_OK && *n == 0) {
        fprintf(stderr, "ffctl: the daemon does not tell its partitions\n");
        return FF_CLI_FAILED;
    }
    return status;
}

/* ---- showing ---- */

bool
ff_cli_listing_full(struct ff_cli_listing *listing)
{
    if (listing->limit > 0 && listing->shown >= listing->limit) {
        listing->more = true;
        return true;
    }
    listing->shown++;
    return false;
}

void
ff_cli_listing_add(struct ff_cli_listing *listing, const char *const *cells)
{
    ff_cli_table_add(&listing->table, cells);
    if (listing->table.rows == ROWS_KEPT) {
        ff_cli_table_print(&listing->table);
    }
}

/* A field of arguments or results, by its name. */
static const struct ff_field *
field_of(const struct ff_desc *desc, const char *name)
{
    for (uint32_t i = 0; i < desc->n; i++) {
        if (strcmp(desc->fields[i].name, name) == 0) {
            return &desc->fields[i];
        }
    }
    ff_assert_failed(name, __FILE__, __LINE__);
}

static void *
place_of(const struct ff_desc *desc, void *values, const char *name)
{
    return (char *) values + field_of(desc, name)->offset;
}

/* To behind the page. False: it was the last. */
static bool
advance(const struct ff_cli_listing *listing, void *args, void *result, struct ff_arena *arena)
{
    const struct ff_op_info *op = &ff_ops[listing->op];
    const void *from = place_of(op->result, result, "next_cursor");
    void *to = place_of(op->args, args, "cursor");

    if (field_of(op->args, "cursor")->type == FF_TYPE_UUID) {
        *(struct ff_opt_uuid *) to = *(const struct ff_opt_uuid *) from;
        return ((const struct ff_opt_uuid *) from)->is;
    }
    *(struct ff_str *) to = ff_arena_copy(arena, *(const struct ff_str *) from);
    return ((const struct ff_str *) from)->n > 0;
}

/* A page that has been fetched, and those behind it. */
static int
show_pages(struct ff_cli_listing *listing, void *args, struct ff_answer *first)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    FF_SCOPED(ff_answer) later = { 0 };
    struct ff_answer *answer = first;
    void *result = ff_arena_zalloc(&arena, ff_ops[listing->op].result->size);
    int status = FF_CLI_OK;

    if (ff_answer_result(first, listing->op, result) != FF_E_OK) {
        return ff_cli_report(listing->cli, ff_ops[listing->op].name, first);
    }
    for (;;) {
        status = listing->show(listing, answer, result);
        if (status != FF_CLI_OK || listing->more || !advance(listing, args, result, &arena)) {
            return status;
        }
        memset(result, 0, ff_ops[listing->op].result->size);
        ff_answer_done(&later);
        later = (struct ff_answer){ 0 };
        answer = &later;
        status = ff_cli_do(listing->cli, listing->op, args, result, &later);
        if (status != FF_CLI_OK) {
            return status;
        }
    }
}

static int
show_partitions(struct ff_cli_listing *listing, uint32_t from, uint32_t n)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    const struct ff_desc *desc = ff_ops[listing->op].args;
    size_t size = desc->size;
    char *args = ff_arena_zalloc(&arena, size * n), keys[WINDOW][FF_PARTITION_KEY_MAX];
    struct ff_answer answers[WINDOW] = { 0 };
    const struct ff_cli_many many = { listing->op, n, args, answers };
    int status = FF_CLI_OK;

    for (uint32_t i = 0; i < n; i++) {
        struct ff_partition partition = { FF_PARTITION_FLOW, (uint16_t) (from + i) };

        *(struct ff_str *) place_of(desc, args + i * size, "partition") =
            ff_str(keys[i], ff_partition_key_text(partition, keys[i]));
        *(uint32_t *) place_of(desc, args + i * size, "limit") = listing->page;
    }
    status = ff_cli_do_many(listing->cli, &many);
    for (uint32_t i = 0; i < n && status == FF_CLI_OK && !listing->more; i++) {
        status = show_pages(listing, args + i * size, &answers[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        ff_answer_done(&answers[i]);
    }
    return status;
}

int
ff_cli_list_all(struct ff_cli *cli, struct ff_cli_listing *listing)
{
    uint32_t at = 0, end = 0;
    int status = FF_CLI_OK;

    listing->cli = cli;
    status = ff_cli_ask_partitions(cli, &listing->now_ms, &end);
    if (listing->partition >= 0) {
        at = (uint32_t) listing->partition;
        end = at + 1;
    }
    while (at < end && status == FF_CLI_OK && !listing->more) {
        uint32_t n = end - at < WINDOW ? end - at : WINDOW;

        status = show_partitions(listing, at, n);
        at += n;
    }
    ff_cli_table_print(&listing->table);
    if (listing->more) {
        fprintf(stderr, "ffctl: there are more; --limit 0 shows all\n");
    }
    ff_cli_table_done(&listing->table);
    return status;
}
