/* listing.h: lists that are read partition by partition, and page by page within each. */
#ifndef FF_CLI_LISTING_H
#define FF_CLI_LISTING_H

#include "cli/cli.h"
#include "cli/output.h"

/* An operation that lists a partition by pages: its arguments have `partition', `cursor' and
 * `limit', its result `next_cursor'. The first four are the command's to set, `options' its own. */
struct ff_cli_listing {
    enum ff_op op;
    uint32_t page; /* how many are asked for at a time */
    /* Shows a page; ff_cli_listing_full says when to end. Returns the exit status. */
    int (*show)(struct ff_cli_listing *listing, const struct ff_answer *answer, const void *result);
    void *options;
    struct ff_cli_table table;
    int64_t partition; /* -1: all */
    int64_t limit;     /* of what is shown; 0: none */
    struct ff_cli *cli;
    int64_t now_ms; /* the daemon's time */
    int64_t shown;
    bool more; /* the limit cut something off */
};

/* --partition and --limit, for a command's own options. */
#define FF_CLI_LISTING_OPTIONS(partition_key)                                                      \
    { "partition", partition_key, "N", 0, "Only this partition", 0 },                              \
    {                                                                                              \
        "limit", 'm', "NUMBER", 0, "At most so many (default 100); 0: all", 0                      \
    }
#define FF_CLI_LISTING_DEFAULTS .partition = -1, .limit = 100
/* For a command's parser: takes these options' texts; ends the process where they are wrong. */
void ff_cli_listing_partition(struct ff_cli_listing *listing, const char *arg,
                              const struct argp_state *state);
void ff_cli_listing_limit(struct ff_cli_listing *listing, const char *arg,
                          const struct argp_state *state);

/* Before something is shown. True: the limit is reached, which is noted: it is not to be shown. */
bool ff_cli_listing_full(struct ff_cli_listing *listing);
/* A row; rows are printed now and then, so that memory is bounded. */
void ff_cli_listing_add(struct ff_cli_listing *listing, const char *const *cells);
/* All of it, with the table's rows, and a word if there is more. Returns the exit status. */
FF_MUST_USE int ff_cli_list_all(struct ff_cli *cli, struct ff_cli_listing *listing);

/* The daemon's time, and how many partitions it has. FF_CLI_FAILED: it does not tell. */
FF_MUST_USE int ff_cli_ask_partitions(struct ff_cli *cli, int64_t *now_ms, uint32_t *n);

#endif
