/* graph.h: flows, edges and groups as the store has committed them (graph.c); the acts on flows
 * draw from it, and what must hold of them is looked for in it.
 */
#ifndef FF_TESTS_SIM_GRAPH_H
#define FF_TESTS_SIM_GRAPH_H

#include "tests/sim/sim.h"

#define N_FLOWS 26
#define N_BUILT 10 /* of them made piece by piece; the others at once */
#define EDGES_MAX 600
#define STARTED_MAX 256

struct graph_edge {
    struct ff_uuid edge_id;
    uint8_t flow, up, down; /* flow: its number; the others: executions */
    enum ff_edge_state state;
    struct ff_opt_u32 ignore_terminal_count;
};

/* The inbound edges of one member. */
struct graph_group {
    bool exists;
    struct ff_group now;  /* but for its texts */
    struct ff_group then; /* before the commit that is being looked at */
    bool moved;           /* that commit writes it, or one of its edges */
};

struct graph_flow {
    bool exists, cancelled;
    struct ff_flow now; /* but for its texts */
    uint32_t members, edges;
    bool has[N_IDS + 1];
};

struct ff_sim_graph {
    struct ff_uuid ids[N_FLOWS + 1];
    struct ff_str policies[6];
    struct graph_flow flows[N_FLOWS + 1];
    struct graph_group groups[N_FLOWS + 1][N_IDS + 1];
    struct graph_edge edges[EDGES_MAX];
    uint32_t n_edges;
    bool
        in_steps; /* a flow was submitted, or a member replayed so: for a while it was in between */
    uint8_t started[STARTED_MAX]; /* by the commit that is being looked at */
    uint32_t n_started;
};

struct ff_sim_graph *ff_sim_graph(struct world *world);
/* How the edge would count its upstream's end; false: it has not ended, or not since the edge was
 * reset (04 §4.6.2). */
bool ff_sim_edge_has_end(struct world *world, const struct graph_edge *edge);
/* An execution that dependencies hold back has something left to wait for. */
bool ff_sim_may_stay_blocked(struct world *world, uint8_t id);
/* A replay in steps that is not over. */
bool ff_sim_any_replaying(struct world *world);
/* The summaries of all flows are what a count of the members gives; with nothing under way. */
void ff_sim_check_summaries(struct world *world);

#endif
