/* words.h: command lines of the form "ffctl THING VERB WORD...". */
#ifndef FF_CLI_WORDS_H
#define FF_CLI_WORDS_H

#include "cli/cli.h"

#define FF_CLI_WORDS_MAX 256

/* The verb and what follows it; first member of a command's own options. */
struct ff_cli_words {
    const char *verb;
    const char *v[FF_CLI_WORDS_MAX];
    uint32_t n;
};
/* For a command's parser: takes the words of the line. */
error_t ff_cli_take_word(int key, char *arg, struct argp_state *state);

/* What a verb takes. */
struct ff_cli_verb {
    const char *name;
    uint32_t min, max;   /* words behind it */
    const char *missing; /* the one that is not there, for people */
    int (*run)(struct ff_cli *cli, void *options);
};
/* Finds the verb and runs it; FF_CLI_USAGE where there is none, or words are missing or too many.
 */
int ff_cli_run_verb(struct ff_cli *cli, const struct ff_cli_verb *verbs, size_t n,
                    struct ff_cli_words *words);

/* Ids and numbers of a line; what is wrong is said, and ends the process with FF_CLI_USAGE. */
struct ff_uuid ff_cli_uuid(const char *text, const char *what);
struct ff_eid ff_cli_eid(const char *text);
/* "tokens=100": the name, and the number behind it. */
struct ff_tally ff_cli_tally(const char *text, const char *example);
/* A new random id. */
struct ff_uuid ff_cli_new_uuid(void);
/* Of `create': the id, and that there was one before. */
void ff_cli_print_created(const struct ff_uuid *id, const char *outcome);
/* In the arena. */
const char *ff_cli_uuid_text(const struct ff_uuid *id, struct ff_arena *arena);

#endif
