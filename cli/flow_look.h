/* flow_look.h: a flow with its members as they are at one look, for show, watch and graph. */
#ifndef FF_CLI_FLOW_LOOK_H
#define FF_CLI_FLOW_LOOK_H

#include "cli/cli.h"

/* From one member to another, by their positions. */
struct ff_cli_link {
    uint32_t from, to;
    enum ff_edge_state state;
};

/* Zero it before use; texts live as long as it does, and are safe for a terminal. */
struct ff_cli_look {
    struct ff_arena arena;
    struct ff_flow_snapshot flow; /* without its edge groups */
    struct ff_eid *ids;           /* of the members that are known, ascending */
    uint32_t n, ids_room;
    struct ff_execution_info *infos; /* of each; kind absent: it is gone */
    struct ff_cli_link *links;       /* by the member that waits */
    uint32_t n_links, links_room;
    uint32_t *into;  /* n + 1: where the links to each begin */
    uint32_t *depth; /* the longest way from a member that waits for nothing */
    uint32_t *order; /* positions as a tree: each below the last that it waits for, else by name */
};
void ff_cli_look_done(struct ff_cli_look *look);

/* before: an earlier look, which spares the search for members without edges where the graph is
 * still the same; or NULL. FF_CLI_FAILED: there is no such flow; else as ff_cli_do. */
FF_MUST_USE int ff_cli_look(struct ff_cli *cli, const struct ff_uuid *flow_id,
                            const struct ff_cli_look *before, struct ff_cli_look *look);

/* Of struct ff_eid, for bsearch: the order of ids. */
int ff_cli_eid_cmp(const void *a, const void *b);
/* Its key, else its kind and the end of its id. */
const char *ff_cli_look_name(struct ff_cli_look *look, uint32_t at);
/* Members that are known and have ended. */
uint32_t ff_cli_look_ended(const struct ff_cli_look *look);

#endif
