/* life.h: everything that can be read of one execution, for the commands that tell its life. */
#ifndef FF_CLI_LIFE_H
#define FF_CLI_LIFE_H

#include "cli/cli.h"

/* A command line of one execution. */
struct ff_cli_one {
    struct ff_eid id;
    bool given;
};
error_t ff_cli_parse_one(int key, char *arg, struct argp_state *state);

/* One picture of an execution. Zero it before use. */
struct ff_cli_life {
    struct ff_arena arena;
    int64_t now_ms;
    struct ff_read_execution_info_result info; /* info.info NULL: there is no such execution */
    struct ff_read_exec_core_fields_result more;
    struct ff_answer of_info, of_more, of_now; /* texts of the above */
};
void ff_cli_life_done(struct ff_cli_life *life);
/* FF_CLI_OK, also where there is none; else as ff_cli_do. */
FF_MUST_USE int ff_cli_life_read(struct ff_cli *cli, const struct ff_eid *id,
                                 struct ff_cli_life *life);
/* Says that there is no such execution; returns FF_CLI_FAILED. */
int ff_cli_life_say_unknown(const struct ff_eid *id);

/* A core field as shown to people; NULL where it is unset. */
const char *ff_cli_life_text(struct ff_cli_life *life, const char *field);
/* The same as a number; false where it is unset. */
bool ff_cli_life_number(struct ff_cli_life *life, const char *field, int64_t *out);

/* Why it does not run, or that it does. */
struct ff_cli_reason {
    const char *code;     /* for programs: running, ended, lane_paused, queued, delayed, … */
    const char *sentence; /* for people */
    struct ff_opt_i64 until_ms;
};
/* Asks the daemon for what the picture does not show. */
FF_MUST_USE int ff_cli_life_reason(struct ff_cli *cli, struct ff_cli_life *life,
                                   struct ff_cli_reason *out);

#endif
