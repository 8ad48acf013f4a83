/* sim.h: what the parts of the simulation share: the world, what may be asked, what must hold.
 * README.md says how they fit together and how to add operations.
 */
#ifndef FF_TESTS_SIM_SIM_H
#define FF_TESTS_SIM_SIM_H

#include <inttypes.h>
#include <uthash.h>

#include "backends/news.h"
#include "tests/rig/rig.h"
#include "tests/sim/shadow.h"
#include "tests/sim/spy.h"

#define N_IDS 60
#define WINDOW 7 /* ids in use at a time; the window moves on as the steps go, and round */
#define STEPS_PER_ID 40
#define N_CLIENTS 12
#define CALLS_MAX 3
#define RECENT 16 /* leases whose handles are used */
#define POLLS_MAX 200000

/* ---- what the store has committed, and what clients were told ---- */

enum lease_end { LEASE_LIVE, LEASE_RELEASED, LEASE_EXPIRED, LEASE_REVOKED };

/* One lease by its epoch; the first half is what the lease history tells. */
struct lease {
    bool begun;
    enum lease_end end;
    struct ff_uuid lease_id;
    uint64_t ended_in; /* commit */
    char how[32];      /* the reason of its end event */
    uint64_t begun_in; /* commit */
    bool told;         /* a claim was answered with it */
    bool with_request; /* that may be answered again */
    struct ff_uuid request_id;
    uint8_t instance;
    struct ff_handle handle;
};

/* How an execution stood from a commit on. */
struct moment {
    uint64_t commit;
    struct ff_state_vector vector;
    uint64_t epoch;
    bool leased;
};

/* One execution. */
struct life {
    bool exists;
    struct ff_exec exec; /* as committed last; its texts live in arena */
    struct ff_arena arena;
    struct lease *leases; /* by epoch; [0] is never used */
    uint32_t n_leases, leases_room;
    uint64_t epoch;       /* of the newest lease */
    uint32_t completions; /* terminal transitions */
    uint32_t replays, cancels, expiries, failures, priorities;
    enum ff_terminal_outcome outcome; /* of the last terminal transition */
    uint64_t result_epoch;            /* of the lease that gave the stored result; 0: none */
    uint32_t attempts;                /* records */
    struct moment now;                /* since its last commit */
    uint64_t created_in;              /* commit */
    bool told_created;                /* one creation was answered with `created` */
};

/* ---- who asks ---- */

/* One call, and what was certain when it was submitted. */
struct asked {
    uint8_t id;        /* execution */
    uint64_t epoch;    /* of the handle used; 0: none */
    uint64_t commit;   /* the last one before */
    uint64_t frame;    /* number of its frame */
    uint32_t replays;  /* of the execution, then */
    bool known;        /* it existed then, as this broker must know */
    bool with_request; /* a claim that may be repeated */
    struct ff_uuid request_id;
    uint8_t instance; /* which worker process */
    char lane;        /* of a claim that judges admission itself; 0: another call */
    char closes;      /* the lane that the call closes; 0: none */
    bool gpu;         /* what its worker can do */
};

/* Since when something has been so, without a break: the commit. */
#define NOT_SO UINT64_MAX

struct world;
struct client {
    struct world *world;
    struct ff_frame frame;
    struct ff_call calls[CALLS_MAX];
    struct asked asked[CALLS_MAX];
    uint32_t broker;
    bool busy;
    bool lost;   /* the reply of the frame under way will not arrive */
    bool repeat; /* so it asks the same again */
};

struct recent {
    uint8_t id;
    uint64_t epoch;
};

/* ---- the world ---- */

struct setting; /* of the run: sim_test.c */

struct world {
    struct ff_news_list news[FF_SPY_PORTS]; /* for this broker, on their way */
    struct ff_rig *rig; /* clock, arena, typed calls; its engine is the first broker's */
    const struct setting *setting;
    struct spy *spy;
    struct spy_options faults;
    struct ff_engine *engines[FF_SPY_PORTS];
    uint32_t n_brokers;
    uint64_t seed, random;
    uint32_t step;
    bool closing;   /* a broker is */
    bool consuming; /* brokers follow completions themselves (06 §2.7) */
    bool deaf;      /* some of what brokers tell each other is lost */
    bool trace;

    struct client clients[N_CLIENTS];
    struct recent recent[RECENT];
    uint64_t n_recent;
    uint64_t frames;
    struct ff_str policies[16];
    uint32_t n_policies;
    struct ff_str no_capabilities, gpu;

