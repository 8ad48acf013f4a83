#include "cli/wait.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/output.h"
#include "core/clock.h"
#include "core/id.h"

/* Pauses between two looks; the longer nothing has changed, the longer. */
#define PAUSE_MS_MIN 5
#define PAUSE_MS_MAX 1000
/* Executions asked about at a time. */
#define CHUNK 1000

/* Of an execution that the daemon does not know. */
#define UNKNOWN UINT32_MAX
#define NOT_ASKED (UINT32_MAX - 1)

struct waiting {
    struct ff_cli *cli;
    const struct ff_eid *ids;
    uint32_t *states; /* of each id: enum ff_public_state, UNKNOWN or NOT_ASKED */
    uint32_t n, open, bad;
    bool lines, shows, changed;
    int64_t begin_mono_ms;
};

bool
ff_cli_has_ended(enum ff_public_state state)
{
    return state == FF_PUBLIC_COMPLETED || state == FF_PUBLIC_FAILED ||
           state == FF_PUBLIC_CANCELLED || state == FF_PUBLIC_EXPIRED || state == FF_PUBLIC_SKIPPED;
}

static bool
is_over(uint32_t state)
{
    return state == UNKNOWN ||
           (state != NOT_ASKED && ff_cli_has_ended((enum ff_public_state) state));
}

/* ---- what is told ---- */

static void
clear_progress(const struct waiting *w)
{
    if (w->shows) {
        fprintf(stderr, "\r\033[K");
    }
}

static void
show_progress(const struct waiting *w)
{
    uint32_t active = 0;

    for (uint32_t i = 0; i < w->n; i++) {
        active += w->states[i] == FF_PUBLIC_ACTIVE;
    }
    if (w->shows) {
        fprintf(stderr, "\r\033[K%u of %u ended, %u active, %" PRId64 " s", w->n - w->open, w->n,
                active, (ff_mono_ms() - w->begin_mono_ms) / 1000);
    }
}

static void
tell_end(const struct waiting *w, uint32_t i)
{
    const char *word =
        w->states[i] == UNKNOWN ? "unknown" : ff_word(&ff_vocab_public_state, w->states[i]);
    char id[FF_EID_TEXT_MAX];

    ff_eid_text(&w->ids[i], id);
    clear_progress(w);
    if (!w->lines) {
        if (w->states[i] != FF_PUBLIC_COMPLETED) {
            fprintf(stderr, "ffctl: %s is %s; `ffctl get' says more\n", id, word);
        }
    } else if (w->cli->json) {
        printf("{\"execution_id\":\"%s\",\"public_state\":\"%s\"}\n", id, word);
    } else {
        printf("%s  %s\n", id, word);
    }
    fflush(stdout);
}

/* ---- looking ---- */

static void
note_state(struct waiting *w, uint32_t i, uint32_t state)
{
    w->changed = w->changed || w->states[i] != state;
    w->states[i] = state;
    if (is_over(state)) {
        w->open--;
        w->bad += state != FF_PUBLIC_COMPLETED;
        tell_end(w, i);
    }
}

static int
note_answers(struct waiting *w, const uint32_t *asked, const struct ff_cli_many *many)
{
    for (uint32_t i = 0; i < many->n; i++) {
        struct ff_read_execution_state_result result = { 0 };

        if (ff_answer_result(&many->answers[i], many->op, &result) != FF_E_OK) {
            return ff_cli_report(w->cli, ff_ops[many->op].name, &many->answers[i]);
        }
        note_state(w, asked[i], result.public_state.is ? result.public_state.v : UNKNOWN);
    }
    return FF_CLI_OK;
}

