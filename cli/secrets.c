/* secrets.c: the keys that sign waitpoint tokens (03 §9): listing and rotation. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/input.h"
#include "cli/output.h"
#include "core/codec.h"
#include "core/token.h"

#define HEX_BYTES (2 * FF_TOKEN_SECRET_BYTES)
#define GRACE_MS UINT64_C(86400000) /* 08 §3 */

enum { KEY_SECRET_FILE = 256 };

struct secrets_options {
    bool rotate;
    const char *kid; /* NULL: by the time */
    const char *secret_file;
    uint64_t grace_ms;
};

static const struct argp_option own_options[] = {
    { "grace", 'g', "TIME", 0, "rotate: how long tokens of the old key still verify (default 1d)",
      0 },
    { "secret-file", KEY_SECRET_FILE, "FILE", 0,
      "rotate: 64 hexadecimal digits (- is standard input); without it the secret is made here, "
      "and only the daemon ever has it",
      0 },
    { 0 },
};

static void
take_word(struct secrets_options *options, const char *arg, struct argp_state *state)
{
    if (state->arg_num == 0 && strcmp(arg, "rotate") == 0) {
        options->rotate = true;
    } else if (state->arg_num == 0 && strcmp(arg, "list") != 0) {
        argp_error(state, "'%s': write `secrets list' or `secrets rotate [KID]'", arg);
    } else if (state->arg_num == 1 && options->rotate) {
        options->kid = arg;
    } else if (state->arg_num > 0) {
        argp_error(state, "'%s' is too much", arg);
    }
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct secrets_options *options = state->input;

    switch (key) {
    case 'g':
        if (!ff_cli_parse_duration(arg, &options->grace_ms)) {
            argp_error(state, "--grace: '%s' is no time; write 10m, 2h or 1d", arg);
        }
        return 0;
    case KEY_SECRET_FILE:
        options->secret_file = arg;
        return 0;
    case ARGP_KEY_ARG:
        take_word(options, arg, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ff_cli_command command = {
    own_options, parse, "[list | rotate [KID]]",
    "List the keys that sign waitpoint tokens, or install a new one under the name KID. Secrets "
    "are never shown." //
    FF_CLI_EXIT_HELP
};

/* ---- list ---- */

static int
list(struct ff_cli *cli)
{
    static const char *const titles[] = { "KEY", "STATE", "VERIFIES UNTIL" };
    FF_SCOPED(ff_cli_table) table = { .titles = titles, .columns = FF_COUNT(titles) };
    const struct ff_list_waitpoint_hmac_kids_args none = { 0 };
    struct ff_list_waitpoint_hmac_kids_result kids = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int64_t now_ms = (int64_t) time(NULL) * 1000;
    int status = ff_cli_do(cli, FF_OP_list_waitpoint_hmac_kids, &none, &kids, &answer);

    if (status != FF_CLI_OK) {
        return status;
    }
    if (cli->json) {
        ff_cli_print_json(answer.map);
        return FF_CLI_OK;
    }
    if (kids.current_kid.n > 0) {
        const char *cells[] = { ff_cli_cell(&table, kids.current_kid), "signs", "" };

        ff_cli_table_add(&table, cells);
    }
    for (uint32_t i = 0; i < kids.verifying.n; i++) {
        const char *cells[] = { ff_cli_cell(&table, kids.verifying.v[i].kid), "verifies",
                                ff_cli_when(kids.verifying.v[i].expires_at_ms, now_ms,
                                            &table.arena) };

        ff_cli_table_add(&table, cells);
    }
    ff_cli_table_print(&table);
    return FF_CLI_OK;
}

/* ---- rotate ---- */

/* Into hex; false: said why. */
static bool
find_secret(const struct secrets_options *options, char hex[HEX_BYTES + 1])
{
    uint8_t secret[FF_TOKEN_SECRET_BYTES];
    struct ff_str text = ff_str(NULL, 0);

    if (options->secret_file == NULL) {
        randombytes_buf(secret, sizeof(secret));
        sodium_bin2hex(hex, HEX_BYTES + 1, secret, sizeof(secret));
        sodium_memzero(secret, sizeof(secret));
        return true;
    }
    if (!ff_cli_read_file(options->secret_file, HEX_BYTES + 2, &text)) {
        fprintf(stderr, "ffctl: %s: %s\n", options->secret_file,
                errno == EFBIG ? "holds more than 64 digits" : strerror(errno));
        return false;
    }
    while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r')) {
        text.n--;
    }
    memset(hex, 0, HEX_BYTES + 1);
    memcpy(hex, text.p, text.n < HEX_BYTES ? text.n : HEX_BYTES);
    sodium_memzero((char *) (uintptr_t) text.p, text.n);
    free((char *) (uintptr_t) text.p);
    return true;
}

static struct ff_str
name_of(struct ff_cli *cli, const struct secrets_options *options)
{
    char name[32];
    time_t now = time(NULL);
    struct tm tm;

    if (options->kid != NULL) {
        return ff_cstr(options->kid);
    }
    gmtime_r(&now, &tm);
    strftime(name, sizeof(name), "k-%Y%m%dT%H%M%SZ", &tm);
    return ff_arena_copy(&cli->arena, ff_cstr(name));
}

static void
say(const struct ff_hmac_rotation *rotation)
{
    if (strcmp(rotation->outcome, "noop") == 0) {
        printf("%.*s signs already\n", (int) rotation->kid.n, rotation->kid.p);
        return;
    }
    printf("%.*s signs from now on\n", (int) rotation->new_kid.n, rotation->new_kid.p);
    if (rotation->previous_kid.n > 0) {
        printf("%.*s still verifies; `ffctl secrets' says until when\n",
               (int) rotation->previous_kid.n, rotation->previous_kid.p);
    }
}

static int
rotate(struct ff_cli *cli, const struct secrets_options *options)
{
    struct ff_rotate_waitpoint_hmac_secret_all_args args = { .new_kid = name_of(cli, options) };
    struct ff_rotate_waitpoint_hmac_secret_all_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_packer) packer = { 0 };
    char hex[HEX_BYTES + 1];
    int status = FF_CLI_OK;

    if (!find_secret(options, hex)) {
        return FF_CLI_NO_DAEMON;
    }
    ff_packer_init(&packer);
    msgpack_pack_uint64(&packer.pk, options->grace_ms);
    args.new_secret_hex = ff_cstr(hex);
    args.grace_ms = ff_packer_str(&packer);
    status = ff_cli_do(cli, FF_OP_rotate_waitpoint_hmac_secret_all, &args, &result, &answer);
    sodium_memzero(hex, sizeof(hex));
    if (status == FF_CLI_OK && cli->json) {
        ff_cli_print_json(answer.map);
    } else if (status == FF_CLI_OK && result.entries.n > 0) {
        say(&result.entries.v[0].result);
    }
    return status;
}

int
ff_cli_secrets(struct ff_cli *cli, int argc, char **argv)
{
    struct secrets_options options = { .grace_ms = GRACE_MS };

    ff_cli_parse(cli, &command, argc, argv, &options);
    return options.rotate ? rotate(cli, &options) : list(cli);
}
