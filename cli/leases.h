/* leases.h: what the lease feed tells of one execution (06 §2.6). */
#ifndef FF_CLI_LEASES_H
#define FF_CLI_LEASES_H

#include "cli/cli.h"

struct ff_cli_leases {
    struct ff_arena arena;
    struct ff_feed_event *v; /* in order; texts live in the arena */
    uint32_t n, room;
    bool gone; /* the feed does not reach back to `from_ms` */
    bool cut;  /* there was more than is read at a time */
};

struct ff_cli_lease_question {
    struct ff_eid execution_id;
    struct ff_str namespace;
    int64_t from_ms, until_ms; /* INT64_MAX: to the end of the feed */
};

/* Finds the first event from from_ms on by halving, and reads on from there. Zero *out before use.
 * FF_CLI_OK; else as ff_cli_do. */
FF_MUST_USE int ff_cli_leases_read(struct ff_cli *cli, const struct ff_cli_lease_question *question,
                                   struct ff_cli_leases *out);
void ff_cli_leases_done(struct ff_cli_leases *leases);

#endif
