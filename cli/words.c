#include "cli/words.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/id.h"

error_t
ff_cli_take_word(int key, char *arg, struct argp_state *state)
{
    struct ff_cli_words *words = state->input;

    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    if (words->verb == NULL) {
        words->verb = arg;
    } else if (words->n < FF_CLI_WORDS_MAX) {
        words->v[words->n++] = arg;
    } else {
        argp_error(state, "'%s' is too much", arg);
    }
    return 0;
}

static int
misused(const char *what, const char *about)
{
    fprintf(stderr, "ffctl: %s%s\n       `ffctl COMMAND --help' shows what there is.\n", what,
            about);
    return FF_CLI_USAGE;
}

int
ff_cli_run_verb(struct ff_cli *cli, const struct ff_cli_verb *verbs, size_t n,
                struct ff_cli_words *words)
{
    if (words->verb == NULL) {
        return misused("say what to do", "");
    }
    for (size_t i = 0; i < n; i++) {
        const struct ff_cli_verb *verb = &verbs[i];

        if (strcmp(verb->name, words->verb) != 0) {
            continue;
        }
        if (words->n < verb->min) {
            return misused(verb->missing, " is missing");
        }
        if (words->n > verb->max) {
            return misused("too much: ", words->v[verb->max]);
        }
        return verb->run(cli, words);
    }
    return misused("there is no such thing to do: ", words->verb);
}

struct ff_uuid
ff_cli_uuid(const char *text, const char *what)
{
    struct ff_fault fault = { 0 };
    struct ff_uuid id = { .b = { 0 } };

    if (ff_uuid_parse(ff_cstr(text), what, &id, &fault) != FF_E_OK) {
        exit(misused("no id (a uuid is one): ", text));
    }
    return id;
}

struct ff_eid
ff_cli_eid(const char *text)
{
    struct ff_fault fault = { 0 };
    struct ff_eid id = { .partition = 0 };

    if (ff_eid_parse(ff_cstr(text), "execution_id", &id, &fault) != FF_E_OK) {
        exit(misused("no execution id ({fp:N}:UUID is one): ", text));
    }
    return id;
}

struct ff_tally
ff_cli_tally(const char *text, const char *example)
{
    const char *equals = strrchr(text, '=');
    int64_t value = 0;

    if (equals == NULL || equals == text ||
        !ff_cli_parse_number(equals + 1, 0, INT64_MAX, &value)) {
        fprintf(stderr, "ffctl: '%s': write a name and a number, as in %s\n", text, example);
        exit(FF_CLI_USAGE);
    }
    return (struct ff_tally){ .key = ff_str(text, (size_t) (equals - text)),
                              .value = (uint64_t) value };
}

struct ff_uuid
ff_cli_new_uuid(void)
{
    uint8_t random[16];

    randombytes_buf(random, sizeof(random));
    return ff_uuid_v4(random);
}

const char *
ff_cli_uuid_text(const struct ff_uuid *id, struct ff_arena *arena)
{
    char *text = ff_arena_alloc(arena, FF_UUID_TEXT_MAX);

    ff_uuid_text(id, text);
    return text;
}

void
ff_cli_print_created(const struct ff_uuid *id, const char *outcome)
{
    char text[FF_UUID_TEXT_MAX];

    ff_uuid_text(id, text);
    puts(text);
    if (strcmp(outcome, "created") != 0) {
        fprintf(stderr, "ffctl: there is one of this id; it stays as it is\n");
    }
}
