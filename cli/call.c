#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/input.h"
#include "cli/output.h"
#include "core/codec.h"

/* ---- the command line ---- */

struct call_options {
    bool batch;
    const char *op, *args;
};

static const struct argp_option own_options[] = {
    { "batch", 'b', NULL, 0,
      "Read one {\"op\": NAME, \"args\": {...}} a line on standard input, and write one "
      "{\"ok\": {...}} or {\"error\": {...}} a line on standard output, in order, each as soon as "
      "it "
      "is known",
      0 },
    { 0 },
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct call_options *options = state->input;

    switch (key) {
    case 'b':
        options->batch = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1) {
            argp_error(state, "too many arguments; put the JSON in single quotes");
        }
        *(state->arg_num == 0 ? &options->op : &options->args) = arg;
        return 0;
    case ARGP_KEY_END:
        if (options->batch == (options->op != NULL)) {
            argp_error(state, options->batch ? "--batch takes its calls from standard input"
                                             : "name an operation; `ffctl ops' lists them");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ff_cli_command command = {
    own_options, parse, "OP [JSON]\n--batch",
    "Call any operation of the protocol. JSON is the map of its arguments, by default {}; - reads "
    "it "
    "from standard input. The result is written as JSON. Bytes are base64 texts, and integers "
    "above "
    "2^53 may be texts; `ffctl ops OP' shows what an operation takes.\n"
    "With --batch an operation that fails is an answer like any other: the exit status is 0 if "
    "every "
    "line was well-formed, else 1." FF_CLI_EXIT_HELP
};

/* ---- one call ---- */

static bool
is_map(struct ff_str msgpack)
{
    uint8_t head = (uint8_t) msgpack.p[0];

    return (head & 0xf0) == 0x80 || head == 0xde || head == 0xdf;
}

/* The arguments as they stand on the command line. */
static bool
read_args(const struct call_options *options, struct ff_packer *packer)
{
    const struct ff_op_info *info = ff_op_find(ff_cstr(options->op));
    struct ff_str json = ff_cstr(options->args == NULL ? "{}" : options->args);
    struct ff_fault fault = { 0 };
    bool is_file = options->args != NULL && strcmp(options->args, "-") == 0;
    bool ok = false;

    if (is_file && !ff_cli_read_file("-", FF_CLI_LINE_BYTES_MAX, &json)) {
        fprintf(stderr, "ffctl: standard input: %s\n", strerror(errno));
        return false;
    }
    if (ff_json_to_msgpack(info == NULL ? NULL : info->args, json, &packer->pk, &fault) !=
        FF_E_OK) {
        fprintf(stderr, "ffctl: the arguments are not JSON: line %lld, column %lld\n",
                (long long) fault.detail[1].v.i64, (long long) fault.detail[2].v.i64);
    } else if (!is_map(ff_packer_str(packer))) {
        fprintf(stderr, "ffctl: the arguments must be a JSON object: {\"name\": value, ...}\n");
    } else {
        ok = true;
    }
    if (is_file) {
        free((char *) (uintptr_t) json.p);
    }
    return ok;
}

static int
call_once(struct ff_cli *cli, const struct call_options *options)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_packer) packer;

    ff_packer_init(&packer);
    if (!read_args(options, &packer)) {
        return FF_CLI_USAGE;
    }
    if (ff_cli_call_named(cli, ff_cstr(options->op), ff_packer_str(&packer), &answer) != FF_E_OK) {
        return ff_cli_report(cli, options->op, &answer);
    }
    ff_cli_print_json(answer.map);
    return FF_CLI_OK;
}

/* ---- a batch ---- */

#define LINE_FORM "the line is not one JSON object {\"op\": NAME, \"args\": {...}}"

struct line {
    json_t *json;
    struct ff_str op;
    json_t *args; /* NULL: none were given */
};

/* Of a line that is ill-formed; all that is in the answer's detail lives as long as the line. */
static ff_err
bad(struct ff_fault *fault, const char *field, const char *reason, uint64_t number)
{
    ff_fail(fault, FF_E_INVALID_INPUT, ff_d_text("field", field), ff_d_text("reason", reason),
            ff_d_u64("line", number));
    fault->message = LINE_FORM;
    return fault->code;
}

static ff_err
check_line(struct line *line, uint64_t number, struct ff_fault *fault)
{
    json_t *op = json_object_get(line->json, "op");
    const char *key = NULL;
    json_t *value = NULL;

    if (!json_is_object(line->json)) {
        return bad(fault, "line", "wrong_type", number);
    }
    json_object_foreach(line->json, key, value)
    {
        if (strcmp(key, "op") != 0 && strcmp(key, "args") != 0) {
            return bad(fault, key, "unknown_field", number);
        }
    }
    if (!json_is_string(op)) {
        return bad(fault, "op", op == NULL ? "missing" : "wrong_type", number);
    }
    line->op = ff_str(json_string_value(op), json_string_length(op));
    line->args = json_object_get(line->json, "args");
    if (line->args != NULL && !json_is_object(line->args)) {
        return bad(fault, "args", "wrong_type", number);
    }
    return FF_E_OK;
}