/* Looks at up to CHUNK of those that have not ended, from *at on. */
static int
look_at_some(struct waiting *w, uint32_t *at)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_read_execution_state_args *args = NULL;
    struct ff_cli_many many = { .op = FF_OP_read_execution_state };
    uint32_t *asked = FF_ARENA_NEW(&arena, uint32_t, CHUNK);
    int status = FF_CLI_OK;

    args = FF_ARENA_NEW(&arena, struct ff_read_execution_state_args, CHUNK);
    many.answers = FF_ARENA_NEW(&arena, struct ff_answer, CHUNK);
    many.args = args;
    for (; *at < w->n && many.n < CHUNK; (*at)++) {
        if (!is_over(w->states[*at])) {
            args[many.n].execution_id = w->ids[*at];
            asked[many.n++] = *at;
        }
    }
    status = ff_cli_do_many(w->cli, &many);
    if (status == FF_CLI_OK) {
        status = note_answers(w, asked, &many);
    }
    for (uint32_t i = 0; i < many.n; i++) {
        ff_answer_done(&many.answers[i]);
    }
    return status;
}

/* false: the time is over. */
static bool
pause_for(const struct waiting *w, uint64_t pause_ms)
{
    struct timespec pause;

    if (w->cli->timeout_ms > 0) {
        int64_t left_ms = ff_time_add(w->begin_mono_ms, w->cli->timeout_ms) - ff_mono_ms();

        if (left_ms <= 0) {
            return false;
        }
        pause_ms = (uint64_t) left_ms < pause_ms ? (uint64_t) left_ms : pause_ms;
    }
    pause = (struct timespec){ .tv_sec = (time_t) (pause_ms / 1000),
                               .tv_nsec = (long) (pause_ms % 1000) * 1000000 };
    nanosleep(&pause, NULL);
    return true;
}

static int
look_until_over(struct waiting *w)
{
    uint64_t pause_ms = PAUSE_MS_MIN;

    for (;;) {
        w->changed = false;
        for (uint32_t at = 0; at < w->n;) {
            int status = look_at_some(w, &at);

            if (status != FF_CLI_OK) {
                return status;
            }
        }
        if (w->open == 0) {
            return w->bad == 0 ? FF_CLI_OK : FF_CLI_FAILED;
        }
        show_progress(w);
        pause_ms = w->changed ? PAUSE_MS_MIN : pause_ms * 2;
        pause_ms = pause_ms > PAUSE_MS_MAX ? PAUSE_MS_MAX : pause_ms;
        if (!pause_for(w, pause_ms)) {
            return FF_CLI_LATE;
        }
    }
}

int
ff_cli_wait_for(struct ff_cli *cli, struct ff_cli_ids ids, bool lines)
{
    struct waiting w = { .cli = cli, .ids = ids.v, .n = ids.n, .open = ids.n, .lines = lines };
    int status = FF_CLI_OK;

    w.shows = isatty(STDERR_FILENO) && !cli->json;
    w.begin_mono_ms = ff_mono_ms();
    w.states = FF_ARENA_NEW(&cli->arena, uint32_t, ids.n);
    for (uint32_t i = 0; i < ids.n; i++) {
        w.states[i] = NOT_ASKED;
    }
    status = look_until_over(&w);
    clear_progress(&w);
    if (status == FF_CLI_LATE) {
        fprintf(stderr, "ffctl: the time is over and %u of %u have not ended\n", w.open, w.n);
    }
    return status;
}

/* ---- the command ---- */

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct ff_cli_ids *ids = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        ids->v = calloc((size_t) state->argc, sizeof(*ids->v));
        return ids->v == NULL ? ENOMEM : 0;
    case ARGP_KEY_ARG:
        ids->v[ids->n++] = ff_cli_parse_eid(state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name the executions to wait for");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ff_cli_command command = {
    NULL, parse, "ID...",
    "Wait until all these executions have ended, and print each with its state when it has. "
    "--timeout limits the whole wait.\v"
    "Exit status: 0 all completed; 1 one failed, was cancelled, expired or skipped, or is unknown; "
    "2 wrong usage; 3 no daemon or store answers; 4 the time was over first."
};

int
ff_cli_wait(struct ff_cli *cli, int argc, char **argv)
{
    struct ff_cli_ids ids = { 0 };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &command, argc, argv, &ids);
    status = ff_cli_wait_for(cli, ids, true);
    free(ids.v);
    return status;
}
