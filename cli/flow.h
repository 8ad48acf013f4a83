/* flow.h: what the files of `ffctl flow' share. */
#ifndef FF_CLI_FLOW_H
#define FF_CLI_FLOW_H

#include "cli/listing.h"
#include "cli/words.h"

struct ff_cli_flow {
    struct ff_cli_words words; /* first */
    const char *policy, *reason, *id;
    struct ff_cli_listing listing; /* ls */
    bool wait;
};

/* Shows the flow again and again until it has ended. FF_CLI_OK: completed; FF_CLI_FAILED: failed or
 * cancelled; FF_CLI_LATE: --timeout was over first; or as ff_cli_do. */
FF_MUST_USE int ff_cli_flow_watch(struct ff_cli *cli, const struct ff_uuid *flow_id);

/* Verbs. */
int ff_cli_flow_submit_verb(struct ff_cli *cli, void *options);
int ff_cli_flow_show_verb(struct ff_cli *cli, void *options);
int ff_cli_flow_watch_verb(struct ff_cli *cli, void *options);
int ff_cli_flow_graph_verb(struct ff_cli *cli, void *options);

#endif