static ff_err
parse_line(struct ff_str text, uint64_t number, struct line *line, struct ff_fault *fault)
{
    json_error_t error;

    line->json = json_loadb(text.p, text.n,
                            JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (line->json == NULL) {
        bad(fault, "line", "malformed", number);
        ff_fault_add(fault, ff_d_i64("column", error.column));
        return fault->code;
    }
    return check_line(line, number, fault);
}

static ff_err
pack_args(const struct line *line, struct ff_packer *packer, struct ff_fault *fault)
{
    const struct ff_op_info *info = ff_op_find(line->op);
    char *text = line->args == NULL ? NULL : json_dumps(line->args, JSON_COMPACT);
    ff_err err = ff_json_to_msgpack(info == NULL ? NULL : info->args,
                                    ff_cstr(text == NULL ? "{}" : text), &packer->pk, fault);

    free(text);
    return err;
}

static ff_err
call_line(struct ff_cli *cli, const struct line *line, struct ff_answer *answer)
{
    FF_SCOPED(ff_packer) packer;

    ff_packer_init(&packer);
    if (pack_args(line, &packer, &answer->fault) != FF_E_OK) {
        ff_cli_seal_fault(answer, "");
        return answer->fault.code;
    }
    return ff_cli_call_named(cli, line->op, ff_packer_str(&packer), answer);
}

/* Returns whether the line was well-formed. */
static bool
answer_line(struct ff_cli *cli, struct ff_str text, uint64_t number)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    struct line line = { 0 };
    bool ok = parse_line(text, number, &line, &answer.fault) == FF_E_OK;

    if (!ok) {
        ff_cli_seal_fault(&answer, "");
        ff_cli_print_wrapped("error", answer.map);
    } else if (call_line(cli, &line, &answer) == FF_E_OK) {
        ff_cli_print_wrapped("ok", answer.map);
    } else {
        ff_cli_print_wrapped("error", answer.map);
    }
    json_decref(line.json);
    return ok;
}

static void
refuse_long_line(uint64_t number)
{
    FF_SCOPED(ff_answer) answer = { 0 };

    bad(&answer.fault, "line", "too_long", number);
    ff_fault_add(&answer.fault, ff_d_u64("max", FF_CLI_LINE_BYTES_MAX));
    ff_cli_seal_fault(&answer, "");
    ff_cli_print_wrapped("error", answer.map);
}

static int
call_lines(struct ff_cli *cli)
{
    struct ff_cli_lines lines = { .fd = STDIN_FILENO };
    enum ff_cli_line got = FF_CLI_LINE;
    struct ff_str text;
    bool all_ok = true;

    for (uint64_t number = 1; !ferror(stdout); number++) {
        got = ff_cli_next_line(&lines, &text);
        if (got == FF_CLI_LINE) {
            all_ok = answer_line(cli, text, number) && all_ok;
        } else if (got == FF_CLI_LINE_TOO_LONG) {
            refuse_long_line(number);
            all_ok = false;
        } else {
            break;
        }
    }
    if (got == FF_CLI_LINE_FAILED) {
        fprintf(stderr, "ffctl: standard input: %s\n", strerror(errno));
    }
    ff_cli_lines_done(&lines);
    if (got == FF_CLI_LINE_FAILED) {
        return FF_CLI_NO_DAEMON;
    }
    return all_ok ? FF_CLI_OK : FF_CLI_FAILED;
}

/* Before the first line there must be a daemon, so that a script learns at once that there is none;
 * later its absence is an answer, as it may come back. */
static int
call_batch(struct ff_cli *cli)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) ignored = { 0 };
    struct ff_client *client = NULL;

    if (ff_cli_connect(cli, FF_CLI_BROKER, &client, &answer) != FF_E_OK &&
        ff_cli_connect(cli, FF_CLI_CONTROL, &client, &ignored) != FF_E_OK) {
        fprintf(stderr, "ffctl: %s\n", answer.fault.message);
        return FF_CLI_NO_DAEMON;
    }
    return call_lines(cli);
}

int
ff_cli_call(struct ff_cli *cli, int argc, char **argv)
{
    struct call_options options = { 0 };

    ff_cli_parse(cli, &command, argc, argv, &options);
    return options.batch ? call_batch(cli) : call_once(cli, &options);
}
