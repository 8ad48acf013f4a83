/* wait.h: waiting for executions to end. */
#ifndef FF_CLI_WAIT_H
#define FF_CLI_WAIT_H

#include "cli/cli.h"

struct ff_cli_ids {
    struct ff_eid *v;
    uint32_t n;
};

/* Completed, failed, cancelled, expired or skipped. */
bool ff_cli_has_ended(enum ff_public_state state);

/* Polls until all have ended, showing progress where stderr is a terminal. With `lines` each is
 * told on stdout as it ends. FF_CLI_OK: all completed; FF_CLI_FAILED: one did not, or is unknown;
 * FF_CLI_LATE: --timeout was over first; or as ff_cli_do. */
FF_MUST_USE int ff_cli_wait_for(struct ff_cli *cli, struct ff_cli_ids ids, bool lines);

#endif