    struct life lives[N_IDS + 1];
    struct ff_sim_waits *waits;   /* of acts_wait.c */
    struct ff_sim_graph *graph;   /* of graph.c */
    struct shadow_record *shadow; /* uthash */
    uint64_t commits;
    uint64_t full_since;    /* the budget is at its hard limit */
    uint64_t open_since[2]; /* lanes L and M hand out work */
    uint64_t quota_made[4]; /* commit in which each policy was defined */
    uint64_t closed_by[2];  /* newest frame when one that closes them was answered last */
    uint64_t n_events[8];   /* by family */
    uint64_t feed_digest[8];
};

/* Of the run under way, for what is said of a failure. */
void ff_sim_report(const struct world *world);

#define CHECK(world_, condition, ...)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ff_sim_report(world_);                                                                 \
            print_error(__VA_ARGS__);                                                              \
            fail_msg("%s", #condition);                                                            \
        }                                                                                          \
    } while (0)

#include "tests/sim/dice.h"

/* ---- acts: what clients, workers and scanners may do ---- */

struct act {
    enum ff_op op;
    uint32_t weight;
    /* The arguments, in the arena; NULL: not now. asked->id is drawn already. */
    void *(*ask)(struct world *world, struct ff_arena *arena, struct asked *asked);
    /* Judges a result (may be NULL), an error. */
    void (*judge)(struct world *world, const struct asked *asked, const void *result);
    void (*refused)(struct world *world, const struct asked *asked, ff_err code);
};

struct acts {
    const struct act *v;
    size_t n;
};
extern const struct acts ff_sim_client_acts, ff_sim_worker_acts, ff_sim_scanner_acts;
extern const struct acts ff_sim_wait_acts, ff_sim_admission_acts, ff_sim_flow_acts;
/* All tables: world.c. */
const struct act *ff_sim_act_of(enum ff_op op);

/* ---- watches: what must hold of every commit ---- */

struct watch {
    /* The events of a commit, in order; then its records (before, after: NULL where there is none);
     * then the commit is over. Each may be NULL. */
    void (*event)(struct world *world, const struct ff_event *event);
    void (*record)(struct world *world, enum ff_record kind, const void *before, const void *after);
    void (*committed)(struct world *world);
};
extern const struct watch ff_sim_life_watch, ff_sim_wait_watch, ff_sim_admission_watch;
extern const struct watch ff_sim_graph_watch;

/* ---- helpers ---- */

/* The life an id belongs to; fails for one that was never asked for. */
struct life *ff_sim_life(struct world *world, const struct ff_eid *id);
/* The lease of this epoch, made if need be. */
struct lease *ff_sim_lease(struct world *world, struct life *life, uint64_t epoch);
/* Mostly replaces asked->id by an execution that, as committed, is what the act is for. */
void ff_sim_prefer(struct world *world, struct asked *asked,
                   bool (*fits)(const struct ff_exec *exec));
/* A lease that a claim was answered with, mostly a new one; false: there is none yet. */
bool ff_sim_some_lease(struct world *world, struct asked *asked, const struct ff_handle **handle);
/* The result with which execution `id` is completed under this lease. */
struct ff_str ff_sim_result(struct ff_arena *arena, uint8_t id, uint64_t epoch);
/* How the execution stood all the time since the call was submitted; NULL: it has moved, and what
 * the call saw of it may have been gone again at the end of the same commit. Of two brokers one may
 * be behind the other by a batch (spec/records.md §1.6): NULL. */
const struct moment *ff_sim_unmoved(const struct world *world, const struct asked *asked);

/* sim_test.c: an FF_SIM_… variable; NULL: unset or empty. */
const char *ff_sim_setting(const char *name);

/* world.c: running. */
void ff_sim_run(const struct setting *setting, uint64_t seed, uint32_t n_steps);

/* acts_worker.c: with all news told and nothing under way, no claim waits beside work for it. */
void ff_sim_check_waiting(struct world *world);
/* world.c: passes on what brokers have told each other. lossy: or some of it. */
void ff_sim_tell_news(struct world *world, bool lossy);

/* acts_admission.c: at the end, when all guards have lapsed. */
void ff_sim_check_no_slots(struct world *world);

/* drain.c: without faults and with willing workers everything comes to an end. */
void ff_sim_drain(struct world *world);
void ff_sim_come_to_rest(struct world *world);

/* A kind of world: what its store and its brokers are like. */
struct setting {
    const char *name;
    bool on_disk;
    uint32_t n_brokers;
    struct spy_options faults;
    uint32_t n_seeds, n_steps; /* of the ordinary run */
};

#endif
