/* logs: what the attempts of an execution have put out (06 §1). */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/life.h"
#include "cli/output.h"
#include "cli/wait.h"
#include "core/codec.h"
#include "core/id.h"

/* Frames of a page; how long a tail waits in the daemon. */
#define PAGE 500
#define BLOCK_MS 20000
/* Between two looks whether there is another attempt. */
#define PAUSE_MS 200

struct logs_options {
    struct ff_cli_one one; /* first */
    bool follow, durable;
    int64_t attempt; /* -1: the newest, and with --follow those that come */
};

static const struct argp_option own_options[] = {
    { "follow", 'f', NULL, 0, "Go on until the execution has ended", 0 },
    { "attempt", 'a', "N", 0, "Of this attempt, 0 the first (default: the newest)", 0 },
    { "durable", 'D', NULL, 0, "Without best-effort frames", 0 },
    { 0 },
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct logs_options *options = state->input;

    switch (key) {
    case 'f':
        options->follow = true;
        return 0;
    case 'D':
        options->durable = true;
        return 0;
    case 'a':
        if (!ff_cli_parse_number(arg, 0, UINT32_MAX, &options->attempt)) {
            argp_error(state, "--attempt: '%s' is no number", arg);
        }
        return 0;
    default:
        return ff_cli_parse_one(key, arg, state);
    }
}

static const struct ff_cli_command command = { own_options, parse, "EXECUTION",
                                               "Write what an execution has put out to standard "
                                               "output, a frame a line: what its command wrote "
                                               "to standard error, and what its worker appended. "
                                               "With --json each frame is a line, with all its "
                                               "fields." FF_CLI_EXIT_HELP };

/* ---- one frame ---- */

static struct ff_str
field(const struct ff_stream_frame *frame, const char *key)
{
    for (uint32_t i = 0; i < frame->fields.n; i++) {
        if (ff_str_is(frame->fields.v[i].key, key)) {
            return frame->fields.v[i].value;
        }
    }
    return ff_cstr("");
}

/* As it was appended; on a terminal without control characters. */
static void
print_payload(struct ff_str payload)
{
    FF_SCOPED(ff_arena) arena = { 0 };

    if (isatty(STDOUT_FILENO)) {
        printf("%s\n", ff_cli_safe(payload, &arena));
        return;
    }
    fwrite(payload.n == 0 ? "" : payload.p, 1, payload.n, stdout);
    if (payload.n == 0 || payload.p[payload.n - 1] != '\n') {
        putchar('\n');
    }
}

static void
print_bytes(struct ff_str text)
{
    unsigned char *bytes = malloc(text.n + 1u);
    size_t n = 0;

    FF_ASSERT(bytes != NULL);
    if (sodium_base642bin(bytes, text.n + 1u, text.p, text.n, NULL, &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0) {
        print_payload(ff_str(bytes, n));
    }
    free(bytes);
}

static void
print_frame(const struct ff_cli *cli, const struct ff_stream_frame *frame)
{
    struct ff_packer packer;

    if (cli->json) {
        ff_packer_init(&packer);
        ff_encode(&ff_desc_stream_frame, frame, &packer.pk);
        ff_cli_print_json(ff_packer_str(&packer));
        ff_packer_done(&packer);
    } else if (ff_str_is(field(frame, "encoding"), "base64")) {
        print_bytes(field(frame, "payload"));
    } else {
        print_payload(field(frame, "payload"));
    }
}

/* ---- one attempt ---- */

/* Up to its end, or to its close where it is followed. */
static int
show_attempt(struct ff_cli *cli, const struct logs_options *options, uint32_t attempt)
{
    struct ff_tail_stream_args args = {
        .execution_id = options->one.id,
        .attempt_index = attempt,
        .after = ff_cstr("0-0"),
        .limit = PAGE,
        .visibility = options->durable ? FF_VISIBILITY_DURABLE : FF_VISIBILITY_ALL,
        .block_ms = options->follow ? BLOCK_MS : 0,
    };
    char after[64];

    for (;;) {
        FF_SCOPED(ff_answer) answer = { 0 };
        struct ff_tail_stream_result page = { 0 };
        int status = ff_cli_do(cli, FF_OP_tail_stream, &args, &page, &answer);

        if (status != FF_CLI_OK) {
            return status;
        }
        for (uint32_t i = 0; i < page.frames.n; i++) {
            print_frame(cli, &page.frames.v[i]);
        }
        if (fflush(stdout) != 0) {
            return FF_CLI_NO_DAEMON;
        }
        if (page.frames.n == 0 && (page.closed_at.is || !options->follow)) {
            return FF_CLI_OK;
        }
        if (page.frames.n > 0) {
            struct ff_str last = page.frames.v[page.frames.n - 1].id;

            snprintf(after, sizeof(after), "%.*s", (int) last.n, last.p);
            args.after = ff_cstr(after);
        }
    }
}

/* ---- the command ---- */

/* How many attempts there are, and whether there can be more. */
static int
look(struct ff_cli *cli, const struct logs_options *options, uint32_t *attempts, bool *over)
{
    const struct ff_describe_execution_args args = { .execution_id = options->one.id };
    struct ff_describe_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int status = ff_cli_do(cli, FF_OP_describe_execution, &args, &result, &answer);

    if (status == FF_CLI_OK && result.execution == NULL) {
        fprintf(stderr, "ffctl: there is no such execution\n");
        return FF_CLI_FAILED;
    }
    if (status == FF_CLI_OK) {
        *attempts = result.execution->total_attempt_count;
        *over = ff_cli_has_ended(result.execution->public_state);
    }
    return status;
}

static int
follow_all(struct ff_cli *cli, const struct logs_options *options)
{
    const struct timespec pause = { .tv_nsec = (long) PAUSE_MS * 1000000 };
    uint32_t attempts = 0, next = UINT32_MAX;
    bool over = false;

    for (;;) {
        int status = look(cli, options, &attempts, &over);

        if (status != FF_CLI_OK) {
            return status;
        }
        if (next == UINT32_MAX) {
            next = attempts == 0 ? 0 : attempts - 1;
        }
        if (next < attempts) {
            status = show_attempt(cli, options, next++);
        } else if (over || !options->follow) {
            return FF_CLI_OK;
        } else {
            nanosleep(&pause, NULL);
        }
        if (status != FF_CLI_OK || !options->follow) {
            return status;
        }
    }
}

int
ff_cli_logs(struct ff_cli *cli, int argc, char **argv)
{
    struct logs_options options = { .attempt = -1 };
    uint32_t attempts = 0;
    bool over = false;
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &command, argc, argv, &options);
    if (options.attempt < 0) {
        return follow_all(cli, &options);
    }
    status = look(cli, &options, &attempts, &over);
    if (status == FF_CLI_OK && options.attempt >= attempts) {
        fprintf(stderr, "ffctl: it has %u attempts\n", attempts);
        return FF_CLI_FAILED;
    }
    return status == FF_CLI_OK ? show_attempt(cli, &options, (uint32_t) options.attempt) : status;
}
